/* include/sluice/observe.h: what a store tells of itself. */
#include "fixture.h"

#include <unistd.h>

/* --- Counters of segments
 * ------------------------------------------------------ */

typedef struct seen {
    int n;       /* segments that live */
    bool closed; /* what is gone came last */
    char label[64], kind[16];
    uint64_t size;
    sluice_segment_stats gone, sum; /* of the counters only */
} seen;

static void add(sluice_segment_stats *to, const sluice_segment_stats *s)
{
    to->reads += s->reads;
    to->waits += s->waits;
    to->bytes_read += s->bytes_read;
    to->bytes_fetched += s->bytes_fetched;
    to->bytes_to_guest += s->bytes_to_guest;
    to->bytes_mapped += s->bytes_mapped;
    to->bytes_forwarded += s->bytes_forwarded;
    to->data_faults += s->data_faults;
}

static void see(void *arg, const sluice_segment_stats *s)
{
    seen *to = arg;
    assert_false(to->closed);
    add(&to->sum, s);
    if (s->segment == NULL) {
        assert_null(s->kind);
        to->gone = *s;
        to->closed = true;
        return;
    }
    to->n++;
    to->size = s->size;
    snprintf(to->label, sizeof to->label, "%s", s->segment);
    snprintf(to->kind, sizeof to->kind, "%s", s->kind);
}

static seen look(const fixture *f)
{
    seen out = {0};
    sluice_store_segments(f->store, see, &out);
    assert_true(out.closed);
    sluice_stats s = sluice_store_stats(f->store);
    assert_int_equal(out.sum.bytes_read, s.bytes_read);
    assert_int_equal(out.sum.bytes_fetched, s.bytes_fetched);
    assert_int_equal(out.sum.bytes_to_guest, s.bytes_to_guest);
    assert_int_equal(out.sum.bytes_mapped, s.bytes_mapped);
    assert_int_equal(out.sum.bytes_forwarded, s.bytes_forwarded);
    assert_int_equal(out.sum.data_faults, s.data_faults);
    assert_int_equal(s.http_requests + s.http_bytes + s.http_retries, 0);
    return out;
}

static void on_read(void *arg, size_t n, bool end, const sluice_error *error)
{
    (void)n, (void)end, (void)error;
    *(bool *)arg = true;
}

/* A read by the host, of a segment that is bound for it alone. */
static void read_here(fixture *f, sluice_segment *segment, uint64_t len)
{
    static uint8_t to[4096];
    bool done = false;
    sluice_stream *stream =
        sluice_segment_read(f->store, segment, 0, len, &f->error);
    sluice_reader *reader = sluice_reader_new(stream, &f->error);
    assert_non_null(reader);
    assert_int_equal(sluice_reader_read(reader, to, len, on_read, &done),
                     SLUICE_OK);
    assert_int_equal(sluice_store_run(f->store, &done), SLUICE_OK);
    sluice_reader_free(reader);
}

static void test_segments__guests_and_hosts_reads(void **state)
{
    (void)state;
    fixture f;
    static uint8_t text[100000];
    fill_bytes(text, sizeof text);
    fixture_init(&f, BYTES);
    seen s = look(&f);
    assert_int_equal(s.n, 0);
    sluice_segment *segment =
        sluice_segment_from_buffer(text, sizeof text, true, &f.error);
    sluice_linker_segment(f.linker, "text", segment, &f.error);
    fixture_instantiate(&f);
    s = look(&f);
    assert_int_equal(s.n, 1);
    assert_string_equal(s.kind, "buffer");
    assert_string_equal(s.label, "import `text`");
    assert_int_equal(s.size, sizeof text);
    assert_int_equal(s.sum.reads + s.sum.bytes_read, 0); /* lazy */

    sluice_val stream = {0}, sum = {0};
    assert_int_equal(call(&f, "greet", NULL, &stream), SLUICE_OK);
    assert_int_equal(call(&f, "sum", &stream, &sum), SLUICE_OK);
    s = look(&f);
    assert_int_equal(s.sum.reads, (sizeof text + 4095) / 4096);
    assert_int_equal(s.sum.bytes_to_guest, sizeof text);
    assert_int_equal(s.gone.reads, 0);

    read_here(&f, segment, 1000);
    s = look(&f);
    assert_int_equal(s.n, 1); /* the host's is gone, its counters are not */
    assert_int_equal(s.gone.reads, 1);
    assert_int_equal(s.gone.bytes_forwarded, 1000);
    assert_int_equal(s.sum.bytes_to_guest, sizeof text);
    sluice_segment_free(segment);
    fixture_deinit(&f);
}

