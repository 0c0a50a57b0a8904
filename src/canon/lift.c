/* canon lift: calls into a component instance, synchronous, by callback or
 * stackful. CanonicalABI.md "canon lift". */
#include "canon/canon_int.h"

/* sl_task.phase: where a parked implicit thread goes on */
enum phase {
    PHASE_BEGIN,
    PHASE_ENTER,
    PHASE_EVENT,
};

/* CallbackCode */
enum {
    CALLBACK_EXIT = 0,
    CALLBACK_YIELD = 1,
    CALLBACK_WAIT = 2,
};

/* Parameters or results in flat form, whichever is longer. */
#define MAX_FLAT (SL_MAX_FLAT_PARAMS + 1)

static sl_status out_of_memory(sl_store *store)
{
    return sl_fail(&store->trap.err, SL_ENOMEM, SL_ERR_NO_PLACE,
                   "out of memory");
}

static sl_cx context_of(sl_thread *thread, sl_arena *arena)
{
    sl_task *task = thread->task;
    return (sl_cx){.opts = task->lift,
                   .inst = task->inst,
                   .arena = arena,
                   .task = task,
                   .budget =
                       lift_budget(task->inst, task->call != NULL &&
                                                   task->call->caller == NULL)};
}

/* From whoever calls: the arguments become values first. */
static sl_status start_by_values(sl_thread *thread, sl_slot *flat)
{
    sl_task *task = thread->task;
    uint32_t n = task->type->of.func.n_params;
    const sl_label *params = task->type->of.func.params;
    sl_arena arena;
    sl_val few[SL_MAX_FLAT_PARAMS], *args = few;
    sl_status status = SL_OK;

    sl_arena_init(&arena);
    if (n > SL_MAX_FLAT_PARAMS) {
        args = sl_arena_array(&arena, sl_val, n);
        if (args == NULL)
            status = out_of_memory(task->inst->store);
    } else {
        memset(few, 0, n * sizeof *few);
    }
    if (status == SL_OK)
        status = sl_call_start(task->call, &arena, args);
    if (status == SL_OK) {
        sl_cx cx = context_of(thread, &arena);
        uint32_t n_flat;
        status = sl_lower_flat_values(&cx, SL_MAX_FLAT_PARAMS, args, params, n,
                                      NULL, flat, &n_flat);
    }
    sl_arena_deinit(&arena);
    return status;
}

/* Task.start and the lowering of the arguments. */
static sl_status start(sl_thread *thread, sl_slot *flat)
{
    sl_task *task = thread->task;
    sl_arena arena;

    task->state = SL_TASK_STARTED;
    if (!sl_canon_is_lowered(task->call))
        return start_by_values(thread, flat);
    sl_arena_init(&arena);
    sl_cx cx = context_of(thread, &arena);
    sl_status status = sl_canon_lowered_start(task->call, &cx, flat);
    sl_arena_deinit(&arena);
    return status;
}

static sl_status return_to_component(sl_task *task, sl_cx *cx,
                                     uint32_t max_flat, const sl_slot *flat)
{
    sl_status status = sl_task_may_resolve(task);
    if (status == SL_OK)
        status = sl_canon_lowered_resolve(task->call, cx, max_flat, flat);
    if (status == SL_OK)
        sl_task_resolved(task);
    return status;
}

static sl_status return_value(sl_task *task, sl_cx *cx, uint32_t max_flat,
                              const sl_slot *flat)
{
    sl_val result = {0};
    sl_label label = {.type = task->type->of.func.result};
    sl_status status =
        sl_lift_flat_values(cx, max_flat, flat, &label, 1, &result);
    if (status == SL_OK) {
        status = sl_task_return(task, &result);
        sl_vals_drop(&result, 1);
    }
    return status;
}

/* Lifts the result from flat values and hands it to the caller. */
static sl_status return_flat(sl_thread *thread, const sl_canon_fn *opts,
                             uint32_t max_flat, const sl_slot *flat)
{
    sl_task *task = thread->task;
    const sl_type *type = task->type->of.func.result;
    if (type == NULL)
        return sl_task_return(task, NULL);

    sl_arena arena;
    sl_arena_init(&arena);
    sl_cx cx = context_of(thread, &arena);
    cx.opts = opts;
    sl_status status = task->call != NULL && sl_canon_is_lowered(task->call)
                           ? return_to_component(task, &cx, max_flat, flat)
                           : return_value(task, &cx, max_flat, flat);
    sl_arena_deinit(&arena);
    return status;
}

/* --- Synchronous ---------------------------------------------------------- */

sl_status sl_canon_post_return(sl_core_thread *core, const sl_canon_fn *fn,
                               const sl_slot *flat)
{
    sl_slot vals[SL_MAX_FLAT_RESULTS];

    if (fn->post_return == NULL)
        return SL_OK;
    memcpy(vals, flat, sizeof vals);
    fn->inst->may_leave = false;
    sl_status status = sl_core_call(core, fn->post_return, vals);
    if (status == SL_OK)
        fn->inst->may_leave = true;
    return status;
}

