/* Descriptors as sinks and sources of stream<u8>. The bytes of a segment go
 * from its file to the descriptor without passing through the guest:
 * docs/data-segments.md, section 1, "forwardable". */
#include "stream/host.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/alloc.h"
#include "loop/io.h"

enum {
    BUFFER = 64 << 10,  /* of a sink that must copy */
    WINDOW = 1 << 20,   /* of a segment, moved or mapped at a time */
    TURN_MAX = 4 << 20, /* in one turn of the loop */
};

/* --- Transfers: what may outlive its sink while the pool works on it
 * ---------- */

typedef enum transfer_form {
    TRANSFER_SPLICE, /* file to pipe */
    TRANSFER_COPY,   /* file to file */
    TRANSFER_MAP,    /* file into memory, from where it is written */
} transfer_form;

typedef struct transfer {
    sl_work work;
    sl_sink *sink; /* NULL: given up; it frees itself when the work is done */
    sl_io *io;
    bool busy;
    transfer_form form;
    int file; /* our own descriptor of the segment's file, or -1 */
    uint64_t at;
    size_t len;
    int64_t result;
    uint8_t *map; /* MAP: [map_at, map_at + map_len) of the file */
    uint64_t map_at;
    size_t map_len;
} transfer;

struct sl_sink {
    sl_store *store;
    sl_closer closer;
    sl_host_reader *reader; /* one of these two */
    sl_shared *shared;      /* ... a segment's stream, forwarded */
    transfer *t;
    int fd; /* as it was given: for who hears of output */
    sl_post post; /* the first step, or the next after a long turn */
    sl_fd_done done;
    void *arg;
    uint64_t n;
    uint8_t *buffer;
    size_t at, len; /* what it holds */
    bool ended;     /* the stream; `fault` says why */
    bool no_copy;   /* COPY does not work for these files */
    unsigned faults; /* since a byte of a segment was forwarded last */
    sl_err fault;
};

static void unmap(transfer *t)
{
    if (t->map != NULL)
        munmap(t->map, t->map_len);
    t->map = NULL;
}

static void free_transfer(transfer *t)
{
    unmap(t);
    sl_io_close(t->io);
    if (t->file >= 0)
        close(t->file);
    sl_free(t);
}

/* --- The end of a sink
 * ------------------------------------------------------------ */

/* Drops the stream, so that who writes it learns that nobody reads. */
static void release(sl_sink *sink)
{
    sl_store_remove_closer(sink->store, &sink->closer);
    sl_loop_unpost(sink->store->loop, &sink->post);
    sl_host_reader_free(sink->reader);
    sl_shared_drop(sink->shared, SL_READABLE);
    if (sink->t->busy)
        sink->t->sink = NULL;
    else
        free_transfer(sink->t);
    sl_free(sink->buffer);
}

static void end(sl_sink *sink, int error)
{
    release(sink);
    if (sink->done != NULL)
        sink->done(sink->arg, error,
                   sink->fault.code != SL_OK ? &sink->fault : NULL, sink->n);
    sl_free(sink);
}

void sl_sink_free(sl_sink *sink)
{
    if (sink == NULL)
        return;
    release(sink);
    sl_free(sink);
}

static void step(sl_sink *sink);

static void on_ready(void *arg)
{
    step(arg);
}

/* Waits for the descriptor when that is what it takes; ends otherwise. */
static void wait_or_end(sl_sink *sink, int64_t result)
{
    sl_err err = {0};
    if (result != -EAGAIN)
        end(sink, (int)-result);
    else if (sl_io_wait(sink->t->io, on_ready, sink, &err) != SL_OK)
        end(sink, err.code == SL_ENOMEM ? ENOMEM : EIO);
}

