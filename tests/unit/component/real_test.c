/* Components as compilers make them: the directory that SLUICE_SHARED names, or
 * `shared` beside the project, has them in components/bin; without it these
 * tests are skipped. */
#include "bytes.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static bool find_bin(char *out, size_t cap)
{
    const char *shared = getenv("SLUICE_SHARED");
    snprintf(out, cap, "%s/components/bin",
             shared != NULL ? shared : SL_SHARED);
    return shared != NULL || access(out, R_OK) == 0;
}

typedef void visit_fn(const char *path, sl_source *source);

static void for_each(uint64_t max_size, visit_fn *visit)
{
    char dir[512], path[1024];
    if (!find_bin(dir, sizeof dir))
        skip();
    DIR *d = opendir(dir);
    assert_non_null(d);
    unsigned n = 0;
    for (struct dirent *e; (e = readdir(d)) != NULL;) {
        size_t len = strlen(e->d_name);
        if (len < 5 || strcmp(e->d_name + len - 5, ".wasm") != 0)
            continue;
        snprintf(path, sizeof path, "%s/%s", dir, e->d_name);
        sl_err err = {0};
        sl_source *source = sl_source_file(path, &err);
        assert_non_null(source);
        if (source->size <= max_size) {
            visit(path, source);
            n++;
        }
        sl_source_unref(source);
    }
    closedir(d);
    assert_true(n > 0);
}

static void visit_valid(const char *path, sl_source *source)
{
    sl_component_options options = {.features = ALL};
    sl_err err = {0};
    sl_component *c = sl_component_decode(source, &options, &err);
    if (c == NULL)
        print_error("%s: %s at %llu\n", path, err.msg,
                    (unsigned long long)err.at);
    assert_non_null(c);
    assert_true(c->n_defs > 0);
    sl_component_free(c);
}

static void test_real__components_validate(void **state)
{
    (void)state;
    for_each(UINT64_MAX, visit_valid);
}

static uint8_t *slurp(sl_source *source)
{
    sl_err err = {0};
    uint8_t *bytes = sl_malloc((size_t)source->size);
    assert_non_null(bytes);
    assert_int_equal(
        source->read_at(source, 0, bytes, (size_t)source->size, &err), SL_OK);
    return bytes;
}

/* A truncation ends between two sections, or is refused. Exact copies let the
 * sanitizer see a read behind the end. */
static void visit_truncated(const char *path, sl_source *source)
{
    (void)path;
    uint8_t *bytes = slurp(source);
    size_t step = source->size < 2000 ? 1 : 61;
    for (size_t len = 0; len < source->size; len += step) {
        sl_err err = {0};
        uint8_t *copy = sl_malloc(len + !len);
        memcpy(copy, bytes, len);
        sl_component *c = decode_bytes(copy, len, ALL, &err);
        assert_true((c != NULL) == (err.code == SL_OK));
        sl_component_free(c);
        sl_free(copy);
    }
    sl_free(bytes);
}

static void test_real__truncated_anywhere(void **state)
{
    (void)state;
    for_each(8000, visit_truncated);
}

static void visit_flipped(const char *path, sl_source *source)
{
    (void)path;
    static const uint8_t flips[] = {0x01, 0x80, 0xff, 0x7f, 0x40};
    uint8_t *bytes = slurp(source);
    size_t step = source->size < 2000 ? 1 : 23;
    for (size_t at = 0; at < source->size; at += step)
        for (size_t k = 0; k < sizeof flips; k++) {
            sl_err err = {0};
            bytes[at] ^= flips[k];
            sl_component *c =
                decode_bytes(bytes, (size_t)source->size, ALL, &err);
            assert_true((c != NULL) == (err.code == SL_OK));
            sl_component_free(c);
            bytes[at] ^= flips[k];
        }
    sl_free(bytes);
}

static void test_real__flipped_anywhere(void **state)
{
    (void)state;
    for_each(8000, visit_flipped);
}

/* The n-th allocation fails, for every n until none is left to fail. */
static void visit_starved(const char *path, sl_source *source)
{
    uint8_t *bytes = slurp(source);
    for (int forever = 0; forever < 2; forever++)
        for (size_t n = 1;; n++) {
            sl_err err = {0};
            sl_alloc_fail_at(n, forever);
            sl_component *c =
                decode_bytes(bytes, (size_t)source->size, ALL, &err);
            sl_alloc_fail_at(0, 0);
            bool done = c != NULL;
            if (!done && err.code != SL_ENOMEM)
                print_error("%s: allocation %zu: %s: %s\n", path, n,
                            sl_status_words(err.code), err.msg);
            if (!done)
                assert_int_equal(err.code, SL_ENOMEM);
            sl_component_free(c);
            if (done)
                break;
        }
    sl_free(bytes);
}

static void test_real__out_of_memory_anywhere(void **state)
{
    (void)state;
    for_each(2000, visit_starved);
}

const struct CMUnitTest real_tests[] = {
    cmocka_unit_test(test_real__components_validate),
    cmocka_unit_test(test_real__truncated_anywhere),
    cmocka_unit_test(test_real__flipped_anywhere),
    cmocka_unit_test(test_real__out_of_memory_anywhere),
};
const size_t n_real_tests = sizeof real_tests / sizeof *real_tests;
