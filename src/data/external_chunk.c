/* A chunk's way on the loop: its start, its origin, its end. */
#include "data/external_int.h"

#include <unistd.h>

#include "base/alloc.h"
#include "loop/io.h"

/* NULL: nobody listens, or nobody wants the chunk any more. */
static sl_tracer *tracer_of(const sl_external_chunk *c)
{
    return c->chunk.set != NULL ? c->chunk.set->ctx->tracer : NULL;
}

static void count(sl_external_chunk *c)
{
    SL_CHUNK_COUNT(&c->chunk, bytes_fetched, c->brought);
    SL_CHUNK_COUNT(&c->chunk, memory_hits, c->from == SL_EXTERNAL_MEMORY);
    SL_CHUNK_COUNT(&c->chunk, disk_hits, c->from == SL_EXTERNAL_DISK);
}

static void finish(sl_external_chunk *c)
{
    sl_external_keep(c, tracer_of(c));
    if (c->chunk.set != NULL)
        count(c);
    c->chunk.from = c->from == SL_EXTERNAL_MEMORY ? "memory"
                    : c->from == SL_EXTERNAL_DISK ? "disk"
                                                  : "origin";
    sl_err result = c->result;
    sl_flight_end(&c->flight, NULL, c->checked ? NULL : &result);
    sl_flight_leave(&c->flight);
    if (c->blob != NULL && c->checked)
        c->chunk.data = c->blob->bytes;
    sl_chunk_finish(&c->chunk, c->checked ? NULL : &result);
}

/* On the chunk's own track. */
static void tell_read(sl_external_chunk *c, const char *outcome)
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
    sl_external_chunk *c =
        (sl_external_chunk *)(void *)((char *)read -
                                      offsetof(sl_external_chunk, read));
    c->reading = false;
    c->fetched = true;
    tell_read(c, err != NULL ? err->msg : "here");
    if (err != NULL) {
        c->result = *err;
    } else {
        c->brought += read->len;
        if (!c->content->declared)
            sl_external_check(c); /* takes no time */
        else if (sl_work_start(c->chunk.loop, &c->work, &c->result) == SL_OK)
            return;
    }
    finish(c);
}

/* By a reader, not only a prefetch. */
static bool is_wanted(const sl_external_chunk *c)
{
    return c->chunk.reader != NULL || c->chunk.waiters != NULL;
}

/* Asks the origin, on the loop. */
static sl_status ask_origin(sl_external_chunk *c)
{
    sl_content *of = c->content;
    uint64_t i = sl_external_number(c);
    if (sl_external_make_room(c) != SL_OK)
        return c->result.code;
    c->read_ns = sl_trace_begin(tracer_of(c));
    c->read = (sl_origin_read){
        .at = sl_content_place(of, i),
        .len = sl_content_raw_len(of, i, c->chunk.len),
        .to = sl_external_raw(c),
        .background = !is_wanted(c) && !sl_flight_listen(&c->flight),
        .done = on_read,
    };
    c->reading =
        of->origin->ops->read(of->origin, &c->read, &c->result) == SL_OK;
    return c->reading ? SL_OK : c->result.code;
}

static void wait_for_other(sl_external_chunk *c);

static void read_origin(sl_external_chunk *c)
{
    if (!sl_external_leads(c) && c->waits)
        wait_for_other(c);
    else if (c->checked || ask_origin(c) != SL_OK)
        finish(c);
}

/* --- Another's fetch ------------------------------------------------------ */

/* Reads the file on the pool, or asks for it. */
static void fetch_after_all(sl_external_chunk *c)
{
    if (c->content->origin->ops->read_now == NULL)
        read_origin(c);
    else if (sl_work_start(c->chunk.loop, &c->work, &c->result) != SL_OK)
        finish(c);
}

