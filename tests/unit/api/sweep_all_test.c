/* Every function of the public headers, with every allocation under it failing
 * once, and with all that come after it failing too. tests/headers/api_test.py
 * sees to it that no function is missing. The outcome is always a clear error
 * or the right result; a call that was started always ends. */
#include "fixture.h"

#include <stdlib.h>
#include <unistd.h>
#include <uv.h>

#define MS UINT64_C(1000000)

/* --- One run
 * ------------------------------------------------------------------- */

typedef struct run {
    bool failed;          /* something noticed that memory was short */
    sluice_status status; /* of the first thing that did */
    char message[256];
    sluice_engine *engine;
    sluice_component *component;
    sluice_linker *linker;
    sluice_store *store;
    sluice_instance *instance;
    sluice_error error;
    const char *path; /* of a temporary file */
    const sl_buf *binary;
} run;

static void note(run *r, sluice_status status, const char *message)
{
    if (r->failed)
        return;
    r->failed = true;
    r->status = status;
    snprintf(r->message, sizeof r->message, "%s", message);
}

/* What says why in r->error. */
static bool good(run *r, sluice_status status)
{
    if (status != SLUICE_OK)
        note(r, status, r->error.message);
    return status == SLUICE_OK;
}

/* What has nothing else to say than that memory is short. */
static bool made(run *r, bool ok)
{
    if (!ok)
        note(r, SLUICE_ENOMEM, "out of memory");
    return ok;
}

/* What was started ends. */
static void wait(run *r, const bool *done)
{
    if (sluice_store_run(r->store, done) != SLUICE_OK)
        fail_msg("a callback is lost (%s)", r->message);
}

typedef bool link_fn(run *r);

static bool up(run *r, link_fn *link)
{
    r->engine = sluice_engine_new(NULL, &r->error);
    if (r->engine != NULL)
        (void)sluice_engine_set_feature(r->engine, "all", true);
    if (r->engine != NULL)
        r->component = sluice_component_from_buffer(
            r->engine, r->binary->data, r->binary->len, false, &r->error);
    if (r->component != NULL)
        r->linker = sluice_linker_new(r->engine, &r->error);
    if (r->linker == NULL)
        return good(r, r->error.status);
    if (link != NULL && !link(r))
        return false;
    r->store = sluice_store_new(r->engine, NULL, &r->error);
    if (r->store != NULL)
        r->instance =
            sluice_instantiate(r->store, r->linker, r->component, &r->error);
    return r->instance != NULL || good(r, r->error.status);
}

static void down(run *r)
{
    sluice_store_free(r->store);
    sluice_linker_free(r->linker);
    sluice_component_free(r->component);
    sluice_engine_free(r->engine);
}

static sluice_func *find(run *r, const char *name)
{
    sluice_func *func = sluice_instance_func(r->instance, name);
    made(r, func != NULL);
    return func;
}

/* A call that should return; its result is the caller's. */
static bool returns(run *r, const char *name, sluice_val *arg,
                    sluice_val *result)
{
    sluice_val none;
    sluice_func *func = find(r, name);
    if (func == NULL) {
        sluice_val_deinit(arg);
        return false;
    }
    assert_non_null(sluice_func_type(func));
    return good(r, sluice_func_call_wait(func, arg, arg != NULL,
                                         result != NULL ? result : &none,
                                         &r->error));
}

typedef void scenario(run *r);

/* The text is parsed before; "" is no component. */
static void sweep(scenario *fn, const char *text)
{
    sl_buf binary = {0};
    char path[64];
    temp_file(path, "0123456789", 10);
    if (*text != '\0')
        to_binary(text, &binary);
    run first = {.path = path, .binary = &binary};
    fn(&first); /* what is made once per process is there now */
    if (first.failed)
        fail_msg("%s", first.message);
    int fds = count_fds();
    size_t before = sl_alloc_count();
    fn(&first);
    assert_false(first.failed);
    size_t total = sl_alloc_count() - before;
    for (size_t n = 1; n <= total; n++)
        for (int forever = 0; forever < 2; forever++) {
            run r = {.path = path, .binary = &binary};
            sl_alloc_fail_at(n, forever);
            fn(&r);
            sl_alloc_fail_at(0, 0);
            if (r.failed && r.status != SLUICE_ENOMEM &&
                strstr(r.message, "memory") == NULL)
                fail_msg("%zu of %zu: %s: %s", n, total,
                         sluice_status_text(r.status), r.message);
            if (r.failed)
                assert_true(r.message[0] != '\0');
            assert_int_equal(count_fds(), fds);
        }
    sl_buf_deinit(&binary);
    unlink(path);
}

/* --- Values
 * ---------------------------------------------------------------------- */

