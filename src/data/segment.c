/* Segments: a backing with a name, and faults in the form users see. */
#include "data/data_int.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/alloc.h"

sl_backing *sl_backing_ref(sl_backing *backing)
{
    backing->refs++;
    return backing;
}

/* --- Counters --------------------------------------------------------------- */

static void add_stats(sl_data_stats *to, const sl_data_stats *from)
{
    to->reads += from->reads;
    to->waits += from->waits;
    to->bytes_read += from->bytes_read;
    to->bytes_fetched += from->bytes_fetched;
    to->memory_hits += from->memory_hits;
    to->disk_hits += from->disk_hits;
    to->bytes_to_guest += from->bytes_to_guest;
    to->bytes_mapped += from->bytes_mapped;
    to->bytes_forwarded += from->bytes_forwarded;
    to->reads_direct += from->reads_direct;
    to->reads_pooled += from->reads_pooled;
    to->bytes_prefetched += from->bytes_prefetched;
    to->faults += from->faults;
}

/* Into the context's list; one that is shared has its first segment's label. */
static void enlist(sl_backing *b, const char *label)
{
    sl_data_ctx *ctx = b->ctx;
    if (b->label[0] != '\0')
        return;
    snprintf(b->label, sizeof b->label, "%s", label);
    b->older = ctx->newest;
    *(b->older != NULL ? &b->older->newer : &ctx->oldest) = b;
    ctx->newest = b;
}

static void delist(sl_backing *b)
{
    sl_data_ctx *ctx = b->ctx;
    add_stats(&ctx->gone, &b->stats);
    if (b->label[0] == '\0')
        return;
    *(b->older != NULL ? &b->older->newer : &ctx->oldest) = b->newer;
    *(b->newer != NULL ? &b->newer->older : &ctx->newest) = b->older;
}

void sl_data_ctx_visit(sl_data_ctx *ctx,
                       void (*visit)(void *arg, const sl_backing *backing,
                                     const sl_data_stats *stats),
                       void *arg)
{
    for (const sl_backing *b = ctx->oldest, *next; b != NULL; b = next) {
        next = b->newer;
        visit(arg, b, &b->stats);
    }
    visit(arg, NULL, &ctx->gone);
}

/* --- Backings and segments -------------------------------------------------- */

void sl_backing_unref(sl_backing *backing)
{
    if (backing == NULL || --backing->refs != 0)
        return;
    delist(backing);
    backing->ops->close(backing);
}

sl_backing *sl_backing_of(sl_data_ctx *ctx, sl_source *source,
                          const sl_segment_def *def, sl_err *err)
{
    const sl_data_binder *binder = &ctx->binder;
    sl_backing *backing = NULL;
    if (binder->segment != NULL)
        backing = binder->segment(binder->arg, ctx, source, def, err);
    if (backing != NULL || err->code != SL_OK)
        return backing;
    return def->form == SL_SEGMENT_EXTERNAL
               ? sl_backing_external(ctx, source, def, err)
               : sl_backing_inline(ctx, source, def->offset, def->size, err);
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
    segment->ordinal = segment->place = SL_NO_ORDINAL;
    snprintf(segment->label, sizeof segment->label, "%s", label);
    enlist(backing, label);
    return segment;
}

void sl_segment_name(sl_segment *segment, const char *label)
{
    sl_backing *b = segment->backing;
    if (segment->refs != 1)
        return;
    snprintf(segment->label, sizeof segment->label, "%s", label);
    if (b->refs == 1)
        snprintf(b->label, sizeof b->label, "%s", label);
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

/* Tells who listens of a range. */
static void tell(const sl_segment *segment, const char *what, uint64_t at,
                 uint64_t len, const char *why)
{
    const sl_tracer *tracer = sl_data_ctx_tracer(segment->backing->ctx);
    if (tracer == NULL)
        return;
    const sl_trace_event event = {
        .what = what,
        .name = segment->label,
        .begin_ns = sl_trace_now_ns(),
        .args = {{"at", NULL, at},
                 {"bytes", NULL, len},
                 {why != NULL ? "why" : NULL, why, 0}},
    };
    sl_trace(tracer, &event);
}

sl_status sl_segment_fault(sl_segment *segment, uint64_t at, uint64_t len,
                           const sl_err *cause, sl_err *err)
{
    SL_DATA_COUNT(segment->backing, faults, 1);
    tell(segment, "fault", at, len, cause->msg);
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
    else
        SL_DATA_COUNT(b, waits, 1);
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

void sl_segment_ahead(sl_segment *segment, sl_fetch *fetch, uint64_t at,
                      uint64_t left)
{
    sl_backing *b = segment->backing;
    if (left != 0 && b->ops->ahead != NULL)
        b->ops->ahead(b, fetch, at, left);
}

void sl_segment_prefetch(sl_segment *segment, uint64_t at, uint64_t len)
{
    sl_backing *b = segment->backing;
    if (len == 0 || b->ops->prefetch == NULL)
        return;
    tell(segment, "prefetch", at, len, NULL);
    b->ops->prefetch(b, at, len);
}
