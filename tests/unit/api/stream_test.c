#include "fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>
#include <uv.h>

/* --- One operation at a time ------------------------------------------------- */

typedef struct step {
    bool done, end;
    int times;
    size_t n;
    uint64_t copied;
    sluice_error error;
    sluice_val val;
} step;

static void was_read(void *arg, size_t n, bool end, const sluice_error *error)
{
    step *s = arg;
    s->done = true;
    s->times++;
    s->n = n;
    s->end = end;
    s->error = error != NULL ? *error : (sluice_error){0};
}

static void was_written(void *arg, size_t n, bool end)
{
    was_read(arg, n, end, NULL);
}

static void was_copied(void *arg, uint64_t n, const sluice_error *error)
{
    was_read(arg, 0, false, error);
    ((step *)arg)->copied = n;
}

static void came(void *arg, sluice_val *val, const sluice_error *error)
{
    was_read(arg, val != NULL, false, error);
    if (val != NULL) {
        ((step *)arg)->val = *val;
        *val = (sluice_val){0};
    }
}

static void finish_step(fixture *f, step *s)
{
    assert_int_equal(sluice_store_run(f->store, &s->done), SLUICE_OK);
    assert_int_equal(s->times, 1);
}

/* Reads up to `len` numbers and waits. */
static step read_some(fixture *f, sluice_reader *reader, void *to, size_t len)
{
    step s = {0};
    assert_int_equal(sluice_reader_read(reader, to, len, was_read, &s),
                     SLUICE_OK);
    assert_false(s.done);
    finish_step(f, &s);
    return s;
}

static sluice_stream *stream_of(fixture *f, const char *name, sluice_val *arg)
{
    sluice_val result = {0};
    if (call(f, name, arg, &result) != SLUICE_OK)
        fail_msg("%s", f->error.message);
    assert_int_equal(result.kind, SLUICE_STREAM);
    return result.of.stream;
}

/* BYTES over `len` bytes of text. */
static void bytes_init(fixture *f, const uint8_t *text, size_t len)
{
    fixture_init(f, BYTES);
    sluice_segment *s = sluice_segment_from_buffer(text, len, true, &f->error);
    assert_int_equal(sluice_linker_segment(f->linker, "text", s, &f->error),
                     SLUICE_OK);
    sluice_segment_free(s);
    fixture_instantiate(f);
}

/* --- Reading ---------------------------------------------------------------- */

#define EIGHT                                                                  \
    "(data (i32.const 1024) \"\\01\\00\\00\\00\\02\\00\\00\\00\\03\\00\\00"    \
    "\\00\\04\\00\\00\\00\\05\\00\\00\\00\\06\\00\\00\\00\\07\\00\\00\\00"     \
    "\\08\\00\\00\\00\")"

static void test_reader__numbers_piece_by_piece(void **state)
{
    (void)state;
    for (size_t piece = 1; piece <= 9; piece++) {
        fixture f;
        uint32_t got[16] = {0};
        size_t n = 0;
        bool end = false;
        fixture_init(&f, PRODUCER("u32", 4, EIGHT));
        fixture_instantiate(&f);
        sluice_val arg = u32_val(8);
        sluice_reader *r =
            sluice_reader_new(stream_of(&f, "produce", &arg), &f.error);
        assert_non_null(r);
        while (!end) {
            step s = read_some(&f, r, got + n, piece);
            assert_true(s.n <= piece);
            n += s.n;
            end = s.end;
            assert_int_equal(s.error.status, SLUICE_OK);
        }
        assert_int_equal(n, 8);
        for (uint32_t i = 0; i < 8; i++)
            assert_int_equal(got[i], i + 1);
        step s = {0};
        assert_int_equal(sluice_reader_read(r, got, 1, was_read, &s),
                         SLUICE_EUSAGE);
        assert_null(sluice_reader_release(r));
        sluice_reader_free(r);
        fixture_deinit(&f);
    }
}

