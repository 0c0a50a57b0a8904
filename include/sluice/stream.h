/** @file stream.h
 * Streams, futures and segments at the edge between host and guests. All of it
 * on the store's thread; completions come on its loop.
 *
 * Readers, writers and promises are the host's until it frees, closes or sets
 * them, also when their store goes before that: what is under way then ends
 * inside sluice_store_free() (SLUICE_ECANCELLED; `end` for a writer), and
 * nothing can be started any more (SLUICE_ECANCELLED). Streams and futures that
 * nobody reads are dropped before the store goes.
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
 * it into a value, hand it to sluice_reader_new() or sluice_stream_to_fd(), or
 * release it with sluice_stream_drop(). */
typedef struct sluice_stream sluice_stream;
/** The host reading a stream. */
typedef struct sluice_reader sluice_reader;
/** The writable end of a stream that the host made. */
typedef struct sluice_writer sluice_writer;
/** The readable end of a future. */
typedef struct sluice_future sluice_future;
/** The writable end of a future that the host made. */
typedef struct sluice_promise sluice_promise;

/* --- Reading ------------------------------------------------------------- */

/** Start reading a stream. Takes it, also on failure.
 * @return NULL: SLUICE_ENOMEM. Yours: sluice_reader_free(). */
SLUICE_API sluice_reader *sluice_reader_new(sluice_stream *stream,
                                            sluice_error *error);
/** `n` elements arrived; `end`: the writer is gone, nothing more will come.
 * `error` is NULL, or says why the transfer broke (a data fault) or was
 * cancelled. */
typedef void (*sluice_read_fn)(void *arg, size_t n, bool end,
                               const sluice_error *error);
/**
 * Read up to `len` elements of a stream of numbers into `to`, a C array that
 * must stay valid until `done`. One read at a time; `done` comes on the loop
 * when at least one element is there, or at the end.
 * @return SLUICE_OK, or SLUICE_EUSAGE: a read is under way, the stream has
 *         ended, or its elements are no numbers
 */
SLUICE_API sluice_status sluice_reader_read(sluice_reader *reader, void *to,
                                            size_t len, sluice_read_fn done,
                                            void *arg);
/** The same for elements that are no numbers: fills vals[0..n), then yours, and
 * calls `done(arg, ...)`. @return as for sluice_reader_read(); SLUICE_EUSAGE
 * also when the elements are numbers. */
SLUICE_API sluice_status sluice_reader_read_vals(sluice_reader *reader,
                                                 sluice_val *vals, size_t len,
                                                 sluice_read_fn done,
                                                 void *arg);
/** Ends a read under way; its callback comes with what was read until then. */
SLUICE_API void sluice_reader_cancel(sluice_reader *reader);
/** The stream again, where reading stopped, to hand it on; the reader is freed.
 * @return yours; NULL, and the reader stays, while a read is under way or when
 *         the stream has ended */
SLUICE_API sluice_stream *sluice_reader_release(sluice_reader *reader);
/** Drops the stream; a read under way is forgotten (no callback). NULL is fine.
 */
SLUICE_API void sluice_reader_free(sluice_reader *reader);

/** A transfer is over: `n` bytes were moved in all. `error` is NULL, or says
 * why it broke (SLUICE_EIO with os_error, SLUICE_ECANCELLED, a data fault). */
typedef void (*sluice_copied_fn)(void *arg, uint64_t n,
                                 const sluice_error *error);
/** Write everything that comes out of a stream<u8> to a descriptor, which is
 * borrowed until `done(arg, ...)`. Bytes of a segment go from its file to the
 * descriptor without passing through this process where the system can do that.
 * Takes the stream, also on failure.
 * @return SLUICE_OK, SLUICE_EUSAGE (no stream<u8>), SLUICE_ENOMEM or
 * SLUICE_EIO; `done` is called on SLUICE_OK only */
SLUICE_API sluice_status sluice_stream_to_fd(sluice_stream *stream, int fd,
                                             sluice_copied_fn done, void *arg);
