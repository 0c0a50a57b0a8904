/* Reads over a good origin: how they become requests, in which order, and what
 * cancelling does. The origin's log is the witness. */
#include "check.h"

#include "fixture.h"

#include <stdlib.h>
#include <string.h>

static sl_http_object *open_object(const char *url, uint64_t size)
{
    sl_err err = {0};
    sl_http_object *o = sl_http_object_new(http, url, size, NULL, &err);
    assert_string_equal(err.msg, "");
    assert_non_null(o);
    return o;
}

/* Connections since the log was cleared, without that of the statistics. */
static int connections_made(void)
{
    int requests = 0, connections = 0, parallel = 0;
    origin_stats(&requests, &connections, &parallel);
    return connections - 1;
}

/* Starts reads of [at, len) pairs in one turn and waits for all. */
static void read_all(sl_http_object *o, const uint64_t (*ranges)[2], size_t n)
{
    fetch f[16];
    for (size_t i = 0; i < n; i++) {
        fetch_init(&f[i], ranges[i][0], (size_t)ranges[i][1]);
        fetch_start(&f[i], o);
    }
    fetch_wait(f, n);
    for (size_t i = 0; i < n; i++) {
        assert_string_equal(f[i].err.msg, "");
        fetch_deinit(&f[i]);
    }
}

static void test_read__ranges_arrive(void **state)
{
    static const uint64_t ranges[][2] = {
        {0, 1},         {0, 100},           {1, 1},
        {16383, 2},     {65535, 65538},     {DATA_SIZE - 1, 1},
        {0, DATA_SIZE}, {DATA_SIZE - 7, 7}, {12345, 200000}};
    (void)state;
    need_origin();
    for (int known = 0; known < 2; known++)
        for (size_t i = 0; i < sizeof ranges / sizeof ranges[0]; i++)
            for (int tls = 0; tls < 2; tls++) {
                sl_http_object *o =
                    open_object(url_of(tls ? "https" : "http", "/data"),
                                known ? DATA_SIZE : SL_HTTP_UNKNOWN);
                read_all(o, &ranges[i], 1);
                assert_int_equal(sl_http_object_size(o), DATA_SIZE);
                assert_int_equal(sl_http_object_validator(o)[0], '"');
                sl_http_object_close(o);
            }
    assert_true(sl_http_stats_of(http)->bytes > 4 * DATA_SIZE);
}

static void test_read__asks_for_identity_and_the_same_version(void **state)
{
    static const uint64_t range[2] = {10, 20};
    (void)state;
    need_origin();
    sl_http_object *o = open_object(url_of("http", "/data"), DATA_SIZE);
    read_all(o, &range, 1);
    read_all(o, &range, 1);
    const char *log = origin_log();
    assert_string_equal(log_field(log, 0, 4), "bytes=10-29");
    assert_string_equal(log_field(log, 0, 5), "-");
    assert_string_equal(log_field(log, 0, 7), "identity");
    assert_string_equal(log_field(log, 1, 5), sl_http_object_validator(o));
    sl_http_object_close(o);
    o = open_object(url_of("http", "/data?wrong=modified-once"), DATA_SIZE);
    read_all(o, &range, 1);
    read_all(o, &range, 1);
    log = origin_log();
    assert_string_equal(log_field(log, 1, 5), "Wed, 01 Jul 2026 10:00:00 GMT");
    sl_http_object_close(o);
}

/* A weak ETag is compared, but does not do for If-Range (RFC 9110, 13.1.5). */
static void test_read__weak_validators_are_not_sent(void **state)
{
    static const uint64_t range[2] = {10, 20};
    (void)state;
    need_origin();
    sl_http_object *o =
        open_object(url_of("http", "/data?wrong=etag-weak"), DATA_SIZE);
    read_all(o, &range, 1);
    read_all(o, &range, 1);
    const char *log = origin_log();
    assert_int_equal(log_lines(log), 2);
    assert_string_equal(log_field(log, 1, 5), "-");
    sl_http_object_close(o);
}

