/* Core types at component level: declared types and module types.
 * Binary.md "Type Definitions", core:type. */
#include "component/component_int.h"

/* --- Module types: what they import and export ---------------------------- */

/* A module type being decoded; it has an index space of declared types. */
typedef struct module_scope {
    sl_scope *outer;
    sl_items types; /* of sl_core_type */
    SL_VEC(sl_core_import) imports;
    SL_VEC(sl_core_module_export) exports;
    sl_map export_names;
    uint32_t n_imported[SL_N_CORE_KINDS];
} module_scope;

static bool decode_limits(sl_decoder *d, sl_reader *r, sl_limits *out)
{
    uint64_t at = sl_reader_at(r);
    uint8_t flags = sl_read_u8(r);
    if (flags > 7)
        return sl_dec_bad_byte(r, flags, "limits flags");
    *out = (sl_limits){.has_max = flags & 1,
                       .shared = (flags & 2) != 0,
                       .is64 = (flags & 4) != 0};
    out->min = out->is64 ? sl_read_u64(r) : sl_read_u32(r);
    if (out->has_max)
        out->max = out->is64 ? sl_read_u64(r) : sl_read_u32(r);
    if (!sl_reader_ok(r))
        return false;
    if (out->has_max && out->max < out->min)
        return sl_dec_invalid(d, at,
                              "size minimum must not be greater than maximum");
    return true;
}

static bool decode_memory(sl_decoder *d, sl_reader *r, sl_limits *out)
{
    uint64_t at = sl_reader_at(r);
    if (!decode_limits(d, r, out))
        return false;
    uint64_t most = out->is64 ? UINT64_C(1) << 48 : 65536;
    if (out->is64 && !sl_dec_gate(d, at, SL_FEATURE_MEMORY64, "memory64"))
        return false;
    if (out->min > most || (out->has_max && out->max > most))
        return sl_dec_invalid(d, at, "memory size must be at most %s",
                              out->is64 ? "2^48 pages" : "65536 pages (4GiB)");
    if (out->shared && !out->has_max)
        return sl_dec_invalid(d, at, "shared memory must have maximum size");
    return true;
}

static bool decode_table(sl_decoder *d, module_scope *m, sl_reader *r,
                         sl_tabletype *out)
{
    uint64_t at = sl_reader_at(r);
    if (!sl_decode_core_valtype(d, &m->types, r, &out->elem))
        return false;
    if (!sl_core_is_ref(out->elem)) {
        sl_fail(d->err, SL_EMALFORMED, at, "malformed reference type");
        return false;
    }
    return decode_limits(d, r, &out->limits);
}

static const sl_core_type *module_type(sl_decoder *d, const module_scope *m,
                                       uint32_t index, uint64_t at)
{
    if (index < m->types.n)
        return m->types.v[index];
    sl_dec_invalid(d, at, "unknown type %u: type index out of bounds",
                   (unsigned)index);
    return NULL;
}

static const sl_functype *module_functype(sl_decoder *d, const module_scope *m,
                                          sl_reader *r)
{
    uint64_t at = sl_reader_at(r);
    uint32_t index = sl_read_u32(r);
    const sl_core_type *type =
        sl_reader_ok(r) ? module_type(d, m, index, at) : NULL;
    if (type != NULL && type->func == NULL)
        sl_dec_invalid(d, at, "core type index %u is not a function type",
                       (unsigned)index);
    return type != NULL ? type->func : NULL;
}

/* docs/data-segments.md, section 8: modules import data, none exports it. */
static bool decode_data(sl_decoder *d, sl_reader *r, bool import)
{
    if (import && sl_dec_has(d, SL_FEATURE_CORE_DATA))
        return true;
    sl_dec_bad_byte(r, SL_CORE_DATA,
                    import ? "external kind: unsupported feature `core-data`: "
                             "an import of data"
                           : "external kind");
    return false;
}

