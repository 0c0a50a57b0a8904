/* Core values of scripts: literals, patterns and their printing. */
#include "wast/wast_int.h"

#include <inttypes.h>
#include <math.h>

static bool unsupported(sl_cursor *c, const char *what)
{
    sl_fail(c->err, SL_EUNSUPPORTED, sl_peek(c)->at, "%s", what);
    return sl_cursor_fail(c, "not supported");
}

static bool out_of_range(sl_cursor *c)
{
    return sl_cursor_fail(c, "constant out of range");
}

/* t.const behind its keyword; the bits in the slot. */
static bool parse_number(sl_cursor *c, sl_valtype type, sl_slot *out)
{
    uint32_t v32 = 0;
    uint64_t v64 = 0;
    bool ok;
    if (sl_peek(c)->kind != SL_TOK_NUMBER)
        return sl_unexpected(c);
    sl_name text = sl_peek(c)->text;
    *out = (sl_slot){.i64 = 0};
    switch (type) {
    case SL_I32:
        ok = sl_parse_i32(text, &v32);
        break;
    case SL_F32:
        ok = sl_parse_f32(text, &v32);
        break;
    case SL_I64:
        ok = sl_parse_i64(text, &v64);
        break;
    default:
        ok = sl_parse_f64(text, &v64);
        break;
    }
    if (!ok)
        return out_of_range(c);
    if (type == SL_I32 || type == SL_F32)
        out->i32 = v32;
    else
        out->i64 = v64;
    sl_next(c);
    return true;
}

