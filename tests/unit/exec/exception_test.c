#include "fixture.h"

#include "base/alloc.h"

static void test_catch__gets_values_and_keeps_locals(void **state)
{
    (void)state;
    fixture f;
    fixture_open(&f, NULL);
    sl_core_instance *inst = instance_of(&f,
        "(module (tag $e (param i32 i64)) (tag $other (param i64))"
        " (func $deep (param i32)"
        "  (if (i32.eqz (local.get 0))"
        "   (then (throw $e (i32.const 7) (i64.const 70))))"
        "  (call $deep (i32.sub (local.get 0) (i32.const 1))))"
        " (func (export \"run\") (param i64 i64) (result i64) (local i64)"
        "  i64.const 1000 local.get 0"
        "  (block $h (result i32 i64)"
        "   (try_table (catch $other 1) (catch $e $h)"
        "    (local.set 2 (i64.const 5))"
        "    (local.set 0 (i64.const 90000))"
        "    (call $deep (i32.const 20))"
        "    (local.set 2 (i64.const 6)))"
        "   unreachable)"
        "  local.get 2 i64.add (local.set 2)"
        "  i64.extend_i32_u local.get 2 i64.add i64.add i64.add"
        "  (return) drop drop i64.const -1))", NULL);
    expect(&f, inst, "run", 300, 0, 1000 + 300 + 7 + 70 + 5);
    fixture_close(&f);
}

/* Labels of every kind: blocks, loops and the function with no result, one
 * and two. */
static void test_catch__goes_to_any_label(void **state)
{
    (void)state;
    fixture f;
    fixture_open(&f, NULL);
    sl_core_instance *inst = instance_of(&f,
        "(module (tag $none) (tag $one (param i64)) (tag $two (param i64 i64))"
        " (global $g (mut i64) (i64.const 0))"
        " (func $f0 (try_table (catch $none 0) (throw $none))"
        "  (global.set $g (i64.const 1)))"
        " (func $f1 (param i64) (result i64)"
        "  (try_table (catch $one 0) (throw $one (local.get 0)))"
        "  (i64.const -1))"
        " (func $f2 (param i64 i64) (result i64 i64)"
        "  i64.const 9"
        "  (try_table (catch $two 0) (throw $two (local.get 1)"
        "   (local.get 0)))"
        "  drop (i64.const -1) (i64.const -1))"
        " (func (export \"none\") (param i64 i64) (result i64)"
        "  (call $f0) (global.get $g))"
        " (func (export \"one\") (param i64 i64) (result i64)"
        "  (call $f1 (local.get 0)))"
        " (func (export \"two\") (param i64 i64) (result i64)"
        "  (i64.sub (call $f2 (local.get 0) (local.get 1))))"
        " (func (export \"loop\") (param i64 i64) (result i64)"
        "  i64.const 100 local.get 0"
        "  (loop $l (param i64) (result i64)"
        "   local.set 0"
        "   (if (i64.ne (local.get 0) (i64.const 3)) (then"
        "    (try_table (catch $one $l)"
        "     (throw $one (i64.sub (local.get 0) (i64.const 1))))))"
        "   local.get 0)"
        "  i64.add))", NULL);
    expect(&f, inst, "none", 0, 0, 0);
    expect(&f, inst, "one", 42, 0, 42);
    expect(&f, inst, "two", 3, 10, 7);
    expect(&f, inst, "loop", 10000, 0, 103);
    fixture_close(&f);
}

/* Nothing that stands before or behind the block is covered, whatever the
 * instructions around its bounds become. */
