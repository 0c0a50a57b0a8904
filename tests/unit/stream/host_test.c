/* The host's ends of streams and futures, and descriptors as sinks and
 * sources. */
#include "check.h"

#include <errno.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "base/alloc.h"
#include "unit/stream/data_fixture.h"

/* --- Reading ---- */

typedef struct result {
    bool done;
    uint32_t n;
    sl_copy_result result;
    char fault[SL_ERR_MSG_MAX];
} result;

static void on_read(void *arg, uint32_t n, sl_copy_result res,
                    const sl_err *fault)
{
    result *r = arg;
    r->done = true;
    r->n = n;
    r->result = res;
    snprintf(r->fault, sizeof r->fault, "%s", fault ? fault->msg : "");
}

static sl_status guest_write_bytes(guest *g, sl_shared *s, void *from,
                                   uint32_t n)
{
    guest_init(g, s->elem, from, 1, n);
    return s->ops->write(s, &g->copy);
}

static void test_reader__takes_what_a_guest_writes(void **state)
{
    (void)state;
    fixture f;
    uint8_t to[100] = {0};
    open_store(&f);
    sl_shared *s = sl_stream_new(f.store, sl_type_primitive(SL_T_U8), NULL);
    sl_host_reader *reader = sl_host_reader_new(s, NULL);
    result r = {0};
    assert_int_equal(sl_host_read(reader, to, 100, on_read, &r), SL_OK);
    assert_int_equal(sl_host_read(reader, to, 100, on_read, &r), SL_EUSAGE);
    /* Two writes before the host looks: one completion with the sum. */
    assert_int_equal(guest_write_bytes(&f.g, s, "hello ", 6), SL_OK);
    assert_int_equal(guest_write_bytes(&f.g, s, "world", 5), SL_OK);
    assert_false(r.done);
    assert_true(sl_loop_run(f.loop, &r.done));
    assert_int_equal(r.n, 11);
    assert_int_equal(r.result, SL_COPY_COMPLETED);
    assert_memory_equal(to, "hello world", 11);
    /* The writer first; then the end. */
    assert_int_equal(guest_write_bytes(&f.g, s, "abc", 3), SL_OK);
    r.done = false;
    assert_int_equal(sl_host_read(reader, to, 2, on_read, &r), SL_OK);
    assert_true(sl_loop_run(f.loop, &r.done));
    assert_int_equal(r.n, 2);
    s->ops->reclaim(s, SL_WRITABLE);
    sl_shared_drop(s, SL_WRITABLE);
    r.done = false;
    assert_int_equal(sl_host_read(reader, to, 2, on_read, &r), SL_OK);
    assert_true(sl_loop_run(f.loop, &r.done));
    assert_int_equal(r.result, SL_COPY_DROPPED);
    assert_int_equal(r.n, 0);
    sl_host_reader_free(reader);
    close_fixture(&f);
}

static void test_reader__cancel_free_and_store_close(void **state)
{
    (void)state;
    fixture f;
    uint8_t to[8];
    open_store(&f);
    const sl_type *u8 = sl_type_primitive(SL_T_U8);
    sl_shared *s = sl_stream_new(f.store, u8, NULL);
    sl_host_reader *reader = sl_host_reader_new(s, NULL);
    result r = {0};
    assert_int_equal(sl_host_read(reader, to, 8, on_read, &r), SL_OK);
    sl_host_reader_cancel(reader);
    assert_true(sl_loop_run(f.loop, &r.done));
    assert_int_equal(r.result, SL_COPY_CANCELLED);
    r.done = false;
    assert_int_equal(sl_host_read(reader, to, 8, on_read, &r), SL_OK);
    sl_host_reader_free(reader); /* with a read under way */
    assert_int_equal(guest_write_bytes(&f.g, s, "x", 1), SL_OK);
    assert_int_equal(f.g.result, SL_COPY_DROPPED);
    sl_shared_drop(s, SL_WRITABLE);
    assert_false(r.done);

    s = sl_stream_new(f.store, u8, NULL);
    reader = sl_host_reader_new(s, NULL);
    assert_int_equal(sl_host_read(reader, to, 8, on_read, &r), SL_OK);
    sl_shared_unref(s);
    close_fixture(&f);
    assert_true(r.done);
    assert_int_equal(r.result, SL_COPY_CANCELLED);
    assert_int_equal(sl_host_read(reader, to, 8, on_read, &r), SL_ECANCELLED);
    assert_null(sl_host_reader_release(reader));
}

