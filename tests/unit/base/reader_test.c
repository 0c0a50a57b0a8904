#include "check.h"

#include "base/reader.h"

static void test_read_u32__accepts_and_rejects(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t len;
        uint32_t value;
        const char *error;
    } row[] = {
        {"\x00", 1, 0, ""},
        {"\x7f", 1, 127, ""},
        {"\x80\x01", 2, 128, ""},
        {"\x80\x80\x80\x80\x00", 5, 0, ""},
        {"\xff\xff\xff\xff\x0f", 5, UINT32_MAX, ""},
        {"\xff\xff\xff\xff\x1f", 5, 0, "integer too large"},
        {"\x80\x80\x80\x80\x80\x00", 6, 0, "integer representation too long"},
        {"\x80", 1, 0, "unexpected end"},
        {"", 0, 0, "unexpected end"},
    };
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        sl_err err = {0};
        sl_reader r = sl_reader_over(row[i].bytes, row[i].len, 0, &err);
        assert_int_equal(sl_read_u32(&r), row[i].value);
        assert_string_equal(err.msg, row[i].error);
    }
}

static void test_read_s16__fits_or_not(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t len;
        int32_t value;
        bool is_signed;
        const char *error;
    } row[] = {
        {"\xff\xff\x03", 3, UINT16_MAX, false, ""},
        {"\xff\xff\x07", 3, 0, false, "integer too large"},
        {"\x80\x80\x80\x00", 4, 0, false, "integer representation too long"},
        {"\xff\xff\x01", 3, INT16_MAX, true, ""},
        {"\x80\x80\x7e", 3, INT16_MIN, true, ""},
        {"\xff\xff\x03", 3, 0, true, "integer too large"},
        {"\x80\x80\x80\x7f", 4, 0, true, "integer representation too long"},
    };
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        sl_err err = {0};
        sl_reader r = sl_reader_over(row[i].bytes, row[i].len, 0, &err);
        assert_int_equal(row[i].is_signed ? sl_read_s16(&r) : sl_read_u16(&r),
                         row[i].value);
        assert_string_equal(err.msg, row[i].error);
    }
}

static void test_read_s33__keeps_the_sign(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t len;
        int64_t value;
        const char *error;
    } row[] = {
        {"\x7f", 1, -1, ""},
        {"\x40", 1, -64, ""},
        {"\xff\xff\xff\xff\x0f", 5, INT64_C(0xffffffff), ""},
        {"\x80\x80\x80\x80\x70", 5, -INT64_C(0x100000000), ""},
        {"\x80\x80\x80\x80\x60", 5, 0, "integer too large"},
    };
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        sl_err err = {0};
        sl_reader r = sl_reader_over(row[i].bytes, row[i].len, 0, &err);
        assert_true(sl_read_s33(&r) == row[i].value);
        assert_string_equal(err.msg, row[i].error);
    }
}

static void test_read_count__is_bounded_by_the_input(void **state)
{
    (void)state;
    sl_err err = {0};
    sl_reader r = sl_reader_over("\xff\xff\xff\xff\x0f", 5, 7, &err);
    assert_int_equal(sl_read_count(&r, 1), 0);
    assert_int_equal(err.code, SL_EMALFORMED);
    assert_int_equal(err.at, 12);
}

const struct CMUnitTest reader_tests[] = {
    cmocka_unit_test(test_read_u32__accepts_and_rejects),
    cmocka_unit_test(test_read_s16__fits_or_not),
    cmocka_unit_test(test_read_s33__keeps_the_sign),
    cmocka_unit_test(test_read_count__is_bounded_by_the_input),
};
const size_t n_reader_tests = sizeof reader_tests / sizeof *reader_tests;
