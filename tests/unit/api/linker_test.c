#include "fixture.h"

#include <uv.h>

/* What a host function of these tests does with its call. */
typedef enum act {
    ACT_RETURN,
    ACT_WRONG_TYPE,
    ACT_NO_RESULT,
    ACT_TRAP,
    ACT_EXIT,
    ACT_TWICE,
} act;

typedef struct host {
    act act;
    bool later; /* on a timer */
    int calls, freed, asked, gone;
    sluice_call *call;
    uint32_t arg;
    uv_timer_t timer;
} host;

static void answer(host *h)
{
    sluice_val result = u32_val(h->arg + 1);
    sluice_val wrong = {0};
    switch (h->act) {
    case ACT_TWICE:
    case ACT_RETURN:
        sluice_call_return(h->call, &result);
        assert_int_equal(result.kind, SLUICE_BOOL); /* taken */
        break;
    case ACT_WRONG_TYPE:
        assert_true(sluice_val_string(&wrong, "text", 4));
        sluice_call_return(h->call, &wrong);
        break;
    case ACT_NO_RESULT:
        sluice_call_return(h->call, NULL);
        break;
    case ACT_TRAP:
        sluice_call_trap(h->call, "the host says no");
        break;
    case ACT_EXIT:
        sluice_call_exit(h->call, 42);
        break;
    }
}

static void on_closed(uv_handle_t *handle)
{
    (void)handle;
}

static void on_timer(uv_timer_t *timer)
{
    host *h = timer->data;
    uv_close((uv_handle_t *)timer, on_closed);
    answer(h);
}

static void plus_one(void *ctx, sluice_call *call, const sluice_val *args,
                     size_t n)
{
    host *h = ctx;
    char text[64];
    assert_int_equal(n, 1);
    assert_int_equal(args[0].kind, SLUICE_U32);
    assert_non_null(sluice_call_store(call));
    assert_string_equal(
        sluice_type_text(sluice_call_type(call), text, sizeof text),
        "async func(a: u32) -> u32");
    h->calls++;
    h->call = call;
    h->arg = args[0].of.u32;
    if (!h->later) {
        answer(h);
        if (h->act == ACT_TWICE)
            sluice_call_trap(call, "ignored: it has been answered");
        return;
    }
    uv_timer_init(sluice_store_loop(sluice_call_store(call)), &h->timer);
    h->timer.data = h;
    uv_timer_start(&h->timer, on_timer, 1, 0);
}

static void count_free(void *ctx)
{
    ((host *)ctx)->freed++;
}

static void define(fixture *f, host *h, const char *type)
{
    if (sluice_linker_func(f->linker, NULL, "f", type, plus_one, h, count_free,
                           &f->error) != SLUICE_OK)
        fail_msg("%s", f->error.message);
}

/* "run": a guest between; "again": the host function itself, exported. */
static const char *const doors[] = {"run", "again"};

static void test_linker__answers(void **state)
{
    (void)state;
    static const struct {
        act act;
        sluice_status status;
        const char *message;
    } rows[] = {
        {ACT_RETURN, SLUICE_OK, ""},
        {ACT_TWICE, SLUICE_OK, ""},
        {ACT_TRAP, SLUICE_ETRAP, "the host says no"},
        {ACT_WRONG_TYPE, SLUICE_ETRAP, "a value of another type"},
        {ACT_NO_RESULT, SLUICE_ETRAP, "without a result"},
        {ACT_EXIT, SLUICE_EEXIT, "42"},
    };
    for (size_t i = 0; i < N(rows); i++)
        for (int later = 0; later < 2; later++)
            for (size_t door = 0; door < 2; door++) {
                fixture f;
                outcome out;
                host h = {.act = rows[i].act, .later = later};
                fixture_init(&f, HOST);
                define(&f, &h, NULL);
                fixture_instantiate(&f);
                sluice_val arg = u32_val(6);
                begin(&f, doors[door], &arg, &out);
                if (finish(&f, &out) != rows[i].status)
                    fail_msg("row %zu, later %d, %s: %s: %s", i, later,
                             doors[door], sluice_status_text(out.error.status),
                             out.error.message);
                assert_int_equal(h.calls, 1);
                if (rows[i].status == SLUICE_OK)
                    assert_int_equal(out.result.of.u32, 7);
                else if (strstr(out.error.message, rows[i].message) == NULL)
                    fail_msg("row %zu: %s", i, out.error.message);
                if (rows[i].act == ACT_EXIT)
                    assert_int_equal(out.error.exit_code, 42);
                assert_int_equal(sluice_store_stats(f.store).tasks,
                                 rows[i].status == SLUICE_OK
                                     ? 0
                                     : sluice_store_stats(f.store).tasks);
                fixture_deinit(&f);
                assert_int_equal(h.freed, 1);
            }
}

