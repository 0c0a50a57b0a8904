/* `sluice inspect`: what is inside a component, as a tree or as JSON. */
#include "cli/cli.h"

#include <getopt.h>
#include <inttypes.h>
#include <stddef.h>
#include <string.h>

static const struct option options[] = {
    {"json", no_argument, NULL, 'j'},
    {"features", required_argument, NULL, 'f'},
    {NULL, 0, NULL, 0},
};

typedef struct view {
    bool json, first;
} view;

static bool is_segment(const sluice_item *item)
{
    return strcmp(item->sort, "core data") == 0 &&
           strcmp(item->how, "definition") == 0;
}

/* The largest power of two that divides the offset, at most 64 KiB. */
static uint64_t alignment_of(uint64_t offset)
{
    uint64_t align = 1;
    while (align < 65536 && offset % (align * 2) == 0)
        align *= 2;
    return align;
}

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

static void show_tree(const sluice_item *item)
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
    if (is_segment(item))
        printf(": %" PRIu64 " bytes at %" PRIu64 ", aligned to %" PRIu64,
               item->size, item->offset, alignment_of(item->offset));
    else if (item->size != 0)
        printf(": %" PRIu64 " bytes at %" PRIu64, item->size, item->offset);
    if (item->detail[0] != '\0') {
        fputs(item->size == 0 ? ": " : ", ", stdout);
        cli_put(stdout, item->detail, strlen(item->detail));
    }
    putchar('\n');
}

static void put_json_string(const char *data, size_t len)
{
    putchar('"');
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)data[i];
        if (c == '"' || c == '\\')
            printf("\\%c", c);
        else if (c < 0x20 || c == 0x7f)
            printf("\\u%04x", c);
        else
            putchar(c);
    }
    putchar('"');
}

static void show_json(const sluice_item *item, bool first)
{
    printf(
        "%s\n  {\"depth\": %u, \"sort\": \"%s\", \"how\": \"%s\", \"index\": "
        "%" PRIu32 ", \"offset\": %" PRIu64 ", \"size\": %" PRIu64,
        first ? "" : ",", item->depth, item->sort, item->how, item->index,
        item->offset, item->size);
    if (is_segment(item))
        printf(", \"alignment\": %" PRIu64, alignment_of(item->offset));
    if (item->name.len != 0) {
        fputs(", \"name\": ", stdout);
        put_json_string(item->name.data, item->name.len);
    }
    for (size_t i = 0; i < N_ATTRIBUTES; i++) {
        sluice_name value = attribute_of(item, i);
        if (value.data == NULL)
            continue;
        printf(", \"%s\": ", attributes[i].key);
        put_json_string(value.data, value.len);
    }
    if (item->detail[0] != '\0') {
        fputs(", \"detail\": ", stdout);
        put_json_string(item->detail, strlen(item->detail));
    }
    putchar('}');
}

static bool show(void *arg, const sluice_item *item)
{
    view *v = arg;
    if (v->json)
        show_json(item, v->first);
    else
        show_tree(item);
    v->first = false;
    return true;
}

static int run(int argc, char **argv)
{
    view v = {.first = true};
    sluice_error error = {0};
    int option, code = CLI_OK;
    sluice_engine *engine = sluice_engine_new(NULL, &error);
    if (engine == NULL)
        return cli_report("engine", &error);
    optind = 1;
    opterr = 0;
    while (code == CLI_OK &&
           (option = getopt_long(argc, argv, "+", options, NULL)) != -1) {
        if (option == 'j')
            v.json = true;
        else if (option == 'f' &&
                 !sluice_engine_set_feature(engine, optarg, true))
            code = cli_usage(&cli_inspect, "no feature `%s`", optarg);
        else if (option != 'f')
            code =
                cli_usage(&cli_inspect, "unknown option or missing value: %s",
                          argv[optind - 1]);
    }
    if (code == CLI_OK && argc - optind != 1)
        code = cli_usage(&cli_inspect, "one input file is needed");
    if (code == CLI_OK) {
        sluice_component *component = cli_open(engine, argv[optind], &code);
        if (component != NULL) {
            if (v.json)
                putchar('[');
            sluice_component_walk(component, show, &v);
            if (v.json)
                puts("\n]");
        }
        sluice_component_free(component);
    }
    sluice_engine_free(engine);
    return code;
}

const cli_command cli_inspect = {
    "inspect",
    "show what is inside a component, and its segment table",
    "usage: sluice inspect [--json] [--features NAME] FILE\n\n"
    "Prints the definitions of a component in order, nested components "
    "indented:\nmodules, instances, types, imports, exports, and each data "
    "segment with its\nindex, size, place in the file and alignment. No "
    "payload is read.\n\n"
    "  --json           a JSON array, an object per definition\n"
    "  --features NAME  also accept a gated feature (`all`: every one)\n",
    run,
};
