/* Linear memories: address space is reserved up front, so that a memory never
 * moves; growing makes more of it accessible. Core specification, "Execution /
 * Runtime Structure / Memory Instances". */
#include "exec/exec_int.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "exec/guard.h"

#define PAGE       UINT64_C(65536)
#define GUARD      PAGE
#define FULL_PAGES UINT64_C(65536)

/* A memory begins where a huge page could: a file that is mapped into it at a
 * place as far from such a boundary as its offset is keeps the large pages that
 * the kernel has it in. */
#define HUGE_PAGE ((size_t)2 << 20)

static void *map_nothing(size_t bytes)
{
    return mmap(NULL, bytes, PROT_NONE,
                MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
}

static void *map_aligned(size_t bytes)
{
    if (bytes < HUGE_PAGE || bytes > SIZE_MAX - HUGE_PAGE)
        return map_nothing(bytes);
    uint8_t *at = map_nothing(bytes + HUGE_PAGE);
    if (at == MAP_FAILED)
        return map_nothing(bytes);
    size_t skip = (size_t)(-(uintptr_t)at % HUGE_PAGE);
    if (skip != 0)
        munmap(at, skip);
    munmap(at + skip + bytes, HUGE_PAGE - skip);
    return at + skip;
}

/* One that has been used before, all zeros again, or a new one. */
static bool reserve(sl_mappings *mappings, uint64_t bytes, uint64_t accessible,
                    sl_mapping *out)
{
    if (bytes > SIZE_MAX - GUARD)
        return false;
    size_t all = (size_t)(bytes + GUARD);
    if (sl_mappings_take(mappings, SL_MAPPING_MEMORY, all, (size_t)accessible,
                         out))
        return true;
    void *at = map_aligned(all);
    *out = (sl_mapping){at, all, 0};
    return at != MAP_FAILED;
}

/* All that 32 bits can address, or what a memory of 64 bits may grow to; where
 * address space is short, what the type allows, or as much as there is. */
static bool reserve_some(sl_mappings *mappings, sl_memory *memory,
                         uint64_t min_pages)
{
    sl_mapping mapping;
    uint64_t pages = memory->type.limits.is64 ? memory->max_pages : FULL_PAGES;
    while (!reserve(mappings, pages * PAGE, min_pages * PAGE, &mapping)) {
        if (pages <= min_pages)
            return false;
        pages = pages > memory->max_pages ? memory->max_pages : pages / 2;
        if (pages < min_pages)
            pages = min_pages;
    }
    memory->base = mapping.base;
    memory->reserved = pages * PAGE;
    memory->size = mapping.accessible;
    return true;
}

/* Makes the first `bytes` accessible, and no more. */
static bool commit(sl_memory *memory, uint64_t bytes)
{
    uint64_t size = memory->size;
    if (bytes > size && mprotect(memory->base + size, (size_t)(bytes - size),
                                 PROT_READ | PROT_WRITE) != 0)
        return false;
    if (bytes < size &&
        mprotect(memory->base + bytes, (size_t)(size - bytes), PROT_NONE) != 0)
        return false;
    memory->size = bytes;
    return true;
}

sl_status sl_memory_map(sl_mappings *mappings, sl_memory *memory, sl_err *err)
{
    uint64_t min = memory->type.limits.min;
    if (!reserve_some(mappings, memory, min))
        return sl_fail(err, SL_ENOMEM, SL_ERR_NO_PLACE,
                       "out of memory: no address space for a memory");
    if (!commit(memory, min * PAGE)) {
        sl_memory_unmap(mappings, memory);
        return sl_fail(err, SL_ENOMEM, SL_ERR_NO_PLACE,
                       "out of memory: %llu pages of linear memory",
                       (unsigned long long)min);
    }
    return SL_OK;
}

void sl_memory_unmap(sl_mappings *mappings, sl_memory *memory)
{
    if (memory->mapped) { /* would not read as zeros when used again */
        sl_guard_remove(memory->base);
        munmap(memory->base, (size_t)(memory->reserved + GUARD));
    } else if (memory->base != NULL)
        sl_mappings_give(mappings, SL_MAPPING_MEMORY,
                         (sl_mapping){memory->base,
                                      (size_t)(memory->reserved + GUARD),
                                      (size_t)memory->size});
    memory->base = NULL;
}

static bool within_limits(const sl_core_store *store, uint64_t pages,
                          uint64_t more_pages)
{
    const sl_core_limits *limits = &store->limits;
    uint64_t used = store->stats.memory_bytes;
    return pages <= limits->memory_pages && used <= limits->memory_bytes &&
           more_pages <= (limits->memory_bytes - used) / PAGE;
}

/* What a memory may ever have. */
static uint64_t most_pages(const sl_core_store *store, const sl_limits *l)
{
    uint64_t pages = FULL_PAGES;
    if (l->is64)
        pages = store->limits.memory64_pages != 0 ? store->limits.memory64_pages
                                                  : SL_MEMORY64_PAGES;
    return l->has_max && l->max < pages ? l->max : pages;
}

sl_memory *sl_memory_new(sl_core_store *store, sl_memtype type, sl_err *err)
{
    const sl_limits *l = &type.limits;
    uint64_t max_pages = most_pages(store, l);
    if (l->shared) {
        sl_fail(err, SL_EUNSUPPORTED, SL_ERR_NO_PLACE,
                "unsupported memory: threads");
        return NULL;
    }
    if (l->min > max_pages || !within_limits(store, l->min, l->min)) {
        sl_fail(err, SL_ELIMIT, SL_ERR_NO_PLACE,
                "limit: a memory of %llu pages", (unsigned long long)l->min);
        return NULL;
    }
    sl_owned_memory *owned = sl_arena_new(&store->arena, sl_owned_memory);
    if (owned == NULL) {
        sl_fail(err, SL_ENOMEM, SL_ERR_NO_PLACE, "out of memory");
        return NULL;
    }
    sl_memory *memory = &owned->memory;
    memory->type = type;
    memory->max_pages = max_pages;
    if (sl_memory_map(store->limits.mappings, memory, err) != SL_OK)
        return NULL;
    owned->next = store->memories;
    store->memories = owned;
    store->stats.memories++;
    store->stats.memory_bytes += memory->size;
    return memory;
}

/* "Growing memories". */
int64_t sl_memory_grow(sl_core_store *store, sl_memory *memory, uint64_t delta)
{
    uint64_t pages = memory->size / PAGE;
    if (delta == 0)
        return (int64_t)pages;
    if (delta > memory->max_pages - pages ||
        (pages + delta) * PAGE > memory->reserved ||
        !within_limits(store, pages + delta, delta) ||
        !commit(memory, (pages + delta) * PAGE))
        return -1;
    store->stats.memory_bytes += delta * PAGE;
    return (int64_t)pages;
}

/* --- Files in memories --------------------------------------------------- */

uint64_t sl_page_size(void)
{
    return (uint64_t)sysconf(_SC_PAGESIZE);
}

bool sl_core_store_allow_mapping(sl_core_store *store)
{
    store->guarded = sl_guard_install();
    return store->guarded;
}

static bool watch(sl_core_store *store, sl_memory *memory)
{
    if (!memory->mapped)
        memory->mapped =
            store->guarded &&
            sl_guard_add(memory->base, (size_t)memory->reserved,
                         &store->interrupt, SL_INTERRUPT_FAULT);
    return memory->mapped;
}

uint64_t sl_memory_map_file(sl_core_store *store, sl_memory *memory,
                            uint64_t ptr, uint64_t len, int fd,
                            uint64_t offset)
{
    uint64_t page = sl_page_size();
    uint8_t *at = sl_memory_at(memory, ptr, len);
    len -= len % page;
    if (at == NULL || len == 0 || ptr % page != 0 || offset % page != 0 ||
        !watch(store, memory))
        return 0;
    if (mmap(at, (size_t)len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_FIXED,
             fd, (off_t)offset) == at)
        return len;
    /* What was there may be gone; it was to be overwritten. */
    if (msync(at, (size_t)len, MS_ASYNC) != 0)
        (void)mmap(at, (size_t)len, PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE, -1,
                   0);
    return 0;
}

bool sl_memory_init_from(sl_core_instance *instance, sl_memory *memory,
                         uint32_t data, uint64_t to, uint64_t from, uint64_t n)
{
    const sl_data *segment = &instance->module->datas[data];
    uint64_t len = instance->data_dropped[data] ? 0 : segment->len;
    uint8_t *target = sl_memory_at(memory, to, n);
    if (from > len || n > len - from || target == NULL)
        return false;
    if (n != 0)
        memcpy(target, segment->bytes + from, (size_t)n);
    return true;
}
