/* The chunks of one segment, in order, over the machine's processors: a ring
 * of a few chunks, so that memory does not grow with the segment. */
#ifndef SL_BUNDLE_RING_H
#define SL_BUNDLE_RING_H

#include "bundle/coder.h"
#include "bundle/output.h"

typedef struct sl_coding {
    sl_coder_kind kind;
    int level;
    sl_source *source; /* of the stored bytes; any thread reads it */
    uint64_t size;     /* bytes of content */
    uint64_t from;     /* where the first chunk is stored */
    uint8_t chunk_log;
    sl_output *out; /* gets what comes out, in order */
    /* CHECK, RESTORE: fills in the digest and `stored` of the next chunk.
     * NULL otherwise. */
    bool (*next)(void *arg, sl_coder_chunk *chunk);
    /* STORE, COMPRESS: the digest is there, and so many bytes came out. Or
     * NULL. */
    bool (*done)(void *arg, const sl_coder_chunk *chunk, uint64_t bytes);
    void *arg;
    sl_watch *watch;
    sl_err *err;
} sl_coding;

/* ceil(size / 2^chunk_log) */
uint64_t sl_chunk_count(uint64_t size, uint8_t chunk_log);
sl_status sl_code_all(sl_coding *coding);

#endif
