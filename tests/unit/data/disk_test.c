/* The cache on disk: what it gives back, what it refuses, what it deletes. */
#include "check.h"

#include <errno.h>
#include <pthread.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/un.h>
#include <sys/socket.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/alloc.h"
#include "disk_fixture.h"

enum { LEN = 5000 };

/* --- Hits and misses ------------------------------------------------------ */

static void test_disk__gives_back_what_was_put(void **state)
{
    static const size_t lens[] = {0,      1,      63,     64,    65,
                                  4095,   4096,   4097,   65536, 65537,
                                  262144, 262145, 3000000};
    (void)state;
    disk_fixture f;
    make_cache(&f, 0);
    for (uint32_t i = 0; i < sizeof lens / sizeof *lens; i++) {
        assert_false(has_chunk(&f, i, lens[i]));
        assert_true(put_chunk(&f, i, lens[i]));
        assert_true(has_chunk(&f, i, lens[i]));
        assert_true(opens_chunk(&f, i, lens[i]));
    }
    open_cache(&f, 0);
    for (uint32_t i = 0; i < sizeof lens / sizeof *lens; i++)
        assert_true(has_chunk(&f, i, lens[i]));
    remove_cache(&f);
}

static void test_disk__counts_what_it_does(void **state)
{
    (void)state;
    disk_fixture f;
    make_cache(&f, 0);
    assert_false(has_chunk(&f, 1, LEN));
    assert_true(put_chunk(&f, 1, LEN));
    assert_true(put_chunk(&f, 1, LEN));
    assert_true(has_chunk(&f, 1, LEN));
    sl_disk_stats s = sl_disk_stats_of(f.disk);
    assert_int_equal(s.misses, 1);
    assert_int_equal(s.hits, 1);
    assert_int_equal(s.stored, 1);
    assert_int_equal(s.present, 1);
    assert_int_equal(s.bytes_read, LEN);
    assert_int_equal(s.bytes_stored, LEN);
    assert_int_equal(s.poisoned + s.evicted + s.not_stored + s.swept, 0);
    remove_cache(&f);
}

static void test_disk__no_file_before_the_first_put(void **state)
{
    (void)state;
    disk_fixture f;
    make_cache(&f, 0);
    sl_disk_report report;
    assert_false(has_chunk(&f, 1, LEN));
    assert_int_equal(sl_disk_list(f.disk, NULL, NULL, &report, NULL), SL_OK);
    assert_int_equal(sl_disk_verify(f.disk, NULL, NULL, &report, NULL), SL_OK);
    assert_int_equal(sl_disk_clear(f.disk, &report, NULL), SL_OK);
    assert_false(is_file(f.cache));
    assert_true(put_chunk(&f, 1, LEN));
    assert_true(has_chunk(&f, 1, LEN));
    remove_cache(&f);
}

static void test_disk__refuses_content_with_another_digest(void **state)
{
    (void)state;
    disk_fixture f;
    uint8_t digest[SL_DISK_DIGEST], bytes[LEN];
    make_cache(&f, 0);
    fill_chunk(bytes, LEN, 1);
    digest_of(2, LEN, digest);
    sl_err err = {0};
    assert_false(sl_disk_put(f.disk, digest, bytes, LEN, &err));
    assert_int_equal(err.code, SL_EUSAGE);
    assert_false(has_chunk(&f, 1, LEN));
    assert_false(has_chunk(&f, 2, LEN));
    /* Without a claim it is stored as what it is. */
    assert_true(sl_disk_put(f.disk, NULL, bytes, LEN, NULL));
    assert_true(has_chunk(&f, 1, LEN));
    remove_cache(&f);
}

static void test_disk__files_are_private_whatever_the_umask(void **state)
{
    static const mode_t masks[] = {0, 022, 077, 0177};
    (void)state;
    for (size_t i = 0; i < sizeof masks / sizeof *masks; i++) {
        disk_fixture f;
        struct stat st;
        char path[256];
        make_cache(&f, 0);
        mode_t old = umask(masks[i]);
        bool put = put_chunk(&f, 1, LEN);
        umask(old);
        chunk_path(&f, 1, LEN, path);
        if (masks[i] != 0177) { /* nobody can make a directory of that */
            assert_true(put);
            assert_int_equal(stat(f.cache, &st), 0);
            assert_int_equal(st.st_mode & 07777, 0700);
            assert_int_equal(stat(path, &st), 0);
            assert_int_equal(st.st_mode & 07777, 0600);
            assert_true(has_chunk(&f, 1, LEN));
        }
        remove_cache(&f);
    }
}

static void test_disk__without_one_everything_misses(void **state)
{
    (void)state;
    uint8_t digest[SL_DISK_DIGEST], bytes[8] = {0};
    int fd;
    sl_disk_url url = {"http://h/x", "\"1\"", 8, 12};
    sl_err err = {0};
    assert_true(sl_disk_digest(bytes, 8, digest));
    assert_false(sl_disk_get(NULL, digest, bytes, 8, &err));
    assert_false(sl_disk_put(NULL, digest, bytes, 8, &err));
    assert_false(sl_disk_open_entry(NULL, digest, 8, &fd, &err));
    assert_false(sl_disk_find(NULL, &url, 0, digest, &err));
    assert_false(sl_disk_note(NULL, &url, 0, digest, &err));
    assert_int_equal(sl_disk_list(NULL, NULL, NULL, NULL, &err), SL_OK);
    assert_int_equal(sl_disk_clear(NULL, NULL, &err), SL_OK);
    assert_int_equal(sl_disk_stats_of(NULL).misses, 0);
    assert_int_equal(err.code, SL_OK);
    sl_disk_unref(NULL);
}

