/* Files mapped into linear memory. docs/data-segments.md, section 7. */
#include "fixture.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "data/disk.h"

/* `read(to, start, len)` brings a range of the segment $d; `sum` looks at it,
 * `one` at a byte; `poke` writes one. */
#define READER                                                                 \
    "(component (import \"text\" (core data $d))" READING
#define READING                                                                \
    " (core module $M (memory (export \"m\") 128))"                            \
    " (core instance $m (instantiate $M))"                                     \
    " (alias core export $m \"m\" (core memory $mem))"                         \
    " (core func $read (canon data.read $d))"                                  \
    " (type $s (stream u8))"                                                   \
    " (core func $sread (canon stream.read $s (memory $mem)))"                 \
    " (core func $drop (canon stream.drop-readable $s))"                       \
    " (core module $N (import \"\" \"m\" (memory 128))"                        \
    "  (import \"\" \"read\" (func $r (param i32 i32) (result i32)))"          \
    "  (import \"\" \"sread\" (func $sr (param i32 i32 i32) (result i32)))"    \
    "  (import \"\" \"drop\" (func $drop (param i32)))"                        \
    "  (func $sum (export \"sum\") (param $at i32) (param $n i32)"             \
    "    (result i64) (local $s i64)"                                          \
    "    (block $done (loop $l (br_if $done (i32.eqz (local.get $n)))"         \
    "     (local.set $s (i64.add (local.get $s)"                               \
    "       (i64.load8_u (local.get $at))))"                                   \
    "     (local.set $at (i32.add (local.get $at) (i32.const 1)))"             \
    "     (local.set $n (i32.sub (local.get $n) (i32.const 1)))"               \
    "     (br $l))) (local.get $s))"                                           \
    "  (func (export \"one\") (param $at i32) (result i32)"                    \
    "    (i32.load8_u (local.get $at)))"                                       \
    "  (func (export \"poke\") (param $at i32) (param $v i32)"                 \
    "    (i32.store8 (local.get $at) (local.get $v)))"                         \
    "  (func (export \"read\") (param $to i32) (param $start i32)"             \
    "    (param $n i32) (local $h i32) (local $at i32) (local $left i32)"      \
    "    (local $got i32)"                                                     \
    "    (local.set $h (call $r (local.get $start) (local.get $n)))"           \
    "    (local.set $at (local.get $to)) (local.set $left (local.get $n))"     \
    "    (block $done (loop $l (br_if $done (i32.eqz (local.get $left)))"      \
    "      (local.set $got (i32.shr_u (call $sr (local.get $h)"                \
    "        (local.get $at) (local.get $left)) (i32.const 4)))"               \
    "      (local.set $at (i32.add (local.get $at) (local.get $got)))"         \
    "      (local.set $left (i32.sub (local.get $left) (local.get $got)))"     \
    "      (br $l)))"                                                          \
    "    (call $drop (local.get $h))))"                                        \
    " (core instance $n (instantiate $N (with \"\" (instance"                  \
    "   (export \"m\" (memory $mem)) (export \"read\" (func $read))"           \
    "   (export \"sread\" (func $sread)) (export \"drop\" (func $drop))))))"   \
    " (func (export \"sum\") (param \"at\" u32) (param \"n\" u32)"             \
    "   (result u64) (canon lift (core func $n \"sum\")))"                     \
    " (func (export \"one\") (param \"at\" u32) (result u32)"                  \
    "   (canon lift (core func $n \"one\")))"                                  \
    " (func (export \"poke\") (param \"at\" u32) (param \"v\" u32)"            \
    "   (canon lift (core func $n \"poke\")))"                                 \
    " (func (export \"read\") async (param \"to\" u32) (param \"start\" u32)"  \
    "   (param \"n\" u32) (canon lift (core func $n \"read\"))))"

enum { SIZE = 5 << 20 };
static uint8_t text[SIZE];

typedef struct mapped {
    fixture f;
    char path[64];
    uint64_t heard; /* bytes that on_load was told of */
} mapped;

static void on_load(void *arg, const sluice_load *load)
{
    assert_int_equal(load->ordinal, UINT32_MAX); /* it is imported */
    assert_int_equal(load->import.len, 4);
    assert_memory_equal(load->import.data, "text", 4);
    assert_string_equal(load->segment, "import `text`");
    ((mapped *)arg)->heard += load->len;
}

static void open_mapped(mapped *m, bool on)
{
    fill_bytes(text, SIZE);
    m->heard = 0;
    temp_file(m->path, text, SIZE);
    fixture_init(&m->f, READER);
    sluice_segment *s = sluice_segment_from_file(m->path, &m->f.error);
    assert_int_equal(
        sluice_linker_segment(m->f.linker, "text", s, &m->f.error), SLUICE_OK);
    sluice_segment_free(s);
    sluice_store_on_load(m->f.store, on_load, m);
    assert_int_equal(sluice_store_map_files(m->f.store, on, &m->f.error),
                     SLUICE_OK);
    fixture_instantiate(&m->f);
}

