/* Sets of chunks on a grid, whose bytes are brought when the test says so: how
 * chunks are found, what is asked for and when, what is kept. */
#include "check.h"

#include "base/alloc.h"
#include "data/data_int.h"
#include "unit/data/fixture.h"

enum { GRID = 1 << 16, MIB_CHUNKS = (1 << 20) / GRID };

typedef struct world {
    fixture f;
    sl_backing backing; /* that asks */
    sl_chunks set;
    sl_chunk *asked[1 << 12]; /* in order; those before n_brought are here */
    size_t n_asked, n_brought;
} world;

static world *w;

static sl_status on_start(sl_chunks *set, sl_chunk *chunk, sl_err *err)
{
    (void)err;
    assert_ptr_equal(set, &w->set);
    assert_true(w->n_asked < sizeof w->asked / sizeof w->asked[0]);
    w->asked[w->n_asked++] = chunk;
    return SL_OK;
}

static void on_abort(sl_chunk *chunk)
{
    const sl_err err = {.code = SL_ECANCELLED};
    for (size_t i = w->n_brought; i < w->n_asked; i++)
        if (w->asked[i] == chunk)
            w->asked[i] = NULL;
    sl_chunk_finish(chunk, &err);
}

static void on_release(sl_chunk *chunk)
{
    (void)chunk;
}

static const sl_chunk_ops ops = {
    .size = sizeof(sl_chunk),
    .start = on_start,
    .abort = on_abort,
    .release = on_release,
};

static void open_world(uint64_t size)
{
    w = calloc(1, sizeof *w);
    open_loop(&w->f);
    w->backing.ctx = w->f.ctx;
    w->set = sl_chunks_make(w->f.ctx, &ops, GRID, size);
    w->set.backing = &w->backing;
}

static void close_world(void)
{
    sl_chunks_deinit(&w->set);
    assert_int_equal(w->set.n, 0);
    assert_int_equal(w->set.in_flight, 0);
    close_fixture(&w->f);
    free(w);
}

/* Brings the oldest chunk that has been asked for. */
static void bring(void)
{
    sl_chunk *chunk = w->asked[w->n_brought++];
    for (size_t i = 0; chunk != NULL && i < chunk->len; i += 4096)
        chunk->data[i] = byte_at(chunk->at + i);
    if (chunk != NULL)
        sl_chunk_finish(chunk, NULL);
}

static bool is_here(uint64_t at)
{
    uint8_t byte = 0;
    if (sl_chunks_read(&w->set, at, &byte, 1) == 0)
        return false;
    assert_int_equal(byte, byte_at(at));
    return true;
}

/* Every one of many, whatever the order; and those that are not there. */
static void test_chunks__are_found_among_many(void **state)
{
    enum { N = 1000 };
    (void)state;
    open_world((uint64_t)2 * N * GRID);
    w->set.in_flight_max = w->set.idle_max = N;
    for (uint64_t i = 0; i < N; i++) /* every other one, 7 apart */
        sl_chunks_prefetch(&w->set, i * 7 % N * 2 * GRID, 1);
    assert_int_equal(w->set.n, N);
    assert_false(is_here(0)); /* not yet */
    while (w->n_brought < N)
        bring();
    for (uint64_t i = 0; i < 2 * N; i++)
        assert_int_equal(is_here(i * GRID), i % 2 == 0);
    assert_int_equal(w->set.unread, N);
    uint8_t *piece = malloc(GRID);
    for (uint64_t i = 0; i < N; i++) { /* read to the end, they go */
        uint64_t at = i * 11 % N * 2 * GRID;
        assert_int_equal(sl_chunks_read(&w->set, at, piece, GRID), GRID);
        assert_false(is_here(at));
        assert_int_equal(w->set.n, N - 1 - i);
    }
    free(piece);
    close_world();
}

/* A reader of the whole content, a piece of 1 MiB at a time; chunks come one by
 * one. Says what was asked for while it went on. */
typedef struct passage {
    size_t runs, shortest; /* requests after the first `from` chunks */
    size_t from;
    size_t late; /* chunks waited for that had not been asked for before */
} passage;

static void read_chunk(uint64_t at, uint8_t *piece, reader *r)
{
    size_t left = GRID;
    while (left != 0) {
        size_t n = sl_chunks_read(&w->set, at, piece, left);
        assert_true(n != 0);
        at += n;
        left -= n;
    }
    sl_chunks_release(&r->fetch);
}

static void note_run(passage *p, size_t n, bool last)
{
    if (w->n_asked - n < p->from || n == 0 || last)
        return;
    p->runs++;
    if (n < p->shortest)
        p->shortest = n;
}

static void pass(passage *p)
{
    reader r = {.fetch = {.done = on_fetched}};
    uint8_t *piece = malloc(GRID);
    uint64_t size = w->set.size;
    for (uint64_t at = 0; at < size; at += GRID) {
        size_t before = w->n_asked;
        uint64_t left = size - at;
        r.done = false;
        r.fetch.at = at;
        r.fetch.len = (size_t)(left < 1 << 20 ? left : 1 << 20);
        r.fetch.ahead = left - r.fetch.len;
        p->late += before * GRID <= at;
        assert_int_equal(sl_chunks_fetch(&w->set, &r.fetch, 0, NULL), SL_OK);
        while (!r.done)
            bring();
        read_chunk(at, piece, &r);
        sl_chunks_ahead(&w->set, &r.fetch, at + GRID, left - GRID);
        note_run(p, w->n_asked - before, w->n_asked * GRID == size);
        assert_true(w->set.in_flight <= w->set.in_flight_max + MIB_CHUNKS);
    }
    sl_chunks_cancel(&w->set, &r.fetch);
    free(piece);
}

