/* Chunks that are opened entries of the cache on disk, to be mapped.
 * docs/data-segments.md, section 7. */
#include "check.h"

#include <dirent.h>
#include <sys/mman.h>

#include "unit/data/stores.h"

typedef struct opened {
    engine e;
    store s;
    char dir[64];
    int fds;
} opened;

static int count_open(void)
{
    int n = 0;
    DIR *dir = opendir("/proc/self/fd");
    while (readdir(dir) != NULL)
        n++;
    closedir(dir);
    return n;
}

/* All chunks are in the cache. */
static void open_opened(opened *o, bool maps)
{
    uint8_t chunk[CHUNK];
    strcpy(o->dir, "/tmp/sluice-entry-XXXXXX");
    assert_non_null(mkdtemp(o->dir));
    o->fds = count_open();
    open_engine(&o->e);
    o->e.remote = true;
    sl_disk *disk = sl_disk_open(o->dir, 0, 0, NULL);
    for (uint64_t i = 0; i < CHUNKS; i++) {
        fill(i * CHUNK, chunk, CHUNK);
        assert_true(sl_disk_put(disk, NULL, chunk, CHUNK, NULL));
    }
    sl_disk_unref(disk);
    assert_int_equal(sl_data_env_set_cache(o->e.env, o->dir, 0, NULL), SL_OK);
    open_store(&o->s, &o->e, NULL);
    sl_data_ctx_map_files(o->s.ctx, maps);
    sl_data_ctx_map_from(o->s.ctx, CHUNK);
}

static void damage(const opened *o, const char *how)
{
    char command[200];
    snprintf(command, sizeof command, "cd %s/v1 && %s [0-9a-f]*/*", o->dir, how);
    assert_int_equal(system(command), 0);
}

static void close_opened(opened *o)
{
    char command[100];
    close_store(&o->s);
    close_engine(&o->e);
    assert_int_equal(count_open(), o->fds);
    snprintf(command, sizeof command, "rm -r %s", o->dir);
    assert_int_equal(system(command), 0);
}

/* A guest's read of a whole chunk, until it is here. */
static void bring(opened *o, reader *r, uint64_t chunk, bool maps)
{
    memset(r, 0, sizeof *r);
    r->fetch.maps = maps;
    assert_int_equal(
        start_fetch(o->s.segment, r, chunk * CHUNK, CHUNK, 0), SL_OK);
    assert_true(sl_loop_run(o->s.loop, &r->done));
    assert_int_equal(r->err.code, SL_OK);
}

static bool pages_at(opened *o, uint64_t at, uint64_t *len, int *fd,
                     uint64_t *offset)
{
    sl_backing *b = o->s.segment->backing;
    *len = SIZE;
    return b->ops->pages(b, at, fd, offset, len);
}

static void test_pages__are_an_entry(void **state)
{
    (void)state;
    opened o;
    reader r;
    int fd;
    uint64_t len, offset;
    open_opened(&o, true);
    assert_false(pages_at(&o, 0, &len, &fd, &offset)); /* not here yet */
    bring(&o, &r, 5, true);
    assert_true(pages_at(&o, 5 * CHUNK, &len, &fd, &offset));
    assert_int_equal(len, CHUNK);
    assert_int_equal(offset, 0);
    uint8_t *page = mmap(NULL, CHUNK, PROT_READ, MAP_PRIVATE, fd, 0);
    assert_ptr_not_equal(page, MAP_FAILED);
    for (uint64_t i = 0; i < CHUNK; i++)
        assert_int_equal(page[i], byte_at(5 * CHUNK + i));
    assert_false(pages_at(&o, 5 * CHUNK + 1, &len, &fd, &offset)); /* too few */
    assert_true(is_right(o.s.segment, 5)); /* what is copied of it */
    /* The whole of it is taken: it goes with its last reader. */
    o.s.segment->backing->ops->mapped(o.s.segment->backing, 5 * CHUNK, CHUNK);
    sl_segment_release(o.s.segment, &r.fetch);
    assert_false(pages_at(&o, 5 * CHUNK, &len, &fd, &offset));
    munmap(page, CHUNK);
    assert_int_equal(counted(&o.e.counts.reads), 0);
    assert_int_equal(sl_data_ctx_stats(o.s.ctx)->disk_hits, 1);
    close_opened(&o);
}

static void test_pages__are_for_those_who_take_them(void **state)
{
    (void)state;
    static const struct {
        bool store, reader;
        uint64_t from;
    } row[] = {{false, true, CHUNK}, {true, false, CHUNK}, {true, true, CHUNK + 1}};
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        opened o;
        reader r;
        int fd;
        uint64_t len, offset;
        open_opened(&o, row[i].store);
        sl_data_ctx_map_from(o.s.ctx, row[i].from);
        bring(&o, &r, 2, row[i].reader);
        assert_false(pages_at(&o, 2 * CHUNK, &len, &fd, &offset));
        assert_true(is_right(o.s.segment, 2));
        sl_segment_release(o.s.segment, &r.fetch);
        close_opened(&o);
    }
}

/* Somebody cuts entries off after they were opened: what is not mapped by then
 * is fetched again, and from then on copied. */
static void test_pages__of_an_entry_that_shrinks(void **state)
{
    (void)state;
    for (int way = 0; way < 3; way++) {
        opened o;
        reader r;
        int fd;
        uint8_t byte;
        uint64_t len, offset;
        open_opened(&o, true);
        bring(&o, &r, 3, true);
        damage(&o, "truncate -s 0");
        assert_int_equal(sl_segment_try_read(o.s.segment, 3 * CHUNK + 5, &byte, 1,
                                             NULL),
                         0);
        assert_false(pages_at(&o, 3 * CHUNK, &len, &fd, &offset));
        if (way == 0)
            sl_segment_release(o.s.segment, &r.fetch);
        else
            sl_segment_cancel(o.s.segment, &r.fetch);
        if (way != 2) {
            bring(&o, &r, 3, true);
            assert_true(is_right(o.s.segment, 3));
            assert_int_equal(counted(&o.e.counts.reads), 1);
            sl_segment_release(o.s.segment, &r.fetch);
            bring(&o, &r, 4, true);
            assert_false(pages_at(&o, 4 * CHUNK, &len, &fd, &offset));
            assert_true(is_right(o.s.segment, 4));
            sl_segment_release(o.s.segment, &r.fetch);
        }
        close_opened(&o);
    }
}

static void test_pages__of_a_damaged_entry_are_not_seen(void **state)
{
    (void)state;
    opened o;
    reader r;
    int fd;
    uint64_t len, offset;
    open_opened(&o, true);
    damage(&o, "sed -i 's/[[:print:]]/X/g'");
    bring(&o, &r, 6, true); /* by the origin */
    assert_int_equal(counted(&o.e.counts.reads), 1);
    assert_false(pages_at(&o, 6 * CHUNK, &len, &fd, &offset));
    assert_true(is_right(o.s.segment, 6));
    sl_segment_release(o.s.segment, &r.fetch);
    close_opened(&o);
}

const struct CMUnitTest entry_tests[] = {
    cmocka_unit_test(test_pages__are_an_entry),
    cmocka_unit_test(test_pages__are_for_those_who_take_them),
    cmocka_unit_test(test_pages__of_an_entry_that_shrinks),
    cmocka_unit_test(test_pages__of_a_damaged_entry_are_not_seen),
};
const size_t n_entry_tests = sizeof entry_tests / sizeof *entry_tests;
