/* Core modules: text to binary, and the entries of the text formats.
 * Core specification, "Text Format / Modules". */
#include "text/wat_int.h"

/* Words of the grammar that are no instructions. */
static const char *const grammar_words[] = {
    "align",
    "binary",
    "data",
    "declare",
    "elem",
    "export",
    "extern",
    "externref",
    "f32",
    "f64",
    "func",
    "funcref",
    "global",
    "i32",
    "i64",
    "import",
    "item",
    "local",
    "memory",
    "module",
    "mut",
    "null",
    "offset",
    "param",
    "quote",
    "ref",
    "result",
    "start",
    "table",
    "tag",
    "then",
    "type",
    "v128",
    "shared",
    "definition",
    "instance",
    "nan:canonical",
    "nan:arithmetic",
    "rec",
    "sub",
    "final",
    "struct",
    "array",
    "field",
    "i8",
    "i16",
    "anyref",
    "eqref",
    "i31ref",
    "structref",
    "arrayref",
    "nullref",
    "nullfuncref",
    "nullexternref",
    "exnref",
    "nullexnref",
    "any",
    "eq",
    "i31",
    "none",
    "nofunc",
    "noextern",
    "exn",
    "noexn",
    "catch",
    "catch_ref",
    "catch_all",
    "catch_all_ref",
    "i8x16",
    "i16x8",
    "i32x4",
    "i64x2",
    "f32x4",
    "f64x2",
};

static bool learn_words(wat *w)
{
    size_t n = sizeof grammar_words / sizeof *grammar_words;
    bool ok = true;
    for (size_t i = 0; i < n; i++)
        ok = ok && sl_map_put(&w->words, sl_name_of(grammar_words[i]), 0);
    for (uint32_t op = SL_N_OPS - 1; op > SL_OP_NONE; op--)
        ok = ok && sl_map_put(&w->words, sl_name_of(sl_ops[op].text), op);
    return ok || sl_cursor_nomem(w->c);
}

bool wat_word(wat *w, sl_name text, sl_op *out)
{
    uint64_t op;
    if (w->words.n == 0 && !learn_words(w))
        return false;
    if (!sl_map_get(&w->words, text, &op))
        return false;
    *out = (sl_op)op;
    return true;
}

static bool starts_with(sl_name text, const char *prefix)
{
    size_t len = strlen(prefix);
    return text.len >= len && memcmp(text.data, prefix, len) == 0;
}

/* The proposal of an instruction that is not in the table; NULL for none. */
static const char *proposal_of(sl_name text)
{
    static const struct {
        const char *prefix, *proposal;
    } rows[] = {
        {"v128.", "simd"},
        {"i8x16.", "simd"},
        {"i16x8.", "simd"},
        {"i32x4.", "simd"},
        {"i64x2.", "simd"},
        {"f32x4.", "simd"},
        {"f64x2.", "simd"},
        {"struct.", "gc"},
        {"array.", "gc"},
        {"ref.i31", "gc"},
        {"i31.", "gc"},
        {"ref.eq", "gc"},
        {"ref.test", "gc"},
        {"ref.cast", "gc"},
        {"br_on_cast", "gc"},
        {"any.convert", "gc"},
        {"extern.convert", "gc"},
        {"br_on_n", "function-references"},
        {"call_ref", "function-references"},
        {"ref.as_non_null", "function-references"},
        {"return_call_ref", "function-references"},
        {"try", "legacy exceptions"},
        {"catch", "legacy exceptions"},
        {"rethrow", "legacy exceptions"},
        {"delegate", "legacy exceptions"},
        {"memory.atomic", "threads"},
        {"i32.atomic", "threads"},
        {"i64.atomic", "threads"},
        {"atomic.", "threads"},
        {"i64.add128", "wide-arithmetic"},
        {"i64.sub128", "wide-arithmetic"},
        {"i64.mul_wide", "wide-arithmetic"},
    };
    if (text.len && memchr(text.data, '/', text.len))
        return NULL;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (starts_with(text, rows[i].prefix))
            return rows[i].proposal;
    return NULL;
}

bool wat_unsupported(wat *w, const char *what)
{
    sl_fail(w->c->err, SL_EUNSUPPORTED, sl_peek(w->c)->at, "not supported: %s",
            what);
    return sl_cursor_fail(w->c, "not supported");
}

/* A keyword the grammar does not have is an "unknown operator"; the lexer of
 * the specification's own interpreter knows all words. */
