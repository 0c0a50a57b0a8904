/* The store and its scheduler: which ready thread runs next, and when.
 * CanonicalABI.md "Embedding". */
#include "task/task_int.h"

#include <string.h>

sl_store_limits sl_store_limits_default(void)
{
    return (sl_store_limits){
        .core = {.memory_pages = 65536,
                 .memory_bytes = UINT64_C(4) << 30,
                 .table_elems = 10000000},
        .handles = 0,
        .tasks = 0,
        .call_bytes = UINT64_C(256) << 20,
        .fiber_stack_bytes = 256 * 1024,
        .wasm_stack_bytes = 1024 * 1024,
    };
}

/* --- The chooser ---------------------------------------------------------- */

uint32_t sl_store_choose(sl_store *store, uint32_t n)
{
    if (store->seed == 0 || n < 2)
        return 0;
    /* splitmix64, by Sebastiano Vigna (public domain) */
    store->random += UINT64_C(0x9e3779b97f4a7c15);
    uint64_t z = store->random ^ store->seed;
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return (uint32_t)((z ^ (z >> 31)) % n);
}

/* --- The ready queue ------------------------------------------------------ */

/* Twice the threads there are, so that closing gaps pays for itself. */
bool sl_ready_reserve(sl_store *store)
{
    size_t need = 2 * ((size_t)store->live_threads + store->n_light + 1);
    if (need <= store->ready.cap)
        return true;
    need = need < 32 ? 32 : need * 2;
    sl_thread **v = sl_realloc(store->ready.v, need, sizeof *v);
    if (v == NULL)
        return false;
    store->ready.v = v;
    store->ready.cap = need;
    sl_count_lights(store);
    return true;
}

static void close_gaps(sl_store *store)
{
    size_t n = 0;
    for (size_t i = store->ready.head; i < store->ready.n; i++) {
        sl_thread *thread = store->ready.v[i];
        if (thread == NULL)
            continue;
        thread->ready_at = n;
        store->ready.v[n++] = thread;
    }
    store->ready.head = 0;
    store->ready.n = n;
}

void sl_ready_push(sl_store *store, sl_thread *thread)
{
    if (store->ready.n == store->ready.cap)
        close_gaps(store);
    thread->place = SL_PLACE_READY;
    thread->ready_at = store->ready.n;
    store->ready.v[store->ready.n++] = thread;
    store->ready.live++;
    sl_store_schedule(store);
}

void sl_ready_remove(sl_store *store, sl_thread *thread)
{
    store->ready.v[thread->ready_at] = NULL;
    store->ready.live--;
    thread->place = SL_PLACE_NONE;
    while (store->ready.head < store->ready.n &&
           store->ready.v[store->ready.head] == NULL)
        store->ready.head++;
    if (store->ready.live == 0)
        store->ready.head = store->ready.n = 0;
}

/* Takes one out; NULL when there is none. */
static sl_thread *ready_pop(sl_store *store)
{
    if (store->ready.live == 0)
        return NULL;
    size_t n = store->ready.n - store->ready.head;
    size_t at = store->ready.head + sl_store_choose(store, (uint32_t)n);
    while (store->ready.v[at] == NULL)
        at = at + 1 < store->ready.n ? at + 1 : store->ready.head;
    sl_thread *thread = store->ready.v[at];
    sl_ready_remove(store, thread);
    return thread;
}

/* A thread that can go on now. Those that no longer can wait again; those of
 * an instance that has trapped wait for good. */
static sl_thread *next_ready(sl_store *store)
{
    sl_thread *thread;
    while ((thread = ready_pop(store)) != NULL) {
        sl_instance *inst = thread->task->inst;
        if (!sl_may_enter_from(inst, NULL))
            continue;
        if (sl_thread_ready(thread))
            return thread;
        sl_thread_watch(thread, true);
        if (inst->exclusive_thread == NULL)
            sl_instance_open_gate(inst);
    }
    return NULL;
}

/* --- Traps ---------------------------------------------------------------- */

sl_status sl_store_trap(sl_store *store, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    sl_vfail(&store->trap.err, SL_ETRAP, SL_ERR_NO_PLACE, fmt, args);
    va_end(args);
    return SL_ETRAP;
}

sl_status sl_store_no_memory(sl_store *store)
{
    return sl_fail(&store->trap.err, SL_ENOMEM, SL_ERR_NO_PLACE,
                   "out of memory");
}

