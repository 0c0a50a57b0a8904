/* What bringing a segment's bytes into linear memory costs beside doing by hand
 * what has to be done: mapping, pread, chained uv_fs_read, SHA-256, zstd.
 *
 *   bench_data [--rounds N] CASE COMPONENT FILE [PIECE [CONTENT]]
 *   bench_data forward COMPONENT FILE
 *
 * COMPONENT is data/read.wat with its segment bundled, FILE what the other side
 * works on: the segment's own file, or for an inline one any, as its place in
 * COMPONENT is taken; of `zstd` with CONTENT, what FILE restores, the other side
 * takes SHA-256 of that as well. bench/data.py makes them. Both sides take
 * turns; each round is a new engine, so that nothing is known from before.
 * Prints medians of wall and processor time (all threads, children too). Public
 * headers only: mapped bytes are found in /proc/self/maps, and summed where they
 * are.
 * `forward`, for which COMPONENT imports its segment, prints counters: what of a
 * buffer, a file and a callback's bytes goes through the guest's memory when the
 * guest hands its stream to the host. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <openssl/evp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <uv.h>

#include "sluice/sluice.h"

#define MAX_ROUNDS 101
#define BASE       65536u          /* where the guest's buffer begins */
#define PIECE_MAX  134217728u /* a stream's read is below 2^28 */

static struct {
    const char *component, *file, *content;
    uint32_t piece;
    uint64_t at, size; /* what is worked on of the file */
} job;

static void die(const char *what, const char *why)
{
    fprintf(stderr, "bench_data: %s: %s\n", what, why);
    exit(1);
}

/* --- Clocks --------------------------------------------------------------- */

typedef struct clocks {
    double wall, cpu; /* seconds */
} clocks;

static double seconds(struct timeval t)
{
    return (double)t.tv_sec + (double)t.tv_usec / 1e6;
}

static clocks now(void)
{
    struct timespec t;
    struct rusage mine, children;
    clock_gettime(CLOCK_MONOTONIC, &t);
    getrusage(RUSAGE_SELF, &mine);
    getrusage(RUSAGE_CHILDREN, &children);
    return (clocks){(double)t.tv_sec + (double)t.tv_nsec / 1e9,
                    seconds(mine.ru_utime) + seconds(mine.ru_stime) +
                        seconds(children.ru_utime) +
                        seconds(children.ru_stime)};
}

static clocks since(clocks start)
{
    clocks end = now();
    return (clocks){end.wall - start.wall, end.cpu - start.cpu};
}

/* --- sluice --------------------------------------------------------------- */

static struct {
    sluice_engine *engine;
    sluice_component *component;
    sluice_store *store;
    sluice_func *read;
    uint64_t size; /* of the segment */
} guest;

static void open_guest(bool map)
{
    sluice_error e = {0};
    guest.engine = sluice_engine_new(NULL, &e);
    guest.component = sluice_component_open(guest.engine, job.component, &e);
    if (guest.component == NULL)
        die(job.component, e.message);
    guest.store = sluice_store_new(guest.engine, NULL, &e);
    if (guest.store == NULL ||
        (map &&
         sluice_store_map_files(guest.store, true, &e) != SLUICE_OK))
        die("store", e.message);
    sluice_instance *instance =
        sluice_instantiate(guest.store, NULL, guest.component, &e);
    if (instance == NULL)
        die("instance", e.message);
    guest.read = sluice_instance_func(instance, "read");
    sluice_func *size = sluice_instance_func(instance, "size");
    sluice_val result = {0};
    if (guest.read == NULL || size == NULL ||
        sluice_func_call_wait(size, NULL, 0, &result, &e) != SLUICE_OK)
        die("instance", "no functions `read` and `size`");
    guest.size = result.of.u64;
}

static void close_guest(void)
{
    sluice_store_free(guest.store);
    sluice_component_free(guest.component);
    sluice_engine_free(guest.engine);
}

static void guest_read(uint32_t piece, uint32_t step, uint64_t len)
{
    sluice_error e = {0};
    sluice_val result = {0};
    sluice_val args[5] = {{.kind = SLUICE_U32, .of.u32 = BASE},
                          {.kind = SLUICE_U32, .of.u32 = piece},
                          {.kind = SLUICE_U32, .of.u32 = step},
                          {.kind = SLUICE_U64, .of.u64 = 0},
                          {.kind = SLUICE_U64, .of.u64 = len}};
    if (sluice_func_call_wait(guest.read, args, 5, &result, &e) != SLUICE_OK)
        die("read", e.message);
    if (result.of.u64 != len)
        die("read", "other than all bytes");
}