static void test_reader__of_a_segment_and_its_fault(void **state)
{
    (void)state;
    fixture f;
    uint8_t to[100];
    open_file_segment(&f, 0, 100000);
    sl_host_reader *reader = sl_host_reader_new(stream_of(&f, 10, 90000), NULL);
    result r = {0};
    assert_int_equal(sl_host_read(reader, to, 100, on_read, &r), SL_OK);
    assert_true(sl_loop_run(f.loop, &r.done));
    assert_int_equal(r.n, 100);
    assert_bytes(to, 10, 100);
    const sl_data_stats *stats = sl_data_ctx_stats(f.store->data);
    assert_int_equal(stats->bytes_to_guest, 0);
    assert_int_equal(stats->bytes_forwarded, 100);
    assert_int_equal(ftruncate(f.fd, 1000), 0);
    r.done = false;
    assert_int_equal(sl_host_read(reader, to, 100, on_read, &r), SL_OK);
    assert_true(sl_loop_run(f.loop, &r.done));
    assert_int_equal(r.result, SL_COPY_DROPPED);
    assert_int_equal(r.n, 0);
    assert_string_equal(r.fault, "data fault: segment 0, bytes [110, 210): the "
                                 "file has shrunk");
    assert_int_equal(f.traps, 0);
    sl_host_reader_free(reader);
    close_fixture(&f);
}

/* --- Writing ---- */

typedef struct producer {
    sl_host_writer *writer;
    uint32_t wants, wanted;
    bool closed;
    const char *at_once; /* to write inside `want` */
} producer;

static void on_want(void *arg, uint32_t n)
{
    producer *p = arg;
    p->wants++;
    p->wanted = n;
    if (p->at_once != NULL)
        sl_host_write(p->writer, p->at_once, (uint32_t)strlen(p->at_once));
}

static void on_closed(void *arg)
{
    ((producer *)arg)->closed = true;
}

static const sl_host_writer_ops producer_ops = {on_want, on_closed};

static void test_writer__follows_the_reader(void **state)
{
    (void)state;
    fixture f;
    uint8_t to[10];
    open_store(&f);
    producer p = {0};
    sl_shared *s;
    p.writer = sl_host_writer_new(f.store, sl_type_primitive(SL_T_U8),
                                  &producer_ops, &p, &s, NULL);
    assert_int_equal(sl_host_write(p.writer, "x", 1), 0); /* nobody reads */
    assert_int_equal(guest_read(&f.g, s, to, 10), SL_OK);
    assert_int_equal(p.wanted, 10);
    assert_false(f.g.event);
    assert_int_equal(sl_host_write(p.writer, "hello", 5), 5);
    assert_true(f.g.event);
    assert_int_equal(sl_host_write(p.writer, "worlds", 6), 5);
    assert_int_equal(f.g.result, SL_COPY_COMPLETED);
    assert_int_equal(take_event(&f, s), 10);
    assert_memory_equal(to, "helloworld", 10);
    assert_int_equal(sl_host_write(p.writer, "s", 1), 0);

    p.at_once = "now";
    assert_int_equal(guest_read(&f.g, s, to, 10), SL_OK);
    assert_true(f.g.event);
    assert_int_equal(take_event(&f, s), 3);
    p.at_once = NULL;

    assert_int_equal(guest_read(&f.g, s, to, 0), SL_OK); /* zero-length */
    assert_int_equal(p.wanted, 0);
    assert_false(f.g.event);
    sl_host_writer_ready(p.writer);
    assert_int_equal(take_event(&f, s), 0);

    assert_int_equal(guest_read(&f.g, s, to, 4), SL_OK);
    s->ops->cancel(s, SL_READABLE);
    assert_int_equal(f.g.result, SL_COPY_CANCELLED);
    assert_int_equal(take_event(&f, s), 0);
    assert_int_equal(sl_host_write(p.writer, "s", 1), 0);

    assert_int_equal(guest_read(&f.g, s, to, 4), SL_OK);
    assert_int_equal(sl_host_write(p.writer, "ab", 2), 2);
    sl_host_writer_close(p.writer);
    assert_int_equal(f.g.result, SL_COPY_DROPPED); /* with the last bytes */
    assert_int_equal(take_event(&f, s), 2);
    assert_int_equal(guest_read(&f.g, s, to, 4), SL_OK);
    assert_int_equal(f.g.result, SL_COPY_DROPPED);
    assert_int_equal(take_event(&f, s), 0);
    assert_false(p.closed);
    sl_shared_drop(s, SL_READABLE);
    close_fixture(&f);
}

