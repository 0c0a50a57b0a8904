#include "check.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/reader.h"
#include "component/component.h"
#include "text/text.h"

/* --- Helpers -------------------------------------------------------------- */

static bool parse(const char *text, sl_buf *out, sl_err *err)
{
    *out = (sl_buf){0};
    *err = (sl_err){0};
    return sl_text_parse(sl_name_of(text), out, err);
}

static sl_buf must_parse(const char *text)
{
    sl_buf out;
    sl_err err;
    if (!parse(text, &out, &err))
        fail_msg("%s\nin %s", err.msg, text);
    return out;
}

/* The same binary without custom sections, in nested ones as well. */
static void strip(const uint8_t *bytes, size_t len, sl_buf *out)
{
    sl_err err = {0};
    sl_reader r = sl_reader_over(bytes, len, 0, &err);
    sl_buf_bytes(out, sl_read_bytes(&r, 8), 8);
    while (sl_reader_left(&r) > 0) {
        uint8_t id = sl_read_u8(&r);
        uint32_t size = sl_read_u32(&r);
        const uint8_t *body = sl_read_bytes(&r, size);
        assert_int_equal(err.code, SL_OK);
        if (id == 0)
            continue;
        sl_buf inner = {0};
        if (bytes[4] == 0x0d && (id == 1 || id == 4))
            strip(body, size, &inner);
        else
            sl_buf_bytes(&inner, body, size);
        sl_buf_u8(out, id);
        sl_buf_sized(out, &inner);
        sl_buf_deinit(&inner);
    }
}

static sl_buf stripped(const sl_buf *bytes)
{
    sl_buf out = {0};
    strip(bytes->data, bytes->len, &out);
    return out;
}

static void assert_same(const char *text, const sl_buf *a, const sl_buf *b)
{
    if (a->len == b->len && memcmp(a->data, b->data, a->len) == 0)
        return;
    sl_buf got = {0};
    for (size_t i = 0; i < a->len; i++)
        sl_buf_printf(&got, "%02x ", a->data[i]);
    sl_buf_printf(&got, "\ninstead of\n");
    for (size_t i = 0; i < b->len; i++)
        sl_buf_printf(&got, "%02x ", b->data[i]);
    fail_msg("%s\ngives\n%.*s", text, (int)got.len, (char *)got.data);
}

#define BYTES(s) (s), sizeof(s) - 1

/* --- Exact bytes ---------------------------------------------------------- */

