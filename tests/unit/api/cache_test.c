/* include/sluice/cache.h. */
#include "check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "data/disk.h"
#include "sluice/sluice.h"

/* SHA-256 of "abc" (FIPS 180-4). */
static const char abc[] =
    "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

typedef struct seen {
    int n;
    sluice_cache_entry last;
} seen;

static void visit(void *arg, const sluice_cache_entry *entry)
{
    seen *s = arg;
    s->n++;
    s->last = *entry;
}

static void make_dir(char dir[64])
{
    strcpy(dir, "/tmp/sluice-api-XXXXXX");
    assert_non_null(mkdtemp(dir));
    sl_disk *disk = sl_disk_open(dir, 0, 0, NULL);
    assert_true(sl_disk_put(disk, NULL, "abc", 3, NULL));
    sl_disk_unref(disk);
}

static void remove_dir(const char *dir)
{
    char command[128];
    snprintf(command, sizeof command, "rm -rf %s", dir);
    assert_int_equal(system(command), 0);
}

static void test_cache__list_verify_and_clear(void **state)
{
    (void)state;
    char dir[64], path[256];
    seen s = {0};
    sluice_cache_report report;
    sluice_error error = {0};
    make_dir(dir);
    sluice_cache *cache = sluice_cache_open(dir, 0, &error);
    assert_non_null(cache);
    assert_string_equal(sluice_cache_dir(cache), dir);
    assert_int_equal(sluice_cache_list(cache, visit, &s, &report, &error), 0);
    assert_int_equal(s.n, 1);
    assert_string_equal(s.last.digest, abc);
    assert_int_equal(s.last.size, 3);
    assert_int_equal(report.chunks, 1);
    assert_int_equal(report.bytes, 3);
    assert_int_equal(report.urls + report.bad, 0);
    assert_int_equal(sluice_cache_list(cache, NULL, NULL, NULL, NULL), 0);
    assert_int_equal(sluice_cache_verify(cache, visit, &s, &report, NULL), 0);
    assert_int_equal(s.n, 1); /* nothing is bad */
    assert_int_equal(report.chunks, 1);
    snprintf(path, sizeof path, "%s/v1/ba/%s", dir, abc);
    assert_int_equal(truncate(path, 66), 0);
    assert_int_equal(sluice_cache_verify(cache, visit, &s, &report, NULL), 0);
    assert_int_equal(s.n, 2);
    assert_string_equal(s.last.digest, abc);
    assert_int_equal(report.chunks, 0);
    assert_int_equal(report.bad, 1);
    assert_int_equal(sluice_cache_verify(cache, NULL, NULL, NULL, NULL), 0);
    assert_int_equal(sluice_cache_clear(cache, &report, NULL), 0);
    assert_int_equal(report.chunks + report.bad, 0);
    sluice_cache_free(cache);
    remove_dir(dir);
}

static void test_cache__a_directory_that_cannot_be_used(void **state)
{
    (void)state;
    char dir[64];
    sluice_cache_report report = {.chunks = 9};
    make_dir(dir);
    assert_int_equal(chmod(dir, 0755), 0);
    sluice_cache *cache = sluice_cache_open(dir, 0, NULL);
    for (int i = 0; i < 2; i++) { /* said each time */
        sluice_error error = {0};
        assert_int_equal(sluice_cache_list(cache, NULL, NULL, &report, &error),
                         SLUICE_EIO);
        assert_int_equal(error.status, SLUICE_EIO);
        assert_non_null(strstr(error.message, "not this user's alone"));
        assert_int_equal(report.chunks, 0);
    }
    assert_int_equal(sluice_cache_verify(cache, NULL, NULL, NULL, NULL),
                     SLUICE_EIO);
    assert_int_equal(sluice_cache_clear(cache, NULL, NULL), SLUICE_EIO);
    sluice_cache_free(cache);
    remove_dir(dir);
}

static void test_cache__memory_may_run_out_anywhere(void **state)
{
    (void)state;
    char dir[64];
    make_dir(dir);
    for (size_t n = 1, used = n; used >= n; n++) {
        sluice_error error = {0};
        seen s = {0};
        size_t before = sl_alloc_count();
        sl_alloc_fail_at(n, 0);
        sluice_cache *cache = sluice_cache_open(dir, 0, &error);
        sluice_status status = SLUICE_ENOMEM;
        if (cache == NULL)
            assert_int_equal(error.status, SLUICE_ENOMEM);
        else
            status = sluice_cache_list(cache, visit, &s, NULL, &error);
        sl_alloc_fail_at(0, 0);
        used = sl_alloc_count() - before;
        assert_int_equal(s.n, status == SLUICE_OK);
        sluice_cache_free(cache);
        assert_true(n < 100);
    }
    remove_dir(dir);
}

const struct CMUnitTest cache_tests[] = {
    cmocka_unit_test(test_cache__list_verify_and_clear),
    cmocka_unit_test(test_cache__a_directory_that_cannot_be_used),
    cmocka_unit_test(test_cache__memory_may_run_out_anywhere),
};
const size_t n_cache_tests = sizeof cache_tests / sizeof *cache_tests;
