/* What sanitizers and valgrind must be told about stacks and switches; nothing
 * elsewhere. */
#ifndef SL_TASK_FIBER_SAN_H
#define SL_TASK_FIBER_SAN_H

#include "task/fiber.h"

#if defined(__SANITIZE_ADDRESS__)
#define SL_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SL_ASAN 1
#endif
#endif
#ifndef SL_ASAN
#define SL_ASAN 0
#endif

#if defined(__SANITIZE_THREAD__)
#define SL_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define SL_TSAN 1
#endif
#endif
#ifndef SL_TSAN
#define SL_TSAN 0
#endif

#if SL_ASAN
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>

/* Before and after a switch away from a stack (`save` NULL: for good). */
static inline void san_leave(void **save, const void *bottom, size_t bytes)
{
    __sanitizer_start_switch_fiber(save, bottom, bytes);
}
static inline void san_arrive(void *saved, const void **from_bottom,
                              size_t *from_bytes)
{
    __sanitizer_finish_switch_fiber(saved, from_bottom, from_bytes);
}
static inline void san_clean(void *stack, size_t bytes)
{
    __asan_unpoison_memory_region(stack, bytes);
}
#else
static inline void san_leave(void **save, const void *bottom, size_t bytes)
{
    (void)save, (void)bottom, (void)bytes;
}
static inline void san_arrive(void *saved, const void **from_bottom,
                              size_t *from_bytes)
{
    (void)saved, (void)from_bottom, (void)from_bytes;
}
static inline void san_clean(void *stack, size_t bytes)
{
    (void)stack, (void)bytes;
}
#endif

/* For functions that ThreadSanitizer must not count on a stack's frames. */
#if SL_TSAN && defined(__clang__)
#define SAN_UNSEEN __attribute__((disable_sanitizer_instrumentation))
#elif SL_TSAN
#define SAN_UNSEEN __attribute__((no_sanitize("thread")))
#else
#define SAN_UNSEEN
#endif

#if SL_TSAN
#include <sanitizer/tsan_interface.h>

static inline void tsan_open(sl_fiber *fiber)
{
    fiber->tsan = __tsan_create_fiber(0);
}
static inline void tsan_close(sl_fiber *fiber)
{
    __tsan_destroy_fiber(fiber->tsan);
}
/* Entered on one stack and left on the other. */
SAN_UNSEEN static inline void tsan_enter(sl_fiber *fiber)
{
    fiber->tsan_resumer = __tsan_get_current_fiber();
    __tsan_switch_to_fiber(fiber->tsan, 0);
}
SAN_UNSEEN static inline void tsan_exit(sl_fiber *fiber)
{
    __tsan_switch_to_fiber(fiber->tsan_resumer, 0);
}
#else
static inline void tsan_open(sl_fiber *fiber)
{
    (void)fiber;
}
static inline void tsan_close(sl_fiber *fiber)
{
    (void)fiber;
}
static inline void tsan_enter(sl_fiber *fiber)
{
    (void)fiber;
}
static inline void tsan_exit(sl_fiber *fiber)
{
    (void)fiber;
}
#endif

#if defined(__has_include)
#if __has_include(<valgrind/valgrind.h>)
#include <valgrind/valgrind.h>
#endif
#endif
#ifdef VALGRIND_STACK_REGISTER
static inline unsigned vg_register(void *low, void *high)
{
    return VALGRIND_STACK_REGISTER(low, high);
}
static inline void vg_deregister(unsigned id)
{
    VALGRIND_STACK_DEREGISTER(id);
}
#else
static inline unsigned vg_register(void *low, void *high)
{
    (void)low, (void)high;
    return 0;
}
static inline void vg_deregister(unsigned id)
{
    (void)id;
}
#endif

#endif
