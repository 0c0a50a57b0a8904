/* External segments: chunks beside the component, verified before they are
 * seen. docs/data-segments.md, sections 2 and 5. */
#include "check.h"

#include <openssl/evp.h>
#include <zstd.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "data/cache.h"
#include "data/external_int.h"
#include "unit/data/fixture.h"

/* A directory with the file `data/x.bin` in it and a component that declares
 * it; the component's source is only the table of chunks. */
typedef struct beside {
    fixture f;
    char dir[64], file[96];
    sl_buf table, bytes; /* bytes: the file's */
    uint64_t frame_at[64];
    sl_segment_def def;
} beside;

static void put_digest(sl_buf *table, const uint8_t *bytes, size_t len)
{
    uint8_t digest[EVP_MAX_MD_SIZE];
    unsigned n;
    assert_int_equal(EVP_Digest(bytes, len, digest, &n, EVP_sha256(), NULL),
                     1);
    sl_buf_bytes(table, digest, n);
}

static void put_frame(beside *b, const uint8_t *bytes, size_t len)
{
    size_t room = ZSTD_compressBound(len);
    uint8_t *frame = malloc(room);
    size_t n = ZSTD_compress(frame, room, bytes, len, 3);
    assert_false(ZSTD_isError(n));
    sl_buf_u32(&b->table, (uint32_t)n);
    sl_buf_bytes(&b->bytes, frame, n);
    free(frame);
}

static void write_file(const char *path, const void *bytes, size_t len)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes, len), len);
    close(fd);
}

static void make_dir(beside *b)
{
    char sub[96];
    strcpy(b->dir, "/tmp/sluice-beside-XXXXXX");
    assert_non_null(mkdtemp(b->dir));
    snprintf(sub, sizeof sub, "%s/data", b->dir);
    assert_int_equal(mkdir(sub, 0755), 0);
    snprintf(b->file, sizeof b->file, "%s/data/x.bin", b->dir);
}

/* Binds the segment in f's context. */
static void bind(beside *b, fixture *f)
{
    f->source = sl_source_buffer(b->table.data, b->table.len, false, NULL);
    assert_int_equal(sl_source_set_base(f->source, b->dir, NULL), SL_OK);
    f->segment = sl_segment_new(
        sl_backing_external(f->ctx, f->source, &b->def, NULL), "segment 3",
        NULL);
    assert_non_null(f->segment);
}

static void open_beside(beside *b, uint64_t size, uint8_t log, bool zstd)
{
    memset(b, 0, sizeof *b);
    open_loop(&b->f);
    make_dir(b);
    uint8_t *content = malloc(size + 1);
    for (uint64_t i = 0; i < size; i++)
        content[i] = byte_at(i);
    uint64_t chunk = UINT64_C(1) << log;
    for (uint64_t at = 0; at < size; at += chunk) {
        size_t len = (size_t)(size - at < chunk ? size - at : chunk);
        b->frame_at[at / chunk] = b->bytes.len;
        if (zstd)
            put_frame(b, content + at, len);
        else
            sl_buf_bytes(&b->bytes, content + at, len);
        put_digest(&b->table, content + at, len);
    }
    free(content);
    write_file(b->file, b->bytes.data, b->bytes.len);
    b->def = (sl_segment_def){
        .form = SL_SEGMENT_EXTERNAL,
        .size = size,
        .reference = sl_name_of("data/x%2Ebin"),
        .table_size = b->table.len,
        .n_chunks = (uint32_t)((size + chunk - 1) / chunk),
        .chunk_log = log,
        .zstd = zstd,
    };
    bind(b, &b->f);
}

static void close_beside(beside *b)
{
    char command[128];
    close_fixture(&b->f);
    snprintf(command, sizeof command, "rm -r %s", b->dir);
    assert_int_equal(system(command), 0);
    sl_buf_deinit(&b->table);
    sl_buf_deinit(&b->bytes);
}

static void expect_bytes(beside *b, uint64_t at, size_t len)
{
    reader r = {0};
    uint8_t *got = malloc(len + 1);
    assert_true(read_range(&b->f, &r, at, got, len, b->def.size - at - len));
    for (size_t i = 0; i < len; i++)
        if (got[i] != byte_at(at + i))
            fail_msg("byte %zu of a read at %llu", i, (unsigned long long)at);
    sl_segment_cancel(b->f.segment, &r.fetch);
    free(got);
}

