/* Local files as origins. docs/data-segments.md, section 5, "external". */
#include "data/origin.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/beneath.h"

sl_origin *sl_origin_ref(sl_origin *origin)
{
    origin->refs++;
    return origin;
}

void sl_origin_unref(sl_origin *origin)
{
    if (origin != NULL && --origin->refs == 0)
        origin->ops->close(origin);
}

typedef struct file_origin {
    sl_origin base;
    pthread_mutex_t lock;
    int fd; /* -1: not opened yet */
    char *dir, *path;
} file_origin;

/* A file that could not be opened may be there at the next attempt. */
static sl_status ensure_open(file_origin *o, int *fd, sl_err *err)
{
    pthread_mutex_lock(&o->lock);
    if (o->fd < 0)
        o->fd = sl_open_beneath(o->dir, o->path, err);
    *fd = o->fd;
    pthread_mutex_unlock(&o->lock);
    return *fd >= 0 ? SL_OK : SL_EIO;
}

static sl_status file_read_now(sl_origin *origin, uint64_t at, void *to,
                               size_t len, sl_err *err)
{
    file_origin *o = (file_origin *)origin;
    uint8_t *out = to;
    int fd;
    if (ensure_open(o, &fd, err) != SL_OK)
        return SL_EIO;
    while (len != 0) {
        ssize_t n = pread(fd, out, len, (off_t)at);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return sl_fail(err, SL_EIO, SL_ERR_NO_PLACE, "%s/%s: %s", o->dir,
                           o->path,
                           n == 0 ? "the file is too short" : strerror(errno));
        out += n;
        at += (uint64_t)n;
        len -= (size_t)n;
    }
    return SL_OK;
}

static void file_close(sl_origin *origin)
{
    file_origin *o = (file_origin *)origin;
    if (o->fd >= 0)
        close(o->fd);
    pthread_mutex_destroy(&o->lock);
    sl_free(o->dir);
    sl_free(o->path);
    sl_free(o);
}

static const sl_origin_ops file_ops = {
    .read_now = file_read_now,
    .close = file_close,
};

sl_origin *sl_origin_file(const char *dir, const char *path, sl_err *err)
{
    file_origin *o = sl_calloc(1, sizeof *o);
    if (o == NULL) {
        sl_fail(err, SL_ENOMEM, SL_ERR_NO_PLACE, "out of memory");
        return NULL;
    }
    o->base = (sl_origin){.ops = &file_ops, .refs = 1};
    o->fd = -1;
    pthread_mutex_init(&o->lock, NULL);
    o->dir = sl_strndup(dir, strlen(dir));
    o->path = sl_strndup(path, strlen(path));
    if (o->dir == NULL || o->path == NULL) {
        sl_fail(err, SL_ENOMEM, SL_ERR_NO_PLACE, "out of memory");
        file_close(&o->base);
        return NULL;
    }
    return &o->base;
}
