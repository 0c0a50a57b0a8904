/* Values and start: Binary.md "Value Definitions", "Start Definitions". */
#include "bytes.h"

#define N(a) (sizeof(a) / sizeof *(a))

/* (value T V) as a component: T is the type's one byte or index. */
#define VALUE(type, bytes)                                                     \
    (const char *)(type), sizeof(type) - 1, (bytes), sizeof(bytes) - 1

/* Type section with one type, then a value of it, exported as "v". */
static void put_value(sl_buf *buf, const char *type, size_t type_len,
                      const char *bytes, size_t len)
{
    sl_buf body = {0};
    put_preamble(buf);
    if (type_len > 1) {
        sl_buf_u8(&body, 1);
        sl_buf_bytes(&body, type, type_len);
        put_section_of(buf, 7, body.data, body.len);
        sl_buf_clear(&body);
    }
    sl_buf_u8(&body, 1);
    sl_buf_u8(&body, type_len > 1 ? 0 : (uint8_t)type[0]);
    sl_buf_u32(&body, (uint32_t)len);
    sl_buf_bytes(&body, bytes, len);
    put_section_of(buf, 12, body.data, body.len);
    assert_false(body.failed);
    sl_buf_deinit(&body);
}

/* An (instance) that nobody uses, made of the value: so it is consumed without
 * its type having to be visible. */
static void put_use(sl_buf *buf)
{
    put_section(buf, 5, "\x01\x01\x01\x00\x01v\x02\x00");
}

#define RECORD                                                                 \
    "\x72\x02\x01"                                                             \
    "a\x7f\x01"                                                                \
    "b\x7d"
#define VARIANT                                                                \
    "\x71\x02\x01"                                                             \
    "a\x00\x00\x01"                                                            \
    "b\x01\x7d\x00"
#define ENUM                                                                   \
    "\x6d\x03\x01"                                                             \
    "a\x01"                                                                    \
    "b\x01"                                                                    \
    "c"
#define FLAGS3                                                                 \
    "\x6e\x03\x01"                                                             \
    "a\x01"                                                                    \
    "b\x01"                                                                    \
    "c"

