/* Functions that stand for others: what comes before and after, and where a
 * call that fails is left. */
#include "fixture.h"

static const sl_valtype two_i32[] = {SL_I32, SL_I32};
static const sl_functype unary = {1, 1, two_i32};

/* A link that counts: adds one to the argument, ten to the result. */
typedef struct counter {
    sl_core_link link; /* first */
    uint32_t entered, left, abandoned;
    sl_status fails_before, fails_after, ended_with;
} counter;

static sl_status enter(sl_core_thread *thread, const sl_core_link *link,
                       void *state, sl_slot *args, sl_slot *to)
{
    counter *c = (counter *)(uintptr_t)link;
    if (c->fails_before != SL_OK)
        return sl_trap(thread, "not let in");
    c->entered++;
    memcpy(state, &args[0], sizeof args[0]);
    to[0].i64 = args[0].i32 + 1;
    return SL_OK;
}

static sl_status leave(sl_core_thread *thread, const sl_core_link *link,
                       void *state, sl_slot *args, const sl_slot *results)
{
    counter *c = (counter *)(uintptr_t)link;
    c->left++;
    assert_int_equal(((sl_slot *)state)->i32, args[0].i32);
    if (c->fails_after != SL_OK)
        return sl_trap(thread, "not let out");
    args[0].i64 = results[0].i32 + 10;
    return SL_OK;
}

static void abandon(sl_core_thread *thread, const sl_core_link *link,
                    void *state, sl_status status)
{
    counter *c = (counter *)(uintptr_t)link;
    (void)thread, (void)state;
    c->abandoned++;
    c->ended_with = status;
}

/* A function that host functions are made as, until they are linked. */
static sl_status never(sl_core_thread *thread, void *ctx, sl_slot *vals)
{
    (void)ctx, (void)vals;
    return sl_trap(thread, "not linked");
}

static sl_core_func *linked(fixture *f, counter *c, sl_core_func *callee,
                            const sl_core_link *next)
{
    sl_core_func *func =
        sl_core_func_new_host(f->store, &unary, never, NULL, &f->err);
    assert_non_null(func);
    c->link = (sl_core_link){.callee = callee,
                             .next = next,
                             .enter = enter,
                             .leave = leave,
                             .abandon = abandon};
    sl_core_func_link(f->store, func, &c->link);
    return func;
}

static const char callee_text[] =
    "(module $callee (tag $e) (global $g (mut i32) (i32.const 3))"
    " (type $t (func (param i32) (result i32))) (memory 1)"
    " (func $twice (export \"twice\") (type $t)"
    "  (i32.mul (local.get 0) (i32.const 2)))"
    " (func (export \"tail\") (type $t)"
    "  (return_call $twice (local.get 0)))"
    " (func (export \"global\") (type $t) (global.get $g))"
    " (func (export \"trap\") (type $t) unreachable)"
    " (func (export \"throw\") (type $t) (throw $e))"
    " (func (export \"forever\") (type $t) (loop (br 0)) unreachable))";

static const char caller_text[] =
    "(module $caller (type $t (func (param i32) (result i32)))"
    " (import \"\" \"f\" (func $f (type $t)))"
    " (global $g (mut i32) (i32.const 7000)) (memory 2)"
    " (table funcref (elem $f))"
    " (func $call (export \"call\") (type $t)"
    "  (i32.add (global.get $g) (call $f (local.get 0))))"
    " (func (export \"indirect\") (type $t)"
    "  (i32.add (memory.size)"
    "   (call_indirect (type $t) (local.get 0) (i32.const 0))))"
    " (func (export \"tail\") (type $t) (return_call $f (local.get 0)))"
    " (func (export \"catch\") (type $t)"
    "  (block (try_table (catch_all 0) (return (call $f (local.get 0)))))"
    "  (i32.const -1))"
    " (func $deep (export \"deep\") (type $t)"
    "  (i32.add (call $deep (local.get 0)) (call $f (i32.const 1)))))";

typedef struct world {
    fixture f;
    counter c;
    sl_core_instance *callee, *caller;
    sl_core_func *func;
} world;

