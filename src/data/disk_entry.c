/* Chunks on disk. An entry is the content, from offset 0 so that it can be
 * mapped, and behind it a trailer:
 *
 *    0  magic "sluice\0\1"
 *    8  length of the content, 64 bits, little-endian
 *   16  SHA-256 of the content
 *   48  XXH3-64 of the content
 *   56  XXH3-64 of bytes 0 to 55
 *
 * What sl_disk_get() gives out it has hashed with SHA-256, in the caller's
 * private copy, each time. sl_disk_open_entry() hashes the file; when this
 * process has done so before and the file is still the same by its inode, size
 * and change time, XXH3 against the value of then is enough to find bit rot.
 * That is a check of the disk, not of anybody's honesty. */
#include "data/disk_int.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <time.h>
#include <unistd.h>

enum { HASH_BUFFER = 256 << 10 };

static const uint8_t trailer_magic[8] = "sluice\0\1";

typedef struct sl_trailer {
    uint64_t len, xxh;
    const uint8_t *digest;
} sl_trailer;

static void encode_trailer(uint8_t to[SL_DISK_TRAILER], const sl_trailer *t)
{
    memcpy(to, trailer_magic, 8);
    sl_disk_set_le64(to + 8, t->len);
    memcpy(to + 16, t->digest, SL_DISK_DIGEST);
    sl_disk_set_le64(to + 48, t->xxh);
    sl_disk_set_le64(to + 56, XXH3_64bits(to, 56));
}

/* --- Looking at a file --------------------------------------------------- */

/* The file as such: whose it is, whether trailer and size agree. */
static sl_disk_verdict look(int fd, const uint8_t *digest, struct stat *st,
                            uint64_t *xxh)
{
    uint8_t t[SL_DISK_TRAILER];
    if (fstat(fd, st) != 0)
        return SL_DISK_OTHER;
    if (!sl_disk_is_ours(st) || st->st_size < SL_DISK_TRAILER)
        return SL_DISK_BAD;
    uint64_t len = (uint64_t)st->st_size - SL_DISK_TRAILER;
    if (!sl_disk_read(fd, t, sizeof t, len) ||
        memcmp(t, trailer_magic, 8) != 0 || sl_disk_le64(t + 8) != len ||
        memcmp(t + 16, digest, SL_DISK_DIGEST) != 0 ||
        sl_disk_le64(t + 56) != XXH3_64bits(t, 56))
        return SL_DISK_BAD;
    *xxh = sl_disk_le64(t + 48);
    return SL_DISK_GOOD;
}

/* The file has to say SL_DISK_GOOD, and to be of that length: a request for
 * another length is the fault of who asks. */
static sl_disk_verdict look_for(int fd, const uint8_t *digest, uint64_t len,
                                struct stat *st, uint64_t *xxh)
{
    sl_disk_verdict v = look(fd, digest, st, xxh);
    return v == SL_DISK_GOOD && (uint64_t)st->st_size - SL_DISK_TRAILER != len
               ? SL_DISK_OTHER
               : v;
}

/* Hashes the first `len` bytes: XXH3 always, SHA-256 into `digest` unless NULL.
 * BAD: they cannot be read. OTHER: out of memory. */