#define WORDS                                                                  \
    "(data (i32.const 1024) \"\\00\\01\\00\\00\\03\\00\\00\\00\\03\\01\\00"    \
    "\\00\\00\\00\\00\\00\\03\\01\\00\\00\\05\\00\\00\\00\")"                  \
    "(data (i32.const 256) \"onethree\")"

static void test_reader__values(void **state)
{
    (void)state;
    for (size_t piece = 1; piece <= 4; piece++) {
        static const char *const words[] = {"one", "", "three"};
        fixture f;
        size_t n = 0;
        bool end = false;
        fixture_init(&f, PRODUCER("string", 8, WORDS));
        fixture_instantiate(&f);
        sluice_val arg = u32_val(3);
        sluice_reader *r =
            sluice_reader_new(stream_of(&f, "produce", &arg), &f.error);
        step s = {0};
        uint32_t number;
        assert_int_equal(sluice_reader_read(r, &number, 1, was_read, &s),
                         SLUICE_EUSAGE);
        while (!end) {
            sluice_val vals[4] = {{0}};
            s = (step){0};
            assert_int_equal(
                sluice_reader_read_vals(r, vals, piece, was_read, &s),
                SLUICE_OK);
            finish_step(&f, &s);
            for (size_t i = 0; i < s.n; i++) {
                assert_int_equal(vals[i].kind, SLUICE_STRING);
                assert_string_equal(vals[i].of.string.data, words[n++]);
                sluice_val_deinit(&vals[i]);
            }
            end = s.end;
        }
        assert_int_equal(n, 3);
        sluice_reader_free(r);
        fixture_deinit(&f);
    }
}

/* What was produced and never read is dropped with the stream. */
static void test_reader__dropped_in_the_middle(void **state)
{
    (void)state;
    for (int way = 0; way < 4; way++) {
        fixture f;
        uint32_t two[2];
        fixture_init(&f, PRODUCER("u32", 4, EIGHT));
        fixture_instantiate(&f);
        sluice_val arg = u32_val(8);
        sluice_stream *stream = stream_of(&f, "produce", &arg);
        if (way == 0) {
            sluice_stream_drop(stream);
        } else {
            sluice_reader *r = sluice_reader_new(stream, &f.error);
            step s = {0};
            if (way >= 2)
                assert_int_equal(read_some(&f, r, two, 2).n, 2);
            if (way == 3)
                sluice_reader_read(r, two, 2, was_read, &s);
            sluice_reader_free(r);
            bool never = false;
            sluice_store_run(f.store, &never);
            assert_false(s.done); /* no callback behind a free */
        }
        bool never = false;
        sluice_store_run(f.store, &never);
        assert_int_equal(sluice_store_stats(f.store).tasks, 0);
        assert_int_equal(sluice_store_stats(f.store).stream_ends, 0);
        fixture_deinit(&f);
    }
    sluice_stream_drop(NULL);
    sluice_reader_free(NULL);
}

static void test_reader__cancel_and_go_on(void **state)
{
    (void)state;
    fixture f;
    sluice_writer *w;
    sluice_stream *stream;
    uint8_t got[8] = {0};
    step s = {0}, written = {0};
    fixture_init(&f, MATH);
    assert_int_equal(sluice_stream_new(f.store, NULL, &w, &stream, &f.error),
                     SLUICE_OK);
    sluice_reader *r = sluice_reader_new(stream, &f.error);
    assert_int_equal(sluice_reader_read(r, got, 8, was_read, &s), SLUICE_OK);
    assert_int_equal(sluice_reader_read(r, got, 8, was_read, &s),
                     SLUICE_EUSAGE); /* one at a time */
    assert_null(sluice_reader_release(r));
    sluice_reader_cancel(r);
    assert_false(s.done);
    finish_step(&f, &s);
    assert_int_equal(s.n, 0);
    assert_false(s.end);
    assert_int_equal(s.error.status, SLUICE_ECANCELLED);
    sluice_reader_cancel(r); /* nothing to cancel */

    s = (step){0};
    assert_int_equal(sluice_writer_write(w, "abc", 3, was_written, &written),
                     SLUICE_OK);
    s = read_some(&f, r, got, 8);
    assert_int_equal(s.n, 3);
    assert_memory_equal(got, "abc", 3);
    sluice_writer_close(w);
    sluice_reader_free(r);
    fixture_deinit(&f);
}

