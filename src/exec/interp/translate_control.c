/* Control: labels, blocks, calls, exceptions. */
#include "exec/interp/translate.h"

/* --- Labels -------------------------------------------------------------- */

static uint32_t arity(const label *l)
{
    return l->kind == SL_OP_LOOP ? l->n_params : l->n_results;
}

label *sl_tr_label_at(translator *t, uint32_t depth)
{
    return &t->labels.v[t->labels.n - 1 - depth];
}

/* Whether the operands that go to a label are not where it wants them. */
static bool must_move(const translator *t, const label *l)
{
    uint32_t n = arity(l), first = (uint32_t)t->stack.n - n;
    for (uint32_t i = 0; i < n; i++) {
        const value *v = &t->stack.v[first + i];
        if (v->kind == VALUE_CONST || v->kind == VALUE_SUM ||
            v->slot != sl_tr_temp_slot(t, l->height + i))
            return true;
    }
    return false;
}

/* Copies them there. A temporary only moves down, so the order is safe; the
 * stack stays as it is, for the way on when the branch is not taken. */
static void move_to(translator *t, const label *l)
{
    uint32_t n = arity(l), first = (uint32_t)t->stack.n - n;
    for (uint32_t i = 0; i < n && !t->failed; i++) {
        value v = t->stack.v[first + i];
        sl_tr_emit_value(t, sl_tr_temp_slot(t, l->height + i), &v);
    }
}

void sl_tr_emit_return(translator *t)
{
    label *l = &t->labels.v[0];
    uint32_t saved = t->func->saved_at;
    value v = {VALUE_TEMP, NONE, 0, 0};
    if (l->n_results == 1) {
        v = sl_vec_last(&t->stack);
        v.slot = sl_tr_slot_of_popped(
            t, &v, sl_tr_temp_slot(t, (uint32_t)t->stack.n - 1), ACC_INT);
    } else if (l->n_results > 1) {
        move_to(t, l);
    }
    if (t->func->home->counted)
        sl_tr_emit(t, IR_LEAVE_COUNTED, 0, 0, 0, 0);
    if (l->n_results == 0)
        sl_tr_emit(t, IR_RETURN0, saved, 0, 0, 0);
    else if (l->n_results > 1)
        sl_tr_emit(t, IR_RETURN_N, saved, sl_tr_temp_slot(t, 0), l->n_results,
                   0);
    else
        sl_tr_emit(
            t, sl_tr_in_acc(t, ACC_INT, v.slot) ? IR_RETURN1_A : IR_RETURN1_R,
            saved, v.slot, 0, 0);
}

void sl_tr_emit_jump(translator *t, label *l)
{
    if (l->kind == SL_OP_NONE) {
        sl_tr_emit_return(t);
        return;
    }
    move_to(t, l);
    uint32_t at = sl_tr_emit_imm(t, IR_BR, 0, 0, 0);
    sl_tr_jump_to(t, at, l);
}

/* The jump needs more than its distance: operands to move, or a return. */
static bool needs_code(const translator *t, const label *l)
{
    return l->kind == SL_OP_NONE ? l->n_results != 0 : must_move(t, l);
}

/* a += n; br_if a != b: at the end of a loop both in one. `ins` is the branch
 * that would be, the addition stands in front of the comparison. */
static bool count_loop(translator *t, const value *v, const label *l)
{
    sl_ins branch = {.op = IR_BR_IF_A};
    bool compared = sl_tr_is_compared(t, v);
    if (compared && !sl_tr_branch_form(t, false, &branch))
        return false;
    if (!compared)
        branch.a = (uint16_t)v->slot;
    uint32_t op;
    switch (branch.op) {
    case IR_BR_IF_A:
        op = IR_COUNT_NE_I;
        break;
    case IR_BR_I32_NE_AI:
        op = IR_COUNT_NE_I;
        break;
    case IR_BR_I32_NE_AR:
        op = IR_COUNT_NE_R;
        break;
    case IR_BR_I32_LT_S_AI:
        op = IR_COUNT_LT_S_I;
        break;
    case IR_BR_I32_LT_S_AR:
        op = IR_COUNT_LT_S_R;
        break;
    case IR_BR_I32_LT_U_AI:
        op = IR_COUNT_LT_U_I;
        break;
    case IR_BR_I32_LT_U_AR:
        op = IR_COUNT_LT_U_R;
        break;
    default:
        return false;
    }
    size_t n = t->ins.n - (compared ? 1 : 0);
    if (n <= l->loop_at || (!compared && (v->kind != VALUE_LOCAL ||
                                          !sl_tr_in_acc(t, ACC_INT, v->slot))))
        return false;
    const sl_ins add = t->ins.v[n - 1];
    int64_t back = (int64_t)l->loop_at - (int64_t)(n - 1);
    if ((add.op != IR_I32_ADD_RI && add.op != IR_I32_ADD_AI) ||
        add.a != add.b || add.a != branch.a || add.imm != (int16_t)add.imm ||
        back < INT16_MIN)
        return false;
    if (compared)
        sl_tr_unemit(t);
    sl_tr_unemit(t);
    sl_tr_forget(t);
    sl_tr_emit(t, op, add.a, branch.b, (uint16_t)add.imm, (uint16_t)back);
    t->accs[ACC_INT] = add.a;
    return true;
}

