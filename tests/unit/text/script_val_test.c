#include "check.h"

#include "text/script_val.h"
#include "text/wave.h"

#define PRIMITIVE(name, k) static const sl_type name = {.kind = k};
PRIMITIVE(t_bool, SL_T_BOOL)
PRIMITIVE(t_s8, SL_T_S8)
PRIMITIVE(t_u8, SL_T_U8)
PRIMITIVE(t_u32, SL_T_U32)
PRIMITIVE(t_s64, SL_T_S64)
PRIMITIVE(t_u64, SL_T_U64)
PRIMITIVE(t_f32, SL_T_F32)
PRIMITIVE(t_f64, SL_T_F64)
PRIMITIVE(t_char, SL_T_CHAR)
PRIMITIVE(t_string, SL_T_STRING)

#define LABEL(text, type)                                                      \
    {                                                                          \
        {text, sizeof(text) - 1}, type                                         \
    }

static const sl_type t_words = {.kind = SL_T_LIST, .of.list = {&t_u32, 0}};
static const sl_type t_strings = {.kind = SL_T_LIST, .of.list = {&t_string, 0}};
static const sl_type t_map = {.kind = SL_T_MAP, .of.map = {&t_string, &t_u8}};
static const sl_type t_option = {.kind = SL_T_OPTION, .of.list = {&t_u8, 0}};
static const sl_type t_result = {.kind = SL_T_RESULT,
                                 .of.result = {&t_string, NULL}};
static const sl_label tuple_labels[] = {{.type = &t_u8}, {.type = &t_string}};
static const sl_type t_tuple = {.kind = SL_T_TUPLE,
                                .of.labels = {2, tuple_labels}};
static const sl_label enum_labels[] = {LABEL("a", NULL), LABEL("b", NULL)};
static const sl_type t_enum = {.kind = SL_T_ENUM,
                               .of.labels = {2, enum_labels}};
static const sl_type t_flags = {.kind = SL_T_FLAGS,
                                .of.labels = {2, enum_labels}};
static const sl_label record_labels[] = {
    LABEL("n", &t_u32), LABEL("l", &t_words), LABEL("e", &t_enum)};
static const sl_type t_record = {.kind = SL_T_RECORD,
                                 .of.labels = {3, record_labels}};
static const sl_label variant_labels[] = {LABEL("x", NULL), LABEL("y", &t_u32)};
static const sl_type t_variant = {.kind = SL_T_VARIANT,
                                  .of.labels = {2, variant_labels}};

static const struct {
    const char *text;
    const sl_type *type;
    const char *wave;
} row[] = {
    {"(bool.const true)", &t_bool, "true"},
    {"(bool.const false)", &t_bool, "false"},
    {"(s8.const -128)", &t_s8, "-128"},
    {"(u8.const 0xff)", &t_u8, "255"},
    {"(u32.const 4_294_967_295)", &t_u32, "4294967295"},
    {"(s64.const -0x8000000000000000)", &t_s64, "-9223372036854775808"},
    {"(u64.const 18446744073709551615)", &t_u64, "18446744073709551615"},
    {"(f32.const 1.5)", &t_f32, "1.5"},
    {"(f64.const nan:canonical)", &t_f64, "nan"},
    {"(f64.const -inf)", &t_f64, "-inf"},
    {"(char.const \"\\u{e9}\")", &t_char, "'\xc3\xa9'"},
    {"(str.const \"a\\tb\")", &t_string, "\"a\\tb\""},
    {"(list.const)", &t_words, "[]"},
    {"(list.const (u32.const 1) (u32.const 2))", &t_words, "[1, 2]"},
    {"(list.const (str.const \"a\"))", &t_strings, "[\"a\"]"},
    {"(list.const (tuple.const (str.const \"a\") (u8.const 1)))", &t_map,
     "[(\"a\", 1)]"},
    {"(tuple.const (u8.const 1) (str.const \"x\"))", &t_tuple, "(1, \"x\")"},
    {"(record.const (field \"n\" u32.const 1) (field \"l\" list.const"
     " (u32.const 2)) (field \"e\" enum.const \"b\"))",
     &t_record, "{n: 1, l: [2], e: b}"},
    {"(record.const (field \"e\" (enum.const \"a\")) (field \"n\" u32.const 1)"
     " (field \"l\" list.const))",
     &t_record, "{n: 1, l: [], e: a}"},
    {"(variant.const \"x\")", &t_variant, "x"},
    {"(variant.const \"y\" (u32.const 7))", &t_variant, "y(7)"},
    {"(enum.const \"b\")", &t_enum, "b"},
    {"(option.none)", &t_option, "none"},
    {"(option.some (u8.const 1))", &t_option, "some(1)"},
    {"(result.ok (str.const \"s\"))", &t_result, "ok(\"s\")"},
    {"(result.err)", &t_result, "err"},
    {"(flags.const)", &t_flags, "{}"},
    {"(flags.const \"b\" \"a\")", &t_flags, "{a, b}"},
};
#define N_ROWS (sizeof row / sizeof *row)