static bool decode_core_externtype(sl_decoder *d, module_scope *m, sl_reader *r,
                                   bool import, sl_core_externtype *out)
{
    uint8_t kind = sl_read_u8(r), byte;
    out->kind = (sl_core_kind)kind;
    switch (kind) {
    case SL_CORE_FUNC:
        out->of.func = module_functype(d, m, r);
        return out->of.func != NULL;
    case SL_CORE_TABLE:
        return decode_table(d, m, r, &out->of.table);
    case SL_CORE_MEMORY:
        return decode_memory(d, r, &out->of.memory.limits);
    case SL_CORE_GLOBAL:
        if (!sl_decode_core_valtype(d, &m->types, r, &out->of.global.type))
            return false;
        byte = sl_read_u8(r);
        if (byte > 1)
            return sl_dec_bad_byte(r, byte, "mutability");
        out->of.global.mutable_ = byte == 1;
        return sl_reader_ok(r);
    case SL_CORE_TAG:
        byte = sl_read_u8(r);
        if (byte != 0)
            return sl_dec_bad_byte(r, byte, "tag attribute");
        out->of.func = module_functype(d, m, r);
        return out->of.func != NULL;
    case SL_CORE_DATA:
        return decode_data(d, r, import);
    default:
        return sl_dec_bad_byte(r, kind, "external kind");
    }
}

static bool duplicate_import(sl_decoder *d, const sl_core_import *x,
                             uint64_t at)
{
    return sl_dec_invalid(d, at, "duplicate import name `%.*s:%.*s`",
                          SL_NAME_ARGS(x->module), SL_NAME_ARGS(x->field));
}

/* Both names of an import must not both recur: as one string, with a length
 * between that no two splits share. */
static bool check_imports(sl_decoder *d, const sl_core_import *v, uint32_t n,
                          uint64_t at)
{
    sl_map seen;
    sl_map_init(&seen);
    bool ok = true;
    for (uint32_t i = 0; ok && i < n; i++) {
        size_t len = sizeof(size_t) + v[i].module.len + v[i].field.len;
        char *key = sl_dec_alloc(d, 1, len);
        if (key == NULL) {
            ok = false;
            break;
        }
        memcpy(key, &v[i].module.len, sizeof(size_t));
        char *at_name = key + sizeof(size_t);
        if (v[i].module.len != 0)
            memcpy(at_name, v[i].module.data, v[i].module.len);
        if (v[i].field.len != 0)
            memcpy(at_name + v[i].module.len, v[i].field.data, v[i].field.len);
        sl_name name = {key, len};
        if (sl_map_get(&seen, name, NULL))
            ok = duplicate_import(d, &v[i], at);
        else if (!sl_map_put(&seen, name, i))
            ok = sl_dec_nomem(d);
    }
    sl_map_deinit(&seen);
    return ok;
}

static bool decode_import(sl_decoder *d, module_scope *m, sl_reader *r)
{
    sl_core_import x = {0};
    x.module = sl_dec_name(d, r);
    x.field = sl_dec_name(d, r);
    if (!sl_reader_ok(r) || !decode_core_externtype(d, m, r, true, &x.type))
        return false;
    x.index = m->n_imported[x.type.kind]++;
    return sl_vec_push(&m->imports, x) || sl_dec_nomem(d);
}

static bool decode_export(sl_decoder *d, module_scope *m, sl_reader *r)
{
    uint64_t at = sl_reader_at(r);
    sl_core_module_export x = {0};
    x.name = sl_dec_name(d, r);
    if (!sl_reader_ok(r) || !decode_core_externtype(d, m, r, false, &x.type))
        return false;
    if (sl_map_get(&m->export_names, x.name, NULL))
        return sl_dec_invalid(d, at, "export name `%.*s` already defined",
                              SL_NAME_ARGS(x.name));
    return (sl_map_put(&m->export_names, x.name, 0) &&
            sl_vec_push(&m->exports, x)) ||
           sl_dec_nomem(d);
}

