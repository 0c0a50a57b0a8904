#include "fixture.h"

#include <math.h>

static void make_text(sluice_val *out, const char *text)
{
    assert_true(sluice_val_string(out, text, strlen(text)));
}

/* A value of many kinds: list<tuple<string, option<list<u16>>>>. */
static void make_tree(sluice_val *out)
{
    static const uint16_t numbers[] = {1, 2, 3};
    assert_true(sluice_val_items(out, SLUICE_LIST, 2));
    for (int i = 0; i < 2; i++) {
        sluice_val packed, *pair = &out->of.list.items[i];
        assert_true(sluice_val_items(pair, SLUICE_TUPLE, 2));
        make_text(&pair->of.list.items[0], i == 0 ? "" : "two");
        assert_true(sluice_val_bytes(&packed, SLUICE_U16, numbers, 3));
        assert_true(sluice_val_variant(&pair->of.list.items[1], SLUICE_OPTION,
                                       (uint32_t)i, i == 0 ? NULL : &packed));
        if (i != 0)
            assert_int_equal(packed.kind, SLUICE_BOOL); /* taken */
        sluice_val_deinit(&packed);
    }
}

static void test_val__made_copied_compared(void **state)
{
    (void)state;
    sluice_val a, b, c;
    make_tree(&a);
    make_tree(&b);
    assert_true(sluice_val_eq(&a, &b));
    assert_true(sluice_val_copy(&a, &c));
    sluice_val_deinit(&a);
    assert_int_equal(a.kind, SLUICE_BOOL);
    assert_true(sluice_val_eq(&b, &c));
    ((uint16_t *)c.of.list.items[1]
         .of.list.items[1]
         .of.variant.payload->of.bytes.data)[2] = 9;
    assert_false(sluice_val_eq(&b, &c));
    sluice_val_deinit(&b);
    sluice_val_deinit(&c);
    sluice_val_deinit(&c); /* twice is fine */
    sluice_val_deinit(NULL);
}

static void test_val__eq(void **state)
{
    (void)state;
    sluice_val nan1 = {.kind = SLUICE_F64, .of.f64 = NAN};
    sluice_val nan2 = {.kind = SLUICE_F64, .of.f64 = -NAN};
    sluice_val zero = {.kind = SLUICE_F64, .of.f64 = 0.0};
    sluice_val u = {.kind = SLUICE_U8, .of.u8 = 0};
    sluice_val one = u32_val(1), two = u32_val(2);
    assert_true(sluice_val_eq(&nan1, &nan2));
    assert_false(sluice_val_eq(&nan1, &zero));
    assert_false(sluice_val_eq(&u, &zero));
    assert_false(sluice_val_eq(&one, &two));
    assert_true(sluice_val_eq(&one, &one));
    sluice_val x, y;
    make_text(&x, "x");
    make_text(&y, "xy");
    assert_false(sluice_val_eq(&x, &y));
    sluice_val_deinit(&x);
    sluice_val_deinit(&y);
    assert_true(sluice_val_items(&x, SLUICE_LIST, 0));
    assert_true(sluice_val_bytes(&y, SLUICE_U8, NULL, 0));
    assert_true(sluice_val_eq(&x, &y)); /* an empty list is an empty list */
    sluice_val_deinit(&x);
    sluice_val_deinit(&y);
    assert_false(sluice_val_bytes(&x, SLUICE_STRING, "", 1));
    assert_int_equal(x.kind, SLUICE_BOOL);
}

static void test_val__streams_are_not_copied(void **state)
{
    (void)state;
    sluice_val list, copy, stream = {.kind = SLUICE_STREAM};
    assert_false(sluice_val_copy(&stream, &copy));
    assert_true(sluice_val_items(&list, SLUICE_TUPLE, 2));
    make_text(&list.of.list.items[0], "first");
    list.of.list.items[1] = stream;
    assert_false(sluice_val_copy(&list, &copy));
    sluice_val_deinit(&copy);
    sluice_val_deinit(&list);
}

/* --- Through a guest ---------------------------------------------------------- */

static void echo(const char *component, sluice_val *arg)
{
    fixture f;
    sluice_val want, result = {0};
    fixture_init(&f, component);
    fixture_instantiate(&f);
    assert_true(sluice_val_copy(arg, &want));
    if (call(&f, "echo", arg, &result) != SLUICE_OK)
        fail_msg("%s", f.error.message);
    assert_int_equal(arg->kind, SLUICE_BOOL); /* taken */
    assert_true(sluice_val_eq(&result, &want));
    sluice_val_deinit(&result);
    sluice_val_deinit(&want);
    fixture_deinit(&f);
}

static void test_val__through_a_guest(void **state)
{
    (void)state;
    static const uint32_t numbers[] = {1, UINT32_MAX, 3};
    sluice_val v;
    make_text(&v, "gr\xc3\xbc\xc3\x9f");
    echo(ECHO("", "string"), &v);
    make_text(&v, "");
    echo(ECHO("", "string"), &v);
    assert_true(sluice_val_bytes(&v, SLUICE_U32, numbers, 3));
    echo(ECHO("", "(list u32)"), &v);
    assert_true(sluice_val_bytes(&v, SLUICE_F64, NULL, 2));
    echo(ECHO("", "(list f64)"), &v);
    make_tree(&v);
    echo(ECHO("", "(list (tuple string (option (list u16))))"), &v);

    assert_true(sluice_val_items(&v, SLUICE_LIST, 3));
    for (uint32_t i = 0; i < 3; i++)
        v.of.list.items[i] = (sluice_val){.kind = SLUICE_BOOL,
                                          .of.boolean = i != 1};
    echo(ECHO("", "(list bool)"), &v);

    assert_true(sluice_val_items(&v, SLUICE_LIST, 3));
    for (uint32_t i = 0; i < 3; i++) {
        sluice_val payload = {.kind = SLUICE_CHAR, .of.chr = 0x1f600};
        assert_true(sluice_val_variant(&v.of.list.items[i], SLUICE_VARIANT, i,
                                       i == 1 ? &payload : NULL));
    }
    echo(ECHO("(type $v' (variant (case \"a\") (case \"b\" char) (case \"c\")))"
              "(export $v \"v\" (type $v'))",
              "(list $v)"),
         &v);

    assert_true(sluice_val_items(&v, SLUICE_RECORD, 2));
    v.of.list.items[0] = (sluice_val){.kind = SLUICE_FLAGS, .of.flags = 5};
    v.of.list.items[1] = (sluice_val){.kind = SLUICE_ENUM,
                                      .of.variant.index = 1};
    sluice_val list;
    assert_true(sluice_val_items(&list, SLUICE_LIST, 1));
    list.of.list.items[0] = v;
    echo(ECHO("(type $f' (flags \"a\" \"b\" \"c\"))"
              "(export $f \"f\" (type $f'))"
              "(type $e' (enum \"x\" \"y\")) (export $e \"e\" (type $e'))"
              "(type $r' (record (field \"f\" $f) (field \"e\" $e)))"
              "(export $r \"r\" (type $r'))",
              "(list $r)"),
         &list);
}

const struct CMUnitTest value_tests[] = {
    cmocka_unit_test(test_val__made_copied_compared),
    cmocka_unit_test(test_val__eq),
    cmocka_unit_test(test_val__streams_are_not_copied),
    cmocka_unit_test(test_val__through_a_guest),
};
const size_t n_value_tests = N(value_tests);
