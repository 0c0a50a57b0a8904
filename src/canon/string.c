/* Strings between three encodings, with the realloc calls of the
 * specification: a guest can see each of them.
 * CanonicalABI.md "Loading" (load_string_from_range), "Storing"
 * (store_string_into_range and what it chooses from). */
#include "base/utf8.h"
#include "canon/value_int.h"

/* --- Lifting -------------------------------------------------------------- */

static bool utf16_valid(const uint8_t *bytes, size_t len)
{
    for (size_t i = 0; i < len; i += 2) {
        unsigned unit = bytes[i] | bytes[i + 1] << 8;
        if (unit < 0xd800 || unit > 0xdfff)
            continue;
        if (unit > 0xdbff || i + 4 > len || (bytes[i + 3] & 0xfc) != 0xdc)
            return false;
        i += 2;
    }
    return true;
}

/* Whether malformed UTF-8 is so only because its end is missing. */
static bool utf8_cut_off(const uint8_t *bytes, size_t len)
{
    static const unsigned char need[16] = {0, 0, 0, 0, 0, 0, 0, 0,
                                           0, 0, 0, 0, 2, 2, 3, 4};
    for (size_t back = 1; back <= 3 && back <= len; back++) {
        uint8_t lead = bytes[len - back];
        if ((lead & 0xc0) != 0x80)
            return lead < 0xf5 && need[lead >> 4] > back &&
                   sl_utf8_valid(bytes, len - back);
    }
    return false;
}

static sl_status check_content(const sl_cx *cx, const sl_val *val)
{
    const uint8_t *bytes = (const uint8_t *)val->of.string.data;
    size_t len = val->of.string.len;
    sl_store *store = cx->inst->store;
    switch (val->encoding) {
    case SL_VAL_UTF8:
        if (sl_utf8_valid(bytes, len))
            return SL_OK;
        return sl_store_trap(store, utf8_cut_off(bytes, len)
                                        ? "incomplete utf-8 byte sequence"
                                        : "invalid utf-8");
    case SL_VAL_LATIN1:
        return SL_OK;
    default:
        SL_TRAP_IF(store, !utf16_valid(bytes, len),
                   "invalid utf-16: unpaired surrogate");
        return SL_OK;
    }
}

/* The encoding, size and alignment that a length in memory stands for. */
typedef struct string_shape {
    sl_val_encoding encoding;
    uint64_t bytes;
    uint32_t align;
} string_shape;

static uint64_t utf16_tag(const sl_cx *cx)
{
    return UINT64_C(1) << (sl_cx_ptr_size(cx) * 8 - 1);
}

/* Twice `units`, or too much when that does not fit. */
static uint64_t twice(uint64_t units)
{
    return units > MAX_BYTE_LENGTH ? UINT64_MAX : 2 * units;
}

static string_shape shape_of(const sl_cx *cx, uint64_t tagged)
{
    uint64_t tag = utf16_tag(cx);
    switch (cx->opts->canon->opts.encoding) {
    case SL_UTF8:
        return (string_shape){SL_VAL_UTF8, tagged, 1};
    case SL_UTF16:
        return (string_shape){SL_VAL_UTF16, twice(tagged), 2};
    default:
        if (tagged & tag)
            return (string_shape){SL_VAL_LATIN1_UTF16, twice(tagged ^ tag), 2};
        return (string_shape){SL_VAL_LATIN1, tagged, 2};
    }
}

sl_status sl_cx_view_string(const sl_cx *cx, uint64_t begin,
                            uint64_t tagged_units, sl_val *out)
{
    sl_store *store = cx->inst->store;
    string_shape shape = shape_of(cx, tagged_units);
    *out = (sl_val){.kind = SLUICE_STRING, .encoding = (uint8_t)shape.encoding};
    SL_TRAP_IF(store, shape.bytes > MAX_BYTE_LENGTH, "string is too long");
    SL_TRAP_IF(store, !is_aligned(begin, shape.align),
               "string pointer is not aligned (unaligned pointer)");
    const uint8_t *at = sl_cx_at(cx, begin, shape.bytes);
    SL_TRAP_IF(store, at == NULL,
               "string pointer/length out of bounds of memory (string content "
               "out-of-bounds)");
    out->of.string.data = (char *)at;
    out->of.string.len = (size_t)shape.bytes;
    return check_content(cx, out);
}

