/* A component with a load plan. docs/data-segments.md, "Load plans". */
#include <inttypes.h>
#include <string.h>

#include "bundle/job.h"

typedef struct optimizing {
    sl_job job; /* first: what callbacks get */
    const sl_plan_step *steps;
    uint32_t n;
} optimizing;

static const char plan_name[] = SL_LOAD_PLAN_SECTION;
enum { NAME_LEN = sizeof plan_name - 1 };

static sl_fate keep(sl_rewriter *rw, const sl_segment_def *segment)
{
    (void)rw;
    (void)segment;
    return SL_FATE_KEEP;
}

static void write_plan(sl_rewriter *rw)
{
    const optimizing *o = (const optimizing *)rw;
    sl_rewrite_frame frame;
    sl_rewrite_open(rw, &frame, 0);
    sl_output_u64(&rw->out, NAME_LEN);
    sl_output_bytes(&rw->out, plan_name, NAME_LEN);
    sl_output_u8(&rw->out, SL_LOAD_PLAN_VERSION);
    sl_output_u64(&rw->out, o->n);
    for (uint32_t i = 0; i < o->n; i++) {
        sl_output_u64(&rw->out, o->steps[i].segment);
        sl_output_u64(&rw->out, o->steps[i].start);
        sl_output_u64(&rw->out, o->steps[i].len);
    }
    sl_rewrite_close(rw);
}

/* Everything but an old plan. */
static bool keep_custom(sl_rewriter *rw, uint64_t at, uint32_t size)
{
    uint8_t head[1 + NAME_LEN];
    if (size < sizeof head)
        return true;
    if (rw->source->read_at(rw->source, at, head, sizeof head, rw->err) !=
        SL_OK)
        return false;
    return head[0] != NAME_LEN || memcmp(head + 1, plan_name, NAME_LEN) != 0;
}

/* The definition with that ordinal. */
static const sl_segment_def *find(const sl_component *c, uint32_t ordinal)
{
    const sl_segment_def *found = NULL;
    for (uint32_t i = 0; i < c->n_segments && found == NULL; i++)
        if (c->segments[i].ordinal == ordinal)
            found = &c->segments[i];
    for (uint32_t i = 0; i < c->n_defs && found == NULL; i++)
        if (c->defs[i].kind == SL_DEF_COMPONENT)
            found = find(c->defs[i].of.component, ordinal);
    return found;
}

static bool check_steps(const optimizing *o, sl_err *err)
{
    const sl_segment_def *segment = NULL;
    for (uint32_t i = 0; i < o->n; i++) {
        const sl_plan_step *step = &o->steps[i];
        if (segment == NULL || segment->ordinal != step->segment)
            segment = find(o->job.component, step->segment);
        if (segment == NULL || step->start > segment->size ||
            step->len > segment->size - step->start) {
            sl_fail(err, SL_EINVALID, SL_ERR_NO_PLACE,
                    "step %u of the plan: bytes [%" PRIu64 ", +%" PRIu64
                    ") of segment %u are not in the component",
                    (unsigned)i + 1, step->start, step->len,
                    (unsigned)step->segment);
            return false;
        }
    }
    return true;
}

sl_status sl_optimize(sl_bundle_job *ask, const sl_plan_step *steps, size_t n,
                      sl_err *err)
{
    static const sl_rewrite_ops ops = {
        .fate = keep, .begin = write_plan, .keep_custom = keep_custom};
    optimizing o = {.steps = steps, .n = (uint32_t)n};
    if (n > SL_MAX_LOADS)
        return sl_fail(err, SL_EINVALID, SL_ERR_NO_PLACE,
                       "a plan has %d steps at most", SL_MAX_LOADS);
    if (sl_job_begin(&o.job, ask, &ops, NULL, err) && check_steps(&o, err))
        sl_job_run(&o.job);
    return sl_job_end(&o.job);
}