/* --- Where it is ------------------------------------------------------------
 */

static void check_default(const char *xdg, const char *home, const char *want)
{
    xdg != NULL ? setenv("XDG_CACHE_HOME", xdg, 1) : unsetenv("XDG_CACHE_HOME");
    home != NULL ? setenv("HOME", home, 1) : unsetenv("HOME");
    sl_disk *disk = sl_disk_open(NULL, 0, 0, NULL);
    assert_string_equal(sl_disk_dir(disk), want);
    sl_disk_unref(disk);
}

static void test_disk__default_directory(void **state)
{
    (void)state;
    char *xdg = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
    xdg = xdg != NULL ? strdup(xdg) : NULL;
    home = home != NULL ? strdup(home) : NULL;
    check_default("/x/c", "/h", "/x/c/sluice");
    check_default(NULL, "/h", "/h/.cache/sluice");
    check_default("relative", "/h", "/h/.cache/sluice");
    check_default("", "/h", "/h/.cache/sluice");
    check_default(NULL, "relative", "");
    check_default(NULL, NULL, "");
    uint8_t byte = 0;
    sl_err err = {0};
    sl_disk *disk = sl_disk_open(NULL, 0, 0, NULL);
    assert_false(sl_disk_put(disk, NULL, &byte, 1, &err));
    assert_int_equal(err.code, SL_EIO);
    assert_non_null(strstr(err.msg, "XDG_CACHE_HOME"));
    sl_disk_unref(disk);
    if (xdg != NULL)
        setenv("XDG_CACHE_HOME", xdg, 1);
    if (home != NULL)
        setenv("HOME", home, 1);
    free(xdg);
    free(home);
}

/* Said once, a miss from then on, and nothing is touched. */
static void check_unusable(disk_fixture *f, const char *words)
{
    uint8_t bytes[LEN], digest[SL_DISK_DIGEST];
    sl_err first = {0}, second = {0};
    sl_disk_report report;
    open_cache(f, 0);
    digest_of(1, LEN, digest);
    fill_chunk(bytes, LEN, 1);
    assert_false(sl_disk_put(f->disk, digest, bytes, LEN, &first));
    assert_int_equal(first.code, SL_EIO);
    if (strstr(first.msg, words) == NULL)
        fail_msg("no \"%s\" in: %s", words, first.msg);
    assert_false(sl_disk_put(f->disk, digest, bytes, LEN, &second));
    assert_false(sl_disk_get(f->disk, digest, bytes, LEN, &second));
    assert_int_equal(second.code, SL_OK);
    assert_int_equal(sl_disk_list(f->disk, NULL, NULL, &report, &second),
                     SL_EIO);
    assert_non_null(strstr(second.msg, words));
}

static void test_disk__does_not_use_a_directory_of_others(void **state)
{
    (void)state;
    disk_fixture f;
    make_cache(&f, 0);
    assert_int_equal(mkdir(f.cache, 0700), 0);
    static const mode_t open_modes[] = {0755, 0777, 01777, 0710, 0701, 0702};
    for (size_t i = 0; i < sizeof open_modes / sizeof *open_modes; i++) {
        assert_int_equal(chmod(f.cache, open_modes[i]), 0);
        check_unusable(&f, "not this user's alone");
        assert_int_equal(rmdir(f.cache), 0); /* still empty */
        assert_int_equal(mkdir(f.cache, 0700), 0);
    }
    if (geteuid() == 0) {
        assert_int_equal(chown(f.cache, 12345, 12345), 0);
        check_unusable(&f, "not this user's alone");
    }
    remove_cache(&f);
}

static void test_disk__does_not_follow_a_link_to_a_directory(void **state)
{
    (void)state;
    disk_fixture f;
    char other[80], slash[90];
    make_cache(&f, 0);
    snprintf(other, sizeof other, "%s/other", f.dir);
    assert_int_equal(mkdir(other, 0700), 0);
    assert_int_equal(symlink(other, f.cache), 0);
    check_unusable(&f, "link");
    /* Nor with a slash behind it, which would make the system follow it. */
    snprintf(slash, sizeof slash, "%s//", f.cache);
    sl_disk_unref(f.disk);
    f.disk = sl_disk_open(slash, 0, 0, NULL);
    uint8_t byte = 0;
    assert_false(sl_disk_put(f.disk, NULL, &byte, 1, NULL));
    assert_int_equal(rmdir(other), 0); /* nothing went there */
    remove_cache(&f);
}

static void test_disk__does_not_use_a_file_as_directory(void **state)
{
    (void)state;
    disk_fixture f;
    make_cache(&f, 0);
    int fd = open(f.cache, O_CREAT | O_WRONLY, 0600);
    assert_true(fd >= 0);
    close(fd);
    check_unusable(&f, "not a directory");
    remove_cache(&f);
}

