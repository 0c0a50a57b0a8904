#include "fixture.h"

/* A task whose implicit thread runs `fn`, registered as canon_lift does. */
static const sl_type async_func = {.kind = SL_T_FUNC, .of.func.async_ = true};

typedef sl_status (*body_fn)(sl_thread *thread);

typedef struct job {
    fixture *f;
    body_fn body;
    const char *name;
    sl_waitable_set *set;
    sl_thread *other;
    int rounds;
} job;

static job *job_of(sl_thread *thread)
{
    return thread->task->implicit_thread->arg;
}

static sl_status job_main(sl_thread *thread, void *arg)
{
    job *j = arg;
    sl_task *task = thread->task;
    sl_status status = sl_task_entered(task);
    if (status == SL_OK)
        status = j->body(thread);
    if (status != SL_OK)
        return status;
    task->state = SL_TASK_RESOLVED;
    return sl_task_exit_implicit_thread(task);
}

static sl_task *job_new(sl_instance *inst, job *j)
{
    sl_err err = {0};
    sl_task *task = sl_task_new(&async_func, NULL, inst, NULL, job_main, &err);
    assert_non_null(task);
    task->state = SL_TASK_STARTED;
    task->implicit_thread->arg = j;
    return task;
}

static sl_status start(sl_instance *inst, job *j)
{
    return sl_thread_resume(job_new(inst, j)->implicit_thread, false);
}

/* --- Yielding ------------------------------------------------------------- */

static sl_status yields(sl_thread *thread)
{
    job *j = job_of(thread);
    for (int i = 0; i < j->rounds; i++) {
        note(j->f, j->name);
        sl_status status = sl_thread_yield(thread, NULL, false, NULL);
        if (status != SL_OK)
            return status;
    }
    note(j->f, ".");
    return SL_OK;
}

static void test_tick__takes_turns(void **state)
{
    (void)state;
    fixture f;
    fixture_init(&f);
    job a = {.f = &f, .body = yields, .name = "a", .rounds = 3};
    job b = {.f = &f, .body = yields, .name = "b", .rounds = 2};
    job c = {.f = &f, .body = yields, .name = "c", .rounds = 3};
    start(f.a, &a);
    start(f.b, &b);
    start(f.a, &c);
    assert_int_equal(f.store->live_threads, 3);
    assert_int_equal(run_all(&f), SL_OK);
    assert_string_equal(f.log, "abcabca.c..");
    assert_int_equal(f.store->live_threads, 0);
    assert_int_equal(f.store->live_tasks, 0);
    fixture_deinit(&f);
}

static void test_tick__is_replayed_by_its_seed(void **state)
{
    (void)state;
    char log[2][256];
    bool differs = false;
    for (uint64_t seed = 1; seed < 20; seed++) {
        for (int run = 0; run < 2; run++) {
            fixture f;
            fixture_init(&f);
            f.store->seed = seed;
            job j[4];
            for (int i = 0; i < 4; i++) {
                j[i] = (job){.f = &f, .body = yields, .rounds = 4};
                j[i].name = &"a\0b\0c\0d"[2 * i];
                start(i < 2 ? f.a : f.b, &j[i]);
            }
            assert_int_equal(run_all(&f), SL_OK);
            strcpy(log[run], f.log);
            fixture_deinit(&f);
        }
        assert_string_equal(log[0], log[1]);
        differs |= strncmp(log[0], "abcdabcd", 8) != 0;
    }
    assert_true(differs);
}

static void test_loop__ticks_until_nothing_is_ready(void **state)
{
    (void)state;
    fixture f;
    bool done = false;
    fixture_init(&f);
    job a = {.f = &f, .body = yields, .name = "a", .rounds = 3};
    start(f.a, &a);
    assert_int_equal(sl_store_run(f.store, &done), SL_EDEADLOCK);
    assert_string_equal(f.log, "aaa.");
    assert_string_equal(
        f.store->trap.err.msg,
        "deadlock detected: event loop cannot make further progress");
    fixture_deinit(&f);
}

/* --- Closing -------------------------------------------------------------- */

static sl_status suspends(sl_thread *thread)
{
    job *j = job_of(thread);
    note(j->f, j->name);
    sl_status status = sl_thread_suspend(thread, NULL, false, NULL);
    note(j->f, status == SL_ECANCELLED ? "!" : "?");
    /* A second wait while closing must not hang. */
    if (status == SL_ECANCELLED)
        assert_int_equal(sl_thread_yield(thread, NULL, false, NULL),
                         SL_ECANCELLED);
    return status;
}

