#include "fixture.h"

#include <stdio.h>

#define GIB (UINT64_C(1) << 30)

/* Every load and store in a 64-bit memory does what it does in a 32-bit one. */
static void test_accesses__agree_with_32_bits(void **state)
{
    (void)state;
    static const char *const loads[][2] = {
        {"i32.load", "i32"},     {"i64.load", "i64"},
        {"f32.load", "f32"},     {"f64.load", "f64"},
        {"i32.load8_s", "i32"},  {"i32.load8_u", "i32"},
        {"i32.load16_s", "i32"}, {"i32.load16_u", "i32"},
        {"i64.load8_s", "i64"},  {"i64.load8_u", "i64"},
        {"i64.load16_s", "i64"}, {"i64.load16_u", "i64"},
        {"i64.load32_s", "i64"}, {"i64.load32_u", "i64"}};
    static const char *const stores[][2] = {
        {"i32.store", "i32"},   {"i64.store", "i64"},
        {"f32.store", "f32"},   {"f64.store", "f64"},
        {"i32.store8", "i32"},  {"i32.store16", "i32"},
        {"i64.store8", "i64"},  {"i64.store16", "i64"},
        {"i64.store32", "i64"}};
    enum { LOADS = 14, STORES = 9 };
    for (unsigned l = 0; l < LOADS; l++) {
        const char *op = stores[l % STORES][0], *type = stores[l % STORES][1];
        char text[1024];
        fixture f;
        fixture_open(&f, NULL);
        snprintf(text, sizeof text,
                 "(module (memory i64 1) (memory 1)"
                 " (func (export \"wide\") (param i64 %s) (result %s)"
                 "  (%s offset=9 (local.get 0) (local.get 1))"
                 "  (%s offset=9 (local.get 0)))"
                 " (func (export \"narrow\") (param i64 %s) (result %s)"
                 "  (%s 1 offset=9 (i32.wrap_i64 (local.get 0))"
                 "   (local.get 1))"
                 "  (%s 1 offset=9 (i32.wrap_i64 (local.get 0)))))",
                 type, loads[l][1], op, loads[l][0], type, loads[l][1], op,
                 loads[l][0]);
        sl_core_instance *inst = instance_of(&f, text, NULL);
        uint64_t wide = 0, narrow = 1, value = UINT64_C(0x8fedcba987f5b3c1);
        assert_int_equal(call(&f, inst, "wide", 100, value, &wide), SL_OK);
        assert_int_equal(call(&f, inst, "narrow", 100, value, &narrow), SL_OK);
        assert_true(wide == narrow && wide != 0);
        fixture_close(&f);
    }
}

/* Sums that leave 64 bits or the memory trap, at every bound. */
static void test_bounds__are_of_64_bits(void **state)
{
    (void)state;
    fixture f;
    fixture_open(&f, NULL);
    sl_core_instance *inst = instance_of(&f,
        "(module (memory i64 1) (memory $empty i64 0)"
        " (data (i64.const 65528) \"\\01\\02\\03\\04\\05\\06\\07\\08\")"
        " (func (export \"load\") (param i64) (result i64)"
        "  (i64.load (local.get 0)))"
        " (func (export \"near\") (param i64) (result i64)"
        "  (i64.load offset=65528 (local.get 0)))"
        " (func (export \"far\") (param i64) (result i32)"
        "  (i32.load8_u offset=0xffffffffffff0000 (local.get 0)))"
        " (func (export \"store\") (param i64)"
        "  (i64.store8 offset=0x100000000 (local.get 0) (i64.const 1)))"
        " (func (export \"empty\") (param i64) (result i32)"
        "  (i32.load8_u $empty (local.get 0))))", NULL);
    uint64_t all = UINT64_C(0x0807060504030201);
    expect(&f, inst, "load", 65528, 0, all);
    expect(&f, inst, "near", 0, 0, all);
    static const uint64_t outside[] = {
        65529, 65535, 65536, UINT32_MAX, UINT64_C(1) << 32,
        UINT64_C(0x10000fff8), UINT64_MAX - 8, UINT64_MAX - 7, UINT64_MAX};
    for (size_t i = 0; i < sizeof outside / sizeof *outside; i++) {
        expect_trap(&f, inst, "load", outside[i],
                    "out of bounds memory access");
        expect_trap(&f, inst, "near", outside[i],
                    "out of bounds memory access");
        expect_trap(&f, inst, "far", outside[i],
                    "out of bounds memory access");
        expect_trap(&f, inst, "store", outside[i],
                    "out of bounds memory access");
        expect_trap(&f, inst, "empty", outside[i],
                    "out of bounds memory access");
    }
    expect_trap(&f, inst, "far", 65536, "out of bounds memory access");
    expect_trap(&f, inst, "empty", 0, "out of bounds memory access");
    expect_trap(&f, inst, "store", 0, "out of bounds memory access");
    fixture_close(&f);
}

