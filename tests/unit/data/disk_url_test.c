/* The cache on disk: what it remembers of URLs, and list, verify and clear. */
#include "check.h"

#include <errno.h>
#include <sys/mman.h>

#include "disk_fixture.h"

enum { LEN = 5000 };

#define URL(size)                                                              \
    {                                                                          \
        "https://example.org/a?b=c", "\"v1\"", (size), 12                      \
    }

/* The digest that is noted for chunk number `n`. */
static void made_up(uint64_t n, uint8_t digest[SL_DISK_DIGEST])
{
    memset(digest, 0, SL_DISK_DIGEST);
    sl_disk_set_le64(digest, n * 0x9e3779b97f4a7c15 + 1);
}

static bool note(disk_fixture *f, const sl_disk_url *url, uint64_t n)
{
    uint8_t digest[SL_DISK_DIGEST];
    sl_err err = {0};
    made_up(n, digest);
    bool noted = sl_disk_note(f->disk, url, n, digest, &err);
    assert_int_equal(err.code, SL_OK);
    return noted;
}

/* Whether it is known; if so, it has to be right. */
static bool find(disk_fixture *f, const sl_disk_url *url, uint64_t n)
{
    uint8_t digest[SL_DISK_DIGEST], want[SL_DISK_DIGEST];
    sl_err err = {0};
    bool found = sl_disk_find(f->disk, url, n, digest, &err);
    assert_int_equal(err.code, SL_OK);
    made_up(n, want);
    if (found)
        assert_memory_equal(digest, want, sizeof want);
    return found;
}

/* The file of the only table. */
static void table_path(disk_fixture *f, char path[256])
{
    char command[160];
    snprintf(command, sizeof command, "find %s -name '*.url'", f->cache);
    FILE *out = popen(command, "r");
    assert_non_null(out);
    assert_non_null(fgets(path, 256, out));
    path[strcspn(path, "\n")] = '\0';
    assert_int_equal(fgetc(out), EOF); /* one only */
    pclose(out);
}

static void test_disk_url__remembers_what_was_noted(void **state)
{
    (void)state;
    disk_fixture f;
    sl_disk_url url = URL((uint64_t)100000 << 12);
    static const uint64_t slots[] = {0, 1, 2, 99, 100, 4711, 99998, 99999};
    make_cache(&f, 0);
    for (size_t i = 0; i < sizeof slots / sizeof *slots; i++) {
        assert_false(find(&f, &url, slots[i]));
        assert_true(note(&f, &url, slots[i]));
        assert_true(find(&f, &url, slots[i]));
    }
    open_cache(&f, 0);
    for (size_t i = 0; i < sizeof slots / sizeof *slots; i++)
        assert_true(find(&f, &url, slots[i]));
    /* Between them: never written. */
    assert_false(find(&f, &url, 3));
    assert_false(find(&f, &url, 50000));
    remove_cache(&f);
}

static void test_disk_url__the_last_note_counts(void **state)
{
    (void)state;
    disk_fixture f;
    sl_disk_url url = URL(LEN);
    uint8_t one[SL_DISK_DIGEST] = {1}, two[SL_DISK_DIGEST] = {2}, got[32];
    make_cache(&f, 0);
    assert_true(sl_disk_note(f.disk, &url, 1, one, NULL));
    assert_true(sl_disk_note(f.disk, &url, 1, two, NULL));
    assert_true(sl_disk_find(f.disk, &url, 1, got, NULL));
    assert_memory_equal(got, two, sizeof two);
    remove_cache(&f);
}

static void test_disk_url__every_part_of_the_key_tells_apart(void **state)
{
    (void)state;
    disk_fixture f;
    const sl_disk_url url = URL(1 << 20);
    const sl_disk_url others[] = {
        {"https://example.org/a?b=d", "\"v1\"", 1 << 20, 12},
        {"https://example.org/a?b=c", "\"v2\"", 1 << 20, 12},
        {"https://example.org/a?b=c\"", "v1\"", 1 << 20, 12},
        {"https://example.org/a?b=c", "\"v1\"", (1 << 20) + 1, 12},
        {"https://example.org/a?b=c", "\"v1\"", 1 << 20, 13},
    };
    make_cache(&f, 0);
    assert_true(note(&f, &url, 0));
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        assert_false(find(&f, &others[i], 0));
    assert_true(find(&f, &url, 0));
    remove_cache(&f);
}

