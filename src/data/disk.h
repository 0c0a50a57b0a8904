/* The cache on disk: verified chunks of content, by their SHA-256, shared by
 * the processes of one user. docs/data-segments.md, section 7.
 *
 * Whatever is in the directory is a claim to be checked. A byte leaves the
 * cache only after it has been hashed; the key of what is stored is the digest
 * computed here, never one that somebody named; what does not fit its name is
 * deleted and was never there. So a crash, a full disk, bit rot or a hostile
 * writer can make a miss, but no wrong byte.
 *
 * A cache that cannot be used (no home, a directory of somebody else's) is one
 * that has nothing: get and find miss, put and note do nothing, and the first
 * call that notices says why in `err` (SL_EIO), once. Otherwise `err` stays as
 * it is on a miss. The same for a NULL cache.
 *
 * All functions but open, ref, dir and stats block on the disk: call them on a
 * pool thread. Any thread, any number of threads and processes at once. */
#ifndef SL_DATA_DISK_H
#define SL_DATA_DISK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define SL_DISK_DIGEST    32
#define SL_DISK_LIMIT     ((uint64_t)4 << 30) /* bytes, by default */
#define SL_DISK_URL_SLOTS ((uint64_t)1 << 24) /* chunks of one URL, at most */

typedef struct sl_disk sl_disk;

enum {
    /* Entries survive a power cut (fsync before rename). Without it they may
     * be found damaged, and are then deleted. */
    SL_DISK_SYNC = 1,
};

/* Names a cache; no I/O before the first use, and no directory is made before
 * the first put. `dir` NULL: $XDG_CACHE_HOME/sluice or ~/.cache/sluice.
 * `limit` 0: SL_DISK_LIMIT. NULL only when memory is short. */
sl_disk *sl_disk_open(const char *dir, uint64_t limit, unsigned flags,
                      sl_err *err);
sl_disk *sl_disk_ref(sl_disk *disk);
void sl_disk_unref(sl_disk *disk); /* NULL is fine */
/* The directory; "" when there is none. Borrowed. */
const char *sl_disk_dir(const sl_disk *disk);

/* SHA-256; false when memory is short. No I/O. */
bool sl_disk_digest(const void *data, size_t len,
                    uint8_t digest[SL_DISK_DIGEST]);

/* --- Chunks -------------------------------------------------------------- */

/* Copies the content of `digest`, exactly `len` bytes, to `to`: private memory
 * of the caller, where it is hashed. False: a miss, `to` holds nothing. */
bool sl_disk_get(sl_disk *disk, const uint8_t digest[SL_DISK_DIGEST], void *to,
                 size_t len, sl_err *err);
/* Stores content, making room by what was not used for longest. `digest` is
 * what the caller takes it for (NULL: nothing): it is hashed here all the
 * same, and other content is refused with SL_EUSAGE. True: it is there now. A
 * disk that is full, read-only or broken is no error: false, and counted. */
bool sl_disk_put(sl_disk *disk, const uint8_t digest[SL_DISK_DIGEST],
                 const void *data, size_t len, sl_err *err);
/* For mapping: a descriptor (yours to close) whose first `len` bytes are the
 * content of `digest`, checked just now. Nobody writes to an entry again; but a
 * process of the same user could, and then a mapping shows it or faults: who
 * maps must tell these apart from his own (a guard around SIGBUS), who cannot
 * uses sl_disk_get. The entry may be evicted; the descriptor keeps it.
 * False: a miss. */
bool sl_disk_open_entry(sl_disk *disk, const uint8_t digest[SL_DISK_DIGEST],
                        size_t len, int *fd, sl_err *err);

/* --- Content without declared digests ------------------------------------ */

/* What a server called some content: where, which edition, how long; and how it
 * is cut into chunks. */
typedef struct sl_disk_url {
    const char *url;      /* as requested: scheme, host, path, query */
    const char *etag;     /* strong; if weak or empty, nothing is remembered */
    uint64_t size;        /* of the content */
    uint32_t chunk_shift; /* chunks of 2^chunk_shift bytes, 12 to 30 */
} sl_disk_url;

/* What tells it from other content. False: nothing does, it has no strong ETag
 * (or memory is short). No I/O. */
bool sl_disk_url_key(const sl_disk_url *of, uint8_t key[SL_DISK_DIGEST]);
/* The digest that chunk number `chunk` had when it was noted. It names content;
 * sl_disk_get() brings it, checked. False: not known. */
bool sl_disk_find(sl_disk *disk, const sl_disk_url *of, uint64_t chunk,
                  uint8_t digest[SL_DISK_DIGEST], sl_err *err);
/* Remembers it. True: it is there now. */
bool sl_disk_note(sl_disk *disk, const sl_disk_url *of, uint64_t chunk,
                  const uint8_t digest[SL_DISK_DIGEST], sl_err *err);

/* --- Looking after it ---------------------------------------------------- */

typedef struct sl_disk_entry {
    uint8_t digest[SL_DISK_DIGEST];
    uint64_t len;      /* of the content */
    int64_t last_used; /* seconds since 1970, to about a minute */
} sl_disk_entry;

typedef struct sl_disk_report {
    uint64_t chunks, bytes; /* good ones: how many, their content */
    uint64_t urls;          /* URLs whose digests are remembered */
    uint64_t bad;           /* found damaged, and deleted */
} sl_disk_report;

/* Entries in order of their digests, as they are named, unchecked. Either of
 * `each` and `report` may be NULL. These three return SL_OK (also for a
 * directory that is not there yet), SL_EIO or SL_ENOMEM. */
sl_status sl_disk_list(sl_disk *disk,
                       void (*each)(void *arg, const sl_disk_entry *entry),
                       void *arg, sl_disk_report *report, sl_err *err);
/* Hashes everything and deletes what is bad; `each` hears of those. */
sl_status sl_disk_verify(sl_disk *disk,
                         void (*each)(void *arg, const sl_disk_entry *entry),
                         void *arg, sl_disk_report *report, sl_err *err);
/* Deletes everything that is the cache's; the report says what that was. */
sl_status sl_disk_clear(sl_disk *disk, sl_disk_report *report, sl_err *err);

typedef struct sl_disk_stats {
    uint64_t hits, misses;
    uint64_t stored;     /* entries written */
    uint64_t present;    /* puts of what was there */
    uint64_t not_stored; /* puts that the disk did not take */
    uint64_t poisoned;   /* entries deleted because they were bad */
    uint64_t evicted;    /* entries deleted to make room */
    uint64_t swept;      /* leftovers of killed writers deleted */
    uint64_t rechecked;  /* checked by XXH3 only: see disk_entry.c */
    uint64_t bytes_read, bytes_stored;
} sl_disk_stats;
/* A copy of the counters of this handle. */
sl_disk_stats sl_disk_stats_of(const sl_disk *disk);

#endif
