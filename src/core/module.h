/* A core module as the file says it: decoded and validated once, in an arena,
 * then read-only and shareable between threads and stores.
 * Core specification, "Structure / Modules". */
#ifndef SL_CORE_MODULE_H
#define SL_CORE_MODULE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/map.h"
#include "base/name.h"

/* A value type: the binary format's code in the low byte. The upper bits are
 * zero for all types of core modules; in types of components they may name a
 * heap type (component/rectype.c). */
typedef uint32_t sl_valtype;
enum {
    SL_I32 = 0x7f,
    SL_I64 = 0x7e,
    SL_F32 = 0x7d,
    SL_F64 = 0x7c,
    SL_V128 = 0x7b,
    SL_FUNCREF = 0x70,
    SL_EXTERNREF = 0x6f,
    SL_EXNREF = 0x69,
};

static inline bool sl_valtype_is_ref(sl_valtype t)
{
    return t == SL_FUNCREF || t == SL_EXTERNREF || t == SL_EXNREF;
}
const char *sl_valtype_text(sl_valtype t); /* "i32" */

typedef struct sl_functype {
    uint32_t n_params, n_results;
    const sl_valtype *types; /* the parameters, then the results */
    /* In types of components, the declaration of one that is not final, has a
     * supertype or names its own group; equal types have the same one. */
    const struct sl_deftype *def;
} sl_functype;

static inline const sl_valtype *sl_functype_results(const sl_functype *t)
{
    return t->types + t->n_params;
}
bool sl_functype_eq(const sl_functype *a, const sl_functype *b);

typedef struct sl_limits {
    uint64_t min, max; /* pages or elements; max is valid with has_max */
    bool has_max, is64, shared;
} sl_limits;

/* The type of addresses, sizes and offsets. */
static inline sl_valtype sl_limits_addr(const sl_limits *limits)
{
    return limits->is64 ? SL_I64 : SL_I32;
}

typedef struct sl_tabletype {
    sl_valtype elem;
    sl_limits limits;
} sl_tabletype;

typedef struct sl_memtype {
    sl_limits limits; /* pages of 64 KiB */
} sl_memtype;

typedef struct sl_globaltype {
    sl_valtype type;
    bool mutable_;
} sl_globaltype;

typedef enum sl_core_kind { /* the codes of core externtype */
                            SL_CORE_FUNC = 0,
                            SL_CORE_TABLE = 1,
                            SL_CORE_MEMORY = 2,
                            SL_CORE_GLOBAL = 3,
                            SL_CORE_TAG = 4,
                            SL_CORE_DATA = 5, /* imports alone; provisional:
                                                 docs/data-segments.md, 8 */
} sl_core_kind;
#define SL_N_CORE_KINDS (SL_CORE_DATA + 1)
const char *sl_core_kind_text(sl_core_kind kind); /* "func", "table", ... */

/* The type of an import or export. */
typedef struct sl_core_externtype {
    sl_core_kind kind;
    union {
        const sl_functype *func; /* also a tag's; data has no type */
        sl_tabletype table;
        sl_memtype memory;
        sl_globaltype global;
    } of;
} sl_core_externtype;

/* Core specification, "Matching": may a value of type `have` be supplied
 * where `want` is asked for? For memories and tables of declared types. */
bool sl_core_externtype_matches(const sl_core_externtype *have,
                                const sl_core_externtype *want);

typedef struct sl_core_import {
    sl_name module, field;
    sl_core_externtype type;
    uint32_t index; /* in the index space of its kind */
} sl_core_import;

typedef struct sl_core_export {
    sl_name name;
    sl_core_kind kind;
    uint32_t index;
} sl_core_export;

/* A constant expression: validated bytes, the final `end` included. */
typedef struct sl_constexpr {
    const uint8_t *code;
    uint32_t len;
} sl_constexpr;

typedef struct sl_func {
    uint32_t type;       /* index into types */
    const uint8_t *body; /* local declarations and instructions; NULL: import */
    uint32_t body_len;
    uint64_t at; /* offset of `body` in the file, for messages */
} sl_func;

