/* Content in chunks on a grid, as a component declares it or as it lies at a
 * URL: where its bytes are and what is known of them. docs/data-segments.md,
 * sections 2 and 5. */
#ifndef SL_DATA_CONTENT_H
#define SL_DATA_CONTENT_H

#include <pthread.h>

#include "data/data_int.h"
#include "data/origin.h"

typedef struct sl_frame { /* zstd */
    uint64_t at, len;     /* in the file */
} sl_frame;

/* What chunks under way hold, which may outlive the backing. Counted on the
 * loop's thread, read on the pool's. */
typedef struct sl_content {
    int refs;
    sl_data_env *env;
    sl_source *source;
    sl_origin *origin; /* NULL: the component has no base */
    sl_segment_def def;
    bool declared;                    /* def has a table of digests */
    bool shared; /* others who fetch its chunks can be known */
    uint8_t name[SL_DIGEST_SIZE]; /* ... by this, when none is declared */
    uint32_t looking;                 /* chunks that are being looked up */
    struct sl_external_chunk *queued; /* looked up in vain */
    pthread_mutex_t lock;             /* while the table is read */
    bool loaded;                      /* set last */
    uint8_t *digests;                 /* of all chunks, one behind the other */
    sl_frame *frames;                 /* zstd */
} sl_content;

/* Of a segment that `source` declares, or of all that is at source->url. */
sl_content *sl_content_new(sl_data_ctx *ctx, sl_source *source,
                           const sl_segment_def *def, sl_err *err);
void sl_content_unref(sl_content *content); /* NULL is fine */

/* Reads the table of chunks when nobody has. Blocks: on the pool. */
sl_status sl_content_load(sl_content *content, sl_err *err);
bool sl_content_is_loaded(const sl_content *content);

/* What follows is known once the table is loaded. Chunks have numbers. */

/* Declared. */
const uint8_t *sl_content_digest(const sl_content *content, uint64_t i);
/* As far as it is known: declared, or remembered by the cache on disk. */
bool sl_content_known_digest(const sl_content *content, uint64_t i,
                             uint8_t *digest);
/* Where chunk i, of `len` bytes, or its frame is in the file; how long. */
uint64_t sl_content_place(const sl_content *content, uint64_t i);
size_t sl_content_raw_len(const sl_content *content, uint64_t i, size_t len);

/* The cache on disk, for what is worth it; NULL: not. */
sl_disk *sl_content_disk(const sl_content *content);
/* What the cache on disk calls undeclared content. */
sl_disk_url sl_content_url(const sl_content *content);

/* Bytes that the cache in memory has of declared content, as another store may
 * have brought them: how many were copied, 0: none. */
size_t sl_content_read_cached(const sl_content *content, uint64_t at, void *to,
                              size_t len);

#endif
