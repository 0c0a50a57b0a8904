/* `sluice bundle`: puts files into a component as data segments. */
#include <string.h>

#include "base/vec.h"
#include "cli/job.h"

typedef struct bundling {
    cli_job job; /* first */
    SL_VEC(sl_bundle_data) data;
} bundling;

static const struct option options[] = {
    {"data", required_argument, NULL, 'd'},
    {"external", required_argument, NULL, 'D'},
    CLI_JOB_FORCE,
    CLI_JOB_OUTSIDE,
    {NULL, 0, NULL, 0},
};

static int data_option(void *arg, int option)
{
    bundling *b = arg;
    char *text = optarg, *equals;
    if (option != 'd')
        return CLI_JOB_OTHER;
    equals = strchr(text, '=');
    if (equals == NULL || equals == text || equals[1] == '\0')
        return cli_usage(&cli_bundle, "--data wants NAME=FILE, not `%s`", text);
    sl_bundle_data data = {{text, (size_t)(equals - text)}, equals + 1};
    return sl_vec_push(&b->data, data) ? CLI_OK : CLI_INTERNAL;
}

static int arguments(bundling *b, int argc, char **argv)
{
    int code =
        cli_job_arguments(&b->job, argc, argv, options, data_option, b);
    if (code == CLI_OK && b->job.shaped && b->job.outside.folder == NULL)
        code = cli_usage(&cli_bundle,
                         "--zstd and --chunk are for --external segments");
    return code;
}

static sl_status work(cli_job *job, sl_bundle_job *ask, void *arg, sl_err *err)
{
    bundling *b = arg;
    bool outside = job->outside.folder != NULL;
    ask->replace = true; /* the output; as it has always been */
    return sl_bundle(ask, b->data.v, b->data.n, outside ? &job->outside : NULL,
                     err);
}

static int run(int argc, char **argv)
{
    bundling b = {0};
    cli_job_init(&b.job, &cli_bundle);
    int code = arguments(&b, argc, argv);
    if (code == CLI_OK)
        code = cli_job_run(&b.job, work, &b);
    sl_vec_deinit(&b.data);
    return code;
}

const cli_command cli_bundle = {
    "bundle",
    "put files into a component as data segments",
    "usage: sluice bundle --data NAME=FILE ... -o OUT.wasm [OPTIONS] "
    "IN.wat|IN.wasm\n\n"
    "Writes the component with each import `(import \"NAME\" (core data))` "
    "replaced\nby a segment that holds FILE: inline, with the payload at a "
    "multiple of 64 KiB\nand smaller than 4 GiB, or external. Files are "
    "streamed, never loaded into\nmemory.\n\n"
    "  --data NAME=FILE  may be given several times, once per import\n"
    "  --external DIR    external segments: their files go to DIR, at or below "
    "the\n                    folder of OUT.wasm; made when it is not there\n"
    "  --chunk N         bytes per chunk of an external segment, a power of "
    "two "
    "from\n                    4K to 1G (default 256K)\n"
    "  --zstd LEVEL      compress each chunk of it, level 1 to 22\n"
    "  --force           replace files in DIR that exist, and inputs by "
    "OUT.wasm\n"
    "  -o OUT.wasm       written beside and renamed: never seen half-written\n",
    run,
};
