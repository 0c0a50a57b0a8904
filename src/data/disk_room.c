/* Room on disk: how much is used, what goes when it is too much, and files
 * while they are written.
 *
 * v1/sizes holds the bytes of each of the 256 shards; whoever holds a lock on
 * it (flock, waited for a tenth of a second at most) may change them. Room is
 * made and counted before a file is written, so a killed writer leaves too high
 * a count, never too low a one. Every SL_ROUND-th put of a process counts one
 * shard anew, in turn, so that counts are right again sooner or later.
 *
 * Files are written in v1/tmp, locked by their writers and named by the room
 * that was made for them, so that who counts knows what will come. Leftovers
 * are removed before counting: those whose lock is free, because the writer is
 * dead, and those an hour old.
 *
 * When the limit would be passed, files of some shards, at least SL_SAMPLE of
 * them if there are so many, are sorted by their last use, and the oldest go:
 * as many as are needed, and then up to an eighth of them to have some room in
 * advance. Shards take turns. Names are digests, so a few shards are a fair
 * sample of all; with fewer files than SL_SAMPLE it is exactly the least
 * recently used that goes. A put does as much work for 50 files as for 50
 * million. */
#include "data/disk_int.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

enum {
    SL_ROUND = 16,
    SL_SAMPLE = 512,
    LOCK_TRIES = 100,
    LOCK_PAUSE_NS = 1000000,
    LEFTOVER_S = 3600,
    RETRY_S = 5,
};

/* v1/sizes as it lies there. */
enum { SIZES_HEAD = 16, SIZES_BYTES = SIZES_HEAD + 8 * SL_DISK_SHARDS };
static const uint8_t sizes_magic[8] = "slsizes\1";

typedef struct sl_sizes {
    sl_disk *disk;
    int root;
    uint32_t cursor; /* the shard whose turn it is */
    uint64_t shard[SL_DISK_SHARDS];
    bool swept; /* then, for files being written: */
    uint64_t in_flight[SL_DISK_SHARDS];
} sl_sizes;

uint64_t sl_disk_cost(uint64_t bytes)
{
    return (bytes + 4095) & ~(uint64_t)4095;
}

/* Less when it has holes. */
uint64_t sl_disk_cost_of(const struct stat *st)
{
    uint64_t full = sl_disk_cost((uint64_t)st->st_size);
    uint64_t blocks = sl_disk_cost((uint64_t)st->st_blocks * 512);
    uint64_t least = blocks != 0 ? blocks : 4096;
    return full < least ? full : least;
}

/* --- What is there ------------------------------------------------------- */

static bool is_hex(const char *name, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (!((name[i] >= '0' && name[i] <= '9') ||
              (name[i] >= 'a' && name[i] <= 'f')))
            return false;
    return true;
}

/* Of a chunk or of a URL's table. */
static bool is_our_name(const char *name, uint8_t shard, bool *is_url)
{
    char prefix[3];
    size_t len = strlen(name);
    sl_disk_hex(prefix, &shard, 1);
    *is_url = len == 36 && strcmp(name + 32, ".url") == 0;
    return (len == 64 || *is_url) && memcmp(name, prefix, 2) == 0 &&
           is_hex(name, *is_url ? 32 : 64);
}

static void scan_one(int dir, uint8_t shard, const char *name, bool is_url,
                     sl_disk_items *items, uint64_t *cost, bool *failed)
{
    struct stat st;
    if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) != 0) {
        if (errno != ENOENT)
            *failed = true;
        return;
    }
    if (!S_ISREG(st.st_mode)) {
        sl_disk_remove(dir, name);
        return;
    }
    sl_disk_item item = {.shard = shard,
                         .is_url = is_url,
                         .size = (uint64_t)st.st_size,
                         .cost = sl_disk_cost_of(&st),
                         .mtime = st.st_mtim.tv_sec};
    memcpy(item.name, name, strlen(name) + 1);
    *cost += item.cost;
    if (items != NULL && !sl_vec_push(items, item))
        *failed = true;
}

