/* Core modules: binary to text. Flat instructions, types written out, names
 * from the name section where they can be identifiers.
 * Core specification, "Text Format / Modules". */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "core/module.h"
#include "core/op.h"
#include "text/print_int.h"

/* Where a function's local names stand in the name section. */
typedef struct local_map {
    const uint8_t *at;
    uint32_t len;
} local_map;

typedef struct printer {
    const sl_module *m;
    sl_buf *out;
    sl_arena arena;
    unsigned indent;
    sl_name *funcs;     /* names; .data NULL: none. NULL: none at all */
    local_map *locals;  /* by function; NULL: none at all */
    sl_name *local_ids; /* of the function being printed */
    uint32_t n_locals;
    sl_err *err;
} printer;

static bool nomem(printer *p)
{
    sl_fail(p->err, SL_ENOMEM, SL_ERR_NO_PLACE, "out of memory");
    return false;
}

static void put(printer *p, const char *text)
{
    sl_buf_bytes(p->out, text, strlen(text));
}

static void newline(printer *p, unsigned more)
{
    sl_buf_u8(p->out, '\n');
    sl_put_indent(p->out, p->indent + more);
}

static void put_number(printer *p, uint64_t n)
{
    sl_buf_printf(p->out, " %" PRIu64, n);
}

/* --- Names --------------------------------------------------------------- */

/* Drops names that are empty or taken, so that each is an identifier. */
static bool make_unique(sl_name *names, uint32_t n)
{
    sl_map seen;
    bool ok = true;
    sl_map_init(&seen);
    for (uint32_t i = 0; ok && i < n; i++) {
        if (names[i].data == NULL)
            continue;
        if (names[i].len == 0 || sl_map_get(&seen, names[i], NULL))
            names[i].data = NULL;
        else
            ok = sl_map_put(&seen, names[i], i);
    }
    sl_map_deinit(&seen);
    return ok;
}

static bool copy_func_names(printer *p)
{
    if (p->m->func_names == NULL || p->m->n_funcs == 0)
        return true;
    p->funcs = sl_arena_array(&p->arena, sl_name, p->m->n_funcs);
    if (p->funcs == NULL)
        return nomem(p);
    memcpy(p->funcs, p->m->func_names, p->m->n_funcs * sizeof *p->funcs);
    return make_unique(p->funcs, p->m->n_funcs) || nomem(p);
}

/* Appendix "Name Section", subsection 2: notes where each function's are. */
static bool read_local_maps(printer *p, sl_reader *r)
{
    p->locals = sl_arena_array(&p->arena, local_map, p->m->n_funcs + 1);
    if (p->locals == NULL)
        return nomem(p);
    uint32_t n = sl_read_count(r, 2);
    for (uint32_t i = 0; i < n && sl_reader_ok(r); i++) {
        uint32_t func = sl_read_u32(r);
        const uint8_t *at = r->pos;
        uint32_t count = sl_read_count(r, 2);
        for (uint32_t k = 0; k < count && sl_reader_ok(r); k++) {
            sl_read_u32(r);
            sl_read_name(r);
        }
        if (sl_reader_ok(r) && func < p->m->n_funcs)
            p->locals[func] = (local_map){at, (uint32_t)(r->pos - at)};
    }
    return true;
}

/* Finds the name section's locals; broken names are no names. */
static bool find_local_names(printer *p)
{
    sl_err ignored = {0};
    sl_reader r = sl_reader_over(p->m->bytes, p->m->len, 0, &ignored);
    sl_read_bytes(&r, 8);
    while (sl_reader_ok(&r) && sl_reader_left(&r) > 0) {
        uint8_t id = sl_read_u8(&r);
        sl_reader section = sl_read_sub(&r, sl_read_u32(&r));
        if (id != 0 || !sl_name_is(sl_read_name(&section), "name"))
            continue;
        while (sl_reader_ok(&section) && sl_reader_left(&section) > 0) {
            uint8_t kind = sl_read_u8(&section);
            sl_reader sub = sl_read_sub(&section, sl_read_u32(&section));
            if (kind == 2 && p->locals == NULL && !read_local_maps(p, &sub))
                return false;
        }
    }
    return true;
}