static sl_disk_verdict hash_file(int fd, uint64_t len, uint8_t *digest,
                                 uint64_t *xxh)
{
    uint8_t *buffer = sl_malloc(HASH_BUFFER);
    XXH3_state_t *quick = buffer != NULL ? XXH3_createState() : NULL;
    EVP_MD_CTX *sha = digest != NULL ? EVP_MD_CTX_new() : NULL;
    bool read = true;
    bool ok =
        quick != NULL && XXH3_64bits_reset(quick) == XXH_OK &&
        (digest == NULL ||
         (sha != NULL && EVP_DigestInit_ex(sha, EVP_sha256(), NULL) == 1));
    for (uint64_t at = 0; ok && read && at < len;) {
        size_t n = len - at < HASH_BUFFER ? (size_t)(len - at) : HASH_BUFFER;
        read = sl_disk_read(fd, buffer, n, at);
        ok = read && XXH3_64bits_update(quick, buffer, n) == XXH_OK &&
             (digest == NULL || EVP_DigestUpdate(sha, buffer, n) == 1);
        at += n;
    }
    if (ok)
        *xxh = XXH3_64bits_digest(quick);
    if (ok && digest != NULL)
        ok = EVP_DigestFinal_ex(sha, digest, NULL) == 1;
    EVP_MD_CTX_free(sha);
    XXH3_freeState(quick);
    sl_free(buffer);
    return ok ? SL_DISK_GOOD : read ? SL_DISK_OTHER : SL_DISK_BAD;
}

sl_disk_verdict sl_disk_check_entry(int fd,
                                    const uint8_t digest[SL_DISK_DIGEST])
{
    struct stat st;
    uint8_t have[SL_DISK_DIGEST];
    uint64_t want_xxh, xxh;
    sl_disk_verdict v = look(fd, digest, &st, &want_xxh);
    if (v == SL_DISK_GOOD)
        v = hash_file(fd, (uint64_t)st.st_size - SL_DISK_TRAILER, have, &xxh);
    if (v == SL_DISK_GOOD &&
        (memcmp(have, digest, SL_DISK_DIGEST) != 0 || xxh != want_xxh))
        v = SL_DISK_BAD;
    return v;
}

/* --- Opening an entry ---------------------------------------------------- */

typedef struct entry {
    int dir, fd; /* -1: closed */
    char name[SL_DISK_NAME_MAX];
    uint8_t shard;
} entry;

static void close_entry(entry *e)
{
    if (e->fd >= 0)
        close(e->fd);
    if (e->dir >= 0)
        close(e->dir);
}

/* Deletes what has the name but cannot be opened as a file: a link, a socket,
 * a file that we may not read. */
static void open_entry(sl_disk *disk, int root, const uint8_t *digest, entry *e)
{
    *e = (entry){.dir = -1, .fd = -1, .shard = digest[0]};
    sl_disk_hex(e->name, digest, SL_DISK_DIGEST);
    e->dir = root >= 0 ? sl_disk_open_shard(root, e->shard, false) : -1;
    if (e->dir < 0)
        return;
    e->fd = openat(e->dir, e->name,
                   O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (e->fd < 0 && (errno == ELOOP || errno == ENXIO || errno == EACCES))
        sl_disk_poisoned(disk, e->dir, e->shard, e->name);
}

static bool missed(sl_disk *disk)
{
    if (disk != NULL)
        sl_disk_count(disk, misses, 1);
    return false;
}

bool sl_disk_get(sl_disk *disk, const uint8_t digest[SL_DISK_DIGEST], void *to,
                 size_t len, sl_err *err)
{
    entry e;
    struct stat st;
    uint64_t xxh;
    uint8_t have[SL_DISK_DIGEST];
    open_entry(disk, sl_disk_root(disk, false, err), digest, &e);
    sl_disk_verdict v =
        e.fd >= 0 ? look_for(e.fd, digest, len, &st, &xxh) : SL_DISK_OTHER;
    if (v == SL_DISK_GOOD && !sl_disk_read(e.fd, to, len, 0))
        v = SL_DISK_BAD;
    if (v == SL_DISK_GOOD && !sl_disk_digest(to, len, have))
        v = SL_DISK_OTHER; /* out of memory */
    else if (v == SL_DISK_GOOD && memcmp(have, digest, SL_DISK_DIGEST) != 0)
        v = SL_DISK_BAD;
    if (v == SL_DISK_GOOD) {
        sl_disk_touch(e.fd);
        sl_disk_count(disk, hits, 1);
        sl_disk_count(disk, bytes_read, len);
    } else if (v == SL_DISK_BAD) {
        sl_disk_poisoned(disk, e.dir, e.shard, e.name);
    }
    if (v != SL_DISK_GOOD && e.fd >= 0 && len != 0)
        memset(to, 0, len); /* nothing that failed is left lying about */
    close_entry(&e);
    return v == SL_DISK_GOOD || missed(disk);
}

/* --- For mapping --------------------------------------------------------- */

/* What has been verified, one per place; a younger one takes it. */
enum { SEEN = 1024, SEEN_AGE_NS = 100000000 };

typedef struct seen_one {
    dev_t dev;
    ino_t ino; /* 0: empty */
    off_t size;
    struct timespec changed;
    uint8_t digest[SL_DISK_DIGEST];
    uint64_t xxh;
} seen_one;

struct sl_disk_seen {
    seen_one v[SEEN];
};

static bool is_same(const struct stat *a, const struct stat *b)
{
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino &&
           a->st_size == b->st_size && a->st_ctim.tv_sec == b->st_ctim.tv_sec &&
           a->st_ctim.tv_nsec == b->st_ctim.tv_nsec;
}

/* Change times come from a clock that ticks every few milliseconds: a change
 * right after one that is just over could show the same time. */
static bool is_settled(const struct stat *st)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    int64_t age = (now.tv_sec - st->st_ctim.tv_sec) * INT64_C(1000000000) +
                  (now.tv_nsec - st->st_ctim.tv_nsec);
    return age > SEEN_AGE_NS;
}

