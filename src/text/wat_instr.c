/* Instructions: flat and folded text to bytes, with a stack of its own for
 * what is open, so that no nesting can exhaust the native one.
 * Core specification, "Text Format / Instructions". */
#include "text/wat_int.h"

#define OP_BYTE_BLOCK 0x02
#define OP_BYTE_IF    0x04
#define OP_BYTE_ELSE  0x05
#define OP_BYTE_END   0x0b

static bool nomem_unless(wat *w, bool ok)
{
    return ok || sl_cursor_nomem(w->c);
}

/* --- Immediates ---------------------------------------------------------- */

static bool at_label(const wat *w)
{
    return wat_at_index(w);
}

static bool parse_label(wat *w, sl_buf *out)
{
    uint32_t index;
    const sl_token *token = sl_peek(w->c);
    if (token->kind != SL_TOK_ID) {
        if (!wat_at_index(w))
            return wat_unexpected(w);
        bool ok = sl_expect_u32(w->c, &index);
        sl_buf_u32(out, index);
        return ok;
    }
    for (size_t i = w->labels.n; i > 0; i--)
        if (w->labels.v[i - 1].data != NULL &&
            sl_name_eq(w->labels.v[i - 1], token->text)) {
            sl_buf_u32(out, (uint32_t)(w->labels.n - i));
            sl_next(w->c);
            return true;
        }
    return sl_cursor_fail(w->c, "unknown label $%.*s",
                          SL_NAME_ARGS(token->text));
}

static bool parse_labels(wat *w)
{
    sl_buf labels = {0};
    uint32_t n = 0;
    bool ok = true;
    do {
        ok = parse_label(w, &labels);
        n++;
    } while (ok && at_label(w));
    sl_buf_u32(&w->imm, n - 1);
    sl_buf_bytes(&w->imm, labels.data, labels.len);
    w->imm.failed |= labels.failed;
    sl_buf_deinit(&labels);
    return ok;
}

/* The code of the catch clause whose keyword is taken; -1: none stands here. */
static int take_catch(wat *w)
{
    static const char *const words[] = {"catch", "catch_ref", "catch_all",
                                        "catch_all_ref"};
    for (int code = 0; code < 4; code++)
        if (sl_take_form(w->c, words[code]))
            return code;
    return -1;
}

/* (catch tag label), (catch_ref tag label), (catch_all label) and
 * (catch_all_ref label), to w->imm. */
static bool parse_catches(wat *w)
{
    sl_buf clauses = {0};
    uint32_t n = 0, tag;
    bool ok = true;
    for (int code; ok && (code = take_catch(w)) >= 0; n++) {
        sl_buf_u8(&clauses, (uint8_t)code);
        if (code < 2) {
            ok = wat_index(w, WAT_TAG, &tag);
            sl_buf_u32(&clauses, ok ? tag : 0);
        }
        ok = ok && parse_label(w, &clauses) && sl_expect_rpar(w->c);
    }
    sl_buf_u32(&w->imm, n);
    sl_buf_bytes(&w->imm, clauses.data, clauses.len);
    w->imm.failed |= clauses.failed;
    sl_buf_deinit(&clauses);
    return ok;
}

static bool parse_index(wat *w, wat_space space)
{
    uint32_t index;
    if (!wat_index(w, space, &index))
        return false;
    sl_buf_u32(&w->imm, index);
    return true;
}

/* An index that may be left out for 0. */
static bool parse_index_or_0(wat *w, wat_space space, uint32_t *out)
{
    *out = 0;
    return !wat_at_index(w) || wat_index(w, space, out);
}

/* Two indices of a space, or none for 0 0. */
static bool parse_index_pair(wat *w, wat_space space)
{
    if (wat_at_index(w))
        return parse_index(w, space) && parse_index(w, space);
    sl_buf_u32(&w->imm, 0);
    sl_buf_u32(&w->imm, 0);
    return true;
}

