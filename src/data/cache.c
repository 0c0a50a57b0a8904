#include "data/cache.h"

#include <pthread.h>
#include <stdbool.h>
#include <string.h>

#include "base/alloc.h"

enum {
    BUCKETS = 1 << 12,
    LOOK_AT = 8,         /* spare blobs, for one of the right length */
    SPARE_MAX = 4 << 20, /* bytes */
};

struct sl_cache {
    pthread_mutex_t lock;
    uint64_t budget, bytes;
    sl_blob *newest, *oldest;
    sl_blob *spare; /* by `chain`: nobody's, kept for their memory */
    uint64_t spare_bytes;
    sl_blob *buckets[BUCKETS];
};

/* --- Blobs -------------------------------------------------------------------- */

sl_blob *sl_blob_new(size_t len)
{
    sl_blob *blob = sl_calloc(1, sizeof *blob);
    uint8_t *bytes = sl_malloc(len != 0 ? len : 1);
    if (blob == NULL || bytes == NULL) {
        sl_free(blob);
        sl_free(bytes);
        return NULL;
    }
    blob->refs = 1;
    blob->len = len;
    blob->bytes = bytes;
    return blob;
}

sl_blob *sl_blob_ref(sl_blob *blob)
{
    __atomic_add_fetch(&blob->refs, 1, __ATOMIC_RELAXED);
    return blob;
}

static bool drop_ref(sl_blob *blob)
{
    return blob != NULL &&
           __atomic_sub_fetch(&blob->refs, 1, __ATOMIC_ACQ_REL) == 0;
}

static void free_blob(sl_blob *blob)
{
    sl_free(blob->bytes);
    sl_free(blob);
}

void sl_blob_unref(sl_blob *blob)
{
    if (drop_ref(blob))
        free_blob(blob);
}

/* --- Memory used again: with the lock ------------------------------------------- */

static void forget_spare(sl_cache *cache, sl_blob **at)
{
    sl_blob *blob = *at;
    *at = blob->chain;
    cache->spare_bytes -= blob->len;
}

static sl_blob *take_spare(sl_cache *cache, size_t len)
{
    sl_blob **at = &cache->spare;
    for (int i = 0; i < LOOK_AT && *at != NULL; i++, at = &(*at)->chain)
        if ((*at)->len == len) {
            sl_blob *blob = *at;
            forget_spare(cache, at);
            blob->chain = NULL;
            blob->refs = 1;
            return blob;
        }
    return NULL;
}

/* The blob is nobody's. What was left longest ago goes when there is no room: it
 * may have a length that is not needed any more. */
static void keep_spare(sl_cache *cache, sl_blob *blob)
{
    if (blob->len > SPARE_MAX) {
        free_blob(blob);
        return;
    }
    while (cache->spare_bytes + blob->len > SPARE_MAX) {
        sl_blob **at = &cache->spare;
        while ((*at)->chain != NULL)
            at = &(*at)->chain;
        sl_blob *old = *at;
        forget_spare(cache, at);
        free_blob(old);
    }
    blob->chain = cache->spare;
    cache->spare = blob;
    cache->spare_bytes += blob->len;
}

sl_blob *sl_cache_take(sl_cache *cache, size_t len)
{
    pthread_mutex_lock(&cache->lock);
    sl_blob *blob = take_spare(cache, len);
    pthread_mutex_unlock(&cache->lock);
    return blob != NULL ? blob : sl_blob_new(len);
}

void sl_cache_leave(sl_cache *cache, sl_blob *blob)
{
    if (!drop_ref(blob))
        return;
    pthread_mutex_lock(&cache->lock);
    keep_spare(cache, blob);
    pthread_mutex_unlock(&cache->lock);
}

/* --- The cache ------------------------------------------------------------------ */

/* A digest is as good as random. */
static sl_blob **bucket(sl_cache *cache, const uint8_t *digest)
{
    uint32_t hash;
    memcpy(&hash, digest, sizeof hash);
    return &cache->buckets[hash % BUCKETS];
}

static void leave_order(sl_cache *cache, sl_blob *blob)
{
    *(blob->newer != NULL ? &blob->newer->older : &cache->newest) = blob->older;
    *(blob->older != NULL ? &blob->older->newer : &cache->oldest) = blob->newer;
    blob->newer = blob->older = NULL;
}

static void make_newest(sl_cache *cache, sl_blob *blob)
{
    blob->older = cache->newest;
    *(cache->newest != NULL ? &cache->newest->newer : &cache->oldest) = blob;
    cache->newest = blob;
}

static sl_blob *find(sl_cache *cache, const uint8_t *digest, size_t len)
{
    sl_blob *blob = *bucket(cache, digest);
    while (blob != NULL && (blob->len != len || memcmp(blob->digest, digest,
                                                       SL_DIGEST_SIZE) != 0))
        blob = blob->chain;
    return blob;
}

static void evict_oldest(sl_cache *cache)
{
    sl_blob *blob = cache->oldest, **at = bucket(cache, blob->digest);
    while (*at != blob)
        at = &(*at)->chain;
    *at = blob->chain;
    leave_order(cache, blob);
    cache->bytes -= blob->len;
    if (drop_ref(blob))
        keep_spare(cache, blob);
}

sl_cache *sl_cache_new(uint64_t budget)
{
    sl_cache *cache = sl_calloc(1, sizeof *cache);
    if (cache == NULL)
        return NULL;
    pthread_mutex_init(&cache->lock, NULL);
    cache->budget = budget;
    return cache;
}

void sl_cache_free(sl_cache *cache)
{
    if (cache == NULL)
        return;
    while (cache->oldest != NULL)
        evict_oldest(cache);
    while (cache->spare != NULL) {
        sl_blob *blob = cache->spare;
        forget_spare(cache, &cache->spare);
        free_blob(blob);
    }
    pthread_mutex_destroy(&cache->lock);
    sl_free(cache);
}

sl_blob *sl_cache_get(sl_cache *cache, const uint8_t *digest, size_t len)
{
    pthread_mutex_lock(&cache->lock);
    sl_blob *blob = find(cache, digest, len);
    if (blob != NULL) {
        leave_order(cache, blob);
        make_newest(cache, blob);
        sl_blob_ref(blob);
    }
    pthread_mutex_unlock(&cache->lock);
    return blob;
}

void sl_cache_put(sl_cache *cache, sl_blob *blob)
{
    pthread_mutex_lock(&cache->lock);
    bool wanted = blob->len <= cache->budget / 2 &&
                  find(cache, blob->digest, blob->len) == NULL;
    while (wanted && cache->bytes + blob->len > cache->budget)
        evict_oldest(cache);
    if (wanted) {
        sl_blob **at = bucket(cache, blob->digest);
        blob->chain = *at;
        *at = sl_blob_ref(blob);
        make_newest(cache, blob);
        cache->bytes += blob->len;
    }
    pthread_mutex_unlock(&cache->lock);
}

uint64_t sl_cache_bytes(sl_cache *cache)
{
    pthread_mutex_lock(&cache->lock);
    uint64_t bytes = cache->bytes;
    pthread_mutex_unlock(&cache->lock);
    return bytes;
}
