#include "fixture.h"

static void test_call__results_and_types(void **state)
{
    (void)state;
    fixture f;
    char text[64];
    fixture_init(&f, MATH);
    fixture_instantiate(&f);
    assert_int_equal(call_u32(&f, "double", 21), 42);
    sluice_func *func = func_of(&f, "double");
    assert_ptr_equal(func, func_of(&f, "double"));
    assert_string_equal(
        sluice_type_text(sluice_func_type(func), text, sizeof text),
        "func(x: u32) -> u32");
    assert_null(sluice_instance_func(f.instance, "triple"));
    sluice_val arg = u32_val(3);
    assert_int_equal(call(&f, "double", &arg, NULL), SLUICE_OK);
    assert_null(sluice_instance_segment(f.instance, "double"));
    fixture_deinit(&f);
}

static void test_call__wrong_arguments(void **state)
{
    (void)state;
    fixture f;
    outcome out = {0};
    fixture_init(&f, MATH);
    fixture_instantiate(&f);
    sluice_func *func = func_of(&f, "double");
    sluice_val args[2] = {{0}, {0}};
    for (size_t n = 0; n <= 2; n += 2) {
        assert_true(sluice_val_string(&args[0], "taken", 5));
        sluice_status st =
            sluice_func_call(func, args, n, keep, &out, NULL, &f.error);
        assert_int_equal(st, SLUICE_EUSAGE);
        assert_non_null(strstr(f.error.message, "1 argument"));
        if (n == 0)
            sluice_val_deinit(&args[0]);
        assert_int_equal(args[0].kind, SLUICE_BOOL);
    }
    assert_true(sluice_val_string(&args[0], "text", 4));
    assert_int_equal(
        sluice_func_call(func, args, 1, keep, &out, NULL, &f.error),
        SLUICE_EUSAGE);
    assert_non_null(strstr(f.error.message, "argument 1"));
    assert_int_equal(args[0].kind, SLUICE_BOOL); /* taken all the same */
    assert_int_equal(sluice_func_call(func, NULL, 0, keep, &out, NULL, NULL),
                     SLUICE_EUSAGE);
    assert_false(out.done);
    assert_int_equal(call_u32(&f, "double", 4), 8); /* nothing is broken */
    fixture_deinit(&f);
}

static void test_call__values_are_checked(void **state)
{
    (void)state;
    fixture f;
    fixture_init(&f, ECHO("(type $v' (variant (case \"a\") (case \"b\" u8)))"
                          "(export $v \"v\" (type $v'))",
                          "(list $v)"));
    fixture_instantiate(&f);
    for (uint32_t index = 0; index < 4; index++)
        for (int with = 0; with < 2; with++) {
            sluice_val list, payload = {.kind = SLUICE_U8};
            assert_true(sluice_val_items(&list, SLUICE_LIST, 1));
            assert_true(sluice_val_variant(&list.of.list.items[0],
                                           SLUICE_VARIANT, index,
                                           with ? &payload : NULL));
            sluice_status st = call(&f, "echo", &list, NULL);
            assert_int_equal(st, index == (uint32_t)with && index < 2
                                     ? SLUICE_OK
                                     : SLUICE_EUSAGE);
        }
    fixture_deinit(&f);
    fixture_init(&f, ECHO("", "string"));
    fixture_instantiate(&f);
    sluice_val text;
    assert_true(sluice_val_string(&text, "\xff\xfe", 2)); /* no UTF-8 */
    assert_int_equal(call(&f, "echo", &text, NULL), SLUICE_EUSAGE);
    fixture_deinit(&f);
}

static void test_call__trap_and_go_on(void **state)
{
    (void)state;
    fixture f;
    fixture_init(&f, MATH);
    fixture_instantiate(&f);
    sluice_val arg = u32_val(0);
    assert_int_equal(call(&f, "divide", &arg, NULL), SLUICE_ETRAP);
    assert_string_equal(f.error.message, "integer divide by zero");
    assert_true(f.error.backtrace[0] != '\0');
    /* The instance is poisoned ... */
    arg = u32_val(1);
    assert_int_equal(call(&f, "divide", &arg, NULL), SLUICE_ETRAP);
    assert_non_null(strstr(f.error.message, "cannot enter"));
    /* ... another one of the same component is not. */
    fixture_instantiate(&f);
    assert_int_equal(call_u32(&f, "divide", 4), 25);
    fixture_deinit(&f);
}

