/* Who is told how far a long job is, and may end it. */
#ifndef SL_BUNDLE_WATCH_H
#define SL_BUNDLE_WATCH_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

typedef struct sl_watch {
    /* Bytes done of about `total`; false: stop (SL_ECANCELLED). Or NULL. */
    bool (*step)(void *arg, uint64_t done, uint64_t total);
    void *arg;
    uint64_t done, total;
} sl_watch;

/* So many bytes more are done. */
static inline void sl_watch_add(sl_watch *watch, uint64_t bytes, sl_err *err)
{
    watch->done += bytes;
    if (watch->done > watch->total)
        watch->total = watch->done;
    if (watch->step != NULL &&
        !watch->step(watch->arg, watch->done, watch->total))
        sl_fail(err, SL_ECANCELLED, SL_ERR_NO_PLACE, "interrupted");
}

#endif
