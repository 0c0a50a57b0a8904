/* Segments that core modules import: docs/data-segments.md, section 8. */
#include "fixture.h"

#include <stdlib.h>
#include <unistd.h>
#include <uv.h>

#define MS UINT64_C(1000000)

/* "load" brings the first n bytes of the imported segment "text" to 64 KiB and
 * returns their sum; "load-now" is the same of synchronous type. "peek" is one of
 * the bytes. */
#define IMPORTER                                                               \
    "(component"                                                               \
    "  (import \"text\" (core data $text))"                                    \
    "  (core module $M"                                                        \
    "    (import \"\" \"text\" (data $text))"                                  \
    "    (memory 64)"                                                          \
    "    (func (export \"load\") (param $n i32) (result i64)"                  \
    "      (local $i i32) (local $sum i64)"                                    \
    "      (memory.init $text (i32.const 65536) (i32.const 0)"                 \
    "        (local.get $n))"                                                  \
    "      (block $end (loop $bytes"                                           \
    "        (br_if $end (i32.ge_u (local.get $i) (local.get $n)))"            \
    "        (local.set $sum (i64.add (local.get $sum)"                        \
    "          (i64.load8_u offset=65536 (local.get $i))))"                    \
    "        (local.set $i (i32.add (local.get $i) (i32.const 1)))"            \
    "        (br $bytes)))"                                                    \
    "      (local.get $sum))"                                                  \
    "    (func (export \"peek\") (param $at i32) (result i32)"                 \
    "      (i32.load8_u offset=65536 (local.get $at))))"                       \
    "  (core instance $m (instantiate $M (with \"\" (instance"                 \
    "    (export \"text\" (data $text))))))"                                   \
    "  (func (export \"load\") async (param \"n\" u32) (result u64)"           \
    "    (canon lift (core func $m \"load\")))"                                \
    "  (func (export \"load-now\") (param \"n\" u32) (result u64)"             \
    "    (canon lift (core func $m \"load\")))"                                \
    "  (func (export \"peek\") (param \"at\" u32) (result u32)"                \
    "    (canon lift (core func $m \"peek\"))))"

/* --- A backing that answers when it is told to --------------------------------
 */

static uint8_t text[3 << 20];

typedef struct backing {
    bool held; /* answers wait in open[] */
    const char *why;
    unsigned fails; /* so many answers are failures */
    size_t n_open;
    sluice_fetch *open[16];
    int closed;
} backing;

static void answer(backing *b, sluice_fetch *fetch)
{
    bool fails = b->fails != 0;
    b->fails -= fails;
    sluice_fetch_done(fetch, fails ? b->why : NULL);
}

static void read_at(void *arg, sluice_fetch *fetch, uint64_t at, void *to,
                    size_t len)
{
    backing *b = arg;
    assert_true(at + len <= sizeof text && len > 0);
    memcpy(to, text + at, len);
    if (!b->held) {
        answer(b, fetch);
        return;
    }
    assert_true(b->n_open < N(b->open));
    b->open[b->n_open++] = fetch;
}

static void release(backing *b)
{
    b->held = false;
    while (b->n_open != 0)
        answer(b, b->open[--b->n_open]);
}

static void close_backing(void *arg)
{
    ((backing *)arg)->closed++;
}

/* --- The fixture ------------------------------------------------------------ */

/* Takes the segment. */
static void importer_init(fixture *f, sluice_segment *segment, uv_loop_t *loop)
{
    sl_buf binary;
    *f = (fixture){0};
    fill_bytes(text, sizeof text);
    to_binary(IMPORTER, &binary);
    f->engine = sluice_engine_new(NULL, &f->error);
    assert_null(sluice_component_from_buffer(f->engine, binary.data, binary.len,
                                             true, &f->error));
    assert_non_null(strstr(f->error.message, "`core-data`"));
    assert_true(sluice_engine_set_feature(f->engine, "core-data", true));
    f->component = sluice_component_from_buffer(f->engine, binary.data,
                                                binary.len, true, &f->error);
    sl_buf_deinit(&binary);
    if (f->component == NULL)
        fail_msg("%s", f->error.message);
    f->linker = sluice_linker_new(f->engine, &f->error);
    f->store = sluice_store_new(f->engine, loop, &f->error);
    assert_non_null(segment);
    assert_int_equal(
        sluice_linker_segment(f->linker, "text", segment, &f->error),
        SLUICE_OK);
    sluice_segment_free(segment);
}