static void test_parse_component__gives_exact_bytes(void **state)
{
    (void)state;
    static const struct {
        const char *text, *bytes;
        size_t len;
    } row[] = {
        {"(component)", BYTES("")},
        {"(component (type string))", BYTES("\x07\x02\x01\x73")},
        {"(component (type string) (type u8))", BYTES("\x07\x03\x02\x73\x7d")},
        /* an inline type comes first */
        {"(component (type (list (tuple u8 string))))",
         BYTES("\x07\x07\x02\x6f\x02\x7d\x73\x70\x00")},
        {"(component (type (list u8 4)))", BYTES("\x07\x04\x01\x67\x7d\x04")},
        {"(component (type (variant (case \"a\" u8) (case $x \"b\"))))",
         BYTES("\x07\x0c\x01\x71\x02\x01\x61\x01\x7d\x00\x01\x62\x00\x00")},
        {"(component (type (result)) (type (result u8 (error string))))",
         BYTES("\x07\x09\x02\x6a\x00\x00\x6a\x01\x7d\x01\x73")},
        {"(component (type (flags \"a\")) (type (enum \"b\")))",
         BYTES("\x07\x09\x02\x6e\x01\x01\x61\x6d\x01\x01\x62")},
        {"(component (type (stream)) (type (future u8)) (type (map u8 s8)))",
         BYTES("\x07\x09\x03\x66\x00\x65\x01\x7d\x63\x7d\x7e")},
        {"(component (type (resource (rep i32))) (type (own 0))"
         " (type (borrow 0)))",
         BYTES("\x07\x08\x03\x3f\x7f\x00\x69\x00\x68\x00")},
        {"(component (import \"f\" (func)))",
         BYTES("\x07\x05\x01\x40\x00\x01\x00\x0a\x06\x01\x00\x01\x66\x01\x00")},
        {"(component (type (func async (param \"x\" u8) (result string))))",
         BYTES("\x07\x08\x01\x43\x01\x01x\x7d\x00\x73")},
        {"(component (import \"t\" (type (sub resource)))"
         " (import \"u\" (type (eq 0))))",
         BYTES("\x0a\x0c\x02\x00\x01t\x03\x01\x00\x01u\x03\x00\x00")},
        {"(component (import \"i\" (implements \"a:b/c\")"
         " (external-id \"x\") (instance)))",
         BYTES("\x07\x03\x01\x42\x00\x0a\x11\x01\x02\x01i\x02\x00\x05"
               "a:b/c\x02\x01x\x05\x00")},
        {"(component (core type (func (param i32 i64) (result f32))))",
         BYTES("\x03\x07\x01\x60\x02\x7f\x7e\x01\x7d")},
        /* equal inline function types of a module type are one */
        {"(component (core type (module (import \"\" \"a\" (func))"
         " (export \"b\" (func)) (export \"m\" (memory 1 2)))))",
         BYTES("\x03\x19\x01\x50\x04\x01\x60\x00\x00\x00\x00\x01"
               "a\x00\x00\x03\x01"
               "b\x00\x00\x03\x01m\x02\x01\x01\x02")},
        {"(component (core type (sub (func))) (core type (sub final 0 "
         "(func))))",
         BYTES("\x03\x0d\x02\x00\x50\x00\x60\x00\x00\x4f\x01\x00\x60\x00\x00")},
        {"(component (core instance) (core instance"
         " (export \"m\" (memory 0))))",
         BYTES("\x02\x09\x02\x01\x00\x01\x01\x01m\x02\x00")},
        {"(component (instance) (instance (export \"a\" (instance 0))))",
         BYTES("\x05\x0a\x02\x01\x00\x01\x01\x00\x01"
               "a\x05\x00")},
        {"(component (component) (instance (instantiate 0 (with \"a\""
         " (component 0)))))",
         BYTES("\x04\x08\0asm\x0d\0\x01\0\x05\x08\x01\x00\x00\x01\x01"
               "a\x04\x00")},
        {"(component (core module) (core instance (instantiate 0"
         " (with \"\" (instance 1)))))",
         BYTES("\x01\x08\0asm\x01\0\0\0\x02\x07\x01\x00\x00\x01\x00\x12\x01")},
        {"(component (alias export 3 \"f\" (func)) (alias core export 1 \"m\""
         " (core memory)) (alias outer 2 5 (type)))",
         BYTES("\x06\x10\x03\x01\x00\x03\x01"
               "f\x00\x02\x01\x01\x01m\x03\x02\x02\x05")},
        {"(component (canon lower (func 1) (memory 2) async"
         " string-encoding=utf16 (core func)))",
         BYTES("\x08\x09\x01\x01\x00\x01\x03\x03\x02\x06\x01")},
        {"(component (canon context.get i64 1 (core func))"
         " (canon waitable-set.wait cancellable (memory 3) (core func))"
         " (canon stream.cancel-read 4 async (core func)))",
         BYTES("\x08\x0a\x03\x0a\x7e\x01\x20\x01\x03\x11\x04\x01")},
        {"(component (canon task.return (result u8) (memory 0) (core func))"
         " (canon task.return (core func)))",
         BYTES("\x08\x0b\x02\x09\x00\x7d\x01\x03\x00\x09\x01\x00\x00")},
        {"(component (export \"a\" (func 1)) (export \"b\" (core module 2)))",
         BYTES("\x0b\x0e\x02\x00\x01"
               "a\x01\x01\x00\x00\x01"
               "b\x00\x11\x02\x00")},
        {"(component (type (instance (alias outer 1 0 (type))"
         " (export \"t\" (type (eq 0))))))",
         BYTES("\x07\x0f\x01\x42\x02\x02\x03\x02\x01\x00\x04\x00\x01t\x03\x00"
               "\x00")},
        {"(component (core data \"hi\"))", BYTES("\x0d\x05\x01\x01\x02hi")},
        {"(component (core data) (core data \"a\" \"\\00b\"))",
         BYTES("\x0d\x08\x02\x01\x00\x01\x03"
               "a\0b")},
        {"(component (import \"d\" (core data))"
         " (alias outer 0 0 (core data)) (export \"e\" (core data 1)))",
         BYTES("\x0a\x06\x01\x00\x01"
               "d\x00\x13\x06\x06\x01\x00\x13\x02\x00\x00\x0b\x08\x01\x00\x01"
               "e\x00\x13\x01\x00")},
        {"(component (core data (external \"x\" (size 300) (chunk 4096))))",
         BYTES("\x0d\x09\x01\x03\x01x\xac\x02\x0c\x00\x00")},
        {"(component (core data (external \"x\" (size 1) (chunk 4096) zstd"
         " (frame 9 (sha256 \"0123456789abcdef0123456789abcdef\")))))",
         BYTES("\x0d\x29\x01\x03\x01x\x01\x0c\x01\x01\x09"
               "0123456789abcdef0123456789abcdef")},
        {"(component (start 1 (value 2) (result (value)) (result (value))))",
         BYTES("\x09\x04\x01\x01\x02\x02")},
        {"(component (value u8 5) (start 3 (value 0)))",
         BYTES("\x0c\x04\x01\x7d\x01\x05\x09\x04\x03\x01\x00\x00")},
        {"(component (value u8 7) (value (list s16) (list -1 2))"
         " (value string \"hi\"))",
         BYTES("\x0c\x04\x01\x7d\x01\x07\x07\x03\x01\x70\x7c\x0c\x0b\x02\x00"
               "\x03\x02\x7f\x02\x73\x03\x02hi")},
    };
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        sl_buf got = must_parse(row[i].text), want = {0};
        sl_buf_bytes(&want, "\0asm\x0d\0\x01\0", 8);
        sl_buf_bytes(&want, row[i].bytes, row[i].len);
        assert_same(row[i].text, &got, &want);
        sl_buf_deinit(&got);
        sl_buf_deinit(&want);
    }
}