/* Folders inside: a link in place of one is replaced, never followed. */
static void test_disk__replaces_links_in_place_of_folders(void **state)
{
    (void)state;
    disk_fixture f;
    char path[256], other[80], link_path[300];
    make_cache(&f, 0);
    assert_true(put_chunk(&f, 1, LEN));
    chunk_path(&f, 1, LEN, path);
    snprintf(other, sizeof other, "%s/other", f.dir);
    *strrchr(path, '/') = '\0';
    assert_int_equal(rename(path, other), 0); /* with the entry in it */
    assert_int_equal(symlink(other, path), 0);
    assert_false(has_chunk(&f, 1, LEN));
    assert_false(opens_chunk(&f, 1, LEN));
    assert_true(put_chunk(&f, 1, LEN));
    assert_true(has_chunk(&f, 1, LEN));
    struct stat st;
    assert_int_equal(lstat(path, &st), 0);
    assert_true(S_ISDIR(st.st_mode));
    snprintf(link_path, sizeof link_path, "%s/v1/tmp", f.cache);
    assert_int_equal(rmdir(link_path), 0);
    assert_int_equal(symlink(other, link_path), 0);
    assert_true(put_chunk(&f, 2, LEN));
    assert_true(has_chunk(&f, 2, LEN));
    assert_int_equal(lstat(link_path, &st), 0);
    assert_true(S_ISDIR(st.st_mode));
    remove_cache(&f);
}

/* --- Bad entries
 * -------------------------------------------------------------- */

typedef bool look_fn(disk_fixture *f, uint32_t n, size_t len);

/* Chunk 1 was tampered with: a miss, gone, and it can be stored again. */
static void check_poisoned(disk_fixture *f, size_t len, look_fn *looks)
{
    char path[256];
    uint64_t before = sl_disk_stats_of(f->disk).poisoned;
    chunk_path(f, 1, len, path);
    assert_true(is_file(path));
    assert_false(looks(f, 1, len));
    assert_false(is_file(path));
    assert_int_equal(sl_disk_stats_of(f->disk).poisoned, before + 1);
    assert_true(put_chunk(f, 1, len));
    assert_true(looks(f, 1, len));
}

static void test_disk__every_byte_of_an_entry_counts(void **state)
{
    (void)state;
    static look_fn *const looks[] = {has_chunk, opens_chunk};
    disk_fixture f;
    char path[256];
    enum { SMALL = 300 };
    make_cache(&f, 0);
    assert_true(put_chunk(&f, 1, SMALL));
    chunk_path(&f, 1, SMALL, path);
    for (int how = 0; how < 2; how++)
        for (int at = 0; at < SMALL + SL_DISK_TRAILER;
             at += at < SMALL ? 7 : 1) {
            flip(path, at);
            check_poisoned(&f, SMALL, looks[how]);
        }
    remove_cache(&f);
}

static void test_disk__every_wrong_length_of_the_file_is_seen(void **state)
{
    static const int lens[] = {0,   1,   63,  64,  65,  128, 235, 236,
                               299, 300, 301, 363, 365, 428, 4096};
    (void)state;
    static look_fn *const looks[] = {has_chunk, opens_chunk};
    disk_fixture f;
    char path[256];
    make_cache(&f, 0);
    assert_true(put_chunk(&f, 1, 300));
    chunk_path(&f, 1, 300, path);
    for (int how = 0; how < 2; how++)
        for (size_t i = 0; i < sizeof lens / sizeof *lens; i++) {
            assert_int_equal(truncate(path, lens[i]), 0);
            check_poisoned(&f, 300, looks[how]);
        }
    remove_cache(&f);
}

/* An entry that is sound, but under the name of another. */
static void test_disk__the_name_is_not_believed(void **state)
{
    (void)state;
    disk_fixture f;
    char one[256], two[256];
    make_cache(&f, 0);
    chunk_path(&f, 1, LEN, one);
    chunk_path(&f, 2, LEN, two);
    assert_true(put_chunk(&f, 1, LEN));
    assert_true(put_chunk(&f, 2, LEN));
    assert_int_equal(rename(two, one), 0);
    check_poisoned(&f, LEN, has_chunk);
    assert_false(has_chunk(&f, 2, LEN));
    remove_cache(&f);
}

/* A trailer that fits other content: SHA-256 decides, not what a file says. */
static void test_disk__the_trailer_is_not_believed(void **state)
{
    (void)state;
    static look_fn *const looks[] = {has_chunk, opens_chunk};
    disk_fixture f;
    char one[256];
    uint8_t bytes[LEN];
    make_cache(&f, 0);
    assert_true(put_chunk(&f, 1, LEN));
    chunk_path(&f, 1, LEN, one);
    fill_chunk(bytes, LEN, 2);
    for (int how = 0; how < 2; how++) {
        int fd = open(one, O_WRONLY);
        assert_int_equal(pwrite(fd, bytes, LEN, 0), LEN);
        close(fd);
        check_poisoned(&f, LEN, looks[how]);
    }
    remove_cache(&f);
}

/* A file in which everything agrees, but for what the content is: `bytes` and a
 * trailer that names chunk 1, with or without the right XXH3. */
static void forge(const char *path, const uint8_t *bytes, bool right_xxh)
{
    uint8_t t[SL_DISK_TRAILER] = "sluice\0\1";
    sl_disk_set_le64(t + 8, LEN);
    digest_of(1, LEN, t + 16);
    sl_disk_set_le64(t + 48, XXH3_64bits(bytes, LEN) + !right_xxh);
    sl_disk_set_le64(t + 56, XXH3_64bits(t, 56));
    int fd = open(path, O_WRONLY | O_TRUNC);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes, LEN), LEN);
    assert_int_equal(write(fd, t, sizeof t), sizeof t);
    close(fd);
}

