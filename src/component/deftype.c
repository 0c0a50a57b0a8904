/* Component-level types. Binary.md "Type Definitions". */
#include "component/component_int.h"

/* --- Finishing ------------------------------------------------------------ */

static bool check_size(sl_decoder *d, const sl_type *type, uint64_t at)
{
    if (type->depth > SL_MAX_DEPTH)
        return sl_dec_limit(d, at, "nested types");
    if (type->weight > SL_MAX_WEIGHT)
        return sl_dec_limit(d, at, "effective type size");
    return true;
}

const sl_type *sl_finish(sl_decoder *d, sl_type *type, uint64_t at)
{
    sl_type_finish(type);
    if (!check_size(d, type, at))
        return NULL;
    if (type->kind < SL_T_N_VALTYPES &&
        type->layout[1].size >= SL_MAX_VALUE_BYTES) {
        sl_dec_invalid(d, at, "value type exceeds maximum byte size of %u",
                       SL_MAX_VALUE_BYTES - 1);
        return NULL;
    }
    return type;
}

static void sum_externs(sl_type *type, const sl_extern *v, uint32_t n,
                        uint64_t *weight)
{
    for (uint32_t i = 0; i < n; i++) {
        const sl_type *part = v[i].type.type;
        *weight += 1;
        if (part == NULL)
            continue;
        *weight += part->weight;
        type->has_resource |= part->has_resource;
        if (part->depth >= type->depth && part->depth < UINT8_MAX)
            type->depth = (uint8_t)(part->depth + 1);
    }
}

const sl_type *sl_finish_externs(sl_decoder *d, sl_type *type, uint64_t at)
{
    uint64_t weight = 1;
    type->depth = 1;
    type->has_resource = false;
    sum_externs(type, type->of.component.imports, type->of.component.n_imports,
                &weight);
    sum_externs(type, type->of.component.exports, type->of.component.n_exports,
                &weight);
    type->weight = weight > UINT32_MAX ? UINT32_MAX : (uint32_t)weight;
    return check_size(d, type, at) ? type : NULL;
}

const sl_type *sl_fresh_resource(sl_decoder *d, sl_name name)
{
    sl_type *type = sl_dec_new(d, sl_type);
    if (type == NULL)
        return NULL;
    type->kind = SL_T_RESOURCE;
    type->of.resource.name = name;
    sl_type_finish(type);
    return type;
}

const sl_type *sl_fresh_value(sl_decoder *d, const sl_type *type, uint64_t at)
{
    sl_type *value = sl_dec_new(d, sl_type);
    if (value == NULL)
        return NULL;
    value->kind = SL_T_VALUE;
    value->of.value.type = type;
    return sl_finish(d, value, at);
}

const sl_type *sl_rename(sl_decoder *d, const sl_type *type)
{
    switch (type->kind) {
    case SL_T_RECORD:
    case SL_T_VARIANT:
    case SL_T_FLAGS:
    case SL_T_ENUM:
    case SL_T_RESOURCE:
        break;
    default:
        return type; /* needs no name */
    }
    sl_type *out = sl_dec_copy(d, type, 1, sizeof *type);
    if (out != NULL && type->kind == SL_T_RESOURCE)
        out->alias = sl_resource_of(type);
    return out;
}

/* --- Value types ---------------------------------------------------------- */

/* The kind of a primvaltype's code, or -1. */
static int primitive(uint8_t code)
{
    if (code >= 0x73 && code <= 0x7f)
        return SL_T_BOOL + (0x7f - code);
    return code == 0x64 ? SL_T_ERROR_CONTEXT : -1;
}

static const sl_type *primitive_type(sl_decoder *d, int kind, uint64_t at)
{
    if (kind == SL_T_ERROR_CONTEXT &&
        !sl_dec_gate(d, at, SL_FEATURE_ERROR_CONTEXT, "type error-context"))
        return NULL;
    return sl_type_primitive((sl_type_kind)kind);
}

const sl_type *sl_decode_valtype(sl_decoder *d, sl_scope *s, sl_reader *r)
{
    uint64_t at = sl_reader_at(r);
    if (sl_reader_left(r) != 0 && (*r->pos & 0xc0) == 0x40) {
        uint8_t code = sl_read_u8(r);
        int kind = primitive(code);
        if (kind >= 0)
            return primitive_type(d, kind, at);
        sl_dec_bad_byte(r, code, "component value type");
        return NULL;
    }
    int64_t index = sl_read_s33(r);
    if (!sl_reader_ok(r))
        return NULL;
    if (index < 0) {
        sl_reader_fail(r, SL_EMALFORMED, "invalid component value type");
        return NULL;
    }
    const sl_type *type = sl_scope_get(d, s, SL_SORT_TYPE, (uint32_t)index, at);
    if (type == NULL || type->kind < SL_T_N_VALTYPES)
        return type;
    sl_dec_invalid(d, at, "type index %u is not a defined type",
                   (unsigned)index);
    return NULL;
}

