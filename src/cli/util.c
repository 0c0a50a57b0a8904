/* What the commands share: reports, files, opening components. */
#include "cli/cli.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "text/text.h"

int cli_usage(const cli_command *command, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    fprintf(stderr, "sluice %s: ", command->name);
    vfprintf(stderr, fmt, args);
    fprintf(stderr, "; see `sluice %s --help`\n", command->name);
    va_end(args);
    return CLI_USAGE;
}

int cli_code(sluice_status status)
{
    switch (status) {
    case SLUICE_OK:
        return CLI_OK;
    case SLUICE_EMALFORMED:
    case SLUICE_EINVALID:
    case SLUICE_EUNLINKABLE:
        return CLI_INVALID;
    case SLUICE_EUNSUPPORTED:
        return CLI_UNSUPPORTED;
    case SLUICE_ETRAP:
    case SLUICE_EDEADLOCK:
        return CLI_TRAP;
    case SLUICE_EIO:
        return CLI_IO;
    case SLUICE_EUSAGE:
    case SLUICE_ERANGE:
        return CLI_USAGE;
    default:
        return CLI_INTERNAL;
    }
}

int cli_report(const char *file, const sluice_error *error)
{
    fflush(stdout);
    fprintf(stderr, "sluice: %s: %s: %s\n", file,
            sluice_status_text(error->status), error->message);
    if (error->offset != SLUICE_NO_OFFSET)
        fprintf(stderr, "  at byte 0x%llx\n",
                (unsigned long long)error->offset);
    for (const char *line = error->backtrace; *line != '\0';) {
        size_t len = strcspn(line, "\n");
        fprintf(stderr, "  %.*s\n", (int)len, line);
        line += len + (line[len] == '\n');
    }
    return cli_code(error->status);
}

int cli_report_text(const char *file, const sl_buf *source, const sl_err *err)
{
    fflush(stdout);
    if (source != NULL && err->at != SL_ERR_NO_PLACE) {
        sl_buf out;
        sl_buf_init(&out);
        sl_text_report(&out, file,
                       (sl_name){(const char *)source->data, source->len}, err);
        fprintf(stderr, "%.*s", (int)out.len, (const char *)out.data);
        sl_buf_deinit(&out);
    } else {
        fprintf(stderr, "sluice: %s: %s\n", file, err->msg);
        if (err->at != SL_ERR_NO_PLACE)
            fprintf(stderr, "  at byte 0x%llx\n", (unsigned long long)err->at);
    }
    return cli_code((sluice_status)err->code);
}

static int no_input(const char *path)
{
    fprintf(stderr, "sluice: %s: %s\n", path, strerror(errno));
    return CLI_NO_INPUT;
}

static int read_fd(const char *path, int fd, sl_buf *out)
{
    char piece[65536];
    for (;;) {
        ssize_t n = read(fd, piece, sizeof piece);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return no_input(path);
        if (n == 0)
            break;
        sl_buf_bytes(out, piece, (size_t)n);
    }
    if (!out->failed)
        return CLI_OK;
    fprintf(stderr, "sluice: %s: out of memory\n", path);
    return CLI_INTERNAL;
}

int cli_read_file(const char *path, sl_buf *out)
{
    if (strcmp(path, "-") == 0)
        return read_fd("standard input", STDIN_FILENO, out);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return no_input(path);
    int code = read_fd(path, fd, out);
    close(fd);
    return code;
}

static bool write_all(int fd, const char *data, size_t len)
{
    while (len != 0) {
        ssize_t n = write(fd, data, len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return false;
        data += n;
        len -= (size_t)n;
    }
    return true;
}

int cli_write_file(const char *path, const void *data, size_t len)
{
    bool to_stdout = strcmp(path, "-") == 0;
    int fd = to_stdout ? STDOUT_FILENO
                       : open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC,
                              0666);
    bool good = fd >= 0 && write_all(fd, data, len);
    if (!to_stdout && fd >= 0)
        good = close(fd) == 0 && good;
    if (good)
        return CLI_OK;
    int reason = errno;
    struct stat st;
    if (!to_stdout && fd >= 0 && stat(path, &st) == 0 && S_ISREG(st.st_mode))
        unlink(path);
    fprintf(stderr, "sluice: %s: %s\n", to_stdout ? "standard output" : path,
            strerror(reason));
    return CLI_IO;
}

/* Whether the file starts like a binary; text otherwise. */
static int looks_binary(const char *path, bool *binary)
{
    char head[4] = {0};
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return no_input(path);
    ssize_t n = read(fd, head, sizeof head);
    int code = n < 0 ? no_input(path) : CLI_OK;
    close(fd);
    *binary = n > 0 && sl_is_binary(head, (size_t)n);
    return code;
}

static sluice_component *open_bytes(sluice_engine *engine, const char *path,
                                    int *code)
{
    sluice_component *component = NULL;
    sluice_error error = {0};
    sl_err err = {0};
    sl_buf source, binary;
    sl_buf_init(&source);
    sl_buf_init(&binary);
    *code = cli_read_file(path, &source);
    if (*code == CLI_OK && sl_is_binary(source.data, source.len)) {
        component = sluice_component_from_buffer(engine, source.data,
                                                 source.len, true, &error);
        if (component == NULL)
            *code = cli_report(path, &error);
    } else if (*code == CLI_OK) {
        sl_name text = {(const char *)source.data, source.len};
        if (!sl_text_parse(text, &binary, &err))
            *code = cli_report_text(path, &source, &err);
        else if ((component = sluice_component_from_buffer(
                      engine, binary.data, binary.len, true, &error)) == NULL)
            *code = cli_report(path, &error);
    }
    sl_buf_deinit(&source);
    sl_buf_deinit(&binary);
    return component;
}

sluice_component *cli_open(sluice_engine *engine, const char *path, int *code)
{
    bool binary = false;
    sluice_error error = {0};
    *code = CLI_OK;
    if (strcmp(path, "-") != 0)
        *code = looks_binary(path, &binary);
    if (*code != CLI_OK)
        return NULL;
    if (!binary)
        return open_bytes(engine, path, code);
    sluice_component *component = sluice_component_open(engine, path, &error);
    if (component == NULL)
        *code = cli_report(path, &error);
    return component;
}

int cli_finish(int code)
{
    if (fflush(stdout) == 0 && !ferror(stdout))
        return code;
    fprintf(stderr, "sluice: standard output: %s\n", strerror(errno));
    return code == CLI_OK ? CLI_IO : code;
}
