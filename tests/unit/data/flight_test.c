/* Chunks that several stores of an engine want at the same time: one fetch.
 * docs/data-segments.md, section 6: "share one fetch per range". */
#include "check.h"

#include <pthread.h>
#include <unistd.h>

#include "data/flight.h"
#include "unit/data/stores.h"

/* --- One loop ------------------------------------------------------------------------ */

typedef struct pair { /* the first one's fetch is under way, the other's waits */
    engine e;
    sl_loop *loop;
    store s[2];
    reader r[2];
} pair;

static void open_pair(pair *p)
{
    open_engine(&p->e);
    p->loop = sl_loop_new(NULL, NULL);
    for (int i = 0; i < 2; i++) {
        open_store(&p->s[i], &p->e, p->loop);
        want(p->s[i].segment, &p->r[i], 3);
        turn_until(p->loop, &p->e.counts.reads, 1);
    }
    turn_for_a_while(p->loop);
    assert_int_equal(counted(&p->e.counts.reads), 1);
    assert_false(p->r[0].done);
    assert_false(p->r[1].done);
}

static void close_pair(pair *p)
{
    sl_loop_run(p->loop, &(bool){false});
    assert_int_equal(sl_loop_active(p->loop), 0);
    sl_loop_free(p->loop);
    close_engine(&p->e);
}

static void test_flight__stores_of_a_loop_fetch_once(void **state)
{
    (void)state;
    pair p;
    open_pair(&p);
    answer(p.s[0].origin, NULL);
    for (int i = 0; i < 2; i++)
        expect_right(&p.s[i], p.s[i].segment, &p.r[i], 3);
    assert_int_equal(counted(&p.e.counts.reads), 1);
    assert_int_equal(sl_data_ctx_stats(p.s[0].ctx)->bytes_fetched, CHUNK);
    assert_int_equal(sl_data_ctx_stats(p.s[1].ctx)->bytes_fetched, 0);
    assert_int_equal(sl_data_ctx_stats(p.s[1].ctx)->memory_hits, 1);
    for (int i = 0; i < 2; i++)
        close_store(&p.s[i]);
    close_pair(&p);
}

static void test_flight__segments_of_one_content_fetch_once(void **state)
{
    (void)state;
    engine e;
    store s;
    reader r[2];
    open_engine(&e);
    open_store(&s, &e, NULL);
    sl_source *again =
        sl_source_buffer(e.table.data, e.table.len, false, NULL);
    origin *first = s.origin;
    sl_segment *other = bind_segment(&s, again);
    assert_ptr_not_equal(other->backing, s.segment->backing);
    want(s.segment, &r[0], 0);
    turn_until(s.loop, &e.counts.reads, 1);
    want(other, &r[1], 0);
    turn_for_a_while(s.loop);
    assert_int_equal(counted(&e.counts.reads), 1);
    answer(first, NULL);
    expect_right(&s, s.segment, &r[0], 0);
    expect_right(&s, other, &r[1], 0);
    assert_int_equal(counted(&e.counts.reads), 1);
    sl_segment_unref(other);
    sl_source_unref(again);
    close_store(&s);
    close_engine(&e);
}

/* Whoever is left fetches it. */
static void test_flight__the_one_that_fetches_goes(void **state)
{
    (void)state;
    for (int way = 0; way < 3; way++) {
        pair p;
        open_pair(&p);
        p.s[1].origin->answers = true;
        if (way == 0)
            close_store(&p.s[0]);
        else if (way == 1)
            sl_segment_cancel(p.s[0].segment, &p.r[0].fetch);
        else /* memory, say: not what the other would meet */
            answer(p.s[0].origin,
                   &(sl_err){.code = SL_ENOMEM, .msg = "out of memory"});
        expect_right(&p.s[1], p.s[1].segment, &p.r[1], 3);
        assert_int_equal(counted(&p.e.counts.reads), 2);
        assert_int_equal(counted(&p.e.counts.cancelled), way != 2);
        assert_int_equal(p.r[0].done, way == 2);
        if (way != 0)
            close_store(&p.s[0]);
        close_store(&p.s[1]);
        close_pair(&p);
    }
}