/* <valtype>?; false after a failure. */
static bool decode_maybe(sl_decoder *d, sl_scope *s, sl_reader *r,
                         const sl_type **out)
{
    uint8_t byte = sl_read_u8(r);
    *out = NULL;
    if (byte == 0)
        return sl_reader_ok(r);
    if (byte != 1)
        return sl_dec_bad_byte(r, byte, "optional component value type");
    *out = sl_decode_valtype(d, s, r);
    return *out != NULL;
}

/* The words of the suite for each kind of label. */
typedef struct label_words {
    const char *name, *previous, *empty;
} label_words;

static const label_words field_words = {
    "record field", "field", "record type must have at least one field"};
static const label_words case_words = {
    "variant case", "case", "variant type must have at least one case"};
static const label_words flag_words = {"flag", "flag",
                                       "flags must have at least one entry"};
static const label_words enum_words = {
    "enum tag", "tag", "enum type must have at least one variant"};
static const label_words param_words = {"function parameter", "parameter",
                                        NULL};

/* A label that is kebab-case and strongly unique among its like. */
static bool check_label(sl_decoder *d, sl_map *seen, const sl_label *v,
                        uint32_t i, const label_words *words, uint64_t at)
{
    sl_name label = v[i].label;
    uint64_t other;
    if (label.len == 0)
        return sl_dec_invalid(d, at, "%s name cannot be empty", words->name);
    if (!sl_is_kebab(label))
        return sl_dec_invalid(d, at, "%s name `%.*s` is not in kebab case",
                              words->name, SL_NAME_ARGS(label));
    const sl_extern_name plain = {.kind = SL_NAME_LABEL};
    sl_name canonical = sl_canonical_name(d->arena, label, &plain,
                                          sl_dec_has(d, SL_FEATURE_HYPHENS));
    if (canonical.data == NULL)
        return sl_dec_nomem(d);
    if (sl_map_get(seen, canonical, &other))
        return sl_dec_invalid(
            d, at, "%s name `%.*s` conflicts with previous %s name `%.*s`%s",
            words->name, SL_NAME_ARGS(label), words->previous,
            SL_NAME_ARGS(v[other].label),
            sl_hyphens_text(d, label, v[other].label));
    return sl_map_put(seen, canonical, i) || sl_dec_nomem(d);
}

typedef enum payload { NO_TYPE, A_TYPE, CASE_TYPE } payload;

static bool decode_payload(sl_decoder *d, sl_scope *s, sl_reader *r,
                           payload what, sl_label *out)
{
    if (what == NO_TYPE)
        return sl_reader_ok(r);
    if (what == A_TYPE) {
        out->type = sl_decode_valtype(d, s, r);
        return out->type != NULL;
    }
    if (!decode_maybe(d, s, r, &out->type))
        return false;
    uint8_t byte = sl_read_u8(r);
    if (byte != 0)
        return sl_dec_bad_byte(r, byte, "zero byte required");
    return sl_reader_ok(r);
}

/* vec(<label> ...). */
static bool decode_labels(sl_decoder *d, sl_scope *s, sl_reader *r,
                          const label_words *words, payload what,
                          const sl_label **out, uint32_t *n)
{
    uint64_t start = sl_reader_at(r);
    *n = sl_dec_count(d, r, words->empty ? SL_MAX_LABELS : SL_MAX_PARAMS,
                      words->name);
    if (!sl_reader_ok(r))
        return false;
    if (*n == 0 && words->empty != NULL)
        return sl_dec_invalid(d, start, "%s", words->empty);
    if (words == &flag_words && *n > 32)
        return sl_dec_invalid(d, start, "cannot have more than 32 flags");

    sl_map seen;
    sl_map_init(&seen);
    sl_label *v = sl_dec_array(d, sl_label, *n);
    bool ok = v != NULL;
    for (uint32_t i = 0; ok && i < *n; i++) {
        uint64_t at = sl_reader_at(r);
        v[i].label = sl_dec_name(d, r);
        ok = sl_reader_ok(r) && decode_payload(d, s, r, what, &v[i]) &&
             check_label(d, &seen, v, i, words, at);
    }
    sl_map_deinit(&seen);
    *out = v;
    return ok;
}

