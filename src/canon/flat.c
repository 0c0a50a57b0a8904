/* Lifting from and lowering to core values. CanonicalABI.md "Flat Lifting",
 * "Flat Lowering", "Lifting and Lowering Values".
 *
 * A slot holds the bits of its core type in its low bytes and lowering zeroes
 * the others, so the joins of variants need no conversion: reading an f32 or
 * i32 from a slot that was joined to i64 takes the low half, which is what
 * wrap_i64_to_i32 and decode_i32_as_float ask for. */
#include "canon/value_int.h"

/* --- Lifting -------------------------------------------------------------- */

/* definitions.py CoreValueIter. */
typedef struct slots {
    const sl_slot *v;
    uint32_t i;
} slots;

static const sl_slot *next(slots *in)
{
    return &in->v[in->i++];
}

static uint64_t next_ptr(const sl_cx *cx, slots *in)
{
    const sl_slot *slot = next(in);
    return cx_is64(cx) ? slot->i64 : slot->i32;
}

static sl_status lift(sl_cx *cx, slots *in, const sl_type *type, sl_val *out);

static sl_status lift_fields(sl_cx *cx, slots *in, const sl_label *fields,
                             uint32_t n, sl_val *out)
{
    sl_status st = SL_OK;
    for (uint32_t i = 0; st == SL_OK && i < n; i++)
        st = lift(cx, in, fields[i].type, &out[i]);
    return st;
}

static sl_status lift_record(sl_cx *cx, slots *in, const sl_type *type,
                             sl_val *out)
{
    uint32_t n = type->of.labels.n;
    sl_status st = sl_cx_items(cx, out, type, n);
    if (st != SL_OK)
        return st;
    return lift_fields(cx, in, type->of.labels.v, n, out->of.list.items);
}

/* A fixed-length list of numbers is packed like every other. */
static sl_status lift_packed(sl_cx *cx, slots *in, const sl_type *type,
                             sl_val *out)
{
    const sl_type *elem = type->of.list.elem;
    uint32_t size = sl_cx_layout(cx, elem)->size, n = type->of.list.len;
    void *data;
    sl_status st = sl_cx_alloc(cx, n, size, &data);
    for (uint32_t i = 0; st == SL_OK && i < n; i++) {
        sl_val item;
        st = lift(cx, in, elem, &item);
        memcpy((uint8_t *)data + (size_t)i * size, &item.of, size);
    }
    *out = (sl_val){.kind = SLUICE_LIST, .elem = (uint8_t)elem->kind};
    out->of.bytes.data = data;
    out->of.bytes.len = n;
    return st;
}

static sl_status lift_fixed(sl_cx *cx, slots *in, const sl_type *type,
                            sl_val *out)
{
    const sl_type *elem = type->of.list.elem;
    if (sl_type_is_number(elem))
        return lift_packed(cx, in, type, out);
    sl_status st = sl_cx_items(cx, out, type, type->of.list.len);
    for (uint32_t i = 0; st == SL_OK && i < type->of.list.len; i++)
        st = lift(cx, in, elem, &out->of.list.items[i]);
    return st;
}

static sl_status lift_list(sl_cx *cx, slots *in, const sl_type *type,
                           sl_val *out)
{
    if (type->kind == SL_T_LIST && type->of.list.len != 0)
        return lift_fixed(cx, in, type, out);
    uint64_t begin = next_ptr(cx, in), len = next_ptr(cx, in);
    return sl_cx_load_list(cx, begin, len, type, out);
}

static sl_status lift_variant(sl_cx *cx, slots *in, const sl_type *type,
                              sl_val *out)
{
    uint32_t end = in->i + sl_cx_layout(cx, type)->n_flat;
    uint32_t index = next(in)->i32;
    SL_TRAP_IF(cx->inst->store, index >= sl_n_cases(type),
               "invalid variant discriminant");
    out->of.variant.index = index;
    out->of.variant.payload = NULL;
    const sl_type *payload = sl_case_type(type, index);
    sl_status st = SL_OK;
    if (payload != NULL)
        st = sl_cx_payload(cx, out);
    if (st == SL_OK && payload != NULL)
        st = lift(cx, in, payload, out->of.variant.payload);
    in->i = end;
    return st;
}

static sl_status lift_string(sl_cx *cx, slots *in, sl_val *out)
{
    uint64_t begin = next_ptr(cx, in), units = next_ptr(cx, in);
    return sl_cx_load_string(cx, begin, units, out);
}