static void test_linker__types_must_fit(void **state)
{
    (void)state;
    static const struct {
        const char *type;
        bool fits;
    } rows[] = {
        {NULL, true},
        {"async func(a: u32) -> u32", true},
        {"func(a: u32) -> u32", false},
        {"async func(a: u64) -> u32", false},
        {"async func(a: u32)", false},
        {"nonsense", false},
        {"", false},
    };
    for (size_t i = 0; i < N(rows); i++) {
        fixture f;
        host h = {0};
        fixture_init(&f, HOST);
        define(&f, &h, rows[i].type);
        sluice_instance *instance =
            sluice_instantiate(f.store, f.linker, f.component, &f.error);
        assert_int_equal(instance != NULL, rows[i].fits);
        if (instance == NULL) {
            assert_int_equal(f.error.status, SLUICE_EUNLINKABLE);
            assert_non_null(strstr(f.error.message, "`f`"));
        }
        fixture_deinit(&f);
        assert_int_equal(h.freed, 1);
    }
}

static void test_linker__names_are_taken_once(void **state)
{
    (void)state;
    fixture f;
    host a = {0}, b = {0};
    fixture_init(&f, HOST);
    define(&f, &a, NULL);
    assert_int_equal(sluice_linker_func(f.linker, NULL, "f", NULL, plus_one, &b,
                                        count_free, &f.error),
                     SLUICE_EUSAGE);
    assert_non_null(strstr(f.error.message, "`f`"));
    assert_int_equal(b.freed, 1);
    assert_int_equal(sluice_linker_func(f.linker, "a:b/c", "f", NULL, plus_one,
                                        &b, NULL, NULL),
                     SLUICE_OK);
    sluice_segment *s = sluice_segment_from_buffer("x", 1, true, NULL);
    assert_int_equal(sluice_linker_segment(f.linker, "f", s, &f.error),
                     SLUICE_EUSAGE);
    assert_int_equal(sluice_linker_segment(f.linker, "d", s, NULL), SLUICE_OK);
    sluice_segment_free(s);
    fixture_deinit(&f);
    assert_int_equal(a.freed, 1);
    assert_int_equal(b.freed, 1);
    sluice_linker_free(NULL);
}

static void answer_one(void *ctx, sluice_call *call, const sluice_val *args,
                       size_t n)
{
    (void)args, (void)n;
    sluice_val result = u32_val(*(uint32_t *)ctx);
    sluice_call_return(call, &result);
}

