#include "fixture.h"

static const sl_core_limits counted = {UINT64_MAX, UINT64_MAX, UINT64_MAX, 20,
                                       0};

/* With a limit on frames or without: a tail call makes none. */
static void test_return_call__makes_no_frame(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        fixture f;
        fixture_open(&f, i ? &counted : NULL);
        sl_core_instance *inst = instance_of(&f,
            "(module (type $t (func (param i64 i64) (result i64)))"
            " (table funcref (elem $even $odd))"
            " (func $sum (export \"sum\") (type $t)"
            "  (if (result i64) (i64.eqz (local.get 0))"
            "   (then (local.get 1))"
            "   (else (return_call $sum"
            "    (i64.sub (local.get 0) (i64.const 1))"
            "    (i64.add (local.get 0) (local.get 1))))))"
            " (func $even (export \"even\") (type $t)"
            "  (if (i64.eqz (local.get 0)) (then (return (i64.const 1))))"
            "  (return_call_indirect (type $t)"
            "   (i64.sub (local.get 0) (i64.const 1)) (i64.const 5)"
            "   (i32.const 1)))"
            " (func $odd (type $t) (local i64 i64 i64)"
            "  (if (i64.eqz (local.get 0)) (then (return (i64.const 0))))"
            "  (return_call_indirect (type $t)"
            "   (i64.sub (local.get 0) (i64.const 1)) (i64.const 5)"
            "   (i32.const 0))))", NULL);
        expect(&f, inst, "sum", 200000, 1, UINT64_C(20000100001));
        expect(&f, inst, "even", 100001, 0, 0);
        expect(&f, inst, "even", 100002, 0, 1);
        fixture_close(&f);
    }
}

/* More parameters than the caller has, fewer, other numbers of results than
 * parameters; arguments in another order. */
static void test_return_call__lays_arguments_out(void **state)
{
    (void)state;
    fixture f;
    fixture_open(&f, NULL);
    sl_core_instance *inst = instance_of(&f,
        "(module"
        " (func $many (param i64 i64 i64 i64 i64 i64 i64) (result i64 i64)"
        "  (local i64)"
        "  (local.set 7 (i64.add (local.get 0) (local.get 6)))"
        "  (return_call $swap (local.get 7) (local.get 3)))"
        " (func $swap (param i64 i64) (result i64 i64)"
        "  local.get 1 local.get 0)"
        " (func $few (param i64 i64) (result i64 i64)"
        "  i64.const 99"
        "  (return_call $many (local.get 1) (local.get 0) (i64.const 3)"
        "   (i64.const 4) (i64.const 5) (i64.const 6) (local.get 0)))"
        " (func $none (result i64 i64)"
        "  (return_call $few (i64.const 10) (i64.const 20)))"
        " (func (export \"few\") (param i64 i64) (result i64)"
        "  (i64.sub (call $few (local.get 0) (local.get 1))))"
        " (func (export \"none\") (param i64 i64) (result i64)"
        "  (i64.add (i64.const 1000) (i64.sub (call $none)))))", NULL);
    /* $few(a, b) = $swap(b + a, 4) = (4, a + b) */
    expect(&f, inst, "few", 1, 2, UINT64_C(1));
    expect(&f, inst, "none", 0, 0, 1000 + 4 - 30);
    fixture_close(&f);
}

/* Two instances that call each other so: neither the entries of calls across
 * nor the stack grow, and each returns to where the first call came from. */
static void test_return_call__crosses_instances(void **state)
{
    (void)state;
    fixture f;
    fixture_open(&f, NULL);
    sl_core_instance *table = instance_of(&f,
        "(module (table (export \"t\") 2 funcref))", NULL);
    sl_core_extern imports[] = {export_of(table, "t")};
    static const char text[] =
        "(module (import \"t\" \"t\" (table 2 funcref))"
        " (type $t (func (param i64 i64) (result i64)))"
        " (memory 1)"
        " (func $step (export \"step\") (type $t)"
        "  (i32.store8 (i32.const 0)"
        "   (i32.add (i32.load8_u (i32.const 0)) (i32.const 1)))"
        "  (if (i64.eqz (local.get 0)) (then (return (local.get 1))))"
        "  (return_call_indirect (type $t)"
        "   (i64.sub (local.get 0) (i64.const 1))"
        "   (i64.add (local.get 1) (i64.const 3))"
        "   (i32.wrap_i64 (i64.and (local.get 0) (i64.const 1)))))"
        " (func (export \"run\") (param i64 i64) (result i64)"
        "  (i64.add (call $step (local.get 0) (local.get 1))"
        "   (i64.extend_i32_u (i32.load8_u (i32.const 0)))))"
        " (func (export \"put\") (param i32)"
        "  (table.set (local.get 0) (ref.func $step))))";
    sl_core_instance *a = instance_of(&f, text, imports);
    sl_core_instance *b = instance_of(&f, text, imports);
    uint64_t none;
    assert_int_equal(call(&f, a, "put", 0, 0, &none), SL_OK);
    assert_int_equal(call(&f, b, "put", 1, 0, &none), SL_OK);
    expect(&f, a, "step", 100000, 1, 300001);
    /* 100000 % 256 = 160 of 100001 steps: a has taken 50001, 0x51 in a byte */
    expect(&f, a, "run", 0, 7, 7 + 0x52);
    expect(&f, b, "run", 100000, 1, 300001 + (0x50 + 0x51) % 256);
    fixture_close(&f);
}

