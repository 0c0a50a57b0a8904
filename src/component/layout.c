/* Sizes, alignments and flattenings of value types, computed once when a type
 * is made. CanonicalABI.md "Alignment", "Element Size", "Flattening". */
#include "component/types.h"

#define MAX_SIZE UINT32_MAX /* what a size that does not fit is clamped to */
#define MAX_FLAT 65536

/* --- Tuples --------------------------------------------------------------- */

static uint64_t align_to(uint64_t at, uint64_t align)
{
    return (at + align - 1) & ~(align - 1);
}

static uint32_t clamp(uint64_t size)
{
    return size > MAX_SIZE ? MAX_SIZE : (uint32_t)size;
}

static uint32_t add_flat(uint32_t a, uint64_t b)
{
    bool fits = a != UINT32_MAX && a + b <= MAX_FLAT;
    return fits ? (uint32_t)(a + b) : UINT32_MAX;
}

/* Appends the flattening of a part to that of the whole. */
static void append_flat(sl_layout *out, const sl_layout *part)
{
    for (uint32_t i = 0; i < part->n_flat && i < SL_MAX_FLAT_PARAMS; i++)
        if (out->n_flat < SL_MAX_FLAT_PARAMS &&
            i < SL_MAX_FLAT_PARAMS - out->n_flat)
            out->flat[out->n_flat + i] = part->flat[i];
    out->n_flat = add_flat(out->n_flat, part->n_flat);
}

static void append_field(sl_layout *out, uint64_t *size, const sl_layout *part)
{
    *size = align_to(*size, part->align) + part->size;
    if (out->align < part->align)
        out->align = part->align;
    append_flat(out, part);
}

sl_layout sl_tuple_layout(const sl_label *types, uint32_t n, bool is64)
{
    sl_layout out = {.align = 1};
    uint64_t size = 0;
    for (uint32_t i = 0; i < n; i++)
        append_field(&out, &size, &types[i].type->layout[is64]);
    out.size = clamp(align_to(size, out.align));
    return out;
}

/* --- Variants ------------------------------------------------------------- */

uint32_t sl_discriminant_size(uint32_t n_cases)
{
    return n_cases <= 1U << 8 ? 1 : n_cases <= 1U << 16 ? 2 : 4;
}

uint32_t sl_n_cases(const sl_type *type)
{
    if (type->kind == SL_T_OPTION || type->kind == SL_T_RESULT)
        return 2;
    return type->of.labels.n;
}

const sl_type *sl_case_type(const sl_type *type, uint32_t index)
{
    switch (type->kind) {
    case SL_T_OPTION:
        return index == 1 ? type->of.list.elem : NULL;
    case SL_T_RESULT:
        return index == 0 ? type->of.result.ok : type->of.result.error;
    default:
        return type->of.labels.v[index].type;
    }
}

sl_name sl_case_label(const sl_type *type, uint32_t index)
{
    switch (type->kind) {
    case SL_T_OPTION:
        return index == 0 ? SL_NAME("none") : SL_NAME("some");
    case SL_T_RESULT:
        return index == 0 ? SL_NAME("ok") : SL_NAME("error");
    default:
        return type->of.labels.v[index].label;
    }
}

static uint32_t max_case_align(const sl_type *type, bool is64)
{
    uint32_t align = 1;
    for (uint32_t i = 0; i < sl_n_cases(type); i++) {
        const sl_type *payload = sl_case_type(type, i);
        if (payload != NULL && payload->layout[is64].align > align)
            align = payload->layout[is64].align;
    }
    return align;
}

uint32_t sl_payload_offset(const sl_type *type, bool is64)
{
    uint32_t size = sl_discriminant_size(sl_n_cases(type));
    return (uint32_t)align_to(size, max_case_align(type, is64));
}

/* CanonicalABI.md "Flattening": join. A semilattice (f32 < i32 < i64,
 * f64 < i64), so that the order of joining does not matter. */
static uint8_t join(uint8_t a, uint8_t b)
{
    if (a == b)
        return a;
    if ((a == SL_I32 && b == SL_F32) || (a == SL_F32 && b == SL_I32))
        return SL_I32;
    return SL_I64;
}

