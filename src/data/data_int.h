/* What the files of data/ share: the context, and chunks - pieces of a backing
 * that are being read or have been. One chunk in flight per range, whoever
 * asks; readers wait on chunks, not on requests of their own. */
#ifndef SL_DATA_DATA_INT_H
#define SL_DATA_DATA_INT_H

#include "data/cache.h"
#include "data/disk.h"
#include "data/flight.h"
#include "data/segment.h"
#include "data/verify.h"
#include "net/http.h"

#define SL_CACHE_BUDGET (UINT64_C(64) << 20)

struct sl_data_env {
    int refs;
    bool disk_failed;        /* set last */
    char disk_problem[256]; /* why the cache on disk cannot be used */
    sl_cache *cache;
    sl_flights *flights;
    sl_inflaters *inflaters;
    sl_disk *disk; /* NULL: no cache on disk */
    sl_http_config http;
};

/* Content at a URL is cut into chunks of this size; and how far reading ahead
 * goes where every request takes a while. */
#define SL_REMOTE_CHUNK_LOG 16
#define SL_REMOTE_AHEAD_MAX ((uint64_t)8 << 20)
#define SL_REMOTE_IDLE_MAX  512 /* chunks: 32 MiB */
#define SL_REMOTE_READ_MAX  64  /* of content that is longer than that */

struct sl_file;
struct sl_external_backing;

typedef struct sl_plan sl_plan;

struct sl_data_ctx {
    sl_loop *loop;
    sl_data_env *env; /* NULL: not needed yet */
    sl_data_stats stats, gone; /* all; of backings that are gone */
    sl_backing *oldest, *newest; /* of segments */
    sl_http *http;                 /* NULL: not needed yet */
    sl_tracer *tracer;             /* NULL: nobody listens */
    sl_plan *plan; /* that is followed; NULL: none */
    void (*on_load)(void *arg, const sl_segment *segment, uint64_t at,
                    uint64_t len);
    void *on_load_arg;
    bool map_files;
    uint64_t map_from; /* 0: the default */
    bool (*on_fault)(void *arg, const sl_fault *fault);
    void *on_fault_arg;
    sl_data_binder binder;
    uint64_t random;               /* 0: no test schedule */
    struct sl_file *files;         /* open sources, so that backings share them */
    struct sl_external_backing *externals; /* likewise */
};

/* The cache on disk says, once, why it cannot be used. Any thread. */
void sl_data_env_disk_said(sl_data_env *env, const sl_err *err);
/* Whether `len` bytes in a row are worth a mapping in the store. */
bool sl_data_ctx_maps(const sl_data_ctx *ctx, uint64_t len, uint64_t least);
/* Makes ctx->env for this store alone when it has none; false: no memory. */
bool sl_data_ctx_need_env(sl_data_ctx *ctx, sl_err *err);
/* The store's connections; NULL: an error. */
sl_http *sl_data_ctx_http(sl_data_ctx *ctx, sl_err *err);

/* Ranges to bring in one after the other; the last ones asked for are dropped
 * when there are too many. */
#define SL_RANGES_MAX 64
typedef struct sl_ranges {
    struct sl_range {
        uint64_t at, end;
    } v[SL_RANGES_MAX];
    uint32_t first, n;
} sl_ranges;
/* False: there is no room. */
bool sl_ranges_add(sl_ranges *ranges, uint64_t at, uint64_t len);
/* The range to go on with; NULL: there is none. */
struct sl_range *sl_ranges_first(sl_ranges *ranges);

void sl_plan_free(sl_plan *plan); /* NULL is fine */

typedef struct sl_chunk sl_chunk;
typedef struct sl_chunks sl_chunks;

/* What the owner of a set does for its chunks. */
typedef struct sl_chunk_ops {
    size_t size; /* of the owner's chunk, which begins with sl_chunk */
    bool brings_data; /* chunk->data is the owner's, set when it is finished */
    /* Starts reading the chunk; sl_chunk_finish() follows, never inside. */
    sl_status (*start)(sl_chunks *set, sl_chunk *chunk, sl_err *err);
    void (*abort)(sl_chunk *chunk);   /* nobody wants it any more */
    void (*hurry)(sl_chunk *chunk);   /* somebody waits for it now; or NULL */
    void (*release)(sl_chunk *chunk); /* it is about to be freed */
    /* Copies bytes of a finished chunk without `data`: how many; 0: they are
     * gone. Or NULL: there is none without. */
    size_t (*copy)(const sl_chunk *chunk, size_t skip, void *to, size_t len);
    /* Whether byte `at` is here without a chunk. Or NULL. */
    bool (*has)(sl_chunks *set, uint64_t at);
} sl_chunk_ops;

