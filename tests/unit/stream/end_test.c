/* Ends of guest-to-guest streams and futures, against a second statement of
 * CanonicalABI.md "Stream State" and "Future State": every sequence of
 * operations up to a length, so every state of both ends meets every operation
 * with buffers of 0, 1 and several elements. */
#include "check.h"

#include <string.h>

#include "component/types.h"
#include "stream/stream.h"

/* --- Fixture -------------------------------------------------------------- */

typedef struct fixture {
    sl_loop *loop;
    sl_store *store;
    sl_instance *inst[2]; /* who reads, who writes */
} fixture;

static void fixture_init(fixture *f)
{
    sl_err err = {0};
    f->loop = sl_loop_new(NULL, &err);
    assert_non_null(f->loop);
    f->store = sl_store_new(f->loop, NULL, &err);
    assert_non_null(f->store);
    for (int i = 0; i < 2; i++) {
        f->inst[i] = sl_instance_new(f->store, NULL, NULL, &err);
        assert_non_null(f->inst[i]);
    }
}

static void fixture_deinit(fixture *f)
{
    sl_store_free(f->store);
    sl_loop_free(f->loop);
}

/* A buffer over bytes of the test's, in place as a guest's is. */
typedef struct test_buffer {
    sl_buffer base;
    uint8_t *at;
} test_buffer;

static uint8_t *test_bytes(sl_buffer *b, uint32_t n)
{
    (void)n;
    return ((test_buffer *)b)->at + b->progress;
}

/* For elements that are not plain: a byte each, as a bool or a char. */
static sl_status test_read(sl_buffer *b, uint32_t n, sl_arena *arena,
                           sl_val *out)
{
    (void)arena;
    for (uint32_t i = 0; i < n; i++)
        out[i].of.u8 = test_bytes(b, 1)[i];
    return SL_OK;
}

static sl_status test_write(sl_buffer *b, uint32_t n, sl_val *vals)
{
    for (uint32_t i = 0; i < n; i++)
        test_bytes(b, 1)[i] = vals[i].of.u8;
    return SL_OK;
}

static const sl_buffer_ops test_ops = {test_bytes, test_read, test_write};

static sl_status begin_copy(sl_end *end, uint8_t *at, uint32_t n)
{
    test_buffer *b = (test_buffer *)end->buffer_space;
    *b = (test_buffer){{&test_ops, end->shared->elem, n, 0}, at};
    return sl_end_copy(end);
}

static void add_ends(fixture *f, sl_shared *shared, sl_end *end[2])
{
    uint32_t index;
    assert_non_null(shared);
    for (int side = 0; side < 2; side++) {
        assert_int_equal(
            sl_end_add(f->inst[side], shared, (sl_side)side, &index), SL_OK);
        sl_handle *h = sl_handles_get(&f->inst[side]->handles, index);
        assert_non_null(h);
        end[side] = h->item;
    }
}

/* --- The model ------------------------------------------------------------ */

enum { NONE = -1 };

typedef struct model_end {
    sl_copy_state state;
    bool gone;
    int event; /* NONE or an sl_copy_result */
    bool reclaims;
    uint32_t length, progress;
} model_end;

typedef struct model {
    bool is_future, dropped;
    int pending; /* NONE or the side whose buffer waits */
    model_end end[2];
} model;

static void model_done(model *m, int side, sl_copy_result result)
{
    m->end[side].event = (int)result;
    m->end[side].reclaims = false;
}

static void model_notify(model *m, sl_copy_result result)
{
    int side = m->pending;
    m->pending = NONE;
    model_done(m, side, result);
}

static uint32_t model_move(model *m)
{
    uint32_t a = m->end[0].length - m->end[0].progress;
    uint32_t b = m->end[1].length - m->end[1].progress;
    uint32_t n = a < b ? a : b;
    m->end[0].progress += n;
    m->end[1].progress += n;
    return n;
}

