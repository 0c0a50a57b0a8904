/* The hosts of WASI 0.3, called as a guest calls them: components that export
 * what they import, so that the host is on both sides. */
#include "check.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "sluice/sluice.h"
#include "text/text.h"

#define N(a) (sizeof(a) / sizeof *(a))

typedef struct fixture {
    sluice_engine *engine;
    sluice_component *component;
    sluice_linker *linker;
    sluice_store *store;
    sluice_instance *instance;
    sluice_error error;
} fixture;

static sluice_component *compile(sluice_engine *engine, const char *text,
                                 sluice_error *error)
{
    sl_err err = {0};
    sl_buf binary;
    sl_buf_init(&binary);
    if (!sl_text_parse((sl_name){text, strlen(text)}, &binary, &err))
        fail_msg("%s", err.msg);
    sluice_component *c = sluice_component_from_buffer(
        engine, binary.data, binary.len, true, error);
    sl_buf_deinit(&binary);
    return c;
}

static bool set_up(fixture *f, const char *text,
                   const sluice_wasi_config *config)
{
    *f = (fixture){0};
    f->engine = sluice_engine_new(NULL, &f->error);
    if (f->engine != NULL)
        f->component = compile(f->engine, text, &f->error);
    if (f->component != NULL)
        f->linker = sluice_linker_new(f->engine, &f->error);
    if (f->linker == NULL ||
        sluice_linker_wasi(f->linker, config, &f->error) != SLUICE_OK)
        return false;
    f->store = sluice_store_new(f->engine, NULL, &f->error);
    if (f->store != NULL)
        f->instance =
            sluice_instantiate(f->store, f->linker, f->component, &f->error);
    return f->instance != NULL;
}

static void fixture_init(fixture *f, const char *text,
                         const sluice_wasi_config *config)
{
    if (!set_up(f, text, config))
        fail_msg("%s", f->error.message);
}

static void fixture_deinit(fixture *f)
{
    sluice_store_free(f->store);
    sluice_linker_free(f->linker);
    sluice_component_free(f->component);
    sluice_engine_free(f->engine);
}

static sluice_status call(fixture *f, const char *name, sluice_val *args,
                          size_t n, sluice_val *result)
{
    sluice_func *func = sluice_instance_func(f->instance, name);
    if (func == NULL)
        fail_msg("no function %s", name);
    return sluice_func_call_wait(func, args, n, result, &f->error);
}

/* A component that exports one function of an interface as "f". */
#define PASS_ON(interface, name, type)                                         \
    "(component"                                                               \
    "  (import \"" interface "\" (instance $i"                                 \
    "    (export \"" name "\" (func " type "))))"                              \
    "  (alias export $i \"" name "\" (func $f))"                               \
    "  (export \"f\" (func $f)))"

/* --- environment ------------------------------------------------------------- */

static void test_environment(void **state)
{
    (void)state;
    static const char *const args[] = {"prog", "one", "", NULL};
    static const char *const env[] = {"A=1", "B=x=y", "C", NULL};
    sluice_wasi_config config = {
        .args = args, .env = env, .initial_cwd = "/home"};
    fixture f;
    sluice_val v;
    fixture_init(&f,
                 PASS_ON("wasi:cli/environment@0.3.0", "get-arguments",
                         "(result (list string))"),
                 &config);
    assert_int_equal(call(&f, "f", NULL, 0, &v), SLUICE_OK);
    assert_int_equal(v.of.list.len, 3);
    for (size_t i = 0; i < 3; i++)
        assert_string_equal(v.of.list.items[i].of.string.data, args[i]);
    sluice_val_deinit(&v);
    fixture_deinit(&f);

    fixture_init(&f,
                 PASS_ON("wasi:cli/environment@0.3.1", "get-environment",
                         "(result (list (tuple string string)))"),
                 &config);
    assert_int_equal(call(&f, "f", NULL, 0, &v), SLUICE_OK);
    static const char *const pairs[3][2] = {
        {"A", "1"}, {"B", "x=y"}, {"C", ""}};
    assert_int_equal(v.of.list.len, 3);
    for (size_t i = 0; i < 3; i++)
        for (size_t k = 0; k < 2; k++)
            assert_string_equal(v.of.list.items[i]
                                    .of.list.items[k]
                                    .of.string.data,
                                pairs[i][k]);
    sluice_val_deinit(&v);
    fixture_deinit(&f);

    sluice_wasi_config nothing = {0};
    for (int some = 0; some < 2; some++) {
        fixture_init(&f,
                     PASS_ON("wasi:cli/environment@0.3.0", "get-initial-cwd",
                             "(result (option string))"),
                     some ? &config : &nothing);
        assert_int_equal(call(&f, "f", NULL, 0, &v), SLUICE_OK);
        assert_int_equal(v.of.variant.index, some);
        if (some)
            assert_string_equal(v.of.variant.payload->of.string.data, "/home");
        sluice_val_deinit(&v);
        fixture_deinit(&f);
    }
}

