/* canon lower: calls out of a component instance. CanonicalABI.md "canon
 * lower", "Subtask State". */
#include "canon/canon_int.h"

/* A subtask with what its call needs of the caller. */
typedef struct lowered {
    sl_subtask sub; /* first */
    const sl_canon_fn *fn;
    const canon_pair *pair; /* NULL: the callee is the host's */
    sl_store *store;        /* for the counters */
    const sl_slot *flat;    /* `args`, or the frame of a waiting caller */
    sl_slot args[SL_MAX_FLAT_ASYNC_PARAMS + 1];
    sl_slot result;
    bool in_table;
    uint64_t trace_id, begun_ns; /* 0: nobody listens */
} lowered;

static lowered *lowered_of(sl_call *call)
{
    return (lowered *)((char *)call - offsetof(lowered, sub.call));
}

static bool is_async(const sl_canon_fn *fn)
{
    return fn->canon->opts.async_;
}

/* --- The event ------------------------------------------------------------ */

static void deliver_resolve(sl_subtask *sub)
{
    sl_subtask_return_lends(sub);
    sub->resolve_delivered = true;
}

static sl_event subtask_event(sl_waitable *w)
{
    sl_subtask *sub = (sl_subtask *)w;
    if (sub->call.resolved)
        deliver_resolve(sub);
    return (sl_event){SL_EVENT_SUBTASK, sub->index, sub->state};
}

/* Tells who waits for the subtask: on_progress. */
static void progress(lowered *l)
{
    if (l->in_table)
        sl_waitable_set_event(&l->sub.waitable, subtask_event);
    else if (l->sub.call.resolved && l->sub.waitable.sync_waiter != NULL)
        sl_thread_wake(l->sub.waitable.sync_waiter);
}

/* --- The call ------------------------------------------------------------- */

static sl_cx context_of(lowered *l, sl_arena *arena)
{
    sl_instance *inst = l->fn->inst;
    bool to_host = l->fn->func->inst == NULL;
    return (sl_cx){.opts = l->fn,
                   .inst = inst,
                   .arena = arena,
                   .subtask = &l->sub,
                   .budget = lift_budget(inst, to_host)};
}

static uint32_t max_params(const lowered *l)
{
    return is_async(l->fn) ? SL_MAX_FLAT_ASYNC_PARAMS : SL_MAX_FLAT_PARAMS;
}

static uint32_t max_results(const lowered *l)
{
    return is_async(l->fn) ? 0 : SL_MAX_FLAT_RESULTS;
}

/* The result pointer, when there is one, is the last parameter. */
static const sl_slot *out_param(const lowered *l)
{
    const sl_functype *core = l->fn->canon->core;
    return core->n_params > 0 ? &l->flat[core->n_params - 1] : NULL;
}

static sl_status on_start(sl_call *call, sl_arena *arena, sl_val *args)
{
    lowered *l = lowered_of(call);
    const sl_type *type = l->fn->canon->type;
    sl_cx cx = context_of(l, arena);

    l->sub.state = SL_SUBTASK_STARTED;
    sl_status status =
        sl_lift_flat_values(&cx, max_params(l), l->flat, type->of.func.params,
                            type->of.func.n_params, args);
    if (status == SL_OK)
        progress(l);
    return status;
}

static sl_status lower_result(lowered *l, const sl_val *result)
{
    const sl_type *type = l->fn->canon->type->of.func.result;
    sl_label label = {.type = type};
    sl_arena arena;
    uint32_t n_flat = 0;

    if (type == NULL)
        return SL_OK;
    sl_arena_init(&arena);
    sl_cx cx = context_of(l, &arena);
    sl_status status =
        sl_lower_flat_values(&cx, max_results(l), result, &label, 1,
                             out_param(l), &l->result, &n_flat);
    sl_arena_deinit(&arena);
    return status;
}

static sl_status on_resolve(sl_call *call, const sl_val *result, bool cancelled)
{
    lowered *l = lowered_of(call);
    sl_status status = SL_OK;

    if (!cancelled) {
        status = lower_result(l, result);
        l->sub.state = SL_SUBTASK_RETURNED;
    } else if (l->sub.state == SL_SUBTASK_STARTING) {
        l->sub.state = SL_SUBTASK_CANCELLED_BEFORE_STARTED;
    } else {
        l->sub.state = SL_SUBTASK_CANCELLED_BEFORE_RETURNED;
    }
    if (status == SL_OK)
        progress(l);
    return status;
}

