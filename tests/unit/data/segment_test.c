/* Inline segments: memory and files, warm and cold, shared, faulting. */
#include "check.h"

#include "unit/data/fixture.h"

#define MIB ((size_t)1 << 20)

static void test_memory__is_read_in_place(void **state)
{
    (void)state;
    fixture f;
    uint8_t bytes[1000], back[1000];
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = i < 100 ? 0 : byte_at(i - 100);
    open_loop(&f);
    f.source = sl_source_buffer(bytes, sizeof bytes, false, NULL);
    f.segment = sl_segment_new(
        sl_backing_inline(f.ctx, f.source, 100, 900, NULL), "segment 0", NULL);
    assert_int_equal(f.segment->size, 900);
    assert_string_equal(f.segment->backing->kind, "buffer");
    assert_int_equal(sl_segment_try_read(f.segment, 0, back, 900, NULL), 900);
    assert_bytes(back, 0, 900);
    const sl_backing_ops *ops = f.segment->backing->ops;
    assert_ptr_equal(ops->memory(f.segment->backing, 5, 10), bytes + 105);
    int fd;
    uint64_t offset;
    assert_false(ops->file(f.segment->backing, 0, &fd, &offset, NULL));
    assert_int_equal(sl_data_ctx_stats(f.ctx)->bytes_read, 900);
    close_fixture(&f);
}

static void test_memory__too_short_is_a_fault(void **state)
{
    (void)state;
    fixture f;
    uint8_t bytes[100] = {0}, back[100];
    open_loop(&f);
    f.source = sl_source_buffer(bytes, sizeof bytes, false, NULL);
    f.segment = sl_segment_new(
        sl_backing_inline(f.ctx, f.source, 50, 100, NULL), "segment 3", NULL);
    sl_err err = {0};
    assert_int_equal(sl_segment_try_read(f.segment, 20, back, 40, &err), -1);
    assert_string_equal(
        err.msg,
        "data fault: segment 3, bytes [20, 60): the source is too short");
    assert_int_equal(sl_data_ctx_stats(f.ctx)->faults, 1);
    close_fixture(&f);
}

static void test_file__binding_reads_nothing(void **state)
{
    (void)state;
    fixture f;
    open_file(&f, 123, 2 * MIB);
    assert_int_equal(sl_data_ctx_stats(f.ctx)->bytes_read, 0);
    assert_int_equal(sl_loop_active(f.loop), 0);
    close_fixture(&f);
}

static void test_file__warm_reads_are_direct(void **state)
{
    (void)state;
    fixture f;
    reader r = {0};
    uint8_t *back = malloc(2 * MIB);
    open_file(&f, 123, 2 * MIB);
    assert_true(read_range(&f, &r, 0, back, 2 * MIB, 0));
    assert_bytes(back, 0, 2 * MIB);
    assert_int_equal(sl_data_ctx_stats(f.ctx)->bytes_read, 2 * MIB);
    if (r.calls == 0) /* unless the machine dropped the pages just now */
        assert_int_equal(sl_data_ctx_stats(f.ctx)->reads_pooled, 0);
    close_fixture(&f);
    free(back);
}

static void test_file__cold_reads_go_through_the_pool(void **state)
{
    (void)state;
    fixture f;
    reader r = {0};
    uint8_t *back = malloc(8 * MIB);
    open_file(&f, 5000, 8 * MIB);
    for (int round = 0; round < 2; round++) {
        make_cold(&f);
        uint64_t read_before = sl_data_ctx_stats(f.ctx)->bytes_read;
        for (size_t at = 0; at < 8 * MIB; at += MIB / 4)
            assert_true(read_range(&f, &r, at, back + at, MIB / 4,
                                   8 * MIB - at - MIB / 4));
        assert_bytes(back, 0, 8 * MIB);
        sl_segment_cancel(f.segment, &r.fetch);
        /* Read to its end: nothing in vain, nothing twice. A page that the
         * kernel brought in meanwhile may be taken while its chunk is on the
         * way, so allow for the chunks in flight. */
        assert_true(sl_data_ctx_stats(f.ctx)->bytes_read - read_before <=
                    8 * MIB + SL_READ_AHEAD_MAX + SL_READ_MIN);
    }
    close_fixture(&f);
    free(back);
}