/* Beyond 4 GiB: grown to, written, read, filled and copied. */
static void test_memory__reaches_beyond_4_gib(void **state)
{
    (void)state;
    fixture f;
    fixture_open(&f, NULL);
    sl_core_instance *inst = instance_of(&f,
        "(module (memory i64 1) (data $d \"xyz\")"
        " (func (export \"grow\") (param i64) (result i64)"
        "  (memory.grow (local.get 0)))"
        " (func (export \"size\") (result i64) (memory.size))"
        " (func (export \"put\") (param i64 i64) (result i64)"
        "  (i64.store offset=0x100000000 (local.get 0) (local.get 1))"
        "  (i64.load (i64.add (local.get 0) (i64.const 0x100000000))))"
        " (func (export \"fill\") (param i64 i64)"
        "  (memory.fill (local.get 0) (i32.const 7) (local.get 1)))"
        " (func (export \"copy\") (param i64 i64)"
        "  (memory.copy (local.get 0) (local.get 1) (i64.const 16)))"
        " (func (export \"init\") (param i64)"
        "  (memory.init $d (local.get 0) (i32.const 1) (i32.const 2)))"
        " (func (export \"get\") (param i64) (result i64)"
        "  (i64.load (local.get 0))))", NULL);
    uint64_t none;
    expect(&f, inst, "grow", UINT64_C(1) << 48, 0, UINT64_MAX);
    expect(&f, inst, "grow", SL_MEMORY64_PAGES, 0, UINT64_MAX);
    expect(&f, inst, "grow", UINT64_MAX, 0, UINT64_MAX);
    expect(&f, inst, "grow", 5 * GIB / 65536, 0, 1);
    expect(&f, inst, "size", 0, 0, 5 * GIB / 65536 + 1);
    expect(&f, inst, "put", 40, UINT64_C(0x1122334455667788),
           UINT64_C(0x1122334455667788));
    assert_int_equal(call(&f, inst, "fill", 4 * GIB + 100, 8, &none), SL_OK);
    expect(&f, inst, "get", 4 * GIB + 100, 0, UINT64_C(0x0707070707070707));
    assert_int_equal(call(&f, inst, "copy", 16, 4 * GIB + 40, &none), SL_OK);
    expect(&f, inst, "get", 16, 0, UINT64_C(0x1122334455667788));
    assert_int_equal(call(&f, inst, "init", 4 * GIB + 200, 0, &none), SL_OK);
    expect(&f, inst, "get", 4 * GIB + 200, 0, 0x7a79);
    uint64_t end = 5 * GIB + 65536;
    assert_int_equal(call(&f, inst, "fill", end, 0, &none), SL_OK);
    assert_int_equal(call(&f, inst, "fill", end - 1, 2, &none), SL_ETRAP);
    assert_int_equal(call(&f, inst, "fill", 1, UINT64_MAX, &none), SL_ETRAP);
    assert_int_equal(call(&f, inst, "copy", end - 15, 0, &none), SL_ETRAP);
    assert_int_equal(call(&f, inst, "copy", 0, UINT64_MAX - 7, &none),
                     SL_ETRAP);
    expect_trap(&f, inst, "init", end - 1, "out of bounds memory access");
    fixture_close(&f);
}

/* Where a huge page could: so that the kernel's large pages of a file stay so
 * when it is mapped into a memory. */
static void test_memory__begins_on_a_boundary(void **state)
{
    (void)state;
    fixture f;
    fixture_open(&f, NULL);
    sl_memtype one = {.limits = {.min = 1}};
    for (int i = 0; i < 4; i++) {
        sl_memory *memory = sl_memory_new(f.store, one, &f.err);
        assert_non_null(memory);
        assert_int_equal((uintptr_t)memory->base % (2 << 20), 0);
        memory->base[65535] = 1;
    }
    fixture_close(&f);
}

static void test_memory__is_capped(void **state)
{
    (void)state;
    static const sl_core_limits limits = {.memory_pages = UINT64_MAX,
                                          .memory_bytes = UINT64_MAX,
                                          .table_elems = UINT64_MAX,
                                          .memory64_pages = 10};
    fixture f;
    fixture_open(&f, &limits);
    sl_memory *memory = sl_memory_new(
        f.store, (sl_memtype){{.min = 2, .is64 = true}}, &f.err);
    assert_non_null(memory);
    assert_int_equal(memory->reserved, 10 * 65536);
    assert_int_equal(sl_memory_grow(f.store, memory, 8), 2);
    assert_int_equal(sl_memory_grow(f.store, memory, 1), -1);
    assert_null(sl_memory_new(f.store,
                              (sl_memtype){{.min = 11, .is64 = true}}, &f.err));
    assert_int_equal(f.err.code, SL_ELIMIT);
    f.err = (sl_err){0};
    sl_limits shared = {.min = 1, .max = 1, .has_max = true, .shared = true};
    assert_null(sl_memory_new(f.store, (sl_memtype){shared}, &f.err));
    assert_int_equal(f.err.code, SL_EUNSUPPORTED);
    fixture_close(&f);
}

