/* Types of the component text format. An inline type becomes a definition of
 * its own in front of the one that uses it.
 * Explainer.md "Type Definitions"; Binary.md "Type Definitions". */
#include "text/component_int.h"

const sl_ct_word sl_ct_primitives[] = {
    {"bool", 0x7f},    {"s8", 0x7e},
    {"u8", 0x7d},      {"s16", 0x7c},
    {"u16", 0x7b},     {"s32", 0x7a},
    {"u32", 0x79},     {"s64", 0x78},
    {"u64", 0x77},     {"f32", 0x76},
    {"f64", 0x75},     {"char", 0x74},
    {"string", 0x73},  {"error-context", 0x64},
    {"float32", 0x76}, {"float64", 0x75},
    {NULL, 0},
};

static bool take_primitive(sl_ct *p)
{
    const sl_token *token = sl_peek(p->c);
    if (token->kind != SL_TOK_KEYWORD)
        return false;
    for (const sl_ct_word *w = sl_ct_primitives; w->word != NULL; w++)
        if (sl_name_is(token->text, w->word)) {
            sl_buf_u8(&p->out, w->code);
            sl_next(p->c);
            return true;
        }
    return false;
}

static bool at_rpar(const sl_ct *p)
{
    return sl_peek(p->c)->kind == SL_TOK_RPAR;
}

/* Is there another element of a list that ends with `)`? */
static bool more(const sl_ct *p)
{
    return !at_rpar(p) && sl_peek(p->c)->kind != SL_TOK_EOF;
}

/* --- Value types ------------------------------------------------------------
 */

/* <T>? */
static bool optional_valtype(sl_ct *p)
{
    bool some = more(p);
    sl_buf_u8(&p->out, some);
    return !some || sl_ct_valtype(p);
}

static bool type_record(sl_ct *p)
{
    size_t mark = sl_ct_mark(p);
    uint32_t n = 0;
    for (; more(p); n++) {
        if (!sl_take_form(p->c, "field"))
            return sl_unexpected(p->c);
        if (!sl_ct_put_name(p) || !sl_ct_valtype(p) || !sl_expect_rpar(p->c))
            return false;
    }
    sl_ct_count(p, mark, n);
    return true;
}

static bool type_variant(sl_ct *p)
{
    size_t mark = sl_ct_mark(p);
    uint32_t n = 0;
    for (; more(p); n++) {
        if (!sl_take_form(p->c, "case"))
            return sl_unexpected(p->c);
        sl_take_id(p->c); /* identifies the case to the reader only */
        if (!sl_ct_put_name(p) || !optional_valtype(p) || !sl_expect_rpar(p->c))
            return false;
        sl_buf_u8(&p->out, 0x00);
    }
    sl_ct_count(p, mark, n);
    return true;
}

static bool type_labels(sl_ct *p) /* flags, enum */
{
    size_t mark = sl_ct_mark(p);
    uint32_t n = 0;
    for (; more(p); n++)
        if (!sl_ct_put_name(p))
            return false;
    sl_ct_count(p, mark, n);
    return true;
}

static bool type_tuple(sl_ct *p)
{
    size_t mark = sl_ct_mark(p);
    uint32_t n = 0;
    for (; more(p); n++)
        if (!sl_ct_valtype(p))
            return false;
    sl_ct_count(p, mark, n);
    return true;
}

/* A list of fixed length has a code of its own: 0x67 instead of 0x70. */
static bool type_list(sl_ct *p)
{
    size_t code = sl_ct_mark(p) - 1;
    if (!sl_ct_valtype(p))
        return false;
    if (!more(p))
        return true;
    uint32_t len;
    if (!sl_expect_u32(p->c, &len))
        return false;
    if (!p->out.failed)
        p->out.data[code] = 0x67;
    sl_buf_u32(&p->out, len);
    return true;
}

static bool type_map(sl_ct *p)
{
    return sl_ct_valtype(p) && sl_ct_valtype(p);
}

static bool type_result(sl_ct *p)
{
    bool ok = more(p) && !sl_at_form(p->c, "error");
    sl_buf_u8(&p->out, ok);
    if (ok && !sl_ct_valtype(p))
        return false;
    bool error = sl_take_form(p->c, "error");
    sl_buf_u8(&p->out, error);
    return !error || (sl_ct_valtype(p) && sl_expect_rpar(p->c));
}