static void test_fetch__is_shared_and_bounded(void **state)
{
    (void)state;
    fixture f;
    open_file(&f, 0, 4 * MIB);
    make_cold(&f);
    reader r[8] = {0};
    uint8_t b[16];
    for (int i = 0; i < 8; i++) /* neighbours: one request serves all */
        assert_int_equal(start_fetch(f.segment, &r[i], MIB + 100 * (uint64_t)i,
                                     16, 4 * MIB - MIB - 1000),
                         SL_OK);
    for (int i = 0; i < 8; i++)
        assert_true(sl_loop_run(f.loop, &r[i].done));
    const sl_data_stats *stats = sl_data_ctx_stats(f.ctx);
    assert_int_equal(stats->reads_pooled, 1);
    assert_int_equal(stats->bytes_read, SL_READ_MIN);
    for (int i = 0; i < 8; i++) {
        uint64_t at = MIB + 100 * (uint64_t)i;
        assert_int_equal(sl_segment_try_read(f.segment, at, b, 16, NULL), 16);
        assert_bytes(b, at, 16);
        sl_segment_release(f.segment, &r[i].fetch);
        sl_segment_cancel(f.segment, &r[i].fetch);
    }
    /* What a reader announced is the bound, also of a small request. */
    memset(r, 0, sizeof r);
    uint64_t before = stats->bytes_read;
    assert_int_equal(start_fetch(f.segment, &r[0], 3 * MIB, 10, 20), SL_OK);
    assert_true(sl_loop_run(f.loop, &r[0].done));
    assert_int_equal(stats->bytes_read - before, 30);
    sl_segment_cancel(f.segment, &r[0].fetch);
    assert_int_equal(sl_loop_active(f.loop), 0);
    close_fixture(&f);
}

static void test_fetch__reads_ahead_but_not_beyond(void **state)
{
    (void)state;
    fixture f;
    open_file(&f, 0, 32 * MIB);
    make_cold(&f);
    reader r = {0};
    const sl_data_stats *stats = sl_data_ctx_stats(f.ctx);
    uint64_t at = 0;
    static uint8_t back[MIB];
    for (int i = 0; i < 12; i++) {
        assert_int_equal(start_fetch(f.segment, &r, at, 1000, 16 * MIB - at),
                         SL_OK);
        assert_true(sl_loop_run(f.loop, &r.done));
        assert_int_equal(r.err.code, SL_OK);
        size_t left = 1000;
        while (left != 0) {
            int64_t n = sl_segment_try_read(f.segment, at, back, left, NULL);
            assert_true(n > 0);
            assert_bytes(back, at, (size_t)n);
            at += (uint64_t)n;
            left -= (size_t)n;
        }
        sl_segment_release(f.segment, &r.fetch);
    }
    sl_segment_cancel(f.segment, &r.fetch);
    while (sl_loop_active(f.loop) != 0) {
        bool never = false;
        sl_loop_run(f.loop, &never);
    }
    assert_true(stats->bytes_read <= at + SL_READ_MIN + SL_READ_AHEAD_MAX);
    close_fixture(&f);
}

static void test_cancel__aborts_and_shares_survive(void **state)
{
    (void)state;
    fixture f;
    open_file(&f, 0, 4 * MIB);
    make_cold(&f);
    reader a = {0}, b = {0};
    uint8_t back[64];
    assert_int_equal(start_fetch(f.segment, &a, 0, 64, 4 * MIB - 64), SL_OK);
    assert_int_equal(start_fetch(f.segment, &b, 0, 64, 0), SL_OK);
    sl_segment_cancel(f.segment, &a.fetch); /* b still wants it */
    assert_true(sl_loop_run(f.loop, &b.done));
    assert_false(a.done);
    assert_int_equal(b.err.code, SL_OK);
    assert_int_equal(sl_segment_try_read(f.segment, 0, back, 64, NULL), 64);
    assert_bytes(back, 0, 64);
    sl_segment_cancel(f.segment, &b.fetch);
    sl_segment_cancel(f.segment, &b.fetch); /* harmless */

    assert_int_equal(start_fetch(f.segment, &a, 2 * MIB, 64, 0), SL_OK);
    sl_segment_cancel(f.segment, &a.fetch);
    bool never = false;
    sl_loop_run(f.loop, &never);
    assert_false(a.done);
    /* Closing with a request of nobody under way. */
    assert_int_equal(start_fetch(f.segment, &a, 3 * MIB, 64, 0), SL_OK);
    sl_segment_cancel(f.segment, &a.fetch);
    close_fixture(&f);
}

