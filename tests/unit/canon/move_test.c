/* canon/move.c against what it stands for: random values of random types go
 * from one component to another once as values in between and once directly,
 * between memories of both widths and all encodings. */
#include "fixture.h"

#include <string.h>

#include "canon/move.h"

#define MEMORY  0x4000
#define ROUNDS  300
#define MAX_OUT 17

static uint64_t seed;

static uint32_t pick(uint32_t n)
{
    seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)((seed >> 33) % n);
}

static const sl_type *scalar(fixture *f)
{
    static const sl_type_kind kinds[] = {
        SL_T_BOOL, SL_T_S8,  SL_T_U8,  SL_T_S16, SL_T_U16, SL_T_S32,
        SL_T_U32,  SL_T_S64, SL_T_U64, SL_T_F32, SL_T_F64, SL_T_CHAR};
    uint32_t k = pick(14);
    if (k == 12)
        return labels_of(f, SL_T_FLAGS, 3, NULL, NULL, NULL);
    if (k == 13)
        return labels_of(f, SL_T_ENUM, 3, NULL, NULL, NULL);
    return prim(kinds[k]);
}

/* Pointers inside of lists would mean calls of realloc without end. */
static const sl_type *any(fixture *f, int depth, bool pointers)
{
    switch (depth == 0 ? 0 : pick(11)) {
    case 1:
    case 2:
        return pointers ? prim(SL_T_STRING) : scalar(f);
    case 3:
        return pointers ? list_of(f, any(f, depth - 1, false), 0) : scalar(f);
    case 4:
        return list_of(f, any(f, depth - 1, pointers), 1 + pick(3));
    case 5:
        return option_of(f, any(f, depth - 1, pointers));
    case 6:
        return result_of(f, any(f, depth - 1, pointers),
                         pick(2) ? any(f, depth - 1, pointers) : NULL);
    case 7:
        return labels_of(f, SL_T_RECORD, 3, any(f, depth - 1, pointers),
                         scalar(f), any(f, depth - 1, pointers));
    case 8:
        return labels_of(f, SL_T_TUPLE, 2, scalar(f),
                         any(f, depth - 1, pointers));
    case 9:
        return labels_of(f, SL_T_VARIANT, 3, any(f, depth - 1, pointers), NULL,
                         any(f, depth - 1, pointers));
    case 10:
        return pointers ? map_of(f, prim(SL_T_U16), any(f, depth - 1, false))
                        : scalar(f);
    default:
        return scalar(f);
    }
}

/* Bits that are often a small number, an address, text or a NaN. */
static uint64_t word(void)
{
    static const uint64_t odd[] = {0x7fa00001, UINT64_C(0xfff8000000000001),
                                   0xd800, 0x10ffff, 0x80000003};
    switch (pick(9)) {
    case 0:
        return odd[pick(5)];
    case 1:
    case 2:
        return 8 * pick(MEMORY / 8);
    case 3:
        return UINT64_C(0x6463006265640061);
    case 4:
        return UINT64_C(0x61a9c362c3bcc300);
    default:
        return pick(4);
    }
}

static void fill(fixture *f)
{
    uint8_t *at = sl_memory_at(f->fn.memory, 0, MEMORY);
    for (uint32_t i = 0; i < MEMORY; i += 4) {
        uint64_t bits = word();
        memcpy(at + i, &bits, 4);
    }
}

/* What one way of moving has left behind. */
typedef struct outcome {
    sl_status status;
    char message[160];
    sl_slot out[MAX_OUT];
    uint8_t memory[MEMORY];
    realloc_call calls[MAX_REALLOCS];
    uint32_t n_calls;
} outcome;

static void before(fixture *f, fixture *g, outcome *o)
{
    fixture_reset(f);
    fixture_reset(g);
    memset(o, 0, sizeof *o);
    memset(sl_memory_at(g->fn.memory, 0, MEMORY), 0x77, MEMORY);
}

static void after(fixture *f, fixture *g, outcome *o, sl_status status)
{
    o->status = status;
    if (status != SL_OK)
        strcpy(o->message,
               *fixture_trap(f) ? fixture_trap(f) : fixture_trap(g));
    memcpy(o->memory, sl_memory_at(g->fn.memory, 0, MEMORY), MEMORY);
    memcpy(o->calls, g->calls, sizeof o->calls);
    o->n_calls = g->n_calls;
}

/* As core code sees them: no more than a slot's type has. */
static void check_slots(const fixture *g, const sl_label *types, uint32_t n,
                        const outcome *a, const outcome *b, uint32_t n_out)
{
    sl_valtype flat[MAX_OUT];
    uint32_t n_flat = 0;
    bool is64 = g->canon.opts.is64;
    for (uint32_t i = 0; i < n; i++)
        sl_flatten(types[i].type, is64, flat, MAX_OUT, &n_flat);
    if (n_out != n_flat) /* an address, or nothing */
        flat[0] = is64 ? SL_I64 : SL_I32;
    for (uint32_t i = 0; i < n_out; i++)
        if (flat[i] == SL_I32 || flat[i] == SL_F32)
            assert_int_equal(a->out[i].i32, b->out[i].i32);
        else
            assert_int_equal(a->out[i].i64, b->out[i].i64);
}

