/* Scopes of the component text format: index spaces, identifiers, references
 * and the sugar of inline and outer aliases.
 * Explainer.md "Index Spaces", "Alias Definitions"; Binary.md. */
#include "text/component_int.h"

const sl_ct_sort sl_ct_sorts[SL_N_SORTS] = {
    [SL_SORT_CORE_FUNC] = {"func", 0x00, true},
    [SL_SORT_CORE_TABLE] = {"table", 0x01, true},
    [SL_SORT_CORE_MEMORY] = {"memory", 0x02, true},
    [SL_SORT_CORE_GLOBAL] = {"global", 0x03, true},
    [SL_SORT_CORE_TAG] = {"tag", 0x04, true},
    [SL_SORT_CORE_TYPE] = {"type", 0x10, true},
    [SL_SORT_CORE_MODULE] = {"module", 0x11, true},
    [SL_SORT_CORE_INSTANCE] = {"instance", 0x12, true},
    [SL_SORT_CORE_DATA] = {"data", 0x13, true},
    [SL_SORT_FUNC] = {"func", 0x01, false},
    [SL_SORT_VALUE] = {"value", 0x02, false},
    [SL_SORT_TYPE] = {"type", 0x03, false},
    [SL_SORT_COMPONENT] = {"component", 0x04, false},
    [SL_SORT_INSTANCE] = {"instance", 0x05, false},
};

/* --- Scopes -----------------------------------------------------------------
 */

void sl_ct_push(sl_ct *p, sl_ct_scope *scope, sl_ct_scope_kind kind, sl_name id)
{
    *scope = (sl_ct_scope){.outer = p->scope, .kind = kind, .id = id};
    if (kind == SL_CT_IN_COMPONENT)
        sl_buf_bytes(&scope->done, "\0asm\x0d\0\x01\0", 8);
    p->scope = scope;
}

void sl_ct_pop(sl_ct *p)
{
    sl_ct_scope *scope = p->scope;
    for (int i = 0; i < SL_N_SORTS; i++) {
        sl_map_deinit(&scope->ids[i]);
        sl_map_deinit(&scope->implied[i]);
    }
    sl_vec_deinit(&scope->names);
    sl_vec_deinit(&scope->known);
    sl_buf_deinit(&scope->done);
    sl_buf_deinit(&scope->items);
    p->scope = scope->outer;
}

bool sl_ct_enter(sl_ct *p)
{
    p->depth++;
    return p->depth <= SL_CT_MAX_DEPTH ||
           sl_cursor_fail(p->c, "nesting too deep");
}

/* --- Definitions ------------------------------------------------------------
 */

void sl_ct_count(sl_ct *p, size_t mark, uint32_t n)
{
    size_t body = p->out.len - mark;
    sl_buf_u32(&p->out, n);
    if (p->out.failed)
        return;
    uint8_t count[5];
    size_t len = p->out.len - mark - body;
    memcpy(count, p->out.data + mark + body, len);
    memmove(p->out.data + mark + len, p->out.data + mark, body);
    memcpy(p->out.data + mark, count, len);
}

static bool flush(sl_ct *p)
{
    sl_ct_scope *s = p->scope;
    if (s->n_items > 0) {
        size_t mark = sl_ct_mark(p);
        sl_buf_u32(&p->out, s->n_items);
        size_t size = p->out.len - mark + s->items.len;
        if (size > UINT32_MAX)
            return sl_cursor_fail(p->c, "section too large");
        p->out.len = mark;
        sl_buf_u8(&s->done, (uint8_t)s->open);
        sl_buf_u32(&s->done, (uint32_t)size);
        sl_buf_u32(&s->done, s->n_items);
        sl_buf_bytes(&s->done, s->items.data, s->items.len);
    }
    sl_buf_clear(&s->items);
    s->n_items = 0;
    return !(p->out.failed || s->done.failed || s->items.failed) ||
           sl_cursor_nomem(p->c);
}

bool sl_ct_section(sl_ct *p, sl_ct_kind kind, const sl_buf *body)
{
    if (!flush(p))
        return false;
    if (body->len > UINT32_MAX)
        return sl_cursor_fail(p->c, "section too large");
    sl_buf *done = &p->scope->done;
    sl_buf_u8(done, (uint8_t)kind);
    sl_buf_u32(done, (uint32_t)body->len);
    sl_buf_bytes(done, body->data, body->len);
    return !(done->failed || body->failed) || sl_cursor_nomem(p->c);
}