static void test_disk__a_forged_trailer_is_not_believed(void **state)
{
    (void)state;
    static look_fn *const looks[] = {has_chunk, opens_chunk};
    disk_fixture f;
    char one[256];
    uint8_t right[LEN], wrong[LEN];
    sl_disk_report report;
    make_cache(&f, 0);
    chunk_path(&f, 1, LEN, one);
    fill_chunk(right, LEN, 1);
    fill_chunk(wrong, LEN, 2);
    assert_true(put_chunk(&f, 1, LEN));
    forge(one, right, true); /* it is forged well enough to be taken */
    assert_true(has_chunk(&f, 1, LEN));
    for (int how = 0; how < 2; how++) {
        forge(one, wrong, true);
        check_poisoned(&f, LEN, looks[how]);
    }
    forge(one, wrong, true);
    assert_int_equal(sl_disk_verify(f.disk, NULL, NULL, &report, NULL), SL_OK);
    assert_int_equal(report.bad, 1);
    assert_true(put_chunk(&f, 1, LEN));
    forge(one, right, false);
    check_poisoned(&f, LEN, opens_chunk);
    remove_cache(&f);
}

/* What lies in the way of a put is replaced if it is not the same. */
static void test_disk__put_replaces_what_is_not_it(void **state)
{
    (void)state;
    disk_fixture f;
    char one[256], two[256];
    make_cache(&f, 0);
    chunk_path(&f, 1, LEN, one);
    chunk_path(&f, 2, LEN, two);
    assert_true(put_chunk(&f, 1, LEN));
    assert_true(put_chunk(&f, 2, LEN));
    assert_int_equal(rename(two, one), 0);
    assert_true(put_chunk(&f, 1, LEN));
    assert_true(has_chunk(&f, 1, LEN));
    assert_int_equal(truncate(one, 100), 0);
    assert_true(put_chunk(&f, 1, LEN));
    assert_true(has_chunk(&f, 1, LEN));
    assert_int_equal(unlink(one), 0);
    assert_int_equal(mkdir(one, 0700), 0);
    assert_true(put_chunk(&f, 1, LEN));
    assert_true(has_chunk(&f, 1, LEN));
    remove_cache(&f);
}

static void test_disk__asking_for_another_length_deletes_nothing(void **state)
{
    (void)state;
    disk_fixture f;
    uint8_t digest[SL_DISK_DIGEST], bytes[2 * LEN];
    int fd;
    make_cache(&f, 0);
    assert_true(put_chunk(&f, 1, LEN));
    digest_of(1, LEN, digest);
    static const size_t lens[] = {0, 1, LEN - 1, LEN + 1, LEN + 64, 2 * LEN};
    for (size_t i = 0; i < sizeof lens / sizeof *lens; i++) {
        assert_false(sl_disk_get(f.disk, digest, bytes, lens[i], NULL));
        assert_false(sl_disk_open_entry(f.disk, digest, lens[i], &fd, NULL));
    }
    assert_true(has_chunk(&f, 1, LEN));
    assert_int_equal(sl_disk_stats_of(f.disk).poisoned, 0);
    remove_cache(&f);
}

/* In place of an entry: what is no file of ours. */
static void test_disk__only_our_own_regular_files_are_entries(void **state)
{
    (void)state;
    static look_fn *const looks[] = {has_chunk, opens_chunk};
    disk_fixture f;
    char path[256], other[80];
    make_cache(&f, 0);
    assert_true(put_chunk(&f, 1, LEN));
    chunk_path(&f, 1, LEN, path);
    snprintf(other, sizeof other, "%s/other", f.dir);
    for (int how = 0; how < 2; how++) {
        /* A link to an entry that is sound: deleted, its target is not. */
        assert_int_equal(rename(path, other), 0);
        assert_int_equal(symlink(other, path), 0);
        check_poisoned(&f, LEN, looks[how]);
        assert_true(is_file(other));
        assert_int_equal(unlink(path), 0);
        assert_int_equal(symlink("/nowhere/at/all", path), 0);
        check_poisoned(&f, LEN, looks[how]);
        /* A pipe would block who opens it. */
        assert_int_equal(unlink(path), 0);
        assert_int_equal(mkfifo(path, 0600), 0);
        check_poisoned(&f, LEN, looks[how]);
        assert_int_equal(unlink(path), 0);
        assert_int_equal(mkdir(path, 0700), 0);
        check_poisoned(&f, LEN, looks[how]);
        static const mode_t modes[] = {0644, 0666, 0620, 0602, 0700, 04600};
        for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) {
            assert_int_equal(chmod(path, modes[i]), 0);
            check_poisoned(&f, LEN, looks[how]);
        }
        if (geteuid() == 0) {
            assert_int_equal(chown(path, 12345, 12345), 0);
            check_poisoned(&f, LEN, looks[how]);
        }
    }
    remove_cache(&f);
}

