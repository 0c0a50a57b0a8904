/* Exports of the component inside are those of the one around it. Explainer.md
 * "External Visibility of Types": a function's type has to be told again in the
 * names that its types have out here. */
#include "bundle/lower_int.h"

/* --- Types, from what they are ----------------------------------------------
 */

/* The index of a type that has a name out here. */
static bool named_index(const lw_scope *s, const sl_type *type, uint32_t *index)
{
    for (size_t i = s->map[SL_SORT_TYPE].n; i-- != 0;)
        if (s->component->types[i] == type &&
            s->map[SL_SORT_TYPE].v[i] != SL_NO_INDEX) {
            *index = s->map[SL_SORT_TYPE].v[i];
            return true;
        }
    return false;
}

static bool needs_name(const sl_type *type)
{
    if (type == NULL || type->kind < SL_T_N_PRIMITIVES)
        return false;
    switch (type->kind) {
    case SL_T_LIST:
    case SL_T_OPTION:
    case SL_T_STREAM:
    case SL_T_FUTURE:
        return needs_name(type->of.list.elem);
    case SL_T_MAP:
        return needs_name(type->of.map.key) || needs_name(type->of.map.value);
    case SL_T_TUPLE:
        for (uint32_t i = 0; i < type->of.labels.n; i++)
            if (needs_name(type->of.labels.v[i].type))
                return true;
        return false;
    case SL_T_RESULT:
        return needs_name(type->of.result.ok) ||
               needs_name(type->of.result.error);
    case SL_T_FUNC:
        for (uint32_t i = 0; i < type->of.func.n_params; i++)
            if (needs_name(type->of.func.params[i].type))
                return true;
        return needs_name(type->of.func.result);
    default: /* records, variants, flags, enums, handles */
        return true;
    }
}

/* A valtype: a code, or an index of the type that has been written. */
typedef int64_t valtype;

static valtype write_valtype(lowering *lw, const sl_type *type);

static void optional(sl_buf *out, const sl_type *type, valtype v)
{
    sl_buf_u8(out, type != NULL);
    if (type != NULL)
        sl_buf_s64(out, v);
}

static valtype primitive(sl_type_kind kind)
{
    return kind == SL_T_ERROR_CONTEXT ? 0x64 - 0x80 : -1 - (valtype)kind;
}

/* LIST, OPTION, STREAM, FUTURE, MAP, RESULT: a code, and up to two types. */
static void write_pair(lowering *lw, const sl_type *type)
{
    bool map = type->kind == SL_T_MAP, result = type->kind == SL_T_RESULT;
    const sl_type *a = map      ? type->of.map.key
                       : result ? type->of.result.ok
                                : type->of.list.elem;
    const sl_type *b = map ? type->of.map.value : type->of.result.error;
    if (!map && !result)
        b = NULL;
    valtype va = write_valtype(lw, a), vb = write_valtype(lw, b);
    sl_buf *out = lw_define(lw, 7);
    switch (type->kind) {
    case SL_T_LIST:
        sl_buf_u8(out, type->of.list.len != 0 ? 0x67 : 0x70);
        sl_buf_s64(out, va);
        if (type->of.list.len != 0)
            sl_buf_u32(out, type->of.list.len);
        break;
    case SL_T_OPTION:
        sl_buf_u8(out, 0x6b);
        sl_buf_s64(out, va);
        break;
    case SL_T_MAP:
        sl_buf_u8(out, 0x63);
        sl_buf_s64(out, va);
        sl_buf_s64(out, vb);
        break;
    case SL_T_RESULT:
        sl_buf_u8(out, 0x6a);
        optional(out, a, va);
        optional(out, b, vb);
        break;
    default:
        sl_buf_u8(out, type->kind == SL_T_STREAM ? 0x66 : 0x65);
        optional(out, a, va);
        break;
    }
}

