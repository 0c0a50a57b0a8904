/** @file value.h
 * Component-level values as a C host sees them.
 *
 * A `sluice_val` says its kind and carries the value by its own: numbers in
 * place, everything else as heap memory that the value owns, released by
 * sluice_val_deinit(). Values are plain data: they may be moved by assignment
 * (then forget the old place) and used on any thread, except streams and
 * futures, which belong to the store they came from.
 * Follows Explainer.md "Type Definitions" of the Component Model.
 */
#ifndef SLUICE_VALUE_H
#define SLUICE_VALUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sluice/export.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum sluice_kind {
    SLUICE_BOOL,
    SLUICE_S8,
    SLUICE_U8,
    SLUICE_S16,
    SLUICE_U16,
    SLUICE_S32,
    SLUICE_U32,
    SLUICE_S64,
    SLUICE_U64,
    SLUICE_F32,
    SLUICE_F64,
    SLUICE_CHAR,
    SLUICE_STRING,
    SLUICE_ERROR_CONTEXT,
    SLUICE_LIST,
    SLUICE_MAP,
    SLUICE_RECORD,
    SLUICE_VARIANT,
    SLUICE_TUPLE,
    SLUICE_FLAGS,
    SLUICE_ENUM,
    SLUICE_OPTION,
    SLUICE_RESULT,
    SLUICE_OWN,
    SLUICE_BORROW,
    SLUICE_STREAM,
    SLUICE_FUTURE,
} sluice_kind;

struct sluice_stream;
struct sluice_future;

/** One value. Zeroed memory is `bool false` and owns nothing. */
typedef struct sluice_val {
    uint8_t kind; /**< a sluice_kind */
    /** LIST of numbers (S8..F64): the kind of its packed elements, which then
     * lie in `of.bytes` as a C array; such lists are always packed. For every
     * other list 0 (SLUICE_BOOL), the elements in `of.list`. */
    uint8_t elem;
    /** STRING only: 0 for UTF-8, which is all that a host ever sees or makes;
     * the runtime uses other values while a string is on its way. */
    uint8_t encoding;
    union {
        bool boolean;
        int8_t s8;
        uint8_t u8;
        int16_t s16;
        uint16_t u16;
        int32_t s32;
        uint32_t u32;
        int64_t s64;
        uint64_t u64;
        float f32;
        double f64;
        uint32_t chr; /**< CHAR: a Unicode scalar value */
        struct { /**< STRING; ERROR_CONTEXT: its debug message */
            char *data; /**< UTF-8, `len` bytes, a NUL follows */
            size_t len;
        } string;
        struct { /**< LIST, RECORD (fields in order), TUPLE, MAP (each item a
                      TUPLE of key and value) */
            struct sluice_val *items;
            size_t len;
        } list;
        struct { /**< packed LIST: `len` elements (not bytes) */
            void *data;
            size_t len;
        } bytes;
        struct { /**< VARIANT, ENUM; OPTION: 0 none, 1 some; RESULT: 0 ok,
                      1 error */
            uint32_t index;
            struct sluice_val *payload; /**< NULL: none */
        } variant;
        uint32_t flags; /**< bit i: the i-th label */
        struct sluice_stream *stream; /**< readable end, owned */
        struct sluice_future *future; /**< readable end, owned */
        struct { /**< OWN, BORROW */
            void *resource; /**< which resource type, in its store; NULL:
                                 moved away */
            uint32_t rep;   /**< the representation: of a host's resource what
                                 the host chose, of a guest's the guest's */
        } handle;
    } of;
} sluice_val;

/** Releases what the value owns and zeroes it. The destructor of an owned
 * resource runs on the loop's next turn. NULL is fine. */
SLUICE_API void sluice_val_deinit(sluice_val *val);
/** A deep copy. Streams, futures and resources cannot be copied (they move).
 * @return false: out of memory, or one of these inside */
SLUICE_API bool sluice_val_copy(const sluice_val *from, sluice_val *to);
/** Whether two values are the same, all the way down; NaNs are equal to each
 * other. */
SLUICE_API bool sluice_val_eq(const sluice_val *a, const sluice_val *b);

/** Makers. Each fills *out with a value that owns its memory, copying what it
 * is given. @return false: out of memory, *out is then zeroed. */
SLUICE_API bool sluice_val_string(sluice_val *out, const char *data,
                                  size_t len);
/** An error context with a debug message. */
SLUICE_API bool sluice_val_error_context(sluice_val *out, const char *message,
                                         size_t len);
/** A borrowed handle to an owned resource, for one call; the owner keeps it and
 * must not give it away before that call is over.
 * @return false: not a resource, or moved away */
SLUICE_API bool sluice_val_borrow(sluice_val *out, const sluice_val *own);
/** A packed list of `len` elements of a number kind. */
SLUICE_API bool sluice_val_bytes(sluice_val *out, sluice_kind elem,
                                 const void *data, size_t len);
/** An empty list, record, tuple or map of `len` zeroed items to fill in. */
SLUICE_API bool sluice_val_items(sluice_val *out, sluice_kind kind, size_t len);
/** A variant, enum, option or result; takes *payload (NULL: none), which is
 * zeroed, also on failure. */
SLUICE_API bool sluice_val_variant(sluice_val *out, sluice_kind kind,
                                   uint32_t index, sluice_val *payload);

#ifdef __cplusplus
}
#endif
#endif
