/* The sections of a module. What breaks the grammar ends decoding at once;
 * what is merely invalid is kept until the grammar of the whole module is
 * known to be right, since that comes first in the specification.
 * Core specification, "Binary Format / Modules" and "Validation / Modules". */
#include "core/core_int.h"

typedef struct sl_decoder {
    sl_module *m;
    sl_reader r; /* over the whole module */
    sl_err *err;
    sl_err invalid;             /* the first violation of a validation rule */
    const uint8_t *section_end; /* of the section being read */
    sl_validator v;
    uint8_t order;          /* of the last section read */
    uint32_t n_imported[SL_N_CORE_KINDS];
    uint32_t n_codes;
    uint32_t data_count;
    const uint8_t *names; /* contents of the name section */
    size_t names_len;
} sl_decoder;

/* Keeps the first violation. */
#define invalid_at(d, at, ...)                                                 \
    sl_fail(&(d)->invalid, SL_EINVALID, (at), __VA_ARGS__)

static bool no_memory(sl_decoder *d)
{
    return sl_reader_fail(&d->r, SL_ENOMEM, "out of memory");
}

static bool unsupported(sl_decoder *d, const uint8_t *at, const char *what,
                        const char *proposal)
{
    d->r.pos = at;
    return sl_reader_fail(&d->r, SL_EUNSUPPORTED, "unsupported %s: %s", what,
                          proposal);
}

/* A length whose bytes must be there. The length counts as one of the bytes
 * left: so does the reference decoder, whose words are expected. */
static uint32_t read_length(sl_reader *r)
{
    const uint8_t *at = r->pos;
    uint32_t n = sl_read_u32(r);
    if (n <= sl_reader_left(r) + (size_t)(r->pos - at))
        return n;
    r->pos = at;
    sl_reader_fail(r, SL_EMALFORMED, "length out of bounds");
    return 0;
}

/* The length of a vector; `cap` gets the number of elements of `min` bytes
 * that could be there and one more: room for all that will be read. */
static uint32_t read_count(sl_decoder *d, size_t min, uint32_t limit,
                           const char *what, size_t *cap)
{
    const uint8_t *at = d->r.pos;
    uint32_t n = read_length(&d->r);
    if (n > limit) {
        d->r.pos = at;
        sl_reader_fail(&d->r, SL_ELIMIT, "too many %s: %u", what, (unsigned)n);
        n = 0;
    }
    *cap = sl_reader_left(&d->r) / min + 1;
    if (n < *cap)
        *cap = n;
    return n;
}

static sl_name read_name(sl_reader *r)
{
    const uint8_t *at = r->pos;
    uint32_t len = read_length(r);
    r->pos = sl_reader_ok(r) ? at : r->pos;
    if (len <= SL_MAX_NAME)
        return sl_read_name(r);
    sl_reader_fail(r, SL_ELIMIT, "name too long: %u bytes", (unsigned)len);
    return (sl_name){"", 0};
}

/* --- Types ------------------------------------------------------------- */

static sl_valtype gated(sl_decoder *d, const uint8_t *at, sl_valtype type)
{
    if (type == SL_EXNREF && !d->v.features.exceptions)
        unsupported(d, at, "type exnref", "exception handling");
    return type;
}

static sl_valtype read_valtype(sl_decoder *d)
{
    const uint8_t *at = d->r.pos;
    return gated(d, at, sl_read_valtype(&d->r));
}

static sl_valtype read_reftype(sl_decoder *d)
{
    const uint8_t *at = d->r.pos;
    return gated(d, at, sl_read_reftype(&d->r));
}

static uint32_t read_result_type(sl_decoder *d, sl_valtype *out,
                                 const char *what)
{
    size_t cap;
    uint32_t n = read_count(d, 1, SL_MAX_ARITY, what, &cap);
    for (uint32_t i = 0; i < n && sl_reader_ok(&d->r); i++)
        out[i] = read_valtype(d);
    return n;
}

static void read_functype(sl_decoder *d, sl_functype *out)
{
    sl_valtype types[2 * SL_MAX_ARITY];
    uint8_t form = sl_reader_left(&d->r) > 0 ? *d->r.pos : 0;
    if (form == 0x5f || form == 0x5e || (form >= 0x4e && form <= 0x50)) {
        sl_reader_fail(&d->r, SL_EUNSUPPORTED,
                       "unsupported type %02x: garbage collection", form);
        return;
    }
    if (sl_read_u8(&d->r) != 0x60) {
        d->r.pos -= sl_reader_ok(&d->r);
        sl_reader_fail(&d->r, SL_EMALFORMED, "%s",
                       form & 0x80 ? "integer representation too long"
                                   : "malformed function type");
        return;
    }
    out->n_params = read_result_type(d, types, "parameters");
    out->n_results = read_result_type(d, types + out->n_params, "results");
    size_t n = (size_t)out->n_params + out->n_results;
    if (!sl_reader_ok(&d->r) || n == 0)
        return;
    sl_valtype *copy = sl_arena_array(&d->m->arena, sl_valtype, n);
    if (copy == NULL) {
        no_memory(d);
        return;
    }
    memcpy(copy, types, n * sizeof *types);
    out->types = copy;
}

