#include "base/alloc.h"

#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static atomic_size_t count;
static atomic_size_t fail_at;
static atomic_int fail_forever;

static int must_fail(void)
{
    /* Threads may lose counts to each other: it is exact where tests have one
     * thread, and costs no locked instruction. */
    size_t n = atomic_load_explicit(&count, memory_order_relaxed) + 1;
    atomic_store_explicit(&count, n, memory_order_relaxed);
    size_t at = atomic_load_explicit(&fail_at, memory_order_relaxed);
    if (at == 0)
        return 0;
    return n == at || (n > at && atomic_load_explicit(&fail_forever,
                                                      memory_order_relaxed));
}

void sl_alloc_fail_at(size_t n, int forever)
{
    atomic_store(&fail_forever, forever);
    atomic_store(&fail_at, n == 0 ? 0 : atomic_load(&count) + n);
}

size_t sl_alloc_count(void)
{
    return atomic_load(&count);
}

void *sl_malloc(size_t bytes)
{
    return must_fail() ? NULL : malloc(bytes ? bytes : 1);
}

void *sl_calloc(size_t n, size_t size)
{
    return must_fail() ? NULL : calloc(n ? n : 1, size ? size : 1);
}

void *sl_realloc(void *block, size_t n, size_t size)
{
    if (size != 0 && n > SIZE_MAX / size)
        return NULL;
    if (must_fail())
        return NULL;
    return realloc(block, n == 0 || size == 0 ? 1 : n * size);
}

void sl_free(void *block)
{
    free(block);
}

char *sl_strndup(const char *bytes, size_t len)
{
    char *copy = sl_malloc(len + 1);
    if (copy == NULL)
        return NULL;
    memcpy(copy, bytes, len);
    copy[len] = '\0';
    return copy;
}
