/* Chunks: private copies of what is being read from a backing. A chunk lives
 * while somebody waits for it or holds it, and, when it was read ahead, until
 * its last byte is read (or longer, where the set keeps what was read) or newer
 * ones displace it. */
#include "data/data_int.h"

#include <stddef.h>
#include <string.h>

#include "base/alloc.h"

enum {
    IN_FLIGHT = 4, /* of one set, at least */
    IN_FLIGHT_MAX = 256,
    IDLE = 8,
};

static void on_more(sl_post *post);

sl_chunks sl_chunks_make(sl_data_ctx *ctx, const sl_chunk_ops *ops,
                         uint64_t grid, uint64_t size)
{
    uint64_t several = grid != 0 ? SL_READ_AHEAD_MAX / grid : 0;
    if (several < IN_FLIGHT)
        several = IN_FLIGHT;
    if (several > IN_FLIGHT_MAX)
        several = IN_FLIGHT_MAX;
    return (sl_chunks){
        .ops = ops,
        .ctx = ctx,
        .grid = grid,
        .size = size,
        .ahead_max = SL_READ_AHEAD_MAX,
        .in_flight_max = (uint32_t)several,
        .idle_max = IDLE + 2 * ((uint32_t)several - IN_FLIGHT),
        .more = {.fn = on_more},
    };
}

/* --- A set's chunks
 * ------------------------------------------------------------ */

static sl_chunk **bucket(const sl_chunks *set, uint64_t at)
{
    return &set->buckets[(at / set->grid) & (set->n_buckets - 1)];
}

/* About as many buckets as chunks, on a grid. False: there are none at all. */
static bool make_buckets(sl_chunks *set)
{
    enum { LEAST = 16 };
    uint32_t n = set->n_buckets != 0 ? 2 * set->n_buckets : LEAST;
    if (set->grid == 0 || set->n < set->n_buckets)
        return true;
    sl_chunk **old = set->buckets, **more = sl_calloc(n, sizeof *more);
    if (more == NULL)
        return set->n_buckets != 0;
    set->buckets = more;
    set->n_buckets = n;
    for (sl_chunk *c = set->head; c != NULL; c = c->next) {
        sl_chunk **at = bucket(set, c->at);
        c->chain = *at;
        *at = c;
    }
    sl_free(old);
    return true;
}

static void enter_set(sl_chunks *set, sl_chunk *chunk)
{
    chunk->set = set;
    if (set->grid != 0) {
        sl_chunk **at = bucket(set, chunk->at);
        chunk->chain = *at;
        *at = chunk;
    }
    chunk->next = set->head;
    *(set->head != NULL ? &set->head->prev : &set->tail) = chunk;
    set->head = chunk;
    set->n++;
    set->in_flight++;
}

static void enter_read(sl_chunks *set, sl_chunk *chunk)
{
    set->read++;
    chunk->newer = NULL;
    chunk->older = set->newest_read;
    *(chunk->older != NULL ? &chunk->older->newer : &set->oldest_read) = chunk;
    set->newest_read = chunk;
}

static void leave_read(sl_chunks *set, sl_chunk *chunk)
{
    set->read--;
    *(chunk->newer != NULL ? &chunk->newer->older : &set->newest_read) =
        chunk->older;
    *(chunk->older != NULL ? &chunk->older->newer : &set->oldest_read) =
        chunk->newer;
}

/* As what the set counts the chunk. */
static void count_as(sl_chunk *chunk, bool unread, bool read)
{
    sl_chunks *set = chunk->set;
    set->unread += unread - (uint32_t)chunk->unread;
    if (read && !chunk->read)
        enter_read(set, chunk);
    else if (!read && chunk->read)
        leave_read(set, chunk);
    chunk->unread = unread;
    chunk->read = read;
}

/* Whenever it is pinned, let go, finished or consumed. */
static void recount(sl_chunk *chunk)
{
    bool idle = chunk->finished && chunk->pins == 0;
    if (chunk->set != NULL)
        count_as(chunk, idle && !chunk->consumed, idle && chunk->consumed);
}

static void pin(sl_chunk *chunk)
{
    chunk->pins++;
    recount(chunk);
}

