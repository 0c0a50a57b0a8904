#include "cli/observe.h"

#include <inttypes.h>

#include "cli/cli.h"

static void add(sluice_segment_stats *to, const sluice_segment_stats *s)
{
    to->size += s->size;
    to->reads += s->reads;
    to->waits += s->waits;
    to->bytes_read += s->bytes_read;
    to->bytes_fetched += s->bytes_fetched;
    to->memory_hits += s->memory_hits;
    to->disk_hits += s->disk_hits;
    to->bytes_to_guest += s->bytes_to_guest;
    to->bytes_mapped += s->bytes_mapped;
    to->bytes_forwarded += s->bytes_forwarded;
    to->bytes_prefetched += s->bytes_prefetched;
    to->data_faults += s->data_faults;
}

static void print(const char *name, const char *kind,
                  const sluice_segment_stats *s)
{
    fprintf(stderr,
            "%-20s %-9s %12" PRIu64 " %8" PRIu64 " %12" PRIu64 " %12" PRIu64
            " %12" PRIu64 " %12" PRIu64 " %7" PRIu64 " %7" PRIu64 " %7" PRIu64
            " %12" PRIu64 " %7" PRIu64,
            name, kind, s->size, s->reads,
            s->bytes_to_guest + s->bytes_mapped + s->bytes_forwarded,
            s->bytes_mapped, s->bytes_read, s->bytes_fetched, s->memory_hits,
            s->disk_hits, s->waits, s->bytes_prefetched, s->data_faults);
    if (s->place.len != 0) {
        fputs("  ", stderr);
        cli_put(stderr, s->place.data, s->place.len);
    }
    fputc('\n', stderr);
}

static bool is_idle(const sluice_segment_stats *s)
{
    return s->reads == 0 && s->waits == 0 && s->bytes_read == 0 &&
           s->bytes_fetched == 0 && s->bytes_prefetched == 0 &&
           s->data_faults == 0;
}

static void on_segment(void *arg, const sluice_segment_stats *s)
{
    add(arg, s);
    if (s->segment != NULL)
        print(s->segment, s->kind, s);
    else if (!is_idle(s))
        print("(gone)", "", s);
}

void cli_print_segments(sluice_store *store)
{
    sluice_segment_stats sum = {0};
    fprintf(stderr, "%-20s %-9s %12s %8s %12s %12s %12s %12s %7s %7s %7s %12s %7s\n",
            "data segment", "kind", "size", "reads", "delivered", "mapped",
            "read", "fetched", "memory", "disk", "waits", "prefetched",
            "faults");
    sluice_store_segments(store, on_segment, &sum);
    print("total", "", &sum);
}
