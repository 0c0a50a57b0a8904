/* What the files of core/ share. */
#ifndef SL_CORE_CORE_INT_H
#define SL_CORE_CORE_INT_H

#include <stdio.h>

#include "base/reader.h"
#include "base/vec.h"
#include "core/module.h"
#include "core/op.h"

/* Implementation limits (core specification, appendix "Implementation
 * Limitations"); beyond them decoding fails with SL_ELIMIT. */
enum {
    SL_MAX_ITEMS = 1000000, /* types, functions, imports, exports, globals */
    SL_MAX_SEGMENTS = 100000,
    SL_MAX_TABLES = 100,
    SL_MAX_MEMORIES = 100,
    SL_MAX_ARITY = 1000, /* parameters; results */
    SL_MAX_LOCALS = 50000,
    SL_MAX_BODY = 7654321, /* bytes */
    SL_MAX_NAME = 100000,  /* bytes */
    SL_MAX_OPERANDS = 131072,
};

/* --- types.c: "Binary Format / Types" ---------------------------------- */

sl_valtype sl_read_valtype(sl_reader *r);
sl_valtype sl_read_reftype(sl_reader *r);
/* The reference type to the heap type that is read. */
sl_valtype sl_read_heaptype(sl_reader *r);

/* --- validate.c: "Validation / Instructions", appendix "Validation
 * Algorithm" ------------------------------------------------------------ */

typedef struct sl_control {
    const sl_valtype *types; /* parameters, then results */
    uint32_t n_params, n_results;
    uint32_t height; /* of the operand stack at the start */
    uint8_t op;      /* sl_op: BLOCK (also the body), LOOP, IF, ELSE, ... */
    bool unreachable;
} sl_control;

/* Locals of one type: those before `end`, behind the run before. */
typedef struct sl_local_run {
    uint32_t end;
    sl_valtype type;
} sl_local_run;

#define SL_NEAR_LOCALS 64

/* What a one-byte opcode does to the operands, where that is simple. */
typedef struct sl_quick {
    enum {
        SL_QUICK_NONE,
        SL_QUICK_LOCAL_GET,
        SL_QUICK_LOCAL_SET,
        SL_QUICK_LOCAL_TEE,
        SL_QUICK_I32_CONST,
        SL_QUICK_UNARY,
        SL_QUICK_BINARY,
        SL_QUICK_LOAD,
        SL_QUICK_STORE,
    } kind : 8;
    uint8_t under, top, push; /* sl_valtype */
    uint8_t align;            /* log2, at most */
} sl_quick;

/* The stacks of the algorithm, kept from one body to the next. */
typedef struct sl_validator {
    const sl_module *module;
    sl_core_features features;
    bool has_data_count;
    uint8_t *declared; /* per function: may ref.func name it? */

    sl_reader r;
    SL_VEC(sl_valtype) operands;
    SL_VEC(sl_control) controls;
    SL_VEC(sl_local_run) runs;
    uint32_t n_locals, n_near;
    sl_valtype near[SL_NEAR_LOCALS]; /* types of the first locals */
    sl_quick quick[256];
    bool quick_memory; /* memory 0 is there and has 32-bit addresses */
    sl_valtype addr;   /* the letter p of signatures: of the memory or table
                          that the instruction names */
} sl_validator;

void sl_validator_init(sl_validator *v, const sl_module *module,
                       const sl_core_features *features);
void sl_validator_deinit(sl_validator *v);
/* One function of the module. */
bool sl_validate_body(sl_validator *v, const sl_func *func, sl_err *err);
/* A constant expression of that type, which may name the first `n_globals`
 * globals; the functions it names become declared. */
bool sl_validate_constexpr(sl_validator *v, sl_constexpr expr, sl_valtype type,
                           uint32_t n_globals, sl_err *err);
/* The grammar of a body alone: whether it is malformed. As in the reference
 * decoder the body ends where its last `end` is, maybe behind its stated
 * length, which is compared afterwards. */
bool sl_scan_body(const sl_validator *v, const sl_func *func, sl_err *err);

/* --- names.c: appendix "Name Section" ---------------------------------- */

/* Takes what it can from the section's contents; a broken name section is no
 * error. False: memory is short. */
bool sl_decode_names(sl_module *module, const uint8_t *bytes, size_t len);

#endif
