/* The cache's directory: where it is, whether it can be trusted, and the
 * handling of files that all parts share. docs/data-segments.md, section 7. */
#include "data/disk_int.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

/* --- Handles ------------------------------------------------------------- */

/* $XDG_CACHE_HOME/sluice or ~/.cache/sluice. The XDG specification has relative
 * paths ignored. */
static char *default_dir(sl_err *err)
{
    char path[4096];
    const char *cache = secure_getenv("XDG_CACHE_HOME");
    const char *home = secure_getenv("HOME");
    int n;
    if (cache != NULL && cache[0] == '/')
        n = snprintf(path, sizeof path, "%s/sluice", cache);
    else if (home != NULL && home[0] == '/')
        n = snprintf(path, sizeof path, "%s/.cache/sluice", home);
    else
        return sl_strndup("", 0);
    if (n < 0 || (size_t)n >= sizeof path) {
        sl_fail(err, SL_ERANGE, SL_ERR_NO_PLACE, "the path is too long");
        return NULL;
    }
    return sl_strndup(path, (size_t)n);
}

/* Without trailing slashes, which would make a link be followed. */
static char *given_dir(const char *dir)
{
    size_t len = strlen(dir);
    while (len > 1 && dir[len - 1] == '/')
        len--;
    return sl_strndup(dir, len);
}

sl_disk *sl_disk_open(const char *dir, uint64_t limit, unsigned flags,
                      sl_err *err)
{
    sl_disk *disk = sl_calloc(1, sizeof *disk);
    char *path = dir != NULL ? given_dir(dir) : default_dir(err);
    if (disk == NULL || path == NULL) {
        sl_fail(err, SL_ENOMEM, SL_ERR_NO_PLACE, "out of memory");
        sl_free(disk);
        sl_free(path);
        return NULL;
    }
    disk->refs = 1;
    disk->flags = flags;
    disk->limit = limit != 0 ? limit : SL_DISK_LIMIT;
    disk->dir = path;
    disk->root = disk->sizes = -1;
    pthread_mutex_init(&disk->lock, NULL);
    pthread_mutex_init(&disk->room, NULL);
    return disk;
}

sl_disk *sl_disk_ref(sl_disk *disk)
{
    if (disk != NULL)
        __atomic_add_fetch(&disk->refs, 1, __ATOMIC_RELAXED);
    return disk;
}

void sl_disk_unref(sl_disk *disk)
{
    if (disk == NULL ||
        __atomic_sub_fetch(&disk->refs, 1, __ATOMIC_ACQ_REL) != 0)
        return;
    if (disk->root >= 0)
        close(disk->root);
    if (disk->sizes >= 0)
        close(disk->sizes);
    pthread_mutex_destroy(&disk->lock);
    pthread_mutex_destroy(&disk->room);
    sl_free(disk->seen);
    sl_free(disk->dir);
    sl_free(disk);
}

const char *sl_disk_dir(const sl_disk *disk)
{
    return disk != NULL ? disk->dir : "";
}

sl_disk_stats sl_disk_stats_of(const sl_disk *disk)
{
    sl_disk_stats stats = {0};
    if (disk == NULL)
        return stats;
    const uint64_t *from = (const uint64_t *)&disk->stats;
    for (size_t i = 0; i < sizeof stats / sizeof *from; i++)
        ((uint64_t *)&stats)[i] = __atomic_load_n(&from[i], __ATOMIC_RELAXED);
    return stats;
}

/* --- The directory ------------------------------------------------------- */

static bool is_private_dir(int fd)
{
    struct stat st;
    if (fstat(fd, &st) != 0)
        return false;
    errno = EPERM;
    return st.st_uid == geteuid() && (st.st_mode & 077) == 0;
}