static const struct {
    const char *type;
    size_t type_len;
    const char *bytes;
    size_t len;
    sl_status code;
    const char *words;
} rows[] = {
    {VALUE("\x7f", "\x00"), SL_OK, ""},
    {VALUE("\x7f", "\x01"), SL_OK, ""},
    {VALUE("\x7f", "\x02"), SL_EMALFORMED, "invalid boolean value 2"},
    {VALUE("\x7f", ""), SL_EMALFORMED, "unexpected end"},
    {VALUE("\x7f", "\x01\x01"), SL_EMALFORMED, "value size mismatch"},
    {VALUE("\x7d", "\xff"), SL_OK, ""},
    {VALUE("\x7e", "\x80"), SL_OK, ""},
    {VALUE("\x7d", ""), SL_EMALFORMED, "unexpected end"},
    {VALUE("\x7b", "\xff\xff\x03"), SL_OK, ""},
    {VALUE("\x7b", "\xff\xff\x04"), SL_EMALFORMED, "integer too large"},
    {VALUE("\x7b", "\x80\x80\x80\x00"), SL_EMALFORMED,
     "integer representation too long"},
    {VALUE("\x7c", "\x80\x80\x7e"), SL_OK, ""},
    {VALUE("\x7c", "\x80\x80\x7d"), SL_EMALFORMED, "integer too large"},
    {VALUE("\x7c", "\x80\x80\x80\x7f"), SL_EMALFORMED,
     "integer representation too long"},
    {VALUE("\x79", "\xff\xff\xff\xff\x0f"), SL_OK, ""},
    {VALUE("\x79", "\xff\xff\xff\xff\x1f"), SL_EMALFORMED, "integer too large"},
    {VALUE("\x7a", "\x7f"), SL_OK, ""},
    {VALUE("\x7a", "\x80"), SL_EMALFORMED, "unexpected end"},
    {VALUE("\x77", "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"), SL_OK, ""},
    {VALUE("\x77", "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02"), SL_EMALFORMED,
     "integer too large"},
    {VALUE("\x78", "\x80\x80\x80\x80\x80\x80\x80\x80\x80\x7f"), SL_OK, ""},
    {VALUE("\x76", "\x00\x00\x80\x3f"), SL_OK, ""},
    {VALUE("\x76", "\x00\x00\xc0\x7f"), SL_OK, ""},
    {VALUE("\x76", "\x00\x00\xc0\xff"), SL_EMALFORMED, "NaN"},
    {VALUE("\x76", "\x01\x00\xc0\x7f"), SL_EMALFORMED, "NaN"},
    {VALUE("\x76", "\x00\x00\xc0"), SL_EMALFORMED, "unexpected end"},
    {VALUE("\x75", "\x00\x00\x00\x00\x00\x00\xf8\x7f"), SL_OK, ""},
    {VALUE("\x75", "\x00\x00\x00\x00\x00\x00\xf4\x7f"), SL_EMALFORMED, "NaN"},
    {VALUE("\x75", "\x00\x00\x00\x00\x00\x00\xf0\x7f"), SL_OK, ""},
    {VALUE("\x74", "a"), SL_OK, ""},
    {VALUE("\x74", "\xf0\x9f\x99\x82"), SL_OK, ""},
    {VALUE("\x74", "\xf0\x9f\x99"), SL_EMALFORMED, "malformed UTF-8"},
    {VALUE("\x74", "\xed\xa0\x80"), SL_EMALFORMED, "malformed UTF-8"},
    {VALUE("\x74", "ab"), SL_EMALFORMED, "value size mismatch"},
    {VALUE("\x74", ""), SL_EMALFORMED, "unexpected end"},
    {VALUE("\x73", "\x02hi"), SL_OK, ""},
    {VALUE("\x73", "\x00"), SL_OK, ""},
    {VALUE("\x73", "\x03hi"), SL_EMALFORMED, "unexpected end"},
    {VALUE("\x73", "\x01\xff"), SL_EMALFORMED, "malformed UTF-8"},
    {VALUE("\x64", "\x00"), SL_EINVALID,
     "cannot hold a value of type error-context"},
    {VALUE(RECORD, "\x01\x09"), SL_OK, ""},
    {VALUE(RECORD, "\x01"), SL_EMALFORMED, "unexpected end"},
    {VALUE(RECORD, "\x01\x09\x00"), SL_EMALFORMED, "value size mismatch"},
    {VALUE(VARIANT, "\x00"), SL_OK, ""},
    {VALUE(VARIANT, "\x01\x07"), SL_OK, ""},
    {VALUE(VARIANT, "\x02"), SL_EMALFORMED, "invalid case 2"},
    {VALUE(VARIANT, "\x01"), SL_EMALFORMED, "unexpected end"},
    {VALUE("\x70\x7d", "\x02\x01\x02"), SL_OK, ""},
    {VALUE("\x70\x7d", "\x00"), SL_OK, ""},
    {VALUE("\x70\x7d", "\x03\x01\x02"), SL_EMALFORMED, "unexpected end"},
    {VALUE("\x70\x7f", "\x02\x01\x02"), SL_EMALFORMED, "invalid boolean"},
    {VALUE("\x67\x7d\x02", "\x01\x02"), SL_OK, ""},
    {VALUE("\x67\x7d\x02", "\x01"), SL_EMALFORMED, "unexpected end"},
    {VALUE("\x6f\x02\x7d\x73", "\x01\x01x"), SL_OK, ""},
    {VALUE(FLAGS3, "\x05"), SL_OK, ""},
    {VALUE(FLAGS3, "\xff"), SL_OK, ""}, /* what has no label is ignored */
    {VALUE(FLAGS3, ""), SL_EMALFORMED, "unexpected end"},
    {VALUE(ENUM, "\x02"), SL_OK, ""},
    {VALUE(ENUM, "\x03"), SL_EMALFORMED, "invalid case 3"},
    {VALUE("\x6b\x7d", "\x00"), SL_OK, ""},
    {VALUE("\x6b\x7d", "\x01\x09"), SL_OK, ""},
    {VALUE("\x6b\x7d", "\x02"), SL_EMALFORMED, "for option value"},
    {VALUE("\x6a\x00\x00", "\x00"), SL_OK, ""},
    {VALUE("\x6a\x01\x7d\x00", "\x00\x01"), SL_OK, ""},
    {VALUE("\x6a\x00\x01\x73", "\x01\x01z"), SL_OK, ""},
    {VALUE("\x6a\x00\x01\x73", "\x02"), SL_EMALFORMED, "for result value"},
    {VALUE("\x63\x73\x7d", "\x01\x01k\x07"), SL_OK, ""},
    {VALUE("\x63\x73\x7d", "\x01\x01k"), SL_EMALFORMED, "unexpected end"},
    {VALUE("\x66\x00", "\x00"), SL_EINVALID, "cannot hold a value of type"},
    {VALUE("\x65\x01\x7d", "\x00"), SL_EINVALID, "of type future<u8>"},
};