typedef struct sl_table_def {
    sl_tabletype type;
    sl_constexpr init; /* .code NULL: null references */
} sl_table_def;

typedef struct sl_global_def {
    sl_globaltype type;
    sl_constexpr init; /* .code NULL: an import */
} sl_global_def;

typedef enum sl_segment_mode {
    SL_SEGMENT_PASSIVE,
    SL_SEGMENT_ACTIVE,
    SL_SEGMENT_DECLARATIVE, /* element segments only */
    SL_SEGMENT_IMPORTED,    /* data segments only: no bytes here */
} sl_segment_mode;

typedef struct sl_elem {
    sl_segment_mode mode;
    sl_valtype type;
    uint32_t table; /* active: the table and the place in it */
    sl_constexpr offset;
    uint32_t n;
    const uint32_t *funcs;     /* n function indices, or NULL: */
    const sl_constexpr *exprs; /* n expressions */
} sl_elem;

typedef struct sl_data {
    sl_segment_mode mode;
    uint32_t memory;
    sl_constexpr offset;
    const uint8_t *bytes;
    uint64_t len;
} sl_data;

typedef struct sl_module {
    sl_arena arena;
    const uint8_t *bytes; /* the whole module, borrowed for its life */
    size_t len;
    uint64_t origin; /* offset of `bytes` in the file, for messages */

    uint32_t n_types;
    const sl_functype *types;
    uint32_t n_imports;
    const sl_core_import *imports;
    uint32_t n_exports;
    const sl_core_export *exports;
    sl_map export_map; /* name -> index into exports */

    /* Index spaces; the imports come first. */
    uint32_t n_funcs, n_imported_funcs;
    sl_func *funcs;
    uint32_t n_tables, n_imported_tables;
    const sl_table_def *tables;
    uint32_t n_memories, n_imported_memories;
    const sl_memtype *memories;
    uint32_t n_globals, n_imported_globals;
    const sl_global_def *globals;
    uint32_t n_tags, n_imported_tags;
    const uint32_t *tags; /* type indices */

    bool has_start;
    uint32_t start;
    uint32_t n_elems;
    const sl_elem *elems;
    uint32_t n_datas, n_imported_datas;
    const sl_data *datas;

    sl_name name;              /* from the name section; .data may be NULL */
    const sl_name *func_names; /* n_funcs entries, .data NULL where unknown;
                                  NULL when there is no name section */
} sl_module;

/* Features of core WebAssembly beyond 2.0 that can be gated. simd and gc are
 * not built: what they stand for is refused with SL_EUNSUPPORTED in any case,
 * as is what belongs to a feature that is off. Of threads there is the type of
 * shared memories, which cannot be made. NULL where one is asked for:
 * sl_core_features_usual. */
typedef struct sl_core_features {
    bool simd, multi_memory, memory64, tail_call, exceptions, gc;
    bool extended_const, threads;
    bool data_imports; /* gate `core-data`: docs/data-segments.md, section 8 */
} sl_core_features;
/* All that is built, but for data imports; the same without multi_memory. */
extern const sl_core_features sl_core_features_all, sl_core_features_usual;

/* Decodes and validates a whole module. `bytes` must outlive the module and
 * are never written to. `origin` is added to the offsets in messages.
 * NULL on failure: SL_EMALFORMED, SL_EINVALID, SL_EUNSUPPORTED (a proposal we
 * do not have), SL_ELIMIT (core_int.h's implementation limits), SL_ENOMEM. */
sl_module *sl_module_decode(const uint8_t *bytes, size_t len, uint64_t origin,
                            const sl_core_features *features, sl_err *err);
void sl_module_free(sl_module *module); /* NULL is fine */

/* The export of that name, or NULL. */
const sl_core_export *sl_module_export(const sl_module *module, sl_name name);
/* The type of an export or of any item of an index space. */
sl_core_externtype sl_module_item_type(const sl_module *module,
                                       sl_core_kind kind, uint32_t index);

#endif
