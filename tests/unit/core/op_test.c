#include "check.h"

#include <string.h>

#include "core/module.h"
#include "core/op.h"

static void test_op_of__finds_every_row(void **state)
{
    (void)state;
    for (unsigned op = 1; op < SL_N_OPS; op++)
        assert_int_equal(sl_op_of(sl_ops[op].prefix, sl_ops[op].code), op);
    assert_int_equal(sl_op_of(0, 0x27), SL_OP_NONE);
    assert_int_equal(sl_op_of(0, 0x100), SL_OP_NONE);
    assert_int_equal(sl_op_of(0xfc, 18), SL_OP_NONE);
    assert_int_equal(sl_op_of(0xfc, UINT32_MAX), SL_OP_NONE);
    assert_int_equal(sl_op_of(0xfd, 0), SL_OP_NONE);
}

static void test_rows__use_known_letters(void **state)
{
    (void)state;
    for (unsigned op = 1; op < SL_N_OPS; op++) {
        const char *sig = sl_ops[op].sig;
        assert_int_equal(strspn(sl_ops[op].imms, "blLvgfytMedxm1248iIFDhTC"),
                         strlen(sl_ops[op].imms));
        if (sig == NULL)
            continue;
        assert_int_equal(strspn(sig, "ilfdp:"), strlen(sig));
        assert_non_null(strchr(sig, ':'));
    }
}

static void test_read_instr__reads_immediates(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t len;
        sl_op op;
        sl_instr want;
    } row[] = {
        {"\x01", 1, SL_OP_NOP, {0}},
        {"\x02\x40", 2, SL_OP_BLOCK, {.type = SL_BLOCK_EMPTY}},
        {"\x03\x7f", 2, SL_OP_LOOP, {.type = -1}},
        {"\x04\x80\x01", 3, SL_OP_IF, {.type = 128}},
        {"\x11\x03\x02", 3, SL_OP_CALL_INDIRECT, {.index = {3, 2}}},
        {"\x28\x02\x80\x01", 4, SL_OP_I32_LOAD, {.align = 2, .offset = 128}},
        {"\x28\x42\x05\x07",
         4,
         SL_OP_I32_LOAD,
         {.align = 2, .offset = 7, .index = {5}}},
        {"\x41\x7f", 2, SL_OP_I32_CONST, {.bits = UINT64_MAX}},
        {"\x42\x80\x7f", 3, SL_OP_I64_CONST, {.bits = (uint64_t)-128}},
        {"\x43\x00\x00\x80\x3f", 5, SL_OP_F32_CONST, {.bits = 0x3f800000}},
        {"\x0e\x02\x00\x81\x00\x02", 6, SL_OP_BR_TABLE, {.n = 2, .vec_len = 4}},
        {"\x1c\x01\x7e", 3, SL_OP_SELECT_T, {.n = 1, .vec_len = 1}},
        {"\xd0\x6f", 2, SL_OP_REF_NULL, {.type = SL_EXTERNREF - 0x80}},
        {"\xfc\x08\x01\x00", 4, SL_OP_MEMORY_INIT, {.index = {1, 0}}},
        {"\xfc\x8e\x00\x01\x02", 5, SL_OP_TABLE_COPY, {.index = {1, 2}}},
        {"\x08\x07", 2, SL_OP_THROW, {.index = {7}}},
        {"\x0a", 1, SL_OP_THROW_REF, {0}},
        {"\x12\x05", 2, SL_OP_RETURN_CALL, {.index = {5}}},
        {"\x13\x03\x02", 3, SL_OP_RETURN_CALL_INDIRECT, {.index = {3, 2}}},
        {"\x1f\x7f\x02\x00\x05\x01\x03\x02",
         8,
         SL_OP_TRY_TABLE,
         {.type = -1, .n = 2, .vec_len = 5}},
        {"\xd0\x69", 2, SL_OP_REF_NULL, {.type = SL_EXNREF - 0x80}},
        {"\x28\x02\x80\x80\x80\x80\x10",
         7,
         SL_OP_I32_LOAD,
         {.align = 2, .offset = UINT64_C(1) << 32}},
    };
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        sl_err err = {0};
        sl_instr in = {0};
        sl_reader r = sl_reader_over(row[i].bytes, row[i].len, 9, &err);
        assert_true(sl_read_instr(&r, &in));
        assert_int_equal(sl_reader_left(&r), 0);
        assert_int_equal(in.op, row[i].op);
        assert_int_equal(in.at, 9);
        assert_true(in.type == row[i].want.type);
        assert_int_equal(in.index[0], row[i].want.index[0]);
        assert_int_equal(in.index[1], row[i].want.index[1]);
        assert_int_equal(in.align, row[i].want.align);
        assert_true(in.offset == row[i].want.offset);
        assert_true(in.bits == row[i].want.bits);
        assert_int_equal(in.n, row[i].want.n);
        assert_int_equal(in.vec_len, row[i].want.vec_len);
    }
}

