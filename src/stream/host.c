/* The host as reader and writer of streams and futures. CanonicalABI.md
 * "Stream State", "Future State". */
#include "stream/host.h"

#include <stddef.h>
#include <string.h>

#include "base/alloc.h"

/* --- Values that outlive the call that brought them
 * ---------------------------- */

static bool take_val(sl_arena *arena, sl_val *from, sl_val *to);

static bool take_vals(sl_arena *arena, sl_val *from, size_t n, sl_val **to)
{
    *to = sl_arena_array(arena, sl_val, n);
    if (*to == NULL)
        return false;
    for (size_t i = 0; i < n; i++)
        if (!take_val(arena, &from[i], &(*to)[i]))
            return false;
    return true;
}

/* Copies a value into the arena, moving its streams and futures; what it is
 * depends on its kind only, as canon/canon.h says of values on their way. */
static bool take_val(sl_arena *arena, sl_val *from, sl_val *to)
{
    *to = *from;
    switch ((sluice_kind)from->kind) {
    case SLUICE_STRING:
    case SLUICE_ERROR_CONTEXT:
        to->of.string.data =
            sl_arena_dup(arena, from->of.string.data, from->of.string.len);
        return to->of.string.data != NULL;
    case SLUICE_LIST:
        if (from->elem != 0) {
            to->of.bytes.data = sl_arena_dup(
                arena, from->of.bytes.data,
                from->of.bytes.len * sl_val_elem_size((sluice_kind)from->elem));
            return to->of.bytes.data != NULL;
        }
        return take_vals(arena, from->of.list.items, from->of.list.len,
                         &to->of.list.items);
    case SLUICE_MAP:
    case SLUICE_RECORD:
    case SLUICE_TUPLE:
        return take_vals(arena, from->of.list.items, from->of.list.len,
                         &to->of.list.items);
    case SLUICE_VARIANT:
    case SLUICE_ENUM:
    case SLUICE_OPTION:
    case SLUICE_RESULT:
        return from->of.variant.payload == NULL ||
               take_vals(arena, from->of.variant.payload, 1,
                         &to->of.variant.payload);
    case SLUICE_STREAM:
        from->of.stream = NULL;
        return true;
    case SLUICE_FUTURE:
        from->of.future = NULL;
        return true;
    default:
        return true;
    }
}

/* Drops the streams and futures nobody took. */
static void drop_vals(sl_val *vals, size_t n)
{
    for (size_t i = 0; vals != NULL && i < n; i++) {
        sl_val *val = &vals[i];
        switch ((sluice_kind)val->kind) {
        case SLUICE_LIST:
            if (val->elem != 0)
                break; /* packed numbers */
            drop_vals(val->of.list.items, val->of.list.len);
            break;
        case SLUICE_MAP:
        case SLUICE_RECORD:
        case SLUICE_TUPLE:
            drop_vals(val->of.list.items, val->of.list.len);
            break;
        case SLUICE_VARIANT:
        case SLUICE_OPTION:
        case SLUICE_RESULT:
            drop_vals(val->of.variant.payload, 1);
            break;
        case SLUICE_STREAM:
            sl_shared_drop((sl_shared *)(void *)val->of.stream, SL_READABLE);
            val->of.stream = NULL;
            break;
        case SLUICE_FUTURE:
            sl_shared_drop((sl_shared *)(void *)val->of.future, SL_READABLE);
            val->of.future = NULL;
            break;
        default:
            break;
        }
    }
}

/* --- The host reads
 * ------------------------------------------------------------- */

typedef struct host_buffer {
    sl_buffer base;
    uint8_t *to;     /* plain elements */
    sl_val *vals;    /* others: `length` of them */
    sl_arena *arena; /* ... and what they hold */
} host_buffer;

struct sl_host_reader {
    sl_shared *shared; /* NULL: the store is gone */
    sl_store *store;
    sl_closer closer;
    sl_copy copy;
    host_buffer buffer;
    sl_arena arena;
    sl_post deliver;
    sl_host_read_fn fn;
    void *arg;
    sl_copy_result result;
    bool busy;    /* sl_host_read() has not called back */
    bool pending; /* the shared part still has the copy */
};

