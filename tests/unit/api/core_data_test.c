/* Segments that core modules import: docs/data-segments.md, section 8. */
#include "fixture.h"

#include <stdlib.h>
#include <unistd.h>
#include <uv.h>

#define MS UINT64_C(1000000)

/* "load" brings the first n bytes of the imported segment "text" to 64 KiB and
 * returns their sum; "load-now" is the same of synchronous type. "peek" is one of
 * the bytes. */
#define IMPORTER IMPORTER_THAT("")
#define STARTER                                                                \
    IMPORTER_THAT("(func $start (drop (call $load (i32.const 3000))))"         \
                  "(start $start)")
#define IMPORTER_THAT(more)                                                    \
    "(component"                                                               \
    "  (import \"text\" (core data $text))"                                    \
    "  (core module $M"                                                        \
    "    (import \"\" \"text\" (data $text))"                                  \
    "    (memory 64) " more                                                    \
    "    (func $load (export \"load\") (param $n i32) (result i64)"            \
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

/* Without the feature it is refused by name. */
static void expect_gate(const char *component)
{
    sl_buf binary;
    sluice_error error;
    to_binary(component, &binary);
    sluice_engine *engine = sluice_engine_new(NULL, &error);
    assert_null(sluice_component_from_buffer(engine, binary.data, binary.len,
                                             true, &error));
    assert_non_null(strstr(error.message, "`core-data`"));
    sluice_engine_free(engine);
    sl_buf_deinit(&binary);
}

/* Takes the segment. */
static void importer_init(fixture *f, const char *component,
                          sluice_segment *segment, uv_loop_t *loop)
{
    fill_bytes(text, sizeof text);
    fixture_init_with(f, component, "core-data", loop);
    expect_gate(component);
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
    importer_init(f, IMPORTER, over(b), loop);
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
        importer_init(&f, IMPORTER,
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

/* --- Start functions ---------------------------------------------------------- */

static void starter_init(fixture *f, backing *b, uv_loop_t *loop)
{
    *b = (backing){.held = true, .why = "the disk is on fire"};
    importer_init(f, STARTER, over(b), loop);
}

static void timer_closed(uv_handle_t *timer)
{
    free(timer);
}

/* What happens in 20 ms on the loop of a store. */
static void soon(fixture *f, void (*fn)(uv_timer_t *timer), void *arg)
{
    uv_timer_t *timer = malloc(sizeof *timer);
    timer->data = arg;
    uv_timer_init(sluice_store_loop(f->store), timer);
    uv_timer_start(timer, fn, 20, 0);
}

static void release_soon(uv_timer_t *timer)
{
    release(timer->data);
    uv_close((uv_handle_t *)timer, timer_closed);
}

static void interrupt_soon(uv_timer_t *timer)
{
    sluice_store_interrupt(timer->data);
    uv_close((uv_handle_t *)timer, timer_closed);
}

static void expect_no_start(fixture *f, const char *why)
{
    assert_null(
        sluice_instantiate(f->store, f->linker, f->component, &f->error));
    assert_int_equal(f->error.status, SLUICE_ETRAP);
    if (strstr(f->error.message, why) == NULL)
        fail_msg("%s", f->error.message);
}

#define CANNOT_WAIT "cannot block a synchronous task before returning"

/* The store's own loop turns until the bytes are there, or will not be. */
static void test_core_data__a_start_function_waits(void **state)
{
    (void)state;
    fixture f;
    backing b;
    starter_init(&f, &b, NULL);
    soon(&f, release_soon, &b);
    fixture_instantiate(&f);
    assert_int_equal(call_u32(&f, "peek", 2999), text[2999]);
    assert_int_equal(call_u32(&f, "peek", 3000), 0);
    expect_load(&f, "load", 12345);
    fixture_deinit(&f);
    assert_int_equal(b.closed, 1);

    starter_init(&f, &b, NULL);
    b.fails = 1;
    soon(&f, release_soon, &b);
    expect_no_start(&f, "data fault: import `text`, bytes [0, 3000): the disk "
                        "is on fire");
    assert_int_equal(sluice_store_stats(f.store).data_faults, 1);
    fixture_deinit(&f);
    assert_int_equal(b.closed, 1);
}

static void in_done(void *arg, const sluice_error *error, sluice_val *result)
{
    fixture *f = arg;
    (void)result;
    assert_int_equal(error->status, SLUICE_OK);
    expect_no_start(f, CANNOT_WAIT);
    f->instance = NULL; /* seen */
}

/* Where the loop cannot turn for it, and where it need not for ever. */
static void test_core_data__where_no_start_function_waits(void **state)
{
    (void)state;
    fixture f;
    backing b;
    uv_loop_t loop;
    outcome out;
    starter_init(&f, &b, NULL); /* nothing brings the bytes */
    expect_no_start(&f, CANNOT_WAIT);
    release(&b);
    fixture_deinit(&f);

    uv_loop_init(&loop);
    starter_init(&f, &b, &loop); /* the embedder's loop */
    soon(&f, release_soon, &b);
    expect_no_start(&f, CANNOT_WAIT);
    while (b.held)
        uv_run(&loop, UV_RUN_ONCE);
    fixture_deinit(&f);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&loop), 0);

    starter_init(&f, &b, NULL);
    b.held = false;
    fixture_instantiate(&f);
    b.held = true; /* another task of the store waits */
    sluice_val arg = u32_val(1);
    begin(&f, "load", &arg, &out);
    soon(&f, release_soon, &b);
    expect_no_start(&f, CANNOT_WAIT);
    assert_int_equal(finish(&f, &out), SLUICE_OK);
    b.held = true; /* the loop turns already */
    arg = u32_val(0);
    assert_int_equal(sluice_func_call(func_of(&f, "peek"), &arg, 1, in_done, &f,
                                      NULL, &f.error),
                     SLUICE_OK);
    turn(&f);
    assert_null(f.instance);
    release(&b);
    fixture_deinit(&f);

    starter_init(&f, &b, NULL); /* it is stopped */
    soon(&f, interrupt_soon, f.store);
    expect_no_start(&f, "interrupted");
    release(&b);
    fixture_deinit(&f);

    starter_init(&f, &b, NULL); /* the store's time is over */
    assert_int_equal(sluice_store_set_deadline(f.store, 1 * MS), SLUICE_OK);
    soon(&f, release_soon, &b);
    assert_null(
        sluice_instantiate(f.store, f.linker, f.component, &f.error));
    assert_int_equal(f.error.status, SLUICE_EDEADLINE);
    while (b.held)
        turn(&f);
    fixture_deinit(&f);
    assert_int_equal(b.closed, 1);
}