/* The host reads the beginning, a guest the rest. */
static void test_reader__release(void **state)
{
    (void)state;
    fixture f;
    static uint8_t text[20000];
    uint8_t got[5000];
    fill_bytes(text, sizeof text);
    bytes_init(&f, text, sizeof text);
    sluice_reader *r =
        sluice_reader_new(stream_of(&f, "greet", NULL), &f.error);
    size_t n = 0;
    while (n < sizeof got)
        n += read_some(&f, r, got + n, sizeof got - n).n;
    assert_memory_equal(got, text, sizeof got);
    sluice_val rest = {.kind = SLUICE_STREAM,
                       .of.stream = sluice_reader_release(r)};
    sluice_val sum = {0};
    assert_non_null(rest.of.stream);
    assert_int_equal(call(&f, "sum", &rest, &sum), SLUICE_OK);
    assert_int_equal(sum.of.u64, sum_bytes(text + n, sizeof text - n));
    sluice_stats stats = sluice_store_stats(f.store);
    assert_int_equal(stats.bytes_forwarded, n);
    assert_int_equal(stats.bytes_to_guest, sizeof text - n);
    fixture_deinit(&f);
}

/* --- Descriptors ------------------------------------------------------------- */

static void test_stream__to_a_pipe_and_a_file(void **state)
{
    (void)state;
    static uint8_t text[300000], got[sizeof text + 1];
    char path[64];
    int fds = count_fds();
    fill_bytes(text, sizeof text);
    temp_file(path, "", 0);
    fixture f;
    bytes_init(&f, text, sizeof text);
    int fd = open(path, O_WRONLY);
    step s = {0};
    assert_int_equal(sluice_stream_to_fd(stream_of(&f, "greet", NULL), fd,
                                         was_copied, &s),
                     SLUICE_OK);
    finish_step(&f, &s);
    close(fd);
    assert_int_equal(s.error.status, SLUICE_OK);
    assert_int_equal(s.copied, sizeof text);
    fd = open(path, O_RDONLY);
    assert_int_equal(read(fd, got, sizeof got), sizeof text);
    close(fd);
    assert_memory_equal(got, text, sizeof text);
    assert_int_equal(sluice_store_stats(f.store).bytes_to_guest, 0);
    assert_int_equal(sluice_store_stats(f.store).bytes_forwarded, sizeof text);

    int ends[2];
    assert_int_equal(pipe(ends), 0);
    s = (step){0};
    sluice_stream_to_fd(stream_of(&f, "greet", NULL), ends[1], was_copied, &s);
    size_t n = 0;
    fcntl(ends[0], F_SETFL, O_NONBLOCK);
    while (!s.done) { /* at the pipe's pace */
        uv_run(sluice_store_loop(f.store), UV_RUN_NOWAIT);
        ssize_t now = read(ends[0], got + n, sizeof got - n);
        n += now > 0 ? (size_t)now : 0;
    }
    ssize_t last = read(ends[0], got + n, sizeof got - n);
    n += last > 0 ? (size_t)last : 0;
    assert_int_equal(n, sizeof text);
    assert_int_equal(s.copied, sizeof text);
    assert_memory_equal(got, text, sizeof text);
    close(ends[0]);
    close(ends[1]);
    unlink(path);
    fixture_deinit(&f);
    assert_int_equal(count_fds(), fds);
}

