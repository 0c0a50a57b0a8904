/* Where the bytes of a script's segments come from: the files that it declares
 * beside its components, and the kinds of backings that its inline segments
 * are bound to. docs/data-segments.md, section 9; tests/wast/data/README.md. */
#ifndef SL_WAST_BACKING_H
#define SL_WAST_BACKING_H

#include "data/segment.h"
#include "wast/wast.h"

typedef struct wast_backings wast_backings;

wast_backings *wast_backings_new(sl_loop *loop, sl_wast_backing kind,
                                 uint64_t seed, sl_err *err);
/* After the stores that use it and the loop's work are gone. NULL is fine. */
void wast_backings_free(wast_backings *all);
/* A store's segments come from here. */
sl_status wast_backings_bind(wast_backings *all, sl_data_ctx *ctx,
                             sl_err *err);

/* How a file's bytes come. */
typedef enum wast_manner {
    WAST_FILE_PLAIN,
    WAST_FILE_LATE,  /* not before a reader has been told to wait */
    WAST_FILE_NEVER, /* not at all */
} wast_manner;

typedef struct wast_file {
    sl_name name; /* the path below the components' folder */
    wast_manner manner;
    bool missing;
    uint64_t fails_at; /* reads of this byte and those behind it fail */
    uint8_t *bytes;    /* taken; NULL: none */
    size_t len;
} wast_file;
/* From now on; takes the bytes, also on failure. The name must live as long as
 * this does. */
sl_status wast_backings_file(wast_backings *all, wast_file *file, sl_err *err);

#endif
