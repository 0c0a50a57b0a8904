/* `sluice validate`: decode and validate, run nothing. */
#include "cli/cli.h"

#include <getopt.h>

static const struct option options[] = {
    {"features", required_argument, NULL, 'f'},
    CLI_FETCH_OPTIONS,
    {NULL, 0, NULL, 0},
};

static int run(int argc, char **argv)
{
    sluice_error error = {0};
    int option, code = CLI_OK;
    sluice_http_config http = sluice_http_config_default();
    sluice_engine *engine = sluice_engine_new(NULL, &error);
    if (engine == NULL)
        return cli_report("engine", &error);
    optind = 0; /* begin anew */
    opterr = 0;
    while ((option = getopt_long(argc, argv, "+", options, NULL)) != -1) {
        if (cli_fetch_option(option, optarg, &http))
            continue;
        if (option != 'f')
            code = cli_usage(&cli_validate, "unknown option or missing value: %s",
                             argv[optind - 1]);
        else if (!sluice_engine_set_feature(engine, optarg, true))
            code = cli_usage(&cli_validate, "no feature `%s`", optarg);
        if (code != CLI_OK)
            break;
    }
    if (code == CLI_OK && optind == argc)
        code = cli_usage(&cli_validate, "an input file is needed");
    if (code == CLI_OK &&
        sluice_engine_set_http(engine, &http, &error) != SLUICE_OK)
        code = cli_report("engine", &error);
    const bool started = code == CLI_OK;
    for (int i = optind; started && i < argc; i++) {
        int one;
        sluice_component_free(cli_open(engine, argv[i], &one));
        if (one != CLI_OK)
            code = one;
    }
    sluice_engine_free(engine);
    return code;
}

const cli_command cli_validate = {
    "validate",
    "check components without running them",
    "usage: sluice validate [OPTIONS] FILE...\n\n"
    "Decodes and validates components (binary or text; `-` is standard\n"
    "input), also at http(s):// URLs. No payload byte of a core:data section is\n"
    "read. Silent when all is well; otherwise says what is wrong and where.\n\n"
    "  --features NAME  also accept a gated feature (`all`: every one)\n"
    CLI_FETCH_HELP "\n"
    "exit codes: 0 valid; 65 malformed or invalid; 66 cannot be read;\n"
    "  69 needs a feature that is off\n",
    run,
};