static void open(world *w, const char *export_, const sl_core_limits *limits)
{
    *w = (world){0};
    fixture_open(&w->f, limits);
    w->callee = instance_of(&w->f, callee_text, NULL);
    w->func = linked(&w->f, &w->c, func_of(w->callee, export_), NULL);
    sl_core_extern import = extern_func(w->func);
    w->caller = instance_of(&w->f, caller_text, &import);
}

static void test_link__goes_there_and_back(void **state)
{
    (void)state;
    static const struct {
        const char *callee;
        uint32_t result; /* for 20 */
    } row[] = {{"twice", 52}, {"tail", 52}, {"global", 13}};
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        world w;
        open(&w, row[i].callee, NULL);
        for (uint32_t k = 1; k <= 3; k++) {
            expect(&w.f, w.caller, "call", 20, 0, 7000 + row[i].result);
            expect(&w.f, w.caller, "indirect", 20, 0, 2 + row[i].result);
            expect(&w.f, w.caller, "tail", 20, 0, row[i].result);
            sl_slot vals[1] = {{.i64 = 20}}; /* and from the host */
            assert_int_equal(sl_core_call(&w.f.thread, w.func, vals), SL_OK);
            assert_int_equal(vals[0].i32, row[i].result);
            assert_int_equal(w.c.entered, 4 * k);
            assert_int_equal(w.c.left, 4 * k);
        }
        assert_int_equal(w.c.abandoned, 0);
        assert_ptr_equal(w.f.thread.sp, w.f.thread.stack);
        fixture_close(&w.f);
    }
}

/* A function that links itself, called from core code or from the host. */
typedef struct late {
    fixture *f;
    counter c;
    sl_core_func *self, *callee;
} late;

static sl_status link_self(sl_core_thread *thread, void *ctx, sl_slot *vals)
{
    late *l = ctx;
    (void)thread, (void)vals;
    l->c.link = (sl_core_link){.callee = l->callee,
                               .enter = enter,
                               .leave = leave,
                               .abandon = abandon};
    sl_core_func_link(l->f->store, l->self, &l->c.link);
    return SL_OK;
}

static void test_link__begins_with_the_call_that_makes_it(void **state)
{
    (void)state;
    for (int from_host = 0; from_host < 2; from_host++) {
        fixture f;
        late l = {.f = &f};
        fixture_open(&f, NULL);
        sl_core_instance *callee = instance_of(&f, callee_text, NULL);
        l.callee = func_of(callee, "twice");
        l.self = sl_core_func_new_host(f.store, &unary, link_self, &l, &f.err);
        sl_core_extern import = extern_func(l.self);
        sl_core_instance *caller = instance_of(&f, caller_text, &import);
        for (uint32_t k = 1; k <= 2; k++) {
            sl_slot vals[1] = {{.i64 = 20}};
            if (from_host) {
                assert_int_equal(sl_core_call(&f.thread, l.self, vals), SL_OK);
                assert_int_equal(vals[0].i32, 52);
            } else {
                expect(&f, caller, "call", 20, 0, 7052);
            }
            assert_int_equal(l.c.entered, k);
            assert_int_equal(l.c.left, k);
        }
        fixture_close(&f);
    }
}

/* The chain: the second callee finds the arguments that the first step left. */
static void test_link__goes_on_to_the_next(void **state)
{
    (void)state;
    fixture f;
    counter first = {0}, second = {0};
    fixture_open(&f, NULL);
    sl_core_instance *callee = instance_of(&f, callee_text, NULL);
    sl_core_func *twice = func_of(callee, "twice");
    (void)linked(&f, &second, twice, NULL);
    sl_core_func *func = linked(&f, &first, twice, &second.link);
    sl_core_extern import = extern_func(func);
    sl_core_instance *caller = instance_of(&f, caller_text, &import);
    /* ((20 + 1) * 2 + 10 + 1) * 2 + 10 */
    expect(&f, caller, "call", 20, 0, 7116);
    sl_slot vals[1] = {{.i64 = 20}};
    assert_int_equal(sl_core_call(&f.thread, func, vals), SL_OK);
    assert_int_equal(vals[0].i32, 116);
    second.fails_before = SL_ETRAP;
    expect_trap(&f, caller, "call", 20, "not let in");
    assert_int_equal(first.left, 3);
    assert_int_equal(second.left, 2);
    assert_int_equal(first.abandoned + second.abandoned, 0);
    fixture_close(&f);
}

