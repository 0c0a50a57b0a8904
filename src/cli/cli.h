/* The command line: the first embedder. Includes the public headers and the
 * text, bundle and wast tools only. */
#ifndef SL_CLI_CLI_H
#define SL_CLI_CLI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/source.h"
#include "sluice/sluice.h"

/* Exit codes, as docs/cli.md and --help say. A guest that exits by itself
 * gives its own code. */
enum {
    CLI_OK = 0,
    CLI_FAILED = 1,       /* the guest's run returned an error; wast: failures */
    CLI_USAGE = 64,       /* wrong arguments */
    CLI_INVALID = 65,     /* the input is malformed, invalid or unlinkable */
    CLI_NO_INPUT = 66,    /* the input cannot be opened or read */
    CLI_UNSUPPORTED = 69, /* the input needs a feature that is not there */
    CLI_INTERNAL = 70,    /* out of memory, a limit, our own fault */
    CLI_IO = 74,          /* output or a host resource failed */
    CLI_TIMEOUT = 124,    /* the time that --timeout gives is over */
    CLI_TRAP = 134,       /* the guest trapped */
    CLI_INTERRUPTED = 130, /* ^C */
};

typedef struct cli_command {
    const char *name;
    const char *summary; /* for `sluice --help` */
    const char *help;    /* for `sluice NAME --help` */
    int (*run)(int argc, char **argv);
} cli_command;
extern const cli_command cli_run, cli_parse, cli_print, cli_validate, cli_wast,
    cli_inspect, cli_bundle, cli_externalize, cli_internalize, cli_cache,
    cli_lower, cli_optimize, cli_conformance;

/* A usage error: one line and where to look; returns CLI_USAGE. */
int cli_usage(const cli_command *command, const char *fmt, ...)
    SL_PRINTF(2, 3);
/* Takes ^C, SIGTERM, and a terminal that goes away, unless somebody (nohup) had
 * that ignored. */
struct sigaction;
void cli_catch_signals(const struct sigaction *action);
/* "sluice: ..." on standard error, a line, as cli_put() writes it. */
void cli_say(const char *fmt, ...) SL_PRINTF(1, 2);
/* Writes text with control characters shown as \u{1b}, and bytes that are not
 * UTF-8 as \x9b. */
void cli_put(FILE *to, const char *text, size_t len);
/* Text as a JSON string, to standard output; U+FFFD for bytes that are not
 * UTF-8. */
void cli_put_json(const char *text, size_t len);
/* What commands that open URLs share: rows for getopt, and their effect. */
#define CLI_FETCH_OPTIONS                                                      \
    {"allow-private", no_argument, NULL, 'p'},                                 \
    {                                                                          \
        "ca-file", required_argument, NULL, 'a'                                \
    }
#define CLI_FETCH_HELP                                                         \
    "  --allow-private  also fetch from loopback and private addresses\n"      \
    "  --ca-file FILE   trust these certificate authorities (PEM)\n"
/* Whether the option was one of them. `argument` is borrowed by *http. */
bool cli_fetch_option(int option, const char *argument,
                      sluice_http_config *http);
/* One readable block on stderr; returns the exit code for the status. */
int cli_report(const char *file, const sluice_error *error);
/* The same for the text tools; `source` is the text, if it is one. */
int cli_report_text(const char *file, const sl_buf *source, const sl_err *err);
int cli_code(sluice_status status);

/* The whole of a file ("-": standard input). 0 or an exit code, reported. */
int cli_read_file(const char *path, sl_buf *out);
/* Writes a whole file ("-": standard output), removing what is half-written
 * when it fails. 0 or an exit code, reported. */
int cli_write_file(const char *path, const void *data, size_t len);

/* Opens a component, binary or text, from a file, a URL or "-". A binary file is not
 * read whole. NULL: *code is the exit code, reported. */
sluice_component *cli_open(sluice_engine *engine, const char *path, int *code);

/* The same as a source for the tools: a binary file in place, text parsed. */
sl_source *cli_open_source(const char *path, int *code);

/* "65536", "64K", "1G": bytes. False: it is none. */
bool cli_parse_size(const char *text, uint64_t *out);

/* Closes standard output; its failure is the command's. */
int cli_finish(int code);

#endif
