/* Segments as bound at instantiation: size, identity and backing. Binding does
 * no I/O. docs/data-segments.md, sections 5 and 6. */
#ifndef SL_DATA_SEGMENT_H
#define SL_DATA_SEGMENT_H

#include "base/err.h"
#include "base/source.h"
#include "base/trace.h"
#include "component/component.h"
#include "exec/exec.h"
#include "loop/loop.h"

typedef struct sl_fetch sl_fetch;
typedef struct sl_backing sl_backing;
typedef struct sl_segment sl_segment;
typedef struct sl_data_ctx sl_data_ctx;

/* --- What a store's segments share -------------------------------------------
 */

/* Counted for each backing, and for the store: its segments' together. */
typedef struct sl_data_stats {
    uint64_t reads;            /* begun by guests and the host */
    uint64_t waits;            /* requests for bytes that were not here */
    uint64_t bytes_read;       /* brought in from backings */
    uint64_t bytes_fetched;    /* brought by origins: files of external
                                  segments, URLs; as they are there */
    uint64_t memory_hits;      /* reads and chunks that the cache in memory, or
                                  another's fetch, */
    uint64_t disk_hits;        /* ... chunks that the cache on disk had */
    uint64_t bytes_to_guest;   /* copied into linear memory */
    uint64_t bytes_mapped;     /* into linear memory, instead of that */
    uint64_t bytes_forwarded;  /* handed to the host without doing so */
    uint64_t reads_direct;     /* taken at once: memory, page cache */
    uint64_t reads_pooled;     /* requests that had to wait */
    uint64_t bytes_prefetched; /* asked for by data.prefetch */
    uint64_t faults;
} sl_data_stats;

/* What the stores of an engine share. Any thread. */
typedef struct sl_data_env sl_data_env;
sl_data_env *sl_data_env_new(sl_err *err);
/* How sources are fetched, and where what was fetched is kept (`dir` NULL: the
 * user's cache). Before it is used; strings are copied. */
struct sl_http_config;
sl_status sl_data_env_set_http(sl_data_env *env,
                               const struct sl_http_config *config,
                               sl_err *err);
const struct sl_http_config *sl_data_env_http(const sl_data_env *env);
sl_status sl_data_env_set_cache(sl_data_env *env, const char *dir,
                                uint64_t limit, sl_err *err);
/* Why that cannot be used, once it has been tried; NULL: nothing is known
 * against it. Any thread. */
const char *sl_data_env_cache_problem(const sl_data_env *env);
sl_data_env *sl_data_env_ref(sl_data_env *env);
void sl_data_env_unref(sl_data_env *env); /* NULL is fine */

/* Borrows the loop. */
sl_data_ctx *sl_data_ctx_new(sl_loop *loop, sl_err *err);
/* Before the first backing is made: what it shares with other stores. Keeps a
 * reference of its own. */
void sl_data_ctx_share(sl_data_ctx *ctx, sl_data_env *env);
/* After every backing made with it is gone. Requests under way are abandoned;
 * they finish on the loop, alone. */
void sl_data_ctx_free(sl_data_ctx *ctx);
sl_data_stats *sl_data_ctx_stats(sl_data_ctx *ctx);
/* Who hears of requests, chunks and faults; NULL: nobody. Borrowed. */
void sl_data_ctx_trace(sl_data_ctx *ctx, sl_tracer *tracer);
sl_tracer *sl_data_ctx_tracer(const sl_data_ctx *ctx);

/* Whether large reads from local files and of entries of the cache on disk may
 * become mappings: the embedder says that nobody changes them. Off at first. */
void sl_data_ctx_map_files(sl_data_ctx *ctx, bool on);
/* From how many bytes in a row on; 0: SL_MAP_FILE, SL_MAP_ENTRY. */
void sl_data_ctx_map_from(sl_data_ctx *ctx, uint64_t least);
/* A mapping costs as much as copying some pages. An entry of the cache would be
 * copied twice. */
#define SL_MAP_FILE  ((uint64_t)1 << 20)
#define SL_MAP_ENTRY ((uint64_t)256 << 10)

/* Test schedules: seed 0 is off; any other chooses piece sizes from 1 byte up,
 * delays and forced BLOCKED (docs/data-segments.md, section 9). */
