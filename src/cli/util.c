/* What the commands share: reports, files, opening components. */
#include "cli/cli.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/utf8.h"
#include "cli/progress.h"
#include "text/text.h"

/* Of an input that is read whole: text, or a binary from a pipe. */
#define INPUT_MAX (1 << 30)

/* Names in messages come from files, and files' names from anywhere: control
 * characters (C0, DEL, C1), and bytes that are no characters, must not reach a
 * terminal as such. */
static bool is_control(uint32_t c)
{
    return (c < 0x20 && c != '\t') || (c >= 0x7f && c < 0xa0);
}

void cli_put(FILE *to, const char *text, size_t len)
{
    for (size_t at = 0, begin; at < len;) {
        begin = at;
        uint32_t c = sl_utf8_next((const uint8_t *)text, len, &at);
        if (c == UINT32_MAX)
            fprintf(to, "\\x%02x", (unsigned char)text[begin]);
        else if (is_control(c))
            fprintf(to, "\\u{%x}", (unsigned)c);
        else
            fwrite(text + begin, 1, at - begin, to);
    }
}

void cli_put_json(const char *text, size_t len)
{
    putchar('"');
    for (size_t at = 0, begin; at < len;) {
        begin = at;
        uint32_t c = sl_utf8_next((const uint8_t *)text, len, &at);
        if (c == '"' || c == '\\')
            printf("\\%c", (int)c);
        else if (c < 0x20 || is_control(c))
            printf("\\u%04x", (unsigned)c);
        else if (c == UINT32_MAX)
            fputs("\\ufffd", stdout);
        else
            fwrite(text + begin, 1, at - begin, stdout);
    }
    putchar('"');
}

static void put_line(const char *text, size_t len)
{
    cli_put(stderr, text, len);
    putc('\n', stderr);
}

void cli_say(const char *fmt, ...)
{
    enum { MOST = 4096 + 512 }; /* a path and more */
    char text[MOST];
    va_list args;
    va_start(args, fmt);
    int n = vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    fputs("sluice: ", stderr);
    put_line(text, n < 0 ? 0 : n < MOST ? (size_t)n : MOST - 1);
}

static void put_lines(const char *indent, const char *text, size_t len)
{
    for (const char *end = text + len, *eol; text < end; text = eol + 1) {
        eol = memchr(text, '\n', (size_t)(end - text));
        if (eol == NULL)
            eol = end;
        fputs(indent, stderr);
        put_line(text, (size_t)(eol - text));
    }
}

void cli_catch_signals(const struct sigaction *action)
{
    struct sigaction old;
    sigaction(SIGINT, action, NULL);
    sigaction(SIGTERM, action, NULL);
    if (sigaction(SIGHUP, NULL, &old) == 0 && old.sa_handler != SIG_IGN)
        sigaction(SIGHUP, action, NULL);
}

int cli_usage(const cli_command *command, const char *fmt, ...)
{
    char text[400];
    va_list args;
    va_start(args, fmt);
    int n = vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    fprintf(stderr, "sluice %s: ", command->name);
    cli_put(stderr, text, strlen(text));
    fprintf(stderr, "%s; see `sluice %s --help`\n",
            n < (int)sizeof text ? "" : "...", command->name);
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
    case SLUICE_EDEADLINE:
        return CLI_TIMEOUT;
    case SLUICE_EIO:
        return CLI_IO;
    case SLUICE_EUSAGE:
    case SLUICE_ERANGE:
        return CLI_USAGE;
    default:
        return CLI_INTERNAL;
    }
}

/* What messages of opening a file begin with: said already. */
static const char *without_file(const char *message, const char *file)
{
    size_t len = strlen(file);
    bool said = strncmp(message, file, len) == 0 && message[len] == ':' &&
                message[len + 1] == ' ';
    return said ? message + len + 2 : message;
}

/* Fetching was refused: those who serve to themselves meet it first. */
static bool is_private(const sluice_error *error)
{
    return strstr(error->message, "is not a public address") != NULL;
}

