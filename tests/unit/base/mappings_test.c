#include "check.h"

#include <string.h>
#include <sys/mman.h>

#include "base/mappings.h"

#define BYTES 65536

static sl_mapping map(size_t accessible)
{
    void *at = mmap(NULL, BYTES, PROT_NONE,
                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    assert_ptr_not_equal(at, MAP_FAILED);
    if (accessible != 0)
        assert_int_equal(mprotect(at, accessible, PROT_READ | PROT_WRITE), 0);
    return (sl_mapping){at, BYTES, accessible};
}

static void test_take__gives_what_was_given(void **state)
{
    (void)state;
    sl_mappings *m = sl_mappings_new();
    sl_mapping a = map(4096), b = map(8192), out;
    assert_non_null(m);
    assert_false(sl_mappings_take(m, SL_MAPPING_MEMORY, BYTES, 4096, &out));
    sl_mappings_give(m, SL_MAPPING_MEMORY, a);
    sl_mappings_give(m, SL_MAPPING_MEMORY, b);
    assert_false(sl_mappings_take(m, SL_MAPPING_STACK, BYTES, 0, &out));
    assert_false(sl_mappings_take(m, SL_MAPPING_MEMORY, 2 * BYTES, 0, &out));
    /* The one that fits, and then the other. */
    assert_true(sl_mappings_take(m, SL_MAPPING_MEMORY, BYTES, 4096, &out));
    assert_ptr_equal(out.base, a.base);
    sl_mappings_give(m, SL_MAPPING_MEMORY, out);
    assert_true(sl_mappings_take(m, SL_MAPPING_MEMORY, BYTES, 8192, &out));
    assert_ptr_equal(out.base, b.base);
    sl_mappings_give(m, SL_MAPPING_MEMORY, out);
    assert_true(sl_mappings_take(m, SL_MAPPING_MEMORY, BYTES, 123, &out));
    sl_mappings_give(m, SL_MAPPING_MEMORY, out);
    sl_mappings_free(m);
}

static void test_take__memory_reads_as_zeros(void **state)
{
    (void)state;
    sl_mappings *m = sl_mappings_new();
    sl_mapping a = map(8192), out;
    memset(a.base, 0x5a, 8192);
    sl_mappings_give(m, SL_MAPPING_MEMORY, a);
    assert_true(sl_mappings_take(m, SL_MAPPING_MEMORY, BYTES, 8192, &out));
    for (size_t i = 0; i < 8192; i++)
        assert_int_equal(((unsigned char *)out.base)[i], 0);
    sl_mappings_give(m, SL_MAPPING_MEMORY, out);
    sl_mappings_free(m);
}

static void test_give__unmaps_what_is_too_much(void **state)
{
    (void)state;
    sl_mappings *m = sl_mappings_new();
    unsigned n = 0;
    sl_mapping out;
    for (int i = 0; i < 200; i++)
        sl_mappings_give(m, SL_MAPPING_STACK, map(0));
    while (sl_mappings_take(m, SL_MAPPING_STACK, BYTES, 0, &out)) {
        assert_int_equal(munmap(out.base, out.bytes), 0);
        n++;
    }
    assert_in_range(n, 1, 199);
    sl_mappings_free(m);
}

static void test_none__is_no_pool(void **state)
{
    (void)state;
    sl_mapping out;
    assert_false(sl_mappings_take(NULL, SL_MAPPING_STACK, BYTES, 0, &out));
    sl_mappings_give(NULL, SL_MAPPING_STACK, map(0));
    sl_mappings_free(NULL);
}

const struct CMUnitTest mappings_tests[] = {
    cmocka_unit_test(test_take__gives_what_was_given),
    cmocka_unit_test(test_take__memory_reads_as_zeros),
    cmocka_unit_test(test_give__unmaps_what_is_too_much),
    cmocka_unit_test(test_none__is_no_pool),
};
const size_t n_mappings_tests = sizeof mappings_tests / sizeof *mappings_tests;
