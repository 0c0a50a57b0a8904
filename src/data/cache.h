/* Verified chunks in memory, shared by all stores of an engine: immutable, by
 * the SHA-256 of their content, the least recently used go first. Any thread. */
#ifndef SL_DATA_CACHE_H
#define SL_DATA_CACHE_H

#include <stddef.h>
#include <stdint.h>

#define SL_DIGEST_SIZE 32

/* Bytes that do not change any more once they are shared. */
typedef struct sl_blob {
    int refs;
    uint8_t digest[SL_DIGEST_SIZE];
    size_t len;
    uint8_t *bytes;
    /* The cache's. */
    struct sl_blob *chain;
    struct sl_blob *newer, *older;
} sl_blob;

/* Room for `len` bytes; NULL: out of memory. */
sl_blob *sl_blob_new(size_t len);
sl_blob *sl_blob_ref(sl_blob *blob);
void sl_blob_unref(sl_blob *blob); /* NULL is fine */

typedef struct sl_cache sl_cache;

/* Holds at most `budget` bytes of content; NULL: out of memory. */
sl_cache *sl_cache_new(uint64_t budget);
void sl_cache_free(sl_cache *cache); /* NULL is fine */
/* A new reference, or NULL: not here. */
sl_blob *sl_cache_get(sl_cache *cache, const uint8_t *digest, size_t len);
/* Keeps a reference of its own unless it has this content already, or it is
 * too big. blob->digest must be that of its bytes. */
void sl_cache_put(sl_cache *cache, sl_blob *blob);
/* A blob as sl_blob_new() makes it, in memory that another one has left; and
 * leaving it: as sl_blob_unref(), NULL is fine. Fresh memory would cost more than
 * what it is filled with: pages to be cleared, one after the other. */
sl_blob *sl_cache_take(sl_cache *cache, size_t len);
void sl_cache_leave(sl_cache *cache, sl_blob *blob);
/* Bytes held. */
uint64_t sl_cache_bytes(sl_cache *cache);

#endif
