#include "fixture.h"

#include <malloc.h>

/* A callback task as canon/lift.c makes them, without core code: it enters,
 * holds the lock for a moment, and parks until its set has an event. */
static const sl_type async_func = {.kind = SL_T_FUNC, .of.func.async_ = true};

enum { ENTERING = 1, WAITING };

typedef struct caller {
    sl_call call; /* first */
    fixture *f;
    const char *name;
    sl_waitable_set *set; /* NULL: it yields */
    int events;           /* until it returns */
    bool returned, cancelled;
} caller;

static sl_status on_start(sl_call *call, sl_arena *arena, sl_val *args)
{
    caller *c = (caller *)call;
    (void)arena, (void)args;
    note(c->f, c->name);
    return SL_OK;
}

static sl_status on_resolve(sl_call *call, const sl_val *result, bool cancelled)
{
    caller *c = (caller *)call;
    (void)result;
    c->returned = !cancelled;
    c->cancelled = cancelled;
    return SL_OK;
}

static caller *caller_of(sl_task *task)
{
    return (caller *)task->call;
}

static sl_status finish(sl_thread *thread)
{
    sl_task *task = thread->task;
    sl_status status = sl_task_return(task, NULL);
    if (status == SL_OK)
        status = sl_task_exit_implicit_thread(task);
    return status;
}

static sl_status park(sl_thread *thread)
{
    sl_task *task = thread->task;
    caller *c = caller_of(task);
    bool parked = false, cancelled = false;
    task->phase = WAITING;
    while (c->events-- > 0) {
        sl_instance_unlock(task->inst);
        if (c->set != NULL)
            c->set->num_waiting++;
        sl_status status =
            sl_thread_park(thread, c->set != NULL ? SL_WAIT_SET : SL_WAIT_YIELD,
                           c->set, &parked, &cancelled);
        if (status != SL_OK || parked)
            return status;
        sl_waitable_set_take_event(c->f->store, c->set);
        c->set->num_waiting--;
        task->inst->exclusive_thread = thread;
    }
    return finish(thread);
}

static sl_status go_on(sl_thread *thread)
{
    sl_task *task = thread->task;
    caller *c = caller_of(task);
    if (c->set != NULL)
        c->set->num_waiting--;
    assert_null(task->inst->exclusive_thread);
    task->inst->exclusive_thread = thread;
    if (thread->cancelled) {
        sl_status status = sl_task_cancel(task);
        return status == SL_OK ? sl_task_exit_implicit_thread(task) : status;
    }
    if (c->set != NULL)
        sl_waitable_set_take_event(c->f->store, c->set);
    return park(thread);
}

static sl_status begin(sl_thread *thread)
{
    sl_task *task = thread->task;
    sl_status status = sl_task_entered(task);
    if (status != SL_OK)
        return status;
    task->state = SL_TASK_STARTED;
    status = sl_call_start(task->call, NULL, NULL);
    return status == SL_OK ? park(thread) : status;
}

static sl_status task_main(sl_thread *thread, void *arg)
{
    sl_task *task = arg;
    sl_instance *inst = task->inst;
    bool parked, cancelled;

    if (task->phase == WAITING)
        return go_on(thread);
    if (task->phase == ENTERING) {
        inst->num_waiting_to_enter--;
        return thread->cancelled ? sl_task_cancel(task) : begin(thread);
    }
    if (!sl_task_has_backpressure(task) && inst->num_waiting_to_enter == 0)
        return begin(thread);
    inst->num_waiting_to_enter++;
    task->phase = ENTERING;
    return sl_thread_park(thread, SL_WAIT_ENTER, NULL, &parked, &cancelled);
}

static void call(caller *c, fixture *f, sl_instance *inst, const char *name)
{
    sl_err err = {0};
    *c = (caller){
        .call = {.on_start = on_start, .on_resolve = on_resolve, .refs = 1},
        .f = f,
        .name = name,
        .events = 1,
        .set = c->set};
    sl_task *task =
        sl_task_new(&async_func, NULL, inst, &c->call, task_main, &err);
    assert_non_null(task);
    task->async_lifted = task->needs_exclusive = true;
    sl_enter_from(inst, NULL);
    assert_int_equal(sl_thread_resume(task->implicit_thread, false), SL_OK);
    sl_leave_to(inst, NULL);
}

/* --- Backpressure --------------------------------------------------------- */