static void test_decode_value__every_form(void **state)
{
    (void)state;
    for (size_t i = 0; i < N(rows); i++) {
        sl_buf buf = {0};
        put_value(&buf, rows[i].type, rows[i].type_len, rows[i].bytes,
                  rows[i].len);
        put_use(&buf);
        expect(&buf, rows[i].code, rows[i].words);
        sl_buf_deinit(&buf);
    }
}

/* The bytes after the types: "(value u8 7)" is "\x0c\x04\x01\x7d\x01\x07". */
static const struct {
    const char *bytes;
    size_t len;
    sl_status code;
    const char *words;
} bodies[] = {
#define BODY(bytes, ...)                                                       \
    {                                                                          \
        (bytes), sizeof(bytes) - 1, __VA_ARGS__                                \
    }
#define SEVEN "\x0c\x04\x01\x7d\x01\x07"
#define USE   "\x0b\x07\x01\x00\x01v\x02\x00\x00"
    BODY(SEVEN USE, SL_OK, ""),
    BODY(SEVEN, SL_EINVALID, "value 0 is not used"),
    BODY(SEVEN USE "\x0b\x07\x01\x00\x01w\x02\x00\x00", SL_EINVALID,
         "cannot use value 0 more than once"),
    /* what an export made is used up too */
    BODY(SEVEN USE "\x0b\x07\x01\x00\x01w\x02\x01\x00", SL_EINVALID,
         "cannot use value 1 more than once"),
    BODY("\x0b\x07\x01\x00\x01v\x02\x00\x00", SL_EINVALID,
         "unknown value 0: value index out of bounds"),
    BODY("\x0c\x05\x01\x7d\x01\x07\x00", SL_EMALFORMED,
         "section size mismatch"),
    BODY("\x0c\x03\x01\x7d\x01", SL_EMALFORMED, "unexpected end"),
    BODY("\x0c\x04\x01\x60\x01\x07", SL_EMALFORMED, "component value type"),
    BODY("\x0c\x04\x01\x05\x01\x07", SL_EINVALID, "unknown type 5"),
    BODY("\x07\x05\x01\x40\x00\x01\x00\x0c\x04\x01\x00\x01\x07", SL_EINVALID,
         "type index 0 is not a defined type"),
    /* imports: (value u8), (value (eq i)), neither */
    BODY("\x0a\x07\x01\x00\x01"
         "a\x02\x01\x7d" USE,
         SL_OK, ""),
    BODY("\x0a\x07\x01\x00\x01"
         "a\x02\x01\x7d",
         SL_EINVALID, "value 0 is not used"),
    BODY("\x0a\x07\x01\x00\x01"
         "a\x02\x02\x7d",
         SL_EMALFORMED, "invalid leading byte (0x2) for value bound"),
    BODY("\x0a\x07\x01\x00\x01"
         "a\x02\x00\x00",
         SL_EINVALID, "unknown value 0"),
    BODY(SEVEN USE "\x0a\x07\x01\x00\x01"
                   "a\x02\x00\x00"
                   "\x0b\x07\x01\x00\x01w\x02\x02\x00",
         SL_OK, ""),
    /* ascription: (value u8), (value (eq 0)), others */
    BODY(SEVEN "\x0b\x0a\x01\x00\x01v\x02\x00\x01\x02\x01\x7d", SL_OK, ""),
    BODY(SEVEN "\x0b\x0a\x01\x00\x01v\x02\x00\x01\x02\x00\x00", SL_OK, ""),
    BODY(SEVEN "\x0b\x0a\x01\x00\x01v\x02\x00\x01\x02\x01\x7b", SL_EINVALID,
         "not compatible: expected primitive `u16` found primitive `u8`"),
    BODY("\x0c\x07\x02\x7d\x01\x07\x7d\x01\x08"
         "\x0b\x0a\x01\x00\x01v\x02\x00\x01\x02\x00\x01",
         SL_EINVALID, "not compatible: values are not the same"),
    BODY("\x0c\x07\x02\x7d\x01\x07\x7d\x01\x07"
         "\x0b\x0a\x01\x00\x01v\x02\x00\x01\x02\x00\x01" USE,
         SL_EINVALID, "cannot use value 0 more than once"),
    BODY("\x0c\x07\x02\x7d\x01\x07\x7d\x01\x07"
         "\x0b\x10\x02\x00\x01v\x02\x00\x01\x02\x00\x01"
         "\x00\x01w\x02\x01\x00",
         SL_OK, ""),
    BODY(SEVEN "\x0b\x0a\x01\x00\x01v\x02\x00\x01\x01\x00\x00", SL_EINVALID,
         "unknown type 0"),
    BODY(SEVEN "\x0b\x09\x01\x00\x01v\x02\x00\x01\x03\x01", SL_EINVALID,
         "not compatible: expected type, found value"),
/* start: (func (param "p" u8) (result u8)) imported as 0 */
#define FUNC                                                                   \
    "\x07\x08\x01\x40\x01\x01p\x7d\x00\x7d"                                    \
    "\x0a\x06\x01\x00\x01"                                                     \
    "f\x01\x00"
    BODY(FUNC SEVEN "\x09\x04\x00\x01\x00\x01"
                    "\x0b\x07\x01\x00\x01v\x02\x01\x00",
         SL_OK, ""),
    BODY(FUNC SEVEN "\x09\x04\x00\x01\x00\x01", SL_EINVALID,
         "value 1 is not used"),
    BODY(FUNC SEVEN "\x09\x04\x00\x01\x00\x00", SL_EINVALID,
         "start function has 1 results, but 0 are taken"),
    BODY(FUNC SEVEN "\x09\x03\x00\x00\x01", SL_EINVALID,
         "start function takes 1 arguments, but 0 are given"),
    BODY(FUNC SEVEN "\x09\x04\x01\x01\x00\x01", SL_EINVALID,
         "unknown function 1"),
    BODY(FUNC SEVEN "\x09\x04\x00\x01\x01\x01", SL_EINVALID, "unknown value 1"),
    BODY(FUNC SEVEN "\x09\x05\x00\x01\x00\x01\x00", SL_EMALFORMED,
         "section size mismatch"),
    BODY(FUNC SEVEN "\x09\x03\x00\x01\x00", SL_EMALFORMED, "unexpected end"),
    BODY(FUNC SEVEN "\x09\x00", SL_EMALFORMED, "unexpected end"),
    BODY(FUNC "\x0c\x05\x01\x7b\x02\x87\x00\x09\x04\x00\x01\x00\x01",
         SL_EINVALID,
         "type mismatch for start function argument 0: expected primitive "
         "`u8` found primitive `u16`"),
    BODY(FUNC SEVEN USE "\x09\x04\x00\x01\x00\x01", SL_EINVALID,
         "cannot use value 0 more than once"),
    /* aliases: no outer ones */
    BODY(SEVEN USE "\x06\x05\x01\x02\x02\x00\x00", SL_EMALFORMED,
         "component outer alias kind"),
};

