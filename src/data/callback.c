/* Segments whose bytes the embedder brings. */
#include "data/data_int.h"

#include <stddef.h>
#include <string.h>

#include "base/alloc.h"

typedef struct callback_backing {
    sl_backing base;
    const sl_callback_ops *ops;
    void *arg;
    sl_chunks chunks;
    uint32_t requests; /* that the embedder has not finished yet */
    bool closed;
} callback_backing;

struct sl_callback_read {
    sl_chunk chunk;
    callback_backing *backing;
    bool finished;
    sl_post finish; /* finished, but not told to the chunk yet */
    sl_err result;
};

static void free_if_over(callback_backing *b)
{
    if (!b->closed || b->requests != 0)
        return;
    if (b->ops->close != NULL)
        b->ops->close(b->arg);
    sl_free(b);
}

static void on_finish(sl_post *post)
{
    sl_callback_read *r =
        (sl_callback_read *)(void *)((char *)post -
                                     offsetof(sl_callback_read, finish));
    callback_backing *b = r->backing;
    sl_err result = r->result;
    sl_chunk_finish(&r->chunk, result.code == SL_OK ? NULL : &result);
    b->requests--;
    free_if_over(b);
}

void sl_callback_finish(sl_callback_read *r, const sl_err *err)
{
    if (r->finished)
        return;
    r->finished = true;
    if (err != NULL && err->code != SL_OK)
        r->result = *err;
    if (r->chunk.set == NULL) /* given up; the loop may be gone as well */
        on_finish(&r->finish);
    else
        sl_loop_post(r->chunk.loop, &r->finish);
}

static sl_status callback_start(sl_chunks *set, sl_chunk *chunk, sl_err *err)
{
    callback_backing *b =
        (callback_backing *)(void *)((char *)set -
                                     offsetof(callback_backing, chunks));
    sl_callback_read *r = (sl_callback_read *)chunk;
    (void)err;
    r->backing = b;
    r->finish.fn = on_finish;
    b->requests++;
    b->ops->read_at(b->arg, chunk->at, chunk->data, chunk->len, r);
    return SL_OK;
}

static void callback_abort(sl_chunk *chunk)
{
    sl_callback_read *r = (sl_callback_read *)chunk;
    callback_backing *b = r->backing;
    if (!r->finished && b->ops->cancel != NULL)
        b->ops->cancel(b->arg, r);
}

static void callback_release(sl_chunk *chunk)
{
    (void)chunk;
}

static const sl_chunk_ops callback_chunk_ops = {
    .size = sizeof(sl_callback_read),
    .start = callback_start,
    .abort = callback_abort,
    .release = callback_release,
};

static const uint8_t *callback_memory(sl_backing *base, uint64_t at,
                                      uint64_t len)
{
    const callback_backing *b = (const callback_backing *)base;
    return b->ops->map != NULL && len <= SIZE_MAX
               ? b->ops->map(b->arg, at, (size_t)len)
               : NULL;
}

static int64_t callback_try_read(sl_backing *base, uint64_t at, void *to,
                                 size_t len, sl_err *err)
{
    const uint8_t *here = callback_memory(base, at, len);
    (void)err;
    if (here == NULL)
        return (int64_t)sl_chunks_read(&((callback_backing *)base)->chunks, at,
                                       to, len);
    memcpy(to, here, len);
    base->ctx->stats.reads_direct++;
    base->ctx->stats.bytes_read += len;
    return (int64_t)len;
}

static sl_status callback_fetch(sl_backing *base, sl_fetch *fetch, sl_err *err)
{
    return sl_chunks_fetch(&((callback_backing *)base)->chunks, fetch, 0, err);
}

static void callback_release_fetch(sl_backing *base, sl_fetch *fetch)
{
    (void)base;
    sl_chunks_release(fetch);
}

static void callback_cancel(sl_backing *base, sl_fetch *fetch)
{
    sl_chunks_cancel(&((callback_backing *)base)->chunks, fetch);
}

static void callback_ahead(sl_backing *base, sl_fetch *fetch, uint64_t at,
                           uint64_t left)
{
    sl_chunks_ahead(&((callback_backing *)base)->chunks, fetch, at, left);
}

static void callback_prefetch(sl_backing *base, uint64_t at, uint64_t len)
{
    callback_backing *b = (callback_backing *)base;
    if (b->ops->prefetch != NULL)
        b->ops->prefetch(b->arg, at, len);
    else
        sl_chunks_prefetch(&b->chunks, at, len);
}

static void callback_close(sl_backing *base)
{
    callback_backing *b = (callback_backing *)base;
    b->requests++; /* cancelling may finish the last one */
    sl_chunks_deinit(&b->chunks);
    b->requests--;
    b->closed = true;
    free_if_over(b);
}

static const sl_backing_ops callback_ops = {
    .try_read = callback_try_read,
    .fetch = callback_fetch,
    .release = callback_release_fetch,
    .cancel = callback_cancel,
    .ahead = callback_ahead,
    .prefetch = callback_prefetch,
    .memory = callback_memory,
    .close = callback_close,
};

sl_backing *sl_backing_callback(sl_data_ctx *ctx, const sl_callback_ops *ops,
                                void *arg, uint64_t size, sl_err *err)
{
    callback_backing *b = sl_calloc(1, sizeof *b);
    if (b == NULL) {
        sl_fail(err, SL_ENOMEM, SL_ERR_NO_PLACE, "out of memory");
        return NULL;
    }
    b->base = (sl_backing){.ops = &callback_ops,
                           .ctx = ctx,
                           .size = size,
                           .refs = 1,
                           .kind = "callback"};
    b->ops = ops;
    b->arg = arg;
    b->chunks = sl_chunks_make(ctx, &callback_chunk_ops, 0, 0);
    b->chunks.backing = &b->base;
    return &b->base;
}