uint64_t sl_disk_scan(int root, uint8_t shard, sl_disk_items *items,
                      bool *failed)
{
    uint64_t cost = 0;
    int dir = sl_disk_open_shard(root, shard, false);
    DIR *entries = dir >= 0 ? fdopendir(dir) : NULL;
    if (entries == NULL) {
        if (errno != ENOENT && errno != ENOTDIR && errno != ELOOP)
            *failed = true;
        if (dir >= 0)
            close(dir);
        return 0;
    }
    bool is_url;
    for (struct dirent *e; (e = readdir(entries)) != NULL;)
        if (is_our_name(e->d_name, shard, &is_url))
            scan_one(dir, shard, e->d_name, is_url, items, &cost, failed);
    closedir(entries);
    return cost;
}

/* --- Files being written ------------------------------------------------- */

/* Their names: shard, cost in units of 4096, something random, in hex. */
enum { TMP_HEAD = 5, TMP_NAME = 20 };

static void make_tmp_name(sl_disk_tmp *tmp)
{
    uint8_t bytes[TMP_NAME / 2] = {tmp->shard};
    for (int i = 1; i < TMP_HEAD; i++)
        bytes[i] = (uint8_t)(tmp->bytes >> (12 + 8 * (i - 1)));
    if (getrandom(bytes + TMP_HEAD, sizeof bytes - TMP_HEAD, 0) < 0)
        memcpy(bytes + TMP_HEAD, &(uint64_t){(uint64_t)sl_disk_now()},
               sizeof bytes - TMP_HEAD);
    sl_disk_hex(tmp->name, bytes, sizeof bytes);
}

static bool is_tmp_name(const char *name, uint8_t *shard, uint64_t *cost)
{
    uint8_t bytes[TMP_HEAD];
    if (strlen(name) != TMP_NAME || !is_hex(name, TMP_NAME))
        return false;
    for (int i = 0; i < TMP_HEAD; i++)
        bytes[i] = (uint8_t)(sl_disk_digit(name[2 * i]) << 4 |
                             sl_disk_digit(name[2 * i + 1]));
    *shard = bytes[0];
    *cost = 0;
    for (int i = TMP_HEAD - 1; i > 0; i--)
        *cost = *cost << 8 | bytes[i];
    *cost <<= 12;
    return true;
}

static bool is_leftover(int dir, const char *name)
{
    struct stat st;
    if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) != 0)
        return false;
    if (!S_ISREG(st.st_mode) || sl_disk_now() - st.st_mtim.tv_sec > LEFTOVER_S)
        return true;
    int fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0)
        return errno == EACCES;
    bool free = flock(fd, LOCK_EX | LOCK_NB) == 0;
    close(fd);
    return free;
}

static void sweep_one(sl_sizes *sizes, int dir, const char *name)
{
    uint8_t shard;
    uint64_t cost;
    if (!is_tmp_name(name, &shard, &cost))
        return;
    if (!is_leftover(dir, name))
        sizes->in_flight[shard] += cost <= sizes->disk->limit ? cost : 0;
    else if (sl_disk_remove(dir, name))
        sl_disk_count(sizes->disk, swept, 1);
}

/* Removes leftovers, and sees what is being written. Once is enough: nobody
 * begins without the lock. */
static void sweep(sl_sizes *sizes)
{
    if (sizes->swept)
        return;
    sizes->swept = true;
    int dir = sl_disk_open_dir(sizes->root, "tmp", false);
    DIR *entries = dir >= 0 ? fdopendir(dir) : NULL;
    if (entries == NULL) {
        if (dir >= 0)
            close(dir);
        return;
    }
    for (struct dirent *e; (e = readdir(entries)) != NULL;)
        sweep_one(sizes, dir, e->d_name);
    closedir(entries);
}

/* --- The counts ---------------------------------------------------------- */

static uint64_t total(const sl_sizes *sizes)
{
    uint64_t sum = 0;
    for (int i = 0; i < SL_DISK_SHARDS; i++)
        sum += sizes->shard[i];
    return sum;
}

/* What cannot be counted keeps its count. False: that was the case. */
static bool count_shard(sl_sizes *sizes, uint8_t shard, sl_disk_items *items)
{
    bool failed = false;
    sweep(sizes); /* before: what is finished meanwhile counts twice */
    uint64_t cost = sl_disk_scan(sizes->root, shard, items, &failed);
    if (!failed)
        sizes->shard[shard] = cost + sizes->in_flight[shard];
    return !failed;
}