static void check_same(const outcome *a, const outcome *b)
{
    assert_int_equal(a->status, b->status);
    assert_string_equal(a->message, b->message);
    if (a->status != SL_OK)
        return;
    assert_int_equal(a->n_calls, b->n_calls);
    assert_memory_equal(a->calls, b->calls, a->n_calls * sizeof *a->calls);
    assert_memory_equal(a->memory, b->memory, MEMORY);
}

static void check_args(fixture *f, fixture *g, const sl_label *types,
                       uint32_t n, uint32_t max)
{
    static outcome by_value, direct;
    sl_slot in[SL_MAX_FLAT_PARAMS];
    sl_val *vals = sl_arena_array(&f->arena, sl_val, n);
    canon_plan plan;
    uint32_t n_out = 0;
    for (uint32_t i = 0; i < SL_MAX_FLAT_PARAMS; i++)
        in[i].i64 = word();
    assert_true(sl_canon_plan_init(&plan, &f->arena, types, types, n));

    before(f, g, &by_value);
    sl_status status = sl_lift_flat_values(&f->cx, max, in, types, n, vals);
    if (status == SL_OK)
        status = sl_lower_flat_values(&g->cx, SL_MAX_FLAT_PARAMS, vals, types,
                                      n, NULL, by_value.out, &n_out);
    after(f, g, &by_value, status);

    before(f, g, &direct);
    status = sl_canon_move_args(&plan, &f->cx, max, in, &g->cx, direct.out);
    after(f, g, &direct, status);
    check_same(&by_value, &direct);
    if (status == SL_OK)
        check_slots(g, types, n, &by_value, &direct, n_out);
}

static void check_result(fixture *f, fixture *g, const sl_type *type,
                         uint32_t from_max, uint32_t to_max)
{
    static outcome by_value, direct;
    sl_slot in[SL_MAX_FLAT_PARAMS], at = {.i64 = 8 * pick(MEMORY / 16)};
    sl_label label = {.type = type};
    canon_plan plan;
    sl_val val;
    uint32_t n_out = 0;
    for (uint32_t i = 0; i < SL_MAX_FLAT_PARAMS; i++)
        in[i].i64 = word();
    assert_true(sl_canon_plan_init(&plan, &f->arena, &label, &label, 1));

    before(f, g, &by_value);
    sl_status status =
        sl_lift_flat_values(&f->cx, from_max, in, &label, 1, &val);
    if (status == SL_OK)
        status = sl_lower_flat_values(&g->cx, to_max, &val, &label, 1, &at,
                                      by_value.out, &n_out);
    after(f, g, &by_value, status);

    before(f, g, &direct);
    status = sl_canon_move_result(&plan, &f->cx, from_max, in, &g->cx, to_max,
                                  &at, direct.out);
    after(f, g, &direct, status);
    check_same(&by_value, &direct);
    if (status == SL_OK)
        check_slots(g, &label, 1, &by_value, &direct, n_out);
}

static void check_between(fixture *f, fixture *g)
{
    for (uint32_t i = 0; i < ROUNDS; i++) {
        sl_label types[3];
        uint32_t n = 1 + pick(3);
        fill(f);
        for (uint32_t k = 0; k < n; k++)
            types[k] = (sl_label){.type = any(f, (int)pick(4), true)};
        check_args(f, g, types, n,
                   pick(2) ? SL_MAX_FLAT_PARAMS : SL_MAX_FLAT_ASYNC_PARAMS);
        check_result(f, g, types[0].type,
                     pick(2) ? SL_MAX_FLAT_RESULTS : SL_MAX_FLAT_PARAMS,
                     pick(2) ? SL_MAX_FLAT_RESULTS : 0);
    }
}

static void test_move__is_lifting_and_lowering(void **state)
{
    (void)state;
    for (uint32_t k = 0; k < 36; k++) {
        fixture f, g;
        seed = k + 1;
        fixture_init(&f, (sl_string_encoding)(k % 3), k / 9 % 2 == 1);
        fixture_init(&g, (sl_string_encoding)(k / 3 % 3), k / 18 == 1);
        check_between(&f, &g);
        fixture_deinit(&f);
        fixture_deinit(&g);
    }
}

/* A type that repeats itself has more leaves than a plan takes. */
static void test_plan__stays_small(void **state)
{
    (void)state;
    fixture f, g;
    fixture_init(&f, SL_UTF8, false);
    fixture_init(&g, SL_UTF8, false);
    const sl_type *type = prim(SL_T_U8);
    for (int i = 0; i < 9; i++)
        type = labels_of(&f, SL_T_TUPLE, 2, type, type);
    canon_plan plan;
    sl_label label = {.type = type};
    assert_true(sl_canon_plan_init(&plan, &f.arena, &label, &label, 1));
    assert_int_equal(plan.n_leaves, 1);
    seed = 99;
    fill(&f);
    check_args(&f, &g, &label, 1, SL_MAX_FLAT_PARAMS);
    check_result(&f, &g, type, SL_MAX_FLAT_RESULTS, SL_MAX_FLAT_RESULTS);
    fixture_deinit(&f);
    fixture_deinit(&g);
}

const struct CMUnitTest move_tests[] = {
    cmocka_unit_test(test_move__is_lifting_and_lowering),
    cmocka_unit_test(test_plan__stays_small),
};
const size_t n_move_tests = sizeof move_tests / sizeof *move_tests;