sl_status sl_cx_load_string(sl_cx *cx, uint64_t begin, uint64_t tagged_units,
                            sl_val *out)
{
    void *copy;
    sl_status st = sl_cx_view_string(cx, begin, tagged_units, out);
    if (st == SL_OK)
        st = sl_cx_alloc(cx, out->of.string.len + 1, 1, &copy);
    if (st != SL_OK)
        return st;
    memcpy(copy, out->of.string.data, out->of.string.len);
    out->of.string.data = copy;
    return SL_OK;
}

/* --- A string as a sequence of code points -------------------------------- */

typedef struct points {
    const uint8_t *bytes;
    size_t len, pos;
    sl_val_encoding encoding;
} points;

static points points_of(const sl_val *val)
{
    return (points){(const uint8_t *)val->of.string.data, val->of.string.len, 0,
                    (sl_val_encoding)val->encoding};
}

static uint32_t next_utf16(points *p)
{
    uint32_t unit = p->bytes[p->pos] | (uint32_t)p->bytes[p->pos + 1] << 8;
    p->pos += 2;
    if ((unit & 0xfc00) != 0xd800)
        return unit;
    uint32_t low = p->bytes[p->pos] | (uint32_t)p->bytes[p->pos + 1] << 8;
    p->pos += 2;
    return 0x10000 + ((unit & 0x3ff) << 10) + (low & 0x3ff);
}

/* The next code point of a well-formed string; false at its end. */
static bool next_point(points *p, uint32_t *point)
{
    if (p->pos >= p->len)
        return false;
    if (p->encoding == SL_VAL_UTF8)
        *point = sl_utf8_next(p->bytes, p->len, &p->pos);
    else if (p->encoding == SL_VAL_LATIN1)
        *point = p->bytes[p->pos++];
    else
        *point = next_utf16(p);
    return true;
}

static uint64_t code_units(const sl_val *val)
{
    bool wide =
        val->encoding == SL_VAL_UTF16 || val->encoding == SL_VAL_LATIN1_UTF16;
    return wide ? val->of.string.len / 2 : val->of.string.len;
}

/* Writes everything from `p` on as UTF-8; `to` may be NULL to count. */
static uint64_t put_utf8(points p, uint8_t *to)
{
    uint64_t n = 0;
    uint32_t point;
    uint8_t bytes[4];
    while (next_point(&p, &point)) {
        size_t len = sl_utf8_put(point, bytes);
        if (to != NULL)
            memcpy(to + n, bytes, len);
        n += len;
    }
    return n;
}

static void put_unit(uint8_t *to, uint32_t unit)
{
    to[0] = (uint8_t)unit;
    to[1] = (uint8_t)(unit >> 8);
}

/* The same as UTF-16. */
static uint64_t put_utf16(points p, uint8_t *to)
{
    uint64_t n = 0;
    uint32_t point;
    while (next_point(&p, &point)) {
        bool pair = point >= 0x10000;
        if (to != NULL && pair) {
            put_unit(to + n, 0xd800 + ((point - 0x10000) >> 10));
            put_unit(to + n + 2, 0xdc00 + (point & 0x3ff));
        } else if (to != NULL) {
            put_unit(to + n, point);
        }
        n += pair ? 4 : 2;
    }
    return n;
}

/* The code points in front of the first that is `limit` or more; *rest starts
 * with that one. */
static uint64_t prefix_below(const sl_val *val, uint32_t limit, points *rest)
{
    points p = points_of(val);
    uint64_t n = 0;
    uint32_t point;
    for (*rest = p; next_point(&p, &point) && point < limit; *rest = p)
        n++;
    return n;
}

/* --- Lowering ------------------------------------------------------------- */

/* The range behind a pointer that realloc returned and that was checked; the
 * guest has not run since. */
static sl_status range_at(sl_cx *cx, uint64_t ptr, uint64_t len, uint8_t **at)
{
    *at = sl_cx_at(cx, ptr, len);
    return *at != NULL ? SL_OK : sl_cx_out_of_bounds(cx);
}

