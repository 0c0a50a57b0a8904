/* Whole sources, and reports about them. */
#include "text/text.h"

bool sl_is_binary(const void *bytes, size_t len)
{
    return len >= 4 && memcmp(bytes, "\0asm", 4) == 0;
}

static bool parse_source(sl_cursor *c, sl_buf *out)
{
    bool ok;
    if (sl_at_form(c, "component"))
        ok = sl_parse_component(c, out);
    else if (sl_at_form(c, "module"))
        ok = sl_parse_module(c, out);
    else
        ok = sl_parse_module_fields(c, (sl_name){0}, out);
    return ok && (sl_peek(c)->kind == SL_TOK_EOF || sl_unexpected(c));
}

bool sl_text_parse(sl_name source, sl_buf *out, sl_err *err)
{
    sl_arena arena;
    sl_tokens tokens;
    sl_err own = {0};
    sl_arena_init(&arena);
    bool ok = sl_lex(source, &arena, &tokens, &own);
    if (ok) {
        sl_cursor c = {&tokens, 0, &arena, &own};
        ok = parse_source(&c, out);
    }
    sl_arena_deinit(&arena);
    if (!ok)
        sl_fail(err, own.code, own.at, "%s", own.msg);
    return ok;
}

#define SHOWN_BEFORE 60
#define SHOWN        120

/* The bytes of a long line around the place, on code point boundaries. */
static sl_name shown_part(const sl_place *place, uint64_t at_in_line)
{
    sl_name text = place->text;
    size_t start = 0, end = text.len;
    if (at_in_line > SHOWN_BEFORE && text.len > SHOWN)
        start = (size_t)at_in_line - SHOWN_BEFORE;
    if (end - start > SHOWN)
        end = start + SHOWN;
    while (start < end && (text.data[start] & 0xc0) == 0x80)
        start++;
    while (end < text.len && end > start && (text.data[end] & 0xc0) == 0x80)
        end--;
    return (sl_name){text.data + start, end - start};
}

/* Under the line, its tabs kept so that the caret stands right. */
static void put_caret(sl_buf *out, const char *from, const char *to)
{
    sl_buf_printf(out, "      | ");
    for (; from < to; from++)
        if ((*from & 0xc0) != 0x80)
            sl_buf_u8(out, *from == '\t' ? '\t' : ' ');
    sl_buf_printf(out, "^\n");
}

void sl_text_report(sl_buf *out, const char *file, sl_name source,
                    const sl_err *err)
{
    if (err->at == SL_ERR_NO_PLACE) {
        sl_buf_printf(out, "%s: %s\n", file, err->msg);
        return;
    }
    uint64_t at = err->at < source.len ? err->at : source.len;
    sl_place place = sl_place_of(source, at);
    const char *to = source.data + at;
    sl_name text = shown_part(&place, (uint64_t)(to - place.text.data));
    if (to > text.data + text.len)
        to = text.data + text.len;
    sl_buf_printf(out, "%s:%u:%u: %s\n", file, place.line, place.column,
                  err->msg);
    sl_buf_printf(out, "%5u | ", place.line);
    sl_buf_bytes(out, text.data, text.len);
    sl_buf_u8(out, '\n');
    put_caret(out, text.data, to);
}