static void test_stream__to_fd_fails(void **state)
{
    (void)state;
    static uint8_t text[100000];
    int ends[2];
    signal(SIGPIPE, SIG_IGN);
    fixture f;
    bytes_init(&f, text, sizeof text);
    assert_int_equal(pipe(ends), 0);
    close(ends[0]);
    step s = {0};
    sluice_stream_to_fd(stream_of(&f, "greet", NULL), ends[1], was_copied, &s);
    finish_step(&f, &s);
    assert_int_equal(s.error.status, SLUICE_EIO);
    assert_int_equal(s.error.os_error, EPIPE);
    assert_true(s.error.message[0] != '\0');
    close(ends[1]);
    fixture_deinit(&f);

    fixture_init(&f, PRODUCER("u32", 4, EIGHT));
    fixture_instantiate(&f);
    sluice_val arg = u32_val(1);
    assert_int_equal(sluice_stream_to_fd(stream_of(&f, "produce", &arg), 1,
                                         was_copied, &s),
                     SLUICE_EUSAGE);
    fixture_deinit(&f);
}

static void test_stream__from_a_pipe_and_a_file(void **state)
{
    (void)state;
    static uint8_t text[50000];
    char path[64];
    fill_bytes(text, sizeof text);
    temp_file(path, text, sizeof text);
    int fds = count_fds();
    for (int way = 0; way < 2; way++) {
        fixture f;
        int ends[2];
        bytes_init(&f, text, 1);
        if (way == 0) {
            ends[0] = open(path, O_RDONLY);
        } else {
            assert_int_equal(pipe(ends), 0);
            assert_int_equal(write(ends[1], text, sizeof text), sizeof text);
            close(ends[1]);
        }
        step s = {0};
        sluice_val in = {.kind = SLUICE_STREAM}, sum = {0};
        assert_int_equal(sluice_stream_from_fd(f.store, ends[0], &in.of.stream,
                                               was_copied, &s, &f.error),
                         SLUICE_OK);
        assert_int_equal(call(&f, "sum", &in, &sum), SLUICE_OK);
        assert_int_equal(sum.of.u64, sum_bytes(text, sizeof text));
        finish_step(&f, &s);
        assert_int_equal(s.copied, sizeof text);
        assert_int_equal(s.error.status, SLUICE_OK);
        close(ends[0]);
        fixture_deinit(&f);
    }
    unlink(path);
    assert_int_equal(count_fds(), fds);
}

static void test_stream__from_fd_and_dropped(void **state)
{
    (void)state;
    fixture f;
    int ends[2];
    fixture_init(&f, MATH);
    assert_int_equal(pipe(ends), 0);
    step s = {0};
    sluice_stream *stream;
    assert_int_equal(sluice_stream_from_fd(f.store, ends[0], &stream,
                                           was_copied, &s, &f.error),
                     SLUICE_OK);
    sluice_stream_drop(stream);
    finish_step(&f, &s);
    assert_int_equal(s.copied, 0);
    close(ends[0]);
    close(ends[1]);
    fixture_deinit(&f);
}

/* A transfer that the closing store ends. */
static void test_stream__transfers_end_with_the_store(void **state)
{
    (void)state;
    int ends[2], fds = count_fds();
    assert_int_equal(pipe(ends), 0);
    for (int way = 0; way < 3; way++) {
        fixture f;
        step s = {0}, written;
        sluice_writer *w = NULL;
        sluice_stream *stream;
        uint8_t byte;
        fixture_init(&f, MATH);
        if (way == 0) {
            sluice_stream_from_fd(f.store, ends[0], &stream, was_copied, &s,
                                  NULL);
            sluice_reader *r = sluice_reader_new(stream, NULL);
            step read = {0};
            sluice_reader_read(r, &byte, 1, was_read, &read);
            sluice_store_free(f.store);
            assert_int_equal(read.error.status, SLUICE_ECANCELLED);
            assert_int_equal(sluice_reader_read(r, &byte, 1, was_read, &read),
                             SLUICE_ECANCELLED);
            assert_null(sluice_reader_release(r));
        } else if (way == 1) {
            sluice_stream_new(f.store, NULL, &w, &stream, NULL);
            sluice_stream_to_fd(stream, ends[1], was_copied, &s);
            sluice_store_free(f.store);
        } else {
            sluice_stream_new(f.store, NULL, &w, &stream, NULL);
            sluice_reader *r = sluice_reader_new(stream, NULL);
            sluice_reader_read(r, &byte, 1, was_read, &s);
            sluice_store_free(f.store);
            assert_int_equal(
                sluice_writer_write(w, "x", 1, was_written, &written),
                SLUICE_ECANCELLED);
            sluice_reader_free(r);
        }
        assert_true(s.done);
        assert_int_equal(s.error.status, SLUICE_ECANCELLED);
        sluice_writer_close(w);
        f.store = NULL;
        fixture_deinit(&f);
    }
    close(ends[0]);
    close(ends[1]);
    assert_int_equal(count_fds(), fds);
}

