/* Segments whose local files misbehave while they are read: changed, cut off,
 * replaced, unreadable, of another kind, out of reach; system calls (mappings
 * of pages among them) and allocations that fail one after the other. Whatever happens, no wrong byte
 * is delivered, nothing crashes, hangs or leaks, and a fault says why.
 * docs/data-segments.md, sections 5 and 6.
 *
 *     localfaults [--trials N] [--seed N] [--thin N]
 *
 * Trials of changed files; every N-th failing call and allocation only. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/alloc.h"
#include "exec/exec.h"
#include "reads/world.h"
#include "stream/stream.h"

static const char *part = "";
static uint64_t part_seed;

static void must(bool good, const char *what)
{
    if (good)
        return;
    fprintf(stderr, "localfaults: %s (%s, %" PRIu64 ")\n", what, part,
            part_seed);
    exit(1);
}

/* --- System calls that fail: linked in front of the real ones ------------------- */

typedef enum failing { NO_CALL, CALL_ERROR, CALL_SHORT } failing;
static failing fails;       /* the calls from `fails_from` to `fails_to` */
static int fails_with;      /* errno */
static long n_calls, fails_from, fails_to;
static bool maps_only; /* only mappings of files count */

/* Whether this call is to fail; threads of the pool make calls, too. */
static bool is_failing(void)
{
    if (maps_only)
        return false;
    long n = __atomic_add_fetch(&n_calls, 1, __ATOMIC_RELAXED);
    return fails != NO_CALL && n >= fails_from && n <= fails_to;
}

static bool is_error(void)
{
    bool error = is_failing() && fails == CALL_ERROR;
    if (error)
        errno = fails_with;
    return error;
}

ssize_t __real_pread(int fd, void *to, size_t len, off_t at);
ssize_t __wrap_pread(int fd, void *to, size_t len, off_t at);
ssize_t __wrap_pread(int fd, void *to, size_t len, off_t at)
{
    bool now = is_failing();
    if (now && fails == CALL_ERROR) {
        errno = fails_with;
        return -1;
    }
    return __real_pread(fd, to, now && len > 1 ? len / 2 : len, at);
}

ssize_t __real_preadv2(int fd, const struct iovec *iov, int n, off_t at,
                       int flags);
ssize_t __wrap_preadv2(int fd, const struct iovec *iov, int n, off_t at,
                       int flags);
ssize_t __wrap_preadv2(int fd, const struct iovec *iov, int n, off_t at,
                       int flags)
{
    struct iovec half = *iov;
    bool now = is_failing();
    if (now && fails == CALL_ERROR) {
        errno = fails_with;
        return -1;
    }
    if (now && half.iov_len > 1)
        half.iov_len /= 2;
    return __real_preadv2(fd, &half, n, at, flags);
}

int __real_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, ...)
{
    va_list args;
    va_start(args, flags);
    mode_t mode = flags & O_CREAT ? va_arg(args, mode_t) : 0;
    va_end(args);
    return is_error() ? -1 : __real_open(path, flags, mode);
}

int __real_openat(int dir, const char *path, int flags, ...);
int __wrap_openat(int dir, const char *path, int flags, ...);
int __wrap_openat(int dir, const char *path, int flags, ...)
{
    va_list args;
    va_start(args, flags);
    mode_t mode = flags & O_CREAT ? va_arg(args, mode_t) : 0;
    va_end(args);
    return is_error() ? -1 : __real_openat(dir, path, flags, mode);
}

int __real_fstat(int fd, struct stat *st);
int __wrap_fstat(int fd, struct stat *st);
int __wrap_fstat(int fd, struct stat *st)
{
    return is_error() ? -1 : __real_fstat(fd, st);
}

/* Files over a guest's memory; other mappings are no part of reading. */
void *__real_mmap(void *at, size_t len, int prot, int flags, int fd, off_t from);
void *__wrap_mmap(void *at, size_t len, int prot, int flags, int fd, off_t from);
void *__wrap_mmap(void *at, size_t len, int prot, int flags, int fd, off_t from)
{
    bool only = maps_only;
    maps_only = false;
    bool fail = (flags & MAP_FIXED) != 0 && is_error();
    maps_only = only;
    return fail ? MAP_FAILED : __real_mmap(at, len, prot, flags, fd, from);
}