/** Make a stream<u8> of what a descriptor gives (a pipe, a socket, a terminal,
 * a file from its current place): read when the reader asks, never ahead. The
 * descriptor is borrowed until `done`, which comes at its end, when reading
 * fails, or when the reader is gone; `n` is the number of bytes read. On
 * success *stream is yours.
 * @return SLUICE_OK, SLUICE_ENOMEM or SLUICE_EIO; `done` is called on SLUICE_OK
 *         only */
SLUICE_API sluice_status sluice_stream_from_fd(struct sluice_store *store,
                                               int fd, sluice_stream **stream,
                                               sluice_copied_fn done, void *arg,
                                               sluice_error *error);
/** Releases an end that nobody reads; its writer is told. NULL is fine. */
SLUICE_API void sluice_stream_drop(sluice_stream *stream);

/* --- Writing ------------------------------------------------------------- */

/** Make a stream. @param elem the element type (from reflection), NULL for u8,
 * or sluice_type_none() for elements without payload; it must live as long as
 * the store. On success *writer and *stream are yours: sluice_writer_close(),
 * sluice_stream_drop().
 * @return SLUICE_OK or SLUICE_ENOMEM */
SLUICE_API sluice_status sluice_stream_new(struct sluice_store *store,
                                           const sluice_type *elem,
                                           sluice_writer **writer,
                                           sluice_stream **stream,
                                           sluice_error *error);
/** `n` elements were taken; `end`: the reader is gone. `arg` is the write's. */
typedef void (*sluice_write_fn)(void *arg, size_t n, bool end);
/** Write up to `len` elements from a C array of numbers, valid until `done`.
 * One write at a time; `done` comes on the loop when at least one was taken, or
 * the reader is gone.
 * @return SLUICE_OK, or SLUICE_EUSAGE: a write is under way, or the elements
 *         are no numbers */
SLUICE_API sluice_status sluice_writer_write(sluice_writer *writer,
                                             const void *from, size_t len,
                                             sluice_write_fn done, void *arg);
/** The same for elements that are no numbers. Values that were taken are moved
 * out and zeroed when `done(arg, ...)` comes; the others are yours as before.
 * @return as for sluice_writer_write(); SLUICE_EUSAGE also when a value is not
 * of the elements' type */
SLUICE_API sluice_status sluice_writer_write_vals(sluice_writer *writer,
                                                  sluice_val *vals, size_t len,
                                                  sluice_write_fn done,
                                                  void *arg);
/** Ends the stream; a write under way is forgotten. */
SLUICE_API void sluice_writer_close(sluice_writer *writer);

/* --- Futures ------------------------------------------------------------- */

/** Make a future. @param elem the type of its payload (from reflection), which
 * must live as long as the store; NULL: none. On success *promise and *future
 * are yours: sluice_promise_set() or sluice_promise_drop(),
 * sluice_future_drop().
 * @return SLUICE_OK or SLUICE_ENOMEM */
SLUICE_API sluice_status sluice_future_new(struct sluice_store *store,
                                           const sluice_type *elem,
                                           sluice_promise **promise,
                                           sluice_future **future,
                                           sluice_error *error);
/** Resolves the future. Takes the promise and *val (moved out, zeroed), also on
 * failure. On failure the value will never come: see sluice_promise_drop().
 * @param val  of the type of the future's payload; NULL when it has none
 * @return SLUICE_OK, SLUICE_ENOMEM or SLUICE_EUSAGE (of another type) */
SLUICE_API sluice_status sluice_promise_set(sluice_promise *promise,
                                            sluice_val *val);
/** Releases a promise that cannot be kept. A host that reads the future hears
 * of it; a guest that does traps, because futures of guests always bring their
 * value. NULL is fine. */
SLUICE_API void sluice_promise_drop(sluice_promise *promise);
/** Called once, on the loop; `val` (NULL: no payload) is borrowed for the call:
 * move out what you keep and zero it. `error` is NULL, or says that the value
 * will never come. */
