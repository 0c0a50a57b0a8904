#include "bundle/coder.h"

#include <inttypes.h>
#include <string.h>

#include <openssl/evp.h>
#include <zstd.h>

#include "base/alloc.h"

#define PIECE_BYTES ((size_t)256 << 10)

struct sl_coder {
    sl_coder_kind kind;
    int level;
    EVP_MD_CTX *hash;
    ZSTD_CCtx *compressor;
    ZSTD_DCtx *restorer;
    uint8_t *in, *out; /* PIECE_BYTES each */
};

/* What one run works on. */
typedef struct run {
    sl_coder *coder;
    sl_source *source;
    sl_coder_chunk *chunk;
    sl_coder_put *put;
    void *arg;
    sl_err *err;
    uint64_t content; /* bytes of it so far */
} run;

sl_coder *sl_coder_new(sl_coder_kind kind, int level)
{
    sl_coder *c = sl_calloc(1, sizeof *c);
    if (c == NULL)
        return NULL;
    *c = (sl_coder){.kind = kind,
                    .level = level,
                    .hash = EVP_MD_CTX_new(),
                    .in = sl_malloc(PIECE_BYTES),
                    .out = sl_malloc(PIECE_BYTES)};
    bool good = c->hash != NULL && c->in != NULL && c->out != NULL;
    if (kind == SL_CODER_COMPRESS)
        good = (c->compressor = ZSTD_createCCtx()) != NULL && good;
    if (kind == SL_CODER_RESTORE)
        good = (c->restorer = ZSTD_createDCtx()) != NULL && good;
    if (good)
        return c;
    sl_coder_free(c);
    return NULL;
}

void sl_coder_free(sl_coder *c)
{
    if (c == NULL)
        return;
    EVP_MD_CTX_free(c->hash);
    ZSTD_freeCCtx(c->compressor);
    ZSTD_freeDCtx(c->restorer);
    sl_free(c->in);
    sl_free(c->out);
    sl_free(c);
}

/* A data fault: docs/data-segments.md, section 6. */
static bool fault(run *r, const char *why)
{
    sl_fail(r->err, SL_EINVALID, SL_ERR_NO_PLACE,
            "data fault: bytes [%" PRIu64 ", %" PRIu64 "): %s", r->chunk->at,
            r->chunk->at + r->chunk->size, why);
    return false;
}

static bool internal(run *r, const char *what)
{
    sl_fail(r->err, SL_ENOMEM, SL_ERR_NO_PLACE, "%s", what);
    return false;
}

static bool hash(run *r, const void *bytes, size_t len)
{
    return EVP_DigestUpdate(r->coder->hash, bytes, len) == 1 ||
           internal(r, "SHA-256 failed");
}

/* --- Each kind's way with a piece of what is stored --------------------- */

static bool store(run *r, const uint8_t *in, size_t len)
{
    r->content += len;
    return hash(r, in, len) && r->put(r->arg, in, len);
}

static bool compress(run *r, const uint8_t *in, size_t len, bool last)
{
    sl_coder *c = r->coder;
    ZSTD_inBuffer from = {in, len, 0};
    ZSTD_EndDirective how = last ? ZSTD_e_end : ZSTD_e_continue;
    size_t left;
    if (!hash(r, in, len))
        return false;
    r->content += len;
    do {
        ZSTD_outBuffer to = {c->out, PIECE_BYTES, 0};
        left = ZSTD_compressStream2(c->compressor, &to, &from, how);
        if (ZSTD_isError(left))
            return internal(r, ZSTD_getErrorName(left));
        if (to.pos != 0 && !r->put(r->arg, c->out, to.pos))
            return false;
    } while (last ? left != 0 : from.pos < from.size);
    return true;
}

static bool restore(run *r, const uint8_t *in, size_t len, bool last)
{
    sl_coder *c = r->coder;
    ZSTD_inBuffer from = {in, len, 0};
    for (;;) {
        ZSTD_outBuffer to = {c->out, PIECE_BYTES, 0};
        size_t left = ZSTD_decompressStream(c->restorer, &to, &from);
        if (ZSTD_isError(left))
            return fault(r, ZSTD_getErrorName(left));
        r->content += to.pos;
        if (r->content > r->chunk->size)
            return fault(r, "the frame holds more than the chunk");
        if (to.pos != 0 &&
            (!hash(r, c->out, to.pos) || !r->put(r->arg, c->out, to.pos)))
            return false;
        if (left == 0)
            return (last && from.pos == from.size) ||
                   fault(r, "bytes behind the frame");
        if (from.pos == from.size && to.pos < PIECE_BYTES)
            return !last || fault(r, "the frame is cut short");
    }
}

