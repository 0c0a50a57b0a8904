/* Lowering into linear memory. CanonicalABI.md "Storing". A string or list
 * inside runs the guest's realloc, so that every address is looked up again
 * where it is written. */
#include "canon/value_int.h"

sl_status sl_cx_store_int(sl_cx *cx, uint64_t ptr, uint32_t size,
                          uint64_t value)
{
    uint8_t *at = sl_cx_at(cx, ptr, size);
    if (at == NULL)
        return sl_cx_out_of_bounds(cx);
    memcpy(at, &value, size);
    return SL_OK;
}

sl_status sl_cx_store_pair(sl_cx *cx, uint64_t ptr, const uint64_t pair[2])
{
    uint32_t size = sl_cx_ptr_size(cx);
    sl_status st = sl_cx_store_int(cx, ptr, size, pair[0]);
    return st != SL_OK ? st : sl_cx_store_int(cx, ptr + size, size, pair[1]);
}

/* A value that is not of its type: only a host's can be. */
sl_status sl_cx_wrong_value(const sl_cx *cx, const sl_type *type)
{
    char text[128];
    return sl_store_trap(cx->inst->store, "value is not of type %s",
                         sl_type_text(type, text, sizeof text));
}

const sl_val *sl_cx_items_of(const sl_val *val, uint32_t n)
{
    return val->of.list.len == n ? val->of.list.items : NULL;
}

/* --- Records, tuples, parameters ------------------------------------------ */

sl_status sl_cx_store_fields(sl_cx *cx, const sl_val *vals,
                             const sl_label *fields, uint32_t n, uint64_t ptr)
{
    for (uint32_t i = 0; i < n; i++) {
        const sl_layout *layout = sl_cx_layout(cx, fields[i].type);
        ptr = align_to(ptr, layout->align);
        sl_status st = sl_store_value(cx, &vals[i], fields[i].type, ptr);
        if (st != SL_OK)
            return st;
        ptr += layout->size;
    }
    return SL_OK;
}

static sl_status store_record(sl_cx *cx, const sl_val *val, const sl_type *type,
                              uint64_t ptr)
{
    uint32_t n = type->of.labels.n;
    const sl_val *items = sl_cx_items_of(val, n);
    if (items == NULL)
        return sl_cx_wrong_value(cx, type);
    return sl_cx_store_fields(cx, items, type->of.labels.v, n, ptr);
}

/* --- Lists and maps ------------------------------------------------------- */

static sl_status store_map_items(sl_cx *cx, const sl_val *val,
                                 const sl_type *type, uint32_t stride,
                                 uint64_t ptr)
{
    sl_label pair[2] = {{.type = type->of.map.key},
                        {.type = type->of.map.value}};
    for (size_t i = 0; i < val->of.list.len; i++, ptr += stride) {
        const sl_val *item = &val->of.list.items[i];
        if (item->kind != SLUICE_TUPLE || item->of.list.len != 2)
            return sl_cx_wrong_value(cx, type);
        sl_status st =
            sl_cx_store_fields(cx, item->of.list.items, pair, 2, ptr);
        if (st != SL_OK)
            return st;
    }
    return SL_OK;
}

static sl_status store_list_items(sl_cx *cx, const sl_val *val,
                                  const sl_type *elem, uint32_t stride,
                                  uint64_t ptr)
{
    for (size_t i = 0; i < val->of.list.len; i++, ptr += stride) {
        sl_status st = sl_store_value(cx, &val->of.list.items[i], elem, ptr);
        if (st != SL_OK)
            return st;
    }
    return SL_OK;
}

static sl_status store_packed(sl_cx *cx, const sl_val *val, uint32_t size,
                              uint64_t ptr)
{
    uint64_t bytes = (uint64_t)val->of.bytes.len * size;
    uint8_t *at = sl_cx_at(cx, ptr, bytes);
    if (at == NULL)
        return sl_cx_out_of_bounds(cx);
    if (bytes != 0)
        memcpy(at, val->of.bytes.data, (size_t)bytes);
    return SL_OK;
}

/* definitions.py store_list_into_valid_range. */
static sl_status store_valid_range(sl_cx *cx, const sl_val *val,
                                   const sl_type *type, uint32_t stride,
                                   uint64_t ptr)
{
    if (type->kind == SL_T_MAP)
        return store_map_items(cx, val, type, stride, ptr);
    const sl_type *elem = type->of.list.elem;
    if (!sl_type_is_number(elem))
        return store_list_items(cx, val, elem, stride, ptr);
    if (val->elem != elem->kind)
        return sl_cx_wrong_value(cx, type);
    return store_packed(cx, val, stride, ptr);
}

