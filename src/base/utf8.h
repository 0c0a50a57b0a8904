/* UTF-8: validation and single code points. */
#ifndef SL_BASE_UTF8_H
#define SL_BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Whether the bytes are well-formed UTF-8 (no surrogates, no overlong forms,
 * nothing above U+10FFFF). */
bool sl_utf8_valid(const void *bytes, size_t len);
/* Decodes the code point at *pos (which advances); UINT32_MAX when malformed
 * (then *pos advances by one byte). */
uint32_t sl_utf8_next(const uint8_t *bytes, size_t len, size_t *pos);
/* Encodes a scalar value into out[4]; returns its length, 0 for a surrogate
 * or a value above U+10FFFF. */
size_t sl_utf8_put(uint32_t code_point, uint8_t out[4]);

#endif
