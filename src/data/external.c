/* Content in chunks on a grid: external segments, and what lies at a URL.
 * docs/data-segments.md, sections 2 and 5.
 *
 * A chunk's way, of which the pool does all that takes time: the component's
 * table is read once; what another store or an earlier run has verified is
 * taken from the cache in memory or on disk; else the chunk or its frame is read
 * from the origin, inflated, and checked against the digest in the component
 * before anyone sees a byte of it. Content at a URL has no declared digest (the
 * origin's validator holds it together); the cache on disk remembers the one it
 * had. */
#include "data/data_int.h"

#include <inttypes.h>
#include <pthread.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "component/chunk_table.h"
#include "component/reference.h"
#include "data/origin.h"

/* --- The content of a segment, as the component declares it ------------------- */

typedef struct frame { /* zstd */
    uint64_t at, len;  /* in the file */
} frame;

/* What chunks under way hold, which may outlive the backing. Counted on the
 * loop's thread, read on the pool's. */
typedef struct content {
    int refs;
    sl_data_env *env;
    sl_source *source;
    sl_origin *origin; /* NULL: the component has no base */
    sl_segment_def def;
    bool declared; /* def has a table of digests */
    uint32_t looking;              /* chunks that are being looked up */
    struct external_chunk *queued; /* looked up in vain */
    pthread_mutex_t lock;          /* while the table is read */
    bool loaded;                   /* set last */
    uint8_t *digests;              /* of all chunks, one behind the other */
    frame *frames;                 /* zstd */
} content;

static void content_unref(content *c)
{
    if (c == NULL || --c->refs != 0)
        return;
    sl_data_env_unref(c->env);
    sl_origin_unref(c->origin);
    sl_source_unref(c->source);
    pthread_mutex_destroy(&c->lock);
    sl_free(c->digests);
    sl_free(c->frames);
    sl_free(c);
}

/* Where each frame is; validation has walked the table before. */
static sl_status read_frames(content *c, sl_err *err)
{
    sl_chunk_table table;
    uint64_t at = 0;
    sl_chunk_table_init(&table, c->source, c->def.offset, c->def.table_size,
                        true, err);
    for (uint32_t i = 0; i < c->def.n_chunks; i++) {
        frame *f = &c->frames[i];
        f->at = at;
        if (!sl_chunk_table_next(&table, &f->len,
                                 c->digests + i * (size_t)SL_DIGEST_SIZE))
            break;
        at += f->len;
    }
    if (err->code == SL_OK &&
        sl_reader_at(&table.r) - c->def.offset == c->def.table_size)
        return SL_OK;
    if (err->code == SL_EIO)
        return SL_EIO;
    *err = (sl_err){0};
    return sl_fail(err, SL_EIO, SL_ERR_NO_PLACE,
                   "the component's table of chunks has changed");
}

static sl_status read_table(content *c, sl_err *err)
{
    size_t n = c->def.n_chunks;
    if (c->digests == NULL)
        c->digests = sl_malloc(n * SL_DIGEST_SIZE + 1);
    if (c->frames == NULL && c->def.zstd)
        c->frames = sl_calloc(n + 1, sizeof *c->frames);
    if (c->digests == NULL || (c->frames == NULL && c->def.zstd))
        return sl_fail(err, SL_ENOMEM, SL_ERR_NO_PLACE, "out of memory");
    if (c->def.zstd)
        return read_frames(c, err);
    return c->source->read_at(c->source, c->def.offset, c->digests,
                              n * SL_DIGEST_SIZE, err);
}

static bool is_loaded(const content *c)
{
    return __atomic_load_n(&c->loaded, __ATOMIC_ACQUIRE);
}

/* Blocks: on the pool. */
static sl_status load_table(content *c, sl_err *err)
{
    if (!c->declared || is_loaded(c))
        return SL_OK;
    pthread_mutex_lock(&c->lock);
    sl_status st = c->loaded ? SL_OK : read_table(c, err);
    if (st == SL_OK)
        __atomic_store_n(&c->loaded, true, __ATOMIC_RELEASE);
    pthread_mutex_unlock(&c->lock);
    return st;
}

static const uint8_t *digest_of(const content *c, uint64_t i)
{
    return c->digests + i * SL_DIGEST_SIZE;
}

