#include "fixture.h"

#include <pthread.h>
#include <unistd.h>
#include <uv.h>

static void test_store__own_loop(void **state)
{
    (void)state;
    fixture f;
    int fds = count_fds();
    fixture_init(&f, MATH);
    assert_non_null(sluice_store_loop(f.store));
    fixture_instantiate(&f);
    assert_int_equal(call_u32(&f, "double", 21), 42);
    bool done = false;
    assert_int_equal(sluice_store_run(f.store, &done), SLUICE_EDEADLOCK);
    done = true;
    assert_int_equal(sluice_store_run(f.store, &done), SLUICE_OK);
    fixture_deinit(&f);
    sluice_store_free(NULL);
    assert_int_equal(count_fds(), fds);
}

static void stop_loop(uv_timer_t *timer)
{
    uv_stop(timer->loop);
}

/* Calls run on the embedder's loop as the embedder runs it. */
static void test_store__embedders_loop(void **state)
{
    (void)state;
    fixture f;
    uv_loop_t loop;
    uv_timer_t guard;
    outcome out;
    assert_int_equal(uv_loop_init(&loop), 0);
    fixture_init_on(&f, MATH, &loop);
    assert_ptr_equal(sluice_store_loop(f.store), &loop);
    fixture_instantiate(&f);
    sluice_val arg = u32_val(4);
    begin(&f, "double", &arg, &out);
    uv_timer_init(&loop, &guard);
    uv_timer_start(&guard, stop_loop, 10000, 0);
    uv_unref((uv_handle_t *)&guard);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_true(out.done);
    assert_int_equal(out.result.of.u32, 8);
    fixture_deinit(&f);
    uv_close((uv_handle_t *)&guard, NULL);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&loop), 0); /* nothing of ours is left */
}

/* Two stores share a loop, an engine, a component and a linker. */
static void test_store__two_on_one_loop(void **state)
{
    (void)state;
    fixture f;
    uv_loop_t loop;
    outcome outs[2];
    sluice_store *second;
    uv_loop_init(&loop);
    fixture_init_on(&f, MATH, &loop);
    fixture_instantiate(&f);
    second = sluice_store_new(f.engine, &loop, &f.error);
    sluice_instance *other =
        sluice_instantiate(second, NULL, f.component, &f.error);
    assert_non_null(other);
    sluice_val arg = u32_val(4);
    begin(&f, "double", &arg, &outs[0]);
    arg = u32_val(5);
    outs[1] = (outcome){0};
    assert_int_equal(sluice_func_call(sluice_instance_func(other, "double"),
                                      &arg, 1, keep, &outs[1], NULL, NULL),
                     SLUICE_OK);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(outs[0].result.of.u32, 8);
    assert_int_equal(outs[1].result.of.u32, 10);
    sluice_store_free(second);
    fixture_deinit(&f);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&loop), 0);
}

static void *interrupt_soon(void *arg)
{
    usleep(50000);
    sluice_store_interrupt(arg);
    return NULL;
}

static void test_store__interrupt(void **state)
{
    (void)state;
    fixture f;
    pthread_t thread;
    fixture_init(&f, MATH);
    fixture_instantiate(&f);
    pthread_create(&thread, NULL, interrupt_soon, f.store);
    assert_int_equal(call(&f, "spin", NULL, NULL), SLUICE_ETRAP);
    assert_non_null(strstr(f.error.message, "interrupt"));
    pthread_join(thread, NULL);
    /* Another instance of the store goes on. */
    fixture_instantiate(&f);
    assert_int_equal(call_u32(&f, "double", 2), 4);
    fixture_deinit(&f);
}

typedef struct heard {
    int times;
    sluice_error error;
} heard;

static void hear(void *arg, const sluice_error *error)
{
    heard *h = arg;
    h->times++;
    h->error = *error;
}

/* A task that returns and then traps: nobody's call, so on_trap is told. */
#define LATE                                                                   \
    "(component"                                                               \
    "  (core func $return (canon task.return (result u32)))"                   \
    "  (core module $M"                                                        \
    "    (import \"\" \"return\" (func $return (param i32)))"                  \
    "    (func (export \"f\") (result i32)"                                    \
    "      (call $return (i32.const 7)) (i32.const 1))"                        \
    "    (func (export \"cb\") (param i32 i32 i32) (result i32)"               \
    "      unreachable))"                                                      \
    "  (core instance $m (instantiate $M (with \"\" (instance"                 \
    "    (export \"return\" (func $return))))))"                               \
    "  (func (export \"f\") async (result u32)"                                \
    "    (canon lift (core func $m \"f\") async (callback (func $m \"cb\")))))"

static void test_store__on_trap(void **state)
{
    (void)state;
    for (int told = 0; told < 2; told++) {
        fixture f;
        outcome out;
        heard h = {0};
        bool never = false;
        fixture_init(&f, LATE);
        fixture_instantiate(&f);
        if (told)
            sluice_store_on_trap(f.store, hear, &h);
        begin(&f, "f", NULL, &out);
        assert_int_equal(finish(&f, &out), SLUICE_OK);
        assert_int_equal(out.result.of.u32, 7);
        assert_int_equal(sluice_store_run(f.store, &never), SLUICE_EDEADLOCK);
        assert_int_equal(h.times, told);
        if (told) {
            assert_int_equal(h.error.status, SLUICE_ETRAP);
            assert_non_null(strstr(h.error.message, "unreachable"));
        }
        assert_int_equal(call(&f, "f", NULL, NULL), SLUICE_ETRAP);
        fixture_deinit(&f);
    }
}