static void values(run *r)
{
    static const uint32_t numbers[] = {1, 2, 3};
    sluice_val text = {0}, context = {0}, bytes = {0}, record = {0}, copy = {0};
    sluice_val some = {0}, own = {.kind = SLUICE_BOOL}, borrow;
    assert_string_equal(sluice_version(), SLUICE_VERSION);
    made(r, sluice_val_string(&text, "text", 4));
    made(r, sluice_val_error_context(&context, "why", 3));
    made(r, sluice_val_bytes(&bytes, SLUICE_U32, numbers, 3));
    if (made(r, sluice_val_items(&record, SLUICE_RECORD, 2))) {
        record.of.list.items[0] = bytes;
        bytes = (sluice_val){0};
        made(r, sluice_val_variant(&record.of.list.items[1], SLUICE_OPTION, 1,
                                   &text));
    }
    if (made(r, sluice_val_copy(&record, &copy)))
        assert_true(sluice_val_eq(&record, &copy));
    made(r, sluice_val_variant(&some, SLUICE_OPTION, 1, &context));
    assert_false(sluice_val_borrow(&borrow, &own));
    assert_false(sluice_val_same_resource(&own, &borrow));
    sluice_val_deinit(&text);
    sluice_val_deinit(&context);
    sluice_val_deinit(&bytes);
    sluice_val_deinit(&record);
    sluice_val_deinit(&some);
    sluice_val_deinit(&copy);
}

static void test_sweep__values(void **state)
{
    (void)state;
    sweep(values, "");
}

/* --- Components and types
 * ------------------------------------------------------------ */

#define REFLECTED                                                              \
    "(component"                                                               \
    "  (type $rec' (record (field \"a\" (list u8 4))"                          \
    "    (field \"m\" (map string (option u8)))"                               \
    "    (field \"t\" (tuple u8 (result u8 (error string))))))"                \
    "  (import \"rec\" (type $rec (eq $rec')))"                                \
    "  (import \"i\" (instance $i"                                             \
    "    (export \"f\" (func async (param \"x\" (stream u8))"                  \
    "      (result (future string))))))"                                       \
    "  (import \"d\" (core data $d))"                                          \
    "  (import \"g\" (func $g (param \"r\" $rec) (result $rec)))"              \
    "  (export \"g2\" (func $g))"                                              \
    "  (export \"i2\" (instance $i)))"

static void look_at_type(const sluice_type *type)
{
    sluice_name label;
    const sluice_type *part;
    char text[200];
    assert_true(sluice_type_text(type, text, sizeof text)[0] != '\0');
    (void)sluice_type_fixed_length(type);
    if (sluice_type_elem(type) != NULL)
        look_at_type(sluice_type_elem(type));
    for (size_t i = 0; i < sluice_type_n_parts(type); i++)
        if (sluice_type_part(type, i, &label, &part) && part != NULL)
            look_at_type(part);
}

static void look_at(const sluice_extern *e)
{
    sluice_extern member;
    sluice_name name;
    const sluice_type *type;
    for (size_t i = 0; sluice_extern_member(e, i, &member); i++)
        look_at(&member);
    if (e->kind != SLUICE_EXTERN_FUNC)
        return;
    for (size_t i = 0; i < sluice_type_n_params(e->type); i++)
        if (sluice_type_param(e->type, i, &name, &type))
            look_at_type(type);
    if (sluice_type_result(e->type) != NULL)
        assert_true(sluice_type_kind(sluice_type_result(e->type)) <=
                    SLUICE_FUTURE);
    (void)sluice_type_is_async(e->type);
}

static bool count_items(void *arg, const sluice_item *item)
{
    (void)item;
    ++*(int *)arg;
    return true;
}

static bool read_binary(void *arg, uint64_t at, void *to, size_t len)
{
    const sl_buf *binary = arg;
    memcpy(to, binary->data + at, len);
    return true;
}

static void count_close(void *arg)
{
    (void)arg;
}

static void components(run *r)
{
    sluice_extern e;
    int items = 0;
    sluice_limits limits[] = {sluice_limits_strict(), sluice_limits_default(),
                              sluice_limits_none()};
    sluice_source source = {r->binary->len, read_binary, count_close,
                            (void *)r->binary};
    r->engine = sluice_engine_new(&limits[r->binary->len % 3], &r->error);
    if (r->engine == NULL) {
        good(r, r->error.status);
        return;
    }
    assert_true(sluice_engine_set_feature(r->engine, "all", true));
    r->component = sluice_component_from_source(r->engine, &source, &r->error);
    if (r->component == NULL)
        good(r, r->error.status);
    for (size_t i = 0; r->component != NULL; i++) {
        bool import = i < sluice_component_n_imports(r->component);
        size_t n = import ? i : i - sluice_component_n_imports(r->component);
        if (!import && n == sluice_component_n_exports(r->component))
            break;
        assert_true(import ? sluice_component_import(r->component, n, &e)
                           : sluice_component_export(r->component, n, &e));
        look_at(&e);
    }
    if (r->component != NULL)
        sluice_component_walk(r->component, count_items, &items);
    assert_non_null(sluice_type_none());
    /* A file that is none. */
    sluice_component *none =
        sluice_component_open(r->engine, r->path, &r->error);
    assert_null(none);
    if (r->error.status != SLUICE_EMALFORMED &&
        r->error.status != SLUICE_EINVALID)
        good(r, r->error.status);
    sluice_component_free(none);
    down(r);
}

