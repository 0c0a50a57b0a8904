/* The blocking source. */
#include "check.h"

#include "fixture.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

static sl_source *open_source(const char *url)
{
    sl_http_config c = test_config();
    sl_err err = {0};
    sl_source *s = sl_source_http(url, &c, &err);
    assert_string_equal(err.msg, "");
    assert_non_null(s);
    return s;
}

static void read_some(sl_source *s, uint64_t at, size_t len)
{
    uint8_t *bytes = malloc(len + 1);
    sl_err err = {0};
    bytes[len] = 0xa5;
    assert_int_equal(s->read_at(s, at, bytes, len, &err), SL_OK);
    assert_true(is_data(bytes, at, len));
    assert_int_equal(bytes[len], 0xa5);
    free(bytes);
}

static void test_source__size_and_validator(void **state)
{
    static const struct {
        const char *path;
        uint64_t size;
    } row[] = {{"/data", DATA_SIZE},
               {"/big", BIG_SIZE},
               {"/one", 1},
               {"/empty", 0},
               {"/data?wrong=redirect&hops=3", DATA_SIZE},
               {"/data?wrong=whole-well&times=1", DATA_SIZE},
               {"/data?wrong=until-close", DATA_SIZE}};
    (void)state;
    need_origin();
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++)
        for (int tls = 0; tls < 2; tls++) {
            const char *url = url_of(tls ? "https" : "http", "%s", row[i].path);
            sl_source *s = open_source(url);
            assert_int_equal(s->size, row[i].size);
            assert_string_equal(s->url, url);
            assert_int_equal(s->fd, -1);
            assert_null(s->memory);
            if (row[i].size != 0)
                assert_int_equal(s->etag[0], '"');
            if (row[i].size > 100)
                read_some(s, row[i].size - 100, 100);
            sl_source_unref(s);
        }
}

/* Headers are read here and there, payloads are not: what is not touched is
 * not fetched, what is touched often is fetched once. */
static void test_source__few_requests(void **state)
{
    (void)state;
    need_origin();
    sl_source *s = open_source(url_of("http", "/big"));
    for (uint64_t at = 0; at < 60000; at += 100)
        read_some(s, at, 20);
    const char *log = origin_log();
    assert_int_equal(log_lines(log), 1);
    assert_string_equal(log_field(log, 0, 4), "bytes=0-65535");
    read_some(s, 2000000, 8); /* behind a payload */
    read_some(s, 2000100, 500);
    log = origin_log();
    assert_int_equal(log_lines(log), 1);
    assert_string_equal(log_field(log, 0, 4), "bytes=1966080-2031615");
    assert_string_equal(log_field(log, 0, 5), s->etag);
    read_some(s, 65536, 900000); /* long: in one piece, up to a block's end */
    read_some(s, 965536, 17504);
    read_some(s, 965000, 1000);
    log = origin_log();
    assert_int_equal(log_lines(log), 1);
    assert_string_equal(log_field(log, 0, 4), "bytes=65536-983039");
    read_some(s, BIG_SIZE - 200000, 199000); /* ... or the resource's */
    read_some(s, BIG_SIZE - 5000, 5000);
    log = origin_log();
    assert_int_equal(log_lines(log), 1);
    assert_string_equal(log_field(log, 0, 4), "bytes=2800000-2999999");
    read_some(s, 65530, 12); /* over the edge of two blocks */
    read_some(s, BIG_SIZE - 1, 1);
    read_some(s, BIG_SIZE, 0);
    log = origin_log();
    assert_int_equal(log_lines(log), 1);
    assert_string_equal(log_field(log, 0, 4), "bytes=65536-131071");
    assert_int_equal(sl_source_http_stats(s).requests, 5);
    sl_source_unref(s);
}

static void test_source__reads_beyond_the_end_fail(void **state)
{
    static const uint64_t row[][2] = {{DATA_SIZE, 1},
                                      {DATA_SIZE - 1, 2},
                                      {0, DATA_SIZE + 1},
                                      {UINT64_MAX, 1},
                                      {1, SIZE_MAX}};
    uint8_t byte;
    (void)state;
    need_origin();
    sl_source *s = open_source(url_of("http", "/data"));
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        sl_err err = {0};
        assert_int_equal(
            s->read_at(s, row[i][0], &byte, (size_t)row[i][1], &err), SL_EIO);
        assert_non_null(strstr(err.msg, "unexpected end"));
    }
    sl_source_unref(s);
}

