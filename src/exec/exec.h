/* Running core code: stores, instances and calls. Everything here belongs to
 * one store and is used from one thread at a time.
 * Core specification, "Execution / Runtime Structure". */
#ifndef SL_EXEC_EXEC_H
#define SL_EXEC_EXEC_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/mappings.h"
#include "base/name.h"
#include "core/module.h"

typedef struct sl_core_store sl_core_store;
typedef struct sl_core_instance sl_core_instance;
typedef struct sl_core_func sl_core_func;
typedef struct sl_core_thread sl_core_thread;
typedef struct sl_tag sl_tag;
typedef struct sl_exception sl_exception;

/* One frame slot: a value of any core type. An i32 in a slot is zero-extended
 * or not at the interpreter's whim: read it through .i32. */
typedef union sl_slot {
    uint32_t i32;
    uint64_t i64;
    float f32;
    double f64;
    void *ref; /* funcref: sl_core_func *, NULL is null; exnref:
                  sl_exception *, likewise; externref: any pointer the host
                  gave, null is SL_NULL_EXTERN */
} sl_slot;
#define SL_NULL_EXTERN ((void *)0)

typedef struct sl_memory {
    uint8_t *base; /* never moves: the maximum is reserved up front */
    uint64_t size; /* bytes that are accessible now */
    uint64_t max_pages;
    uint64_t reserved; /* bytes of address space behind `base` */
    bool mapped;       /* files are mapped into it */
    sl_memtype type;
} sl_memory;

typedef struct sl_table {
    void **elems; /* as sl_slot.ref */
    uint64_t n, max;
    sl_tabletype type;
} sl_table;

typedef struct sl_global {
    sl_slot value;
    sl_globaltype type;
} sl_global;

/* Bytes that a module imports as a data segment: whoever supplies them brings
 * them when they are wanted. docs/data-segments.md, section 8. */
typedef struct sl_core_data {
    uint64_t size;
    /* memory.init: brings [from, from + n), which is inside, to `to` in the
     * memory, which has room there; piece by piece, asking sl_core_poll in
     * between, and other threads may run meanwhile. SL_ETRAP after sl_trap(),
     * or another failure. */
    sl_status (*init)(sl_core_thread *thread, struct sl_core_data *data,
                      sl_memory *memory, uint64_t to, uint64_t from,
                      uint64_t n);
} sl_core_data;

/* What an instance imports or exports. */
typedef struct sl_core_extern {
    sl_core_kind kind;
    union {
        sl_core_func *func;
        sl_table *table;
        sl_memory *memory;
        sl_global *global;
        sl_tag *tag;
        sl_core_data *data; /* lives as long as the store; never an export */
    } of;
} sl_core_extern;

/* A function the host provides. `vals` holds the parameters and, on SL_OK, the
 * results in the same place (room for the larger of both). Any other status
 * unwinds the calling core code: SL_ETRAP after sl_trap(), or SL_EEXIT. What
 * sl_core_throw() returned unwinds it as far as a handler in it.
 * It may call sl_core_call on the same thread, or switch fibers underneath. */
typedef sl_status (*sl_core_host_fn)(sl_core_thread *thread, void *ctx,
                                     sl_slot *vals);

/* --- Traps --------------------------------------------------------------- */

#define SL_TRAP_FRAMES_MAX 64

typedef struct sl_trap_frame {
    const sl_core_instance *instance;
    uint32_t func;   /* index in the module */
    uint64_t offset; /* of the instruction in the file */
} sl_trap_frame;

typedef struct sl_trap_info {
    sl_err err; /* the message: "integer divide by zero", ... */
    uint32_t n_frames, n_dropped; /* innermost first */
    const void *last; /* exec's own: where the last frame stands */
    sl_trap_frame frames[SL_TRAP_FRAMES_MAX];
} sl_trap_info;

/* Records a trap in the thread (first one wins); returns SL_ETRAP. */
sl_status sl_trap(sl_core_thread *thread, const char *fmt, ...) SL_PRINTF(2, 3);

