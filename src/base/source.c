#include "base/source.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"

static sl_status read_buffer(sl_source *source, uint64_t at, void *to,
                             size_t len, sl_err *err)
{
    if (at > source->size || len > source->size - at)
        return sl_fail(err, SL_EIO, at, "unexpected end of the buffer");
    if (len != 0)
        memcpy(to, source->memory + at, len);
    return SL_OK;
}

bool sl_is_url(const char *name)
{
    return strncasecmp(name, "http://", 7) == 0 ||
           strncasecmp(name, "https://", 8) == 0;
}

sl_status sl_source_set_base(sl_source *source, const char *base, sl_err *err)
{
    size_t len = strlen(base);
    while (len > 1 && base[len - 1] == '/')
        len--;
    char *copy = sl_strndup(base, len);
    if (copy == NULL)
        return sl_fail(err, SL_ENOMEM, SL_ERR_NO_PLACE, "out of memory");
    sl_free(source->base);
    source->base = copy;
    return SL_OK;
}

static void close_buffer(sl_source *source)
{
    sl_free(source);
}

sl_source *sl_source_buffer(const void *bytes, size_t len, bool copy,
                            sl_err *err)
{
    sl_source *source = sl_malloc(sizeof *source + (copy ? len : 0));
    if (source == NULL) {
        sl_fail(err, SL_ENOMEM, SL_ERR_NO_PLACE, "out of memory");
        return NULL;
    }
    if (copy && len != 0)
        memcpy(source + 1, bytes, len);
    *source = (sl_source){.size = len,
                          .read_at = read_buffer,
                          .memory = copy ? (const uint8_t *)(source + 1) : bytes,
                          .fd = -1,
                          .refs = 1,
                          .close = close_buffer};
    return source;
}

static sl_status read_file(sl_source *source, uint64_t at, void *to,
                           size_t len, sl_err *err)
{
    uint8_t *out = to;
    while (len != 0) {
        ssize_t n = pread(source->fd, out, len, (off_t)at);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return sl_fail(err, SL_EIO, at, "read failed: %s", strerror(errno));
        if (n == 0)
            return sl_fail(err, SL_EIO, at, "unexpected end of the file");
        out += n;
        at += (uint64_t)n;
        len -= (size_t)n;
    }
    return SL_OK;
}

static void close_file(sl_source *source)
{
    close(source->fd);
    sl_free(source);
}

/* The directory of a path. */
static char *directory_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    if (slash == NULL)
        return sl_strndup(".", 1);
    return sl_strndup(path, slash == path ? 1 : (size_t)(slash - path));
}

/* Takes the descriptor (-1: it could not be had, errno) and the base, also on
 * failure. `path`: for messages. */
static sl_source *over_fd(const char *path, int fd, char *base, sl_err *err)
{
    struct stat st;
    char first;
    sl_source *source = NULL;
    if (fd < 0 || fstat(fd, &st) != 0)
        sl_fail(err, SL_EIO, SL_ERR_NO_PLACE, "%s: %s", path, strerror(errno));
    else if (!S_ISREG(st.st_mode))
        sl_fail(err, SL_EIO, SL_ERR_NO_PLACE, "%s: not a regular file", path);
    else if (st.st_size == 0 && pread(fd, &first, 1, 0) > 0)
        sl_fail(err, SL_EIO, SL_ERR_NO_PLACE,
                "%s: it does not tell its size (a file of the system?)", path);
    else if ((source = sl_malloc(sizeof *source)) == NULL)
        sl_fail(err, SL_ENOMEM, SL_ERR_NO_PLACE, "out of memory");
    if (source != NULL) {
        *source = (sl_source){.size = (uint64_t)st.st_size,
                              .read_at = read_file,
                              .fd = fd,
                              .base = base,
                              .refs = 1,
                              .close = close_file};
        return source;
    }
    if (fd >= 0)
        close(fd);
    sl_free(base);
    return NULL;
}

sl_source *sl_source_file(const char *path, sl_err *err)
{
    char *base = directory_of(path);
    if (base == NULL) {
        sl_fail(err, SL_ENOMEM, SL_ERR_NO_PLACE, "out of memory");
        return NULL;
    }
    /* Without waiting for whoever might write to a fifo of that name. */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd >= 0)
        fcntl(fd, F_SETFL, 0);
    return over_fd(path, fd, base, err);
}

sl_source *sl_source_descriptor(int fd, sl_err *err)
{
    return over_fd("descriptor", fcntl(fd, F_DUPFD_CLOEXEC, 0), NULL, err);
}

sl_source *sl_source_ref(sl_source *source)
{
    __atomic_add_fetch(&source->refs, 1, __ATOMIC_RELAXED);
    return source;
}

void sl_source_unref(sl_source *source)
{
    if (source != NULL &&
        __atomic_sub_fetch(&source->refs, 1, __ATOMIC_ACQ_REL) == 0) {
        sl_free(source->base);
        source->close(source);
    }
}