/* --- Writing ------------------------------------------------------------------- */

typedef struct feed {
    sluice_writer *writer;
    const uint8_t *bytes;
    size_t left, writes;
    bool done;
} feed;

static void go_on(void *arg, size_t n, bool end)
{
    feed *f = arg;
    f->bytes += n;
    f->left -= n;
    f->writes++;
    if (f->left == 0 || end) {
        sluice_writer_close(f->writer);
        f->done = true;
    } else {
        assert_int_equal(
            sluice_writer_write(f->writer, f->bytes, f->left, go_on, f),
            SLUICE_OK);
    }
}

static void test_writer__at_the_readers_pace(void **state)
{
    (void)state;
    static uint8_t text[100000];
    fill_bytes(text, sizeof text);
    for (uint64_t seed = 0; seed < 5; seed++) {
        fixture f;
        outcome out;
        feed w = {.bytes = text, .left = sizeof text};
        sluice_val in = {.kind = SLUICE_STREAM};
        bytes_init(&f, text, 1);
        sluice_store_set_seed(f.store, seed);
        sluice_stream_new(f.store, NULL, &w.writer, &in.of.stream, &f.error);
        assert_int_equal(
            sluice_writer_write(w.writer, text, sizeof text, go_on, &w),
            SLUICE_OK);
        assert_int_equal(
            sluice_writer_write(w.writer, text, 1, go_on, &w), SLUICE_EUSAGE);
        begin(&f, "sum", &in, &out);
        assert_int_equal(finish(&f, &out), SLUICE_OK);
        assert_int_equal(out.result.of.u64, sum_bytes(text, sizeof text));
        assert_true(w.done);
        assert_true(w.writes >= sizeof text / 4096);
        fixture_deinit(&f);
    }
}

static void test_writer__the_reader_goes(void **state)
{
    (void)state;
    for (int before = 0; before < 2; before++) {
        fixture f;
        step s = {0};
        sluice_writer *w;
        sluice_stream *stream;
        fixture_init(&f, MATH);
        sluice_stream_new(f.store, NULL, &w, &stream, &f.error);
        if (before)
            sluice_stream_drop(stream);
        sluice_writer_write(w, "abc", 3, was_written, &s);
        if (!before)
            sluice_stream_drop(stream);
        finish_step(&f, &s);
        assert_int_equal(s.n, 0);
        assert_true(s.end);
        sluice_writer_close(w);
        fixture_deinit(&f);
    }
    sluice_writer_close(NULL);
}

static void test_writer__closed_while_a_guest_reads(void **state)
{
    (void)state;
    fixture f;
    outcome out;
    sluice_writer *w;
    step s = {0};
    sluice_val in = {.kind = SLUICE_STREAM};
    bytes_init(&f, (const uint8_t *)"x", 1);
    sluice_stream_new(f.store, NULL, &w, &in.of.stream, &f.error);
    begin(&f, "sum", &in, &out);
    sluice_writer_write(w, "\1\2\3", 3, was_written, &s);
    finish_step(&f, &s);
    assert_int_equal(s.n, 3);
    sluice_writer_close(w);
    assert_int_equal(finish(&f, &out), SLUICE_OK);
    assert_int_equal(out.result.of.u64, 6);
    fixture_deinit(&f);
}

