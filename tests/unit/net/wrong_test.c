/* Everything that an origin can do wrong (tests/origin), at the places where
 * it matters: the right bytes or an error that says why, never a wrong byte,
 * never more requests than allowed, never a hang. */
#include "check.h"

#include "fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* What becomes of a read. */
#define GOOD ""
#define ANY  " " /* error */
#define SAME NULL
enum { EVERYWHERE = 1, CREEPS = 2 /* it gets on: right when that is enough */ };
enum { AT_ONCE = 1, RETRIED = 3 /* test_config(): two retries */ };

static const struct {
    const char *kind; /* and further parameters */
    const char *first;
    const char *later; /* for ranges that do not begin at 0 */
    int requests;      /* for each read; 0: not looked at */
    int at;            /* whether the place `at` matters: */
} rows[] = {
    /* The connection. */
    {"reset-head", "Connection reset", SAME, RETRIED},
    {"reset-in-head", "reset", SAME, RETRIED},
    {"reset-at", "reset", SAME, RETRIED, CREEPS},
    {"close-head", "Empty reply", SAME, RETRIED},
    {"close-in-head", "header", SAME, RETRIED},
    {"close-at", "closed with", SAME, RETRIED, CREEPS},
    {"stall-head", "no answer within", SAME, RETRIED},
    {"stall-in-head", "slower than", SAME, RETRIED},
    {"stall-at", "slower than", SAME, RETRIED},
    {"slow-head", "no answer|slower than", SAME, RETRIED},
    {"slow-body", "slower than", SAME, RETRIED},
    {"close-after", GOOD, SAME, 1},
    {"close-announced", GOOD, SAME, 1},
    {"crumbs", GOOD, SAME, 1},
    {"garbage", "HTTP/0.9", SAME, AT_ONCE},
    {"version-09", "HTTP/0.9", SAME, AT_ONCE},
    {"status-no-number", ANY, SAME, AT_ONCE},
    {"version-unknown", "version", SAME, 0},
    {"extra-answer", GOOD, SAME, 1},
    /* Where the body ends. */
    {"length-short", "Content-Length does not fit", SAME, AT_ONCE},
    {"length-long", "Content-Length does not fit", SAME, AT_ONCE},
    {"length-zero", "Content-Length does not fit", SAME, AT_ONCE},
    {"length-twice", "more than one Content-Length", SAME, AT_ONCE},
    {"length-same-twice", "more than one Content-Length", SAME, AT_ONCE},
    {"length-no-number", "Content-Length is no number", SAME, AT_ONCE},
    {"length-negative", "Content-Length is no number|Invalid Content-", SAME,
     AT_ONCE},
    {"length-huge", "Content-Length is no number", SAME, AT_ONCE},
    {"length-and-chunks", "Content-Length and Transfer", SAME, AT_ONCE},
    {"chunked-well", GOOD, SAME, 1, EVERYWHERE},
    {"chunk-bad-size", ANY, SAME, RETRIED, EVERYWHERE},
    {"chunk-negative", ANY, SAME, RETRIED, EVERYWHERE},
    {"chunk-huge", ANY, SAME, RETRIED, EVERYWHERE},
    {"chunk-no-newline", ANY, SAME, RETRIED, EVERYWHERE},
    {"chunked-short", "the body ends at byte", SAME, RETRIED, CREEPS},
    {"chunked-long", "the body is longer than", SAME, AT_ONCE},
    {"chunked-no-end", "closed", SAME, RETRIED},
    {"chunked-endless", "the body is longer than", SAME, AT_ONCE},
    {"chunked-trailers", "64 KiB of header", SAME, AT_ONCE},
    {"chunked-trailer", GOOD, SAME, 1},
    {"until-close", GOOD, SAME, 1},
    {"until-close-short", "the body ends at byte", SAME, RETRIED, CREEPS},
    {"until-close-long", "the body is longer than", SAME, AT_ONCE},
    {"endless", "the body is longer than", SAME, AT_ONCE},
    {"transfer-gzip", "Transfer-Encoding other", SAME, AT_ONCE},
    /* Ranges. */
    {"whole-well", GOOD, "ignores ranges", AT_ONCE},
    {"whole-short&at=10", "ignores ranges", "ignores ranges", 0},
    {"whole-other-size", "300001 bytes instead of 300000", SAME, AT_ONCE},
    {"whole-with-range", "200 with a Content-Range", SAME, AT_ONCE},
    {"range-earlier", "Content-Range", SAME, AT_ONCE},
    {"range-later", "instead of|Content-Range", SAME, AT_ONCE},
    {"range-shorter", "Content-Range", SAME, AT_ONCE},
    {"range-longer", "instead of|Content-Range", SAME, AT_ONCE},
    {"range-overlapping", "Content-Range", SAME, AT_ONCE},
    {"range-missing", "206 without a Content-Range", SAME, AT_ONCE},
    {"range-twice", "more than one Content-Range", SAME, AT_ONCE},
    {"range-without-total", "does not tell the whole size", SAME, AT_ONCE},
    {"range-total-more", "300001 bytes instead of 300000", SAME, AT_ONCE},
    {"range-total-less", "299999 bytes instead|malformed", SAME, AT_ONCE},
    {"range-other-unit", "not in bytes", SAME, AT_ONCE},
    {"range-malformed", "malformed", SAME, AT_ONCE},
    {"range-reversed", "malformed", SAME, AT_ONCE},
    {"range-wraps", "malformed", SAME, AT_ONCE},
    {"range-multipart", "in several parts", SAME, AT_ONCE},
    {"range-multipart-same-length", "in several parts", SAME, AT_ONCE},
    {"range-unsatisfied-206", "206 without a Content-Range", SAME, AT_ONCE},
    /* Versions; more of them below. */
    {"changed-midway", "has changed", SAME, 2, EVERYWHERE},
    {"if-range-ignored", "has changed", SAME, 2, EVERYWHERE},
    {"etag-weak", GOOD, SAME, 1},
    {"etag-malformed", "ETag is malformed", SAME, AT_ONCE},
    {"etag-twice", "more than one ETag", SAME, AT_ONCE},
    {"etag-injection", "control character", SAME, AT_ONCE},
    {"modified-only", GOOD, SAME, 1},
    {"no-validator", GOOD, SAME, 1},
    /* Status. */
    {"status&code=204", "HTTP 204", SAME, AT_ONCE},
    {"status&code=203", "HTTP 203", SAME, AT_ONCE},
    {"status&code=300", "HTTP 300", SAME, AT_ONCE},
    {"status&code=304", "HTTP 304", SAME, AT_ONCE},
    {"status&code=400", "HTTP 400", SAME, AT_ONCE},
    {"status&code=401", "HTTP 401", SAME, AT_ONCE},
    {"status&code=403", "HTTP 403", SAME, AT_ONCE},
    {"status&code=404", "HTTP 404", SAME, AT_ONCE},
    {"status&code=407", "HTTP 407", SAME, AT_ONCE},
    {"status&code=410", "HTTP 410", SAME, AT_ONCE},
    {"status&code=416", "HTTP 416", SAME, AT_ONCE},
    {"status&code=408", "HTTP 408", SAME, RETRIED},
    {"status&code=429", "HTTP 429", SAME, RETRIED},
    {"status&code=500", "HTTP 500", SAME, RETRIED},
    {"status&code=502", "HTTP 502", SAME, RETRIED},
    {"status&code=503", "HTTP 503", SAME, RETRIED},
    {"status&code=504", "HTTP 504", SAME, RETRIED},
    {"status-big&code=404", "HTTP 404", SAME, AT_ONCE},
    {"status-big&code=503", "HTTP 503", SAME, RETRIED},
    {"unsatisfied-total", "300001 bytes instead of 300000", SAME, AT_ONCE},
    {"retry-after&after=0", "HTTP 503", SAME, RETRIED},
    {"retry-after&after=soon", "HTTP 503", SAME, RETRIED},
    {"early-hints", GOOD, SAME, 1},
    {"hints-flood", "64 KiB of header", SAME, AT_ONCE},
    {"switching", ANY, SAME, 0},
    /* Header lines. */
    {"header-bomb", "64 KiB of header", SAME, AT_ONCE},
    {"header-many", "64 KiB of header", SAME, AT_ONCE},
    {"header-long", "64 KiB", SAME, AT_ONCE},
    {"header-folded", "folded", SAME, AT_ONCE},
    {"header-no-colon", "without a colon|without colon", SAME, AT_ONCE},
    {"header-space", "without a name", SAME, AT_ONCE},
    {"header-nul", ANY, SAME, AT_ONCE},
    {"encoding-gzip", "encoded content", SAME, AT_ONCE},
    {"encoding-gzip-real", "encoded content", SAME, AT_ONCE},
    {"encoding-identity", GOOD, SAME, 1},
    /* Redirects. */
    {"redirect&hops=1", GOOD, SAME, 2},
    {"redirect&hops=5", GOOD, SAME, 6},
    {"redirect&hops=2&code=301", GOOD, SAME, 3},
    {"redirect&hops=2&code=303", GOOD, SAME, 3},
    {"redirect&hops=2&code=307", GOOD, SAME, 3},
    {"redirect&hops=2&code=308", GOOD, SAME, 3},
    {"redirect&hops=2&big=1", GOOD, SAME, 3},
    {"redirect&hops=6", "more than 5 redirects", SAME, 6},
    {"redirect-loop", "more than 5 redirects", SAME, 6},
    {"redirect-nowhere", "without a Location", SAME, AT_ONCE},
    {"redirect-twice", "more than one Location", SAME, AT_ONCE},
    {"redirect-to&to=/data", GOOD, SAME, 2},
    {"redirect-to&to=data%23x", GOOD, SAME, 2},
    {"redirect-to&to={http-other}/data", GOOD, SAME, 2},
    {"redirect-to&to={https}/data", GOOD, SAME, 2},
    {"redirect-to&to=/nothing", "HTTP 404", SAME, 2},
    {"redirect-to&to=file:///etc/passwd", "redirect refused", SAME, AT_ONCE},
    {"redirect-to&to=ftp://127.0.0.1/x", "scheme ftp", SAME, AT_ONCE},
    {"redirect-to&to=gopher://127.0.0.1/x", "scheme gopher", SAME, AT_ONCE},
    {"redirect-to&to=http://a:b@127.0.0.1/", "user information", SAME, AT_ONCE},
    {"redirect-to&to=http://127.0.0.1%5c@x/", "must be encoded", SAME, AT_ONCE},
    {"redirect-to&to=http:///", "redirect refused", SAME, AT_ONCE},
    {"redirect-to&to=http://127.0.0.1:99999/", "redirect refused", SAME,
     AT_ONCE},
};
#define N_ROWS (sizeof rows / sizeof rows[0])

