/* `sluice run`: runs a command component, or calls one export. */
#include "cli/run.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "cli/observe.h"
#include "cli/progress.h"
#include "text/wave.h"

/* --- Calling ------------------------------------------------------------------------ */

static void on_done(void *arg, const sluice_error *error, sluice_val *result)
{
    cli_run_state *r = arg;
    r->error = *error;
    if (result != NULL) {
        r->result = *result;
        r->has_result = true;
        *result = (sluice_val){0};
    }
    r->done = true;
}

/* Runs the loop until *done; a wait that can never end is a trap. */
static int wait(cli_run_state *r, const bool *done)
{
    sluice_status ran = sluice_store_run(r->store, done);
    cli_progress_clear();
    if (ran != SLUICE_OK) {
        sluice_error error = {.status = SLUICE_EDEADLOCK,
                              .offset = SLUICE_NO_OFFSET};
        snprintf(error.message, sizeof error.message,
                 "the guest waits for something that can never come");
        return cli_run_report(r, &error);
    }
    if (r->interrupted) {
        fputs("sluice: interrupted\n", stderr);
        return CLI_INTERRUPTED;
    }
    if (r->timed_out) {
        cli_say("%s: deadline exceeded", r->file);
        return CLI_TIMEOUT;
    }
    return r->error.status == SLUICE_OK ? CLI_OK : cli_run_report(r, &r->error);
}

static int call(cli_run_state *r, sluice_val *args, size_t n)
{
    sluice_error error = {0};
    if (sluice_func_call(r->func, args, n, on_done, r, NULL, &error) !=
        SLUICE_OK)
        return cli_run_report(r, &error);
    return wait(r, &r->done);
}

static void on_copied(void *arg, uint64_t n, const sluice_error *error)
{
    (void)n;
    cli_run_state *r = arg;
    if (error != NULL)
        r->error = *error;
    r->done = true;
}

/* A stream<u8> goes to standard output as it is. */
static int print_stream(cli_run_state *r)
{
    sluice_stream *stream = r->result.of.stream;
    r->result.of.stream = NULL;
    r->done = false;
    if (sluice_stream_to_fd(stream, STDOUT_FILENO, on_copied, r) != SLUICE_OK)
        return CLI_INTERNAL;
    return wait(r, &r->done);
}

/* What belongs to the store becomes text: resources get numbers, and streams and
 * futures are read to their ends. */
static int loosen(cli_run_state *r, const sluice_type *type)
{
    cli_values *v = &r->values;
    int code = CLI_OK;
    if (cli_values_out(v, type, &r->result))
        code = wait(r, &v->read);
    return code == CLI_OK && v->error.status != SLUICE_OK
               ? cli_run_report(r, &v->error)
               : code;
}

static int print_result(cli_run_state *r)
{
    const sluice_type *type = sluice_type_result(sluice_func_type(r->func));
    if (!r->has_result)
        return CLI_OK;
    const sluice_type *elem =
        r->result.kind == SLUICE_STREAM ? sluice_type_elem(type) : NULL;
    if (elem != NULL && sluice_type_kind(elem) == SLUICE_U8)
        return print_stream(r);
    int code = loosen(r, type);
    if (code != CLI_OK)
        return code;
    sl_buf out;
    sl_buf_init(&out);
    sl_wave_print(&r->result, type, &out);
    sl_buf_u8(&out, '\n');
    bool good = !out.failed;
    if (good)
        fwrite(out.data, 1, out.len, stdout);
    else
        fputs("sluice: out of memory for the result\n", stderr);
    sl_buf_deinit(&out);
    return good ? CLI_OK : CLI_INTERNAL;
}

