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
typedef struct sl_fiber sl_fiber; /* fiber.h */
typedef struct sl_deadline sl_deadline;

/* --- Handle tables (CanonicalABI.md "Table State") ------------------------ */

typedef enum sl_handle_kind {
    SL_HANDLE_FREE,
    SL_HANDLE_RESOURCE,
    SL_HANDLE_SUBTASK,     /* waitable */
    SL_HANDLE_STREAM_READ, /* waitable: an sl_end, as are the next three */
    SL_HANDLE_STREAM_WRITE,
    SL_HANDLE_FUTURE_READ,
    SL_HANDLE_FUTURE_WRITE,
    SL_HANDLE_WAITABLE_SET,
    SL_HANDLE_ERROR_CONTEXT,
    SL_HANDLE_THREAD, /* in the threads table only */
    SL_N_HANDLE_KINDS,
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

/* SL_ETRAP when the table is full, recorded on the store; SL_ENOMEM. */
sl_status sl_handles_add(sl_instance *inst, sl_handle_kind kind, void *item,
                         uint32_t *index);
/* "unknown handle index 3", or used with the wrong type; returns SL_ETRAP. */
sl_status sl_handles_trap(sl_instance *inst, uint32_t index,
                          const char *expected);
/* NULL when there is no such handle. */
sl_handle *sl_handles_get(sl_handle_table *table, uint32_t index);
/* The slot must be live. */
void sl_handles_remove(sl_handle_table *table, uint32_t index);
/* Looks up and checks the kind; SL_ETRAP (recorded) otherwise. */
sl_status sl_handles_expect(sl_instance *inst, uint32_t index,
                            sl_handle_kind kind, void **item);

/* --- Component instances -------------------------------------------------- */

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
        struct sl_resource *resource; /* a type that is a resource */
        struct sl_closure *component;
        struct sl_exports *instance;
        struct sl_value *value; /* link/value.h */
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
    uint32_t *sorted; /* positions in order of names, or NULL; link/ */
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

typedef struct sl_thread_list {
    sl_thread *head, *tail;
} sl_thread_list;

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
    uint32_t sync_depth; /* synchronous calls that run in it now */
    /* Two of those may be under way, run in any order and see each other:
     * each gets a fiber of its own. */
    bool reenters;
    bool keeps_light; /* sl_light_keep */
    /* Threads that wait for the instance: for the exclusive lock, or to enter
     * (those that will take the lock, and those that will not). */
    sl_thread_list gate[3];

    /* Index spaces, sized by component->count, filled by link/. Each segment
     * in them is a reference. */
    sl_item *space[SL_N_SORTS];
    uint32_t filled[SL_N_SORTS];
    sl_exports exports;
    sl_instance *outer; /* whose scope outer aliases see; link/ */
    struct sl_resource_binding *resources; /* resource.c */

    sl_instance *next; /* all of the store's */
};

/* An instance without contents: index spaces sized by the component, enterable.
 * It belongs to the store. */
sl_instance *sl_instance_new(sl_store *store, sl_instance *parent,
                             const sl_component *component, sl_err *err);

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

/* --- Functions and calls -------------------------------------------------- */

/* definitions.py FuncInst = (on_start, on_resolve, caller) -> on_cancel. A
 * call is the caller's record; it lives until it has been resolved *and* the
 * callee has let go of it (`refs`). The callee, guest or host, goes through
 * sl_call_start, sl_call_resolve and sl_call_unref. */
