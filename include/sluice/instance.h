/** @file instance.h
 * Running components: stores, linkers, instances, calls.
 *
 * A store and everything made in it belong to one thread: the one that runs
 * its uv loop. Completions are delivered on that loop, never from inside the
 * function that started the work.
 */
#ifndef SLUICE_INSTANCE_H
#define SLUICE_INSTANCE_H

#include "sluice/component.h"
#include "sluice/stream.h"
#include "sluice/value.h"

#ifdef __cplusplus
extern "C" {
#endif

struct uv_loop_s; /* uv_loop_t of libuv */

/* --- Stores -------------------------------------------------------------- */

/** What runs: instances, tasks, streams. */
typedef struct sluice_store sluice_store;

/**
 * Make a store on a loop.
 * @param loop  the embedder's, borrowed: it must outlive the store and is run
 *              by the embedder; NULL: the store makes one, which
 *              sluice_store_run() runs
 * @return NULL on SLUICE_ENOMEM or SLUICE_EIO. Yours: sluice_store_free().
 */
SLUICE_API sluice_store *sluice_store_new(sluice_engine *engine,
                                          struct uv_loop_s *loop,
                                          sluice_error *error);
/** Ends everything in the store: calls in flight complete no more (their
 * callbacks are not called), reads, writes and transfers end (theirs are: see
 * stream.h), instances are gone, descriptors and loop handles closed. As with
 * every uv_close(), closing ends when an embedder's loop is run next; run it
 * once more before uv_loop_close(). Not from inside a callback of the same
 * store. NULL is fine. */
SLUICE_API void sluice_store_free(sluice_store *store);
/** The loop the store lives on: borrowed, as long as the store lives. */
SLUICE_API struct uv_loop_s *sluice_store_loop(sluice_store *store);
/** Runs the loop until *done is true.
 * @return SLUICE_OK, or SLUICE_EDEADLOCK when nothing is left that could make
 *         it so */
SLUICE_API sluice_status sluice_store_run(sluice_store *store,
                                          const bool *done);
/** From any thread or a signal handler: what runs now (or, if nothing does, the
 * next that runs) traps ("interrupted") at its next loop back-edge or call. */
SLUICE_API void sluice_store_interrupt(sluice_store *store);
/** Test schedules: every choice the specification leaves to the host (order,
 * sizes, delays) is taken from this seed; 0 is the ordinary order. */
SLUICE_API void sluice_store_set_seed(sluice_store *store, uint64_t seed);
/** Be told of a trap in a task that no call waits for any more (it went on
 * after its result): `fn(arg, error)` on the loop, the error borrowed
 * (SLUICE_ETRAP, SLUICE_EDEADLINE or SLUICE_EEXIT). `fn` NULL, as at first:
 * nobody is told. */
SLUICE_API void sluice_store_on_trap(sluice_store *store,
                                     void (*fn)(void *arg,
                                                const sluice_error *error),
                                     void *arg);

/** No limit, where a time is asked for. */
#define SLUICE_NO_DEADLINE UINT64_MAX
/**
 * How long calls may take that the host starts from now on, and what it makes
 * happen otherwise: instantiation, destructors of resources it releases. Set it
 * before a call to give that call a time of its own.
 *
 * When a call's time is over, `done` comes with SLUICE_EDEADLINE. If guest code
 * runs on its behalf just then (any code it has led to, in any instance), that
 * traps: within a few microseconds of guest code, or a millisecond inside of
 * one bulk instruction; its instance is poisoned as by any trap, and the error
 * has the backtrace. If it waits, the callee is asked to stop as by
 * sluice_pending_cancel() and no instance is harmed. What goes on after the
 * result or the deadline is nobody's any more: after the deadline it traps when
 * it keeps the loop for 100 ms at a time. Calls wait on the store's loop, so
 * somebody must run it. While a limit is set guest code runs a little slower.
 * @param timeout_ns  nanoseconds; SLUICE_NO_DEADLINE, as at first: no limit
 * On the store's thread.
 */
SLUICE_API void sluice_store_set_call_timeout(sluice_store *store,
                                              uint64_t timeout_ns);
/**
 * Until when the store runs guest code at all, counted from now. Then what runs
 * traps, every call under way ends with SLUICE_EDEADLINE, and what would start
 * is refused with it, until the deadline is set anew.
 * @param after_ns  nanoseconds; SLUICE_NO_DEADLINE, as at first: no limit
 * @return SLUICE_OK, or SLUICE_ENOMEM: the deadline is as before
 * On the store's thread.
 */
SLUICE_API sluice_status sluice_store_set_deadline(sluice_store *store,
                                                   uint64_t after_ns);

/** Counters of a store. */
typedef struct sluice_stats {
    uint64_t bytes_read;      /**< brought in from segments' backings */
    uint64_t bytes_to_guest;  /**< of segments, copied into linear memory */
    uint64_t bytes_mapped;    /**< ... mapped into it instead */
    uint64_t bytes_forwarded; /**< of segments, handed on without doing so */
    uint64_t data_faults;
    uint64_t memory_bytes; /**< live linear memory */
    uint32_t instances, tasks, stream_ends;
    uint64_t bytes_fetched; /**< brought by files of external segments and by
                                 URLs, as they are there (compressed, say) */
    uint64_t http_requests; /**< sent, with those of redirects and retries */
    uint64_t http_retries;
    uint64_t http_bytes; /**< of bodies received, also of no use */
    uint64_t http_pending; /**< bytes asked for and not here yet */
} sluice_stats;
/** The counters as they are now. @return by value */
SLUICE_API sluice_stats sluice_store_stats(const sluice_store *store);

/* --- Linkers: what a component's imports are given ------------------------ */

/** Names and what they stand for: host functions and segments. It may serve
 * many instantiations in stores of one thread, and must outlive those stores:
 * instances go on using its functions. */
typedef struct sluice_linker sluice_linker;

/** Make a linker without definitions.
 * @return NULL on SLUICE_ENOMEM. Yours: sluice_linker_free(). */
SLUICE_API sluice_linker *sluice_linker_new(sluice_engine *engine,
                                            sluice_error *error);
/** Frees the linker, calling every `free_ctx`, after the stores that use its
 * functions. NULL is fine. */
SLUICE_API void sluice_linker_free(sluice_linker *linker);

/** A call from a guest that the host has not answered yet. Answer it once, with
 * sluice_call_return() or sluice_call_trap(): inside the host function or any
 * time later on the store's thread. */
typedef struct sluice_call sluice_call;

/**
 * A host function. `args` are borrowed for the call, except that streams and
 * futures in them may be taken (then zero the value). When it returns without
 * having answered, the caller waits (other tasks run on).
 */
typedef void (*sluice_host_fn)(void *ctx, sluice_call *call,
                               const sluice_val *args, size_t n_args);

/** @param result  taken (moved out of *result, which is zeroed); NULL for a
 *                 function without result. Must be of the function's result
 *                 type: the call traps otherwise. */
SLUICE_API void sluice_call_return(sluice_call *call, sluice_val *result);
/** The guest's instance traps with this message. */
SLUICE_API void sluice_call_trap(sluice_call *call, const char *message);
/** Ends the guest's run with SLUICE_EEXIT and this code. */
SLUICE_API void sluice_call_exit(sluice_call *call, int code);
/** The store the call came from: borrowed. */
SLUICE_API sluice_store *sluice_call_store(sluice_call *call);
/** The type of the function that was called: as long as its component lives. */
SLUICE_API const sluice_type *sluice_call_type(sluice_call *call);
/** Be told when the guest asks to cancel this call (`gone` false): it may still
 * return as usual, or with sluice_call_cancelled(). And when nobody can take an
 * answer any more (`gone` true), because the guest has trapped or the store
 * goes: `call` must not be used any more once `fn` has returned then. Stop what
 * works for the call: timers keep the loop alive. Each comes at most once,
 * `gone` last, on the store's thread; none after the answer. A host that does
 * not ask may answer after a trap; that is dropped. */
SLUICE_API void sluice_call_on_cancel(sluice_call *call,
                                      void (*fn)(void *arg, bool gone),
                                      void *arg);
/** Answers that the call was cancelled, after the guest has asked for that. */
SLUICE_API void sluice_call_cancelled(sluice_call *call);

/**
 * Define a function.
 * @param type       the type it must be imported with, as sluice_type_text()
 *                   prints it ("func(name: string) -> u32"); NULL: whatever
 *                   the import says, `fn` then looks at the kinds of `args`
 * @param interface  "wasi:cli/stdout@0.3.0": the imported instance it is part
 *                   of; versions match when semver-compatible. NULL: an import
 *                   of the component itself
 * @param ctx        handed to `fn`; `free_ctx` (may be NULL) is called on it
 *                   when the linker goes, also on failure
 * @return SLUICE_OK, SLUICE_ENOMEM, SLUICE_EUSAGE (defined already)
 */
SLUICE_API sluice_status sluice_linker_func(sluice_linker *linker,
                                            const char *interface,
                                            const char *name, const char *type,
                                            sluice_host_fn fn, void *ctx,
                                            void (*free_ctx)(void *),
                                            sluice_error *error);
/** Supply a `core data` import of the component by name. The linker keeps a
 * reference of its own.
 * @return SLUICE_OK, SLUICE_ENOMEM, SLUICE_EUSAGE (defined already) */
SLUICE_API sluice_status sluice_linker_segment(sluice_linker *linker,
                                               const char *name,
                                               sluice_segment *segment,
                                               sluice_error *error);

/**
 * Supply a value import by name: every instance gets a copy. The value must be
 * of the type that the import says, which is checked at instantiation, and
 * equal to the one that `(eq ...)` asks for.
 * @param interface  as for sluice_linker_func(); NULL: an import of the
 *                   component itself
 * @param value  taken (moved out of *value, which is zeroed), also on failure;
 *               plain data: see sluice_linker_value_from() for resources,
 *               streams and futures
 * @return SLUICE_OK, SLUICE_ENOMEM, SLUICE_EUSAGE (defined already; a resource,
 *         stream or future inside)
 */
SLUICE_API sluice_status sluice_linker_value(sluice_linker *linker,
                                             const char *interface,
                                             const char *name,
                                             sluice_val *value,
                                             sluice_error *error);
/** Fills *out with the value of an import, for one instance in `store`: taken.
 * @return false: there is none, instantiation fails with SLUICE_EUNLINKABLE */
typedef bool (*sluice_value_fn)(void *ctx, sluice_store *store,
                                sluice_val *out);
/** Supply a value import by a function that makes one for each instance. `ctx`
 * and `free_ctx` as for sluice_linker_func().
 * @return SLUICE_OK, SLUICE_ENOMEM, SLUICE_EUSAGE (defined already) */
SLUICE_API sluice_status sluice_linker_value_from(sluice_linker *linker,
                                                  const char *interface,
                                                  const char *name,
                                                  sluice_value_fn make,
                                                  void *ctx,
                                                  void (*free_ctx)(void *),
                                                  sluice_error *error);

/* --- Instances and calls --------------------------------------------------- */

typedef struct sluice_instance sluice_instance;
typedef struct sluice_func sluice_func;

/**
 * Instantiate a component: link its imports, run its start functions, those of
 * core modules and its own. No byte of a segment is read, but for what a start
 * function asks for. A start function may not block before it has returned (it
 * traps); what it does after that goes on as the loop runs. If it needs bytes of a
 * segment that a core module imports (feature `core-data`) they are waited for
 * when nothing else is under way in the store: its own loop turns meanwhile, and
 * calls back. Inside of that loop, and with an embedder's, that traps too.
 * @param linker  may be NULL when nothing is imported
 * @return NULL on failure: SLUICE_EUNLINKABLE (names the import), SLUICE_ETRAP,
 *         SLUICE_ELIMIT, SLUICE_ENOMEM. Belongs to the store.
 */
SLUICE_API sluice_instance *sluice_instantiate(sluice_store *store,
                                               sluice_linker *linker,
                                               sluice_component *component,
                                               sluice_error *error);

/** An exported function: "name", or "interface#name" for a function of an
 * exported instance (an interface without version matches any). Belongs to the
 * store. @return NULL when there is none */
SLUICE_API sluice_func *sluice_instance_func(sluice_instance *instance,
                                             const char *name);
/** The type of an exported function: as long as its component lives. */
SLUICE_API const sluice_type *sluice_func_type(const sluice_func *func);
/** An exported segment, NULL when there is none. Yours: release it with
 * sluice_segment_free(). */
SLUICE_API sluice_segment *sluice_instance_segment(sluice_instance *instance,
                                                   const char *name);

/** An exported value, by "name" or "interface#name". *out is yours:
 * sluice_val_deinit(). Plain data is copied and may be asked for again; with a
 * resource, stream or future inside it is moved, once.
 * @return SLUICE_OK, SLUICE_ENOMEM, SLUICE_EUSAGE (no such value, or moved
 *         away); *out is zeroed then */
SLUICE_API sluice_status sluice_instance_value(sluice_instance *instance,
                                               const char *name,
                                               sluice_val *out,
                                               sluice_error *error);

/** Called once, on the loop. On SLUICE_OK `result` is the function's result
 * (NULL: it has none), borrowed for the call: move out of it what you keep and
 * zero it. Otherwise `error` says why. */
typedef void (*sluice_done_fn)(void *arg, const sluice_error *error,
                               sluice_val *result);

/** A call under way. */
typedef struct sluice_pending sluice_pending;

/**
 * Call an exported function.
 * @param args  taken (moved out, zeroed) also on failure; as many as, and of
 *              the types that, the function's type says: SLUICE_EUSAGE
 *              otherwise
 * @param pending  may be NULL; else set to the call, valid until `done` has
 *              been called
 * @return SLUICE_OK: `done` will be called, with `arg`. Or, and then it will
 * not, SLUICE_EUSAGE, SLUICE_ENOMEM, SLUICE_EDEADLINE (the store's has passed)
 */
SLUICE_API sluice_status sluice_func_call(sluice_func *func, sluice_val *args,
                                          size_t n_args, sluice_done_fn done,
                                          void *arg, sluice_pending **pending,
                                          sluice_error *error);
/** Asks the callee to stop (subtask.cancel of the specification); `done` comes
 * with SLUICE_ECANCELLED, or with the result if that was faster. */
SLUICE_API void sluice_pending_cancel(sluice_pending *pending);

/** Moves the deadline of a call that was started under
 * sluice_store_set_call_timeout(), counted from now.
 * @param pending   valid, that is, `done` has not been called
 * @param after_ns  nanoseconds; SLUICE_NO_DEADLINE: no limit any more
 * @return SLUICE_OK, SLUICE_EUSAGE (it was started without a limit) or
 *         SLUICE_ENOMEM (the deadline is as before). On the store's thread. */
SLUICE_API sluice_status sluice_pending_set_deadline(sluice_pending *pending,
                                                     uint64_t after_ns);

/** Calls a function and runs the loop until it has returned. Fills *result
 * (yours: sluice_val_deinit()) when the function has one.
 * @param args  taken, as by sluice_func_call()
 * @return as that, what `done` would hear (SLUICE_ETRAP, SLUICE_EEXIT,
 *         SLUICE_ELIMIT, SLUICE_ENOMEM, SLUICE_EDEADLINE), or SLUICE_EDEADLOCK:
 *         nothing is left that could make it return */
SLUICE_API sluice_status sluice_func_call_wait(sluice_func *func,
                                               sluice_val *args, size_t n_args,
                                               sluice_val *result,
                                               sluice_error *error);

#ifdef __cplusplus
}
#endif
#endif
