/* Stores that wait as a whole: memory.init from a data import whose bytes are
 * not here. docs/data-segments.md, section 8. */
#include "fixture.h"

#include <unistd.h>
#include <uv.h>

/* `load` brings byte `at` and returns it plus one; `count` counts its calls;
 * `later` is a task that counts when the loop comes to it; a `thing` counts
 * when it is dropped; `ask` calls the host, which may call back. */
static const char lazy[] =
    "(component"
    "  (import \"d\" (core data $d))"
    "  (import \"host\" (func $host))"
    "  (component $Child"
    "    (import \"d\" (core data $d))"
    "    (core module $M"
    "      (import \"\" \"d\" (data $d))"
    "      (memory 1)"
    "      (func (export \"load\") (param i32) (result i32)"
    "        (memory.init $d (i32.const 8) (local.get 0) (i32.const 1))"
    "        (i32.load8_u (i32.const 8))))"
    "    (core instance $m (instantiate $M"
    "      (with \"\" (instance (export \"d\" (data $d))))))"
    "    (func (export \"load\") (param \"at\" u32) (result u32)"
    "      (canon lift (core func $m \"load\"))))"
    "  (component $Main"
    "    (import \"load\" (func $load (param \"at\" u32) (result u32)))"
    "    (import \"host\" (func $host))"
    "    (canon lower (func $load) (core func $load'))"
    "    (canon lower (func $host) (core func $host'))"
    "    (canon task.return (core func $return))"
    "    (core module $N"
    "      (import \"\" \"load\" (func $load (param i32) (result i32)))"
    "      (import \"\" \"host\" (func $host))"
    "      (import \"\" \"return\" (func $return))"
    "      (global $n (mut i32) (i32.const 0))"
    "      (func $count (export \"count\") (result i32)"
    "        (global.set $n (i32.add (global.get $n) (i32.const 1)))"
    "        (global.get $n))"
    "      (func (export \"load\") (param i32) (result i32)"
    "        (i32.add (call $load (local.get 0)) (i32.const 1)))"
    "      (func (export \"ask\") (call $host))"
    "      (func (export \"later\") (result i32) (i32.const 1 (; YIELD ;)))"
    "      (func (export \"went on\") (param i32 i32 i32) (result i32)"
    "        (drop (call $count)) (call $return) (i32.const 0))"
    "      (func (export \"dropped\") (param i32) (drop (call $count))))"
    "    (core instance $n (instantiate $N (with \"\" (instance"
    "      (export \"load\" (func $load')) (export \"host\" (func $host'))"
    "      (export \"return\" (func $return))))))"
    "    (type $thing' (resource (rep i32)"
    "      (dtor (core func $n \"dropped\"))))"
    "    (canon resource.new $thing' (core func $new))"
    "    (core module $O"
    "      (import \"\" \"new\" (func $new (param i32) (result i32)))"
    "      (func (export \"make\") (result i32) (call $new (i32.const 1))))"
    "    (core instance $o (instantiate $O"
    "      (with \"\" (instance (export \"new\" (func $new))))))"
    "    (export $thing \"thing\" (type $thing'))"
    "    (func (export \"make\") (result (own $thing))"
    "      (canon lift (core func $o \"make\")))"
    "    (func (export \"load\") (param \"at\" u32) (result u32)"
    "      (canon lift (core func $n \"load\")))"
    "    (func (export \"load-async\") async (param \"at\" u32) (result u32)"
    "      (canon lift (core func $n \"load\")))"
    "    (func (export \"count\") (result u32)"
    "      (canon lift (core func $n \"count\")))"
    "    (func (export \"ask\") (canon lift (core func $n \"ask\")))"
    "    (func (export \"later\") async"
    "      (canon lift (core func $n \"later\") async"
    "        (callback (core func $n \"went on\")))))"
    "  (instance $child (instantiate $Child (with \"d\" (core data $d))))"
    "  (instance $main (instantiate $Main (with \"host\" (func $host))"
    "    (with \"load\" (func $child \"load\"))))"
    "  (export $thing \"thing\" (type $main \"thing\"))"
    "  (export \"make\" (func $main \"make\")"
    "    (func (result (own $thing))))"
    "  (export \"load\" (func $main \"load\"))"
    "  (export \"load-async\" (func $main \"load-async\"))"
    "  (export \"count\" (func $main \"count\"))"
    "  (export \"ask\" (func $main \"ask\"))"
    "  (export \"later\" (func $main \"later\")))";

/* Bytes that come when the test says so: 100 + their place. */
typedef struct slow {
    sluice_fetch *fetch[4];
    uint8_t *to[4];
    uint64_t at[4];
    size_t len[4];
    int n, cancelled;
} slow;

static void read_at(void *arg, sluice_fetch *fetch, uint64_t at, void *to,
                    size_t len)
{
    slow *s = arg;
    assert_true(s->n < 4);
    s->fetch[s->n] = fetch;
    s->to[s->n] = to;
    s->at[s->n] = at;
    s->len[s->n++] = len;
}