/* SharedStreamImpl.read and .write */
static void model_stream_copy(model *m, int side)
{
    model_end *mine = &m->end[side], *other = &m->end[1 - side];
    if (m->dropped) {
        model_done(m, side, SL_COPY_DROPPED);
    } else if (m->pending == NONE) {
        m->pending = side;
    } else if (other->length - other->progress > 0) {
        if (mine->length > 0) {
            model_move(m);
            other->event = SL_COPY_COMPLETED;
            other->reclaims = true;
        }
        model_done(m, side, SL_COPY_COMPLETED);
    } else if (side == SL_WRITABLE && mine->length == 0 && other->length == 0) {
        model_done(m, side, SL_COPY_COMPLETED);
    } else {
        model_notify(m, SL_COPY_COMPLETED);
        m->pending = side;
    }
}

/* SharedFutureImpl.read and .write */
static void model_future_copy(model *m, int side)
{
    if (m->dropped) {
        model_done(m, side, SL_COPY_DROPPED);
    } else if (m->pending == NONE) {
        m->pending = side;
    } else {
        model_move(m);
        model_notify(m, SL_COPY_COMPLETED);
        model_done(m, side, SL_COPY_COMPLETED);
    }
}

/* The payload of the event that is delivered. */
static uint32_t model_deliver(model *m, int side)
{
    model_end *e = &m->end[side];
    uint32_t result = (uint32_t)e->event;
    if (e->reclaims)
        m->pending = NONE;
    e->event = NONE;
    e->reclaims = false;
    if (m->is_future) {
        e->state = result == SL_COPY_CANCELLED ? SL_END_IDLE : SL_END_DONE;
        return result;
    }
    e->state = result == SL_COPY_DROPPED ? SL_END_DONE : SL_END_IDLE;
    return result | e->progress << 4;
}

/* CopyEnd.drop; false: a trap. */
static bool model_drop(model *m, int side)
{
    model_end *e = &m->end[side];
    if (e->state == SL_END_COPYING || e->state == SL_END_CANCELLING_COPY)
        return false;
    if (m->is_future && side == SL_WRITABLE && e->state != SL_END_DONE)
        return false;
    e->gone = true;
    if (!m->dropped) {
        m->dropped = true;
        if (m->pending != NONE)
            model_notify(m, SL_COPY_DROPPED);
    }
    return true;
}

/* --- Both at once --------------------------------------------------------- */

enum op {
    COPY_0, /* of no elements; futures always copy one */
    COPY_1,
    COPY_N,
    DELIVER,
    CANCEL,
    DROP,
    N_OPS,
};

typedef struct pair {
    fixture *f;
    model m;
    sl_end *end[2];
    uint8_t from[4096], to[4096];
    uint32_t written, read; /* delivered so far, in elements */
    uint32_t n_written, n_read;
} pair;

static void pair_init(pair *p, fixture *f, bool is_future)
{
    const sl_type *u8 = sl_type_primitive(SL_T_U8);
    memset(&p->m, 0, sizeof p->m);
    p->f = f;
    p->m.is_future = is_future;
    p->m.pending = NONE;
    p->m.end[0].event = p->m.end[1].event = NONE;
    p->written = p->read = 0;
    add_ends(f,
             is_future ? sl_future_new(f->store, u8, NULL)
                       : sl_stream_new(f->store, u8, NULL),
             p->end);
}

static void pair_deinit(pair *p)
{
    for (int side = 0; side < 2; side++)
        if (!p->m.end[side].gone) {
            sl_handles_remove(&p->f->inst[side]->handles, p->end[side]->index);
            sl_end_free(p->end[side]);
        }
    assert_int_equal(p->f->store->live_ends, 0);
}

static void check(const pair *p)
{
    for (int side = 0; side < 2; side++) {
        const model_end *e = &p->m.end[side];
        if (e->gone)
            continue;
        assert_int_equal(p->end[side]->state, e->state);
        assert_int_equal(sl_waitable_has_event(&p->end[side]->waitable),
                         e->event != NONE);
        if (e->state == SL_END_COPYING || e->state == SL_END_CANCELLING_COPY)
            assert_int_equal(p->end[side]->buffer->progress, e->progress);
    }
}

static void deliver(pair *p, int side)
{
    uint32_t progress = p->m.end[side].progress;
    sl_event event = sl_waitable_take_event(&p->end[side]->waitable);
    assert_int_equal(event.p2, model_deliver(&p->m, side));
    assert_int_equal(event.p1, p->end[side]->index);
    assert_int_equal(
        event.code,
        (p->m.is_future ? SL_EVENT_FUTURE_READ : SL_EVENT_STREAM_READ) + side);
    if (side == SL_WRITABLE) {
        p->written += progress;
        return;
    }
    for (uint32_t i = 0; i < progress; i++)
        assert_int_equal(p->to[p->read + i], (uint8_t)(p->read + i));
    p->read += progress;
}

