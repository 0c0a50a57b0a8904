/* A growable byte buffer with the binary format's writers. Sticky: after a
 * failed allocation `failed` is set and writes do nothing. */
#ifndef SL_BASE_BUF_H
#define SL_BASE_BUF_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/name.h"

typedef struct sl_buf {
    uint8_t *data;
    size_t len, cap;
    bool failed;
} sl_buf;

void sl_buf_init(sl_buf *buf);
void sl_buf_deinit(sl_buf *buf);
void sl_buf_clear(sl_buf *buf); /* keeps the memory */
void sl_buf_u8(sl_buf *buf, uint8_t byte);
void sl_buf_bytes(sl_buf *buf, const void *bytes, size_t len);
void sl_buf_u32(sl_buf *buf, uint32_t value); /* unsigned LEB128 */
void sl_buf_u64(sl_buf *buf, uint64_t value); /* unsigned LEB128 */
void sl_buf_s64(sl_buf *buf, int64_t value);  /* signed LEB128, any width */
void sl_buf_le32(sl_buf *buf, uint32_t value);
void sl_buf_le64(sl_buf *buf, uint64_t value);
void sl_buf_name(sl_buf *buf, sl_name name); /* length, bytes */
void sl_buf_printf(sl_buf *buf, const char *fmt, ...) SL_PRINTF(2, 3);
/* Length-prefixed contents of `body` (a section, a function body). */
void sl_buf_sized(sl_buf *buf, const sl_buf *body);

#endif
