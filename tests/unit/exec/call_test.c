#include "fixture.h"

#include <string.h>

static void test_call__runs_recursion_and_loops(void **state)
{
    (void)state;
    fixture f;
    fixture_open(&f, NULL);
    sl_core_instance *inst = instance_of(
        &f,
        "(module"
        " (func $fib (export \"fib\") (param i32) (result i32)"
        "  (if (result i32) (i32.lt_u (local.get 0) (i32.const 2))"
        "   (then (local.get 0))"
        "   (else (i32.add"
        "    (call $fib (i32.sub (local.get 0) (i32.const 1)))"
        "    (call $fib (i32.sub (local.get 0) (i32.const 2)))))))"
        " (func (export \"sum\") (param i64) (result i64) (local i64)"
        "  (loop $l"
        "   (local.set 1 (i64.add (local.get 1) (local.get 0)))"
        "   (br_if $l (i64.ne (i64.const 0)"
        "    (local.tee 0 (i64.sub (local.get 0) (i64.const 1))))))"
        "  (local.get 1)))",
        NULL);
    expect(&f, inst, "fib", 20, 0, 6765);
    expect(&f, inst, "sum", 100000, 0, UINT64_C(5000050000));
    assert_int_equal(sl_core_store_stats(f.store).funcs_translated, 2);
    fixture_close(&f);
}

/* Values that stay on the stack while their local changes, branches that
 * carry values, and results in another order. */
static void test_call__keeps_operands_apart(void **state)
{
    (void)state;
    fixture f;
    fixture_open(&f, NULL);
    sl_core_instance *inst = instance_of(
        &f,
        "(module"
        " (func (export \"stale\") (param i64 i64) (result i64)"
        "  local.get 0 local.get 0 i64.const 1 i64.add local.set 0"
        "  local.get 0 i64.const 100 i64.mul i64.add)"
        " (func (export \"in_if\") (param i64 i64) (result i64)"
        "  local.get 0"
        "  (if (i64.eq (local.get 1) (i64.const 7))"
        "   (then (local.set 0 (i64.const 50))))"
        "  local.get 0 i64.sub)"
        " (func (export \"carry\") (param i64 i64) (result i64)"
        "  i64.const 1000"
        "  (block $b (result i64)"
        "   local.get 0 local.get 1"
        "   (br_if $b (i64.gt_u (local.get 0) (local.get 1)))"
        "   i64.add)"
        "  i64.add)"
        " (func (export \"table\") (param i64 i64) (result i64)"
        "  i64.const 5"
        "  (block $a (result i64)"
        "   i64.const 6"
        "   (block $b (result i64)"
        "    i64.const 1 local.get 1"
        "    (br_table $a $b $b $a (i32.wrap_i64 (local.get 0))))"
        "   i64.add)"
        "  i64.mul)"
        " (func $swap (param i64 i64) (result i64 i64)"
        "  local.get 1 local.get 0)"
        " (func (export \"swapped\") (param i64 i64) (result i64)"
        "  local.get 0 local.get 1 call $swap i64.sub)"
        " (func (export \"loop_params\") (param i64 i64) (result i64)"
        "  i64.const 0 local.get 0"
        "  (loop $l (param i64 i64) (result i64)"
        "   local.tee 1 i64.add"
        "   local.get 1 i64.const 1 i64.sub local.tee 1"
        "   (br_if $l (i64.ne (local.get 1) (i64.const 0)))"
        "   drop))"
        " (func (export \"null\") (param i64 i64) (result i32)"
        "  (ref.is_null (ref.null func))))",
        NULL);
    expect(&f, inst, "stale", 3, 0, 403);
    expect(&f, inst, "in_if", 60, 7, 10);
    expect(&f, inst, "in_if", 60, 8, 0);
    expect(&f, inst, "carry", 9, 4, 1004);
    expect(&f, inst, "carry", 4, 9, 1013);
    expect(&f, inst, "table", 0, 7, 35);
    expect(&f, inst, "table", 1, 7, 65);
    expect(&f, inst, "table", 2, 7, 65);
    expect(&f, inst, "table", 99, 7, 35);
    expect(&f, inst, "swapped", 10, 3, (uint64_t)-7);
    expect(&f, inst, "loop_params", 4, 0, 10);
    expect(&f, inst, "null", 0, 0, 1);
    fixture_close(&f);
}

