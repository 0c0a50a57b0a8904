#include "cli/job.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "cli/progress.h"

enum { ZSTD_LEVEL_MAX = 22, CHUNK_LOG_MIN = 12, CHUNK_LOG_MAX = 30 };

void cli_job_init(cli_job *job, const cli_command *command)
{
    *job = (cli_job){.command = command,
                     .outside = {.chunk_log = SL_CHUNK_LOG_DEFAULT,
                                 .min_size = SL_BUNDLE_ALIGN}};
}

/* --- Options ------------------------------------------------------------ */

/* The power of two that it is; 0: it is none, or out of bounds. */
static uint8_t chunk_log(const char *text)
{
    uint64_t bytes;
    if (!cli_parse_size(text, &bytes))
        return 0;
    for (uint8_t log = CHUNK_LOG_MIN; log <= CHUNK_LOG_MAX; log++)
        if (bytes == UINT64_C(1) << log)
            return log;
    return 0;
}

static int zstd_option(cli_job *job, const char *text)
{
    char *end;
    errno = 0;
    long level = strtol(text, &end, 10);
    if (errno != 0 || end == text || *end != '\0' || level < 1 ||
        level > ZSTD_LEVEL_MAX)
        return cli_usage(job->command,
                         "--zstd wants a level from 1 to %d, not "
                         "`%s`",
                         ZSTD_LEVEL_MAX, text);
    job->outside.zstd_level = (int)level;
    job->shaped = true;
    return CLI_OK;
}

static int chunk_option(cli_job *job, const char *text)
{
    job->outside.chunk_log = chunk_log(text);
    job->shaped = true;
    return job->outside.chunk_log != 0
               ? CLI_OK
               : cli_usage(job->command,
                           "--chunk wants a power of two from 4K to 1G, not "
                           "`%s`",
                           text);
}

static int common_option(cli_job *job, int option, char **argv)
{
    switch (option) {
    case 'o':
        job->output = optarg;
        return CLI_OK;
    case 'F':
        job->force = true;
        return CLI_OK;
    case 'z':
        return zstd_option(job, optarg);
    case 'c':
        return chunk_option(job, optarg);
    case 'D':
        job->outside.folder = optarg;
        return *optarg != '\0'
                   ? CLI_OK
                   : cli_usage(job->command, "the folder of the files has no "
                                             "name");
    case 'm':
        return cli_parse_size(optarg, &job->outside.min_size)
                   ? CLI_OK
                   : cli_usage(job->command,
                               "--min-size wants a number of bytes (64K, 1M, "
                               "...), not `%s`",
                               optarg);
    default:
        return cli_usage(job->command, "unknown option or missing value: %s",
                         argv[optind - 1]);
    }
}

static int operands(cli_job *job, int argc, char **argv)
{
    if (argc - optind != 1)
        return cli_usage(job->command, "one input file is needed");
    if (job->output == NULL || *job->output == '\0')
        return cli_usage(job->command, "-o OUT.wasm is needed");
    if (strcmp(job->output, "-") == 0)
        return cli_usage(job->command,
                         "-o is written in several passes: it has "
                         "to be a file, not `-`");
    job->input = argv[optind];
    return CLI_OK;
}

int cli_job_arguments(cli_job *job, int argc, char **argv,
                      const struct option *options, cli_job_own *own, void *arg)
{
    int option, code = CLI_OK;
    optind = 0; /* begin anew */
    opterr = 0;
    while (code == CLI_OK &&
           (option = getopt_long(argc, argv, "o:", options, NULL)) != -1) {
        code = own != NULL ? own(arg, option) : CLI_JOB_OTHER;
        if (code == CLI_JOB_OTHER)
            code = common_option(job, option, argv);
    }
    return code == CLI_OK ? operands(job, argc, argv) : code;
}

/* --- ^C ----------------------------------------------------------------- */

static volatile sig_atomic_t interrupted;

static void on_signal(int number)
{
    (void)number;
    interrupted = 1;
}

/* The first ^C ends the job in good order, the second one at once. */
static void catch_signals(void)
{
    struct sigaction action = {.sa_handler = on_signal,
                               .sa_flags = (int)SA_RESETHAND};
    cli_catch_signals(&action);
}

/* --- Running ------------------------------------------------------------ */

static bool step(void *arg, uint64_t done, uint64_t total)
{
    cli_progress_step(arg, done, total);
    return !interrupted;
}

static void tell_moved(const sl_bundle_job *ask)
{
    if (ask->n_moved_references != 0)
        cli_say("%s: note: %" PRIu64 " external segment%s still refer%s to "
                "files beside %s: copy them along",
                ask->output, ask->n_moved_references,
                ask->n_moved_references == 1 ? "" : "s",
                ask->n_moved_references == 1 ? "s" : "", ask->input);
}

int cli_job_run(cli_job *job, cli_job_work *work, void *arg)
{
    int code;
    sl_err err = {0};
    cli_progress progress;
    sl_source *source = cli_open_source(job->input, &code);
    if (source == NULL)
        return code;
    sl_bundle_job ask = {.source = source,
                         .input = job->input,
                         .output = job->output,
                         .replace = job->force,
                         .replace_files = job->force,
                         .watch = {.step = step, .arg = &progress}};
    catch_signals();
    signal(SIGXFSZ, SIG_IGN); /* a limit is an error to report */
    cli_progress_begin(&progress, job->command->name);
    sl_status status = work(job, &ask, arg, &err);
    cli_progress_end(&progress);
    if (status == SL_OK)
        tell_moved(&ask);
    else
        code = cli_report_text(job->input, NULL, &err);
    sl_source_unref(source);
    return status == SL_ECANCELLED ? CLI_INTERRUPTED : code;
}

/* --- Commands without options of their own -------------------------------- */

typedef struct plain {
    sl_status (*work)(sl_bundle_job *ask, sl_err *err);
} plain;

static sl_status plain_work(cli_job *job, sl_bundle_job *ask, void *arg,
                            sl_err *err)
{
    const plain *p = arg;
    (void)job;
    return p->work(ask, err);
}

int cli_job_plain(const cli_command *command, int argc, char **argv,
                  sl_status (*work)(sl_bundle_job *ask, sl_err *err))
{
    static const struct option options[] = {
        CLI_JOB_FORCE,
        {NULL, 0, NULL, 0},
    };
    cli_job job;
    plain p = {work};
    cli_job_init(&job, command);
    int code = cli_job_arguments(&job, argc, argv, options, NULL, NULL);
    return code == CLI_OK ? cli_job_run(&job, plain_work, &p) : code;
}
