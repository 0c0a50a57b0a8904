/* External segments, and what lies at a URL, as backings.
 * docs/data-segments.md, sections 2 and 5. */
#include "data/external_int.h"

#include "base/alloc.h"

/* --- The backing ---------------------------------------------------------- */

/* Its chunks, which are about to be asked for by it. */
static sl_chunks *chunks_of(sl_backing *base)
{
    sl_external_set *set = ((sl_external_backing *)base)->set;
    set->chunks.backing = base;
    return &set->chunks;
}

static int64_t external_try_read(sl_backing *base, uint64_t at, void *to,
                                 size_t len, sl_err *err)
{
    sl_external_backing *b = (sl_external_backing *)base;
    (void)err;
    at += b->offset;
    size_t n = sl_chunks_read(&b->set->chunks, at, to, len);
    if (n == 0 && !sl_chunks_expects(&b->set->chunks, at) &&
        (n = sl_content_read_cached(b->set->content, at, to, len)) != 0) {
        SL_DATA_COUNT(base, reads_direct, 1);
        SL_DATA_COUNT(base, memory_hits, 1);
    }
    return (int64_t)n;
}

static sl_status external_fetch(sl_backing *base, sl_fetch *fetch, sl_err *err)
{
    sl_external_backing *b = (sl_external_backing *)base;
    return sl_chunks_fetch(chunks_of(base), fetch, b->offset, err);
}

static void external_release(sl_backing *base, sl_fetch *fetch)
{
    (void)base;
    sl_chunks_release(fetch);
}

static void external_cancel(sl_backing *base, sl_fetch *fetch)
{
    sl_chunks_cancel(chunks_of(base), fetch);
}

static void external_ahead(sl_backing *base, sl_fetch *fetch, uint64_t at,
                           uint64_t left)
{
    sl_external_backing *b = (sl_external_backing *)base;
    sl_chunks_ahead(chunks_of(base), fetch, b->offset + at, left);
}

static void external_prefetch(sl_backing *base, uint64_t at, uint64_t len)
{
    sl_external_backing *b = (sl_external_backing *)base;
    sl_chunks_prefetch(chunks_of(base), b->offset + at, len);
}

/* The last one's chunks are abandoned while it can be named. */
static void leave_set(sl_external_set *set, const sl_backing *base)
{
    if (--set->refs != 0) {
        sl_chunks_forget(&set->chunks, base);
        return;
    }
    sl_chunks_deinit(&set->chunks);
    sl_content_unref(set->content);
    sl_free(set);
}

/* Of an opened entry of the cache on disk. */
static bool external_pages(sl_backing *base, uint64_t at, int *fd,
                           uint64_t *offset, uint64_t *len)
{
    sl_external_backing *b = (sl_external_backing *)base;
    at += b->offset;
    const sl_chunk *chunk = sl_chunks_find(&b->set->chunks, at);
    const sl_external_chunk *c = (const sl_external_chunk *)chunk;
    if (chunk == NULL || c->fd < 0)
        return false;
    *fd = c->fd;
    *offset = at - chunk->at;
    if (*len > chunk->len - *offset)
        *len = chunk->len - *offset;
    return sl_data_ctx_maps(base->ctx, *len, SL_MAP_ENTRY);
}

static void external_mapped(sl_backing *base, uint64_t at, uint64_t len)
{
    sl_external_backing *b = (sl_external_backing *)base;
    at += b->offset;
    sl_chunk_taken(sl_chunks_find(&b->set->chunks, at), at + len);
}

static void external_close(sl_backing *base)
{
    sl_external_backing *b = (sl_external_backing *)base;
    *(b->prev != NULL ? &b->prev->next : &base->ctx->externals) = b->next;
    if (b->next != NULL)
        b->next->prev = b->prev;
    leave_set(b->set, base);
    sl_free(b);
}

static const sl_backing_ops external_ops = {
    .try_read = external_try_read,
    .fetch = external_fetch,
    .release = external_release,
    .cancel = external_cancel,
    .ahead = external_ahead,
    .prefetch = external_prefetch,
    .pages = external_pages,
    .mapped = external_mapped,
    .close = external_close,
};

/* --- Binding -------------------------------------------------------------- */

