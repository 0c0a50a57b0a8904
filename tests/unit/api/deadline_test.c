/* Deadlines: whatever a guest does, its call ends in time. */
#include "fixture.h"

#include <inttypes.h>
#include <uv.h>

#define MS UINT64_C(1000000)

/* --- Endless in every way ---------------------------------------------------
 */

/* A component whose "go" never ends: BODY is its code. */
#define ENDLESS(defs, body)                                                    \
    "(component (core module $M"                                               \
    "  (memory (export \"memory\") 64)"                                        \
    "  (table $t 1000000 funcref)"                                             \
    "  (table $f funcref (elem $even $odd $self))"                             \
    "  (type $v (func (param i32)))"                                           \
    "  (tag $e)"                                                               \
    "  (func $even (param i32) (return_call $odd (local.get 0)))"              \
    "  (func $odd (param i32) (return_call $even (local.get 0)))"              \
    "  (func $self (param i32) (return_call_indirect $f (type $v)"             \
    "    (local.get 0) (i32.const 2)))"                                        \
    "  (func $nothing)"                                                        \
    "  (func $throw (throw $e))"                                               \
    "  (func $fib (param i32) (result i32)"                                    \
    "    (if (result i32) (i32.lt_u (local.get 0) (i32.const 2))"              \
    "      (then (local.get 0))"                                               \
    "      (else (i32.add"                                                     \
    "        (call $fib (i32.sub (local.get 0) (i32.const 1)))"                \
    "        (call $fib (i32.sub (local.get 0) (i32.const 2)))))))" defs       \
    "  (func (export \"go\") (local $i i32) (local $j i64) " body "))"         \
    "  (core instance $m (instantiate $M))"                                    \
    "  (func (export \"go\") (canon lift (core func $m \"go\"))))"

static const struct {
    const char *name, *text;
} endless[] = {
    {"loop and br", ENDLESS("", "(loop $l (br $l))")},
    {"br_if", ENDLESS("", "(loop $l (br_if $l (i32.const 1)))")},
    {"br_if of a comparison",
     ENDLESS("", "(loop $l (br_if $l (i32.ge_u (local.get $i) (i32.const 0)))"
                 ")")},
    {"counting down, and again",
     ENDLESS("", "(loop $o (local.set $i (i32.const 1000000)) (loop $l"
                 " (local.set $i (i32.sub (local.get $i) (i32.const 1)))"
                 " (br_if $l (local.get $i))) (br $o))")},
    {"counting in 64 bits",
     ENDLESS("", "(loop $l (local.set $j (i64.add (local.get $j)"
                 " (i64.const 1))) (br_if $l (i64.ne (local.get $j)"
                 " (i64.const 0))))")},
    {"br_table", ENDLESS("", "(loop $a (loop $b (br_table $a $b $a"
                             " (local.tee $i (i32.xor (local.get $i)"
                             " (i32.const 1))))))")},
    {"calls in a loop", ENDLESS("", "(loop $l (call $nothing) (br $l))")},
    {"recursion", ENDLESS("", "(drop (call $fib (i32.const 60)))")},
    {"tail calls", ENDLESS("", "(call $even (i32.const 1))")},
    {"indirect tail calls", ENDLESS("", "(call $self (i32.const 1))")},
    {"exceptions", ENDLESS("", "(loop $l (block $c (try_table (catch $e $c)"
                               " (call $throw))) (br $l))")},
    {"exceptions, a handler that closes the loop",
     ENDLESS("", "(loop $l (try_table (catch $e $l) (call $throw)))")},
    {"memory.fill",
     ENDLESS("", "(loop $l (memory.fill (i32.const 0) (i32.const 1)"
                 " (i32.const 4194304)) (br $l))")},
    {"memory.copy",
     ENDLESS("", "(loop $l (memory.copy (i32.const 1) (i32.const 0)"
                 " (i32.const 4194303)) (br $l))")},
    {"table.fill",
     ENDLESS("", "(loop $l (table.fill $t (i32.const 0) (ref.null func)"
                 " (i32.const 1000000)) (br $l))")},
    {"table.copy",
     ENDLESS("", "(loop $l (table.copy $t $t (i32.const 1) (i32.const 0)"
                 " (i32.const 999999)) (br $l))")},
    {"memory.grow by nothing",
     ENDLESS("", "(loop $l (drop (memory.grow (i32.const 0))) (br $l))")},
};

/* How late a call's end may be. Sanitizers are slow, and so are machines that
 * do other things; what is asked for is told apart from "not at all". */
