/* Readiness of descriptors. uv_poll_init() makes its descriptor non-blocking,
 * which would change an inherited stdout for everybody who shares it; so what
 * is not non-blocking already is watched through an epoll descriptor of its
 * own, and libuv polls that. */
#include "loop/loop.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/alloc.h"
#include "loop/loop_int.h"

typedef enum poll_form {
    POLL_DIRECT, /* libuv polls fd */
    POLL_NESTED, /* libuv polls `epoll`, which watches fd */
    POLL_ALWAYS, /* fd cannot be polled: a post per turn */
} poll_form;

struct sl_poll {
    uv_poll_t uv; /* DIRECT, NESTED */
    sl_post post; /* ALWAYS */
    sl_loop *loop;
    sl_poll_fn fn;
    void *arg;
    int fd, epoll, events;
    poll_form form;
    bool uv_open;
};

static uint32_t epoll_events(int events)
{
    return (events & SL_POLL_READ ? EPOLLIN | EPOLLRDHUP : 0u) |
           (events & SL_POLL_WRITE ? EPOLLOUT : 0u);
}

static int uv_events(int events)
{
    return (events & SL_POLL_READ ? UV_READABLE | UV_DISCONNECT : 0) |
           (events & SL_POLL_WRITE ? UV_WRITABLE : 0);
}

static void on_always(sl_post *post)
{
    sl_poll *poll = (sl_poll *)(void *)((char *)post - offsetof(sl_poll, post));
    sl_loop_post(poll->loop, &poll->post);
    poll->fn(poll->arg, poll->events, 0);
}

/* libuv has given the descriptor up (EPOLLERR): from now on it is always
 * ready, and whoever reads or writes it learns why. */
static void become_always(sl_poll *poll)
{
    uv_poll_stop(&poll->uv);
    poll->form = POLL_ALWAYS;
    if (poll->events != 0)
        sl_loop_post(poll->loop, &poll->post);
}

static void on_direct(uv_poll_t *uv, int status, int events)
{
    sl_poll *poll = uv->data;
    int ready = poll->events;
    if (status < 0)
        become_always(poll);
    else if ((events & UV_DISCONNECT) == 0)
        ready &= (events & UV_READABLE ? SL_POLL_READ : 0) |
                 (events & UV_WRITABLE ? SL_POLL_WRITE : 0);
    if (ready != 0)
        poll->fn(poll->arg, ready, 0);
}

static void on_nested(uv_poll_t *uv, int status, int events)
{
    sl_poll *poll = uv->data;
    struct epoll_event event = {0};
    (void)events;
    if (status < 0)
        become_always(poll);
    else if (epoll_wait(poll->epoll, &event, 1, 0) <= 0)
        return;
    int ready = poll->events;
    if ((event.events & (EPOLLERR | EPOLLHUP)) == 0 && status >= 0)
        ready &= (event.events & (EPOLLIN | EPOLLRDHUP) ? SL_POLL_READ : 0) |
                 (event.events & EPOLLOUT ? SL_POLL_WRITE : 0);
    if (ready != 0)
        poll->fn(poll->arg, ready, 0);
}

/* Returns 0 or errno; EPERM: no such thing as readiness for this one. */
static int open_nested(sl_poll *poll)
{
    struct epoll_event event = {.events = epoll_events(poll->events)};
    poll->epoll = epoll_create1(EPOLL_CLOEXEC);
    if (poll->epoll < 0)
        return errno;
    if (epoll_ctl(poll->epoll, EPOLL_CTL_ADD, poll->fd, &event) != 0)
        return errno;
    poll->form = POLL_NESTED;
    return -uv_poll_init(poll->loop->uv, &poll->uv, poll->epoll);
}

static int open_poll(sl_poll *poll)
{
    int flags = fcntl(poll->fd, F_GETFL);
    if (flags < 0)
        return errno;
    if (flags & O_NONBLOCK) {
        int rc = -uv_poll_init(poll->loop->uv, &poll->uv, poll->fd);
        if (rc != EEXIST) /* somebody else polls it on this loop: nest */
            return rc;
    }
    return open_nested(poll);
}

int sl_poll_set(sl_poll *poll, int events)
{
    poll->events = events;
    if (poll->form == POLL_ALWAYS) {
        if (events != 0)
            sl_loop_post(poll->loop, &poll->post);
        else
            sl_loop_unpost(poll->loop, &poll->post);
        return 0;
    }
    if (events == 0)
        return -uv_poll_stop(&poll->uv);
    if (poll->form == POLL_DIRECT)
        return -uv_poll_start(&poll->uv, uv_events(events), on_direct);
    struct epoll_event event = {.events = epoll_events(events)};
    if (epoll_ctl(poll->epoll, EPOLL_CTL_MOD, poll->fd, &event) != 0)
        return errno;
    return -uv_poll_start(&poll->uv, UV_READABLE, on_nested);
}

static void free_poll(sl_poll *poll)
{
    if (poll->epoll >= 0)
        close(poll->epoll);
    sl_free(poll);
}

static void on_poll_closed(uv_handle_t *handle)
{
    sl_poll *poll = handle->data;
    sl_loop *loop = poll->loop;
    free_poll(poll);
    sl_loop_closed(loop);
}

void sl_poll_stop(sl_poll *poll)
{
    if (poll == NULL)
        return;
    poll->loop->active--;
    sl_loop_unpost(poll->loop, &poll->post);
    if (poll->form == POLL_NESTED) /* fd may be closed as soon as we return */
        epoll_ctl(poll->epoll, EPOLL_CTL_DEL, poll->fd, NULL);
    if (poll->uv_open)
        uv_close((uv_handle_t *)&poll->uv, on_poll_closed);
    else
        free_poll(poll);
}

sl_poll *sl_poll_start(sl_loop *loop, int fd, int events, sl_poll_fn fn,
                       void *arg, sl_err *err)
{
    sl_poll *poll = sl_calloc(1, sizeof *poll);
    if (poll == NULL) {
        sl_fail(err, SL_ENOMEM, SL_ERR_NO_PLACE, "out of memory");
        return NULL;
    }
    poll->post.fn = on_always;
    poll->loop = loop;
    poll->fn = fn;
    poll->arg = arg;
    poll->fd = fd;
    poll->epoll = -1;
    poll->events = events;
    int rc = open_poll(poll);
    if (rc == EPERM) {
        poll->form = POLL_ALWAYS;
    } else if (rc != 0) {
        sl_fail(err, SL_EIO, SL_ERR_NO_PLACE, "cannot poll: %s",
                uv_strerror(-rc));
        free_poll(poll);
        return NULL;
    } else {
        poll->uv.data = poll;
        poll->uv_open = true;
        sl_loop_opened(loop);
    }
    loop->active++;
    sl_poll_set(poll, events);
    return poll;
}
