/* wasi:cli@0.3.0: environment, exit, stdin, stdout, stderr. */
#include <errno.h>
#include <string.h>

#include "base/alloc.h"
#include "wasi/wasi_int.h"

/* --- environment ------------------------------------------------------------
 */

static bool fill_string(sluice_val *out, const char *text)
{
    return sluice_val_string(out, text, strlen(text));
}

static size_t count_strings(char *const *strings)
{
    size_t n = 0;
    while (strings[n] != NULL)
        n++;
    return n;
}

/* "NAME=value" as a tuple of two strings. */
static bool fill_pair(sluice_val *out, const char *text)
{
    const char *equals = strchr(text, '=');
    size_t name = equals != NULL ? (size_t)(equals - text) : strlen(text);
    return sluice_val_items(out, SLUICE_TUPLE, 2) &&
           sluice_val_string(&out->of.list.items[0], text, name) &&
           fill_string(&out->of.list.items[1], equals ? equals + 1 : "");
}

static void return_list(sluice_call *call, char *const *strings,
                        bool (*fill)(sluice_val *out, const char *text))
{
    size_t n = count_strings(strings);
    sluice_val list;
    bool good = sluice_val_items(&list, SLUICE_LIST, n);
    for (size_t i = 0; good && i < n; i++)
        good = fill(&list.of.list.items[i], strings[i]);
    if (good)
        sluice_call_return(call, &list);
    else
        sl_wasi_no_memory(call);
    sluice_val_deinit(&list);
}

static void get_environment(void *ctx, sluice_call *call,
                            const sluice_val *args, size_t n)
{
    (void)args, (void)n;
    return_list(call, ((wasi *)ctx)->env, fill_pair);
}

static void get_arguments(void *ctx, sluice_call *call, const sluice_val *args,
                          size_t n)
{
    (void)args, (void)n;
    return_list(call, ((wasi *)ctx)->args, fill_string);
}

static void get_initial_cwd(void *ctx, sluice_call *call,
                            const sluice_val *args, size_t n)
{
    (void)args, (void)n;
    wasi *w = ctx;
    sluice_val text = {0}, result = {0};
    bool some = w->initial_cwd != NULL;
    if ((!some || fill_string(&text, w->initial_cwd)) &&
        sluice_val_variant(&result, SLUICE_OPTION, some, some ? &text : NULL))
        sluice_call_return(call, &result);
    else
        sl_wasi_no_memory(call);
    sluice_val_deinit(&text);
    sluice_val_deinit(&result);
}

/* --- exit
 * --------------------------------------------------------------------- */

static void exit_(void *ctx, sluice_call *call, const sluice_val *args,
                  size_t n)
{
    (void)ctx, (void)n;
    sluice_call_exit(call, args[0].of.variant.index == 0 ? 0 : 1);
}

static void exit_with_code(void *ctx, sluice_call *call, const sluice_val *args,
                           size_t n)
{
    (void)ctx, (void)n;
    sluice_call_exit(call, args[0].of.u8);
}

/* --- stdin, stdout, stderr
 * ----------------------------------------------------- */

enum { ERROR_IO, ERROR_ILLEGAL_BYTE_SEQUENCE, ERROR_PIPE };

static uint32_t error_code(const sluice_error *error)
{
    switch (error->os_error) {
    case EILSEQ:
        return ERROR_ILLEGAL_BYTE_SEQUENCE;
    case EPIPE:
    case ECONNRESET:
        return ERROR_PIPE;
    default:
        return ERROR_IO;
    }
}

/* The writable end of a future<result<_, error-code>>, with the memory that
 * resolving it takes: that cannot fail. */
typedef struct outcome {
    sluice_promise *promise;
    sluice_val *code; /* the payload of an error */
} outcome;

static void settle(void *arg, uint64_t n, const sluice_error *error)
{
    (void)n;
    outcome *o = arg;
    sluice_val result = {.kind = SLUICE_RESULT};
    if (error != NULL && error->status != SLUICE_OK) {
        *o->code = (sluice_val){.kind = SLUICE_ENUM,
                                .of.variant.index = error_code(error)};
        result.of.variant.index = 1;
        result.of.variant.payload = o->code;
        o->code = NULL;
    }
    sluice_promise_set(o->promise, &result);
    sl_free(o->code);
    sl_free(o);
}