static void test_disk_url__what_cannot_be_remembered(void **state)
{
    static const struct {
        sl_disk_url url;
        uint64_t chunk;
    } row[] = {
        {{"u", "", 1 << 20, 12}, 0},   /* nothing to tell editions apart */
        {{"u", NULL, 1 << 20, 12}, 0}, /* the same */
        {{"u", "W/\"v1\"", 1 << 20, 12}, 0}, /* weak: not byte for byte */
        {{NULL, "e", 1 << 20, 12}, 0},
        {{"u", "e", 1 << 20, 11}, 0},
        {{"u", "e", 1 << 20, 31}, 0},
        {{"u", "e", 1 << 20, 12}, 256}, /* there are 256 */
        {{"u", "e", 1 << 20, 12}, UINT64_MAX},
        {{"u", "e", 0, 12}, 0},
        {{"u", "e", UINT64_MAX, 12}, 0}, /* too many */
    };
    (void)state;
    disk_fixture f;
    make_cache(&f, 0);
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        assert_false(note(&f, &row[i].url, row[i].chunk));
        assert_false(find(&f, &row[i].url, row[i].chunk));
    }
    sl_disk_url last = {"u", "e", (1 << 20) + 1, 12};
    assert_true(note(&f, &last, 256)); /* one byte long */
    assert_true(find(&f, &last, 256));
    remove_cache(&f);
}

static void test_disk_url__every_byte_of_a_table_counts(void **state)
{
    (void)state;
    disk_fixture f;
    const sl_disk_url url = URL(2 << 12);
    char path[256];
    make_cache(&f, 0);
    assert_true(note(&f, &url, 0));
    assert_true(note(&f, &url, 1));
    table_path(&f, path);
    for (int64_t at = 0; at < 64 + 80; at++) {
        if (at >= 56 && at < 64)
            continue; /* nothing is there */
        flip(path, at);
        /* A damaged header is the end of it, a damaged slot that of the slot.
         */
        assert_int_equal(find(&f, &url, 0), at >= 64 + 40);
        assert_int_equal(find(&f, &url, 1), at >= 64 && at < 64 + 40);
        assert_int_equal(is_file(path), at >= 64);
        assert_true(note(&f, &url, 0));
        assert_true(note(&f, &url, 1));
        assert_true(find(&f, &url, 0));
        assert_true(find(&f, &url, 1));
    }
    remove_cache(&f);
}

/* A table under the name of another, as a collision of XXH3 would make it. */
static void test_disk_url__the_name_is_not_believed(void **state)
{
    (void)state;
    disk_fixture f;
    const sl_disk_url one = URL(1 << 20),
                      two = {"https://evil.example/", "\"v1\"", 1 << 20, 12};
    char path[256], others[256];
    make_cache(&f, 0);
    assert_true(note(&f, &one, 7));
    table_path(&f, path);
    assert_int_equal(unlink(path), 0);
    assert_true(note(&f, &two, 7));
    table_path(&f, others);
    assert_int_equal(rename(others, path), 0);
    assert_false(find(&f, &one, 7));
    assert_false(is_file(path));
    assert_true(note(&f, &one, 7));
    assert_true(find(&f, &one, 7));
    remove_cache(&f);
}

static void test_disk_url__only_our_own_regular_files_are_tables(void **state)
{
    (void)state;
    disk_fixture f;
    const sl_disk_url url = URL(1 << 20);
    char path[256], other[128];
    make_cache(&f, 0);
    assert_true(note(&f, &url, 7));
    table_path(&f, path);
    snprintf(other, sizeof other, "%s/other", f.dir);
    for (int how = 0; how < 5; how++) {
        if (how < 3)
            assert_int_equal(rename(path, other), 0);
        if (how == 0)
            assert_int_equal(symlink(other, path), 0);
        else if (how == 1)
            assert_int_equal(mkfifo(path, 0600), 0);
        else if (how == 2)
            assert_int_equal(mkdir(path, 0700), 0);
        else if (how == 3)
            assert_int_equal(chmod(path, 0606), 0);
        else
            assert_int_equal(truncate(path, 64 + 40 * 300), 0);
        assert_false(find(&f, &url, 7));
        assert_false(is_file(path));
        assert_true(note(&f, &url, 7));
        assert_true(find(&f, &url, 7));
    }
    remove_cache(&f);
}

/* Tables are files like others: they count, and go when they are old. */
static void test_disk_url__tables_are_within_the_limit(void **state)
{
    (void)state;
    disk_fixture f;
    char path[256];
    sl_disk_report report;
    make_cache(&f, 16 * 4096);
    for (uint32_t i = 0; i < 60; i++) {
        char name[32];
        snprintf(name, sizeof name, "https://example.org/%u", i);
        sl_disk_url url = {name, "\"v1\"", 1 << 20, 12};
        assert_true(note(&f, &url, 9));
        assert_true(find(&f, &url, 9));
        assert_int_equal(sl_disk_list(f.disk, NULL, NULL, &report, NULL),
                         SL_OK);
        assert_true(report.urls <= 16);
    }
    assert_int_equal(sl_disk_clear(f.disk, &report, NULL), SL_OK);
    assert_true(report.urls > 12);
    const sl_disk_url old = URL(1 << 20);
    assert_true(note(&f, &old, 3));
    table_path(&f, path);
    set_age(path, 5000);
    for (uint32_t i = 0; i < 30; i++)
        assert_true(put_chunk(&f, i, 4000));
    assert_false(find(&f, &old, 3));
    remove_cache(&f);
}

