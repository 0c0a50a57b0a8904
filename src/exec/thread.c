/* Threads of core execution and calls into core code from the host. */
#include "exec/exec_int.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* Host functions nested in core code where no C stack limit is known. */
#define DEPTH_MAX 256

static size_t page_size(void)
{
    return (size_t)sysconf(_SC_PAGESIZE);
}

/* Bytes of a stack without its guard. */
static size_t stack_bytes(const sl_core_thread *thread)
{
    return (size_t)(thread->stack_end - thread->stack) * sizeof(sl_slot);
}

/* A guard behind `bytes`. */
static bool map_stack(size_t bytes, size_t page, sl_mapping *out)
{
    uint8_t *base = mmap(NULL, bytes + page, PROT_READ | PROT_WRITE,
                         MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    *out = (sl_mapping){base, bytes + page, 0};
    if (base == MAP_FAILED)
        return false;
    if (mprotect(base + bytes, page, PROT_NONE) == 0)
        return true;
    munmap(base, bytes + page);
    return false;
}

sl_status sl_core_thread_init(sl_core_thread *thread, sl_core_store *store,
                              size_t stack_slots, sl_trap_info *trap,
                              sl_err *err)
{
    size_t page = page_size();
    *thread = (sl_core_thread){.store = store, .trap = trap};
    if (stack_slots == 0 || stack_slots > SIZE_MAX / sizeof(sl_slot) / 2)
        return sl_fail(err, SL_ERANGE, SL_ERR_NO_PLACE,
                       "out of range: a stack of %zu slots", stack_slots);
    size_t bytes = (stack_slots * sizeof(sl_slot) + page - 1) & ~(page - 1);
    sl_mapping mapping;
    if (!sl_mappings_take(store->limits.mappings, SL_MAPPING_WASM_STACK,
                          bytes + page, 0, &mapping) &&
        !map_stack(bytes, page, &mapping))
        return sl_fail(err, SL_ENOMEM, SL_ERR_NO_PLACE,
                       "out of memory: a stack of %zu slots", stack_slots);
    thread->stack = mapping.base;
    thread->stack_end = thread->stack + bytes / sizeof(sl_slot);
    thread->sp = thread->stack;
    thread->next = store->threads;
    if (thread->next != NULL)
        thread->next->prev = thread;
    store->threads = thread;
    return SL_OK;
}

static void unlink_thread(sl_core_thread *thread)
{
    if (thread->prev != NULL)
        thread->prev->next = thread->next;
    else
        thread->store->threads = thread->next;
    if (thread->next != NULL)
        thread->next->prev = thread->prev;
}

void sl_core_thread_deinit(sl_core_thread *thread)
{
    if (thread->stack == NULL)
        return;
    unlink_thread(thread);
    sl_mappings_give(
        thread->store->limits.mappings, SL_MAPPING_WASM_STACK,
        (sl_mapping){thread->stack, stack_bytes(thread) + page_size(), 0});
    thread->stack = thread->stack_end = thread->sp = NULL;
}

void sl_core_thread_trim(sl_core_thread *thread)
{
    size_t page = page_size();
    size_t used = (size_t)((uint8_t *)thread->sp - (uint8_t *)thread->stack);
    size_t keep = (used + page - 1) & ~(page - 1);
    if (keep < stack_bytes(thread) && thread->frame == NULL)
        madvise((uint8_t *)thread->stack + keep, stack_bytes(thread) - keep,
                MADV_DONTNEED);
}

static bool c_stack_is_short(const sl_core_thread *thread)
{
    if (thread->c_stack_limit == NULL)
        return thread->depth >= DEPTH_MAX;
    return (const char *)__builtin_frame_address(0) <
           (const char *)thread->c_stack_limit;
}

static sl_slot *limit_of(const sl_core_thread *thread)
{
    return thread->frame != NULL ? thread->frame->limit : thread->stack_end;
}

/* The calls through links that a failure has ended. */
static void abandon_links(const sl_frame *frame)
{
    for (sl_linked *l = frame->links; l != NULL; l = l->outer)
        l->link->abandon(frame->thread, l->link, l->state, frame->status);
}

bool sl_mapped_fault(sl_core_thread *thread)
{
    atomic_int *interrupt = &thread->store->interrupt;
    int wanted = atomic_load_explicit(interrupt, memory_order_relaxed);
    if ((wanted & SL_INTERRUPT_FAULT) == 0)
        return false;
    atomic_fetch_and(interrupt, ~SL_INTERRUPT_FAULT);
    sl_trap(thread, "%s", sl_trap_text(SL_TRAP_MAPPED_FAULT));
    return true;
}

/* The callee's frame is at thread->sp: its parameters, room for the saved
 * state. */
static sl_status call_core(sl_core_thread *thread, sl_core_func *func,
                           bool catching)
{
    const sl_functype *type = func->type;
    sl_frame *prev = thread->frame;
    sl_core_store *store = thread->store;
    sl_slot *fp = thread->sp;
    sl_frame frame;
    frame.thread = thread;
    frame.prev = prev;
    frame.limit = limit_of(thread);
    frame.interrupt = &store->interrupt;
    frame.n_calls = prev != NULL ? prev->n_calls : 0;
    frame.max_calls = store->limits.call_depth;
    frame.ip = NULL;
    frame.fp = NULL;
    frame.status = SL_OK;
    frame.catching = catching;
    frame.links = NULL;
    frame.stubs = store->stubs;
    sl_frame_enter(&frame, func->instance);
    fp[func->saved_at].ref = &store->stubs[SL_STUB_HALT];
    fp[func->saved_at + 1].ref = NULL;

    thread->frame = &frame;
    sl_interp_run(&frame, func, fp);
    if (frame.status == SL_OK && sl_mapped_fault(thread))
        frame.status = SL_ETRAP;
    if (frame.links != NULL)
        abandon_links(&frame);
    thread->frame = prev;
    thread->sp = fp;
    if (frame.status == SL_OK && store->exceptions != NULL)
        sl_exceptions_hold(store, type->n_results, sl_functype_results(type),
                           fp);
    return frame.status;
}

/* One callee of a linked function; `args` are the latter's. */
static sl_status call_through(sl_core_thread *thread, const sl_core_link *link,
                              sl_slot *state, sl_slot *args, sl_slot *to)
{
    thread->sp = to;
    if (sl_core_call_begin(thread, link->callee) == NULL)
        return SL_ETRAP;
    thread->sp = to + link->callee->saved_at + SL_FRAME_SAVED;
    sl_status st = link->enter(thread, link, state, args, to);
    if (st != SL_OK)
        return st;
    thread->sp = to;
    st = sl_core_call_run(thread, link->callee);
    thread->sp = to + link->callee->saved_at;
    if (st == SL_OK)
        return link->leave(thread, link, state, args, to);
    link->abandon(thread, link, state, st);
    return st;
}

/* As the loop calls a linked function. */
static sl_status call_linked(sl_core_thread *thread, sl_core_func *func)
{
    sl_slot state[SL_LINK_STATE];
    sl_slot *fp = thread->sp;
    sl_status st = SL_OK;
    for (const sl_core_link *link = func->link; st == SL_OK && link != NULL;
         link = link->next)
        st = call_through(thread, link, state, fp, fp + func->saved_at);
    thread->sp = fp;
    return st;
}

static sl_status call_host(sl_core_thread *thread, sl_core_func *func)
{
    sl_slot *fp = thread->sp;
    thread->sp = fp + func->saved_at + SL_FRAME_SAVED;
    sl_status st = func->host(thread, func->ctx, fp);
    thread->sp = fp;
    return st == SL_OK && func->link != NULL ? call_linked(thread, func) : st;
}

static sl_status call_any(sl_core_thread *thread, sl_core_func *func,
                          bool catching)
{
    sl_status st;
    thread->depth++;
    if (func->instance != NULL)
        st = call_core(thread, func, catching);
    else if (func->link != NULL)
        st = call_linked(thread, func);
    else
        st = call_host(thread, func);
    thread->depth--;
    return st;
}

sl_slot *sl_core_call_begin(sl_core_thread *thread, const sl_core_func *func)
{
    if (thread->depth == 0)
        sl_trap_clear(thread->trap);
    if (!c_stack_is_short(thread) &&
        limit_of(thread) - thread->sp >=
            (ptrdiff_t)func->saved_at + SL_FRAME_SAVED)
        return thread->sp;
    sl_trap(thread, "%s", sl_trap_text(SL_TRAP_STACK));
    return NULL;
}

/* A call's values are mostly few. */
static void copy_slots(sl_slot *to, const sl_slot *from, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        to[i] = from[i];
}

static sl_status call_with(sl_core_thread *thread, sl_core_func *func,
                           sl_slot *vals, bool catching)
{
    sl_slot *at = sl_core_call_begin(thread, func);
    if (at == NULL)
        return SL_ETRAP;
    copy_slots(at, vals, func->type->n_params);
    sl_status st = call_any(thread, func, catching);
    if (st == SL_OK)
        copy_slots(vals, at, func->type->n_results);
    return st;
}

/* What a call left in the thread that it threw, if that is how it ended. */
static sl_exception *take_thrown(sl_core_thread *thread, sl_status st)
{
    sl_exception *thrown = thread->thrown;
    thread->thrown = NULL;
    if (thrown == NULL)
        return NULL;
    if (st == SL_ETRAP)
        return thrown;
    sl_exception_done(thread->store, thrown);
    return NULL;
}

/* What is thrown here ends the call. */
static sl_status uncaught(sl_core_thread *thread, sl_status st)
{
    sl_exception *thrown = take_thrown(thread, st);
    if (thrown != NULL) {
        st = sl_trap(thread, "uncaught exception");
        sl_exception_done(thread->store, thrown);
    }
    return st;
}

sl_status sl_core_call(sl_core_thread *thread, sl_core_func *func,
                       sl_slot *vals)
{
    sl_status st = call_with(thread, func, vals, false);
    return thread->thrown == NULL ? st : uncaught(thread, st);
}

sl_status sl_core_call_run(sl_core_thread *thread, sl_core_func *func)
{
    sl_status st = call_any(thread, func, false);
    return thread->thrown == NULL ? st : uncaught(thread, st);
}

sl_status sl_core_try_call(sl_core_thread *thread, sl_core_func *func,
                           sl_slot *vals, sl_exception **out)
{
    sl_status st = call_with(thread, func, vals, true);
    *out = take_thrown(thread, st);
    if (*out == NULL)
        return st;
    sl_exception_hold(*out);
    return SL_OK;
}

sl_status sl_core_throw(sl_core_thread *thread, sl_exception *exception)
{
    thread->thrown = exception;
    exception->n_held--;
    return SL_ETRAP;
}
