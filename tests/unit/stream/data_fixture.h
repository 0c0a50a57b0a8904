/* A store, segments of it and a guest that reads: what the tests of segment
 * streams and of the host's ends share. */
#ifndef SL_TESTS_STREAM_DATA_FIXTURE_H
#define SL_TESTS_STREAM_DATA_FIXTURE_H

#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bytes.h"
#include "stream/host.h"
#include "stream/stream.h"

/* --- A guest: one pending copy into memory of its own -----------------------
 */

typedef struct guest_buffer {
    sl_buffer base;
    uint8_t *to;
    uint32_t size; /* of one element */
} guest_buffer;

static inline uint8_t *guest_bytes(sl_buffer *b, uint32_t n)
{
    guest_buffer *g = (guest_buffer *)b;
    (void)n;
    return g->to == NULL ? NULL : g->to + b->progress * g->size;
}

static inline sl_status guest_write(sl_buffer *b, uint32_t n, sl_val *vals)
{
    guest_buffer *g = (guest_buffer *)b;
    for (uint32_t i = 0; i < n; i++)
        memcpy(g->to + (b->progress + i) * sizeof(sl_val), &vals[i],
               sizeof(sl_val));
    return SL_OK;
}

static const sl_buffer_ops guest_buffer_ops = {.bytes = guest_bytes,
                                               .write = guest_write};

typedef struct guest {
    sl_copy copy; /* first */
    sl_instance inst;
    guest_buffer buffer;
    int copies, dones; /* callbacks so far */
    bool event;        /* there is one */
    sl_copy_result result;
} guest;

static inline void guest_on_copy(sl_copy *copy)
{
    guest *g = (guest *)copy;
    g->copies++;
    g->event = true;
    g->result = SL_COPY_COMPLETED;
}

static inline void guest_on_copy_done(sl_copy *copy, sl_copy_result result)
{
    guest *g = (guest *)copy;
    g->dones++;
    g->event = true;
    g->result = result;
}

/* stream.read or stream.write */
static inline void guest_init(guest *g, const sl_type *elem, void *to,
                              uint32_t size, uint32_t n)
{
    g->buffer = (guest_buffer){
        .base = {.ops = &guest_buffer_ops, .elem = elem, .length = n},
        .to = to,
        .size = size};
    g->copy = (sl_copy){.inst = &g->inst,
                        .buffer = &g->buffer.base,
                        .on_copy = guest_on_copy,
                        .on_copy_done = guest_on_copy_done};
    g->event = false;
}

static inline sl_status guest_read(guest *g, sl_shared *s, void *to, uint32_t n)
{
    guest_init(g, s->elem, to, 1, n);
    return s->ops->read(s, &g->copy);
}

/* --- A store and a segment
 * ---------------------------------------------------- */

typedef struct fixture {
    sl_loop *loop;
    sl_store *store;
    char path[64];
    int fd; /* for writing */
    sl_source *source;
    sl_segment *segment;
    guest g;
    int traps;
} fixture;

static inline void on_trap(sl_store *store, void *arg)
{
    (void)store;
    ((fixture *)arg)->traps++;
}

static inline void open_store(fixture *f)
{
    memset(f, 0, sizeof *f);
    f->fd = -1;
    f->loop = sl_loop_new(NULL, NULL);
    f->store = sl_store_new(f->loop, NULL, NULL);
    assert_non_null(f->store);
    f->store->on_trap = on_trap;
    f->store->on_trap_arg = f;
    f->g.inst.store = f->store;
    f->g.inst.may_enter = f->g.inst.may_leave = true;
}

/* A segment in a file, `head` bytes from its start. */
static inline void open_file_segment(fixture *f, uint64_t head, size_t size)
{
    open_store(f);
    strcpy(f->path, "/tmp/sluice-stream-XXXXXX");
    f->fd = mkstemp(f->path);
    assert_true(f->fd >= 0);
    uint8_t *bytes = malloc(size + 1);
    for (size_t i = 0; i < size; i++)
        bytes[i] = byte_at(i);
    assert_int_equal(pwrite(f->fd, bytes, size, (off_t)head), size);
    free(bytes);
    f->source = sl_source_file(f->path, NULL);
    f->segment = sl_segment_new(
        sl_backing_inline(f->store->data, f->source, head, size, NULL),
        "segment 0", NULL);
}

static inline void open_memory_segment(fixture *f, size_t size)
{
    open_store(f);
    uint8_t *bytes = malloc(size + 1);
    for (size_t i = 0; i < size; i++)
        bytes[i] = byte_at(i);
    f->source = sl_source_buffer(bytes, size, true, NULL);
    free(bytes);
    f->segment = sl_segment_new(
        sl_backing_inline(f->store->data, f->source, 0, size, NULL),
        "segment 0", NULL);
}

static inline void make_cold(fixture *f)
{
    fsync(f->fd);
    posix_fadvise(f->fd, 0, 0, POSIX_FADV_DONTNEED);
}

static inline void drain_loop(fixture *f)
{
    bool never = false;
    (void)sl_loop_run(f->loop, &never);
}

static inline void close_fixture(fixture *f)
{
    sl_segment_unref(f->segment);
    sl_source_unref(f->source);
    sl_store_free(f->store);
    if (f->fd >= 0) {
        close(f->fd);
        unlink(f->path);
    }
    drain_loop(f); /* pool work that nobody waits for */
    assert_int_equal(sl_loop_active(f->loop), 0);
    sl_loop_free(f->loop);
}

static inline sl_shared *stream_of(fixture *f, uint64_t start, uint64_t end)
{
    sl_shared *s =
        sl_stream_from_segment(f->store, f->segment, start, end, NULL);
    assert_non_null(s);
    return s;
}

/* Waits for the event and takes it. */
static inline uint32_t take_event(fixture *f, sl_shared *s)
{
    assert_true(sl_loop_run(f->loop, &f->g.event));
    if (f->g.dones == 0)
        s->ops->reclaim(s, SL_READABLE);
    f->g.event = false;
    f->g.copies = f->g.dones = 0;
    return f->g.buffer.base.progress;
}

#endif