/* Writes, and tells who has to know. */
static int64_t write_out(sl_sink *sink, const uint8_t *bytes, size_t len)
{
    const sl_store *store = sink->store;
    if (store->on_output == NULL)
        return sl_io_write(sink->t->io, bytes, len);
    store->on_output(store->on_output_arg, sink->fd, NULL, 0);
    int64_t n = sl_io_write(sink->t->io, bytes, len);
    if (n > 0)
        store->on_output(store->on_output_arg, sink->fd, bytes, (size_t)n);
    return n;
}

/* --- Streams that are copied through a buffer of the host's
 * -------------------- */

static void on_read(void *arg, uint32_t n, sl_copy_result result,
                    const sl_err *fault)
{
    sl_sink *sink = arg;
    if (result == SL_COPY_CANCELLED) {
        end(sink, ECANCELED);
        return;
    }
    sink->at = 0;
    sink->len = n;
    sink->ended = result == SL_COPY_DROPPED;
    if (fault != NULL)
        sink->fault = *fault;
    step(sink);
}

static void step_copy(sl_sink *sink)
{
    while (sink->at < sink->len) {
        int64_t n = write_out(sink, sink->buffer + sink->at,
                              sink->len - sink->at);
        if (n < 0) {
            wait_or_end(sink, n);
            return;
        }
        sink->at += (size_t)n;
        sink->n += (uint64_t)n;
    }
    if (sink->ended)
        end(sink, sink->fault.code != SL_OK ? EIO : 0);
    else if (sl_host_read(sink->reader, sink->buffer, BUFFER, on_read, sink) !=
             SL_OK)
        end(sink, EIO);
}

/* --- Segments that are forwarded
 * -------------------------------------------------- */

/* A byte cannot be had: the transfer ends, unless the embedder wants another
 * attempt, which is made on the loop's next turn. */
static void fault(sl_sink *sink, uint64_t len, const char *cause)
{
    uint64_t pos, last;
    sl_err why = {0};
    sl_segment *segment = sink->shared->ops->segment(sink->shared, &pos, &last);
    sl_fail(&why, SL_EIO, SL_ERR_NO_PLACE, "%s", cause);
    sl_segment_fault(segment, pos, len, &why, &sink->fault);
    const sl_fault asked = {.segment = segment,
                            .at = pos,
                            .len = len,
                            .cause = &sink->fault,
                            .attempt = ++sink->faults,
                            .host = true};
    if (!sl_data_ctx_ask(segment->backing->ctx, &asked)) {
        end(sink, EIO);
        return;
    }
    sink->fault = (sl_err){0};
    unmap(sink->t);
    sl_loop_post(sink->store->loop, &sink->post);
}

static void advance(sl_sink *sink, uint64_t n)
{
    sink->shared->ops->advance(sink->shared, n);
    sink->n += n;
    sink->faults = 0;
}

#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ 22
#endif

/* The blocking half of a step, on the pool unless the bytes are cached. */
static int64_t transfer_now(transfer *t)
{
    switch (t->form) {
    case TRANSFER_SPLICE:
        return sl_io_splice(t->io, t->file, t->at, t->len);
    case TRANSFER_COPY:
        return sl_io_copy(t->io, t->file, t->at, t->len);
    case TRANSFER_MAP:
        /* Before Linux 5.14 writing will wait for the disk instead. */
        (void)madvise(t->map, t->map_len, MADV_POPULATE_READ);
        break;
    }
    return 0;
}

static void transfer_work(sl_work *work)
{
    transfer *t = (transfer *)work;
    t->result = transfer_now(t);
}

static bool transferred(sl_sink *sink);

static void transfer_done(sl_work *work, bool cancelled)
{
    transfer *t = (transfer *)work;
    t->busy = false;
    if (t->sink == NULL)
        free_transfer(t);
    else if (cancelled)
        end(t->sink, ECANCELED);
    else if (transferred(t->sink))
        step(t->sink);
}

/* Writes from the mapping: the kernel reads it, so a file that has shrunk is
 * EFAULT, never a signal. */
static int64_t write_map(transfer *t)
{
    return write_out(t->sink, t->map + (t->at - t->map_at), t->len);
}

