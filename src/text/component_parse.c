/* Components in text to components in binary: the fields, one pass.
 * Explainer.md "Component Definitions", "Instance Definitions",
 * "Import and Export Definitions"; docs/data-segments.md, section 3. */
#include "text/component_int.h"

/* --- Inline imports and exports ---------------------------------------------
 */

/* (export "n")* and (import "n") behind a field's $id: where they are in the
 * text. The exports follow the definition, the import replaces it. */
typedef struct inlined {
    size_t exports, import;
    uint32_t n_exports;
    bool has_import;
} inlined;

/* Is this `(word "n" attribute*)`, with nothing else in it? */
static bool at_inline(const sl_cursor *c, const char *word)
{
    sl_cursor ahead = *c;
    if (!sl_take_form(&ahead, word) || sl_next(&ahead)->kind != SL_TOK_STRING)
        return false;
    while (sl_ct_attribute(&ahead) >= 0)
        sl_skip(&ahead);
    return sl_peek(&ahead)->kind == SL_TOK_RPAR;
}

static inlined take_inlined(sl_ct *p)
{
    inlined in = {.exports = p->c->pos};
    for (; at_inline(p->c, "export"); in.n_exports++)
        sl_skip(p->c);
    if (at_inline(p->c, "import")) {
        in.has_import = true;
        in.import = p->c->pos;
        sl_skip(p->c);
    }
    return in;
}

/* Defines the exports of what has just been defined. */
static bool put_exports(sl_ct *p, const inlined *in, sl_sort sort,
                        uint32_t index)
{
    sl_cursor *c = p->c;
    size_t end = c->pos;
    c->pos = in->exports;
    for (uint32_t i = 0; i < in->n_exports; i++) {
        size_t mark = sl_ct_mark(p);
        sl_next(c);
        sl_next(c);
        if (!sl_ct_externname(p) || !sl_expect_rpar(c))
            return false;
        sl_ct_put_sort(&p->out, sort);
        sl_buf_u32(&p->out, index);
        sl_buf_u8(&p->out, 0x00);
        if (sort == SL_SORT_TYPE && !sl_ct_know_same(p, p->scope, index))
            return false;
        if (!sl_ct_define_as(p, SL_CT_EXPORT, mark, sort, (sl_name){0}, NULL))
            return false;
    }
    c->pos = end;
    return true;
}

/* `(sort $id? (import "n") type)`, the cursor before the type. */
static bool inline_import(sl_ct *p, const inlined *in, sl_sort sort, sl_name id,
                          uint32_t *out)
{
    sl_cursor *c = p->c;
    size_t mark = sl_ct_mark(p), type = c->pos;
    c->pos = in->import + 2;
    if (!sl_ct_externname(p))
        return false;
    c->pos = type;
    return sl_ct_externtype_body(p, sort) &&
           sl_ct_define_as(p, SL_CT_IMPORT, mark, sort, id, out);
}

/* `(sort $id? (alias ...))`: an alias that does not say its sort itself, as
 * the first field of a component would. */
static bool at_inverted_alias(const sl_cursor *c)
{
    sl_cursor ahead = *c;
    if (!sl_take_form(&ahead, "alias"))
        return false;
    uint8_t kind;
    do
        kind = sl_next(&ahead)->kind;
    while (kind != SL_TOK_LPAR && kind != SL_TOK_RPAR && kind != SL_TOK_EOF);
    return kind == SL_TOK_RPAR;
}

/* What fields of every sort have in common: id, inline exports, an inline
 * import or an alias in place of the definition. `body` parses the latter. */
static bool field(sl_ct *p, sl_sort sort,
                  bool (*body)(sl_ct *p, sl_name id, uint32_t *out))
{
    sl_name id = sl_take_id(p->c);
    inlined in = take_inlined(p);
    uint32_t index = 0;
    bool ok;
    if (in.has_import)
        ok = inline_import(p, &in, sort, id, &index);
    else if (at_inverted_alias(p->c) && sl_take_form(p->c, "alias"))
        ok = sl_ct_alias_as(p, sort, id, &index);
    else if (body != NULL)
        ok = body(p, id, &index);
    else
        ok = sl_unexpected(p->c);
    return ok && sl_expect_rpar(p->c) && put_exports(p, &in, sort, index);
}

/* --- Modules, components ----------------------------------------------------
 */

/* Strings in a row, as bytes. */
static bool joined_strings(sl_cursor *c, sl_buf *out)
{
    sl_name bytes;
    while (sl_peek(c)->kind == SL_TOK_STRING && sl_expect_string(c, &bytes))
        sl_buf_bytes(out, bytes.data, bytes.len);
    return !out->failed || sl_cursor_nomem(c);
}

