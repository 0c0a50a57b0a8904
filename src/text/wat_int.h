/* What the files of the core module parser share.
 * Core specification, "Text Format". */
#ifndef SL_TEXT_WAT_INT_H
#define SL_TEXT_WAT_INT_H

#include "base/buf.h"
#include "base/map.h"
#include "base/vec.h"
#include "core/module.h"
#include "core/op.h"
#include "text/text.h"

typedef enum wat_space {
    WAT_TYPE,
    WAT_FUNC,
    WAT_TABLE,
    WAT_MEMORY,
    WAT_GLOBAL,
    WAT_TAG,
    WAT_ELEM,
    WAT_DATA,
    WAT_LOCAL,
    WAT_N_SPACES,
} wat_space;

/* An index space while its module is read. */
typedef struct wat_names {
    sl_map map;
    uint32_t n;
} wat_names;

typedef struct wat_type {
    SL_VEC(sl_valtype) params, results;
} wat_type;

/* A function whose body is parsed after all fields: types that bodies imply
 * come behind those that fields imply. */
typedef struct wat_body {
    size_t field, at; /* the field; behind its type use */
    uint32_t func, type;
} wat_body;

/* Pending outer form of the instruction being parsed. */
typedef enum wat_frame_kind {
    WAT_BLOCK, /* block or loop, to its `end` */
    WAT_IF,    /* if, to its `else` or `end` */
    WAT_ELSE,  /* behind `else` */
    WAT_FOLD,  /* (op imm ... args ...) */
    WAT_FOLD_BLOCK,
    WAT_FOLD_IF,   /* (if type cond ... (then) (else)) */
    WAT_FOLD_THEN, /* inside (then ...) or (else ...) */
} wat_frame_kind;

typedef struct wat_frame {
    uint8_t kind;
    uint8_t phase;       /* WAT_FOLD_IF: 0 condition, 1 then seen, 2 else */
    sl_name label;       /* blocks */
    const uint8_t *code; /* what a folded instruction emits at its end */
    size_t code_len;
} wat_frame;

typedef struct wat {
    sl_cursor *c;
    wat_names spaces[WAT_N_SPACES];
    SL_VEC(sl_functype) types;
    SL_VEC(wat_body) bodies;
    SL_VEC(sl_valtype) local_types;
    SL_VEC(sl_name) local_ids;
    SL_VEC(wat_frame) frames;
    SL_VEC(sl_name) labels;
    sl_map words; /* keywords of the grammar; instructions with their sl_op */
    wat_type scratch;
    sl_buf imm;   /* the instruction being encoded */
    sl_buf *code; /* where instructions go */
    sl_buf import, func, table, memory, tag, global, export, elem, body, data;
    sl_buf func_names, local_names;
    uint32_t n_imports, n_exports;
    uint32_t n_indices[WAT_N_SPACES]; /* given out by the second pass */
    uint32_t n_own[WAT_N_SPACES];     /* of these, not imported */
    uint32_t n_func_names, n_local_names;
    const char *defined; /* the last kind of definition before the place */
    bool has_start, needs_data_count;
    bool data_defined; /* a segment of the module's own stands before the place */
    uint32_t start;
} wat;

/* wat.c: names and indices. */
bool wat_unexpected(wat *w);
/* Valid, but of a proposal that is not supported (SL_EUNSUPPORTED). */
bool wat_unsupported(wat *w, const char *what);
/* The instruction a keyword names; SL_OP_NONE: another word of the grammar.
 * False: no such word. */
bool wat_word(wat *w, sl_name text, sl_op *out);
/* Gives the next index of a space to a name (which may be absent). */
bool wat_bind(wat *w, wat_space space, sl_name id, uint32_t at);
bool wat_index(wat *w, wat_space space, uint32_t *out);
bool wat_at_index(const wat *w);

/* wat_type.c */
bool wat_valtype(wat *w, sl_valtype *out);
bool wat_at_reftype(const wat *w);
bool wat_reftype(wat *w, sl_valtype *out);
bool wat_heaptype(wat *w, sl_valtype *out); /* as a nullable reference */
/* (type ...) as a whole field. */
bool wat_type_field(wat *w);
/* What to do with the names of parameters. */
typedef enum wat_param_names {
    WAT_NAMES_NONE, /* refuse them */
    WAT_NAMES_SKIP, /* allow them */
    WAT_NAMES_BIND, /* and make the parameters the first locals */
} wat_param_names;
/* Type use: an index, written or implied. */
bool wat_typeuse(wat *w, wat_param_names names, uint32_t *out);
/* As wat_typeuse without names, in the encoding of a block type. */
bool wat_blocktype(wat *w, int64_t *out);
/* (local ...)*, behind the parameters; appends to local_types. */
bool wat_locals(wat *w);
bool wat_tabletype(wat *w, sl_buf *out);
bool wat_memtype(wat *w, sl_buf *out);
bool wat_globaltype(wat *w, sl_buf *out);
/* The optional i32 or i64 before limits: the flags it adds. */
uint8_t wat_addrtype(wat *w);

/* wat_instr.c: instructions up to a closing parenthesis that is theirs not. */
bool wat_instrs(wat *w, sl_buf *out);
/* One folded instruction. */
bool wat_folded(wat *w, sl_buf *out);

#endif
