/* What the files of the component text parser and printer share.
 * Explainer.md "Grammar"; Binary.md.
 *
 * The parser writes the bytes of a definition behind whatever is being written
 * already (`out`, a stack of unfinished definitions) and then moves them to
 * the scope they belong to. So sugar needs no second pass: an inline type or
 * alias met in the middle of a definition is written, moved and named before
 * the definition around it is finished. */
#ifndef SL_TEXT_COMPONENT_INT_H
#define SL_TEXT_COMPONENT_INT_H

#include "base/buf.h"
#include "base/map.h"
#include "base/vec.h"
#include "component/types.h"
#include "text/lexer.h"
#include "text/text.h"

/* Nesting of components, types and values in text. */
#define SL_CT_MAX_DEPTH 200

/* A sort's word and code; core sorts stand behind `core` and 0x00. */
typedef struct sl_ct_sort {
    const char *word;
    uint8_t code;
    bool core;
} sl_ct_sort;
extern const sl_ct_sort sl_ct_sorts[SL_N_SORTS];

/* Primitive value types: word and code, the word NULL at the end. */
typedef struct sl_ct_word {
    const char *word;
    uint8_t code;
} sl_ct_word;
extern const sl_ct_word sl_ct_primitives[];
/* Abstract heap types of core wasm: "func", and whose nullable reference has
 * the shorthand "funcref". */
typedef struct sl_ct_heap {
    const char *word, *shorthand;
    uint8_t code;
} sl_ct_heap;
extern const sl_ct_heap sl_ct_heaps[];

/* Canonical options; `sort` of the index behind the word, or SL_N_SORTS. The
 * word is NULL at the end. */
typedef struct sl_ct_option {
    const char *word;
    uint8_t code;
    sl_sort sort;
} sl_ct_option;
extern const sl_ct_option sl_ct_options[];

/* Section numbers name the kinds of definition. */
typedef enum sl_ct_kind {
    SL_CT_CUSTOM = 0,
    SL_CT_CORE_MODULE = 1,
    SL_CT_CORE_INSTANCE = 2,
    SL_CT_CORE_TYPE = 3,
    SL_CT_COMPONENT = 4,
    SL_CT_INSTANCE = 5,
    SL_CT_ALIAS = 6,
    SL_CT_TYPE = 7,
    SL_CT_CANON = 8,
    SL_CT_START = 9,
    SL_CT_IMPORT = 10,
    SL_CT_EXPORT = 11,
    SL_CT_VALUE = 12,
    SL_CT_DATA = 13,
    SL_CT_N_KINDS,
} sl_ct_kind;

/* --- Scopes (component_scope.c) ------------------------------------------- */

typedef enum sl_ct_scope_kind {
    SL_CT_IN_COMPONENT,
    SL_CT_IN_COMPONENT_TYPE,
    SL_CT_IN_INSTANCE_TYPE,
    SL_CT_IN_MODULE_TYPE,
} sl_ct_scope_kind;

/* A name for the component-name section. */
typedef struct sl_ct_name {
    sl_sort sort;
    uint32_t index;
    sl_name name;
} sl_ct_name;

/* The row with an index, of rows by ascending index that begin with it as a
 * uint32_t; NULL: there is none. */
const void *sl_ct_find_index(const void *rows, size_t n, size_t size,
                             int64_t index);

/* The encoding of a type that later text may want to look at: function types
 * of a module type, value types for value definitions. */
typedef struct sl_ct_known {
    uint32_t index;
    sl_name bytes;
    const struct sl_ct_scope *scope; /* that the indices in it belong to */
} sl_ct_known;

typedef struct sl_ct_scope {
    struct sl_ct_scope *outer;
    sl_ct_scope_kind kind;
    sl_name id;
    uint32_t count[SL_N_SORTS];
    sl_map ids[SL_N_SORTS];     /* bound by definitions */
    sl_map implied[SL_N_SORTS]; /* made by implicit outer aliases; a later
                                   definition of that name goes first */
    SL_VEC(sl_ct_name) names;
    SL_VEC(sl_ct_known) known; /* by ascending index */
    sl_buf done;  /* component: header and finished sections */
    sl_buf items; /* the open section's, or the type's declarations */
    sl_ct_kind open;
    uint32_t n_items;
} sl_ct_scope;

typedef struct sl_ct {
    sl_cursor *c;
    sl_ct_scope *scope;
    const sl_ct_scope *types; /* of the value that is being parsed */
    sl_buf out; /* unfinished definitions, innermost last */
    unsigned depth;
} sl_ct;

void sl_ct_push(sl_ct *p, sl_ct_scope *scope, sl_ct_scope_kind kind,
                sl_name id);
void sl_ct_pop(sl_ct *p);
/* Every level of nesting passes here. */
bool sl_ct_enter(sl_ct *p);
static inline bool sl_ct_leave(sl_ct *p, bool ok)
{
    p->depth--;
    return ok;
}

