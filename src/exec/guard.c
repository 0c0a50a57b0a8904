#include "exec/guard.h"

#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

enum { RANGES = 1024 };

/* Read by the handler at any moment: `base` is set last and cleared first. */
static struct range {
    _Atomic uintptr_t base; /* 0: free */
    uintptr_t end;
    atomic_int *flags;
    int bits;
} ranges[RANGES];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct sigaction before;
static size_t page_size;
static _Thread_local volatile sig_atomic_t passing_on;

/* --- The handler ------------------------------------------------------------------ */

/* As if we were not here. A handler that passes it back to us has had its
 * turn. */
static void pass_on(int number, siginfo_t *info, void *context)
{
    bool again = passing_on;
    passing_on = 1;
    if (!again && (before.sa_flags & SA_SIGINFO) != 0) {
        before.sa_sigaction(number, info, context);
    } else if (!again && before.sa_handler != SIG_DFL &&
               before.sa_handler != SIG_IGN) {
        before.sa_handler(number);
    } else { /* happens again, and ends the process */
        struct sigaction standard = {.sa_handler = SIG_DFL};
        sigaction(SIGBUS, &standard, NULL);
    }
    passing_on = 0;
}

static void on_bus_error(int number, siginfo_t *info, void *context)
{
    uintptr_t at = (uintptr_t)info->si_addr;
    for (size_t i = 0; i < RANGES; i++) {
        uintptr_t base = atomic_load(&ranges[i].base);
        if (base == 0 || at < base || at >= ranges[i].end)
            continue;
        void *page = (void *)(at & ~(uintptr_t)(page_size - 1));
        if (mmap(page, page_size, PROT_READ | PROT_WRITE,
                 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == MAP_FAILED)
            break;
        atomic_fetch_or(ranges[i].flags, ranges[i].bits);
        return;
    }
    pass_on(number, info, context);
}

/* --- Ranges ------------------------------------------------------------------------- */

bool sl_guard_install(void)
{
    struct sigaction action = {.sa_sigaction = on_bus_error,
                               .sa_flags =
                                   SA_SIGINFO | SA_NODEFER | SA_ONSTACK};
    struct sigaction now;
    pthread_mutex_lock(&lock);
    page_size = (size_t)sysconf(_SC_PAGESIZE);
    bool good = sigaction(SIGBUS, NULL, &now) == 0;
    if (good && ((now.sa_flags & SA_SIGINFO) == 0 ||
                 now.sa_sigaction != on_bus_error)) {
        before = now;
        good = sigaction(SIGBUS, &action, NULL) == 0;
    }
    pthread_mutex_unlock(&lock);
    return good;
}

bool sl_guard_add(const void *base, size_t len, atomic_int *flags, int bits)
{
    pthread_mutex_lock(&lock);
    size_t i = 0;
    while (i < RANGES && atomic_load(&ranges[i].base) != 0)
        i++;
    if (i < RANGES) {
        ranges[i].end = (uintptr_t)base + len;
        ranges[i].flags = flags;
        ranges[i].bits = bits;
        atomic_store(&ranges[i].base, (uintptr_t)base);
    }
    pthread_mutex_unlock(&lock);
    return i < RANGES;
}

void sl_guard_remove(const void *base)
{
    pthread_mutex_lock(&lock);
    for (size_t i = 0; i < RANGES; i++)
        if (atomic_load(&ranges[i].base) == (uintptr_t)base)
            atomic_store(&ranges[i].base, 0);
    pthread_mutex_unlock(&lock);
}
