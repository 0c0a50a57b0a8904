/* Random reads of streams over segments, of every kind of backing, compared
 * with the plain bytes: ranges, buffers from none to large ones, several
 * readers in turn, cancelled reads, dropped streams, under many schedules. In
 * every other session of a kind that has files, pages of these may be mapped
 * over the buffers. docs/data-segments.md, sections 6 and 7.
 *
 *     reads [--reads N] [--seed N] [--kind NAME] [--session N]
 *
 * N: in all, in sessions of 2000. A failure prints the one that failed. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include "exec/exec.h"
#include "reads/world.h"
#include "stream/stream.h"

enum {
    READERS = 6,
    BUFFER_MAX = 96 << 10,
    GUARD = 32,
    SESSION = 2000,
    ROOM = 128 << 10, /* for a buffer that begins anywhere in a page */
    MAP_FROM = 4096,
};

typedef struct reader {
    sl_copy copy; /* first */
    sl_buffer buffer;
    sl_shared *stream; /* NULL: none */
    uint64_t pos, end;
    bool copying, event, done;
    sl_copy_result result;
    uint8_t *memory, *to; /* the buffer is somewhere in the memory */
} reader;

typedef struct session {
    world *w;
    sl_kind kind;
    uint64_t seed;
    random_state random;
    sl_loop *loop;
    sl_store *store;
    sl_segment *segment;
    reader readers[READERS];
    bool maps;
    uint64_t reads, waited, cancelled, dropped, bytes, mapped;
} session;

static void fail(const session *s, const char *what)
{
    fprintf(stderr,
            "reads: %s\nagain: reads --kind '%s' --session %#" PRIx64 "\n",
            what, kind_texts[s->kind], s->seed);
    exit(1);
}

static void must(const session *s, bool good, const char *what)
{
    if (!good)
        fail(s, what);
}

/* --- A copy into the reader's memory -------------------------------------------- */

static uint8_t *place(sl_buffer *b, uint32_t n)
{
    reader *r = (reader *)(void *)((char *)b - offsetof(reader, buffer));
    (void)n;
    return r->to + b->progress;
}

/* As a guest's memory takes pages of files: canon/buffer.c. */
static uint32_t take_pages(sl_buffer *b, uint32_t n, int fd, uint64_t offset,
                           uint32_t *head)
{
    reader *r = (reader *)(void *)((char *)b - offsetof(reader, buffer));
    uint8_t *at = r->to + b->progress;
    uint64_t page = sl_page_size();
    *head = 0;
    if ((uintptr_t)at % page != offset % page)
        return 0;
    *head = (uint32_t)((page - (uintptr_t)at % page) % page);
    n -= n % (uint32_t)page;
    if (*head != 0 || n == 0)
        return 0;
    return mmap(at, n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_FIXED, fd,
                (off_t)offset) == at
               ? n
               : 0;
}

/* Where a buffer begins: often as the file does. */
static uint8_t *choose_place(session *s, const reader *r)
{
    uint64_t inside = s->kind == DISK ? 0 : HEAD;
    return r->memory + (!s->maps                    ? 0
                        : below(&s->random, 4) == 0 ? below(&s->random, 4096)
                                                    : (r->pos + inside) % 4096);
}

static void on_copy(sl_copy *copy)
{
    reader *r = (reader *)copy;
    r->event = true;
    r->result = SL_COPY_COMPLETED;
}

static void on_copy_done(sl_copy *copy, sl_copy_result result)
{
    reader *r = (reader *)copy;
    r->event = r->done = true;
    r->result = result;
}

static void start_read(session *s, reader *r, uint32_t n)
{
    static const sl_buffer_ops ops = {.bytes = place},
                               maps = {.bytes = place, .map = take_pages};
    r->to = choose_place(s, r);
    r->buffer =
        (sl_buffer){.ops = s->maps ? &maps : &ops, 
                    .elem = r->stream->elem,
                    .length = n};
    r->copy = (sl_copy){.buffer = &r->buffer,
                        .on_copy = on_copy,
                        .on_copy_done = on_copy_done};
    memset(r->to, 0xee, n < 4096 ? n + GUARD : GUARD);
    memset(r->to + n, 0xee, GUARD);
    r->event = r->done = false;
    r->copying = true;
    must(s, r->stream->ops->read(r->stream, &r->copy) == SL_OK, "refused");
}