bool wat_unexpected(wat *w)
{
    const sl_token *token = sl_peek(w->c);
    sl_op op;
    if (token->kind != SL_TOK_KEYWORD || wat_word(w, token->text, &op) ||
        starts_with(token->text, "offset=") ||
        starts_with(token->text, "align="))
        return sl_unexpected(w->c);
    const char *proposal = proposal_of(token->text);
    if (proposal != NULL)
        return wat_unsupported(w, proposal);
    sl_name text = token->text;
    if (text.len > 64)
        text.len = 64;
    return sl_cursor_fail(w->c, "unknown operator %.*s", SL_NAME_ARGS(text));
}

/* --- Names and indices --------------------------------------------------- */

static const char *const space_words[WAT_N_SPACES] = {
    "type", "func", "table", "memory", "global", "tag", "elem", "data", "local",
};
static const char *const space_long_words[WAT_N_SPACES] = {
    "type", "function",     "table",        "memory", "global",
    "tag",  "elem segment", "data segment", "local",
};

bool wat_bind(wat *w, wat_space space, sl_name id, uint32_t at)
{
    wat_names *names = &w->spaces[space];
    uint32_t index = names->n++;
    if (id.data == NULL)
        return true;
    if (sl_map_get(&names->map, id, NULL))
        return sl_cursor_fail_at(w->c, at, "duplicate %s $%.*s",
                                 space_words[space], SL_NAME_ARGS(id));
    return sl_map_put(&names->map, id, index) || sl_cursor_nomem(w->c);
}

bool wat_at_index(const wat *w)
{
    int kind = sl_peek(w->c)->kind;
    return kind == SL_TOK_ID || kind == SL_TOK_NUMBER;
}

bool wat_index(wat *w, wat_space space, uint32_t *out)
{
    const sl_token *token = sl_peek(w->c);
    uint64_t index = 0;
    if (token->kind == SL_TOK_NUMBER)
        return sl_expect_u32(w->c, out);
    if (token->kind != SL_TOK_ID)
        return wat_unexpected(w);
    if (!sl_map_get(&w->spaces[space].map, token->text, &index))
        return sl_cursor_fail(w->c, "unknown %s $%.*s", space_long_words[space],
                              SL_NAME_ARGS(token->text));
    *out = (uint32_t)index;
    sl_next(w->c);
    return true;
}

static bool expect_rpar(wat *w)
{
    return sl_take_rpar(w->c) || wat_unexpected(w);
}

static bool field_space(sl_name keyword, wat_space *out)
{
    for (int i = WAT_FUNC; i <= WAT_DATA; i++)
        if (sl_name_is(keyword, space_words[i])) {
            *out = (wat_space)i;
            return true;
        }
    return false;
}

static bool is_extern_space(wat_space space)
{
    return space >= WAT_FUNC && space <= WAT_TAG;
}

/* docs/data-segments.md, section 8: data is imported, and never exported. */
static bool is_import_space(wat_space space)
{
    return is_extern_space(space) || space == WAT_DATA;
}

/* The code of an extern kind in imports and exports. */
static uint8_t extern_code(wat_space space)
{
    static const uint8_t codes[] = {
        [WAT_FUNC] = SL_CORE_FUNC,     [WAT_TABLE] = SL_CORE_TABLE,
        [WAT_MEMORY] = SL_CORE_MEMORY, [WAT_GLOBAL] = SL_CORE_GLOBAL,
        [WAT_TAG] = SL_CORE_TAG,       [WAT_DATA] = SL_CORE_DATA,
    };
    return codes[space];
}

/* --- First pass: names, types and the order of imports ------------------- */

static bool scan_import_order(wat *w, wat_space space, uint32_t at)
{
    if (w->defined != NULL)
        return sl_cursor_fail_at(w->c, at, "import after %s", w->defined);
    if (space == WAT_DATA && w->data_defined)
        return sl_cursor_fail_at(w->c, at, "import after data segment");
    return true;
}

/* (import "m" "n" (kind $id ...)) */
static bool scan_import(wat *w, uint32_t at)
{
    wat_space space;
    sl_name name;
    if (!sl_expect_name(w->c, &name) || !sl_expect_name(w->c, &name) ||
        !sl_expect_lpar(w->c))
        return false;
    if (sl_peek(w->c)->kind != SL_TOK_KEYWORD ||
        !field_space(sl_peek(w->c)->text, &space) || !is_import_space(space))
        return wat_unexpected(w);
    sl_next(w->c);
    uint32_t id_at = sl_peek(w->c)->at;
    return scan_import_order(w, space, at) &&
           wat_bind(w, space, sl_take_id(w->c), id_at);
}

