/* Values from one component's core values or memory to another's.
 * CanonicalABI.md "Flat Lifting", "Loading", "Flat Lowering", "Storing". */
#include "canon/move.h"

#include "canon/value_int.h"

/* Leaves of one plan, so that types that repeat themselves cannot make it
 * large. */
#define MAX_LEAVES 64

/* --- Plans ---------------------------------------------------------------- */

static canon_scalar scalar_of(const sl_type *type)
{
    canon_scalar s = {CANON_BITS, (uint8_t)type->layout[0].size, 0};
    switch (type->kind) {
    case SL_T_BOOL:
        s.kind = CANON_BOOL;
        break;
    case SL_T_S8:
    case SL_T_S16: /* to the 32 bits of its core type */
        s.kind = CANON_SIGNED;
        break;
    case SL_T_F32:
        s.kind = CANON_F32;
        break;
    case SL_T_F64:
        s.kind = CANON_F64;
        break;
    case SL_T_CHAR:
        s.kind = CANON_CHAR;
        s.mask = UINT32_MAX;
        break;
    case SL_T_FLAGS:
        s.mask = UINT64_MAX >> (64 - type->of.labels.n);
        break;
    default:
        s.mask = UINT64_MAX >> (64 - 8 * s.size);
        break;
    }
    return s;
}

/* What sl_cx_check_char lets pass. */
static inline bool is_char(uint32_t code)
{
    return code < 0xd800 || code - 0xe000 < 0x110000 - 0xe000;
}

/* The bits as the receiver is to see them in a slot. */
static inline uint64_t as_seen(canon_scalar s, uint64_t bits)
{
    switch ((canon_scalar_kind)s.kind) {
    case CANON_BOOL:
        return (uint32_t)bits != 0;
    case CANON_SIGNED:
        return s.size == 1 ? (uint32_t)(int8_t)bits : (uint32_t)(int16_t)bits;
    case CANON_F32:
        return canonical_f32((uint32_t)bits);
    case CANON_F64:
        return canonical_f64(bits);
    case CANON_CHAR:
    case CANON_BITS:
        break;
    }
    return bits & s.mask;
}

static bool is_tuple(const sl_type *type)
{
    return type->kind == SL_T_RECORD || type->kind == SL_T_TUPLE;
}

bool sl_canon_is_scalar(const sl_type *type)
{
    return sl_type_is_number(type) || type->kind == SL_T_BOOL ||
           type->kind == SL_T_CHAR || type->kind == SL_T_FLAGS;
}

/* How many leaves; more than MAX_LEAVES when it stops counting. */
static uint32_t count_leaves(const sl_label *types, uint32_t n)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < n && count <= MAX_LEAVES; i++) {
        const sl_type *type = types[i].type;
        count += is_tuple(type)
                     ? count_leaves(type->of.labels.v, type->of.labels.n)
                     : 1;
    }
    return count;
}

/* Where the next value goes. */
typedef struct planner {
    canon_plan *plan;
    bool flattens; /* records become their fields */
    uint32_t slot;
    uint32_t at[2];
} planner;

static void plan_fields(planner *p, const sl_label *from, const sl_label *to,
                        uint32_t n);

static void plan_value(planner *p, const sl_type *from, const sl_type *to)
{
    uint32_t begin[2];
    for (int i = 0; i < 2; i++)
        begin[i] = p->at[i] =
            (uint32_t)align_to(p->at[i], from->layout[i].align);
    if (p->flattens && is_tuple(from)) {
        plan_fields(p, from->of.labels.v, to->of.labels.v, from->of.labels.n);
    } else {
        canon_plan *plan = p->plan;
        bool scalar = sl_canon_is_scalar(from);
        plan->leaves[plan->n_leaves++] =
            (canon_leaf){.from = from,
                         .to = to,
                         .slot = p->slot,
                         .at = {p->at[0], p->at[1]}};
        if (scalar)
            plan->leaves[plan->n_leaves - 1].scalar = scalar_of(from);
        plan->scalars = plan->scalars && scalar;
        p->slot += from->layout[0].n_flat;
    }
    for (int i = 0; i < 2; i++)
        p->at[i] = begin[i] + from->layout[i].size;
}

static void plan_fields(planner *p, const sl_label *from, const sl_label *to,
                        uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        plan_value(p, from[i].type, to[i].type);
}