void sl_store_report(sl_store *store, sl_status status)
{
    if (store->run_done != NULL && store->run_status == SL_OK) {
        store->run_status = status;
        *store->run_done = true;
    }
    if (store->on_trap != NULL)
        store->on_trap(store, store->on_trap_arg);
}

void sl_store_clear_trap(sl_store *store)
{
    store->trap.err.code = SL_OK;
    store->trap.err.msg[0] = '\0';
    store->trap.n_frames = store->trap.n_dropped = 0;
}

/* --- Running -------------------------------------------------------------- */

void sl_store_settle(sl_store *store)
{
    sl_store_schedule(store);
    if (store->nesting_depth == 0 && store->live_threads == 0)
        sl_fiber_pool_rest(store->fibers);
}

static void begin_call(sl_store *store, sl_call *call)
{
    if (store->nesting_depth == 0)
        sl_store_clear_trap(store);
    call->caller = NULL;
    if (store->current == NULL)
        store->n_runs++;
}

static sl_status invoke(sl_store *store, sl_entry_what what)
{
    sl_funcinst *func = what.a;
    (void)store;
    return func->invoke(func, what.b, NULL);
}

sl_status sl_store_invoke(sl_store *store, sl_funcinst *func, sl_call *call)
{
    begin_call(store, call);
    sl_status status =
        sl_entry_run(store, invoke, (sl_entry_what){func, call}, call);
    sl_store_settle(store);
    return status;
}

sl_status sl_store_invoke_now(sl_store *store, sl_funcinst *func, sl_call *call)
{
    begin_call(store, call);
    store->nesting_depth++;
    sl_status status = func->invoke(func, call, NULL);
    store->nesting_depth--;
    sl_store_settle(store);
    return status;
}

static sl_status cancel(sl_store *store, sl_entry_what what)
{
    sl_call *call = what.a;
    (void)store;
    return call->cancel != NULL ? call->cancel(call, NULL) : SL_OK;
}

sl_status sl_store_cancel(sl_store *store, sl_call *call)
{
    sl_store_clear_trap(store);
    sl_status status =
        sl_entry_run(store, cancel, (sl_entry_what){call, NULL}, call);
    sl_store_schedule(store);
    return status;
}

sl_status sl_instance_run(sl_instance *inst,
                          sl_status (*fn)(sl_core_thread *core, void *arg),
                          void *arg)
{
    sl_store *store = inst->store;
    if (store->nesting_depth == 0)
        sl_store_clear_trap(store);
    SL_TRAP_IF(store, !sl_may_enter_from(inst, NULL),
               "cannot enter component instance");
    sl_enter_from(inst, NULL);
    store->nesting_depth++;
    sl_status status = sl_task_run_core(inst, fn, arg);
    store->nesting_depth--;
    if (status == SL_OK)
        sl_leave_to(inst, NULL);
    sl_store_settle(store);
    return status;
}

static sl_status resume(sl_store *store, sl_entry_what what)
{
    sl_thread *thread = what.a;
    sl_instance *inst = thread->task->inst;
    (void)store;
    sl_enter_from(inst, NULL);
    sl_status status = sl_thread_resume(thread, false);
    if (status == SL_OK)
        sl_leave_to(inst, NULL);
    return status;
}

bool sl_store_tick(sl_store *store, sl_status *status)
{
    *status = SL_OK;
    if (store->nesting_depth > 0 || store->stalled)
        return false;
    sl_thread *thread = next_ready(store);
    if (thread == NULL)
        return false;
    sl_store_clear_trap(store);
    store->n_runs++;
    *status = sl_entry_run(store, resume, (sl_entry_what){thread, NULL}, NULL);
    return true;
}

/* One turn of the loop: what is ready now, so that nobody starves the loop. */
static void tick_post(sl_post *post)
{
    sl_store *store = (sl_store *)((char *)post - offsetof(sl_store, tick));
    for (size_t n = store->ready.live; n > 0; n--) {
        sl_status status;
        if (!sl_store_tick(store, &status))
            break;
        if (status != SL_OK) {
            sl_store_report(store, status);
            break;
        }
        if (store->run_done != NULL && *store->run_done)
            break;
    }
    sl_store_settle(store);
}

void sl_store_schedule(sl_store *store)
{
    if (store->ready.live > 0 && store->nesting_depth == 0 && !store->closing &&
        !store->stalled && !store->tick.pending)
        sl_loop_post(store->loop, &store->tick);
}