/* Is this the abbreviation that brings its own segment along? */
static bool has_inline_segment(const wat *w, wat_space space)
{
    size_t ahead = 0;
    const sl_token *token = sl_peek(w->c);
    if (token->kind == SL_TOK_KEYWORD &&
        (sl_name_is(token->text, "i32") || sl_name_is(token->text, "i64")))
        ahead = 1;
    int kind = sl_peek_at(w->c, ahead)->kind;
    if (space == WAT_TABLE)
        return kind != SL_TOK_NUMBER;
    return space == WAT_MEMORY && kind == SL_TOK_LPAR &&
           sl_name_is(sl_peek_at(w->c, ahead + 1)->text, "data");
}

static bool scan_data(wat *w, uint32_t at)
{
    if (sl_at_form(w->c, "import"))
        return scan_import_order(w, WAT_DATA, at);
    w->data_defined = true;
    return true;
}

/* A definition, perhaps an inline import. */
static bool scan_definition(wat *w, wat_space space, uint32_t at)
{
    uint32_t id_at = sl_peek(w->c)->at;
    if (!wat_bind(w, space, sl_take_id(w->c), id_at))
        return false;
    if (space == WAT_DATA)
        return scan_data(w, at);
    if (!is_extern_space(space))
        return true;
    while (sl_at_form(w->c, "export"))
        sl_skip(w->c);
    if (sl_at_form(w->c, "import"))
        return scan_import_order(w, space, at);
    w->defined = space_long_words[space];
    if (has_inline_segment(w, space))
        w->spaces[space == WAT_TABLE ? WAT_ELEM : WAT_DATA].n++;
    return true;
}

static bool scan_field(wat *w)
{
    const sl_token *field = sl_peek(w->c);
    wat_space space;
    if (!sl_take_lpar(w->c))
        return wat_unexpected(w);
    const sl_token *keyword = sl_peek(w->c);
    if (keyword->kind != SL_TOK_KEYWORD)
        return wat_unexpected(w);
    if (sl_name_is(keyword->text, "rec"))
        return wat_unsupported(w, "gc");
    if (sl_take_keyword(w->c, "type"))
        return wat_type_field(w);
    if (sl_take_keyword(w->c, "import"))
        return scan_import(w, field->at);
    if (sl_at_keyword(w->c, "export") || sl_at_keyword(w->c, "start"))
        return true;
    if (!field_space(keyword->text, &space))
        return wat_unexpected(w);
    sl_next(w->c);
    return scan_definition(w, space, field->at);
}

static bool at_field_end(const wat *w)
{
    int kind = sl_peek(w->c)->kind;
    return kind == SL_TOK_RPAR || kind == SL_TOK_EOF;
}

static bool scan_fields(wat *w)
{
    while (!at_field_end(w)) {
        size_t start = w->c->pos;
        if (!scan_field(w))
            return false;
        w->c->pos = start;
        sl_skip(w->c);
    }
    return true;
}

/* --- Second pass: fields to sections ------------------------------------- */

/* The type of an import or of an inline import. */
static bool parse_extern_type(wat *w, wat_space space, sl_buf *out)
{
    uint32_t type;
    sl_buf_u8(out, extern_code(space));
    switch (space) {
    case WAT_TAG:
        sl_buf_u8(out, 0);
        /* fallthrough */
    case WAT_FUNC:
        if (!wat_typeuse(w, WAT_NAMES_SKIP, &type))
            return false;
        sl_buf_u32(out, type);
        return true;
    case WAT_TABLE:
        return wat_tabletype(w, out);
    case WAT_MEMORY:
        return wat_memtype(w, out);
    case WAT_DATA:
        return true;
    default:
        return wat_globaltype(w, out);
    }
}

static void put_func_name(wat *w, uint32_t index, sl_name id)
{
    if (id.data == NULL)
        return;
    sl_buf_u32(&w->func_names, index);
    sl_buf_name(&w->func_names, id);
    w->n_func_names++;
}

static bool parse_import_names(wat *w, sl_name *module, sl_name *name)
{
    return sl_expect_name(w->c, module) && sl_expect_name(w->c, name);
}

static bool parse_import(wat *w)
{
    sl_name module, name;
    wat_space space;
    if (!parse_import_names(w, &module, &name) || !sl_take_lpar(w->c) ||
        !field_space(sl_next(w->c)->text, &space))
        return wat_unexpected(w);
    sl_name id = sl_take_id(w->c);
    uint32_t index = w->n_indices[space]++;
    if (space == WAT_FUNC)
        put_func_name(w, index, id);
    sl_buf_name(&w->import, module);
    sl_buf_name(&w->import, name);
    w->n_imports++;
    return parse_extern_type(w, space, &w->import) && expect_rpar(w);
}