static sl_status run_sync(sl_thread *thread, sl_slot *flat)
{
    sl_task *task = thread->task;
    sl_status status = sl_core_call(thread->core, task->lift->core, flat);
    if (status == SL_OK)
        status = return_flat(thread, task->lift, SL_MAX_FLAT_RESULTS, flat);
    if (status == SL_OK)
        status = sl_canon_post_return(thread->core, task->lift, flat);
    if (status == SL_OK)
        status = sl_task_exit_implicit_thread(task);
    return status;
}

/* --- Callback ------------------------------------------------------------- */

static sl_status wait_for_event(sl_thread *thread, uint32_t packed,
                                bool *parked, bool *cancelled)
{
    sl_task *task = thread->task;
    if ((packed & 0xf) == CALLBACK_YIELD) {
        task->set = NULL;
        return sl_thread_park(thread, SL_WAIT_YIELD, NULL, parked, cancelled);
    }
    void *set;
    sl_status status = sl_handles_expect(task->inst, packed >> 4,
                                         SL_HANDLE_WAITABLE_SET, &set);
    if (status != SL_OK)
        return status;
    task->set = set;
    task->set->num_waiting++;
    return sl_thread_park(thread, SL_WAIT_SET, set, parked, cancelled);
}

/* The waiting is over: what the callback is told. */
static sl_event event_of(sl_task *task, bool cancelled)
{
    sl_event event = {SL_EVENT_NONE, 0, 0};
    if (cancelled)
        event.code = SL_EVENT_TASK_CANCELLED;
    else if (task->set != NULL)
        event = sl_waitable_set_take_event(task->inst->store, task->set);
    if (task->set != NULL)
        task->set->num_waiting--;
    task->set = NULL;
    return event;
}

static sl_status call_callback(sl_thread *thread, bool cancelled,
                               uint32_t *packed)
{
    sl_task *task = thread->task;
    sl_event event = event_of(task, cancelled);
    sl_slot vals[3] = {
        {.i64 = (uint32_t)event.code}, {.i64 = event.p1}, {.i64 = event.p2}};

    task->inst->exclusive_thread = thread;
    sl_status status = sl_core_call(thread->core, task->lift->callback, vals);
    *packed = vals[0].i32;
    return status;
}

/* The event loop, from a code that the callee or the callback returned. */
static sl_status event_loop(sl_thread *thread, uint32_t packed)
{
    sl_task *task = thread->task;
    sl_status status = SL_OK;

    while (status == SL_OK && (packed & 0xf) != CALLBACK_EXIT) {
        bool parked = false, cancelled = false;
        SL_TRAP_IF(task->inst->store, (packed & 0xf) > CALLBACK_WAIT,
                   "unsupported callback code");
        sl_instance_unlock(task->inst);
        status = wait_for_event(thread, packed, &parked, &cancelled);
        if (status == SL_OK && parked) {
            task->phase = PHASE_EVENT;
            return SL_OK;
        }
        if (status == SL_OK)
            status = call_callback(thread, cancelled, &packed);
    }
    return status == SL_OK ? sl_task_exit_implicit_thread(task) : status;
}

static sl_status go_on(sl_thread *thread)
{
    uint32_t packed;
    sl_status status = call_callback(thread, thread->cancelled, &packed);
    return status == SL_OK ? event_loop(thread, packed) : status;
}

/* --- All ------------------------------------------------------------------ */

static sl_status run_core(sl_thread *thread)
{
    sl_task *task = thread->task;
    const sl_canon_fn *fn = task->lift;
    sl_slot flat[MAX_FLAT];

    sl_status status = start(thread, flat);
    if (status != SL_OK)
        return status;
    if (!task->async_lifted)
        return run_sync(thread, flat);
    status = sl_core_call(thread->core, fn->core, flat);
    if (status != SL_OK)
        return status;
    if (fn->callback == NULL)
        return sl_task_exit_implicit_thread(task);
    return event_loop(thread, flat[0].i32);
}

/* Who holds the lock and could go on does so before a call has to wait for it:
 * the reference suite's sync-streams.wast counts on such a call having
 * started. To the guest it is as if it had switched threads itself. */
static sl_status let_holder_run(const sl_task *task)
{
    const sl_instance *inst = task->inst;
    sl_thread *holder = inst->exclusive_thread;

    if (!task->needs_exclusive || holder == NULL || inst->backpressure > 0 ||
        inst->num_waiting_to_enter > 0 || holder->running ||
        !sl_thread_ready(holder))
        return SL_OK;
    return sl_thread_resume(holder, false);
}

