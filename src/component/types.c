/* Types as values: the primitives, equality and text. */
#include "component/types.h"

#include <stdarg.h>
#include <stdio.h>

static const char *const primitive_text[SL_T_N_PRIMITIVES] = {
    "bool", "s8",  "u8",  "s16", "u16",  "s32",    "u32",
    "s64",  "u64", "f32", "f64", "char", "string", "error-context",
};

#define SCALAR(size, core)                                                     \
    {                                                                          \
        {size, size, 1, {core}},                                               \
        {                                                                      \
            size, size, 1,                                                     \
            {                                                                  \
                core                                                           \
            }                                                                  \
        }                                                                      \
    }

/* clang-format off */
static const sl_type primitives[SL_T_N_PRIMITIVES] = {
    [SL_T_BOOL] = {.kind = SL_T_BOOL, .depth = 1, .weight = 1, .layout = SCALAR(1, SL_I32)},
    [SL_T_S8]   = {.kind = SL_T_S8,   .depth = 1, .weight = 1, .layout = SCALAR(1, SL_I32)},
    [SL_T_U8]   = {.kind = SL_T_U8,   .depth = 1, .weight = 1, .layout = SCALAR(1, SL_I32)},
    [SL_T_S16]  = {.kind = SL_T_S16,  .depth = 1, .weight = 1, .layout = SCALAR(2, SL_I32)},
    [SL_T_U16]  = {.kind = SL_T_U16,  .depth = 1, .weight = 1, .layout = SCALAR(2, SL_I32)},
    [SL_T_S32]  = {.kind = SL_T_S32,  .depth = 1, .weight = 1, .layout = SCALAR(4, SL_I32)},
    [SL_T_U32]  = {.kind = SL_T_U32,  .depth = 1, .weight = 1, .layout = SCALAR(4, SL_I32)},
    [SL_T_S64]  = {.kind = SL_T_S64,  .depth = 1, .weight = 1, .layout = SCALAR(8, SL_I64)},
    [SL_T_U64]  = {.kind = SL_T_U64,  .depth = 1, .weight = 1, .layout = SCALAR(8, SL_I64)},
    [SL_T_F32]  = {.kind = SL_T_F32,  .depth = 1, .weight = 1, .layout = SCALAR(4, SL_F32)},
    [SL_T_F64]  = {.kind = SL_T_F64,  .depth = 1, .weight = 1, .layout = SCALAR(8, SL_F64)},
    [SL_T_CHAR] = {.kind = SL_T_CHAR, .depth = 1, .weight = 1, .layout = SCALAR(4, SL_I32)},
    [SL_T_STRING] = {.kind = SL_T_STRING, .depth = 1, .weight = 1, .has_pointer = true,
                     .layout = {{8, 4, 2, {SL_I32, SL_I32}}, {16, 8, 2, {SL_I64, SL_I64}}}},
    [SL_T_ERROR_CONTEXT] = {.kind = SL_T_ERROR_CONTEXT, .depth = 1, .weight = 1,
                            .layout = SCALAR(4, SL_I32)},
};
/* clang-format on */

const sl_type *sl_type_primitive(sl_type_kind kind)
{
    return kind < SL_T_N_PRIMITIVES ? &primitives[kind] : NULL;
}

const char *sl_sort_text(sl_sort sort)
{
    static const char *const text[SL_N_SORTS] = {
        [SL_SORT_CORE_FUNC] = "core func",
        [SL_SORT_CORE_TABLE] = "core table",
        [SL_SORT_CORE_MEMORY] = "core memory",
        [SL_SORT_CORE_GLOBAL] = "core global",
        [SL_SORT_CORE_TAG] = "core tag",
        [SL_SORT_CORE_TYPE] = "core type",
        [SL_SORT_CORE_MODULE] = "core module",
        [SL_SORT_CORE_INSTANCE] = "core instance",
        [SL_SORT_CORE_DATA] = "core data",
        [SL_SORT_FUNC] = "func",
        [SL_SORT_VALUE] = "value",
        [SL_SORT_TYPE] = "type",
        [SL_SORT_COMPONENT] = "component",
        [SL_SORT_INSTANCE] = "instance",
    };
    return (unsigned)sort < SL_N_SORTS ? text[sort] : "unknown sort";
}

