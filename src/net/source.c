/* A source over HTTP: what a decoder reads from. It blocks its thread, with a
 * multi handle of its own so that the deadlines are those of the loop's
 * requests, and keeps blocks, because decoding reads a few bytes here and
 * there. */
#include "net/http_int.h"

#include <pthread.h>
#include <string.h>
#include <time.h>

#include "base/alloc.h"

#define BLOCK    ((uint64_t)64 << 10)
#define N_BLOCKS 16u

typedef struct block {
    uint8_t *bytes; /* NULL: none yet */
    uint64_t at;
    size_t len;
    uint64_t used; /* the turn of its last use */
} block;

typedef struct http_source {
    sl_source base;       /* first */
    pthread_mutex_t lock; /* of everything below */
    sl_http_config config;
    sl_http_stats stats;
    sl_identity id;
    sl_sockets sockets;
    char *url;
    CURLM *multi;
    block blocks[N_BLOCKS];
    uint64_t turn;
} http_source;

/* --- One range
 * -------------------------------------------------------------------- */

/* Where the bytes go: `len` of them, and those behind to another place. */
typedef struct place {
    uint8_t *to;
    size_t len;
    uint8_t *behind;
    size_t n_behind;
} place;

typedef struct range_read {
    sl_exchange x; /* first */
    place place;
    uint64_t at; /* of its first byte */
} range_read;

static bool take_body(sl_exchange *x, uint64_t at, const uint8_t *bytes,
                      size_t n)
{
    const range_read *r = (const range_read *)x;
    const place *p = &r->place;
    size_t skip = (size_t)(at - r->at);
    size_t here = skip >= p->len ? 0 : p->len - skip < n ? p->len - skip : n;
    if (here != 0)
        memcpy(p->to + skip, bytes, here);
    if (here < n)
        memcpy(p->behind + (skip + here - p->len), bytes + here, n - here);
    return true;
}

static int wait_ms(const sl_exchange *x)
{
    uint64_t now = sl_loop_now_ns();
    uint64_t ms =
        x->deadline_ns > now ? (x->deadline_ns - now) / 1000000 + 1 : 0;
    return ms < 60000 ? (int)ms : 60000;
}

/* Runs a transfer to its end: curl's result, or CURLE_OPERATION_TIMEDOUT. */
static CURLcode transfer(http_source *s, sl_exchange *x)
{
    CURLcode code = CURLE_OPERATION_TIMEDOUT;
    CURLMcode rc = curl_multi_add_handle(s->multi, x->easy);
    int running = 1;
    while (rc == CURLM_OK && running != 0 &&
           !sl_exchange_late(x, sl_loop_now_ns())) {
        rc = curl_multi_perform(s->multi, &running);
        if (rc == CURLM_OK && running != 0)
            rc = curl_multi_poll(s->multi, NULL, 0, wait_ms(x), NULL);
    }
    int left = 0;
    for (CURLMsg *m; (m = curl_multi_info_read(s->multi, &left)) != NULL;)
        if (m->msg == CURLMSG_DONE)
            code = m->data.result;
    if (rc != CURLM_OK)
        code = CURLE_OUT_OF_MEMORY;
    curl_multi_remove_handle(s->multi, x->easy);
    return code;
}

static sl_verdict attempt(http_source *s, sl_exchange *x)
{
    sl_verdict verdict = SL_HTTP_REDIRECT;
    bool ok = sl_exchange_start(x, NULL);
    while (ok && verdict == SL_HTTP_REDIRECT) {
        verdict = sl_exchange_end(x, transfer(s, x));
        if (verdict == SL_HTTP_REDIRECT)
            ok = sl_exchange_follow(x, NULL);
    }
    return ok ? verdict : sl_exchange_end(x, CURLE_OK);
}

static void rest(uint64_t ns)
{
    struct timespec left = {(time_t)(ns / 1000000000), (long)(ns % 1000000000)};
    while (nanosleep(&left, &left) != 0)
        continue; /* a signal */
}

