/* Calls from the host through a guest to a host function that answers later:
 * canon/lift.c, canon/lower.c, canon/subtask.c. The guest's core code is a
 * function of the test's. */
#include "check.h"

#include <string.h>

#include "canon/canon.h"

typedef struct fixture fixture;
typedef sl_status (*guest_fn)(fixture *f, sl_core_thread *core, sl_slot *v);

struct fixture {
    sl_loop *loop;
    sl_store *store;
    sl_instance *inst;
    guest_fn guest;
    /* The lifted function, async-typed, and how it was called. */
    sl_canon lift_canon;
    sl_canon_fn lift;
    sl_funcinst func;
    sl_call call;
    bool returned;
    uint32_t result;
    /* The host function it calls, lowered both ways. */
    sl_funcinst host;
    sl_canon sync_canon, async_canon, cancel_canon, plain_canon;
    sl_canon_fn sync, async_, cancel, plain;
    sl_call *pending; /* the host's record of that call */
    bool answers_cancel;
    uint32_t index; /* of the subtask */
};

static const sl_valtype i32s[] = {SL_I32, SL_I32};
static const sl_functype core_0_1 = {0, 1, i32s}, core_1_0 = {1, 0, i32s},
                         core_1_1 = {1, 1, i32s};
static sl_type type_u32, type_async, type_text;

static sl_status guest_core(sl_core_thread *core, void *ctx, sl_slot *v)
{
    fixture *f = ctx;
    return f->guest(f, core, v);
}

static sl_status host_on_start(sl_call *call, sl_arena *arena, sl_val *args)
{
    (void)call, (void)arena, (void)args;
    return SL_OK;
}

static sl_status host_on_resolve(sl_call *call, const sl_val *result,
                                 bool cancelled)
{
    fixture *f = (fixture *)(void *)((char *)call - offsetof(fixture, call));
    f->returned = !cancelled;
    f->result = result != NULL ? result->of.u32 : 0;
    return SL_OK;
}

static sl_status cancel_host(sl_call *call, sl_instance *caller)
{
    (void)caller;
    fixture *f = call->callee;
    if (!f->answers_cancel)
        return SL_OK;
    sl_status status = sl_call_resolve(call, NULL, true);
    sl_call_unref(call);
    f->pending = NULL;
    return status;
}

/* Starts, and answers when the test says so. */
static sl_status invoke_host(sl_funcinst *func, sl_call *call,
                             sl_instance *caller)
{
    fixture *f = func->ctx;
    sl_status status = sl_call_start(call, NULL, NULL);
    (void)caller;
    sl_call_ref(call);
    call->callee = f;
    call->cancel = cancel_host;
    f->pending = call;
    return status;
}

static sl_status answer(fixture *f, uint32_t n)
{
    sl_val val = {.kind = SLUICE_U32, .of.u32 = n};
    sl_call *call = f->pending;
    f->pending = NULL;
    sl_status status = sl_call_resolve(call, &val, false);
    sl_call_unref(call);
    return status;
}

