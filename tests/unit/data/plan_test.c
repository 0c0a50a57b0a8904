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

static void prefetch(void *arg, uint64_t at, uint64_t len)
{
    origin *o = arg;
    o->asked += len;
    o->last = at + len;
}

static void open_planned(fixture *f, origin *o, uint64_t size)
{
    open_loop(f);
    *o = (origin){0};
    f->source = sl_source_buffer("", 0, false, NULL);
    f->segment = sl_segment_new(
        sl_backing_callback(f->ctx, &ops, o, size, NULL), "segment 1", NULL);
    f->segment->ordinal = 1;
}

static void follow(fixture *f, const sl_plan_step *steps, uint32_t n)
{
    const sl_load_plan plan = {.n = n, .steps = steps};
    sl_data_ctx_follow(f->ctx, f->source, &plan);
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
    follow(&f, steps, 3);
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
    follow(&f, steps, STEPS);
    follow(&f, steps, 1); /* one at a time */
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

/* Imports go by their names; definitions are numbered behind these. */
static void test_plan__names_imports(void **state)
{
    (void)state;
    fixture f;
    origin o, other = {0}, second = {0};
    const sl_name names[] = {SL_NAME("nobody"), SL_NAME("model"),
                             SL_NAME("model")};
    const sl_plan_step steps[] = {
        {0, 0, 7}, {1, 100, 1000}, {2, 0, 9}, {3 + 1, 0, 50}};
    const sl_load_plan plan = {3, names, 4, steps};
    open_planned(&f, &o, 4 << 20); /* the definition 1 */
    sl_data_ctx_follow(f.ctx, f.source, &plan);
    sl_segment *import = sl_segment_new(
        sl_backing_callback(f.ctx, &ops, &other, 1 << 20, NULL), "x", NULL);
    sl_segment *again = sl_segment_new(
        sl_backing_callback(f.ctx, &ops, &second, 1 << 20, NULL), "x", NULL);
    import->import = again->import = SL_NAME("model");
    sl_data_ctx_bound(f.ctx, f.source, import);
    sl_data_ctx_bound(f.ctx, f.source, f.segment);
    sl_data_ctx_bound(f.ctx, f.source, again); /* of a second instance */
    turn(&f);
    assert_int_equal(other.asked, 1000);
    assert_int_equal(o.asked, 50);
    assert_int_equal(second.asked, 0);
    assert_int_equal(import->place, 1);
    assert_int_equal(again->place, SL_NO_ORDINAL);
    assert_int_equal(f.segment->place, 4);
    sl_segment_unref(import);
    sl_segment_unref(again);
    close_fixture(&f);
}

/* What is read of another component's segment 1 is not on the plan. */
static void test_plan__is_of_one_component(void **state)
{
    (void)state;
    fixture f;
    origin o;
    enum { STEPS = 64 };
    sl_plan_step steps[STEPS];
    for (uint32_t i = 0; i < STEPS; i++)
        steps[i] = (sl_plan_step){1, i * UINT64_C(1 << 20), 1 << 20};
    static const sl_callback_ops advised = {.read_at = read_at,
                                            .prefetch = prefetch};
    open_planned(&f, &o, 1);
    sl_segment_unref(f.segment);
    f.segment = sl_segment_new(
        sl_backing_callback(f.ctx, &advised, &o, (uint64_t)STEPS << 20, NULL),
        "segment 1", NULL);
    f.segment->ordinal = 1;
    follow(&f, steps, STEPS);
    sl_source *elsewhere = sl_source_buffer("", 0, false, NULL);
    sl_segment *stranger = sl_segment_new(
        sl_backing_ref(f.segment->backing), "segment 1", NULL);
    stranger->ordinal = 1;
    sl_data_ctx_bound(f.ctx, elsewhere, stranger);
    sl_data_ctx_bound(f.ctx, f.source, f.segment);
    turn(&f);
    assert_int_equal(o.asked, SL_PLAN_AHEAD);
    sl_data_ctx_loaded(f.ctx, stranger, 0, 16 << 20);
    turn(&f);
    assert_int_equal(o.asked, SL_PLAN_AHEAD);
    sl_data_ctx_loaded(f.ctx, f.segment, 0, 1 << 20);
    turn(&f);
    assert_int_equal(o.asked, SL_PLAN_AHEAD + (1 << 20));
    sl_segment_unref(stranger);
    sl_source_unref(elsewhere);
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
    static const sl_plan_step last[] = {{UINT32_MAX, 0, 1}, {0, 0, 1}};
    static const struct {
        const sl_plan_step *steps;
        uint32_t n;
    } rows[] = {{beyond, 2}, {wraps, 2}, {many, 1}, {last, 2}, {NULL, 0}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        fixture f;
        origin o;
        open_planned(&f, &o, 100);
        follow(&f, rows[i].steps, rows[i].n);
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
    cmocka_unit_test(test_plan__names_imports),
    cmocka_unit_test(test_plan__is_of_one_component),
    cmocka_unit_test(test_plan__nonsense),
};
const size_t n_plan_tests = sizeof plan_tests / sizeof *plan_tests;
