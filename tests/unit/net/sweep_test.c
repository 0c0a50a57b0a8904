/* Every allocation of ours fails once, or from then on: an error or the right
 * bytes, nothing left behind. And what all tests together leave open. */
#include "check.h"

#include "fixture.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"

static sl_http_config sweep_config(void)
{
    sl_http_config c = test_config();
    c.retries = 1;
    c.authorization = "Secret x";
    c.authorization_origin = "http://127.0.0.1:1";
    return c;
}

static void check_err(const sl_err *err)
{
    if (err->code != SL_OK && err->code != SL_ENOMEM)
        fail_msg("another error: %s", err->msg);
}

/* Some reads, with a redirect, a retry and a connection used twice. */
static void read_somehow(void)
{
    sl_http_config c = sweep_config();
    sl_err err = {0};
    sl_http_free(http);
    http = sl_http_new(loop, &c, &err);
    check_err(&err);
    if (http == NULL)
        return;
    sl_http_object *o = sl_http_object_new(
        http, url_of("http", "/data?wrong=redirect&hops=1&x=%d", rand()),
        SL_HTTP_UNKNOWN, NULL, &err);
    check_err(&err);
    fetch f[4];
    for (size_t i = 0; i < 4; i++) {
        fetch_init(&f[i], i * i * 30000, 500);
        if (o == NULL || sl_http_read_start(o, &f[i].read, &err) != SL_OK)
            f[i].done = 1, f[i].err.code = SL_ENOMEM;
    }
    fetch_wait(f, 4);
    for (size_t i = 0; i < 4; i++) {
        check_err(&f[i].err);
        fetch_deinit(&f[i]);
    }
    sl_http_object_close(o);
}

static void read_source(void)
{
    sl_http_config c = sweep_config();
    sl_err err = {0};
    uint8_t bytes[100];
    sl_source *s = sl_source_http(
        url_of("http", "/data?wrong=redirect&hops=1&x=%d", rand()), &c, &err);
    check_err(&err);
    if (s == NULL)
        return;
    if (s->read_at(s, 200000, bytes, sizeof bytes, &err) == SL_OK)
        assert_true(is_data(bytes, 200000, sizeof bytes));
    check_err(&err);
    sl_source_unref(s);
}

static void sweep(void (*body)(void))
{
    for (int forever = 0; forever < 2; forever++) {
        size_t before = sl_alloc_count();
        body();
        size_t n = sl_alloc_count() - before;
        assert_in_range(n, 10, 1000);
        for (size_t i = 1; i <= n; i++) {
            sl_alloc_fail_at(i, forever);
            body();
            sl_alloc_fail_at(0, 0);
        }
    }
}

static void test_sweep__reads_on_the_loop(void **state)
{
    (void)state;
    need_origin();
    sweep(read_somehow);
}

static void test_sweep__sources(void **state)
{
    (void)state;
    need_origin();
    sweep(read_source);
}

static int open_files(void)
{
    DIR *dir = opendir("/proc/self/fd");
    int n = 0;
    if (dir == NULL)
        skip();
    while (readdir(dir) != NULL)
        n++;
    closedir(dir);
    return n;
}

/* The group before this one has had every kind of failure; nothing of it may
 * be open. */
static void test_sweep__no_descriptor_is_left(void **state)
{
    (void)state;
    need_origin();
    int before = 0;
    for (int i = 0; i < 3; i++) {
        assert_int_equal(open_http(NULL), 0);
        fetch f;
        sl_http_object *o =
            sl_http_object_new(http, url_of(i == 1 ? "https" : "http", "/data"),
                               DATA_SIZE, NULL, NULL);
        fetch_init(&f, 0, 100);
        fetch_start(&f, o);
        fetch_wait(&f, 1);
        fetch_deinit(&f);
        sl_http_object_close(o);
        assert_int_equal(close_http(NULL), 0);
        if (i == 0)
            before = open_files();
        assert_int_equal(open_files(), before);
    }
    /* 0, 1, 2, the origin's input; ".", ".." and the folder's own. */
    assert_in_range(before, 1, 20);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_http, close_http)
const struct CMUnitTest sweep_tests[] = {
    TEST(test_sweep__reads_on_the_loop),
    TEST(test_sweep__sources),
    cmocka_unit_test(test_sweep__no_descriptor_is_left),
};
const size_t n_sweep_tests = sizeof sweep_tests / sizeof sweep_tests[0];
