/* Random expressions: the same tree is written as text and evaluated in C. */
#include "fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "exec/interp/num.h"

enum { I32, I64, F32, F64 };
static const char *const type_names[] = {"i32", "i64", "f32", "f64"};

#define LOCALS 3 /* of each type */

/* What code can change. */
typedef struct locals {
    uint64_t v[4][LOCALS];
    uint8_t memory[520];
} locals;

typedef struct generator {
    sl_buf out;
    uint64_t seed;
} generator;

static uint32_t pick(generator *g, uint32_t n)
{
    g->seed = g->seed * UINT64_C(6364136223846793005) + 1442695040888963407u;
    return (uint32_t)(g->seed >> 33) % n;
}

static uint64_t expression(generator *g, locals *l, unsigned type, int depth);

/* Values that are likely to matter; floats that stay exact for a while. */
static uint64_t constant(generator *g, unsigned type)
{
    static const uint64_t ints[] = {0,
                                    1,
                                    2,
                                    3,
                                    31,
                                    32,
                                    33,
                                    63,
                                    64,
                                    0x7fff,
                                    0x8000,
                                    0xffff,
                                    0x7fffffff,
                                    0x80000000,
                                    0xffffffff,
                                    UINT64_C(0xffffffff80000000),
                                    UINT64_C(0x8000000000000000),
                                    UINT64_MAX,
                                    UINT64_C(0x123456789abcdef),
                                    (uint64_t)-5};
    static const double floats[] = {0, -0.0, 1,    -1,  0.5,   1.5,
                                    3, -2,   1e10, 0.1, 65536, -1e-3};
    uint64_t v = ints[pick(g, sizeof ints / sizeof *ints)];
    double d = floats[pick(g, sizeof floats / sizeof *floats)];
    switch (type) {
    case I32:
        v = (uint32_t)v;
        sl_buf_printf(&g->out, "(i32.const %u)", (uint32_t)v);
        return v;
    case I64:
        sl_buf_printf(&g->out, "(i64.const %llu)", (unsigned long long)v);
        return v;
    case F32:
        sl_buf_printf(&g->out, "(f32.const %a)", (double)(float)d);
        return sl_f32_bits((float)d);
    default:
        sl_buf_printf(&g->out, "(f64.const %a)", d);
        return sl_f64_bits(d);
    }
}

static uint64_t int_binary(unsigned op, unsigned bits, uint64_t x, uint64_t y)
{
    uint64_t mask = bits == 32 ? UINT32_MAX : UINT64_MAX;
    unsigned n = (unsigned)(y & (bits - 1));
    int64_t sx = bits == 32 ? (int32_t)x : (int64_t)x;
    int64_t sy = bits == 32 ? (int32_t)y : (int64_t)y;
    switch (op) {
    case 0:
        return (x + y) & mask;
    case 1:
        return (x - y) & mask;
    case 2:
        return (x * y) & mask;
    case 3:
        return x & y;
    case 4:
        return x | y;
    case 5:
        return x ^ y;
    case 6:
        return (x << n) & mask;
    case 7:
        return (uint64_t)(sx >> n) & mask;
    case 8:
        return x >> n;
    case 9:
        return n == 0 ? x : ((x << n) | (x >> (bits - n))) & mask;
    case 10:
        return n == 0 ? x : ((x >> n) | (x << (bits - n))) & mask;
    case 11:
        return x == y;
    case 12:
        return x != y;
    case 13:
        return sx < sy;
    case 14:
        return x < y;
    case 15:
        return sx > sy;
    case 16:
        return x > y;
    case 17:
        return sx <= sy;
    case 18:
        return x <= y;
    case 19:
        return sx >= sy;
    default:
        return x >= y;
    }
}

static uint64_t ints(generator *g, locals *l, unsigned type, int depth,
                     bool compare)
{
    static const char *const names[] = {
        "add",   "sub",   "mul",  "and",  "or",   "xor",  "shl",
        "shr_s", "shr_u", "rotl", "rotr", "eq",   "ne",   "lt_s",
        "lt_u",  "gt_s",  "gt_u", "le_s", "le_u", "ge_s", "ge_u"};
    unsigned op = compare ? 11 + pick(g, 10) : pick(g, 11);
    sl_buf_printf(&g->out, "(%s.%s ", type_names[type], names[op]);
    uint64_t x = expression(g, l, type, depth);
    uint64_t y = expression(g, l, type, depth);
    sl_buf_printf(&g->out, ")");
    return int_binary(op, type == I32 ? 32 : 64, x, y);
}