/* A link to a link, and to a function of the host's. */
static sl_status plus_100(sl_core_thread *thread, void *ctx, sl_slot *vals)
{
    (void)thread, (void)ctx;
    vals[0].i64 = vals[0].i32 + 100;
    return SL_OK;
}

static void test_link__leads_anywhere(void **state)
{
    (void)state;
    fixture f;
    counter outer = {0}, inner = {0};
    fixture_open(&f, NULL);
    sl_core_func *host =
        sl_core_func_new_host(f.store, &unary, plus_100, NULL, &f.err);
    sl_core_func *func =
        linked(&f, &outer, linked(&f, &inner, host, NULL), NULL);
    sl_core_extern import = extern_func(func);
    sl_core_instance *caller = instance_of(&f, caller_text, &import);
    expect(&f, caller, "call", 0, 0, 7122);
    inner.fails_after = SL_ETRAP;
    expect_trap(&f, caller, "call", 0, "not let out");
    assert_int_equal(inner.abandoned, 0);
    assert_int_equal(outer.abandoned, 1);
    assert_int_equal(outer.ended_with, SL_ETRAP);
    fixture_close(&f);
}

static void check_trap(const char *callee, const char *func,
                       const char *message, uint32_t n_frames)
{
    world w;
    open(&w, callee, NULL);
    expect_trap(&w.f, w.caller, func, 1, message);
    assert_int_equal(w.c.entered, 1);
    assert_int_equal(w.c.left, 0);
    assert_int_equal(w.c.abandoned, 1);
    assert_int_equal(w.c.ended_with, SL_ETRAP);
    assert_int_equal(w.f.trap.n_frames, n_frames);
    assert_ptr_equal(w.f.trap.frames[0].instance, w.callee);
    if (n_frames > 1)
        assert_ptr_equal(w.f.trap.frames[1].instance, w.caller);
    fixture_close(&w.f);
}

static void test_link__is_in_backtraces(void **state)
{
    (void)state;
    check_trap("trap", "call", "unreachable", 2);
    check_trap("trap", "indirect", "unreachable", 2);
    check_trap("trap", "tail", "unreachable", 1);
}

static void test_link__stops_exceptions(void **state)
{
    (void)state;
    check_trap("throw", "call", "uncaught exception", 2);
    check_trap("throw", "catch", "uncaught exception", 2);

    world w; /* nor does one who takes exceptions get it */
    open(&w, "throw", NULL);
    sl_exception *thrown;
    sl_slot vals[1] = {{.i64 = 1}};
    assert_int_equal(
        sl_core_try_call(&w.f.thread, func_of(w.caller, "call"), vals, &thrown),
        SL_ETRAP);
    assert_null(thrown);
    assert_string_equal(w.f.trap.err.msg, "uncaught exception");
    assert_int_equal(sl_core_store_stats(w.f.store).exceptions, 0);
    fixture_close(&w.f);
}

static void test_link__fails_before_and_after(void **state)
{
    (void)state;
    world w;
    open(&w, "twice", NULL);
    w.c.fails_before = SL_ETRAP;
    expect_trap(&w.f, w.caller, "call", 1, "not let in");
    assert_int_equal(w.f.trap.n_frames, 1);
    assert_ptr_equal(w.f.trap.frames[0].instance, w.caller);
    w.c.fails_before = SL_OK;
    w.c.fails_after = SL_ETRAP;
    expect_trap(&w.f, w.caller, "call", 1, "not let out");
    assert_int_equal(w.f.trap.n_frames, 1);
    assert_ptr_equal(w.f.trap.frames[0].instance, w.caller);
    assert_int_equal(w.c.abandoned, 0);
    fixture_close(&w.f);
}