struct sl_call {
    /* Produces the arguments (into the given arena) when the callee starts.
     * Their streams and futures are then the callee's. */
    sl_status (*on_start)(sl_call *call, sl_arena *arena, sl_val *args);
    /* Takes the result: NULL `result` with `cancelled` false when there is
     * none, `cancelled` true when the callee was cancelled instead. The value
     * is borrowed for the call, except its streams and futures: who wants
     * them takes them out (setting the member to NULL). */
    sl_status (*on_resolve)(sl_call *call, const sl_val *result,
                            bool cancelled);
    void (*free)(sl_call *call); /* when refs falls to 0 */
    sl_instance *caller;         /* NULL: the host */
    int refs;
    bool started, resolved;
    /* Set by the callee while cancelling makes sense (definitions.py
     * OnCancel); NULL: a request is remembered nowhere and does nothing. */
    sl_status (*cancel)(sl_call *call, sl_instance *caller);
    void *callee; /* the callee's */
    /* A host's call: until when what it leads to may run, or NULL for as long
     * as whoever runs now may. The host's reference. */
    sl_deadline *deadline;
};
void sl_call_ref(sl_call *call);
void sl_call_unref(sl_call *call);
/* Task.start, or a host function taking its arguments. */
sl_status sl_call_start(sl_call *call, sl_arena *arena, sl_val *args);
/* Task.return_, Task.cancel or a host function that has its result, within
 * invoke or later from the loop; at most once. A trap while the result is
 * lowered outside of any thread goes to the store's on_trap. */
sl_status sl_call_resolve(sl_call *call, const sl_val *result, bool cancelled);

struct sl_funcinst {
    const sl_type *type; /* FUNC */
    /* Runs the callee as far as it goes without waiting. A trap inside is
     * SL_ETRAP, recorded in the store. A callee that goes on takes a reference
     * to the call. */
    sl_status (*invoke)(sl_funcinst *func, sl_call *call, sl_instance *caller);
    sl_instance *inst; /* the lifting instance; NULL for a host function */
    void *ctx;
};

/* --- Threads and tasks ---------------------------------------------------- */

typedef enum sl_wait_kind {
    SL_WAIT_NONE,     /* running, or suspended until somebody resumes it */
    SL_WAIT_YIELD,    /* always ready */
    SL_WAIT_ENTER,    /* until there is no backpressure */
    SL_WAIT_SET,      /* until the waitable set has an event */
    SL_WAIT_WAITABLE, /* until one waitable has an event */
    SL_WAIT_SUBTASK,  /* until a synchronous subtask is resolved */
} sl_wait_kind;

/* of a waiting thread, exactly one */
typedef enum sl_thread_place {
    SL_PLACE_NONE,  /* who wakes it knows it */
    SL_PLACE_READY, /* in the store's ready queue */
    SL_PLACE_LIST,  /* in a gate or a waitable set's
                       list */
} sl_thread_place;

struct sl_thread {
    sl_core_thread *core; /* its fiber's; .host is the thread that runs */
    sl_task *task;
    sl_fiber *fiber; /* NULL: not started, parked, or on its caller's stack */
    sl_status (*fn)(sl_thread *thread, void *arg);
    void *arg;
    uint32_t index; /* in inst->threads; 0: not registered */
    bool running;
    bool nested;  /* of a synchronous call: runs on its caller's stack */
    bool resumed; /* nested: somebody switched to it */
    bool cancellable;
    bool cancelled;  /* what the resumer passed in */
    bool owns_arg;   /* arg is freed with the thread */
    bool needs_lock; /* with YIELD and SET: callback threads also wait until
                        inst->exclusive_thread is free */
    uint8_t wait;    /* sl_wait_kind */
    uint8_t place;   /* sl_thread_place */
    void *wait_on;   /* the set, waitable or subtask */
    size_t ready_at; /* PLACE_READY: where */
    sl_thread_list *list; /* PLACE_LIST: which */
    uint64_t since;       /* when it began to wait, by the store's count */
    uint64_t trace_id, blocked_ns; /* 0: nobody listens; it is not blocked */
    uint8_t blocked_on;   /* sl_wait_kind, for tracing */
    sl_thread *next_in_list, *prev_in_list;
    sl_thread *next_of_task, *prev_of_task;
    sl_thread *next, *prev; /* all of the store's */
    uint64_t storage[2];
};

/* definitions.py Task.State */
typedef enum sl_task_state {
    SL_TASK_INITIAL,
    SL_TASK_STARTED,
    SL_TASK_PENDING_CANCEL,
    SL_TASK_CANCEL_DELIVERED,
    SL_TASK_RESOLVED,
} sl_task_state;

