/* What the files of this folder share: the decoder's state, one scope per
 * component or type being decoded, and the steps of decoding and validation,
 * which go hand in hand: an index space holds validated things only. */
#ifndef SL_COMPONENT_COMPONENT_INT_H
#define SL_COMPONENT_COMPONENT_INT_H

#include "base/map.h"
#include "base/reader.h"
#include "base/vec.h"
#include "component/component.h"
#include "component/names.h"

/* Limits on what one component may hold. */
#define SL_MAX_NAME        100000
#define SL_MAX_SECTION     (256U << 20) /* bytes; not of core:data */
#define SL_MAX_NESTED      1000 /* modules, components, instances, each */
#define SL_MAX_SEGMENTS    100000
#define SL_MAX_LABELS      10000 /* fields, cases */
#define SL_MAX_PARAMS      1000
#define SL_MAX_ITEMS       1000000 /* of any other index space */
#define SL_MAX_ARGS        100000
#define SL_MAX_DEPTH       100     /* of types and components */
#define SL_MAX_WEIGHT      1000000 /* of one type, counted as a tree */
#define SL_MAX_VALUE_BYTES (1U << 28)
#define SL_HEAP_PER_BYTE   64
#define SL_HEAP_FREE       (1U << 20)
#define SL_FUEL_PER_BYTE   16
#define SL_FUEL_FREE       4000000

/* --- Maps from addresses -------------------------------------------------- */

typedef struct sl_ptrmap {
    struct sl_ptrmap_slot {
        const void *key;
        const void *value;
    } * slots;
    size_t n, cap;
} sl_ptrmap;

/* The place of a key's value, added as NULL when `add`; NULL when it is not
 * there (or, adding, memory is short). Valid until the next addition. */
const void **sl_ptrmap_at(sl_ptrmap *map, const void *key, bool add);
void sl_ptrmap_deinit(sl_ptrmap *map);

/* --- The decoder ---------------------------------------------------------- */

typedef SL_VEC(const void *) sl_items;
typedef SL_VEC(const sl_type *) sl_types;
typedef SL_VEC(sl_extern) sl_externs;

/* --- Declared core types (rectype.c) -------------------------------------- */

typedef enum sl_comp_kind { SL_COMP_FUNC, SL_COMP_STRUCT, SL_COMP_ARRAY } sl_comp_kind;

typedef struct sl_field {
    sl_valtype type; /* or a packed type's code */
    bool mutable_;
} sl_field;

/* A type of a recursive group, in canonical form: equal types are one. */
typedef struct sl_deftype {
    sl_comp_kind kind;
    bool final;
    uint32_t number;                /* what references to it say */
    uint32_t depth;                 /* of supertypes above it */
    const struct sl_deftype *super; /* NULL: none */
    sl_functype func;               /* FUNC */
    uint32_t n_fields;              /* STRUCT; ARRAY: 1 */
    const sl_field *fields;
} sl_deftype;

typedef struct sl_rectypes {
    SL_VEC(sl_deftype *) types; /* by number */
    sl_map groups;              /* a group's key -> its first type's number */
} sl_rectypes;

/* The outermost component and what must be freed besides its arena. */
typedef struct sl_root {
    sl_component component; /* first: this is what callers hold */
    SL_VEC(sl_module *) modules;
} sl_root;

typedef struct sl_decoder {
    sl_root *root;
    uint32_t n_segments; /* defined so far, in all components */
    sl_arena *arena;
    sl_source *source;
    sl_features features;
    sl_core_features core;
    uint32_t max_depth;
    sl_err *err;
    uint64_t bytes;        /* of the input read so far: they pay for the heap */
    uint64_t scratch;      /* heap of the scopes being decoded */
    uint64_t fuel;         /* steps of comparing and substituting types left */
    sl_ptrmap export_maps; /* sl_externs or core exports -> sl_map */
    sl_rectypes rectypes;
    char path[96]; /* where a failure is: "component 2 > component 0" */
    bool path_cut; /* ... from further out than there was room for */
} sl_decoder;