static void test_read_catch__reads_all_kinds(void **state)
{
    (void)state;
    static const sl_catch want[] = {{false, false, 5, 3},
                                    {false, true, 300, 0},
                                    {true, false, 0, 1},
                                    {true, true, 0, 200}};
    static const char bytes[] = "\x00\x05\x03\x01\xac\x02\x00\x02\x01"
                                "\x03\xc8\x01";
    sl_err err = {0};
    sl_reader r = sl_reader_over(bytes, sizeof bytes - 1, 0, &err);
    for (size_t i = 0; i < sizeof want / sizeof *want; i++) {
        sl_catch c = sl_read_catch(&r);
        assert_int_equal(c.all, want[i].all);
        assert_int_equal(c.ref, want[i].ref);
        assert_int_equal(c.tag, want[i].tag);
        assert_int_equal(c.label, want[i].label);
    }
    assert_int_equal(sl_reader_left(&r), 0);
    assert_true(sl_reader_ok(&r));
}

static void test_read_instr__refuses(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t len;
        sl_status code;
        const char *error;
    } row[] = {
        {"", 0, SL_EMALFORMED, "unexpected end"},
        {"\xff", 1, SL_EMALFORMED, "illegal opcode ff"},
        {"\x27", 1, SL_EMALFORMED, "illegal opcode 27"},
        {"\xfc\x7f", 2, SL_EMALFORMED, "illegal opcode fc 7f"},
        {"\xfc", 1, SL_EMALFORMED, "unexpected end"},
        {"\xfd\x0c", 2, SL_EUNSUPPORTED, "unsupported instruction fd 0c: simd"},
        {"\x06", 1, SL_EUNSUPPORTED,
         "unsupported instruction 06: legacy exception handling"},
        {"\x14", 1, SL_EUNSUPPORTED,
         "unsupported instruction 14: function references"},
        {"\x1f\x40\x01\x04\x00", 5, SL_EMALFORMED, "malformed catch clause"},
        {"\x1f\x40\x02\x02\x00", 5, SL_EMALFORMED, "unexpected end"},
        {"\x1f\x40\x7f", 3, SL_EMALFORMED, "length out of bounds"},
        {"\x28\x80\x01", 3, SL_EMALFORMED, "malformed memop flags"},
        {"\x28\x02", 2, SL_EMALFORMED, "unexpected end"},
        {"\x02\x50", 2, SL_EMALFORMED, "malformed value type"},
        {"\x02\xc0\x7f", 3, SL_EMALFORMED, "malformed block type"},
        {"\x02\x7b", 2, SL_EUNSUPPORTED, "unsupported type 7b: simd"},
        {"\xd0\x7f", 2, SL_EMALFORMED, "malformed heap type"},
        {"\x0e\xff\xff\xff\xff\x0f", 6, SL_EMALFORMED, "length out of bounds"},
        {"\x0e\x01\x00", 3, SL_EMALFORMED, "unexpected end"},
    };
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        sl_err err = {0};
        sl_instr in;
        sl_reader r = sl_reader_over(row[i].bytes, row[i].len, 0, &err);
        assert_false(sl_read_instr(&r, &in));
        assert_string_equal(err.msg, row[i].error);
        assert_int_equal(err.code, row[i].code);
    }
}

const struct CMUnitTest op_tests[] = {
    cmocka_unit_test(test_op_of__finds_every_row),
    cmocka_unit_test(test_rows__use_known_letters),
    cmocka_unit_test(test_read_instr__reads_immediates),
    cmocka_unit_test(test_read_catch__reads_all_kinds),
    cmocka_unit_test(test_read_instr__refuses),
};
const size_t n_op_tests = sizeof op_tests / sizeof *op_tests;