static void copy(pair *p, int side, uint32_t n)
{
    model_end *e = &p->m.end[side];
    uint8_t *at = side == SL_READABLE ? p->to + p->read : p->from + p->written;
    if (side == SL_WRITABLE)
        for (uint32_t i = 0; i < n; i++)
            at[i] = (uint8_t)(p->written + i);
    e->length = n;
    e->progress = 0;
    e->state = SL_END_COPYING;
    assert_int_equal(begin_copy(p->end[side], at, n), SL_OK);
    if (p->m.is_future)
        model_future_copy(&p->m, side);
    else
        model_stream_copy(&p->m, side);
}

/* canon/stream.c's cancel_copy: progress alone does not end a copy. */
static void cancel(pair *p, int side)
{
    model_end *e = &p->m.end[side];
    sl_end *end = p->end[side];
    e->state = end->state = SL_END_CANCELLING_COPY;
    assert_int_equal(end->reclaim, e->reclaims);
    if (e->event == NONE || e->reclaims) {
        end->shared->ops->cancel(end->shared, (sl_side)side);
        model_notify(&p->m, SL_COPY_CANCELLED);
    }
}

/* False when the operation is not possible now (the built-in would trap). */
static bool apply(pair *p, int side, enum op op)
{
    static const uint32_t length[] = {0, 1, 5};
    model_end *e = &p->m.end[side];
    if (e->gone)
        return false;
    switch (op) {
    case COPY_0:
    case COPY_1:
    case COPY_N:
        if (e->state != SL_END_IDLE || (p->m.is_future && op != COPY_1))
            return false;
        /* Nobody can read of a future whose writer is gone unwritten. */
        copy(p, side,
             length[op] + (op == COPY_N && side == SL_WRITABLE ? 2 : 0));
        return true;
    case DELIVER:
        if (e->event == NONE)
            return false;
        deliver(p, side);
        return true;
    case CANCEL:
        if (e->state != SL_END_COPYING)
            return false;
        cancel(p, side);
        return true;
    case DROP:
        p->f->store->trap.err = (sl_err){0};
        if (model_drop(&p->m, side)) {
            assert_int_equal(sl_end_drop(p->end[side]), SL_OK);
            return true;
        }
        assert_int_equal(sl_end_drop(p->end[side]), SL_ETRAP);
        return false;
    case N_OPS:
        break;
    }
    return false;
}

/* Every sequence of operations of a length, as a number in base 2 * N_OPS. */
static void run_all(bool is_future, int length)
{
    const uint32_t base = 2 * N_OPS;
    fixture f;
    pair p;
    uint32_t n = 1;
    fixture_init(&f);
    for (int i = 0; i < length; i++)
        n *= base;
    for (uint32_t seq = 0; seq < n; seq++) {
        uint32_t rest = seq;
        pair_init(&p, &f, is_future);
        for (int i = 0; i < length; i++, rest /= base) {
            if (!apply(&p, (int)(rest % 2), (enum op)(rest % base / 2)))
                break;
            check(&p);
        }
        pair_deinit(&p);
    }
    fixture_deinit(&f);
}

static void test_stream__follows_the_model(void **state)
{
    (void)state;
    run_all(false, 5);
}

static void test_future__follows_the_model(void **state)
{
    (void)state;
    run_all(true, 5);
}

/* Longer walks than can be enumerated, with steps that are possible. */
static void test_stream__follows_the_model_for_long(void **state)
{
    (void)state;
    fixture f;
    pair p;
    uint32_t random = 1;
    fixture_init(&f);
    for (int walk = 0; walk < 3000; walk++) {
        pair_init(&p, &f, false);
        for (int i = 0; i < 200; i++) {
            random = random * 1664525 + 1013904223;
            uint32_t r = random >> 16;
            enum op op = (enum op)(r / 2 % N_OPS);
            if (op == DROP && r % 16 < 14)
                continue;
            if (apply(&p, (int)(r % 2), op))
                check(&p);
        }
        pair_deinit(&p);
    }
    fixture_deinit(&f);
}