static bool decode_tuple(sl_decoder *d, sl_scope *s, sl_reader *r,
                         sl_type *type)
{
    uint64_t at = sl_reader_at(r);
    uint32_t n = sl_dec_count(d, r, SL_MAX_LABELS, "tuple types");
    if (!sl_reader_ok(r))
        return false;
    if (n == 0)
        return sl_dec_invalid(d, at, "tuple type must have at least one type");
    sl_label *v = sl_dec_array(d, sl_label, n);
    for (uint32_t i = 0; v != NULL && i < n; i++)
        if ((v[i].type = sl_decode_valtype(d, s, r)) == NULL)
            return false;
    type->of.labels.n = n;
    type->of.labels.v = v;
    return v != NULL;
}

static bool decode_handle(sl_decoder *d, sl_scope *s, sl_reader *r,
                          sl_type *type)
{
    uint64_t at = sl_reader_at(r);
    uint32_t index = sl_read_u32(r);
    if (!sl_reader_ok(r) ||
        !sl_dec_gate(d, at, SL_FEATURE_RESOURCES, "own and borrow types"))
        return false;
    const sl_type *resource = sl_scope_type(d, s, index, SL_T_RESOURCE, at);
    if (resource == NULL)
        return false;
    type->alias = resource;
    type->of.handle = sl_resource_of(resource);
    return true;
}

/* A stream's or future's element. */
static bool decode_element(sl_decoder *d, sl_scope *s, sl_reader *r,
                           sl_type *type)
{
    uint64_t at = sl_reader_at(r);
    const char *what = type->kind == SL_T_STREAM ? "stream" : "future";
    const sl_type *elem;
    if (!sl_dec_gate(d, at, SL_FEATURE_ASYNC, what) ||
        !decode_maybe(d, s, r, &elem))
        return false;
    if (elem != NULL && elem->has_borrow)
        return sl_dec_invalid(d, at, "`%s` type cannot contain a `borrow` type",
                              what);
    if (elem != NULL && elem->kind == SL_T_CHAR && type->kind == SL_T_STREAM)
        return sl_dec_invalid(d, at,
                              "`stream<char>` is not valid at this time");
    type->of.list.elem = elem;
    return true;
}

static bool decode_list(sl_decoder *d, sl_scope *s, sl_reader *r, sl_type *type,
                        bool fixed)
{
    uint64_t at = sl_reader_at(r);
    if (fixed &&
        !sl_dec_gate(d, at, SL_FEATURE_FIXED_LISTS, "fixed-length lists"))
        return false;
    type->of.list.elem = sl_decode_valtype(d, s, r);
    if (type->of.list.elem == NULL || !fixed)
        return type->of.list.elem != NULL;
    type->of.list.len = sl_read_u32(r);
    if (sl_reader_ok(r) && type->of.list.len == 0)
        return sl_dec_invalid(
            d, at, "fixed-length lists must have more than zero elements");
    return sl_reader_ok(r);
}

static bool decode_map(sl_decoder *d, sl_scope *s, sl_reader *r, sl_type *type)
{
    uint64_t at = sl_reader_at(r);
    if (!sl_dec_gate(d, at, SL_FEATURE_MAP, "type map"))
        return false;
    const sl_type *key = sl_decode_valtype(d, s, r);
    if (key == NULL)
        return false;
    if (key->kind > SL_T_STRING || key->kind == SL_T_F32 ||
        key->kind == SL_T_F64)
        return sl_dec_invalid(d, at, "invalid map key type");
    type->of.map.key = key;
    type->of.map.value = sl_decode_valtype(d, s, r);
    return type->of.map.value != NULL;
}