void sl_tr_branch_if(translator *t, label *l)
{
    value v = sl_tr_pop(t);
    if (l->kind == SL_OP_LOOP && !must_move(t, l) && count_loop(t, &v, l))
        return;
    if (!needs_code(t, l)) {
        uint32_t at = sl_tr_branch_on(t, v, false);
        sl_tr_jump_to(t, at, l);
        return;
    }
    uint32_t around = sl_tr_branch_on(t, v, true);
    uint32_t accs[N_ACCS];
    memcpy(accs, t->accs, sizeof accs);
    sl_tr_emit_jump(t, l);
    sl_tr_patch(t, around, (uint32_t)t->ins.n);
    memcpy(t->accs, accs, sizeof accs);
    t->last = NONE;
}

/* One target of a br_table; those that need code share it per label. */
static void table_target(translator *t, uint32_t at, uint32_t word, label *l)
{
    if (!needs_code(t, l)) {
        sl_tr_jump_word_to(t, at, word, l);
        return;
    }
    if (l->stub_of != t->n_tables) {
        l->stub_of = t->n_tables;
        l->stub_at = (uint32_t)t->ins.n;
        sl_tr_forget(t);
        sl_tr_emit_jump(t, l);
    }
    sl_tr_patch_word(t, at, word, l->stub_at);
}

void sl_tr_branch_table(translator *t, const sl_instr *in)
{
    value v = sl_tr_pop(t);
    v.slot = sl_tr_slot_of_popped(
        t, &v, sl_tr_temp_slot(t, (uint32_t)t->stack.n), ACC_INT);
    bool a = sl_tr_in_acc(t, ACC_INT, v.slot);
    uint32_t word = (uint32_t)t->pool.n;
    uint32_t at = sl_tr_emit_imm(t, a ? IR_BR_TABLE_A : IR_BR_TABLE_R, v.slot,
                                 0, (int32_t)(word * 4));
    sl_tr_in_pool(t);
    t->n_tables++;
    uint32_t n = in->n + 1;
    if (!sl_vec_reserve(&t->pool, (size_t)n + 1)) {
        sl_tr_fail(t, SL_ENOMEM, "out of memory");
        return;
    }
    t->pool.v[t->pool.n] = n;
    t->pool.n += (size_t)n + 1;

    sl_err err = {0};
    sl_reader r = sl_reader_over(in->vec, in->vec_len, 0, &err);
    for (uint32_t i = 0; i < n && !t->failed; i++)
        table_target(t, at, word + 1 + i, sl_tr_label_at(t, sl_read_u32(&r)));
}

/* --- Blocks -------------------------------------------------------------- */

void sl_tr_push_label(translator *t, sl_op kind, uint32_t n_params,
                      uint32_t n_results)
{
    label l = {
        .kind = kind,
        .height = (uint32_t)t->stack.n - n_params,
        .n_params = n_params,
        .n_results = n_results,
        .loop_at = (uint32_t)t->ins.n,
        .else_at = NONE,
    };
    if (!sl_vec_push(&t->labels, l))
        sl_tr_fail(t, SL_ENOMEM, "out of memory");
}

static void push_temps(translator *t, uint32_t n)
{
    for (uint32_t i = 0; i < n && !t->failed; i++)
        sl_tr_push_temp(t);
}

/* The clauses' labels lie outside: the block's own is not there yet. What is
 * caught goes where the label wants it. */
