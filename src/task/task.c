/* Tasks and calls. CanonicalABI.md "Tasks". */
#include "task/task_int.h"

/* --- Calls ---------------------------------------------------------------- */

void sl_call_ref(sl_call *call)
{
    call->refs++;
}

void sl_call_unref(sl_call *call)
{
    if (--call->refs == 0 && call->free != NULL)
        call->free(call);
}

sl_status sl_call_start(sl_call *call, sl_arena *arena, sl_val *args)
{
    call->started = true;
    return call->on_start(call, arena, args);
}

sl_status sl_call_resolve(sl_call *call, const sl_val *result, bool cancelled)
{
    sl_instance *caller = call->caller;
    bool outside = caller != NULL && caller->store->nesting_depth == 0;

    if (outside) {
        sl_store_clear_trap(caller->store);
        caller->store->for_host = call->deadline;
    }
    call->resolved = true;
    call->cancel = NULL;
    sl_status status = call->on_resolve(call, result, cancelled);
    if (outside)
        caller->store->for_host = NULL;
    if (status != SL_OK && outside)
        sl_instance_poison(caller, status);
    return status;
}

/* --- Life ----------------------------------------------------------------- */

/* Blocks that are kept for the next tasks. */
#define MAX_SPARE 64

static bool add_spare(sl_store *store)
{
    sl_task_block *block = sl_malloc(sizeof *block);
    if (block == NULL)
        return false;
    block->next = store->spare;
    store->spare = block;
    store->n_spare++;
    sl_count_lights(store);
    return true;
}

static sl_task_block *take_spare(sl_store *store)
{
    sl_task_block *block = store->spare;
    store->spare = block->next;
    store->n_spare--;
    sl_count_lights(store);
    return block;
}

/* One that no sl_light counts on. */
static sl_task_block *take_block(sl_store *store)
{
    if (store->n_spare <= store->n_light && !add_spare(store))
        return NULL;
    return take_spare(store);
}

static void give_block(sl_store *store, sl_task_block *block)
{
    if (store->n_spare >= MAX_SPARE + store->n_light) {
        sl_free(block);
        return;
    }
    block->next = store->spare;
    store->spare = block;
    store->n_spare++;
    sl_count_lights(store);
}

void sl_task_blocks_free(sl_store *store)
{
    while (store->spare != NULL)
        sl_free(take_spare(store));
}

static sl_status cancel_task(sl_call *call, sl_instance *caller)
{
    return sl_task_request_cancellation(call->callee, caller);
}

static void let_go(sl_task *task)
{
    sl_call *call = task->call;
    if (call == NULL)
        return;
    task->call = NULL;
    call->cancel = NULL;
    call->callee = NULL;
    sl_call_unref(call);
}

/* Of a call from the host, or of what runs. */
static sl_deadline *deadline_of(const sl_store *store, const sl_call *call)
{
    if (call != NULL && call->deadline != NULL)
        return call->deadline;
    return sl_store_running_deadline(store);
}

sl_task *sl_task_new(const sl_type *type, const struct sl_canon_fn *lift,
                     sl_instance *inst, sl_call *call,
                     sl_status (*fn)(sl_thread *, void *), sl_err *err)
{
    sl_store *store = inst->store;
    if (store->limits.tasks != 0 && store->live_tasks >= store->limits.tasks) {
        sl_fail(err, SL_ELIMIT, SL_ERR_NO_PLACE, "too many concurrent tasks");
        return NULL;
    }
    sl_task_block *block = NULL;
    if (sl_ready_reserve(store))
        block = take_block(store);
    if (block == NULL) {
        sl_fail(err, SL_ENOMEM, SL_ERR_NO_PLACE, "out of memory");
        return NULL;
    }
    sl_task *task = &block->task;
    *task = (sl_task){.type = type, .lift = lift, .inst = inst, .call = call};
    task->implicit_thread = &block->implicit;
    task->deadline = sl_deadline_ref(deadline_of(store, call));
    if (call != NULL) {
        sl_call_ref(call);
        call->callee = task;
        call->cancel = cancel_task;
    }
    task->trace_id = sl_trace_id(store->tracer);
    task->begun_ns = sl_trace_begin(store->tracer);
    sl_thread_init(&block->implicit, task, fn, task);
    store->live_tasks++;
    return task;
}

static void tell(const sl_task *task)
{
    static const char *const states[] = {
        [SL_TASK_INITIAL] = "not started",
        [SL_TASK_STARTED] = "not resolved",
        [SL_TASK_PENDING_CANCEL] = "not resolved",
        [SL_TASK_CANCEL_DELIVERED] = "cancelled",
        [SL_TASK_RESOLVED] = "resolved",
    };
    const sl_trace_event event = {
        .what = "task",
        .id = task->trace_id,
        .begin_ns = task->begun_ns,
        .end_ns = sl_trace_now_ns(),
        .args = {{"instance", NULL, task->inst->id},
                 {"outcome", states[task->state], 0}},
    };
    sl_store_trace_func(task->inst->store, &event, task->core);
}

