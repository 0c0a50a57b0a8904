/* HTTP/2, where nghttpx is there to speak it in front of the origin. */
#include "check.h"

#include "fixture.h"

#include <string.h>

static int open_h2(void **state)
{
    static bool tried, there;
    if (!tried) {
        tried = true;
        there = origin_ready() && start_h2();
    }
    if (!there) {
        print_message("skipped: nghttpx is missing\n");
        return open_http(NULL);
    }
    *state = &there;
    return open_http(NULL);
}

static void need_h2(void **state)
{
    need_origin();
    if (*state == NULL)
        skip();
}

static sl_http_object *open_object(const char *url)
{
    sl_err err = {0};
    sl_http_object *o = sl_http_object_new(http, url, BIG_SIZE, NULL, &err);
    assert_string_equal(err.msg, "");
    return o;
}

static void read_one(sl_http_object *o, uint64_t at, size_t len,
                     const char *error)
{
    fetch f;
    fetch_init(&f, at, len);
    fetch_start(&f, o);
    fetch_wait(&f, 1);
    if (strstr(f.err.msg, error) == NULL ||
        (error[0] == '\0') != (f.err.code == SL_OK))
        fail_msg("%s: %s", sl_http_object_url(o), f.err.msg);
    fetch_deinit(&f);
}

static void test_http2__many_reads_over_one_connection(void **state)
{
    fetch f[40];
    int requests = 0, connections = 0, parallel = 0;
    need_h2(state);
    sl_http_object *o = open_object(url_of("h2", "/big?latency=40"));
    read_one(o, 0, BIG_SIZE, "");
    origin_log();
    for (size_t i = 0; i < 40; i++) {
        fetch_init(&f[i], i * 50000, 100);
        fetch_start(&f[i], o);
    }
    fetch_wait(f, 40);
    for (size_t i = 0; i < 40; i++) {
        assert_string_equal(f[i].err.msg, "");
        fetch_deinit(&f[i]);
    }
    origin_stats(&requests, &connections, &parallel);
    assert_int_equal(requests, 40);
    assert_in_range(parallel, 7, 32); /* more than connections may be */
    assert_int_equal(sl_http_stats_of(http)->retries, 0);
    sl_http_object_close(o);
}

static void test_http2__wrong_answers(void **state)
{
    static const struct {
        const char *kind, *error;
    } row[] = {
        {"range-earlier", "Content-Range"},
        {"range-missing", "without a Content-Range"},
        {"range-twice", "Content-Range"},
        {"range-without-total", "the whole size"},
        {"range-total-more", "3000001 bytes instead"},
        {"whole-well", "ignores ranges"},
        {"chunked-short&at=10", "the body ends at"},
        {"chunked-long", "longer than"},
        {"until-close", ""},
        {"reset-at&at=100&times=1", ""},
        {"reset-at&at=100", "3 attempts"},
        {"encoding-gzip", "encoded"},
        {"status&code=404", "HTTP 404"},
        {"status&code=503", "HTTP 503"},
        {"redirect&hops=3", ""},
        {"redirect-loop", "redirects"},
        {"early-hints", ""},
    };
    need_h2(state);
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        sl_http_object *o =
            open_object(url_of("h2", "/big?wrong=%s", row[i].kind));
        read_one(o, 1000, 1000, row[i].error);
        sl_http_object_close(o);
    }
}

/* A cancelled request ends alone; the connection and the others go on. */
static void test_http2__cancelling_leaves_the_others(void **state)
{
    fetch f[8];
    need_h2(state);
    sl_http_object *o = open_object(url_of("h2", "/big?latency=30"));
    read_one(o, 0, 10, "");
    for (size_t i = 0; i < 8; i++) {
        fetch_init(&f[i], i * 300000, 200000);
        fetch_start(&f[i], o);
    }
    run_for(35);
    for (size_t i = 0; i < 8; i += 2)
        sl_http_read_cancel(&f[i].read);
    for (size_t i = 1; i < 8; i += 2) {
        fetch_wait(&f[i], 1);
        assert_string_equal(f[i].err.msg, "");
    }
    for (size_t i = 0; i < 8; i++)
        fetch_deinit(&f[i]);
    read_one(o, 5, 10, "");
    assert_int_equal(sl_http_stats_of(http)->retries, 0);
    sl_http_object_close(o);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_h2, close_http)
const struct CMUnitTest http2_tests[] = {
    TEST(test_http2__many_reads_over_one_connection),
    TEST(test_http2__wrong_answers),
    TEST(test_http2__cancelling_leaves_the_others),
};
const size_t n_http2_tests = sizeof http2_tests / sizeof http2_tests[0];
