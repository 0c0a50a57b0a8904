#include "bytes.h"

#include <stdio.h>

/* --- Gates ---------------------------------------------------------------- */

/* Every gate, when it is off, refuses what it stands for and names itself; the
 * others being on. With all on, the same is not refused by a gate. The words
 * of the official suite come first where it has some.
 * docs/spec-pins.md, "Gates". */
static void test_gates__refuse_by_name(void **state)
{
    (void)state;
    static const struct {
        sl_feature feature;
        const char *bytes;
        size_t len;
        sl_status off; /* the status while it is off */
        const char *words;
    } row[] = {
#define ROW(feature, bytes, off, words)                                        \
    {SL_FEATURE_##feature, PREAMBLE bytes, sizeof(PREAMBLE bytes) - 1, off,    \
     words}
#define OFF(name)                    "unsupported feature `" name "`: "
#define GATED(feature, bytes, words) ROW(feature, bytes, SL_EUNSUPPORTED, words)
        GATED(ASYNC, "\x08\x02\x01\x1f", OFF("async") "waitable-set.new"),
        ROW(DATA, "\x0d\x04\x01\x01\x01x", SL_EMALFORMED,
            "malformed section id: 13"),
        ROW(DATA, "\x08\x04\x01\x51\x00\x7f", SL_EMALFORMED,
            "invalid leading byte (0x51) for canonical function: unsupported "
            "feature `data`: data.size"),
        GATED(RESOURCES, "\x07\x04\x01\x3f\x7f\x00", OFF("resources")),
        GATED(THREADS, "\x08\x02\x01\x26", OFF("threads") "thread.index"),
        GATED(ERROR_CONTEXT, "\x07\x02\x01\x64", OFF("error-context")),
        GATED(VALUES, "\x0c\x01\x00", OFF("values")),
        GATED(MAP, "\x07\x04\x01\x63\x79\x79", OFF("map")),
        GATED(FIXED_LISTS, "\x07\x04\x01\x67\x79\x02", OFF("fixed-lists")),
        GATED(MEMORY64, "\x03\x09\x01\x50\x01\x00\x00\x00\x02\x04\x01",
              OFF("memory64")),
        GATED(ATTRIBUTES,
              "\x0a\x0a\x01\x02\x01"
              "a"
              "\x01\x02\x01x\x03\x01",
              OFF("attributes") "attributes of a name"),
        GATED(GC, "\x03\x07\x01\x00\x50\x00\x60\x00\x00", OFF("gc")),
        GATED(GC, "\x03\x03\x01\x4e\x00", OFF("gc")),
        GATED(GC, "\x03\x04\x01\x4f\x00\x60\x00\x00", OFF("gc")),
        GATED(GC, "\x03\x03\x01\x5f\x00", OFF("gc")),
        GATED(GC, "\x03\x04\x01\x5e\x7f\x00", OFF("gc")),
        GATED(GC, "\x03\x05\x01\x60\x01\x6e\x00",
              OFF("gc") "reference type 0x6e"),
        GATED(GC, "\x03\x06\x01\x60\x01\x64\x70\x00",
              OFF("gc") "reference type 0x64"),
        GATED(GC, "\x08\x06\x01\x01\x00\x00\x01\x09", OFF("gc") "option gc"),
        GATED(GC, "\x08\x07\x01\x01\x00\x00\x01\x08\x00",
              OFF("gc") "option core-type"),
        ROW(FORWARD, "\x08\x03\x01\x2e\x00", SL_EMALFORMED,
            "invalid leading byte (0x2e) for canonical function: unsupported "
            "feature `forward`: stream.forward"),
        ROW(FORWARD, "\x08\x03\x01\x2f\x00", SL_EMALFORMED,
            "invalid leading byte (0x2f) for canonical function: unsupported "
            "feature `forward`: future.forward"),
        GATED(CANCELLABLE, "\x08\x03\x01\x0c\x01",
              OFF("cancellable") "a cancellable thread.yield"),
        ROW(CORE_DATA,
            "\x01\x0e\0asm\1\0\0\0"
            "\x02\x04\x01\x00\x00\x05",
            SL_EMALFORMED,
            "malformed import kind: unsupported feature `core-data`: "),
        ROW(CORE_DATA, "\x03\x07\x01\x50\x01\x00\x00\x00\x05",
            SL_EMALFORMED,
            "invalid leading byte (0x5) for external kind: unsupported "
            "feature `core-data`: "),
        ROW(CORE_DATA,
            "\x0d\x04\x01\x01\x01x"
            "\x02\x07\x01\x01\x01\x01"
            "d\x13\x00",
            SL_EINVALID,
            "a core instance cannot export core data: unsupported feature "
            "`core-data`"),
        ROW(HYPHENS,
            "\x07\x0a\x01\x6d\x02\x03"
            "a-b"
            "\x02"
            "AB",
            SL_EINVALID,
            "enum tag name `AB` conflicts with previous tag name `a-b`: "
            "unsupported feature `hyphens`"),
        ROW(HYPHENS,
            "\x0a\x0e\x02\x00\x02"
            "ab"
            "\x03\x01"
            "\x00\x03"
            "a-b"
            "\x03\x01",
            SL_EINVALID,
            "import name `a-b` conflicts with previous name `ab`: unsupported "
            "feature `hyphens`"),
#undef GATED
#undef OFF
#undef ROW
    };
    bool seen[SL_N_FEATURES] = {false};
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        sl_err err = {0};
        sl_features all = ALL, off = all & ~SL_FEATURE_BIT(row[i].feature);
        seen[row[i].feature] = true;
        assert_null(decode_bytes(row[i].bytes, row[i].len, off, &err));
        if (err.code != row[i].off ||
            strncmp(err.msg, row[i].words, strlen(row[i].words)) != 0)
            fail_msg("row %zu: %s: %s", i, sl_status_words(err.code), err.msg);
        err = (sl_err){0};
        sl_component_free(decode_bytes(row[i].bytes, row[i].len, all, &err));
        if (err.code == SL_EUNSUPPORTED ||
            strstr(err.msg, "unsupported feature") != NULL ||
            strstr(err.msg, row[i].words) != NULL)
            fail_msg("row %zu, all on: %s", i, err.msg);
    }
    /* tests/wast/component/eager-drop.wast: it refuses nothing */
    seen[SL_FEATURE_EAGER_DROP] = true;
    for (int f = SL_FEATURE_NONE + 1; f < SL_N_FEATURES; f++)
        if (!seen[f])
            fail_msg("no row for %s", sl_feature_text((sl_feature)f));
}

