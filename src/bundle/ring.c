#include "bundle/ring.h"

#include <pthread.h>
#include <sched.h>

#include "base/alloc.h"

#define THREADS_MAX 4
#define SLOTS_MAX   (2 * THREADS_MAX)
/* Chunks up to this size are held whole, one per slot; larger ones go straight
 * through, one after the other. */
#define HELD_BYTES ((uint64_t)4 << 20)

typedef enum slot_state {
    SLOT_FREE,
    SLOT_READY,
    SLOT_BUSY,
    SLOT_DONE,
} slot_state;

typedef struct slot {
    slot_state state;
    sl_coder_chunk chunk;
    sl_buf out;
    sl_err err;
} slot;

typedef struct ring {
    const sl_coding *coding;
    slot slots[SLOTS_MAX];
    unsigned n_slots, n_threads;
    uint64_t taken; /* the next chunk that a thread takes */
    bool stop;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    pthread_t threads[THREADS_MAX];
    sl_coder *coders[THREADS_MAX];
} ring;

uint64_t sl_chunk_count(uint64_t size, uint8_t chunk_log)
{
    uint64_t bytes = UINT64_C(1) << chunk_log;
    return size / bytes + (size % bytes != 0);
}

static bool nomem(const sl_coding *c)
{
    sl_fail(c->err, SL_ENOMEM, SL_ERR_NO_PLACE, "out of memory");
    return false;
}

/* What is known of chunk `i` before it is worked on; *from moves on. */
static bool prepare(const sl_coding *c, uint64_t i, uint64_t *from,
                    sl_coder_chunk *chunk)
{
    uint64_t bytes = UINT64_C(1) << c->chunk_log;
    uint64_t left = c->size - i * bytes;
    *chunk = (sl_coder_chunk){
        .at = i * bytes, .size = left < bytes ? left : bytes, .from = *from};
    chunk->stored = chunk->size;
    if (c->next != NULL && !c->next(c->arg, chunk))
        return false;
    *from += chunk->stored;
    return true;
}

static bool finished(const sl_coding *c, const sl_coder_chunk *chunk,
                     uint64_t bytes)
{
    if (c->done != NULL && !c->done(c->arg, chunk, bytes))
        return false;
    sl_watch_add(c->watch, chunk->size, c->err);
    return c->err->code == SL_OK;
}

/* --- One after the other ------------------------------------------------ */

static bool put_output(void *arg, const void *bytes, size_t len)
{
    sl_output *out = arg;
    sl_output_bytes(out, bytes, len);
    return out->err->code == SL_OK;
}

static void run_serial(const sl_coding *c)
{
    uint64_t n = sl_chunk_count(c->size, c->chunk_log), from = c->from;
    sl_coder *coder = sl_coder_new(c->kind, c->level);
    bool good = coder != NULL || nomem(c);
    for (uint64_t i = 0; good && i < n; i++) {
        sl_coder_chunk chunk;
        uint64_t before = c->out->at;
        good = prepare(c, i, &from, &chunk) &&
               sl_coder_run(coder, c->source, &chunk, put_output, c->out,
                            c->err) == SL_OK &&
               finished(c, &chunk, c->out->at - before);
    }
    sl_coder_free(coder);
}

/* --- Threads ------------------------------------------------------------ */

static bool put_slot(void *arg, const void *bytes, size_t len)
{
    slot *s = arg;
    sl_buf_bytes(&s->out, bytes, len);
    if (s->out.failed)
        sl_fail(&s->err, SL_ENOMEM, SL_ERR_NO_PLACE, "out of memory");
    return !s->out.failed;
}

static slot *slot_of(ring *r, uint64_t i)
{
    return &r->slots[i % r->n_slots];
}

/* The next chunk to work on; NULL: no more will come. The lock is held. */
static slot *take(ring *r)
{
    while (!r->stop && slot_of(r, r->taken)->state != SLOT_READY)
        pthread_cond_wait(&r->changed, &r->lock);
    if (r->stop)
        return NULL;
    slot *s = slot_of(r, r->taken++);
    s->state = SLOT_BUSY;
    return s;
}