static void read_types(sl_decoder *d)
{
    size_t cap;
    uint32_t n = read_count(d, 3, SL_MAX_ITEMS, "types", &cap);
    sl_functype *types = sl_arena_array(&d->m->arena, sl_functype, cap);
    if (types == NULL) {
        no_memory(d);
        return;
    }
    for (uint32_t i = 0; i < n && sl_reader_ok(&d->r); i++)
        read_functype(d, &types[i]);
    d->m->n_types = n;
    d->m->types = types;
}

enum { LIMITS_MAX = 1, LIMITS_SHARED = 2, LIMITS_64 = 4 };

/* "Limits"; `features`: the flags that are there. */
static sl_limits read_limits(sl_decoder *d, uint8_t features)
{
    sl_limits limits = {0};
    const uint8_t *at = d->r.pos;
    uint8_t flags = sl_read_u8(&d->r);
    if (flags > (LIMITS_MAX | LIMITS_SHARED | LIMITS_64)) {
        d->r.pos--;
        sl_reader_fail(&d->r, SL_EMALFORMED, "malformed limits flags");
        return limits;
    }
    if (flags & ~features) {
        unsupported(d, at, "limits flags",
                    flags & ~features & LIMITS_64 ? "memory64" : "threads");
        return limits;
    }
    limits.has_max = flags & LIMITS_MAX;
    limits.shared = flags & LIMITS_SHARED;
    limits.is64 = flags & LIMITS_64;
    limits.min = sl_read_u64(&d->r);
    if (limits.has_max)
        limits.max = sl_read_u64(&d->r);
    return limits;
}

/* "Validation / Types / Limits": within the range, and ordered. */
static void check_limits(sl_decoder *d, const sl_limits *limits, uint64_t at,
                         uint64_t range, const char *words)
{
    if (limits->min > range || (limits->has_max && limits->max > range))
        invalid_at(d, at, "%s", words);
    if (limits->has_max && limits->min > limits->max)
        invalid_at(d, at, "size minimum must not be greater than maximum");
}

static sl_tabletype read_tabletype(sl_decoder *d)
{
    sl_tabletype type;
    uint64_t at = sl_reader_at(&d->r);
    uint8_t flags = LIMITS_MAX;
    if (d->v.features.memory64)
        flags |= LIMITS_64;
    type.elem = read_reftype(d);
    type.limits = read_limits(d, flags);
    check_limits(d, &type.limits, at,
                 type.limits.is64 ? UINT64_MAX : UINT32_MAX,
                 "table size must be at most 2^32-1");
    return type;
}

static sl_memtype read_memtype(sl_decoder *d)
{
    uint64_t at = sl_reader_at(&d->r);
    uint8_t flags = LIMITS_MAX;
    if (d->v.features.memory64)
        flags |= LIMITS_64;
    if (d->v.features.threads)
        flags |= LIMITS_SHARED;
    sl_memtype type = {read_limits(d, flags)};
    if (type.limits.is64)
        check_limits(d, &type.limits, at, UINT64_C(1) << 48,
                     "memory size must be at most 2^48 pages");
    else
        check_limits(d, &type.limits, at, 65536,
                     "memory size must be at most 65536 pages (4 GiB)");
    if (type.limits.shared && !type.limits.has_max)
        invalid_at(d, at, "shared memory must have maximum");
    return type;
}

static sl_globaltype read_globaltype(sl_decoder *d)
{
    sl_globaltype type = {.type = read_valtype(d)};
    uint8_t mutability = sl_read_u8(&d->r);
    if (mutability > 1) {
        d->r.pos--;
        sl_reader_fail(&d->r, SL_EMALFORMED, "malformed mutability");
    }
    type.mutable_ = mutability == 1;
    return type;
}

static uint32_t read_typeidx(sl_decoder *d)
{
    uint64_t at = sl_reader_at(&d->r);
    uint32_t index = sl_read_u32(&d->r);
    if (index >= d->m->n_types && sl_reader_ok(&d->r))
        invalid_at(d, at, "unknown type %u", (unsigned)index);
    return index;
}

/* "Tag Types": exceptions have no results. */
static uint32_t read_tagtype(sl_decoder *d)
{
    uint64_t at = sl_reader_at(&d->r);
    if (sl_read_u8(&d->r) != 0) {
        d->r.pos -= sl_reader_ok(&d->r);
        sl_reader_fail(&d->r, SL_EMALFORMED, "malformed tag attribute");
        return 0;
    }
    uint32_t index = read_typeidx(d);
    if (index < d->m->n_types && d->m->types[index].n_results != 0)
        invalid_at(d, at, "non-empty tag result type");
    return index;
}

