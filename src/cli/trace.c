#include "cli/trace.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "base/utf8.h"
#include "cli/cli.h"

static void put_string(FILE *to, const char *text)
{
    size_t len = strlen(text);
    bool ascii = !sl_utf8_valid(text, len); /* a name that was cut */
    putc('"', to);
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)text[i];
        if (c == '"' || c == '\\')
            fprintf(to, "\\%c", c);
        else if (c < 0x20 || c == 0x7f)
            fprintf(to, "\\u%04x", c);
        else
            putc(ascii && c > 0x7f ? '?' : c, to);
    }
    putc('"', to);
}

/* What stands in front of an event: all but its phase's own. */
static void begin(cli_trace *t, const char *phase, const char *what,
                  const char *name, uint32_t thread)
{
    fputs(t->any ? ",\n" : "[\n", t->file);
    t->any = true;
    fprintf(t->file, "{\"ph\":\"%s\",\"cat\":\"%s\",\"name\":", phase, what);
    put_string(t->file, name);
    fprintf(t->file, ",\"pid\":%ld,\"tid\":%ld", (long)getpid(),
            thread != 0 ? (long)thread : (long)getpid());
}

/* Microseconds. */
static void put_time(FILE *to, const char *key, uint64_t ns)
{
    fprintf(to, ",\"%s\":%" PRIu64 ".%03u", key, ns / 1000,
            (unsigned)(ns % 1000));
}

static void put_args(FILE *to, const sluice_trace_event *e)
{
    fputs(",\"args\":{", to);
    for (size_t i = 0; i < e->n_args; i++) {
        const sluice_trace_arg *arg = &e->args[i];
        fprintf(to, "%s\"%s\":", i != 0 ? "," : "", arg->key);
        if (arg->text != NULL)
            put_string(to, arg->text);
        else
            fprintf(to, "%" PRIu64, arg->number);
    }
    fputs("}}", to);
}

static void name_thread(cli_trace *t, uint32_t thread, const char *name)
{
    begin(t, "M", "__metadata", "thread_name", thread);
    fprintf(t->file, ",\"args\":{\"name\":\"%s\"}}", name);
}

static void name_pool(cli_trace *t, uint32_t thread)
{
    for (size_t i = 0; i < t->n_named; i++)
        if (t->named[i] == thread)
            return;
    if (t->n_named == sizeof t->named / sizeof *t->named)
        return;
    t->named[t->n_named++] = thread;
    name_thread(t, thread, "pool");
}

/* One track for each thing: its `what` and id. */
static void put_pair(cli_trace *t, const sluice_trace_event *e)
{
    begin(t, "b", e->what, e->name, 0);
    fprintf(t->file, ",\"id\":\"%" PRIu64 "\"", e->id);
    put_time(t->file, "ts", e->begin_ns);
    put_args(t->file, e);
    begin(t, "e", e->what, e->name, 0);
    fprintf(t->file, ",\"id\":\"%" PRIu64 "\"", e->id);
    put_time(t->file, "ts", e->end_ns);
    fputs("}", t->file);
}

static void on_event(void *arg, const sluice_trace_event *e)
{
    cli_trace *t = arg;
    if (t->failed != 0)
        return;
    errno = 0;
    if (e->end_ns != 0 && e->thread == 0) {
        put_pair(t, e);
    } else if (e->end_ns != 0) {
        name_pool(t, e->thread);
        begin(t, "X", e->what, e->name, e->thread);
        put_time(t->file, "ts", e->begin_ns);
        put_time(t->file, "dur", e->end_ns - e->begin_ns);
        put_args(t->file, e);
    } else {
        begin(t, "i", e->what, e->name, 0);
        put_time(t->file, "ts", e->begin_ns);
        fputs(",\"s\":\"t\"", t->file);
        put_args(t->file, e);
    }
    if (ferror(t->file))
        t->failed = errno != 0 ? errno : EIO;
}

static int cannot(const cli_trace *t, int error)
{
    cli_say("cannot write %s: %s", t->path, strerror(error));
    return CLI_IO;
}

int cli_trace_open(cli_trace *t, const char *path, sluice_store *store)
{
    t->path = path;
    t->file = fopen(path, "we");
    if (t->file == NULL)
        return cannot(t, errno);
    name_thread(t, 0, "store");
    if (sluice_store_set_tracer(store, on_event, t) == SLUICE_OK)
        return CLI_OK;
    fputs("sluice: out of memory\n", stderr);
    return CLI_INTERNAL;
}

int cli_trace_close(cli_trace *t)
{
    if (t->file == NULL)
        return CLI_OK;
    errno = 0;
    fputs("\n]\n", t->file);
    if (t->failed == 0 && (ferror(t->file) || fflush(t->file) != 0))
        t->failed = errno != 0 ? errno : EIO;
    int closed = fclose(t->file) == 0 ? 0 : errno;
    t->file = NULL;
    if (t->failed == 0)
        t->failed = closed;
    return t->failed == 0 ? CLI_OK : cannot(t, t->failed);
}
