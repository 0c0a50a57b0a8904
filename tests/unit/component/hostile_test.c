/* Inputs made to hurt: each must end soon in a plain diagnosis. */
#include "bytes.h"

/* --- Nesting -------------------------------------------------------------- */

/* `body` inside `levels` more components. */
static void nest_components(sl_buf *out, unsigned levels)
{
    sl_buf inner;
    sl_buf_init(&inner);
    put_preamble(&inner);
    for (unsigned i = 0; i < levels; i++) {
        sl_buf outer;
        sl_buf_init(&outer);
        put_preamble(&outer);
        put_section_of(&outer, 4, inner.data, inner.len);
        sl_buf_deinit(&inner);
        inner = outer;
    }
    sl_buf_bytes(out, inner.data, inner.len);
    sl_buf_deinit(&inner);
}

static void test_nesting__of_components(void **state)
{
    (void)state;
    static const struct {
        unsigned levels;
        sl_status code;
    } row[] = {{98, SL_OK}, {99, SL_OK}, {100, SL_ELIMIT}, {5000, SL_ELIMIT}};
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        sl_buf buf;
        sl_buf_init(&buf);
        nest_components(&buf, row[i].levels);
        expect(&buf, row[i].code, row[i].code ? "nesting" : "");
        sl_buf_deinit(&buf);
    }
}

/* (type (component (type (component ...)))) */
static void test_nesting__of_types(void **state)
{
    (void)state;
    for (unsigned levels = 98; levels < 20000;
         levels += levels < 101 ? 1 : 19000) {
        sl_buf body, buf;
        sl_buf_init(&body);
        sl_buf_init(&buf);
        sl_buf_u8(&body, 1);
        for (unsigned i = 0; i < levels; i++)
            sl_buf_bytes(&body, "\x41\x01\x01", 3);
        sl_buf_u8(&body, 0x7f);
        put_preamble(&buf);
        put_section_of(&buf, 7, body.data, body.len);
        sl_status code = levels < 100 ? SL_OK : SL_ELIMIT;
        expect(&buf, code, code ? "nesting" : "");
        sl_buf_deinit(&body);
        sl_buf_deinit(&buf);
    }
}

/* Type i is made of type i - 1. `form` has the index at its end. */
static void chain(sl_buf *buf, const char *head, unsigned copies, unsigned n)
{
    sl_buf body;
    sl_buf_init(&body);
    sl_buf_u32(&body, n);
    sl_buf_u8(&body, 0x7f);
    for (unsigned i = 1; i < n; i++) {
        sl_buf_bytes(&body, head, strlen(head));
        for (unsigned k = 0; k < copies; k++)
            sl_buf_s64(&body, (int64_t)i - 1);
    }
    put_preamble(buf);
    put_section_of(buf, 7, body.data, body.len);
    sl_buf_deinit(&body);
}

static void test_types__depth_and_weight_are_bounded(void **state)
{
    (void)state;
    static const struct {
        const char *head;
        unsigned copies, n;
        sl_status code;
        const char *words;
    } row[] = {
        {"\x6b", 1, 100, SL_OK, ""},
        {"\x6b", 1, 101, SL_ELIMIT, "nested types"},
        {"\x70", 1, 20000, SL_ELIMIT, "nested types"},
        {"\x6f\x02", 2, 19, SL_OK, ""},
        {"\x6f\x02", 2, 40, SL_ELIMIT, "effective type size"},
        {"\x6f\x7f", 127, 5, SL_ELIMIT, "effective type size"},
    };
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        sl_buf buf;
        sl_buf_init(&buf);
        chain(&buf, row[i].head, row[i].copies, row[i].n);
        expect(&buf, row[i].code, row[i].words);
        sl_buf_deinit(&buf);
    }
}

/* --- Work ----------------------------------------------------------------- */

