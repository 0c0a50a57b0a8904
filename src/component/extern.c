/* Imports, exports and what their names and types must obey.
 * Binary.md "Import and Export Definitions"; Explainer.md "Name Uniqueness",
 * "External Visibility of Types". */
#include "component/component_int.h"

/* --- Sorts ---------------------------------------------------------------- */

static int core_sort(const sl_decoder *d, uint8_t byte)
{
    switch (byte) {
    case 0x00:
        return SL_SORT_CORE_FUNC;
    case 0x01:
        return SL_SORT_CORE_TABLE;
    case 0x02:
        return SL_SORT_CORE_MEMORY;
    case 0x03:
        return SL_SORT_CORE_GLOBAL;
    case 0x04:
        return SL_SORT_CORE_TAG;
    case 0x10:
        return SL_SORT_CORE_TYPE;
    case 0x11:
        return SL_SORT_CORE_MODULE;
    case 0x12:
        return SL_SORT_CORE_INSTANCE;
    case 0x13: /* docs/data-segments.md, section 2 */
        return sl_dec_has(d, SL_FEATURE_DATA) ? SL_SORT_CORE_DATA : -1;
    default:
        return -1;
    }
}

int sl_sort_of_bytes(const sl_decoder *d, const uint8_t bytes[2])
{
    static const sl_sort sorts[] = {SL_SORT_FUNC, SL_SORT_VALUE, SL_SORT_TYPE,
                                    SL_SORT_COMPONENT, SL_SORT_INSTANCE};
    if (bytes[0] == 0)
        return core_sort(d, bytes[1]);
    return bytes[0] <= 5 ? (int)sorts[bytes[0] - 1] : -1;
}

bool sl_read_sort_bytes(sl_reader *r, uint8_t bytes[2])
{
    bytes[0] = sl_read_u8(r);
    bytes[1] = bytes[0] == 0 ? sl_read_u8(r) : 0;
    return sl_reader_ok(r);
}

bool sl_decode_sort(sl_decoder *d, sl_reader *r, const char *what, sl_sort *out)
{
    uint64_t at = sl_reader_at(r);
    uint8_t bytes[2];
    if (!sl_read_sort_bytes(r, bytes))
        return false;
    int sort = sl_sort_of_bytes(d, bytes);
    if (sort < 0 || (sort < SL_SORT_FUNC && sort != SL_SORT_CORE_MODULE &&
                     sort != SL_SORT_CORE_DATA))
        return sl_dec_bad_byte(r, bytes[bytes[0] == 0], what);
    *out = (sl_sort)sort;
    return sort != SL_SORT_VALUE ||
           sl_dec_gate(d, at, SL_FEATURE_VALUES, "sort value");
}

bool sl_item_externtype(sl_decoder *d, const sl_scope *s, sl_sortidx item,
                        uint64_t at, sl_externtype *out)
{
    const void *type = sl_scope_get(d, s, item.sort, item.index, at);
    out->sort = item.sort;
    out->type = item.sort == SL_SORT_CORE_DATA ? NULL : type;
    return sl_dec_ok(d);
}

/* --- Names ---------------------------------------------------------------- */

static bool check_implements(sl_decoder *d, sl_name name, uint64_t at)
{
    sl_extern_name parsed;
    char why[128];
    if (!sl_parse_extern_name(name, &parsed, why, sizeof why))
        return sl_dec_invalid(d, at, "`%.*s` is not a valid name: %s",
                              SL_NAME_ARGS(name), why);
    return parsed.kind == SL_NAME_INTERFACE ||
           sl_dec_invalid(d, at, "name `%.*s` must be an interface",
                          SL_NAME_ARGS(name));
}

static bool check_version_suffix(sl_decoder *d, sl_name name, sl_name suffix,
                                 uint64_t at)
{
    sl_extern_name parsed;
    char why[128];
    return (sl_parse_extern_name(name, &parsed, why, sizeof why) &&
            sl_version_suffix_fits(parsed.version, suffix)) ||
           sl_dec_invalid(d, at,
                          "invalid `versionsuffix` `%.*s` for name `%.*s`",
                          SL_NAME_ARGS(suffix), SL_NAME_ARGS(name));
}

