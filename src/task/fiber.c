/* Fibers and their pool. CanonicalABI.md "Stack Switching". */
#include "task/fiber.h"

#include <sys/mman.h>
#include <unistd.h>

#include "base/alloc.h"
#include "task/fiber_san.h"

/* Idle fibers that are kept as they are, that are kept without their pages, and
 * the rest goes back to the system. */
#define POOL_WARM 8
#define POOL_MAX  64
/* What a host function may need below the last wasm call it makes. */
#define C_STACK_RESERVE (SL_ASAN ? 128 * 1024 : 32 * 1024)
/* Sanitized frames are several times as large. */
#define C_STACK_FACTOR (SL_ASAN || SL_TSAN ? 4 : 1)

struct sl_fiber_pool {
    sl_core_store *store;
    sl_mappings *mappings;
    sl_trap_info *trap;
    size_t c_stack_bytes, wasm_stack_slots;
    sl_fiber *idle;
    uint32_t n_idle, n;
};

sl_fiber_pool *sl_fiber_pool_new(sl_core_store *store, sl_trap_info *trap,
                                 size_t c_stack_bytes, size_t wasm_stack_bytes,
                                 sl_err *err)
{
    sl_fiber_pool *pool = sl_calloc(1, sizeof *pool);
    if (pool == NULL) {
        sl_fail(err, SL_ENOMEM, SL_ERR_NO_PLACE, "out of memory");
        return NULL;
    }
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    if (c_stack_bytes < 64 * 1024)
        c_stack_bytes = 64 * 1024;
    pool->store = store;
    pool->mappings = sl_core_store_mappings(store);
    pool->trap = trap;
    pool->c_stack_bytes =
        (c_stack_bytes * C_STACK_FACTOR + page - 1) / page * page;
    pool->wasm_stack_slots = wasm_stack_bytes / sizeof(sl_slot);
    return pool;
}

static uint8_t *stack_of(const sl_fiber *fiber)
{
    return fiber->map + fiber->guard_bytes;
}

static size_t stack_bytes(const sl_fiber *fiber)
{
    return fiber->map_bytes - fiber->guard_bytes;
}

static void give_stack(sl_fiber_pool *pool, const sl_fiber *fiber)
{
    sl_mappings_give(pool->mappings, SL_MAPPING_STACK,
                     (sl_mapping){fiber->map, fiber->map_bytes, 0});
}

static void fiber_free(sl_fiber_pool *pool, sl_fiber *fiber)
{
    pool->n--;
    sl_core_thread_deinit(&fiber->core);
    vg_deregister(fiber->valgrind_id);
    tsan_close(fiber);
    give_stack(pool, fiber);
    sl_free(fiber);
}

static void free_idle(sl_fiber_pool *pool)
{
    while (pool->idle != NULL) {
        sl_fiber *fiber = pool->idle;
        pool->idle = fiber->next;
        fiber_free(pool, fiber);
    }
    pool->n_idle = 0;
}

void sl_fiber_pool_rest(sl_fiber_pool *pool)
{
    if (sl_mappings_crowded(pool->mappings))
        free_idle(pool);
}

void sl_fiber_pool_free(sl_fiber_pool *pool)
{
    if (pool == NULL)
        return;
    free_idle(pool);
    sl_free(pool);
}

uint32_t sl_fiber_pool_count(const sl_fiber_pool *pool)
{
    return pool->n;
}

