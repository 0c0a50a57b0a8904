/* What the parts of `sluice run` share: one run of a component. */
#ifndef SL_CLI_RUN_H
#define SL_CLI_RUN_H

#include "base/vec.h"
#include "cli/cli.h"
#include "cli/plan.h"
#include "cli/trace.h"
#include "cli/values.h"

typedef struct cli_data_option {
    char *name; /* cut from the argument */
    const char *path;
} cli_data_option;

typedef struct cli_run_state {
    const char *file;
    SL_VEC(const char *) invokes; /* empty: wasi:cli/run */
    const char *invoke;           /* the one that runs now */
    uint64_t seed;
    uint64_t timeout_ns; /* SLUICE_NO_DEADLINE: none */
    bool stats, data_stats;
    const char *trace_path; /* NULL: no */
    cli_trace trace;
    SL_VEC(const char *) env;
    SL_VEC(cli_data_option) data;
    SL_VEC(const char *) supplies; /* --value */
    SL_VEC(const char *) features;
    sluice_http_config http;
    bool map_files;
    const char *plan_path; /* --record-loads; NULL: no */
    cli_plan plan;
    const char *cache; /* NULL: the user's; "none" */
    const char *const *args;

    sluice_engine *engine;
    sluice_component *component;
    sluice_linker *linker;
    sluice_store *store;
    sluice_func *func;

    cli_values values;

    bool done, interrupted, timed_out, has_result;
    sluice_error error;
    sluice_val result;
} cli_run_state;

/* Reads the options and arguments of the command line into *r. An exit code. */
int cli_run_arguments(cli_run_state *r, int argc, char **argv);

/* From the begin on: ^C, SIGTERM, SIGHUP and --timeout end the process at once
 * until cli_run_watch() takes over. */
void cli_run_begin(const cli_run_state *r);

/* Engine, component, linker and store, as the options ask; then watched. What it
 * made stays in *r, for its owner to free, also when it fails. */
int cli_run_prepare(cli_run_state *r);

/* The exit code for an error of this run, told on standard error. */
int cli_run_report(const cli_run_state *r, const sluice_error *error);

/* From here on ^C, SIGTERM, SIGHUP, --timeout and the line that tells how far
 * fetching is are looked after on the store's loop: r->done is set when the run
 * shall end. One run at a time in a process. */
int cli_run_watch(cli_run_state *r);

/* Ends the line of progress, for good. */
void cli_run_end_progress(void);

/* Before the store goes; does nothing where nothing was watched. */
void cli_run_unwatch(void);

#endif
