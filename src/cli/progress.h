/* One line on the terminal that says how far something long is. Nothing is
 * shown when standard error is no terminal, or in the first second. One at a
 * time, on the main thread. */
#ifndef SL_CLI_PROGRESS_H
#define SL_CLI_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

typedef struct cli_progress {
    const char *what; /* borrowed */
    uint64_t started_ms, drawn_ms;
    bool on; /* there is a terminal to draw on */
} cli_progress;

void cli_progress_begin(cli_progress *progress, const char *what);
/* So many bytes are done, of about `total` (0: nobody knows). Cheap: draws ten
 * times a second at most. */
void cli_progress_step(cli_progress *progress, uint64_t done, uint64_t total);
/* Takes the line away. May be called again. */
void cli_progress_end(cli_progress *progress);
/* Takes away what is shown, whoever shows it, so that a message can stand
 * there; the next step draws it again. */
void cli_progress_clear(void);

#endif