static bool decode_attributes(sl_decoder *d, sl_reader *r, sl_name name,
                              sl_attributes *out)
{
    static const char *const text[] = {"implements", "versionsuffix",
                                       "external-id"};
    sl_name *const to[] = {&out->implements, &out->version_suffix,
                           &out->external_id};
    uint32_t n = sl_dec_count(d, r, SL_MAX_ARGS, "attributes");
    for (uint32_t i = 0; i < n && sl_dec_ok(d); i++) {
        uint64_t at = sl_reader_at(r);
        uint8_t byte = sl_read_u8(r);
        if (byte > 2)
            return sl_dec_bad_byte(r, byte, "name option");
        sl_name value = sl_dec_name(d, r);
        if (!sl_reader_ok(r))
            return false;
        if (to[byte]->data != NULL)
            return sl_dec_invalid(d, at, "duplicate '%s' option in name",
                                  text[byte]);
        *to[byte] = value.data != NULL ? value : SL_NAME("");
        if ((byte == 0 && !check_implements(d, value, at)) ||
            (byte == 1 && !check_version_suffix(d, name, value, at)))
            return false;
    }
    return sl_dec_ok(d);
}

bool sl_decode_extern_name(sl_decoder *d, sl_reader *r, sl_extern *out)
{
    uint64_t at = sl_reader_at(r);
    uint8_t byte = sl_read_u8(r);
    if (byte > 2)
        return sl_dec_bad_byte(r, byte, "component name");
    out->name = sl_dec_name(d, r);
    out->attributes = NULL;
    if (!sl_reader_ok(r))
        return false;
    if (byte != 2)
        return true;
    sl_attributes *attributes = sl_dec_new(d, sl_attributes);
    out->attributes = attributes;
    return attributes != NULL &&
           sl_dec_gate(d, at, SL_FEATURE_ATTRIBUTES, "attributes of a name") &&
           decode_attributes(d, r, out->name, attributes);
}

/* The resource of an annotated function must bear the annotation's label. */
static bool check_resource_name(sl_decoder *d, sl_namespace *ns,
                                const sl_type *resource, sl_name label,
                                uint64_t at)
{
    const void **slot = sl_ptrmap_at(&ns->resource_of, resource, false);
    if (slot == NULL)
        return sl_dec_invalid(d, at,
                              "resource used in function does not have "
                              "a name in this context");
    const sl_name *name = *slot;
    return sl_name_eq(*name, label) ||
           sl_dec_invalid(
               d, at, "function does not match expected resource name `%.*s`",
               SL_NAME_ARGS(*name));
}

static bool check_constructor(sl_decoder *d, sl_namespace *ns,
                              const sl_type *func, sl_name label, uint64_t at)
{
    const sl_type *t = func->of.func.result;
    if (t == NULL)
        return sl_dec_invalid(d, at, "function should return one value");
    if (t->kind == SL_T_RESULT)
        t = t->of.result.ok;
    if (t == NULL || t->kind != SL_T_OWN)
        return sl_dec_invalid(
            d, at, "function should return `(own $T)` or `(result (own $T))`");
    return check_resource_name(d, ns, t->alias, label, at);
}

static bool check_method(sl_decoder *d, sl_namespace *ns, const sl_type *func,
                         sl_name label, uint64_t at)
{
    if (func->of.func.n_params == 0)
        return sl_dec_invalid(d, at,
                              "function should have at least one argument");
    const sl_label *self = &func->of.func.params[0];
    if (!sl_name_is(self->label, "self"))
        return sl_dec_invalid(
            d, at, "function should have a first argument called `self`");
    if (self->type->kind != SL_T_BORROW)
        return sl_dec_invalid(
            d, at, "function should take a first argument of `(borrow $T)`");
    return check_resource_name(d, ns, self->type->alias, label, at);
}