/* --- A chunk ------------------------------------------------------------ */

/* The window of a frame whose first bytes these are; 0: not a frame, or it
 * needs as much as its content. RFC 8878, section 3.1.1.1. */
static uint64_t window_of(const uint8_t *frame, size_t len)
{
    if (len < 6 || memcmp(frame, "\x28\xb5\x2f\xfd", 4) != 0)
        return 0;
    if (frame[4] & 0x20) /* single segment */
        return 0;
    uint64_t base = UINT64_C(1) << (10 + (frame[5] >> 3));
    return base + base / 8 * (frame[5] & 7);
}

/* zstd alone would not mind a large window around little content. */
static bool check_window(run *r, const uint8_t *frame, size_t len)
{
    return window_of(frame, len) <= UINT64_C(1) << SL_WINDOW_LOG_MAX ||
           fault(r, "the frame's window exceeds 2^23 bytes");
}

/* No window is larger than what it is for: the level does not matter. */
static int window_log(uint64_t size)
{
    int log = 10;
    while (log < SL_WINDOW_LOG_MAX && UINT64_C(1) << log < size)
        log++;
    return log;
}

static bool begin(run *r)
{
    sl_coder *c = r->coder;
    size_t bad = 0;
    if (EVP_DigestInit_ex(c->hash, EVP_sha256(), NULL) != 1)
        return internal(r, "SHA-256 is not available");
    if (c->kind == SL_CODER_COMPRESS) {
        ZSTD_CCtx *z = c->compressor;
        ZSTD_CCtx_reset(z, ZSTD_reset_session_and_parameters);
        bad = ZSTD_CCtx_setParameter(z, ZSTD_c_compressionLevel, c->level);
        if (!ZSTD_isError(bad))
            bad = ZSTD_CCtx_setParameter(z, ZSTD_c_windowLog,
                                         window_log(r->chunk->size));
        if (!ZSTD_isError(bad))
            bad = ZSTD_CCtx_setPledgedSrcSize(z, r->chunk->size);
    } else if (c->kind == SL_CODER_RESTORE) {
        ZSTD_DCtx_reset(c->restorer, ZSTD_reset_session_only);
        bad = ZSTD_DCtx_setParameter(c->restorer, ZSTD_d_windowLogMax,
                                     SL_WINDOW_LOG_MAX);
    }
    return !ZSTD_isError(bad) || internal(r, ZSTD_getErrorName(bad));
}

static bool piece(run *r, uint64_t done, size_t len)
{
    sl_coder *c = r->coder;
    bool last = done + len == r->chunk->stored;
    if (r->source->read_at(r->source, r->chunk->from + done, c->in, len,
                           r->err) != SL_OK)
        return false;
    switch (c->kind) {
    case SL_CODER_COMPRESS:
        return compress(r, c->in, len, last);
    case SL_CODER_RESTORE:
        return (done != 0 || check_window(r, c->in, len)) &&
               restore(r, c->in, len, last);
    default:
        return store(r, c->in, len);
    }
}

static bool finish(run *r)
{
    sl_coder_kind kind = r->coder->kind;
    uint8_t digest[EVP_MAX_MD_SIZE];
    if (r->content != r->chunk->size)
        return fault(r, "the frame holds less than the chunk");
    if (EVP_DigestFinal_ex(r->coder->hash, digest, NULL) != 1)
        return internal(r, "SHA-256 failed");
    if (kind == SL_CODER_STORE || kind == SL_CODER_COMPRESS)
        memcpy(r->chunk->digest, digest, SL_CHUNK_DIGEST);
    else if (memcmp(r->chunk->digest, digest, SL_CHUNK_DIGEST) != 0)
        return fault(r, "wrong digest");
    return true;
}

sl_status sl_coder_run(sl_coder *coder, sl_source *source,
                       sl_coder_chunk *chunk, sl_coder_put *put, void *arg,
                       sl_err *err)
{
    run r = {coder, source, chunk, put, arg, err, 0};
    uint64_t done = 0;
    bool good = begin(&r);
    while (good && done < chunk->stored) {
        uint64_t left = chunk->stored - done;
        size_t len = left < PIECE_BYTES ? (size_t)left : PIECE_BYTES;
        good = piece(&r, done, len);
        done += len;
    }
    return good && finish(&r)   ? SL_OK
           : err->code != SL_OK ? err->code
                                : SL_ECANCELLED;
}
