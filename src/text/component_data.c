/* core:data and value definitions in text.
 * docs/data-segments.md, sections 2 and 3; Explainer.md "Value Definitions". */
#include "base/reader.h"
#include "text/component_int.h"

/* --- core data ------------------------------------------------------------ */

static bool at_string(const sl_ct *p)
{
    return sl_peek(p->c)->kind == SL_TOK_STRING;
}

/* A vec(byte) of strings in a row. */
static bool put_strings(sl_ct *p)
{
    size_t start = p->c->pos;
    uint64_t len = 0;
    for (; at_string(p); sl_next(p->c))
        len += sl_peek(p->c)->text.len;
    if (len > UINT32_MAX)
        return sl_cursor_fail(p->c, "data too large");
    p->c->pos = start;
    sl_buf_u32(&p->out, (uint32_t)len);
    for (; at_string(p); sl_next(p->c))
        sl_buf_bytes(&p->out, sl_peek(p->c)->text.data,
                     sl_peek(p->c)->text.len);
    return true;
}

static bool digest(sl_ct *p)
{
    sl_name bytes;
    if (!sl_take_form(p->c, "sha256"))
        return sl_unexpected(p->c);
    if (at_string(p) && sl_peek(p->c)->text.len != 32)
        return sl_cursor_fail(p->c, "unexpected token: a sha256 is 32 bytes");
    if (!sl_expect_string(p->c, &bytes))
        return false;
    sl_buf_bytes(&p->out, bytes.data, bytes.len);
    return sl_expect_rpar(p->c);
}

static bool frame(sl_ct *p)
{
    uint32_t len;
    if (!sl_expect_u32(p->c, &len))
        return false;
    sl_buf_u32(&p->out, len);
    return digest(p) && sl_expect_rpar(p->c);
}

/* (word <u64>) */
static bool sized(sl_ct *p, const char *word, uint64_t *out)
{
    return sl_take_form(p->c, word)
               ? sl_expect_u64(p->c, out) && sl_expect_rpar(p->c)
               : sl_unexpected(p->c);
}

/* The binary format has the chunk size as a power of two. */
static bool chunk_size(sl_ct *p)
{
    uint32_t at = sl_peek_at(p->c, 2)->at;
    uint64_t bytes;
    if (!sized(p, "chunk", &bytes))
        return false;
    uint8_t log = 0;
    while (log < 63 && UINT64_C(1) << log < bytes)
        log++;
    if (UINT64_C(1) << log != bytes)
        return sl_cursor_fail_at(p->c, at, "chunk size is not a power of two");
    sl_buf_u8(&p->out, log);
    return true;
}

static bool external(sl_ct *p)
{
    uint64_t size;
    sl_buf_u8(&p->out, 0x03);
    if (!sl_ct_put_name(p) || !sized(p, "size", &size))
        return false;
    sl_buf_u64(&p->out, size);
    if (!chunk_size(p))
        return false;
    bool zstd = sl_take_keyword(p->c, "zstd");
    sl_buf_u8(&p->out, zstd);
    size_t mark = sl_ct_mark(p);
    uint32_t n = 0;
    for (; sl_peek(p->c)->kind == SL_TOK_LPAR; n++) {
        if (!zstd && !digest(p))
            return false;
        if (zstd &&
            !(sl_take_form(p->c, "frame") ? frame(p) : sl_unexpected(p->c)))
            return false;
    }
    sl_ct_count(p, mark, n);
    return sl_expect_rpar(p->c);
}

bool sl_ct_data(sl_ct *p)
{
    if (sl_take_form(p->c, "external"))
        return external(p);
    sl_buf_u8(&p->out, 0x01);
    return put_strings(p);
}

/* --- Values --------------------------------------------------------------- */

static bool val(sl_ct *p, sl_reader *type);

static bool mismatch(sl_ct *p)
{
    return sl_cursor_fail(p->c, "unexpected token: not a value of its type");
}

static bool val_bool(sl_ct *p)
{
    bool yes = sl_take_keyword(p->c, "true");
    sl_buf_u8(&p->out, yes);
    return yes || sl_expect_keyword(p->c, "false");
}

/* u8, s8: one byte; wider integers as LEB128. */
static bool val_integer(sl_ct *p, uint8_t code)
{
    unsigned bits = 8u << (0x7e - code) / 2;
    bool is_signed = code % 2 == 0;
    const sl_token *t = sl_peek(p->c);
    uint64_t value;
    if (t->kind != SL_TOK_NUMBER || !sl_is_integer(t->text))
        return mismatch(p);
    bool minus = t->text.data[0] == '-';
    if (!(minus ? sl_parse_i64(t->text, &value) && (int64_t)value <= 0
                : sl_parse_u64(t->text, &value)))
        return sl_cursor_fail(p->c, "constant out of range");
    uint64_t top =
        is_signed ? (UINT64_C(1) << (bits - 1)) - 1 : UINT64_MAX >> (64 - bits);
    if (minus ? (is_signed ? (int64_t)value < -(int64_t)top - 1 : value != 0)
              : value > top)
        return sl_cursor_fail(p->c, "constant out of range");
    sl_next(p->c);
    if (bits == 8)
        sl_buf_u8(&p->out, (uint8_t)value);
    else if (is_signed)
        sl_buf_s64(&p->out, (int64_t)value);
    else
        sl_buf_u64(&p->out, value);
    return true;
}