static void test_flight__nobody_wants_it_any_more(void **state)
{
    (void)state;
    for (int first = 0; first < 2; first++) {
        pair p;
        open_pair(&p);
        sl_segment_cancel(p.s[first].segment, &p.r[first].fetch);
        if (first == 0) /* the other one asks now */
            turn_until(p.loop, &p.e.counts.reads, 2);
        assert_int_equal(counted(&p.e.counts.cancelled), first == 0);
        sl_segment_cancel(p.s[!first].segment, &p.r[!first].fetch);
        assert_int_equal(counted(&p.e.counts.cancelled),
                         counted(&p.e.counts.reads));
        for (int i = 0; i < 2; i++) {
            assert_false(p.r[i].done);
            close_store(&p.s[i]);
        }
        close_pair(&p);
    }
}

/* Somebody waits for what another store only prefetches. */
static void test_flight__is_hurried(void **state)
{
    (void)state;
    engine e;
    store s[2];
    reader r;
    open_engine(&e);
    sl_loop *loop = sl_loop_new(NULL, NULL);
    open_store(&s[0], &e, loop);
    open_store(&s[1], &e, loop);
    sl_segment_prefetch(s[0].segment, 0, CHUNK);
    turn_until(loop, &e.counts.reads, 1);
    assert_true(s[0].origin->held->read->background);
    sl_segment_prefetch(s[1].segment, 0, CHUNK);
    turn_for_a_while(loop);
    assert_int_equal(counted(&e.counts.hurried), 0);
    want(s[1].segment, &r, 0);
    turn_until(loop, &e.counts.hurried, 1);
    answer(s[0].origin, NULL);
    expect_right(&s[1], s[1].segment, &r, 0);
    assert_int_equal(counted(&e.counts.reads), 1);
    for (int i = 0; i < 2; i++)
        close_store(&s[i]);
    sl_loop_free(loop);
    close_engine(&e);
}

/* --- Loops of one thread: one of them runs at a time ----------------------------------- */

static void test_flight__a_loop_that_does_not_run(void **state)
{
    (void)state;
    engine e;
    store s[2];
    reader r[2];
    open_engine(&e);
    for (int i = 0; i < 2; i++) {
        open_store(&s[i], &e, NULL);
        want(s[i].segment, &r[i], 7);
        s[i].origin->answers = i == 1;
        if (i == 0)
            turn_until(s[0].loop, &e.counts.reads, 1);
    }
    expect_right(&s[1], s[1].segment, &r[1], 7);
    assert_int_equal(counted(&e.counts.reads), 2);
    assert_false(r[0].done);
    answer(s[0].origin, NULL);
    expect_right(&s[0], s[0].segment, &r[0], 7);
    for (int i = 0; i < 2; i++)
        close_store(&s[i]);
    close_engine(&e);
}

/* --- Threads ------------------------------------------------------------------------------ */

typedef struct other_thread {
    engine *e;
    pthread_t thread;
    int begun, right, over;
} other_thread;

static void *read_on_own_loop(void *arg)
{
    other_thread *t = arg;
    store s;
    reader r = {0};
    open_store(&s, t->e, NULL);
    s.origin->answers = true;
    bool good = start_fetch(s.segment, &r, 9 * CHUNK + 5, 100, 0) == SL_OK;
    count(&t->begun);
    good = good && sl_loop_run(s.loop, &r.done) && r.err.code == SL_OK &&
           is_right(s.segment, 9);
    t->right = good;
    sl_segment_release(s.segment, &r.fetch);
    close_store(&s);
    count(&t->over);
    return NULL;
}

static void start_other(other_thread *t, engine *e)
{
    *t = (other_thread){.e = e};
    assert_int_equal(pthread_create(&t->thread, NULL, read_on_own_loop, t), 0);
}

static void join_other(other_thread *t)
{
    assert_int_equal(pthread_join(t->thread, NULL), 0);
    assert_true(t->right);
}

typedef enum ending { ANSWERS, CLOSES, CANCELS, STANDS_STILL } ending;

/* How many requests there were. */
static int fetch_on_two_threads(ending how)
{
    engine e;
    store s;
    reader r;
    other_thread t;
    open_engine(&e);
    open_store(&s, &e, NULL);
    want(s.segment, &r, 9);
    turn_until(s.loop, &e.counts.reads, 1);
    start_other(&t, &e);
    turn_until(s.loop, &t.begun, 1);
    if (how == STANDS_STILL)
        join_other(&t);
    for (int i = 0; i < 4 && how != STANDS_STILL; i++)
        turn_for_a_while(s.loop);
    if (how == ANSWERS || how == STANDS_STILL) {
        answer(s.origin, NULL);
        expect_right(&s, s.segment, &r, 9);
    } else if (how == CANCELS) {
        sl_segment_cancel(s.segment, &r.fetch);
    } else {
        close_store(&s);
    }
    if (how != STANDS_STILL)
        join_other(&t);
    if (how != CLOSES)
        close_store(&s);
    close_engine(&e);
    return e.counts.reads;
}

