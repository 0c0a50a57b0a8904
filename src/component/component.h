/* A component as the file says it. The validator's index spaces *are* the run
 * time's: `defs` lists the definitions in order, each with the index it takes,
 * and instantiation replays them without recounting.
 * Binary.md; docs/data-segments.md for core:data. */
#ifndef SL_COMPONENT_COMPONENT_H
#define SL_COMPONENT_COMPONENT_H

#include "base/arena.h"
#include "base/err.h"
#include "base/source.h"
#include "component/types.h"
#include "component/value.h"
#include "core/module.h"

typedef struct sl_component sl_component;

#define SL_NO_INDEX UINT32_MAX

/* --- canon (rows in canon.def) -------------------------------------------- */

typedef enum sl_canon_kind {
#define CANON(id, code, text, immediates, signature, feature) SL_CANON_##id,
#include "component/canon.def"
#undef CANON
    SL_N_CANONS,
} sl_canon_kind;

typedef enum sl_feature { /* the gates of Explainer.md, and ours */
    SL_FEATURE_NONE,      /* always on */
    SL_FEATURE_ASYNC,     /* on */
    SL_FEATURE_DATA,      /* on: core:data and canon data.* */
    SL_FEATURE_RESOURCES, /* resource types, own, borrow, resource.* */
    SL_FEATURE_THREADS,   /* thread.* */
    SL_FEATURE_ERROR_CONTEXT,
    SL_FEATURE_VALUES,    /* value imports and start */
    SL_FEATURE_MAP,
    SL_FEATURE_FIXED_LISTS,
    SL_FEATURE_MEMORY64,
    SL_FEATURE_ATTRIBUTES, /* implements, external-id, versionsuffix */
    SL_FEATURE_GC,
    SL_FEATURE_FORWARD,    /* stream.forward, future.forward */
    SL_FEATURE_CANCELLABLE, /* the immediate of waits and thread.* */
    SL_FEATURE_HYPHENS,     /* names may differ in hyphens alone */
    SL_FEATURE_EAGER_DROP,  /* idle ends learn of a drop by an event */
    SL_FEATURE_CORE_DATA,   /* core modules may import data */
    SL_N_FEATURES,
} sl_feature;
typedef uint64_t sl_features; /* bit per sl_feature */
#define SL_FEATURE_BIT(f) (UINT64_C(1) << (f))
const char *sl_feature_text(sl_feature feature); /* "resources" */
/* What this runtime runs today. */
sl_features sl_features_default(void);

typedef struct sl_canon_row {
    uint8_t code;
    const char *text;      /* "stream.read" */
    const char *imms;      /* letters, explained in canon.def */
    const char *signature; /* core signature; NULL: computed */
    sl_feature feature;
} sl_canon_row;
extern const sl_canon_row sl_canons[SL_N_CANONS];

typedef enum sl_string_encoding {
    SL_UTF8,
    SL_UTF16,
    SL_LATIN1_UTF16,
} sl_string_encoding;

typedef struct sl_canon_opts {
    sl_string_encoding encoding;
    uint32_t memory, realloc, post_return, callback; /* SL_NO_INDEX: absent */
    uint32_t core_type; /* with gc alone; SL_NO_INDEX: absent */
    bool async_;
    bool gc; /* values as garbage-collected objects: cannot run */
    bool is64; /* the memory has 64-bit addresses */
} sl_canon_opts;

typedef struct sl_canon {
    sl_canon_kind kind;
    sl_canon_opts opts;
    uint32_t func;          /* lift: core func index; lower: func index */
    const sl_type *type;    /* lift, lower: the FUNC; stream.*, future.*: the
                               STREAM or FUTURE; resource.*: the RESOURCE;
                               task.return: the result, may be NULL */
    const sl_functype *core; /* of the core function it makes (all but lift) or
                                takes (lift): flattened, with the options */
    uint32_t data;          /* data.*: segment index */
    uint32_t slot;          /* context.*: which slot */
    uint32_t memory;        /* waitable-set.wait, .poll */
    uint32_t table;         /* thread.new-indirect */
    sl_valtype core_type;   /* data.*, context.*: I32 or I64 */
    bool async_, cancellable;
} sl_canon;

