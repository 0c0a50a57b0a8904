#include "check.h"

#include "base/alloc.h"
#include "text/lexer.h"

typedef struct lexed {
    sl_arena arena;
    sl_tokens tokens;
    sl_err err;
    bool ok;
} lexed;

static lexed lex(sl_name source)
{
    lexed x = {0};
    sl_arena_init(&x.arena);
    x.ok = sl_lex(source, &x.arena, &x.tokens, &x.err);
    return x;
}

static void test_lex__kinds_and_texts(void **state)
{
    (void)state;
    static const struct {
        const char *source;
        uint8_t kind;
        const char *text;
    } row[] = {
        {"(", SL_TOK_LPAR, "("},
        {")", SL_TOK_RPAR, ")"},
        {"i32.add", SL_TOK_KEYWORD, "i32.add"},
        {"offset=0x10", SL_TOK_KEYWORD, "offset=0x10"},
        {"$x", SL_TOK_ID, "x"},
        {"$\"a\\u{62} c\"", SL_TOK_ID, "ab c"},
        {"\"a\\t\\41\\\"\"", SL_TOK_STRING, "a\tA\""},
        {"\"\"", SL_TOK_STRING, ""},
        {"1_000", SL_TOK_NUMBER, "1_000"},
        {"-0x1.8p+3", SL_TOK_NUMBER, "-0x1.8p+3"},
        {"nan:0x4", SL_TOK_NUMBER, "nan:0x4"},
        {"+inf", SL_TOK_NUMBER, "+inf"},
        {"nan:canonical", SL_TOK_KEYWORD, "nan:canonical"},
        {"1__0", SL_TOK_RESERVED, "1__0"},
        {"0x", SL_TOK_RESERVED, "0x"},
        {"0$x", SL_TOK_RESERVED, "0$x"},
        {"\"a\"\"b\"", SL_TOK_RESERVED, "\"a\"\"b\""},
        {"$x\"a\"", SL_TOK_RESERVED, "x\"a\""},
        {"{", SL_TOK_RESERVED, "{"},
        {"'a'", SL_TOK_CHAR, "a"},
        {"' '", SL_TOK_CHAR, " "},
        {"')'", SL_TOK_CHAR, ")"},
        {"'''", SL_TOK_CHAR, "'"},
        {"'\\''", SL_TOK_CHAR, "'"},
        {"'\\u{e9}'", SL_TOK_CHAR, "\xc3\xa9"},
        {"'\xc3\xa9'", SL_TOK_CHAR, "\xc3\xa9"},
        {"'\\0a'", SL_TOK_CHAR, "\n"},
        {"''", SL_TOK_RESERVED, "''"},
        {"'ab'", SL_TOK_RESERVED, "'ab'"},
        {"'a'b", SL_TOK_RESERVED, "'a'b"},
        {"'a'\"b\"", SL_TOK_RESERVED, "'a'\"b\""},
        {"(; (; ;) ;) a1", SL_TOK_KEYWORD, "a1"},
        {";; c\n a1", SL_TOK_KEYWORD, "a1"},
        {"(@note (x) \")\" (;);)) a1", SL_TOK_KEYWORD, "a1"},
    };
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        lexed x = lex(sl_name_of(row[i].source));
        assert_string_equal(x.err.msg, "");
        assert_int_equal(x.tokens.n, 2);
        assert_int_equal(x.tokens.v[0].kind, row[i].kind);
        assert_int_equal(x.tokens.v[0].text.len, strlen(row[i].text));
        assert_memory_equal(x.tokens.v[0].text.data, row[i].text,
                            strlen(row[i].text));
        assert_int_equal(x.tokens.v[1].kind, SL_TOK_EOF);
        sl_arena_deinit(&x.arena);
    }
}