#define LATE_MS 400

static void timed_call(fixture *f, const char *name, const char *what)
{
    sluice_store_set_call_timeout(f->store, 20 * MS);
    uint64_t begin = uv_hrtime();
    sluice_status status = call(f, name, NULL, NULL);
    uint64_t took = (uv_hrtime() - begin) / MS;
    if (status != SLUICE_EDEADLINE)
        fail_msg("%s: %s: %s", what, sluice_status_text(status),
                 f->error.message);
    assert_string_equal(f->error.message, "deadline exceeded");
    if (took < 19 || took > LATE_MS)
        fail_msg("%s: after %" PRIu64 " ms", what, took);
}

static void test_deadline__every_endless_loop_ends(void **state)
{
    (void)state;
    for (size_t i = 0; i < N(endless); i++) {
        fixture f;
        fixture_init(&f, endless[i].text);
        fixture_instantiate(&f);
        timed_call(&f, "go", endless[i].name);
        assert_non_null(strstr(f.error.backtrace, "offset"));
        /* The instance is poisoned, the store is not. */
        assert_int_equal(call(&f, "go", NULL, NULL), SLUICE_ETRAP);
        fixture_instantiate(&f);
        timed_call(&f, "go", endless[i].name);
        fixture_deinit(&f);
    }
}

/* The median over a plain loop is within a few milliseconds. */
static void test_deadline__within_ten_milliseconds(void **state)
{
    (void)state;
    uint64_t best = UINT64_MAX;
    for (int i = 0; i < 5; i++) {
        fixture f;
        fixture_init(&f, endless[0].text);
        fixture_instantiate(&f);
        sluice_store_set_call_timeout(f.store, 20 * MS);
        uint64_t begin = uv_hrtime();
        assert_int_equal(call(&f, "go", NULL, NULL), SLUICE_EDEADLINE);
        uint64_t late = uv_hrtime() - begin - 20 * MS;
        best = late < best ? late : best;
        fixture_deinit(&f);
    }
    assert_true(best < 10 * MS);
}

/* --- What the canonical ABI calls -------------------------------------------
 */

/* realloc, post-return, callback: each never ends. */
#define AROUND                                                                 \
    "(component"                                                               \
    "  (core func $return (canon task.return))"                                \
    "  (core module $M (import \"\" \"return\" (func $return))"                \
    "    (memory (export \"memory\") 1)"                                       \
    "    (func (export \"realloc\") (param i32 i32 i32 i32) (result i32)"      \
    "      (loop $l (br $l)) (unreachable))"                                   \
    "    (func (export \"take\") (param i32 i32))"                             \
    "    (func (export \"nothing\"))"                                          \
    "    (func (export \"spin\") (loop $l (br $l)))"                           \
    "    (func (export \"yield\") (result i32) (i32.const 1))"                 \
    "    (func (export \"spin-cb\") (param i32 i32 i32) (result i32)"          \
    "      (loop $l (br $l)) (unreachable))"                                   \
    "    (func (export \"yield-cb\") (param i32 i32 i32) (result i32)"         \
    "      (i32.const 1))"                                                     \
    "    (func (export \"return-spin\") (result i32) (call $return)"           \
    "      (i32.const 1)))"                                                    \
    "  (core instance $m (instantiate $M (with \"\" (instance"                 \
    "    (export \"return\" (func $return))))))"                               \
    "  (func (export \"realloc\") (param \"s\" string)"                        \
    "    (canon lift (core func $m \"take\") (memory $m \"memory\")"           \
    "      (realloc (func $m \"realloc\"))))"                                  \
    "  (func (export \"post-return\")"                                         \
    "    (canon lift (core func $m \"nothing\")"                               \
    "      (post-return (func $m \"spin\"))))"                                 \
    "  (func (export \"callback\") async"                                      \
    "    (canon lift (core func $m \"yield\") async"                           \
    "      (callback (func $m \"spin-cb\"))))"                                 \
    "  (func (export \"yields\") async"                                        \
    "    (canon lift (core func $m \"yield\") async"                           \
    "      (callback (func $m \"yield-cb\"))))"                                \
    "  (func (export \"return-spin\") async"                                   \
    "    (canon lift (core func $m \"return-spin\") async"                     \
    "      (callback (func $m \"spin-cb\")))))"

