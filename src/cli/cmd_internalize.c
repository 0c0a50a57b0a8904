/* `sluice internalize`: brings external data segments back into the component.
 */
#include "cli/job.h"

static const struct option options[] = {
    CLI_JOB_FORCE,
    {NULL, 0, NULL, 0},
};

static sl_status work(cli_job *job, sl_bundle_job *ask, void *arg, sl_err *err)
{
    (void)job;
    (void)arg;
    return sl_internalize(ask, err);
}

static int run(int argc, char **argv)
{
    cli_job job;
    cli_job_init(&job, &cli_internalize);
    int code = cli_job_arguments(&job, argc, argv, options, NULL, NULL);
    return code == CLI_OK ? cli_job_run(&job, work, NULL) : code;
}

const cli_command cli_internalize = {
    "internalize",
    "bring data segments in files into a component",
    "usage: sluice internalize -o OUT.wasm [--force] IN.wasm|IN.wat\n\n"
    "Writes the component with its external data segments, those of nested "
    "components\ntoo, as inline ones: one file that needs no other. Files are "
    "looked for below the\nfolder of IN.wasm; every chunk's SHA-256 is "
    "checked. Payloads start at multiples\nof 64 KiB; each must be smaller "
    "than 4 GiB.\n\n"
    "  --force      replace OUT.wasm if it exists\n"
    "  -o OUT.wasm  written beside and renamed: never seen half-written\n",
    run,
};
