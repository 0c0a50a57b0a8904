/* What `sluice run` tells of a store at its end, on standard error. */
#ifndef SL_CLI_OBSERVE_H
#define SL_CLI_OBSERVE_H

#include "sluice/sluice.h"

/* --stats: the store's counters, and what the process used. */
void cli_print_stats(const sluice_store *store);

/* --data-stats: a line per segment, and their sum. */
void cli_print_segments(sluice_store *store);

#endif
