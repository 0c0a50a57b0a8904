/* Canonical definitions. Binary.md "Canonical Definitions"; the validation that
 * each section of CanonicalABI.md "Canonical Definitions" asks for. */
#include "component/component_int.h"

#include <stdio.h>

/* --- Options -------------------------------------------------------------- */

static bool twice(sl_decoder *d, uint64_t at, const char *what)
{
    return sl_dec_invalid(
        d, at, "canonical option `%s` is specified more than once", what);
}

static bool set_encoding(sl_decoder *d, sl_canon_opts *o, bool *seen,
                         uint8_t code, uint64_t at)
{
    static const char *const text[] = {"utf8", "utf16", "latin1-utf16"};
    if (*seen)
        return sl_dec_invalid(d, at,
                              "canonical encoding option `%s` conflicts with "
                              "option `%s`",
                              text[o->encoding], text[code]);
    *seen = true;
    o->encoding = (sl_string_encoding)code;
    return true;
}

static bool decode_opts(sl_decoder *d, sl_reader *r, sl_canon_opts *o)
{
    static const char *const text[] = {"memory", "realloc",  "post-return",
                                       "async",  "callback", "core-type",
                                       "gc"};
    uint32_t *const index[] = {&o->memory, &o->realloc,  &o->post_return,
                               NULL,       &o->callback, &o->core_type};
    bool *const flag[] = {[3] = &o->async_, [6] = &o->gc};
    bool encoding = false;
    uint32_t n = sl_dec_count(d, r, 10, "canonical options");
    for (uint32_t i = 0; i < n && sl_dec_ok(d); i++) {
        uint64_t at = sl_reader_at(r);
        uint8_t code = sl_read_u8(r);
        if (!sl_reader_ok(r))
            return false;
        if (code > 9)
            return sl_dec_bad_byte(r, code, "canonical option");
        if (code > 7 &&
            !sl_dec_gate(d, at, SL_FEATURE_GC,
                         code == 8 ? "option core-type" : "option gc"))
            return false;
        if (code <= 2) {
            if (!set_encoding(d, o, &encoding, code, at))
                return false;
        } else if (code == 6 || code == 9) {
            if (*flag[code - 3])
                return twice(d, at, text[code - 3]);
            *flag[code - 3] = true;
            if (code == 6 &&
                !sl_dec_gate(d, at, SL_FEATURE_ASYNC, "option async"))
                return false;
        } else {
            uint32_t value = sl_read_u32(r);
            if (*index[code - 3] != SL_NO_INDEX)
                return twice(d, at, text[code - 3]);
            *index[code - 3] = value;
        }
    }
    return sl_dec_ok(d);
}

static bool option_signature(sl_decoder *d, sl_scope *s, uint32_t func,
                             const sl_functype *want, const char *option,
                             uint64_t at)
{
    const sl_functype *have = sl_scope_get(d, s, SL_SORT_CORE_FUNC, func, at);
    if (have == NULL)
        return false;
    return sl_functype_eq(have, want) ||
           sl_dec_invalid(d, at,
                          "canonical option `%s` uses a core function with an "
                          "incorrect signature",
                          option);
}

/* A memory by its index; `is64` gets its address type. */
static bool check_memory(sl_decoder *d, sl_scope *s, uint32_t index,
                         uint64_t at, bool *is64)
{
    const sl_core_externtype *type =
        sl_scope_get(d, s, SL_SORT_CORE_MEMORY, index, at);
    if (type == NULL)
        return false;
    *is64 = type->of.memory.limits.is64;
    if (type->of.memory.limits.shared)
        return sl_dec_invalid(
            d, at, "canonical option `memory` must not be a shared memory");
    return !*is64 ||
           sl_dec_gate(d, at, SL_FEATURE_MEMORY64, "a 64-bit memory option");
}