/* Into memory that was written to before, or into a fresh one. */
static clocks time_guest(bool touch)
{
    open_guest(false);
    if (touch)
        guest_read(job.piece, 0, job.piece);
    clocks start = now();
    guest_read(job.piece, 0, guest.size);
    clocks took = since(start);
    close_guest();
    return took;
}

static clocks guest_copy(void)
{
    return time_guest(true);
}

static clocks guest_first(void)
{
    return time_guest(false);
}

/* --- Mapping -------------------------------------------------------------- */

static uint64_t sum(const void *bytes, uint64_t len)
{
    const uint64_t *words = bytes;
    uint64_t total = 0;
    for (uint64_t i = 0; i < len / 8; i++)
        total += words[i];
    return total;
}

/* All of [address, size) that this process has mapped of the component. */
static uint64_t sum_mapped(uint64_t *len)
{
    char line[4096 + 128], perms[5];
    uint64_t from, to, total = 0;
    FILE *maps = fopen("/proc/self/maps", "r");
    *len = 0;
    while (maps != NULL && fgets(line, sizeof line, maps) != NULL) {
        line[strcspn(line, "\n")] = 0;
        const char *path = strchr(line, '/');
        if (path == NULL || strcmp(path, job.component) != 0 ||
            sscanf(line, "%" SCNx64 "-%" SCNx64 " %4s", &from, &to, perms) !=
                3 ||
            perms[1] != 'w')
            continue;
        total += sum((const void *)(uintptr_t)from, to - from);
        *len += to - from;
    }
    if (maps != NULL)
        fclose(maps);
    return total;
}

static uint64_t expected; /* the sum */
static double map_alone;  /* seconds until the guest could go on, the least */

static clocks guest_map(void)
{
    uint64_t len;
    open_guest(true);
    clocks start = now();
    guest_read(PIECE_MAX, 1, guest.size);
    double alone = since(start).wall;
    uint64_t total = sum_mapped(&len);
    clocks took = since(start);
    if (len != job.size || total != expected)
        die("map", "not all bytes are mapped");
    if (map_alone == 0 || alone < map_alone)
        map_alone = alone;
    close_guest();
    return took;
}

static const void *map_range(const char *path, uint64_t from, uint64_t size)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    void *at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd,
                    (off_t)from);
    if (at == MAP_FAILED)
        die(path, strerror(errno));
    close(fd);
    return at;
}

static const void *map_file(void)
{
    return map_range(job.file, job.at, job.size);
}

static clocks plain_map(void)
{
    clocks start = now();
    const void *at = map_file();
    expected = sum(at, job.size);
    clocks took = since(start);
    munmap((void *)(uintptr_t)at, job.size);
    return took;
}

/* --- Copying -------------------------------------------------------------- */

static clocks plain_pread(void)
{
    int fd = open(job.file, O_RDONLY | O_CLOEXEC);
    char *to = malloc(job.piece);
    if (fd < 0 || to == NULL)
        die(job.file, strerror(errno));
    memset(to, 1, job.piece);
    clocks start = now();
    for (uint64_t at = 0; at < job.size;) {
        uint64_t left = job.size - at;
        ssize_t n = pread(fd, to, left < job.piece ? left : job.piece,
                          (off_t)(job.at + at));
        if (n <= 0)
            die(job.file, strerror(errno));
        at += (uint64_t)n;
    }
    clocks took = since(start);
    free(to);
    close(fd);
    return took;
}

static struct chain {
    uv_fs_t request;
    uv_buf_t to;
    uint64_t at;
    int fd;
} chain;

static void read_next(uv_fs_t *request)
{
    ssize_t n = request->result;
    uv_loop_t *loop = request->loop;
    uv_fs_req_cleanup(request);
    if (n <= 0)
        die(job.file, "uv_fs_read failed");
    chain.at += (uint64_t)n;
    if (chain.at < job.size)
        uv_fs_read(loop, request, chain.fd, &chain.to, 1, 
                   (int64_t)(job.at + chain.at), read_next);
}

static clocks plain_uv(void)
{
    uv_loop_t loop;
    chain.fd = open(job.file, O_RDONLY | O_CLOEXEC);
    chain.to = uv_buf_init(malloc(job.piece), job.piece);
    chain.at = 0;
    if (chain.fd < 0 || chain.to.base == NULL || uv_loop_init(&loop) != 0)
        die(job.file, strerror(errno));
    memset(chain.to.base, 1, job.piece);
    clocks start = now();
    uv_fs_read(&loop, &chain.request, chain.fd, &chain.to, 1,
               (int64_t)job.at, read_next);
    uv_run(&loop, UV_RUN_DEFAULT);
    clocks took = since(start);
    uv_loop_close(&loop);
    free(chain.to.base);
    close(chain.fd);
    return took;
}

