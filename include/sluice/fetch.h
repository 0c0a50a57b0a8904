/** @file fetch.h
 * Bytes over HTTP: components and segments at URLs, the cache on disk, and what
 * a data fault may be answered with. docs/data-segments.md, sections 5 and 6.
 */
#ifndef SLUICE_FETCH_H
#define SLUICE_FETCH_H

#include "sluice/component.h"
#include "sluice/instance.h"
#include "sluice/stream.h"

#ifdef __cplusplus
extern "C" {
#endif

/** How an engine's stores fetch. Start from sluice_http_config_default() and
 * change fields; strings are copied by sluice_engine_set_http(). */
typedef struct sluice_http_config {
    bool allow_private; /**< also loopback, private and link-local addresses */
    uint32_t connect_ms;    /**< name lookup, TCP and TLS together */
    uint32_t first_byte_ms; /**< from a request to its answer's first byte */
    uint32_t min_rate;      /**< bytes per second, ... */
    uint32_t rate_window_ms;     /**< ... over each window of this length */
    uint32_t retries;            /**< of a request that gets nowhere */
    uint32_t retry_delay_ms;     /**< before the first; doubles */
    uint32_t redirects;          /**< followed for one request */
    uint32_t per_origin;         /**< connections to one origin */
    uint32_t connections;        /**< connections of a store in all */
    uint64_t bytes_in_flight;    /**< asked for and not here yet, in all */
    const char *ca_file;         /**< PEM; NULL: the system's authorities */
    const char *authorization;   /**< an Authorization header's value or NULL */
    const char *authorization_origin; /**< the only origin that sees it:
                                           "https://example.com" */
} sluice_http_config;

/** 10 s to connect, 30 s to the first byte, 1 KiB/s over 30 s, 3 retries, 5
 * redirects, 6 connections to an origin and 64 in all, 64 MiB in flight, public
 * addresses only, no authorization. @return by value; any thread. */
SLUICE_API sluice_http_config sluice_http_config_default(void);

/** Set how stores, components and segments made afterwards fetch. Before other
 * threads use the engine.
 * @return SLUICE_OK, SLUICE_ENOMEM (nothing has changed) */
SLUICE_API sluice_status sluice_engine_set_http(
    sluice_engine *engine, const sluice_http_config *config,
    sluice_error *error);

/** Keep what is fetched on disk, for later runs and other processes; without
 * this call nothing is. Only verified content is kept, and it is verified again
 * whenever it is read. No I/O happens here; a directory that cannot be used is a
 * cache that has nothing. Before the first store is made.
 * @param dir    NULL: $XDG_CACHE_HOME/sluice, else ~/.cache/sluice
 * @param limit  bytes; 0: 4 GiB
 * @return SLUICE_OK, SLUICE_ENOMEM. Before other threads use the engine. */
SLUICE_API sluice_status sluice_engine_set_cache(sluice_engine *engine,
                                                 const char *dir,
                                                 uint64_t limit,
                                                 sluice_error *error);

/** Why the cache on disk cannot be used, as far as it has been tried.
 * @return NULL: nothing is known against it. Borrowed from the engine; cannot
 *         fail. Any thread. */
SLUICE_API const char *sluice_engine_cache_problem(
    const sluice_engine *engine);

/** Decode and validate a component at an `http(s)://` URL: of its `core:data`
 * sections only what lies in front of the payloads is fetched; payloads are when
 * they are read. Blocks the calling thread while it decodes. External segments
 * resolve against the URL's directory.
 * @return NULL on failure: SLUICE_EIO (fetching), SLUICE_EINVALID (also: no URL
 *         that is fetched) and what sluice_component_open() returns. Yours:
 *         sluice_component_free(). Any thread. */
SLUICE_API sluice_component *sluice_component_open_url(sluice_engine *engine,
                                                       const char *url,
                                                       sluice_error *error);

/** A segment whose bytes are the resource at a URL. Blocks for one request,
 * which says the size and the version; reads of another version are data
 * faults. As for any segment, a store fetches what is read.
 * @return NULL on failure: SLUICE_EIO, SLUICE_EINVALID, SLUICE_ENOMEM. Yours:
 *         sluice_segment_free(). Any thread. */
SLUICE_API sluice_segment *sluice_segment_from_url(sluice_engine *engine,
                                                   const char *url,
                                                   sluice_error *error);

/** Let large reads of segments in local files, and of what the cache on disk has,
 * become mappings of their pages (private, copy-on-write) where guests' buffers
 * and the file's offsets allow it, instead of copies. Entries of the cache are
 * verified when they are opened to be mapped. Say so only of files that nobody
 * changes: a change may be seen. Pages that are not in memory are read when the
 * guest touches them, and until then its thread waits. A file that becomes
 * shorter is a data fault, not SIGBUS: the first store that is told installs a
 * handler for that signal, which passes on what is not its own. From now on; on
 * the loop's thread.
 * @return SLUICE_OK, SLUICE_EIO (no handler could be installed) */
SLUICE_API sluice_status sluice_store_map_files(sluice_store *store, bool on,
                                                sluice_error *error);

/** A byte that could not be brought. Borrowed for the call. */
typedef struct sluice_fault {
    const char *segment; /**< "segment 2", as messages say */
    uint64_t start, len; /**< the range that was wanted */
    const char *cause;   /**< the message that the trap would have */
    unsigned attempt;    /**< how often this read has failed; from 1 */
    bool host; /**< the host reads: its transfer ends early, nothing traps */
} sluice_fault;

typedef enum sluice_fault_answer {
    SLUICE_FAULT_TRAP,  /**< as without a handler */
    SLUICE_FAULT_RETRY, /**< ask the backing again, on the loop's next turn */
} sluice_fault_answer;

/** Hear of data faults before they trap, or end the stream of a host that reads.
 * The handler runs on the loop's thread, possibly inside of a guest's call: it
 * must not call into the store. `fn` gets `arg`; NULL: faults trap. */
SLUICE_API void sluice_store_on_fault(
    sluice_store *store,
    sluice_fault_answer (*fn)(void *arg, const sluice_fault *fault), void *arg);

/** Bytes of a segment that have been delivered to a reader. Borrowed for the
 * call. */
typedef struct sluice_load {
    const char *segment; /**< "segment 2", as messages say */
    uint32_t ordinal; /**< of its definition among all of the component's file,
                           in order of their places; UINT32_MAX: not defined
                           in it */
    sluice_name import; /**< of the component's own, by which it came in;
                             .data is NULL when it is not imported */
    uint64_t start, len; /**< bytes */
} sluice_load;

/** Hear of all that is read of segments in this store, in order: what a load
 * plan is made of. The callback runs on the loop's thread, possibly inside of a
 * guest's call: it must not call into the store. NULL: nobody hears. */
SLUICE_API void sluice_store_on_load(sluice_store *store,
                                     void (*fn)(void *arg,
                                                const sluice_load *load),
                                     void *arg);

#ifdef __cplusplus
}
#endif
#endif