static canon_way way_of(const sl_type *type)
{
    switch (type->kind) {
    case SL_T_BOOL:
        return CANON_WAY_BOOL;
    case SL_T_S8:
        return CANON_S8;
    case SL_T_U8:
        return CANON_U8;
    case SL_T_S16:
        return CANON_S16;
    case SL_T_U16:
        return CANON_U16;
    case SL_T_S32:
    case SL_T_U32:
        return CANON_32;
    case SL_T_F32:
        return CANON_WAY_F32;
    case SL_T_F64:
        return CANON_WAY_F64;
    case SL_T_CHAR:
        return CANON_WAY_CHAR;
    case SL_T_FLAGS:
        return CANON_FLAGS;
    default:
        return CANON_64;
    }
}

static canon_place *add_places(canon_place *p, const canon_leaf *leaf)
{
    uint32_t n = leaf->from->layout[0].n_flat;
    for (uint32_t i = 0; i < n; i++)
        *p++ = (canon_place){leaf->slot + i, leaf->at[0], leaf->scalar.size,
                             (uint32_t)leaf->scalar.mask};
    return p;
}

static bool plan_places(canon_plan *plan, sl_arena *arena)
{
    if (!plan->scalars && plan->n_flat > SL_MAX_FLAT_PARAMS)
        return true;
    canon_place *p = sl_arena_array(arena, canon_place, plan->n_flat);
    plan->places = p;
    if (p == NULL)
        return false;
    for (uint32_t way = 0; way < CANON_N_WAYS; way++) {
        for (uint32_t i = 0; i < plan->n_leaves; i++)
            if (way_of(plan->leaves[i].from) == way)
                p = add_places(p, &plan->leaves[i]);
        plan->end[way] = p;
    }
    plan->copies = plan->end[CANON_32] == p;
    return true;
}

bool sl_canon_plan_init(canon_plan *plan, sl_arena *arena, const sl_label *from,
                        const sl_label *to, uint32_t n)
{
    uint64_t n_flat = 0;
    for (uint32_t i = 0; i < n; i++)
        n_flat += from[i].type->layout[0].n_flat;
    uint32_t count = count_leaves(from, n);
    planner p = {.plan = plan, .flattens = count <= MAX_LEAVES};
    *plan = (canon_plan){.scalars = true};
    plan->leaves = sl_arena_array(arena, canon_leaf, p.flattens ? count : n);
    if (plan->leaves == NULL)
        return false;
    for (int i = 0; i < 2; i++)
        plan->layout[i] = sl_tuple_layout(from, n, i == 1);
    plan->n_flat = n_flat < UINT32_MAX ? (uint32_t)n_flat : UINT32_MAX;
    plan_fields(&p, from, to, n);
    return plan_places(plan, arena);
}

/* --- Places --------------------------------------------------------------- */

/* Of a value: among core values, or (slots NULL) in memory. */
typedef struct place {
    sl_slot *slots;
    uint64_t ptr;
} place;

typedef struct mover {
    sl_cx *from, *to;
} mover;

static place part(place of, uint32_t slot, uint32_t at)
{
    if (of.slots != NULL)
        return (place){of.slots + slot, 0};
    return (place){NULL, of.ptr + at};
}

/* `size` bytes in memory are a slot's low `flat` bytes. */
static sl_status get(sl_cx *cx, place at, uint32_t size, uint32_t flat,
                     uint64_t *bits)
{
    if (at.slots == NULL)
        return sl_cx_load_int(cx, at.ptr, size, bits);
    *bits = at.slots->i64 & (UINT64_MAX >> (64 - 8 * flat));
    return SL_OK;
}

static sl_status put(sl_cx *cx, place at, uint32_t size, uint64_t bits)
{
    if (at.slots == NULL)
        return sl_cx_store_int(cx, at.ptr, size, bits);
    at.slots->i64 = bits;
    return SL_OK;
}

/* An address and a length. */
static sl_status get_pair(sl_cx *cx, place at, uint64_t pair[2])
{
    if (at.slots == NULL)
        return sl_cx_load_pair(cx, at.ptr, pair);
    for (int i = 0; i < 2; i++)
        pair[i] = cx_is64(cx) ? at.slots[i].i64 : at.slots[i].i32;
    return SL_OK;
}

