/* SegmentStream, docs/data-segments.md, section 6, case by case. */
#include "check.h"

#include "unit/stream/data_fixture.h"

static void test_read__is_immediate_when_resident(void **state)
{
    (void)state;
    fixture f;
    uint8_t to[200];
    open_memory_segment(&f, 1000);
    sl_shared *s = stream_of(&f, 100, 400);
    assert_int_equal(guest_read(&f.g, s, to, 200), SL_OK);
    assert_true(f.g.event); /* without a turn of the loop */
    assert_int_equal(f.g.result, SL_COPY_COMPLETED);
    assert_int_equal(take_event(&f, s), 200);
    assert_bytes(to, 100, 200);
    /* The bytes that reach the end come with DROPPED. */
    assert_int_equal(guest_read(&f.g, s, to, 200), SL_OK);
    assert_int_equal(f.g.result, SL_COPY_DROPPED);
    assert_int_equal(take_event(&f, s), 100);
    assert_bytes(to, 300, 100);
    assert_int_equal(sl_data_ctx_stats(f.store->data)->bytes_to_guest, 300);
    sl_shared_drop(s, SL_READABLE);
    close_fixture(&f);
}

static void test_read__exactly_to_the_end_is_dropped(void **state)
{
    (void)state;
    fixture f;
    uint8_t to[10];
    open_memory_segment(&f, 10);
    sl_shared *s = stream_of(&f, 0, 10);
    assert_int_equal(guest_read(&f.g, s, to, 10), SL_OK);
    assert_int_equal(f.g.result, SL_COPY_DROPPED);
    assert_int_equal(take_event(&f, s), 10);
    sl_shared_drop(s, SL_READABLE);
    close_fixture(&f);
}

static void test_empty__first_read_is_dropped_with_0(void **state)
{
    (void)state;
    fixture f;
    uint8_t to[10];
    open_memory_segment(&f, 1000);
    const uint64_t at[] = {0, 500, 1000};
    for (int i = 0; i < 3; i++)
        for (uint32_t n = 0; n < 2; n++) {
            sl_shared *s = stream_of(&f, at[i], at[i]);
            assert_int_equal(guest_read(&f.g, s, to, n), SL_OK);
            assert_int_equal(f.g.result, SL_COPY_DROPPED);
            assert_int_equal(take_event(&f, s), 0);
            sl_shared_drop(s, SL_READABLE);
        }
    close_fixture(&f);
}

static void test_zero_length__waits_for_residency(void **state)
{
    (void)state;
    fixture f;
    uint8_t to[10];
    open_file_segment(&f, 0, 1 << 20);
    make_cold(&f);
    sl_shared *s = stream_of(&f, 500000, 500003);
    assert_int_equal(guest_read(&f.g, s, to, 0), SL_OK);
    assert_int_equal(take_event(&f, s), 0);
    assert_int_equal(f.g.result, SL_COPY_COMPLETED);
    /* What it waited for is still there. */
    assert_int_equal(guest_read(&f.g, s, to, 10), SL_OK);
    assert_true(f.g.event);
    assert_int_equal(f.g.result, SL_COPY_DROPPED);
    assert_int_equal(take_event(&f, s), 3);
    assert_bytes(to, 500000, 3);
    sl_shared_drop(s, SL_READABLE);
    close_fixture(&f);
}

static void test_read__blocks_for_what_is_not_here(void **state)
{
    (void)state;
    fixture f;
    size_t size = 3 << 20;
    uint8_t *to = malloc(size);
    open_file_segment(&f, 777, size);
    make_cold(&f);
    sl_shared *s = stream_of(&f, 0, size);
    uint64_t at = 0;
    int blocked = 0;
    f.g.result = SL_COPY_COMPLETED;
    while (f.g.result == SL_COPY_COMPLETED) {
        assert_int_equal(guest_read(&f.g, s, to + at, 1000000), SL_OK);
        blocked += !f.g.event;
        at += take_event(&f, s);
    }
    assert_int_equal(f.g.result, SL_COPY_DROPPED);
    assert_int_equal(at, size);
    assert_bytes(to, 0, size);
    assert_true(blocked > 0);
    sl_shared_drop(s, SL_READABLE);
    close_fixture(&f);
    free(to);
}

/* --- An origin that brings bytes when it is told to ---- */

typedef struct origin {
    sl_callback_read *held[8];
    uint8_t *to[8];
    uint64_t at[8];
    size_t len[8];
    int n, cancels;
} origin;