static void test_deadline__realloc(void **state)
{
    (void)state;
    fixture f;
    fixture_init(&f, AROUND);
    fixture_instantiate(&f);
    sluice_store_set_call_timeout(f.store, 20 * MS);
    sluice_val text = {0};
    assert_true(sluice_val_string(&text, "abc", 3));
    assert_int_equal(call(&f, "realloc", &text, NULL), SLUICE_EDEADLINE);
    fixture_deinit(&f);
}

/* Its result is there already; the call still ends with what came then. */
static void test_deadline__post_return(void **state)
{
    (void)state;
    fixture f;
    fixture_init(&f, AROUND);
    fixture_instantiate(&f);
    sluice_store_set_call_timeout(f.store, 20 * MS);
    uint64_t begin = uv_hrtime();
    sluice_status status = call(&f, "post-return", NULL, NULL);
    assert_true(status == SLUICE_OK || status == SLUICE_EDEADLINE);
    assert_true(uv_hrtime() - begin < (20 + 100 + LATE_MS) * MS);
    assert_int_equal(call(&f, "yields", NULL, NULL), SLUICE_ETRAP);
    fixture_deinit(&f);
}

static void test_deadline__callback(void **state)
{
    (void)state;
    fixture f;
    fixture_init(&f, AROUND);
    fixture_instantiate(&f);
    timed_call(&f, "callback", "callback");
    fixture_deinit(&f);
}

/* Yielding for ever lets the loop live: the call is cancelled. */
static void test_deadline__endless_yielding(void **state)
{
    (void)state;
    fixture f;
    fixture_init(&f, AROUND);
    fixture_instantiate(&f);
    timed_call(&f, "yields", "yields");
    fixture_deinit(&f);
}

static void heard_trap(void *arg, const sluice_error *error)
{
    *(sluice_error *)arg = *error;
}

/* It has returned in time, and then never rests: ended by the rule for what
 * nobody waits for. */
static void test_deadline__after_the_result(void **state)
{
    (void)state;
    fixture f;
    fixture_init(&f, AROUND);
    fixture_instantiate(&f);
    sluice_error trap = {0};
    sluice_store_on_trap(f.store, heard_trap, &trap);
    sluice_store_set_call_timeout(f.store, 20 * MS);
    assert_int_equal(call(&f, "return-spin", NULL, NULL), SLUICE_OK);
    bool never = false;
    uint64_t begin = uv_hrtime();
    assert_int_equal(sluice_store_run(f.store, &never), SLUICE_EDEADLOCK);
    assert_true(uv_hrtime() - begin < (100 + LATE_MS) * MS);
    assert_int_equal(trap.status, SLUICE_EDEADLINE);
    fixture_deinit(&f);
}

#define START                                                                  \
    "(component (core module $M (func $s (loop $l (br $l))) (start $s))"       \
    "  (core instance (instantiate $M)))"

static void test_deadline__instantiation(void **state)
{
    (void)state;
    fixture f;
    fixture_init(&f, START);
    sluice_store_set_call_timeout(f.store, 20 * MS);
    assert_null(sluice_instantiate(f.store, f.linker, f.component, &f.error));
    assert_int_equal(f.error.status, SLUICE_EDEADLINE);
    sluice_store_set_call_timeout(f.store, SLUICE_NO_DEADLINE);
    assert_int_equal(sluice_store_set_deadline(f.store, 20 * MS), SLUICE_OK);
    assert_null(sluice_instantiate(f.store, f.linker, f.component, &f.error));
    assert_int_equal(f.error.status, SLUICE_EDEADLINE);
    fixture_deinit(&f);
}

/* --- Who waits
 * ----------------------------------------------------------------- */

typedef struct held {
    sluice_call *call;
    int cancelled, gone;
} held;

static void on_cancel(void *arg, bool gone)
{
    held *h = arg;
    *(gone ? &h->gone : &h->cancelled) += 1;
    if (gone)
        h->call = NULL;
}

/* Never answers by itself. */
static void hold(void *ctx, sluice_call *call_, const sluice_val *args,
                 size_t n)
{
    (void)args, (void)n;
    held *h = ctx;
    h->call = call_;
    sluice_call_on_cancel(call_, on_cancel, h);
}

static void host_fixture(fixture *f, held *h, struct uv_loop_s *loop)
{
    *h = (held){0};
    fixture_init_on(f, HOST, loop);
    assert_int_equal(sluice_linker_func(f->linker, NULL, "f", NULL, hold, h,
                                        NULL, &f->error),
                     SLUICE_OK);
    fixture_instantiate(f);
}