/* The data built-ins: codes from the table, nothing else knows them. */
static void test_parse_component__reads_codes_from_the_table(void **state)
{
    (void)state;
    sl_buf got = must_parse("(component (core data) (canon data.read 0 (core "
                            "func)) (core func (canon data.size 0 i64))"
                            " (canon data.prefetch 0 i32 (core func)))");
    sl_buf want = {0};
    sl_buf_bytes(&want, "\0asm\x0d\0\x01\0\x0d\x03\x01\x01\x00\x08\x0a\x03",
                 16);
    sl_buf_u8(&want, sl_canons[SL_CANON_DATA_READ].code);
    sl_buf_bytes(&want, "\x00\x7f", 2);
    sl_buf_u8(&want, sl_canons[SL_CANON_DATA_SIZE].code);
    sl_buf_bytes(&want, "\x00\x7e", 2);
    sl_buf_u8(&want, sl_canons[SL_CANON_DATA_PREFETCH].code);
    sl_buf_bytes(&want, "\x00\x7f", 2);
    assert_same("data built-ins", &got, &want);
    sl_buf_deinit(&got);
    sl_buf_deinit(&want);
}

static void test_parse_component__emits_names(void **state)
{
    (void)state;
    sl_buf got = must_parse("(component $c (type $t u8) (core data $d))");
    sl_buf want = {0};
    sl_buf_bytes(&want, BYTES("\0asm\x0d\0\x01\0"
                              "\x07\x02\x01\x7d"
                              "\x0d\x03\x01\x01\x00"
                              "\x00\x22\x0e"
                              "component-name"
                              "\x00\x02\x01"
                              "c"
                              "\x01\x06\x00\x13\x01\x00\x01"
                              "d"
                              "\x01\x05\x03\x01\x00\x01"
                              "t"));
    assert_same("names", &got, &want);
    sl_buf_deinit(&got);
    sl_buf_deinit(&want);
}

/* --- Sugar ---------------------------------------------------------------- */

static void test_parse_component__expands_sugar(void **state)
{
    (void)state;
    static const struct {
        const char *sugar, *plain;
    } row[] = {
        /* inline aliases, in the order in which they are met */
        {"(component (import \"i\" (instance $i)) (export \"f\" (func $i \"a\""
         " \"b\")))",
         "(component (import \"i\" (instance)) (alias export 0 \"a\""
         " (instance)) (alias export 1 \"b\" (func)) (export \"f\" (func 0)))"},
        {"(component (core instance $m) (func (export \"f\") (param \"x\""
         " (list string)) (canon lift (core func $m \"f\") (memory (core memory"
         " $m \"mem\")) (realloc (core func $m \"r\")))))",
         "(component (core instance) (type (list string)) (type (func (param"
         " \"x\" 0))) (alias core export 0 \"f\" (core func)) (alias core"
         " export 0 \"mem\" (core memory)) (alias core export 0 \"r\" (core"
         " func)) (canon lift (core func 0) (memory 0) (realloc 1) (func (type"
         " 1))) (export \"f\" (func 0)))"},
        {"(component (import \"f\" (func $f)) (core func $l (canon lower"
         " $f)) (core module $M) (core instance (instantiate $M (with \"\""
         " (instance (export \"l\" (func $l)))))))",
         "(component (import \"f\" (func)) (canon lower (func 0) (core func))"
         " (core module) (core instance (export \"l\" (func 0)))"
         " (core instance (instantiate 0 (with \"\" (instance 0)))))"},
        /* inline imports and exports */
        {"(component (instance $i (export \"j\") (export \"k\") (import \"x\")"
         " (export \"f\" (func))))",
         "(component (type (instance (type (func)) (export \"f\" (func (type"
         " 0))))) (import \"x\" (instance (type 0))) (export \"j\" (instance"
         " 0)) (export \"k\" (instance 0)))"},
        {"(component (core module $m (import \"m\") (import \"a\" \"b\""
         " (func))))",
         "(component (core type (module (type (func)) (import \"a\" \"b\" (func"
         " (type 0))))) (import \"m\" (core module (type 0))))"},
        {"(component (core data (export \"d\") \"x\") (core data $e (import"
         " \"e\")) (import \"i\" (instance $i (export \"d\" (core data))))"
         " (core data $f (alias export $i \"d\")) (component (export \"c\")))",
         "(component (core data \"x\") (export \"d\" (core data 0)) (import"
         " \"e\" (core data)) (type (instance (export \"d\" (core data))))"
         " (import \"i\" (instance (type 0))) (alias export 0 \"d\" (core"
         " data)) (component) (export \"c\" (component 0)))"},
        /* inverted aliases; but the first field of a component may be one */
        {"(component $c (type $t u8) (type $u (alias outer $c $t)) (component"
         " (alias outer $c $t (type))))",
         "(component (type u8) (alias outer 0 0 (type)) (component (alias outer"
         " 1 0 (type))))"},
        /* implicit outer aliases, made once per scope */
        {"(component (type $t u8) (component $d (component (type (list $t))"
         " (type (tuple $t $t)))))",
         "(component (type u8) (component (component (alias outer 2 0 (type))"
         " (type (list 0)) (type (tuple 0 0)))))"},
        {"(component (import \"r\" (type $r (sub resource))) (type (instance"
         " (export \"f\" (func (param \"x\" (own $r)))))))",
         "(component (import \"r\" (type (sub resource))) (type (instance"
         " (alias outer 1 0 (type)) (type (own 0)) (type (func (param \"x\" "
         "1)))"
         " (export \"f\" (func (type 2))))))"},
        {"(component (core type $f (func)) (core type (module (export \"e\""
         " (func (type $f))))) (core data $d) (component (export \"d\" (core"
         " data $d))))",
         "(component (core type (func)) (core type (module (alias outer 1 0"
         " (type)) (export \"e\" (func (type 0))))) (core data) (component"
         " (alias outer 1 0 (core data)) (export \"d\" (core data 0))))"},
        /* a local definition hides an outer one */
        {"(component (type $t u8) (component (type $t string) (type (list"
         " $t))))",
         "(component (type u8) (component (type string) (type (list 0))))"},
        /* type identifiers are scopes */
        {"(component (type $c (component (type $t u8) (type (instance (alias"
         " outer $c $t (type)))))))",
         "(component (type (component (type u8) (type (instance (alias outer 1"
         " 0 (type)))))))"},
        {"(component (core rec (type $a (struct (field (ref null $b)) (field"
         " $x (mut i8)))) (type $b (array (ref $a)))))",
         "(component (core rec (type (struct (field (ref null 1)) (field (mut"
         " i8)))) (type (array (ref 0)))))"},
        {"(component (core module $M binary \"\\00asm\\01\\00\\00\\00\"))",
         "(component (core module))"},
        {"(component quote \"(type $t\" \"u8) (type (list $t))\")",
         "(component (type u8) (type (list 0)))"},
        {"(component binary \"\\00asm\\0d\\00\" \"\\01\\00\")", "(component)"},
    };
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        sl_buf a = must_parse(row[i].sugar), b = must_parse(row[i].plain);
        sl_buf got = stripped(&a), want = stripped(&b);
        assert_same(row[i].sugar, &got, &want);
        sl_buf_deinit(&a);
        sl_buf_deinit(&b);
        sl_buf_deinit(&got);
        sl_buf_deinit(&want);
    }
}