static void test_backpressure__holds_and_releases(void **state)
{
    (void)state;
    fixture f;
    caller c[4] = {0};
    fixture_init(&f);
    f.a->backpressure = 1;
    call(&c[0], &f, f.a, "1");
    call(&c[1], &f, f.a, "2");
    call(&c[2], &f, f.b, "b");
    assert_string_equal(f.log, "b");
    assert_int_equal(f.a->num_waiting_to_enter, 2);
    assert_int_equal(run_all(&f), SL_OK);
    assert_true(c[2].returned);
    assert_string_equal(f.log, "b");
    f.a->backpressure = 0;
    sl_instance_open_gate(f.a);
    call(&c[3], &f, f.a, "3"); /* residual: those before it go first */
    assert_string_equal(f.log, "b");
    assert_int_equal(run_all(&f), SL_OK);
    assert_string_equal(f.log, "b123");
    for (int i = 0; i < 4; i++) {
        assert_true(c[i].returned);
        assert_int_equal(c[i].call.refs, 1);
    }
    assert_int_equal(f.store->live_tasks, 0);
    fixture_deinit(&f);
}

static void test_backpressure__a_waiting_call_can_be_cancelled(void **state)
{
    (void)state;
    fixture f;
    caller c = {0}, d = {0};
    fixture_init(&f);
    f.a->backpressure = 1;
    call(&c, &f, f.a, "c");
    call(&d, &f, f.a, "d");
    assert_non_null(c.call.cancel);
    assert_int_equal(c.call.cancel(&c.call, NULL), SL_OK);
    assert_true(c.cancelled);
    assert_false(c.call.started);
    assert_null(c.call.cancel);
    assert_int_equal(f.a->num_waiting_to_enter, 1);
    f.a->backpressure = 0;
    sl_instance_open_gate(f.a);
    assert_int_equal(run_all(&f), SL_OK);
    assert_true(d.returned);
    assert_string_equal(f.log, "d");
    fixture_deinit(&f);
}

/* --- Cancellation --------------------------------------------------------- */

static sl_event some_event(sl_waitable *w)
{
    (void)w;
    return (sl_event){SL_EVENT_SUBTASK, 1, 2};
}

static void test_cancel__resumes_a_parked_task(void **state)
{
    (void)state;
    fixture f;
    caller c = {0};
    fixture_init(&f);
    sl_waitable_set *set = sl_waitable_set_new(NULL);
    c.set = set;
    call(&c, &f, f.a, "c");
    assert_int_equal(set->num_waiting, 1);
    assert_int_equal(c.call.cancel(&c.call, f.b), SL_OK);
    assert_true(c.cancelled);
    assert_int_equal(set->num_waiting, 0);
    assert_null(f.a->exclusive_thread);
    assert_true(f.a->may_enter);
    sl_waitable_set_free(set);
    fixture_deinit(&f);
}

/* While it may not be entered the request is kept for its next wait. */
static void test_cancel__waits_while_the_instance_runs(void **state)
{
    (void)state;
    fixture f;
    caller c = {0};
    fixture_init(&f);
    sl_waitable_set *set = sl_waitable_set_new(NULL);
    c.set = set;
    call(&c, &f, f.a, "c");
    sl_task *task = c.call.callee;
    f.a->may_enter = false;
    assert_int_equal(c.call.cancel(&c.call, f.b), SL_OK);
    assert_false(c.cancelled);
    assert_int_equal(task->state, SL_TASK_PENDING_CANCEL);
    f.a->may_enter = true;
    assert_true(sl_task_deliver_pending_cancel(task, true));
    assert_int_equal(task->state, SL_TASK_CANCEL_DELIVERED);
    fixture_deinit(&f);
    assert_int_equal(c.call.refs, 1);
    sl_waitable_set_free(set);
}

static void
test_cancel__spares_a_task_while_another_holds_the_lock(void **state)
{
    (void)state;
    fixture f;
    caller c = {0};
    sl_thread holder = {0};
    fixture_init(&f);
    sl_waitable_set *set = sl_waitable_set_new(NULL);
    c.set = set;
    call(&c, &f, f.a, "c");
    f.a->exclusive_thread = &holder;
    assert_int_equal(c.call.cancel(&c.call, NULL), SL_OK);
    assert_false(c.cancelled);
    f.a->exclusive_thread = NULL;
    fixture_deinit(&f);
    sl_waitable_set_free(set);
}

/* --- The lock ------------------------------------------------------------- */

static void test_lock__lets_one_go_on_at_a_time(void **state)
{
    (void)state;
    fixture f;
    caller c[3] = {0};
    sl_waitable w[3];
    sl_thread holder = {0};
    fixture_init(&f);
    sl_waitable_set *set = sl_waitable_set_new(NULL);
    for (int i = 0; i < 3; i++) {
        c[i].set = set;
        call(&c[i], &f, f.a, &"1\0002\0003"[2 * i]);
        sl_waitable_init(&w[i], f.a);
        sl_waitable_join(&w[i], set);
    }
    assert_int_equal(set->num_waiting, 3);
    f.a->exclusive_thread = &holder;
    for (int i = 0; i < 3; i++)
        sl_waitable_set_event(&w[i], some_event);
    assert_int_equal(run_all(&f), SL_OK);
    assert_false(c[0].returned || c[1].returned || c[2].returned);
    sl_instance_unlock(f.a);
    assert_int_equal(run_all(&f), SL_OK);
    assert_true(c[0].returned && c[1].returned && c[2].returned);
    sl_waitable_set_free(set);
    fixture_deinit(&f);
}