static void test_source__opening_says_what_is_wrong(void **state)
{
    static const struct {
        const char *name, *path, *error;
    } row[] = {
        {"http", "/nothing", "HTTP 404"},
        {"http", "/data?wrong=status&code=503", "HTTP 503 (3 attempts)"},
        {"http", "/data?wrong=range-missing", "without a Content-Range"},
        {"http", "/data?wrong=range-earlier", "Content-Range"},
        {"http", "/data?wrong=range-shorter", "Content-Range"},
        {"http", "/data?wrong=range-without-total", "the whole size"},
        {"http", "/data?wrong=encoding-gzip", "encoded"},
        {"http", "/data?wrong=whole-long", "tell its size"},
        {"http", "/data?wrong=redirect-loop", "redirects"},
        {"http", "/data?wrong=header-bomb", "64 KiB"},
        {"http", "/data?wrong=stall-head", "no answer within 150 ms"},
        {"http", "/data?wrong=stall-at&at=9", "slower than"},
        {"http", "/data?wrong=chunked-endless", "longer than"},
        {"http", "/data?wrong=if-range-ignored&at=100", "has changed"},
        {"https-self", "/data", "certificate verify failed"},
        {"https-expired", "/data", "certificate verify failed"},
        {"https-elsewhere", "/data", "certificate verify failed"},
        {"https", "/data?wrong=redirect-to&to={http}/data", "https to http"},
    };
    (void)state;
    need_origin();
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        bool slow = strstr(row[i].path, "stall") != NULL;
        sl_http_config c = slow ? quick_config() : test_config();
        sl_err err = {0};
        assert_null(
            sl_source_http(url_of(row[i].name, "%s", row[i].path), &c, &err));
        if (err.code != SL_EIO || strstr(err.msg, row[i].error) == NULL)
            fail_msg("%s: %s", row[i].path, err.msg);
    }
    sl_err err = {0};
    assert_null(sl_source_http("http://127.0.0.1:1/", NULL, &err));
    assert_int_equal(err.code, SL_EINVALID); /* not public: the default */
}

/* However many retries there might be. */
static void test_source__time_is_bounded(void **state)
{
    (void)state;
    need_origin();
    sl_http_config c = test_config();
    sl_err err = {0};
    c.retries = 1000;
    c.retry_delay_ms = 20;
    c.total_ms = 200;
    uint64_t before = sl_loop_now_ns();
    assert_null(sl_source_http(url_of("http", "/data?wrong=status&code=503"),
                               &c, &err));
    assert_in_range((sl_loop_now_ns() - before) / 1000000, 0, 5000);
    assert_non_null(strstr(err.msg, "HTTP 503"));
}

/* Goes on where it broke off. */
static void test_source__resumes(void **state)
{
    (void)state;
    need_origin();
    sl_source *s = open_source(url_of("http", "/big?wrong=close-at&at=300000"));
    read_some(s, 100000, 2000000);
    const char *log = origin_log();
    assert_int_equal(log_lines(log), 8);
    assert_string_equal(log_field(log, 2, 4), "bytes=400000-2162687");
    assert_string_equal(log_field(log, 2, 5), s->etag);
    sl_source_unref(s);
}

static void test_source__a_change_is_seen(void **state)
{
    uint8_t bytes[100];
    sl_err err = {0};
    (void)state;
    need_origin();
    sl_source *s = open_source(url_of("http", "/data?wrong=etag-changes"));
    read_some(s, 10, 100); /* of the first block */
    assert_int_equal(s->read_at(s, 200000, bytes, 100, &err), SL_EIO);
    assert_non_null(strstr(err.msg, "has changed"));
    sl_source_unref(s);
}

static void *read_many(void *arg)
{
    sl_source *s = arg;
    uint8_t bytes[3000];
    for (uint64_t i = 0; i < 60; i++) {
        uint64_t at = i * 48611 % (BIG_SIZE - sizeof bytes);
        if (s->read_at(s, at, bytes, sizeof bytes, NULL) != SL_OK ||
            !is_data(bytes, at, sizeof bytes))
            return arg;
    }
    return NULL;
}

static void test_source__from_several_threads(void **state)
{
    pthread_t thread[4];
    (void)state;
    need_origin();
    sl_source *s = open_source(url_of("https", "/big"));
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&thread[i], NULL, read_many, s), 0);
    for (int i = 0; i < 4; i++) {
        void *failed = NULL;
        pthread_join(thread[i], &failed);
        assert_null(failed);
    }
    sl_source_unref(s);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_http, close_http)
const struct CMUnitTest source_tests[] = {
    TEST(test_source__size_and_validator),
    TEST(test_source__few_requests),
    TEST(test_source__reads_beyond_the_end_fail),
    TEST(test_source__opening_says_what_is_wrong),
    TEST(test_source__time_is_bounded),
    TEST(test_source__resumes),
    TEST(test_source__a_change_is_seen),
    TEST(test_source__from_several_threads),
};
const size_t n_source_tests = sizeof source_tests / sizeof source_tests[0];
