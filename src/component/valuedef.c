/* Values and start functions of components. Binary.md "Value Definitions",
 * "Start Definitions". */
#include <string.h>

#include "base/utf8.h"
#include "component/component_int.h"

/* --- val(t) ---------------------------------------------------------------
 * One walk over an encoding checks it and, where there is an `out`, builds the
 * value. It is as deep as the type (at most 100). */

static bool walk(sl_reader *r, const sl_type *type, sl_val *out);

static bool no_memory(sl_reader *r)
{
    return sl_reader_fail(r, SL_ENOMEM, "out of memory");
}

static bool walk_bool(sl_reader *r, sl_val *out)
{
    uint8_t byte = sl_read_u8(r);
    if (byte > 1)
        return sl_reader_fail(r, SL_EMALFORMED, "invalid boolean value %u",
                              byte);
    out->of.boolean = byte;
    return sl_reader_ok(r);
}

static bool walk_float(sl_reader *r, bool is64, sl_val *out)
{
    static const char words[] = "a NaN of a value must be the canonical one";
    uint64_t at = sl_reader_at(r);
    if (is64) {
        uint64_t bits = sl_read_f64_bits(r);
        memcpy(&out->of.f64, &bits, sizeof bits);
        if (out->of.f64 == out->of.f64 || bits == UINT64_C(0x7ff8) << 48)
            return sl_reader_ok(r);
    } else {
        uint32_t bits = sl_read_f32_bits(r);
        memcpy(&out->of.f32, &bits, sizeof bits);
        if (out->of.f32 == out->of.f32 || bits == UINT32_C(0x7fc0) << 16)
            return sl_reader_ok(r);
    }
    sl_fail(r->err, SL_EMALFORMED, at, "%s", words);
    r->pos = r->end;
    return false;
}

static bool walk_number(sl_reader *r, const sl_type *type, sl_val *out)
{
    switch (type->kind) {
    case SL_T_S8:
    case SL_T_U8:
        out->of.u8 = sl_read_u8(r);
        return sl_reader_ok(r);
    case SL_T_S16:
        out->of.s16 = sl_read_s16(r);
        return sl_reader_ok(r);
    case SL_T_U16:
        out->of.u16 = sl_read_u16(r);
        return sl_reader_ok(r);
    case SL_T_S32:
        out->of.s32 = sl_read_s32(r);
        return sl_reader_ok(r);
    case SL_T_U32:
        out->of.u32 = sl_read_u32(r);
        return sl_reader_ok(r);
    case SL_T_S64:
        out->of.s64 = sl_read_s64(r);
        return sl_reader_ok(r);
    case SL_T_U64:
        out->of.u64 = sl_read_u64(r);
        return sl_reader_ok(r);
    default:
        return walk_float(r, type->kind == SL_T_F64, out);
    }
}

static bool walk_char(sl_reader *r, sl_val *out)
{
    size_t pos = 0, left = sl_reader_left(r);
    if (left == 0)
        return sl_read_u8(r); /* unexpected end */
    uint32_t code = sl_utf8_next(r->pos, left < 4 ? left : 4, &pos);
    if (code == UINT32_MAX)
        return sl_reader_fail(r, SL_EMALFORMED, "malformed UTF-8 encoding");
    sl_read_bytes(r, pos);
    out->of.chr = code;
    return true;
}

static bool walk_string(sl_reader *r, sl_val *out, bool build)
{
    sl_name text = sl_read_name(r);
    return sl_reader_ok(r) &&
           (!build || sluice_val_string(out, text.data, text.len) ||
            no_memory(r));
}

