/* The event loop: the only folder that sees libuv. A loop belongs to one
 * thread; completions are delivered on it, never from inside the call that
 * asked. Work runs on libuv's thread pool. */
#ifndef SL_LOOP_LOOP_H
#define SL_LOOP_LOOP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

typedef struct sl_loop sl_loop;

/* `uv_loop`: the embedder's uv_loop_t (borrowed), or NULL for one of our own.
 */
sl_loop *sl_loop_new(void *uv_loop, sl_err *err);
/* Closes every handle of ours. Timers, polls and posts must have been
 * cancelled; work that still runs is waited for (own loop) or finishes later.
 * An embedder's loop is never run from here: as with any uv_close(), the
 * closing ends when it runs next, and so does the memory. NULL is fine. */
void sl_loop_free(sl_loop *loop);
void *sl_loop_uv(sl_loop *loop); /* the uv_loop_t */
/* Runs the loop until *done; false when nothing is left that could set it. */
bool sl_loop_run(sl_loop *loop, const bool *done);
/* One turn, in which something is waited for; false: nothing is left to wait
 * for. Not of an embedder's loop, and not from what the loop has called. */
bool sl_loop_turn(sl_loop *loop);
bool sl_loop_may_turn(const sl_loop *loop);
/* Posts, timers, polls, work and wakes that are under way: 0 at rest (tests). */
uint32_t sl_loop_active(const sl_loop *loop);
uint64_t sl_loop_now_ns(void); /* monotonic */

/* A callback on the loop's next turn. Embed it; `pending` says it is queued. */
typedef struct sl_post {
    void (*fn)(struct sl_post *post);
    struct sl_post *next, *prev;
    bool pending;
} sl_post;
void sl_loop_post(sl_loop *loop, sl_post *post); /* once while pending */
void sl_loop_unpost(sl_loop *loop, sl_post *post);

typedef struct sl_timer sl_timer;
typedef void (*sl_timer_fn)(void *arg);
/* Fires once, `after_ns` nanoseconds from now (rounded up to milliseconds),
 * and is gone when `fn` is called. */
sl_timer *sl_timer_start(sl_loop *loop, uint64_t after_ns, sl_timer_fn fn,
                         void *arg, sl_err *err);
void sl_timer_cancel(sl_timer *timer); /* never fires afterwards; freed */
/* Whether it keeps the loop alive, which it does at first. */
void sl_timer_hold(sl_timer *timer, bool on);

/* Work on the pool: `work` runs on another thread, `done` on the loop. The
 * request is the caller's and must live until `done`, also when cancelled. */
typedef struct sl_work {
    void (*work)(struct sl_work *work);
    void (*done)(struct sl_work *work, bool cancelled);
    void *handle; /* the loop's */
} sl_work;
sl_status sl_work_start(sl_loop *loop, sl_work *work, sl_err *err);
void sl_work_cancel(sl_work *work); /* best effort; `done` still comes */

/* What another thread says. From sl_wake_expect() on the loop is kept alive
 * until `fn` has run on it, once, or the wake is cancelled. Embed it. */
typedef struct sl_wake {
    void (*fn)(struct sl_wake *wake);
    /* The loop's. */
    sl_loop *loop;
    struct sl_wake *next, *prev;
    bool expected, sent, holds;
} sl_wake;
void sl_wake_expect(sl_loop *loop, sl_wake *wake); /* on the loop; or again */
/* The same for what may never be said: it does not keep the loop alive. */
void sl_wake_listen(sl_loop *loop, sl_wake *wake);
/* Any thread, while it is expected: whoever sends and whoever cancels agree, by
 * a lock of theirs, that nothing is sent once cancelling has begun. */
void sl_wake_send(sl_wake *wake);
void sl_wake_cancel(sl_wake *wake); /* on the loop; NULL loop is fine */
/* Whether somebody runs the loop: from any thread that knows it to live, asks
 * it to count a beat; how many it has counted. */
void sl_loop_ping(sl_loop *loop);
uint32_t sl_loop_beats(sl_loop *loop);

/* Readiness of a descriptor (pipes, sockets, terminals). Level-triggered while
 * it is started. What cannot be polled (regular files, /dev/null) is always
 * ready. The descriptor's flags are left alone; it must stay open until the
 * poll is stopped. A broken descriptor counts as ready: reading or writing it
 * says why (`error` is always 0 then). */
typedef struct sl_poll sl_poll;
enum { SL_POLL_READ = 1, SL_POLL_WRITE = 2 };
typedef void (*sl_poll_fn)(void *arg, int events, int error /* errno or 0 */);
sl_poll *sl_poll_start(sl_loop *loop, int fd, int events, sl_poll_fn fn,
                       void *arg, sl_err *err);
/* Waits for other events from now on; 0 pauses it, and a paused poll does not
 * keep the loop alive. Returns errno or 0. */
int sl_poll_set(sl_poll *poll, int events);
void sl_poll_stop(sl_poll *poll); /* freed; NULL is fine */

#endif
