/* include/sluice/fetch.h: what can be seen without a network; tests/fetch has
 * the rest. */
#include "fixture.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static void test_http__configuration(void **state)
{
    (void)state;
    sluice_error error = {0};
    sluice_engine *engine = sluice_engine_new(NULL, &error);
    sluice_http_config config = sluice_http_config_default();
    assert_false(config.allow_private);
    assert_int_equal(config.redirects, 5);
    assert_int_equal(config.per_origin, 6);
    config.ca_file = "/tmp/no/such/file.pem";
    config.authorization = "Bearer x";
    config.authorization_origin = "https://example.com";
    for (int again = 0; again < 2; again++)
        assert_int_equal(sluice_engine_set_http(engine, &config, &error),
                         SLUICE_OK);
    assert_int_equal(sluice_engine_set_cache(engine, "/tmp/no/such", 1, &error),
                     SLUICE_OK);
    assert_null(sluice_engine_cache_problem(engine)); /* not tried */
    assert_int_equal(sluice_engine_set_cache(engine, NULL, 0, NULL), SLUICE_OK);
    sluice_engine_free(engine);
}

/* Nothing is sent for these. */
static void test_url__refused(void **state)
{
    (void)state;
    sluice_error error = {0};
    sluice_engine *engine = sluice_engine_new(NULL, &error);
    static const char *const bad[] = {
        "",
        "/tmp/a",
        "file:///etc/passwd",
        "ftp://example.com/a",
        "http://",
        "http://user@example.com/a",
        "http://example.com/a\r\nX: y",
        "http://127.0.0.1:1/a", /* a private address */
        "http://[::1]:1/a",
        "http://169.254.169.254/latest",
    };
    for (size_t i = 0; i < N(bad); i++) {
        error = (sluice_error){0};
        assert_null(sluice_segment_from_url(engine, bad[i], &error));
        assert_true(error.status == SLUICE_EINVALID ||
                    error.status == SLUICE_EIO);
        assert_true(error.message[0] != '\0');
        assert_null(sluice_component_open_url(engine, bad[i], &error));
        assert_null(sluice_component_open_url(engine, bad[i], NULL));
    }
    sluice_engine_free(engine);
}

static void test_fd__is_duplicated(void **state)
{
    (void)state;
    char path[64];
    static uint8_t text[5000];
    fill_bytes(text, sizeof text);
    temp_file(path, text, sizeof text);
    int fds = count_fds();
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    sluice_error error = {0};
    sluice_segment *s = sluice_segment_from_fd(fd, &error);
    assert_non_null(s);
    close(fd);
    assert_int_equal(sluice_segment_size(s), sizeof text);
    fixture f;
    fixture_init(&f, BYTES);
    assert_int_equal(sluice_linker_segment(f.linker, "text", s, &error),
                     SLUICE_OK);
    sluice_segment_free(s);
    fixture_instantiate(&f);
    sluice_val stream = {0}, result = {0};
    assert_int_equal(call(&f, "greet", NULL, &stream), SLUICE_OK);
    assert_int_equal(call(&f, "sum", &stream, &result), SLUICE_OK);
    assert_int_equal(result.of.u64, sum_bytes(text, sizeof text));
    fixture_deinit(&f);
    assert_null(sluice_segment_from_fd(-1, &error));
    assert_int_equal(error.status, SLUICE_EIO);
    int pipes[2];
    assert_int_equal(pipe(pipes), 0);
    assert_null(sluice_segment_from_fd(pipes[0], &error));
    assert_int_equal(error.status, SLUICE_EIO);
    close(pipes[0]);
    close(pipes[1]);
    assert_int_equal(count_fds(), fds);
    unlink(path);
}

/* --- Faults ---------------------------------------------------------------------- */