static void unpin(sl_chunk *chunk)
{
    chunk->pins--;
    recount(chunk);
}

/* --- Life of a chunk
 * ------------------------------------------------------------ */

/* It is over; told once. */
static void tell(sl_chunk *chunk, const char *outcome)
{
    if (chunk->begun_ns == 0)
        return;
    const sl_trace_event event = {
        .what = "chunk",
        .name = chunk->backing != NULL ? chunk->backing->label : "chunk",
        .id = chunk->trace_id,
        .begin_ns = chunk->begun_ns,
        .end_ns = sl_trace_now_ns(),
        .args = {{"at", NULL, chunk->at},
                 {"bytes", NULL, chunk->len},
                 {"outcome", outcome, 0},
                 {chunk->from != NULL ? "from" : NULL, chunk->from, 0}},
    };
    chunk->begun_ns = 0;
    sl_trace(chunk->set->ctx->tracer, &event);
}

static void leave_set(sl_chunk *chunk)
{
    sl_chunks *set = chunk->set;
    tell(chunk, "abandoned");
    *(chunk->prev != NULL ? &chunk->prev->next : &set->head) = chunk->next;
    *(chunk->next != NULL ? &chunk->next->prev : &set->tail) = chunk->prev;
    chunk->next = chunk->prev = NULL;
    if (set->grid != 0) {
        sl_chunk **at = bucket(set, chunk->at);
        while (*at != chunk)
            at = &(*at)->chain;
        *at = chunk->chain;
    }
    set->n--;
    set->in_flight -= !chunk->finished;
    count_as(chunk, false, false);
    chunk->set = NULL;
}

static void free_chunk(sl_chunk *chunk)
{
    sl_loop_unpost(chunk->loop, &chunk->deliver);
    if (chunk->set != NULL)
        leave_set(chunk);
    chunk->ops->release(chunk);
    if (!chunk->ops->brings_data)
        sl_free(chunk->data);
    sl_free(chunk);
}

/* Nobody wants it: freed now, or when it is finished. */
static void give_up(sl_chunk *chunk)
{
    if (chunk->finished) {
        free_chunk(chunk);
        return;
    }
    leave_set(chunk);
    chunk->ops->abort(chunk);
}

/* A pin has gone: is the chunk still worth its memory? */
static void settle(sl_chunk *chunk)
{
    if (chunk->pins != 0 || !chunk->finished)
        return;
    sl_chunks *set = chunk->set;
    if (set == NULL) {
        free_chunk(chunk);
        return;
    }
    while (set->read > set->read_max ||
           (set->read != 0 && set->read + set->unread > set->idle_max))
        free_chunk(set->oldest_read);
    for (sl_chunk *c = set->tail, *prev; set->unread > set->idle_max;
         c = prev) {
        prev = c->prev;
        if (c->unread)
            free_chunk(c);
    }
}

static void deliver(sl_chunk *chunk)
{
    bool failed = chunk->err.code != SL_OK;
    pin(chunk); /* what `done` does may release all others */
    while (chunk->waiters != NULL) {
        sl_fetch *fetch = chunk->waiters;
        chunk->waiters = fetch->next;
        if (failed) {
            fetch->owner = NULL;
            unpin(chunk);
        }
        fetch->done(fetch, failed ? &chunk->err : NULL);
    }
    unpin(chunk);
    settle(chunk);
}

static void on_deliver(sl_post *post)
{
    deliver((sl_chunk *)(void *)((char *)post - offsetof(sl_chunk, deliver)));
}

void sl_chunk_finish(sl_chunk *chunk, const sl_err *err)
{
    sl_chunks *set = chunk->set;
    if (set == NULL) { /* given up meanwhile */
        free_chunk(chunk);
        return;
    }
    tell(chunk, err != NULL ? err->msg : "here");
    if (err != NULL) {
        chunk->err = *err;
        leave_set(chunk); /* who asks again starts a new one */
    } else {
        set->in_flight--;
        SL_CHUNK_COUNT(chunk, bytes_read, chunk->len);
        SL_CHUNK_COUNT(chunk, reads_pooled, 1);
    }
    chunk->finished = true;
    if (set->wanted.n != 0 && !set->more.pending)
        sl_loop_post(set->ctx->loop, &set->more);
    deliver(chunk);
}

