/* Lifting out of linear memory. CanonicalABI.md "Loading". No guest code runs
 * meanwhile, but every access is checked where it is made. */
#include "canon/value_int.h"

sl_status sl_cx_load_int(sl_cx *cx, uint64_t ptr, uint32_t size, uint64_t *out)
{
    const uint8_t *at = sl_cx_at(cx, ptr, size);
    if (at == NULL)
        return sl_cx_out_of_bounds(cx);
    *out = 0;
    memcpy(out, at, size);
    return SL_OK;
}

sl_status sl_cx_load_pair(sl_cx *cx, uint64_t ptr, uint64_t pair[2])
{
    uint32_t size = sl_cx_ptr_size(cx);
    sl_status st = sl_cx_load_int(cx, ptr, size, &pair[0]);
    return st != SL_OK ? st : sl_cx_load_int(cx, ptr + size, size, &pair[1]);
}

/* --- Scalars -------------------------------------------------------------- */

/* definitions.py convert_i32_to_char. */
sl_status sl_cx_check_char(sl_store *store, uint32_t code)
{
    SL_TRAP_IF(store, code >= 0x110000 || (code >= 0xd800 && code <= 0xdfff),
               "invalid `char` bit pattern");
    return SL_OK;
}

sl_status sl_cx_char(const sl_cx *cx, uint32_t code, sl_val *out)
{
    out->of.chr = code;
    return sl_cx_check_char(cx->inst->store, code);
}

void sl_canonicalize_numbers(void *data, sl_type_kind kind, uint64_t n)
{
    if (kind == SL_T_F32)
        for (uint64_t i = 0; i < n; i++)
            canonicalize_nan32((float *)data + i);
    else if (kind == SL_T_F64)
        for (uint64_t i = 0; i < n; i++)
            canonicalize_nan64((double *)data + i);
}

static sl_status load_number(sl_cx *cx, uint64_t ptr, const sl_type *type,
                             sl_val *out)
{
    uint32_t size = sl_cx_layout(cx, type)->size;
    const uint8_t *at = sl_cx_at(cx, ptr, size);
    if (at == NULL)
        return sl_cx_out_of_bounds(cx);
    memcpy(&out->of, at, size);
    sl_canonicalize_numbers(&out->of, type->kind, 1);
    return SL_OK;
}

/* --- Records, tuples, parameters ------------------------------------------ */

sl_status sl_cx_items(sl_cx *cx, sl_val *out, const sl_type *type, uint64_t n)
{
    void *items;
    sl_status st = sl_cx_alloc(cx, n, sizeof(sl_val), &items);
    if (st != SL_OK)
        return st;
    *out = (sl_val){.kind = (uint8_t)type->kind};
    out->of.list.items = items;
    out->of.list.len = (size_t)n;
    return SL_OK;
}

sl_status sl_cx_load_fields(sl_cx *cx, uint64_t ptr, const sl_label *fields,
                            uint32_t n, sl_val *out)
{
    for (uint32_t i = 0; i < n; i++) {
        const sl_layout *layout = sl_cx_layout(cx, fields[i].type);
        ptr = align_to(ptr, layout->align);
        sl_status st = sl_load(cx, ptr, fields[i].type, &out[i]);
        if (st != SL_OK)
            return st;
        ptr += layout->size;
    }
    return SL_OK;
}

static sl_status load_record(sl_cx *cx, uint64_t ptr, const sl_type *type,
                             sl_val *out)
{
    uint32_t n = type->of.labels.n;
    sl_status st = sl_cx_items(cx, out, type, n);
    if (st != SL_OK)
        return st;
    return sl_cx_load_fields(cx, ptr, type->of.labels.v, n, out->of.list.items);
}

/* --- Lists and maps ------------------------------------------------------- */

/* A map's element is the tuple of its key and value. */
static sl_status load_map_items(sl_cx *cx, uint64_t ptr, const sl_type *type,
                                uint32_t stride, sl_val *out)
{
    static const sl_type pair_type = {.kind = SL_T_TUPLE};
    sl_label pair[2] = {{.type = type->of.map.key},
                        {.type = type->of.map.value}};
    for (size_t i = 0; i < out->of.list.len; i++, ptr += stride) {
        sl_val *item = &out->of.list.items[i];
        sl_status st = sl_cx_items(cx, item, &pair_type, 2);
        if (st == SL_OK)
            st = sl_cx_load_fields(cx, ptr, pair, 2, item->of.list.items);
        if (st != SL_OK)
            return st;
    }
    return SL_OK;
}

static sl_status load_list_items(sl_cx *cx, uint64_t ptr, const sl_type *elem,
                                 uint32_t stride, sl_val *out)
{
    for (size_t i = 0; i < out->of.list.len; i++, ptr += stride) {
        sl_status st = sl_load(cx, ptr, elem, &out->of.list.items[i]);
        if (st != SL_OK)
            return st;
    }
    return SL_OK;
}

/* Numbers as they lie there, in one piece. */
static sl_status load_packed(sl_cx *cx, uint64_t ptr, const sl_type *elem,
                             uint64_t n, sl_val *out)
{
    uint32_t size = sl_cx_layout(cx, elem)->size;
    const uint8_t *at = sl_cx_at(cx, ptr, n * size);
    void *data;
    if (at == NULL)
        return sl_cx_out_of_bounds(cx);
    sl_status st = sl_cx_alloc(cx, n, size, &data);
    if (st != SL_OK)
        return st;
    if (n != 0)
        memcpy(data, at, (size_t)(n * size));
    sl_canonicalize_numbers(data, elem->kind, n);
    *out = (sl_val){.kind = SLUICE_LIST, .elem = (uint8_t)elem->kind};
    out->of.bytes.data = data;
    out->of.bytes.len = (size_t)n;
    return SL_OK;
}

