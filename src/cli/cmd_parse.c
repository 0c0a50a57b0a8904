/* `sluice parse` and `sluice print`: text to binary and back. */
#include "cli/cli.h"

#include <getopt.h>

#include "text/text.h"

/* The one output option and the one operand that both commands take. */
static int arguments(const cli_command *command, int argc, char **argv,
                     const char **output, const char **input)
{
    int option;
    optind = 0; /* begin anew */
    opterr = 0;
    while ((option = getopt(argc, argv, "+o:")) != -1) {
        if (option != 'o')
            return cli_usage(command, "unknown option or missing value: %s",
                             argv[optind - 1]);
        *output = optarg;
    }
    if (argc - optind != 1)
        return cli_usage(command, "one input file is needed");
    *input = argv[optind];
    return CLI_OK;
}

static int convert(const cli_command *command, int argc, char **argv,
                   bool (*turn)(const sl_buf *in, sl_buf *out, sl_err *err),
                   bool from_text)
{
    const char *output = "-", *input = NULL;
    int code = arguments(command, argc, argv, &output, &input);
    if (code != CLI_OK)
        return code;
    sl_err err = {0};
    sl_buf in, out;
    sl_buf_init(&in);
    sl_buf_init(&out);
    code = cli_read_file(input, &in);
    if (code == CLI_OK && !turn(&in, &out, &err))
        code = cli_report_text(input, from_text ? &in : NULL, &err);
    else if (code == CLI_OK)
        code = cli_write_file(output, out.data, out.len);
    sl_buf_deinit(&in);
    sl_buf_deinit(&out);
    return code;
}

static bool to_binary(const sl_buf *in, sl_buf *out, sl_err *err)
{
    return sl_text_parse((sl_name){(const char *)in->data, in->len}, out, err);
}

static bool to_text(const sl_buf *in, sl_buf *out, sl_err *err)
{
    if (!sl_is_binary(in->data, in->len) || in->len < 8)
        return sl_fail(err, SL_EMALFORMED, 0, "magic header not detected"),
               false;
    if (in->data[6] == 1)
        return sl_print_component(in->data, in->len, out, err);
    return sl_print_module(in->data, in->len, out, err);
}

static int run_parse(int argc, char **argv)
{
    return convert(&cli_parse, argc, argv, to_binary, true);
}

static int run_print(int argc, char **argv)
{
    return convert(&cli_print, argc, argv, to_text, false);
}

const cli_command cli_parse = {
    "parse",
    "turn the text format into the binary format",
    "usage: sluice parse [-o OUT.wasm] IN.wat\n\n"
    "Parses a core module or a component in the text format and writes it in\n"
    "the binary format. `-` (and no -o) is standard input and output. Errors\n"
    "name file, line and column. The result is not validated: `sluice "
    "validate`.\n",
    run_parse,
};

const cli_command cli_print = {
    "print",
    "turn the binary format into the text format",
    "usage: sluice print [-o OUT.wat] IN.wasm\n\n"
    "Prints a core module or a component as text that `sluice parse` turns "
    "back\ninto the same structure. `-` (and no -o) is standard input and "
    "output.\n",
    run_print,
};
