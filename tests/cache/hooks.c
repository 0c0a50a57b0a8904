#include "hooks.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

hook hooks;

static void die(void)
{
    kill(getpid(), SIGKILL);
    pause();
}

/* Whether the call is to fail. */
static bool enter(void)
{
    if (hooks.mode == HOOK_OFF)
        return false;
    hooks.calls++;
    bool now = hooks.calls == hooks.at;
    if (now && (hooks.mode == HOOK_KILL_BEFORE || hooks.mode == HOOK_KILL_HALF))
        die();
    if ((now && hooks.mode == HOOK_FAIL_ONCE) ||
        (hooks.calls >= hooks.at && hooks.mode == HOOK_FAIL_FROM)) {
        errno = hooks.error;
        return true;
    }
    return false;
}

static void leave(void)
{
    if (hooks.mode == HOOK_KILL_AFTER && hooks.calls == hooks.at)
        die();
}

#define WRAP(type, name, params, args)                                         \
    type __real_##name params;                                                 \
    type __wrap_##name params;                                                 \
    type __wrap_##name params                                                  \
    {                                                                          \
        if (enter())                                                           \
            return -1;                                                         \
        type result = __real_##name args;                                      \
        int cause = errno;                                                     \
        leave();                                                               \
        errno = cause;                                                         \
        return result;                                                         \
    }

WRAP(ssize_t, pread, (int fd, void *to, size_t n, off_t at), (fd, to, n, at))
WRAP(int, renameat, (int a, const char *from, int b, const char *to),
     (a, from, b, to))
WRAP(int, linkat, (int a, const char *from, int b, const char *to, int flags),
     (a, from, b, to, flags))
WRAP(int, unlinkat, (int dir, const char *name, int flags), (dir, name, flags))
WRAP(int, mkdirat, (int dir, const char *name, mode_t mode), (dir, name, mode))
WRAP(int, mkdir, (const char *name, mode_t mode), (name, mode))
WRAP(int, fchmod, (int fd, mode_t mode), (fd, mode))
WRAP(int, flock, (int fd, int how), (fd, how))
WRAP(int, fstat, (int fd, struct stat *st), (fd, st))
WRAP(int, fstatat, (int dir, const char *name, struct stat *st, int flags),
     (dir, name, st, flags))
WRAP(int, futimens, (int fd, const struct timespec when[2]), (fd, when))
WRAP(int, fsync, (int fd), (fd))
WRAP(int, fdatasync, (int fd), (fd))

/* Half of it may be all that is ever written. */
static bool is_torn(void)
{
    return hooks.mode == HOOK_KILL_HALF && hooks.calls + 1 == hooks.at;
}

ssize_t __real_write(int fd, const void *data, size_t n);
ssize_t __wrap_write(int fd, const void *data, size_t n);
ssize_t __wrap_write(int fd, const void *data, size_t n)
{
    if (is_torn()) {
        (void)!__real_write(fd, data, n / 2);
        die();
    }
    if (enter())
        return -1;
    ssize_t result = __real_write(fd, data, n);
    leave();
    return result;
}

ssize_t __real_pwrite(int fd, const void *data, size_t n, off_t at);
ssize_t __wrap_pwrite(int fd, const void *data, size_t n, off_t at);
ssize_t __wrap_pwrite(int fd, const void *data, size_t n, off_t at)
{
    if (is_torn()) {
        (void)!__real_pwrite(fd, data, n / 2, at);
        die();
    }
    if (enter())
        return -1;
    ssize_t result = __real_pwrite(fd, data, n, at);
    leave();
    return result;
}

int __real_openat(int dir, const char *name, int flags, ...);
int __wrap_openat(int dir, const char *name, int flags, ...);
int __wrap_openat(int dir, const char *name, int flags, ...)
{
    va_list args;
    va_start(args, flags);
    mode_t mode = va_arg(args, mode_t);
    va_end(args);
    if (enter())
        return -1;
    int fd = __real_openat(dir, name, flags, mode);
    int cause = errno;
    leave();
    errno = cause;
    return fd;
}
