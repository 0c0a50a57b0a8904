#include "base/reader.h"

#include "base/utf8.h"

bool sl_reader_fail(sl_reader *r, sl_status code, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    sl_vfail(r->err, code, sl_reader_at(r), fmt, args);
    va_end(args);
    r->pos = r->end;
    return false;
}

static bool at_end(sl_reader *r)
{
    if (r->pos < r->end)
        return false;
    sl_reader_fail(r, SL_EMALFORMED, "unexpected end");
    return true;
}

uint8_t sl_read_u8(sl_reader *r)
{
    return at_end(r) ? 0 : *r->pos++;
}

/* Core specification, "Integers": uN in at most ceil(N/7) bytes, the unused
 * bits of the last one zero. */
static uint64_t read_unsigned(sl_reader *r, unsigned bits)
{
    uint64_t value = 0;
    for (unsigned shift = 0;; shift += 7) {
        if (at_end(r))
            return 0;
        uint8_t byte = *r->pos;
        if (shift + 7 >= bits) { /* the last byte allowed */
            if (byte & 0x80)
                return sl_reader_fail(r, SL_EMALFORMED,
                                      "integer representation too long");
            if (byte >> (bits - shift))
                return sl_reader_fail(r, SL_EMALFORMED, "integer too large");
        }
        r->pos++;
        value |= (uint64_t)(byte & 0x7f) << shift;
        if (!(byte & 0x80))
            return value;
    }
}

/* sN: as above; the unused bits of the last byte repeat the sign. */
static int64_t read_signed(sl_reader *r, unsigned bits)
{
    uint64_t value = 0;
    for (unsigned shift = 0;; shift += 7) {
        if (at_end(r))
            return 0;
        uint8_t byte = *r->pos;
        if (shift + 7 >= bits) {
            unsigned used = bits - shift; /* bits of this byte that count */
            uint8_t top = (uint8_t)((byte & 0x7f) >> (used - 1));
            uint8_t ones = (uint8_t)(0x7f >> (used - 1));
            if (byte & 0x80)
                return sl_reader_fail(r, SL_EMALFORMED,
                                      "integer representation too long");
            if (top != 0 && top != ones)
                return sl_reader_fail(r, SL_EMALFORMED, "integer too large");
        }
        r->pos++;
        value |= (uint64_t)(byte & 0x7f) << shift;
        if (!(byte & 0x80)) {
            if ((byte & 0x40) && shift + 7 < 64)
                value |= ~UINT64_C(0) << (shift + 7);
            return (int64_t)value;
        }
    }
}

uint32_t sl_read_u32(sl_reader *r)
{
    if (r->pos < r->end && *r->pos < 0x80)
        return *r->pos++;
    return (uint32_t)read_unsigned(r, 32);
}

uint64_t sl_read_u64(sl_reader *r)
{
    return read_unsigned(r, 64);
}

uint16_t sl_read_u16(sl_reader *r)
{
    return (uint16_t)read_unsigned(r, 16);
}

int16_t sl_read_s16(sl_reader *r)
{
    return (int16_t)read_signed(r, 16);
}

int32_t sl_read_s32(sl_reader *r)
{
    return (int32_t)read_signed(r, 32);
}

int64_t sl_read_s33(sl_reader *r)
{
    return read_signed(r, 33);
}

int64_t sl_read_s64(sl_reader *r)
{
    return read_signed(r, 64);
}

static uint64_t read_little(sl_reader *r, size_t bytes)
{
    const uint8_t *p = sl_read_bytes(r, bytes);
    uint64_t value = 0;
    for (size_t i = 0; p != NULL && i < bytes; i++)
        value |= (uint64_t)p[i] << (8 * i);
    return value;
}

uint32_t sl_read_f32_bits(sl_reader *r)
{
    return (uint32_t)read_little(r, 4);
}

uint64_t sl_read_f64_bits(sl_reader *r)
{
    return read_little(r, 8);
}

const uint8_t *sl_read_bytes(sl_reader *r, size_t len)
{
    if (!sl_reader_ok(r) || sl_reader_left(r) < len) {
        sl_reader_fail(r, SL_EMALFORMED, "unexpected end");
        return NULL;
    }
    const uint8_t *bytes = r->pos;
    r->pos += len;
    return bytes;
}

sl_name sl_read_name(sl_reader *r)
{
    uint32_t len = sl_read_u32(r);
    const uint8_t *start = r->pos;
    const uint8_t *bytes = sl_read_bytes(r, len);
    if (bytes == NULL)
        return (sl_name){"", 0};
    if (!sl_utf8_valid(bytes, len)) {
        r->pos = start;
        sl_reader_fail(r, SL_EMALFORMED, "malformed UTF-8 encoding");
        return (sl_name){"", 0};
    }
    return (sl_name){(const char *)bytes, len};
}

uint32_t sl_read_count(sl_reader *r, size_t min_bytes)
{
    uint32_t count = sl_read_u32(r);
    if (min_bytes != 0 && count > sl_reader_left(r) / min_bytes) {
        sl_reader_fail(r, SL_EMALFORMED, "unexpected end: a vector of %u",
                       (unsigned)count);
        return 0;
    }
    return count;
}

sl_reader sl_read_sub(sl_reader *r, size_t len)
{
    uint64_t at = sl_reader_at(r);
    const uint8_t *bytes = sl_read_bytes(r, len);
    if (bytes == NULL)
        return sl_reader_over(r->end, 0, at, r->err);
    return sl_reader_over(bytes, len, at, r->err);
}