/* --- Segments ------------------------------------------------------------- */

typedef enum sl_segment_form {
    SL_SEGMENT_INLINE,
    SL_SEGMENT_EXTERNAL,
} sl_segment_form;

enum { SL_CHUNK_LOG_MIN = 12, SL_CHUNK_LOG_MAX = 30 };

/* One step of a load plan: a range that will probably be read next. */
typedef struct sl_plan_step {
    uint32_t segment; /* below the plan's n_names: the import of that name; else
                         n_names more than the ordinal of a definition */
    uint64_t start, len;
} sl_plan_step;
typedef struct sl_load_plan {
    uint32_t n_names; /* of imports of core data; names may be any */
    const sl_name *names;
    uint32_t n;
    const sl_plan_step *steps;
} sl_load_plan;
#define SL_MAX_LOADS      65536 /* steps */
#define SL_MAX_LOAD_NAMES 4096
/* A custom section of the outermost component: version 1 is a vec of steps, in
 * front of which version 2 has a vec of names. docs/data-segments.md, "Load
 * plans". */
#define SL_LOAD_PLAN_SECTION "load-plan"
enum { SL_LOAD_PLAN_PLAIN = 1, SL_LOAD_PLAN_NAMES = 2 };

/* One core:data definition: where its bytes are. Decoding reads none of them,
 * and keeps no table of chunks. docs/data-segments.md, section 2. */
typedef struct sl_segment_def {
    sl_segment_form form;
    uint32_t ordinal; /* among all definitions in the outermost component's
                         file, in the order of their places */
    uint64_t size;   /* bytes of content */
    uint64_t offset; /* in the component's source: of the first payload byte
                        (inline) or of the first table entry (external) */
    /* External: */
    sl_name reference;   /* relative, good (component/reference.h) */
    uint64_t table_size; /* bytes of the table's n_chunks entries: a digest
                            each; with zstd the frame's length (LEB128) first */
    uint32_t n_chunks;
    uint8_t chunk_log; /* 2^chunk_log bytes of content in a chunk */
    bool zstd;
} sl_segment_def;

/* --- Definitions ---------------------------------------------------------- */

typedef struct sl_sortidx {
    sl_sort sort;
    uint32_t index;
} sl_sortidx;

typedef struct sl_arg { /* `with`, or an inline export */
    sl_name name;
    sl_sortidx item;
} sl_arg;

typedef enum sl_def_kind {
    SL_DEF_CORE_MODULE,
    SL_DEF_CORE_INSTANCE,
    SL_DEF_CORE_TYPE,
    SL_DEF_COMPONENT,
    SL_DEF_INSTANCE,
    SL_DEF_ALIAS_EXPORT,
    SL_DEF_ALIAS_CORE_EXPORT,
    SL_DEF_ALIAS_OUTER,
    SL_DEF_TYPE, /* a resource definition when type->kind is RESOURCE */
    SL_DEF_CANON,
    SL_DEF_IMPORT,
    SL_DEF_EXPORT,
    SL_DEF_DATA,
    SL_DEF_VALUE,
    SL_DEF_START,
} sl_def_kind;

