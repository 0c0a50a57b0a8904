/* Content at a URL, which has no digests, wanted by two stores of an engine at
 * the same time: one request when a strong ETag says that it is the same. */
#include "check.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "bytes.h"
#include "data/segment.h"
#include "net/http.h"
#include "wast/server.h"

enum { SIZE = 1000, STORES = 2 };

typedef struct url_source {
    sl_source base;
    char url[64], etag[40];
} url_source;

static void close_url(sl_source *source)
{
    sl_free(source);
}

static sl_source *open_url(wast_server *server, bool weak)
{
    url_source *s = sl_calloc(1, sizeof *s);
    char etag[32];
    snprintf(s->url, sizeof s->url, "http://127.0.0.1:%u/x",
             (unsigned)wast_server_port(server));
    wast_server_etag(server, SL_NAME("x"), etag);
    snprintf(s->etag, sizeof s->etag, "%s%s", weak ? "W/" : "", etag);
    s->base = (sl_source){.size = SIZE,
                          .fd = -1,
                          .url = s->url,
                          .etag = s->etag,
                          .refs = 1,
                          .close = close_url};
    return &s->base;
}

typedef struct reading {
    sl_fetch fetch; /* first */
    sl_data_ctx *ctx;
    sl_segment *segment;
    bool done, failed;
} reading;

static void on_fetched(sl_fetch *fetch, const sl_err *err)
{
    ((reading *)fetch)->done = true;
    ((reading *)fetch)->failed = err != NULL;
}

static void open_reading(reading *r, sl_loop *loop, sl_data_env *env,
                         sl_source *source)
{
    sl_err err = {0};
    *r = (reading){.fetch = {.len = SIZE, .done = on_fetched}};
    r->ctx = sl_data_ctx_new(loop, NULL);
    sl_data_ctx_share(r->ctx, env);
    r->segment =
        sl_segment_new(sl_backing_inline(r->ctx, source, 0, SIZE, &err),
                       "segment 0", NULL);
    assert_int_equal(sl_segment_fetch(r->segment, &r->fetch, &err), SL_OK);
}

/* How many requests both have made. */
static uint64_t read_in_two_stores(wast_server *server, bool weak)
{
    sl_http_config config = sl_http_config_default();
    sl_loop *loop = sl_loop_new(NULL, NULL);
    sl_data_env *env = sl_data_env_new(NULL);
    reading r[STORES];
    uint8_t got[SIZE];
    uint64_t requests = 0;
    config.allow_private = true;
    assert_int_equal(sl_data_env_set_http(env, &config, NULL), SL_OK);
    for (int i = 0; i < STORES; i++) { /* each has opened it for itself */
        sl_source *source = open_url(server, weak);
        open_reading(&r[i], loop, env, source);
        sl_source_unref(source);
    }
    for (int i = 0; i < STORES; i++) {
        assert_true(sl_loop_run(loop, &r[i].done));
        assert_int_equal(r[i].failed, weak); /* which it never said */
        if (!weak) {
            assert_int_equal(
                sl_segment_try_read(r[i].segment, 0, got, SIZE, NULL), SIZE);
            for (uint64_t at = 0; at < SIZE; at++)
                assert_int_equal(got[at], byte_at(at));
        }
        requests += sl_data_ctx_http_stats(r[i].ctx).requests;
        sl_segment_cancel(r[i].segment, &r[i].fetch);
    }
    for (int i = 0; i < STORES; i++) {
        sl_segment_unref(r[i].segment);
        sl_data_ctx_free(r[i].ctx);
    }
    sl_data_env_unref(env);
    sl_loop_free(loop);
    return requests;
}

static void test_url__is_fetched_once_for_two_stores(void **state)
{
    (void)state;
    uint8_t content[SIZE];
    for (uint64_t i = 0; i < SIZE; i++)
        content[i] = byte_at(i);
    wast_server *server = wast_server_start(NULL);
    assert_non_null(server);
    assert_true(wast_server_put(server, SL_NAME("x"), content, SIZE));
    assert_int_equal(read_in_two_stores(server, false), 1);
    assert_true(read_in_two_stores(server, true) >= 2);
    wast_server_stop(server);
}

const struct CMUnitTest url_tests[] = {
    cmocka_unit_test(test_url__is_fetched_once_for_two_stores),
};
const size_t n_url_tests = sizeof url_tests / sizeof *url_tests;
