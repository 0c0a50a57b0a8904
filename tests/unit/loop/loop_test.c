/* Posts, timers, work, polls, and leaving nothing behind. */
#include "check.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <uv.h>

#include "base/alloc.h"
#include "loop/loop.h"

static int count_fds(void)
{
    int n = 0;
    for (int fd = 0; fd < 1024; fd++)
        n += fcntl(fd, F_GETFD) >= 0;
    return n;
}

/* --- Turns ---- */

typedef struct turner {
    sl_post post;
    sl_loop *loop;
    bool ran, may;
} turner;

static void on_turn(sl_post *post)
{
    turner *t = (turner *)post;
    t->ran = true;
    t->may = sl_loop_may_turn(t->loop);
}

/* Whether it may be turned is asked inside and outside, here and by an embedder
 * who runs it himself. */
static void test_turn__not_inside_of_one(void **state)
{
    (void)state;
    uv_loop_t embedders;
    sl_loop *loop = sl_loop_new(NULL, NULL);
    turner t = {.post = {.fn = on_turn}, .loop = loop, .may = true};
    assert_false(sl_loop_turn(loop)); /* nothing to wait for */
    for (int way = 0; way < 3; way++) {
        t.ran = false;
        t.may = true;
        sl_loop_post(loop, &t.post);
        if (way == 0)
            (void)sl_loop_turn(loop);
        else if (way == 1)
            (void)sl_loop_run(loop, &t.ran);
        else
            uv_run(sl_loop_uv(loop), UV_RUN_NOWAIT);
        assert_true(t.ran);
        assert_false(t.may);
        assert_true(sl_loop_may_turn(loop));
    }
    sl_loop_free(loop);

    uv_loop_init(&embedders);
    loop = sl_loop_new(&embedders, NULL);
    assert_false(sl_loop_may_turn(loop));
    sl_loop_free(loop);
    uv_run(&embedders, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&embedders), 0);
}

/* --- Posts ---- */

typedef struct poster {
    sl_post post;
    sl_loop *loop;
    int *order, *n;
    int id, again;
    bool done;
} poster;

static void on_post(sl_post *post)
{
    poster *p = (poster *)post;
    p->order[(*p->n)++] = p->id;
    if (p->again-- > 0)
        sl_loop_post(p->loop, post);
    else
        p->done = true;
}

static void test_post__runs_in_order_once(void **state)
{
    (void)state;
    sl_loop *loop = sl_loop_new(NULL, NULL);
    int order[16], n = 0;
    poster p[3];
    for (int i = 0; i < 3; i++) {
        p[i] = (poster){.post = {.fn = on_post},
                        .loop = loop,
                        .order = order,
                        .n = &n,
                        .id = i,
                        .again = i};
        sl_loop_post(loop, &p[i].post);
        sl_loop_post(loop, &p[i].post); /* already pending */
    }
    assert_int_equal(sl_loop_active(loop), 3);
    assert_int_equal(n, 0); /* never from inside the call */
    assert_true(sl_loop_run(loop, &p[2].done));
    const int expected[] = {0, 1, 2, 1, 2, 2};
    assert_int_equal(n, 6);
    assert_memory_equal(order, expected, sizeof expected);
    assert_int_equal(sl_loop_active(loop), 0);
    bool never = false;
    assert_false(sl_loop_run(loop, &never));
    sl_loop_free(loop);
}

static void test_unpost__takes_it_back(void **state)
{
    (void)state;
    sl_loop *loop = sl_loop_new(NULL, NULL);
    int order[4], n = 0;
    poster p[3];
    for (int i = 0; i < 3; i++) {
        p[i] = (poster){.post = {.fn = on_post},
                        .loop = loop,
                        .order = order,
                        .n = &n,
                        .id = i};
        sl_loop_post(loop, &p[i].post);
    }
    sl_loop_unpost(loop, &p[1].post);
    sl_loop_unpost(loop, &p[1].post);
    assert_true(sl_loop_run(loop, &p[2].done));
    assert_int_equal(n, 2);
    sl_loop_free(loop);
}

/* --- Timers ---- */

static void set_flag(void *arg)
{
    *(bool *)arg = true;
}