/* Ranges of /data, and where in them things go wrong: the edges of the range,
 * of curl's buffer, of TLS records. */
static const struct {
    uint64_t at;
    size_t len;
} ranges[] = {{0, 1000}, {0, DATA_SIZE}, {777, 70000}, {DATA_SIZE - 500, 500}};
#define N_RANGES (sizeof ranges / sizeof ranges[0])
static const size_t places[] = {0, 1, 499, 16384, 65536, 69999};
#define N_PLACES (sizeof places / sizeof places[0])

/* Whether the attempts get through the range by what each of them brings. */
static bool creeps_through(size_t row, size_t len, size_t place)
{
    return rows[row].at == CREEPS && place * RETRIED >= len;
}

/* `words` may hold several, one of which will do: "this|that". */
static bool says(const char *message, const char *words)
{
    char copy[128];
    snprintf(copy, sizeof copy, "%s", words);
    char *rest = copy;
    for (char *word; (word = strsep(&rest, "|")) != NULL;)
        if (strstr(message, word) != NULL)
            return true;
    return false;
}

static int failures; /* counted, so that one run shows all of them */

static void check_result(const char *url, uint64_t at, size_t len,
                         const sl_err *err, const char *words, bool good)
{
    char range[64];
    snprintf(range, sizeof range, "-%llu of %s",
             (unsigned long long)(at + len - 1), "http");
    if (good ? err->code != SL_OK
             : err->code != SL_EIO || !says(err->msg, words) ||
                   strstr(err->msg, range) == NULL)
        print_error("%s at %llu: %s (wanted: %s)\n", url,
                    (unsigned long long)at, err->msg, good ? "success" : words);
    else
        return;
    failures++;
}

