/* What the files of external segments share: a chunk on its way, and the
 * backing it belongs to.
 *
 * Of a chunk's way the pool does all that takes time (external_pool.c): the
 * component's table is read once; what another store or an earlier run has
 * verified is taken from the cache in memory or on disk; else the chunk or its
 * frame is read from the origin, inflated, and checked against the digest in
 * the component before anyone sees a byte of it. Content at a URL has no
 * declared digest (the origin's validator holds it together); the cache on disk
 * remembers the one it had. The loop (external_chunk.c) asks the origins that
 * answer there, and tells who waits. Between looking and fetching, whoever is
 * not the first in the engine to want it waits for who is (flight.h). */
#ifndef SL_DATA_EXTERNAL_INT_H
#define SL_DATA_EXTERNAL_INT_H

#include <stddef.h>

#include "data/content.h"
#include "data/span.h"

/* The chunks of an external segment; or of what lies at a URL, where all the
 * segments share them: what one of them brought may hold others. */
typedef struct sl_external_set {
    int refs;
    sl_content *content;
    bool copies; /* an opened entry has failed: none is mapped any more */
    sl_chunks chunks;
} sl_external_set;

typedef struct sl_external_backing {
    sl_backing base;
    sl_external_set *set;
    uint64_t offset;                         /* of the segment in the content */
    struct sl_external_backing *next, *prev; /* in ctx->externals */
} sl_external_backing;

static inline sl_external_set *sl_external_of(sl_chunks *chunks)
{
    return (sl_external_set *)(void *)((char *)chunks -
                                       offsetof(sl_external_set, chunks));
}

typedef struct sl_external_chunk {
    sl_chunk chunk;
    sl_content *content;
    sl_work work;
    sl_origin_read read;
    sl_flight flight; /* what it is to others who want it */
    bool waits;       /* ... as it was found: for one of them; */
    bool parked;      /* ... it will be told */
    bool looking;     /* the pool has it, for the first time */
    bool queued;      /* in content->queued, by `next` */
    struct sl_external_chunk *next;
    bool reading;  /* the origin has `read` */
    bool fetched;  /* `raw` is what the origin has brought */
    bool refetch;  /* ... was wrong once already */
    uint8_t *raw;  /* as it is in the file; NULL: blob->bytes are */
    sl_blob *blob; /* verified when `checked` */
    bool checked;
    enum { SL_EXTERNAL_SOUGHT, SL_EXTERNAL_MEMORY, SL_EXTERNAL_DISK } from;
    bool maps;         /* its reader takes pages */
    int fd;            /* an entry of the cache on disk, instead of `blob`; -1 */
    uint64_t brought;  /* bytes, by the origin */
    sl_span work_span; /* of the pool, when somebody listens */
    uint64_t read_ns;
    sl_err result;
} sl_external_chunk;

static inline uint64_t sl_external_number(const sl_external_chunk *c)
{
    return c->chunk.at >> c->content->def.chunk_log;
}

/* --- external_pool.c: any thread ------------------------------------------ */

/* Places for what the origin brings and for what it is worth. */
sl_status sl_external_make_room(sl_external_chunk *c);
/* Where the former is. */
uint8_t *sl_external_raw(const sl_external_chunk *c);
/* Whether it is this chunk's to be fetched; else another's is (`waits`), or has
 * been (`checked`). */
bool sl_external_leads(sl_external_chunk *c);
/* From what the origin brought to what may be seen: `checked`, or `result`. */
void sl_external_check(sl_external_chunk *c);
/* On the pool: checks what was fetched, else looks the chunk up and, where the
 * origin can be read there, reads it. */
void sl_external_work(sl_work *work);

/* --- external_keep.c ------------------------------------------------------ */

/* On the loop: puts what was fetched into the cache on disk, by and by. */
void sl_external_keep(sl_external_chunk *c, sl_tracer *tracer);

/* --- external_chunk.c ----------------------------------------------------- */

extern const sl_chunk_ops sl_external_chunk_ops;

#endif