/* --- Checking and inflating ----------------------------------------------- */

/* SHA-256 of each piece, of bytes that are mapped already. */
static clocks time_sha256(const uint8_t *at, uint64_t size)
{
    uint8_t digest[EVP_MAX_MD_SIZE];
    expected = sum(at, size);
    clocks start = now();
    for (uint64_t i = 0; i < size; i += job.piece) {
        uint64_t left = size - i;
        EVP_Digest(at + i, left < job.piece ? left : job.piece, digest, NULL,
                   EVP_sha256(), NULL);
    }
    clocks took = since(start);
    munmap((void *)(uintptr_t)at, size);
    return took;
}

static clocks plain_sha256(void)
{
    return time_sha256(map_file(), job.size);
}

static clocks run_command(const char *const argv[])
{
    int status;
    clocks start = now();
    pid_t child = fork();
    if (child == 0) {
        int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
        dup2(null, STDOUT_FILENO);
        execvp(argv[0], (char *const *)(uintptr_t)argv);
        _exit(127);
    }
    if (child < 0 || waitpid(child, &status, 0) != child || status != 0)
        die(argv[0], "failed");
    return since(start);
}

static clocks plain_zstd(void)
{
    clocks took = run_command(
        (const char *const[]){"zstd", "-dcq", job.file, NULL});
    struct stat st;
    if (job.content == NULL)
        return took;
    if (stat(job.content, &st) != 0)
        die(job.content, strerror(errno));
    uint64_t size = (uint64_t)st.st_size;
    clocks more = time_sha256(map_range(job.content, 0, size), size);
    return (clocks){took.wall + more.wall, took.cpu + more.cpu};
}

/* --- Cases ---------------------------------------------------------------- */

static const struct bench_case {
    const char *name, *what;
    clocks (*plain)(void), (*guest)(void);
} cases[] = {
    {"map", "mmap + sum", plain_map, guest_map},
    {"copy", "pread loop", plain_pread, guest_copy},
    {"uv", "chained uv_fs_read", plain_uv, guest_copy},
    {"sha256", "EVP SHA-256 alone", plain_sha256, guest_first},
    {"zstd", "zstd -d", plain_zstd, guest_first},
};

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static double median(double *of, unsigned n)
{
    qsort(of, n, sizeof *of, by_value);
    return of[n / 2];
}

/* Of the fastest rounds: what a busy machine disturbs least. After median(). */
static double best(const double *mine, const double *plain)
{
    return mine[0] / plain[0];
}

static void measure(const struct bench_case *c, unsigned rounds)
{
    static double v[4][MAX_ROUNDS]; /* wall and CPU of both */
    c->plain();
    c->guest();
    for (unsigned i = 0; i < rounds; i++) {
        clocks plain = c->plain(), mine = c->guest();
        v[0][i] = plain.wall;
        v[1][i] = plain.cpu;
        v[2][i] = mine.wall;
        v[3][i] = mine.cpu;
    }
    double m[4];
    for (int k = 0; k < 4; k++)
        m[k] = median(v[k], rounds);
    printf("%s%s %u: sluice %.4f s wall %.4f s cpu; %s %.4f %.4f; ratio %.3f "
           "wall %.3f cpu, of the best rounds %.3f wall %.3f cpu",
           c->name, job.content != NULL ? ", checked" : "", job.piece, m[2],
           m[3], c->what, m[0], m[1], m[2] / m[0], m[3] / m[1],
           best(v[2], v[0]), best(v[3], v[1]));
    if (map_alone != 0)
        printf("; readable after %.0f us", map_alone * 1e6);
    printf("\n");
}

static const struct bench_case *find_case(const char *name)
{
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        if (strcmp(cases[i].name, name) == 0)
            return &cases[i];
    die(name, "no such case");
    return NULL;
}

/* --- Counters of forwarding ----------------------------------------------- */

static void answer(void *arg, sluice_fetch *fetch, uint64_t at, void *to,
                   size_t len)
{
    memcpy(to, (const char *)arg + at, len);
    sluice_fetch_done(fetch, NULL);
}

