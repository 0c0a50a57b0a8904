/* Threads: blocking, switching, waking. Who waits is put where the change it
 * waits for will find it, so that nothing scans all waiting threads.
 * CanonicalABI.md "Threads". */
#include "task/task_int.h"

/* --- Lists ---------------------------------------------------------------- */

void sl_list_push(sl_thread_list *list, sl_thread *thread, bool first)
{
    sl_thread *prev = first ? NULL : list->tail;
    sl_thread *next = first ? list->head : NULL;

    thread->place = SL_PLACE_LIST;
    thread->list = list;
    thread->prev_in_list = prev;
    thread->next_in_list = next;
    *(prev != NULL ? &prev->next_in_list : &list->head) = thread;
    *(next != NULL ? &next->prev_in_list : &list->tail) = thread;
}

static void list_remove(sl_thread *thread)
{
    sl_thread_list *list = thread->list;
    if (thread->prev_in_list != NULL)
        thread->prev_in_list->next_in_list = thread->next_in_list;
    else
        list->head = thread->next_in_list;
    if (thread->next_in_list != NULL)
        thread->next_in_list->prev_in_list = thread->prev_in_list;
    else
        list->tail = thread->prev_in_list;
    thread->place = SL_PLACE_NONE;
    thread->list = NULL;
}

void sl_list_wake(sl_store *store, sl_thread_list *list)
{
    sl_thread *thread = list->head;
    if (thread == NULL)
        return;
    list_remove(thread);
    sl_ready_push(store, thread);
}

/* --- Waiting -------------------------------------------------------------- */

bool sl_thread_ready(const sl_thread *thread)
{
    const sl_instance *inst = thread->task->inst;
    if (thread->needs_lock && inst->exclusive_thread != NULL)
        return false;
    switch ((sl_wait_kind)thread->wait) {
    case SL_WAIT_NONE:
        return false;
    case SL_WAIT_YIELD:
        return true;
    case SL_WAIT_ENTER:
        return !sl_task_has_backpressure(thread->task);
    case SL_WAIT_SET:
        return sl_waitable_set_has_event(thread->wait_on);
    case SL_WAIT_WAITABLE:
        return sl_waitable_has_event(thread->wait_on);
    case SL_WAIT_SUBTASK:
        return ((sl_subtask *)thread->wait_on)->call.resolved;
    }
    return false;
}

/* Calls enter in the order they came, also when the gate is open. */
static void watch_gate(sl_thread *thread, bool again)
{
    sl_instance *inst = thread->task->inst;
    bool locks = thread->task->needs_exclusive;
    sl_thread_list *gate = &inst->gate[locks ? GATE_ENTER_LOCKED : GATE_ENTER];

    sl_list_push(gate, thread, again);
    if (sl_thread_ready(thread))
        sl_list_wake(inst->store, gate);
}

void sl_thread_watch(sl_thread *thread, bool again)
{
    sl_instance *inst = thread->task->inst;
    sl_store *store = inst->store;

    if (thread->wait == SL_WAIT_ENTER) {
        watch_gate(thread, again);
        return;
    }
    if (sl_thread_ready(thread)) {
        sl_ready_push(store, thread);
        return;
    }
    if (thread->wait == SL_WAIT_SET) {
        sl_waitable_set *set = thread->wait_on;
        if (!sl_waitable_set_has_event(set)) {
            sl_list_push(&set->waiters, thread, again);
            return;
        }
        /* It has to wait for the lock; somebody else may take the event. */
        sl_list_push(&inst->gate[GATE_LOCK], thread, again);
        sl_waitable_set_wake(store, set);
        return;
    }
    if (thread->needs_lock)
        sl_list_push(&inst->gate[GATE_LOCK], thread, again);
}

static void start_waiting(sl_thread *thread, sl_wait_kind wait, void *wait_on)
{
    thread->wait = (uint8_t)wait;
    thread->wait_on = wait_on;
    thread->since = sl_thread_store(thread)->clock++;
}

void sl_thread_stop_waiting(sl_thread *thread)
{
    sl_store *store = sl_thread_store(thread);
    bool was_queued = thread->place == SL_PLACE_READY;
    uint8_t wait = thread->wait;

    if (was_queued)
        sl_ready_remove(store, thread);
    else if (thread->place == SL_PLACE_LIST)
        list_remove(thread);
    thread->wait = SL_WAIT_NONE;
    thread->needs_lock = false;
    /* What woke it, and it may not use, is for the next. */
    if (was_queued && wait == SL_WAIT_SET)
        sl_waitable_set_wake(store, thread->wait_on);
    if (was_queued)
        sl_instance_open_gate(thread->task->inst);
    thread->wait_on = NULL;
}