/* `n` values of a type in a row. */
static bool walk_list(sl_reader *r, const sl_type *elem, uint32_t n,
                      sl_val *out)
{
    size_t size =
        sl_type_is_number(elem) ? sl_val_elem_size((sluice_kind)elem->kind) : 0;
    if (out != NULL &&
        !(size != 0 ? sluice_val_bytes(out, (sluice_kind)elem->kind, NULL, n)
                    : sluice_val_items(out, SLUICE_LIST, n)))
        return no_memory(r);
    bool ok = true;
    for (uint32_t i = 0; ok && i < n; i++) {
        sl_val item;
        if (out == NULL || size != 0)
            ok = walk(r, elem, size != 0 ? &item : NULL);
        else
            ok = walk(r, elem, &out->of.list.items[i]);
        if (ok && out != NULL && size != 0)
            memcpy((char *)out->of.bytes.data + i * size, &item.of, size);
    }
    return ok;
}

static bool walk_fields(sl_reader *r, sluice_kind kind, const sl_label *v,
                        uint32_t n, sl_val *out)
{
    if (out != NULL && !sluice_val_items(out, kind, n))
        return no_memory(r);
    for (uint32_t i = 0; i < n; i++)
        if (!walk(r, v[i].type, out != NULL ? &out->of.list.items[i] : NULL))
            return false;
    return true;
}

/* A map is encoded as the list of tuples that it stands for (Explainer.md
 * "Specialized value types"). */
static bool walk_map(sl_reader *r, const sl_type *type, sl_val *out)
{
    const sl_label pair[2] = {{.type = type->of.map.key},
                              {.type = type->of.map.value}};
    uint32_t n = sl_read_count(r, 2);
    if (!sl_reader_ok(r))
        return false;
    if (out != NULL && !sluice_val_items(out, SLUICE_MAP, n))
        return no_memory(r);
    for (uint32_t i = 0; i < n; i++)
        if (!walk_fields(r, SLUICE_TUPLE, pair, 2,
                         out != NULL ? &out->of.list.items[i] : NULL))
            return false;
    return true;
}

/* The case's number: u32, or a byte of an option or result. */
static bool read_case(sl_reader *r, const sl_type *type, uint32_t *out)
{
    uint64_t at = sl_reader_at(r);
    bool byte = type->kind == SL_T_OPTION || type->kind == SL_T_RESULT;
    *out = byte ? sl_read_u8(r) : sl_read_u32(r);
    if (!sl_reader_ok(r) || *out < sl_n_cases(type))
        return sl_reader_ok(r);
    if (byte)
        return sl_dec_bad_byte(r, (uint8_t)*out,
                               type->kind == SL_T_OPTION ? "option value"
                                                         : "result value");
    sl_fail(r->err, SL_EMALFORMED, at, "invalid case %u of a value of %u cases",
            (unsigned)*out, (unsigned)sl_n_cases(type));
    r->pos = r->end;
    return false;
}

static bool walk_case(sl_reader *r, const sl_type *type, sl_val *out)
{
    uint32_t i;
    sl_val payload = {0};
    if (!read_case(r, type, &i))
        return false;
    const sl_type *of = sl_case_type(type, i);
    bool ok = of == NULL || walk(r, of, out != NULL ? &payload : NULL);
    if (out == NULL)
        return ok;
    if (!ok) {
        sluice_val_deinit(&payload);
        return false;
    }
    return sluice_val_variant(out, (sluice_kind)type->kind, i,
                              of != NULL ? &payload : NULL) ||
           no_memory(r);
}

/* Bits that stand for no label are not looked at. */
static bool walk_flags(sl_reader *r, const sl_type *type, sl_val *out)
{
    uint32_t n = type->of.labels.n, flags = 0;
    for (uint32_t i = 0; i < (n + 7) / 8; i++)
        flags |= (uint32_t)sl_read_u8(r) << (8 * i);
    out->of.flags = flags & (UINT32_MAX >> (32 - n));
    return sl_reader_ok(r);
}

/* What is made of nothing but its own bits; false in *is: another type. */
static bool walk_scalar(sl_reader *r, const sl_type *type, sl_val *out,
                        bool *is)
{
    *is = true;
    switch (type->kind) {
    case SL_T_BOOL:
        return walk_bool(r, out);
    case SL_T_CHAR:
        return walk_char(r, out);
    case SL_T_FLAGS:
        return walk_flags(r, type, out);
    default:
        *is = sl_type_is_number(type);
        return *is && walk_number(r, type, out);
    }
}