/* The names of one function's locals, to local_ids. */
static bool load_local_names(printer *p, uint32_t func, uint32_t n_locals)
{
    sl_err ignored = {0};
    p->local_ids = NULL;
    p->n_locals = n_locals;
    if (p->locals == NULL || p->locals[func].at == NULL || n_locals == 0)
        return true;
    p->local_ids = sl_calloc(n_locals, sizeof *p->local_ids);
    if (p->local_ids == NULL)
        return nomem(p);
    sl_reader r =
        sl_reader_over(p->locals[func].at, p->locals[func].len, 0, &ignored);
    uint32_t n = sl_read_count(&r, 2);
    for (uint32_t i = 0; i < n; i++) {
        uint32_t index = sl_read_u32(&r);
        sl_name name = sl_read_name(&r);
        if (index < n_locals)
            p->local_ids[index] = name;
    }
    return make_unique(p->local_ids, n_locals) || nomem(p);
}

/* $name or the index, a space before it. */
static void put_func(printer *p, uint32_t index)
{
    if (p->funcs == NULL || p->funcs[index].data == NULL) {
        put_number(p, index);
        return;
    }
    sl_buf_u8(p->out, ' ');
    sl_put_id(p->out, p->funcs[index]);
}

static void put_local(printer *p, uint32_t index)
{
    if (p->local_ids == NULL || index >= p->n_locals ||
        p->local_ids[index].data == NULL) {
        put_number(p, index);
        return;
    }
    sl_buf_u8(p->out, ' ');
    sl_put_id(p->out, p->local_ids[index]);
}

/* The index of what a definition defines, as a comment. */
static void put_index_comment(printer *p, uint32_t index)
{
    sl_buf_printf(p->out, " (;%" PRIu32 ";)", index);
}

static void put_func_head(printer *p, uint32_t index)
{
    if (p->funcs != NULL && p->funcs[index].data != NULL)
        put_func(p, index);
    put_index_comment(p, index);
}

/* --- Types --------------------------------------------------------------- */

static void put_types(printer *p, const char *keyword, uint32_t n,
                      const sl_valtype *types)
{
    if (n == 0)
        return;
    sl_buf_printf(p->out, " (%s", keyword);
    for (uint32_t i = 0; i < n; i++)
        sl_buf_printf(p->out, " %s", sl_valtype_text(types[i]));
    put(p, ")");
}

static void put_signature(printer *p, const sl_functype *type)
{
    put_types(p, "param", type->n_params, type->types);
    put_types(p, "result", type->n_results, sl_functype_results(type));
}

/* Parameters one by one where some have names. */
static void put_func_signature(printer *p, const sl_functype *type)
{
    bool named = false;
    for (uint32_t i = 0; p->local_ids != NULL && i < type->n_params; i++)
        named = named || p->local_ids[i].data != NULL;
    if (!named) {
        put_signature(p, type);
        return;
    }
    for (uint32_t i = 0; i < type->n_params; i++) {
        put(p, " (param");
        if (p->local_ids[i].data != NULL)
            put_local(p, i);
        sl_buf_printf(p->out, " %s)", sl_valtype_text(type->types[i]));
    }
    put_types(p, "result", type->n_results, sl_functype_results(type));
}

static void put_typeuse(printer *p, uint32_t index)
{
    sl_buf_printf(p->out, " (type %" PRIu32 ")", index);
}

static void put_limits(printer *p, const sl_limits *limits)
{
    if (limits->is64)
        put(p, " i64");
    put_number(p, limits->min);
    if (limits->has_max)
        put_number(p, limits->max);
    if (limits->shared)
        put(p, " shared");
}

static void put_tabletype(printer *p, const sl_tabletype *type)
{
    put_limits(p, &type->limits);
    sl_buf_printf(p->out, " %s", sl_valtype_text(type->elem));
}

static void put_globaltype(printer *p, const sl_globaltype *type)
{
    sl_buf_printf(p->out, type->mutable_ ? " (mut %s)" : " %s",
                  sl_valtype_text(type->type));
}

/* --- Numbers ------------------------------------------------------------- */

/* The shortest decimal digits that read back as the same number. */
static void put_decimal(printer *p, double value, bool single)
{
    char text[40];
    for (int digits = single ? 6 : 15; digits <= 17; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, value);
        double back = single ? (double)strtof(text, NULL) : strtod(text, NULL);
        if (back == value)
            break;
    }
    put(p, text);
}

