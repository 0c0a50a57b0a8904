/* Variables, memory and tables. */
#include "exec/interp/translate.h"

uint32_t sl_tr_local_slot(const translator *t, uint32_t local)
{
    uint32_t n = t->type->n_params;
    return local < n ? local : t->func->saved_at + SL_FRAME_SAVED + (local - n);
}

void sl_tr_set_local(translator *t, uint32_t slot)
{
    value v = sl_tr_pop(t);
    if (v.kind == VALUE_LOCAL && v.slot == slot)
        return;
    bool fresh = sl_tr_maker_of(t, &v) != NULL;
    if (t->readers[slot] != 0) {
        sl_tr_settle_readers(t, slot);
        fresh = false;
    }
    if (!fresh) {
        sl_tr_emit_value(t, slot, &v);
    } else {
        t->ins.v[t->last].a = (uint16_t)slot;
        for (unsigned i = 0; i < N_ACCS; i++)
            t->accs[i] = t->accs[i] == v.slot ? slot
                         : t->accs[i] == slot ? NONE
                                              : t->accs[i];
    }
}

void sl_tr_global_get(translator *t, uint32_t global)
{
    uint32_t to = sl_tr_temp_slot(t, (uint32_t)t->stack.n);
    sl_tr_emit_imm(t, IR_GLOBAL_GET, to, 0, (int32_t)global);
    sl_tr_made(t, ACC_INT);
    sl_tr_push_temp(t);
}

void sl_tr_global_set(translator *t, uint32_t global)
{
    uint32_t from = sl_tr_slot_of(t, (uint32_t)t->stack.n - 1, ACC_INT);
    sl_tr_pop(t);
    sl_tr_emit_imm(
        t, sl_tr_in_acc(t, ACC_INT, from) ? IR_GLOBAL_SET_A : IR_GLOBAL_SET_R,
        0, from, (int32_t)global);
}

void sl_tr_select(translator *t)
{
    uint32_t n = (uint32_t)t->stack.n;
    uint32_t x = sl_tr_slot_of(t, n - 3, ACC_INT),
             y = sl_tr_slot_of(t, n - 2, ACC_INT);
    uint32_t c = sl_tr_slot_of(t, n - 1, ACC_INT);
    sl_tr_pop_to(t, n - 3);
    sl_tr_emit(t, sl_tr_in_acc(t, ACC_INT, c) ? IR_SELECT_A : IR_SELECT_R,
               sl_tr_temp_slot(t, n - 3), x, y, c);
    sl_tr_made(t, ACC_INT);
    sl_tr_push_temp(t);
}

void sl_tr_access_other(translator *t, const sl_instr *in)
{
    bool store = sl_tr_families[in->op].shape == STORE;
    uint32_t n = (uint32_t)t->stack.n, value_slot = 0;
    if (store)
        value_slot = sl_tr_slot_of(t, n - 1, ACC_INT);
    uint32_t address = sl_tr_slot_of(t, n - (store ? 2 : 1), ACC_INT);
    sl_tr_pop_to(t, n - (store ? 2 : 1));
    sl_tr_emit_imm(t, IR_ACCESS,
                   store ? value_slot
                         : sl_tr_temp_slot(t, (uint32_t)t->stack.n),
                   address, (int32_t)(uint32_t)in->offset);
    sl_tr_emit_word(t, (uint32_t)in->op | in->index[0] << 8,
                    (uint32_t)(in->offset >> 32));
    sl_tr_forget(t);
    if (!store)
        sl_tr_push_temp(t);
}

void sl_tr_load_64(translator *t, const sl_instr *in)
{
    uint32_t i = (uint32_t)t->stack.n - 1;
    uint32_t from = sl_tr_slot_of(t, i, ACC_INT);
    sl_tr_pop(t);
    sl_tr_emit_imm(t, IR_I32_LOAD_64 + (uint32_t)(in->op - SL_OP_I32_LOAD),
                   sl_tr_temp_slot(t, i), from, (int32_t)(uint32_t)in->offset);
    sl_tr_made(t, sl_tr_acc_of(sl_tr_families[in->op].out));
    sl_tr_push_temp(t);
}

void sl_tr_store_64(translator *t, const sl_instr *in)
{
    uint32_t n = (uint32_t)t->stack.n;
    uint32_t to = sl_tr_slot_of(t, n - 2, ACC_INT),
             from = sl_tr_slot_of(t, n - 1, ACC_INT);
    sl_tr_pop_to(t, n - 2);
    sl_tr_emit_imm(t, IR_I32_STORE_64 + (uint32_t)(in->op - SL_OP_I32_STORE),
                   to, from, (int32_t)(uint32_t)in->offset);
}

/* A constant address with its offset, as far as 32 bits reach. */
static bool known_address(const value *v, uint64_t offset, uint32_t *out)
{
    uint64_t ea = (uint64_t)(uint32_t)v->bits + offset;
    *out = (uint32_t)ea;
    return v->kind == VALUE_CONST && ea <= UINT32_MAX;
}

/* An address that the newest instruction adds up: the load does it. */
static bool load_indexed(translator *t, const family *f, uint64_t offset)
{
    const sl_ins *sum = sl_tr_maker_of(t, &sl_vec_last(&t->stack));
    if (sum == NULL || offset >= 1u << 14)
        return false;
    sl_ins was = *sum;
    bool a = was.op == IR_I32_ADD_AR || was.op == IR_INDEX_A;
    bool shifted = was.op == IR_INDEX_R || was.op == IR_INDEX_A;
    if ((!a && !shifted && was.op != IR_I32_ADD_RR) || (shifted && was.d > 3))
        return false;
    sl_tr_unemit(t);
    sl_tr_pop(t);
    sl_tr_emit(t, f->ir + (a ? MODE_AX : MODE_X),
               sl_tr_temp_slot(t, (uint32_t)t->stack.n), was.b, was.c,
               (uint32_t)offset << 2 | (shifted ? was.d : 0));
    return true;
}

