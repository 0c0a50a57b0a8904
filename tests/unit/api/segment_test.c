#include "fixture.h"

#include <stdlib.h>
#include <unistd.h>
#include <uv.h>

static uint8_t text[200000];

static void make_text(void)
{
    fill_bytes(text, sizeof text);
}

/* BYTES with the segment (whose reference it takes) as its text. */
static void bytes_init(fixture *f, sluice_segment *segment)
{
    assert_non_null(segment);
    fixture_init(f, BYTES);
    assert_int_equal(
        sluice_linker_segment(f->linker, "text", segment, &f->error),
        SLUICE_OK);
    sluice_segment_free(segment);
    fixture_instantiate(f);
}

/* greet() into sum(). */
static sluice_status sum_text(fixture *f, uint64_t *sum)
{
    sluice_val stream = {0}, result = {0};
    sluice_status st = call(f, "greet", NULL, &stream);
    if (st == SLUICE_OK)
        st = call(f, "sum", &stream, &result);
    *sum = result.of.u64;
    return st;
}

/* --- Buffers and files --------------------------------------------------------- */

static void test_segment__buffers_and_files(void **state)
{
    (void)state;
    char path[64];
    sluice_error error = {0};
    make_text();
    temp_file(path, text, sizeof text);
    int fds = count_fds();
    for (int way = 0; way < 3; way++) {
        fixture f;
        uint64_t sum;
        sluice_segment *s =
            way == 2 ? sluice_segment_from_file(path, &error)
                     : sluice_segment_from_buffer(text, sizeof text, way == 1,
                                                  &error);
        assert_int_equal(sluice_segment_size(s), sizeof text);
        bytes_init(&f, s);
        for (int again = 0; again < 2; again++) {
            assert_int_equal(sum_text(&f, &sum), SLUICE_OK);
            assert_int_equal(sum, sum_bytes(text, sizeof text));
        }
        fixture_deinit(&f);
    }
    assert_int_equal(count_fds(), fds);
    unlink(path);
    static const char *const bad[] = {"/tmp/no/such/file", "/tmp", "/dev/zero"};
    for (size_t i = 0; i < N(bad); i++) {
        assert_null(sluice_segment_from_file(bad[i], &error));
        assert_int_equal(error.status, SLUICE_EIO);
        assert_true(error.message[0] != '\0');
        assert_null(sluice_segment_from_file(bad[i], NULL));
    }
    sluice_segment_free(NULL);
    assert_int_equal(count_fds(), fds);
}

typedef struct step {
    bool done, end;
    size_t n;
    sluice_error error;
} step;

static void was_read(void *arg, size_t n, bool end, const sluice_error *error)
{
    step *s = arg;
    *s = (step){.done = true, .end = end, .n = n};
    if (error != NULL)
        s->error = *error;
}

/* Reads all of a stream; what came before it ended. */
static step read_all(fixture *f, sluice_stream *stream, uint8_t *to, size_t cap)
{
    step s = {0};
    size_t n = 0;
    sluice_reader *r = sluice_reader_new(stream, &f->error);
    while (!s.end) {
        s.done = false;
        assert_int_equal(sluice_reader_read(r, to + n, cap - n, was_read, &s),
                         SLUICE_OK);
        assert_int_equal(sluice_store_run(f->store, &s.done), SLUICE_OK);
        n += s.n;
    }
    sluice_reader_free(r);
    s.n = n;
    return s;
}

static void test_segment__ranges(void **state)
{
    (void)state;
    static const struct {
        uint64_t start, len;
        bool good;
    } rows[] = {
        {0, 10, true},  {0, 0, true},          {10, 0, true},
        {3, 4, true},   {9, 1, true},          {0, 11, false},
        {11, 0, false}, {1, UINT64_MAX, false}, {UINT64_MAX, 1, false},
    };
    fixture f;
    uint8_t got[16];
    fixture_init(&f, MATH);
    sluice_segment *s = sluice_segment_from_buffer("0123456789", 10, true, NULL);
    for (size_t i = 0; i < N(rows); i++) {
        sluice_stream *stream = sluice_segment_read(
            f.store, s, rows[i].start, rows[i].len, &f.error);
        assert_int_equal(stream != NULL, rows[i].good);
        if (stream == NULL) {
            assert_int_equal(f.error.status, SLUICE_ERANGE);
            continue;
        }
        step all = read_all(&f, stream, got, sizeof got);
        assert_int_equal(all.n, rows[i].len);
        assert_memory_equal(got, "0123456789" + rows[i].start, rows[i].len);
    }
    sluice_segment_free(s);
    fixture_deinit(&f);
}

