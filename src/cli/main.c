/* The entry: finds the command and gives it its arguments. */
#include <fcntl.h>
#include <signal.h>
#include <string.h>

#include "cli/cli.h"

static const cli_command *const commands[] = {
    &cli_run,    &cli_validate,    &cli_inspect,     &cli_parse, &cli_print,
    &cli_bundle, &cli_externalize, &cli_internalize, &cli_lower,
    &cli_optimize, &cli_cache, &cli_wast,
    &cli_conformance,
};
enum { N_COMMANDS = sizeof commands / sizeof *commands };

static void print_help(FILE *to)
{
    fputs("usage: sluice COMMAND [OPTIONS] [ARGUMENTS]\n\n"
          "Runs WebAssembly components whose data segments are loaded lazily "
          "and streamed.\n\ncommands:\n",
          to);
    for (int i = 0; i < N_COMMANDS; i++)
        fprintf(to, "  %-11s %s\n", commands[i]->name, commands[i]->summary);
    fputs("\n`sluice COMMAND --help` tells more. `sluice --version` prints the "
          "version.\n\n"
          "exit codes: 0 success; 1 the guest returned an error, or tests "
          "failed;\n  64 usage; 65 invalid input; 66 input cannot be read; 69 "
          "unsupported feature;\n  70 out of memory or a limit; 74 output or "
          "host i/o failed; 124 out of time; 130 "
          "interrupted;\n  134 trap; a guest that exits "
          "gives its own code\n",
          to);
}

static bool is_help(const char *arg)
{
    return strcmp(arg, "--help") == 0 || strcmp(arg, "-h") == 0;
}

/* --help anywhere before the first operand belongs to the command. */
static bool asks_for_help(int argc, char **argv)
{
    for (int i = 1; i < argc && argv[i][0] == '-'; i++)
        if (is_help(argv[i]))
            return true;
    return false;
}

/* A file must not be opened as a standard stream that is closed; using that
 * still fails: it is open the wrong way round. */
static void reserve_standard_streams(void)
{
    for (int fd = 0; fd < 3; fd++)
        if (fcntl(fd, F_GETFD) < 0)
            (void)!open("/dev/null", fd == 0 ? O_WRONLY : O_RDONLY);
}

int main(int argc, char **argv)
{
    reserve_standard_streams();
    signal(SIGPIPE, SIG_IGN); /* a closed reader is an error to report */
    if (argc < 2) {
        print_help(stderr);
        return CLI_USAGE;
    }
    bool help = strcmp(argv[1], "help") == 0;
    if (is_help(argv[1]) ||
        (help && (argc == 2 || strcmp(argv[2], "help") == 0))) {
        print_help(stdout);
        return cli_finish(CLI_OK);
    }
    if (strcmp(argv[1], "--version") == 0) {
        printf("sluice %s\n", sluice_version());
        return cli_finish(CLI_OK);
    }
    const char *name = argv[help ? 2 : 1];
    for (int i = 0; i < N_COMMANDS; i++) {
        if (strcmp(name, commands[i]->name) != 0)
            continue;
        if (help || asks_for_help(argc - 1, argv + 1)) {
            fputs(commands[i]->help, stdout);
            return cli_finish(CLI_OK);
        }
        return cli_finish(commands[i]->run(argc - 1, argv + 1));
    }
    cli_say("no command `%s`; see `sluice --help`", name);
    return CLI_USAGE;
}
