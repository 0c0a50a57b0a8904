/* Component-level values in scripts. The forms are those of the reference
 * tests; a record's field values stand without parentheses of their own. */
#include "text/script_val.h"

#include "base/alloc.h"
#include "base/utf8.h"
#include "base/vec.h"

#define MAX_DEPTH 200

static const struct word {
    const char *word;
    sluice_kind kind;
    uint8_t bits; /* OPTION, RESULT: the case */
} words[] = {
    {"bool.const", SLUICE_BOOL, 0},    {"s8.const", SLUICE_S8, 0},
    {"u8.const", SLUICE_U8, 0},        {"s16.const", SLUICE_S16, 0},
    {"u16.const", SLUICE_U16, 0},      {"s32.const", SLUICE_S32, 0},
    {"u32.const", SLUICE_U32, 0},      {"s64.const", SLUICE_S64, 0},
    {"u64.const", SLUICE_U64, 0},      {"f32.const", SLUICE_F32, 0},
    {"f64.const", SLUICE_F64, 0},      {"char.const", SLUICE_CHAR, 0},
    {"str.const", SLUICE_STRING, 0},   {"list.const", SLUICE_LIST, 0},
    {"map.const", SLUICE_MAP, 0},      {"record.const", SLUICE_RECORD, 0},
    {"tuple.const", SLUICE_TUPLE, 0},  {"variant.const", SLUICE_VARIANT, 0},
    {"enum.const", SLUICE_ENUM, 0},    {"option.none", SLUICE_OPTION, 0},
    {"option.some", SLUICE_OPTION, 1}, {"result.ok", SLUICE_RESULT, 0},
    {"result.err", SLUICE_RESULT, 1},  {"flags.const", SLUICE_FLAGS, 0},
};

static const struct word *word_of(const sl_token *token)
{
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (token->kind == SL_TOK_KEYWORD &&
            sl_name_is(token->text, words[i].word))
            return &words[i];
    return NULL;
}

bool sl_at_script_val(const sl_cursor *c)
{
    return sl_peek(c)->kind == SL_TOK_LPAR && word_of(sl_peek_at(c, 1)) != NULL;
}

/* --- Parsing -------------------------------------------------------------- */

static bool parse_value(sl_cursor *c, unsigned depth, sl_script_val *out);

static bool more(const sl_cursor *c)
{
    uint8_t kind = sl_peek(c)->kind;
    return kind != SL_TOK_RPAR && kind != SL_TOK_EOF;
}

static bool in_range(const sl_script_val *v, uint64_t value, bool minus)
{
    unsigned place = (unsigned)v->kind - SLUICE_S8;
    unsigned bits = 8u << place / 2;
    bool is_signed = place % 2 == 0;
    uint64_t top = UINT64_MAX >> (64 - bits + is_signed);
    if (!minus)
        return value <= top;
    return is_signed ? 0 - value <= top + 1 : value == 0;
}

static bool parse_integer(sl_cursor *c, sl_script_val *out)
{
    sl_name text = sl_peek(c)->text;
    if (sl_peek(c)->kind != SL_TOK_NUMBER || !sl_is_integer(text))
        return sl_unexpected(c);
    bool minus = text.data[0] == '-';
    if (!(minus ? sl_parse_i64(text, &out->bits)
                : sl_parse_u64(text, &out->bits)) ||
        !in_range(out, out->bits, minus))
        return sl_cursor_fail(c, "constant out of range");
    sl_next(c);
    return true;
}

static bool parse_float(sl_cursor *c, sl_script_val *out)
{
    bool is32 = out->kind == SLUICE_F32;
    sl_name text = sl_peek(c)->text;
    uint32_t bits32;
    if (text.len > 4 && memcmp(text.data, "nan:", 4) == 0)
        text.len = 3;
    if (!(is32 ? sl_parse_f32(text, &bits32) : sl_parse_f64(text, &out->bits)))
        return sl_unexpected(c);
    if (is32)
        out->bits = bits32;
    sl_next(c);
    return true;
}

static bool parse_bool(sl_cursor *c, sl_script_val *out)
{
    out->bits = sl_take_keyword(c, "true");
    return out->bits || sl_expect_keyword(c, "false");
}