sl_layout sl_cx_elem_layout(const sl_cx *cx, const sl_type *type)
{
    if (type->kind != SL_T_MAP)
        return *sl_cx_layout(cx, type->of.list.elem);
    sl_label pair[2] = {{.type = type->of.map.key},
                        {.type = type->of.map.value}};
    return sl_tuple_layout(pair, 2, cx_is64(cx));
}

/* definitions.py load_list_from_valid_range. */
static sl_status load_valid_range(sl_cx *cx, uint64_t ptr, uint64_t n,
                                  const sl_type *type, uint32_t stride,
                                  sl_val *out)
{
    if (type->kind == SL_T_LIST && sl_type_is_number(type->of.list.elem))
        return load_packed(cx, ptr, type->of.list.elem, n, out);
    sl_status st = sl_cx_items(cx, out, type, n);
    if (st != SL_OK)
        return st;
    return type->kind == SL_T_MAP
               ? load_map_items(cx, ptr, type, stride, out)
               : load_list_items(cx, ptr, type->of.list.elem, stride, out);
}

sl_status sl_cx_check_list(const sl_cx *cx, uint64_t begin, uint64_t len,
                           sl_layout elem)
{
    sl_store *store = cx->inst->store;
    SL_TRAP_IF(store, len > MAX_BYTE_LENGTH / elem.size, "list is too long");
    SL_TRAP_IF(store, !is_aligned(begin, elem.align),
               "list pointer is not aligned (unaligned pointer)");
    SL_TRAP_IF(store, sl_cx_at(cx, begin, len * elem.size) == NULL,
               "list pointer/length out of bounds of memory (list content "
               "out-of-bounds)");
    return SL_OK;
}

sl_status sl_cx_load_list(sl_cx *cx, uint64_t begin, uint64_t len,
                          const sl_type *type, sl_val *out)
{
    sl_layout elem = sl_cx_elem_layout(cx, type);
    sl_status st = sl_cx_check_list(cx, begin, len, elem);
    if (st != SL_OK)
        return st;
    return load_valid_range(cx, begin, len, type, elem.size, out);
}

static sl_status load_list(sl_cx *cx, uint64_t ptr, const sl_type *type,
                           sl_val *out)
{
    if (type->kind == SL_T_LIST && type->of.list.len != 0)
        return load_valid_range(cx, ptr, type->of.list.len, type,
                                sl_cx_layout(cx, type->of.list.elem)->size,
                                out);
    uint64_t pair[2];
    sl_status st = sl_cx_load_pair(cx, ptr, pair);
    return st != SL_OK ? st : sl_cx_load_list(cx, pair[0], pair[1], type, out);
}

/* --- Variants and the rest ------------------------------------------------ */

sl_status sl_cx_payload(sl_cx *cx, sl_val *out)
{
    void *payload;
    sl_status st = sl_cx_alloc(cx, 1, sizeof(sl_val), &payload);
    out->of.variant.payload = payload;
    return st;
}

static sl_status load_variant(sl_cx *cx, uint64_t ptr, const sl_type *type,
                              sl_val *out)
{
    uint32_t n = sl_n_cases(type);
    uint64_t index;
    sl_status st = sl_cx_load_int(cx, ptr, sl_discriminant_size(n), &index);
    if (st != SL_OK)
        return st;
    SL_TRAP_IF(cx->inst->store, index >= n, "invalid variant discriminant");
    out->of.variant.index = (uint32_t)index;
    out->of.variant.payload = NULL;
    const sl_type *payload = sl_case_type(type, (uint32_t)index);
    if (payload == NULL)
        return SL_OK;
    st = sl_cx_payload(cx, out);
    if (st != SL_OK)
        return st;
    return sl_load(cx, ptr + sl_payload_offset(type, cx_is64(cx)), payload,
                   out->of.variant.payload);
}

static sl_status load_string(sl_cx *cx, uint64_t ptr, sl_val *out)
{
    uint64_t pair[2];
    sl_status st = sl_cx_load_pair(cx, ptr, pair);
    return st != SL_OK ? st : sl_cx_load_string(cx, pair[0], pair[1], out);
}

static sl_status load_i32(sl_cx *cx, uint64_t ptr, const sl_type *type,
                          sl_val *out)
{
    uint64_t i;
    sl_status st = sl_cx_load_int(cx, ptr, sl_cx_layout(cx, type)->size, &i);
    if (st != SL_OK)
        return st;
    switch (type->kind) {
    case SL_T_BOOL:
        out->of.boolean = i != 0;
        return SL_OK;
    case SL_T_CHAR:
        return sl_cx_char(cx, (uint32_t)i, out);
    case SL_T_FLAGS:
        out->of.flags =
            (uint32_t)(i & (UINT64_MAX >> (64 - type->of.labels.n)));
        return SL_OK;
    default:
        return sl_cx_lift_handle(cx, (uint32_t)i, type, out);
    }
}

sl_status sl_load(sl_cx *cx, uint64_t ptr, const sl_type *type, sl_val *out)
{
    *out = (sl_val){.kind = (uint8_t)type->kind};
    if (sl_type_is_number(type))
        return load_number(cx, ptr, type, out);
    switch (type->kind) {
    case SL_T_STRING:
        return load_string(cx, ptr, out);
    case SL_T_LIST:
    case SL_T_MAP:
        return load_list(cx, ptr, type, out);
    case SL_T_RECORD:
    case SL_T_TUPLE:
        return load_record(cx, ptr, type, out);
    case SL_T_VARIANT:
    case SL_T_ENUM:
    case SL_T_OPTION:
    case SL_T_RESULT:
        return load_variant(cx, ptr, type, out);
    default:
        return load_i32(cx, ptr, type, out);
    }
}
