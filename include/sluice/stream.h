/** @file stream.h
 * Streams, futures and segments at the edge between host and guests. All of it
 * on the store's thread; completions come on its loop.
 */
#ifndef SLUICE_STREAM_H
#define SLUICE_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sluice/error.h"
#include "sluice/export.h"
#include "sluice/type.h"
#include "sluice/value.h"

#ifdef __cplusplus
extern "C" {
#endif

struct sluice_store;

/** The readable end of a stream, in the host's hands: from a value, from
 * sluice_stream_new() or sluice_segment_read(). Give it to a guest by putting
 * it into a value, or read it and release it with sluice_stream_drop(). */
typedef struct sluice_stream sluice_stream;
/** The writable end of a stream that the host made. */
typedef struct sluice_writer sluice_writer;
/** The readable end of a future. */
typedef struct sluice_future sluice_future;
/** The writable end of a future that the host made. */
typedef struct sluice_promise sluice_promise;

/* --- Reading ------------------------------------------------------------- */

/** `n` elements arrived; `end`: the writer is gone, nothing more will come.
 * `error` is NULL, or says why the transfer broke (a data fault). */
typedef void (*sluice_read_fn)(void *arg, size_t n, bool end,
                               const sluice_error *error);

/**
 * Read up to `len` elements of a stream of numbers into `to`, a C array that
 * must stay valid until `done`. One read at a time.
 * @return SLUICE_OK, or SLUICE_EUSAGE: a read is under way, the stream has
 *         ended, or its elements are no numbers
 */
SLUICE_API sluice_status sluice_stream_read(sluice_stream *stream, void *to,
                                            size_t len, sluice_read_fn done,
                                            void *arg);
/** The same for elements of any type: fills vals[0..n), which are then yours. */
SLUICE_API sluice_status sluice_stream_read_vals(sluice_stream *stream,
                                                 sluice_val *vals, size_t len,
                                                 sluice_read_fn done,
                                                 void *arg);
/** Write everything that comes out of a stream<u8> to a descriptor, which is
 * borrowed until `done`. Bytes of a segment go from its file to the descriptor
 * without passing through this process where the system can do that. `n` is
 * the number of bytes written in all. Takes the stream. */
typedef void (*sluice_copied_fn)(void *arg, uint64_t n,
                                 const sluice_error *error);
SLUICE_API sluice_status sluice_stream_to_fd(sluice_stream *stream, int fd,
                                             sluice_copied_fn done, void *arg);
/** Make a stream<u8> of what a descriptor gives (a pipe, a socket, a terminal,
 * a file from its current place): read when the reader asks, never ahead. The
 * descriptor is borrowed until `done`, which comes at its end, when reading
 * fails, or when the reader is gone; `n` is the number of bytes read. On
 * success *stream is yours. */
SLUICE_API sluice_status sluice_stream_from_fd(struct sluice_store *store,
                                               int fd, sluice_stream **stream,
                                               sluice_copied_fn done, void *arg,
                                               sluice_error *error);
/** Releases the end; a read under way is forgotten (no callback). */
SLUICE_API void sluice_stream_drop(sluice_stream *stream);

/* --- Writing ------------------------------------------------------------- */

/** Make a stream. @param elem the element type (from reflection), or NULL for
 * u8. On success *writer and *stream are yours. */
SLUICE_API sluice_status sluice_stream_new(struct sluice_store *store,
                                           const sluice_type *elem,
                                           sluice_writer **writer,
                                           sluice_stream **stream,
                                           sluice_error *error);
/** `n` elements were taken; `end`: the reader is gone. */
typedef void (*sluice_write_fn)(void *arg, size_t n, bool end);
/** Write `len` elements from a C array of numbers, valid until `done`. One
 * write at a time; `done` comes when at least one was taken. */
SLUICE_API sluice_status sluice_writer_write(sluice_writer *writer,
                                             const void *from, size_t len,
                                             sluice_write_fn done, void *arg);
/** The same for elements of any type; the values are taken. */
SLUICE_API sluice_status sluice_writer_write_vals(sluice_writer *writer,
                                                  sluice_val *vals, size_t len,
                                                  sluice_write_fn done,
                                                  void *arg);
/** Ends the stream; a write under way is forgotten. */
SLUICE_API void sluice_writer_close(sluice_writer *writer);

/* --- Futures ------------------------------------------------------------- */

SLUICE_API sluice_status sluice_future_new(struct sluice_store *store,
                                           const sluice_type *elem,
                                           sluice_promise **promise,
                                           sluice_future **future,
                                           sluice_error *error);
/** Resolves the future; takes the promise and *val (may be NULL: no payload). */
SLUICE_API void sluice_promise_set(sluice_promise *promise, sluice_val *val);
/** Called once; `val` (NULL: no payload) is borrowed for the call. */
typedef void (*sluice_future_fn)(void *arg, sluice_val *val);
/** Waits for the value. */
SLUICE_API sluice_status sluice_future_read(sluice_future *future,
                                            sluice_future_fn done, void *arg);
SLUICE_API void sluice_future_drop(sluice_future *future);

/* --- Segments ------------------------------------------------------------ */

/** Immutable bytes of known size that arrive when they are read. Counted
 * references: free every one you were given. Usable in every store of one
 * thread, except a segment that an instance exports: in its store only. */
typedef struct sluice_segment sluice_segment;

/** A segment over memory that outlives it, or over a copy. */
SLUICE_API sluice_segment *sluice_segment_from_buffer(const void *bytes,
                                                      size_t len, bool copy,
                                                      sluice_error *error);
/** A segment over a regular file, which must not change. */
SLUICE_API sluice_segment *sluice_segment_from_file(const char *path,
                                                    sluice_error *error);

/** A read that a callback segment was asked for. Answer it once, inside or
 * later on the store's thread, with sluice_fetch_done(). */
typedef struct sluice_fetch sluice_fetch;

/** A segment's bytes from the embedder. */
typedef struct sluice_backing {
    uint64_t size; /**< bytes */
    /** Bring bytes [at, at + len) to `to`, which stays valid until the answer.
     */
    void (*read_at)(void *arg, sluice_fetch *fetch, uint64_t at, void *to,
                    size_t len);
    /** Optional: nobody waits for this fetch any more; answer it anyway. */
    void (*cancel)(void *arg, sluice_fetch *fetch);
    /** Optional: the last reference is gone, every fetch was answered. */
    void (*close)(void *arg);
    void *arg;
} sluice_backing;
/** @param why  NULL: the bytes are there; else they cannot be had, and the
 *              reader gets a data fault with these words */
SLUICE_API void sluice_fetch_done(sluice_fetch *fetch, const char *why);
/** A segment over callbacks; a copy of *backing is kept; `close` is called
 * also on failure. */
SLUICE_API sluice_segment *
sluice_segment_from_callbacks(const sluice_backing *backing,
                              sluice_error *error);

SLUICE_API uint64_t sluice_segment_size(const sluice_segment *segment);
/**
 * Open a byte stream over `len` bytes of a segment, from byte `start`. Returns
 * at once; nothing is fetched before the first read.
 * @return NULL: SLUICE_ERANGE (start + len beyond the segment), SLUICE_EUSAGE
 *         (of another store) or SLUICE_ENOMEM. Yours: sluice_stream_drop(), or give it to a guest.
 */
SLUICE_API sluice_stream *sluice_segment_read(struct sluice_store *store,
                                              sluice_segment *segment,
                                              uint64_t start, uint64_t len,
                                              sluice_error *error);
SLUICE_API void sluice_segment_free(sluice_segment *segment);

#ifdef __cplusplus
}
#endif
#endif
