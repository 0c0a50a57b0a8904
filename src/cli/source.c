/* Components as sources, for the tools; sizes on the command line. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "text/text.h"

sl_source *cli_open_source(const char *path, int *code)
{
    sl_err err = {0};
    *code = CLI_OK;
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
    if (*code == CLI_OK && text.len == 0) {
        cli_say("%s: malformed: the input is empty", path);
        *code = CLI_INVALID;
    }
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

/* "64K": a number and a unit of 1024. */
bool cli_parse_size(const char *text, uint64_t *out)
{
    static const char units[] = "KMGT";
    char *end;
    errno = 0;
    unsigned long long value = strtoull(text, &end, 10);
    const char *unit = *end != '\0' ? strchr(units, *end & ~0x20) : NULL;
    int shift = unit != NULL ? 10 * (int)(unit - units + 1) : 0;
    if (errno != 0 || *text < '0' || *text > '9' || end[unit != NULL] != '\0' ||
        value > UINT64_MAX >> shift)
        return false;
    *out = (uint64_t)value << shift;
    return true;
}
