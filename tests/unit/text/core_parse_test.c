#include "check.h"

#include "base/alloc.h"
#include "core/module.h"
#include "text/text.h"

static void assert_bytes(const char *text, const char *bytes, size_t len)
{
    sl_buf out = {0};
    sl_err err = {0};
    sl_text_parse(sl_name_of(text), &out, &err);
    assert_string_equal(err.msg, "");
    assert_int_equal(out.len, len);
    assert_memory_equal(out.data, bytes, len);
    sl_buf_deinit(&out);
}
#define ASSERT_BYTES(text, bytes)                                              \
    assert_bytes(text, "\0asm\1\0\0\0" bytes, sizeof("\0asm\1\0\0\0" bytes) - 1)

static void test_parse__emits_sections_in_order(void **state)
{
    (void)state;
    ASSERT_BYTES("", "");
    ASSERT_BYTES("(module)", "");
    ASSERT_BYTES("(func)", "\1\4\1\x60\0\0\3\2\1\0\12\4\1\2\0\x0b");
    ASSERT_BYTES("(module (memory (data \"hi\")))",
                 "\5\4\1\1\1\1\13\x08\1\0\x41\0\x0b\2hi");
    ASSERT_BYTES("(module (func) (start 0))",
                 "\1\4\1\x60\0\0\3\2\1\0\x08\1\0\12\4\1\2\0\x0b");
    ASSERT_BYTES("(module binary \"\\00asm\" \"\\01\\00\\00\\00\")", "");
    ASSERT_BYTES("(module quote \"(module)\")", "");
}

static void test_parse__names_go_to_the_name_section(void **state)
{
    (void)state;
    ASSERT_BYTES("(module $m (func $f (param $x i32)))",
                 "\1\5\1\x60\1\x7f\0\3\2\1\0\12\4\1\2\0\x0b"
                 "\0\x17\4name\0\2\1m\1\4\1\0\1f\2\6\1\0\1\0\1x");
}

/* Both texts must give the same binary. */
static void test_parse__abbreviations(void **state)
{
    (void)state;
    static const struct {
        const char *brief, *full;
    } row[] = {
        {"(func (import \"a\" \"b\") (param i32))",
         "(type (func (param i32))) (import \"a\" \"b\" (func (type 0)))"},
        {"(func (export \"a\") (export \"b\"))",
         "(func) (export \"a\" (func 0)) (export \"b\" (func 0))"},
        {"(table funcref (elem 0 0)) (func)",
         "(table 2 2 funcref) (elem (i32.const 0) func 0 0) (func)"},
        {"(memory 1) (data (memory 0) (i32.const 1) \"a\" \"b\")",
         "(memory 1) (data (offset i32.const 1) \"ab\")"},
        {"(func (i32.add (i32.const 1) (i32.const 2)) drop)",
         "(func i32.const 1 i32.const 2 i32.add drop)"},
        {"(func (if (i32.const 1) (then nop) (else)))",
         "(func i32.const 1 if nop else end)"},
        {"(func (block $a (loop $b (br $a) (br $b))))",
         "(func block loop br 1 br 0 end end)"},
        {"(func (result i32) (block (result i32) (i32.const 1)))",
         "(func (result i32) block (result i32) i32.const 1 end)"},
        {"(func (param i32 i32) (result i32) (block (param i32) (result i32)) "
         "unreachable)",
         "(type (func (param i32 i32) (result i32)))"
         "(type (func (param i32) (result i32)))"
         "(func (type 0) block (type 1) end unreachable)"},
        {"(func (select (result i32) (i32.const 1) (i32.const 2) "
         "(i32.const 3)) drop)",
         "(func i32.const 1 i32.const 2 i32.const 3 select (result i32) drop)"},
        {"(table 0 funcref) (func (call_indirect (i32.const 0)))",
         "(table 0 funcref) (func i32.const 0 call_indirect 0 (type 0))"},
        {"(func $\"f\") (func (call $f))", "(func $f) (func call 0)"},
        {"(tag $e (export \"e\") (param i32))",
         "(type (func (param i32))) (tag (type 0)) (export \"e\" (tag 0))"},
        {"(tag $e (import \"a\" \"b\") (param i32))",
         "(import \"a\" \"b\" (tag $e (param i32)))"},
        {"(tag $e) (func (block $h (try_table (catch $e $h) (catch_all 1)"
         " (throw $e))))",
         "(tag) (func block try_table (catch 0 0) (catch_all 1) throw 0 end "
         "end)"},
        {"(tag $e) (func (result exnref) (try_table $t (catch_ref $e 0)"
         " (catch_all_ref 0) (br $t)) unreachable)",
         "(tag $e) (func (result (ref null exn)) try_table (catch_ref 0 0)"
         " (catch_all_ref 0) br 0 end unreachable)"},
        {"(table 0 funcref) (func (return_call_indirect (i32.const 0)))",
         "(table 0 funcref) (func i32.const 0 return_call_indirect 0"
         " (type 0))"},
        {"(memory i64 (data \"a\"))",
         "(memory i64 1 1) (data (i64.const 0) \"a\")"},
        {"(table i64 funcref (elem 0)) (func)",
         "(table i64 1 1 funcref) (elem (i64.const 0) func 0) (func)"},
    };
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        sl_buf brief = {0}, full = {0};
        sl_err err = {0};
        sl_text_parse(sl_name_of(row[i].brief), &brief, &err);
        sl_text_parse(sl_name_of(row[i].full), &full, &err);
        assert_string_equal(err.msg, "");
        assert_int_equal(brief.len, full.len);
        assert_memory_equal(brief.data, full.data, full.len);
        sl_buf_deinit(&brief);
        sl_buf_deinit(&full);
    }
}