/* There is one NaN, which is written `nan`. */
static bool val_float(sl_ct *p, bool is64)
{
    uint32_t bits32 = 0;
    uint64_t bits64 = 0;
    sl_name text = sl_peek(p->c)->text;
    bool ok = is64 ? sl_parse_f64(text, &bits64) : sl_parse_f32(text, &bits32);
    bool is_nan = bits64 << 1 > UINT64_C(0xffe) << 52 ||
                  bits32 << 1 > UINT32_C(0xff) << 24;
    if (!ok || (is_nan && !sl_name_is(text, "nan")))
        return mismatch(p);
    sl_next(p->c);
    if (is64)
        sl_buf_le64(&p->out, bits64);
    else
        sl_buf_le32(&p->out, bits32);
    return true;
}

static bool val_char(sl_ct *p)
{
    sl_name text = sl_peek(p->c)->text;
    if (sl_peek(p->c)->kind != SL_TOK_CHAR)
        return mismatch(p);
    sl_next(p->c);
    sl_buf_bytes(&p->out, text.data, text.len);
    return true;
}

static bool val_primitive(sl_ct *p, uint8_t code)
{
    switch (code) {
    case 0x7f:
        return val_bool(p);
    case 0x76:
    case 0x75:
        return val_float(p, code == 0x75);
    case 0x74:
        return val_char(p);
    case 0x73:
        return sl_ct_put_name(p);
    case 0x64:
        return mismatch(p);
    default:
        return val_integer(p, code);
    }
}

/* Skips a valtype in a type's encoding. */
static void skip_valtype(sl_reader *type)
{
    sl_read_s33(type);
}

static bool val_fields(sl_ct *p, sl_reader *type, bool named)
{
    if (!sl_take_form(p->c, named ? "record" : "tuple"))
        return mismatch(p);
    for (uint32_t n = sl_read_count(type, 1); n > 0; n--) {
        if (named)
            sl_read_name(type);
        if (!val(p, type))
            return false;
    }
    return sl_expect_rpar(p->c);
}

/* The case's number; `type` moves on to the payload of that case. */
static bool val_case(sl_ct *p, sl_reader *type, bool payloads)
{
    sl_name label;
    if (!sl_expect_name(p->c, &label))
        return false;
    uint32_t n = sl_read_count(type, 1);
    for (uint32_t i = 0; i < n; i++) {
        if (sl_name_eq(sl_read_name(type), label)) {
            sl_buf_u32(&p->out, i);
            return true;
        }
        if (payloads && sl_read_u8(type))
            skip_valtype(type);
        if (payloads)
            sl_read_u8(type);
    }
    return sl_cursor_fail(p->c, "unknown case `%.*s`", SL_NAME_ARGS(label));
}

static bool val_variant(sl_ct *p, sl_reader *type)
{
    if (!sl_take_form(p->c, "variant"))
        return mismatch(p);
    return val_case(p, type, true) && (!sl_read_u8(type) || val(p, type)) &&
           sl_expect_rpar(p->c);
}

static bool val_enum(sl_ct *p, sl_reader *type)
{
    if (!sl_take_form(p->c, "enum"))
        return mismatch(p);
    return val_case(p, type, false) && sl_expect_rpar(p->c);
}

static bool val_list(sl_ct *p, sl_reader *type, bool fixed)
{
    if (!sl_take_form(p->c, "list"))
        return mismatch(p);
    size_t mark = sl_ct_mark(p);
    uint32_t n = 0;
    for (; sl_peek(p->c)->kind != SL_TOK_RPAR; n++) {
        sl_reader elem = *type;
        if (!val(p, &elem))
            return false;
    }
    skip_valtype(type);
    if (fixed && sl_read_u32(type) != n)
        return mismatch(p);
    if (!fixed)
        sl_ct_count(p, mark, n);
    return sl_expect_rpar(p->c);
}

/* As the list of tuples that a map stands for. */
static bool val_map(sl_ct *p, sl_reader *type)
{
    if (!sl_take_form(p->c, "list"))
        return mismatch(p);
    size_t mark = sl_ct_mark(p);
    uint32_t n = 0;
    for (; sl_peek(p->c)->kind != SL_TOK_RPAR; n++) {
        sl_reader pair = *type;
        if (!sl_take_form(p->c, "tuple"))
            return mismatch(p);
        if (!val(p, &pair) || !val(p, &pair) || !sl_expect_rpar(p->c))
            return false;
    }
    sl_ct_count(p, mark, n);
    return sl_expect_rpar(p->c);
}