/* What became of a transfer; false when the sink waits or has ended. */
static bool transferred(sl_sink *sink)
{
    transfer *t = sink->t;
    int64_t n = t->form == TRANSFER_MAP ? write_map(t) : t->result;
    if (n > 0) {
        advance(sink, (uint64_t)n);
        return true;
    }
    if (n == -EINVAL && t->form == TRANSFER_COPY) {
        sink->no_copy = true;
        return true;
    }
    if (n == 0 || n == -EFAULT)
        fault(sink, t->len, "the file is too short");
    else
        wait_or_end(sink, n);
    return false;
}

/* Maps a window from t->at on, unless it is mapped already. */
static bool map_window(transfer *t, uint64_t left)
{
    if (t->map != NULL && t->at >= t->map_at &&
        t->at - t->map_at < t->map_len) {
        size_t rest = t->map_len - (size_t)(t->at - t->map_at);
        if (t->len > rest)
            t->len = rest;
        return true;
    }
    unmap(t);
    uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
    t->map_at = t->at / page * page;
    uint64_t len = left < WINDOW ? left : WINDOW;
    t->map_len = (size_t)(t->at - t->map_at + len);
    void *map = mmap(NULL, t->map_len, PROT_READ, MAP_SHARED, t->file,
                     (off_t)t->map_at);
    t->map = map == MAP_FAILED ? NULL : map;
    return t->map != NULL;
}

/* A file that cannot be mapped (some of the system's) is read instead. */
static void copy_instead(sl_sink *sink)
{
    sink->buffer = sl_malloc(BUFFER);
    if (sink->buffer == NULL) {
        end(sink, ENOMEM);
        return;
    }
    sink->reader = sl_host_reader_new(sink->shared, NULL);
    sink->shared = NULL; /* taken */
    if (sink->reader == NULL)
        end(sink, ENOMEM);
    else
        step(sink);
}

/* Starts moving t->len bytes from t->at on; true when they have moved. */
static bool start_transfer(sl_sink *sink, uint64_t left)
{
    transfer *t = sink->t;
    sl_io_kind kind = sl_io_kind_of(t->io);
    t->form = kind == SL_IO_PIPE                     ? TRANSFER_SPLICE
              : kind == SL_IO_FILE && !sink->no_copy ? TRANSFER_COPY
                                                     : TRANSFER_MAP;
    if (t->form == TRANSFER_MAP && !map_window(t, left)) {
        copy_instead(sink);
        return false;
    }
    if (t->form != TRANSFER_COPY && sl_file_resident(t->file, t->at, t->len)) {
        t->result = t->form == TRANSFER_MAP ? 0 : transfer_now(t);
        return transferred(sink);
    }
    t->work.work = transfer_work;
    t->work.done = transfer_done;
    t->busy = sl_work_start(sink->store->loop, &t->work, NULL) == SL_OK;
    if (!t->busy)
        end(sink, ENOMEM);
    return false;
}

/* Gets a descriptor of our own for the file: the segment may be gone before
 * the pool is. False: the sink has ended. */
static bool open_file(sl_sink *sink, int fd)
{
    transfer *t = sink->t;
    if (t->file < 0)
        t->file = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    if (t->file < 0)
        end(sink, errno);
    return t->file >= 0;
}

/* The next piece; true: moved, go on. */
static bool forward(sl_sink *sink, uint64_t *moved)
{
    uint64_t pos, last, at;
    int fd;
    sl_err err = {0};
    sl_segment *segment = sink->shared->ops->segment(sink->shared, &pos, &last);
    sl_backing *b = segment->backing;
    if (pos == last) {
        end(sink, 0);
        return false;
    }
    uint64_t len = last - pos < WINDOW ? last - pos : WINDOW;
    len = sl_data_choose_piece(b->ctx, len);
    *moved = len;
    const uint8_t *memory =
        b->ops->memory != NULL ? b->ops->memory(b, pos, len) : NULL;
    if (memory != NULL) {
        int64_t n = write_out(sink, memory, (size_t)len);
        if (n <= 0)
            wait_or_end(sink, n == 0 ? -EIO : n);
        else
            advance(sink, (uint64_t)n);
        return n > 0;
    }
    if (b->ops->file == NULL || !b->ops->file(b, pos, &fd, &at, &err)) {
        fault(sink, len, err.msg);
        return false;
    }
    if (!open_file(sink, fd))
        return false;
    sink->t->at = at;
    sink->t->len = (size_t)len;
    return start_transfer(sink, last - pos);
}