/* --- The same without values between ---------------------------------------
 */

bool sl_canon_is_lowered(const sl_call *call)
{
    return call->on_start == on_start;
}

sl_status sl_canon_lowered_start(sl_call *call, sl_cx *to, sl_slot *flat)
{
    lowered *l = lowered_of(call);
    sl_cx cx = context_of(l, to->arena);

    call->started = true;
    l->sub.state = SL_SUBTASK_STARTED;
    sl_status status = sl_canon_move_args(&l->pair->params, &cx, max_params(l),
                                          l->flat, to, flat);
    if (status == SL_OK)
        progress(l);
    return status;
}

sl_status sl_canon_lowered_resolve(sl_call *call, sl_cx *from,
                                   uint32_t max_flat, const sl_slot *flat)
{
    lowered *l = lowered_of(call);
    sl_cx cx = context_of(l, from->arena);

    call->resolved = true;
    call->cancel = NULL;
    sl_status status =
        sl_canon_move_result(&l->pair->result, from, max_flat, flat, &cx,
                             max_results(l), out_param(l), &l->result);
    l->sub.state = SL_SUBTASK_RETURNED;
    if (status == SL_OK)
        progress(l);
    return status;
}

static void call_free(sl_call *call)
{
    sl_free(lowered_of(call));
}

/* --- The caller's end is gone --------------------------------------------- */

/* The store closes: a host callee may still resolve the call. */
static sl_status start_nothing(sl_call *call, sl_arena *arena, sl_val *args)
{
    (void)call, (void)arena, (void)args;
    return SL_ECANCELLED;
}

static sl_status resolve_nothing(sl_call *call, const sl_val *result,
                                 bool cancelled)
{
    (void)call, (void)result, (void)cancelled;
    return SL_ECANCELLED;
}

static void tell(lowered *l)
{
    static const char *const states[] = {
        [SL_SUBTASK_STARTING] = "not started",
        [SL_SUBTASK_STARTED] = "not returned",
        [SL_SUBTASK_RETURNED] = "returned",
        [SL_SUBTASK_CANCELLED_BEFORE_STARTED] = "cancelled before started",
        [SL_SUBTASK_CANCELLED_BEFORE_RETURNED] = "cancelled before returned",
    };
    const sl_funcinst *func = l->fn->func;
    const sl_canon_fn *lift = func->inst != NULL ? func->ctx : NULL;
    const sl_trace_event event = {
        .what = "subtask",
        .id = l->trace_id,
        .begin_ns = l->begun_ns,
        .end_ns = sl_trace_now_ns(),
        .args = {{"caller", NULL, l->fn->inst->id},
                 {"handle", NULL, l->sub.index},
                 {"outcome", states[l->sub.state], 0}},
    };
    l->begun_ns = 0;
    sl_store_trace_func(l->store, &event,
                        lift != NULL ? lift->core : l->fn->core);
}

/* The caller lets go, resolved or not. */
static void release(lowered *l)
{
    sl_subtask_return_lends(&l->sub);
    sl_waitable_deinit(&l->sub.waitable);
    l->store->live_subtasks--;
    if (l->begun_ns != 0)
        tell(l);
    l->in_table = false;
    l->sub.call.caller = NULL;
    l->sub.call.on_start = start_nothing;
    l->sub.call.on_resolve = resolve_nothing;
    sl_call_unref(&l->sub.call);
}

static void free_item(sl_store *store, void *item)
{
    (void)store;
    release(item);
}

/* --- canon_lower ---------------------------------------------------------- */

/* How values go to the callee and back; false when memory is short. */
static bool make_pair(sl_canon_fn *fn)
{
    const sl_canon_fn *lift = fn->func->ctx;
    const sl_type *a = fn->canon->type, *b = lift->canon->type;
    const sl_label to = {.type = a->of.func.result};
    const sl_label from = {.type = b->of.func.result};
    sl_arena *arena = &fn->inst->arena;
    canon_pair *pair = sl_arena_new(arena, canon_pair);
    if (pair == NULL ||
        !sl_canon_plan_init(&pair->params, arena, a->of.func.params,
                            b->of.func.params, a->of.func.n_params) ||
        !sl_canon_plan_init(&pair->result, arena, &from, &to, to.type != NULL))
        return false;
    sl_instance *inst = lift->inst, *caller = fn->inst;
    const sl_instance *around = caller;
    while (around != NULL && around != inst->parent)
        around = around->parent;
    pair->lower = fn;
    pair->lift = lift;
    pair->kind = (sl_light_kind){inst, false, b, lift};
    pair->unseen = (sl_light_kind){inst, false, NULL, NULL};
    pair->caller = caller;
    pair->inst = inst;
    pair->direct = !is_async(fn) && !a->of.func.async_;
    pair->light = pair->direct && !inst->reenters;
    for (uint32_t i = 0; i < b->of.func.n_params; i++)
        if (b->of.func.params[i].type->has_borrow)
            pair->light = false;
    pair->related = sl_canon_related(inst, caller);
    pair->alone = !pair->related && (inst->parent == NULL || around != NULL);
    fn->pair = pair;
    return true;
}

