#include "base/map.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/alloc.h"

struct sl_map_slot {
    sl_name name; /* .data NULL: free */
    uint64_t hash, value;
};

static uint64_t hash_of(sl_name name)
{
    return XXH3_64bits(name.data, name.len);
}

void sl_map_init(sl_map *map)
{
    *map = (sl_map){0};
}

void sl_map_deinit(sl_map *map)
{
    sl_free(map->slots);
    sl_map_init(map);
}

/* The slot that holds the name, or the free one where it belongs. */
static struct sl_map_slot *find(const sl_map *map, sl_name name, uint64_t hash)
{
    for (size_t i = hash & (map->cap - 1);; i = (i + 1) & (map->cap - 1)) {
        struct sl_map_slot *slot = &map->slots[i];
        if (slot->name.data == NULL ||
            (slot->hash == hash && sl_name_eq(slot->name, name)))
            return slot;
    }
}

static bool grow(sl_map *map)
{
    sl_map bigger = {NULL, map->n, map->cap ? map->cap * 2 : 16};
    bigger.slots = sl_calloc(bigger.cap, sizeof *bigger.slots);
    if (bigger.slots == NULL)
        return false;
    for (size_t i = 0; i < map->cap; i++)
        if (map->slots[i].name.data != NULL)
            *find(&bigger, map->slots[i].name, map->slots[i].hash) =
                map->slots[i];
    sl_free(map->slots);
    *map = bigger;
    return true;
}

bool sl_map_put(sl_map *map, sl_name name, uint64_t value)
{
    if (name.data == NULL)
        name.data = "";
    if ((map->n + 1) * 4 > map->cap * 3 && !grow(map))
        return false;
    uint64_t hash = hash_of(name);
    struct sl_map_slot *slot = find(map, name, hash);
    if (slot->name.data == NULL)
        map->n++;
    *slot = (struct sl_map_slot){name, hash, value};
    return true;
}

bool sl_map_get(const sl_map *map, sl_name name, uint64_t *value)
{
    if (map->cap == 0)
        return false;
    if (name.data == NULL)
        name.data = "";
    const struct sl_map_slot *slot = find(map, name, hash_of(name));
    if (slot->name.data == NULL)
        return false;
    if (value != NULL)
        *value = slot->value;
    return true;
}
