/* Load plans in components, and segments in their order: what fails leaves
 * nothing behind. What comes out right is in tests/cli/plan_test.py. */
#include "check.h"
#include "fixture.h"

static const char text[] =
    "(component"
    " (import \"given\" (core data $given))"
    " (core data $a \"aaaa\") (core data $b \"bbbb\")"
    " (component $C (import \"w\" (core data $w))"
    "  (core data $c \"cccc\") (core data $d \"dddd\")"
    "  (alias outer 1 $b (core data $o))"
    "  (core func (canon data.size $d)) (core func (canon data.size $o))"
    "  (core func (canon data.size $w)))"
    " (instance (instantiate $C (with \"w\" (core data $b))))"
    " (instance $i (export \"x\" (core data $b)))"
    " (alias export $i \"x\" (core data $x))"
    " (export $y \"y\" (core data $b))"
    " (core func (canon data.size $given)) (core func (canon data.size $b))"
    " (core func (canon data.size $x)) (core func (canon data.size $y)))";

static const sl_name names[] = {SL_NAME("given")};
/* b, given, d, c, a */
static const sl_plan_step steps[] = {
    {1 + 1, 0, 4}, {0, 0, 9}, {1 + 3, 0, 4}, {1 + 2, 0, 4}, {1 + 0, 0, 4}};
static const sl_load_plan plan = {1, names, 5, steps};

static sl_status optimize(sl_bundle_job *job, const sl_outside *outside,
                          sl_err *err)
{
    (void)outside;
    return sl_optimize(job, &plan, true, err);
}

static sl_status bundle(sl_bundle_job *job, const sl_outside *outside,
                        sl_err *err)
{
    const sl_bundle_data data = {SL_NAME("given"), job->input};
    (void)outside;
    return sl_bundle(job, &data, 1, NULL, err);
}

static void assert_plan(const char *path, uint32_t n_names,
                        const uint32_t segments[5])
{
    opened o;
    open_component(&o, path);
    assert_int_equal(o.component->plan.n_names, n_names);
    assert_int_equal(o.component->plan.n, 5);
    for (int i = 0; i < 5; i++)
        assert_int_equal(o.component->plan.steps[i].segment, segments[i]);
    close_component(&o);
}

static void test_optimize__orders_and_renumbers(void **state)
{
    (void)state;
    fixture f;
    make_folder(&f);
    write_text(at(&f, "in.wasm"), text);
    assert_job(optimize, at(&f, "in.wasm"), at(&f, "out.wasm"), NULL);
    assert_plan(at(&f, "out.wasm"), 1, (uint32_t[]){1, 0, 3, 4, 2});
    opened o;
    open_component(&o, at(&f, "out.wasm"));
    static const char first[] = "badc";
    for (uint32_t i = 0; i < 4; i++) {
        char byte;
        o.source->read_at(o.source, o.all[i].offset, &byte, 1, NULL);
        assert_int_equal(byte, first[i]);
    }
    close_component(&o);
    /* The import becomes a segment in front of the others. */
    assert_job(bundle, at(&f, "out.wasm"), at(&f, "whole.wasm"), NULL);
    assert_plan(at(&f, "whole.wasm"), 0, (uint32_t[]){1, 0, 3, 4, 2});
    remove_folder(&f);
}

static void fail_each_allocation(fixture *f, act *what, const char *input,
                                 int files)
{
    sl_err err;
    size_t n = 1;
    for (;; n++) {
        assert_true(n < 10000);
        sl_alloc_fail_at(n, 0);
        sl_status st =
            run_job(what, at(f, input), at(f, "made.wasm"), NULL, &err);
        sl_alloc_fail_at(0, 0);
        if (st == SL_OK)
            break;
        if (strstr(err.msg, "out of memory") == NULL)
            fail_msg("allocation %zu: %s", n, err.msg);
        assert_int_equal(count_files(f->folder), files);
    }
    assert_true(n > 40);
}

static void test_optimize__every_failed_allocation_is_an_error(void **state)
{
    (void)state;
    fixture f;
    make_folder(&f);
    write_text(at(&f, "in.wasm"), text);
    fail_each_allocation(&f, optimize, "in.wasm", 1);
    assert_plan(at(&f, "made.wasm"), 1, (uint32_t[]){1, 0, 3, 4, 2});
    assert_int_equal(rename(at(&f, "made.wasm"), at(&f, "out.wasm")), 0);
    fail_each_allocation(&f, bundle, "out.wasm", 2);
    assert_plan(at(&f, "made.wasm"), 0, (uint32_t[]){1, 0, 3, 4, 2});
    remove_folder(&f);
}

const struct CMUnitTest order_tests[] = {
    cmocka_unit_test(test_optimize__orders_and_renumbers),
    cmocka_unit_test(test_optimize__every_failed_allocation_is_an_error),
};
const size_t n_order_tests = sizeof order_tests / sizeof *order_tests;
