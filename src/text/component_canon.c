/* canon definitions in text, from the table canon.def.
 * Explainer.md "Canonical Definitions"; Binary.md "Canonical Definitions". */
#include "component/component.h"
#include "text/component_int.h"

/* --- Options ----------------------------------------------------------------
 */

const sl_ct_option sl_ct_options[] = {
    {"string-encoding=utf8", 0x00, SL_N_SORTS},
    {"string-encoding=utf16", 0x01, SL_N_SORTS},
    {"string-encoding=latin1+utf16", 0x02, SL_N_SORTS},
    {"memory", 0x03, SL_SORT_CORE_MEMORY},
    {"realloc", 0x04, SL_SORT_CORE_FUNC},
    {"post-return", 0x05, SL_SORT_CORE_FUNC},
    {"async", 0x06, SL_N_SORTS},
    {"callback", 0x07, SL_SORT_CORE_FUNC},
    {"core-type", 0x08, SL_SORT_CORE_TYPE},
    {"gc", 0x09, SL_N_SORTS},
    {NULL, 0, SL_N_SORTS},
};

/* Behind `(word`: a reference in one of its spellings; `$i "n"` is short for
 * `(core sort $i "n")`. */
static bool option_index(sl_ct *p, sl_sort sort)
{
    uint32_t index;
    bool paren = sl_peek(p->c)->kind == SL_TOK_LPAR;
    if (!(paren ? sl_ct_ref(p, sort, &index) : sl_ct_ref_tail(p, sort, &index)))
        return false;
    sl_buf_u32(&p->out, index);
    return sl_expect_rpar(p->c);
}

/* Takes the word of an option, with its parenthesis; NULL: none is there. */
static const sl_ct_option *take_option(sl_ct *p)
{
    for (const sl_ct_option *o = sl_ct_options; o->word != NULL; o++)
        if (o->sort == SL_N_SORTS ? sl_take_keyword(p->c, o->word)
                                  : sl_take_form(p->c, o->word))
            return o;
    return NULL;
}

static bool options(sl_ct *p)
{
    size_t mark = sl_ct_mark(p);
    uint32_t n = 0;
    for (const sl_ct_option *o; (o = take_option(p)) != NULL; n++) {
        sl_buf_u8(&p->out, o->code);
        if (o->sort != SL_N_SORTS && !option_index(p, o->sort))
            return false;
    }
    sl_ct_count(p, mark, n);
    return true;
}

/* --- Immediates -------------------------------------------------------------
 */

static bool put_ref(sl_ct *p, sl_sort sort)
{
    uint32_t index;
    if (!sl_ct_ref(p, sort, &index))
        return false;
    sl_buf_u32(&p->out, index);
    return true;
}

static bool put_flag(sl_ct *p, const char *word)
{
    sl_buf_u8(&p->out, sl_take_keyword(p->c, word));
    return true;
}

/* i32 | i64, i32 when it is left out. */
static bool put_pointer_type(sl_ct *p)
{
    bool is64 = sl_take_keyword(p->c, "i64");
    if (!is64)
        sl_take_keyword(p->c, "i32");
    sl_buf_u8(&p->out, is64 ? SL_I64 : SL_I32);
    return true;
}

static bool put_memory(sl_ct *p)
{
    return sl_take_form(p->c, "memory") ? option_index(p, SL_SORT_CORE_MEMORY)
                                        : sl_unexpected(p->c);
}

static bool put_u32(sl_ct *p)
{
    uint32_t value;
    if (!sl_expect_u32(p->c, &value))
        return false;
    sl_buf_u32(&p->out, value);
    return true;
}

