/* Types: read, written out, compared. Core specification, "Binary Format /
 * Types" and "Validation / Matching". */
#include "core/core_int.h"

const char *sl_valtype_text(sl_valtype t)
{
    switch (t) {
    case SL_I32:
        return "i32";
    case SL_I64:
        return "i64";
    case SL_F32:
        return "f32";
    case SL_F64:
        return "f64";
    case SL_V128:
        return "v128";
    case SL_FUNCREF:
        return "funcref";
    case SL_EXTERNREF:
        return "externref";
    case SL_EXNREF:
        return "exnref";
    }
    static const char *const heap[] = {"arrayref", "structref", "i31ref",
                                       "eqref", "anyref"};
    static const char *const bottom[] = {"nullref", "nullexternref",
                                         "nullfuncref", "nullexnref"};
    if (t >= 0x6a && t <= 0x6e)
        return heap[t - 0x6a];
    if (t >= 0x71 && t <= 0x74)
        return bottom[t - 0x71];
    if ((t & 0xff) == 0x63)
        return "(ref null type)";
    return (t & 0xff) == 0x64 ? "(ref type)" : "unknown type";
}

const char *sl_core_kind_text(sl_core_kind kind)
{
    static const char *const text[] = {"func", "table", "memory", "global",
                                       "tag",  "data"};
    return (unsigned)kind < SL_N_CORE_KINDS ? text[kind] : "unknown kind";
}

/* The proposal a type's code belongs to, NULL when to none. */
static const char *type_proposal(uint8_t code)
{
    if (code == SL_V128)
        return "simd";
    if (code == 0x63 || code == 0x64)
        return "function references";
    if (code >= 0x6a && code <= 0x74)
        return "garbage collection";
    if (code == 0x77 || code == 0x78)
        return "garbage collection";
    return NULL;
}

static sl_valtype bad_type(sl_reader *r, const char *what)
{
    if (r->pos == r->end)
        return sl_read_u8(r); /* fails */
    const char *proposal = type_proposal(*r->pos);
    if (proposal != NULL)
        sl_reader_fail(r, SL_EUNSUPPORTED, "unsupported type %02x: %s", *r->pos,
                       proposal);
    else
        sl_reader_fail(r, SL_EMALFORMED, "malformed %s type", what);
    return 0;
}

sl_valtype sl_read_valtype(sl_reader *r)
{
    if (r->pos < r->end) {
        uint8_t code = *r->pos;
        if ((code >= SL_F64 && code <= SL_I32) || sl_valtype_is_ref(code)) {
            r->pos++;
            return code;
        }
    }
    return bad_type(r, "value");
}

sl_valtype sl_read_reftype(sl_reader *r)
{
    if (r->pos < r->end && sl_valtype_is_ref(*r->pos))
        return *r->pos++;
    return bad_type(r, "reference");
}

sl_valtype sl_read_heaptype(sl_reader *r)
{
    if (r->pos < r->end && sl_valtype_is_ref(*r->pos))
        return *r->pos++;
    if (r->pos < r->end && (*r->pos & 0xc0) != 0x40) {
        sl_reader_fail(r, SL_EUNSUPPORTED,
                       "unsupported heap type: function references");
        return 0;
    }
    return bad_type(r, "heap");
}

bool sl_functype_eq(const sl_functype *a, const sl_functype *b)
{
    if (a == b)
        return true;
    if (a->n_params != b->n_params || a->n_results != b->n_results ||
        a->def != b->def)
        return false;
    size_t n = (size_t)a->n_params + a->n_results;
    return n == 0 || memcmp(a->types, b->types, n * sizeof *a->types) == 0;
}

/* "Matching / Limits" */
static bool limits_match(const sl_limits *have, const sl_limits *want)
{
    if (have->is64 != want->is64 || have->shared != want->shared)
        return false;
    if (have->min < want->min)
        return false;
    return !want->has_max || (have->has_max && have->max <= want->max);
}

bool sl_core_externtype_matches(const sl_core_externtype *have,
                                const sl_core_externtype *want)
{
    if (have->kind != want->kind)
        return false;
    switch (have->kind) {
    case SL_CORE_FUNC:
    case SL_CORE_TAG:
        return sl_functype_eq(have->of.func, want->of.func);
    case SL_CORE_TABLE:
        return have->of.table.elem == want->of.table.elem &&
               limits_match(&have->of.table.limits, &want->of.table.limits);
    case SL_CORE_MEMORY:
        return limits_match(&have->of.memory.limits, &want->of.memory.limits);
    case SL_CORE_GLOBAL:
        return have->of.global.type == want->of.global.type &&
               have->of.global.mutable_ == want->of.global.mutable_;
    case SL_CORE_DATA:
        return true;
    }
    return false;
}

const sl_core_export *sl_module_export(const sl_module *module, sl_name name)
{
    uint64_t index;
    if (!sl_map_get(&module->export_map, name, &index))
        return NULL;
    return &module->exports[index];
}

sl_core_externtype sl_module_item_type(const sl_module *module,
                                       sl_core_kind kind, uint32_t index)
{
    sl_core_externtype type = {.kind = kind};
    switch (kind) {
    case SL_CORE_FUNC:
        type.of.func = &module->types[module->funcs[index].type];
        break;
    case SL_CORE_TABLE:
        type.of.table = module->tables[index].type;
        break;
    case SL_CORE_MEMORY:
        type.of.memory = module->memories[index];
        break;
    case SL_CORE_GLOBAL:
        type.of.global = module->globals[index].type;
        break;
    case SL_CORE_TAG:
        type.of.func = &module->types[module->tags[index]];
        break;
    case SL_CORE_DATA:
        break;
    }
    return type;
}