static void check_requests(const char *url, int wanted)
{
    const char *log = origin_log();
    if (wanted == 0 || log_lines(log) == wanted)
        return;
    print_error("%s: %d requests instead of %d\n%s", url, log_lines(log),
                wanted, log);
    failures++;
}

/* One range of a URL, as two reads of which the first is short. */
static void read_url(const char *url, uint64_t at, size_t len,
                     const char *words, bool good, int requests)
{
    fetch f[2];
    sl_err err = {0};
    sl_http_object *o = sl_http_object_new(http, url, DATA_SIZE, NULL, &err);
    assert_non_null(o);
    fetch_init(&f[0], at, len);
    fetch_init(&f[1], at, 300);
    fetch_start(&f[0], o);
    fetch_start(&f[1], o);
    fetch_wait(f, 2);
    check_result(url, at, len, &f[0].err, words, good);
    check_requests(url, requests);
    fetch_deinit(&f[0]); /* which looks at the bytes */
    fetch_deinit(&f[1]);
    sl_http_object_close(o);
}

static void try_row(size_t row, size_t range, size_t place, const char *name)
{
    static int key;
    const char *words = rows[row].first;
    int requests = rows[row].requests;
    bool good = words[0] == '\0';
    if (creeps_through(row, ranges[range].len, place)) {
        good = true;
        requests = 0;
    }
    if (ranges[range].at != 0 && rows[row].later != SAME) {
        words = rows[row].later;
        good = false;
    }
    read_url(
        url_of(name, "/data?wrong=%s&key=%d%s%zu", rows[row].kind, ++key,
               strstr(rows[row].kind, "at=") != NULL ? "&x=" : "&at=", place),
        ranges[range].at, ranges[range].len, words, good, requests);
    /* Junk that comes after the next request has been sent would be its answer
     * for anybody; what comes before must be noticed. */
    if (strcmp(rows[row].kind, "extra-answer") == 0)
        run_for(20);
}

