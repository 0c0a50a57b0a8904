/* Segments whose bytes the embedder brings: late, never, wrongly. */
#include "check.h"

#include "unit/data/fixture.h"

typedef struct origin {
    int reads, cancels, closes;
    bool at_once; /* finishes inside read_at */
    bool fails;
    sl_callback_read *held[16]; /* else kept for the test to finish */
    void *to[16];
    uint64_t at[16];
    size_t len[16];
    int n;
} origin;

static void fill(void *to, uint64_t at, size_t len)
{
    for (size_t i = 0; i < len; i++)
        ((uint8_t *)to)[i] = byte_at(at + i);
}

static void read_at(void *arg, uint64_t at, void *to, size_t len,
                    sl_callback_read *request)
{
    origin *o = arg;
    o->reads++;
    if (o->at_once) {
        sl_err err = {0};
        if (o->fails)
            sl_fail(&err, SL_EIO, SL_ERR_NO_PLACE, "connection refused");
        fill(to, at, len);
        sl_callback_finish(request, &err);
        return;
    }
    o->held[o->n] = request;
    o->to[o->n] = to;
    o->at[o->n] = at;
    o->len[o->n++] = len;
}

static void cancel(void *arg, sl_callback_read *request)
{
    (void)request;
    ((origin *)arg)->cancels++;
}

static void close_origin(void *arg)
{
    ((origin *)arg)->closes++;
}

static const sl_callback_ops ops = {read_at, cancel, close_origin};

static void finish(origin *o, int i)
{
    fill(o->to[i], o->at[i], o->len[i]);
    sl_callback_finish(o->held[i], NULL);
}

static void open_origin(fixture *f, origin *o, uint64_t size)
{
    open_loop(f);
    f->segment =
        sl_segment_new(sl_backing_callback(f->ctx, &ops, o, size, NULL),
                       "import `model`", NULL);
}

static void test_callback__reads_in_order(void **state)
{
    (void)state;
    fixture f;
    origin o = {.at_once = true};
    size_t size = 3000000;
    uint8_t *back = malloc(size);
    reader r = {0};
    open_origin(&f, &o, size);
    for (size_t at = 0; at < size; at += 10000)
        assert_true(
            read_range(&f, &r, at, back + at, 10000, size - at - 10000));
    assert_bytes(back, 0, size);
    assert_int_equal(sl_data_ctx_stats(f.ctx)->bytes_read, size);
    assert_true(o.reads <= 12); /* read-ahead makes requests few */
    assert_int_equal(sl_loop_active(f.loop), 0);
    close_fixture(&f);
    assert_int_equal(o.closes, 1);
    free(back);
}

static void test_callback__completes_out_of_order(void **state)
{
    (void)state;
    fixture f;
    origin o = {0};
    reader r[3] = {0};
    uint8_t b[8];
    open_origin(&f, &o, 4000000);
    for (int i = 0; i < 3; i++)
        start_fetch(f.segment, &r[i], 1000000 * (uint64_t)i, 8, 0);
    assert_int_equal(o.n, 3);
    finish(&o, 2);
    assert_false(r[2].done); /* never inside */
    assert_true(sl_loop_run(f.loop, &r[2].done));
    assert_int_equal(sl_segment_try_read(f.segment, 0, b, 8, NULL), 0);
    assert_int_equal(sl_segment_try_read(f.segment, 2000000, b, 8, NULL), 8);
    assert_bytes(b, 2000000, 8);
    finish(&o, 0);
    finish(&o, 1);
    for (int i = 0; i < 3; i++) {
        assert_true(sl_loop_run(f.loop, &r[i].done));
        sl_segment_release(f.segment, &r[i].fetch);
    }
    close_fixture(&f);
}

