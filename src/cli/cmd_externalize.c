/* `sluice externalize`: moves the payloads of data segments into files. */
#include "cli/job.h"

static const struct option options[] = {
    {"dir", required_argument, NULL, 'D'},
    {"min-size", required_argument, NULL, 'm'},
    CLI_JOB_FORCE,
    CLI_JOB_OUTSIDE,
    {NULL, 0, NULL, 0},
};

static sl_status work(cli_job *job, sl_bundle_job *ask, void *arg, sl_err *err)
{
    (void)arg;
    return sl_externalize(ask, &job->outside, err);
}

static int run(int argc, char **argv)
{
    cli_job job;
    cli_job_init(&job, &cli_externalize);
    int code = cli_job_arguments(&job, argc, argv, options, NULL, NULL);
    if (code == CLI_OK && job.outside.folder == NULL)
        code = cli_usage(&cli_externalize, "--dir DIR is needed");
    return code == CLI_OK ? cli_job_run(&job, work, NULL) : code;
}

const cli_command cli_externalize = {
    "externalize",
    "move data segments of a component into files",
    "usage: sluice externalize --dir DIR -o OUT.wasm [OPTIONS] IN.wasm|IN.wat"
    "\n\nWrites the component with its inline data segments, those of nested "
    "components\ntoo, moved into files in DIR, which is at or below the folder "
    "of OUT.wasm. The\ncomponent keeps their names, sizes and a SHA-256 per "
    "chunk. Payloads are\nstreamed, never loaded into memory.\n\n"
    "  --dir DIR         made when it is not there\n"
    "  --min-size N      leave smaller segments where they are (default 64K)\n"
    "  --chunk N         bytes per chunk, a power of two from 4K to 1G "
    "(default 256K)\n"
    "  --zstd LEVEL      compress each chunk, level 1 to 22; `zstd -d` "
    "restores the file\n"
    "  --force           replace files that exist\n"
    "  -o OUT.wasm       all files appear whole at the end, or none\n",
    run,
};