/* Kinds whose every attempt takes as long as it may. */
static bool is_slow(size_t row)
{
    const char *kind = rows[row].kind;
    return strncmp(kind, "stall", 5) == 0 || strncmp(kind, "slow", 4) == 0;
}

static void test_wrong__every_kind_at_every_place(void **state)
{
    (void)state;
    need_origin();
    failures = 0;
    for (size_t row = 0; row < N_ROWS; row++)
        for (size_t range = 0; range < N_RANGES && !is_slow(row); range++)
            for (size_t p = 0; p < (rows[row].at ? N_PLACES : 1); p++)
                if (places[p] < ranges[range].len)
                    try_row(row, range, places[p], "http");
    assert_int_equal(failures, 0);
}

static void test_wrong__every_kind_over_tls(void **state)
{
    (void)state;
    need_origin();
    failures = 0;
    for (size_t row = 0; row < N_ROWS; row++)
        if (strstr(rows[row].kind, "{http-other}") == NULL &&
            strstr(rows[row].kind, "http:") == NULL && !is_slow(row))
            try_row(row, 2, rows[row].at ? 16384 : 0, "https");
    assert_int_equal(failures, 0);
}

/* What is retried is right in the end when the origin is. */
static void try_after_a_while(size_t row, size_t range)
{
    read_url(url_of("http", "/data?wrong=%s&at=100&times=2&k=%zu",
                    rows[row].kind, range),
             ranges[range].at, ranges[range].len, GOOD, true, RETRIED);
}

static void test_wrong__good_after_a_while(void **state)
{
    (void)state;
    need_origin();
    failures = 0;
    for (size_t row = 0; row < N_ROWS; row++)
        for (size_t range = 0; range < N_RANGES; range++)
            if (rows[row].requests == RETRIED && rows[row].first[0] != '\0' &&
                !is_slow(row))
                try_after_a_while(row, range);
    assert_int_equal(failures, 0);
}

static void test_wrong__slow_kinds(void **state)
{
    (void)state;
    need_origin();
    failures = 0;
    sl_http_config c = quick_config();
    reopen_http(&c);
    for (size_t row = 0; row < N_ROWS; row++)
        if (is_slow(row)) {
            try_row(row, 0, 0, "http");
            try_row(row, 2, 16384, "https");
            try_after_a_while(row, 3);
        }
    assert_int_equal(failures, 0);
}

/* --- Versions
 * --------------------------------------------------------------------- */

/* A second read, of the same object, after a first that was right. */
static void test_wrong__other_versions(void **state)
{
    static const struct {
        const char *kind, *error;
    } row[] = {
        {"etag-changes", "has changed: ETag"},
        {"etag-terminal", "has changed: ETag \"?2m\", was \"?1m\""},
        {"etag-vanishes", "has changed: no ETag"},
        {"etag-weak-changes", "has changed: ETag"},
        {"modified-changes", "has changed: Last-Modified"},
        {"size-changes", "300001 bytes instead of 300000"},
        {"etag-weak", GOOD},
        {"modified-only", GOOD},
        {"modified-once", GOOD},
        {"no-validator", GOOD},
    };
    (void)state;
    need_origin();
    failures = 0;
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        fetch f[2];
        sl_http_object *o = sl_http_object_new(
            http, url_of("http", "/data?wrong=%s", row[i].kind),
            SL_HTTP_UNKNOWN, NULL, NULL);
        for (size_t k = 0; k < 2; k++) {
            fetch_init(&f[k], 100 * k, 1000);
            fetch_start(&f[k], o);
            fetch_wait(&f[k], 1);
        }
        assert_string_equal(f[0].err.msg, "");
        if (strstr(f[1].err.msg, row[i].error) == NULL ||
            (row[i].error[0] == '\0') != (f[1].err.code == SL_OK))
            fail_msg("%s: %s", row[i].kind, f[1].err.msg);
        fetch_deinit(&f[0]);
        fetch_deinit(&f[1]);
        sl_http_object_close(o);
    }
}