/* A heavy type compared and substituted again and again. */
static void test_instantiate__work_is_bounded(void **state)
{
    (void)state;
    sl_buf inner, body, buf;
    sl_buf_init(&inner);
    sl_buf_init(&body);
    sl_buf_init(&buf);
    chain(&inner, "\x6f\x02", 2, 19); /* half a million as a tree */
    put_section(&inner, 10, "\x01\x00\x01x\x03\x00\x12");
    chain(&buf, "\x6f\x02", 2, 19);
    put_section_of(&buf, 4, inner.data, inner.len);
    sl_buf_u32(&body, 900);
    for (int i = 0; i < 900; i++)
        sl_buf_bytes(&body, "\x00\x00\x01\x01x\x03\x12", 7);
    put_section_of(&buf, 5, body.data, body.len);
    expect(&buf, SL_ELIMIT, "too complex to compare");
    sl_buf_deinit(&inner);
    sl_buf_deinit(&body);
    sl_buf_deinit(&buf);
}

static void test_heap__is_bounded_by_the_input(void **state)
{
    (void)state;
    sl_buf body, buf;
    sl_buf_init(&body);
    sl_buf_init(&buf);
    sl_buf_u32(&body, 200000);
    for (int i = 0; i < 200000; i++)
        sl_buf_u8(&body, 0x7f);
    put_preamble(&buf);
    put_section_of(&buf, 7, body.data, body.len);
    expect(&buf, SL_ELIMIT, "more memory to validate");
    sl_buf_deinit(&body);
    sl_buf_deinit(&buf);
}

static void test_counts__cannot_ask_for_memory(void **state)
{
    (void)state;
    expect_body("\x07\x07\x01\x72\xff\xff\xff\xff\x0f", SL_EMALFORMED,
                "unexpected end-of-file");
    expect_body("\x02\x08\x01\x00\x00\xff\xff\xff\xff\x0f", SL_EINVALID,
                "unknown module");
    expect_body("\x05\x07\x01\x01\xff\xff\xff\xff\x0f", SL_EMALFORMED,
                "unexpected end-of-file");
    expect_body("\x07\xff\xff\xff\xff\x0f", SL_EMALFORMED,
                "unexpected end-of-file");
}

static sl_status read_bytes(sl_source *source, uint64_t at, void *to,
                            size_t len, sl_err *err)
{
    (void)err;
    memcpy(to, (const uint8_t *)(source + 1) + at, len);
    return SL_OK;
}

/* Sections without a byte, of a source that is not memory. */
static void test_sections__may_be_empty(void **state)
{
    (void)state;
    struct {
        sl_source source;
        uint8_t bytes[10];
    } file = {.source = {.size = 10, .read_at = read_bytes, .fd = -1, .refs = 1},
              .bytes = "\0asm\x0d\0\1\0"};
    for (uint8_t id = 0; id <= 13; id++) {
        sl_err err = {0}, want = {0};
        file.bytes[8] = id;
        sl_source *memory = sl_source_buffer(file.bytes, 10, false, NULL);
        assert_null(sl_component_decode(memory, NULL, &want));
        assert_null(sl_component_decode(&file.source, NULL, &err));
        assert_int_equal(err.code, want.code);
        assert_string_equal(err.msg, want.msg);
        assert_int_equal(file.source.refs, 1);
        sl_source_unref(memory);
    }
}

const struct CMUnitTest hostile_tests[] = {
    cmocka_unit_test(test_nesting__of_components),
    cmocka_unit_test(test_nesting__of_types),
    cmocka_unit_test(test_types__depth_and_weight_are_bounded),
    cmocka_unit_test(test_instantiate__work_is_bounded),
    cmocka_unit_test(test_heap__is_bounded_by_the_input),
    cmocka_unit_test(test_counts__cannot_ask_for_memory),
    cmocka_unit_test(test_sections__may_be_empty),
};
const size_t n_hostile_tests = sizeof hostile_tests / sizeof *hostile_tests;
