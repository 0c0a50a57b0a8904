/* Subtyping and substitution. Explainer.md "Type Checking".
 *
 * A resource is known by its address. A component or instance type binds some
 * (its imported and defined ones); a map says what stands for them: nothing yet
 * while the type is wanted, the supplied resource once a type import or export
 * has been matched. Both walk types as trees, so every step burns fuel. */
#include "component/component_int.h"

#include <stdio.h>

const sl_type sl_make_fresh = {.kind = SL_T_RESOURCE};

/* --- Substitution --------------------------------------------------------- */

static bool put(sl_subst *x, const sl_type *from, const sl_type *to)
{
    const void **slot = sl_ptrmap_at(&x->map, from, true);
    if (slot == NULL)
        return sl_dec_nomem(x->d);
    *slot = to;
    return true;
}

/* A copy of labels with their types replaced; `v` itself when none changes. */
static const sl_label *subst_labels(sl_subst *x, const sl_label *v, uint32_t n)
{
    sl_label *copy = NULL;
    for (uint32_t i = 0; i < n && sl_dec_ok(x->d); i++) {
        const sl_type *t = sl_substitute(x, v[i].type);
        if (t == v[i].type)
            continue;
        if (copy == NULL) {
            copy = sl_dec_copy(x->d, v, n, sizeof *v);
            if (copy == NULL)
                return v;
        }
        copy[i].type = t;
    }
    return copy != NULL ? copy : v;
}

static const sl_extern *subst_externs(sl_subst *x, const sl_extern *v,
                                      uint32_t n)
{
    sl_extern *copy = NULL;
    for (uint32_t i = 0; i < n && sl_dec_ok(x->d); i++) {
        const sl_type *t = sl_substitute(x, v[i].type.type);
        if (t == v[i].type.type)
            continue;
        if (copy == NULL) {
            copy = sl_dec_copy(x->d, v, n, sizeof *v);
            if (copy == NULL)
                return v;
        }
        copy[i].type.type = t;
    }
    return copy != NULL ? copy : v;
}

/* Replaces the parts of `out`, a copy of a type; whether any changed. */
static bool subst_parts(sl_subst *x, sl_type *out)
{
    sl_type was = *out;
    switch (out->kind) {
    case SL_T_LIST:
    case SL_T_OPTION:
    case SL_T_STREAM:
    case SL_T_FUTURE:
        out->of.list.elem = sl_substitute(x, was.of.list.elem);
        return out->of.list.elem != was.of.list.elem;
    case SL_T_MAP:
        out->of.map.key = sl_substitute(x, was.of.map.key);
        out->of.map.value = sl_substitute(x, was.of.map.value);
        return out->of.map.key != was.of.map.key ||
               out->of.map.value != was.of.map.value;
    case SL_T_RECORD:
    case SL_T_VARIANT:
    case SL_T_TUPLE:
        out->of.labels.v = subst_labels(x, was.of.labels.v, was.of.labels.n);
        return out->of.labels.v != was.of.labels.v;
    case SL_T_RESULT:
        out->of.result.ok = sl_substitute(x, was.of.result.ok);
        out->of.result.error = sl_substitute(x, was.of.result.error);
        return out->of.result.ok != was.of.result.ok ||
               out->of.result.error != was.of.result.error;
    case SL_T_OWN:
    case SL_T_BORROW:
        out->alias = sl_substitute(x, was.alias);
        if (out->alias == was.alias)
            return false;
        out->of.handle = sl_resource_of(out->alias);
        return true;
    case SL_T_RESOURCE:
        if (was.alias != NULL)
            out->alias = sl_substitute(x, was.alias);
        if (out->alias == was.alias)
            return false;
        out->alias = sl_resource_of(out->alias);
        return true;
    case SL_T_FUNC:
        out->of.func.params =
            subst_labels(x, was.of.func.params, was.of.func.n_params);
        out->of.func.result = sl_substitute(x, was.of.func.result);
        return out->of.func.params != was.of.func.params ||
               out->of.func.result != was.of.func.result;
    case SL_T_VALUE:
        out->of.value.type = sl_substitute(x, was.of.value.type);
        return out->of.value.type != was.of.value.type;
    case SL_T_COMPONENT:
    case SL_T_INSTANCE:
        out->of.component.imports = subst_externs(x, was.of.component.imports,
                                                  was.of.component.n_imports);
        out->of.component.exports = subst_externs(x, was.of.component.exports,
                                                  was.of.component.n_exports);
        return out->of.component.imports != was.of.component.imports ||
               out->of.component.exports != was.of.component.exports;
    default:
        return false;
    }
}