static void test_store_free__unwinds_parked_threads(void **state)
{
    (void)state;
    fixture f;
    fixture_init(&f);
    job a = {.f = &f, .body = suspends, .name = "a"};
    job b = {.f = &f, .body = yields, .name = "b", .rounds = 2};
    job c = {.f = &f, .body = yields, .name = "c", .rounds = 2};
    start(f.a, &a);
    start(f.b, &b);
    job_new(f.b, &c); /* never started */
    fixture_deinit(&f);
    assert_string_equal(f.log, "ab!");
}

/* --- Traps ---------------------------------------------------------------- */

static sl_status traps(sl_thread *thread)
{
    job *j = job_of(thread);
    sl_thread_yield(thread, NULL, false, NULL);
    return sl_store_trap(j->f->store, "boom");
}

static int n_reports;
static void count_report(sl_store *store, void *arg)
{
    (void)arg;
    assert_string_equal(store->trap.err.msg, "boom");
    n_reports++;
}

static void test_trap__poisons_the_instance_and_nothing_else_runs(void **state)
{
    (void)state;
    fixture f;
    bool done = false;
    fixture_init(&f);
    n_reports = 0;
    f.store->on_trap = count_report;
    job a = {.f = &f, .body = traps};
    job b = {.f = &f, .body = yields, .name = "b", .rounds = 9};
    start(f.a, &a);
    start(f.b, &b);
    assert_int_equal(sl_store_run(f.store, &done), SL_ETRAP);
    assert_true(done);
    assert_int_equal(n_reports, 1);
    assert_false(sl_may_enter_from(f.a, NULL));
    assert_false(sl_may_enter_from(f.root, NULL));
    /* b's root is poisoned as well: it is not resumed, but unwound. */
    sl_status status;
    assert_false(sl_store_tick(f.store, &status));
    assert_string_equal(f.log, "b");
    assert_int_equal(f.store->live_threads, 1);
    fixture_deinit(&f);
}

static sl_status resumes_other(sl_thread *thread)
{
    job *j = job_of(thread);
    (void)thread;
    note(j->f, "x");
    return sl_thread_resume(j->other, false);
}

static sl_status traps_at_once(sl_thread *thread)
{
    return sl_store_trap(job_of(thread)->f->store, "inner");
}

static void test_trap__unwinds_the_chain_of_resumes(void **state)
{
    (void)state;
    fixture f;
    fixture_init(&f);
    job inner = {.f = &f, .body = traps_at_once};
    job outer = {.f = &f, .body = resumes_other};
    outer.other = job_new(f.b, &inner)->implicit_thread;
    assert_int_equal(start(f.a, &outer), SL_ETRAP);
    assert_string_equal(f.store->trap.err.msg, "inner");
    assert_int_equal(f.store->live_threads, 0);
    assert_null(f.store->current);
    fixture_deinit(&f);
}

/* --- Switching ------------------------------------------------------------ */

static sl_status switches(sl_thread *thread)
{
    job *j = job_of(thread);
    note(j->f, "1");
    sl_status status = sl_thread_suspend(thread, j->other, false, NULL);
    note(j->f, "3");
    return status;
}

static sl_status switched_to(sl_thread *thread)
{
    job *j = job_of(thread);
    note(j->f, "2");
    sl_thread_resume_later(j->other);
    assert_true(sl_thread_ready(j->other));
    (void)thread;
    return SL_OK;
}

static void test_suspend_then_resume__switches_directly(void **state)
{
    (void)state;
    fixture f;
    fixture_init(&f);
    job to = {.f = &f, .body = switched_to};
    job from = {.f = &f, .body = switches};
    from.other = job_new(f.a, &to)->implicit_thread;
    sl_task *task = job_new(f.a, &from);
    to.other = task->implicit_thread;
    assert_int_equal(sl_thread_resume(task->implicit_thread, false), SL_OK);
    assert_string_equal(f.log, "12");
    assert_int_equal(run_all(&f), SL_OK);
    assert_string_equal(f.log, "123");
    fixture_deinit(&f);
}

static sl_status yields_to(sl_thread *thread)
{
    job *j = job_of(thread);
    sl_status status = sl_thread_yield(thread, j->other, false, NULL);
    note(j->f, "2");
    return status;
}

static void test_yield_then_resume__comes_back_by_itself(void **state)
{
    (void)state;
    fixture f;
    fixture_init(&f);
    job to = {.f = &f, .body = yields, .name = "1", .rounds = 1};
    job from = {.f = &f, .body = yields_to};
    from.other = job_new(f.a, &to)->implicit_thread;
    start(f.a, &from);
    assert_string_equal(f.log, "1");
    assert_int_equal(run_all(&f), SL_OK);
    assert_string_equal(f.log, "12.");
    fixture_deinit(&f);
}