/* Binary.md: how a declaration of a type begins; 0xff: not possible there. */
static uint8_t declaration_code(sl_ct_scope_kind scope, sl_ct_kind kind)
{
    bool module = scope == SL_CT_IN_MODULE_TYPE;
    switch (kind) {
    case SL_CT_CORE_TYPE:
        return module ? 0x01 : 0x00;
    case SL_CT_TYPE:
        return module ? 0xff : 0x01;
    case SL_CT_ALIAS:
        return 0x02;
    case SL_CT_IMPORT:
        return module ? 0x00 : scope == SL_CT_IN_COMPONENT_TYPE ? 0x03 : 0xff;
    case SL_CT_EXPORT:
        return module ? 0x03 : 0x04;
    default:
        return 0xff;
    }
}

bool sl_ct_define(sl_ct *p, sl_ct_kind kind, size_t mark)
{
    sl_ct_scope *s = p->scope;
    if (p->out.failed)
        return sl_cursor_nomem(p->c);
    if (s->kind != SL_CT_IN_COMPONENT) {
        uint8_t code = declaration_code(s->kind, kind);
        if (code == 0xff)
            return sl_cursor_fail(p->c, "unexpected token: no such definition "
                                        "in a type");
        sl_buf_u8(&s->items, code);
    } else if (s->n_items > 0 && s->open != kind && !flush(p)) {
        return false;
    }
    s->open = kind;
    s->n_items++;
    sl_buf_bytes(&s->items, p->out.data + mark, p->out.len - mark);
    p->out.len = mark;
    return !s->items.failed || sl_cursor_nomem(p->c);
}

bool sl_ct_add(sl_ct *p, sl_sort sort, sl_name id, uint32_t *out)
{
    sl_ct_scope *s = p->scope;
    uint32_t index = s->count[sort]++;
    if (out != NULL)
        *out = index;
    if (id.data == NULL)
        return true;
    if (sl_map_get(&s->ids[sort], id, NULL))
        return sl_cursor_fail(p->c, "duplicate %s identifier `$%.*s`",
                              sl_ct_sorts[sort].word, SL_NAME_ARGS(id));
    return (sl_map_put(&s->ids[sort], id, index) &&
            sl_vec_push(&s->names, (sl_ct_name){sort, index, id})) ||
           sl_cursor_nomem(p->c);
}

bool sl_ct_define_as(sl_ct *p, sl_ct_kind kind, size_t mark, sl_sort sort,
                     sl_name id, uint32_t *out)
{
    return sl_ct_define(p, kind, mark) && sl_ct_add(p, sort, id, out);
}

/* Binary.md "Name Section": one subsection per sort that has names. */
static void put_names(sl_ct *p, sl_sort sort)
{
    const sl_ct_scope *s = p->scope;
    size_t mark = sl_ct_mark(p);
    uint32_t n = 0;
    for (size_t i = 0; i < s->names.n; i++)
        if (s->names.v[i].sort == sort) {
            sl_buf_u32(&p->out, s->names.v[i].index);
            sl_buf_name(&p->out, s->names.v[i].name);
            n++;
        }
    if (n == 0)
        return;
    sl_ct_count(p, mark, n);
    sl_buf name = {0};
    sl_ct_put_sort(&name, sort);
    sl_buf_bytes(&name, p->out.data + mark, p->out.len - mark);
    p->out.failed |= name.failed;
    p->out.len = mark;
    sl_buf_u8(&p->out, 0x01);
    sl_buf_sized(&p->out, &name);
    sl_buf_deinit(&name);
}

bool sl_ct_finish(sl_ct *p)
{
    sl_ct_scope *s = p->scope;
    if (!flush(p))
        return false;
    if (s->names.n == 0 && s->id.data == NULL)
        return true;
    size_t mark = sl_ct_mark(p);
    sl_buf_name(&p->out, SL_NAME("component-name"));
    if (s->id.data != NULL) {
        sl_buf name = {0};
        sl_buf_name(&name, s->id);
        sl_buf_u8(&p->out, 0x00);
        sl_buf_sized(&p->out, &name);
        p->out.failed |= name.failed;
        sl_buf_deinit(&name);
    }
    for (int sort = 0; sort < SL_N_SORTS; sort++)
        put_names(p, (sl_sort)sort);
    if (p->out.failed)
        return sl_cursor_nomem(p->c);
    sl_buf body = {p->out.data + mark, p->out.len - mark, 0, false};
    p->out.len = mark;
    return sl_ct_section(p, SL_CT_CUSTOM, &body);
}

/* --- Sorts ------------------------------------------------------------------
 */

void sl_ct_put_sort(sl_buf *out, sl_sort sort)
{
    if (sl_ct_sorts[sort].core)
        sl_buf_u8(out, 0x00);
    sl_buf_u8(out, sl_ct_sorts[sort].code);
}