/* Nothing is delivered, and the message says what, where and why. */
static void expect_fault(beside *b, uint64_t at, const char *why)
{
    reader r = {0};
    uint8_t byte = 0x5a;
    assert_false(read_range(&b->f, &r, at, &byte, 1, 0));
    assert_int_equal(byte, 0x5a);
    if (strstr(r.err.msg, why) == NULL)
        fail_msg("`%s` is not in `%s`", why, r.err.msg);
    sl_segment_cancel(b->f.segment, &r.fetch);
}

static const uint64_t sizes[] = {1, 4095, 4096, 4097, 65536, 200000};

static void read_all(bool zstd)
{
    beside b;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        uint64_t size = sizes[i];
        open_beside(&b, size, 12, zstd);
        expect_bytes(&b, 0, (size_t)size);
        expect_bytes(&b, size - 1, 1);
        expect_bytes(&b, size / 2, (size_t)(size - size / 2));
        close_beside(&b);
    }
}

static void test_external__identity(void **state)
{
    (void)state;
    read_all(false);
}

static void test_external__zstd(void **state)
{
    (void)state;
    read_all(true);
}

static void test_external__binding_reads_nothing(void **state)
{
    (void)state;
    beside b;
    open_beside(&b, 100000, 14, false);
    assert_int_equal(unlink(b.file), 0);
    fixture other;
    open_loop(&other);
    bind(&b, &other);
    assert_int_equal(sl_data_ctx_stats(other.ctx)->bytes_read, 0);
    close_fixture(&other);
    expect_fault(&b, 5, "No such file or directory");
    /* It comes later: a failed attempt is not remembered. */
    write_file(b.file, b.bytes.data, b.bytes.len);
    expect_bytes(&b, 0, 100000);
    close_beside(&b);
}

static void test_external__no_base(void **state)
{
    (void)state;
    beside b;
    open_beside(&b, 5000, 12, false);
    fixture other;
    open_loop(&other);
    other.source =
        sl_source_buffer(b.table.data, b.table.len, false, NULL);
    other.segment = sl_segment_new(
        sl_backing_external(other.ctx, other.source, &b.def, NULL),
        "segment 0", NULL);
    reader r = {0};
    uint8_t byte;
    assert_false(read_range(&other, &r, 0, &byte, 1, 0));
    assert_non_null(strstr(r.err.msg, "no place beside which to look"));
    close_fixture(&other);
    close_beside(&b);
}

/* Every chunk but the damaged one is still good. */
static void test_external__a_damaged_chunk_is_never_seen(void **state)
{
    (void)state;
    beside b;
    enum { SIZE = 40000 };
    for (int zstd = 0; zstd < 2; zstd++) {
        open_beside(&b, SIZE, 12, zstd);
        uint64_t end = b.frame_at[4];
        for (uint64_t at = b.frame_at[3]; at < end; at += 97)
            for (int bit = 0; bit < 8; bit += 3) {
                b.bytes.data[at] ^= (uint8_t)(1 << bit);
                write_file(b.file, b.bytes.data, b.bytes.len);
                b.bytes.data[at] ^= (uint8_t)(1 << bit);
                expect_fault(&b, 3 * 4096 + at % 4096, "chunk 3: ");
            }
        expect_bytes(&b, 0, 3 * 4096);
        expect_bytes(&b, 4 * 4096, SIZE - 4 * 4096);
        write_file(b.file, b.bytes.data, b.bytes.len);
        expect_bytes(&b, 0, SIZE);
        close_beside(&b);
    }
}

/* Chunks that are read ahead are checked together: each is what it is. */
static void test_external__a_damaged_chunk_harms_no_other(void **state)
{
    (void)state;
    enum { SIZE = 40 * 4096 - 1000 };
    for (int zstd = 0; zstd < 2; zstd++)
        for (uint32_t damaged = 0; damaged < 16; damaged++) {
            beside b;
            open_beside(&b, SIZE, 12, zstd);
            for (size_t i = 0; i < 40; i++)
                if (damaged >> i % 4 & 1)
                    b.bytes.data[b.frame_at[i] + 40] ^= 0x10;
            write_file(b.file, b.bytes.data, b.bytes.len);
            for (uint64_t i = 0; i < 40; i++) {
                char why[32];
                snprintf(why, sizeof why, "chunk %d: ", (int)i);
                if (damaged >> i % 4 & 1)
                    expect_fault(&b, i << 12, why);
                else
                    expect_bytes(&b, i << 12, i < 39 ? 4096 : 3096);
            }
            close_beside(&b);
        }
}