static sl_status put_pair(sl_cx *cx, place at, const uint64_t pair[2])
{
    if (at.slots == NULL)
        return sl_cx_store_pair(cx, at.ptr, pair);
    at.slots[0].i64 = pair[0];
    at.slots[1].i64 = pair[1];
    return SL_OK;
}

/* --- Scalars -------------------------------------------------------------- */

static sl_status move_scalar(mover *m, const sl_type *type, place from,
                             place to)
{
    canon_scalar scalar = scalar_of(type);
    uint32_t size = scalar.size;
    uint64_t bits;
    sl_status st = get(m->from, from, size, size < 4 ? 4 : size, &bits);
    if (st != SL_OK)
        return st;
    bits = as_seen(scalar, bits);
    if (scalar.kind == CANON_CHAR)
        st = sl_cx_check_char(m->from->inst->store, (uint32_t)bits);
    return st == SL_OK ? put(m->to, to, size, bits) : st;
}

static uint64_t read_bits(const uint8_t *at, uint32_t size)
{
    uint64_t bits = 0;
    switch (size) {
    case 1:
        return *at;
    case 2:
        memcpy(&bits, at, 2);
        return bits;
    case 4:
        memcpy(&bits, at, 4);
        return bits;
    default:
        memcpy(&bits, at, 8);
        return bits;
    }
}

static void write_bits(uint8_t *at, uint32_t size, uint64_t bits)
{
    switch (size) {
    case 1:
        *at = (uint8_t)bits;
        return;
    case 2:
        memcpy(at, &bits, 2);
        return;
    case 4:
        memcpy(at, &bits, 4);
        return;
    default:
        memcpy(at, &bits, 8);
        return;
    }
}

static inline void set(sl_slot *slot, uint64_t bits)
{
    memcpy(slot, &bits, sizeof bits);
}

/* The places that are moved that way and have not been yet. */
#define EACH(way) for (; p < plan->end[way]; p++)

/* clang-format off */
sl_status sl_canon_move_slots(const canon_plan *plan, sl_store *store,
                           const sl_slot *from, sl_slot *to)
{
#define MOVE(way, bits) EACH(way) set(&to[p->slot], (bits));
    const canon_place *p = plan->places;
    MOVE(CANON_32, from[p->slot].i64) /* and 64 */
    MOVE(CANON_U16, (uint16_t)from[p->slot].i32)
    MOVE(CANON_S16, (uint32_t)(int16_t)from[p->slot].i32)
    MOVE(CANON_U8, (uint8_t)from[p->slot].i32)
    MOVE(CANON_S8, (uint32_t)(int8_t)from[p->slot].i32)
    MOVE(CANON_WAY_BOOL, from[p->slot].i32 != 0)
    MOVE(CANON_WAY_F64, canonical_f64(from[p->slot].i64))
    MOVE(CANON_WAY_F32, canonical_f32(from[p->slot].i32))
    EACH(CANON_WAY_CHAR) {
        if (!is_char(from[p->slot].i32))
            return sl_cx_check_char(store, from[p->slot].i32);
        set(&to[p->slot], from[p->slot].i32);
    }
    MOVE(CANON_FLAGS, from[p->slot].i32 & p->mask)
    return SL_OK;
#undef MOVE
}

/* One by one, since what has just been stored so is best loaded so. */
sl_status sl_canon_move_bytes(const canon_plan *plan, sl_store *store,
                           const uint8_t *from, uint8_t *to)
{
    const canon_place *p = plan->places;
    uint64_t bits;
    uint32_t half;
    EACH(CANON_64)
        memcpy(to + p->at, from + p->at, 8);
    EACH(CANON_32)
        memcpy(to + p->at, from + p->at, 4);
    EACH(CANON_S16)
        memcpy(to + p->at, from + p->at, 2);
    EACH(CANON_S8)
        to[p->at] = from[p->at];
    EACH(CANON_WAY_BOOL)
        to[p->at] = from[p->at] != 0;
    EACH(CANON_WAY_F64) {
        memcpy(&bits, from + p->at, 8);
        bits = canonical_f64(bits);
        memcpy(to + p->at, &bits, 8);
    }
    EACH(CANON_WAY_F32) {
        memcpy(&half, from + p->at, 4);
        half = canonical_f32(half);
        memcpy(to + p->at, &half, 4);
    }
    EACH(CANON_WAY_CHAR) {
        memcpy(&half, from + p->at, 4);
        if (!is_char(half))
            return sl_cx_check_char(store, half);
        memcpy(to + p->at, &half, 4);
    }
    EACH(CANON_FLAGS)
        write_bits(to + p->at, p->size, read_bits(from + p->at, p->size) & p->mask);
    return SL_OK;
}
/* clang-format on */