static void test_sweep__components(void **state)
{
    (void)state;
    sweep(components, REFLECTED);
}

/* --- Calls
 * ----------------------------------------------------------------------------
 */

typedef struct host {
    int how; /* 0 return, 1 trap, 2 exit, 3 later, 4 when cancelled */
    sluice_call *call;
} host;

static void on_cancel(void *arg, bool gone)
{
    host *h = arg;
    if (!gone)
        sluice_call_cancelled(h->call);
    h->call = NULL;
}

static void answer(void *ctx, sluice_call *call, const sluice_val *args,
                   size_t n)
{
    host *h = ctx;
    sluice_val result = u32_val(n != 0 ? args[0].of.u32 + 1 : 0);
    assert_non_null(sluice_call_store(call));
    assert_non_null(sluice_call_type(call));
    if (h->how == 0)
        sluice_call_return(call, &result);
    else if (h->how == 1)
        sluice_call_trap(call, "on purpose");
    else if (h->how == 2)
        sluice_call_exit(call, 7);
    h->call = h->how >= 3 ? call : NULL;
    if (h->how == 4)
        sluice_call_on_cancel(call, on_cancel, h);
}

static host the_host;

static bool link_f(run *r)
{
    return good(r, sluice_linker_func(r->linker, NULL, "f", NULL, answer,
                                      &the_host, NULL, &r->error));
}

static void ignore_trap(void *arg, const sluice_error *error)
{
    (void)arg, (void)error;
}

/* A call that ends with `want`, or for want of memory. */
static void ends(run *r, const char *name, int how, sluice_status want,
                 uint64_t timeout_ns, bool cancels)
{
    sluice_val arg = u32_val(1);
    sluice_pending *pending = NULL;
    outcome out = {0};
    the_host = (host){.how = how};
    sluice_store_set_call_timeout(r->store, timeout_ns);
    sluice_func *func = find(r, name);
    if (func == NULL || !good(r, sluice_func_call(func, &arg, 1, keep, &out,
                                                  &pending, &r->error)))
        return;
    if (timeout_ns != SLUICE_NO_DEADLINE)
        made(r, sluice_pending_set_deadline(pending, timeout_ns) == SLUICE_OK);
    if (how == 3 && timeout_ns == SLUICE_NO_DEADLINE && the_host.call != NULL) {
        sluice_val result = u32_val(2);
        sluice_call_return(the_host.call, &result);
    }
    if (cancels)
        sluice_pending_cancel(pending);
    while (!out.done && uv_run(sluice_store_loop(r->store), UV_RUN_ONCE) != 0)
        ;
    assert_true(out.done);
    assert_int_equal(out.times, 1);
    if (out.error.status != want) {
        r->error = out.error;
        good(r, out.error.status);
    }
    sluice_val_deinit(&out.result);
    if (the_host.how == 3 && the_host.call != NULL && want != SLUICE_OK)
        sluice_call_trap(the_host.call, "too late");
}

static void calls(run *r)
{
    if (up(r, link_f)) {
        sluice_store_set_seed(r->store, 3);
        sluice_store_on_trap(r->store, ignore_trap, NULL);
        ends(r, "run", 0, SLUICE_OK, SLUICE_NO_DEADLINE, false);
        ends(r, "run", 3, SLUICE_OK, SLUICE_NO_DEADLINE, false);
        ends(r, "again", 4, SLUICE_ECANCELLED, SLUICE_NO_DEADLINE, true);
        ends(r, "again", 4, SLUICE_EDEADLINE, MS, false);
        if (made(r, sluice_store_set_deadline(r->store, MS) == SLUICE_OK))
            ends(r, "again", 4, SLUICE_EDEADLINE, 1000 * MS, false);
        made(r, sluice_store_set_deadline(r->store, SLUICE_NO_DEADLINE) ==
                    SLUICE_OK);
        ends(r, "again", 2, SLUICE_EEXIT, SLUICE_NO_DEADLINE, false);
        ends(r, "run", 1, SLUICE_ETRAP, SLUICE_NO_DEADLINE, false);
        assert_true(sluice_store_stats(r->store).instances > 0);
    }
    down(r);
}

static void test_sweep__calls(void **state)
{
    (void)state;
    sweep(calls, HOST);
}

/* Interrupted, and cancelled in a guest. */
static void spin(run *r)
{
    if (up(r, NULL)) {
        sluice_func *func = find(r, "spin");
        sluice_store_interrupt(r->store);
        if (func != NULL && sluice_func_call_wait(func, NULL, 0, NULL,
                                                  &r->error) != SLUICE_ETRAP)
            good(r, r->error.status);
    }
    down(r);
}