static sl_chunk *start_chunk(sl_chunks *set, uint64_t at, size_t len,
                             const sl_fetch *reader, sl_err *err)
{
    bool brings = set->ops->brings_data;
    sl_chunk *chunk = sl_calloc(1, set->ops->size);
    uint8_t *data = brings ? NULL : sl_malloc(len);
    if (chunk == NULL || (data == NULL && !brings) || !make_buckets(set)) {
        sl_free(chunk);
        sl_free(data);
        sl_fail(err, SL_ENOMEM, SL_ERR_NO_PLACE, "out of memory");
        return NULL;
    }
    chunk->ops = set->ops;
    chunk->backing = set->backing;
    chunk->trace_id = sl_trace_id(set->ctx->tracer);
    chunk->begun_ns = sl_trace_begin(set->ctx->tracer);
    chunk->loop = set->ctx->loop;
    chunk->at = at;
    chunk->len = len;
    chunk->data = data;
    chunk->reader = reader;
    chunk->deliver.fn = on_deliver;
    enter_set(set, chunk);
    if (set->ops->start(set, chunk, err) == SL_OK)
        return chunk;
    free_chunk(chunk);
    return NULL;
}

void sl_chunks_deinit(sl_chunks *set)
{
    set->wanted.n = 0;
    sl_loop_unpost(set->ctx->loop, &set->more);
    for (sl_chunk *c = set->head, *next; c != NULL; c = next) {
        next = c->next;
        if (c->pins != 0 && c->finished)
            leave_set(c); /* being delivered: freed behind that */
        else
            give_up(c);
    }
    sl_free(set->buckets);
    set->buckets = NULL;
    set->n_buckets = 0;
}

void sl_chunks_forget(sl_chunks *set, const sl_backing *backing)
{
    for (sl_chunk *c = set->head; c != NULL; c = c->next)
        if (c->backing == backing)
            c->backing = NULL;
    if (set->backing == backing)
        set->backing = NULL;
}

/* --- Looking up
 * ------------------------------------------------------------------- */

static bool holds(const sl_chunk *chunk, uint64_t at)
{
    return at >= chunk->at && at - chunk->at < chunk->len;
}

static sl_chunk *find(const sl_chunks *set, uint64_t at)
{
    sl_chunk *c = set->head;
    if (set->grid == 0) {
        while (c != NULL && !holds(c, at))
            c = c->next;
    } else if (c != NULL) {
        c = *bucket(set, at);
        while (c != NULL && !holds(c, at))
            c = c->chain;
    }
    return c;
}

/* How much of [at, at + len) no chunk covers, from `at` on. */
static uint64_t gap(const sl_chunks *set, uint64_t at, uint64_t len)
{
    for (const sl_chunk *c = set->head; c != NULL; c = c->next)
        if (c->at > at && c->at - at < len)
            len = c->at - at;
    return len;
}

/* A chunk that holds byte `at`, where there is none: about `len` bytes. */
static sl_chunk *start_at(sl_chunks *set, uint64_t at, uint64_t len,
                          const sl_fetch *reader, sl_err *err)
{
    if (set->grid == 0) {
        len = gap(set, at, len < SL_READ_MAX ? len : SL_READ_MAX);
    } else {
        at -= at % set->grid;
        len = set->size - at < set->grid ? set->size - at : set->grid;
    }
    return start_chunk(set, at, (size_t)len, reader, err);
}

sl_chunk *sl_chunks_find(const sl_chunks *set, uint64_t at)
{
    sl_chunk *chunk = find(set, at);
    return chunk != NULL && chunk->finished ? chunk : NULL;
}

void sl_chunk_taken(sl_chunk *chunk, uint64_t end)
{
    if (end != chunk->at + chunk->len)
        return;
    chunk->consumed = true;
    recount(chunk);
    settle(chunk);
}

/* Its bytes are gone: who wants them starts another one. */
static void spoil(sl_chunk *chunk)
{
    leave_set(chunk);
    settle(chunk);
}

