#include "check.h"

#include <string.h>

#include "base/buf.h"
#include "core/module.h"
#include "modules.h"

/* Around one body: types 0: [] -> [], 1: [i32] -> [i32], 2: [] -> [i32 i64],
 * 3: [i32 i64] -> []; functions 0 (type 0, undeclared), 1 (type 1, exported),
 * 2: the body, of type 1; tables 0 funcref, 1 externref; one memory; tags 0 of
 * type 0, 1 of type 3; globals 0 i32, 1 mutable i64; an element segment of
 * funcref and a data segment. */
static void wrap(sl_buf *out, const char *code, size_t len)
{
    static const char head[] =
        HEADER "\x01\x13\x04\x60\x00\x00\x60\x01\x7f\x01\x7f\x60\x00\x02\x7f"
               "\x7e\x60\x02\x7f\x7e\x00"
               "\x03\x04\x03\x00\x01\x01"
               "\x04\x07\x02\x70\x00\x01\x6f\x00\x01"
               "\x05\x03\x01\x00\x01"
               "\x0d\x05\x02\x00\x00\x00\x03"
               "\x06\x0b\x02\x7f\x00\x41\x00\x0b\x7e\x01\x42\x00\x0b"
               "\x07\x05\x01\x01"
               "f\x00\x01"
               "\x09\x05\x01\x01\x00\x01\x01"
               "\x0c\x01\x01";
    sl_buf body, section;
    sl_buf_init(&body);
    sl_buf_init(&section);
    sl_buf_u8(&body, 1);
    sl_buf_bytes(&body, "\x01\x7d", 2); /* local 1: f32 */
    sl_buf_bytes(&body, code, len);
    sl_buf_bytes(&section, "\x03\x02\x00\x0b\x04\x00\x20\x00\x0b", 9);
    sl_buf_sized(&section, &body);
    sl_buf_bytes(out, head, sizeof head - 1);
    sl_buf_u8(out, 10);
    sl_buf_sized(out, &section);
    sl_buf_bytes(out, "\x0b\x03\x01\x01\x00", 5);
    sl_buf_deinit(&body);
    sl_buf_deinit(&section);
}

static sl_err validate(const char *code, size_t len)
{
    sl_buf out;
    sl_err err = {0};
    sl_buf_init(&out);
    wrap(&out, code, len);
    sl_module_free(sl_module_decode(out.data, out.len, 0, NULL, &err));
    sl_buf_deinit(&out);
    return err;
}

#define CODE(literal) literal, sizeof(literal) - 1