/* --- Constant expressions ---------------------------------------------- */

/* Reads on to the `end` that closes the expression. */
static sl_constexpr scan_constexpr(sl_decoder *d)
{
    sl_instr in;
    uint64_t depth = 1;
    if (d->r.pos > d->section_end) {
        sl_reader_fail(&d->r, SL_EMALFORMED, "section size mismatch");
        return (sl_constexpr){0};
    }
    sl_reader r = sl_reader_over(d->r.pos, (size_t)(d->section_end - d->r.pos),
                                 sl_reader_at(&d->r), d->err);
    while (depth > 0 && sl_read_instr(&r, &in)) {
        if (sl_op_is_block(in.op))
            depth++;
        else if (in.op == SL_OP_END)
            depth--;
    }
    sl_constexpr expr = {d->r.pos, (uint32_t)(r.pos - d->r.pos)};
    d->r.pos = sl_reader_ok(&r) ? r.pos : d->r.end;
    return expr;
}

static sl_constexpr read_constexpr(sl_decoder *d, sl_valtype type)
{
    sl_constexpr expr = scan_constexpr(d);
    sl_err err = {0};
    bool all = d->v.features.extended_const;
    uint32_t n_globals = all ? d->m->n_globals : d->m->n_imported_globals;
    if (!sl_reader_ok(&d->r) || d->invalid.code != SL_OK)
        return expr;
    if (!sl_validate_constexpr(&d->v, expr, type, n_globals, &err)) {
        d->invalid = err;
        if (err.code == SL_ENOMEM)
            no_memory(d);
    }
    return expr;
}

/* --- Index spaces ------------------------------------------------------ */

/* Makes room for `cap` items behind the imported ones, which are copied in. */
static void *new_space(sl_decoder *d, size_t size, sl_core_kind kind,
                       size_t cap)
{
    void *space =
        sl_arena_calloc(&d->m->arena, d->n_imported[kind] + cap, size);
    if (space == NULL)
        no_memory(d);
    return space;
}

static bool new_funcs(sl_decoder *d, size_t cap)
{
    sl_func *funcs = new_space(d, sizeof *funcs, SL_CORE_FUNC, cap);
    if (funcs == NULL)
        return false;
    for (uint32_t i = 0, k = 0; i < d->m->n_imports; i++) {
        const sl_core_externtype *type = &d->m->imports[i].type;
        if (type->kind != SL_CORE_FUNC)
            continue;
        if (type->of.func != NULL) /* NULL: invalid, reported already */
            funcs[k].type = (uint32_t)(type->of.func - d->m->types);
        k++;
    }
    d->m->funcs = funcs;
    d->m->n_funcs = d->m->n_imported_funcs;
    return true;
}

static sl_table_def *new_tables(sl_decoder *d, size_t cap)
{
    sl_table_def *tables = new_space(d, sizeof *tables, SL_CORE_TABLE, cap);
    if (tables == NULL)
        return NULL;
    for (uint32_t i = 0, k = 0; i < d->m->n_imports; i++)
        if (d->m->imports[i].type.kind == SL_CORE_TABLE)
            tables[k++].type = d->m->imports[i].type.of.table;
    d->m->tables = tables;
    d->m->n_tables = d->m->n_imported_tables;
    return tables;
}

static sl_memtype *new_memories(sl_decoder *d, size_t cap)
{
    sl_memtype *memories = new_space(d, sizeof *memories, SL_CORE_MEMORY, cap);
    if (memories == NULL)
        return NULL;
    for (uint32_t i = 0, k = 0; i < d->m->n_imports; i++)
        if (d->m->imports[i].type.kind == SL_CORE_MEMORY)
            memories[k++] = d->m->imports[i].type.of.memory;
    d->m->memories = memories;
    d->m->n_memories = d->m->n_imported_memories;
    return memories;
}

static sl_global_def *new_globals(sl_decoder *d, size_t cap)
{
    sl_global_def *globals = new_space(d, sizeof *globals, SL_CORE_GLOBAL, cap);
    if (globals == NULL)
        return NULL;
    for (uint32_t i = 0, k = 0; i < d->m->n_imports; i++)
        if (d->m->imports[i].type.kind == SL_CORE_GLOBAL)
            globals[k++].type = d->m->imports[i].type.of.global;
    d->m->globals = globals;
    d->m->n_globals = d->m->n_imported_globals;
    return globals;
}