/* The letters of canon.def. */
static bool immediate(sl_ct *p, char letter)
{
    switch (letter) {
    case 'F':
        sl_buf_u8(&p->out, 0x00);
        return put_ref(p, SL_SORT_CORE_FUNC);
    case 'f':
        sl_buf_u8(&p->out, 0x00);
        return put_ref(p, SL_SORT_FUNC);
    case 'o':
        return options(p);
    case 'r':
    case 's':
    case 'u':
        return put_ref(p, SL_SORT_TYPE);
    case 'R':
        return sl_ct_result_list(p);
    case 'a':
        return put_flag(p, "async");
    case 'c':
        return put_flag(p, "cancellable");
    case 'v':
        return put_pointer_type(p);
    case 'n':
        return put_u32(p);
    case 'm':
        return put_memory(p);
    case 'd':
        return put_ref(p, SL_SORT_CORE_DATA);
    case 'k':
        return put_ref(p, SL_SORT_CORE_TYPE);
    case 't':
        return put_ref(p, SL_SORT_CORE_TABLE);
    default: /* 'y' is known, or stands at the end of the definition */
        return true;
    }
}

static const sl_canon_row *take_row(sl_ct *p)
{
    for (int i = 0; i < SL_N_CANONS; i++)
        if (sl_take_keyword(p->c, sl_canons[i].text))
            return &sl_canons[i];
    sl_unexpected(p->c);
    return NULL;
}

/* The opcode and the immediates. */
static bool body(sl_ct *p, const sl_canon_row **row)
{
    *row = take_row(p);
    if (*row == NULL)
        return false;
    sl_buf_u8(&p->out, (*row)->code);
    for (const char *letter = (*row)->imms; *letter != '\0'; letter++)
        if (!immediate(p, *letter))
            return false;
    return true;
}

static bool is_lift(const sl_canon_row *row)
{
    return row == &sl_canons[SL_CANON_LIFT];
}

/* --- Definitions ------------------------------------------------------------
 */

/* The function at the end of a standalone definition: with lift its type. */
static bool made_function(sl_ct *p, bool lift, sl_name *id)
{
    uint32_t type;
    if (!sl_expect_lpar(p->c) ||
        (!lift && !sl_expect_keyword(p->c, "core")) ||
        !sl_expect_keyword(p->c, "func"))
        return false;
    *id = sl_take_id(p->c);
    if (lift) {
        if (!sl_ct_typeuse(p, SL_SORT_FUNC, &type))
            return false;
        sl_buf_u32(&p->out, type);
    }
    return sl_expect_rpar(p->c) && sl_expect_rpar(p->c);
}

bool sl_ct_canon(sl_ct *p)
{
    size_t mark = sl_ct_mark(p);
    const sl_canon_row *row;
    sl_name id;
    return body(p, &row) && made_function(p, is_lift(row), &id) &&
           sl_ct_define_as(p, SL_CT_CANON, mark,
                           is_lift(row) ? SL_SORT_FUNC : SL_SORT_CORE_FUNC, id,
                           NULL);
}

/* `(canon ...)` as the body of a func or core func field. */
static bool canon_form(sl_ct *p, bool lift, const uint32_t *type, sl_name id,
                       uint32_t *out)
{
    size_t mark = sl_ct_mark(p);
    const sl_canon_row *row;
    if (!sl_take_form(p->c, "canon"))
        return sl_unexpected(p->c);
    if (sl_at_keyword(p->c, "lift") != lift)
        return sl_unexpected(p->c);
    if (!body(p, &row) || !sl_expect_rpar(p->c))
        return false;
    if (type != NULL)
        sl_buf_u32(&p->out, *type);
    return sl_ct_define_as(p, SL_CT_CANON, mark,
                           lift ? SL_SORT_FUNC : SL_SORT_CORE_FUNC, id, out);
}

bool sl_ct_canon_lift(sl_ct *p, uint32_t type, sl_name id, uint32_t *out)
{
    return canon_form(p, true, &type, id, out);
}

bool sl_ct_canon_core(sl_ct *p, sl_name id, uint32_t *out)
{
    return canon_form(p, false, NULL, id, out);
}