int sl_disk_open_dir(int parent, const char *name, bool create)
{
    const int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
    int fd = openat(parent, name, flags);
    if (fd < 0 && create) {
        if (errno == ENOTDIR || errno == ELOOP)
            unlinkat(parent, name, 0);
        else if (errno != ENOENT)
            return -1;
        if (mkdirat(parent, name, 0700) != 0 && errno != EEXIST)
            return -1;
        fd = openat(parent, name, flags);
    }
    if (fd >= 0 && !is_private_dir(fd)) {
        int cause = errno;
        close(fd);
        errno = cause;
        return -1;
    }
    return fd;
}

int sl_disk_open_shard(int root, uint8_t shard, bool create)
{
    char name[3];
    sl_disk_hex(name, &shard, 1);
    return sl_disk_open_dir(root, name, create);
}

/* The directory itself and the one it lies in. */
static bool make_dir(const char *dir)
{
    if (mkdir(dir, 0700) == 0 || errno == EEXIST)
        return true;
    const char *slash = strrchr(dir, '/');
    if (errno != ENOENT || slash == NULL || slash == dir)
        return false;
    char *parent = sl_strndup(dir, (size_t)(slash - dir));
    errno = ENOMEM;
    bool made = parent != NULL &&
                (mkdir(parent, 0700) == 0 || errno == EEXIST) &&
                (mkdir(dir, 0700) == 0 || errno == EEXIST);
    sl_free(parent);
    return made;
}

/* Says why there is no directory, from errno; SL_OK when the next call may well
 * find one. */
static sl_status no_root(const char *dir, const char *below, bool create,
                         sl_err *err)
{
    const char *why = strerror(errno);
    switch (errno) {
    case ENOENT:
        if (!create)
            return SL_OK;
        break;
    case EMFILE:
    case ENFILE:
    case ENOMEM:
    case EINTR:
        return SL_OK;
    case EPERM:
        why = "not this user's alone (chmod 700)";
        break;
    case ENOTDIR:
    case ELOOP:
        why = "not a directory (a link is not followed)";
        break;
    }
    return sl_fail(err, SL_EIO, SL_ERR_NO_PLACE, "%s%s: no cache: %s", dir,
                   below, why);
}

/* SL_OK and no descriptor: not yet there. */
static sl_status open_root(const char *dir, bool create, int *root, sl_err *err)
{
    *root = -1;
    if (dir[0] == '\0')
        return sl_fail(err, SL_EIO, SL_ERR_NO_PLACE,
                       "no cache: neither XDG_CACHE_HOME nor HOME is set");
    if (create && !make_dir(dir))
        return no_root(dir, "", create, err);
    int top = sl_disk_open_dir(AT_FDCWD, dir, false);
    if (top < 0)
        return no_root(dir, "", create, err);
    *root = sl_disk_open_dir(top, "v1", create);
    int cause = errno;
    close(top);
    errno = cause;
    return *root >= 0 ? SL_OK : no_root(dir, "/v1", create, err);
}

/* The reason, once. */
static void say(sl_disk *disk, sl_err *err)
{
    if (!disk->said && err != NULL && err->code == SL_OK) {
        *err = disk->trouble;
        disk->said = true;
    }
}

int sl_disk_root(sl_disk *disk, bool create, sl_err *err)
{
    if (disk == NULL)
        return -1;
    int root = __atomic_load_n(&disk->root, __ATOMIC_ACQUIRE);
    if (root >= 0)
        return root;
    pthread_mutex_lock(&disk->lock);
    root = disk->root;
    if (root < 0 && !disk->unusable) {
        disk->unusable =
            open_root(disk->dir, create, &root, &disk->trouble) != SL_OK;
        __atomic_store_n(&disk->root, root, __ATOMIC_RELEASE);
    }
    if (disk->unusable)
        say(disk, err);
    pthread_mutex_unlock(&disk->lock);
    return root;
}

sl_status sl_disk_trouble(sl_disk *disk, sl_err *err)
{
    if (disk == NULL)
        return SL_OK;
    pthread_mutex_lock(&disk->lock);
    sl_err trouble = disk->trouble;
    pthread_mutex_unlock(&disk->lock);
    return trouble.code == SL_OK
               ? SL_OK
               : sl_fail(err, trouble.code, trouble.at, "%s", trouble.msg);
}