static void test_exit(void **state)
{
    (void)state;
    sluice_wasi_config config = {0};
    for (uint32_t failed = 0; failed < 2; failed++) {
        fixture f;
        sluice_val status = {.kind = SLUICE_RESULT, .of.variant.index = failed};
        fixture_init(&f,
                     PASS_ON("wasi:cli/exit@0.3.0", "exit",
                             "(param \"status\" (result))"),
                     &config);
        assert_int_equal(call(&f, "f", &status, 1, NULL), SLUICE_EEXIT);
        assert_int_equal(f.error.exit_code, failed);
        fixture_deinit(&f);
    }
    fixture f;
    sluice_val code = {.kind = SLUICE_U8, .of.u8 = 201};
    fixture_init(&f,
                 PASS_ON("wasi:cli/exit@0.3.0", "exit-with-code",
                         "(param \"status-code\" u8)"),
                 &config);
    assert_int_equal(call(&f, "f", &code, 1, NULL), SLUICE_EEXIT);
    assert_int_equal(f.error.exit_code, 201);
    fixture_deinit(&f);
}

/* --- Clocks and random ----------------------------------------------------------- */

static uint64_t call_u64(const char *component, uint64_t arg, size_t n_args)
{
    fixture f;
    sluice_wasi_config config = {0};
    sluice_val v = {0}, in = {.kind = SLUICE_U64, .of.u64 = arg};
    fixture_init(&f, component, &config);
    if (call(&f, "f", &in, n_args, &v) != SLUICE_OK)
        fail_msg("%s", f.error.message);
    uint64_t result = v.of.u64;
    sluice_val_deinit(&v);
    fixture_deinit(&f);
    return result;
}

#define MONOTONIC "wasi:clocks/monotonic-clock@0.3.0"

static void test_monotonic_clock(void **state)
{
    (void)state;
    const char *now = PASS_ON(MONOTONIC, "now", "(result u64)");
    uint64_t start = call_u64(now, 0, 0);
    assert_true(call_u64(now, 0, 0) >= start);
    assert_true(call_u64(PASS_ON(MONOTONIC, "get-resolution", "(result u64)"),
                         0, 0) > 0);
    start = call_u64(now, 0, 0);
    call_u64(PASS_ON(MONOTONIC, "wait-for", "async (param \"how-long\" u64)"),
             20000000, 1);
    assert_true(call_u64(now, 0, 0) - start >= 20000000);
    call_u64(PASS_ON(MONOTONIC, "wait-until", "async (param \"when\" u64)"), 1,
             1); /* long ago */
    call_u64(PASS_ON(MONOTONIC, "wait-for", "async (param \"how-long\" u64)"),
             0, 1);
}

static void never(void *arg, const sluice_error *error, sluice_val *result)
{
    (void)error, (void)result;
    *(bool *)arg = true;
}

/* The end of time: cancelled, or the store goes while it is waited for. */
static void test_monotonic_clock__waits_that_do_not_end(void **state)
{
    (void)state;
    sluice_wasi_config config = {0};
    for (int cancel = 0; cancel < 2; cancel++) {
        fixture f;
        bool done = false;
        sluice_pending *pending;
        sluice_val span = {.kind = SLUICE_U64, .of.u64 = UINT64_MAX};
        fixture_init(&f,
                     PASS_ON(MONOTONIC, "wait-for",
                             "async (param \"how-long\" u64)"),
                     &config);
        assert_int_equal(
            sluice_func_call(sluice_instance_func(f.instance, "f"), &span, 1,
                             never, &done, &pending, &f.error),
            SLUICE_OK);
        if (cancel) {
            sluice_pending_cancel(pending);
            assert_int_equal(sluice_store_run(f.store, &done), SLUICE_OK);
        }
        fixture_deinit(&f);
        assert_int_equal(done, cancel);
    }
}

/* Timers do not outlive the guest that waits for them: its trap ends them, and
 * with them what keeps the loop alive. */
