/* Values of components as literals. What is no value of its type, or of a type
 * that cannot be seen from here, stays bytes.
 * Explainer.md "Value Definitions"; Binary.md "Value Definitions". */
#include "base/utf8.h"
#include "text/print_component_int.h"
#include "text/print_int.h"

/* --- Types ---------------------------------------------------------------- */

static void know(sl_pc *p, sl_pc_known known)
{
    sl_pc_scope *s = p->scope;
    known.index = s->count[SL_SORT_TYPE];
    if (!sl_vec_push(&s->known, known))
        p->out->failed = true;
}

void sl_pc_know(sl_pc *p, const uint8_t *bytes, size_t len)
{
    if (len != 0 && bytes[0] >= 0x60 && bytes[0] <= 0x7f)
        know(p, (sl_pc_known){.bytes = {(const char *)bytes, len},
                              .scope = p->scope});
}

static const sl_pc_known *known_type(const sl_pc_scope *scope, int64_t index)
{
    return sl_ct_find_index(scope->known.v, scope->known.n,
                            sizeof *scope->known.v, index);
}

void sl_pc_know_same(sl_pc *p, const sl_pc_scope *from, uint32_t index)
{
    const sl_pc_known *known = known_type(from, index);
    if (known != NULL)
        know(p, *known);
}

/* --- Literals --------------------------------------------------------------
 * Each function reads a type's encoding and a value's and says whether they
 * went together; both readers share an error record, so that the end of either
 * ends all. */

typedef struct literal {
    sl_pc *p;
    const sl_pc_scope *types; /* that the type's indices belong to */
    sl_reader *val;
    unsigned depth;
    uint64_t fuel; /* labels that may still be passed: long lists of values of
                      long enums stay bytes */
} literal;

static bool lit(literal *l, sl_reader *type);

static bool good(const literal *l)
{
    return sl_reader_ok(l->val) && !l->p->out->failed;
}

static bool lit_bool(literal *l)
{
    uint8_t byte = sl_read_u8(l->val);
    sl_pc_text(l->p, byte ? "true" : "false");
    return byte <= 1;
}

static bool lit_signed(literal *l, long long value)
{
    sl_buf_printf(l->p->out, "%lld", value);
    return true;
}

static bool lit_unsigned(literal *l, unsigned long long value)
{
    sl_buf_printf(l->p->out, "%llu", value);
    return true;
}

/* Another NaN than the canonical one is no value. */
static bool lit_f32(literal *l)
{
    float value;
    uint32_t bits = sl_read_f32_bits(l->val);
    memcpy(&value, &bits, sizeof value);
    sl_put_float(l->p->out, (double)value, true);
    return value == value || bits == UINT32_C(0x7fc0) << 16;
}

static bool lit_f64(literal *l)
{
    double value;
    uint64_t bits = sl_read_f64_bits(l->val);
    memcpy(&value, &bits, sizeof value);
    sl_put_float(l->p->out, value, false);
    return value == value || bits == UINT64_C(0x7ff8) << 48;
}

static bool lit_char(literal *l)
{
    size_t pos = 0;
    uint32_t c = sl_reader_left(l->val) == 0
                     ? UINT32_MAX
                     : sl_utf8_next(l->val->pos, sl_reader_left(l->val), &pos);
    if (c == UINT32_MAX)
        return false;
    const uint8_t *bytes = sl_read_bytes(l->val, pos);
    if (c == '\'' || c == '"' || c == '\\')
        sl_buf_printf(l->p->out, "'\\%c'", (char)c);
    else if (c < 0x20 || (c >= 0x7f && c < 0xa0))
        sl_buf_printf(l->p->out, "'\\u{%x}'", (unsigned)c);
    else
        sl_buf_printf(l->p->out, "'%.*s'", (int)pos, (const char *)bytes);
    return true;
}

static bool lit_string(literal *l)
{
    sl_name text = sl_read_name(l->val);
    if (sl_reader_ok(l->val))
        sl_put_string(l->p->out, text);
    return true;
}