/* A bad answer does not say what good ones must look like. */
static void test_wrong__a_bad_answer_teaches_nothing(void **state)
{
    (void)state;
    need_origin();
    sl_http_object *o =
        sl_http_object_new(http, url_of("http", "/data?wrong=another&times=1"),
                           SL_HTTP_UNKNOWN, NULL, NULL);
    for (int i = 0; i < 2; i++) {
        fetch f;
        fetch_init(&f, 100, 1000);
        fetch_start(&f, o);
        fetch_wait(&f, 1);
        assert_int_equal(f.err.code, i == 0 ? SL_EIO : SL_OK);
        fetch_deinit(&f);
    }
    assert_int_equal(sl_http_object_size(o), DATA_SIZE);
    sl_http_object_close(o);
}

/* Whatever lies behind the end of an answer, in the same TLS record or in others,
 * is no answer to what is asked next, be it of another resource. */
static void test_wrong__what_is_behind_an_answer_is_none(void **state)
{
    static const char *const names[] = {"http", "https"};
    static const size_t lens[] = {1, 1000, 8000, 16384, 40000};
    (void)state;
    need_origin();
    for (size_t i = 0; i < 2 * sizeof lens / sizeof lens[0]; i++) {
        static const char *const targets[] = {"/data?wrong=extra-answer&i=%zu",
                                              "/data?i=%zu"};
        for (size_t k = 0; k < 2; k++) {
            fetch f;
            sl_http_object *o = sl_http_object_new(
                http, url_of(names[i % 2], targets[k], i), SL_HTTP_UNKNOWN,
                NULL, NULL);
            fetch_init(&f, 5000, lens[i / 2]);
            fetch_start(&f, o);
            fetch_wait(&f, 1);
            assert_string_equal(f.err.msg, "");
            fetch_deinit(&f); /* which looks at the bytes */
            sl_http_object_close(o);
            run_for(20);
        }
    }
}

/* What an earlier source saw holds for the object made from it. */
static void test_wrong__a_validator_from_elsewhere(void **state)
{
    (void)state;
    need_origin();
    failures = 0;
    for (uint64_t at = 0; at <= 10; at += 10) {
        fetch f;
        sl_http_object *o = sl_http_object_new(http, url_of("http", "/data"),
                                               DATA_SIZE, "\"old\"", NULL);
        fetch_init(&f, at, 100);
        fetch_start(&f, o);
        fetch_wait(&f, 1);
        assert_non_null(strstr(f.err.msg, "has changed: ETag"));
        fetch_deinit(&f);
        sl_http_object_close(o);
    }
    sl_err err = {0};
    assert_null(sl_http_object_new(http, url_of("http", "/data"), DATA_SIZE,
                                   "\"x\r\nX-Evil: 1\"", &err));
    assert_int_equal(err.code, SL_EINVALID);
}

/* A declared size that is not the resource's. */
static void test_wrong__a_size_from_elsewhere(void **state)
{
    (void)state;
    need_origin();
    failures = 0;
    for (uint64_t size = DATA_SIZE - 1; size <= DATA_SIZE + 1; size++) {
        fetch f;
        sl_http_object *o =
            sl_http_object_new(http, url_of("http", "/data"), size, NULL, NULL);
        fetch_init(&f, 10, 100);
        fetch_start(&f, o);
        fetch_wait(&f, 1);
        assert_int_equal(f.err.code, size == DATA_SIZE ? SL_OK : SL_EIO);
        fetch_deinit(&f);
        sl_http_object_close(o);
    }
}

/* --- TLS
 * -------------------------------------------------------------------------- */

static void test_wrong__tls(void **state)
{
    static const struct {
        const char *name, *error;
        int requests;
    } row[] = {
        {"https", GOOD, 1},
        {"https-expired", "certificate verify failed", 1},
        {"https-elsewhere", "certificate verify failed", 1},
        {"https-self", "certificate verify failed", 1},
        {"tls-reset", "SSL|reset", 3},
        {"tls-stall", "timeout|timed out", 3},
        {"tls-plain", "SSL", 3},
    };
    (void)state;
    need_origin();
    failures = 0;
    sl_http_config c = test_config();
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        fetch f;
        c.connect_ms = strcmp(row[i].name, "tls-stall") == 0 ? 80 : 10000;
        reopen_http(&c);
        sl_http_object *o = sl_http_object_new(
            http, url_of(row[i].name, "/data"), DATA_SIZE, NULL, NULL);
        fetch_init(&f, 10, 1000);
        fetch_start(&f, o);
        fetch_wait(&f, 1);
        if (!says(f.err.msg, row[i].error) ||
            (row[i].error[0] == '\0') != (f.err.code == SL_OK))
            fail_msg("%s: %s", row[i].name, f.err.msg);
        assert_int_equal(sl_http_stats_of(http)->requests, row[i].requests);
        fetch_deinit(&f);
        sl_http_object_close(o);
    }
    /* Without our authority even the right one is refused. */
    c.ca_file = NULL;
    reopen_http(&c);
    read_url(url_of("https", "/data"), 0, 1000, "certificate verify failed",
             false, 0);
    assert_int_equal(failures, 0);
}