/* --- Waitable sets -------------------------------------------------------- */

static sl_event some_event(sl_waitable *w)
{
    (void)w;
    return (sl_event){SL_EVENT_STREAM_READ, 7, 8};
}

static sl_status waits_for_set(sl_thread *thread)
{
    job *j = job_of(thread);
    sl_waitable_set *set = j->set;
    set->num_waiting++;
    sl_status status =
        sl_thread_wait_until(thread, SL_WAIT_SET, set, false, NULL);
    set->num_waiting--;
    if (status != SL_OK)
        return status;
    sl_event event = sl_waitable_set_take_event(j->f->store, set);
    assert_int_equal(event.code, SL_EVENT_STREAM_READ);
    assert_int_equal(event.p1, 7);
    note(j->f, j->name);
    return SL_OK;
}

static void test_set__gives_each_event_to_one_waiter(void **state)
{
    (void)state;
    fixture f;
    sl_waitable w[3];
    fixture_init(&f);
    sl_waitable_set *set = sl_waitable_set_new(NULL);
    job a = {.f = &f, .body = waits_for_set, .name = "a", .set = set};
    job b = {.f = &f, .body = waits_for_set, .name = "b", .set = set};
    job c = {.f = &f, .body = waits_for_set, .name = "c", .set = set};
    start(f.a, &a);
    start(f.a, &b);
    for (int i = 0; i < 3; i++) {
        sl_waitable_init(&w[i], f.a);
        sl_waitable_join(&w[i], set);
    }
    assert_int_equal(run_all(&f), SL_OK);
    assert_string_equal(f.log, "");
    for (int i = 0; i < 3; i++)
        sl_waitable_set_event(&w[i], some_event);
    assert_int_equal(set->pending.n, 3);
    assert_int_equal(run_all(&f), SL_OK);
    assert_string_equal(f.log, "ab");
    assert_int_equal(set->pending.n, 1);
    start(f.a, &c); /* there is one: it does not wait */
    assert_string_equal(f.log, "abc");
    sl_waitable_set_free(set);
    fixture_deinit(&f);
}

static void
test_set__wakes_for_a_waitable_that_joins_with_an_event(void **state)
{
    (void)state;
    fixture f;
    sl_waitable w;
    fixture_init(&f);
    sl_waitable_set *set = sl_waitable_set_new(NULL);
    job a = {.f = &f, .body = waits_for_set, .name = "a", .set = set};
    start(f.a, &a);
    sl_waitable_init(&w, f.a);
    sl_waitable_set_event(&w, some_event);
    sl_waitable_join(&w, set);
    assert_int_equal(run_all(&f), SL_OK);
    assert_string_equal(f.log, "a");
    sl_waitable_join(&w, NULL);
    assert_int_equal(set->idle.n + set->pending.n, 0);
    sl_waitable_set_free(set);
    fixture_deinit(&f);
}

/* An event taken by somebody else is no wake-up; the next one is. */
static void test_set__forgets_nobody_whose_event_was_taken(void **state)
{
    (void)state;
    fixture f;
    sl_waitable w;
    fixture_init(&f);
    sl_waitable_set *set = sl_waitable_set_new(NULL);
    job a = {.f = &f, .body = waits_for_set, .name = "a", .set = set};
    start(f.a, &a);
    sl_waitable_init(&w, f.a);
    sl_waitable_join(&w, set);
    sl_waitable_set_event(&w, some_event);
    sl_waitable_take_event(&w);
    assert_int_equal(run_all(&f), SL_OK);
    assert_string_equal(f.log, "");
    sl_waitable_set_event(&w, some_event);
    assert_int_equal(run_all(&f), SL_OK);
    assert_string_equal(f.log, "a");
    sl_waitable_set_free(set);
    fixture_deinit(&f);
}

static sl_status waits_for_one(sl_thread *thread)
{
    job *j = job_of(thread);
    sl_waitable *w = (sl_waitable *)(void *)j->set;
    sl_status status = sl_waitable_wait(w);
    (void)thread;
    if (status == SL_OK)
        note(j->f, "w");
    return status;
}

