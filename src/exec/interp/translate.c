/* From a function's body to the interpreter's code, in one pass. The body has
 * been validated. Operands stay where they are (in locals, as constants) until
 * an instruction uses them; results go straight into the local that receives
 * them; comparisons become part of the branch behind them. */
#include "exec/interp/translate.h"

#include <string.h>

#include "base/alloc.h"

const char *const sl_ir_names[SL_N_IR_OPS] = {
#define OP(name, ...) #name,
#include "exec/interp/handlers.def"
#undef OP
};

/* --- Families: which rows of handlers.def an instruction becomes --------- */

typedef enum shape {
    OTHER,
    BINARY,
    COMMUTATIVE,
    COMPARE,
    UNARY,
    LOAD,
    STORE
} shape;
typedef enum numtype { I32, I64, F32, F64 } numtype;

/* Distances to the first member of a family, as handlers.def orders them. */
enum { INT_RR, INT_RI, INT_AR, INT_AI, I64_RK, I64_AK };
enum { FLOAT_RR, FLOAT_AR, FLOAT_RK, FLOAT_AK, FLOAT_RA };
enum { BRANCH_RR, BRANCH_RI, BRANCH_AR, BRANCH_AI, N_BRANCHES };
enum {
    STORE_RR,
    STORE_AR,
    STORE_RA,
    STORE_KR,
    STORE_KA,
    STORE_WR,
    STORE_WA,
    STORE_RI,
    STORE_AI,
    STORE_KI,
    STORE_WI
};
enum { MODE_R, MODE_A, MODE_K, MODE_W, MODE_AW, MODE_X, MODE_AX };

typedef struct family {
    uint16_t ir; /* its first member */
    uint8_t shape, in, out;
} family;

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