/* Where a bad answer ends is not known: its connection is not used again. */
static void test_read__bad_answers_end_their_connection(void **state)
{
    (void)state;
    need_origin();
    sl_http_object *o = open_object(
        url_of("http", "/data?wrong=range-missing&times=1"), DATA_SIZE);
    for (int i = 0; i < 2; i++) {
        fetch f;
        fetch_init(&f, 10, 100);
        fetch_start(&f, o);
        fetch_wait(&f, 1);
        assert_int_equal(f.err.code, i == 0 ? SL_EIO : SL_OK);
        fetch_deinit(&f);
    }
    const char *log = origin_log();
    assert_int_equal(log_lines(log), 2);
    assert_string_not_equal(log_field(log, 0, 0), log_field(log, 1, 0));
    sl_http_object_close(o);
}

static void test_read__the_size_alone(void **state)
{
    static const struct {
        const char *path;
        uint64_t size;
    } row[] = {{"/data", DATA_SIZE}, {"/empty", 0}, {"/one", 1}};
    (void)state;
    need_origin();
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        const uint64_t nothing[2] = {0, 0};
        sl_http_object *o =
            open_object(url_of("http", "%s", row[i].path), SL_HTTP_UNKNOWN);
        assert_true(sl_http_object_size(o) == SL_HTTP_UNKNOWN);
        read_all(o, &nothing, 1);
        assert_int_equal(sl_http_object_size(o), row[i].size);
        int before = (int)sl_http_stats_of(http)->requests;
        read_all(o, &nothing, 1); /* known: no request */
        assert_int_equal(sl_http_stats_of(http)->requests, before);
        sl_http_object_close(o);
    }
    assert_int_equal(connections_made(), 1); /* used again and again */
}

/* Nothing is left behind an answer that is right, over TLS either. */
static void test_read__uses_a_connection_again(void **state)
{
    static const char *const names[] = {"http", "https"};
    (void)state;
    need_origin();
    for (size_t i = 0; i < 2; i++) {
        origin_log(); /* clears */
        for (uint64_t at = 0; at < DATA_SIZE; at += 30000) {
            const uint64_t range[2] = {at, 20000};
            sl_http_object *o =
                open_object(url_of(names[i], "/data"), DATA_SIZE);
            read_all(o, &range, 1);
            sl_http_object_close(o);
        }
        assert_int_equal(connections_made(), 1);
    }
}

static void test_read__refuses_ranges_outside(void **state)
{
    static const struct {
        uint64_t at;
        size_t len;
    } row[] = {{DATA_SIZE, 1},   {DATA_SIZE - 1, 2},   {0, DATA_SIZE + 1},
               {UINT64_MAX, 1},  {UINT64_MAX - 1, 10}, {1, SIZE_MAX},
               {1, SIZE_MAX - 1}};
    (void)state;
    need_origin();
    sl_http_object *o = open_object(url_of("http", "/data"), DATA_SIZE);
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        sl_http_read read = {.at = row[i].at, .len = row[i].len};
        sl_err err = {0};
        assert_int_equal(sl_http_read_start(o, &read, &err), SL_ERANGE);
        assert_int_equal(err.code, SL_ERANGE);
        sl_http_read_cancel(&read); /* nothing to do, but allowed */
    }
    sl_http_object_close(o);
    o = open_object(url_of("http", "/data"), SL_HTTP_UNKNOWN);
    fetch f;
    fetch_init(&f, DATA_SIZE - 10, 20);
    fetch_start(&f, o);
    fetch_wait(&f, 1);
    assert_int_equal(f.err.code, SL_EIO);
    assert_non_null(strstr(f.err.msg, "has only 300000 bytes"));
    fetch_deinit(&f);
    sl_http_object_close(o);
}

