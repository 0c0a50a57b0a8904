/* Origins: where the bytes of an external segment come from, before anything
 * is known of them. What they deliver is not verified. */
#ifndef SL_DATA_ORIGIN_H
#define SL_DATA_ORIGIN_H

#include "base/err.h"
#include "data/segment.h"

typedef struct sl_origin sl_origin;

/* A request on the loop: kept by the caller until `done`. */
typedef struct sl_origin_read {
    uint64_t at;
    size_t len; /* > 0 */
    uint8_t *to;
    bool background; /* nobody waits for it yet */
    /* Later on the loop, once: err NULL: all bytes are there. */
    void (*done)(struct sl_origin_read *read, const sl_err *err);
    void *state; /* the origin's */
} sl_origin_read;

/* An origin has `read_now`, or `read`, `cancel` and `hurry`. */
typedef struct sl_origin_ops {
    /* Blocks; on pool threads, several at once. */
    sl_status (*read_now)(sl_origin *origin, uint64_t at, void *to, size_t len,
                          sl_err *err);
    /* Not SL_OK: refused, `done` does not come. */
    sl_status (*read)(sl_origin *origin, sl_origin_read *read, sl_err *err);
    /* `done` does not come, and `to` is not touched any more. */
    void (*cancel)(sl_origin *origin, sl_origin_read *read);
    /* A background read is waited for now. */
    void (*hurry)(sl_origin *origin, sl_origin_read *read);
    void (*close)(sl_origin *origin); /* with the last reference, on the loop */
} sl_origin_ops;

struct sl_origin {
    const sl_origin_ops *ops;
    bool remote; /* worth a place in the cache on disk */
    int refs;    /* the loop's thread only */
};

sl_origin *sl_origin_ref(sl_origin *origin);
void sl_origin_unref(sl_origin *origin); /* NULL is fine */

/* The file `path` below the directory `dir`, by no way out of it; opened at the
 * first read. Both are copied. */
sl_origin *sl_origin_file(const char *dir, const char *path, sl_err *err);

/* The resource at a URL; `size` may be SL_HTTP_UNKNOWN, `validator` NULL. */
sl_origin *sl_origin_http(sl_data_ctx *ctx, const char *url, uint64_t size,
                          const char *validator, sl_err *err);

#endif
