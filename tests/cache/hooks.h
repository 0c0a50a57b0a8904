/* System calls of the cache, so that one of them can be the last or fail. The
 * linker puts these in place of the real ones (--wrap, CMakeLists.txt). */
#ifndef SL_TESTS_CACHE_HOOKS_H
#define SL_TESTS_CACHE_HOOKS_H

#include <stdbool.h>
#include <stdint.h>

typedef enum hook_mode {
    HOOK_OFF,
    HOOK_COUNT,
    HOOK_KILL_BEFORE, /* SIGKILL instead of call number `at` */
    HOOK_KILL_HALF,   /* after half of a write; other calls: before */
    HOOK_KILL_AFTER,
    HOOK_FAIL_ONCE, /* call number `at` fails with `error` */
    HOOK_FAIL_FROM, /* and all later ones */
} hook_mode;

typedef struct hook {
    hook_mode mode;
    uint32_t at, calls;
    int error;
} hook;

extern hook hooks;

#endif
