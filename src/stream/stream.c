/* Streams and futures between guests: the shared part, and moving elements.
 * CanonicalABI.md "Stream State" (SharedStreamImpl), "Future State"
 * (SharedFutureImpl). */
#include "stream/stream.h"

/* --- Buffers -------------------------------------------------------------- */

bool sl_elem_is_plain(const sl_type *elem)
{
    return elem == NULL || sl_type_is_number(elem);
}

uint32_t sl_elem_size(const sl_type *elem)
{
    return elem == NULL ? 0 : elem->layout[0].size;
}

static sl_status out_of_memory(sl_store *store)
{
    return sl_fail(&store->trap.err, SL_ENOMEM, SL_ERR_NO_PLACE,
                   "out of memory");
}

static sl_status move_bytes(sl_store *store, sl_buffer *to, sl_buffer *from,
                            uint32_t n)
{
    const uint8_t *src = from->ops->bytes(from, n);
    uint8_t *dst = to->ops->bytes(to, n);
    SL_TRAP_IF(store, src == NULL || dst == NULL,
               "out of bounds memory access");
    /* Two buffers of one memory may overlap. */
    memmove(dst, src, (size_t)n * sl_elem_size(to->elem));
    return SL_OK;
}

/* Elements lifted at a time. */
#define MOVE_CHUNK 256

static sl_status move_values(sl_store *store, sl_buffer *to, sl_buffer *from,
                             uint32_t n)
{
    sl_arena arena;
    sl_status status = SL_OK;

    sl_arena_init(&arena);
    sl_val *vals = sl_arena_array(&arena, sl_val, n);
    if (vals == NULL)
        status = out_of_memory(store);
    if (status == SL_OK)
        status = from->ops->read(from, n, &arena, vals);
    if (status == SL_OK)
        status = to->ops->write(to, n, vals);
    sl_arena_deinit(&arena);
    return status;
}

sl_status sl_buffer_move(sl_store *store, sl_buffer *to, sl_buffer *from,
                         uint32_t n)
{
    bool plain = sl_elem_is_plain(to->elem);

    while (n > 0) {
        uint32_t part = plain || n < MOVE_CHUNK ? n : MOVE_CHUNK;
        sl_status status = SL_OK;
        if (!plain)
            status = move_values(store, to, from, part);
        else if (to->elem != NULL)
            status = move_bytes(store, to, from, part);
        if (status != SL_OK)
            return status;
        to->progress += part;
        from->progress += part;
        n -= part;
    }
    return SL_OK;
}

/* --- The shared part ------------------------------------------------------ */

sl_shared *sl_shared_ref(sl_shared *s)
{
    s->refs++;
    return s;
}

void sl_shared_unref(sl_shared *s)
{
    if (s != NULL && --s->refs == 0)
        s->ops->free(s);
}

void sl_shared_drop(sl_shared *s, sl_side side)
{
    if (s == NULL)
        return;
    if (!s->store->closing)
        s->ops->drop(s, side);
    sl_shared_unref(s);
}

/* --- Guest to guest ------------------------------------------------------- */

/* Which of the two ends is gone does not matter: the other learns it. */
typedef struct pipe {
    sl_shared base; /* first */
    bool dropped;
    sl_copy *pending;  /* the copy that came first and waits for the other */
    sl_shared *source; /* what is read instead (forward_ops); a reference */
} pipe;

static void notify_pending(pipe *p, sl_copy_result result)
{
    sl_copy *pending = p->pending;
    p->pending = NULL;
    pending->on_copy_done(pending, result);
}

/* The copy that waits and the one that came now, from one instance, would
 * lift and lower between themselves. */
static sl_status check_instances(const pipe *p, const sl_copy *copy)
{
    SL_TRAP_IF(p->base.store,
               copy->inst != NULL && copy->inst == p->pending->inst &&
                   !sl_elem_is_plain(p->base.elem),
               "cannot read from and write to intra-component %s",
               p->base.is_future ? "future" : "stream");
    return SL_OK;
}

static sl_status move_some(pipe *p, sl_copy *copy, sl_side side)
{
    sl_buffer *mine = copy->buffer, *other = p->pending->buffer;
    uint32_t n = sl_buffer_remain(mine), m = sl_buffer_remain(other);
    if (m < n)
        n = m;
    return side == SL_READABLE ? sl_buffer_move(p->base.store, mine, other, n)
                               : sl_buffer_move(p->base.store, other, mine, n);
}

