#include "fixture.h"

#include <math.h>
#include <string.h>

#define N(a) (sizeof(a) / sizeof *(a))

static void round_trip(fixture *f, const sl_val *val, const sl_type *type)
{
    sl_label label = {.type = type};
    sl_slot flat[16], again[16];
    sl_val back;
    uint32_t n = 0, n_again = 0;
    sl_err err = {0};

    fixture_reset(f);
    if (sl_val_check(val, type, &err) != SL_OK)
        fail_msg("%s", err.msg);
    assert_int_equal(
        sl_lower_flat_values(&f->cx, 16, val, &label, 1, NULL, flat, &n),
        SL_OK);
    assert_int_equal(sl_lift_flat_values(&f->cx, 16, flat, &label, 1, &back),
                     SL_OK);
    assert_true(sluice_val_eq(val, &back));
    /* the slots of a value that was lifted are the same, but for pointers */
    if (!type->has_pointer) {
        assert_int_equal(sl_lower_flat_values(&f->cx, 16, &back, &label, 1,
                                              NULL, again, &n_again),
                         SL_OK);
        assert_int_equal(n, n_again);
        assert_memory_equal(flat, again, n * sizeof *flat);
    }
    /* spilled: through memory at a place of the caller's */
    sl_slot place = {.i64 = 0x8000};
    n = 7;
    assert_int_equal(
        sl_lower_flat_values(&f->cx, 0, val, &label, 1, &place, flat, &n),
        SL_OK);
    assert_int_equal(n, 0);
    assert_int_equal(sl_lift_flat_values(&f->cx, 0, &place, &label, 1, &back),
                     SL_OK);
    assert_true(sluice_val_eq(val, &back));
}

static void on_both_memories(void (*fn)(fixture *f))
{
    for (int is64 = 0; is64 < 2; is64++) {
        fixture f;
        fixture_init(&f, SL_UTF8, is64);
        fn(&f);
        fixture_deinit(&f);
    }
}

static void scalars(fixture *f)
{
    const sl_val vals[] = {
        {.kind = SLUICE_BOOL, .of.boolean = true},
        {.kind = SLUICE_S8, .of.s8 = -128},
        {.kind = SLUICE_U8, .of.u8 = 255},
        {.kind = SLUICE_S16, .of.s16 = -32768},
        {.kind = SLUICE_U16, .of.u16 = 65535},
        {.kind = SLUICE_S32, .of.s32 = INT32_MIN},
        {.kind = SLUICE_U32, .of.u32 = UINT32_MAX},
        {.kind = SLUICE_S64, .of.s64 = INT64_MIN},
        {.kind = SLUICE_U64, .of.u64 = UINT64_MAX},
        {.kind = SLUICE_F32, .of.f32 = -0.5f},
        {.kind = SLUICE_F64, .of.f64 = 1e300},
        {.kind = SLUICE_CHAR, .of.chr = 0x10ffff},
        {.kind = SLUICE_STRING, .of.string = {"h\xc3\xb6", 3}},
    };
    for (size_t i = 0; i < N(vals); i++)
        round_trip(f, &vals[i], prim((sl_type_kind)vals[i].kind));
}

static void test_values__scalars(void **state)
{
    (void)state;
    on_both_memories(scalars);
}

