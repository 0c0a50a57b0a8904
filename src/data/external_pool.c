/* What the pool does for a chunk. docs/data-segments.md, section 5. */
#include "data/external_int.h"

#include <inttypes.h>
#include <string.h>

#include "base/alloc.h"

enum { BATCH = 2 }; /* chunks that are proved together: data/sha256.h */

/* --- What has been verified before ---------------------------------------- */

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

/* --- Bytes to be proved --------------------------------------------------- */

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

/* Whether there are any: else it is over or up to the loop. */
static bool read_raw(sl_external_chunk *c)
{
    sl_content *of = c->content;
    if (of->origin == NULL) {
        sl_fail(&c->result, SL_EIO, SL_ERR_NO_PLACE,
                "`%.*s`: the component has no place beside which to look",
                SL_NAME_ARGS(of->def.reference));
        return false;
    }
    if (of->origin->ops->read_now == NULL || !sl_external_leads(c))
        return false;
    uint64_t i = sl_external_number(c);
    size_t len = sl_content_raw_len(of, i, c->chunk.len);
    if (sl_external_make_room(c) != SL_OK ||
        of->origin->ops->read_now(of->origin, sl_content_place(of, i),
                                  sl_external_raw(c), len, &c->result) != SL_OK)
        return false;
    c->brought = len;
    return true;
}

static bool look_up_and_read(sl_external_chunk *c)
{
    if (c->waits || c->checked ||
        sl_content_load(c->content, &c->result) != SL_OK)
        return false;
    c->checked = look_up(c);
    return !c->checked && read_raw(c);
}

static void blame(sl_external_chunk *c, const sl_err *cause)
{
    sl_fail(&c->result, cause->code, SL_ERR_NO_PLACE,
            "`%.*s`, chunk %" PRIu64 ": %s",
            SL_NAME_ARGS(c->content->def.reference), sl_external_number(c),
            cause->msg);
}

static bool inflate(sl_external_chunk *c)
{
    const sl_content *of = c->content;
    sl_err cause = {0};
    if (!of->def.zstd)
        return true;
    size_t len = sl_content_raw_len(of, sl_external_number(c), c->chunk.len);
    if (sl_inflate(of->env->inflaters, c->raw, len, c->blob->bytes,
                   c->chunk.len, &cause) == SL_OK)
        return true;
    blame(c, &cause);
    return false;
}

static bool obtain(sl_external_chunk *c)
{
    return (c->fetched || look_up_and_read(c)) && inflate(c);
}

/* --- Proving -------------------------------------------------------------- */

void sl_external_accept(sl_external_chunk *c)
{
    const sl_content *of = c->content;
    c->checked = true;
    if (of->declared) {
        memcpy(c->blob->digest, sl_content_digest(of, sl_external_number(c)),
               SL_DIGEST_SIZE);
        sl_cache_put(of->env->cache, c->blob);
    }
    sl_flight_end(&c->flight, c->blob, NULL);
}

static void prove(sl_external_chunk **chunks, size_t n)
{
    sl_claim claims[BATCH];
    for (size_t i = 0; i < n; i++)
        claims[i] = (sl_claim){
            .bytes = chunks[i]->blob->bytes,
            .len = chunks[i]->chunk.len,
            .digest = sl_content_digest(chunks[i]->content,
                                        sl_external_number(chunks[i])),
        };
    sl_verify(claims, n);
    for (size_t i = 0; i < n; i++)
        if (claims[i].err.code == SL_OK)
            sl_external_accept(chunks[i]);
        else
            blame(chunks[i], &claims[i].err);
}

/* --- The line of chunks that wait for the pool ---------------------------- */

/* One for each chunk that was submitted; it takes what it finds, chunks that
 * are best proved together, or nothing. */
typedef struct sl_external_ticket {
    sl_work work;
    struct sl_external_ticket *next; /* in content->tickets */
    sl_content *content;
    sl_external_chunk *taken[BATCH];
    size_t n;
} ticket;

/* Whether there is one more to take. Inflating two takes twice as long: a
 * second one is left to the pool's other threads while all may come for one. */
static bool may_take(const ticket *t)
{
    enum { THREADS = 4 };
    uint32_t least = t->n != 0 && t->content->def.zstd ? THREADS : 1;
    return t->n < BATCH && t->content->in_line >= least;
}

static bool take(ticket *t)
{
    sl_content *of = t->content;
    pthread_mutex_lock(&of->line_lock);
    bool more = may_take(t);
    if (more) {
        sl_external_chunk *c = t->taken[t->n++] = of->line;
        of->line = c->next;
        of->in_line--;
        if (c->given_up)
            sl_fail(&c->result, SL_ECANCELLED, SL_ERR_NO_PLACE, "cancelled");
    }
    pthread_mutex_unlock(&of->line_lock);
    return more;
}

static void ticket_work(sl_work *work)
{
    ticket *t = (ticket *)work;
    sl_external_chunk *obtained[BATCH];
    size_t n = 0;
    for (size_t i = 0; take(t);) { /* more may come while these are read */
        while (take(t))
            ;
        for (; i < t->n; i++) {
            sl_external_chunk *c = t->taken[i];
            sl_span_begin(&c->work_span);
            if (c->result.code == SL_OK && obtain(c))
                obtained[n++] = c;
        }
    }
    prove(obtained, n);
    for (size_t i = t->n; i-- > 0;) /* the first span holds the others */
        sl_span_end(&t->taken[i]->work_span);
}

static void ticket_done(sl_work *work, bool cancelled)
{
    ticket *t = (ticket *)work;
    (void)cancelled; /* nobody does */
    for (size_t i = 0; i < t->n; i++)
        sl_external_done(t->taken[i]);
    sl_content_unref(t->content);
    sl_free(t);
}

static void append(sl_external_chunk *c)
{
    sl_content *of = c->content;
    c->next = NULL;
    *(of->line != NULL ? &of->line_end->next : &of->line) = c;
    of->line_end = c;
    of->in_line++;
}

sl_status sl_external_submit(sl_external_chunk *c, sl_err *err)
{
    sl_content *of = c->content;
    ticket *t = sl_calloc(1, sizeof *t);
    if (t == NULL)
        return sl_fail(err, SL_ENOMEM, SL_ERR_NO_PLACE, "out of memory");
    t->work.work = ticket_work;
    t->work.done = ticket_done;
    if (sl_work_prepare(c->chunk.loop, &t->work, err) != SL_OK) {
        sl_free(t);
        return SL_ENOMEM;
    }
    t->content = of;
    of->refs++;
    t->next = of->tickets;
    of->tickets = t;
    pthread_mutex_lock(&of->line_lock);
    append(c);
    pthread_mutex_unlock(&of->line_lock);
    return SL_OK;
}

void sl_external_begin(sl_content *of)
{
    while (of->tickets != NULL) {
        ticket *t = of->tickets;
        of->tickets = t->next;
        sl_work_begin(&t->work);
    }
}

void sl_external_give_up(sl_external_chunk *c)
{
    pthread_mutex_lock(&c->content->line_lock);
    c->given_up = true;
    pthread_mutex_unlock(&c->content->line_lock);
}
