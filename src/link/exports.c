/* Exports by name. Many of them are kept sorted beside their order, so that
 * a component that aliases every one of 100,000 exports links in time that
 * grows with their number only. */
#include <stdlib.h>

#include "link/link.h"

#define FEW 16

bool sl_exports_init(sl_exports *exports, sl_arena *arena, uint32_t n)
{
    *exports = (sl_exports){0};
    exports->v = sl_arena_array(arena, sl_export_item, n);
    if (n > FEW)
        exports->sorted = sl_arena_array(arena, uint32_t, n);
    if (exports->v == NULL || (n > FEW && exports->sorted == NULL))
        return false;
    exports->n = n;
    return true;
}

static int compare(sl_name a, sl_name b)
{
    size_t len = a.len < b.len ? a.len : b.len;
    int order = len != 0 ? memcmp(a.data, b.data, len) : 0;
    if (order != 0)
        return order;
    return (a.len > b.len) - (a.len < b.len);
}

static int by_name(const void *a, const void *b, void *exports)
{
    const sl_export_item *v = ((const sl_exports *)exports)->v;
    return compare(v[*(const uint32_t *)a].name, v[*(const uint32_t *)b].name);
}

void sl_exports_seal(sl_exports *exports)
{
    if (exports->sorted == NULL)
        return;
    for (uint32_t i = 0; i < exports->n; i++)
        exports->sorted[i] = i;
    qsort_r(exports->sorted, exports->n, sizeof *exports->sorted, by_name,
            exports);
}

static const sl_item *search(const sl_exports *exports, sl_name name)
{
    uint32_t low = 0, high = exports->n;
    while (low < high) {
        uint32_t mid = low + (high - low) / 2;
        const sl_export_item *at = &exports->v[exports->sorted[mid]];
        int order = compare(name, at->name);
        if (order == 0)
            return &at->item;
        if (order < 0)
            high = mid;
        else
            low = mid + 1;
    }
    return NULL;
}

const sl_item *sl_exports_get(const sl_exports *exports, sl_name name)
{
    if (exports->sorted != NULL)
        return search(exports, name);
    for (uint32_t i = 0; i < exports->n; i++)
        if (sl_name_eq(exports->v[i].name, name))
            return &exports->v[i].item;
    return NULL;
}