static void compounds(fixture *f)
{
    const sl_type *u8 = prim(SL_T_U8), *u32 = prim(SL_T_U32),
                  *u64 = prim(SL_T_U64), *f32 = prim(SL_T_F32),
                  *f64 = prim(SL_T_F64), *string = prim(SL_T_STRING);
    sl_val byte = {.kind = SLUICE_U8, .of.u8 = 7};
    sl_val word = {.kind = SLUICE_U64, .of.u64 = UINT64_C(1) << 60};
    sl_val real = {.kind = SLUICE_F32, .of.f32 = 1.5f};
    sl_val text = {.kind = SLUICE_STRING, .of.string = {"abc", 3}};

    sl_val fields[] = {byte, word, text, real};
    sl_val record = {.kind = SLUICE_RECORD, .of.list = {fields, 4}};
    round_trip(f, &record, labels_of(f, SL_T_RECORD, 4, u8, u64, string, f32));
    record.kind = SLUICE_TUPLE;
    round_trip(f, &record, labels_of(f, SL_T_TUPLE, 4, u8, u64, string, f32));

    const sl_type *variant =
        labels_of(f, SL_T_VARIANT, 5, f32, u64, NULL, f64, string);
    sl_val cases[] = {
        real, word, {0}, {.kind = SLUICE_F64, .of.f64 = 2.5}, text};
    for (uint32_t i = 0; i < N(cases); i++) {
        sl_val val = {.kind = SLUICE_VARIANT,
                      .of.variant = {i, i == 2 ? NULL : &cases[i]}};
        round_trip(f, &val, variant);
    }
    sl_val some = {.kind = SLUICE_OPTION, .of.variant = {1, &text}};
    sl_val none = {.kind = SLUICE_OPTION, .of.variant = {0, NULL}};
    round_trip(f, &some, option_of(f, string));
    round_trip(f, &none, option_of(f, string));
    sl_val ok = {.kind = SLUICE_RESULT, .of.variant = {0, &word}};
    sl_val error = {.kind = SLUICE_RESULT, .of.variant = {1, &real}};
    sl_val plain = {.kind = SLUICE_RESULT, .of.variant = {1, NULL}};
    round_trip(f, &ok, result_of(f, u64, f32));
    round_trip(f, &error, result_of(f, u64, f32));
    round_trip(f, &plain, result_of(f, u64, NULL));
    sl_val flags = {.kind = SLUICE_FLAGS, .of.flags = 0x155};
    round_trip(f, &flags,
               labels_of(f, SL_T_FLAGS, 9, NULL, NULL, NULL, NULL, NULL, NULL,
                         NULL, NULL, NULL));
    sl_val enum_ = {.kind = SLUICE_ENUM, .of.variant = {2, NULL}};
    round_trip(f, &enum_, labels_of(f, SL_T_ENUM, 3, NULL, NULL, NULL));

    sl_val key_value[] = {text, {.kind = SLUICE_U32, .of.u32 = 9}};
    sl_val pair = {.kind = SLUICE_TUPLE, .of.list = {key_value, 2}};
    sl_val map = {.kind = SLUICE_MAP, .of.list = {&pair, 1}};
    round_trip(f, &map, map_of(f, string, u32));
}

static void test_values__compounds(void **state)
{
    (void)state;
    on_both_memories(compounds);
}

static void lists(fixture *f)
{
    uint16_t numbers[] = {1, 2, 65535};
    sl_val packed = {
        .kind = SLUICE_LIST, .elem = SLUICE_U16, .of.bytes = {numbers, 3}};
    round_trip(f, &packed, list_of(f, prim(SL_T_U16), 0));
    round_trip(f, &packed, list_of(f, prim(SL_T_U16), 3));
    packed.of.bytes.len = 0;
    round_trip(f, &packed, list_of(f, prim(SL_T_U16), 0));

    sl_val bools[] = {{.of.boolean = true}, {.of.boolean = false}};
    sl_val list = {.kind = SLUICE_LIST, .of.list = {bools, 2}};
    round_trip(f, &list, list_of(f, prim(SL_T_BOOL), 0));
    round_trip(f, &list, list_of(f, prim(SL_T_BOOL), 2));

    packed.of.bytes.len = 3;
    sl_val inner[] = {packed, packed};
    sl_val nested = {.kind = SLUICE_LIST, .of.list = {inner, 2}};
    round_trip(f, &nested, list_of(f, list_of(f, prim(SL_T_U16), 0), 0));
    round_trip(f, &nested, list_of(f, list_of(f, prim(SL_T_U16), 3), 0));
    sl_val strings[] = {{.kind = SLUICE_STRING, .of.string = {"a", 1}},
                        {.kind = SLUICE_STRING, .of.string = {"", 0}}};
    sl_val texts = {.kind = SLUICE_LIST, .of.list = {strings, 2}};
    round_trip(f, &texts, list_of(f, prim(SL_T_STRING), 0));
}

static void test_values__lists(void **state)
{
    (void)state;
    on_both_memories(lists);
}

/* NaNs become the canonical one wherever they are lifted. */
static void test_lift__nans(void **state)
{
    (void)state;
    fixture f;
    fixture_init(&f, SL_UTF8, false);
    sl_label types[] = {{.type = prim(SL_T_F32)}, {.type = prim(SL_T_F64)}};
    sl_slot flat[2] = {{.i64 = 0xff800001},
                       {.i64 = UINT64_C(0x7ff0000000000001)}};
    sl_val out[2];
    assert_int_equal(sl_lift_flat_values(&f.cx, 16, flat, types, 2, out),
                     SL_OK);
    assert_int_equal(out[0].of.u32, 0x7fc00000);
    assert_true(out[1].of.u64 == UINT64_C(0x7ff8000000000000));

    sl_label list = {.type = list_of(&f, prim(SL_T_F32), 0)};
    uint32_t raw[2] = {0x7f800001, 0x3f800000};
    memcpy(sl_memory_at(f.fn.memory, 64, 8), raw, 8);
    sl_slot in[2] = {{.i64 = 64}, {.i64 = 2}};
    assert_int_equal(sl_lift_flat_values(&f.cx, 16, in, &list, 1, out), SL_OK);
    memcpy(raw, out[0].of.bytes.data, 8);
    assert_int_equal(raw[0], 0x7fc00000);
    assert_int_equal(raw[1], 0x3f800000);
    fixture_deinit(&f);
}