static void test_flight__threads_fetch_once(void **state)
{
    (void)state;
    int once = 0;
    for (int i = 0; i < 20 && once == 0; i++) { /* a slow machine: stands still */
        int reads = fetch_on_two_threads(ANSWERS);
        assert_true(reads == 1 || reads == 2);
        once += reads == 1;
    }
    assert_int_equal(once, 1);
}

static void test_flight__threads_take_over(void **state)
{
    (void)state;
    assert_int_equal(fetch_on_two_threads(CLOSES), 2);
    assert_int_equal(fetch_on_two_threads(CANCELS), 2);
    assert_int_equal(fetch_on_two_threads(STANDS_STILL), 2);
}

/* Fetches, gives up, goes, at random, on several threads. */

typedef struct walker {
    engine *e;
    uint64_t random;
    pthread_t thread;
    int wrong, right;
} walker;

static uint64_t below(walker *w, uint64_t bound)
{
    w->random = w->random * UINT64_C(6364136223846793005) + 1442695040888963407;
    return (w->random >> 33) % bound;
}

static void *walk(void *arg)
{
    walker *w = arg;
    enum { STORES = 2, READERS = 4 };
    store s[STORES];
    sl_loop *loop = sl_loop_new(NULL, NULL);
    for (int round = 0; round < 4; round++) {
        reader r[STORES][READERS];
        memset(r, 0, sizeof r);
        for (int i = 0; i < STORES; i++) {
            open_store(&s[i], w->e, loop);
            s[i].origin->answers = true;
            for (int k = 0; k < READERS; k++)
                if (start_fetch(s[i].segment, &r[i][k],
                                below(w, CHUNKS) * CHUNK + 5, 100, 0) != SL_OK)
                    w->wrong++;
        }
        for (int i = 0; i < STORES * READERS; i++) {
            int of = (int)below(w, STORES), k = (int)below(w, READERS);
            reader *one = &r[of][k];
            if (one->fetch.owner == NULL)
                continue;
            if (below(w, 4) == 0) {
                sl_segment_cancel(s[of].segment, &one->fetch);
                continue;
            }
            if (!sl_loop_run(loop, &one->done) || one->err.code != SL_OK ||
                !is_right(s[of].segment, one->fetch.at / CHUNK))
                w->wrong++;
            w->right++;
        }
        for (int i = 0; i < STORES; i++) {
            for (int k = 0; k < READERS; k++)
                if (r[i][k].done) /* others are under way */
                    sl_segment_release(s[i].segment, &r[i][k].fetch);
            close_store(&s[i]);
        }
    }
    sl_loop_free(loop);
    return NULL;
}

static void test_flight__many_threads(void **state)
{
    (void)state;
    enum { THREADS = 4, ENGINES = 25 };
    int right = 0, reads = 0;
    for (int i = 0; i < ENGINES; i++) {
        engine e;
        walker w[THREADS];
        open_engine(&e);
        for (int k = 0; k < THREADS; k++) {
            w[k] = (walker){.e = &e, .random = (uint64_t)(i * THREADS + k)};
            assert_int_equal(pthread_create(&w[k].thread, NULL, walk, &w[k]),
                             0);
        }
        for (int k = 0; k < THREADS; k++) {
            assert_int_equal(pthread_join(w[k].thread, NULL), 0);
            assert_int_equal(w[k].wrong, 0);
            right += w[k].right;
        }
        reads += e.counts.reads;
        close_engine(&e);
    }
    assert_true(right > ENGINES * THREADS * 4);
    assert_true(reads >= ENGINES);
}

/* --- The registry: who is told what ---------------------------------------------------------- */

typedef struct told {
    sl_flight flight; /* first */
    sl_flight_state now;
    int times;
} told;

static void on_told(sl_flight *flight, sl_flight_state now)
{
    told *t = (told *)flight;
    t->now = now;
    t->times++;
}

static void init_told(told *t, sl_flights *all, sl_loop *loop, uint8_t key,
                      const void *place, uint64_t at)
{
    *t = (told){.flight = {.key = {key}, .declared = true, .len = 100}};
    t->flight.place = place;
    t->flight.place_at = at;
    sl_flight_init(&t->flight, all, loop, on_told);
}