static void close_mapped(mapped *m)
{
    fixture_deinit(&m->f);
    unlink(m->path);
}

static sluice_status call_n(fixture *f, const char *name, uint32_t a,
                            uint32_t b, uint32_t c, size_t n, uint64_t *result)
{
    outcome out = {0};
    sluice_val args[3] = {u32_val(a), u32_val(b), u32_val(c)};
    assert_int_equal(sluice_func_call(func_of(f, name), args, n, keep, &out,
                                      NULL, &f->error),
                     SLUICE_OK);
    sluice_status st = finish(f, &out);
    f->error = out.error;
    if (result != NULL)
        *result = out.result.kind == SLUICE_U32 ? out.result.of.u32
                                                : out.result.of.u64;
    return st;
}

static void expect_range(mapped *m, uint32_t to, uint32_t start, uint32_t len)
{
    uint64_t sum;
    assert_int_equal(call_n(&m->f, "read", to, start, len, 3, NULL), SLUICE_OK);
    assert_int_equal(call_n(&m->f, "sum", to, len, 0, 2, &sum), SLUICE_OK);
    assert_int_equal(sum, sum_bytes(text + start, len));
    for (uint32_t i = 0; i < 5; i++) {
        uint32_t at = (uint32_t)((uint64_t)(len - 1) * i / 4);
        assert_int_equal(call_n(&m->f, "one", to + at, 0, 0, 1, &sum),
                         SLUICE_OK);
        assert_int_equal(sum, text[start + at]);
    }
}

static uint64_t bytes_mapped(const mapped *m)
{
    return sluice_store_stats(m->f.store).bytes_mapped;
}

static void test_mapping__is_a_copy_to_see(void **state)
{
    (void)state;
    mapped m;
    open_mapped(&m, true);
    expect_range(&m, 65536, 0, SIZE);
    assert_int_equal(bytes_mapped(&m), SIZE);
    assert_int_equal(m.heard, SIZE);
    assert_int_equal(sluice_store_stats(m.f.store).bytes_to_guest, 0);
    expect_range(&m, 65536 + 1, 0, 2 << 20); /* no pages: copied */
    assert_int_equal(bytes_mapped(&m), SIZE);
    expect_range(&m, 70000, 70000, 3 << 20); /* congruent: head and tail are */
    uint64_t some = bytes_mapped(&m) - SIZE;
    assert_true(some > (3 << 20) - 8192 && some < 3 << 20);
    expect_range(&m, 0, 4096, 100000); /* small: copied */
    assert_int_equal(bytes_mapped(&m), SIZE + some);
    /* Writing is the guest's own business. */
    uint64_t byte;
    expect_range(&m, 65536, 0, SIZE);
    assert_int_equal(call_n(&m.f, "poke", 65536 + 9, 77, 0, 2, NULL),
                     SLUICE_OK);
    assert_int_equal(call_n(&m.f, "one", 65536 + 9, 0, 0, 1, &byte), SLUICE_OK);
    assert_int_equal(byte, 77);
    expect_range(&m, 65536, 0, SIZE);
    close_mapped(&m);

    open_mapped(&m, false);
    expect_range(&m, 65536, 0, SIZE);
    assert_int_equal(bytes_mapped(&m), 0);
    close_mapped(&m);
}

/* The next memory made of the same addresses reads as zeros. */
static void test_mapping__leaves_nothing_behind(void **state)
{
    (void)state;
    mapped m;
    uint64_t sum;
    open_mapped(&m, true);
    expect_range(&m, 65536, 0, SIZE);
    for (int i = 0; i < 3; i++) {
        sluice_store_free(m.f.store);
        m.f.store = sluice_store_new(m.f.engine, NULL, &m.f.error);
        fixture_instantiate(&m.f);
        assert_int_equal(call_n(&m.f, "sum", 0, 128 * 65536, 0, 2, &sum),
                         SLUICE_OK);
        assert_int_equal(sum, 0);
        assert_int_equal(sluice_store_map_files(m.f.store, true, NULL),
                         SLUICE_OK);
        expect_range(&m, 65536, 0, SIZE);
    }
    close_mapped(&m);
}