static bool body_core_module(sl_ct *p, sl_name id, uint32_t *out)
{
    sl_buf module = {0};
    bool ok = sl_take_keyword(p->c, "binary")
                  ? joined_strings(p->c, &module)
                  : sl_parse_module_fields(p->c, id, &module);
    ok = ok && sl_ct_section(p, SL_CT_CORE_MODULE, &module) &&
         sl_ct_add(p, SL_SORT_CORE_MODULE, id, out);
    sl_buf_deinit(&module);
    return ok;
}

static bool component_field(sl_ct *p);

/* Fields up to the closing parenthesis (or the end of a quoted text), in a
 * scope of their own; the finished bytes go to *out. */
static bool component_fields(sl_ct *p, sl_name id, sl_buf *out)
{
    if (!sl_ct_enter(p))
        return false;
    sl_ct_scope scope;
    sl_ct_push(p, &scope, SL_CT_IN_COMPONENT, id);
    bool ok = true;
    while (ok && sl_peek(p->c)->kind == SL_TOK_LPAR)
        ok = component_field(p);
    ok = ok && sl_ct_finish(p);
    if (ok) {
        *out = scope.done;
        scope.done = (sl_buf){0};
    }
    sl_ct_pop(p);
    return sl_ct_leave(p, ok);
}

static bool body_component(sl_ct *p, sl_name id, uint32_t *out)
{
    sl_buf nested = {0};
    bool ok = component_fields(p, id, &nested) &&
              sl_ct_section(p, SL_CT_COMPONENT, &nested) &&
              sl_ct_add(p, SL_SORT_COMPONENT, id, out);
    sl_buf_deinit(&nested);
    return ok;
}

/* --- Instances --------------------------------------------------------------
 */

/* (export "n" (sort X))*, as a vec. */
static bool inline_exports(sl_ct *p, bool core)
{
    size_t mark = sl_ct_mark(p);
    uint32_t n = 0, index;
    sl_sort sort;
    for (; sl_take_form(p->c, "export"); n++) {
        if (!(core ? sl_ct_put_name(p) : sl_ct_externname(p)) ||
            !sl_ct_any_ref(p, core, &sort, &index))
            return false;
        if (core)
            sl_buf_u8(&p->out, sl_ct_sorts[sort].code);
        else
            sl_ct_put_sort(&p->out, sort);
        sl_buf_u32(&p->out, index);
        if (!sl_expect_rpar(p->c))
            return false;
    }
    sl_ct_count(p, mark, n);
    return true;
}

static bool synthesised(sl_ct *p, bool core, sl_name id, uint32_t *out)
{
    size_t mark = sl_ct_mark(p);
    sl_buf_u8(&p->out, 0x01);
    return inline_exports(p, core) &&
           sl_ct_define_as(p, core ? SL_CT_CORE_INSTANCE : SL_CT_INSTANCE, mark,
                           core ? SL_SORT_CORE_INSTANCE : SL_SORT_INSTANCE, id,
                           out);
}

/* What stands in a `with`: a reference, or `(instance (export ...)*)`. */
static bool argument(sl_ct *p, bool core, sl_sort *sort, uint32_t *out)
{
    sl_cursor *c = p->c;
    size_t start = c->pos;
    if (!sl_take_form(c, "instance") || sl_ct_at_index(c, 0)) {
        c->pos = start;
        return sl_ct_any_ref(p, core, sort, out);
    }
    *sort = core ? SL_SORT_CORE_INSTANCE : SL_SORT_INSTANCE;
    return synthesised(p, core, (sl_name){0}, out) && sl_expect_rpar(c);
}

static bool instantiate(sl_ct *p, bool core)
{
    uint32_t index, n = 0;
    sl_sort sort;
    sl_buf_u8(&p->out, 0x00);
    if (!sl_ct_ref(p, core ? SL_SORT_CORE_MODULE : SL_SORT_COMPONENT, &index))
        return false;
    sl_buf_u32(&p->out, index);
    size_t mark = sl_ct_mark(p);
    for (; sl_take_form(p->c, "with"); n++) {
        if (!sl_ct_put_name(p) || !argument(p, core, &sort, &index))
            return false;
        if (core)
            sl_buf_u8(&p->out, sl_ct_sorts[sort].code);
        else
            sl_ct_put_sort(&p->out, sort);
        sl_buf_u32(&p->out, index);
        if (!sl_expect_rpar(p->c))
            return false;
    }
    sl_ct_count(p, mark, n);
    return sl_expect_rpar(p->c);
}