static void test_read__one_turn_is_one_request(void **state)
{
    static const uint64_t near[][2] = {
        {5000, 1000}, /* last to be started first to arrive */
        {0, 1000},           {1000, 10}, /* adjacent */
        {500, 2000},                     /* overlapping */
        {600, 50},                       /* inside another */
        {6000 + 16384, 100},             /* just near enough */
    };
    static const uint64_t far[][2] = {{0, 100}, {100 + 16385, 100}};
    (void)state;
    need_origin();
    sl_http_object *o = open_object(url_of("http", "/data"), DATA_SIZE);
    read_all(o, near, 6);
    const char *log = origin_log();
    assert_int_equal(log_lines(log), 1);
    assert_string_equal(log_field(log, 0, 4), "bytes=0-22483");
    read_all(o, far, 2);
    log = origin_log();
    assert_int_equal(log_lines(log), 2);
    sl_http_object_close(o);
}

/* Each read is done when its bytes are here, not when the last one's are. */
static void test_read__early_ones_do_not_wait(void **state)
{
    (void)state;
    need_origin();
    sl_http_config c = test_config();
    c.min_rate = 0;
    reopen_http(&c);
    sl_http_object *o =
        open_object(url_of("http", "/data?wrong=slow-body&at=2000"), DATA_SIZE);
    fetch f[2];
    fetch_init(&f[0], 0, 1000);
    fetch_init(&f[1], 1500, 600); /* 100 bytes of it at 20 per second */
    fetch_start(&f[1], o);
    fetch_start(&f[0], o);
    fetch_wait(f, 1);
    assert_int_equal(f[0].done, 1);
    assert_string_equal(f[0].err.msg, "");
    run_for(50);
    assert_int_equal(f[1].done, 0);
    sl_http_read_cancel(&f[1].read);
    run_for(20);
    assert_int_equal(f[1].done, 0);
    fetch_deinit(&f[0]);
    fetch_deinit(&f[1]);
    sl_http_object_close(o);
}

static void test_read__resumes_at_the_missing_byte(void **state)
{
    static const char *const kinds[] = {"reset-at",      "close-at",
                                        "stall-at",      "chunk-bad-size",
                                        "chunked-short", "until-close-short"};
    (void)state;
    need_origin();
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        const uint64_t range[2] = {1000, 5000};
        bool stalls = strcmp(kinds[i], "stall-at") == 0;
        sl_http_config c = stalls ? quick_config() : test_config();
        reopen_http(&c);
        sl_http_object *o = open_object(
            url_of("http", "/data?wrong=%s&times=2&at=1234", kinds[i]),
            DATA_SIZE);
        read_all(o, &range, 1);
        const char *log = origin_log();
        assert_int_equal(log_lines(log), 3);
        assert_string_equal(log_field(log, 0, 4), "bytes=1000-5999");
        assert_string_equal(log_field(log, 1, 4), "bytes=2234-5999");
        assert_string_equal(log_field(log, 2, 4), "bytes=3468-5999");
        assert_string_equal(log_field(log, 2, 5), sl_http_object_validator(o));
        sl_http_object_close(o);
    }
}

/* A line that breaks again and again, but gets somewhere, may go on. */
static void test_read__progress_is_no_failure(void **state)
{
    static const uint64_t all[2] = {0, BIG_SIZE};
    (void)state;
    need_origin();
    sl_http_object *o =
        open_object(url_of("http", "/big?wrong=close-at&at=300000"), BIG_SIZE);
    read_all(o, &all, 1);
    assert_int_equal(log_lines(origin_log()), 10);
    sl_http_object_close(o);
}