static bool map_stack(sl_mappings *mappings, sl_fiber *fiber, size_t bytes)
{
    sl_mapping used;
    fiber->guard_bytes = (size_t)sysconf(_SC_PAGESIZE);
    fiber->map_bytes = bytes + fiber->guard_bytes;
    if (sl_mappings_take(mappings, SL_MAPPING_STACK, fiber->map_bytes, 0,
                         &used)) {
        fiber->map = used.base;
        return true;
    }
    void *map =
        mmap(NULL, fiber->map_bytes, PROT_READ | PROT_WRITE,
             MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
    if (map == MAP_FAILED)
        return false;
    fiber->map = map;
    if (mprotect(map, fiber->guard_bytes, PROT_NONE) == 0)
        return true;
    munmap(map, fiber->map_bytes);
    return false;
}

static sl_fiber *fiber_new(sl_fiber_pool *pool, sl_err *err)
{
    sl_fiber *fiber = sl_calloc(1, sizeof *fiber);
    if (fiber == NULL ||
        !map_stack(pool->mappings, fiber, pool->c_stack_bytes)) {
        sl_free(fiber);
        sl_fail(err, SL_ENOMEM, SL_ERR_NO_PLACE, "out of memory: no stack");
        return NULL;
    }
    if (sl_core_thread_init(&fiber->core, pool->store, pool->wasm_stack_slots,
                            pool->trap, err) != SL_OK) {
        give_stack(pool, fiber);
        sl_free(fiber);
        return NULL;
    }
    fiber->core.c_stack_limit = stack_of(fiber) + C_STACK_RESERVE;
    fiber->valgrind_id =
        vg_register(stack_of(fiber), fiber->map + fiber->map_bytes);
    tsan_open(fiber);
    pool->n++;
    return fiber;
}

/* The bottom frame of every fiber; ends in a switch that never comes back, and
 * must not be counted as entered each time. */
SAN_UNSEEN static void fiber_main(void *arg)
{
    sl_fiber *fiber = arg;

    san_arrive(NULL, &fiber->resumer_stack, &fiber->resumer_bytes);
    fiber->status = fiber->fn(fiber, fiber->arg);
    fiber->done = true;
    san_leave(NULL, fiber->resumer_stack, fiber->resumer_bytes);
    tsan_exit(fiber);
    sl_context_switch(&fiber->context, &fiber->resumer);
}

sl_fiber *sl_fiber_acquire(sl_fiber_pool *pool,
                           sl_status (*fn)(sl_fiber *, void *), void *arg,
                           sl_err *err)
{
    sl_fiber *fiber = pool->idle;
    if (fiber != NULL) {
        pool->idle = fiber->next;
        pool->n_idle--;
    } else {
        fiber = fiber_new(pool, err);
        if (fiber == NULL)
            return NULL;
    }
    fiber->fn = fn;
    fiber->arg = arg;
    fiber->done = false;
    fiber->passed = NULL;
    fiber->fake_stack = NULL;
    fiber->core.host = NULL;
    san_clean(stack_of(fiber), stack_bytes(fiber));
    sl_context_init(&fiber->context, stack_of(fiber), stack_bytes(fiber),
                    fiber_main, fiber);
    return fiber;
}

/* Gives back the pages of both stacks but the first. */
static void cool(sl_fiber *fiber)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    sl_core_thread_trim(&fiber->core);
    (void)madvise(stack_of(fiber), stack_bytes(fiber) - page, MADV_DONTNEED);
}

void sl_fiber_release(sl_fiber_pool *pool, sl_fiber *fiber)
{
    fiber->core.host = NULL;
    if (pool->n_idle >= POOL_MAX) {
        fiber_free(pool, fiber);
        return;
    }
    if (pool->n_idle >= POOL_WARM)
        cool(fiber);
    fiber->next = pool->idle;
    pool->idle = fiber;
    pool->n_idle++;
}

void sl_fiber_resume(sl_fiber *fiber)
{
    void *fake_stack = NULL;

    san_leave(&fake_stack, stack_of(fiber), stack_bytes(fiber));
    tsan_enter(fiber);
    sl_context_switch(&fiber->resumer, &fiber->context);
    san_arrive(fake_stack, NULL, NULL);
}

void sl_fiber_suspend(sl_fiber *fiber, void *passed)
{
    fiber->passed = passed;
    san_leave(&fiber->fake_stack, fiber->resumer_stack, fiber->resumer_bytes);
    tsan_exit(fiber);
    sl_context_switch(&fiber->context, &fiber->resumer);
    san_arrive(fiber->fake_stack, &fiber->resumer_stack, &fiber->resumer_bytes);
}
