/* Types of core modules.
 * Core specification, "Text Format / Types", "Type Uses". */
#include "text/wat_int.h"

static bool expect_rpar(wat *w)
{
    return sl_take_rpar(w->c) || wat_unexpected(w);
}

/* The keyword that is a value type by itself; 0 for none. */
static sl_valtype valtype_of(const sl_token *token)
{
    static const struct {
        const char *text;
        sl_valtype type;
    } rows[] = {
        {"i32", SL_I32},
        {"i64", SL_I64},
        {"f32", SL_F32},
        {"f64", SL_F64},
        {"v128", SL_V128},
        {"funcref", SL_FUNCREF},
        {"externref", SL_EXTERNREF},
        {"exnref", SL_EXNREF},
    };
    if (token->kind != SL_TOK_KEYWORD)
        return 0;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (sl_name_is(token->text, rows[i].text))
            return rows[i].type;
    return 0;
}

/* Reference types of later proposals, by their one-word names. */
static bool is_later_reftype(const sl_token *token)
{
    static const char *const words[] = {
        "anyref",  "eqref",       "i31ref",        "structref",  "arrayref",
        "nullref", "nullfuncref", "nullexternref", "nullexnref",
    };
    if (token->kind != SL_TOK_KEYWORD)
        return false;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (sl_name_is(token->text, words[i]))
            return true;
    return false;
}

static bool at_valtype(const wat *w)
{
    const sl_token *token = sl_peek(w->c);
    return valtype_of(token) != 0 || is_later_reftype(token) ||
           sl_at_form(w->c, "ref");
}

bool wat_at_reftype(const wat *w)
{
    return at_valtype(w) && !(valtype_of(sl_peek(w->c)) >= SL_V128);
}

bool wat_heaptype(wat *w, sl_valtype *out)
{
    if (sl_take_keyword(w->c, "func")) {
        *out = SL_FUNCREF;
        return true;
    }
    if (sl_take_keyword(w->c, "extern")) {
        *out = SL_EXTERNREF;
        return true;
    }
    if (sl_take_keyword(w->c, "exn")) {
        *out = SL_EXNREF;
        return true;
    }
    if (wat_at_index(w))
        return wat_unsupported(w, "function-references");
    static const char *const later[] = {
        "any",   "none",   "eq",       "i31",   "struct",
        "array", "nofunc", "noextern", "noexn",
    };
    for (size_t i = 0; i < sizeof later / sizeof *later; i++)
        if (sl_at_keyword(w->c, later[i]))
            return wat_unsupported(w, "gc");
    return wat_unexpected(w);
}

/* (ref null? heaptype): only what funcref and externref abbreviate. */
static bool parse_ref(wat *w, sl_valtype *out)
{
    bool nullable = sl_take_keyword(w->c, "null");
    if (!wat_heaptype(w, out) || !expect_rpar(w))
        return false;
    return nullable || wat_unsupported(w, "function-references");
}

bool wat_valtype(wat *w, sl_valtype *out)
{
    *out = valtype_of(sl_peek(w->c));
    if (*out != 0) {
        sl_next(w->c);
        return true;
    }
    if (is_later_reftype(sl_peek(w->c)))
        return wat_unsupported(w, "gc");
    if (sl_take_form(w->c, "ref"))
        return parse_ref(w, out);
    return wat_unexpected(w);
}

bool wat_reftype(wat *w, sl_valtype *out)
{
    return wat_at_reftype(w) ? wat_valtype(w, out) : wat_unexpected(w);
}

/* --- Locals -------------------------------------------------------------- */

static bool push_local(wat *w, sl_name id, uint32_t at, sl_valtype type)
{
    if (!wat_bind(w, WAT_LOCAL, id, at))
        return false;
    return (sl_vec_push(&w->local_types, type) &&
            sl_vec_push(&w->local_ids, id)) ||
           sl_cursor_nomem(w->c);
}

/* (local $x t) or (local t*): behind the keyword. */
static bool parse_local_form(wat *w)
{
    sl_valtype type;
    uint32_t at = sl_peek(w->c)->at;
    sl_name id = sl_take_id(w->c);
    if (id.data != NULL)
        return wat_valtype(w, &type) && push_local(w, id, at, type) &&
               expect_rpar(w);
    while (at_valtype(w))
        if (!wat_valtype(w, &type) || !push_local(w, id, at, type))
            return false;
    return expect_rpar(w);
}