/* `sum` of 8 bytes beside the component. */
#define EXTERNAL                                                               \
    "(component (core data $d (external \"x.bin\" (size 8) (chunk 4096)"       \
    " (sha256 \"\\af\\55\\70\\f5\\a1\\81\\0b\\7a\\f7\\8c\\af\\4b"              \
    "\\c7\\0a\\66\\0f\\0d\\f5\\1e\\42\\ba\\f9\\1d\\4d\\e5\\b2"                 \
    "\\32\\8d\\e0\\e8\\3d\\fc\")))"                                            \
    " (core module $M (memory (export \"m\") 1))"                              \
    " (core instance $m (instantiate $M))"                                     \
    " (alias core export $m \"m\" (core memory $mem))"                         \
    " (core func $read (canon data.read $d))"                                  \
    " (type $s (stream u8))"                                                   \
    " (core func $stream.read (canon stream.read $s (memory $mem)))"           \
    " (core module $N (import \"\" \"read\" (func $r (param i32 i32)"          \
    "  (result i32))) (import \"\" \"sr\" (func $sr (param i32 i32 i32)"       \
    "  (result i32))) (func (export \"f\") (result i32)"                       \
    "  (call $sr (call $r (i32.const 0) (i32.const 8)) (i32.const 0)"          \
    "   (i32.const 8))))"                                                      \
    " (core instance $n (instantiate $N (with \"\" (instance"                  \
    "  (export \"read\" (func $read)) (export \"sr\" (func $stream.read))))))" \
    " (func (export \"f\") async (result u32) (canon lift (core func $n \"f\"))))"

typedef struct asked {
    int calls, retries; /* retries: to answer so often with */
    const char *file;   /* to be written at the last one */
    sluice_fault last;
    char cause[256];
} asked;

static sluice_fault_answer ask(void *arg, const sluice_fault *fault)
{
    asked *a = arg;
    a->last = *fault;
    assert_int_equal(fault->attempt, ++a->calls);
    snprintf(a->cause, sizeof a->cause, "%s", fault->cause);
    if (a->calls == a->retries && a->file != NULL) {
        int fd = open(a->file, O_CREAT | O_WRONLY, 0600);
        assert_int_equal(write(fd, "\0\0\0\0\0\0\0\0", 8), 8);
        close(fd);
    }
    return a->calls <= a->retries ? SLUICE_FAULT_RETRY : SLUICE_FAULT_TRAP;
}

static void fault(asked *a, const char *dir, sluice_status want)
{
    fixture f;
    sluice_val result = {0};
    fixture_init(&f, EXTERNAL);
    if (dir != NULL)
        assert_int_equal(sluice_component_set_base(f.component, dir, &f.error),
                         SLUICE_OK);
    fixture_instantiate(&f);
    sluice_store_on_fault(f.store, ask, a);
    assert_int_equal(call(&f, "f", NULL, &result), want);
    if (want == SLUICE_OK)
        assert_int_equal(result.of.u32, 8 << 4 | 1);
    else
        assert_non_null(strstr(f.error.message, "data fault: segment 0"));
    fixture_deinit(&f);
}

static void test_fault__is_asked_about(void **state)
{
    (void)state;
    char dir[] = "/tmp/sluice-fault-XXXXXX", file[64];
    assert_non_null(mkdtemp(dir));
    snprintf(file, sizeof file, "%s/x.bin", dir);

    asked a = {.retries = 0};
    fault(&a, dir, SLUICE_ETRAP);
    assert_int_equal(a.calls, 1);
    assert_int_equal(a.last.start, 0);
    assert_int_equal(a.last.len, 8);
    assert_false(a.last.host);
    assert_non_null(strstr(a.cause, "No such file"));

    a = (asked){.retries = 5};
    fault(&a, dir, SLUICE_ETRAP);
    assert_int_equal(a.calls, 6);

    a = (asked){.retries = 0};
    fault(&a, NULL, SLUICE_ETRAP);
    assert_non_null(strstr(a.cause, "no place beside which to look"));

    a = (asked){.retries = 3, .file = file};
    fault(&a, dir, SLUICE_OK); /* it came while we were asking */
    assert_int_equal(a.calls, 3);
    unlink(file);
    rmdir(dir);
}

static void test_base__must_be_something(void **state)
{
    (void)state;
    fixture f;
    fixture_init(&f, EXTERNAL);
    assert_int_equal(sluice_component_set_base(f.component, "", &f.error),
                     SLUICE_EUSAGE);
    assert_int_equal(sluice_component_set_base(f.component, "/tmp/", NULL),
                     SLUICE_OK);
    fixture_deinit(&f);
}

const struct CMUnitTest fetch_tests[] = {
    cmocka_unit_test(test_http__configuration),
    cmocka_unit_test(test_url__refused),
    cmocka_unit_test(test_fd__is_duplicated),
    cmocka_unit_test(test_fault__is_asked_about),
    cmocka_unit_test(test_base__must_be_something),
};
const size_t n_fetch_tests = sizeof fetch_tests / sizeof *fetch_tests;