static void set_up(fixture *f, guest_fn guest)
{
    sl_err err = {0};
    memset(f, 0, sizeof *f);
    type_u32 = *sl_type_primitive(SL_T_U32);
    type_async = (sl_type){.kind = SL_T_FUNC,
                           .of.func = {.result = &type_u32, .async_ = true}};
    type_text = (sl_type){
        .kind = SL_T_FUNC,
        .of.func = {.result = sl_type_primitive(SL_T_STRING), .async_ = true}};
    f->guest = guest;
    f->loop = sl_loop_new(NULL, &err);
    f->store = sl_store_new(f->loop, NULL, &err);
    f->inst = sl_instance_new(f->store, NULL, NULL, &err);
    assert_non_null(f->inst);
    f->lift_canon = (sl_canon){.type = &type_async, .core = &core_0_1};
    f->lift = (sl_canon_fn){.inst = f->inst, .canon = &f->lift_canon};
    f->lift.core =
        sl_core_func_new_host(f->store->core, &core_0_1, guest_core, f, &err);
    f->func = (sl_funcinst){&type_async, sl_canon_lift, f->inst, &f->lift};
    f->host = (sl_funcinst){&type_async, invoke_host, NULL, f};
    f->sync_canon = (sl_canon){.type = &type_async, .core = &core_0_1};
    f->async_canon =
        (sl_canon){.type = &type_async, .core = &core_1_1, .opts.async_ = true};
    f->cancel_canon = (sl_canon){.core = &core_1_1};
    f->plain_canon = (sl_canon){.core = &core_1_0};
    f->sync = (sl_canon_fn){
        .inst = f->inst, .canon = &f->sync_canon, .func = &f->host};
    f->async_ = (sl_canon_fn){
        .inst = f->inst, .canon = &f->async_canon, .func = &f->host};
    f->async_.memory = sl_memory_new(
        f->store->core, (sl_memtype){{.min = 1, .max = 1, .has_max = true}},
        &err);
    f->cancel = (sl_canon_fn){.inst = f->inst, .canon = &f->cancel_canon};
    f->plain = (sl_canon_fn){.inst = f->inst, .canon = &f->plain_canon};
    f->call = (sl_call){
        .on_start = host_on_start, .on_resolve = host_on_resolve, .refs = 1};
}

static void tear_down(fixture *f)
{
    assert_int_equal(f->store->live_subtasks, 0);
    sl_store_free(f->store);
    assert_int_equal(f->call.refs, 1);
    sl_loop_free(f->loop);
}

static sl_status invoke(fixture *f)
{
    f->returned = false;
    return sl_store_invoke(f->store, &f->func, &f->call);
}

static sl_status tick(fixture *f)
{
    sl_status status;
    assert_true(sl_store_tick(f->store, &status));
    return status;
}

/* --- Synchronous ---------------------------------------------------------- */

static sl_status calls_sync(fixture *f, sl_core_thread *core, sl_slot *v)
{
    return sl_canon_LOWER(core, &f->sync, v);
}

static void test_lower__waits_for_the_host(void **state)
{
    (void)state;
    fixture f;
    set_up(&f, calls_sync);
    assert_int_equal(invoke(&f), SL_OK);
    assert_false(f.returned);
    assert_true(f.inst->may_enter);
    assert_int_equal(answer(&f, 42), SL_OK);
    assert_false(f.returned);
    assert_int_equal(tick(&f), SL_OK);
    assert_true(f.returned);
    assert_int_equal(f.result, 42);
    assert_int_equal(f.store->live_tasks, 0);
    tear_down(&f);
}

static void test_store_free__while_the_host_works(void **state)
{
    (void)state;
    fixture f;
    set_up(&f, calls_sync);
    assert_int_equal(invoke(&f), SL_OK);
    sl_store_free(f.store);
    assert_false(f.returned);
    assert_int_equal(f.call.refs, 1);
    assert_int_equal(answer(&f, 1), SL_ECANCELLED); /* nobody hears it */
    sl_loop_free(f.loop);
}

/* --- Asynchronous --------------------------------------------------------- */

static sl_status calls_async(fixture *f, sl_core_thread *core, sl_slot *v)
{
    v[0].i64 = 16; /* where the result goes */
    sl_status status = sl_canon_LOWER(core, &f->async_, v);
    assert_int_equal(v[0].i32 & 0xf, SL_SUBTASK_STARTED);
    f->index = v[0].i32 >> 4;
    v[0].i64 = f->index;
    return status;
}

static sl_subtask *subtask(fixture *f)
{
    return sl_handles_get(&f->inst->handles, f->index)->item;
}