/* --- Answers of the host ------------------------------------------------------- */

/* "ask" returns the length of what the host says; "load" brings a byte. Neither
 * its realloc nor anything else may run while "load" does. */
#define ASKER                                                                  \
    "(component"                                                               \
    "  (import \"text\" (core data $text))"                                    \
    "  (import \"word\" (func $word async (result string)))"                   \
    "  (core module $R"                                                        \
    "    (memory (export \"mem\") 1)"                                          \
    "    (global $busy (export \"busy\") (mut i32) (i32.const 0))"             \
    "    (func (export \"realloc\") (param i32 i32 i32 i32) (result i32)"      \
    "      (if (global.get $busy) (then unreachable))"                         \
    "      (i32.const 4096)))"                                                 \
    "  (core instance $r (instantiate $R))"                                    \
    "  (canon lower (func $word) (memory (core memory $r \"mem\"))"            \
    "    (realloc (core func $r \"realloc\")) (core func $word'))"             \
    "  (core module $M"                                                        \
    "    (import \"\" \"mem\" (memory 1))"                                     \
    "    (import \"\" \"busy\" (global $busy (mut i32)))"                      \
    "    (import \"\" \"text\" (data $text))"                                  \
    "    (import \"\" \"word\" (func $word (param i32)))"                      \
    "    (func (export \"ask\") (result i32)"                                  \
    "      (call $word (i32.const 16)) (i32.load (i32.const 20)))"             \
    "    (func (export \"load\") (param i32) (result i32)"                     \
    "      (global.set $busy (i32.const 1))"                                   \
    "      (memory.init $text (i32.const 8) (local.get 0) (i32.const 1))"      \
    "      (global.set $busy (i32.const 0))"                                   \
    "      (i32.load8_u (i32.const 8))))"                                      \
    "  (core instance $m (instantiate $M (with \"\" (instance"                 \
    "    (export \"mem\" (memory $r \"mem\"))"                                 \
    "    (export \"busy\" (global $r \"busy\"))"                               \
    "    (export \"text\" (data $text))"                                       \
    "    (export \"word\" (func $word'))))))"                                  \
    "  (func (export \"ask\") async (result u32)"                              \
    "    (canon lift (core func $m \"ask\")))"                                 \
    "  (func (export \"load\") (param \"at\" u32) (result u32)"                \
    "    (canon lift (core func $m \"load\"))))"

static void hear(void *ctx, sluice_call *asked, const sluice_val *args,
                 size_t n)
{
    (void)args, (void)n;
    *(sluice_call **)ctx = asked;
}

static void give_word(sluice_call *asked)
{
    sluice_val word;
    assert_true(sluice_val_string(&word, "hello", 5));
    sluice_call_return(asked, &word);
}

/* They take effect when the store goes on. The last one is that it never does. */
static void test_core_data__answers_wait(void **state)
{
    (void)state;
    enum { WORD, TRAP, EXIT, CLOSED, N_WAYS };
    for (int way = 0; way < N_WAYS; way++) {
        fixture f;
        backing b = {.held = true};
        outcome ask, load;
        sluice_call *asked = NULL;
        importer_init(&f, ASKER, over(&b), NULL);
        assert_int_equal(sluice_linker_func(f.linker, NULL, "word", NULL, hear,
                                            &asked, NULL, &f.error),
                         SLUICE_OK);
        fixture_instantiate(&f);
        begin(&f, "ask", NULL, &ask);
        assert_non_null(asked);
        sluice_val at = u32_val(9);
        begin(&f, "load", &at, &load);
        turn(&f);
        if (way == TRAP)
            sluice_call_trap(asked, "nothing to say");
        else if (way == EXIT)
            sluice_call_exit(asked, 7);
        else
            give_word(asked);
        turn(&f);
        assert_false(ask.done || load.done);
        release(&b);
        if (way == CLOSED) {
            fixture_deinit(&f);
            continue;
        }
        sluice_status first = finish(&f, &load);
        assert_int_equal(first, SLUICE_OK);
        assert_int_equal(load.result.of.u32, text[9]);
        sluice_status status = finish(&f, &ask);
        assert_int_equal(status, way == WORD   ? SLUICE_OK
                                 : way == TRAP ? SLUICE_ETRAP
                                               : SLUICE_EEXIT);
        if (way == WORD)
            assert_int_equal(ask.result.of.u32, 5);
        if (way == TRAP)
            assert_non_null(strstr(ask.error.message, "nothing to say"));
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
    cmocka_unit_test(test_core_data__a_start_function_waits),
    cmocka_unit_test(test_core_data__where_no_start_function_waits),
    cmocka_unit_test(test_core_data__answers_wait),
};
const size_t n_core_data_tests =
    sizeof core_data_tests / sizeof *core_data_tests;
