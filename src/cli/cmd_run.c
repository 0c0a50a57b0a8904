/* `sluice run`: runs a command component, or calls one export. */
#include "cli/cli.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>
#include <uv.h>

#include "base/arena.h"
#include "base/vec.h"
#include "cli/observe.h"
#include "cli/plan.h"
#include "cli/progress.h"
#include "cli/supply.h"
#include "cli/trace.h"
#include "cli/values.h"
#include "text/wave.h"

typedef struct data_option {
    char *name; /* cut from the argument */
    const char *path;
} data_option;

typedef struct run_state {
    const char *file;
    SL_VEC(const char *) invokes; /* empty: wasi:cli/run */
    const char *invoke;           /* the one that runs now */
    uint64_t seed;
    uint64_t timeout_ns; /* SLUICE_NO_DEADLINE: none */
    bool stats, data_stats;
    const char *trace_path; /* NULL: no */
    cli_trace trace;
    SL_VEC(const char *) env;
    SL_VEC(data_option) data;
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
} run_state;

/* --- Arguments ------------------------------------------------------------------ */

static const struct option options[] = {
    {"env", required_argument, NULL, 'e'},
    {"data", required_argument, NULL, 'd'},
    {"invoke", required_argument, NULL, 'i'},
    {"seed", required_argument, NULL, 's'},
    {"stats", no_argument, NULL, 't'},
    {"data-stats", no_argument, NULL, 'D'},
    {"trace", required_argument, NULL, 'r'},
    {"timeout", required_argument, NULL, 'T'},
    {"allow-private", no_argument, NULL, 'p'},
    {"ca-file", required_argument, NULL, 'c'},
    {"map-files", no_argument, NULL, 'm'},
    {"record-loads", required_argument, NULL, 'L'},
    {"cache", required_argument, NULL, 'C'},
    {"http-timeout", required_argument, NULL, 'H'},
    {"http-retries", required_argument, NULL, 'R'},
    {"features", required_argument, NULL, 'f'},
    {"value", required_argument, NULL, 'v'},
    {NULL, 0, NULL, 0},
};

/* Seconds, with a fraction or without. */
static bool parse_timeout(const char *text, uint64_t *out)
{
    char *end;
    double seconds = strtod(text, &end);
    if (*text < '0' || *text > '9' || *end != '\0' || !(seconds < 1e9))
        return false;
    *out = (uint64_t)(seconds * 1e9);
    return true;
}

/* Seconds, with a fraction perhaps: for each wait that the network makes. */
static int http_timeout(run_state *r)
{
    uint64_t ns;
    if (!parse_timeout(optarg, &ns) || ns < 1000000 ||
        ns > 86400 * UINT64_C(1000000000))
        return cli_usage(&cli_run, "--http-timeout wants seconds, not `%s`",
                         optarg);
    uint32_t ms = (uint32_t)(ns / 1000000);
    r->http.connect_ms = r->http.first_byte_ms = r->http.rate_window_ms = ms;
    return CLI_OK;
}

static int http_retries(run_state *r)
{
    char *end;
    unsigned long n = strtoul(optarg, &end, 10);
    if (*optarg < '0' || *optarg > '9' || *end != '\0' || n > 100)
        return cli_usage(&cli_run,
                         "--http-retries wants a number up to 100, not `%s`",
                         optarg);
    r->http.retries = (uint32_t)n;
    return CLI_OK;
}