/* --- Places that are refused
 * ---------------------------------------------------------- */

static void test_wrong__private_addresses(void **state)
{
    sl_err err = {0};
    (void)state;
    need_origin();
    failures = 0;
    sl_http_config c = test_config();
    c.allow_private = false;
    reopen_http(&c);
    assert_null(sl_http_object_new(http, url_of("http", "/data"),
                                   SL_HTTP_UNKNOWN, NULL, &err));
    assert_non_null(strstr(err.msg, "127.0.0.1 is not a public address"));
    /* A name that leads there is found out when it is connected to. */
    char url[64];
    const char *port = strrchr(url_of("http", "/data"), ':');
    snprintf(url, sizeof url, "http://localhost%s", port);
    fetch f;
    sl_http_object *o =
        sl_http_object_new(http, url, SL_HTTP_UNKNOWN, NULL, &err);
    fetch_init(&f, 0, 100);
    fetch_start(&f, o);
    fetch_wait(&f, 1);
    assert_non_null(strstr(f.err.msg, "is not a public address"));
    assert_int_equal(sl_http_stats_of(http)->retries, 0);
    fetch_deinit(&f);
    sl_http_object_close(o);
    assert_int_equal(log_lines(origin_log()), 0);
}

static void read_by_proxy(const char *url, const char *error)
{
    fetch f;
    sl_err err = {0};
    sl_http_object *o = sl_http_object_new(http, url, DATA_SIZE, NULL, &err);
    assert_string_equal(err.msg, "");
    fetch_init(&f, 10, 1000);
    fetch_start(&f, o);
    fetch_wait(&f, 1);
    if (strstr(f.err.msg, error) == NULL ||
        (error[0] == '\0') != (f.err.code == SL_OK))
        fail_msg("%s: %s", url, f.err.msg);
    fetch_deinit(&f);
    sl_http_object_close(o);
}

static int no_proxy(void **state)
{
    unsetenv("http_proxy");
    unsetenv("https_proxy");
    unsetenv("no_proxy");
    return close_http(state);
}

/* A proxy may be at a private address, what it is asked for may not. */
static void test_wrong__proxies(void **state)
{
    char url[128];
    sl_err err = {0};
    (void)state;
    need_origin();
    sl_http_config c = test_config();
    c.allow_private = false;
    reopen_http(&c);
    setenv("http_proxy", url_of("http", "%s", ""), 1);
    setenv("https_proxy", url_of("http", "%s", ""), 1);
    read_by_proxy("http://example.com/data", "");
    assert_string_equal(log_field(origin_log(), 0, 3),
                        "http://example.com/data");
    read_by_proxy("http://example.com/data?wrong=redirect-to&to="
                  "http://10.0.0.1/data",
                  "10.0.0.1 is not a public address");
    assert_null(sl_http_object_new(http, "http://10.0.0.1/", 1, NULL, &err));
    origin_log();
    snprintf(url, sizeof url, "https://localhost%s/data",
             strrchr(url_of("https", "%s", ""), ':'));
    read_by_proxy(url, ""); /* through a tunnel; TLS is with the far end */
    const char *log = origin_log();
    assert_int_equal(log_lines(log), 2);
    assert_string_equal(log_field(log, 0, 4), "-");
    assert_string_equal(log_field(log, 1, 4), "bytes=10-1009");
    snprintf(url, sizeof url, "https://example.com%s/data",
             strrchr(url_of("https", "%s", ""), ':'));
    read_by_proxy(url, "certificate verify failed");
    read_by_proxy("https://example.com:1/data", "CONNECT");
    setenv("no_proxy", "localhost", 1);
    snprintf(url, sizeof url, "http://localhost%s/data",
             strrchr(url_of("http", "%s", ""), ':'));
    read_by_proxy(url, "is not a public address");
}

