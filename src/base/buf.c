#include "base/buf.h"

#include <stdio.h>

#include "base/alloc.h"

void sl_buf_init(sl_buf *buf)
{
    *buf = (sl_buf){0};
}

void sl_buf_deinit(sl_buf *buf)
{
    sl_free(buf->data);
    sl_buf_init(buf);
}

void sl_buf_clear(sl_buf *buf)
{
    buf->len = 0;
}

static bool room(sl_buf *buf, size_t more)
{
    if (buf->failed)
        return false;
    if (buf->cap - buf->len >= more)
        return true;
    size_t cap = buf->cap ? buf->cap : 64;
    while (cap - buf->len < more) {
        if (cap > SIZE_MAX / 2)
            return !(buf->failed = true);
        cap *= 2;
    }
    uint8_t *data = sl_realloc(buf->data, cap, 1);
    if (data == NULL)
        return !(buf->failed = true);
    buf->data = data;
    buf->cap = cap;
    return true;
}

void sl_buf_u8(sl_buf *buf, uint8_t byte)
{
    if (room(buf, 1))
        buf->data[buf->len++] = byte;
}

void sl_buf_bytes(sl_buf *buf, const void *bytes, size_t len)
{
    if (len == 0 || !room(buf, len))
        return;
    memcpy(buf->data + buf->len, bytes, len);
    buf->len += len;
}

void sl_buf_u64(sl_buf *buf, uint64_t value)
{
    while (value >= 0x80) {
        sl_buf_u8(buf, (uint8_t)(value | 0x80));
        value >>= 7;
    }
    sl_buf_u8(buf, (uint8_t)value);
}

void sl_buf_u32(sl_buf *buf, uint32_t value)
{
    sl_buf_u64(buf, value);
}

void sl_buf_s64(sl_buf *buf, int64_t value)
{
    for (;;) {
        uint8_t byte = value & 0x7f;
        value >>= 7; /* arithmetic on every compiler we build with */
        if ((value == 0 && !(byte & 0x40)) || (value == -1 && (byte & 0x40))) {
            sl_buf_u8(buf, byte);
            return;
        }
        sl_buf_u8(buf, byte | 0x80);
    }
}

static void put_little(sl_buf *buf, uint64_t value, int bytes)
{
    for (int i = 0; i < bytes; i++)
        sl_buf_u8(buf, (uint8_t)(value >> (8 * i)));
}

void sl_buf_le32(sl_buf *buf, uint32_t value)
{
    put_little(buf, value, 4);
}

void sl_buf_le64(sl_buf *buf, uint64_t value)
{
    put_little(buf, value, 8);
}

void sl_buf_name(sl_buf *buf, sl_name name)
{
    sl_buf_u32(buf, (uint32_t)name.len);
    sl_buf_bytes(buf, name.data, name.len);
}

void sl_buf_printf(sl_buf *buf, const char *fmt, ...)
{
    va_list args, again;
    va_start(args, fmt);
    va_copy(again, args);
    int len = vsnprintf(NULL, 0, fmt, args);
    if (len >= 0 && room(buf, (size_t)len + 1)) {
        vsnprintf((char *)buf->data + buf->len, (size_t)len + 1, fmt, again);
        buf->len += (size_t)len;
    }
    va_end(again);
    va_end(args);
}

void sl_buf_sized(sl_buf *buf, const sl_buf *body)
{
    if (body->failed)
        buf->failed = true;
    sl_buf_u32(buf, (uint32_t)body->len);
    sl_buf_bytes(buf, body->data, body->len);
}