/* The cache on disk, for what is worth it. */
static sl_disk *disk_of(const content *c)
{
    return c->origin != NULL && c->origin->remote ? c->env->disk : NULL;
}

/* What the cache on disk calls undeclared content. */
static sl_disk_url url_of(const content *c)
{
    return (sl_disk_url){.url = c->source->url,
                         .etag = c->source->etag != NULL ? c->source->etag : "",
                         .size = c->source->size,
                         .chunk_shift = c->def.chunk_log};
}

/* The digest of a chunk as far as it is known: declared, or remembered. */
static bool known_digest(const content *c, uint64_t i, uint8_t *digest)
{
    if (c->declared) {
        memcpy(digest, digest_of(c, i), SL_DIGEST_SIZE);
        return true;
    }
    sl_disk_url url = url_of(c);
    sl_err err = {0};
    bool found = c->env->disk != NULL &&
                 sl_disk_find(c->env->disk, &url, i, digest, &err);
    sl_data_env_disk_said(c->env, &err);
    return found;
}

/* Where the chunk or its frame is in the file. */
static uint64_t place_of(const content *c, uint64_t i)
{
    return c->def.zstd ? c->frames[i].at : i << c->def.chunk_log;
}

static size_t raw_len(const content *c, uint64_t i, size_t len)
{
    return c->def.zstd ? (size_t)c->frames[i].len : len;
}

/* --- A chunk's way -------------------------------------------------------------- */

/* For tracing: what the pool does. */
typedef struct span {
    bool wanted;
    uint64_t begin_ns, end_ns;
    uint32_t thread;
} span;

static void begin_span(span *s)
{
    if (s->wanted) {
        s->begin_ns = sl_trace_now_ns();
        s->thread = sl_trace_thread();
    }
}

static void end_span(span *s)
{
    if (s->wanted)
        s->end_ns = sl_trace_now_ns();
}

/* On the loop, when the pool is done with it. */
static void tell_span(const sl_tracer *tracer, const span *s, const char *name,
                      uint64_t chunk, size_t len)
{
    if (!s->wanted || s->end_ns == 0)
        return;
    const sl_trace_event event = {
        .what = "pool",
        .name = name,
        .begin_ns = s->begin_ns,
        .end_ns = s->end_ns,
        .thread = s->thread,
        .args = {{"chunk", NULL, chunk}, {"bytes", NULL, len}},
    };
    sl_trace(tracer, &event);
}

typedef struct external_chunk {
    sl_chunk chunk;
    content *content;
    sl_work work;
    sl_origin_read read;
    bool looking;  /* the pool has it, for the first time */
    bool queued;   /* in content->queued, by `next` */
    struct external_chunk *next;
    bool reading;  /* the origin has `read` */
    bool fetched;  /* `raw` is what the origin has brought */
    bool refetch;  /* ... was wrong once already */
    uint8_t *raw;  /* as it is in the file; NULL: blob->bytes are */
    sl_blob *blob; /* verified when `checked` */
    bool checked;
    enum { SOUGHT, FROM_MEMORY, FROM_DISK } from;
    uint64_t brought; /* bytes, by the origin */
    span work_span;   /* of the pool, when somebody listens */
    uint64_t read_ns;
    sl_err result;
} external_chunk;

static uint64_t number_of(const external_chunk *c)
{
    return c->chunk.at >> c->content->def.chunk_log;
}

/* Places for what the origin brings and for what it is worth. */
static sl_status make_room(external_chunk *c)
{
    size_t len = raw_len(c->content, number_of(c), c->chunk.len);
    if (c->content->def.zstd && len > sl_deflate_bound(c->chunk.len))
        return sl_fail(&c->result, SL_EIO, SL_ERR_NO_PLACE,
                       "bad zstd frame: %zu bytes for a chunk of %zu", len,
                       c->chunk.len);
    if (c->blob == NULL)
        c->blob = sl_cache_take(c->content->env->cache, c->chunk.len);
    if (c->raw == NULL && c->content->def.zstd)
        c->raw = sl_malloc(len != 0 ? len : 1);
    if (c->blob == NULL || (c->raw == NULL && c->content->def.zstd))
        return sl_fail(&c->result, SL_ENOMEM, SL_ERR_NO_PLACE,
                       "out of memory");
    return SL_OK;
}