/* --- Traps and types ------------------------------------------------------ */

static void expect_trap(fixture *f, sl_status status, const char *msg)
{
    assert_int_equal(status, SL_ETRAP);
    assert_string_equal(f->store->trap.err.msg, msg);
    f->store->trap.err = (sl_err){0};
}

static void test_drop__traps_with_the_suites_words(void **state)
{
    (void)state;
    const sl_type *u8 = sl_type_primitive(SL_T_U8);
    fixture f;
    sl_end *end[2];
    uint8_t byte = 0;
    fixture_init(&f);
    add_ends(&f, sl_stream_new(f.store, u8, NULL), end);
    begin_copy(end[0], &byte, 1);
    expect_trap(&f, sl_end_drop(end[0]), "cannot remove busy stream");
    add_ends(&f, sl_stream_new(f.store, u8, NULL), end);
    begin_copy(end[1], &byte, 1);
    expect_trap(&f, sl_end_drop(end[1]), "cannot drop busy stream");
    add_ends(&f, sl_future_new(f.store, u8, NULL), end);
    expect_trap(&f, sl_end_drop(end[1]),
                "cannot drop future write end without first writing a value");
    fixture_deinit(&f);
}

static void test_lift__traps_with_the_suites_words(void **state)
{
    (void)state;
    static const struct {
        bool is_future;
        sl_copy_state state;
        bool in_set;
        const char *msg;
    } row[] = {
        {false, SL_END_DONE, false,
         "cannot lift stream after being notified that the writable end "
         "dropped"},
        {true, SL_END_DONE, false,
         "cannot lift future after previous read succeeded"},
        {false, SL_END_COPYING, false, "cannot remove busy stream"},
        {true, SL_END_CANCELLING_COPY, false, "cannot remove busy future"},
        {false, SL_END_IDLE, true,
         "cannot lift stream while it's in a waitable set"},
        {true, SL_END_IDLE, true,
         "cannot lift future while it's in a waitable set"},
    };
    const sl_type *u8 = sl_type_primitive(SL_T_U8);
    sl_waitable_set *set = sl_waitable_set_new(NULL);
    fixture f;
    fixture_init(&f);
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        sl_type type = {.kind = row[i].is_future ? SL_T_FUTURE : SL_T_STREAM,
                        .of.list.elem = u8};
        sl_shared *shared;
        sl_end *end[2];
        add_ends(&f,
                 row[i].is_future ? sl_future_new(f.store, u8, NULL)
                                  : sl_stream_new(f.store, u8, NULL),
                 end);
        end[0]->state = row[i].state;
        sl_waitable_join(&end[0]->waitable, row[i].in_set ? set : NULL);
        expect_trap(&f, sl_end_lift(f.inst[0], end[0]->index, &type, &shared),
                    row[i].msg);
        end[0]->state = SL_END_IDLE;
        sl_waitable_join(&end[0]->waitable, NULL);
        uint32_t index = end[0]->index;
        assert_int_equal(sl_end_lift(f.inst[0], index, &type, &shared), SL_OK);
        assert_int_equal(shared->refs, 2);
        expect_trap(&f, sl_end_lift(f.inst[0], index, &type, &shared),
                    i == 0 ? "unknown handle index 1" : f.store->trap.err.msg);
        /* In another instance's table it is the same stream. */
        assert_int_equal(sl_end_add(f.inst[1], shared, SL_READABLE, &index),
                         SL_OK);
    }
    sl_waitable_set_free(set);
    fixture_deinit(&f);
}

static void test_expect__compares_element_types(void **state)
{
    (void)state;
    const sl_type *u8 = sl_type_primitive(SL_T_U8);
    sl_type same = {.kind = SL_T_STREAM, .of.list.elem = u8};
    sl_type other = {.kind = SL_T_STREAM,
                     .of.list.elem = sl_type_primitive(SL_T_U16)};
    sl_type none = {.kind = SL_T_STREAM};
    sl_type future = {.kind = SL_T_FUTURE, .of.list.elem = u8};
    const sl_type *wrong[] = {&other, &none, &future};
    fixture f;
    sl_end *end[2], *found;
    fixture_init(&f);
    add_ends(&f, sl_stream_new(f.store, u8, NULL), end);
    assert_int_equal(sl_end_expect(f.inst[0], 1, SL_READABLE, &same, &found),
                     SL_OK);
    assert_ptr_equal(found, end[0]);
    for (int i = 0; i < 3; i++)
        assert_int_equal(
            sl_end_expect(f.inst[0], 1, SL_READABLE, wrong[i], &found),
            SL_ETRAP);
    assert_int_equal(sl_end_expect(f.inst[0], 1, SL_WRITABLE, &same, &found),
                     SL_ETRAP);
    fixture_deinit(&f);
}