static void origin_read(void *arg, uint64_t at, void *to, size_t len,
                        sl_callback_read *request)
{
    origin *o = arg;
    assert_true(o->n < 8);
    o->held[o->n] = request;
    o->to[o->n] = to;
    o->at[o->n] = at;
    o->len[o->n++] = len;
}

static void origin_cancel(void *arg, sl_callback_read *request)
{
    ((origin *)arg)->cancels++;
    sl_callback_finish(request, NULL);
}

static const sl_callback_ops origin_ops = {origin_read, origin_cancel, NULL};

static void bring(fixture *f, origin *o, int i, const sl_err *err)
{
    for (size_t k = 0; k < o->len[i]; k++)
        o->to[i][k] = byte_at(o->at[i] + k);
    sl_callback_finish(o->held[i], err);
    drain_loop(f);
}

static void open_origin(fixture *f, origin *o, uint64_t size)
{
    memset(o, 0, sizeof *o);
    open_store(f);
    f->segment = sl_segment_new(
        sl_backing_callback(f->store->data, &origin_ops, o, size, NULL),
        "import `m`", NULL);
}

static void test_pending__fills_on_until_the_event_is_taken(void **state)
{
    (void)state;
    fixture f;
    origin o;
    size_t size = 3 << 20;
    uint8_t *to = malloc(size);
    open_origin(&f, &o, 4 << 20);
    sl_shared *s = stream_of(&f, 0, 4 << 20);
    assert_int_equal(guest_read(&f.g, s, to, (uint32_t)size), SL_OK);
    assert_false(f.g.event);
    assert_true(o.n >= 3); /* pieces of what the guest asked for */
    bring(&f, &o, 0, NULL);
    assert_true(f.g.event);
    assert_int_equal(f.g.copies, 1);
    assert_int_equal(f.g.buffer.base.progress, o.len[0]);
    bring(&f, &o, 1, NULL); /* the event carries the sum */
    assert_int_equal(f.g.buffer.base.progress, o.len[0] + o.len[1]);
    size_t got = take_event(&f, s);
    bring(&f, &o, 2, NULL); /* too late for this read, there for the next */
    assert_int_equal(f.g.buffer.base.progress, got);
    assert_bytes(to, 0, got);
    assert_int_equal(guest_read(&f.g, s, to, 1000), SL_OK);
    assert_true(f.g.event);
    assert_int_equal(take_event(&f, s), 1000);
    assert_bytes(to, got, 1000);
    sl_shared_drop(s, SL_READABLE);
    drain_loop(&f);
    close_fixture(&f);
    free(to);
}

static void test_pending__completes_when_the_buffer_is_full(void **state)
{
    (void)state;
    fixture f;
    origin o;
    uint8_t to[100];
    open_origin(&f, &o, 200);
    sl_shared *s = stream_of(&f, 0, 200);
    assert_int_equal(guest_read(&f.g, s, to, 100), SL_OK);
    bring(&f, &o, 0, NULL);
    assert_int_equal(f.g.dones, 1);
    assert_int_equal(f.g.result, SL_COPY_COMPLETED);
    assert_int_equal(take_event(&f, s), 100);
    assert_int_equal(guest_read(&f.g, s, to, 100), SL_OK);
    assert_int_equal(f.g.result, SL_COPY_DROPPED);
    assert_int_equal(take_event(&f, s), 100);
    assert_bytes(to, 100, 100);
    sl_shared_drop(s, SL_READABLE);
    close_fixture(&f);
}

static void test_cancel__stops_waiting_and_keeps_the_place(void **state)
{
    (void)state;
    fixture f;
    origin o;
    uint8_t to[100];
    open_origin(&f, &o, 200);
    sl_shared *s = stream_of(&f, 50, 200);
    assert_int_equal(guest_read(&f.g, s, to, 100), SL_OK);
    s->ops->cancel(s, SL_READABLE);
    assert_int_equal(f.g.result, SL_COPY_CANCELLED);
    assert_int_equal(take_event(&f, s), 0);
    bring(&f, &o, 0, NULL); /* nobody's buffer is touched */
    assert_false(f.g.event);
    assert_int_equal(guest_read(&f.g, s, to, 100), SL_OK);
    assert_int_equal(take_event(&f, s), 100);
    assert_bytes(to, 50, 100);
    assert_int_equal(o.n, 1);
    sl_shared_drop(s, SL_READABLE);
    close_fixture(&f);
}

