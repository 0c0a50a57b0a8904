/** @file cache.h
 * The cache on disk: chunks of content that were fetched and verified once, by
 * the SHA-256 of their content, shared by the processes of one user. What is in
 * it is checked again whenever it is used; these functions are for looking
 * after it. docs/data-segments.md, section 7, says what it promises.
 *
 * All of them may be called on any thread, several at once, while other
 * processes use the same directory. Those that look into it block on the disk.
 */
#ifndef SLUICE_CACHE_H
#define SLUICE_CACHE_H

#include <stdint.h>

#include "sluice/error.h"
#include "sluice/export.h"

#ifdef __cplusplus
extern "C" {
#endif

/** A directory with cached chunks. */
typedef struct sluice_cache sluice_cache;

/** One chunk. */
typedef struct sluice_cache_entry {
    char digest[65];   /**< SHA-256 of the content, 64 lower-case hex digits */
    uint64_t size;     /**< bytes of content */
    int64_t last_used; /**< seconds since 1970, to about a minute */
} sluice_cache_entry;

/** What there is, or was. */
typedef struct sluice_cache_report {
    uint64_t chunks; /**< entries that are good, as far as was looked */
    uint64_t bytes;  /**< their content; on disk it is a little more */
    uint64_t urls;   /**< URLs of whose chunks the digests are remembered */
    uint64_t bad;    /**< sluice_cache_verify(): found damaged and deleted */
} sluice_cache_report;

/** Is told of an entry, which is valid during the call. It must not call back
 * into the cache's functions that change it. */
typedef void sluice_cache_visit(void *arg, const sluice_cache_entry *entry);

/**
 * Name a cache. Nothing is read, and no directory is made: one that is not
 * there yet is an empty cache.
 * @param dir    the directory, copied; NULL: $XDG_CACHE_HOME/sluice, or
 *               ~/.cache/sluice. It must be the user's own and closed to others
 *               (mode 0700), and no symbolic link; that is checked at use.
 * @param limit  bytes that it may take on disk; 0: 4 GiB
 * @param error  may be NULL; filled when the result is NULL
 * @return yours, for sluice_cache_free(); NULL: SLUICE_ENOMEM, or SLUICE_ERANGE
 *         for a path that is too long
 */
SLUICE_API sluice_cache *sluice_cache_open(const char *dir, uint64_t limit,
                                           sluice_error *error);

/** Let go of it; the directory stays as it is. NULL is fine. */
SLUICE_API void sluice_cache_free(sluice_cache *cache);

/** The directory, "" when there is none (neither variable is set). Borrowed. */
SLUICE_API const char *sluice_cache_dir(const sluice_cache *cache);

/**
 * Tell of every entry, in order of their digests, without reading content.
 * @param visit   may be NULL
 * @param report  may be NULL; filled also on failure, with what was seen
 * @param error   may be NULL; filled only when the result is not SLUICE_OK
 * @return SLUICE_OK; SLUICE_EIO: the directory cannot be used, or part of it
 *         cannot be read
 */
SLUICE_API sluice_status sluice_cache_list(sluice_cache *cache,
                                           sluice_cache_visit *visit, void *arg,
                                           sluice_cache_report *report,
                                           sluice_error *error);

/**
 * Hash every entry, and delete what is not what its name says, what is not a
 * file of this user's alone, and what killed processes have left over. Takes
 * about 0.7 ms per MB.
 * @param visit   told of every chunk that was deleted; may be NULL
 * @param report  may be NULL; `chunks`, `bytes` and `urls` are what is good
 * @param error   may be NULL; filled only when the result is not SLUICE_OK
 * @return as sluice_cache_list(); that something was bad is no failure
 */
SLUICE_API sluice_status sluice_cache_verify(sluice_cache *cache,
                                             sluice_cache_visit *visit,
                                             void *arg,
                                             sluice_cache_report *report,
                                             sluice_error *error);

/**
 * Delete all entries. Files that are not the cache's stay, and so does what is
 * being written at the moment.
 * @param report  may be NULL; what was deleted
 * @param error   may be NULL; filled only when the result is not SLUICE_OK
 * @return as sluice_cache_list()
 */
SLUICE_API sluice_status sluice_cache_clear(sluice_cache *cache,
                                            sluice_cache_report *report,
                                            sluice_error *error);

#ifdef __cplusplus
}
#endif
#endif
