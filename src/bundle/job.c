#include "bundle/job.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"

static sl_component *decode(sl_source *source, sl_err *err)
{
    const sl_component_options options = {
        .features = SL_FEATURE_BIT(SL_N_FEATURES) - 1};
    return sl_component_decode(source, &options, err);
}

typedef void each_external(sl_job *job, const sl_segment_def *segment);

/* Nested components as well: no deeper than decoding allows. */
static void each(sl_job *job, const sl_component *c, each_external *visit)
{
    for (uint32_t i = 0; i < c->n_segments; i++)
        if (c->segments[i].form == SL_SEGMENT_EXTERNAL)
            visit(job, &c->segments[i]);
    for (uint32_t i = 0; i < c->n_defs; i++)
        if (c->defs[i].kind == SL_DEF_COMPONENT)
            each(job, c->defs[i].of.component, visit);
}

static void take_reference(sl_job *job, const sl_segment_def *segment)
{
    if (job->rw.err->code == SL_OK)
        sl_folder_take(&job->folder, segment->reference, job->rw.err);
}

static void count_moved(sl_job *job, const sl_segment_def *segment)
{
    if (job->rw.ops->fate(&job->rw, segment) == SL_FATE_KEEP)
        job->ask->n_moved_references++;
}

static bool open_folder(sl_job *job)
{
    const char *folder = job->outside->folder;
    if (!sl_staging_folder(&job->staging, folder, job->rw.err) ||
        !sl_folder_init(&job->folder, folder, job->ask->output, job->rw.err))
        return false;
    each(job, job->component, take_reference);
    return job->rw.err->code == SL_OK;
}

bool sl_job_begin(sl_job *job, sl_bundle_job *ask, const sl_rewrite_ops *ops,
                  const sl_outside *outside, sl_err *err)
{
    *job = (sl_job){.ask = ask, .outside = outside};
    job->rw = (sl_rewriter){.ops = ops, .source = ask->source, .err = err};
    sl_staging_init(&job->staging);
    sl_output_init(&job->rw.out, -1, &ask->watch, err);
    ask->watch.total = ask->source->size;
    ask->n_moved_references = 0;
    job->component = decode(ask->source, err);
    job->rw.component = job->component;
    if (job->component == NULL)
        return false;
    job->rw.out.fd =
        sl_staging_open(&job->staging, ask->output, ask->replace, err);
    if (job->rw.out.fd < 0 || (outside != NULL && !open_folder(job)))
        return false;
    int elsewhere = sl_folder_differs(ask->input, ask->output, err);
    if (elsewhere > 0)
        each(job, job->component, count_moved);
    return elsewhere >= 0;
}

/* What is written must be what the runtime takes. */
static bool check(sl_job *job)
{
    sl_err found = {0};
    sl_source written = sl_output_source(&job->rw.out);
    sl_component *component = decode(&written, &found);
    if (component == NULL)
        sl_fail(job->rw.err, found.code, SL_ERR_NO_PLACE,
                "%s: the result is not good: %s (at byte 0x%" PRIx64 ")",
                job->ask->output, found.msg, found.at);
    sl_component_free(component);
    return component != NULL;
}

bool sl_job_run(sl_job *job)
{
    return sl_rewrite(&job->rw) == SL_OK && check(job) &&
           sl_staging_commit(&job->staging, job->rw.err);
}

sl_status sl_job_end(sl_job *job)
{
    sl_output_deinit(&job->rw.out);
    sl_staging_deinit(&job->staging);
    sl_folder_deinit(&job->folder);
    sl_component_free(job->component);
    return job->rw.err->code;
}