void sl_task_release(sl_task *task)
{
    if (--task->n_threads > 0)
        return;
    sl_store *store = task->inst->store;
    if (task->begun_ns != 0)
        tell(task);
    store->live_tasks--;
    sl_deadline_unref(task->deadline);
    let_go(task);
    give_block(store, (sl_task_block *)task);
}

/* --- Tasks that nobody has looked at -------------------------------------- */

sl_status sl_light_reserve(sl_instance *inst)
{
    sl_store *store = inst->store;
    while (store->n_spare <= store->n_light)
        if (!add_spare(store))
            return sl_store_no_memory(store);
    if (!sl_ready_reserve(store) || !sl_table_reserve(&inst->threads, 1))
        return sl_store_no_memory(store);
    return SL_OK;
}

/* It counts for good, but for while its thread exists. */
static sl_status keep(sl_instance *inst)
{
    sl_status status = sl_light_reserve(inst);
    if (status == SL_OK)
        inst->store->n_light++;
    return status;
}

sl_status sl_light_keep(sl_instance *inst)
{
    sl_status status = inst->keeps_light ? SL_OK : keep(inst);
    inst->keeps_light = inst->keeps_light || status == SL_OK;
    return status;
}

static sl_status add_thread(sl_task *task, sl_thread *thread);

/* Registered like every implicit thread, in a table that has room. */
static void make_thread(sl_light *light, sl_core_thread *core)
{
    const sl_light_kind *kind = light->mark.kind;
    sl_store *store = kind->inst->store;
    sl_task_block *block = take_spare(store);
    sl_task *task = &block->task;
    sl_thread *thread = &block->implicit;

    store->n_light--;
    store->live_tasks++;
    *task =
        (sl_task){.type = kind->type,
                  .lift = kind->lift,
                  .inst = kind->inst,
                  .deadline = sl_deadline_ref(sl_store_running_deadline(store)),
                  .state = SL_TASK_STARTED,
                  .implicit_thread = thread};
    sl_thread_init(thread, task, NULL, NULL);
    thread->nested = true;
    thread->running = true;
    thread->core = core;
    light->mark.seen = thread;
    light->current = store->current;
    store->current = thread;
    if (kind->type == NULL)
        return;
    kind->inst->sync_depth++;
    (void)add_thread(task, thread);
}

sl_thread *sl_light_thread(sl_core_thread *core)
{
    sl_light *light = (sl_light *)((uintptr_t)core->host & ~(uintptr_t)1);
    if (light->mark.seen == NULL)
        make_thread(light, core);
    return light->mark.seen;
}

sl_status sl_light_finish(sl_light *light, sl_status status)
{
    const sl_light_kind *kind = light->mark.kind;
    sl_instance *inst = kind->inst;
    sl_thread *thread = light->mark.seen;
    sl_task *task = thread->task;

    if (kind->type != NULL && status == SL_OK) {
        task->state = SL_TASK_RESOLVED;
        status = sl_task_exit_implicit_thread(task);
    }
    if (kind->type != NULL)
        inst->sync_depth--;
    inst->store->current = light->current;
    sl_thread_free(thread);
    return kind->kept && status == SL_OK ? keep(inst) : status;
}

/* --- The implicit thread -------------------------------------------------- */

/* enter_implicit_thread's has_backpressure */
bool sl_task_has_backpressure(const sl_task *task)
{
    const sl_instance *inst = task->inst;
    return inst->backpressure > 0 ||
           (task->needs_exclusive && inst->exclusive_thread != NULL);
}

sl_status sl_task_entered(sl_task *task)
{
    if (task->needs_exclusive)
        task->inst->exclusive_thread = task->implicit_thread;
    return sl_task_register_thread(task, task->implicit_thread);
}

sl_status sl_task_exit_implicit_thread(sl_task *task)
{
    sl_status status = sl_task_unregister_thread(task, task->implicit_thread);
    if (status == SL_OK && task->needs_exclusive)
        sl_instance_unlock(task->inst);
    return status;
}

/* Where lights are kept, one place more stays free. */
sl_status sl_task_register_thread(sl_task *task, sl_thread *thread)
{
    sl_instance *inst = task->inst;
    if (inst->keeps_light && !sl_table_reserve(&inst->threads, 2))
        return sl_store_no_memory(inst->store);
    return add_thread(task, thread);
}

static sl_status add_thread(sl_task *task, sl_thread *thread)
{
    sl_instance *inst = task->inst;
    sl_status status = sl_table_add(inst->store, &inst->threads,
                                    SL_HANDLE_THREAD, thread, &thread->index);
    if (status != SL_OK)
        return status;
    thread->prev_of_task = NULL;
    thread->next_of_task = task->threads;
    if (task->threads != NULL)
        task->threads->prev_of_task = thread;
    task->threads = thread;
    return SL_OK;
}

