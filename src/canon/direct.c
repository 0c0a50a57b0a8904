/* Synchronous calls from one component to another: what canon_lower and
 * canon_lift do one inside the other, on the caller's stack and without a
 * record of the call, since nobody can see one that cannot wait.
 * CanonicalABI.md "canon lower", "canon lift". */
#include "canon/canon_int.h"
#include "canon/move.h"

typedef struct direct {
    const sl_canon_fn *lower, *lift;
    const canon_pair *pair;
    sl_slot *v;     /* the caller's: arguments, then the result */
    sl_subtask sub; /* counts what is lent, no more */
} direct;

static sl_cx caller_context(direct *d, sl_arena *arena)
{
    return (sl_cx){.opts = d->lower,
                   .inst = d->lower->inst,
                   .arena = arena,
                   .subtask = &d->sub,
                   .budget = UINT64_MAX};
}

static sl_cx callee_context(const direct *d, sl_task *task, sl_arena *arena)
{
    return (sl_cx){.opts = d->lift,
                   .inst = d->lift->inst,
                   .arena = arena,
                   .task = task,
                   .budget = UINT64_MAX};
}

static sl_status start(direct *d, sl_task *task, sl_slot *flat)
{
    const canon_plan *params = &d->pair->params;
    sl_arena arena;
    sl_arena_init(&arena);
    sl_cx from = caller_context(d, &arena);
    sl_cx to = callee_context(d, task, &arena);
    sl_status status =
        canon_move_args(params, &from, SL_MAX_FLAT_PARAMS, d->v, &to, flat);
    sl_arena_deinit(&arena);
    return status;
}

static sl_status finish(direct *d, sl_task *task, const sl_slot *flat)
{
    const canon_plan *result = &d->pair->result;
    sl_status status = task != NULL ? sl_task_may_resolve(task) : SL_OK;
    if (status != SL_OK)
        return status;
    if (result->scalars && result->n_flat <= SL_MAX_FLAT_RESULTS)
        return canon_move_scalars(result, d->lift->inst->store, flat, d->v);
    const sl_functype *core = d->lower->canon->core;
    const sl_slot *out_param =
        core->n_params > 0 ? &d->v[core->n_params - 1] : NULL;
    sl_arena arena;
    sl_arena_init(&arena);
    sl_cx from = callee_context(d, task, &arena);
    sl_cx to = caller_context(d, &arena);
    status = canon_move_result(result, &from, SL_MAX_FLAT_RESULTS, flat, &to,
                               SL_MAX_FLAT_RESULTS, out_param, d->v);
    sl_arena_deinit(&arena);
    return status;
}

static sl_status thread_func(sl_thread *thread, void *arg)
{
    direct *d = arg;
    sl_task *task = thread->task;
    sl_slot flat[SL_MAX_FLAT_PARAMS + 1];

    sl_status status = sl_task_entered(task);
    task->state = SL_TASK_STARTED;
    if (status == SL_OK)
        status = start(d, task, flat);
    if (status == SL_OK)
        status = sl_core_call(thread->core, d->lift->core, flat);
    if (status == SL_OK)
        status = finish(d, task, flat);
    if (status != SL_OK)
        return status;
    task->state = SL_TASK_RESOLVED;
    if (d->lift->post_return != NULL)
        status = canon_post_return(thread->core, d->lift, flat);
    return status == SL_OK ? sl_task_exit_implicit_thread(task) : status;
}

/* The callee's task may be asked for borrows: it exists. */
static sl_status call_with_task(direct *d)
{
    const sl_canon_fn *lift = d->lift;
    sl_store *store = lift->inst->store;
    sl_task *task = sl_task_new(lift->canon->type, lift, lift->inst, NULL,
                                thread_func, &store->trap.err);
    if (task == NULL)
        return store->trap.err.code;
    task->implicit_thread->arg = d;
    sl_status status = sl_task_run_sync(task);
    sl_subtask_return_lends(&d->sub);
    return status;
}

static sl_status call_by_plan(direct *d, sl_core_thread *core)
{
    const sl_canon_fn *lift = d->lift;
    sl_slot flat[SL_MAX_FLAT_PARAMS + 1];
    sl_status status = start(d, NULL, flat);
    if (status == SL_OK)
        status = sl_core_call(core, lift->core, flat);
    if (status == SL_OK)
        status = finish(d, NULL, flat);
    if (status == SL_OK && lift->post_return != NULL)
        status = canon_post_return(core, lift, flat);
    return status;
}

/* From the caller's frame into the callee's, and back. */
static sl_status call_with_scalars(direct *d, sl_core_thread *core)
{
    const sl_canon_fn *lift = d->lift;
    sl_store *store = lift->inst->store;
    sl_slot *flat = sl_core_call_begin(core, lift->core);
    if (flat == NULL)
        return SL_ETRAP;
    sl_status status = canon_move_scalars(&d->pair->params, store, d->v, flat);
    if (status == SL_OK)
        status = sl_core_call_run(core, lift->core);
    if (status == SL_OK)
        status = canon_move_scalars(&d->pair->result, store, flat, d->v);
    if (status == SL_OK && lift->post_return != NULL)
        status = canon_post_return(core, lift, flat);
    return status;
}

static sl_status call_light(direct *d, sl_core_thread *core)
{
    const sl_canon_fn *lift = d->lift;
    sl_light light;
    sl_status status =
        sl_light_begin(core, &light, lift->inst, lift->canon->type, lift);
    if (status != SL_OK)
        return status;
    status =
        d->pair->scalars ? call_with_scalars(d, core) : call_by_plan(d, core);
    return sl_light_end(core, &light, status);
}

sl_status canon_call_direct(sl_core_thread *core, const sl_canon_fn *fn,
                            const canon_pair *pair, sl_slot *v)
{
    const sl_canon_fn *lift = fn->func->ctx;
    sl_instance *inst = lift->inst, *caller = fn->inst;
    direct d;

    SL_TRAP_IF(
        inst->store,
        pair->related ||
            !(pair->alone ? inst->may_enter : sl_may_enter_from(inst, caller)),
        "cannot enter component instance");
    d.lower = fn;
    d.lift = lift;
    d.pair = pair;
    d.v = v;
    d.sub.lends = NULL;
    if (pair->alone)
        inst->may_enter = false;
    else
        sl_enter_from(inst, caller);
    sl_status status = pair->light ? call_light(&d, core) : call_with_task(&d);
    if (status != SL_OK)
        return status;
    if (pair->alone)
        inst->may_enter = true;
    else
        sl_leave_to(inst, caller);
    return SL_OK;
}