static void put_export(wat *w, sl_name name, wat_space space, uint32_t index)
{
    sl_buf_name(&w->export, name);
    sl_buf_u8(&w->export, extern_code(space));
    sl_buf_u32(&w->export, index);
    w->n_exports++;
}

static bool parse_export(wat *w)
{
    sl_name name;
    wat_space space;
    uint32_t index;
    if (!sl_expect_name(w->c, &name) || !sl_expect_lpar(w->c))
        return false;
    if (sl_peek(w->c)->kind != SL_TOK_KEYWORD ||
        !field_space(sl_peek(w->c)->text, &space) || !is_extern_space(space))
        return wat_unexpected(w);
    sl_next(w->c);
    if (!wat_index(w, space, &index))
        return false;
    put_export(w, name, space, index);
    return expect_rpar(w);
}

static bool parse_start(wat *w, uint32_t at)
{
    if (w->has_start)
        return sl_cursor_fail_at(w->c, at, "multiple start sections");
    w->has_start = true;
    return wat_index(w, WAT_FUNC, &w->start);
}

/* A constant expression with its `end`. */
static bool parse_expr(wat *w, sl_buf *out)
{
    if (!wat_instrs(w, out))
        return false;
    sl_buf_u8(out, 0x0b);
    return true;
}

/* (offset expr) or one folded instruction. */
static bool parse_offset(wat *w, sl_buf *out)
{
    if (sl_take_form(w->c, "offset"))
        return parse_expr(w, out) && expect_rpar(w);
    if (!wat_folded(w, out))
        return false;
    sl_buf_u8(out, 0x0b);
    return true;
}

/* An expression of an element segment: (item expr) or one folded instruction;
 * counted. */
static bool parse_elem_exprs(wat *w, sl_buf *out, uint32_t *n)
{
    while (sl_peek(w->c)->kind == SL_TOK_LPAR) {
        (*n)++;
        if (sl_take_form(w->c, "item")) {
            if (!parse_expr(w, out) || !expect_rpar(w))
                return false;
        } else {
            if (!wat_folded(w, out))
                return false;
            sl_buf_u8(out, 0x0b);
        }
    }
    return true;
}

static bool parse_elem_funcs(wat *w, sl_buf *out, uint32_t *n)
{
    uint32_t func;
    while (wat_at_index(w)) {
        if (!wat_index(w, WAT_FUNC, &func))
            return false;
        sl_buf_u32(out, func);
        (*n)++;
    }
    return true;
}

/* What an element segment is made of, before it is encoded. */
typedef struct elem_parts {
    bool active, declared, exprs;
    uint32_t table, n;
    sl_valtype type;
    sl_buf offset, items;
} elem_parts;

/* Core specification, "Binary Format / Modules / Element Section": bit 0
 * passive or declarative, bit 1 a table index or declarative, bit 2
 * expressions. */
static void put_elem(wat *w, const elem_parts *e)
{
    bool explicit_type =
        !e->active || e->table != 0 || (e->exprs && e->type != SL_FUNCREF);
    uint32_t flags = e->exprs ? 4 : 0;
    if (!e->active)
        flags |= e->declared ? 3 : 1;
    else if (explicit_type)
        flags |= 2;
    sl_buf_u32(&w->elem, flags);
    if (e->active && explicit_type)
        sl_buf_u32(&w->elem, e->table);
    if (e->active)
        sl_buf_bytes(&w->elem, e->offset.data, e->offset.len);
    if (explicit_type)
        sl_buf_u8(&w->elem, e->exprs ? (uint8_t)e->type : 0x00);
    sl_buf_u32(&w->elem, e->n);
    sl_buf_bytes(&w->elem, e->items.data, e->items.len);
    w->elem.failed |= e->offset.failed || e->items.failed;
    w->n_own[WAT_ELEM]++;
}

/* elemlist, or (behind an offset) function indices alone. */
static bool parse_elem_list(wat *w, elem_parts *e)
{
    if (sl_take_keyword(w->c, "func") || (e->active && !wat_at_reftype(w))) {
        e->type = SL_FUNCREF;
        return parse_elem_funcs(w, &e->items, &e->n);
    }
    e->exprs = true;
    return wat_reftype(w, &e->type) && parse_elem_exprs(w, &e->items, &e->n);
}

