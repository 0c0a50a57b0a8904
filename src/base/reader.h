/* A sticky reader over bytes in memory: after a failure every read returns 0
 * and the position stays at the end, so that a decoder needs no ladder of
 * checks. Core specification, "Binary Format", "Values". */
#ifndef SL_BASE_READER_H
#define SL_BASE_READER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/name.h"

typedef struct sl_reader {
    const uint8_t *start, *pos, *end;
    uint64_t origin; /* offset of `start` in the whole input, for messages */
    sl_err *err;     /* never NULL */
} sl_reader;

static inline sl_reader sl_reader_over(const void *bytes, size_t len,
                                       uint64_t origin, sl_err *err)
{
    const uint8_t *p = bytes;
    return (sl_reader){p, p, p + len, origin, err};
}

static inline bool sl_reader_ok(const sl_reader *r)
{
    return r->err->code == SL_OK;
}

static inline size_t sl_reader_left(const sl_reader *r)
{
    return (size_t)(r->end - r->pos);
}

/* Offset of the next byte in the whole input. */
static inline uint64_t sl_reader_at(const sl_reader *r)
{
    return r->origin + (uint64_t)(r->pos - r->start);
}

/* Fails at the current place and jumps to the end; always returns false. */
bool sl_reader_fail(sl_reader *r, sl_status code, const char *fmt, ...)
    SL_PRINTF(3, 4);

uint8_t sl_read_u8(sl_reader *r);
uint32_t sl_read_u32(sl_reader *r); /* LEB128, as are the next six */
uint64_t sl_read_u64(sl_reader *r);
uint16_t sl_read_u16(sl_reader *r);
int16_t sl_read_s16(sl_reader *r);
int32_t sl_read_s32(sl_reader *r);
int64_t sl_read_s33(sl_reader *r);
int64_t sl_read_s64(sl_reader *r);
uint32_t sl_read_f32_bits(sl_reader *r); /* 4 bytes, little-endian */
uint64_t sl_read_f64_bits(sl_reader *r); /* 8 bytes, little-endian */

/* `len` bytes in place; NULL after a failure ("unexpected end"). */
const uint8_t *sl_read_bytes(sl_reader *r, size_t len);
/* A vec(byte) that must be UTF-8, borrowed from the input;
 * "malformed UTF-8 encoding". */
sl_name sl_read_name(sl_reader *r);
/* The length of a vec whose elements take at least `min_bytes` each: refuses
 * more than the bytes left could hold ("unexpected end"), so that no input
 * can ask for more memory than it is long. */
uint32_t sl_read_count(sl_reader *r, size_t min_bytes);
/* A reader over the next `len` bytes, which this one skips. */
sl_reader sl_read_sub(sl_reader *r, size_t len);

#endif