static bool lit_primitive(literal *l, uint8_t code)
{
    switch (code) {
    case 0x7f:
        return lit_bool(l);
    case 0x7e:
        return lit_signed(l, (int8_t)sl_read_u8(l->val));
    case 0x7d:
        return lit_unsigned(l, sl_read_u8(l->val));
    case 0x7c:
        return lit_signed(l, sl_read_s16(l->val));
    case 0x7b:
        return lit_unsigned(l, sl_read_u16(l->val));
    case 0x7a:
        return lit_signed(l, sl_read_s32(l->val));
    case 0x79:
        return lit_unsigned(l, sl_read_u32(l->val));
    case 0x78:
        return lit_signed(l, sl_read_s64(l->val));
    case 0x77:
        return lit_unsigned(l, sl_read_u64(l->val));
    case 0x76:
        return lit_f32(l);
    case 0x75:
        return lit_f64(l);
    case 0x74:
        return lit_char(l);
    default:
        return code == 0x73 && lit_string(l);
    }
}

static bool open(literal *l, const char *word)
{
    sl_pc_text(l->p, "(");
    sl_pc_text(l->p, word);
    return true;
}

static bool close(literal *l)
{
    sl_pc_text(l->p, ")");
    return good(l);
}

static bool part(literal *l, sl_reader *type)
{
    sl_pc_text(l->p, " ");
    return lit(l, type);
}

/* Nothing without parts is a type: each costs the value a byte. */
static bool lit_fields(literal *l, sl_reader *type, bool named)
{
    uint32_t n = sl_read_count(type, 1);
    open(l, named ? "record" : "tuple");
    for (uint32_t i = 0; i < n; i++) {
        if (named)
            sl_read_name(type);
        if (!part(l, type))
            return false;
    }
    return n != 0 && close(l);
}

static void skip_valtype(sl_reader *type)
{
    sl_read_s33(type);
}

/* The label of a case; `type` moves on to its payload. */
static bool find_case(literal *l, sl_reader *type, uint32_t index,
                      bool payloads, sl_name *label)
{
    uint32_t n = sl_read_count(type, 1);
    if (index >= n || index > l->fuel)
        return false;
    l->fuel -= index;
    for (uint32_t i = 0;; i++) {
        *label = sl_read_name(type);
        if (i == index)
            return sl_reader_ok(type);
        if (payloads && sl_read_u8(type))
            skip_valtype(type);
        if (payloads)
            sl_read_u8(type);
        if (!sl_reader_ok(type))
            return false;
    }
}

static bool lit_case(literal *l, sl_reader *type, bool payloads)
{
    sl_name label;
    uint32_t index = sl_read_u32(l->val);
    if (!find_case(l, type, index, payloads, &label))
        return false;
    open(l, payloads ? "variant " : "enum ");
    sl_put_string(l->p->out, label);
    if (payloads && sl_read_u8(type) && !part(l, type))
        return false;
    return close(l);
}

static bool lit_list(literal *l, sl_reader *type, bool fixed)
{
    sl_reader elem = *type;
    uint32_t n;
    skip_valtype(type);
    n = fixed ? sl_read_u32(type) : sl_read_count(l->val, 1);
    open(l, "list");
    for (uint32_t i = 0; i < n; i++) {
        sl_reader one = elem;
        if (!part(l, &one))
            return false;
    }
    return (n != 0 || !fixed) && close(l);
}

static bool lit_map(literal *l, sl_reader *type)
{
    uint32_t n = sl_read_count(l->val, 2);
    open(l, "list");
    for (uint32_t i = 0; i < n; i++) {
        sl_reader pair = *type;
        sl_pc_text(l->p, " (tuple");
        if (!part(l, &pair) || !part(l, &pair) || !close(l))
            return false;
    }
    return close(l);
}

