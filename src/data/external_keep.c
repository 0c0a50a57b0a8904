/* Keeping on disk what was fetched: nobody waits for it. */
#include "data/external_int.h"

#include <string.h>

#include "base/alloc.h"

typedef struct keeping {
    sl_work work;
    sl_content *content;
    sl_blob *blob;
    uint64_t number;
    sl_tracer *tracer; /* a reference, or NULL */
    sl_span span;
} keeping;

static void put(keeping *k)
{
    const sl_content *of = k->content;
    uint8_t digest[SL_DIGEST_SIZE];
    memcpy(digest, k->blob->digest, sizeof digest);
    if (!of->declared && !sl_disk_digest(k->blob->bytes, k->blob->len, digest))
        return;
    sl_err err = {0};
    bool stored =
        sl_disk_put(of->env->disk, digest, k->blob->bytes, k->blob->len, &err);
    sl_data_env_disk_said(of->env, &err);
    if (!stored || of->declared)
        return;
    sl_disk_url url = sl_content_url(of);
    sl_disk_note(of->env->disk, &url, k->number, digest, NULL);
}

static void keep_work(sl_work *work)
{
    keeping *k = (keeping *)work;
    sl_span_begin(&k->span);
    put(k);
    sl_span_end(&k->span);
}

static void keep_done(sl_work *work, bool cancelled)
{
    keeping *k = (keeping *)work;
    (void)cancelled;
    sl_span_tell(&k->span, k->tracer, "store on disk", k->number, k->blob->len);
    sl_tracer_unref(k->tracer);
    sl_cache_leave(k->content->env->cache, k->blob);
    sl_content_unref(k->content);
    sl_free(k);
}

void sl_external_keep(sl_external_chunk *c, sl_tracer *tracer)
{
    keeping *k = sl_content_disk(c->content) != NULL && c->checked && c->fetched
                     ? sl_malloc(sizeof *k)
                     : NULL;
    if (k == NULL)
        return;
    *k = (keeping){.work = {keep_work, keep_done, NULL},
                   .content = c->content,
                   .blob = sl_blob_ref(c->blob),
                   .number = sl_external_number(c),
                   .tracer = sl_tracer_ref(tracer),
                   .span = {.wanted = tracer != NULL}};
    c->content->refs++;
    if (sl_work_start(c->chunk.loop, &k->work, NULL) != SL_OK)
        keep_done(&k->work, true);
}