static void put_float(printer *p, uint64_t bits, unsigned significand,
                      unsigned exponent)
{
    uint64_t payload = bits & ((UINT64_C(1) << significand) - 1);
    uint64_t max = (UINT64_C(1) << exponent) - 1;
    bool negative = bits >> (significand + exponent);
    sl_buf_u8(p->out, ' ');
    if ((bits >> significand & max) != max) {
        float single;
        double value;
        uint32_t low = (uint32_t)bits;
        memcpy(&single, &low, sizeof single);
        memcpy(&value, &bits, sizeof value);
        bool is_single = significand == 23;
        put_decimal(p, is_single ? (double)single : value, is_single);
        return;
    }
    if (negative)
        put(p, "-");
    if (payload == 0)
        put(p, "inf");
    else if (payload == UINT64_C(1) << (significand - 1))
        put(p, "nan");
    else
        sl_buf_printf(p->out, "nan:0x%" PRIx64, payload);
}

/* --- Instructions -------------------------------------------------------- */

static void put_blocktype(printer *p, int64_t type)
{
    if (type == SL_BLOCK_EMPTY)
        return;
    if (type < 0) {
        sl_valtype result = (sl_valtype)(type + 0x80);
        put_types(p, "result", 1, &result);
        return;
    }
    put_typeuse(p, (uint32_t)type);
    put_signature(p, &p->m->types[type]);
}

static void put_memarg(printer *p, const sl_instr *in, uint32_t natural)
{
    if (in->index[0] != 0)
        put_number(p, in->index[0]);
    if (in->offset != 0)
        sl_buf_printf(p->out, " offset=%" PRIu64, in->offset);
    if (UINT64_C(1) << in->align != natural)
        sl_buf_printf(p->out, " align=%" PRIu64, UINT64_C(1) << in->align);
}

static void put_vec(printer *p, const sl_instr *in, bool types)
{
    sl_err ignored = {0};
    sl_reader r = sl_reader_over(in->vec, in->vec_len, 0, &ignored);
    uint32_t n = types ? in->n : in->n + 1;
    if (types)
        put(p, " (result");
    for (uint32_t i = 0; i < n; i++) {
        uint32_t value = sl_read_u32(&r);
        if (types)
            sl_buf_printf(p->out, " %s", sl_valtype_text(value));
        else
            put_number(p, value);
    }
    if (types)
        put(p, ")");
}

static void put_catches(printer *p, const sl_instr *in)
{
    sl_err ignored = {0};
    sl_reader r = sl_reader_over(in->vec, in->vec_len, 0, &ignored);
    for (uint32_t i = 0; i < in->n; i++) {
        sl_catch c = sl_read_catch(&r);
        sl_buf_printf(p->out, " (catch%s%s", c.all ? "_all" : "",
                      c.ref ? "_ref" : "");
        if (!c.all)
            put_number(p, c.tag);
        put_number(p, c.label);
        put(p, ")");
    }
}

static void put_heaptype(printer *p, sl_valtype nullable)
{
    put(p, nullable == SL_FUNCREF  ? " func"
           : nullable == SL_EXNREF ? " exn"
                                   : " extern");
}

/* One immediate by its letter in op.def; `index` is its index operand. */
static void put_imm(printer *p, const sl_instr *in, const char *imm,
                    uint32_t index)
{
    switch (*imm) {
    case 'b':
        put_blocktype(p, in->type);
        break;
    case 'h':
        put_heaptype(p, (sl_valtype)(in->type + 0x80));
        break;
    case 'C':
        put_catches(p, in);
        break;
    case 'L':
    case 'T':
        put_vec(p, in, *imm == 'T');
        break;
    case 'm':
        put_memarg(p, in, (uint32_t)(imm[1] - '0'));
        break;
    case 'i':
    case 'I':
        sl_buf_printf(p->out, " %" PRId64, (int64_t)in->bits);
        break;
    case 'F':
        put_float(p, in->bits, 23, 8);
        break;
    case 'D':
        put_float(p, in->bits, 52, 11);
        break;
    case 'f':
        put_func(p, index);
        break;
    case 'v':
        put_local(p, index);
        break;
    case 'y':
        put_typeuse(p, index);
        break;
    default:
        put_number(p, index);
    }
}