/* Runs `n` reads far apart and says how many requests ran at a time. */
static int parallel_of(const sl_http_config *c, int n, bool background)
{
    fetch f[40];
    int requests = 0, connections = 0, parallel = 0;
    reopen_http(c);
    origin_log();
    sl_http_object *o =
        open_object(url_of("http", "/big?latency=40"), BIG_SIZE);
    for (int i = 0; i < n; i++) {
        fetch_init(&f[i], (uint64_t)i * 50000, 100);
        f[i].read.background = background;
        fetch_start(&f[i], o);
    }
    fetch_wait(f, (size_t)n);
    for (int i = 0; i < n; i++) {
        assert_string_equal(f[i].err.msg, "");
        fetch_deinit(&f[i]);
    }
    sl_http_object_close(o);
    origin_stats(&requests, &connections, &parallel);
    assert_int_equal(requests, n);
    assert_true(connections - 1 <= parallel); /* 1: the statistics' own */
    return parallel;
}

static void test_read__bounds_of_parallelism(void **state)
{
    (void)state;
    need_origin();
    sl_http_config c = test_config();
    assert_int_equal(parallel_of(&c, 20, false), 6);
    assert_int_equal(parallel_of(&c, 20, true), 5); /* leaves one */
    c.per_origin = 3;
    assert_int_equal(parallel_of(&c, 10, false), 3);
    c.per_origin = 30;
    c.connections = 4;
    assert_int_equal(parallel_of(&c, 10, false), 4);
    c.connections = 64;
    c.in_flight = 500; /* half of it for one origin */
    assert_int_equal(parallel_of(&c, 10, false), 2);
    c.in_flight = 10; /* less than one read: one at a time */
    assert_int_equal(parallel_of(&c, 4, false), 1);
}

/* An origin that stalls keeps what it was asked for from nobody else. */
static void test_read__a_stalled_origin_leaves_room(void **state)
{
    fetch f[4];
    (void)state;
    need_origin();
    sl_http_config c = test_config();
    c.in_flight = 1000000;
    reopen_http(&c);
    sl_http_object *stalls =
        open_object(url_of("http", "/big?wrong=stall-head"), BIG_SIZE);
    sl_http_object *good = open_object(url_of("http-other", "/big"), BIG_SIZE);
    for (size_t i = 0; i < 4; i++) {
        fetch_init(&f[i], i * 600000, 450000);
        fetch_start(&f[i], i == 3 ? good : stalls);
    }
    fetch_wait(&f[3], 1);
    assert_string_equal(f[3].err.msg, "");
    sl_http_object_close(stalls);
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(f[i].done, i == 3);
        fetch_deinit(&f[i]);
    }
    sl_http_object_close(good);
}

static void test_read__background_goes_after_others(void **state)
{
    fetch f[8];
    (void)state;
    need_origin();
    sl_http_config c = test_config();
    c.per_origin = 1;
    reopen_http(&c);
    sl_http_object *o =
        open_object(url_of("http", "/big?latency=10"), BIG_SIZE);
    for (size_t i = 0; i < 8; i++) {
        fetch_init(&f[i], i * 50000, 100);
        f[i].read.background = i < 4;
        fetch_start(&f[i], o);
    }
    sl_http_read_promote(&f[3].read); /* before it is queued */
    run_for(2);
    sl_http_read_promote(&f[2].read); /* behind those that were always */
    fetch_wait(f, 8);
    static const int order[] = {7, 8, 6, 1, 2, 3, 4, 5};
    for (int i = 0; i < 8; i++) {
        assert_int_equal(f[i].order, order[i]);
        fetch_deinit(&f[i]);
    }
    sl_http_object_close(o);
}

static void test_read__background_does_not_join_others(void **state)
{
    fetch f[2];
    (void)state;
    need_origin();
    sl_http_object *o = open_object(url_of("http", "/data"), DATA_SIZE);
    for (size_t i = 0; i < 2; i++) {
        fetch_init(&f[i], i * 100, 100);
        f[i].read.background = i == 1;
        fetch_start(&f[i], o);
    }
    fetch_wait(f, 2);
    assert_int_equal(log_lines(origin_log()), 2);
    fetch_deinit(&f[0]);
    fetch_deinit(&f[1]);
    sl_http_object_close(o);
}