static bool parse_char(sl_cursor *c, sl_script_val *out)
{
    sl_name text;
    if (!sl_expect_name(c, &text))
        return false;
    size_t pos = 0;
    out->bits = text.len
                    ? sl_utf8_next((const uint8_t *)text.data, text.len, &pos)
                    : UINT32_MAX;
    return pos == text.len && out->bits != UINT32_MAX
               ? true
               : sl_cursor_fail_at(c, out->at,
                                   "unexpected token: a char is "
                                   "one code point");
}

typedef SL_VEC(sl_script_val) val_vec;
typedef SL_VEC(sl_name) name_vec;

/* Moves what was collected into the arena. */
static bool keep(sl_cursor *c, bool ok, val_vec *vals, name_vec *names,
                 sl_script_val *out)
{
    if (ok) {
        out->n = (uint32_t)(vals->n ? vals->n : names->n);
        out->items = sl_arena_array(c->arena, sl_script_val, vals->n + 1);
        out->labels = sl_arena_array(c->arena, sl_name, names->n + 1);
        ok = (out->items != NULL && out->labels != NULL) || sl_cursor_nomem(c);
    }
    if (ok && vals->n > 0)
        memcpy(out->items, vals->v, vals->n * sizeof *vals->v);
    if (ok && names->n > 0)
        memcpy(out->labels, names->v, names->n * sizeof *names->v);
    sl_vec_deinit(vals);
    sl_vec_deinit(names);
    return ok;
}

/* (field "n" kind.const ...) */
static bool parse_field(sl_cursor *c, unsigned depth, name_vec *names,
                        sl_script_val *out)
{
    sl_name label;
    if (!sl_take_form(c, "field"))
        return sl_unexpected(c);
    if (!sl_expect_name(c, &label))
        return false;
    if (!sl_vec_push(names, label))
        return sl_cursor_nomem(c);
    bool paren = sl_take_lpar(c);
    return parse_value(c, depth, out) && (!paren || sl_expect_rpar(c)) &&
           sl_expect_rpar(c);
}

/* The elements of lists, tuples and records; the payload of a case. */
static bool parse_items(sl_cursor *c, unsigned depth, sl_script_val *out)
{
    val_vec vals = {0};
    name_vec names = {0};
    bool ok = true;
    while (ok && more(c)) {
        sl_script_val val;
        if (out->kind == SLUICE_RECORD)
            ok = parse_field(c, depth, &names, &val);
        else
            ok = sl_expect_lpar(c) && parse_value(c, depth, &val) &&
                 sl_expect_rpar(c);
        if (ok && !sl_vec_push(&vals, val))
            ok = sl_cursor_nomem(c);
    }
    return keep(c, ok, &vals, &names, out);
}

static bool parse_flags(sl_cursor *c, sl_script_val *out)
{
    val_vec vals = {0};
    name_vec names = {0};
    sl_name label;
    bool ok = true;
    while (ok && more(c))
        ok = sl_expect_name(c, &label) &&
             (sl_vec_push(&names, label) || sl_cursor_nomem(c));
    return keep(c, ok, &vals, &names, out);
}

static bool parse_payload(sl_cursor *c, unsigned depth, sl_script_val *out)
{
    return parse_items(c, depth, out) &&
           (out->n <= 1 || sl_cursor_fail_at(c, out->at,
                                             "unexpected token: one payload is "
                                             "enough"));
}

/* The value without its parentheses; the keyword says its kind. */
static bool parse_value(sl_cursor *c, unsigned depth, sl_script_val *out)
{
    const struct word *word = word_of(sl_peek(c));
    if (word == NULL)
        return sl_unexpected(c);
    if (depth == MAX_DEPTH)
        return sl_cursor_fail(c, "nesting too deep");
    *out = (sl_script_val){word->kind, sl_next(c)->at, .bits = word->bits};
    switch (word->kind) {
    case SLUICE_BOOL:
        return parse_bool(c, out);
    case SLUICE_F32:
    case SLUICE_F64:
        return parse_float(c, out);
    case SLUICE_CHAR:
        return parse_char(c, out);
    case SLUICE_STRING:
    case SLUICE_ENUM:
        return sl_expect_name(c, &out->text);
    case SLUICE_VARIANT:
        return sl_expect_name(c, &out->text) &&
               parse_payload(c, depth + 1, out);
    case SLUICE_OPTION:
    case SLUICE_RESULT:
        return parse_payload(c, depth + 1, out);
    case SLUICE_LIST:
    case SLUICE_MAP:
    case SLUICE_RECORD:
    case SLUICE_TUPLE:
        return parse_items(c, depth + 1, out);
    case SLUICE_FLAGS:
        return parse_flags(c, out);
    default:
        return parse_integer(c, out);
    }
}