static uint32_t *new_tags(sl_decoder *d, size_t cap)
{
    uint32_t *tags = new_space(d, sizeof *tags, SL_CORE_TAG, cap);
    if (tags == NULL)
        return NULL;
    for (uint32_t i = 0, k = 0; i < d->m->n_imports; i++) {
        const sl_core_externtype *type = &d->m->imports[i].type;
        if (type->kind != SL_CORE_TAG)
            continue;
        if (type->of.func != NULL) /* NULL: invalid, reported already */
            tags[k] = (uint32_t)(type->of.func - d->m->types);
        k++;
    }
    d->m->tags = tags;
    d->m->n_tags = d->m->n_imported_tags;
    return tags;
}

static sl_data *new_datas(sl_decoder *d, size_t cap)
{
    sl_data *datas = new_space(d, sizeof *datas, SL_CORE_DATA, cap);
    if (datas == NULL)
        return NULL;
    d->m->n_datas = d->m->n_imported_datas;
    for (uint32_t i = 0; i < d->m->n_datas; i++)
        datas[i].mode = SL_SEGMENT_IMPORTED;
    d->m->datas = datas;
    return datas;
}

/* Before expressions are read: spaces whose sections have not come (yet) hold
 * their imports alone. */
static bool complete_spaces(sl_decoder *d)
{
    sl_module *m = d->m;
    if (m->funcs == NULL && !new_funcs(d, 0))
        return false;
    if (m->tables == NULL && new_tables(d, 0) == NULL)
        return false;
    if (m->memories == NULL && new_memories(d, 0) == NULL)
        return false;
    if (m->globals == NULL && new_globals(d, 0) == NULL)
        return false;
    if (m->tags == NULL && new_tags(d, 0) == NULL)
        return false;
    if (d->v.declared == NULL)
        d->v.declared = sl_calloc(m->n_funcs, 1);
    return d->v.declared != NULL || no_memory(d);
}

/* --- Imports and definitions ------------------------------------------- */

static void read_import_type(sl_decoder *d, sl_core_externtype *out)
{
    uint8_t kind = sl_read_u8(&d->r);
    uint32_t index;
    out->kind = (sl_core_kind)kind;
    switch (kind) {
    case SL_CORE_FUNC:
        index = read_typeidx(d);
        out->of.func = index < d->m->n_types ? &d->m->types[index] : NULL;
        break;
    case SL_CORE_TABLE:
        out->of.table = read_tabletype(d);
        break;
    case SL_CORE_MEMORY:
        out->of.memory = read_memtype(d);
        break;
    case SL_CORE_GLOBAL:
        out->of.global = read_globaltype(d);
        break;
    case SL_CORE_TAG:
        if (!d->v.features.exceptions) {
            unsupported(d, d->r.pos - 1, "import", "exception handling");
            break;
        }
        index = read_tagtype(d);
        out->of.func = index < d->m->n_types ? &d->m->types[index] : NULL;
        break;
    case SL_CORE_DATA: /* docs/data-segments.md, section 8: nothing follows */
        if (d->v.features.data_imports)
            break;
        d->r.pos--;
        sl_reader_fail(&d->r, SL_EMALFORMED,
                       "malformed import kind: unsupported feature "
                       "`core-data`: an import of data");
        break;
    default:
        d->r.pos--;
        sl_reader_fail(&d->r, SL_EMALFORMED, "malformed import kind");
    }
}

static void read_imports(sl_decoder *d)
{
    sl_module *m = d->m;
    size_t cap;
    uint32_t n = read_count(d, 3, SL_MAX_ITEMS, "imports", &cap);
    sl_core_import *imports = sl_arena_array(&m->arena, sl_core_import, cap);
    if (imports == NULL) {
        no_memory(d);
        return;
    }
    for (uint32_t i = 0; i < n; i++) {
        imports[i].module = read_name(&d->r);
        imports[i].field = read_name(&d->r);
        read_import_type(d, &imports[i].type);
        if (!sl_reader_ok(&d->r))
            return;
        imports[i].index = d->n_imported[imports[i].type.kind]++;
    }
    m->n_imports = n;
    m->imports = imports;
    m->n_imported_funcs = d->n_imported[SL_CORE_FUNC];
    m->n_imported_tables = d->n_imported[SL_CORE_TABLE];
    m->n_imported_memories = d->n_imported[SL_CORE_MEMORY];
    m->n_imported_globals = d->n_imported[SL_CORE_GLOBAL];
    m->n_imported_tags = d->n_imported[SL_CORE_TAG];
    m->n_imported_datas = d->n_imported[SL_CORE_DATA];
}

static void read_funcs(sl_decoder *d)
{
    size_t cap;
    uint32_t n = read_count(d, 1, SL_MAX_ITEMS, "functions", &cap);
    if (!new_funcs(d, cap))
        return;
    for (uint32_t i = 0; i < n && sl_reader_ok(&d->r); i++)
        d->m->funcs[d->m->n_funcs++].type = read_typeidx(d);
}