/* The event as the guest would get it. */
static void take_event(session *s, reader *r)
{
    if (!r->done)
        r->stream->ops->reclaim(r->stream, SL_READABLE);
    uint32_t n = r->buffer.progress, length = r->buffer.length;
    r->copying = false;
    must(s, r->stream->fault == NULL, "a data fault");
    must(s, n <= length && n <= r->end - r->pos, "too many bytes");
    must(s, memcmp(r->to, s->w->content + r->pos, n) == 0, "a wrong byte");
    for (uint32_t i = 0; i < GUARD; i++)
        must(s, r->to[length + i] == 0xee, "a byte behind the buffer");
    if (length < 4096)
        for (uint32_t i = n; i < length; i++)
            must(s, r->to[i] == 0xee, "a byte that is not reported");
    r->pos += n;
    if (r->result == SL_COPY_DROPPED)
        must(s, r->pos == r->end, "DROPPED too early");
    else
        must(s, r->pos < r->end || r->result == SL_COPY_CANCELLED,
             "not DROPPED at the end");
    if (r->result == SL_COPY_COMPLETED)
        must(s, n > 0 || length == 0, "COMPLETED with nothing");
    s->reads++;
    s->bytes += n;
}

/* --- What may happen next ---------------------------------------------------------- */

/* Small ones bring chunks into memory, from where they are copied. */
static uint64_t choose_size(session *s, uint64_t most)
{
    static const uint64_t bound[] = {1, 2, 17, 200, 200, 4097, 20000, 1 << 18};
    random_state *r = &s->random;
    bool large = s->maps && s->kind == DISK && below(r, 8) != 0;
    uint64_t n = below(r, bound[large ? 6 + below(r, 2) : below(r, 8)] + 1);
    return n < most ? n : most;
}

static void open_stream(session *s, reader *r)
{
    uint64_t size = s->w->size, where = below(&s->random, 8);
    r->pos = where == 0   ? 0
             : where == 1 ? size
             : where == 2 ? (below(&s->random, size) >> s->w->chunk_log)
                                << s->w->chunk_log
                          : below(&s->random, size + 1);
    r->end = r->pos + choose_size(s, size - r->pos);
    if (below(&s->random, 400) == 0)
        r->end = size;
    r->stream =
        sl_stream_from_segment(s->store, s->segment, r->pos, r->end, NULL);
    must(s, r->stream != NULL, "no stream");
}

static void drop_stream(session *s, reader *r)
{
    sl_shared_drop(r->stream, SL_READABLE);
    r->stream = NULL;
    r->copying = false;
    s->dropped++;
}

static void go_on_idle(session *s, reader *r)
{
    if (below(&s->random, 40) == 0) {
        drop_stream(s, r);
        return;
    }
    if (below(&s->random, 100) == 0)
        sl_segment_prefetch(s->segment, r->pos, r->end - r->pos);
    start_read(s, r, (uint32_t)choose_size(s, BUFFER_MAX));
    s->waited += !r->event;
    if (r->event && below(&s->random, 4) != 0) {
        take_event(s, r);
        if (r->result == SL_COPY_DROPPED)
            drop_stream(s, r);
    }
}

static void go_on_copying(session *s, reader *r)
{
    uint64_t what = below(&s->random, 16);
    if (what == 0 && !r->done) {
        r->event = false;
        r->stream->ops->cancel(r->stream, SL_READABLE);
        must(s, r->done, "not cancelled");
        s->cancelled++;
    } else if (what == 1 && !r->done && below(&s->random, 8) == 0) {
        drop_stream(s, r); /* as a store does that closes */
        return;
    } else if (what < 8 && !r->event) {
        return; /* others first */
    }
    must(s, r->event || sl_loop_run(s->loop, &r->event),
         "waits for something that cannot come");
    take_event(s, r);
    if (r->result == SL_COPY_DROPPED)
        drop_stream(s, r);
}

static void step(session *s)
{
    reader *r = &s->readers[below(&s->random, READERS)];
    if (s->kind == FILE_COLD && below(&s->random, 300) == 0)
        world_make_cold(s->w);
    if (r->stream == NULL)
        open_stream(s, r);
    else if (r->copying)
        go_on_copying(s, r);
    else
        go_on_idle(s, r);
}

/* --- Sessions: a store each ---------------------------------------------------------- */

static bool can_map(sl_kind kind)
{
    return kind == FILE_WARM || kind == FILE_COLD || kind == DISK;
}

