/* Load plans and prefetching. docs/data-segments.md, "Load plans". */
#include "check.h"

#include "unit/data/fixture.h"

/* A segment whose bytes the test brings, and what was asked of it. */
typedef struct origin {
    uint64_t asked; /* bytes */
    uint64_t last;  /* the end of the last request */
} origin;

static void read_at(void *arg, uint64_t at, void *to, size_t len,
                    sl_callback_read *request)
{
    origin *o = arg;
    o->asked += len;
    o->last = at + len;
    for (size_t i = 0; i < len; i++)
        ((uint8_t *)to)[i] = byte_at(at + i);
    sl_callback_finish(request, NULL);
}

static const sl_callback_ops ops = {read_at, NULL, NULL};

static void open_planned(fixture *f, origin *o, uint64_t size)
{
    open_loop(f);
    *o = (origin){0};
    f->source = sl_source_buffer("", 0, false, NULL);
    f->segment = sl_segment_new(
        sl_backing_callback(f->ctx, &ops, o, size, NULL), "segment 1", NULL);
    f->segment->ordinal = 1;
}

static void on_timer(void *arg)
{
    *(bool *)arg = true;
}

/* Lets the loop do what it has to: many turns, whatever a turn takes. */
static void turn(fixture *f)
{
    for (int i = 0; i < 10; i++) {
        bool done = false;
        assert_non_null(
            sl_timer_start(f->loop, 1000000, on_timer, &done, NULL));
        assert_true(sl_loop_run(f->loop, &done));
    }
}

static void test_plan__prefetches_what_it_names(void **state)
{
    (void)state;
    fixture f;
    origin o;
    static const sl_plan_step steps[] = {
        {1, 1 << 20, 100000}, {1, 5000, 1000}, {9, 0, 5}};
    open_planned(&f, &o, 4 << 20);
    sl_data_ctx_follow(f.ctx, f.source, steps, 3);
    sl_data_ctx_bound(f.ctx, f.source, f.segment);
    assert_int_equal(o.asked, 0); /* on the next turn */
    turn(&f);
    assert_int_equal(o.asked, 101000);
    reader r = {0};
    uint8_t byte;
    assert_int_equal(sl_segment_try_read(f.segment, (1 << 20) + 7, &byte, 1,
                                         &r.err),
                     1);
    assert_int_equal(byte, byte_at((1 << 20) + 7));
    close_fixture(&f);
}

/* Not more than the budget ahead of reading, which may skip steps. */
static void test_plan__waits_for_the_reader(void **state)
{
    (void)state;
    fixture f;
    enum { STEPS = 200 };
    static sl_plan_step steps[STEPS];
    origin o;
    for (uint32_t i = 0; i < STEPS; i++)
        steps[i] = (sl_plan_step){1, i * UINT64_C(1 << 20), 1 << 20};
    open_planned(&f, &o, (uint64_t)STEPS << 20);
    sl_data_ctx_follow(f.ctx, f.source, steps, STEPS);
    sl_data_ctx_follow(f.ctx, f.source, steps, 1); /* one at a time */
    sl_data_ctx_bound(f.ctx, f.source, f.segment);
    turn(&f);
    assert_true(o.asked <= SL_PLAN_AHEAD);
    for (uint64_t at = 0; at < STEPS; at += 20) {
        sl_data_ctx_loaded(f.ctx, f.segment, at << 20, 1 << 20);
        turn(&f);
        assert_true(o.last <= (at + 1) * (UINT64_C(1) << 20) + SL_PLAN_AHEAD);
    }
    sl_data_ctx_loaded(f.ctx, f.segment, 3, 1); /* not on the way any more */
    turn(&f);
    close_fixture(&f);
}

/* Advice that makes no sense is no advice. */
static void test_plan__nonsense(void **state)
{
    (void)state;
    static const sl_plan_step beyond[] = {{1, 100, 1}, {1, 0, UINT64_MAX}};
    static const sl_plan_step wraps[] = {{1, 0, UINT64_MAX},
                                         {1, 0, UINT64_MAX}};
    static const sl_plan_step many[] = {{UINT32_MAX - 1, 0, 1}};
    static const struct {
        const sl_plan_step *steps;
        uint32_t n;
    } rows[] = {{beyond, 2}, {wraps, 2}, {many, 1}, {NULL, 0}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        fixture f;
        origin o;
        open_planned(&f, &o, 100);
        sl_data_ctx_follow(f.ctx, f.source, rows[i].steps, rows[i].n);
        sl_data_ctx_bound(f.ctx, f.source, f.segment);
        sl_data_ctx_loaded(f.ctx, f.segment, 0, 1);
        turn(&f);
        assert_int_equal(o.asked, 0);
        close_fixture(&f);
    }
}

const struct CMUnitTest plan_tests[] = {
    cmocka_unit_test(test_plan__prefetches_what_it_names),
    cmocka_unit_test(test_plan__waits_for_the_reader),
    cmocka_unit_test(test_plan__nonsense),
};
const size_t n_plan_tests = sizeof plan_tests / sizeof *plan_tests;