void sl_thread_wake(sl_thread *thread)
{
    if (thread->wait == SL_WAIT_NONE || thread->place == SL_PLACE_READY)
        return;
    if (thread->place == SL_PLACE_LIST)
        list_remove(thread);
    sl_ready_push(sl_thread_store(thread), thread);
}

/* --- Life ----------------------------------------------------------------- */

void sl_thread_init(sl_thread *thread, sl_task *task,
                    sl_status (*fn)(sl_thread *, void *), void *arg)
{
    sl_store *store = task->inst->store;

    *thread = (sl_thread){.task = task, .fn = fn, .arg = arg};
    thread->next = store->threads;
    if (store->threads != NULL)
        store->threads->prev = thread;
    store->threads = thread;
    store->live_threads++;
    sl_count_lights(store);
    task->n_threads++;
    if (task->trace_id != 0) /* the implicit thread comes first */
        thread->trace_id = task->n_threads == 1 ? task->trace_id
                                                : sl_trace_id(store->tracer);
}

sl_thread *sl_thread_new(sl_task *task, sl_status (*fn)(sl_thread *, void *),
                         void *arg, sl_err *err)
{
    sl_thread *thread = NULL;
    if (sl_ready_reserve(task->inst->store))
        thread = sl_malloc(sizeof *thread);
    if (thread == NULL) {
        sl_fail(err, SL_ENOMEM, SL_ERR_NO_PLACE, "out of memory");
        return NULL;
    }
    sl_thread_init(thread, task, fn, arg);
    return thread;
}

static void leave_store(sl_store *store, sl_thread *thread)
{
    if (thread->prev != NULL)
        thread->prev->next = thread->next;
    else
        store->threads = thread->next;
    if (thread->next != NULL)
        thread->next->prev = thread->prev;
    store->live_threads--;
    sl_count_lights(store);
}

/* --- For who listens ------------------------------------------------------ */

static void note_blocked(sl_thread *thread)
{
    if (thread->trace_id == 0)
        return;
    thread->blocked_ns = sl_trace_begin(sl_thread_store(thread)->tracer);
    thread->blocked_on = thread->wait;
}

static void note_resumed(sl_thread *thread)
{
    static const char *const what[] = {
        [SL_WAIT_NONE] = "suspended",
        [SL_WAIT_YIELD] = "yielding",
        [SL_WAIT_ENTER] = "waits to enter",
        [SL_WAIT_SET] = "waits for a set",
        [SL_WAIT_WAITABLE] = "waits for a waitable",
        [SL_WAIT_SUBTASK] = "waits for a subtask",
    };
    if (thread->blocked_ns == 0)
        return;
    const sl_trace_event event = {
        .what = "task",
        .name = what[thread->blocked_on],
        .id = thread->trace_id,
        .begin_ns = thread->blocked_ns,
        .end_ns = sl_trace_now_ns(),
        .args = {{"instance", NULL, thread->task->inst->id},
                 {"task", NULL, thread->task->trace_id}},
    };
    thread->blocked_ns = 0;
    sl_trace(sl_thread_store(thread)->tracer, &event);
}

/* ---- Running ------------------------------------------------------------- */

static sl_status thread_main(sl_fiber *fiber, void *arg)
{
    sl_thread *thread = arg;
    (void)fiber;
    if (sl_thread_store(thread)->closing)
        return SL_ECANCELLED;
    return thread->fn(thread, thread->arg);
}

void sl_run_fiber(sl_store *store, sl_fiber *fiber)
{
    sl_fiber *outer = store->fiber;
    for (;;) {
        store->fiber = fiber;
        store->n_running++;
        sl_fiber_resume(fiber);
        store->n_running--;
        store->fiber = outer;
        if (store->holds)
            sl_hold_turn(store);
        else if (store->freezing && outer != NULL)
            sl_fiber_suspend(outer, NULL); /* who resumed it waits as well */
        else
            return;
    }
}

/* Runs a thread on its fiber until it suspends, parks or ends; *next is the
 * thread to go on with. */