static void test_disk__a_socket_is_no_entry(void **state)
{
    (void)state;
    disk_fixture f;
    char path[256];
    make_cache(&f, 0);
    assert_true(put_chunk(&f, 1, LEN));
    chunk_path(&f, 1, LEN, path);
    assert_int_equal(unlink(path), 0);
    char old[4096], name[SL_DISK_NAME_MAX];
    assert_non_null(getcwd(old, sizeof old));
    strcpy(name, strrchr(path, '/') + 1);
    char folder[256];
    strcpy(folder, path);
    *strrchr(folder, '/') = '\0';
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    struct sockaddr_un where = {.sun_family = AF_UNIX};
    memcpy(where.sun_path, name, strlen(name) + 1);
    assert_int_equal(chdir(folder), 0);
    int bound = bind(fd, (struct sockaddr *)&where, sizeof where);
    assert_int_equal(chdir(old), 0);
    assert_int_equal(bound, 0);
    check_poisoned(&f, LEN, has_chunk);
    close(fd);
    remove_cache(&f);
}

/* --- Checking again
 * -------------------------------------------------------------- */

static void test_disk__what_is_unchanged_is_rechecked_quickly(void **state)
{
    (void)state;
    disk_fixture f;
    char path[256];
    make_cache(&f, 0);
    assert_true(put_chunk(&f, 1, LEN));
    chunk_path(&f, 1, LEN, path);
    /* Too young to tell a change from none: hashed each time. */
    assert_true(opens_chunk(&f, 1, LEN));
    assert_true(opens_chunk(&f, 1, LEN));
    assert_int_equal(sl_disk_stats_of(f.disk).rechecked, 0);
    usleep(150000);
    assert_true(opens_chunk(&f, 1, LEN));
    assert_int_equal(sl_disk_stats_of(f.disk).rechecked, 0);
    assert_true(opens_chunk(&f, 1, LEN));
    assert_int_equal(sl_disk_stats_of(f.disk).rechecked, 1);
    /* Any change: hashed again. */
    set_age(path, 10);
    usleep(150000);
    assert_true(opens_chunk(&f, 1, LEN));
    assert_int_equal(sl_disk_stats_of(f.disk).rechecked, 1);
    assert_true(opens_chunk(&f, 1, LEN));
    assert_int_equal(sl_disk_stats_of(f.disk).rechecked, 2);
    flip(path, 77);
    check_poisoned(&f, LEN, opens_chunk);
    remove_cache(&f);
}

/* --- The limit
 * -------------------------------------------------------------------- */

/* What the files of the cache take. */
static uint64_t cost_on_disk(disk_fixture *f)
{
    bool failed = false;
    char path[96];
    uint64_t cost = 0;
    snprintf(path, sizeof path, "%s/v1", f->cache);
    int root = open(path, O_RDONLY | O_DIRECTORY);
    for (int i = 0; root >= 0 && i < SL_DISK_SHARDS; i++)
        cost += sl_disk_scan(root, (uint8_t)i, NULL, &failed);
    if (root >= 0)
        close(root);
    return cost;
}

static void test_disk__stays_within_its_limit(void **state)
{
    (void)state;
    disk_fixture f;
    make_cache(&f, 1 << 20);
    for (uint32_t i = 0; i < 300; i++) {
        size_t len = 1 + i * 9973u % 60000;
        assert_true(put_chunk(&f, i, len));
        assert_true(has_chunk(&f, i, len));
        assert_true(cost_on_disk(&f) <= 1 << 20);
    }
    assert_true(cost_on_disk(&f) > (1 << 20) * 3 / 4);
    assert_true(sl_disk_stats_of(f.disk).evicted > 200);
    remove_cache(&f);
}

static void test_disk__the_least_recently_used_go(void **state)
{
    (void)state;
    disk_fixture f;
    char path[256];
    enum { N = 16, SIZE = 65536 - SL_DISK_TRAILER };
    make_cache(&f, (uint64_t)N * 65536);
    for (uint32_t i = 0; i < N; i++) {
        assert_true(put_chunk(&f, i, SIZE));
        chunk_path(&f, i, SIZE, path);
        set_age(path, 10000 - 100 * i);
    }
    /* Being used makes the oldest the youngest. */
    assert_true(has_chunk(&f, 0, SIZE));
    assert_true(opens_chunk(&f, 1, SIZE));
    assert_true(put_chunk(&f, 2, SIZE));
    for (uint32_t i = 0; i < N - 3; i++) {
        assert_true(put_chunk(&f, 100 + i, SIZE));
        chunk_path(&f, 100 + i, SIZE, path);
        set_age(path, 100); /* younger than those, however slow this is */
        chunk_path(&f, 3 + i, SIZE, path);
        assert_false(is_file(path));
        for (uint32_t k = 0; k < N; k++) {
            chunk_path(&f, k, SIZE, path);
            /* One more at most goes to have room in advance. */
            if (k < 3 || k > 4 + i)
                assert_true(is_file(path));
        }
    }
    remove_cache(&f);
}

/* A clock that was wrong does not keep entries for ever. */
static void test_disk__a_use_in_the_future_is_far_away(void **state)
{
    (void)state;
    disk_fixture f;
    char path[256];
    enum { SIZE = 65536 - SL_DISK_TRAILER };
    make_cache(&f, 4 * 65536);
    for (uint32_t i = 0; i < 4; i++)
        assert_true(put_chunk(&f, i, SIZE));
    chunk_path(&f, 2, SIZE, path);
    set_age(path, -1000000);
    assert_true(put_chunk(&f, 4, SIZE));
    assert_false(is_file(path));
    remove_cache(&f);
}