/* Stacks end, frames are counted, and an interrupt is heard behind a link. */
static void test_link__keeps_bounds(void **state)
{
    (void)state;
    static const sl_core_limits counted = {UINT64_MAX, UINT64_MAX, UINT64_MAX,
                                           20, 0};
    for (int i = 0; i < 2; i++) {
        world w;
        open(&w, "twice", i ? &counted : NULL);
        expect(&w.f, w.caller, "call", 1, 0, 7014);
        expect_trap(&w.f, w.caller, "deep", 1, "call stack exhausted");
        expect(&w.f, w.caller, "call", 1, 0, 7014);
        fixture_close(&w.f);
    }
    world w;
    open(&w, "forever", NULL);
    sl_core_store_interrupt(w.f.store);
    expect_trap(&w.f, w.caller, "call", 1, "interrupted");
    fixture_close(&w.f);

    /* however little room there is for the link and its callee */
    open(&w, "twice", NULL);
    sl_slot *end = w.f.thread.stack_end;
    bool fits = false;
    for (uint32_t n = 1; n < 64; n++) {
        w.f.thread.stack_end = w.f.thread.stack + n;
        uint64_t result = 0;
        sl_status st = call(&w.f, w.caller, "call", 1, 0, &result);
        assert_int_equal(st, fits || st == SL_OK ? SL_OK : SL_ETRAP);
        fits = st == SL_OK;
        if (fits)
            assert_int_equal(result, 7014);
        else
            assert_string_equal(w.f.trap.err.msg, "call stack exhausted");
    }
    assert_true(fits);
    assert_int_equal(w.c.entered, w.c.left + w.c.abandoned);
    w.f.thread.stack_end = end;
    fixture_close(&w.f);
}

/* --- Plain links ---------------------------------------------------------- */

/* A plain one, whose callee asks the host to look. */
typedef struct plain {
    fixture f;
    counter c; /* of what the loop does not do itself */
    bool leaves, enters, marks;
    uint32_t looked;
    sl_core_instance *caller;
    sl_core_func *func;
} plain;

static sl_status look(sl_core_thread *thread, void *ctx, sl_slot *vals)
{
    plain *p = ctx;
    p->looked++;
    assert_int_equal((uintptr_t)thread->host & 1, 1);
    sl_core_mark *mark =
        (sl_core_mark *)((uintptr_t)thread->host & ~(uintptr_t)1);
    assert_ptr_equal(mark->outer, p);
    assert_ptr_equal(mark->kind, &p->c);
    assert_null(mark->seen);
    assert_false(p->enters);
    if (p->marks)
        mark->seen = p;
    if (vals[0].i32 == 99)
        return sl_trap(thread, "bad look");
    return SL_OK;
}

static void plain_abandon(sl_core_thread *thread, const sl_core_link *link,
                          void *state, sl_status status)
{
    thread->host = ((sl_core_mark *)state)->outer;
    abandon(thread, link, state, status);
}

/* With its mark and all, as the loop would have done it. */
static sl_status plain_leave(sl_core_thread *thread, const sl_core_link *link,
                             void *state, sl_slot *args, const sl_slot *results)
{
    counter *c = (counter *)(uintptr_t)link;
    c->left++;
    thread->host = ((sl_core_mark *)state)->outer;
    *link->may_enter = true;
    args[0].i64 = results[0].i32 + 10;
    return SL_OK;
}

static sl_status plain_put(const sl_core_link *link, sl_slot *args, sl_slot *to)
{
    assert_false(*link->may_enter);
    to[0].i64 = args[0].i32 + 1;
    return args[0].i32 == 50 ? SL_ETRAP : SL_OK;
}

static sl_status plain_take(const sl_core_link *link, sl_slot *args,
                            const sl_slot *results)
{
    assert_false(*link->may_enter);
    args[0].i64 = results[0].i32 * 2;
    return results[0].i32 == 60 ? SL_ETRAP : SL_OK;
}

static void open_plain(plain *p, const sl_core_link *moves)
{
    *p = (plain){.leaves = true, .enters = true};
    fixture_open(&p->f, NULL);
    p->f.thread.host = p;
    sl_core_func *asked =
        sl_core_func_new_host(p->f.store, &unary, look, p, &p->f.err);
    sl_core_extern import = extern_func(asked);
    sl_core_instance *callee = instance_of(
        &p->f,
        "(module $callee (type $t (func (param i32) (result i32)))"
        " (import \"\" \"look\" (func $look (type $t)))"
        " (func (export \"f\") (type $t) (call $look (local.get 0))))",
        &import);
    p->func = sl_core_func_new_host(p->f.store, &unary, never, NULL, &p->f.err);
    p->c.link = *moves;
    p->c.link.callee = func_of(callee, "f");
    p->c.link.enter = enter;
    p->c.link.leave = plain_leave;
    p->c.link.abandon = plain_abandon;
    p->c.link.may_leave = &p->leaves;
    p->c.link.may_enter = &p->enters;
    p->c.link.kind = &p->c;
    sl_core_func_link(p->f.store, p->func, &p->c.link);
    import = extern_func(p->func);
    p->caller = instance_of(&p->f, caller_text, &import);
}