static void run_session(session *s, uint64_t n)
{
    sl_err err = {0};
    uint64_t until = s->reads + n;
    s->random.x = s->seed;
    s->loop = sl_loop_new(NULL, &err);
    s->store = sl_store_new(s->loop, NULL, &err);
    must(s, s->store != NULL, "no store");
    if (below(&s->random, 2) == 0)
        sl_data_ctx_schedule(s->store->data, next_random(&s->random) | 1);
    s->segment = world_bind(s->w, s->kind, s->loop, s->store->data, &err);
    must(s, s->segment != NULL, err.msg);
    s->maps = can_map(s->kind) && below(&s->random, 2) == 0;
    sl_data_ctx_map_files(s->store->data, s->maps);
    sl_data_ctx_map_from(s->store->data, MAP_FROM);
    while (s->reads < until)
        step(s);
    for (int i = 0; i < READERS; i++)
        if (s->readers[i].stream != NULL)
            drop_stream(s, &s->readers[i]);
    s->mapped += sl_data_ctx_stats(s->store->data)->bytes_mapped;
    sl_segment_unref(s->segment);
    sl_store_free(s->store);
    sl_loop_run(s->loop, &(bool){false});
    must(s, sl_loop_active(s->loop) == 0, "the loop is not at rest");
    sl_loop_free(s->loop);
}

static double seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* `one` not 0: that one alone. */
static uint64_t run_kind(world *w, sl_kind kind, uint64_t seed, uint64_t one,
                         uint64_t n)
{
    session s = {.w = w, .kind = kind};
    uint8_t *memory = mmap(NULL, ROOM * (size_t)READERS, PROT_READ | PROT_WRITE,
                           MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    must(&s, memory != MAP_FAILED, "no memory");
    for (int i = 0; i < READERS; i++)
        s.readers[i].memory = memory + ROOM * (size_t)i;
    double start = seconds();
    random_state seeds = {seed ^ ((uint64_t)kind << 56)};
    if (kind == DISK) {
        world_fill_disk(w);
        world_stop_server(w);
    }
    for (uint64_t left = n, most; left != 0; left -= most) {
        most = left < SESSION ? left : SESSION;
        s.seed = one != 0 ? one : next_random(&seeds);
        run_session(&s, most);
    }
    printf("%-10s %9" PRIu64 " %9" PRIu64 " %9" PRIu64 " %9" PRIu64
           " %8.1f %8.1f %7.2f\n",
           kind_texts[kind], s.reads, s.waited, s.cancelled, s.dropped,
           (double)s.bytes / 1e6, (double)s.mapped / 1e6, seconds() - start);
    fflush(stdout);
    munmap(memory, ROOM * (size_t)READERS);
    must(&s, (s.mapped != 0) == can_map(kind) || s.reads <= SESSION,
         "mapped or not");
    return s.reads;
}

/* Of a thousand reads; those that are quick are many. */
static const uint64_t shares[N_KINDS] = {
    [BUFFER] = 230, [FILE_WARM] = 200, [FILE_COLD] = 60, [IDENTITY] = 130,
    [ZSTD] = 130,   [CALLBACK] = 150,  [URL] = 30,       [DISK] = 70,
};

int main(int argc, char **argv)
{
    uint64_t reads = 1000000, seed = 1, one = 0, sum = 0;
    const char *only = NULL;
    for (int i = 1; i + 1 < argc; i += 2)
        if (strcmp(argv[i], "--reads") == 0)
            reads = strtoull(argv[i + 1], NULL, 0);
        else if (strcmp(argv[i], "--seed") == 0)
            seed = strtoull(argv[i + 1], NULL, 0);
        else if (strcmp(argv[i], "--session") == 0)
            one = strtoull(argv[i + 1], NULL, 0);
        else if (strcmp(argv[i], "--kind") == 0)
            only = argv[i + 1];
    if (one != 0)
        reads = SESSION;
    world w;
    world_open(&w, 1500 * 1000, 14, seed);
    printf("%-10s %9s %9s %9s %9s %8s %8s %7s\n", "kind", "reads", "blocked",
           "cancelled", "dropped", "MB", "mapped", "s");
    for (int k = 0; k < N_KINDS; k++)
        if (only == NULL || strcmp(only, kind_texts[k]) == 0)
            sum += run_kind(&w, (sl_kind)k, seed, one,
                            only != NULL ? reads : reads * shares[k] / 1000);
    printf("%" PRIu64 " reads, seed %" PRIu64 ": no wrong byte\n", sum, seed);
    world_close(&w);
    return 0;
}