static const family families[SL_N_OPS] = {
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

static acc_class acc_of(unsigned type)
{
    return type == F32 ? ACC_F32 : type == F64 ? ACC_F64 : ACC_INT;
}

static bool in_acc(const translator *t, acc_class acc, uint32_t slot)
{
    return t->accs[acc] == slot;
}

/* The place of a comparison in its row EQ NE LT_S LT_U GT_S GT_U LE_S LE_U
 * GE_S GE_U, or EQ NE LT GT LE GE for floats. */
static sl_op first_compare(sl_op op)
{
    switch (families[op].in) {
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
    return first + (families[op].in <= I64 ? ints : floats)[op - first];
}

/* The negation, or NONE: of floats only == and != have one. */
static sl_op inverted(sl_op op)
{
    static const uint8_t ints[] = {1, 0, 8, 9, 6, 7, 4, 5, 2, 3};
    sl_op first = first_compare(op);
    if (families[op].in > I64 && op - first > 1)
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
    bool a = in_acc(t, acc_of(f->in), x);
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
    acc_class acc = acc_of(f->in);
    unsigned mode = is_int ? INT_RR : FLOAT_RR;
    if (in_acc(t, acc, x))
        mode = is_int ? INT_AR : FLOAT_AR;
    else if (in_acc(t, acc, y) && f->shape == BINARY)
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

/* The newest instruction, when it made the value in that temporary. */
static const sl_ins *maker_of(const translator *t, const value *v)
{
    if (v->kind != VALUE_TEMP || t->last == NONE ||
        t->ins.v[t->last].a != v->slot)
        return NULL;
    return &t->ins.v[t->last];
}

/* x + (y << n), where the shift is the newest instruction. */
static bool join_shift(translator *t, value *x, value *y, uint32_t to)
{
    const sl_ins *shift = maker_of(t, y);
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

static void binary(translator *t, sl_op op)
{
    if (defer_sum(t, op))
        return;
    const family *f = &families[op];
    acc_class acc = acc_of(f->in);
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
        y_first = in_acc(t, acc, y.slot) && x.kind != VALUE_SUM &&
                  !in_acc(t, acc, x.slot);
    if (y_first && f->shape != BINARY) {
        exchange(&x, &y);
        if (f->shape == COMPARE)
            f = &families[op = mirrored(op)];
    }
    x.slot = sl_tr_slot_of_popped(t, &x, to, acc);
    unsigned mode = y.kind == VALUE_CONST
                        ? emit_with_const(t, f, to, x.slot, y.bits)
                        : emit_with_slots(t, f, to, x.slot, y.slot);
    sl_tr_made(t, acc_of(f->out));
    sl_tr_push_temp(t);
    if (f->shape == COMPARE)
        t->cmp = (comparison){t->last, op, mode};
}

static void unary(translator *t, sl_op op)
{
    const family *f = &families[op];
    uint32_t i = (uint32_t)t->stack.n - 1;
    uint32_t from = sl_tr_slot_of(t, i, acc_of(f->in));
    sl_tr_pop(t);
    unsigned mode = in_acc(t, acc_of(f->in), from) ? MODE_A : MODE_R;
    sl_tr_emit(t, f->ir + mode, sl_tr_temp_slot(t, i), from, 0, 0);
    sl_tr_made(t, acc_of(f->out));
    sl_tr_push_temp(t);
}

/* Whether the value just popped is the newest comparison's. */
static bool is_compared(const translator *t, const value *v)
{
    return t->cmp.at == t->last && maker_of(t, v) != NULL;
}

static void eqz(translator *t, sl_op equal)
{
    value *top = &sl_vec_last(&t->stack);
    if (equal == SL_OP_I32_EQ && is_compared(t, top)) {
        sl_op op = inverted(t->cmp.op);
        if (op != SL_OP_NONE) {
            t->cmp.op = op;
            t->ins.v[t->last].op = families[op].ir + t->cmp.mode;
            return;
        }
    }
    sl_tr_push_const(t, 0);
    if (!t->failed)
        binary(t, equal);
}

/* --- Branches on conditions ---------------------------------------------- */

/* What takes the comparison's place; false when nothing can. */
static bool branch_form(const translator *t, bool if_zero, sl_ins *out)
{
    const family *f = &families[t->cmp.op];
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
    out->op = families[op].ir + values + zero + branch;
    /* Against zero there are shorter ones. */
    if (f->in == I32 && constant && out->b == 0) {
        if (op == SL_OP_I32_NE)
            out->op = a ? IR_BR_IF_A : IR_BR_IF_R;
        else if (op == SL_OP_I32_EQ)
            out->op = a ? IR_BR_IFZ_A : IR_BR_IFZ_R;
    }
    return true;
}

/* Emits a branch on a condition that was popped; its distance is open. */
static uint32_t branch_on(translator *t, value v, bool if_zero)
{
    sl_ins ins;
    if (is_compared(t, &v) && branch_form(t, if_zero, &ins)) {
        sl_tr_unemit(t);
        return sl_tr_emit_imm(t, (uint32_t)ins.op, ins.a, ins.b, 0);
    }
    v.slot = sl_tr_slot_of_popped(
        t, &v, sl_tr_temp_slot(t, (uint32_t)t->stack.n), ACC_INT);
    bool a = in_acc(t, ACC_INT, v.slot);
    uint32_t op = if_zero ? (a ? IR_BR_IFZ_A : IR_BR_IFZ_R)
                          : (a ? IR_BR_IF_A : IR_BR_IF_R);
    return sl_tr_emit_imm(t, op, v.slot, 0, 0);
}

/* --- Labels -------------------------------------------------------------- */

static uint32_t arity(const label *l)
{
    return l->kind == SL_OP_LOOP ? l->n_params : l->n_results;
}

static label *label_at(translator *t, uint32_t depth)
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

static void emit_return(translator *t)
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
        sl_tr_emit(t, in_acc(t, ACC_INT, v.slot) ? IR_RETURN1_A : IR_RETURN1_R,
                   saved, v.slot, 0, 0);
}

static void emit_jump(translator *t, label *l)
{
    if (l->kind == SL_OP_NONE) {
        emit_return(t);
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
    bool compared = is_compared(t, v);
    if (compared && !branch_form(t, false, &branch))
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
    if (n <= l->loop_at ||
        (!compared && (v->kind != VALUE_LOCAL || !in_acc(t, ACC_INT, v->slot))))
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

static void branch_if(translator *t, label *l)
{
    value v = sl_tr_pop(t);
    if (l->kind == SL_OP_LOOP && !must_move(t, l) && count_loop(t, &v, l))
        return;
    if (!needs_code(t, l)) {
        uint32_t at = branch_on(t, v, false);
        sl_tr_jump_to(t, at, l);
        return;
    }
    uint32_t around = branch_on(t, v, true);
    uint32_t accs[N_ACCS];
    memcpy(accs, t->accs, sizeof accs);
    emit_jump(t, l);
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
        emit_jump(t, l);
    }
    sl_tr_patch_word(t, at, word, l->stub_at);
}

static void branch_table(translator *t, const sl_instr *in)
{
    value v = sl_tr_pop(t);
    v.slot = sl_tr_slot_of_popped(
        t, &v, sl_tr_temp_slot(t, (uint32_t)t->stack.n), ACC_INT);
    bool a = in_acc(t, ACC_INT, v.slot);
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
        table_target(t, at, word + 1 + i, label_at(t, sl_read_u32(&r)));
}

/* --- Blocks -------------------------------------------------------------- */

static void push_label(translator *t, sl_op kind, uint32_t n_params,
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
        label *to = label_at(t, c.label);
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

static void begin_block(translator *t, const sl_instr *in)
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
    push_label(t, in->op, n_params, n_results);
    if (in->op == SL_OP_TRY_TABLE && !t->failed)
        begin_try(t, first_catch);
    if (in->op == SL_OP_IF && !t->failed) {
        uint32_t at = branch_on(t, condition, true);
        sl_vec_last(&t->labels).else_at = at;
    }
}

/* After a jump: nothing is reached until the label's else or end. */
static void begin_else(translator *t, bool reached)
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

/* Whether the code behind the end is reached. */
static bool end_block(translator *t, bool reached)
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

static void end_function(translator *t, bool reached)
{
    if (reached)
        emit_return(t);
    label l = t->labels.v[0];
    if (l.fixes != 0) { /* branches without results, and catch clauses */
        sl_tr_pop_to(t, 0);
        push_temps(t, l.n_results);
        sl_tr_land(t, &l);
        emit_return(t);
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

static void call(translator *t, uint32_t func)
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

static void call_indirect(translator *t, uint32_t type_index, uint32_t table)
{
    const sl_functype *type = &t->module->types[type_index];
    uint32_t index = pop_index(t, table);
    uint32_t base = begin_call(t, type);
    sl_tr_emit(
        t, in_acc(t, ACC_INT, index) ? IR_CALL_INDIRECT_A : IR_CALL_INDIRECT_R,
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

static void return_call(translator *t, uint32_t func)
{
    const sl_functype *type = &t->module->types[t->module->funcs[func].type];
    uint32_t base = begin_tail_call(t, type);
    sl_tr_emit_imm(t, IR_RETURN_CALL, base, t->func->saved_at, (int32_t)func);
}

static void return_call_indirect(translator *t, uint32_t type_index,
                                 uint32_t table)
{
    const sl_functype *type = &t->module->types[type_index];
    uint32_t index = pop_index(t, table);
    uint32_t base = begin_tail_call(t, type);
    sl_tr_emit(t, IR_RETURN_CALL_INDIRECT, base, t->func->saved_at, index, 0);
    sl_tr_emit_word(t, type_index, table);
}

/* --- Exceptions ---------------------------------------------------------- */

static void throw_(translator *t, uint32_t tag)
{
    const sl_functype *type = &t->module->types[t->module->tags[tag]];
    sl_tr_settle_top(t, type->n_params);
    sl_tr_emit_imm(t, IR_THROW,
                   sl_tr_temp_slot(t, (uint32_t)t->stack.n - type->n_params), 0,
                   (int32_t)tag);
}

static void throw_ref(translator *t)
{
    uint32_t slot = sl_tr_slot_of(t, (uint32_t)t->stack.n - 1, ACC_INT);
    sl_tr_emit(t, IR_THROW_REF, slot, 0, 0, 0);
}

/* --- Variables, memory, tables ------------------------------------------- */

static uint32_t local_slot(const translator *t, uint32_t local)
{
    uint32_t n = t->type->n_params;
    return local < n ? local : t->func->saved_at + SL_FRAME_SAVED + (local - n);
}

/* The value on top goes into a local: straight from the instruction that made
 * it, when that is the last one. */
static void set_local(translator *t, uint32_t slot)
{
    value v = sl_tr_pop(t);
    if (v.kind == VALUE_LOCAL && v.slot == slot)
        return;
    bool fresh = maker_of(t, &v) != NULL;
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

static void global_get(translator *t, uint32_t global)
{
    uint32_t to = sl_tr_temp_slot(t, (uint32_t)t->stack.n);
    sl_tr_emit_imm(t, IR_GLOBAL_GET, to, 0, (int32_t)global);
    sl_tr_made(t, ACC_INT);
    sl_tr_push_temp(t);
}

static void global_set(translator *t, uint32_t global)
{
    uint32_t from = sl_tr_slot_of(t, (uint32_t)t->stack.n - 1, ACC_INT);
    sl_tr_pop(t);
    sl_tr_emit_imm(t,
                   in_acc(t, ACC_INT, from) ? IR_GLOBAL_SET_A : IR_GLOBAL_SET_R,
                   0, from, (int32_t)global);
}

static void select_(translator *t)
{
    uint32_t n = (uint32_t)t->stack.n;
    uint32_t x = sl_tr_slot_of(t, n - 3, ACC_INT),
             y = sl_tr_slot_of(t, n - 2, ACC_INT);
    uint32_t c = sl_tr_slot_of(t, n - 1, ACC_INT);
    sl_tr_pop_to(t, n - 3);
    sl_tr_emit(t, in_acc(t, ACC_INT, c) ? IR_SELECT_A : IR_SELECT_R,
               sl_tr_temp_slot(t, n - 3), x, y, c);
    sl_tr_made(t, ACC_INT);
    sl_tr_push_temp(t);
}

/* A memory other than the first, or an offset that needs more than 32 bits: out
 * of line. */
static void access_other(translator *t, const sl_instr *in)
{
    bool store = families[in->op].shape == STORE;
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

/* In a first memory of 64-bit addresses. */
static void load_64(translator *t, const sl_instr *in)
{
    uint32_t i = (uint32_t)t->stack.n - 1;
    uint32_t from = sl_tr_slot_of(t, i, ACC_INT);
    sl_tr_pop(t);
    sl_tr_emit_imm(t, IR_I32_LOAD_64 + (uint32_t)(in->op - SL_OP_I32_LOAD),
                   sl_tr_temp_slot(t, i), from, (int32_t)(uint32_t)in->offset);
    sl_tr_made(t, acc_of(families[in->op].out));
    sl_tr_push_temp(t);
}

static void store_64(translator *t, const sl_instr *in)
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
    const sl_ins *sum = maker_of(t, &sl_vec_last(&t->stack));
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

static void load(translator *t, const sl_instr *in)
{
    const family *f = &families[in->op];
    uint32_t i = (uint32_t)t->stack.n - 1, ea, from = 0;
    value v = t->stack.v[i];
    unsigned mode = MODE_K;
    if (!load_indexed(t, f, in->offset)) {
        if (v.kind == VALUE_SUM && in->offset == 0) {
            from = v.slot;
            mode = in_acc(t, ACC_INT, from) ? MODE_AW : MODE_W;
            ea = (uint32_t)v.bits;
        } else if (!known_address(&v, in->offset, &ea)) {
            from = sl_tr_slot_of(t, i, ACC_INT);
            mode = in_acc(t, ACC_INT, from) ? MODE_A : MODE_R;
            ea = (uint32_t)in->offset;
        }
        sl_tr_pop(t);
        sl_tr_emit_imm(t, f->ir + mode, sl_tr_temp_slot(t, i), from,
                       (int32_t)ea);
    }
    sl_tr_made(t, acc_of(f->out));
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

static void store(translator *t, const sl_instr *in)
{
    const family *f = &families[in->op];
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
        from = sl_tr_slot_of(t, n - 1, acc_of(f->in));
    sl_tr_pop_to(t, n - 2);
    unsigned mode = store_mode(known, sum, imm, in_acc(t, ACC_INT, to),
                               !imm && in_acc(t, acc_of(f->in), from));
    sl_tr_emit_imm(t, f->ir + mode, to, from, (int32_t)ea);
}

/* Three operands, none or one result, a second word; out of line. Slots below
 * `d` are in use. */
static void bulk(translator *t, uint32_t op, uint32_t low, uint32_t high)
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

/* A result alone, or made of one operand; the immediate is an index. */
static void simple(translator *t, uint32_t op, uint32_t n_pops, uint32_t index)
{
    uint32_t i = (uint32_t)t->stack.n - n_pops, from = 0;
    if (n_pops != 0)
        from = sl_tr_slot_of(t, i, ACC_INT);
    sl_tr_pop_to(t, i);
    sl_tr_emit_imm(t, op, sl_tr_temp_slot(t, i), from, (int32_t)index);
    sl_tr_forget(t);
    sl_tr_push_temp(t);
}

static void table_access(translator *t, const sl_instr *in)
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

/* --- The walk ------------------------------------------------------------ */

static void by_family(translator *t, const sl_instr *in)
{
    switch ((shape)families[in->op].shape) {
    case BINARY:
    case COMMUTATIVE:
    case COMPARE:
        binary(t, in->op);
        break;
    case UNARY:
        unary(t, in->op);
        break;
    case LOAD:
        if (in->index[0] != 0 || in->offset > UINT32_MAX)
            access_other(t, in);
        else if (t->module->memories[0].limits.is64)
            load_64(t, in);
        else
            load(t, in);
        break;
    case STORE:
        if (in->index[0] != 0 || in->offset > UINT32_MAX)
            access_other(t, in);
        else if (t->module->memories[0].limits.is64)
            store_64(t, in);
        else
            store(t, in);
        break;
    case OTHER:
        sl_tr_fail(t, SL_EUNSUPPORTED, "unsupported instruction");
        break;
    }
}

/* Instructions after which the next one is reached. */
static void translate_plain(translator *t, const sl_instr *in)
{
    const uint32_t *x = in->index;
    switch (in->op) {
    case SL_OP_NOP:
        break;
    case SL_OP_BLOCK:
    case SL_OP_LOOP:
    case SL_OP_TRY_TABLE:
    case SL_OP_IF:
        begin_block(t, in);
        break;
    case SL_OP_BR_IF:
        branch_if(t, label_at(t, x[0]));
        break;
    case SL_OP_CALL:
        call(t, x[0]);
        break;
    case SL_OP_CALL_INDIRECT:
        call_indirect(t, x[0], x[1]);
        break;
    case SL_OP_DROP:
        sl_tr_pop(t);
        break;
    case SL_OP_SELECT:
    case SL_OP_SELECT_T:
        select_(t);
        break;
    case SL_OP_LOCAL_GET:
        sl_tr_push_local(t, local_slot(t, x[0]));
        break;
    case SL_OP_LOCAL_SET:
        set_local(t, local_slot(t, x[0]));
        break;
    case SL_OP_LOCAL_TEE:
        set_local(t, local_slot(t, x[0]));
        sl_tr_push_local(t, local_slot(t, x[0]));
        break;
    case SL_OP_GLOBAL_GET:
        global_get(t, x[0]);
        break;
    case SL_OP_GLOBAL_SET:
        global_set(t, x[0]);
        break;
    case SL_OP_TABLE_GET:
    case SL_OP_TABLE_SET:
    case SL_OP_TABLE_GROW:
        table_access(t, in);
        break;
    case SL_OP_TABLE_SIZE:
        simple(t, IR_TABLE_SIZE, 0, x[0]);
        break;
    case SL_OP_TABLE_FILL:
        bulk(t, IR_TABLE_FILL, x[0], 0);
        break;
    case SL_OP_TABLE_COPY:
        bulk(t, IR_TABLE_COPY, x[0], x[1]);
        break;
    case SL_OP_TABLE_INIT:
        bulk(t, IR_TABLE_INIT, x[0], x[1]);
        break;
    case SL_OP_ELEM_DROP:
        sl_tr_emit_imm(t, IR_ELEM_DROP, 0, 0, (int32_t)x[0]);
        break;
    case SL_OP_DATA_DROP:
        sl_tr_emit_imm(t, IR_DATA_DROP, 0, 0, (int32_t)x[0]);
        break;
    case SL_OP_MEMORY_SIZE:
        simple(t, IR_MEMORY_SIZE, 0, x[0]);
        break;
    case SL_OP_MEMORY_GROW:
        simple(t, IR_MEMORY_GROW, 1, x[0]);
        break;
    case SL_OP_MEMORY_INIT:
        bulk(t, IR_MEMORY_INIT, x[0], x[1]);
        break;
    case SL_OP_MEMORY_COPY:
        bulk(t, IR_MEMORY_COPY, x[0], x[1]);
        break;
    case SL_OP_MEMORY_FILL:
        bulk(t, IR_MEMORY_FILL, x[0], 0);
        break;
    case SL_OP_I32_CONST:
        sl_tr_push_const(t, (uint32_t)in->bits);
        break;
    case SL_OP_I64_CONST:
    case SL_OP_F32_CONST:
    case SL_OP_F64_CONST:
        sl_tr_push_const(t, in->bits);
        break;
    case SL_OP_REF_NULL:
        sl_tr_push_const(t, 0);
        break;
    case SL_OP_REF_IS_NULL:
    case SL_OP_I64_EQZ:
        eqz(t, SL_OP_I64_EQ);
        break;
    case SL_OP_I32_EQZ:
        eqz(t, SL_OP_I32_EQ);
        break;
    case SL_OP_REF_FUNC:
        simple(t, IR_REF_FUNC, 0, x[0]);
        break;
    default:
        by_family(t, in);
        break;
    }
}

/* Whether the next instruction is reached from this one. */
static bool translate_one(translator *t, const sl_instr *in)
{
    switch (in->op) {
    case SL_OP_UNREACHABLE:
        sl_tr_emit(t, IR_UNREACHABLE, 0, 0, 0, 0);
        return false;
    case SL_OP_BR:
        emit_jump(t, label_at(t, in->index[0]));
        return false;
    case SL_OP_BR_TABLE:
        branch_table(t, in);
        return false;
    case SL_OP_RETURN:
        emit_return(t);
        return false;
    case SL_OP_RETURN_CALL:
        return_call(t, in->index[0]);
        return false;
    case SL_OP_RETURN_CALL_INDIRECT:
        return_call_indirect(t, in->index[0], in->index[1]);
        return false;
    case SL_OP_THROW:
        throw_(t, in->index[0]);
        return false;
    case SL_OP_THROW_REF:
        throw_ref(t);
        return false;
    default:
        translate_plain(t, in);
        return true;
    }
}

/* Code that is not reached makes nothing; its blocks are only counted. */
static void translate_body(translator *t, sl_reader *r)
{
    bool reached = true;
    uint32_t unreached_blocks = 0;
    sl_instr in;
    while (!t->failed && t->labels.n != 0 && sl_read_instr(r, &in)) {
        t->now = (uint32_t)(in.at - r->origin);
        bool block = sl_op_is_block(in.op);
        if (!reached && unreached_blocks != 0 && in.op == SL_OP_END) {
            unreached_blocks--;
        } else if (!reached && block) {
            unreached_blocks++;
        } else if (unreached_blocks != 0) {
            continue;
        } else if (in.op == SL_OP_ELSE) {
            begin_else(t, reached);
            reached = true;
        } else if (in.op == SL_OP_END && t->labels.n == 1) {
            end_function(t, reached);
        } else if (in.op == SL_OP_END) {
            reached = end_block(t, reached);
        } else if (reached) {
            reached = translate_one(t, &in);
        }
    }
    if (r->err->code != SL_OK)
        t->failed = true;
}

/* --- Beginning and end --------------------------------------------------- */

static void begin_function(translator *t, sl_reader *r)
{
    uint64_t n_locals = 0;
    for (uint32_t groups = sl_read_u32(r); groups != 0; groups--) {
        n_locals += sl_read_u32(r);
        sl_read_u32(r); /* the type: a reference's or a number's one byte */
    }
    uint32_t first = t->func->saved_at + SL_FRAME_SAVED;
    if (first + n_locals + 256 > SL_FRAME_MAX) {
        sl_tr_fail(t, SL_ELIMIT, "limit: a function has too many locals");
        return;
    }
    t->n_local_slots = t->n_slots = first + (uint32_t)n_locals;
    t->readers = sl_calloc(t->n_local_slots, sizeof *t->readers);
    if (t->readers == NULL) {
        sl_tr_fail(t, SL_ENOMEM, "out of memory");
        return;
    }
    push_label(t, SL_OP_NONE, 0, t->type->n_results);
    sl_tr_emit(t, t->func->home->counted ? IR_ENTER_COUNTED : IR_ENTER, first,
               (uint32_t)n_locals, 0, 0);
}

static bool init(translator *t, sl_code_func *func, sl_err *err)
{
    const sl_module *m = func->home->module;
    *t = (translator){
        .module = m,
        .func = func,
        .type = &m->types[m->funcs[func->index].type],
        .err = err,
        .last = NONE,
        .cmp = {.at = NONE},
    };
    sl_tr_forget(t);
    if (func->saved_at + SL_FRAME_SAVED > SL_FRAME_MAX / 2) {
        sl_tr_fail(t, SL_ELIMIT, "limit: a function has too many parameters");
        return false;
    }
    return true;
}

static void run(translator *t)
{
    const sl_func *f = &t->module->funcs[t->func->index];
    sl_reader r = sl_reader_over(f->body, f->body_len, f->at, t->err);
    begin_function(t, &r);
    if (!t->failed)
        translate_body(t, &r);
    if (!t->failed)
        t->ins.v[0].c = (uint16_t)t->n_slots;
}

static void deinit(translator *t)
{
    sl_vec_deinit(&t->ins);
    sl_vec_deinit(&t->at);
    sl_vec_deinit(&t->pool);
    sl_vec_deinit(&t->pooled);
    sl_vec_deinit(&t->stack);
    sl_vec_deinit(&t->labels);
    sl_vec_deinit(&t->fixes);
    sl_vec_deinit(&t->tries);
    sl_vec_deinit(&t->catches);
    sl_free(t->readers);
}

/* Code, IR_END, pool: one block; then operations become handlers. */
static sl_ins *finish(translator *t, size_t *bytes)
{
    size_t n = t->ins.n;
    size_t pool_bytes = t->pool.n * sizeof *t->pool.v;
    *bytes = (n + 1) * sizeof(sl_ins) + pool_bytes;
    if (*bytes > INT32_MAX) {
        sl_tr_fail(t, SL_ELIMIT, "limit: a function is too large to translate");
        return NULL;
    }
    sl_ins *code = sl_malloc(*bytes);
    if (code == NULL) {
        sl_tr_fail(t, SL_ENOMEM, "out of memory");
        return NULL;
    }
    memcpy(code, t->ins.v, n * sizeof *code);
    code[n] = (sl_ins){.op = IR_END};
    code[n].bits = (uint64_t)(uintptr_t)t->func;
    if (pool_bytes != 0)
        memcpy(code + n + 1, t->pool.v, pool_bytes);
    for (size_t i = 0; i < t->pooled.n; i++) {
        uint32_t at = t->pooled.v[i];
        code[at].imm += (int32_t)((n + 1 - at) * sizeof(sl_ins));
    }
    const void *const *handlers = sl_interp_handlers();
    for (size_t i = 0; i <= n; i++)
        sl_ins_link(&code[i], handlers);
    return code;
}

/* What unwinding wants to know, beside the code. */
static void keep_tries(translator *t, sl_code_func *func)
{
    if (t->tries.n == 0)
        return;
    size_t tries = t->tries.n * sizeof *t->tries.v;
    size_t catches = t->catches.n * sizeof *t->catches.v;
    func->tries = sl_malloc(tries);
    func->catches = sl_malloc(catches);
    if (func->tries == NULL || func->catches == NULL) {
        sl_free(func->tries);
        sl_free(func->catches);
        func->tries = NULL;
        func->catches = NULL;
        sl_tr_fail(t, SL_ENOMEM, "out of memory");
        return;
    }
    memcpy(func->tries, t->tries.v, tries);
    memcpy(func->catches, t->catches.v, catches);
    func->n_tries = (uint32_t)t->tries.n;
}

sl_status sl_translate(sl_code_func *func, size_t *bytes, sl_err *err)
{
    translator t;
    sl_ins *code = NULL;
    if (init(&t, func, err))
        run(&t);
    if (!t.failed)
        code = finish(&t, bytes);
    if (!t.failed)
        keep_tries(&t, func);
    if (t.failed)
        sl_free(code);
    else
        func->code = code;
    deinit(&t);
    return t.failed ? err->code : SL_OK;
}

uint64_t sl_translate_locate(const sl_code_func *func, size_t ins)
{
    sl_code_func again = *func;
    sl_err err = {0};
    translator t;
    uint64_t at = 0;
    bool ok = init(&t, &again, &err);
    t.locate = true;
    if (ok)
        run(&t);
    if (!t.failed && ins < t.at.n)
        at = func->home->module->funcs[func->index].at + t.at.v[ins];
    deinit(&t);
    return at;
}
