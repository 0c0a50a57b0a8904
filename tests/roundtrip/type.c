#include "type.h"

#include <stdlib.h>

uint64_t rt_next(rt_rng *rng)
{
    uint64_t z = rng->state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

uint32_t rt_below(rt_rng *rng, uint32_t n)
{
    return n == 0 ? 0 : (uint32_t)(rt_next(rng) >> 32) % n;
}

bool rt_chance(rt_rng *rng, uint32_t one_in)
{
    return rt_below(rng, one_in) == 0;
}

/* --- Layout ----------------------------------------------------------------
 */

#define MANY_FLAT 1000

uint32_t rt_align_to(uint32_t at, uint32_t align)
{
    return (at + align - 1) / align * align;
}

uint32_t rt_n_cases(const rt_type *type)
{
    return type->kind == SLUICE_OPTION ? 2 : type->n;
}

const rt_type *rt_case(const rt_type *type, uint32_t index)
{
    if (type->kind == SLUICE_ENUM)
        return NULL;
    if (type->kind == SLUICE_OPTION)
        return index == 1 ? type->parts[0] : NULL;
    return type->parts[index];
}

uint32_t rt_discriminant_size(uint32_t n_cases)
{
    uint32_t bits = 0;
    while (bits < 32 && (UINT64_C(1) << bits) < n_cases)
        bits++; /* ceil(log2(n)) */
    return bits <= 8 ? 1 : bits <= 16 ? 2 : 4;
}

static uint32_t max_case_alignment(const rt_type *type, bool is64)
{
    uint32_t align = 1;
    for (uint32_t i = 0; i < rt_n_cases(type); i++) {
        const rt_type *t = rt_case(type, i);
        if (t != NULL && t->layout[is64].align > align)
            align = t->layout[is64].align;
    }
    return align;
}

uint32_t rt_payload_offset(const rt_type *type, bool is64)
{
    return rt_align_to(rt_discriminant_size(rt_n_cases(type)),
                       max_case_alignment(type, is64));
}

static void append_flat(rt_layout *out, const rt_layout *part)
{
    for (uint32_t i = 0; i < part->n_flat && i < RT_MAX_FLAT; i++)
        if (out->n_flat + i < RT_MAX_FLAT)
            out->flat[out->n_flat + i] = part->flat[i];
    out->n_flat += part->n_flat;
    if (out->n_flat > MANY_FLAT)
        out->n_flat = MANY_FLAT;
}

static rt_layout record_layout(const rt_type *type, bool is64)
{
    rt_layout out = {.align = 1};
    for (uint32_t i = 0; i < type->n; i++) {
        const rt_layout *part = &type->parts[i]->layout[is64];
        out.size = rt_align_to(out.size, part->align) + part->size;
        if (part->align > out.align)
            out.align = part->align;
        append_flat(&out, part);
    }
    out.size = rt_align_to(out.size, out.align);
    return out;
}

static char join(char a, char b)
{
    if (a == b)
        return a;
    return (a == 'i' && b == 'f') || (a == 'f' && b == 'i') ? 'i' : 'I';
}

static rt_layout variant_layout(const rt_type *type, bool is64)
{
    uint32_t disc = rt_discriminant_size(rt_n_cases(type)), payload = 0;
    rt_layout out = {.align = disc, .n_flat = 1, .flat = "i"};
    for (uint32_t i = 0; i < rt_n_cases(type); i++) {
        const rt_type *t = rt_case(type, i);
        if (t == NULL)
            continue;
        const rt_layout *part = &t->layout[is64];
        if (part->align > out.align)
            out.align = part->align;
        if (part->size > payload)
            payload = part->size;
        for (uint32_t k = 0; k < part->n_flat; k++) {
            bool fresh = k + 1 >= out.n_flat;
            if (k + 1 < RT_MAX_FLAT)
                out.flat[k + 1] = fresh ? part->flat[k]
                                        : join(out.flat[k + 1], part->flat[k]);
            if (fresh)
                out.n_flat = k + 2;
        }
    }
    out.size = rt_align_to(rt_payload_offset(type, is64) + payload, out.align);
    return out;
}

static rt_layout list_layout(const rt_type *type, bool is64)
{
    if (type->len == 0) {
        uint32_t ptr = is64 ? 8 : 4;
        char flat = is64 ? 'I' : 'i';
        return (rt_layout){2 * ptr, ptr, 2, {flat, flat}};
    }
    const rt_layout *elem = &type->parts[0]->layout[is64];
    rt_layout out = {.align = elem->align, .size = type->len * elem->size};
    for (uint32_t i = 0; i < type->len; i++)
        append_flat(&out, elem);
    return out;
}

static rt_layout scalar(uint32_t size, char flat)
{
    return (rt_layout){size, size, 1, {flat}};
}

static rt_layout layout_of(const rt_type *type, bool is64)
{
    switch (type->kind) {
    case SLUICE_BOOL:
    case SLUICE_S8:
    case SLUICE_U8:
        return scalar(1, 'i');
    case SLUICE_S16:
    case SLUICE_U16:
        return scalar(2, 'i');
    case SLUICE_S64:
    case SLUICE_U64:
        return scalar(8, 'I');
    case SLUICE_F32:
        return scalar(4, 'f');
    case SLUICE_F64:
        return scalar(8, 'F');
    case SLUICE_STRING:
    case SLUICE_LIST:
    case SLUICE_MAP:
        return list_layout(type, is64);
    case SLUICE_RECORD:
    case SLUICE_TUPLE:
        return record_layout(type, is64);
    case SLUICE_VARIANT:
    case SLUICE_ENUM:
    case SLUICE_OPTION:
    case SLUICE_RESULT:
        return variant_layout(type, is64);
    case SLUICE_FLAGS:
        return scalar(type->n <= 8 ? 1 : type->n <= 16 ? 2 : 4, 'i');
    default: /* s32, u32, char */
        return scalar(4, 'i');
    }
}

/* --- Making types ----------------------------------------------------------
 */

#define MAX_NAMED  24
#define MAX_LEAVES 48
#define MAX_SIZE   4096

typedef struct maker {
    rt_func *func;
    rt_rng *rng;
    uint32_t leaves;
} maker;

static void *must(void *p)
{
    if (p == NULL)
        abort();
    return p;
}

static rt_type *new_type(maker *m, sluice_kind kind, uint32_t n)
{
    rt_type *type = must(sl_arena_new(&m->func->arena, rt_type));
    type->kind = kind;
    type->name = -1;
    type->n = n;
    type->parts = must(sl_arena_array(&m->func->arena, const rt_type *, n + 1));
    return type;
}

static const rt_type *finish(maker *m, rt_type *type, bool named)
{
    type->layout[0] = layout_of(type, false);
    type->layout[1] = layout_of(type, true);
    if (named) {
        type->name = (int)m->func->n_named;
        m->func->named[m->func->n_named++] = type;
    }
    return type;
}

static const rt_type *make(maker *m, int depth);

static const rt_type *make_primitive(maker *m)
{
    m->leaves++;
    sluice_kind kind = rt_chance(m->rng, 4)
                           ? SLUICE_STRING
                           : (sluice_kind)rt_below(m->rng, SLUICE_STRING + 1);
    return finish(m, new_type(m, kind, 0), false);
}

static const rt_type *make_map(maker *m, int depth)
{
    static const sluice_kind keys[] = {SLUICE_STRING, SLUICE_U8,   SLUICE_S32,
                                       SLUICE_U64,    SLUICE_CHAR, SLUICE_S16,
                                       SLUICE_BOOL};
    rt_type *type = new_type(m, SLUICE_MAP, 2);
    sluice_kind key = keys[rt_below(m->rng, sizeof keys / sizeof *keys)];
    type->parts[0] = finish(m, new_type(m, key, 0), false);
    type->parts[1] = make(m, depth - 1);
    return finish(m, type, false);
}

static const rt_type *make_list(maker *m, int depth)
{
    rt_type *type = new_type(m, SLUICE_LIST, 1);
    type->parts[0] = make(m, depth - 1);
    if (rt_chance(m->rng, 3))
        type->len = 1 + rt_below(m->rng, rt_chance(m->rng, 4) ? 20 : 5);
    if (type->len * type->parts[0]->layout[1].size > MAX_SIZE)
        type->len = 0;
    return finish(m, type, false);
}

static uint32_t few(maker *m)
{
    return 1 + rt_below(m->rng, rt_chance(m->rng, 6) ? 20 : 5);
}

static const rt_type *make_fields(maker *m, sluice_kind kind, int depth)
{
    rt_type *type = new_type(m, kind, few(m));
    uint32_t n = 0, size = 0;
    for (; n < type->n && (n == 0 || m->leaves < MAX_LEAVES); n++) {
        type->parts[n] = make(m, depth - 1);
        size += type->parts[n]->layout[1].size + 8;
        if (size > MAX_SIZE && n != 0)
            break;
    }
    type->n = n;
    return finish(m, type, kind == SLUICE_RECORD);
}

/* About as many cases as a discriminant of one byte can tell apart. */
static uint32_t about_256(maker *m)
{
    return rt_chance(m->rng, 2) ? 256 + rt_below(m->rng, 2)
                                : 240 + rt_below(m->rng, 60);
}

static const rt_type *make_variant(maker *m, int depth)
{
    uint32_t n = rt_chance(m->rng, 12) ? about_256(m) : few(m);
    rt_type *type = new_type(m, SLUICE_VARIANT, n);
    for (uint32_t i = 0; i < n; i++)
        if (m->leaves < MAX_LEAVES &&
            (i < 20 ? !rt_chance(m->rng, 4) : i + 1 == n))
            type->parts[i] = make(m, depth - 1);
    return finish(m, type, true);
}

static const rt_type *make_labels(maker *m)
{
    m->leaves++;
    if (rt_chance(m->rng, 2))
        return finish(m, new_type(m, SLUICE_FLAGS, 1 + rt_below(m->rng, 32)),
                      true);
    uint32_t n = rt_chance(m->rng, 4) ? about_256(m) : 1 + rt_below(m->rng, 9);
    return finish(m, new_type(m, SLUICE_ENUM, n), true);
}

static const rt_type *make_result(maker *m, int depth)
{
    rt_type *type = new_type(m, SLUICE_RESULT, 2);
    for (int i = 0; i < 2; i++)
        if (!rt_chance(m->rng, 4))
            type->parts[i] = make(m, depth - 1);
    return finish(m, type, false);
}

static const rt_type *make_option(maker *m, int depth)
{
    rt_type *type = new_type(m, SLUICE_OPTION, 1);
    type->parts[0] = make(m, depth - 1);
    return finish(m, type, false);
}

static bool is_full(const maker *m)
{
    return m->leaves >= MAX_LEAVES || m->func->n_named >= MAX_NAMED;
}

static const rt_type *make_compound(maker *m, int depth)
{
    rt_func *func = m->func;
    if (func->n_named != 0 && rt_chance(m->rng, 12)) {
        m->leaves += 4;
        return func->named[rt_below(m->rng, func->n_named)];
    }
    switch (rt_below(m->rng, 12)) {
    case 0:
    case 1:
    case 2:
        return make_list(m, depth);
    case 3:
        return make_map(m, depth);
    case 4:
    case 5:
        return make_fields(m, SLUICE_RECORD, depth);
    case 6:
        return make_fields(m, SLUICE_TUPLE, depth);
    case 7:
    case 8:
        return make_variant(m, depth);
    case 9:
        return make_labels(m);
    case 10:
        return make_option(m, depth);
    default:
        return make_result(m, depth);
    }
}

static const rt_type *make(maker *m, int depth)
{
    bool simple = depth <= 0 || is_full(m) || rt_chance(m->rng, 4);
    return simple ? make_primitive(m) : make_compound(m, depth);
}

void rt_func_make(rt_func *func, rt_rng *rng)
{
    maker m = {func, rng, 0};
    *func = (rt_func){0};
    sl_arena_init(&func->arena);
    /* one definition over the limit for each of the open levels */
    func->named =
        must(sl_arena_array(&func->arena, const rt_type *, MAX_NAMED + 64));
    uint32_t n = rt_chance(rng, 2)   ? 1
                 : rt_chance(rng, 5) ? 5 + rt_below(rng, 20)
                                     : 2 + rt_below(rng, 5);
    rt_type *all = new_type(&m, SLUICE_TUPLE, n);
    for (uint32_t i = 0; i < n; i++) {
        m.leaves = i > 5 ? MAX_LEAVES : m.leaves / 2;
        all->parts[i] = n > 5 || rt_chance(rng, 8)
                            ? make(&m, (int)rt_below(rng, 3))
                            : make_compound(&m, 2 + (int)rt_below(rng, 3));
    }
    func->all = finish(&m, all, false);
    func->params = all->parts;
    func->n_params = n;
    func->result = n == 1 ? all->parts[0] : all;
}

void rt_func_deinit(rt_func *func)
{
    sl_arena_deinit(&func->arena);
}

/* --- Text ------------------------------------------------------------------
 */

static const char *const primitives[] = {
    [SLUICE_BOOL] = "bool",    [SLUICE_S8] = "s8",   [SLUICE_U8] = "u8",
    [SLUICE_S16] = "s16",      [SLUICE_U16] = "u16", [SLUICE_S32] = "s32",
    [SLUICE_U32] = "u32",      [SLUICE_S64] = "s64", [SLUICE_U64] = "u64",
    [SLUICE_F32] = "f32",      [SLUICE_F64] = "f64", [SLUICE_CHAR] = "char",
    [SLUICE_STRING] = "string"};

static void print_parts(const rt_type *type, sl_buf *out)
{
    for (uint32_t i = 0; i < type->n; i++) {
        sl_buf_printf(out, " ");
        rt_print(type->parts[i], out);
    }
    if (type->len != 0)
        sl_buf_printf(out, " %u", type->len);
    sl_buf_printf(out, ")");
}

static void print_result(const rt_type *type, sl_buf *out)
{
    sl_buf_printf(out, "(result");
    if (type->parts[0] != NULL) {
        sl_buf_printf(out, " ");
        rt_print(type->parts[0], out);
    }
    if (type->parts[1] != NULL) {
        sl_buf_printf(out, " (error ");
        rt_print(type->parts[1], out);
        sl_buf_printf(out, ")");
    }
    sl_buf_printf(out, ")");
}

void rt_print(const rt_type *type, sl_buf *out)
{
    if (type->name >= 0) {
        sl_buf_printf(out, "$t%d", type->name);
        return;
    }
    switch (type->kind) {
    case SLUICE_RESULT:
        print_result(type, out);
        break;
    case SLUICE_LIST:
        sl_buf_printf(out, "(list");
        print_parts(type, out);
        break;
    case SLUICE_MAP:
        sl_buf_printf(out, "(map");
        print_parts(type, out);
        break;
    case SLUICE_OPTION:
        sl_buf_printf(out, "(option");
        print_parts(type, out);
        break;
    case SLUICE_TUPLE:
        sl_buf_printf(out, "(tuple");
        print_parts(type, out);
        break;
    default:
        sl_buf_printf(out, "%s", primitives[type->kind]);
        break;
    }
}

static void print_member(const rt_type *type, const char *word, uint32_t i,
                         sl_buf *out)
{
    sl_buf_printf(out, " (%s \"l%u\"", word, i);
    if (type != NULL) {
        sl_buf_printf(out, " ");
        rt_print(type, out);
    }
    sl_buf_printf(out, ")");
}

void rt_print_definition(const rt_type *type, sl_buf *out)
{
    bool record = type->kind == SLUICE_RECORD;
    bool labels = type->kind == SLUICE_FLAGS || type->kind == SLUICE_ENUM;
    sl_buf_printf(out, "(%s",
                  record                       ? "record"
                  : type->kind == SLUICE_FLAGS ? "flags"
                  : type->kind == SLUICE_ENUM  ? "enum"
                                               : "variant");
    for (uint32_t i = 0; i < type->n; i++)
        if (labels)
            sl_buf_printf(out, " \"l%u\"", i);
        else
            print_member(type->parts[i], record ? "field" : "case", i, out);
    sl_buf_printf(out, ")");
}

void rt_print_signature(const rt_func *func, sl_buf *out)
{
    for (uint32_t i = 0; i < func->n_params; i++) {
        sl_buf_printf(out, "(param \"p%u\" ", i);
        rt_print(func->params[i], out);
        sl_buf_printf(out, ") ");
    }
    sl_buf_printf(out, "(result ");
    rt_print(func->result, out);
    sl_buf_printf(out, ")");
}