typedef struct sl_def {
    sl_def_kind kind;
    uint64_t at;      /* offset of the definition in the source */
    sl_sortidx makes; /* the index it adds; an export adds one too, a start
                         one for its result, if it has one */
    union {
        const sl_module *module;       /* CORE_MODULE */
        const sl_component *component; /* COMPONENT */
        struct { /* CORE_INSTANCE, INSTANCE */
            bool instantiates; /* else: a synthesised instance of `args` */
            uint32_t index;    /* of the module or component */
            uint32_t n;
            const sl_arg *args;
            const sl_type *type; /* INSTANCE: its instance type */
            /* CORE_INSTANCE that instantiates: import i of the module is the
             * export args[import_args[i]] -> field of that name. */
            const uint32_t *import_args;
        } instance;
        struct { /* ALIAS_EXPORT, ALIAS_CORE_EXPORT */
            uint32_t instance;
            sl_name name;
        } alias;
        struct { /* ALIAS_OUTER; 0 = this component */
            uint32_t count, index;
        } outer;
        struct { /* TYPE */
            const sl_type *type;
            uint32_t dtor; /* RESOURCE: core func or SL_NO_INDEX */
        } type;
        sl_canon canon;
        struct { /* IMPORT: item n of the component's imports */
            uint32_t import;
        } import;
        struct { /* EXPORT: item n of the component's exports */
            uint32_t export_;
            sl_sortidx item;
        } export_;
        uint32_t segment; /* DATA: index into segments */
        const sl_type *value; /* VALUE: a constant */
        struct {              /* START */
            uint32_t func;
            uint32_t n;
            const uint32_t *args;  /* indices of values */
            const sl_type *result; /* a VALUE; NULL: none */
        } start;
    } of;
} sl_def;

struct sl_component {
    sl_arena arena; /* used in the outermost component only; nested ones and
                       all types live in it */
    sl_source *source; /* the outermost component's; segments point into it */
    const sl_component *parent; /* NULL: outermost */
    sl_features features;       /* it was decoded with */
    uint64_t at, size;          /* its bytes in the source */
    sl_name name;               /* from the component-name section, or empty */

    uint32_t n_defs;
    const sl_def *defs;
    uint32_t count[SL_N_SORTS]; /* final size of each index space */
    uint32_t n_imports;
    const sl_extern *imports;
    uint32_t n_exports;
    const sl_extern *exports;
    sl_load_plan plan; /* of the outermost component */
    uint32_t n_segments; /* defined here, in order (not the index space) */
    const sl_segment_def *segments;
    const sl_type *type; /* its component type */

    /* Types of the index spaces, for inspection and for link/: */
    const sl_type *const *funcs;  /* count[FUNC] function types */
    const sl_functype *const *core_funcs; /* count[CORE_FUNC] */
    const sl_type *const *types;  /* count[TYPE] */
};

/* --- decode.c, validate.c ------------------------------------------------- */

typedef struct sl_component_options {
    sl_features features; /* 0: sl_features_default() */
    const sl_core_features *core; /* NULL: see core/module.h */
    uint32_t max_depth;   /* nesting of components and types; 0: 100 */
} sl_component_options;

/* Decodes and validates a component. Reads sections of code and types; skips
 * the payloads of core:data. Takes a reference to the source. NULL on failure,
 * err->at is the offset in the source. A core module (layer 0) at top level is
 * SL_EUNSUPPORTED here: callers look at the first 8 bytes. Thread-safe. */
sl_component *sl_component_decode(sl_source *source,
                                  const sl_component_options *options,
                                  sl_err *err);
void sl_component_free(sl_component *component); /* outermost; NULL is fine */

/* Explainer.md "Type checking": may `have` be supplied for `want`? Fills err
 * (SL_EUNLINKABLE or SL_EINVALID as `code` says) with why not. */
bool sl_externtype_matches(const sl_externtype *have, const sl_externtype *want,
                           sl_status code, sl_err *err);

/* valuedef.c: the constant that a VALUE type is, built: release it with
 * sluice_val_deinit(). SL_ENOMEM. */
sl_status sl_value_constant(const sl_type *value, sl_val *out, sl_err *err);
/* Whether two constants are the same value; types of theirs that differ in
 * names alone do not matter. SL_ENOMEM. */
sl_status sl_constants_equal(const sl_type *a, const sl_type *b, bool *equal,
                             sl_err *err);

/* The export's position by name, or SL_NO_INDEX. */
uint32_t sl_component_export(const sl_component *component, sl_name name);

/* names.c: import and export names of Explainer.md. The label of a record
 * field and the like, and a plain import or export name, is kebab-case. */
bool sl_is_kebab(sl_name name);
/* "ns:pkg/iface@0.2.3" and 0.2.9 are the same import when semver-compatible:
 * equal names up to the canonical version. */
bool sl_name_compatible(sl_name have, sl_name want);

#endif
