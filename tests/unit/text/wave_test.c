#include "check.h"

#include "base/alloc.h"
#include "text/wave.h"

/* --- Types ---------------------------------------------------------------- */

#define PRIMITIVE(name, k) static const sl_type name = {.kind = k};
PRIMITIVE(t_bool, SL_T_BOOL)
PRIMITIVE(t_s8, SL_T_S8)
PRIMITIVE(t_u8, SL_T_U8)
PRIMITIVE(t_s16, SL_T_S16)
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

static const sl_type t_bytes = {.kind = SL_T_LIST, .of.list = {&t_u8, 0}};
static const sl_type t_floats = {.kind = SL_T_LIST, .of.list = {&t_f32, 0}};
static const sl_type t_strings = {.kind = SL_T_LIST, .of.list = {&t_string, 0}};
static const sl_type t_pair_of_bytes = {.kind = SL_T_LIST,
                                        .of.list = {&t_u8, 2}};
static const sl_type t_map = {.kind = SL_T_MAP, .of.map = {&t_string, &t_u8}};
static const sl_type t_option = {.kind = SL_T_OPTION, .of.list = {&t_u8, 0}};
static const sl_type t_deep_option = {.kind = SL_T_OPTION,
                                      .of.list = {&t_option, 0}};
static const sl_type t_result = {.kind = SL_T_RESULT,
                                 .of.result = {&t_string, &t_u8}};
static const sl_type t_empty_result = {.kind = SL_T_RESULT};
static const sl_label tuple_labels[] = {{.type = &t_u8}, {.type = &t_string}};
static const sl_type t_tuple = {.kind = SL_T_TUPLE,
                                .of.labels = {2, tuple_labels}};
static const sl_label record_labels[] = {
    LABEL("x", &t_u8), LABEL("some", &t_string), LABEL("opt", &t_option)};
static const sl_type t_record = {.kind = SL_T_RECORD,
                                 .of.labels = {3, record_labels}};
static const sl_label options_labels[] = {LABEL("a", &t_option)};
static const sl_type t_options = {.kind = SL_T_RECORD,
                                  .of.labels = {1, options_labels}};
static const sl_label variant_labels[] = {
    LABEL("empty", NULL), LABEL("full", &t_tuple), LABEL("none", NULL)};
static const sl_type t_variant = {.kind = SL_T_VARIANT,
                                  .of.labels = {3, variant_labels}};
static const sl_label enum_labels[] = {LABEL("red", NULL), LABEL("ok", NULL)};
static const sl_type t_enum = {.kind = SL_T_ENUM,
                               .of.labels = {2, enum_labels}};
static const sl_label flag_labels[] = {LABEL("r", NULL), LABEL("w", NULL),
                                       LABEL("x-y", NULL)};
static const sl_type t_flags = {.kind = SL_T_FLAGS,
                                .of.labels = {3, flag_labels}};
static const sl_type t_own = {.kind = SL_T_OWN};

/* --- Values --------------------------------------------------------------- */

static const struct {
    const sl_type *type;
    const char *text, *printed; /* NULL: as given */
} value_row[] = {
    {&t_bool, "true", NULL},
    {&t_bool, " false // no\n", "false"},
    {&t_s8, "-128", NULL},
    {&t_u8, "255", NULL},
    {&t_s16, "-32768", NULL},
    {&t_u32, "4294967295", NULL},
    {&t_s64, "-9223372036854775808", NULL},
    {&t_u64, "18446744073709551615", NULL},
    {&t_f32, "0.1", NULL},
    {&t_f32, "1.5e3", "1.5e+03"},
    {&t_f64, "0.1", NULL},
    {&t_f64, "-0", NULL},
    {&t_f64, "nan", NULL},
    {&t_f64, "inf", NULL},
    {&t_f32, "-inf", NULL},
    {&t_char, "'x'", NULL},
    {&t_char, "'\\u{1F600}'", "'\xf0\x9f\x98\x80'"},
    {&t_char, "'\\''", NULL},
    {&t_char, "'\"'", NULL},
    {&t_string, "\"\"", NULL},
    {&t_string, "\"a\\tb\\n\\\"q\\\"\\\\ it's \\u{e9}\\u{7}\"",
     "\"a\\tb\\n\\\"q\\\"\\\\ it's \xc3\xa9\\u{7}\""},
    {&t_bytes, "[]", NULL},
    {&t_bytes, "[1, 2,3 ,]", "[1, 2, 3]"},
    {&t_floats, "[1, -0.5, nan]", NULL},
    {&t_strings, "[\"a\", \"b\"]", NULL},
    {&t_strings, "[]", NULL},
    {&t_pair_of_bytes, "[1, 2]", NULL},
    {&t_map, "[(\"a\", 1), (\"b\", 2)]", NULL},
    {&t_tuple, "(1, \"b\")", NULL},
    {&t_record, "{x: 1, %some: \"a\", opt: none}", NULL},
    {&t_record, "{some: \"a\", x: 1}", "{x: 1, %some: \"a\", opt: none}"},
    {&t_record, "{ opt: 3, x: 1, %some: \"\", }",
     "{x: 1, %some: \"\", opt: some(3)}"},
    {&t_options, "{:}", "{a: none}"},
    {&t_variant, "empty", NULL},
    {&t_variant, "full((1, \"x\"))", NULL},
    {&t_variant, "%none", NULL},
    {&t_enum, "red", NULL},
    {&t_enum, "%ok", NULL},
    {&t_option, "none", NULL},
    {&t_option, "some(1)", NULL},
    {&t_option, "1", "some(1)"},
    {&t_deep_option, "some(none)", NULL},
    {&t_result, "ok(\"a\")", NULL},
    {&t_result, "\"a\"", "ok(\"a\")"},
    {&t_result, "err(1)", NULL},
    {&t_empty_result, "ok", NULL},
    {&t_empty_result, "err", NULL},
    {&t_flags, "{}", NULL},
    {&t_flags, "{x-y, r}", "{r, x-y}"},
};
#define N_VALUES (sizeof value_row / sizeof *value_row)