/* CanonicalABI.md "canonopt Validation". */
static bool check_opts(sl_decoder *d, sl_scope *s, sl_canon_opts *o,
                       uint64_t at)
{
    static const sl_valtype i32s[] = {SL_I32, SL_I32, SL_I32, SL_I32, SL_I32};
    static const sl_valtype i64s[] = {SL_I64, SL_I64, SL_I64, SL_I64, SL_I64};
    if (o->core_type != SL_NO_INDEX && !o->gc)
        return sl_dec_invalid(d, at,
                              "canonical option `core-type` requires `gc` to "
                              "also be specified");
    if (o->memory != SL_NO_INDEX &&
        !check_memory(d, s, o->memory, at, &o->is64))
        return false;
    if (o->realloc != SL_NO_INDEX) {
        sl_functype want = {4, 1, o->is64 ? i64s : i32s};
        if (o->memory == SL_NO_INDEX)
            return sl_dec_invalid(d, at,
                                  "canonical option `realloc` requires "
                                  "`memory` to also be specified");
        if (!option_signature(d, s, o->realloc, &want, "realloc", at))
            return false;
    }
    if (o->post_return != SL_NO_INDEX && o->async_)
        return sl_dec_invalid(d, at,
                              "canonical option `post-return` cannot "
                              "be specified with `async`");
    if (o->callback != SL_NO_INDEX) {
        sl_functype want = {3, 1, i32s};
        if (!o->async_)
            return sl_dec_invalid(d, at,
                                  "canonical option `callback` cannot "
                                  "be specified without `async`");
        return option_signature(d, s, o->callback, &want, "callback", at);
    }
    return true;
}

static bool need(sl_decoder *d, uint32_t option, const char *what, uint64_t at)
{
    return option != SL_NO_INDEX ||
           sl_dec_invalid(d, at, "canonical option `%s` is required", what);
}

/* Where only some options make sense. */
static bool refuse(sl_decoder *d, uint32_t option, const char *what,
                   const char *where, uint64_t at)
{
    return option == SL_NO_INDEX ||
           sl_dec_invalid(d, at,
                          "canonical option `%s` cannot be specified for %s",
                          what, where);
}

/* --- Core signatures ------------------------------------------------------ */

static const sl_functype *make_functype(sl_decoder *d, const sl_valtype *params,
                                        uint32_t n_params,
                                        const sl_valtype *results,
                                        uint32_t n_results)
{
    sl_functype *type = sl_dec_new(d, sl_functype);
    sl_valtype *v = sl_dec_array(d, sl_valtype, n_params + n_results);
    if (type == NULL || v == NULL)
        return NULL;
    for (uint32_t i = 0; i < n_params; i++)
        v[i] = params[i];
    for (uint32_t i = 0; i < n_results; i++)
        v[n_params + i] = results[i];
    *type = (sl_functype){n_params, n_results, v};
    return type;
}

/* From a row of canon.def: "ipp:i". */
static const sl_functype *row_signature(sl_decoder *d, const char *text,
                                        sl_valtype p, sl_valtype v)
{
    sl_valtype types[8];
    uint32_t n = 0, n_params = 0;
    for (; *text != 0; text++) {
        if (*text == ':')
            n_params = n;
        else
            types[n++] = *text == 'i'   ? SL_I32
                         : *text == 'I' ? SL_I64
                         : *text == 'p' ? p
                                        : v;
    }
    return make_functype(d, types, n_params, types + n_params, n - n_params);
}

static uint32_t take_flat(const sl_layout *layout, sl_valtype *out)
{
    for (uint32_t i = 0; i < layout->n_flat; i++)
        out[i] = layout->flat[i];
    return layout->n_flat;
}

/* A function's flattened parameters and result. */
typedef struct flat_func {
    sl_layout params, result; /* result.n_flat 0: none */
    bool params_point, result_points;
} flat_func;

static flat_func flatten(const sl_type *func, bool is64)
{
    flat_func f = {.params = func->layout[is64]};
    for (uint32_t i = 0; i < func->of.func.n_params; i++)
        f.params_point |= func->of.func.params[i].type->has_pointer;
    if (func->of.func.result != NULL) {
        f.result = func->of.func.result->layout[is64];
        f.result_points = func->of.func.result->has_pointer;
    }
    return f;
}

