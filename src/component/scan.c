#include "component/scan.h"

#include <string.h>

bool sl_scan_end(sl_scan *c)
{
    sl_fail(c->d->err, SL_EMALFORMED, c->end, "unexpected end-of-file");
    return false;
}

/* Bytes read pay for heap and for steps of validation. */
static void account(sl_decoder *d, uint64_t n)
{
    d->bytes += n;
    d->fuel += n * SL_FUEL_PER_BYTE;
}

static bool read_source(sl_scan *c, uint64_t at, void *to, size_t len)
{
    sl_source *source = c->d->source;
    if (source->memory == NULL)
        return source->read_at(source, at, to, len, c->d->err) == SL_OK;
    if (len != 0)
        memcpy(to, source->memory + at, len);
    return true;
}

/* Fills `ahead` from `at`, as far as the container goes. */
static bool look(sl_scan *c)
{
    uint64_t left = c->end - c->at;
    size_t n = left < SL_SCAN_AHEAD ? (size_t)left : SL_SCAN_AHEAD;
    if (!read_source(c, c->at, c->ahead, n))
        return false;
    c->ahead_at = c->at;
    c->n_ahead = n;
    account(c->d, n);
    return true;
}

uint8_t sl_scan_u8(sl_scan *c)
{
    if (!sl_dec_ok(c->d))
        return 0;
    if (c->at >= c->end)
        return sl_scan_end(c);
    if (c->at < c->ahead_at || c->at - c->ahead_at >= c->n_ahead)
        if (!look(c))
            return 0;
    return c->ahead[c->at++ - c->ahead_at];
}

/* The bytes of an LEB128 number, at most `most`: how many. */
static size_t leb128(sl_scan *c, uint8_t *bytes, size_t most)
{
    size_t n = 0;
    do {
        bytes[n] = sl_scan_u8(c);
    } while (sl_dec_ok(c->d) && (bytes[n++] & 0x80) && n < most);
    return n;
}

uint32_t sl_scan_u32(sl_scan *c)
{
    uint8_t bytes[5];
    uint64_t at = c->at;
    size_t n = leb128(c, bytes, sizeof bytes);
    sl_reader r = sl_reader_over(bytes, n, at, c->d->err);
    return sl_dec_ok(c->d) ? sl_read_u32(&r) : 0;
}

uint64_t sl_scan_u64(sl_scan *c)
{
    uint8_t bytes[10];
    uint64_t at = c->at;
    size_t n = leb128(c, bytes, sizeof bytes);
    sl_reader r = sl_reader_over(bytes, n, at, c->d->err);
    return sl_dec_ok(c->d) ? sl_read_u64(&r) : 0;
}

const uint8_t *sl_scan_take(sl_scan *c, uint64_t len)
{
    sl_decoder *d = c->d;
    if (!sl_dec_ok(d))
        return NULL;
    if (len > c->end - c->at) {
        sl_scan_end(c);
        return NULL;
    }
    if (len > SL_MAX_SECTION) {
        sl_dec_limit(d, c->at, "bytes in a section");
        return NULL;
    }
    uint64_t at = c->at;
    c->at += len;
    account(d, len);
    if (d->source->memory != NULL)
        return d->source->memory + at;
    uint8_t *out = sl_dec_alloc(d, 1, (size_t)len);
    if (out != NULL && len != 0 && !read_source(c, at, out, (size_t)len))
        return NULL;
    return out;
}

void sl_scan_skip(sl_scan *c, uint64_t len)
{
    if (!sl_dec_ok(c->d))
        return;
    if (len > c->end - c->at)
        sl_scan_end(c);
    else
        c->at += len;
}