static void test_lower_async__makes_a_subtask(void **state)
{
    (void)state;
    fixture f;
    uint32_t n;
    set_up(&f, calls_async);
    assert_int_equal(invoke(&f), SL_OK);
    assert_true(f.returned);
    assert_false(sl_waitable_has_event(&subtask(&f)->waitable));
    assert_int_equal(answer(&f, 7), SL_OK);
    memcpy(&n, sl_memory_at(f.async_.memory, 16, 4), 4);
    assert_int_equal(n, 7);
    sl_slot v[1] = {{.i64 = f.index}};
    assert_int_equal(sl_canon_SUBTASK_DROP(NULL, &f.plain, v), SL_ETRAP);
    f.store->trap.err = (sl_err){0};
    sl_event event = sl_waitable_take_event(&subtask(&f)->waitable);
    assert_int_equal(event.code, SL_EVENT_SUBTASK);
    assert_int_equal(event.p1, f.index);
    assert_int_equal(event.p2, SL_SUBTASK_RETURNED);
    assert_int_equal(sl_canon_SUBTASK_DROP(NULL, &f.plain, v), SL_OK);
    assert_int_equal(f.inst->handles.n, 0);
    tear_down(&f);
}

static void test_store_free__with_a_subtask_in_the_table(void **state)
{
    (void)state;
    fixture f;
    set_up(&f, calls_async);
    assert_int_equal(invoke(&f), SL_OK);
    sl_store_free(f.store);
    assert_int_equal(answer(&f, 1), SL_ECANCELLED);
    sl_loop_free(f.loop);
}

/* --- Cancelling ----------------------------------------------------------- */

static sl_status calls_and_cancels(fixture *f, sl_core_thread *core, sl_slot *v)
{
    sl_status status = calls_async(f, core, v);
    if (status == SL_OK)
        status = sl_canon_SUBTASK_CANCEL(core, &f->cancel, v);
    f->result = v[0].i32;
    sl_slot drop[1] = {{.i64 = f->index}};
    if (status == SL_OK && v[0].i32 != UINT32_MAX)
        status = sl_canon_SUBTASK_DROP(core, &f->plain, drop);
    return status;
}

static void test_subtask_cancel__is_answered_at_once(void **state)
{
    (void)state;
    fixture f;
    set_up(&f, calls_and_cancels);
    f.answers_cancel = true;
    assert_int_equal(invoke(&f), SL_OK);
    assert_true(f.returned);
    assert_int_equal(f.result, SL_SUBTASK_CANCELLED_BEFORE_RETURNED);
    tear_down(&f);
}

static void test_subtask_cancel__waits_or_returns_blocked(void **state)
{
    (void)state;
    fixture f;
    set_up(&f, calls_and_cancels);
    assert_int_equal(invoke(&f), SL_OK);
    assert_false(f.returned);
    assert_int_equal(answer(&f, 5), SL_OK); /* the request came too late */
    assert_int_equal(tick(&f), SL_OK);
    assert_true(f.returned);
    assert_int_equal(f.result, SL_SUBTASK_RETURNED);

    f.cancel_canon.async_ = true;
    assert_int_equal(invoke(&f), SL_OK);
    assert_int_equal(f.result, UINT32_MAX);
    sl_slot v[1] = {{.i64 = f.index}};
    assert_int_equal(sl_canon_SUBTASK_CANCEL(NULL, &f.cancel, v), SL_ETRAP);
    assert_int_equal(answer(&f, 6), SL_OK);
    sl_waitable_take_event(&subtask(&f)->waitable);
    v[0].i64 = f.index;
    assert_int_equal(sl_canon_SUBTASK_DROP(NULL, &f.plain, v), SL_OK);
    tear_down(&f);
}

/* --- Traps ---------------------------------------------------------------- */

static sl_status traps(fixture *f, sl_core_thread *core, sl_slot *v)
{
    (void)f, (void)v;
    return sl_trap(core, "unreachable");
}