/* table.init $table? $elem, memory.init $memory? $data: the binary format has
 * them the other way round. */
static bool parse_init(wat *w, wat_space whole, wat_space segment)
{
    uint32_t first = 0, second;
    int next = sl_peek_at(w->c, 1)->kind;
    if (next == SL_TOK_ID || next == SL_TOK_NUMBER)
        if (!wat_index(w, whole, &first))
            return false;
    if (!wat_index(w, segment, &second))
        return false;
    sl_buf_u32(&w->imm, second);
    sl_buf_u32(&w->imm, first);
    return true;
}

static bool parse_call_indirect(wat *w)
{
    uint32_t table, type;
    if (!parse_index_or_0(w, WAT_TABLE, &table) ||
        !wat_typeuse(w, WAT_NAMES_NONE, &type))
        return false;
    sl_buf_u32(&w->imm, type);
    sl_buf_u32(&w->imm, table);
    return true;
}

/* offset=... or align=...: true when it was there and taken. */
static bool take_setting(wat *w, const char *prefix, uint64_t *out, bool *ok)
{
    const sl_token *token = sl_peek(w->c);
    size_t len = strlen(prefix);
    sl_name text = token->text;
    if (token->kind != SL_TOK_KEYWORD || text.len <= len ||
        memcmp(text.data, prefix, len) != 0)
        return false;
    text.data += len;
    text.len -= len;
    if (!sl_is_integer(text) || text.data[0] == '+' || text.data[0] == '-')
        *ok = sl_cursor_fail(w->c, "unknown operator %.*s",
                             SL_NAME_ARGS(token->text));
    else if (!sl_parse_u64(text, out))
        *ok = sl_cursor_fail(w->c, "i64 constant out of range");
    else
        sl_next(w->c);
    return true;
}

static uint32_t log2_of(uint64_t value)
{
    uint32_t log = 0;
    while (value >>= 1)
        log++;
    return log;
}

static bool parse_memarg(wat *w, uint64_t natural)
{
    uint64_t offset = 0, align = natural;
    uint32_t memory;
    bool ok = parse_index_or_0(w, WAT_MEMORY, &memory);
    ok = ok && (take_setting(w, "offset=", &offset, &ok), ok);
    if (ok && take_setting(w, "align=", &align, &ok) && ok &&
        (align == 0 || (align & (align - 1)) != 0)) {
        w->c->pos--;
        ok = sl_cursor_fail(w->c, "alignment must be a power of two");
    }
    if (!ok)
        return false;
    sl_buf_u32(&w->imm, log2_of(align) | (memory ? 0x40 : 0));
    if (memory)
        sl_buf_u32(&w->imm, memory);
    sl_buf_u64(&w->imm, offset);
    return true;
}

static bool put_const(wat *w, char imm, sl_name text)
{
    uint32_t v32;
    uint64_t v64;
    switch (imm) {
    case 'i':
        if (!sl_parse_i32(text, &v32))
            return false;
        sl_buf_s64(&w->imm, (int32_t)v32);
        return true;
    case 'I':
        if (!sl_parse_i64(text, &v64))
            return false;
        sl_buf_s64(&w->imm, (int64_t)v64);
        return true;
    case 'F':
        if (!sl_parse_f32(text, &v32))
            return false;
        sl_buf_le32(&w->imm, v32);
        return true;
    default:
        if (!sl_parse_f64(text, &v64))
            return false;
        sl_buf_le64(&w->imm, v64);
        return true;
    }
}

static bool parse_const(wat *w, char imm)
{
    const sl_token *token = sl_peek(w->c);
    bool integer = imm == 'i' || imm == 'I';
    if (token->kind != SL_TOK_NUMBER ||
        (integer && !sl_is_integer(token->text)))
        return wat_unexpected(w);
    if (!put_const(w, imm, token->text))
        return sl_cursor_fail(w->c, "constant out of range");
    sl_next(w->c);
    return true;
}