/* What the type asks for: the resource or value, made now if that was its
 * order. */
static const sl_type *settle(sl_subst *x, const sl_type *type,
                             const sl_type *to)
{
    if (to == NULL)
        return type;
    if (to != &sl_make_fresh)
        return to;
    const sl_type *fresh =
        type->kind == SL_T_VALUE
            ? sl_fresh_value(x->d, sl_substitute(x, type->of.value.type), x->at)
            : sl_fresh_resource(x->d, type->of.resource.name);
    if (fresh == NULL || !put(x, type, fresh))
        return type;
    if (!sl_vec_push(x->fresh, fresh))
        sl_dec_nomem(x->d);
    return fresh;
}

const sl_type *sl_substitute(sl_subst *x, const sl_type *type)
{
    if (type == NULL || type->kind < SL_T_N_PRIMITIVES ||
        type->kind == SL_T_FLAGS || type->kind == SL_T_ENUM ||
        type->kind == SL_T_CORE_MODULE || !sl_dec_burn(x->d, x->at)) {
        const void **slot =
            type == NULL ? NULL : sl_ptrmap_at(&x->map, type, false);
        return slot != NULL && *slot != NULL ? *slot : type;
    }
    const void **slot = sl_ptrmap_at(&x->map, type, false);
    if (slot != NULL)
        return settle(x, type, *slot);

    sl_type copy = *type;
    if (!subst_parts(x, &copy)) {
        put(x, type, type);
        return type;
    }
    sl_type *out = sl_dec_new(x->d, sl_type);
    if (out == NULL)
        return type;
    *out = copy;
    const sl_type *done =
        out->kind == SL_T_COMPONENT || out->kind == SL_T_INSTANCE
            ? sl_finish_externs(x->d, out, x->at)
            : sl_finish(x->d, out, x->at);
    if (done == NULL || !put(x, type, done))
        return type;
    return done;
}

const sl_type *sl_open_instance(sl_decoder *d, const sl_type *type,
                                sl_types *fresh, uint64_t at)
{
    if (type->of.component.n_defined == 0)
        return type;
    sl_subst x = {.d = d, .fresh = fresh, .at = at};
    for (uint32_t i = 0; i < type->of.component.n_defined; i++)
        put(&x, type->of.component.defined[i], &sl_make_fresh);
    sl_type *out = sl_dec_new(d, sl_type);
    const sl_type *open = NULL;
    if (out != NULL && sl_dec_ok(d)) {
        *out = *type;
        out->of.component.n_defined = 0;
        out->of.component.defined = NULL;
        out->of.component.exports = subst_externs(
            &x, type->of.component.exports, type->of.component.n_exports);
        open = sl_finish_externs(d, out, at);
    }
    sl_ptrmap_deinit(&x.map);
    return sl_dec_ok(d) ? open : NULL;
}

/* --- Saying why not ------------------------------------------------------- */

static bool no(sl_matcher *m, const char *fmt, ...) SL_PRINTF(2, 3);
static bool no(sl_matcher *m, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    vsnprintf(m->msg, sizeof m->msg, fmt, args);
    va_end(args);
    return false;
}

/* Puts where it happened before what happened. */
static bool in(sl_matcher *m, bool ok, const char *fmt, ...)SL_PRINTF(3, 4);
static bool in(sl_matcher *m, bool ok, const char *fmt, ...)
{
    if (ok)
        return true;
    char where[SL_ERR_MSG_MAX / 2];
    va_list args;
    va_start(args, fmt);
    vsnprintf(where, sizeof where, fmt, args);
    va_end(args);
    size_t len = strlen(where);
    size_t rest = strlen(m->msg);
    if (rest > sizeof m->msg - 1 - len - 2)
        rest = sizeof m->msg - 1 - len - 2;
    memmove(m->msg + len + 2, m->msg, rest);
    memcpy(m->msg, where, len);
    memcpy(m->msg + len, ": ", 2);
    m->msg[len + 2 + rest] = 0;
    return false;
}