/* core:alias ::= 0x10 0x01 ct idx; ct 0 is the module type itself. */
static bool decode_alias(sl_decoder *d, module_scope *m, sl_reader *r)
{
    uint64_t at = sl_reader_at(r);
    uint8_t sort = sl_read_u8(r);
    if (sort != 0x10)
        return sl_dec_bad_byte(r, sort, "outer alias kind");
    uint8_t target = sl_read_u8(r);
    if (target != 0x01)
        return sl_dec_bad_byte(r, target, "outer alias target");
    uint32_t count = sl_read_u32(r), index = sl_read_u32(r);
    if (!sl_reader_ok(r))
        return false;
    const sl_core_type *type = NULL;
    if (count == 0) {
        type = module_type(d, m, index, at);
    } else {
        const sl_scope *s = m->outer;
        for (uint32_t i = 1; i < count && s != NULL; i++)
            s = s->parent;
        if (s == NULL)
            return sl_dec_invalid(d, at, "invalid outer alias count of %u",
                                  (unsigned)count);
        type = sl_scope_get(d, s, SL_SORT_CORE_TYPE, index, at);
        if (type != NULL && type->def == NULL)
            return sl_dec_invalid(d, at, "core type index %u is a module type",
                                  (unsigned)index);
    }
    return type != NULL &&
           (sl_vec_push(&m->types, (const void *)type) || sl_dec_nomem(d));
}

/* --- Declared types ---------------------------------------------------------
 */

/* core:rectype, or 0x00 and a non-final subtype, of which `form` was read;
 * function types alone need no gate. */
static bool decode_declared(sl_decoder *d, const sl_items *space, sl_reader *r,
                            uint8_t form, uint32_t *first, uint32_t *n)
{
    uint64_t at = sl_reader_at(r) - 1;
    bool known = form == 0x4e || form == 0x4f || form == 0x5e || form == 0x5f;
    if (form == 0x00) {
        form = sl_read_u8(r);
        if (sl_reader_ok(r) && form != 0x50)
            return sl_dec_bad_byte(r, form, "core type");
        known = true;
    }
    if (!sl_reader_ok(r))
        return false;
    if (!known && form != 0x60)
        return sl_dec_bad_byte(r, form, "core type");
    return (!known || sl_dec_gate(d, at, SL_FEATURE_GC,
                                  "recursive, sub, structure and array types "
                                  "among core types")) &&
           sl_decode_rectype(d, space, r, form, first, n);
}

/* The entry of an index space for a declared type. */
static const sl_core_type *declared(sl_decoder *d, uint32_t number)
{
    sl_core_type *out = sl_dec_new(d, sl_core_type);
    if (out == NULL)
        return NULL;
    out->def = d->rectypes.types.v[number];
    if (out->def->kind == SL_COMP_FUNC)
        out->func = &out->def->func;
    return out;
}

/* A core:type in a module type: no module types. */
static bool decode_inner_type(sl_decoder *d, module_scope *m, sl_reader *r)
{
    uint64_t at = sl_reader_at(r);
    uint8_t form = sl_read_u8(r);
    uint32_t first = 0, n = 0;
    if (form == 0x50)
        return sl_dec_invalid(d, at,
                              "invalid leading byte (0x%x) for a type "
                              "in a module type",
                              form);
    if (!decode_declared(d, &m->types, r, form, &first, &n))
        return false;
    for (uint32_t i = 0; i < n && sl_dec_ok(d); i++) {
        const sl_core_type *type = declared(d, first + i);
        if (type != NULL && !sl_vec_push(&m->types, (const void *)type))
            sl_dec_nomem(d);
    }
    return sl_dec_ok(d);
}