static sluice_segment *over(backing *b)
{
    sluice_backing callbacks = {sizeof text, read_at, NULL, close_backing, b};
    return sluice_segment_from_callbacks(&callbacks, NULL);
}

static void held_init(fixture *f, backing *b, uv_loop_t *loop)
{
    *b = (backing){.held = true, .why = "the disk is on fire"};
    importer_init(f, over(b), loop);
    fixture_instantiate(f);
}

static void turn(fixture *f)
{
    for (int i = 0; i < 3; i++)
        uv_run(sluice_store_loop(f->store), UV_RUN_NOWAIT);
}

/* --- Tests -------------------------------------------------------------------- */

static void expect_load(fixture *f, const char *name, uint32_t n)
{
    sluice_val arg = u32_val(n), result = {0};
    if (call(f, name, &arg, &result) != SLUICE_OK)
        fail_msg("%s(%u): %s", name, (unsigned)n, f->error.message);
    assert_int_equal(result.of.u64, sum_bytes(text, n));
}

static void test_core_data__buffers_and_files(void **state)
{
    (void)state;
    char path[64];
    fill_bytes(text, sizeof text);
    temp_file(path, text, sizeof text);
    for (int way = 0; way < 3; way++) {
        fixture f;
        importer_init(&f,
                      way == 0 ? sluice_segment_from_buffer(text, sizeof text,
                                                            false, NULL)
                               : sluice_segment_from_file(path, NULL),
                      NULL);
        if (way == 2)
            assert_int_equal(sluice_store_map_files(f.store, true, &f.error),
                             SLUICE_OK);
        fixture_instantiate(&f);
        assert_int_equal(sluice_store_stats(f.store).bytes_to_guest, 0);
        expect_load(&f, "load", sizeof text);
        expect_load(&f, "load", 100001);
        expect_load(&f, "load", 0);
        sluice_stats stats = sluice_store_stats(f.store);
        assert_int_equal(stats.bytes_to_guest + stats.bytes_mapped,
                         sizeof text + 100001);
        assert_int_equal(stats.bytes_mapped, way == 2 ? sizeof text : 0);
        assert_int_equal(stats.bytes_forwarded, 0);
        assert_int_equal(stats.stream_ends, 0);
        fixture_deinit(&f);
    }
    unlink(path);
}

/* A host's call of a synchronous function waits all the same. */
static void test_core_data__synchronous_tasks_wait(void **state)
{
    (void)state;
    fixture f;
    backing b;
    outcome out;
    held_init(&f, &b, NULL);
    expect_load(&f, "load-now", 0);
    sluice_val arg = u32_val(sizeof text);
    begin(&f, "load-now", &arg, &out);
    turn(&f);
    assert_false(out.done);
    assert_true(b.n_open > 0);
    release(&b);
    assert_int_equal(finish(&f, &out), SLUICE_OK);
    assert_int_equal(out.result.of.u64, sum_bytes(text, sizeof text));
    fixture_deinit(&f);
    assert_int_equal(b.closed, 1);
}

