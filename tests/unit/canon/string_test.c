#include "fixture.h"

#include <string.h>

/* A text in the three raw encodings; latin1 len SIZE_MAX: it has none. */
typedef struct text {
    const char *utf8;
    const char *utf16;
    size_t n_utf16; /* bytes */
    const char *latin1;
    size_t n_latin1;
} text;

#define NO_LATIN1 SIZE_MAX
static const text texts[] = {
    {"", "", 0, "", 0},
    {"a", "a\0", 2, "a", 1},
    {"hello", "h\0e\0l\0l\0o\0", 10, "hello", 5},
    {"h\xc3\xb6", "h\0\xf6\0", 4, "h\xf6", 2},
    {"\xc3\xbf", "\xff\0", 2, "\xff", 1},
    {"\xc2\x80z", "\x80\0z\0", 4, "\x80z", 2},
    {"\xc4\x80", "\0\x01", 2, NULL, NO_LATIN1},
    {"ok\xe2\x98\x83", "o\0k\0\x03\x26", 6, NULL, NO_LATIN1},
    {"\xf0\x9f\x8d\xb0", "\x3c\xd8\x70\xdf", 4, NULL, NO_LATIN1},
    {"h\xc3\xb6\xe2\x98\x83\xf0\x9f\x8d\xb0",
     "h\0\xf6\0\x03\x26\x3c\xd8\x70\xdf", 10, NULL, NO_LATIN1},
    {"\xed\x9f\xbf\xee\x80\x80\xf4\x8f\xbf\xbf",
     "\xff\xd7\0\xe0\xff\xdb\xff\xdf", 8, NULL, NO_LATIN1},
};
#define N_TEXTS (sizeof texts / sizeof *texts)

#define TAG UINT64_C(0x80000000)

/* Puts a text into memory the way a guest of that encoding would (`wide`: a
 * latin1+utf16 guest that chose UTF-16); false when it has no such form. */
static bool put(fixture *f, const text *t, bool wide, sl_slot flat[2])
{
    const char *data = t->utf8;
    size_t len = strlen(t->utf8);
    uint64_t units = len;
    if (f->canon.opts.encoding != SL_UTF8) {
        bool utf16 = f->canon.opts.encoding == SL_UTF16 || wide;
        if (!utf16 && t->n_latin1 == NO_LATIN1)
            return false;
        data = utf16 ? t->utf16 : t->latin1;
        len = utf16 ? t->n_utf16 : t->n_latin1;
        units = utf16 ? len / 2 : len;
        if (f->canon.opts.encoding == SL_LATIN1_UTF16 && utf16)
            units |= TAG;
    }
    memcpy(sl_memory_at(f->fn.memory, 64, len), data, len);
    flat[0].i64 = 64;
    flat[1].i64 = units;
    return true;
}

static void check_lowered(fixture *f, const text *t, const sl_val *val,
                          const sl_slot flat[2])
{
    uint64_t units = flat[1].i64;
    const char *want = t->utf8;
    size_t len = strlen(t->utf8), have = units;
    if (f->canon.opts.encoding == SL_UTF16) {
        want = t->utf16;
        len = t->n_utf16;
        have = units * 2;
    } else if (f->canon.opts.encoding == SL_LATIN1_UTF16) {
        bool wide = (units & TAG) != 0;
        /* Latin-1 wherever that is possible */
        assert_int_equal(wide, t->n_latin1 == NO_LATIN1);
        want = wide ? t->utf16 : t->latin1;
        len = wide ? t->n_utf16 : t->n_latin1;
        have = wide ? (units ^ TAG) * 2 : units;
    }
    (void)val;
    assert_int_equal(have, len);
    const uint8_t *at = sl_memory_at(f->fn.memory, flat[0].i64, have);
    assert_non_null(at);
    assert_memory_equal(at, want, len);
}

static void transcode(fixture *from, fixture *to, const text *t, bool wide)
{
    sl_label type = {.type = prim(SL_T_STRING)};
    sl_slot in[2], out[2];
    sl_val val;
    uint32_t n = 0;
    if (!put(from, t, wide, in))
        return;
    fixture_reset(from);
    fixture_reset(to);
    assert_int_equal(sl_lift_flat_values(&from->cx, 16, in, &type, 1, &val),
                     SL_OK);
    assert_int_equal(
        sl_lower_flat_values(&to->cx, 16, &val, &type, 1, NULL, out, &n),
        SL_OK);
    assert_int_equal(n, 2);
    check_lowered(to, t, &val, out);
    assert_int_equal(sl_val_to_utf8(&val, &from->arena), SL_OK);
    assert_string_equal(val.of.string.data, t->utf8);
    assert_int_equal(val.of.string.len, strlen(t->utf8));
}