static bool no_memory(sl_matcher *m)
{
    if (m->d != NULL)
        sl_dec_nomem(m->d);
    return no(m, "out of memory");
}

static bool burn(sl_matcher *m)
{
    if (m->d != NULL)
        return sl_dec_burn(m->d, SL_ERR_NO_PLACE) ||
               no(m, "types are too complex to compare");
    if (m->fuel == 0)
        return no(m, "types are too complex to compare");
    m->fuel--;
    return true;
}

/* --- Resources ------------------------------------------------------------ */

/* The resource that stands for `type`; NULL: to be bound still. */
static const sl_type *stands_for(sl_ptrmap *map, const sl_type *type)
{
    const sl_type *resource = sl_resource_of(type);
    const void **slot = map == NULL ? NULL : sl_ptrmap_at(map, resource, false);
    if (slot == NULL)
        return resource;
    return *slot == NULL ? NULL : sl_resource_of(*slot);
}

static bool bind(sl_matcher *m, const sl_type *want, const sl_type *have)
{
    const void **slot = m->want == NULL || want == have
                            ? NULL
                            : sl_ptrmap_at(m->want, want, true);
    if (slot != NULL)
        *slot = have;
    else if (m->want != NULL && want != have)
        return no_memory(m);
    return true;
}

static bool match_resource(sl_matcher *m, const sl_type *have,
                           const sl_type *want, bool may_bind)
{
    const sl_type *h = stands_for(m->have, have);
    const sl_type *w = stands_for(m->want, want);
    const sl_type *r = sl_resource_of(want);
    bool open = w == NULL || (m->loose && w == r && h != r &&
                              r->of.resource.definer == NULL);
    if (open && (may_bind || m->loose)) {
        const void **slot =
            m->have == NULL ? NULL : sl_ptrmap_at(m->have, have, false);
        const sl_type *name = slot != NULL && *slot != NULL ? *slot : have;
        return h != NULL && bind(m, r, name);
    }
    return (h != NULL && h == w) || no(m, "resource types are not the same");
}

/* --- Value types ---------------------------------------------------------- */

static const char *kind_text(const sl_type *t, char *out, size_t cap)
{
    static const char *const text[] = {
        [SL_T_LIST] = "list",         [SL_T_MAP] = "map",
        [SL_T_RECORD] = "record",     [SL_T_VARIANT] = "variant",
        [SL_T_TUPLE] = "tuple",       [SL_T_FLAGS] = "flags",
        [SL_T_ENUM] = "enum",         [SL_T_OPTION] = "option",
        [SL_T_RESULT] = "result",     [SL_T_OWN] = "own",
        [SL_T_BORROW] = "borrow",     [SL_T_STREAM] = "stream",
        [SL_T_FUTURE] = "future",     [SL_T_RESOURCE] = "resource",
        [SL_T_FUNC] = "func",         [SL_T_COMPONENT] = "component",
        [SL_T_INSTANCE] = "instance", [SL_T_CORE_MODULE] = "core module",
        [SL_T_VALUE] = "value",
    };
    if (t->kind < SL_T_N_PRIMITIVES)
        return sl_type_text(t, out, cap);
    if (t->kind == SL_T_LIST && t->of.list.len != 0)
        return "fixed-length list";
    return text[t->kind];
}

static bool match_value(sl_matcher *m, const sl_type *have, const sl_type *want,
                        bool top);

static bool match_record(sl_matcher *m, const sl_type *have,
                         const sl_type *want)
{
    uint32_t n = want->of.labels.n;
    const sl_label *h = have->of.labels.v, *w = want->of.labels.v;
    if (have->of.labels.n != n)
        return no(m, "expected %u fields, found %u", (unsigned)n,
                  (unsigned)have->of.labels.n);
    for (uint32_t i = 0; i < n; i++) {
        if (!sl_name_eq(h[i].label, w[i].label))
            return no(m, "expected field name `%.*s`, found `%.*s`",
                      SL_NAME_ARGS(w[i].label), SL_NAME_ARGS(h[i].label));
        if (!in(m, match_value(m, h[i].type, w[i].type, false),
                "type mismatch in record field `%.*s`",
                SL_NAME_ARGS(w[i].label)))
            return false;
    }
    return true;
}

