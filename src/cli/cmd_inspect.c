/* `sluice inspect`: what is inside a component, as a tree or as JSON. */
#include <getopt.h>
#include <inttypes.h>
#include <stddef.h>
#include <string.h>

#include "cli/segment_view.h"

static const struct option options[] = {
    {"json", no_argument, NULL, 'j'},
    {"digests", no_argument, NULL, 'd'},
    {"cache", optional_argument, NULL, 'c'},
    {"features", required_argument, NULL, 'f'},
    CLI_FETCH_OPTIONS,
    {NULL, 0, NULL, 0},
};

typedef struct view {
    bool json, first;
    cli_segments segments;
    const char *cache_dir; /* NULL: the default one */
} view;

/* The attributes of a name. */
static const struct attribute {
    const char *word, *key;
    size_t at; /* in sluice_item */
} attributes[] = {
    {"implements", "implements", offsetof(sluice_item, implements)},
    {"versionsuffix", "version_suffix", offsetof(sluice_item, version_suffix)},
    {"external-id", "external_id", offsetof(sluice_item, external_id)},
};
#define N_ATTRIBUTES (sizeof attributes / sizeof *attributes)

static sluice_name attribute_of(const sluice_item *item, size_t i)
{
    return *(const sluice_name *)((const char *)item + attributes[i].at);
}

static void show_tree(cli_segments *segments, const sluice_item *item)
{
    printf("%*s%s", (int)(2 * item->depth), "", item->sort);
    if (item->depth != 0)
        printf(" %" PRIu32, item->index);
    if (strcmp(item->how, "definition") != 0)
        printf(" (%s)", item->how);
    if (item->name.len != 0) {
        fputs(" \"", stdout);
        cli_put(stdout, item->name.data, item->name.len);
        putchar('"');
    }
    for (size_t i = 0; i < N_ATTRIBUTES; i++) {
        sluice_name value = attribute_of(item, i);
        if (value.data == NULL)
            continue;
        printf(" (%s \"", attributes[i].word);
        cli_put(stdout, value.data, value.len);
        fputs("\")", stdout);
    }
    if (item->segment != NULL)
        cli_segment_tree(segments, item);
    else if (item->size != 0)
        printf(": %" PRIu64 " bytes at %" PRIu64, item->size, item->offset);
    if (item->detail[0] != '\0') {
        fputs(item->size == 0 ? ": " : ", ", stdout);
        cli_put(stdout, item->detail, strlen(item->detail));
    }
    putchar('\n');
}

static void show_json(cli_segments *segments, const sluice_item *item,
                      bool first)
{
    printf(
        "%s\n  {\"depth\": %u, \"sort\": \"%s\", \"how\": \"%s\", \"index\": "
        "%" PRIu32 ", \"offset\": %" PRIu64 ", \"size\": %" PRIu64,
        first ? "" : ",", item->depth, item->sort, item->how, item->index,
        item->offset, item->size);
    if (item->segment != NULL)
        cli_segment_json(segments, item);
    if (item->name.len != 0) {
        fputs(", \"name\": ", stdout);
        cli_put_json(item->name.data, item->name.len);
    }
    for (size_t i = 0; i < N_ATTRIBUTES; i++) {
        sluice_name value = attribute_of(item, i);
        if (value.data == NULL)
            continue;
        printf(", \"%s\": ", attributes[i].key);
        cli_put_json(value.data, value.len);
    }
    if (item->detail[0] != '\0') {
        fputs(", \"detail\": ", stdout);
        cli_put_json(item->detail, strlen(item->detail));
    }
    putchar('}');
}

static bool show(void *arg, const sluice_item *item)
{
    view *v = arg;
    if (v->json)
        show_json(&v->segments, item, v->first);
    else
        show_tree(&v->segments, item);
    v->first = false;
    return true;
}

static int inspect(view *v, sluice_engine *engine, const char *path)
{
    int code;
    sluice_component *component = cli_open(engine, path, &code);
    if (component == NULL)
        return code;
    code = cli_segments_open(&v->segments, component, path, v->cache_dir);
    if (code == CLI_OK) {
        if (v->json)
            putchar('[');
        sluice_component_walk(component, show, v);
        if (v->json)
            puts("\n]");
        code = v->segments.code;
    }
    cli_segments_close(&v->segments);
    sluice_component_free(component);
    return code;
}

static int run(int argc, char **argv)
{
    view v = {.first = true};
    sluice_error error = {0};
    int option, code = CLI_OK;
    sluice_http_config http = sluice_http_config_default();
    sluice_engine *engine = sluice_engine_new(NULL, &error);
    if (engine == NULL)
        return cli_report("engine", &error);
    optind = 0; /* begin anew */
    opterr = 0;
    while (code == CLI_OK &&
           (option = getopt_long(argc, argv, "+", options, NULL)) != -1) {
        if (cli_fetch_option(option, optarg, &http))
            continue;
        if (option == 'j')
            v.json = true;
        else if (option == 'd')
            v.segments.digests = true;
        else if (option == 'c') {
            v.segments.cache = true;
            v.cache_dir = optarg;
        } else if (option == 'f' &&
                   !sluice_engine_set_feature(engine, optarg, true))
            code = cli_usage(&cli_inspect, "no feature `%s`", optarg);
        else if (option != 'f')
            code =
                cli_usage(&cli_inspect, "unknown option or missing value: %s",
                          argv[optind - 1]);
    }
    if (code == CLI_OK && argc - optind != 1)
        code = cli_usage(&cli_inspect, "one input file is needed");
    if (code == CLI_OK)
        code = sluice_engine_set_http(engine, &http, &error) == SLUICE_OK
                   ? inspect(&v, engine, argv[optind])
                   : cli_report("engine", &error);
    sluice_engine_free(engine);
    return code;
}

const cli_command cli_inspect = {
    "inspect",
    "show what is inside a component, and its segment table",
    "usage: sluice inspect [OPTIONS] FILE\n\n"
    "FILE is a component, or its http(s):// URL.\n"
    "Prints the definitions of a component in order, nested components "
    "indented:\nmodules, instances, types, imports, exports, and each data "
    "segment: its index,\nsize, place and alignment, or its file, encoding and "
    "chunks; how much of it is\nin the page cache. No payload is read.\n\n"
    "  --digests        also each chunk of external segments, with its "
    "SHA-256\n"
    "  --cache[=DIR]    how many of their chunks the cache on disk has\n"
    "  --json           a JSON array, an object per definition\n"
    "  --features NAME  also accept a gated feature (`all`: every one)\n"
    CLI_FETCH_HELP,
    run,
};
