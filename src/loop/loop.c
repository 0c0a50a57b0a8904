/* Posts, timers, work and wakes on libuv. */
#include "loop/loop.h"

#include "base/alloc.h"
#include "loop/loop_int.h"

/* --- The loop ---------------------------------------------------------------
 */

static void free_loop(sl_loop *loop)
{
    pthread_mutex_destroy(&loop->lock);
    sl_free(loop);
}

void sl_loop_opened(sl_loop *loop)
{
    loop->open++;
}

void sl_loop_closed(sl_loop *loop)
{
    if (--loop->open == 0 && loop->closing && !loop->owned)
        free_loop(loop);
}

static void on_async(uv_async_t *async);

/* Of a loop that is initialized neither can fail. */
static void open_handles(sl_loop *loop)
{
    uv_idle_init(loop->uv, &loop->idle);
    loop->idle.data = loop;
    sl_loop_opened(loop);
    uv_async_init(loop->uv, &loop->async, on_async);
    uv_unref((uv_handle_t *)&loop->async);
    loop->async.data = loop;
    sl_loop_opened(loop);
    pthread_mutex_init(&loop->lock, NULL);
}

sl_loop *sl_loop_new(void *uv_loop, sl_err *err)
{
    sl_loop *loop = sl_calloc(1, sizeof *loop);
    if (loop == NULL) {
        sl_fail(err, SL_ENOMEM, SL_ERR_NO_PLACE, "out of memory");
        return NULL;
    }
    loop->owned = uv_loop == NULL;
    loop->uv = loop->owned ? &loop->own : uv_loop;
    int rc = loop->owned ? uv_loop_init(&loop->own) : 0;
    if (rc != 0) {
        sl_fail(err, SL_EIO, SL_ERR_NO_PLACE, "event loop: %s",
                uv_strerror(rc));
        sl_free(loop);
        return NULL;
    }
    open_handles(loop);
    return loop;
}

static void on_closed(uv_handle_t *handle)
{
    sl_loop_closed(handle->data);
}

/* What still runs may post: these handles go last. */
static void close_if_over(sl_loop *loop)
{
    uv_handle_t *idle = (uv_handle_t *)&loop->idle;
    if (!loop->closing || sl_loop_active(loop) != 0 || uv_is_closing(idle))
        return;
    uv_close(idle, on_closed);
    uv_close((uv_handle_t *)&loop->async, on_closed);
}

static void unref_handle(uv_handle_t *handle, void *arg)
{
    (void)arg;
    uv_unref(handle);
}

void sl_loop_free(sl_loop *loop)
{
    if (loop == NULL)
        return;
    loop->closing = true;
    close_if_over(loop);
    if (!loop->owned)
        return;
    /* Only posts and work are waited for: a timer or poll that somebody has
     * forgotten must not hang the process. */
    uv_walk(loop->uv, unref_handle, NULL);
    uv_ref((uv_handle_t *)&loop->idle);
    uv_run(loop->uv, UV_RUN_DEFAULT);
    uv_loop_close(loop->uv);
    free_loop(loop);
}

void *sl_loop_uv(sl_loop *loop)
{
    return loop->uv;
}

bool sl_loop_run(sl_loop *loop, const bool *done)
{
    while (!*done)
        if (!sl_loop_turn(loop) && !*done)
            return false;
    return true;
}

bool sl_loop_turn(sl_loop *loop)
{
    loop->turning++;
    bool more = uv_run(loop->uv, UV_RUN_ONCE) != 0;
    loop->turning--;
    return more;
}

bool sl_loop_may_turn(const sl_loop *loop)
{
    return loop->owned && loop->turning == 0;
}

uint32_t sl_loop_active(const sl_loop *loop)
{
    return loop->active + loop->n_posts;
}

uint64_t sl_loop_now_ns(void)
{
    return uv_hrtime();
}

/* --- Posts
 * -------------------------------------------------------------------- */

static void unlink_post(sl_loop *loop, sl_post *post)
{
    *(post->prev != NULL ? &post->prev->next : &loop->first) = post->next;
    *(post->next != NULL ? &post->next->prev : &loop->last) = post->prev;
    post->next = post->prev = NULL;
    post->pending = false;
    if (--loop->n_posts == 0)
        uv_idle_stop(&loop->idle);
}

/* Runs what was posted before this turn; what these post waits for the next,
 * so that timers and descriptors get their turn as well. */
static void on_idle(uv_idle_t *idle)
{
    sl_loop *loop = idle->data;
    loop->turning++;
    for (uint32_t n = loop->n_posts; n != 0 && loop->first != NULL; n--) {
        sl_post *post = loop->first;
        unlink_post(loop, post);
        post->fn(post);
    }
    loop->turning--;
    close_if_over(loop);
}

void sl_loop_post(sl_loop *loop, sl_post *post)
{
    if (post->pending)
        return;
    post->pending = true;
    post->next = NULL;
    post->prev = loop->last;
    *(loop->last != NULL ? &loop->last->next : &loop->first) = post;
    loop->last = post;
    if (loop->n_posts++ == 0)
        uv_idle_start(&loop->idle, on_idle);
}

void sl_loop_unpost(sl_loop *loop, sl_post *post)
{
    if (post->pending)
        unlink_post(loop, post);
}

/* --- Timers
 * ------------------------------------------------------------------- */

struct sl_timer {
    uv_timer_t uv;
    sl_loop *loop;
    sl_timer_fn fn;
    void *arg;
};

static void on_timer_closed(uv_handle_t *handle)
{
    sl_timer *timer = handle->data;
    sl_loop *loop = timer->loop;
    sl_free(timer);
    sl_loop_closed(loop);
}