static void test_disk__too_large_is_not_stored(void **state)
{
    (void)state;
    disk_fixture f;
    make_cache(&f, 65536);
    assert_true(put_chunk(&f, 1, 30000));
    assert_false(put_chunk(&f, 2, 65536));
    assert_false(put_chunk(&f, 3, 200000));
    assert_int_equal(sl_disk_stats_of(f.disk).not_stored, 2);
    assert_true(has_chunk(&f, 1, 30000));
    assert_true(put_chunk(&f, 4, 65536 - SL_DISK_TRAILER));
    assert_false(has_chunk(&f, 1, 30000));
    remove_cache(&f);
}

/* v1/sizes is a claim, too. */
static void test_disk__wrong_counts_are_corrected(void **state)
{
    static const char *const damage[] = {
        "rm %s/v1/sizes",
        ": > %s/v1/sizes",
        "truncate -s 100 %s/v1/sizes",
        "head -c 2064 /dev/zero > %s/v1/sizes",
        "(cd %s/v1 && (printf 'slsizes\\001'; head -c 2056 /dev/zero "
        "| tr '\\000' '\\377') > sizes)",
        /* 16 MiB in each shard: to be believed, one by one. */
        "(cd %s/v1 && (head -c 16 sizes; for i in $(seq 256); do "
        "printf '\\000\\000\\000\\001\\000\\000\\000\\000'; done) > x; mv x "
        "sizes; chmod 600 sizes)",
        "(cd %s/v1 && rm sizes && ln -s /etc/passwd sizes)",
        "(cd %s/v1 && rm sizes && mkdir sizes)",
        "(cd %s/v1 && rm sizes && mkfifo -m 600 sizes)",
        "chmod 666 %s/v1/sizes",
    };
    (void)state;
    for (size_t i = 0; i < sizeof damage / sizeof *damage; i++)
        for (int reopen = 0; reopen < 2; reopen++) {
            disk_fixture f;
            make_cache(&f, 1 << 20);
            for (uint32_t k = 0; k < 14; k++)
                assert_true(put_chunk(&f, k, 65000));
            run_shell(damage[i], f.cache);
            if (reopen)
                open_cache(&f, 1 << 20);
            for (uint32_t k = 0; k < 6; k++)
                assert_true(put_chunk(&f, 100 + k, 65000));
            assert_true(cost_on_disk(&f) <= 1 << 20);
            assert_true(cost_on_disk(&f) > 12 * 65000);
            struct stat st;
            char path[96];
            snprintf(path, sizeof path, "%s/v1/sizes", f.cache);
            assert_int_equal(lstat(path, &st), 0);
            assert_true(S_ISREG(st.st_mode));
            assert_int_equal(st.st_size, 2064);
            remove_cache(&f);
        }
}

/* Counts that are too low are found out in turn. */
static void test_disk__counts_are_renewed_in_turn(void **state)
{
    (void)state;
    disk_fixture f;
    uint8_t zeros[2048] = {0};
    char path[96];
    make_cache(&f, 1 << 20);
    for (uint32_t k = 0; k < 200; k++)
        assert_true(put_chunk(&f, k, 4000));
    snprintf(path, sizeof path, "%s/v1/sizes", f.cache);
    int fd = open(path, O_WRONLY);
    assert_int_equal(pwrite(fd, zeros, sizeof zeros, 16), sizeof zeros);
    close(fd);
    for (uint32_t k = 0; k < 256 * 16; k++)
        assert_true(put_chunk(&f, 1000 + k, 10));
    assert_true(cost_on_disk(&f) <= 1 << 20);
    remove_cache(&f);
}

static void test_disk__who_holds_the_lock_stops_puts_not_gets(void **state)
{
    (void)state;
    disk_fixture f;
    char path[96];
    make_cache(&f, 1 << 20);
    assert_true(put_chunk(&f, 1, LEN));
    snprintf(path, sizeof path, "%s/v1/sizes", f.cache);
    int fd = open(path, O_RDONLY);
    assert_int_equal(flock(fd, LOCK_EX), 0);
    assert_false(put_chunk(&f, 2, LEN));
    assert_true(has_chunk(&f, 1, LEN));
    assert_int_equal(sl_disk_stats_of(f.disk).not_stored, 1);
    close(fd);
    assert_true(put_chunk(&f, 2, LEN));
    remove_cache(&f);
}

/* --- Leftovers
 * --------------------------------------------------------------------- */

static void test_disk__leftovers_are_swept(void **state)
{
    (void)state;
    disk_fixture f;
    char dead[128], old[128], alive[128], foreign[128];
    make_cache(&f, 0);
    assert_true(put_chunk(&f, 1, LEN));
    snprintf(dead, sizeof dead, "%s/v1/tmp/010000000023456789af", f.cache);
    snprintf(old, sizeof old, "%s/v1/tmp/010000000023456789ae", f.cache);
    snprintf(alive, sizeof alive, "%s/v1/tmp/010000000023456789ad", f.cache);
    snprintf(foreign, sizeof foreign, "%s/v1/tmp/notes.txt", f.cache);
    int fds[4], i = 0;
    for (const char *p; i < 4; i++) {
        p = (const char *[]){dead, old, alive, foreign}[i];
        fds[i] = open(p, O_CREAT | O_WRONLY, 0600);
        assert_true(fds[i] >= 0);
    }
    close(fds[0]);
    close(fds[3]);
    assert_int_equal(flock(fds[1], LOCK_EX), 0);
    assert_int_equal(flock(fds[2], LOCK_EX), 0);
    set_age(old, 4000);
    open_cache(&f, 0);
    assert_true(put_chunk(&f, 2, LEN));
    assert_false(is_file(dead));
    assert_false(is_file(old));
    assert_true(is_file(alive));
    assert_true(is_file(foreign));
    assert_int_equal(sl_disk_stats_of(f.disk).swept, 2);
    close(fds[1]);
    close(fds[2]);
    assert_int_equal(sl_disk_clear(f.disk, NULL, NULL), SL_OK);
    assert_false(is_file(alive));
    assert_true(is_file(foreign));
    remove_cache(&f);
}