static void test_external__swapped_and_short_files(void **state)
{
    (void)state;
    beside b;
    open_beside(&b, 3 * 4096, 12, false);
    uint8_t *swapped = malloc(b.bytes.len);
    memcpy(swapped, b.bytes.data + 4096, 4096);
    memcpy(swapped + 4096, b.bytes.data, 4096);
    memcpy(swapped + 8192, b.bytes.data + 8192, 4096);
    write_file(b.file, swapped, b.bytes.len);
    free(swapped);
    expect_fault(&b, 0, "SHA-256");
    expect_fault(&b, 4096, "SHA-256");
    expect_bytes(&b, 8192, 4096);
    assert_int_equal(truncate(b.file, 4096 + 100), 0);
    expect_fault(&b, 4096, "the file is too short");
    close_beside(&b);
}

static void test_external__no_way_out_of_the_directory(void **state)
{
    (void)state;
    beside b;
    char elsewhere[64] = "/tmp/sluice-elsewhere-XXXXXX";
    int fd = mkstemp(elsewhere);
    open_beside(&b, 100, 12, false);
    assert_int_equal(write(fd, b.bytes.data, b.bytes.len), b.bytes.len);
    close(fd);
    unlink(b.file);
    assert_int_equal(symlink(elsewhere, b.file), 0);
    expect_fault(&b, 0, "out of the directory");
    unlink(b.file);
    assert_int_equal(mkdir(b.file, 0755), 0);
    expect_fault(&b, 0, "not a regular file");
    rmdir(b.file);
    assert_int_equal(symlink("y.bin", b.file), 0); /* a link that stays */
    char beside_it[128];
    snprintf(beside_it, sizeof beside_it, "%s/data/y.bin", b.dir);
    write_file(beside_it, b.bytes.data, b.bytes.len);
    expect_bytes(&b, 0, 100);
    close_beside(&b);
    unlink(elsewhere);
}

/* --- Frames ------------------------------------------------------------------ */

/* Replaces the only frame and its length in the table. */
static void set_frame(beside *b, const void *frame, size_t len)
{
    uint8_t digest[SL_DIGEST_SIZE];
    memcpy(digest, b->table.data + b->table.len - sizeof digest,
           sizeof digest);
    sl_segment_unref(b->f.segment);
    sl_source_unref(b->f.source);
    sl_buf_clear(&b->table);
    sl_buf_u32(&b->table, (uint32_t)len);
    sl_buf_bytes(&b->table, digest, sizeof digest);
    b->def.table_size = b->table.len;
    write_file(b->file, frame, len);
    bind(b, &b->f);
}

/* A frame that says nothing of its content's size; its window descriptor
 * (RFC 8878, section 3.1.1.1.2) is as asked. */
static size_t compress(sl_buf *content, uint8_t *to, size_t room, int window)
{
    ZSTD_CCtx *c = ZSTD_createCCtx();
    ZSTD_CCtx_setParameter(c, ZSTD_c_contentSizeFlag, 0);
    ZSTD_inBuffer in = {content->data, content->len, 0};
    ZSTD_outBuffer out = {to, room, 0};
    assert_int_equal(ZSTD_compressStream2(c, &out, &in, ZSTD_e_end), 0);
    ZSTD_freeCCtx(c);
    assert_int_equal(to[4] & 0x20, 0);
    to[5] = (uint8_t)((window - 10) << 3);
    return out.pos;
}