static inline size_t sl_ct_mark(const sl_ct *p)
{
    return p->out.len;
}
/* Puts a vec's length in front of the elements written since `mark`. */
void sl_ct_count(sl_ct *p, size_t mark, uint32_t n);
/* Moves what was written since `mark` to the scope: a definition. */
bool sl_ct_define(sl_ct *p, sl_ct_kind kind, size_t mark);
/* A section with contents of its own (a module, a component). */
bool sl_ct_section(sl_ct *p, sl_ct_kind kind, const sl_buf *body);
/* The next index of the sort, bound to the id unless that is empty. */
bool sl_ct_add(sl_ct *p, sl_sort sort, sl_name id, uint32_t *out);
/* Ends the component: the last section, then the component-name section. */
bool sl_ct_finish(sl_ct *p);

/* A definition that adds one index. */
bool sl_ct_define_as(sl_ct *p, sl_ct_kind kind, size_t mark, sl_sort sort,
                     sl_name id, uint32_t *out);

/* References: "idx" is a number or $id, "ref" also `(sort idx "name"*)`. */
bool sl_ct_at_index(const sl_cursor *c, size_t ahead);
bool sl_ct_index(sl_ct *p, sl_sort sort, uint32_t *out);
bool sl_ct_ref(sl_ct *p, sl_sort sort, uint32_t *out);
/* What stands behind the sort's word: `idx "name"*`. */
bool sl_ct_ref_tail(sl_ct *p, sl_sort sort, uint32_t *out);
/* `(sort idx "name"*)` of any sort; `core` says that the sorts are core ones
 * even without the word. */
bool sl_ct_any_ref(sl_ct *p, bool core, sl_sort *sort, uint32_t *out);
/* The words of a sort, `core` among them. */
bool sl_ct_take_sort(sl_ct *p, bool core, sl_sort *sort);
/* Takes `core`, if it is there, and the sort's word; the latter must be. */
bool sl_ct_expect_sort(sl_ct *p, sl_sort sort);
void sl_ct_put_sort(sl_buf *out, sl_sort sort);
bool sl_ct_is_core_export(sl_sort sort);

/* A bound name of this scope or of one around it, without consequences:
 * false when there is none. */
bool sl_ct_lookup(const sl_ct *p, sl_sort sort, sl_name id, uint32_t *depth,
                  uint32_t *index);
bool sl_ct_resolve(sl_ct *p, sl_sort sort, sl_name id, uint32_t at,
                   uint32_t *out);

/* Behind `(alias`: to the end of the form. `inverted`: the sort and the id
 * are known already. */
bool sl_ct_alias(sl_ct *p);
bool sl_ct_alias_as(sl_ct *p, sl_sort sort, sl_name id, uint32_t *out);

/* A quoted name into the output; any name is fine here. */
bool sl_ct_put_name(sl_ct *p);
/* The code of the attribute that stands here; -1: none does. */
int sl_ct_attribute(const sl_cursor *c);
/* "name" and its attributes. */
bool sl_ct_externname(sl_ct *p);

/* The type of that index, if it is known. */
const sl_ct_known *sl_ct_known_type(const sl_ct_scope *scope, int64_t index);
/* The next type is one of another scope's, or of this one. */
bool sl_ct_know_same(sl_ct *p, const sl_ct_scope *from, uint32_t index);

/* --- Types (component_type.c, component_core_type.c) -----------------------
 */

bool sl_ct_valtype(sl_ct *p);
/* The type behind `(type $id?`, up to the closing parenthesis. */
bool sl_ct_deftype(sl_ct *p, sl_name id);
/* `async? param* result?`, defined as a type of its own. */
bool sl_ct_functype(sl_ct *p, uint32_t *out);
/* `(type X)`, or else the rest of an inline type, defined. */
bool sl_ct_typeuse(sl_ct *p, sl_sort sort, uint32_t *out);
bool sl_ct_at_typeuse(const sl_cursor *c);
/* What stands behind `(sort $id?` in an import or export, written as an
 * externtype, up to the closing parenthesis. */
bool sl_ct_externtype_body(sl_ct *p, sl_sort sort);
bool sl_ct_externtype(sl_ct *p, sl_sort *sort, sl_name *id);
/* A core type field, behind `(core type` or `(core rec`. */
bool sl_ct_core_type(sl_ct *p);
bool sl_ct_core_rec(sl_ct *p);
/* The declarations of a module type, defined as a core type. */
bool sl_ct_module_type(sl_ct *p, uint32_t *out);
bool sl_ct_core_valtype(sl_ct *p);
bool sl_ct_result_list(sl_ct *p);

/* --- canon (component_canon.c), data and values (component_data.c) ---------
 */

/* Behind `(canon`: the definition, to its closing parenthesis. */
bool sl_ct_canon(sl_ct *p);
/* The body `(canon ...)` of a func (of this type) or a core func. */
bool sl_ct_canon_lift(sl_ct *p, uint32_t type, sl_name id, uint32_t *out);
bool sl_ct_canon_core(sl_ct *p, sl_name id, uint32_t *out);
/* Behind `(core data $id?`: written, up to the closing parenthesis. */
bool sl_ct_data(sl_ct *p);
/* Behind `(value $id?`: written, up to the closing parenthesis. */
bool sl_ct_value(sl_ct *p);

#endif
