/* Fibers: C stacks with a guard page, pooled, each with a stack of wasm frames
 * beside it. A fiber runs a function until that suspends or returns; control
 * then goes back to where the fiber was resumed.
 * Design: CanonicalABI.md "Stack Switching" (cont_new, resume, block). */
#ifndef SL_TASK_FIBER_H
#define SL_TASK_FIBER_H

#include "exec/exec.h"

#if defined(__x86_64__) || defined(__aarch64__)
/* fiber_<arch>.S: everything else is on the stack. */
typedef struct sl_context {
    void *sp;
} sl_context;
#else
#include <ucontext.h>
typedef struct sl_context {
    ucontext_t uc;
} sl_context;
#endif

/* A context that will call fn(arg) on that stack when it is switched to. fn
 * must not return. */
void sl_context_init(sl_context *context, void *stack, size_t bytes,
                     void (*fn)(void *), void *arg);
/* Saves what runs now in `from` and goes on with `to`. */
void sl_context_switch(sl_context *from, sl_context *to);

typedef struct sl_fiber sl_fiber;
typedef struct sl_fiber_pool sl_fiber_pool;

struct sl_fiber {
    sl_core_thread core; /* its wasm stack */
    sl_status (*fn)(sl_fiber *fiber, void *arg);
    void *arg;
    sl_status status; /* what fn returned, when done */
    bool done;
    void *passed; /* what the last suspend handed over */

    sl_context context, resumer;
    uint8_t *map; /* guard page, then the stack */
    size_t map_bytes, guard_bytes;
    sl_fiber *next; /* in the pool */
    /* For the sanitizers and valgrind: */
    void *fake_stack;
    const void *resumer_stack;
    size_t resumer_bytes;
    void *tsan, *tsan_resumer;
    unsigned valgrind_id;
};

/* `trap` is where core code on the fibers records traps. */
sl_fiber_pool *sl_fiber_pool_new(sl_core_store *store, sl_trap_info *trap,
                                 size_t c_stack_bytes, size_t wasm_stack_bytes,
                                 sl_err *err);
void sl_fiber_pool_free(sl_fiber_pool *pool); /* all must be released */
/* A fiber that will run fn(fiber, arg); NULL: SL_ENOMEM. */
sl_fiber *sl_fiber_acquire(sl_fiber_pool *pool,
                           sl_status (*fn)(sl_fiber *, void *), void *arg,
                           sl_err *err);
/* Gives back a fiber that is done, or that never ran. */
void sl_fiber_release(sl_fiber_pool *pool, sl_fiber *fiber);
/* Leaves the stacks of idle fibers to other stores of the same engine, when it
 * has many. */
void sl_fiber_pool_rest(sl_fiber_pool *pool);
/* Fibers that exist, those that wait in the pool included. */
uint32_t sl_fiber_pool_count(const sl_fiber_pool *pool);

/* Runs the fiber until it suspends or is done. */
void sl_fiber_resume(sl_fiber *fiber);
/* Called on the fiber: back to whoever resumed it. */
void sl_fiber_suspend(sl_fiber *fiber, void *passed);

#endif