static bool count_all(sl_sizes *sizes)
{
    bool counted = true;
    for (int i = 0; i < SL_DISK_SHARDS; i++)
        counted = count_shard(sizes, (uint8_t)i, NULL) && counted;
    return counted;
}

static bool load_sizes(int fd, uint64_t limit, sl_sizes *sizes)
{
    uint8_t bytes[SIZES_BYTES];
    if (!sl_disk_read(fd, bytes, sizeof bytes, 0) ||
        memcmp(bytes, sizes_magic, sizeof sizes_magic) != 0)
        return false;
    sizes->cursor = bytes[8];
    uint64_t sum = 0;
    for (int i = 0; i < SL_DISK_SHARDS; i++) {
        sizes->shard[i] = sl_disk_le64(bytes + SIZES_HEAD + 8 * i);
        if (sizes->shard[i] > UINT64_MAX / 2 / SL_DISK_SHARDS)
            return false;
        sum += sizes->shard[i];
    }
    /* Not to be believed: the limit was higher once, or it is damaged. */
    return sum <= limit + limit / 4;
}

/* Beyond that limit a write would be a signal. */
static bool may_write(uint64_t bytes)
{
    struct rlimit limit;
    return getrlimit(RLIMIT_FSIZE, &limit) != 0 || bytes <= limit.rlim_cur;
}

static bool save_sizes(int fd, const sl_sizes *sizes)
{
    uint8_t bytes[SIZES_BYTES] = {0};
    memcpy(bytes, sizes_magic, sizeof sizes_magic);
    bytes[8] = (uint8_t)sizes->cursor;
    for (int i = 0; i < SL_DISK_SHARDS; i++)
        sl_disk_set_le64(bytes + SIZES_HEAD + 8 * i, sizes->shard[i]);
    return may_write(sizeof bytes) && sl_disk_write(fd, bytes, sizeof bytes, 0);
}

/* v1/sizes, made when it is not there or no such file. */
static int open_sizes(int root)
{
    const int flags = O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC;
    for (int i = 0; i < 2; i++) {
        struct stat st;
        int fd = openat(root, "sizes", flags, 0600);
        if (fd >= 0 && fstat(fd, &st) == 0 && sl_disk_is_ours(&st))
            return fd;
        if (fd >= 0)
            close(fd);
        else if (errno != ELOOP && errno != EISDIR && errno != ENXIO &&
                 errno != EACCES)
            return -1;
        sl_disk_remove(root, "sizes");
    }
    errno = EIO;
    return -1;
}

/* Where files cannot be locked, processes share without. */
static bool wait_for_lock(int fd)
{
    for (int i = 0; i < LOCK_TRIES; i++) {
        if (flock(fd, LOCK_EX | LOCK_NB) == 0)
            return true;
        if (errno != EWOULDBLOCK && errno != EINTR)
            return true;
        nanosleep(&(struct timespec){.tv_nsec = LOCK_PAUSE_NS}, NULL);
    }
    errno = EBUSY;
    return false;
}

static bool is_removed(int fd)
{
    struct stat st;
    return fstat(fd, &st) != 0 || st.st_nlink == 0;
}

static bool lock_file(sl_disk *disk, int root)
{
    for (int i = 0; i < 3; i++) {
        if (disk->sizes < 0)
            disk->sizes = open_sizes(root);
        if (disk->sizes < 0 || !wait_for_lock(disk->sizes))
            return false;
        if (!is_removed(disk->sizes))
            return true;
        close(disk->sizes);
        disk->sizes = -1;
    }
    errno = EBUSY;
    return false;
}

/* This thread alone, of all processes. False: errno. */
static bool lock_sizes(sl_disk *disk, sl_sizes *sizes)
{
    int root = sl_disk_root(disk, false, NULL);
    errno = ENOENT;
    if (root < 0)
        return false;
    pthread_mutex_lock(&disk->room);
    if (!lock_file(disk, root)) {
        pthread_mutex_unlock(&disk->room);
        return false;
    }
    *sizes = (sl_sizes){.disk = disk, .root = root};
    if (load_sizes(disk->sizes, disk->limit, sizes))
        return true;
    sizes->cursor = 0;
    if (count_all(sizes))
        return true;
    int cause = errno;
    flock(disk->sizes, LOCK_UN);
    pthread_mutex_unlock(&disk->room);
    errno = cause;
    return false;
}

