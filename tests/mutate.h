/* Mutants of files: flipped bytes, cut ends, moved and repeated pieces; the same
 * ones on every machine. */
#ifndef SL_TESTS_MUTATE_H
#define SL_TESTS_MUTATE_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct mutate_seed {
    uint8_t *bytes;
    size_t len;
} mutate_seed;

static uint64_t mutate_state;

/* xorshift64*: the same mutants for the same seed on every machine. */
static inline uint64_t mutate_next(void)
{
    mutate_state ^= mutate_state >> 12;
    mutate_state ^= mutate_state << 25;
    mutate_state ^= mutate_state >> 27;
    return mutate_state * UINT64_C(2685821657736338717);
}

static inline size_t mutate_below(size_t n)
{
    return n == 0 ? 0 : (size_t)(mutate_next() % n);
}

static inline void mutate_flip(uint8_t *bytes, size_t len)
{
    static const uint8_t special[] = {0,    1,    0x7f, 0x80, 0xff, 0x40,
                                      0x0b, 0x50, 0x13, 0x0d, 0x41, 0x10};
    size_t at = mutate_below(len);
    for (int tries = 0; bytes[at] == 0 && tries < 8; tries++)
        at = mutate_below(len); /* padding is of little interest */
    switch (mutate_below(4)) {
    case 0:
        bytes[at] ^= (uint8_t)(1u << mutate_below(8));
        break;
    case 1:
        bytes[at] = special[mutate_below(sizeof special)];
        break;
    case 2:
        bytes[at] = (uint8_t)(bytes[at] + (mutate_below(2) ? 1 : -1));
        break;
    default:
        bytes[at] = (uint8_t)mutate_next();
    }
}

/* Writes a mutant into out (room for 2 * len + 16); returns its length. */
static inline size_t mutate(const mutate_seed *s, uint8_t *out)
{
    size_t len = s->len, at = mutate_below(len), n = mutate_below(16) + 1;
    memcpy(out, s->bytes, len);
    switch (mutate_below(8)) {
    case 0: /* cut the end */
        return at;
    case 1: /* cut a piece */
        if (at + n < len) {
            memmove(out + at, out + at + n, len - at - n);
            len -= n;
        }
        return len;
    case 2: /* repeat a piece */
        if (at + n <= len) {
            memmove(out + at + n, out + at, len - at);
            len += n;
        }
        return len;
    default: /* flip one to four bytes */
        for (size_t flips = mutate_below(4) + 1; flips > 0; flips--)
            mutate_flip(out, len);
        return len;
    }
}

/* Mutant number `n` is next. */
static inline void mutate_start(uint64_t n)
{
    mutate_state = (n + 1) * UINT64_C(0x9e3779b97f4a7c15);
}

static inline bool mutate_load(const char *path, mutate_seed *out)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL)
        return false;
    fseek(file, 0, SEEK_END);
    out->len = (size_t)ftell(file);
    rewind(file);
    out->bytes = malloc(out->len + 1);
    bool good = out->bytes != NULL &&
                fread(out->bytes, 1, out->len, file) == out->len;
    fclose(file);
    return good;
}

#endif