static lowered *lowered_new(const sl_canon_fn *fn, const sl_slot *v)
{
    lowered *l = sl_calloc(1, sizeof *l);
    if (l == NULL)
        return NULL;
    sl_store *store = fn->inst->store;
    sl_waitable_init(&l->sub.waitable, fn->inst);
    l->fn = fn;
    l->pair = fn->pair;
    l->store = store;
    l->flat = v;
    if (is_async(fn)) { /* the frame will be gone when the callee starts */
        memcpy(l->args, v, fn->canon->core->n_params * sizeof *v);
        l->flat = l->args;
    }
    l->sub.call = (sl_call){.on_start = on_start,
                            .on_resolve = on_resolve,
                            .free = call_free,
                            .caller = fn->inst,
                            .refs = 1};
    store->live_subtasks++;
    l->trace_id = sl_trace_id(store->tracer);
    l->begun_ns = sl_trace_begin(store->tracer);
    store->free_item[SL_HANDLE_SUBTASK] = free_item;
    return l;
}

/* The caller blocks until the call is resolved. */
static sl_status finish_sync(lowered *l, sl_core_thread *core, sl_slot *v)
{
    sl_status status = SL_OK;
    if (!l->sub.call.resolved) {
        sl_thread *thread = sl_thread_of(core);
        l->sub.waitable.sync_waiter = thread;
        status =
            sl_thread_wait_until(thread, SL_WAIT_SUBTASK, &l->sub, false, NULL);
        l->sub.waitable.sync_waiter = NULL;
    }
    if (status == SL_OK) {
        deliver_resolve(&l->sub);
        if (l->fn->canon->core->n_results > 0)
            v[0] = l->result;
    }
    release(l);
    return status;
}

static sl_status finish_async(lowered *l, sl_slot *v)
{
    if (l->sub.call.resolved) {
        deliver_resolve(&l->sub);
        release(l);
        v[0].i64 = SL_SUBTASK_RETURNED;
        return SL_OK;
    }
    sl_status status =
        sl_handles_add(l->fn->inst, SL_HANDLE_SUBTASK, l, &l->sub.index);
    if (status != SL_OK) {
        release(l);
        return status;
    }
    l->in_table = true;
    v[0].i64 = (uint32_t)l->sub.state | l->sub.index << 4;
    return SL_OK;
}

static sl_status no_memory(sl_store *store)
{
    return sl_fail(&store->trap.err, SL_ENOMEM, SL_ERR_NO_PLACE,
                   "out of memory");
}

sl_status sl_canon_LOWER(sl_core_thread *core, void *ctx, sl_slot *v)
{
    sl_canon_fn *fn = ctx;
    sl_store *store = fn->inst->store;
    const char *msg;

    SL_TRAP_UNLESS_MAY_LEAVE(fn->inst);
    if (fn->pair == NULL && fn->func->invoke == sl_canon_lift && !make_pair(fn))
        return no_memory(store);
    if (fn->pair != NULL && fn->pair->direct)
        return sl_canon_call_direct(core, fn->pair, v);
    /* A guest's function of an async type is taken to block. */
    SL_TRAP_IF(store,
               !is_async(fn) && fn->func->type->of.func.async_ &&
                   fn->func->inst != NULL &&
                   sl_thread_must_not_block(sl_thread_of(core), &msg),
               "%s", msg);
    lowered *l = lowered_new(fn, v);
    if (l == NULL)
        return no_memory(store);
    sl_status status = fn->func->invoke(fn->func, &l->sub.call, fn->inst);
    if (status != SL_OK) {
        release(l);
        return status;
    }
    return is_async(fn) ? finish_async(l, v) : finish_sync(l, core, v);
}