bool wat_locals(wat *w)
{
    while (sl_take_form(w->c, "local"))
        if (!parse_local_form(w))
            return false;
    return true;
}

/* --- Function types ------------------------------------------------------ */

/* (param $x t) or (param t*): behind the keyword. */
static bool parse_param_form(wat *w, wat_param_names names, wat_type *out)
{
    sl_valtype type;
    uint32_t at = sl_peek(w->c)->at;
    bool bind = names == WAT_NAMES_BIND;
    if (names == WAT_NAMES_NONE && sl_peek(w->c)->kind == SL_TOK_ID)
        return sl_unexpected(w->c);
    sl_name id = sl_take_id(w->c);
    while (id.data != NULL || at_valtype(w)) {
        if (!wat_valtype(w, &type) || (bind && !push_local(w, id, at, type)))
            return false;
        if (!sl_vec_push(&out->params, type))
            return sl_cursor_nomem(w->c);
        if (id.data != NULL)
            break;
    }
    return expect_rpar(w);
}

static bool parse_result_form(wat *w, wat_type *out)
{
    sl_valtype type;
    while (at_valtype(w)) {
        if (!wat_valtype(w, &type))
            return false;
        if (!sl_vec_push(&out->results, type))
            return sl_cursor_nomem(w->c);
    }
    return expect_rpar(w);
}

/* (param ...)* (result ...)* */
static bool parse_signature(wat *w, wat_param_names names, wat_type *out)
{
    out->params.n = out->results.n = 0;
    while (sl_take_form(w->c, "param"))
        if (!parse_param_form(w, names, out))
            return false;
    while (sl_take_form(w->c, "result"))
        if (!parse_result_form(w, out))
            return false;
    return true;
}

static bool same_types(const sl_valtype *a, const sl_valtype *b, size_t n)
{
    return n == 0 || memcmp(a, b, n * sizeof *a) == 0;
}

static bool is_type(const sl_functype *have, const wat_type *want)
{
    return have->n_params == want->params.n &&
           have->n_results == want->results.n &&
           same_types(have->types, want->params.v, want->params.n) &&
           same_types(sl_functype_results(have), want->results.v,
                      want->results.n);
}

static bool add_type(wat *w, const wat_type *type)
{
    size_t np = type->params.n, nr = type->results.n;
    sl_valtype *types = sl_arena_array(w->c->arena, sl_valtype, np + nr + 1);
    if (types == NULL)
        return sl_cursor_nomem(w->c);
    if (np)
        memcpy(types, type->params.v, np * sizeof *types);
    if (nr)
        memcpy(types + np, type->results.v, nr * sizeof *types);
    sl_functype made = {(uint32_t)np, (uint32_t)nr, types};
    return sl_vec_push(&w->types, made) || sl_cursor_nomem(w->c);
}

/* The first type that is this, or a new one at the end. */
static bool find_type(wat *w, const wat_type *type, uint32_t *out)
{
    for (size_t i = 0; i < w->types.n; i++)
        if (is_type(&w->types.v[i], type)) {
            *out = (uint32_t)i;
            return true;
        }
    *out = (uint32_t)w->types.n;
    return add_type(w, type);
}

bool wat_type_field(wat *w)
{
    uint32_t at = sl_peek(w->c)->at;
    if (!wat_bind(w, WAT_TYPE, sl_take_id(w->c), at))
        return false;
    if (sl_at_form(w->c, "struct") || sl_at_form(w->c, "array") ||
        sl_at_form(w->c, "sub"))
        return wat_unsupported(w, "gc");
    if (!sl_take_form(w->c, "func"))
        return wat_unexpected(w);
    return parse_signature(w, WAT_NAMES_SKIP, &w->scratch) && expect_rpar(w) &&
           add_type(w, &w->scratch) && expect_rpar(w);
}

/* Makes the parameters of a type the first locals, without names. */
static bool param_locals(wat *w, uint32_t index)
{
    if (index >= w->types.n)
        return true; /* the validator says so */
    const sl_functype *type = &w->types.v[index];
    for (uint32_t i = 0; i < type->n_params; i++)
        if (!push_local(w, (sl_name){0}, 0, type->types[i]))
            return false;
    return true;
}