static void test_sweep__interrupt(void **state)
{
    (void)state;
    sweep(spin, MATH);
}

static void waiter(run *r)
{
    if (up(r, NULL)) {
        sluice_pending *pending;
        outcome out = {0};
        sluice_func *func = find(r, "wait");
        sluice_store_set_call_timeout(r->store, 1000 * MS);
        if (func != NULL && good(r, sluice_func_call(func, NULL, 0, keep, &out,
                                                     &pending, &r->error))) {
            sluice_pending_cancel(pending);
            while (!out.done)
                uv_run(sluice_store_loop(r->store), UV_RUN_ONCE);
            r->error = out.error;
            if (out.error.status != SLUICE_ECANCELLED)
                good(r, out.error.status);
        }
    }
    down(r);
}

static void test_sweep__cancelled_guest(void **state)
{
    (void)state;
    sweep(waiter, WAITER);
}

/* --- Resources
 * ------------------------------------------------------------------------- */

static void on_drop(void *ctx, uint32_t rep)
{
    (void)ctx, (void)rep;
}

static void host_open(void *ctx, sluice_call *call, const sluice_val *args,
                      size_t n)
{
    (void)ctx, (void)n;
    sluice_val own;
    assert_true(sluice_call_own(call,
                                sluice_type_result(sluice_call_type(call)),
                                args[0].of.u32, &own));
    assert_true(sluice_val_same_resource(&own, &own));
    sluice_call_return(call, &own);
}

static void host_size(void *ctx, sluice_call *call, const sluice_val *args,
                      size_t n)
{
    (void)ctx, (void)n;
    sluice_val size = u32_val(args[0].of.handle.rep * 2);
    sluice_call_return(call, &size);
}

static bool link_files(run *r)
{
    return good(r, sluice_linker_resource(r->linker, NULL, "file", on_drop,
                                          NULL, NULL, &r->error)) &&
           good(r, sluice_linker_func(r->linker, NULL, "open", NULL, host_open,
                                      NULL, NULL, &r->error)) &&
           good(r, sluice_linker_func(r->linker, NULL, "size", NULL, host_size,
                                      NULL, NULL, &r->error));
}

static void resources(run *r)
{
    sluice_val arg = u32_val(21), result = {0};
    if (up(r, link_files) && returns(r, "keep", &arg, &result) &&
        returns(r, "read", NULL, &result)) {
        assert_int_equal(result.of.u32, 42);
        returns(r, "drop", NULL, NULL);
    }
    down(r);
}

static void test_sweep__host_resources(void **state)
{
    (void)state;
    sweep(resources, HOST_RESOURCE);
}

#define OWN_RESOURCE                                                           \
    "(component (type $r (resource (rep i32)))"                                \
    "  (core func $new (canon resource.new $r))"                               \
    "  (core module $M (import \"\" \"new\" (func $new (param i32)"            \
    "      (result i32)))"                                                     \
    "    (func (export \"make\") (result i32) (call $new (i32.const 5)))"      \
    "    (func (export \"peek\") (param i32) (result i32) (local.get 0)))"     \
    "  (core instance $m (instantiate $M (with \"\" (instance"                 \
    "    (export \"new\" (func $new))))))"                                     \
    "  (export $R \"r\" (type $r))"                                            \
    "  (func (export \"make\") (result (own $R))"                              \
    "    (canon lift (core func $m \"make\")))"                                \
    "  (func (export \"peek\") (param \"r\" (borrow $R)) (result u32)"         \
    "    (canon lift (core func $m \"peek\"))))"

static void own_resources(run *r)
{
    sluice_val own = {0}, borrow = {0}, result = {0};
    if (up(r, NULL) && returns(r, "make", NULL, &own)) {
        assert_true(sluice_val_borrow(&borrow, &own));
        if (returns(r, "peek", &borrow, &result))
            assert_int_equal(result.of.u32, 5);
    }
    sluice_val_deinit(&own);
    down(r);
}

static void test_sweep__guest_resources(void **state)
{
    (void)state;
    sweep(own_resources, OWN_RESOURCE);
}

/* --- Streams
 * ----------------------------------------------------------------------------
 */

typedef struct transfer {
    bool done, end;
    size_t n;
    sluice_error error;
} transfer;

static void was_read(void *arg, size_t n, bool end, const sluice_error *error)
{
    transfer *t = arg;
    t->n = n;
    t->end = end;
    t->done = true;
    t->error = error != NULL ? *error : (sluice_error){0};
}

static void was_written(void *arg, size_t n, bool end)
{
    transfer *t = arg;
    t->n = n;
    t->end = end;
    t->done = true;
}

static void was_copied(void *arg, uint64_t n, const sluice_error *error)
{
    was_read(arg, (size_t)n, true, error);
}

/* Ends with what the callback says. */
static bool ended_well(run *r, transfer *t)
{
    wait(r, &t->done);
    r->error = t->error;
    return good(r, t->error.status);
}

