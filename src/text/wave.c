/* Component-level values from text. */
#include "text/wave_int.h"

#include "base/alloc.h"
#include "base/utf8.h"
#include "base/vec.h"
#include "text/lexer.h"

_Static_assert((int)SLUICE_U64 == (int)SL_T_U64 &&
                   (int)SLUICE_RECORD == (int)SL_T_RECORD &&
                   (int)SLUICE_FUTURE == (int)SL_T_FUTURE,
               "values and types have the same kinds");

#define MAX_DEPTH 200

typedef struct parser {
    const char *s;
    size_t len, pos;
    unsigned depth;
    sl_err *err;
} parser;

static bool fail(parser *p, const char *what)
{
    sl_fail(p->err, SL_EMALFORMED, p->pos, "expected %s", what);
    return false;
}

static bool nomem(parser *p)
{
    sl_fail(p->err, SL_ENOMEM, SL_ERR_NO_PLACE, "out of memory");
    return false;
}

/* --- Tokens --------------------------------------------------------------- */

static int peek(const parser *p)
{
    return p->pos < p->len ? (unsigned char)p->s[p->pos] : -1;
}

static void space(parser *p)
{
    for (;;) {
        int c = peek(p);
        if (c == ' ' || c == '\t' || c == '\n' || c == '\r') {
            p->pos++;
        } else if (c == '/' && p->pos + 1 < p->len && p->s[p->pos + 1] == '/') {
            while (peek(p) >= 0 && peek(p) != '\n')
                p->pos++;
        } else {
            return;
        }
    }
}

static bool take(parser *p, char c)
{
    space(p);
    if (peek(p) != c)
        return false;
    p->pos++;
    return true;
}

static bool expect(parser *p, char c)
{
    char what[] = {'`', c, '`', '\0'};
    return take(p, c) || fail(p, what);
}