/* --- Looking after it ----------------------------------------------------- */

typedef struct listing {
    uint32_t n;
    sl_disk_entry v[100];
} listing;

static void collect(void *arg, const sl_disk_entry *entry)
{
    listing *list = arg;
    assert_true(list->n < 100);
    list->v[list->n++] = *entry;
}

static void test_disk_list__in_order_with_lengths(void **state)
{
    (void)state;
    disk_fixture f;
    const sl_disk_url url = URL(1 << 20);
    listing list = {0};
    sl_disk_report report;
    uint64_t bytes = 0;
    char path[256];
    make_cache(&f, 0);
    for (uint32_t i = 0; i < 50; i++) {
        assert_true(put_chunk(&f, i, i * 37));
        chunk_path(&f, i, i * 37, path);
        set_age(path, 1000 + i);
        bytes += i * 37;
    }
    assert_true(note(&f, &url, 0));
    int64_t now = sl_disk_now();
    assert_int_equal(sl_disk_list(f.disk, collect, &list, &report, NULL),
                     SL_OK);
    assert_int_equal(list.n, 50);
    assert_int_equal(report.chunks, 50);
    assert_int_equal(report.bytes, bytes);
    assert_int_equal(report.urls, 1);
    assert_int_equal(report.bad, 0);
    for (uint32_t i = 0; i < 50; i++) {
        uint8_t digest[SL_DISK_DIGEST];
        assert_int_equal(list.v[i].len % 37, 0);
        uint32_t n = (uint32_t)(list.v[i].len / 37);
        digest_of(n, n * 37, digest);
        assert_memory_equal(digest, list.v[i].digest, sizeof digest);
        assert_true(llabs(now - list.v[i].last_used - 1000 - n) <= 5);
        if (i != 0)
            assert_true(memcmp(list.v[i - 1].digest, digest, 32) < 0);
    }
    remove_cache(&f);
}

static void test_disk_verify__deletes_what_is_bad(void **state)
{
    (void)state;
    disk_fixture f;
    const sl_disk_url url = URL(1 << 20), also = {"u", "e", 1 << 20, 12};
    listing list = {0};
    sl_disk_report report;
    char path[256], foreign[300];
    make_cache(&f, 0);
    for (uint32_t i = 0; i < 20; i++)
        assert_true(put_chunk(&f, i, LEN));
    assert_true(note(&f, &url, 5));
    table_path(&f, path);
    assert_true(note(&f, &also, 5));
    flip(path, 3);
    for (uint32_t i = 0; i < 6; i++) {
        chunk_path(&f, i, LEN, path);
        if (i < 2)
            flip(path, i == 0 ? 1234 : -9);
        else if (i == 2)
            assert_int_equal(truncate(path, 100), 0);
        else if (i == 3)
            assert_int_equal(truncate(path, 0), 0);
        else if (i == 4)
            assert_int_equal(chmod(path, 0640), 0);
        else /* only where XXH3 in the trailer is: the content is right */
            flip(path, -16);
    }
    /* A stranger's file is not looked at, and stays. */
    snprintf(foreign, sizeof foreign, "%.*s/notes.txt",
             (int)(strrchr(path, '/') - path), path);
    int fd = open(foreign, O_CREAT | O_WRONLY, 0644);
    close(fd);
    assert_int_equal(sl_disk_verify(f.disk, collect, &list, &report, NULL),
                     SL_OK);
    assert_int_equal(report.bad, 7);
    assert_int_equal(report.chunks, 14);
    assert_int_equal(report.bytes, 14 * LEN);
    assert_int_equal(report.urls, 1);
    assert_int_equal(list.n, 6);
    for (uint32_t i = 0; i < 20; i++) {
        chunk_path(&f, i, LEN, path);
        assert_int_equal(is_file(path), i >= 6);
    }
    assert_int_equal(sl_disk_verify(f.disk, NULL, NULL, &report, NULL), SL_OK);
    assert_int_equal(report.bad, 0);
    assert_int_equal(sl_disk_clear(f.disk, &report, NULL), SL_OK);
    assert_int_equal(report.chunks, 14);
    assert_true(is_file(foreign));
    remove_cache(&f);
}

