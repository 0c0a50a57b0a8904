/* Non-blocking reading and writing of the host's descriptors.
 *
 * O_NONBLOCK belongs to the open file description, which an inherited stdout
 * shares with other processes; it is never set there. Pipes and terminals are
 * opened again (/proc/self/fd), sockets take MSG_DONTWAIT, regular files
 * RWF_NOWAIT; what can do none of these is polled before each small step. */
#include "loop/io.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "base/alloc.h"

enum {
    POOLED_READ = 256 << 10,  /* one request for bytes that are on the disk */
    FILE_WRITE_MAX = 1 << 20, /* into the page cache, in one turn */
    TRANSFER_MAX = 1 << 30,
};

struct sl_io {
    sl_loop *loop;
    int fd; /* our own */
    int events;
    sl_io_kind kind;
    bool careful; /* fd may block: poll first */
    bool little;  /* ... and write little: a pipe, a terminal */
    int64_t offset;
    sl_poll *poll; /* paused unless `waiting`; not for FILE */
    sl_post post;  /* FILE: nothing to wait for */
    sl_work work;  /* FILE: reads into `ahead` */
    bool working, closed;
    void (*fn)(void *arg);
    void *arg;
    bool waiting;
    uint8_t *ahead; /* POOLED_READ bytes, allocated when first needed */
    size_t ahead_at, ahead_len;
    int64_t ahead_result; /* 0 or -errno of the last pooled read */
    bool ahead_done;      /* ... which nobody has been told yet */
};

/* --- Opening
 * ------------------------------------------------------------------ */

static sl_io_kind kind_of(const struct stat *st)
{
    return S_ISREG(st->st_mode)    ? SL_IO_FILE
           : S_ISFIFO(st->st_mode) ? SL_IO_PIPE
           : S_ISSOCK(st->st_mode) ? SL_IO_SOCKET
                                   : SL_IO_OTHER;
}

/* A second, non-blocking description of a pipe or terminal; -1 when that is
 * not possible (no /proc, no permission, a pipe without readers). */