static void test_linker__interfaces_and_versions(void **state)
{
    (void)state;
    static const struct {
        const char *have;
        bool fits;
    } rows[] = {
        {"a:b/c@1.2.0", true},
        {"a:b/c@1.2.9", true},
        {"a:b/c@1.9.0", true},
        {"a:b/c@2.0.0", false},
        {"a:b/d@1.2.0", false},
    };
    for (size_t i = 0; i < N(rows); i++) {
        fixture f;
        uint32_t nine = 9;
        fixture_init(&f, "(component"
                         "  (import \"a:b/c@1.2.0\" (instance $i"
                         "    (export \"f\" (func (result u32)))))"
                         "  (alias export $i \"f\" (func $f))"
                         "  (instance $e (export \"g\" (func $f)))"
                         "  (export \"x:y/z@0.3.0\" (instance $e)))");
        assert_int_equal(sluice_linker_func(f.linker, rows[i].have, "f",
                                            "func() -> u32", answer_one, &nine,
                                            NULL, &f.error),
                         SLUICE_OK);
        f.instance =
            sluice_instantiate(f.store, f.linker, f.component, &f.error);
        if (!rows[i].fits) {
            assert_null(f.instance);
            assert_int_equal(f.error.status, SLUICE_EUNLINKABLE);
            assert_non_null(strstr(f.error.message, "`a:b/c@1.2.0#f`"));
        } else {
            static const char *const names[] = {
                "x:y/z@0.3.0#g", "x:y/z#g", "x:y/z@0.3.4#g"};
            for (size_t k = 0; k < N(names); k++) {
                sluice_val result = {0};
                assert_int_equal(call(&f, names[k], NULL, &result), SLUICE_OK);
                assert_int_equal(result.of.u32, 9);
            }
            assert_null(sluice_instance_func(f.instance, "x:y/z"));
            assert_null(sluice_instance_func(f.instance, "x:y/z#h"));
            assert_null(sluice_instance_func(f.instance, "x:y/z@1.0.0#g"));
            assert_null(sluice_instance_func(f.instance, "g"));
            assert_null(sluice_instance_func(f.instance, ""));
            assert_null(sluice_instance_func(f.instance, "#"));
        }
        fixture_deinit(&f);
    }
}

static void test_instantiate__says_what_is_missing(void **state)
{
    (void)state;
    static const struct {
        const char *wat, *name;
    } rows[] = {
        {HOST, "`f`"},
        {BYTES, "`text`"},
        {"(component (import \"a:b/c\" (instance"
         "  (export \"x\" (func)))))",
         "`a:b/c#x`"},
        {"(component (import \"m\" (core module)))", "`m`"},
        {"(component (import \"c\" (component)))", "`c`"},
    };
    for (size_t i = 0; i < N(rows); i++)
        for (int with_linker = 0; with_linker < 2; with_linker++) {
            fixture f;
            fixture_init(&f, rows[i].wat);
            assert_null(sluice_instantiate(f.store,
                                           with_linker ? f.linker : NULL,
                                           f.component, &f.error));
            assert_int_equal(f.error.status, SLUICE_EUNLINKABLE);
            if (strstr(f.error.message, rows[i].name) == NULL)
                fail_msg("%s", f.error.message);
            assert_null(
                sluice_instantiate(f.store, NULL, f.component, NULL));
            fixture_deinit(&f);
        }
}

static void test_instantiate__start_traps(void **state)
{
    (void)state;
    fixture f;
    fixture_init(&f, "(component"
                     "  (core module $M (func $inner unreachable)"
                     "    (func $s (call $inner)) (start $s))"
                     "  (core instance (instantiate $M)))");
    assert_null(
        sluice_instantiate(f.store, f.linker, f.component, &f.error));
    assert_int_equal(f.error.status, SLUICE_ETRAP);
    assert_non_null(strstr(f.error.message, "unreachable"));
    assert_non_null(strstr(f.error.backtrace, "inner"));
    fixture_deinit(&f);
}

/* --- Cancelling ---------------------------------------------------------------- */

static void asked(void *arg, bool gone)
{
    host *h = arg;
    h->asked += !gone;
    h->gone += gone;
    if (!gone)
        sluice_call_cancelled(h->call);
}

static void never(void *ctx, sluice_call *call, const sluice_val *args,
                  size_t n)
{
    (void)args, (void)n;
    host *h = ctx;
    h->call = call;
    h->calls++;
    sluice_call_on_cancel(call, asked, h);
}

