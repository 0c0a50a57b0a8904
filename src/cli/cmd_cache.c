/* `sluice cache`: looking after the chunks kept on disk. */
#include "cli/cli.h"

#include <getopt.h>
#include <inttypes.h>
#include <string.h>
#include <time.h>

static const struct option options[] = {
    {"dir", required_argument, NULL, 'd'},
    {"help", no_argument, NULL, 'h'},
    {NULL, 0, NULL, 0},
};

static int report_failure(const sluice_cache *cache, const sluice_error *error)
{
    const char *dir = sluice_cache_dir(cache);
    return cli_report(dir[0] != '\0' ? dir : "cache", error);
}

static void put_count(uint64_t n, const char *what)
{
    printf("%" PRIu64 " %s%s", n, what, n == 1 ? "" : "s");
}

/* "2 chunks, 131072 bytes, digests of 1 URL" */
static void put_report(const sluice_cache_report *report)
{
    put_count(report->chunks, "chunk");
    fputs(", ", stdout);
    put_count(report->bytes, "byte");
    fputs(", digests of ", stdout);
    put_count(report->urls, "URL");
}

static void put_entry(void *arg, const sluice_cache_entry *entry)
{
    char when[32] = "-";
    struct tm tm;
    time_t seconds = (time_t)entry->last_used;
    (void)arg;
    if (gmtime_r(&seconds, &tm) != NULL)
        strftime(when, sizeof when, "%Y-%m-%dT%H:%M:%SZ", &tm);
    printf("%s %10" PRIu64 " %s\n", entry->digest, entry->size, when);
}

static int list(sluice_cache *cache, sluice_error *error)
{
    sluice_cache_report report;
    if (sluice_cache_list(cache, put_entry, NULL, &report, error) != SLUICE_OK)
        return report_failure(cache, error);
    put_report(&report);
    fputs(" in ", stdout);
    const char *dir = sluice_cache_dir(cache);
    cli_put(stdout, dir, strlen(dir));
    putchar('\n');
    return CLI_OK;
}

static void put_bad(void *arg, const sluice_cache_entry *entry)
{
    (void)arg;
    printf("%s is damaged: deleted\n", entry->digest);
}

static int verify(sluice_cache *cache, sluice_error *error)
{
    sluice_cache_report report;
    sluice_status status =
        sluice_cache_verify(cache, put_bad, NULL, &report, error);
    if (status != SLUICE_OK)
        return report_failure(cache, error);
    put_report(&report);
    printf(" good; %" PRIu64 " bad\n", report.bad);
    return report.bad != 0 ? CLI_FAILED : CLI_OK;
}

static int clear(sluice_cache *cache, sluice_error *error)
{
    sluice_cache_report report;
    if (sluice_cache_clear(cache, &report, error) != SLUICE_OK)
        return report_failure(cache, error);
    put_report(&report);
    fputs(" deleted\n", stdout);
    return CLI_OK;
}

static const struct {
    const char *name;
    int (*act)(sluice_cache *cache, sluice_error *error);
} actions[] = {{"list", list}, {"verify", verify}, {"clear", clear}};
enum { N_ACTIONS = sizeof actions / sizeof *actions };

static int act(const char *name, const char *dir)
{
    sluice_error error = {0};
    for (int i = 0; i < N_ACTIONS; i++) {
        if (strcmp(name, actions[i].name) != 0)
            continue;
        sluice_cache *cache = sluice_cache_open(dir, 0, &error);
        if (cache == NULL)
            return cli_report("cache", &error);
        int code = actions[i].act(cache, &error);
        sluice_cache_free(cache);
        return code;
    }
    return cli_usage(&cli_cache, "no action `%s`", name);
}

static int run(int argc, char **argv)
{
    const char *dir = NULL;
    int option;
    optind = 0; /* begin anew */
    opterr = 0;
    while ((option = getopt_long(argc, argv, "h", options, NULL)) != -1) {
        if (option == 'h') {
            fputs(cli_cache.help, stdout);
            return CLI_OK;
        }
        if (option != 'd')
            return cli_usage(&cli_cache, "unknown option or missing value: %s",
                             argv[optind - 1]);
        dir = optarg;
    }
    if (dir != NULL && dir[0] == '\0')
        return cli_usage(&cli_cache, "--dir needs the name of a directory");
    if (argc - optind != 1)
        return cli_usage(&cli_cache, "one of list, verify and clear is needed");
    return act(argv[optind], dir);
}

const cli_command cli_cache = {
    "cache",
    "look after the chunks that are kept on disk",
    "usage: sluice cache list|verify|clear [--dir DIR]\n\n"
    "Chunks that were fetched and verified once are kept on disk, by the\n"
    "SHA-256 of their content, in $XDG_CACHE_HOME/sluice or ~/.cache/sluice.\n"
    "They are checked whenever they are used; none of this is ever needed.\n\n"
    "  list       digest, size and last use of each chunk, then a sum\n"
    "  verify     hash all, delete what is damaged, and say what that was\n"
    "  clear      delete all\n"
    "  --dir DIR  another directory; one that is not there is an empty "
    "cache\n\n"
    "exit codes: 0 success; 1 `verify` has found and deleted something;\n"
    "  64 usage; 74 the directory cannot be used\n",
    run,
};