struct sl_chunk {
    const sl_chunk_ops *ops;
    sl_chunks *set; /* NULL: failed or abandoned */
    sl_backing *backing; /* that it is counted for; NULL: gone */
    uint64_t trace_id, begun_ns; /* 0: nobody listens */
    const char *from;    /* for tracing: where the owner had it from, or NULL */
    sl_loop *loop;
    uint64_t at; /* in the set's coordinates */
    size_t len;
    uint8_t *data;
    bool finished;     /* read, or failed */
    bool consumed;     /* somebody has read its last byte */
    uint32_t pins;     /* requests that wait for it or hold what it brought */
    sl_fetch *waiters; /* not told yet */
    const sl_fetch *reader; /* for whom it was started; NULL: nobody now */
    sl_post deliver;
    sl_err err;            /* failed */
    sl_chunk *next, *prev; /* in the set, newest first */
    sl_chunk *chain;       /* in a bucket of the set */
    bool unread, read;     /* counted so by the set, which has what is read */
    sl_chunk *newer, *older; /* ... in that order */
};

struct sl_chunks {
    const sl_chunk_ops *ops;
    sl_data_ctx *ctx;
    sl_backing *backing; /* that asks */
    /* Chunks of `grid` bytes, the last one ending at `size`; 0: of any size. */
    uint64_t grid, size;
    uint64_t ahead_max; /* how far to read ahead */
    uint64_t ahead_min; /* less, or less than half of the window, is left for
                           later: every request costs */
    uint32_t in_flight_max; /* what is waited for may exceed it */
    uint32_t idle_max;      /* read ahead and kept */
    uint32_t read_max; /* what has been read is kept as well, as no other cache
                          has it: so many */
    sl_chunk *head, *tail;
    sl_chunk **buckets; /* on a grid: by number; a power of two of them */
    uint32_t n, n_buckets;
    uint32_t in_flight;
    /* Finished and not pinned: not consumed yet, consumed. */
    uint32_t unread, read;
    sl_chunk *newest_read, *oldest_read;
    sl_ranges wanted; /* to be prefetched */
    sl_post more;     /* a chunk is finished: there may be room for others */
};

/* A set without chunks, of any size or on a grid. */
sl_chunks sl_chunks_make(sl_data_ctx *ctx, const sl_chunk_ops *ops,
                         uint64_t grid, uint64_t size);
/* A backing that asked the set for chunks is going, the set is not. */
void sl_chunks_forget(sl_chunks *set, const sl_backing *backing);

/* Abandons what is in flight and frees the rest. */
void sl_chunks_deinit(sl_chunks *set);
/* Copies from the chunk that holds byte `at`; 0 when there is none. */
size_t sl_chunks_read(sl_chunks *set, uint64_t at, void *to, size_t len);
/* The chunk that holds byte `at` when it is here, else NULL; and that bytes up
 * to `end` have been taken from it otherwise. */
sl_chunk *sl_chunks_find(const sl_chunks *set, uint64_t at);
void sl_chunk_taken(sl_chunk *chunk, uint64_t end);
/* Whether the chunk that holds byte `at` is under way. */
bool sl_chunks_expects(const sl_chunks *set, uint64_t at);
/* sl_backing_ops.fetch, .release, .cancel; `base` is what to add to fetch->at.
 */
sl_status sl_chunks_fetch(sl_chunks *set, sl_fetch *fetch, uint64_t base,
                          sl_err *err);
void sl_chunks_release(sl_fetch *fetch);
/* sl_backing_ops.ahead; `at` in the set's coordinates. */
void sl_chunks_ahead(sl_chunks *set, sl_fetch *fetch, uint64_t at,
                     uint64_t left);
void sl_chunks_cancel(sl_chunks *set, sl_fetch *fetch);
/* By and by, behind what is wanted already, as the bounds allow. */
void sl_chunks_prefetch(sl_chunks *set, uint64_t at, uint64_t len);
/* Adds to a counter of the chunk's backing and of the store; the chunk is in
 * its set. */
#define SL_CHUNK_COUNT(chunk, counter, n)                                      \
    do {                                                                       \
        sl_data_ctx *ctx_ = (chunk)->set->ctx;                                 \
        sl_backing *of_ = (chunk)->backing;                                    \
        uint64_t more_ = (n);                                                  \
        (of_ != NULL ? &of_->stats : &ctx_->gone)->counter += more_;           \
        ctx_->stats.counter += more_;                                          \
    } while (0)
/* The chunk's bytes are there (err NULL) or cannot be had. On the loop. */
void sl_chunk_finish(sl_chunk *chunk, const sl_err *err);

#endif
