/* Component-level types, as validated: immutable, in the arena of the outermost
 * component, compared structurally by sl_type_eq.
 * Explainer.md "Type Definitions"; CanonicalABI.md "Alignment",
 * "Element Size", "Flattening" for the layout. */
#ifndef SL_COMPONENT_TYPES_H
#define SL_COMPONENT_TYPES_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/name.h"
#include "core/module.h"

typedef enum sl_type_kind {
    SL_T_BOOL,
    SL_T_S8,
    SL_T_U8,
    SL_T_S16,
    SL_T_U16,
    SL_T_S32,
    SL_T_U32,
    SL_T_S64,
    SL_T_U64,
    SL_T_F32,
    SL_T_F64,
    SL_T_CHAR,
    SL_T_STRING,
    SL_T_ERROR_CONTEXT,
    SL_T_N_PRIMITIVES,
    SL_T_LIST = SL_T_N_PRIMITIVES,
    SL_T_MAP,
    SL_T_RECORD,
    SL_T_VARIANT,
    SL_T_TUPLE,
    SL_T_FLAGS,
    SL_T_ENUM,
    SL_T_OPTION,
    SL_T_RESULT,
    SL_T_OWN,
    SL_T_BORROW,
    SL_T_STREAM,
    SL_T_FUTURE,
    SL_T_N_VALTYPES,
    SL_T_RESOURCE = SL_T_N_VALTYPES,
    SL_T_FUNC,
    SL_T_COMPONENT,
    SL_T_INSTANCE,
    SL_T_CORE_MODULE,
    SL_T_VALUE, /* which value it is, not what type it has */
} sl_type_kind;

typedef struct sl_type sl_type;

/* A record field, a tuple member, a variant or enum case, a flag, a parameter.
 * `type` is NULL for a case without payload, an enum case or a flag; `label`
 * is empty in a tuple. */
typedef struct sl_label {
    sl_name label;
    const sl_type *type;
} sl_label;

#define SL_MAX_FLAT_PARAMS       16
#define SL_MAX_FLAT_ASYNC_PARAMS 4
#define SL_MAX_FLAT_RESULTS      1

/* For one pointer size. Sizes of validated types are below 2^28. */
typedef struct sl_layout {
    uint32_t size, align;
    uint32_t n_flat; /* UINT32_MAX when there are more than 2^16 */
    uint8_t flat[SL_MAX_FLAT_PARAMS]; /* the first core types (SL_I32 ...) */
} sl_layout;

/* What an import or export is. */
typedef enum sl_sort { /* also the index spaces of a component */
    SL_SORT_CORE_FUNC,
    SL_SORT_CORE_TABLE,
    SL_SORT_CORE_MEMORY,
    SL_SORT_CORE_GLOBAL,
    SL_SORT_CORE_TAG,
    SL_SORT_CORE_TYPE,
    SL_SORT_CORE_MODULE,
    SL_SORT_CORE_INSTANCE,
    SL_SORT_CORE_DATA, /* docs/data-segments.md, section 4 */
    SL_SORT_FUNC,
    SL_SORT_VALUE,
    SL_SORT_TYPE,
    SL_SORT_COMPONENT,
    SL_SORT_INSTANCE,
    SL_N_SORTS,
} sl_sort;
const char *sl_sort_text(sl_sort sort); /* "core func", "instance", ... */

typedef struct sl_externtype {
    sl_sort sort; /* CORE_MODULE, CORE_DATA, FUNC, VALUE, TYPE, COMPONENT or
                     INSTANCE */
    const sl_type *type; /* NULL for CORE_DATA. TYPE: the type itself, a
                            RESOURCE for (sub resource). VALUE: a VALUE */
} sl_externtype;

/* What a name says about itself besides: Explainer.md, attribute. Types do not
 * depend on it. An absent one has no .data. */
typedef struct sl_attributes {
    sl_name implements;     /* an interface's name */
    sl_name version_suffix; /* what the name's version leaves out */
    sl_name external_id;
} sl_attributes;

typedef struct sl_extern {
    sl_name name;
    sl_externtype type;
    const sl_attributes *attributes; /* NULL: none */
} sl_extern;