/* SharedStreamImpl.read and .write */
static sl_status stream_copy(pipe *p, sl_copy *copy, sl_side side)
{
    if (p->dropped) {
        copy->on_copy_done(copy, SL_COPY_DROPPED);
        return SL_OK;
    }
    if (p->pending == NULL) {
        p->pending = copy;
        return SL_OK;
    }
    sl_status status = check_instances(p, copy);
    if (status != SL_OK)
        return status;
    if (sl_buffer_remain(p->pending->buffer) > 0) {
        if (sl_buffer_remain(copy->buffer) > 0) {
            status = move_some(p, copy, side);
            if (status != SL_OK)
                return status;
            p->pending->on_copy(p->pending);
        }
        copy->on_copy_done(copy, SL_COPY_COMPLETED);
        return SL_OK;
    }
    /* A zero-length write meets a zero-length read: only the writer goes on. */
    if (side == SL_WRITABLE && copy->buffer->length == 0 &&
        p->pending->buffer->length == 0) {
        copy->on_copy_done(copy, SL_COPY_COMPLETED);
        return SL_OK;
    }
    notify_pending(p, SL_COPY_COMPLETED);
    p->pending = copy;
    return SL_OK;
}

/* SharedFutureImpl.read and .write */
static sl_status future_copy(pipe *p, sl_copy *copy, sl_side side)
{
    if (p->dropped) {
        copy->on_copy_done(copy, SL_COPY_DROPPED);
        return SL_OK;
    }
    if (p->pending == NULL) {
        p->pending = copy;
        return SL_OK;
    }
    sl_status status = check_instances(p, copy);
    if (status == SL_OK)
        status = move_some(p, copy, side);
    if (status != SL_OK)
        return status;
    notify_pending(p, SL_COPY_COMPLETED);
    copy->on_copy_done(copy, SL_COPY_COMPLETED);
    return SL_OK;
}

static sl_status pipe_read(sl_shared *s, sl_copy *copy)
{
    return s->is_future ? future_copy((pipe *)s, copy, SL_READABLE)
                        : stream_copy((pipe *)s, copy, SL_READABLE);
}

static sl_status pipe_write(sl_shared *s, sl_copy *copy)
{
    return s->is_future ? future_copy((pipe *)s, copy, SL_WRITABLE)
                        : stream_copy((pipe *)s, copy, SL_WRITABLE);
}

static void pipe_cancel(sl_shared *s, sl_side side)
{
    (void)side;
    notify_pending((pipe *)s, SL_COPY_CANCELLED);
}

static void pipe_reclaim(sl_shared *s, sl_side side)
{
    (void)side;
    ((pipe *)s)->pending = NULL;
}

/* The guest's end that is left when that side goes; NULL: none, or the host's,
 * or on its way. */
static sl_end *other_end(sl_shared *s, sl_side side)
{
    if (side == SL_READABLE)
        return s->ends[SL_WRITABLE];
    while (s->reader != NULL)
        s = s->reader;
    return s->ends[SL_READABLE];
}

static void pipe_drop(sl_shared *s, sl_side side)
{
    pipe *p = (pipe *)s;
    if (p->dropped)
        return;
    p->dropped = true;
    sl_end *other = s->eager ? other_end(s, side) : NULL;
    if (p->pending != NULL)
        notify_pending(p, SL_COPY_DROPPED);
    else if (other != NULL)
        sl_end_tell_dropped(other);
}

static void pipe_free(sl_shared *s)
{
    sl_free(s);
}

static const sl_shared_ops pipe_ops = {
    .read = pipe_read,
    .write = pipe_write,
    .cancel = pipe_cancel,
    .reclaim = pipe_reclaim,
    .drop = pipe_drop,
    .free = pipe_free,
};

/* --- Forwarding ------------------------------------------------------------
 *
 * definitions.py joins the writable end of the one stream to the readable end
 * of the other. Who holds a readable end is not known here (a guest, the host,
 * a value on its way), so the stream it belongs to stays, and hands on to the
 * other what its reader does. */

static bool is_forward(const sl_shared *s);

/* The stream that is read in truth. Of a chain of forwards the middle is left
 * out from now on. */
