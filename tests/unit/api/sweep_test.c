/* Every allocation of a whole run fails once, then it and all later ones:
 * the outcome is a clear error, and nothing is lost. */
#include "fixture.h"

#include <uv.h>

static uint8_t text[30000];

typedef struct guard {
    sluice_status status; /* of what failed first */
    char message[256];
} guard;

static bool good(guard *g, sluice_status status, const sluice_error *error)
{
    if (status == SLUICE_OK)
        return true;
    if (g->status == SLUICE_OK) {
        g->status = status;
        snprintf(g->message, sizeof g->message, "%s", error->message);
    }
    return false;
}

typedef struct reading {
    bool done, end;
    size_t n;
    sluice_error error;
} reading;

static void was_read(void *arg, size_t n, bool end, const sluice_error *error)
{
    reading *r = arg;
    r->n += n;
    r->end = end;
    r->done = true;
    r->error = error != NULL ? *error : (sluice_error){0};
}

static void read_stream(guard *g, sluice_store *store, sluice_stream *stream)
{
    uint8_t piece[4096];
    sluice_error error = {0};
    reading r = {0};
    sluice_reader *reader = sluice_reader_new(stream, &error);
    if (reader == NULL) {
        good(g, error.status, &error);
        return;
    }
    while (!r.end && r.error.status == SLUICE_OK) {
        r.done = false;
        sluice_status st =
            sluice_reader_read(reader, piece, sizeof piece, was_read, &r);
        snprintf(error.message, sizeof error.message, "cannot read");
        if (!good(g, st, &error))
            break;
        if (!good(g, sluice_store_run(store, &r.done), &error))
            break;
        good(g, r.error.status, &r.error);
    }
    if (g->status == SLUICE_OK)
        assert_int_equal(r.n, sizeof text);
    sluice_reader_free(reader);
}

static void double_it(void *ctx, sluice_call *call, const sluice_val *args,
                      size_t n)
{
    (void)ctx, (void)n;
    sluice_val result = u32_val(2 * args[0].of.u32);
    sluice_call_return(call, &result);
}

/* Calls that need both a stream and a host function. */
static void use(guard *g, sluice_store *store, sluice_instance *instance)
{
    sluice_error error = {0};
    sluice_val stream = {0}, sum = {0}, arg = u32_val(21), twice = {0};
    snprintf(error.message, sizeof error.message, "no memory for a function");
    sluice_func *greet = sluice_instance_func(instance, "greet");
    sluice_func *sum_of = sluice_instance_func(instance, "sum");
    sluice_func *twice_of = sluice_instance_func(instance, "twice");
    if (greet == NULL || sum_of == NULL || twice_of == NULL) {
        good(g, SLUICE_ENOMEM, &error);
        return;
    }
    if (good(g, sluice_func_call_wait(greet, NULL, 0, &stream, &error),
             &error))
        read_stream(g, store, stream.of.stream);
    if (g->status == SLUICE_OK &&
        good(g, sluice_func_call_wait(greet, NULL, 0, &stream, &error),
             &error) &&
        good(g, sluice_func_call_wait(sum_of, &stream, 1, &sum, &error),
             &error))
        assert_int_equal(sum.of.u64, sum_bytes(text, sizeof text));
    if (g->status == SLUICE_OK &&
        good(g, sluice_func_call_wait(twice_of, &arg, 1, &twice, &error),
             &error))
        assert_int_equal(twice.of.u32, 42);
}