/* What others are writing takes room already, however often it is counted. */
static void test_disk__what_is_being_written_counts(void **state)
{
    (void)state;
    disk_fixture f;
    char path[128];
    make_cache(&f, 40 * 4096);
    assert_true(put_chunk(&f, 1, LEN));
    /* In shard 0, 20 times 4096 bytes. */
    snprintf(path, sizeof path, "%s/v1/tmp/001400000023456789af", f.cache);
    int fd = open(path, O_CREAT | O_WRONLY, 0600);
    assert_int_equal(flock(fd, LOCK_EX), 0);
    assert_int_equal(sl_disk_verify(f.disk, NULL, NULL, NULL, NULL), SL_OK);
    for (uint32_t i = 0; i < 40; i++) {
        assert_true(put_chunk(&f, i, LEN));
        assert_true(cost_on_disk(&f) <= 20 * 4096);
    }
    close(fd);
    assert_int_equal(sl_disk_verify(f.disk, NULL, NULL, NULL, NULL), SL_OK);
    for (uint32_t i = 0; i < 20; i++)
        assert_true(put_chunk(&f, 100 + i, LEN));
    assert_true(cost_on_disk(&f) > 36 * 4096);
    remove_cache(&f);
}

static void test_disk__a_removed_directory_is_made_again(void **state)
{
    (void)state;
    disk_fixture f;
    make_cache(&f, 0);
    for (int i = 0; i < 3; i++) {
        assert_true(put_chunk(&f, 1, LEN));
        assert_true(has_chunk(&f, 1, LEN));
        run_shell("rm -rf %s", f.cache);
        assert_false(has_chunk(&f, 1, LEN));
    }
    run_shell("mkdir -m 777 %s", f.cache); /* not ours to use */
    assert_false(put_chunk(&f, 1, LEN));
    remove_cache(&f);
}

/* --- The disk
 * -------------------------------------------------------------------- */

static void test_disk__a_file_size_limit_is_no_signal(void **state)
{
    (void)state;
    disk_fixture f;
    struct rlimit old, small = {4096, RLIM_INFINITY};
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
    small.rlim_max = old.rlim_max;
    make_cache(&f, 0);
    assert_true(put_chunk(&f, 1, LEN));
    sl_disk_url url = {"http://h/x", "\"1\"", 1 << 30, 12};
    uint8_t digest[SL_DISK_DIGEST] = {1};
    char path[256];
    chunk_path(&f, 1, LEN, path);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    assert_false(put_chunk(&f, 2, LEN));
    assert_true(put_chunk(&f, 3, 100));
    assert_true(sl_disk_note(f.disk, &url, 3, digest, NULL));
    assert_false(sl_disk_note(f.disk, &url, 1000, digest, NULL));
    small.rlim_cur = 10;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    assert_false(put_chunk(&f, 4, 1));
    assert_false(sl_disk_note(f.disk, &url, 3, digest, NULL));
    assert_true(has_chunk(&f, 1, LEN));
    assert_int_equal(chmod(path, 0644), 0);
    assert_false(has_chunk(&f, 1, LEN));
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
    assert_true(put_chunk(&f, 2, LEN));
    remove_cache(&f);
}

static void test_disk__memory_may_run_out_anywhere(void **state)
{
    (void)state;
    disk_fixture f;
    sl_disk_url url = {"http://h/x", "\"1\"", LEN, 12};
    bool done = false;
    make_cache(&f, 16384);
    for (size_t n = 1; !done; n++) {
        uint8_t digest[SL_DISK_DIGEST], back[SL_DISK_DIGEST], bytes[LEN];
        sl_disk_report report;
        int fd, fds = count_fds();
        fill_chunk(bytes, LEN, (uint32_t)n);
        assert_true(sl_disk_digest(bytes, LEN, digest));
        size_t before = sl_alloc_count();
        sl_alloc_fail_at(n, 0);
        sl_disk *disk = sl_disk_open(f.cache, 16384, 0, NULL);
        (void)sl_disk_put(disk, digest, bytes, LEN, NULL);
        if (sl_disk_open_entry(disk, digest, LEN, &fd, NULL))
            close(fd);
        (void)sl_disk_note(disk, &url, n % 2, digest, NULL);
        if (sl_disk_find(disk, &url, n % 2, back, NULL))
            assert_memory_equal(back, digest, sizeof back);
        sl_status status = sl_disk_verify(disk, NULL, NULL, &report, NULL);
        assert_true(status == SL_OK || status == SL_EIO);
        assert_int_equal(report.bad, 0);
        sl_disk_unref(disk);
        sl_alloc_fail_at(0, 0);
        done = sl_alloc_count() - before < n;
        assert_int_equal(count_fds(), fds);
        assert_true(n < 1000);
        assert_true(cost_on_disk(&f) <= 16384);
    }
    remove_cache(&f);
}