static const sl_core_link copies = {.n_params = 1, .n_results = 1};
static const sl_core_link moves = {.put = plain_put, .take = plain_take};

static void test_link__plain_is_the_loop_s(void **state)
{
    (void)state;
    plain p;
    open_plain(&p, &copies);
    expect(&p.f, p.caller, "call", 20, 0, 7020);
    expect(&p.f, p.caller, "indirect", 21, 0, 23);
    expect(&p.f, p.caller, "tail", 22, 0, 22);
    assert_int_equal(p.looked, 3);
    assert_int_equal(p.c.entered + p.c.left + p.c.abandoned, 0);
    assert_true(p.enters);
    assert_ptr_equal(p.f.thread.host, &p);
    p.marks = true; /* somebody looks: the end is not the loop's */
    expect(&p.f, p.caller, "call", 20, 0, 7030);
    assert_int_equal(p.c.left, 1);
    assert_true(p.enters);
    p.marks = false;
    expect_trap(&p.f, p.caller, "call", 99, "bad look");
    assert_int_equal(p.f.trap.n_frames, 2);
    assert_ptr_equal(p.f.trap.frames[1].instance, p.caller);
    assert_int_equal(p.c.abandoned, 1);
    assert_false(p.enters);
    assert_ptr_equal(p.f.thread.host, &p);
    fixture_close(&p.f);
}

/* A closed gate: what it means is not the loop's to say. */
static void test_link__plain_asks_before_it_enters(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        plain p;
        open_plain(&p, &copies);
        p.c.fails_before = SL_ETRAP;
        expect(&p.f, p.caller, "call", 20, 0, 7020);
        *(i == 0 ? &p.leaves : &p.enters) = false;
        expect_trap(&p.f, p.caller, "call", 20, "not let in");
        assert_int_equal(p.looked, 1);
        assert_int_equal(p.enters, i == 0);
        assert_ptr_equal(p.f.thread.host, &p);
        fixture_close(&p.f);
    }
}

static void test_link__plain_moves_values(void **state)
{
    (void)state;
    plain p;
    open_plain(&p, &moves);
    expect(&p.f, p.caller, "call", 20, 0, 7042);
    assert_true(p.enters);
    static const uint32_t fails[] = {50, 59};
    for (size_t i = 0; i < 2; i++) {
        uint64_t result;
        p.enters = true;
        assert_int_equal(call(&p.f, p.caller, "call", fails[i], 0, &result),
                         SL_ETRAP);
        assert_int_equal(p.looked, 1 + i);
        assert_false(p.enters);
        assert_ptr_equal(p.f.thread.host, &p);
    }
    assert_int_equal(p.c.entered + p.c.left + p.c.abandoned, 0);
    fixture_close(&p.f);
}

const struct CMUnitTest link_tests[] = {
    cmocka_unit_test(test_link__plain_is_the_loop_s),
    cmocka_unit_test(test_link__plain_asks_before_it_enters),
    cmocka_unit_test(test_link__plain_moves_values),
    cmocka_unit_test(test_link__goes_there_and_back),
    cmocka_unit_test(test_link__begins_with_the_call_that_makes_it),
    cmocka_unit_test(test_link__goes_on_to_the_next),
    cmocka_unit_test(test_link__leads_anywhere),
    cmocka_unit_test(test_link__is_in_backtraces),
    cmocka_unit_test(test_link__stops_exceptions),
    cmocka_unit_test(test_link__fails_before_and_after),
    cmocka_unit_test(test_link__keeps_bounds),
};
const size_t n_link_tests = sizeof link_tests / sizeof *link_tests;