struct sl_canon_fn; /* canon/canon.h: options, resolved to run-time objects */

struct sl_task {
    const sl_type *type; /* FUNC; NULL: a core function run synchronously */
    const struct sl_canon_fn *lift; /* NULL with type */
    sl_instance *inst;
    sl_call *call;         /* a reference, until it is resolved */
    sl_deadline *deadline; /* a reference, or NULL: none */
    uint8_t state;         /* sl_task_state */
    bool needs_exclusive;  /* Task.needs_exclusive, of an async type */
    bool async_lifted;     /* lifted with `async`: may call task.return */
    uint8_t phase;         /* canon/lift.c's */
    sl_waitable_set *set;  /* a parked callback task waits for it */
    uint32_t num_borrows;
    sl_thread *implicit_thread;
    sl_thread *threads; /* registered ones */
    uint32_t n_threads; /* that exist, registered or not */
    const sl_core_func *core; /* what it runs, for tracing; may be NULL */
    uint64_t trace_id, begun_ns; /* 0: nobody listens */
};

/* --- Waitables ------------------------------------------------------------ */

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
    sl_waitable *next_in_set, *prev_in_set; /* in `idle` or `pending` */
    sl_thread *sync_waiter;                 /* definitions.py has_sync_waiter */
};

typedef struct sl_waitable_list {
    sl_waitable *head, *tail;
    uint32_t n;
} sl_waitable_list;

struct sl_waitable_set {
    sl_waitable_list idle, pending; /* without and with an event */
    sl_thread_list waiters;
    uint32_t num_waiting;
};

void sl_waitable_init(sl_waitable *w, sl_instance *inst);
/* Sets the event and wakes who waits for it. */
void sl_waitable_set_event(sl_waitable *w, sl_event (*event)(sl_waitable *w));
bool sl_waitable_has_event(const sl_waitable *w);
sl_event sl_waitable_take_event(sl_waitable *w);
void sl_waitable_join(sl_waitable *w, sl_waitable_set *set); /* NULL: leave */
/* Blocks the running thread until the waitable has an event. */
sl_status sl_waitable_wait(sl_waitable *w);
/* Forgets event and set: it is about to be freed. */
void sl_waitable_deinit(sl_waitable *w);

sl_waitable_set *sl_waitable_set_new(sl_err *err);
void sl_waitable_set_free(sl_waitable_set *set); /* store close, too */
static inline bool sl_waitable_set_has_event(const sl_waitable_set *set)
{
    return set->pending.n > 0;
}
/* There must be one. */
sl_event sl_waitable_set_take_event(sl_store *store, sl_waitable_set *set);

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
    struct sl_lend *lends; /* canon/resource.c: lent handles' counters */
    uint32_t index;        /* its handle */
};

/* --- Store ---------------------------------------------------------------- */

typedef struct sl_store_limits {
    sl_core_limits core;
    uint32_t handles;    /* per instance */
    uint32_t tasks;      /* live in the store */
    uint64_t call_bytes; /* lifted from guest to host in one call */
    size_t fiber_stack_bytes;
    size_t wasm_stack_bytes; /* per thread */
} sl_store_limits;

/* The host's part of something a store uses (its ends of streams): told once,
 * newest first, before the instances of a closing store go. */
typedef struct sl_closer {
    void (*fn)(struct sl_closer *closer); /* removed already when called */
    struct sl_closer *next, *prev;
    bool added;
} sl_closer;

/* --- Deadlines ------------------------------------------------------------ */

#define SL_NO_DEADLINE UINT64_MAX

/* Until when code may run on behalf of one call of the host's: shared by the
 * call and all tasks that it leads to. Code that runs past it traps. */
struct sl_deadline {
    sl_store *store;
    uint32_t refs;
    bool told;                /* it has passed, and its host knows */
    uint64_t at_ns;           /* by sl_loop_now_ns */
    sl_deadline *next, *prev; /* all of the store's */
};

