/* Tokens of the text formats (.wat, .wast).
 * Core specification, "Text Format / Lexical Format". */
#ifndef SL_TEXT_LEXER_H
#define SL_TEXT_LEXER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/name.h"

typedef enum sl_token_kind {
    SL_TOK_EOF,
    SL_TOK_LPAR,
    SL_TOK_RPAR,
    SL_TOK_KEYWORD,  /* starts with a-z; also offset=... and align=... */
    SL_TOK_ID,       /* $name; .text without the $ (and decoded if $"...") */
    SL_TOK_STRING,   /* .text is the decoded contents, in the arena */
    SL_TOK_NUMBER,   /* integers and floats as written, .text in place */
    SL_TOK_CHAR,     /* 'x', .text is the decoded code point */
    SL_TOK_RESERVED, /* anything else that lexes */
} sl_token_kind;

typedef struct sl_token {
    uint8_t kind;
    bool is_utf8;  /* STRING: the contents are valid UTF-8 */
    uint32_t at;   /* byte offset in the source text */
    sl_name text;
} sl_token;

/* The whole source as tokens: comments and annotations are dropped (but
 * malformed ones are errors). Ends with SL_TOK_EOF. */
typedef struct sl_tokens {
    sl_name source;
    sl_token *v;
    size_t n;
} sl_tokens;

bool sl_lex(sl_name source, sl_arena *arena, sl_tokens *out, sl_err *err);

/* Where an offset lies: line and column count from 1, columns in code points;
 * `text` is the line without its newline. */
typedef struct sl_place {
    uint32_t line, column;
    sl_name text;
} sl_place;
sl_place sl_place_of(sl_name source, uint64_t at);

/* A cursor over tokens with the error record of a parse. Sticky like
 * sl_reader: after a failure the cursor stands at EOF. */
typedef struct sl_cursor {
    const sl_tokens *tokens;
    size_t pos;
    sl_arena *arena; /* for what the parse makes */
    sl_err *err;
} sl_cursor;

static inline const sl_token *sl_peek(const sl_cursor *c)
{
    return &c->tokens->v[c->pos];
}
/* The token `ahead` places on; EOF beyond the end. */
const sl_token *sl_peek_at(const sl_cursor *c, size_t ahead);
const sl_token *sl_next(sl_cursor *c); /* never moves past EOF */
/* Fails at the current token (SL_EMALFORMED); returns false. */
bool sl_cursor_fail(sl_cursor *c, const char *fmt, ...) SL_PRINTF(2, 3);
bool sl_cursor_fail_at(sl_cursor *c, uint32_t at, const char *fmt, ...)
    SL_PRINTF(3, 4);
/* Fails because the current token does not belong here: "unknown operator"
 * for a reserved token (to core modules chars are that, too), "unexpected
 * token" for any other. */
bool sl_unexpected(sl_cursor *c);
/* Fails because memory is short (SL_ENOMEM). */
bool sl_cursor_nomem(sl_cursor *c);
/* Is the next token `(` followed by this keyword? */
bool sl_at_form(const sl_cursor *c, const char *keyword);
/* Is the next token this keyword? */
bool sl_at_keyword(const sl_cursor *c, const char *keyword);
/* Take it if it is there. */
bool sl_take_form(sl_cursor *c, const char *keyword);
bool sl_take_keyword(sl_cursor *c, const char *keyword);
bool sl_take_lpar(sl_cursor *c);
bool sl_take_rpar(sl_cursor *c);
/* Must be there; "unexpected token" otherwise. */
bool sl_expect_lpar(sl_cursor *c);
bool sl_expect_rpar(sl_cursor *c);
bool sl_expect_keyword(sl_cursor *c, const char *keyword);
bool sl_expect_string(sl_cursor *c, sl_name *out);  /* any bytes */
bool sl_expect_name(sl_cursor *c, sl_name *out);    /* must be UTF-8 */
/* An optional $id; .data NULL when there is none. */
sl_name sl_take_id(sl_cursor *c);
/* Skips one balanced form or one token. */
void sl_skip(sl_cursor *c);
/* Unsigned integers, decimal or hex with underscores: "constant out of
 * range" / "i32 constant out of range" when too large. */
bool sl_expect_u32(sl_cursor *c, uint32_t *out);
bool sl_expect_u64(sl_cursor *c, uint64_t *out);

/* Whether a text is an integer (with a sign or not), whatever its size. */
bool sl_is_integer(sl_name text);
/* Whether a text is a number of any form: what SL_TOK_NUMBER takes. */
bool sl_is_number(sl_name text);
/* Number texts (as in tokens) to bits; false when out of range or not of the
 * form. sN texts accept both signed and unsigned ranges, as i32.const does. */
bool sl_parse_i32(sl_name text, uint32_t *out);
bool sl_parse_i64(sl_name text, uint64_t *out);
bool sl_parse_u64(sl_name text, uint64_t *out);
bool sl_parse_f32(sl_name text, uint32_t *bits);
bool sl_parse_f64(sl_name text, uint64_t *bits);

#endif