/* Somebody waits for what was read ahead. */
static void chunk_hurry(sl_chunk *chunk)
{
    sl_external_chunk *c = (sl_external_chunk *)chunk;
    if (c->parked)
        sl_flight_hurry(&c->flight);
    else if (c->reading && c->read.background)
        c->content->origin->ops->hurry(c->content->origin, &c->read);
    c->read.background = false;
}

static void on_flight(sl_flight *flight, sl_flight_state now)
{
    sl_external_chunk *c =
        (sl_external_chunk *)(void *)((char *)flight -
                                      offsetof(sl_external_chunk, flight));
    if (now == SL_FLIGHT_HURRY) {
        chunk_hurry(&c->chunk);
        return;
    }
    c->parked = false;
    if (now == SL_FLIGHT_HERE) {
        c->blob = flight->blob;
        flight->blob = NULL;
        c->from = SL_EXTERNAL_MEMORY;
        c->checked = true;
        finish(c);
    } else if (now == SL_FLIGHT_FAILED) {
        c->result = flight->err;
        finish(c);
    } else {
        fetch_after_all(c);
    }
}

static void wait_for_other(sl_external_chunk *c)
{
    c->waits = false;
    sl_cache_leave(c->content->env->cache, c->blob);
    c->blob = NULL;
    sl_flight_state now = sl_flight_wait(&c->flight, is_wanted(c));
    c->parked = now == SL_FLIGHT_WAITS;
    if (!c->parked)
        on_flight(&c->flight, now);
}

/* What was wrong may have been damaged on its way: a remote origin is asked
 * once more. */
static bool ask_again(sl_external_chunk *c)
{
    if (!c->fetched || c->refetch || c->content->origin->ops->read == NULL)
        return false;
    c->refetch = true;
    c->fetched = false;
    c->result = (sl_err){0};
    return true;
}

/* --- Chunks that are looked up together are asked for together, so that the
 * origin sees neighbours as neighbours ------------------------------------- */

static void queue(sl_external_chunk *c)
{
    c->queued = true;
    c->next = c->content->queued;
    c->content->queued = c;
}

static void unqueue(sl_external_chunk *c)
{
    sl_external_chunk **at = &c->content->queued;
    while (*at != c)
        at = &(*at)->next;
    *at = c->next;
    c->queued = false;
}

static void ask_for_queued(sl_content *of)
{
    while (of->looking == 0 && of->queued != NULL) {
        sl_external_chunk *c = of->queued;
        unqueue(c);
        read_origin(c);
    }
}

static void settle_chunk(sl_external_chunk *c)
{
    bool unread = c->result.code == SL_OK && !c->checked;
    if (c->chunk.set != NULL && c->waits)
        wait_for_other(c);
    else if (c->chunk.set != NULL && (unread || (!c->checked && ask_again(c))))
        queue(c);
    else
        finish(c);
}

static void chunk_done(sl_work *work, bool cancelled)
{
    sl_external_chunk *c =
        (sl_external_chunk *)(void *)((char *)work -
                                      offsetof(sl_external_chunk, work));
    sl_content *of = c->content;
    of->refs++; /* what is finished may be the last to hold it */
    of->looking -= c->looking;
    c->looking = false;
    if (cancelled)
        sl_fail(&c->result, SL_ECANCELLED, SL_ERR_NO_PLACE, "cancelled");
    sl_span_tell(&c->work_span, tracer_of(c), c->fetched ? "verify" : "look up",
                 sl_external_number(c), c->chunk.len);
    settle_chunk(c);
    ask_for_queued(of);
    sl_content_unref(of);
}

static void chunk_abort(sl_chunk *chunk)
{
    sl_external_chunk *c = (sl_external_chunk *)chunk;
    sl_flight_leave(&c->flight); /* others fetch it themselves */
    if (c->queued) {
        unqueue(c);
    } else if (c->reading) {
        c->content->origin->ops->cancel(c->content->origin, &c->read);
        c->reading = false;
    } else if (!c->parked) {
        sl_work_cancel(&c->work);
        return;
    }
    sl_fail(&c->result, SL_ECANCELLED, SL_ERR_NO_PLACE, "cancelled");
    finish(c);
}

