/* What a digest is asked of. */
#include "check.h"

#include <openssl/evp.h>

#include "data/verify.h"

/* Every bit of the digest, and of the bytes, counts. */
static void test_verify__says_what_is_wrong(void **state)
{
    (void)state;
    static const size_t lens[] = {0, 1, 63, 64, 65, 4096};
    static uint8_t bytes[4096];
    uint8_t digest[SL_DIGEST_SIZE];
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)(i * 31 >> 3);
    for (size_t row = 0; row < sizeof lens / sizeof *lens; row++) {
        size_t len = lens[row];
        sl_err err = {0};
        assert_int_equal(EVP_Digest(bytes, len, digest, NULL, EVP_sha256(), NULL),
                         1);
        assert_int_equal(sl_verify(bytes, len, digest, &err), SL_OK);
        for (size_t bit = 0; bit < 8 * sizeof digest; bit++) {
            digest[bit / 8] ^= (uint8_t)(1u << bit % 8);
            assert_int_equal(sl_verify(bytes, len, digest, &err), SL_EIO);
            digest[bit / 8] ^= (uint8_t)(1u << bit % 8);
        }
        for (size_t bit = 0; bit < 8 * len; bit += 61) {
            bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
            assert_int_equal(sl_verify(bytes, len, digest, &err), SL_EIO);
            bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        }
    }
}

const struct CMUnitTest verify_tests[] = {
    cmocka_unit_test(test_verify__says_what_is_wrong),
};
const size_t n_verify_tests = sizeof verify_tests / sizeof *verify_tests;
