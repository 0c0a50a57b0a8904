/* What bundling, externalizing and internalizing share: the input decoded, the
 * output rewritten, checked and put in its place. */
#ifndef SL_BUNDLE_JOB_H
#define SL_BUNDLE_JOB_H

#include "bundle/bundle.h"
#include "bundle/folder.h"
#include "bundle/rewrite.h"
#include "bundle/staging.h"

typedef struct sl_job {
    sl_rewriter rw; /* first: what callbacks get */
    sl_bundle_job *ask;
    const sl_outside *outside; /* or NULL */
    sl_component *component;
    sl_staging staging;
    sl_folder folder; /* with `outside` */
    /* Files that are read: no external segment's file may take their place. */
    const sl_bundle_data *data;
    size_t n_data;
    uint32_t n_named; /* external segments made so far */
} sl_job;

/* Decodes the input and opens the output. */
bool sl_job_begin(sl_job *job, sl_bundle_job *ask, const sl_rewrite_ops *ops,
                  const sl_outside *outside, sl_err *err);
/* Rewrites, checks what came out, and lets all files appear. */
bool sl_job_run(sl_job *job);
/* Whatever happened; removes what is half done. */
sl_status sl_job_end(sl_job *job);

/* plan.c: a load plan as a section. */
void sl_plan_write(sl_rewriter *rw, const sl_load_plan *plan);
/* sl_rewrite_ops.keep_custom: everything but a load plan. */
bool sl_plan_is_none(sl_rewriter *rw, uint64_t at, uint32_t size);

/* outside.c: a definition of an external segment, whose content is bytes
 * [from, from + size) of `source` and goes to a file named after `hint`. */
bool sl_outside_write(sl_job *job, sl_source *source, uint64_t from,
                      uint64_t size, sl_name hint);
/* The content of an external segment of what `ask` reads, checked, to the
 * output. */
bool sl_outside_read(sl_rewriter *rw, sl_bundle_job *ask,
                     const sl_segment_def *segment);
/* move.c: how much there is to bring in. */
uint64_t sl_external_bytes(const sl_component *component);

#endif
