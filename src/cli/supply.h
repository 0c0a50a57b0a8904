/* Values for a component's value imports, from the command line. */
#ifndef SL_CLI_SUPPLY_H
#define SL_CLI_SUPPLY_H

#include "cli/cli.h"

/* `option` is NAME=VALUE, VALUE in WAVE; NAME may be `interface#name`. CLI_OK,
 * or an exit code, reported. */
int cli_supply_value(const cli_command *command, const char *file,
                     const sluice_component *component, sluice_linker *linker,
                     const char *option);

#endif