static void test_monotonic_clock__the_guest_traps(void **state)
{
    (void)state;
    static const char text[] =
        "(component"
        "  (import \"" MONOTONIC "\" (instance $c"
        "    (export \"wait-for\" (func async (param \"how-long\" u64)))))"
        "  (core module $Memory (memory (export \"memory\") 1))"
        "  (core func $l (canon lower (func $c \"wait-for\") async))"
        "  (core module $M"
        "    (import \"\" \"f\" (func $f (param i64) (result i32)))"
        "    (func (export \"f\")"
        "      (drop (call $f (i64.const 3600000000000))) (unreachable)))"
        "  (core instance $m (instantiate $M (with \"\" (instance"
        "    (export \"f\" (func $l))))))"
        "  (func (export \"f\") (canon lift (core func $m \"f\"))))";
    sluice_wasi_config config = {0};
    fixture f;
    bool never = false;
    fixture_init(&f, text, &config);
    assert_int_equal(call(&f, "f", NULL, 0, NULL), SLUICE_ETRAP);
    /* An hour, if the timer were left. */
    assert_int_equal(sluice_store_run(f.store, &never), SLUICE_EDEADLOCK);
    fixture_deinit(&f);
}

static void test_system_clock(void **state)
{
    (void)state;
    fixture f;
    sluice_val v;
    sluice_wasi_config config = {0};
    fixture_init(&f,
                 "(component"
                 "  (import \"wasi:clocks/system-clock@0.3.0\" (instance $i"
                 "    (type (record (field \"seconds\" s64)"
                 "      (field \"nanoseconds\" u32)))"
                 "    (export \"instant\" (type (eq 0)))"
                 "    (export \"now\" (func (result 1)))))"
                 "  (alias export $i \"instant\" (type $instant))"
                 "  (export $t \"instant\" (type $instant))"
                 "  (alias export $i \"now\" (func $f))"
                 "  (export \"f\" (func $f) (func (result $t))))",
                 &config);
    assert_int_equal(call(&f, "f", NULL, 0, &v), SLUICE_OK);
    assert_int_equal(v.kind, SLUICE_RECORD);
    int64_t behind = time(NULL) - v.of.list.items[0].of.s64;
    assert_true(behind >= -1 && behind < 100);
    assert_true(v.of.list.items[1].of.u32 < 1000000000);
    sluice_val_deinit(&v);
    fixture_deinit(&f);
}

static void test_random(void **state)
{
    (void)state;
    sluice_wasi_config config = {0};
    static const uint64_t sizes[] = {0, 1, 1000, 65536, 65537, UINT64_MAX};
    for (size_t i = 0; i < N(sizes); i++) {
        fixture f;
        sluice_val v, size = {.kind = SLUICE_U64, .of.u64 = sizes[i]};
        fixture_init(&f,
                     PASS_ON("wasi:random/random@0.3.0", "get-random-bytes",
                             "(param \"max-len\" u64) (result (list u8))"),
                     &config);
        assert_int_equal(call(&f, "f", &size, 1, &v), SLUICE_OK);
        assert_int_equal(v.of.bytes.len, sizes[i] < 65536 ? sizes[i] : 65536);
        sluice_val_deinit(&v);
        fixture_deinit(&f);
    }
    const char *u64 =
        PASS_ON("wasi:random/random@0.3.0", "get-random-u64", "(result u64)");
    assert_true(call_u64(u64, 0, 0) != call_u64(u64, 0, 0));
    fixture f;
    sluice_val v;
    fixture_init(&f,
                 PASS_ON("wasi:random/insecure-seed@0.3.0",
                         "get-insecure-seed", "(result (tuple u64 u64))"),
                 &config);
    assert_int_equal(call(&f, "f", NULL, 0, &v), SLUICE_OK);
    assert_true(v.of.list.items[0].of.u64 != v.of.list.items[1].of.u64);
    sluice_val_deinit(&v);
    fixture_deinit(&f);
}

/* --- Standard streams --------------------------------------------------------------- */

#define TYPES                                                                  \
    "  (import \"wasi:cli/types@0.3.0\" (instance $types"                      \
    "    (type (enum \"io\" \"illegal-byte-sequence\" \"pipe\"))"              \
    "    (export \"error-code\" (type (eq 0)))))"                              \
    "  (alias export $types \"error-code\" (type $ec))"
#define ALIAS_TYPE                                                             \
    "    (alias outer 1 $ec (type)) (export \"error-code\" (type $e (eq 0)))"
#define EXPORT_TYPE "  (export $E \"error-code\" (type $ec))"

#define WRITE(which)                                                           \
    "(component" TYPES                                                         \
    "  (import \"wasi:cli/" which "@0.3.0\" (instance $i" ALIAS_TYPE           \
    "    (export \"write-via-stream\" (func (param \"data\" (stream u8))"      \
    "      (result (future (result (error $e))))))))"                          \
    "  (alias export $i \"write-via-stream\" (func $f))" EXPORT_TYPE           \
    "  (export \"f\" (func $f) (func (param \"data\" (stream u8))"             \
    "    (result (future (result (error $E)))))))"

