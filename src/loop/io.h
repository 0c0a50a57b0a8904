/* Descriptors the host reads and writes - standard streams, sockets, regular
 * files - without ever blocking the loop, changing the flags of a descriptor
 * that others share, or being killed by SIGPIPE. */
#ifndef SL_LOOP_IO_H
#define SL_LOOP_IO_H

#include "loop/loop.h"

typedef struct sl_io sl_io;

typedef enum sl_io_kind {
    SL_IO_FILE, /* regular: misses of the page cache go through the pool */
    SL_IO_PIPE,
    SL_IO_SOCKET,
    SL_IO_OTHER, /* terminals, /dev/null and other devices */
} sl_io_kind;

/* Opens a descriptor of its own for what `fd` is open on; `fd` stays the
 * caller's and may be closed at any time. `events`: SL_POLL_READ or
 * SL_POLL_WRITE. `offset`: where in a regular file, -1 for its own position
 * (which then moves). */
sl_io *sl_io_open(sl_loop *loop, int fd, int events, int64_t offset,
                  sl_err *err);
void sl_io_close(sl_io *io); /* NULL is fine; a wait is cancelled */
sl_io_kind sl_io_kind_of(const sl_io *io);

/* Up to `len` (> 0) bytes, never blocking: how many, 0 at the end (reading),
 * or -errno. After -EAGAIN, sl_io_wait() says when to try again. */
int64_t sl_io_read(sl_io *io, void *to, size_t len);
int64_t sl_io_write(sl_io *io, const void *from, size_t len);

/* Calls `fn` once, later, when reading or writing may go on. One at a time. */
sl_status sl_io_wait(sl_io *io, void (*fn)(void *arg), void *arg, sl_err *err);
void sl_io_unwait(sl_io *io); /* `fn` is not called any more */

/* Moves up to `len` bytes of the regular file `file` from `at` on to `io`
 * without passing through user memory. May read from the disk: for the pool,
 * unless the bytes are known to be in the page cache. Bytes, 0 at the end of
 * `file`, or -errno: -EAGAIN (wait), -EINVAL (not for this pair of files). */
int64_t sl_io_splice(sl_io *io, int file, uint64_t at, size_t len); /* PIPE */
int64_t sl_io_copy(sl_io *io, int file, uint64_t at, size_t len);   /* FILE */

/* Whether all of [at, at + len) of a regular file is in the page cache; false
 * when the kernel cannot say. */
bool sl_file_resident(int file, uint64_t at, uint64_t len);
/* Reads what is in the page cache, without waiting for the disk: bytes, 0 at
 * the end of the file, or -errno; -EAGAIN: not here. `at` -1: the position. */
int64_t sl_file_read_cached(int file, int64_t at, void *to, size_t len);

#endif