/* CanonicalABI.md "Flattening": flatten_functype. */
static const sl_functype *flatten_functype(sl_decoder *d, const flat_func *f,
                                           const sl_canon_opts *o, bool lower)
{
    sl_valtype params[SL_MAX_FLAT_PARAMS + 1], results[SL_MAX_FLAT_PARAMS];
    sl_valtype ptr = o->is64 ? SL_I64 : SL_I32;
    uint32_t most =
        lower && o->async_ ? SL_MAX_FLAT_ASYNC_PARAMS : SL_MAX_FLAT_PARAMS;
    uint32_t n_params = 1, n_results = 0;
    params[0] = ptr;
    if (f->params.n_flat <= most)
        n_params = take_flat(&f->params, params);
    if (o->async_) {
        if (lower && f->result.n_flat > 0)
            params[n_params++] = ptr;
        if (lower || o->callback != SL_NO_INDEX)
            results[n_results++] = SL_I32;
    } else if (f->result.n_flat <= SL_MAX_FLAT_RESULTS) {
        n_results = take_flat(&f->result, results);
    } else if (lower) {
        params[n_params++] = ptr;
    } else {
        results[n_results++] = ptr;
    }
    return make_functype(d, params, n_params, results, n_results);
}

/* "[I32, I64]", the suite's spelling. */
static const char *types_text(const sl_valtype *v, uint32_t n, char *out,
                              size_t cap)
{
    size_t len = (size_t)snprintf(out, cap, "[");
    for (uint32_t i = 0; i < n && len + 16 < cap; i++) {
        const char *text = sl_valtype_text(v[i]);
        len += (size_t)snprintf(out + len, cap - len, "%s%c%s", i ? ", " : "",
                                text[0] - 'a' + 'A', text + 1);
    }
    snprintf(out + len, cap - len, "]");
    return out;
}

static bool check_core(sl_decoder *d, const sl_functype *want,
                       const sl_functype *have, uint64_t at)
{
    char w[72], h[72];
    const sl_valtype *wr = sl_functype_results(want);
    const sl_valtype *hr = sl_functype_results(have);
    if (sl_functype_eq(want, have))
        return true;
    bool params = want->n_params == have->n_params;
    for (uint32_t i = 0; params && i < want->n_params; i++)
        params = want->types[i] == have->types[i];
    if (!params)
        return sl_dec_invalid(
            d, at,
            "lowered parameter types `%s` do not match parameter types `%s`",
            types_text(want->types, want->n_params, w, sizeof w),
            types_text(have->types, have->n_params, h, sizeof h));
    return sl_dec_invalid(
        d, at, "lowered result types `%s` do not match result types `%s`",
        types_text(wr, want->n_results, w, sizeof w),
        types_text(hr, have->n_results, h, sizeof h));
}

/* --- lift and lower ------------------------------------------------------- */

static bool check_async(sl_decoder *d, const sl_canon *c, uint64_t at)
{
    return !c->opts.async_ || c->type->of.func.async_ ||
           sl_dec_invalid(d, at,
                          "the `async` canonical option requires an "
                          "async function type");
}

/* CanonicalABI.md "canon lift". */
static bool check_lift(sl_decoder *d, sl_scope *s, sl_canon *c, uint64_t at)
{
    const sl_canon_opts *o = &c->opts;
    const sl_functype *callee =
        sl_scope_get(d, s, SL_SORT_CORE_FUNC, c->func, at);
    if (callee == NULL || !check_async(d, c, at))
        return false;
    flat_func f = flatten(c->type, o->is64);
    uint32_t most = o->async_ ? SL_MAX_FLAT_PARAMS : SL_MAX_FLAT_RESULTS;
    bool realloc = f.params_point || f.params.n_flat > SL_MAX_FLAT_PARAMS;
    bool memory = realloc || f.result_points || f.result.n_flat > most;
    if ((memory && !need(d, o->memory, "memory", at)) ||
        (realloc && !need(d, o->realloc, "realloc", at)))
        return false;
    c->core = flatten_functype(d, &f, o, false);
    if (c->core == NULL || !check_core(d, c->core, callee, at))
        return false;
    if (o->post_return == SL_NO_INDEX)
        return true;
    sl_functype want = {c->core->n_results, 0, sl_functype_results(c->core)};
    return option_signature(d, s, o->post_return, &want, "post-return", at);
}