/* Undefined upper bits of a narrow type's slot are dropped, signs extended. */
static void test_lift__narrow_types(void **state)
{
    (void)state;
    fixture f;
    fixture_init(&f, SL_UTF8, false);
    sl_label types[] = {{.type = prim(SL_T_U8)},
                        {.type = prim(SL_T_S8)},
                        {.type = prim(SL_T_U16)},
                        {.type = prim(SL_T_S16)},
                        {.type = prim(SL_T_BOOL)},
                        {.type = labels_of(&f, SL_T_FLAGS, 2, NULL, NULL)}};
    sl_slot flat[N(types)];
    sl_val out[N(types)];
    for (size_t i = 0; i < N(types); i++)
        flat[i].i64 = UINT64_C(0xdeadbeefffffff81);
    flat[3].i64 = 0xffff8000;
    assert_int_equal(sl_lift_flat_values(&f.cx, 16, flat, types, N(types), out),
                     SL_OK);
    assert_int_equal(out[0].of.u8, 0x81);
    assert_int_equal(out[1].of.s8, -127);
    assert_int_equal(out[2].of.u16, 0xff81);
    assert_int_equal(out[3].of.s16, -32768);
    assert_true(out[4].of.boolean);
    assert_int_equal(out[5].of.flags, 1);
    fixture_deinit(&f);
}

static void expect_trap(fixture *f, const sl_type *type, uint64_t a, uint64_t b,
                        const char *message)
{
    sl_label label = {.type = type};
    sl_slot flat[4] = {{.i64 = a}, {.i64 = b}};
    sl_val out;
    fixture_reset(f);
    assert_int_equal(sl_lift_flat_values(&f->cx, 4, flat, &label, 1, &out),
                     SL_ETRAP);
    if (strncmp(fixture_trap(f), message, strlen(message)) != 0)
        fail_msg("%s, not %s", fixture_trap(f), message);
}

static void test_lift__traps(void **state)
{
    (void)state;
    fixture f;
    fixture_init(&f, SL_UTF8, false);
    const sl_type *u32s = list_of(&f, prim(SL_T_U32), 0);
    const sl_type *enum_ = labels_of(&f, SL_T_ENUM, 2, NULL, NULL);
    const sl_type *wide = list_of(&f, prim(SL_T_U32), 9);
    uint64_t end = 4 * 65536;
    expect_trap(&f, prim(SL_T_CHAR), 0xd800, 0, "invalid `char` bit pattern");
    expect_trap(&f, prim(SL_T_CHAR), 0x110000, 0, "invalid `char` bit pattern");
    expect_trap(&f, enum_, 2, 0, "invalid variant discriminant");
    expect_trap(&f, enum_, 0xffffffff, 0, "invalid variant discriminant");
    expect_trap(&f, u32s, 2, 0, "list pointer is not aligned");
    expect_trap(&f, u32s, end, 1, "list pointer/length out of bounds");
    expect_trap(&f, u32s, end - 4, 2, "list pointer/length out of bounds");
    expect_trap(&f, u32s, 0xfffffffc, 0, "list pointer/length out of bounds");
    expect_trap(&f, u32s, 0, 0x40000000, "list is too long");
    expect_trap(&f, u32s, 0, 0xffffffff, "list is too long");
    expect_trap(&f, wide, 2, 0, "pointer is not aligned");
    expect_trap(&f, wide, end - 32, 0, "pointer out of bounds of memory");
    expect_trap(&f, wide, 0xfffffffc, 0, "pointer out of bounds of memory");
    fixture_deinit(&f);
}

static void test_lift__budget(void **state)
{
    (void)state;
    fixture f;
    fixture_init(&f, SL_UTF8, false);
    sl_label bools = {.type = list_of(&f, prim(SL_T_BOOL), 0)};
    sl_slot flat[2] = {{.i64 = 0}, {.i64 = 1000}};
    sl_val out;
    f.cx.budget = 1000 * sizeof(sl_val);
    assert_int_equal(sl_lift_flat_values(&f.cx, 16, flat, &bools, 1, &out),
                     SL_OK);
    f.cx.budget = 1000 * sizeof(sl_val) - 1;
    assert_int_equal(sl_lift_flat_values(&f.cx, 16, flat, &bools, 1, &out),
                     SL_ETRAP);
    fixture_deinit(&f);
}

