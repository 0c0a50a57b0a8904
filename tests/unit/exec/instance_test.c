#include "fixture.h"

#include <stdio.h>
#include <string.h>

static const char provider_text[] =
    "(module $p (memory (export \"m\") 1 4)"
    " (global $g (export \"g\") (mut i32) (i32.const 5))"
    " (table (export \"t\") 4 funcref)"
    " (type $ii (func (param i32) (result i32)))"
    " (func (export \"grow\") (param i32) (result i32)"
    "  (global.set $g (i32.add (global.get $g) (i32.const 1)))"
    "  (memory.grow (local.get 0)))"
    " (func $div (export \"div\") (param i32) (result i32)"
    "  (i32.div_u (i32.const 100) (local.get 0)))"
    " (func $own (export \"own\") (param i32) (result i32)"
    "  (i32.load (local.get 0)))"
    " (elem (i32.const 0) $div $own))";

static const char user_text[] =
    "(module $u (import \"p\" \"grow\" (func $grow (param i32) (result i32)))"
    " (import \"p\" \"t\" (table 2 funcref))"
    " (import \"p\" \"m\" (memory 1))"
    " (type $ii (func (param i32) (result i32)))"
    " (global $mine (mut i32) (i32.const 1000))"
    " (func (export \"grow\") (param i32) (result i32)"
    "  (drop (call $grow (local.get 0)))"
    "  (i32.store (i32.const 65540) (i32.const 9))"
    "  (i32.add (global.get $mine) (i32.load (i32.const 65540))))"
    " (func (export \"through\") (param i32) (result i32)"
    "  (i32.add (global.get $mine)"
    "   (call_indirect (type $ii) (local.get 0) (i32.const 0)))))";

/* Calls across instances change memory, globals and functions, and come back
 * to the caller's; traps see both sides. */
static void test_instance__calls_across(void **state)
{
    (void)state;
    fixture f;
    fixture_open(&f, NULL);
    sl_core_instance *p = instance_of(&f, provider_text, NULL);
    sl_core_extern imports[] = {export_of(p, "grow"), export_of(p, "t"),
                                export_of(p, "m")};
    sl_core_instance *u = instance_of(&f, user_text, imports);
    expect(&f, u, "grow", 1, 0, 1009);
    assert_int_equal(export_of(p, "g").of.global->value.i32, 6);
    assert_int_equal(export_of(p, "m").of.memory->size, 2 * 65536);
    expect(&f, u, "through", 10, 0, 1010);
    expect_trap(&f, u, "through", 0, "integer divide by zero");
    assert_int_equal(f.trap.n_frames, 2);
    assert_ptr_equal(f.trap.frames[0].instance, p);
    assert_ptr_equal(f.trap.frames[1].instance, u);
    assert_int_equal(f.trap.frames[1].func, 2);
    assert_int_equal(f.bytes[1].data[f.trap.frames[1].offset], 0x11);
    fixture_close(&f);
}

/* Two instances that call each other until the stack is full. */
static void test_instance__recursion_across_is_bounded(void **state)
{
    (void)state;
    fixture f;
    fixture_open(&f, NULL);
    sl_core_instance *a = instance_of(
        &f,
        "(module (table (export \"t\") 1 funcref) (type $f (func))"
        " (func (export \"go\") (call_indirect (type $f) (i32.const 0))))",
        NULL);
    sl_core_extern imports[] = {export_of(a, "t"), export_of(a, "go")};
    sl_core_instance *b =
        instance_of(&f,
                    "(module (import \"\" \"t\" (table 1 funcref))"
                    " (import \"\" \"go\" (func $go))"
                    " (func $f (call $go)) (elem (i32.const 0) $f)"
                    " (func (export \"run\") (param i32) (call $go)))",
                    imports);
    expect_trap(&f, b, "run", 0, "call stack exhausted");
    assert_ptr_not_equal(f.trap.frames[0].instance, f.trap.frames[1].instance);
    assert_true(f.trap.n_dropped > 1000);
    fixture_close(&f);
}

