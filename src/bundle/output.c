#include "bundle/output.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"

#define GATHER_BYTES 65536
#define PIECE_BYTES  (1u << 20)
/* What the kernel copies at a time: the watch wants to be asked. */
#define KERNEL_PIECE_BYTES (16u << 20)

void sl_output_init(sl_output *out, int fd, sl_watch *watch, sl_err *err)
{
    *out = (sl_output){.fd = fd, .watch = watch, .err = err};
    sl_buf_init(&out->gathered);
}

void sl_output_deinit(sl_output *out)
{
    sl_buf_deinit(&out->gathered);
}

static void write_failed(sl_output *out)
{
    sl_fail(out->err, SL_EIO, SL_ERR_NO_PLACE, "write failed: %s",
            strerror(errno));
}

static void write_all(sl_output *out, const uint8_t *bytes, size_t len)
{
    while (len != 0 && out->err->code == SL_OK) {
        ssize_t n = write(out->fd, bytes, len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            write_failed(out);
            return;
        }
        bytes += n;
        len -= (size_t)n;
    }
}

sl_status sl_output_flush(sl_output *out)
{
    if (out->gathered.failed)
        sl_fail(out->err, SL_ENOMEM, SL_ERR_NO_PLACE, "out of memory");
    write_all(out, out->gathered.data, out->gathered.len);
    sl_buf_clear(&out->gathered);
    return out->err->code;
}

void sl_output_bytes(sl_output *out, const void *bytes, size_t len)
{
    out->at += len;
    if (out->gathered.len + len > GATHER_BYTES)
        sl_output_flush(out);
    if (len >= GATHER_BYTES)
        write_all(out, bytes, len);
    else
        sl_buf_bytes(&out->gathered, bytes, len);
}

void sl_output_zeros(sl_output *out, uint64_t n)
{
    static const uint8_t zeros[4096];
    while (n != 0) {
        size_t piece = n < sizeof zeros ? (size_t)n : sizeof zeros;
        sl_output_bytes(out, zeros, piece);
        n -= piece;
    }
}

void sl_output_u8(sl_output *out, uint8_t byte)
{
    sl_output_bytes(out, &byte, 1);
}

void sl_output_u64(sl_output *out, uint64_t value)
{
    uint8_t bytes[10];
    size_t n = 0;
    for (; value >= 0x80; value >>= 7)
        bytes[n++] = (uint8_t)(value | 0x80);
    bytes[n++] = (uint8_t)value;
    sl_output_bytes(out, bytes, n);
}

static void padded(uint8_t bytes[5], uint32_t value)
{
    for (int i = 0; i < 5; i++, value >>= 7)
        bytes[i] = (uint8_t)((value & 0x7f) | (i < 4 ? 0x80 : 0));
}

void sl_output_u32_padded(sl_output *out, uint32_t value)
{
    uint8_t bytes[5];
    padded(bytes, value);
    sl_output_bytes(out, bytes, sizeof bytes);
}

void sl_output_patch_u32(sl_output *out, uint64_t at, uint32_t value)
{
    uint8_t bytes[5];
    size_t done = 0;
    padded(bytes, value);
    sl_output_flush(out);
    while (done < sizeof bytes && out->err->code == SL_OK) {
        ssize_t n = pwrite(out->fd, bytes + done, sizeof bytes - done,
                           (off_t)(at + done));
        if (n < 0 && errno != EINTR)
            write_failed(out);
        done += n > 0 ? (size_t)n : 0;
    }
}

/* As much as the kernel copies by itself; the rest is left to the caller. */
static uint64_t copy_in_kernel(sl_output *out, sl_source *from, uint64_t at,
                               uint64_t len)
{
    off_t offset = (off_t)at;
    uint64_t done = 0;
    while (done < len && out->err->code == SL_OK) {
        uint64_t left = len - done;
        size_t piece =
            left < KERNEL_PIECE_BYTES ? (size_t)left : KERNEL_PIECE_BYTES;
        ssize_t n = copy_file_range(from->fd, &offset, out->fd, NULL, piece, 0);
        if (n <= 0)
            break;
        done += (uint64_t)n;
        sl_watch_add(out->watch, (uint64_t)n, out->err);
    }
    return done;
}

static void copy_pieces(sl_output *out, sl_source *from, uint64_t at,
                        uint64_t len)
{
    uint8_t *piece = sl_malloc(PIECE_BYTES);
    if (piece == NULL)
        sl_fail(out->err, SL_ENOMEM, SL_ERR_NO_PLACE, "out of memory");
    for (uint64_t done = 0; done < len && out->err->code == SL_OK;) {
        size_t n =
            len - done < PIECE_BYTES ? (size_t)(len - done) : PIECE_BYTES;
        if (from->read_at(from, at + done, piece, n, out->err) == SL_OK)
            write_all(out, piece, n);
        done += n;
        sl_watch_add(out->watch, n, out->err);
    }
    sl_free(piece);
}

void sl_output_copy(sl_output *out, sl_source *from, uint64_t at, uint64_t len)
{
    if (from->memory != NULL) {
        sl_output_bytes(out, from->memory + at, (size_t)len);
        sl_watch_add(out->watch, len, out->err);
        return;
    }
    uint64_t done = 0;
    if (sl_output_flush(out) == SL_OK && from->fd >= 0)
        done = copy_in_kernel(out, from, at, len);
    if (done < len)
        copy_pieces(out, from, at + done, len - done);
    out->at += len;
}

static sl_status read_back(sl_source *source, uint64_t at, void *to, size_t len,
                           sl_err *err)
{
    uint8_t *bytes = to;
    while (len != 0) {
        ssize_t n = pread(source->fd, bytes, len, (off_t)at);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return sl_fail(err, SL_EIO, at, "read failed: %s",
                           n < 0 ? strerror(errno) : "the file was cut");
        bytes += n;
        at += (uint64_t)n;
        len -= (size_t)n;
    }
    return SL_OK;
}

sl_source sl_output_source(sl_output *out)
{
    sl_output_flush(out);
    return (sl_source){
        .size = out->at, .read_at = read_back, .fd = out->fd, .refs = 1};
}