static sl_status lift(sl_cx *cx, slots *in, const sl_type *type, sl_val *out)
{
    *out = (sl_val){.kind = (uint8_t)type->kind};
    switch (type->kind) {
    case SL_T_BOOL:
        out->of.boolean = next(in)->i32 != 0;
        return SL_OK;
    case SL_T_S8:
    case SL_T_U8:
        out->of.u8 = (uint8_t)next(in)->i32;
        return SL_OK;
    case SL_T_S16:
    case SL_T_U16:
        out->of.u16 = (uint16_t)next(in)->i32;
        return SL_OK;
    case SL_T_S32:
    case SL_T_U32:
        out->of.u32 = next(in)->i32;
        return SL_OK;
    case SL_T_S64:
    case SL_T_U64:
        out->of.u64 = next(in)->i64;
        return SL_OK;
    case SL_T_F32:
        out->of.u32 = next(in)->i32;
        canonicalize_nan32(&out->of.f32);
        return SL_OK;
    case SL_T_F64:
        out->of.u64 = next(in)->i64;
        canonicalize_nan64(&out->of.f64);
        return SL_OK;
    case SL_T_CHAR:
        return sl_cx_char(cx, next(in)->i32, out);
    case SL_T_FLAGS:
        out->of.flags = (uint32_t)(next(in)->i32 &
                                   (UINT64_MAX >> (64 - type->of.labels.n)));
        return SL_OK;
    case SL_T_STRING:
        return lift_string(cx, in, out);
    case SL_T_LIST:
    case SL_T_MAP:
        return lift_list(cx, in, type, out);
    case SL_T_RECORD:
    case SL_T_TUPLE:
        return lift_record(cx, in, type, out);
    case SL_T_VARIANT:
    case SL_T_ENUM:
    case SL_T_OPTION:
    case SL_T_RESULT:
        return lift_variant(cx, in, type, out);
    default:
        return sl_cx_lift_handle(cx, next(in)->i32, type, out);
    }
}

/* Do they take more slots than that? */
static bool spills(const sl_cx *cx, const sl_label *types, uint32_t n,
                   uint32_t max_flat)
{
    uint64_t n_flat = 0;
    for (uint32_t i = 0; i < n && n_flat <= max_flat; i++)
        n_flat += sl_cx_layout(cx, types[i].type)->n_flat;
    return n_flat > max_flat;
}

static sl_status lift_from_memory(sl_cx *cx, uint64_t ptr,
                                  const sl_label *types, uint32_t n,
                                  sl_val *out)
{
    sl_layout layout = sl_tuple_layout(types, n, cx_is64(cx));
    SL_TRAP_IF(cx->inst->store, !is_aligned(ptr, layout.align),
               "pointer is not aligned (unaligned pointer)");
    SL_TRAP_IF(cx->inst->store, sl_cx_at(cx, ptr, layout.size) == NULL,
               "pointer out of bounds of memory");
    return sl_cx_load_fields(cx, ptr, types, n, out);
}

sl_status sl_lift_flat_values(sl_cx *cx, uint32_t max_flat, const sl_slot *flat,
                              const sl_label *types, uint32_t n, sl_val *out)
{
    slots in = {flat, 0};
    sl_status st;
    if (n != 0)
        memset(out, 0, n * sizeof *out);
    if (spills(cx, types, n, max_flat))
        st = lift_from_memory(cx, next_ptr(cx, &in), types, n, out);
    else
        st = lift_fields(cx, &in, types, n, out);
    if (st != SL_OK)
        sl_vals_drop(out, n);
    return st;
}

/* --- Lowering ------------------------------------------------------------- */

typedef struct flat_out {
    sl_slot *v;
    uint32_t n;
} flat_out;

static void put(flat_out *out, uint64_t bits)
{
    out->v[out->n++].i64 = bits;
}

static sl_status lower(sl_cx *cx, const sl_val *val, const sl_type *type,
                       flat_out *out);

static sl_status lower_fields(sl_cx *cx, const sl_val *vals,
                              const sl_label *fields, uint32_t n, flat_out *out)
{
    sl_status st = SL_OK;
    for (uint32_t i = 0; st == SL_OK && i < n; i++)
        st = lower(cx, &vals[i], fields[i].type, out);
    return st;
}

static sl_status lower_record(sl_cx *cx, const sl_val *val, const sl_type *type,
                              flat_out *out)
{
    uint32_t n = type->of.labels.n;
    const sl_val *items = sl_cx_items_of(val, n);
    if (items == NULL)
        return sl_cx_wrong_value(cx, type);
    return lower_fields(cx, items, type->of.labels.v, n, out);
}

static sl_status lower_fixed(sl_cx *cx, const sl_val *val, const sl_type *type,
                             flat_out *out)
{
    const sl_type *elem = type->of.list.elem;
    bool packed = sl_type_is_number(elem);
    uint32_t size = sl_cx_layout(cx, elem)->size;
    if (val->of.list.len != type->of.list.len ||
        val->elem != (packed ? (uint8_t)elem->kind : 0))
        return sl_cx_wrong_value(cx, type);
    sl_status st = SL_OK;
    for (uint32_t i = 0; st == SL_OK && i < type->of.list.len; i++) {
        sl_val number = {.kind = (uint8_t)elem->kind};
        if (packed)
            memcpy(&number.of,
                   (const uint8_t *)val->of.bytes.data + (size_t)i * size,
                   size);
        st = lower(cx, packed ? &number : &val->of.list.items[i], elem, out);
    }
    return st;
}

static sl_status lower_pair(sl_status st, const uint64_t pair[2], flat_out *out)
{
    if (st == SL_OK) {
        put(out, pair[0]);
        put(out, pair[1]);
    }
    return st;
}

