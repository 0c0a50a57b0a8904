/* `sluice optimize`: puts a load plan into a component. */
#include "cli/job.h"
#include "cli/plan.h"

static const struct option options[] = {
    CLI_JOB_FORCE,
    {"plan", required_argument, NULL, 'p'},
    {NULL, 0, NULL, 0},
};

static sl_status work(cli_job *job, sl_bundle_job *ask, void *arg, sl_err *err)
{
    const sl_load_plan plan = cli_plan_take(arg);
    (void)job;
    return sl_optimize(ask, &plan, err);
}

static int plan_option(void *arg, int option)
{
    if (option != 'p')
        return CLI_JOB_OTHER;
    *(const char **)arg = optarg;
    return CLI_OK;
}

static int run(int argc, char **argv)
{
    cli_job job;
    cli_plan plan = {0};
    const char *path = NULL;
    cli_job_init(&job, &cli_optimize);
    int code =
        cli_job_arguments(&job, argc, argv, options, plan_option, &path);
    if (code == CLI_OK && path == NULL)
        code = cli_usage(&cli_optimize, "--plan PLAN is needed");
    if (code == CLI_OK)
        code = cli_plan_read(&plan, path);
    if (code == CLI_OK)
        code = cli_job_run(&job, work, &plan);
    cli_plan_deinit(&plan);
    return code;
}

const cli_command cli_optimize = {
    "optimize",
    "put a load plan into a component",
    "usage: sluice optimize --plan PLAN -o OUT.wasm [--force] IN.wasm|IN.wat\n\n"
    "Writes the component with a plan of what will be read of its data segments, "
    "as\n`sluice run --record-loads PLAN` noted it: when it is instantiated, its "
    "bytes are\nfetched along the plan before they are asked for. A plan that is "
    "there is replaced.\n\n"
    "  --plan PLAN  lines SEGMENT START LENGTH; SEGMENT is a number or the "
    "\"name\" of\n               an import; `-` is standard input\n"
    "  --force      replace OUT.wasm if it exists\n"
    "  -o OUT.wasm  written beside and renamed: never seen half-written\n",
    run,
};