static void test_lex__refuses_what_is_malformed(void **state)
{
    (void)state;
    static const struct {
        const char *source, *error;
        uint64_t at;
    } row[] = {
        {" \"abc", "unclosed string literal", 1},
        {"\"a\nb\"", "unclosed string literal", 0},
        {"\"a\x01\"", "illegal control character in string", 2},
        {"\"\\q\"", "invalid string escape", 1},
        {"\"\\u{d800}\"", "invalid string escape", 1},
        {"\"\\u{110000}\"", "invalid string escape", 1},
        {"\"\xff\"", "malformed UTF-8 encoding", 1},
        {"(; (; ;)", "unclosed comment", 0},
        {"$", "empty identifier", 0},
        {"$\"\"", "empty identifier", 0},
        {"$\"\\ff\"", "malformed UTF-8 encoding", 0},
        {"(@ x)", "empty annotation id", 0},
        {"(@x (y)", "unclosed annotation", 0},
        {"(@x \xc3\xa9)", "illegal character", 4},
        {"\x01", "misplaced control character", 0},
        {"\xc3\xa9", "misplaced unicode character", 0},
        {"\xff", "malformed UTF-8 encoding", 0},
    };
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        lexed x = lex(sl_name_of(row[i].source));
        assert_false(x.ok);
        assert_int_equal(x.err.code, SL_EMALFORMED);
        assert_string_equal(x.err.msg, row[i].error);
        assert_int_equal(x.err.at, row[i].at);
        sl_arena_deinit(&x.arena);
    }
}

static void test_lex__knows_whether_strings_are_utf8(void **state)
{
    (void)state;
    lexed x = lex(SL_NAME("\"\\c3\\a9\" \"\\c3\""));
    assert_true(x.ok);
    assert_true(x.tokens.v[0].is_utf8);
    assert_false(x.tokens.v[1].is_utf8);
    sl_arena_deinit(&x.arena);
}

static void test_parse_i32__takes_both_ranges(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool ok;
        uint32_t value;
    } row[] = {
        {"0", true, 0},
        {"4294967295", true, UINT32_MAX},
        {"4294967296", false, 0},
        {"-2147483648", true, 0x80000000},
        {"-2147483649", false, 0},
        {"+2147483647", true, 0x7fffffff},
        {"+2147483648", false, 0},
        {"-0x8000_0000", true, 0x80000000},
        {"0xFFFF_ffff", true, UINT32_MAX},
        {"1.0", false, 0},
        {"99999999999999999999999", false, 0},
        {"", false, 0},
    };
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        uint32_t value = 0;
        assert_int_equal(sl_parse_i32(sl_name_of(row[i].text), &value),
                         row[i].ok);
        assert_int_equal(value, row[i].value);
    }
}

static void test_parse_i64__takes_both_ranges(void **state)
{
    (void)state;
    uint64_t value;
    assert_true(sl_parse_i64(SL_NAME("-9223372036854775808"), &value));
    assert_true(value == UINT64_C(1) << 63);
    assert_false(sl_parse_i64(SL_NAME("-9223372036854775809"), &value));
    assert_true(sl_parse_i64(SL_NAME("0xffff_ffff_ffff_ffff"), &value));
    assert_true(value == UINT64_MAX);
    assert_false(sl_parse_i64(SL_NAME("18446744073709551616"), &value));
    assert_false(sl_parse_u64(SL_NAME("-1"), &value));
    assert_false(sl_parse_u64(SL_NAME("+1"), &value));
}

static void test_parse_f32__rounds_once(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool ok;
        uint32_t bits;
    } row[] = {
        {"0.1", true, 0x3dcccccd},
        {"-0", true, 0x80000000},
        {"0x1.000001p0", true, 0x3f800000},
        {"0x1.00000100001p0", true, 0x3f800001},
        {"1_0.2_5e0_1", true, 0x42cd0000},
        {"340282356779733661637539395458142568447", true, 0x7f7fffff},
        {"340282356779733661637539395458142568448", false, 0},
        {"1e-60", true, 0},
        {"inf", true, 0x7f800000},
        {"-nan", true, 0xffc00000},
        {"nan:0x1", true, 0x7f800001},
        {"nan:0x7f_ffff", true, 0x7fffffff},
        {"nan:0x800000", false, 0},
        {"nan:0x0", false, 0},
        {"nan:1", false, 0},
        {"1.0.0", false, 0},
        {"_1.0", false, 0},
        {"1.e", false, 0},
    };
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        uint32_t bits = 0;
        bool ok = sl_parse_f32(sl_name_of(row[i].text), &bits);
        assert_int_equal(ok, row[i].ok);
        if (ok)
            assert_int_equal(bits, row[i].bits);
    }
}