sl_status sl_cx_store_list(sl_cx *cx, const sl_val *val, const sl_type *type,
                           uint64_t begin_len[2])
{
    sl_layout elem = sl_cx_elem_layout(cx, type);
    uint64_t len = val->of.list.len; /* the packed form's length as well */
    SL_TRAP_IF(cx->inst->store, len > REALLOC_MAX / elem.size,
               "list is too long");
    uint64_t ptr;
    sl_status st = sl_cx_realloc(cx, 0, 0, elem.align, len * elem.size, &ptr);
    if (st != SL_OK)
        return st;
    begin_len[0] = ptr;
    begin_len[1] = len;
    return store_valid_range(cx, val, type, elem.size, ptr);
}

static sl_status store_list(sl_cx *cx, const sl_val *val, const sl_type *type,
                            uint64_t ptr)
{
    if (type->kind == SL_T_LIST && type->of.list.len != 0) {
        if (val->of.list.len != type->of.list.len)
            return sl_cx_wrong_value(cx, type);
        return store_valid_range(
            cx, val, type, sl_cx_layout(cx, type->of.list.elem)->size, ptr);
    }
    uint64_t pair[2];
    sl_status st = sl_cx_store_list(cx, val, type, pair);
    return st != SL_OK ? st : sl_cx_store_pair(cx, ptr, pair);
}

/* --- Variants and the rest ------------------------------------------------ */

static sl_status store_variant(sl_cx *cx, const sl_val *val,
                               const sl_type *type, uint64_t ptr)
{
    uint32_t n = sl_n_cases(type), index = val->of.variant.index;
    if (index >= n)
        return sl_cx_wrong_value(cx, type);
    sl_status st = sl_cx_store_int(cx, ptr, sl_discriminant_size(n), index);
    const sl_type *payload = sl_case_type(type, index);
    if (st != SL_OK || payload == NULL)
        return st;
    if (val->of.variant.payload == NULL)
        return sl_cx_wrong_value(cx, type);
    return sl_store_value(cx, val->of.variant.payload, payload,
                          ptr + sl_payload_offset(type, cx_is64(cx)));
}

static sl_status store_string(sl_cx *cx, const sl_val *val, uint64_t ptr)
{
    uint64_t pair[2];
    sl_status st = sl_cx_store_string(cx, val, pair);
    return st != SL_OK ? st : sl_cx_store_pair(cx, ptr, pair);
}

static sl_status store_handle(sl_cx *cx, const sl_val *val, const sl_type *type,
                              uint64_t ptr)
{
    uint32_t index;
    sl_status st = sl_cx_lower_handle(cx, val, type, &index);
    return st != SL_OK ? st : sl_cx_store_int(cx, ptr, 4, index);
}

sl_status sl_store_value(sl_cx *cx, const sl_val *val, const sl_type *type,
                         uint64_t ptr)
{
    if (val->kind != type->kind)
        return sl_cx_wrong_value(cx, type);
    uint32_t size = sl_cx_layout(cx, type)->size;
    switch (type->kind) {
    case SL_T_BOOL:
        return sl_cx_store_int(cx, ptr, 1, val->of.boolean);
    case SL_T_CHAR:
        return sl_cx_store_int(cx, ptr, 4, val->of.chr);
    case SL_T_FLAGS:
        return sl_cx_store_int(cx, ptr, size, val->of.flags);
    case SL_T_STRING:
        return store_string(cx, val, ptr);
    case SL_T_LIST:
    case SL_T_MAP:
        return store_list(cx, val, type, ptr);
    case SL_T_RECORD:
    case SL_T_TUPLE:
        return store_record(cx, val, type, ptr);
    case SL_T_VARIANT:
    case SL_T_ENUM:
    case SL_T_OPTION:
    case SL_T_RESULT:
        return store_variant(cx, val, type, ptr);
    case SL_T_ERROR_CONTEXT:
    case SL_T_OWN:
    case SL_T_BORROW:
    case SL_T_STREAM:
    case SL_T_FUTURE:
        return store_handle(cx, val, type, ptr);
    default: /* numbers lie at the union's start */
        return sl_cx_store_int(cx, ptr, size, val->of.u64);
    }
}