/* A file that is shorter than it was: a data fault, not a crash. */
static void test_segment__truncated_file(void **state)
{
    (void)state;
    char path[64];
    uint8_t *got = malloc(sizeof text);
    make_text();
    for (int by_guest = 0; by_guest < 2; by_guest++) {
        fixture f;
        temp_file(path, text, sizeof text);
        bytes_init(&f, sluice_segment_from_file(path, NULL));
        assert_int_equal(truncate(path, 70000), 0);
        if (by_guest) {
            uint64_t sum;
            assert_int_equal(sum_text(&f, &sum), SLUICE_ETRAP);
            assert_non_null(strstr(f.error.message, "data fault"));
        } else {
            sluice_val stream = {0};
            assert_int_equal(call(&f, "greet", NULL, &stream), SLUICE_OK);
            step s = read_all(&f, stream.of.stream, got, sizeof text);
            assert_true(s.n <= 70000);
            assert_memory_equal(got, text, s.n);
            assert_true(s.error.status != SLUICE_OK);
            assert_non_null(strstr(s.error.message, "data fault"));
        }
        assert_true(sluice_store_stats(f.store).data_faults > 0);
        fixture_deinit(&f);
        unlink(path);
    }
    free(got);
}

static void test_segment__exported(void **state)
{
    (void)state;
    fixture f;
    uint8_t *got = malloc(sizeof text);
    make_text();
    bytes_init(&f, sluice_segment_from_buffer(text, sizeof text, false, NULL));
    sluice_segment *s = sluice_instance_segment(f.instance, "text");
    assert_non_null(s);
    assert_int_equal(sluice_segment_size(s), sizeof text);
    assert_null(sluice_instance_segment(f.instance, "greet"));
    assert_null(sluice_instance_segment(f.instance, "no"));
    step all =
        read_all(&f, sluice_segment_read(f.store, s, 100, 1000, &f.error), got,
                 sizeof text);
    assert_int_equal(all.n, 1000);
    assert_memory_equal(got, text + 100, 1000);

    sluice_store *other = sluice_store_new(f.engine, NULL, &f.error);
    assert_null(sluice_segment_read(other, s, 0, 1, &f.error));
    assert_int_equal(f.error.status, SLUICE_EUSAGE);
    sluice_store_free(other);
    sluice_segment_free(s);
    free(got);
    fixture_deinit(&f);
}

/* --- Callbacks -------------------------------------------------------------------- */

typedef struct backing {
    enum { AT_ONCE, LATER, FAILS, FAILS_LATER, NEVER } way;
    int reads, cancelled, closed, open;
    uint64_t asked; /* bytes */
    sluice_fetch *last;
} backing;

typedef struct answer {
    uv_timer_t timer;
    backing *b;
    sluice_fetch *fetch;
} answer;

static void finish_fetch(backing *b, sluice_fetch *fetch)
{
    b->open--;
    sluice_fetch_done(fetch, b->way == FAILS || b->way == FAILS_LATER
                                 ? "the disk is on fire"
                                 : NULL);
}

static void free_answer(uv_handle_t *handle)
{
    free(handle->data);
}

static void on_timer(uv_timer_t *timer)
{
    answer *a = timer->data;
    finish_fetch(a->b, a->fetch);
    uv_close((uv_handle_t *)timer, free_answer);
}

static uv_loop_t *the_loop;

static void read_at(void *arg, sluice_fetch *fetch, uint64_t at, void *to,
                    size_t len)
{
    backing *b = arg;
    assert_true(at + len <= sizeof text && len > 0);
    b->reads++;
    b->open++;
    b->asked += len;
    b->last = fetch;
    memcpy(to, text + at, len);
    if (b->way == AT_ONCE || b->way == FAILS) {
        finish_fetch(b, fetch);
    } else if (b->way != NEVER) {
        answer *a = malloc(sizeof *a);
        *a = (answer){.b = b, .fetch = fetch};
        a->timer.data = a;
        uv_timer_init(the_loop, &a->timer);
        uv_timer_start(&a->timer, on_timer, 1, 0);
    }
}

static void cancel(void *arg, sluice_fetch *fetch)
{
    backing *b = arg;
    b->cancelled++;
    if (b->way == NEVER)
        finish_fetch(b, fetch);
}

static void close_backing(void *arg)
{
    backing *b = arg;
    assert_int_equal(b->open, 0);
    b->closed++;
}

static sluice_segment *over(backing *b)
{
    sluice_backing callbacks = {sizeof text, read_at, cancel, close_backing, b};
    return sluice_segment_from_callbacks(&callbacks, NULL);
}

