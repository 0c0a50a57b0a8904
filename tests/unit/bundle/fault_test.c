/* Internalizing what is not as the component says. */
#include "check.h"
#include "fixture.h"

#include <openssl/sha.h>
#include <zstd.h>

#define SIZE 20000 /* in chunks of 4096 */

/* in.wasm, and out.wasm with its segment in d/. */
static void make_external(fixture *f, int level)
{
    unsigned number = 0;
    uint64_t size = SIZE;
    sl_buf in = {0};
    make_folder(f);
    put_preamble(&in);
    put_segments(&in, &size, 1, &number);
    write_file(at(f, "in.wasm"), in.data, in.len);
    sl_buf_deinit(&in);
    sl_outside outside = {at(f, "d"), level, 12, 0};
    assert_job(sl_externalize, at(f, "in.wasm"), at(f, "out.wasm"), &outside);
}

/* The error, and nothing left behind. */
static void assert_refused(fixture *f, sl_status code, const char *words)
{
    sl_err err;
    int before = count_files(f->folder), fds = count_fds();
    assert_int_equal(
        run_job(inward, at(f, "out.wasm"), at(f, "back.wasm"), NULL, &err),
        code);
    if (strstr(err.msg, words) == NULL)
        fail_msg("no `%s` in `%s`", words, err.msg);
    assert_int_equal(err.at, SL_ERR_NO_PLACE);
    assert_int_equal(count_files(f->folder), before);
    assert_int_equal(count_fds(), fds);
}

static void flip(const char *path, long place)
{
    FILE *file = fopen(path, "r+b");
    assert_non_null(file);
    fseek(file, place, SEEK_SET);
    int c = fgetc(file);
    fseek(file, place, SEEK_SET);
    fputc(c ^ 1, file);
    fclose(file);
}

/* --- Files -------------------------------------------------------------- */

static void test_internalize__wrong_content(void **state)
{
    (void)state;
    static const struct {
        long place;
        const char *words;
    } row[] = {
        {0, "out-0.data: data fault: bytes [0, 4096): wrong digest"},
        {4096, "bytes [4096, 8192): wrong digest"},
        {SIZE - 1, "bytes [16384, 20000): wrong digest"},
    };
    fixture f;
    make_external(&f, 0);
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        flip(at(&f, "d/out-0.data"), row[i].place);
        assert_refused(&f, SL_EINVALID, row[i].words);
        flip(at(&f, "d/out-0.data"), row[i].place);
    }
    assert_job(inward, at(&f, "out.wasm"), at(&f, "back.wasm"), NULL);
    remove_folder(&f);
}

static void test_internalize__wrong_size(void **state)
{
    (void)state;
    fixture f;
    make_external(&f, 0);
    assert_int_equal(truncate(at(&f, "d/out-0.data"), SIZE - 1), 0);
    assert_refused(&f, SL_EINVALID, "the file has 19999 bytes, not 20000");
    assert_int_equal(truncate(at(&f, "d/out-0.data"), SIZE + 1), 0);
    assert_refused(&f, SL_EINVALID, "the file has 20001 bytes, not 20000");
    assert_int_equal(truncate(at(&f, "d/out-0.data"), 0), 0);
    assert_refused(&f, SL_EINVALID, "the file has 0 bytes");
    remove_folder(&f);
}

static void test_internalize__no_file_or_not_one(void **state)
{
    (void)state;
    fixture f;
    make_external(&f, 0);
    assert_int_equal(unlink(at(&f, "d/out-0.data")), 0);
    assert_refused(&f, SL_EIO, "No such file");
    assert_int_equal(mkdir(at(&f, "d/out-0.data"), 0777), 0);
    assert_refused(&f, SL_EIO, "not a regular file");
    assert_int_equal(rmdir(at(&f, "d/out-0.data")), 0);
    assert_int_equal(mkfifo(at(&f, "d/out-0.data"), 0666), 0);
    assert_refused(&f, SL_EIO, "not a regular file");
    remove_folder(&f);
}

/* Links may be followed, but not out of the component's folder. */
static void test_internalize__links(void **state)
{
    (void)state;
    fixture f, other;
    make_external(&f, 0);
    make_folder(&other);
    char far[160];
    snprintf(far, sizeof far, "%s", at(&other, "x"));
    assert_int_equal(rename(at(&f, "d/out-0.data"), at(&f, "moved")), 0);
    assert_int_equal(symlink("../moved", at(&f, "d/out-0.data")), 0);
    assert_job(inward, at(&f, "out.wasm"), at(&f, "back.wasm"), NULL);
    assert_int_equal(unlink(at(&f, "back.wasm")), 0);
    assert_int_equal(rename(at(&f, "moved"), far), 0);
    assert_refused(&f, SL_EIO, "No such file");
    assert_int_equal(unlink(at(&f, "d/out-0.data")), 0);
    assert_int_equal(symlink(far, at(&f, "d/out-0.data")), 0);
    assert_refused(&f, SL_EIO, "leads out of");
    assert_int_equal(unlink(at(&f, "d/out-0.data")), 0);
    assert_int_equal(rmdir(at(&f, "d")), 0);
    assert_int_equal(symlink(other.folder, at(&f, "d")), 0);
    assert_int_equal(rename(far, at(&other, "out-0.data")), 0);
    assert_refused(&f, SL_EIO, "leads out of");
    assert_int_equal(unlink(at(&f, "d")), 0);
    assert_int_equal(symlink("d", at(&f, "d")), 0);
    assert_refused(&f, SL_EIO, "symbolic links");
    remove_folder(&f);
    remove_folder(&other);
}