/* Between core values and memory; `src` and `dst` are NULL for the former. */
static sl_status move_each(const canon_plan *plan, mover *m, place from,
                           place to, const uint8_t *src, uint8_t *dst)
{
    for (uint32_t i = 0; i < plan->n_leaves; i++) {
        const canon_leaf *leaf = &plan->leaves[i];
        canon_scalar scalar = leaf->scalar;
        uint64_t bits = src != NULL ? read_bits(src + leaf->at[0], scalar.size)
                                    : from.slots[leaf->slot].i64;
        bits = as_seen(scalar, bits);
        if (scalar.kind == CANON_CHAR && !is_char((uint32_t)bits))
            return sl_cx_check_char(m->from->inst->store, (uint32_t)bits);
        if (dst != NULL)
            write_bits(dst + leaf->at[0], scalar.size, bits);
        else
            to.slots[leaf->slot].i64 = bits;
    }
    return SL_OK;
}

/* A whole tuple of them: no guest code runs, so that addresses hold. */
static sl_status move_scalars(const canon_plan *plan, mover *m, place from,
                              place to)
{
    sl_store *store = m->from->inst->store;
    uint32_t size = plan->layout[0].size;
    const uint8_t *src = NULL;
    uint8_t *dst = NULL;
    if (from.slots != NULL && to.slots != NULL)
        return sl_canon_move_slots(plan, store, from.slots, to.slots);
    if (from.slots == NULL)
        src = sl_cx_at(m->from, from.ptr, size);
    if (to.slots == NULL)
        dst = sl_cx_at(m->to, to.ptr, size);
    if ((from.slots == NULL && src == NULL) ||
        (to.slots == NULL && dst == NULL))
        return sl_cx_out_of_bounds(m->from);
    if (src != NULL && dst != NULL)
        return sl_canon_move_bytes(plan, store, src, dst);
    return move_each(plan, m, from, to, src, dst);
}

/* --- Strings and lists ---------------------------------------------------- */

/* The bytes stay where they are while they are lowered: the sender cannot run
 * meanwhile, and its memory does not move. */
static sl_status move_string(mover *m, place from, place to)
{
    uint64_t pair[2];
    sl_val view;
    sl_status st = get_pair(m->from, from, pair);
    if (st == SL_OK)
        st = sl_cx_view_string(m->from, pair[0], pair[1], &view);
    if (st == SL_OK)
        st = sl_cx_store_string(m->to, &view, pair);
    return st == SL_OK ? put_pair(m->to, to, pair) : st;
}

static sl_status move_value(mover *m, const sl_type *from_type,
                            const sl_type *to_type, place from, place to);

/* Items in memory, one after the other. */
static sl_status move_items(mover *m, const sl_type *from_type,
                            const sl_type *to_type, uint64_t n, place from,
                            place to)
{
    uint32_t from_size = sl_cx_layout(m->from, from_type)->size;
    uint32_t to_size = sl_cx_layout(m->to, to_type)->size;
    sl_status st = SL_OK;
    for (uint64_t i = 0; st == SL_OK && i < n; i++) {
        st = move_value(m, from_type, to_type, from, to);
        from = part(from, from_type->layout[0].n_flat, from_size);
        to = part(to, to_type->layout[0].n_flat, to_size);
    }
    return st;
}

static sl_status move_fields(mover *m, const sl_label *from_types,
                             const sl_label *to_types, uint32_t n, place from,
                             place to)
{
    sl_status st = SL_OK;
    for (uint32_t i = 0; st == SL_OK && i < n; i++) {
        const sl_type *a = from_types[i].type, *b = to_types[i].type;
        const sl_layout *in = sl_cx_layout(m->from, a),
                        *out = sl_cx_layout(m->to, b);
        from.ptr = align_to(from.ptr, in->align);
        to.ptr = align_to(to.ptr, out->align);
        st = move_value(m, a, b, from, to);
        from = part(from, in->n_flat, in->size);
        to = part(to, out->n_flat, out->size);
    }
    return st;
}