static const sluice_type *elem_of(fixture *f, const char *name)
{
    return sluice_type_elem(
        sluice_type_result(sluice_func_type(func_of(f, name))));
}

static void test_writer__values(void **state)
{
    (void)state;
    fixture f;
    sluice_writer *w;
    sluice_val vals[3], got[3] = {{0}}, in = {.kind = SLUICE_STREAM}, out;
    step s = {0}, read = {0};
    fixture_init(&f, PASS("(stream string)"));
    fixture_instantiate(&f);
    assert_int_equal(sluice_stream_new(f.store, elem_of(&f, "pass"), &w,
                                       &in.of.stream, &f.error),
                     SLUICE_OK);
    assert_int_equal(call(&f, "pass", &in, &out), SLUICE_OK);
    assert_int_equal(out.kind, SLUICE_STREAM);
    for (int i = 0; i < 3; i++)
        assert_true(sluice_val_string(&vals[i], "abc", (size_t)i + 1));
    assert_int_equal(sluice_writer_write(w, "x", 1, was_written, &s),
                     SLUICE_EUSAGE);
    sluice_val wrong = u32_val(1);
    assert_int_equal(sluice_writer_write_vals(w, &wrong, 1, was_written, &s),
                     SLUICE_EUSAGE);
    assert_int_equal(sluice_writer_write_vals(w, vals, 3, was_written, &s),
                     SLUICE_OK);
    sluice_reader *r = sluice_reader_new(out.of.stream, &f.error);
    sluice_reader_read_vals(r, got, 2, was_read, &read);
    finish_step(&f, &read);
    finish_step(&f, &s);
    assert_int_equal(read.n, 2);
    assert_int_equal(s.n, 2);
    assert_string_equal(got[1].of.string.data, "ab");
    assert_int_equal(vals[1].kind, SLUICE_BOOL); /* taken */
    assert_int_equal(vals[2].kind, SLUICE_STRING);
    for (int i = 0; i < 3; i++) {
        sluice_val_deinit(&vals[i]);
        sluice_val_deinit(&got[i]);
    }
    sluice_reader_free(r);
    sluice_writer_close(w);
    fixture_deinit(&f);
}

/* --- Futures -------------------------------------------------------------------- */

static void test_future__set_and_read_in_any_order(void **state)
{
    (void)state;
    for (int way = 0; way < 4; way++) {
        bool through = way & 1, early = way & 2;
        fixture f;
        sluice_promise *p;
        sluice_val in = {.kind = SLUICE_FUTURE}, text;
        step s = {0};
        fixture_init(&f, PASS("(future string)"));
        fixture_instantiate(&f);
        assert_int_equal(sluice_future_new(f.store, elem_of(&f, "pass"), &p,
                                           &in.of.future, &f.error),
                         SLUICE_OK);
        assert_true(sluice_val_string(&text, "later", 5));
        if (early)
            sluice_promise_set(p, &text);
        if (through) {
            sluice_val out;
            assert_int_equal(call(&f, "pass", &in, &out), SLUICE_OK);
            assert_int_equal(out.kind, SLUICE_FUTURE);
            in = out;
        }
        assert_int_equal(sluice_future_read(in.of.future, came, &s), SLUICE_OK);
        if (!early)
            sluice_promise_set(p, &text);
        assert_int_equal(text.kind, SLUICE_BOOL); /* taken */
        assert_false(s.done);
        finish_step(&f, &s);
        assert_int_equal(s.error.status, SLUICE_OK);
        assert_int_equal(s.val.kind, SLUICE_STRING);
        assert_string_equal(s.val.of.string.data, "later");
        sluice_val_deinit(&s.val);
        fixture_deinit(&f);
    }
}

