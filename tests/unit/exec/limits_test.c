#include "fixture.h"

#include <pthread.h>
#include <stdio.h>
#include <time.h>

#include "base/alloc.h"

static const sl_core_limits small = {
    .memory_pages = 3,
    .memory_bytes = 4 * 65536,
    .table_elems = 10,
    .call_depth = 50,
};

static void test_limits__memory(void **state)
{
    (void)state;
    fixture f;
    fixture_open(&f, &small);
    sl_core_instance *inst =
        instance_of(&f,
                    "(module (memory 1)"
                    " (func (export \"grow\") (param i32) (result i32)"
                    "  (memory.grow (local.get 0))))",
                    NULL);
    expect(&f, inst, "grow", 3, 0, UINT32_MAX);
    expect(&f, inst, "grow", 2, 0, 1);
    expect(&f, inst, "grow", 1, 0, UINT32_MAX);
    expect(&f, inst, "grow", 0, 0, 3);
    assert_int_equal(sl_core_store_stats(f.store).memory_bytes, 3 * 65536);

    sl_memtype two = {{.min = 2}}, one = {{.min = 1}};
    assert_null(sl_memory_new(f.store, two, &f.err));
    assert_int_equal(f.err.code, SL_ELIMIT);
    sl_memory *memory = sl_memory_new(f.store, one, NULL);
    assert_non_null(memory);
    assert_int_equal(sl_memory_grow(f.store, memory, 1), -1);
    assert_ptr_equal(sl_memory_at(memory, 65536, 0), memory->base + 65536);
    assert_null(sl_memory_at(memory, 65536, 1));
    assert_null(sl_memory_at(memory, UINT64_MAX, 2));
    fixture_close(&f);
}

static void test_limits__tables(void **state)
{
    (void)state;
    fixture f;
    fixture_open(&f, &small);
    sl_core_instance *inst =
        instance_of(&f,
                    "(module (table 4 8 funcref)"
                    " (func (export \"grow\") (param i32) (result i32)"
                    "  (table.grow (ref.null func) (local.get 0))))",
                    NULL);
    expect(&f, inst, "grow", 5, 0, UINT32_MAX);
    expect(&f, inst, "grow", 4, 0, 4);
    sl_tabletype big = {SL_FUNCREF, {.min = 11}};
    assert_null(sl_table_new(f.store, big, &f.err));
    assert_int_equal(f.err.code, SL_ELIMIT);
    fixture_close(&f);
}

static void test_limits__frames(void **state)
{
    (void)state;
    fixture f;
    fixture_open(&f, &small);
    sl_core_instance *inst = instance_of(
        &f,
        "(module (func $f (export \"down\") (param i32) (result i32)"
        "  (if (result i32) (local.get 0)"
        "   (then (i32.add (i32.const 1)"
        "    (call $f (i32.sub (local.get 0) (i32.const 1)))))"
        "   (else (i32.const 0)))))",
        NULL);
    for (int i = 0; i < 3; i++) {
        expect(&f, inst, "down", 49, 0, 49);
        expect_trap(&f, inst, "down", 50, "call stack exhausted");
    }
    assert_int_equal(f.trap.n_frames, 51);
    fixture_close(&f);
}

static void *interrupt_soon(void *store)
{
    struct timespec soon = {.tv_nsec = 20000000};
    nanosleep(&soon, NULL);
    sl_core_store_interrupt(store);
    return NULL;
}

static void test_interrupt__ends_an_endless_loop(void **state)
{
    (void)state;
    fixture f;
    fixture_open(&f, NULL);
    sl_core_instance *inst = instance_of(
        &f,
        "(module (func (export \"spin\") (param i32) (loop (br 0)))"
        " (func (export \"ok\") (param i32) (result i32) (i32.const 3)))",
        NULL);
    pthread_t other;
    assert_int_equal(pthread_create(&other, NULL, interrupt_soon, f.store), 0);
    expect_trap(&f, inst, "spin", 0, "interrupted");
    pthread_join(other, NULL);
    expect_trap(&f, inst, "ok", 0, "interrupted");
    sl_core_store_clear_interrupt(f.store);
    expect(&f, inst, "ok", 0, 0, 3);
    fixture_close(&f);
}

