/* The heap's only door. Everything the library allocates comes through here,
 * so that an embedder's allocator and the fault tests have one place to hook.
 * All of these return NULL when memory is short; nothing aborts. */
#ifndef SL_BASE_ALLOC_H
#define SL_BASE_ALLOC_H

#include <stddef.h>

void *sl_malloc(size_t bytes);
/* n * size bytes of zeros; NULL when the product overflows. */
void *sl_calloc(size_t n, size_t size);
/* n * size bytes, contents kept; NULL (old block intact) on failure. */
void *sl_realloc(void *block, size_t n, size_t size);
void sl_free(void *block);
/* A NUL-terminated copy of `len` bytes. */
char *sl_strndup(const char *bytes, size_t len);

/* Fault injection for tests: the n-th allocation from now fails (and, when
 * `forever`, all later ones); n = 0 switches it off. */
void sl_alloc_fail_at(size_t n, int forever);
/* Allocations made so far in this process; a sweep's upper bound. */
size_t sl_alloc_count(void);

#endif
