#include "data/span.h"

void sl_span_begin(sl_span *span)
{
    if (span->wanted) {
        span->begin_ns = sl_trace_now_ns();
        span->thread = sl_trace_thread();
    }
}

void sl_span_end(sl_span *span)
{
    if (span->wanted)
        span->end_ns = sl_trace_now_ns();
}

void sl_span_tell(sl_span *span, const sl_tracer *tracer, const char *name,
                  uint64_t chunk, size_t len)
{
    if (!span->wanted || span->end_ns == 0)
        return;
    const sl_trace_event event = {
        .what = "pool",
        .name = name,
        .begin_ns = span->begin_ns,
        .end_ns = span->end_ns,
        .thread = span->thread,
        .args = {{"chunk", NULL, chunk}, {"bytes", NULL, len}},
    };
    sl_trace(tracer, &event);
    span->end_ns = 0;
}