static int one_option(run_state *r, int option, char **argv)
{
    char *equals, *end;
    switch (option) {
    case 'e':
        if (strchr(optarg, '=') == NULL || optarg[0] == '=')
            return cli_usage(&cli_run, "--env wants NAME=VALUE, not `%s`",
                             optarg);
        return sl_vec_push(&r->env, optarg) ? CLI_OK : CLI_INTERNAL;
    case 'd':
        equals = strchr(optarg, '=');
        if (equals == NULL || equals == optarg || equals[1] == '\0')
            return cli_usage(&cli_run, "--data wants NAME=FILE, NAME=URL or NAME=-, not "
                             "`%s`",
                             optarg);
        *equals = '\0';
        return sl_vec_push(&r->data, (data_option){optarg, equals + 1})
                   ? CLI_OK
                   : CLI_INTERNAL;
    case 'i':
        return sl_vec_push(&r->invokes, optarg) ? CLI_OK : CLI_INTERNAL;
    case 's':
        errno = 0;
        r->seed = strtoull(optarg, &end, 0);
        if (*optarg < '0' || *optarg > '9' || *end != '\0' || errno != 0)
            return cli_usage(&cli_run, "--seed wants a number, not `%s`",
                             optarg);
        return CLI_OK;
    case 't':
        r->stats = true;
        return CLI_OK;
    case 'D':
        r->data_stats = true;
        return CLI_OK;
    case 'r':
        r->trace_path = optarg;
        return CLI_OK;
    case 'T':
        return parse_timeout(optarg, &r->timeout_ns)
                   ? CLI_OK
                   : cli_usage(&cli_run,
                               "--timeout wants a number of seconds, not `%s`",
                               optarg);
    case 'p':
        r->http.allow_private = true;
        return CLI_OK;
    case 'c':
        r->http.ca_file = optarg;
        return CLI_OK;
    case 'm':
        r->map_files = true;
        return CLI_OK;
    case 'L':
        r->plan_path = optarg;
        return CLI_OK;
    case 'C':
        r->cache = optarg;
        return CLI_OK;
    case 'H':
        return http_timeout(r);
    case 'R':
        return http_retries(r);
    case 'f':
        return sl_vec_push(&r->features, optarg) ? CLI_OK : CLI_INTERNAL;
    case 'v':
        return sl_vec_push(&r->supplies, optarg) ? CLI_OK : CLI_INTERNAL;
    default:
        return cli_usage(&cli_run, "unknown option or missing value: %s",
                         argv[optind - 1]);
    }
}

static int arguments(run_state *r, int argc, char **argv)
{
    int option, code;
    optind = 1;
    opterr = 0;
    while ((option = getopt_long(argc, argv, "+", options, NULL)) != -1)
        if ((code = one_option(r, option, argv)) != CLI_OK)
            return code;
    if (optind == argc)
        return cli_usage(&cli_run, "a component is needed");
    r->file = argv[optind];
    r->args = (const char *const *)argv + optind;
    if (r->invokes.n != 0 && argc - optind != 1)
        return cli_usage(&cli_run, "with --invoke the arguments stand in the "
                                   "call, not behind the file");
    return sl_vec_push(&r->env, NULL) ? CLI_OK : CLI_INTERNAL;
}

/* --- ^C ----------------------------------------------------------------------------- */

/* A signal handler has no argument: the one run of this process. */
static run_state *current;
static uv_async_t wake_up;

static void on_signal(int number)
{
    (void)number;
    sluice_store_interrupt(current->store);
    uv_async_send(&wake_up);
}

static void on_wake_up(uv_async_t *handle)
{
    run_state *r = handle->data;
    r->interrupted = true;
    r->done = r->values.read = true;
}

/* Guest code that runs is ended by the store, with a backtrace; this is for when
 * the command itself waits, or what runs can not be asked. */
static uv_timer_t alarm_clock;

static void on_alarm(uv_timer_t *handle)
{
    run_state *r = handle->data;
    r->timed_out = true;
    r->done = r->values.read = true;
}

/* --- How far fetching is, on a terminal ------------------------------------------ */

static uv_timer_t progress_timer;
static cli_progress progress;
static bool line_begun; /* by the guest, on a terminal: leave it alone */

static void on_progress(uv_timer_t *handle)
{
    const run_state *r = handle->data;
    sluice_stats s = sluice_store_stats(r->store);
    if (s.http_pending == 0)
        cli_progress_clear();
    else if (!line_begun)
        cli_progress_step(&progress, s.http_bytes,
                          s.http_bytes + s.http_pending);
}

/* The guest writes: what is shown goes before, and comes again by itself when
 * the cursor is at the begin of a line. */
static void on_output(void *arg, int fd, const uint8_t *bytes, size_t len)
{
    (void)arg;
    if (!isatty(fd))
        return;
    if (len == 0)
        cli_progress_clear();
    else
        line_begun = bytes[len - 1] != '\n';
}

static void start_progress(run_state *r)
{
    enum { EACH_MS = 100 };
    cli_progress_begin(&progress, "fetching");
    if (!progress.on ||
        uv_timer_init(sluice_store_loop(r->store), &progress_timer) != 0)
        return;
    progress_timer.data = r;
    uv_timer_start(&progress_timer, on_progress, EACH_MS, EACH_MS);
    uv_unref((uv_handle_t *)&progress_timer);
    sluice_store_on_output(r->store, on_output, r);
}

