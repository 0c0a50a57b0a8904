/* The bytes of a segment as a readable stream<u8>; the host is the writer.
 * docs/data-segments.md, section 6, "SegmentStream". */
#include <stddef.h>

#include "base/alloc.h"
#include "stream/stream.h"

typedef struct segment_stream {
    sl_shared base;
    sl_segment *segment;
    uint64_t start, pos, end;
    sl_copy *copy; /* the read that waits; NULL: none */
    bool copied;   /* ... whose event is pending already (on_copy) */
    sl_fetch fetch;
    bool fetching, held; /* under way; brought something not read yet */
    sl_post post;        /* of a test schedule that holds bytes back */
    uint32_t delay;      /* turns of the loop it still waits */
    unsigned faults;     /* of the read that waits */
    sl_err fault;        /* of a host reader; base.fault points here */
    /* For tracing: the stream, and the read that waits; 0: nobody listens. */
    uint64_t trace_id, opened_ns, read_ns, read_at;
} segment_stream;

static sl_data_ctx *data_of(const segment_stream *s)
{
    return s->segment->backing->ctx;
}

/* What has happened on the stream's track, since `begin_ns`. */
static void tell(segment_stream *s, const char *name, uint64_t begin_ns,
                 uint64_t from, const char *outcome)
{
    const sl_trace_event event = {
        .what = "stream",
        .name = name,
        .id = s->trace_id,
        .begin_ns = begin_ns,
        .end_ns = sl_trace_now_ns(),
        .args = {{"at", NULL, from},
                 {"bytes", NULL, s->pos - from},
                 {outcome != NULL ? "outcome" : NULL, outcome, 0}},
    };
    sl_trace(sl_data_ctx_tracer(data_of(s)), &event);
}

/* The read is over, one way or another. */
static void end_read(segment_stream *s, const char *outcome)
{
    if (s->read_ns == 0)
        return;
    tell(s, "read", s->read_ns, s->read_at, outcome);
    s->read_ns = 0;
}

static void finish(segment_stream *s, sl_copy_result result)
{
    end_read(s, result == SL_COPY_COMPLETED ? "completed" : "end");
    sl_copy *copy = s->copy;
    s->copy = NULL;
    copy->on_copy_done(copy, result);
}

static void let_go(segment_stream *s)
{
    if (s->held)
        sl_segment_release(s->segment, &s->fetch);
    s->held = false;
}

/* --- Faults
 * ------------------------------------------------------------------- */

/* The embedder may want another attempt: on the loop's next turn. */
static bool ask_again(segment_stream *s, const sl_err *err)
{
    sl_fault fault = {.segment = s->segment,
                      .at = s->pos,
                      .len = sl_buffer_remain(s->copy->buffer),
                      .cause = err,
                      .attempt = ++s->faults,
                      .host = s->copy->inst == NULL};
    bool told_later = s->copied && !fault.host; /* at the next read */
    if (err->code != SL_EIO || told_later ||
        !sl_data_ctx_ask(data_of(s), &fault))
        return false;
    s->delay = 1;
    sl_loop_post(s->base.store->loop, &s->post);
    return true;
}

/* A byte cannot be brought: the reading instance traps; a host that reads is
 * told through base.fault and the end of the stream. What has been reported
 * to a guest already stands: it will meet the fault at its next read. */
static sl_status fault(segment_stream *s, const sl_err *err, bool in_read)
{
    sl_copy *copy = s->copy;
    if (ask_again(s, err))
        return SL_OK;
    if (copy->inst == NULL) {
        s->fault = *err;
        s->base.fault = &s->fault;
        s->end = s->pos;
        finish(s, SL_COPY_DROPPED);
        return SL_OK;
    }
    s->copy = NULL;
    end_read(s, "fault");
    if (in_read)
        return sl_store_trap(s->base.store, "%s", err->msg);
    if (copy->on_fault != NULL && !s->copied)
        copy->on_fault(copy, err);
    else if (!s->copied)
        sl_instance_trap(copy->inst, "%s", err->msg);
    return SL_OK;
}

/* --- Copying
 * ------------------------------------------------------------------- */

/* Whether byte `pos` is here; -1: a fault. */
static int64_t probe(segment_stream *s, sl_err *err)
{
    uint8_t byte;
    return sl_segment_try_read(s->segment, s->pos, &byte, 1, err);
}

/* Pages of the segment's file instead of copies: how many bytes, 0: none. What
 * has to be copied before pages can be limits *room. docs/data-segments.md,
 * section 7. */
