/* Where bytes come from: a size and a way to read at a place. Decoders read
 * from sources, so that a payload nobody asks for is never read. */
#ifndef SL_BASE_SOURCE_H
#define SL_BASE_SOURCE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

typedef struct sl_source sl_source;

struct sl_source {
    uint64_t size; /* bytes */
    /* Fills exactly `len` bytes from `at`; a short source is SL_EIO. Blocks:
     * for decoding only, never called from inside a running store. */
    sl_status (*read_at)(sl_source *source, uint64_t at, void *to, size_t len,
                         sl_err *err);
    /* The bytes in place when the source is memory, else NULL. */
    const uint8_t *memory;
    int fd; /* the open file, or -1 */
    /* Of a resource on the network, else NULL: where it is, and the validator
     * by which a change is seen (a strong ETag, else another; or NULL). */
    const char *url, *etag;
    /* Against what the references of a component resolve: a directory or the
     * URL of one, without the last '/'; NULL: unknown. The source's. */
    char *base;
    int refs;
    void (*close)(sl_source *source);
};

/* A source over bytes that must outlive it (`copy` false) or over a copy. */
sl_source *sl_source_buffer(const void *bytes, size_t len, bool copy,
                            sl_err *err);
/* A source over a regular file; it owns the descriptor it opens. */
sl_source *sl_source_file(const char *path, sl_err *err);
/* A source over a duplicate of a regular file's descriptor; read at places, so
 * its position does not matter. It has no base. */
sl_source *sl_source_descriptor(int fd, sl_err *err);
/* Whether a name is an http:// or https:// URL. */
bool sl_is_url(const char *name);
/* Before the source is used; replaces what it had. Copies. */
sl_status sl_source_set_base(sl_source *source, const char *base, sl_err *err);
sl_source *sl_source_ref(sl_source *source);
void sl_source_unref(sl_source *source); /* NULL is fine */

#endif
