/* The run time's nouns, as CanonicalABI.md "Runtime State" and definitions.py
 * name them: store, component instance, task, thread, subtask, waitable. All
 * of them belong to one store and are used from its thread only. */
#ifndef SL_TASK_TASK_H
#define SL_TASK_TASK_H

#include "base/arena.h"
#include "base/vec.h"
#include "component/component.h"
#include "component/value.h"
#include "data/segment.h"
#include "exec/exec.h"
#include "loop/loop.h"

typedef struct sl_store sl_store;
typedef struct sl_instance sl_instance;
typedef struct sl_thread sl_thread;
typedef struct sl_task sl_task;
typedef struct sl_subtask sl_subtask;
typedef struct sl_waitable sl_waitable;
typedef struct sl_waitable_set sl_waitable_set;
typedef struct sl_funcinst sl_funcinst;
typedef struct sl_call sl_call;
typedef struct sl_fiber sl_fiber;

/* --- Handle tables (CanonicalABI.md "Table State") -------------------------- */

typedef enum sl_handle_kind {
    SL_HANDLE_FREE,
    SL_HANDLE_RESOURCE,
    SL_HANDLE_SUBTASK,      /* waitable */
    SL_HANDLE_STREAM_READ,  /* waitable: an sl_end, as are the next three */
    SL_HANDLE_STREAM_WRITE,
    SL_HANDLE_FUTURE_READ,
    SL_HANDLE_FUTURE_WRITE,
    SL_HANDLE_WAITABLE_SET,
    SL_HANDLE_ERROR_CONTEXT,
    SL_HANDLE_THREAD, /* in the threads table only */
} sl_handle_kind;

typedef struct sl_handle {
    sl_handle_kind kind;
    void *item;
} sl_handle;

typedef struct sl_handle_table {
    SL_VEC(sl_handle) array; /* slot 0 is never used */
    SL_VEC(uint32_t) free;   /* last freed is reused first */
    uint32_t n;              /* live handles */
} sl_handle_table;
#define SL_TABLE_MAX_LENGTH ((UINT32_C(1) << 28) - 1)

/* SL_ETRAP when the table is full, recorded on the current thread. */
sl_status sl_handles_add(sl_instance *inst, sl_handle_kind kind, void *item,
                         uint32_t *index);
/* NULL when there is no such handle. */
sl_handle *sl_handles_get(sl_handle_table *table, uint32_t index);
/* The slot must be live. */
void sl_handles_remove(sl_handle_table *table, uint32_t index);
/* Looks up and checks the kind; SL_ETRAP (recorded) otherwise. */
sl_status sl_handles_expect(sl_instance *inst, uint32_t index,
                            sl_handle_kind kind, void **item);

/* --- Component instances ---------------------------------------------------- */

/* What an `instance` index stands for: named items, borrowed from the
 * component instance that made them. */
typedef struct sl_item {
    sl_sort sort;
    union {
        sl_core_func *core_func;
        sl_table *core_table;
        sl_memory *core_memory;
        sl_global *core_global;
        void *core_tag;
        const sl_module *core_module;
        struct sl_core_exports *core_instance;
        sl_segment *segment;
        sl_funcinst *func;
        const sl_type *type;
        struct sl_closure *component;
        struct sl_exports *instance;
    } of;
} sl_item;

typedef struct sl_export_item {
    sl_name name;
    sl_item item;
} sl_export_item;

/* A component-level instance: its exports by name. */
typedef struct sl_exports {
    uint32_t n;
    sl_export_item *v;
} sl_exports;

/* A core instance: a real one, or a synthesised bundle of items. */
typedef struct sl_core_exports {
    sl_core_instance *instance; /* NULL: `bundle` */
    sl_exports bundle;
} sl_core_exports;

/* A component value: the code and the instance whose scope its outer aliases
 * see. */