static sl_shared *source_of(sl_shared *s)
{
    pipe *p = (pipe *)s;
    while (is_forward(p->source)) {
        sl_shared *next = sl_shared_ref(((pipe *)p->source)->source);
        sl_shared_unref(p->source);
        p->source = next;
        next->reader = s;
    }
    return p->source;
}

static sl_status forward_read(sl_shared *s, sl_copy *copy)
{
    sl_shared *source = source_of(s);
    return source->ops->read(source, copy);
}

static void forward_cancel(sl_shared *s, sl_side side)
{
    sl_shared *source = source_of(s);
    source->ops->cancel(source, side);
}

static void forward_reclaim(sl_shared *s, sl_side side)
{
    sl_shared *source = source_of(s);
    source->ops->reclaim(source, side);
}

static void forward_drop(sl_shared *s, sl_side side)
{
    sl_shared *source = source_of(s);
    source->ops->drop(source, side);
}

/* A chain goes link by link. */
static void forward_free(sl_shared *s)
{
    while (is_forward(s)) {
        sl_shared *source = ((pipe *)s)->source;
        sl_free(s);
        source->reader = NULL;
        if (--source->refs != 0)
            return;
        s = source;
    }
    s->ops->free(s);
}

static sl_segment *forward_segment(sl_shared *s, uint64_t *pos, uint64_t *end)
{
    sl_shared *source = source_of(s);
    return source->ops->segment != NULL ? source->ops->segment(source, pos, end)
                                        : NULL;
}

static void forward_advance(sl_shared *s, uint64_t n)
{
    sl_shared *source = source_of(s);
    source->ops->advance(source, n);
}

static const sl_shared_ops forward_ops = {
    .read = forward_read,
    .cancel = forward_cancel,
    .reclaim = forward_reclaim,
    .drop = forward_drop,
    .free = forward_free,
    .segment = forward_segment,
    .advance = forward_advance,
};

static bool is_forward(const sl_shared *s)
{
    return s->ops == &forward_ops;
}

bool sl_shared_is_dropped(sl_shared *s)
{
    if (is_forward(s))
        s = source_of(s);
    return s->ops == &pipe_ops && ((pipe *)s)->dropped;
}

const sl_err *sl_shared_fault(sl_shared *s)
{
    return is_forward(s) ? source_of(s)->fault : s->fault;
}

static void tell_reader(sl_shared *s)
{
    sl_end *end = other_end(s, SL_WRITABLE);
    if (end != NULL)
        sl_end_tell_dropped(end);
}

sl_status sl_shared_forward(sl_shared *from, sl_shared *to)
{
    pipe *p = (pipe *)to;
    sl_status status = SL_OK;
    sl_copy *pending = p->pending;

    if (from == to || (is_forward(from) && source_of(from) == to)) {
        sl_shared_drop(from, SL_READABLE);
        sl_shared_drop(to, SL_WRITABLE);
        return SL_OK;
    }
    if (p->dropped) {
        sl_shared_drop(from, SL_READABLE);
        sl_shared_unref(to);
        return SL_OK;
    }
    p->pending = NULL;
    p->source = from;
    from->reader = to;
    to->ops = &forward_ops;
    if (pending != NULL && pending->buffer->length > 0 &&
        sl_buffer_remain(pending->buffer) == 0)
        pending->on_copy_done(pending, SL_COPY_COMPLETED);
    else if (pending != NULL)
        status = forward_read(to, pending);
    else if (to->eager && sl_shared_is_dropped(from))
        tell_reader(to);
    sl_shared_unref(to);
    return status;
}

static sl_shared *pipe_new(sl_store *store, const sl_type *elem, bool is_future,
                           sl_err *err)
{
    pipe *p = sl_calloc(1, sizeof *p);
    if (p == NULL) {
        sl_fail(err, SL_ENOMEM, SL_ERR_NO_PLACE, "out of memory");
        return NULL;
    }
    p->base = (sl_shared){.ops = &pipe_ops,
                          .store = store,
                          .elem = elem,
                          .is_future = is_future,
                          .refs = 2};
    return &p->base;
}

sl_shared *sl_stream_new(sl_store *store, const sl_type *elem, sl_err *err)
{
    return pipe_new(store, elem, false, err);
}

sl_shared *sl_future_new(sl_store *store, const sl_type *elem, sl_err *err)
{
    return pipe_new(store, elem, true, err);
}