static void test_instantiate__checks_imports(void **state)
{
    (void)state;
    static const struct {
        const char *import;
        const char *export;
        const char *error;
    } row[] = {
        {"(func (param i32) (result i32))", "grow", ""},
        {"(func (param i64) (result i32))", "grow", "incompatible import type"},
        {"(memory 1)", "grow", "incompatible import type"},
        {"(memory 1 4)", "m", ""},
        {"(memory 1 5)", "m", ""},
        {"(memory 1 3)", "m", "incompatible import type"},
        {"(memory 2)", "m", "incompatible import type"},
        {"(table 4 funcref)", "t", ""},
        {"(table 4 externref)", "t", "incompatible import type"},
        {"(table 4 10 funcref)", "t", "incompatible import type"},
        {"(global (mut i32))", "g", ""},
        {"(global i32)", "g", "incompatible import type"},
        {"(global (mut i64))", "g", "incompatible import type"},
    };
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        fixture f;
        fixture_open(&f, NULL);
        sl_core_instance *p = instance_of(&f, provider_text, NULL), *out;
        sl_core_extern import = export_of(p, row[i].export);
        char text[200];
        snprintf(text, sizeof text, "(module (import \"a\" \"b\" %s))",
                 row[i].import);
        sl_status st = sl_core_instantiate(&f.thread, module_of(&f, text),
                                           &import, &out, &f.err);
        assert_int_equal(st, row[i].error[0] ? SL_EUNLINKABLE : SL_OK);
        assert_memory_equal(f.err.msg, row[i].error, strlen(row[i].error));
        fixture_close(&f);
    }
}

static void test_instantiate__unknown_import(void **state)
{
    (void)state;
    fixture f;
    fixture_open(&f, NULL);
    sl_core_extern nothing = {.kind = SL_CORE_FUNC};
    sl_core_instance *out;
    assert_int_equal(sl_core_instantiate(
                         &f.thread,
                         module_of(&f, "(module (import \"a\" \"b\" (func)))"),
                         &nothing, &out, &f.err),
                     SL_EUNLINKABLE);
    assert_memory_equal(f.err.msg, "unknown import", 14);
    fixture_close(&f);
}

/* "Instantiation": segments before the one that fails have taken effect. */
static void test_instantiate__keeps_effects_before_a_trap(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *error;
    } row[] = {
        {"(module (import \"\" \"m\" (memory 1))"
         " (import \"\" \"t\" (table 1 funcref))"
         " (func $f) (elem (i32.const 2) $f) (elem (i32.const 4) $f)"
         " (data (i32.const 0) \"a\"))",
         "out of bounds table access"},
        {"(module (import \"\" \"m\" (memory 1))"
         " (import \"\" \"t\" (table 1 funcref))"
         " (func $f) (elem (i32.const 2) $f)"
         " (data (i32.const 0) \"b\") (data (i32.const 65536) \"c\"))",
         "out of bounds memory access"},
        {"(module (import \"\" \"m\" (memory 1))"
         " (import \"\" \"t\" (table 1 funcref))"
         " (func $f unreachable) (elem (i32.const 2) $f)"
         " (data (i32.const 0) \"d\") (start $f))",
         "unreachable"},
    };
    fixture f;
    fixture_open(&f, NULL);
    sl_core_instance *p = instance_of(&f, provider_text, NULL), *out;
    sl_core_extern imports[] = {export_of(p, "m"), export_of(p, "t")};
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        sl_err err = {0};
        assert_int_equal(sl_core_instantiate(&f.thread,
                                             module_of(&f, row[i].text),
                                             imports, &out, &err),
                         SL_ETRAP);
        assert_string_equal(err.msg, row[i].error);
        assert_string_equal(f.trap.err.msg, row[i].error);
        assert_null(out);
        assert_non_null(imports[1].of.table->elems[2]);
    }
    assert_int_equal(imports[0].of.memory->base[0], 'd');
    fixture_close(&f);
}

