/* Stores of one engine over an origin that counts, and answers when it is told
 * to. */
#ifndef SL_TESTS_DATA_STORES_H
#define SL_TESTS_DATA_STORES_H

#include <openssl/evp.h>

#include "base/buf.h"
#include "data/cache.h"
#include "data/disk.h"
#include "data/origin.h"
#include "unit/data/fixture.h"

enum { CHUNK = 4096, CHUNKS = 16, SIZE = CHUNK * CHUNKS };

/* --- An origin that answers when it is told to ----------------------------------- */

typedef struct held_read {
    sl_origin_read *read;
    sl_loop *loop;
    struct held_read *next;
    sl_post post;
} held_read;

/* What all stores' origins have counted. */
typedef struct counts {
    int reads, cancelled, hurried;
} counts;

typedef struct origin {
    sl_origin base;
    sl_loop *loop;
    counts *counts;
    held_read *held;
    bool answers; /* at once; else holds what is asked of it */
} origin;

static inline int count(int *n)
{
    return __atomic_add_fetch(n, 1, __ATOMIC_SEQ_CST);
}

static inline int counted(const int *n)
{
    return __atomic_load_n(n, __ATOMIC_SEQ_CST);
}

static inline void fill(uint64_t at, uint8_t *to, size_t len)
{
    for (size_t i = 0; i < len; i++)
        to[i] = byte_at(at + i);
}

static inline void on_answer(sl_post *post)
{
    held_read *h =
        (held_read *)(void *)((char *)post - offsetof(held_read, post));
    sl_origin_read *read = h->read;
    fill(read->at, read->to, read->len);
    read->state = NULL;
    free(h);
    read->done(read, NULL);
}

static inline sl_status origin_read(sl_origin *base, sl_origin_read *read, sl_err *err)
{
    origin *o = (origin *)base;
    held_read *h = calloc(1, sizeof *h);
    (void)err;
    count(&o->counts->reads);
    *h = (held_read){.read = read, .loop = o->loop, .next = o->held};
    h->post.fn = on_answer;
    read->state = h;
    if (o->answers)
        sl_loop_post(o->loop, &h->post);
    else
        o->held = h;
    return SL_OK;
}

static inline void unhold(origin *o, held_read *h)
{
    held_read **at = &o->held;
    while (*at != NULL && *at != h)
        at = &(*at)->next;
    if (*at != NULL)
        *at = h->next;
}

/* All that is held: right (`err` NULL), or not. */
static inline void answer(origin *o, const sl_err *err)
{
    o->answers = err == NULL;
    while (o->held != NULL) {
        held_read *h = o->held;
        o->held = h->next;
        if (err == NULL) {
            on_answer(&h->post);
        } else {
            sl_origin_read *read = h->read;
            free(h);
            read->done(read, err);
        }
    }
}

static inline void origin_cancel(sl_origin *base, sl_origin_read *read)
{
    origin *o = (origin *)base;
    held_read *h = read->state;
    count(&o->counts->cancelled);
    sl_loop_unpost(h->loop, &h->post);
    unhold(o, h);
    free(h);
}

static inline void origin_hurry(sl_origin *base, sl_origin_read *read)
{
    (void)read;
    count(&((origin *)base)->counts->hurried);
}

static inline void origin_close(sl_origin *base)
{
    assert_null(((origin *)base)->held);
    free(base);
}

static const sl_origin_ops origin_ops = {
    .read = origin_read,
    .cancel = origin_cancel,
    .hurry = origin_hurry,
    .close = origin_close,
};

/* --- Stores of an engine ------------------------------------------------------------ */

typedef struct engine {
    sl_data_env *env;
    sl_buf table;
    sl_segment_def def;
    sl_source *source;
    counts counts;
    bool remote; /* ... origins, which answer */
} engine;

typedef struct store {
    engine *engine;
    sl_loop *loop;
    bool owns_loop;
    sl_data_ctx *ctx;
    sl_segment *segment;
    origin *origin;
} store;