/* An entry of the core type index space: a declared type or a module type. */
typedef struct sl_core_type {
    const sl_deftype *def;
    const sl_functype *func; /* a declared function type's own */
    const sl_type *module;
} sl_core_type;

/* An entry of the core instance index space. */
typedef struct sl_core_exports {
    uint32_t n;
    const sl_core_module_export *v;
} sl_core_exports;

typedef enum sl_scope_kind {
    SL_SCOPE_COMPONENT,
    SL_SCOPE_COMPONENT_TYPE,
    SL_SCOPE_INSTANCE_TYPE,
} sl_scope_kind;

/* The names of a component's imports or exports, an instance's exports, ... */
typedef struct sl_namespace {
    const char *what;      /* "import" or "export" */
    sl_map names;          /* canonical name -> index into `externs` */
    sl_map resources;      /* label of a resource -> 1 */
    sl_ptrmap resource_of; /* resource type -> its name (sl_name *) */
    sl_externs externs;
} sl_namespace;

/* A component, component type or instance type being decoded. Items of the
 * index spaces are, by sort: core func: sl_functype; core table, memory,
 * global, tag: sl_core_externtype; core type: sl_core_type; core instance:
 * sl_core_exports; core data: not looked at; all others: sl_type. */
typedef struct sl_scope {
    sl_scope_kind kind;
    struct sl_scope *parent;
    uint32_t depth;
    sl_component *component; /* of a SCOPE_COMPONENT, else NULL */
    sl_items items[SL_N_SORTS];
    sl_namespace imports, exports;
    sl_types imported, defined;           /* resources this scope binds */
    sl_ptrmap import_named, export_named; /* types with a visible name */
    SL_VEC(sl_def) defs;
    SL_VEC(sl_segment_def) segments;
    SL_VEC(bool) used; /* whether each value of a SCOPE_COMPONENT has been
                          consumed, as far as any was looked at */
    uint64_t scratch; /* its share of sl_decoder.scratch */
    uint32_t n_resources;
    sl_valtype context_type; /* of context.get and .set; 0: none yet */
} sl_scope;

/* --- scope.c -------------------------------------------------------------- */

void sl_scope_init(sl_scope *s, sl_scope_kind kind, sl_scope *parent);
void sl_scope_deinit(sl_decoder *d, sl_scope *s);
void sl_namespace_init(sl_namespace *ns, const char *what);
void sl_namespace_deinit(sl_namespace *ns);

/* n * size bytes in the arena, within the budget of sl_decoder.bytes. NULL
 * after recording SL_ENOMEM or SL_ELIMIT. */
void *sl_dec_alloc(sl_decoder *d, size_t n, size_t size);
#define sl_dec_new(d, T)      ((T *)sl_dec_alloc((d), 1, sizeof(T)))
#define sl_dec_array(d, T, n) ((T *)sl_dec_alloc((d), (n), sizeof(T)))
/* A copy of an array; NULL for none or after a failure. */
void *sl_dec_copy(sl_decoder *d, const void *from, size_t n, size_t size);
bool sl_dec_nomem(sl_decoder *d); /* records it; false */
static inline bool sl_dec_ok(const sl_decoder *d)
{
    return d->err->code == SL_OK;
}
/* Record a failure at the reader's place or at `at`; return false. */
bool sl_dec_invalid(sl_decoder *d, uint64_t at, const char *fmt, ...)
    SL_PRINTF(3, 4);
bool sl_dec_limit(sl_decoder *d, uint64_t at, const char *what);
/* False, with SL_EUNSUPPORTED, when the feature is off. */
bool sl_dec_gate(sl_decoder *d, uint64_t at, sl_feature feature,
                 const char *what);
static inline bool sl_dec_has(const sl_decoder *d, sl_feature feature)
{
    return (d->features & SL_FEATURE_BIT(feature)) != 0;
}
/* "invalid leading byte (0x3) for `what`", at the byte before. */
bool sl_dec_bad_byte(sl_reader *r, uint8_t byte, const char *what);
bool sl_dec_burn(sl_decoder *d, uint64_t at); /* one step of fuel */

