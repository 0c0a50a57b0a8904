#include "fixture.h"

static void test_add__reuses_what_was_freed_last(void **state)
{
    (void)state;
    fixture f;
    uint32_t i[5];
    int item;
    fixture_init(&f);
    for (int n = 0; n < 4; n++)
        assert_int_equal(sl_handles_add(f.a, SL_HANDLE_SUBTASK, &item, &i[n]),
                         SL_OK);
    for (uint32_t n = 0; n < 4; n++)
        assert_int_equal(i[n], n + 1);
    assert_int_equal(f.a->handles.n, 4);
    sl_handles_remove(&f.a->handles, 2);
    sl_handles_remove(&f.a->handles, 4);
    assert_null(sl_handles_get(&f.a->handles, 4));
    for (int n = 0; n < 3; n++)
        sl_handles_add(f.a, SL_HANDLE_SUBTASK, &item, &i[n]);
    assert_int_equal(i[0], 4);
    assert_int_equal(i[1], 2);
    assert_int_equal(i[2], 5);
    for (uint32_t n = 1; n <= 5; n++)
        sl_handles_remove(&f.a->handles, n);
    assert_int_equal(f.a->handles.n, 0);
    fixture_deinit(&f);
}

static void test_expect__traps_with_the_suites_words(void **state)
{
    (void)state;
    static const struct {
        uint32_t index;
        const char *msg;
    } row[] = {
        {0, "unknown handle index 0"},
        {2, "unknown handle index 2"},
        {UINT32_MAX, "unknown handle index 4294967295"},
        {1, "handle index 1 used with the wrong type, expected waitable set "
            "but found subtask"},
    };
    fixture f;
    uint32_t index;
    void *item;
    int subtask;
    fixture_init(&f);
    assert_int_equal(sl_handles_expect(f.a, 0, SL_HANDLE_WAITABLE_SET, &item),
                     SL_ETRAP);
    sl_handles_add(f.a, SL_HANDLE_SUBTASK, &subtask, &index);
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        f.store->trap.err = (sl_err){0};
        assert_int_equal(
            sl_handles_expect(f.a, row[i].index, SL_HANDLE_WAITABLE_SET, &item),
            SL_ETRAP);
        assert_string_equal(f.store->trap.err.msg, row[i].msg);
    }
    assert_int_equal(sl_handles_expect(f.a, 1, SL_HANDLE_SUBTASK, &item),
                     SL_OK);
    assert_ptr_equal(item, &subtask);
    sl_handles_remove(&f.a->handles, 1);
    fixture_deinit(&f);
}

static void test_add__stops_at_the_limit(void **state)
{
    (void)state;
    fixture f;
    uint32_t index;
    int item;
    fixture_init(&f);
    f.store->limits.handles = 3;
    for (int i = 0; i < 3; i++)
        assert_int_equal(sl_handles_add(f.a, SL_HANDLE_SUBTASK, &item, &index),
                         SL_OK);
    assert_int_equal(sl_handles_add(f.a, SL_HANDLE_SUBTASK, &item, &index),
                     SL_ETRAP);
    assert_string_equal(f.store->trap.err.msg,
                        "too many handles in one component instance");
    fixture_deinit(&f);
}

static int freed;
static void count_free(sl_store *store, void *item)
{
    (void)store, (void)item;
    freed++;
}

static void test_store_free__frees_what_is_in_the_tables(void **state)
{
    (void)state;
    fixture f;
    uint32_t index;
    int item;
    fixture_init(&f);
    freed = 0;
    f.store->free_item[SL_HANDLE_SUBTASK] = count_free;
    f.store->free_item[SL_HANDLE_RESOURCE] = count_free;
    sl_handles_add(f.a, SL_HANDLE_SUBTASK, &item, &index);
    sl_handles_add(f.b, SL_HANDLE_RESOURCE, &item, &index);
    sl_handles_add(f.b, SL_HANDLE_SUBTASK, &item, &index);
    fixture_deinit(&f);
    assert_int_equal(freed, 3);
}

/* definitions.py entering_set, for every pair of caller and callee. */
static void test_may_enter_from__subtracts_the_callers_ancestors(void **state)
{
    (void)state;
    fixture f;
    fixture_init(&f);
    sl_enter_from(f.a, NULL);
    assert_false(f.root->may_enter);
    assert_false(f.a->may_enter);
    assert_true(f.b->may_enter);
    assert_false(sl_may_enter_from(f.b, NULL));
    assert_true(sl_may_enter_from(f.b, f.a));
    assert_false(sl_may_enter_from(f.a, f.b));
    assert_true(sl_may_enter_from(f.root, f.a));
    sl_enter_from(f.b, f.a);
    assert_false(f.b->may_enter);
    sl_leave_to(f.b, f.a);
    assert_true(f.b->may_enter);
    assert_false(f.root->may_enter);
    sl_leave_to(f.a, NULL);
    assert_true(f.root->may_enter);
    assert_true(sl_may_enter_from(f.b, NULL));
    fixture_deinit(&f);
}

const struct CMUnitTest handle_tests[] = {
    cmocka_unit_test(test_add__reuses_what_was_freed_last),
    cmocka_unit_test(test_expect__traps_with_the_suites_words),
    cmocka_unit_test(test_add__stops_at_the_limit),
    cmocka_unit_test(test_store_free__frees_what_is_in_the_tables),
    cmocka_unit_test(test_may_enter_from__subtracts_the_callers_ancestors),
};
const size_t n_handle_tests = sizeof handle_tests / sizeof *handle_tests;