static uint64_t floats(generator *g, locals *l, unsigned type, int depth,
                       bool compare)
{
    static const char *const names[] = {"add", "sub",      "mul", "min",
                                        "max", "copysign", "eq",  "ne",
                                        "lt",  "gt",       "le",  "ge"};
    unsigned op = compare ? 6 + pick(g, 6) : pick(g, 6);
    sl_buf_printf(&g->out, "(%s.%s ", type_names[type], names[op]);
    uint64_t xb = expression(g, l, type, depth);
    uint64_t yb = expression(g, l, type, depth);
    sl_buf_printf(&g->out, ")");
    if (type == F32) {
        float x = sl_f32_of((uint32_t)xb), y = sl_f32_of((uint32_t)yb);
        switch (op) {
        case 0:
            return sl_f32_bits(x + y);
        case 1:
            return sl_f32_bits(x - y);
        case 2:
            return sl_f32_bits(x * y);
        case 3:
            return sl_f32_bits(sl_f32_min(x, y));
        case 4:
            return sl_f32_bits(sl_f32_max(x, y));
        case 5:
            return sl_f32_bits(sl_f32_copysign(x, y));
        default:
            break;
        }
    }
    double x = type == F32 ? (double)sl_f32_of((uint32_t)xb) : sl_f64_of(xb);
    double y = type == F32 ? (double)sl_f32_of((uint32_t)yb) : sl_f64_of(yb);
    switch (op) {
    case 0:
        return sl_f64_bits(x + y);
    case 1:
        return sl_f64_bits(x - y);
    case 2:
        return sl_f64_bits(x * y);
    case 3:
        return sl_f64_bits(sl_f64_min(x, y));
    case 4:
        return sl_f64_bits(sl_f64_max(x, y));
    case 5:
        return sl_f64_bits(sl_f64_copysign(x, y));
    case 6:
        return x == y;
    case 7:
        return x != y;
    case 8:
        return x < y;
    case 9:
        return x > y;
    case 10:
        return x <= y;
    default:
        return x >= y;
    }
}

static uint64_t condition(generator *g, locals *l, int depth)
{
    unsigned type = pick(g, 4);
    if (pick(g, 6) == 0) {
        sl_buf_printf(&g->out, "(i32.eqz ");
        uint64_t v = condition(g, l, depth - 1);
        sl_buf_printf(&g->out, ")");
        return v == 0;
    }
    if (depth <= 0 || pick(g, 6) == 0)
        return expression(g, l, I32, depth - 1);
    return type <= I64 ? ints(g, l, type, depth - 1, true)
                       : floats(g, l, type, depth - 1, true);
}

/* Only one arm takes effect. */
static uint64_t choice(generator *g, locals *l, unsigned type, int depth)
{
    sl_buf_printf(&g->out, "(if (result %s) ", type_names[type]);
    uint64_t c = condition(g, l, depth);
    locals other = *l;
    sl_buf_printf(&g->out, " (then ");
    uint64_t x = expression(g, l, type, depth);
    sl_buf_printf(&g->out, ") (else ");
    uint64_t y = expression(g, &other, type, depth);
    sl_buf_printf(&g->out, "))");
    if (c == 0)
        *l = other;
    return c != 0 ? x : y;
}

/* (block (br_if 0 x c) drop y) */
static uint64_t early(generator *g, locals *l, unsigned type, int depth)
{
    sl_buf_printf(&g->out, "(block (result %s) (br_if 0 ", type_names[type]);
    uint64_t x = expression(g, l, type, depth);
    sl_buf_printf(&g->out, " ");
    uint64_t c = condition(g, l, depth);
    sl_buf_printf(&g->out, ") drop ");
    locals after = *l;
    uint64_t y = expression(g, &after, type, depth);
    sl_buf_printf(&g->out, ")");
    if (c == 0)
        *l = after;
    return c != 0 ? x : y;
}