static bool match_variant(sl_matcher *m, const sl_type *have,
                          const sl_type *want)
{
    uint32_t n = want->of.labels.n;
    const sl_label *h = have->of.labels.v, *w = want->of.labels.v;
    if (have->of.labels.n != n)
        return no(m, "expected %u cases, found %u", (unsigned)n,
                  (unsigned)have->of.labels.n);
    for (uint32_t i = 0; i < n; i++) {
        if (!sl_name_eq(h[i].label, w[i].label))
            return no(m, "expected case named `%.*s`, found `%.*s`",
                      SL_NAME_ARGS(w[i].label), SL_NAME_ARGS(h[i].label));
        if (w[i].type != NULL && h[i].type == NULL)
            return no(m, "expected case `%.*s` to have a type, found none",
                      SL_NAME_ARGS(w[i].label));
        if (w[i].type == NULL && h[i].type != NULL)
            return no(m, "expected case `%.*s` to have no type",
                      SL_NAME_ARGS(w[i].label));
        if (w[i].type != NULL &&
            !in(m, match_value(m, h[i].type, w[i].type, false),
                "type mismatch in variant case `%.*s`",
                SL_NAME_ARGS(w[i].label)))
            return false;
    }
    return true;
}

static bool match_tuple(sl_matcher *m, const sl_type *have, const sl_type *want)
{
    uint32_t n = want->of.labels.n;
    if (have->of.labels.n != n)
        return no(m, "expected %u types, found %u", (unsigned)n,
                  (unsigned)have->of.labels.n);
    for (uint32_t i = 0; i < n; i++)
        if (!in(m,
                match_value(m, have->of.labels.v[i].type,
                            want->of.labels.v[i].type, false),
                "type mismatch in tuple field %u", (unsigned)i))
            return false;
    return true;
}

static bool match_labels(sl_matcher *m, const sl_type *have,
                         const sl_type *want, const char *what)
{
    bool same = have->of.labels.n == want->of.labels.n;
    for (uint32_t i = 0; same && i < want->of.labels.n; i++)
        same =
            sl_name_eq(have->of.labels.v[i].label, want->of.labels.v[i].label);
    return same || no(m, "mismatch in %s elements", what);
}

/* A part that either or both may lack: of a result, stream or future. */
static bool match_maybe(sl_matcher *m, const sl_type *have, const sl_type *want,
                        const char *what)
{
    if (want == NULL && have == NULL)
        return true;
    if (want == NULL)
        return no(m, "expected %s type to not be present", what);
    if (have == NULL)
        return no(m, "expected %s type, but found none", what);
    return in(m, match_value(m, have, want, false),
              "type mismatch in %s variant", what);
}

static bool match_compound(sl_matcher *m, const sl_type *have,
                           const sl_type *want)
{
    switch (want->kind) {
    case SL_T_LIST:
        if (have->of.list.len != want->of.list.len)
            return no(m, "expected list of length %u, found length %u",
                      (unsigned)want->of.list.len, (unsigned)have->of.list.len);
        return match_value(m, have->of.list.elem, want->of.list.elem, false);
    case SL_T_OPTION:
        return match_value(m, have->of.list.elem, want->of.list.elem, false);
    case SL_T_MAP:
        return in(m, match_value(m, have->of.map.key, want->of.map.key, false),
                  "type mismatch in map key") &&
               in(m,
                  match_value(m, have->of.map.value, want->of.map.value, false),
                  "type mismatch in map value");
    case SL_T_RECORD:
        return match_record(m, have, want);
    case SL_T_VARIANT:
        return match_variant(m, have, want);
    case SL_T_TUPLE:
        return match_tuple(m, have, want);
    case SL_T_FLAGS:
        return match_labels(m, have, want, "flags");
    case SL_T_ENUM:
        return match_labels(m, have, want, "enum");
    case SL_T_RESULT:
        return match_maybe(m, have->of.result.ok, want->of.result.ok, "ok") &&
               match_maybe(m, have->of.result.error, want->of.result.error,
                           "err");
    case SL_T_OWN:
    case SL_T_BORROW:
        return match_resource(m, have->of.handle, want->of.handle, false);
    case SL_T_STREAM:
        return match_maybe(m, have->of.list.elem, want->of.list.elem, "stream");
    case SL_T_FUTURE:
        return match_maybe(m, have->of.list.elem, want->of.list.elem, "future");
    default:
        return true;
    }
}