static bool any_instance(sl_ct *p, bool core, sl_name id, uint32_t *out)
{
    size_t mark = sl_ct_mark(p);
    if (!sl_take_form(p->c, "instantiate"))
        return synthesised(p, core, id, out);
    return instantiate(p, core) &&
           sl_ct_define_as(p, core ? SL_CT_CORE_INSTANCE : SL_CT_INSTANCE, mark,
                           core ? SL_SORT_CORE_INSTANCE : SL_SORT_INSTANCE, id,
                           out);
}

static bool body_core_instance(sl_ct *p, sl_name id, uint32_t *out)
{
    return any_instance(p, true, id, out);
}

static bool body_instance(sl_ct *p, sl_name id, uint32_t *out)
{
    return any_instance(p, false, id, out);
}

/* --- Functions, types, data, values, start ----------------------------------
 */

static bool body_core_func(sl_ct *p, sl_name id, uint32_t *out)
{
    return sl_ct_canon_core(p, id, out);
}

static bool body_func(sl_ct *p, sl_name id, uint32_t *out)
{
    uint32_t type;
    return sl_ct_typeuse(p, SL_SORT_FUNC, &type) &&
           sl_ct_canon_lift(p, type, id, out);
}

static bool body_type(sl_ct *p, sl_name id, uint32_t *out)
{
    size_t mark = sl_ct_mark(p);
    return sl_ct_deftype(p, id) &&
           sl_ct_define_as(p, SL_CT_TYPE, mark, SL_SORT_TYPE, id, out);
}

static bool body_data(sl_ct *p, sl_name id, uint32_t *out)
{
    size_t mark = sl_ct_mark(p);
    return sl_ct_data(p) &&
           sl_ct_define_as(p, SL_CT_DATA, mark, SL_SORT_CORE_DATA, id, out);
}

static bool body_value(sl_ct *p, sl_name id, uint32_t *out)
{
    size_t mark = sl_ct_mark(p);
    return sl_ct_value(p) &&
           sl_ct_define_as(p, SL_CT_VALUE, mark, SL_SORT_VALUE, id, out);
}

/* (start $f (value v)* (result (value $id?))*): a section of its own. */
static bool field_start(sl_ct *p)
{
    sl_cursor *c = p->c;
    size_t mark = sl_ct_mark(p);
    uint32_t index, n = 0, results = 0;
    if (!sl_ct_ref(p, SL_SORT_FUNC, &index))
        return false;
    sl_buf_u32(&p->out, index);
    size_t args = sl_ct_mark(p);
    for (; sl_at_form(c, "value"); n++) {
        if (!sl_ct_ref(p, SL_SORT_VALUE, &index))
            return false;
        sl_buf_u32(&p->out, index);
    }
    sl_ct_count(p, args, n);
    for (; sl_take_form(c, "result"); results++)
        if (!(sl_take_form(c, "value")
                  ? sl_ct_add(p, SL_SORT_VALUE, sl_take_id(c), NULL)
                  : sl_unexpected(c)) ||
            !sl_expect_rpar(c) || !sl_expect_rpar(c))
            return false;
    sl_buf_u32(&p->out, results);
    if (p->out.failed)
        return sl_cursor_nomem(c);
    sl_buf body = {0}; /* ending the open section writes to p->out */
    sl_buf_bytes(&body, p->out.data + mark, p->out.len - mark);
    p->out.len = mark;
    bool ok = sl_expect_rpar(c) && sl_ct_section(p, SL_CT_START, &body);
    sl_buf_deinit(&body);
    return ok;
}

/* --- Imports and exports ----------------------------------------------------
 */

static bool field_import(sl_ct *p)
{
    size_t mark = sl_ct_mark(p);
    sl_sort sort;
    sl_name id;
    return sl_ct_externname(p) && sl_ct_externtype(p, &sort, &id) &&
           sl_expect_rpar(p->c) &&
           sl_ct_define_as(p, SL_CT_IMPORT, mark, sort, id, NULL);
}

static bool field_export(sl_ct *p)
{
    sl_name id = sl_take_id(p->c), no_id;
    size_t mark = sl_ct_mark(p);
    sl_sort sort, ascribed;
    uint32_t index;
    if (!sl_ct_externname(p) || !sl_ct_any_ref(p, false, &sort, &index))
        return false;
    sl_ct_put_sort(&p->out, sort);
    sl_buf_u32(&p->out, index);
    bool typed = sl_peek(p->c)->kind == SL_TOK_LPAR;
    sl_buf_u8(&p->out, typed);
    if (typed && !sl_ct_externtype(p, &ascribed, &no_id))
        return false;
    if (!typed && sort == SL_SORT_TYPE &&
        !sl_ct_know_same(p, p->scope, index))
        return false;
    return sl_expect_rpar(p->c) &&
           sl_ct_define_as(p, SL_CT_EXPORT, mark, sort, id, NULL);
}

/* --- Fields -----------------------------------------------------------------
 */