static uint8_t *host_bytes(sl_buffer *b, uint32_t n)
{
    host_buffer *buffer = (host_buffer *)b;
    (void)n;
    if (!sl_elem_is_plain(b->elem))
        return NULL;
    return buffer->to + (size_t)b->progress * sl_elem_size(b->elem);
}

static sl_status host_buffer_write(sl_buffer *b, uint32_t n, sl_val *vals)
{
    host_buffer *buffer = (host_buffer *)b;
    size_t size = sl_elem_size(b->elem);
    if (sl_elem_is_plain(b->elem)) {
        for (uint32_t i = 0; size != 0 && i < n; i++)
            memcpy(host_bytes(b, n) + i * size, &vals[i].of, size);
        return SL_OK;
    }
    for (uint32_t i = 0; i < n; i++)
        if (!take_val(buffer->arena, &vals[i],
                      &buffer->vals[b->progress + i])) {
            drop_vals(vals + i, n - i);
            return SL_ENOMEM;
        }
    return SL_OK;
}

static const sl_buffer_ops host_buffer_ops = {
    .bytes = host_bytes,
    .write = host_buffer_write,
};

static sl_host_reader *reader_of(sl_copy *copy)
{
    return (sl_host_reader *)(void *)((char *)copy -
                                      offsetof(sl_host_reader, copy));
}

static void reader_on_copy(sl_copy *copy)
{
    sl_host_reader *reader = reader_of(copy);
    reader->result = SL_COPY_COMPLETED;
    sl_loop_post(reader->store->loop, &reader->deliver);
}

static void reader_on_copy_done(sl_copy *copy, sl_copy_result result)
{
    sl_host_reader *reader = reader_of(copy);
    reader->pending = false;
    reader->result = result;
    sl_loop_post(reader->store->loop, &reader->deliver);
}

static void deliver(sl_post *post)
{
    sl_host_reader *reader =
        (sl_host_reader *)(void *)((char *)post -
                                   offsetof(sl_host_reader, deliver));
    if (reader->pending)
        reader->shared->ops->reclaim(reader->shared, SL_READABLE);
    reader->pending = false;
    reader->busy = false;
    const sl_err *fault =
        reader->shared != NULL ? sl_shared_fault(reader->shared) : NULL;
    reader->fn(reader->arg, reader->buffer.base.progress, reader->result,
               reader->result == SL_COPY_DROPPED ? fault : NULL);
}

/* Lets go of the shared part. */
static void cut_off(sl_host_reader *reader)
{
    sl_shared *shared = reader->shared;
    reader->shared = NULL;
    sl_store_remove_closer(reader->store, &reader->closer);
    if (reader->pending)
        shared->ops->cancel(shared, SL_READABLE);
    if (reader->pending) /* it would come later: too late for us */
        shared->ops->reclaim(shared, SL_READABLE);
    sl_loop_unpost(reader->store->loop, &reader->deliver);
    reader->busy = reader->pending = false;
    drop_vals(reader->buffer.vals, reader->buffer.base.progress);
    reader->buffer.base.progress = 0;
    sl_shared_drop(shared, SL_READABLE);
}

/* The store closes: no turn of the loop is left to report in. */
static void close_reader(sl_closer *closer)
{
    sl_host_reader *reader =
        (sl_host_reader *)(void *)((char *)closer -
                                   offsetof(sl_host_reader, closer));
    bool busy = reader->busy;
    cut_off(reader);
    if (busy)
        reader->fn(reader->arg, 0, SL_COPY_CANCELLED, NULL);
}

sl_host_reader *sl_host_reader_new(sl_shared *shared, sl_err *err)
{
    sl_host_reader *reader = sl_calloc(1, sizeof *reader);
    if (reader == NULL) {
        sl_shared_drop(shared, SL_READABLE);
        sl_fail(err, SL_ENOMEM, SL_ERR_NO_PLACE, "out of memory");
        return NULL;
    }
    reader->shared = shared;
    reader->store = shared->store;
    reader->deliver.fn = deliver;
    reader->copy.buffer = &reader->buffer.base;
    reader->copy.on_copy = reader_on_copy;
    reader->copy.on_copy_done = reader_on_copy_done;
    reader->buffer.base.ops = &host_buffer_ops;
    reader->buffer.base.elem = shared->elem;
    reader->buffer.arena = &reader->arena;
    sl_arena_init(&reader->arena);
    reader->closer.fn = close_reader;
    sl_store_add_closer(reader->store, &reader->closer);
    return reader;
}

