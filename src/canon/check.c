/* Are a host's values of the types they are given for? Explainer.md "Type
 * Definitions". What passes here is safe to lower. */
#include "base/utf8.h"
#include "canon/value_int.h"

/* One numbering for types and values. */
_Static_assert((int)SLUICE_BOOL == (int)SL_T_BOOL, "kinds");
_Static_assert((int)SLUICE_F64 == (int)SL_T_F64, "kinds");
_Static_assert((int)SLUICE_ERROR_CONTEXT == (int)SL_T_ERROR_CONTEXT, "kinds");
_Static_assert((int)SLUICE_LIST == (int)SL_T_LIST, "kinds");
_Static_assert((int)SLUICE_RESULT == (int)SL_T_RESULT, "kinds");
_Static_assert((int)SLUICE_FUTURE == (int)SL_T_FUTURE, "kinds");

static bool fail(const sl_type *type, const char *what, sl_err *err)
{
    char text[128];
    (void)sl_fail(err, SL_EUSAGE, SL_ERR_NO_PLACE,
                  "value is not of type %s: %s",
                  sl_type_text(type, text, sizeof text), what);
    return false;
}

static bool check(const sl_val *val, const sl_type *type, sl_err *err);

static bool check_items(const sl_val *items, const sl_label *fields, uint32_t n,
                        sl_err *err)
{
    for (uint32_t i = 0; i < n; i++)
        if (!check(&items[i], fields[i].type, err))
            return false;
    return true;
}

static bool check_record(const sl_val *val, const sl_type *type, sl_err *err)
{
    uint32_t n = type->of.labels.n;
    if (val->of.list.len != n)
        return fail(type, "another number of fields", err);
    return check_items(val->of.list.items, type->of.labels.v, n, err);
}

static bool check_list(const sl_val *val, const sl_type *type, sl_err *err)
{
    const sl_type *elem = type->of.list.elem;
    bool packed = sl_type_is_number(elem);
    if (type->of.list.len != 0 && val->of.list.len != type->of.list.len)
        return fail(type, "another length", err);
    if (val->elem != (packed ? (uint8_t)elem->kind : 0))
        return fail(type, "elements of another kind", err);
    for (size_t i = 0; !packed && i < val->of.list.len; i++)
        if (!check(&val->of.list.items[i], elem, err))
            return false;
    return true;
}

static bool check_map(const sl_val *val, const sl_type *type, sl_err *err)
{
    sl_label pair[2] = {{.type = type->of.map.key},
                        {.type = type->of.map.value}};
    for (size_t i = 0; i < val->of.list.len; i++) {
        const sl_val *item = &val->of.list.items[i];
        if (item->kind != SLUICE_TUPLE || item->of.list.len != 2)
            return fail(type, "an item is not a tuple of two", err);
        if (!check_items(item->of.list.items, pair, 2, err))
            return false;
    }
    return true;
}

static bool check_variant(const sl_val *val, const sl_type *type, sl_err *err)
{
    if (val->of.variant.index >= sl_n_cases(type))
        return fail(type, "no such case", err);
    const sl_type *payload = sl_case_type(type, val->of.variant.index);
    if ((payload == NULL) != (val->of.variant.payload == NULL))
        return fail(type,
                    payload ? "the case has a payload"
                            : "the case has no payload",
                    err);
    return payload == NULL || check(val->of.variant.payload, payload, err);
}

static bool check_char(const sl_val *val, const sl_type *type, sl_err *err)
{
    uint8_t bytes[4];
    return sl_utf8_put(val->of.chr, bytes) != 0 ||
           fail(type, "not a Unicode scalar value", err);
}

static bool check_string(const sl_val *val, const sl_type *type, sl_err *err)
{
    if (val->encoding != SL_VAL_UTF8 ||
        !sl_utf8_valid(val->of.string.data, val->of.string.len))
        return fail(type, "not UTF-8", err);
    return val->of.string.len <= MAX_BYTE_LENGTH || fail(type, "too long", err);
}

static bool check_flags(const sl_val *val, const sl_type *type, sl_err *err)
{
    uint64_t known = UINT64_MAX >> (64 - type->of.labels.n);
    return (val->of.flags & ~known) == 0 ||
           fail(type, "a flag that has no name", err);
}

/* As deep as the type is (at most 100). */
static bool check(const sl_val *val, const sl_type *type, sl_err *err)
{
    if (val->kind != type->kind)
        return fail(type, "another kind", err);
    switch (type->kind) {
    case SL_T_CHAR:
        return check_char(val, type, err);
    case SL_T_STRING:
    case SL_T_ERROR_CONTEXT:
        return check_string(val, type, err);
    case SL_T_LIST:
        return check_list(val, type, err);
    case SL_T_MAP:
        return check_map(val, type, err);
    case SL_T_RECORD:
    case SL_T_TUPLE:
        return check_record(val, type, err);
    case SL_T_FLAGS:
        return check_flags(val, type, err);
    case SL_T_VARIANT:
    case SL_T_ENUM:
    case SL_T_OPTION:
    case SL_T_RESULT:
        return check_variant(val, type, err);
    case SL_T_STREAM:
        return val->of.stream != NULL || fail(type, "moved away", err);
    case SL_T_FUTURE:
        return val->of.future != NULL || fail(type, "moved away", err);
    case SL_T_OWN:
    case SL_T_BORROW:
        return val->of.handle.resource != NULL ||
               fail(type, "moved away", err);
    default:
        return true;
    }
}

sl_status sl_val_check(const sl_val *val, const sl_type *type, sl_err *err)
{
    return check(val, type, err) ? SL_OK : SL_EUSAGE;
}