/* Numbers, through a guest and back. */
static void number_streams(run *r)
{
    uint8_t piece[8];
    transfer writing = {0}, reading = {0};
    sluice_writer *writer = NULL;
    sluice_reader *reader = NULL;
    sluice_val arg = {.kind = SLUICE_STREAM}, back = {0};
    if (!up(r, NULL) || !good(r, sluice_stream_new(r->store, NULL, &writer,
                                                   &arg.of.stream, &r->error)))
        goto out;
    if (!returns(r, "pass", &arg, &back))
        goto out;
    reader = sluice_reader_new(back.of.stream, &r->error);
    if (reader == NULL) {
        good(r, r->error.status);
        goto out;
    }
    sluice_status st =
        sluice_reader_read(reader, piece, sizeof piece, was_read, &reading);
    made(r, st == SLUICE_OK);
    assert_int_equal(
        sluice_writer_write(writer, "abc", 3, was_written, &writing),
        SLUICE_OK);
    if (st == SLUICE_OK && ended_well(r, &reading)) {
        wait(r, &writing.done);
        assert_int_equal(reading.n, 3);
        assert_memory_equal(piece, "abc", 3);
    }
    if (!reading.done && st == SLUICE_OK)
        goto out;
    sluice_stream *rest = sluice_reader_release(reader);
    if (rest != NULL) {
        reader = sluice_reader_new(rest, &r->error);
        made(r, reader != NULL);
    }
    reading = (transfer){0};
    if (reader != NULL &&
        sluice_reader_read(reader, piece, 1, was_read, &reading) == SLUICE_OK) {
        sluice_reader_cancel(reader);
        wait(r, &reading.done);
    }
out:
    sluice_reader_free(reader);
    sluice_writer_close(writer);
    down(r);
}

static void test_sweep__streams_of_numbers(void **state)
{
    (void)state;
    sweep(number_streams, PASS("(stream u8)"));
}

static void value_streams(run *r)
{
    sluice_val sent[2] = {{0}}, got[2] = {{0}};
    transfer writing = {0}, reading = {0};
    sluice_writer *writer = NULL;
    sluice_reader *reader = NULL;
    sluice_stream *stream = NULL;
    if (!up(r, NULL))
        goto out;
    sluice_func *func = find(r, "pass");
    if (func == NULL)
        goto out;
    const sluice_type *elem =
        sluice_type_elem(sluice_type_result(sluice_func_type(func)));
    if (!good(r,
              sluice_stream_new(r->store, elem, &writer, &stream, &r->error)))
        goto out;
    reader = sluice_reader_new(stream, &r->error);
    if (reader == NULL) {
        good(r, r->error.status);
        goto out;
    }
    if (!made(r, sluice_val_string(&sent[0], "one", 3)) ||
        !made(r, sluice_val_string(&sent[1], "two", 3)) ||
        !made(r, sluice_reader_read_vals(reader, got, 2, was_read, &reading) ==
                     SLUICE_OK))
        goto out;
    assert_int_equal(
        sluice_writer_write_vals(writer, sent, 2, was_written, &writing),
        SLUICE_OK);
    /* The reader hears of it if the values could not be kept. */
    while (!reading.done && uv_run(sluice_store_loop(r->store), UV_RUN_ONCE))
        ;
    if (!reading.done)
        made(r, false);
    r->error = reading.error;
    if (reading.done && good(r, reading.error.status))
        assert_string_equal(got[0].of.string.data, "one");
out:
    sluice_reader_free(reader);
    sluice_writer_close(writer);
    for (int i = 0; i < 2; i++) {
        sluice_val_deinit(&sent[i]);
        sluice_val_deinit(&got[i]);
    }
    down(r);
}

static void test_sweep__streams_of_values(void **state)
{
    (void)state;
    sweep(value_streams, PASS("(stream string)"));
}

/* A file into a stream, the stream into a file. */
static void descriptors(run *r)
{
    transfer in = {0}, out = {0};
    sluice_stream *stream = NULL;
    FILE *from = NULL, *to = NULL;
    if (!up(r, NULL))
        goto out;
    from = fopen(r->path, "r");
    to = tmpfile();
    assert_true(from != NULL && to != NULL);
    if (good(r, sluice_stream_from_fd(r->store, fileno(from), &stream,
                                      was_copied, &in, &r->error))) {
        sluice_status st =
            sluice_stream_to_fd(stream, fileno(to), was_copied, &out);
        made(r, st == SLUICE_OK);
        if (st == SLUICE_OK && ended_well(r, &out))
            assert_int_equal(out.n, 10);
    }
out:
    down(r);
    if (from != NULL)
        fclose(from);
    if (to != NULL)
        fclose(to);
}

static void test_sweep__descriptors(void **state)
{
    (void)state;
    sweep(descriptors, PASS("(stream u8)"));
}

/* --- Futures
 * ------------------------------------------------------------------------------
 */