static void test_call__several_at_once(void **state)
{
    (void)state;
    fixture f;
    outcome outs[50];
    fixture_init(&f, MATH);
    fixture_instantiate(&f);
    for (uint32_t i = 0; i < N(outs); i++) {
        sluice_val arg = u32_val(i);
        begin(&f, "double", &arg, &outs[i]);
    }
    for (uint32_t i = 0; i < N(outs); i++) {
        assert_int_equal(finish(&f, &outs[i]), SLUICE_OK);
        assert_int_equal(outs[i].result.of.u32, 2 * i);
    }
    fixture_deinit(&f);
}

static void test_call__several_wait_and_one_traps(void **state)
{
    (void)state;
    fixture f;
    outcome outs[5], boom;
    fixture_init(&f, WAITER);
    fixture_instantiate(&f);
    for (size_t i = 0; i < N(outs); i++)
        begin(&f, "wait", NULL, &outs[i]);
    begin(&f, "boom", NULL, &boom);
    assert_int_equal(finish(&f, &boom), SLUICE_ETRAP);
    for (size_t i = 0; i < N(outs); i++) {
        assert_int_equal(finish(&f, &outs[i]), SLUICE_ETRAP);
        assert_non_null(strstr(outs[i].error.message, "unreachable"));
    }
    fixture_deinit(&f);
}

static void test_call__cancel(void **state)
{
    (void)state;
    fixture f;
    outcome outs[3];
    sluice_pending *pending[3];
    fixture_init(&f, WAITER);
    fixture_instantiate(&f);
    for (size_t i = 0; i < N(outs); i++)
        pending[i] = begin(&f, "wait", NULL, &outs[i]);
    sluice_pending_cancel(pending[1]);
    assert_int_equal(finish(&f, &outs[1]), SLUICE_ECANCELLED);
    assert_false(outs[0].done || outs[2].done);
    sluice_pending_cancel(pending[0]);
    sluice_pending_cancel(pending[2]);
    assert_int_equal(finish(&f, &outs[0]), SLUICE_ECANCELLED);
    assert_int_equal(finish(&f, &outs[2]), SLUICE_ECANCELLED);
    assert_int_equal(sluice_store_stats(f.store).tasks, 0);
    fixture_deinit(&f);

    /* Too late: it has returned already. */
    fixture_init(&f, MATH);
    fixture_instantiate(&f);
    sluice_val arg = u32_val(4);
    pending[0] = begin(&f, "double", &arg, &outs[0]);
    sluice_pending_cancel(pending[0]);
    assert_int_equal(finish(&f, &outs[0]), SLUICE_OK);
    assert_int_equal(outs[0].result.of.u32, 8);
    fixture_deinit(&f);
}

static void test_call__deadlock(void **state)
{
    (void)state;
    fixture f;
    outcome out;
    fixture_init(&f, WAITER);
    fixture_instantiate(&f);
    assert_int_equal(call(&f, "wait", NULL, NULL), SLUICE_EDEADLOCK);
    assert_non_null(strstr(f.error.message, "deadlock"));
    /* The store is usable: another call, which can be cancelled. */
    sluice_pending *pending = begin(&f, "wait", NULL, &out);
    sluice_pending_cancel(pending);
    assert_int_equal(finish(&f, &out), SLUICE_ECANCELLED);
    fixture_deinit(&f);
}

/* A callback starts the next call, and one frees nothing it should not. */
typedef struct chain {
    sluice_func *func;
    uint32_t left, sum;
    bool done;
} chain;