static uint8_t *raw_place(const external_chunk *c)
{
    return c->raw != NULL ? c->raw : c->blob->bytes;
}

/* Inflates and verifies. */
static sl_status prove(external_chunk *c, sl_err *cause)
{
    content *of = c->content;
    uint64_t i = number_of(c);
    sl_status st = SL_OK;
    if (of->def.zstd)
        st = sl_inflate(of->env->inflaters, c->raw,
                        raw_len(of, i, c->chunk.len), c->blob->bytes,
                        c->chunk.len, cause);
    if (st == SL_OK)
        st = sl_verify(c->blob->bytes, c->chunk.len, digest_of(of, i), cause);
    if (st == SL_OK)
        memcpy(c->blob->digest, digest_of(of, i), SL_DIGEST_SIZE);
    return st;
}

/* From what the origin brought to what may be seen. */
static void check(external_chunk *c)
{
    content *of = c->content;
    sl_err cause = {0};
    sl_status st = of->declared ? prove(c, &cause) : SL_OK;
    if (st != SL_OK) {
        sl_fail(&c->result, st, SL_ERR_NO_PLACE, "`%.*s`, chunk %" PRIu64 ": %s",
                SL_NAME_ARGS(of->def.reference), number_of(c), cause.msg);
        return;
    }
    c->checked = true;
    if (of->declared)
        sl_cache_put(of->env->cache, c->blob);
}

/* What has been verified before. */
static bool look_up(external_chunk *c)
{
    content *of = c->content;
    uint8_t digest[SL_DIGEST_SIZE];
    if (!known_digest(of, number_of(c), digest))
        return false;
    c->blob = sl_cache_get(of->env->cache, digest, c->chunk.len);
    c->from = FROM_MEMORY;
    if (c->blob != NULL)
        return true;
    c->from = SOUGHT;
    sl_disk *disk = disk_of(of);
    if (disk == NULL ||
        (c->blob = sl_cache_take(of->env->cache, c->chunk.len)) == NULL)
        return false;
    sl_err err = {0};
    bool hit = sl_disk_get(disk, digest, c->blob->bytes, c->chunk.len, &err);
    sl_data_env_disk_said(of->env, &err);
    if (!hit)
        return false;
    memcpy(c->blob->digest, digest, SL_DIGEST_SIZE);
    sl_cache_put(of->env->cache, c->blob);
    c->from = FROM_DISK;
    return true;
}

static void look_up_and_read(external_chunk *c)
{
    content *of = c->content;
    if (load_table(of, &c->result) != SL_OK)
        return;
    c->checked = look_up(c);
    if (c->checked)
        return;
    if (of->origin == NULL) {
        sl_fail(&c->result, SL_EIO, SL_ERR_NO_PLACE,
                "`%.*s`: the component has no place beside which to look",
                SL_NAME_ARGS(of->def.reference));
        return;
    }
    uint64_t i = number_of(c);
    size_t len = raw_len(of, i, c->chunk.len);
    if (make_room(c) == SL_OK && of->origin->ops->read_now != NULL &&
        of->origin->ops->read_now(of->origin, place_of(of, i), raw_place(c),
                                  len, &c->result) == SL_OK) {
        c->brought = len;
        check(c);
    }
}

static void chunk_work(sl_work *work)
{
    external_chunk *c =
        (external_chunk *)(void *)((char *)work -
                                   offsetof(external_chunk, work));
    begin_span(&c->work_span);
    if (c->fetched)
        check(c);
    else
        look_up_and_read(c);
    end_span(&c->work_span);
}

/* --- Keeping on disk what was fetched: nobody waits for it ----------------------- */

typedef struct keeping {
    sl_work work;
    content *content;
    sl_blob *blob;
    uint64_t number;
    sl_tracer *tracer; /* a reference, or NULL */
    span span;
} keeping;

static void put(keeping *k)
{
    const content *of = k->content;
    uint8_t digest[SL_DIGEST_SIZE];
    memcpy(digest, k->blob->digest, sizeof digest);
    if (!of->declared && !sl_disk_digest(k->blob->bytes, k->blob->len, digest))
        return;
    sl_err err = {0};
    bool stored = sl_disk_put(of->env->disk, digest, k->blob->bytes,
                              k->blob->len, &err);
    sl_data_env_disk_said(of->env, &err);
    if (!stored || of->declared)
        return;
    sl_disk_url url = url_of(of);
    sl_disk_note(of->env->disk, &url, k->number, digest, NULL);
}