typedef struct seen {
    uint32_t n;
    uint64_t sum;
} seen;

static sl_status host_sum(sl_core_thread *thread, void *ctx, sl_slot *vals)
{
    (void)thread;
    seen *s = ctx;
    s->n++;
    vals[0].i64 = vals[0].i64 + 10 * vals[1].i64 + 100 * vals[2].i64;
    s->sum += vals[0].i64;
    return SL_OK;
}

static void test_return_call__of_a_host_function(void **state)
{
    (void)state;
    static const sl_valtype types[] = {SL_I64, SL_I64, SL_I64, SL_I64};
    static const sl_functype type = {3, 1, types};
    for (int i = 0; i < 2; i++) {
        fixture f;
        seen s = {0};
        fixture_open(&f, i ? &counted : NULL);
        sl_core_extern imports[] = {extern_func(
            sl_core_func_new_host(f.store, &type, host_sum, &s, &f.err))};
        sl_core_instance *inst = instance_of(&f,
            "(module (import \"h\" \"h\" (func $h (param i64 i64 i64)"
            "  (result i64)))"
            " (func $f (export \"direct\") (param i64) (result i64)"
            "  (return_call $h (local.get 0) (i64.const 2) (i64.const 3)))"
            " (func (export \"nested\") (param i64) (result i64)"
            "  (local i64)"
            "  (loop $l"
            "   (local.set 1 (i64.add (call $f (i64.const 1))"
            "    (local.get 1)))"
            "   (br_if $l (i64.ne (i64.const 0)"
            "    (local.tee 0 (i64.sub (local.get 0) (i64.const 1))))))"
            "  (local.get 1)))", imports);
        expect(&f, inst, "direct", 1, 0, 321);
        expect(&f, inst, "nested", 100, 0, 32100);
        assert_int_equal(s.n, 101);
        fixture_close(&f);
    }
}

static void test_return_call__traps(void **state)
{
    (void)state;
    fixture f;
    fixture_open(&f, NULL);
    sl_core_instance *inst = instance_of(&f,
        "(module (type $t (func)) (table 3 funcref)"
        " (elem (i32.const 0) $ok $other)"
        " (func $ok) (func $other (param i32))"
        " (func (export \"run\") (param i32)"
        "  (return_call_indirect (type $t) (local.get 0)))"
        " (func $trap unreachable)"
        " (func $tail (return_call $trap))"
        " (func (export \"frames\") (param i32) (call $tail)))", NULL);
    uint64_t none;
    assert_int_equal(call(&f, inst, "run", 0, 0, &none), SL_OK);
    expect_trap(&f, inst, "run", 1, "indirect call type mismatch");
    expect_trap(&f, inst, "run", 2, "uninitialized element");
    expect_trap(&f, inst, "run", 3, "undefined element");
    expect_trap(&f, inst, "frames", 0, "unreachable");
    assert_int_equal(f.trap.n_frames, 2); /* $tail is gone */
    sl_core_store_interrupt(f.store);
    expect_trap(&f, inst, "run", 0, "interrupted");
    sl_core_store_clear_interrupt(f.store);
    fixture_close(&f);
}

const struct CMUnitTest tail_tests[] = {
    cmocka_unit_test(test_return_call__makes_no_frame),
    cmocka_unit_test(test_return_call__lays_arguments_out),
    cmocka_unit_test(test_return_call__crosses_instances),
    cmocka_unit_test(test_return_call__of_a_host_function),
    cmocka_unit_test(test_return_call__traps),
};
const size_t n_tail_tests = sizeof tail_tests / sizeof *tail_tests;
