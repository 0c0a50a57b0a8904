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

/** A fact about an event. */
typedef struct sluice_trace_arg {
    const char *key;
    const char *text; /**< NULL: it is a number */
    uint64_t number;
} sluice_trace_arg;

/** Something that has happened in a store. Borrowed for the call.
 *
 * | what       | name                  | what it is |
 * | "stream"   | the segment's         | a stream over a segment, open to dropped |
 * | "stream"   | "read", "forward"     | what was read of it |
 * | "chunk"    | the segment's         | a chunk, from its request on |
 * | "chunk"    | "fetch"               | ... while its origin is asked |
 * | "pool"     | "look up", "verify",  | work on a chunk, on a thread of the pool |
 * |            | "store on disk"       | |
 * | "http"     | the URL without query | one attempt of a request |
 * | "task"     | the core function's   | a task, created to ended |
 * | "task"     | "waits for a set" ... | a thread of it, blocked to resumed |
 * | "subtask"  | the callee's          | a call, begun to dropped |
 * | "fault", "prefetch" | the segment's | an instant |
 *
 * Calls between components that need no task are not reported. */
typedef struct sluice_trace_event {
    const char *what, *name;
    uint64_t id; /**< events of the same `what` and id are of one thing, and
                      nest; 0: none */
    uint64_t begin_ns, end_ns; /**< monotonic; end_ns 0: an instant */
    uint32_t thread; /**< of the pool, as the kernel numbers it; 0: the store's
                          thread */
    const sluice_trace_arg *args;
    size_t n_args;
} sluice_trace_event;

/** Hear of what happens in the store, each thing when it is over; what is
 * abandoned when the store goes is told inside of sluice_store_free(). Of what
 * began before this call nothing may be told. `fn(arg, event)` runs on the
 * store's thread, possibly inside of a guest's call: it must not call into the
 * store. NULL, as at first: nobody hears, and nothing is recorded.
 * @return SLUICE_OK, SLUICE_ENOMEM. On the store's thread. */
SLUICE_API sluice_status sluice_store_set_tracer(
    sluice_store *store, void (*fn)(void *arg, const sluice_trace_event *event),
    void *arg);

/** Hear of what guests' streams and sluice_stream_to_fd() write to descriptors,
 * terminals for instance: `fn(arg, fd, NULL, 0)` before a write is tried,
 * `fn(arg, fd, bytes, len)` after one, with what was written, borrowed for the
 * call. What the kernel moves into files and pipes by itself is not told. `fn`
 * runs on the store's thread and must not call into the store. NULL, as at
 * first: nobody hears. */
SLUICE_API void sluice_store_on_output(sluice_store *store,
                                       void (*fn)(void *arg, int fd,
                                                  const uint8_t *bytes,
                                                  size_t len),
                                       void *arg);

#ifdef __cplusplus
}
#endif
#endif