static void keep_work(sl_work *work)
{
    keeping *k = (keeping *)work;
    begin_span(&k->span);
    put(k);
    end_span(&k->span);
}

static void keep_done(sl_work *work, bool cancelled)
{
    keeping *k = (keeping *)work;
    (void)cancelled;
    tell_span(k->tracer, &k->span, "store on disk", k->number, k->blob->len);
    sl_tracer_unref(k->tracer);
    sl_cache_leave(k->content->env->cache, k->blob);
    content_unref(k->content);
    sl_free(k);
}

static void keep(external_chunk *c, sl_tracer *tracer)
{
    keeping *k = disk_of(c->content) != NULL && c->checked && c->fetched
                     ? sl_malloc(sizeof *k)
                     : NULL;
    if (k == NULL)
        return;
    *k = (keeping){.work = {keep_work, keep_done, NULL},
                   .content = c->content,
                   .blob = sl_blob_ref(c->blob),
                   .number = number_of(c),
                   .tracer = sl_tracer_ref(tracer),
                   .span = {.wanted = tracer != NULL}};
    c->content->refs++;
    if (sl_work_start(c->chunk.loop, &k->work, NULL) != SL_OK)
        keep_done(&k->work, true);
}

/* NULL: nobody listens, or nobody wants the chunk any more. */
static sl_tracer *tracer_of(const external_chunk *c)
{
    return c->chunk.set != NULL ? c->chunk.set->ctx->tracer : NULL;
}

static void count(external_chunk *c)
{
    SL_CHUNK_COUNT(&c->chunk, bytes_fetched, c->brought);
    SL_CHUNK_COUNT(&c->chunk, memory_hits, c->from == FROM_MEMORY);
    SL_CHUNK_COUNT(&c->chunk, disk_hits, c->from == FROM_DISK);
}

static void finish(external_chunk *c)
{
    keep(c, tracer_of(c));
    if (c->chunk.set != NULL)
        count(c);
    c->chunk.from = c->from == FROM_MEMORY ? "memory"
                    : c->from == FROM_DISK ? "disk"
                                           : "origin";
    sl_err result = c->result;
    if (c->checked)
        c->chunk.data = c->blob->bytes;
    sl_chunk_finish(&c->chunk, c->checked ? NULL : &result);
}

/* On the chunk's own track. */
static void tell_read(external_chunk *c, const char *outcome)
{
    const sl_tracer *tracer = tracer_of(c);
    if (tracer == NULL || c->read_ns == 0 || c->chunk.begun_ns == 0)
        return;
    const sl_trace_event event = {
        .what = "chunk",
        .name = "fetch",
        .id = c->chunk.trace_id,
        .begin_ns = c->read_ns,
        .end_ns = sl_trace_now_ns(),
        .args = {{"at", NULL, c->read.at},
                 {"bytes", NULL, c->read.len},
                 {"outcome", outcome, 0}},
    };
    sl_trace(tracer, &event);
}

static void on_read(sl_origin_read *read, const sl_err *err)
{
    external_chunk *c =
        (external_chunk *)(void *)((char *)read -
                                   offsetof(external_chunk, read));
    c->reading = false;
    c->fetched = true;
    tell_read(c, err != NULL ? err->msg : "here");
    if (err != NULL) {
        c->result = *err;
    } else {
        c->brought += read->len;
        if (!c->content->declared)
            check(c); /* takes no time */
        else if (sl_work_start(c->chunk.loop, &c->work, &c->result) == SL_OK)
            return;
    }
    finish(c);
}

/* Asks the origin, on the loop. */
static sl_status ask_origin(external_chunk *c)
{
    content *of = c->content;
    uint64_t i = number_of(c);
    c->read_ns = sl_trace_begin(tracer_of(c));
    c->read = (sl_origin_read){
        .at = place_of(of, i),
        .len = raw_len(of, i, c->chunk.len),
        .to = raw_place(c),
        .background = c->chunk.reader == NULL,
        .done = on_read,
    };
    c->reading =
        of->origin->ops->read(of->origin, &c->read, &c->result) == SL_OK;
    return c->reading ? SL_OK : c->result.code;
}