/* A host call that is not answered; the loop is the embedder's. */
static void test_deadline__a_host_call_that_never_returns(void **state)
{
    (void)state;
    uv_loop_t loop;
    fixture f;
    held h;
    outcome out;
    uv_loop_init(&loop);
    host_fixture(&f, &h, &loop);
    sluice_store_set_call_timeout(f.store, 20 * MS);
    sluice_val arg = u32_val(1);
    uint64_t begin_ns = uv_hrtime();
    begin(&f, "run", &arg, &out);
    /* The deadline keeps the loop alive: `done` is certain to come. */
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(out.times, 1);
    assert_int_equal(out.error.status, SLUICE_EDEADLINE);
    assert_true(uv_hrtime() - begin_ns >= 19 * MS);
    /* The host may still answer: nobody hears. */
    sluice_val result = u32_val(3);
    assert_non_null(h.call);
    sluice_call_return(h.call, &result);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(out.times, 1);
    fixture_deinit(&f);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&loop), 0);
}

/* A callee that can be cancelled is, and its instance lives on. */
static void test_deadline__a_waiting_callee_is_cancelled(void **state)
{
    (void)state;
    fixture f;
    outcome out;
    fixture_init(&f, WAITER);
    fixture_instantiate(&f);
    sluice_store_set_call_timeout(f.store, 20 * MS);
    for (int i = 0; i < 2; i++) {
        begin(&f, "wait", NULL, &out);
        while (!out.done)
            uv_run(sluice_store_loop(f.store), UV_RUN_ONCE);
        assert_int_equal(out.error.status, SLUICE_EDEADLINE);
    }
    assert_int_equal(sluice_store_stats(f.store).tasks, 0);
    fixture_deinit(&f);
}

/* With nothing left that could happen, sluice_store_run() says so at once. */
static void test_deadline__a_deadlock_is_still_one(void **state)
{
    (void)state;
    fixture f;
    held h;
    host_fixture(&f, &h, NULL);
    sluice_store_set_call_timeout(f.store, 10000 * MS);
    sluice_val arg = u32_val(1), result;
    uint64_t begin_ns = uv_hrtime();
    assert_int_equal(call(&f, "run", &arg, &result), SLUICE_EDEADLOCK);
    assert_true(uv_hrtime() - begin_ns < 5000 * MS);
    fixture_deinit(&f);
    assert_int_equal(h.gone, 1);
}

/* In one store: one call with little time, one with much, one without limit;
 * only the first ends, and the others' results come. */
static void test_deadline__one_of_several_calls(void **state)
{
    (void)state;
    fixture f;
    held h;
    outcome late, good, free_;
    host_fixture(&f, &h, NULL);
    sluice_func *again = func_of(&f, "again");
    sluice_pending *p;
    sluice_val arg = u32_val(1);
    sluice_call *calls[3];
    outcome *outs[] = {&late, &good, &free_};
    uint64_t limits[] = {20 * MS, 100000 * MS, SLUICE_NO_DEADLINE};
    for (int i = 0; i < 3; i++) {
        *outs[i] = (outcome){0};
        arg = u32_val(1);
        sluice_store_set_call_timeout(f.store, limits[i]);
        assert_int_equal(
            sluice_func_call(again, &arg, 1, keep, outs[i], &p, &f.error),
            SLUICE_OK);
        calls[i] = h.call;
    }
    while (!late.done)
        uv_run(sluice_store_loop(f.store), UV_RUN_ONCE);
    assert_int_equal(late.error.status, SLUICE_EDEADLINE);
    assert_int_equal(h.cancelled, 1); /* its host function was asked to stop */
    assert_false(good.done || free_.done);
    for (int i = 0; i < 3; i++) {
        sluice_val result = u32_val((uint32_t)i);
        sluice_call_return(calls[i], &result);
    }
    assert_int_equal(finish(&f, &good), SLUICE_OK);
    assert_int_equal(finish(&f, &free_), SLUICE_OK);
    assert_int_equal(late.times, 1);
    assert_int_equal(good.result.of.u32, 1);
    assert_int_equal(free_.result.of.u32, 2);
    fixture_deinit(&f);
}

/* A call's deadline passes while another one's guest code runs: that is not
 * stopped by it. */
