/* What makes bytes of an origin into bytes of a segment: the digest that the
 * component declares, and one zstd frame for a chunk. Blocks; any thread.
 * docs/data-segments.md, section 2. */
#ifndef SL_DATA_VERIFY_H
#define SL_DATA_VERIFY_H

#include "base/err.h"
#include "data/cache.h"

/* Is the SHA-256 of the bytes `digest`? SL_EIO: no. */
sl_status sl_verify(const void *bytes, size_t len, const uint8_t *digest,
                    sl_err *err);

/* Decompression contexts to use again. Any thread. */
typedef struct sl_inflaters sl_inflaters;
sl_inflaters *sl_inflaters_new(void); /* NULL: out of memory */
void sl_inflaters_free(sl_inflaters *inflaters); /* NULL is fine */

#define SL_ZSTD_WINDOW_MAX (UINT64_C(1) << 23)

/* No good frame of so much content is longer: a writer may choose any level,
 * but never expands beyond this. */
size_t sl_deflate_bound(size_t content);

/* The content of exactly one frame, which has exactly `to_len` bytes and a
 * window of SL_ZSTD_WINDOW_MAX at most. SL_EIO: it is something else. */
sl_status sl_inflate(sl_inflaters *inflaters, const void *frame, size_t len,
                     void *to, size_t to_len, sl_err *err);

#endif
