#include "fixture.h"

/* A guest's resource: "make" owns one, "peek" borrows it, "eat" takes it;
 * "dropped" says the representations its destructor has seen, added up. */
#define GUEST_RESOURCE                                                         \
    "(component"                                                               \
    "  (core module $D"                                                        \
    "    (global $sum (mut i32) (i32.const 0))"                                \
    "    (func (export \"dtor\") (param i32)"                                  \
    "      (global.set $sum (i32.add (global.get $sum) (local.get 0))))"       \
    "    (func (export \"dropped\") (result i32) (global.get $sum)))"          \
    "  (core instance $d (instantiate $D))"                                    \
    "  (type $r (resource (rep i32) (dtor (core func $d \"dtor\"))))"          \
    "  (core func $new (canon resource.new $r))"                               \
    "  (core func $rep (canon resource.rep $r))"                               \
    "  (core func $drop (canon resource.drop $r))"                             \
    "  (core module $M"                                                        \
    "    (import \"\" \"new\" (func $new (param i32) (result i32)))"           \
    "    (import \"\" \"rep\" (func $rep (param i32) (result i32)))"           \
    "    (import \"\" \"drop\" (func $drop (param i32)))"                      \
    "    (func (export \"make\") (param i32) (result i32)"                     \
    "      (call $new (local.get 0)))"                                         \
    "    (func (export \"peek\") (param i32) (result i32) (local.get 0))"      \
    "    (func (export \"eat\") (param i32) (result i32)"                      \
    "      (call $rep (local.get 0)) (call $drop (local.get 0))))"             \
    "  (core instance $m (instantiate $M (with \"\" (instance"                 \
    "    (export \"new\" (func $new)) (export \"rep\" (func $rep))"            \
    "    (export \"drop\" (func $drop))))))"                                   \
    "  (export $R \"r\" (type $r))"                                            \
    "  (func (export \"make\") (param \"rep\" u32) (result (own $R))"          \
    "    (canon lift (core func $m \"make\")))"                                \
    "  (func (export \"peek\") (param \"r\" (borrow $R)) (result u32)"         \
    "    (canon lift (core func $m \"peek\")))"                                \
    "  (func (export \"eat\") (param \"r\" (own $R)) (result u32)"             \
    "    (canon lift (core func $m \"eat\")))"                                 \
    "  (func (export \"dropped\") (result u32)"                                \
    "    (canon lift (core func $d \"dropped\"))))"

static sluice_val make(fixture *f, uint32_t rep)
{
    sluice_val own, arg = u32_val(rep);
    assert_int_equal(call(f, "make", &arg, &own), SLUICE_OK);
    assert_int_equal(own.kind, SLUICE_OWN);
    return own;
}

static uint32_t dropped(fixture *f)
{
    sluice_val result;
    assert_int_equal(call(f, "dropped", NULL, &result), SLUICE_OK);
    return result.of.u32;
}

static void test_guest_resource__is_borrowed_taken_and_released(void **state)
{
    (void)state;
    fixture f;
    sluice_val result, borrow;
    fixture_init(&f, GUEST_RESOURCE);
    fixture_instantiate(&f);
    sluice_val a = make(&f, 3), b = make(&f, 40);
    assert_true(sluice_val_same_resource(&a, &b));
    assert_false(sluice_val_copy(&a, &result));

    assert_true(sluice_val_borrow(&borrow, &a));
    assert_int_equal(call(&f, "peek", &borrow, &result), SLUICE_OK);
    assert_int_equal(result.of.u32, 3);

    assert_int_equal(call(&f, "eat", &a, &result), SLUICE_OK);
    assert_int_equal(result.of.u32, 3);
    assert_int_equal(dropped(&f), 3);
    assert_false(sluice_val_borrow(&borrow, &a)); /* it is the guest's now */

    sluice_val_deinit(&b); /* runs on the loop: with the next call */
    assert_int_equal(call(&f, "dropped", NULL, &result), SLUICE_OK);
    assert_int_equal(dropped(&f), 43);
    fixture_deinit(&f);
}

static void test_guest_resource__released_while_the_store_goes(void **state)
{
    (void)state;
    fixture f;
    fixture_init(&f, GUEST_RESOURCE);
    fixture_instantiate(&f);
    sluice_val a = make(&f, 1);
    sluice_val_deinit(&a); /* its destructor never runs: nothing leaks */
    fixture_deinit(&f);
}

/* --- The host's --------------------------------------------------------------- */

typedef struct host {
    uint32_t dropped; /* representations, added up */
    int freed;
} host;

