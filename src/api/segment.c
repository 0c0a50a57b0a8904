/* include/sluice/stream.h: segments. A public segment says where the bytes come
 * from; it is bound to a store when an instance or a reader needs it there. */
#include "api/api_int.h"

#include <stdio.h>

#include "base/alloc.h"

struct sluice_segment {
    int refs;
    uint64_t size;
    sl_source *source;        /* a buffer or file; or */
    sl_segment *bound;        /* exported by an instance; or */
    sluice_backing callbacks; /* the embedder's */
};

static sluice_segment *make(uint64_t size, sluice_error *error)
{
    sluice_segment *segment = sl_calloc(1, sizeof *segment);
    if (segment == NULL) {
        sl_api_fail(error, SLUICE_ENOMEM, "out of memory");
        return NULL;
    }
    segment->refs = 1;
    segment->size = size;
    return segment;
}

sluice_segment *sl_api_segment_over(sl_source *source, const sl_err *err,
                                    sluice_error *error)
{
    if (source == NULL) {
        sl_api_error(error, err);
        return NULL;
    }
    sluice_segment *segment = make(source->size, error);
    if (segment == NULL)
        sl_source_unref(source);
    else
        segment->source = source;
    return segment;
}

sluice_segment *sluice_segment_from_buffer(const void *bytes, size_t len,
                                           bool copy, sluice_error *error)
{
    sl_err err = {0};
    return sl_api_segment_over(sl_source_buffer(bytes, len, copy, &err), &err, error);
}

sluice_segment *sluice_segment_from_file(const char *path, sluice_error *error)
{
    sl_err err = {0};
    return sl_api_segment_over(sl_source_file(path, &err), &err, error);
}

sluice_segment *sluice_segment_from_fd(int fd, sluice_error *error)
{
    sl_err err = {0};
    return sl_api_segment_over(sl_source_descriptor(fd, &err), &err, error);
}

sluice_segment *sluice_segment_from_callbacks(const sluice_backing *backing,
                                              sluice_error *error)
{
    sluice_segment *segment = make(backing->size, error);
    if (segment != NULL)
        segment->callbacks = *backing;
    else if (backing->close != NULL)
        backing->close(backing->arg);
    return segment;
}

sluice_segment *sl_api_segment_wrap(sl_segment *bound)
{
    sluice_segment *segment = make(bound->size, NULL);
    if (segment != NULL)
        segment->bound = sl_segment_ref(bound);
    return segment;
}

sluice_segment *sl_api_segment_ref(sluice_segment *segment)
{
    segment->refs++;
    return segment;
}

void sluice_segment_free(sluice_segment *segment)
{
    if (segment == NULL || --segment->refs != 0)
        return;
    if (segment->callbacks.close != NULL)
        segment->callbacks.close(segment->callbacks.arg);
    sl_source_unref(segment->source);
    sl_segment_unref(segment->bound);
    sl_free(segment);
}

uint64_t sluice_segment_size(const sluice_segment *segment)
{
    return segment->size;
}

/* --- Callbacks ------------------------------------------------------------------- */

static void read_at(void *arg, uint64_t at, void *to, size_t len,
                    sl_callback_read *request)
{
    const sluice_backing *b = &((sluice_segment *)arg)->callbacks;
    b->read_at(b->arg, (sluice_fetch *)request, at, to, len);
}

static void cancel(void *arg, sl_callback_read *request)
{
    const sluice_backing *b = &((sluice_segment *)arg)->callbacks;
    if (b->cancel != NULL)
        b->cancel(b->arg, (sluice_fetch *)request);
}

static const void *map(void *arg, uint64_t at, size_t len)
{
    const sluice_backing *b = &((sluice_segment *)arg)->callbacks;
    return b->map != NULL ? b->map(b->arg, at, len) : NULL;
}

static void prefetch(void *arg, uint64_t at, uint64_t len)
{
    const sluice_backing *b = &((sluice_segment *)arg)->callbacks;
    b->prefetch(b->arg, at, len);
}

static void close_backing(void *arg)
{
    sluice_segment_free(arg);
}

void sluice_fetch_done(sluice_fetch *fetch, const char *why)
{
    sl_err err = {0};
    if (why != NULL)
        sl_fail(&err, SL_EIO, SL_ERR_NO_PLACE, "%s", why);
    sl_callback_finish((sl_callback_read *)fetch, why != NULL ? &err : NULL);
}

/* --- In a store -------------------------------------------------------------------- */

sl_segment *sl_api_segment_open(sluice_segment *segment, sl_store *store,
                                sl_err *err)
{
    static const sl_callback_ops plain = {read_at, cancel, close_backing, map};
    static const sl_callback_ops advised = {read_at, cancel, close_backing, map,
                                            prefetch};
    const sl_callback_ops *ops =
        segment->callbacks.prefetch != NULL ? &advised : &plain;
    sl_backing *backing;
    if (segment->bound != NULL) {
        if (segment->bound->backing->ctx == store->data)
            return sl_segment_ref(segment->bound);
        sl_fail(err, SL_EUSAGE, SL_ERR_NO_PLACE,
                "the segment belongs to another store");
        return NULL;
    }
    if (segment->source != NULL) {
        backing = sl_backing_inline(store->data, segment->source, 0,
                                    segment->size, err);
    } else {
        sl_api_segment_ref(segment); /* close_backing() gives it back */
        backing = sl_backing_callback(store->data, ops, segment, segment->size,
                                      err);
        if (backing == NULL)
            sluice_segment_free(segment);
    }
    return backing != NULL ? sl_segment_new(backing, "host segment", err) : NULL;
}

sluice_stream *sluice_segment_read(struct sluice_store *store,
                                   sluice_segment *segment, uint64_t start,
                                   uint64_t len, sluice_error *error)
{
    sl_err err = {0};
    if (start > segment->size || len > segment->size - start) {
        sl_api_fail(error, SLUICE_ERANGE,
                    "out of bounds data segment access");
        return NULL;
    }
    sl_segment *bound = sl_api_segment_open(segment, store->store, &err);
    sl_shared *shared =
        bound != NULL ? sl_stream_from_segment(store->store, bound, start,
                                               start + len, &err)
                      : NULL;
    sl_segment_unref(bound);
    if (shared == NULL)
        sl_api_error(error, &err);
    return (sluice_stream *)shared;
}