/* CanonicalABI.md "canon lower". An async lowering that passes nothing through
 * memory does without one, as in the reference tests (their
 * async/big-interleaving-test.wast), though the text asks for it always. */
static bool check_lower(sl_decoder *d, sl_canon *c, uint64_t at)
{
    const sl_canon_opts *o = &c->opts;
    if (!refuse(d, o->post_return, "post-return", "lowerings", at) ||
        !refuse(d, o->callback, "callback", "lowerings", at) ||
        !check_async(d, c, at))
        return false;
    flat_func f = flatten(c->type, o->is64);
    uint32_t params = o->async_ ? SL_MAX_FLAT_ASYNC_PARAMS : SL_MAX_FLAT_PARAMS;
    uint32_t results = o->async_ ? 0 : SL_MAX_FLAT_RESULTS;
    bool memory = f.params_point || f.result_points ||
                  f.params.n_flat > params || f.result.n_flat > results;
    if ((memory && !need(d, o->memory, "memory", at)) ||
        (f.result_points && !need(d, o->realloc, "realloc", at)))
        return false;
    c->core = flatten_functype(d, &f, o, true);
    return c->core != NULL;
}

/* gc and core-type, which no official text defines yet: only what they cannot
 * do without (docs/spec-pins.md). The core signature is the core type's or the
 * lifted function's, and what memory is for has no say. */
static bool check_gc(sl_decoder *d, sl_scope *s, sl_canon *c, uint64_t at)
{
    const sl_canon_opts *o = &c->opts;
    bool lift = c->kind == SL_CANON_LIFT;
    const sl_core_type *type = NULL;
    if (!lift && c->kind != SL_CANON_LOWER)
        return sl_dec_invalid(d, at,
                              "canonical option `gc` cannot be specified for "
                              "%s",
                              sl_canons[c->kind].text);
    if (!check_async(d, c, at))
        return false;
    if (o->core_type != SL_NO_INDEX) {
        type = sl_scope_get(d, s, SL_SORT_CORE_TYPE, o->core_type, at);
        if (type == NULL)
            return false;
        if (type->func == NULL)
            return sl_dec_invalid(d, at,
                                  "core type index %u is not a function type",
                                  (unsigned)o->core_type);
        c->core = type->func;
    }
    if (!lift)
        return refuse(d, o->post_return, "post-return", "lowerings", at) &&
               refuse(d, o->callback, "callback", "lowerings", at) &&
               need(d, o->core_type, "core-type", at);
    const sl_functype *callee =
        sl_scope_get(d, s, SL_SORT_CORE_FUNC, c->func, at);
    if (callee == NULL)
        return false;
    if (type != NULL && !sl_core_functype_matches(callee, type->func))
        return sl_dec_invalid(d, at,
                              "canonical option `core-type` is not the type of "
                              "the lifted core function");
    c->core = callee;
    return true;
}

/* --- Built-ins ------------------------------------------------------------ */

/* CanonicalABI.md "canon task.return". */
static bool check_task_return(sl_decoder *d, sl_canon *c, uint64_t at)
{
    const sl_canon_opts *o = &c->opts;
    flat_func f = {.params = {.align = 1}};
    if (!refuse(d, o->realloc, "realloc", "`task.return`", at) ||
        !refuse(d, o->post_return, "post-return", "`task.return`", at) ||
        !refuse(d, o->callback, "callback", "`task.return`", at))
        return false;
    if (o->async_)
        return sl_dec_invalid(d, at,
                              "canonical option `async` cannot be "
                              "specified for `task.return`");
    if (c->type != NULL) {
        f.params = c->type->layout[o->is64];
        if ((c->type->has_pointer || f.params.n_flat > SL_MAX_FLAT_PARAMS) &&
            !need(d, o->memory, "memory", at))
            return false;
    }
    c->core = flatten_functype(d, &f, o, true);
    return c->core != NULL;
}

