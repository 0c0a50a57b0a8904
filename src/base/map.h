/* A hash map from names (borrowed bytes) to a uint64_t. */
#ifndef SL_BASE_MAP_H
#define SL_BASE_MAP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/name.h"

typedef struct sl_map {
    struct sl_map_slot *slots;
    size_t n, cap;
} sl_map;

void sl_map_init(sl_map *map);
void sl_map_deinit(sl_map *map);
/* Adds or replaces; the map borrows the name's bytes. False: memory is short. */
bool sl_map_put(sl_map *map, sl_name name, uint64_t value);
/* False when the name is not there. `value` may be NULL. */
bool sl_map_get(const sl_map *map, sl_name name, uint64_t *value);

#endif