/* Reads from `at` on as much as `to` says. A probe may find out that there is
 * less; *got says how much. */
static sl_status read_range(http_source *s, uint64_t at, place to, bool probe,
                            size_t *got, sl_err *err)
{
    range_read r = {.place = to, .at = at};
    sl_exchange *x = &r.x;
    sl_verdict verdict = SL_HTTP_PENDING;
    uint32_t tries = 0;
    x->config = &s->config;
    x->stats = &s->stats;
    x->id = &s->id;
    x->sockets = &s->sockets;
    x->url = s->url;
    x->from = at;
    x->to = at + to.len + to.n_behind;
    x->probe = probe;
    x->body = take_body;
    if (s->config.total_ms != 0)
        x->last_ns = sl_loop_now_ns() + (uint64_t)s->config.total_ms * 1000000;
    for (;;) {
        tries++;
        verdict = attempt(s, x);
        if (verdict != SL_HTTP_RETRY)
            break;
        if (sl_exchange_progressed(x))
            tries = 1;
        uint64_t delay = sl_exchange_delay_ns(x, tries);
        if (tries > s->config.retries ||
            (x->last_ns != 0 && sl_loop_now_ns() + delay >= x->last_ns))
            break;
        if (x->at < x->to)
            x->from = x->at; /* what is missing */
        s->stats.retries++;
        rest(delay);
    }
    *got = (size_t)(x->at - at);
    sl_err why = {0};
    if (verdict != SL_HTTP_DONE)
        sl_exchange_explain(x, tries, x->from, x->to, &why);
    sl_exchange_deinit(x);
    return why.code == SL_OK ? SL_OK
                             : sl_fail(err, why.code, at, "%s", why.msg);
}

/* --- Blocks
 * ----------------------------------------------------------------------- */

static block *find_block(http_source *s, uint64_t at)
{
    for (block *b = s->blocks; b < s->blocks + N_BLOCKS; b++)
        if (b->bytes != NULL && b->len != 0 && b->at == at) {
            b->used = ++s->turn;
            return b;
        }
    return NULL;
}

/* The one that has not been used for longest, emptied; NULL: no memory. */
static block *make_block(http_source *s)
{
    block *oldest = s->blocks;
    for (block *b = s->blocks; b < s->blocks + N_BLOCKS; b++)
        if (b->used < oldest->used)
            oldest = b;
    if (oldest->bytes == NULL)
        oldest->bytes = sl_malloc(BLOCK);
    oldest->len = 0;
    oldest->used = ++s->turn;
    return oldest->bytes != NULL ? oldest : NULL;
}

static sl_status read_block(http_source *s, uint64_t at, block **out,
                            sl_err *err)
{
    size_t got = 0;
    uint64_t left = s->base.size - at;
    *out = find_block(s, at);
    if (*out != NULL)
        return SL_OK;
    block *b = make_block(s);
    if (b == NULL)
        return sl_fail(err, SL_ENOMEM, SL_ERR_NO_PLACE, "out of memory");
    size_t len = left < BLOCK ? (size_t)left : (size_t)BLOCK;
    sl_status st = read_range(s, at, (place){b->bytes, len}, false, &got, err);
    if (st != SL_OK)
        return st;
    b->at = at;
    b->len = len;
    *out = b;
    return SL_OK;
}

/* A long read goes straight to its place. It ends inside of a block, most of
 * the time, which is completed: what is read next begins there. */
static sl_status read_long(http_source *s, uint64_t at, uint8_t *to, size_t len,
                           sl_err *err)
{
    uint64_t end = at + len, start = end / BLOCK * BLOCK;
    uint64_t left = s->base.size - start;
    size_t here = (size_t)(end - start), got = 0;
    size_t whole = left < BLOCK ? (size_t)left : (size_t)BLOCK;
    place p = {to, len, NULL, 0};
    block *b = NULL;
    if (here != 0 && here < whole && find_block(s, start) == NULL &&
        (b = make_block(s)) != NULL) {
        p.behind = b->bytes + here;
        p.n_behind = whole - here;
    }
    sl_status st = read_range(s, at, p, false, &got, err);
    if (st == SL_OK && b != NULL) {
        memcpy(b->bytes, to + len - here, here);
        b->at = start;
        b->len = whole;
    }
    return st;
}

