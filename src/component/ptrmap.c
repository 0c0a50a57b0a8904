#include <stdint.h>

#include "component/component_int.h"

static size_t hash(const void *key)
{
    uint64_t x = (uint64_t)(uintptr_t)key >> 4;
    return (size_t)((x * UINT64_C(0x9e3779b97f4a7c15)) >> 20);
}

static struct sl_ptrmap_slot *probe(const sl_ptrmap *map, const void *key)
{
    size_t i = hash(key) & (map->cap - 1);
    while (map->slots[i].key != NULL && map->slots[i].key != key)
        i = (i + 1) & (map->cap - 1);
    return &map->slots[i];
}

static bool grow(sl_ptrmap *map)
{
    sl_ptrmap bigger = {.n = map->n, .cap = map->cap ? map->cap * 2 : 16};
    bigger.slots = sl_calloc(bigger.cap, sizeof *bigger.slots);
    if (bigger.slots == NULL)
        return false;
    for (size_t i = 0; i < map->cap; i++)
        if (map->slots[i].key != NULL)
            *probe(&bigger, map->slots[i].key) = map->slots[i];
    sl_free(map->slots);
    *map = bigger;
    return true;
}

const void **sl_ptrmap_at(sl_ptrmap *map, const void *key, bool add)
{
    if (map->cap != 0) {
        struct sl_ptrmap_slot *slot = probe(map, key);
        if (slot->key != NULL)
            return &slot->value;
    }
    if (!add || ((map->n + 1) * 4 > map->cap * 3 && !grow(map)))
        return NULL;
    struct sl_ptrmap_slot *slot = probe(map, key);
    *slot = (struct sl_ptrmap_slot){.key = key};
    map->n++;
    return &slot->value;
}

void sl_ptrmap_deinit(sl_ptrmap *map)
{
    sl_free(map->slots);
    *map = (sl_ptrmap){0};
}