/* How many of the index operands a letter takes. */
static bool takes_index(char imm)
{
    return strchr("lvgfyteMdx", imm) != NULL;
}

/* Immediates whose order in text is their own, or that go without when 0. */
static bool put_special_imms(printer *p, const sl_instr *in, const char *imms)
{
    uint32_t a = in->index[0], b = in->index[1];
    bool swapped = strcmp(imms, "et") == 0 || strcmp(imms, "dM") == 0;
    if (strcmp(imms, "yt") == 0) {
        if (b != 0)
            put_number(p, b);
        put_typeuse(p, a);
        put_signature(p, &p->m->types[a]);
        return true;
    }
    if (swapped) {
        if (b != 0)
            put_number(p, b);
        put_number(p, a);
        return true;
    }
    bool silent = (strcmp(imms, "M") == 0 && a == 0) ||
                  (strcmp(imms, "MM") == 0 && a == 0 && b == 0);
    return silent;
}

static void put_instr(printer *p, const sl_instr *in)
{
    const sl_op_info *info = &sl_ops[in->op];
    const uint32_t *index = in->index;
    put(p, info->text);
    if (put_special_imms(p, in, info->imms))
        return;
    for (const char *imm = info->imms; *imm; imm++) {
        if (*imm >= '0' && *imm <= '9')
            continue;
        put_imm(p, in, imm, takes_index(*imm) ? *index++ : 0);
    }
}

/* A constant expression without its end, a space before it: one instruction
 * folded, several flat inside `(keyword ...)` or, without one, bare. */
static void put_expr(printer *p, const char *keyword, const sl_constexpr *expr)
{
    sl_err ignored = {0};
    sl_reader r = sl_reader_over(expr->code, expr->len, 0, &ignored);
    sl_instr in;
    sl_read_instr(&r, &in);
    bool single = sl_reader_left(&r) == 1;
    if (single)
        keyword = "";
    if (keyword != NULL)
        sl_buf_printf(p->out, " (%s", keyword);
    if (!single)
        sl_buf_u8(p->out, ' ');
    put_instr(p, &in);
    while (sl_reader_left(&r) > 1 && sl_read_instr(&r, &in)) {
        sl_buf_u8(p->out, ' ');
        put_instr(p, &in);
    }
    if (keyword != NULL)
        put(p, ")");
}

static void put_body(printer *p, sl_reader *r)
{
    unsigned depth = 2;
    sl_instr in;
    while (sl_reader_left(r) > 1 && sl_read_instr(r, &in)) {
        bool closes = in.op == SL_OP_END || in.op == SL_OP_ELSE;
        bool opens = sl_op_is_block(in.op);
        newline(p, closes ? depth - 1 : depth);
        put_instr(p, &in);
        if (opens)
            sl_buf_printf(p->out, " ;; label = @%u", depth - 1);
        depth += (unsigned)opens;
        depth -= in.op == SL_OP_END;
    }
}

/* --- Fields -------------------------------------------------------------- */

static void put_type_fields(printer *p)
{
    for (uint32_t i = 0; i < p->m->n_types; i++) {
        newline(p, 1);
        put(p, "(type");
        put_index_comment(p, i);
        put(p, " (func");
        put_signature(p, &p->m->types[i]);
        put(p, "))");
    }
}

static void put_import(printer *p, const sl_core_import *import)
{
    newline(p, 1);
    put(p, "(import ");
    sl_put_string(p->out, import->module);
    sl_buf_u8(p->out, ' ');
    sl_put_string(p->out, import->field);
    sl_buf_printf(p->out, " (%s", sl_core_kind_text(import->type.kind));
    if (import->type.kind == SL_CORE_FUNC)
        put_func_head(p, import->index);
    else
        put_index_comment(p, import->index);
    switch (import->type.kind) {
    case SL_CORE_FUNC:
        put_typeuse(p, p->m->funcs[import->index].type);
        put_signature(p, import->type.of.func);
        break;
    case SL_CORE_TABLE:
        put_tabletype(p, &import->type.of.table);
        break;
    case SL_CORE_MEMORY:
        put_limits(p, &import->type.of.memory.limits);
        break;
    case SL_CORE_GLOBAL:
        put_globaltype(p, &import->type.of.global);
        break;
    case SL_CORE_TAG:
        put_typeuse(p, p->m->tags[import->index]);
        break;
    case SL_CORE_DATA:
        break;
    }
    put(p, "))");
}

