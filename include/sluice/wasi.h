/** @file wasi.h
 * WASI 0.3 for guests: what a command finds of the world around it.
 * wasi:cli, wasi:clocks and wasi:random at 0.3.x; see docs/cli.md for what is
 * there.
 */
#ifndef SLUICE_WASI_H
#define SLUICE_WASI_H

#include "sluice/instance.h"

#ifdef __cplusplus
extern "C" {
#endif

/** What a guest may see. Zeroed: no arguments, no environment, and standard
 * streams at their end. Strings are copied. */
typedef struct sluice_wasi_config {
    const char *const *args; /**< NULL-terminated; args[0] is the program */
    const char *const *env;  /**< NULL-terminated, "NAME=value" */
    const char *initial_cwd; /**< NULL: none */
    bool inherit_stdio;      /**< use descriptors 0, 1 and 2 */
    int stdin_fd, stdout_fd, stderr_fd; /**< else these; 0 in all: closed */
} sluice_wasi_config;

/** Define the interfaces of WASI in a linker. Nothing of *config is kept but
 * copies; descriptors must stay open as long as stores use the linker.
 * @return SLUICE_OK, SLUICE_ENOMEM, SLUICE_EUSAGE (defined already). On the
 * thread of the stores that will use the linker. */
SLUICE_API sluice_status sluice_linker_wasi(sluice_linker *linker,
                                            const sluice_wasi_config *config,
                                            sluice_error *error);

#ifdef __cplusplus
}
#endif
#endif
