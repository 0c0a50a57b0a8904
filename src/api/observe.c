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