/* One reference; NULL when memory is short. */
sl_deadline *sl_deadline_new(sl_store *store, uint64_t at_ns);
sl_deadline *sl_deadline_ref(sl_deadline *deadline); /* NULL is fine */
void sl_deadline_unref(sl_deadline *deadline);       /* NULL is fine */
/* Of everything in the store. */
void sl_store_set_deadline(sl_store *store, uint64_t at_ns);
/* Whose deadline is what runs now under? NULL: none. */
sl_deadline *sl_store_running_deadline(const sl_store *store);
/* So long may run at a time what still runs though the time is over and its
 * host knows; or what runs for no call while the time of some call is over. */
#define SL_DEADLINE_GRACE_NS UINT64_C(100000000)

/* Something that the host asks of guest code, and with what. */
typedef struct sl_entry_what {
    void *a, *b;
} sl_entry_what;
typedef sl_status sl_entry_fn(sl_store *store, sl_entry_what what);
typedef struct sl_entry {
    sl_fiber *fiber; /* NULL: there is none */
    sl_entry_fn *fn;
    sl_entry_what what;
    sl_call *call; /* a reference, or NULL */
} sl_entry;

struct sl_store {
    sl_core_store *core;
    sl_loop *loop;
    sl_data_ctx *data;
    sl_tracer *tracer; /* NULL: nobody listens */
    /* Host hook: bytes go to a descriptor. Told before (NULL, 0) and after each
     * write. May be NULL. */
    void (*on_output)(void *arg, int fd, const uint8_t *bytes, size_t n);
    void *on_output_arg;
    sl_store_limits limits;
    uint64_t seed, random;  /* the chooser: 0 = first come, first served */
    sl_instance *instances; /* newest first */
    uint32_t n_instances;
    sl_thread *threads; /* all that exist */
    struct {            /* candidates for the next tick; NULL: left */
        sl_thread **v;
        size_t head, n, cap, live; /* v[head .. n) */
    } ready;
    uint64_t clock;     /* counts waits */
    sl_thread *current; /* running now, but for sl_lights; NULL: the host */
    sl_fiber *fiber;    /* ... on this stack; NULL: the host's */
    int nesting_depth;
    uint32_t n_running; /* fibers, each resumed by the one before */
    bool holds;         /* sl_store_hold: the loop shall turn */
    bool turned;        /* ... and something is left to wait for */
    struct sl_fiber_pool *fibers;
    sl_entry entry;         /* what runs for the host, or is stalled */
    bool has_lazy_data; /* core code may stall it: memory.init */
    bool freezing;      /* just now, from the inside outwards */
    bool stalled;
    uint32_t inside; /* host functions around that call into the store */
    sl_post resume;
    /* Host hook: it is not stalled any more. May be NULL. */
    void (*on_resumed)(sl_store *store, void *arg);
    void *on_resumed_arg;
    sl_post tick;      /* posts itself while something is ready */
    bool closing;
    sl_closer *closers;
    sl_deadline *deadlines; /* all */
    uint64_t deadline_ns;   /* the store's own */
    sl_deadline *for_host;  /* of what runs while `current` is NULL */
    uint64_t n_runs;        /* times that the host let guest code run */
    uint64_t run_seen, run_since_ns; /* the last one that was asked about */
    /* Host hook: a trap that no host call is there to receive (a task that
     * went on after its result, found by the loop). The instances on its way
     * can never be entered again, so calls into them that have not resolved
     * never will. May be NULL. */
    void (*on_trap)(sl_store *store, void *arg);
    void *on_trap_arg;
    /* How to free what is still in a handle table when the store closes; the
     * folder that adds handles of a kind sets its entry. */
    void (*free_item[SL_N_HANDLE_KINDS])(sl_store *store, void *item);
    sl_status run_status; /* sl_store_run: what a tick ended with */
    bool *run_done;
    uint32_t live_tasks, live_threads, live_ends, live_subtasks; /* counters */
    struct sl_task_block *spare; /* of tasks that are gone */
    uint32_t n_spare, n_light;   /* sl_lights without a thread, or kept */
    uint32_t max_light;          /* for so many there is room */
    /* The last trap; cleared when the host calls. At the end, because its
     * frames are never cleared. */
    sl_trap_info trap;
};