#define BUSY                                                                   \
    "(component"                                                               \
    "  (import \"f\" (func $f async (param \"a\" u32) (result u32)))"          \
    "  (core module $B"                                                        \
    "    (func (export \"busy\") (param i32) (result i32)"                     \
    "      (loop $l (local.set 0 (i32.sub (local.get 0) (i32.const 1)))"       \
    "        (br_if $l (local.get 0)))"                                        \
    "      (i32.const 7)))"                                                    \
    "  (core instance $b (instantiate $B))"                                    \
    "  (func (export \"busy\") (param \"n\" u32) (result u32)"                 \
    "    (canon lift (core func $b \"busy\")))"                                \
    "  (export \"again\" (func $f)))"

static void test_deadline__another_calls_code_goes_on(void **state)
{
    (void)state;
    fixture f;
    held h = {0};
    outcome waiting;
    fixture_init(&f, BUSY);
    assert_int_equal(
        sluice_linker_func(f.linker, NULL, "f", NULL, hold, &h, NULL, &f.error),
        SLUICE_OK);
    fixture_instantiate(&f);
    sluice_store_set_call_timeout(f.store, 5 * MS);
    sluice_val arg = u32_val(1);
    begin(&f, "again", &arg, &waiting);
    sluice_store_set_call_timeout(f.store, SLUICE_NO_DEADLINE);
    uint64_t begin_ns = uv_hrtime();
    uint32_t n = 1000000;
    while (uv_hrtime() - begin_ns < 20 * MS) { /* beyond the other's time */
        assert_int_equal(call_u32(&f, "busy", n), 7);
        n *= 2;
    }
    finish(&f, &waiting);
    assert_int_equal(waiting.error.status, SLUICE_EDEADLINE);
    assert_int_equal(call_u32(&f, "busy", 1), 7);
    fixture_deinit(&f);
}

/* Code that one call has led to in a second instance is under its deadline. */
#define NESTED                                                                 \
    "(component"                                                               \
    "  (component $I (core module $M"                                          \
    "      (func (export \"spin\") (loop $l (br $l))))"                        \
    "    (core instance $m (instantiate $M))"                                  \
    "    (func (export \"spin\") (canon lift (core func $m \"spin\"))))"       \
    "  (component $O (import \"spin\" (func $spin))"                           \
    "    (core func $l (canon lower (func $spin)))"                            \
    "    (core module $M (import \"\" \"l\" (func $l))"                        \
    "      (func (export \"go\") (call $l)))"                                  \
    "    (core instance $m (instantiate $M (with \"\" (instance"               \
    "      (export \"l\" (func $l))))))"                                       \
    "    (func (export \"go\") (canon lift (core func $m \"go\"))))"           \
    "  (instance $i (instantiate $I))"                                         \
    "  (instance $o (instantiate $O (with \"spin\" (func $i \"spin\"))))"      \
    "  (export \"go\" (func $o \"go\")))"

static void test_deadline__in_another_instance(void **state)
{
    (void)state;
    fixture f;
    fixture_init(&f, NESTED);
    fixture_instantiate(&f);
    timed_call(&f, "go", "nested");
    fixture_deinit(&f);
}

/* --- Moving and removing
 * -------------------------------------------------------- */

static void test_pending_set_deadline__moves_it(void **state)
{
    (void)state;
    fixture f;
    held h;
    outcome out;
    host_fixture(&f, &h, NULL);
    sluice_val arg = u32_val(1);
    sluice_store_set_call_timeout(f.store, 100000 * MS);
    sluice_pending *p = begin(&f, "run", &arg, &out);
    assert_int_equal(sluice_pending_set_deadline(p, 10 * MS), SLUICE_OK);
    while (!out.done)
        uv_run(sluice_store_loop(f.store), UV_RUN_ONCE);
    assert_int_equal(out.error.status, SLUICE_EDEADLINE);
    fixture_deinit(&f);

    host_fixture(&f, &h, NULL);
    sluice_store_set_call_timeout(f.store, 10 * MS);
    arg = u32_val(1);
    p = begin(&f, "run", &arg, &out);
    assert_int_equal(sluice_pending_set_deadline(p, SLUICE_NO_DEADLINE),
                     SLUICE_OK);
    /* Nothing keeps the loop alive any more. */
    while (uv_run(sluice_store_loop(f.store), UV_RUN_ONCE) != 0)
        ;
    assert_false(out.done);
    sluice_val result = u32_val(5);
    sluice_call_return(h.call, &result);
    assert_int_equal(finish(&f, &out), SLUICE_OK);
    fixture_deinit(&f);

    host_fixture(&f, &h, NULL); /* without a limit from the start */
    arg = u32_val(1);
    p = begin(&f, "run", &arg, &out);
    assert_int_equal(sluice_pending_set_deadline(p, 1), SLUICE_EUSAGE);
    fixture_deinit(&f);
}

