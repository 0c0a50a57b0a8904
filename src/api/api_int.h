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
    struct sluice_call *answers;    /* guests' calls the host has to answer */
    struct sluice_instance *instances;
    bool exited; /* a guest asked to exit; its code: */
    int exit_code;
    void (*on_trap)(void *arg, const sluice_error *error);
    void *on_trap_arg;
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

/* Fills a public error from an internal one; either may be NULL. Returns the
 * status. */
sluice_status sl_api_error(sluice_error *error, const sl_err *err);
/* A failure of the API itself. */
sluice_status sl_api_fail(sluice_error *error, sluice_status status,
                          const char *fmt, ...) SL_PRINTF(3, 4);
/* What a call in the store ended with: trap and backtrace, or exit code. */
sluice_status sl_api_outcome(sluice_error *error, sluice_store *store,
                             sl_status status);

/* Moves a value out of an arena into host memory: everything is copied, except
 * streams and futures, which are taken out of *from. False: out of memory (or
 * a kind that cannot leave); *to is then zeroed. */
bool sl_api_take(sl_val *from, sl_val *to);

/* stream.c: what releasing a value does with its streams and futures. */
void sl_api_install_drops(void);

/* segment.c: the segment in a store, a new reference; NULL on failure. */
sl_segment *sl_api_segment_open(sluice_segment *segment, sl_store *store,
                                sl_err *err);
sluice_segment *sl_api_segment_ref(sluice_segment *segment);
/* A reference for the host to one that is bound in a store already. */
sluice_segment *sl_api_segment_wrap(sl_segment *segment);

/* call.c: ends calls that can never return, after a trap. */
void sl_api_fail_lost_calls(sluice_store *store, const sluice_error *error,
                            bool *any);
void sl_api_forget_calls(sluice_store *store);
/* linker.c: tells hosts that calls they have not answered are gone. */
void sl_api_forget_answers(sluice_store *store);

#endif