static int reopen(int fd, int events)
{
    char path[32];
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    return open(path, (events == SL_POLL_READ ? O_RDONLY : O_WRONLY) |
                          O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
}

/* Whether a device can make its user wait at all: /dev/null, /dev/zero and
 * their like cannot be polled, because they never do. */
static bool can_wait(int fd)
{
    struct epoll_event event = {.events = EPOLLOUT};
    int poller = epoll_create1(EPOLL_CLOEXEC);
    if (poller < 0)
        return true;
    bool refused =
        epoll_ctl(poller, EPOLL_CTL_ADD, fd, &event) != 0 && errno == EPERM;
    close(poller);
    return !refused;
}

static void file_post(sl_post *post);
static void file_work(sl_work *work);
static void file_done(sl_work *work, bool cancelled);

sl_io *sl_io_open(sl_loop *loop, int fd, int events, int64_t offset,
                  sl_err *err)
{
    struct stat st;
    int flags = fcntl(fd, F_GETFL);
    if (flags < 0 || fstat(fd, &st) != 0) {
        sl_fail(err, SL_EIO, SL_ERR_NO_PLACE, "%s", strerror(errno));
        return NULL;
    }
    sl_io *io = sl_calloc(1, sizeof *io);
    if (io == NULL) {
        sl_fail(err, SL_ENOMEM, SL_ERR_NO_PLACE, "out of memory");
        return NULL;
    }
    io->loop = loop;
    io->events = events;
    io->kind = kind_of(&st);
    io->offset = offset;
    io->post.fn = file_post;
    io->work.work = file_work;
    io->work.done = file_done;
    io->fd = -1;
    bool blocks = (flags & O_NONBLOCK) == 0 && io->kind != SL_IO_FILE &&
                  io->kind != SL_IO_SOCKET &&
                  (io->kind == SL_IO_PIPE || can_wait(fd));
    io->little = blocks && (io->kind == SL_IO_PIPE || isatty(fd));
    if (io->little)
        io->fd = reopen(fd, events);
    if (io->fd < 0) {
        io->careful = blocks;
        io->fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    }
    if (io->fd < 0) {
        sl_fail(err, SL_EIO, SL_ERR_NO_PLACE, "%s", strerror(errno));
        sl_free(io);
        return NULL;
    }
    return io;
}

static void free_io(sl_io *io)
{
    close(io->fd);
    sl_free(io->ahead);
    sl_free(io);
}

void sl_io_close(sl_io *io)
{
    if (io == NULL)
        return;
    sl_io_unwait(io);
    sl_poll_stop(io->poll);
    io->poll = NULL;
    io->closed = true;
    if (io->working)
        sl_work_cancel(&io->work); /* file_done() frees */
    else
        free_io(io);
}

sl_io_kind sl_io_kind_of(const sl_io *io)
{
    return io->kind;
}

/* --- SIGPIPE
 * ------------------------------------------------------------------- */

/* Writing to a pipe nobody reads raises SIGPIPE in the writing thread. It is
 * blocked for the call and, when we caused it, taken back. */
typedef struct pipe_guard {
    sigset_t old;
    bool was_pending;
} pipe_guard;

static void guard_pipe(pipe_guard *guard)
{
    sigset_t pipe, pending;
    sigemptyset(&pipe);
    sigaddset(&pipe, SIGPIPE);
    sigpending(&pending);
    guard->was_pending = sigismember(&pending, SIGPIPE) == 1;
    pthread_sigmask(SIG_BLOCK, &pipe, &guard->old);
}

static void unguard_pipe(const pipe_guard *guard, bool broken)
{
    int saved = errno;
    if (broken && !guard->was_pending) {
        sigset_t pipe;
        sigemptyset(&pipe);
        sigaddset(&pipe, SIGPIPE);
        const struct timespec now = {0, 0};
        while (sigtimedwait(&pipe, NULL, &now) < 0 && errno == EINTR)
            ;
    }
    pthread_sigmask(SIG_SETMASK, &guard->old, NULL);
    errno = saved;
}

static ssize_t write_guarded(int fd, const void *from, size_t len)
{
    pipe_guard guard;
    guard_pipe(&guard);
    ssize_t n = write(fd, from, len);
    unguard_pipe(&guard, n < 0 && errno == EPIPE);
    return n;
}

/* --- Regular files
 * --------------------------------------------------------------- */

/* cachestat(2), Linux 6.5; its number is the same on every architecture. */
#ifndef __NR_cachestat
#define __NR_cachestat 451
#endif

bool sl_file_resident(int file, uint64_t at, uint64_t len)
{
    struct {
        uint64_t off, len;
    } range = {at, len};
    struct {
        uint64_t cached, dirty, writeback, evicted, recently_evicted;
    } stat = {0};
    if (len == 0)
        return true;
    if (syscall(__NR_cachestat, file, &range, &stat, 0) != 0)
        return false;
    uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
    return stat.cached >= (at + len - 1) / page - at / page + 1;
}

/* A file system without RWF_NOWAIT (tmpfs has everything in memory): an
 * ordinary read does not wait when all pages are there. */
static int64_t read_resident(int file, int64_t at, void *to, size_t len)
{
    off_t from = at >= 0 ? (off_t)at : lseek(file, 0, SEEK_CUR);
    if (from < 0)
        return -EAGAIN;
    struct stat st;
    if (fstat(file, &st) != 0)
        return -errno;
    if (from >= st.st_size)
        return 0;
    if (len > (uint64_t)(st.st_size - from))
        len = (size_t)(st.st_size - from);
    if (!sl_file_resident(file, (uint64_t)from, len))
        return -EAGAIN;
    ssize_t n = at >= 0 ? pread(file, to, len, from) : read(file, to, len);
    return n < 0 ? -errno : n;
}

int64_t sl_file_read_cached(int file, int64_t at, void *to, size_t len)
{
    struct iovec iov = {to, len < TRANSFER_MAX ? len : TRANSFER_MAX};
    ssize_t n;
    do
        n = preadv2(file, &iov, 1, (off_t)at, RWF_NOWAIT);
    while (n < 0 && errno == EINTR);
    if (n >= 0)
        return n;
    if (errno == EOPNOTSUPP || errno == ENOSYS || errno == EINVAL)
        return read_resident(file, at, to, iov.iov_len);
    return -errno;
}

static void file_work(sl_work *work)
{
    sl_io *io = (sl_io *)(void *)((char *)work - offsetof(sl_io, work));
    ssize_t n;
    do
        n = io->offset >= 0
                ? pread(io->fd, io->ahead, POOLED_READ, (off_t)io->offset)
                : read(io->fd, io->ahead, POOLED_READ);
    while (n < 0 && errno == EINTR);
    io->ahead_at = 0;
    io->ahead_len = n > 0 ? (size_t)n : 0;
    io->ahead_result = n < 0 ? -errno : 0;
}

static void notify(sl_io *io)
{
    if (!io->waiting)
        return;
    io->waiting = false;
    io->fn(io->arg);
}

static void file_done(sl_work *work, bool cancelled)
{
    sl_io *io = (sl_io *)(void *)((char *)work - offsetof(sl_io, work));
    io->working = false;
    if (io->closed) {
        free_io(io);
        return;
    }
    io->ahead_done = !cancelled;
    if (io->offset >= 0)
        io->offset += (int64_t)io->ahead_len;
    notify(io);
}

static void file_post(sl_post *post)
{
    notify((sl_io *)(void *)((char *)post - offsetof(sl_io, post)));
}

static int64_t read_ahead(sl_io *io, void *to, size_t len)
{
    size_t left = io->ahead_len - io->ahead_at;
    if (len > left)
        len = left;
    if (len != 0)
        memcpy(to, io->ahead + io->ahead_at, len);
    io->ahead_at += len;
    io->ahead_done = io->ahead_at < io->ahead_len;
    return len != 0 ? (int64_t)len : io->ahead_result;
}

static int64_t read_file(sl_io *io, void *to, size_t len)
{
    if (io->working)
        return -EAGAIN;
    if (io->ahead_done)
        return read_ahead(io, to, len);
    int64_t n = sl_file_read_cached(io->fd, io->offset, to, len);
    if (n > 0 && io->offset >= 0)
        io->offset += n;
    return n;
}

static int64_t write_file(sl_io *io, const void *from, size_t len)
{
    if (len > FILE_WRITE_MAX)
        len = FILE_WRITE_MAX;
    ssize_t n = io->offset >= 0 ? pwrite(io->fd, from, len, (off_t)io->offset)
                                : write(io->fd, from, len);
    if (n > 0 && io->offset >= 0)
        io->offset += n;
    return n < 0 ? -errno : n;
}

static sl_status wait_file(sl_io *io, sl_err *err)
{
    if (io->events == SL_POLL_WRITE || io->ahead_done) {
        sl_loop_post(io->loop, &io->post);
        return SL_OK;
    }
    if (io->working)
        return SL_OK;
    if (io->ahead == NULL && (io->ahead = sl_malloc(POOLED_READ)) == NULL)
        return sl_fail(err, SL_ENOMEM, SL_ERR_NO_PLACE, "out of memory");
    sl_status st = sl_work_start(io->loop, &io->work, err);
    io->working = st == SL_OK;
    return st;
}

/* --- Reading and writing
 * -------------------------------------------------------- */

static bool is_ready(const sl_io *io)
{
    struct pollfd p = {.fd = io->fd,
                       .events = io->events == SL_POLL_READ ? POLLIN : POLLOUT};
    return poll(&p, 1, 0) != 0;
}

int64_t sl_io_read(sl_io *io, void *to, size_t len)
{
    if (io->kind == SL_IO_FILE)
        return read_file(io, to, len);
    if (io->careful && !is_ready(io))
        return -EAGAIN;
    ssize_t n;
    do
        n = io->kind == SL_IO_SOCKET ? recv(io->fd, to, len, MSG_DONTWAIT)
                                     : read(io->fd, to, len);
    while (n < 0 && errno == EINTR);
    return n < 0 ? -errno : n;
}

int64_t sl_io_write(sl_io *io, const void *from, size_t len)
{
    if (io->kind == SL_IO_FILE)
        return write_file(io, from, len);
    if (io->careful) {
        if (!is_ready(io))
            return -EAGAIN;
        if (len > PIPE_BUF && io->little)
            len = PIPE_BUF; /* what a pipe that is ready takes at once */
    }
    ssize_t n;
    do
        n = io->kind == SL_IO_SOCKET
                ? send(io->fd, from, len, MSG_DONTWAIT | MSG_NOSIGNAL)
                : write_guarded(io->fd, from, len);
    while (n < 0 && errno == EINTR);
    return n < 0 ? -errno : n;
}

static void on_ready(void *arg, int events, int error)
{
    sl_io *io = arg;
    (void)events, (void)error;
    sl_poll_set(io->poll, 0);
    notify(io);
}

sl_status sl_io_wait(sl_io *io, void (*fn)(void *arg), void *arg, sl_err *err)
{
    io->fn = fn;
    io->arg = arg;
    io->waiting = true;
    if (io->kind == SL_IO_FILE) {
        sl_status st = wait_file(io, err);
        io->waiting = st == SL_OK;
        return st;
    }
    if (io->poll != NULL) {
        sl_poll_set(io->poll, io->events);
        return SL_OK;
    }
    io->poll = sl_poll_start(io->loop, io->fd, io->events, on_ready, io, err);
    io->waiting = io->poll != NULL;
    return io->waiting ? SL_OK : SL_EIO;
}

void sl_io_unwait(sl_io *io)
{
    io->waiting = false;
    sl_loop_unpost(io->loop, &io->post);
    if (io->poll != NULL)
        sl_poll_set(io->poll, 0);
}

/* --- From file to descriptor
 * ------------------------------------------------------ */

int64_t sl_io_splice(sl_io *io, int file, uint64_t at, size_t len)
{
    loff_t from = (loff_t)at;
    pipe_guard guard;
    ssize_t n;
    guard_pipe(&guard);
    do
        n = splice(file, &from, io->fd, NULL, len,
                   SPLICE_F_NONBLOCK | SPLICE_F_MOVE);
    while (n < 0 && errno == EINTR);
    unguard_pipe(&guard, n < 0 && errno == EPIPE);
    return n < 0 ? -errno : n;
}

int64_t sl_io_copy(sl_io *io, int file, uint64_t at, size_t len)
{
    off_t from = (off_t)at, to = (off_t)io->offset;
    ssize_t n;
    do
        n = copy_file_range(file, &from, io->fd, to >= 0 ? &to : NULL, len, 0);
    while (n < 0 && errno == EINTR);
    if (n > 0 && io->offset >= 0)
        io->offset += n;
    if (n >= 0)
        return n;
    /* Other file systems, appending, the same file: the caller copies. */
    return errno == EXDEV || errno == EBADF || errno == ENOSYS ||
                   errno == EOPNOTSUPP || errno == EPERM
               ? -EINVAL
               : -errno;
}