static sl_status run(sl_thread *thread, sl_thread **next)
{
    sl_store *store = sl_thread_store(thread);
    sl_fiber *fiber = thread->fiber;

    *next = NULL;
    note_resumed(thread);
    if (fiber == NULL) {
        fiber = sl_fiber_acquire(store->fibers, thread_main, thread,
                                 &store->trap.err);
        if (fiber == NULL) {
            sl_thread_free(thread);
            return SL_ENOMEM;
        }
        thread->fiber = fiber;
        thread->core = &fiber->core;
    }
    thread->running = true;
    store->current = thread;
    fiber->core.host = thread;
    sl_run_fiber(store, fiber);
    if (!fiber->done) {
        *next = fiber->passed;
        return SL_OK;
    }
    sl_status status = fiber->status;
    sl_fiber_release(store->fibers, fiber);
    thread->fiber = NULL;
    thread->core = NULL;
    thread->running = false;
    if (status != SL_OK || thread->wait == SL_WAIT_NONE)
        sl_thread_free(thread);
    return status;
}

sl_status sl_thread_resume(sl_thread *thread, bool cancelled)
{
    sl_store *store = sl_thread_store(thread);
    sl_thread *resumer = store->current;
    sl_status status = SL_OK;

    if (thread->wait != SL_WAIT_NONE)
        sl_thread_stop_waiting(thread);
    while (thread != NULL && status == SL_OK) {
        if (thread->nested) { /* its loop is what resumed us: block_nested */
            thread->resumed = true;
            break;
        }
        thread->cancellable = false;
        thread->cancelled = cancelled;
        cancelled = false;
        status = run(thread, &thread);
    }
    store->current = resumer;
    return status;
}

/* --- Blocking ------------------------------------------------------------- */

/* May a synchronous call let that thread run while it is blocked? Not one that
 * may use the linear memory's one shadow stack (Component Invariant 3). */
static bool may_run_meanwhile(const sl_thread *thread)
{
    const sl_task *task = thread->task;
    return thread != task->inst->exclusive_thread &&
           !(task->needs_exclusive && thread == task->implicit_thread) &&
           !thread->running && sl_thread_ready(thread);
}

/* The `candidates` of canon_lift's loop: the one that has waited longest, or
 * any. `self` (may be NULL) does not count. */
static sl_thread *candidate(const sl_instance *inst, const sl_thread *self)
{
    sl_thread *best = NULL;
    uint32_t seen = 0;

    for (size_t i = 0; i < inst->threads.array.n; i++) {
        sl_thread *thread = inst->threads.array.v[i].item;
        if (thread == NULL || thread == self || !may_run_meanwhile(thread))
            continue;
        seen++;
        if (best == NULL ||
            (inst->store->seed != 0 ? sl_store_choose(inst->store, seen) == 0
                                    : thread->since < best->since))
            best = thread;
    }
    return best;
}

static bool anything_ready(const sl_store *store, const sl_thread *self)
{
    for (size_t i = store->ready.head; i < store->ready.n; i++) {
        const sl_thread *thread = store->ready.v[i];
        if (thread != NULL && thread != self && sl_thread_ready(thread))
            return true;
    }
    return false;
}

static const char *cannot_block(const sl_thread *thread)
{
    if (anything_ready(sl_thread_store(thread), thread))
        return "deadlock detected: event loop cannot make further progress";
    return "cannot block a synchronous task before returning";
}

bool sl_thread_must_not_block(const sl_thread *thread, const char **msg)
{
    const sl_instance *inst = thread->task->inst;
    if (inst->sync_depth == 0 || candidate(inst, thread) != NULL)
        return false;
    if (msg != NULL)
        *msg = cannot_block(thread);
    return true;
}

/* On the caller's stack: the other threads of the instance run from here until
 * it is this one's turn again. */
static sl_status block_nested(sl_thread *thread, sl_thread *other)
{
    sl_store *store = sl_thread_store(thread);
    sl_status status = SL_OK;

    thread->running = false;
    thread->resumed = false;
    if (other != NULL)
        status = sl_thread_resume(other, false);
    while (status == SL_OK && !thread->resumed) {
        sl_thread *next = candidate(thread->task->inst, NULL);
        if (next == NULL)
            status = sl_store_trap(store, "%s", cannot_block(thread));
        else
            status = sl_thread_resume(next, false);
    }
    if (thread->wait != SL_WAIT_NONE)
        sl_thread_stop_waiting(thread);
    thread->running = true;
    return status;
}