static void test_lower__realloc_results_are_checked(void **state)
{
    (void)state;
    fixture f;
    fixture_init(&f, SL_UTF8, false);
    sl_label u32s = {.type = list_of(&f, prim(SL_T_U32), 0)};
    uint32_t data[2] = {1, 2};
    sl_val val = {
        .kind = SLUICE_LIST, .elem = SLUICE_U32, .of.bytes = {data, 2}};
    static const struct {
        uint64_t result;
        size_t len;
        const char *message;
    } rows[] = {
        {0xffffffff, 2, "realloc return: result not aligned"},
        {0xfffffffc, 2, "realloc return: beyond end of memory"},
        {0xfffffffc, 0, "realloc return: beyond end of memory"},
        {4 * 65536 - 4, 2, "realloc return: beyond end of memory"},
    };
    for (size_t i = 0; i < N(rows); i++) {
        sl_slot flat[2];
        uint32_t n;
        uint64_t forced[1] = {rows[i].result};
        fixture_reset(&f);
        f.forced = forced;
        f.n_forced = 1;
        val.of.bytes.len = rows[i].len;
        assert_int_equal(
            sl_lower_flat_values(&f.cx, 16, &val, &u32s, 1, NULL, flat, &n),
            SL_ETRAP);
        assert_int_equal(
            strncmp(fixture_trap(&f), rows[i].message, strlen(rows[i].message)),
            0);
    }
    fixture_deinit(&f);
}

static void test_val_check__refuses(void **state)
{
    (void)state;
    fixture f;
    fixture_init(&f, SL_UTF8, false);
    uint8_t bytes[2] = {1, 2};
    sl_val byte = {.kind = SLUICE_U8};
    sl_val items[2] = {byte, byte};
    const sl_type *flags = labels_of(&f, SL_T_FLAGS, 2, NULL, NULL);
    const struct {
        sl_val val;
        const sl_type *type;
    } rows[] = {
        {{.kind = SLUICE_U8}, prim(SL_T_U16)},
        {{.kind = SLUICE_CHAR, .of.chr = 0xdfff}, prim(SL_T_CHAR)},
        {{.kind = SLUICE_STRING, .of.string = {"\xff", 1}}, prim(SL_T_STRING)},
        {{.kind = SLUICE_FLAGS, .of.flags = 4}, flags},
        {{.kind = SLUICE_ENUM, .of.variant = {2, NULL}},
         labels_of(&f, SL_T_ENUM, 2, NULL, NULL)},
        {{.kind = SLUICE_OPTION, .of.variant = {1, NULL}},
         option_of(&f, prim(SL_T_U8))},
        {{.kind = SLUICE_OPTION, .of.variant = {0, &byte}},
         option_of(&f, prim(SL_T_U8))},
        {{.kind = SLUICE_LIST, .elem = SLUICE_U8, .of.bytes = {bytes, 2}},
         list_of(&f, prim(SL_T_S8), 0)},
        {{.kind = SLUICE_LIST, .elem = SLUICE_U8, .of.bytes = {bytes, 2}},
         list_of(&f, prim(SL_T_U8), 3)},
        {{.kind = SLUICE_LIST, .of.list = {items, 2}},
         list_of(&f, prim(SL_T_U8), 0)},
        {{.kind = SLUICE_TUPLE, .of.list = {items, 2}},
         labels_of(&f, SL_T_TUPLE, 1, prim(SL_T_U8))},
        {{.kind = SLUICE_TUPLE, .of.list = {items, 2}},
         labels_of(&f, SL_T_TUPLE, 2, prim(SL_T_U8), prim(SL_T_S8))},
        {{.kind = SLUICE_MAP, .of.list = {items, 1}},
         map_of(&f, prim(SL_T_U8), prim(SL_T_U8))},
    };
    for (size_t i = 0; i < N(rows); i++) {
        sl_err err = {0};
        assert_int_equal(sl_val_check(&rows[i].val, rows[i].type, &err),
                         SL_EUSAGE);
        assert_true(err.msg[0] != '\0');
    }
    fixture_deinit(&f);
}

const struct CMUnitTest value_tests[] = {
    cmocka_unit_test(test_values__scalars),
    cmocka_unit_test(test_values__compounds),
    cmocka_unit_test(test_values__lists),
    cmocka_unit_test(test_lift__nans),
    cmocka_unit_test(test_lift__narrow_types),
    cmocka_unit_test(test_lift__traps),
    cmocka_unit_test(test_lift__budget),
    cmocka_unit_test(test_lower__realloc_results_are_checked),
    cmocka_unit_test(test_val_check__refuses),
};
const size_t n_value_tests = sizeof value_tests / sizeof *value_tests;