/* openat2, cachestat: the kernel may not know them. */
long __real_syscall(long number, ...);
long __wrap_syscall(long number, ...);
long __wrap_syscall(long number, ...)
{
    va_list args;
    va_start(args, number);
    long a[5];
    for (int i = 0; i < 5; i++)
        a[i] = va_arg(args, long);
    va_end(args);
    return is_error() ? -1 : __real_syscall(number, a[0], a[1], a[2], a[3], a[4]);
}

/* --- A host that reads ---------------------------------------------------------- */

typedef struct reader {
    sl_copy copy; /* first */
    sl_buffer buffer;
    uint8_t *to;
    bool event, done;
} reader;

static uint8_t *place(sl_buffer *b, uint32_t n)
{
    reader *r = (reader *)(void *)((char *)b - offsetof(reader, buffer));
    (void)n;
    return r->to + b->progress;
}

static void on_copy(sl_copy *copy)
{
    ((reader *)copy)->event = true;
}

static uint32_t take_pages(sl_buffer *b, uint32_t n, int fd, uint64_t offset,
                           uint32_t *head);

static void on_copy_done(sl_copy *copy, sl_copy_result result)
{
    reader *r = (reader *)copy;
    (void)result;
    r->event = r->done = true;
}

typedef struct play {
    world *w;
    random_state random;
    sl_loop *loop;
    sl_store *store;
    sl_segment *segment; /* NULL: could not be bound */
    uint8_t *memory;
    sl_memory *guest; /* that it is in, when pages may be mapped */
    uint64_t head;    /* in the file before the segment */
    uint64_t right, faults; /* reads */
    uint64_t mapped;        /* bytes */
    char why[256];          /* the last fault */
    void (*between)(struct play *p); /* reads; or NULL */
} play;

static play *playing;

/* canon/buffer.c. */
static uint32_t take_pages(sl_buffer *b, uint32_t n, int fd, uint64_t offset,
                           uint32_t *head)
{
    reader *r = (reader *)(void *)((char *)b - offsetof(reader, buffer));
    const sl_memory *guest = playing->guest;
    uint64_t ptr = (uint64_t)(r->to - guest->base) + b->progress;
    uint64_t page = sl_page_size();
    *head = 0;
    if (ptr % page != offset % page)
        return 0;
    *head = (uint32_t)((page - ptr % page) % page);
    return *head != 0 ? 0
                      : (uint32_t)sl_memory_map_file(playing->store->core,
                                                     playing->guest, ptr, n, fd,
                                                     offset);
}

static void note_fault(play *p, const char *why)
{
    p->faults++;
    snprintf(p->why, sizeof p->why, "%.255s", why);
    must(why[0] != '\0', "a fault without a cause");
}

/* One read of a stream at `at`: false when it is over. */
static bool read_once(play *p, sl_shared *s, uint64_t *at, uint64_t end,
                      uint32_t n)
{
    static const sl_buffer_ops ops = {.bytes = place},
                               maps = {.bytes = place, .map = take_pages};
    bool map = p->guest != NULL;
    reader r = {.to = p->memory + (map ? (*at + p->head) % 4096 : 0)};
    playing = p;
    memset(r.to, 0xee, (size_t)n + 1);
    r.buffer = (sl_buffer){.ops = map ? &maps : &ops, .elem = s->elem, .length = n};
    r.copy = (sl_copy){.buffer = &r.buffer,
                       .on_copy = on_copy,
                       .on_copy_done = on_copy_done};
    if (s->ops->read(s, &r.copy) != SL_OK) {
        note_fault(p, "refused");
        return false;
    }
    if (!r.event && p->between != NULL)
        p->between(p);
    must(r.event || sl_loop_run(p->loop, &r.event),
         "waits for something that cannot come");
    if (!r.done)
        s->ops->reclaim(s, SL_READABLE);
    must(r.buffer.progress <= n && r.buffer.progress <= end - *at,
         "too many bytes");
    must(memcmp(r.to, p->w->content + *at, r.buffer.progress) == 0,
         "a wrong byte");
    for (uint32_t i = r.buffer.progress; maps_only && i <= n; i++)
        must(r.to[i] == 0xee, "a byte that is not reported");
    *at += r.buffer.progress;
    p->right += r.buffer.progress != 0;
    if (s->fault != NULL)
        note_fault(p, s->fault->msg);
    else
        must(*at == end || !r.done || r.buffer.progress != 0,
             "an end that is none");
    return s->fault == NULL && *at != end;
}

