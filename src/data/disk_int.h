/* What the files of the disk cache share. Its directory:
 *
 *   v1/ab/abcd...64      a chunk: content, then a trailer (disk_entry.c)
 *   v1/ab/abcd...32.url  digests of a URL's chunks (disk_url.c)
 *   v1/tmp/...           being written, locked by their writers
 *   v1/sizes             bytes per shard, the lock for making room
 *
 * Everything is opened relative to its directory, without following links, and
 * must be this user's and closed to others (0700, 0600). A name that is not of
 * one of these forms is never touched. */
#ifndef SL_DATA_DISK_INT_H
#define SL_DATA_DISK_INT_H

#include <pthread.h>
#include <sys/stat.h>

#include "base/vec.h"
#include "data/disk.h"

#define SL_DISK_SHARDS   256
#define SL_DISK_TRAILER  64
#define SL_DISK_NAME_MAX 65 /* 64 digits */
/* A use is written down (as mtime) when the last one is older than this. */
#define SL_DISK_TOUCH_S 60

struct sl_disk_seen; /* entries this process has verified */

struct sl_disk {
    int refs;
    unsigned flags;
    uint64_t limit;
    char *dir;            /* NULL: none */
    pthread_mutex_t lock; /* of the next four */
    bool unusable, said;
    sl_err trouble; /* why it is unusable */
    struct sl_disk_seen *seen;
    int root;             /* v1/, or -1; set once, then replaced in place */
    pthread_mutex_t room; /* of the rest, but for the counters */
    int sizes;            /* v1/sizes, or -1 */
    uint32_t puts;
    int64_t retry_at; /* the disk was full: monotonic seconds */
    sl_disk_stats stats;
};

#define sl_disk_count(disk, counter, n)                                        \
    __atomic_add_fetch(&(disk)->stats.counter, (n), __ATOMIC_RELAXED)

/* disk.c: the directory v1/, -1 when there is none (said once in `err`) or,
 * without `create`, none yet. */
int sl_disk_root(sl_disk *disk, bool create, sl_err *err);
/* Why the cache cannot be used, each time; SL_OK when it can. */
sl_status sl_disk_trouble(sl_disk *disk, sl_err *err);
/* Somebody has removed the directory: makes it again. False: not so. */
bool sl_disk_revive(sl_disk *disk);
/* A directory in `parent` that is ours alone; -1 and errno. With `create` it is
 * made, in place of what is no directory. */
int sl_disk_open_dir(int parent, const char *name, bool create);
int sl_disk_open_shard(int root, uint8_t shard, bool create);
/* Whether a file is regular, ours and closed to others. */
bool sl_disk_is_ours(const struct stat *st);
/* Removes whatever has that name; whether something is gone. */
bool sl_disk_remove(int dir, const char *name);
/* Removes an entry that is not what it should be. */
bool sl_disk_poisoned(sl_disk *disk, int dir, uint8_t shard, const char *name);
void sl_disk_hex(char *to, const uint8_t *bytes, size_t len);
uint8_t sl_disk_digit(char c); /* of a lower-case hex number */
/* Writes a use of the file down, now and then. */
void sl_disk_touch(int fd);
bool sl_disk_write(int fd, const void *data, size_t len, int64_t at);
bool sl_disk_read(int fd, void *to, size_t len, uint64_t at);
int64_t sl_disk_now(void); /* seconds since 1970 */
uint64_t sl_disk_le64(const uint8_t *at);
void sl_disk_set_le64(uint8_t *at, uint64_t value);

/* disk_room.c: a file being written. */
typedef struct sl_disk_tmp {
    int fd, dir; /* the file, locked; v1/tmp */
    uint8_t shard;
    uint64_t bytes; /* of the room made for it */
    char name[24];
} sl_disk_tmp;

/* The disk space that a file of so many bytes is taken to need, that a file
 * takes. */
uint64_t sl_disk_cost(uint64_t bytes);
uint64_t sl_disk_cost_of(const struct stat *st);
/* Makes room for `bytes` and creates the file. False: not stored, errno. */
bool sl_disk_begin(sl_disk *disk, uint8_t shard, uint64_t bytes,
                   sl_disk_tmp *tmp);
/* Gives the file its name, in place of what had it (`replace`) or only if there
 * was none. False: errno. Either way the end of it. */
bool sl_disk_commit(sl_disk *disk, sl_disk_tmp *tmp, const char *name,
                    bool replace);
void sl_disk_abandon(sl_disk *disk, sl_disk_tmp *tmp);
/* A put has failed with errno: counts it, and leaves a full disk alone for some
 * seconds. Returns false. */
bool sl_disk_not_stored(sl_disk *disk);
/* Whether the disk is being left alone, or takes no file of so many bytes. */
bool sl_disk_refuses(sl_disk *disk, uint64_t bytes);
/* Entries of `shard` are gone. */
void sl_disk_give_back(sl_disk *disk, uint8_t shard, uint64_t bytes);
/* Counts everything anew and sweeps leftovers; nothing when there is no
 * directory. */
void sl_disk_recount(sl_disk *disk);

/* A file with a name of the cache's. */
typedef struct sl_disk_item {
    char name[SL_DISK_NAME_MAX];
    uint8_t shard;
    bool is_url;
    uint64_t size, cost;
    int64_t mtime;
} sl_disk_item;
typedef SL_VEC(sl_disk_item) sl_disk_items;
/* Adds what is in a shard (`items` may be NULL), removes what has a name of
 * ours but is no file. Returns the cost of all; *failed is set when some could
 * not be looked at, or were left out because memory was short. */
uint64_t sl_disk_scan(int root, uint8_t shard, sl_disk_items *items,
                      bool *failed);

typedef enum sl_disk_verdict {
    SL_DISK_GOOD,
    SL_DISK_OTHER, /* not what is asked for, or it could not be looked at */
    SL_DISK_BAD,   /* to be deleted */
} sl_disk_verdict;

/* disk_entry.c: whether the open file is what its name says. */
sl_disk_verdict sl_disk_check_entry(int fd,
                                    const uint8_t digest[SL_DISK_DIGEST]);
/* disk_url.c: the same for a table; a slot that does not fit is no damage. */
sl_disk_verdict sl_disk_check_url(int fd);

#endif