static void add_catches(translator *t, const sl_instr *in)
{
    sl_err err = {0};
    sl_reader r = sl_reader_over(in->vec, in->vec_len, 0, &err);
    for (uint32_t i = 0; i < in->n && !t->failed; i++) {
        sl_catch c = sl_read_catch(&r);
        label *to = sl_tr_label_at(t, c.label);
        uint32_t slot = sl_tr_temp_slot(t, to->height);
        sl_code_catch clause = {c.all ? SL_ANY_TAG : c.tag, 0, slot, c.ref};
        if (slot + arity(to) > SL_FRAME_MAX) {
            sl_tr_fail(t, SL_ELIMIT, "limit: a function has too many operands");
        } else if (!sl_vec_push(&t->catches, clause)) {
            sl_tr_fail(t, SL_ENOMEM, "out of memory");
        } else {
            if (slot + arity(to) > t->n_slots)
                t->n_slots = slot + arity(to);
            sl_tr_catch_to(t, (uint32_t)t->catches.n - 1, to);
        }
    }
}

/* From here on the clauses from `first` on are in force, up to end_try. No
 * instruction joins with one on the other side of these bounds. */
static void begin_try(translator *t, uint32_t first)
{
    label *l = &sl_vec_last(&t->labels);
    t->last = NONE;
    l->try_at = (uint32_t)t->ins.n;
    l->first_catch = first;
    l->n_catches = (uint32_t)t->catches.n - first;
}

static void end_try(translator *t, const label *l)
{
    sl_code_try made = {l->try_at, (uint32_t)t->ins.n, l->first_catch,
                        l->n_catches};
    t->last = NONE;
    if (l->n_catches != 0 && !sl_vec_push(&t->tries, made))
        sl_tr_fail(t, SL_ENOMEM, "out of memory");
}

void sl_tr_begin_block(translator *t, const sl_instr *in)
{
    uint32_t n_params = 0, n_results = in->type != SL_BLOCK_EMPTY;
    if (in->type >= 0) {
        const sl_functype *type = &t->module->types[in->type];
        n_params = type->n_params;
        n_results = type->n_results;
    }
    value condition = {VALUE_TEMP, NONE, 0, 0};
    if (in->op == SL_OP_IF)
        condition = sl_tr_pop(t);
    /* Code inside may write locals, on some ways and not on others. */
    if (in->op != SL_OP_BLOCK)
        sl_tr_settle_top(t, n_params);
    sl_tr_flush(t);
    if (in->op == SL_OP_LOOP)
        sl_tr_forget(t);
    uint32_t first_catch = (uint32_t)t->catches.n;
    if (in->op == SL_OP_TRY_TABLE)
        add_catches(t, in);
    sl_tr_push_label(t, in->op, n_params, n_results);
    if (in->op == SL_OP_TRY_TABLE && !t->failed)
        begin_try(t, first_catch);
    if (in->op == SL_OP_IF && !t->failed) {
        uint32_t at = sl_tr_branch_on(t, condition, true);
        sl_vec_last(&t->labels).else_at = at;
    }
}

void sl_tr_begin_else(translator *t, bool reached)
{
    label *l = &sl_vec_last(&t->labels);
    if (reached) {
        move_to(t, l);
        uint32_t at = sl_tr_emit_imm(t, IR_BR, 0, 0, 0);
        sl_tr_jump_to(t, at, l);
    }
    sl_tr_patch(t, l->else_at, (uint32_t)t->ins.n);
    l->else_at = NONE;
    l->kind = SL_OP_BLOCK;
    l->stub_of = 0;
    sl_tr_forget(t);
    sl_tr_pop_to(t, l->height);
    push_temps(t, l->n_params);
}

bool sl_tr_end_block(translator *t, bool reached)
{
    label l = sl_vec_pop(&t->labels);
    if (l.kind == SL_OP_TRY_TABLE)
        end_try(t, &l);
    bool joined = l.fixes != 0 || l.else_at != NONE;
    if (!joined && reached)
        return true;
    if (reached) {
        label as_block = l;
        as_block.kind = SL_OP_BLOCK;
        move_to(t, &as_block);
    }
    if (joined) {
        if (l.else_at != NONE)
            sl_tr_patch(t, l.else_at, (uint32_t)t->ins.n);
        sl_tr_land(t, &l);
    }
    sl_tr_pop_to(t, l.height);
    push_temps(t, l.n_results);
    return joined;
}

void sl_tr_end_function(translator *t, bool reached)
{
    if (reached)
        sl_tr_emit_return(t);
    label l = t->labels.v[0];
    if (l.fixes != 0) { /* branches without results, and catch clauses */
        sl_tr_pop_to(t, 0);
        push_temps(t, l.n_results);
        sl_tr_land(t, &l);
        sl_tr_emit_return(t);
    }
    t->labels.n = 0;
}