/* The keyword t.const, if it stands behind the parenthesis. */
static bool take_const(sl_cursor *c, sl_valtype *type)
{
    static const struct {
        const char *text;
        sl_valtype type;
    } rows[] = {
        {"i32.const", SL_I32},
        {"i64.const", SL_I64},
        {"f32.const", SL_F32},
        {"f64.const", SL_F64},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (sl_take_form(c, rows[i].text)) {
            *type = rows[i].type;
            return true;
        }
    return false;
}

/* The host's reference number n; null is a null pointer. */
static void *host_ref(uint32_t n)
{
    return (void *)((uintptr_t)n + 1);
}

static bool parse_null_type(sl_cursor *c, sl_valtype *type)
{
    if (sl_take_keyword(c, "func"))
        *type = SL_FUNCREF;
    else if (sl_take_keyword(c, "extern"))
        *type = SL_EXTERNREF;
    else if (sl_take_keyword(c, "exn"))
        *type = SL_EXNREF;
    else if (sl_peek(c)->kind == SL_TOK_RPAR)
        *type = 0;
    else
        return unsupported(c, "gc");
    return true;
}

static bool not_ours(sl_cursor *c)
{
    const sl_token *keyword = sl_peek_at(c, 1);
    if (sl_name_is(keyword->text, "v128.const"))
        return unsupported(c, "simd");
    if (keyword->text.len > 4 && memcmp(keyword->text.data, "ref.", 4) == 0)
        return unsupported(c, "gc");
    return sl_unexpected(c);
}

bool wast_parse_value(sl_cursor *c, sl_valtype *type, sl_slot *out)
{
    uint32_t n;
    if (take_const(c, type))
        return parse_number(c, *type, out) && sl_expect_rpar(c);
    if (sl_take_form(c, "ref.null")) {
        if (!parse_null_type(c, type))
            return false;
        out->ref = *type == SL_FUNCREF ? NULL : SL_NULL_EXTERN;
        return sl_expect_rpar(c);
    }
    if (sl_take_form(c, "ref.extern")) {
        if (!sl_expect_u32(c, &n) || !sl_expect_rpar(c))
            return false;
        *type = SL_EXTERNREF;
        out->ref = host_ref(n);
        return true;
    }
    return not_ours(c);
}

static bool parse_number_pattern(sl_cursor *c, wast_pattern *out)
{
    sl_slot value;
    if (sl_take_keyword(c, "nan:canonical")) {
        out->kind = WAST_NAN_CANONICAL;
        return true;
    }
    if (sl_take_keyword(c, "nan:arithmetic")) {
        out->kind = WAST_NAN_ARITHMETIC;
        return true;
    }
    if (!parse_number(c, out->type, &value))
        return false;
    out->kind = WAST_BITS;
    out->bits = value.i64;
    return true;
}

static bool parse_pattern(sl_cursor *c, wast_pattern *out)
{
    uint32_t n;
    *out = (wast_pattern){.kind = WAST_REF_ANY};
    if (take_const(c, &out->type))
        return parse_number_pattern(c, out) && sl_expect_rpar(c);
    if (sl_take_form(c, "ref.null")) {
        out->kind = WAST_REF_NULL;
        return parse_null_type(c, &out->type) && sl_expect_rpar(c);
    }
    if (sl_take_form(c, "ref.func")) {
        out->type = SL_FUNCREF;
        return sl_expect_rpar(c);
    }
    if (sl_take_form(c, "ref.exn")) {
        out->type = SL_EXNREF;
        return sl_expect_rpar(c);
    }
    if (sl_take_form(c, "ref.extern")) {
        out->type = SL_EXTERNREF;
        if (sl_take_rpar(c))
            return true;
        out->kind = WAST_REF_EXTERN;
        if (!sl_expect_u32(c, &n))
            return false;
        out->bits = n;
        return sl_expect_rpar(c);
    }
    return not_ours(c);
}

bool wast_parse_result(sl_cursor *c, wast_result *out)
{
    out->n = 0;
    if (!sl_take_form(c, "either")) {
        out->n = 1;
        return parse_pattern(c, &out->any[0]);
    }
    while (sl_peek(c)->kind == SL_TOK_LPAR) {
        if (out->n == WAST_MAX_ALTERNATIVES)
            return unsupported(c, "more than 8 alternatives");
        if (!parse_pattern(c, &out->any[out->n++]))
            return false;
    }
    return sl_expect_rpar(c);
}

/* The value's bits, in the low half for 32-bit types. */
static uint64_t bits_of(sl_valtype type, sl_slot value)
{
    return type == SL_I32 || type == SL_F32 ? value.i32 : value.i64;
}

/* Core specification, "Numerics / NaN": canonical has the top payload bit
 * alone, arithmetic has it among others. */
static bool is_nan(sl_valtype type, uint64_t bits, bool canonical)
{
    unsigned width = type == SL_F32 ? 32 : 64;
    unsigned payload = type == SL_F32 ? 23 : 52;
    uint64_t sign = UINT64_C(1) << (width - 1);
    uint64_t quiet = (sign - 1) & ~((UINT64_C(1) << (payload - 1)) - 1);
    uint64_t mask = canonical ? sign - 1 : quiet;
    return (bits & mask) == quiet;
}

static void *null_of(sl_valtype type)
{
    return type == SL_EXTERNREF ? SL_NULL_EXTERN : NULL;
}

static bool pattern_matches(const wast_pattern *p, sl_valtype type,
                            sl_slot have)
{
    if (p->type != type && !(p->kind == WAST_REF_NULL && p->type == 0))
        return false;
    switch (p->kind) {
    case WAST_BITS:
        return p->bits == bits_of(type, have);
    case WAST_NAN_CANONICAL:
        return is_nan(type, bits_of(type, have), true);
    case WAST_NAN_ARITHMETIC:
        return is_nan(type, bits_of(type, have), false);
    case WAST_REF_NULL:
        return have.ref == null_of(type);
    case WAST_REF_EXTERN:
        return have.ref == host_ref((uint32_t)p->bits);
    case WAST_REF_ANY:
        return have.ref != null_of(type);
    }
    return false;
}

bool wast_matches(const wast_result *want, sl_valtype type, sl_slot have)
{
    for (uint32_t i = 0; i < want->n; i++)
        if (pattern_matches(&want->any[i], type, have))
            return true;
    return false;
}

/* --- Printing ------------------------------------------------------------ */

static void print_float(sl_buf *out, const char *type, double value,
                        uint64_t bits, unsigned width)
{
    sl_buf_printf(out, "(%s.const %.17g", type, value);
    sl_buf_printf(out, " (;0x%0*" PRIx64 ";))", (int)width / 4, bits);
}

static const char *heap_text(sl_valtype type)
{
    return type == SL_FUNCREF ? "func" : type == SL_EXNREF ? "exn" : "extern";
}

static void print_ref(sl_buf *out, sl_valtype type, sl_slot value)
{
    if (value.ref == NULL)
        sl_buf_printf(out, "(ref.null %s)", heap_text(type));
    else if (type != SL_EXTERNREF)
        sl_buf_printf(out, "(ref.%s)", heap_text(type));
    else
        sl_buf_printf(out, "(ref.extern %ju)", (uintmax_t)value.ref - 1);
}

void wast_print_value(sl_buf *out, sl_valtype type, sl_slot value)
{
    switch (type) {
    case SL_I32:
        sl_buf_printf(out, "(i32.const %" PRId32 ")", (int32_t)value.i32);
        break;
    case SL_I64:
        sl_buf_printf(out, "(i64.const %" PRId64 ")", (int64_t)value.i64);
        break;
    case SL_F32:
        print_float(out, "f32", (double)value.f32, value.i32, 32);
        break;
    case SL_F64:
        print_float(out, "f64", value.f64, value.i64, 64);
        break;
    default:
        print_ref(out, type, value);
    }
}

static void print_pattern(sl_buf *out, const wast_pattern *p)
{
    const char *number = p->type == SL_F32 ? "f32" : "f64";
    const char *heap = heap_text(p->type);
    switch (p->kind) {
    case WAST_BITS:
        wast_print_value(out, p->type, (sl_slot){.i64 = p->bits});
        break;
    case WAST_NAN_CANONICAL:
        sl_buf_printf(out, "(%s.const nan:canonical)", number);
        break;
    case WAST_NAN_ARITHMETIC:
        sl_buf_printf(out, "(%s.const nan:arithmetic)", number);
        break;
    case WAST_REF_NULL:
        sl_buf_printf(out, "(ref.null%s%s)", p->type ? " " : "",
                      p->type ? heap : "");
        break;
    case WAST_REF_EXTERN:
        sl_buf_printf(out, "(ref.extern %" PRIu64 ")", p->bits);
        break;
    case WAST_REF_ANY:
        sl_buf_printf(out, "(ref.%s)", heap);
        break;
    }
}

void wast_print_result(sl_buf *out, const wast_result *want)
{
    if (want->n != 1)
        sl_buf_printf(out, "(either ");
    for (uint32_t i = 0; i < want->n; i++)
        print_pattern(out, &want->any[i]);
    if (want->n != 1)
        sl_buf_printf(out, ")");
}