static void test_writer__learns_that_nobody_reads(void **state)
{
    (void)state;
    fixture f;
    open_store(&f);
    producer p = {0}, q = {0};
    sl_shared *s, *t;
    const sl_type *u8 = sl_type_primitive(SL_T_U8);
    p.writer = sl_host_writer_new(f.store, u8, &producer_ops, &p, &s, NULL);
    q.writer = sl_host_writer_new(f.store, u8, &producer_ops, &q, &t, NULL);
    sl_shared_drop(s, SL_READABLE);
    assert_true(p.closed);
    assert_int_equal(sl_host_write(p.writer, "x", 1), 0);
    sl_host_writer_close(p.writer);
    close_fixture(&f); /* and that the store closes */
    assert_true(q.closed);
    sl_shared_unref(t);
    sl_host_writer_close(q.writer);
}

static void test_future__resolved_before_and_behind_the_read(void **state)
{
    (void)state;
    fixture f;
    open_store(&f);
    const sl_type *string = sl_type_primitive(SL_T_STRING);
    for (int late = 0; late < 2; late++) {
        sl_shared *s;
        sl_host_future *future = sl_host_future_new(f.store, string, &s, NULL);
        sl_val got = {0}, val = {.kind = SLUICE_STRING};
        char text[] = "value";
        val.of.string.data = text;
        val.of.string.len = 5;
        guest_init(&f.g, string, &got, sizeof got, 1);
        if (late)
            assert_int_equal(s->ops->read(s, &f.g.copy), SL_OK);
        assert_false(f.g.event);
        assert_int_equal(sl_host_future_resolve(future, &val, NULL), SL_OK);
        memset(text, 'x', 5); /* it was copied */
        if (!late)
            assert_int_equal(s->ops->read(s, &f.g.copy), SL_OK);
        assert_true(f.g.event);
        assert_int_equal(f.g.result, SL_COPY_COMPLETED);
        assert_int_equal(f.g.buffer.base.progress, 1);
        assert_memory_equal(got.of.string.data, "value", 5);
        f.g.event = false;
        sl_shared_drop(s, SL_READABLE);
    }
    sl_shared *s; /* never read; never resolved; holding a stream */
    sl_host_future *future = sl_host_future_new(f.store, string, &s, NULL);
    sl_shared_drop(s, SL_READABLE);
    assert_int_equal(sl_host_future_resolve(future, NULL, NULL), SL_OK);
    future = sl_host_future_new(f.store, string, &s, NULL);
    sl_host_future_free(future);
    sl_shared_drop(s, SL_READABLE);
    producer p = {0};
    sl_shared *inner;
    p.writer = sl_host_writer_new(f.store, sl_type_primitive(SL_T_U8),
                                  &producer_ops, &p, &inner, NULL);
    sl_val val = {.kind = SLUICE_STREAM};
    val.of.stream = (void *)inner;
    future = sl_host_future_new(f.store, string, &s, NULL);
    assert_int_equal(sl_host_future_resolve(future, &val, NULL), SL_OK);
    assert_null(val.of.stream);
    sl_shared_drop(s, SL_READABLE); /* and with it the stream inside */
    assert_true(p.closed);
    sl_host_writer_close(p.writer);
    close_fixture(&f);
}