static uint64_t chosen(generator *g, locals *l, unsigned type, int depth)
{
    sl_buf_printf(&g->out, "(select ");
    uint64_t x = expression(g, l, type, depth);
    uint64_t y = expression(g, l, type, depth);
    uint64_t c = condition(g, l, depth);
    sl_buf_printf(&g->out, ")");
    return c != 0 ? x : y;
}

/* (i32.and e 0xf8) */
static uint32_t aligned(generator *g, locals *l, int depth)
{
    sl_buf_printf(&g->out, "(i32.and ");
    uint32_t v = (uint32_t)expression(g, l, I32, depth);
    sl_buf_printf(&g->out, " (i32.const 0xf8))");
    return v & 0xf8;
}

/* Addresses as compilers make them: constants, sums, array elements. */
static uint32_t address(generator *g, locals *l, int depth)
{
    uint32_t at = 8 * pick(g, 16);
    switch (pick(g, 5)) {
    case 0:
        sl_buf_printf(&g->out, "(i32.const %u)", at);
        return at;
    case 1:
        sl_buf_printf(&g->out, "(i32.add (i32.const %u) ", at);
        at += aligned(g, l, depth);
        sl_buf_printf(&g->out, ")");
        return at;
    case 2:
        sl_buf_printf(&g->out, "(i32.sub (i32.add (i32.const 500) ");
        at = aligned(g, l, depth);
        sl_buf_printf(&g->out, ") (i32.const 500))");
        return at;
    case 3:
        sl_buf_printf(&g->out, "(i32.add ");
        at = aligned(g, l, depth);
        sl_buf_printf(&g->out, " ");
        at += aligned(g, l, depth);
        sl_buf_printf(&g->out, ")");
        return at;
    default: {
        uint32_t by = pick(g, 5);
        sl_buf_printf(&g->out, "(i32.add ");
        at = aligned(g, l, depth);
        sl_buf_printf(&g->out, " (i32.shl (i32.and ");
        uint32_t index = (uint32_t)expression(g, l, I32, depth) & 7;
        sl_buf_printf(&g->out, " (i32.const 7)) (i32.const %u)))", by);
        return at + (index << by);
    }
    }
}

static uint32_t offset(generator *g)
{
    uint32_t n = pick(g, 3) * 4;
    if (n != 0)
        sl_buf_printf(&g->out, "offset=%u ", n);
    return n;
}

/* A store, then a load that may or may not see it. */
static uint64_t through_memory(generator *g, locals *l, unsigned type,
                               int depth)
{
    unsigned other = pick(g, 4);
    const size_t width[] = {4, 8, 4, 8};
    sl_buf_printf(&g->out, "(block (result %s) (%s.store ", type_names[type],
                  type_names[other]);
    uint32_t by = offset(g), at = address(g, l, depth);
    sl_buf_printf(&g->out, " ");
    uint64_t v = expression(g, l, other, depth);
    memcpy(l->memory + at + by, &v, width[other]);
    sl_buf_printf(&g->out, ") (%s.load ", type_names[type]);
    by = offset(g);
    at = address(g, l, depth);
    sl_buf_printf(&g->out, "))");
    v = 0;
    memcpy(&v, l->memory + at + by, width[type]);
    return v;
}

static uint64_t expression(generator *g, locals *l, unsigned type, int depth)
{
    uint32_t local = pick(g, LOCALS);
    uint32_t what = depth <= 0 ? pick(g, 2) : 2 + pick(g, 14);
    switch (what) {
    case 0:
        return constant(g, type);
    case 1:
    case 2:
        sl_buf_printf(&g->out, "(local.get $%s%u)", type_names[type], local);
        return l->v[type][local];
    case 3:
    case 4: {
        sl_buf_printf(&g->out, "(local.tee $%s%u ", type_names[type], local);
        uint64_t v = expression(g, l, type, depth - 1);
        sl_buf_printf(&g->out, ")");
        return l->v[type][local] = v;
    }
    case 5:
        return choice(g, l, type, depth - 1);
    case 6:
        return early(g, l, type, depth - 1);
    case 7:
        return chosen(g, l, type, depth - 1);
    case 8:
        return through_memory(g, l, type, depth - 1);
    case 9:
        if (type == I32)
            return condition(g, l, depth - 1);
        break;
    default:
        break;
    }
    return type <= I64 ? ints(g, l, type, depth - 1, false)
                       : floats(g, l, type, depth - 1, false);
}