bool sl_disk_revive(sl_disk *disk)
{
    struct stat st;
    int fresh = -1;
    pthread_mutex_lock(&disk->lock);
    bool gone = fstat(disk->root, &st) == 0 && st.st_nlink == 0 &&
                open_root(disk->dir, true, &fresh, NULL) == SL_OK;
    /* In one step: other threads use the number. */
    bool revived = gone && dup3(fresh, disk->root, O_CLOEXEC) >= 0;
    if (fresh >= 0)
        close(fresh);
    pthread_mutex_unlock(&disk->lock);
    return revived;
}

/* --- Files --------------------------------------------------------------- */

bool sl_disk_is_ours(const struct stat *st)
{
    return S_ISREG(st->st_mode) && st->st_uid == geteuid() &&
           (st->st_mode & 07777) == 0600;
}

bool sl_disk_remove(int dir, const char *name)
{
    return unlinkat(dir, name, 0) == 0 ||
           (errno == EISDIR && unlinkat(dir, name, AT_REMOVEDIR) == 0);
}

bool sl_disk_poisoned(sl_disk *disk, int dir, uint8_t shard, const char *name)
{
    struct stat st;
    bool found = fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0;
    if (!found || !sl_disk_remove(dir, name))
        return false;
    sl_disk_count(disk, poisoned, 1);
    if (S_ISREG(st.st_mode))
        sl_disk_give_back(disk, shard, sl_disk_cost_of(&st));
    return true;
}

void sl_disk_touch(int fd)
{
    struct stat st;
    if (fstat(fd, &st) != 0)
        return;
    int64_t age = sl_disk_now() - st.st_mtim.tv_sec;
    if (age > SL_DISK_TOUCH_S || age < -SL_DISK_TOUCH_S)
        (void)futimens(fd, NULL);
}

bool sl_disk_write(int fd, const void *data, size_t len, int64_t at)
{
    const uint8_t *from = data;
    while (len != 0) {
        ssize_t n =
            at < 0 ? write(fd, from, len) : pwrite(fd, from, len, (off_t)at);
        if (n < 0 && errno == EINTR)
            continue;
        if (n == 0)
            errno = EIO;
        if (n <= 0)
            return false;
        from += n;
        len -= (size_t)n;
        at += at < 0 ? 0 : n;
    }
    return true;
}

bool sl_disk_read(int fd, void *to, size_t len, uint64_t at)
{
    uint8_t *out = to;
    while (len != 0) {
        ssize_t n = pread(fd, out, len, (off_t)at);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        out += n;
        at += (uint64_t)n;
        len -= (size_t)n;
    }
    return true;
}

/* --- Numbers ------------------------------------------------------------- */

bool sl_disk_digest(const void *data, size_t len,
                    uint8_t digest[SL_DISK_DIGEST])
{
    return EVP_Digest(data, len, digest, NULL, EVP_sha256(), NULL) == 1;
}

void sl_disk_hex(char *to, const uint8_t *bytes, size_t len)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < len; i++) {
        *to++ = digits[bytes[i] >> 4];
        *to++ = digits[bytes[i] & 15];
    }
    *to = '\0';
}

uint8_t sl_disk_digit(char c)
{
    return (uint8_t)(c <= '9' ? c - '0' : c - 'a' + 10);
}

int64_t sl_disk_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return now.tv_sec;
}

uint64_t sl_disk_le64(const uint8_t *at)
{
    uint64_t value = 0;
    for (int i = 7; i >= 0; i--)
        value = value << 8 | at[i];
    return value;
}

void sl_disk_set_le64(uint8_t *at, uint64_t value)
{
    for (int i = 0; i < 8; i++, value >>= 8)
        at[i] = (uint8_t)value;
}