static void test_try__covers_its_body_alone(void **state)
{
    (void)state;
    fixture f;
    fixture_open(&f, NULL);
    sl_core_instance *inst = instance_of(&f,
        "(module (tag $e) (func $throw (throw $e))"
        " (func (export \"behind\") (param i32 i32) (result i32)"
        "  (block $out"
        "   (loop $l"
        "    (try_table (result i32) (catch_all $out)"
        "     (local.tee 0 (i32.add (local.get 0) (i32.const 1)))"
        "     (i32.lt_u (local.get 1)))"
        "    br_if $l"
        "    (call $throw)))"
        "  (i32.const 1))"
        " (func (export \"before\") (param i32 i32) (result i32)"
        "  (block $out"
        "   (loop $l"
        "    (local.tee 0 (i32.add (local.get 0) (i32.const 1)))"
        "    (i32.lt_u (local.get 1))"
        "    (try_table (param i32) (catch_all $out)"
        "     br_if $l"
        "     (call $throw))))"
        "  (i32.const 1)))", NULL);
    expect_trap(&f, inst, "behind", 0, "uncaught exception");
    expect(&f, inst, "before", 0, 5, 1);
    fixture_close(&f);
}

static void test_throw_ref__throws_the_same(void **state)
{
    (void)state;
    fixture f;
    fixture_open(&f, NULL);
    sl_core_instance *inst = instance_of(&f,
        "(module (tag $e (param i64)) (global $g (mut exnref) (ref.null exn))"
        " (table $t 4 exnref)"
        " (func $keep (param i64)"
        "  (block $h (result i64 exnref)"
        "   (try_table (catch_ref $e $h) (throw $e (local.get 0)))"
        "   unreachable)"
        "  (global.set $g) drop"
        "  (table.set $t (i32.const 2) (global.get $g)))"
        " (func $again (throw_ref (table.get $t (i32.const 2))))"
        " (func (export \"run\") (param i64 i64) (result i64)"
        "  (call $keep (local.get 0))"
        "  (block $h (result i64)"
        "   (try_table (catch $e $h)"
        "    (block $all (result exnref)"
        "     (try_table (catch_all_ref $all) (call $again))"
        "     unreachable)"
        "    throw_ref)"
        "   unreachable))"
        " (func (export \"null\") (param i64) (throw_ref (ref.null exn))))",
        NULL);
    expect(&f, inst, "run", 33, 0, 33);
    expect_trap(&f, inst, "null", 0, "null exception reference");
    fixture_close(&f);
}

/* --- Between instances --------------------------------------------------- */

#define TAGGED                                                                 \
    "(module (tag $e (export \"e\") (param i32)) (memory 1)"                   \
    " (data (i32.const 0) \"\\01\")"                                           \
    " (func (export \"throw\") (param i32)"                                    \
    "  (throw $e (i32.add (local.get 0)"                                       \
    "   (i32.load8_u (i32.const 0))))))"

static void test_catch__returns_to_its_instance(void **state)
{
    (void)state;
    fixture f;
    fixture_open(&f, NULL);
    sl_core_instance *a = instance_of(&f, TAGGED, NULL);
    sl_core_instance *b = instance_of(&f, TAGGED, NULL);
    sl_core_extern imports[] = {export_of(a, "e"), export_of(a, "throw"),
                                export_of(b, "throw")};
    sl_core_instance *c = instance_of(&f,
        "(module (import \"a\" \"e\" (tag $e (param i32)))"
        " (import \"a\" \"f\" (func $a (param i32)))"
        " (import \"b\" \"f\" (func $b (param i32)))"
        " (memory 1) (data (i32.const 0) \"\\0a\")"
        " (func (export \"a\") (param i32) (result i32)"
        "  (block $h (result i32)"
        "   (try_table (catch $e $h) (call $a (local.get 0)))"
        "   unreachable)"
        "  (i32.add (i32.load8_u (i32.const 0))))"
        " (func (export \"b\") (param i32) (result i32)"
        "  (block $all"
        "   (block $h (result i32)"
        "    (try_table (catch $e $h) (catch_all $all)"
        "     (call $b (local.get 0)))"
        "    unreachable)"
        "   (return))"
        "  (i32.load8_u (i32.const 0))))", imports);
    expect(&f, c, "a", 100, 0, 111);
    expect(&f, c, "b", 100, 0, 10); /* another instance's tag is another tag */
    fixture_close(&f);
}