bool sl_ct_take_sort(sl_ct *p, bool core, sl_sort *sort)
{
    core = sl_take_keyword(p->c, "core") || core;
    for (int i = 0; i < SL_N_SORTS; i++)
        if (sl_ct_sorts[i].core == core &&
            sl_take_keyword(p->c, sl_ct_sorts[i].word)) {
            *sort = (sl_sort)i;
            return true;
        }
    return sl_unexpected(p->c);
}

bool sl_ct_expect_sort(sl_ct *p, sl_sort sort)
{
    if (sl_ct_sorts[sort].core)
        sl_take_keyword(p->c, "core");
    return sl_expect_keyword(p->c, sl_ct_sorts[sort].word);
}

bool sl_ct_is_core_export(sl_sort sort)
{
    return sort <= SL_SORT_CORE_TYPE || sort == SL_SORT_CORE_INSTANCE;
}

/* --- Identifiers ------------------------------------------------------------
 */

bool sl_ct_lookup(const sl_ct *p, sl_sort sort, sl_name id, uint32_t *depth,
                  uint32_t *index)
{
    uint64_t value;
    *depth = 0;
    for (const sl_ct_scope *s = p->scope; s != NULL; s = s->outer) {
        if (sl_map_get(&s->ids[sort], id, &value) ||
            (*depth == 0 && sl_map_get(&s->implied[sort], id, &value))) {
            *index = (uint32_t)value;
            return true;
        }
        ++*depth;
    }
    return false;
}

