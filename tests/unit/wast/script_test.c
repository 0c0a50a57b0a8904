#include "check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "wast/wast.h"

/* Runs a script; the log, when asked for, is the caller's to free. */
static sl_wast_counts run(const char *text, sl_wast_options options, char **log)
{
    sl_wast_counts counts = {0};
    size_t len;
    if (log != NULL)
        options.log = open_memstream(log, &len);
    sl_wast_run("dir/a.wast", sl_name_of(text), &options, &counts);
    if (log != NULL)
        fclose(options.log);
    return counts;
}

static void assert_counts(sl_wast_counts have, uint64_t passed, uint64_t failed,
                          uint64_t skipped)
{
    assert_int_equal(have.passed, passed);
    assert_int_equal(have.failed, failed);
    assert_int_equal(have.skipped, skipped);
}

static const char arithmetic[] =
    "(module $m"
    " (global (export \"g\") i32 (i32.const 7))"
    " (func (export \"id\") (param i32) (result i32) (local.get 0))"
    " (func (export \"nan\") (result f32) (f32.const nan))"
    " (func (export \"snan\") (result f32) (f32.const nan:0x1))"
    " (func (export \"two\") (result i32 i64) (i32.const 1) (i64.const 2))"
    " (func (export \"ref\") (param externref) (result externref)"
    "  (local.get 0))"
    " (func $f (export \"f\") (result funcref) (ref.func $f))"
    " (func (export \"div\") (param i32) (result i32)"
    "  (i32.div_u (i32.const 1) (local.get 0)))"
    " (func $rec (export \"rec\") (call $rec)))";

/* One command behind the module above: does it pass? */
static void test_run__judges_commands(void **state)
{
    (void)state;
    static const struct {
        const char *command;
        bool passes;
    } row[] = {
        {"(assert_return (invoke \"id\" (i32.const 3)) (i32.const 3))", true},
        {"(assert_return (invoke \"id\" (i32.const 3)) (i32.const 4))", false},
        {"(assert_return (invoke \"id\" (i32.const 3)))", false},
        {"(assert_return (invoke \"id\" (i32.const 3)) (i64.const 3))", false},
        {"(assert_return (invoke \"id\" (i64.const 3)) (i64.const 3))", false},
        {"(assert_return (invoke \"id\") (i32.const 3))", false},
        {"(assert_return (invoke \"none\") (i32.const 3))", false},
        {"(assert_return (invoke $m \"id\" (i32.const -1))"
         " (i32.const 0xffffffff))",
         true},
        {"(assert_return (invoke $x \"id\" (i32.const 1)) (i32.const 1))",
         false},
        {"(assert_return (get \"g\") (i32.const 7))", true},
        {"(assert_return (get $m \"g\") (i32.const 8))", false},
        {"(assert_return (invoke \"nan\") (f32.const nan:canonical))", true},
        {"(assert_return (invoke \"nan\") (f32.const nan:arithmetic))", true},
        {"(assert_return (invoke \"snan\") (f32.const nan:arithmetic))",
         false},
        {"(assert_return (invoke \"snan\") (f32.const nan:0x1))", true},
        {"(assert_return (invoke \"two\") (i32.const 1) (i64.const 2))", true},
        {"(assert_return (invoke \"two\") (i32.const 1))", false},
        {"(assert_return (invoke \"id\" (i32.const 3))"
         " (either (i32.const 1) (i32.const 3)))",
         true},
        {"(assert_return (invoke \"ref\" (ref.extern 5)) (ref.extern 5))",
         true},
        {"(assert_return (invoke \"ref\" (ref.extern 5)) (ref.extern 6))",
         false},
        {"(assert_return (invoke \"ref\" (ref.null extern)) (ref.null))", true},
        {"(assert_return (invoke \"ref\" (ref.extern 0)) (ref.null extern))",
         false},
        {"(assert_return (invoke \"f\") (ref.func))", true},
        {"(assert_trap (invoke \"div\" (i32.const 0))"
         " \"integer divide by zero\")",
         true},
        {"(assert_trap (invoke \"div\" (i32.const 0)) \"unreachable\")", false},
        {"(assert_trap (invoke \"div\" (i32.const 1)) \"\")", false},
        {"(assert_exhaustion (invoke \"rec\") \"call stack exhausted\")", true},
        {"(invoke \"id\" (i32.const 1))", true},
        {"(invoke \"div\" (i32.const 0))", false},
        {"(module (func (unreachable)) (start 0))", false},
        {"(assert_trap (module (func (unreachable)) (start 0))"
         " \"unreachable\")",
         true},
        {"(assert_invalid (module (func (i32.add))) \"type mismatch\")", true},
        {"(assert_invalid (module) \"type mismatch\")", false},
        {"(assert_malformed (module quote \"(func (x))\")"
         " \"unknown operator\")",
         true},
        {"(assert_malformed (module quote \"(func (i32.add))\")"
         " \"unknown operator\")",
         false},
        {"(assert_unlinkable (module (import \"a\" \"b\" (func)))"
         " \"unknown import\")",
         true},
        {"(module (import \"spectest\" \"print_i32\" (func (param i32))))",
         true},
        {"(assert_unlinkable (module (import \"spectest\" \"print_i32\""
         " (func))) \"incompatible import type\")",
         true},
        {"(register \"m\" $m)", true},
        {"(register \"m\" $x)", false},
        {"(bogus)", false},
        {"(assert_return)", false},
    };
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        char text[4096];
        snprintf(text, sizeof text, "%s\n%s", arithmetic, row[i].command);
        sl_wast_counts counts = run(text, (sl_wast_options){0}, NULL);
        if (row[i].passes ? counts.failed != 0 : counts.failed != 1)
            fail_msg("%s", row[i].command);
        assert_int_equal(counts.passed, row[i].passes ? 2 : 1);
    }
}