static bool decode_defvaltype(sl_decoder *d, sl_scope *s, sl_reader *r,
                              uint8_t code, sl_type *t)
{
    const sl_label **v = &t->of.labels.v;
    uint32_t *n = &t->of.labels.n;
    switch (code) {
    case 0x72:
        t->kind = SL_T_RECORD;
        return decode_labels(d, s, r, &field_words, A_TYPE, v, n);
    case 0x71:
        t->kind = SL_T_VARIANT;
        return decode_labels(d, s, r, &case_words, CASE_TYPE, v, n);
    case 0x70:
    case 0x67:
        t->kind = SL_T_LIST;
        return decode_list(d, s, r, t, code == 0x67);
    case 0x6f:
        t->kind = SL_T_TUPLE;
        return decode_tuple(d, s, r, t);
    case 0x6e:
        t->kind = SL_T_FLAGS;
        return decode_labels(d, s, r, &flag_words, NO_TYPE, v, n);
    case 0x6d:
        t->kind = SL_T_ENUM;
        return decode_labels(d, s, r, &enum_words, NO_TYPE, v, n);
    case 0x6b:
        t->kind = SL_T_OPTION;
        t->of.list.elem = sl_decode_valtype(d, s, r);
        return t->of.list.elem != NULL;
    case 0x6a:
        t->kind = SL_T_RESULT;
        return decode_maybe(d, s, r, &t->of.result.ok) &&
               decode_maybe(d, s, r, &t->of.result.error);
    case 0x69:
    case 0x68:
        t->kind = code == 0x69 ? SL_T_OWN : SL_T_BORROW;
        return decode_handle(d, s, r, t);
    case 0x66:
    case 0x65:
        t->kind = code == 0x66 ? SL_T_STREAM : SL_T_FUTURE;
        return decode_element(d, s, r, t);
    case 0x63:
        t->kind = SL_T_MAP;
        return decode_map(d, s, r, t);
    default:
        return sl_dec_bad_byte(r, code, "component defined type");
    }
}

/* --- Function types ------------------------------------------------------- */

const sl_type *sl_decode_result(sl_decoder *d, sl_scope *s, sl_reader *r)
{
    uint8_t byte = sl_read_u8(r);
    if (byte == 0 && sl_reader_ok(r))
        return sl_decode_valtype(d, s, r);
    if (byte > 1) {
        sl_dec_bad_byte(r, byte, "component function results");
        return NULL;
    }
    byte = sl_read_u8(r);
    if (byte != 0)
        sl_dec_bad_byte(r, byte, "number of results");
    return NULL;
}

static bool decode_func(sl_decoder *d, sl_scope *s, sl_reader *r, sl_type *type,
                        bool async_)
{
    uint64_t at = sl_reader_at(r);
    type->kind = SL_T_FUNC;
    type->of.func.async_ = async_;
    if (async_ && !sl_dec_gate(d, at, SL_FEATURE_ASYNC, "async functions"))
        return false;
    if (!decode_labels(d, s, r, &param_words, A_TYPE, &type->of.func.params,
                       &type->of.func.n_params))
        return false;
    at = sl_reader_at(r);
    type->of.func.result = sl_decode_result(d, s, r);
    if (!sl_dec_ok(d))
        return false;
    if (type->of.func.result != NULL && type->of.func.result->has_borrow)
        return sl_dec_invalid(d, at,
                              "function result cannot contain a `borrow` type");
    return true;
}

/* --- Resource types ------------------------------------------------------- */

static bool check_dtor(sl_decoder *d, sl_scope *s, uint32_t dtor, uint64_t at)
{
    static const sl_valtype params[] = {SL_I32};
    static const sl_functype want = {1, 0, params};
    const sl_functype *have = sl_scope_get(d, s, SL_SORT_CORE_FUNC, dtor, at);
    if (have == NULL)
        return false;
    return sl_functype_eq(have, &want) ||
           sl_dec_invalid(d, at, "wrong signature for a destructor");
}

static bool decode_resource(sl_decoder *d, sl_scope *s, sl_reader *r,
                            sl_type *type, uint32_t *dtor)
{
    uint64_t at = sl_reader_at(r);
    sl_valtype rep;
    if (!sl_decode_core_valtype(d, &s->items[SL_SORT_CORE_TYPE], r, &rep))
        return false;
    uint8_t has_dtor = sl_read_u8(r);
    if (has_dtor > 1)
        return sl_dec_bad_byte(r, has_dtor, "optional component function");
    *dtor = has_dtor ? sl_read_u32(r) : SL_NO_INDEX;
    if (!sl_reader_ok(r) ||
        !sl_dec_gate(d, at, SL_FEATURE_RESOURCES, "resource types"))
        return false;
    if (s->kind != SL_SCOPE_COMPONENT)
        return sl_dec_invalid(
            d, at, "resources can only be defined within a concrete component");
    if (rep != SL_I32)
        return sl_dec_invalid(d, at,
                              "resources can only be represented by `i32`");
    if (has_dtor && !check_dtor(d, s, *dtor, at))
        return false;
    type->kind = SL_T_RESOURCE;
    type->of.resource.slot = s->n_resources++;
    type->of.resource.definer = s->component;
    return sl_vec_push(&s->defined, type) || sl_dec_nomem(d);
}

/* --- Component and instance types ----------------------------------------- */

