/* A file being written: small pieces are gathered, large ones copied from
 * descriptor to descriptor. Sticky: after a failure writes do nothing. */
#ifndef SL_BUNDLE_OUTPUT_H
#define SL_BUNDLE_OUTPUT_H

#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/source.h"

typedef struct sl_output {
    int fd;
    uint64_t at; /* bytes written or gathered so far */
    sl_buf gathered;
    sl_err *err;
} sl_output;

void sl_output_init(sl_output *out, int fd, sl_err *err);
/* Writes what is gathered; frees. The first failure is in *err. */
sl_status sl_output_finish(sl_output *out);
void sl_output_bytes(sl_output *out, const void *bytes, size_t len);
/* An unsigned LEB128 of exactly five bytes. */
void sl_output_u32_padded(sl_output *out, uint32_t value);
/* Copies from a source, in the kernel where both are files. */
void sl_output_copy(sl_output *out, sl_source *from, uint64_t at, uint64_t len);

#endif