static void statement(generator *g, locals *l)
{
    unsigned t = pick(g, 4), local = pick(g, LOCALS);
    sl_buf_printf(&g->out, "\n(local.set $%s%u ", type_names[t], local);
    l->v[t][local] = expression(g, l, t, 4);
    sl_buf_printf(&g->out, ")");
}

/* A loop that counts: the same statement several times. */
static void counting(generator *g, locals *l)
{
    static const char *const ends[] = {
        "(i32.ne (local.get $n) (i32.const %u))",
        "(i32.lt_s (local.get $n) (i32.const %u))",
        "(i32.lt_u (local.get $n) (local.get $end))",
        "(i32.ne (local.get $n) (local.get $end))"};
    uint32_t rounds = 1 + pick(g, 5), step = 1 + pick(g, 3);
    const char *end = ends[pick(g, 4)];
    sl_buf_printf(&g->out,
                  "\n(local.set $n (i32.const 0)) (local.set $end"
                  " (i32.const %u)) (loop $again",
                  rounds * step);
    uint64_t seed = g->seed;
    for (uint32_t i = 0; i < rounds; i++) {
        size_t len = g->out.len;
        g->seed = seed;
        statement(g, l);
        if (i + 1 < rounds)
            g->out.len = len;
    }
    sl_buf_printf(&g->out,
                  " (local.set $n (i32.add (local.get $n)"
                  " (i32.const %u))) (br_if $again ",
                  step);
    sl_buf_printf(&g->out, end, rounds * step);
    sl_buf_printf(&g->out, "))");
}

static bool same(unsigned type, uint64_t x, uint64_t y)
{
    if (type == F32 && sl_f32_of((uint32_t)x) != sl_f32_of((uint32_t)x))
        return sl_f32_of((uint32_t)y) != sl_f32_of((uint32_t)y);
    if (type == F64 && sl_f64_of(x) != sl_f64_of(x))
        return sl_f64_of(y) != sl_f64_of(y);
    return x == y;
}

static bool run_one(uint64_t seed)
{
    generator g = {.seed = seed};
    locals l = {0};
    sl_buf_init(&g.out);
    unsigned type = pick(&g, 4);
    sl_buf_printf(&g.out,
                  "(module (memory 1) (func (export \"f\")"
                  " (param i64 i64) (result %s)",
                  type_names[type]);
    sl_buf_printf(&g.out, " (local $n i32) (local $end i32)");
    for (unsigned t = 0; t < 4; t++)
        for (unsigned i = 0; i < LOCALS; i++)
            sl_buf_printf(&g.out, " (local $%s%u %s)", type_names[t], i,
                          type_names[t]);
    for (unsigned i = 0; i < 4; i++)
        statement(&g, &l);
    counting(&g, &l);
    sl_buf_printf(&g.out, "\n");
    uint64_t want = expression(&g, &l, type, 5), got = 0;
    sl_buf_printf(&g.out, "))");
    sl_buf_u8(&g.out, 0);
    assert_false(g.out.failed);

    fixture f;
    fixture_open(&f, NULL);
    sl_core_instance *inst = instance_of(&f, (const char *)g.out.data, NULL);
    bool ok = call(&f, inst, "f", 0, 0, &got) == SL_OK && same(type, want, got);
    if (!ok)
        fprintf(stderr, "seed %llu: want %llx, got %llx\n%s\n",
                (unsigned long long)seed, (unsigned long long)want,
                (unsigned long long)got, (const char *)g.out.data);
    fixture_close(&f);
    sl_buf_deinit(&g.out);
    return ok;
}

static void test_expressions__agree_with_c(void **state)
{
    (void)state;
    const char *many = getenv("SL_FUZZ_ROUNDS");
    uint64_t n = many != NULL ? strtoull(many, NULL, 10) : 300;
    const char *first = getenv("SL_FUZZ_SEED");
    uint64_t seed = first != NULL ? strtoull(first, NULL, 10) : 1;
    for (uint64_t i = 0; i < n; i++)
        assert_true(run_one(seed + i));
}

const struct CMUnitTest expr_tests[] = {
    cmocka_unit_test(test_expressions__agree_with_c),
};
const size_t n_expr_tests = sizeof expr_tests / sizeof *expr_tests;
