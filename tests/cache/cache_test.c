/* The cache on disk when things go wrong around it: writers that are killed at
 * any point, calls that fail, several processes, a full disk, and somebody who
 * means harm. docs/data-segments.md, section 7.
 *
 *     cache_test crash|faults|processes|hostile|full
 *     cache_test fill DIR      puts three chunks there, and notes a URL
 *
 * Whatever happens: no wrong byte is read, nothing hangs, and afterwards the
 * cache is sound. Exits with 77 when something cannot be tried here. */
#include "check.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "bytes.h"
#include "data/disk.h"
#include "data/disk_int.h"
#include "hooks.h"

#define check(condition)                                                       \
    ((condition) ? (void)0 : failed(#condition, __FILE__, __LINE__))

static void failed(const char *what, const char *file, int line)
{
    fprintf(stderr, "%s:%d: not so: %s (errno: %s)\n", file, line, what,
            strerror(errno));
    exit(1);
}

/* --- A cache, and what is put into it ------------------------------------- */

enum { CHUNKS = 32, LIMIT = 192 << 10, MAX_LEN = 20000 };

typedef struct chunk {
    size_t len;
    uint8_t digest[SL_DISK_DIGEST];
    uint8_t bytes[MAX_LEN];
} chunk;

static chunk chunks[CHUNKS];
static char dir[64], cache[80];
static const sl_disk_url url = {"https://example.org/data?x=1", "\"v1\"",
                                (uint64_t)CHUNKS << 12, 12};

/* In memory if possible: what is tried here is not the disk. */
static void make_dir(void)
{
    strcpy(dir, access("/dev/shm", W_OK) == 0 ? "/dev/shm/sluice-cache-XXXXXX"
                                              : "/tmp/sluice-cache-XXXXXX");
    check(mkdtemp(dir) != NULL);
    snprintf(cache, sizeof cache, "%s/cache", dir);
}

static void make_chunks(void)
{
    for (uint32_t i = 0; i < CHUNKS; i++) {
        chunks[i].len = 1 + i * 7919u % MAX_LEN;
        for (size_t k = 0; k < chunks[i].len; k++)
            chunks[i].bytes[k] = byte_at(k + (uint64_t)i * 1000003);
        check(sl_disk_digest(chunks[i].bytes, chunks[i].len, chunks[i].digest));
    }
}

static void shell(const char *fmt, const char *arg)
{
    char command[256];
    snprintf(command, sizeof command, fmt, arg);
    check(system(command) == 0);
}

static uint32_t next_random(uint32_t *seed)
{
    *seed = *seed * 1664525 + 1013904223;
    return *seed >> 8;
}

static sl_disk *open_cache(unsigned flags)
{
    sl_disk *disk = sl_disk_open(cache, LIMIT, flags, NULL);
    check(disk != NULL);
    return disk;
}

/* A hit has to be right. */
static bool get(sl_disk *disk, uint32_t i)
{
    uint8_t bytes[MAX_LEN];
    sl_err err = {0};
    bool hit = sl_disk_get(disk, chunks[i].digest, bytes, chunks[i].len, &err);
    check(!hit || memcmp(bytes, chunks[i].bytes, chunks[i].len) == 0);
    check(err.code == SL_OK);
    return hit;
}

static bool put(sl_disk *disk, uint32_t i)
{
    sl_err err = {0};
    bool stored = sl_disk_put(disk, chunks[i].digest, chunks[i].bytes,
                              chunks[i].len, &err);
    check(err.code == SL_OK);
    return stored;
}

static void map(sl_disk *disk, uint32_t i)
{
    int fd;
    uint8_t bytes[MAX_LEN];
    if (!sl_disk_open_entry(disk, chunks[i].digest, chunks[i].len, &fd, NULL))
        return;
    check(read(fd, bytes, chunks[i].len) == (ssize_t)chunks[i].len);
    check(memcmp(bytes, chunks[i].bytes, chunks[i].len) == 0);
    close(fd);
}

/* Slot i belongs to chunk i. */
static bool find(sl_disk *disk, uint32_t i)
{
    uint8_t digest[SL_DISK_DIGEST];
    sl_err err = {0};
    bool found = sl_disk_find(disk, &url, i, digest, &err);
    check(!found || memcmp(digest, chunks[i].digest, sizeof digest) == 0);
    return found;
}

static void note(sl_disk *disk, uint32_t i)
{
    (void)sl_disk_note(disk, &url, i, chunks[i].digest, NULL);
}

static void use(sl_disk *disk, uint32_t *seed, uint32_t times)
{
    for (uint32_t n = 0; n < times; n++) {
        uint32_t what = next_random(seed), i = next_random(seed) % CHUNKS;
        switch (what % 8) {
        case 0:
        case 1:
            get(disk, i);
            break;
        case 2:
            find(disk, i);
            break;
        case 3:
            note(disk, i);
            break;
        case 4:
            map(disk, i);
            break;
        default:
            put(disk, i);
        }
    }
}

static uint32_t files_in_tmp(void)
{
    char path[128];
    uint32_t n = 0;
    snprintf(path, sizeof path, "%s/v1/tmp", cache);
    DIR *entries = opendir(path);
    if (entries == NULL)
        return 0;
    for (struct dirent *e; (e = readdir(entries)) != NULL;)
        n += e->d_name[0] != '.';
    closedir(entries);
    return n;
}

static uint64_t cost_on_disk(void)
{
    char path[128];
    bool some = false;
    uint64_t cost = 0;
    snprintf(path, sizeof path, "%s/v1", cache);
    int root = open(path, O_RDONLY | O_DIRECTORY);
    for (int i = 0; root >= 0 && i < SL_DISK_SHARDS; i++)
        cost += sl_disk_scan(root, (uint8_t)i, NULL, &some);
    if (root >= 0)
        close(root);
    return cost;
}

/* Nothing bad is found, nothing is left over. */
static void check_sound(sl_disk *disk, bool clean)
{
    sl_disk_report report;
    sl_err err = {0};
    check(sl_disk_verify(disk, NULL, NULL, &report, &err) == SL_OK);
    check(!clean || report.bad == 0);
    check(files_in_tmp() == 0);
    check(cost_on_disk() <= LIMIT);
    check(sl_disk_verify(disk, NULL, NULL, &report, NULL) == SL_OK);
    check(report.bad == 0);
}

/* --- Writers that are killed ------------------------------------------------
 */

static pid_t start_writer(uint32_t seed, hook_mode mode, uint32_t at)
{
    pid_t pid = fork();
    check(pid >= 0);
    if (pid == 0) {
        hooks = (hook){.mode = mode, .at = at};
        sl_disk *disk = open_cache(seed % 4 == 0 ? SL_DISK_SYNC : 0);
        use(disk, &seed, 40);
        _exit(0);
    }
    return pid;
}

static bool was_killed(pid_t pid)
{
    int status;
    check(waitpid(pid, &status, 0) == pid);
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL)
        return true;
    check(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    return false;
}

/* What somebody else sees who has used the cache all the time. */
static uint32_t look_around(sl_disk *disk)
{
    uint32_t hits = 0;
    for (uint32_t i = 0; i < CHUNKS; i++)
        hits += get(disk, i) + find(disk, i);
    return hits;
}

static void test_crash(void)
{
    uint32_t kills = 0, hits = 0, leftovers = 0;
    sl_disk *disk = open_cache(0);
    for (uint32_t at = 1; at <= 175; at++)
        for (hook_mode m = HOOK_KILL_BEFORE; m <= HOOK_KILL_AFTER; m++) {
            kills += was_killed(start_writer(at * 3 + m, m, at));
            leftovers += files_in_tmp();
            if (m == HOOK_KILL_AFTER)
                hits += look_around(disk);
            if (m == HOOK_KILL_HALF)
                check_sound(disk, true);
        }
    /* And at any moment, three at a time. */
    for (uint32_t i = 0; i < 20; i++) {
        pid_t pid[3];
        for (uint32_t k = 0; k < 3; k++)
            pid[k] = start_writer(i * 3 + k, HOOK_OFF, 0);
        usleep(i * 83 % 4000);
        for (uint32_t k = 0; k < 3; k++)
            kill(pid[k], SIGKILL);
        for (uint32_t k = 0; k < 3; k++)
            kills += was_killed(pid[k]);
        hits += look_around(disk);
    }
    check_sound(disk, true);
    check(sl_disk_stats_of(disk).poisoned == 0);
    printf("%u writers killed, %u leftovers, %u hits\n", kills, leftovers,
           hits);
    check(kills >= 520);
    check(leftovers > 50);
    check(hits > 500);
    sl_disk_unref(disk);
}

/* --- Calls that fail ---------------------------------------------------------
 */

static uint32_t use_failing(uint32_t seed, hook_mode mode, uint32_t at,
                            int error)
{
    int fds = count_fds();
    sl_disk *disk = open_cache(seed % 2 ? SL_DISK_SYNC : 0);
    hooks = (hook){.mode = mode, .at = at, .error = error};
    /* An unusable directory is said, once: all but the first are silent. */
    sl_err err = {0};
    sl_disk_put(disk, NULL, "x", 1, &err);
    use(disk, &seed, 15);
    uint32_t calls = hooks.calls;
    hooks.mode = HOOK_OFF;
    sl_disk_unref(disk);
    check(count_fds() == fds);
    return calls;
}

static void test_faults(void)
{
    static const int errors[] = {ENOSPC, EIO, EROFS, EMFILE, ENOMEM, EACCES};
    uint32_t runs = 0;
    sl_disk *disk = open_cache(0);
    for (size_t e = 0; e < sizeof errors / sizeof *errors; e++)
        for (hook_mode m = HOOK_FAIL_ONCE; m <= HOOK_FAIL_FROM; m++)
            for (uint32_t at = 1; at <= 100; at++) {
                runs += use_failing(at * 7 + e, m, at, errors[e]) >= at;
                if (at % 4 == 0)
                    look_around(disk);
                if (at % 25 == 0)
                    check_sound(disk, true);
            }
    printf("%u runs with a failing call\n", runs);
    check(runs > 1000);
    sl_disk_unref(disk);
}

/* --- Several processes
 * -------------------------------------------------------- */

static void hammer(uint32_t seed)
{
    sl_disk *disk = open_cache(0);
    for (uint32_t i = 0; i < 60; i++) {
        use(disk, &seed, 20);
        if (i % 20 == seed % 20)
            check(sl_disk_verify(disk, NULL, NULL, NULL, NULL) == SL_OK);
        if (i == 30 + seed % 5)
            check(sl_disk_clear(disk, NULL, NULL) == SL_OK);
    }
    sl_disk_stats stats = sl_disk_stats_of(disk);
    check(stats.poisoned == 0);
    check(stats.hits > 30 && stats.stored > 30 && stats.evicted > 0);
    sl_disk_unref(disk);
}

static void test_processes(void)
{
    enum { N = 4 };
    pid_t pid[N];
    for (uint32_t i = 0; i < N; i++) {
        pid[i] = fork();
        check(pid[i] >= 0);
        if (pid[i] == 0) {
            hammer(i + 1);
            _exit(0);
        }
    }
    for (uint32_t i = 0; i < N; i++)
        check(!was_killed(pid[i]));
    sl_disk *disk = open_cache(0);
    check_sound(disk, true);
    check(look_around(disk) > 0);
    sl_disk_unref(disk);
}

/* --- Somebody who means harm
 * ---------------------------------------------------- */

static void entry_path(uint32_t i, char path[256])
{
    char hex[SL_DISK_NAME_MAX];
    sl_disk_hex(hex, chunks[i].digest, SL_DISK_DIGEST);
    snprintf(path, 256, "%s/v1/%.2s/%s", cache, hex, hex);
}

static void scribble(const char *path, uint32_t at, uint32_t len)
{
    static const uint8_t junk[MAX_LEN];
    int fd = open(path, O_WRONLY | O_NONBLOCK | O_NOFOLLOW);
    if (fd < 0)
        return;
    (void)!pwrite(fd, junk, len % MAX_LEN, at % MAX_LEN);
    close(fd);
}

/* In one way or another. */
static void harm(uint32_t *seed)
{
    char path[256], other[256], odd[128];
    uint32_t i = next_random(seed) % CHUNKS, k = next_random(seed) % CHUNKS;
    entry_path(i, path);
    entry_path(k, other);
    snprintf(odd, sizeof odd, "%s/odd", dir);
    switch (next_random(seed) % 16) {
    case 0:
    case 1:
    case 2:
    case 3:
        scribble(path, next_random(seed), 1 + next_random(seed) % 100);
        break;
    case 4:
        (void)!truncate(path, next_random(seed) % MAX_LEN);
        break;
    case 5: /* another entry, sound in itself */
        unlink(path);
        (void)!link(other, path);
        break;
    case 6:
        unlink(path);
        (void)!symlink(other, path);
        break;
    case 7:
        unlink(path);
        mkfifo(path, 0600);
        break;
    case 8:
        unlink(path);
        mkdir(path, 0700);
        break;
    case 9:
        chmod(path, 0666);
        break;
    case 10:
        rename(path, other);
        break;
    case 11: /* a link in place of the folder */
        *strrchr(path, '/') = '\0';
        rename(path, odd);
        (void)!symlink(odd, path);
        break;
    case 12:
        snprintf(path, sizeof path, "%s/v1/sizes", cache);
        scribble(path, next_random(seed), 300);
        break;
    case 13:
        snprintf(path, sizeof path, "%s/v1/sizes", cache);
        unlink(path);
        if (i % 2)
            (void)!symlink("/dev/zero", path);
        break;
    case 14:
        snprintf(path, sizeof path, "%s/v1/tmp", cache);
        rename(path, odd);
        break;
    default:
        snprintf(path, sizeof path, "%s/v1", cache);
        rename(path, odd);
    }
    /* Who has it open may still make files in it. */
    snprintf(path, sizeof path, "rm -rf %s 2>/dev/null", odd);
    while (access(odd, F_OK) == 0)
        (void)!system(path);
}

static void do_harm(uint32_t seed)
{
    for (;;) {
        harm(&seed);
        if (next_random(&seed) % 4 == 0)
            usleep(next_random(&seed) % 300);
    }
}

/* Only what is given out as checked bytes is compared: a mapping shows what is
 * written later. */
static void test_hostile(void)
{
    uint32_t hits = 0, found = 0, seed = 7;
    struct timespec start, now;
    pid_t pid = fork();
    check(pid >= 0);
    if (pid == 0) {
        do_harm(99);
        _exit(0);
    }
    sl_disk *disk = open_cache(0);
    clock_gettime(CLOCK_MONOTONIC, &start);
    do {
        uint32_t i = next_random(&seed) % CHUNKS;
        int fd;
        uint8_t digest[SL_DISK_DIGEST];
        if (!get(disk, i))
            (void)sl_disk_put(disk, chunks[i].digest, chunks[i].bytes,
                              chunks[i].len, NULL);
        hits += get(disk, i);
        if (sl_disk_open_entry(disk, chunks[i].digest, chunks[i].len, &fd,
                               NULL))
            close(fd);
        note(disk, i);
        found += sl_disk_find(disk, &url, i, digest, NULL);
        if (next_random(&seed) % 64 == 0)
            (void)sl_disk_verify(disk, NULL, NULL, NULL, NULL);
        clock_gettime(CLOCK_MONOTONIC, &now);
    } while (now.tv_sec - start.tv_sec < 3);
    kill(pid, SIGKILL);
    check(was_killed(pid));
    sl_disk_stats stats = sl_disk_stats_of(disk);
    printf("%u hits, %u found, %llu poisoned, %llu stored\n", hits, found,
           (unsigned long long)stats.poisoned,
           (unsigned long long)stats.stored);
    check(hits > 100 && found > 100);
    check(stats.poisoned > 20 && stats.stored > 100);
    sl_disk_unref(disk);
    /* He has stopped: all is well again. */
    disk = open_cache(0);
    check(put(disk, 0));
    check_sound(disk, false);
    for (uint32_t i = 0; i < CHUNKS; i++)
        check(get(disk, i) || put(disk, i));
    check_sound(disk, true);
    sl_disk_unref(disk);
}

/* --- A full disk
 * -------------------------------------------------------------- */

static bool write_text(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY);
    bool written = fd >= 0 && write(fd, text, strlen(text)) > 0;
    if (fd >= 0)
        close(fd);
    return written;
}

/* A disk of 1 MiB in a world of its own; it goes with the process. */
static bool mount_small_disk(void)
{
    char map_text[64];
    snprintf(map_text, sizeof map_text, "0 %u 1", (unsigned)geteuid());
    if (unshare(CLONE_NEWNS) != 0 &&
        (unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0 ||
         !write_text("/proc/self/uid_map", map_text)))
        return false;
    return mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
           mount("none", dir, "tmpfs", 0, "size=1m,mode=700") == 0;
}

static void test_full(void)
{
    enum { SIZE = 60000, N = 40 };
    static uint8_t bytes[N][SIZE];
    uint8_t digest[N][SL_DISK_DIGEST], back[SIZE];
    bool stored[N];
    uint32_t n_stored = 0;
    sl_err err = {0};
    if (!mount_small_disk()) {
        printf("skipped: no disk can be mounted here: %s\n", strerror(errno));
        shell("rm -rf %s", dir);
        exit(77);
    }
    sl_disk *disk = sl_disk_open(cache, 0, 0, NULL);
    for (uint32_t i = 0; i < N; i++) {
        for (size_t k = 0; k < SIZE; k++)
            bytes[i][k] = byte_at(k + (uint64_t)i * 1000003);
        check(sl_disk_digest(bytes[i], SIZE, digest[i]));
        stored[i] = sl_disk_put(disk, digest[i], bytes[i], SIZE, &err);
        n_stored += stored[i];
    }
    check(err.code == SL_OK);
    check(n_stored >= 10 && n_stored <= 17);
    check(sl_disk_stats_of(disk).not_stored == N - n_stored);
    for (uint32_t i = 0; i < N; i++) {
        bool hit = sl_disk_get(disk, digest[i], back, SIZE, &err);
        check(hit == stored[i]);
        check(!hit || memcmp(back, bytes[i], SIZE) == 0);
    }
    check(!sl_disk_note(disk, &(sl_disk_url){"u", "\"1\"", 1 << 30, 12}, 99,
                        digest[0], &err));
    check(files_in_tmp() == 0);
    check(sl_disk_clear(disk, NULL, NULL) == SL_OK);
    sl_disk_unref(disk);
    /* There is room again. */
    disk = sl_disk_open(cache, 0, 0, NULL);
    check(sl_disk_put(disk, digest[N - 1], bytes[N - 1], SIZE, &err));
    sl_disk_unref(disk);
    /* Read-only: what is there is there, nothing is said. */
    check(mount(NULL, dir, NULL, MS_REMOUNT | MS_RDONLY, NULL) == 0);
    disk = sl_disk_open(cache, 0, 0, NULL);
    check(sl_disk_get(disk, digest[N - 1], back, SIZE, &err));
    check(!sl_disk_put(disk, digest[0], bytes[0], SIZE, &err));
    check(!sl_disk_get(disk, digest[0], back, SIZE, &err));
    check(sl_disk_verify(disk, NULL, NULL, NULL, NULL) == SL_OK);
    check(err.code == SL_OK);
    check(sl_disk_stats_of(disk).not_stored == 1);
    sl_disk_unref(disk);
    check(umount2(dir, MNT_DETACH) == 0);
}

/* For tests of the command. */
static int fill(const char *name)
{
    make_chunks();
    sl_disk *disk = sl_disk_open(name, 0, 0, NULL);
    check(disk != NULL);
    for (uint32_t i = 1; i <= 3; i++) {
        check(put(disk, i));
        note(disk, i);
    }
    sl_disk_unref(disk);
    return 0;
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        void (*run)(void);
    } tests[] = {
        {"crash", test_crash},         {"faults", test_faults},
        {"processes", test_processes}, {"hostile", test_hostile},
        {"full", test_full},
    };
    if (argc == 3 && strcmp(argv[1], "fill") == 0)
        return fill(argv[2]);
    for (size_t i = 0; i < sizeof tests / sizeof *tests; i++) {
        if (argc != 2 || strcmp(argv[1], tests[i].name) != 0)
            continue;
        alarm(120);
        make_dir();
        make_chunks();
        tests[i].run();
        shell("rm -rf %s", dir);
        return 0;
    }
    fprintf(stderr, "usage: cache_test crash|faults|processes|hostile|full\n");
    return 64;
}