static bool check_annotation(sl_decoder *d, sl_namespace *ns,
                             const sl_extern *ext, const sl_extern_name *parsed,
                             uint64_t at)
{
    if (parsed->kind == SL_NAME_LABEL || parsed->kind == SL_NAME_INTERFACE)
        return true;
    if (ext->type.sort != SL_SORT_FUNC)
        return sl_dec_invalid(d, at, "item for name `%.*s` is not a func",
                              SL_NAME_ARGS(ext->name));
    switch (parsed->kind) {
    case SL_NAME_CONSTRUCTOR:
        return check_constructor(d, ns, ext->type.type, parsed->resource, at);
    case SL_NAME_METHOD:
        return check_method(d, ns, ext->type.type, parsed->resource, at);
    default:
        return sl_map_get(&ns->resources, parsed->resource, NULL) ||
               sl_dec_invalid(
                   d, at, "static resource name is not known in this context");
    }
}

/* Remembers the name of a resource for the annotations to come. A definition
 * that a synthesised instance lists gets no name by that: only what an import
 * or export introduced has one. */
static bool note_resource(sl_decoder *d, sl_namespace *ns, sl_extern ext)
{
    const sl_type *type = ext.type.type;
    if (ext.type.sort != SL_SORT_TYPE || type->kind != SL_T_RESOURCE)
        return true;
    if (type->alias == NULL && type->of.resource.definer != NULL)
        return sl_map_put(&ns->resources, ext.name, 1) || sl_dec_nomem(d);
    sl_name *name = sl_dec_copy(d, &ext.name, 1, sizeof ext.name);
    const void **slot =
        name == NULL ? NULL : sl_ptrmap_at(&ns->resource_of, type, true);
    if (slot == NULL || !sl_map_put(&ns->resources, ext.name, 1))
        return sl_dec_nomem(d);
    *slot = name;
    return true;
}

static bool has_hyphen(sl_name name)
{
    return name.len != 0 && memchr(name.data, '-', name.len) != NULL;
}

const char *sl_hyphens_text(const sl_decoder *d, sl_name a, sl_name b)
{
    if (sl_dec_has(d, SL_FEATURE_HYPHENS) || sl_name_eq(a, b) ||
        (!has_hyphen(a) && !has_hyphen(b)))
        return "";
    return ": unsupported feature `hyphens`: they do not tell names apart";
}

bool sl_add_extern(sl_decoder *d, sl_namespace *ns, sl_extern ext, uint64_t at)
{
    bool implements =
        ext.attributes != NULL && ext.attributes->implements.data != NULL;
    sl_extern_name parsed;
    char why[160];
    uint64_t other;
    if (!sl_parse_extern_name(ext.name, &parsed, why, sizeof why))
        return sl_dec_invalid(
            d, at, "%s name `%.*s` is not a valid extern name: %s", ns->what,
            (int)(ext.name.len < 60 ? ext.name.len : 60), ext.name.data, why);
    if (!check_annotation(d, ns, &ext, &parsed, at))
        return false;
    if (implements && ext.type.sort != SL_SORT_INSTANCE)
        return sl_dec_invalid(d, at, "only instances can have an `implements`");
    if (implements && parsed.kind != SL_NAME_LABEL)
        return sl_dec_invalid(d, at,
                              "name `%.*s` is not valid with `implements`",
                              SL_NAME_ARGS(ext.name));

    sl_name canonical = sl_canonical_name(d->arena, ext.name, &parsed,
                                          sl_dec_has(d, SL_FEATURE_HYPHENS));
    if (canonical.data == NULL)
        return sl_dec_nomem(d);
    if (sl_map_get(&ns->names, canonical, &other))
        return sl_dec_invalid(
            d, at, "%s name `%.*s` conflicts with previous name `%.*s`%s",
            ns->what, SL_NAME_ARGS(ext.name),
            SL_NAME_ARGS(ns->externs.v[other].name),
            sl_hyphens_text(d, ext.name, ns->externs.v[other].name));
    if (ns->externs.n >= SL_MAX_ITEMS)
        return sl_dec_limit(d, at, "imports or exports");
    if (!sl_map_put(&ns->names, canonical, ns->externs.n) ||
        !sl_vec_push(&ns->externs, ext))
        return sl_dec_nomem(d);
    return note_resource(d, ns, ext);
}