static void test_wave__parses_and_prints(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_VALUES; i++) {
        sl_val val, copy;
        sl_err err = {0};
        if (!sl_wave_parse(sl_name_of(value_row[i].text), value_row[i].type,
                           &val, &err))
            fail_msg("%s: %s", value_row[i].text, err.msg);
        assert_true(sluice_val_copy(&val, &copy));
        assert_true(sluice_val_eq(&val, &copy));
        sl_buf out = {0};
        sl_wave_print(&copy, value_row[i].type, &out);
        sl_buf_u8(&out, 0);
        assert_string_equal((char *)out.data, value_row[i].printed
                                                  ? value_row[i].printed
                                                  : value_row[i].text);
        sluice_val_deinit(&val);
        sluice_val_deinit(&copy);
        sl_buf_deinit(&out);
    }
}

static void test_wave_parse__packs_lists_of_numbers(void **state)
{
    (void)state;
    sl_val val;
    sl_err err = {0};
    assert_true(sl_wave_parse(SL_NAME("[1, 2, 3]"), &t_bytes, &val, &err));
    assert_int_equal(val.elem, SLUICE_U8);
    assert_int_equal(val.of.bytes.len, 3);
    assert_memory_equal(val.of.bytes.data, "\1\2\3", 3);
    sluice_val_deinit(&val);
}

static void test_wave_parse__reports_errors(void **state)
{
    (void)state;
    static const struct {
        const sl_type *type;
        const char *text, *error;
        uint64_t at;
    } row[] = {
        {&t_u8, "", "expected an integer", 0},
        {&t_u8, "256", "integer out of range", 0},
        {&t_u8, "-1", "integer out of range", 0},
        {&t_s8, "-129", "integer out of range", 0},
        {&t_u64, "18446744073709551616", "integer out of range", 0},
        {&t_u8, "1x", "expected an integer", 0},
        {&t_u8, "1 2", "expected the end of the value", 2},
        {&t_bool, "yes", "expected `true` or `false`", 0},
        {&t_f64, "abc", "expected a number", 0},
        {&t_char, "''", "expected a character", 1},
        {&t_char, "'ab'", "expected `'`", 2},
        {&t_string, "\"abc", "expected a character of UTF-8", 4},
        {&t_string, "\"\\q\"", "expected an escape", 2},
        {&t_string, "\"\\u{d800}\"", "expected a Unicode scalar value", 8},
        {&t_bytes, "[1 2]", "expected `,` or `]`", 3},
        {&t_bytes, "[1, 2", "expected `,` or `]`", 5},
        {&t_pair_of_bytes, "[1]", "expected a list of another length", 3},
        {&t_strings, "[\"a\", 1]", "expected `\"`", 6},
        {&t_tuple, "(1)", "expected more elements", 3},
        {&t_tuple, "(1, \"a\", 2)", "expected fewer elements", 9},
        {&t_record, "{x: 1}", "missing field `some`", 6},
        {&t_record, "{y: 1}", "unknown field `y`", 1},
        {&t_record, "{x: 1, x: 2}", "duplicate field `x`", 7},
        {&t_variant, "other", "unknown case `other`", 0},
        {&t_variant, "full", "expected `(`", 4},
        {&t_enum, "red(1)", "expected the end of the value", 3},
        {&t_flags, "{a}", "unknown flag `a`", 1},
        {&t_deep_option, "1", "expected `some` or `none`", 0},
        {&t_own, "1", "expected a handle: `#` and its number", 0},
        {&t_own, "#", "expected a handle: `#` and its number", 1},
        {&t_own, "#4294967296", "expected a smaller number", 10},
    };
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        sl_val val;
        sl_err err = {0};
        assert_false(
            sl_wave_parse(sl_name_of(row[i].text), row[i].type, &val, &err));
        assert_string_equal(err.msg, row[i].error);
        assert_int_equal(err.at, row[i].at);
    }
}