/* --- Cancelling
 * ------------------------------------------------------------------- */

/* At every stage: before the turn ends, queued, connecting, waiting for the
 * answer, in the body, resting before a retry, and finished. */
static void test_cancel__at_every_stage(void **state)
{
    static const struct {
        const char *query;
        uint32_t after_ms;
    } row[] = {
        {"", 0},
        {"?latency=100", 5},
        {"?wrong=stall-in-head", 30},
        {"?wrong=stall-at&at=5000", 30},
        {"?wrong=slow-body&at=100", 30},
        {"?wrong=status&code=503", 4},
        {"", 100},
    };
    (void)state;
    need_origin();
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        fetch f;
        sl_http_object *o =
            open_object(url_of("http", "/data%s", row[i].query), DATA_SIZE);
        fetch_init(&f, 100, 20000);
        fetch_start(&f, o);
        if (row[i].after_ms != 0)
            run_for(row[i].after_ms);
        int before = f.done;
        sl_http_read_cancel(&f.read);
        uint8_t copy[20000];
        memcpy(copy, f.read.to, sizeof copy);
        run_for(60);
        assert_int_equal(f.done, before);
        assert_memory_equal(copy, f.read.to, sizeof copy);
        assert_int_equal(sl_loop_active(loop), 0); /* aborted */
        fetch_deinit(&f);
        sl_http_object_close(o);
    }
}

static void test_cancel__leaves_the_others(void **state)
{
    (void)state;
    need_origin();
    for (size_t gone = 0; gone < 8; gone++) { /* a set of three */
        fetch f[3];
        sl_http_object *o =
            open_object(url_of("http", "/data?latency=10"), DATA_SIZE);
        for (size_t i = 0; i < 3; i++) {
            fetch_init(&f[i], i * 1000, 1000);
            fetch_start(&f[i], o);
        }
        run_for(5);
        for (size_t i = 0; i < 3; i++)
            if (gone >> i & 1)
                sl_http_read_cancel(&f[i].read);
        for (size_t i = 0; i < 3; i++)
            if (!(gone >> i & 1)) {
                fetch_wait(&f[i], 1);
                assert_string_equal(f[i].err.msg, "");
            }
        run_for(30);
        for (size_t i = 0; i < 3; i++) {
            assert_int_equal(f[i].done, !(gone >> i & 1));
            fetch_deinit(&f[i]);
        }
        assert_int_equal(sl_loop_active(loop), 0);
        sl_http_object_close(o);
    }
}

static fetch pair[2];
static int pair_done;

static void cancel_other(sl_http_read *read, const sl_err *err)
{
    fetch *f = (fetch *)read;
    assert_null(err);
    f->done++;
    pair_done++;
    sl_http_read_cancel(&pair[f == pair].read);
}

static void test_cancel__inside_of_done(void **state)
{
    (void)state;
    need_origin();
    sl_http_object *o = open_object(url_of("http", "/data"), DATA_SIZE);
    for (size_t i = 0; i < 2; i++) {
        fetch_init(&pair[i], i * 100, 100);
        pair[i].read.done = cancel_other;
        fetch_start(&pair[i], o);
    }
    pair_done = 0;
    run_until(&pair_done);
    run_for(30);
    assert_int_equal(pair[0].done + pair[1].done, 1);
    fetch_deinit(&pair[0]);
    fetch_deinit(&pair[1]);
    sl_http_object_close(o);
}

static sl_http_object *doomed;

static void close_all(sl_http_read *read, const sl_err *err)
{
    ((fetch *)read)->done++;
    pair_done++;
    (void)err;
    sl_http_object_close(doomed);
    doomed = NULL;
    sl_http_free(http);
    http = NULL;
}