static void step_forward(sl_sink *sink)
{
    uint64_t moved, total = 0;
    while (forward(sink, &moved))
        if ((total += moved) >= TURN_MAX) {
            sl_loop_post(sink->store->loop, &sink->post);
            return;
        }
}

static void step(sl_sink *sink)
{
    if (sink->shared != NULL)
        step_forward(sink);
    else
        step_copy(sink);
}

/* --- Opening
 * ------------------------------------------------------------------------ */

/* Whether the host can get at the bytes without reading the stream: they are
 * memory or in a file (one that has changed is a fault to be found later). */
static bool can_forward(sl_shared *shared)
{
    uint64_t pos, last, at;
    int fd;
    sl_err err = {0};
    if (shared->ops->segment == NULL)
        return false;
    sl_segment *segment = shared->ops->segment(shared, &pos, &last);
    if (segment == NULL)
        return false;
    sl_backing *b = segment->backing;
    if (b->ops->memory != NULL && b->ops->memory(b, pos, last - pos) != NULL)
        return true;
    return b->ops->file != NULL &&
           (b->ops->file(b, pos, &fd, &at, &err) || err.code != SL_OK);
}

static void on_post(sl_post *post)
{
    step((sl_sink *)(void *)((char *)post - offsetof(sl_sink, post)));
}

static void close_sink(sl_closer *closer)
{
    end((sl_sink *)(void *)((char *)closer - offsetof(sl_sink, closer)),
        ECANCELED);
}

static sl_status out_of_memory(sl_err *err)
{
    return sl_fail(err, SL_ENOMEM, SL_ERR_NO_PLACE, "out of memory");
}

sl_sink *sl_sink_fd(sl_store *store, sl_shared *shared, int fd, int64_t offset,
                    sl_fd_done done, void *arg, sl_err *err)
{
    sl_sink *sink = sl_calloc(1, sizeof *sink);
    transfer *t = sl_calloc(1, sizeof *t);
    bool copies = !can_forward(shared);
    uint8_t *buffer = copies ? sl_malloc(BUFFER) : NULL;
    if (sink == NULL || t == NULL || (copies && buffer == NULL))
        out_of_memory(err);
    else
        t->io = sl_io_open(store->loop, fd, SL_POLL_WRITE, offset, err);
    if (t == NULL || t->io == NULL) {
        sl_shared_drop(shared, SL_READABLE);
        goto failed;
    }
    sink->store = store;
    sink->closer.fn = close_sink;
    sl_store_add_closer(store, &sink->closer);
    if (!copies)
        sink->shared = shared;
    else if ((sink->reader = sl_host_reader_new(shared, err)) == NULL)
        goto failed_late;
    sink->t = t;
    sink->fd = fd;
    t->sink = sink;
    t->file = -1;
    sink->buffer = buffer;
    sink->done = done;
    sink->arg = arg;
    sink->post.fn = on_post;
    sl_loop_post(store->loop, &sink->post);
    return sink;

failed_late:
    sl_store_remove_closer(store, &sink->closer);
    sl_io_close(t->io);
failed:
    sl_free(buffer);
    sl_free(t);
    sl_free(sink);
    return NULL;
}

/* --- Sources
 * ------------------------------------------------------------------------ */

struct sl_source_stream {
    sl_store *store;
    sl_closer closer;
    sl_host_writer *writer; /* NULL: over */
    sl_io *io;
    sl_post finish; /* tells `done` */
    sl_fd_done done;
    void *arg;
    int error;
    uint64_t n;
};