/* --- Equality ------------------------------------------------------------- */

static bool labels_eq(const sl_label *a, uint32_t n_a, const sl_label *b,
                      uint32_t n_b)
{
    if (n_a != n_b)
        return false;
    for (uint32_t i = 0; i < n_a; i++)
        if (!sl_name_eq(a[i].label, b[i].label) ||
            !sl_type_eq(a[i].type, b[i].type))
            return false;
    return true;
}

bool sl_type_eq(const sl_type *a, const sl_type *b)
{
    if (a == b)
        return true;
    if (a == NULL || b == NULL || a->kind != b->kind || a->weight != b->weight)
        return false;
    switch (a->kind) {
    case SL_T_LIST:
        return a->of.list.len == b->of.list.len &&
               sl_type_eq(a->of.list.elem, b->of.list.elem);
    case SL_T_OPTION:
    case SL_T_STREAM:
    case SL_T_FUTURE:
        return sl_type_eq(a->of.list.elem, b->of.list.elem);
    case SL_T_MAP:
        return sl_type_eq(a->of.map.key, b->of.map.key) &&
               sl_type_eq(a->of.map.value, b->of.map.value);
    case SL_T_RECORD:
    case SL_T_VARIANT:
    case SL_T_TUPLE:
    case SL_T_FLAGS:
    case SL_T_ENUM:
        return labels_eq(a->of.labels.v, a->of.labels.n, b->of.labels.v,
                         b->of.labels.n);
    case SL_T_RESULT:
        return sl_type_eq(a->of.result.ok, b->of.result.ok) &&
               sl_type_eq(a->of.result.error, b->of.result.error);
    case SL_T_OWN:
    case SL_T_BORROW:
        return a->of.handle == b->of.handle;
    case SL_T_FUNC:
        return a->of.func.async_ == b->of.func.async_ &&
               labels_eq(a->of.func.params, a->of.func.n_params,
                         b->of.func.params, b->of.func.n_params) &&
               sl_type_eq(a->of.func.result, b->of.func.result);
    default: /* primitives; resources and the rest have identity only */
        return a->kind < SL_T_N_PRIMITIVES;
    }
}

/* --- Text ----------------------------------------------------------------- */

typedef struct writer {
    char *out;
    size_t cap, len;
} writer;

static bool full(const writer *w)
{
    return w->len + 1 >= w->cap;
}

static void say(writer *w, const char *fmt, ...) SL_PRINTF(2, 3);
static void say(writer *w, const char *fmt, ...)
{
    if (full(w))
        return;
    va_list args;
    va_start(args, fmt);
    int n = vsnprintf(w->out + w->len, w->cap - w->len, fmt, args);
    va_end(args);
    if (n > 0)
        w->len = (size_t)n >= w->cap - w->len ? w->cap - 1 : w->len + (size_t)n;
}

static void say_type(writer *w, const sl_type *type);

static void say_labels(writer *w, const sl_label *v, uint32_t n)
{
    for (uint32_t i = 0; i < n && !full(w); i++) {
        say(w, "%s%.*s", i ? ", " : "", SL_NAME_ARGS(v[i].label));
        if (v[i].type != NULL) {
            say(w, "%s", v[i].label.len ? ": " : "");
            say_type(w, v[i].type);
        }
    }
}

static void say_cases(writer *w, const sl_label *v, uint32_t n)
{
    for (uint32_t i = 0; i < n && !full(w); i++) {
        say(w, "%s%.*s", i ? ", " : "", SL_NAME_ARGS(v[i].label));
        if (v[i].type != NULL) {
            say(w, "(");
            say_type(w, v[i].type);
            say(w, ")");
        }
    }
}