static void test_callback__failure_reaches_all_and_is_retried(void **state)
{
    (void)state;
    fixture f;
    origin o = {.at_once = true, .fails = true};
    reader a = {0}, b = {0};
    open_origin(&f, &o, 1000);
    start_fetch(f.segment, &a, 0, 8, 0);
    start_fetch(f.segment, &b, 4, 4, 0);
    assert_int_equal(o.reads, 1);
    assert_true(sl_loop_run(f.loop, &a.done));
    assert_true(sl_loop_run(f.loop, &b.done));
    assert_string_equal(a.err.msg, "connection refused");
    assert_string_equal(b.err.msg, "connection refused");
    o.fails = false;
    uint8_t to[8];
    assert_true(read_range(&f, &a, 0, to, 8, 0));
    assert_bytes(to, 0, 8);
    close_fixture(&f);
}

static void test_callback__closed_while_reading(void **state)
{
    (void)state;
    fixture f;
    origin o = {0};
    reader r = {0};
    open_origin(&f, &o, 1000);
    start_fetch(f.segment, &r, 0, 8, 992);
    sl_segment_cancel(f.segment, &r.fetch);
    assert_int_equal(o.cancels, 1);
    sl_segment_unref(f.segment);
    f.segment = NULL;
    assert_int_equal(o.closes, 0); /* a request is not finished */
    finish(&o, 0);
    bool never = false;
    sl_loop_run(f.loop, &never);
    assert_int_equal(o.closes, 1);
    assert_false(r.done);
    close_fixture(&f);
}

static void test_callback__prefetch_is_used(void **state)
{
    (void)state;
    fixture f;
    origin o = {.at_once = true};
    uint8_t b[100];
    bool never = false;
    open_origin(&f, &o, 100000000);
    sl_segment_prefetch(f.segment, 50, 1000);
    sl_loop_run(f.loop, &never);
    assert_int_equal(sl_segment_try_read(f.segment, 60, b, 100, NULL), 100);
    assert_bytes(b, 60, 100);
    sl_segment_prefetch(f.segment, 0, 100000000); /* bounded */
    sl_loop_run(f.loop, &never);
    assert_true(sl_data_ctx_stats(f.ctx)->bytes_read <= 16 * SL_READ_MAX);
    close_fixture(&f);
}

/* --- In memory, or advised --------------------------------------------------- */

static uint8_t memory[100000];

/* Only the second half is in memory. */
static const void *map(void *arg, uint64_t at, size_t len)
{
    (void)arg;
    (void)len;
    return at >= sizeof memory / 2 ? memory + at : NULL;
}

static void prefetch(void *arg, uint64_t at, uint64_t len)
{
    origin *o = arg;
    o->at[0] = at;
    o->len[0] = (size_t)len;
}

static void test_callback__maps_and_prefetches(void **state)
{
    (void)state;
    static const sl_callback_ops both = {read_at, cancel, close_origin, map,
                                         prefetch};
    fixture f;
    origin o = {.at_once = true};
    uint8_t back[1000];
    reader r = {0};
    fill(memory, 0, sizeof memory);
    open_loop(&f);
    f.segment = sl_segment_new(
        sl_backing_callback(f.ctx, &both, &o, sizeof memory, NULL),
        "import `model`", NULL);
    sl_segment_prefetch(f.segment, 70, 700);
    assert_int_equal(o.at[0], 70);
    assert_int_equal(o.len[0], 700);
    assert_int_equal(o.reads, 0);
    assert_true(read_range(&f, &r, 90000, back, 1000, 0));
    assert_memory_equal(back, memory + 90000, 1000);
    assert_int_equal(o.reads, 0);
    assert_true(read_range(&f, &r, 10, back, 1000, 0));
    assert_memory_equal(back, memory + 10, 1000);
    assert_int_equal(o.reads, 1);
    sl_segment_cancel(f.segment, &r.fetch);
    close_fixture(&f);
    assert_int_equal(o.closes, 1);
}

const struct CMUnitTest callback_tests[] = {
    cmocka_unit_test(test_callback__maps_and_prefetches),
    cmocka_unit_test(test_callback__reads_in_order),
    cmocka_unit_test(test_callback__completes_out_of_order),
    cmocka_unit_test(test_callback__failure_reaches_all_and_is_retried),
    cmocka_unit_test(test_callback__closed_while_reading),
    cmocka_unit_test(test_callback__prefetch_is_used),
};
const size_t n_callback_tests = sizeof callback_tests / sizeof *callback_tests;