/* As if the writer had been killed in the middle of it. */
static void test_disk_verify__a_torn_slot_is_unknown_not_bad(void **state)
{
    (void)state;
    disk_fixture f;
    const sl_disk_url url = URL(1 << 20);
    sl_disk_report report;
    char path[256];
    make_cache(&f, 0);
    assert_true(note(&f, &url, 4));
    assert_true(note(&f, &url, 5));
    table_path(&f, path);
    assert_int_equal(truncate(path, 64 + 40 * 5 + 17), 0);
    assert_int_equal(sl_disk_verify(f.disk, NULL, NULL, &report, NULL), SL_OK);
    assert_int_equal(report.bad, 0);
    assert_int_equal(report.urls, 1);
    assert_true(find(&f, &url, 4));
    assert_false(find(&f, &url, 5));
    assert_true(note(&f, &url, 5));
    assert_true(find(&f, &url, 5));
    remove_cache(&f);
}

static void test_disk_clear__leaves_nothing_of_ours(void **state)
{
    (void)state;
    disk_fixture f;
    const sl_disk_url url = URL(1 << 20);
    sl_disk_report report;
    make_cache(&f, 1 << 20);
    for (uint32_t i = 0; i < 20; i++)
        assert_true(put_chunk(&f, i, LEN));
    assert_true(note(&f, &url, 5));
    assert_int_equal(sl_disk_clear(f.disk, &report, NULL), SL_OK);
    assert_int_equal(report.chunks, 20);
    assert_int_equal(report.bytes, 20 * LEN);
    assert_int_equal(report.urls, 1);
    assert_int_equal(sl_disk_list(f.disk, NULL, NULL, &report, NULL), SL_OK);
    assert_int_equal(report.chunks + report.urls, 0);
    char command[256];
    snprintf(command, sizeof command,
             "test $(find %s -type f | wc -l) = 1 && test -f %s/v1/sizes",
             f.cache, f.cache);
    assert_int_equal(system(command), 0);
    /* The room is free again. */
    for (uint32_t i = 0; i < 15; i++)
        assert_true(put_chunk(&f, i, 65000));
    assert_int_equal(sl_disk_stats_of(f.disk).evicted, 0);
    remove_cache(&f);
}

/* Bytes that change without a trace, as on a failing disk: written through a
 * mapping that was made before, which changes no time. */
static void test_disk__rot_in_what_was_seen_is_found(void **state)
{
    (void)state;
    disk_fixture f;
    char path[256];
    make_cache(&f, 0);
    assert_true(put_chunk(&f, 1, LEN));
    chunk_path(&f, 1, LEN, path);
    int fd = open(path, O_RDWR);
    uint8_t *bytes = mmap(NULL, LEN, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    assert_true(bytes != MAP_FAILED);
    bytes[99] ^= 1; /* the page is written to from now on */
    bytes[99] ^= 1;
    usleep(150000);
    assert_true(opens_chunk(&f, 1, LEN));
    assert_true(opens_chunk(&f, 1, LEN));
    assert_int_equal(sl_disk_stats_of(f.disk).rechecked, 1);
    bytes[99] ^= 1;
    assert_false(opens_chunk(&f, 1, LEN));
    assert_false(is_file(path));
    assert_int_equal(sl_disk_stats_of(f.disk).poisoned, 1);
    munmap(bytes, LEN);
    close(fd);
    remove_cache(&f);
}

const struct CMUnitTest disk_url_tests[] = {
    cmocka_unit_test(test_disk_url__remembers_what_was_noted),
    cmocka_unit_test(test_disk_url__the_last_note_counts),
    cmocka_unit_test(test_disk_url__every_part_of_the_key_tells_apart),
    cmocka_unit_test(test_disk_url__what_cannot_be_remembered),
    cmocka_unit_test(test_disk_url__every_byte_of_a_table_counts),
    cmocka_unit_test(test_disk_url__the_name_is_not_believed),
    cmocka_unit_test(test_disk_url__only_our_own_regular_files_are_tables),
    cmocka_unit_test(test_disk_url__tables_are_within_the_limit),
    cmocka_unit_test(test_disk_list__in_order_with_lengths),
    cmocka_unit_test(test_disk_verify__deletes_what_is_bad),
    cmocka_unit_test(test_disk_verify__a_torn_slot_is_unknown_not_bad),
    cmocka_unit_test(test_disk_clear__leaves_nothing_of_ours),
    cmocka_unit_test(test_disk__rot_in_what_was_seen_is_found),
};
const size_t n_disk_url_tests = sizeof disk_url_tests / sizeof *disk_url_tests;