static void test_frame__must_be_what_was_declared(void **state)
{
    (void)state;
    beside b;
    uint8_t frame[16384];
    sl_buf content = {0};
    for (size_t i = 0; i < 5000; i++)
        sl_buf_u8(&content, byte_at(i));
    open_beside(&b, 5000, 13, true);
    expect_bytes(&b, 0, 5000);

    size_t n = compress(&content, frame, sizeof frame, 23);
    set_frame(&b, frame, n);
    expect_bytes(&b, 0, 5000);
    close_beside(&b);

    open_beside(&b, 5000, 13, true);
    n = compress(&content, frame, sizeof frame, 24);
    set_frame(&b, frame, n);
    expect_fault(&b, 0, "window exceeds 2^23");
    n = compress(&content, frame, sizeof frame, 20);
    set_frame(&b, frame, n - 1);
    expect_fault(&b, 0, "bad zstd frame");
    frame[n] = 0;
    set_frame(&b, frame, n + 1);
    expect_fault(&b, 0, "does not end where it should");
    sl_buf_u8(&content, 0); /* one byte too many */
    n = compress(&content, frame, sizeof frame, 20);
    set_frame(&b, frame, n);
    expect_fault(&b, 0, "bad zstd frame");
    content.len -= 2; /* one too few */
    n = compress(&content, frame, sizeof frame, 20);
    set_frame(&b, frame, n);
    expect_fault(&b, 0, "4999 bytes of content where the chunk has 5000");
    set_frame(&b, "\x50\x2a\x4d\x18\x02\0\0\0ab", 10); /* skippable */
    expect_fault(&b, 0, "its header is none");
    set_frame(&b, "", 0);
    expect_fault(&b, 0, "its header is none");
    close_beside(&b);
    sl_buf_deinit(&content);
}

/* A length that no frame of a chunk needs is refused before memory is taken
 * for it. */
static void test_frame__length_is_bounded(void **state)
{
    (void)state;
    beside b;
    open_beside(&b, 5000, 13, true);
    uint8_t digest[SL_DIGEST_SIZE];
    memcpy(digest, b.table.data + b.table.len - sizeof digest, sizeof digest);
    sl_segment_unref(b.f.segment);
    sl_source_unref(b.f.source);
    sl_buf_clear(&b.table);
    sl_buf_u32(&b.table, UINT32_MAX);
    sl_buf_bytes(&b.table, digest, sizeof digest);
    b.def.table_size = b.table.len;
    bind(&b, &b.f);
    expect_fault(&b, 0, "4294967295 bytes for a chunk of 5000");
    close_beside(&b);
}

/* --- What is shared ------------------------------------------------------------ */

static void test_cache__serves_other_stores(void **state)
{
    (void)state;
    beside b;
    sl_data_env *env = sl_data_env_new(NULL);
    open_beside(&b, 300000, 16, true);
    sl_segment_unref(b.f.segment);
    sl_source_unref(b.f.source);
    sl_data_ctx_free(b.f.ctx);
    b.f.ctx = sl_data_ctx_new(b.f.loop, NULL);
    sl_data_ctx_share(b.f.ctx, env);
    bind(&b, &b.f);
    expect_bytes(&b, 0, 300000);

    fixture saved = b.f, other;
    open_loop(&other);
    sl_data_ctx_share(other.ctx, env);
    sl_data_env_unref(env);
    bind(&b, &other);
    assert_int_equal(unlink(b.file), 0);
    b.f = other;
    expect_bytes(&b, 0, 300000);
    close_fixture(&b.f);
    b.f = saved;
    write_file(b.file, "", 0);
    close_beside(&b);
}

/* What another store has verified is read at once; no chunks are made for it, to
 * be left behind by the reader. One that is under way is waited for: what it
 * costs is counted. */
static void test_cache__is_read_without_chunks(void **state)
{
    (void)state;
    enum { CHUNK = 1 << 16, SIZE = 60 * CHUNK };
    beside b;
    static uint8_t got[SIZE];
    open_beside(&b, SIZE, 16, false);
    sl_data_env *env = sl_data_env_new(NULL);
    fixture first, *f = &b.f;
    sl_segment_unref(f->segment);
    sl_source_unref(f->source);
    sl_data_ctx_free(f->ctx);
    f->ctx = sl_data_ctx_new(f->loop, NULL);
    open_loop(&first);
    sl_data_ctx_share(first.ctx, env);
    sl_data_ctx_share(f->ctx, env);
    sl_data_env_unref(env);
    bind(&b, f);
    bind(&b, &first);
    reader r = {0};
    assert_true(read_range(&first, &r, 0, got, SIZE, 0));

    r = (reader){0};
    assert_int_equal(start_fetch(f->segment, &r, 0, 10, SIZE - 10), SL_OK);
    assert_int_equal(sl_segment_try_read(f->segment, 0, got, 1, NULL), 0);
    assert_true(sl_loop_run(f->loop, &r.done));
    sl_segment_release(f->segment, &r.fetch);
    bool never = false;
    assert_false(sl_loop_run(f->loop, &never));
    for (uint64_t at = 0; at < SIZE; at += CHUNK) { /* the loop does not run */
        assert_int_equal(sl_segment_try_read(f->segment, at, got, CHUNK, NULL),
                         CHUNK);
        sl_segment_ahead(f->segment, &r.fetch, at + CHUNK, SIZE - at - CHUNK);
    }
    sl_chunks *set = &((sl_external_backing *)f->segment->backing)->set->chunks;
    assert_int_equal(set->in_flight, 0);
    assert_null(set->head);
    sl_segment_cancel(f->segment, &r.fetch);
    close_fixture(&first);
    close_beside(&b);
}

