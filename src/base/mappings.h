/* Stretches of address space that were in use and wait to be used again, so
 * that stacks and linear memories of short-lived stores cost no system calls.
 * Any thread. */
#ifndef SL_BASE_MAPPINGS_H
#define SL_BASE_MAPPINGS_H

#include <stdbool.h>
#include <stddef.h>

typedef enum sl_mapping_kind {
    SL_MAPPING_STACK,      /* contents do not matter, a guard below */
    SL_MAPPING_WASM_STACK, /* the same, the guard above */
    SL_MAPPING_MEMORY,     /* reads as zeros */
    SL_N_MAPPING_KINDS,
} sl_mapping_kind;

typedef struct sl_mapping {
    void *base;
    size_t bytes;      /* guards included */
    size_t accessible; /* MEMORY: from `base` on; the rest is not */
} sl_mapping;

typedef struct sl_mappings sl_mappings;

/* NULL: out of memory. */
sl_mappings *sl_mappings_new(void);
/* Unmaps what it holds. NULL is fine. */
void sl_mappings_free(sl_mappings *mappings);
/* One of that kind and of so many bytes, preferably with `accessible` of them
 * so. False: there is none (`mappings` may be NULL). */
bool sl_mappings_take(sl_mappings *mappings, sl_mapping_kind kind, size_t bytes,
                      size_t accessible, sl_mapping *out);
/* Whether so many have been asked for in vain that nobody should keep what he
 * does not use now. */
bool sl_mappings_crowded(const sl_mappings *mappings);
/* Takes it, or unmaps it when there are enough. */
void sl_mappings_give(sl_mappings *mappings, sl_mapping_kind kind,
                      sl_mapping mapping);

#endif