size_t sl_chunks_read(sl_chunks *set, uint64_t at, void *to, size_t len)
{
    sl_chunk *chunk = sl_chunks_find(set, at);
    if (chunk == NULL)
        return 0;
    size_t skip = (size_t)(at - chunk->at);
    if (len > chunk->len - skip)
        len = chunk->len - skip;
    if (chunk->data != NULL)
        memcpy(to, chunk->data + skip, len);
    else
        len = chunk->ops->copy(chunk, skip, to, len);
    if (len == 0)
        spoil(chunk);
    else
        sl_chunk_taken(chunk, at + len);
    return len;
}

bool sl_chunks_expects(const sl_chunks *set, uint64_t at)
{
    const sl_chunk *chunk = find(set, at);
    return chunk != NULL && !chunk->finished;
}

/* Whether no chunk is needed for byte `at`, which its owner has; then *end is
 * where that one would end. */
static bool is_known(sl_chunks *set, uint64_t at, uint64_t *end)
{
    if (set->grid == 0 || set->ops->has == NULL || !set->ops->has(set, at))
        return false;
    *end = at - at % set->grid + set->grid;
    return true;
}

/* --- Requests
 * ----------------------------------------------------------------------- */

/* Chunks for [at, end) as far as they do not exist, several in flight; a
 * small rest is left for later unless nothing is wanted behind it (`last`).
 * Returns how far it came. */
static uint64_t read_ahead(sl_chunks *set, uint64_t at, uint64_t end,
                           uint64_t last, const sl_fetch *reader)
{
    uint64_t small =
        set->grid != 0 && set->grid < SL_READ_MIN ? set->grid : SL_READ_MIN;
    while (at < end && set->in_flight < set->in_flight_max &&
           set->unread < set->idle_max) {
        sl_chunk *chunk = find(set, at);
        if (chunk == NULL && is_known(set, at, &at))
            continue;
        if (chunk == NULL) {
            if (end - at < small && end != last)
                return at;
            chunk = start_at(set, at, end - at, reader, NULL);
            if (chunk == NULL)
                return at; /* asked for again when it is needed */
        }
        at = chunk->at + chunk->len;
    }
    return at;
}

/* The window beyond what is asked for: nothing at a reader's first request,
 * then doubling. */
static uint64_t window(const sl_chunks *set, const sl_fetch *fetch)
{
    if (fetch->streak == 0)
        return 0;
    uint64_t ahead =
        SL_READ_MIN << (fetch->streak < 16 ? fetch->streak - 1 : 15);
    return ahead < set->ahead_max ? ahead : set->ahead_max;
}

/* Whether [from, end) is long enough to be asked for, or all that is left, and
 * may be under way. */
static bool is_worth_it(const sl_chunks *set, uint64_t from, uint64_t end,
                        uint64_t last, uint64_t ahead)
{
    uint64_t least = ahead / 2 < set->ahead_min ? ahead / 2 : set->ahead_min;
    uint64_t room = set->in_flight < set->in_flight_max
                        ? set->in_flight_max - set->in_flight
                        : 0;
    if (end <= from)
        return false;
    if (end == last && end - from < least)
        least = end - from;
    return end - from >= least && room * set->grid >= least;
}

sl_status sl_chunks_fetch(sl_chunks *set, sl_fetch *fetch, uint64_t base,
                          sl_err *err)
{
    uint64_t at = fetch->at + base, all = fetch->len + fetch->ahead;
    uint64_t want = fetch->len > SL_READ_MIN ? fetch->len : SL_READ_MIN;
    if (want > all)
        want = all;
    sl_chunk *chunk = find(set, at);
    if (chunk == NULL) {
        chunk = start_at(set, at, want, fetch, err);
        if (chunk == NULL)
            return err != NULL && err->code != SL_OK ? err->code : SL_ENOMEM;
        fetch->until = 0; /* what was asked for has gone */
    }
    pin(chunk);
    fetch->owner = chunk;
    fetch->next = chunk->waiters;
    chunk->waiters = fetch;
    if (chunk->finished)
        sl_loop_post(chunk->loop, &chunk->deliver);
    else if (chunk->ops->hurry != NULL)
        chunk->ops->hurry(chunk);

    uint64_t ahead = window(set, fetch), from = chunk->at + chunk->len;
    uint64_t end = at + (ahead < all - want ? want + ahead : all);
    if (from < fetch->until)
        from = fetch->until;
    fetch->streak++;
    if (from < at + want || is_worth_it(set, from, end, at + all, ahead))
        fetch->until = read_ahead(set, from, end, at + all, fetch);
    return SL_OK;
}