/* Prints the message and a line per frame, `0: module!func (offset 0x2a)`,
 * with names from the modules' name sections. */
void sl_trap_format(const sl_trap_info *trap, sl_buf *out);
/* "module!function", as in a backtrace; "host" when it is none of a module's. */
void sl_core_func_print(const sl_core_func *func, sl_buf *out);

/* --- Links -----------------------------------------------------------------
 */

/* What stands between a caller and the function it calls in the end, which may
 * be another component's: a chain of calls, each with something of the host's
 * in front of it and behind it. Core code goes through it without leaving the
 * interpreter's loop: one callee's frame after the other is pushed behind the
 * link's, on the same stack. What they throw ends there. */
typedef struct sl_core_link sl_core_link;
struct sl_core_link {
    sl_core_func *callee;
    const sl_core_link *next; /* NULL: back to the caller */
    /* Puts the callee's parameters to `to`, where the results of the callee
     * before it are. `args` are the caller's, and at last its results; `state`
     * is for what lasts longer. A failure is the end of the whole call. */
    sl_status (*enter)(sl_core_thread *thread, const sl_core_link *link,
                       void *state, sl_slot *args, sl_slot *to);
    /* Takes the callee's results. The same holds for failures. */
    sl_status (*leave)(sl_core_thread *thread, const sl_core_link *link,
                       void *state, sl_slot *args, const sl_slot *results);
    /* Instead: the callee has ended with `status`, which is not SL_OK. */
    void (*abandon)(sl_core_thread *thread, const sl_core_link *link,
                    void *state, sl_status status);
    /* A plain link is alone, and the loop makes its call itself: if *may_leave
     * and *may_enter hold it clears the latter, leaves a mark of that kind and
     * has `put` move the parameters; when the callee has returned, nobody
     * having looked, it takes the mark away, has `take` move the results and
     * sets *may_enter. Else all goes as above. */
    const bool *may_leave;
    bool *may_enter; /* NULL: it is not plain */
    const void *kind;
    /* NULL: so many are copied as they are, of results at most one. */
    sl_status (*put)(const sl_core_link *link, sl_slot *args, sl_slot *to);
    sl_status (*take)(const sl_core_link *link, sl_slot *args,
                      const sl_slot *results);
    uint32_t n_params, n_results;
};
#define SL_LINK_STATE 4 /* slots */

/* What thread->host points to (its lowest bit says so) while a callee runs: the
 * first thing in `state`. */
typedef struct sl_core_mark {
    void *outer;      /* thread->host before */
    const void *kind; /* of the link */
    void *seen;       /* by whom it was looked at; NULL: nobody */
} sl_core_mark;

/* --- Threads of core execution ------------------------------------------- */

/* One stack of wasm frames. A component-model thread that can be suspended in
 * the middle of core code has one of its own; it runs on that thread's fiber.
 */
struct sl_core_thread {
    sl_core_store *store;
    sl_slot *stack, *stack_end;  /* reserved; touched lazily */
    sl_slot *sp;                 /* first free slot */
    struct sl_frame *frame;      /* innermost running frame, for backtraces */
    const void *c_stack_limit;   /* lowest C stack address a call may reach;
                                    NULL: nesting is bounded by count alone */
    uint32_t depth;              /* host -> wasm nesting on this C stack */
    sl_trap_info *trap;          /* where a trap is recorded; never NULL */
    void *host;                  /* the component layer's thread */
    sl_exception *thrown;        /* by a host function, on its way */
    sl_core_thread *next, *prev; /* of the store's threads */
};

/* `stack_slots` of 8 bytes are reserved with a guard behind them. */
sl_status sl_core_thread_init(sl_core_thread *thread, sl_core_store *store,
                              size_t stack_slots, sl_trap_info *trap,
                              sl_err *err);
void sl_core_thread_deinit(sl_core_thread *thread);
/* Gives back the pages of a deep stack (for pooling). */
void sl_core_thread_trim(sl_core_thread *thread);