static void cancel(void *arg, sluice_fetch *fetch)
{
    slow *s = arg;
    s->cancelled++;
    for (int i = 0; i < s->n; i++)
        if (s->fetch[i] == fetch) {
            s->fetch[i] = NULL;
            sluice_fetch_done(fetch, NULL);
        }
}

/* The first one that is asked for. */
static void answer(slow *s, const char *cause)
{
    int i = 0;
    while (i < s->n && s->fetch[i] == NULL)
        i++;
    assert_true(i < s->n);
    sluice_fetch *fetch = s->fetch[i];
    for (size_t k = 0; k < s->len[i]; k++)
        s->to[i][k] = (uint8_t)(100 + s->at[i] + k);
    s->fetch[i] = NULL;
    sluice_fetch_done(fetch, cause);
}

typedef struct world {
    fixture f;
    slow bytes;
    sluice_instance *other; /* whose `load` the host's function calls */
    outcome in_host;
} world;

static void host(void *ctx, sluice_call *host_call, const sluice_val *args,
                 size_t n)
{
    world *w = ctx;
    sluice_val at = u32_val(0);
    sluice_func *load = sluice_instance_func(w->other, "load");
    (void)args, (void)n;
    assert_int_equal(
        sluice_func_call(load, &at, 1, keep, &w->in_host, NULL, &w->f.error),
        SLUICE_OK);
    sluice_call_return(host_call, NULL);
}

static void world_init_on(world *w, uv_loop_t *loop)
{
    fixture *f = &w->f;
    const sluice_backing backing = {
        .size = 64, .read_at = read_at, .cancel = cancel, .arg = &w->bytes};
    *w = (world){0};
    fixture_init_with(f, lazy, "core-data", loop);
    sluice_segment *segment =
        sluice_segment_from_callbacks(&backing, &f->error);
    assert_int_equal(sluice_linker_segment(f->linker, "d", segment, &f->error),
                     SLUICE_OK);
    sluice_segment_free(segment);
    assert_int_equal(sluice_linker_func(f->linker, NULL, "host", NULL, host, w,
                                        NULL, &f->error),
                     SLUICE_OK);
    fixture_instantiate(f);
    assert_int_equal(w->bytes.n, 0); /* lazy */
}

static void world_init(world *w)
{
    world_init_on(w, NULL);
}

/* A few turns of the loop, in which whatever can go on does. */
static void turn(world *w)
{
    for (int i = 0; i < 5; i++)
        uv_run((uv_loop_t *)sluice_store_loop(w->f.store), UV_RUN_NOWAIT);
}

static void turn_until(world *w, const bool *done)
{
    for (int ms = 0; ms < 10000 && !*done; ms++) {
        turn(w);
        usleep(1000);
    }
    assert_true(*done);
}

static uint32_t u32_of(const outcome *out)
{
    assert_int_equal(out->error.status, SLUICE_OK);
    assert_int_equal(out->result.kind, SLUICE_U32);
    return out->result.of.u32;
}

/* --- What waits ----------------------------------------------------------- */

/* Through two components, of synchronous type or not; nothing that is in memory
 * already is waited for. */
static void test_stall__a_call(void **state)
{
    (void)state;
    static const char *const names[] = {"load", "load-async"};
    for (int i = 0; i < 2; i++) {
        world w;
        outcome out, again;
        sluice_val at = u32_val(3);
        world_init(&w);
        begin(&w.f, names[i], &at, &out);
        turn(&w);
        assert_false(out.done);
        assert_int_equal(w.bytes.n, 1);
        answer(&w.bytes, NULL);
        finish(&w.f, &out);
        assert_int_equal(u32_of(&out), 104);
        at = u32_val(3);
        begin(&w.f, names[i], &at, &again);
        while (!again.done) {
            turn(&w);
            if (w.bytes.fetch[w.bytes.n - 1] != NULL)
                answer(&w.bytes, NULL);
        }
        assert_int_equal(u32_of(&again), 104);
        fixture_deinit(&w.f);
    }
}

/* Calls, cancelled calls, tasks that are ready and destructors: all later, in
 * order. */
static void test_stall__all_else_waits(void **state)
{
    (void)state;
    world w;
    outcome later, load, one, two, stopped;
    sluice_val at = u32_val(0), thing = {0};
    world_init(&w);
    assert_int_equal(call(&w.f, "make", NULL, &thing), SLUICE_OK);
    begin(&w.f, "later", NULL, &later);
    begin(&w.f, "load", &at, &load);
    begin(&w.f, "count", NULL, &one);
    sluice_pending *pending = begin(&w.f, "count", NULL, &stopped);
    begin(&w.f, "count", NULL, &two);
    sluice_pending_cancel(pending);
    sluice_val_deinit(&thing);
    turn(&w);
    assert_false(later.done || load.done || one.done || two.done ||
                 stopped.done);
    assert_int_equal(w.bytes.n, 1);
    answer(&w.bytes, NULL);
    assert_int_equal(finish(&w.f, &two), SLUICE_OK);
    finish(&w.f, &later);
    assert_int_equal(u32_of(&load), 101);
    assert_int_equal(u32_of(&one), 1);
    assert_true(stopped.done); /* a synchronous task does not hear of it */
    assert_int_equal(u32_of(&stopped), 2);
    assert_int_equal(u32_of(&two), 3);
    turn(&w);
    begin(&w.f, "count", NULL, &one);
    finish(&w.f, &one);
    assert_int_equal(u32_of(&one), 6); /* after the task and the destructor */
    fixture_deinit(&w.f);
}

