/* Random values of random types: to text and back, and to the same text. */
#include "check.h"

#include <stdio.h>

#include "base/alloc.h"
#include "base/arena.h"
#include "base/utf8.h"
#include "text/wave.h"

#define VALUES 100000

static uint64_t state_of_rng;

static uint32_t below(uint32_t n)
{
    state_of_rng += UINT64_C(0x9e3779b97f4a7c15); /* splitmix64 */
    uint64_t z = state_of_rng;
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    z ^= z >> 31;
    return n == 0 ? (uint32_t)z : (uint32_t)(z % n);
}

/* --- Types -------------------------------------------------------------------
 */

static const sl_type *random_type(sl_arena *arena, unsigned depth);

/* Words of the language are labels as well. */
static sl_name random_label(sl_arena *arena, uint32_t i)
{
    static const char *const words[] = {
        "true", "false", "inf", "nan", "some", "none",
        "ok",   "err",   "a",   "b-c", "X1",   "error-context"};
    char text[40];
    int n = below(3) == 0 ? snprintf(text, sizeof text, "%s", words[i % 12])
                          : snprintf(text, sizeof text, "f%u-x", (unsigned)i);
    return (sl_name){sl_arena_dup(arena, text, (size_t)n), (size_t)n};
}

/* `payloads`: 0 none, 1 each may have one, 2 each has one. */
static void random_labels(sl_arena *arena, sl_type *type, uint32_t n,
                          int payloads, unsigned depth)
{
    sl_label *v = sl_arena_array(arena, sl_label, n + 1);
    uint32_t start = below(12);
    assert_non_null(v);
    for (uint32_t i = 0; i < n; i++) {
        v[i].label = random_label(arena, start + i);
        bool has = payloads == 2 || (payloads == 1 && below(2) == 0);
        v[i].type = has ? random_type(arena, depth) : NULL;
    }
    type->of.labels.n = n;
    type->of.labels.v = v;
}

static const sl_type *maybe_type(sl_arena *arena, unsigned depth)
{
    return below(4) == 0 ? NULL : random_type(arena, depth);
}

static void fill_type(sl_arena *arena, sl_type *type, unsigned depth)
{
    switch (type->kind) {
    case SL_T_LIST:
        type->of.list.len = below(4) == 0 ? 1 + below(4) : 0;
        type->of.list.elem = random_type(arena, depth);
        break;
    case SL_T_OPTION:
        type->of.list.elem = random_type(arena, depth);
        break;
    case SL_T_STREAM:
    case SL_T_FUTURE:
        type->of.list.elem = maybe_type(arena, depth);
        break;
    case SL_T_MAP:
        type->of.map.key = random_type(arena, 0);
        type->of.map.value = random_type(arena, depth);
        break;
    case SL_T_RESULT:
        type->of.result.ok = maybe_type(arena, depth);
        type->of.result.error = maybe_type(arena, depth);
        break;
    case SL_T_RECORD:
    case SL_T_TUPLE:
        random_labels(arena, type, 1 + below(4), 2, depth);
        break;
    case SL_T_VARIANT:
        random_labels(arena, type, 1 + below(5), 1, depth);
        break;
    case SL_T_FLAGS:
        random_labels(arena, type, 1 + below(12), 0, depth);
        break;
    case SL_T_ENUM:
        random_labels(arena, type, 1 + below(12), 0, depth);
        break;
    default:
        break;
    }
}

/* With depth 0: one without others inside. */
static const sl_type *random_type(sl_arena *arena, unsigned depth)
{
    static const sl_type_kind leaves[] = {
        SL_T_BOOL,          SL_T_S8,   SL_T_U8,    SL_T_S16,  SL_T_U16,
        SL_T_S32,           SL_T_U32,  SL_T_S64,   SL_T_U64,  SL_T_F32,
        SL_T_F64,           SL_T_CHAR, SL_T_FLAGS, SL_T_ENUM, SL_T_STRING,
        SL_T_ERROR_CONTEXT, SL_T_OWN,  SL_T_BORROW};
    static const sl_type_kind inner[] = {
        SL_T_LIST,   SL_T_LIST,    SL_T_MAP,    SL_T_RECORD, SL_T_TUPLE,
        SL_T_OPTION, SL_T_VARIANT, SL_T_RESULT, SL_T_STREAM, SL_T_FUTURE};
    sl_type *type = sl_arena_array(arena, sl_type, 1);
    assert_non_null(type);
    memset(type, 0, sizeof *type);
    type->kind = depth == 0 || below(3) == 0
                     ? leaves[below(sizeof leaves / sizeof *leaves)]
                     : inner[below(sizeof inner / sizeof *inner)];
    fill_type(arena, type, depth == 0 ? 0 : depth - 1);
    return type;
}