static void test_two_segments__share_their_file(void **state)
{
    (void)state;
    fixture f;
    open_file(&f, 0, 2 * MIB);
    make_cold(&f);
    sl_segment *other = sl_segment_new(
        sl_backing_inline(f.ctx, f.source, 1000, MIB, NULL), "segment 1", NULL);
    reader a = {0}, b = {0};
    uint8_t back[16];
    assert_int_equal(start_fetch(f.segment, &a, 1000, 16, 0), SL_OK);
    assert_int_equal(start_fetch(other, &b, 0, 16, 0), SL_OK);
    assert_true(sl_loop_run(f.loop, &b.done));
    assert_true(sl_loop_run(f.loop, &a.done));
    assert_int_equal(sl_data_ctx_stats(f.ctx)->reads_pooled, 1);
    assert_int_equal(sl_segment_try_read(other, 0, back, 16, NULL), 16);
    assert_bytes(back, 1000, 16);
    sl_segment_cancel(f.segment, &a.fetch);
    sl_segment_cancel(other, &b.fetch);
    sl_segment_unref(other);
    close_fixture(&f);
}

/* --- Faults ---- */

static void test_file__truncation_is_a_fault(void **state)
{
    (void)state;
    fixture f;
    reader r = {0};
    uint8_t *back = malloc(4 * MIB);
    open_file(&f, 0, 4 * MIB);
    assert_true(read_range(&f, &r, 0, back, MIB, 0));
    assert_int_equal(ftruncate(f.fd, (off_t)(2 * MIB)), 0);
    sl_err err = {0};
    assert_int_equal(sl_segment_try_read(f.segment, 3 * MIB, back, 10, &err),
                     -1);
    assert_string_equal(
        err.msg, "data fault: segment 0, bytes [3145728, 3145738): the file "
                 "has shrunk");
    close_fixture(&f);

    open_file(&f, 0, 4 * MIB); /* truncated while it is being read */
    make_cold(&f);
    memset(&r, 0, sizeof r);
    assert_int_equal(start_fetch(f.segment, &r, 3 * MIB, 10, 0), SL_OK);
    assert_int_equal(ftruncate(f.fd, (off_t)MIB), 0);
    assert_true(sl_loop_run(f.loop, &r.done));
    if (r.err.code == SL_OK) /* it was faster than we */
        sl_segment_cancel(f.segment, &r.fetch);
    else
        assert_string_equal(r.err.msg, "the file has shrunk");
    memset(&r, 0, sizeof r);
    assert_int_equal(start_fetch(f.segment, &r, 3 * MIB + 50, 10, 0), SL_OK);
    assert_true(sl_loop_run(f.loop, &r.done));
    assert_string_equal(r.err.msg, "the file has shrunk");
    close_fixture(&f);
    free(back);
}

static void test_file__changed_content_is_a_fault(void **state)
{
    (void)state;
    fixture f;
    reader r = {0};
    uint8_t back[16];
    open_file(&f, 0, MIB);
    assert_true(read_range(&f, &r, 0, back, 16, 0));
    struct timespec times[2] = {{0, UTIME_OMIT}, {1000000000, 0}};
    assert_int_equal(futimens(f.fd, times), 0);
    sl_err err = {0};
    assert_int_equal(sl_segment_try_read(f.segment, 0, back, 16, &err), -1);
    assert_non_null(strstr(err.msg, "the file has changed"));
    assert_int_equal(start_fetch(f.segment, &r, 100, 10, 0), SL_OK);
    assert_true(sl_loop_run(f.loop, &r.done));
    assert_string_equal(r.err.msg, "the file has changed");
    close_fixture(&f);
}

static void test_file__too_short_from_the_start(void **state)
{
    (void)state;
    fixture f;
    reader r = {0};
    uint8_t back[16];
    open_file(&f, 0, 1000);
    sl_segment *longer =
        sl_segment_new(sl_backing_inline(f.ctx, f.source, 500, 1000, NULL),
                       "import `m`", NULL);
    sl_err err = {0};
    assert_int_equal(sl_segment_try_read(longer, 600, back, 16, &err), -1);
    assert_string_equal(err.msg, "data fault: import `m`, bytes [600, 616): "
                                 "the file is too short");
    assert_int_equal(start_fetch(longer, &r, 490, 100, 0), SL_OK);
    assert_true(sl_loop_run(f.loop, &r.done));
    assert_string_equal(r.err.msg, "unexpected end of the file");
    sl_segment_unref(longer);
    close_fixture(&f);
}

/* --- Prefetch ---- */