static void on_copied(void *arg, uint64_t n, const sluice_error *error)
{
    if (error != NULL || n != job.size)
        die("forward", error != NULL ? error->message : "not all bytes");
    *(bool *)arg = true;
}

static void forward(const char *kind, sluice_segment *segment)
{
    sluice_error e = {0};
    sluice_val result = {0};
    bool done = false;
    sluice_engine *engine = sluice_engine_new(NULL, &e);
    sluice_component *c = sluice_component_open(engine, job.component, &e);
    sluice_linker *linker = sluice_linker_new(engine, &e);
    sluice_store *store = sluice_store_new(engine, NULL, &e);
    if (c == NULL || segment == NULL || store == NULL || linker == NULL ||
        sluice_linker_segment(linker, "input", segment, &e) != SLUICE_OK)
        die(job.component, e.message);
    sluice_instance *instance = sluice_instantiate(store, linker, c, &e);
    sluice_func *open_stream =
        instance != NULL ? sluice_instance_func(instance, "open") : NULL;
    FILE *to = tmpfile();
    if (open_stream == NULL || to == NULL ||
        sluice_func_call_wait(open_stream, NULL, 0, &result, &e) !=
            SLUICE_OK ||
        sluice_stream_to_fd(result.of.stream, fileno(to), on_copied, &done) !=
            SLUICE_OK ||
        sluice_store_run(store, &done) != SLUICE_OK)
        die("forward", e.message);
    sluice_stats stats = sluice_store_stats(store);
    printf("forward: %s: %" PRIu64 " copied into linear memory, %" PRIu64
           " mapped, %" PRIu64 " forwarded without\n",
           kind, stats.bytes_to_guest, stats.bytes_mapped,
           stats.bytes_forwarded);
    fclose(to);
    sluice_store_free(store);
    sluice_linker_free(linker);
    sluice_component_free(c);
    sluice_engine_free(engine);
    sluice_segment_free(segment);
}

static void forward_all(void)
{
    struct stat st;
    if (stat(job.file, &st) != 0)
        die(job.file, strerror(errno));
    job.size = (uint64_t)st.st_size;
    const void *bytes = map_file();
    sluice_backing backing = {
        .size = job.size, .read_at = answer, .arg = (void *)(uintptr_t)bytes};
    sluice_error e = {0};
    forward("file", sluice_segment_from_file(job.file, &e));
    forward("buffer",
            sluice_segment_from_buffer(bytes, job.size, false, &e));
    forward("callback", sluice_segment_from_callbacks(&backing, &e));
}

/* --- Cases of both sides -------------------------------------------------- */

static bool find_segment(void *arg, const sluice_item *item)
{
    (void)arg;
    if (strcmp(item->sort, "core data") != 0 || item->segment == NULL)
        return true;
    if (!item->segment->external) {
        job.at = item->offset;
        job.size = item->size;
        job.file = job.component;
    }
    return false;
}

/* Both sides work on the same pages: where an inline segment is. */
static void find_bytes(void)
{
    struct stat st;
    sluice_error e = {0};
    if (stat(job.file, &st) != 0)
        die(job.file, strerror(errno));
    job.size = (uint64_t)st.st_size;
    guest.engine = sluice_engine_new(NULL, &e);
    guest.component = sluice_component_open(guest.engine, job.component, &e);
    if (guest.component == NULL)
        die(job.component, e.message);
    sluice_component_walk(guest.component, find_segment, NULL);
    sluice_component_free(guest.component);
    sluice_engine_free(guest.engine);
}

int main(int argc, char **argv)
{
    unsigned rounds = 5;
    if (argc > 2 && strcmp(argv[1], "--rounds") == 0) {
        rounds = (unsigned)atoi(argv[2]);
        argv += 2;
        argc -= 2;
    }
    if (argc < 4 || rounds == 0 || rounds > MAX_ROUNDS) {
        fprintf(stderr,
                "usage: bench_data [--rounds N] CASE COMPONENT FILE "
                "[PIECE [CONTENT]]\n");
        return 2;
    }
    job.component = realpath(argv[2], NULL); /* as in /proc/self/maps */
    if (job.component == NULL)
        die(argv[2], strerror(errno));
    job.file = argv[3];
    job.piece = argc > 4 ? (uint32_t)atoi(argv[4]) : 1u << 20;
    job.content = argc > 5 ? argv[5] : NULL;
    if (strcmp(argv[1], "forward") == 0) {
        forward_all();
        return 0;
    }
    find_bytes();
    measure(find_case(argv[1]), rounds);
    return 0;
}
