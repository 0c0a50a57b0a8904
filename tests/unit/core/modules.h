/* Small modules for the tests of core/. */
#ifndef SL_TESTS_CORE_MODULES_H
#define SL_TESTS_CORE_MODULES_H

#include <stddef.h>

#define HEADER "\0asm\1\0\0\0"

typedef struct test_module {
    const char *bytes;
    size_t len;
} test_module;
#define MODULE(literal) {HEADER literal, sizeof(HEADER literal) - 1}

/* Every section, most kinds of items and segments. */
/* clang-format off */
#define EVERYTHING                                                             \
    "\x01\x0a\x02\x60\x00\x00\x60\x02\x7f\x7e\x01\x7d" /*types */              \
    "\x02\x13\x02\x01\x6d\x01\x66\x00\x00\x01\x6d\x06\x67\x6c\x6f"             \
    "\x62\x61\x6c\x03\x7f\x00"                                                 \
    "\x03\x03\x02\x00\x01" /*functions */                                      \
    "\x04\x05\x01\x70\x01\x01\x08" /*table */                                  \
    "\x05\x04\x01\x01\x01\x02" /*memory */                                     \
    "\x06\x0b\x02\x7f\x01\x23\x00\x0b\x70\x00\xd0\x70\x0b" /*globals */        \
    "\x07\x0d\x02\x03\x72\x75\x6e\x00\x01\x03\x6d\x65\x6d\x02\x00"             \
    "\x08\x01\x01" /*start */                                                  \
    "\x09\x12\x03\x00\x41\x00\x0b\x01\x01\x01\x00\x02\x01\x02\x07"             \
    "\x70\x01\xd2\x02\x0b"                                                     \
    "\x0c\x01\x02" /*data count */                                             \
    "\x0a\x3c\x02\x1c\x01\x02\x7f\x02\x40\x41\x05\x04\x40\x0c\x01" /*code */   \
    "\x05\x20\x00\x21\x01\x0b\x0b\x23\x01\x1a\x3f\x00\x1a\xd2\x01"             \
    "\x1a\x0b\x1d\x00\x20\x00\x28\x02\x04\x1a\x41\x00\x41\x00\x41"             \
    "\x00\xfc\x08\x01\x00\x43\x00\x00\x80\x3f\x41\x01\x0e\x01\x00"             \
    "\x00\x0b"                                                                 \
    "\x0b\x0d\x02\x00\x41\x00\x0b\x03\x61\x62\x63\x01\x02\x78\x79" /*data */   \
    "\x00\x19\x04\x6e\x61\x6d\x65\x00\x04\x03\x6d\x6f\x64\x01\x0c" /*names */  \
    "\x02\x00\x03\x69\x6d\x70\x01\x04\x6d\x61\x69\x6e"
/* clang-format on */

#endif
