#include "check.h"

#include "component/types.h"

static const sl_type *prim(sl_type_kind kind)
{
    return sl_type_primitive(kind);
}

static sl_type list_of(const sl_type *elem, uint32_t len)
{
    sl_type t = {.kind = SL_T_LIST};
    t.of.list.elem = elem;
    t.of.list.len = len;
    sl_type_finish(&t);
    return t;
}

static sl_type with_labels(sl_type_kind kind, const sl_label *v, uint32_t n)
{
    sl_type t = {.kind = kind};
    t.of.labels.v = v;
    t.of.labels.n = n;
    sl_type_finish(&t);
    return t;
}

static void check_layout(const sl_type *t, int is64, uint32_t size,
                         uint32_t align, uint32_t n_flat)
{
    assert_int_equal(t->layout[is64].size, size);
    assert_int_equal(t->layout[is64].align, align);
    assert_int_equal(t->layout[is64].n_flat, n_flat);
}

static void test_layout__of_primitives(void **state)
{
    (void)state;
    static const struct {
        sl_type_kind kind;
        uint32_t size, size64;
    } row[] = {{SL_T_BOOL, 1, 1},   {SL_T_S16, 2, 2}, {SL_T_CHAR, 4, 4},
               {SL_T_U64, 8, 8},    {SL_T_F32, 4, 4}, {SL_T_F64, 8, 8},
               {SL_T_STRING, 8, 16}};
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        assert_int_equal(prim(row[i].kind)->layout[0].size, row[i].size);
        assert_int_equal(prim(row[i].kind)->layout[1].size, row[i].size64);
        assert_int_equal(prim(row[i].kind)->kind, row[i].kind);
    }
}

static void test_layout__of_compounds(void **state)
{
    (void)state;
    sl_label fields[] = {{SL_NAME("a"), prim(SL_T_U8)},
                         {SL_NAME("b"), prim(SL_T_U64)},
                         {SL_NAME("c"), prim(SL_T_STRING)}};
    sl_type record = with_labels(SL_T_RECORD, fields, 3);
    check_layout(&record, 0, 24, 8, 4);
    check_layout(&record, 1, 32, 8, 4);
    assert_true(record.has_pointer);

    sl_label cases[] = {{SL_NAME("x"), prim(SL_T_F32)},
                        {SL_NAME("y"), prim(SL_T_U64)},
                        {SL_NAME("z"), NULL}};
    sl_type variant = with_labels(SL_T_VARIANT, cases, 3);
    check_layout(&variant, 0, 16, 8, 2);
    assert_int_equal(variant.layout[0].flat[1], SL_I64);
    assert_int_equal(sl_payload_offset(&variant, false), 8);

    sl_type fixed = list_of(prim(SL_T_U16), 5);
    check_layout(&fixed, 0, 10, 2, 5);
    assert_false(fixed.has_pointer);
    sl_type list = list_of(prim(SL_T_U16), 0);
    check_layout(&list, 1, 16, 8, 2);
    assert_true(list.has_pointer);
}

static void test_discriminant__grows_with_the_cases(void **state)
{
    (void)state;
    assert_int_equal(sl_discriminant_size(1), 1);
    assert_int_equal(sl_discriminant_size(256), 1);
    assert_int_equal(sl_discriminant_size(257), 2);
    assert_int_equal(sl_discriminant_size(65536), 2);
    assert_int_equal(sl_discriminant_size(65537), 4);
}

/* CanonicalABI.md "Flattening": join. */
static void test_flatten__joins_the_cases(void **state)
{
    (void)state;
    sl_label a[] = {{.type = prim(SL_T_F32)}, {.type = prim(SL_T_F64)}};
    sl_label b[] = {{.type = prim(SL_T_U32)},
                    {.type = prim(SL_T_F64)},
                    {.type = prim(SL_T_F32)}};
    sl_type ta = with_labels(SL_T_TUPLE, a, 2);
    sl_type tb = with_labels(SL_T_TUPLE, b, 3);
    sl_label cases[] = {{SL_NAME("a"), &ta}, {SL_NAME("b"), &tb}};
    sl_type v = with_labels(SL_T_VARIANT, cases, 2);
    static const sl_valtype want[] = {SL_I32, SL_I32, SL_F64, SL_F32};
    sl_valtype flat[8];
    uint32_t n = 0;
    sl_flatten(&v, false, flat, 8, &n);
    assert_int_equal(n, 4);
    assert_memory_equal(flat, want, sizeof want);
}

