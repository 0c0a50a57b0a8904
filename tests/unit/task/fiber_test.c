#include "fixture.h"

#include <fenv.h>

static sl_fiber_pool *pool_new(fixture *f)
{
    sl_err err = {0};
    sl_fiber_pool *pool = sl_fiber_pool_new(f->store->core, &f->store->trap,
                                            256 * 1024, 64 * 1024, &err);
    assert_non_null(pool);
    return pool;
}

static sl_status count_to_three(sl_fiber *fiber, void *arg)
{
    int *n = arg;
    for (*n = 1; *n < 3; ++*n)
        sl_fiber_suspend(fiber, n);
    return SL_EIO;
}

static void test_resume__goes_back_and_forth(void **state)
{
    (void)state;
    fixture f;
    int n = 0;
    fixture_init(&f);
    sl_fiber_pool *pool = pool_new(&f);
    sl_fiber *fiber = sl_fiber_acquire(pool, count_to_three, &n, NULL);
    assert_non_null(fiber);
    assert_int_equal(n, 0);
    for (int i = 1; i < 3; i++) {
        sl_fiber_resume(fiber);
        assert_false(fiber->done);
        assert_ptr_equal(fiber->passed, &n);
        assert_int_equal(n, i);
    }
    sl_fiber_resume(fiber);
    assert_true(fiber->done);
    assert_int_equal(fiber->status, SL_EIO);
    sl_fiber_release(pool, fiber);
    sl_fiber_pool_free(pool);
    fixture_deinit(&f);
}

/* Fibers that resume fibers, each with a frame of its own to keep. */
typedef struct nest {
    sl_fiber_pool *pool;
    int depth, sum;
} nest;

static sl_status nested(sl_fiber *fiber, void *arg)
{
    nest *n = arg;
    volatile char keep[1000];
    memset((void *)keep, n->depth, sizeof keep);
    sl_fiber_suspend(fiber, NULL);
    if (n->depth > 0) {
        nest inner = {n->pool, n->depth - 1, 0};
        sl_fiber *in = sl_fiber_acquire(n->pool, nested, &inner, NULL);
        assert_non_null(in);
        while (!in->done)
            sl_fiber_resume(in);
        sl_fiber_release(n->pool, in);
        n->sum = inner.sum;
    }
    for (size_t i = 0; i < sizeof keep; i++)
        assert_int_equal(keep[i], n->depth);
    n->sum += n->depth;
    return SL_OK;
}

static void test_resume__nests(void **state)
{
    (void)state;
    fixture f;
    fixture_init(&f);
    sl_fiber_pool *pool = pool_new(&f);
    nest n = {pool, 40, 0};
    sl_fiber *fiber = sl_fiber_acquire(pool, nested, &n, NULL);
    while (!fiber->done)
        sl_fiber_resume(fiber);
    sl_fiber_release(pool, fiber);
    assert_int_equal(n.sum, 820);
    assert_int_equal(sl_fiber_pool_count(pool), 41);
    sl_fiber_pool_free(pool);
    fixture_deinit(&f);
}

static void test_release__pools_so_many(void **state)
{
    (void)state;
    fixture f;
    sl_fiber *fibers[200];
    int n;
    fixture_init(&f);
    sl_fiber_pool *pool = pool_new(&f);
    for (int i = 0; i < 200; i++) {
        fibers[i] = sl_fiber_acquire(pool, count_to_three, &n, NULL);
        assert_non_null(fibers[i]);
    }
    assert_int_equal(sl_fiber_pool_count(pool), 200);
    for (int i = 0; i < 200; i++)
        sl_fiber_release(pool, fibers[i]);
    assert_int_equal(sl_fiber_pool_count(pool), 64);
    for (int i = 0; i < 1000; i++) {
        sl_fiber *fiber = sl_fiber_acquire(pool, count_to_three, &n, NULL);
        while (!fiber->done)
            sl_fiber_resume(fiber);
        sl_fiber_release(pool, fiber);
    }
    assert_int_equal(sl_fiber_pool_count(pool), 64);
    sl_fiber_pool_free(pool);
    fixture_deinit(&f);
}

static sl_status round_up(sl_fiber *fiber, void *arg)
{
    double *x = arg;
    fesetround(FE_UPWARD);
    sl_fiber_suspend(fiber, NULL);
    x[1] = (double)fegetround();
    return SL_OK;
}

static void test_switch__keeps_the_rounding_mode_of_each_side(void **state)
{
    (void)state;
    fixture f;
    double x[2] = {0};
    fixture_init(&f);
    sl_fiber_pool *pool = pool_new(&f);
    sl_fiber *fiber = sl_fiber_acquire(pool, round_up, x, NULL);
    sl_fiber_resume(fiber);
    assert_int_equal(fegetround(), FE_TONEAREST);
    sl_fiber_resume(fiber);
    assert_int_equal((int)x[1], FE_UPWARD);
    assert_int_equal(fegetround(), FE_TONEAREST);
    sl_fiber_release(pool, fiber);
    sl_fiber_pool_free(pool);
    fixture_deinit(&f);
}

const struct CMUnitTest fiber_tests[] = {
    cmocka_unit_test(test_resume__goes_back_and_forth),
    cmocka_unit_test(test_resume__nests),
    cmocka_unit_test(test_release__pools_so_many),
    cmocka_unit_test(test_switch__keeps_the_rounding_mode_of_each_side),
};
const size_t n_fiber_tests = sizeof fiber_tests / sizeof *fiber_tests;