void sl_tr_load(translator *t, const sl_instr *in)
{
    const family *f = &sl_tr_families[in->op];
    uint32_t i = (uint32_t)t->stack.n - 1, ea, from = 0;
    value v = t->stack.v[i];
    unsigned mode = MODE_K;
    if (!load_indexed(t, f, in->offset)) {
        if (v.kind == VALUE_SUM && in->offset == 0) {
            from = v.slot;
            mode = sl_tr_in_acc(t, ACC_INT, from) ? MODE_AW : MODE_W;
            ea = (uint32_t)v.bits;
        } else if (!known_address(&v, in->offset, &ea)) {
            from = sl_tr_slot_of(t, i, ACC_INT);
            mode = sl_tr_in_acc(t, ACC_INT, from) ? MODE_A : MODE_R;
            ea = (uint32_t)in->offset;
        }
        sl_tr_pop(t);
        sl_tr_emit_imm(t, f->ir + mode, sl_tr_temp_slot(t, i), from,
                       (int32_t)ea);
    }
    sl_tr_made(t, sl_tr_acc_of(f->out));
    sl_tr_push_temp(t);
}

static bool fits_store(const family *f, const value *v)
{
    if (v->kind != VALUE_CONST || f->in > I64)
        return false;
    int64_t n = f->in == I32 ? (int32_t)v->bits : (int64_t)v->bits;
    return n == (int16_t)n;
}

static unsigned store_mode(bool known, bool sum, bool imm, bool to_acc,
                           bool from_acc)
{
    if (known)
        return imm ? STORE_KI : from_acc ? STORE_KA : STORE_KR;
    if (sum)
        return imm ? STORE_WI : from_acc ? STORE_WA : STORE_WR;
    if (imm)
        return to_acc ? STORE_AI : STORE_RI;
    return from_acc ? STORE_RA : to_acc ? STORE_AR : STORE_RR;
}

void sl_tr_store(translator *t, const sl_instr *in)
{
    const family *f = &sl_tr_families[in->op];
    uint32_t n = (uint32_t)t->stack.n, ea, to = 0;
    value address = t->stack.v[n - 2];
    bool imm = fits_store(f, &t->stack.v[n - 1]);
    uint32_t from = (uint16_t)t->stack.v[n - 1].bits;
    bool known = known_address(&address, in->offset, &ea);
    bool sum = address.kind == VALUE_SUM && in->offset == 0;
    if (sum) {
        to = address.slot;
        ea = (uint32_t)address.bits;
    } else if (!known) {
        to = sl_tr_slot_of(t, n - 2, ACC_INT);
        ea = (uint32_t)in->offset;
    }
    if (!imm)
        from = sl_tr_slot_of(t, n - 1, sl_tr_acc_of(f->in));
    sl_tr_pop_to(t, n - 2);
    unsigned mode =
        store_mode(known, sum, imm, sl_tr_in_acc(t, ACC_INT, to),
                   !imm && sl_tr_in_acc(t, sl_tr_acc_of(f->in), from));
    sl_tr_emit_imm(t, f->ir + mode, to, from, (int32_t)ea);
}

void sl_tr_bulk(translator *t, uint32_t op, uint32_t low, uint32_t high)
{
    uint32_t n = (uint32_t)t->stack.n;
    uint32_t a = sl_tr_slot_of(t, n - 3, ACC_INT),
             b = sl_tr_slot_of(t, n - 2, ACC_INT);
    uint32_t c = sl_tr_slot_of(t, n - 1, ACC_INT);
    sl_tr_pop_to(t, n - 3);
    sl_tr_emit(t, op, a, b, c, sl_tr_temp_slot(t, n - 3));
    sl_tr_emit_word(t, low, high);
    sl_tr_forget(t);
}

void sl_tr_simple(translator *t, uint32_t op, uint32_t n_pops, uint32_t index)
{
    uint32_t i = (uint32_t)t->stack.n - n_pops, from = 0;
    if (n_pops != 0)
        from = sl_tr_slot_of(t, i, ACC_INT);
    sl_tr_pop_to(t, i);
    sl_tr_emit_imm(t, op, sl_tr_temp_slot(t, i), from, (int32_t)index);
    sl_tr_forget(t);
    sl_tr_push_temp(t);
}

void sl_tr_table_access(translator *t, const sl_instr *in)
{
    uint32_t n = (uint32_t)t->stack.n, a, b, c = 0, op;
    if (in->op == SL_OP_TABLE_SET) {
        op = IR_TABLE_SET;
        a = sl_tr_slot_of(t, n - 2, ACC_INT);
        b = sl_tr_slot_of(t, n - 1, ACC_INT);
        sl_tr_pop_to(t, n - 2);
    } else if (in->op == SL_OP_TABLE_GET) {
        op = IR_TABLE_GET;
        b = sl_tr_slot_of(t, n - 1, ACC_INT);
        a = sl_tr_temp_slot(t, n - 1);
        sl_tr_pop_to(t, n - 1);
    } else {
        op = IR_TABLE_GROW;
        b = sl_tr_slot_of(t, n - 2, ACC_INT);
        c = sl_tr_slot_of(t, n - 1, ACC_INT);
        a = sl_tr_temp_slot(t, n - 2);
        sl_tr_pop_to(t, n - 2);
    }
    sl_tr_emit(t, op, a, b, c, 0);
    sl_tr_emit_word(t, in->index[0], 0);
    sl_tr_forget(t);
    if (op != IR_TABLE_SET)
        sl_tr_push_temp(t);
}