static bool is_letter(int c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_digit(int c)
{
    return c >= '0' && c <= '9';
}

/* The label or word that stands here, nothing taken; empty: none does. */
static sl_name peek_word(parser *p, bool *escaped)
{
    space(p);
    size_t start = p->pos;
    *escaped = peek(p) == '%';
    if (*escaped)
        start++;
    size_t end = start;
    while (end < p->len &&
           (is_letter(p->s[end]) || p->s[end] == '-' || is_digit(p->s[end])))
        end++;
    if (end > start && !is_letter(p->s[start]))
        end = start;
    return (sl_name){p->s + start, end - start};
}

static void take_word(parser *p, sl_name word)
{
    p->pos = (size_t)(word.data - p->s) + word.len;
}

/* A word of the language, which an escaped label never is. */
static bool take_keyword(parser *p, const char *keyword)
{
    bool escaped;
    sl_name word = peek_word(p, &escaped);
    if (escaped || !sl_name_is(word, keyword))
        return false;
    take_word(p, word);
    return true;
}

static bool expect_label(parser *p, sl_name *out)
{
    bool escaped;
    *out = peek_word(p, &escaped);
    if (out->len == 0)
        return fail(p, "a name");
    take_word(p, *out);
    return true;
}

/* --- Scalars -------------------------------------------------------------- */

static sl_name number_text(parser *p)
{
    space(p);
    size_t start = p->pos, end = start;
    while (end < p->len &&
           (is_letter(p->s[end]) || is_digit(p->s[end]) || p->s[end] == '+' ||
            p->s[end] == '-' || p->s[end] == '.'))
        end++;
    return (sl_name){p->s + start, end - start};
}

static bool parse_integer(parser *p, const sl_type *type, sl_val *out)
{
    unsigned bits = 8u << (type->kind - SL_T_S8) / 2;
    bool is_signed = (type->kind - SL_T_S8) % 2 == 0;
    sl_name text = number_text(p);
    bool minus = text.len > 0 && text.data[0] == '-';
    if (text.len <= minus)
        return fail(p, "an integer");
    uint64_t value = 0;
    for (size_t i = minus; i < text.len; i++) {
        unsigned digit = (unsigned)text.data[i] - '0';
        if (digit > 9)
            return fail(p, "an integer");
        if (value > (UINT64_MAX - digit) / 10) {
            sl_fail(p->err, SL_EMALFORMED, p->pos, "integer out of range");
            return false;
        }
        value = value * 10 + digit;
    }
    uint64_t top = UINT64_MAX >> (64 - bits + is_signed);
    if (minus ? value > (is_signed ? top + 1 : 0) : value > top) {
        sl_fail(p->err, SL_EMALFORMED, p->pos, "integer out of range");
        return false;
    }
    p->pos += text.len;
    if (minus)
        value = 0 - value;
    switch (bits) {
    case 8:
        out->of.u8 = (uint8_t)value;
        break;
    case 16:
        out->of.u16 = (uint16_t)value;
        break;
    case 32:
        out->of.u32 = (uint32_t)value;
        break;
    default:
        out->of.u64 = value;
    }
    return true;
}

static bool parse_float(parser *p, const sl_type *type, sl_val *out)
{
    sl_name text = number_text(p);
    uint32_t bits32 = 0;
    uint64_t bits64 = 0;
    bool is32 = type->kind == SL_T_F32;
    if (text.len == 0 ||
        !(is32 ? sl_parse_f32(text, &bits32) : sl_parse_f64(text, &bits64)))
        return fail(p, "a number");
    p->pos += text.len;
    if (is32)
        memcpy(&out->of.f32, &bits32, sizeof bits32);
    else
        memcpy(&out->of.f64, &bits64, sizeof bits64);
    return true;
}

static bool parse_bool(parser *p, sl_val *out)
{
    out->of.boolean = take_keyword(p, "true");
    return out->of.boolean || take_keyword(p, "false") ||
           fail(p, "`true` or `false`");
}

static int hex_digit(int c)
{
    if (is_digit(c))
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Behind `\u`: {hex}. */
static bool code_point(parser *p, uint32_t *out)
{
    uint8_t utf8[4];
    *out = 0;
    if (peek(p) != '{')
        return fail(p, "`{`");
    p->pos++;
    size_t start = p->pos;
    for (int digit; (digit = hex_digit(peek(p))) >= 0; p->pos++)
        if (*out <= 0x10ffff)
            *out = *out * 16 + (uint32_t)digit;
    if (p->pos == start || peek(p) != '}' || sl_utf8_put(*out, utf8) == 0)
        return fail(p, "a Unicode scalar value");
    p->pos++;
    return true;
}

/* One character of a string or char, escapes resolved. */
static bool character(parser *p, uint32_t *out)
{
    static const char from[] = "\"'\\tnr", to[] = "\"'\\\t\n\r";
    if (peek(p) != '\\') {
        *out = peek(p) < 0
                   ? UINT32_MAX
                   : sl_utf8_next((const uint8_t *)p->s, p->len, &p->pos);
        return *out != UINT32_MAX || fail(p, "a character of UTF-8");
    }
    p->pos++;
    int c = peek(p);
    const char *found = c > 0 ? strchr(from, c) : NULL;
    if (found == NULL && c != 'u')
        return fail(p, "an escape");
    p->pos++;
    if (found == NULL)
        return code_point(p, out);
    *out = (uint8_t)to[found - from];
    return true;
}

static bool parse_char(parser *p, sl_val *out)
{
    if (!expect(p, '\''))
        return false;
    if (peek(p) == '\'')
        return fail(p, "a character");
    if (!character(p, &out->of.chr))
        return false;
    if (peek(p) != '\'')
        return fail(p, "`'`");
    p->pos++;
    return true;
}

static bool parse_string(parser *p, sl_val *out)
{
    if (!expect(p, '"'))
        return false;
    sl_buf text = {0};
    uint32_t c;
    uint8_t utf8[4];
    bool ok = true;
    while (ok && peek(p) != '"') {
        ok = character(p, &c);
        if (ok)
            sl_buf_bytes(&text, utf8, sl_utf8_put(c, utf8));
    }
    p->pos += ok;
    if (ok && (text.failed ||
               !sluice_val_string(out, (const char *)text.data, text.len)))
        ok = nomem(p);
    sl_buf_deinit(&text);
    return ok;
}

/* --- Compounds ------------------------------------------------------------ */

static bool parse(parser *p, const sl_type *type, sl_val *out);

/* Is there an element, at the start (`first`) or behind a comma? A comma may
 * also stand behind the last one. */
static bool more(parser *p, bool first, char close, bool *ok)
{
    *ok = true;
    if (take(p, close))
        return false;
    if (first)
        return true;
    if (!take(p, ',')) {
        char what[] = {'`', ',', '`', ' ', 'o', 'r', ' ', '`', close, '`', 0};
        *ok = fail(p, what);
        return false;
    }
    return !take(p, close);
}

typedef SL_VEC(sl_val) val_vec;

static void free_vals(val_vec *vals)
{
    for (size_t i = 0; i < vals->n; i++)
        sluice_val_deinit(&vals->v[i]);
    sl_vec_deinit(vals);
}

/* The elements become the value's, as they are. */
static void give(sl_val *out, sluice_kind kind, val_vec *vals)
{
    *out = (sl_val){.kind = (uint8_t)kind};
    out->of.list.items = vals->v;
    out->of.list.len = vals->n;
}

static bool parse_packed(parser *p, const sl_type *elem, sl_val *out)
{
    sl_buf data = {0};
    size_t n = 0, size = sl_val_elem_size((sluice_kind)elem->kind);
    bool ok = true;
    for (; ok && more(p, n == 0, ']', &ok); n++) {
        sl_val val = {0};
        ok = parse(p, elem, &val);
        sl_buf_bytes(&data, &val.of, size);
    }
    if (ok && data.failed)
        ok = nomem(p);
    if (!ok) {
        sl_buf_deinit(&data);
        return false;
    }
    *out = (sl_val){.kind = SLUICE_LIST, .elem = (uint8_t)elem->kind};
    out->of.bytes.data = data.data;
    out->of.bytes.len = n;
    return true;
}

static bool parse_items(parser *p, const sl_type *elem, sl_val *out)
{
    val_vec vals = {0};
    bool ok = true;
    while (ok && more(p, vals.n == 0, ']', &ok)) {
        sl_val val = {0};
        ok = parse(p, elem, &val);
        if (ok && !sl_vec_push(&vals, val)) {
            sluice_val_deinit(&val);
            ok = nomem(p);
        }
    }
    if (ok)
        give(out, SLUICE_LIST, &vals);
    else
        free_vals(&vals);
    return ok;
}

static bool parse_list(parser *p, const sl_type *type, sl_val *out)
{
    const sl_type *elem = type->of.list.elem;
    if (!expect(p, '['))
        return false;
    bool packed = sl_type_is_number(elem);
    if (!(packed ? parse_packed(p, elem, out) : parse_items(p, elem, out)))
        return false;
    size_t len = packed ? out->of.bytes.len : out->of.list.len;
    if (type->of.list.len != 0 && len != type->of.list.len) {
        sluice_val_deinit(out);
        return fail(p, "a list of another length");
    }
    return true;
}

static bool parse_tuple(parser *p, const sl_label *labels, uint32_t n,
                        sl_val *out)
{
    if (!expect(p, '('))
        return false;
    if (!sluice_val_items(out, SLUICE_TUPLE, n))
        return nomem(p);
    bool ok = true;
    uint32_t i = 0;
    for (; ok && more(p, i == 0, ')', &ok); i++)
        ok = i < n ? parse(p, labels[i].type, &out->of.list.items[i])
                   : fail(p, "fewer elements");
    if (ok && i < n)
        ok = fail(p, "more elements");
    if (!ok)
        sluice_val_deinit(out);
    return ok;
}

/* A map is written as a list of pairs. */
static bool parse_map(parser *p, const sl_type *type, sl_val *out)
{
    sl_label pair[2] = {{.type = type->of.map.key},
                        {.type = type->of.map.value}};
    val_vec vals = {0};
    bool ok = expect(p, '[');
    while (ok && more(p, vals.n == 0, ']', &ok)) {
        sl_val val = {0};
        ok = parse_tuple(p, pair, 2, &val);
        if (ok && !sl_vec_push(&vals, val)) {
            sluice_val_deinit(&val);
            ok = nomem(p);
        }
    }
    if (ok)
        give(out, SLUICE_MAP, &vals);
    else
        free_vals(&vals);
    return ok;
}

/* One `label: value`. What has been given already is not a zeroed bool of
 * another kind any more, so `seen` tells. */
static bool parse_field(parser *p, const sl_type *type, bool *seen, sl_val *out)
{
    sl_name label;
    if (!expect_label(p, &label))
        return false;
    uint32_t i = sl_label_index(type, label);
    if (i == type->of.labels.n || seen[i]) {
        p->pos -= label.len;
        sl_fail(p->err, SL_EMALFORMED, p->pos, "%s field `%.*s`",
                i == type->of.labels.n ? "unknown" : "duplicate",
                SL_NAME_ARGS(label));
        return false;
    }
    seen[i] = true;
    return expect(p, ':') &&
           parse(p, type->of.labels.v[i].type, &out->of.list.items[i]);
}

/* Fields of option type may be missing. */
static bool complete(parser *p, const sl_type *type, const bool *seen,
                     sl_val *out)
{
    for (uint32_t i = 0; i < type->of.labels.n; i++) {
        const sl_label *field = &type->of.labels.v[i];
        if (seen[i])
            continue;
        if (field->type->kind != SL_T_OPTION) {
            sl_fail(p->err, SL_EMALFORMED, p->pos, "missing field `%.*s`",
                    SL_NAME_ARGS(field->label));
            return false;
        }
        out->of.list.items[i].kind = SLUICE_OPTION;
    }
    return true;
}

static bool parse_record(parser *p, const sl_type *type, sl_val *out)
{
    if (!expect(p, '{'))
        return false;
    uint32_t n = type->of.labels.n;
    bool *seen = sl_calloc(n + 1, sizeof *seen);
    if (seen == NULL || !sluice_val_items(out, SLUICE_RECORD, n)) {
        sl_free(seen);
        return nomem(p);
    }
    bool ok = true;
    if (take(p, ':')) /* {:} has none of its fields */
        ok = expect(p, '}');
    else
        for (bool first = true; ok && more(p, first, '}', &ok); first = false)
            ok = parse_field(p, type, seen, out);
    ok = ok && complete(p, type, seen, out);
    sl_free(seen);
    if (!ok)
        sluice_val_deinit(out);
    return ok;
}

static bool parse_flags(parser *p, const sl_type *type, sl_val *out)
{
    bool ok = expect(p, '{');
    sl_name label;
    for (bool first = true; ok && more(p, first, '}', &ok); first = false) {
        ok = expect_label(p, &label);
        uint32_t i = ok ? sl_label_index(type, label) : 0;
        if (ok && i >= type->of.labels.n) {
            sl_fail(p->err, SL_EMALFORMED, p->pos - label.len,
                    "unknown flag `%.*s`", SL_NAME_ARGS(label));
            ok = false;
        }
        if (ok)
            out->of.flags |= UINT32_C(1) << (i & 31);
    }
    return ok;
}

/* `(payload)`, when the case has one. */
static bool parse_payload(parser *p, const sl_type *payload, uint32_t index,
                          sl_val *out)
{
    sluice_kind kind = (sluice_kind)out->kind;
    sl_val val = {0};
    if (payload != NULL) {
        if (!expect(p, '(') || !parse(p, payload, &val))
            return false;
        if (!expect(p, ')')) {
            sluice_val_deinit(&val);
            return false;
        }
    }
    return sluice_val_variant(out, kind, index, payload ? &val : NULL) ||
           nomem(p);
}

/* A payload without its case around it. */
static bool parse_bare(parser *p, const sl_type *payload, uint32_t index,
                       sl_val *out)
{
    sluice_kind kind = (sluice_kind)out->kind;
    sl_val val = {0};
    return parse(p, payload, &val) &&
           (sluice_val_variant(out, kind, index, &val) || nomem(p));
}

static bool parse_cases(parser *p, const sl_type *type, sl_val *out)
{
    sl_name label;
    if (!expect_label(p, &label))
        return false;
    uint32_t i = sl_label_index(type, label);
    if (i == type->of.labels.n) {
        sl_fail(p->err, SL_EMALFORMED, p->pos - label.len,
                "unknown case `%.*s`", SL_NAME_ARGS(label));
        return false;
    }
    const sl_type *payload =
        type->kind == SL_T_ENUM ? NULL : type->of.labels.v[i].type;
    return parse_payload(p, payload, i, out);
}

static bool may_be_bare(const sl_type *payload)
{
    return payload != NULL && payload->kind != SL_T_OPTION &&
           payload->kind != SL_T_RESULT;
}

static bool parse_option(parser *p, const sl_type *type, sl_val *out)
{
    const sl_type *payload = type->of.list.elem;
    if (take_keyword(p, "none"))
        return parse_payload(p, NULL, 0, out);
    if (take_keyword(p, "some"))
        return parse_payload(p, payload, 1, out);
    return may_be_bare(payload) ? parse_bare(p, payload, 1, out)
                                : fail(p, "`some` or `none`");
}

static bool parse_result(parser *p, const sl_type *type, sl_val *out)
{
    const sl_type *ok = type->of.result.ok;
    if (take_keyword(p, "ok"))
        return parse_payload(p, ok, 0, out);
    if (take_keyword(p, "err"))
        return parse_payload(p, type->of.result.error, 1, out);
    return may_be_bare(ok) ? parse_bare(p, ok, 0, out)
                           : fail(p, "`ok` or `err`");
}

/* --- What belongs to a store ---------------------------------------------- */

static bool parse_handle(parser *p, sl_val *out)
{
    uint32_t number = 0;
    if (!take(p, '#') || !is_digit(peek(p)))
        return fail(p, "a handle: `#` and its number");
    for (; is_digit(peek(p)); p->pos++) {
        uint32_t digit = (uint32_t)peek(p) - '0';
        if (number > (UINT32_MAX - digit) / 10)
            return fail(p, "a smaller number");
        number = number * 10 + digit;
    }
    out->of.handle.rep = number;
    return true;
}

static bool parse_error_context(parser *p, sl_val *out)
{
    sl_val text = {0};
    if (!take_keyword(p, "error-context"))
        return fail(p, "`error-context`");
    bool ok = expect(p, '(') && parse_string(p, &text) && expect(p, ')');
    ok = ok && (sluice_val_error_context(out, text.of.string.data,
                                         text.of.string.len) ||
                nomem(p));
    text.kind = SLUICE_STRING;
    sluice_val_deinit(&text);
    return ok;
}

/* Behind `@`: the name of a file, in quotes where it needs them. */
static bool parse_path(parser *p, sl_val *out)
{
    bool ok;
    *out = (sl_val){.kind = SLUICE_STRING};
    if (peek(p) == '"') {
        ok = parse_string(p, out);
    } else {
        size_t start = p->pos;
        while (peek(p) > ' ' && strchr(",()[]{}\"'", peek(p)) == NULL)
            p->pos++;
        ok = p->pos > start || fail(p, "the name of a file");
        ok = ok && (sluice_val_string(out, p->s + start, p->pos - start) ||
                    nomem(p));
    }
    return ok;
}

static bool parse_byte_string(parser *p, sl_val *out)
{
    sl_val text = {.kind = SLUICE_STRING};
    bool ok = parse_string(p, &text);
    ok = ok && (sluice_val_bytes(out, SLUICE_U8, text.of.string.data,
                                 text.of.string.len) ||
                nomem(p));
    sluice_val_deinit(&text);
    return ok;
}

static bool parse_stream(parser *p, const sl_type *type, sl_val *out)
{
    const sl_type *elem = sl_wave_payload(type);
    sl_type list = {.kind = SL_T_LIST, .of.list = {elem, 0}};
    if (elem->kind == SL_T_U8) {
        if (take(p, '@'))
            return parse_path(p, out);
        if (peek(p) == '"')
            return parse_byte_string(p, out);
    }
    return parse_list(p, &list, out);
}

static bool parse_kind(parser *p, const sl_type *type, sl_val *out)
{
    switch (type->kind) {
    case SL_T_OWN:
    case SL_T_BORROW:
        return parse_handle(p, out);
    case SL_T_STREAM:
        return parse_stream(p, type, out);
    case SL_T_FUTURE:
        return parse(p, sl_wave_payload(type), out);
    case SL_T_ERROR_CONTEXT:
        return parse_error_context(p, out);
    case SL_T_BOOL:
        return parse_bool(p, out);
    case SL_T_F32:
    case SL_T_F64:
        return parse_float(p, type, out);
    case SL_T_CHAR:
        return parse_char(p, out);
    case SL_T_STRING:
        return parse_string(p, out);
    case SL_T_LIST:
        return parse_list(p, type, out);
    case SL_T_MAP:
        return parse_map(p, type, out);
    case SL_T_RECORD:
        return parse_record(p, type, out);
    case SL_T_TUPLE:
        return parse_tuple(p, type->of.labels.v, type->of.labels.n, out);
    case SL_T_FLAGS:
        return parse_flags(p, type, out);
    case SL_T_VARIANT:
    case SL_T_ENUM:
        return parse_cases(p, type, out);
    case SL_T_OPTION:
        return parse_option(p, type, out);
    case SL_T_RESULT:
        return parse_result(p, type, out);
    default:
        if (sl_type_is_number(type))
            return parse_integer(p, type, out);
        sl_fail(p->err, SL_EUNSUPPORTED, p->pos,
                "a value of this type has no text");
        return false;
    }
}

static bool parse(parser *p, const sl_type *type, sl_val *out)
{
    if (p->depth == MAX_DEPTH)
        return fail(p, "less nesting");
    p->depth++;
    *out = (sl_val){.kind = (uint8_t)type->kind};
    bool ok = parse_kind(p, type, out);
    p->depth--;
    if (!ok)
        *out = (sl_val){0};
    return ok;
}

bool sl_wave_parse(sl_name text, const sl_type *type, sl_val *out, sl_err *err)
{
    parser p = {.s = text.data, .len = text.len, .err = err};
    if (!parse(&p, type, out))
        return false;
    space(&p);
    if (p.pos == p.len)
        return true;
    sluice_val_deinit(out);
    return fail(&p, "the end of the value");
}

/* --- Calls ---------------------------------------------------------------- */

/* Behind the opening quote: to behind the closing one. */
static void skip_quoted(parser *p, int quote)
{
    for (int c; (c = peek(p)) >= 0;) {
        p->pos += c == '\\' && p->pos + 1 < p->len ? 2 : 1;
        if (c == quote)
            return;
    }
}

/* The text up to the next comma or parenthesis of this call. */
static sl_name argument_text(parser *p)
{
    space(p);
    size_t start = p->pos, depth = 0;
    for (int c; (c = peek(p)) >= 0;) {
        if (depth == 0 && (c == ',' || c == ')'))
            break;
        p->pos++;
        if (c == '"' || c == '\'')
            skip_quoted(p, c);
        else if (c == '(' || c == '[' || c == '{')
            depth++;
        else if ((c == ')' || c == ']' || c == '}') && depth > 0)
            depth--;
    }
    size_t end = p->pos;
    while (end > start && (p->s[end - 1] == ' ' || p->s[end - 1] == '\t' ||
                           p->s[end - 1] == '\n' || p->s[end - 1] == '\r'))
        end--;
    return (sl_name){p->s + start, end - start};
}

/* Behind the opening parenthesis. */
static bool split_arguments(parser *p, sl_arena *arena, sl_wave_call *out)
{
    SL_VEC(sl_name) args = {0};
    bool ok = true;
    while (ok && more(p, args.n == 0, ')', &ok)) {
        sl_name arg = argument_text(p);
        if (arg.len == 0)
            ok = fail(p, "an argument");
        else if (!sl_vec_push(&args, arg))
            ok = nomem(p);
    }
    sl_name *copy = ok ? sl_arena_array(arena, sl_name, args.n + 1) : NULL;
    if (ok && copy == NULL)
        ok = nomem(p);
    if (ok && args.n > 0)
        memcpy(copy, args.v, args.n * sizeof *copy);
    out->args = copy;
    out->n_args = (uint32_t)args.n;
    sl_vec_deinit(&args);
    return ok;
}

bool sl_wave_split_call(sl_name text, sl_arena *arena, sl_wave_call *out,
                        sl_err *err)
{
    parser p = {.s = text.data, .len = text.len, .err = err};
    *out = (sl_wave_call){0};
    space(&p);
    size_t start = p.pos, end = start;
    while (p.pos < p.len && peek(&p) != '(') {
        int c = peek(&p);
        p.pos++;
        if (c != ' ' && c != '\t' && c != '\n' && c != '\r')
            end = p.pos;
    }
    out->func = (sl_name){p.s + start, end - start};
    if (end == start)
        return fail(&p, "the name of a function");
    if (p.pos < p.len) {
        p.pos++;
        if (!split_arguments(&p, arena, out))
            return false;
        space(&p);
    }
    return p.pos == p.len || fail(&p, "the end of the call");
}
