/* Values that go from one component straight to another, without becoming
 * sl_vals on the way. The specification lifts all of them and then lowers
 * them; a guest cannot tell that from one after the other: nothing but the
 * receiver's realloc runs in between, and when a later value cannot be lifted
 * neither side is ever entered again.
 * CanonicalABI.md "Lifting and Lowering Values". */
#ifndef SL_CANON_MOVE_H
#define SL_CANON_MOVE_H

#include "canon/canon.h"

/* What becomes of a scalar's bits between the two. */
typedef enum canon_scalar_kind {
    CANON_BITS, /* those of `mask` are left */
    CANON_BOOL,
    CANON_SIGNED, /* 8 or 16 bits of it */
    CANON_F32,    /* NaNs become the canonical one */
    CANON_F64,
    CANON_CHAR, /* may trap */
} canon_scalar_kind;

typedef struct canon_scalar {
    uint8_t kind; /* canon_scalar_kind */
    uint8_t size; /* in memory */
    uint64_t mask;
} canon_scalar;

/* One value that is no record or tuple, with its place in flat form and in
 * memory (of 32-bit and of 64-bit addresses). The two sides' types are equal
 * but for what resources they name. */
typedef struct canon_leaf {
    const sl_type *from, *to;
    uint32_t slot;
    uint32_t at[2];
    canon_scalar scalar; /* if it is one */
} canon_leaf;

/* What has to be done to a scalar once its bits are copied: `at` is its slot,
 * or its place in memory. */
typedef struct canon_fix {
    canon_scalar scalar;
    uint32_t at;
} canon_fix;

/* Neighbours in memory, without padding between them. */
typedef struct canon_run {
    uint32_t at, size;
} canon_run;

/* The parameters, or the result, of one signature. */
typedef struct canon_plan {
    uint32_t n_leaves, n_flat;
    sl_layout layout[2];
    bool scalars; /* nothing but numbers, bools, chars and flags */
    uint32_t n_flat_fixes, n_fixes, n_runs;
    canon_leaf *leaves;
    canon_fix *flat_fixes; /* of the scalars among them */
    canon_fix *fixes;      /* the same in memory, and what to copy there, */
    canon_run *runs;       /* when there is nothing else */
} canon_plan;

/* Numbers, bools, chars and flags. */
bool canon_is_scalar(const sl_type *type);

/* False: out of memory. */
bool canon_plan_init(canon_plan *plan, sl_arena *arena, const sl_label *from,
                     const sl_label *to, uint32_t n);

/* Makes copied core values what they are to be. */
sl_status canon_fix_slots(const canon_plan *plan, sl_store *store, sl_slot *to);
/* Of a plan of scalars, core values to core values: all that the specification
 * can still find wrong is a char. */
static inline void canon_copy_slots(const canon_plan *plan, const sl_slot *from,
                                    sl_slot *to)
{
    for (uint32_t i = 0; i < plan->n_flat; i++)
        to[i].i64 = from[i].i64;
}
static inline sl_status canon_move_scalars(const canon_plan *plan,
                                           sl_store *store, const sl_slot *from,
                                           sl_slot *to)
{
    canon_copy_slots(plan, from, to);
    return plan->n_flat_fixes == 0 ? SL_OK : canon_fix_slots(plan, store, to);
}
/* The same from one memory to another, without the padding: no guest code runs,
 * so that addresses hold. */
sl_status canon_move_bytes(const canon_plan *plan, sl_store *store,
                           const uint8_t *from, uint8_t *to);
/* The values at `from`, of which at most `from_max` would be flat, as core
 * values in to[] (or in memory that the receiver's realloc gives). */
sl_status canon_move_args(const canon_plan *plan, sl_cx *from,
                          uint32_t from_max, const sl_slot *slots, sl_cx *to,
                          sl_slot *out);
/* The same for a result: to *out if `to_max` allows, else to where out_param
 * points. */
sl_status canon_move_result(const canon_plan *plan, sl_cx *from,
                            uint32_t from_max, const sl_slot *slots, sl_cx *to,
                            uint32_t to_max, const sl_slot *out_param,
                            sl_slot *out);

#endif