/* realloc, and where its result lies. */
static sl_status grow(sl_cx *cx, uint64_t *ptr, uint64_t old, uint32_t align,
                      uint64_t bytes, uint8_t **at)
{
    sl_status st = sl_cx_realloc(cx, *ptr, old, align, bytes, ptr);
    return st != SL_OK ? st : range_at(cx, *ptr, bytes, at);
}

static void copy(uint8_t *to, const sl_val *val)
{
    if (val->of.string.len != 0)
        memcpy(to, val->of.string.data, val->of.string.len);
}

/* store_string_copy. */
static sl_status store_copy(sl_cx *cx, const sl_val *val, uint32_t unit,
                            uint32_t align, uint64_t pair[2])
{
    uint64_t units = code_units(val);
    uint8_t *at;
    pair[0] = 0;
    pair[1] = units;
    sl_status st = grow(cx, &pair[0], 0, align, unit * units, &at);
    if (st != SL_OK)
        return st;
    if (val->encoding == SL_VAL_LATIN1 && unit == 2)
        put_utf16(points_of(val), at);
    else
        copy(at, val);
    return SL_OK;
}

static void put_prefix(const sl_val *val, uint64_t n, uint8_t *to)
{
    points p = points_of(val);
    uint32_t point;
    for (uint64_t i = 0; i < n && next_point(&p, &point); i++)
        to[i] = (uint8_t)point;
}

/* store_string_to_utf8, for UTF-16 and Latin-1 sources: assumes ASCII until
 * a character proves it wrong. */
static sl_status store_to_utf8(sl_cx *cx, const sl_val *val, uint64_t worst,
                               uint64_t pair[2])
{
    uint64_t units = code_units(val), ptr = 0;
    points rest;
    uint8_t *at;
    sl_status st = grow(cx, &ptr, 0, 1, units, &at);
    if (st != SL_OK)
        return st;
    uint64_t ascii = prefix_below(val, 0x80, &rest);
    put_prefix(val, ascii, at);
    uint64_t size = units;
    if (rest.pos < rest.len) {
        st = grow(cx, &ptr, units, 1, worst, &at);
        if (st != SL_OK)
            return st;
        size = ascii + put_utf8(rest, at + ascii);
        if (worst > size)
            st = grow(cx, &ptr, worst, 1, size, &at);
    }
    pair[0] = ptr;
    pair[1] = size;
    return st;
}

/* store_utf8_to_utf16. */
static sl_status store_to_utf16(sl_cx *cx, const sl_val *val, uint64_t pair[2])
{
    uint64_t worst = 2 * code_units(val), ptr = 0;
    uint8_t *at;
    sl_status st = grow(cx, &ptr, 0, 2, worst, &at);
    if (st != SL_OK)
        return st;
    uint64_t size = put_utf16(points_of(val), at);
    if (size < worst)
        st = grow(cx, &ptr, worst, 2, size, &at);
    pair[0] = ptr;
    pair[1] = size / 2;
    return st;
}

/* The narrow characters that are in memory already, made wide in place. */
static void inflate(uint8_t *at, uint64_t n)
{
    for (uint64_t j = n; j-- > 0;) {
        at[2 * j] = at[j];
        at[2 * j + 1] = 0;
    }
}

/* store_string_to_latin1_or_utf16, for UTF-8 and UTF-16 sources: assumes
 * Latin-1 until a character proves it wrong. */
static sl_status store_to_either(sl_cx *cx, const sl_val *val, uint64_t pair[2])
{
    uint64_t units = code_units(val), ptr = 0, worst = 2 * units;
    points rest;
    uint8_t *at;
    sl_status st = grow(cx, &ptr, 0, 2, units, &at);
    if (st != SL_OK)
        return st;
    uint64_t narrow = prefix_below(val, 0x100, &rest);
    put_prefix(val, narrow, at);
    if (rest.pos >= rest.len) {
        if (narrow < units)
            st = grow(cx, &ptr, units, 2, narrow, &at);
        pair[0] = ptr;
        pair[1] = narrow;
        return st;
    }
    st = grow(cx, &ptr, units, 2, worst, &at);
    if (st != SL_OK)
        return st;
    inflate(at, narrow);
    uint64_t size = 2 * narrow + put_utf16(rest, at + 2 * narrow);
    if (worst > size)
        st = grow(cx, &ptr, worst, 2, size, &at);
    pair[0] = ptr;
    pair[1] = size / 2 | utf16_tag(cx);
    return st;
}