static void read_origin(external_chunk *c)
{
    if (ask_origin(c) != SL_OK)
        finish(c);
}

/* What was wrong may have been damaged on its way: a remote origin is asked
 * once more. */
static bool ask_again(external_chunk *c)
{
    if (!c->fetched || c->refetch || c->content->origin->ops->read == NULL)
        return false;
    c->refetch = true;
    c->fetched = false;
    c->result = (sl_err){0};
    return true;
}

/* --- Chunks that are looked up together are asked for together, so that the
 * origin sees neighbours as neighbours ------------------------------------------- */

static void queue(external_chunk *c)
{
    c->queued = true;
    c->next = c->content->queued;
    c->content->queued = c;
}

static void unqueue(external_chunk *c)
{
    external_chunk **at = &c->content->queued;
    while (*at != c)
        at = &(*at)->next;
    *at = c->next;
    c->queued = false;
}

static void ask_for_queued(content *of)
{
    while (of->looking == 0 && of->queued != NULL) {
        external_chunk *c = of->queued;
        unqueue(c);
        read_origin(c);
    }
}

static void settle_chunk(external_chunk *c)
{
    bool unread = c->result.code == SL_OK && !c->checked;
    if (c->chunk.set != NULL && (unread || (!c->checked && ask_again(c))))
        queue(c);
    else
        finish(c);
}

static void chunk_done(sl_work *work, bool cancelled)
{
    external_chunk *c =
        (external_chunk *)(void *)((char *)work -
                                   offsetof(external_chunk, work));
    content *of = c->content;
    of->refs++; /* what is finished may be the last to hold it */
    of->looking -= c->looking;
    c->looking = false;
    if (cancelled)
        sl_fail(&c->result, SL_ECANCELLED, SL_ERR_NO_PLACE, "cancelled");
    tell_span(tracer_of(c), &c->work_span, c->fetched ? "verify" : "look up",
              number_of(c), c->chunk.len);
    c->work_span.end_ns = 0;
    settle_chunk(c);
    ask_for_queued(of);
    content_unref(of);
}

static sl_status chunk_start(sl_chunks *set, sl_chunk *chunk, sl_err *err);

/* Somebody waits for what was read ahead. */
static void chunk_hurry(sl_chunk *chunk)
{
    external_chunk *c = (external_chunk *)chunk;
    if (c->reading && c->read.background)
        c->content->origin->ops->hurry(c->content->origin, &c->read);
    c->read.background = false;
}

static void chunk_abort(sl_chunk *chunk)
{
    external_chunk *c = (external_chunk *)chunk;
    if (c->queued) {
        unqueue(c);
    } else if (c->reading) {
        c->content->origin->ops->cancel(c->content->origin, &c->read);
        c->reading = false;
    } else {
        sl_work_cancel(&c->work);
        return;
    }
    sl_fail(&c->result, SL_ECANCELLED, SL_ERR_NO_PLACE, "cancelled");
    finish(c);
}

static void chunk_release(sl_chunk *chunk)
{
    external_chunk *c = (external_chunk *)chunk;
    sl_cache_leave(c->content->env->cache, c->blob);
    sl_free(c->raw);
    content_unref(c->content);
}

static bool chunk_has(sl_chunks *set, uint64_t at);

static const sl_chunk_ops chunk_ops = {
    .size = sizeof(external_chunk),
    .brings_data = true,
    .start = chunk_start,
    .abort = chunk_abort,
    .hurry = chunk_hurry,
    .release = chunk_release,
    .has = chunk_has,
};

/* --- The backing ------------------------------------------------------------------ */

typedef struct external_backing {
    sl_backing base;
    content *content;
    uint64_t offset; /* of the segment in the content */
    sl_chunks chunks; /* of the content */
    struct external_backing *next, *prev; /* in ctx->externals */
} external_backing;

/* Whether nothing has to be read here before the origin is asked. */
static bool asks_at_once(const external_chunk *c)
{
    const content *of = c->content;
    if (of->origin == NULL || of->origin->ops->read == NULL ||
        disk_of(of) != NULL)
        return false;
    if (!of->declared)
        return true;
    if (!is_loaded(of))
        return false;
    sl_blob *known = sl_cache_get(
        of->env->cache, digest_of(of, number_of(c)), c->chunk.len);
    sl_cache_leave(of->env->cache, known);
    return known == NULL;
}

