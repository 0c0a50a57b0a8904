/* include/sluice/stream.h: the host's ends. A sluice_stream is the shared part
 * of a stream, with the reference that its readable end holds. */
#include "api/api_int.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "component/value.h"
#include "stream/host.h"

static sl_shared *shared_of(sluice_stream *stream)
{
    return (sl_shared *)stream;
}

void sluice_stream_drop(sluice_stream *stream)
{
    if (stream != NULL)
        sl_shared_drop(shared_of(stream), SL_READABLE);
}

void sluice_future_drop(sluice_future *future)
{
    if (future != NULL)
        sl_shared_drop((sl_shared *)future, SL_READABLE);
}

void sl_api_install_drops(void)
{
    sl_val_drop.stream = sluice_stream_drop;
    sl_val_drop.future = sluice_future_drop;
    sl_val_drop.own = sl_api_drop_own;
}

/* --- Reading ------------------------------------------------------------------- */

struct sluice_reader {
    sl_host_reader *reader;
    const sl_type *elem;
    bool reading, over;
    sluice_val *vals; /* where the values of this read go; NULL: numbers */
    sluice_read_fn done;
    void *arg;
};

sluice_reader *sluice_reader_new(sluice_stream *stream, sluice_error *error)
{
    sl_err err = {0};
    sluice_reader *r = sl_calloc(1, sizeof *r);
    if (r == NULL) {
        sluice_stream_drop(stream);
        sl_api_fail(error, SLUICE_ENOMEM, "out of memory");
        return NULL;
    }
    r->elem = shared_of(stream)->elem;
    r->reader = sl_host_reader_new(shared_of(stream), &err);
    if (r->reader != NULL)
        return r;
    sl_free(r);
    sl_api_error(error, &err);
    return NULL;
}

/* Moves the values of a read to the host's; false: memory is short. */
static bool take_vals(sluice_reader *r, uint32_t n)
{
    sl_val *from = sl_host_reader_vals(r->reader);
    sl_arena arena;
    sl_arena_init(&arena);
    uint32_t i = 0;
    while (i < n && sl_val_to_utf8(&from[i], &arena) == SL_OK &&
           sl_val_take(&from[i], &r->vals[i]))
        i++;
    sl_arena_deinit(&arena);
    for (uint32_t k = 0; i < n && k < i; k++)
        sluice_val_deinit(&r->vals[k]);
    return i == n;
}

static void was_read(void *arg, uint32_t n, sl_copy_result result,
                     const sl_err *fault)
{
    sluice_reader *r = arg;
    sluice_error error = {.offset = SLUICE_NO_OFFSET};
    r->reading = false;
    r->over = result == SL_COPY_DROPPED;
    if (fault != NULL)
        sl_api_error(&error, fault);
    else if (result == SL_COPY_CANCELLED)
        sl_api_fail(&error, SLUICE_ECANCELLED, "the read was cancelled");
    if (r->vals != NULL && !take_vals(r, n)) {
        sl_api_fail(&error, SLUICE_ENOMEM, "out of memory");
        n = 0;
    }
    r->done(r->arg, n, r->over, error.status != SLUICE_OK ? &error : NULL);
}

static sluice_status start(sluice_reader *r, void *to, sluice_val *vals,
                           size_t len, sluice_read_fn done, void *arg)
{
    bool numbers = sl_elem_is_plain(r->elem);
    if (r->reading || r->over || numbers != (vals == NULL))
        return SLUICE_EUSAGE;
    r->vals = vals;
    r->done = done;
    r->arg = arg;
    r->reading = true;
    uint32_t n = len < SL_BUFFER_MAX_LENGTH ? (uint32_t)len
                                            : SL_BUFFER_MAX_LENGTH;
    sl_status st = sl_host_read(r->reader, to, n, was_read, r);
    if (st != SL_OK)
        r->reading = false;
    return (sluice_status)st;
}

