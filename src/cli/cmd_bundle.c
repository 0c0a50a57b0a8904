/* `sluice bundle`: puts files into a component as data segments. */
#include "cli/cli.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/vec.h"
#include "bundle/bundle.h"
#include "text/text.h"

typedef struct bundling {
    SL_VEC(sl_bundle_data) data;
    const char *input, *output;
} bundling;

static int arguments(bundling *b, int argc, char **argv)
{
    static const struct option options[] = {
        {"data", required_argument, NULL, 'd'},
        {NULL, 0, NULL, 0},
    };
    int option;
    optind = 1;
    opterr = 0;
    while ((option = getopt_long(argc, argv, "o:", options, NULL)) != -1) {
        char *equals = option == 'd' ? strchr(optarg, '=') : NULL;
        if (option == 'o') {
            b->output = optarg;
        } else if (option != 'd') {
            return cli_usage(&cli_bundle, "unknown option or missing value: %s",
                             argv[optind - 1]);
        } else if (equals == NULL || equals == optarg || equals[1] == '\0') {
            return cli_usage(&cli_bundle, "--data wants NAME=FILE, not `%s`",
                             optarg);
        } else if (!sl_vec_push(&b->data,
                                (sl_bundle_data){
                                    {optarg, (size_t)(equals - optarg)},
                                    equals + 1})) {
            return CLI_INTERNAL;
        }
    }
    if (argc - optind != 1)
        return cli_usage(&cli_bundle, "one input file is needed");
    if (b->output == NULL)
        return cli_usage(&cli_bundle, "-o OUT.wasm is needed");
    b->input = argv[optind];
    return CLI_OK;
}

/* The component as a source: a binary file in place, text parsed. */
static sl_source *open_input(const char *path, int *code)
{
    sl_err err = {0};
    sl_source *source = sl_source_file(path, &err);
    char head[4];
    if (source == NULL) {
        *code = cli_report_text(path, NULL, &err);
        *code = CLI_NO_INPUT;
        return NULL;
    }
    if (source->size >= sizeof head &&
        source->read_at(source, 0, head, sizeof head, &err) == SL_OK &&
        sl_is_binary(head, sizeof head))
        return source;
    sl_source_unref(source);

    sl_buf text, binary;
    sl_buf_init(&text);
    sl_buf_init(&binary);
    source = NULL;
    *code = cli_read_file(path, &text);
    if (*code == CLI_OK &&
        (!sl_text_parse((sl_name){(const char *)text.data, text.len}, &binary,
                        &err) ||
         (source = sl_source_buffer(binary.data, binary.len, true, &err)) ==
             NULL))
        *code = cli_report_text(path, &text, &err);
    sl_buf_deinit(&text);
    sl_buf_deinit(&binary);
    return source;
}

/* Is what was written a valid component? */
static int check_output(const char *path)
{
    sluice_error error = {0};
    int code = CLI_OK;
    sluice_engine *engine = sluice_engine_new(NULL, &error);
    if (engine != NULL)
        sluice_engine_set_feature(engine, "all", true);
    sluice_component *component =
        engine != NULL ? sluice_component_open(engine, path, &error) : NULL;
    if (component == NULL)
        code = cli_report(path, &error);
    sluice_component_free(component);
    sluice_engine_free(engine);
    return code;
}

/* Writes beside the output and renames: no half-written file is ever seen. */
static int write_output(const bundling *b, sl_source *source)
{
    sl_err err = {0};
    char part[4096];
    struct stat st;
    if (stat(b->output, &st) == 0 && !S_ISREG(st.st_mode)) {
        fprintf(stderr, "sluice: %s: not a regular file\n", b->output);
        return CLI_IO;
    }
    if (snprintf(part, sizeof part, "%s.part-%ld", b->output,
                 (long)getpid()) >= (int)sizeof part)
        return cli_usage(&cli_bundle, "the output's name is too long");
    int fd = open(part, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (fd < 0) {
        fprintf(stderr, "sluice: %s: %s\n", b->output, strerror(errno));
        return CLI_IO;
    }
    int code = CLI_OK;
    if (sl_bundle(source, b->data.v, b->data.n, fd, &err) != SL_OK)
        code = cli_report_text(b->input, NULL, &err);
    if (close(fd) != 0 && code == CLI_OK) {
        fprintf(stderr, "sluice: %s: %s\n", b->output, strerror(errno));
        code = CLI_IO;
    }
    if (code == CLI_OK)
        code = check_output(part);
    if (code == CLI_OK && rename(part, b->output) != 0) {
        fprintf(stderr, "sluice: %s: %s\n", b->output, strerror(errno));
        code = CLI_IO;
    }
    if (code != CLI_OK)
        unlink(part);
    return code;
}

static int run(int argc, char **argv)
{
    bundling b = {0};
    int code = arguments(&b, argc, argv);
    sl_source *source = NULL;
    if (code == CLI_OK)
        source = open_input(b.input, &code);
    if (source != NULL)
        code = write_output(&b, source);
    sl_source_unref(source);
    sl_vec_deinit(&b.data);
    return code;
}

const cli_command cli_bundle = {
    "bundle",
    "put files into a component as data segments",
    "usage: sluice bundle --data NAME=FILE ... -o OUT.wasm IN.wat|IN.wasm\n\n"
    "Writes the component with each import `(import \"NAME\" (core data))` "
    "replaced\nby an inline segment that holds FILE. Payloads start at "
    "multiples of 64 KiB in\nthe output. Files are streamed, never loaded into "
    "memory; each must be smaller\nthan 4 GiB.\n\n"
    "  --data NAME=FILE  may be given several times, once per import\n"
    "  -o OUT.wasm       written beside and renamed: never seen half-written\n",
    run,
};
