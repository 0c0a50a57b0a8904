/* `sluice run --trace FILE`: what happens in a store, as a JSON array of events
 * for Perfetto or chrome://tracing. Written while it happens; memory does not
 * grow with the run. */
#ifndef SL_CLI_TRACE_H
#define SL_CLI_TRACE_H

#include <stdio.h>

#include "sluice/sluice.h"

typedef struct cli_trace {
    FILE *file; /* NULL: not open */
    const char *path;
    bool any;    /* an event stands in the file already */
    int failed;  /* the first error of writing; 0: none */
    uint32_t named[64]; /* threads of the pool that have a name there */
    size_t n_named;
} cli_trace;

/* Makes the file and listens to the store. 0 or an exit code, reported. */
int cli_trace_open(cli_trace *trace, const char *path, sluice_store *store);
/* The array's end, after the store is gone. 0 or an exit code, reported. */
int cli_trace_close(cli_trace *trace);

#endif