/* What is short goes through blocks. */
static sl_status read_locked(http_source *s, uint64_t at, uint8_t *to,
                             size_t len, sl_err *err)
{
    while (len != 0) {
        uint64_t start = at / BLOCK * BLOCK;
        block *b = find_block(s, start);
        if (b == NULL && len >= BLOCK)
            return read_long(s, at, to, len, err);
        sl_status st = b != NULL ? SL_OK : read_block(s, start, &b, err);
        if (st != SL_OK)
            return st;
        size_t skip = (size_t)(at - start);
        size_t n = b->len - skip < len ? b->len - skip : len;
        memcpy(to, b->bytes + skip, n);
        at += n;
        to += n;
        len -= n;
    }
    return SL_OK;
}

/* --- The source
 * ------------------------------------------------------------------- */

static sl_status read_http(sl_source *source, uint64_t at, void *to, size_t len,
                           sl_err *err)
{
    http_source *s = (http_source *)source;
    if (at > source->size || len > source->size - at)
        return sl_fail(err, SL_EIO, at, "unexpected end of %.100s", s->url);
    pthread_mutex_lock(&s->lock);
    sl_status st = read_locked(s, at, to, len, err);
    pthread_mutex_unlock(&s->lock);
    return st;
}

static void close_http(sl_source *source)
{
    http_source *s = (http_source *)source;
    for (size_t i = 0; i < N_BLOCKS; i++)
        sl_free(s->blocks[i].bytes);
    curl_multi_cleanup(s->multi);
    sl_vec_deinit(&s->sockets);
    sl_identity_deinit(&s->id);
    sl_http_config_deinit(&s->config);
    pthread_mutex_destroy(&s->lock);
    sl_free(s->url);
    sl_free(s);
}

/* The first block: it says what the rest is of. */
static sl_status probe(http_source *s, sl_err *err)
{
    size_t got = 0;
    block *b = make_block(s);
    if (b == NULL)
        return sl_fail(err, SL_ENOMEM, SL_ERR_NO_PLACE, "out of memory");
    sl_status st = read_range(s, 0, (place){b->bytes, BLOCK}, true, &got, err);
    if (st != SL_OK)
        return st;
    b->len = got;
    s->base.size = s->id.size;
    s->base.url = s->url;
    s->base.etag = s->id.validator;
    return SL_OK;
}

sl_source *sl_source_http(const char *url, const sl_http_config *config,
                          sl_err *err)
{
    if (!sl_curl_ready(err))
        return NULL;
    http_source *s = sl_calloc(1, sizeof *s);
    if (s == NULL) {
        sl_fail(err, SL_ENOMEM, SL_ERR_NO_PLACE, "out of memory");
        return NULL;
    }
    s->base = (sl_source){
        .read_at = read_http, .fd = -1, .refs = 1, .close = close_http};
    s->id.size = SL_HTTP_UNKNOWN;
    pthread_mutex_init(&s->lock, NULL);
    bool ok = sl_http_config_copy(&s->config, config);
    s->multi = curl_multi_init();
    s->url = sl_url_check(url, NULL, s->config.allow_private, err);
    if (!ok || s->multi == NULL)
        sl_fail(err, SL_ENOMEM, SL_ERR_NO_PLACE, "out of memory");
    else if (s->url != NULL && probe(s, err) == SL_OK)
        return &s->base;
    close_http(&s->base);
    return NULL;
}

sl_http_stats sl_source_http_stats(sl_source *source)
{
    http_source *s = (http_source *)source;
    pthread_mutex_lock(&s->lock);
    sl_http_stats stats = s->stats;
    pthread_mutex_unlock(&s->lock);
    return stats;
}