/* --- External visibility -------------------------------------------------- */

/* Which types have names where an import or export stands: those of the
 * imports, and for an export those of the exports too. */
typedef struct visible {
    sl_decoder *d;
    sl_ptrmap *own;   /* gets the new names */
    sl_ptrmap *other; /* may be NULL */
    uint64_t at;
} visible;

static bool is_named(const visible *v, const sl_type *type)
{
    return sl_ptrmap_at(v->own, type, false) != NULL ||
           (v->other != NULL && sl_ptrmap_at(v->other, type, false) != NULL);
}

static bool give_name(const visible *v, const sl_type *type)
{
    return sl_ptrmap_at(v->own, type, true) != NULL || sl_dec_nomem(v->d);
}

static bool all_shown(const visible *v, const sl_type *type);

/* Whether a type may be used in one that is seen from outside. */
static bool is_shown(const visible *v, const sl_type *type)
{
    if (type == NULL || type->kind < SL_T_N_PRIMITIVES)
        return true;
    switch (type->kind) {
    case SL_T_RECORD:
    case SL_T_VARIANT:
    case SL_T_FLAGS:
    case SL_T_ENUM:
        return is_named(v, type);
    case SL_T_OWN:
    case SL_T_BORROW:
        return is_named(v, type->alias);
    default:
        return all_shown(v, type);
    }
}

static bool externs_shown(const visible *v, const sl_extern *x, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        const sl_type *t = x[i].type.type;
        bool ok = true;
        switch (x[i].type.sort) {
        case SL_SORT_TYPE:
            ok = all_shown(v, t) && give_name(v, t);
            break;
        case SL_SORT_FUNC:
        case SL_SORT_INSTANCE:
            ok = all_shown(v, t);
            break;
        case SL_SORT_VALUE:
            ok = is_shown(v, t->of.value.type);
            break;
        default: /* components see to it themselves */
            break;
        }
        if (!ok)
            return false;
    }
    return true;
}

/* Whether the parts of a type may be seen. */
static bool all_shown(const visible *v, const sl_type *type)
{
    if (type == NULL || !sl_dec_burn(v->d, v->at))
        return false;
    switch (type->kind) {
    case SL_T_LIST:
    case SL_T_OPTION:
    case SL_T_STREAM:
    case SL_T_FUTURE:
        return is_shown(v, type->of.list.elem);
    case SL_T_MAP:
        return is_shown(v, type->of.map.key) && is_shown(v, type->of.map.value);
    case SL_T_RECORD:
    case SL_T_VARIANT:
    case SL_T_TUPLE:
        for (uint32_t i = 0; i < type->of.labels.n; i++)
            if (!is_shown(v, type->of.labels.v[i].type))
                return false;
        return true;
    case SL_T_RESULT:
        return is_shown(v, type->of.result.ok) &&
               is_shown(v, type->of.result.error);
    case SL_T_OWN:
    case SL_T_BORROW:
        return is_named(v, type->alias);
    case SL_T_FUNC:
        for (uint32_t i = 0; i < type->of.func.n_params; i++)
            if (!is_shown(v, type->of.func.params[i].type))
                return false;
        return is_shown(v, type->of.func.result);
    case SL_T_INSTANCE:
        return externs_shown(v, type->of.component.exports,
                             type->of.component.n_exports);
    default:
        return true;
    }
}

static bool check_visible(sl_decoder *d, sl_scope *s, const sl_extern *ext,
                          bool is_import, uint64_t at)
{
    if (s->kind == SL_SCOPE_INSTANCE_TYPE)
        return true; /* checked where the instance type is put to use */
    visible v = {.d = d, .at = at};
    v.own = is_import ? &s->import_named : &s->export_named;
    v.other = is_import ? NULL : &s->import_named;
    if (externs_shown(&v, ext, 1))
        return true;
    if (!sl_dec_ok(d))
        return false;
    return sl_dec_invalid(d, at, "%s not valid to be used as %s",
                          sl_sort_text(ext->type.sort),
                          is_import ? "import" : "export");
}