static void test_tags__match_by_type(void **state)
{
    (void)state;
    fixture f;
    fixture_open(&f, NULL);
    sl_core_instance *a = instance_of(&f, TAGGED, NULL);
    sl_core_extern imports[] = {export_of(a, "e")};
    const sl_module *m =
        module_of(&f, "(module (import \"a\" \"e\" (tag (param i64))))");
    sl_core_instance *inst;
    assert_int_equal(sl_core_instantiate(&f.thread, m, imports, &inst, &f.err),
                     SL_EUNLINKABLE);
    assert_int_equal(sl_tag_type(imports[0].of.tag)->n_params, 1);
    fixture_close(&f);
}

/* --- Through the host ---------------------------------------------------- */

typedef struct host {
    sl_core_func *inner;
    sl_tag *tag;
    enum { CALL, TRY, AGAIN, THROW } way;
    uint32_t n;
} host;

static sl_status host_func(sl_core_thread *thread, void *ctx, sl_slot *vals)
{
    host *h = ctx;
    sl_exception *thrown = NULL;
    sl_err err = {0};
    h->n++;
    switch (h->way) {
    case CALL:
        return sl_core_call(thread, h->inner, vals);
    case THROW:
        thrown = sl_exception_new(thread, h->tag, vals, &err);
        return sl_core_throw(thread, thrown);
    default:
        if (sl_core_try_call(thread, h->inner, vals, &thrown) != SL_OK)
            return SL_ETRAP;
        if (h->way == AGAIN && thrown != NULL)
            return sl_core_throw(thread, thrown);
        if (thrown != NULL)
            vals[0].i64 = sl_exception_vals(thrown)[0].i32 + 1000u;
        sl_exception_release(thrown);
        return SL_OK;
    }
}

static void test_host__stands_between(void **state)
{
    (void)state;
    static const sl_valtype types[] = {SL_I32};
    static const sl_functype type = {1, 0, types};
    fixture f;
    fixture_open(&f, NULL);
    sl_core_instance *a = instance_of(&f, TAGGED, NULL);
    host h = {.inner = func_of(a, "throw"), .tag = export_of(a, "e").of.tag};
    sl_core_extern imports[] = {
        export_of(a, "e"), extern_func(sl_core_func_new_host(
                               f.store, &type, host_func, &h, &f.err))};
    sl_core_instance *c = instance_of(&f,
        "(module (import \"a\" \"e\" (tag $e (param i32)))"
        " (import \"h\" \"h\" (func $h (param i32)))"
        " (func $tail (param i32) (return_call $h (local.get 0)))"
        " (func (export \"run\") (param i32) (result i32)"
        "  (block $h (result i32)"
        "   (try_table (catch $e $h) (call $h (local.get 0)))"
        "   (i32.const 5)))"
        " (func (export \"tail\") (param i32) (result i32)"
        "  (block $h (result i32)"
        "   (try_table (catch $e $h) (call $tail (local.get 0)))"
        "   (i32.const 5))))", imports);
    h.way = CALL;
    expect_trap(&f, c, "run", 1, "uncaught exception");
    assert_int_equal(f.trap.n_frames, 2); /* from where it was thrown */
    h.way = TRY;
    expect(&f, c, "run", 1, 0, 5);
    h.way = AGAIN;
    expect(&f, c, "run", 1, 0, 2);
    expect(&f, c, "tail", 1, 0, 2);
    h.way = THROW;
    expect(&f, c, "run", 8, 0, 8);
    expect(&f, c, "tail", 8, 0, 8);
    assert_int_equal(h.n, 6);

    sl_exception *thrown;
    sl_slot vals[2] = {{.i64 = 4}};
    assert_int_equal(sl_core_try_call(&f.thread, h.inner, vals, &thrown),
                     SL_OK);
    assert_non_null(thrown);
    assert_int_equal(sl_exception_vals(thrown)[0].i32, 5);
    assert_ptr_equal(sl_exception_tag(thrown), h.tag);
    sl_exception_release(thrown);
    vals[0].i64 = 4; /* a host function called by the host */
    assert_int_equal(
        sl_core_try_call(&f.thread, imports[1].of.func, vals, &thrown), SL_OK);
    assert_non_null(thrown);
    sl_exception_release(thrown);
    assert_int_equal(sl_core_call(&f.thread, imports[1].of.func, vals),
                     SL_ETRAP);
    assert_string_equal(f.trap.err.msg, "uncaught exception");
    fixture_close(&f);
}

