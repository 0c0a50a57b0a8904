/* `sluice optimize`: puts a load plan into a component. */
#include "cli/job.h"
#include "cli/plan.h"

static const struct option options[] = {
    CLI_JOB_FORCE,
    {"plan", required_argument, NULL, 'p'},
    {"keep-order", no_argument, NULL, 'k'},
    {NULL, 0, NULL, 0},
};

typedef struct optimizing {
    cli_job job;
    cli_plan plan;
    const char *path;
    bool keep_order;
} optimizing;

static sl_status work(cli_job *job, sl_bundle_job *ask, void *arg, sl_err *err)
{
    optimizing *o = arg;
    const sl_load_plan plan = cli_plan_take(&o->plan);
    (void)job;
    return sl_optimize(ask, &plan, !o->keep_order, err);
}

static int own_option(void *arg, int option)
{
    optimizing *o = arg;
    if (option == 'k')
        o->keep_order = true;
    else if (option == 'p')
        o->path = optarg;
    else
        return CLI_JOB_OTHER;
    return CLI_OK;
}

static int run(int argc, char **argv)
{
    optimizing o = {0};
    cli_job_init(&o.job, &cli_optimize);
    int code = cli_job_arguments(&o.job, argc, argv, options, own_option, &o);
    if (code == CLI_OK && o.path == NULL)
        code = cli_usage(&cli_optimize, "--plan PLAN is needed");
    if (code == CLI_OK)
        code = cli_plan_read(&o.plan, o.path);
    if (code == CLI_OK)
        code = cli_job_run(&o.job, work, &o);
    cli_plan_deinit(&o.plan);
    return code;
}

const cli_command cli_optimize = {
    "optimize",
    "put a load plan into a component",
    "usage: sluice optimize --plan PLAN -o OUT.wasm [--force] IN.wasm|IN.wat\n\n"
    "Writes the component with a plan of what will be read of its data segments, "
    "as\n`sluice run --record-loads PLAN` noted it: when it is instantiated, its "
    "bytes are\nfetched along the plan before they are asked for. A plan that is "
    "there is replaced.\nInline segments that the plan names are put side by "
    "side, in the order in which\nthey are read.\n\n"
    "  --plan PLAN   lines SEGMENT START LENGTH; SEGMENT is a number or the "
    "\"name\" of\n                an import; `-` is standard input\n"
    "  --keep-order  leave all segments where they are\n"
    "  --force       replace OUT.wasm if it exists\n"
    "  -o OUT.wasm   written beside and renamed: never seen half-written\n",
    run,
};