static void test_backing__is_one_for_all_instances(void **state)
{
    (void)state;
    beside b;
    open_beside(&b, 100000, 16, false);
    sl_segment *again = sl_segment_new(
        sl_backing_external(b.f.ctx, b.f.source, &b.def, NULL), "segment 3",
        NULL);
    assert_ptr_equal(again->backing, b.f.segment->backing);
    reader one = {0}, two = {0};
    start_fetch(b.f.segment, &one, 10, 20, 0);
    start_fetch(again, &two, 40, 20, 0);
    assert_true(sl_loop_run(b.f.loop, &one.done));
    assert_true(sl_loop_run(b.f.loop, &two.done));
    assert_int_equal(sl_data_ctx_stats(b.f.ctx)->reads_pooled, 1);
    sl_segment_release(b.f.segment, &one.fetch);
    sl_segment_release(again, &two.fetch);
    sl_segment_unref(again);
    close_beside(&b);
}

static void test_cache__keeps_its_budget(void **state)
{
    (void)state;
    sl_cache *cache = sl_cache_new(1000);
    uint8_t digest[SL_DIGEST_SIZE] = {0};
    for (int i = 0; i < 100; i++) {
        sl_blob *blob = sl_blob_new(90);
        blob->digest[5] = (uint8_t)i;
        memset(blob->bytes, i, 90);
        sl_cache_put(cache, blob);
        sl_cache_put(cache, blob); /* has it already */
        sl_blob_unref(blob);
        sl_blob *first = sl_cache_get(cache, digest, 90);
        assert_non_null(first); /* used all the time: it stays */
        assert_int_equal(first->bytes[89], 0);
        sl_blob_unref(first);
        assert_true(sl_cache_bytes(cache) <= 1000);
    }
    digest[5] = 50;
    assert_null(sl_cache_get(cache, digest, 90));
    digest[5] = 99;
    assert_null(sl_cache_get(cache, digest, 91));
    sl_blob *big = sl_blob_new(501);
    big->digest[0] = 1;
    sl_cache_put(cache, big);
    assert_null(sl_cache_get(cache, big->digest, 501));
    sl_blob_unref(big);
    sl_cache_free(cache);
}

static void test_cache__uses_memory_again(void **state)
{
    (void)state;
    enum { LEN = 1 << 16 };
    sl_cache *cache = sl_cache_new(LEN * 4);
    sl_blob *blob = sl_cache_take(cache, LEN), *held = sl_blob_ref(blob);
    uint8_t *bytes = blob->bytes;
    sl_cache_leave(cache, blob);
    blob = sl_cache_take(cache, LEN);
    assert_ptr_not_equal(blob->bytes, bytes); /* somebody has it */
    sl_cache_leave(cache, blob);
    sl_cache_leave(cache, held);
    sl_cache_leave(cache, NULL);
    blob = sl_cache_take(cache, LEN - 1); /* of this length only */
    assert_ptr_not_equal(blob->bytes, bytes);
    sl_cache_leave(cache, blob);
    size_t before = sl_alloc_count();
    for (int i = 0; i < 100; i++) { /* what is put out leaves its memory */
        blob = sl_cache_take(cache, LEN);
        assert_int_equal(blob->refs, 1);
        memset(blob->digest, 0, sizeof blob->digest);
        blob->digest[5] = (uint8_t)i;
        sl_cache_put(cache, blob);
        sl_cache_leave(cache, blob);
    }
    assert_true(sl_alloc_count() - before <= 2 * 5);
    sl_blob *many[100]; /* ... and not without bound */
    for (int i = 0; i < 100; i++)
        assert_non_null(many[i] = sl_cache_take(cache, LEN));
    for (int i = 0; i < 100; i++)
        sl_cache_leave(cache, many[i]);
    blob = sl_cache_take(cache, (size_t)8 << 20); /* too big to be kept, and */
    sl_cache_leave(cache, blob);                  /* the others stay */
    before = sl_alloc_count();
    for (int i = 0; i < 100; i++)
        assert_non_null(many[i] = sl_cache_take(cache, LEN));
    size_t kept = (size_t)(4 << 20) / LEN;
    assert_int_equal(sl_alloc_count() - before, 2 * (100 - kept));
    for (int i = 0; i < 100; i++)
        sl_cache_leave(cache, many[i]);
    sl_cache_free(cache);
}