static sl_status exits(fixture *f, sl_core_thread *core, sl_slot *v)
{
    (void)f, (void)core, (void)v;
    return SL_EEXIT;
}

static void test_trap__reaches_the_host_and_poisons(void **state)
{
    (void)state;
    fixture f;
    set_up(&f, traps);
    assert_int_equal(invoke(&f), SL_ETRAP);
    assert_string_equal(f.store->trap.err.msg, "unreachable");
    assert_int_equal(invoke(&f), SL_ETRAP);
    assert_string_equal(f.store->trap.err.msg,
                        "cannot enter component instance");
    tear_down(&f);
    set_up(&f, exits);
    assert_int_equal(invoke(&f), SL_EEXIT);
    tear_down(&f);
}

static int n_reports;
static void report(sl_store *store, void *arg)
{
    (void)store, (void)arg;
    n_reports++;
}

/* A result that cannot be lowered, from the loop: nobody's call traps. */
static void test_resolve__outside_of_calls_tells_the_host(void **state)
{
    (void)state;
    fixture f;
    sl_status status;
    char text[] = "text";
    set_up(&f, calls_async);
    f.store->on_trap = report;
    f.host.type = &type_text;
    f.async_canon.type = &type_text;
    n_reports = 0;
    assert_int_equal(invoke(&f), SL_OK);
    sl_val val = {.kind = SLUICE_STRING, .of.string = {text, 4}};
    sl_call *call = f.pending;
    assert_int_equal(sl_call_resolve(call, &val, false), SL_ETRAP);
    sl_call_unref(call);
    assert_int_equal(n_reports, 1);
    assert_false(f.inst->may_enter);
    assert_false(sl_store_tick(f.store, &status));
    sl_store_free(f.store);
    sl_loop_free(f.loop);
}

static sl_status may_not_leave(fixture *f, sl_core_thread *core, sl_slot *v)
{
    f->inst->may_leave = false;
    return sl_canon_LOWER(core, &f->sync, v);
}

static void test_lower__traps_during_realloc_and_post_return(void **state)
{
    (void)state;
    fixture f;
    set_up(&f, may_not_leave);
    assert_int_equal(invoke(&f), SL_ETRAP);
    assert_string_equal(f.store->trap.err.msg,
                        "cannot leave component instance");
    assert_null(f.pending);
    tear_down(&f);
}

static void test_lift__stops_at_the_limit_of_tasks(void **state)
{
    (void)state;
    fixture f;
    set_up(&f, calls_sync);
    f.store->limits.tasks = 1;
    sl_call other = {
        .on_start = host_on_start, .on_resolve = host_on_resolve, .refs = 1};
    assert_int_equal(invoke(&f), SL_OK);
    assert_int_equal(sl_store_invoke(f.store, &f.func, &other), SL_ELIMIT);
    assert_int_equal(other.refs, 1);
    assert_int_equal(answer(&f, 3), SL_OK);
    assert_int_equal(tick(&f), SL_OK);
    assert_int_equal(f.result, 3);
    tear_down(&f);
}

const struct CMUnitTest call_tests[] = {
    cmocka_unit_test(test_lower__waits_for_the_host),
    cmocka_unit_test(test_store_free__while_the_host_works),
    cmocka_unit_test(test_lower_async__makes_a_subtask),
    cmocka_unit_test(test_store_free__with_a_subtask_in_the_table),
    cmocka_unit_test(test_subtask_cancel__is_answered_at_once),
    cmocka_unit_test(test_subtask_cancel__waits_or_returns_blocked),
    cmocka_unit_test(test_trap__reaches_the_host_and_poisons),
    cmocka_unit_test(test_resolve__outside_of_calls_tells_the_host),
    cmocka_unit_test(test_lower__traps_during_realloc_and_post_return),
    cmocka_unit_test(test_lift__stops_at_the_limit_of_tasks),
};
const size_t n_call_tests = sizeof call_tests / sizeof *call_tests;
