/* Core types and module types of the component text format.
 * Core specification, "Text Format / Types"; Explainer.md, core:moduletype. */
#include "text/component_int.h"

const sl_ct_heap sl_ct_heaps[] = {
    {"func", "funcref", 0x70},
    {"extern", "externref", 0x6f},
    {"any", "anyref", 0x6e},
    {"eq", "eqref", 0x6d},
    {"i31", "i31ref", 0x6c},
    {"struct", "structref", 0x6b},
    {"array", "arrayref", 0x6a},
    {"exn", "exnref", 0x69},
    {"none", "nullref", 0x71},
    {"noextern", "nullexternref", 0x72},
    {"nofunc", "nullfuncref", 0x73},
    {"noexn", "nullexnref", 0x74},
    {NULL, NULL, 0},
};

static const sl_ct_word numbers[] = {
    {"i32", 0x7f}, {"i64", 0x7e},  {"f32", 0x7d},
    {"f64", 0x7c}, {"v128", 0x7b}, {NULL, 0},
};
static const sl_ct_word packed[] = {
    {"i8", 0x78},
    {"i16", 0x77},
    {NULL, 0},
};

static bool more(const sl_ct *p)
{
    uint8_t kind = sl_peek(p->c)->kind;
    return kind != SL_TOK_RPAR && kind != SL_TOK_EOF;
}

static bool take_word(sl_ct *p, const sl_ct_word *words)
{
    for (; words->word != NULL; words++)
        if (sl_take_keyword(p->c, words->word)) {
            sl_buf_u8(&p->out, words->code);
            return true;
        }
    return false;
}

/* --- Value types ------------------------------------------------------------
 */

static bool heaptype(sl_ct *p)
{
    for (const sl_ct_heap *h = sl_ct_heaps; h->word != NULL; h++)
        if (sl_take_keyword(p->c, h->word)) {
            sl_buf_u8(&p->out, h->code);
            return true;
        }
    uint32_t index;
    if (!sl_ct_index(p, SL_SORT_CORE_TYPE, &index))
        return false;
    sl_buf_s64(&p->out, index);
    return true;
}

/* Behind `(ref`. Nullable references to abstract types have short codes. */
static bool reference(sl_ct *p)
{
    bool null = sl_take_keyword(p->c, "null");
    if (!null || sl_ct_at_index(p->c, 0))
        sl_buf_u8(&p->out, null ? 0x63 : 0x64);
    return heaptype(p) && sl_expect_rpar(p->c);
}

static bool reftype(sl_ct *p)
{
    for (const sl_ct_heap *h = sl_ct_heaps; h->word != NULL; h++)
        if (sl_take_keyword(p->c, h->shorthand)) {
            sl_buf_u8(&p->out, h->code);
            return true;
        }
    return sl_take_form(p->c, "ref") ? reference(p) : sl_unexpected(p->c);
}

bool sl_ct_core_valtype(sl_ct *p)
{
    return take_word(p, numbers) || reftype(p);
}

/* --- Composite types --------------------------------------------------------
 */

/* (param $id? t) and (param t*), (result t*): the types as one vec. */
static bool valtypes(sl_ct *p, const char *word)
{
    size_t mark = sl_ct_mark(p);
    uint32_t n = 0;
    while (sl_take_form(p->c, word)) {
        bool one = sl_take_id(p->c).data != NULL;
        for (uint32_t i = 0; one ? i < 1 : more(p); i++, n++)
            if (!sl_ct_core_valtype(p))
                return false;
        if (!sl_expect_rpar(p->c))
            return false;
    }
    sl_ct_count(p, mark, n);
    return true;
}

static bool functype(sl_ct *p)
{
    sl_buf_u8(&p->out, 0x60);
    return valtypes(p, "param") && valtypes(p, "result");
}

static bool fieldtype(sl_ct *p)
{
    bool mut = sl_take_form(p->c, "mut");
    if (!take_word(p, packed) && !sl_ct_core_valtype(p))
        return false;
    sl_buf_u8(&p->out, mut);
    return !mut || sl_expect_rpar(p->c);
}

