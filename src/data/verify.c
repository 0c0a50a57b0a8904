#include "data/verify.h"

#include <pthread.h>
#include <string.h>
#include <zstd.h>

#include "base/alloc.h"
#include "data/disk.h"

/* --- SHA-256 -------------------------------------------------------------------- */

sl_status sl_verify(const void *bytes, size_t len, const uint8_t *digest,
                    sl_err *err)
{
    uint8_t got[SL_DIGEST_SIZE];
    if (!sl_disk_digest(bytes, len, got))
        return sl_fail(err, SL_ENOMEM, SL_ERR_NO_PLACE, "SHA-256 failed");
    if (memcmp(got, digest, SL_DIGEST_SIZE) != 0)
        return sl_fail(err, SL_EIO, SL_ERR_NO_PLACE,
                       "its SHA-256 is not the one that the component declares");
    return SL_OK;
}

/* --- zstd ------------------------------------------------------------------------ */

enum { KEPT = 8 };

struct sl_inflaters {
    pthread_mutex_t lock;
    ZSTD_DCtx *idle[KEPT];
    size_t n;
};

sl_inflaters *sl_inflaters_new(void)
{
    sl_inflaters *inflaters = sl_calloc(1, sizeof *inflaters);
    if (inflaters != NULL)
        pthread_mutex_init(&inflaters->lock, NULL);
    return inflaters;
}

void sl_inflaters_free(sl_inflaters *inflaters)
{
    if (inflaters == NULL)
        return;
    for (size_t i = 0; i < inflaters->n; i++)
        ZSTD_freeDCtx(inflaters->idle[i]);
    pthread_mutex_destroy(&inflaters->lock);
    sl_free(inflaters);
}

static ZSTD_DCtx *take(sl_inflaters *inflaters)
{
    pthread_mutex_lock(&inflaters->lock);
    ZSTD_DCtx *ctx =
        inflaters->n != 0 ? inflaters->idle[--inflaters->n] : NULL;
    pthread_mutex_unlock(&inflaters->lock);
    return ctx != NULL ? ctx : ZSTD_createDCtx();
}

static void give_back(sl_inflaters *inflaters, ZSTD_DCtx *ctx)
{
    pthread_mutex_lock(&inflaters->lock);
    bool keep = inflaters->n < KEPT;
    if (keep)
        inflaters->idle[inflaters->n++] = ctx;
    pthread_mutex_unlock(&inflaters->lock);
    if (!keep)
        ZSTD_freeDCtx(ctx);
}

size_t sl_deflate_bound(size_t content)
{
    return ZSTD_compressBound(content) + 4096;
}

/* The window that a frame's header asks for (RFC 8878, section 3.1.1.1);
 * UINT64_MAX: no header of a zstd frame. */
static uint64_t window_of(const uint8_t *frame, size_t len)
{
    static const uint8_t magic[4] = {0x28, 0xb5, 0x2f, 0xfd};
    if (len < 6 || memcmp(frame, magic, 4) != 0)
        return UINT64_MAX;
    uint8_t descriptor = frame[4];
    if ((descriptor & 0x20) != 0) { /* single segment: the content's size */
        unsigned long long size = ZSTD_getFrameContentSize(frame, len);
        return size < ZSTD_CONTENTSIZE_ERROR ? size : UINT64_MAX;
    }
    uint64_t base = UINT64_C(1) << (10 + (frame[5] >> 3));
    return base + base / 8 * (frame[5] & 7);
}

static sl_status decompress(ZSTD_DCtx *ctx, const void *frame, size_t len,
                            void *to, size_t to_len, sl_err *err)
{
    size_t n = ZSTD_decompressDCtx(ctx, to, to_len, frame, len);
    if (ZSTD_isError(n))
        return sl_fail(err, SL_EIO, SL_ERR_NO_PLACE, "bad zstd frame: %s",
                       ZSTD_getErrorName(n));
    if (n != to_len)
        return sl_fail(err, SL_EIO, SL_ERR_NO_PLACE,
                       "bad zstd frame: %zu bytes of content where the chunk "
                       "has %zu",
                       n, to_len);
    return SL_OK;
}

sl_status sl_inflate(sl_inflaters *inflaters, const void *frame, size_t len,
                     void *to, size_t to_len, sl_err *err)
{
    uint64_t window = window_of(frame, len);
    if (window == UINT64_MAX)
        return sl_fail(err, SL_EIO, SL_ERR_NO_PLACE,
                       "bad zstd frame: its header is none");
    if (window > SL_ZSTD_WINDOW_MAX)
        return sl_fail(err, SL_EIO, SL_ERR_NO_PLACE,
                       "bad zstd frame: its window exceeds 2^23 bytes");
    if (ZSTD_findFrameCompressedSize(frame, len) != len)
        return sl_fail(err, SL_EIO, SL_ERR_NO_PLACE,
                       "bad zstd frame: it does not end where it should");
    ZSTD_DCtx *ctx = take(inflaters);
    if (ctx == NULL)
        return sl_fail(err, SL_ENOMEM, SL_ERR_NO_PLACE, "out of memory");
    sl_status st = decompress(ctx, frame, len, to, to_len, err);
    give_back(inflaters, ctx);
    return st;
}
