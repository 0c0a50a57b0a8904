/* WASI 0.3 as an embedder writes it: host functions over the public headers.
 * One file per package; a table row per function. */
#ifndef SL_WASI_WASI_INT_H
#define SL_WASI_WASI_INT_H

#include "sluice/wasi.h"

/* What the host functions of one linker share; counted by its functions. */
typedef struct wasi {
    int refs;
    char **args, **env; /* NULL-terminated copies; never NULL themselves */
    char *initial_cwd;  /* NULL: none */
    int fds[3];         /* -1: closed */
} wasi;

typedef struct wasi_row {
    const char *interface, *name;
    const char *type; /* an import with another one is not linked */
    sluice_host_fn fn;
} wasi_row;

/* Each package's functions; ends with a row of NULLs. */
extern const wasi_row sl_wasi_p3_cli[], sl_wasi_p3_clocks[],
    sl_wasi_p3_random[];

/* Answers with a number, or traps when memory is short. */
void sl_wasi_return_u64(sluice_call *call, uint64_t value);
void sl_wasi_no_memory(sluice_call *call);

#endif