static sl_status block_fiber(sl_thread *thread, sl_thread *other)
{
    thread->running = false;
    sl_fiber_suspend(thread->fiber, other);
    return sl_thread_store(thread)->closing ? SL_ECANCELLED : SL_OK;
}

/* block_internal, switch_to_internal */
static sl_status block(sl_thread *thread, sl_thread *other, bool cancellable,
                       bool *cancelled)
{
    thread->cancellable = cancellable;
    thread->cancelled = false;
    note_blocked(thread);
    sl_status status = thread->nested ? block_nested(thread, other)
                                      : block_fiber(thread, other);
    note_resumed(thread);
    thread->cancellable = false;
    if (cancelled != NULL)
        *cancelled = thread->cancelled;
    return status;
}

/* The beginning of every way to block: true when it is over already. */
static bool delivered(sl_thread *thread, bool cancellable, bool *cancelled)
{
    bool is = sl_task_deliver_pending_cancel(thread->task, cancellable);
    if (cancelled != NULL)
        *cancelled = is;
    return is;
}

sl_status sl_thread_suspend(sl_thread *thread, sl_thread *other,
                            bool cancellable, bool *cancelled)
{
    if (sl_thread_store(thread)->closing)
        return SL_ECANCELLED;
    if (delivered(thread, cancellable, cancelled))
        return SL_OK;
    return block(thread, other, cancellable, cancelled);
}

sl_status sl_thread_yield(sl_thread *thread, sl_thread *other, bool cancellable,
                          bool *cancelled)
{
    if (other == NULL)
        return sl_thread_wait_until(thread, SL_WAIT_YIELD, NULL, cancellable,
                                    cancelled);
    if (sl_thread_store(thread)->closing)
        return SL_ECANCELLED;
    if (delivered(thread, cancellable, cancelled))
        return SL_OK;
    start_waiting(thread, SL_WAIT_YIELD, NULL);
    sl_thread_watch(thread, false);
    return block(thread, other, cancellable, cancelled);
}

void sl_thread_resume_later(sl_thread *thread)
{
    start_waiting(thread, SL_WAIT_YIELD, NULL);
    sl_thread_watch(thread, false);
}

/* wait_until may block or not when what it waits for is there already. Here it
 * goes on, but for yielding, which always gives way, and entering, which
 * queues; so the reference suite expects. */
static bool goes_on(const sl_thread *thread)
{
    return thread->wait != SL_WAIT_ENTER && thread->wait != SL_WAIT_YIELD &&
           sl_thread_ready(thread);
}

/* The first half of wait_until; *waits: it has to block. */
static sl_status begin_wait(sl_thread *thread, sl_wait_kind wait, void *wait_on,
                            bool cancellable, bool *waits, bool *cancelled)
{
    *waits = false;
    if (sl_thread_store(thread)->closing)
        return SL_ECANCELLED;
    if (delivered(thread, cancellable, cancelled))
        return SL_OK;
    start_waiting(thread, wait, wait_on);
    if (goes_on(thread)) {
        thread->wait = SL_WAIT_NONE;
        thread->wait_on = NULL;
        return SL_OK;
    }
    sl_thread_watch(thread, false);
    *waits = true;
    return SL_OK;
}

sl_status sl_thread_wait_until(sl_thread *thread, sl_wait_kind wait,
                               void *wait_on, bool cancellable, bool *cancelled)
{
    bool waits;
    sl_status status =
        begin_wait(thread, wait, wait_on, cancellable, &waits, cancelled);
    if (status != SL_OK || !waits)
        return status;
    return block(thread, NULL, cancellable, cancelled);
}

sl_status sl_thread_park(sl_thread *thread, sl_wait_kind wait, void *wait_on,
                         bool *parked, bool *cancelled)
{
    thread->needs_lock = wait != SL_WAIT_ENTER;
    sl_status status =
        begin_wait(thread, wait, wait_on, true, parked, cancelled);
    if (status == SL_OK && *parked) {
        thread->cancellable = true;
        note_blocked(thread);
    } else
        thread->needs_lock = false;
    return status;
}

/* --- On somebody's stack -------------------------------------------------- */

struct on_fiber {
    sl_status (*fn)(sl_core_thread *core, void *arg);
    void *arg;
};