static inline void open_engine(engine *e)
{
    uint8_t content[CHUNK], digest[EVP_MAX_MD_SIZE];
    *e = (engine){.env = sl_data_env_new(NULL)};
    for (uint64_t i = 0; i < CHUNKS; i++) {
        fill(i * CHUNK, content, CHUNK);
        assert_int_equal(
            EVP_Digest(content, CHUNK, digest, NULL, EVP_sha256(), NULL), 1);
        sl_buf_bytes(&e->table, digest, SL_DIGEST_SIZE);
    }
    e->def = (sl_segment_def){.form = SL_SEGMENT_EXTERNAL,
                              .size = SIZE,
                              .reference = sl_name_of("x"),
                              .table_size = e->table.len,
                              .n_chunks = CHUNKS,
                              .chunk_log = 12};
    e->source = sl_source_buffer(e->table.data, e->table.len, false, NULL);
}

static inline void close_engine(engine *e)
{
    sl_source_unref(e->source);
    sl_data_env_unref(e->env);
    sl_buf_deinit(&e->table);
}

static inline sl_origin *bind_origin(void *arg, sl_data_ctx *ctx, sl_name reference,
                              sl_err *err)
{
    store *s = arg;
    (void)ctx, (void)reference, (void)err;
    s->origin = calloc(1, sizeof *s->origin);
    *s->origin = (origin){.base = {.ops = &origin_ops,
                                   .remote = s->engine->remote,
                                   .refs = 1},
                          .loop = s->loop,
                          .answers = s->engine->remote,
                          .counts = &s->engine->counts};
    return &s->origin->base;
}

static inline sl_segment *bind_segment(store *s, sl_source *source)
{
    return sl_segment_new(
        sl_backing_external(s->ctx, source, &s->engine->def, NULL),
        "segment 0", NULL);
}

/* `loop` NULL: one of its own. */
static inline void open_store(store *s, engine *e, sl_loop *loop)
{
    *s = (store){.engine = e, .loop = loop, .owns_loop = loop == NULL};
    if (loop == NULL)
        s->loop = sl_loop_new(NULL, NULL);
    s->ctx = sl_data_ctx_new(s->loop, NULL);
    sl_data_ctx_share(s->ctx, e->env);
    sl_data_ctx_bind(s->ctx,
                     &(sl_data_binder){.origin = bind_origin, .arg = s});
    s->segment = bind_segment(s, e->source);
}

static inline void close_store(store *s)
{
    sl_segment_unref(s->segment);
    sl_data_ctx_free(s->ctx);
    if (s->owns_loop)
        sl_loop_free(s->loop);
}

/* --- Turning loops --------------------------------------------------------------- */

static inline void on_over(void *arg)
{
    *(bool *)arg = true;
}

static inline void turn(sl_loop *loop)
{
    bool over = false;
    assert_non_null(sl_timer_start(loop, 2000000, on_over, &over, NULL));
    assert_true(sl_loop_run(loop, &over));
}

static inline void turn_until(sl_loop *loop, const int *n, int value)
{
    for (int i = 0; i < 5000 && counted(n) < value; i++)
        turn(loop);
    assert_true(counted(n) >= value);
}

/* Long enough for whoever wants to ask the origin. */
static inline void turn_for_a_while(sl_loop *loop)
{
    for (int i = 0; i < 20; i++)
        turn(loop);
}

/* --- What readers see -------------------------------------------------------------- */

static inline void want(sl_segment *s, reader *r, uint64_t chunk)
{
    memset(r, 0, sizeof *r);
    assert_int_equal(start_fetch(s, r, chunk * CHUNK + 5, 100, 0), SL_OK);
}

static inline bool is_right(sl_segment *s, uint64_t chunk)
{
    uint8_t got[100] = {0};
    uint64_t at = chunk * CHUNK + 5;
    sl_err err = {0};
    if (sl_segment_try_read(s, at, got, sizeof got, &err) != sizeof got)
        return false;
    for (size_t i = 0; i < sizeof got; i++)
        if (got[i] != byte_at(at + i))
            return false;
    return true;
}

static inline void expect_right(store *s, sl_segment *segment, reader *r,
                         uint64_t chunk)
{
    assert_true(sl_loop_run(s->loop, &r->done));
    assert_int_equal(r->err.code, SL_OK);
    assert_true(is_right(segment, chunk));
    sl_segment_release(segment, &r->fetch);
}

#endif