static void test_wrong__from_https_to_http(void **state)
{
    (void)state;
    need_origin();
    failures = 0;
    read_url(url_of("https", "/data?wrong=redirect-to&to={http}/data"), 0, 400,
             "from https to http", false, AT_ONCE);
    assert_int_equal(failures, 0);
}

/* --- Redirects that are remembered
 * ---------------------------------------------------- */

static void read_twice(const char *url, const char *first, const char *second,
                       const char *third)
{
    const char *targets[] = {first, second, third};
    sl_http_object *o = sl_http_object_new(http, url, DATA_SIZE, NULL, NULL);
    for (uint64_t i = 0; i < 2; i++) {
        fetch f;
        fetch_init(&f, i * 1000, 100);
        fetch_start(&f, o);
        fetch_wait(&f, 1);
        assert_string_equal(f.err.msg, "");
        fetch_deinit(&f);
    }
    const char *log = origin_log();
    for (int i = 0; i < 3; i++)
        assert_string_equal(log_field(log, i, 3), targets[i]);
    sl_http_object_close(o);
}

static void test_redirect__is_followed_once(void **state)
{
    (void)state;
    need_origin();
    read_twice(url_of("http", "/data?wrong=redirect-to&to=/data"),
               "/data?wrong=redirect-to&to=/data", "/data", "/data");
}

/* A place that is there for one request only, as signed URLs are for a time:
 * the resource itself knows another. */
static void
test_redirect__is_followed_again_when_the_place_is_gone(void **state)
{
    (void)state;
    need_origin();
    sl_http_object *o =
        sl_http_object_new(http, url_of("http", "/data?wrong=lead-on&key=1"),
                           DATA_SIZE, NULL, NULL);
    for (uint64_t i = 0; i < 3; i++) {
        fetch f;
        fetch_init(&f, i * 1000, 100);
        fetch_start(&f, o);
        fetch_wait(&f, 1);
        assert_string_equal(f.err.msg, "");
        fetch_deinit(&f);
    }
    const char *log = origin_log();
    static const char *const targets[] = {
        "/data?wrong=lead-on&key=1",    "/data?wrong=gone-later&key=1",
        "/data?wrong=gone-later&key=1", /* 403 */
        "/data?wrong=lead-on&key=1",    "/data?wrong=gone-later&key=2",
        "/data?wrong=gone-later&key=2", "/data?wrong=lead-on&key=1",
        "/data?wrong=gone-later&key=3"};
    assert_int_equal(log_lines(log), 8);
    for (int i = 0; i < 8; i++)
        assert_string_equal(log_field(log, i, 3), targets[i]);
    assert_int_equal(sl_http_stats_of(http)->retries, 0);
    sl_http_object_close(o);
}

/* --- Credentials
 * ------------------------------------------------------------------- */

static void test_wrong__credentials_stay_with_their_origin(void **state)
{
    static const struct {
        const char *name, *query;
        const char *seen[3]; /* Authorization of each request */
    } row[] = {
        {"http", "", {"Secret x"}},
        {"http-other", "", {"-"}},
        {"http", "?wrong=redirect&hops=1", {"Secret x", "Secret x"}},
        {"http", "?wrong=redirect-to&to={http-other}/data", {"Secret x", "-"}},
        {"http-other", "?wrong=redirect-to&to={http}/data", {"-", "-"}},
        {"http",
         "?wrong=redirect-to&to={http-other}/"
         "data%3fwrong=redirect-to%26to={http}/data",
         {"Secret x", "-", "-"}},
    };
    char origin[64];
    (void)state;
    need_origin();
    failures = 0;
    snprintf(origin, sizeof origin, "%s", url_of("http", "%s", ""));
    sl_http_config c = test_config();
    c.authorization = "Secret x";
    c.authorization_origin = origin;
    reopen_http(&c);
    origin[0] = 'x'; /* it has been copied */
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        fetch f;
        sl_http_object *o = sl_http_object_new(
            http, url_of(row[i].name, "/data%s", row[i].query), DATA_SIZE, NULL,
            NULL);
        fetch_init(&f, 0, 100);
        fetch_start(&f, o);
        fetch_wait(&f, 1);
        assert_string_equal(f.err.msg, "");
        fetch_deinit(&f);
        sl_http_object_close(o);
        const char *log = origin_log();
        for (int k = 0; k < log_lines(log); k++)
            assert_string_equal(log_field(log, k, 6), row[i].seen[k]);
    }
}

/* --- Waiting
 * ----------------------------------------------------------------------- */