/* A backing of that content, at `offset` or anywhere. */
static sl_external_backing *find_backing(sl_data_ctx *ctx,
                                         const sl_source *source,
                                         const sl_segment_def *def,
                                         const uint64_t *offset)
{
    bool declared = def->form == SL_SEGMENT_EXTERNAL;
    sl_external_backing *b = ctx->externals;
    for (; b != NULL; b = b->next) {
        const sl_content *c = b->set->content;
        if (c->source == source && c->declared == declared &&
            (!declared || c->def.offset == def->offset) &&
            (offset == NULL || b->offset == *offset))
            break;
    }
    return b;
}

static sl_external_set *new_set(sl_data_ctx *ctx, sl_source *source,
                                const sl_segment_def *def, sl_err *err)
{
    sl_content *c = sl_content_new(ctx, source, def, err);
    sl_external_set *set = c != NULL ? sl_calloc(1, sizeof *set) : NULL;
    if (set == NULL) {
        sl_content_unref(c);
        sl_fail(err, SL_ENOMEM, SL_ERR_NO_PLACE, "out of memory");
        return NULL;
    }
    set->content = c;
    set->chunks = sl_chunks_make(ctx, &sl_external_chunk_ops,
                                 UINT64_C(1) << def->chunk_log, def->size);
    if (c->origin != NULL && c->origin->remote) {
        set->chunks.ahead_max = SL_REMOTE_AHEAD_MAX;
        set->chunks.ahead_min = SL_REMOTE_AHEAD_MAX / 2;
        set->chunks.in_flight_max *= 2;
        set->chunks.idle_max *= 2;
    }
    if (!c->declared) { /* no cache in memory has it */
        uint64_t n = (def->size >> def->chunk_log) + 1;
        set->chunks.idle_max = SL_REMOTE_IDLE_MAX;
        set->chunks.read_max = n <= SL_REMOTE_IDLE_MAX ? SL_REMOTE_IDLE_MAX
                                                       : SL_REMOTE_READ_MAX;
    }
    return set;
}

static sl_external_set *set_of(sl_data_ctx *ctx, sl_source *source,
                               const sl_segment_def *def, sl_err *err)
{
    sl_external_backing *b = find_backing(ctx, source, def, NULL);
    sl_external_set *set =
        b != NULL ? b->set : new_set(ctx, source, def, err);
    if (set != NULL)
        set->refs++;
    return set;
}

static sl_backing *new_backing(sl_data_ctx *ctx, sl_source *source,
                               const sl_segment_def *def, uint64_t offset,
                               uint64_t size, sl_err *err)
{
    sl_external_set *set = set_of(ctx, source, def, err);
    sl_external_backing *b = set != NULL ? sl_calloc(1, sizeof *b) : NULL;
    if (b == NULL) {
        if (set != NULL)
            leave_set(set, NULL);
        sl_fail(err, SL_ENOMEM, SL_ERR_NO_PLACE, "out of memory");
        return NULL;
    }
    bool declared = set->content->declared;
    b->base =
        (sl_backing){.ops = &external_ops,
                     .ctx = ctx,
                     .size = size,
                     .refs = 1,
                     .kind = declared ? "external" : "url",
                     .place = declared ? def->reference
                                       : sl_name_of(source->url)};
    b->set = set;
    b->offset = offset;
    b->next = ctx->externals;
    if (b->next != NULL)
        b->next->prev = b;
    ctx->externals = b;
    return &b->base;
}

sl_backing *sl_backing_external(sl_data_ctx *ctx, sl_source *source,
                                const sl_segment_def *def, sl_err *err)
{
    sl_external_backing *b = find_backing(ctx, source, def, NULL);
    return b != NULL ? sl_backing_ref(&b->base)
                     : new_backing(ctx, source, def, 0, def->size, err);
}

sl_backing *sl_backing_remote(sl_data_ctx *ctx, sl_source *source,
                              uint64_t offset, uint64_t size, sl_err *err)
{
    if (size > source->size || offset > source->size - size) {
        sl_fail(err, SL_ERANGE, offset, "segment beyond the end of its source");
        return NULL;
    }
    sl_segment_def def = {.form = SL_SEGMENT_INLINE,
                          .size = source->size,
                          .chunk_log = SL_REMOTE_CHUNK_LOG};
    sl_external_backing *b = find_backing(ctx, source, &def, &offset);
    return b != NULL && b->base.size == size
               ? sl_backing_ref(&b->base)
               : new_backing(ctx, source, &def, offset, size, err);
}