static void end_progress(void)
{
    cli_progress_end(&progress);
    if (progress_timer.data != NULL)
        uv_close((uv_handle_t *)&progress_timer, NULL);
    progress_timer.data = NULL;
}

static int start_timeout(run_state *r)
{
    enum { LATER_MS = 50 };
    if (r->timeout_ns == SLUICE_NO_DEADLINE)
        return CLI_OK;
    if (sluice_store_set_deadline(r->store, r->timeout_ns) != SLUICE_OK)
        return CLI_INTERNAL;
    uv_timer_init(sluice_store_loop(r->store), &alarm_clock);
    uv_update_time(sluice_store_loop(r->store));
    alarm_clock.data = r;
    uv_timer_start(&alarm_clock, on_alarm, r->timeout_ns / 1000000 + LATER_MS,
                   0);
    uv_unref((uv_handle_t *)&alarm_clock);
    return CLI_OK;
}

/* The first ^C ends the run in good order, the second one at once. */
static int catch_signals(run_state *r)
{
    struct sigaction action = {.sa_handler = on_signal,
                               .sa_flags = (int)SA_RESETHAND};
    if (uv_async_init(sluice_store_loop(r->store), &wake_up, on_wake_up) != 0)
        return CLI_INTERNAL;
    wake_up.data = r;
    uv_unref((uv_handle_t *)&wake_up);
    current = r;
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    return CLI_OK;
}

static void release_signals(void)
{
    if (current == NULL)
        return;
    signal(SIGINT, SIG_DFL);
    signal(SIGTERM, SIG_DFL);
    current = NULL;
    uv_close((uv_handle_t *)&wake_up, NULL);
    if (alarm_clock.data != NULL)
        uv_close((uv_handle_t *)&alarm_clock, NULL);
}

/* --- Linking ------------------------------------------------------------------------ */

static int report(const run_state *r, const sluice_error *error)
{
    if (error->status == SLUICE_EEXIT)
        return error->exit_code;
    int code = cli_report(r->file, error);
    return r->interrupted ? CLI_INTERRUPTED : code;
}

static bool imports_data(const run_state *r, const char *name)
{
    sluice_extern e;
    for (size_t i = 0; sluice_component_import(r->component, i, &e); i++)
        if (e.kind == SLUICE_EXTERN_DATA && e.name.len == strlen(name) &&
            memcmp(e.name.data, name, e.name.len) == 0)
            return true;
    return false;
}

/* A file, a URL, or all of standard input. NULL: *code is the exit code. */
static sluice_segment *open_data(run_state *r, const char *path, int *code)
{
    sluice_error error = {0};
    sluice_segment *segment;
    sl_buf bytes;
    sl_buf_init(&bytes);
    *code = CLI_NO_INPUT;
    if (strcmp(path, "-") == 0) {
        int read = cli_read_file(path, &bytes);
        if (read != CLI_OK) {
            *code = read;
            return NULL;
        }
        segment =
            sluice_segment_from_buffer(bytes.data, bytes.len, true, &error);
        sl_buf_deinit(&bytes);
    } else if (sl_is_url(path)) {
        segment = sluice_segment_from_url(r->engine, path, &error);
    } else {
        segment = sluice_segment_from_file(path, &error);
    }
    if (segment == NULL)
        cli_report(path, &error);
    return segment;
}

/* Before the component: it may be at a URL as well. */
static int set_up_fetching(run_state *r)
{
    sluice_error error = {0};
    if (sluice_engine_set_http(r->engine, &r->http, &error) != SLUICE_OK)
        return report(r, &error);
    if (r->cache != NULL && strcmp(r->cache, "none") == 0)
        return CLI_OK;
    if (sluice_engine_set_cache(r->engine, r->cache, 0, &error) != SLUICE_OK)
        return report(r, &error);
    return CLI_OK;
}

static int link_data(run_state *r)
{
    for (size_t i = 0; i < r->data.n; i++) {
        sluice_error error = {0};
        const data_option *option = &r->data.v[i];
        if (!imports_data(r, option->name))
            return cli_usage(&cli_run, "%s has no `core data` import named `%s`",
                             r->file, option->name);
        int code;
        sluice_segment *segment = open_data(r, option->path, &code);
        if (segment == NULL)
            return code;
        sluice_status st = sluice_linker_segment(r->linker, option->name,
                                                 segment, &error);
        sluice_segment_free(segment);
        if (st == SLUICE_EUSAGE)
            return cli_usage(&cli_run, "--data %s is given twice",
                             option->name);
        if (st != SLUICE_OK)
            return cli_report(option->name, &error);
    }
    return CLI_OK;
}