static void test_drop__aborts_what_nobody_wants(void **state)
{
    (void)state;
    fixture f;
    origin o;
    uint8_t to[100];
    open_origin(&f, &o, 200);
    sl_shared *a = stream_of(&f, 0, 200), *b = stream_of(&f, 0, 200);
    guest other = {.inst = {.store = f.store}};
    assert_int_equal(guest_read(&f.g, a, to, 100), SL_OK);
    assert_int_equal(guest_read(&other, b, to, 100), SL_OK);
    assert_int_equal(o.n, 1); /* one request for both */
    a->ops->cancel(a, SL_READABLE);
    sl_shared_drop(a, SL_READABLE);
    assert_int_equal(o.cancels, 0);
    b->ops->cancel(b, SL_READABLE);
    sl_shared_drop(b, SL_READABLE);
    assert_int_equal(o.cancels, 1);
    drain_loop(&f);
    close_fixture(&f);
}

/* --- Faults ---- */

static void test_fault__traps_the_reading_instance(void **state)
{
    (void)state;
    fixture f;
    origin o;
    uint8_t to[100];
    sl_err err = {0};
    sl_fail(&err, SL_EIO, SL_ERR_NO_PLACE, "connection refused");
    open_origin(&f, &o, 200);
    sl_shared *s = stream_of(&f, 20, 120);
    assert_int_equal(guest_read(&f.g, s, to, 100), SL_OK);
    bring(&f, &o, 0, &err);
    assert_false(f.g.event); /* nothing is delivered */
    assert_int_equal(f.traps, 1);
    assert_string_equal(f.store->trap.err.msg,
                        "data fault: import `m`, bytes [20, 120): connection "
                        "refused");
    assert_int_equal(sl_data_ctx_stats(f.store->data)->faults, 1);
    sl_shared_drop(s, SL_READABLE);
    close_fixture(&f);
}

static void test_fault__after_progress_waits_for_the_next_read(void **state)
{
    (void)state;
    fixture f;
    origin o;
    size_t size = 3 << 20;
    uint8_t *to = malloc(size);
    sl_err err = {0};
    sl_fail(&err, SL_EIO, SL_ERR_NO_PLACE, "short body");
    open_origin(&f, &o, size);
    sl_shared *s = stream_of(&f, 0, size);
    assert_int_equal(guest_read(&f.g, s, to, (uint32_t)size), SL_OK);
    bring(&f, &o, 0, NULL);
    bring(&f, &o, 1, &err);
    assert_int_equal(f.traps, 0);
    assert_true(f.g.event);
    uint32_t n = take_event(&f, s);
    assert_int_equal(n, o.len[0]);
    assert_bytes(to, 0, n);
    int before = o.n;
    assert_int_equal(guest_read(&f.g, s, to, 100), SL_OK);
    assert_true(o.n > before); /* tried again */
    bring(&f, &o, before, &err);
    assert_int_equal(f.traps, 1);
    for (int i = 2; i < o.n; i++)
        if (i != before)
            bring(&f, &o, i, NULL);
    sl_shared_drop(s, SL_READABLE);
    drain_loop(&f);
    close_fixture(&f);
    free(to);
}

static void test_fault__found_at_once_traps_the_call(void **state)
{
    (void)state;
    fixture f;
    uint8_t to[100];
    open_file_segment(&f, 0, 100000);
    sl_shared *s = stream_of(&f, 0, 100000);
    assert_int_equal(guest_read(&f.g, s, to, 100), SL_OK);
    (void)take_event(&f, s);
    assert_int_equal(ftruncate(f.fd, 50), 0);
    assert_int_equal(guest_read(&f.g, s, to, 100), SL_ETRAP);
    assert_string_equal(f.store->trap.err.msg,
                        "data fault: segment 0, bytes [100, 200): the file "
                        "has shrunk");
    sl_shared_drop(s, SL_READABLE);
    close_fixture(&f);
}

static sl_err refused(void)
{
    sl_err err = {0};
    sl_fail(&err, SL_EIO, SL_ERR_NO_PLACE, "connection refused");
    return err;
}

/* Of two readers of the same bytes the one that still waits meets the fault; the
 * other one asks anew when it reads again. */
static void test_fault__is_nothing_to_who_has_cancelled(void **state)
{
    (void)state;
    fixture f;
    origin o;
    uint8_t to[100], to_other[100];
    sl_err err = refused();
    open_origin(&f, &o, 200);
    sl_shared *a = stream_of(&f, 20, 120), *b = stream_of(&f, 20, 120);
    guest other = {.inst = {.store = f.store}};
    assert_int_equal(guest_read(&f.g, a, to, 100), SL_OK);
    assert_int_equal(guest_read(&other, b, to_other, 100), SL_OK);
    a->ops->cancel(a, SL_READABLE);
    assert_int_equal(f.g.result, SL_COPY_CANCELLED);
    assert_int_equal(take_event(&f, a), 0);
    assert_int_equal(o.n, 1);
    bring(&f, &o, 0, &err);
    assert_int_equal(f.traps, 1);
    assert_false(f.g.event || other.event);
    assert_int_equal(guest_read(&f.g, a, to, 100), SL_OK);
    assert_int_equal(o.n, 2);
    bring(&f, &o, 1, NULL);
    assert_int_equal(take_event(&f, a), 100);
    assert_bytes(to, 20, 100);
    assert_int_equal(f.traps, 1);
    sl_shared_drop(a, SL_READABLE);
    sl_shared_drop(b, SL_READABLE);
    close_fixture(&f);
}