/* Flattenings beyond what a layout keeps are walked. */
static void test_flatten__goes_on_where_the_cache_ends(void **state)
{
    (void)state;
    sl_label parts[] = {{.type = prim(SL_T_U8)}, {.type = prim(SL_T_F64)}};
    sl_type pair = with_labels(SL_T_TUPLE, parts, 2);
    sl_type many = list_of(&pair, 20);
    sl_label cases[] = {{SL_NAME("a"), &many}, {SL_NAME("b"), prim(SL_T_F32)}};
    sl_type v = with_labels(SL_T_VARIANT, cases, 2);
    sl_valtype flat[41] = {0};
    uint32_t n = 0;
    sl_flatten(&v, false, flat, 41, &n);
    assert_int_equal(n, 41);
    assert_int_equal(flat[1], SL_I32); /* i32 and f32 */
    for (int i = 1; i < 20; i++) {
        assert_int_equal(flat[1 + 2 * i], SL_I32);
        assert_int_equal(flat[2 + 2 * i], SL_F64);
    }
    n = 0;
    sl_flatten(&v, false, flat, 5, &n);
    assert_int_equal(n, 41);
    sl_type huge = list_of(&many, 100000);
    assert_int_equal(huge.layout[0].n_flat, UINT32_MAX);
}

static void test_size__is_clamped_never_wrapped(void **state)
{
    (void)state;
    sl_type a = list_of(prim(SL_T_U64), UINT32_MAX);
    assert_int_equal(a.layout[0].size, UINT32_MAX);
    sl_type b = list_of(&a, UINT32_MAX);
    assert_int_equal(b.layout[0].size, UINT32_MAX);
}

static void test_type_text__fits_its_buffer(void **state)
{
    (void)state;
    char text[64];
    sl_type list = list_of(prim(SL_T_U8), 0);
    sl_type result = {.kind = SL_T_RESULT};
    result.of.result.error = &list;
    sl_type_finish(&result);
    assert_string_equal(sl_type_text(&result, text, sizeof text),
                        "result<_, list<u8>>");
    assert_string_equal(sl_type_text(&result, text, 8), "result<");
    assert_string_equal(sl_type_text(NULL, text, sizeof text), "none");
    assert_string_equal(sl_sort_text(SL_SORT_CORE_DATA), "core data");
}

static void test_type_eq__is_structural(void **state)
{
    (void)state;
    sl_type a = list_of(prim(SL_T_U8), 0), b = list_of(prim(SL_T_U8), 0);
    sl_type c = list_of(prim(SL_T_S8), 0), d = list_of(prim(SL_T_U8), 4);
    assert_true(sl_type_eq(&a, &b));
    assert_false(sl_type_eq(&a, &c));
    assert_false(sl_type_eq(&a, &d));
    assert_true(sl_type_eq(NULL, NULL));
    assert_false(sl_type_eq(&a, NULL));
}

const struct CMUnitTest layout_tests[] = {
    cmocka_unit_test(test_layout__of_primitives),
    cmocka_unit_test(test_layout__of_compounds),
    cmocka_unit_test(test_discriminant__grows_with_the_cases),
    cmocka_unit_test(test_flatten__joins_the_cases),
    cmocka_unit_test(test_flatten__goes_on_where_the_cache_ends),
    cmocka_unit_test(test_size__is_clamped_never_wrapped),
    cmocka_unit_test(test_type_text__fits_its_buffer),
    cmocka_unit_test(test_type_eq__is_structural),
};
const size_t n_layout_tests = sizeof layout_tests / sizeof *layout_tests;