static uint32_t map_bytes(segment_stream *s, uint32_t *room)
{
    sl_buffer *buffer = s->copy->buffer;
    sl_backing *backing = s->segment->backing;
    int fd;
    uint32_t head;
    uint64_t offset, len = *room;
    if (buffer->ops->map == NULL || backing->ops->pages == NULL ||
        !backing->ops->pages(backing, s->pos, &fd, &offset, &len))
        return 0;
    uint32_t n = buffer->ops->map(buffer, (uint32_t)len, fd, offset, &head);
    SL_DATA_COUNT(backing, bytes_mapped, n);
    if (n != 0 && backing->ops->mapped != NULL)
        backing->ops->mapped(backing, s->pos, n);
    if (head != 0)
        *room = head;
    return n;
}

/* Copies what is here, at most `most` bytes, advancing buffer and position:
 * how many, or -1 on a fault before the first. */
static int64_t copy_bytes(segment_stream *s, uint64_t most, sl_err *err)
{
    sl_buffer *buffer = s->copy->buffer;
    uint64_t total = 0;
    while (total < most) {
        uint32_t room = (uint32_t)(most - total);
        uint32_t mapped = map_bytes(s, &room);
        if (mapped != 0) {
            buffer->progress += mapped;
            s->pos += mapped;
            total += mapped;
            continue;
        }
        uint8_t *to = buffer->ops->bytes(buffer, room);
        if (to == NULL) {
            sl_fail(err, SL_ETRAP, SL_ERR_NO_PLACE,
                    "out of bounds memory access");
            return -1;
        }
        int64_t n = sl_segment_try_read(s->segment, s->pos, to, room, err);
        if (n <= 0)
            return total == 0 ? n : (int64_t)total;
        buffer->progress += (uint32_t)n;
        s->pos += (uint64_t)n;
        total += (uint64_t)n;
    }
    return (int64_t)total;
}

static sl_status wait_for_bytes(segment_stream *s, bool in_read);

/* The read as far as it goes without waiting. */
static sl_status go_on(segment_stream *s, bool in_read)
{
    sl_buffer *buffer = s->copy->buffer;
    sl_data_ctx *data = data_of(s);
    sl_err err = {0};
    if (buffer->length == 0) {
        int64_t here = probe(s, &err);
        if (here < 0)
            return fault(s, &err, in_read);
        if (here == 0)
            return wait_for_bytes(s, in_read);
        finish(s, SL_COPY_COMPLETED);
        return SL_OK;
    }

    uint64_t most = sl_buffer_remain(buffer);
    if (most > s->end - s->pos)
        most = s->end - s->pos;
    sl_data_stats *stats = sl_data_ctx_stats(data);
    uint64_t mapped = stats->bytes_mapped;
    int64_t n = copy_bytes(s, sl_data_choose_piece(data, most), &err);
    if (n < 0)
        return fault(s, &err, in_read);
    if (n == 0)
        return wait_for_bytes(s, in_read);
    let_go(s);
    sl_data_ctx_loaded(data, s->segment, s->pos - (uint64_t)n, (uint64_t)n);
    sl_segment_ahead(s->segment, &s->fetch, s->pos, s->end - s->pos);
    if (s->copy->inst != NULL)
        SL_DATA_COUNT(s->segment->backing, bytes_to_guest,
                      (uint64_t)n - (stats->bytes_mapped - mapped));
    else
        SL_DATA_COUNT(s->segment->backing, bytes_forwarded, (uint64_t)n);
    if (s->pos == s->end) {
        finish(s, SL_COPY_DROPPED);
    } else if (in_read || sl_buffer_remain(buffer) == 0) {
        finish(s, SL_COPY_COMPLETED);
    } else {
        /* CanonicalABI.md, OnCopy: go on filling until the event is taken. */
        s->copied = true;
        s->copy->on_copy(s->copy);
        if (s->copy != NULL)
            return wait_for_bytes(s, in_read);
    }
    return SL_OK;
}

/* --- Waiting
 * ------------------------------------------------------------------- */

static void on_fetched(sl_fetch *fetch, const sl_err *err)
{
    segment_stream *s =
        (segment_stream *)(void *)((char *)fetch -
                                   offsetof(segment_stream, fetch));
    s->fetching = false;
    s->held = err == NULL;
    if (s->copy == NULL || s->post.pending)
        return; /* whoever reads next meets the fault again */
    if (err == NULL) {
        (void)go_on(s, false);
        return;
    }
    sl_err full = {0};
    sl_segment_fault(s->segment, fetch->at, fetch->len, err, &full);
    (void)fault(s, &full, false);
}

static sl_status wait_for_bytes(segment_stream *s, bool in_read)
{
    if (s->fetching)
        return SL_OK;
    let_go(s);
    uint64_t want = sl_buffer_remain(s->copy->buffer);
    if (want == 0)
        want = 1;
    if (want > s->end - s->pos)
        want = s->end - s->pos;
    s->fetch.at = s->pos;
    s->fetch.len = (size_t)want;
    s->fetch.ahead = s->end - s->pos - want;
    s->fetch.maps = s->copy->buffer->ops->map != NULL;
    s->fetch.done = on_fetched;
    sl_err err = {0};
    if (sl_segment_fetch(s->segment, &s->fetch, &err) != SL_OK)
        return fault(s, &err, in_read);
    s->fetching = true;
    return SL_OK;
}