static uint64_t ms_of(const char *query, sl_http_config c)
{
    fetch f;
    reopen_http(&c);
    uint64_t before = sl_loop_now_ns();
    sl_http_object *o = sl_http_object_new(
        http, url_of("http", "/data?wrong=%s", query), DATA_SIZE, NULL, NULL);
    fetch_init(&f, 0, 100);
    fetch_start(&f, o);
    fetch_wait(&f, 1);
    uint64_t ms = (sl_loop_now_ns() - before) / 1000000;
    fetch_deinit(&f);
    sl_http_object_close(o);
    return ms;
}

static void test_wrong__waiting_is_bounded(void **state)
{
    (void)state;
    need_origin();
    failures = 0;
    sl_http_config c = test_config();
    c.retry_delay_ms = 40; /* 40 + 80, and up to a quarter more */
    uint64_t ms = ms_of("status&code=503&key=1", c);
    assert_in_range(ms, 120, 1000);
    c.retry_delay_ms = 1;
    c.retry_after_max_ms = 60;
    ms = ms_of("retry-after&after=86400", c); /* not obeyed beyond 60 ms */
    assert_in_range(ms, 120, 1000);
    ms = ms_of("retry-after&after=99999999999999999999", c);
    assert_in_range(ms, 0, 1000);
    ms = ms_of("retry-after-date&after=3600", c);
    assert_in_range(ms, 120, 1000);
    c.retry_after_max_ms = 5000;
    ms = ms_of("retry-after&after=1&times=1", c);
    assert_in_range(ms, 1000, 3000);
    c.retry_delay_ms = 200;
    c.total_ms = 100;
    ms = ms_of("status&code=503&key=2", c);
    assert_in_range(ms, 0, 90);
    ms = ms_of("stall-head", c);
    assert_in_range(ms, 90, 1000);
}

/* A loop that was busy with something else finds an answer, not a timeout. */
static void test_wrong__a_busy_loop_is_no_slow_server(void **state)
{
    static const char *const kinds[] = {"", "&latency=60", "&wrong=crumbs"};
    (void)state;
    need_origin();
    sl_http_config c = quick_config();
    reopen_http(&c);
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        for (uint32_t ms = 0; ms < 8; ms += 5) {
            fetch f;
            sl_http_object *o =
                sl_http_object_new(http, url_of("http", "/data?%s", kinds[i]),
                                   DATA_SIZE, NULL, NULL);
            fetch_init(&f, 0, 5000);
            fetch_start(&f, o);
            run_for(ms);
            usleep(300000); /* twice the patience of quick_config() */
            fetch_wait(&f, 1);
            assert_string_equal(f.err.msg, "");
            fetch_deinit(&f);
            sl_http_object_close(o);
        }
    assert_int_equal(sl_http_stats_of(http)->retries, 0);
}

/* Nothing listens there. */
static void test_wrong__nobody_there(void **state)
{
    fetch f;
    (void)state;
    need_origin();
    failures = 0;
    sl_http_object *o = sl_http_object_new(http, "http://127.0.0.1:1/x?secret",
                                           DATA_SIZE, NULL, NULL);
    fetch_init(&f, 0, 100);
    fetch_start(&f, o);
    fetch_wait(&f, 1);
    assert_non_null(strstr(f.err.msg, "(3 attempts), bytes 0-99 of "
                                      "http://127.0.0.1:1/x?..."));
    assert_null(strstr(f.err.msg, "secret"));
    assert_int_equal(sl_http_stats_of(http)->retries, 2);
    fetch_deinit(&f);
    sl_http_object_close(o);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_http, close_http)
const struct CMUnitTest wrong_tests[] = {
    TEST(test_wrong__every_kind_at_every_place),
    TEST(test_wrong__every_kind_over_tls),
    TEST(test_wrong__good_after_a_while),
    TEST(test_wrong__slow_kinds),
    TEST(test_wrong__other_versions),
    TEST(test_wrong__a_bad_answer_teaches_nothing),
    TEST(test_wrong__what_is_behind_an_answer_is_none),
    TEST(test_wrong__a_validator_from_elsewhere),
    TEST(test_wrong__a_size_from_elsewhere),
    TEST(test_wrong__tls),
    TEST(test_wrong__private_addresses),
    cmocka_unit_test_setup_teardown(test_wrong__proxies, open_http, no_proxy),
    TEST(test_wrong__from_https_to_http),
    TEST(test_redirect__is_followed_once),
    TEST(test_redirect__is_followed_again_when_the_place_is_gone),
    TEST(test_wrong__credentials_stay_with_their_origin),
    TEST(test_wrong__waiting_is_bounded),
    TEST(test_wrong__a_busy_loop_is_no_slow_server),
    TEST(test_wrong__nobody_there),
};
const size_t n_wrong_tests = sizeof wrong_tests / sizeof wrong_tests[0];
