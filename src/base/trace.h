/* What happens in a running store, for whoever wants to see it
 * (include/sluice/observe.h): one record, made when the thing is over and only
 * while somebody listens. Reporting never allocates. The store's thread. */
#ifndef SL_BASE_TRACE_H
#define SL_BASE_TRACE_H

#include <stddef.h>
#include <stdint.h>

typedef struct sl_trace_arg {
    const char *key;  /* NULL: no more */
    const char *text; /* NULL: it is a number */
    uint64_t number;
} sl_trace_arg;

typedef struct sl_trace_event {
    const char *what; /* "stream", "chunk", "http", "task", ...: static */
    const char *name; /* borrowed, as are texts of args */
    uint64_t id;      /* events with the same `what` and id nest; 0: see thread */
    uint64_t begin_ns, end_ns; /* monotonic; end_ns 0: an instant */
    uint32_t thread; /* of the pool, by the kernel's number; 0: the store's */
    sl_trace_arg args[5];
} sl_trace_event;

/* Who has one emits only when its pointer is not NULL. */
typedef struct sl_tracer {
    void (*fn)(void *arg, const sl_trace_event *event); /* NULL: nobody now */
    void *arg;
    uint64_t last_id;
    int refs;
} sl_tracer;

sl_tracer *sl_tracer_new(void); /* NULL: out of memory */
sl_tracer *sl_tracer_ref(sl_tracer *tracer);  /* NULL is fine */
void sl_tracer_unref(sl_tracer *tracer);      /* likewise */

uint64_t sl_trace_now_ns(void); /* any thread */
uint32_t sl_trace_thread(void); /* the running one's number; any thread */

/* The time for what begins, 0 when nobody wants to know. */
static inline uint64_t sl_trace_begin(const sl_tracer *tracer)
{
    return tracer != NULL ? sl_trace_now_ns() : 0;
}
/* An id of its own, or 0. */
static inline uint64_t sl_trace_id(sl_tracer *tracer)
{
    return tracer != NULL ? ++tracer->last_id : 0;
}
static inline void sl_trace(const sl_tracer *tracer,
                            const sl_trace_event *event)
{
    if (tracer != NULL && tracer->fn != NULL)
        tracer->fn(tracer->arg, event);
}

#endif