static void test_timer__fires_or_is_cancelled(void **state)
{
    (void)state;
    sl_loop *loop = sl_loop_new(NULL, NULL);
    bool fired = false, other = false;
    uint64_t before = sl_loop_now_ns();
    assert_non_null(sl_timer_start(loop, 3000000, set_flag, &fired, NULL));
    sl_timer *t = sl_timer_start(loop, 1000000, set_flag, &other, NULL);
    assert_int_equal(sl_loop_active(loop), 2);
    sl_timer_cancel(t);
    sl_timer_cancel(NULL);
    assert_true(sl_loop_run(loop, &fired));
    assert_true(sl_loop_now_ns() - before >= 3000000);
    assert_false(other);
    assert_int_equal(sl_loop_active(loop), 0);
    sl_loop_free(loop);
}

/* --- Work ---- */

typedef struct job {
    sl_work work;
    int value;
    int *left;
    bool *all;
    int cancelled;
} job;

static void do_job(sl_work *work)
{
    usleep(1000);
    ((job *)work)->value *= 2;
}

static void job_done(sl_work *work, bool cancelled)
{
    job *j = (job *)work;
    j->cancelled = cancelled;
    if (--*j->left == 0)
        *j->all = true;
}

static void test_work__comes_back_on_the_loop(void **state)
{
    (void)state;
    sl_loop *loop = sl_loop_new(NULL, NULL);
    int left = 40;
    bool all = false;
    job jobs[40];
    for (int i = 0; i < 40; i++) {
        jobs[i] = (job){.work = {do_job, job_done, NULL},
                        .value = i,
                        .left = &left,
                        .all = &all};
        assert_int_equal(sl_work_start(loop, &jobs[i].work, NULL), SL_OK);
    }
    for (int i = 20; i < 40; i++)
        sl_work_cancel(&jobs[i].work);
    assert_true(sl_loop_run(loop, &all));
    for (int i = 0; i < 40; i++)
        assert_int_equal(jobs[i].value, jobs[i].cancelled ? i : 2 * i);
    assert_false(jobs[0].cancelled);
    assert_true(jobs[39].cancelled);
    assert_int_equal(sl_loop_active(loop), 0);
    sl_loop_free(loop);
}

/* --- Polls ---- */

typedef struct watcher {
    sl_poll *poll;
    int fd, calls, events;
    bool done;
} watcher;

static void on_events(void *arg, int events, int error)
{
    watcher *w = arg;
    assert_int_equal(error, 0);
    w->calls++;
    w->events = events;
    if (w->calls == 3) {
        sl_poll_stop(w->poll);
        w->done = true;
    }
}

static void poll_readable(int rd, int wr)
{
    sl_loop *loop = sl_loop_new(NULL, NULL);
    watcher w = {.fd = rd};
    int before = fcntl(rd, F_GETFL);
    w.poll = sl_poll_start(loop, rd, SL_POLL_READ, on_events, &w, NULL);
    assert_non_null(w.poll);
    bool fired = false;
    sl_timer_start(loop, 2000000, set_flag, &fired, NULL);
    assert_true(sl_loop_run(loop, &fired));
    assert_int_equal(w.calls, 0);
    assert_int_equal(write(wr, "x", 1), 1);
    assert_true(sl_loop_run(loop, &w.done)); /* level-triggered: three times */
    assert_int_equal(w.events, SL_POLL_READ);
    assert_int_equal(fcntl(rd, F_GETFL), before);
    assert_int_equal(sl_loop_active(loop), 0);
    sl_loop_free(loop);
    close(rd);
    close(wr);
}

static void test_poll__reports_pipes_and_sockets(void **state)
{
    (void)state;
    int before = count_fds(), fds[2];
    assert_int_equal(pipe(fds), 0);
    poll_readable(fds[0], fds[1]);
    assert_int_equal(pipe2(fds, O_NONBLOCK), 0);
    poll_readable(fds[0], fds[1]);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    poll_readable(fds[0], fds[1]);
    assert_int_equal(count_fds(), before);
}