/* --- Frames ------------------------------------------------------------- */

static void test_internalize__damaged_frames(void **state)
{
    (void)state;
    fixture f;
    make_external(&f, 1);
    sl_buf file = read_file(at(&f, "d/out-0.data.zst"));
    size_t seek_table = 8 + 5 * 8 + 9;
    sl_err err;
    /* Whatever byte of the frames is changed, nothing wrong comes in. */
    for (size_t i = 0; i < file.len - seek_table; i += 97) {
        flip(at(&f, "d/out-0.data.zst"), (long)i);
        sl_status st = run_job(inward, at(&f, "out.wasm"), at(&f, "back.wasm"),
                               NULL, &err);
        if (st == SL_OK) { /* a bit that zstd does not look at */
            opened o;
            open_component(&o, at(&f, "back.wasm"));
            assert_payloads(&o);
            close_component(&o);
            unlink(at(&f, "back.wasm"));
        } else {
            assert_int_equal(st, SL_EINVALID);
            assert_non_null(strstr(err.msg, "data fault: bytes ["));
        }
        flip(at(&f, "d/out-0.data.zst"), (long)i);
    }
    for (size_t len = 0; len < file.len - seek_table; len += 499) {
        assert_int_equal(truncate(at(&f, "d/out-0.data.zst"), (off_t)len), 0);
        assert_refused(&f, SL_EINVALID, "the file is cut short");
        write_file(at(&f, "d/out-0.data.zst"), file.data, file.len);
    }
    /* The seek table is for others. */
    assert_int_equal(
        truncate(at(&f, "d/out-0.data.zst"), (off_t)(file.len - seek_table)),
        0);
    assert_job(inward, at(&f, "out.wasm"), at(&f, "back.wasm"), NULL);
    sl_buf_deinit(&file);
    remove_folder(&f);
}

/* A component with one zstd segment of `size` bytes in one chunk, whose digest
 * is that of zeros or wrong, and whose frame is `frame`. */
static void write_frame(fixture *f, uint64_t size, uint32_t len,
                        const void *frame, size_t bytes)
{
    sl_buf out = {0}, body = {0};
    put_preamble(&out);
    sl_buf_u32(&body, 1);
    sl_buf_u8(&body, 3);
    sl_buf_name(&body, SL_NAME("x.zst"));
    sl_buf_u64(&body, size);
    sl_buf_u8(&body, 20);
    sl_buf_u8(&body, 1);
    sl_buf_u32(&body, 1);
    sl_buf_u32(&body, len);
    for (int i = 0; i < 32; i++)
        sl_buf_u8(&body, 0);
    put_section(&out, 13, &body);
    write_file(at(f, "out.wasm"), out.data, out.len);
    sl_buf_deinit(&out);
    write_file(at(f, "x.zst"), frame, bytes);
}

static size_t compress(void *to, size_t room, const void *from, size_t len,
                       int window_log)
{
    ZSTD_CCtx *c = ZSTD_createCCtx();
    ZSTD_CCtx_setParameter(c, ZSTD_c_windowLog, window_log);
    ZSTD_inBuffer in = {from, len, 0};
    ZSTD_outBuffer out = {to, room, 0};
    /* No size is pledged: the window stays as large as it is asked to be. */
    assert_int_equal(ZSTD_compressStream2(c, &out, &in, ZSTD_e_flush), 0);
    assert_int_equal(ZSTD_compressStream2(c, &out, &in, ZSTD_e_end), 0);
    ZSTD_freeCCtx(c);
    return out.pos;
}