/* Reader and writer in one instance: numbers only. */
static void test_copy__within_an_instance_moves_numbers_only(void **state)
{
    (void)state;
    static const struct {
        sl_type_kind kind; /* N_PRIMITIVES: no payload */
        bool traps;
    } row[] = {
        {SL_T_U8, false},           {SL_T_S8, false},  {SL_T_F64, false},
        {SL_T_BOOL, true},          {SL_T_CHAR, true}, {SL_T_STRING, true},
        {SL_T_N_PRIMITIVES, false},
    };
    fixture f;
    uint8_t from[8] = {1, 2, 3}, to[8];
    fixture_init(&f);
    for (size_t i = 0; i < 2 * sizeof row / sizeof *row; i++) {
        bool is_future = i % 2;
        const sl_type *elem = row[i / 2].kind == SL_T_N_PRIMITIVES
                                  ? NULL
                                  : sl_type_primitive(row[i / 2].kind);
        sl_end *end[2];
        add_ends(&f,
                 is_future ? sl_future_new(f.store, elem, NULL)
                           : sl_stream_new(f.store, elem, NULL),
                 end);
        end[1]->waitable.inst = f.inst[0];
        assert_int_equal(begin_copy(end[0], to, 1), SL_OK);
        sl_status status = begin_copy(end[1], from, 1);
        if (row[i / 2].traps)
            expect_trap(&f, status,
                        is_future ? "cannot read from and write to "
                                    "intra-component future"
                                  : "cannot read from and write to "
                                    "intra-component stream");
        else
            assert_int_equal(status, SL_OK);
        end[1]->waitable.inst = f.inst[1];
    }
    fixture_deinit(&f);
}

/* --- Moving --------------------------------------------------------------- */

static void test_move__overlapping_and_in_parts(void **state)
{
    (void)state;
    fixture f;
    uint8_t bytes[2000], expected[2000];
    const sl_type *elems[] = {sl_type_primitive(SL_T_U8),
                              sl_type_primitive(SL_T_BOOL)};
    fixture_init(&f);
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = expected[i] = (uint8_t)(i * 7);
    for (int i = 0; i < 2; i++) { /* bytes at once; values 256 at a time */
        test_buffer from = {{&test_ops, elems[i], 1000, 0}, bytes};
        test_buffer to = {{&test_ops, elems[i], 1000, 0}, bytes + 1000};
        assert_int_equal(sl_buffer_move(f.store, &to.base, &from.base, 1000),
                         SL_OK);
        assert_int_equal(from.base.progress, 1000);
        assert_int_equal(to.base.progress, 1000);
        assert_memory_equal(bytes + 1000, expected, 1000);
    }
    test_buffer from = {{&test_ops, elems[0], 1500, 0}, bytes};
    test_buffer to = {{&test_ops, elems[0], 1500, 0}, bytes + 3};
    assert_int_equal(sl_buffer_move(f.store, &to.base, &from.base, 900), SL_OK);
    assert_memory_equal(bytes + 3, expected, 900);
    fixture_deinit(&f);
}

const struct CMUnitTest end_tests[] = {
    cmocka_unit_test(test_stream__follows_the_model),
    cmocka_unit_test(test_future__follows_the_model),
    cmocka_unit_test(test_stream__follows_the_model_for_long),
    cmocka_unit_test(test_drop__traps_with_the_suites_words),
    cmocka_unit_test(test_lift__traps_with_the_suites_words),
    cmocka_unit_test(test_expect__compares_element_types),
    cmocka_unit_test(test_copy__within_an_instance_moves_numbers_only),
    cmocka_unit_test(test_move__overlapping_and_in_parts),
};
const size_t n_end_tests = sizeof end_tests / sizeof *end_tests;