static void test_parse__refuses_what_is_malformed(void **state)
{
    (void)state;
    static const struct {
        const char *text, *error;
        uint64_t at;
    } row[] = {
        {"(func (local.get $x))", "unknown local $x", 17},
        {"(func (br $l))", "unknown label $l", 10},
        {"(func (foo))", "unknown operator foo", 7},
        {"(func 0$x)", "unknown operator 0$x", 6},
        {"(func (i32.const 4294967296))", "constant out of range", 17},
        {"(func (i32.load align=3 (i32.const 0)))",
         "alignment must be a power of two", 16},
        {"(func $f) (func $f)", "duplicate func $f", 16},
        {"(func (param $x i32) (local $x i32))", "duplicate local $x", 28},
        {"(type (func)) (func (type 0) (param i32))", "inline function type",
         26},
        {"(func (type 7) (param i32))", "unknown type 7", 12},
        {"(func) (import \"a\" \"b\" (func))", "import after function", 7},
        {"(func block $a end $b)", "mismatching label $b", 19},
        {"(start 0) (start 0) (func)", "multiple start sections", 10},
        {"(import \"\\ff\" \"\" (func))", "malformed UTF-8 encoding", 8},
        {"(func (result i32) (param i32))", "unexpected token param", 20},
        {"(func (block)", "unexpected token: end of text", 13},
        {"(func end)", "unexpected token end", 6},
        {"(func (then))", "unexpected token (", 6},
        {"(tag) (func (catch 0 0))", "unexpected token catch", 13},
        {"(func (try_table (catch $e 0)))", "unknown tag $e", 24},
        {"(tag) (func (try_table $t (catch 0 $t)))", "unknown label $t", 35},
        {"(tag) (func (try_table (catch_all 0 0)))", "unexpected token 0", 36},
        {"(func (if (i32.const 0)))", "unexpected token )", 23},
        {"(module))", "unexpected token )", 8},
        {"(module quote \"(foo)\")", "unknown operator foo", 14},
    };
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        sl_buf out = {0};
        sl_err err = {0};
        assert_false(sl_text_parse(sl_name_of(row[i].text), &out, &err));
        assert_int_equal(err.code, SL_EMALFORMED);
        assert_string_equal(err.msg, row[i].error);
        assert_int_equal(err.at, row[i].at);
        sl_buf_deinit(&out);
    }
}