static void test_decode__uses_and_bounds(void **state)
{
    (void)state;
    for (size_t i = 0; i < N(bodies); i++)
        expect_body_of(bodies[i].bytes, bodies[i].len, bodies[i].code,
                       bodies[i].words);
}

/* Refused by name, where it stands. */
static void test_gate__off_names_the_feature(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t len;
        uint64_t at;
    } off[] = {
#define OFF(bytes, at) {PREAMBLE bytes, sizeof(PREAMBLE bytes) - 1, at}
        OFF(SEVEN, 8),
        OFF("\x09\x03\x00\x00\x00", 8),
        OFF("\x0a\x07\x01\x00\x01"
            "a\x02\x01\x7d",
            14),
        OFF("\x0b\x07\x01\x00\x01v\x02\x00\x00", 14),
        OFF("\x05\x08\x01\x01\x01\x00\x01v\x02\x00", 16),
        OFF("\x06\x06\x01\x02\x00\x00\x01v", 11),
        OFF("\x07\x09\x01\x42\x01\x04\x00\x01"
            "a\x02\x01\x7d",
            17),
    };
    for (size_t i = 0; i < N(off); i++) {
        sl_err err = {0};
        assert_null(decode_bytes(off[i].bytes, off[i].len,
                                 sl_features_default(), &err));
        assert_int_equal(err.code, SL_EUNSUPPORTED);
        assert_non_null(strstr(err.msg, "unsupported feature `values`"));
        assert_int_equal(err.at, off[i].at);
    }
}