void sl_data_ctx_schedule(sl_data_ctx *ctx, uint64_t seed);
/* How many of `len` bytes to give now: all of them with seed 0. */
uint64_t sl_data_choose_piece(sl_data_ctx *ctx, uint64_t len);
/* For how many turns of the loop to act as if nothing were here; 0 mostly, and
 * always with seed 0. */
uint32_t sl_data_choose_delay(sl_data_ctx *ctx);

/* --- Backings
 * ----------------------------------------------------------------- */

/* One request for bytes that are not here, of one reader: keep it for all its
 * requests, zeroed at first, so that sequential reading is seen. */
struct sl_fetch {
    uint64_t at;
    size_t len;     /* > 0: bytes the reader has a place for */
    uint64_t ahead; /* bytes behind these that it will probably want */
    bool maps;      /* the place takes pages of files as well */
    void (*done)(sl_fetch *fetch, const sl_err *err /* NULL: here */);
    /* The backing's. */
    void *owner;
    sl_fetch *next;
    uint32_t streak;
    uint64_t until; /* as far as has been asked for */
};

/* Where a segment's bytes come from. Embedders and the kinds in this folder
 * implement it; all on the loop's thread. */
typedef struct sl_backing_ops {
    /* Copies bytes that are here without waiting: returns how many (> 0), 0
     * when byte `at` is not here yet, -1 on a fault (err: the cause). */
    int64_t (*try_read)(sl_backing *b, uint64_t at, void *to, size_t len,
                        sl_err *err);
    /* Brings bytes in, from `at` on, at least one and up to `len`; calls
     * `done` later on the loop (never inside) with the result. The request is
     * the caller's until then. After it, try_read at `at` has bytes until the
     * request is released. Not SL_OK: refused, `done` will not come. */
    sl_status (*fetch)(sl_backing *b, sl_fetch *fetch, sl_err *err);
    /* Lets go of what a finished request brought. */
    void (*release)(sl_backing *b, sl_fetch *fetch);
    /* The reader is gone or stops waiting: `done` does not come, what nobody
     * else wants is aborted, its read-ahead is dropped. At any time. */
    void (*cancel)(sl_backing *b, sl_fetch *fetch);
    /* The reader has come to `at` without waiting, and `left` bytes remain: it
     * may be time to read further ahead. Or NULL. */
    void (*ahead)(sl_backing *b, sl_fetch *fetch, uint64_t at, uint64_t left);
    /* Starts bringing a range in, at low priority. Or NULL. */
    void (*prefetch)(sl_backing *b, uint64_t at, uint64_t len);
    /* For zero-copy sinks: the open file and the offset in it where byte `at`
     * lies, after checking that the file is what it was (a fault otherwise:
     * err). False when the bytes are in no file, or on a fault. Or NULL. */
    bool (*file)(sl_backing *b, uint64_t at, int *fd, uint64_t *offset,
                 sl_err *err);
    /* For mapping pages: the same of bytes that are here; `len` says how many
     * are wanted, and then how many there are in a row. False as well when
     * these are not worth it. Or NULL. */
    bool (*pages)(sl_backing *b, uint64_t at, int *fd, uint64_t *offset,
                  uint64_t *len);
    /* So many of these have been mapped. Or NULL. */
    void (*mapped)(sl_backing *b, uint64_t at, uint64_t len);
    /* The bytes in place when they are memory, as all parts of the range are
     * then; NULL otherwise. Or NULL. */
    const uint8_t *(*memory)(sl_backing *b, uint64_t at, uint64_t len);
    void (*close)(sl_backing *b);
} sl_backing_ops;

struct sl_backing {
    const sl_backing_ops *ops;
    sl_data_ctx *ctx;
    uint64_t size;
    int refs;
    const char *kind; /* "file", "buffer", "callback", ... for messages */
    sl_name place;    /* a reference or a URL; "": none. Lives as long */
    /* Of the first segment made of it. */
    char label[64];
    sl_data_stats stats;
    sl_backing *newer, *older; /* of the context's, in order of binding */
};

/* Adds to a counter of a backing and to the store's. */
#define SL_DATA_COUNT(backing, counter, n)                                     \
    do {                                                                       \
        sl_backing *counted_ = (backing);                                      \
        uint64_t more_ = (n);                                                  \
        counted_->stats.counter += more_;                                      \
        sl_data_ctx_stats(counted_->ctx)->counter += more_;                    \
    } while (0)

