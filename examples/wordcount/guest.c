/* The guest: counts the words of its `text` segment. Four reads of 64 KiB are
 * in flight at any time, each a stream over its own block; the blocks are
 * counted in order as they complete. Freestanding: no libc, no allocator. */
#include "wordcount.h"

#define IMPORT(name) __attribute__((import_module("canon"), import_name(name)))
#define BLOCK    65536u
#define N_SLOTS  4
#define BLOCKED  0xffffffffu
#define DROPPED  1u
enum { EVENT_STREAM_READ = 2 };

IMPORT("data.size") uint64_t data_size(void);
IMPORT("data.read") uint32_t data_read(uint64_t start, uint64_t len);
IMPORT("stream.read")
uint32_t stream_read(uint32_t stream, void *to, uint32_t len);
IMPORT("stream.drop-readable") void stream_drop_readable(uint32_t stream);
IMPORT("waitable-set.new") uint32_t waitable_set_new(void);
IMPORT("waitable-set.wait")
uint32_t waitable_set_wait(uint32_t set, uint32_t event[2]);
IMPORT("waitable-set.drop") void waitable_set_drop(uint32_t set);
IMPORT("waitable.join") void waitable_join(uint32_t waitable, uint32_t set);
IMPORT("stream.new") uint64_t stream_new(void);
IMPORT("stream.write")
uint32_t stream_write(uint32_t stream, const void *from, uint32_t len);
IMPORT("stream.drop-writable") void stream_drop_writable(uint32_t stream);
IMPORT("stdout.write-via-stream") uint32_t stdout_write_via_stream(uint32_t);
IMPORT("future.read") uint32_t future_read(uint32_t future, void *to);
IMPORT("future.drop-readable") void future_drop_readable(uint32_t future);

struct slot {
    uint32_t stream, len, got; /* a block of `len` bytes, `got` are here */
    int done;
    uint8_t bytes[BLOCK];
};
static struct slot slots[N_SLOTS];
static uint32_t set;

/* Notes what a read brought; asks for more until the block is complete. */
static void advance(struct slot *s, uint32_t result)
{
    while (result != BLOCKED) {
        s->got += result >> 4;
        if ((result & 15) == DROPPED || s->got == s->len) {
            waitable_join(s->stream, 0);
            stream_drop_readable(s->stream);
            s->done = 1;
            return;
        }
        result = stream_read(s->stream, s->bytes + s->got, s->len - s->got);
    }
}

static void start(struct slot *s, uint64_t at, uint64_t size)
{
    s->len = size - at < BLOCK ? (uint32_t)(size - at) : BLOCK;
    s->got = 0;
    s->done = 0;
    s->stream = data_read(at, s->len);
    waitable_join(s->stream, set);
    advance(s, stream_read(s->stream, s->bytes, s->len));
}

static void wait_for(struct slot *s)
{
    while (!s->done) {
        uint32_t event[2];
        if (waitable_set_wait(set, event) != EVENT_STREAM_READ)
            __builtin_trap();
        for (int i = 0; i < N_SLOTS; i++)
            if (!slots[i].done && slots[i].stream == event[0]) {
                advance(&slots[i], event[1]);
                break;
            }
    }
}

static int print(const char *text, uint32_t len)
{
    uint64_t ends = stream_new();
    uint32_t writable = (uint32_t)(ends >> 32);
    uint32_t done = stdout_write_via_stream((uint32_t)ends);
    uint8_t failed[8] = {0};
    while (len != 0) {
        uint32_t result = stream_write(writable, text, len);
        text += result >> 4;
        len -= result >> 4;
        if ((result & 15) == DROPPED)
            break;
    }
    stream_drop_writable(writable);
    future_read(done, failed);
    future_drop_readable(done);
    return failed[0];
}

__attribute__((export_name("run"))) int run(void)
{
    struct counts counts = {0};
    char line[64];
    uint64_t size = data_size(), next = 0;
    for (int i = 0; i < N_SLOTS; i++)
        slots[i].done = 1;
    set = waitable_set_new();
    for (int i = 0; i < N_SLOTS && next < size; i++, next += BLOCK)
        start(&slots[i], next, size);
    for (uint64_t at = 0; at < size; at += BLOCK) {
        struct slot *s = &slots[at / BLOCK % N_SLOTS];
        wait_for(s);
        count(&counts, s->bytes, s->len);
        if (next < size) {
            start(s, next, size);
            next += BLOCK;
        }
    }
    waitable_set_drop(set);
    return print(line, format(&counts, line));
}
