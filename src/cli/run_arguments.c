/* The options of `sluice run`. */
#include "cli/run.h"

#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

static const struct option options[] = {
    {"env", required_argument, NULL, 'e'},
    {"data", required_argument, NULL, 'd'},
    {"invoke", required_argument, NULL, 'i'},
    {"seed", required_argument, NULL, 's'},
    {"stats", no_argument, NULL, 't'},
    {"data-stats", no_argument, NULL, 'D'},
    {"trace", required_argument, NULL, 'r'},
    {"timeout", required_argument, NULL, 'T'},
    {"allow-private", no_argument, NULL, 'p'},
    {"ca-file", required_argument, NULL, 'c'},
    {"map-files", no_argument, NULL, 'm'},
    {"record-loads", required_argument, NULL, 'L'},
    {"cache", required_argument, NULL, 'C'},
    {"http-timeout", required_argument, NULL, 'H'},
    {"http-retries", required_argument, NULL, 'R'},
    {"features", required_argument, NULL, 'f'},
    {"value", required_argument, NULL, 'v'},
    {NULL, 0, NULL, 0},
};

/* Seconds, with a fraction or without. */
static bool parse_timeout(const char *text, uint64_t *out)
{
    char *end;
    double seconds = strtod(text, &end);
    if (*text < '0' || *text > '9' || *end != '\0' || !(seconds < 1e9))
        return false;
    *out = (uint64_t)(seconds * 1e9);
    return true;
}

/* Seconds, with a fraction perhaps: for each wait that the network makes. */
static int http_timeout(cli_run_state *r)
{
    uint64_t ns;
    if (!parse_timeout(optarg, &ns) || ns < 1000000 ||
        ns > 86400 * UINT64_C(1000000000))
        return cli_usage(&cli_run, "--http-timeout wants seconds, not `%s`",
                         optarg);
    uint32_t ms = (uint32_t)(ns / 1000000);
    r->http.connect_ms = r->http.first_byte_ms = r->http.rate_window_ms = ms;
    return CLI_OK;
}

static int http_retries(cli_run_state *r)
{
    char *end;
    unsigned long n = strtoul(optarg, &end, 10);
    if (*optarg < '0' || *optarg > '9' || *end != '\0' || n > 100)
        return cli_usage(&cli_run,
                         "--http-retries wants a number up to 100, not `%s`",
                         optarg);
    r->http.retries = (uint32_t)n;
    return CLI_OK;
}

static int one_option(cli_run_state *r, int option, char **argv)
{
    char *equals, *end;
    switch (option) {
    case 'e':
        if (strchr(optarg, '=') == NULL || optarg[0] == '=')
            return cli_usage(&cli_run, "--env wants NAME=VALUE, not `%s`",
                             optarg);
        return sl_vec_push(&r->env, optarg) ? CLI_OK : CLI_INTERNAL;
    case 'd':
        equals = strchr(optarg, '=');
        if (equals == NULL || equals == optarg || equals[1] == '\0')
            return cli_usage(&cli_run, "--data wants NAME=FILE, NAME=URL or NAME=-, not "
                             "`%s`",
                             optarg);
        *equals = '\0';
        return sl_vec_push(&r->data, (cli_data_option){optarg, equals + 1})
                   ? CLI_OK
                   : CLI_INTERNAL;
    case 'i':
        return sl_vec_push(&r->invokes, optarg) ? CLI_OK : CLI_INTERNAL;
    case 's':
        errno = 0;
        r->seed = strtoull(optarg, &end, 0);
        if (*optarg < '0' || *optarg > '9' || *end != '\0' || errno != 0)
            return cli_usage(&cli_run, "--seed wants a number, not `%s`",
                             optarg);
        return CLI_OK;
    case 't':
        r->stats = true;
        return CLI_OK;
    case 'D':
        r->data_stats = true;
        return CLI_OK;
    case 'r':
        r->trace_path = optarg;
        return CLI_OK;
    case 'T':
        return parse_timeout(optarg, &r->timeout_ns)
                   ? CLI_OK
                   : cli_usage(&cli_run,
                               "--timeout wants a number of seconds, not `%s`",
                               optarg);
    case 'p':
        r->http.allow_private = true;
        return CLI_OK;
    case 'c':
        r->http.ca_file = optarg;
        return CLI_OK;
    case 'm':
        r->map_files = true;
        return CLI_OK;
    case 'L':
        r->plan_path = optarg;
        return CLI_OK;
    case 'C':
        r->cache = optarg;
        return *optarg != '\0'
                   ? CLI_OK
                   : cli_usage(&cli_run, "--cache wants a directory or `none`");
    case 'H':
        return http_timeout(r);
    case 'R':
        return http_retries(r);
    case 'f':
        return sl_vec_push(&r->features, optarg) ? CLI_OK : CLI_INTERNAL;
    case 'v':
        return sl_vec_push(&r->supplies, optarg) ? CLI_OK : CLI_INTERNAL;
    default:
        return cli_usage(&cli_run, "unknown option or missing value: %s",
                         argv[optind - 1]);
    }
}

/* Who comes second would find nothing. */
static bool wants_stdin_twice(const cli_run_state *r)
{
    size_t n = strcmp(r->file, "-") == 0;
    for (size_t i = 0; i < r->data.n; i++)
        n += strcmp(r->data.v[i].path, "-") == 0;
    return n > 1;
}

int cli_run_arguments(cli_run_state *r, int argc, char **argv)
{
    int option, code;
    optind = 0; /* begin anew */
    opterr = 0;
    while ((option = getopt_long(argc, argv, "+", options, NULL)) != -1)
        if ((code = one_option(r, option, argv)) != CLI_OK)
            return code;
    if (optind == argc)
        return cli_usage(&cli_run, "a component is needed");
    r->file = argv[optind];
    r->args = (const char *const *)argv + optind;
    if (r->invokes.n != 0 && argc - optind != 1)
        return cli_usage(&cli_run, "with --invoke the arguments stand in the "
                                   "call, not behind the file");
    if (wants_stdin_twice(r))
        return cli_usage(&cli_run, "standard input (`-`) is wanted twice");
    return sl_vec_push(&r->env, NULL) ? CLI_OK : CLI_INTERNAL;
}