static bool structtype(sl_ct *p)
{
    sl_buf_u8(&p->out, 0x5f);
    size_t mark = sl_ct_mark(p);
    uint32_t n = 0;
    while (sl_take_form(p->c, "field")) {
        bool one = sl_take_id(p->c).data != NULL;
        for (uint32_t i = 0; one ? i < 1 : more(p); i++, n++)
            if (!fieldtype(p))
                return false;
        if (!sl_expect_rpar(p->c))
            return false;
    }
    sl_ct_count(p, mark, n);
    return true;
}

/* comptype, with its parentheses. */
static bool comptype(sl_ct *p)
{
    sl_cursor *c = p->c;
    bool shared = sl_take_form(c, "shared");
    if (shared)
        sl_buf_u8(&p->out, 0x65);
    bool ok;
    if (sl_take_form(c, "func")) {
        ok = functype(p);
    } else if (sl_take_form(c, "struct")) {
        ok = structtype(p);
    } else if (sl_take_form(c, "array")) {
        sl_buf_u8(&p->out, 0x5e);
        ok = fieldtype(p);
    } else {
        return sl_unexpected(c);
    }
    return ok && sl_expect_rpar(c) && (!shared || sl_expect_rpar(c));
}

/* subtype. Alone in a component, a non-final one has 0x00 in front, because
 * module types took its code (Binary.md, core:deftype). */
static bool subtype(sl_ct *p, bool alone)
{
    if (!sl_take_form(p->c, "sub"))
        return comptype(p);
    bool final = sl_take_keyword(p->c, "final");
    if (!final || sl_ct_at_index(p->c, 0)) {
        if (alone && !final)
            sl_buf_u8(&p->out, 0x00);
        sl_buf_u8(&p->out, final ? 0x4f : 0x50);
        size_t mark = sl_ct_mark(p);
        uint32_t n = 0, index;
        for (; sl_ct_at_index(p->c, 0); n++) {
            if (!sl_ct_index(p, SL_SORT_CORE_TYPE, &index))
                return false;
            sl_buf_u32(&p->out, index);
        }
        sl_ct_count(p, mark, n);
    }
    return comptype(p) && sl_expect_rpar(p->c);
}

/* --- Recursive groups -------------------------------------------------------
 */

static bool names_value(const sl_ct *p, size_t pos)
{
    const sl_token *before = &p->c->tokens->v[pos - 1];
    return before->kind == SL_TOK_KEYWORD &&
           (sl_name_is(before->text, "param") ||
            sl_name_is(before->text, "field") ||
            sl_name_is(before->text, "type"));
}

/* Types of a group may name each other, so their indices come first; but the
 * aliases for outer types they name must come before the whole group. */
static bool alias_outer_types(sl_ct *p)
{
    sl_cursor ahead = *p->c;
    uint32_t depth, index;
    for (size_t open = 0; sl_peek(&ahead)->kind != SL_TOK_EOF;) {
        const sl_token *t = sl_next(&ahead);
        if (t->kind == SL_TOK_LPAR)
            open++;
        else if (t->kind == SL_TOK_RPAR && open-- == 0)
            break;
        if (t->kind == SL_TOK_ID && !names_value(p, ahead.pos - 1) &&
            sl_ct_lookup(p, SL_SORT_CORE_TYPE, t->text, &depth, &index) &&
            depth > 0 &&
            !sl_ct_resolve(p, SL_SORT_CORE_TYPE, t->text, t->at, &index))
            return false;
    }
    return true;
}

/* The ids of `(type $id? ...)*`, which are parsed afterwards. */
static bool bind_group(sl_ct *p)
{
    sl_cursor *c = p->c;
    size_t start = c->pos;
    while (sl_at_form(c, "type")) {
        const sl_token *id = sl_peek_at(c, 2);
        if (!sl_ct_add(p, SL_SORT_CORE_TYPE,
                       id->kind == SL_TOK_ID ? id->text : (sl_name){0}, NULL))
            return false;
        sl_skip(c);
    }
    c->pos = start;
    return true;
}