/* ... but not what another store does, on the same loop. */
static void test_stall__another_store(void **state)
{
    (void)state;
    world a, b;
    outcome load, count;
    sluice_val at = u32_val(9);
    uv_loop_t loop;
    uv_loop_init(&loop);
    world_init_on(&a, &loop);
    world_init_on(&b, &loop);
    begin(&a.f, "load", &at, &load);
    turn(&a);
    begin(&b.f, "count", NULL, &count);
    finish(&b.f, &count);
    assert_int_equal(u32_of(&count), 1);
    assert_false(load.done);
    answer(&a.bytes, NULL);
    finish(&a.f, &load);
    assert_int_equal(u32_of(&load), 110);
    fixture_deinit(&a.f);
    fixture_deinit(&b.f);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&loop), 0);
}

/* --- How it ends otherwise ------------------------------------------------ */

static void test_stall__a_fault(void **state)
{
    (void)state;
    world w;
    outcome load, count;
    sluice_val at = u32_val(0);
    world_init(&w);
    begin(&w.f, "load", &at, &load);
    begin(&w.f, "count", NULL, &count);
    turn(&w);
    answer(&w.bytes, "the disk is on fire");
    finish(&w.f, &load);
    assert_int_equal(load.error.status, SLUICE_ETRAP);
    assert_non_null(strstr(load.error.message, "data fault"));
    assert_non_null(strstr(load.error.message, "the disk is on fire"));
    assert_non_null(strstr(load.error.backtrace, "M!func[0]"));
    finish(&w.f, &count); /* of the same instance: it is over */
    assert_int_equal(count.error.status, SLUICE_ETRAP);
    fixture_deinit(&w.f);
}

static void test_stall__freed(void **state)
{
    (void)state;
    static const char *const names[] = {"load", "load-async"};
    for (int way = 0; way < 4; way++) {
        world w;
        outcome load, count;
        sluice_val at = u32_val(0);
        world_init(&w);
        begin(&w.f, names[way % 2], &at, &load);
        turn(&w);
        sluice_pending_cancel(begin(&w.f, "count", NULL, &count));
        if (way / 2 == 1) /* about to go on */
            answer(&w.bytes, NULL);
        fixture_deinit(&w.f);
        assert_int_equal(w.bytes.cancelled, way / 2 == 0);
        assert_int_equal(load.times + count.times, 0);
    }
}

/* The host hears in time; what is stalled stays so. */
static void test_stall__a_deadline(void **state)
{
    (void)state;
    world w;
    outcome load, count;
    sluice_val at = u32_val(0);
    world_init(&w);
    sluice_store_set_call_timeout(w.f.store, 20 * UINT64_C(1000000));
    begin(&w.f, "load", &at, &load);
    turn_until(&w, &load.done);
    assert_int_equal(load.error.status, SLUICE_EDEADLINE);
    begin(&w.f, "count", NULL, &count);
    turn_until(&w, &count.done);
    assert_int_equal(count.error.status, SLUICE_EDEADLINE);
    answer(&w.bytes, NULL);
    turn(&w);
    fixture_deinit(&w.f);
}

/* The host is in the middle of a function of its own: it is not left there. */
static void test_stall__below_a_host_function(void **state)
{
    (void)state;
    world w;
    outcome ask;
    world_init(&w);
    w.other =
        sluice_instantiate(w.f.store, w.f.linker, w.f.component, &w.f.error);
    assert_non_null(w.other);
    begin(&w.f, "ask", NULL, &ask);
    assert_int_equal(finish(&w.f, &ask), SLUICE_OK);
    finish(&w.f, &w.in_host);
    assert_int_equal(w.in_host.error.status, SLUICE_ETRAP);
    assert_non_null(strstr(w.in_host.error.message, "cannot block"));
    fixture_deinit(&w.f);
}

const struct CMUnitTest stall_tests[] = {
    cmocka_unit_test(test_stall__a_call),
    cmocka_unit_test(test_stall__all_else_waits),
    cmocka_unit_test(test_stall__another_store),
    cmocka_unit_test(test_stall__a_fault),
    cmocka_unit_test(test_stall__freed),
    cmocka_unit_test(test_stall__a_deadline),
    cmocka_unit_test(test_stall__below_a_host_function),
};
const size_t n_stall_tests = N(stall_tests);