/* --- Calls ---------------------------------------------------------------- */

static void test_return__traps_with_borrows_left_and_twice(void **state)
{
    (void)state;
    fixture f;
    caller c = {0};
    fixture_init(&f);
    sl_waitable_set *set = sl_waitable_set_new(NULL);
    c.set = set;
    call(&c, &f, f.a, "c");
    sl_task *task = c.call.callee;
    task->num_borrows = 1;
    assert_int_equal(sl_task_return(task, NULL), SL_ETRAP);
    assert_string_equal(f.store->trap.err.msg,
                        "borrow handles still remain at the end of the call");
    task->num_borrows = 0;
    f.store->trap.err = (sl_err){0};
    assert_int_equal(sl_task_cancel(task), SL_ETRAP);
    assert_int_equal(sl_task_return(task, NULL), SL_OK);
    assert_int_equal(sl_task_return(task, NULL), SL_ETRAP);
    assert_int_equal(c.call.refs, 1);
    fixture_deinit(&f);
    sl_waitable_set_free(set);
}

/* --- Size ----------------------------------------------------------------- */

/* 100,000 pending tasks: linear, on one fiber, below 1 KiB each. */
static void test_parked__are_many_and_small(void **state)
{
    (void)state;
    enum { N = 100000 };
    fixture f;
    fixture_init(&f);
    caller *c = calloc(N, sizeof *c);
    sl_waitable *w = calloc(N, sizeof *w);
    sl_waitable_set **sets = calloc(N, sizeof *sets);
    assert_true(c != NULL && w != NULL && sets != NULL);
    size_t before = mallinfo2().uordblks;
    for (int i = 0; i < N; i++) {
        sets[i] = sl_waitable_set_new(NULL);
        c[i].set = sets[i];
        call(&c[i], &f, i % 2 ? f.a : f.b, "");
        sl_waitable_init(&w[i], f.a);
        sl_waitable_join(&w[i], sets[i]);
    }
    size_t each = (mallinfo2().uordblks - before) / N;
    assert_true(each < 1024);
    assert_int_equal(sl_fiber_pool_count(f.store->fibers), 1);
    assert_int_equal(f.store->live_tasks, N);
    for (int i = N - 1; i >= 0; i--)
        sl_waitable_set_event(&w[i], some_event);
    assert_int_equal(run_all(&f), SL_OK);
    for (int i = 0; i < N; i++)
        assert_true(c[i].returned);
    for (int i = 0; i < N; i++)
        sl_waitable_set_free(sets[i]);
    free(sets);
    free(w);
    free(c);
    fixture_deinit(&f);
}

/* As many that wait for the same thing, woken one after the other. */
static void test_parked__wake_in_linear_time_from_one_place(void **state)
{
    (void)state;
    enum { N = 50000 };
    fixture f;
    sl_waitable w;
    fixture_init(&f);
    caller *c = calloc(2 * N, sizeof *c);
    assert_non_null(c);
    sl_waitable_set *set = sl_waitable_set_new(NULL);
    for (int i = 0; i < N; i++) {
        c[i].set = set;
        call(&c[i], &f, f.a, "");
    }
    f.a->backpressure = 1;
    for (int i = N; i < 2 * N; i++)
        call(&c[i], &f, f.a, "");
    sl_waitable_init(&w, f.a);
    sl_waitable_join(&w, set);
    for (int i = 0; i < N; i++) {
        sl_waitable_set_event(&w, some_event);
        assert_int_equal(run_all(&f), SL_OK);
    }
    f.a->backpressure = 0;
    sl_instance_open_gate(f.a);
    assert_int_equal(run_all(&f), SL_OK);
    for (int i = 0; i < 2 * N; i++)
        assert_true(c[i].returned);
    sl_waitable_set_free(set);
    free(c);
    fixture_deinit(&f);
}

const struct CMUnitTest task_tests[] = {
    cmocka_unit_test(test_backpressure__holds_and_releases),
    cmocka_unit_test(test_backpressure__a_waiting_call_can_be_cancelled),
    cmocka_unit_test(test_cancel__resumes_a_parked_task),
    cmocka_unit_test(test_cancel__waits_while_the_instance_runs),
    cmocka_unit_test(test_cancel__spares_a_task_while_another_holds_the_lock),
    cmocka_unit_test(test_lock__lets_one_go_on_at_a_time),
    cmocka_unit_test(test_return__traps_with_borrows_left_and_twice),
    cmocka_unit_test(test_parked__are_many_and_small),
    cmocka_unit_test(test_parked__wake_in_linear_time_from_one_place),
};
const size_t n_task_tests = sizeof task_tests / sizeof *task_tests;