static void test_strings__all_pairs_of_encodings(void **state)
{
    (void)state;
    for (int a = SL_UTF8; a <= SL_LATIN1_UTF16; a++)
        for (int b = SL_UTF8; b <= SL_LATIN1_UTF16; b++) {
            fixture from, to;
            fixture_init(&from, (sl_string_encoding)a, false);
            fixture_init(&to, (sl_string_encoding)b, false);
            for (size_t i = 0; i < N_TEXTS; i++)
                for (int wide = 0; wide < 2; wide++)
                    transcode(&from, &to, &texts[i], wide);
            fixture_deinit(&from);
            fixture_deinit(&to);
        }
}

/* The reallocs that definitions.py makes, as (old bytes, align, new bytes). */
typedef struct pattern {
    sl_string_encoding from, to;
    bool wide;
    size_t text;
    uint32_t n;
    uint64_t calls[3][3];
} pattern;

static void test_strings__realloc_calls(void **state)
{
    (void)state;
    static const pattern rows[] = {
        /* store_string_copy */
        {SL_UTF8, SL_UTF8, false, 3, 1, {{0, 1, 3}}},
        {SL_UTF16, SL_UTF16, false, 9, 1, {{0, 2, 10}}},
        {SL_LATIN1_UTF16, SL_UTF16, false, 3, 1, {{0, 2, 4}}},
        {SL_LATIN1_UTF16, SL_LATIN1_UTF16, false, 3, 1, {{0, 2, 2}}},
        {SL_UTF8, SL_UTF8, false, 0, 1, {{0, 1, 0}}},
        /* store_utf16_to_utf8, store_latin1_to_utf8 */
        {SL_UTF16, SL_UTF8, false, 2, 1, {{0, 1, 5}}},
        {SL_UTF16, SL_UTF8, false, 9, 3,
         {{0, 1, 5}, {5, 1, 15}, {15, 1, 10}}},
        {SL_UTF16, SL_UTF8, false, 7, 3, {{0, 1, 3}, {3, 1, 9}, {9, 1, 5}}},
        {SL_LATIN1_UTF16, SL_UTF8, false, 4, 2, {{0, 1, 1}, {1, 1, 2}}},
        {SL_LATIN1_UTF16, SL_UTF8, false, 3, 3,
         {{0, 1, 2}, {2, 1, 4}, {4, 1, 3}}},
        /* store_utf8_to_utf16 */
        {SL_UTF8, SL_UTF16, false, 2, 1, {{0, 2, 10}}},
        {SL_UTF8, SL_UTF16, false, 9, 2, {{0, 2, 20}, {20, 2, 10}}},
        /* store_string_to_latin1_or_utf16 */
        {SL_UTF8, SL_LATIN1_UTF16, false, 2, 1, {{0, 2, 5}}},
        {SL_UTF8, SL_LATIN1_UTF16, false, 3, 2, {{0, 2, 3}, {3, 2, 2}}},
        {SL_UTF8, SL_LATIN1_UTF16, false, 9, 3,
         {{0, 2, 10}, {10, 2, 20}, {20, 2, 10}}},
        {SL_UTF16, SL_LATIN1_UTF16, false, 9, 2, {{0, 2, 5}, {5, 2, 10}}},
        {SL_UTF16, SL_LATIN1_UTF16, false, 3, 1, {{0, 2, 2}}},
        /* store_probably_utf16_to_latin1_or_utf16 */
        {SL_LATIN1_UTF16, SL_LATIN1_UTF16, true, 9, 1, {{0, 2, 10}}},
        {SL_LATIN1_UTF16, SL_LATIN1_UTF16, true, 3, 2, {{0, 2, 4}, {4, 1, 2}}},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        fixture from, to;
        fixture_init(&from, rows[i].from, false);
        fixture_init(&to, rows[i].to, false);
        transcode(&from, &to, &texts[rows[i].text], rows[i].wide);
        assert_int_equal(to.n_calls, rows[i].n);
        for (uint32_t j = 0; j < rows[i].n; j++) {
            assert_int_equal(to.calls[j].old_bytes, rows[i].calls[j][0]);
            assert_int_equal(to.calls[j].align, rows[i].calls[j][1]);
            assert_int_equal(to.calls[j].new_bytes, rows[i].calls[j][2]);
            assert_int_equal(to.calls[j].old,
                             j == 0 ? 0 : to.calls[j - 1].result);
        }
        fixture_deinit(&from);
        fixture_deinit(&to);
    }
}

