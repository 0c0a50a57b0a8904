/* Values, operands and instructions of the translator. */
#include "exec/interp/translate.h"

#include <string.h>

#include "base/alloc.h"

/* Distances in bytes stay within 31 bits. */
#define INS_MAX (UINT32_C(1) << 26)

void sl_tr_fail(translator *t, sl_status code, const char *why)
{
    t->failed = true;
    sl_fail(t->err, code, SL_ERR_NO_PLACE, "%s", why);
}

static void no_memory(translator *t)
{
    sl_tr_fail(t, SL_ENOMEM, "out of memory");
}

/* --- Instructions -------------------------------------------------------- */

static uint32_t push_ins(translator *t, sl_ins ins)
{
    if (t->ins.n >= INS_MAX)
        sl_tr_fail(t, SL_ELIMIT, "limit: a function is too large to translate");
    if (t->failed)
        return 0;
    if (!sl_vec_push(&t->ins, ins) ||
        (t->locate && !sl_vec_push(&t->at, t->now))) {
        no_memory(t);
        return 0;
    }
    t->last = NONE;
    return (uint32_t)t->ins.n - 1;
}

uint32_t sl_tr_emit(translator *t, uint32_t op, uint32_t a, uint32_t b,
                    uint32_t c, uint32_t d)
{
    sl_ins ins = {.op = op};
    ins.a = (uint16_t)a;
    ins.b = (uint16_t)b;
    ins.c = (uint16_t)c;
    ins.d = (uint16_t)d;
    return push_ins(t, ins);
}

uint32_t sl_tr_emit_imm(translator *t, uint32_t op, uint32_t a, uint32_t b,
                        int32_t imm)
{
    sl_ins ins = {.op = op};
    ins.a = (uint16_t)a;
    ins.b = (uint16_t)b;
    ins.imm = imm;
    return push_ins(t, ins);
}

void sl_tr_emit_word(translator *t, uint32_t low, uint32_t high)
{
    sl_ins ins = {.op = IR_WORD};
    ins.bits = (uint64_t)high << 32 | low;
    push_ins(t, ins);
}

void sl_tr_made(translator *t, acc_class acc)
{
    if (t->failed)
        return;
    t->last = (uint32_t)t->ins.n - 1;
    uint32_t slot = t->ins.v[t->last].a;
    memcpy(t->accs_before, t->accs, sizeof t->accs);
    for (unsigned i = 0; i < N_ACCS; i++)
        if (t->accs[i] == slot)
            t->accs[i] = NONE;
    t->accs[acc] = slot;
}

void sl_tr_forget(translator *t)
{
    for (unsigned i = 0; i < N_ACCS; i++)
        t->accs[i] = NONE;
    t->last = NONE;
}

void sl_tr_unemit(translator *t)
{
    t->ins.n--;
    if (t->locate)
        t->at.n--;
    if (t->pooled.n != 0 && sl_vec_last(&t->pooled) == t->ins.n)
        t->pooled.n--;
    memcpy(t->accs, t->accs_before, sizeof t->accs);
    t->last = t->cmp.at = NONE;
}

void sl_tr_emit_copy(translator *t, uint32_t to, uint32_t from)
{
    if (to == from)
        return;
    if (t->last != NONE && t->ins.v[t->last].op == IR_COPY &&
        t->ins.v[t->last].a != from) {
        /* Two copies in one. It makes two values: no .a to redirect. */
        sl_ins *copy = &t->ins.v[t->last];
        copy->op = IR_COPY2;
        copy->c = (uint16_t)to;
        copy->d = (uint16_t)from;
        for (unsigned i = 0; i < N_ACCS; i++)
            if (t->accs[i] == to)
                t->accs[i] = NONE;
        t->accs[ACC_INT] = to;
        t->last = NONE;
        return;
    }
    sl_tr_emit(t, IR_COPY, to, from, 0, 0);
    sl_tr_made(t, ACC_INT);
}

void sl_tr_emit_const(translator *t, uint32_t to, uint64_t bits, acc_class acc)
{
    if (acc == ACC_F32) {
        sl_tr_emit_imm(t, IR_CONSTF32, to, 0, (int32_t)bits);
    } else if (acc == ACC_F64) {
        sl_tr_emit_imm(t, IR_CONSTF64, to, 0, (int32_t)sl_tr_pool_u64(t, bits));
        sl_tr_in_pool(t);
    } else if (bits <= UINT32_MAX) {
        sl_tr_emit_imm(t, IR_CONST32, to, 0, (int32_t)bits);
    } else if ((int64_t)bits == (int32_t)bits) {
        sl_tr_emit_imm(t, IR_CONST64S, to, 0, (int32_t)bits);
    } else {
        sl_tr_emit_imm(t, IR_CONST64, to, 0, (int32_t)sl_tr_pool_u64(t, bits));
        sl_tr_in_pool(t);
    }
    sl_tr_made(t, acc);
}

