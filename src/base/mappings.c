#include "base/mappings.h"

#include <pthread.h>
#include <stdatomic.h>
#include <sys/mman.h>

#include "base/alloc.h"

/* Idle ones of a kind. Address space is all that a memory costs here, and a
 * stack when there are MAX_WARM that have kept the pages they touched. */
#define MAX_IDLE 64
#define MAX_WARM 16
/* Memories beyond that would cost more to clear than to map. */
#define MAX_ACCESSIBLE ((size_t)64 << 20)

typedef struct idle {
    sl_mapping v[MAX_IDLE];
    unsigned n;
} idle;

struct sl_mappings {
    pthread_mutex_t lock;
    idle kinds[SL_N_MAPPING_KINDS];
    atomic_uint misses;
};

sl_mappings *sl_mappings_new(void)
{
    sl_mappings *mappings = sl_calloc(1, sizeof *mappings);
    if (mappings != NULL && pthread_mutex_init(&mappings->lock, NULL) != 0) {
        sl_free(mappings);
        return NULL;
    }
    return mappings;
}

static void unmap(sl_mapping mapping)
{
    (void)munmap(mapping.base, mapping.bytes);
}

void sl_mappings_free(sl_mappings *mappings)
{
    if (mappings == NULL)
        return;
    for (int kind = 0; kind < SL_N_MAPPING_KINDS; kind++)
        for (unsigned i = 0; i < mappings->kinds[kind].n; i++)
            unmap(mappings->kinds[kind].v[i]);
    pthread_mutex_destroy(&mappings->lock);
    sl_free(mappings);
}

/* The last one given that fits, or the last one of the size; n: none. */
static unsigned choose(const idle *from, size_t bytes, size_t accessible)
{
    unsigned found = from->n;
    for (unsigned i = from->n; i-- > 0;) {
        if (from->v[i].bytes != bytes)
            continue;
        if (from->v[i].accessible == accessible)
            return i;
        if (found == from->n)
            found = i;
    }
    return found;
}

bool sl_mappings_take(sl_mappings *mappings, sl_mapping_kind kind, size_t bytes,
                      size_t accessible, sl_mapping *out)
{
    if (mappings == NULL)
        return false;
    idle *from = &mappings->kinds[kind];
    pthread_mutex_lock(&mappings->lock);
    unsigned at = choose(from, bytes, accessible);
    bool found = at < from->n;
    if (found) {
        *out = from->v[at];
        from->v[at] = from->v[--from->n];
    }
    pthread_mutex_unlock(&mappings->lock);
    if (!found)
        atomic_fetch_add_explicit(&mappings->misses, 1, memory_order_relaxed);
    return found;
}

bool sl_mappings_crowded(const sl_mappings *mappings)
{
    return mappings != NULL &&
           atomic_load_explicit(&mappings->misses, memory_order_relaxed) >
               MAX_WARM * SL_N_MAPPING_KINDS;
}

/* Gives the pages back: they read as zeros. */
static bool clear(sl_mapping mapping)
{
    return mapping.accessible <= MAX_ACCESSIBLE &&
           (mapping.accessible == 0 ||
            madvise(mapping.base, mapping.accessible, MADV_DONTNEED) == 0);
}

void sl_mappings_give(sl_mappings *mappings, sl_mapping_kind kind,
                      sl_mapping mapping)
{
    if (mappings == NULL || (kind == SL_MAPPING_MEMORY && !clear(mapping))) {
        unmap(mapping);
        return;
    }
    idle *to = &mappings->kinds[kind];
    pthread_mutex_lock(&mappings->lock);
    if (kind != SL_MAPPING_MEMORY && to->n >= MAX_WARM)
        (void)madvise(mapping.base, mapping.bytes, MADV_DONTNEED);
    bool room = to->n < MAX_IDLE;
    if (room)
        to->v[to->n++] = mapping;
    pthread_mutex_unlock(&mappings->lock);
    if (!room)
        unmap(mapping);
}
