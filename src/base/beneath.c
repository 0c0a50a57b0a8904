#include "base/beneath.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Name by name, none of them a link. */
static int open_steps(int dir, const char *path)
{
    int at = dup(dir);
    while (at >= 0) {
        const char *slash = strchr(path, '/');
        char name[NAME_MAX + 1];
        size_t len = slash != NULL ? (size_t)(slash - path) : strlen(path);
        if (len > NAME_MAX) {
            close(at);
            errno = ENAMETOOLONG;
            return -1;
        }
        memcpy(name, path, len);
        name[len] = '\0';
        int next = openat(
            at, name,
            O_NOFOLLOW | O_CLOEXEC |
                (slash != NULL ? O_PATH | O_DIRECTORY : O_RDONLY | O_NONBLOCK));
        int why = errno;
        close(at);
        errno = why;
        if (slash == NULL)
            return next;
        at = next;
        path = slash + 1;
    }
    return -1;
}

static int open_from(int dir, const char *path)
{
    struct open_how how = {.flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK,
                           .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS};
    long fd = syscall(SYS_openat2, dir, path, &how, sizeof how);
    return fd >= 0 || errno != ENOSYS ? (int)fd : open_steps(dir, path);
}

int sl_open_beneath(const char *dir, const char *path, sl_err *err)
{
    struct stat st;
    int from = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (from < 0) {
        sl_fail(err, SL_EIO, SL_ERR_NO_PLACE, "%s: %s", dir, strerror(errno));
        return -1;
    }
    int fd = open_from(from, path), why = errno;
    close(from);
    if (fd < 0) {
        sl_fail(err, SL_EIO, SL_ERR_NO_PLACE, "%s/%s: %s", dir, path,
                why == EXDEV ? "it leads out of the directory" : strerror(why));
        return -1;
    }
    if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode))
        return fd;
    close(fd);
    sl_fail(err, SL_EIO, SL_ERR_NO_PLACE, "%s/%s: not a regular file", dir,
            path);
    return -1;
}