/* --- Errors --------------------------------------------------------------- */

static void test_parse_component__reports_errors(void **state)
{
    (void)state;
    static const struct {
        const char *text, *error;
        uint64_t at;
    } row[] = {
        {"(component (type (list $t)))",
         "unknown type: failed to find name "
         "`$t`",
         23},
        {"(component (core instance (instantiate $m)))",
         "unknown module: failed to find name `$m`", 39},
        {"(component (instance (instantiate $c)))", "unknown component", 34},
        {"(component (export \"d\" (core data $d)))", "unknown data", 34},
        {"(component (alias outer $c 0 (type)))", "unknown outer component",
         24},
        {"(component (type $t u8) (type $t u8))", "duplicate type identifier",
         SL_ERR_NO_PLACE},
        {"(component (import \"x\" (func $x)) (component (export \"x\" (func"
         " $x))))",
         "outer item `x` is not a module, type, or component", 63},
        {"(component (canon nonsense (core func)))", "unexpected token", 18},
        {"(component (func (canon lower (func 0))))", "unexpected token", 24},
        {"(component (core func (canon lift (core func 0))))",
         "unexpected token", 29},
        {"(component (type))", "unexpected token", 16},
        {"(component (type (list)))", "unexpected token", 22},
        {"(component", "unexpected token", 10},
        {"(component (import \"a\" (implements \"b\") (implements \"b\")"
         " (instance)))",
         "unexpected token", 40},
        {"(component (import \"\\ff\" (func)))", "malformed UTF-8 encoding",
         19},
        {"(component (core data (external \"x\" (size 1) (chunk 3))))",
         "chunk size is not a power of two", 52},
        {"(component (core data (external \"x\" (size 1) (chunk 4096) (sha256"
         " \"x\"))))",
         "unexpected token: a sha256 is 32 bytes", 66},
        {"(component quote \"(type $t)\")", "unexpected token", 0},
        {"(component (type (list u8 4294967296)))", "i32 constant out of range",
         26},
        {"(component (value u8 256))", "constant out of range", 21},
        {"(component (value s8 -129))", "constant out of range", 21},
        {"(component (value bool 1))", "unexpected token", 23},
        {"(component (value f32 -nan))",
         "unexpected token: not a value of its type", 22},
        {"(component (value f64 nan:0x8000000000000))",
         "unexpected token: not a value of its type", 22},
        {"(component (value char 'ab'))",
         "unexpected token: not a value of its type", 23},
        {"(component (value char \"a\"))",
         "unexpected token: not a value of its type", 23},
        {"(component (type $t (enum \"a\")) (value $x $t (enum \"b\")))",
         "unknown case `b`", SL_ERR_NO_PLACE},
        {"(component (type $t (flags \"a\")) (value $x $t (flags \"b\")))",
         "unknown flag `b`", SL_ERR_NO_PLACE},
        {"(component (type $t (tuple u8 u8)) (value $x $t (tuple 1)))",
         "unexpected token: not a value of its type", SL_ERR_NO_PLACE},
        {"(component (type $t (tuple u8)) (value $x $t (tuple 1 2)))",
         "unexpected token", SL_ERR_NO_PLACE},
        {"(component (value 3 1))", "unknown type 3 of a value",
         SL_ERR_NO_PLACE},
        {"(component (start 0 (result u8)))", "unexpected token", 28},
        {"(component (start 0 (value $v)))", "unknown value", 27},
        {"(component (core memory))", "unexpected token", 23},
    };
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        sl_buf out;
        sl_err err;
        if (parse(row[i].text, &out, &err))
            fail_msg("accepted: %s", row[i].text);
        if (strncmp(err.msg, row[i].error, strlen(row[i].error)) != 0 ||
            (row[i].at != SL_ERR_NO_PLACE && err.at != row[i].at))
            fail_msg("%s\ngives %s at %d", row[i].text, err.msg, (int)err.at);
        sl_buf_deinit(&out);
    }
}

