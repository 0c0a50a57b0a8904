/* include/sluice/cache.h: looking after the cache on disk. */
#include "api/api_int.h"

#include <stdio.h>

#include "data/disk.h"

struct sluice_cache {
    sl_disk *disk;
};

sluice_cache *sluice_cache_open(const char *dir, uint64_t limit,
                                sluice_error *error)
{
    sl_err err = {0};
    sluice_cache *cache = sl_calloc(1, sizeof *cache);
    if (cache == NULL) {
        sl_api_error(error, NULL);
        return NULL;
    }
    cache->disk = sl_disk_open(dir, limit, 0, &err);
    if (cache->disk == NULL) {
        sl_api_error(error, &err);
        sl_free(cache);
        return NULL;
    }
    return cache;
}

void sluice_cache_free(sluice_cache *cache)
{
    if (cache == NULL)
        return;
    sl_disk_unref(cache->disk);
    sl_free(cache);
}

const char *sluice_cache_dir(const sluice_cache *cache)
{
    return sl_disk_dir(cache->disk);
}

typedef struct visitor {
    sluice_cache_visit *visit;
    void *arg;
} visitor;

static void visit_entry(void *arg, const sl_disk_entry *entry)
{
    const visitor *v = arg;
    if (v->visit == NULL)
        return;
    sluice_cache_entry out = {.size = entry->len,
                              .last_used = entry->last_used};
    for (int i = 0; i < SL_DISK_DIGEST; i++)
        snprintf(out.digest + 2 * i, 3, "%02x", entry->digest[i]);
    v->visit(v->arg, &out);
}

static sluice_status finish(sl_status status, const sl_disk_report *have,
                            const sl_err *err, sluice_cache_report *report,
                            sluice_error *error)
{
    if (report != NULL)
        *report = (sluice_cache_report){.chunks = have->chunks,
                                        .bytes = have->bytes,
                                        .urls = have->urls,
                                        .bad = have->bad};
    return status == SL_OK ? SLUICE_OK : sl_api_error(error, err);
}

sluice_status sluice_cache_list(sluice_cache *cache, sluice_cache_visit *visit,
                                void *arg, sluice_cache_report *report,
                                sluice_error *error)
{
    sl_err err = {0};
    sl_disk_report have = {0};
    visitor v = {visit, arg};
    sl_status status = sl_disk_list(cache->disk, visit_entry, &v, &have, &err);
    return finish(status, &have, &err, report, error);
}

sluice_status sluice_cache_verify(sluice_cache *cache,
                                  sluice_cache_visit *visit, void *arg,
                                  sluice_cache_report *report,
                                  sluice_error *error)
{
    sl_err err = {0};
    sl_disk_report have = {0};
    visitor v = {visit, arg};
    sl_status status =
        sl_disk_verify(cache->disk, visit_entry, &v, &have, &err);
    return finish(status, &have, &err, report, error);
}

sluice_status sluice_cache_clear(sluice_cache *cache,
                                 sluice_cache_report *report,
                                 sluice_error *error)
{
    sl_err err = {0};
    sl_disk_report have = {0};
    sl_status status = sl_disk_clear(cache->disk, &have, &err);
    return finish(status, &have, &err, report, error);
}