/* Numbers of the same size on both sides, as they lie there. */
static sl_status move_numbers(mover *m, const sl_type *elem, uint64_t n,
                              uint64_t from, uint64_t to)
{
    uint64_t bytes = n * elem->layout[0].size;
    const uint8_t *src = sl_cx_at(m->from, from, bytes);
    uint8_t *dst = sl_cx_at(m->to, to, bytes);
    if (src == NULL || dst == NULL)
        return sl_cx_out_of_bounds(m->from);
    memmove(dst, src, (size_t)bytes);
    sl_canonicalize_numbers(dst, elem->kind, n);
    return SL_OK;
}

static sl_status move_pairs(mover *m, const sl_type *from_type,
                            const sl_type *to_type, uint64_t n, uint32_t step,
                            uint32_t to_step, uint64_t from, uint64_t to)
{
    const sl_label in[2] = {{.type = from_type->of.map.key},
                            {.type = from_type->of.map.value}};
    const sl_label out[2] = {{.type = to_type->of.map.key},
                             {.type = to_type->of.map.value}};
    sl_status st = SL_OK;
    for (uint64_t i = 0; st == SL_OK && i < n; i++) {
        st = move_fields(m, in, out, 2, (place){NULL, from}, (place){NULL, to});
        from += step;
        to += to_step;
    }
    return st;
}

static sl_status move_list(mover *m, const sl_type *from_type,
                           const sl_type *to_type, place from, place to)
{
    uint64_t pair[2], out[2];
    sl_layout step = sl_cx_elem_layout(m->from, from_type);
    sl_layout to_step = sl_cx_elem_layout(m->to, to_type);
    sl_status st = get_pair(m->from, from, pair);
    if (st == SL_OK)
        st = sl_cx_check_list(m->from, pair[0], pair[1], step);
    if (st != SL_OK)
        return st;
    out[1] = pair[1];
    st = sl_cx_realloc(m->to, 0, 0, to_step.align, pair[1] * to_step.size,
                       &out[0]);
    if (st != SL_OK)
        return st;
    const sl_type *elem =
        from_type->kind == SL_T_LIST ? from_type->of.list.elem : NULL;
    if (elem == NULL)
        st = move_pairs(m, from_type, to_type, pair[1], step.size, to_step.size,
                        pair[0], out[0]);
    else if (sl_type_is_number(elem))
        st = move_numbers(m, elem, pair[1], pair[0], out[0]);
    else
        st = move_items(m, elem, to_type->of.list.elem, pair[1],
                        (place){NULL, pair[0]}, (place){NULL, out[0]});
    return st == SL_OK ? put_pair(m->to, to, out) : st;
}

/* --- Variants and handles ------------------------------------------------- */

static sl_status move_variant(mover *m, const sl_type *from_type,
                              const sl_type *to_type, place from, place to)
{
    uint32_t n = sl_n_cases(from_type), size = sl_discriminant_size(n);
    uint64_t index;
    sl_status st = get(m->from, from, size, 4, &index);
    if (st != SL_OK)
        return st;
    SL_TRAP_IF(m->from->inst->store, index >= n,
               "invalid variant discriminant");
    if (to.slots != NULL)
        memset(to.slots, 0, to_type->layout[0].n_flat * sizeof *to.slots);
    st = put(m->to, to, size, index);
    const sl_type *in = sl_case_type(from_type, (uint32_t)index);
    const sl_type *out = sl_case_type(to_type, (uint32_t)index);
    if (st != SL_OK || in == NULL)
        return st;
    return move_value(
        m, in, out,
        part(from, 1, sl_payload_offset(from_type, cx_is64(m->from))),
        part(to, 1, sl_payload_offset(to_type, cx_is64(m->to))));
}

static sl_status move_handle(mover *m, const sl_type *from_type,
                             const sl_type *to_type, place from, place to)
{
    uint64_t index;
    uint32_t out;
    sl_status st = get(m->from, from, 4, 4, &index);
    if (st != SL_OK)
        return st;
    sl_val val = {.kind = (uint8_t)from_type->kind};
    st = sl_cx_lift_handle(m->from, (uint32_t)index, from_type, &val);
    if (st != SL_OK)
        return st;
    st = sl_cx_lower_handle(m->to, &val, to_type, &out);
    if (st != SL_OK) {
        sl_vals_drop(&val, 1);
        return st;
    }
    return put(m->to, to, 4, out);
}