static void poll_broken(int flags)
{
    int fds[2];
    assert_int_equal(pipe2(fds, flags), 0);
    close(fds[0]); /* nobody reads: EPOLLERR */
    sl_loop *loop = sl_loop_new(NULL, NULL);
    watcher w = {.fd = fds[1]};
    w.poll = sl_poll_start(loop, fds[1], SL_POLL_WRITE, on_events, &w, NULL);
    assert_true(sl_loop_run(loop, &w.done));
    assert_int_equal(w.events, SL_POLL_WRITE);
    sl_loop_free(loop);
    close(fds[1]);
}

static void test_poll__broken_and_unpollable_are_ready(void **state)
{
    (void)state;
    int before = count_fds();
    poll_broken(0);
    poll_broken(O_NONBLOCK);
    int fd = open("/proc/self/exe", O_RDONLY); /* a regular file */
    sl_loop *loop = sl_loop_new(NULL, NULL);
    watcher w = {.fd = fd};
    w.poll = sl_poll_start(loop, fd, SL_POLL_READ, on_events, &w, NULL);
    assert_non_null(w.poll);
    assert_true(sl_loop_run(loop, &w.done));
    assert_int_equal(sl_loop_active(loop), 0);
    sl_err err = {0};
    close(fd);
    assert_null(sl_poll_start(loop, fd, SL_POLL_READ, on_events, &w, &err));
    assert_int_equal(err.code, SL_EIO);
    sl_loop_free(loop);
    assert_int_equal(count_fds(), before);
}

static void test_poll_set__pauses_and_resumes(void **state)
{
    (void)state;
    int fds[2];
    assert_int_equal(pipe(fds), 0);
    assert_int_equal(write(fds[1], "x", 1), 1);
    sl_loop *loop = sl_loop_new(NULL, NULL);
    watcher w = {.fd = fds[0]};
    w.poll = sl_poll_start(loop, fds[0], SL_POLL_READ, on_events, &w, NULL);
    sl_poll_set(w.poll, 0);
    assert_false(sl_loop_run(loop, &w.done)); /* does not keep it alive */
    assert_int_equal(w.calls, 0);
    sl_poll_set(w.poll, SL_POLL_READ);
    assert_true(sl_loop_run(loop, &w.done));
    sl_loop_free(loop);
    close(fds[0]);
    close(fds[1]);
}

/* --- Wakes ---- */

typedef struct woken {
    sl_wake wake; /* first */
    sl_loop *loop;
    int times, again;
    bool done;
    pthread_t on;
} woken;

static void on_woken(sl_wake *wake)
{
    woken *w = (woken *)wake;
    w->times++;
    w->on = pthread_self();
    if (w->again-- > 0) {
        sl_wake_expect(w->loop, wake);
        sl_wake_send(wake);
    } else {
        w->done = true;
    }
}

static void *send_some(void *arg)
{
    woken *w = arg;
    for (int i = 0; i < 3; i++)
        sl_wake_send(&w[i].wake);
    sl_wake_send(&w[1].wake); /* once is enough */
    return NULL;
}

static void test_wake__comes_from_another_thread(void **state)
{
    (void)state;
    sl_loop *loop = sl_loop_new(NULL, NULL);
    bool never = false;
    woken w[4] = {{.again = 2}, {.times = 0}, {.times = 0}, {.times = 0}};
    pthread_t thread;
    assert_false(sl_loop_run(loop, &never));
    for (int i = 0; i < 4; i++) {
        w[i].wake.fn = on_woken;
        w[i].loop = loop;
        sl_wake_expect(loop, &w[i].wake);
        sl_wake_expect(loop, &w[i].wake); /* is so already */
    }
    assert_int_equal(sl_loop_active(loop), 4);
    assert_int_equal(pthread_create(&thread, NULL, send_some, w), 0);
    for (int i = 0; i < 3; i++)
        assert_true(sl_loop_run(loop, &w[i].done));
    assert_int_equal(pthread_join(thread, NULL), 0);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(w[i].times, i == 0 ? 3 : 1);
        assert_true(pthread_equal(w[i].on, pthread_self()));
    }
    /* Taken back, sent or not. */
    sl_wake_expect(loop, &w[2].wake);
    sl_wake_send(&w[2].wake);
    sl_wake_cancel(&w[2].wake);
    sl_wake_cancel(&w[3].wake);
    sl_wake_cancel(&w[3].wake);
    assert_int_equal(sl_loop_active(loop), 0);
    assert_false(sl_loop_run(loop, &never));
    assert_int_equal(w[2].times, 1);
    assert_int_equal(w[3].times, 0);
    /* What is only listened for does not keep the loop; expected, it does. */
    sl_wake_listen(loop, &w[1].wake);
    assert_int_equal(sl_loop_active(loop), 1);
    assert_false(sl_loop_run(loop, &never));
    sl_wake_expect(loop, &w[1].wake);
    sl_wake_listen(loop, &w[1].wake);
    sl_wake_send(&w[1].wake);
    w[1].done = false;
    assert_true(sl_loop_run(loop, &w[1].done));
    assert_int_equal(w[1].times, 2);
    assert_int_equal(sl_loop_active(loop), 0);
    assert_false(sl_loop_run(loop, &never));
    sl_loop_free(loop);
}