/* The same seed gives the same run; every seed the same result. */
static void test_store__seeds(void **state)
{
    (void)state;
    static uint8_t text[10000];
    fill_bytes(text, sizeof text);
    for (uint64_t seed = 0; seed < 20; seed++) {
        fixture f;
        fixture_init(&f, BYTES);
        sluice_store_set_seed(f.store, seed);
        sluice_segment *s = sluice_segment_from_buffer(text, sizeof text, false,
                                                       &f.error);
        sluice_linker_segment(f.linker, "text", s, &f.error);
        fixture_instantiate(&f);
        sluice_val stream = {0}, sum = {0};
        assert_int_equal(call(&f, "greet", NULL, &stream), SLUICE_OK);
        assert_int_equal(call(&f, "sum", &stream, &sum), SLUICE_OK);
        assert_int_equal(sum.of.u64, sum_bytes(text, sizeof text));
        sluice_segment_free(s);
        fixture_deinit(&f);
    }
}

/* Counters go up with use and back to zero. */
static void test_store__stats(void **state)
{
    (void)state;
    fixture f;
    static uint8_t text[100000];
    fill_bytes(text, sizeof text);
    fixture_init(&f, BYTES);
    sluice_stats s = sluice_store_stats(f.store);
    assert_int_equal(s.instances + s.tasks + s.stream_ends, 0);
    assert_int_equal(s.memory_bytes, 0);
    sluice_segment *segment =
        sluice_segment_from_buffer(text, sizeof text, true, &f.error);
    sluice_linker_segment(f.linker, "text", segment, &f.error);
    sluice_segment_free(segment);
    fixture_instantiate(&f);
    s = sluice_store_stats(f.store);
    assert_int_equal(s.instances, 1);
    assert_int_equal(s.memory_bytes, 65536);
    assert_int_equal(s.bytes_read, 0); /* lazy */

    sluice_val stream = {0}, sum = {0};
    assert_int_equal(call(&f, "greet", NULL, &stream), SLUICE_OK);
    assert_int_equal(call(&f, "sum", &stream, &sum), SLUICE_OK);
    s = sluice_store_stats(f.store);
    assert_int_equal(s.bytes_to_guest, sizeof text);
    assert_int_equal(s.bytes_forwarded, 0);
    assert_int_equal(s.tasks, 0);
    assert_int_equal(s.stream_ends, 0);
    assert_int_equal(s.data_faults, 0);
    fixture_deinit(&f);
}

/* A store is freed with everything in it under way. */
static void test_store__freed_in_mid_call(void **state)
{
    (void)state;
    static const char text[100] = "text";
    int fds = count_fds();
    for (int way = 0; way < 4; way++) {
        fixture f;
        outcome out = {0};
        fixture_init(&f, way == 0 ? WAITER : way == 3 ? MATH : BYTES);
        sluice_segment *segment =
            sluice_segment_from_buffer(text, sizeof text, true, &f.error);
        sluice_linker_segment(f.linker, "text", segment, &f.error);
        fixture_instantiate(&f);
        sluice_val stream = {0};
        if (way == 0) { /* a guest that waits */
            begin(&f, "wait", NULL, &out);
        } else if (way == 1) { /* a guest that reads what nobody writes */
            sluice_writer *writer;
            stream.kind = SLUICE_STREAM;
            assert_int_equal(sluice_stream_new(f.store, NULL, &writer,
                                               &stream.of.stream, NULL),
                             SLUICE_OK);
            begin(&f, "sum", &stream, &out);
            bool never = false;
            assert_int_equal(sluice_store_run(f.store, &never),
                             SLUICE_EDEADLOCK);
            sluice_store_free(f.store);
            sluice_writer_close(writer); /* outlives the store */
            f.store = NULL;
        } else if (way == 2) { /* a result that nobody has fetched */
            begin(&f, "greet", NULL, &out);
        } else { /* a result that is about to be delivered */
            sluice_val arg = u32_val(1);
            begin(&f, "double", &arg, &out);
        }
        sluice_segment_free(segment);
        fixture_deinit(&f);
        assert_false(out.done);
    }
    assert_int_equal(count_fds(), fds);
}

static void test_store__limits(void **state)
{
    (void)state;
    sl_buf binary;
    sluice_error error = {0};
    sluice_limits limits = sluice_limits_strict();
    limits.memory_bytes = 65536;
    to_binary("(component (core module $M (memory 2))"
              "  (core instance (instantiate $M)))",
              &binary);
    sluice_engine *engine = sluice_engine_new(&limits, NULL);
    sluice_component *c = sluice_component_from_buffer(
        engine, binary.data, binary.len, true, &error);
    sluice_store *store = sluice_store_new(engine, NULL, &error);
    assert_null(sluice_instantiate(store, NULL, c, &error));
    assert_int_equal(error.status, SLUICE_ELIMIT);
    assert_true(error.message[0] != '\0');
    sluice_store_free(store);
    sluice_component_free(c);
    sluice_engine_free(engine);
    sl_buf_deinit(&binary);
}

const struct CMUnitTest store_tests[] = {
    cmocka_unit_test(test_store__own_loop),
    cmocka_unit_test(test_store__embedders_loop),
    cmocka_unit_test(test_store__two_on_one_loop),
    cmocka_unit_test(test_store__interrupt),
    cmocka_unit_test(test_store__on_trap),
    cmocka_unit_test(test_store__seeds),
    cmocka_unit_test(test_store__stats),
    cmocka_unit_test(test_store__freed_in_mid_call),
    cmocka_unit_test(test_store__limits),
};
const size_t n_store_tests = N(store_tests);
