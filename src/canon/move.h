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

/* How a scalar is moved, in core values or in memory: one loop for each. */
typedef enum canon_way {
    CANON_64, /* as it is; so is everything that is no scalar */
    CANON_32,
    CANON_U16,
    CANON_S16,
    CANON_U8,
    CANON_S8,
    CANON_WAY_BOOL,
    CANON_WAY_F64,
    CANON_WAY_F32,
    CANON_WAY_CHAR,
    CANON_FLAGS, /* in as many bytes, some bits of them */
    CANON_N_WAYS,
} canon_way;

typedef struct canon_place {
    uint32_t slot, at;   /* scalars lie the same way in both kinds of memory */
    uint32_t size, mask; /* of flags */
} canon_place;

/* The parameters, or the result, of one signature. */
typedef struct canon_plan {
    uint32_t n_leaves, n_flat;
    sl_layout layout[2];
    bool scalars; /* nothing but numbers, bools, chars and flags */
    bool copies;  /* all slots go as they are */
    canon_leaf *leaves;
    canon_place *places; /* sorted by way; NULL: more than scalars, and too
                            many to be flat */
    const canon_place *end[CANON_N_WAYS]; /* of those that are moved so */
} canon_plan;

/* Numbers, bools, chars and flags. */
bool sl_canon_is_scalar(const sl_type *type);

/* False: out of memory. */
bool sl_canon_plan_init(canon_plan *plan, sl_arena *arena, const sl_label *from,
                        const sl_label *to, uint32_t n);

/* Of a plan of scalars, core values to core values: all that the specification
 * can still find wrong is a char. What is no scalar is copied. */
sl_status sl_canon_move_slots(const canon_plan *plan, sl_store *store,
                              const sl_slot *from, sl_slot *to);
/* The same from one memory to another, without the padding: no guest code runs,
 * so that addresses hold. */
sl_status sl_canon_move_bytes(const canon_plan *plan, sl_store *store,
                              const uint8_t *from, uint8_t *to);
/* The values at `from`, of which at most `from_max` would be flat, as core
 * values in to[] (or in memory that the receiver's realloc gives). */
sl_status sl_canon_move_args(const canon_plan *plan, sl_cx *from,
                             uint32_t from_max, const sl_slot *slots, sl_cx *to,
                             sl_slot *out);
/* The same for a result: to *out if `to_max` allows, else to where out_param
 * points. */
sl_status sl_canon_move_result(const canon_plan *plan, sl_cx *from,
                               uint32_t from_max, const sl_slot *slots,
                               sl_cx *to, uint32_t to_max,
                               const sl_slot *out_param, sl_slot *out);

#endif
