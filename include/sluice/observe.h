/** @file observe.h
 * Watching a store: what each segment has cost. All on the store's thread.
 */
#ifndef SLUICE_OBSERVE_H
#define SLUICE_OBSERVE_H

#include "sluice/instance.h"

#ifdef __cplusplus
extern "C" {
#endif

/** Counters of one segment. Added up over all that sluice_store_segments()
 * visits they are those of the store. */
typedef struct sluice_segment_stats {
    const char *segment; /**< "segment 2", "import `x`", "host segment"; NULL:
                              all that are gone, together */
    const char *kind;    /**< "buffer", "file", "source", "external", "url",
                              "callback"; NULL likewise */
    sluice_name place;   /**< what an external one refers to, or a URL; empty:
                              neither */
    uint64_t size;
    uint64_t reads;         /**< begun by guests, or by the host */
    uint64_t waits;         /**< requests for bytes that were not here */
    uint64_t bytes_read;    /**< brought in from the backing */
    uint64_t bytes_fetched; /**< ... of which an origin brought so many, as
                                 they are there (compressed, say) */
    uint64_t memory_hits;   /**< reads and chunks that were in the memory of
                                 verified chunks */
    uint64_t disk_hits;     /**< chunks that the cache on disk had */
    uint64_t bytes_to_guest, bytes_mapped, bytes_forwarded; /**< delivered */
    uint64_t bytes_prefetched; /**< asked for before they were wanted */
    uint64_t data_faults;
} sluice_segment_stats;

/** Visit the store's segments in order of binding, then, with `segment` NULL,
 * the counters of those that are gone. Segments that share their chunks (one
 * definition of a component that is instantiated twice) are visited as one.
 * `fn(arg, stats)`: what it is given is borrowed for the call, in which it must
 * not call into the store. On the store's thread. */
SLUICE_API void sluice_store_segments(
    sluice_store *store,
    void (*fn)(void *arg, const sluice_segment_stats *stats), void *arg);

#ifdef __cplusplus
}
#endif
#endif