/* `open` n times, then `close` n times. */
static char *nested(const char *before, const char *open, const char *middle,
                    const char *close, size_t n)
{
    sl_buf text = {0};
    sl_buf_printf(&text, "%s", before);
    for (size_t i = 0; i < n; i++)
        sl_buf_bytes(&text, open, strlen(open));
    sl_buf_printf(&text, "%s", middle);
    for (size_t i = 0; i < n; i++)
        sl_buf_bytes(&text, close, strlen(close));
    sl_buf_bytes(&text, "", 1);
    assert_false(text.failed);
    return (char *)text.data;
}

static void test_parse_component__bounds_nesting(void **state)
{
    (void)state;
    static const struct {
        const char *before, *open, *middle, *close;
    } row[] = {
        {"", "(component ", "", ")"},
        {"(component (type ", "(list ", "u8", ")"},
        {"(component (type ", "(instance (export \"a\" ", "(instance)", "))"},
        {"(component (type ", "(component (type ", "u8", "))"},
        {"(component (value u8 ", "(some ", "1", ")"},
    };
    for (size_t i = 0; i < sizeof row / sizeof *row; i++)
        for (int deep = 0; deep < 2; deep++) {
            char *text = nested(row[i].before, row[i].open, row[i].middle,
                                row[i].close, deep ? 1000000 : 110);
            sl_buf full = {0};
            sl_buf_printf(&full, "%s%s", text, i == 0 ? "" : "))");
            sl_buf out = {0};
            sl_err err = {0};
            bool ok = sl_text_parse((sl_name){(char *)full.data, full.len},
                                    &out, &err);
            if (deep || i == 4)
                assert_false(ok);
            else if (!ok)
                fail_msg("%s", err.msg);
            if (deep && i < 4)
                assert_string_equal(err.msg, "nesting too deep");
            sl_buf text2 = {0};
            if (ok && !sl_print_component(out.data, out.len, &text2, &err))
                fail_msg("%s", err.msg);
            sl_buf_deinit(&text2);
            sl_buf_deinit(&out);
            sl_buf_deinit(&full);
            sl_free(text);
        }
}

/* --- Printing ------------------------------------------------------------- */

static const char *const everything[] = {
    "(component)",
    "(component $c (core module $m (func (export \"f\"))) (core instance $i"
    " (instantiate $m)) (func $f (export \"f\") (canon lift (core func $i"
    " \"f\"))))",
    "(component (type $r (resource (rep i32) (dtor (core func 0)))) (type (func"
    " async (param \"a\" (borrow $r)) (result (own $r)))))",
    "(component (type (record (field \"x\" u32) (field \"y\" (option string))))"
    " (type (variant (case \"a\") (case \"b\" u8))) (type (flags \"a\" \"b\"))"
    " (type (enum \"a\")) (type (result (error (list char)))) (type (map u8"
    " error-context)) (type (stream)) (type (future (list f32 3))))",
    "(component (type (component (import \"a\" (func)) (export \"b\" (type"
    " (sub resource))) (core type (func (param i32))) (type u8) (import \"c\""
    " (core module)) (import \"v\" (value u8)))))",
    "(component (core type (module (import \"a\" \"b\" (func (param i32)))"
    " (import \"a\" \"t\" (table 1 2 funcref)) (import \"a\" \"m\" (memory i64 "
    "1"
    " 2 shared)) (import \"a\" \"g\" (global (mut externref))) (export \"e\""
    " (tag (param i64))) (alias outer 1 0 (type)))))",
    "(component (core rec (type $a (sub (struct (field (ref null $b) (mut"
    " i16))))) (type $b (sub final $a (array anyref)))) (core type (sub (func"
    " (result (ref 0))))) (core type (shared (func))))",
    "(component (core data $d \"\\00\\ff\\n\\\"\\\\ text\") (core data)"
    " (core data (external \"a/b\" (size 5) (chunk 4096) (sha256"
    " \"0123456789abcdef0123456789abcde\\00\"))) (core data (external \"c\""
    " (size 5) (chunk 65536) zstd (frame 7 (sha256"
    " \"0123456789abcdef0123456789abcdef\")))) (canon data.read $d i64 (core"
    " func)) (canon data.size 1 (core func)) (core func (canon data.prefetch"
    " 2)))",
    "(component (import \"i\" (versionsuffix \"1\") (instance $i)) (export $x"
    " \"e\" (external-id \"\\u{2603}\") (instance $i) (instance (type 0)))"
    " (start 0 (value 0) (result (value $v))) (value string \"hi\"))",
    "(component (core func (canon thread.new-indirect 0 (core table 1))) (core"
    " func (canon waitable-set.wait cancellable (memory 0))) (core func (canon"
    " context.set i32 1)) (core func (canon stream.read 0 async (memory 0)"
    " (realloc 1) string-encoding=latin1+utf16)) (core func (canon task.return"
    " (result u8))) (core func (canon subtask.cancel async)) (core func (canon"
    " lower (func 0) gc (core-type 1))))",
    "(component (type $t u8) (type (component (alias outer 1 $t (type $u))"
    " (import \"a\" (value $v $u)) (export \"b\" (value (eq $v))))))",
    "(component $\"odd name\" (type $\"a b\" u8) (component $d (component "
    "$e)))",
    "(component (import \"v\" (value $v string)) (import \"w\" (value (eq $v)))"
    " (import \"f\" (func $f (param \"a\" string) (result u8))) (start $f "
    "(value"
    " $v) (result (value $r))) (export \"r\" (value $r) (value u8)) (export"
    " \"w\" (value 1) (value (eq 0))) (component (import \"i\" (instance "
    "(export"
    " \"v\" (value u8)))) (alias export 0 \"v\" (value $x)) (instance (export"
    " \"x\" (value $x)))))",
};

