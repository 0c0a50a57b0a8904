/* Load plans as text: a line "SEGMENT START LENGTH" for each step, in order;
 * SEGMENT is a number or the "name" of an import; `#` begins a comment.
 * docs/cli.md, "optimize". */
#ifndef SL_CLI_PLAN_H
#define SL_CLI_PLAN_H

#include "base/arena.h"
#include "base/vec.h"
#include "bundle/bundle.h"
#include "cli/cli.h"

/* Zeroed at first. Segments are numbered as in sl_load_plan, as if it had
 * SL_MAX_LOAD_NAMES names. */
typedef struct cli_plan {
    SL_VEC(sl_plan_step) steps;
    SL_VEC(sl_name) names; /* of imports; in the arena */
    sl_arena arena;
} cli_plan;

void cli_plan_deinit(cli_plan *plan);
/* Notes what has been read, joined to the step before where it goes on. What
 * does not fit any more is left out. */
void cli_plan_note(cli_plan *plan, const sluice_load *load);
/* 0 or an exit code, reported. */
int cli_plan_write(const cli_plan *plan, const char *path);
int cli_plan_read(cli_plan *plan, const char *path);
/* All of it, numbered anew: nothing can be added any more. Borrowed. */
sl_load_plan cli_plan_take(cli_plan *plan);

#endif