typedef struct sl_closure {
    const sl_component *component;
    sl_instance *outer; /* NULL for the outermost component */
} sl_closure;

struct sl_instance {
    sl_store *store;
    sl_instance *parent; /* NULL: the root */
    const sl_component *component;
    sl_arena arena; /* index spaces and what link/ makes for it */
    uint32_t id;    /* counts from 0 in the store; for messages */

    /* definitions.py ComponentInstance */
    sl_handle_table handles, threads;
    bool may_enter, may_leave;
    uint32_t backpressure, num_waiting_to_enter;
    sl_thread *exclusive_thread;

    /* Index spaces, sized by component->count, filled by link/. */
    sl_item *space[SL_N_SORTS];
    uint32_t filled[SL_N_SORTS];
    sl_exports exports;

    sl_instance *next; /* all of the store's */
};

/* The item at an index that the validator has checked. */
static inline sl_item *sl_instance_item(sl_instance *inst, sl_sort sort,
                                        uint32_t index)
{
    return &inst->space[sort][index];
}

/* definitions.py may_enter_from, enter_from, leave_to; caller may be NULL. */
bool sl_may_enter_from(sl_instance *inst, sl_instance *caller);
void sl_enter_from(sl_instance *inst, sl_instance *caller);
void sl_leave_to(sl_instance *inst, sl_instance *caller);

/* --- Functions and calls ---------------------------------------------------- */

/* definitions.py FuncInst = (on_start, on_resolve, caller) -> on_cancel. A
 * call is the caller's record; it lives until it has been resolved *and* the
 * callee has let go of it (`refs`). */
struct sl_call {
    /* Produces the arguments (into the given arena) when the callee starts. */
    sl_status (*on_start)(sl_call *call, sl_arena *arena, sl_val *args);
    /* Takes the result: NULL `result` with `cancelled` false when there is
     * none, `cancelled` true when the callee was cancelled instead. The value
     * is borrowed for the call. */
    sl_status (*on_resolve)(sl_call *call, const sl_val *result,
                            bool cancelled);
    void (*free)(sl_call *call); /* when refs falls to 0 */
    int refs;
    bool started, resolved;
    /* Set by the callee while cancelling makes sense (definitions.py
     * OnCancel); NULL: a request is remembered nowhere and does nothing. */
    sl_status (*cancel)(sl_call *call, sl_instance *caller);
    void *callee; /* the callee's */
};
void sl_call_unref(sl_call *call);

struct sl_funcinst {
    const sl_type *type; /* FUNC */
    /* Runs the callee as far as it goes without waiting. A trap inside is
     * SL_ETRAP, recorded in the store. */
    sl_status (*invoke)(sl_funcinst *func, sl_call *call, sl_instance *caller);
    sl_instance *inst; /* the lifting instance; NULL for a host function */
    void *ctx;
};

/* --- Threads and tasks ------------------------------------------------------ */

typedef enum sl_wait_kind {
    SL_WAIT_NONE,     /* running, or suspended until somebody resumes it */
    SL_WAIT_YIELD,    /* always ready */
    SL_WAIT_ENTER,    /* until there is no backpressure */
    SL_WAIT_SET,      /* until the waitable set has an event */
    SL_WAIT_WAITABLE, /* until one waitable has an event */
    SL_WAIT_SUBTASK,  /* until a synchronous subtask is resolved */
} sl_wait_kind;

struct sl_thread {
    sl_core_thread core; /* .host points back here */
    sl_task *task;
    sl_fiber *fiber;   /* NULL: a parked callback task, it holds no stack */
    uint32_t index;    /* in inst->threads; 0: not registered */
    bool cancellable;
    bool needs_exclusive_free; /* with YIELD and SET: callback threads also
                                  wait until inst->exclusive_thread is free */
    sl_wait_kind wait;
    void *wait_on;     /* the set, waitable or subtask */
    bool cancelled;    /* what the resumer passed in */
    bool queued;       /* in the store's ready queue */
    uint64_t storage[2];
    sl_thread *next_waiting, *prev_waiting; /* in the store's waiting list */
    sl_thread *next_of_task;
    sl_thread *resumer; /* whom it gives control back to */
};