void sl_tr_in_pool(translator *t)
{
    if (!t->failed && !sl_vec_push(&t->pooled, (uint32_t)t->ins.n - 1))
        no_memory(t);
}

/* A place in the pool, in bytes. The newest few constants are shared. */
uint32_t sl_tr_pool_u64(translator *t, uint64_t bits)
{
    size_t n = t->pool.n;
    for (size_t i = n >= 16 ? (n - 16) & ~(size_t)1 : 0; i + 2 <= n; i += 2) {
        uint64_t have;
        memcpy(&have, &t->pool.v[i], sizeof have);
        if (have == bits)
            return (uint32_t)i * 4;
    }
    if ((n & 1) != 0 && !sl_vec_push(&t->pool, 0))
        no_memory(t);
    if (!sl_vec_push(&t->pool, (uint32_t)bits) ||
        !sl_vec_push(&t->pool, (uint32_t)(bits >> 32))) {
        no_memory(t);
        return 0;
    }
    return ((uint32_t)t->pool.n - 2) * 4;
}

/* --- Values -------------------------------------------------------------- */

uint32_t sl_tr_temp_slot(const translator *t, uint32_t height)
{
    return t->n_local_slots + height;
}

static void push(translator *t, value v)
{
    uint32_t slot = sl_tr_temp_slot(t, (uint32_t)t->stack.n);
    if (slot >= SL_FRAME_MAX)
        sl_tr_fail(t, SL_ELIMIT, "limit: a function has too many operands");
    else if (!sl_vec_push(&t->stack, v))
        no_memory(t);
    else if (slot >= t->n_slots)
        t->n_slots = slot + 1;
}

void sl_tr_push_temp(translator *t)
{
    push(t,
         (value){VALUE_TEMP, sl_tr_temp_slot(t, (uint32_t)t->stack.n), 0, 0});
}

void sl_tr_push_const(translator *t, uint64_t bits)
{
    push(t, (value){VALUE_CONST, NONE, 0, bits});
}

/* Whether an entry stands in its local's list of readers. */
static bool reads_local(const translator *t, const value *v)
{
    return v->kind == VALUE_LOCAL ||
           (v->kind == VALUE_SUM && v->slot < t->n_local_slots);
}

static void push_reader(translator *t, value v)
{
    bool linked = reads_local(t, &v);
    if (linked)
        v.older = t->readers[v.slot];
    push(t, v);
    if (linked && !t->failed)
        t->readers[v.slot] = (uint32_t)t->stack.n;
}

void sl_tr_push_local(translator *t, uint32_t slot)
{
    push_reader(t, (value){VALUE_LOCAL, slot, 0, 0});
}

void sl_tr_push_sum(translator *t, uint32_t slot, uint32_t addend)
{
    push_reader(t, (value){VALUE_SUM, slot, 0, addend});
}

/* Takes stack[i] out of its local's list: few readers are newer. */
static void unlink_reader(translator *t, uint32_t i)
{
    const value *v = &t->stack.v[i];
    if (!reads_local(t, v))
        return;
    uint32_t *at = &t->readers[v->slot];
    while (*at != i + 1)
        at = &t->stack.v[*at - 1].older;
    *at = v->older;
}

value sl_tr_pop(translator *t)
{
    unlink_reader(t, (uint32_t)t->stack.n - 1);
    value v = sl_vec_pop(&t->stack);
    if (t->flushed > t->stack.n)
        t->flushed = (uint32_t)t->stack.n;
    return v;
}

void sl_tr_pop_to(translator *t, uint32_t height)
{
    while (t->stack.n > height)
        sl_tr_pop(t);
}

static void emit_sum(translator *t, uint32_t to, const value *v)
{
    uint32_t op = t->accs[ACC_INT] == v->slot ? IR_I32_ADD_AI : IR_I32_ADD_RI;
    sl_tr_emit_imm(t, op, to, v->slot, (int32_t)(uint32_t)v->bits);
    sl_tr_made(t, ACC_INT);
}