static sl_status lower_list(sl_cx *cx, const sl_val *val, const sl_type *type,
                            flat_out *out)
{
    uint64_t pair[2] = {0, 0};
    if (type->kind == SL_T_LIST && type->of.list.len != 0)
        return lower_fixed(cx, val, type, out);
    return lower_pair(sl_cx_store_list(cx, val, type, pair), pair, out);
}

static sl_status lower_string(sl_cx *cx, const sl_val *val, flat_out *out)
{
    uint64_t pair[2] = {0, 0};
    return lower_pair(sl_cx_store_string(cx, val, pair), pair, out);
}

static sl_status lower_variant(sl_cx *cx, const sl_val *val,
                               const sl_type *type, flat_out *out)
{
    uint32_t end = out->n + sl_cx_layout(cx, type)->n_flat;
    uint32_t index = val->of.variant.index;
    if (index >= sl_n_cases(type))
        return sl_cx_wrong_value(cx, type);
    put(out, index);
    const sl_type *payload = sl_case_type(type, index);
    sl_status st = SL_OK;
    if (payload != NULL && val->of.variant.payload == NULL)
        return sl_cx_wrong_value(cx, type);
    if (payload != NULL)
        st = lower(cx, val->of.variant.payload, payload, out);
    while (out->n < end)
        put(out, 0);
    return st;
}

static sl_status lower_handle(sl_cx *cx, const sl_val *val, const sl_type *type,
                              flat_out *out)
{
    uint32_t index = 0;
    sl_status st = sl_cx_lower_handle(cx, val, type, &index);
    put(out, index);
    return st;
}

static sl_status lower(sl_cx *cx, const sl_val *val, const sl_type *type,
                       flat_out *out)
{
    if (val->kind != type->kind)
        return sl_cx_wrong_value(cx, type);
    switch (type->kind) {
    case SL_T_BOOL:
        put(out, val->of.boolean);
        return SL_OK;
    case SL_T_S8: /* signed ones are extended to the core type's 32 bits */
        put(out, (uint32_t)val->of.s8);
        return SL_OK;
    case SL_T_U8:
        put(out, val->of.u8);
        return SL_OK;
    case SL_T_S16:
        put(out, (uint32_t)val->of.s16);
        return SL_OK;
    case SL_T_U16:
        put(out, val->of.u16);
        return SL_OK;
    case SL_T_S32:
    case SL_T_U32:
    case SL_T_F32: /* as bits */
        put(out, val->of.u32);
        return SL_OK;
    case SL_T_S64:
    case SL_T_U64:
    case SL_T_F64:
        put(out, val->of.u64);
        return SL_OK;
    case SL_T_CHAR:
        put(out, val->of.chr);
        return SL_OK;
    case SL_T_FLAGS:
        put(out, val->of.flags);
        return SL_OK;
    case SL_T_STRING:
        return lower_string(cx, val, out);
    case SL_T_LIST:
    case SL_T_MAP:
        return lower_list(cx, val, type, out);
    case SL_T_RECORD:
    case SL_T_TUPLE:
        return lower_record(cx, val, type, out);
    case SL_T_VARIANT:
    case SL_T_ENUM:
    case SL_T_OPTION:
    case SL_T_RESULT:
        return lower_variant(cx, val, type, out);
    default:
        return lower_handle(cx, val, type, out);
    }
}

static sl_status lower_to_memory(sl_cx *cx, const sl_val *vals,
                                 const sl_label *types, uint32_t n,
                                 const sl_slot *out_param, flat_out *out)
{
    sl_layout layout = sl_tuple_layout(types, n, cx_is64(cx));
    uint64_t ptr;
    if (out_param == NULL) {
        sl_status st = sl_cx_realloc(cx, 0, 0, layout.align, layout.size, &ptr);
        if (st != SL_OK)
            return st;
        put(out, ptr);
    } else {
        ptr = cx_is64(cx) ? out_param->i64 : out_param->i32;
    }
    SL_TRAP_IF(cx->inst->store, !is_aligned(ptr, layout.align),
               "pointer is not aligned (unaligned pointer)");
    SL_TRAP_IF(cx->inst->store, sl_cx_at(cx, ptr, layout.size) == NULL,
               "pointer out of bounds of memory");
    return sl_cx_store_fields(cx, vals, types, n, ptr);
}

sl_status sl_lower_flat_values(sl_cx *cx, uint32_t max_flat, const sl_val *vals,
                               const sl_label *types, uint32_t n,
                               const sl_slot *out_param, sl_slot *flat,
                               uint32_t *n_flat)
{
    flat_out out = {flat, 0};
    sl_status st;
    if (spills(cx, types, n, max_flat))
        st = lower_to_memory(cx, vals, types, n, out_param, &out);
    else
        st = lower_fields(cx, vals, types, n, &out);
    if (st != SL_OK) /* what was not stored yet is nobody's any more */
        sl_vals_drop((sl_val *)vals, n);
    *n_flat = out.n;
    return st;
}