/* Every backing of segments that live, in order of binding, and its counters;
 * at last, with NULL, what those had counted that are gone. */
void sl_data_ctx_visit(sl_data_ctx *ctx,
                       void (*visit)(void *arg, const sl_backing *backing,
                                     const sl_data_stats *stats),
                       void *arg);
/* What the store's connections have done. */
struct sl_http_stats;
struct sl_http_stats sl_data_ctx_http_stats(const sl_data_ctx *ctx);
uint64_t sl_data_ctx_http_pending(const sl_data_ctx *ctx);

/* A range of a component's source, which it refs: memory; a file (page-cache
 * hits are taken directly, misses go through the pool); or anything else that
 * can be read on the pool. Backings of one source share what is under way. */
sl_backing *sl_backing_inline(sl_data_ctx *ctx, sl_source *source,
                              uint64_t offset, uint64_t size, sl_err *err);
sl_backing *sl_backing_ref(sl_backing *backing);
void sl_backing_unref(sl_backing *backing); /* NULL is fine */

/* An external segment of a component whose source this is: chunks of a file
 * beside the component, verified before they are seen. Backings of one
 * definition are one. The definition must live until the last source does. */
sl_backing *sl_backing_external(sl_data_ctx *ctx, sl_source *source,
                                const sl_segment_def *def, sl_err *err);

/* A range of a source at a URL (`source->url`), which is fetched as it is
 * wanted. */
sl_backing *sl_backing_remote(sl_data_ctx *ctx, sl_source *source,
                              uint64_t offset, uint64_t size, sl_err *err);

/* The segment that a definition of a component's own stands for: one of the
 * above, unless the context's binder says otherwise. */
sl_backing *sl_backing_of(sl_data_ctx *ctx, sl_source *source,
                          const sl_segment_def *def, sl_err *err);

/* Who else says where the bytes of components' own segments are
 * (docs/data-segments.md, sections 5 and 9). Both may be NULL. */
typedef struct sl_data_binder {
    /* NULL without an error: the ordinary backing. */
    sl_backing *(*segment)(void *arg, sl_data_ctx *ctx, sl_source *source,
                           const sl_segment_def *def, sl_err *err);
    /* What an external segment refers to. */
    struct sl_origin *(*origin)(void *arg, sl_data_ctx *ctx, sl_name reference,
                                sl_err *err);
    void *arg;
} sl_data_binder;
/* Before the first backing is made. Copied. */
void sl_data_ctx_bind(sl_data_ctx *ctx, const sl_data_binder *binder);

/* A backing of the embedder's. */
typedef struct sl_callback_read sl_callback_read;
typedef struct sl_callback_ops {
    /* Starts filling exactly `len` bytes; sl_callback_finish() says that they
     * are there, or why not. `to` stays valid until then. */
    void (*read_at)(void *arg, uint64_t at, void *to, size_t len,
                    sl_callback_read *request);
    /* Nobody wants it any more; it must be finished all the same. Or NULL. */
    void (*cancel)(void *arg, sl_callback_read *request);
    /* The last call, after every request has been finished. Or NULL. */
    void (*close)(void *arg);
    /* Bytes where they are in memory, to stay, as do all parts of the range;
     * NULL: not there. Or NULL. */
    const void *(*map)(void *arg, uint64_t at, size_t len);
    /* Without it, ranges are prefetched by read_at. */
    void (*prefetch)(void *arg, uint64_t at, uint64_t len);
} sl_callback_ops;
sl_backing *sl_backing_callback(sl_data_ctx *ctx, const sl_callback_ops *ops,
                                void *arg, uint64_t size, sl_err *err);
/* Once for each request, on the loop's thread, inside read_at or later; err
 * NULL: done. */
void sl_callback_finish(sl_callback_read *request, const sl_err *err);

/* How far reading goes beyond what readers asked for. A request is at least
 * SL_READ_MIN bytes, and a reader that goes on reading gets up to
 * SL_READ_AHEAD_MAX more in advance, doubling from SL_READ_MIN; but never more
 * than it announced (`ahead`: the rest of a stream's range). So the payload
 * bytes read for a stream are at most those it delivers plus SL_READ_MIN plus
 * SL_READ_AHEAD_MAX, none of them outside its range. (A byte counts twice when
 * the kernel had it in the page cache, from where it was taken, before the
 * request for it came back.) */
