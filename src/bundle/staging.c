#include "bundle/staging.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool failed(sl_err *err, const char *path, const char *why)
{
    sl_fail(err, SL_EIO, SL_ERR_NO_PLACE, "%s: %s", path, why);
    return false;
}

void sl_staging_init(sl_staging *staging)
{
    *staging = (sl_staging){0};
}

void sl_staging_deinit(sl_staging *staging)
{
    for (size_t i = 0; i < staging->files.n; i++) {
        sl_staged *f = &staging->files.v[i];
        if (f->fd >= 0)
            close(f->fd);
        if (f->part != NULL)
            unlink(f->part);
        if (f->placed)
            unlink(f->path);
        sl_free(f->part);
        sl_free(f->path);
    }
    if (staging->folder != NULL)
        rmdir(staging->folder);
    sl_free(staging->folder);
    sl_vec_deinit(&staging->files);
}

bool sl_staging_folder(sl_staging *staging, const char *path, sl_err *err)
{
    char *made = sl_strndup(path, strlen(path));
    if (made == NULL)
        return failed(err, path, "out of memory");
    if (mkdir(path, 0777) == 0) {
        staging->folder = made;
        return true;
    }
    sl_free(made);
    if (errno != EEXIST)
        return failed(err, path, strerror(errno));
    struct stat st;
    if (stat(path, &st) != 0)
        return failed(err, path, strerror(errno));
    return S_ISDIR(st.st_mode) || failed(err, path, strerror(ENOTDIR));
}

/* What stands at the place now. */
static bool may_go(const char *path, bool replace, sl_err *err)
{
    struct stat st;
    if (lstat(path, &st) != 0)
        return errno == ENOENT || failed(err, path, strerror(errno));
    bool link = S_ISLNK(st.st_mode);
    if (link && replace && stat(path, &st) != 0)
        return failed(err, path, strerror(errno));
    if (!link && !S_ISREG(st.st_mode))
        return failed(err, path, "not a regular file");
    if (!replace)
        return failed(err, path, "it exists already (--force replaces it)");
    return S_ISREG(st.st_mode) || failed(err, path, "not a regular file");
}

static char *part_of(const char *path)
{
    size_t room = strlen(path) + 32;
    char *part = sl_malloc(room);
    if (part != NULL)
        snprintf(part, room, "%s.part-%ld", path, (long)getpid());
    return part;
}

int sl_staging_open(sl_staging *staging, const char *path, bool replace,
                    sl_err *err)
{
    sl_staged f = {.fd = -1, .replace = replace};
    if (!may_go(path, replace, err))
        return -1;
    f.path = sl_strndup(path, strlen(path));
    char *part = part_of(path);
    if (f.path == NULL || part == NULL || !sl_vec_reserve(&staging->files, 1)) {
        failed(err, path, "out of memory");
    } else {
        f.fd = open(part, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (f.fd < 0)
            failed(err, path, strerror(errno));
    }
    if (f.fd < 0) {
        sl_free(part);
        sl_free(f.path);
        return -1;
    }
    f.part = part;
    staging->files.v[staging->files.n++] = f;
    return f.fd;
}

static bool close_one(sl_staged *f, sl_err *err)
{
    int fd = f->fd;
    f->fd = -1;
    return fd < 0 || close(fd) == 0 || failed(err, f->path, strerror(errno));
}

bool sl_staging_close(sl_staging *staging, sl_err *err)
{
    return close_one(&sl_vec_last(&staging->files), err);
}

static bool place(sl_staged *f, sl_err *err)
{
    struct stat st;
    bool replaces = f->replace && stat(f->path, &st) == 0;
    int done = replaces ? rename(f->part, f->path)
                        : renameat2(AT_FDCWD, f->part, AT_FDCWD, f->path,
                                    RENAME_NOREPLACE);
    if (done != 0 && !replaces && errno == EINVAL) /* not on this file system */
        done = rename(f->part, f->path);
    if (done != 0)
        return failed(err, f->path, strerror(errno));
    f->placed = !replaces;
    sl_free(f->part);
    f->part = NULL;
    return true;
}

bool sl_staging_commit(sl_staging *staging, sl_err *err)
{
    for (size_t i = 0; i < staging->files.n; i++)
        if (!close_one(&staging->files.v[i], err))
            return false;
    for (size_t i = staging->files.n; i > 0; i--)
        if (!place(&staging->files.v[i - 1], err))
            return false;
    for (size_t i = 0; i < staging->files.n; i++)
        staging->files.v[i].placed = false;
    if (staging->folder != NULL)
        rmdir(staging->folder); /* unless there is something in it */
    sl_free(staging->folder);
    staging->folder = NULL;
    return true;
}