static bool val_flags(sl_ct *p, sl_reader *type)
{
    if (!sl_take_form(p->c, "flags"))
        return mismatch(p);
    uint64_t bits = 0;
    uint32_t n = 0;
    for (sl_name label; sl_peek(p->c)->kind != SL_TOK_RPAR;) {
        sl_reader labels = *type;
        if (!sl_expect_name(p->c, &label))
            return false;
        uint32_t i = 0;
        n = sl_read_count(&labels, 1);
        while (i < n && !sl_name_eq(sl_read_name(&labels), label))
            i++;
        if (i == n || i >= 64)
            return sl_cursor_fail(p->c, "unknown flag `%.*s`",
                                  SL_NAME_ARGS(label));
        bits |= UINT64_C(1) << i;
    }
    n = sl_read_count(type, 1);
    for (uint32_t i = 0; i < (n + 7) / 8; i++)
        sl_buf_u8(&p->out, i < 8 ? (uint8_t)(bits >> (8 * i)) : 0);
    return sl_expect_rpar(p->c);
}

static bool val_option(sl_ct *p, sl_reader *type)
{
    bool some = sl_take_form(p->c, "some");
    sl_buf_u8(&p->out, some);
    return some ? val(p, type) && sl_expect_rpar(p->c)
                : sl_expect_keyword(p->c, "none");
}

static bool val_result(sl_ct *p, sl_reader *type)
{
    sl_reader ok = *type;
    bool has_ok = sl_read_u8(type);
    if (has_ok)
        skip_valtype(type);
    bool has_error = sl_read_u8(type);
    if (has_ok && sl_take_form(p->c, "ok")) {
        sl_buf_u8(&p->out, 0);
        sl_read_u8(&ok);
        return val(p, &ok) && sl_expect_rpar(p->c);
    }
    if (has_error && sl_take_form(p->c, "error")) {
        sl_buf_u8(&p->out, 1);
        return val(p, type) && sl_expect_rpar(p->c);
    }
    if (!has_ok && sl_take_keyword(p->c, "ok")) {
        sl_buf_u8(&p->out, 0);
        return true;
    }
    sl_buf_u8(&p->out, 1);
    return !has_error && sl_take_keyword(p->c, "error") ? true : mismatch(p);
}

static bool val_of(sl_ct *p, uint8_t code, sl_reader *type)
{
    switch (code) {
    case 0x72:
    case 0x6f:
        return val_fields(p, type, code == 0x72);
    case 0x71:
        return val_variant(p, type);
    case 0x70:
    case 0x67:
        return val_list(p, type, code == 0x67);
    case 0x6e:
        return val_flags(p, type);
    case 0x6d:
        return val_enum(p, type);
    case 0x6b:
        return val_option(p, type);
    case 0x6a:
        return val_result(p, type);
    case 0x63:
        return val_map(p, type);
    default:
        return code >= 0x73 ? val_primitive(p, code) : mismatch(p);
    }
}

/* Reads a valtype and parses a value of it. `(binary "...")` gives any value
 * by its encoding. */
static bool val(sl_ct *p, sl_reader *type)
{
    int64_t code = sl_read_s33(type);
    sl_name bytes;
    if (sl_take_form(p->c, "binary")) {
        while (at_string(p) && sl_expect_string(p->c, &bytes))
            sl_buf_bytes(&p->out, bytes.data, bytes.len);
        return sl_expect_rpar(p->c);
    }
    if (code < 0)
        return val_primitive(p, (uint8_t)(code & 0x7f));
    const sl_ct_scope *scope = p->types;
    const sl_ct_known *known = sl_ct_known_type(scope, code);
    if (known == NULL)
        return sl_cursor_fail(p->c, "unknown type %lld of a value",
                              (long long)code);
    sl_reader inner =
        sl_reader_over(known->bytes.data, known->bytes.len, 0, p->c->err);
    if (!sl_ct_enter(p))
        return false;
    uint8_t first = sl_read_u8(&inner);
    p->types = known->scope;
    bool ok = sl_ct_leave(p, val_of(p, first, &inner));
    p->types = scope;
    return ok;
}

/* value ::= t:<valtype> len:<core:u32> v:<val(t)> */
bool sl_ct_value(sl_ct *p)
{
    size_t mark = sl_ct_mark(p);
    if (!sl_ct_valtype(p))
        return false;
    if (p->out.failed)
        return sl_cursor_nomem(p->c);
    size_t len = p->out.len - mark;
    char *type = sl_arena_dup(p->c->arena, p->out.data + mark, len);
    if (type == NULL)
        return sl_cursor_nomem(p->c);
    sl_reader r = sl_reader_over(type, len, 0, p->c->err);
    size_t value = sl_ct_mark(p);
    p->types = p->scope;
    if (!val(p, &r))
        return false;
    sl_ct_count(p, value, (uint32_t)(p->out.len - value));
    return true;
}
