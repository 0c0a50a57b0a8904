/* An arena: allocations that live and die together. Freed whole. */
#ifndef SL_BASE_ARENA_H
#define SL_BASE_ARENA_H

#include <stddef.h>

#include "base/name.h"

typedef struct sl_arena {
    struct sl_arena_block *blocks;
    size_t used;  /* bytes taken from the newest block */
    size_t total; /* bytes handed out in all, for budgets and tests */
} sl_arena;

void sl_arena_init(sl_arena *arena);
/* Frees everything at once; the arena may be used again. */
void sl_arena_deinit(sl_arena *arena);
/* n * size zeroed bytes aligned for any type; NULL when memory is short. */
void *sl_arena_calloc(sl_arena *arena, size_t n, size_t size);
/* A copy of `len` bytes, NUL added behind them. */
char *sl_arena_dup(sl_arena *arena, const void *bytes, size_t len);
/* A copy of a name that lives as long as the arena; .data NULL on failure. */
sl_name sl_arena_name(sl_arena *arena, sl_name name);

#define sl_arena_new(arena, T)      ((T *)sl_arena_calloc((arena), 1, sizeof(T)))
#define sl_arena_array(arena, T, n) ((T *)sl_arena_calloc((arena), (n), sizeof(T)))

#endif