static void test_internalize__frames_that_are_not_the_chunk(void **state)
{
    (void)state;
    static const struct {
        uint64_t size; /* declared; 1000 bytes are in the frame */
        int more;      /* bytes counted behind the frame */
        int window_log;
        const char *words;
    } row[] = {
        {1000, 0, 20, "wrong digest"},
        {999, 0, 20, "the frame holds more than the chunk"},
        {1001, 0, 20, "the frame holds less than the chunk"},
        {1000, 1, 20, "bytes behind the frame"},
        {1000, -1, 20, "the frame is cut short"},
        {1000, -7, 20, "the frame is cut short"},
        {1000, 0, 23, "wrong digest"},
        {1000, 0, 24, "the frame's window exceeds 2^23 bytes"},
        {1000, 0, 27, "the frame's window exceeds 2^23 bytes"},
    };
    fixture f;
    uint8_t content[1000], frame[2000] = {0};
    make_folder(&f);
    for (size_t i = 0; i < sizeof content; i++)
        content[i] = byte_at(i);
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        size_t len = compress(frame, sizeof frame, content, sizeof content,
                              row[i].window_log);
        write_frame(&f, row[i].size, (uint32_t)((int)len + row[i].more), frame,
                    len + 10);
        assert_refused(&f, SL_EINVALID, row[i].words);
    }
    write_frame(&f, 1000, 0, "", 0);
    assert_refused(&f, SL_EINVALID, "the frame holds less than the chunk");
    write_frame(&f, 1000, 12, "no frame at all", 12);
    assert_refused(&f, SL_EINVALID,
                   "data fault: bytes [0, 1000): Unknown frame");
    write_frame(&f, 1000, 12, "\x50\x2a\x4d\x18\4\0\0\0skip", 12);
    assert_refused(&f, SL_EINVALID, "the frame holds less than the chunk");
    write_frame(&f, 1000, UINT32_MAX, frame, 1000);
    assert_refused(&f, SL_EINVALID, "the file is cut short");
    remove_folder(&f);
}

/* --- Sizes -------------------------------------------------------------- */

/* Too large to be inline is said before anything is read. */
static void test_internalize__four_gib(void **state)
{
    (void)state;
    fixture f;
    sl_buf out = {0}, body = {0};
    make_folder(&f);
    put_preamble(&out);
    sl_buf_u32(&body, 1);
    sl_buf_u8(&body, 3);
    sl_buf_name(&body, SL_NAME("big"));
    sl_buf_u64(&body, UINT64_C(1) << 32);
    sl_buf_bytes(&body, "\x1e\0\4", 3);
    for (int i = 0; i < 4 * 32; i++)
        sl_buf_u8(&body, 0);
    put_section(&out, 13, &body);
    write_file(at(&f, "out.wasm"), out.data, out.len);
    sl_buf_deinit(&out);
    assert_refused(&f, SL_ERANGE, "big: 4294967296 bytes are too many");
    remove_folder(&f);
}

/* An external definition without zstd, in chunks of 1 GiB. */
static void put_external(sl_buf *body, sl_name name, uint64_t size,
                         const uint8_t digest[32])
{
    sl_buf_u8(body, 3);
    sl_buf_name(body, name);
    sl_buf_u64(body, size);
    sl_buf_u8(body, 30);
    sl_buf_u8(body, 0);
    uint32_t n = (uint32_t)((size + (1u << 30) - 1) >> 30);
    sl_buf_u32(body, n);
    for (uint32_t i = 0; i < n; i++)
        sl_buf_bytes(body, digest, 32);
}

/* Each fits, but not both into the component that they are in. */
static void test_internalize__a_nested_component_of_four_gib(void **state)
{
    (void)state;
    fixture f;
    sl_buf out = {0}, inner = {0}, body = {0};
    uint8_t digest[32];
    const size_t some = 300000;
    uint8_t *zeros = calloc(1, some);
    SHA256(zeros, some, digest);
    make_folder(&f);
    put_preamble(&out);
    put_preamble(&inner);
    sl_buf_u32(&body, 2);
    put_external(&body, SL_NAME("some"), some, digest);
    put_external(&body, SL_NAME("big"), UINT32_MAX - 200000, digest);
    put_section(&inner, 13, &body);
    put_section(&out, 4, &inner);
    write_file(at(&f, "out.wasm"), out.data, out.len);
    write_file(at(&f, "some"), zeros, some);
    write_file(at(&f, "big"), "", 0);
    sl_buf_deinit(&out);
    free(zeros);
    assert_refused(&f, SL_ERANGE, "a section would have 4 GiB or more");
    remove_folder(&f);
}

const struct CMUnitTest fault_tests[] = {
    cmocka_unit_test(test_internalize__wrong_content),
    cmocka_unit_test(test_internalize__wrong_size),
    cmocka_unit_test(test_internalize__no_file_or_not_one),
    cmocka_unit_test(test_internalize__links),
    cmocka_unit_test(test_internalize__damaged_frames),
    cmocka_unit_test(test_internalize__frames_that_are_not_the_chunk),
    cmocka_unit_test(test_internalize__four_gib),
    cmocka_unit_test(test_internalize__a_nested_component_of_four_gib),
};
const size_t n_fault_tests = sizeof fault_tests / sizeof *fault_tests;