/* Borrows the loop. */
sl_store *sl_store_new(sl_loop *loop, const sl_store_limits *limits,
                       sl_err *err);
/* Unwinds every parked thread (they see SL_ECANCELLED), drops every handle,
 * frees every instance. */
void sl_store_free(sl_store *store);
sl_store_limits sl_store_limits_default(void);
/* Tells who listens of something whose name is that of a core function (NULL: it
 * is not known). */
void sl_store_trace_func(const sl_store *store, const sl_trace_event *event,
                         const sl_core_func *func);
void sl_store_add_closer(sl_store *store, sl_closer *closer);
/* Does nothing when it was removed or called already. */
void sl_store_remove_closer(sl_store *store, sl_closer *closer);
/* A number below n from the store's chooser; 0 always with seed 0. */
uint32_t sl_store_choose(sl_store *store, uint32_t n);

/* definitions.py Store.invoke: a call from the host. Not while it is stalled. */
sl_status sl_store_invoke(sl_store *store, sl_funcinst *func, sl_call *call);
/* The same where it has to return before anything else happens: code that would
 * stall the store traps. */
sl_status sl_store_invoke_now(sl_store *store, sl_funcinst *func,
                              sl_call *call);
/* The host's request that a call be cancelled; the callee may run to hear of
 * it. Not while the store is stalled. */
sl_status sl_store_cancel(sl_store *store, sl_call *call);
/* definitions.py Store.tick: resumes one ready thread; false when there was
 * none. *status is SL_ETRAP when it trapped (store->trap says how). */
bool sl_store_tick(sl_store *store, sl_status *status);
/* Has the loop call tick for as long as something is ready. */
void sl_store_schedule(sl_store *store);
/* Runs the loop until *done. Another status than SL_OK when something trapped
 * or exited first (*done is then set, and the call behind it may be lost);
 * SL_EDEADLOCK ("deadlock detected: event loop cannot make further progress" in
 * store->trap): nothing is left that could set it. */
sl_status sl_store_run(sl_store *store, bool *done);

/* --- entry.c: waiting of the store as a whole -------------------------------- */

/* May the code that runs stall its store? Not where the host waits for it on its
 * own stack: instantiation, a realloc for what a host function brings later, a
 * destructor that the host runs, a call out of a host function. */
bool sl_store_may_stall(const sl_store *store);
/* Leaves what runs as it is, all its callers included, until sl_store_resume();
 * nothing else of the store runs before. SL_ECANCELLED: it is being freed. */
sl_status sl_store_stall(sl_store *store);
/* hold.c: where the store may not be stalled, because the host waits on its own
 * stack: waits for *done there, while the store's own loop turns. Only if the
 * host did not call from inside of that loop, and nothing else is under way in
 * the store: an instantiation. SL_ETRAP: it could not be; the time is over. */
sl_status sl_store_hold(sl_core_thread *core, const bool *done);
/* Has the loop go on with what is stalled. */
void sl_store_resume(sl_store *store);

/* Forgets the last trap. */
void sl_store_clear_trap(sl_store *store);
/* Records a trap on the running thread (or the store); returns SL_ETRAP. */
sl_status sl_store_trap(sl_store *store, const char *fmt, ...) SL_PRINTF(2, 3);
/* A trap found by the loop outside of any thread (a data fault, a result that
 * cannot be lowered): the instance can never be entered again; tells the host
 * (on_trap). */
void sl_instance_trap(sl_instance *inst, const char *fmt, ...) SL_PRINTF(2, 3);
/* The specification's trap_if: the only macro that returns. */
#define SL_TRAP_IF(store, condition, ...)                                      \
    do {                                                                       \
        if (condition)                                                         \
            return sl_store_trap((store), __VA_ARGS__);                        \
    } while (0)