void sl_host_reader_free(sl_host_reader *reader)
{
    if (reader == NULL)
        return;
    if (reader->shared != NULL)
        cut_off(reader);
    sl_arena_deinit(&reader->arena);
    sl_free(reader);
}

sl_status sl_host_read(sl_host_reader *reader, void *to, uint32_t n,
                       sl_host_read_fn fn, void *arg)
{
    sl_shared *shared = reader->shared;
    host_buffer *buffer = &reader->buffer;
    if (shared == NULL)
        return SL_ECANCELLED;
    if (reader->busy)
        return SL_EUSAGE;
    drop_vals(buffer->vals, buffer->base.progress);
    sl_arena_deinit(&reader->arena);
    buffer->vals = NULL;
    if (n > SL_BUFFER_MAX_LENGTH)
        n = SL_BUFFER_MAX_LENGTH;
    buffer->base.length = n;
    buffer->base.progress = 0;
    buffer->to = to;
    if (!sl_elem_is_plain(buffer->base.elem)) {
        buffer->vals = sl_arena_array(&reader->arena, sl_val, n);
        if (buffer->vals == NULL)
            return SL_ENOMEM;
    }
    reader->fn = fn;
    reader->arg = arg;
    reader->busy = reader->pending = true;
    sl_status st = shared->ops->read(shared, &reader->copy);
    if (st != SL_OK)
        reader->busy = reader->pending = false;
    return st;
}

void sl_host_reader_cancel(sl_host_reader *reader)
{
    if (reader->shared != NULL && reader->pending && !reader->deliver.pending)
        reader->shared->ops->cancel(reader->shared, SL_READABLE);
}

sl_val *sl_host_reader_vals(sl_host_reader *reader)
{
    return reader->buffer.vals;
}

sl_shared *sl_host_reader_release(sl_host_reader *reader)
{
    sl_shared *shared = reader->shared;
    if (shared != NULL) {
        sl_store_remove_closer(reader->store, &reader->closer);
        drop_vals(reader->buffer.vals, reader->buffer.base.progress);
        reader->shared = NULL;
    }
    sl_host_reader_free(reader);
    return shared;
}

/* --- The host writes
 * --------------------------------------------------------------- */

/* One object, two references: the reader's end and the host's. */
struct sl_host_writer {
    sl_shared base;
    const sl_host_writer_ops *host; /* NULL: closed, or nobody reads */
    void *arg;
    sl_closer closer;
    sl_copy *copy;    /* the read that waits; NULL: none */
    bool in_read;     /* inside the reader's call */
    bool ready;       /* in_read: complete it, whatever was written */
    bool closed;      /* the host writes no more */
    sl_status status; /* in_read: a trap while lowering */
    /* A future's value, resolved before it was read. */
    sl_arena arena;
    sl_val *value;
    bool resolved;
};

static void finish(sl_host_writer *w, sl_copy_result result)
{
    sl_copy *copy = w->copy;
    w->copy = NULL;
    copy->on_copy_done(copy, result);
}

/* Elements were moved, or a read of length 0 may end. Inside the reader's
 * call that call reports it; later the event does, and the rest of the buffer
 * may be filled until it is delivered (CanonicalABI.md, OnCopy). */
static void moved(sl_host_writer *w)
{
    if (w->in_read)
        w->ready = true;
    else if (w->base.is_future || sl_buffer_remain(w->copy->buffer) == 0)
        finish(w, SL_COPY_COMPLETED);
    else
        w->copy->on_copy(w->copy);
}

static void forget_host(sl_host_writer *w)
{
    if (w->host != NULL)
        sl_store_remove_closer(w->base.store, &w->closer);
    w->host = NULL;
}