/* The store's own deadline ends everything, until it is moved. */
static void test_store_set_deadline__ends_everything(void **state)
{
    (void)state;
    fixture f;
    held h;
    outcome a, b;
    host_fixture(&f, &h, NULL);
    sluice_func *again = func_of(&f, "again");
    sluice_val arg = u32_val(1);
    begin(&f, "run", &arg, &a);
    b = (outcome){0};
    arg = u32_val(1);
    sluice_func_call(again, &arg, 1, keep, &b, NULL, &f.error);
    assert_int_equal(sluice_store_set_deadline(f.store, 10 * MS), SLUICE_OK);
    while (!a.done || !b.done)
        uv_run(sluice_store_loop(f.store), UV_RUN_ONCE);
    assert_int_equal(a.error.status, SLUICE_EDEADLINE);
    assert_int_equal(b.error.status, SLUICE_EDEADLINE);
    arg = u32_val(1);
    assert_int_equal(sluice_func_call(again, &arg, 1, keep, &b, NULL, &f.error),
                     SLUICE_EDEADLINE);
    assert_null(sluice_instantiate(f.store, f.linker, f.component, &f.error));
    assert_int_equal(f.error.status, SLUICE_EDEADLINE);
    assert_int_equal(sluice_store_set_deadline(f.store, SLUICE_NO_DEADLINE),
                     SLUICE_OK);
    fixture_instantiate(&f);
    fixture_deinit(&f);
}

/* A trap ends the guest: a host function that works for it hears of that, and
 * an embedder's loop has nothing left to wait for. */
#define TRAPPER                                                                \
    "(component"                                                               \
    "  (import \"f\" (func $f async (param \"a\" u32) (result u32)))"          \
    "  (core module $Memory (memory (export \"memory\") 1))"                   \
    "  (core instance $memory (instantiate $Memory))"                          \
    "  (core func $l (canon lower (func $f) async"                             \
    "    (memory $memory \"memory\")))"                                        \
    "  (core module $M"                                                        \
    "    (import \"\" \"f\" (func $f (param i32 i32) (result i32)))"           \
    "    (func (export \"go\")"                                                \
    "      (drop (call $f (i32.const 1) (i32.const 0))) (unreachable)))"       \
    "  (core instance $m (instantiate $M (with \"\" (instance"                 \
    "    (export \"f\" (func $l))))))"                                         \
    "  (func (export \"go\") (canon lift (core func $m \"go\"))))"

static void test_trap__cancels_the_hosts_work(void **state)
{
    (void)state;
    fixture f;
    held h = {0};
    fixture_init(&f, TRAPPER);
    assert_int_equal(
        sluice_linker_func(f.linker, NULL, "f", NULL, hold, &h, NULL, &f.error),
        SLUICE_OK);
    fixture_instantiate(&f);
    assert_int_equal(call(&f, "go", NULL, NULL), SLUICE_ETRAP);
    assert_int_equal(h.gone, 1);
    assert_int_equal(h.cancelled, 0);
    fixture_deinit(&f);
    assert_int_equal(h.gone, 1); /* once */
}

const struct CMUnitTest deadline_tests[] = {
    cmocka_unit_test(test_deadline__every_endless_loop_ends),
    cmocka_unit_test(test_deadline__within_ten_milliseconds),
    cmocka_unit_test(test_deadline__realloc),
    cmocka_unit_test(test_deadline__post_return),
    cmocka_unit_test(test_deadline__callback),
    cmocka_unit_test(test_deadline__endless_yielding),
    cmocka_unit_test(test_deadline__after_the_result),
    cmocka_unit_test(test_deadline__instantiation),
    cmocka_unit_test(test_deadline__a_host_call_that_never_returns),
    cmocka_unit_test(test_deadline__a_waiting_callee_is_cancelled),
    cmocka_unit_test(test_deadline__a_deadlock_is_still_one),
    cmocka_unit_test(test_deadline__one_of_several_calls),
    cmocka_unit_test(test_deadline__another_calls_code_goes_on),
    cmocka_unit_test(test_deadline__in_another_instance),
    cmocka_unit_test(test_pending_set_deadline__moves_it),
    cmocka_unit_test(test_store_set_deadline__ends_everything),
    cmocka_unit_test(test_trap__cancels_the_hosts_work),
};
const size_t n_deadline_tests = N(deadline_tests);