const void *sl_ct_find_index(const void *rows, size_t n, size_t size,
                             int64_t index)
{
    size_t low = 0, high = n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const void *row = (const char *)rows + middle * size;
        uint32_t at = *(const uint32_t *)row;
        if (at == index)
            return row;
        if (at < index)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

const sl_ct_known *sl_ct_known_type(const sl_ct_scope *scope, int64_t index)
{
    return sl_ct_find_index(scope->known.v, scope->known.n,
                            sizeof *scope->known.v, index);
}

bool sl_ct_know_same(sl_ct *p, const sl_ct_scope *from, uint32_t index)
{
    sl_ct_scope *s = p->scope;
    const sl_ct_known *known =
        s->kind == SL_CT_IN_COMPONENT && from->kind == SL_CT_IN_COMPONENT
            ? sl_ct_known_type(from, index)
            : NULL;
    if (known == NULL)
        return true;
    sl_ct_known same = *known;
    same.index = s->count[SL_SORT_TYPE];
    return sl_vec_push(&s->known, same) || sl_cursor_nomem(p->c);
}

/* Binary.md "Alias Definitions"; in a module type, core:alias. */
static bool put_outer_alias(sl_ct *p, sl_sort sort, uint32_t depth,
                            uint32_t index)
{
    size_t mark = sl_ct_mark(p);
    if (p->scope->kind == SL_CT_IN_MODULE_TYPE) {
        sl_buf_bytes(&p->out, "\x10\x01", 2);
    } else {
        sl_ct_put_sort(&p->out, sort);
        sl_buf_u8(&p->out, 0x02);
    }
    sl_buf_u32(&p->out, depth);
    sl_buf_u32(&p->out, index);
    const sl_ct_scope *from = p->scope;
    for (uint32_t i = 0; i < depth && from != NULL; i++)
        from = from->outer;
    if (sort == SL_SORT_TYPE && from != NULL &&
        !sl_ct_know_same(p, from, index))
        return false;
    return sl_ct_define(p, SL_CT_ALIAS, mark);
}

static bool is_outer_sort(sl_sort sort)
{
    return sort == SL_SORT_CORE_MODULE || sort == SL_SORT_CORE_TYPE ||
           sort == SL_SORT_CORE_DATA || sort == SL_SORT_TYPE ||
           sort == SL_SORT_COMPONENT;
}

bool sl_ct_resolve(sl_ct *p, sl_sort sort, sl_name id, uint32_t at,
                   uint32_t *out)
{
    uint32_t depth, index = 0;
    if (!sl_ct_lookup(p, sort, id, &depth, &index))
        return sl_cursor_fail_at(p->c, at,
                                 "unknown %s: failed to find name `$%.*s`",
                                 sl_ct_sorts[sort].word, SL_NAME_ARGS(id));
    *out = index;
    if (depth == 0)
        return true;
    if (!is_outer_sort(sort))
        return sl_cursor_fail_at(
            p->c, at, "outer item `%.*s` is not a module, type, or component",
            SL_NAME_ARGS(id));
    sl_ct_scope *s = p->scope;
    return put_outer_alias(p, sort, depth, index) &&
           sl_ct_add(p, sort, (sl_name){0}, out) &&
           (sl_map_put(&s->implied[sort], id, *out) || sl_cursor_nomem(p->c));
}

/* --- References -------------------------------------------------------------
 */

bool sl_ct_at_index(const sl_cursor *c, size_t ahead)
{
    uint8_t kind = sl_peek_at(c, ahead)->kind;
    return kind == SL_TOK_NUMBER || kind == SL_TOK_ID;
}

bool sl_ct_index(sl_ct *p, sl_sort sort, uint32_t *out)
{
    const sl_token *token = sl_peek(p->c);
    if (token->kind != SL_TOK_ID)
        return sl_expect_u32(p->c, out);
    sl_next(p->c);
    return sl_ct_resolve(p, sort, token->text, token->at, out);
}

static bool put_export_alias(sl_ct *p, sl_sort sort, uint32_t instance,
                             sl_name name, sl_name id, uint32_t *out)
{
    size_t mark = sl_ct_mark(p);
    sl_ct_put_sort(&p->out, sort);
    sl_buf_u8(&p->out, sl_ct_is_core_export(sort) ? 0x01 : 0x00);
    sl_buf_u32(&p->out, instance);
    sl_buf_name(&p->out, name);
    return sl_ct_define_as(p, SL_CT_ALIAS, mark, sort, id, out);
}

static bool at_string(const sl_cursor *c, size_t ahead)
{
    return sl_peek_at(c, ahead)->kind == SL_TOK_STRING;
}

/* Explainer.md: sortidx ::= ... | (X <idx> <name>+), an alias per name. */
static bool inline_alias(sl_ct *p, sl_sort sort, uint32_t *out)
{
    sl_sort instances =
        sl_ct_is_core_export(sort) ? SL_SORT_CORE_INSTANCE : SL_SORT_INSTANCE;
    uint32_t index;
    if (!sl_ct_index(p, instances, &index))
        return false;
    sl_name name;
    while (at_string(p->c, 0)) {
        bool last = !at_string(p->c, 1);
        if (!sl_expect_name(p->c, &name) ||
            !put_export_alias(p, last ? sort : instances, index, name,
                              (sl_name){0}, &index))
            return false;
    }
    *out = index;
    return true;
}

bool sl_ct_ref_tail(sl_ct *p, sl_sort sort, uint32_t *out)
{
    if (sl_ct_at_index(p->c, 0) && at_string(p->c, 1))
        return inline_alias(p, sort, out);
    return sl_ct_index(p, sort, out);
}

bool sl_ct_ref(sl_ct *p, sl_sort sort, uint32_t *out)
{
    if (!sl_take_lpar(p->c))
        return sl_ct_index(p, sort, out);
    return sl_ct_expect_sort(p, sort) && sl_ct_ref_tail(p, sort, out) &&
           sl_expect_rpar(p->c);
}

bool sl_ct_any_ref(sl_ct *p, bool core, sl_sort *sort, uint32_t *out)
{
    return sl_expect_lpar(p->c) && sl_ct_take_sort(p, core, sort) &&
           sl_ct_ref_tail(p, *sort, out) && sl_expect_rpar(p->c);
}

/* --- alias ------------------------------------------------------------------
 */

/* The `(sort $id?)` at the end of an alias, or what is known already. */
static bool alias_target(sl_ct *p, bool core, bool known, sl_sort *sort,
                         sl_name *id)
{
    if (known)
        return true;
    if (!sl_expect_lpar(p->c) || !sl_ct_take_sort(p, core, sort))
        return false;
    *id = sl_take_id(p->c);
    return sl_expect_rpar(p->c);
}

static bool alias_export(sl_ct *p, bool core, bool known, sl_sort sort,
                         sl_name id, uint32_t *out)
{
    uint32_t instance;
    sl_name name;
    if (!sl_ct_index(p, core ? SL_SORT_CORE_INSTANCE : SL_SORT_INSTANCE,
                     &instance) ||
        !sl_expect_name(p->c, &name) ||
        !alias_target(p, core, known, &sort, &id) || !sl_expect_rpar(p->c))
        return false;
    if (core != sl_ct_is_core_export(sort))
        return sl_cursor_fail(p->c, "unexpected token: not a sort that "
                                    "instances of this kind export");
    return put_export_alias(p, sort, instance, name, id, out);
}

/* An outer component or type: a count or the $id of one around here. */
static bool outer_count(sl_ct *p, uint32_t *out)
{
    const sl_token *token = sl_peek(p->c);
    if (token->kind != SL_TOK_ID)
        return sl_expect_u32(p->c, out);
    sl_next(p->c);
    *out = 0;
    for (const sl_ct_scope *s = p->scope; s != NULL; s = s->outer, ++*out)
        if (s->id.data != NULL && sl_name_eq(s->id, token->text))
            return true;
    return sl_cursor_fail_at(p->c, token->at,
                             "unknown outer component: failed to find name "
                             "`$%.*s`",
                             SL_NAME_ARGS(token->text));
}

static bool outer_index(sl_ct *p, uint32_t count, sl_sort sort, uint32_t *out)
{
    const sl_token *token = sl_peek(p->c);
    if (token->kind != SL_TOK_ID)
        return sl_expect_u32(p->c, out);
    const sl_ct_scope *s = p->scope;
    while (count-- > 0 && s != NULL)
        s = s->outer;
    uint64_t value;
    if (s == NULL || !sl_map_get(&s->ids[sort], token->text, &value))
        return sl_cursor_fail(p->c, "unknown %s: failed to find name `$%.*s`",
                              sl_ct_sorts[sort].word,
                              SL_NAME_ARGS(token->text));
    sl_next(p->c);
    *out = (uint32_t)value;
    return true;
}

/* The index comes before the sort that says where it belongs. */
static bool alias_outer(sl_ct *p, bool known, sl_sort sort, sl_name id,
                        uint32_t *out)
{
    sl_cursor *c = p->c;
    bool module = p->scope->kind == SL_CT_IN_MODULE_TYPE;
    uint32_t count, index;
    if (!outer_count(p, &count))
        return false;
    size_t index_at = c->pos;
    if (!sl_ct_at_index(c, 0))
        return sl_unexpected(c);
    sl_next(c);
    uint32_t at = sl_peek_at(c, 1)->at;
    if (!alias_target(p, module, known, &sort, &id))
        return false;
    if (!is_outer_sort(sort) || (module && sort != SL_SORT_CORE_TYPE))
        return sl_cursor_fail_at(c, at,
                                 "unexpected token: not a sort for "
                                 "outer aliases");
    size_t end = c->pos;
    c->pos = index_at;
    if (!outer_index(p, count, sort, &index))
        return false;
    c->pos = end;
    return sl_expect_rpar(c) && put_outer_alias(p, sort, count, index) &&
           sl_ct_add(p, sort, id, out);
}

static bool alias(sl_ct *p, bool known, sl_sort sort, sl_name id, uint32_t *out)
{
    if (sl_take_keyword(p->c, "outer"))
        return alias_outer(p, known, sort, id, out);
    bool core = sl_take_keyword(p->c, "core");
    return sl_expect_keyword(p->c, "export") &&
           alias_export(p, core, known, sort, id, out);
}

bool sl_ct_alias(sl_ct *p)
{
    return alias(p, false, SL_SORT_TYPE, (sl_name){0}, NULL);
}

bool sl_ct_alias_as(sl_ct *p, sl_sort sort, sl_name id, uint32_t *out)
{
    return alias(p, true, sort, id, out);
}

/* --- Names ------------------------------------------------------------------
 */

bool sl_ct_put_name(sl_ct *p)
{
    sl_name name;
    if (!sl_expect_name(p->c, &name))
        return false;
    sl_buf_name(&p->out, name);
    return true;
}

int sl_ct_attribute(const sl_cursor *c)
{
    static const char *const word[] = {"implements", "versionsuffix",
                                       "external-id"};
    for (int i = 0; i < 3; i++)
        if (sl_at_form(c, word[i]))
            return i;
    return -1;
}

/* Binary.md: nameattributes. Each attribute at most once, in any order. */
bool sl_ct_externname(sl_ct *p)
{
    sl_cursor *c = p->c;
    sl_name name;
    bool legacy = sl_take_form(c, "interface");
    if (!sl_expect_name(c, &name) || (legacy && !sl_expect_rpar(c)))
        return false;
    bool plain = sl_ct_attribute(c) < 0;
    sl_buf_u8(&p->out, plain ? 0x00 : 0x02);
    sl_buf_name(&p->out, name);
    if (plain)
        return true;
    size_t mark = sl_ct_mark(p);
    uint32_t n = 0;
    unsigned seen = 0;
    for (int code; (code = sl_ct_attribute(c)) >= 0; n++) {
        if (seen & 1u << code)
            return sl_unexpected(c);
        seen |= 1u << code;
        sl_next(c);
        sl_next(c);
        sl_buf_u8(&p->out, (uint8_t)code);
        if (!sl_ct_put_name(p) || !sl_expect_rpar(c))
            return false;
    }
    sl_ct_count(p, mark, n);
    return true;
}