/* Value types match when they are equal, resources by what stands for them. */
static bool match_value(sl_matcher *m, const sl_type *have, const sl_type *want,
                        bool top)
{
    char h[64], w[64];
    if (!burn(m))
        return false;
    if (have == want && !have->has_resource)
        return true;
    if (have->kind == want->kind &&
        (have->kind != SL_T_LIST ||
         (have->of.list.len == 0) == (want->of.list.len == 0)))
        return match_compound(m, have, want);

    kind_text(have, h, sizeof h);
    if (want->kind < SL_T_N_PRIMITIVES && have->kind < SL_T_N_PRIMITIVES)
        return no(m, "expected primitive `%s` found primitive `%s`",
                  kind_text(want, w, sizeof w), kind_text(have, h, sizeof h));
    if (want->kind < SL_T_N_PRIMITIVES && top)
        return no(m, "expected primitive, found %s",
                  kind_text(have, h, sizeof h));
    return no(m, "expected %s, found %s", kind_text(want, w, sizeof w),
              kind_text(have, h, sizeof h));
}

bool sl_match_valtype(sl_matcher *m, const sl_type *have, const sl_type *want)
{
    return match_value(m, have, want, false);
}

/* --- Values --------------------------------------------------------------- */

static bool match_constants(sl_matcher *m, const sl_type *have,
                            const sl_type *want)
{
    sl_err err = {0};
    bool equal;
    uint64_t steps = (uint64_t)have->of.value.len + want->of.value.len;
    uint64_t *fuel = m->d != NULL ? &m->d->fuel : &m->fuel;
    *fuel -= *fuel < steps ? *fuel : steps;
    if (!burn(m))
        return false;
    if (sl_constants_equal(have, want, &equal, &err) != SL_OK)
        return no_memory(m);
    return equal || no(m, "values are not the same");
}

/* valuebound: of a wanted type (value t) any value will do, and stands for it
 * from then on; (eq i) wants one and no other. */
static bool match_valuebound(sl_matcher *m, const sl_type *have,
                             const sl_type *want)
{
    if (!match_value(m, have->of.value.type, want->of.value.type, false))
        return false;
    const void **slot =
        m->have == NULL ? NULL : sl_ptrmap_at(m->have, have, false);
    const sl_type *h = slot != NULL && *slot != NULL ? *slot : have;
    slot = m->want == NULL ? NULL : sl_ptrmap_at(m->want, want, false);
    bool open =
        slot != NULL ? *slot == NULL : m->loose && want->of.value.bytes == NULL;
    if (open)
        return bind(m, want, h);
    const sl_type *w = slot != NULL ? *slot : want;
    if (h == w)
        return true;
    if (h->of.value.bytes != NULL && w->of.value.bytes != NULL)
        return match_constants(m, h, w);
    return no(m, "values are not the same");
}

/* --- Functions ------------------------------------------------------------ */