static bool parse_elem_parts(wat *w, elem_parts *e)
{
    e->declared = sl_take_keyword(w->c, "declare");
    if (!e->declared && sl_take_form(w->c, "table")) {
        e->active = true;
        if (!wat_index(w, WAT_TABLE, &e->table) || !expect_rpar(w))
            return false;
    }
    if (e->active || (!e->declared && sl_peek(w->c)->kind == SL_TOK_LPAR &&
                      !wat_at_reftype(w))) {
        e->active = true;
        if (!parse_offset(w, &e->offset))
            return false;
    }
    return parse_elem_list(w, e);
}

static bool parse_elem(wat *w)
{
    elem_parts e = {0};
    sl_take_id(w->c);
    bool ok = parse_elem_parts(w, &e);
    if (ok)
        put_elem(w, &e);
    sl_buf_deinit(&e.offset);
    sl_buf_deinit(&e.items);
    return ok;
}

/* i32.const 0 or i64.const 0, with its end. */
static void put_zero_offset(sl_buf *out, uint8_t flags)
{
    sl_buf_u8(out, flags & 4 ? 0x42 : 0x41);
    sl_buf_u8(out, 0);
    sl_buf_u8(out, 0x0b);
}

/* reftype (elem ...) behind the table's index type. */
static bool parse_table_elem(wat *w, uint32_t table, uint8_t flags,
                             elem_parts *e)
{
    if (!wat_reftype(w, &e->type))
        return false;
    if (!sl_take_form(w->c, "elem"))
        return wat_unexpected(w);
    e->active = true;
    e->table = table;
    e->exprs = sl_peek(w->c)->kind == SL_TOK_LPAR || e->type != SL_FUNCREF;
    put_zero_offset(&e->offset, flags);
    bool ok = e->exprs ? parse_elem_exprs(w, &e->items, &e->n)
                       : parse_elem_funcs(w, &e->items, &e->n);
    if (!ok || !expect_rpar(w))
        return false;
    sl_buf_u8(&w->table, (uint8_t)e->type);
    sl_buf_u8(&w->table, flags | 1);
    sl_buf_u32(&w->table, e->n);
    sl_buf_u32(&w->table, e->n);
    put_elem(w, e);
    return true;
}

static bool parse_table(wat *w, uint32_t index)
{
    size_t start = w->c->pos;
    uint8_t flags = wat_addrtype(w);
    if (sl_peek(w->c)->kind != SL_TOK_NUMBER) {
        elem_parts e = {0};
        bool ok = parse_table_elem(w, index, flags, &e);
        sl_buf_deinit(&e.offset);
        sl_buf_deinit(&e.items);
        return ok;
    }
    sl_buf type = {0};
    w->c->pos = start;
    bool ok = wat_tabletype(w, &type);
    bool has_init = ok && sl_peek(w->c)->kind != SL_TOK_RPAR;
    if (has_init) {
        sl_buf_u8(&w->table, 0x40);
        sl_buf_u8(&w->table, 0x00);
    }
    sl_buf_bytes(&w->table, type.data, type.len);
    w->table.failed |= type.failed;
    sl_buf_deinit(&type);
    return ok && (!has_init || parse_expr(w, &w->table));
}

static bool parse_strings(wat *w, sl_buf *out)
{
    while (sl_peek(w->c)->kind == SL_TOK_STRING) {
        sl_name bytes = sl_next(w->c)->text;
        sl_buf_bytes(out, bytes.data, bytes.len);
    }
    return !out->failed || sl_cursor_nomem(w->c);
}

/* (data "..."*) inside a memory. */
static bool parse_memory_data(wat *w, uint32_t memory, uint8_t flags)
{
    sl_buf bytes = {0};
    bool ok = parse_strings(w, &bytes) && expect_rpar(w);
    if (ok) {
        uint64_t pages = (bytes.len + 0xffff) >> 16;
        sl_buf_u8(&w->memory, flags | 1);
        sl_buf_u64(&w->memory, pages);
        sl_buf_u64(&w->memory, pages);
        sl_buf_u8(&w->data, memory ? 2 : 0);
        if (memory)
            sl_buf_u32(&w->data, memory);
        put_zero_offset(&w->data, flags);
        sl_buf_sized(&w->data, &bytes);
        w->n_own[WAT_DATA]++;
    }
    sl_buf_deinit(&bytes);
    return ok;
}

static bool parse_memory(wat *w, uint32_t index)
{
    size_t start = w->c->pos;
    uint8_t flags = wat_addrtype(w);
    if (sl_take_form(w->c, "data"))
        return parse_memory_data(w, index, flags);
    w->c->pos = start;
    return wat_memtype(w, &w->memory);
}