static void test_body__valid_or_not(void **state)
{
    (void)state;
    static const struct {
        const char *code;
        size_t len;
        const char *error;
    } row[] = {
        {CODE("\x20\x00\x0b"), ""},
        {CODE("\x0b"), "type mismatch"},
        {CODE("\x20\x01\x0b"), "type mismatch"},
        {CODE("\x20\x02\x0b"), "unknown local 2"},
        {CODE("\x20\x00\x20\x00\x0b"), "type mismatch"},
        {CODE("\x00\x0b"), ""},
        {CODE("\x00\x6a\x0b"), ""},
        {CODE("\x00\x42\x00\x6a\x0b"), "type mismatch"},
        {CODE("\x41\x00\x41\x00\x6a\x0b"), ""},
        {CODE("\x41\x00\x42\x00\x6a\x0b"), "type mismatch"},
        {CODE("\x41\x00\x6a\x0b"), "type mismatch"},
        {CODE("\x41\x00\x21\x00\x20\x00\x0b"), ""},
        {CODE("\x41\x00\x21\x01\x20\x00\x0b"), "type mismatch"},
        {CODE("\x41\x00\x22\x00\x0b"), ""},
        {CODE("\x41\x00\x22\x01\x0b"), "type mismatch"},
        /* blocks */
        {CODE("\x02\x7f\x41\x00\x0b\x0b"), ""},
        {CODE("\x02\x7f\x0b\x0b"), "type mismatch"},
        {CODE("\x02\x40\x41\x00\x0b\x20\x00\x0b"), "type mismatch"},
        {CODE("\x41\x00\x02\x40\x6a\x0b\x0b"), "type mismatch"},
        {CODE("\x41\x00\x02\x01\x0b\x0b"), ""},
        {CODE("\x02\x04\x0b\x0b"), "unknown type 4"},
        {CODE("\x20\x00\x04\x7f\x41\x00\x05\x41\x01\x0b\x0b"), ""},
        {CODE("\x20\x00\x04\x7f\x41\x00\x0b\x0b"), "type mismatch"},
        {CODE("\x20\x00\x20\x00\x04\x01\x0b\x0b"), ""},
        {CODE("\x03\x7f\x41\x00\x0c\x00\x0b\x0b"), ""},
        {CODE("\x03\x7f\x0c\x00\x0b\x0b"), ""},
        {CODE("\x20\x00\x05\x0b"), "END opcode expected"},
        /* branches */
        {CODE("\x20\x00\x0c\x00\x0b"), ""},
        {CODE("\x0c\x00\x0b"), "type mismatch"},
        {CODE("\x20\x00\x0c\x01\x0b"), "unknown label 1"},
        {CODE("\x20\x00\x20\x00\x0d\x00\x0b"), ""},
        {CODE("\x20\x00\x0d\x00\x0b"), "type mismatch"},
        {CODE("\x20\x00\x20\x00\x0e\x01\x00\x00\x0b"), ""},
        {CODE("\x02\x40\x20\x00\x20\x00\x0e\x01\x00\x01\x0b\x20\x00\x0b"),
         "type mismatch"},
        {CODE("\x20\x00\x20\x00\x0e\x01\x01\x00\x0b"), "unknown label 1"},
        {CODE("\x20\x01\x20\x00\x0e\x00\x00\x0b"), "type mismatch"},
        {CODE("\x20\x00\x0f\x0b"), ""},
        {CODE("\x0f\x0b"), "type mismatch"},
        /* calls */
        {CODE("\x20\x00\x10\x01\x0b"), ""},
        {CODE("\x10\x01\x0b"), "type mismatch"},
        {CODE("\x20\x00\x10\x03\x0b"), "unknown function 3"},
        {CODE("\x20\x00\x41\x00\x11\x01\x00\x0b"), ""},
        {CODE("\x41\x00\x11\x02\x00\x1a\x0b"), ""},
        {CODE("\x20\x00\x41\x00\x11\x01\x01\x0b"), "type mismatch"},
        {CODE("\x20\x00\x41\x00\x11\x01\x02\x0b"), "unknown table 2"},
        {CODE("\x20\x00\x41\x00\x11\x04\x00\x0b"), "unknown type 4"},
        {CODE("\x20\x00\x12\x01\x0b"), ""},
        {CODE("\x12\x01\x0b"), "type mismatch"},
        {CODE("\x12\x00\x0b"), "type mismatch: return_call of a function"},
        {CODE("\x12\x03\x0b"), "unknown function 3"},
        {CODE("\x20\x00\x41\x00\x13\x01\x00\x0b"), ""},
        {CODE("\x41\x00\x13\x01\x00\x0b"), "type mismatch"},
        {CODE("\x41\x00\x13\x02\x00\x0b"), "type mismatch"},
        /* exceptions */
        {CODE("\x08\x00\x0b"), ""},
        {CODE("\x20\x00\x42\x00\x08\x01\x0b"), ""},
        {CODE("\x42\x00\x08\x01\x0b"),
         "type mismatch: instruction requires [i32 i64] but stack has [i64]"},
        {CODE("\x08\x02\x0b"), "unknown tag 2"},
        {CODE("\xd0\x69\x0a\x0b"), ""},
        {CODE("\x20\x00\x0a\x0b"), "type mismatch"},
        {CODE("\x1f\x40\x00\x0b\x20\x00\x0b"), ""},
        {CODE("\x1f\x7f\x00\x0b\x0b"), "type mismatch"},
        {CODE("\x02\x02\x1f\x40\x01\x00\x01\x00\x0b\x00\x0b\x1a\x0b"), ""},
        {CODE("\x02\x02\x1f\x40\x01\x01\x01\x00\x0b\x00\x0b\x1a\x0b"),
         "type mismatch"},
        {CODE("\x02\x02\x1f\x40\x01\x00\x00\x00\x0b\x00\x0b\x1a\x0b"),
         "type mismatch"},
        {CODE("\x02\x02\x1f\x40\x01\x00\x02\x00\x0b\x00\x0b\x1a\x0b"),
         "unknown tag 2"},
        {CODE("\x02\x69\x1f\x40\x01\x03\x00\x0b\x00\x0b\x1a\x20\x00\x0b"), ""},
        {CODE("\x02\x69\x1f\x40\x01\x01\x00\x00\x0b\x00\x0b\x1a\x20\x00\x0b"),
         ""},
        {CODE("\x02\x69\x1f\x40\x01\x02\x00\x0b\x00\x0b\x1a\x20\x00\x0b"),
         "type mismatch"},
        {CODE("\x1f\x40\x01\x02\x00\x0b\x20\x00\x0b"), "type mismatch"},
        {CODE("\x1f\x40\x01\x02\x01\x0b\x20\x00\x0b"), "unknown label 1"},
        {CODE("\x1f\x40\x00\x05\x0b\x20\x00\x0b"), "END opcode expected"},
        /* parametric */
        {CODE("\x1a\x0b"), "type mismatch"},
        {CODE("\x20\x00\x20\x00\x41\x00\x1b\x0b"), ""},
        {CODE("\x20\x00\x20\x01\x41\x00\x1b\x0b"), "type mismatch"},
        {CODE("\x20\x00\xd0\x70\xd0\x70\x41\x00\x1b\x1a\x0b"), "type mismatch"},
        {CODE("\x20\x00\xd0\x70\xd0\x70\x41\x00\x1c\x01\x70\x1a\x0b"), ""},
        {CODE("\x41\x00\x1c\x00\x0b"), "invalid result arity"},
        {CODE("\x00\x1b\x0b"), ""},
        {CODE("\x00\x1b\xd1\x0b"), ""},
        /* globals */
        {CODE("\x23\x00\x0b"), ""},
        {CODE("\x23\x02\x0b"), "unknown global 2"},
        {CODE("\x41\x00\x24\x00\x0b"), "immutable global"},
        {CODE("\x42\x00\x24\x01\x20\x00\x0b"), ""},
        /* tables and references */
        {CODE("\x41\x00\x25\x00\xd1\x0b"), ""},
        {CODE("\x41\x00\x25\x02\xd1\x0b"), "unknown table 2"},
        {CODE("\x41\x00\xd0\x6f\x26\x00\x20\x00\x0b"), "type mismatch"},
        {CODE("\x41\x00\xd0\x6f\x26\x01\x20\x00\x0b"), ""},
        {CODE("\xd0\x70\x41\x00\xfc\x0f\x00\x0b"), ""},
        {CODE("\xfc\x10\x01\x0b"), ""},
        {CODE("\xfc\x10\x02\x0b"), "unknown table 2"},
        {CODE("\x41\x00\xd0\x70\x41\x00\xfc\x11\x00\x20\x00\x0b"), ""},
        {CODE("\x41\x00\x41\x00\x41\x00\xfc\x0c\x00\x00\x20\x00\x0b"), ""},
        {CODE("\x41\x00\x41\x00\x41\x00\xfc\x0c\x00\x01\x20\x00\x0b"),
         "type mismatch"},
        {CODE("\x41\x00\x41\x00\x41\x00\xfc\x0c\x01\x00\x20\x00\x0b"),
         "unknown elem segment 1"},
        {CODE("\x41\x00\x41\x00\x41\x00\xfc\x0e\x00\x01\x20\x00\x0b"),
         "type mismatch"},
        {CODE("\xfc\x0d\x01\x20\x00\x0b"), "unknown elem segment 1"},
        {CODE("\x20\x00\xd1\x0b"), "type mismatch"},
        {CODE("\xd2\x01\xd1\x0b"), ""},
        {CODE("\xd2\x00\xd1\x0b"), "undeclared function reference"},
        {CODE("\xd2\x03\xd1\x0b"), "unknown function 3"},
        /* memory */
        {CODE("\x20\x00\x28\x02\x00\x0b"), ""},
        {CODE("\x20\x00\x28\x02\x80\x01\x0b"), ""},
        {CODE("\x20\x00\x28\x03\x00\x0b"), "alignment must not be larger"},
        {CODE("\x20\x00\x28\x42\x01\x00\x0b"), "unknown memory 1"},
        {CODE("\x20\x00\x28\x02\x80\x80\x80\x80\x10\x0b"),
         "offset out of range"},
        {CODE("\x20\x01\x28\x02\x00\x0b"), "type mismatch"},
        {CODE("\x20\x00\x42\x00\x37\x03\x00\x20\x00\x0b"), ""},
        {CODE("\x20\x00\x41\x00\x37\x03\x00\x20\x00\x0b"), "type mismatch"},
        {CODE("\x3f\x01\x0b"), "unknown memory 1"},
        {CODE("\x41\x00\x41\x00\x41\x00\xfc\x08\x00\x00\x20\x00\x0b"), ""},
        {CODE("\x41\x00\x41\x00\x41\x00\xfc\x08\x01\x00\x20\x00\x0b"),
         "unknown data segment 1"},
        {CODE("\xfc\x09\x01\x20\x00\x0b"), "unknown data segment 1"},
        {CODE("\x20\x01\xfc\x00\x0b"), ""},
    };
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        sl_err err = validate(row[i].code, row[i].len);
        err.msg[row[i].error[0] ? strlen(row[i].error) : SL_ERR_MSG_MAX - 1] =
            '\0';
        if (strcmp(err.msg, row[i].error) != 0)
            print_error("row %u\n", (unsigned)i);
        assert_string_equal(err.msg, row[i].error);
    }
}

