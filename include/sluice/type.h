/** @file type.h
 * Reflection: what the functions and values of a component look like.
 * Types belong to their component and live as long as it does; they are
 * immutable and may be read on any thread.
 */
#ifndef SLUICE_TYPE_H
#define SLUICE_TYPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sluice/export.h"
#include "sluice/value.h"

#ifdef __cplusplus
extern "C" {
#endif

/** A value type (the kinds of sluice_kind) or a function type. */
typedef struct sl_type sluice_type;

/** A name inside a type or an import: `len` bytes of UTF-8 at `data`, followed
 * by nothing in particular (not NUL-terminated). Borrowed from the component.
 */
typedef struct sluice_name {
    const char *data;
    size_t len;
} sluice_name;

/** The kind of a value type. Undefined for function types. */
SLUICE_API sluice_kind sluice_type_kind(const sluice_type *type);
/** The element of a list, option, stream or future; NULL when it has none. */
SLUICE_API const sluice_type *sluice_type_elem(const sluice_type *type);
/** Fields of a record, members of a tuple, flags, or cases of a variant, enum,
 * option (none, some) or result (ok, error); 2 for a map (key, value). */
SLUICE_API size_t sluice_type_n_parts(const sluice_type *type);
/** A part's label (empty in a tuple) and type (NULL: no payload), both borrowed
 * from the component.
 * @return false when `index` is out of range */
SLUICE_API bool sluice_type_part(const sluice_type *type, size_t index,
                                 sluice_name *label, const sluice_type **part);
/** The length of a fixed-length list, else 0. */
SLUICE_API size_t sluice_type_fixed_length(const sluice_type *type);

/** Parameters of a function type. */
SLUICE_API size_t sluice_type_n_params(const sluice_type *func);
/** A parameter's name and type, both borrowed from the component.
 * @return false when `index` is out of range */
SLUICE_API bool sluice_type_param(const sluice_type *func, size_t index,
                                  sluice_name *name, const sluice_type **type);
/** The result of a function type; NULL: none. */
SLUICE_API const sluice_type *sluice_type_result(const sluice_type *func);
/** Whether a function type is declared `async`. */
SLUICE_API bool sluice_type_is_async(const sluice_type *func);

/** Stands for "no type" where NULL means another one: the elements of a stream
 * without payload. @return static storage; nothing can be asked of it */
SLUICE_API const sluice_type *sluice_type_none(void);

/** Writes the type as text ("list<u8>") and a NUL into out[cap], cutting it
 * where it does not fit. @return `out` */
SLUICE_API const char *sluice_type_text(const sluice_type *type, char *out,
                                        size_t cap);

#ifdef __cplusplus
}
#endif
#endif
