/* What `sluice run` tells of a store at its end, on standard error. */
#ifndef SL_CLI_OBSERVE_H
#define SL_CLI_OBSERVE_H

#include "sluice/sluice.h"

/* --data-stats: a line per segment, and their sum. */
void cli_print_segments(sluice_store *store);

#endif
