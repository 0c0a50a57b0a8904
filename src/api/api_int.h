/* What the files of api/ share: the public handles behind their pointers. */
#ifndef SL_API_API_INT_H
#define SL_API_API_INT_H

#include "component/component.h"
#include "link/link.h"
#include "link/linker.h"
#include "sluice/sluice.h"

struct sluice_engine {
    sluice_limits limits;
    sl_features features;
    sl_mappings *mappings; /* of stores that are gone */
    sl_data_env *data;     /* what stores' segments share */
};

struct sluice_component {
    sluice_engine *engine;
    sl_component *component;
};

struct sluice_store {
    sluice_engine *engine;
    sl_loop *loop;
    sl_data_ctx *data;
    sl_store *store;
    struct sluice_pending *pending; /* the host's calls that have not ended */
    struct sluice_pending *put_off, *last_put_off; /* while it is stalled */
    struct sluice_call *answers;    /* guests' calls the host has to answer */
    struct sluice_instance *instances;
    struct dropped_own *drops; /* resources whose destructors are to run */
    sl_post drop_post;
    bool exited; /* a guest asks to exit just now; its code: */
    int exit_code;
    /* A trap inside of a host function: what it means for other calls is seen
     * when nothing runs any more. */
    sl_post settle;
    bool heard; /* a call has ended with it */
    bool trap_waits; /* until the store is not stalled any more */
    void (*on_trap)(void *arg, const sluice_error *error);
    void *on_trap_arg;
    sluice_fault_answer (*on_fault)(void *arg, const sluice_fault *fault);
    void *on_fault_arg;
    sl_tracer *tracer; /* NULL: nobody has ever asked */
    void (*trace)(void *arg, const sluice_trace_event *event);
    void *trace_arg;
    void (*on_load)(void *arg, const sluice_load *load);
    void *on_load_arg;
    /* deadline.c */
    uint64_t call_timeout_ns; /* SLUICE_NO_DEADLINE: none */
    sl_timer *alarm;          /* while a call with a deadline waits */
    uint64_t alarm_ns;
    uint32_t n_open, n_timed; /* calls that have not ended; with a deadline */
    unsigned n_runs;          /* of sluice_store_run, one in another */
    sluice_error trap;        /* settle's; at the end, because nothing else is
                                 not cleared */
};

/* The exported functions that were asked for, by name. */
struct sluice_func {
    sluice_store *store;
    sl_funcinst *func;
    struct sluice_func *next;
};

struct sluice_instance {
    sluice_store *store;
    sl_instance *inst;
    struct sluice_func *funcs;
    struct sluice_instance *next;
};

struct sluice_linker {
    sl_linker *linker;
};

static inline sluice_store *sl_api_store(const sl_store *store)
{
    return store->on_trap_arg;
}

/* Nobody hears of the store any more. */
void sl_api_forget_tracer(sluice_store *store);

/* Fills a public error from an internal one; either may be NULL. Returns the
 * status. */
sluice_status sl_api_error(sluice_error *error, const sl_err *err);
/* A failure of the API itself. */
sluice_status sl_api_fail(sluice_error *error, sluice_status status,
                          const char *fmt, ...) SL_PRINTF(3, 4);
/* What a call in the store ended with: trap and backtrace, or exit code. */
sluice_status sl_api_outcome(sluice_error *error, sluice_store *store,
                             sl_status status);

/* store.c: what an instance exports as "name" or "interface#name"; NULL: nothing
 * of this sort. */
const sl_item *sl_api_export(sluice_instance *instance, const char *name,
                             sl_sort sort);

/* resource.c: what releasing an owned resource does: its destructor runs on the
 * loop's next turn. */
void sl_api_drop_own(void *resource, uint32_t rep);
/* The store goes: what has not run yet runs now if it is the host's. */
void sl_api_finish_drops(sluice_store *store);
/* Destructors that wait: when nothing runs, and the store is not stalled. */
void sl_api_run_drops(sluice_store *store);

/* stream.c: what releasing a value does with its streams and futures. */
void sl_api_install_drops(void);

/* component.c: decodes from a source that it takes (also on failure). */
sluice_component *sl_api_decode(sluice_engine *engine, sl_source *source,
                                sluice_error *error);

/* segment.c: a segment of a source that it takes; NULL: making the source
 * failed as `err` says. */
sluice_segment *sl_api_segment_over(sl_source *source, const sl_err *err,
                                    sluice_error *error);
/* segment.c: the segment in a store, a new reference; NULL on failure. */
sl_segment *sl_api_segment_open(sluice_segment *segment, sl_store *store,
                                sl_err *err);
sluice_segment *sl_api_segment_ref(sluice_segment *segment);
/* A reference for the host to one that is bound in a store already. */
sluice_segment *sl_api_segment_wrap(sl_segment *segment);

/* store.c: an instance has trapped. Ends the host's calls that can never return
 * now; if none is told and `heard` is false, the embedder hears of it. */
void sl_api_trapped(sluice_store *store, const sluice_error *error, bool heard);

/* call.c: ends calls that can never return, after a trap; whether there was
 * one. */
bool sl_api_fail_lost_calls(sluice_store *store, const sluice_error *error);
void sl_api_forget_calls(sluice_store *store);
/* sl_store.on_resumed: calls that were put off begin. */
void sl_api_resumed(sl_store *inner, void *arg);
/* Of a call that the host has made (`caller` is NULL): its store; ends it with
 * an error. */
sluice_store *sl_api_store_of_call(const sl_call *call);
void sl_api_fail_call(sl_call *call, const sluice_error *error);
/* Ends calls whose deadlines have passed and asks their callees to stop;
 * *next: the earliest of the others. */
void sl_api_end_late_calls(sluice_store *store, uint64_t now, uint64_t *next);
/* linker.c: tells hosts that calls they have not answered are gone; or those
 * of instances that have trapped. */
void sl_api_forget_answers(sluice_store *store);
/* Those that were given while the store was stalled. */
void sl_api_give_answers(sluice_store *store);
void sl_api_forget_lost_answers(sluice_store *store);

/* deadline.c: the time of what begins now; *out is a reference, or NULL when
 * there is no limit. SLUICE_EDEADLINE: the store's time is over. */
sluice_status sl_api_new_deadline(sluice_store *store, sl_deadline **out,
                                  sluice_error *error);
/* For what the host begins outside of a call. */
sluice_status sl_api_begin(sluice_store *store, sluice_error *error);
void sl_api_end(sluice_store *store);
/* A call waits until `at_ns` at most; false: memory is short. */
bool sl_api_set_alarm(sluice_store *store, uint64_t at_ns);
/* SLUICE_ENOMEM: it stays where it was. */
sluice_status sl_api_move_deadline(sluice_store *store, sl_deadline *deadline,
                                   uint64_t after_ns);
/* A call has ended. */
void sl_api_check_alarm(sluice_store *store);

#endif