/* docs/spec-pins.md, "Gates": which are open to begin with. */
static void test_gates__defaults(void **state)
{
    (void)state;
    const sl_features closed =
        SL_FEATURE_BIT(SL_FEATURE_NONE) | SL_FEATURE_BIT(SL_FEATURE_VALUES) |
        SL_FEATURE_BIT(SL_FEATURE_GC) | SL_FEATURE_BIT(SL_FEATURE_FORWARD) |
        SL_FEATURE_BIT(SL_FEATURE_EAGER_DROP) |
        SL_FEATURE_BIT(SL_FEATURE_CORE_DATA);
    for (int f = 0; f < SL_N_FEATURES; f++) {
        sl_features bit = SL_FEATURE_BIT(f);
        assert_int_equal((sl_features_default() & bit) != 0,
                         (closed & bit) == 0);
    }
}

/* --- Where a failure is --------------------------------------------------- */

static void put_nested(sl_buf *out, const sl_buf *component)
{
    put_section_of(out, 4, component->data, component->len);
}

static void put_empty(sl_buf *out, int n)
{
    for (int i = 0; i < n; i++)
        put_section(out, 4, PREAMBLE);
}

/* `inner` behind the preamble of a component in a component in a component:
 * number 1 of number 2 of the outermost. The result is the caller's. */
static sl_buf nest(const char *inner, size_t len)
{
    sl_buf a = {0}, b = {0}, c = {0};
    put_preamble(&a);
    sl_buf_bytes(&a, inner, len);
    put_preamble(&b);
    put_empty(&b, 1);
    put_nested(&b, &a);
    put_preamble(&c);
    put_empty(&c, 2);
    put_nested(&c, &b);
    sl_buf_deinit(&a);
    sl_buf_deinit(&b);
    return c;
}

