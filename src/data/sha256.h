/* SHA-256 (FIPS 180-4) of two messages at once. A round waits for the one
 * before it, so that the processor's instructions for it leave a core idle half
 * of the time, in which the rounds of another message take place. */
#ifndef SL_DATA_SHA256_H
#define SL_DATA_SHA256_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "data/cache.h"

/* Of two messages of `len` bytes each. False, with nothing done, when the
 * processor has no such instructions. Any thread. */
bool sl_sha256_pair(const void *a, const void *b, size_t len,
                    uint8_t digest_a[SL_DIGEST_SIZE],
                    uint8_t digest_b[SL_DIGEST_SIZE]);

#endif
