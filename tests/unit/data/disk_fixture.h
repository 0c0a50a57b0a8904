/* A cache in a folder of its own, and what one may do to its files. */
#ifndef SL_TESTS_DISK_FIXTURE_H
#define SL_TESTS_DISK_FIXTURE_H

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bytes.h"
#include "data/disk.h"
#include "data/disk_int.h"

typedef struct disk_fixture {
    char dir[64]; /* the cache is its folder "cache" */
    char cache[80];
    sl_disk *disk;
} disk_fixture;

static inline void open_cache(disk_fixture *f, uint64_t limit)
{
    sl_disk_unref(f->disk);
    f->disk = sl_disk_open(f->cache, limit, 0, NULL);
    assert_non_null(f->disk);
}

static inline void make_cache(disk_fixture *f, uint64_t limit)
{
    memset(f, 0, sizeof *f);
    /* In memory if possible: no test is about the disk itself. */
    strcpy(f->dir, access("/dev/shm", W_OK) == 0 ? "/dev/shm/sluice-disk-XXXXXX"
                                                 : "/tmp/sluice-disk-XXXXXX");
    assert_non_null(mkdtemp(f->dir));
    snprintf(f->cache, sizeof f->cache, "%s/cache", f->dir);
    open_cache(f, limit);
}

static inline void run_shell(const char *fmt, const char *dir)
{
    char command[256];
    snprintf(command, sizeof command, fmt, dir);
    assert_int_equal(system(command), 0);
}

static inline void remove_cache(disk_fixture *f)
{
    sl_disk_unref(f->disk);
    run_shell("rm -rf %s", f->dir);
}

/* Content number `n`. */
static inline void fill_chunk(uint8_t *to, size_t len, uint32_t n)
{
    for (size_t i = 0; i < len; i++)
        to[i] = byte_at(i + (uint64_t)n * 1000003);
}

static inline void digest_of(uint32_t n, size_t len, uint8_t *digest)
{
    uint8_t *bytes = calloc(len + 1, 1);
    fill_chunk(bytes, len, n);
    assert_true(sl_disk_digest(bytes, len, digest));
    free(bytes);
}

static inline bool put_chunk(disk_fixture *f, uint32_t n, size_t len)
{
    uint8_t *bytes = calloc(len + 1, 1), digest[SL_DISK_DIGEST];
    sl_err err = {0};
    fill_chunk(bytes, len, n);
    assert_true(sl_disk_digest(bytes, len, digest));
    bool put = sl_disk_put(f->disk, digest, bytes, len, &err);
    assert_int_equal(err.code, SL_OK);
    free(bytes);
    return put;
}

/* Whether it is there; if it is, it has to be right. */
static inline bool has_chunk(disk_fixture *f, uint32_t n, size_t len)
{
    uint8_t *bytes = calloc(len + 1, 1), *want = calloc(len + 1, 1);
    uint8_t digest[SL_DISK_DIGEST];
    sl_err err = {0};
    digest_of(n, len, digest);
    memset(bytes, 0xaa, len + 1);
    fill_chunk(want, len, n);
    bool hit = sl_disk_get(f->disk, digest, bytes, len, &err);
    assert_int_equal(err.code, SL_OK);
    assert_int_equal(bytes[len], 0xaa);
    if (hit)
        assert_memory_equal(bytes, want, len);
    free(bytes);
    free(want);
    return hit;
}

/* Whether it can be opened for mapping; if so, the file has to be right. */
static inline bool opens_chunk(disk_fixture *f, uint32_t n, size_t len)
{
    uint8_t digest[SL_DISK_DIGEST];
    int fd;
    digest_of(n, len, digest);
    if (!sl_disk_open_entry(f->disk, digest, len, &fd, NULL))
        return false;
    uint8_t *bytes = calloc(len + 1, 1), *want = calloc(len + 1, 1);
    fill_chunk(want, len, n);
    assert_int_equal(pread(fd, bytes, len, 0), len);
    assert_memory_equal(bytes, want, len);
    assert_int_equal(fcntl(fd, F_GETFL) & O_ACCMODE, O_RDONLY);
    assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
    close(fd);
    free(bytes);
    free(want);
    return true;
}

static inline void chunk_path(disk_fixture *f, uint32_t n, size_t len,
                              char path[256])
{
    uint8_t digest[SL_DISK_DIGEST];
    char hex[SL_DISK_NAME_MAX];
    digest_of(n, len, digest);
    sl_disk_hex(hex, digest, sizeof digest);
    snprintf(path, 256, "%s/v1/%.2s/%s", f->cache, hex, hex);
}

static inline bool is_file(const char *path)
{
    struct stat st;
    return lstat(path, &st) == 0;
}

/* Flips a bit of byte `at` (counted from the end when negative). */
static inline void flip(const char *path, int64_t at)
{
    uint8_t byte;
    struct stat st;
    int fd = open(path, O_RDWR);
    assert_true(fd >= 0);
    assert_int_equal(fstat(fd, &st), 0);
    off_t place = (off_t)(at >= 0 ? at : st.st_size + at);
    assert_int_equal(pread(fd, &byte, 1, place), 1);
    byte ^= (uint8_t)(1 << (place % 8));
    assert_int_equal(pwrite(fd, &byte, 1, place), 1);
    close(fd);
}

static inline void set_age(const char *path, int64_t seconds)
{
    struct timespec when[2] = {{.tv_sec = sl_disk_now() - seconds},
                               {.tv_sec = sl_disk_now() - seconds}};
    assert_int_equal(utimensat(AT_FDCWD, path, when, AT_SYMLINK_NOFOLLOW), 0);
}

#endif