sluice_status sluice_reader_read(sluice_reader *reader, void *to, size_t len,
                                 sluice_read_fn done, void *arg)
{
    return start(reader, to, NULL, len, done, arg);
}

sluice_status sluice_reader_read_vals(sluice_reader *reader, sluice_val *vals,
                                      size_t len, sluice_read_fn done,
                                      void *arg)
{
    return start(reader, NULL, vals, len, done, arg);
}

void sluice_reader_cancel(sluice_reader *reader)
{
    if (reader->reading)
        sl_host_reader_cancel(reader->reader);
}

sluice_stream *sluice_reader_release(sluice_reader *reader)
{
    if (reader->reading || reader->over)
        return NULL;
    sl_shared *shared = sl_host_reader_release(reader->reader);
    sl_free(reader);
    return (sluice_stream *)shared;
}

void sluice_reader_free(sluice_reader *reader)
{
    if (reader == NULL)
        return;
    sl_host_reader_free(reader->reader);
    sl_free(reader);
}

/* --- Descriptors ----------------------------------------------------------------- */

struct transfer {
    sluice_copied_fn done;
    void *arg;
};

static void transferred(void *arg, int os_error, const sl_err *fault,
                        uint64_t n)
{
    struct transfer *t = arg;
    sluice_error error = {.offset = SLUICE_NO_OFFSET};
    if (fault != NULL)
        sl_api_error(&error, fault);
    else if (os_error != 0)
        sl_api_fail(&error,
                    os_error == ECANCELED ? SLUICE_ECANCELLED : SLUICE_EIO,
                    "%s", strerror(os_error));
    error.os_error = os_error;
    t->done(t->arg, n, error.status != SLUICE_OK ? &error : NULL);
    sl_free(t);
}

static struct transfer *make_transfer(sluice_copied_fn done, void *arg)
{
    struct transfer *t = sl_malloc(sizeof *t);
    if (t != NULL)
        *t = (struct transfer){done, arg};
    return t;
}

sluice_status sluice_stream_to_fd(sluice_stream *stream, int fd,
                                  sluice_copied_fn done, void *arg)
{
    sl_err err = {0};
    sl_shared *shared = shared_of(stream);
    struct transfer *t = NULL;
    if (shared->elem == NULL || shared->elem->kind != SL_T_U8)
        sl_fail(&err, SL_EUSAGE, SL_ERR_NO_PLACE, "not a stream<u8>");
    else if ((t = make_transfer(done, arg)) == NULL)
        sl_fail(&err, SL_ENOMEM, SL_ERR_NO_PLACE, "out of memory");
    if (err.code != SL_OK)
        sluice_stream_drop(stream);
    else if (sl_sink_fd(shared->store, shared, fd, -1, transferred, t, &err) !=
             NULL)
        return SLUICE_OK;
    sl_free(t);
    return (sluice_status)err.code;
}

sluice_status sluice_stream_from_fd(struct sluice_store *store, int fd,
                                    sluice_stream **stream,
                                    sluice_copied_fn done, void *arg,
                                    sluice_error *error)
{
    sl_err err = {0};
    sl_shared *shared;
    struct transfer *t = make_transfer(done, arg);
    if (t == NULL)
        return sl_api_fail(error, SLUICE_ENOMEM, "out of memory");
    if (sl_source_fd(store->store, fd, -1, transferred, t, &shared, &err) ==
        NULL) {
        sl_free(t);
        return sl_api_error(error, &err);
    }
    *stream = (sluice_stream *)shared;
    return SLUICE_OK;
}

/* --- Writing ------------------------------------------------------------------------ */

struct sluice_writer {
    sl_host_writer *writer;
    sluice_store *store; /* NULL: gone */
    const sl_type *elem;
    sl_post post;  /* tells `done` */
    bool writing;  /* a write waits for `want` or for its callback */
    bool gone;     /* the reader */
    size_t written;
    const uint8_t *from; /* numbers; or */
    sluice_val *vals;
    size_t len;
    sluice_write_fn done;
    void *arg;
};