static sl_status move_value(mover *m, const sl_type *from_type,
                            const sl_type *to_type, place from, place to)
{
    if (sl_canon_is_scalar(from_type))
        return move_scalar(m, from_type, from, to);
    switch (from_type->kind) {
    case SL_T_STRING:
        return move_string(m, from, to);
    case SL_T_LIST:
        if (from_type->of.list.len != 0)
            return move_items(m, from_type->of.list.elem, to_type->of.list.elem,
                              from_type->of.list.len, from, to);
        return move_list(m, from_type, to_type, from, to);
    case SL_T_MAP:
        return move_list(m, from_type, to_type, from, to);
    case SL_T_RECORD:
    case SL_T_TUPLE:
        return move_fields(m, from_type->of.labels.v, to_type->of.labels.v,
                           from_type->of.labels.n, from, to);
    case SL_T_VARIANT:
    case SL_T_ENUM:
    case SL_T_OPTION:
    case SL_T_RESULT:
        return move_variant(m, from_type, to_type, from, to);
    default:
        return move_handle(m, from_type, to_type, from, to);
    }
}

/* --- Arguments and results ------------------------------------------------ */

static sl_status move_leaves(const canon_plan *plan, mover *m, place from,
                             place to)
{
    bool in64 = cx_is64(m->from), out64 = cx_is64(m->to);
    sl_status st = SL_OK;
    if (plan->scalars)
        return move_scalars(plan, m, from, to);
    for (uint32_t i = 0; st == SL_OK && i < plan->n_leaves; i++) {
        const canon_leaf *leaf = &plan->leaves[i];
        st = move_value(m, leaf->from, leaf->to,
                        part(from, leaf->slot, leaf->at[in64]),
                        part(to, leaf->slot, leaf->at[out64]));
    }
    return st;
}

/* A tuple of the plan's layout lies at that address. */
static sl_status in_memory(const canon_plan *plan, const sl_cx *cx,
                           uint64_t ptr, place *out)
{
    const sl_layout *layout = &plan->layout[cx_is64(cx)];
    SL_TRAP_IF(cx->inst->store, !is_aligned(ptr, layout->align),
               "pointer is not aligned (unaligned pointer)");
    SL_TRAP_IF(cx->inst->store, sl_cx_at(cx, ptr, layout->size) == NULL,
               "pointer out of bounds of memory");
    *out = (place){NULL, ptr};
    return SL_OK;
}

static sl_status source(const canon_plan *plan, const sl_cx *cx, uint32_t max,
                        const sl_slot *slots, place *out)
{
    *out = (place){(sl_slot *)slots, 0};
    if (plan->n_flat <= max)
        return SL_OK;
    return in_memory(plan, cx, cx_is64(cx) ? slots->i64 : slots->i32, out);
}

sl_status sl_canon_move_args(const canon_plan *plan, sl_cx *from,
                             uint32_t from_max, const sl_slot *slots, sl_cx *to,
                             sl_slot *out)
{
    mover m = {from, to};
    place src, dst = {out, 0};
    if (plan->scalars && plan->n_flat <= from_max)
        return sl_canon_move_slots(plan, from->inst->store, slots, out);
    sl_status st = source(plan, from, from_max, slots, &src);
    if (st == SL_OK && plan->n_flat > SL_MAX_FLAT_PARAMS) {
        const sl_layout *layout = &plan->layout[cx_is64(to)];
        uint64_t ptr;
        st = sl_cx_realloc(to, 0, 0, layout->align, layout->size, &ptr);
        if (st != SL_OK)
            return st;
        out->i64 = ptr;
        st = in_memory(plan, to, ptr, &dst);
    }
    return st == SL_OK ? move_leaves(plan, &m, src, dst) : st;
}

sl_status sl_canon_move_result(const canon_plan *plan, sl_cx *from,
                               uint32_t from_max, const sl_slot *slots,
                               sl_cx *to, uint32_t to_max,
                               const sl_slot *out_param, sl_slot *out)
{
    mover m = {from, to};
    place src, dst = {out, 0};
    sl_status st = source(plan, from, from_max, slots, &src);
    if (st == SL_OK && plan->n_flat > to_max)
        st = in_memory(plan, to, cx_is64(to) ? out_param->i64 : out_param->i32,
                       &dst);
    return st == SL_OK ? move_leaves(plan, &m, src, dst) : st;
}