/* --- Running guest code --------------------------------------------------- */

/* Calls a core function of the instance as canon_lift of a synchronous type
 * would: on a thread and task of its own with fresh context storage, on the
 * running fiber (on a pooled one when the host runs). realloc, post-return,
 * destructors. may_enter and may_leave are the caller's business. */
sl_status sl_instance_call(sl_instance *inst, sl_core_func *func,
                           sl_slot *vals);
/* The same for any code that needs a core thread; enters the instance from
 * the host around it (core instantiation with its start functions). */
sl_status sl_instance_run(sl_instance *inst,
                          sl_status (*fn)(sl_core_thread *core, void *arg),
                          void *arg);

/* --- Thread operations (definitions.py class Thread) ---------------------- */

/* A suspended thread of the task that will run fn(thread, arg) on a fiber of
 * its own. When fn returns with the thread parked it is called again, from
 * its start, at the next resume; else the thread is freed. */
sl_thread *sl_thread_new(sl_task *task, sl_status (*fn)(sl_thread *, void *),
                         void *arg, sl_err *err);
/* Switches to it until it blocks, ends or traps. */
sl_status sl_thread_resume(sl_thread *thread, bool cancelled);
/* Thread.suspend, and the switching forms (`other` suspended; NULL: none). */
sl_status sl_thread_suspend(sl_thread *thread, sl_thread *other,
                            bool cancellable, bool *cancelled);
sl_status sl_thread_yield(sl_thread *thread, sl_thread *other, bool cancellable,
                          bool *cancelled);
/* Thread.resume_later; the thread must be suspended. */
void sl_thread_resume_later(sl_thread *thread);
/* definitions.py suspended(): neither running nor waiting. */
static inline bool sl_thread_suspended(const sl_thread *thread)
{
    return !thread->running && thread->wait == SL_WAIT_NONE;
}
/* Makes a ready, waiting thread a suspended one (to be switched to). */
void sl_thread_stop_waiting(sl_thread *thread);
/* Blocks the running thread until what `wait` says; *cancelled may be NULL
 * when `cancellable` is false. SL_ECANCELLED: the store is closing. */
sl_status sl_thread_wait_until(sl_thread *thread, sl_wait_kind wait,
                               void *wait_on, bool cancellable,
                               bool *cancelled);
/* The same, cancellable, for a thread whose C frames hold nothing. *parked:
 * its fn must return SL_OK now, which gives the fiber back. Else it goes on. */
sl_status sl_thread_park(sl_thread *thread, sl_wait_kind wait, void *wait_on,
                         bool *parked, bool *cancelled);
/* Is what it waits for there? */
bool sl_thread_ready(const sl_thread *thread);
/* Something changed that may make it ready: queue it and schedule a tick. */
void sl_thread_wake(sl_thread *thread);
/* Would the thread trap if it blocked now? True inside a synchronous call
 * when no other thread of the instance could run meanwhile; *msg, if not NULL,
 * is then the trap's message. */
bool sl_thread_must_not_block(const sl_thread *thread, const char **msg);

/* --- Synchronous tasks that nobody has looked at -------------------------- */

/* A synchronous call runs on its caller's stack, and its task and thread are
 * seen only by a built-in that asks for them: then they are made. Until then
 * they are this, on the C stack, and core->host points here (its lowest bit
 * says so). In one instance there is at most one, because calls into it trap
 * meanwhile (or it `reenters`), so that threads get the indices they always
 * would. */
typedef struct sl_light_kind {
    sl_instance *inst;
    bool kept;           /* by sl_light_keep */
    const sl_type *type; /* NULL: realloc or post-return, with may_leave
                            cleared: in no table */
    const struct sl_canon_fn *lift;
} sl_light_kind;

typedef struct sl_light {
    sl_core_mark mark;  /* of a sl_light_kind; seen by the thread made then */
    sl_thread *current; /* store->current before that */
} sl_light;