static void test_tables__have_64_bit_indices(void **state)
{
    (void)state;
    fixture f;
    fixture_open(&f, NULL);
    sl_core_instance *inst = instance_of(&f,
        "(module (type $t (func (result i64)))"
        " (table $t i64 3 funcref) (table $s 2 funcref)"
        " (elem (table $t) (i64.const 1) func $f)"
        " (elem $e func $f)"
        " (func $f (type $t) (i64.const 77))"
        " (func (export \"call\") (param i64) (result i64)"
        "  (call_indirect $t (type $t) (local.get 0)))"
        " (func (export \"tail\") (param i64) (result i64)"
        "  (return_call_indirect $t (type $t) (local.get 0)))"
        " (func (export \"constant\") (result i64)"
        "  (call_indirect $t (type $t) (i64.const 1)))"
        " (func (export \"null\") (param i64) (result i32)"
        "  (ref.is_null (table.get $t (local.get 0))))"
        " (func (export \"set\") (param i64)"
        "  (table.set $t (local.get 0) (ref.func $f)))"
        " (func (export \"grow\") (param i64) (result i64)"
        "  (table.grow $t (ref.func $f) (local.get 0)))"
        " (func (export \"size\") (result i64) (table.size $t))"
        " (func (export \"fill\") (param i64 i64)"
        "  (table.fill $t (local.get 0) (ref.null func) (local.get 1)))"
        " (func (export \"init\") (param i64)"
        "  (table.init $t $e (local.get 0) (i32.const 0) (i32.const 1)))"
        " (func (export \"copy\") (param i64 i64)"
        "  (table.copy $t $t (local.get 0) (local.get 1) (i64.const 1)))"
        " (func (export \"mixed\") (param i64)"
        "  (table.copy $t $s (local.get 0) (i32.const 0) (i32.const 1))))",
        NULL);
    uint64_t none, far = (UINT64_C(1) << 32) + 1;
    expect(&f, inst, "call", 1, 0, 77);
    expect(&f, inst, "tail", 1, 0, 77);
    expect(&f, inst, "constant", 0, 0, 77);
    expect_trap(&f, inst, "call", 0, "uninitialized element");
    expect_trap(&f, inst, "call", far, "undefined element");
    expect_trap(&f, inst, "tail", far, "undefined element");
    expect_trap(&f, inst, "call", UINT64_MAX, "undefined element");
    expect_trap(&f, inst, "null", far, "out of bounds table access");
    expect_trap(&f, inst, "set", far, "out of bounds table access");
    expect_trap(&f, inst, "init", far, "out of bounds table access");
    expect_trap(&f, inst, "init", 3, "out of bounds table access");
    expect_trap(&f, inst, "mixed", far, "out of bounds table access");
    expect(&f, inst, "grow", UINT64_MAX, 0, UINT64_MAX);
    expect(&f, inst, "grow", far, 0, UINT64_MAX);
    expect(&f, inst, "grow", 2, 0, 3);
    expect(&f, inst, "size", 0, 0, 5);
    expect(&f, inst, "null", 4, 0, 0);
    assert_int_equal(call(&f, inst, "fill", 3, 2, &none), SL_OK);
    expect(&f, inst, "null", 4, 0, 1);
    assert_int_equal(call(&f, inst, "fill", 3, UINT64_MAX, &none), SL_ETRAP);
    assert_int_equal(call(&f, inst, "copy", 4, 1, &none), SL_OK);
    expect(&f, inst, "null", 4, 0, 0);
    assert_int_equal(call(&f, inst, "copy", 0, far, &none), SL_ETRAP);
    assert_int_equal(call(&f, inst, "mixed", 4, 0, &none), SL_OK);
    expect(&f, inst, "null", 4, 0, 1);
    assert_int_equal(call(&f, inst, "init", 2, 0, &none), SL_OK);
    expect(&f, inst, "call", 2, 0, 77);
    assert_int_equal(call(&f, inst, "set", 0, 0, &none), SL_OK);
    expect(&f, inst, "call", 0, 0, 77);
    fixture_close(&f);
}

const struct CMUnitTest memory64_tests[] = {
    cmocka_unit_test(test_accesses__agree_with_32_bits),
    cmocka_unit_test(test_bounds__are_of_64_bits),
    cmocka_unit_test(test_memory__reaches_beyond_4_gib),
    cmocka_unit_test(test_memory__begins_on_a_boundary),
    cmocka_unit_test(test_memory__is_capped),
    cmocka_unit_test(test_tables__have_64_bit_indices),
};
const size_t n_memory64_tests = sizeof memory64_tests / sizeof *memory64_tests;