/* --- Extern types --------------------------------------------------------- */

/* An externtype as read. `sub`: (sub resource), type is NULL still; or a value
 * of any kind, type is then its value type. */
typedef struct raw_extern {
    sl_externtype type;
    bool sub;
} raw_extern;

static bool decode_module_ref(sl_decoder *d, sl_scope *s, sl_reader *r,
                              sl_externtype *out)
{
    uint64_t at = sl_reader_at(r);
    uint32_t index = sl_read_u32(r);
    if (!sl_reader_ok(r))
        return false;
    const sl_core_type *t = sl_scope_get(d, s, SL_SORT_CORE_TYPE, index, at);
    if (t == NULL)
        return false;
    if (t->module == NULL)
        return sl_dec_invalid(d, at, "core type index %u is not a module type",
                              (unsigned)index);
    out->type = t->module;
    return true;
}

static bool decode_bound(sl_decoder *d, sl_scope *s, sl_reader *r,
                         raw_extern *out)
{
    uint8_t byte = sl_read_u8(r);
    uint64_t at = sl_reader_at(r);
    if (byte > 1)
        return sl_dec_bad_byte(r, byte, "type bound");
    if (byte == 1) {
        out->sub = true;
        return sl_reader_ok(r) &&
               sl_dec_gate(d, at, SL_FEATURE_RESOURCES, "resource types");
    }
    uint32_t index = sl_read_u32(r);
    if (sl_reader_ok(r))
        out->type.type = sl_scope_get(d, s, SL_SORT_TYPE, index, at);
    return sl_dec_ok(d);
}

/* valuebound: (eq i) is the value itself. */
static bool decode_valuebound(sl_decoder *d, sl_scope *s, sl_reader *r,
                              raw_extern *out)
{
    uint8_t byte = sl_read_u8(r);
    uint64_t at = sl_reader_at(r);
    if (byte > 1)
        return sl_dec_bad_byte(r, byte, "value bound");
    out->sub = byte == 1;
    if (out->sub) {
        out->type.type = sl_decode_valtype(d, s, r);
        return out->type.type != NULL;
    }
    uint32_t index = sl_read_u32(r);
    if (sl_reader_ok(r))
        out->type.type = sl_scope_get(d, s, SL_SORT_VALUE, index, at);
    return sl_dec_ok(d);
}

static bool decode_externtype(sl_decoder *d, sl_scope *s, sl_reader *r,
                              raw_extern *out)
{
    static const struct {
        sl_sort sort;
        sl_type_kind kind;
    } of[] = {{SL_SORT_FUNC, SL_T_FUNC},
              {SL_SORT_COMPONENT, SL_T_COMPONENT},
              {SL_SORT_INSTANCE, SL_T_INSTANCE}};
    *out = (raw_extern){.sub = false};
    if (!sl_decode_sort(d, r, "component external kind", &out->type.sort))
        return false;
    if (out->type.sort == SL_SORT_CORE_MODULE)
        return decode_module_ref(d, s, r, &out->type);
    if (out->type.sort == SL_SORT_CORE_DATA)
        return true;
    if (out->type.sort == SL_SORT_TYPE)
        return decode_bound(d, s, r, out);
    if (out->type.sort == SL_SORT_VALUE)
        return decode_valuebound(d, s, r, out);
    uint64_t at = sl_reader_at(r);
    uint32_t index = sl_read_u32(r);
    for (size_t i = 0; i < 3 && sl_reader_ok(r); i++)
        if (of[i].sort == out->type.sort)
            out->type.type = sl_scope_type(d, s, index, of[i].kind, at);
    return sl_dec_ok(d);
}