/* --- Calls --------------------------------------------------------------- */

/* Arguments into place; the new frame begins where they do. */
static uint32_t begin_call(translator *t, const sl_functype *type)
{
    sl_tr_settle_top(t, type->n_params);
    uint32_t base = sl_tr_temp_slot(t, (uint32_t)t->stack.n - type->n_params);
    uint32_t need = base + sl_saved_at(type) + SL_FRAME_SAVED;
    if (need > SL_FRAME_MAX)
        sl_tr_fail(t, SL_ELIMIT, "limit: a function has too many operands");
    if (need > t->n_slots)
        t->n_slots = need;
    return base;
}

static void end_call(translator *t, const sl_functype *type)
{
    if (t->failed)
        return;
    sl_tr_pop_to(t, (uint32_t)t->stack.n - type->n_params);
    push_temps(t, type->n_results);
    sl_tr_forget(t);
}

void sl_tr_call(translator *t, uint32_t func)
{
    const sl_functype *type = &t->module->types[t->module->funcs[func].type];
    uint32_t base = begin_call(t, type);
    sl_tr_emit_imm(
        t, func < t->module->n_imported_funcs ? IR_CALL_IMPORT : IR_CALL, base,
        base + sl_saved_at(type), (int32_t)func);
    end_call(t, type);
}

/* The slot of an index into a table, as 32 bits. */
static uint32_t pop_index(translator *t, uint32_t table)
{
    value v = sl_tr_pop(t);
    uint32_t to = sl_tr_temp_slot(t, (uint32_t)t->stack.n);
    v.slot = sl_tr_slot_of_popped(t, &v, to, ACC_INT);
    if (!t->module->tables[table].type.limits.is64)
        return v.slot;
    sl_tr_emit(t, IR_NARROW, to, v.slot, 0, 0);
    sl_tr_made(t, ACC_INT);
    return to;
}

void sl_tr_call_indirect(translator *t, uint32_t type_index, uint32_t table)
{
    const sl_functype *type = &t->module->types[type_index];
    uint32_t index = pop_index(t, table);
    uint32_t base = begin_call(t, type);
    sl_tr_emit(t,
               sl_tr_in_acc(t, ACC_INT, index) ? IR_CALL_INDIRECT_A
                                               : IR_CALL_INDIRECT_R,
               base, base + sl_saved_at(type), index, 0);
    sl_tr_emit_word(t, type_index, table);
    end_call(t, type);
}

/* The operands of a tail call in place; then this is no frame any more. */
static uint32_t begin_tail_call(translator *t, const sl_functype *type)
{
    sl_tr_settle_top(t, type->n_params);
    if (t->func->home->counted)
        sl_tr_emit(t, IR_LEAVE_COUNTED, 0, 0, 0, 0);
    return sl_tr_temp_slot(t, (uint32_t)t->stack.n - type->n_params);
}

void sl_tr_return_call(translator *t, uint32_t func)
{
    const sl_functype *type = &t->module->types[t->module->funcs[func].type];
    uint32_t base = begin_tail_call(t, type);
    sl_tr_emit_imm(t, IR_RETURN_CALL, base, t->func->saved_at, (int32_t)func);
}

void sl_tr_return_call_indirect(translator *t, uint32_t type_index,
                                uint32_t table)
{
    const sl_functype *type = &t->module->types[type_index];
    uint32_t index = pop_index(t, table);
    uint32_t base = begin_tail_call(t, type);
    sl_tr_emit(t, IR_RETURN_CALL_INDIRECT, base, t->func->saved_at, index, 0);
    sl_tr_emit_word(t, type_index, table);
}

/* --- Exceptions ---------------------------------------------------------- */

void sl_tr_throw(translator *t, uint32_t tag)
{
    const sl_functype *type = &t->module->types[t->module->tags[tag]];
    sl_tr_settle_top(t, type->n_params);
    sl_tr_emit_imm(t, IR_THROW,
                   sl_tr_temp_slot(t, (uint32_t)t->stack.n - type->n_params), 0,
                   (int32_t)tag);
}

void sl_tr_throw_ref(translator *t)
{
    uint32_t slot = sl_tr_slot_of(t, (uint32_t)t->stack.n - 1, ACC_INT);
    sl_tr_emit(t, IR_THROW_REF, slot, 0, 0, 0);
}
