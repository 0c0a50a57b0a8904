/* Segments: a backing with a name, and faults in the form users see. */
#include "data/segment.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/alloc.h"

sl_backing *sl_backing_ref(sl_backing *backing)
{
    backing->refs++;
    return backing;
}

void sl_backing_unref(sl_backing *backing)
{
    if (backing != NULL && --backing->refs == 0)
        backing->ops->close(backing);
}

sl_segment *sl_segment_new(sl_backing *backing, const char *label, sl_err *err)
{
    sl_segment *segment = sl_calloc(1, sizeof *segment);
    if (segment == NULL) {
        sl_backing_unref(backing);
        sl_fail(err, SL_ENOMEM, SL_ERR_NO_PLACE, "out of memory");
        return NULL;
    }
    segment->backing = backing;
    segment->size = backing->size;
    segment->refs = 1;
    segment->ordinal = SL_NO_ORDINAL;
    snprintf(segment->label, sizeof segment->label, "%s", label);
    return segment;
}

sl_segment *sl_segment_ref(sl_segment *segment)
{
    segment->refs++;
    return segment;
}

void sl_segment_unref(sl_segment *segment)
{
    if (segment == NULL || --segment->refs != 0)
        return;
    sl_backing_unref(segment->backing);
    sl_free(segment);
}

sl_status sl_segment_fault(sl_segment *segment, uint64_t at, uint64_t len,
                           const sl_err *cause, sl_err *err)
{
    sl_data_ctx_stats(segment->backing->ctx)->faults++;
    return sl_fail(err, SL_EIO, at,
                   "data fault: %s, bytes [%" PRIu64 ", %" PRIu64 "): %s",
                   segment->label, at, at + len, cause->msg);
}

int64_t sl_segment_try_read(sl_segment *segment, uint64_t at, void *to,
                            size_t len, sl_err *err)
{
    sl_err cause = {0};
    sl_backing *b = segment->backing;
    int64_t n = b->ops->try_read(b, at, to, len, &cause);
    if (n < 0)
        sl_segment_fault(segment, at, len, &cause, err);
    return n;
}

sl_status sl_segment_fetch(sl_segment *segment, sl_fetch *fetch, sl_err *err)
{
    sl_err cause = {0};
    sl_backing *b = segment->backing;
    sl_status st = b->ops->fetch(b, fetch, &cause);
    if (st != SL_OK)
        sl_segment_fault(segment, fetch->at, fetch->len, &cause, err);
    return st;
}

void sl_segment_release(sl_segment *segment, sl_fetch *fetch)
{
    segment->backing->ops->release(segment->backing, fetch);
}

void sl_segment_cancel(sl_segment *segment, sl_fetch *fetch)
{
    segment->backing->ops->cancel(segment->backing, fetch);
}

void sl_segment_prefetch(sl_segment *segment, uint64_t at, uint64_t len)
{
    sl_backing *b = segment->backing;
    if (len != 0 && b->ops->prefetch != NULL)
        b->ops->prefetch(b, at, len);
}