static bool parse_inline_import(wat *w, wat_space space);

static bool parse_data(wat *w)
{
    uint32_t memory = 0;
    sl_buf bytes = {0};
    sl_take_id(w->c);
    if (sl_take_form(w->c, "import"))
        return parse_inline_import(w, WAT_DATA);
    bool explicit_memory = sl_take_form(w->c, "memory");
    if (explicit_memory &&
        (!wat_index(w, WAT_MEMORY, &memory) || !expect_rpar(w)))
        return false;
    bool active = explicit_memory || sl_peek(w->c)->kind == SL_TOK_LPAR;
    sl_buf_u8(&w->data, !active ? 1 : memory ? 2 : 0);
    if (memory)
        sl_buf_u32(&w->data, memory);
    if (active && !parse_offset(w, &w->data))
        return false;
    bool ok = parse_strings(w, &bytes);
    sl_buf_sized(&w->data, &bytes);
    sl_buf_deinit(&bytes);
    w->n_own[WAT_DATA]++;
    return ok;
}

static bool parse_global(wat *w)
{
    return wat_globaltype(w, &w->global) && parse_expr(w, &w->global);
}

static bool parse_tag(wat *w)
{
    uint32_t type;
    if (!wat_typeuse(w, WAT_NAMES_SKIP, &type))
        return false;
    sl_buf_u8(&w->tag, 0);
    sl_buf_u32(&w->tag, type);
    return true;
}

/* The type use of a function; its body waits for the last pass. */
static bool parse_func(wat *w, size_t field, uint32_t index)
{
    wat_body body = {.field = field, .at = w->c->pos, .func = index};
    if (!wat_typeuse(w, WAT_NAMES_SKIP, &body.type))
        return false;
    sl_buf_u32(&w->func, body.type);
    if (!sl_vec_push(&w->bodies, body))
        return sl_cursor_nomem(w->c);
    w->c->pos = field;
    sl_skip(w->c);
    w->c->pos--; /* back before the closing parenthesis */
    if (sl_peek(w->c)->kind == SL_TOK_RPAR)
        return true;
    w->c->pos++;
    return sl_unexpected(w->c);
}

/* ( import "m" "n" ) inside a definition, then the type. */
static bool parse_inline_import(wat *w, wat_space space)
{
    sl_name module, name;
    if (!parse_import_names(w, &module, &name) || !expect_rpar(w))
        return false;
    sl_buf_name(&w->import, module);
    sl_buf_name(&w->import, name);
    w->n_imports++;
    return parse_extern_type(w, space, &w->import);
}

static bool parse_definition(wat *w, wat_space space, size_t field)
{
    sl_name name, id = sl_take_id(w->c);
    uint32_t index = w->n_indices[space]++;
    if (space == WAT_FUNC)
        put_func_name(w, index, id);
    while (sl_take_form(w->c, "export")) {
        if (!sl_expect_name(w->c, &name) || !expect_rpar(w))
            return false;
        put_export(w, name, space, index);
    }
    if (sl_take_form(w->c, "import"))
        return parse_inline_import(w, space);
    w->n_own[space]++;
    switch (space) {
    case WAT_FUNC:
        return parse_func(w, field, index);
    case WAT_TABLE:
        return parse_table(w, index);
    case WAT_MEMORY:
        return parse_memory(w, index);
    case WAT_GLOBAL:
        return parse_global(w);
    default:
        return parse_tag(w);
    }
}

/* Behind the keyword, which the first pass has checked. */
static bool parse_field_body(wat *w, sl_name keyword, size_t field)
{
    wat_space space;
    if (sl_name_is(keyword, "import"))
        return parse_import(w);
    if (sl_name_is(keyword, "export"))
        return parse_export(w);
    if (sl_name_is(keyword, "start"))
        return parse_start(w, w->c->tokens->v[field].at);
    if (!field_space(keyword, &space))
        return wat_unexpected(w);
    if (space == WAT_ELEM)
        return parse_elem(w);
    if (space == WAT_DATA)
        return parse_data(w);
    return parse_definition(w, space, field);
}

static bool parse_fields(wat *w)
{
    while (!at_field_end(w)) {
        size_t field = w->c->pos;
        if (!sl_expect_lpar(w->c))
            return false;
        sl_name keyword = sl_next(w->c)->text;
        if (sl_name_is(keyword, "type")) {
            w->c->pos = field;
            sl_skip(w->c);
            continue;
        }
        if (!parse_field_body(w, keyword, field) || !expect_rpar(w))
            return false;
    }
    return true;
}

