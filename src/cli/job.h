/* What the commands have in common that move segments between components and
 * files: bundle, externalize, internalize. */
#ifndef SL_CLI_JOB_H
#define SL_CLI_JOB_H

#include <getopt.h>

#include "bundle/bundle.h"
#include "cli/cli.h"

typedef struct cli_job {
    const cli_command *command;
    const char *input, *output;
    bool force;
    bool shaped;        /* --zstd or --chunk was given */
    sl_outside outside; /* .folder NULL: none was given */
} cli_job;

/* Rows of an option table that all of them may have. */
#define CLI_JOB_FORCE                                                          \
    {                                                                          \
        "force", no_argument, NULL, 'F'                                        \
    }
#define CLI_JOB_OUTSIDE                                                        \
    {"zstd", required_argument, NULL, 'z'},                                    \
    {                                                                          \
        "chunk", required_argument, NULL, 'c'                                  \
    }

void cli_job_init(cli_job *job, const cli_command *command);
/* An option of the command's own, in optarg: CLI_OK, reported, or
 * CLI_JOB_OTHER: it is none. */
enum { CLI_JOB_OTHER = -1 };
typedef int cli_job_own(void *arg, int option);
/* All arguments: options (`own`: asked first, or NULL), -o, the input. CLI_OK or
 * reported. */
int cli_job_arguments(cli_job *job, int argc, char **argv,
                      const struct option *options, cli_job_own *own,
                      void *arg);

typedef sl_status cli_job_work(cli_job *job, sl_bundle_job *ask, void *arg,
                               sl_err *err);
/* Opens the input and works, with progress and ^C. An exit code, reported. */
int cli_job_run(cli_job *job, cli_job_work *work, void *arg);
/* All of a command that has no options of its own. An exit code, reported. */
int cli_job_plain(const cli_command *command, int argc, char **argv,
                  sl_status (*work)(sl_bundle_job *ask, sl_err *err));

#endif