static void test_waitable_wait__wakes_the_thread(void **state)
{
    (void)state;
    fixture f;
    sl_waitable w;
    fixture_init(&f);
    sl_waitable_init(&w, f.a);
    job a = {.f = &f, .body = waits_for_one, .set = (void *)&w};
    start(f.a, &a);
    assert_non_null(w.sync_waiter);
    sl_waitable_set_event(&w, some_event);
    assert_int_equal(run_all(&f), SL_OK);
    assert_null(w.sync_waiter);
    assert_string_equal(f.log, "w");
    fixture_deinit(&f);
}

/* --- Synchronous tasks ---------------------------------------------------- */

static sl_status run_sync(sl_instance *inst, job *j)
{
    sl_err err = {0};
    sl_task *task = sl_task_new(NULL, NULL, inst, NULL, job_main, &err);
    assert_non_null(task);
    task->state = SL_TASK_STARTED;
    task->implicit_thread->arg = j;
    return sl_task_run_sync(task);
}

static void test_run_sync__lets_others_of_the_instance_run(void **state)
{
    (void)state;
    fixture f;
    fixture_init(&f);
    job a = {.f = &f, .body = yields, .name = "a", .rounds = 2};
    job b = {.f = &f, .body = yields, .name = "b", .rounds = 2};
    job s = {.f = &f, .body = yields, .name = "s", .rounds = 2};
    start(f.a, &a);
    start(f.b, &b);
    assert_int_equal(run_sync(f.a, &s), SL_OK);
    assert_string_equal(f.log, "absas..");
    assert_int_equal(f.a->sync_depth, 0);
    assert_null(f.store->fiber);
    fixture_deinit(&f);
}

static void test_run_sync__traps_when_it_blocks_for_good(void **state)
{
    (void)state;
    fixture f;
    fixture_init(&f);
    job s = {.f = &f, .body = suspends, .name = "s"};
    assert_int_equal(run_sync(f.a, &s), SL_ETRAP);
    assert_string_equal(f.store->trap.err.msg,
                        "cannot block a synchronous task before returning");
    assert_int_equal(f.store->live_tasks, 0);
    f.store->trap.err = (sl_err){0};
    job b = {.f = &f, .body = yields, .name = "b", .rounds = 1};
    start(f.b, &b);
    assert_int_equal(run_sync(f.a, &s), SL_ETRAP);
    assert_string_equal(
        f.store->trap.err.msg,
        "deadlock detected: event loop cannot make further progress");
    fixture_deinit(&f);
}

static sl_status calls_sync(sl_thread *thread)
{
    job *j = job_of(thread);
    job inner = {.f = j->f, .body = yields, .name = "i", .rounds = 2};
    note(j->f, "(");
    assert_ptr_equal(j->f->store->current, thread);
    sl_status status = run_sync(j->f->b, &inner);
    assert_ptr_equal(j->f->store->current, thread);
    assert_ptr_equal(sl_thread_of(thread->core), thread);
    note(j->f, ")");
    return status;
}

static void test_run_sync__uses_the_callers_fiber(void **state)
{
    (void)state;
    fixture f;
    fixture_init(&f);
    job outer = {.f = &f, .body = calls_sync};
    assert_int_equal(start(f.a, &outer), SL_OK);
    assert_string_equal(f.log, "(ii.)");
    assert_int_equal(sl_fiber_pool_count(f.store->fibers), 1);
    fixture_deinit(&f);
}

const struct CMUnitTest thread_tests[] = {
    cmocka_unit_test(test_tick__takes_turns),
    cmocka_unit_test(test_tick__is_replayed_by_its_seed),
    cmocka_unit_test(test_loop__ticks_until_nothing_is_ready),
    cmocka_unit_test(test_store_free__unwinds_parked_threads),
    cmocka_unit_test(test_trap__poisons_the_instance_and_nothing_else_runs),
    cmocka_unit_test(test_trap__unwinds_the_chain_of_resumes),
    cmocka_unit_test(test_suspend_then_resume__switches_directly),
    cmocka_unit_test(test_yield_then_resume__comes_back_by_itself),
    cmocka_unit_test(test_set__gives_each_event_to_one_waiter),
    cmocka_unit_test(test_set__wakes_for_a_waitable_that_joins_with_an_event),
    cmocka_unit_test(test_set__forgets_nobody_whose_event_was_taken),
    cmocka_unit_test(test_waitable_wait__wakes_the_thread),
    cmocka_unit_test(test_run_sync__lets_others_of_the_instance_run),
    cmocka_unit_test(test_run_sync__traps_when_it_blocks_for_good),
    cmocka_unit_test(test_run_sync__uses_the_callers_fiber),
};
const size_t n_thread_tests = sizeof thread_tests / sizeof *thread_tests;
