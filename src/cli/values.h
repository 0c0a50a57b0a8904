/* Values of `sluice run --invoke` between their text and the store: what the
 * text only says (text/wave.h, "loose") becomes streams, futures and handles,
 * and those that a call returned become text again. */
#ifndef SL_CLI_VALUES_H
#define SL_CLI_VALUES_H

#include "base/err.h"
#include "base/vec.h"
#include "sluice/sluice.h"

typedef struct cli_values {
    sluice_store *store;
    SL_VEC(sluice_val) handles; /* owned resources that calls returned */
    struct cli_feed *feeds;     /* streams that are being written */
    struct cli_slot *slots;     /* streams and futures that are being read */
    bool read;                  /* all of them have been */
    sluice_error error;         /* what reading ended with */
} cli_values;

void cli_values_deinit(cli_values *v);
/* Makes a loose value an argument. */
bool cli_values_in(cli_values *v, const sluice_type *type, sluice_val *val,
                   sl_err *err);
/* Makes a result loose: its resources get numbers, and its streams and futures
 * begin to be read, which v->read tells the end of. The value must stay where
 * it is until then. False: v->error says why. */
bool cli_values_out(cli_values *v, const sluice_type *type, sluice_val *val);

#endif