static void unlock_sizes(sl_disk *disk, const sl_sizes *sizes)
{
    int cause = errno;
    /* If the disk does not take it, counts stay too high, or are repaired in
     * turn. */
    (void)save_sizes(disk->sizes, sizes);
    flock(disk->sizes, LOCK_UN);
    pthread_mutex_unlock(&disk->room);
    errno = cause;
}

static void take_from(uint64_t *count, uint64_t bytes)
{
    *count -= bytes < *count ? bytes : *count;
}

void sl_disk_give_back(sl_disk *disk, uint8_t shard, uint64_t bytes)
{
    sl_sizes sizes;
    int cause = errno;
    if (lock_sizes(disk, &sizes)) {
        take_from(&sizes.shard[shard], bytes);
        unlock_sizes(disk, &sizes);
    }
    errno = cause;
}

/* --- Eviction ------------------------------------------------------------ */

/* A use in the future is one of a wrong clock, and as far away. */
static int64_t age_of(const sl_disk_item *item, int64_t now)
{
    return item->mtime <= now ? now - item->mtime : item->mtime - now;
}

static int oldest_first(const void *a, const void *b, void *now)
{
    int64_t x = age_of(a, *(int64_t *)now), y = age_of(b, *(int64_t *)now);
    return x != y ? (x < y ? 1 : -1)
                  : strcmp(((const sl_disk_item *)a)->name,
                           ((const sl_disk_item *)b)->name);
}

/* From the shards whose turn it is; false when all have had it. */
static bool take_sample(sl_sizes *sizes, uint32_t *seen, sl_disk_items *sample)
{
    sample->n = 0;
    while (sample->n < SL_SAMPLE && *seen < SL_DISK_SHARDS) {
        uint8_t shard = (uint8_t)sizes->cursor++;
        ++*seen;
        if (sizes->shard[shard] != 0)
            (void)count_shard(sizes, shard, sample);
    }
    return sample->n != 0;
}

static void evict_one(sl_disk *disk, sl_sizes *sizes, const sl_disk_item *item)
{
    int dir = sl_disk_open_shard(sizes->root, item->shard, false);
    if (dir < 0)
        return;
    if (sl_disk_remove(dir, item->name)) {
        take_from(&sizes->shard[item->shard], item->cost);
        sl_disk_count(disk, evicted, 1);
    }
    close(dir);
}

/* Until `bytes` more fit; false: they do not. */
static bool evict(sl_disk *disk, sl_sizes *sizes, uint64_t bytes)
{
    int64_t now = sl_disk_now();
    uint32_t seen = 0;
    sl_disk_items sample = {0};
    while (total(sizes) + bytes > disk->limit &&
           take_sample(sizes, &seen, &sample)) {
        uint64_t used = total(sizes) + bytes, spare = disk->limit / 64;
        qsort_r(sample.v, sample.n, sizeof *sample.v, oldest_first, &now);
        for (size_t i = 0; i < sample.n; i++) {
            if (used <= disk->limit &&
                (i >= sample.n / 8 || used + spare <= disk->limit))
                break;
            evict_one(disk, sizes, &sample.v[i]);
            used = total(sizes) + bytes;
        }
    }
    sl_vec_deinit(&sample);
    return total(sizes) + bytes <= disk->limit;
}

void sl_disk_recount(sl_disk *disk)
{
    sl_sizes sizes;
    if (!lock_sizes(disk, &sizes))
        return;
    (void)count_all(&sizes);
    unlock_sizes(disk, &sizes);
}

/* --- Writing a file ------------------------------------------------------ */

static int64_t monotonic_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec;
}

bool sl_disk_not_stored(sl_disk *disk)
{
    if (errno == ENOSPC || errno == EDQUOT || errno == EROFS || errno == EIO)
        __atomic_store_n(&disk->retry_at, monotonic_s() + RETRY_S,
                         __ATOMIC_RELAXED);
    sl_disk_count(disk, not_stored, 1);
    return false;
}

