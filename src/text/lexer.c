/* Source text to tokens.
 * Core specification, "Text Format / Lexical Format", with "Annotations". */
#include "text/lexer.h"

#include "base/buf.h"
#include "base/utf8.h"
#include "base/vec.h"

typedef struct lexer {
    const uint8_t *s;
    size_t len, pos;
    sl_arena *arena;
    sl_err *err;
    SL_VEC(sl_token) tokens;
} lexer;

static bool fail_at(lexer *x, size_t at, const char *msg)
{
    sl_fail(x->err, SL_EMALFORMED, at, "%s", msg);
    return false;
}

static bool nomem(lexer *x)
{
    sl_fail(x->err, SL_ENOMEM, SL_ERR_NO_PLACE, "out of memory");
    return false;
}

static int peek(const lexer *x, size_t ahead)
{
    return x->pos + ahead < x->len ? x->s[x->pos + ahead] : -1;
}

static bool is_digit(int c)
{
    return c >= '0' && c <= '9';
}

static bool is_hex(int c)
{
    return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

static bool is_idchar(int c)
{
    if (is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'))
        return true;
    return c > 0 && strchr("_+-*/\\^~=<>!?@#$%&|:`.'", c) != NULL;
}

static int hex_value(int c)
{
    return is_digit(c) ? c - '0' : (c | 0x20) - 'a' + 10;
}

/* Moves over one code point; false when it is malformed. */
static bool skip_code_point(lexer *x)
{
    size_t at = x->pos;
    if (sl_utf8_next(x->s, x->len, &x->pos) != UINT32_MAX)
        return true;
    return fail_at(x, at, "malformed UTF-8 encoding");
}

/* `;;` to the end of the line. */
static bool skip_line_comment(lexer *x)
{
    while (x->pos < x->len && x->s[x->pos] != '\n' && x->s[x->pos] != '\r')
        if (!skip_code_point(x))
            return false;
    return true;
}

/* `(;` to its `;)`, others nested inside. */
static bool skip_block_comment(lexer *x)
{
    size_t start = x->pos, depth = 0;
    while (x->pos < x->len) {
        int c = peek(x, 0), d = peek(x, 1);
        if (c == '(' && d == ';') {
            depth++;
            x->pos += 2;
        } else if (c == ';' && d == ')') {
            x->pos += 2;
            if (--depth == 0)
                return true;
        } else if (!skip_code_point(x)) {
            return false;
        }
    }
    return fail_at(x, start, "unclosed comment");
}

/* --- Strings ------------------------------------------------------------ */

/* What ends a string that is not one. */
typedef struct bad_string {
    size_t at;
    const char *msg;
} bad_string;

/* The place behind `\u{...}` whose `u` is at `pos`; 0 when malformed. */
static size_t skip_unicode_escape(const lexer *x, size_t pos, uint32_t *out)
{
    uint32_t value = 0;
    bool digit = false;
    if (pos + 1 >= x->len || x->s[pos + 1] != '{')
        return 0;
    for (pos += 2; pos < x->len; pos++) {
        int c = x->s[pos];
        if (c == '}' && digit) {
            uint8_t bytes[4];
            *out = value;
            return sl_utf8_put(value, bytes) ? pos + 1 : 0;
        }
        if (c == '_' && digit && pos + 1 < x->len && is_hex(x->s[pos + 1]))
            continue;
        if (!is_hex(c) || value > 0xfffff)
            return 0;
        value = value << 4 | (uint32_t)hex_value(c);
        digit = true;
    }
    return 0;
}

/* The place behind the escape whose backslash is at `pos`; 0 when malformed. */
static size_t skip_escape(const lexer *x, size_t pos)
{
    uint32_t value;
    int c = pos + 1 < x->len ? x->s[pos + 1] : 0;
    if (c != 0 && strchr("tnr\"'\\", c) != NULL)
        return pos + 2;
    if (c == 'u')
        return skip_unicode_escape(x, pos + 1, &value);
    if (is_hex(c) && pos + 2 < x->len && is_hex(x->s[pos + 2]))
        return pos + 3;
    return 0;
}

/* The place behind the string that starts at `pos`; 0 when malformed. */
static size_t scan_string(const lexer *x, size_t pos, bad_string *bad)
{
    size_t start = pos++;
    while (pos < x->len) {
        int c = x->s[pos];
        if (c == '"')
            return pos + 1;
        if (c == '\n' || c == '\r')
            break;
        size_t at = pos;
        if (c < 0x20 || c == 0x7f) {
            *bad = (bad_string){at, "illegal control character in string"};
            return 0;
        }
        if (c == '\\') {
            if ((pos = skip_escape(x, pos)) != 0)
                continue;
            *bad = (bad_string){at, "invalid string escape"};
            return 0;
        }
        if (sl_utf8_next(x->s, x->len, &pos) == UINT32_MAX) {
            *bad = (bad_string){at, "malformed UTF-8 encoding"};
            return 0;
        }
    }
    *bad = (bad_string){start, "unclosed string literal"};
    return 0;
}

/* The contents of the well-formed string in [start, end), quotes included:
 * in place when nothing is escaped. */
static bool decode_string(lexer *x, size_t start, size_t end, sl_name *out)
{
    const uint8_t *s = x->s;
    *out = (sl_name){(const char *)s + start + 1, end - start - 2};
    if (memchr(out->data, '\\', out->len) == NULL)
        return true;
    uint8_t *to = sl_arena_calloc(x->arena, out->len + 1, 1);
    size_t n = 0;
    if (to == NULL)
        return nomem(x);
    for (size_t pos = start + 1; pos < end - 1;) {
        if (s[pos] != '\\') {
            to[n++] = s[pos++];
            continue;
        }
        int c = s[pos + 1];
        uint32_t value;
        const char *letters = "tnr", *codes = "\t\n\r";
        const char *plain = strchr(letters, c);
        if (c == 'u') {
            pos = skip_unicode_escape(x, pos + 1, &value);
            n += sl_utf8_put(value, to + n);
        } else if (is_hex(c)) {
            to[n++] = (uint8_t)(hex_value(c) << 4 | hex_value(s[pos + 2]));
            pos += 3;
        } else {
            to[n++] = plain ? (uint8_t)codes[plain - letters] : (uint8_t)c;
            pos += 2;
        }
    }
    *out = (sl_name){(const char *)to, n};
    return true;
}

/* --- Tokens ------------------------------------------------------------- */

/* A run of identifier characters and strings without anything between: one
 * token, whatever it means. */
typedef struct run {
    size_t start, end;
    size_t n_strings;
    size_t string; /* start of the first string */
} run;

/* A malformed string ends the run before it; one at the start is an error. */
static bool scan_run(lexer *x, run *r)
{
    *r = (run){.start = x->pos};
    while (x->pos < x->len) {
        bad_string bad;
        if (is_idchar(x->s[x->pos])) {
            x->pos++;
            continue;
        }
        if (x->s[x->pos] != '"')
            break;
        size_t end = scan_string(x, x->pos, &bad);
        if (end == 0) {
            if (x->pos == r->start)
                return fail_at(x, bad.at, bad.msg);
            break;
        }
        if (r->n_strings++ == 0)
            r->string = x->pos;
        x->pos = end;
    }
    r->end = x->pos;
    return true;
}

static bool is_name_text(sl_name s)
{
    return sl_utf8_valid(s.data, s.len);
}

static bool push(lexer *x, sl_token token)
{
    return sl_vec_push(&x->tokens, token) || nomem(x);
}

/* $name or $"name". */
static bool lex_id(lexer *x, const run *r, sl_token *token)
{
    token->kind = SL_TOK_ID;
    token->text.data++;
    token->text.len--;
    if (token->text.len == 0)
        return fail_at(x, r->start, "empty identifier");
    if (r->n_strings == 0)
        return true;
    if (r->n_strings > 1 || r->string != r->start + 1 ||
        x->s[r->end - 1] != '"') {
        token->kind = SL_TOK_RESERVED;
        return true;
    }
    if (!decode_string(x, r->string, r->end, &token->text))
        return false;
    if (token->text.len == 0)
        return fail_at(x, r->start, "empty identifier");
    return is_name_text(token->text) ||
           fail_at(x, r->start, "malformed UTF-8 encoding");
}

/* Whether a run is one string and nothing else. */
static bool is_one_string(lexer *x, const run *r)
{
    bad_string bad;
    return r->n_strings == 1 && r->string == r->start &&
           scan_string(x, r->start, &bad) == r->end;
}

static bool classify(lexer *x, const run *r, sl_token *token)
{
    int c = x->s[r->start];
    *token = (sl_token){
        .kind = SL_TOK_RESERVED,
        .at = (uint32_t)r->start,
        .text = {(const char *)x->s + r->start, r->end - r->start},
    };
    if (c == '$')
        return lex_id(x, r, token);
    if (is_one_string(x, r)) {
        token->kind = SL_TOK_STRING;
        if (!decode_string(x, r->start, r->end, &token->text))
            return false;
        token->is_utf8 = is_name_text(token->text);
        return true;
    }
    if (r->n_strings > 0)
        return true;
    if (sl_is_number(token->text))
        token->kind = SL_TOK_NUMBER;
    else if (c >= 'a' && c <= 'z')
        token->kind = SL_TOK_KEYWORD;
    return true;
}

static bool lex_run(lexer *x)
{
    run r;
    sl_token token;
    return scan_run(x, &r) && classify(x, &r, &token) && push(x, token);
}

static bool is_space(int c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static bool is_odd(int c)
{
    return c > 0 && strchr(",;[]{}", c) != NULL;
}

/* --- Annotations -------------------------------------------------------- */

/* `(@id`: the identifier or string that names an annotation. */
static bool lex_annotation_start(lexer *x)
{
    size_t start = x->pos;
    bad_string bad;
    sl_name name;
    x->pos += 2;
    if (peek(x, 0) == '"') {
        size_t end = scan_string(x, x->pos, &bad);
        if (end == 0)
            return fail_at(x, start, "empty annotation id");
        if (!decode_string(x, x->pos, end, &name))
            return false;
        if (!is_name_text(name))
            return fail_at(x, x->pos, "malformed UTF-8 encoding");
        x->pos = end;
        return name.len > 0 || fail_at(x, start, "empty annotation id");
    }
    size_t first = x->pos;
    while (is_idchar(peek(x, 0)))
        x->pos++;
    return x->pos > first || fail_at(x, start, "empty annotation id");
}

/* One piece of an annotation's inside that is no parenthesis or comment. */
static bool skip_annotation_token(lexer *x)
{
    run r;
    sl_token token;
    int c = peek(x, 0);
    if (is_space(c) || is_odd(c)) {
        x->pos++;
        return true;
    }
    if (is_idchar(c) || c == '"')
        return scan_run(x, &r) && classify(x, &r, &token);
    size_t at = x->pos;
    return skip_code_point(x) && fail_at(x, at, "illegal character");
}

static bool skip_annotation(lexer *x)
{
    size_t start = x->pos, depth = 1;
    if (!lex_annotation_start(x))
        return false;
    while (x->pos < x->len) {
        int c = peek(x, 0), d = peek(x, 1);
        bool ok = true;
        if (c == '(' && d == ';') {
            ok = skip_block_comment(x);
        } else if (c == ';' && d == ';') {
            ok = skip_line_comment(x);
        } else if (c == '(') {
            depth++;
            x->pos++;
        } else if (c == ')') {
            x->pos++;
            if (--depth == 0)
                return true;
        } else {
            ok = skip_annotation_token(x);
        }
        if (!ok)
            return false;
    }
    return fail_at(x, start, "unclosed annotation");
}

/* --- The whole source --------------------------------------------------- */

static bool lex_misplaced(lexer *x)
{
    size_t at = x->pos;
    if (x->s[at] < 0x80)
        return fail_at(x, at, "misplaced control character");
    return skip_code_point(x) && fail_at(x, at, "misplaced unicode character");
}

/* Explainer.md "Value Definitions": '<core:stringchar>', standing alone. Not
 * taken when it is something else. */
static bool lex_char(lexer *x, bool *taken)
{
    size_t pos = x->pos + 1;
    int c = peek(x, 1);
    *taken = false;
    if (c == '\\')
        pos = skip_escape(x, pos);
    else if (c < 0x20 || c == 0x7f || c == '"' ||
             sl_utf8_next(x->s, x->len, &pos) == UINT32_MAX)
        return true;
    if (pos == 0 || pos >= x->len || x->s[pos] != '\'')
        return true;
    if (++pos < x->len && (is_idchar(x->s[pos]) || x->s[pos] == '"'))
        return true;
    sl_token token = {.kind = SL_TOK_CHAR, .at = (uint32_t)x->pos};
    size_t one = 0;
    if (!decode_string(x, x->pos, pos, &token.text))
        return false;
    if (sl_utf8_next((const uint8_t *)token.text.data, token.text.len, &one) ==
            UINT32_MAX ||
        one != token.text.len)
        return true;
    *taken = true;
    x->pos = pos;
    return push(x, token);
}

/* One token, comment, annotation or space. */
static bool lex_one(lexer *x)
{
    int c = peek(x, 0), d = peek(x, 1);
    if (is_space(c)) {
        x->pos++;
        return true;
    }
    if (c == '(' && d == ';')
        return skip_block_comment(x);
    if (c == '(' && d == '@')
        return skip_annotation(x);
    if (c == ';' && d == ';')
        return skip_line_comment(x);
    bool is_char = false;
    if (c == '\'' && !lex_char(x, &is_char))
        return false;
    if (is_char)
        return true;
    if (is_idchar(c) || c == '"')
        return lex_run(x);
    if (c != '(' && c != ')' && !is_odd(c))
        return lex_misplaced(x);
    sl_token_kind kind = c == '('   ? SL_TOK_LPAR
                         : c == ')' ? SL_TOK_RPAR
                                    : SL_TOK_RESERVED;
    x->pos++;
    return push(x, (sl_token){.kind = (uint8_t)kind,
                              .at = (uint32_t)(x->pos - 1),
                              .text = {(const char *)x->s + x->pos - 1, 1}});
}

bool sl_lex(sl_name source, sl_arena *arena, sl_tokens *out, sl_err *err)
{
    lexer x = {.s = (const uint8_t *)source.data,
               .len = source.len,
               .arena = arena,
               .err = err};
    bool ok = source.len < UINT32_MAX ||
              sl_fail(err, SL_ELIMIT, 0, "text too long") == SL_OK;
    *out = (sl_tokens){.source = source};
    while (ok && x.pos < x.len)
        ok = lex_one(&x);
    ok = ok && push(&x, (sl_token){.kind = SL_TOK_EOF,
                                   .at = (uint32_t)source.len,
                                   .text = {"", 0}});
    if (ok) {
        out->n = x.tokens.n;
        out->v = sl_arena_array(arena, sl_token, out->n);
        ok = out->v != NULL || nomem(&x);
    }
    if (ok)
        memcpy(out->v, x.tokens.v, out->n * sizeof *out->v);
    sl_vec_deinit(&x.tokens);
    return ok;
}

/* --- Places and reports ------------------------------------------------- */

sl_place sl_place_of(sl_name source, uint64_t at)
{
    size_t end = at < source.len ? (size_t)at : source.len, start = 0;
    sl_place place = {.line = 1, .column = 1};
    for (size_t i = 0; i < end; i++)
        if (source.data[i] == '\n') {
            place.line++;
            start = i + 1;
        }
    for (size_t i = start; i < end; i++)
        if ((source.data[i] & 0xc0) != 0x80)
            place.column++;
    size_t stop = start;
    while (stop < source.len && source.data[stop] != '\n')
        stop++;
    if (stop > start && source.data[stop - 1] == '\r')
        stop--;
    place.text = (sl_name){source.data + start, stop - start};
    return place;
}

/* --- The cursor --------------------------------------------------------- */

const sl_token *sl_peek_at(const sl_cursor *c, size_t ahead)
{
    size_t last = c->tokens->n - 1;
    return &c->tokens->v[ahead > last - c->pos ? last : c->pos + ahead];
}

const sl_token *sl_next(sl_cursor *c)
{
    const sl_token *token = sl_peek(c);
    if (token->kind != SL_TOK_EOF)
        c->pos++;
    return token;
}

static bool vfail(sl_cursor *c, sl_status code, uint64_t at, const char *fmt,
                  va_list args)
{
    sl_vfail(c->err, code, at, fmt, args);
    c->pos = c->tokens->n - 1;
    return false;
}

bool sl_cursor_fail(sl_cursor *c, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    vfail(c, SL_EMALFORMED, sl_peek(c)->at, fmt, args);
    va_end(args);
    return false;
}

bool sl_cursor_fail_at(sl_cursor *c, uint32_t at, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    vfail(c, SL_EMALFORMED, at, fmt, args);
    va_end(args);
    return false;
}

bool sl_cursor_nomem(sl_cursor *c)
{
    sl_fail(c->err, SL_ENOMEM, SL_ERR_NO_PLACE, "out of memory");
    c->pos = c->tokens->n - 1;
    return false;
}

bool sl_unexpected(sl_cursor *c)
{
    const sl_token *t = sl_peek(c);
    if (t->kind == SL_TOK_EOF)
        return sl_cursor_fail(c, "unexpected token: end of text");
    const char *words = t->kind == SL_TOK_RESERVED || t->kind == SL_TOK_CHAR
                            ? "unknown operator"
                            : "unexpected token";
    const char *quote = t->kind == SL_TOK_STRING ? "\"" : "";
    sl_name text = t->text;
    if (text.len > 64)
        text.len = 64;
    return sl_cursor_fail(c, "%s %s%s%.*s%s", words, quote,
                          t->kind == SL_TOK_ID ? "$" : "", SL_NAME_ARGS(text),
                          quote);
}

static bool is_word(const sl_token *token, const char *keyword)
{
    return token->kind == SL_TOK_KEYWORD && sl_name_is(token->text, keyword);
}

bool sl_at_form(const sl_cursor *c, const char *keyword)
{
    return sl_peek(c)->kind == SL_TOK_LPAR &&
           is_word(sl_peek_at(c, 1), keyword);
}

bool sl_at_keyword(const sl_cursor *c, const char *keyword)
{
    return is_word(sl_peek(c), keyword);
}

bool sl_take_form(sl_cursor *c, const char *keyword)
{
    if (!sl_at_form(c, keyword))
        return false;
    c->pos += 2;
    return true;
}

static bool take_kind(sl_cursor *c, sl_token_kind kind)
{
    if (sl_peek(c)->kind != kind)
        return false;
    c->pos++;
    return true;
}

bool sl_take_keyword(sl_cursor *c, const char *keyword)
{
    if (!sl_at_keyword(c, keyword))
        return false;
    c->pos++;
    return true;
}

bool sl_take_lpar(sl_cursor *c)
{
    return take_kind(c, SL_TOK_LPAR);
}

bool sl_take_rpar(sl_cursor *c)
{
    return take_kind(c, SL_TOK_RPAR);
}

bool sl_expect_lpar(sl_cursor *c)
{
    return sl_take_lpar(c) || sl_unexpected(c);
}

bool sl_expect_rpar(sl_cursor *c)
{
    return sl_take_rpar(c) || sl_unexpected(c);
}

bool sl_expect_keyword(sl_cursor *c, const char *keyword)
{
    return sl_take_keyword(c, keyword) || sl_unexpected(c);
}

bool sl_expect_string(sl_cursor *c, sl_name *out)
{
    if (sl_peek(c)->kind != SL_TOK_STRING)
        return sl_unexpected(c);
    *out = sl_next(c)->text;
    return true;
}

bool sl_expect_name(sl_cursor *c, sl_name *out)
{
    if (sl_peek(c)->kind == SL_TOK_STRING && !sl_peek(c)->is_utf8)
        return sl_cursor_fail(c, "malformed UTF-8 encoding");
    return sl_expect_string(c, out);
}

sl_name sl_take_id(sl_cursor *c)
{
    if (sl_peek(c)->kind != SL_TOK_ID)
        return (sl_name){0};
    return sl_next(c)->text;
}

void sl_skip(sl_cursor *c)
{
    size_t depth = 0;
    do {
        const sl_token *token = sl_next(c);
        if (token->kind == SL_TOK_LPAR)
            depth++;
        else if (token->kind == SL_TOK_RPAR && depth > 0)
            depth--;
    } while (depth > 0 && sl_peek(c)->kind != SL_TOK_EOF);
}

/* An unsigned integer up to `max`. */
static bool expect_unsigned(sl_cursor *c, uint64_t max, const char *type,
                            uint64_t *out)
{
    const sl_token *token = sl_peek(c);
    int first = token->text.len ? token->text.data[0] : 0;
    if (token->kind != SL_TOK_NUMBER || first == '+' || first == '-' ||
        !sl_is_integer(token->text))
        return sl_unexpected(c);
    if (!sl_parse_u64(token->text, out) || *out > max)
        return sl_cursor_fail(c, "%s constant out of range", type);
    c->pos++;
    return true;
}

bool sl_expect_u32(sl_cursor *c, uint32_t *out)
{
    uint64_t value = 0;
    bool ok = expect_unsigned(c, UINT32_MAX, "i32", &value);
    *out = (uint32_t)value;
    return ok;
}

bool sl_expect_u64(sl_cursor *c, uint64_t *out)
{
    *out = 0;
    return expect_unsigned(c, UINT64_MAX, "i64", out);
}