static void test_run__links_registered_instances(void **state)
{
    (void)state;
    assert_counts(
        run("(module definition $d (global (export \"g\") (mut i32)"
            " (i32.const 1)) (func (export \"set\") (param i32)"
            " (global.set 0 (local.get 0))))"
            "(module instance $a $d) (module instance $b $d)"
            "(register \"a\" $a)"
            "(module (import \"a\" \"g\" (global (mut i32)))"
            " (func (export \"get\") (result i32) (global.get 0)))"
            "(invoke $a \"set\" (i32.const 5))"
            "(assert_return (invoke \"get\") (i32.const 5))"
            "(assert_return (get $b \"g\") (i32.const 1))",
            (sl_wast_options){0}, NULL),
        8, 0, 0);
}

static void test_run__takes_a_bare_module(void **state)
{
    (void)state;
    assert_counts(run("(func) (memory 0)", (sl_wast_options){0}, NULL), 1, 0,
                  0);
}

static void test_run__counts_what_it_skips(void **state)
{
    (void)state;
    char *log;
    sl_wast_counts counts =
        run("(module $s (func (export \"f\") (drop (v128.const i32x4 0 0 0 0)))"
            ")\n(assert_return (invoke \"f\"))\n(register \"s\")\n"
            "(module (import \"s\" \"f\" (func)))",
            (sl_wast_options){0}, &log);
    assert_counts(counts, 0, 0, 4);
    assert_non_null(strstr(log, "1 not supported: simd"));
    assert_non_null(strstr(log, "1 action on a skipped module"));
    free(log);
}

static void test_run__reports_file_and_line(void **state)
{
    (void)state;
    char *log;
    run("(module (func (export \"f\") (result i32) (i32.const 1)))\n\n"
        "(assert_return (invoke \"f\") (i32.const 2))",
        (sl_wast_options){0}, &log);
    assert_string_equal(log,
                        "dir/a.wast:3: result 0: expected (i32.const 2), got "
                        "(i32.const 1)\n"
                        "dir/a.wast: 1 passed, 1 failed, 0 skipped\n");
    free(log);
    assert_counts(run("(module\n\"", (sl_wast_options){0}, &log), 0, 1, 0);
    assert_non_null(strstr(log, "dir/a.wast:2: bad script: unclosed string"));
    free(log);
}