/* What an extern type introduces: fresh resources and values, further names. */
static bool introduce(sl_decoder *d, sl_types *resources, sl_name name,
                      raw_extern raw, uint64_t at, sl_externtype *out)
{
    *out = raw.type;
    if (raw.sub) {
        out->type = out->sort == SL_SORT_VALUE
                        ? sl_fresh_value(d, raw.type.type, at)
                        : sl_fresh_resource(d, name);
        if (out->type != NULL && !sl_vec_push(resources, out->type))
            return sl_dec_nomem(d);
    } else if (out->sort == SL_SORT_TYPE) {
        out->type = sl_rename(d, raw.type.type);
    } else if (out->sort == SL_SORT_INSTANCE) {
        out->type = sl_open_instance(d, raw.type.type, resources, at);
    }
    return sl_dec_ok(d);
}

/* --- Imports -------------------------------------------------------------- */

bool sl_decode_import(sl_decoder *d, sl_scope *s, sl_reader *r)
{
    uint64_t at = sl_reader_at(r);
    sl_extern ext = {0};
    raw_extern raw;
    if (!sl_decode_extern_name(d, r, &ext) ||
        !decode_externtype(d, s, r, &raw) ||
        !introduce(d, &s->imported, ext.name, raw, at, &ext.type) ||
        !sl_add_extern(d, &s->imports, ext, at) ||
        !check_visible(d, s, &ext, true, at))
        return false;
    sl_def *def = sl_scope_def(d, s, SL_DEF_IMPORT, ext.type.sort, at);
    if (def == NULL)
        return false;
    def->of.import.import = (uint32_t)s->imports.externs.n - 1;
    return sl_scope_add(d, s, ext.type.sort, ext.type.type, at);
}

/* --- Exports -------------------------------------------------------------- */

/* Binary.md "Type Definitions": components and their types export no borrows,
 * not in an instance either. */
static bool check_exported(sl_decoder *d, const sl_scope *s,
                           const sl_externtype *type, uint64_t at)
{
    if (s->kind == SL_SCOPE_INSTANCE_TYPE)
        return true;
    if (type->sort == SL_SORT_VALUE)
        return !type->type->has_borrow ||
               sl_dec_invalid(d, at,
                              "exported value cannot contain a `borrow` type");
    if (type->sort != SL_SORT_INSTANCE)
        return true;
    for (uint32_t i = 0; i < type->type->of.component.n_exports; i++)
        if (!sl_dec_burn(d, at) ||
            !check_exported(d, s, &type->type->of.component.exports[i].type,
                            at))
            return false;
    return true;
}

bool sl_decode_exportdecl(sl_decoder *d, sl_scope *s, sl_reader *r)
{
    uint64_t at = sl_reader_at(r);
    sl_extern ext = {0};
    raw_extern raw;
    return sl_decode_extern_name(d, r, &ext) &&
           decode_externtype(d, s, r, &raw) &&
           introduce(d, &s->defined, ext.name, raw, at, &ext.type) &&
           check_exported(d, s, &ext.type, at) &&
           sl_add_extern(d, &s->exports, ext, at) &&
           check_visible(d, s, &ext, false, at) &&
           sl_scope_add(d, s, ext.type.sort, ext.type.type, at);
}

static bool not_compatible(sl_decoder *d, const sl_matcher *m, uint64_t at)
{
    return sl_dec_invalid(
        d, at, "ascribed type of export is not compatible: %s", m->msg);
}

/* (export "n" (type $r) (type (sub resource))): a resource of its own, behind
 * which $r hides. */
static bool ascribe_sub(sl_decoder *d, sl_scope *s, sl_name name,
                        const sl_type *have, uint64_t at, sl_externtype *out)
{
    if (have->kind != SL_T_RESOURCE)
        return sl_dec_invalid(d, at,
                              "ascribed type of export is not compatible: "
                              "expected resource, found defined type");
    sl_type *fresh = (sl_type *)sl_fresh_resource(d, name);
    if (fresh == NULL)
        return false;
    fresh->of.resource.hides = sl_resource_of(have);
    out->type = fresh;
    return sl_vec_push(&s->defined, out->type) || sl_dec_nomem(d);
}

