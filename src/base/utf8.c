#include "base/utf8.h"

#include <string.h>

/* Length of the sequence a byte starts, its payload bits, and the smallest
 * code point that may take that length. */
static int lead(uint8_t byte, uint32_t *bits, uint32_t *least)
{
    if (byte < 0x80) {
        *bits = byte;
        *least = 0;
        return 1;
    }
    if (byte >= 0xc2 && byte < 0xe0) {
        *bits = byte & 0x1f;
        *least = 0x80;
        return 2;
    }
    if (byte >= 0xe0 && byte < 0xf0) {
        *bits = byte & 0x0f;
        *least = 0x800;
        return 3;
    }
    if (byte >= 0xf0 && byte < 0xf5) {
        *bits = byte & 0x07;
        *least = 0x10000;
        return 4;
    }
    return 0;
}

static bool is_scalar(uint32_t c)
{
    return c < 0x110000 && !(c >= 0xd800 && c < 0xe000);
}

uint32_t sl_utf8_next(const uint8_t *bytes, size_t len, size_t *pos)
{
    uint32_t c = 0, least = 0;
    size_t at = (*pos)++;
    int n = lead(bytes[at], &c, &least);
    if (n == 0 || len - at < (size_t)n)
        return UINT32_MAX;
    for (int i = 1; i < n; i++) {
        if ((bytes[at + i] & 0xc0) != 0x80)
            return UINT32_MAX;
        c = c << 6 | (bytes[at + i] & 0x3f);
    }
    if (c < least || !is_scalar(c))
        return UINT32_MAX;
    *pos = at + n;
    return c;
}

static inline bool is_ascii(const uint8_t *bytes, size_t words)
{
    uint64_t word, all = 0;
    for (size_t i = 0; i < words; i++) {
        memcpy(&word, bytes + 8 * i, 8);
        all |= word;
    }
    return (all & UINT64_C(0x8080808080808080)) == 0;
}

bool sl_utf8_valid(const void *data, size_t len)
{
    const uint8_t *bytes = data;
    size_t pos = 0;
    while (pos < len) {
        if (len - pos >= 32 && is_ascii(bytes + pos, 4)) {
            pos += 32;
            continue;
        }
        if (len - pos >= 8 && is_ascii(bytes + pos, 1)) {
            pos += 8;
            continue;
        }
        if (sl_utf8_next(bytes, len, &pos) == UINT32_MAX)
            return false;
    }
    return true;
}

size_t sl_utf8_put(uint32_t c, uint8_t out[4])
{
    if (!is_scalar(c))
        return 0;
    if (c < 0x80) {
        out[0] = (uint8_t)c;
        return 1;
    }
    if (c < 0x800) {
        out[0] = (uint8_t)(0xc0 | c >> 6);
        out[1] = (uint8_t)(0x80 | (c & 0x3f));
        return 2;
    }
    if (c < 0x10000) {
        out[0] = (uint8_t)(0xe0 | c >> 12);
        out[1] = (uint8_t)(0x80 | (c >> 6 & 0x3f));
        out[2] = (uint8_t)(0x80 | (c & 0x3f));
        return 3;
    }
    out[0] = (uint8_t)(0xf0 | c >> 18);
    out[1] = (uint8_t)(0x80 | (c >> 12 & 0x3f));
    out[2] = (uint8_t)(0x80 | (c >> 6 & 0x3f));
    out[3] = (uint8_t)(0x80 | (c & 0x3f));
    return 4;
}
