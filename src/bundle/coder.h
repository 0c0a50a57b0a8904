/* One chunk of a segment's content: hashed, and compressed or restored, in
 * buffers of fixed size. docs/data-segments.md, section 2. */
#ifndef SL_BUNDLE_CODER_H
#define SL_BUNDLE_CODER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/source.h"
#include "component/chunk_table.h"

/* A frame's window is at most 2^this bytes. */
#define SL_WINDOW_LOG_MAX 23

typedef enum sl_coder_kind {
    SL_CODER_STORE,    /* content in, content out: hashed */
    SL_CODER_COMPRESS, /* content in, one zstd frame out: hashed */
    SL_CODER_CHECK,    /* content in, content out: the digest must be right */
    SL_CODER_RESTORE,  /* one zstd frame in, content out: likewise */
} sl_coder_kind;

/* A thread's own. */
typedef struct sl_coder sl_coder;

/* NULL: out of memory. `level` is zstd's, of COMPRESS. */
sl_coder *sl_coder_new(sl_coder_kind kind, int level);
void sl_coder_free(sl_coder *coder); /* NULL is fine */

typedef struct sl_coder_chunk {
    uint64_t at;     /* of its content in the segment, for messages */
    uint64_t size;   /* bytes of content */
    uint64_t from;   /* where it is stored in the source */
    uint64_t stored; /* and in how many bytes */
    uint8_t digest[SL_CHUNK_DIGEST]; /* found, or to be found */
} sl_coder_chunk;

/* Gives the bytes that come out to `put`, which returns false to stop. Not
 * SL_OK: err says why, unless `put` knows. */
typedef bool sl_coder_put(void *arg, const void *bytes, size_t len);
sl_status sl_coder_run(sl_coder *coder, sl_source *source,
                       sl_coder_chunk *chunk, sl_coder_put *put, void *arg,
                       sl_err *err);

#endif