static void write_handle(lowering *lw, const sl_type *type)
{
    uint32_t index = 0;
    const sl_type *resource =
        type->alias != NULL ? type->alias : type->of.handle;
    lw->missing |= !named_index(lw->scope, resource, &index);
    sl_buf *out = lw_define(lw, 7);
    sl_buf_u8(out, type->kind == SL_T_OWN ? 0x69 : 0x68);
    sl_buf_u32(out, index);
}

/* TUPLE and FUNC: members are written in front of the type itself. */
static void write_members(lowering *lw, const sl_type *type)
{
    bool func = type->kind == SL_T_FUNC;
    uint32_t n = func ? type->of.func.n_params : type->of.labels.n;
    const sl_label *v = func ? type->of.func.params : type->of.labels.v;
    const sl_type *result = func ? type->of.func.result : NULL;
    sl_buf body;
    sl_buf_init(&body);
    sl_buf_u8(&body, !func ? 0x6f : type->of.func.async_ ? 0x43 : 0x40);
    sl_buf_u32(&body, n);
    for (uint32_t i = 0; i < n; i++) {
        valtype member = write_valtype(lw, v[i].type);
        if (func)
            sl_buf_name(&body, v[i].label);
        sl_buf_s64(&body, member);
    }
    if (func && result != NULL) {
        valtype code = write_valtype(lw, result);
        sl_buf_u8(&body, 0);
        sl_buf_s64(&body, code);
    } else if (func) {
        sl_buf_bytes(&body, (uint8_t[]){1, 0}, 2);
    }
    if (body.failed)
        lw_nomem(lw);
    sl_buf_bytes(lw_define(lw, 7), body.data, body.len);
    sl_buf_deinit(&body);
}

static valtype write_valtype(lowering *lw, const sl_type *type)
{
    uint32_t index = 0;
    if (type == NULL)
        return 0;
    if (type->kind < SL_T_N_PRIMITIVES)
        return primitive(type->kind);
    switch (type->kind) {
    case SL_T_OWN:
    case SL_T_BORROW:
        write_handle(lw, type);
        break;
    case SL_T_TUPLE:
    case SL_T_FUNC:
        write_members(lw, type);
        break;
    case SL_T_LIST:
    case SL_T_OPTION:
    case SL_T_STREAM:
    case SL_T_FUTURE:
    case SL_T_MAP:
    case SL_T_RESULT:
        write_pair(lw, type);
        break;
    default: /* its name counts */
        lw->missing |= !named_index(lw->scope, type, &index);
        return index;
    }
    return lw_fresh(lw, SL_SORT_TYPE);
}

/* RECORD, VARIANT, FLAGS, ENUM: a type that is equal, of the names out here. */
static void write_labels(lowering *lw, const sl_type *type)
{
    bool fields = type->kind == SL_T_RECORD, cases = type->kind == SL_T_VARIANT;
    sl_buf body;
    sl_buf_init(&body);
    sl_buf_u8(&body, (uint8_t)(0x72 - (fields                     ? 0
                                       : cases                    ? 1
                                       : type->kind == SL_T_FLAGS ? 4
                                                                  : 5)));
    sl_buf_u32(&body, type->of.labels.n);
    for (uint32_t i = 0; i < type->of.labels.n; i++) {
        const sl_label *label = &type->of.labels.v[i];
        valtype member = write_valtype(lw, label->type);
        sl_buf_name(&body, label->label);
        if (fields)
            sl_buf_s64(&body, member);
        else if (cases)
            optional(&body, label->type, member);
        if (cases)
            sl_buf_u8(&body, 0);
    }
    if (body.failed)
        lw_nomem(lw);
    sl_buf_bytes(lw_define(lw, 7), body.data, body.len);
    sl_buf_deinit(&body);
}

/* --- Exports ----------------------------------------------------------------
 */

static uint32_t alias_inner(lowering *lw, sl_sort sort, sl_name name)
{
    sl_buf *out = lw_define(lw, 6);
    lw_sort(out, sort);
    sl_buf_u8(out, 0);
    sl_buf_u32(out, lw->scope->inner);
    sl_buf_name(out, name);
    return lw_fresh(lw, sort);
}