bool sl_ct_core_rec(sl_ct *p)
{
    size_t mark = sl_ct_mark(p);
    if (!alias_outer_types(p) || !bind_group(p))
        return false;
    sl_buf_u8(&p->out, 0x4e);
    size_t group = sl_ct_mark(p);
    uint32_t n = 0;
    for (; sl_take_form(p->c, "type"); n++) {
        sl_take_id(p->c);
        if (!subtype(p, false) || !sl_expect_rpar(p->c))
            return false;
    }
    sl_ct_count(p, group, n);
    return sl_expect_rpar(p->c) && sl_ct_define(p, SL_CT_CORE_TYPE, mark);
}

/* --- Module types -----------------------------------------------------------
 */

/* typeuse: `(type X)`, which parameters and results may repeat, or a function
 * type written out, which is shared with an equal one of this module type. */
static bool core_typeuse(sl_ct *p, uint32_t *out)
{
    size_t mark = sl_ct_mark(p);
    sl_ct_scope *s = p->scope;
    bool given = sl_at_form(p->c, "type");
    if (given && !sl_ct_ref(p, SL_SORT_CORE_TYPE, out))
        return false;
    if (!functype(p))
        return false;
    size_t len = p->out.len - mark;
    if (p->out.failed)
        return sl_cursor_nomem(p->c);
    if (given) {
        p->out.len = mark;
        return true;
    }
    for (size_t i = 0; i < s->known.n; i++)
        if (s->known.v[i].bytes.len == len &&
            memcmp(s->known.v[i].bytes.data, p->out.data + mark, len) == 0) {
            *out = s->known.v[i].index;
            p->out.len = mark;
            return true;
        }
    char *bytes = sl_arena_dup(p->c->arena, p->out.data + mark, len);
    if (bytes == NULL ||
        !sl_vec_push(&s->known,
                     (sl_ct_known){s->count[SL_SORT_CORE_TYPE], {bytes, len}}))
        return sl_cursor_nomem(p->c);
    return sl_ct_define_as(p, SL_CT_CORE_TYPE, mark, SL_SORT_CORE_TYPE,
                           (sl_name){0}, out);
}

/* `i64? min max? shared?`: flags 1 = has a maximum, 2 = shared, 4 = i64. */
static bool limits(sl_ct *p, bool memory)
{
    uint64_t min, max = 0;
    bool is64 = sl_take_keyword(p->c, "i64");
    if (!is64)
        sl_take_keyword(p->c, "i32");
    if (!sl_expect_u64(p->c, &min))
        return false;
    bool has_max = sl_peek(p->c)->kind == SL_TOK_NUMBER;
    if (has_max && !sl_expect_u64(p->c, &max))
        return false;
    bool shared = memory && sl_take_keyword(p->c, "shared");
    sl_buf_u8(&p->out, (uint8_t)(has_max | shared << 1 | is64 << 2));
    sl_buf_u64(&p->out, min);
    if (has_max)
        sl_buf_u64(&p->out, max);
    return true;
}

/* The limits come first in the text and last in the binary format. */
static bool tabletype(sl_ct *p)
{
    size_t mark = sl_ct_mark(p);
    if (!limits(p, false))
        return false;
    size_t middle = sl_ct_mark(p);
    if (!reftype(p))
        return false;
    uint8_t first[32];
    size_t len = middle - mark;
    if (p->out.failed)
        return sl_cursor_nomem(p->c);
    memcpy(first, p->out.data + mark, len);
    memmove(p->out.data + mark, p->out.data + middle, p->out.len - middle);
    p->out.len -= len;
    sl_buf_bytes(&p->out, first, len);
    return true;
}

static bool globaltype(sl_ct *p)
{
    bool mut = sl_take_form(p->c, "mut");
    if (!sl_ct_core_valtype(p))
        return false;
    sl_buf_u8(&p->out, mut);
    return !mut || sl_expect_rpar(p->c);
}