#define READ                                                                   \
    "(component" TYPES                                                         \
    "  (import \"wasi:cli/stdin@0.3.0\" (instance $i" ALIAS_TYPE               \
    "    (export \"read-via-stream\" (func (result (tuple (stream u8)"         \
    "      (future (result (error $e)))))))))"                                 \
    "  (alias export $i \"read-via-stream\" (func $f))" EXPORT_TYPE            \
    "  (export \"f\" (func $f) (func (result (tuple (stream u8)"               \
    "    (future (result (error $E))))))))"

typedef struct told {
    bool done, end;
    size_t n;
    uint32_t failed, code;
} told;

static void was_told(void *arg, sluice_val *val, const sluice_error *error)
{
    told *t = arg;
    t->done = true;
    if (error != NULL) {
        t->failed = 99;
    } else {
        t->failed = val->of.variant.index;
        if (t->failed)
            t->code = val->of.variant.payload->of.variant.index;
    }
}

static void was_read(void *arg, size_t n, bool end, const sluice_error *error)
{
    (void)error;
    told *t = arg;
    t->done = true;
    t->n = n;
    t->end = end;
}

/* Hands `text` to write-via-stream; what its future says. */
static told write_text(fixture *f, const char *text)
{
    told t = {0};
    sluice_val arg = {.kind = SLUICE_STREAM}, result;
    sluice_segment *s =
        sluice_segment_from_buffer(text, strlen(text), true, &f->error);
    arg.of.stream =
        sluice_segment_read(f->store, s, 0, strlen(text), &f->error);
    sluice_segment_free(s);
    if (call(f, "f", &arg, 1, &result) != SLUICE_OK)
        fail_msg("%s", f->error.message);
    assert_int_equal(sluice_future_read(result.of.future, was_told, &t),
                     SLUICE_OK);
    assert_int_equal(sluice_store_run(f->store, &t.done), SLUICE_OK);
    return t;
}

static void test_stdout(void **state)
{
    (void)state;
    for (int which = 1; which <= 2; which++) {
        fixture f;
        int ends[2];
        char got[16] = {0};
        assert_int_equal(pipe(ends), 0);
        sluice_wasi_config config = {
            .stdin_fd = -1,
            .stdout_fd = which == 1 ? ends[1] : -1,
            .stderr_fd = which == 2 ? ends[1] : -1,
        };
        fixture_init(&f, which == 1 ? WRITE("stdout") : WRITE("stderr"),
                     &config);
        told t = write_text(&f, "hello");
        assert_int_equal(t.failed, 0);
        assert_int_equal(read(ends[0], got, sizeof got), 5);
        assert_string_equal(got, "hello");
        fixture_deinit(&f);
        close(ends[0]);
        close(ends[1]);
    }
}

static void test_stdout__closed_and_full(void **state)
{
    (void)state;
    enum { IO, PIPE = 2 };
    int full = open("/dev/full", O_WRONLY);
    fixture f;
    sluice_wasi_config closed = {0};
    fixture_init(&f, WRITE("stdout"), &closed);
    told t = write_text(&f, "hello");
    assert_int_equal(t.failed, 1);
    assert_int_equal(t.code, PIPE);
    fixture_deinit(&f);
    sluice_wasi_config to_full = {
        .stdin_fd = -1, .stdout_fd = full, .stderr_fd = -1};
    fixture_init(&f, WRITE("stdout"), &to_full);
    t = write_text(&f, "hello");
    assert_int_equal(t.failed, 1);
    assert_int_equal(t.code, IO);
    fixture_deinit(&f);
    close(full);
}

static void test_stdin(void **state)
{
    (void)state;
    for (int closed = 0; closed < 2; closed++) {
        fixture f;
        int ends[2];
        char got[16] = {0};
        size_t n = 0;
        sluice_val pair;
        told t = {0}, end = {0};
        assert_int_equal(pipe(ends), 0);
        assert_int_equal(write(ends[1], "input", 5), 5);
        close(ends[1]);
        sluice_wasi_config config = {.stdin_fd = closed ? 0 : ends[0]};
        fixture_init(&f, READ, &config);
        assert_int_equal(call(&f, "f", NULL, 0, &pair), SLUICE_OK);
        sluice_val *items = pair.of.list.items;
        sluice_reader *r = sluice_reader_new(items[0].of.stream, &f.error);
        items[0].of.stream = NULL;
        while (!t.end) {
            t.done = false;
            sluice_reader_read(r, got + n, sizeof got - n, was_read, &t);
            assert_int_equal(sluice_store_run(f.store, &t.done), SLUICE_OK);
            n += t.n;
        }
        assert_string_equal(got, closed ? "" : "input");
        sluice_reader_free(r);
        sluice_future_read(items[1].of.future, was_told, &end);
        items[1].of.future = NULL;
        assert_int_equal(sluice_store_run(f.store, &end.done), SLUICE_OK);
        assert_int_equal(end.failed, 0);
        sluice_val_deinit(&pair);
        fixture_deinit(&f);
        close(ends[0]);
    }
}