/* --- Leaving --------------------------------------------------------------------- */

static void test_cancel__in_the_middle(void **state)
{
    (void)state;
    beside b;
    open_beside(&b, 1000000, 14, false);
    for (int i = 0; i < 50; i++) {
        reader r = {0};
        start_fetch(b.f.segment, &r, (uint64_t)i * 17000, 5000, 100000);
        sl_segment_cancel(b.f.segment, &r.fetch);
        assert_false(r.done);
    }
    expect_bytes(&b, 0, 1000000);
    reader r = {0};
    start_fetch(b.f.segment, &r, 999999, 1, 0);
    close_beside(&b); /* with a request under way */
    assert_false(r.done);
}

static void test_memory__fails_anywhere(void **state)
{
    (void)state;
    for (size_t n = 1; n < 40; n++) {
        beside b;
        open_beside(&b, 20000, 13, n & 1);
        fixture other;
        open_loop(&other);
        other.source =
            sl_source_buffer(b.table.data, b.table.len, false, NULL);
        sl_source_set_base(other.source, b.dir, NULL);
        sl_alloc_fail_at(n / 2 + 1, 0);
        sl_err err = {0};
        sl_backing *backing =
            sl_backing_external(other.ctx, other.source, &b.def, &err);
        if (backing != NULL)
            other.segment = sl_segment_new(backing, "segment 0", &err);
        uint8_t got[20000];
        reader r = {0};
        bool good = other.segment != NULL &&
                    read_range(&other, &r, 0, got, sizeof got, 0);
        sl_alloc_fail_at(0, 0);
        if (!good)
            assert_true(err.code == SL_ENOMEM || r.err.code != SL_OK);
        if (other.segment != NULL) { /* and nothing bad stays behind */
            assert_true(read_range(&other, &r, 0, got, sizeof got, 0));
            assert_int_equal(got[19999], byte_at(19999));
            sl_segment_cancel(other.segment, &r.fetch);
        }
        close_fixture(&other);
        close_beside(&b);
    }
}

const struct CMUnitTest external_tests[] = {
    cmocka_unit_test(test_external__identity),
    cmocka_unit_test(test_external__zstd),
    cmocka_unit_test(test_external__binding_reads_nothing),
    cmocka_unit_test(test_external__no_base),
    cmocka_unit_test(test_external__a_damaged_chunk_is_never_seen),
    cmocka_unit_test(test_external__a_damaged_chunk_harms_no_other),
    cmocka_unit_test(test_external__swapped_and_short_files),
    cmocka_unit_test(test_external__no_way_out_of_the_directory),
    cmocka_unit_test(test_frame__must_be_what_was_declared),
    cmocka_unit_test(test_frame__length_is_bounded),
    cmocka_unit_test(test_cache__serves_other_stores),
    cmocka_unit_test(test_cache__is_read_without_chunks),
    cmocka_unit_test(test_backing__is_one_for_all_instances),
    cmocka_unit_test(test_cache__keeps_its_budget),
    cmocka_unit_test(test_cache__uses_memory_again),
    cmocka_unit_test(test_cancel__in_the_middle),
    cmocka_unit_test(test_memory__fails_anywhere),
};
const size_t n_external_tests = sizeof external_tests / sizeof *external_tests;