/* A failure in what is nested names the way to it behind the suite's words,
 * and its offset is that in the whole file. */
static void test_error__names_its_path(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t len, at; /* of the failure, from the end of the file */
        sl_status code;
        const char *msg;
    } row[] = {
#define ROW(bytes, at, code, msg) {bytes, sizeof(bytes) - 1, at, code, msg}
        ROW("\x07\x03\x01\x70\x05", 1, SL_EINVALID,
            "unknown type 5: type index out of bounds (in component 2 > "
            "component 1)"),
        ROW("\x07\x03\x01\x70", 0, SL_EMALFORMED,
            "unexpected end-of-file (in component 2 > component 1)"),
        ROW("\x0e\x00", 2, SL_EMALFORMED,
            "malformed section id: 14 (in component 2 > component 1)"),
        /* modules count of their own */
        ROW("\x01\x08\0asm\1\0\0\0\x01\x0a\0asm\1\0\0\0\x01\x00", 0,
            SL_EMALFORMED,
            "unexpected end of section or function (in component 2 > "
            "component 1 > core module 1)"),
#undef ROW
    };
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        sl_buf buf = nest(row[i].bytes, row[i].len);
        sl_err err = {0};
        assert_null(decode_buf(&buf, &err));
        assert_string_equal(err.msg, row[i].msg);
        assert_int_equal(err.code, row[i].code);
        assert_int_equal(err.at, buf.len - row[i].at);
        sl_buf_deinit(&buf);
    }
    /* nothing is said of the outermost component */
    expect_body("\x07\x03\x01\x70\x05", SL_EINVALID,
                "unknown type 5: type index out of bounds");
    sl_err err = {0};
    static const char flat[] = PREAMBLE "\x07\x03\x01\x70\x05";
    assert_null(decode_bytes(flat, sizeof flat - 1, ALL, &err));
    assert_null(strstr(err.msg, "component"));
}

/* A path too long for the message ends in the innermost places; a message too
 * long gives way to the path. */
static void test_error__has_room_for_the_path(void **state)
{
    (void)state;
    sl_err err = {0};
    sl_buf at = {0}, around = {0};
    put_preamble(&at);
    sl_buf_bytes(&at, "\x07\x03\x01\x70\x05", 5);
    for (int i = 0; i < 40; i++) {
        put_preamble(&around);
        put_nested(&around, &at);
        sl_buf_deinit(&at);
        at = around;
        around = (sl_buf){0};
    }
    assert_null(decode_buf(&at, &err));
    assert_int_equal(err.code, SL_EINVALID);
    assert_int_equal(strncmp(err.msg,
                             "unknown type 5: type index out of "
                             "bounds (in ... > component 0 > ",
                             65),
                     0);
    assert_string_equal(err.msg + strlen(err.msg) - 14, "> component 0)");
    sl_buf_deinit(&at);

    char name[220];
    memset(name, 'A', sizeof name);
    name[1] = 'a';
    sl_buf inner = {0};
    sl_buf_u8(&inner, 1);
    sl_buf_u8(&inner, 0x00);
    sl_buf_u32(&inner, sizeof name);
    sl_buf_bytes(&inner, name, sizeof name);
    sl_buf_bytes(&inner, "\x03\x01", 2);
    sl_buf section = {0};
    put_section_of(&section, 10, inner.data, inner.len);
    sl_buf buf = nest((const char *)section.data, section.len);
    err = (sl_err){0};
    assert_null(decode_buf(&buf, &err));
    assert_int_equal(strncmp(err.msg, "import name `AaA", 16), 0);
    const char *tail = " (in component 2 > component 1)";
    assert_true(strlen(err.msg) > strlen(tail));
    assert_string_equal(err.msg + strlen(err.msg) - strlen(tail), tail);
    sl_buf_deinit(&inner);
    sl_buf_deinit(&section);
    sl_buf_deinit(&buf);
}

const struct CMUnitTest gate_tests[] = {
    cmocka_unit_test(test_gates__refuse_by_name),
    cmocka_unit_test(test_gates__defaults),
    cmocka_unit_test(test_error__names_its_path),
    cmocka_unit_test(test_error__has_room_for_the_path),
};
const size_t n_gate_tests = sizeof gate_tests / sizeof *gate_tests;