static void chunk_release(sl_chunk *chunk)
{
    sl_external_chunk *c = (sl_external_chunk *)chunk;
    sl_flight_leave(&c->flight);
    sl_cache_leave(c->content->env->cache, c->blob);
    sl_free(c->raw);
    if (c->fd >= 0)
        close(c->fd);
    sl_content_unref(c->content);
}

/* --- Starting ------------------------------------------------------------- */

/* Whether nothing has to be read here before the origin is asked. */
static bool asks_at_once(const sl_external_chunk *c)
{
    const sl_content *of = c->content;
    if (of->origin == NULL || of->origin->ops->read == NULL ||
        sl_content_disk(of) != NULL)
        return false;
    if (!of->declared)
        return true;
    if (!sl_content_is_loaded(of))
        return false;
    sl_blob *known = sl_cache_get(of->env->cache,
                                  sl_content_digest(of, sl_external_number(c)),
                                  c->chunk.len);
    sl_cache_leave(of->env->cache, known);
    return known == NULL;
}

/* A large read by a guest, of a chunk that is large itself. */
static bool wants_pages(const sl_external_set *of, const sl_chunk *chunk)
{
    const sl_fetch *reader = chunk->reader;
    size_t len = chunk->len;
    if (reader == NULL || !reader->maps || of->copies)
        return false;
    return sl_data_ctx_maps(of->chunks.ctx, reader->len < len ? reader->len : len,
                            SL_MAP_ENTRY);
}

static sl_status chunk_start(sl_chunks *set, sl_chunk *chunk, sl_err *err)
{
    const sl_external_set *of = sl_external_of(set);
    sl_external_chunk *c = (sl_external_chunk *)chunk;
    c->fd = -1;
    c->maps = wants_pages(of, chunk);
    c->content = of->content;
    c->content->refs++;
    c->work.work = sl_external_work;
    c->work.done = chunk_done;
    c->work_span.wanted = set->ctx->tracer != NULL;
    sl_flight_init(&c->flight, c->content->env->flights, chunk->loop,
                   on_flight);
    if (set->ctx->binder.origin == NULL)
        c->flight.place = c->content->source;
    c->flight.place_at = c->content->def.offset;
    if (!asks_at_once(c) || !sl_external_leads(c)) {
        sl_status st = sl_work_start(chunk->loop, &c->work, err);
        c->looking = st == SL_OK;
        c->content->looking += c->looking;
        return st;
    }
    if (ask_origin(c) == SL_OK)
        return SL_OK;
    if (err != NULL)
        *err = c->result;
    return c->result.code;
}

/* What of an opened entry is not mapped. It has just been read, to be checked:
 * when its pages are gone again, or it has become shorter, the chunk is brought
 * in by copying. */
static size_t chunk_copy(const sl_chunk *chunk, size_t skip, void *to,
                         size_t len)
{
    const sl_external_chunk *c = (const sl_external_chunk *)chunk;
    int64_t n = sl_file_read_cached(c->fd, (int64_t)skip, to, len);
    if (n <= 0 && chunk->set != NULL)
        sl_external_of(chunk->set)->copies = true;
    return n > 0 ? (size_t)n : 0;
}

static bool chunk_has(sl_chunks *set, uint64_t at)
{
    const sl_external_set *of = sl_external_of(set);
    uint8_t byte;
    return sl_content_read_cached(of->content, at, &byte, 1) != 0;
}

const sl_chunk_ops sl_external_chunk_ops = {
    .size = sizeof(sl_external_chunk),
    .brings_data = true,
    .start = chunk_start,
    .abort = chunk_abort,
    .hurry = chunk_hurry,
    .release = chunk_release,
    .copy = chunk_copy,
    .has = chunk_has,
};