static void run(guard *g, const sl_buf *binary)
{
    sluice_error error = {0};
    sluice_component *component = NULL;
    sluice_linker *linker = NULL;
    sluice_store *store = NULL;
    sluice_segment *segment = NULL;
    sluice_engine *engine = sluice_engine_new(NULL, &error);
    if (engine != NULL)
        component = sluice_component_from_buffer(engine, binary->data,
                                                 binary->len, true, &error);
    if (component != NULL)
        linker = sluice_linker_new(engine, &error);
    if (linker != NULL)
        segment =
            sluice_segment_from_buffer(text, sizeof text, true, &error);
    if (segment != NULL &&
        sluice_linker_segment(linker, "text", segment, &error) == SLUICE_OK &&
        sluice_linker_func(linker, "a:b/c@1.0.0", "f", "func(x: u32) -> u32",
                           double_it, NULL, NULL, &error) == SLUICE_OK)
        store = sluice_store_new(engine, NULL, &error);
    sluice_instance *instance = NULL;
    if (store != NULL)
        instance = sluice_instantiate(store, linker, component, &error);
    if (instance != NULL)
        use(g, store, instance);
    else
        good(g, error.status, &error);
    sluice_segment_free(segment);
    sluice_store_free(store);
    sluice_linker_free(linker);
    sluice_component_free(component);
    sluice_engine_free(engine);
}

/* BYTES and an import of an interface. */
#define WHOLE                                                                  \
    "(component"                                                               \
    "  (import \"text\" (core data $text))"                                    \
    "  (import \"a:b/c@1.0.0\" (instance $i"                                   \
    "    (export \"f\" (func (param \"x\" u32) (result u32)))))"               \
    "  (component $B " INNER ")"                                               \
    "  (instance $b (instantiate $B (with \"text\" (core data $text))))"       \
    "  (core func $f (canon lower (func $i \"f\")))"                           \
    "  (core module $M"                                                        \
    "    (import \"\" \"f\" (func $f (param i32) (result i32)))"               \
    "    (func (export \"twice\") (param i32) (result i32)"                    \
    "      (call $f (local.get 0))))"                                          \
    "  (core instance $m (instantiate $M (with \"\" (instance"                 \
    "    (export \"f\" (func $f))))))"                                         \
    "  (func (export \"twice\") (param \"x\" u32) (result u32)"                \
    "    (canon lift (core func $m \"twice\")))"                               \
    "  (export \"greet\" (func $b \"greet\"))"                                 \
    "  (export \"sum\" (func $b \"sum\")))"

static void make_binary(sl_buf *out)
{
    /* BYTES is "(component ...)": its inside becomes a nested one's. */
    char inner[8192], whole[16384];
    const char *begin = strstr(BYTES, "(import");
    snprintf(inner, sizeof inner, "%.*s", (int)(strlen(begin) - 1), begin);
#define INNER "%s"
    snprintf(whole, sizeof whole, WHOLE, inner);
#undef INNER
    to_binary(whole, out);
}

static void sweep(int forever)
{
    sl_buf binary;
    fill_bytes(text, sizeof text);
    make_binary(&binary);
    guard g = {0};
    run(&g, &binary); /* warm: what is made once per process is there */
    if (g.status != SLUICE_OK)
        fail_msg("%s", g.message);
    size_t before = sl_alloc_count();
    run(&g, &binary);
    size_t total = sl_alloc_count() - before;
    assert_true(total > 50);
    int fds = count_fds();
    for (size_t n = 1; n <= total; n++) {
        g = (guard){0};
        sl_alloc_fail_at(n, forever);
        run(&g, &binary);
        sl_alloc_fail_at(0, 0);
        if (g.status == SLUICE_OK && forever)
            fail_msg("%zu of %zu: nothing was noticed", n, total);
        if (g.status != SLUICE_OK && g.status != SLUICE_ENOMEM &&
            strstr(g.message, "memory") == NULL)
            fail_msg("%zu of %zu: %s: %s", n, total,
                     sluice_status_text(g.status), g.message);
        if (g.status != SLUICE_OK)
            assert_true(g.message[0] != '\0');
        assert_int_equal(count_fds(), fds);
    }
    sl_buf_deinit(&binary);
}

static void test_sweep__one_allocation_fails(void **state)
{
    (void)state;
    sweep(0);
}

static void test_sweep__memory_is_gone_for_good(void **state)
{
    (void)state;
    sweep(1);
}

const struct CMUnitTest sweep_tests[] = {
    cmocka_unit_test(test_sweep__one_allocation_fails),
    cmocka_unit_test(test_sweep__memory_is_gone_for_good),
};
const size_t n_sweep_tests = N(sweep_tests);