typedef enum sl_task_state { /* definitions.py Task.State */
    SL_TASK_INITIAL,
    SL_TASK_STARTED,
    SL_TASK_PENDING_CANCEL,
    SL_TASK_CANCEL_DELIVERED,
    SL_TASK_RESOLVED,
} sl_task_state;

struct sl_canon_fn; /* canon/canon.h: options, resolved to run-time objects */

struct sl_task {
    const sl_type *type; /* FUNC */
    const struct sl_canon_fn *lift;
    sl_instance *inst;
    sl_call *call; /* on_start, on_resolve */
    sl_task_state state;
    uint32_t num_borrows;
    sl_thread *implicit_thread;
    sl_thread *threads; /* registered ones */
    uint32_t n_threads;
    sl_arena arena; /* what lives as long as the task */
};

/* --- Waitables ----------------------------------------------------------------- */

typedef enum sl_event_code {
    SL_EVENT_NONE = 0,
    SL_EVENT_SUBTASK = 1,
    SL_EVENT_STREAM_READ = 2,
    SL_EVENT_STREAM_WRITE = 3,
    SL_EVENT_FUTURE_READ = 4,
    SL_EVENT_FUTURE_WRITE = 5,
    SL_EVENT_TASK_CANCELLED = 6,
} sl_event_code;

typedef struct sl_event {
    sl_event_code code;
    uint32_t p1, p2;
} sl_event;

struct sl_waitable {
    sl_instance *inst;
    /* Pending event: NULL, or the closure that makes it when it is delivered
     * (with its effects: definitions.py set_pending_event). */
    sl_event (*pending_event)(sl_waitable *w);
    sl_waitable_set *set;
    sl_waitable *next_in_set, *prev_in_set;
    bool has_sync_waiter;
    sl_thread *sync_waiter; /* the thread to wake */
};

struct sl_waitable_set {
    sl_waitable *elems;
    uint32_t n, n_pending, num_waiting;
};

void sl_waitable_init(sl_waitable *w, sl_instance *inst);
/* Sets the event and wakes who waits for it. */
void sl_waitable_set_event(sl_waitable *w, sl_event (*event)(sl_waitable *w));
bool sl_waitable_has_event(const sl_waitable *w);
sl_event sl_waitable_take_event(sl_waitable *w);
void sl_waitable_join(sl_waitable *w, sl_waitable_set *set); /* NULL: leave */
/* Blocks the current thread until the waitable has an event. */
sl_status sl_waitable_wait(sl_waitable *w);

typedef enum sl_subtask_state {
    SL_SUBTASK_STARTING = 0,
    SL_SUBTASK_STARTED = 1,
    SL_SUBTASK_RETURNED = 2,
    SL_SUBTASK_CANCELLED_BEFORE_STARTED = 3,
    SL_SUBTASK_CANCELLED_BEFORE_RETURNED = 4,
} sl_subtask_state;

struct sl_subtask {
    sl_waitable waitable; /* first */
    sl_call call;
    sl_subtask_state state;
    bool cancellation_requested, resolve_delivered;
    uint32_t index; /* its handle */
};

/* --- Store ------------------------------------------------------------------------ */

typedef struct sl_store_limits {
    sl_core_limits core;
    uint32_t handles;        /* per instance */
    uint32_t tasks;          /* live in the store */
    uint64_t call_bytes;     /* lifted from guest to host in one call */
    size_t fiber_stack_bytes;
    size_t wasm_stack_bytes; /* per thread */
} sl_store_limits;