void sl_timer_cancel(sl_timer *timer)
{
    if (timer == NULL)
        return;
    timer->loop->active--;
    uv_close((uv_handle_t *)&timer->uv, on_timer_closed);
}

void sl_timer_hold(sl_timer *timer, bool on)
{
    if (on)
        uv_ref((uv_handle_t *)&timer->uv);
    else
        uv_unref((uv_handle_t *)&timer->uv);
}

static void on_timer(uv_timer_t *uv)
{
    sl_timer *timer = uv->data;
    sl_timer_fn fn = timer->fn;
    void *arg = timer->arg;
    sl_timer_cancel(timer);
    fn(arg);
}

sl_timer *sl_timer_start(sl_loop *loop, uint64_t after_ns, sl_timer_fn fn,
                         void *arg, sl_err *err)
{
    sl_timer *timer = sl_malloc(sizeof *timer);
    if (timer == NULL) {
        sl_fail(err, SL_ENOMEM, SL_ERR_NO_PLACE, "out of memory");
        return NULL;
    }
    timer->loop = loop;
    timer->fn = fn;
    timer->arg = arg;
    uv_timer_init(loop->uv, &timer->uv);
    timer->uv.data = timer;
    uint64_t ms = after_ns / 1000000 + (after_ns % 1000000 != 0);
    uv_update_time(loop->uv); /* "now" is now, not the start of the turn */
    uv_timer_start(&timer->uv, on_timer, ms, 0);
    loop->active++;
    sl_loop_opened(loop);
    return timer;
}

/* --- Work
 * --------------------------------------------------------------------- */

typedef struct work_request {
    uv_work_t uv;
    sl_loop *loop;
    sl_work *work;
} work_request;

static void run_work(uv_work_t *uv)
{
    sl_work *work = ((work_request *)uv->data)->work;
    work->work(work);
}

static void finish_work(uv_work_t *uv, int status)
{
    work_request *request = uv->data;
    sl_loop *loop = request->loop;
    sl_work *work = request->work;
    sl_free(request);
    work->handle = NULL;
    loop->active--;
    work->done(work, status == UV_ECANCELED);
    close_if_over(loop);
    sl_loop_closed(loop);
}

sl_status sl_work_start(sl_loop *loop, sl_work *work, sl_err *err)
{
    work_request *request = sl_malloc(sizeof *request);
    if (request == NULL)
        return sl_fail(err, SL_ENOMEM, SL_ERR_NO_PLACE, "out of memory");
    request->loop = loop;
    request->work = work;
    request->uv.data = request;
    work->handle = request;
    uv_queue_work(loop->uv, &request->uv, run_work, finish_work);
    loop->active++;
    sl_loop_opened(loop);
    return SL_OK;
}

void sl_work_cancel(sl_work *work)
{
    if (work->handle != NULL)
        uv_cancel((uv_req_t *)&((work_request *)work->handle)->uv);
}

/* --- Wakes
 * --------------------------------------------------------------------- */

static void hold(sl_wake *wake, bool on)
{
    sl_loop *loop = wake->loop;
    if (wake->holds == on)
        return;
    wake->holds = on;
    if (on && loop->held++ == 0)
        uv_ref((uv_handle_t *)&loop->async);
    if (!on && --loop->held == 0)
        uv_unref((uv_handle_t *)&loop->async);
}

static void unexpect(sl_wake *wake)
{
    wake->expected = false;
    wake->loop->active--;
    hold(wake, false);
}

/* With the lock. */
static void unsend(sl_wake *wake)
{
    if (!wake->sent)
        return;
    *(wake->prev != NULL ? &wake->prev->next : &wake->loop->sent) = wake->next;
    if (wake->next != NULL)
        wake->next->prev = wake->prev;
    wake->next = wake->prev = NULL;
    wake->sent = false;
}

static sl_wake *take_sent(sl_loop *loop)
{
    pthread_mutex_lock(&loop->lock);
    sl_wake *wake = loop->sent;
    if (wake != NULL)
        unsend(wake);
    pthread_mutex_unlock(&loop->lock);
    return wake;
}

static void on_async(uv_async_t *async)
{
    sl_loop *loop = async->data;
    __atomic_add_fetch(&loop->beats, 1, __ATOMIC_RELAXED);
    for (sl_wake *wake; (wake = take_sent(loop)) != NULL;) {
        unexpect(wake);
        wake->fn(wake);
    }
    close_if_over(loop);
}

void sl_wake_listen(sl_loop *loop, sl_wake *wake)
{
    if (wake->expected)
        return;
    wake->loop = loop;
    wake->expected = true;
    loop->active++;
}

void sl_wake_expect(sl_loop *loop, sl_wake *wake)
{
    sl_wake_listen(loop, wake);
    hold(wake, true);
}

void sl_wake_send(sl_wake *wake)
{
    sl_loop *loop = wake->loop;
    pthread_mutex_lock(&loop->lock);
    if (!wake->sent) {
        wake->sent = true;
        wake->next = loop->sent;
        if (wake->next != NULL)
            wake->next->prev = wake;
        loop->sent = wake;
    }
    pthread_mutex_unlock(&loop->lock);
    uv_async_send(&loop->async);
}

void sl_wake_cancel(sl_wake *wake)
{
    if (wake->loop == NULL || !wake->expected)
        return;
    pthread_mutex_lock(&wake->loop->lock);
    unsend(wake);
    pthread_mutex_unlock(&wake->loop->lock);
    unexpect(wake);
    close_if_over(wake->loop);
}

void sl_loop_ping(sl_loop *loop)
{
    uv_async_send(&loop->async);
}

uint32_t sl_loop_beats(sl_loop *loop)
{
    return __atomic_load_n(&loop->beats, __ATOMIC_RELAXED);
}