static bool walk_compound(sl_reader *r, const sl_type *type, sl_val *out)
{
    uint32_t n;
    char text[64];
    switch (type->kind) {
    case SL_T_STRING:
        return walk_string(r, out, out != NULL);
    case SL_T_LIST:
        n = type->of.list.len != 0 ? type->of.list.len : sl_read_count(r, 1);
        if (sl_reader_ok(r) && n > sl_reader_left(r))
            return sl_reader_fail(r, SL_EMALFORMED, "unexpected end");
        return sl_reader_ok(r) && walk_list(r, type->of.list.elem, n, out);
    case SL_T_MAP:
        return walk_map(r, type, out);
    case SL_T_RECORD:
    case SL_T_TUPLE:
        return walk_fields(r, (sluice_kind)type->kind, type->of.labels.v,
                           type->of.labels.n, out);
    case SL_T_VARIANT:
    case SL_T_ENUM:
    case SL_T_OPTION:
    case SL_T_RESULT:
        return walk_case(r, type, out);
    default: /* handles, streams, futures, error contexts */
        return sl_reader_fail(r, SL_EINVALID,
                              "a value definition cannot hold a value of type "
                              "%s",
                              sl_type_text(type, text, sizeof text));
    }
}

static bool walk(sl_reader *r, const sl_type *type, sl_val *out)
{
    bool is_scalar;
    sl_val scalar = {0};
    bool ok = walk_scalar(r, type, &scalar, &is_scalar);
    if (out != NULL)
        *out = (sl_val){0};
    if (!is_scalar)
        return walk_compound(r, type, out);
    if (ok && out != NULL) {
        *out = scalar;
        out->kind = (uint8_t)type->kind;
    }
    return ok;
}

/* --- Constants ------------------------------------------------------------ */

sl_status sl_value_constant(const sl_type *value, sl_val *out, sl_err *err)
{
    sl_err own = {0};
    sl_reader r =
        sl_reader_over(value->of.value.bytes, value->of.value.len, 0, &own);
    if (walk(&r, value->of.value.type, out))
        return SL_OK;
    sluice_val_deinit(out);
    return sl_fail(err, own.code, SL_ERR_NO_PLACE, "%s", own.msg);
}

sl_status sl_constants_equal(const sl_type *a, const sl_type *b, bool *equal,
                             sl_err *err)
{
    sl_val x, y;
    sl_status st = sl_value_constant(a, &x, err);
    if (st != SL_OK)
        return st;
    st = sl_value_constant(b, &y, err);
    *equal = st == SL_OK && sluice_val_eq(&x, &y);
    sluice_val_deinit(&x);
    if (st == SL_OK)
        sluice_val_deinit(&y);
    return st;
}

/* value ::= t:<valtype> len:<core:u32> v:<val(t)> */
bool sl_decode_value(sl_decoder *d, sl_scope *s, sl_reader *r)
{
    uint64_t at = sl_reader_at(r);
    sl_type *value = sl_dec_new(d, sl_type);
    const sl_type *type = sl_decode_valtype(d, s, r);
    if (value == NULL || type == NULL)
        return false;
    sl_reader body = sl_read_sub(r, sl_read_u32(r));
    if (!sl_reader_ok(r))
        return false;
    value->kind = SL_T_VALUE;
    value->of.value.type = type;
    value->of.value.bytes = body.pos;
    value->of.value.len = (uint32_t)sl_reader_left(&body);
    if (!walk(&body, type, NULL))
        return false;
    if (sl_reader_left(&body) != 0)
        return sl_reader_fail(&body, SL_EMALFORMED,
                              "value size mismatch: unexpected data at the end "
                              "of the value");
    if (sl_finish(d, value, at) == NULL)
        return false;
    sl_def *def = sl_scope_def(d, s, SL_DEF_VALUE, SL_SORT_VALUE, at);
    if (def == NULL)
        return false;
    def->of.value = value;
    return sl_scope_add(d, s, SL_SORT_VALUE, value, at);
}