/* stream.read, stream.write, future.read, future.write. */
static bool check_copy(sl_decoder *d, const sl_canon *c, bool reads,
                       uint64_t at)
{
    const sl_type *elem = c->type->of.list.elem;
    const char *text = sl_canons[c->kind].text;
    if (!refuse(d, c->opts.post_return, "post-return", text, at) ||
        !refuse(d, c->opts.callback, "callback", text, at))
        return false;
    if (elem == NULL)
        return true;
    return need(d, c->opts.memory, "memory", at) &&
           (!reads || !elem->has_pointer ||
            need(d, c->opts.realloc, "realloc", at));
}

static bool check_error_context(sl_decoder *d, const sl_canon *c, uint64_t at)
{
    const char *text = sl_canons[c->kind].text;
    if (c->opts.async_)
        return sl_dec_invalid(
            d, at, "canonical option `async` cannot be specified for %s", text);
    return refuse(d, c->opts.post_return, "post-return", text, at) &&
           need(d, c->opts.memory, "memory", at) &&
           (c->kind == SL_CANON_ERROR_CONTEXT_NEW ||
            need(d, c->opts.realloc, "realloc", at));
}

/* CanonicalABI.md "canon context.get": one type in a whole component. */
static bool check_context(sl_decoder *d, sl_scope *s, const sl_canon *c,
                          uint64_t at)
{
    if (c->slot >= 2)
        return sl_dec_invalid(d, at,
                              "`context` immediate must be zero or one, not %u",
                              (unsigned)c->slot);
    if (s->context_type != 0 && s->context_type != c->core_type)
        return sl_dec_invalid(d, at,
                              "`context.get` and `context.set` of one "
                              "component must use the same type");
    s->context_type = c->core_type;
    return true;
}

static bool check_local(sl_decoder *d, sl_scope *s, const sl_canon *c,
                        uint64_t at)
{
    return c->type->of.resource.definer == s->component ||
           sl_dec_invalid(d, at, "type is not a local resource");
}

/* CanonicalABI.md "canon thread.new-indirect". */
static bool check_new_indirect(sl_decoder *d, sl_scope *s, sl_canon *c,
                               const sl_functype *start, uint64_t at)
{
    const sl_core_externtype *table =
        sl_scope_get(d, s, SL_SORT_CORE_TABLE, c->table, at);
    if (table == NULL)
        return false;
    if (start->n_params != 1 || start->n_results != 0 ||
        (start->types[0] != SL_I32 && start->types[0] != SL_I64))
        return sl_dec_invalid(d, at,
                              "start function must take a single `i32` "
                              "or `i64` argument and return nothing");
    if (table->of.table.elem != SL_FUNCREF)
        return sl_dec_invalid(
            d, at, "indirect thread table must have element type funcref");
    sl_valtype params[2] = {table->of.table.limits.is64 ? SL_I64 : SL_I32,
                            start->types[0]};
    static const sl_valtype result[1] = {SL_I32};
    c->core = make_functype(d, params, 2, result, 1);
    return c->core != NULL;
}

/* --- Immediates ----------------------------------------------------------- */

/* What only validation needs of a definition. */
typedef struct extra {
    uint32_t type;            /* type index of r, s, u, y */
    const sl_functype *start; /* k */
} extra;

static bool decode_flag(sl_reader *r, bool *out)
{
    uint8_t byte = sl_read_u8(r);
    if (byte > 1)
        return sl_reader_fail(r, SL_EMALFORMED, "invalid boolean value");
    *out = byte == 1;
    return sl_reader_ok(r);
}

/* Later texts have nothing but 0x00 here. */
static bool decode_cancellable(sl_decoder *d, sl_reader *r, sl_canon *c)
{
    uint64_t at = sl_reader_at(r);
    char what[64];
    snprintf(what, sizeof what, "a cancellable %s", sl_canons[c->kind].text);
    return decode_flag(r, &c->cancellable) &&
           (!c->cancellable ||
            sl_dec_gate(d, at, SL_FEATURE_CANCELLABLE, what));
}