static void test_ping__counts_beats(void **state)
{
    (void)state;
    sl_loop *loop = sl_loop_new(NULL, NULL);
    uint32_t before = sl_loop_beats(loop);
    bool over = false;
    sl_loop_ping(loop);
    assert_int_equal(sl_loop_beats(loop), before); /* nobody runs it */
    sl_timer_start(loop, 5000000, set_flag, &over, NULL);
    assert_true(sl_loop_run(loop, &over));
    assert_int_equal(sl_loop_beats(loop), before + 1);
    sl_loop_free(loop);
}

/* --- An embedder's loop ---- */

static void test_embedded__lives_only_while_needed(void **state)
{
    (void)state;
    uv_loop_t uv;
    assert_int_equal(uv_loop_init(&uv), 0);
    sl_loop *loop = sl_loop_new(&uv, NULL);
    assert_ptr_equal(sl_loop_uv(loop), &uv);
    assert_int_equal(uv_run(&uv, UV_RUN_DEFAULT), 0); /* returns at once */
    int order[4], n = 0;
    poster p = {.post = {.fn = on_post}, .loop = loop, .order = order, .n = &n};
    sl_loop_post(loop, &p.post);
    assert_int_equal(uv_run(&uv, UV_RUN_DEFAULT), 0);
    assert_int_equal(n, 1);
    /* Freed while work runs: finished when the embedder runs on. */
    int left = 1;
    bool all = false;
    job j = {.work = {do_job, job_done, NULL},
             .value = 4,
             .left = &left,
             .all = &all};
    assert_int_equal(sl_work_start(loop, &j.work, NULL), SL_OK);
    sl_loop_free(loop);
    assert_int_equal(uv_run(&uv, UV_RUN_DEFAULT), 0);
    assert_true(all);
    assert_int_equal(uv_loop_close(&uv), 0);
}

static void test_idle__does_not_spin(void **state)
{
    (void)state;
    uv_loop_t uv;
    assert_int_equal(uv_loop_init(&uv), 0);
    sl_loop *loop = sl_loop_new(&uv, NULL);
    bool fired = false;
    sl_timer_start(loop, 20000000, set_flag, &fired, NULL);
    int turns = 0;
    while (!fired) {
        uv_run(&uv, UV_RUN_ONCE);
        turns++;
    }
    assert_true(turns <= 3);
    sl_loop_free(loop);
    assert_int_equal(uv_run(&uv, UV_RUN_DEFAULT), 0);
    assert_int_equal(uv_loop_close(&uv), 0);
}

const struct CMUnitTest loop_tests[] = {
    cmocka_unit_test(test_turn__not_inside_of_one),
    cmocka_unit_test(test_post__runs_in_order_once),
    cmocka_unit_test(test_unpost__takes_it_back),
    cmocka_unit_test(test_timer__fires_or_is_cancelled),
    cmocka_unit_test(test_work__comes_back_on_the_loop),
    cmocka_unit_test(test_poll__reports_pipes_and_sockets),
    cmocka_unit_test(test_poll__broken_and_unpollable_are_ready),
    cmocka_unit_test(test_poll_set__pauses_and_resumes),
    cmocka_unit_test(test_wake__comes_from_another_thread),
    cmocka_unit_test(test_ping__counts_beats),
    cmocka_unit_test(test_embedded__lives_only_while_needed),
    cmocka_unit_test(test_idle__does_not_spin),
};
const size_t n_loop_tests = sizeof loop_tests / sizeof *loop_tests;