static bool decode_decl(sl_decoder *d, module_scope *m, sl_reader *r)
{
    uint8_t byte = sl_read_u8(r);
    if (!sl_reader_ok(r))
        return false;
    switch (byte) {
    case 0x00:
        return decode_import(d, m, r);
    case 0x01:
        return decode_inner_type(d, m, r);
    case 0x02:
        return decode_alias(d, m, r);
    case 0x03:
        return decode_export(d, m, r);
    default:
        return sl_dec_bad_byte(r, byte, "type definition");
    }
}

static const sl_type *make_module(sl_decoder *d, const sl_core_import *imports,
                                  size_t n_imports,
                                  const sl_core_module_export *exports,
                                  size_t n_exports, uint64_t at)
{
    sl_type *type = sl_dec_new(d, sl_type);
    if (type == NULL || !check_imports(d, imports, (uint32_t)n_imports, at))
        return NULL;
    type->kind = SL_T_CORE_MODULE;
    type->of.module.n_imports = (uint32_t)n_imports;
    type->of.module.imports = imports;
    type->of.module.n_exports = (uint32_t)n_exports;
    type->of.module.exports = exports;
    sl_type_finish(type);
    return type;
}

static const sl_type *decode_module_type(sl_decoder *d, sl_scope *s,
                                         sl_reader *r)
{
    uint64_t at = sl_reader_at(r);
    module_scope m = {.outer = s};
    sl_map_init(&m.export_names);
    uint32_t n = sl_dec_count(d, r, SL_MAX_ITEMS, "type declarations");
    for (uint32_t i = 0; i < n && sl_dec_ok(d); i++)
        decode_decl(d, &m, r);
    const sl_type *type = NULL;
    if (sl_dec_ok(d)) {
        const sl_core_import *im =
            sl_dec_copy(d, m.imports.v, m.imports.n, sizeof *m.imports.v);
        const sl_core_module_export *ex =
            sl_dec_copy(d, m.exports.v, m.exports.n, sizeof *m.exports.v);
        if (sl_dec_ok(d))
            type = make_module(d, im, m.imports.n, ex, m.exports.n, at);
    }
    sl_vec_deinit(&m.types);
    sl_vec_deinit(&m.imports);
    sl_vec_deinit(&m.exports);
    sl_map_deinit(&m.export_names);
    return type;
}

const sl_type *sl_module_type(sl_decoder *d, const sl_module *module,
                              uint64_t at)
{
    sl_core_module_export *ex =
        sl_dec_array(d, sl_core_module_export, module->n_exports);
    for (uint32_t i = 0; ex != NULL && i < module->n_exports; i++) {
        ex[i].name = module->exports[i].name;
        ex[i].type = sl_module_item_type(module, module->exports[i].kind,
                                         module->exports[i].index);
    }
    return ex == NULL ? NULL
                      : make_module(d, module->imports, module->n_imports, ex,
                                    module->n_exports, at);
}

/* --- Core types ----------------------------------------------------------- */

static bool add_type(sl_decoder *d, sl_scope *s, const sl_core_type *type,
                     uint64_t at)
{
    return type != NULL &&
           sl_scope_def(d, s, SL_DEF_CORE_TYPE, SL_SORT_CORE_TYPE, at) !=
               NULL &&
           sl_scope_add(d, s, SL_SORT_CORE_TYPE, type, at);
}

bool sl_decode_core_type(sl_decoder *d, sl_scope *s, sl_reader *r)
{
    uint64_t at = sl_reader_at(r);
    uint8_t form = sl_read_u8(r);
    if (!sl_reader_ok(r))
        return false;
    if (form == 0x50) {
        sl_core_type *type = sl_dec_new(d, sl_core_type);
        if (type != NULL)
            type->module = decode_module_type(d, s, r);
        return sl_dec_ok(d) && add_type(d, s, type, at);
    }
    uint32_t first = 0, n = 0;
    if (!decode_declared(d, &s->items[SL_SORT_CORE_TYPE], r, form, &first, &n))
        return false;
    for (uint32_t i = 0; i < n; i++)
        if (!add_type(d, s, declared(d, first + i), at))
            return false;
    return true;
}