/* Values as literals: text that is printed as it was parsed, and bytes. */
static void test_value__literals_there_and_back(void **state)
{
    (void)state;
    static const struct {
        const char *types, *value;
        const char *bytes;
        size_t len;
    } row[] = {
        {"", "bool true", BYTES("\x7f\x01\x01")},
        {"", "u8 255", BYTES("\x7d\x01\xff")},
        {"", "s8 -128", BYTES("\x7e\x01\x80")},
        {"", "u16 65535", BYTES("\x7b\x03\xff\xff\x03")},
        {"", "s16 -32768", BYTES("\x7c\x03\x80\x80\x7e")},
        {"", "u32 1", BYTES("\x79\x01\x01")},
        {"", "s32 -1", BYTES("\x7a\x01\x7f")},
        {"", "u64 18446744073709551615",
         BYTES("\x77\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01")},
        {"", "s64 -9223372036854775808",
         BYTES("\x78\x0a\x80\x80\x80\x80\x80\x80\x80\x80\x80\x7f")},
        {"", "f32 9.1", BYTES("\x76\x04\x9a\x99\x11\x41")},
        {"", "f32 nan", BYTES("\x76\x04\x00\x00\xc0\x7f")},
        {"", "f32 -inf", BYTES("\x76\x04\x00\x00\x80\xff")},
        {"", "f64 -0", BYTES("\x75\x08\0\0\0\0\0\0\0\x80")},
        {"", "f64 nan", BYTES("\x75\x08\0\0\0\0\0\0\xf8\x7f")},
        {"", "char 'a'",
         BYTES("\x74\x01"
               "a")},
        {"", "char ' '", BYTES("\x74\x01 ")},
        {"", "char '\\''", BYTES("\x74\x01'")},
        {"", "char '\\\\'", BYTES("\x74\x01\\")},
        {"", "char '('", BYTES("\x74\x01(")},
        {"", "char '\\u{a}'", BYTES("\x74\x01\n")},
        {"", "char '\xe2\x98\x83'", BYTES("\x74\x03\xe2\x98\x83")},
        {"", "string \"a\\\"b\\n\"",
         BYTES("\x73\x05\x04"
               "a\"b\n")},
        {"(record (field \"a\" bool) (field \"b\" u8))", "0 (record true 1)",
         BYTES("\x00\x02\x01\x01")},
        {"(variant (case \"a\" bool) (case \"b\"))", "0 (variant \"b\")",
         BYTES("\x00\x01\x01")},
        {"(variant (case \"a\" bool) (case \"b\"))", "0 (variant \"a\" false)",
         BYTES("\x00\x02\x00\x00")},
        {"(list u16)", "0 (list 1 2)", BYTES("\x00\x03\x02\x01\x02")},
        {"(list u16)", "0 (list)", BYTES("\x00\x01\x00")},
        {"(list u8 2)", "0 (list 1 2)", BYTES("\x00\x02\x01\x02")},
        {"(map string u8)", "0 (list (tuple \"k\" 1))",
         BYTES("\x00\x04\x01\x01k\x01")},
        {"(tuple u8 char)", "0 (tuple 1 'x')", BYTES("\x00\x02\x01x")},
        {"(flags \"a\" \"b\" \"c\")", "0 (flags \"a\" \"c\")",
         BYTES("\x00\x01\x05")},
        {"(flags \"a\" \"b\" \"c\")", "0 (flags)", BYTES("\x00\x01\x00")},
        {"(enum \"a\" \"b\" \"c\")", "0 (enum \"b\")", BYTES("\x00\x01\x01")},
        {"(option u8)", "0 none", BYTES("\x00\x01\x00")},
        {"(option u8)", "0 (some 7)", BYTES("\x00\x02\x01\x07")},
        {"(result)", "0 ok", BYTES("\x00\x01\x00")},
        {"(result)", "0 error", BYTES("\x00\x01\x01")},
        {"(result u8)", "0 (ok 1)", BYTES("\x00\x02\x00\x01")},
        {"(result u8)", "0 error", BYTES("\x00\x01\x01")},
        {"(result (error u8))", "0 (error 1)", BYTES("\x00\x02\x01\x01")},
        {"(result u16 (error u8))", "0 (error 1)", BYTES("\x00\x02\x01\x01")},
        /* no value of its type, or of none that is known: bytes */
        {"", "bool (binary \"\\02\")", BYTES("\x7f\x01\x02")},
        {"", "u8 (binary \"\\01\\02\")", BYTES("\x7d\x02\x01\x02")},
        {"", "f32 (binary \"\\00\\00\\c0\\ff\")",
         BYTES("\x76\x04\x00\x00\xc0\xff")},
        {"", "7 (binary \"\\01\")", BYTES("\x07\x01\x01")},
        {"(stream)", "0 (binary \"\\01\")", BYTES("\x00\x01\x01")},
    };
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        char text[256], shown[300];
        bool typed = row[i].types[0] != '\0';
        snprintf(text, sizeof text, "(component %s%s%s (value %s))",
                 typed ? "(type " : "", row[i].types, typed ? ")" : "",
                 row[i].value);
        sl_buf got = must_parse(text), printed = {0};
        sl_err err = {0};
        size_t len = row[i].len + 3; /* the section's head */
        assert_true(got.len > len);
        assert_int_equal(got.data[got.len - len], 12);
        if (memcmp(got.data + got.len - row[i].len, row[i].bytes, row[i].len) !=
            0)
            fail_msg("other bytes of %s", text);
        assert_true(sl_print_component(got.data, got.len, &printed, &err));
        sl_buf_u8(&printed, 0);
        snprintf(shown, sizeof shown, "(value (;0;) %s)", row[i].value);
        if (strstr((char *)printed.data, shown) == NULL)
            fail_msg("no %s in %s", shown, (char *)printed.data);
        sl_buf_deinit(&got);
        sl_buf_deinit(&printed);
    }
}