static void set_remote(void)
{
    w->set.ahead_max = SL_REMOTE_AHEAD_MAX;
    w->set.ahead_min = SL_REMOTE_AHEAD_MAX / 2;
    w->set.in_flight_max = SL_REMOTE_AHEAD_MAX / GRID;
    w->set.idle_max = SL_REMOTE_IDLE_MAX;
}

/* Every request costs: a reader that is slower than what it reads from asks for
 * halves of its window, each before it has read the one before. */
static void test_ahead__asks_for_long_runs(void **state)
{
    (void)state;
    passage p = {.from = 16 * MIB_CHUNKS, .shortest = SIZE_MAX};
    open_world(UINT64_C(64) << 20);
    set_remote();
    pass(&p);
    assert_int_equal(w->n_asked, 64 * MIB_CHUNKS); /* none twice */
    assert_int_equal(p.late, 1);                   /* the first */
    assert_true(p.runs >= 10 && p.shortest >= 4 * MIB_CHUNKS);
    close_world();
}

/* Where requests cost nothing, the window is always full. */
static void test_ahead__keeps_the_window_full(void **state)
{
    (void)state;
    passage p = {.from = 16 * MIB_CHUNKS, .shortest = SIZE_MAX};
    open_world(UINT64_C(32) << 20);
    pass(&p);
    assert_int_equal(w->n_asked, 32 * MIB_CHUNKS);
    assert_int_equal(p.late, 1);
    assert_int_equal(p.shortest, 1);
    close_world();
}

/* What was asked for may be displaced by what others read meanwhile. */
static void test_ahead__asks_again_for_what_has_gone(void **state)
{
    (void)state;
    reader r = {.fetch = {.len = 1 << 20, .ahead = 15 << 20}};
    r.fetch.done = on_fetched;
    open_world(UINT64_C(16) << 20);
    set_remote();
    assert_int_equal(sl_chunks_fetch(&w->set, &r.fetch, 0, NULL), SL_OK);
    assert_int_equal(w->n_asked, MIB_CHUNKS);
    while (w->n_brought < w->n_asked)
        bring();
    w->set.idle_max = 0;
    sl_chunks_release(&r.fetch);
    assert_int_equal(w->set.n, 0);
    w->set.idle_max = SL_REMOTE_IDLE_MAX;
    r.fetch.at = GRID;
    assert_int_equal(sl_chunks_fetch(&w->set, &r.fetch, 0, NULL), SL_OK);
    assert_true(w->n_asked >= 2 * MIB_CHUNKS);
    for (size_t i = MIB_CHUNKS; i < w->n_asked; i++)
        assert_int_equal(w->asked[i]->at, (i - MIB_CHUNKS + 1) * GRID);
    sl_chunks_cancel(&w->set, &r.fetch);
    assert_int_equal(w->set.n, 0);
    close_world();
}

/* Kept of what was read: the last chunks, or none. */
static void test_read__is_kept_for_a_while(void **state)
{
    static const uint32_t kept[] = {0, 1, SL_REMOTE_READ_MAX};
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        passage p = {.shortest = SIZE_MAX};
        open_world(UINT64_C(48) << 20);
        set_remote();
        w->set.read_max = kept[i];
        pass(&p);
        assert_int_equal(w->set.n, kept[i]);
        for (uint32_t k = 1; k <= kept[i]; k++)
            assert_true(is_here(w->set.size - k * GRID));
        close_world();
    }
}

static void test_memory__fails_anywhere(void **state)
{
    (void)state;
    for (size_t n = 1; n <= 8; n++) {
        reader r = {.fetch = {.len = 1 << 20, .done = on_fetched}};
        sl_err err = {0};
        open_world(1 << 20);
        sl_alloc_fail_at(n, 1);
        sl_status st = sl_chunks_fetch(&w->set, &r.fetch, 0, &err);
        sl_alloc_fail_at(0, 0);
        assert_int_equal(st, n <= 3 ? SL_ENOMEM : SL_OK);
        assert_int_equal(st, err.code);
        assert_int_equal(w->set.n, w->n_asked);
        assert_int_equal(w->n_asked, n <= 3 ? 0 : (n - 4) / 2 + 1);
        sl_chunks_cancel(&w->set, &r.fetch);
        close_world();
    }
}

const struct CMUnitTest chunk_tests[] = {
    cmocka_unit_test(test_chunks__are_found_among_many),
    cmocka_unit_test(test_ahead__asks_for_long_runs),
    cmocka_unit_test(test_ahead__keeps_the_window_full),
    cmocka_unit_test(test_ahead__asks_again_for_what_has_gone),
    cmocka_unit_test(test_read__is_kept_for_a_while),
    cmocka_unit_test(test_memory__fails_anywhere),
};
const size_t n_chunk_tests = sizeof chunk_tests / sizeof chunk_tests[0];