static void test_run__filters_assertions(void **state)
{
    (void)state;
    sl_wast_options options = {.filter = "\"g\""};
    assert_counts(run("(module (func (export \"f\")) (func (export \"g\")))"
                      "(assert_return (invoke \"f\") (i32.const 1))"
                      "(assert_return (invoke \"g\"))",
                      options, NULL),
                  2, 0, 0);
}

/* Writes a list of known failures and runs a script with one failure in
 * line 2 under it. */
static sl_wast_counts run_with_nyi(const char *list)
{
    char path[] = "/tmp/sl-nyi-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, list, strlen(list)), strlen(list));
    close(fd);
    sl_wast_nyi nyi;
    sl_err err = {0};
    assert_true(sl_wast_nyi_load(&nyi, path, &err));
    unlink(path);
    sl_wast_counts counts = run("(module)\n(invoke \"f\")\n(module)",
                                (sl_wast_options){.nyi = &nyi}, NULL);
    sl_wast_nyi_deinit(&nyi);
    return counts;
}

static void test_nyi__excuses_only_what_fails(void **state)
{
    (void)state;
    assert_counts(run_with_nyi("# none\n\n"), 2, 1, 0);
    assert_counts(run_with_nyi("a.wast:2 not yet\n"), 2, 0, 1);
    assert_counts(run_with_nyi("./dir/a.wast  not yet"), 2, 0, 1);
    assert_counts(run_with_nyi("a.wast:2 not yet\na.wast:3 passes\n"), 1, 1, 1);
    assert_counts(run_with_nyi("b.wast not this one\n"), 2, 1, 0);
    assert_counts(run_with_nyi("r/a.wast not this one\n"), 2, 1, 0);
}

static void test_nyi__a_listed_file_without_failures_fails(void **state)
{
    (void)state;
    static sl_wast_nyi_row row;
    row = (sl_wast_nyi_row){SL_NAME("a.wast"), 0, SL_NAME("why")};
    sl_wast_nyi nyi = {.rows = {&row, 1, 1}};
    assert_counts(run("(module)", (sl_wast_options){.nyi = &nyi}, NULL), 1, 1,
                  0);
}

static void test_run__round_trips_modules(void **state)
{
    (void)state;
    assert_counts(run(arithmetic, (sl_wast_options){.round_trip = true}, NULL),
                  1, 0, 0);
}

/* An endless loop, in a module and in a component, and too much memory. */
static void test_run__ends_a_strangers_script(void **state)
{
    (void)state;
    static const char text[] =
        "(module (func (export \"f\") (loop (br 0))))"
        "(assert_trap (invoke \"f\") \"deadline exceeded\")"
        "(assert_trap (invoke \"f\") \"deadline exceeded\")"
        "(component (core module $m (func $f (loop (br 0))) (start $f))"
        " (core instance (instantiate $m)))"
        "(module (memory 65))"
        "(module (table 10001 funcref))"
        "(module (memory 1) (func (export \"g\")))";
    assert_counts(run(text, (sl_wast_options){.tight = true}, NULL), 4, 3, 0);
}

const struct CMUnitTest script_tests[] = {
    cmocka_unit_test(test_run__judges_commands),
    cmocka_unit_test(test_run__links_registered_instances),
    cmocka_unit_test(test_run__takes_a_bare_module),
    cmocka_unit_test(test_run__counts_what_it_skips),
    cmocka_unit_test(test_run__reports_file_and_line),
    cmocka_unit_test(test_run__filters_assertions),
    cmocka_unit_test(test_nyi__excuses_only_what_fails),
    cmocka_unit_test(test_nyi__a_listed_file_without_failures_fails),
    cmocka_unit_test(test_run__round_trips_modules),
    cmocka_unit_test(test_run__ends_a_strangers_script),
};
const size_t n_script_tests = sizeof script_tests / sizeof *script_tests;