static void test_call__cancelled_by_who_called(void **state)
{
    (void)state;
    fixture f;
    outcome out;
    host h = {0};
    fixture_init(&f, HOST);
    sluice_linker_func(f.linker, NULL, "f", NULL, never, &h, NULL, NULL);
    fixture_instantiate(&f);
    sluice_val arg = u32_val(1);
    sluice_pending *pending = begin(&f, "again", &arg, &out);
    sluice_pending_cancel(pending);
    sluice_pending_cancel(pending);
    assert_int_equal(h.asked, 1);
    assert_int_equal(finish(&f, &out), SLUICE_ECANCELLED);
    fixture_deinit(&f);
    assert_int_equal(h.gone, 0);
}

static void test_call__the_store_goes(void **state)
{
    (void)state;
    for (size_t door = 0; door < 2; door++) {
        fixture f;
        outcome out;
        host h = {0};
        fixture_init(&f, HOST);
        sluice_linker_func(f.linker, NULL, "f", NULL, never, &h, NULL, NULL);
        fixture_instantiate(&f);
        sluice_val arg = u32_val(1);
        begin(&f, doors[door], &arg, &out);
        assert_int_equal(h.calls, 1);
        fixture_deinit(&f);
        assert_int_equal(h.gone, 1);
        assert_int_equal(h.asked, 0);
        assert_false(out.done);
    }
}

/* The instance has trapped by another call when the host answers. */
static void test_call__answered_too_late(void **state)
{
    (void)state;
    fixture f;
    outcome first, second;
    host slow = {.later = true}, no = {.act = ACT_TRAP};
    fixture_init(
        &f, "(component"
            "  (import \"f\" (func $f async (param \"a\" u32) (result u32)))"
            "  (core func $l (canon lower (func $f)))"
            "  (core module $M"
            "    (import \"\" \"f\" (func $f (param i32) (result i32)))"
            "    (func (export \"run\") (param i32) (result i32)"
            "      (call $f (local.get 0)))"
            "    (func (export \"boom\") unreachable))"
            "  (core instance $m (instantiate $M (with \"\" (instance"
            "    (export \"f\" (func $l))))))"
            "  (func (export \"run\") async (param \"a\" u32) (result u32)"
            "    (canon lift (core func $m \"run\")))"
            "  (func (export \"boom\") (canon lift (core func $m \"boom\"))))");
    (void)no;
    define(&f, &slow, NULL);
    fixture_instantiate(&f);
    sluice_val arg = u32_val(1);
    begin(&f, "run", &arg, &first);
    begin(&f, "boom", NULL, &second);
    assert_int_equal(finish(&f, &second), SLUICE_ETRAP);
    /* It can never return now, and says so. */
    assert_int_equal(finish(&f, &first), SLUICE_ETRAP);
    assert_non_null(strstr(first.error.message, "unreachable"));
    bool never_done = false;
    assert_int_equal(sluice_store_run(f.store, &never_done), SLUICE_EDEADLOCK);
    assert_int_equal(slow.calls, 1); /* its timer has come and answered */
    fixture_deinit(&f);
}

const struct CMUnitTest linker_tests[] = {
    cmocka_unit_test(test_linker__answers),
    cmocka_unit_test(test_linker__types_must_fit),
    cmocka_unit_test(test_linker__names_are_taken_once),
    cmocka_unit_test(test_linker__interfaces_and_versions),
    cmocka_unit_test(test_instantiate__says_what_is_missing),
    cmocka_unit_test(test_instantiate__start_traps),
    cmocka_unit_test(test_call__cancelled_by_who_called),
    cmocka_unit_test(test_call__the_store_goes),
    cmocka_unit_test(test_call__answered_too_late),
};
const size_t n_linker_tests = N(linker_tests);