struct sl_type {
    sl_type_kind kind;
    bool has_borrow;   /* transitively */
    bool has_async;    /* a stream or future, transitively */
    bool has_resource; /* own or borrow, transitively */
    bool has_pointer;  /* a string, list or map: lowering needs realloc */
    uint8_t depth;     /* nesting of types, 1 for a primitive */
    uint32_t weight;   /* types in it counted as a tree; limited */
    sl_layout layout[2]; /* [0]: 32-bit pointers, [1]: 64-bit; of a FUNC, its
                            parameters as one tuple */
    /* RESOURCE: the resource that this further name stands for (NULL: itself).
     * OWN, BORROW: the name by which the handle's resource was given. Names
     * matter to Explainer.md "External Visibility of Types" only. */
    const sl_type *alias;
    union {
        struct {
            const sl_type *elem; /* LIST, OPTION; STREAM, FUTURE: may be NULL */
            uint32_t len;        /* LIST of fixed length; 0: any length */
        } list;
        struct {
            const sl_type *key, *value;
        } map;
        struct { /* RECORD, VARIANT, TUPLE, FLAGS, ENUM */
            uint32_t n;
            const sl_label *v;
        } labels;
        struct {
            const sl_type *ok, *error; /* either may be NULL */
        } result;
        const sl_type *handle; /* OWN, BORROW: the RESOURCE, no alias */
        struct {
            uint32_t n_params;
            const sl_label *params;
            const sl_type *result; /* NULL: none */
            bool async_;
        } func;
        struct { /* RESOURCE: its identity is the address of
                    sl_resource_of() */
            sl_name name; /* for messages; may be empty */
            uint32_t slot; /* position in the defining component's resources */
            const struct sl_component *definer; /* NULL: abstract (an import,
                                                   or declared by a type) */
            const sl_type *hides; /* exported as (sub resource): the resource
                                     behind; else NULL */
        } resource;
        struct { /* COMPONENT; INSTANCE has exports only */
            uint32_t n_imports, n_exports;
            const sl_extern *imports, *exports;
            /* The resources and values this type binds: those its imports and
             * exports introduce by (sub resource) and (value t).
             * Instantiation replaces the former by what is supplied, the
             * latter by fresh ones. An instance that exists (not a mere type)
             * binds none. */
            uint32_t n_imported, n_defined;
            const sl_type *const *imported, *const *defined;
        } component;
        struct { /* CORE_MODULE */
            uint32_t n_imports, n_exports;
            const sl_core_import *imports;
            const struct sl_core_module_export *exports;
        } module;
        struct { /* VALUE: its identity is its address, or its contents when
                    they are known. Explainer.md "Value Definitions" */
            const sl_type *type;  /* a value type */
            const uint8_t *bytes; /* a constant: val(type) of Binary.md; NULL:
                                     any value of the type */
            uint32_t len;
        } value;
    } of;
};

typedef struct sl_core_module_export {
    sl_name name;
    sl_core_externtype type;
} sl_core_module_export;

/* A primitive's one and only object. */
const sl_type *sl_type_primitive(sl_type_kind kind);
/* Structural equality of value and function types (resources by identity). */
bool sl_type_eq(const sl_type *a, const sl_type *b); /* NULL equals NULL */
/* "list<u8>" and the like, into at most `cap` bytes with the NUL. */
const char *sl_type_text(const sl_type *type, char *out, size_t cap);

/* The resource a RESOURCE type stands for; compare these, not the types. */
static inline const sl_type *sl_resource_of(const sl_type *t)
{
    return t->alias != NULL ? t->alias : t;
}

static inline bool sl_type_is_number(const sl_type *t)
{
    return t->kind >= SL_T_S8 && t->kind <= SL_T_F64;
}

/* Where a label stands among those of a type; their number: nowhere. */
static inline uint32_t sl_label_index(const sl_type *t, sl_name label)
{
    uint32_t i = 0;
    while (i < t->of.labels.n && !sl_name_eq(t->of.labels.v[i].label, label))
        i++;
    return i;
}

/* --- layout.c ------------------------------------------------------------- */

/* Fills the layout and the has_* flags of a value type from its parts. */
void sl_type_finish(sl_type *type);
/* The bytes of a variant's or enum's discriminant: 1, 2 or 4. */
uint32_t sl_discriminant_size(uint32_t n_cases);
/* The offset of a variant-like type's payload. */
uint32_t sl_payload_offset(const sl_type *type, bool is64);
/* Number of cases of a VARIANT, ENUM, OPTION or RESULT, and a case's payload
 * (NULL: none): despecialization without building new types. */
uint32_t sl_n_cases(const sl_type *type);
const sl_type *sl_case_type(const sl_type *type, uint32_t index);
sl_name sl_case_label(const sl_type *type, uint32_t index);
/* Size, alignment and flat count of a list of types as one tuple. */
sl_layout sl_tuple_layout(const sl_label *types, uint32_t n, bool is64);
/* Appends the flattening of `type` to flat[*n ...]; at most `cap` in all (the
 * count goes on, nothing is written beyond). */
void sl_flatten(const sl_type *type, bool is64, sl_valtype *flat, uint32_t cap,
                uint32_t *n);

#endif