sl_status sl_task_unregister_thread(sl_task *task, sl_thread *thread)
{
    if (thread->prev_of_task != NULL)
        thread->prev_of_task->next_of_task = thread->next_of_task;
    else
        task->threads = thread->next_of_task;
    if (thread->next_of_task != NULL)
        thread->next_of_task->prev_of_task = thread->prev_of_task;
    sl_handles_remove(&task->inst->threads, thread->index);
    thread->index = 0;
    SL_TRAP_IF(task->inst->store,
               task->threads == NULL && task->state != SL_TASK_RESOLVED,
               "async-lifted export failed to produce a result");
    return SL_OK;
}

/* --- Results and cancellation --------------------------------------------- */

static sl_status not_resolved(const sl_task *task)
{
    SL_TRAP_IF(task->inst->store, task->state == SL_TASK_RESOLVED,
               "`task.return` or `task.cancel` called more than once for "
               "current task");
    return SL_OK;
}

static sl_status no_borrows(const sl_task *task)
{
    SL_TRAP_IF(task->inst->store, task->num_borrows > 0,
               "borrow handles still remain at the end of the call");
    return SL_OK;
}

sl_status sl_task_may_resolve(const sl_task *task)
{
    sl_status status = not_resolved(task);
    return status == SL_OK ? no_borrows(task) : status;
}

void sl_task_resolved(sl_task *task)
{
    task->state = SL_TASK_RESOLVED;
    let_go(task);
}

static sl_status resolve(sl_task *task, const sl_val *result, bool cancelled)
{
    sl_status status = SL_OK;
    if (task->call != NULL)
        status = sl_call_resolve(task->call, result, cancelled);
    sl_task_resolved(task);
    return status;
}

sl_status sl_task_return(sl_task *task, const sl_val *result)
{
    sl_status status = sl_task_may_resolve(task);
    return status == SL_OK ? resolve(task, result, false) : status;
}

sl_status sl_task_cancel(sl_task *task)
{
    sl_status status = not_resolved(task);
    if (status != SL_OK)
        return status;
    SL_TRAP_IF(task->inst->store, task->state != SL_TASK_CANCEL_DELIVERED,
               "`task.cancel` called by task which has not been cancelled");
    status = no_borrows(task);
    return status == SL_OK ? resolve(task, NULL, true) : status;
}

bool sl_task_deliver_pending_cancel(sl_task *task, bool cancellable)
{
    if (!cancellable || task->state != SL_TASK_PENDING_CANCEL)
        return false;
    task->state = SL_TASK_CANCEL_DELIVERED;
    return true;
}

/* Any of the task's threads that expects to be cancelled. */
static sl_thread *cancellable_thread(const sl_task *task)
{
    const sl_thread *lock = task->inst->exclusive_thread;
    bool locked =
        task->needs_exclusive && lock != NULL && lock != task->implicit_thread;
    sl_thread *found = NULL;
    uint32_t seen = 0;

    for (sl_thread *t = task->threads; t != NULL; t = t->next_of_task) {
        if (!t->cancellable || (locked && t == task->implicit_thread))
            continue;
        if (sl_store_choose(task->inst->store, ++seen) == 0)
            found = t;
    }
    return found;
}

sl_status sl_task_request_cancellation(sl_task *task, sl_instance *caller)
{
    sl_instance *inst = task->inst;

    if (task->state == SL_TASK_INITIAL) {
        task->state = SL_TASK_CANCEL_DELIVERED;
        return sl_thread_resume(task->implicit_thread, true);
    }
    if (task->state != SL_TASK_STARTED)
        return SL_OK;
    sl_thread *thread = cancellable_thread(task);
    if (thread == NULL || !sl_may_enter_from(inst, caller)) {
        task->state = SL_TASK_PENDING_CANCEL;
        return SL_OK;
    }
    task->state = SL_TASK_CANCEL_DELIVERED;
    sl_enter_from(inst, caller);
    sl_status status = sl_thread_resume(thread, true);
    if (status == SL_OK)
        sl_leave_to(inst, caller);
    return status;
}

/* --- Code without a function type ----------------------------------------- */

struct core_run {
    sl_status (*fn)(sl_core_thread *core, void *arg);
    void *arg;
};

static sl_status core_run(sl_thread *thread, void *arg)
{
    const struct core_run *run = arg;
    sl_task *task = thread->task;

    task->state = SL_TASK_STARTED;
    sl_status status = sl_task_entered(task);
    if (status == SL_OK)
        status = run->fn(thread->core, run->arg);
    if (status != SL_OK)
        return status;
    task->state = SL_TASK_RESOLVED;
    return sl_task_exit_implicit_thread(task);
}

sl_status sl_task_run_core(sl_instance *inst,
                           sl_status (*fn)(sl_core_thread *core, void *arg),
                           void *arg)
{
    struct core_run run = {fn, arg};
    sl_task *task =
        sl_task_new(NULL, NULL, inst, NULL, core_run, &inst->store->trap.err);
    if (task == NULL)
        return inst->store->trap.err.code;
    task->implicit_thread->arg = &run;
    return sl_task_run_sync(task);
}