static void work(ring *r, sl_coder *coder)
{
    pthread_mutex_lock(&r->lock);
    for (slot *s; (s = take(r)) != NULL;) {
        pthread_mutex_unlock(&r->lock);
        sl_coder_run(coder, r->coding->source, &s->chunk, put_slot, s, &s->err);
        pthread_mutex_lock(&r->lock);
        s->state = SLOT_DONE;
        pthread_cond_broadcast(&r->changed);
    }
    pthread_mutex_unlock(&r->lock);
}

static void *thread_main(void *arg)
{
    ring *r = arg;
    pthread_mutex_lock(&r->lock);
    unsigned mine = 0;
    while (!pthread_equal(r->threads[mine], pthread_self()))
        mine++;
    pthread_mutex_unlock(&r->lock);
    work(r, r->coders[mine]);
    return NULL;
}

/* False when there is not even one. */
static bool start_threads(ring *r, unsigned n)
{
    const sl_coding *c = r->coding;
    pthread_mutex_lock(&r->lock); /* they look into `threads` */
    while (r->n_threads < n) {
        sl_coder *coder = sl_coder_new(c->kind, c->level);
        if (coder == NULL || pthread_create(&r->threads[r->n_threads], NULL,
                                            thread_main, r) != 0) {
            sl_coder_free(coder);
            break;
        }
        r->coders[r->n_threads++] = coder;
    }
    r->n_slots = 2 * r->n_threads;
    pthread_mutex_unlock(&r->lock);
    return r->n_threads != 0;
}

static void stop_threads(ring *r)
{
    pthread_mutex_lock(&r->lock);
    r->stop = true;
    pthread_cond_broadcast(&r->changed);
    pthread_mutex_unlock(&r->lock);
    for (unsigned i = 0; i < r->n_threads; i++) {
        pthread_join(r->threads[i], NULL);
        sl_coder_free(r->coders[i]);
    }
    for (unsigned i = 0; i < r->n_slots; i++)
        sl_buf_deinit(&r->slots[i].out);
}

static void set_state(ring *r, slot *s, slot_state state)
{
    pthread_mutex_lock(&r->lock);
    s->state = state;
    pthread_cond_broadcast(&r->changed);
    pthread_mutex_unlock(&r->lock);
}

static bool fill(ring *r, uint64_t i, uint64_t *from)
{
    slot *s = slot_of(r, i);
    if (!prepare(r->coding, i, from, &s->chunk))
        return false;
    sl_buf_clear(&s->out);
    set_state(r, s, SLOT_READY);
    return true;
}

static bool drain(ring *r, uint64_t i)
{
    const sl_coding *c = r->coding;
    slot *s = slot_of(r, i);
    pthread_mutex_lock(&r->lock);
    while (s->state != SLOT_DONE)
        pthread_cond_wait(&r->changed, &r->lock);
    s->state = SLOT_FREE;
    pthread_mutex_unlock(&r->lock);
    if (s->err.code != SL_OK) {
        sl_fail(c->err, s->err.code, s->err.at, "%s", s->err.msg);
        return false;
    }
    return put_output(c->out, s->out.data, s->out.len) &&
           finished(c, &s->chunk, s->out.len);
}

static void run_ring(ring *r)
{
    const sl_coding *c = r->coding;
    uint64_t n = sl_chunk_count(c->size, c->chunk_log), from = c->from;
    bool good = true;
    for (uint64_t filled = 0, drained = 0; good && drained < n;) {
        while (good && filled < n && filled - drained < r->n_slots)
            good = fill(r, filled++, &from);
        good = good && drain(r, drained++);
    }
}

static unsigned processors(void)
{
    cpu_set_t set;
    int n = sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
    return n < THREADS_MAX ? (unsigned)n : THREADS_MAX;
}

static bool run_threads(const sl_coding *c, unsigned n)
{
    ring r = {.coding = c};
    pthread_mutex_init(&r.lock, NULL);
    pthread_cond_init(&r.changed, NULL);
    bool started = start_threads(&r, n);
    if (started)
        run_ring(&r);
    stop_threads(&r);
    pthread_cond_destroy(&r.changed);
    pthread_mutex_destroy(&r.lock);
    return started;
}

sl_status sl_code_all(sl_coding *c)
{
    uint64_t n = sl_chunk_count(c->size, c->chunk_log);
    unsigned threads = processors();
    if (n < threads)
        threads = (unsigned)n;
    if (threads < 2 || UINT64_C(1) << c->chunk_log > HELD_BYTES ||
        !run_threads(c, threads))
        run_serial(c);
    return c->err->code;
}