static bool lit_flags(literal *l, sl_reader *type)
{
    uint8_t bits = 0;
    uint32_t n = sl_read_count(type, 1);
    open(l, "flags");
    for (uint32_t i = 0; i < n && good(l); i++) {
        sl_name label = sl_read_name(type);
        if (i % 8 == 0)
            bits = sl_read_u8(l->val);
        if (bits >> i % 8 & 1) {
            sl_pc_text(l->p, " ");
            sl_put_string(l->p->out, label);
        }
    }
    return n != 0 && n <= 32 && close(l);
}

static bool lit_option(literal *l, sl_reader *type)
{
    uint8_t some = sl_read_u8(l->val);
    if (some != 1) {
        sl_pc_text(l->p, "none");
        return some == 0;
    }
    open(l, "some");
    return part(l, type) && close(l);
}

static bool lit_result(literal *l, sl_reader *type)
{
    uint8_t error = sl_read_u8(l->val);
    bool has_ok = sl_read_u8(type) != 0, has = has_ok;
    if (error && has_ok)
        skip_valtype(type);
    if (error)
        has = sl_read_u8(type) != 0;
    if (error > 1)
        return false;
    const char *word = error ? "error" : "ok";
    if (!has) {
        sl_pc_text(l->p, word);
        return good(l);
    }
    open(l, word);
    return part(l, type) && close(l);
}

static bool lit_compound(literal *l, uint8_t code, sl_reader *type)
{
    switch (code) {
    case 0x72:
    case 0x6f:
        return lit_fields(l, type, code == 0x72);
    case 0x71:
    case 0x6d:
        return lit_case(l, type, code == 0x71);
    case 0x70:
    case 0x67:
        return lit_list(l, type, code == 0x67);
    case 0x6e:
        return lit_flags(l, type);
    case 0x6b:
        return lit_option(l, type);
    case 0x6a:
        return lit_result(l, type);
    case 0x63:
        return lit_map(l, type);
    default:
        return lit_primitive(l, code);
    }
}

/* Reads a valtype and a value of it. */
static bool lit(literal *l, sl_reader *type)
{
    int64_t code = sl_read_s33(type);
    if (!good(l))
        return false;
    if (code < 0)
        return lit_primitive(l, (uint8_t)(code & 0x7f)) && good(l);
    const sl_pc_scope *scope = l->types;
    const sl_pc_known *known = known_type(scope, code);
    if (known == NULL || l->depth == SL_CT_MAX_DEPTH)
        return false;
    sl_reader inner =
        sl_reader_over(known->bytes.data, known->bytes.len, 0, l->val->err);
    uint8_t first = sl_read_u8(&inner);
    l->types = known->scope;
    l->depth++;
    bool ok = lit_compound(l, first, &inner) && good(l);
    l->depth--;
    l->types = scope;
    return ok;
}

void sl_pc_value(sl_pc *p, sl_reader *r, bool named)
{
    sl_err ignored = {0};
    sl_buf text = {0}, *out = p->out;
    sl_reader type = *r;
    sl_pc_text(p, " ");
    sl_pc_valtype_of(p, r, named);
    uint32_t len = sl_read_u32(r);
    const uint8_t *bytes = sl_read_bytes(r, len);
    if (bytes == NULL)
        return;
    sl_reader val = sl_reader_over(bytes, len, 0, &ignored);
    literal l = {.p = p,
                 .types = p->scope,
                 .val = &val,
                 .fuel = 1000000 + 64 * (uint64_t)len};
    type.err = &ignored;
    p->out = &text;
    bool ok = lit(&l, &type) && sl_reader_left(&val) == 0;
    p->out = out;
    if (text.failed)
        out->failed = true;
    sl_pc_text(p, " ");
    if (ok) {
        sl_buf_bytes(out, text.data, text.len);
    } else {
        sl_pc_text(p, "(binary");
        sl_pc_byte_lines(p, bytes, len);
        sl_pc_text(p, ")");
    }
    sl_buf_deinit(&text);
}