static void on_load(void *arg, const sluice_load *load)
{
    cli_plan_note(arg, load);
}

/* A guest's fault is its trap's message; of the host's nobody else tells. */
static sluice_fault_answer on_fault(void *arg, const sluice_fault *fault)
{
    (void)arg;
    if (fault->host) {
        cli_progress_clear();
        fprintf(stderr, "sluice: %s\n", fault->cause);
    }
    return SLUICE_FAULT_TRAP;
}

static int switch_features(run_state *r)
{
    for (size_t i = 0; i < r->features.n; i++)
        if (!sluice_engine_set_feature(r->engine, r->features.v[i], true))
            return cli_usage(&cli_run, "no feature `%s`", r->features.v[i]);
    return CLI_OK;
}

static int link_values(run_state *r)
{
    int code = CLI_OK;
    for (size_t i = 0; i < r->supplies.n && code == CLI_OK; i++)
        code = cli_supply_value(&cli_run, r->file, r->component, r->linker,
                                r->supplies.v[i]);
    return code;
}

static int prepare(run_state *r)
{
    int code;
    sluice_error error = {0};
    sluice_wasi_config config = {
        .args = r->args, .env = r->env.v, .inherit_stdio = true};
    r->engine = sluice_engine_new(NULL, &error);
    if (r->engine == NULL)
        return report(r, &error);
    code = set_up_fetching(r);
    if (code == CLI_OK)
        code = switch_features(r);
    if (code != CLI_OK)
        return code;
    r->component = cli_open(r->engine, r->file, &code);
    if (r->component == NULL)
        return code;
    r->linker = sluice_linker_new(r->engine, &error);
    if (r->linker == NULL ||
        sluice_linker_wasi(r->linker, &config, &error) != SLUICE_OK)
        return report(r, &error);
    r->store = sluice_store_new(r->engine, NULL, &error);
    if (r->store == NULL)
        return report(r, &error);
    sluice_store_set_seed(r->store, r->seed);
    if (r->trace_path != NULL &&
        (code = cli_trace_open(&r->trace, r->trace_path, r->store)) != CLI_OK)
        return code;
    r->values.store = r->store;
    sluice_store_on_fault(r->store, on_fault, r);
    if (r->plan_path != NULL)
        sluice_store_on_load(r->store, on_load, &r->plan);
    if (r->map_files &&
        sluice_store_map_files(r->store, true, &error) != SLUICE_OK)
        return report(r, &error);
    code = link_data(r);
    if (code == CLI_OK)
        code = link_values(r);
    if (code == CLI_OK)
        code = catch_signals(r);
    if (code == CLI_OK)
        code = start_timeout(r);
    if (code == CLI_OK)
        start_progress(r);
    return code;
}

/* --- Calling ------------------------------------------------------------------------ */

static void on_done(void *arg, const sluice_error *error, sluice_val *result)
{
    run_state *r = arg;
    r->error = *error;
    if (result != NULL) {
        r->result = *result;
        r->has_result = true;
        *result = (sluice_val){0};
    }
    r->done = true;
}

/* Runs the loop until *done; a wait that can never end is a trap. */
static int wait(run_state *r, const bool *done)
{
    sluice_status ran = sluice_store_run(r->store, done);
    cli_progress_clear();
    if (ran != SLUICE_OK) {
        sluice_error error = {.status = SLUICE_EDEADLOCK,
                              .offset = SLUICE_NO_OFFSET};
        snprintf(error.message, sizeof error.message,
                 "the guest waits for something that can never come");
        return report(r, &error);
    }
    if (r->interrupted) {
        fputs("sluice: interrupted\n", stderr);
        return CLI_INTERRUPTED;
    }
    if (r->timed_out) {
        fprintf(stderr, "sluice: %s: deadline exceeded\n", r->file);
        return CLI_TIMEOUT;
    }
    return r->error.status == SLUICE_OK ? CLI_OK : report(r, &r->error);
}

static int call(run_state *r, sluice_val *args, size_t n)
{
    sluice_error error = {0};
    if (sluice_func_call(r->func, args, n, on_done, r, NULL, &error) !=
        SLUICE_OK)
        return report(r, &error);
    return wait(r, &r->done);
}

