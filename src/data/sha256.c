/* For x86-64 with SHA-NI. FIPS 180-4, section 6.2; the state is kept as the
 * instructions want it: words A B E F and C D G H. */
#include "data/sha256.h"

#if defined(__x86_64__)

#include <cpuid.h>
#include <immintrin.h>
#include <string.h>

#define SHA_NI __attribute__((target("sha,sse4.1")))
#define INLINE static inline __attribute__((always_inline)) SHA_NI

/* FIPS 180-4, section 4.2.2. */
static const uint32_t k[64] __attribute__((aligned(16))) = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1,
    0x923f82a4, 0xab1c5ed5, 0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3,
    0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786,
    0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147,
    0x06ca6351, 0x14292967, 0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13,
    0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85, 0xa2bfe8a1, 0xa81a664b,
    0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a,
    0x5b9cca4f, 0x682e6ff3, 0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208,
    0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

static bool has_instructions(void)
{
    static int known; /* 1: no, 2: yes */
    int answer = __atomic_load_n(&known, __ATOMIC_RELAXED);
    if (answer == 0) {
        unsigned a, b = 0, c = 0, d;
        bool sse = __get_cpuid(1, &a, &b, &c, &d) != 0 &&
                   (c & bit_SSE4_1) != 0 && (c & bit_SSSE3) != 0;
        bool sha =
            __get_cpuid_count(7, 0, &a, &b, &c, &d) != 0 && (b & bit_SHA) != 0;
        answer = sse && sha ? 2 : 1;
        __atomic_store_n(&known, answer, __ATOMIC_RELAXED);
    }
    return answer == 2;
}

typedef struct state {
    __m128i abef, cdgh;
} state;

typedef struct lane {
    state s;
    __m128i w[4]; /* the last sixteen words of the message's schedule */
} lane;

INLINE __m128i load(const void *from)
{
    return _mm_loadu_si128((const __m128i *)from);
}

/* Rounds 4i to 4i + 3, whose words are w[i % 4]. */
INLINE void rounds(lane *l, int j, const uint32_t *constants)
{
    __m128i x = _mm_add_epi32(l->w[j], load(constants));
    l->s.cdgh = _mm_sha256rnds2_epu32(l->s.cdgh, l->s.abef, x);
    x = _mm_shuffle_epi32(x, 0x0e);
    l->s.abef = _mm_sha256rnds2_epu32(l->s.abef, l->s.cdgh, x);
}

/* The first sixteen words are the block, big-endian; ... */
INLINE void first_words(lane *l, int j, const uint8_t *block)
{
    const __m128i order =
        _mm_set_epi64x(0x0c0d0e0f08090a0b, 0x0405060700010203);
    l->w[j] = _mm_shuffle_epi8(load(block + 16 * j), order);
}

/* ... the others are made of the sixteen before. */
INLINE void next_words(lane *l, int j)
{
    __m128i last = l->w[(j + 3) & 3];
    __m128i made =
        _mm_add_epi32(_mm_sha256msg1_epu32(l->w[j], l->w[(j + 1) & 3]),
                      _mm_alignr_epi8(last, l->w[(j + 2) & 3], 4));
    l->w[j] = _mm_sha256msg2_epu32(made, last);
}

INLINE void begin(lane *a, lane *b, int j, const uint8_t *p, const uint8_t *q)
{
    first_words(a, j, p);
    first_words(b, j, q);
    rounds(a, j, k + 4 * j);
    rounds(b, j, k + 4 * j);
}

INLINE void go_on(lane *a, lane *b, int j, const uint32_t *constants)
{
    next_words(a, j);
    next_words(b, j);
    rounds(a, j, constants + 4 * j);
    rounds(b, j, constants + 4 * j);
}

INLINE state sum(state a, state b)
{
    return (state){_mm_add_epi32(a.abef, b.abef),
                   _mm_add_epi32(a.cdgh, b.cdgh)};
}

SHA_NI static void blocks(state states[2], const uint8_t *p, const uint8_t *q,
                          size_t n)
{
    lane a = {.s = states[0]}, b = {.s = states[1]};
    for (; n != 0; n--, p += 64, q += 64) {
        const state old_a = a.s, old_b = b.s;
        begin(&a, &b, 0, p, q);
        begin(&a, &b, 1, p, q);
        begin(&a, &b, 2, p, q);
        begin(&a, &b, 3, p, q);
        for (int i = 16; i < 64; i += 16) {
            go_on(&a, &b, 0, k + i);
            go_on(&a, &b, 1, k + i);
            go_on(&a, &b, 2, k + i);
            go_on(&a, &b, 3, k + i);
        }
        a.s = sum(a.s, old_a);
        b.s = sum(b.s, old_b);
    }
    states[0] = a.s;
    states[1] = b.s;
}

/* What comes behind the last whole block: section 5.1.1. Bytes, 64 or 128. */
static size_t pad(const uint8_t *rest, size_t len, uint8_t last[128])
{
    size_t n = len % 64, size = n < 56 ? 64 : 128;
    memset(last, 0, size);
    memcpy(last, rest, n);
    last[n] = 0x80;
    for (int i = 0; i < 8; i++)
        last[size - 1 - (size_t)i] = (uint8_t)((uint64_t)len * 8 >> 8 * i);
    return size;
}

SHA_NI static void store(const state *s, uint8_t digest[SL_DIGEST_SIZE])
{
    const uint32_t words[8] = {
        (uint32_t)_mm_extract_epi32(s->abef, 3),
        (uint32_t)_mm_extract_epi32(s->abef, 2),
        (uint32_t)_mm_extract_epi32(s->cdgh, 3),
        (uint32_t)_mm_extract_epi32(s->cdgh, 2),
        (uint32_t)_mm_extract_epi32(s->abef, 1),
        (uint32_t)_mm_extract_epi32(s->abef, 0),
        (uint32_t)_mm_extract_epi32(s->cdgh, 1),
        (uint32_t)_mm_extract_epi32(s->cdgh, 0),
    };
    for (int i = 0; i < SL_DIGEST_SIZE; i++)
        digest[i] = (uint8_t)(words[i / 4] >> (24 - i % 4 * 8));
}

SHA_NI static void digest_pair(const uint8_t *a, const uint8_t *b, size_t len,
                               uint8_t *digest_a, uint8_t *digest_b)
{
    /* Section 5.3.3. */
    const state first = {
        _mm_set_epi32(0x6a09e667, (int)0xbb67ae85, 0x510e527f, (int)0x9b05688c),
        _mm_set_epi32(0x3c6ef372, (int)0xa54ff53a, 0x1f83d9ab, 0x5be0cd19)};
    state states[2] = {first, first};
    uint8_t last_a[128], last_b[128];
    blocks(states, a, b, len / 64);
    size_t size = pad(a + len / 64 * 64, len, last_a);
    pad(b + len / 64 * 64, len, last_b);
    blocks(states, last_a, last_b, size / 64);
    store(&states[0], digest_a);
    store(&states[1], digest_b);
}

bool sl_sha256_pair(const void *a, const void *b, size_t len,
                    uint8_t digest_a[SL_DIGEST_SIZE],
                    uint8_t digest_b[SL_DIGEST_SIZE])
{
    if (!has_instructions())
        return false;
    digest_pair(a, b, len, digest_a, digest_b);
    return true;
}

#else

bool sl_sha256_pair(const void *a, const void *b, size_t len,
                    uint8_t digest_a[SL_DIGEST_SIZE],
                    uint8_t digest_b[SL_DIGEST_SIZE])
{
    (void)a, (void)b, (void)len, (void)digest_a, (void)digest_b;
    return false;
}

#endif