static void test_prefetch__warms_a_bounded_range(void **state)
{
    (void)state;
    fixture f;
    open_file(&f, 0, 4 * MIB);
    make_cold(&f);
    sl_segment_prefetch(f.segment, MIB, 3 * MIB);
    sl_segment_prefetch(f.segment, 0, 0);
    bool never = false;
    sl_loop_run(f.loop, &never);
    assert_int_equal(sl_data_ctx_stats(f.ctx)->bytes_prefetched, 3 * MIB);
    assert_int_equal(sl_data_ctx_stats(f.ctx)->bytes_read, 0);
    make_cold(&f);
    sl_segment_prefetch(f.segment, 0, 4 * MIB); /* closed half-way */
    close_fixture(&f);
}

/* --- Many reads against plain bytes, warm and cold ---- */

static uint64_t rnd(uint64_t *x)
{
    *x ^= *x << 13;
    *x ^= *x >> 7;
    *x ^= *x << 17;
    return *x;
}

static void test_random_reads__agree_with_the_bytes(void **state)
{
    (void)state;
    fixture f;
    size_t size = 3 * MIB + 777;
    open_file(&f, 4096 + 13, size);
    static uint8_t back[70000];
    for (uint64_t seed = 1; seed <= 10; seed++) {
        uint64_t x = seed * 0x9e3779b97f4a7c15u;
        reader r = {0};
        for (int i = 0; i < 10000; i++) {
            if (i % 2500 == 0)
                make_cold(&f);
            uint64_t at = rnd(&x) % size;
            size_t most = i % 100 == 0 ? sizeof back : 300;
            size_t len = 1 + (size_t)(rnd(&x) % most);
            if (len > size - at)
                len = size - at;
            uint64_t ahead = rnd(&x) % (size - at - len + 1);
            assert_true(read_range(&f, &r, at, back, len, ahead));
            assert_bytes(back, at, len);
            if (i % 7 == 0)
                sl_segment_cancel(f.segment, &r.fetch);
        }
        sl_segment_cancel(f.segment, &r.fetch);
    }
    close_fixture(&f);
}

static void test_no_descriptor_is_left(void **state)
{
    (void)state;
    int before = count_fds();
    fixture f;
    open_file(&f, 0, MIB);
    make_cold(&f);
    reader r = {0};
    start_fetch(f.segment, &r, 0, 100, MIB - 100);
    sl_segment_cancel(f.segment, &r.fetch);
    close_fixture(&f);
    assert_int_equal(count_fds(), before);
}

/* --- The chooser ---- */

static void test_schedule__is_off_or_replayable(void **state)
{
    (void)state;
    fixture f;
    open_loop(&f);
    for (int i = 0; i < 100; i++) {
        assert_int_equal(sl_data_choose_piece(f.ctx, 1000), 1000);
        assert_int_equal(sl_data_choose_delay(f.ctx), 0);
    }
    uint64_t first[200];
    bool small = false, whole = false, late = false;
    for (int round = 0; round < 2; round++) {
        sl_data_ctx_schedule(f.ctx, 42);
        for (int i = 0; i < 200; i++) {
            uint64_t n = sl_data_choose_piece(f.ctx, 1000);
            uint32_t d = sl_data_choose_delay(f.ctx);
            assert_true(n >= 1 && n <= 1000);
            small |= n == 1;
            whole |= n > 500;
            late |= d > 0;
            if (round == 0)
                first[i] = n << 8 | d;
            else
                assert_int_equal(first[i], n << 8 | d);
        }
    }
    assert_true(small && whole && late);
    close_fixture(&f);
}

const struct CMUnitTest segment_tests[] = {
    cmocka_unit_test(test_memory__is_read_in_place),
    cmocka_unit_test(test_memory__too_short_is_a_fault),
    cmocka_unit_test(test_file__binding_reads_nothing),
    cmocka_unit_test(test_file__warm_reads_are_direct),
    cmocka_unit_test(test_file__cold_reads_go_through_the_pool),
    cmocka_unit_test(test_fetch__is_shared_and_bounded),
    cmocka_unit_test(test_fetch__reads_ahead_but_not_beyond),
    cmocka_unit_test(test_cancel__aborts_and_shares_survive),
    cmocka_unit_test(test_two_segments__share_their_file),
    cmocka_unit_test(test_file__truncation_is_a_fault),
    cmocka_unit_test(test_file__changed_content_is_a_fault),
    cmocka_unit_test(test_file__too_short_from_the_start),
    cmocka_unit_test(test_prefetch__warms_a_bounded_range),
    cmocka_unit_test(test_random_reads__agree_with_the_bytes),
    cmocka_unit_test(test_no_descriptor_is_left),
    cmocka_unit_test(test_schedule__is_off_or_replayable),
};
const size_t n_segment_tests = sizeof segment_tests / sizeof *segment_tests;
