/* Segments as bound at instantiation: size, identity and backing. Binding does
 * no I/O. docs/data-segments.md, sections 5 and 6. */
#ifndef SL_DATA_SEGMENT_H
#define SL_DATA_SEGMENT_H

#include "base/err.h"
#include "base/source.h"
#include "loop/loop.h"

typedef struct sl_fetch sl_fetch;
typedef struct sl_backing sl_backing;
typedef struct sl_segment sl_segment;
typedef struct sl_data_ctx sl_data_ctx;

/* What a store's segments share: the loop, the chooser that tests steer the
 * host's schedule with, budgets and counters. */
typedef struct sl_data_stats {
    uint64_t bytes_read;       /* brought in from backings */
    uint64_t bytes_to_guest;   /* copied into linear memory */
    uint64_t bytes_forwarded;  /* handed to the host without doing so */
    uint64_t reads_direct, reads_pooled; /* page-cache hits, pool requests */
    uint64_t faults;
} sl_data_stats;

sl_data_ctx *sl_data_ctx_new(sl_loop *loop, sl_err *err);
void sl_data_ctx_free(sl_data_ctx *ctx);
sl_data_stats *sl_data_ctx_stats(sl_data_ctx *ctx);
/* Test schedules: seed 0 is off; any other chooses piece sizes from 1 byte up,
 * delays and forced BLOCKED (docs/data-segments.md, section 9). */
void sl_data_ctx_schedule(sl_data_ctx *ctx, uint64_t seed);

/* A backing: where a segment's bytes come from. Embedders and the kinds in
 * this folder implement it; all on the loop's thread. */
typedef struct sl_backing_ops {
    /* Copies bytes that are here without waiting: returns how many (> 0), 0
     * when byte `at` is not here yet, -1 on a fault (err filled). */
    int64_t (*try_read)(sl_backing *b, uint64_t at, void *to, size_t len,
                        sl_err *err);
    /* Brings bytes in, from `at` on, at least one and up to `len`; calls
     * `done` later on the loop (never inside) with the result. The request is
     * the caller's until then. After it, try_read at `at` has bytes for as
     * long as the waiter has not released the request. */
    void (*fetch)(sl_backing *b, sl_fetch *fetch);
    void (*cancel)(sl_backing *b, sl_fetch *fetch);
    void (*prefetch)(sl_backing *b, uint64_t at, uint64_t len); /* or NULL */
    /* For zero-copy sinks: the open file and the offset in it where byte `at`
     * lies; false when the bytes are in no file. Or NULL. */
    bool (*file)(sl_backing *b, uint64_t at, int *fd, uint64_t *offset);
    /* The bytes in place when they are memory; NULL otherwise. Or NULL. */
    const uint8_t *(*memory)(sl_backing *b, uint64_t at, uint64_t len);
    void (*close)(sl_backing *b);
} sl_backing_ops;

struct sl_backing {
    const sl_backing_ops *ops;
    sl_data_ctx *ctx;
    uint64_t size;
    int refs;
    const char *kind; /* "inline", "buffer", "callback", ... for messages */
};

struct sl_fetch {
    uint64_t at;
    size_t len;
    void (*done)(sl_fetch *fetch, const sl_err *err /* NULL: here */);
    void *owner; /* the backing's while it runs */
};

/* A range of a component's source (a file: pread; page-cache hits are taken
 * directly, misses go through the pool; or a buffer). Refs the source. */
sl_backing *sl_backing_inline(sl_data_ctx *ctx, sl_source *source,
                              uint64_t offset, uint64_t size, sl_err *err);
void sl_backing_unref(sl_backing *backing);

struct sl_segment {
    sl_backing *backing;
    uint64_t size;
    int refs;
    char label[64]; /* for faults: "segment 2", "import `model`" */
};
/* Takes the backing, also on failure. */
sl_segment *sl_segment_new(sl_backing *backing, const char *label, sl_err *err);
sl_segment *sl_segment_ref(sl_segment *segment);
void sl_segment_unref(sl_segment *segment);

#endif