static void test_uncaught__traps_where_it_was_thrown(void **state)
{
    (void)state;
    fixture f;
    fixture_open(&f, NULL);
    sl_core_instance *inst = instance_of(&f,
        "(module $m (tag $e) (tag $d)"
        " (func $inner (throw $e))"
        " (func (export \"run\") (param i64)"
        "  (block (try_table (catch $d 0) (call $inner)))))", NULL);
    expect_trap(&f, inst, "run", 0, "uncaught exception");
    assert_int_equal(f.trap.n_frames, 2);
    assert_int_equal(f.trap.frames[0].func, 0);
    assert_int_equal(f.trap.frames[1].func, 1);
    assert_int_equal(sl_core_store_stats(f.store).exceptions, 0);
    fixture_close(&f);
}

/* --- Limits -------------------------------------------------------------- */

/* Functions that are left do not count any more; a loop that is closed by its
 * handler can be interrupted. */
static void test_unwinding__gives_frames_back(void **state)
{
    (void)state;
    static const sl_core_limits limits = {UINT64_MAX, UINT64_MAX, UINT64_MAX,
                                          50, 0};
    fixture f;
    fixture_open(&f, &limits);
    sl_core_instance *inst = instance_of(&f,
        "(module (tag $e)"
        " (func $deep (param i32)"
        "  (if (i32.eqz (local.get 0)) (then (throw $e)))"
        "  (call $deep (i32.sub (local.get 0) (i32.const 1))))"
        " (func (export \"run\") (param i32) (result i32)"
        "  (loop $l"
        "   (block $h"
        "    (try_table (catch $e $h) (call $deep (i32.const 40)))"
        "    unreachable)"
        "   (br_if $l (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))"
        "  (i32.const 1))"
        " (func (export \"forever\") (param i64)"
        "  (loop $l (try_table (catch $e $l) (throw $e)))))", NULL);
    expect(&f, inst, "run", 1000, 0, 1);
    assert_int_equal(sl_core_store_stats(f.store).exceptions, 0);
    sl_core_store_interrupt(f.store);
    expect_trap(&f, inst, "forever", 0, "interrupted");
    sl_core_store_clear_interrupt(f.store);
    fixture_close(&f);
}

/* Exceptions with references to them are freed when nothing refers to them any
 * more, and not before: one is in a global, one in a table, one a value of
 * another, one in a local of a function that is still running. */
static void test_collector__keeps_what_is_referred_to(void **state)
{
    (void)state;
    fixture f;
    fixture_open(&f, NULL);
    sl_core_instance *inst = instance_of(&f,
        "(module (tag $e (param i64)) (tag $box (param exnref))"
        " (global $g (mut exnref) (ref.null exn)) (table $t 1 exnref)"
        " (func $make (param i64) (result exnref)"
        "  (block $h (result i64 exnref)"
        "   (try_table (catch_ref $e $h) (throw $e (local.get 0)))"
        "   unreachable)"
        "  (return) unreachable)"
        " (func $put (param exnref) (result exnref)"
        "  (block $h (result exnref)"
        "   (try_table (catch_all_ref $h) (throw $box (local.get 0)))"
        "   unreachable))"
        " (func $value (param exnref) (result i64)"
        "  (block $h (result i64)"
        "   (try_table (catch $e $h) (throw_ref (local.get 0)))"
        "   unreachable))"
        " (func $unbox (param exnref) (result exnref)"
        "  (block $h (result exnref)"
        "   (try_table (catch $box $h) (throw_ref (local.get 0)))"
        "   unreachable))"
        " (func $garbage (param i64)"
        "  (loop $l"
        "   (drop (call $make (local.get 0)))"
        "   (br_if $l (i64.ne (i64.const 0)"
        "    (local.tee 0 (i64.sub (local.get 0) (i64.const 1)))))))"
        " (func (export \"run\") (param i64) (result i64) (local exnref)"
        "  (global.set $g (call $make (i64.const 1)))"
        "  (table.set $t (i32.const 0)"
        "   (call $put (call $make (i64.const 20))))"
        "  (local.set 1 (call $make (i64.const 300)))"
        "  (call $garbage (local.get 0))"
        "  (i64.add (call $value (global.get $g))"
        "   (i64.add (call $value (call $unbox (table.get $t (i32.const 0))))"
        "    (call $value (local.get 1))))))", NULL);
    /* $make drops the i64 below the reference by returning the top alone. */
    expect(&f, inst, "run", 100000, 0, 321);
    sl_core_stats stats = sl_core_store_stats(f.store);
    assert_true(stats.exceptions < 20000);
    assert_true(stats.exception_bytes < 1 << 20);
    fixture_close(&f);
}