/* Pages that are gone: a trap, before the sum is anybody's. */
static void test_mapping__file_shrinks(void **state)
{
    (void)state;
    for (int way = 0; way < 3; way++) {
        mapped m;
        uint64_t sum = 1234;
        open_mapped(&m, true);
        assert_int_equal(call_n(&m.f, "read", 65536, 0, SIZE, 3, NULL),
                         SLUICE_OK);
        assert_int_equal(truncate(m.path, way == 0 ? 0 : 1 << 20), 0);
        sluice_status st =
            way == 2 ? call_n(&m.f, "one", 65536 + SIZE - 1, 0, 0, 1, &sum)
                     : call_n(&m.f, "sum", 65536, SIZE, 0, 2, &sum);
        assert_int_equal(st, SLUICE_ETRAP);
        assert_non_null(strstr(m.f.error.message, "data fault"));
        close_mapped(&m);
        /* Others go on. */
        open_mapped(&m, true);
        expect_range(&m, 65536, 0, SIZE);
        close_mapped(&m);
    }
}

/* --- Entries of the cache on disk ------------------------------------------------- */

enum { CHUNK = 512 << 10, TAIL = 3096, CACHED = SIZE - 4096 + TAIL };

typedef struct cached {
    mapped m; /* `path` is the cache */
    int fds;
} cached;

static void write_hex(sl_buf *to, const uint8_t *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++)
        sl_buf_printf(to, "\\%02x", bytes[i]);
}

/* An external segment behind a URL where nothing answers any more; what was
 * fetched from it is in the cache. */
static void open_cached(cached *c, bool fill)
{
    sl_buf component;
    uint8_t digest[SL_DISK_DIGEST];
    mapped *m = &c->m;
    sl_disk *disk = sl_disk_open(m->path, 0, 0, NULL);
    c->fds = count_fds();
    sl_buf_init(&component);
    sl_buf_printf(&component,
                  "(component (core data $d (external \"x\" (size %d)"
                  " (chunk %d)",
                  CACHED, CHUNK);
    fill_bytes(text, SIZE);
    for (size_t at = 0; at < CACHED; at += CHUNK) {
        size_t len = CACHED - at < CHUNK ? CACHED - at : CHUNK;
        sl_disk_digest(text + at, len, digest);
        sl_buf_printf(&component, " (sha256 \"");
        write_hex(&component, digest, sizeof digest);
        sl_buf_printf(&component, "\")");
        if (fill)
            assert_true(sl_disk_put(disk, digest, text + at, len, NULL));
    }
    sl_disk_unref(disk);
    sl_buf_bytes(&component, "))" READING, sizeof "))" READING);
    fixture_init(&m->f, (const char *)component.data);
    sl_buf_deinit(&component);
    sluice_store_free(m->f.store); /* the engine comes first */
    sluice_http_config http = sluice_http_config_default();
    http.allow_private = true;
    http.retries = 0;
    assert_int_equal(sluice_engine_set_http(m->f.engine, &http, NULL), 0);
    assert_int_equal(sluice_engine_set_cache(m->f.engine, m->path, 0, NULL), 0);
    assert_int_equal(sluice_component_set_base(m->f.component,
                                               "http://127.0.0.1:1", NULL),
                     0);
    m->f.store = sluice_store_new(m->f.engine, NULL, NULL);
    assert_int_equal(sluice_store_map_files(m->f.store, true, NULL), 0);
    fixture_instantiate(&m->f);
}

static void close_cached(cached *c)
{
    fixture_deinit(&c->m.f);
    assert_int_equal(count_fds(), c->fds);
}

static void make_cache(cached *c)
{
    strcpy(c->m.path, "/tmp/sluice-mapping-XXXXXX");
    assert_non_null(mkdtemp(c->m.path));
}

static void in_cache(const cached *c, const char *command)
{
    char line[200];
    snprintf(line, sizeof line, "cd %s/v1 && %s", c->m.path, command);
    assert_int_equal(system(line), 0);
}

static void remove_cache(const cached *c)
{
    in_cache(c, "rm -r $(dirname $PWD)");
}

/* How often files of the cache are mapped into this process. */
static int count_mappings(const cached *c)
{
    char line[512];
    int n = 0;
    FILE *maps = fopen("/proc/self/maps", "r");
    assert_non_null(maps);
    while (fgets(line, sizeof line, maps) != NULL)
        n += strstr(line, c->m.path) != NULL;
    fclose(maps);
    return n;
}

