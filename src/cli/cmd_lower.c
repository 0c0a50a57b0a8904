/* `sluice lower`: a component that other runtimes take. */
#include "cli/job.h"

static const struct option options[] = {
    CLI_JOB_FORCE,
    {NULL, 0, NULL, 0},
};

static sl_status work(cli_job *job, sl_bundle_job *ask, void *arg, sl_err *err)
{
    (void)job;
    (void)arg;
    return sl_lower(ask, err);
}

static int run(int argc, char **argv)
{
    cli_job job;
    cli_job_init(&job, &cli_lower);
    int code = cli_job_arguments(&job, argc, argv, options, NULL, NULL);
    return code == CLI_OK ? cli_job_run(&job, work, NULL) : code;
}

const cli_command cli_lower = {
    "lower",
    "make a component that needs no data segments of its own",
    "usage: sluice lower -o OUT.wasm [--force] IN.wasm|IN.wat\n\n"
    "Writes a component that does the same with the standard means of the "
    "Component\nModel, for other runtimes: inline data segments become core "
    "modules that write\ntheir bytes into streams. It is no longer lazy. A "
    "data import becomes an import\nof an instance of `read: async "
    "func(start: u64, len: u64) -> stream<u8>` and\n`size: func() -> u64`. "
    "External segments are brought in.\n\n"
    "  --force      replace OUT.wasm if it exists\n"
    "  -o OUT.wasm  written beside and renamed: never seen half-written\n",
    run,
};