/* The whole way: text, tree, value; false with err set on any failure. */
static bool value_of(const char *text, const sl_type *type, sl_val *out,
                     sl_err *err)
{
    sl_arena arena;
    sl_tokens tokens;
    sl_script_val tree;
    *err = (sl_err){0};
    sl_arena_init(&arena);
    sl_cursor c = {&tokens, 0, &arena, err};
    bool ok = sl_lex(sl_name_of(text), &arena, &tokens, err) &&
              sl_parse_script_val(&c, &tree) &&
              sl_script_val_to(&tree, type, out, err);
    if (ok)
        assert_true(sl_script_val_eq(&tree, type, out));
    sl_arena_deinit(&arena);
    return ok;
}

static void test_script_val__becomes_typed_values(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_ROWS; i++) {
        sl_val val;
        sl_err err;
        if (!value_of(row[i].text, row[i].type, &val, &err))
            fail_msg("%s: %s", row[i].text, err.msg);
        sl_buf out = {0};
        sl_wave_print(&val, row[i].type, &out);
        sl_buf_u8(&out, 0);
        assert_string_equal((char *)out.data, row[i].wave);
        sl_buf_deinit(&out);
        sluice_val_deinit(&val);
    }
}

static void test_script_val__reports_errors(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const sl_type *type;
        const char *error;
    } bad[] = {
        {"(u8.const 256)", &t_u8, "constant out of range"},
        {"(s8.const -129)", &t_s8, "constant out of range"},
        {"(u8.const -1)", &t_u8, "constant out of range"},
        {"(u9.const 1)", &t_u8, "unexpected token"},
        {"(char.const \"ab\")", &t_char, "unexpected token"},
        {"(u8.const 1)", &t_u32, "type mismatch"},
        {"(enum.const \"c\")", &t_enum, "type mismatch"},
        {"(variant.const \"y\")", &t_variant, "type mismatch"},
        {"(variant.const \"x\" (u32.const 1))", &t_variant, "type mismatch"},
        {"(variant.const \"y\" (u32.const 1) (u32.const 1))", &t_variant,
         "unexpected token"},
        {"(tuple.const (u8.const 1))", &t_tuple, "type mismatch"},
        {"(record.const (field \"n\" u32.const 1))", &t_record,
         "type mismatch"},
        {"(list.const (u32.const 1) (u8.const 1))", &t_words, "type mismatch"},
        {"(flags.const \"c\")", &t_flags, "type mismatch"},
        {"(result.err (u8.const 1))", &t_result, "type mismatch"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        sl_val val;
        sl_err err;
        if (value_of(bad[i].text, bad[i].type, &val, &err))
            fail_msg("accepted: %s", bad[i].text);
        if (strncmp(err.msg, bad[i].error, strlen(bad[i].error)) != 0)
            fail_msg("%s gives %s", bad[i].text, err.msg);
    }
}

static void test_script_val_eq__tells_values_apart(void **state)
{
    (void)state;
    static const struct {
        const char *a, *b;
        const sl_type *type;
    } differ[] = {
        {"(u8.const 1)", "(u8.const 2)", &t_u8},
        {"(f64.const 0)", "(f64.const -0)", &t_f64},
        {"(f64.const nan)", "(f64.const 1)", &t_f64},
        {"(list.const (u32.const 1))", "(list.const)", &t_words},
        {"(list.const (str.const \"a\"))", "(list.const (str.const \"b\"))",
         &t_strings},
        {"(option.none)", "(option.some (u8.const 0))", &t_option},
        {"(flags.const \"a\")", "(flags.const \"b\")", &t_flags},
        {"(variant.const \"y\" (u32.const 1))",
         "(variant.const \"y\" (u32.const 2))", &t_variant},
    };
    for (size_t i = 0; i < sizeof differ / sizeof *differ; i++) {
        sl_val a, b;
        sl_err err;
        assert_true(value_of(differ[i].a, differ[i].type, &a, &err));
        assert_true(value_of(differ[i].b, differ[i].type, &b, &err));
        assert_false(sluice_val_eq(&a, &b));
        sluice_val_deinit(&a);
        sluice_val_deinit(&b);
    }
}

const struct CMUnitTest script_val_tests[] = {
    cmocka_unit_test(test_script_val__becomes_typed_values),
    cmocka_unit_test(test_script_val__reports_errors),
    cmocka_unit_test(test_script_val_eq__tells_values_apart),
};
const size_t n_script_val_tests =
    sizeof script_val_tests / sizeof *script_val_tests;
