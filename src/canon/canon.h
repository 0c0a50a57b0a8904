/* Canonical definitions at run time: a `canon` of the validator with its
 * indices resolved, and the lifting and lowering of values.
 * CanonicalABI.md from "Canonical ABI Options" on. */
#ifndef SL_CANON_CANON_H
#define SL_CANON_CANON_H

#include "stream/stream.h"
#include "task/task.h"

/* Made by link/ when it reaches a canon definition; lives in the instance's
 * arena. It is the ctx of the core function it becomes. */
typedef struct sl_canon_fn {
    sl_instance *inst;
    const sl_canon *canon;
    sl_memory *memory;      /* option or immediate; NULL: none */
    sl_core_func *realloc, *post_return, *callback;
    sl_core_func *core;     /* lift: the callee */
    sl_funcinst *func;          /* lower: the callee */
    sl_table *table;        /* thread.new-indirect */
    sl_segment *segment;    /* data.* */
} sl_canon_fn;

/* Resolves the indices of `canon` in `inst` (whose earlier definitions are in
 * place). */
sl_status sl_canon_resolve(sl_instance *inst, const sl_canon *canon,
                           sl_canon_fn **out, sl_err *err);
/* lift: makes the component function. */
sl_status sl_canon_make_func(sl_canon_fn *fn, sl_funcinst **out, sl_err *err);
/* all others: makes the core function. */
sl_status sl_canon_make_core_func(sl_canon_fn *fn, sl_core_func **out,
                                  sl_err *err);

/* --- Values -------------------------------------------------------------------- */

/* definitions.py LiftLowerContext. Lifted values live in `arena`. */
typedef struct sl_cx {
    const sl_canon_fn *opts; /* encoding, memory, realloc */
    sl_instance *inst;
    sl_thread *thread; /* runs realloc; NULL: no thread runs (host side) */
    sl_arena *arena;
    sl_task *task;       /* borrow scope when lowering arguments */
    sl_subtask *subtask; /* borrow scope when lifting arguments */
    uint64_t budget;     /* bytes that may still be lifted (limits) */
} sl_cx;

/* lift_flat_values / lower_flat_values. `types` are parameters or one result.
 * Lowering writes at most max_flat slots to flat[]; *n_flat says how many.
 * out_param: where the result pointer was passed, NULL to allocate. */
sl_status sl_lift_flat_values(sl_cx *cx, uint32_t max_flat,
                              const sl_slot *flat, const sl_label *types,
                              uint32_t n, sl_val *out);
sl_status sl_lower_flat_values(sl_cx *cx, uint32_t max_flat,
                               const sl_val *vals, const sl_label *types,
                               uint32_t n, const sl_slot *out_param,
                               sl_slot *flat, uint32_t *n_flat);
/* load / store of one value at an aligned, in-range address. */
sl_status sl_load(sl_cx *cx, uint64_t ptr, const sl_type *type, sl_val *out);
sl_status sl_store_value(sl_cx *cx, const sl_val *val, const sl_type *type,
                         uint64_t ptr);
/* definitions.py LiftLowerContext.reallocate: calls the guest's realloc on a
 * fresh context with may_leave cleared; checks alignment and range. */
sl_status sl_cx_realloc(sl_cx *cx, uint64_t old, uint64_t old_bytes,
                        uint32_t align, uint64_t new_bytes, uint64_t *ptr);

/* Host side: a string value made UTF-8 (values given to a host always are). */
sl_status sl_val_to_utf8(sl_val *val, sl_arena *arena);

/* --- The built-ins: one function each, named after definitions.py's ----------- */

#define CANON(id, code, text, immediates, signature, feature)                  \
    sl_status sl_canon_##id(sl_core_thread *core, void *ctx, sl_slot *v);
#include "component/canon.def"
#undef CANON

#endif