static void test_call__traps(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        uint64_t argument;
        const char *message;
    } row[] = {
        {"div", 0, "integer divide by zero"},
        {"overflow", (uint32_t)-1, "integer overflow"},
        {"nan", 0x7fc00000, "invalid conversion to integer"},
        {"nan", 0x4f000000, "integer overflow"},
        {"load", 65533, "out of bounds memory access"},
        {"load", 0xffffffff, "out of bounds memory access"},
        {"get", 2, "out of bounds table access"},
        {"indirect", 2, "undefined element"},
        {"indirect", 1, "uninitialized element"},
        {"indirect", 0, "indirect call type mismatch"},
        {"unreachable", 0, "unreachable"},
        {"endless", 0, "call stack exhausted"},
    };
    fixture f;
    fixture_open(&f, NULL);
    sl_core_instance *inst = instance_of(
        &f,
        "(module (memory 1) (table 2 funcref) (elem (i32.const 0) $nothing)"
        " (type $i (func (param i32)))"
        " (func $nothing)"
        " (func (export \"div\") (param i32) (result i32)"
        "  (i32.div_u (i32.const 1) (local.get 0)))"
        " (func (export \"overflow\") (param i32) (result i32)"
        "  (i32.div_s (i32.const 0x80000000) (local.get 0)))"
        " (func (export \"nan\") (param f32) (result i32)"
        "  (i32.trunc_f32_s (local.get 0)))"
        " (func (export \"load\") (param i32) (result i32)"
        "  (i32.load (local.get 0)))"
        " (func (export \"get\") (param i32) (result funcref)"
        "  (table.get (local.get 0)))"
        " (func (export \"indirect\") (param i32)"
        "  (call_indirect (type $i) (i32.const 0) (local.get 0)))"
        " (func (export \"unreachable\") (param i32) unreachable)"
        " (func $e (export \"endless\") (param i32)"
        "  (call $e (local.get 0))))",
        NULL);
    for (size_t i = 0; i < sizeof row / sizeof *row; i++)
        expect_trap(&f, inst, row[i].name, row[i].argument, row[i].message);
    assert_int_equal(f.trap.n_frames, SL_TRAP_FRAMES_MAX);
    assert_true(f.trap.n_dropped > 1000);
    expect(&f, inst, "div", 1, 0, 1);
    fixture_close(&f);
}

static void test_trap_format__names_the_frames(void **state)
{
    (void)state;
    fixture f;
    fixture_open(&f, NULL);
    sl_core_instance *inst =
        instance_of(&f,
                    "(module $m"
                    " (func $inner (param i32) (result i32)"
                    "  (i32.add (i32.const 1)"
                    "   (i32.div_u (i32.const 1) (local.get 0))))"
                    " (func $outer (export \"outer\") (param i32) (result i32)"
                    "  (call $inner (local.get 0))))",
                    NULL);
    expect_trap(&f, inst, "outer", 0, "integer divide by zero");
    assert_int_equal(f.trap.n_frames, 2);
    assert_int_equal(f.trap.frames[0].func, 0);
    assert_int_equal(f.trap.frames[1].func, 1);
    /* i32.div_u and call: the only ones of their codes in the bodies. */
    assert_int_equal(f.bytes[0].data[f.trap.frames[0].offset], 0x6e);
    assert_int_equal(f.bytes[0].data[f.trap.frames[1].offset], 0x10);

    sl_buf out;
    sl_buf_init(&out);
    sl_trap_format(&f.trap, &out);
    sl_buf_u8(&out, 0);
    assert_false(out.failed);
    const char *text = (const char *)out.data;
    assert_non_null(strstr(text, "integer divide by zero\n"));
    assert_non_null(strstr(text, "0: m!inner (offset 0x"));
    assert_non_null(strstr(text, "1: m!outer (offset 0x"));
    sl_buf_deinit(&out);
    fixture_close(&f);
}

/* --- Host functions ------------------------------------------------------ */

static sl_core_func *made_func(fixture *f, sl_valtype param, sl_valtype result,
                               sl_core_host_fn fn, void *ctx)
{
    sl_valtype types[] = {param, result};
    sl_functype type = {1, 1, types};
    sl_core_func *func =
        sl_core_func_new_host(f->store, &type, fn, ctx, &f->err);
    assert_non_null(func);
    assert_true(sl_core_func_has_type(func, &type));
    return func;
}

static sl_status twice(sl_core_thread *thread, void *ctx, sl_slot *vals)
{
    (void)thread;
    (void)ctx;
    vals[0].i64 = vals[0].i32 * 2;
    return SL_OK;
}