static void say_around(writer *w, const char *what, const sl_type *elem)
{
    say(w, "%s", what);
    if (elem != NULL) {
        say(w, "<");
        say_type(w, elem);
        say(w, ">");
    }
}

static void say_result(writer *w, const sl_type *type)
{
    say(w, "result");
    if (type->of.result.ok == NULL && type->of.result.error == NULL)
        return;
    say(w, "<");
    if (type->of.result.ok != NULL)
        say_type(w, type->of.result.ok);
    else
        say(w, "_");
    if (type->of.result.error != NULL) {
        say(w, ", ");
        say_type(w, type->of.result.error);
    }
    say(w, ">");
}

static void say_func(writer *w, const sl_type *type)
{
    say(w, "%sfunc(", type->of.func.async_ ? "async " : "");
    say_labels(w, type->of.func.params, type->of.func.n_params);
    say(w, ")");
    if (type->of.func.result != NULL) {
        say(w, " -> ");
        say_type(w, type->of.func.result);
    }
}

static void say_type(writer *w, const sl_type *type)
{
    if (full(w))
        return;
    switch (type->kind) {
    case SL_T_LIST:
        say(w, "list<");
        say_type(w, type->of.list.elem);
        if (type->of.list.len != 0)
            say(w, ", %u", (unsigned)type->of.list.len);
        say(w, ">");
        break;
    case SL_T_MAP:
        say(w, "map<");
        say_type(w, type->of.map.key);
        say(w, ", ");
        say_type(w, type->of.map.value);
        say(w, ">");
        break;
    case SL_T_RECORD:
    case SL_T_VARIANT:
    case SL_T_FLAGS:
    case SL_T_ENUM:
        say(w, "%s { ",
            type->kind == SL_T_RECORD    ? "record"
            : type->kind == SL_T_VARIANT ? "variant"
            : type->kind == SL_T_FLAGS   ? "flags"
                                         : "enum");
        if (type->kind == SL_T_VARIANT)
            say_cases(w, type->of.labels.v, type->of.labels.n);
        else
            say_labels(w, type->of.labels.v, type->of.labels.n);
        say(w, " }");
        break;
    case SL_T_TUPLE:
        say(w, "tuple<");
        say_labels(w, type->of.labels.v, type->of.labels.n);
        say(w, ">");
        break;
    case SL_T_OPTION:
        say_around(w, "option", type->of.list.elem);
        break;
    case SL_T_STREAM:
        say_around(w, "stream", type->of.list.elem);
        break;
    case SL_T_FUTURE:
        say_around(w, "future", type->of.list.elem);
        break;
    case SL_T_RESULT:
        say_result(w, type);
        break;
    case SL_T_OWN:
    case SL_T_BORROW:
        say_around(w, type->kind == SL_T_OWN ? "own" : "borrow",
                   type->of.handle);
        break;
    case SL_T_RESOURCE:
        if (type->of.resource.name.len != 0)
            say(w, "%.*s", SL_NAME_ARGS(type->of.resource.name));
        else
            say(w, "resource");
        break;
    case SL_T_FUNC:
        say_func(w, type);
        break;
    case SL_T_COMPONENT:
        say(w, "component");
        break;
    case SL_T_INSTANCE:
        say(w, "instance");
        break;
    case SL_T_CORE_MODULE:
        say(w, "core module");
        break;
    case SL_T_VALUE:
        say_type(w, type->of.value.type);
        break;
    default:
        say(w, "%s", primitive_text[type->kind]);
        break;
    }
}

const char *sl_type_text(const sl_type *type, char *out, size_t cap)
{
    writer w = {out, cap, 0};
    if (cap != 0)
        out[0] = 0;
    if (type == NULL)
        say(&w, "none");
    else
        say_type(&w, type);
    return out;
}