int cli_report(const char *file, const sluice_error *error)
{
    const char *message = without_file(error->message, file);
    bool fetching = error->status == SLUICE_EIO && sl_is_url(file);
    cli_progress_clear();
    fflush(stdout);
    if (error->status != SLUICE_EIO && error->status != SLUICE_EDEADLINE)
        cli_say("%s: %s: %s", file, sluice_status_text(error->status), message);
    else
        cli_say("%s: %s", file, message);
    if (is_private(error))
        fputs("  --allow-private also fetches from such addresses\n", stderr);
    if (error->offset != SLUICE_NO_OFFSET && !fetching)
        fprintf(stderr, "  at byte 0x%llx\n",
                (unsigned long long)error->offset);
    put_lines("  ", error->backtrace, strlen(error->backtrace));
    return cli_code(error->status);
}

int cli_report_text(const char *file, const sl_buf *source, const sl_err *err)
{
    cli_progress_clear();
    fflush(stdout);
    if (source != NULL && err->at != SL_ERR_NO_PLACE) {
        sl_buf out;
        sl_buf_init(&out);
        sl_text_report(&out, file,
                       (sl_name){(const char *)source->data, source->len}, err);
        put_lines("", (const char *)out.data, out.len);
        sl_buf_deinit(&out);
    } else {
        cli_say("%s: %s", file, without_file(err->msg, file));
        if (err->at != SL_ERR_NO_PLACE)
            fprintf(stderr, "  at byte 0x%llx\n", (unsigned long long)err->at);
    }
    return cli_code((sluice_status)err->code);
}

static int no_input(const char *path)
{
    cli_say("%s: %s", path, strerror(errno));
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
        if (n == 0 || out->failed)
            break;
        sl_buf_bytes(out, piece, (size_t)n);
        if (out->len > INPUT_MAX) {
            cli_say("%s: more than %d MiB", path, INPUT_MAX >> 20);
            return CLI_INTERNAL;
        }
    }
    if (!out->failed)
        return CLI_OK;
    cli_say("%s: out of memory", path);
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
    cli_say("%s: %s", to_stdout ? "standard output" : path, strerror(reason));
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

/* The directory of a file's path. */
static bool set_base(sluice_component *component, const char *path,
                     sluice_error *error)
{
    const char *slash = strrchr(path, '/');
    size_t len = slash == NULL ? 0 : slash == path ? 1 : (size_t)(slash - path);
    char *base = len == 0 ? strdup(".") : strndup(path, len);
    sluice_status st = base != NULL
                           ? sluice_component_set_base(component, base, error)
                           : SLUICE_ENOMEM;
    free(base);
    return st == SLUICE_OK;
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
    if (*code == CLI_OK && source.len == 0) {
        cli_say("%s: malformed: the input is empty", path);
        *code = CLI_INVALID;
    } else if (*code == CLI_OK && sl_is_binary(source.data, source.len)) {
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
    if (component != NULL && !set_base(component, path, &error)) {
        *code = cli_report(path, &error);
        sluice_component_free(component);
        component = NULL;
    }
    return component;
}

bool cli_fetch_option(int option, const char *argument,
                      sluice_http_config *http)
{
    if (option == 'p')
        http->allow_private = true;
    else if (option == 'a')
        http->ca_file = argument;
    return option == 'p' || option == 'a';
}

static sluice_component *open_url(sluice_engine *engine, const char *url,
                                  int *code)
{
    sluice_error error = {0};
    sluice_component *component =
        sluice_component_open_url(engine, url, &error);
    if (component == NULL) {
        *code = cli_report(url, &error);
        if (error.status == SLUICE_EIO || is_private(&error))
            *code = CLI_NO_INPUT;
    }
    return component;
}

sluice_component *cli_open(sluice_engine *engine, const char *path, int *code)
{
    bool binary = false;
    sluice_error error = {0};
    *code = CLI_OK;
    if (sl_is_url(path))
        return open_url(engine, path, code);
    if (strcmp(path, "-") != 0)
        *code = looks_binary(path, &binary);
    if (*code != CLI_OK)
        return NULL;
    if (!binary)
        return open_bytes(engine, path, code);
    sluice_component *component = sluice_component_open(engine, path, &error);
    if (component == NULL) {
        *code = cli_report(path, &error);
        if (error.status == SLUICE_EIO)
            *code = CLI_NO_INPUT;
    }
    return component;
}

int cli_finish(int code)
{
    if (fflush(stdout) == 0 && !ferror(stdout))
        return code;
    fprintf(stderr, "sluice: standard output: %s\n", strerror(errno));
    return code == CLI_OK ? CLI_IO : code;
}