static sl_status chunk_start(sl_chunks *set, sl_chunk *chunk, sl_err *err)
{
    external_backing *b =
        (external_backing *)(void *)((char *)set -
                                     offsetof(external_backing, chunks));
    external_chunk *c = (external_chunk *)chunk;
    c->content = b->content;
    c->content->refs++;
    c->work.work = chunk_work;
    c->work.done = chunk_done;
    c->work_span.wanted = set->ctx->tracer != NULL;
    if (!asks_at_once(c)) {
        sl_status st = sl_work_start(chunk->loop, &c->work, err);
        c->looking = st == SL_OK;
        c->content->looking += c->looking;
        return st;
    }
    if (make_room(c) == SL_OK && ask_origin(c) == SL_OK)
        return SL_OK;
    if (err != NULL)
        *err = c->result;
    return c->result.code;
}

/* What another store has brought is here too. */
static size_t read_cache(const content *c, uint64_t at, void *to, size_t len)
{
    if (!c->declared || !is_loaded(c))
        return 0;
    uint64_t size = UINT64_C(1) << c->def.chunk_log;
    uint64_t i = at >> c->def.chunk_log, start = i << c->def.chunk_log;
    if (size > c->def.size - start)
        size = c->def.size - start;
    sl_blob *blob =
        sl_cache_get(c->env->cache, digest_of(c, i), (size_t)size);
    if (blob == NULL)
        return 0;
    size_t skip = (size_t)(at - start);
    if (len > blob->len - skip)
        len = blob->len - skip;
    memcpy(to, blob->bytes + skip, len);
    sl_cache_leave(c->env->cache, blob);
    return len;
}

static bool chunk_has(sl_chunks *set, uint64_t at)
{
    const external_backing *b =
        (const external_backing *)(void *)((char *)set -
                                           offsetof(external_backing, chunks));
    uint8_t byte;
    return read_cache(b->content, at, &byte, 1) != 0;
}

static int64_t external_try_read(sl_backing *base, uint64_t at, void *to,
                                 size_t len, sl_err *err)
{
    external_backing *b = (external_backing *)base;
    (void)err;
    at += b->offset;
    size_t n = sl_chunks_read(&b->chunks, at, to, len);
    if (n == 0 && (n = read_cache(b->content, at, to, len)) != 0) {
        SL_DATA_COUNT(base, reads_direct, 1);
        SL_DATA_COUNT(base, memory_hits, 1);
    }
    return (int64_t)n;
}

static sl_status external_fetch(sl_backing *base, sl_fetch *fetch, sl_err *err)
{
    external_backing *b = (external_backing *)base;
    return sl_chunks_fetch(&b->chunks, fetch, b->offset, err);
}

static void external_release(sl_backing *base, sl_fetch *fetch)
{
    (void)base;
    sl_chunks_release(fetch);
}

static void external_cancel(sl_backing *base, sl_fetch *fetch)
{
    sl_chunks_cancel(&((external_backing *)base)->chunks, fetch);
}

static void external_ahead(sl_backing *base, sl_fetch *fetch, uint64_t at,
                           uint64_t left)
{
    external_backing *b = (external_backing *)base;
    sl_chunks_ahead(&b->chunks, fetch, b->offset + at, left);
}

static void external_prefetch(sl_backing *base, uint64_t at, uint64_t len)
{
    external_backing *b = (external_backing *)base;
    sl_chunks_prefetch(&b->chunks, b->offset + at, len);
}

static void external_close(sl_backing *base)
{
    external_backing *b = (external_backing *)base;
    *(b->prev != NULL ? &b->prev->next : &base->ctx->externals) = b->next;
    if (b->next != NULL)
        b->next->prev = b->prev;
    sl_chunks_deinit(&b->chunks);
    content_unref(b->content);
    sl_free(b);
}

static const sl_backing_ops external_ops = {
    .try_read = external_try_read,
    .fetch = external_fetch,
    .release = external_release,
    .cancel = external_cancel,
    .ahead = external_ahead,
    .prefetch = external_prefetch,
    .close = external_close,
};

/* --- Binding ------------------------------------------------------------------------ */

