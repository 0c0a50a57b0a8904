/* Another order of a component's inline segments: those of a load plan stand
 * together, in the order in which they are read. An index of core:data counts
 * definitions, so whatever names one follows. docs/cli.md, "optimize". */
#ifndef SL_BUNDLE_ORDER_H
#define SL_BUNDLE_ORDER_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/vec.h"
#include "component/component.h"

/* An index that changes: the LEB128 of `len` bytes in the source. */
typedef struct sl_patch {
    uint64_t at;
    uint32_t len, index;
} sl_patch;

/* A component whose segments move: they go to where its first definition of one
 * stands. */
typedef struct sl_order_part {
    const sl_component *component;
    const uint32_t *first; /* of component->segments, in their new order */
    uint32_t n_first;
    const bool *moves;      /* segment i is among these */
    const uint64_t *starts; /* where the definition of segment i begins */
    const uint32_t *map;    /* from indices of core:data to new ones */
} sl_order_part;

typedef struct sl_order {
    sl_arena arena;
    SL_VEC(sl_order_part) parts; /* in the order of their places */
    SL_VEC(sl_patch) patches; /* in the order of their places */
    const uint32_t *ordinals; /* from those of the input to new ones */
    uint32_t n_ordinals;
} sl_order;

/* What a plan makes of a component. Nothing changes: no parts. */
bool sl_order_init(sl_order *order, const sl_component *component,
                   const sl_load_plan *plan, sl_err *err);
void sl_order_deinit(sl_order *order);
/* NULL: its segments stay. */
const sl_order_part *sl_order_of(const sl_order *order,
                                 const sl_component *component);
/* The patches in [at, end): the first one, how many. */
const sl_patch *sl_order_patches(const sl_order *order, uint64_t at,
                                 uint64_t end, size_t *n);

#endif
