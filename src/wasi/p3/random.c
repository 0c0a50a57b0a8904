/* wasi:random@0.3.0. The "insecure" interfaces are served by the same secure
 * source: nothing is gained by a weaker one. */
#include <errno.h>
#include <sys/random.h>

#include "base/alloc.h"
#include "wasi/wasi_int.h"

/* At most so many bytes in one call; the interface lets a host give fewer. */
#define BYTES_MAX 65536

static bool fill(void *to, size_t len)
{
    uint8_t *out = to;
    while (len != 0) {
        ssize_t n = getrandom(out, len, 0);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return false;
        out += n;
        len -= (size_t)n;
    }
    return true;
}

static void no_random(sluice_call *call)
{
    sluice_call_trap(call, "the host has no random bytes");
}

static void get_bytes(void *ctx, sluice_call *call, const sluice_val *args,
                      size_t n)
{
    (void)ctx, (void)n;
    uint64_t asked = args[0].of.u64;
    size_t len = asked < BYTES_MAX ? (size_t)asked : BYTES_MAX;
    uint8_t *bytes = sl_malloc(len);
    sluice_val list = {0};
    if (bytes == NULL)
        sl_wasi_no_memory(call);
    else if (!fill(bytes, len))
        no_random(call);
    else if (!sluice_val_bytes(&list, SLUICE_U8, bytes, len))
        sl_wasi_no_memory(call);
    else
        sluice_call_return(call, &list);
    sluice_val_deinit(&list);
    sl_free(bytes);
}

static void get_u64(void *ctx, sluice_call *call, const sluice_val *args,
                    size_t n)
{
    (void)ctx, (void)args, (void)n;
    uint64_t value;
    if (fill(&value, sizeof value))
        sl_wasi_return_u64(call, value);
    else
        no_random(call);
}

static void get_insecure_seed(void *ctx, sluice_call *call,
                              const sluice_val *args, size_t n)
{
    (void)ctx, (void)args, (void)n;
    uint64_t seed[2];
    sluice_val pair = {0};
    if (!fill(seed, sizeof seed)) {
        no_random(call);
    } else if (!sluice_val_items(&pair, SLUICE_TUPLE, 2)) {
        sl_wasi_no_memory(call);
    } else {
        for (int i = 0; i < 2; i++)
            pair.of.list.items[i] =
                (sluice_val){.kind = SLUICE_U64, .of.u64 = seed[i]};
        sluice_call_return(call, &pair);
    }
    sluice_val_deinit(&pair);
}

const wasi_row sl_wasi_p3_random[] = {
    {"wasi:random/random@0.3.0", "get-random-bytes",
     "func(max-len: u64) -> list<u8>", get_bytes},
    {"wasi:random/random@0.3.0", "get-random-u64", "func() -> u64", get_u64},
    {"wasi:random/insecure@0.3.0", "get-insecure-random-bytes",
     "func(max-len: u64) -> list<u8>", get_bytes},
    {"wasi:random/insecure@0.3.0", "get-insecure-random-u64", "func() -> u64",
     get_u64},
    {"wasi:random/insecure-seed@0.3.0", "get-insecure-seed",
     "func() -> tuple<u64, u64>", get_insecure_seed},
    {NULL, NULL, NULL, NULL},
};