static void on_post(sl_post *post)
{
    segment_stream *s =
        (segment_stream *)(void *)((char *)post -
                                   offsetof(segment_stream, post));
    if (--s->delay != 0)
        sl_loop_post(s->base.store->loop, post);
    else if (s->copy != NULL)
        (void)go_on(s, false);
}

/* --- sl_shared_ops
 * ---------------------------------------------------------------- */

static void begin_read(segment_stream *s)
{
    s->read_ns = sl_trace_begin(sl_data_ctx_tracer(data_of(s)));
    s->read_at = s->pos;
}

static sl_status segment_read(sl_shared *shared, sl_copy *copy)
{
    segment_stream *s = (segment_stream *)shared;
    s->copy = copy;
    s->copied = false;
    s->faults = 0;
    if (s->pos == s->end) {
        finish(s, SL_COPY_DROPPED);
        return SL_OK;
    }
    SL_DATA_COUNT(s->segment->backing, reads, 1);
    if (s->trace_id != 0)
        begin_read(s);
    s->delay = sl_data_choose_delay(data_of(s));
    if (s->delay == 0)
        return go_on(s, true);
    sl_loop_post(shared->store->loop, &s->post);
    return SL_OK;
}

static void stop_waiting(segment_stream *s)
{
    s->copy = NULL;
    end_read(s, "stopped");
    sl_loop_unpost(s->base.store->loop, &s->post);
}

/* A request under way goes on: the next read will find what it brings. */
static void segment_cancel(sl_shared *shared, sl_side side)
{
    segment_stream *s = (segment_stream *)shared;
    sl_copy *copy = s->copy;
    (void)side;
    stop_waiting(s);
    if (copy != NULL)
        copy->on_copy_done(copy, SL_COPY_CANCELLED);
}

static void segment_reclaim(sl_shared *shared, sl_side side)
{
    (void)side;
    stop_waiting((segment_stream *)shared);
}

static void segment_drop(sl_shared *shared, sl_side side)
{
    segment_stream *s = (segment_stream *)shared;
    (void)side;
    stop_waiting(s);
    sl_segment_cancel(s->segment, &s->fetch);
    s->fetching = s->held = false;
    s->end = s->pos;
}

static void segment_free(sl_shared *shared)
{
    segment_stream *s = (segment_stream *)shared;
    segment_drop(shared, SL_READABLE);
    if (s->trace_id != 0)
        tell(s, s->segment->label, s->opened_ns, s->start, NULL);
    sl_segment_unref(s->segment);
    sl_free(s);
}

static sl_segment *segment_of(sl_shared *shared, uint64_t *pos, uint64_t *end)
{
    segment_stream *s = (segment_stream *)shared;
    *pos = s->pos;
    *end = s->end;
    return s->segment;
}

static void segment_advance(sl_shared *shared, uint64_t n)
{
    segment_stream *s = (segment_stream *)shared;
    sl_data_ctx_loaded(data_of(s), s->segment, s->pos, n);
    s->pos += n;
    if (s->trace_id != 0)
        tell(s, "forward", sl_trace_now_ns(), s->pos - n, NULL);
    SL_DATA_COUNT(s->segment->backing, reads, 1);
    SL_DATA_COUNT(s->segment->backing, bytes_forwarded, n);
}

static const sl_shared_ops segment_ops = {
    .read = segment_read,
    .cancel = segment_cancel,
    .reclaim = segment_reclaim,
    .drop = segment_drop,
    .free = segment_free,
    .segment = segment_of,
    .advance = segment_advance,
};

sl_shared *sl_stream_from_segment(sl_store *store, sl_segment *segment,
                                  uint64_t start, uint64_t end, sl_err *err)
{
    segment_stream *s = sl_calloc(1, sizeof *s);
    if (s == NULL) {
        sl_fail(err, SL_ENOMEM, SL_ERR_NO_PLACE, "out of memory");
        return NULL;
    }
    s->base = (sl_shared){.ops = &segment_ops,
                          .store = store,
                          .elem = sl_type_primitive(SL_T_U8),
                          .refs = 1};
    s->segment = sl_segment_ref(segment);
    s->start = s->pos = start;
    s->end = end;
    sl_tracer *tracer = sl_data_ctx_tracer(data_of(s));
    s->trace_id = sl_trace_id(tracer);
    s->opened_ns = sl_trace_begin(tracer);
    s->post.fn = on_post;
    return &s->base;
}