static void test_fault__of_a_dropped_reader_is_nobodys(void **state)
{
    (void)state;
    fixture f;
    origin o;
    uint8_t to[100];
    sl_err err = refused();
    open_origin(&f, &o, 200);
    sl_shared *a = stream_of(&f, 0, 200), *b = stream_of(&f, 0, 200);
    assert_int_equal(guest_read(&f.g, a, to, 100), SL_OK);
    a->ops->cancel(a, SL_READABLE);
    sl_shared_drop(a, SL_READABLE); /* the request is given up */
    assert_int_equal(o.cancels, 1);
    drain_loop(&f);
    f.g.event = false;
    assert_int_equal(guest_read(&f.g, b, to, 100), SL_OK);
    assert_int_equal(o.n, 2);
    bring(&f, &o, 1, &err);
    assert_int_equal(f.traps, 1); /* b's alone */
    sl_shared_drop(b, SL_READABLE);
    close_fixture(&f);
}

typedef struct asked {
    bool now; /* since it was last cleared */
    int calls, retries;
    uint32_t attempt; /* the last one's */
} asked;

static bool ask(void *arg, const sl_fault *fault)
{
    asked *a = arg;
    a->now = true;
    a->attempt = fault->attempt;
    return ++a->calls <= a->retries;
}

/* Fails a request and stops where the embedder has been asked: another attempt
 * is to be made in the loop's next turn. */
static void fail_and_ask(fixture *f, origin *o, int i, asked *a)
{
    sl_err err = refused();
    a->now = false;
    sl_callback_finish(o->held[i], &err);
    assert_true(sl_loop_run(f->loop, &a->now));
}

static void test_retry__then_a_trap(void **state)
{
    (void)state;
    fixture f;
    origin o;
    uint8_t to[100];
    asked a = {.retries = 2};
    open_origin(&f, &o, 200);
    sl_data_ctx_on_fault(f.store->data, ask, &a);
    sl_shared *s = stream_of(&f, 20, 120);
    assert_int_equal(guest_read(&f.g, s, to, 100), SL_OK);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(f.traps, 0);
        assert_int_equal(o.n, i + 1);
        fail_and_ask(&f, &o, i, &a);
        assert_int_equal(a.attempt, i + 1);
        drain_loop(&f);
    }
    assert_int_equal(o.n, 3);
    assert_int_equal(f.traps, 1);
    assert_false(f.g.event);
    sl_shared_drop(s, SL_READABLE);
    close_fixture(&f);
}

static void test_retry__cancelled_before_it_is_made(void **state)
{
    (void)state;
    fixture f;
    origin o;
    uint8_t to[100];
    asked a = {.retries = 100};
    open_origin(&f, &o, 200);
    sl_data_ctx_on_fault(f.store->data, ask, &a);
    sl_shared *s = stream_of(&f, 20, 120);
    assert_int_equal(guest_read(&f.g, s, to, 100), SL_OK);
    fail_and_ask(&f, &o, 0, &a);
    assert_int_equal(o.n, 1);
    s->ops->cancel(s, SL_READABLE);
    assert_int_equal(f.g.result, SL_COPY_CANCELLED);
    assert_int_equal(take_event(&f, s), 0);
    drain_loop(&f);
    assert_int_equal(o.n, 1); /* nobody wants them any more */
    assert_int_equal(guest_read(&f.g, s, to, 100), SL_OK);
    fail_and_ask(&f, &o, 1, &a);
    assert_int_equal(a.attempt, 1); /* of this read */
    drain_loop(&f);
    bring(&f, &o, 2, NULL);
    assert_int_equal(take_event(&f, s), 100);
    assert_bytes(to, 20, 100);
    assert_int_equal(f.traps, 0);
    sl_shared_drop(s, SL_READABLE);
    close_fixture(&f);
}

