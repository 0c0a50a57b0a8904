/* Load plans as text: a line "ORDINAL START LENGTH" for each step, in order; `#`
 * begins a comment. docs/cli.md, "optimize". */
#ifndef SL_CLI_PLAN_H
#define SL_CLI_PLAN_H

#include "base/vec.h"
#include "bundle/bundle.h"
#include "cli/cli.h"

typedef SL_VEC(sl_plan_step) cli_plan;

/* Notes what has been read, joined to the step before where it goes on. What
 * does not fit any more is left out. */
void cli_plan_note(cli_plan *plan, const sluice_load *load);
/* 0 or an exit code, reported. */
int cli_plan_write(const cli_plan *plan, const char *path);
int cli_plan_read(cli_plan *plan, const char *path);

#endif