/* The future that tells how a transfer went; NULL: the call has trapped. */
static outcome *make_outcome(sluice_call *call, const sluice_type *type,
                             sluice_val *out)
{
    sluice_error error;
    outcome *o = sl_calloc(1, sizeof *o);
    *out = (sluice_val){.kind = SLUICE_FUTURE};
    if (o != NULL)
        o->code = sl_calloc(1, sizeof *o->code);
    if (o == NULL || o->code == NULL)
        sl_wasi_no_memory(call);
    else if (sluice_future_new(sluice_call_store(call), sluice_type_elem(type),
                               &o->promise, &out->of.future,
                               &error) == SLUICE_OK)
        return o;
    else
        sluice_call_trap(call, error.message);
    if (o != NULL)
        sl_free(o->code);
    sl_free(o);
    return NULL;
}

static void write_via_stream(wasi *w, int which, sluice_call *call,
                             const sluice_val *args, size_t n)
{
    (void)n;
    sluice_val done;
    outcome *o =
        make_outcome(call, sluice_type_result(sluice_call_type(call)), &done);
    if (o == NULL)
        return;
    sluice_stream *stream = args[0].of.stream;
    ((sluice_val *)args)[0].of.stream = NULL;
    sluice_error closed = {.status = SLUICE_EIO, .os_error = EPIPE};
    if (w->fds[which] < 0) {
        sluice_stream_drop(stream);
        settle(o, 0, &closed);
    } else if (sluice_stream_to_fd(stream, w->fds[which], settle, o) !=
               SLUICE_OK) {
        settle(o, 0, &closed);
    }
    sluice_call_return(call, &done);
    sluice_val_deinit(&done);
}

static void stdout_write_via_stream(void *ctx, sluice_call *call,
                                    const sluice_val *args, size_t n)
{
    write_via_stream(ctx, 1, call, args, n);
}

static void stderr_write_via_stream(void *ctx, sluice_call *call,
                                    const sluice_val *args, size_t n)
{
    write_via_stream(ctx, 2, call, args, n);
}

/* Standard input as a stream; an empty one when it is closed. */
static sluice_status open_stdin(wasi *w, sluice_store *store, outcome *o,
                                sluice_stream **out, sluice_error *error)
{
    if (w->fds[0] >= 0)
        return sluice_stream_from_fd(store, w->fds[0], out, settle, o, error);
    sluice_writer *writer;
    sluice_status st = sluice_stream_new(store, NULL, &writer, out, error);
    if (st == SLUICE_OK) {
        sluice_writer_close(writer);
        settle(o, 0, NULL);
    }
    return st;
}

static void read_via_stream(void *ctx, sluice_call *call,
                            const sluice_val *args, size_t n)
{
    (void)args, (void)n;
    sluice_name label;
    sluice_error error = {0};
    const sluice_type *result = sluice_type_result(sluice_call_type(call));
    const sluice_type *type = NULL;
    sluice_val tuple = {0};
    sluice_type_part(result, 1, &label, &type);
    if (!sluice_val_items(&tuple, SLUICE_TUPLE, 2)) {
        sl_wasi_no_memory(call);
        return;
    }
    sluice_val *stream = &tuple.of.list.items[0];
    outcome *o = make_outcome(call, type, &tuple.of.list.items[1]);
    if (o != NULL) {
        stream->kind = SLUICE_STREAM;
        if (open_stdin(ctx, sluice_call_store(call), o, &stream->of.stream,
                       &error) == SLUICE_OK) {
            sluice_call_return(call, &tuple);
        } else {
            settle(o, 0, &error);
            sluice_call_trap(call, error.message);
        }
    }
    sluice_val_deinit(&tuple);
}

#define DONE_TYPE  "future<result<_, enum { io, illegal-byte-sequence, pipe }>>"
#define READ_TYPE  "func() -> tuple<stream<u8>, " DONE_TYPE ">"
#define WRITE_TYPE "func(data: stream<u8>) -> " DONE_TYPE

const wasi_row sl_wasi_p3_cli[] = {
    {"wasi:cli/environment@0.3.0", "get-environment",
     "func() -> list<tuple<string, string>>", get_environment},
    {"wasi:cli/environment@0.3.0", "get-arguments", "func() -> list<string>",
     get_arguments},
    {"wasi:cli/environment@0.3.0", "get-initial-cwd",
     "func() -> option<string>", get_initial_cwd},
    {"wasi:cli/exit@0.3.0", "exit", "func(status: result)", exit_},
    {"wasi:cli/exit@0.3.0", "exit-with-code", "func(status-code: u8)",
     exit_with_code},
    {"wasi:cli/stdin@0.3.0", "read-via-stream", READ_TYPE, read_via_stream},
    {"wasi:cli/stdout@0.3.0", "write-via-stream", WRITE_TYPE,
     stdout_write_via_stream},
    {"wasi:cli/stderr@0.3.0", "write-via-stream", WRITE_TYPE,
     stderr_write_via_stream},
    {NULL, NULL, NULL, NULL},
};