/* More operands than a frame has slots: refused, not miscompiled. */
static void test_translate__refuses_huge_frames(void **state)
{
    (void)state;
    fixture f;
    fixture_open(&f, NULL);
    static char text[70000 * 28 + 200];
    size_t n = 0;
    n += (size_t)sprintf(text, "(module (func (export \"deep\") (param i32) ");
    for (int i = 0; i < 70000; i++)
        n += (size_t)sprintf(text + n, "local.get 0 ");
    for (int i = 0; i < 70000; i++)
        n += (size_t)sprintf(text + n, "drop ");
    sprintf(text + n, "))");
    sl_core_instance *inst = instance_of(&f, text, NULL);
    uint64_t none;
    assert_int_equal(call(&f, inst, "deep", 0, 0, &none), SL_ELIMIT);
    assert_memory_equal(f.trap.err.msg, "limit", 5);
    fixture_close(&f);
}

static void test_thread__trim_keeps_working(void **state)
{
    (void)state;
    fixture f;
    fixture_open(&f, NULL);
    sl_core_instance *inst =
        instance_of(&f,
                    "(module (func $e (export \"endless\") (param i32)"
                    " (call $e (local.get 0))))",
                    NULL);
    expect_trap(&f, inst, "endless", 0, "call stack exhausted");
    sl_core_thread_trim(&f.thread);
    assert_int_equal(f.thread.stack[1000].i64, 0);
    expect_trap(&f, inst, "endless", 0, "call stack exhausted");
    fixture_close(&f);
}

/* Whichever allocation fails, nothing leaks or breaks. */
static sl_status whole_life(const sl_module *module)
{
    sl_err err = {0};
    sl_trap_info trap = {0};
    sl_core_thread thread = {0};
    sl_core_instance *inst;
    sl_core_store *store = sl_core_store_new(NULL, &err);
    if (store == NULL)
        return err.code;
    sl_status st = sl_core_thread_init(&thread, store, 4096, &trap, &err);
    if (st == SL_OK)
        st = sl_core_instantiate(&thread, module, NULL, &inst, &err);
    if (st == SL_OK) {
        sl_core_extern item;
        sl_slot value = {.i64 = 6};
        sl_core_instance_export(inst, SL_NAME("go"), &item);
        st = sl_core_call(&thread, item.of.func, &value);
        if (st == SL_OK)
            assert_int_equal(value.i32, 720);
    }
    sl_core_thread_deinit(&thread);
    sl_core_store_free(store);
    return st;
}

static void test_store__survives_every_failed_allocation(void **state)
{
    (void)state;
    fixture f;
    fixture_open(&f, NULL);
    const sl_module *module = module_of(
        &f, "(module (memory 1) (data (i32.const 0) \"x\") (table 3 funcref)"
            " (elem (i32.const 0) $go) (global i32 (i32.const 1))"
            " (func $go (export \"go\") (param i32) (result i32)"
            "  (block (block (br_table 0 1 (i32.eqz (local.get 0))))"
            "   (if (result i32) (i32.eqz (local.get 0))"
            "    (then (i32.const 1))"
            "    (else (i32.mul (local.get 0)"
            "     (call $go (i32.sub (local.get 0) (i32.const 1)))))) (return))"
            "  (i32.const 1)))");
    size_t before = sl_alloc_count();
    assert_int_equal(whole_life(module), SL_OK);
    size_t n = sl_alloc_count() - before;
    assert_true(n > 10);
    for (size_t i = 1; i <= n; i++) {
        sl_alloc_fail_at(i, 0);
        sl_status st = whole_life(module);
        sl_alloc_fail_at(0, 0);
        assert_int_equal(st, SL_ENOMEM);
    }
    fixture_close(&f);
}

const struct CMUnitTest limits_tests[] = {
    cmocka_unit_test(test_limits__memory),
    cmocka_unit_test(test_limits__tables),
    cmocka_unit_test(test_limits__frames),
    cmocka_unit_test(test_interrupt__ends_an_endless_loop),
    cmocka_unit_test(test_translate__refuses_huge_frames),
    cmocka_unit_test(test_thread__trim_keeps_working),
    cmocka_unit_test(test_store__survives_every_failed_allocation),
};
const size_t n_limits_tests = sizeof limits_tests / sizeof *limits_tests;