sl_status sl_store_run(sl_store *store, bool *done)
{
    bool *outer = store->run_done;
    sl_status outer_status = store->run_status;

    store->run_done = done;
    store->run_status = SL_OK;
    bool finished = *done || sl_loop_run(store->loop, done);
    sl_status status = store->run_status;
    store->run_done = outer;
    store->run_status = outer_status;
    if (status != SL_OK || finished)
        return status;
    sl_store_clear_trap(store);
    return sl_fail(&store->trap.err, SL_EDEADLOCK, SL_ERR_NO_PLACE,
                   "deadlock detected: event loop cannot make further "
                   "progress");
}

/* --- Life ----------------------------------------------------------------- */

sl_store *sl_store_new(sl_loop *loop, const sl_store_limits *limits,
                       sl_err *err)
{
    sl_store *store = sl_malloc(sizeof *store);
    if (store == NULL) {
        sl_fail(err, SL_ENOMEM, SL_ERR_NO_PLACE, "out of memory");
        return NULL;
    }
    memset(store, 0, offsetof(sl_store, trap.frames));
    store->loop = loop;
    store->limits = limits != NULL ? *limits : sl_store_limits_default();
    store->tick.fn = tick_post;
    store->deadline_ns = SL_NO_DEADLINE;
    store->core = sl_core_store_new(&store->limits.core, err);
    if (store->core != NULL) {
        sl_core_store_set_poll(store->core, sl_store_out_of_time, store);
        store->data = sl_data_ctx_new(loop, err);
    }
    if (store->data != NULL)
        store->fibers = sl_fiber_pool_new(store->core, &store->trap,
                                          store->limits.fiber_stack_bytes,
                                          store->limits.wasm_stack_bytes, err);
    if (store->fibers == NULL) {
        sl_store_free(store);
        return NULL;
    }
    return store;
}

/* Each parked thread sees SL_ECANCELLED and unwinds; no guest code runs. */
static void unwind_threads(sl_store *store)
{
    while (store->threads != NULL) {
        sl_thread *thread = store->threads;
        if (thread->fiber != NULL)
            (void)sl_thread_resume(thread, false);
        else
            sl_thread_free(thread);
    }
}

void sl_store_trace_func(const sl_store *store, const sl_trace_event *event,
                         const sl_core_func *func)
{
    sl_trace_event named = *event;
    sl_buf name;
    sl_buf_init(&name);
    if (func != NULL)
        sl_core_func_print(func, &name);
    sl_buf_u8(&name, '\0');
    named.name =
        func != NULL && !name.failed ? (const char *)name.data : "core code";
    sl_trace(store->tracer, &named);
    sl_buf_deinit(&name);
}

void sl_store_add_closer(sl_store *store, sl_closer *closer)
{
    closer->added = true;
    closer->prev = NULL;
    closer->next = store->closers;
    if (closer->next != NULL)
        closer->next->prev = closer;
    store->closers = closer;
}

void sl_store_remove_closer(sl_store *store, sl_closer *closer)
{
    if (!closer->added)
        return;
    *(closer->prev != NULL ? &closer->prev->next : &store->closers) =
        closer->next;
    if (closer->next != NULL)
        closer->next->prev = closer->prev;
    closer->next = closer->prev = NULL;
    closer->added = false;
}

static void call_closers(sl_store *store)
{
    while (store->closers != NULL) {
        sl_closer *closer = store->closers;
        sl_store_remove_closer(store, closer);
        closer->fn(closer);
    }
}

void sl_store_free(sl_store *store)
{
    if (store == NULL)
        return;
    store->closing = true;
    if (store->tick.pending)
        sl_loop_unpost(store->loop, &store->tick);
    sl_entry_abandon(store);
    unwind_threads(store);
    call_closers(store);
    for (int pass = 0; pass < 2; pass++)
        for (sl_instance *inst = store->instances; inst; inst = inst->next)
            sl_instance_clear(inst, pass == 1);
    while (store->instances != NULL) {
        sl_instance *inst = store->instances;
        store->instances = inst->next;
        sl_instance_free(inst);
    }
    sl_task_blocks_free(store);
    sl_fiber_pool_free(store->fibers);
    if (store->data != NULL)
        sl_data_ctx_free(store->data);
    if (store->core != NULL)
        sl_core_store_free(store->core);
    sl_free(store->ready.v);
    sl_free(store);
}
