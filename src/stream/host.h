/* The host as reader and writer of streams and futures, and descriptors as
 * sinks and sources of bytes. CanonicalABI.md "Stream State", "Future State":
 * the host's side of the same protocol.
 *
 * Everything is on the store's thread. A callback of a reader, sink or source
 * comes from the loop, never from inside the call that asked. An object made
 * here is its owner's until it is freed, also when the store closes before
 * that: then it is cut off, what is under way ends (CANCELLED, `closed`,
 * ECANCELED), and later calls do nothing. */
#ifndef SL_STREAM_HOST_H
#define SL_STREAM_HOST_H

#include "stream/stream.h"

/* --- The host reads
 * ------------------------------------------------------------ */

typedef struct sl_host_reader sl_host_reader;
/* `n` elements were read. A stream is over when `result` is DROPPED, because
 * of `fault` if that is not NULL (a data fault of a segment). */
typedef void (*sl_host_read_fn)(void *arg, uint32_t n, sl_copy_result result,
                                const sl_err *fault);

/* Takes the readable end, also on failure. */
sl_host_reader *sl_host_reader_new(sl_shared *shared, sl_err *err);
/* Cancels a read (its callback does not come) and drops the end. NULL is
 * fine. */
void sl_host_reader_free(sl_host_reader *reader);
/* Reads up to `n` elements, one at a time. Plain elements (sl_elem_is_plain)
 * go to `to`, which must stay until the callback; others become values, see
 * sl_host_reader_vals(); `to` is NULL then. Of a future, n is 1.
 * n = 0 waits until there is something to read. SL_EUSAGE: a read is under
 * way already; SL_ECANCELLED: the store is gone. */
sl_status sl_host_read(sl_host_reader *reader, void *to, uint32_t n,
                       sl_host_read_fn fn, void *arg);
/* Ends the read under way; its callback comes all the same. */
void sl_host_reader_cancel(sl_host_reader *reader);
/* The values of the last read, valid until the next one; a stream or future
 * in them (an sl_shared *) is dropped with them unless it is taken out (the
 * member set to NULL). */
sl_val *sl_host_reader_vals(sl_host_reader *reader);
/* The readable end, to hand it on (an idle one); the reader is freed. NULL
 * when the store is gone. */
sl_shared *sl_host_reader_release(sl_host_reader *reader);

/* --- The host writes
 * ------------------------------------------------------------ */

typedef struct sl_host_writer sl_host_writer;
typedef struct sl_host_writer_ops {
    /* The reader has room for `n` elements (0: it waits for there to be any:
     * sl_host_writer_ready). Comes inside the reader's call, where no guest
     * code may run: what is written before it returns completes that call at
     * once; or write later. At most once per read. Or NULL. */
    void (*want)(void *arg, uint32_t n);
    /* The reader is gone, or the store: nothing can be written any more. Not
     * after sl_host_writer_close(). Or NULL. */
    void (*closed)(void *arg);
} sl_host_writer_ops;

/* A stream that the host writes; *out is its readable end, the caller's. */
sl_host_writer *sl_host_writer_new(sl_store *store, const sl_type *elem,
                                   const sl_host_writer_ops *ops, void *arg,
                                   sl_shared **out, sl_err *err);
/* How many elements the reader takes now; 0: wait for `want`. */
uint32_t sl_host_writer_room(const sl_host_writer *writer);
/* Where its next `n` elements go (plain ones, n <= room): write them there and
 * say how many; before anything else happens to the store. */
void *sl_host_writer_place(sl_host_writer *writer, uint32_t n);
void sl_host_writer_wrote(sl_host_writer *writer, uint32_t n);
/* Copies as many plain elements as the reader takes: how many. */
uint32_t sl_host_write(sl_host_writer *writer, const void *elems, uint32_t n);
/* Lowers as many values as the reader takes: how many. Takes the streams and
 * futures in these; traps (the reader's realloc) are the reader's. */
uint32_t sl_host_write_vals(sl_host_writer *writer, sl_val *vals, uint32_t n);
/* Completes a read of length 0: there is something. */
void sl_host_writer_ready(sl_host_writer *writer);
/* No more elements; the writer is freed. NULL is fine. */
void sl_host_writer_close(sl_host_writer *writer);

/* A future that the host resolves; *out is its readable end. */
typedef struct sl_host_future sl_host_future;
sl_host_future *sl_host_future_new(sl_store *store, const sl_type *elem,
                                   sl_shared **out, sl_err *err);
/* Resolves it, now or when it is read (the value's contents are copied, its
 * streams and futures taken; NULL: no payload), and frees `future`. */
sl_status sl_host_future_resolve(sl_host_future *future, sl_val *val,
                                 sl_err *err);
/* Whether somebody may still read it: only then is *elem, its payload's type,
 * sure to be there. */
bool sl_host_future_wanted(const sl_host_future *future, const sl_type **elem);
/* Without a value: a host that reads it hears of that, a guest traps. NULL is
 * fine. */
void sl_host_future_free(sl_host_future *future);

/* --- Descriptors
 * ------------------------------------------------------------------ */

/* `error`: 0 or errno (EPIPE, ENOSPC, ...; ECANCELED: the store closes).
 * `fault`: NULL or a data fault of the stream's segment. `n`: bytes moved. The
 * sink or source is freed behind the callback. */
typedef struct sl_sink sl_sink;
typedef void (*sl_fd_done)(void *arg, int error, const sl_err *fault,
                           uint64_t n);

/* Drains a stream<u8> into a descriptor, at its pace, until the stream ends or
 * writing fails (then the readable end is dropped). Takes the end, also on
 * failure. `fd` may be closed at any time; `offset`: where in a regular file,
 * -1 for its own position. The bytes of a segment go from file to descriptor
 * without passing through the guest: splice to pipes, copy_file_range to
 * files, write from a mapping to everything else. `done` may be NULL. */
sl_sink *sl_sink_fd(sl_store *store, sl_shared *shared, int fd, int64_t offset,
                    sl_fd_done done, void *arg, sl_err *err);
/* Stops and drops the stream; `done` does not come. NULL is fine. */
void sl_sink_free(sl_sink *sink);

/* A stream<u8> of what a descriptor gives; *out is the readable end. Reads
 * only when the reader does, straight into its buffer where it can. */
typedef struct sl_source_stream sl_source_stream;
sl_source_stream *sl_source_fd(sl_store *store, int fd, int64_t offset,
                               sl_fd_done done, void *arg, sl_shared **out,
                               sl_err *err);
/* The reader sees the end; `done` does not come. NULL is fine. */
void sl_source_fd_free(sl_source_stream *source);

#endif