/* "Table Section": 0x40 0x00 announces an initial value of all elements. */
static void read_table(sl_decoder *d, sl_table_def *out)
{
    if (sl_reader_left(&d->r) == 0 || *d->r.pos != 0x40) {
        out->type = read_tabletype(d);
        return;
    }
    sl_read_u8(&d->r);
    if (sl_read_u8(&d->r) != 0)
        sl_reader_fail(&d->r, SL_EMALFORMED, "malformed table");
    out->type = read_tabletype(d);
    if (sl_reader_ok(&d->r) && complete_spaces(d))
        out->init = read_constexpr(d, out->type.elem);
}

static void read_tables(sl_decoder *d)
{
    size_t cap;
    uint32_t n = read_count(d, 3, SL_MAX_TABLES, "tables", &cap);
    sl_table_def *tables = new_tables(d, cap);
    for (uint32_t i = 0; tables && i < n && sl_reader_ok(&d->r); i++)
        read_table(d, &tables[d->m->n_tables++]);
}

static void read_memories(sl_decoder *d)
{
    size_t cap;
    uint32_t n = read_count(d, 2, SL_MAX_MEMORIES, "memories", &cap);
    sl_memtype *memories = new_memories(d, cap);
    for (uint32_t i = 0; memories && i < n && sl_reader_ok(&d->r); i++)
        memories[d->m->n_memories++] = read_memtype(d);
}

static void read_tags(sl_decoder *d)
{
    size_t cap;
    uint32_t n = read_count(d, 2, SL_MAX_ITEMS, "tags", &cap);
    uint32_t *tags = new_tags(d, cap);
    for (uint32_t i = 0; tags && i < n && sl_reader_ok(&d->r); i++)
        tags[d->m->n_tags++] = read_tagtype(d);
}

static void read_globals(sl_decoder *d)
{
    size_t cap;
    uint32_t n = read_count(d, 3, SL_MAX_ITEMS, "globals", &cap);
    sl_global_def *globals = new_globals(d, cap);
    if (globals == NULL || !complete_spaces(d))
        return;
    for (uint32_t i = 0; i < n && sl_reader_ok(&d->r); i++) {
        sl_global_def *global = &globals[d->m->n_globals];
        global->type = read_globaltype(d);
        global->init = read_constexpr(d, global->type.type);
        d->m->n_globals++; /* visible to those that follow */
    }
}

/* --- Exports, start ---------------------------------------------------- */

static void check_index(sl_decoder *d, uint64_t at, sl_core_kind kind,
                        uint32_t index)
{
    const sl_module *m = d->m;
    static const char *const noun[] = {"function", "table", "memory", "global",
                                       "tag"};
    const uint32_t n[] = {m->n_funcs, m->n_tables, m->n_memories, m->n_globals,
                          m->n_tags};
    if (index >= n[kind] && sl_reader_ok(&d->r))
        invalid_at(d, at, "unknown %s %u", noun[kind], (unsigned)index);
}

static void read_export(sl_decoder *d, sl_core_export *out, uint32_t index)
{
    uint64_t at = sl_reader_at(&d->r);
    out->name = read_name(&d->r);
    uint8_t kind = sl_read_u8(&d->r);
    if (kind > SL_CORE_TAG) {
        d->r.pos--;
        sl_reader_fail(&d->r, SL_EMALFORMED, "malformed export kind");
        return;
    }
    out->kind = (sl_core_kind)kind;
    uint64_t index_at = sl_reader_at(&d->r);
    out->index = sl_read_u32(&d->r);
    if (!sl_reader_ok(&d->r))
        return;
    check_index(d, index_at, out->kind, out->index);
    if (kind == SL_CORE_FUNC && out->index < d->m->n_funcs)
        d->v.declared[out->index] = 1;
    if (sl_map_get(&d->m->export_map, out->name, NULL))
        invalid_at(d, at, "duplicate export name \"%.*s\"",
                   out->name.len > 80 ? 80 : (int)out->name.len,
                   out->name.data);
    else if (!sl_map_put(&d->m->export_map, out->name, index))
        no_memory(d);
}

static void read_exports(sl_decoder *d)
{
    size_t cap;
    uint32_t n = read_count(d, 3, SL_MAX_ITEMS, "exports", &cap);
    sl_core_export *exports = sl_arena_array(&d->m->arena, sl_core_export, cap);
    if (exports == NULL) {
        no_memory(d);
        return;
    }
    for (uint32_t i = 0; i < n && sl_reader_ok(&d->r); i++)
        read_export(d, &exports[i], i);
    d->m->n_exports = n;
    d->m->exports = exports;
}

