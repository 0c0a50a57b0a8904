#include "data/cache.h"

#include <pthread.h>
#include <stdbool.h>
#include <string.h>

#include "base/alloc.h"

enum { BUCKETS = 1 << 12 };

struct sl_cache {
    pthread_mutex_t lock;
    uint64_t budget, bytes;
    sl_blob *newest, *oldest;
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

void sl_blob_unref(sl_blob *blob)
{
    if (blob == NULL ||
        __atomic_sub_fetch(&blob->refs, 1, __ATOMIC_ACQ_REL) != 0)
        return;
    sl_free(blob->bytes);
    sl_free(blob);
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
    sl_blob_unref(blob);
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