#define SL_READ_MIN       ((size_t)256 << 10)
#define SL_READ_MAX       ((size_t)1 << 20)
#define SL_READ_AHEAD_MAX ((size_t)4 << 20)
/* data.prefetch brings in at most this much of a range. */
#define SL_PREFETCH_MAX ((uint64_t)64 << 20)

/* --- Segments
 * ------------------------------------------------------------------- */

struct sl_segment {
    sl_backing *backing;
    uint64_t size;
    int refs;
    uint32_t ordinal; /* of its definition; SL_NO_ORDINAL: not defined in the
                         component that was instantiated */
    sl_name import;   /* of that component, by which it came in; data NULL: not
                         imported. The component outlives the store */
    uint32_t place;   /* on the plan that is followed, or SL_NO_ORDINAL */
    char label[64]; /* for faults: "segment 2", "import `model`" */
    sl_core_data core; /* as core modules import it: canon/canon.h */
};
/* Takes the backing, also on failure. */
sl_segment *sl_segment_new(sl_backing *backing, const char *label, sl_err *err);
/* While nobody else has it: how messages and counters name it. */
void sl_segment_name(sl_segment *segment, const char *label);
sl_segment *sl_segment_ref(sl_segment *segment);
void sl_segment_unref(sl_segment *segment); /* NULL is fine */

#define SL_NO_ORDINAL UINT32_MAX

/* --- Load plans: what will probably be read next -----------------------------
 */

/* Prefetches along the plan of an outermost component, from the loop's next turn
 * on, never more than SL_PLAN_AHEAD bytes before what has been read. What the
 * plan points to must outlive the ctx; one plan at a time, later ones are
 * ignored. Memory that is short means no plan. */
#define SL_PLAN_AHEAD ((uint64_t)32 << 20)
void sl_data_ctx_follow(sl_data_ctx *ctx, const sl_source *source,
                        const sl_load_plan *plan);
/* A definition (with its ordinal) or an import (with its name) of that component
 * has been bound. */
void sl_data_ctx_bound(sl_data_ctx *ctx, const sl_source *source,
                       sl_segment *segment);
/* Bytes have been delivered: whoever asked hears of it, and the plan goes on. */
void sl_data_ctx_loaded(sl_data_ctx *ctx, const sl_segment *segment,
                        uint64_t at, uint64_t len);
/* fn NULL: nobody. */
void sl_data_ctx_on_load(sl_data_ctx *ctx,
                         void (*fn)(void *arg, const sl_segment *segment,
                                    uint64_t at, uint64_t len),
                         void *arg);

/* The backing's operations on a range of the segment; the range is the
 * caller's to check. A fault's message is complete:
 * "data fault: <label>, bytes [a, b): <cause>". */
int64_t sl_segment_try_read(sl_segment *segment, uint64_t at, void *to,
                            size_t len, sl_err *err);
sl_status sl_segment_fetch(sl_segment *segment, sl_fetch *fetch, sl_err *err);
void sl_segment_release(sl_segment *segment, sl_fetch *fetch);
void sl_segment_cancel(sl_segment *segment, sl_fetch *fetch);
void sl_segment_ahead(sl_segment *segment, sl_fetch *fetch, uint64_t at,
                      uint64_t left);
void sl_segment_prefetch(sl_segment *segment, uint64_t at, uint64_t len);
/* A fault before it is one: whoever is asked may want another attempt. */
typedef struct sl_fault {
    const sl_segment *segment;
    uint64_t at, len;
    const sl_err *cause; /* as sl_segment_fault() says it */
    unsigned attempt;    /* of this read, from 1 */
    bool host;           /* the reader: a guest traps */
} sl_fault;
/* fn NULL: nobody is asked. True: try again. */
void sl_data_ctx_on_fault(sl_data_ctx *ctx,
                          bool (*fn)(void *arg, const sl_fault *fault),
                          void *arg);
bool sl_data_ctx_ask(const sl_data_ctx *ctx, const sl_fault *fault);
/* Makes the message and counts the fault; returns SL_EIO. */
sl_status sl_segment_fault(sl_segment *segment, uint64_t at, uint64_t len,
                           const sl_err *cause, sl_err *err);

#endif