static void read_range(play *p, uint64_t at, uint64_t end, uint32_t most)
{
    sl_shared *s =
        sl_stream_from_segment(p->store, p->segment, at, end, NULL);
    if (s == NULL) {
        note_fault(p, "out of memory");
        return;
    }
    while (read_once(p, s, &at, end, most))
        if (p->between != NULL)
            p->between(p);
    sl_shared_drop(s, SL_READABLE);
}

/* Before anything fails. */
static void open_play(play *p, world *w)
{
    sl_err err = {0};
    *p = (play){.w = w, .random = {part_seed}};
    p->loop = sl_loop_new(NULL, &err);
    p->store = sl_store_new(p->loop, NULL, &err);
    p->memory = malloc(w->size);
    must(p->store != NULL && p->memory != NULL, "no store");
}

/* Reads into a guest's memory from now on. */
static void map_pages(play *p, sl_kind kind)
{
    sl_err err = {0};
    sl_core_store *core = p->store->core;
    free(p->memory);
    must(sl_core_store_allow_mapping(core), "no handler");
    p->guest = sl_memory_new(core, (sl_memtype){{.min = 2}}, &err);
    must(p->guest != NULL, err.msg);
    p->memory = p->guest->base;
    p->head = kind == DISK ? 0 : HEAD;
    sl_data_ctx_map_files(p->store->data, true);
    sl_data_ctx_map_from(p->store->data, 4096);
}

static void bind(play *p, sl_kind kind)
{
    sl_err err = {0};
    p->segment =
        world_bind(p->w, kind, p->loop, p->store->data, &err);
    if (p->segment == NULL)
        note_fault(p, err.msg);
}

static void close_play(play *p)
{
    if (p->guest != NULL)
        p->memory = NULL; /* the store's */
    p->mapped += sl_data_ctx_stats(p->store->data)->bytes_mapped;
    sl_segment_unref(p->segment);
    sl_store_free(p->store);
    sl_loop_run(p->loop, &(bool){false});
    must(sl_loop_active(p->loop) == 0, "the loop is not at rest");
    must(p->w->held == NULL, "a callback that was forgotten");
    sl_loop_free(p->loop);
    free(p->memory);
}

/* Reads here and there, then everything; all of it when nothing fails. */
static void read_about(play *p)
{
    uint64_t size = p->w->size;
    if (p->segment == NULL)
        return;
    read_range(p, size / 2, size / 2 + 10, 7);
    read_range(p, size - 1, size, 100);
    sl_segment_prefetch(p->segment, 0, size / 3);
    read_range(p, 0, size, 9999);
}

/* --- Files that change ------------------------------------------------------------ */

static void path_of(const world *w, sl_kind kind, char path[128])
{
    snprintf(path, 128, "%s/%s", w->dir,
             kind == FILE_WARM ? "plain" : kind == ZSTD ? "x.zst" : "x.bin");
}

/* What is in the file, as it should be. */
static const uint8_t *bytes_of(const world *w, sl_kind kind, size_t *len)
{
    static uint8_t *plain;
    if (kind != FILE_WARM) {
        *len = w->file[kind == ZSTD].len;
        return w->file[kind == ZSTD].data;
    }
    *len = w->size + HEAD;
    if (plain == NULL) {
        plain = calloc(1, *len);
        must(plain != NULL, "no memory");
        memcpy(plain + HEAD, w->content, w->size);
    }
    return plain;
}

/* A new file in its place, last changed a while ago. */
static void put_right(const world *w, sl_kind kind)
{
    static const struct timespec then[2] = {{.tv_sec = 1000000000},
                                            {.tv_sec = 1000000000}};
    char path[128], new[140];
    size_t len;
    const uint8_t *bytes = bytes_of(w, kind, &len);
    path_of(w, kind, path);
    snprintf(new, sizeof new, "%s.new", path);
    world_write(new, bytes, len);
    must(utimensat(AT_FDCWD, new, then, 0) == 0 && rename(new, path) == 0,
         "cannot write");
}

typedef struct change {
    play play; /* first */
    sl_kind kind;
} change;