/* Lowers values into the waiting buffer: how many. */
static uint32_t lower(sl_host_writer *w, sl_val *vals, uint32_t n)
{
    sl_copy *copy = w->copy;
    sl_status st = w->base.elem == NULL
                       ? SL_OK
                       : copy->buffer->ops->write(copy->buffer, n, vals);
    if (st == SL_OK) {
        copy->buffer->progress += n;
        moved(w);
        return n;
    }
    if (w->in_read) {
        w->status = st;
        return 0;
    }
    if (copy->inst == NULL) {
        finish(w, SL_COPY_DROPPED);
        return 0;
    }
    sl_err err = w->base.store->trap.err; /* which the next call clears */
    w->copy = NULL;
    sl_instance_trap(copy->inst, "%s", err.msg);
    return 0;
}

/* A future's value will never come. A guest that drops its writable end before
 * it has written traps (CanonicalABI.md, "canon future.drop-writable"), so no
 * reader is prepared for this: a guest that reads cannot go on. */
static void abandon(sl_host_writer *w)
{
    static const char why[] = "the host has no value for a future";
    sl_copy *copy = w->copy;
    if (copy == NULL)
        return;
    if (copy->inst == NULL) {
        finish(w, SL_COPY_DROPPED);
    } else if (w->in_read) {
        w->status = sl_store_trap(w->base.store, "%s", why);
    } else {
        w->copy = NULL;
        sl_instance_trap(copy->inst, "%s", why);
    }
}

static sl_status writer_read(sl_shared *shared, sl_copy *copy)
{
    sl_host_writer *w = (sl_host_writer *)shared;
    w->copy = copy;
    w->ready = false;
    w->status = SL_OK;
    w->in_read = true;
    if (w->resolved)
        (void)lower(w, w->value, 1);
    else if (w->closed && w->base.is_future)
        abandon(w);
    else if (w->host != NULL && w->host->want != NULL)
        w->host->want(w->arg, sl_buffer_remain(copy->buffer));
    w->in_read = false;
    if (w->status != SL_OK)
        w->copy = NULL;
    else if (w->closed && !w->base.is_future)
        finish(w, SL_COPY_DROPPED);
    else if (w->ready)
        finish(w, SL_COPY_COMPLETED);
    return w->status;
}

static void writer_cancel(sl_shared *shared, sl_side side)
{
    sl_host_writer *w = (sl_host_writer *)shared;
    (void)side;
    if (w->copy != NULL)
        finish(w, SL_COPY_CANCELLED);
}

static void writer_reclaim(sl_shared *shared, sl_side side)
{
    (void)side;
    ((sl_host_writer *)shared)->copy = NULL;
}

static void writer_drop(sl_shared *shared, sl_side side)
{
    sl_host_writer *w = (sl_host_writer *)shared;
    const sl_host_writer_ops *host = w->host;
    (void)side;
    w->copy = NULL;
    forget_host(w);
    if (host != NULL && host->closed != NULL)
        host->closed(w->arg);
}

static void writer_free(sl_shared *shared)
{
    sl_host_writer *w = (sl_host_writer *)shared;
    drop_vals(w->value, 1);
    sl_arena_deinit(&w->arena);
    sl_free(w);
}

static const sl_shared_ops writer_ops = {
    .read = writer_read,
    .cancel = writer_cancel,
    .reclaim = writer_reclaim,
    .drop = writer_drop,
    .free = writer_free,
};

static void close_writer(sl_closer *closer)
{
    sl_host_writer *w =
        (sl_host_writer *)(void *)((char *)closer -
                                   offsetof(sl_host_writer, closer));
    writer_drop(&w->base, SL_READABLE);
}

static sl_host_writer *new_writer(sl_store *store, const sl_type *elem,
                                  const sl_host_writer_ops *ops, void *arg,
                                  sl_shared **out, sl_err *err)
{
    sl_host_writer *w = sl_calloc(1, sizeof *w);
    *out = NULL;
    if (w == NULL) {
        sl_fail(err, SL_ENOMEM, SL_ERR_NO_PLACE, "out of memory");
        return NULL;
    }
    w->base = (sl_shared){
        .ops = &writer_ops, .store = store, .elem = elem, .refs = 2};
    w->host = ops;
    w->arg = arg;
    sl_arena_init(&w->arena);
    w->closer.fn = close_writer;
    sl_store_add_closer(store, &w->closer);
    *out = &w->base;
    return w;
}