bool sl_parse_script_val(sl_cursor *c, sl_script_val *out)
{
    return sl_expect_lpar(c) && parse_value(c, 0, out) && sl_expect_rpar(c);
}

/* --- To values of a type -------------------------------------------------- */

static bool mismatch(const sl_script_val *from, const sl_type *type,
                     sl_err *err)
{
    char text[80];
    sl_fail(err, SL_EINVALID, from->at, "type mismatch: not a value of type %s",
            sl_type_text(type, text, sizeof text));
    return false;
}

static bool nomem(sl_err *err)
{
    sl_fail(err, SL_ENOMEM, SL_ERR_NO_PLACE, "out of memory");
    return false;
}

/* The item that is a record's field. */
static const sl_script_val *field_of(const sl_script_val *from, sl_name label)
{
    for (uint32_t i = 0; i < from->n; i++)
        if (sl_name_eq(from->labels[i], label))
            return &from->items[i];
    return NULL;
}

static void to_number(const sl_script_val *from, sl_val *out)
{
    uint64_t bits64 = from->bits;
    uint32_t bits32 = (uint32_t)from->bits;
    uint16_t bits16 = (uint16_t)from->bits;
    uint8_t bits8 = (uint8_t)from->bits;
    switch (sl_val_elem_size(from->kind)) {
    case 1:
        memcpy(&out->of, &bits8, 1);
        break;
    case 2:
        memcpy(&out->of, &bits16, 2);
        break;
    case 4:
        memcpy(&out->of, &bits32, 4);
        break;
    default:
        memcpy(&out->of, &bits64, 8);
    }
}

static bool to_packed(const sl_script_val *from, const sl_type *elem,
                      sl_val *out, sl_err *err)
{
    size_t size = sl_val_elem_size((sluice_kind)elem->kind);
    if (!sluice_val_bytes(out, (sluice_kind)elem->kind, NULL, from->n))
        return nomem(err);
    for (uint32_t i = 0; i < from->n; i++) {
        sl_val item = {0};
        if (!sl_script_val_to(&from->items[i], elem, &item, err)) {
            sluice_val_deinit(out);
            return false;
        }
        memcpy((char *)out->of.bytes.data + i * size, &item.of, size);
    }
    return true;
}

static bool to_list(const sl_script_val *from, const sl_type *type, sl_val *out,
                    sl_err *err)
{
    const sl_type *elem = type->of.list.elem;
    if (type->of.list.len != 0 && from->n != type->of.list.len)
        return mismatch(from, type, err);
    if (sl_type_is_number(elem))
        return to_packed(from, elem, out, err);
    if (!sluice_val_items(out, SLUICE_LIST, from->n))
        return nomem(err);
    for (uint32_t i = 0; i < from->n; i++)
        if (!sl_script_val_to(&from->items[i], elem, &out->of.list.items[i],
                              err)) {
            sluice_val_deinit(out);
            return false;
        }
    return true;
}

/* Records and tuples (`labels` of the type), and the pairs of a map. */
static bool to_fields(const sl_script_val *from, const sl_type *type,
                      const sl_label *labels, uint32_t n, sl_val *out,
                      sl_err *err)
{
    bool record = from->kind == SLUICE_RECORD;
    if (from->n != n)
        return mismatch(from, type, err);
    if (!sluice_val_items(out, from->kind, n))
        return nomem(err);
    for (uint32_t i = 0; i < n; i++) {
        const sl_script_val *item =
            record ? field_of(from, labels[i].label) : &from->items[i];
        if (item == NULL ? !mismatch(from, type, err)
                         : !sl_script_val_to(item, labels[i].type,
                                             &out->of.list.items[i], err)) {
            sluice_val_deinit(out);
            return false;
        }
    }
    return true;
}

