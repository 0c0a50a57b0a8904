/* What the translator's files share: emit.c has values, operands and
 * instructions; translate.c walks a function's body; translate_*.c have what
 * becomes of an instruction, by its kind. */
#ifndef SL_EXEC_INTERP_TRANSLATE_H
#define SL_EXEC_INTERP_TRANSLATE_H

#include "base/vec.h"
#include "core/op.h"
#include "exec/interp/ir.h"

#define NONE UINT32_MAX

/* The accumulators. */
typedef enum acc_class { ACC_INT, ACC_F32, ACC_F64, N_ACCS } acc_class;

typedef enum value_kind {
    VALUE_TEMP,  /* in the temporary of its place on the stack */
    VALUE_LOCAL, /* still in the local it was read from */
    VALUE_CONST,
    VALUE_SUM, /* a local or the temporary, plus a constant in 32 bits: often
                  an address, which loads and stores add up themselves */
} value_kind;

/* An operand on WebAssembly's stack. */
typedef struct value {
    value_kind kind;
    uint32_t slot;  /* of the temporary or local */
    uint32_t older; /* local: the next entry that reads it, plus one */
    uint64_t bits;  /* the constant */
} value;

typedef struct label {
    sl_op kind;      /* BLOCK, LOOP, IF; NONE: the function's */
    uint32_t height; /* of the stack, below the parameters */
    uint32_t n_params, n_results;
    uint32_t loop_at;          /* LOOP: its first instruction */
    uint32_t else_at;          /* IF: the branch to the else part, or NONE */
    uint32_t fixes;            /* what jumps here, plus one */
    uint32_t stub_at, stub_of; /* br_table's way here, and of which one */
    uint32_t try_at, first_catch, n_catches; /* TRY_TABLE */
} label;

/* A distance to be known later: of an instruction, or a word of the pool that
 * counts from the instruction; or the target of a catch clause (`ins`). */
typedef struct fix {
    uint32_t ins, word, next;
} fix;
#define FIX_CATCH (NONE - 1) /* as the word */

/* The newest comparison: a branch or eqz right behind it takes it over. */
typedef struct comparison {
    uint32_t at; /* or NONE */
    sl_op op;
    unsigned mode;
} comparison;

typedef struct translator {
    const sl_module *module;
    sl_code_func *func;
    const sl_functype *type;
    sl_err *err;
    bool failed;

    SL_VEC(sl_ins) ins;
    SL_VEC(uint32_t) at;     /* where each came from, if `locate` */
    SL_VEC(uint32_t) pool;   /* constants and jump tables, in half words */
    SL_VEC(uint32_t) pooled; /* instructions whose immediate is a place in it */
    SL_VEC(value) stack;
    SL_VEC(label) labels;
    SL_VEC(fix) fixes;
    SL_VEC(sl_code_try) tries;
    SL_VEC(sl_code_catch) catches;
    uint32_t *readers; /* per local slot: the newest entry that reads it */
    uint32_t flushed;  /* below, no entry reads a local */
    bool locate;
    uint32_t now; /* offset of the instruction in the body */

    uint32_t n_local_slots;       /* the first temporary */
    uint32_t n_slots;             /* the frame's size */
    uint32_t accs[N_ACCS];        /* the slot whose value each has, or NONE */
    uint32_t accs_before[N_ACCS]; /* the same before the last instruction */
    uint32_t last; /* the last instruction, when it made a value in .a */
    comparison cmp;
    uint32_t n_tables; /* br_tables so far */
} translator;

/* --- emit.c -------------------------------------------------------------- */

void sl_tr_fail(translator *t, sl_status code, const char *why);

/* Instructions. The first two leave the accumulators alone; sl_tr_made()
 * says that the last one made a value in its .a. */
uint32_t sl_tr_emit(translator *t, uint32_t op, uint32_t a, uint32_t b,
                    uint32_t c, uint32_t d);
uint32_t sl_tr_emit_imm(translator *t, uint32_t op, uint32_t a, uint32_t b,
                        int32_t imm);
void sl_tr_emit_word(translator *t, uint32_t low, uint32_t high);
void sl_tr_made(translator *t, acc_class acc);
void sl_tr_forget(translator *t); /* the accumulators hold nothing known */
void sl_tr_unemit(translator *t); /* takes the last instruction back */
void sl_tr_emit_copy(translator *t, uint32_t to, uint32_t from);
void sl_tr_emit_const(translator *t, uint32_t to, uint64_t bits, acc_class acc);
/* The last instruction's immediate is a place in the pool. */
void sl_tr_in_pool(translator *t);
uint32_t sl_tr_pool_u64(translator *t, uint64_t bits);

/* Values. */
uint32_t sl_tr_temp_slot(const translator *t, uint32_t height);
void sl_tr_push_temp(translator *t);
void sl_tr_push_const(translator *t, uint64_t bits);
void sl_tr_push_local(translator *t, uint32_t slot);
void sl_tr_push_sum(translator *t, uint32_t slot, uint32_t addend);
value sl_tr_pop(translator *t);
void sl_tr_pop_to(translator *t, uint32_t height);
/* The slot of stack[i]; a constant or sum is put into its temporary. */
uint32_t sl_tr_slot_of(translator *t, uint32_t i, acc_class acc);
/* The same for a value that was popped; `own` is that temporary. */
uint32_t sl_tr_slot_of_popped(translator *t, const value *v, uint32_t own,
                              acc_class acc);