static bool match_func(sl_matcher *m, const sl_type *have, const sl_type *want)
{
    uint32_t n = want->of.func.n_params;
    const sl_label *h = have->of.func.params, *w = want->of.func.params;
    if (!burn(m))
        return false;
    if (have->of.func.async_ != want->of.func.async_)
        return no(m, "expected %s function, found %s function",
                  want->of.func.async_ ? "async" : "sync",
                  have->of.func.async_ ? "async" : "sync");
    if (have->of.func.n_params != n)
        return no(m, "expected %u parameters, found %u", (unsigned)n,
                  (unsigned)have->of.func.n_params);
    for (uint32_t i = 0; i < n; i++) {
        if (!sl_name_eq(h[i].label, w[i].label))
            return no(m, "expected parameter named `%.*s`, found `%.*s`",
                      SL_NAME_ARGS(w[i].label), SL_NAME_ARGS(h[i].label));
        if (!in(m, match_value(m, h[i].type, w[i].type, false),
                "type mismatch in function parameter `%.*s`",
                SL_NAME_ARGS(w[i].label)))
            return false;
    }
    if (want->of.func.result == NULL && have->of.func.result == NULL)
        return true;
    if (want->of.func.result == NULL) /* the suite's words, from its side */
        return no(m, "expected a result, found none in the type asked for");
    if (have->of.func.result == NULL)
        return no(m, "expected no result, found one in the type asked for");
    return in(m,
              match_value(m, have->of.func.result, want->of.func.result, false),
              "type mismatch with result type");
}

/* --- Instances and components --------------------------------------------- */

/* Opens the resources that a wanted type binds. */
static bool unbind(sl_matcher *m, sl_ptrmap *map, const sl_type *const *v,
                   uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        const void **slot = map == NULL ? NULL : sl_ptrmap_at(map, v[i], true);
        if (slot == NULL)
            return no_memory(m);
        *slot = NULL;
    }
    return true;
}

static bool match_exports(sl_matcher *m, const sl_type *have,
                          const sl_type *want, const char *what)
{
    if (!unbind(m, m->want, want->of.component.defined,
                want->of.component.n_defined))
        return false;
    for (uint32_t i = 0; i < want->of.component.n_exports; i++) {
        const sl_extern *w = &want->of.component.exports[i];
        const sl_extern *h = sl_find_export(m->d, have, w->name);
        if (h == NULL)
            return no(m, "missing expected export `%.*s`",
                      SL_NAME_ARGS(w->name));
        if (!in(m, sl_match_extern(m, &h->type, &w->type),
                "type mismatch in %s export `%.*s`", what,
                SL_NAME_ARGS(w->name)))
            return false;
    }
    return true;
}

static const sl_extern *find_extern(sl_matcher *m, const sl_extern *v,
                                    uint32_t n, sl_name name)
{
    for (uint32_t i = 0; i < n && burn(m); i++)
        if (sl_name_eq(v[i].name, name))
            return &v[i];
    return NULL;
}

/* Contravariant in the imports: what `want` is given must do for `have`. */
static bool match_component(sl_matcher *m, const sl_type *have,
                            const sl_type *want)
{
    sl_ptrmap own_have = {0};
    sl_matcher flipped = *m;
    if (m->have == NULL)
        m->have = &own_have;
    flipped.have = m->want;
    flipped.want = m->have;
    bool ok = unbind(m, m->have, have->of.component.imported,
                     have->of.component.n_imported);
    for (uint32_t i = 0; ok && i < have->of.component.n_imports; i++) {
        const sl_extern *h = &have->of.component.imports[i];
        const sl_extern *w = find_extern(m, want->of.component.imports,
                                         want->of.component.n_imports, h->name);
        ok = burn(m);
        if (ok && w == NULL)
            ok = no(m, "missing expected import `%.*s`", SL_NAME_ARGS(h->name));
        else if (ok && !sl_match_extern(&flipped, &w->type, &h->type)) {
            memcpy(m->msg, flipped.msg, sizeof m->msg);
            ok = in(m, false, "type mismatch in component import `%.*s`",
                    SL_NAME_ARGS(h->name));
        }
        m->fuel = flipped.fuel;
    }
    ok = ok && match_exports(m, have, want, "component");
    if (m->have == &own_have)
        m->have = NULL;
    sl_ptrmap_deinit(&own_have);
    return ok;
}

/* --- Core modules --------------------------------------------------------- */

static void core_types_text(char *out, size_t cap, const char *what,
                            const sl_valtype *v, uint32_t n)
{
    size_t len = 0;
    out[0] = 0;
    if (n == 0)
        return;
    len = (size_t)snprintf(out, cap, " (%s", what);
    for (uint32_t i = 0; i < n && len + 12 < cap; i++)
        len += (size_t)snprintf(out + len, cap - len, " %s",
                                sl_valtype_text(v[i]));
    if (len + 1 < cap)
        snprintf(out + len, cap - len, ")");
}