/* The locals behind the parameters: named ones alone, others in runs. */
static void put_locals(printer *p, uint32_t from, uint32_t n,
                       const sl_valtype *types)
{
    if (from == n)
        return;
    newline(p, 2);
    for (uint32_t i = from; i < n;) {
        put(p, i == from ? "(local" : " (local");
        bool named = p->local_ids != NULL && p->local_ids[i].data != NULL;
        if (named)
            put_local(p, i);
        do {
            sl_buf_printf(p->out, " %s", sl_valtype_text(types[i++]));
        } while (!named && i < n &&
                 !(p->local_ids != NULL && p->local_ids[i].data != NULL));
        put(p, ")");
    }
}

/* The types of all locals of a function, its parameters first. */
static sl_valtype *read_locals(printer *p, const sl_functype *type,
                               sl_reader *r, uint32_t *out_n)
{
    const uint8_t *start = r->pos;
    uint64_t n = type->n_params;
    uint32_t runs = sl_read_u32(r);
    for (uint32_t i = 0; i < runs && sl_reader_ok(r); i++) {
        n += sl_read_u32(r);
        sl_read_u8(r);
    }
    sl_valtype *types = sl_calloc((size_t)n + 1, sizeof *types);
    if (types == NULL) {
        nomem(p);
        return NULL;
    }
    r->pos = start;
    uint32_t at = type->n_params;
    if (at > 0)
        memcpy(types, type->types, at * sizeof *types);
    sl_read_u32(r);
    for (uint32_t i = 0; i < runs; i++) {
        uint32_t count = sl_read_u32(r);
        sl_valtype local = sl_read_u8(r);
        while (count-- > 0)
            types[at++] = local;
    }
    *out_n = (uint32_t)n;
    return types;
}

static bool put_func_field(printer *p, uint32_t index)
{
    const sl_func *func = &p->m->funcs[index];
    const sl_functype *type = &p->m->types[func->type];
    sl_err ignored = {0};
    sl_reader r = sl_reader_over(func->body, func->body_len, 0, &ignored);
    uint32_t n;
    sl_valtype *types = read_locals(p, type, &r, &n);
    if (types == NULL)
        return false;
    bool ok = load_local_names(p, index, n);
    if (ok) {
        newline(p, 1);
        put(p, "(func");
        put_func_head(p, index);
        put_typeuse(p, func->type);
        put_func_signature(p, type);
        put_locals(p, type->n_params, n, types);
        put_body(p, &r);
        put(p, ")");
    }
    sl_free(p->local_ids);
    sl_free(types);
    p->local_ids = NULL;
    return ok;
}

static bool put_func_fields(printer *p)
{
    for (uint32_t i = p->m->n_imported_funcs; i < p->m->n_funcs; i++)
        if (!put_func_field(p, i))
            return false;
    return true;
}

static void put_table_fields(printer *p)
{
    for (uint32_t i = p->m->n_imported_tables; i < p->m->n_tables; i++) {
        const sl_table_def *table = &p->m->tables[i];
        newline(p, 1);
        put(p, "(table");
        put_index_comment(p, i);
        put_tabletype(p, &table->type);
        if (table->init.code != NULL)
            put_expr(p, NULL, &table->init);
        put(p, ")");
    }
}

static void put_memory_fields(printer *p)
{
    for (uint32_t i = p->m->n_imported_memories; i < p->m->n_memories; i++) {
        newline(p, 1);
        put(p, "(memory");
        put_index_comment(p, i);
        put_limits(p, &p->m->memories[i].limits);
        put(p, ")");
    }
}

static void put_tag_fields(printer *p)
{
    for (uint32_t i = p->m->n_imported_tags; i < p->m->n_tags; i++) {
        newline(p, 1);
        put(p, "(tag");
        put_index_comment(p, i);
        put_typeuse(p, p->m->tags[i]);
        put(p, ")");
    }
}

static void put_global_fields(printer *p)
{
    for (uint32_t i = p->m->n_imported_globals; i < p->m->n_globals; i++) {
        const sl_global_def *global = &p->m->globals[i];
        newline(p, 1);
        put(p, "(global");
        put_index_comment(p, i);
        put_globaltype(p, &global->type);
        put_expr(p, NULL, &global->init);
        put(p, ")");
    }
}