/* Makes sure that what is asked for can be made: SL_ENOMEM otherwise. */
sl_status sl_light_reserve(sl_instance *inst);
/* The same for good, for all functions' tasks of an instance (of which there is
 * one at a time) whose kind is then `kept`. */
sl_status sl_light_keep(sl_instance *inst);

static inline bool sl_light_has_room(const sl_light_kind *kind)
{
    const sl_instance *inst = kind->inst;
    const sl_handle_table *table = &inst->threads;
    return kind->kept ||
           (inst->store->n_light < inst->store->max_light &&
            (table->free.n != 0 || table->array.n != table->array.cap));
}

/* Begins where there is room for it. */
static inline void sl_light_put(sl_core_thread *core, sl_light *light,
                                const sl_light_kind *kind)
{
    light->mark = (sl_core_mark){core->host, kind, NULL};
    if (!kind->kept)
        kind->inst->store->n_light++;
    core->host = (void *)((uintptr_t)light | 1);
}

static inline sl_status sl_light_begin(sl_core_thread *core, sl_light *light,
                                       const sl_light_kind *kind)
{
    if (!sl_light_has_room(kind)) {
        sl_status status = sl_light_reserve(kind->inst);
        if (status != SL_OK)
            return status;
    }
    sl_light_put(core, light, kind);
    return SL_OK;
}

/* The end of one whose thread was made; returns `status` or a trap. */
sl_status sl_light_finish(sl_light *light, sl_status status);

/* `status`: what the call ended with. */
static inline sl_status sl_light_end(sl_core_thread *core, sl_light *light,
                                     sl_status status)
{
    const sl_light_kind *kind = light->mark.kind;
    core->host = light->mark.outer;
    if (light->mark.seen != NULL)
        return sl_light_finish(light, status);
    if (!kind->kept)
        kind->inst->store->n_light--;
    return status;
}

sl_thread *sl_light_thread(sl_core_thread *core);

/* The component-level thread that runs on a core thread. */
static inline sl_thread *sl_thread_of(sl_core_thread *core)
{
    return ((uintptr_t)core->host & 1) != 0 ? sl_light_thread(core)
                                            : (sl_thread *)core->host;
}

/* Task operations (definitions.py class Task). */

/* A task and its implicit thread (suspended, runs fn with the task as arg).
 * Takes a reference to the call (NULL: none). */
sl_task *sl_task_new(const sl_type *type, const struct sl_canon_fn *lift,
                     sl_instance *inst, sl_call *call,
                     sl_status (*fn)(sl_thread *, void *), sl_err *err);
/* Runs the implicit thread of a synchronous task to its end, on the running
 * fiber or a pooled one, letting other threads of the instance run when it
 * blocks: the loop at the end of canon_lift. Frees the task if it can. */
sl_status sl_task_run_sync(sl_task *task);
/* Whether it has to wait to enter; takes the exclusive lock, registers. */
bool sl_task_has_backpressure(const sl_task *task);
sl_status sl_task_entered(sl_task *task);
sl_status sl_task_exit_implicit_thread(sl_task *task);
sl_status sl_task_register_thread(sl_task *task, sl_thread *thread);
sl_status sl_task_unregister_thread(sl_task *task, sl_thread *thread);
/* inst->exclusive_thread = NULL, letting who waits for it have it. */
void sl_instance_unlock(sl_instance *inst);
/* Lets threads try that wait to enter or for the lock. */
void sl_instance_open_gate(sl_instance *inst);
sl_status sl_task_request_cancellation(sl_task *task, sl_instance *caller);
bool sl_task_deliver_pending_cancel(sl_task *task, bool cancellable);
/* Traps when it has resolved already or still holds borrows. */
sl_status sl_task_may_resolve(const sl_task *task);
/* It has: its call, if it has one, knows. */
void sl_task_resolved(sl_task *task);
/* Task.return_ and Task.cancel. `result` is NULL when the type has none. */
sl_status sl_task_return(sl_task *task, const sl_val *result);
sl_status sl_task_cancel(sl_task *task);

#endif