/* Adds to an index space. False after a failure. */
bool sl_scope_add(sl_decoder *d, sl_scope *s, sl_sort sort, const void *item,
                  uint64_t at);
/* The item of an index, or NULL after "unknown ...: index out of bounds". */
const void *sl_scope_get(sl_decoder *d, const sl_scope *s, sl_sort sort,
                         uint32_t index, uint64_t at);
/* A new definition of a SCOPE_COMPONENT; in types a definition that goes
 * nowhere. NULL: no memory. */
sl_def *sl_scope_def(sl_decoder *d, sl_scope *s, sl_def_kind kind, sl_sort sort,
                     uint64_t at);
/* Wants a type of a kind: "type index 3 is not a function type". */
const sl_type *sl_scope_type(sl_decoder *d, const sl_scope *s, uint32_t index,
                             sl_type_kind kind, uint64_t at);
/* The export of that name, by a map when there are many; NULL: none. */
const sl_extern *sl_find_export(sl_decoder *d, const sl_type *instance,
                                sl_name name);
const sl_core_module_export *
sl_find_core_export(sl_decoder *d, const sl_core_exports *from, sl_name name);
/* u32 count of a vec whose elements take at least one byte, and a limit. */
uint32_t sl_dec_count(sl_decoder *d, sl_reader *r, uint32_t max,
                      const char *what);
sl_name sl_dec_name(sl_decoder *d, sl_reader *r);

/* --- deftype.c: value, function, component and instance types ------------- */

bool sl_decode_type(sl_decoder *d, sl_scope *s, sl_reader *r);
/* A valtype; NULL after a failure. */
const sl_type *sl_decode_valtype(sl_decoder *d, sl_scope *s, sl_reader *r);
/* 0x00 t | 0x01 0x00: NULL may be "none" or a failure. */
const sl_type *sl_decode_result(sl_decoder *d, sl_scope *s, sl_reader *r);
/* Completes a type: layout, flags, limits. NULL after a failure. */
const sl_type *sl_finish(sl_decoder *d, sl_type *type, uint64_t at);
/* Sums up a COMPONENT or INSTANCE type. */
const sl_type *sl_finish_externs(sl_decoder *d, sl_type *type, uint64_t at);
/* Gives a COMPONENT or INSTANCE type the imports, exports and resources of a
 * scope, and sums it up. */
bool sl_scope_take(sl_decoder *d, sl_scope *s, sl_type *type, uint64_t at);
/* Which value it is: one of a type, of which no more is known. */
const sl_type *sl_fresh_value(sl_decoder *d, const sl_type *type, uint64_t at);
/* A fresh abstract resource. */
const sl_type *sl_fresh_resource(sl_decoder *d, sl_name name);
/* A further name for a type: what an import or export of it introduces. */
const sl_type *sl_rename(sl_decoder *d, const sl_type *type);

/* --- coretype.c ----------------------------------------------------------- */

bool sl_decode_core_type(sl_decoder *d, sl_scope *s, sl_reader *r);
/* The CORE_MODULE type of a decoded module. */
const sl_type *sl_module_type(sl_decoder *d, const sl_module *module,
                              uint64_t at);

/* --- rectype.c: declared core types --------------------------------------- */

/* A value type that may name types of the space (of sl_core_type). */
bool sl_decode_core_valtype(sl_decoder *d, const sl_items *space, sl_reader *r,
                            sl_valtype *out);
/* core:rectype, of which `form` was read: the numbers of the `n` types it adds
 * to the space begin at `first`. */
bool sl_decode_rectype(sl_decoder *d, const sl_items *space, sl_reader *r,
                       uint8_t form, uint32_t *first, uint32_t *n);
void sl_rectypes_deinit(sl_rectypes *all);
bool sl_core_is_ref(sl_valtype t);
/* Core specification, "Validation / Matching". `all` NULL: a declared type
 * matches only itself. */
bool sl_core_valtype_matches(const sl_rectypes *all, sl_valtype have,
                             sl_valtype want);
bool sl_core_functype_matches(const sl_functype *have, const sl_functype *want);

/* --- extern.c: imports, exports, names, visibility ------------------------ */