static void scribble(int fd, random_state *r, uint64_t len)
{
    uint8_t bytes[300];
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)next_random(r);
    must(pwrite(fd, bytes, 1 + below(r, sizeof bytes), (off_t)below(r, len)) >
             0,
         "cannot scribble");
}

/* One change, now and then. Bytes of an inline segment have no digest: only
 * changes that show (size, time) can be seen, and they do. */
static void change_file(play *p)
{
    change *c = (change *)p;
    char path[128];
    size_t len;
    random_state *r = &p->random;
    if (below(r, 6) != 0)
        return;
    bytes_of(p->w, c->kind, &len);
    path_of(p->w, c->kind, path);
    int fd = open(path, O_RDWR);
    switch (fd < 0 ? 7 : below(r, 8)) {
    case 0:
    case 1: must(ftruncate(fd, (off_t)below(r, len)) == 0, "truncate"); break;
    case 2:
        must(ftruncate(fd, (off_t)(len + 1 + below(r, 5000))) == 0, "extend");
        break;
    case 3: /* cut, and as long as before */
        must(ftruncate(fd, (off_t)below(r, len)) == 0 &&
                 ftruncate(fd, (off_t)len) == 0,
             "cut");
        break;
    case 4: scribble(fd, r, len); break;
    case 5: unlink(path); break;
    case 6: /* another one, which is wrong */
        unlink(path);
        world_write(path, p->memory, below(r, p->w->size));
        break;
    case 7: put_right(p->w, c->kind); break;
    }
    if (fd >= 0)
        close(fd);
}

static void change_trial(world *w, sl_kind kind, uint64_t sums[2])
{
    change c;
    put_right(w, kind);
    open_play(&c.play, w);
    c.kind = kind;
    if (below(&c.play.random, 2) != 0)
        sl_data_ctx_schedule(c.play.store->data, part_seed | 1);
    bind(&c.play, kind);
    c.play.between = change_file;
    for (uint64_t i = 1 + below(&c.play.random, 4); i != 0; i--) {
        uint64_t at = below(&c.play.random, w->size);
        read_range(&c.play, at, at + below(&c.play.random, w->size - at) + 1,
                   1 + (uint32_t)below(&c.play.random, 6000));
        change_file(&c.play);
    }
    sums[0] += c.play.right;
    sums[1] += c.play.faults;
    close_play(&c.play);
}

static void test_changes(world *w, uint64_t trials, uint64_t seed)
{
    static const sl_kind kinds[] = {FILE_WARM, IDENTITY, ZSTD};
    for (int k = 0; k < 3; k++) {
        uint64_t sums[2] = {0};
        part = kind_texts[kinds[k]];
        for (uint64_t i = 0; i < trials / 3 + 1; i++) {
            part_seed = seed + i;
            change_trial(w, kinds[k], sums);
        }
        put_right(w, kinds[k]);
        must(sums[0] != 0 && sums[1] != 0, "changes without an effect");
        printf("%-10s changed while it is read: %" PRIu64 " trials, %" PRIu64
               " reads right, %" PRIu64 " faults\n",
               part, trials / 3 + 1, sums[0], sums[1]);
    }
}

/* --- What is not a file below the folder ---------------------------------------------- */