static void on_copied(void *arg, uint64_t n, const sluice_error *error)
{
    (void)n;
    run_state *r = arg;
    if (error != NULL)
        r->error = *error;
    r->done = true;
}

/* A stream<u8> goes to standard output as it is. */
static int print_stream(run_state *r)
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
static int loosen(run_state *r, const sluice_type *type)
{
    cli_values *v = &r->values;
    int code = CLI_OK;
    if (cli_values_out(v, type, &r->result))
        code = wait(r, &v->read);
    return code == CLI_OK && v->error.status != SLUICE_OK
               ? report(r, &v->error)
               : code;
}

static int print_result(run_state *r)
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
static bool parse_args(run_state *r, const sl_wave_call *wave,
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

static int call_export(run_state *r, const sl_wave_call *wave)
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
static int invoke(run_state *r, sluice_instance *instance)
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
            fprintf(stderr, "sluice: %s: no exported function `%.*s`\n",
                    r->file, SL_NAME_ARGS(wave.func));
            code = CLI_INVALID;
        }
    }
    sl_arena_deinit(&arena);
    return code;
}

static int run_command(run_state *r, sluice_instance *instance)
{
    r->func = sluice_instance_func(instance, "wasi:cli/run#run");
    if (r->func == NULL) {
        fprintf(stderr,
                "sluice: %s: not a command: it exports no wasi:cli/run (call an "
                "export with --invoke)\n",
                r->file);
        return CLI_INVALID;
    }
    int code = call(r, NULL, 0);
    if (code == CLI_OK && r->has_result && r->result.kind == SLUICE_RESULT &&
        r->result.of.variant.index != 0)
        return CLI_FAILED;
    return code;
}

static int execute(run_state *r)
{
    sluice_error error = {0};
    int code = prepare(r);
    if (code != CLI_OK)
        return code;
    sluice_instance *instance =
        sluice_instantiate(r->store, r->linker, r->component, &error);
    if (instance == NULL)
        return report(r, &error);
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

/* The most memory this program has had resident, in KiB: VmHWM where /proc
 * tells (getrusage also counts what ran in the process before it). */
static long peak_rss_kib(void)
{
    long kib = -1;
    char line[256];
    FILE *status = fopen("/proc/self/status", "re");
    while (status != NULL && kib < 0 && fgets(line, sizeof line, status))
        if (sscanf(line, "VmHWM: %ld", &kib) != 1)
            kib = -1;
    if (status != NULL)
        fclose(status);
    struct rusage usage;
    if (kib < 0 && getrusage(RUSAGE_SELF, &usage) == 0)
        kib = usage.ru_maxrss;
    return kib;
}

static void print_stats(const run_state *r)
{
    struct rusage usage;
    sluice_stats s = sluice_store_stats(r->store);
    getrusage(RUSAGE_SELF, &usage);
    fprintf(stderr,
            "stats: %" PRIu64 " segment bytes read, %" PRIu64
            " copied into linear memory, %" PRIu64 " mapped, %" PRIu64
            " forwarded without; %" PRIu64 " fetched, %" PRIu64
            " HTTP requests; %" PRIu64
            " bytes of linear memory; peak RSS %ld KiB; cpu %ld.%03ld s\n",
            s.bytes_read, s.bytes_to_guest, s.bytes_mapped, s.bytes_forwarded,
            s.bytes_fetched, s.http_requests, s.memory_bytes,
            peak_rss_kib(), (long)usage.ru_utime.tv_sec + usage.ru_stime.tv_sec,
            (long)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1000 %
                1000);
}

static int run(int argc, char **argv)
{
    run_state r = {.timeout_ns = SLUICE_NO_DEADLINE,
                   .http = sluice_http_config_default()};
    int code = arguments(&r, argc, argv);
    if (code == CLI_OK)
        code = execute(&r);
    const char *problem =
        r.engine != NULL ? sluice_engine_cache_problem(r.engine) : NULL;
    if (problem != NULL)
        fprintf(stderr, "sluice: nothing is cached: %s\n", problem);
    end_progress();
    if (r.plan_path != NULL && r.store != NULL) {
        int written = cli_plan_write(&r.plan, r.plan_path);
        code = code == CLI_OK ? written : code;
    }
    if (r.stats && r.store != NULL)
        print_stats(&r);
    if (r.data_stats && r.store != NULL)
        cli_print_segments(r.store);
    release_signals();
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
    sl_vec_deinit(&r.plan);
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