/* The store waits. Another one on the same loop, and the loop, do not. */
static void test_core_data__other_stores_go_on(void **state)
{
    (void)state;
    uv_loop_t loop;
    fixture f, other;
    backing b, none;
    outcome out, again;
    uv_loop_init(&loop);
    held_init(&f, &b, &loop);
    held_init(&other, &none, &loop);
    release(&none);

    sluice_val arg = u32_val(sizeof text);
    begin(&f, "load", &arg, &out);
    turn(&f);
    assert_false(out.done);
    assert_true(b.n_open > 0);
    expect_load(&other, "load", 200000);
    arg = u32_val(7); /* does not begin before the first has its bytes */
    begin(&f, "load", &arg, &again);
    turn(&f);
    assert_false(out.done || again.done);
    assert_int_equal(sluice_store_stats(f.store).tasks, 1);

    release(&b);
    assert_int_equal(finish(&f, &out), SLUICE_OK);
    assert_int_equal(out.result.of.u64, sum_bytes(text, sizeof text));
    assert_int_equal(finish(&f, &again), SLUICE_OK);
    assert_int_equal(again.result.of.u64, sum_bytes(text, 7));
    assert_int_equal(call_u32(&f, "peek", 5), text[5]);
    fixture_deinit(&f);
    fixture_deinit(&other);
    assert_int_equal(b.closed, 1);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&loop), 0);
}

static sluice_fault_answer once_more(void *arg, const sluice_fault *fault)
{
    int *asked = arg;
    ++*asked;
    assert_false(fault->host);
    assert_string_equal(fault->segment, "import `text`");
    return fault->attempt < 3 ? SLUICE_FAULT_RETRY : SLUICE_FAULT_TRAP;
}

static void test_core_data__faults(void **state)
{
    (void)state;
    for (int held = 0; held < 2; held++)
        for (unsigned fails = 1; fails <= 3; fails++) {
            fixture f;
            backing b;
            outcome out;
            int asked = 0;
            held_init(&f, &b, NULL);
            b.held = held;
            b.fails = fails;
            sluice_store_on_fault(f.store, once_more, &asked);
            sluice_val arg = u32_val(1000);
            begin(&f, "load", &arg, &out);
            turn(&f);
            if (held)
                assert_false(out.done);
            release(&b);
            if (fails < 3) {
                assert_int_equal(finish(&f, &out), SLUICE_OK);
                assert_int_equal(out.result.of.u64, sum_bytes(text, 1000));
            } else {
                assert_int_equal(finish(&f, &out), SLUICE_ETRAP);
                assert_non_null(strstr(out.error.message,
                                       "data fault: import `text`, bytes "
                                       "[0, 1000): the disk is on fire"));
            }
            assert_int_equal(asked, fails);
            assert_int_equal(sluice_store_stats(f.store).data_faults, fails);
            fixture_deinit(&f);
            assert_int_equal(b.closed, 1);
        }
}

static void was_closed(uv_handle_t *timer)
{
    free(timer);
}

static void free_timer(uv_timer_t *timer)
{
    uv_close((uv_handle_t *)timer, was_closed);
}

/* The bytes do not come: the call ends at its deadline, the store when it is
 * told to. */
static void test_core_data__for_ever(void **state)
{
    (void)state;
    fixture f;
    backing b;
    outcome out;
    uv_timer_t *timer;
    for (int deadline = 0; deadline < 2; deadline++) {
        held_init(&f, &b, NULL);
        if (deadline)
            sluice_store_set_call_timeout(f.store, 20 * MS);
        sluice_val arg = u32_val(10);
        begin(&f, "load", &arg, &out);
        turn(&f);
        assert_false(out.done);
        if (deadline) {
            timer = malloc(sizeof *timer); /* what the backing would have */
            uv_timer_init(sluice_store_loop(f.store), timer);
            uv_timer_start(timer, free_timer, 1000, 0);
            assert_int_equal(finish(&f, &out), SLUICE_EDEADLINE);
            free_timer(timer);
            release(&b);
            turn(&f);
        } else {
            release(&b); /* too late: nobody turns the loop */
        }
        fixture_deinit(&f);
        assert_int_equal(b.closed, 1);
    }
}

const struct CMUnitTest core_data_tests[] = {
    cmocka_unit_test(test_core_data__buffers_and_files),
    cmocka_unit_test(test_core_data__synchronous_tasks_wait),
    cmocka_unit_test(test_core_data__other_stores_go_on),
    cmocka_unit_test(test_core_data__faults),
    cmocka_unit_test(test_core_data__for_ever),
};
const size_t n_core_data_tests =
    sizeof core_data_tests / sizeof *core_data_tests;
