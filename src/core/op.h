/* The instructions as a table (core/op.def), looked up by code, and the one
 * reader of instructions: decoder, validator, printer, text parser and
 * interpreter all see these rows. Core specification, "Binary Format /
 * Instructions". */
#ifndef SL_CORE_OP_H
#define SL_CORE_OP_H

#include <stdint.h>

#include "base/reader.h"

typedef enum sl_op {
    SL_OP_NONE, /* no such instruction */
#define OP(id, prefix, code, text, imms, sig) SL_OP_##id,
#include "core/op.def"
#undef OP
    SL_N_OPS,
} sl_op;

typedef struct sl_op_info {
    uint8_t prefix; /* 0 or 0xfc */
    uint8_t code;
    const char *text;
    const char *imms; /* letters, see core/op.def */
    const char *sig;  /* "pops:pushes" or NULL */
} sl_op_info;

extern const sl_op_info sl_ops[SL_N_OPS]; /* by sl_op */

/* The instruction of a code (prefix 0: the byte itself); SL_OP_NONE when there
 * is none. */
sl_op sl_op_of(uint8_t prefix, uint32_t code);
/* The proposal an unknown code belongs to ("simd"), NULL when to none. */
const char *sl_op_proposal(uint8_t prefix, uint32_t code);

/* One instruction with its immediates. */
typedef struct sl_instr {
    sl_op op;
    uint64_t at; /* offset of the opcode in the input, for messages */
    /* The index immediates (l v g f y t M e d x), in the order of op.def. */
    uint32_t index[2];
    /* memarg: the memory index is index[0]. */
    uint32_t align; /* log2 */
    uint64_t offset;
    /* i, I: sign-extended; F, D: the bits. */
    uint64_t bits;
    /* b: SL_BLOCK_EMPTY, a value type (< 0: its s33), or a type index (>= 0).
     * h: the heap type, likewise. */
    int64_t type;
    /* L, T: n elements of LEB128, for a reader over [vec, vec + vec_len). L:
     * n labels and the default behind them, which n does not count. C: n catch
     * clauses, for sl_read_catch. */
    uint32_t n;
    const uint8_t *vec;
    uint32_t vec_len;
} sl_instr;

#define SL_BLOCK_EMPTY (-64) /* 0x40 as an s33 */

/* One clause of try_table. */
typedef struct sl_catch {
    bool all;            /* any tag */
    bool ref;            /* the label gets the exception behind its values */
    uint32_t tag, label; /* the label counts from outside the try_table */
} sl_catch;

/* "Control Instructions", catch. */
sl_catch sl_read_catch(sl_reader *r);

/* Does it open a block, which an `end` closes? */
static inline bool sl_op_is_block(sl_op op)
{
    return op == SL_OP_BLOCK || op == SL_OP_LOOP || op == SL_OP_IF ||
           op == SL_OP_TRY_TABLE;
}

/* Reads the next instruction. False after a failure: SL_EMALFORMED, or
 * SL_EUNSUPPORTED for an instruction of a proposal we do not have. Only the
 * fields its immediates name are set. Checks the grammar, not the validity:
 * indices and types may be out of range. */
bool sl_read_instr(sl_reader *r, sl_instr *out);

#endif