/* --- Third pass: function bodies ----------------------------------------- */

/* Runs of equal types, behind the parameters. */
static void put_locals(wat *w, uint32_t n_params, sl_buf *out)
{
    const sl_valtype *v = w->local_types.v;
    size_t n = w->local_types.n, runs = 0;
    for (size_t i = n_params; i < n; i++)
        runs += i == n_params || v[i] != v[i - 1];
    sl_buf_u32(out, (uint32_t)runs);
    for (size_t i = n_params; i < n;) {
        size_t end = i;
        while (end < n && v[end] == v[i])
            end++;
        sl_buf_u32(out, (uint32_t)(end - i));
        sl_buf_u8(out, (uint8_t)v[i]);
        i = end;
    }
}

/* The function's entry in the name section, in the order of indices. */
static void put_local_names(wat *w, uint32_t func)
{
    const sl_map *map = &w->spaces[WAT_LOCAL].map;
    uint32_t n = w->spaces[WAT_LOCAL].n;
    if (map->n == 0)
        return;
    sl_buf_u32(&w->local_names, func);
    sl_buf_u32(&w->local_names, (uint32_t)map->n);
    for (uint32_t i = 0; i < n; i++)
        if (w->local_ids.v[i].data != NULL) {
            sl_buf_u32(&w->local_names, i);
            sl_buf_name(&w->local_names, w->local_ids.v[i]);
        }
    w->n_local_names++;
}

static void forget_locals(wat *w)
{
    sl_map_deinit(&w->spaces[WAT_LOCAL].map);
    w->spaces[WAT_LOCAL].n = 0;
    w->local_types.n = w->local_ids.n = 0;
}

static bool parse_body(wat *w, const wat_body *body)
{
    uint32_t type;
    sl_buf code = {0};
    w->c->pos = body->at;
    forget_locals(w);
    bool ok = wat_typeuse(w, WAT_NAMES_BIND, &type);
    uint32_t n_params = (uint32_t)w->local_types.n;
    ok = ok && wat_locals(w);
    if (ok)
        put_locals(w, n_params, &code);
    ok = ok && parse_expr(w, &code) && expect_rpar(w);
    if (ok)
        put_local_names(w, body->func);
    sl_buf_sized(&w->body, &code);
    sl_buf_deinit(&code);
    return ok;
}

static bool parse_bodies(wat *w)
{
    size_t end = w->c->pos;
    for (size_t i = 0; i < w->bodies.n; i++)
        if (!parse_body(w, &w->bodies.v[i]))
            return false;
    w->c->pos = end;
    return true;
}

/* --- The module ---------------------------------------------------------- */

static void put_section(sl_buf *out, uint8_t id, uint32_t n, const sl_buf *body)
{
    sl_buf head = {0};
    if (n == 0)
        return;
    sl_buf_u32(&head, n);
    sl_buf_u8(out, id);
    sl_buf_u32(out, (uint32_t)(head.len + body->len));
    sl_buf_bytes(out, head.data, head.len);
    sl_buf_bytes(out, body->data, body->len);
    out->failed |= head.failed || body->failed;
    sl_buf_deinit(&head);
}

static void put_types(wat *w, sl_buf *out)
{
    sl_buf body = {0};
    for (size_t i = 0; i < w->types.n; i++) {
        const sl_functype *t = &w->types.v[i];
        sl_buf_u8(&body, 0x60);
        sl_buf_u32(&body, t->n_params);
        for (uint32_t k = 0; k < t->n_params; k++)
            sl_buf_u8(&body, (uint8_t)t->types[k]);
        sl_buf_u32(&body, t->n_results);
        for (uint32_t k = 0; k < t->n_results; k++)
            sl_buf_u8(&body, (uint8_t)t->types[t->n_params + k]);
    }
    put_section(out, 1, (uint32_t)w->types.n, &body);
    sl_buf_deinit(&body);
}

/* Core specification, appendix "Custom Sections / Name Section". */
static void put_name_section(const wat *w, sl_name id, sl_buf *out)
{
    sl_buf body = {0}, name = {0};
    sl_buf_name(&body, SL_NAME("name"));
    size_t empty = body.len;
    if (id.data != NULL) {
        sl_buf_name(&name, id);
        sl_buf_u8(&body, 0);
        sl_buf_sized(&body, &name);
    }
    put_section(&body, 1, w->n_func_names, &w->func_names);
    put_section(&body, 2, w->n_local_names, &w->local_names);
    if (body.len > empty) {
        sl_buf_u8(out, 0);
        sl_buf_sized(out, &body);
    }
    out->failed |= body.failed;
    sl_buf_deinit(&name);
    sl_buf_deinit(&body);
}