static void next_call(void *arg, const sluice_error *error, sluice_val *result)
{
    chain *c = arg;
    assert_int_equal(error->status, SLUICE_OK);
    c->sum += result->of.u32;
    if (c->left == 0) {
        c->done = true;
        return;
    }
    sluice_val x = u32_val(c->left--);
    assert_int_equal(
        sluice_func_call(c->func, &x, 1, next_call, c, NULL, NULL), SLUICE_OK);
}

static void test_call__from_a_callback(void **state)
{
    (void)state;
    fixture f;
    fixture_init(&f, MATH);
    fixture_instantiate(&f);
    chain c = {.func = func_of(&f, "double"), .left = 10};
    sluice_val x = u32_val(0);
    sluice_func_call(c.func, &x, 1, next_call, &c, NULL, NULL);
    assert_int_equal(sluice_store_run(f.store, &c.done), SLUICE_OK);
    assert_int_equal(c.sum, 110);
    fixture_deinit(&f);
}

static void test_call__too_much_for_a_result(void **state)
{
    (void)state;
    fixture f;
    sl_buf binary;
    sluice_limits limits = sluice_limits_default();
    limits.call_bytes = 1000;
    f = (fixture){.engine = sluice_engine_new(&limits, NULL)};
    to_binary(ECHO("", "(list u8)"), &binary);
    f.component = sluice_component_from_buffer(f.engine, binary.data,
                                               binary.len, true, &f.error);
    sl_buf_deinit(&binary);
    f.store = sluice_store_new(f.engine, NULL, &f.error);
    fixture_instantiate(&f);
    sluice_val bytes;
    assert_true(sluice_val_bytes(&bytes, SLUICE_U8, NULL, 900));
    assert_int_equal(call(&f, "echo", &bytes, NULL), SLUICE_OK);
    assert_true(sluice_val_bytes(&bytes, SLUICE_U8, NULL, 1001));
    assert_int_equal(call(&f, "echo", &bytes, NULL), SLUICE_ETRAP);
    fixture_deinit(&f);
}

/* A callee that traps when it hears of its cancellation ends the call. */
static void test_pending_cancel__a_trap_ends_the_call(void **state)
{
    (void)state;
    fixture f;
    outcome out = {0};
    fixture_init(
        &f, "(component"
            "  (core func $set.new (canon waitable-set.new))"
            "  (core module $M"
            "    (import \"\" \"set.new\" (func $set.new (result i32)))"
            "    (func (export \"wait\") (result i32)"
            "      (i32.or (i32.const 2)"
            "        (i32.shl (call $set.new) (i32.const 4))))"
            "    (func (export \"cb\") (param i32 i32 i32) (result i32)"
            "      (unreachable)))"
            "  (core instance $m (instantiate $M (with \"\" (instance"
            "    (export \"set.new\" (func $set.new))))))"
            "  (func (export \"wait\") async (result u32)"
            "    (canon lift (core func $m \"wait\") async"
            "      (callback (func $m \"cb\")))))");
    fixture_instantiate(&f);
    sluice_pending *pending = begin(&f, "wait", NULL, &out);
    sluice_pending_cancel(pending);
    assert_int_equal(finish(&f, &out), SLUICE_ETRAP);
    assert_non_null(strstr(out.error.message, "unreachable"));
    assert_int_equal(out.times, 1);
    fixture_deinit(&f);
}

const struct CMUnitTest call_tests[] = {
    cmocka_unit_test(test_pending_cancel__a_trap_ends_the_call),
    cmocka_unit_test(test_call__results_and_types),
    cmocka_unit_test(test_call__wrong_arguments),
    cmocka_unit_test(test_call__values_are_checked),
    cmocka_unit_test(test_call__trap_and_go_on),
    cmocka_unit_test(test_call__several_at_once),
    cmocka_unit_test(test_call__several_wait_and_one_traps),
    cmocka_unit_test(test_call__cancel),
    cmocka_unit_test(test_call__deadlock),
    cmocka_unit_test(test_call__from_a_callback),
    cmocka_unit_test(test_call__too_much_for_a_result),
};
const size_t n_call_tests = N(call_tests);
