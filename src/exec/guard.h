/* Files mapped into linear memories may lose their pages: somebody else makes
 * them shorter, or the disk fails. Touching such a page is SIGBUS. The guard
 * turns it into a page of zeros and a trap ("data fault") that comes before
 * anything outside of the guest can be affected: at the next back-edge, call,
 * host call or return of core code. docs/data-segments.md, section 7. */
#ifndef SL_EXEC_GUARD_H
#define SL_EXEC_GUARD_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

/* Makes the process's handler for SIGBUS ours, unless it is; signals from
 * elsewhere go to whoever had it before. False: it could not be. Any thread. */
bool sl_guard_install(void);
/* Watches a range from now on: a fault there sets `bits` in *flags. False: too
 * many ranges. Any thread, as the next. */
bool sl_guard_add(const void *base, size_t len, atomic_int *flags, int bits);
/* Before the range is unmapped. */
void sl_guard_remove(const void *base);

#endif
