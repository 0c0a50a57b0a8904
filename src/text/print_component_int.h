/* What the files of the component printer share. The printer reads the binary
 * alone, so that it prints invalid components as well. */
#ifndef SL_TEXT_PRINT_COMPONENT_INT_H
#define SL_TEXT_PRINT_COMPONENT_INT_H

#include "base/reader.h"
#include "text/component_int.h"

/* A value type's encoding. */
typedef struct sl_pc_known {
    uint32_t index;
    sl_name bytes;
    const struct sl_pc_scope *scope; /* that the indices in it belong to */
} sl_pc_known;

/* Index spaces as they grow, and the names of a component-name section. */
typedef struct sl_pc_scope {
    struct sl_pc_scope *outer;
    uint32_t count[SL_N_SORTS];
    SL_VEC(sl_ct_name) names[SL_N_SORTS]; /* by ascending index, unique */
    SL_VEC(sl_pc_known) known;            /* the same */
} sl_pc_scope;

typedef struct sl_pc {
    sl_buf *out;
    sl_err *err;
    sl_pc_scope *scope;
    unsigned indent, depth;
} sl_pc;

void sl_pc_text(sl_pc *p, const char *text);
void sl_pc_line(sl_pc *p); /* begins a line at the indentation */
/* A string literal: names keep their UTF-8, data is escaped to ASCII. */
void sl_pc_string(sl_pc *p, sl_name name);
void sl_pc_bytes(sl_pc *p, const uint8_t *bytes, size_t len);
/* The same, a line per 64 bytes if there are more. */
void sl_pc_byte_lines(sl_pc *p, const uint8_t *bytes, size_t len);
/* Every level of nesting passes here; false: too deep. */
bool sl_pc_enter(sl_pc *p, sl_reader *r);

/* An index as text: $name or a number. */
void sl_pc_index(sl_pc *p, sl_sort sort, uint32_t index);
/* " $name (;index;)" of the next index of the sort, which is taken. False: it
 * has no name. */
bool sl_pc_bind(sl_pc *p, sl_sort sort);
/* "core func" */
void sl_pc_sort(sl_pc *p, sl_sort sort);
/* Reads a sort; `core`: a core:sort. SL_N_SORTS after a failure. */
sl_sort sl_pc_read_sort(sl_pc *p, sl_reader *r, bool core);
/* Reads and prints nameattributes. */
void sl_pc_externname(sl_pc *p, sl_reader *r);
/* An alias without its parentheses. */
void sl_pc_alias(sl_pc *p, sl_reader *r);

/* print_component_value.c: the next type is this value type's encoding, or the
 * same as one of another scope's. */
void sl_pc_know(sl_pc *p, const uint8_t *bytes, size_t len);
void sl_pc_know_same(sl_pc *p, const sl_pc_scope *from, uint32_t index);
/* " T V": valtype and value, as a literal if it is one of a known type. */
void sl_pc_value(sl_pc *p, sl_reader *r, bool named);

/* print_component_type.c */
void sl_pc_valtype(sl_pc *p, sl_reader *r);
/* Behind what a value's own $name would be: unless it has one, the $name of a
 * type would be taken for that. */
void sl_pc_valtype_of(sl_pc *p, sl_reader *r, bool named);
void sl_pc_deftype(sl_pc *p, sl_reader *r);
void sl_pc_result_list(sl_pc *p, sl_reader *r);
/* "(sort $id (;i;) type)" */
void sl_pc_externtype(sl_pc *p, sl_reader *r, bool binds);
/* A whole core type field, `core` in front where a component needs it. */
void sl_pc_core_type(sl_pc *p, sl_reader *r, bool core);

#endif