/* (export "v" (value $v) (value t)): that it is $v is not to be seen. */
static bool ascribe_value(sl_decoder *d, sl_scope *s, const raw_extern *raw,
                          const sl_type *have, uint64_t at, sl_externtype *out)
{
    sl_matcher m = {.d = d};
    if (!sl_match_valtype(&m, have->of.value.type, raw->type.type))
        return not_compatible(d, &m, at);
    out->type = sl_fresh_value(d, raw->type.type, at);
    return out->type != NULL &&
           (sl_vec_push(&s->defined, out->type) || sl_dec_nomem(d));
}

/* The ascribed type, with what it left open replaced by what is exported. */
static bool ascribe(sl_decoder *d, sl_scope *s, sl_name name, raw_extern raw,
                    const sl_externtype *have, uint64_t at, sl_externtype *out)
{
    sl_subst x = {.d = d, .fresh = &s->defined, .at = at};
    sl_matcher m = {.d = d, .want = &x.map};
    *out = raw.type;
    if (raw.sub && have->sort == SL_SORT_TYPE)
        return ascribe_sub(d, s, name, have->type, at, out);
    if (raw.sub && raw.type.sort == SL_SORT_VALUE &&
        have->sort == SL_SORT_VALUE)
        return ascribe_value(d, s, &raw, have->type, at, out);
    if (raw.sub)
        return sl_dec_invalid(d, at,
                              "ascribed type of export is not compatible: "
                              "expected %s, found %s",
                              sl_sort_text(raw.type.sort),
                              sl_sort_text(have->sort));
    bool ok = sl_match_extern(&m, have, &raw.type) || not_compatible(d, &m, at);
    if (ok && out->sort == SL_SORT_TYPE)
        out->type = sl_rename(d, raw.type.type);
    if (ok && out->sort == SL_SORT_INSTANCE &&
        raw.type.type->of.component.n_defined != 0) {
        const sl_type *t = sl_substitute(&x, raw.type.type);
        sl_type *open = sl_dec_copy(d, t, 1, sizeof *t);
        if (open != NULL) {
            open->of.component.n_defined = 0;
            open->of.component.defined = NULL;
        }
        out->type = open;
    }
    sl_ptrmap_deinit(&x.map);
    return ok && sl_dec_ok(d);
}

bool sl_decode_export(sl_decoder *d, sl_scope *s, sl_reader *r)
{
    uint64_t at = sl_reader_at(r);
    sl_extern ext = {0};
    sl_externtype have;
    sl_sortidx item = {0};
    if (!sl_decode_extern_name(d, r, &ext) ||
        !sl_decode_sort(d, r, "component external kind", &item.sort))
        return false;
    item.index = sl_read_u32(r);
    uint8_t ascribed = sl_read_u8(r);
    if (ascribed > 1)
        return sl_dec_bad_byte(r, ascribed, "optional component export type");
    raw_extern raw;
    if (!sl_reader_ok(r) || !sl_item_externtype(d, s, item, at, &have) ||
        (ascribed && !decode_externtype(d, s, r, &raw)))
        return false;
    ext.type = have;
    if (ascribed && !ascribe(d, s, ext.name, raw, &have, at, &ext.type))
        return false;
    if (!ascribed && have.sort == SL_SORT_TYPE)
        ext.type.type = sl_rename(d, have.type);
    if (!sl_dec_ok(d) || !sl_use_value(d, s, item, at) ||
        !check_exported(d, s, &ext.type, at) ||
        !sl_add_extern(d, &s->exports, ext, at) ||
        !check_visible(d, s, &ext, false, at))
        return false;
    sl_def *def = sl_scope_def(d, s, SL_DEF_EXPORT, ext.type.sort, at);
    if (def == NULL)
        return false;
    def->of.export_.export_ = (uint32_t)s->exports.externs.n - 1;
    def->of.export_.item = item;
    /* The index that an export adds stands for what is out of hand. */
    return sl_scope_add(d, s, ext.type.sort, ext.type.type, at) &&
           sl_use_value(d, s, def->makes, at);
}