static bool limits_fit(const sl_limits *have, const sl_limits *want)
{
    return have->min >= want->min &&
           (!want->has_max || (have->has_max && have->max <= want->max));
}

static bool match_functype(sl_matcher *m, const sl_functype *have,
                           const sl_functype *want)
{
    char p[2][48], q[2][48];
    if (sl_core_functype_matches(have, want))
        return true;
    core_types_text(p[0], sizeof p[0], "param", want->types, want->n_params);
    core_types_text(p[1], sizeof p[1], "result", sl_functype_results(want),
                    want->n_results);
    core_types_text(q[0], sizeof q[0], "param", have->types, have->n_params);
    core_types_text(q[1], sizeof q[1], "result", sl_functype_results(have),
                    have->n_results);
    return no(m, "expected: (func%s%s), found: (func%s%s)%s", p[0], p[1], q[0],
              q[1],
              have->def != want->def ? ", declared as another type" : "");
}

/* Of globals, those that cannot be changed may hold a narrower type. */
static bool global_fits(const sl_matcher *m, const sl_globaltype *have,
                        const sl_globaltype *want)
{
    if (have->type == want->type || have->mutable_ || want->mutable_)
        return have->type == want->type;
    return sl_core_valtype_matches(m->d != NULL ? &m->d->rectypes : NULL,
                                   have->type, want->type);
}

bool sl_match_core(sl_matcher *m, const sl_core_externtype *have,
                   const sl_core_externtype *want)
{
    if (!burn(m))
        return false;
    if (have->kind != want->kind)
        return no(m, "expected %s, found %s", sl_core_kind_text(want->kind),
                  sl_core_kind_text(have->kind));
    switch (want->kind) {
    case SL_CORE_FUNC:
        return match_functype(m, have->of.func, want->of.func);
    case SL_CORE_TAG: /* no subtyping: both ways */
        return match_functype(m, have->of.func, want->of.func) &&
               match_functype(m, want->of.func, have->of.func);
    case SL_CORE_TABLE:
        if (have->of.table.elem != want->of.table.elem)
            return no(m, "expected table element type %s, found %s",
                      sl_valtype_text(want->of.table.elem),
                      sl_valtype_text(have->of.table.elem));
        if (have->of.table.limits.is64 != want->of.table.limits.is64)
            return no(m, "mismatch in index type used for tables");
        return limits_fit(&have->of.table.limits, &want->of.table.limits) ||
               no(m, "mismatch in table limits");
    case SL_CORE_MEMORY:
        if (have->of.memory.limits.shared != want->of.memory.limits.shared)
            return no(m, "mismatch in the shared flag for memories");
        if (have->of.memory.limits.is64 != want->of.memory.limits.is64)
            return no(m, "mismatch in index type used for memories");
        return limits_fit(&have->of.memory.limits, &want->of.memory.limits) ||
               no(m, "mismatch in memory limits");
    case SL_CORE_DATA: /* without a size: docs/data-segments.md, section 8 */
        return true;
    default:
        if (!global_fits(m, &have->of.global, &want->of.global))
            return no(m, "expected global type %s, found %s",
                      sl_valtype_text(want->of.global.type),
                      sl_valtype_text(have->of.global.type));
        return have->of.global.mutable_ == want->of.global.mutable_ ||
               no(m, "global types differ in mutability");
    }
}

/* Imports by both names: put into a map when there are many. */
static const sl_core_import *find_import(sl_matcher *m, const sl_type *module,
                                         const sl_core_import *like)
{
    for (uint32_t i = 0; i < module->of.module.n_imports; i++) {
        const sl_core_import *x = &module->of.module.imports[i];
        if (!burn(m))
            return NULL;
        if (sl_name_eq(x->module, like->module) &&
            sl_name_eq(x->field, like->field))
            return x;
    }
    return NULL;
}