static seen_one *seen_place(struct sl_disk_seen *seen, const uint8_t *digest)
{
    return &seen->v[(digest[1] << 8 | digest[2]) % SEEN];
}

static bool was_seen(sl_disk *disk, const uint8_t *digest,
                     const struct stat *st, uint64_t *xxh)
{
    pthread_mutex_lock(&disk->lock);
    const seen_one *one =
        disk->seen != NULL ? seen_place(disk->seen, digest) : NULL;
    bool seen = one != NULL && one->ino != 0 &&
                memcmp(one->digest, digest, SL_DISK_DIGEST) == 0 &&
                is_same(st, &(struct stat){.st_dev = one->dev,
                                           .st_ino = one->ino,
                                           .st_size = one->size,
                                           .st_ctim = one->changed});
    if (seen)
        *xxh = one->xxh;
    pthread_mutex_unlock(&disk->lock);
    return seen;
}

static void set_seen(sl_disk *disk, const uint8_t *digest,
                     const struct stat *st, uint64_t xxh)
{
    pthread_mutex_lock(&disk->lock);
    if (disk->seen == NULL)
        disk->seen = sl_calloc(1, sizeof *disk->seen);
    if (disk->seen != NULL) {
        seen_one *one = seen_place(disk->seen, digest);
        *one = (seen_one){st->st_dev,  st->st_ino, st->st_size,
                          st->st_ctim, {0},        xxh};
        memcpy(one->digest, digest, SL_DISK_DIGEST);
    }
    pthread_mutex_unlock(&disk->lock);
}

static sl_disk_verdict verify(sl_disk *disk, int fd, const uint8_t *digest,
                              uint64_t len, uint64_t trailer_xxh)
{
    uint8_t have[SL_DISK_DIGEST];
    uint64_t xxh, seen_xxh;
    struct stat st, after;
    if (fstat(fd, &st) != 0)
        return SL_DISK_OTHER;
    bool seen = was_seen(disk, digest, &st, &seen_xxh);
    sl_disk_verdict v = hash_file(fd, len, seen ? NULL : have, &xxh);
    if (v != SL_DISK_GOOD)
        return v;
    if (xxh != trailer_xxh)
        return SL_DISK_BAD;
    if (seen) {
        sl_disk_count(disk, rechecked, 1);
        return xxh == seen_xxh ? SL_DISK_GOOD : SL_DISK_BAD;
    }
    if (memcmp(have, digest, SL_DISK_DIGEST) != 0)
        return SL_DISK_BAD;
    if (fstat(fd, &after) == 0 && is_same(&st, &after) && is_settled(&st))
        set_seen(disk, digest, &st, xxh);
    return SL_DISK_GOOD;
}