static void test_retry__dropped_or_closed_before_it_is_made(void **state)
{
    (void)state;
    for (int closed = 0; closed < 2; closed++) {
        fixture f;
        origin o;
        uint8_t to[100];
        asked a = {.retries = 100};
        open_origin(&f, &o, 200);
        sl_data_ctx_on_fault(f.store->data, ask, &a);
        sl_shared *s = stream_of(&f, 20, 120);
        assert_int_equal(guest_read(&f.g, s, to, 100), SL_OK);
        fail_and_ask(&f, &o, 0, &a);
        if (closed) {
            sl_shared_unref(s); /* as the closing store does */
        } else {
            s->ops->cancel(s, SL_READABLE);
            sl_shared_drop(s, SL_READABLE);
            drain_loop(&f);
        }
        assert_int_equal(o.n, 1);
        close_fixture(&f);
        assert_int_equal(o.n, 1);
    }
}

static void test_store_close__while_a_read_waits(void **state)
{
    (void)state;
    fixture f;
    uint8_t to[100];
    open_file_segment(&f, 0, 1 << 20);
    make_cold(&f);
    sl_shared *s = stream_of(&f, 0, 1 << 20);
    assert_int_equal(guest_read(&f.g, s, to, 100), SL_OK);
    sl_shared_unref(s); /* as the closing store does */
    close_fixture(&f);
}

/* --- Any schedule delivers the same bytes ---- */

static uint64_t rnd(uint64_t *x)
{
    *x ^= *x << 13;
    *x ^= *x >> 7;
    *x ^= *x << 17;
    return *x;
}

static void test_schedules__deliver_the_same_bytes(void **state)
{
    (void)state;
    fixture f;
    size_t size = 300000;
    static uint8_t to[9000];
    open_file_segment(&f, 99, size);
    uint64_t reads = 0, blocked = 0, seed = 1;
    for (; reads < 100000; seed++) {
        uint64_t x = seed * UINT64_C(0x9e3779b97f4a7c15);
        if (seed % 4 == 0)
            make_cold(&f);
        sl_data_ctx_schedule(f.store->data, seed);
        uint64_t start = rnd(&x) % size, end = start + rnd(&x) % 20000;
        if (end > size)
            end = size;
        uint64_t at = start;
        sl_shared *s = stream_of(&f, start, end);
        for (;;) {
            uint32_t n =
                (uint32_t)(rnd(&x) % 64 ? rnd(&x) % 300 : rnd(&x) % sizeof to);
            assert_int_equal(guest_read(&f.g, s, to, n), SL_OK);
            reads++;
            blocked += !f.g.event;
            if (!f.g.event && rnd(&x) % 8 == 0)
                s->ops->cancel(s, SL_READABLE);
            uint32_t got = take_event(&f, s);
            assert_true(got <= n);
            assert_bytes(to, at, got);
            at += got;
            if (f.g.result == SL_COPY_DROPPED)
                break;
            if (f.g.result == SL_COPY_COMPLETED && n != 0)
                assert_true(got > 0);
            assert_true(at < end || start == end);
        }
        assert_int_equal(at, end);
        sl_shared_drop(s, SL_READABLE);
    }
    assert_true(blocked > reads / 10);
    drain_loop(&f);
    close_fixture(&f);
}

const struct CMUnitTest segment_tests[] = {
    cmocka_unit_test(test_read__is_immediate_when_resident),
    cmocka_unit_test(test_read__exactly_to_the_end_is_dropped),
    cmocka_unit_test(test_empty__first_read_is_dropped_with_0),
    cmocka_unit_test(test_zero_length__waits_for_residency),
    cmocka_unit_test(test_read__blocks_for_what_is_not_here),
    cmocka_unit_test(test_pending__fills_on_until_the_event_is_taken),
    cmocka_unit_test(test_pending__completes_when_the_buffer_is_full),
    cmocka_unit_test(test_cancel__stops_waiting_and_keeps_the_place),
    cmocka_unit_test(test_drop__aborts_what_nobody_wants),
    cmocka_unit_test(test_fault__traps_the_reading_instance),
    cmocka_unit_test(test_fault__after_progress_waits_for_the_next_read),
    cmocka_unit_test(test_fault__found_at_once_traps_the_call),
    cmocka_unit_test(test_fault__is_nothing_to_who_has_cancelled),
    cmocka_unit_test(test_fault__of_a_dropped_reader_is_nobodys),
    cmocka_unit_test(test_retry__then_a_trap),
    cmocka_unit_test(test_retry__cancelled_before_it_is_made),
    cmocka_unit_test(test_retry__dropped_or_closed_before_it_is_made),
    cmocka_unit_test(test_store_close__while_a_read_waits),
    cmocka_unit_test(test_schedules__deliver_the_same_bytes),
};
const size_t n_segment_tests = sizeof segment_tests / sizeof *segment_tests;