/* Calls back into the function at *ctx until the argument is 0. */
static sl_status bounce(sl_core_thread *thread, void *ctx, sl_slot *vals)
{
    sl_core_func *back = *(sl_core_func **)ctx;
    if (vals[0].i32 == 0)
        return SL_OK;
    vals[0].i64 = vals[0].i32 - 1;
    return sl_core_call(thread, back, vals);
}

static sl_status refuse(sl_core_thread *thread, void *ctx, sl_slot *vals)
{
    (void)ctx;
    if (vals[0].i32 == 7)
        return SL_EEXIT;
    return sl_trap(thread, "refused %u", vals[0].i32);
}

static const char back_and_forth[] =
    "(module (import \"\" \"f\" (func $f (param i32) (result i32)))"
    " (func (export \"go\") (param i32) (result i32)"
    "  (i32.add (i32.const 1) (call $f (local.get 0)))))";

static void test_host__is_called_and_calls_back(void **state)
{
    (void)state;
    fixture f;
    fixture_open(&f, NULL);
    sl_core_func *back = NULL;
    sl_core_extern import =
        extern_func(made_func(&f, SL_I32, SL_I32, twice, NULL));
    sl_core_instance *inst = instance_of(&f, back_and_forth, &import);
    expect(&f, inst, "go", 20, 0, 41);

    import = extern_func(made_func(&f, SL_I32, SL_I32, bounce, &back));
    inst = instance_of(&f, back_and_forth, &import);
    back = func_of(inst, "go");
    expect(&f, inst, "go", 100, 0, 101);
    expect_trap(&f, inst, "go", 100000, "call stack exhausted");
    assert_int_equal(f.thread.depth, 0);

    /* A frame as low as this one is not to be passed. */
    f.thread.c_stack_limit = __builtin_frame_address(0);
    uint64_t got;
    assert_int_equal(call(&f, inst, "go", 1, 0, &got), SL_ETRAP);
    assert_string_equal(f.trap.err.msg, "call stack exhausted");
    fixture_close(&f);
}

static void test_host__traps_and_exits(void **state)
{
    (void)state;
    fixture f;
    fixture_open(&f, NULL);
    sl_core_extern import =
        extern_func(made_func(&f, SL_I32, SL_I32, refuse, NULL));
    sl_core_instance *inst = instance_of(&f, back_and_forth, &import);
    expect_trap(&f, inst, "go", 5, "refused 5");
    assert_int_equal(f.trap.n_frames, 1);
    assert_int_equal(f.trap.frames[0].func, 1);
    assert_int_equal(f.bytes[0].data[f.trap.frames[0].offset], 0x10);
    uint64_t got;
    assert_int_equal(call(&f, inst, "go", 7, 0, &got), SL_EEXIT);
    assert_null(f.thread.frame);
    fixture_close(&f);
}

/* A host function that grows the memory under its caller. */
static sl_status grow(sl_core_thread *thread, void *ctx, sl_slot *vals)
{
    sl_memory *memory = *(sl_memory **)ctx;
    int64_t old = sl_memory_grow(thread->store, memory, vals[0].i32);
    vals[0].i64 = (uint32_t)old;
    return SL_OK;
}

static void test_host__may_grow_memory(void **state)
{
    (void)state;
    fixture f;
    fixture_open(&f, NULL);
    sl_memory *memory = NULL;
    sl_core_extern import =
        extern_func(made_func(&f, SL_I32, SL_I32, grow, &memory));
    sl_core_instance *inst = instance_of(
        &f,
        "(module (import \"\" \"f\" (func $f (param i32) (result i32)))"
        " (memory (export \"m\") 1)"
        " (func (export \"go\") (param i32) (result i32)"
        "  (drop (call $f (i32.const 1)))"
        "  (i32.store (i32.const 65536) (local.get 0))"
        "  (i32.load (i32.const 65536))))",
        &import);
    memory = export_of(inst, "m").of.memory;
    expect(&f, inst, "go", 77, 0, 77);
    assert_int_equal(memory->size, 2 * 65536);
    fixture_close(&f);
}

const struct CMUnitTest call_tests[] = {
    cmocka_unit_test(test_call__runs_recursion_and_loops),
    cmocka_unit_test(test_call__keeps_operands_apart),
    cmocka_unit_test(test_call__traps),
    cmocka_unit_test(test_trap_format__names_the_frames),
    cmocka_unit_test(test_host__is_called_and_calls_back),
    cmocka_unit_test(test_host__traps_and_exits),
    cmocka_unit_test(test_host__may_grow_memory),
};
const size_t n_call_tests = sizeof call_tests / sizeof *call_tests;
