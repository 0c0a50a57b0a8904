/* Random function types, with a layout of their own: computed here again from
 * definitions.py (CanonicalABI.md "Alignment", "Element Size", "Flattening"),
 * so that the runtime's layouts are compared and not believed. */
#ifndef SL_TESTS_ROUNDTRIP_TYPE_H
#define SL_TESTS_ROUNDTRIP_TYPE_H

#include "base/arena.h"
#include "base/buf.h"
#include "sluice/value.h"

/* --- Random numbers: the same for the same seed everywhere -----------------
 */

typedef struct rt_rng {
    uint64_t state;
} rt_rng;

uint64_t rt_next(rt_rng *rng);
uint32_t rt_below(rt_rng *rng, uint32_t n); /* 0 ... n - 1; 0 when n is 0 */
bool rt_chance(rt_rng *rng, uint32_t one_in);

/* --- Types -----------------------------------------------------------------
 */

#define RT_MAX_FLAT 16

typedef struct rt_layout {
    uint32_t size, align;
    uint32_t n_flat;        /* at most 1000: more is counted as that */
    char flat[RT_MAX_FLAT]; /* i = i32, I = i64, f = f32, F = f64 */
} rt_layout;

typedef struct rt_type {
    sluice_kind kind;
    uint32_t n;   /* fields, members, cases, labels; 2 for map and result */
    uint32_t len; /* of a fixed-length list; else 0 */
    const struct rt_type **parts; /* NULL inside: no payload */
    int name;                     /* of its definition $tN; -1: stands inline */
    rt_layout layout[2];          /* for pointers of 4 and of 8 bytes */
} rt_type;

/* A function that gives back its parameters: one as it is, more as a tuple. */
typedef struct rt_func {
    sl_arena arena;
    uint32_t n_named, n_params;
    const rt_type **named, **params;
    const rt_type *all;    /* the parameters as one tuple */
    const rt_type *result; /* params[0] or `all` */
} rt_func;

void rt_func_make(rt_func *func, rt_rng *rng);
void rt_func_deinit(rt_func *func);

/* The payload of a case (NULL: none) of a variant, option or result. */
const rt_type *rt_case(const rt_type *type, uint32_t index);
uint32_t rt_n_cases(const rt_type *type);
uint32_t rt_discriminant_size(uint32_t n_cases);
uint32_t rt_payload_offset(const rt_type *type, bool is64);
uint32_t rt_align_to(uint32_t at, uint32_t align);

/* As component text: a reference to it, its definition, `(param ...) (result
 * ...)`. */
void rt_print(const rt_type *type, sl_buf *out);
void rt_print_definition(const rt_type *type, sl_buf *out);
void rt_print_signature(const rt_func *func, sl_buf *out);

#endif