static void test_segment__callbacks(void **state)
{
    (void)state;
    make_text();
    for (int way = AT_ONCE; way <= FAILS_LATER; way++)
        for (uint64_t seed = 0; seed < 3; seed++) {
            fixture f;
            backing b = {.way = way};
            uint64_t sum;
            bytes_init(&f, over(&b));
            the_loop = sluice_store_loop(f.store);
            sluice_store_set_seed(f.store, seed);
            assert_int_equal(b.reads, 0); /* lazy */
            sluice_status st = sum_text(&f, &sum);
            if (way < FAILS) {
                assert_int_equal(st, SLUICE_OK);
                assert_int_equal(sum, sum_bytes(text, sizeof text));
                assert_int_equal(b.asked, sizeof text); /* each byte once */
            } else {
                assert_int_equal(st, SLUICE_ETRAP);
                assert_non_null(strstr(f.error.message, "data fault"));
                assert_non_null(
                    strstr(f.error.message, "the disk is on fire"));
                bool never = false; /* let the timers answer */
                sluice_store_run(f.store, &never);
            }
            fixture_deinit(&f);
            assert_int_equal(b.closed, 1);
        }
}

/* The host reads: a fault is the end of the stream, and says why. */
static void test_segment__callback_fault_at_the_host(void **state)
{
    (void)state;
    fixture f;
    uint8_t got[16];
    backing b = {.way = FAILS};
    fixture_init(&f, MATH);
    sluice_segment *s = over(&b);
    step all = read_all(&f, sluice_segment_read(f.store, s, 10, 6, NULL), got,
                        sizeof got);
    assert_int_equal(all.n, 0);
    assert_int_equal(all.error.status, SLUICE_EIO);
    assert_non_null(strstr(all.error.message, "[10, 16)"));
    assert_non_null(strstr(all.error.message, "the disk is on fire"));
    assert_int_equal(sluice_store_stats(f.store).data_faults, 1);
    sluice_segment_free(s);
    fixture_deinit(&f);
    assert_int_equal(b.closed, 1);
}

/* Nobody wants it any more: cancel() is told, the answer comes all the same. */
static void test_segment__callback_cancelled(void **state)
{
    (void)state;
    for (int way = 0; way < 3; way++) {
        fixture f;
        uint8_t byte;
        step s = {0};
        backing b = {.way = NEVER};
        fixture_init(&f, MATH);
        sluice_segment *segment = over(&b);
        sluice_reader *r = sluice_reader_new(
            sluice_segment_read(f.store, segment, 0, 1000, NULL), NULL);
        sluice_reader_read(r, &byte, 1, was_read, &s);
        assert_int_equal(b.reads, 1);
        if (way == 0)
            sluice_reader_free(r);
        sluice_segment_free(segment);
        if (way == 2) { /* answered long after the store has gone */
            b.way = LATER;
            sluice_store_free(f.store);
            f.store = NULL;
            assert_int_equal(b.cancelled, 1);
            assert_int_equal(b.closed, 0);
            finish_fetch(&b, b.last);
            assert_int_equal(b.closed, 1);
        }
        fixture_deinit(&f);
        if (way != 0)
            sluice_reader_free(r);
        assert_int_equal(b.cancelled, 1);
        assert_int_equal(b.closed, 1);
    }
}

/* One segment in two stores; each asks for itself. */
static void test_segment__in_two_stores(void **state)
{
    (void)state;
    fixture a, b;
    uint64_t sum;
    backing bytes = {.way = AT_ONCE};
    make_text();
    sluice_segment *s = over(&bytes);
    fixture_init(&b, BYTES);
    sluice_linker_segment(b.linker, "text", s, NULL);
    bytes_init(&a, s);
    fixture_instantiate(&b);
    assert_int_equal(sum_text(&a, &sum), SLUICE_OK);
    fixture_deinit(&a);
    assert_int_equal(bytes.closed, 0);
    assert_int_equal(sum_text(&b, &sum), SLUICE_OK);
    assert_int_equal(sum, sum_bytes(text, sizeof text));
    fixture_deinit(&b);
    assert_int_equal(bytes.closed, 1);
}

const struct CMUnitTest segment_tests[] = {
    cmocka_unit_test(test_segment__buffers_and_files),
    cmocka_unit_test(test_segment__ranges),
    cmocka_unit_test(test_segment__truncated_file),
    cmocka_unit_test(test_segment__exported),
    cmocka_unit_test(test_segment__callbacks),
    cmocka_unit_test(test_segment__callback_fault_at_the_host),
    cmocka_unit_test(test_segment__callback_cancelled),
    cmocka_unit_test(test_segment__in_two_stores),
};
const size_t n_segment_tests = N(segment_tests);