static void put_number_section(sl_buf *out, uint8_t id, uint32_t number)
{
    sl_buf body = {0};
    sl_buf_u32(&body, number);
    sl_buf_u8(out, id);
    sl_buf_sized(out, &body);
    sl_buf_deinit(&body);
}

static void put_module(wat *w, sl_name id, sl_buf *out)
{
    uint32_t n_datas = w->n_own[WAT_DATA];
    sl_buf_bytes(out, "\0asm\1\0\0\0", 8);
    put_types(w, out);
    put_section(out, 2, w->n_imports, &w->import);
    put_section(out, 3, (uint32_t)w->bodies.n, &w->func);
    put_section(out, 4, w->n_own[WAT_TABLE], &w->table);
    put_section(out, 5, w->n_own[WAT_MEMORY], &w->memory);
    put_section(out, 13, w->n_own[WAT_TAG], &w->tag);
    put_section(out, 6, w->n_own[WAT_GLOBAL], &w->global);
    put_section(out, 7, w->n_exports, &w->export);
    if (w->has_start)
        put_number_section(out, 8, w->start);
    put_section(out, 9, w->n_own[WAT_ELEM], &w->elem);
    if (w->needs_data_count)
        put_number_section(out, 12, n_datas);
    put_section(out, 10, (uint32_t)w->bodies.n, &w->body);
    put_section(out, 11, n_datas, &w->data);
    put_name_section(w, id, out);
}

static void free_wat(wat *w)
{
    sl_buf *bufs[] = {
        &w->imm,  &w->import,     &w->func,        &w->table, &w->memory,
        &w->tag,  &w->global,     &w->export,      &w->elem,  &w->body,
        &w->data, &w->func_names, &w->local_names,
    };
    for (size_t i = 0; i < sizeof bufs / sizeof *bufs; i++)
        sl_buf_deinit(bufs[i]);
    for (int i = 0; i < WAT_N_SPACES; i++)
        sl_map_deinit(&w->spaces[i].map);
    sl_map_deinit(&w->words);
    sl_vec_deinit(&w->types);
    sl_vec_deinit(&w->bodies);
    sl_vec_deinit(&w->local_types);
    sl_vec_deinit(&w->local_ids);
    sl_vec_deinit(&w->frames);
    sl_vec_deinit(&w->labels);
    sl_vec_deinit(&w->scratch.params);
    sl_vec_deinit(&w->scratch.results);
}

bool sl_parse_module_fields(sl_cursor *c, sl_name id, sl_buf *out)
{
    wat w = {.c = c};
    size_t start = c->pos;
    bool ok = scan_fields(&w);
    if (ok) {
        c->pos = start;
        ok = parse_fields(&w) && parse_bodies(&w);
    }
    if (ok) {
        put_module(&w, id, out);
        ok = !out->failed || sl_cursor_nomem(c);
    }
    free_wat(&w);
    return ok;
}

static bool parse_quoted(sl_cursor *c, sl_buf *out)
{
    sl_buf text = {0};
    sl_err err = {0};
    uint32_t at = sl_peek(c)->at;
    wat w = {.c = c};
    bool ok = parse_strings(&w, &text);
    if (ok && sl_peek(c)->kind != SL_TOK_RPAR)
        ok = sl_unexpected(c);
    if (ok && !sl_text_parse((sl_name){(const char *)text.data, text.len}, out,
                             &err)) {
        sl_fail(c->err, err.code, at, "%s", err.msg);
        ok = sl_cursor_fail(c, "malformed");
    }
    sl_buf_deinit(&text);
    return ok;
}

static bool parse_binary(sl_cursor *c, sl_buf *out)
{
    wat w = {.c = c};
    return parse_strings(&w, out);
}

bool sl_parse_module(sl_cursor *c, sl_buf *out)
{
    if (!sl_expect_lpar(c) || !sl_expect_keyword(c, "module"))
        return false;
    sl_take_keyword(c, "definition");
    sl_name id = sl_take_id(c);
    bool ok;
    if (sl_take_keyword(c, "binary"))
        ok = parse_binary(c, out);
    else if (sl_take_keyword(c, "quote"))
        ok = parse_quoted(c, out);
    else
        ok = sl_parse_module_fields(c, id, out);
    return ok && sl_expect_rpar(c);
}
