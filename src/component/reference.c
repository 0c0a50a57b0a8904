#include "component/reference.h"

#include <stdint.h>
#include <string.h>

static int hex(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

/* One character of a path, percent-decoded: its value, and how many bytes it
 * took; 0: no digits behind a '%'. */
static size_t decode(const char *at, size_t left, uint8_t *out)
{
    *out = (uint8_t)*at;
    if (*at != '%')
        return 1;
    if (left < 3 || hex(at[1]) < 0 || hex(at[2]) < 0)
        return 0;
    *out = (uint8_t)(hex(at[1]) << 4 | hex(at[2]));
    return 3;
}

/* pchar of RFC 3986 without pct-encoded. */
static bool is_path_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           (c >= '0' && c <= '9') ||
           (c != '\0' && strchr("-._~!$&'()*+,;=:@", c) != NULL);
}

static const char *segment_fault(const char *at, size_t len)
{
    size_t dots = 0, chars = 0;
    for (size_t i = 0, n; i < len; i += n, chars++) {
        uint8_t c;
        n = decode(at + i, len - i, &c);
        if (n == 0)
            return "a `%` without two hexadecimal digits";
        if (at[i] == '\\' || c == '\\')
            return "a backslash";
        if (n == 3 && (c < 0x20 || c == 0x7f || c == '/'))
            return "an encoded control character or `/`";
        if (n == 1 && !is_path_char(at[i]))
            return "a character that a path must encode (RFC 3986)";
        dots += c == '.';
    }
    if (chars == 0)
        return "an empty path segment";
    if (dots == chars && dots <= 2)
        return "a `.` or `..` segment";
    return NULL;
}

const char *sl_reference_fault(sl_name reference)
{
    const char *at = reference.data, *end = at + reference.len;
    if (reference.len == 0)
        return "it is empty";
    if (*at == '/')
        return "it is absolute";
    const char *slash = memchr(at, '/', reference.len);
    const char *first_end = slash != NULL ? slash : end;
    if (memchr(at, ':', (size_t)(first_end - at)) != NULL)
        return "it has a scheme";
    for (;;) {
        const char *stop = memchr(at, '/', (size_t)(end - at));
        if (stop == NULL)
            stop = end;
        const char *why = segment_fault(at, (size_t)(stop - at));
        if (why != NULL || stop == end)
            return why;
        at = stop + 1;
    }
}

void sl_reference_path(sl_name reference, char *to)
{
    for (size_t i = 0, n; i < reference.len; i += n) {
        n = decode(reference.data + i, reference.len - i, (uint8_t *)to);
        to++;
    }
    *to = '\0';
}
