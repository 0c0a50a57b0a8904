/* A component with a load plan. docs/data-segments.md, "Load plans". */
#include <inttypes.h>
#include <string.h>

#include "base/alloc.h"
#include "bundle/job.h"

typedef struct optimizing {
    sl_job job; /* first: what callbacks get */
    const sl_load_plan *plan;
    sl_order order;
    sl_plan_step *steps; /* of the output; NULL: those of the plan */
} optimizing;

static const char plan_name[] = SL_LOAD_PLAN_SECTION;
enum { NAME_LEN = sizeof plan_name - 1 };

/* --- The section -------------------------------------------------------- */

void sl_plan_write(sl_rewriter *rw, const sl_load_plan *plan)
{
    sl_output *out = &rw->out;
    sl_rewrite_frame frame;
    sl_rewrite_open(rw, &frame, 0);
    sl_output_u64(out, NAME_LEN);
    sl_output_bytes(out, plan_name, NAME_LEN);
    sl_output_u8(out, plan->n_names != 0 ? SL_LOAD_PLAN_NAMES
                                         : SL_LOAD_PLAN_PLAIN);
    if (plan->n_names != 0)
        sl_output_u64(out, plan->n_names);
    for (uint32_t i = 0; i < plan->n_names; i++) {
        sl_output_u64(out, plan->names[i].len);
        sl_output_bytes(out, plan->names[i].data, plan->names[i].len);
    }
    sl_output_u64(out, plan->n);
    for (uint32_t i = 0; i < plan->n; i++) {
        sl_output_u64(out, plan->steps[i].segment);
        sl_output_u64(out, plan->steps[i].start);
        sl_output_u64(out, plan->steps[i].len);
    }
    sl_rewrite_close(rw);
}

bool sl_plan_is_none(sl_rewriter *rw, uint64_t at, uint32_t size)
{
    uint8_t head[1 + NAME_LEN];
    if (size < sizeof head)
        return true;
    if (rw->source->read_at(rw->source, at, head, sizeof head, rw->err) !=
        SL_OK)
        return false;
    return head[0] != NAME_LEN || memcmp(head + 1, plan_name, NAME_LEN) != 0;
}

/* --- Putting one in ----------------------------------------------------- */

static sl_fate keep(sl_rewriter *rw, const sl_segment_def *segment)
{
    (void)rw;
    (void)segment;
    return SL_FATE_KEEP;
}

static void begin(sl_rewriter *rw)
{
    const optimizing *o = (const optimizing *)rw;
    sl_load_plan plan = *o->plan;
    if (o->steps != NULL)
        plan.steps = o->steps;
    sl_plan_write(rw, &plan);
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

static bool is_imported(const sl_component *c, sl_name name)
{
    for (uint32_t i = 0; i < c->n_imports; i++)
        if (c->imports[i].type.sort == SL_SORT_CORE_DATA &&
            sl_name_eq(c->imports[i].name, name))
            return true;
    return false;
}

static bool check_names(const optimizing *o, sl_err *err)
{
    for (uint32_t i = 0; i < o->plan->n_names; i++)
        if (!is_imported(o->job.component, o->plan->names[i]))
            sl_fail(err, SL_EINVALID, SL_ERR_NO_PLACE,
                    "the plan has an import `%.*s`, but the component no `core "
                    "data` import of that name",
                    SL_NAME_ARGS(o->plan->names[i]));
    return err->code == SL_OK;
}

static bool check_steps(const optimizing *o, sl_err *err)
{
    const sl_load_plan *plan = o->plan;
    const sl_segment_def *segment = NULL;
    for (uint32_t i = 0; i < plan->n; i++) {
        const sl_plan_step *step = &plan->steps[i];
        if (step->segment < plan->n_names)
            continue; /* how long it is, nobody knows */
        uint32_t ordinal = step->segment - plan->n_names;
        if (segment == NULL || segment->ordinal != ordinal)
            segment = find(o->job.component, ordinal);
        if (segment == NULL || step->start > segment->size ||
            step->len > segment->size - step->start) {
            sl_fail(err, SL_EINVALID, SL_ERR_NO_PLACE,
                    "step %u of the plan: bytes [%" PRIu64 ", +%" PRIu64
                    ") of segment %u are not in the component",
                    (unsigned)i + 1, step->start, step->len, (unsigned)ordinal);
            return false;
        }
    }
    return true;
}

/* Segments that the plan names stand together; it follows them. */
static bool put_in_order(optimizing *o, sl_err *err)
{
    const sl_load_plan *plan = o->plan;
    if (!sl_order_init(&o->order, o->job.component, plan, err) ||
        o->order.parts.n == 0)
        return err->code == SL_OK;
    o->job.rw.order = &o->order;
    o->steps = sl_calloc((size_t)plan->n + 1, sizeof *o->steps);
    if (o->steps == NULL) {
        sl_fail(err, SL_ENOMEM, SL_ERR_NO_PLACE, "out of memory");
        return false;
    }
    for (uint32_t i = 0; i < plan->n; i++) {
        uint32_t segment = plan->steps[i].segment;
        o->steps[i] = plan->steps[i];
        if (segment >= plan->n_names)
            o->steps[i].segment =
                plan->n_names + o->order.ordinals[segment - plan->n_names];
    }
    return true;
}

sl_status sl_optimize(sl_bundle_job *ask, const sl_load_plan *plan, bool order,
                      sl_err *err)
{
    static const sl_rewrite_ops ops = {
        .fate = keep, .begin = begin, .keep_custom = sl_plan_is_none};
    optimizing o = {.plan = plan};
    if (plan->n > SL_MAX_LOADS || plan->n_names > SL_MAX_LOAD_NAMES)
        return sl_fail(err, SL_EINVALID, SL_ERR_NO_PLACE,
                       "a plan has %d steps and %d names of imports at most",
                       SL_MAX_LOADS, SL_MAX_LOAD_NAMES);
    if (sl_job_begin(&o.job, ask, &ops, NULL, err) && check_names(&o, err) &&
        check_steps(&o, err) && (!order || put_in_order(&o, err)))
        sl_job_run(&o.job);
    sl_order_deinit(&o.order);
    sl_free(o.steps);
    return sl_job_end(&o.job);
}