/* core:externtype; an $id of an import names nothing that could be used. */
static bool core_externtype(sl_ct *p, bool import)
{
    sl_sort sort;
    if (!sl_expect_lpar(p->c) || !sl_ct_take_sort(p, true, &sort))
        return false;
    if (import && sort == SL_SORT_CORE_DATA) {
        sl_take_id(p->c);
        sl_buf_u8(&p->out, SL_CORE_DATA);
        return sl_expect_rpar(p->c);
    }
    if (sort > SL_SORT_CORE_TAG)
        return sl_cursor_fail(p->c,
                              "unexpected token: modules do not import "
                              "or export a %s",
                              sl_ct_sorts[sort].word);
    sl_take_id(p->c);
    sl_buf_u8(&p->out, sl_ct_sorts[sort].code);
    bool ok;
    uint32_t index = 0;
    if (sort == SL_SORT_CORE_TABLE) {
        ok = tabletype(p);
    } else if (sort == SL_SORT_CORE_MEMORY) {
        ok = limits(p, true);
    } else if (sort == SL_SORT_CORE_GLOBAL) {
        ok = globaltype(p);
    } else {
        if (sort == SL_SORT_CORE_TAG)
            sl_buf_u8(&p->out, 0x00);
        ok = core_typeuse(p, &index);
        sl_buf_u32(&p->out, index);
    }
    return ok && sl_expect_rpar(p->c);
}

static bool module_declaration(sl_ct *p)
{
    sl_cursor *c = p->c;
    size_t mark = sl_ct_mark(p);
    if (sl_take_form(c, "import"))
        return sl_ct_put_name(p) && sl_ct_put_name(p) &&
               core_externtype(p, true) && sl_expect_rpar(c) &&
               sl_ct_define(p, SL_CT_IMPORT, mark);
    if (sl_take_form(c, "export"))
        return sl_ct_put_name(p) && core_externtype(p, false) &&
               sl_expect_rpar(c) && sl_ct_define(p, SL_CT_EXPORT, mark);
    if (sl_take_form(c, "alias"))
        return sl_ct_alias(p);
    if (sl_take_form(c, "type"))
        return sl_ct_core_type(p);
    if (sl_take_form(c, "rec"))
        return sl_ct_core_rec(p);
    return sl_unexpected(c);
}

/* The declarations, up to the closing parenthesis. */
static bool module_type(sl_ct *p)
{
    if (!sl_ct_enter(p))
        return false;
    sl_ct_scope scope;
    sl_ct_push(p, &scope, SL_CT_IN_MODULE_TYPE, (sl_name){0});
    bool ok = true;
    while (ok && more(p))
        ok = module_declaration(p);
    if (ok) {
        sl_buf_u8(&p->out, 0x50);
        sl_buf_u32(&p->out, scope.n_items);
        sl_buf_bytes(&p->out, scope.items.data, scope.items.len);
    }
    sl_ct_pop(p);
    return sl_ct_leave(p, ok);
}

bool sl_ct_module_type(sl_ct *p, uint32_t *out)
{
    size_t mark = sl_ct_mark(p);
    return module_type(p) &&
           sl_ct_define_as(p, SL_CT_CORE_TYPE, mark, SL_SORT_CORE_TYPE,
                           (sl_name){0}, out);
}

bool sl_ct_core_type(sl_ct *p)
{
    sl_name id = sl_take_id(p->c);
    size_t mark = sl_ct_mark(p);
    if (sl_take_form(p->c, "alias"))
        return sl_ct_alias_as(p, SL_SORT_CORE_TYPE, id, NULL) &&
               sl_expect_rpar(p->c);
    if (sl_take_form(p->c, "module"))
        return module_type(p) && sl_expect_rpar(p->c) && sl_expect_rpar(p->c) &&
               sl_ct_define_as(p, SL_CT_CORE_TYPE, mark, SL_SORT_CORE_TYPE, id,
                               NULL);
    uint32_t index;
    if (!alias_outer_types(p) || !sl_ct_add(p, SL_SORT_CORE_TYPE, id, &index) ||
        !subtype(p, true))
        return false;
    size_t len = p->out.len - mark;
    if (p->scope->kind == SL_CT_IN_MODULE_TYPE && !p->out.failed) {
        char *bytes = sl_arena_dup(p->c->arena, p->out.data + mark, len);
        if (bytes == NULL ||
            !sl_vec_push(&p->scope->known, (sl_ct_known){index, {bytes, len}}))
            return sl_cursor_nomem(p->c);
    }
    return sl_expect_rpar(p->c) && sl_ct_define(p, SL_CT_CORE_TYPE, mark);
}