/* store_probably_utf16_to_latin1_or_utf16. */
static sl_status store_probably_utf16(sl_cx *cx, const sl_val *val,
                                      uint64_t pair[2])
{
    uint64_t units = code_units(val), ptr = 0;
    points rest;
    uint8_t *at;
    sl_status st = grow(cx, &ptr, 0, 2, 2 * units, &at);
    if (st != SL_OK)
        return st;
    copy(at, val);
    pair[0] = ptr;
    pair[1] = units | utf16_tag(cx);
    uint64_t narrow = prefix_below(val, 0x100, &rest);
    if (rest.pos < rest.len)
        return SL_OK;
    put_prefix(val, narrow, at);
    pair[1] = narrow;
    return grow(cx, &pair[0], 2 * units, 1, narrow, &at);
}

static sl_status store_as_utf8(sl_cx *cx, const sl_val *val, uint64_t pair[2])
{
    uint64_t units = code_units(val);
    switch (val->encoding) {
    case SL_VAL_UTF8:
        return store_copy(cx, val, 1, 1, pair);
    case SL_VAL_LATIN1:
        return store_to_utf8(cx, val, 2 * units, pair);
    default:
        return store_to_utf8(cx, val, 3 * units, pair);
    }
}

static sl_status store_as_either(sl_cx *cx, const sl_val *val, uint64_t pair[2])
{
    switch (val->encoding) {
    case SL_VAL_LATIN1:
        return store_copy(cx, val, 1, 2, pair);
    case SL_VAL_LATIN1_UTF16:
        return store_probably_utf16(cx, val, pair);
    default:
        return store_to_either(cx, val, pair);
    }
}

/* Transcoding counts on well-formed sources; only a host's can be others. */
static bool is_well_formed(const sl_val *val)
{
    return val->encoding != SL_VAL_UTF8 ||
           sl_utf8_valid(val->of.string.data, val->of.string.len);
}

sl_status sl_cx_store_string(sl_cx *cx, const sl_val *val, uint64_t pair[2])
{
    sl_string_encoding encoding = cx->opts->canon->opts.encoding;
    SL_TRAP_IF(cx->inst->store, val->of.string.len > MAX_BYTE_LENGTH,
               "string is too long");
    SL_TRAP_IF(cx->inst->store, encoding != SL_UTF8 && !is_well_formed(val),
               "invalid utf-8");
    switch (encoding) {
    case SL_UTF8:
        return store_as_utf8(cx, val, pair);
    case SL_UTF16:
        return val->encoding == SL_VAL_UTF8 ? store_to_utf16(cx, val, pair)
                                            : store_copy(cx, val, 2, 2, pair);
    default:
        return store_as_either(cx, val, pair);
    }
}

/* --- The host's side ------------------------------------------------------ */

static sl_status string_to_utf8(sl_val *val, sl_arena *arena)
{
    if (val->encoding == SL_VAL_UTF8)
        return SL_OK;
    uint64_t len = put_utf8(points_of(val), NULL);
    char *data = sl_arena_calloc(arena, (size_t)len + 1, 1);
    if (data == NULL)
        return SL_ENOMEM;
    put_utf8(points_of(val), (uint8_t *)data);
    val->encoding = SL_VAL_UTF8;
    val->of.string.data = data;
    val->of.string.len = (size_t)len;
    return SL_OK;
}

/* As deep as a type is at most (100). */
sl_status sl_val_to_utf8(sl_val *val, sl_arena *arena)
{
    sl_status st = SL_OK;
    switch (val->kind) {
    case SLUICE_STRING:
        return string_to_utf8(val, arena);
    case SLUICE_LIST:
    case SLUICE_MAP:
    case SLUICE_RECORD:
    case SLUICE_TUPLE:
        if (val->kind == SLUICE_LIST && val->elem != 0)
            return SL_OK;
        for (size_t i = 0; st == SL_OK && i < val->of.list.len; i++)
            st = sl_val_to_utf8(&val->of.list.items[i], arena);
        return st;
    case SLUICE_VARIANT:
    case SLUICE_OPTION:
    case SLUICE_RESULT:
        if (val->of.variant.payload != NULL)
            st = sl_val_to_utf8(val->of.variant.payload, arena);
        return st;
    default:
        return SL_OK;
    }
}