static void test_places(world *w)
{
    static const struct {
        const char *command; /* in the folder; x.bin is gone */
        const char *cause;   /* NULL: it is right */
    } row[] = {
        {"true", "No such file"},
        {"mkdir x.bin", "not a regular file"},
        {"mkfifo x.bin", "not a regular file"},
        {"ln -s /dev/zero x.bin", "leads out of the directory"},
        {"ln -s /etc/passwd x.bin", "leads out of the directory"},
        {"ln -s $PWD/good x.bin", "leads out of the directory"},
        {"ln -s ../x x.bin", "leads out of the directory"},
        {"ln -s sub/../../x x.bin", "leads out of the directory"},
        {"ln -s /proc/self/fd/0 x.bin", "leads out of the directory"},
        {"ln -s x.bin x.bin", "symbolic links"},
        {"ln -s nowhere x.bin", "No such file"},
        {"ln -s good x.bin", NULL},
        {"ln -s sub/../good x.bin", NULL},
        {"ln good x.bin", NULL},
        {"cp good x.bin", NULL},
        {"head -c 5 good > x.bin", "too short"},
        {": > x.bin", "too short"},
        {"tr '\\0' '\\1' < good > x.bin", "SHA-256"},
    };
    char command[400];
    part = "places";
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        play p;
        part_seed = i;
        snprintf(command, sizeof command,
                 "cd '%s' && { [ -e good ] || { mv x.bin good && mkdir sub; } } "
                 "&& rm -rf x.bin && %s",
                 w->dir, row[i].command);
        must(system(command) == 0, command);
        open_play(&p, w);
        bind(&p, IDENTITY);
        read_about(&p);
        must((p.faults == 0) == (row[i].cause == NULL), "fault or none");
        if (row[i].cause != NULL && strstr(p.why, row[i].cause) == NULL)
            must(false, p.why);
        close_play(&p);
    }
    snprintf(command, sizeof command,
             "cd '%s' && rm -rf x.bin sub && mv good x.bin", w->dir);
    must(system(command) == 0, command);
    printf("%zu places that a reference may lead to\n", sizeof row / sizeof *row);
}

/* A file that nobody may read; root reads it as somebody else. */
static void test_permission(world *w)
{
    char path[128];
    play p;
    bool root = geteuid() == 0;
    part = "permission";
    path_of(w, IDENTITY, path);
    must(chmod(path, 0) == 0 && chmod(w->dir, 0755) == 0, "chmod");
    must(!root || seteuid(65534) == 0, "seteuid");
    open_play(&p, w);
    bind(&p, IDENTITY);
    read_about(&p);
    must(p.right == 0 && strstr(p.why, "Permission denied") != NULL, p.why);
    close_play(&p);
    must(!root || seteuid(0) == 0, "seteuid");
    must(chmod(path, 0644) == 0, "chmod");
}

/* --- Calls that fail ---------------------------------------------------------------------- */

/* sums: reads that were right, faults, bytes mapped. */
static void run_once(world *w, sl_kind kind, bool maps, uint64_t sums[3])
{
    play p;
    failing now = fails;
    fails = NO_CALL;
    if (kind == FILE_COLD)
        world_make_cold(w);
    open_play(&p, w);
    if (maps)
        map_pages(&p, kind);
    fails = now;
    n_calls = 0;
    bind(&p, kind);
    read_about(&p);
    fails = NO_CALL;
    sums[0] += p.right;
    sums[1] += p.faults;
    close_play(&p);
    sums[2] += p.mapped;
    fails = now;
}

/* Without failures everything must be right. */
static long count_calls(world *w, sl_kind kind, bool maps)
{
    uint64_t sums[3] = {0};
    fails = NO_CALL;
    run_once(w, kind, maps, sums);
    must(sums[0] != 0 && sums[1] == 0, "fails by itself");
    must((sums[2] != 0) == maps, "mapped or not");
    return n_calls;
}

static void test_calls(world *w, int thin)
{
    static const struct {
        sl_kind kind;
        bool maps;
    } kinds[] = {{FILE_WARM, false}, {FILE_COLD, false}, {IDENTITY, false},
                 {ZSTD, false},      {DISK, false},      {FILE_WARM, true},
                 {FILE_COLD, true},  {DISK, true}};
    static const struct {
        failing how;
        int with;
        bool forever;
    } ways[] = {
        {CALL_ERROR, EIO, false},    {CALL_ERROR, EIO, true},
        {CALL_ERROR, EINTR, false},  {CALL_ERROR, EMFILE, true},
        {CALL_ERROR, ENOMEM, false}, {CALL_ERROR, ESTALE, false},
        {CALL_SHORT, 0, false},      {CALL_SHORT, 0, true},
    };
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
        uint64_t sums[3] = {0}, runs = 0;
        sl_kind kind = kinds[k].kind;
        bool maps = kinds[k].maps;
        part = kind_texts[kind];
        part_seed = 0;
        long n = count_calls(w, kind, maps);
        for (size_t i = 0; i < sizeof ways / sizeof *ways; i++)
            for (long at = 1; at <= n; at += thin, runs++) {
                fails = ways[i].how;
                fails_with = ways[i].with;
                fails_from = at;
                fails_to = ways[i].forever ? n_calls + 1000000 : at;
                part_seed = i * 1000 + (uint64_t)at;
                uint64_t faults = sums[1];
                run_once(w, kind, maps, sums);
                if (ways[i].how == CALL_SHORT)
                    must(sums[1] == faults, "a short read is no fault");
                if (kind == DISK) /* what it loses is fetched again */
                    must(sums[1] == faults, "a cache that fails is no fault");
            }
        count_calls(w, kind, maps);
        printf("%-10s%s %ld calls, each failing in %zu ways: %" PRIu64
               " runs, %" PRIu64 " reads right, %" PRIu64 " faults\n",
               part, maps ? " mapped," : "", n, sizeof ways / sizeof *ways, runs, sums[0], sums[1]);
    }
}