typedef struct arrival {
    bool done;
    sluice_val val;
    sluice_error error;
} arrival;

static void has_come(void *arg, sluice_val *val, const sluice_error *error)
{
    arrival *a = arg;
    a->done = true;
    if (error != NULL)
        a->error = *error;
    if (val != NULL) {
        a->val = *val;
        *val = (sluice_val){0};
    }
}

static void futures(run *r)
{
    arrival a = {0};
    sluice_promise *promise;
    sluice_future *unread;
    sluice_val arg = {.kind = SLUICE_FUTURE}, text = {0}, back = {0};
    if (!up(r, NULL))
        goto out;
    if (good(r,
             sluice_future_new(r->store, NULL, &promise, &unread, &r->error))) {
        sluice_future_drop(unread);
        assert_int_equal(sluice_promise_set(promise, NULL), SLUICE_OK);
    }
    if (good(r,
             sluice_future_new(r->store, NULL, &promise, &unread, &r->error))) {
        sluice_promise_drop(promise);
        sluice_future_drop(unread);
    }
    sluice_func *func = find(r, "pass");
    if (func == NULL)
        goto out;
    const sluice_type *elem =
        sluice_type_elem(sluice_type_result(sluice_func_type(func)));
    if (!good(r, sluice_future_new(r->store, elem, &promise, &arg.of.future,
                                   &r->error)))
        goto out;
    bool have = made(r, sluice_val_string(&text, "value", 5));
    if (!have)
        sluice_promise_drop(promise);
    if (!have || !made(r, sluice_promise_set(promise, &text) == SLUICE_OK)) {
        sluice_val_deinit(&arg);
        goto out;
    }
    if (returns(r, "pass", &arg, &back) &&
        made(r,
             sluice_future_read(back.of.future, has_come, &a) == SLUICE_OK)) {
        wait(r, &a.done);
        r->error = a.error;
        if (good(r, a.error.status) && !r->failed)
            assert_string_equal(a.val.of.string.data, "value");
    }
    sluice_val_deinit(&a.val);
out:
    down(r);
}

static void test_sweep__futures(void **state)
{
    (void)state;
    sweep(futures, PASS("(future string)"));
}

/* --- Segments
 * ------------------------------------------------------------------------------
 */

static void bring(void *arg, sluice_fetch *fetch, uint64_t at, void *to,
                  size_t len)
{
    (void)arg, (void)at;
    memset(to, 'x', len);
    sluice_fetch_done(fetch, NULL);
}

static sluice_segment *the_segment;

static bool link_text(run *r)
{
    sluice_backing backing = {.size = 100, .read_at = bring};
    the_segment = sluice_segment_from_callbacks(&backing, &r->error);
    if (the_segment == NULL)
        return good(r, r->error.status);
    assert_int_equal(sluice_segment_size(the_segment), 100);
    return good(
        r, sluice_linker_segment(r->linker, "text", the_segment, &r->error));
}

static void read_all(run *r, sluice_stream *stream, size_t want)
{
    uint8_t piece[200];
    transfer t = {0};
    size_t n = 0;
    sluice_reader *reader = sluice_reader_new(stream, &r->error);
    if (reader == NULL) {
        good(r, r->error.status);
        return;
    }
    while (!t.end) {
        t = (transfer){0};
        if (!made(r, sluice_reader_read(reader, piece, sizeof piece, was_read,
                                        &t) == SLUICE_OK) ||
            !ended_well(r, &t))
            break;
        n += t.n;
    }
    if (!r->failed)
        assert_int_equal(n, want);
    sluice_reader_free(reader);
}

static void segments(run *r)
{
    sluice_segment *file = NULL, *exported = NULL, *copy = NULL;
    the_segment = NULL;
    if (!up(r, link_text))
        goto out;
    file = sluice_segment_from_file(r->path, &r->error);
    made(r, file != NULL);
    copy = sluice_segment_from_buffer("abc", 3, true, &r->error);
    made(r, copy != NULL);
    exported = sluice_instance_segment(r->instance, "text");
    made(r, exported != NULL);
    sluice_segment *all[] = {file, copy, exported};
    static const size_t sizes[] = {10, 3, 100};
    for (int i = 0; i < 3; i++) {
        if (all[i] == NULL)
            continue;
        sluice_stream *stream =
            sluice_segment_read(r->store, all[i], 0, sizes[i], &r->error);
        if (stream != NULL)
            read_all(r, stream, sizes[i]);
        else
            good(r, r->error.status);
        stream = sluice_segment_read(r->store, all[i], 1, 1, &r->error);
        made(r, stream != NULL);
        sluice_stream_drop(stream);
    }
out:
    sluice_segment_free(file);
    sluice_segment_free(copy);
    sluice_segment_free(exported);
    sluice_segment_free(the_segment);
    down(r);
}

static void test_sweep__segments(void **state)
{
    (void)state;
    sweep(segments, BYTES);
}