static sl_status on_fiber_main(sl_fiber *fiber, void *arg)
{
    struct on_fiber *call = arg;
    return call->fn(&fiber->core, call->arg);
}

sl_status sl_on_fiber(sl_store *store,
                      sl_status (*fn)(sl_core_thread *core, void *arg),
                      void *arg)
{
    if (store->fiber != NULL)
        return fn(&store->fiber->core, arg);
    store->n_runs++;
    struct on_fiber call = {fn, arg};
    sl_fiber *fiber =
        sl_fiber_acquire(store->fibers, on_fiber_main, &call, &store->trap.err);
    if (fiber == NULL)
        return SL_ENOMEM;
    sl_run_fiber(store, fiber); /* fn does not suspend: what blocks is nested */
    sl_status status = fiber->status;
    sl_fiber_release(store->fibers, fiber);
    return status;
}

static sl_status run_nested(sl_core_thread *core, void *arg)
{
    sl_thread *thread = arg;
    sl_store *store = sl_thread_store(thread);
    sl_thread *outer = store->current;
    void *host = core->host;

    thread->core = core;
    thread->running = true;
    store->current = thread;
    core->host = thread;
    sl_status status = thread->fn(thread, thread->arg);
    store->current = outer;
    core->host = host;
    return status;
}

/* Destructors within destructors: on one stack fewer would have room. */
#define MAX_SYNC_DEPTH 1000

/* The end of canon_lift to the letter. The task is kept until it is over. */
static sl_status run_beside(sl_task *task)
{
    sl_instance *inst = task->inst;

    if (inst->sync_depth > MAX_SYNC_DEPTH) {
        sl_thread_free(task->implicit_thread);
        return sl_store_trap(inst->store, "call stack exhausted");
    }
    task->n_threads++;
    sl_status status = sl_thread_resume(task->implicit_thread, false);
    while (status == SL_OK && task->state != SL_TASK_RESOLVED) {
        sl_thread *next = candidate(inst, NULL);
        if (next == NULL)
            status = sl_store_trap(inst->store, "%s",
                                   cannot_block(task->implicit_thread));
        else
            status = sl_thread_resume(next, false);
    }
    sl_task_release(task);
    return status;
}

static sl_status run_on_top(sl_task *task)
{
    sl_thread *thread = task->implicit_thread;

    thread->nested = true;
    sl_status status = sl_on_fiber(task->inst->store, run_nested, thread);
    sl_thread_free(thread);
    return status;
}

sl_status sl_task_run_sync(sl_task *task)
{
    sl_instance *inst = task->inst;

    inst->sync_depth++;
    sl_status status = inst->reenters ? run_beside(task) : run_on_top(task);
    inst->sync_depth--;
    return status;
}

struct core_call {
    sl_instance *inst;
    sl_core_func *func;
    sl_slot *vals;
};

static sl_status core_call_main(sl_core_thread *core, void *arg)
{
    struct core_call *call = arg;
    return sl_core_call(core, call->func, call->vals);
}

static sl_status call_unseen(sl_core_thread *core, void *arg)
{
    struct core_call *call = arg;
    sl_light light;
    sl_light_kind kind = {.inst = call->inst};
    sl_status status = sl_light_begin(core, &light, &kind);
    if (status != SL_OK)
        return status;
    status = sl_core_call(core, call->func, call->vals);
    return sl_light_end(core, &light, status);
}

sl_status sl_instance_call(sl_instance *inst, sl_core_func *func, sl_slot *vals)
{
    struct core_call call = {inst, func, vals};
    if (!inst->may_leave) /* it can neither block nor be named */
        return sl_on_fiber(inst->store, call_unseen, &call);
    return sl_task_run_core(inst, core_call_main, &call);
}

void sl_thread_free(sl_thread *thread)
{
    sl_task *task = thread->task;
    sl_instance *inst = task->inst;

    note_resumed(thread);
    if (thread->wait != SL_WAIT_NONE)
        sl_thread_stop_waiting(thread);
    if (thread->index != 0)
        sl_handles_remove(&inst->threads, thread->index);
    if (inst->exclusive_thread == thread)
        inst->exclusive_thread = NULL;
    leave_store(inst->store, thread);
    if (thread->owns_arg)
        sl_free(thread->arg);
    if (thread != task->implicit_thread)
        sl_free(thread);
    sl_task_release(task);
}