/* select's (result t*)*; none at all is the untyped instruction. */
static bool parse_select(wat *w)
{
    sl_buf types = {0};
    uint32_t n = 0;
    sl_valtype type;
    bool ok = true, typed = sl_at_form(w->c, "result");
    while (ok && sl_take_form(w->c, "result")) {
        while (ok && sl_peek(w->c)->kind != SL_TOK_RPAR) {
            ok = wat_valtype(w, &type);
            sl_buf_u8(&types, (uint8_t)type);
            n++;
        }
        ok = ok && sl_expect_rpar(w->c);
    }
    sl_buf_u8(&w->imm,
              typed ? sl_ops[SL_OP_SELECT_T].code : sl_ops[SL_OP_SELECT].code);
    if (typed) {
        sl_buf_u32(&w->imm, n);
        sl_buf_bytes(&w->imm, types.data, types.len);
    }
    w->imm.failed |= types.failed;
    sl_buf_deinit(&types);
    return ok;
}

static bool parse_heap_imm(wat *w)
{
    sl_valtype type;
    if (!wat_heaptype(w, &type))
        return false;
    sl_buf_u8(&w->imm, (uint8_t)type);
    return true;
}

/* One immediate by its letter in op.def. */
static bool parse_imm(wat *w, const char *imm)
{
    uint32_t index;
    switch (*imm) {
    case 'l':
        return parse_label(w, &w->imm);
    case 'L':
        return parse_labels(w);
    case 'v':
        return parse_index(w, WAT_LOCAL);
    case 'g':
        return parse_index(w, WAT_GLOBAL);
    case 'f':
        return parse_index(w, WAT_FUNC);
    case 'y':
        return parse_index(w, WAT_TYPE);
    case 'e':
        return parse_index(w, WAT_ELEM);
    case 'd':
        return parse_index(w, WAT_DATA);
    case 'x':
        return parse_index(w, WAT_TAG);
    case 't':
    case 'M':
        if (!parse_index_or_0(w, *imm == 't' ? WAT_TABLE : WAT_MEMORY, &index))
            return false;
        sl_buf_u32(&w->imm, index);
        return true;
    case 'm':
        return parse_memarg(w, (uint64_t)(imm[1] - '0'));
    case 'h':
        return parse_heap_imm(w);
    default:
        return parse_const(w, *imm);
    }
}

/* Immediates whose order or abbreviation is their own. */
static bool parse_imms(wat *w, const char *imms)
{
    if (strcmp(imms, "yt") == 0)
        return parse_call_indirect(w);
    if (strcmp(imms, "et") == 0)
        return parse_init(w, WAT_TABLE, WAT_ELEM);
    if (strcmp(imms, "dM") == 0)
        return parse_init(w, WAT_MEMORY, WAT_DATA);
    if (strcmp(imms, "tt") == 0)
        return parse_index_pair(w, WAT_TABLE);
    if (strcmp(imms, "MM") == 0)
        return parse_index_pair(w, WAT_MEMORY);
    for (; *imms; imms++)
        if (*imms >= 'A' && !parse_imm(w, imms))
            return false;
    return true;
}

/* A plain instruction behind its keyword, encoded into w->imm. */
static bool parse_plain(wat *w, sl_op op)
{
    const sl_op_info *info = &sl_ops[op];
    sl_buf_clear(&w->imm);
    if (op == SL_OP_SELECT)
        return parse_select(w);
    if (info->prefix) {
        sl_buf_u8(&w->imm, info->prefix);
        sl_buf_u32(&w->imm, info->code);
    } else {
        sl_buf_u8(&w->imm, info->code);
    }
    if (op == SL_OP_MEMORY_INIT || op == SL_OP_DATA_DROP)
        w->needs_data_count = true;
    return parse_imms(w, info->imms);
}