struct sl_store {
    sl_core_store *core;
    sl_loop *loop;
    sl_data_ctx *data;
    sl_store_limits limits;
    uint64_t seed, random; /* the chooser: 0 = first come, first served */
    sl_instance *instances;
    uint32_t n_instances;
    sl_thread *waiting;   /* all threads that wait (definitions.py) */
    SL_VEC(sl_thread *) ready; /* candidates for the next tick */
    sl_thread *current;   /* running now; NULL: the host */
    int nesting_depth;
    struct sl_fiber_pool *fibers;
    sl_trap_info trap;    /* of the call that runs now; cleared by the host */
    sl_post tick;         /* posts itself while something is ready */
    bool closing;
    /* Host hook: a trap that no host call is there to receive (a task that
     * went on after its result, found by the loop). May be NULL. */
    void (*on_trap)(sl_store *store, void *arg);
    void *on_trap_arg;
    uint32_t live_tasks, live_threads, live_ends, live_subtasks; /* counters */
};

/* Borrows the loop. */
sl_store *sl_store_new(sl_loop *loop, const sl_store_limits *limits,
                       sl_err *err);
/* Unwinds every parked thread (they see SL_ECANCELLED), drops every handle,
 * frees every instance. */
void sl_store_free(sl_store *store);
sl_store_limits sl_store_limits_default(void);
/* A number below n from the store's chooser; 0 always with seed 0. */
uint32_t sl_store_choose(sl_store *store, uint32_t n);

/* definitions.py Store.invoke: a call from the host. */
sl_status sl_store_invoke(sl_store *store, sl_funcinst *func, sl_call *call);
/* definitions.py Store.tick: resumes one ready thread; false when there was
 * none. *status is SL_ETRAP when it trapped (store->trap says how). */
bool sl_store_tick(sl_store *store, sl_status *status);
/* Has the loop call tick for as long as something is ready. */
void sl_store_schedule(sl_store *store);

/* Records a trap on the running thread (or the store); returns SL_ETRAP. */
sl_status sl_store_trap(sl_store *store, const char *fmt, ...) SL_PRINTF(2, 3);
/* The specification's trap_if: the only macro that returns. */
#define SL_TRAP_IF(store, condition, ...)                                      \
    do {                                                                       \
        if (condition)                                                         \
            return sl_store_trap((store), __VA_ARGS__);                        \
    } while (0)

/* --- Thread operations (definitions.py class Thread) ------------------------- */

/* A suspended thread that will run fn(thread, arg) on a fiber of its own. */
sl_thread *sl_thread_new(sl_task *task, sl_status (*fn)(sl_thread *, void *),
                         void *arg, sl_err *err);
/* Switches to it until it blocks, ends or traps. */
sl_status sl_thread_resume(sl_thread *thread, bool cancelled);
/* Blocks the running thread until what `wait` says; *cancelled may be NULL
 * when `cancellable` is false. SL_ECANCELLED: the store is closing. */
sl_status sl_thread_wait_until(sl_thread *thread, sl_wait_kind wait,
                               void *wait_on, bool cancellable,
                               bool *cancelled);
/* Is what it waits for there? */
bool sl_thread_ready(const sl_thread *thread);
/* Something changed that may make it ready: queue it and schedule a tick. */
void sl_thread_wake(sl_thread *thread);
static inline sl_thread *sl_thread_of(sl_core_thread *core)
{
    return core->host;
}

/* Task operations (definitions.py class Task). */
sl_task *sl_task_new(const sl_type *type, const struct sl_canon_fn *lift,
                     sl_instance *inst, sl_call *call, sl_err *err);
sl_status sl_task_enter_implicit_thread(sl_task *task, bool *entered);
sl_status sl_task_exit_implicit_thread(sl_task *task);
sl_status sl_task_request_cancellation(sl_task *task, sl_instance *caller);
bool sl_task_deliver_pending_cancel(sl_task *task, bool cancellable);
sl_status sl_task_return(sl_task *task, const sl_val *result);
sl_status sl_task_cancel(sl_task *task);

#endif
