/* A file being written: small pieces are gathered, large ones copied from
 * descriptor to descriptor. Sticky: after a failure writes do nothing. */
#ifndef SL_BUNDLE_OUTPUT_H
#define SL_BUNDLE_OUTPUT_H

#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/source.h"
#include "bundle/watch.h"

typedef struct sl_output {
    int fd;
    uint64_t at; /* bytes written or gathered so far */
    sl_buf gathered;
    sl_watch *watch; /* told of what is copied */
    sl_err *err;
} sl_output;

/* `fd` is a new regular file, open for reading too. */
void sl_output_init(sl_output *out, int fd, sl_watch *watch, sl_err *err);
void sl_output_deinit(sl_output *out);
/* Writes what is gathered; what is in `*err` if anything failed. */
sl_status sl_output_flush(sl_output *out);
void sl_output_bytes(sl_output *out, const void *bytes, size_t len);
void sl_output_zeros(sl_output *out, uint64_t n);
void sl_output_u8(sl_output *out, uint8_t byte);
void sl_output_u64(sl_output *out, uint64_t value); /* unsigned LEB128 */
/* An unsigned LEB128 of exactly five bytes. */
void sl_output_u32_padded(sl_output *out, uint32_t value);
/* Replaces such a number that has been written at `at`. */
void sl_output_patch_u32(sl_output *out, uint64_t at, uint32_t value);
/* Copies from a source, in the kernel where both are files. */
void sl_output_copy(sl_output *out, sl_source *from, uint64_t at, uint64_t len);
/* What has been written so far, to be read again; it borrows `out`. */
sl_source sl_output_source(sl_output *out);

#endif