static bool type_handle(sl_ct *p)
{
    uint32_t index;
    if (!sl_ct_ref(p, SL_SORT_TYPE, &index))
        return false;
    sl_buf_u32(&p->out, index);
    return true;
}

static const struct compound {
    const char *word;
    uint8_t code;
    bool (*body)(sl_ct *p);
} compounds[] = {
    {"record", 0x72, type_record},
    {"variant", 0x71, type_variant},
    {"list", 0x70, type_list},
    {"tuple", 0x6f, type_tuple},
    {"flags", 0x6e, type_labels},
    {"enum", 0x6d, type_labels},
    {"option", 0x6b, sl_ct_valtype},
    {"result", 0x6a, type_result},
    {"own", 0x69, type_handle},
    {"borrow", 0x68, type_handle},
    {"stream", 0x66, optional_valtype},
    {"future", 0x65, optional_valtype},
    {"map", 0x63, type_map},
};

/* Behind the parenthesis: the compound type up to and with its end. */
static bool compound(sl_ct *p)
{
    for (size_t i = 0; i < sizeof compounds / sizeof *compounds; i++)
        if (sl_take_keyword(p->c, compounds[i].word)) {
            if (!sl_ct_enter(p))
                return false;
            sl_buf_u8(&p->out, compounds[i].code);
            return sl_ct_leave(p, compounds[i].body(p) && sl_expect_rpar(p->c));
        }
    return sl_unexpected(p->c);
}

/* The encodings of value types, for value definitions. */
static bool remember(sl_ct *p, size_t mark, uint32_t index)
{
    sl_ct_scope *s = p->scope;
    if (s->kind != SL_CT_IN_COMPONENT || p->out.failed ||
        p->out.data[mark] < 0x60) /* not a value type */
        return true;
    size_t len = p->out.len - mark;
    char *bytes = sl_arena_dup(p->c->arena, p->out.data + mark, len);
    return (bytes != NULL &&
            sl_vec_push(&s->known, (sl_ct_known){index, {bytes, len}, s})) ||
           sl_cursor_nomem(p->c);
}

/* A type without a name, made by sugar. */
static bool define_type(sl_ct *p, size_t mark, uint32_t *out)
{
    return remember(p, mark, p->scope->count[SL_SORT_TYPE]) &&
           sl_ct_define_as(p, SL_CT_TYPE, mark, SL_SORT_TYPE, (sl_name){0},
                           out);
}

bool sl_ct_valtype(sl_ct *p)
{
    uint32_t index;
    if (take_primitive(p))
        return true;
    if (sl_at_form(p->c, "type") || sl_peek(p->c)->kind != SL_TOK_LPAR) {
        if (!sl_ct_ref(p, SL_SORT_TYPE, &index))
            return false;
    } else {
        size_t mark = sl_ct_mark(p);
        sl_next(p->c);
        if (!compound(p) || !define_type(p, mark, &index))
            return false;
    }
    sl_buf_s64(&p->out, index);
    return true;
}

/* --- Functions --------------------------------------------------------------
 */

bool sl_ct_result_list(sl_ct *p)
{
    if (!sl_take_form(p->c, "result")) {
        sl_buf_bytes(&p->out, "\x01\x00", 2);
        return true;
    }
    sl_buf_u8(&p->out, 0x00);
    return sl_ct_valtype(p) && sl_expect_rpar(p->c);
}

static bool functype(sl_ct *p)
{
    sl_buf_u8(&p->out, sl_take_keyword(p->c, "async") ? 0x43 : 0x40);
    size_t mark = sl_ct_mark(p);
    uint32_t n = 0;
    for (; sl_take_form(p->c, "param"); n++)
        if (!sl_ct_put_name(p) || !sl_ct_valtype(p) || !sl_expect_rpar(p->c))
            return false;
    sl_ct_count(p, mark, n);
    return sl_ct_result_list(p);
}

bool sl_ct_functype(sl_ct *p, uint32_t *out)
{
    size_t mark = sl_ct_mark(p);
    return functype(p) && define_type(p, mark, out);
}