sl_host_writer *sl_host_writer_new(sl_store *store, const sl_type *elem,
                                   const sl_host_writer_ops *ops, void *arg,
                                   sl_shared **out, sl_err *err)
{
    return new_writer(store, elem, ops, arg, out, err);
}

uint32_t sl_host_writer_room(const sl_host_writer *w)
{
    return w->copy != NULL ? sl_buffer_remain(w->copy->buffer) : 0;
}

void *sl_host_writer_place(sl_host_writer *w, uint32_t n)
{
    return w->copy != NULL ? w->copy->buffer->ops->bytes(w->copy->buffer, n)
                           : NULL;
}

void sl_host_writer_wrote(sl_host_writer *w, uint32_t n)
{
    if (w->copy == NULL || n == 0)
        return;
    w->copy->buffer->progress += n;
    moved(w);
}

uint32_t sl_host_write(sl_host_writer *w, const void *elems, uint32_t n)
{
    uint32_t room = sl_host_writer_room(w);
    size_t size = sl_elem_size(w->base.elem);
    if (n > room)
        n = room;
    if (n == 0)
        return 0;
    void *to = sl_host_writer_place(w, n);
    if (to == NULL && size != 0)
        return 0;
    if (size != 0)
        memcpy(to, elems, n * size);
    sl_host_writer_wrote(w, n);
    return n;
}

uint32_t sl_host_write_vals(sl_host_writer *w, sl_val *vals, uint32_t n)
{
    uint32_t room = sl_host_writer_room(w);
    if (n > room)
        n = room;
    return n != 0 ? lower(w, vals, n) : 0;
}

void sl_host_writer_ready(sl_host_writer *w)
{
    if (w->copy == NULL || w->copy->buffer->length != 0)
        return;
    if (w->in_read)
        w->ready = true;
    else
        finish(w, SL_COPY_COMPLETED);
}

void sl_host_writer_close(sl_host_writer *w)
{
    if (w == NULL)
        return;
    forget_host(w);
    w->closed = true;
    if (w->copy != NULL && !w->in_read && !w->base.is_future)
        finish(w, SL_COPY_DROPPED);
    if (w->base.is_future && !w->resolved && !w->in_read)
        abandon(w);
    sl_shared_unref(&w->base);
}

/* --- Futures
 * ------------------------------------------------------------------------ */

struct sl_host_future {
    sl_host_writer writer;
};

/* Tells nobody: who makes the value finds out when it resolves it. */
static const sl_host_writer_ops future_ops = {0};

sl_host_future *sl_host_future_new(sl_store *store, const sl_type *elem,
                                   sl_shared **out, sl_err *err)
{
    sl_host_writer *w = new_writer(store, elem, &future_ops, NULL, out, err);
    if (w != NULL)
        w->base.is_future = true;
    return (sl_host_future *)w;
}

/* Kept until it is read, or moved to the reader that waits. */
static sl_status keep_value(sl_host_writer *w, sl_val *val, sl_err *err)
{
    if (val != NULL && w->base.elem != NULL) {
        w->value = sl_arena_new(&w->arena, sl_val);
        if (w->value == NULL || !take_val(&w->arena, val, w->value))
            return sl_fail(err, SL_ENOMEM, SL_ERR_NO_PLACE, "out of memory");
    }
    w->resolved = true;
    return SL_OK;
}

bool sl_host_future_wanted(const sl_host_future *future, const sl_type **elem)
{
    *elem = future->writer.base.elem;
    return future->writer.host != NULL;
}

sl_status sl_host_future_resolve(sl_host_future *future, sl_val *val,
                                 sl_err *err)
{
    sl_host_writer *w = &future->writer;
    sl_status st = keep_value(w, val, err);
    if (st == SL_OK && w->copy != NULL)
        (void)lower(w, w->value, 1);
    if (val != NULL)
        drop_vals(val, 1);
    sl_host_writer_close(w);
    return st;
}

void sl_host_future_free(sl_host_future *future)
{
    if (future != NULL)
        sl_host_writer_close(&future->writer);
}