/* A core module imports the segment; what it brings is not there at once. */
#define CORE_DATA                                                              \
    "(component"                                                               \
    "  (import \"text\" (core data $text))"                                    \
    "  (core module $M"                                                        \
    "    (import \"\" \"text\" (data $text))"                                  \
    "    (memory 1)"                                                           \
    "    (func (export \"load\") (result i32)"                                 \
    "      (memory.init $text (i32.const 8) (i32.const 0) (i32.const 100))"    \
    "      (i32.load8_u (i32.const 107))))"                                    \
    "  (core instance $m (instantiate $M (with \"\" (instance"                 \
    "    (export \"text\" (data $text))))))"                                   \
    "  (func (export \"load\") async (result u32)"                             \
    "    (canon lift (core func $m \"load\"))))"

static void core_data(run *r)
{
    sluice_val result = {0};
    the_segment = NULL;
    if (up(r, link_text)) {
        sluice_store_set_seed(r->store, 3);
        for (int i = 0; i < 2; i++)
            if (returns(r, "load", NULL, &result))
                assert_int_equal(result.of.u32, 'x');
    }
    sluice_segment_free(the_segment);
    down(r);
}

static void test_sweep__core_data(void **state)
{
    (void)state;
    sweep(core_data, CORE_DATA);
}

/* --- Values of components
 * ------------------------------------------------------------------ */

#define VALUES                                                                 \
    "(component"                                                               \
    "  (import \"a\" (value $a string))"                                       \
    "  (import \"b\" (value $b (list u8)))"                                    \
    "  (export \"c\" (value $a))"                                              \
    "  (export \"d\" (value $b)))"

static bool make_bytes(void *ctx, sluice_store *store, sluice_val *out)
{
    assert_non_null(store);
    run *r = ctx;
    return made(r, sluice_val_bytes(out, SLUICE_U8, "xyz", 3));
}

static bool link_values(run *r)
{
    sluice_val text = {0};
    return made(r, sluice_val_string(&text, "text", 4)) &&
           good(r,
                sluice_linker_value(r->linker, NULL, "a", &text, &r->error)) &&
           good(r, sluice_linker_value_from(r->linker, NULL, "b", make_bytes, r,
                                            NULL, &r->error));
}

static void component_values(run *r)
{
    sluice_val c = {0}, d = {0};
    if (up(r, link_values)) {
        if (good(r, sluice_instance_value(r->instance, "c", &c, &r->error)))
            assert_string_equal(c.of.string.data, "text");
        if (good(r, sluice_instance_value(r->instance, "d", &d, &r->error)))
            assert_memory_equal(d.of.bytes.data, "xyz", 3);
    }
    sluice_val_deinit(&c);
    sluice_val_deinit(&d);
    down(r);
}

static void test_sweep__component_values(void **state)
{
    (void)state;
    sweep(component_values, VALUES);
}

/* --- Bytes from elsewhere
 * ------------------------------------------------------------------- */

#define EXTERNAL                                                               \
    "(component (core data $d (external \"x.bin\" (size 8) (chunk 4096)"       \
    " (sha256 \"\\af\\55\\70\\f5\\a1\\81\\0b\\7a\\f7\\8c\\af\\4b"              \
    "\\c7\\0a\\66\\0f\\0d\\f5\\1e\\42\\ba\\f9\\1d\\4d\\e5\\b2"                 \
    "\\32\\8d\\e0\\e8\\3d\\fc\")))"                                            \
    " (export \"d\" (core data $d)))"

static sluice_fault_answer trap_it(void *arg, const sluice_fault *fault)
{
    (void)arg;
    assert_true(fault->cause[0] != '\0');
    return SLUICE_FAULT_TRAP;
}

static void refused(run *r)
{
    if (r->error.status != SLUICE_EIO && r->error.status != SLUICE_EINVALID)
        good(r, r->error.status);
}

static void count_events(void *arg, const sluice_trace_event *event)
{
    assert_non_null(event->name);
    ++*(uint64_t *)arg;
}

static void count_faults(void *arg, const sluice_segment_stats *stats)
{
    *(uint64_t *)arg += stats->data_faults;
}

static bool see_chunk(void *arg, const sluice_item_chunk *chunk)
{
    (void)arg;
    assert_int_equal(chunk->offset, 0);
    return true;
}

/* Without memory its table of chunks cannot be read. */
static bool see_chunks(void *arg, const sluice_item *item)
{
    run *r = arg;
    sluice_error error = {0};
    if (item->segment != NULL)
        good(r, sluice_component_chunks(r->component, item, see_chunk, NULL,
                                        &error));
    return true;
}