static void read_start(sl_decoder *d)
{
    sl_module *m = d->m;
    uint64_t at = sl_reader_at(&d->r);
    m->start = sl_read_u32(&d->r);
    m->has_start = true;
    check_index(d, at, SL_CORE_FUNC, m->start);
    if (m->start >= m->n_funcs || m->funcs[m->start].type >= m->n_types)
        return;
    const sl_functype *type = &m->types[m->funcs[m->start].type];
    if (type->n_params != 0 || type->n_results != 0)
        invalid_at(d, at,
                   "start function must have no parameters and no "
                   "results");
}

/* --- Segments ---------------------------------------------------------- */

static void read_elem_funcs(sl_decoder *d, sl_elem *out)
{
    size_t cap;
    out->n = read_count(d, 1, UINT32_MAX, "elements", &cap);
    uint32_t *funcs = sl_arena_array(&d->m->arena, uint32_t, cap);
    if (funcs == NULL) {
        no_memory(d);
        return;
    }
    for (uint32_t i = 0; i < out->n && sl_reader_ok(&d->r); i++) {
        uint64_t at = sl_reader_at(&d->r);
        funcs[i] = sl_read_u32(&d->r);
        check_index(d, at, SL_CORE_FUNC, funcs[i]);
        if (funcs[i] < d->m->n_funcs)
            d->v.declared[funcs[i]] = 1;
    }
    out->funcs = funcs;
}

static void read_elem_exprs(sl_decoder *d, sl_elem *out)
{
    size_t cap;
    out->n = read_count(d, 1, UINT32_MAX, "elements", &cap);
    sl_constexpr *exprs = sl_arena_array(&d->m->arena, sl_constexpr, cap);
    if (exprs == NULL) {
        no_memory(d);
        return;
    }
    for (uint32_t i = 0; i < out->n && sl_reader_ok(&d->r); i++)
        exprs[i] = read_constexpr(d, out->type);
    out->exprs = exprs;
}

static void check_elem_table(sl_decoder *d, uint64_t at, const sl_elem *elem)
{
    if (elem->table >= d->m->n_tables || !sl_reader_ok(&d->r))
        return; /* unknown: reported already */
    sl_valtype type = d->m->tables[elem->table].type.elem;
    if (type != elem->type)
        invalid_at(d, at, "type mismatch: elements of %s for a table of %s",
                   sl_valtype_text(elem->type), sl_valtype_text(type));
}

/* The type of an offset into a table or memory. */
static sl_valtype table_addr(const sl_module *m, uint32_t table)
{
    return table < m->n_tables ? sl_limits_addr(&m->tables[table].type.limits)
                               : SL_I32;
}

static sl_valtype memory_addr(const sl_module *m, uint32_t memory)
{
    return memory < m->n_memories ? sl_limits_addr(&m->memories[memory].limits)
                                  : SL_I32;
}

/* "Element Section": bit 0: not active; bit 1: explicit table (active) or
 * declarative; bit 2: expressions instead of function indices. */
static void read_elem(sl_decoder *d, sl_elem *out)
{
    uint64_t at = sl_reader_at(&d->r);
    uint32_t flags = sl_read_u32(&d->r);
    if (flags > 7) {
        sl_reader_fail(&d->r, SL_EMALFORMED, "malformed elements segment kind");
        return;
    }
    out->type = SL_FUNCREF;
    if (flags & 1) {
        out->mode = flags & 2 ? SL_SEGMENT_DECLARATIVE : SL_SEGMENT_PASSIVE;
    } else {
        out->mode = SL_SEGMENT_ACTIVE;
        out->table = flags & 2 ? sl_read_u32(&d->r) : 0;
        check_index(d, at, SL_CORE_TABLE, out->table);
        out->offset = read_constexpr(d, table_addr(d->m, out->table));
    }
    if ((flags & 3) != 0 && (flags & 4) != 0)
        out->type = read_reftype(d);
    else if ((flags & 3) != 0 && sl_read_u8(&d->r) != 0)
        sl_reader_fail(&d->r, SL_EMALFORMED, "malformed element kind");
    if (flags & 4)
        read_elem_exprs(d, out);
    else
        read_elem_funcs(d, out);
    if (out->mode == SL_SEGMENT_ACTIVE)
        check_elem_table(d, at, out);
}

static void read_elems(sl_decoder *d)
{
    size_t cap;
    uint32_t n = read_count(d, 3, SL_MAX_SEGMENTS, "element segments", &cap);
    sl_elem *elems = sl_arena_array(&d->m->arena, sl_elem, cap);
    if (elems == NULL) {
        no_memory(d);
        return;
    }
    for (uint32_t i = 0; i < n && sl_reader_ok(&d->r); i++)
        read_elem(d, &elems[i]);
    d->m->n_elems = n;
    d->m->elems = elems;
}

static void read_data_count(sl_decoder *d)
{
    d->data_count = sl_read_u32(&d->r);
    d->v.has_data_count = true;
}

