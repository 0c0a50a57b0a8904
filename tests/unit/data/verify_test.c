/* Digests of two messages at once, and what is claimed of them. */
#include "check.h"

#include <openssl/evp.h>

#include "data/sha256.h"
#include "data/verify.h"

enum { ROOM = 4096 };

static void fill(uint8_t *bytes, size_t len, uint32_t seed)
{
    for (size_t i = 0; i < len; i++) {
        seed = seed * 1664525 + 1013904223;
        bytes[i] = (uint8_t)(seed >> 24);
    }
}

static void digest(const uint8_t *bytes, size_t len, uint8_t *to)
{
    assert_int_equal(EVP_Digest(bytes, len, to, NULL, EVP_sha256(), NULL), 1);
}

static bool has_pairs(void)
{
    uint8_t to[2][SL_DIGEST_SIZE];
    return sl_sha256_pair("", "", 0, to[0], to[1]);
}

/* Every way in which a message ends in its last blocks, at any address, each
 * in memory of its own length. */
static void test_pair__is_what_libcrypto_says(void **state)
{
    (void)state;
    if (!has_pairs())
        skip();
    for (size_t len = 0; len < 520; len++)
        for (size_t shift = 0; shift < 3; shift++) {
            uint8_t *a = malloc(len + shift), *b = malloc(len + 1);
            uint8_t got[2][SL_DIGEST_SIZE], want[2][SL_DIGEST_SIZE];
            fill(a, len + shift, (uint32_t)len);
            fill(b, len, ~(uint32_t)len);
            assert_true(sl_sha256_pair(a + shift, b, len, got[0], got[1]));
            digest(a + shift, len, want[0]);
            digest(b, len, want[1]);
            assert_memory_equal(got, want, sizeof got);
            free(a);
            free(b);
        }
}

/* FIPS 180-4's own examples, and a length whose bits exceed 32. */
static void test_pair__of_known_messages(void **state)
{
    (void)state;
    static const uint8_t abc[4] = {0xba, 0x78, 0x16, 0xbf};
    static const uint8_t none[4] = {0xe3, 0xb0, 0xc4, 0x42};
    uint8_t got[2][SL_DIGEST_SIZE], want[SL_DIGEST_SIZE];
    if (!has_pairs())
        skip();
    sl_sha256_pair("abc", "abc", 3, got[0], got[1]);
    assert_memory_equal(got[0], abc, sizeof abc);
    assert_memory_equal(got[0], got[1], SL_DIGEST_SIZE);
    sl_sha256_pair("", "", 0, got[0], got[1]);
    assert_memory_equal(got[1], none, sizeof none);

    size_t len = ((size_t)1 << 29) + 3;
    uint8_t *big = calloc(1, len);
    assert_non_null(big);
    big[len - 1] = 7;
    sl_sha256_pair(big, big, len, got[0], got[1]);
    digest(big, len, want);
    assert_memory_equal(got[0], want, SL_DIGEST_SIZE);
    assert_memory_equal(got[1], want, SL_DIGEST_SIZE);
    free(big);
}

/* Each claim is judged by itself, however they are paired. */
static void test_verify__each_claim_by_itself(void **state)
{
    (void)state;
    enum { N = 5 };
    static const size_t lens[][N] = {
        {4096, 4096, 4096, 4096, 4096},
        {4096, 4096, 100, 100, 1},
        {4096, 4095, 4095, 4096, 0},
    };
    static uint8_t bytes[N][ROOM];
    uint8_t digests[N][SL_DIGEST_SIZE];
    for (size_t row = 0; row < sizeof lens / sizeof *lens; row++)
        for (size_t n = 0; n <= N; n++)
            for (unsigned wrong = 0; wrong < 1u << n; wrong++) {
                sl_claim claims[N];
                for (size_t i = 0; i < n; i++) {
                    fill(bytes[i], lens[row][i], (uint32_t)i);
                    digest(bytes[i], lens[row][i], digests[i]);
                    digests[i][i * 7 % SL_DIGEST_SIZE] ^= wrong >> i & 1;
                    claims[i] = (sl_claim){.bytes = bytes[i],
                                           .len = lens[row][i],
                                           .digest = digests[i],
                                           .err = {.code = SL_ENOMEM}};
                }
                sl_verify(claims, n);
                for (size_t i = 0; i < n; i++)
                    assert_int_equal(claims[i].err.code,
                                     wrong >> i & 1 ? SL_EIO : SL_OK);
            }
}

const struct CMUnitTest verify_tests[] = {
    cmocka_unit_test(test_pair__is_what_libcrypto_says),
    cmocka_unit_test(test_pair__of_known_messages),
    cmocka_unit_test(test_verify__each_claim_by_itself),
};
const size_t n_verify_tests = sizeof verify_tests / sizeof *verify_tests;