/* Hands over what the reader takes now. */
static void hand_over(sluice_writer *w)
{
    uint32_t n = w->len < SL_BUFFER_MAX_LENGTH ? (uint32_t)w->len
                                               : SL_BUFFER_MAX_LENGTH;
    if (w->vals == NULL) {
        w->written = sl_host_write(w->writer, w->from, n);
    } else {
        w->written = sl_host_write_vals(w->writer, w->vals, n);
        for (size_t i = 0; i < w->written; i++)
            sluice_val_deinit(&w->vals[i]);
    }
    if (w->written != 0)
        sl_loop_post(w->store->loop, &w->post);
}

static void on_want(void *arg, uint32_t n)
{
    sluice_writer *w = arg;
    if (!w->writing || w->written != 0)
        return;
    if (n == 0)
        sl_host_writer_ready(w->writer);
    else
        hand_over(w);
}

static void tell(sl_post *post)
{
    sluice_writer *w =
        (sluice_writer *)((char *)post - offsetof(sluice_writer, post));
    w->writing = false;
    w->done(w->arg, w->written, w->gone);
}

/* The reader is gone; or the store closes, which has no turn of the loop left
 * to tell it in. */
static void on_closed(void *arg)
{
    sluice_writer *w = arg;
    sluice_store *store = w->store;
    w->gone = true;
    if (!store->store->closing) {
        if (w->writing)
            sl_loop_post(store->loop, &w->post);
        return;
    }
    sl_loop_unpost(store->loop, &w->post);
    w->store = NULL;
    if (w->writing)
        tell(&w->post);
}

sluice_status sluice_stream_new(struct sluice_store *store,
                                const sluice_type *elem, sluice_writer **writer,
                                sluice_stream **stream, sluice_error *error)
{
    static const sl_host_writer_ops ops = {on_want, on_closed};
    sl_err err = {0};
    sl_shared *shared;
    sluice_writer *w = sl_calloc(1, sizeof *w);
    if (w == NULL)
        return sl_api_fail(error, SLUICE_ENOMEM, "out of memory");
    w->store = store;
    w->elem = elem == sluice_type_none() ? NULL
              : elem != NULL             ? elem
                                         : sl_type_primitive(SL_T_U8);
    w->post.fn = tell;
    w->writer =
        sl_host_writer_new(store->store, w->elem, &ops, w, &shared, &err);
    if (w->writer == NULL) {
        sl_free(w);
        return sl_api_error(error, &err);
    }
    *writer = w;
    *stream = (sluice_stream *)shared;
    return SLUICE_OK;
}

static sluice_status write_some(sluice_writer *w, const void *from,
                                sluice_val *vals, size_t len,
                                sluice_write_fn done, void *arg)
{
    if (w->store == NULL)
        return SLUICE_ECANCELLED;
    if (w->writing || sl_elem_is_plain(w->elem) != (vals == NULL))
        return SLUICE_EUSAGE;
    w->from = from;
    w->vals = vals;
    w->len = len;
    w->written = 0;
    w->done = done;
    w->arg = arg;
    w->writing = true;
    if (w->gone || len == 0)
        sl_loop_post(w->store->loop, &w->post);
    else if (sl_host_writer_room(w->writer) != 0)
        hand_over(w);
    return SLUICE_OK;
}

sluice_status sluice_writer_write(sluice_writer *writer, const void *from,
                                  size_t len, sluice_write_fn done, void *arg)
{
    return write_some(writer, from, NULL, len, done, arg);
}

sluice_status sluice_writer_write_vals(sluice_writer *writer, sluice_val *vals,
                                       size_t len, sluice_write_fn done,
                                       void *arg)
{
    sl_err err = {0};
    for (size_t i = 0; i < len; i++)
        if (sl_val_check(&vals[i], writer->elem, &err) != SL_OK)
            return SLUICE_EUSAGE;
    return write_some(writer, NULL, vals, len, done, arg);
}