/* --- Structure ----------------------------------------------------------- */

static wat_frame *top_frame(wat *w)
{
    return w->frames.n ? &sl_vec_last(&w->frames) : NULL;
}

static bool push_frame(wat *w, wat_frame frame)
{
    return nomem_unless(w, sl_vec_push(&w->frames, frame));
}

static bool push_label(wat *w, sl_name label)
{
    return nomem_unless(w, sl_vec_push(&w->labels, label));
}

/* Takes the keyword of an instruction; the words that only close something
 * are no instructions here. */
static bool take_op(wat *w, sl_op *out)
{
    const sl_token *token = sl_peek(w->c);
    if (token->kind != SL_TOK_KEYWORD || !wat_word(w, token->text, out) ||
        *out == SL_OP_NONE)
        return wat_unexpected(w);
    sl_next(w->c);
    return true;
}

/* Label and type of a block; the opcode with its immediates goes to w->imm.
 * The label is not there yet for try_table's clauses. */
static bool parse_block_head(wat *w, sl_op op, sl_name *label)
{
    int64_t type;
    *label = sl_take_id(w->c);
    if (!wat_blocktype(w, &type))
        return false;
    sl_buf_clear(&w->imm);
    sl_buf_u8(&w->imm, sl_ops[op].code);
    sl_buf_s64(&w->imm, type);
    return op != SL_OP_TRY_TABLE || parse_catches(w);
}

static void emit_imm(wat *w)
{
    sl_buf_bytes(w->code, w->imm.data, w->imm.len);
    w->code->failed |= w->imm.failed;
}

/* The optional label behind `else` and `end`. */
static bool check_label(wat *w, const wat_frame *frame)
{
    const sl_token *token = sl_peek(w->c);
    if (token->kind != SL_TOK_ID)
        return true;
    if (frame->label.data == NULL || !sl_name_eq(frame->label, token->text))
        return sl_cursor_fail(w->c, "mismatching label $%.*s",
                              SL_NAME_ARGS(token->text));
    sl_next(w->c);
    return true;
}

static bool parse_else(wat *w, wat_frame *top)
{
    if (top == NULL || top->kind != WAT_IF)
        return sl_unexpected(w->c);
    sl_next(w->c);
    top->kind = WAT_ELSE;
    sl_buf_u8(w->code, OP_BYTE_ELSE);
    return check_label(w, top);
}

static bool parse_end(wat *w, wat_frame *top)
{
    if (top == NULL || top->kind > WAT_ELSE)
        return sl_unexpected(w->c);
    sl_next(w->c);
    sl_buf_u8(w->code, OP_BYTE_END);
    if (!check_label(w, top))
        return false;
    w->frames.n--;
    w->labels.n--;
    return true;
}

static bool parse_flat(wat *w, wat_frame *top)
{
    sl_op op;
    sl_name label;
    if (sl_at_keyword(w->c, "else"))
        return parse_else(w, top);
    if (sl_at_keyword(w->c, "end"))
        return parse_end(w, top);
    if (!take_op(w, &op))
        return false;
    if (!sl_op_is_block(op)) {
        if (!parse_plain(w, op))
            return false;
        emit_imm(w);
        return true;
    }
    if (!parse_block_head(w, op, &label))
        return false;
    emit_imm(w);
    uint8_t kind = op == SL_OP_IF ? WAT_IF : WAT_BLOCK;
    return push_label(w, label) &&
           push_frame(w, (wat_frame){.kind = kind, .label = label});
}

/* Keeps w->imm until the arguments of a folded instruction are emitted. */
static bool push_pending(wat *w, wat_frame frame)
{
    frame.code_len = w->imm.len;
    frame.code =
        (const uint8_t *)sl_arena_dup(w->c->arena, w->imm.data, w->imm.len);
    if (frame.code == NULL || w->imm.failed)
        return sl_cursor_nomem(w->c);
    return push_frame(w, frame);
}