static void test_free__inside_of_done(void **state)
{
    (void)state;
    need_origin();
    doomed = open_object(url_of("http", "/data"), DATA_SIZE);
    for (size_t i = 0; i < 2; i++) {
        fetch_init(&pair[i], i * 100, 100);
        pair[i].read.done = close_all;
        fetch_start(&pair[i], doomed);
    }
    pair_done = 0;
    run_until(&pair_done);
    run_for(30);
    assert_int_equal(pair[0].done + pair[1].done, 1);
    fetch_deinit(&pair[0]);
    fetch_deinit(&pair[1]);
}

static void test_free__abandons_everything(void **state)
{
    fetch f[12];
    (void)state;
    need_origin();
    for (uint32_t ms = 0; ms <= 30; ms += 6) {
        sl_http_object *o[3] = {
            open_object(url_of("http", "/big?latency=10"), BIG_SIZE),
            open_object(url_of("https", "/big?latency=15"), BIG_SIZE),
            open_object(url_of("http", "/big?wrong=status&code=500"), BIG_SIZE),
        };
        for (size_t i = 0; i < 12; i++) {
            fetch_init(&f[i], i * 100000, 60000);
            f[i].read.background = i % 4 == 0;
            fetch_start(&f[i], o[i % 3]);
        }
        if (ms != 0)
            run_for(ms);
        int before[12];
        for (size_t i = 0; i < 12; i++)
            before[i] = f[i].done;
        sl_http_object_close(o[0]);
        sl_http_config c = test_config();
        reopen_http(&c);
        run_for(30);
        for (size_t i = 0; i < 12; i++) {
            assert_int_equal(f[i].done, before[i]);
            sl_http_read_cancel(&f[i].read);
            fetch_deinit(&f[i]);
        }
        sl_http_read late = {.len = 1};
        assert_int_equal(sl_http_read_start(o[1], &late, NULL), SL_ECANCELLED);
        sl_http_object_close(o[1]); /* after the sl_http they were of */
        sl_http_object_close(o[2]);
    }
}

/* An idle sl_http, with its connections kept, leaves the loop alone. */
static void test_idle__does_not_keep_the_loop(void **state)
{
    static const uint64_t range[2] = {10, 20};
    bool never = false;
    (void)state;
    need_origin();
    sl_http_object *o = open_object(url_of("https", "/data"), DATA_SIZE);
    read_all(o, &range, 1);
    assert_int_equal(sl_loop_active(loop), 0);
    assert_false(sl_loop_run(loop, &never));
    read_all(o, &range, 1);
    assert_int_equal(connections_made(), 1);
    assert_int_equal(log_lines(origin_log()), 2);
    sl_http_object_close(o);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_http, close_http)
const struct CMUnitTest read_tests[] = {
    TEST(test_read__ranges_arrive),
    TEST(test_read__asks_for_identity_and_the_same_version),
    TEST(test_read__weak_validators_are_not_sent),
    TEST(test_read__bad_answers_end_their_connection),
    TEST(test_read__the_size_alone),
    TEST(test_read__uses_a_connection_again),
    TEST(test_read__refuses_ranges_outside),
    TEST(test_read__one_turn_is_one_request),
    TEST(test_read__early_ones_do_not_wait),
    TEST(test_read__resumes_at_the_missing_byte),
    TEST(test_read__progress_is_no_failure),
    TEST(test_read__bounds_of_parallelism),
    TEST(test_read__a_stalled_origin_leaves_room),
    TEST(test_read__background_goes_after_others),
    TEST(test_read__background_does_not_join_others),
    TEST(test_cancel__at_every_stage),
    TEST(test_cancel__leaves_the_others),
    TEST(test_cancel__inside_of_done),
    TEST(test_free__inside_of_done),
    TEST(test_free__abandons_everything),
    TEST(test_idle__does_not_keep_the_loop),
};
const size_t n_read_tests = sizeof read_tests / sizeof read_tests[0];
