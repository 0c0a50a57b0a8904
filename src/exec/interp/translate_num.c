/* Numeric instructions, and branches on what they compare: which rows of
 * handlers.def they become. */
#include "exec/interp/translate.h"

/* --- Families: which rows of handlers.def an instruction becomes --------- */

/* clang-format off */
#define BIN(id, sh, t)    [SL_OP_##id] = {IR_##id##_RR, sh, t, t},
#define CMP(id, t)        [SL_OP_##id] = {IR_##id##_RR, COMPARE, t, I32},
#define UN(id, from, to)  [SL_OP_##id] = {IR_##id##_R, UNARY, from, to},
#define LD(id, t)         [SL_OP_##id] = {IR_##id##_R, LOAD, I32, t},
#define ST(id, as, t)     [SL_OP_##id] = {IR_##as##_RR, STORE, t, t},
#define INTS(P, T) \
    BIN(P##_ADD, COMMUTATIVE, T) BIN(P##_MUL, COMMUTATIVE, T) \
    BIN(P##_AND, COMMUTATIVE, T) BIN(P##_OR, COMMUTATIVE, T) \
    BIN(P##_XOR, COMMUTATIVE, T) BIN(P##_SUB, BINARY, T) \
    BIN(P##_SHL, BINARY, T) BIN(P##_SHR_S, BINARY, T) \
    BIN(P##_SHR_U, BINARY, T) BIN(P##_ROTL, BINARY, T) \
    BIN(P##_ROTR, BINARY, T) BIN(P##_DIV_S, BINARY, T) \
    BIN(P##_DIV_U, BINARY, T) BIN(P##_REM_S, BINARY, T) \
    BIN(P##_REM_U, BINARY, T) \
    CMP(P##_EQ, T) CMP(P##_NE, T) CMP(P##_LT_S, T) CMP(P##_LT_U, T) \
    CMP(P##_GT_S, T) CMP(P##_GT_U, T) CMP(P##_LE_S, T) CMP(P##_LE_U, T) \
    CMP(P##_GE_S, T) CMP(P##_GE_U, T) \
    UN(P##_CLZ, T, T) UN(P##_CTZ, T, T) UN(P##_POPCNT, T, T) \
    UN(P##_EXTEND8_S, T, T) UN(P##_EXTEND16_S, T, T) \
    UN(P##_TRUNC_F32_S, F32, T) UN(P##_TRUNC_F32_U, F32, T) \
    UN(P##_TRUNC_F64_S, F64, T) UN(P##_TRUNC_F64_U, F64, T) \
    UN(P##_TRUNC_SAT_F32_S, F32, T) UN(P##_TRUNC_SAT_F32_U, F32, T) \
    UN(P##_TRUNC_SAT_F64_S, F64, T) UN(P##_TRUNC_SAT_F64_U, F64, T) \
    LD(P##_LOAD, T) LD(P##_LOAD8_S, T) LD(P##_LOAD8_U, T) \
    LD(P##_LOAD16_S, T) LD(P##_LOAD16_U, T) ST(P##_STORE, P##_STORE, T) \
    ST(P##_STORE8, I32_STORE8, T) ST(P##_STORE16, I32_STORE16, T)
#define FLOATS(P, T) \
    BIN(P##_ADD, COMMUTATIVE, T) BIN(P##_SUB, BINARY, T) \
    BIN(P##_MUL, COMMUTATIVE, T) \
    BIN(P##_DIV, BINARY, T) BIN(P##_MIN, BINARY, T) BIN(P##_MAX, BINARY, T) \
    BIN(P##_COPYSIGN, BINARY, T) \
    CMP(P##_EQ, T) CMP(P##_NE, T) CMP(P##_LT, T) CMP(P##_GT, T) \
    CMP(P##_LE, T) CMP(P##_GE, T) \
    UN(P##_ABS, T, T) UN(P##_NEG, T, T) UN(P##_CEIL, T, T) \
    UN(P##_FLOOR, T, T) UN(P##_TRUNC, T, T) UN(P##_NEAREST, T, T) \
    UN(P##_SQRT, T, T) \
    UN(P##_CONVERT_I32_S, I32, T) UN(P##_CONVERT_I32_U, I32, T) \
    UN(P##_CONVERT_I64_S, I64, T) UN(P##_CONVERT_I64_U, I64, T) \
    LD(P##_LOAD, T) ST(P##_STORE, P##_STORE, T)

const family sl_tr_families[SL_N_OPS] = {
    INTS(I32, I32) INTS(I64, I64) FLOATS(F32, F32) FLOATS(F64, F64)
    UN(I64_EXTEND32_S, I64, I64) UN(I32_WRAP_I64, I64, I32)
    UN(I64_EXTEND_I32_S, I32, I64) UN(I64_EXTEND_I32_U, I32, I64)
    UN(F32_DEMOTE_F64, F64, F32) UN(F64_PROMOTE_F32, F32, F64)
    UN(I32_REINTERPRET_F32, F32, I32) UN(I64_REINTERPRET_F64, F64, I64)
    UN(F32_REINTERPRET_I32, I32, F32) UN(F64_REINTERPRET_I64, I64, F64)
    LD(I64_LOAD32_S, I64) LD(I64_LOAD32_U, I64)
    ST(I64_STORE32, I32_STORE, I64)
};
/* clang-format on */

_Static_assert(IR_I32_SUB_RA == IR_I32_SUB_RR + INT_AI + 1, "i32: RA");
_Static_assert(IR_I64_SUB_RA == IR_I64_SUB_RR + I64_AK + 1, "i64: RA");
_Static_assert(IR_F64_SUB_RA == IR_F64_SUB_RR + FLOAT_RA, "f64: RA");
_Static_assert(IR_BR_I32_EQ_RR == IR_I32_EQ_RR + INT_AI + 1, "i32 branch");
_Static_assert(IR_BR_I64_EQ_RR == IR_I64_EQ_RR + I64_AK + 1, "i64 branch");
_Static_assert(IR_BR_F32_EQ_RR == IR_F32_EQ_RR + FLOAT_AK + 1, "f32 branch");
_Static_assert(IR_BRZ_F32_EQ_AI == IR_BR_F32_EQ_RR + N_BRANCHES + BRANCH_AI,
               "f32 not");
_Static_assert(IR_I32_STORE_WI == IR_I32_STORE_RR + STORE_WI, "stores");
_Static_assert(IR_I32_LOAD_AX == IR_I32_LOAD_R + MODE_AX, "loads");
_Static_assert(IR_I64_LOAD32_U_64 - IR_I32_LOAD_64 ==
                   SL_OP_I64_LOAD32_U - SL_OP_I32_LOAD,
               "loads, 64");
_Static_assert(IR_I64_STORE32_64 - IR_I32_STORE_64 ==
                   SL_OP_I64_STORE32 - SL_OP_I32_STORE,
               "stores, 64");

/* The place of a comparison in its row EQ NE LT_S LT_U GT_S GT_U LE_S LE_U
 * GE_S GE_U, or EQ NE LT GT LE GE for floats. */
static sl_op first_compare(sl_op op)
{
    switch (sl_tr_families[op].in) {
    case I32:
        return SL_OP_I32_EQ;
    case I64:
        return SL_OP_I64_EQ;
    case F32:
        return SL_OP_F32_EQ;
    default:
        return SL_OP_F64_EQ;
    }
}

/* With the operands exchanged. */
static sl_op mirrored(sl_op op)
{
    static const uint8_t ints[] = {0, 1, 4, 5, 2, 3, 8, 9, 6, 7};
    static const uint8_t floats[] = {0, 1, 3, 2, 5, 4};
    sl_op first = first_compare(op);
    return first + (sl_tr_families[op].in <= I64 ? ints : floats)[op - first];
}

/* The negation, or NONE: of floats only == and != have one. */
static sl_op inverted(sl_op op)
{
    static const uint8_t ints[] = {1, 0, 8, 9, 6, 7, 4, 5, 2, 3};
    sl_op first = first_compare(op);
    if (sl_tr_families[op].in > I64 && op - first > 1)
        return SL_OP_NONE;
    return first + ints[op - first];
}

/* --- Numeric instructions ------------------------------------------------ */

static bool fits_imm(unsigned type, uint64_t bits)
{
    return type == I32 || (type == I64 && (int64_t)bits == (int32_t)bits);
}

/* The constant `y` as an operand: immediate where it fits, else the pool. */
static unsigned emit_with_const(translator *t, const family *f, uint32_t to,
                                uint32_t x, uint64_t y)
{
    bool a = sl_tr_in_acc(t, sl_tr_acc_of(f->in), x);
    unsigned mode;
    if (fits_imm(f->in, y))
        mode = a ? INT_AI : INT_RI;
    else if (f->in == I64)
        mode = a ? I64_AK : I64_RK;
    else
        mode = a ? FLOAT_AK : FLOAT_RK;

    if (fits_imm(f->in, y) || f->in == F32) {
        sl_tr_emit_imm(t, f->ir + mode, to, x, (int32_t)y);
    } else {
        sl_tr_emit_imm(t, f->ir + mode, to, x, (int32_t)sl_tr_pool_u64(t, y));
        sl_tr_in_pool(t);
    }
    return mode;
}

static unsigned emit_with_slots(translator *t, const family *f, uint32_t to,
                                uint32_t x, uint32_t y)
{
    bool is_int = f->in <= I64;
    acc_class acc = sl_tr_acc_of(f->in);
    unsigned mode = is_int ? INT_RR : FLOAT_RR;
    if (sl_tr_in_acc(t, acc, x))
        mode = is_int ? INT_AR : FLOAT_AR;
    else if (sl_tr_in_acc(t, acc, y) && f->shape == BINARY)
        mode = f->in == I32 ? INT_AI + 1 : f->in == I64 ? I64_AK + 1 : FLOAT_RA;
    sl_tr_emit(t, f->ir + mode, to, x, y, 0);
    return mode;
}

static void exchange(value *x, value *y)
{
    value keep = *x;
    *x = *y;
    *y = keep;
}

/* i32.add and i32.sub of a constant wait for their use. */
static bool defer_sum(translator *t, sl_op op)
{
    uint32_t n = (uint32_t)t->stack.n;
    const value *x = &t->stack.v[n - 2], *y = &t->stack.v[n - 1];
    if (op == SL_OP_I32_ADD && x->kind == VALUE_CONST) {
        const value *keep = x;
        x = y;
        y = keep;
    }
    if ((op != SL_OP_I32_ADD && op != SL_OP_I32_SUB) || y->kind != VALUE_CONST)
        return false;
    uint32_t addend = (uint32_t)y->bits;
    if (op == SL_OP_I32_SUB)
        addend = -addend;
    if (x->kind == VALUE_CONST || x->kind == VALUE_SUM)
        addend += (uint32_t)x->bits;
    value base = *x;
    if (base.kind != VALUE_CONST && base.slot == sl_tr_temp_slot(t, n - 1))
        return false; /* the sum would belong to another temporary */
    sl_tr_pop_to(t, n - 2);
    if (base.kind == VALUE_CONST)
        sl_tr_push_const(t, addend);
    else
        sl_tr_push_sum(t, base.slot, addend);
    return true;
}

const sl_ins *sl_tr_maker_of(const translator *t, const value *v)
{
    if (v->kind != VALUE_TEMP || t->last == NONE ||
        t->ins.v[t->last].a != v->slot)
        return NULL;
    return &t->ins.v[t->last];
}

/* x + (y << n), where the shift is the newest instruction. */
static bool join_shift(translator *t, value *x, value *y, uint32_t to)
{
    const sl_ins *shift = sl_tr_maker_of(t, y);
    if (shift == NULL || x->kind == VALUE_CONST || x->kind == VALUE_SUM ||
        (shift->op != IR_I32_SHL_RI && shift->op != IR_I32_SHL_AI))
        return false;
    sl_ins was = *shift;
    sl_tr_unemit(t);
    sl_tr_emit(t, was.op == IR_I32_SHL_AI ? IR_INDEX_A : IR_INDEX_R, to, was.b,
               x->slot, (uint32_t)was.imm & 31);
    sl_tr_made(t, ACC_INT);
    return true;
}

void sl_tr_binary(translator *t, sl_op op)
{
    if (defer_sum(t, op))
        return;
    const family *f = &sl_tr_families[op];
    acc_class acc = sl_tr_acc_of(f->in);
    value y = sl_tr_pop(t), x = sl_tr_pop(t);
    uint32_t to = sl_tr_temp_slot(t, (uint32_t)t->stack.n);
    if (op == SL_OP_I32_ADD &&
        (join_shift(t, &x, &y, to) || join_shift(t, &y, &x, to))) {
        sl_tr_push_temp(t);
        return;
    }
    if (y.kind == VALUE_SUM)
        y.slot = sl_tr_slot_of_popped(t, &y, to + 1, acc), y.kind = VALUE_TEMP;
    bool y_first = x.kind == VALUE_CONST && y.kind != VALUE_CONST;
    if (y.kind != VALUE_CONST && x.kind != VALUE_CONST)
        y_first = sl_tr_in_acc(t, acc, y.slot) && x.kind != VALUE_SUM &&
                  !sl_tr_in_acc(t, acc, x.slot);
    if (y_first && f->shape != BINARY) {
        exchange(&x, &y);
        if (f->shape == COMPARE)
            f = &sl_tr_families[op = mirrored(op)];
    }
    x.slot = sl_tr_slot_of_popped(t, &x, to, acc);
    unsigned mode = y.kind == VALUE_CONST
                        ? emit_with_const(t, f, to, x.slot, y.bits)
                        : emit_with_slots(t, f, to, x.slot, y.slot);
    sl_tr_made(t, sl_tr_acc_of(f->out));
    sl_tr_push_temp(t);
    if (f->shape == COMPARE)
        t->cmp = (comparison){t->last, op, mode};
}

void sl_tr_unary(translator *t, sl_op op)
{
    const family *f = &sl_tr_families[op];
    uint32_t i = (uint32_t)t->stack.n - 1;
    uint32_t from = sl_tr_slot_of(t, i, sl_tr_acc_of(f->in));
    sl_tr_pop(t);
    unsigned mode =
        sl_tr_in_acc(t, sl_tr_acc_of(f->in), from) ? MODE_A : MODE_R;
    sl_tr_emit(t, f->ir + mode, sl_tr_temp_slot(t, i), from, 0, 0);
    sl_tr_made(t, sl_tr_acc_of(f->out));
    sl_tr_push_temp(t);
}

bool sl_tr_is_compared(const translator *t, const value *v)
{
    return t->cmp.at == t->last && sl_tr_maker_of(t, v) != NULL;
}

void sl_tr_eqz(translator *t, sl_op equal)
{
    value *top = &sl_vec_last(&t->stack);
    if (equal == SL_OP_I32_EQ && sl_tr_is_compared(t, top)) {
        sl_op op = inverted(t->cmp.op);
        if (op != SL_OP_NONE) {
            t->cmp.op = op;
            t->ins.v[t->last].op = sl_tr_families[op].ir + t->cmp.mode;
            return;
        }
    }
    sl_tr_push_const(t, 0);
    if (!t->failed)
        sl_tr_binary(t, equal);
}

/* --- Branches on conditions ---------------------------------------------- */

bool sl_tr_branch_form(const translator *t, bool if_zero, sl_ins *out)
{
    const family *f = &sl_tr_families[t->cmp.op];
    const sl_ins *cmp = &t->ins.v[t->cmp.at];
    bool is_int = f->in <= I64;
    unsigned mode = t->cmp.mode;
    unsigned values = f->in == I64 ? I64_AK + 1 : INT_AI + 1;
    sl_op op = t->cmp.op;
    unsigned zero = 0;
    if (if_zero && inverted(op) != SL_OP_NONE)
        op = inverted(op);
    else if (if_zero)
        zero = N_BRANCHES;

    *out = (sl_ins){.op = 0};
    out->a = cmp->b;
    out->b = cmp->c;
    bool a = is_int ? mode == INT_AR || mode == INT_AI || mode == I64_AK
                    : mode == FLOAT_AR || mode == FLOAT_AK;
    bool constant = is_int ? mode != INT_RR && mode != INT_AR
                           : mode != FLOAT_RR && mode != FLOAT_AR;
    if (constant && f->in <= I64) {
        if ((is_int && mode >= I64_RK) || cmp->imm != (int16_t)cmp->imm)
            return false;
        out->b = (uint16_t)cmp->imm;
    } else if (constant && f->in == F32) {
        if ((cmp->imm & 0xffff) != 0)
            return false;
        out->b = (uint16_t)((uint32_t)cmp->imm >> 16);
    } else if (constant) {
        const uint32_t *half = &t->pool.v[cmp->imm / 4];
        if (half[0] != 0 || (half[1] & 0xffff) != 0)
            return false;
        out->b = (uint16_t)(half[1] >> 16);
    }
    unsigned branch =
        constant ? (a ? BRANCH_AI : BRANCH_RI) : (a ? BRANCH_AR : BRANCH_RR);
    out->op = sl_tr_families[op].ir + values + zero + branch;
    /* Against zero there are shorter ones. */
    if (f->in == I32 && constant && out->b == 0) {
        if (op == SL_OP_I32_NE)
            out->op = a ? IR_BR_IF_A : IR_BR_IF_R;
        else if (op == SL_OP_I32_EQ)
            out->op = a ? IR_BR_IFZ_A : IR_BR_IFZ_R;
    }
    return true;
}

uint32_t sl_tr_branch_on(translator *t, value v, bool if_zero)
{
    sl_ins ins;
    if (sl_tr_is_compared(t, &v) && sl_tr_branch_form(t, if_zero, &ins)) {
        sl_tr_unemit(t);
        return sl_tr_emit_imm(t, (uint32_t)ins.op, ins.a, ins.b, 0);
    }
    v.slot = sl_tr_slot_of_popped(
        t, &v, sl_tr_temp_slot(t, (uint32_t)t->stack.n), ACC_INT);
    bool a = sl_tr_in_acc(t, ACC_INT, v.slot);
    uint32_t op = if_zero ? (a ? IR_BR_IFZ_A : IR_BR_IFZ_R)
                          : (a ? IR_BR_IF_A : IR_BR_IF_R);
    return sl_tr_emit_imm(t, op, v.slot, 0, 0);
}