/* --- Linking ------------------------------------------------------------------------ */

static void test_linker_wasi__twice_and_missing(void **state)
{
    (void)state;
    sluice_wasi_config config = {0};
    sluice_error error;
    sluice_engine *engine = sluice_engine_new(NULL, NULL);
    sluice_linker *linker = sluice_linker_new(engine, NULL);
    assert_int_equal(sluice_linker_wasi(linker, &config, &error), SLUICE_OK);
    assert_int_equal(sluice_linker_wasi(linker, &config, &error),
                     SLUICE_EUSAGE);
    assert_int_equal(sluice_linker_wasi(linker, &config, NULL), SLUICE_EUSAGE);
    sluice_linker_free(linker);
    sluice_engine_free(engine);

    fixture f;
    static const char *const missing[] = {
        PASS_ON("wasi:cli/environment@0.2.0", "get-arguments",
                "(result (list string))"),
        PASS_ON("wasi:cli/environment@0.3.0", "get-everything", ""),
        PASS_ON("wasi:cli/exit@0.3.0", "exit", ""),
    };
    for (size_t i = 0; i < N(missing); i++) {
        assert_false(set_up(&f, missing[i], &config));
        assert_int_equal(f.error.status, SLUICE_EUNLINKABLE);
        fixture_deinit(&f);
    }
}

/* Each allocation of a run fails in turn; the futures are resolved all the
 * same, or the call traps. */
static void test_wasi__memory_is_short(void **state)
{
    (void)state;
    static const char *const args[] = {"a", "b", NULL};
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    for (size_t n = 1; n < 400; n++) {
        fixture f = {0};
        sluice_val v = {0};
        sluice_wasi_config config = {.args = args,
                                     .stdin_fd = ends[0],
                                     .stdout_fd = -1,
                                     .stderr_fd = -1};
        f.engine = sluice_engine_new(NULL, NULL);
        f.component = compile(f.engine, n % 2 ? READ : WRITE("stdout"), NULL);
        f.linker = sluice_linker_new(f.engine, NULL);
        sl_alloc_fail_at(n / 2 + 1, 0);
        if (sluice_linker_wasi(f.linker, &config, &f.error) == SLUICE_OK)
            f.store = sluice_store_new(f.engine, NULL, &f.error);
        if (f.store != NULL)
            f.instance = sluice_instantiate(f.store, f.linker, f.component,
                                            &f.error);
        sluice_func *func =
            f.instance != NULL ? sluice_instance_func(f.instance, "f") : NULL;
        sluice_val arg = {.kind = SLUICE_STREAM};
        sluice_writer *w = NULL;
        if (func != NULL &&
            (n % 2 || sluice_stream_new(f.store, NULL, &w, &arg.of.stream,
                                        &f.error) == SLUICE_OK))
            (void)sluice_func_call_wait(func, &arg, n % 2 == 0, &v, &f.error);
        sl_alloc_fail_at(0, 0);
        sluice_val_deinit(&v);
        sluice_writer_close(w);
        fixture_deinit(&f);
    }
    close(ends[0]);
    close(ends[1]);
}

const struct CMUnitTest wasi_tests[] = {
    cmocka_unit_test(test_environment),
    cmocka_unit_test(test_exit),
    cmocka_unit_test(test_monotonic_clock),
    cmocka_unit_test(test_monotonic_clock__waits_that_do_not_end),
    cmocka_unit_test(test_monotonic_clock__the_guest_traps),
    cmocka_unit_test(test_system_clock),
    cmocka_unit_test(test_random),
    cmocka_unit_test(test_stdout),
    cmocka_unit_test(test_stdout__closed_and_full),
    cmocka_unit_test(test_stdin),
    cmocka_unit_test(test_linker_wasi__twice_and_missing),
    cmocka_unit_test(test_wasi__memory_is_short),
};
const size_t n_wasi_tests = N(wasi_tests);