/* Bytes that are not here are waited for; those that never come are a fault. */
static void bring(void *arg, sluice_fetch *fetch, uint64_t at, void *to,
                  size_t len)
{
    memset(to, 'x', len);
    sluice_fetch_done(fetch, at >= *(uint64_t *)arg ? "no more" : NULL);
}

static void test_segments__waits_and_faults(void **state)
{
    (void)state;
    fixture f;
    uint64_t end = 2 << 20;
    sluice_backing backing = {
        .size = UINT64_C(64) << 20, .read_at = bring, .arg = &end};
    fixture_init(&f, BYTES);
    sluice_segment *segment =
        sluice_segment_from_callbacks(&backing, &f.error);
    sluice_linker_segment(f.linker, "text", segment, &f.error);
    sluice_segment_free(segment);
    fixture_instantiate(&f);
    sluice_val stream = {0}, sum = {0};
    assert_int_equal(call(&f, "greet", NULL, &stream), SLUICE_OK);
    assert_int_equal(call(&f, "sum", &stream, &sum), SLUICE_ETRAP);
    seen s = look(&f);
    assert_string_equal(s.kind, "callback");
    assert_int_equal(s.sum.data_faults, 1);
    assert_true(s.sum.waits >= 1 && s.sum.waits <= s.sum.reads);
    assert_int_equal(s.sum.bytes_to_guest % 4096, 0);
    assert_true(s.sum.bytes_to_guest >= end);
    assert_true(s.sum.bytes_read >= s.sum.bytes_to_guest);
    fixture_deinit(&f);
}

/* --- Tracing
 * ------------------------------------------------------------------- */

typedef struct told {
    int streams, reads, chunks, tasks, faults, others;
    uint64_t read_bytes, stream_id;
    char task[64];
} told;

static uint64_t number_of(const sluice_trace_event *e, const char *key)
{
    for (size_t i = 0; i < e->n_args; i++)
        if (strcmp(e->args[i].key, key) == 0)
            return e->args[i].number;
    fail_msg("%s has no %s", e->name, key);
    return 0;
}

static void tell(void *arg, const sluice_trace_event *e)
{
    told *t = arg;
    assert_true(e->begin_ns != 0);
    assert_true(e->end_ns == 0 || e->end_ns >= e->begin_ns);
    assert_int_equal(e->thread, 0);
    bool read = strcmp(e->name, "read") == 0;
    if (strcmp(e->what, "stream") == 0 && read) {
        t->reads++;
        t->read_bytes += number_of(e, "bytes");
        assert_true(t->stream_id == 0 || t->stream_id == e->id);
        t->stream_id = e->id;
    } else if (strcmp(e->what, "stream") == 0) {
        t->streams++;
        assert_string_equal(e->name, "import `text`");
        assert_int_equal(e->id, t->stream_id);
    } else if (strcmp(e->what, "chunk") == 0) {
        t->chunks++;
        assert_true(e->id != 0);
    } else if (strcmp(e->what, "task") == 0 && e->args[1].text != NULL) {
        t->tasks++;
        snprintf(t->task, sizeof t->task, "%s %s", e->name, e->args[1].text);
    } else if (strcmp(e->what, "fault") == 0) {
        t->faults++;
        assert_int_equal(e->end_ns, 0);
        assert_true(strstr(e->args[2].text, "no more") != NULL);
    } else {
        t->others++;
    }
}