static bool decode_zero(sl_reader *r, const char *what, uint32_t *index)
{
    uint8_t byte = sl_read_u8(r);
    if (byte != 0)
        return sl_dec_bad_byte(r, byte, what);
    *index = sl_read_u32(r);
    return sl_reader_ok(r);
}

static bool decode_start(sl_decoder *d, sl_scope *s, sl_reader *r,
                         const sl_functype **out)
{
    uint64_t at = sl_reader_at(r);
    uint32_t index = sl_read_u32(r);
    if (!sl_reader_ok(r))
        return false;
    const sl_core_type *t = sl_scope_get(d, s, SL_SORT_CORE_TYPE, index, at);
    if (t == NULL)
        return false;
    *out = t->func;
    return t->func != NULL ||
           sl_dec_invalid(d, at, "core type index %u is not a function type",
                          (unsigned)index);
}

static bool decode_core_type(sl_decoder *d, const sl_scope *s, sl_reader *r,
                             sl_valtype *out)
{
    uint64_t at = sl_reader_at(r);
    if (!sl_decode_core_valtype(d, &s->items[SL_SORT_CORE_TYPE], r, out))
        return false;
    return *out == SL_I32 || *out == SL_I64 ||
           sl_dec_invalid(d, at, "type must be `i32` or `i64`, not `%s`",
                          sl_valtype_text(*out));
}

static bool decode_immediate(sl_decoder *d, sl_scope *s, sl_reader *r,
                             char letter, sl_canon *c, extra *x)
{
    switch (letter) {
    case 'F':
        return decode_zero(r, "canonical function lift", &c->func);
    case 'f':
        return decode_zero(r, "canonical function lower", &c->func);
    case 'o':
        return decode_opts(d, r, &c->opts);
    case 'y':
    case 'r':
    case 's':
    case 'u':
        x->type = sl_read_u32(r);
        return sl_reader_ok(r);
    case 'R':
        c->type = sl_decode_result(d, s, r);
        return sl_dec_ok(d);
    case 'a':
        return decode_flag(r, &c->async_);
    case 'c':
        return decode_cancellable(d, r, c);
    case 'v':
        return decode_core_type(d, s, r, &c->core_type);
    case 'n':
        c->slot = sl_read_u32(r);
        return sl_reader_ok(r);
    case 'm':
        c->memory = sl_read_u32(r);
        return sl_reader_ok(r);
    case 'd':
        c->data = sl_read_u32(r);
        return sl_reader_ok(r);
    case 'k':
        return decode_start(d, s, r, &x->start);
    default: /* t */
        c->table = sl_read_u32(r);
        return sl_reader_ok(r);
    }
}

/* The type that a type index immediate stands for. */
static bool find_type(sl_decoder *d, sl_scope *s, sl_canon *c, const extra *x,
                      uint64_t at)
{
    const char *imms = sl_canons[c->kind].imms;
    sl_type_kind kind = strchr(imms, 'y')   ? SL_T_FUNC
                        : strchr(imms, 'r') ? SL_T_RESOURCE
                        : strchr(imms, 's') ? SL_T_STREAM
                                            : SL_T_FUTURE;
    if (kind == SL_T_FUTURE && strchr(imms, 'u') == NULL)
        return true;
    c->type = sl_scope_type(d, s, x->type, kind, at);
    if (c->type != NULL && kind == SL_T_RESOURCE)
        c->type = sl_resource_of(c->type);
    return c->type != NULL;
}

