/* Externalizing and internalizing: every segment of a component, whether it is
 * nested or not. */
#include <stdio.h>

#include "bundle/job.h"

static sl_fate fate_outward(sl_rewriter *rw, const sl_segment_def *segment)
{
    const sl_job *job = (const sl_job *)rw;
    return segment->form == SL_SEGMENT_INLINE &&
                   segment->size >= job->outside->min_size
               ? SL_FATE_REPLACE
               : SL_FATE_KEEP;
}

static bool write_outward(sl_rewriter *rw, const sl_segment_def *segment)
{
    sl_job *job = (sl_job *)rw;
    char number[16];
    int len = snprintf(number, sizeof number, "%u", (unsigned)job->n_named++);
    return sl_outside_write(job, rw->source, segment->offset, segment->size,
                            (sl_name){number, (size_t)len});
}

sl_status sl_externalize(sl_bundle_job *ask, const sl_outside *outside,
                         sl_err *err)
{
    static const sl_rewrite_ops ops = {.fate = fate_outward,
                                       .write = write_outward};
    sl_job job;
    if (sl_job_begin(&job, ask, &ops, outside, err))
        sl_job_run(&job);
    return sl_job_end(&job);
}

static sl_fate fate_inward(sl_rewriter *rw, const sl_segment_def *segment)
{
    (void)rw;
    return segment->form == SL_SEGMENT_EXTERNAL ? SL_FATE_FILL : SL_FATE_KEEP;
}

static bool write_inward(sl_rewriter *rw, const sl_segment_def *segment)
{
    return sl_outside_read(rw, ((sl_job *)rw)->ask, segment);
}

uint64_t sl_external_bytes(const sl_component *c)
{
    uint64_t bytes = 0;
    for (uint32_t i = 0; i < c->n_segments; i++)
        if (c->segments[i].form == SL_SEGMENT_EXTERNAL)
            bytes += c->segments[i].size;
    for (uint32_t i = 0; i < c->n_defs; i++)
        if (c->defs[i].kind == SL_DEF_COMPONENT)
            bytes += sl_external_bytes(c->defs[i].of.component);
    return bytes;
}

sl_status sl_internalize(sl_bundle_job *ask, sl_err *err)
{
    static const sl_rewrite_ops ops = {.fate = fate_inward,
                                       .write = write_inward};
    sl_job job;
    if (sl_job_begin(&job, ask, &ops, NULL, err)) {
        ask->watch.total += sl_external_bytes(job.component);
        sl_job_run(&job);
    }
    return sl_job_end(&job);
}
