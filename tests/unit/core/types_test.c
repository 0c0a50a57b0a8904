#include "check.h"

#include "core/module.h"

static void test_limits__match(void **state)
{
    (void)state;
    static const struct {
        sl_limits have, want;
        bool matches;
    } row[] = {
        {{1, 0}, {1, 0}, true},
        {{2, 0}, {1, 0}, true},
        {{0, 0}, {1, 0}, false},
        {{1, 2, true}, {1, 0}, true},
        {{1, 2, true}, {1, 2, true}, true},
        {{1, 2, true}, {1, 3, true}, true},
        {{1, 3, true}, {1, 2, true}, false},
        {{1, 0}, {1, 2, true}, false},
        {{1, 0, false, true}, {1, 0}, false},
        {{1, 0, false, false, true}, {1, 0}, false},
    };
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        sl_core_externtype have = {SL_CORE_MEMORY}, want = {SL_CORE_MEMORY};
        have.of.memory.limits = row[i].have;
        want.of.memory.limits = row[i].want;
        assert_int_equal(sl_core_externtype_matches(&have, &want),
                         row[i].matches);
        have.kind = want.kind = SL_CORE_TABLE;
        have.of.table = (sl_tabletype){SL_FUNCREF, row[i].have};
        want.of.table = (sl_tabletype){SL_FUNCREF, row[i].want};
        assert_int_equal(sl_core_externtype_matches(&have, &want),
                         row[i].matches);
        want.of.table.elem = SL_EXTERNREF;
        assert_false(sl_core_externtype_matches(&have, &want));
    }
}

static void test_functions_and_globals__match_exactly(void **state)
{
    (void)state;
    static const sl_valtype one[] = {SL_I32, SL_I64}, two[] = {SL_I32, SL_F64};
    sl_functype a = {1, 1, one}, b = {1, 1, two}, c = {2, 0, one}, d = {0};
    sl_core_externtype have = {SL_CORE_FUNC, {.func = &a}};
    sl_core_externtype want = have;
    assert_true(sl_core_externtype_matches(&have, &want));
    want.of.func = &b;
    assert_false(sl_core_externtype_matches(&have, &want));
    want.of.func = &c;
    assert_false(sl_core_externtype_matches(&have, &want));
    want.of.func = &d;
    assert_false(sl_core_externtype_matches(&have, &want));
    have = (sl_core_externtype){SL_CORE_GLOBAL, {.global = {SL_I32, false}}};
    assert_false(sl_core_externtype_matches(&have, &want));
    want = have;
    assert_true(sl_core_externtype_matches(&have, &want));
    want.of.global.mutable_ = true;
    assert_false(sl_core_externtype_matches(&have, &want));
    want.of.global = (sl_globaltype){SL_I64, false};
    assert_false(sl_core_externtype_matches(&have, &want));
}

static void test_texts(void **state)
{
    (void)state;
    assert_string_equal(sl_valtype_text(SL_I32), "i32");
    assert_string_equal(sl_valtype_text(SL_EXTERNREF), "externref");
    assert_string_equal(sl_valtype_text(SL_EXNREF), "exnref");
    assert_string_equal(sl_core_kind_text(SL_CORE_MEMORY), "memory");
}

const struct CMUnitTest types_tests[] = {
    cmocka_unit_test(test_limits__match),
    cmocka_unit_test(test_functions_and_globals__match_exactly),
    cmocka_unit_test(test_texts),
};
const size_t n_types_tests = sizeof types_tests / sizeof *types_tests;
