#include "check.h"

#include "base/alloc.h"
#include "text/text.h"

/* Parses, prints; the text is NUL-terminated and the caller's. */
static sl_buf print(const char *text)
{
    sl_buf binary = {0}, out = {0};
    sl_err err = {0};
    sl_text_parse(sl_name_of(text), &binary, &err);
    assert_string_equal(err.msg, "");
    sl_print_module(binary.data, binary.len, &out, &err);
    assert_string_equal(err.msg, "");
    sl_buf_u8(&out, '\0');
    sl_buf_deinit(&binary);
    return out;
}

static void test_print__is_readable(void **state)
{
    (void)state;
    sl_buf out = print(
        "(module $m (import \"a\" \"b\" (func $f (param i32)))"
        "(memory 1) (data (i32.const 8) \"a\\00\\\"\")"
        "(func $\"a b\" (export \"x\") (param $n i32) (result i32) (local i64)"
        " (if (local.get $n) (then (call $f (i32.const -1))))"
        " (i32.load offset=4 align=1 (local.get $n))))");
    assert_string_equal(
        (char *)out.data,
        "(module $m\n"
        "  (type (;0;) (func (param i32)))\n"
        "  (type (;1;) (func (param i32) (result i32)))\n"
        "  (import \"a\" \"b\" (func $f (;0;) (type 0) (param i32)))\n"
        "  (func $\"a b\" (;1;) (type 1) (param $n i32) (result i32)\n"
        "    (local i64)\n"
        "    local.get $n\n"
        "    if ;; label = @1\n"
        "      i32.const -1\n"
        "      call $f\n"
        "    end\n"
        "    local.get $n\n"
        "    i32.load offset=4 align=1)\n"
        "  (memory (;0;) 1)\n"
        "  (export \"x\" (func $\"a b\"))\n"
        "  (data (;0;) (i32.const 8) \"a\\00\\\"\"))\n");
    sl_buf_deinit(&out);
}

static void test_print__round_trips(void **state)
{
    (void)state;
    static const char *const row[] = {
        "(func (f32.const nan:0x1) (f64.const -inf) (f32.const 0.1)"
        " (f64.const 0x1p-1074) (f32.const -0) unreachable)",
        "(table 1 externref) (elem externref) (elem (table 0) (i32.const 0)"
        " externref (ref.null extern))",
        "(table 1 funcref) (table 2 funcref) (func) (elem funcref"
        " (item ref.func 0) (item ref.null func)) (elem (table 1)"
        " (i32.const 0) func 0) (elem declare func 0)",
        "(memory 1) (data \"a\") (func (memory.init 0 (i32.const 0)"
        " (i32.const 0) (i32.const 1)) (data.drop 0))",
        "(global i32 (i32.add (i32.const 1) (i32.const 2)))",
        "(func (local i32 i32 i64 f32 f32) (block (br_table 0 1 0"
        " (i32.const 1))))",
        "(type (func (result i32))) (func (block (type 0) (i32.const 1)) drop)",
        "(import \"a\" \"b\" (tag (param i32))) (tag) (func (local exnref)"
        " (block (result i32) (try_table (catch 0 0) (throw 1)) unreachable)"
        " drop (block (result i32 exnref) (try_table (catch_ref 0 0))"
        " unreachable) throw_ref (block (try_table (catch_all 0))) (block"
        " (result exnref) (try_table (catch_all_ref 0)) (ref.null exn)) drop)",
        "(memory i64 1 2) (table i64 1 funcref) (func (drop (i32.load"
        " offset=0x100000000 (i64.const 0)))) (data (i64.const 1) \"a\")"
        " (elem (i64.const 0) func 0)",
        "(import \"a\" \"b\" (memory i64 1 2 shared)) (memory 1 2 shared)",
        "(func (return_call 0)) (table 1 funcref) (func (return_call_indirect"
        " (i32.const 0)))",
        "(func $a) (func $\"\\\"\") (func) (export \"\\t\" (func $\"\\\"\"))",
    };
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        sl_buf a = {0}, b = {0}, text = print(row[i]);
        sl_err err = {0};
        sl_text_parse(sl_name_of(row[i]), &a, &err);
        sl_text_parse(sl_name_of((char *)text.data), &b, &err);
        assert_string_equal(err.msg, "");
        assert_int_equal(a.len, b.len);
        assert_memory_equal(a.data, b.data, a.len);
        sl_buf_deinit(&a);
        sl_buf_deinit(&b);
        sl_buf_deinit(&text);
    }
}

static void test_print_as__indents_and_keeps_the_keyword(void **state)
{
    (void)state;
    sl_buf out = {0};
    sl_err err = {0};
    assert_true(sl_print_module_as((const uint8_t *)"\0asm\1\0\0\0\5\3\1\0\1",
                                   13, "core module $m", 1, &out, &err));
    sl_buf_u8(&out, '\0');
    assert_string_equal((char *)out.data, "  (core module $m\n"
                                          "    (memory (;0;) 1))\n");
    sl_buf_deinit(&out);
}

static void test_print__refuses_what_is_malformed(void **state)
{
    (void)state;
    sl_buf out = {0};
    sl_err err = {0};
    assert_false(sl_print_module((const uint8_t *)"\0asm\1", 5, &out, &err));
    assert_int_equal(err.code, SL_EMALFORMED);
    sl_buf_deinit(&out);
}

static void test_print__survives_short_memory(void **state)
{
    (void)state;
    sl_buf binary = {0};
    sl_err err = {0};
    sl_text_parse(SL_NAME("(module $m (func $f (param $x i32) (local $y i64)"
                          " (block (drop (local.get $x)))))"),
                  &binary, &err);
    for (size_t n = 1;; n++) {
        sl_buf out = {0};
        sl_err short_err = {0};
        sl_alloc_fail_at(n, 1);
        bool ok = sl_print_module(binary.data, binary.len, &out, &short_err);
        sl_alloc_fail_at(0, 0);
        sl_buf_deinit(&out);
        if (ok)
            break;
        assert_int_equal(short_err.code, SL_ENOMEM);
    }
    sl_buf_deinit(&binary);
}

const struct CMUnitTest core_print_tests[] = {
    cmocka_unit_test(test_print__is_readable),
    cmocka_unit_test(test_print__round_trips),
    cmocka_unit_test(test_print_as__indents_and_keeps_the_keyword),
    cmocka_unit_test(test_print__refuses_what_is_malformed),
    cmocka_unit_test(test_print__survives_short_memory),
};
const size_t n_core_print_tests =
    sizeof core_print_tests / sizeof *core_print_tests;
