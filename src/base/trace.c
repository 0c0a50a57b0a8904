#include "base/trace.h"

#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/alloc.h"

sl_tracer *sl_tracer_new(void)
{
    sl_tracer *tracer = sl_calloc(1, sizeof *tracer);
    if (tracer != NULL)
        tracer->refs = 1;
    return tracer;
}

sl_tracer *sl_tracer_ref(sl_tracer *tracer)
{
    if (tracer != NULL)
        tracer->refs++;
    return tracer;
}

void sl_tracer_unref(sl_tracer *tracer)
{
    if (tracer != NULL && --tracer->refs == 0)
        sl_free(tracer);
}

uint64_t sl_trace_now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * UINT64_C(1000000000) + (uint64_t)t.tv_nsec;
}

uint32_t sl_trace_thread(void)
{
    return (uint32_t)syscall(SYS_gettid);
}