bool sl_decode_import(sl_decoder *d, sl_scope *s, sl_reader *r);
bool sl_decode_export(sl_decoder *d, sl_scope *s, sl_reader *r);
bool sl_decode_exportdecl(sl_decoder *d, sl_scope *s, sl_reader *r);
/* A sort: its byte, and one more behind a core sort's 0x00. */
bool sl_read_sort_bytes(sl_reader *r, uint8_t bytes[2]);
int sl_sort_of_bytes(const sl_decoder *d, const uint8_t bytes[2]); /* or -1 */
/* The sort of what can be imported or exported; `what` for the message. */
bool sl_decode_sort(sl_decoder *d, sl_reader *r, const char *what,
                    sl_sort *out);
/* nameattributes: the name and the attributes of `out`. */
bool sl_decode_extern_name(sl_decoder *d, sl_reader *r, sl_extern *out);
/* What to add about a conflict of two names: whether it is hyphens that do not
 * count. */
const char *sl_hyphens_text(const sl_decoder *d, sl_name a, sl_name b);
/* Adds a name to a namespace after all the checks that names need. */
bool sl_add_extern(sl_decoder *d, sl_namespace *ns, sl_extern ext,
                   uint64_t at);
/* The type of an item as it would be imported or exported. */
bool sl_item_externtype(sl_decoder *d, const sl_scope *s, sl_sortidx item,
                        uint64_t at, sl_externtype *out);

/* --- instance.c ----------------------------------------------------------- */

bool sl_decode_core_instance(sl_decoder *d, sl_scope *s, sl_reader *r);
bool sl_decode_instance(sl_decoder *d, sl_scope *s, sl_reader *r);
bool sl_decode_alias(sl_decoder *d, sl_scope *s, sl_reader *r);

/* --- valuedef.c: values and start ----------------------------------------- */

bool sl_decode_value(sl_decoder *d, sl_scope *s, sl_reader *r);
bool sl_decode_start(sl_decoder *d, sl_scope *s, sl_reader *r);
/* Binary.md "Start Definitions": an export, an argument or a start uses the
 * item up, if it is a value. */
bool sl_use_value(sl_decoder *d, sl_scope *s, sl_sortidx item, uint64_t at);
/* At the end of a component: every value has been used. */
bool sl_check_used(sl_decoder *d, sl_scope *s, uint64_t at);

/* --- canondef.c ----------------------------------------------------------- */

bool sl_decode_canon(sl_decoder *d, sl_scope *s, sl_reader *r);

/* --- match.c -------------------------------------------------------------- */

/* In a map from types to types: "make a fresh one when it is met". */
extern const sl_type sl_make_fresh;

/* A substitution: types by address, and what stands for them. */
typedef struct sl_subst {
    sl_decoder *d;
    sl_ptrmap map;
    sl_types *fresh; /* gets the resources made for sl_make_fresh */
    uint64_t at;
} sl_subst;

const sl_type *sl_substitute(sl_subst *subst, const sl_type *type);
/* An instance type as that of an instance which exists: the resources it binds
 * become fresh ones, added to `fresh`. */
const sl_type *sl_open_instance(sl_decoder *d, const sl_type *type,
                                sl_types *fresh, uint64_t at);

typedef struct sl_matcher {
    sl_decoder *d;   /* fuel; may be NULL */
    uint64_t fuel;   /* when there is no decoder */
    sl_ptrmap *have; /* what stands for types of either side; may be NULL. */
    sl_ptrmap *want; /* NULL as a value: a resource still to be bound */
    bool loose;      /* abstract resources of `want` bind when first met */
    char msg[SL_ERR_MSG_MAX];
} sl_matcher;

/* Explainer.md "Type Checking"; m->msg says why not. */
bool sl_match_extern(sl_matcher *m, const sl_externtype *have,
                     const sl_externtype *want);
bool sl_match_core(sl_matcher *m, const sl_core_externtype *have,
                   const sl_core_externtype *want);
/* Value types; they match when they are equal. */
bool sl_match_valtype(sl_matcher *m, const sl_type *have, const sl_type *want);

#endif