static void read_data(sl_decoder *d, sl_data *out)
{
    uint64_t at = sl_reader_at(&d->r);
    uint32_t flags = sl_read_u32(&d->r);
    if (flags > 2) {
        sl_reader_fail(&d->r, SL_EMALFORMED, "malformed data segment kind");
        return;
    }
    out->mode = flags == 1 ? SL_SEGMENT_PASSIVE : SL_SEGMENT_ACTIVE;
    if (flags != 1) {
        out->memory = flags == 2 ? sl_read_u32(&d->r) : 0;
        check_index(d, at, SL_CORE_MEMORY, out->memory);
        out->offset = read_constexpr(d, memory_addr(d->m, out->memory));
    }
    out->len = read_length(&d->r);
    out->bytes = sl_read_bytes(&d->r, (size_t)out->len);
}

static void read_datas(sl_decoder *d)
{
    size_t cap;
    uint32_t n = read_count(d, 2, SL_MAX_SEGMENTS, "data segments", &cap);
    sl_data *datas = new_datas(d, cap);
    for (uint32_t i = 0; datas && i < n && sl_reader_ok(&d->r); i++)
        read_data(d, &datas[d->m->n_datas++]);
}

/* --- Code -------------------------------------------------------------- */

static void read_codes(sl_decoder *d)
{
    sl_module *m = d->m;
    d->n_codes = read_length(&d->r);
    if (!sl_reader_ok(&d->r))
        return;
    for (uint32_t i = 0; i < d->n_codes; i++) {
        uint32_t len = read_length(&d->r);
        if (len > SL_MAX_BODY)
            sl_reader_fail(&d->r, SL_ELIMIT,
                           "function body too large: %u "
                           "bytes",
                           (unsigned)len);
        sl_func body = {.at = sl_reader_at(&d->r), .body_len = len};
        body.body = sl_read_bytes(&d->r, len);
        if (!sl_reader_ok(&d->r))
            return;
        if (i >= m->n_funcs - m->n_imported_funcs)
            continue; /* the counts differ: reported at the end */
        body.type = m->funcs[m->n_imported_funcs + i].type;
        m->funcs[m->n_imported_funcs + i] = body;
    }
}

/* --- Sections ---------------------------------------------------------- */

static void read_custom(sl_decoder *d)
{
    size_t len = (size_t)(d->section_end - d->r.pos);
    sl_reader r = sl_reader_over(d->r.pos, len, sl_reader_at(&d->r), d->err);
    sl_name name = read_name(&r);
    d->r.pos = sl_reader_ok(&r) ? d->section_end : d->r.end;
    if (sl_reader_ok(&r) && sl_name_is(name, "name")) {
        d->names = r.pos;
        d->names_len = sl_reader_left(&r);
    }
}

enum { ORDER_GLOBAL = 7 };

/* By section id; `order` is the place in a module. */
static const struct {
    uint8_t order;
    void (*read)(sl_decoder *d);
} sections[] = {
    [0] = {0, read_custom},       [1] = {1, read_types},
    [2] = {2, read_imports},      [3] = {3, read_funcs},
    [4] = {4, read_tables},       [5] = {5, read_memories},
    [6] = {7, read_globals},      [7] = {8, read_exports},
    [8] = {9, read_start},        [9] = {10, read_elems},
    [10] = {12, read_codes},      [11] = {13, read_datas},
    [12] = {11, read_data_count}, [13] = {6, read_tags},
};

static bool section_order(sl_decoder *d, uint8_t id, const uint8_t *at)
{
    if (id >= sizeof sections / sizeof *sections) {
        d->r.pos = at;
        return sl_reader_fail(&d->r, SL_EMALFORMED, "malformed section id");
    }
    if (id == 0)
        return true;
    if (id == 13 && !d->v.features.exceptions)
        return unsupported(d, at, "section", "exception handling");
    if (sections[id].order <= d->order) {
        d->r.pos = at;
        return sl_reader_fail(&d->r, SL_EMALFORMED,
                              "unexpected content after last section");
    }
    d->order = sections[id].order;
    return d->order <= ORDER_GLOBAL || complete_spaces(d);
}

static bool read_section(sl_decoder *d)
{
    const uint8_t *at = d->r.pos;
    uint8_t id = sl_read_u8(&d->r);
    if (!section_order(d, id, at))
        return false;
    const uint8_t *length_at = d->r.pos;
    uint32_t len = sl_read_u32(&d->r);
    if (len > sl_reader_left(&d->r)) {
        d->r.pos = length_at;
        return sl_reader_fail(&d->r, SL_EMALFORMED, "length out of bounds");
    }
    d->section_end = d->r.pos + len;
    sections[id].read(d);
    if (sl_reader_ok(&d->r) && d->r.pos != d->section_end)
        return sl_reader_fail(&d->r, SL_EMALFORMED, "section size mismatch");
    return sl_reader_ok(&d->r);
}

