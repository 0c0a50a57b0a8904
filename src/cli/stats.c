/* --stats: what a run took, in one line. */
#include "cli/observe.h"

#include <inttypes.h>
#include <stdio.h>
#include <sys/resource.h>

/* The most memory this program has had resident, in KiB: VmHWM where /proc
 * tells (getrusage also counts what ran in the process before it). */
static long peak_rss_kib(const struct rusage *usage)
{
    long kib = -1;
    char line[256];
    FILE *status = fopen("/proc/self/status", "re");
    while (status != NULL && kib < 0 && fgets(line, sizeof line, status))
        if (sscanf(line, "VmHWM: %ld", &kib) != 1)
            kib = -1;
    if (status != NULL)
        fclose(status);
    return kib < 0 ? usage->ru_maxrss : kib;
}

static uint64_t milliseconds(struct timeval time)
{
    return (uint64_t)time.tv_sec * 1000 + (uint64_t)time.tv_usec / 1000;
}

void cli_print_stats(const sluice_store *store)
{
    struct rusage usage = {0};
    sluice_stats s = sluice_store_stats(store);
    getrusage(RUSAGE_SELF, &usage);
    uint64_t cpu = milliseconds(usage.ru_utime) + milliseconds(usage.ru_stime);
    fprintf(stderr,
            "stats: %" PRIu64 " segment bytes read, %" PRIu64
            " copied into linear memory, %" PRIu64 " mapped, %" PRIu64
            " forwarded without; %" PRIu64 " fetched, %" PRIu64
            " HTTP requests; %" PRIu64
            " bytes of linear memory; peak RSS %ld KiB; cpu %" PRIu64
            ".%03" PRIu64 " s\n",
            s.bytes_read, s.bytes_to_guest, s.bytes_mapped, s.bytes_forwarded,
            s.bytes_fetched, s.http_requests, s.memory_bytes,
            peak_rss_kib(&usage), cpu / 1000, cpu % 1000);
}
