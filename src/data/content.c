#include "data/content.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "component/chunk_table.h"
#include "component/reference.h"

/* --- Making it ------------------------------------------------------------ */

/* A file beside the component, or a resource beside its URL. */
static sl_origin *origin_beside(sl_data_ctx *ctx, const char *base,
                                const sl_segment_def *def, sl_err *err)
{
    char *path = sl_malloc(strlen(base) + def->reference.len + 2);
    sl_origin *origin = NULL;
    if (path == NULL) {
        sl_fail(err, SL_ENOMEM, SL_ERR_NO_PLACE, "out of memory");
    } else if (sl_is_url(base)) {
        sprintf(path, "%s/%.*s", base, SL_NAME_ARGS(def->reference));
        origin = sl_origin_http(
            ctx, path, def->zstd ? SL_HTTP_UNKNOWN : def->size, NULL, err);
    } else {
        sl_reference_path(def->reference, path);
        origin = sl_origin_file(base, path, err);
    }
    sl_free(path);
    return origin;
}

sl_content *sl_content_new(sl_data_ctx *ctx, sl_source *source,
                           const sl_segment_def *def, sl_err *err)
{
    sl_content *c =
        sl_data_ctx_need_env(ctx, err) ? sl_calloc(1, sizeof *c) : NULL;
    if (c == NULL) {
        sl_fail(err, SL_ENOMEM, SL_ERR_NO_PLACE, "out of memory");
        return NULL;
    }
    c->refs = 1;
    c->env = sl_data_env_ref(ctx->env);
    c->source = sl_source_ref(source);
    c->def = *def;
    c->declared = def->form == SL_SEGMENT_EXTERNAL;
    pthread_mutex_init(&c->lock, NULL);
    sl_disk_url url = sl_content_url(c);
    c->shared = c->declared || sl_disk_url_key(&url, c->name);
    sl_err cause = {0};
    if (!c->declared)
        c->origin = sl_origin_http(ctx, source->url, source->size, source->etag,
                                   &cause);
    else if (ctx->binder.origin != NULL)
        c->origin =
            ctx->binder.origin(ctx->binder.arg, ctx, def->reference, &cause);
    else if (source->base != NULL) /* else it is said when a byte is wanted */
        c->origin = origin_beside(ctx, source->base, def, &cause);
    if (cause.code == SL_OK)
        return c;
    if (err != NULL)
        *err = cause;
    sl_content_unref(c);
    return NULL;
}

void sl_content_unref(sl_content *c)
{
    if (c == NULL || --c->refs != 0)
        return;
    sl_data_env_unref(c->env);
    sl_origin_unref(c->origin);
    sl_source_unref(c->source);
    pthread_mutex_destroy(&c->lock);
    sl_free(c->digests);
    sl_free(c->frames);
    sl_free(c);
}

/* --- The table of chunks -------------------------------------------------- */

/* Where each frame is; validation has walked the table before. */
static sl_status read_frames(sl_content *c, sl_err *err)
{
    sl_chunk_table table;
    uint64_t at = 0;
    sl_chunk_table_init(&table, c->source, c->def.offset, c->def.table_size,
                        true, err);
    for (uint32_t i = 0; i < c->def.n_chunks; i++) {
        sl_frame *f = &c->frames[i];
        f->at = at;
        if (!sl_chunk_table_next(&table, &f->len,
                                 c->digests + i * (size_t)SL_DIGEST_SIZE))
            break;
        at += f->len;
    }
    if (err->code == SL_OK &&
        sl_reader_at(&table.r) - c->def.offset == c->def.table_size)
        return SL_OK;
    if (err->code == SL_EIO)
        return SL_EIO;
    *err = (sl_err){0};
    return sl_fail(err, SL_EIO, SL_ERR_NO_PLACE,
                   "the component's table of chunks has changed");
}

static sl_status read_table(sl_content *c, sl_err *err)
{
    size_t n = c->def.n_chunks;
    if (c->digests == NULL)
        c->digests = sl_malloc(n * SL_DIGEST_SIZE + 1);
    if (c->frames == NULL && c->def.zstd)
        c->frames = sl_calloc(n + 1, sizeof *c->frames);
    if (c->digests == NULL || (c->frames == NULL && c->def.zstd))
        return sl_fail(err, SL_ENOMEM, SL_ERR_NO_PLACE, "out of memory");
    if (c->def.zstd)
        return read_frames(c, err);
    return c->source->read_at(c->source, c->def.offset, c->digests,
                              n * SL_DIGEST_SIZE, err);
}

bool sl_content_is_loaded(const sl_content *c)
{
    return __atomic_load_n(&c->loaded, __ATOMIC_ACQUIRE);
}

sl_status sl_content_load(sl_content *c, sl_err *err)
{
    if (!c->declared || sl_content_is_loaded(c))
        return SL_OK;
    pthread_mutex_lock(&c->lock);
    sl_status st = c->loaded ? SL_OK : read_table(c, err);
    if (st == SL_OK)
        __atomic_store_n(&c->loaded, true, __ATOMIC_RELEASE);
    pthread_mutex_unlock(&c->lock);
    return st;
}

const uint8_t *sl_content_digest(const sl_content *c, uint64_t i)
{
    return c->digests + i * SL_DIGEST_SIZE;
}

sl_disk *sl_content_disk(const sl_content *c)
{
    return c->origin != NULL && c->origin->remote ? c->env->disk : NULL;
}

sl_disk_url sl_content_url(const sl_content *c)
{
    return (sl_disk_url){.url = c->source->url,
                         .etag = c->source->etag != NULL ? c->source->etag : "",
                         .size = c->source->size,
                         .chunk_shift = c->def.chunk_log};
}

bool sl_content_known_digest(const sl_content *c, uint64_t i, uint8_t *digest)
{
    if (c->declared) {
        memcpy(digest, sl_content_digest(c, i), SL_DIGEST_SIZE);
        return true;
    }
    sl_disk_url url = sl_content_url(c);
    sl_err err = {0};
    bool found = c->env->disk != NULL &&
                 sl_disk_find(c->env->disk, &url, i, digest, &err);
    sl_data_env_disk_said(c->env, &err);
    return found;
}

uint64_t sl_content_place(const sl_content *c, uint64_t i)
{
    return c->def.zstd ? c->frames[i].at : i << c->def.chunk_log;
}

size_t sl_content_raw_len(const sl_content *c, uint64_t i, size_t len)
{
    return c->def.zstd ? (size_t)c->frames[i].len : len;
}

/* --- What is known already ------------------------------------------------ */

size_t sl_content_read_cached(const sl_content *c, uint64_t at, void *to,
                              size_t len)
{
    if (!c->declared || !sl_content_is_loaded(c))
        return 0;
    uint64_t size = UINT64_C(1) << c->def.chunk_log;
    uint64_t i = at >> c->def.chunk_log, start = i << c->def.chunk_log;
    if (size > c->def.size - start)
        size = c->def.size - start;
    sl_blob *blob =
        sl_cache_get(c->env->cache, sl_content_digest(c, i), (size_t)size);
    if (blob == NULL)
        return 0;
    size_t skip = (size_t)(at - start);
    if (len > blob->len - skip)
        len = blob->len - skip;
    memcpy(to, blob->bytes + skip, len);
    sl_cache_leave(c->env->cache, blob);
    return len;
}