static void test_entries__are_mapped(void **state)
{
    (void)state;
    cached c;
    make_cache(&c);
    for (int run = 0; run < 2; run++) {
        open_cached(&c, run == 0);
        expect_range(&c.m, 65536, 0, CACHED);
        sluice_stats stats = sluice_store_stats(c.m.f.store);
        assert_int_equal(stats.bytes_mapped, CACHED - TAIL);
        assert_int_equal(stats.bytes_to_guest, TAIL);
        assert_int_equal(count_mappings(&c), CACHED / CHUNK + 1);
        expect_range(&c.m, 65536 + 1, 0, 2 << 20); /* no pages: copied */
        expect_range(&c.m, 0, 4096, 100000);       /* small */
        expect_range(&c.m, 0, CHUNK - 5000, 9000);
        assert_int_equal(bytes_mapped(&c.m), CACHED - TAIL);
        /* Congruent; of its chunks two are in memory, and one is small. */
        expect_range(&c.m, 70000, 70000, 3 << 20);
        assert_int_equal(bytes_mapped(&c.m), CACHED - TAIL + (2 << 20));
        assert_int_equal(call_n(&c.m.f, "poke", 70000, text[70000] ^ 1, 0, 2,
                                NULL),
                         SLUICE_OK);
        expect_range(&c.m, 65536, 0, CACHED); /* one's own copy */
        close_cached(&c);
        assert_int_equal(count_mappings(&c), 0);
    }
    remove_cache(&c);
}

/* What is not what it should be is not there; and there is nothing else. */
static void test_entries__are_checked_before_they_are_mapped(void **state)
{
    (void)state;
    static const char *const damage[] = {
        "for f in [0-9a-f]*/*; do printf X | dd of=$f bs=1 seek=99999 conv=notrunc; "
        "done 2>/dev/null",
        "for f in [0-9a-f]*/*; do truncate -s 70000 $f; done",
        "for f in [0-9a-f]*/*; do truncate -s +1 $f; done",
    };
    cached c;
    make_cache(&c);
    for (size_t i = 0; i < N(damage); i++)
        for (int seen = 0; seen < 2; seen++) {
            open_cached(&c, true);
            if (seen)
                expect_range(&c.m, 65536, 0, CACHED);
            uint64_t before = bytes_mapped(&c.m);
            in_cache(&c, damage[i]);
            assert_int_equal(call_n(&c.m.f, "read", 1 << 16, 0, CACHED, 3, NULL),
                             SLUICE_ETRAP);
            assert_non_null(strstr(c.m.f.error.message, "data fault"));
            assert_int_equal(bytes_mapped(&c.m), before);
            close_cached(&c);
        }
    remove_cache(&c);
}

static void test_entries__may_go_while_they_are_mapped(void **state)
{
    (void)state;
    cached c;
    uint64_t sum;
    make_cache(&c);
    open_cached(&c, true);
    assert_int_equal(call_n(&c.m.f, "read", 65536, 0, CACHED, 3, NULL), SLUICE_OK);
    in_cache(&c, "rm [0-9a-f]*/*");
    assert_int_equal(call_n(&c.m.f, "sum", 65536, CACHED, 0, 2, &sum), SLUICE_OK);
    assert_int_equal(sum, sum_bytes(text, CACHED));
    assert_int_equal(count_mappings(&c), CACHED / CHUNK + 1); /* "(deleted)" */
    close_cached(&c);
    open_cached(&c, true);
    assert_int_equal(call_n(&c.m.f, "read", 65536, 0, CACHED, 3, NULL), SLUICE_OK);
    assert_int_equal(bytes_mapped(&c.m), CACHED - TAIL);
    in_cache(&c, "truncate -s 4096 [0-9a-f]*/*"); /* by somebody who should not */
    assert_int_equal(call_n(&c.m.f, "sum", 65536, CACHED, 0, 2, &sum),
                     SLUICE_ETRAP);
    assert_non_null(strstr(c.m.f.error.message, "data fault"));
    close_cached(&c);
    remove_cache(&c);
}

/* A bus error that is none of ours ends the process as it always did. */
static void test_guard__passes_on(void **state)
{
    (void)state;
    mapped m;
    open_mapped(&m, true);
    FILE *file = tmpfile();
    int fd = fileno(file);
    assert_int_equal(ftruncate(fd, 4096), 0);
    volatile char *page =
        mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, fd, 0);
    assert_int_equal(ftruncate(fd, 0), 0);
    pid_t child = fork();
    if (child == 0) {
        signal(SIGBUS, SIG_DFL); /* not the test framework's */
        sluice_store_map_files(m.f.store, true, NULL);
        (void)page[0];
        _exit(0);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGBUS);
    munmap((void *)(uintptr_t)page, 4096);
    fclose(file);
    close_mapped(&m);
}

const struct CMUnitTest mapping_tests[] = {
    cmocka_unit_test(test_mapping__is_a_copy_to_see),
    cmocka_unit_test(test_mapping__leaves_nothing_behind),
    cmocka_unit_test(test_mapping__file_shrinks),
    cmocka_unit_test(test_entries__are_mapped),
    cmocka_unit_test(test_entries__are_checked_before_they_are_mapped),
    cmocka_unit_test(test_entries__may_go_while_they_are_mapped),
    cmocka_unit_test(test_guard__passes_on),
};
const size_t n_mapping_tests = sizeof mapping_tests / sizeof *mapping_tests;
