/* Strings, identifiers and indentation of printed text.
 * Core specification, "Text Format / Lexical Format", "Values". */
#include "text/print_int.h"

#include <stdio.h>

#include "base/utf8.h"

#define MAX_INDENT 40

void sl_put_indent(sl_buf *out, unsigned levels)
{
    if (levels > MAX_INDENT)
        levels = MAX_INDENT;
    while (levels-- > 0)
        sl_buf_bytes(out, "  ", 2);
}

static void put_escaped(sl_buf *out, uint8_t byte)
{
    switch (byte) {
    case '"':
        sl_buf_bytes(out, "\\\"", 2);
        break;
    case '\\':
        sl_buf_bytes(out, "\\\\", 2);
        break;
    case '\n':
        sl_buf_bytes(out, "\\n", 2);
        break;
    case '\t':
        sl_buf_bytes(out, "\\t", 2);
        break;
    default:
        sl_buf_printf(out, "\\%02x", byte);
    }
}

void sl_put_string(sl_buf *out, sl_name bytes)
{
    const uint8_t *p = (const uint8_t *)bytes.data;
    sl_buf_u8(out, '"');
    for (size_t i = 0; i < bytes.len;) {
        size_t next = i;
        uint32_t c = sl_utf8_next(p, bytes.len, &next);
        bool plain = c != UINT32_MAX && c >= 0x20 && c != 0x7f && c != '"' &&
                     c != '\\' && !(c >= 0x80 && c < 0xa0);
        if (plain) {
            sl_buf_bytes(out, p + i, next - i);
        } else {
            for (; i < next; i++)
                put_escaped(out, p[i]);
        }
        i = next;
    }
    sl_buf_u8(out, '"');
}

static bool is_plain_id(sl_name name)
{
    for (size_t i = 0; i < name.len; i++) {
        char c = name.data[i];
        bool alnum = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
                     (c >= 'A' && c <= 'Z');
        if (!alnum &&
            (c == '\0' || strchr("_+-*/\\^~=<>!?@#$%&|:`.'", c) == NULL))
            return false;
    }
    return name.len > 0;
}

void sl_put_id(sl_buf *out, sl_name name)
{
    sl_buf_u8(out, '$');
    if (is_plain_id(name))
        sl_buf_bytes(out, name.data, name.len);
    else
        sl_put_string(out, name);
}

void sl_put_float(sl_buf *out, double value, bool is32)
{
    char text[40];
    if (value != value) {
        sl_buf_printf(out, "nan");
        return;
    }
    if (value - value != 0) {
        sl_buf_printf(out, value < 0 ? "-inf" : "inf");
        return;
    }
    for (int digits = 1; digits <= 17; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, value);
        uint32_t bits32, want32;
        uint64_t bits64, want64;
        float narrow = (float)value;
        memcpy(&want32, &narrow, sizeof want32);
        memcpy(&want64, &value, sizeof want64);
        if (is32 ? sl_parse_f32(sl_name_of(text), &bits32) && bits32 == want32
                 : sl_parse_f64(sl_name_of(text), &bits64) && bits64 == want64)
            break;
    }
    sl_buf_printf(out, "%s", text);
}