/* --- Values ------------------------------------------------------------------
 */

static void random_value(const sl_type *type, sl_val *out);

static uint32_t random_char(void)
{
    static const uint32_t corner[] = {0,      '\'',   '"',    '\\',    '\n',
                                      '\t',   '\r',   0x7f,   0x80,    0x85,
                                      0xd7ff, 0xe000, 0xffff, 0x10ffff};
    if (below(2) == 0)
        return corner[below(sizeof corner / sizeof *corner)];
    uint32_t c = below(0x110000 - 0x800);
    return c < 0xd800 ? c : c + 0x800;
}

static void random_string(bool context, sl_val *out)
{
    uint8_t text[4 * 12];
    size_t len = 0;
    for (uint32_t n = below(12); n != 0; n--)
        len += sl_utf8_put(below(2) ? random_char() : 0x20 + below(0x5f),
                           text + len);
    assert_true(context ? sluice_val_error_context(out, (char *)text, len)
                        : sluice_val_string(out, (char *)text, len));
}

static void random_items(sluice_kind kind, uint32_t n, const sl_type *elem,
                         sl_val *out)
{
    if (elem != NULL && sl_type_is_number(elem)) {
        sl_val one = {0};
        uint64_t bits[8];
        size_t size = sl_val_elem_size((sluice_kind)elem->kind);
        for (uint32_t i = 0; i < n; i++) {
            random_value(elem, &one);
            memcpy((uint8_t *)bits + i * size, &one.of, size);
        }
        assert_true(sluice_val_bytes(out, (sluice_kind)elem->kind, bits, n));
        return;
    }
    assert_true(sluice_val_items(out, kind, n));
    for (uint32_t i = 0; i < n; i++) {
        sl_val *item = &out->of.list.items[i];
        if (elem != NULL)
            random_value(elem, item);
        else
            item->kind = SLUICE_TUPLE; /* a stream's, without payload */
    }
}

static void random_fields(const sl_type *type, sl_val *out)
{
    uint32_t n = type->of.labels.n;
    assert_true(sluice_val_items(out, (sluice_kind)type->kind, n));
    for (uint32_t i = 0; i < n; i++)
        random_value(type->of.labels.v[i].type, &out->of.list.items[i]);
}

static void random_map(const sl_type *type, sl_val *out)
{
    uint32_t n = below(5);
    assert_true(sluice_val_items(out, SLUICE_MAP, n));
    for (uint32_t i = 0; i < n; i++) {
        sl_val *pair = &out->of.list.items[i];
        assert_true(sluice_val_items(pair, SLUICE_TUPLE, 2));
        random_value(type->of.map.key, &pair->of.list.items[0]);
        random_value(type->of.map.value, &pair->of.list.items[1]);
    }
}

static void random_case(const sl_type *type, sl_val *out)
{
    uint32_t n = type->kind == SL_T_OPTION || type->kind == SL_T_RESULT
                     ? 2
                     : type->of.labels.n;
    uint32_t i = below(n);
    const sl_type *payload =
        type->kind == SL_T_ENUM ? NULL : sl_case_type(type, i);
    sl_val val = {0};
    if (payload != NULL)
        random_value(payload, &val);
    assert_true(sluice_val_variant(out, (sluice_kind)type->kind, i,
                                   payload != NULL ? &val : NULL));
}

static void random_bits(sl_val *out)
{
    static const uint64_t corner[] = {0,
                                      1,
                                      0x7f,
                                      0x80,
                                      0xff,
                                      0x8000,
                                      0x7fffffff,
                                      0x80000000,
                                      0xffffffff,
                                      UINT64_MAX,
                                      INT64_MAX,
                                      UINT64_C(1) << 63,
                                      0x7f800000,
                                      0xff800000,
                                      0x7fc00000,
                                      0x00000001,
                                      UINT64_C(0x7ff0000000000000),
                                      UINT64_C(0xfff0000000000000),
                                      UINT64_C(0x7ff8000000000000),
                                      UINT64_C(0x3fb999999999999a)};
    out->of.u64 = below(2) ? corner[below(sizeof corner / sizeof *corner)]
                           : (uint64_t)below(0) << 32 | below(0);
}