static bool read_header(sl_decoder *d)
{
    const uint8_t *magic = sl_read_bytes(&d->r, 4);
    if (magic != NULL && memcmp(magic, "\0asm", 4) != 0) {
        d->r.pos = magic;
        return sl_reader_fail(&d->r, SL_EMALFORMED,
                              "magic header not detected");
    }
    const uint8_t *version = sl_read_bytes(&d->r, 4);
    if (version != NULL && memcmp(version, "\1\0\0\0", 4) != 0) {
        d->r.pos = version;
        return sl_reader_fail(&d->r, SL_EMALFORMED, "unknown binary version");
    }
    return version != NULL;
}

/* What spans sections. */
static bool finish(sl_decoder *d)
{
    sl_module *m = d->m;
    if (!complete_spaces(d) ||
        (m->datas == NULL && new_datas(d, 0) == NULL))
        return false;
    if (d->n_codes != m->n_funcs - m->n_imported_funcs)
        return sl_reader_fail(&d->r, SL_EMALFORMED,
                              "function and code "
                              "section have inconsistent lengths");
    if (d->v.has_data_count &&
        d->data_count != m->n_datas - m->n_imported_datas)
        return sl_reader_fail(&d->r, SL_EMALFORMED,
                              "data count and data "
                              "section have inconsistent lengths");
    if (m->n_memories > 1 && !d->v.features.multi_memory)
        invalid_at(d, m->origin,
                   "multiple memories: multi-memory is "
                   "not enabled");
    if (d->names != NULL && !sl_decode_names(m, d->names, d->names_len))
        return no_memory(d);
    return true;
}

/* The first body from `i` on that is malformed, if any, gives the error. */
static void prefer_malformed(sl_decoder *d, uint32_t i, sl_err *err)
{
    const sl_module *m = d->m;
    sl_err found = {0};
    if (err->code != SL_EMALFORMED && err->code != SL_EINVALID)
        return;
    for (; i < m->n_funcs; i++)
        if (m->funcs[i].body != NULL &&
            !sl_scan_body(&d->v, &m->funcs[i], &found)) {
            *err = found;
            return;
        }
}

static bool validate_bodies(sl_decoder *d)
{
    sl_module *m = d->m;
    uint32_t i = m->n_imported_funcs;
    while (d->invalid.code == SL_OK && i < m->n_funcs &&
           sl_validate_body(&d->v, &m->funcs[i], &d->invalid))
        i++;
    prefer_malformed(d, i, &d->invalid);
    *d->err = d->invalid;
    return d->invalid.code == SL_OK;
}

static bool decode(sl_decoder *d)
{
    bool ok = read_header(d);
    while (ok && sl_reader_left(&d->r) > 0)
        ok = read_section(d);
    if (ok && finish(d))
        return validate_bodies(d);
    /* The bodies stand before what broke the grammar behind them. */
    prefer_malformed(d, 0, d->err);
    return false;
}

const sl_core_features sl_core_features_all = {.multi_memory = true,
                                               .memory64 = true,
                                               .tail_call = true,
                                               .exceptions = true,
                                               .extended_const = true,
                                               .threads = true};
const sl_core_features sl_core_features_usual = {.memory64 = true,
                                                 .tail_call = true,
                                                 .exceptions = true,
                                                 .extended_const = true,
                                                 .threads = true};

/* The suite's longer words for the reader's "unexpected end". */
static void lengthen(sl_err *err)
{
    if (strcmp(err->msg, "unexpected end") == 0)
        snprintf(err->msg, sizeof err->msg,
                 "unexpected end of section or "
                 "function");
}

sl_module *sl_module_decode(const uint8_t *bytes, size_t len, uint64_t origin,
                            const sl_core_features *features, sl_err *err)
{
    sl_err local = {0};
    sl_module *m = sl_calloc(1, sizeof *m);
    if (m == NULL) {
        sl_fail(err, SL_ENOMEM, origin, "out of memory");
        return NULL;
    }
    sl_arena_init(&m->arena);
    sl_map_init(&m->export_map);
    m->bytes = bytes;
    m->len = len;
    m->origin = origin;
    sl_decoder d = {.m = m, .err = &local};
    d.r = sl_reader_over(bytes, len, origin, &local);
    sl_validator_init(&d.v, m, features ? features : &sl_core_features_usual);
    bool ok = decode(&d);
    sl_free(d.v.declared);
    sl_validator_deinit(&d.v);
    if (ok)
        return m;
    lengthen(&local);
    sl_fail(err, local.code, local.at, "%s", local.msg);
    sl_module_free(m);
    return NULL;
}

void sl_module_free(sl_module *module)
{
    if (module == NULL)
        return;
    sl_map_deinit(&module->export_map);
    sl_arena_deinit(&module->arena);
    sl_free(module);
}
