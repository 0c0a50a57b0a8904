/* Numbers of the text format.
 * Core specification, "Text Format / Values". */
#include "text/lexer.h"

#include <math.h>
#include <stdlib.h>

#include "base/alloc.h"

static int digit_of(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return 99;
}

/* digit ('_'? digit)*: the place behind it; `pos` itself when there is none. */
static size_t skip_digits(sl_name s, size_t pos, int base)
{
    if (pos >= s.len || digit_of(s.data[pos]) >= base)
        return pos;
    for (pos++; pos < s.len; pos++) {
        if (s.data[pos] == '_' && pos + 1 < s.len &&
            digit_of(s.data[pos + 1]) < base)
            pos++;
        else if (digit_of(s.data[pos]) >= base)
            break;
    }
    return pos;
}

static size_t skip_sign(sl_name s, size_t pos)
{
    return pos < s.len && (s.data[pos] == '+' || s.data[pos] == '-') ? pos + 1
                                                                     : pos;
}

static bool has_prefix(sl_name s, size_t pos, const char *prefix)
{
    size_t len = strlen(prefix);
    return s.len - pos >= len && memcmp(s.data + pos, prefix, len) == 0;
}

/* Where the digits of a number start and their base. */
static int base_of(sl_name s, size_t *pos)
{
    *pos = skip_sign(s, 0);
    if (!has_prefix(s, *pos, "0x"))
        return 10;
    *pos += 2;
    return 16;
}

bool sl_is_integer(sl_name s)
{
    size_t pos;
    int base = base_of(s, &pos);
    size_t end = skip_digits(s, pos, base);
    return end > pos && end == s.len;
}

static bool is_nan_payload(sl_name s, size_t pos)
{
    if (!has_prefix(s, pos, "nan:0x"))
        return false;
    size_t end = skip_digits(s, pos + 6, 16);
    return end > pos + 6 && end == s.len;
}

static bool is_special(sl_name s)
{
    size_t pos = skip_sign(s, 0);
    sl_name word = {s.data + pos, s.len - pos};
    return sl_name_is(word, "inf") || sl_name_is(word, "nan") ||
           is_nan_payload(s, pos);
}

bool sl_is_number(sl_name s)
{
    if (is_special(s))
        return true;
    size_t pos;
    int base = base_of(s, &pos);
    size_t end = skip_digits(s, pos, base);
    if (end == pos)
        return false;
    if (end < s.len && s.data[end] == '.')
        end = skip_digits(s, end + 1, base);
    if (end < s.len && (s.data[end] | 0x20) == (base == 16 ? 'p' : 'e')) {
        size_t exponent = skip_sign(s, end + 1);
        end = skip_digits(s, exponent, 10);
        if (end == exponent)
            return false;
    }
    return end == s.len;
}

/* The magnitude of digits; false when it does not fit. */
static bool magnitude(sl_name s, size_t pos, unsigned base, uint64_t *out)
{
    uint64_t value = 0;
    for (; pos < s.len; pos++) {
        if (s.data[pos] == '_')
            continue;
        unsigned digit = (unsigned)digit_of(s.data[pos]);
        if (value > (UINT64_MAX - digit) / base)
            return false;
        value = value * base + digit;
    }
    *out = value;
    return true;
}

bool sl_parse_u64(sl_name s, uint64_t *out)
{
    size_t pos;
    if (s.len == 0 || skip_sign(s, 0) != 0 || !sl_is_integer(s))
        return false;
    int base = base_of(s, &pos);
    return magnitude(s, pos, (unsigned)base, out);
}

/* iN: unsigned below 2^bits, or signed at least -2^(bits-1); a `+` makes it
 * signed as well. */
static bool parse_int(sl_name s, unsigned bits, uint64_t *out)
{
    size_t pos;
    uint64_t value, half = UINT64_C(1) << (bits - 1);
    if (!sl_is_integer(s))
        return false;
    int base = base_of(s, &pos);
    if (!magnitude(s, pos, (unsigned)base, &value))
        return false;
    if (s.data[0] == '-') {
        if (value > half)
            return false;
        *out = 0 - value;
        return true;
    }
    if (s.data[0] == '+' ? value >= half : value > half * 2 - 1)
        return false;
    *out = value;
    return true;
}

bool sl_parse_i32(sl_name text, uint32_t *out)
{
    uint64_t value;
    if (!parse_int(text, 32, &value))
        return false;
    *out = (uint32_t)value;
    return true;
}

bool sl_parse_i64(sl_name text, uint64_t *out)
{
    return parse_int(text, 64, out);
}

/* inf, nan and nan:0x... for a format with so many significand bits. */
static bool parse_special(sl_name s, unsigned significand, unsigned exponent,
                          uint64_t *bits)
{
    size_t pos = skip_sign(s, 0);
    uint64_t payload = 0;
    sl_name word = {s.data + pos, s.len - pos};
    if (sl_name_is(word, "nan"))
        payload = UINT64_C(1) << (significand - 1);
    else if (!sl_name_is(word, "inf")) {
        if (!magnitude(s, pos + 6, 16, &payload) || payload == 0 ||
            payload >> significand != 0)
            return false;
    }
    uint64_t sign = s.data[0] == '-';
    uint64_t exp = (UINT64_C(1) << exponent) - 1;
    *bits = sign << (significand + exponent) | exp << significand | payload;
    return true;
}

/* The text without underscores, NUL behind it, for strtof and strtod. */
static char *clean(sl_name s, char *room, size_t size)
{
    char *text = s.len < size ? room : sl_calloc(s.len + 1, 1);
    if (text == NULL)
        return NULL;
    size_t n = 0;
    for (size_t i = 0; i < s.len; i++)
        if (s.data[i] != '_')
            text[n++] = s.data[i];
    text[n] = '\0';
    return text;
}

bool sl_parse_f32(sl_name s, uint32_t *bits)
{
    char room[64];
    uint64_t special;
    if (!sl_is_number(s))
        return false;
    if (is_special(s)) {
        if (!parse_special(s, 23, 8, &special))
            return false;
        *bits = (uint32_t)special;
        return true;
    }
    char *text = clean(s, room, sizeof room);
    if (text == NULL)
        return false;
    float value = strtof(text, NULL);
    if (text != room)
        sl_free(text);
    memcpy(bits, &value, sizeof value);
    return isfinite(value);
}

bool sl_parse_f64(sl_name s, uint64_t *bits)
{
    char room[64];
    if (!sl_is_number(s))
        return false;
    if (is_special(s))
        return parse_special(s, 52, 11, bits);
    char *text = clean(s, room, sizeof room);
    if (text == NULL)
        return false;
    double value = strtod(text, NULL);
    if (text != room)
        sl_free(text);
    memcpy(bits, &value, sizeof value);
    return isfinite(value);
}