static void test_registry__failures_of_a_place_are_shared(void **state)
{
    (void)state;
    enum { N = 6 };
    static const struct {
        int code;      /* of the failure */
        int failed, leads, waits; /* of the five others */
    } row[] = {
        {SL_EIO, 2, 1, 2}, {SL_ENOMEM, 0, 1, 4}, {SL_ECANCELLED, 0, 1, 4},
    };
    sl_loop *loop = sl_loop_new(NULL, NULL);
    sl_flights *all = sl_flights_new();
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        told t[N];
        /* 1 and 2 want it from the same place as 0, 3 of the same file
         * elsewhere, 4 and 5 from nowhere in particular. */
        static const int places[2];
        for (int k = 0; k < N; k++) {
            init_told(&t[k], all, loop, 1, k < 4 ? &places[0] : NULL, k == 3);
            assert_int_equal(sl_flight_join(&t[k].flight),
                             k == 0 ? SL_FLIGHT_LEADS : SL_FLIGHT_WAITS);
            if (k != 0)
                assert_int_equal(sl_flight_wait(&t[k].flight, false),
                                 SL_FLIGHT_WAITS);
        }
        sl_err err = {.code = row[i].code, .msg = "the cause"};
        sl_flight_end(&t[0].flight, NULL, &err);
        turn(loop);
        int failed = 0, leads = 0, waits = 0;
        for (int k = 1; k < N; k++) {
            failed += t[k].times == 1 && t[k].now == SL_FLIGHT_FAILED;
            leads += t[k].times == 1 && t[k].now == SL_FLIGHT_LEADS;
            waits += t[k].times == 0;
            if (t[k].now == SL_FLIGHT_FAILED)
                assert_string_equal(t[k].flight.err.msg, "the cause");
        }
        assert_int_equal(failed, row[i].failed);
        assert_int_equal(leads, row[i].leads);
        assert_int_equal(waits, row[i].waits);
        for (int k = 0; k < N; k++)
            sl_flight_leave(&t[k].flight);
        assert_int_equal(sl_loop_active(loop), 0);
    }
    sl_flights_free(all);
    sl_loop_free(loop);
}

static void test_registry__other_content_is_another_flight(void **state)
{
    (void)state;
    sl_loop *loop = sl_loop_new(NULL, NULL);
    sl_flights *all = sl_flights_new();
    told t[5];
    for (int k = 0; k < 5; k++)
        init_told(&t[k], all, loop, 1, NULL, 0);
    t[1].flight.len = 99;
    t[2].flight.declared = false; /* a name, not a digest */
    t[3].flight.key[31] = 1;
    for (int k = 0; k < 5; k++)
        assert_int_equal(sl_flight_join(&t[k].flight),
                         k < 4 ? SL_FLIGHT_LEADS : SL_FLIGHT_WAITS);
    sl_blob *blob = sl_blob_new(100);
    sl_flight_end(&t[0].flight, blob, NULL);
    /* It had not begun to wait: it finds out. */
    assert_int_equal(sl_flight_wait(&t[4].flight, true), SL_FLIGHT_HERE);
    assert_ptr_equal(t[4].flight.blob, blob);
    assert_int_equal(t[4].times, 0);
    assert_int_equal(blob->refs, 2);
    for (int k = 0; k < 5; k++)
        sl_flight_leave(&t[k].flight);
    assert_int_equal(blob->refs, 1);
    sl_blob_unref(blob);
    sl_flights_free(all);
    sl_loop_free(loop);
}

const struct CMUnitTest flight_tests[] = {
    cmocka_unit_test(test_flight__stores_of_a_loop_fetch_once),
    cmocka_unit_test(test_flight__segments_of_one_content_fetch_once),
    cmocka_unit_test(test_flight__the_one_that_fetches_goes),
    cmocka_unit_test(test_flight__nobody_wants_it_any_more),
    cmocka_unit_test(test_flight__is_hurried),
    cmocka_unit_test(test_flight__a_loop_that_does_not_run),
    cmocka_unit_test(test_flight__threads_fetch_once),
    cmocka_unit_test(test_flight__threads_take_over),
    cmocka_unit_test(test_flight__many_threads),
    cmocka_unit_test(test_registry__failures_of_a_place_are_shared),
    cmocka_unit_test(test_registry__other_content_is_another_flight),
};
const size_t n_flight_tests = sizeof flight_tests / sizeof *flight_tests;