/* The call's arguments by the function's type: args[0..n). */
static bool parse_args(cli_run_state *r, const sl_wave_call *wave,
                       const sluice_type *type, sluice_val *args, sl_err *err)
{
    sluice_name name;
    const sluice_type *param;
    size_t n = sluice_type_n_params(type);
    if (wave->n_args != n)
        return sl_fail(err, SL_EUSAGE, 0, "it takes %zu arguments, not %u", n,
                       (unsigned)wave->n_args),
               false;
    for (size_t i = 0; i < n; i++)
        if (!sluice_type_param(type, i, &name, &param) ||
            !sl_wave_parse(wave->args[i], param, &args[i], err) ||
            !cli_values_in(&r->values, param, &args[i], err))
            return false;
    return true;
}

static int call_export(cli_run_state *r, const sl_wave_call *wave)
{
    sl_err err = {0};
    const sluice_type *type = sluice_func_type(r->func);
    size_t n = sluice_type_n_params(type);
    sluice_val *args = calloc(n + 1, sizeof *args);
    if (args == NULL)
        return CLI_INTERNAL;
    int code;
    if (parse_args(r, wave, type, args, &err))
        code = call(r, args, n);
    else if (err.code == SL_EIO || err.code == SL_ENOMEM)
        code = cli_report_text(r->invoke, NULL, &err) == CLI_IO
                   ? CLI_NO_INPUT
                   : CLI_INTERNAL;
    else
        code = cli_usage(&cli_run, "--invoke %s: %s", r->invoke, err.msg);
    for (size_t i = 0; i < n; i++)
        sluice_val_deinit(&args[i]);
    free(args);
    return code == CLI_OK ? print_result(r) : code;
}

/* `name(args)` in WAVE. */
static int invoke(cli_run_state *r, sluice_instance *instance)
{
    sl_err err = {0};
    sl_arena arena;
    sl_wave_call wave;
    sl_arena_init(&arena);
    int code;
    if (!sl_wave_split_call(sl_name_of(r->invoke), &arena, &wave, &err)) {
        code = cli_usage(&cli_run, "--invoke %s: %s", r->invoke, err.msg);
    } else {
        char *name = sl_arena_dup(&arena, wave.func.data, wave.func.len);
        r->func = name != NULL ? sluice_instance_func(instance, name) : NULL;
        if (r->func != NULL) {
            code = call_export(r, &wave);
        } else {
            cli_say("%s: no exported function `%.*s`", r->file,
                    SL_NAME_ARGS(wave.func));
            code = CLI_INVALID;
        }
    }
    sl_arena_deinit(&arena);
    return code;
}

static int run_command(cli_run_state *r, sluice_instance *instance)
{
    r->func = sluice_instance_func(instance, "wasi:cli/run#run");
    if (r->func == NULL) {
        cli_say("%s: not a command: it exports no wasi:cli/run (call an export "
                "with --invoke)",
                r->file);
        return CLI_INVALID;
    }
    int code = call(r, NULL, 0);
    if (code == CLI_OK && r->has_result && r->result.kind == SLUICE_RESULT &&
        r->result.of.variant.index != 0)
        return CLI_FAILED;
    return code;
}

static int execute(cli_run_state *r)
{
    sluice_error error = {0};
    cli_run_begin(r);
    int code = cli_run_prepare(r);
    if (code != CLI_OK)
        return code;
    sluice_instance *instance =
        sluice_instantiate(r->store, r->linker, r->component, &error);
    if (instance == NULL)
        return cli_run_report(r, &error);
    if (r->invokes.n == 0)
        return run_command(r, instance);
    for (size_t i = 0; i < r->invokes.n && code == CLI_OK; i++) {
        r->invoke = r->invokes.v[i];
        r->done = r->has_result = false;
        code = invoke(r, instance);
        sluice_val_deinit(&r->result);
    }
    return code;
}