static bool decode_declarator(sl_decoder *d, sl_scope *s, sl_reader *r)
{
    uint8_t byte = sl_read_u8(r);
    if (!sl_reader_ok(r))
        return false;
    switch (byte) {
    case 0x00:
        return sl_decode_core_type(d, s, r);
    case 0x01:
        return sl_decode_type(d, s, r);
    case 0x02:
        return sl_decode_alias(d, s, r);
    case 0x03:
        if (s->kind == SL_SCOPE_COMPONENT_TYPE)
            return sl_decode_import(d, s, r);
        break;
    case 0x04:
        return sl_decode_exportdecl(d, s, r);
    default:
        break;
    }
    return sl_dec_bad_byte(r, byte, "component or instance type declaration");
}

bool sl_scope_take(sl_decoder *d, sl_scope *s, sl_type *type, uint64_t at)
{
    const sl_externs *im = &s->imports.externs, *ex = &s->exports.externs;
    type->of.component.n_imports = (uint32_t)im->n;
    type->of.component.imports = sl_dec_copy(d, im->v, im->n, sizeof *im->v);
    type->of.component.n_exports = (uint32_t)ex->n;
    type->of.component.exports = sl_dec_copy(d, ex->v, ex->n, sizeof *ex->v);
    type->of.component.n_imported = (uint32_t)s->imported.n;
    type->of.component.imported =
        sl_dec_copy(d, s->imported.v, s->imported.n, sizeof *s->imported.v);
    type->of.component.n_defined = (uint32_t)s->defined.n;
    type->of.component.defined =
        sl_dec_copy(d, s->defined.v, s->defined.n, sizeof *s->defined.v);
    return sl_dec_ok(d) && sl_finish_externs(d, type, at) != NULL;
}

static bool decode_scope_type(sl_decoder *d, sl_scope *parent, sl_reader *r,
                              sl_type *type, sl_scope_kind kind)
{
    uint64_t at = sl_reader_at(r);
    if (parent->depth >= d->max_depth)
        return sl_dec_limit(d, at, "nesting of components and types");
    sl_scope s;
    sl_scope_init(&s, kind, parent);
    type->kind =
        kind == SL_SCOPE_COMPONENT_TYPE ? SL_T_COMPONENT : SL_T_INSTANCE;
    uint32_t n = sl_dec_count(d, r, SL_MAX_ITEMS, "type declarations");
    for (uint32_t i = 0; i < n && sl_dec_ok(d); i++)
        decode_declarator(d, &s, r);
    bool ok = sl_dec_ok(d) && sl_scope_take(d, &s, type, at);
    sl_scope_deinit(d, &s);
    return ok;
}

/* --- All types ------------------------------------------------------------ */

static bool add_type(sl_decoder *d, sl_scope *s, const sl_type *type,
                     uint32_t dtor, uint64_t at)
{
    sl_def *def = sl_scope_def(d, s, SL_DEF_TYPE, SL_SORT_TYPE, at);
    if (def == NULL)
        return false;
    def->of.type.type = type;
    def->of.type.dtor = dtor;
    return sl_scope_add(d, s, SL_SORT_TYPE, type, at);
}

static bool decode_body(sl_decoder *d, sl_scope *s, sl_reader *r, uint8_t code,
                        sl_type *type, uint32_t *dtor)
{
    switch (code) {
    case 0x3f:
        return decode_resource(d, s, r, type, dtor);
    case 0x40:
    case 0x43:
        return decode_func(d, s, r, type, code == 0x43);
    case 0x41:
        return decode_scope_type(d, s, r, type, SL_SCOPE_COMPONENT_TYPE);
    case 0x42:
        return decode_scope_type(d, s, r, type, SL_SCOPE_INSTANCE_TYPE);
    default:
        return decode_defvaltype(d, s, r, code, type);
    }
}

bool sl_decode_type(sl_decoder *d, sl_scope *s, sl_reader *r)
{
    uint64_t at = sl_reader_at(r);
    uint8_t code = sl_read_u8(r);
    if (!sl_reader_ok(r))
        return false;
    int kind = primitive(code);
    if (kind >= 0) {
        const sl_type *type = primitive_type(d, kind, at);
        return type != NULL && add_type(d, s, type, SL_NO_INDEX, at);
    }
    uint32_t dtor = SL_NO_INDEX;
    sl_type *type = sl_dec_new(d, sl_type);
    if (type == NULL || !decode_body(d, s, r, code, type, &dtor))
        return false;
    if (type->kind != SL_T_COMPONENT && type->kind != SL_T_INSTANCE &&
        sl_finish(d, type, at) == NULL)
        return false;
    return add_type(d, s, type, dtor, at);
}
