/* (file ...) and the kinds of backings. tests/wast/data/README.md. */
#include "check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "wast/wast.h"

/* byte(i) of "abc": segment 0 beside the component, 1 inline. */
static const char component[] =
    ";;! data = true\n"
    "(component definition $C"
    " (core data $d (external \"a.bin\" (size 3) (chunk 4096) (sha256 \""
    "\\ba\\78\\16\\bf\\8f\\01\\cf\\ea\\41\\41\\40\\de\\5d\\ae\\22\\23"
    "\\b0\\03\\61\\a3\\96\\17\\7a\\9c\\b4\\10\\ff\\61\\f2\\00\\15\\ad\")))"
    " (core data $e \"abc\")"
    " (core module $Memory (memory (export \"mem\") 1))"
    " (core instance $memory (instantiate $Memory))"
    " (type $ST (stream u8))"
    " (canon stream.read $ST (memory (core memory $memory \"mem\"))"
    "  (core func $read))"
    " (canon data.read $d (core func $d0)) (canon data.read $e (core func $d1))"
    " (core module $M (import \"\" \"mem\" (memory 1))"
    "  (import \"\" \"read\" (func $read (param i32 i32 i32) (result i32)))"
    "  (import \"\" \"d0\" (func $d0 (param i32 i32) (result i32)))"
    "  (import \"\" \"d1\" (func $d1 (param i32 i32) (result i32)))"
    "  (func (export \"f\") (param i32 i32) (result i32)"
    "   (drop (call $read (if (result i32) (local.get 0)"
    "     (then (call $d1 (local.get 1) (i32.const 1)))"
    "     (else (call $d0 (local.get 1) (i32.const 1))))"
    "    (i32.const 9) (i32.const 1)))"
    "   (i32.load8_u (i32.const 9))))"
    " (core instance $m (instantiate $M (with \"\" (instance"
    "  (export \"mem\" (memory $memory \"mem\")) (export \"read\" (func $read))"
    "  (export \"d0\" (func $d0)) (export \"d1\" (func $d1))))))"
    " (func (export \"f\") async (param \"s\" u32) (param \"i\" u32) (result u32)"
    "  (canon lift (core func $m \"f\"))))\n";

static sl_wast_counts run(const char *commands, sl_wast_backing backing,
                          uint64_t seed)
{
    char text[8192];
    sl_wast_options options = {.seed = seed, .backing = backing};
    sl_wast_counts counts = {0};
    snprintf(text, sizeof text, "%s%s", component, commands);
    sl_wast_run("a.wast", sl_name_of(text), &options, &counts);
    return counts;
}

#define NEW "(component instance $i $C)"
#define GOOD                                                                   \
    NEW "(assert_return (invoke \"f\" (u32.const 0) (u32.const 1))"            \
        " (u32.const 98))"
#define FAULT                                                                  \
    NEW "(assert_trap (invoke \"f\" (u32.const 0) (u32.const 1))"              \
        " \"data fault: segment 0, bytes [1, 2)\")"

static void test_file__is_what_was_said_last(void **state)
{
    (void)state;
    static const struct {
        const char *commands;
        uint64_t passed, failed;
    } row[] = {
        {"(file \"a.bin\" \"abc\")" GOOD, 4, 0},
        {"(file \"a.bin\" \"a\" \"b\" (repeat 1 \"c\"))" GOOD, 4, 0},
        {NEW "(file \"a.bin\" \"abc\")"
             "(assert_return (invoke \"f\" (u32.const 0) (u32.const 2))"
             " (u32.const 99))",
         4, 0},
        {"(file \"a.bin\" late \"abc\")" GOOD, 4, 0},
        {FAULT, 3, 0},
        {GOOD, 2, 1},
        {"(file \"b.bin\" \"abc\")" FAULT, 4, 0},
        {"(file \"a.bin\" \"abd\")" FAULT, 4, 0},
        {"(file \"a.bin\" \"abd\")" GOOD, 3, 1},
        {"(file \"a.bin\" \"abc\")" FAULT, 3, 1},
        {"(file \"a.bin\" \"ab\")" FAULT, 4, 0},
        {"(file \"a.bin\")" FAULT, 4, 0},
        {"(file \"a.bin\" (fails 2) \"abc\")" FAULT, 4, 0},
        {"(file \"a.bin\" (fails 3) \"abc\")" GOOD, 4, 0},
        {"(file \"a.bin\" \"abc\")" GOOD "(file \"a.bin\" missing)" FAULT
         "(file \"a.bin\" \"abc\")" GOOD,
         10, 0},
    };
    for (size_t i = 0; i < sizeof row / sizeof *row; i++)
        for (int k = 0; k < SL_N_WAST_BACKINGS; k++)
            for (uint64_t seed = 0; seed < 3; seed++) {
                sl_wast_counts have =
                    run(row[i].commands, (sl_wast_backing)k, seed);
                if (have.passed != row[i].passed ||
                    have.failed != row[i].failed)
                    fail_msg("row %zu, %s, seed %d: %d passed, %d failed", i,
                             sl_wast_backing_text((sl_wast_backing)k),
                             (int)seed, (int)have.passed, (int)have.failed);
            }
}

static void test_file__refuses_what_is_no_file(void **state)
{
    (void)state;
    static const char *const row[] = {
        "(file)",
        "(file a)",
        "(file \"a\" 3)",
        "(file \"a\" sometimes)",
        "(file \"a\" late never)",
        "(file \"a\" (fails))",
        "(file \"a\" (fails 1 2))",
        "(file \"a\" (repeat \"b\"))",
        "(file \"a\" (repeat 2 \"b\" (repeat 2 \"c\")))",
        "(file \"a\" (repeat 4294967295 \"bc\"))",
    };
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        sl_wast_counts have = run(row[i], SL_WAST_BUFFER, 0);
        assert_int_equal(have.passed, 1);
        assert_int_equal(have.failed, 1);
    }
}

static void test_backing__is_what_inline_segments_get(void **state)
{
    (void)state;
    for (int k = 0; k < SL_N_WAST_BACKINGS; k++) {
        sl_wast_counts have =
            run(NEW "(assert_return (invoke \"f\" (u32.const 1) (u32.const 2))"
                    " (u32.const 99))",
                (sl_wast_backing)k, 1);
        assert_int_equal(have.passed, 3);
        assert_int_equal(have.assertions, 1);
    }
}

/* Short of memory at any place, a script fails and lets go of everything. */
static void test_backing__survives_failing_allocations(void **state)
{
    (void)state;
    static const char commands[] =
        "(file \"a.bin\" \"abc\")" GOOD
        "(assert_return (invoke \"f\" (u32.const 1) (u32.const 2))"
        " (u32.const 99))";
    for (int k = 0; k < SL_N_WAST_BACKINGS; k++) {
        size_t before = sl_alloc_count();
        assert_int_equal(run(commands, (sl_wast_backing)k, 1).failed, 0);
        size_t n = sl_alloc_count() - before;
        for (size_t i = 1; i <= n; i += 1 + i / 40) {
            sl_alloc_fail_at(i, i % 2);
            run(commands, (sl_wast_backing)k, 1);
            sl_alloc_fail_at(0, 0);
        }
    }
}

const struct CMUnitTest file_tests[] = {
    cmocka_unit_test(test_file__is_what_was_said_last),
    cmocka_unit_test(test_file__refuses_what_is_no_file),
    cmocka_unit_test(test_backing__is_what_inline_segments_get),
    cmocka_unit_test(test_backing__survives_failing_allocations),
};
const size_t n_file_tests = sizeof file_tests / sizeof *file_tests;