static void skip_ascribed(lowering *lw, sl_reader *r)
{
    sl_buf skipped;
    sl_sort ignored;
    sl_buf_init(&skipped);
    lw_externtype(lw, r, &skipped, &ignored);
    lw->missing = false;
    sl_buf_deinit(&skipped);
}

/* Whether an index of the input is of a type that comes from outside. */
static bool comes_from_outside(const sl_component *c, uint32_t index)
{
    for (uint32_t i = 0; i < c->n_defs; i++) {
        const sl_def *def = &c->defs[i];
        if (def->makes.sort == SL_SORT_TYPE && def->makes.index == index)
            return def->kind == SL_DEF_IMPORT ||
                   def->kind == SL_DEF_ALIAS_EXPORT ||
                   def->kind == SL_DEF_ALIAS_OUTER;
    }
    return false;
}

/* A type to export: what was imported is that, a resource is known inside only,
 * others are told again. */
static uint32_t exported_type(lowering *lw, const sl_def *def,
                              const sl_type *type, sl_name name)
{
    lw_scope *s = lw->scope;
    uint32_t item = def->of.export_.item.index;
    uint32_t mapped = s->map[SL_SORT_TYPE].v[item];
    if (mapped != SL_NO_INDEX && comes_from_outside(s->component, item))
        return mapped;
    if (type->kind < SL_T_N_PRIMITIVES) {
        sl_buf_s64(lw_define(lw, 7), primitive(type->kind));
        return lw_fresh(lw, SL_SORT_TYPE);
    }
    switch (type->kind) {
    case SL_T_RECORD:
    case SL_T_VARIANT:
    case SL_T_FLAGS:
    case SL_T_ENUM:
        write_labels(lw, type);
        return lw_fresh(lw, SL_SORT_TYPE);
    case SL_T_RESOURCE:
    case SL_T_COMPONENT:
    case SL_T_INSTANCE:
        return alias_inner(lw, SL_SORT_TYPE, name);
    default:
        return (uint32_t)write_valtype(lw, type);
    }
}

static void write_export(lowering *lw, sl_sort sort, uint32_t index,
                         const uint8_t *name, size_t len,
                         const sl_type *ascribed)
{
    valtype type = ascribed != NULL ? write_valtype(lw, ascribed) : 0;
    sl_buf *out = lw_define(lw, 11);
    sl_buf_bytes(out, name, len);
    lw_sort(out, sort);
    sl_buf_u32(out, index);
    sl_buf_u8(out, ascribed != NULL);
    if (ascribed != NULL) {
        lw_sort(out, SL_SORT_FUNC);
        sl_buf_u32(out, (uint32_t)type);
    }
}

void lw_export_inner(lowering *lw, sl_reader *r, const sl_def *def)
{
    lw_scope *s = lw->scope;
    const uint8_t *start = r->pos;
    sl_name name = lw_extern_name(r, NULL);
    size_t len = sl_reader_ok(r) ? (size_t)(r->pos - start) : 0;
    const sl_type *type =
        s->component->exports[def->of.export_.export_].type.type;
    sl_sort sort = lw_read_sort(lw, r);
    sl_read_u32(r);
    if (sl_read_u8(r) != 0) /* the instance inside is of that type already */
        skip_ascribed(lw, r);
    if (!lw_ok(lw))
        return;
    if (sort == SL_SORT_CORE_DATA)
        sort = SL_SORT_INSTANCE;
    uint32_t index = sort == SL_SORT_TYPE ? exported_type(lw, def, type, name)
                                          : alias_inner(lw, sort, name);
    write_export(lw, sort, index, start, len,
                 sort == SL_SORT_FUNC && needs_name(type) ? type : NULL);
    index = lw_fresh(lw, sort);
    if (sort == SL_SORT_TYPE) /* its name from now on */
        s->map[SL_SORT_TYPE].v[def->makes.index] = index;
    if (lw->missing)
        lw_refuse(lw, def->at,
                  "the type of export `%.*s` has types without names",
                  SL_NAME_ARGS(name));
}