/* A file beside the component, or a resource beside its URL. */
static sl_origin *origin_beside(sl_data_ctx *ctx, const char *base,
                                const sl_segment_def *def, sl_err *err)
{
    char *path = sl_malloc(strlen(base) + def->reference.len + 2);
    sl_origin *origin = NULL;
    if (path == NULL) {
        sl_fail(err, SL_ENOMEM, SL_ERR_NO_PLACE, "out of memory");
    } else if (sl_is_url(base)) {
        sprintf(path, "%s/%.*s", base, SL_NAME_ARGS(def->reference));
        origin = sl_origin_http(ctx, path, def->zstd ? SL_HTTP_UNKNOWN : def->size,
                                NULL, err);
    } else {
        sl_reference_path(def->reference, path);
        origin = sl_origin_file(base, path, err);
    }
    sl_free(path);
    return origin;
}

static content *new_content(sl_data_ctx *ctx, sl_source *source,
                            const sl_segment_def *def, sl_err *err)
{
    content *c = sl_data_ctx_need_env(ctx, err) ? sl_calloc(1, sizeof *c) : NULL;
    if (c == NULL) {
        sl_fail(err, SL_ENOMEM, SL_ERR_NO_PLACE, "out of memory");
        return NULL;
    }
    c->refs = 1;
    c->env = sl_data_env_ref(ctx->env);
    c->source = sl_source_ref(source);
    c->def = *def;
    c->declared = def->form == SL_SEGMENT_EXTERNAL;
    pthread_mutex_init(&c->lock, NULL);
    sl_err cause = {0};
    if (!c->declared)
        c->origin = sl_origin_http(ctx, source->url, source->size, source->etag,
                                   &cause);
    else if (ctx->binder.origin != NULL)
        c->origin = ctx->binder.origin(ctx->binder.arg, ctx, def->reference,
                                       &cause);
    else if (source->base != NULL) /* else it is said when a byte is wanted */
        c->origin = origin_beside(ctx, source->base, def, &cause);
    if (cause.code == SL_OK)
        return c;
    if (err != NULL)
        *err = cause;
    content_unref(c);
    return NULL;
}

static external_backing *find_backing(sl_data_ctx *ctx, const sl_source *source,
                                      uint64_t offset, bool declared)
{
    external_backing *b = ctx->externals;
    while (b != NULL &&
           (b->content->source != source || b->content->declared != declared ||
            (declared ? b->content->def.offset : b->offset) != offset))
        b = b->next;
    return b;
}

static sl_backing *new_backing(sl_data_ctx *ctx, sl_source *source,
                               const sl_segment_def *def, uint64_t offset,
                               uint64_t size, sl_err *err)
{
    content *c = new_content(ctx, source, def, err);
    external_backing *b = c != NULL ? sl_calloc(1, sizeof *b) : NULL;
    if (b == NULL) {
        content_unref(c);
        sl_fail(err, SL_ENOMEM, SL_ERR_NO_PLACE, "out of memory");
        return NULL;
    }
    b->base = (sl_backing){.ops = &external_ops,
                           .ctx = ctx,
                           .size = size,
                           .refs = 1,
                           .kind = c->declared ? "external" : "url",
                           .place = c->declared ? def->reference
                                                : sl_name_of(source->url)};
    b->content = c;
    b->offset = offset;
    b->chunks = sl_chunks_make(ctx, &chunk_ops,
                               UINT64_C(1) << def->chunk_log, def->size);
    b->chunks.backing = &b->base;
    if (c->origin != NULL && c->origin->remote) {
        b->chunks.ahead_max = SL_REMOTE_AHEAD_MAX;
        b->chunks.in_flight_max *= 2;
        b->chunks.idle_max *= 2;
    }
    if (!c->declared) { /* no cache in memory has it */
        b->chunks.idle_max = SL_REMOTE_IDLE_MAX;
        b->chunks.keeps = true;
    }
    b->next = ctx->externals;
    if (b->next != NULL)
        b->next->prev = b;
    ctx->externals = b;
    return &b->base;
}

sl_backing *sl_backing_external(sl_data_ctx *ctx, sl_source *source,
                                const sl_segment_def *def, sl_err *err)
{
    external_backing *b = find_backing(ctx, source, def->offset, true);
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
    external_backing *b = find_backing(ctx, source, offset, false);
    return b != NULL && b->base.size == size
               ? sl_backing_ref(&b->base)
               : new_backing(ctx, source, &def, offset, size, err);
}