/* One function of no type; table 0 of funcref and memory 0 have 64-bit
 * addresses, memory 1 has not. */
static sl_err validate_64(const char *code, size_t len)
{
    static const char head[] = HEADER "\x01\x04\x01\x60\x00\x00"
                                      "\x03\x02\x01\x00"
                                      "\x04\x04\x01\x70\x04\x01"
                                      "\x05\x05\x02\x04\x01\x00\x01";
    sl_buf out, section, body;
    sl_err err = {0};
    sl_buf_init(&out);
    sl_buf_init(&section);
    sl_buf_init(&body);
    sl_buf_u8(&body, 0);
    sl_buf_bytes(&body, code, len);
    sl_buf_u8(&section, 1);
    sl_buf_sized(&section, &body);
    sl_buf_bytes(&out, head, sizeof head - 1);
    sl_buf_u8(&out, 10);
    sl_buf_sized(&out, &section);
    sl_module_free(
        sl_module_decode(out.data, out.len, 0, &sl_core_features_all, &err));
    sl_buf_deinit(&body);
    sl_buf_deinit(&section);
    sl_buf_deinit(&out);
    return err;
}

static void test_addresses__have_the_type_of_their_memory(void **state)
{
    (void)state;
    static const struct {
        const char *code;
        size_t len;
        const char *error;
    } row[] = {
        {CODE("\x42\x00\x28\x02\x00\x1a\x0b"), ""},
        {CODE("\x41\x00\x28\x02\x00\x1a\x0b"), "type mismatch"},
        {CODE("\x41\x00\x28\x42\x01\x00\x1a\x0b"), ""},
        {CODE("\x42\x00\x28\x42\x01\x00\x1a\x0b"), "type mismatch"},
        {CODE("\x42\x00\x41\x00\x36\x02\x00\x0b"), ""},
        {CODE("\x41\x00\x41\x00\x36\x02\x00\x0b"), "type mismatch"},
        {CODE("\x42\x00\x28\x02\x80\x80\x80\x80\x10\x1a\x0b"), ""},
        {CODE("\x41\x00\x28\x42\x01\x80\x80\x80\x80\x10\x1a\x0b"),
         "offset out of range"},
        {CODE("\x3f\x00\x42\x00\x7c\x1a\x0b"), ""},
        {CODE("\x3f\x01\x42\x00\x7c\x1a\x0b"), "type mismatch"},
        {CODE("\x42\x01\x40\x00\x42\x00\x7c\x1a\x0b"), ""},
        {CODE("\x41\x01\x40\x00\x1a\x0b"), "type mismatch"},
        {CODE("\x42\x00\x42\x00\x42\x00\xfc\x0a\x00\x00\x0b"), ""},
        {CODE("\x42\x00\x41\x00\x41\x00\xfc\x0a\x00\x01\x0b"), ""},
        {CODE("\x41\x00\x42\x00\x41\x00\xfc\x0a\x01\x00\x0b"), ""},
        {CODE("\x42\x00\x41\x00\x42\x00\xfc\x0a\x00\x01\x0b"), "type mismatch"},
        {CODE("\x42\x00\x41\x00\x42\x00\xfc\x0b\x00\x0b"), ""},
        {CODE("\x42\x00\x41\x00\x41\x00\xfc\x0b\x00\x0b"), "type mismatch"},
        {CODE("\x42\x00\x25\x00\x1a\x0b"), ""},
        {CODE("\x41\x00\x25\x00\x1a\x0b"), "type mismatch"},
        {CODE("\x42\x00\xd0\x70\x26\x00\x0b"), ""},
        {CODE("\xd0\x70\x42\x01\xfc\x0f\x00\x42\x00\x7c\x1a\x0b"), ""},
        {CODE("\x42\x00\xd0\x70\x42\x00\xfc\x11\x00\x0b"), ""},
        {CODE("\x42\x00\x42\x00\x42\x00\xfc\x0e\x00\x00\x0b"), ""},
        {CODE("\x42\x00\x42\x00\x41\x00\xfc\x0e\x00\x00\x0b"), "type mismatch"},
        {CODE("\xfc\x10\x00\x42\x00\x7c\x1a\x0b"), ""},
        {CODE("\x42\x00\x11\x00\x00\x0b"), ""},
        {CODE("\x41\x00\x11\x00\x00\x0b"), "type mismatch"},
        {CODE("\x42\x00\x13\x00\x00\x0b"), ""},
    };
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        sl_err err = validate_64(row[i].code, row[i].len);
        err.msg[row[i].error[0] ? strlen(row[i].error) : SL_ERR_MSG_MAX - 1] =
            '\0';
        if (strcmp(err.msg, row[i].error) != 0)
            print_error("row %u\n", (unsigned)i);
        assert_string_equal(err.msg, row[i].error);
    }
}