static bool core_field(sl_ct *p)
{
    sl_cursor *c = p->c;
    if (sl_take_keyword(c, "module"))
        return field(p, SL_SORT_CORE_MODULE, body_core_module);
    if (sl_take_keyword(c, "instance"))
        return field(p, SL_SORT_CORE_INSTANCE, body_core_instance);
    if (sl_take_keyword(c, "func"))
        return field(p, SL_SORT_CORE_FUNC, body_core_func);
    if (sl_take_keyword(c, "data"))
        return field(p, SL_SORT_CORE_DATA, body_data);
    if (sl_take_keyword(c, "type"))
        return sl_ct_core_type(p);
    if (sl_take_keyword(c, "rec"))
        return sl_ct_core_rec(p);
    for (int sort = SL_SORT_CORE_TABLE; sort <= SL_SORT_CORE_TAG; sort++)
        if (sl_take_keyword(c, sl_ct_sorts[sort].word))
            return field(p, (sl_sort)sort, NULL);
    return sl_unexpected(c);
}

static const struct field_row {
    const char *word;
    sl_sort sort;
    bool (*body)(sl_ct *p, sl_name id, uint32_t *out);
    bool (*whole)(sl_ct *p); /* a field of another shape */
} fields[] = {
    {"component", SL_SORT_COMPONENT, body_component, NULL},
    {"instance", SL_SORT_INSTANCE, body_instance, NULL},
    {"func", SL_SORT_FUNC, body_func, NULL},
    {"type", SL_SORT_TYPE, body_type, NULL},
    {"value", SL_SORT_VALUE, body_value, NULL},
    {"core", SL_N_SORTS, NULL, core_field},
    {"alias", SL_N_SORTS, NULL, sl_ct_alias},
    {"canon", SL_N_SORTS, NULL, sl_ct_canon},
    {"import", SL_N_SORTS, NULL, field_import},
    {"export", SL_N_SORTS, NULL, field_export},
    {"start", SL_N_SORTS, NULL, field_start},
};

static bool component_field(sl_ct *p)
{
    if (!sl_expect_lpar(p->c))
        return false;
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
        if (sl_take_keyword(p->c, fields[i].word))
            return fields[i].whole != NULL
                       ? fields[i].whole(p)
                       : field(p, fields[i].sort, fields[i].body);
    return sl_unexpected(p->c);
}

/* --- Whole components -------------------------------------------------------
 */

static bool parse_fields(sl_cursor *c, sl_name id, sl_buf *out)
{
    sl_ct p = {.c = c};
    sl_buf bytes = {0};
    bool ok = component_fields(&p, id, &bytes);
    if (ok)
        sl_buf_bytes(out, bytes.data, bytes.len);
    sl_buf_deinit(&bytes);
    sl_buf_deinit(&p.out);
    return ok && (!out->failed || sl_cursor_nomem(c));
}

/* The strings, a line each, are the text of the fields. A failure in there is
 * reported where the form stands. */
static bool parse_quoted(sl_cursor *c, sl_name id, uint32_t at, sl_buf *out)
{
    sl_buf text = {0};
    sl_name line;
    while (sl_peek(c)->kind == SL_TOK_STRING && sl_expect_string(c, &line)) {
        sl_buf_bytes(&text, line.data, line.len);
        sl_buf_u8(&text, '\n');
    }
    sl_err err = {0};
    sl_tokens tokens;
    sl_cursor inner = {&tokens, 0, c->arena, &err};
    sl_name source = {sl_arena_dup(c->arena, text.data, text.len), text.len};
    bool ok = source.data != NULL && !text.failed;
    sl_buf_deinit(&text);
    if (!ok)
        return sl_cursor_nomem(c);
    ok = sl_lex(source, c->arena, &tokens, &err) &&
         parse_fields(&inner, id, out) &&
         (sl_peek(&inner)->kind == SL_TOK_EOF || sl_unexpected(&inner));
    if (!ok) {
        sl_fail(c->err, err.code, at, "%s", err.msg);
        return sl_cursor_fail_at(c, at, "%s", err.msg);
    }
    return true;
}

bool sl_parse_component(sl_cursor *c, sl_buf *out)
{
    uint32_t at = sl_peek(c)->at;
    if (!sl_take_form(c, "component"))
        return sl_unexpected(c);
    sl_take_keyword(c, "definition");
    sl_name id = sl_take_id(c);
    bool ok;
    if (sl_take_keyword(c, "binary"))
        ok = joined_strings(c, out);
    else if (sl_take_keyword(c, "quote"))
        ok = parse_quoted(c, id, at, out);
    else
        ok = parse_fields(c, id, out);
    return ok && sl_expect_rpar(c);
}
