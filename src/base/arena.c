#include "base/arena.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/alloc.h"

#define FIRST_BYTES 512 /* of an arena's first block: many need no other */
#define NEXT_BYTES  960 /* of its second: allocators are quick up to 1 KiB */
#define BLOCK_BYTES 4096
#define ALIGN       16

struct sl_arena_block {
    struct sl_arena_block *older;
    size_t cap;
    _Alignas(ALIGN) unsigned char bytes[];
};

void sl_arena_init(sl_arena *arena)
{
    *arena = (sl_arena){0};
}

void sl_arena_deinit(sl_arena *arena)
{
    struct sl_arena_block *block = arena->blocks;
    while (block != NULL) {
        struct sl_arena_block *older = block->older;
        sl_free(block);
        block = older;
    }
    sl_arena_init(arena);
}

/* A block of its own for what is large: the newest block keeps its room. */
static void *alloc_large(sl_arena *arena, size_t bytes)
{
    struct sl_arena_block *block = sl_calloc(1, sizeof *block + bytes);
    if (block == NULL)
        return NULL;
    block->cap = bytes;
    if (arena->blocks == NULL) {
        arena->blocks = block;
        arena->used = bytes;
    } else {
        block->older = arena->blocks->older;
        arena->blocks->older = block;
    }
    return block->bytes;
}

/* Arenas that stay small are quick; others grow by large blocks. */
static size_t next_cap(const sl_arena *arena, size_t bytes)
{
    if (arena->blocks == NULL && bytes <= FIRST_BYTES)
        return FIRST_BYTES;
    bool second = arena->blocks == NULL || arena->blocks->cap == FIRST_BYTES;
    return second && bytes <= NEXT_BYTES ? NEXT_BYTES : BLOCK_BYTES;
}

void *sl_arena_calloc(sl_arena *arena, size_t n, size_t size)
{
    size_t bytes;
    if (__builtin_mul_overflow(n, size, &bytes) || bytes > SIZE_MAX / 2)
        return NULL;
    bytes = (bytes + ALIGN - 1) & ~(size_t)(ALIGN - 1);
    arena->total += bytes;
    if (arena->blocks != NULL && arena->blocks->cap - arena->used >= bytes) {
        void *out = arena->blocks->bytes + arena->used;
        arena->used += bytes;
        return memset(out, 0, bytes);
    }
    if (bytes > BLOCK_BYTES / 4)
        return alloc_large(arena, bytes);
    /* Zeroed as it is handed out: most blocks are never full. */
    size_t cap = next_cap(arena, bytes);
    struct sl_arena_block *block = sl_malloc(sizeof *block + cap);
    if (block == NULL)
        return NULL;
    block->cap = cap;
    block->older = arena->blocks;
    arena->blocks = block;
    arena->used = bytes;
    return memset(block->bytes, 0, bytes);
}

char *sl_arena_dup(sl_arena *arena, const void *bytes, size_t len)
{
    char *copy = sl_arena_calloc(arena, 1, len + 1);
    if (copy != NULL && len != 0)
        memcpy(copy, bytes, len);
    return copy;
}

sl_name sl_arena_name(sl_arena *arena, sl_name name)
{
    char *copy = sl_arena_dup(arena, name.data, name.len);
    return (sl_name){copy, copy ? name.len : 0};
}
