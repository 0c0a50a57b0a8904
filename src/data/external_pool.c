/* What the pool does for a chunk. docs/data-segments.md, section 5. */
#include "data/external_int.h"

#include <inttypes.h>
#include <string.h>

#include "base/alloc.h"

sl_status sl_external_make_room(sl_external_chunk *c)
{
    size_t len =
        sl_content_raw_len(c->content, sl_external_number(c), c->chunk.len);
    if (c->content->def.zstd && len > sl_deflate_bound(c->chunk.len))
        return sl_fail(&c->result, SL_EIO, SL_ERR_NO_PLACE,
                       "bad zstd frame: %zu bytes for a chunk of %zu", len,
                       c->chunk.len);
    if (c->blob == NULL)
        c->blob = sl_cache_take(c->content->env->cache, c->chunk.len);
    if (c->raw == NULL && c->content->def.zstd)
        c->raw = sl_malloc(len != 0 ? len : 1);
    if (c->blob == NULL || (c->raw == NULL && c->content->def.zstd))
        return sl_fail(&c->result, SL_ENOMEM, SL_ERR_NO_PLACE, "out of memory");
    return SL_OK;
}

uint8_t *sl_external_raw(const sl_external_chunk *c)
{
    return c->raw != NULL ? c->raw : c->blob->bytes;
}

/* Inflates and verifies. */
static sl_status prove(sl_external_chunk *c, sl_err *cause)
{
    sl_content *of = c->content;
    uint64_t i = sl_external_number(c);
    sl_status st = SL_OK;
    if (of->def.zstd)
        st = sl_inflate(of->env->inflaters, c->raw,
                        sl_content_raw_len(of, i, c->chunk.len), c->blob->bytes,
                        c->chunk.len, cause);
    if (st == SL_OK)
        st = sl_verify(c->blob->bytes, c->chunk.len, sl_content_digest(of, i),
                       cause);
    if (st == SL_OK)
        memcpy(c->blob->digest, sl_content_digest(of, i), SL_DIGEST_SIZE);
    return st;
}

void sl_external_check(sl_external_chunk *c)
{
    sl_content *of = c->content;
    sl_err cause = {0};
    sl_status st = of->declared ? prove(c, &cause) : SL_OK;
    if (st != SL_OK) {
        sl_fail(
            &c->result, st, SL_ERR_NO_PLACE, "`%.*s`, chunk %" PRIu64 ": %s",
            SL_NAME_ARGS(of->def.reference), sl_external_number(c), cause.msg);
        return;
    }
    c->checked = true;
    if (of->declared)
        sl_cache_put(of->env->cache, c->blob);
    sl_flight_end(&c->flight, c->blob, NULL);
}

/* From the cache on disk, to be mapped. */
static bool open_entry(sl_external_chunk *c, sl_disk *disk,
                       const uint8_t *digest)
{
    sl_err err = {0};
    bool hit = sl_disk_open_entry(disk, digest, c->chunk.len, &c->fd, &err);
    sl_data_env_disk_said(c->content->env, &err);
    c->from = hit ? SL_EXTERNAL_DISK : SL_EXTERNAL_SOUGHT;
    return hit;
}

/* What has been verified before. */
static bool look_up(sl_external_chunk *c)
{
    sl_content *of = c->content;
    uint8_t digest[SL_DIGEST_SIZE];
    if (!sl_content_known_digest(of, sl_external_number(c), digest))
        return false;
    c->blob = sl_cache_get(of->env->cache, digest, c->chunk.len);
    c->from = SL_EXTERNAL_MEMORY;
    if (c->blob != NULL)
        return true;
    c->from = SL_EXTERNAL_SOUGHT;
    sl_disk *disk = sl_content_disk(of);
    if (disk != NULL && c->maps)
        return open_entry(c, disk, digest);
    if (disk == NULL ||
        (c->blob = sl_cache_take(of->env->cache, c->chunk.len)) == NULL)
        return false;
    sl_err err = {0};
    bool hit = sl_disk_get(disk, digest, c->blob->bytes, c->chunk.len, &err);
    sl_data_env_disk_said(of->env, &err);
    if (!hit)
        return false;
    memcpy(c->blob->digest, digest, SL_DIGEST_SIZE);
    sl_cache_put(of->env->cache, c->blob);
    c->from = SL_EXTERNAL_DISK;
    return true;
}

/* By what others know the chunk. What names content without digests is made of
 * its URL: the number tells its chunks apart. */
static void name_flight(sl_external_chunk *c)
{
    const sl_content *of = c->content;
    uint64_t i = sl_external_number(c);
    sl_flight *f = &c->flight;
    memcpy(f->key, of->declared ? sl_content_digest(of, i) : of->name,
           sizeof f->key);
    for (int byte = 0; !of->declared && byte < 8; byte++)
        f->key[byte] ^= (uint8_t)(i >> 8 * byte);
    f->declared = of->declared;
    f->len = c->chunk.len;
}

bool sl_external_leads(sl_external_chunk *c)
{
    sl_content *of = c->content;
    if (!of->shared)
        return true;
    name_flight(c);
    c->waits = sl_flight_join(&c->flight) == SL_FLIGHT_WAITS;
    if (c->waits || !of->declared)
        return !c->waits;
    /* It may have come between looking and joining. */
    sl_blob *blob = sl_cache_get(of->env->cache, c->flight.key, c->chunk.len);
    if (blob == NULL)
        return true;
    sl_cache_leave(of->env->cache, c->blob);
    c->blob = blob;
    c->from = SL_EXTERNAL_MEMORY;
    c->checked = true;
    sl_flight_end(&c->flight, blob, NULL);
    return false;
}

static void look_up_and_read(sl_external_chunk *c)
{
    sl_content *of = c->content;
    if (c->waits || c->checked || sl_content_load(of, &c->result) != SL_OK)
        return;
    c->checked = look_up(c);
    if (c->checked)
        return;
    if (of->origin == NULL) {
        sl_fail(&c->result, SL_EIO, SL_ERR_NO_PLACE,
                "`%.*s`: the component has no place beside which to look",
                SL_NAME_ARGS(of->def.reference));
        return;
    }
    if (of->origin->ops->read_now == NULL || !sl_external_leads(c))
        return;
    uint64_t i = sl_external_number(c);
    size_t len = sl_content_raw_len(of, i, c->chunk.len);
    if (sl_external_make_room(c) == SL_OK &&
        of->origin->ops->read_now(of->origin, sl_content_place(of, i),
                                  sl_external_raw(c), len,
                                  &c->result) == SL_OK) {
        c->brought = len;
        sl_external_check(c);
    }
}

void sl_external_work(sl_work *work)
{
    sl_external_chunk *c =
        (sl_external_chunk *)(void *)((char *)work -
                                      offsetof(sl_external_chunk, work));
    sl_span_begin(&c->work_span);
    if (c->fetched)
        sl_external_check(c);
    else
        look_up_and_read(c);
    sl_span_end(&c->work_span);
}