static void test_future__numbers_and_nothing(void **state)
{
    (void)state;
    fixture f;
    sluice_promise *p;
    sluice_future *future;
    step s = {0};
    fixture_init(&f, PASS("(future u16)"));
    fixture_instantiate(&f);
    sluice_future_new(f.store, elem_of(&f, "pass"), &p, &future, &f.error);
    sluice_future_read(future, came, &s);
    sluice_val val = {.kind = SLUICE_U16, .of.u16 = 65535};
    sluice_promise_set(p, &val);
    finish_step(&f, &s);
    assert_int_equal(s.val.kind, SLUICE_U16);
    assert_int_equal(s.val.of.u16, 65535);
    s = (step){0};
    sluice_future_new(f.store, NULL, &p, &future, &f.error);
    sluice_promise_set(p, NULL);
    sluice_future_read(future, came, &s);
    finish_step(&f, &s);
    assert_int_equal(s.n, 0); /* no payload */
    assert_int_equal(s.error.status, SLUICE_OK);
    fixture_deinit(&f);
}

static void test_future__dropped_and_the_store_goes(void **state)
{
    (void)state;
    fixture f;
    sluice_promise *p;
    sluice_future *future;
    step s = {0};
    fixture_init(&f, PASS("(future string)"));
    fixture_instantiate(&f);
    const sluice_type *elem = elem_of(&f, "pass");
    sluice_val text;
    sluice_future_new(f.store, elem, &p, &future, &f.error);
    sluice_future_drop(future);
    sluice_future_drop(NULL);
    assert_true(sluice_val_string(&text, "nobody reads it", 15));
    sluice_promise_set(p, &text);

    sluice_future_new(f.store, elem, &p, &future, &f.error);
    sluice_future_read(future, came, &s);
    sluice_store_free(f.store);
    f.store = NULL;
    assert_true(s.done);
    assert_int_equal(s.error.status, SLUICE_ECANCELLED);
    assert_true(sluice_val_string(&text, "too late", 8));
    sluice_promise_set(p, &text);
    fixture_deinit(&f);
}

/* "get" reads a future and gives back what it brought. */
#define GETTER                                                                 \
    "(component"                                                               \
    "  (type $f (future u16))"                                                 \
    "  (core module $Memory (memory (export \"memory\") 1))"                   \
    "  (core instance $memory (instantiate $Memory))"                          \
    "  (core func $read (canon future.read $f (memory $memory \"memory\")))"   \
    "  (core module $M"                                                        \
    "    (import \"\" \"memory\" (memory 1))"                                  \
    "    (import \"\" \"read\" (func $read (param i32 i32) (result i32)))"     \
    "    (func (export \"get\") (param i32) (result i32)"                      \
    "      (drop (call $read (local.get 0) (i32.const 0)))"                    \
    "      (i32.load16_u (i32.const 0))))"                                     \
    "  (core instance $m (instantiate $M (with \"\" (instance"                 \
    "    (export \"memory\" (memory $memory \"memory\"))"                      \
    "    (export \"read\" (func $read))))))"                                   \
    "  (func (export \"get\") async (param \"x\" (future u16)) (result u16)"   \
    "    (canon lift (core func $m \"get\"))))"

/* Before (0) and while (1) somebody reads: a value, none, one of another type. */
static void test_promise__kept_and_not(void **state)
{
    (void)state;
    for (int reads = 0; reads < 2; reads++)
        for (int how = 0; how < 4; how++) {
            fixture f;
            outcome out;
            sluice_promise *p;
            sluice_name name;
            const sluice_type *type;
            sluice_val arg = {.kind = SLUICE_FUTURE};
            fixture_init(&f, GETTER);
            fixture_instantiate(&f);
            assert_true(sluice_type_param(sluice_func_type(func_of(&f, "get")),
                                          0, &name, &type));
            assert_int_equal(sluice_future_new(f.store, sluice_type_elem(type),
                                               &p, &arg.of.future, &f.error),
                             SLUICE_OK);
            if (reads)
                begin(&f, "get", &arg, &out);
            sluice_val good = {.kind = SLUICE_U16, .of.u16 = 77};
            sluice_val bad = u32_val(77);
            if (how == 0)
                assert_int_equal(sluice_promise_set(p, &good), SLUICE_OK);
            else if (how == 1)
                assert_int_equal(sluice_promise_set(p, NULL), SLUICE_EUSAGE);
            else if (how == 2)
                assert_int_equal(sluice_promise_set(p, &bad), SLUICE_EUSAGE);
            else
                sluice_promise_drop(p);
            if (!reads)
                begin(&f, "get", &arg, &out);
            assert_int_equal(finish(&f, &out),
                             how == 0 ? SLUICE_OK : SLUICE_ETRAP);
            if (how == 0)
                assert_int_equal(out.result.of.u16, 77);
            else
                assert_string_equal(out.error.message,
                                    "the host has no value for a future");
            fixture_deinit(&f);
        }
}