static bool type_resource(sl_ct *p)
{
    sl_buf_u8(&p->out, 0x3f);
    if (!sl_take_form(p->c, "rep"))
        return sl_unexpected(p->c);
    if (!sl_ct_core_valtype(p) || !sl_expect_rpar(p->c))
        return false;
    bool dtor = sl_take_form(p->c, "dtor");
    uint32_t index;
    if (dtor &&
        (!sl_ct_ref(p, SL_SORT_CORE_FUNC, &index) || !sl_expect_rpar(p->c)))
        return false;
    sl_buf_u8(&p->out, dtor);
    if (dtor)
        sl_buf_u32(&p->out, index);
    return true;
}

/* --- Component and instance types -------------------------------------------
 */

static bool import_or_export(sl_ct *p, sl_ct_kind kind)
{
    size_t mark = sl_ct_mark(p);
    sl_name outer_id = kind == SL_CT_EXPORT ? sl_take_id(p->c) : (sl_name){0};
    sl_name id;
    sl_sort sort;
    if (!sl_ct_externname(p) || !sl_ct_externtype(p, &sort, &id))
        return false;
    if (outer_id.data != NULL)
        id = outer_id;
    return sl_expect_rpar(p->c) &&
           sl_ct_define_as(p, kind, mark, sort, id, NULL);
}

static bool type_field(sl_ct *p)
{
    sl_name id = sl_take_id(p->c);
    if (sl_take_form(p->c, "alias"))
        return sl_ct_alias_as(p, SL_SORT_TYPE, id, NULL) &&
               sl_expect_rpar(p->c);
    size_t mark = sl_ct_mark(p);
    return sl_ct_deftype(p, id) && sl_expect_rpar(p->c) &&
           sl_ct_define_as(p, SL_CT_TYPE, mark, SL_SORT_TYPE, id, NULL);
}

static bool declaration(sl_ct *p)
{
    sl_cursor *c = p->c;
    if (!sl_expect_lpar(c))
        return false;
    if (sl_take_keyword(c, "type"))
        return type_field(p);
    if (sl_take_keyword(c, "alias"))
        return sl_ct_alias(p);
    if (sl_take_keyword(c, "export"))
        return import_or_export(p, SL_CT_EXPORT);
    if (p->scope->kind == SL_CT_IN_COMPONENT_TYPE &&
        sl_take_keyword(c, "import"))
        return import_or_export(p, SL_CT_IMPORT);
    if (sl_take_keyword(c, "core")) {
        if (sl_take_keyword(c, "type"))
            return sl_ct_core_type(p);
        if (sl_take_keyword(c, "rec"))
            return sl_ct_core_rec(p);
    }
    return sl_unexpected(c);
}

/* componenttype, instancetype: declarations in a scope of their own. */
static bool declared_type(sl_ct *p, sl_ct_scope_kind kind, sl_name id)
{
    if (!sl_ct_enter(p))
        return false;
    sl_ct_scope scope;
    sl_ct_push(p, &scope, kind, id);
    bool ok = true;
    while (ok && more(p))
        ok = declaration(p);
    if (ok) {
        sl_buf_u8(&p->out, kind == SL_CT_IN_COMPONENT_TYPE ? 0x41 : 0x42);
        sl_buf_u32(&p->out, scope.n_items);
        sl_buf_bytes(&p->out, scope.items.data, scope.items.len);
    }
    sl_ct_pop(p);
    return sl_ct_leave(p, ok);
}

static bool paren_deftype(sl_ct *p, sl_name id)
{
    sl_cursor *c = p->c;
    if (sl_take_keyword(c, "resource"))
        return type_resource(p) && sl_expect_rpar(c);
    if (sl_take_keyword(c, "func"))
        return functype(p) && sl_expect_rpar(c);
    if (sl_take_keyword(c, "component"))
        return declared_type(p, SL_CT_IN_COMPONENT_TYPE, id) &&
               sl_expect_rpar(c);
    if (sl_take_keyword(c, "instance"))
        return declared_type(p, SL_CT_IN_INSTANCE_TYPE, id) &&
               sl_expect_rpar(c);
    size_t mark = sl_ct_mark(p);
    return compound(p) && remember(p, mark, p->scope->count[SL_SORT_TYPE]);
}

bool sl_ct_deftype(sl_ct *p, sl_name id)
{
    size_t mark = sl_ct_mark(p);
    if (take_primitive(p))
        return remember(p, mark, p->scope->count[SL_SORT_TYPE]);
    return sl_expect_lpar(p->c) && paren_deftype(p, id);
}