static bool enters_at_once(const sl_task *task)
{
    return !task->type->of.func.async_ ||
           (!sl_task_has_backpressure(task) &&
            task->inst->num_waiting_to_enter == 0);
}

/* enter_implicit_thread */
static sl_status enter(sl_thread *thread, bool *parked)
{
    sl_task *task = thread->task;
    sl_instance *inst = task->inst;
    bool cancelled;

    *parked = false;
    if (!enters_at_once(task)) {
        sl_status status = let_holder_run(task);
        if (status != SL_OK)
            return status;
    }
    if (enters_at_once(task))
        return sl_task_entered(task);
    inst->num_waiting_to_enter++;
    task->phase = PHASE_ENTER;
    return sl_thread_park(thread, SL_WAIT_ENTER, NULL, parked, &cancelled);
}

static sl_status entered(sl_thread *thread)
{
    sl_task *task = thread->task;

    task->inst->num_waiting_to_enter--;
    if (thread->cancelled)
        return sl_task_cancel(task);
    sl_status status = sl_task_entered(task);
    if (status != SL_OK)
        return status;
    if (!task->needs_exclusive) /* others may still enter */
        sl_instance_open_gate(task->inst);
    return run_core(thread);
}

/* canon_lift's thread_func; called again after each park. */
static sl_status thread_func(sl_thread *thread, void *arg)
{
    sl_task *task = arg;
    bool parked;
    sl_status status;

    switch ((enum phase)task->phase) {
    case PHASE_BEGIN:
        status = enter(thread, &parked);
        return status != SL_OK || parked ? status : run_core(thread);
    case PHASE_ENTER:
        return entered(thread);
    case PHASE_EVENT:
        return go_on(thread);
    }
    return SL_OK;
}

/* Calls between a component and one inside it trap "for now": so says the
 * reference suite (trap-on-reenter.wast), although definitions.py would let
 * parents wrap their children. */
static bool is_inside(const sl_instance *inst, const sl_instance *outer)
{
    for (; inst != NULL; inst = inst->parent)
        if (inst == outer)
            return true;
    return false;
}

bool sl_canon_related(const sl_instance *inst, const sl_instance *caller)
{
    return caller != NULL &&
           (is_inside(inst, caller) || is_inside(caller, inst));
}

sl_status sl_canon_lift(sl_funcinst *func, sl_call *call, sl_instance *caller)
{
    const sl_canon_fn *fn = func->ctx;
    sl_instance *inst = fn->inst;
    sl_store *store = inst->store;

    SL_TRAP_IF(store,
               sl_canon_related(inst, caller) ||
                   !sl_may_enter_from(inst, caller),
               "cannot enter component instance");
    sl_task *task =
        sl_task_new(func->type, fn, inst, call, thread_func, &store->trap.err);
    if (task == NULL)
        return store->trap.err.code;
    task->core = fn->core;
    bool async_type = func->type->of.func.async_;
    task->async_lifted = fn->canon->opts.async_;
    task->needs_exclusive =
        async_type && (!task->async_lifted || fn->callback != NULL);
    sl_enter_from(inst, caller);
    sl_status status = async_type
                           ? sl_thread_resume(task->implicit_thread, false)
                           : sl_task_run_sync(task);
    if (status == SL_OK)
        sl_leave_to(inst, caller);
    return status;
}

/* --- task.return, task.cancel --------------------------------------------- */

/* CanonicalABI.md "canon task.return". A result that needs no memory may be
 * returned without naming it (the suite's cross-abi-calls.wast). */
sl_status sl_canon_TASK_RETURN(sl_core_thread *core, void *ctx, sl_slot *v)
{
    const sl_canon_fn *fn = ctx;
    sl_thread *thread = sl_thread_of(core);
    sl_task *task = thread->task;

    SL_TRAP_UNLESS_MAY_LEAVE(fn->inst);
    SL_TRAP_IF(fn->inst->store,
               !task->async_lifted ||
                   !sl_type_eq(fn->canon->type, task->type->of.func.result) ||
                   (fn->memory != NULL && fn->memory != task->lift->memory) ||
                   fn->canon->opts.encoding != task->lift->canon->opts.encoding,
               "invalid `task.return` signature and/or options for current "
               "task");
    return return_flat(thread, fn, SL_MAX_FLAT_PARAMS, v);
}

/* CanonicalABI.md "canon task.cancel". */
sl_status sl_canon_TASK_CANCEL(sl_core_thread *core, void *ctx, sl_slot *v)
{
    sl_task *task = sl_thread_of(core)->task;
    (void)v;

    SL_TRAP_UNLESS_MAY_LEAVE(sl_canon_inst(ctx));
    SL_TRAP_IF(
        task->inst->store, !task->async_lifted,
        "`task.cancel` called by a task that is not lifted with `async`");
    return sl_task_cancel(task);
}