/* Behind `(type`: the index and what is written out must agree. */
static bool explicit_typeuse(wat *w, wat_param_names names, uint32_t *out)
{
    uint32_t at = sl_peek(w->c)->at;
    if (!wat_index(w, WAT_TYPE, out) || !expect_rpar(w) ||
        !parse_signature(w, names, &w->scratch))
        return false;
    if (w->scratch.params.n + w->scratch.results.n == 0)
        return names != WAT_NAMES_BIND || param_locals(w, *out);
    if (sl_at_form(w->c, "param") || sl_at_form(w->c, "type"))
        return sl_unexpected(w->c); /* out of order: comes first */
    if (*out >= w->types.n)
        return sl_cursor_fail_at(w->c, at, "unknown type %u", *out);
    return is_type(&w->types.v[*out], &w->scratch) ||
           sl_cursor_fail_at(w->c, at, "inline function type");
}

bool wat_typeuse(wat *w, wat_param_names names, uint32_t *out)
{
    if (sl_take_form(w->c, "type"))
        return explicit_typeuse(w, names, out);
    return parse_signature(w, names, &w->scratch) &&
           find_type(w, &w->scratch, out);
}

bool wat_blocktype(wat *w, int64_t *out)
{
    uint32_t index;
    if (sl_take_form(w->c, "type")) {
        bool ok = explicit_typeuse(w, WAT_NAMES_NONE, &index);
        *out = index;
        return ok;
    }
    if (!parse_signature(w, WAT_NAMES_NONE, &w->scratch))
        return false;
    if (w->scratch.params.n == 0 && w->scratch.results.n == 0) {
        *out = SL_BLOCK_EMPTY;
        return true;
    }
    if (w->scratch.params.n == 0 && w->scratch.results.n == 1) {
        *out = (int64_t)w->scratch.results.v[0] - 0x80;
        return true;
    }
    bool ok = find_type(w, &w->scratch, &index);
    *out = index;
    return ok;
}

/* --- Limits, tables, memories, globals ----------------------------------- */

uint8_t wat_addrtype(wat *w)
{
    if (sl_take_keyword(w->c, "i64"))
        return 4;
    sl_take_keyword(w->c, "i32");
    return 0;
}

/* min max? shared? with the flags of the binary format. */
static bool parse_limits(wat *w, uint8_t flags, sl_buf *out)
{
    uint64_t min, max = 0;
    if (sl_at_form(w->c, "pagesize"))
        return wat_unsupported(w, "custom-page-sizes");
    if (sl_peek(w->c)->kind != SL_TOK_NUMBER)
        return wat_unexpected(w);
    if (!sl_expect_u64(w->c, &min))
        return false;
    if (sl_peek(w->c)->kind == SL_TOK_NUMBER) {
        flags |= 1;
        if (!sl_expect_u64(w->c, &max))
            return false;
    }
    if (sl_take_keyword(w->c, "shared"))
        flags |= 2;
    if (sl_at_form(w->c, "pagesize"))
        return wat_unsupported(w, "custom-page-sizes");
    sl_buf_u8(out, flags);
    sl_buf_u64(out, min);
    if (flags & 1)
        sl_buf_u64(out, max);
    return true;
}

bool wat_memtype(wat *w, sl_buf *out)
{
    uint8_t flags = wat_addrtype(w);
    return parse_limits(w, flags, out);
}

bool wat_tabletype(wat *w, sl_buf *out)
{
    sl_valtype type = 0;
    sl_buf limits = {0};
    uint8_t flags = wat_addrtype(w);
    bool ok = parse_limits(w, flags, &limits) && wat_reftype(w, &type);
    sl_buf_u8(out, (uint8_t)type);
    sl_buf_bytes(out, limits.data, limits.len);
    out->failed |= limits.failed;
    sl_buf_deinit(&limits);
    return ok;
}

bool wat_globaltype(wat *w, sl_buf *out)
{
    sl_valtype type;
    bool mutable_ = sl_take_form(w->c, "mut");
    if (!wat_valtype(w, &type) || (mutable_ && !expect_rpar(w)))
        return false;
    sl_buf_u8(out, (uint8_t)type);
    sl_buf_u8(out, mutable_);
    return true;
}