static void report(sl_source_stream *source)
{
    sl_store_remove_closer(source->store, &source->closer);
    if (source->done != NULL)
        source->done(source->arg, source->error, NULL, source->n);
    sl_free(source);
}

static void on_finish(sl_post *post)
{
    report((sl_source_stream *)(void *)((char *)post -
                                        offsetof(sl_source_stream, finish)));
}

/* The stream ends here; `done` is told by the loop. */
static void end_source(sl_source_stream *source, int error)
{
    sl_host_writer *writer = source->writer;
    source->writer = NULL;
    source->error = error;
    sl_io_close(source->io);
    source->io = NULL;
    sl_loop_post(source->store->loop, &source->finish);
    sl_host_writer_close(writer);
}

/* Only what waits for its last turn of the loop comes here; else the writer
 * has been closed first. */
static void close_source(sl_closer *closer)
{
    sl_source_stream *source =
        (sl_source_stream *)(void *)((char *)closer -
                                     offsetof(sl_source_stream, closer));
    sl_loop_unpost(source->store->loop, &source->finish);
    report(source);
}

static void pump(void *arg)
{
    sl_source_stream *source = arg;
    uint32_t room = sl_host_writer_room(source->writer);
    if (room == 0) { /* a read of length 0, or none any more */
        sl_host_writer_ready(source->writer);
        return;
    }
    if (room > WINDOW)
        room = WINDOW;
    void *to = sl_host_writer_place(source->writer, room);
    int64_t n = to != NULL ? sl_io_read(source->io, to, room) : -EFAULT;
    if (n > 0) {
        source->n += (uint64_t)n;
        sl_host_writer_wrote(source->writer, (uint32_t)n);
    } else if (n != -EAGAIN) {
        end_source(source, (int)-n);
    } else if (sl_io_wait(source->io, pump, source, NULL) != SL_OK) {
        end_source(source, EIO);
    }
}

static void on_want(void *arg, uint32_t n)
{
    sl_source_stream *source = arg;
    if (n != 0)
        pump(source);
    else if (sl_io_wait(source->io, pump, source, NULL) != SL_OK)
        end_source(source, EIO);
}

static void on_closed(void *arg)
{
    sl_source_stream *source = arg;
    if (!source->store->closing) {
        end_source(source, 0);
        return;
    }
    sl_host_writer_close(source->writer);
    sl_io_close(source->io);
    source->error = ECANCELED;
    report(source);
}

static const sl_host_writer_ops source_ops = {on_want, on_closed};

sl_source_stream *sl_source_fd(sl_store *store, int fd, int64_t offset,
                               sl_fd_done done, void *arg, sl_shared **out,
                               sl_err *err)
{
    sl_source_stream *source = sl_calloc(1, sizeof *source);
    if (source == NULL) {
        out_of_memory(err);
        return NULL;
    }
    source->store = store;
    source->closer.fn = close_source;
    source->io = sl_io_open(store->loop, fd, SL_POLL_READ, offset, err);
    if (source->io != NULL) /* before the writer's, so called behind it */
        sl_store_add_closer(store, &source->closer);
    if (source->io != NULL)
        source->writer = sl_host_writer_new(store, sl_type_primitive(SL_T_U8),
                                            &source_ops, source, out, err);
    if (source->writer == NULL) {
        sl_store_remove_closer(store, &source->closer);
        sl_io_close(source->io);
        sl_free(source);
        return NULL;
    }
    source->finish.fn = on_finish;
    source->done = done;
    source->arg = arg;
    return source;
}

void sl_source_fd_free(sl_source_stream *source)
{
    if (source == NULL)
        return;
    sl_store_remove_closer(source->store, &source->closer);
    sl_loop_unpost(source->store->loop, &source->finish);
    sl_io_close(source->io);
    sl_host_writer_close(source->writer);
    sl_free(source);
}