static void put_export_fields(printer *p)
{
    for (uint32_t i = 0; i < p->m->n_exports; i++) {
        const sl_core_export *export = &p->m->exports[i];
        newline(p, 1);
        put(p, "(export ");
        sl_put_string(p->out, export->name);
        sl_buf_printf(p->out, " (%s", sl_core_kind_text(export->kind));
        if (export->kind == SL_CORE_FUNC)
            put_func(p, export->index);
        else
            put_number(p, export->index);
        put(p, "))");
    }
    if (p->m->has_start) {
        newline(p, 1);
        put(p, "(start");
        put_func(p, p->m->start);
        put(p, ")");
    }
}

static void put_elem_fields(printer *p)
{
    for (uint32_t i = 0; i < p->m->n_elems; i++) {
        const sl_elem *elem = &p->m->elems[i];
        newline(p, 1);
        put(p, "(elem");
        put_index_comment(p, i);
        if (elem->mode == SL_SEGMENT_DECLARATIVE)
            put(p, " declare");
        if (elem->mode == SL_SEGMENT_ACTIVE) {
            if (elem->table != 0)
                sl_buf_printf(p->out, " (table %" PRIu32 ")", elem->table);
            put_expr(p, "offset", &elem->offset);
        }
        bool exprs = elem->exprs != NULL || elem->type != SL_FUNCREF;
        sl_buf_printf(p->out, " %s",
                      exprs ? sl_valtype_text(elem->type) : "func");
        for (uint32_t k = 0; k < elem->n; k++) {
            if (exprs)
                put_expr(p, "item", &elem->exprs[k]);
            else
                put_func(p, elem->funcs[k]);
        }
        put(p, ")");
    }
}

static void put_data_fields(printer *p)
{
    for (uint32_t i = p->m->n_imported_datas; i < p->m->n_datas; i++) {
        const sl_data *data = &p->m->datas[i];
        newline(p, 1);
        put(p, "(data");
        put_index_comment(p, i);
        if (data->mode == SL_SEGMENT_ACTIVE) {
            if (data->memory != 0)
                sl_buf_printf(p->out, " (memory %" PRIu32 ")", data->memory);
            put_expr(p, "offset", &data->offset);
        }
        sl_buf_u8(p->out, ' ');
        sl_put_string(p->out, (sl_name){(const char *)data->bytes, data->len});
        put(p, ")");
    }
}

static bool put_module(printer *p)
{
    put_type_fields(p);
    for (uint32_t i = 0; i < p->m->n_imports; i++)
        put_import(p, &p->m->imports[i]);
    if (!put_func_fields(p))
        return false;
    put_table_fields(p);
    put_memory_fields(p);
    put_tag_fields(p);
    put_global_fields(p);
    put_export_fields(p);
    put_elem_fields(p);
    put_data_fields(p);
    put(p, ")\n");
    return true;
}

/* A null keyword: `module` with the name the module has. */
static bool print(const uint8_t *bytes, size_t len, const char *keyword,
                  unsigned indent, sl_buf *out, sl_err *err)
{
    sl_core_features features = sl_core_features_all;
    features.data_imports = true;
    sl_module *m = sl_module_decode(bytes, len, 0, &features, err);
    if (m == NULL)
        return false;
    printer p = {.m = m, .out = out, .indent = indent, .err = err};
    sl_arena_init(&p.arena);
    sl_put_indent(out, indent);
    sl_buf_printf(out, "(%s", keyword ? keyword : "module");
    if (keyword == NULL && m->name.len > 0) {
        sl_buf_u8(out, ' ');
        sl_put_id(out, m->name);
    }
    bool ok = copy_func_names(&p) && find_local_names(&p) && put_module(&p);
    if (ok && out->failed)
        ok = nomem(&p);
    sl_arena_deinit(&p.arena);
    sl_module_free(m);
    return ok;
}

bool sl_print_module(const uint8_t *bytes, size_t len, sl_buf *out, sl_err *err)
{
    return print(bytes, len, NULL, 0, out, err);
}

bool sl_print_module_as(const uint8_t *bytes, size_t len, const char *keyword,
                        unsigned indent, sl_buf *out, sl_err *err)
{
    return print(bytes, len, keyword, indent, out, err);
}