static void test_host_to_host__values_and_futures(void **state)
{
    (void)state;
    fixture f;
    open_store(&f);
    const sl_type *string = sl_type_primitive(SL_T_STRING);
    sl_shared *s;
    sl_host_writer *w = sl_host_writer_new(f.store, string, &producer_ops,
                                           &(producer){0}, &s, NULL);
    sl_host_reader *reader = sl_host_reader_new(s, NULL);
    result r = {0};
    assert_int_equal(sl_host_read(reader, NULL, 4, on_read, &r), SL_OK);
    sl_val vals[2] = {{.kind = SLUICE_STRING}, {.kind = SLUICE_STRING}};
    for (int i = 0; i < 2; i++) {
        vals[i].of.string.data = i ? "two" : "one";
        vals[i].of.string.len = 3;
    }
    assert_int_equal(sl_host_write_vals(w, vals, 2), 2);
    assert_true(sl_loop_run(f.loop, &r.done));
    assert_int_equal(r.n, 2);
    assert_string_equal(sl_host_reader_vals(reader)[1].of.string.data, "two");
    r.done = false;
    assert_int_equal(sl_host_read(reader, NULL, 4, on_read, &r), SL_OK);
    sl_host_writer_close(w);
    assert_true(sl_loop_run(f.loop, &r.done));
    assert_int_equal(r.result, SL_COPY_DROPPED);
    sl_host_reader_free(reader);

    sl_host_future *future =
        sl_host_future_new(f.store, sl_type_primitive(SL_T_U32), &s, NULL);
    reader = sl_host_reader_new(s, NULL);
    uint32_t number = 0;
    r.done = false;
    assert_int_equal(sl_host_read(reader, &number, 1, on_read, &r), SL_OK);
    sl_val val = {.kind = SLUICE_U32};
    val.of.u32 = 77;
    assert_int_equal(sl_host_future_resolve(future, &val, NULL), SL_OK);
    assert_true(sl_loop_run(f.loop, &r.done));
    assert_int_equal(number, 77);
    sl_host_reader_free(reader);
    close_fixture(&f);
}

/* --- Sinks ---- */

typedef struct ending {
    bool done;
    int error;
    uint64_t n;
    char fault[SL_ERR_MSG_MAX];
} ending;

static void on_end(void *arg, int error, const sl_err *fault, uint64_t n)
{
    ending *e = arg;
    assert_false(e->done);
    e->done = true;
    e->error = error;
    e->n = n;
    snprintf(e->fault, sizeof e->fault, "%s", fault ? fault->msg : "");
}

static void set_true(void *arg)
{
    *(bool *)arg = true;
}

#define ANY UINT64_MAX

/* Reads what a sink writes, on the side, until `done`; how many bytes. */
static uint64_t drain_into(fixture *f, int rd, ending *e, uint64_t at)
{
    static uint8_t b[50000];
    uint64_t got = 0;
    fcntl(rd, F_SETFL, O_NONBLOCK);
    for (;;) {
        ssize_t n = read(rd, b, sizeof b);
        if (n > 0) {
            if (at != ANY)
                assert_bytes(b, at + got, (size_t)n);
            got += (uint64_t)n;
        } else if (e->done) {
            return got;
        } else {
            bool tick = false;
            sl_timer_start(f->loop, 1000000, set_true, &tick, NULL);
            assert_true(sl_loop_run(f->loop, &tick));
        }
    }
}