static sl_layout variant_layout(const sl_type *type, bool is64)
{
    uint32_t disc = sl_discriminant_size(sl_n_cases(type));
    sl_layout out = {.n_flat = 1, .flat = {SL_I32}};
    uint32_t align = max_case_align(type, is64);
    uint32_t payload = 0;

    for (uint32_t i = 0; i < sl_n_cases(type); i++) {
        const sl_type *t = sl_case_type(type, i);
        if (t == NULL)
            continue;
        const sl_layout *part = &t->layout[is64];
        if (part->size > payload)
            payload = part->size;
        for (uint32_t k = 0; k < part->n_flat && k + 1 < SL_MAX_FLAT_PARAMS;
             k++)
            out.flat[k + 1] = k + 1 < out.n_flat
                                  ? join(out.flat[k + 1], part->flat[k])
                                  : part->flat[k];
        uint32_t n = add_flat(1, part->n_flat);
        if (n > out.n_flat)
            out.n_flat = n;
    }
    out.align = align > disc ? align : disc;
    out.size =
        clamp(align_to(align_to(disc, align) + (uint64_t)payload, out.align));
    return out;
}

/* --- All value types ------------------------------------------------------ */

static sl_layout scalar(uint32_t size, uint8_t flat)
{
    return (sl_layout){size, size, 1, {flat}};
}

static sl_layout list_layout(const sl_type *type, bool is64)
{
    uint32_t ptr = is64 ? 8 : 4;
    uint8_t flat = is64 ? SL_I64 : SL_I32;
    if (type->kind != SL_T_LIST || type->of.list.len == 0)
        return (sl_layout){2 * ptr, ptr, 2, {flat, flat}};

    const sl_layout *elem = &type->of.list.elem->layout[is64];
    sl_layout out = {.align = elem->align};
    for (uint32_t i = 0;
         i < type->of.list.len && out.n_flat < SL_MAX_FLAT_PARAMS; i++)
        append_flat(&out, elem);
    out.n_flat = elem->n_flat == UINT32_MAX
                     ? UINT32_MAX
                     : add_flat(0, (uint64_t)elem->n_flat * type->of.list.len);
    out.size = clamp((uint64_t)elem->size * type->of.list.len);
    return out;
}

static sl_layout layout_of(const sl_type *type, bool is64)
{
    switch (type->kind) {
    case SL_T_BOOL:
    case SL_T_S8:
    case SL_T_U8:
        return scalar(1, SL_I32);
    case SL_T_S16:
    case SL_T_U16:
        return scalar(2, SL_I32);
    case SL_T_S64:
    case SL_T_U64:
        return scalar(8, SL_I64);
    case SL_T_F32:
        return scalar(4, SL_F32);
    case SL_T_F64:
        return scalar(8, SL_F64);
    case SL_T_STRING:
    case SL_T_LIST:
    case SL_T_MAP:
        return list_layout(type, is64);
    case SL_T_RECORD:
    case SL_T_TUPLE:
        return sl_tuple_layout(type->of.labels.v, type->of.labels.n, is64);
    case SL_T_VARIANT:
    case SL_T_ENUM:
    case SL_T_OPTION:
    case SL_T_RESULT:
        return variant_layout(type, is64);
    case SL_T_FLAGS:
        return scalar(type->of.labels.n <= 8    ? 1
                      : type->of.labels.n <= 16 ? 2
                                                : 4,
                      SL_I32);
    default: /* s32, u32, char and every handle */
        return scalar(4, SL_I32);
    }
}

static void take_part(sl_type *type, const sl_type *part)
{
    if (part == NULL)
        return;
    type->has_borrow |= part->has_borrow;
    type->has_async |= part->has_async;
    type->has_resource |= part->has_resource;
    type->has_pointer |= part->has_pointer;
    if (part->depth >= type->depth)
        type->depth =
            part->depth == UINT8_MAX ? UINT8_MAX : (uint8_t)(part->depth + 1);
    uint64_t weight = (uint64_t)type->weight + part->weight;
    type->weight = clamp(weight);
}

static void take_labels(sl_type *type, const sl_label *v, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        take_part(type, v[i].type);
}