/* A map is a list of tuples, in the text as in the type system. */
static bool to_map(const sl_script_val *from, const sl_type *type, sl_val *out,
                   sl_err *err)
{
    sl_label pair[2] = {{.type = type->of.map.key},
                        {.type = type->of.map.value}};
    if (!sluice_val_items(out, SLUICE_MAP, from->n))
        return nomem(err);
    for (uint32_t i = 0; i < from->n; i++) {
        const sl_script_val *item = &from->items[i];
        if (item->kind != SLUICE_TUPLE
                ? !mismatch(item, type, err)
                : !to_fields(item, type, pair, 2, &out->of.list.items[i],
                             err)) {
            sluice_val_deinit(out);
            return false;
        }
    }
    return true;
}

/* The case of a VARIANT, ENUM, OPTION or RESULT; UINT32_MAX: none of it. */
static uint32_t case_of(const sl_script_val *from, const sl_type *type)
{
    uint32_t i = (uint32_t)from->bits;
    if (from->kind == SLUICE_VARIANT || from->kind == SLUICE_ENUM)
        i = sl_label_index(type, from->text);
    return i < sl_n_cases(type) ? i : UINT32_MAX;
}

static bool to_variant(const sl_script_val *from, const sl_type *type,
                       sl_val *out, sl_err *err)
{
    uint32_t i = case_of(from, type);
    const sl_type *payload = i == UINT32_MAX ? NULL : sl_case_type(type, i);
    if (i == UINT32_MAX || from->n != (payload != NULL))
        return mismatch(from, type, err);
    sl_val val = {0};
    if (payload != NULL &&
        !sl_script_val_to(&from->items[0], payload, &val, err))
        return false;
    return sluice_val_variant(out, from->kind, i, payload ? &val : NULL) ||
           nomem(err);
}

static bool flags_of(const sl_script_val *from, const sl_type *type,
                     uint32_t *out)
{
    *out = 0;
    for (uint32_t i = 0; i < from->n; i++) {
        uint32_t bit = sl_label_index(type, from->labels[i]);
        if (bit >= type->of.labels.n || bit >= 32)
            return false;
        *out |= UINT32_C(1) << bit;
    }
    return true;
}

/* `list.const` also stands for a map. */
static bool fits(const sl_script_val *from, const sl_type *type)
{
    return (int)from->kind == (int)type->kind ||
           (from->kind == SLUICE_LIST && type->kind == SL_T_MAP);
}

bool sl_script_val_to(const sl_script_val *from, const sl_type *type,
                      sl_val *out, sl_err *err)
{
    *out = (sl_val){0};
    if (!fits(from, type))
        return mismatch(from, type, err);
    switch (type->kind) {
    case SL_T_STRING:
        return sluice_val_string(out, from->text.data, from->text.len) ||
               nomem(err);
    case SL_T_LIST:
        return to_list(from, type, out, err);
    case SL_T_MAP:
        return to_map(from, type, out, err);
    case SL_T_RECORD:
    case SL_T_TUPLE:
        return to_fields(from, type, type->of.labels.v, type->of.labels.n, out,
                         err);
    case SL_T_VARIANT:
    case SL_T_ENUM:
    case SL_T_OPTION:
    case SL_T_RESULT:
        return to_variant(from, type, out, err);
    case SL_T_FLAGS:
        out->kind = SLUICE_FLAGS;
        return flags_of(from, type, &out->of.flags) ||
               mismatch(from, type, err);
    case SL_T_BOOL:
        out->of.boolean = from->bits != 0;
        break;
    case SL_T_CHAR:
        out->of.chr = (uint32_t)from->bits;
        break;
    default:
        to_number(from, out);
    }
    out->kind = (uint8_t)type->kind;
    return true;
}

bool sl_script_val_eq(const sl_script_val *want, const sl_type *type,
                      const sl_val *val)
{
    sl_err err = {0};
    sl_val wanted;
    if (!sl_script_val_to(want, type, &wanted, &err))
        return false;
    bool eq = sluice_val_eq(&wanted, val);
    sluice_val_deinit(&wanted);
    return eq;
}