static void test_parse__later_proposals_are_unsupported(void **state)
{
    (void)state;
    static const char *const row[] = {
        "(func (v128.const i32x4 0 0 0 0) drop)",
        "(type (struct))",
        "(rec (type (func)))",
        "(func (param anyref))",
        "(func (try (do) (catch_all)))",
        "(func (param (ref 0)))",
        "(func (param nullexnref))",
    };
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        sl_buf out = {0};
        sl_err err = {0};
        assert_false(sl_text_parse(sl_name_of(row[i]), &out, &err));
        assert_int_equal(err.code, SL_EUNSUPPORTED);
        sl_buf_deinit(&out);
    }
}

/* `n` times `open`, then as often `close`. */
static void put_nest(sl_buf *text, const char *open, const char *close, int n)
{
    for (int i = 0; i < n; i++)
        sl_buf_bytes(text, open, strlen(open));
    for (int i = 0; i < n; i++)
        sl_buf_bytes(text, close, strlen(close));
}

static void test_parse__nesting_needs_no_native_stack(void **state)
{
    (void)state;
    static const struct {
        const char *open, *close;
        bool ok;
    } row[] = {
        {"(block ", ")", true},   {"block ", "end ", true},
        {"(i32.eqz ", ")", true}, {"(if (i32.const 0) (then ", "))", true},
        {"(", ")", false},        {"(@a ", ")", true},
    };
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        sl_buf text = {0}, out = {0};
        sl_err err = {0};
        sl_buf_printf(&text, "(module (func ");
        put_nest(&text, row[i].open, row[i].close, 100000);
        sl_buf_printf(&text, "))");
        sl_name source = {(const char *)text.data, text.len};
        assert_int_equal(sl_text_parse(source, &out, &err), row[i].ok);
        sl_buf_deinit(&text);
        sl_buf_deinit(&out);
    }
}

static void test_parse__survives_short_memory(void **state)
{
    (void)state;
    static const char text[] =
        "(module $m (import \"a\" \"b\" (func $f (param i32)))"
        "(table funcref (elem $g)) (memory (data \"x\"))"
        "(global $g0 (mut i32) (i32.const 1)) (export \"g\" (func $g))"
        "(elem declare func $g) (data $d \"y\\n\")"
        "(func $g (param $x i32) (local $y i64)"
        " (block $l (if (local.get $x) (then (br $l)) (else (data.drop $d))))"
        " (br_table 0 0 (i32.add (i32.const 1) (i32.const 2)))))";
    for (size_t n = 1;; n++) {
        sl_buf out = {0};
        sl_err err = {0};
        sl_alloc_fail_at(n, 1);
        bool ok = sl_text_parse(sl_name_of(text), &out, &err);
        sl_alloc_fail_at(0, 0);
        sl_buf_deinit(&out);
        if (ok)
            break;
        assert_int_equal(err.code, SL_ENOMEM);
    }
}

static void test_report__shows_the_place(void **state)
{
    (void)state;
    sl_buf out = {0};
    sl_err err = {SL_EMALFORMED, 9, "unknown operator x"};
    sl_text_report(&out, "a.wat", SL_NAME("(module\n\t(x))\n"), &err);
    sl_buf_u8(&out, '\0');
    assert_string_equal((char *)out.data, "a.wat:2:2: unknown operator x\n"
                                          "    2 | \t(x))\n"
                                          "      | \t^\n");
    sl_buf_deinit(&out);
}

const struct CMUnitTest core_parse_tests[] = {
    cmocka_unit_test(test_parse__emits_sections_in_order),
    cmocka_unit_test(test_parse__names_go_to_the_name_section),
    cmocka_unit_test(test_parse__abbreviations),
    cmocka_unit_test(test_parse__refuses_what_is_malformed),
    cmocka_unit_test(test_parse__later_proposals_are_unsupported),
    cmocka_unit_test(test_parse__nesting_needs_no_native_stack),
    cmocka_unit_test(test_parse__survives_short_memory),
    cmocka_unit_test(test_report__shows_the_place),
};
const size_t n_core_parse_tests =
    sizeof core_parse_tests / sizeof *core_parse_tests;