static void on_drop(void *ctx, uint32_t rep)
{
    ((host *)ctx)->dropped += rep;
}

static void on_free(void *ctx)
{
    ((host *)ctx)->freed++;
}

static void host_open(void *ctx, sluice_call *call, const sluice_val *args,
                      size_t n)
{
    (void)ctx, (void)n;
    sluice_val own;
    const sluice_type *type = sluice_type_result(sluice_call_type(call));
    assert_true(sluice_call_own(call, type, args[0].of.u32, &own));
    sluice_call_return(call, &own);
}

static void host_size(void *ctx, sluice_call *call, const sluice_val *args,
                      size_t n)
{
    (void)ctx, (void)n;
    assert_int_equal(args[0].kind, SLUICE_BORROW);
    sluice_val size = u32_val(args[0].of.handle.rep * 100);
    sluice_call_return(call, &size);
}

static void host_init(fixture *f, host *h)
{
    fixture_init(f, HOST_RESOURCE);
    assert_int_equal(sluice_linker_resource(f->linker, NULL, "file", on_drop, h,
                                            on_free, &f->error),
                     SLUICE_OK);
    assert_int_equal(sluice_linker_func(f->linker, NULL, "open", NULL,
                                        host_open, NULL, NULL, &f->error),
                     SLUICE_OK);
    assert_int_equal(sluice_linker_func(f->linker, NULL, "size", NULL,
                                        host_size, NULL, NULL, &f->error),
                     SLUICE_OK);
    fixture_instantiate(f);
}

static void test_host_resource__lives_until_the_guest_drops_it(void **state)
{
    (void)state;
    fixture f;
    host h = {0};
    sluice_val result;
    host_init(&f, &h);
    assert_int_not_equal(call_u32(&f, "keep", 7), 0);
    assert_int_equal(call(&f, "read", NULL, &result), SLUICE_OK);
    assert_int_equal(result.of.u32, 700);
    assert_int_equal(h.dropped, 0);
    assert_int_equal(call(&f, "drop", NULL, NULL), SLUICE_OK);
    assert_int_equal(h.dropped, 7);
    assert_int_equal(call(&f, "read", NULL, &result), SLUICE_ETRAP);
    fixture_deinit(&f);
    assert_int_equal(h.freed, 1);
}

static void test_host_resource__is_dropped_when_the_store_goes(void **state)
{
    (void)state;
    fixture f;
    host h = {0};
    host_init(&f, &h);
    call_u32(&f, "keep", 5);
    call_u32(&f, "keep", 6);
    fixture_deinit(&f);
    assert_int_equal(h.dropped, 11);
    assert_int_equal(h.freed, 1);
}

static void test_linker_resource__refuses_a_name_twice(void **state)
{
    (void)state;
    fixture f;
    host h = {0};
    host_init(&f, &h);
    assert_int_equal(sluice_linker_resource(f.linker, NULL, "file", on_drop, &h,
                                            on_free, &f.error),
                     SLUICE_EUSAGE);
    assert_int_equal(h.freed, 1); /* also on failure */
    fixture_deinit(&f);
    assert_int_equal(h.freed, 2);
}

/* --- Error contexts ------------------------------------------------------------ */

static void test_error_context__passes_through_a_guest(void **state)
{
    (void)state;
    fixture f;
    sluice_val arg, result, copy;
    fixture_init(&f, PASS("error-context"));
    fixture_instantiate(&f);
    assert_true(sluice_val_error_context(&arg, "no such file", 12));
    assert_int_equal(call(&f, "pass", &arg, &result), SLUICE_OK);
    assert_int_equal(result.kind, SLUICE_ERROR_CONTEXT);
    assert_string_equal(result.of.string.data, "no such file");
    assert_true(sluice_val_copy(&result, &copy));
    assert_true(sluice_val_eq(&result, &copy));
    sluice_val_deinit(&copy);
    sluice_val_deinit(&result);
    fixture_deinit(&f);
}

const struct CMUnitTest resource_tests[] = {
    cmocka_unit_test(test_guest_resource__is_borrowed_taken_and_released),
    cmocka_unit_test(test_guest_resource__released_while_the_store_goes),
    cmocka_unit_test(test_host_resource__lives_until_the_guest_drops_it),
    cmocka_unit_test(test_host_resource__is_dropped_when_the_store_goes),
    cmocka_unit_test(test_linker_resource__refuses_a_name_twice),
    cmocka_unit_test(test_error_context__passes_through_a_guest),
};
const size_t n_resource_tests = N(resource_tests);
