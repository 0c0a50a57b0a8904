#include "bytes.h"

static void test_preamble__by_layer_and_version(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t len;
        sl_status code;
        const char *words;
    } row[] = {
        {PREAMBLE, 8, SL_OK, ""},
        {"\0asm\1\0\0\0", 8, SL_EUNSUPPORTED, "expected a version header"},
        {"\0asm\x0c\0\1\0", 8, SL_EMALFORMED, "unknown binary version"},
        {"\0asn\x0d\0\1\0", 8, SL_EMALFORMED, "magic header not detected"},
        {"\0asm\x0d\0\1", 7, SL_EMALFORMED, "unexpected end-of-file"},
        {"", 0, SL_EMALFORMED, "unexpected end-of-file"},
    };
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        sl_err err = {0};
        sl_component *c = decode_bytes(row[i].bytes, row[i].len, ALL, &err);
        assert_int_equal(err.code, row[i].code);
        assert_non_null(strstr(err.msg, row[i].words));
        sl_component_free(c);
    }
}

static void test_sections__well_formed_or_not(void **state)
{
    (void)state;
    expect_body("\x07\x01\x00", SL_OK, "");
    expect_body("\x0e\x00", SL_EMALFORMED, "malformed section id");
    expect_body("\x07\x03\x00", SL_EMALFORMED, "unexpected end-of-file");
    expect_body("\x07\x02\x00\x00", SL_EMALFORMED, "section size mismatch");
    expect_body("\x07\x81\x80\x80\x80\x70", SL_EMALFORMED, "integer too large");
    expect_body("\x00\x03\x02hi", SL_OK, "");
    expect_body("\x00\x03\x02\xff\xfe", SL_EMALFORMED,
                "malformed UTF-8 encoding");
    expect_body("\x09\x01\x00", SL_EINVALID, "unknown function 0");
}

/* A failure's place is an offset in the whole source. */
static void test_error__has_its_offset(void **state)
{
    (void)state;
    sl_err err = {0};
    static const char bytes[] = PREAMBLE "\x07\x03\x01\x70\x05";
    assert_null(decode_bytes(bytes, sizeof bytes - 1, ALL, &err));
    assert_int_equal(err.code, SL_EINVALID);
    assert_int_equal(err.at, 12);
    assert_string_equal(err.msg, "unknown type 5: type index out of bounds");
}

/* A function import, lowered: the definitions are replayed in order. */
static void test_defs__carry_their_indices(void **state)
{
    (void)state;
    static const char bytes[] =
        PREAMBLE "\x07\x09\x02\x7b\x40\x01\x01x\x00\x00\x7a" /* u16; func */
                 "\x0a\x06\x01\x00\x01"
                 "f\x01\x01"                    /* import f */
                 "\x08\x05\x01\x01\x00\x00\x00" /* lower 0 */
                 "\x0b\x07\x01\x00\x01"
                 "g\x01\x00\x00"; /* export g */
    sl_err err = {0};
    sl_component *c = decode_bytes(bytes, sizeof bytes - 1, ALL, &err);
    assert_string_equal(err.msg, "");
    assert_non_null(c);
    assert_int_equal(c->n_defs, 5);
    assert_int_equal(c->defs[2].kind, SL_DEF_IMPORT);
    assert_int_equal(c->defs[2].makes.sort, SL_SORT_FUNC);
    assert_int_equal(c->defs[2].makes.index, 0);
    const sl_def *lower = &c->defs[3];
    assert_int_equal(lower->kind, SL_DEF_CANON);
    assert_int_equal(lower->makes.sort, SL_SORT_CORE_FUNC);
    assert_int_equal(lower->of.canon.core->n_params, 1);
    assert_int_equal(lower->of.canon.core->n_results, 1);
    assert_int_equal(lower->of.canon.opts.memory, SL_NO_INDEX);
    assert_int_equal(c->defs[4].makes.index, 1);
    assert_int_equal(c->count[SL_SORT_FUNC], 2);
    assert_int_equal(c->count[SL_SORT_TYPE], 2);
    assert_ptr_equal(c->funcs[0], c->types[1]);
    assert_int_equal(sl_component_export(c, SL_NAME("g")), 0);
    assert_int_equal(sl_component_export(c, SL_NAME("h")), SL_NO_INDEX);
    sl_component_free(c);
}

static void test_component_name__from_its_section(void **state)
{
    (void)state;
    static const char bytes[] = PREAMBLE "\x00\x14\x0e"
                                         "component-name\x00\x03\x02"
                                         "hi";
    sl_err err = {0};
    sl_component *c = decode_bytes(bytes, sizeof bytes - 1, ALL, &err);
    assert_non_null(c);
    assert_true(sl_name_is(c->name, "hi"));
    sl_component_free(c);
}