static bool match_module(sl_matcher *m, const sl_type *have,
                         const sl_type *want)
{
    for (uint32_t i = 0; i < have->of.module.n_imports; i++) {
        const sl_core_import *h = &have->of.module.imports[i];
        const sl_core_import *w = find_import(m, want, h);
        if (w == NULL)
            return no(m, "missing expected import `%.*s::%.*s`",
                      SL_NAME_ARGS(h->module), SL_NAME_ARGS(h->field));
        if (!in(m, sl_match_core(m, &w->type, &h->type),
                "type mismatch in import `%.*s::%.*s`", SL_NAME_ARGS(h->module),
                SL_NAME_ARGS(h->field)))
            return false;
    }
    sl_core_exports from = {have->of.module.n_exports, have->of.module.exports};
    for (uint32_t i = 0; i < want->of.module.n_exports; i++) {
        const sl_core_module_export *w = &want->of.module.exports[i];
        const sl_core_module_export *h =
            sl_find_core_export(m->d, &from, w->name);
        if (h == NULL)
            return no(m, "missing expected export `%.*s`",
                      SL_NAME_ARGS(w->name));
        if (!in(m, sl_match_core(m, &h->type, &w->type),
                "type mismatch in export `%.*s`", SL_NAME_ARGS(w->name)))
            return false;
    }
    return true;
}

/* --- Externs -------------------------------------------------------------- */

static bool match_type(sl_matcher *m, const sl_type *have, const sl_type *want)
{
    if (want->kind == SL_T_RESOURCE) {
        if (have->kind == SL_T_RESOURCE)
            return match_resource(m, have, want, true) &&
                   (sl_resource_of(want) == want || bind(m, want, have));
        if (have->kind < SL_T_N_VALTYPES)
            return no(m, "expected resource, found defined type");
    } else if (want->kind < SL_T_N_VALTYPES) {
        if (have->kind < SL_T_N_VALTYPES)
            return match_value(m, have, want, true) &&
                   (want->kind < SL_T_N_PRIMITIVES || bind(m, want, have));
        if (have->kind == SL_T_RESOURCE)
            return no(m, "expected defined type, found resource");
    } else if (have->kind == want->kind) {
        switch (want->kind) {
        case SL_T_FUNC:
            return match_func(m, have, want);
        case SL_T_COMPONENT:
            return match_component(m, have, want);
        default:
            return match_exports(m, have, want, "instance");
        }
    }
    char h[32], w[32];
    return no(m, "expected %s, found %s", kind_text(want, w, sizeof w),
              kind_text(have, h, sizeof h));
}

/* The suite's word for a sort in "expected func, found component". */
static const char *sort_word(sl_sort sort)
{
    return sort == SL_SORT_CORE_MODULE ? "module" : sl_sort_text(sort);
}

bool sl_match_extern(sl_matcher *m, const sl_externtype *have,
                     const sl_externtype *want)
{
    if (!burn(m))
        return false;
    if (have->sort != want->sort)
        return no(m, "expected %s, found %s", sort_word(want->sort),
                  sort_word(have->sort));
    switch (want->sort) {
    case SL_SORT_CORE_DATA:
        return true;
    case SL_SORT_CORE_MODULE:
        return match_module(m, have->type, want->type);
    case SL_SORT_FUNC:
        return match_func(m, have->type, want->type);
    case SL_SORT_VALUE:
        return match_valuebound(m, have->type, want->type);
    case SL_SORT_TYPE:
        return match_type(m, have->type, want->type);
    case SL_SORT_COMPONENT:
        return match_component(m, have->type, want->type);
    default:
        return match_exports(m, have->type, want->type, "instance");
    }
}

bool sl_externtype_matches(const sl_externtype *have, const sl_externtype *want,
                           sl_status code, sl_err *err)
{
    sl_ptrmap have_map = {0}, want_map = {0};
    sl_matcher m = {.fuel = SL_FUEL_FREE,
                    .have = &have_map,
                    .want = &want_map,
                    .loose = true};
    bool ok = sl_match_extern(&m, have, want);
    if (!ok)
        sl_fail(err, code, SL_ERR_NO_PLACE, "%s", m.msg);
    sl_ptrmap_deinit(&have_map);
    sl_ptrmap_deinit(&want_map);
    return ok;
}
