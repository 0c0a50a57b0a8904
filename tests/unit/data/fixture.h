/* Bytes whose value tells where they are, files of them, and readers. */
#ifndef SL_TESTS_DATA_FIXTURE_H
#define SL_TESTS_DATA_FIXTURE_H

#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bytes.h"
#include "base/source.h"
#include "data/segment.h"

typedef struct fixture {
    sl_loop *loop;
    sl_data_ctx *ctx;
    char path[64];
    int fd; /* for writing */
    sl_source *source;
    sl_segment *segment;
} fixture;

/* Pushes the file out of the page cache. */
static inline void make_cold(fixture *f)
{
    fsync(f->fd);
    posix_fadvise(f->fd, 0, 0, POSIX_FADV_DONTNEED);
}

static inline void open_loop(fixture *f)
{
    memset(f, 0, sizeof *f);
    f->fd = -1;
    f->loop = sl_loop_new(NULL, NULL);
    f->ctx = sl_data_ctx_new(f->loop, NULL);
}

/* A file of `head` other bytes and then `size` of the segment's. */
static inline void open_file(fixture *f, uint64_t head, size_t size)
{
    open_loop(f);
    strcpy(f->path, "/tmp/sluice-data-XXXXXX");
    f->fd = mkstemp(f->path);
    assert_true(f->fd >= 0);
    uint8_t *bytes = malloc(size + 1);
    for (size_t i = 0; i < size; i++)
        bytes[i] = byte_at(i);
    assert_int_equal(pwrite(f->fd, bytes, size, (off_t)head), size);
    free(bytes);
    f->source = sl_source_file(f->path, NULL);
    f->segment =
        sl_segment_new(sl_backing_inline(f->ctx, f->source, head, size, NULL),
                       "segment 0", NULL);
}

static inline void close_fixture(fixture *f)
{
    sl_segment_unref(f->segment);
    sl_source_unref(f->source);
    sl_data_ctx_free(f->ctx);
    if (f->fd >= 0) {
        close(f->fd);
        unlink(f->path);
    }
    sl_loop_free(f->loop);
}

typedef struct reader {
    sl_fetch fetch; /* first */
    bool done;
    sl_err err;
    int calls;
} reader;

static inline void on_fetched(sl_fetch *fetch, const sl_err *err)
{
    reader *r = (reader *)fetch;
    r->calls++;
    r->done = true;
    if (err != NULL)
        r->err = *err;
}

static inline sl_status start_fetch(sl_segment *s, reader *r, uint64_t at,
                                    size_t len, uint64_t ahead)
{
    r->done = false;
    r->err = (sl_err){0};
    r->fetch.at = at;
    r->fetch.len = len;
    r->fetch.ahead = ahead;
    r->fetch.done = on_fetched;
    return sl_segment_fetch(s, &r->fetch, &r->err);
}

/* Reads [at, at + len) to the end, waiting as needed. False on a fault. */
static inline bool read_range(fixture *f, reader *r, uint64_t at, uint8_t *to,
                              size_t len, uint64_t ahead)
{
    while (len != 0) {
        int64_t n = sl_segment_try_read(f->segment, at, to, len, &r->err);
        if (n < 0)
            return false;
        if (n == 0) {
            if (start_fetch(f->segment, r, at, len, ahead) != SL_OK)
                return false;
            assert_false(r->done);
            assert_true(sl_loop_run(f->loop, &r->done));
            if (r->err.code != SL_OK)
                return false;
            n = sl_segment_try_read(f->segment, at, to, len, &r->err);
            assert_true(n > 0); /* promised until it is released */
            sl_segment_release(f->segment, &r->fetch);
        }
        at += (uint64_t)n;
        to += n;
        len -= (size_t)n;
    }
    return true;
}

#endif