/* --- Use, once ------------------------------------------------------------ */

bool sl_use_value(sl_decoder *d, sl_scope *s, sl_sortidx item, uint64_t at)
{
    if (item.sort != SL_SORT_VALUE)
        return true;
    while (s->used.n <= item.index)
        if (!sl_vec_push(&s->used, false))
            return sl_dec_nomem(d);
    if (s->used.v[item.index])
        return sl_dec_invalid(d, at, "cannot use value %u more than once",
                              (unsigned)item.index);
    s->used.v[item.index] = true;
    return true;
}

bool sl_check_used(sl_decoder *d, sl_scope *s, uint64_t at)
{
    for (size_t i = 0; i < s->items[SL_SORT_VALUE].n; i++)
        if (i >= s->used.n || !s->used.v[i])
            return sl_dec_invalid(d, at,
                                  "value %u is not used: no instantiation, "
                                  "start function or export takes it",
                                  (unsigned)i);
    return true;
}

/* --- start ---------------------------------------------------------------- */

/* vec(<valueidx>), against the parameters. */
static bool decode_start_args(sl_decoder *d, sl_scope *s, sl_reader *r,
                              const sl_type *func, uint64_t at,
                              const uint32_t **out)
{
    uint32_t n = sl_dec_count(d, r, SL_MAX_PARAMS, "start arguments");
    if (!sl_reader_ok(r))
        return false;
    if (n != func->of.func.n_params)
        return sl_dec_invalid(
            d, at, "start function takes %u arguments, but %u are given",
            (unsigned)func->of.func.n_params, (unsigned)n);
    uint32_t *args = sl_dec_array(d, uint32_t, n);
    for (uint32_t i = 0; args != NULL && i < n; i++) {
        sl_matcher m = {.d = d};
        uint64_t arg_at = sl_reader_at(r);
        args[i] = sl_read_u32(r);
        const sl_type *value =
            sl_reader_ok(r) ? sl_scope_get(d, s, SL_SORT_VALUE, args[i], arg_at)
                            : NULL;
        if (value == NULL ||
            !sl_use_value(d, s, (sl_sortidx){SL_SORT_VALUE, args[i]}, arg_at))
            return false;
        if (!sl_match_valtype(&m, value->of.value.type,
                              func->of.func.params[i].type))
            return sl_dec_invalid(
                d, arg_at, "type mismatch for start function argument %u: %s",
                (unsigned)i, m.msg);
    }
    *out = args;
    return args != NULL;
}

/* start ::= f:<funcidx> arg*:vec(<valueidx>) r:<u32> */
bool sl_decode_start(sl_decoder *d, sl_scope *s, sl_reader *r)
{
    uint64_t at = sl_reader_at(r);
    const uint32_t *args;
    uint32_t index = sl_read_u32(r);
    const sl_type *func =
        sl_reader_ok(r) ? sl_scope_get(d, s, SL_SORT_FUNC, index, at) : NULL;
    if (func == NULL || !decode_start_args(d, s, r, func, at, &args))
        return false;
    uint64_t results_at = sl_reader_at(r);
    uint32_t results = sl_read_u32(r);
    const sl_type *result = func->of.func.result;
    if (!sl_reader_ok(r))
        return false;
    if (results != (result != NULL))
        return sl_dec_invalid(d, results_at,
                              "start function has %u results, but %u are taken",
                              (unsigned)(result != NULL), (unsigned)results);
    const sl_type *value =
        result != NULL ? sl_fresh_value(d, result, at) : NULL;
    sl_def *def = sl_dec_ok(d)
                      ? sl_scope_def(d, s, SL_DEF_START, SL_SORT_VALUE, at)
                      : NULL;
    if (def == NULL)
        return false;
    def->of.start.func = index;
    def->of.start.n = func->of.func.n_params;
    def->of.start.args = args;
    def->of.start.result = value;
    if (value == NULL)
        return true;
    return (sl_vec_push(&s->defined, value) || sl_dec_nomem(d)) &&
           sl_scope_add(d, s, SL_SORT_VALUE, value, at);
}