typedef void (*sluice_future_fn)(void *arg, sluice_val *val,
                                 const sluice_error *error);
/** Waits for the value. Takes the future, also on failure.
 * @return SLUICE_OK: `done(arg, ...)` comes; SLUICE_ENOMEM or SLUICE_ECANCELLED
 *         (its store is gone): it does not */
SLUICE_API sluice_status sluice_future_read(sluice_future *future,
                                            sluice_future_fn done, void *arg);
/** Releases a future that nobody reads; its writer is told. NULL is fine. */
SLUICE_API void sluice_future_drop(sluice_future *future);

/* --- Segments ------------------------------------------------------------ */

/** Immutable bytes of known size that arrive when they are read. Counted
 * references: free every one you were given. Usable in every store of one
 * thread, except a segment that an instance exports: in its store only. */
typedef struct sluice_segment sluice_segment;

/** A segment over memory that outlives it, or over a copy.
 * @return NULL on SLUICE_ENOMEM. Yours: sluice_segment_free(). */
SLUICE_API sluice_segment *sluice_segment_from_buffer(const void *bytes,
                                                      size_t len, bool copy,
                                                      sluice_error *error);
/** A segment over a regular file, which must not change.
 * @return NULL on SLUICE_EIO (also: no regular file) or SLUICE_ENOMEM.
 *         Yours: sluice_segment_free(). */
SLUICE_API sluice_segment *sluice_segment_from_file(const char *path,
                                                    sluice_error *error);

/** The same from an open descriptor, of which a duplicate is kept: it stays
 * yours, and its position does not matter.
 * @return NULL: SLUICE_EIO (no regular file, or not readable), SLUICE_ENOMEM.
 *         Yours: sluice_segment_free(). Any thread. */
SLUICE_API sluice_segment *sluice_segment_from_fd(int fd, sluice_error *error);

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
    /** Optional: bytes [at, at + len) where they are in memory; they must stay
     * there, unchanged, until `close`, also for calls with parts of the range.
     * NULL: not in memory; `read_at` is asked. */
    const void *(*map)(void *arg, uint64_t at, size_t len);
    /** Optional: [at, at + len) will probably be wanted. Without it, such
     * ranges are read ahead by `read_at`. */
    void (*prefetch)(void *arg, uint64_t at, uint64_t len);
} sluice_backing;
/** Answers a fetch, which is gone then.
 * @param why  NULL: the bytes are there; else they cannot be had, and the
 *              reader gets a data fault with these words (copied) */
SLUICE_API void sluice_fetch_done(sluice_fetch *fetch, const char *why);
/** A segment over callbacks; a copy of *backing is kept; `close` is called
 * also on failure.
 * @return NULL on SLUICE_ENOMEM. Yours: sluice_segment_free(). */
SLUICE_API sluice_segment *
sluice_segment_from_callbacks(const sluice_backing *backing,
                              sluice_error *error);

/** The size of a segment. @return bytes; none of them is read for that */
SLUICE_API uint64_t sluice_segment_size(const sluice_segment *segment);
/**
 * Open a byte stream over `len` bytes of a segment, from byte `start`. Returns
 * at once; nothing is fetched before the first read.
 * @return NULL: SLUICE_ERANGE (start + len beyond the segment), SLUICE_EUSAGE
 *         (of another store) or SLUICE_ENOMEM. Yours: sluice_stream_drop(), or
 * give it to a guest.
 */
SLUICE_API sluice_stream *sluice_segment_read(struct sluice_store *store,
                                              sluice_segment *segment,
                                              uint64_t start, uint64_t len,
                                              sluice_error *error);
/** Gives back one reference; stores that read the segment keep theirs. NULL is
 * fine. */
SLUICE_API void sluice_segment_free(sluice_segment *segment);

#ifdef __cplusplus
}
#endif
#endif