/* (then ...) and (else ...) inside (if ...). */
static bool open_branch(wat *w, wat_frame *top)
{
    if (top == NULL || top->kind != WAT_FOLD_IF)
        return sl_unexpected(w->c);
    if (top->phase == 0 && sl_take_form(w->c, "then")) {
        sl_buf_bytes(w->code, top->code, top->code_len);
        top->phase = 1;
    } else if (top->phase == 1 && sl_take_form(w->c, "else")) {
        sl_buf_u8(w->code, OP_BYTE_ELSE);
        top->phase = 2;
    } else {
        return sl_unexpected(w->c);
    }
    return push_label(w, top->label) &&
           push_frame(w, (wat_frame){.kind = WAT_FOLD_THEN});
}

static bool open_folded(wat *w, wat_frame *top)
{
    sl_op op;
    sl_name label;
    if (sl_at_form(w->c, "then") || sl_at_form(w->c, "else"))
        return open_branch(w, top);
    if (top != NULL && top->kind == WAT_FOLD_IF && top->phase > 0)
        return sl_unexpected(w->c);
    sl_next(w->c);
    if (sl_at_keyword(w->c, "end") || !take_op(w, &op))
        return sl_unexpected(w->c);
    if (sl_op_is_block(op)) {
        if (!parse_block_head(w, op, &label))
            return false;
        if (op == SL_OP_IF)
            return push_pending(
                w, (wat_frame){.kind = WAT_FOLD_IF, .label = label});
        emit_imm(w);
        return push_label(w, label) &&
               push_frame(w, (wat_frame){.kind = WAT_FOLD_BLOCK});
    }
    if (!parse_plain(w, op))
        return false;
    if (sl_take_rpar(w->c)) {
        emit_imm(w);
        return true;
    }
    return push_pending(w, (wat_frame){.kind = WAT_FOLD});
}

static bool close_folded(wat *w, wat_frame *top)
{
    switch (top->kind) {
    case WAT_FOLD:
        sl_buf_bytes(w->code, top->code, top->code_len);
        break;
    case WAT_FOLD_BLOCK:
        sl_buf_u8(w->code, OP_BYTE_END);
        w->labels.n--;
        break;
    case WAT_FOLD_THEN:
        w->labels.n--;
        break;
    case WAT_FOLD_IF:
        if (top->phase == 0)
            return sl_unexpected(w->c);
        sl_buf_u8(w->code, OP_BYTE_END);
        break;
    default:
        return sl_unexpected(w->c);
    }
    sl_next(w->c);
    w->frames.n--;
    return true;
}

/* One token's worth; `*done` at a parenthesis that closes nothing of ours. */
static bool step(wat *w, bool *done)
{
    wat_frame *top = top_frame(w);
    bool folded = top && (top->kind == WAT_FOLD || top->kind == WAT_FOLD_IF);
    switch (sl_peek(w->c)->kind) {
    case SL_TOK_LPAR:
        return open_folded(w, top);
    case SL_TOK_RPAR:
        *done = top == NULL;
        return *done || close_folded(w, top);
    case SL_TOK_KEYWORD:
        return folded ? wat_unexpected(w) : parse_flat(w, top);
    default:
        return sl_unexpected(w->c);
    }
}

static void start(wat *w, sl_buf *out)
{
    w->code = out;
    w->frames.n = w->labels.n = 0;
}

bool wat_instrs(wat *w, sl_buf *out)
{
    bool done = false;
    start(w, out);
    while (!done)
        if (!step(w, &done))
            return false;
    return true;
}

bool wat_folded(wat *w, sl_buf *out)
{
    bool done = false;
    start(w, out);
    if (sl_peek(w->c)->kind != SL_TOK_LPAR)
        return wat_unexpected(w);
    do {
        if (!step(w, &done))
            return false;
    } while (w->frames.n > 0);
    return true;
}