/* A type's name elsewhere does as well as the type. */
static void test_value__types_by_other_names(void **state)
{
    (void)state;
    static const char *const text[] = {
        "(component (type $t (record (field \"a\" (option u8))))"
        " (export $e \"t\" (type $t)) (value $x $e (record (some 1))))",
        "(component (type $t (export \"t\") (enum \"a\"))"
        " (value 1 (enum \"a\")))",
        "(component (type $t (list (tuple char))) (component"
        " (value $x $t (list (tuple 'x')))))",
        "(component (import \"t\" (type $t (eq (flags \"a\"))))"
        " (value $x $t (flags \"a\")))",
        "(component (type $u (list u8)) (import \"t\" (type $t (eq $u)))"
        " (component (alias outer 1 $t (type $v)) (value (list $v)"
        " (list (list 1)))))",
    };
    for (size_t i = 0; i < sizeof text / sizeof *text; i++) {
        sl_buf first = must_parse(text[i]), printed = {0};
        sl_err err = {0};
        assert_true(sl_print_component(first.data, first.len, &printed, &err));
        sl_buf_u8(&printed, 0);
        if (strstr((char *)printed.data, "binary") != NULL)
            fail_msg("no literal: %s", (char *)printed.data);
        sl_buf second = must_parse((char *)printed.data);
        assert_same((char *)printed.data, &second, &first);
        sl_buf_deinit(&first);
        sl_buf_deinit(&second);
        sl_buf_deinit(&printed);
    }
}

static void test_print_component__parses_back(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof everything / sizeof *everything; i++) {
        sl_buf first = must_parse(everything[i]), text = {0};
        sl_err err = {0};
        if (!sl_print_component(first.data, first.len, &text, &err))
            fail_msg("%s\nin %s", err.msg, everything[i]);
        sl_buf_u8(&text, 0);
        sl_buf second = must_parse((char *)text.data);
        assert_same((char *)text.data, &second, &first);
        sl_buf_deinit(&first);
        sl_buf_deinit(&second);
        sl_buf_deinit(&text);
    }
}

/* `$t` behind `(value` would be the value's name. */
static void test_print_component__tells_values_from_types(void **state)
{
    (void)state;
    static const char text[] =
        "(component\n"
        "  (type $t (;0;) (list u8))\n"
        "  (import \"a\" (value (;0;) 0))\n"
        "  (import \"b\" (value $b (;1;) $t))\n"
        "  (value (;2;) 0 (list 1))\n"
        "  (value $d (;3;) $t (list 2))\n"
        "  (export (;4;) \"e\" (value 2) (value 0))\n"
        ")\n";
    sl_buf bytes = must_parse(text), printed = {0};
    sl_err err = {0};
    assert_true(sl_print_component(bytes.data, bytes.len, &printed, &err));
    sl_buf_u8(&printed, 0);
    assert_string_equal((char *)printed.data, text);
    sl_buf_deinit(&bytes);
    sl_buf_deinit(&printed);
}

static void test_print_component__uses_names(void **state)
{
    (void)state;
    sl_buf bytes =
        must_parse("(component $c (type $t u8) (type (list $t)) (import \"x\""
                   " (func $x)) (core data $d \"hi\"))");
    sl_buf text = {0};
    sl_err err = {0};
    assert_true(sl_print_component(bytes.data, bytes.len, &text, &err));
    sl_buf_u8(&text, 0);
    assert_string_equal((char *)text.data,
                        "(component $c\n"
                        "  (type $t (;0;) u8)\n"
                        "  (type (;1;) (list $t))\n"
                        "  (type (;2;) (func))\n"
                        "  (import \"x\" (func $x (;0;) (type 2)))\n"
                        "  (core data $d (;0;) \"hi\")\n"
                        ")\n");
    sl_buf_deinit(&bytes);
    sl_buf_deinit(&text);
}

static void test_print_component__survives_every_prefix(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof everything / sizeof *everything; i++) {
        sl_buf bytes = must_parse(everything[i]);
        for (size_t len = 0; len < bytes.len; len++) {
            uint8_t *copy = sl_malloc(len + 1);
            memcpy(copy, bytes.data, len);
            sl_buf text = {0};
            sl_err err = {0};
            sl_print_component(copy, len, &text, &err);
            sl_buf_deinit(&text);
            sl_free(copy);
        }
        for (size_t at = 8; at < bytes.len; at++) {
            sl_buf text = {0};
            sl_err err = {0};
            bytes.data[at] ^= 0x55;
            sl_print_component(bytes.data, bytes.len, &text, &err);
            bytes.data[at] ^= 0x55;
            sl_buf_deinit(&text);
        }
        sl_buf_deinit(&bytes);
    }
}