static void test_tracer__hears_of_reads_and_tasks(void **state)
{
    (void)state;
    for (int fault = 0; fault < 2; fault++) {
        fixture f;
        told t = {0};
        uint64_t end = fault ? 1 << 20 : UINT64_MAX;
        sluice_backing backing = {
            .size = 3 << 20, .read_at = bring, .arg = &end};
        fixture_init(&f, BYTES);
        assert_int_equal(sluice_store_set_tracer(f.store, NULL, NULL),
                         SLUICE_OK); /* nobody has asked yet */
        assert_int_equal(sluice_store_set_tracer(f.store, tell, &t), SLUICE_OK);
        sluice_segment *segment =
            sluice_segment_from_callbacks(&backing, &f.error);
        sluice_linker_segment(f.linker, "text", segment, &f.error);
        sluice_segment_free(segment);
        fixture_instantiate(&f);
        sluice_val stream = {0}, sum = {0};
        assert_int_equal(call(&f, "greet", NULL, &stream), SLUICE_OK);
        assert_int_equal(call(&f, "sum", &stream, &sum),
                         fault ? SLUICE_ETRAP : SLUICE_OK);
        sluice_stats s = sluice_store_stats(f.store);
        assert_int_equal(t.read_bytes, s.bytes_to_guest);
        assert_int_equal(t.faults, fault);
        assert_int_equal(t.streams, !fault); /* or not dropped yet */
        assert_true(t.chunks > 0 && t.tasks >= 2);
        fixture_deinit(&f); /* tells the rest */
        assert_int_equal(t.streams, 1);
        assert_non_null(strstr(t.task, fault ? "not resolved" : " resolved"));
    }
}

static void test_tracer__may_leave(void **state)
{
    (void)state;
    fixture f;
    told t = {0};
    fixture_init(&f, MATH);
    assert_int_equal(sluice_store_set_tracer(f.store, tell, &t), SLUICE_OK);
    fixture_instantiate(&f);
    assert_int_equal(call_u32(&f, "double", 4), 8);
    int tasks = t.tasks;
    assert_true(tasks > 0);
    assert_int_equal(sluice_store_set_tracer(f.store, NULL, NULL), SLUICE_OK);
    assert_int_equal(call_u32(&f, "double", 4), 8);
    assert_int_equal(t.tasks, tasks);
    fixture_deinit(&f);
}

/* --- Output
 * -------------------------------------------------------------------- */

typedef struct written {
    int fd;
    bool before; /* a write is being tried */
    size_t n;
    uint8_t bytes[1000];
} written;

static void on_output(void *arg, int fd, const uint8_t *bytes, size_t len)
{
    written *w = arg;
    assert_int_equal(fd, w->fd);
    if (len == 0) {
        assert_null(bytes);
        w->before = true;
        return;
    }
    assert_true(w->before);
    w->before = false;
    assert_true(len <= sizeof w->bytes - w->n);
    memcpy(w->bytes + w->n, bytes, len);
    w->n += len;
}

static void on_copied(void *arg, uint64_t n, const sluice_error *error)
{
    assert_null(error);
    assert_int_equal(n, 1000);
    *(bool *)arg = true;
}

/* From memory, which is forwarded, and from callbacks, through a buffer. */
static void test_output__is_told(void **state)
{
    (void)state;
    static uint8_t text[1000];
    uint64_t end = UINT64_MAX;
    sluice_backing backing = {
        .size = sizeof text, .read_at = bring, .arg = &end};
    for (int way = 0; way < 2; way++) {
        fixture f;
        written w = {0};
        int fds[2];
        bool done = false;
        assert_int_equal(pipe(fds), 0);
        memset(text, 'x', sizeof text);
        fixture_init(&f, BYTES);
        w.fd = fds[1];
        sluice_store_on_output(f.store, on_output, &w);
        sluice_segment *segment =
            way == 0 ? sluice_segment_from_buffer(text, sizeof text, true,
                                                  &f.error)
                     : sluice_segment_from_callbacks(&backing, &f.error);
        sluice_stream *stream = sluice_segment_read(f.store, segment, 0,
                                                    sizeof text, &f.error);
        assert_int_equal(sluice_stream_to_fd(stream, fds[1], on_copied, &done),
                         SLUICE_OK);
        assert_int_equal(sluice_store_run(f.store, &done), SLUICE_OK);
        assert_int_equal(w.n, sizeof text);
        assert_memory_equal(w.bytes, text, sizeof text);
        sluice_segment_free(segment);
        fixture_deinit(&f);
        close(fds[0]);
        close(fds[1]);
    }
}

const struct CMUnitTest observe_tests[] = {
    cmocka_unit_test(test_output__is_told),
    cmocka_unit_test(test_tracer__hears_of_reads_and_tasks),
    cmocka_unit_test(test_tracer__may_leave),
    cmocka_unit_test(test_segments__guests_and_hosts_reads),
    cmocka_unit_test(test_segments__waits_and_faults),
};
const size_t n_observe_tests = N(observe_tests);