bool sl_disk_open_entry(sl_disk *disk, const uint8_t digest[SL_DISK_DIGEST],
                        size_t len, int *fd, sl_err *err)
{
    entry e;
    struct stat st;
    uint64_t xxh;
    open_entry(disk, sl_disk_root(disk, false, err), digest, &e);
    sl_disk_verdict v =
        e.fd >= 0 ? look_for(e.fd, digest, len, &st, &xxh) : SL_DISK_OTHER;
    if (v == SL_DISK_GOOD) {
        sl_disk_touch(e.fd);
        v = verify(disk, e.fd, digest, len, xxh);
    }
    if (v == SL_DISK_GOOD) {
        *fd = e.fd;
        e.fd = -1;
        sl_disk_count(disk, hits, 1);
        sl_disk_count(disk, bytes_read, len);
    } else if (v == SL_DISK_BAD) {
        sl_disk_poisoned(disk, e.dir, e.shard, e.name);
    }
    close_entry(&e);
    return v == SL_DISK_GOOD || missed(disk);
}

/* --- Storing ------------------------------------------------------------- */

/* There, as far as can be seen without reading the content. */
static bool is_present(sl_disk *disk, int root, const uint8_t *digest,
                       size_t len)
{
    entry e;
    struct stat st;
    uint64_t xxh;
    open_entry(disk, root, digest, &e);
    bool present =
        e.fd >= 0 && look_for(e.fd, digest, len, &st, &xxh) == SL_DISK_GOOD;
    if (present)
        sl_disk_touch(e.fd);
    close_entry(&e);
    return present;
}

static bool store(sl_disk *disk, const uint8_t *digest, const char *name,
                  const void *data, size_t len)
{
    sl_disk_tmp tmp;
    uint8_t trailer[SL_DISK_TRAILER];
    sl_trailer t = {len, XXH3_64bits(data, len), digest};
    encode_trailer(trailer, &t);
    if (sl_disk_refuses(disk, len + SL_DISK_TRAILER) ||
        !sl_disk_begin(disk, digest[0], len + SL_DISK_TRAILER, &tmp))
        return sl_disk_not_stored(disk);
    if (!sl_disk_write(tmp.fd, data, len, -1) ||
        !sl_disk_write(tmp.fd, trailer, sizeof trailer, -1)) {
        sl_disk_abandon(disk, &tmp);
        return sl_disk_not_stored(disk);
    }
    if (!sl_disk_commit(disk, &tmp, name, true))
        return sl_disk_not_stored(disk);
    sl_disk_count(disk, stored, 1);
    sl_disk_count(disk, bytes_stored, len);
    return true;
}

bool sl_disk_put(sl_disk *disk, const uint8_t digest[SL_DISK_DIGEST],
                 const void *data, size_t len, sl_err *err)
{
    uint8_t own[SL_DISK_DIGEST];
    char name[SL_DISK_NAME_MAX];
    int root = sl_disk_root(disk, true, err);
    if (root < 0)
        return false;
    if (!sl_disk_digest(data, len, own)) {
        errno = ENOMEM;
        return sl_disk_not_stored(disk);
    }
    if (digest != NULL && memcmp(own, digest, SL_DISK_DIGEST) != 0) {
        sl_fail(err, SL_EUSAGE, SL_ERR_NO_PLACE,
                "the content is not what its digest says");
        return false;
    }
    sl_disk_hex(name, own, SL_DISK_DIGEST);
    if (is_present(disk, root, own, len)) {
        sl_disk_count(disk, present, 1);
        return true;
    }
    return store(disk, own, name, data, len);
}