static void test_exceptions__count_as_memory(void **state)
{
    (void)state;
    static const sl_core_limits limits = {UINT64_MAX, 1 << 20, UINT64_MAX, 0,
                                          0};
    fixture f;
    fixture_open(&f, &limits);
    sl_core_instance *inst = instance_of(&f,
        "(module (tag $box (param exnref))"
        " (func (export \"run\") (param i64) (local exnref)"
        "  (loop $l"
        "   (block $h (result exnref)"
        "    (try_table (catch_all_ref $h) (throw $box (local.get 1)))"
        "    unreachable)"
        "   (local.set 1)"
        "   (br $l))))", NULL);
    uint64_t result;
    assert_int_equal(call(&f, inst, "run", 0, 0, &result), SL_ELIMIT);
    assert_memory_equal(f.trap.err.msg, "limit: exceptions", 17);
    fixture_close(&f);
}

/* An allocation that fails at any place is an error and nothing else. */
static void test_exceptions__survive_short_memory(void **state)
{
    (void)state;
    static const char text[] =
        "(module (tag $e (param i64))"
        " (func $throw (param i64) (throw $e (local.get 0)))"
        " (func (export \"run\") (param i64) (result i64)"
        "  (block $h (result i64 exnref)"
        "   (try_table (catch_ref $e $h) (call $throw (local.get 0)))"
        "   unreachable)"
        "  drop))";
    for (size_t n = 1;; n++) {
        fixture f;
        fixture_open(&f, NULL);
        const sl_module *m = module_of(&f, text);
        sl_core_instance *inst = NULL;
        uint64_t result = 0;
        sl_alloc_fail_at(n, 1);
        sl_status st =
            sl_core_instantiate(&f.thread, m, NULL, &inst, &f.err);
        if (st == SL_OK)
            st = call(&f, inst, "run", 5, 0, &result);
        sl_alloc_fail_at(0, 0);
        if (st != SL_OK)
            assert_int_equal(st, SL_ENOMEM);
        if (inst != NULL) /* and the next time it works */
            expect(&f, inst, "run", 6, 0, 6);
        fixture_close(&f);
        if (st == SL_OK)
            break;
    }
}

const struct CMUnitTest exception_tests[] = {
    cmocka_unit_test(test_catch__gets_values_and_keeps_locals),
    cmocka_unit_test(test_catch__goes_to_any_label),
    cmocka_unit_test(test_try__covers_its_body_alone),
    cmocka_unit_test(test_throw_ref__throws_the_same),
    cmocka_unit_test(test_catch__returns_to_its_instance),
    cmocka_unit_test(test_tags__match_by_type),
    cmocka_unit_test(test_host__stands_between),
    cmocka_unit_test(test_uncaught__traps_where_it_was_thrown),
    cmocka_unit_test(test_unwinding__gives_frames_back),
    cmocka_unit_test(test_collector__keeps_what_is_referred_to),
    cmocka_unit_test(test_exceptions__count_as_memory),
    cmocka_unit_test(test_exceptions__survive_short_memory),
};
const size_t n_exception_tests =
    sizeof exception_tests / sizeof *exception_tests;