static void test_promise__dropped_before_the_host_reads(void **state)
{
    (void)state;
    for (int reads = 0; reads < 2; reads++) {
        fixture f;
        sluice_promise *p;
        sluice_future *future;
        step s = {0};
        fixture_init(&f, PASS("(future string)"));
        fixture_instantiate(&f);
        sluice_future_new(f.store, elem_of(&f, "pass"), &p, &future, &f.error);
        if (reads)
            sluice_future_read(future, came, &s);
        sluice_promise_drop(p);
        if (!reads)
            sluice_future_read(future, came, &s);
        assert_false(s.done);
        finish_step(&f, &s);
        assert_int_equal(s.error.status, SLUICE_ECANCELLED);
        sluice_promise_drop(NULL);
        fixture_deinit(&f);
    }
}

static void test_stream__of_nothing(void **state)
{
    (void)state;
    fixture f;
    sluice_writer *w;
    sluice_val in = {.kind = SLUICE_STREAM}, out;
    step s = {0}, written = {0};
    fixture_init(&f, PASS("(stream)"));
    fixture_instantiate(&f);
    assert_int_equal(sluice_stream_new(f.store, sluice_type_none(), &w,
                                       &in.of.stream, &f.error),
                     SLUICE_OK);
    assert_int_equal(call(&f, "pass", &in, &out), SLUICE_OK);
    sluice_reader *r = sluice_reader_new(out.of.stream, &f.error);
    assert_int_equal(sluice_reader_read(r, NULL, 10, was_read, &s), SLUICE_OK);
    assert_int_equal(sluice_writer_write(w, NULL, 7, was_written, &written),
                     SLUICE_OK);
    finish_step(&f, &s);
    assert_int_equal(s.n, 7);
    finish_step(&f, &written);
    sluice_reader_free(r);
    sluice_writer_close(w);
    fixture_deinit(&f);
}

const struct CMUnitTest stream_tests[] = {
    cmocka_unit_test(test_reader__numbers_piece_by_piece),
    cmocka_unit_test(test_reader__values),
    cmocka_unit_test(test_reader__dropped_in_the_middle),
    cmocka_unit_test(test_reader__cancel_and_go_on),
    cmocka_unit_test(test_reader__release),
    cmocka_unit_test(test_stream__to_a_pipe_and_a_file),
    cmocka_unit_test(test_stream__to_fd_fails),
    cmocka_unit_test(test_stream__from_a_pipe_and_a_file),
    cmocka_unit_test(test_stream__from_fd_and_dropped),
    cmocka_unit_test(test_stream__transfers_end_with_the_store),
    cmocka_unit_test(test_writer__at_the_readers_pace),
    cmocka_unit_test(test_writer__the_reader_goes),
    cmocka_unit_test(test_writer__closed_while_a_guest_reads),
    cmocka_unit_test(test_writer__values),
    cmocka_unit_test(test_future__set_and_read_in_any_order),
    cmocka_unit_test(test_future__numbers_and_nothing),
    cmocka_unit_test(test_future__dropped_and_the_store_goes),
    cmocka_unit_test(test_promise__kept_and_not),
    cmocka_unit_test(test_promise__dropped_before_the_host_reads),
    cmocka_unit_test(test_stream__of_nothing),
};
const size_t n_stream_tests = N(stream_tests);