void sluice_writer_close(sluice_writer *writer)
{
    if (writer == NULL)
        return;
    if (writer->store != NULL)
        sl_loop_unpost(writer->store->loop, &writer->post);
    sl_host_writer_close(writer->writer);
    sl_free(writer);
}

/* --- Futures ------------------------------------------------------------------------- */

sluice_status sluice_future_new(struct sluice_store *store,
                                const sluice_type *elem,
                                sluice_promise **promise,
                                sluice_future **future, sluice_error *error)
{
    sl_err err = {0};
    sl_shared *shared;
    sl_host_future *f = sl_host_future_new(store->store, elem, &shared, &err);
    if (f == NULL)
        return sl_api_error(error, &err);
    *promise = (sluice_promise *)f;
    *future = (sluice_future *)shared;
    return SLUICE_OK;
}

sluice_status sluice_promise_set(sluice_promise *promise, sluice_val *val)
{
    sl_err err = {0};
    sl_host_future *future = (sl_host_future *)promise;
    const sl_type *elem;
    sl_status st = SL_OK;
    if (sl_host_future_wanted(future, &elem) &&
        ((val == NULL) != (elem == NULL) ||
         (val != NULL && sl_val_check(val, elem, &err) != SL_OK)))
        st = SL_EUSAGE;
    if (st == SL_OK)
        st = sl_host_future_resolve(future, val, &err);
    else
        sl_host_future_free(future);
    if (val != NULL)
        sluice_val_deinit(val);
    return (sluice_status)st;
}

void sluice_promise_drop(sluice_promise *promise)
{
    sl_host_future_free((sl_host_future *)promise);
}

struct future_read {
    sl_host_reader *reader;
    bool plain;
    uint64_t bits;
    const sl_type *elem;
    sluice_future_fn done;
    void *arg;
};

static void future_came(void *arg, uint32_t n, sl_copy_result result,
                        const sl_err *fault)
{
    (void)result;
    struct future_read *f = arg;
    sluice_error error = {.offset = SLUICE_NO_OFFSET};
    sluice_val val = {0}, *out = NULL;
    sl_arena arena;
    sl_arena_init(&arena);
    if (n == 0) {
        if (fault != NULL)
            sl_api_error(&error, fault);
        else
            sl_api_fail(&error, SLUICE_ECANCELLED, "the value will not come");
    } else if (f->plain && f->elem != NULL) {
        val.kind = (uint8_t)f->elem->kind;
        memcpy(&val.of, &f->bits, sizeof f->bits);
        out = &val;
    } else if (f->elem != NULL) {
        sl_val *from = sl_host_reader_vals(f->reader);
        if (sl_val_to_utf8(from, &arena) == SL_OK && sl_val_take(from, &val))
            out = &val;
        else
            sl_api_fail(&error, SLUICE_ENOMEM, "out of memory");
    }
    sl_arena_deinit(&arena);
    f->done(f->arg, out, error.status != SLUICE_OK ? &error : NULL);
    sluice_val_deinit(&val);
    sl_host_reader_free(f->reader);
    sl_free(f);
}

sluice_status sluice_future_read(sluice_future *future, sluice_future_fn done,
                                 void *arg)
{
    sl_err err = {0};
    sl_shared *shared = (sl_shared *)future;
    struct future_read *f = sl_calloc(1, sizeof *f);
    if (f == NULL) {
        sluice_future_drop(future);
        return SLUICE_ENOMEM;
    }
    f->elem = shared->elem;
    f->plain = sl_elem_is_plain(shared->elem);
    f->done = done;
    f->arg = arg;
    f->reader = sl_host_reader_new(shared, &err);
    sl_status st =
        f->reader == NULL
            ? err.code
            : sl_host_read(f->reader, f->plain ? &f->bits : NULL, 1, future_came,
                           f);
    if (st != SL_OK) {
        sl_host_reader_free(f->reader);
        sl_free(f);
    }
    return (sluice_status)st;
}