static int run(int argc, char **argv)
{
    cli_run_state r = {.timeout_ns = SLUICE_NO_DEADLINE,
                   .http = sluice_http_config_default()};
    int code = cli_run_arguments(&r, argc, argv);
    if (code == CLI_OK)
        code = execute(&r);
    const char *problem =
        r.engine != NULL ? sluice_engine_cache_problem(r.engine) : NULL;
    if (problem != NULL)
        cli_say("nothing is cached: %s", problem);
    cli_run_end_progress();
    if (r.plan_path != NULL && r.store != NULL) {
        int written = cli_plan_write(&r.plan, r.plan_path);
        code = code == CLI_OK ? written : code;
    }
    if (r.stats && r.store != NULL)
        cli_print_stats(r.store);
    if (r.data_stats && r.store != NULL)
        cli_print_segments(r.store);
    cli_run_unwatch();
    sluice_val_deinit(&r.result);
    cli_values_deinit(&r.values);
    sl_vec_deinit(&r.invokes);
    sluice_store_free(r.store);
    int traced = cli_trace_close(&r.trace);
    code = code == CLI_OK ? traced : code;
    sluice_linker_free(r.linker);
    sluice_component_free(r.component);
    sluice_engine_free(r.engine);
    sl_vec_deinit(&r.env);
    sl_vec_deinit(&r.data);
    sl_vec_deinit(&r.supplies);
    sl_vec_deinit(&r.features);
    cli_plan_deinit(&r.plan);
    return code;
}

const cli_command cli_run = {
    "run",
    "run a component",
    "usage: sluice run [OPTIONS] FILE [ARGUMENTS]\n"
    "       sluice run [OPTIONS] --invoke 'NAME(VALUES)' FILE\n\n"
    "Runs the command that FILE (.wasm or .wat, `-`: standard input, or an\n"
    "http(s):// URL) exports as\nwasi:cli/run@0.3, or calls one exported function and prints its "
    "result. Values\nare written in WAVE: 1, \"text\", [1, 2], {a: 1}, "
    "some(2), ok(3). NAME may be\n`interface#function`. A stream is written as "
    "its elements, one of bytes also as\n\"text\" or @FILE; a future as its "
    "value. A result of type stream<u8> is written out\nas it is.\n\n"
    "  --env NAME=VALUE   an environment variable (may be repeated)\n"
    "  --data NAME=FILE   what `(import \"NAME\" (core data))` gets: a file, a URL, "
    "or `-`\n                     for all of standard input\n"
    "  --value NAME=VALUE what `(import \"NAME\" (value T))` gets, in WAVE; NAME may "
    "be\n                     `interface#name`\n"
    "  --features NAME    also accept a gated feature (`all`: every one)\n"
    "  --map-files        map large reads of local files into linear memory: "
    "nobody may\n                     change them meanwhile\n"
    "  --record-loads PLAN  note what is read of data segments, for `sluice "
    "optimize`\n"
    "  --cache DIR        where to keep what was fetched (`none`: nowhere)\n"
    "  --allow-private    also fetch from loopback and private addresses\n"
    "  --ca-file FILE     trust these certificate authorities (PEM)\n"
    "  --http-timeout S   seconds to connect, to wait for an answer, and without "
    "progress\n"
    "  --http-retries N   attempts after a request that got nowhere (3)\n"
    "  --invoke CALL      call an export instead of wasi:cli/run; repeated, in "
    "order, in\n                     one instance; a resource that was returned "
    "is #1, #2, ...\n"
    "  --seed N           choose the schedule (order, sizes, delays) from N\n"
    "  --stats            print counters to standard error at the end\n"
    "  --data-stats       the same for each data segment\n"
    "  --trace FILE       what happens, as events for ui.perfetto.dev (JSON)\n"
    "  --timeout SECONDS  end the run after that time, with exit code 124\n\n"
    "exit codes: the guest's own; 0 when run returns ok, 1 when it returns an\n"
    "  error; 64 usage; 65 invalid or unlinkable; 66 cannot be read; 69 "
    "feature not\n  there; 124 out of time; 130 interrupted; 134 trap\n",
    run,
};