/* Each gate, when it is off, refuses what it stands for and names itself. */
static void test_features__gate_what_they_name(void **state)
{
    (void)state;
    const sl_features few =
        SL_FEATURE_BIT(SL_FEATURE_ASYNC) | SL_FEATURE_BIT(SL_FEATURE_DATA);
    static const struct {
        const char *bytes;
        size_t len;
        const char *words;
    } row[] = {
#define ROW(bytes, words) {PREAMBLE bytes, sizeof(PREAMBLE bytes) - 1, words}
        ROW("\x07\x04\x01\x3f\x7f\x00", "unsupported feature `resources`"),
        ROW("\x0a\x06\x01\x00\x01r\x03\x01", "unsupported feature `resources`"),
        ROW("\x07\x02\x01\x64", "unsupported feature `error-context`"),
        ROW("\x08\x02\x01\x26", "unsupported feature `threads`"),
        ROW("\x0c\x01\x00", "unsupported feature `values`"),
        ROW("\x03\x07\x01\x00\x50\x00\x60\x00\x00", "unsupported feature `gc`"),
        ROW("\x03\x02\x01\x5f", "unsupported feature `gc`"),
#undef ROW
    };
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        sl_err err = {0};
        assert_null(decode_bytes(row[i].bytes, row[i].len,
                                 few, &err));
        assert_non_null(strstr(err.msg, row[i].words));
    }
    static const char yield[] = PREAMBLE "\x08\x03\x01\x0c\x00";
    sl_err err = {0};
    sl_component *c =
        decode_bytes(yield, sizeof yield - 1, few, &err);
    assert_non_null(c); /* thread.yield is a built-in of async */
    sl_component_free(c);
}

/* One resource supplied for an import takes its place in the exports. */
static void test_instantiate__substitutes_resources(void **state)
{
    (void)state;
    static const char inner[] =
        PREAMBLE "\x0a\x06\x01\x00\x01x\x03\x01" /* import x (sub resource) */
                 "\x0b\x07\x01\x00\x01y\x03\x00\x00"; /* export y (type x) */
    sl_buf buf;
    sl_buf_init(&buf);
    put_preamble(&buf);
    put_section(&buf, 7, "\x01\x3f\x7f\x00"); /* (resource (rep i32)) */
    put_section(&buf, 4, inner);
    put_section(&buf, 5, "\x01\x00\x00\x01\x01x\x03\x00");
    put_section(&buf, 6, "\x01\x03\x00\x00\x01y");
    put_section(&buf, 8, "\x01\x04\x01"); /* resource.rep: still local */
    sl_err err = {0};
    sl_component *c = decode_buf(&buf, &err);
    assert_string_equal(err.msg, "");
    assert_ptr_equal(sl_resource_of(c->types[1]), c->types[0]);
    sl_component_free(c);

    /* Two instances of a component that defines one: two resources. */
    static const char maker[] =
        PREAMBLE "\x07\x04\x01\x3f\x7f\x00\x0b\x07\x01\x00\x01y\x03\x00\x00";
    sl_buf_clear(&buf);
    put_preamble(&buf);
    put_section(&buf, 4, maker);
    put_section(&buf, 5, "\x02\x00\x00\x00\x00\x00\x00");
    put_section(&buf, 6, "\x02\x03\x00\x00\x01y\x03\x00\x01\x01y");
    c = decode_buf(&buf, &err);
    assert_string_equal(err.msg, "");
    assert_ptr_not_equal(sl_resource_of(c->types[0]),
                         sl_resource_of(c->types[1]));
    sl_component_free(c);
    sl_buf_deinit(&buf);
}

static void test_externtype_matches__says_why_not(void **state)
{
    (void)state;
    sl_label p = {SL_NAME("x"), sl_type_primitive(SL_T_U8)};
    sl_label q = {SL_NAME("x"), sl_type_primitive(SL_T_S8)};
    sl_type f = {.kind = SL_T_FUNC}, g = {.kind = SL_T_FUNC};
    f.of.func.n_params = g.of.func.n_params = 1;
    f.of.func.params = &p;
    g.of.func.params = &q;
    sl_externtype have = {SL_SORT_FUNC, &f}, want = {SL_SORT_FUNC, &g};
    sl_err err = {0};
    assert_true(sl_externtype_matches(&have, &have, SL_EUNLINKABLE, &err));
    assert_false(sl_externtype_matches(&have, &want, SL_EUNLINKABLE, &err));
    assert_int_equal(err.code, SL_EUNLINKABLE);
    assert_string_equal(err.msg,
                        "type mismatch in function parameter `x`: expected "
                        "primitive `s8` found primitive `u8`");
    sl_err other = {0};
    want.sort = SL_SORT_COMPONENT;
    assert_false(sl_externtype_matches(&have, &want, SL_EINVALID, &other));
    assert_string_equal(other.msg, "expected component, found func");
}

const struct CMUnitTest decode_tests[] = {
    cmocka_unit_test(test_preamble__by_layer_and_version),
    cmocka_unit_test(test_sections__well_formed_or_not),
    cmocka_unit_test(test_error__has_its_offset),
    cmocka_unit_test(test_defs__carry_their_indices),
    cmocka_unit_test(test_component_name__from_its_section),
    cmocka_unit_test(test_features__gate_what_they_name),
    cmocka_unit_test(test_instantiate__substitutes_resources),
    cmocka_unit_test(test_externtype_matches__says_why_not),
};
const size_t n_decode_tests = sizeof decode_tests / sizeof *decode_tests;