static void elsewhere(run *r)
{
    sluice_segment *file = NULL, *external = NULL;
    uint64_t events = 0;
    FILE *open_file = fopen(r->path, "r");
    assert_non_null(open_file);
    r->engine = sluice_engine_new(NULL, &r->error);
    if (r->engine == NULL) {
        good(r, r->error.status);
        goto out;
    }
    sluice_http_config config = sluice_http_config_default();
    config.authorization = "Bearer x";
    config.authorization_origin = "https://example.com";
    good(r, sluice_engine_set_http(r->engine, &config, &r->error));
    good(r,
         sluice_engine_set_cache(r->engine, "/nowhere/at/all", 1, &r->error));
    /* Private addresses: nothing is sent. */
    assert_null(sluice_component_open_url(r->engine, "http://127.0.0.1:1/a",
                                          &r->error));
    refused(r);
    assert_null(
        sluice_segment_from_url(r->engine, "http://127.0.0.1:1/a", &r->error));
    refused(r);
    file = sluice_segment_from_fd(fileno(open_file), &r->error);
    if (file == NULL)
        good(r, r->error.status);
    (void)sluice_engine_set_feature(r->engine, "all", true);
    r->component = sluice_component_from_buffer(
        r->engine, r->binary->data, r->binary->len, false, &r->error);
    if (r->component == NULL ||
        sluice_component_set_base(r->component, "/nowhere", &r->error) !=
            SLUICE_OK ||
        (r->store = sluice_store_new(r->engine, NULL, &r->error)) == NULL ||
        (r->instance = sluice_instantiate(r->store, NULL, r->component,
                                          &r->error)) == NULL) {
        good(r, r->error.status);
        goto out;
    }
    sluice_component_walk(r->component, see_chunks, r);
    sluice_store_on_fault(r->store, trap_it, NULL);
    assert_null(sluice_engine_cache_problem(r->engine));
    good(r, sluice_store_map_files(r->store, true, &r->error));
    sluice_store_on_load(r->store, NULL, NULL);
    made(r, sluice_store_set_tracer(r->store, count_events, &events) ==
                SLUICE_OK);
    external = sluice_instance_segment(r->instance, "d");
    if (!made(r, external != NULL))
        goto out;
    sluice_stream *stream =
        sluice_segment_read(r->store, external, 0, 8, &r->error);
    sluice_reader *reader =
        stream != NULL ? sluice_reader_new(stream, &r->error) : NULL;
    if (reader == NULL) {
        good(r, r->error.status);
        goto out;
    }
    uint8_t piece[8];
    transfer t = {0};
    sluice_store_on_output(r->store, NULL, NULL);
    if (made(r,
             sluice_reader_read(reader, piece, 8, was_read, &t) == SLUICE_OK)) {
        wait(r, &t.done);
        assert_int_not_equal(t.error.status, SLUICE_OK); /* no such file */
    }
    sluice_reader_free(reader);
    uint64_t faults = 0;
    sluice_store_segments(r->store, count_faults, &faults);
    assert_int_equal(faults, sluice_store_stats(r->store).data_faults);
out:
    sluice_segment_free(file);
    sluice_segment_free(external);
    fclose(open_file);
    down(r);
}

static void test_sweep__bytes_from_elsewhere(void **state)
{
    (void)state;
    sweep(elsewhere, EXTERNAL);
}

/* --- The cache
 * ------------------------------------------------------------------------------
 */

static void cache(run *r)
{
    char dir[80];
    sluice_cache_report report;
    snprintf(dir, sizeof dir, "%s.not-there", r->path); /* an empty one */
    sluice_cache *c = sluice_cache_open(dir, 0, &r->error);
    if (c == NULL) {
        good(r, r->error.status);
        return;
    }
    assert_string_equal(sluice_cache_dir(c), dir);
    good(r, sluice_cache_list(c, NULL, NULL, &report, &r->error));
    good(r, sluice_cache_verify(c, NULL, NULL, &report, &r->error));
    good(r, sluice_cache_clear(c, &report, &r->error));
    sluice_cache_free(c);
}

static void test_sweep__cache(void **state)
{
    (void)state;
    sweep(cache, "");
}

const struct CMUnitTest sweep_all_tests[] = {
    cmocka_unit_test(test_sweep__values),
    cmocka_unit_test(test_sweep__components),
    cmocka_unit_test(test_sweep__calls),
    cmocka_unit_test(test_sweep__interrupt),
    cmocka_unit_test(test_sweep__cancelled_guest),
    cmocka_unit_test(test_sweep__host_resources),
    cmocka_unit_test(test_sweep__guest_resources),
    cmocka_unit_test(test_sweep__streams_of_numbers),
    cmocka_unit_test(test_sweep__streams_of_values),
    cmocka_unit_test(test_sweep__descriptors),
    cmocka_unit_test(test_sweep__futures),
    cmocka_unit_test(test_sweep__segments),
    cmocka_unit_test(test_sweep__core_data),
    cmocka_unit_test(test_sweep__component_values),
    cmocka_unit_test(test_sweep__bytes_from_elsewhere),
    cmocka_unit_test(test_sweep__cache),
};
const size_t n_sweep_all_tests = N(sweep_all_tests);