void sl_tr_emit_value(translator *t, uint32_t to, const value *v)
{
    switch (v->kind) {
    case VALUE_CONST:
        sl_tr_emit_const(t, to, v->bits, ACC_INT);
        break;
    case VALUE_SUM:
        emit_sum(t, to, v);
        break;
    case VALUE_LOCAL:
    case VALUE_TEMP:
        sl_tr_emit_copy(t, to, v->slot);
        break;
    }
}

uint32_t sl_tr_slot_of_popped(translator *t, const value *v, uint32_t own,
                              acc_class acc)
{
    if (v->kind == VALUE_CONST)
        sl_tr_emit_const(t, own, v->bits, acc);
    else if (v->kind == VALUE_SUM)
        emit_sum(t, own, v);
    else
        return v->slot;
    return own;
}

uint32_t sl_tr_slot_of(translator *t, uint32_t i, acc_class acc)
{
    value v = t->stack.v[i];
    if (v.kind == VALUE_LOCAL || v.kind == VALUE_TEMP)
        return v.slot;
    unlink_reader(t, i);
    uint32_t slot = sl_tr_slot_of_popped(t, &v, sl_tr_temp_slot(t, i), acc);
    t->stack.v[i] = (value){VALUE_TEMP, slot, 0, 0};
    return slot;
}

void sl_tr_settle(translator *t, uint32_t i)
{
    value v = t->stack.v[i];
    if (v.kind == VALUE_TEMP)
        return;
    unlink_reader(t, i);
    sl_tr_emit_value(t, sl_tr_temp_slot(t, i), &v);
    t->stack.v[i] = (value){VALUE_TEMP, sl_tr_temp_slot(t, i), 0, 0};
}

void sl_tr_settle_top(translator *t, uint32_t n)
{
    uint32_t top = (uint32_t)t->stack.n;
    for (uint32_t i = top; i-- > top - n;)
        sl_tr_settle(t, i);
}

void sl_tr_settle_readers(translator *t, uint32_t slot)
{
    while (t->readers[slot] != 0)
        sl_tr_settle(t, t->readers[slot] - 1);
}

void sl_tr_flush(translator *t)
{
    for (uint32_t i = (uint32_t)t->stack.n; i-- > t->flushed;)
        if (reads_local(t, &t->stack.v[i]))
            sl_tr_settle(t, i);
    t->flushed = (uint32_t)t->stack.n;
}

/* --- Jumps --------------------------------------------------------------- */

static int32_t distance(uint32_t from, uint32_t to)
{
    return ((int32_t)to - (int32_t)from) * (int32_t)sizeof(sl_ins);
}

void sl_tr_patch(translator *t, uint32_t ins, uint32_t target)
{
    if (!t->failed)
        t->ins.v[ins].imm = distance(ins, target);
}

static void add_fix(translator *t, uint32_t ins, uint32_t word, label *to)
{
    fix f = {ins, word, to->fixes};
    if (!sl_vec_push(&t->fixes, f))
        no_memory(t);
    else
        to->fixes = (uint32_t)t->fixes.n;
}

void sl_tr_jump_to(translator *t, uint32_t ins, label *to)
{
    if (t->failed)
        return;
    if (to->kind == SL_OP_LOOP)
        sl_tr_patch(t, ins, to->loop_at);
    else
        add_fix(t, ins, NONE, to);
}

void sl_tr_jump_word_to(translator *t, uint32_t ins, uint32_t word, label *to)
{
    if (t->failed)
        return;
    if (to->kind == SL_OP_LOOP)
        t->pool.v[word] = (uint32_t)distance(ins, to->loop_at);
    else
        add_fix(t, ins, word, to);
}

void sl_tr_catch_to(translator *t, uint32_t clause, label *to)
{
    if (to->kind == SL_OP_LOOP)
        t->catches.v[clause].target = to->loop_at;
    else
        add_fix(t, clause, FIX_CATCH, to);
}

void sl_tr_patch_word(translator *t, uint32_t ins, uint32_t word,
                      uint32_t target)
{
    if (!t->failed)
        t->pool.v[word] = (uint32_t)distance(ins, target);
}

void sl_tr_land(translator *t, label *l)
{
    uint32_t here = (uint32_t)t->ins.n;
    for (uint32_t i = l->fixes; i != 0 && !t->failed;) {
        fix f = t->fixes.v[i - 1];
        if (f.word == NONE)
            sl_tr_patch(t, f.ins, here);
        else if (f.word == FIX_CATCH)
            t->catches.v[f.ins].target = here;
        else
            sl_tr_patch_word(t, f.ins, f.word, here);
        i = f.next;
    }
    sl_tr_forget(t);
}
