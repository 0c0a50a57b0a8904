/* include/sluice/observe.h: watching a store. */
#include "api/api_int.h"

typedef struct visit {
    void (*fn)(void *arg, const sluice_segment_stats *stats);
    void *arg;
} visit;

static void visit_backing(void *arg, const sl_backing *b,
                          const sl_data_stats *stats)
{
    const visit *v = arg;
    sluice_segment_stats out = {
        .reads = stats->reads,
        .waits = stats->waits,
        .bytes_read = stats->bytes_read,
        .bytes_fetched = stats->bytes_fetched,
        .memory_hits = stats->memory_hits,
        .disk_hits = stats->disk_hits,
        .bytes_to_guest = stats->bytes_to_guest,
        .bytes_mapped = stats->bytes_mapped,
        .bytes_forwarded = stats->bytes_forwarded,
        .bytes_prefetched = stats->bytes_prefetched,
        .data_faults = stats->faults,
    };
    if (b != NULL) {
        out.segment = b->label;
        out.kind = b->kind;
        out.place = (sluice_name){b->place.data, b->place.len};
        out.size = b->size;
    }
    v->fn(v->arg, &out);
}

void sluice_store_segments(sluice_store *store,
                           void (*fn)(void *arg,
                                      const sluice_segment_stats *stats),
                           void *arg)
{
    visit v = {fn, arg};
    sl_data_ctx_visit(store->store->data, visit_backing, &v);
}

/* --- Tracing -------------------------------------------------------------------- */

static void translate(void *arg, const sl_trace_event *event)
{
    sluice_store *store = arg;
    sluice_trace_arg args[sizeof event->args / sizeof *event->args];
    sluice_trace_event out = {
        .what = event->what,
        .name = event->name,
        .id = event->id,
        .begin_ns = event->begin_ns,
        .end_ns = event->end_ns,
        .thread = event->thread,
        .args = args,
    };
    while (out.n_args < sizeof args / sizeof *args &&
           event->args[out.n_args].key != NULL) {
        const sl_trace_arg *from = &event->args[out.n_args];
        args[out.n_args++] =
            (sluice_trace_arg){from->key, from->text, from->number};
    }
    store->trace(store->trace_arg, &out);
}

sluice_status sluice_store_set_tracer(
    sluice_store *store, void (*fn)(void *arg, const sluice_trace_event *event),
    void *arg)
{
    if (store->tracer == NULL && fn != NULL)
        store->tracer = sl_tracer_new();
    if (store->tracer == NULL)
        return fn == NULL ? SLUICE_OK : SLUICE_ENOMEM;
    store->trace = fn;
    store->trace_arg = arg;
    store->tracer->fn = fn != NULL ? translate : NULL;
    store->tracer->arg = store;
    sl_tracer *tracer = fn != NULL ? store->tracer : NULL;
    store->store->tracer = tracer;
    sl_data_ctx_trace(store->store->data, tracer);
    return SLUICE_OK;
}

void sl_api_forget_tracer(sluice_store *store)
{
    if (store->tracer != NULL)
        store->tracer->fn = NULL; /* work may still have it */
    sl_tracer_unref(store->tracer);
}

/* --- Output --------------------------------------------------------------------- */

void sluice_store_on_output(sluice_store *store,
                            void (*fn)(void *arg, int fd, const uint8_t *bytes,
                                       size_t len),
                            void *arg)
{
    store->store->on_output = fn;
    store->store->on_output_arg = arg;
}