static void test_decode__records_values_and_start(void **state)
{
    (void)state;
    static const char bytes[] =
        PREAMBLE FUNC SEVEN "\x09\x04\x00\x01\x00\x01"
                            "\x0b\x07\x01\x00\x01v\x02\x01\x00";
    sl_err err = {0};
    sl_component *c = decode_bytes(bytes, sizeof bytes - 1, ALL, &err);
    assert_string_equal(err.msg, "");
    assert_int_equal(c->count[SL_SORT_VALUE], 3);
    assert_int_equal(c->n_defs, 5);
    assert_int_equal(c->defs[2].kind, SL_DEF_VALUE);
    const sl_type *value = c->defs[2].of.value;
    assert_int_equal(value->of.value.type->kind, SL_T_U8);
    sl_val val;
    assert_int_equal(sl_value_constant(value, &val, &err), SL_OK);
    assert_int_equal(val.kind, SLUICE_U8);
    assert_int_equal(val.of.u8, 7);
    assert_int_equal(c->defs[3].kind, SL_DEF_START);
    assert_int_equal(c->defs[3].of.start.func, 0);
    assert_int_equal(c->defs[3].of.start.n, 1);
    assert_int_equal(c->defs[3].of.start.args[0], 0);
    assert_int_equal(c->defs[3].makes.index, 1);
    assert_int_equal(c->exports[0].type.sort, SL_SORT_VALUE);
    assert_ptr_equal(c->exports[0].type.type, c->defs[3].of.start.result);
    sl_component_free(c);
}

/* Every kind built, and compared with another encoding of the same. */
static void test_constant__is_what_was_encoded(void **state)
{
    (void)state;
    static const sl_type list = {.kind = SL_T_LIST};
    sl_type types[2] = {list, list};
    types[0].of.list.elem = sl_type_primitive(SL_T_U32);
    types[1].of.list.elem = sl_type_primitive(SL_T_STRING);
    sl_type a = {.kind = SL_T_VALUE}, b = {.kind = SL_T_VALUE};
    sl_err err = {0};
    bool equal;
    a.of.value.type = b.of.value.type = &types[0];
    a.of.value.bytes = (const uint8_t *)"\x02\x01\x02";
    a.of.value.len = 3;
    b.of.value.bytes = (const uint8_t *)"\x02\x81\x00\x02";
    b.of.value.len = 4;
    assert_int_equal(sl_constants_equal(&a, &b, &equal, &err), SL_OK);
    assert_true(equal);
    b.of.value.bytes = (const uint8_t *)"\x02\x81\x01\x02";
    assert_int_equal(sl_constants_equal(&a, &b, &equal, &err), SL_OK);
    assert_false(equal);
    a.of.value.type = &types[1];
    a.of.value.bytes = (const uint8_t *)"\x02\x00\x03one";
    a.of.value.len = 6;
    sl_val val;
    assert_int_equal(sl_value_constant(&a, &val, &err), SL_OK);
    assert_int_equal(val.of.list.len, 2);
    assert_string_equal(val.of.list.items[1].of.string.data, "one");
    sluice_val_deinit(&val);
}

const struct CMUnitTest value_tests[] = {
    cmocka_unit_test(test_decode_value__every_form),
    cmocka_unit_test(test_decode__uses_and_bounds),
    cmocka_unit_test(test_gate__off_names_the_feature),
    cmocka_unit_test(test_decode__records_values_and_start),
    cmocka_unit_test(test_constant__is_what_was_encoded),
};
const size_t n_value_tests = N(value_tests);