static void test_parse_f64__rounds_once(void **state)
{
    (void)state;
    uint64_t bits;
    assert_true(sl_parse_f64(SL_NAME("0.1"), &bits));
    assert_true(bits == UINT64_C(0x3fb999999999999a));
    assert_true(sl_parse_f64(SL_NAME("nan:0xf_ffff_ffff_ffff"), &bits));
    assert_true(bits == UINT64_C(0x7fffffffffffffff));
    assert_false(sl_parse_f64(SL_NAME("1e309"), &bits));
    assert_true(sl_parse_f64(SL_NAME("0x0.00000000000000000000000000000000000"
                                     "00000000000000000000000000000001p0"),
                             &bits));
    assert_true(bits == UINT64_C(0x2f30000000000000));
}

static void test_place_of__counts_code_points(void **state)
{
    (void)state;
    sl_place place = sl_place_of(SL_NAME("a\r\n\xc3\xa9 x\r\nlast"), 6);
    assert_int_equal(place.line, 2);
    assert_int_equal(place.column, 3);
    assert_int_equal(place.text.len, 4);
    place = sl_place_of(SL_NAME("a\nb"), 1000);
    assert_int_equal(place.line, 2);
    assert_int_equal(place.column, 2);
}

static void test_cursor__is_sticky(void **state)
{
    (void)state;
    lexed x = lex(SL_NAME("(a \"s\" 4294967296) b"));
    sl_cursor c = {&x.tokens, 0, &x.arena, &x.err};
    sl_name s;
    uint32_t n;
    assert_true(sl_at_form(&c, "a"));
    assert_true(sl_take_form(&c, "a"));
    assert_true(sl_expect_string(&c, &s));
    assert_false(sl_expect_u32(&c, &n));
    assert_string_equal(x.err.msg, "i32 constant out of range");
    assert_int_equal(sl_peek(&c)->kind, SL_TOK_EOF);
    assert_false(sl_expect_rpar(&c));
    assert_string_equal(x.err.msg, "i32 constant out of range");
    assert_int_equal(sl_peek_at(&c, 99)->kind, SL_TOK_EOF);
    sl_arena_deinit(&x.arena);
}

static void test_lex__survives_short_memory(void **state)
{
    (void)state;
    for (size_t n = 1;; n++) {
        sl_alloc_fail_at(n, 1);
        lexed x = lex(SL_NAME("(a $\"b\\41\" \"c\\n\" 1 2 3 4 5 6 7 8 9)"));
        sl_alloc_fail_at(0, 0);
        sl_arena_deinit(&x.arena);
        if (x.ok)
            break;
        assert_int_equal(x.err.code, SL_ENOMEM);
    }
}

const struct CMUnitTest lexer_tests[] = {
    cmocka_unit_test(test_lex__kinds_and_texts),
    cmocka_unit_test(test_lex__refuses_what_is_malformed),
    cmocka_unit_test(test_lex__knows_whether_strings_are_utf8),
    cmocka_unit_test(test_parse_i32__takes_both_ranges),
    cmocka_unit_test(test_parse_i64__takes_both_ranges),
    cmocka_unit_test(test_parse_f32__rounds_once),
    cmocka_unit_test(test_parse_f64__rounds_once),
    cmocka_unit_test(test_place_of__counts_code_points),
    cmocka_unit_test(test_cursor__is_sticky),
    cmocka_unit_test(test_lex__survives_short_memory),
};
const size_t n_lexer_tests = sizeof lexer_tests / sizeof *lexer_tests;