/* --- Short memory --------------------------------------------------------- */

static void test_component_text__survives_short_memory(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof everything / sizeof *everything; i++) {
        sl_buf bytes = must_parse(everything[i]), out = {0}, text = {0};
        bool done = false;
        for (size_t n = 1; !done; n++) {
            sl_err err = {0};
            sl_alloc_fail_at(n, 1);
            done = sl_text_parse(sl_name_of(everything[i]), &out, &err) &&
                   sl_print_component(bytes.data, bytes.len, &text, &err);
            sl_alloc_fail_at(0, 0);
            if (!done && err.code != SL_ENOMEM)
                fail_msg("%s after %zu allocations", err.msg, n);
            sl_buf_deinit(&out);
            sl_buf_deinit(&text);
        }
        sl_buf_deinit(&bytes);
    }
}

/* --- The conformance suite ------------------------------------------------ */

static char *read_file(const char *path, size_t *len)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL)
        return NULL;
    fseek(file, 0, SEEK_END);
    *len = (size_t)ftell(file);
    rewind(file);
    char *text = sl_malloc(*len + 1);
    *len = fread(text, 1, *len, file);
    fclose(file);
    return text;
}

/* Does the form hold binary or quoted text? Then it may be anything. */
static bool is_literal(const sl_cursor *c)
{
    for (size_t i = 2; i < 5; i++) {
        sl_name word = sl_peek_at(c, i)->text;
        if (sl_name_is(word, "binary") || sl_name_is(word, "quote"))
            return true;
    }
    return false;
}

static unsigned check_component(const char *path, sl_cursor c)
{
    sl_err err = {0};
    sl_buf bytes = {0}, text = {0}, again = {0};
    c.err = &err;
    bool literal = is_literal(&c);
    if (!sl_parse_component(&c, &bytes)) {
        sl_buf_deinit(&bytes);
        if (strncmp(err.msg, "not supported", 13) == 0)
            return 0;
        sl_place place = sl_place_of(c.tokens->source, err.at);
        fail_msg("%s:%u:%u: %s", path, place.line, place.column, err.msg);
    }
    /* components with modules that do not validate are not printed */
    if (!literal && sl_print_component(bytes.data, bytes.len, &text, &err)) {
        sl_buf_u8(&text, 0);
        again = must_parse((char *)text.data);
        assert_same(path, &again, &bytes);
    }
    sl_buf_deinit(&bytes);
    sl_buf_deinit(&text);
    sl_buf_deinit(&again);
    return 1;
}

static unsigned check_script(const char *path)
{
    size_t len = 0;
    char *text = read_file(path, &len);
    sl_arena arena;
    sl_tokens tokens;
    sl_err err = {0};
    unsigned n = 0;
    sl_arena_init(&arena);
    if (!sl_lex((sl_name){text, len}, &arena, &tokens, &err))
        fail_msg("%s: %s", path, err.msg);
    sl_cursor c = {&tokens, 0, &arena, &err};
    while (sl_peek(&c)->kind != SL_TOK_EOF) {
        sl_cursor inner = c;
        if (sl_at_form(&c, "assert_invalid") || sl_at_form(&c, "assert_trap"))
            inner.pos += 2;
        if (sl_at_form(&inner, "component") &&
            !sl_name_is(sl_peek_at(&inner, 2)->text, "instance"))
            n += check_component(path, inner);
        sl_skip(&c);
    }
    sl_arena_deinit(&arena);
    sl_free(text);
    return n;
}

static void test_parse_component__takes_the_conformance_suite(void **state)
{
    (void)state;
    static const char *const folders[] = {"async",     "binary",     "linking",
                                          "resources", "validation", "values"};
    const char *root = getenv("SLUICE_CONFORMANCE");
    unsigned n = 0;
    if (root == NULL)
        root = SL_SHARED "/conformance";
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) {
        char path[1024];
        snprintf(path, sizeof path, "%s/component/%s", root, folders[i]);
        DIR *dir = opendir(path);
        struct dirent *entry;
        while (dir != NULL && (entry = readdir(dir)) != NULL)
            if (strstr(entry->d_name, ".wast") != NULL) {
                snprintf(path, sizeof path, "%s/component/%s/%s", root,
                         folders[i], entry->d_name);
                n += check_script(path);
            }
        if (dir != NULL)
            closedir(dir);
    }
    if (n == 0)
        skip();
    print_message("%u components\n", n);
}

const struct CMUnitTest component_tests[] = {
    cmocka_unit_test(test_parse_component__gives_exact_bytes),
    cmocka_unit_test(test_parse_component__reads_codes_from_the_table),
    cmocka_unit_test(test_parse_component__emits_names),
    cmocka_unit_test(test_parse_component__expands_sugar),
    cmocka_unit_test(test_parse_component__reports_errors),
    cmocka_unit_test(test_parse_component__bounds_nesting),
    cmocka_unit_test(test_value__literals_there_and_back),
    cmocka_unit_test(test_value__types_by_other_names),
    cmocka_unit_test(test_print_component__parses_back),
    cmocka_unit_test(test_print_component__tells_values_from_types),
    cmocka_unit_test(test_print_component__uses_names),
    cmocka_unit_test(test_print_component__survives_every_prefix),
    cmocka_unit_test(test_component_text__survives_short_memory),
    cmocka_unit_test(test_parse_component__takes_the_conformance_suite),
};
const size_t n_component_tests =
    sizeof component_tests / sizeof *component_tests;