static void make_channel(int i, int fds[2])
{
    assert_int_equal(
        i == 0 ? pipe(fds) : socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
}

static void test_sink__forwards_a_segment_without_the_guest(void **state)
{
    (void)state;
    int before = count_fds();
    for (int kind = 0; kind < 2; kind++)
        for (int cold = 0; cold < 2; cold++)
            for (int seed = 0; seed < 3; seed++) {
                fixture f;
                int fds[2];
                size_t size = (seed ? 100000 : 3000000) + 12345;
                open_file_segment(&f, 777, size);
                sl_data_ctx_schedule(f.store->data, (uint64_t)seed);
                if (cold)
                    make_cold(&f);
                make_channel(kind, fds);
                ending e = {0};
                assert_non_null(sl_sink_fd(f.store, stream_of(&f, 5, size),
                                           fds[1], -1, on_end, &e, NULL));
                close(fds[1]);
                assert_int_equal(drain_into(&f, fds[0], &e, 5), size - 5);
                assert_int_equal(e.error, 0);
                assert_int_equal(e.n, size - 5);
                const sl_data_stats *stats = sl_data_ctx_stats(f.store->data);
                assert_int_equal(stats->bytes_forwarded, size - 5);
                assert_int_equal(stats->bytes_to_guest, 0);
                assert_int_equal(stats->bytes_read, 0);
                close(fds[0]);
                close_fixture(&f);
            }
    assert_int_equal(count_fds(), before);
}

static void test_sink__to_files_and_devices(void **state)
{
    (void)state;
    fixture f;
    size_t size = 2500000;
    open_file_segment(&f, 100, size);
    char path[] = "/tmp/sluice-sink-XXXXXX";
    int to = mkstemp(path);
    unlink(path);
    for (int append = 0; append < 2; append++) {
        ending e = {0};
        if (append)
            fcntl(to, F_SETFL, O_APPEND); /* copy_file_range refuses that */
        sl_sink_fd(f.store, stream_of(&f, 0, size), to, append ? -1 : 10,
                   on_end, &e, NULL);
        assert_true(sl_loop_run(f.loop, &e.done));
        assert_int_equal(e.error, 0);
        assert_int_equal(e.n, size);
    }
    uint8_t *back = malloc(2 * size + 11);
    assert_int_equal(pread(to, back, 2 * size + 11, 0), 2 * size + 10);
    assert_bytes(back + 10, 0, size);
    assert_bytes(back + 10 + size, 0, size);
    close(to);
    free(back);

    ending e = {0};
    to = open("/dev/null", O_WRONLY);
    sl_sink_fd(f.store, stream_of(&f, 0, size), to, -1, on_end, &e, NULL);
    close(to);
    assert_true(sl_loop_run(f.loop, &e.done));
    assert_int_equal(e.n, size);
    e = (ending){0};
    to = open("/dev/full", O_WRONLY);
    sl_sink_fd(f.store, stream_of(&f, 0, size), to, -1, on_end, &e, NULL);
    close(to);
    assert_true(sl_loop_run(f.loop, &e.done));
    assert_int_equal(e.error, ENOSPC);
    assert_int_equal(sl_data_ctx_stats(f.store->data)->bytes_to_guest, 0);
    close_fixture(&f);
}

static void test_sink__of_memory_and_behind_a_guest(void **state)
{
    (void)state;
    fixture f;
    int fds[2];
    uint8_t to[1000];
    open_memory_segment(&f, 200000);
    make_channel(0, fds);
    sl_shared *s = stream_of(&f, 0, 200000);
    assert_int_equal(guest_read(&f.g, s, to, 1000), SL_OK);
    assert_int_equal(take_event(&f, s), 1000);
    ending e = {0}; /* the guest hands the rest on */
    sl_sink_fd(f.store, s, fds[1], -1, on_end, &e, NULL);
    close(fds[1]);
    assert_int_equal(drain_into(&f, fds[0], &e, 1000), 199000);
    const sl_data_stats *stats = sl_data_ctx_stats(f.store->data);
    assert_int_equal(stats->bytes_to_guest, 1000);
    assert_int_equal(stats->bytes_forwarded, 199000);
    close(fds[0]);
    close_fixture(&f);
}

static void test_sink__closed_peer_drops_the_stream(void **state)
{
    (void)state;
    int before = count_fds();
    for (int kind = 0; kind < 2; kind++)
        for (int written = 0; written < 2; written++) {
            fixture f;
            int fds[2];
            open_file_segment(&f, 0, 1000000);
            make_channel(kind, fds);
            ending e = {0};
            sl_shared *guests = NULL;
            if (written)
                guests =
                    sl_stream_new(f.store, sl_type_primitive(SL_T_U8), NULL);
            sl_sink_fd(f.store, written ? guests : stream_of(&f, 0, 1000000),
                       fds[1], -1, on_end, &e, NULL);
            close(fds[1]);
            close(fds[0]);
            if (written)
                assert_int_equal(guest_write_bytes(&f.g, guests, "abc", 3),
                                 SL_OK);
            assert_true(sl_loop_run(f.loop, &e.done));
            assert_int_equal(e.error, EPIPE);
            if (written) {
                guests->ops->reclaim(guests, SL_WRITABLE);
                assert_int_equal(guest_write_bytes(&f.g, guests, "abc", 3),
                                 SL_OK);
                assert_int_equal(f.g.result, SL_COPY_DROPPED);
                sl_shared_drop(guests, SL_WRITABLE);
            }
            close_fixture(&f);
        }
    assert_int_equal(count_fds(), before);
}

static void test_sink__fault_ends_the_transfer(void **state)
{
    (void)state;
    for (int kind = 0; kind < 2; kind++) {
        fixture f;
        int fds[2];
        open_file_segment(&f, 0, 4000000);
        make_channel(kind, fds);
        ending e = {0};
        sl_sink_fd(f.store, stream_of(&f, 0, 4000000), fds[1], -1, on_end, &e,
                   NULL);
        close(fds[1]);
        bool tick = false;
        sl_timer_start(f.loop, 2000000, set_true, &tick, NULL);
        assert_true(sl_loop_run(f.loop, &tick)); /* the channel is full */
        assert_int_equal(ftruncate(f.fd, 1000), 0);
        /* What has been spliced is pages of the file: a pipe may show what
         * truncating did to them, before the transfer is cut. */
        uint64_t got = drain_into(&f, fds[0], &e, kind == 0 ? ANY : 0);
        assert_int_equal(e.error, EIO);
        assert_non_null(strstr(e.fault, "data fault: segment 0, bytes ["));
        assert_non_null(strstr(e.fault, "the file has shrunk"));
        assert_true(got < 4000000);
        close(fds[0]);
        close_fixture(&f);
    }
}

typedef struct asked {
    unsigned calls, retries; /* to answer so often with */
    int fd;                  /* mended at the last one */
    off_t size;
    struct timespec times[2];
    bool good; /* what was asked is right */
} asked;

static bool ask(void *arg, const sl_fault *fault)
{
    asked *a = arg;
    a->good = fault->attempt == ++a->calls && fault->host &&
              fault->len != 0 && strstr(fault->cause->msg, "has shrunk") != NULL;
    if (a->calls == a->retries) {
        assert_int_equal(ftruncate(a->fd, a->size), 0);
        assert_int_equal(futimens(a->fd, a->times), 0);
    }
    return a->calls <= a->retries;
}

/* The file gets its size back when the embedder has been asked `retries` times. */
static void test_sink__embedder_is_asked_about_a_fault(void **state)
{
    (void)state;
    for (int kind = 0; kind < 2; kind++)
        for (unsigned retries = 0; retries < 4; retries++) {
            fixture f;
            int fds[2];
            struct stat st;
            open_file_segment(&f, 0, 4000000);
            assert_int_equal(fstat(f.fd, &st), 0);
            asked a = {.retries = retries,
                       .fd = f.fd,
                       .size = st.st_size,
                       .times = {st.st_atim, st.st_mtim}};
            sl_data_ctx_on_fault(f.store->data, ask, &a);
            make_channel(kind, fds);
            ending e = {0};
            sl_sink_fd(f.store, stream_of(&f, 0, 4000000), fds[1], -1, on_end,
                       &e, NULL);
            close(fds[1]);
            assert_int_equal(ftruncate(f.fd, 1000), 0);
            uint64_t got = drain_into(&f, fds[0], &e, ANY);
            assert_true(a.good);
            assert_int_equal(a.calls, retries == 0 ? 1 : retries);
            assert_int_equal(e.error, retries == 0 ? EIO : 0);
            assert_int_equal(got, retries == 0 ? 0 : 4000000);
            close(fds[0]);
            close_fixture(&f);
        }
}

static void test_sink__drains_what_a_guest_writes(void **state)
{
    (void)state;
    fixture f;
    int fds[2];
    open_store(&f);
    make_channel(0, fds);
    sl_shared *s = sl_stream_new(f.store, sl_type_primitive(SL_T_U8), NULL);
    ending e = {0};
    sl_sink_fd(f.store, s, fds[1], -1, on_end, &e, NULL);
    close(fds[1]);
    static uint8_t bytes[300000];
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = byte_at(i);
    uint32_t sent = 0;
    static uint8_t back[65536];
    uint64_t got = 0;
    fcntl(fds[0], F_SETFL, O_NONBLOCK);
    while (sent < sizeof bytes) {
        guest_write_bytes(&f.g, s, bytes + sent, (uint32_t)sizeof bytes - sent);
        while (!f.g.event) { /* back-pressure: the pipe is full */
            bool tick = false;
            sl_timer_start(f.loop, 1000000, set_true, &tick, NULL);
            assert_true(sl_loop_run(f.loop, &tick));
            ssize_t n = read(fds[0], back, 10000);
            if (n > 0) {
                assert_bytes(back, got, (size_t)n);
                got += (uint64_t)n;
            }
        }
        if (f.g.dones == 0)
            s->ops->reclaim(s, SL_WRITABLE);
        f.g.copies = f.g.dones = 0;
        sent += f.g.buffer.base.progress;
    }
    sl_shared_drop(s, SL_WRITABLE);
    got += drain_into(&f, fds[0], &e, got);
    assert_int_equal(got, sizeof bytes);
    assert_int_equal(e.n, sizeof bytes);
    assert_int_equal(e.error, 0);
    close(fds[0]);
    close_fixture(&f);
}

static void test_sink__freed_and_closed_with_the_store(void **state)
{
    (void)state;
    int before = count_fds();
    for (int kind = 0; kind < 2; kind++)
        for (int cold = 0; cold < 2; cold++)
            for (int by_store = 0; by_store < 2; by_store++) {
                fixture f;
                int fds[2];
                open_file_segment(&f, 0, 2000000);
                if (cold)
                    make_cold(&f);
                make_channel(kind, fds);
                ending e = {0};
                sl_sink *sink = sl_sink_fd(f.store, stream_of(&f, 0, 2000000),
                                           fds[1], -1, on_end, &e, NULL);
                bool tick = false;
                sl_timer_start(f.loop, cold ? 0 : 2000000, set_true, &tick,
                               NULL);
                assert_true(sl_loop_run(f.loop, &tick));
                if (!by_store)
                    sl_sink_free(sink);
                /* a piece may be on the pool: it ends alone */
                sl_segment_unref(f.segment);
                sl_source_unref(f.source);
                f.segment = NULL;
                f.source = NULL;
                sl_store_free(f.store);
                assert_int_equal(e.done, by_store);
                if (by_store)
                    assert_int_equal(e.error, ECANCELED);
                sl_loop_free(f.loop);
                close(f.fd);
                unlink(f.path);
                close(fds[0]);
                close(fds[1]);
            }
    assert_int_equal(count_fds(), before);
}

/* --- Sources ---- */

static uint64_t read_to_end(fixture *f, sl_shared *s, uint64_t at)
{
    static uint8_t to[30000];
    uint64_t got = 0;
    do {
        assert_int_equal(guest_read(&f->g, s, to, sizeof to), SL_OK);
        uint32_t n = take_event(f, s);
        assert_bytes(to, at + got, n);
        got += n;
    } while (f->g.result == SL_COPY_COMPLETED);
    assert_int_equal(f->g.result, SL_COPY_DROPPED);
    return got;
}

static void test_source__gives_what_a_descriptor_has(void **state)
{
    (void)state;
    int before = count_fds();
    fixture f;
    open_file_segment(&f, 0, 500000); /* a file to read */
    for (int cold = 0; cold < 2; cold++) {
        if (cold)
            make_cold(&f);
        ending e = {0};
        sl_shared *s;
        assert_non_null(
            sl_source_fd(f.store, f.fd, 1000, on_end, &e, &s, NULL));
        assert_int_equal(read_to_end(&f, s, 1000), 499000);
        assert_true(sl_loop_run(f.loop, &e.done));
        assert_int_equal(e.error, 0);
        assert_int_equal(e.n, 499000);
        sl_shared_drop(s, SL_READABLE);
    }
    for (int kind = 0; kind < 2; kind++) {
        int fds[2];
        uint8_t to[10], bytes[5];
        make_channel(kind, fds);
        ending e = {0};
        sl_shared *s;
        sl_source_fd(f.store, fds[0], -1, on_end, &e, &s, NULL);
        close(fds[0]);
        assert_int_equal(guest_read(&f.g, s, to, 0), SL_OK);
        assert_false(f.g.event);
        for (int i = 0; i < 5; i++)
            bytes[i] = byte_at((uint64_t)i);
        assert_int_equal(write(fds[1], bytes, 5), 5);
        assert_int_equal(take_event(&f, s), 0); /* something is there */
        assert_int_equal(guest_read(&f.g, s, to, 3), SL_OK);
        assert_true(f.g.event);
        assert_int_equal(take_event(&f, s), 3);
        close(fds[1]);
        assert_int_equal(read_to_end(&f, s, 3), 2);
        assert_true(sl_loop_run(f.loop, &e.done));
        assert_int_equal(e.n, 5);
        sl_shared_drop(s, SL_READABLE);
    }
    close_fixture(&f);
    assert_int_equal(count_fds(), before);
}

static void test_source__dropped_freed_and_closed(void **state)
{
    (void)state;
    int before = count_fds(), fds[2];
    fixture f;
    uint8_t to[10];
    make_channel(0, fds);
    open_store(&f);
    ending e = {0}, e2 = {0};
    sl_shared *s;
    sl_source_fd(f.store, fds[0], -1, on_end, &e, &s, NULL);
    assert_int_equal(guest_read(&f.g, s, to, 10), SL_OK);
    s->ops->cancel(s, SL_READABLE);
    sl_shared_drop(s, SL_READABLE);
    assert_false(e.done);
    assert_true(sl_loop_run(f.loop, &e.done));
    assert_int_equal(e.error, 0);
    sl_source_stream *source =
        sl_source_fd(f.store, fds[0], -1, on_end, &e2, &s, NULL);
    assert_int_equal(guest_read(&f.g, s, to, 10), SL_OK);
    sl_source_fd_free(source);
    assert_int_equal(f.g.result, SL_COPY_DROPPED);
    sl_shared_drop(s, SL_READABLE);
    assert_false(e2.done);
    sl_shared *t;
    sl_source_fd(f.store, fds[0], -1, on_end, &e2, &t, NULL);
    assert_int_equal(guest_read(&f.g, t, to, 10), SL_OK);
    e = (ending){0};
    sl_source_fd(f.store, fds[0], -1, on_end, &e, &s, NULL);
    sl_shared_drop(s, SL_READABLE); /* its last word is still to come */
    sl_store_free(f.store);
    assert_true(e.done);
    assert_true(e2.done);
    assert_int_equal(e2.error, ECANCELED);
    sl_shared_unref(t);
    sl_loop_free(f.loop);
    close(fds[0]);
    close(fds[1]);
    assert_int_equal(count_fds(), before);
}

/* The n-th allocation fails, once or from then on: an error, nothing left. */
static void test_no_memory__is_an_error(void **state)
{
    (void)state;
    int before = count_fds();
    for (int forever = 0; forever < 2; forever++)
        for (size_t nth = 1, finished = 0; !finished; nth++) {
            fixture f;
            int fds[2];
            open_file_segment(&f, 0, 30000);
            make_cold(&f);
            make_channel(0, fds);
            ending e = {0}, e2 = {0};
            sl_shared *guests, *out = NULL;
            guests = sl_stream_new(f.store, sl_type_primitive(SL_T_U8), NULL);
            size_t count = sl_alloc_count();
            sl_err err = {0};
            sl_alloc_fail_at(nth, forever);
            sl_shared *s =
                sl_stream_from_segment(f.store, f.segment, 0, 30000, &err);
            uint8_t to[1000];
            bool read = s != NULL && guest_read(&f.g, s, to, 1000) == SL_OK &&
                        f.traps == 0 && take_event(&f, s) != 0;
            sl_sink *sink = NULL, *sink2 = NULL;
            sl_source_stream *source = NULL;
            if (read)
                sink = sl_sink_fd(f.store, s, fds[1], -1, on_end, &e, &err);
            else
                sl_shared_drop(s, SL_READABLE);
            if (sink != NULL)
                sl_loop_run(f.loop, &e.done);
            sink2 = sl_sink_fd(f.store, guests, fds[1], -1, on_end, &e2, &err);
            source = sl_source_fd(f.store, fds[0], -1, on_end, &e, &out, &err);
            finished = sl_alloc_count() - count < nth;
            sl_alloc_fail_at(0, 0);
            if (!finished && sink != NULL && sink2 != NULL && source != NULL)
                assert_true(!forever);
            if (finished)
                assert_true(e.done && e.error == 0 && e.n == 29000);
            sl_sink_free(sink2);
            sl_source_fd_free(source);
            sl_shared_drop(out, SL_READABLE);
            sl_shared_drop(guests, SL_WRITABLE);
            close(fds[0]);
            close(fds[1]);
            close_fixture(&f);
        }
    assert_int_equal(count_fds(), before);
}

const struct CMUnitTest host_tests[] = {
    cmocka_unit_test(test_reader__takes_what_a_guest_writes),
    cmocka_unit_test(test_reader__cancel_free_and_store_close),
    cmocka_unit_test(test_reader__of_a_segment_and_its_fault),
    cmocka_unit_test(test_writer__follows_the_reader),
    cmocka_unit_test(test_writer__learns_that_nobody_reads),
    cmocka_unit_test(test_future__resolved_before_and_behind_the_read),
    cmocka_unit_test(test_host_to_host__values_and_futures),
    cmocka_unit_test(test_sink__forwards_a_segment_without_the_guest),
    cmocka_unit_test(test_sink__to_files_and_devices),
    cmocka_unit_test(test_sink__of_memory_and_behind_a_guest),
    cmocka_unit_test(test_sink__closed_peer_drops_the_stream),
    cmocka_unit_test(test_sink__fault_ends_the_transfer),
    cmocka_unit_test(test_sink__embedder_is_asked_about_a_fault),
    cmocka_unit_test(test_sink__drains_what_a_guest_writes),
    cmocka_unit_test(test_sink__freed_and_closed_with_the_store),
    cmocka_unit_test(test_source__gives_what_a_descriptor_has),
    cmocka_unit_test(test_source__dropped_freed_and_closed),
    cmocka_unit_test(test_no_memory__is_an_error),
};
const size_t n_host_tests = sizeof host_tests / sizeof *host_tests;