static void test_instance__segments_are_dropped_once(void **state)
{
    (void)state;
    fixture f;
    fixture_open(&f, NULL);
    sl_core_instance *inst = instance_of(
        &f,
        "(module (memory 1) (data $d \"abcd\") (table 3 funcref) (func $f)"
        " (elem $e func $f $f)"
        " (func (export \"init\") (param i32) (result i32)"
        "  (memory.init $d (i32.const 8) (i32.const 1) (local.get 0))"
        "  (i32.load8_u (i32.const 9)))"
        " (func (export \"elems\") (param i32) (result i32)"
        "  (table.init $e (i32.const 1) (i32.const 0) (local.get 0))"
        "  (ref.is_null (table.get (i32.const 2))))"
        " (func (export \"drop\") (param i32) (data.drop $d)"
        "  (elem.drop $e)))",
        NULL);
    uint64_t none;
    expect(&f, inst, "init", 3, 0, 'c');
    expect_trap(&f, inst, "init", 4, "out of bounds memory access");
    expect(&f, inst, "elems", 2, 0, 0);
    expect_trap(&f, inst, "elems", 3, "out of bounds table access");
    assert_int_equal(call(&f, inst, "drop", 0, 0, &none), SL_OK);
    expect_trap(&f, inst, "init", 0, "out of bounds memory access");
    expect(&f, inst, "elems", 0, 0, 0);
    expect_trap(&f, inst, "elems", 1, "out of bounds table access");
    fixture_close(&f);
}

static void test_instance__many_memories(void **state)
{
    (void)state;
    fixture f;
    fixture_open(&f, NULL);
    sl_core_instance *inst = instance_of(
        &f,
        "(module (memory $a 1) (memory $b 1) (data (memory $b)"
        " (i32.const 4) \"\\ff\\fe\\00\\00\\00\\00\\00\\80\")"
        " (func (export \"go\") (param i32) (result i64)"
        "  (i64.store $a (i32.const 0) (i64.load $b (local.get 0)))"
        "  (i64.store16 $b (i32.const 16) (i64.const 0x1fff0))"
        "  (i64.add (i64.load16_s $b (i32.const 16))"
        "   (i64.load $a (i32.const 0))))"
        " (func (export \"sizes\") (param i32) (result i32)"
        "  (drop (memory.grow $b (i32.const 2)))"
        "  (memory.copy $a $b (i32.const 100) (i32.const 4) (i32.const 2))"
        "  (memory.fill $b (i32.const 131072) (i32.const 3) (i32.const 9))"
        "  (i32.add (i32.load8_u $a (i32.const 101))"
        "   (i32.add (i32.load8_s $b (i32.const 131080))"
        "    (i32.mul (memory.size $b) (i32.const 1000))))))",
        NULL);
    expect(&f, inst, "go", 4, 0, UINT64_C(0x800000000000feff) - 16);
    expect(&f, inst, "sizes", 0, 0, 3000 + 3 + 0xfe);
    expect_trap(&f, inst, "go", 3 * 65536 - 7, "out of bounds memory access");
    fixture_close(&f);
}

const struct CMUnitTest instance_tests[] = {
    cmocka_unit_test(test_instance__calls_across),
    cmocka_unit_test(test_instance__recursion_across_is_bounded),
    cmocka_unit_test(test_instantiate__checks_imports),
    cmocka_unit_test(test_instantiate__unknown_import),
    cmocka_unit_test(test_instantiate__keeps_effects_before_a_trap),
    cmocka_unit_test(test_instance__segments_are_dropped_once),
    cmocka_unit_test(test_instance__many_memories),
};
const size_t n_instance_tests = sizeof instance_tests / sizeof *instance_tests;
