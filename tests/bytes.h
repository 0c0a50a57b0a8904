/* Bytes whose value tells where they are, and descriptors that are open: what
 * the tests of segments and of streams check with. After check.h. */
#ifndef SL_TESTS_BYTES_H
#define SL_TESTS_BYTES_H

#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>

static inline uint8_t byte_at(uint64_t i)
{
    return (uint8_t)((i * UINT64_C(0x9e3779b97f4a7c15)) >> 56);
}

static inline void assert_bytes(const uint8_t *bytes, uint64_t at, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (bytes[i] != byte_at(at + i))
            fail_msg("byte %llu is wrong", (unsigned long long)(at + i));
}

static inline int count_fds(void)
{
    int n = 0;
    for (int fd = 0; fd < 1024; fd++)
        n += fcntl(fd, F_GETFD) >= 0;
    return n;
}

#endif
