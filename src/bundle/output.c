#include "bundle/output.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"

#define GATHER_BYTES 65536
#define PIECE_BYTES  (1u << 20)

void sl_output_init(sl_output *out, int fd, sl_err *err)
{
    *out = (sl_output){.fd = fd, .err = err};
    sl_buf_init(&out->gathered);
}

static void write_all(sl_output *out, const uint8_t *bytes, size_t len)
{
    while (len != 0 && out->err->code == SL_OK) {
        ssize_t n = write(out->fd, bytes, len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            sl_fail(out->err, SL_EIO, SL_ERR_NO_PLACE, "write failed: %s",
                    strerror(errno));
            return;
        }
        bytes += n;
        len -= (size_t)n;
    }
}

static void flush(sl_output *out)
{
    if (out->gathered.failed)
        sl_fail(out->err, SL_ENOMEM, SL_ERR_NO_PLACE, "out of memory");
    write_all(out, out->gathered.data, out->gathered.len);
    sl_buf_clear(&out->gathered);
}

sl_status sl_output_finish(sl_output *out)
{
    flush(out);
    sl_buf_deinit(&out->gathered);
    return out->err->code;
}

void sl_output_bytes(sl_output *out, const void *bytes, size_t len)
{
    out->at += len;
    if (out->gathered.len + len > GATHER_BYTES)
        flush(out);
    if (len >= GATHER_BYTES)
        write_all(out, bytes, len);
    else
        sl_buf_bytes(&out->gathered, bytes, len);
}

void sl_output_u32_padded(sl_output *out, uint32_t value)
{
    uint8_t bytes[5];
    for (int i = 0; i < 5; i++, value >>= 7)
        bytes[i] = (uint8_t)((value & 0x7f) | (i < 4 ? 0x80 : 0));
    sl_output_bytes(out, bytes, sizeof bytes);
}

/* As much as the kernel copies by itself; the rest is left to the caller. */
static uint64_t copy_in_kernel(sl_output *out, sl_source *from, uint64_t at,
                               uint64_t len)
{
    off_t offset = (off_t)at;
    uint64_t done = 0;
    while (done < len) {
        uint64_t left = len - done;
        size_t piece = left < (1u << 30) ? (size_t)left : 1u << 30;
        ssize_t n = copy_file_range(from->fd, &offset, out->fd, NULL, piece, 0);
        if (n <= 0)
            break;
        done += (uint64_t)n;
    }
    return done;
}

void sl_output_copy(sl_output *out, sl_source *from, uint64_t at, uint64_t len)
{
    if (from->memory != NULL) {
        sl_output_bytes(out, from->memory + at, (size_t)len);
        return;
    }
    flush(out);
    uint64_t done =
        from->fd >= 0 && out->err->code == SL_OK
            ? copy_in_kernel(out, from, at, len)
            : 0;
    out->at += done;
    uint8_t *piece = done < len ? sl_malloc(PIECE_BYTES) : NULL;
    if (done < len && piece == NULL)
        sl_fail(out->err, SL_ENOMEM, SL_ERR_NO_PLACE, "out of memory");
    while (done < len && out->err->code == SL_OK) {
        size_t n = len - done < PIECE_BYTES ? (size_t)(len - done) : PIECE_BYTES;
        if (from->read_at(from, at + done, piece, n, out->err) == SL_OK)
            write_all(out, piece, n);
        done += n;
        out->at += n;
    }
    sl_free(piece);
}