bool sl_disk_refuses(sl_disk *disk, uint64_t bytes)
{
    int64_t retry_at = __atomic_load_n(&disk->retry_at, __ATOMIC_RELAXED);
    errno = EFBIG;
    if (bytes > disk->limit || sl_disk_cost(bytes) > disk->limit ||
        !may_write(bytes) || !may_write(SIZES_BYTES))
        return true;
    errno = EBUSY;
    return retry_at != 0 && monotonic_s() < retry_at;
}

static bool create_tmp(int root, sl_disk_tmp *tmp)
{
    tmp->dir = sl_disk_open_dir(root, "tmp", true);
    if (tmp->dir < 0)
        return false;
    make_tmp_name(tmp);
    tmp->fd = openat(tmp->dir, tmp->name,
                     O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (tmp->fd < 0) {
        int cause = errno;
        close(tmp->dir);
        errno = cause;
        return false;
    }
    /* Whatever the umask; locked as long as it is being written. */
    (void)fchmod(tmp->fd, 0600);
    (void)flock(tmp->fd, LOCK_EX | LOCK_NB);
    return true;
}

static bool begin(sl_disk *disk, uint8_t shard, uint64_t bytes,
                  sl_disk_tmp *tmp)
{
    sl_sizes sizes;
    *tmp = (sl_disk_tmp){.shard = shard, .bytes = sl_disk_cost(bytes)};
    if (!lock_sizes(disk, &sizes))
        return false;
    if (disk->puts++ % SL_ROUND == 0)
        (void)count_shard(&sizes, (uint8_t)sizes.cursor++, NULL);
    bool fits = evict(disk, &sizes, tmp->bytes);
    errno = EBUSY;
    if (fits)
        sizes.shard[shard] += tmp->bytes;
    bool begun =
        fits && save_sizes(disk->sizes, &sizes) && create_tmp(sizes.root, tmp);
    if (fits && !begun)
        take_from(&sizes.shard[shard], tmp->bytes);
    unlock_sizes(disk, &sizes);
    return begun;
}

bool sl_disk_begin(sl_disk *disk, uint8_t shard, uint64_t bytes,
                   sl_disk_tmp *tmp)
{
    return begin(disk, shard, bytes, tmp) ||
           (errno == ENOENT && sl_disk_revive(disk) &&
            begin(disk, shard, bytes, tmp));
}

static bool put_in_place(const sl_disk_tmp *tmp, int shard, const char *name,
                         bool replace)
{
    if (!replace)
        return linkat(tmp->dir, tmp->name, shard, name, 0) == 0;
    if (renameat(tmp->dir, tmp->name, shard, name) == 0)
        return true;
    return errno == EISDIR && sl_disk_remove(shard, name) &&
           renameat(tmp->dir, tmp->name, shard, name) == 0;
}

static void close_tmp(sl_disk_tmp *tmp)
{
    close(tmp->fd);
    close(tmp->dir);
}

bool sl_disk_commit(sl_disk *disk, sl_disk_tmp *tmp, const char *name,
                    bool replace)
{
    int root = sl_disk_root(disk, false, NULL);
    int shard = sl_disk_open_shard(root, tmp->shard, true);
    bool stored = (!(disk->flags & SL_DISK_SYNC) || fsync(tmp->fd) == 0) &&
                  shard >= 0 && put_in_place(tmp, shard, name, replace);
    if (stored && (disk->flags & SL_DISK_SYNC))
        (void)fsync(shard);
    int cause = errno;
    if (shard >= 0)
        close(shard);
    if (stored) {
        if (!replace)
            unlinkat(tmp->dir, tmp->name, 0);
        close_tmp(tmp);
    } else {
        sl_disk_abandon(disk, tmp);
    }
    errno = cause;
    return stored;
}

void sl_disk_abandon(sl_disk *disk, sl_disk_tmp *tmp)
{
    int cause = errno;
    unlinkat(tmp->dir, tmp->name, 0);
    close_tmp(tmp);
    sl_disk_give_back(disk, tmp->shard, tmp->bytes);
    errno = cause;
}