/* --- Import and export types ------------------------------------------------
 */

bool sl_ct_at_typeuse(const sl_cursor *c)
{
    uint8_t after = sl_peek_at(c, 3)->kind;
    return sl_at_form(c, "type") && sl_ct_at_index(c, 2) &&
           (after == SL_TOK_RPAR || after == SL_TOK_STRING);
}

static bool inline_type(sl_ct *p, sl_sort sort, uint32_t *out)
{
    size_t mark = sl_ct_mark(p);
    switch (sort) {
    case SL_SORT_CORE_MODULE:
        return sl_ct_module_type(p, out);
    case SL_SORT_FUNC:
        return sl_ct_functype(p, out);
    case SL_SORT_COMPONENT:
        return declared_type(p, SL_CT_IN_COMPONENT_TYPE, (sl_name){0}) &&
               define_type(p, mark, out);
    default:
        return declared_type(p, SL_CT_IN_INSTANCE_TYPE, (sl_name){0}) &&
               define_type(p, mark, out);
    }
}

bool sl_ct_typeuse(sl_ct *p, sl_sort sort, uint32_t *out)
{
    if (!sl_ct_at_typeuse(p->c))
        return inline_type(p, sort, out);
    sl_next(p->c);
    sl_next(p->c);
    return sl_ct_ref_tail(p,
                          sort == SL_SORT_CORE_MODULE ? SL_SORT_CORE_TYPE
                                                      : SL_SORT_TYPE,
                          out) &&
           sl_expect_rpar(p->c);
}

/* typebound; an inline type behind `eq` is defined first, as elsewhere. */
static bool typebound(sl_ct *p)
{
    sl_cursor *c = p->c;
    if (sl_take_form(c, "sub")) {
        sl_buf_u8(&p->out, 0x01);
        return sl_expect_keyword(c, "resource") && sl_expect_rpar(c);
    }
    if (!sl_take_form(c, "eq"))
        return sl_unexpected(c);
    sl_buf_u8(&p->out, 0x00);
    uint32_t index;
    if (sl_ct_at_index(c, 0) || sl_at_form(c, "type")) {
        if (!sl_ct_ref(p, SL_SORT_TYPE, &index))
            return false;
    } else {
        size_t mark = sl_ct_mark(p);
        if (!sl_ct_deftype(p, (sl_name){0}) ||
            !sl_ct_define_as(p, SL_CT_TYPE, mark, SL_SORT_TYPE, (sl_name){0},
                             &index))
            return false;
    }
    sl_buf_u32(&p->out, index);
    return sl_ct_know_same(p, p->scope, index) && sl_expect_rpar(c);
}

static bool valuebound(sl_ct *p)
{
    uint32_t index;
    bool eq = sl_take_form(p->c, "eq");
    sl_buf_u8(&p->out, !eq);
    if (!eq)
        return sl_ct_valtype(p);
    if (!sl_ct_ref(p, SL_SORT_VALUE, &index))
        return false;
    sl_buf_u32(&p->out, index);
    return sl_expect_rpar(p->c);
}

bool sl_ct_externtype_body(sl_ct *p, sl_sort sort)
{
    if (sl_ct_sorts[sort].core && sort != SL_SORT_CORE_MODULE &&
        sort != SL_SORT_CORE_DATA)
        return sl_cursor_fail(p->c,
                              "unexpected token: core %s has no "
                              "component-level type",
                              sl_ct_sorts[sort].word);
    sl_ct_put_sort(&p->out, sort);
    if (sort == SL_SORT_CORE_DATA)
        return true;
    if (sort == SL_SORT_TYPE)
        return typebound(p);
    if (sort == SL_SORT_VALUE)
        return valuebound(p);
    uint32_t index;
    if (!sl_ct_typeuse(p, sort, &index))
        return false;
    sl_buf_u32(&p->out, index);
    return true;
}

bool sl_ct_externtype(sl_ct *p, sl_sort *sort, sl_name *id)
{
    if (!sl_expect_lpar(p->c) || !sl_ct_take_sort(p, false, sort))
        return false;
    *id = sl_take_id(p->c);
    return sl_ct_externtype_body(p, *sort) && sl_expect_rpar(p->c);
}