/* --- Store --------------------------------------------------------------- */

typedef struct sl_core_limits {
    uint64_t memory_pages;   /* of one memory */
    uint64_t memory_bytes;   /* live linear memory of the whole store */
    uint64_t table_elems;    /* of one table */
    uint32_t call_depth;     /* frames on one thread; 0: by stack size alone */
    uint64_t memory64_pages; /* address space for a memory of 64-bit addresses;
                                0: SL_MEMORY64_PAGES */
    sl_mappings *mappings;   /* for stacks and memories; NULL: new ones */
} sl_core_limits;
#define SL_MEMORY64_PAGES UINT64_C(262144) /* 16 GiB */

/* `limits` NULL: none. */
sl_core_store *sl_core_store_new(const sl_core_limits *limits, sl_err *err);
/* Frees every instance, function, memory, table and global in it. */
void sl_core_store_free(sl_core_store *store);
/* Live counters, for tests and `--stats`. */
typedef struct sl_core_stats {
    uint64_t instances, memories, memory_bytes, funcs_translated, ir_bytes;
    uint64_t exceptions, exception_bytes; /* in being */
} sl_core_stats;
sl_core_stats sl_core_store_stats(const sl_core_store *store);
/* Those of its limits. */
sl_mappings *sl_core_store_mappings(const sl_core_store *store);

/* Interrupt: when set from any thread, running code traps ("interrupted") at
 * its next loop back-edge or call. */
void sl_core_store_interrupt(sl_core_store *store);
void sl_core_store_clear_interrupt(sl_core_store *store);
/* Polling: while it is on, running code asks `fn` now and then (at back-edges,
 * calls, throws and between the pieces of bulk instructions; every few
 * microseconds) whether its time is over, and if so traps ("deadline
 * exceeded"). Code runs slower meanwhile: docs/performance.md. */
void sl_core_store_set_poll(sl_core_store *store, bool (*fn)(void *arg),
                            void *arg);
void sl_core_store_poll(sl_core_store *store, bool on);
/* For what a thread's code has called and takes long: SL_OK to go on. */
sl_status sl_core_poll(sl_core_thread *thread);

uint64_t sl_page_size(void); /* the system's, in bytes */
/* Lets files be mapped into memories of the store, with a handler for SIGBUS in
 * this process (exec/guard.h). False: that could not be. */
bool sl_core_store_allow_mapping(sl_core_store *store);
/* Maps a file's pages over those of a memory, private and writable, instead of
 * copying: as many bytes of [ptr, ptr + len) as make whole pages, from `ptr`
 * on, which must be at a page's beginning, as `offset` must; both inside. How
 * many; 0: not here. */
uint64_t sl_memory_map_file(sl_core_store *store, sl_memory *memory,
                            uint64_t ptr, uint64_t len, int fd,
                            uint64_t offset);

/* Things of the host's own; they live as long as the store. */
sl_core_func *sl_core_func_new_host(sl_core_store *store,
                                    const sl_functype *type, sl_core_host_fn fn,
                                    void *ctx, sl_err *err);
/* From now on calls of a host's function go through the link, which lives as
 * long as the store; so does the call that does this to its own function, once
 * it has returned SL_OK. */
void sl_core_func_link(sl_core_store *store, sl_core_func *func,
                       const sl_core_link *link);
sl_memory *sl_memory_new(sl_core_store *store, sl_memtype type, sl_err *err);
sl_table *sl_table_new(sl_core_store *store, sl_tabletype type, sl_err *err);
sl_global *sl_global_new(sl_core_store *store, sl_globaltype type,
                         sl_slot value, sl_err *err);

sl_tag *sl_tag_new(sl_core_store *store, const sl_functype *type, sl_err *err);

const sl_functype *sl_core_func_type(const sl_core_func *func);
/* Whether a function has exactly that type. */
bool sl_core_func_has_type(const sl_core_func *func, const sl_functype *type);
sl_core_externtype sl_core_extern_type(const sl_core_extern *item);