/* A mapping that cannot be had is a copy: nobody notices. */
static void test_mappings(world *w, int thin)
{
    static const sl_kind kinds[] = {FILE_WARM, FILE_COLD, DISK};
    static const int with[] = {ENOMEM, EACCES, ENODEV};
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
        uint64_t sums[3] = {0}, runs = 0;
        part = kind_texts[kinds[k]];
        part_seed = 0;
        maps_only = true;
        long n = count_calls(w, kinds[k], true);
        must(n != 0, "no mapping");
        for (int forever = 0; forever < 2; forever++)
            for (long at = 1; at <= n; at += thin, runs++) {
                uint64_t mapped = sums[2];
                fails = CALL_ERROR;
                fails_with = with[at % 3];
                fails_from = at;
                fails_to = forever ? LONG_MAX : at;
                part_seed = (uint64_t)at;
                run_once(w, kinds[k], true, sums);
                must(sums[1] == 0, "a mapping that fails is no fault");
                must((sums[2] == mapped) == (n == 1 || (forever && at == 1)),
                     "mapped or not");
            }
        maps_only = false;
        fails = NO_CALL;
        printf("%-10s %ld mappings, each failing once and for good: %" PRIu64
               " runs, %" PRIu64 " reads right\n",
               part, n, runs, sums[0]);
    }
}

/* --- Allocations that fail -------------------------------------------------------------------- */

static void test_allocations(world *w, int thin)
{
    for (int i = 0; i <= N_KINDS; i++) { /* the last one mapped */
        uint64_t sums[3] = {0}, runs = 0;
        bool maps = i == N_KINDS;
        sl_kind k = maps ? DISK : (sl_kind)i;
        part = kind_texts[k];
        size_t before = sl_alloc_count();
        run_once(w, k, maps, sums);
        must(sums[1] == 0, "fails by itself");
        size_t n = sl_alloc_count() - before;
        for (int forever = 0; forever < 2; forever++)
            for (size_t at = 1; at <= n; at += (size_t)thin, runs++) {
                play p;
                part_seed = at * 2 + (size_t)forever;
                open_play(&p, w);
                if (maps)
                    map_pages(&p, k);
                sl_alloc_fail_at(at, forever);
                bind(&p, k);
                read_about(&p);
                sl_alloc_fail_at(0, 0);
                sums[0] += p.right;
                sums[1] += p.faults;
                close_play(&p);
            }
        run_once(w, k, maps, sums);
        printf("%-10s%s %zu allocations, each failing once and for good: %" PRIu64
               " runs, %" PRIu64 " reads right, %" PRIu64 " faults\n",
               part, maps ? " mapped," : "", n, runs, sums[0], sums[1]);
    }
}

int main(int argc, char **argv)
{
    uint64_t trials = 10000, seed = 1;
    int thin = 1;
    for (int i = 1; i + 1 < argc; i += 2)
        if (strcmp(argv[i], "--trials") == 0)
            trials = strtoull(argv[i + 1], NULL, 0);
        else if (strcmp(argv[i], "--seed") == 0)
            seed = strtoull(argv[i + 1], NULL, 0);
        else if (strcmp(argv[i], "--thin") == 0)
            thin = atoi(argv[i + 1]);
    setvbuf(stdout, NULL, _IOLBF, 0);
    world w;
    world_open(&w, 40000, 12, seed);
    test_places(&w);
    test_permission(&w);
    test_changes(&w, trials, seed);
    world_fill_disk(&w);
    test_calls(&w, thin);
    test_mappings(&w, thin);
    test_allocations(&w, thin);
    world_close(&w);
    return 0;
}