/* When half of the window has been read, the rest of it is asked for again, so
 * that a reader who keeps on need not wait. */
void sl_chunks_ahead(sl_chunks *set, sl_fetch *fetch, uint64_t at,
                     uint64_t left)
{
    uint64_t ahead = window(set, fetch);
    uint64_t from = at > fetch->until ? at : fetch->until;
    uint64_t end = at + (ahead < left ? ahead : left);
    if (ahead == 0 || (ahead < left && end < from + ahead / 2) ||
        !is_worth_it(set, from, end, at + left, ahead))
        return;
    fetch->streak++;
    fetch->until = read_ahead(set, from, end, at + left, fetch);
}

void sl_chunks_release(sl_fetch *fetch)
{
    sl_chunk *chunk = fetch->owner;
    if (chunk == NULL)
        return;
    fetch->owner = NULL;
    unpin(chunk);
    settle(chunk);
}

static void unwait(sl_chunk *chunk, sl_fetch *fetch)
{
    for (sl_fetch **at = &chunk->waiters; *at != NULL; at = &(*at)->next)
        if (*at == fetch) {
            *at = fetch->next;
            return;
        }
}

/* Whether a chunk is for readers to come, too. */
static bool stays(const sl_chunk *chunk)
{
    return chunk->finished && chunk->set->read_max != 0;
}

void sl_chunks_cancel(sl_chunks *set, sl_fetch *fetch)
{
    sl_chunk *chunk = fetch->owner;
    fetch->streak = 0;
    if (chunk != NULL) {
        unwait(chunk, fetch);
        fetch->owner = NULL;
        unpin(chunk);
        if (chunk->set != NULL && chunk->reader == NULL && chunk->pins == 0 &&
            !stays(chunk))
            give_up(chunk);
        else if (chunk->reader != fetch || chunk->set == NULL)
            settle(chunk);
    }
    for (sl_chunk *c = set->head, *next; c != NULL; c = next) {
        next = c->next;
        if (c->reader != fetch)
            continue;
        c->reader = NULL; /* others may wait for it or hold it */
        if (c->pins == 0 && !stays(c))
            give_up(c);
    }
}

/* --- Prefetching
 * ------------------------------------------------------------------- */

/* Starts the chunk that holds byte `at` for nobody, unless it exists or there
 * are enough: where that chunk ends, 0 for no more now. */
static uint64_t prefetch_at(sl_chunks *set, uint64_t at, uint64_t end)
{
    sl_chunk *chunk = find(set, at);
    if (chunk == NULL) {
        if (set->in_flight >= set->in_flight_max ||
            set->unread >= set->idle_max)
            return 0;
        chunk = start_at(set, at, end - at, NULL, NULL);
    }
    return chunk != NULL ? chunk->at + chunk->len : 0;
}

/* The backing that asked may be gone, when others share the set. */
static void count_prefetched(sl_chunks *set, uint64_t n)
{
    sl_data_ctx *ctx = set->ctx;
    (set->backing != NULL ? &set->backing->stats : &ctx->gone)
        ->bytes_prefetched += n;
    ctx->stats.bytes_prefetched += n;
}

static void prefetch_more(sl_chunks *set)
{
    for (struct sl_range *r; (r = sl_ranges_first(&set->wanted)) != NULL;) {
        uint64_t end;
        if (!is_known(set, r->at, &end))
            end = prefetch_at(set, r->at, r->end);
        if (end == 0)
            break;
        count_prefetched(set, (end < r->end ? end : r->end) - r->at);
        r->at = end;
    }
}

static void on_more(sl_post *post)
{
    prefetch_more(
        (sl_chunks *)(void *)((char *)post - offsetof(sl_chunks, more)));
}

void sl_chunks_prefetch(sl_chunks *set, uint64_t at, uint64_t len)
{
    sl_ranges_add(&set->wanted, at,
                  len < SL_PREFETCH_MAX ? len : SL_PREFETCH_MAX);
    prefetch_more(set);
}