/* Puts a value into a slot. */
void sl_tr_emit_value(translator *t, uint32_t to, const value *v);
/* Puts stack[i] into its temporary; a local's newest reader goes first. */
void sl_tr_settle(translator *t, uint32_t i);
void sl_tr_settle_top(translator *t, uint32_t n);
void sl_tr_settle_readers(translator *t, uint32_t slot);
void sl_tr_flush(translator *t); /* no entry reads a local any more */

/* Jumps. */
void sl_tr_jump_to(translator *t, uint32_t ins, label *to);
void sl_tr_patch(translator *t, uint32_t ins, uint32_t target);
/* The same for a word of the pool, counted from the instruction. */
void sl_tr_jump_word_to(translator *t, uint32_t ins, uint32_t word, label *to);
void sl_tr_patch_word(translator *t, uint32_t ins, uint32_t word,
                      uint32_t target);
void sl_tr_catch_to(translator *t, uint32_t clause, label *to);
void sl_tr_land(translator *t, label *l); /* all that jump to it land here */

/* --- translate_num.c ------------------------------------------------------ */

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

extern const family sl_tr_families[SL_N_OPS]; /* by sl_op */

static inline acc_class sl_tr_acc_of(unsigned type)
{
    return type == F32 ? ACC_F32 : type == F64 ? ACC_F64 : ACC_INT;
}

static inline bool sl_tr_in_acc(const translator *t, acc_class acc,
                                uint32_t slot)
{
    return t->accs[acc] == slot;
}

void sl_tr_binary(translator *t, sl_op op);
void sl_tr_unary(translator *t, sl_op op);
void sl_tr_eqz(translator *t, sl_op equal);
/* The newest instruction, when it made the value in that temporary. */
const sl_ins *sl_tr_maker_of(const translator *t, const value *v);
/* Whether the value just popped is the newest comparison's. */
bool sl_tr_is_compared(const translator *t, const value *v);
/* What takes the comparison's place; false when nothing can. */
bool sl_tr_branch_form(const translator *t, bool if_zero, sl_ins *out);
/* Emits a branch on a condition that was popped; its distance is open. */
uint32_t sl_tr_branch_on(translator *t, value v, bool if_zero);

/* --- translate_control.c -------------------------------------------------- */

label *sl_tr_label_at(translator *t, uint32_t depth);
void sl_tr_emit_return(translator *t);
void sl_tr_emit_jump(translator *t, label *l);
void sl_tr_branch_if(translator *t, label *l);
void sl_tr_branch_table(translator *t, const sl_instr *in);
void sl_tr_push_label(translator *t, sl_op kind, uint32_t n_params,
                      uint32_t n_results);
void sl_tr_begin_block(translator *t, const sl_instr *in);
/* After a jump: nothing is reached until the label's else or end. */
void sl_tr_begin_else(translator *t, bool reached);
/* Whether the code behind the end is reached. */
bool sl_tr_end_block(translator *t, bool reached);
void sl_tr_end_function(translator *t, bool reached);
void sl_tr_call(translator *t, uint32_t func);
void sl_tr_call_indirect(translator *t, uint32_t type_index, uint32_t table);
void sl_tr_return_call(translator *t, uint32_t func);
void sl_tr_return_call_indirect(translator *t, uint32_t type_index,
                                uint32_t table);
void sl_tr_throw(translator *t, uint32_t tag);
void sl_tr_throw_ref(translator *t);

/* --- translate_access.c --------------------------------------------------- */

uint32_t sl_tr_local_slot(const translator *t, uint32_t local);
/* The value on top goes into a local: straight from the instruction that made
 * it, when that is the last one. */
void sl_tr_set_local(translator *t, uint32_t slot);
void sl_tr_global_get(translator *t, uint32_t global);
void sl_tr_global_set(translator *t, uint32_t global);
void sl_tr_select(translator *t);
/* A memory other than the first, or an offset that needs more than 32 bits: out
 * of line. */
void sl_tr_access_other(translator *t, const sl_instr *in);
/* In a first memory of 64-bit addresses. */
void sl_tr_load_64(translator *t, const sl_instr *in);
void sl_tr_store_64(translator *t, const sl_instr *in);
void sl_tr_load(translator *t, const sl_instr *in);
void sl_tr_store(translator *t, const sl_instr *in);
/* Three operands, none or one result, a second word; out of line. Slots below
 * `d` are in use. */
void sl_tr_bulk(translator *t, uint32_t op, uint32_t low, uint32_t high);
/* A result alone, or made of one operand; the immediate is an index. */
void sl_tr_simple(translator *t, uint32_t op, uint32_t n_pops, uint32_t index);
void sl_tr_table_access(translator *t, const sl_instr *in);

#endif