static void test_wave_parse__survives_short_memory(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_VALUES; i++) {
        bool done = false;
        for (size_t n = 1; !done; n++) {
            sl_val val, copy;
            sl_err err = {0};
            sl_alloc_fail_at(n, 1);
            done = sl_wave_parse(sl_name_of(value_row[i].text),
                                 value_row[i].type, &val, &err);
            if (!done) {
                sl_alloc_fail_at(0, 0);
                assert_int_equal(err.code, SL_ENOMEM);
                continue;
            }
            done = sluice_val_copy(&val, &copy);
            sl_alloc_fail_at(0, 0);
            sluice_val_deinit(&val);
            if (done)
                sluice_val_deinit(&copy);
        }
    }
}

/* --- Values that belong to a store -------------------------------------- */

static unsigned n_dropped;

static void drop_stream(struct sluice_stream *stream)
{
    assert_non_null(stream);
    n_dropped++;
}

static void drop_own(void *resource, uint32_t rep)
{
    assert_non_null(resource);
    n_dropped += rep;
}

static void test_val_deinit__drops_what_a_store_lent(void **state)
{
    (void)state;
    int thing;
    sl_val val, copy;
    sl_val_drop = (sl_val_drops){.stream = drop_stream, .own = drop_own};
    n_dropped = 0;
    assert_true(sluice_val_items(&val, SLUICE_TUPLE, 3));
    val.of.list.items[0] = (sl_val){.kind = SLUICE_STREAM};
    val.of.list.items[0].of.stream = (struct sluice_stream *)&thing;
    val.of.list.items[1] = (sl_val){.kind = SLUICE_OWN};
    val.of.list.items[1].of.handle.resource = &thing;
    val.of.list.items[1].of.handle.rep = 10;
    val.of.list.items[2] = (sl_val){.kind = SLUICE_FUTURE};
    assert_false(sluice_val_copy(&val, &copy));
    assert_int_equal(n_dropped, 0);
    sluice_val_deinit(&val);
    assert_int_equal(n_dropped, 11);
    sluice_val_deinit(&val);
    assert_int_equal(n_dropped, 11);
    sl_val_drop = (sl_val_drops){0};
}

/* --- Calls ---------------------------------------------------------------- */

static void test_wave_split_call__takes_calls_apart(void **state)
{
    (void)state;
    static const struct {
        const char *text, *func;
        uint32_t n;
        const char *args[3];
    } row[] = {
        {"f", "f", 0, {0}},
        {" f() ", "f", 0, {0}},
        {"f(1, 2)", "f", 2, {"1", "2"}},
        {"f( \"a, )\\\"\" , ')', )", "f", 2, {"\"a, )\\\"\"", "')'"}},
        {"wasi:cli/run@0.2.0#run([(1, 2)], {a: b(c)})",
         "wasi:cli/run@0.2.0#run",
         2,
         {"[(1, 2)]", "{a: b(c)}"}},
    };
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        sl_arena arena;
        sl_arena_init(&arena);
        sl_wave_call call;
        sl_err err = {0};
        assert_true(
            sl_wave_split_call(sl_name_of(row[i].text), &arena, &call, &err));
        assert_true(sl_name_is(call.func, row[i].func));
        assert_int_equal(call.n_args, row[i].n);
        for (uint32_t j = 0; j < row[i].n; j++)
            assert_true(sl_name_is(call.args[j], row[i].args[j]));
        sl_arena_deinit(&arena);
    }
}

static void test_wave_split_call__reports_errors(void **state)
{
    (void)state;
    static const char *const row[] = {"",      "(1)",    "f(",   "f(1",
                                      "f(1))", "f(1) g", "f(,)", "f(\"a)"};
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        sl_arena arena;
        sl_arena_init(&arena);
        sl_wave_call call;
        sl_err err = {0};
        if (sl_wave_split_call(sl_name_of(row[i]), &arena, &call, &err))
            fail_msg("accepted: %s", row[i]);
        assert_int_equal(err.code, SL_EMALFORMED);
        sl_arena_deinit(&arena);
    }
}

const struct CMUnitTest wave_tests[] = {
    cmocka_unit_test(test_wave__parses_and_prints),
    cmocka_unit_test(test_wave_parse__packs_lists_of_numbers),
    cmocka_unit_test(test_wave_parse__reports_errors),
    cmocka_unit_test(test_wave_parse__survives_short_memory),
    cmocka_unit_test(test_val_deinit__drops_what_a_store_lent),
    cmocka_unit_test(test_wave_split_call__takes_calls_apart),
    cmocka_unit_test(test_wave_split_call__reports_errors),
};
const size_t n_wave_tests = sizeof wave_tests / sizeof *wave_tests;