/* Grows by `delta` pages; returns the old size in pages, -1 when it cannot. */
int64_t sl_memory_grow(sl_core_store *store, sl_memory *memory, uint64_t delta);

/* --- Instances ----------------------------------------------------------- */

/* Core specification, "Modules / Instantiation". `imports` has one entry for
 * each of the module's imports, in order. Runs active segments and the start
 * function on `thread`. The module must outlive the store.
 * SL_EUNLINKABLE ("incompatible import type", "unknown import"), SL_ETRAP
 * (details in thread->trap), SL_ENOMEM, SL_ELIMIT. */
sl_status sl_core_instantiate(sl_core_thread *thread, const sl_module *module,
                              const sl_core_extern *imports,
                              sl_core_instance **out, sl_err *err);
const sl_module *sl_core_instance_module(const sl_core_instance *instance);
/* False when there is no export of that name. */
bool sl_core_instance_export(const sl_core_instance *instance, sl_name name,
                             sl_core_extern *out);
/* The item of an index space of the instance (in range by validation). */
sl_core_extern sl_core_instance_item(const sl_core_instance *instance,
                                     sl_core_kind kind, uint32_t index);

/* --- Calls --------------------------------------------------------------- */

/* Calls a function. `vals` holds the parameters, then the results; room for
 * the larger count. SL_OK, SL_ETRAP (thread->trap has message and backtrace)
 * or whatever a host function returned. Nested calls from host functions are
 * fine. Exhausted stacks trap with "call stack exhausted". The outermost call
 * of a thread (depth 0) forgets what thread->trap held before. */
sl_status sl_core_call(sl_core_thread *thread, sl_core_func *func,
                       sl_slot *vals);
/* The same in two steps: where the parameters are to be put (NULL: a trap, the
 * stack is exhausted), and the call, which leaves the results there. No other
 * call comes between the two. */
sl_slot *sl_core_call_begin(sl_core_thread *thread, const sl_core_func *func);
sl_status sl_core_call_run(sl_core_thread *thread, sl_core_func *func);

/* --- Exceptions ---------------------------------------------------------- */

/* Core specification, "Exceptions". An exception that code leaves uncaught ends
 * sl_core_call with a trap ("uncaught exception"): no host function lets one
 * through by accident. Those that can deal with one call by
 * sl_core_try_call: *out is NULL, or the status is SL_OK, the results are
 * undefined and *out is the exception, to be given back with
 * sl_exception_release. */
sl_status sl_core_try_call(sl_core_thread *thread, sl_core_func *func,
                           sl_slot *vals, sl_exception **out);

/* For a host function to return: throws `exception`, which it takes, in its
 * caller. */
sl_status sl_core_throw(sl_core_thread *thread, sl_exception *exception);

/* Makes an exception of that tag with its parameters' values; the host's until
 * it is released. NULL: SL_ENOMEM, or SL_ELIMIT: exceptions count among the
 * store's memory_bytes. */
sl_exception *sl_exception_new(sl_core_thread *thread, sl_tag *tag,
                               const sl_slot *vals, sl_err *err);
void sl_exception_release(sl_exception *exception); /* NULL is fine */
const sl_tag *sl_exception_tag(const sl_exception *exception);
const sl_slot *sl_exception_vals(const sl_exception *exception);
const sl_functype *sl_tag_type(const sl_tag *tag);

/* --- The one door to guest memory (RELIABILITY.md P4) -------------------- */

/* The address of [ptr, ptr + len) or NULL when out of bounds. Do not keep it
 * across anything that may run guest code. len = 0 at the very end is valid
 * and gives a non-NULL pointer. */
static inline uint8_t *sl_memory_at(const sl_memory *memory, uint64_t ptr,
                                    uint64_t len)
{
    if (memory == NULL || ptr > memory->size || len > memory->size - ptr)
        return NULL;
    return memory->base + ptr;
}

#endif
