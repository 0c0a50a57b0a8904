/* What load.c, store.c, flat.c and string.c share. */
#ifndef SL_CANON_VALUE_INT_H
#define SL_CANON_VALUE_INT_H

#include <string.h>

#include "canon/canon.h"

/* Packed lists and strings are copied byte for byte. */
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__,
               "linear memory is little-endian");

/* definitions.py MAX_STRING_BYTE_LENGTH, MAX_LIST_BYTE_LENGTH. */
#define MAX_BYTE_LENGTH ((UINT64_C(1) << 28) - 1)
/* definitions.py REALLOC_I32_MAX. */
#define REALLOC_MAX UINT64_C(0xffffffff)

static inline bool cx_is64(const sl_cx *cx)
{
    return cx->opts->canon->opts.is64;
}

static inline uint32_t sl_cx_ptr_size(const sl_cx *cx)
{
    return cx_is64(cx) ? 8 : 4;
}

static inline const sl_layout *sl_cx_layout(const sl_cx *cx,
                                            const sl_type *type)
{
    return &type->layout[cx_is64(cx)];
}

/* What realloc has returned: room for so many bytes, or a trap. */
sl_status sl_cx_check_room(const sl_canon_fn *opts, uint64_t ptr,
                           uint32_t align, uint64_t bytes);

/* The one way to guest memory from here: re-checked at every use. */
static inline uint8_t *sl_cx_at(const sl_cx *cx, uint64_t ptr, uint64_t len)
{
    return sl_memory_at(cx->opts->memory, ptr, len);
}

static inline uint64_t align_to(uint64_t at, uint32_t align)
{
    return (at + align - 1) & ~(uint64_t)(align - 1);
}

static inline bool is_aligned(uint64_t at, uint32_t align)
{
    return (at & (align - 1)) == 0;
}

/* n * size zeroed bytes of the context's arena, charged to its budget. */
sl_status sl_cx_alloc(sl_cx *cx, uint64_t n, size_t size, void **out);
/* Records an out-of-memory as what it is: the host's. */
sl_status sl_cx_no_memory(const sl_cx *cx);
/* A range the canonical ABI has checked, which is not there: a trap. */
sl_status sl_cx_out_of_bounds(const sl_cx *cx);

/* An address or a length: as wide as the memory's pointers. */
sl_status sl_cx_load_pair(sl_cx *cx, uint64_t ptr, uint64_t pair[2]);
sl_status sl_cx_store_pair(sl_cx *cx, uint64_t ptr, const uint64_t pair[2]);
sl_status sl_cx_load_int(sl_cx *cx, uint64_t ptr, uint32_t size, uint64_t *out);
sl_status sl_cx_store_int(sl_cx *cx, uint64_t ptr, uint32_t size,
                          uint64_t value);

/* A char, or a trap. */
sl_status sl_cx_check_char(sl_store *store, uint32_t code);
sl_status sl_cx_char(const sl_cx *cx, uint32_t code, sl_val *out);
/* definitions.py canonicalize_nan32 and 64; bits are looked at as bits, so that
 * no register quietens a signalling NaN in between. */
static inline uint32_t canonical_f32(uint32_t bits)
{
    bool nan = (bits & 0x7fffffff) > 0x7f800000;
    return __builtin_expect(nan, 0) ? 0x7fc00000 : bits;
}

static inline uint64_t canonical_f64(uint64_t bits)
{
    bool nan = (bits & (UINT64_MAX >> 1)) > UINT64_C(0x7ff0000000000000);
    return __builtin_expect(nan, 0) ? UINT64_C(0x7ff8000000000000) : bits;
}

static inline void canonicalize_nan32(float *f)
{
    uint32_t bits;
    memcpy(&bits, f, sizeof bits);
    bits = canonical_f32(bits);
    memcpy(f, &bits, sizeof bits);
}

static inline void canonicalize_nan64(double *f)
{
    uint64_t bits;
    memcpy(&bits, f, sizeof bits);
    bits = canonical_f64(bits);
    memcpy(f, &bits, sizeof bits);
}

/* `n` numbers of a kind, which may have NaNs among them. */
void sl_canonicalize_numbers(void *data, sl_type_kind kind, uint64_t n);

/* Of one element of a list or map. */
sl_layout sl_cx_elem_layout(const sl_cx *cx, const sl_type *type);
/* load_list_from_range and store_list_into_range, for lists of any length
 * and maps; `begin` and `len` as they are in memory. */
sl_status sl_cx_check_list(const sl_cx *cx, uint64_t begin, uint64_t len,
                           sl_layout elem);
sl_status sl_cx_load_list(sl_cx *cx, uint64_t begin, uint64_t len,
                          const sl_type *type, sl_val *out);
sl_status sl_cx_store_list(sl_cx *cx, const sl_val *val, const sl_type *type,
                           uint64_t begin_len[2]);
/* The fields of a record, a tuple or a parameter list, as one record. */
sl_status sl_cx_load_fields(sl_cx *cx, uint64_t ptr, const sl_label *fields,
                            uint32_t n, sl_val *out);
sl_status sl_cx_store_fields(sl_cx *cx, const sl_val *vals,
                             const sl_label *fields, uint32_t n, uint64_t ptr);
/* Room for the items of a list, record or tuple, or for a payload. */
sl_status sl_cx_items(sl_cx *cx, sl_val *out, const sl_type *type, uint64_t n);
sl_status sl_cx_payload(sl_cx *cx, sl_val *out);
/* The items of a value that has them, or NULL when their number is wrong. */
const sl_val *sl_cx_items_of(const sl_val *val, uint32_t n);
sl_status sl_cx_wrong_value(const sl_cx *cx, const sl_type *type);

/* string.c: load_string_from_range, store_string_into_range. */
sl_status sl_cx_load_string(sl_cx *cx, uint64_t begin, uint64_t tagged_units,
                            sl_val *out);
/* The checks of the former, and the string where it lies. */
sl_status sl_cx_view_string(const sl_cx *cx, uint64_t begin,
                            uint64_t tagged_units, sl_val *out);
sl_status sl_cx_store_string(sl_cx *cx, const sl_val *val, uint64_t pair[2]);

/* handle.c: everything that is an index in the handle table. */
sl_status sl_cx_lift_handle(sl_cx *cx, uint32_t index, const sl_type *type,
                            sl_val *out);
sl_status sl_cx_lower_handle(sl_cx *cx, const sl_val *val, const sl_type *type,
                             uint32_t *index);
/* resource.c */
sl_status sl_cx_lift_own(sl_cx *cx, uint32_t index, const sl_type *type,
                         sl_val *out);
sl_status sl_cx_lift_borrow(sl_cx *cx, uint32_t index, const sl_type *type,
                            sl_val *out);
sl_status sl_cx_lower_own(sl_cx *cx, const sl_val *val, const sl_type *type,
                          uint32_t *index);
sl_status sl_cx_lower_borrow(sl_cx *cx, const sl_val *val, const sl_type *type,
                             uint32_t *index);

#endif