static void random_value(const sl_type *type, sl_val *out)
{
    *out = (sl_val){.kind = (uint8_t)type->kind};
    switch (type->kind) {
    case SL_T_BOOL:
        out->of.boolean = below(2);
        break;
    case SL_T_CHAR:
        out->of.chr = random_char();
        break;
    case SL_T_STRING:
    case SL_T_ERROR_CONTEXT:
        random_string(type->kind == SL_T_ERROR_CONTEXT, out);
        break;
    case SL_T_LIST:
        random_items(SLUICE_LIST,
                     type->of.list.len != 0 ? type->of.list.len : below(6),
                     type->of.list.elem, out);
        break;
    case SL_T_STREAM:
        if (type->of.list.elem != NULL && type->of.list.elem->kind == SL_T_U8 &&
            below(2) == 0)
            random_string(false, out); /* a file's name */
        else
            random_items(SLUICE_LIST, below(6), type->of.list.elem, out);
        break;
    case SL_T_FUTURE:
        if (type->of.list.elem != NULL)
            random_value(type->of.list.elem, out);
        else
            out->kind = SLUICE_TUPLE;
        break;
    case SL_T_MAP:
        random_map(type, out);
        break;
    case SL_T_RECORD:
    case SL_T_TUPLE:
        random_fields(type, out);
        break;
    case SL_T_VARIANT:
    case SL_T_ENUM:
    case SL_T_OPTION:
    case SL_T_RESULT:
        random_case(type, out);
        break;
    case SL_T_FLAGS:
        out->of.flags = below(0) & ((UINT32_C(1) << type->of.labels.n) - 1);
        break;
    case SL_T_OWN:
    case SL_T_BORROW:
        out->of.handle.rep = below(4) ? below(20) : UINT32_MAX;
        break;
    default:
        random_bits(out);
    }
}

/* --- There and back
 * ------------------------------------------------------------ */

static void there_and_back(const sl_type *type, const sl_val *val,
                           uint32_t which)
{
    sl_buf text, again;
    sl_err err = {0};
    sl_val back = {0};
    sl_buf_init(&text);
    sl_buf_init(&again);
    sl_wave_print(val, type, &text);
    sl_name name = {(const char *)text.data, text.len};
    if (!sl_wave_parse(name, type, &back, &err))
        fail_msg("%u: %.*s: %s at %llu", (unsigned)which, SL_NAME_ARGS(name),
                 err.msg, (unsigned long long)err.at);
    if (!sluice_val_eq(val, &back))
        fail_msg("%u: %.*s: another value", (unsigned)which,
                 SL_NAME_ARGS(name));
    sl_wave_print(&back, type, &again);
    assert_int_equal(text.len, again.len);
    assert_memory_equal(text.data, again.data, text.len);
    sl_buf_deinit(&text);
    sl_buf_deinit(&again);
    sluice_val_deinit(&back);
}

/* Loose handles own nothing: releasing a value must not look for them. */
static void test_wave__random_values_there_and_back(void **state)
{
    (void)state;
    uint32_t kinds[SL_T_FUTURE + 1] = {0};
    state_of_rng = 1;
    for (uint32_t i = 0; i < VALUES;) {
        sl_arena arena;
        sl_arena_init(&arena);
        const sl_type *type = random_type(&arena, 1 + below(4));
        for (int k = 0; k < 4; k++, i++) {
            sl_val val;
            random_value(type, &val);
            there_and_back(type, &val, i);
            sluice_val_deinit(&val);
            kinds[type->kind]++;
        }
        sl_arena_deinit(&arena);
    }
    for (int kind = 0; kind <= SL_T_FUTURE; kind++)
        assert_true(kinds[kind] > VALUES / 1000);
}

/* Every prefix of a text, and every text with one byte changed, is a value or a
 * clear error with its place. */
static void test_wave__random_values_spoilt(void **state)
{
    (void)state;
    state_of_rng = 2;
    for (uint32_t i = 0; i < VALUES / 20; i++) {
        sl_arena arena;
        sl_buf text;
        sl_val val;
        sl_arena_init(&arena);
        sl_buf_init(&text);
        const sl_type *type = random_type(&arena, 1 + below(4));
        random_value(type, &val);
        sl_wave_print(&val, type, &text);
        sluice_val_deinit(&val);
        size_t len = below(2) ? below((uint32_t)text.len + 1) : text.len;
        if (text.len != 0)
            text.data[below((uint32_t)text.len)] = (uint8_t)below(256);
        sl_err err = {0};
        if (sl_wave_parse((sl_name){(const char *)text.data, len}, type, &val,
                          &err)) {
            sluice_val_deinit(&val);
        } else {
            assert_true(err.code == SL_EMALFORMED && err.msg[0] != '\0');
            assert_true(err.at <= len);
        }
        sl_buf_deinit(&text);
        sl_arena_deinit(&arena);
    }
}

const struct CMUnitTest wave_random_tests[] = {
    cmocka_unit_test(test_wave__random_values_there_and_back),
    cmocka_unit_test(test_wave__random_values_spoilt),
};
const size_t n_wave_random_tests =
    sizeof wave_random_tests / sizeof *wave_random_tests;