static void fill(sl_buf *code, const char *bytes, size_t len, size_t times)
{
    for (size_t i = 0; i < times; i++)
        sl_buf_bytes(code, bytes, len);
}

static void test_blocks__nest_deeply(void **state)
{
    (void)state;
    enum { DEPTH = 100000 };
    sl_buf code;
    sl_buf_init(&code);
    fill(&code, CODE("\x02\x40"), DEPTH);
    fill(&code, CODE("\x0b"), DEPTH);
    sl_buf_bytes(&code, CODE("\x20\x00\x0b"));
    sl_err err = validate((const char *)code.data, code.len);
    assert_string_equal(err.msg, "");
    code.len -= 1; /* the last end is missing */
    err = validate((const char *)code.data, code.len);
    assert_string_equal(err.msg, "section size mismatch");
    code.len = 2 * DEPTH;
    err = validate((const char *)code.data, code.len);
    assert_int_equal(err.code, SL_EMALFORMED);
    sl_buf_deinit(&code);
}

static void test_operands__are_limited(void **state)
{
    (void)state;
    sl_buf code;
    sl_buf_init(&code);
    fill(&code, CODE("\x20\x00"), 100000);
    fill(&code, CODE("\x6a"), 100000 - 1);
    sl_buf_u8(&code, 0x0b);
    sl_err err = validate((const char *)code.data, code.len);
    assert_string_equal(err.msg, "");
    sl_buf_clear(&code);
    fill(&code, CODE("\x20\x00"), 200000);
    sl_buf_u8(&code, 0x0b);
    err = validate((const char *)code.data, code.len);
    assert_string_equal(err.msg, "too many operands");
    assert_int_equal(err.code, SL_ELIMIT);
    sl_buf_deinit(&code);
}

const struct CMUnitTest validate_tests[] = {
    cmocka_unit_test(test_body__valid_or_not),
    cmocka_unit_test(test_addresses__have_the_type_of_their_memory),
    cmocka_unit_test(test_blocks__nest_deeply),
    cmocka_unit_test(test_operands__are_limited),
};
const size_t n_validate_tests = sizeof validate_tests / sizeof *validate_tests;