static void test_lift_string__traps(void **state)
{
    (void)state;
    static const struct {
        sl_string_encoding encoding;
        const char *data;
        size_t len;
        uint64_t ptr, units;
        const char *message;
    } rows[] = {
        {SL_UTF8, "\xff", 1, 64, 1, "invalid utf-8"},
        {SL_UTF8, "\xc0\x80", 2, 64, 2, "invalid utf-8"},
        {SL_UTF8, "\xed\xa0\x80", 3, 64, 3, "invalid utf-8"},
        {SL_UTF8, "\xc3", 1, 64, 1, "incomplete utf-8 byte sequence"},
        {SL_UTF8, "a\xf0\x9f\x8d", 4, 64, 4, "incomplete utf-8 byte sequence"},
        {SL_UTF8, "", 0, 0xdeadbeef, 0, "string pointer/length out of bounds"},
        {SL_UTF8, "", 0, 4 * 65536 - 1, 2, "string pointer/length out of"},
        {SL_UTF8, "", 0, 0x80000000, 1, "string pointer/length out of bounds"},
        {SL_UTF8, "", 0, 0, UINT64_C(1) << 28, "string is too long"},
        {SL_UTF8, "", 0, 0, 0xffffffff, "string is too long"},
        {SL_UTF16, "", 0, 1, 0, "string pointer is not aligned"},
        {SL_UTF16, "", 0, 0, 0xffffffff, "string is too long"},
        {SL_UTF16, "\0\xdc", 2, 64, 1, "invalid utf-16"},
        {SL_UTF16, "\0\xd8", 2, 64, 1, "invalid utf-16"},
        {SL_UTF16, "\0\xd8q\0", 4, 64, 2, "invalid utf-16"},
        {SL_LATIN1_UTF16, "", 0, 1, 0, "string pointer is not aligned"},
        {SL_LATIN1_UTF16, "", 0, 1, TAG, "string pointer is not aligned"},
        {SL_LATIN1_UTF16, "\0\xd8", 2, 64, TAG | 1, "invalid utf-16"},
    };
    sl_label type = {.type = prim(SL_T_STRING)};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        fixture f;
        fixture_init(&f, rows[i].encoding, false);
        memcpy(sl_memory_at(f.fn.memory, 64, 16), rows[i].data, rows[i].len);
        sl_slot in[2] = {{.i64 = rows[i].ptr}, {.i64 = rows[i].units}};
        sl_val val;
        assert_int_equal(sl_lift_flat_values(&f.cx, 16, in, &type, 1, &val),
                         SL_ETRAP);
        if (strncmp(fixture_trap(&f), rows[i].message,
                    strlen(rows[i].message)) != 0)
            fail_msg("row %zu: %s", i, fixture_trap(&f));
        fixture_deinit(&f);
    }
}

/* Every result of realloc is checked, the later ones too. */
static void test_lower_string__checks_every_realloc(void **state)
{
    (void)state;
    static const struct {
        sl_string_encoding from, to;
        uint64_t forced[3];
        uint32_t n_forced;
        const char *message;
    } rows[] = {
        {SL_UTF8, SL_UTF8, {0xffffffff}, 1, "realloc return: beyond end"},
        {SL_UTF8, SL_UTF16, {0x1001}, 1, "realloc return: result not aligned"},
        {SL_UTF8, SL_UTF16, {0x1000, 0x1001}, 2, "realloc return: result not"},
        {SL_UTF8, SL_UTF16, {0x1000, 0xfffffffe}, 2, "realloc return: beyond"},
        {SL_UTF16, SL_UTF8, {0x1000, 4 * 65536 - 14}, 2, "realloc return: bey"},
        {SL_UTF16, SL_UTF8, {16, 16, 4 * 65536 - 9}, 3, "realloc return: bey"},
        {SL_UTF8, SL_LATIN1_UTF16, {16, 17}, 2, "realloc return: result not"},
        {SL_UTF8, SL_LATIN1_UTF16, {16, 16, 17}, 3, "realloc return: result"},
    };
    sl_label type = {.type = prim(SL_T_STRING)};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        fixture from, to;
        sl_slot in[2], out[2];
        sl_val val;
        uint32_t n;
        uint64_t forced[3];
        fixture_init(&from, rows[i].from, false);
        fixture_init(&to, rows[i].to, false);
        memcpy(forced, rows[i].forced, sizeof forced);
        to.forced = forced;
        to.n_forced = rows[i].n_forced;
        put(&from, &texts[9], false, in);
        assert_int_equal(
            sl_lift_flat_values(&from.cx, 16, in, &type, 1, &val), SL_OK);
        assert_int_equal(sl_lower_flat_values(&to.cx, 16, &val, &type, 1, NULL,
                                              out, &n),
                         SL_ETRAP);
        assert_int_equal(to.n_calls, rows[i].n_forced);
        if (strncmp(fixture_trap(&to), rows[i].message,
                    strlen(rows[i].message)) != 0)
            fail_msg("row %zu: %s", i, fixture_trap(&to));
        fixture_deinit(&from);
        fixture_deinit(&to);
    }
}

const struct CMUnitTest string_tests[] = {
    cmocka_unit_test(test_strings__all_pairs_of_encodings),
    cmocka_unit_test(test_strings__realloc_calls),
    cmocka_unit_test(test_lift_string__traps),
    cmocka_unit_test(test_lower_string__checks_every_realloc),
};
const size_t n_string_tests = sizeof string_tests / sizeof *string_tests;
