/* What `sluice run` sets up before it calls: engine, component, linker, store. */
#include "cli/run.h"

#include <stdio.h>
#include <string.h>

#include "cli/observe.h"
#include "cli/progress.h"
#include "cli/supply.h"

int cli_run_report(const cli_run_state *r, const sluice_error *error)
{
    if (error->status == SLUICE_EEXIT)
        return error->exit_code;
    int code = cli_report(r->file, error);
    return r->interrupted ? CLI_INTERRUPTED : code;
}

static bool imports_data(const cli_run_state *r, const char *name)
{
    sluice_extern e;
    for (size_t i = 0; sluice_component_import(r->component, i, &e); i++)
        if (e.kind == SLUICE_EXTERN_DATA && e.name.len == strlen(name) &&
            memcmp(e.name.data, name, e.name.len) == 0)
            return true;
    return false;
}

/* A file, a URL, or all of standard input. NULL: *code is the exit code. */
static sluice_segment *open_data(cli_run_state *r, const char *path, int *code)
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
static int set_up_fetching(cli_run_state *r)
{
    sluice_error error = {0};
    if (sluice_engine_set_http(r->engine, &r->http, &error) != SLUICE_OK)
        return cli_run_report(r, &error);
    if (r->cache != NULL && strcmp(r->cache, "none") == 0)
        return CLI_OK;
    if (sluice_engine_set_cache(r->engine, r->cache, 0, &error) != SLUICE_OK)
        return cli_run_report(r, &error);
    return CLI_OK;
}

static int link_data(cli_run_state *r)
{
    for (size_t i = 0; i < r->data.n; i++) {
        sluice_error error = {0};
        const cli_data_option *option = &r->data.v[i];
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
        cli_say("%s", fault->cause);
    }
    return SLUICE_FAULT_TRAP;
}

static int switch_features(cli_run_state *r)
{
    for (size_t i = 0; i < r->features.n; i++)
        if (!sluice_engine_set_feature(r->engine, r->features.v[i], true))
            return cli_usage(&cli_run, "no feature `%s`", r->features.v[i]);
    return CLI_OK;
}

static int link_values(cli_run_state *r)
{
    int code = CLI_OK;
    for (size_t i = 0; i < r->supplies.n && code == CLI_OK; i++)
        code = cli_supply_value(&cli_run, r->file, r->component, r->linker,
                                r->supplies.v[i]);
    return code;
}

int cli_run_prepare(cli_run_state *r)
{
    int code;
    sluice_error error = {0};
    sluice_wasi_config config = {
        .args = r->args, .env = r->env.v, .inherit_stdio = true};
    r->engine = sluice_engine_new(NULL, &error);
    if (r->engine == NULL)
        return cli_run_report(r, &error);
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
        return cli_run_report(r, &error);
    r->store = sluice_store_new(r->engine, NULL, &error);
    if (r->store == NULL)
        return cli_run_report(r, &error);
    sluice_store_set_seed(r->store, r->seed);
    r->values.store = r->store;
    sluice_store_on_fault(r->store, on_fault, r);
    if (r->plan_path != NULL)
        sluice_store_on_load(r->store, on_load, &r->plan);
    if (r->map_files &&
        sluice_store_map_files(r->store, true, &error) != SLUICE_OK)
        return cli_run_report(r, &error);
    code = link_data(r);
    if (code == CLI_OK)
        code = link_values(r);
    if (r->trace_path != NULL) { /* behind what may be ended at once */
        int traced = cli_trace_open(&r->trace, r->trace_path, r->store);
        code = code == CLI_OK ? traced : code;
    }
    return code == CLI_OK ? cli_run_watch(r) : code;
}
