/* What the pool does, for whoever traces: measured there, told on the loop. */
#ifndef SL_DATA_SPAN_H
#define SL_DATA_SPAN_H

#include <stdbool.h>
#include <stddef.h>

#include "base/trace.h"

typedef struct sl_span {
    bool wanted;
    uint64_t begin_ns, end_ns;
    uint32_t thread;
} sl_span;

void sl_span_begin(sl_span *span);
void sl_span_end(sl_span *span);
/* On the loop, when the pool is done with it: a chunk of `len` bytes. Nothing
 * when it has not ended since it was told. */
void sl_span_tell(sl_span *span, const sl_tracer *tracer, const char *name,
                  uint64_t chunk, size_t len);

#endif