static bool check_kind(sl_decoder *d, sl_scope *s, sl_canon *c, const extra *x,
                       uint64_t at)
{
    if (c->kind == SL_CANON_LOWER) {
        c->type = sl_scope_get(d, s, SL_SORT_FUNC, c->func, at);
        if (c->type == NULL)
            return false;
    }
    if (c->opts.gc)
        return check_gc(d, s, c, at);
    switch (c->kind) {
    case SL_CANON_LIFT:
        return check_lift(d, s, c, at);
    case SL_CANON_LOWER:
        return check_lower(d, c, at);
    case SL_CANON_RESOURCE_NEW:
    case SL_CANON_RESOURCE_REP:
        return check_local(d, s, c, at);
    case SL_CANON_TASK_RETURN:
        return check_task_return(d, c, at);
    case SL_CANON_CONTEXT_GET:
    case SL_CANON_CONTEXT_SET:
        return check_context(d, s, c, at);
    case SL_CANON_STREAM_READ:
    case SL_CANON_FUTURE_READ:
        return check_copy(d, c, true, at);
    case SL_CANON_STREAM_WRITE:
    case SL_CANON_FUTURE_WRITE:
        return check_copy(d, c, false, at);
    case SL_CANON_ERROR_CONTEXT_NEW:
    case SL_CANON_ERROR_CONTEXT_DEBUG_MESSAGE:
        return check_error_context(d, c, at);
    case SL_CANON_WAITABLE_SET_WAIT:
    case SL_CANON_WAITABLE_SET_POLL:
        return check_memory(d, s, c->memory, at, &c->opts.is64);
    case SL_CANON_THREAD_NEW_INDIRECT:
        return check_new_indirect(d, s, c, x->start, at);
    case SL_CANON_DATA_READ:
    case SL_CANON_DATA_SIZE:
    case SL_CANON_DATA_PREFETCH:
        sl_scope_get(d, s, SL_SORT_CORE_DATA, c->data, at);
        return sl_dec_ok(d);
    default:
        return true;
    }
}

static int kind_of(uint8_t code)
{
    for (int i = 0; i < SL_N_CANONS; i++)
        if (sl_canons[i].code == code)
            return i;
    return -1;
}

/* A code that the pinned texts do not allocate, of a feature that is off. */
static bool unallocated(sl_decoder *d, uint8_t code, int kind, uint64_t at)
{
    sl_feature feature = sl_canons[kind].feature;
    if (sl_dec_has(d, feature) ||
        (feature != SL_FEATURE_DATA && feature != SL_FEATURE_FORWARD))
        return false;
    sl_fail(d->err, SL_EMALFORMED, at,
            "invalid leading byte (0x%x) for canonical function: unsupported "
            "feature `%s`: %s",
            code, sl_feature_text(feature), sl_canons[kind].text);
    return true;
}

bool sl_decode_canon(sl_decoder *d, sl_scope *s, sl_reader *r)
{
    uint64_t at = sl_reader_at(r);
    uint8_t code = sl_read_u8(r);
    int kind = kind_of(code);
    if (kind < 0 || !sl_reader_ok(r))
        return sl_dec_bad_byte(r, code, "canonical function");
    if (unallocated(d, code, kind, at))
        return false;

    const sl_canon_row *row = &sl_canons[kind];
    sl_canon c = {.kind = (sl_canon_kind)kind};
    c.opts.memory = c.opts.realloc = c.opts.post_return = SL_NO_INDEX;
    c.opts.callback = c.opts.core_type = SL_NO_INDEX;
    extra x = {.type = SL_NO_INDEX};
    for (const char *imm = row->imms; *imm != 0; imm++)
        if (!decode_immediate(d, s, r, *imm, &c, &x))
            return false;

    if (!sl_dec_gate(d, at, row->feature, row->text) ||
        !find_type(d, s, &c, &x, at) || !check_opts(d, s, &c.opts, at) ||
        !check_kind(d, s, &c, &x, at))
        return false;
    if (row->signature != NULL)
        c.core = row_signature(d, row->signature, c.opts.is64 ? SL_I64 : SL_I32,
                               c.core_type);
    bool lift = kind == SL_CANON_LIFT;
    sl_sort sort = lift ? SL_SORT_FUNC : SL_SORT_CORE_FUNC;
    sl_def *def = sl_scope_def(d, s, SL_DEF_CANON, sort, at);
    if (c.core == NULL || def == NULL)
        return false;
    def->of.canon = c;
    return sl_scope_add(d, s, sort,
                        lift ? (const void *)c.type : (const void *)c.core, at);
}