/* --- Many threads
 * ------------------------------------------------------------------ */

typedef struct worker {
    pthread_t thread;
    disk_fixture *f;
    uint32_t seed;
    uint64_t hits;
} worker;

enum { CHUNKS = 24, CHUNK = 9000 };

static void *work(void *arg)
{
    worker *w = arg;
    uint8_t *bytes = malloc(CHUNK), *want = malloc(CHUNK);
    uint8_t digest[SL_DISK_DIGEST];
    for (uint32_t i = 0; i < 150; i++) {
        uint32_t n = (w->seed = w->seed * 1664525 + 1013904223) >> 8;
        int fd = -1;
        fill_chunk(want, CHUNK, n % CHUNKS);
        sl_disk_digest(want, CHUNK, digest);
        bool hit =
            n & 0x100000
                ? sl_disk_get(w->f->disk, digest, bytes, CHUNK, NULL)
                : sl_disk_open_entry(w->f->disk, digest, CHUNK, &fd, NULL);
        if (fd >= 0) {
            hit = hit && pread(fd, bytes, CHUNK, 0) == CHUNK;
            close(fd);
        }
        if (hit && memcmp(bytes, want, CHUNK) != 0)
            abort();
        w->hits += hit;
        if (!hit)
            sl_disk_put(w->f->disk, digest, want, CHUNK, NULL);
        if (i % 50 == 49 && sl_disk_verify(w->f->disk, NULL, NULL, NULL, NULL))
            abort();
    }
    free(bytes);
    free(want);
    return NULL;
}

static void test_disk__many_threads(void **state)
{
    (void)state;
    disk_fixture f;
    worker w[6];
    uint64_t hits = 0;
    int fds = count_fds();
    make_cache(&f, 20 * 12288);
    for (uint32_t i = 0; i < 6; i++) {
        w[i] = (worker){.f = &f, .seed = i + 1};
        assert_int_equal(pthread_create(&w[i].thread, NULL, work, &w[i]), 0);
    }
    for (int i = 0; i < 6; i++) {
        pthread_join(w[i].thread, NULL);
        hits += w[i].hits;
    }
    sl_disk_stats s = sl_disk_stats_of(f.disk);
    assert_true(hits > 300);
    assert_int_equal(s.hits, hits);
    assert_int_equal(s.poisoned, 0);
    assert_true(s.evicted > 0);
    assert_true(cost_on_disk(&f) <= 20 * 12288);
    sl_disk_report report;
    assert_int_equal(sl_disk_verify(f.disk, NULL, NULL, &report, NULL), SL_OK);
    assert_int_equal(report.bad, 0);
    remove_cache(&f);
    assert_int_equal(count_fds(), fds);
}

const struct CMUnitTest disk_tests[] = {
    cmocka_unit_test(test_disk__gives_back_what_was_put),
    cmocka_unit_test(test_disk__counts_what_it_does),
    cmocka_unit_test(test_disk__no_file_before_the_first_put),
    cmocka_unit_test(test_disk__refuses_content_with_another_digest),
    cmocka_unit_test(test_disk__files_are_private_whatever_the_umask),
    cmocka_unit_test(test_disk__without_one_everything_misses),
    cmocka_unit_test(test_disk__default_directory),
    cmocka_unit_test(test_disk__does_not_use_a_directory_of_others),
    cmocka_unit_test(test_disk__does_not_follow_a_link_to_a_directory),
    cmocka_unit_test(test_disk__does_not_use_a_file_as_directory),
    cmocka_unit_test(test_disk__replaces_links_in_place_of_folders),
    cmocka_unit_test(test_disk__every_byte_of_an_entry_counts),
    cmocka_unit_test(test_disk__every_wrong_length_of_the_file_is_seen),
    cmocka_unit_test(test_disk__the_name_is_not_believed),
    cmocka_unit_test(test_disk__the_trailer_is_not_believed),
    cmocka_unit_test(test_disk__a_forged_trailer_is_not_believed),
    cmocka_unit_test(test_disk__put_replaces_what_is_not_it),
    cmocka_unit_test(test_disk__asking_for_another_length_deletes_nothing),
    cmocka_unit_test(test_disk__only_our_own_regular_files_are_entries),
    cmocka_unit_test(test_disk__a_socket_is_no_entry),
    cmocka_unit_test(test_disk__what_is_unchanged_is_rechecked_quickly),
    cmocka_unit_test(test_disk__stays_within_its_limit),
    cmocka_unit_test(test_disk__the_least_recently_used_go),
    cmocka_unit_test(test_disk__a_use_in_the_future_is_far_away),
    cmocka_unit_test(test_disk__too_large_is_not_stored),
    cmocka_unit_test(test_disk__wrong_counts_are_corrected),
    cmocka_unit_test(test_disk__counts_are_renewed_in_turn),
    cmocka_unit_test(test_disk__who_holds_the_lock_stops_puts_not_gets),
    cmocka_unit_test(test_disk__leftovers_are_swept),
    cmocka_unit_test(test_disk__what_is_being_written_counts),
    cmocka_unit_test(test_disk__a_removed_directory_is_made_again),
    cmocka_unit_test(test_disk__a_file_size_limit_is_no_signal),
    cmocka_unit_test(test_disk__memory_may_run_out_anywhere),
    cmocka_unit_test(test_disk__many_threads),
};
const size_t n_disk_tests = sizeof disk_tests / sizeof *disk_tests;