void sl_type_finish(sl_type *type)
{
    type->depth = 1;
    type->weight = 1;
    switch (type->kind) {
    case SL_T_STREAM:
    case SL_T_FUTURE:
        take_part(type, type->of.list.elem);
        type->has_pointer = false; /* what moves is a handle */
        type->has_async = true;
        break;
    case SL_T_LIST:
    case SL_T_OPTION:
        take_part(type, type->of.list.elem);
        if (type->kind == SL_T_LIST && type->of.list.len == 0)
            type->has_pointer = true;
        break;
    case SL_T_STRING:
        type->has_pointer = true;
        break;
    case SL_T_MAP:
        take_part(type, type->of.map.key);
        take_part(type, type->of.map.value);
        type->has_pointer = true;
        break;
    case SL_T_RECORD:
    case SL_T_VARIANT:
    case SL_T_TUPLE:
    case SL_T_FLAGS:
    case SL_T_ENUM:
        take_labels(type, type->of.labels.v, type->of.labels.n);
        break;
    case SL_T_RESULT:
        take_part(type, type->of.result.ok);
        take_part(type, type->of.result.error);
        break;
    case SL_T_OWN:
    case SL_T_BORROW:
        type->has_resource = true;
        type->has_borrow = type->kind == SL_T_BORROW;
        break;
    case SL_T_FUNC:
        take_labels(type, type->of.func.params, type->of.func.n_params);
        take_part(type, type->of.func.result);
        break;
    case SL_T_VALUE:
        take_part(type, type->of.value.type);
        break;
    default:
        type->has_resource = type->kind == SL_T_RESOURCE;
        break;
    }
    if (type->kind < SL_T_N_VALTYPES)
        for (int is64 = 0; is64 < 2; is64++)
            type->layout[is64] = layout_of(type, is64);
    if (type->kind == SL_T_FUNC)
        for (int is64 = 0; is64 < 2; is64++)
            type->layout[is64] = sl_tuple_layout(type->of.func.params,
                                                 type->of.func.n_params, is64);
}

/* --- Flattening of any length --------------------------------------------- */

/* Core types being written from `at`; those before `high` stand already and
 * are joined with, because another case of a variant wrote them. */
typedef struct flattener {
    sl_valtype *flat;
    uint32_t cap, high;
    bool is64;
} flattener;

static void put_one(flattener *f, uint32_t at, uint8_t t)
{
    if (at >= f->cap)
        return;
    f->flat[at] = at < f->high ? join((uint8_t)f->flat[at], t) : t;
    if (at >= f->high)
        f->high = at + 1;
}

static void put(flattener *f, uint32_t at, const sl_type *type);

/* Writes consecutive parts; stops where there is no more room. */
static uint32_t put_part(flattener *f, uint32_t at, const sl_type *type)
{
    put(f, at, type);
    uint32_t n = type->layout[f->is64].n_flat;
    return n >= f->cap - at ? f->cap : at + n;
}

static void put(flattener *f, uint32_t at, const sl_type *type)
{
    const sl_layout *layout = &type->layout[f->is64];
    if (at >= f->cap)
        return;
    if (layout->n_flat <= SL_MAX_FLAT_PARAMS) {
        for (uint32_t i = 0; i < layout->n_flat; i++)
            put_one(f, at + i, layout->flat[i]);
        return;
    }
    switch (type->kind) {
    case SL_T_LIST:
        for (uint32_t i = 0; i < type->of.list.len && at < f->cap; i++)
            at = put_part(f, at, type->of.list.elem);
        break;
    case SL_T_RECORD:
    case SL_T_TUPLE:
        for (uint32_t i = 0; i < type->of.labels.n && at < f->cap; i++)
            at = put_part(f, at, type->of.labels.v[i].type);
        break;
    default:
        put_one(f, at, SL_I32);
        for (uint32_t i = 0; i < sl_n_cases(type); i++)
            if (sl_case_type(type, i) != NULL)
                put(f, at + 1, sl_case_type(type, i));
        break;
    }
}

void sl_flatten(const sl_type *type, bool is64, sl_valtype *flat, uint32_t cap,
                uint32_t *n)
{
    flattener f = {flat, cap, *n, is64};
    put(&f, *n, type);
    uint32_t more = type->layout[is64].n_flat;
    *n = more > UINT32_MAX - *n ? UINT32_MAX : *n + more;
}
