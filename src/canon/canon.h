/* Canonical definitions at run time: a `canon` of the validator with its
 * indices resolved, and the lifting and lowering of values.
 * CanonicalABI.md from "Canonical ABI Options" on. */
#ifndef SL_CANON_CANON_H
#define SL_CANON_CANON_H

#include "stream/stream.h"
#include "task/resource.h"
#include "task/task.h"

/* Made by link/ when it reaches a canon definition; lives in the instance's
 * arena. It is the ctx of the core function it becomes. */
typedef struct sl_canon_fn {
    sl_instance *inst;
    const sl_canon *canon;
    sl_memory *memory; /* option or immediate; NULL: none */
    sl_core_func *realloc, *post_return, *callback;
    sl_core_func *core;      /* lift: the callee; lower: what it has become */
    sl_funcinst *func;       /* lower: the callee */
    sl_table *table;         /* thread.new-indirect */
    sl_segment *segment;     /* data.* */
    struct canon_pair *pair; /* lower: how values go to and from a callee that
                                is another component's; at the first call */
} sl_canon_fn;

/* Resolves the indices of `canon` in `inst` (whose earlier definitions are in
 * place). */
sl_status sl_canon_resolve(sl_instance *inst, const sl_canon *canon,
                           sl_canon_fn **out, sl_err *err);
/* lift: makes the component function; its ctx is `fn`, its invoke
 * sl_canon_lift. */
sl_status sl_canon_make_func(sl_canon_fn *fn, sl_funcinst **out, sl_err *err);
/* all others: makes the core function. */
sl_status sl_canon_make_core_func(sl_canon_fn *fn, sl_core_func **out,
                                  sl_err *err);
/* lift.c: sl_funcinst.invoke of every lifted function (definitions.py
 * Store.lift around canon_lift). */
sl_status sl_canon_lift(sl_funcinst *func, sl_call *call, sl_instance *caller);

/* --- Values --------------------------------------------------------------- */

/* definitions.py LiftLowerContext. Lifted values live in `arena`. */
typedef struct sl_cx {
    const sl_canon_fn *opts; /* encoding, memory, realloc */
    sl_instance *inst;
    sl_arena *arena;
    sl_task *task;       /* borrow scope when lowering arguments */
    sl_subtask *subtask; /* borrow scope when lifting arguments */
    uint64_t budget;     /* bytes that may still be lifted (limits) */
} sl_cx;

/* Values on their way. A string keeps the encoding it was lifted from, as
 * definitions.py's String does (`encoding` of sl_val; `len` is always bytes),
 * so that lowering takes the specification's path. A stream or future holds
 * the shared part (an sl_shared *, in of.stream or of.future) and owns its
 * reference; whoever takes it out sets the member to NULL. */
typedef enum sl_val_encoding {
    SL_VAL_UTF8 = 0,
    SL_VAL_UTF16 = 1,
    SL_VAL_LATIN1 = 2,       /* from latin1+utf16, without the tag */
    SL_VAL_LATIN1_UTF16 = 3, /* from latin1+utf16, tagged: UTF-16 */
} sl_val_encoding;

/* lift_flat_values / lower_flat_values. `types` are parameters or one result.
 * Lifting leaves nothing in `out` when it fails. Lowering takes the streams
 * and futures in `vals`, also when it fails. It writes at most max_flat slots
 * to flat[] (one when it allocates); *n_flat says how many.
 * out_param: where the result pointer was passed, NULL to allocate. */
sl_status sl_lift_flat_values(sl_cx *cx, uint32_t max_flat, const sl_slot *flat,
                              const sl_label *types, uint32_t n, sl_val *out);
sl_status sl_lower_flat_values(sl_cx *cx, uint32_t max_flat, const sl_val *vals,
                               const sl_label *types, uint32_t n,
                               const sl_slot *out_param, sl_slot *flat,
                               uint32_t *n_flat);
/* load / store of one value at an aligned, in-range address. Storing takes
 * the streams and futures it has stored. */
sl_status sl_load(sl_cx *cx, uint64_t ptr, const sl_type *type, sl_val *out);
sl_status sl_store_value(sl_cx *cx, const sl_val *val, const sl_type *type,
                         uint64_t ptr);
/* Drops the references that streams and futures in values still hold. */
void sl_vals_drop(sl_val *vals, uint32_t n);
/* definitions.py LiftLowerContext.reallocate: calls the guest's realloc on a
 * fresh context with may_leave cleared; checks alignment and range. */
sl_status sl_cx_realloc(sl_cx *cx, uint64_t old, uint64_t old_bytes,
                        uint32_t align, uint64_t new_bytes, uint64_t *ptr);

/* Host side: every string in the value made UTF-8 with a NUL behind it, as
 * values given to a host always are. SL_ENOMEM. */
sl_status sl_val_to_utf8(sl_val *val, sl_arena *arena);
/* Whether a value that a host made is one of the type: SL_EUSAGE with where
 * and why. Values of this check are safe to lower. */
sl_status sl_val_check(const sl_val *val, const sl_type *type, sl_err *err);

/* definitions.py Subtask.add_lender, and the end of the loans: when the
 * resolution is delivered or the subtask is freed. */
sl_status sl_subtask_lend(sl_store *store, sl_subtask *subtask,
                          uint32_t *num_lends);
void sl_subtask_return_lends(sl_subtask *subtask);

/* resource.c: an entry of the handle table, a block of sl_malloc. In a value
 * it is of.handle: the sl_resource and the representation. */
typedef struct sl_resource_handle {
    sl_resource *resource;
    uint32_t rep;
    bool own;
    sl_task *borrow_scope; /* of a borrow */
    uint32_t num_lends;
} sl_resource_handle;

/* Runs a resource's destructor, as a lifted and lowered function would be
 * called. `caller` NULL: the host. */
sl_status sl_resource_destroy(sl_store *store, const sl_resource *resource,
                              uint32_t rep, sl_instance *caller);

/* error_context.c: an entry of the handle table, a block of sl_malloc. In a
 * value it is a copy of the message, in of.string. */
typedef struct sl_error_context {
    size_t len;
    char message[]; /* UTF-8 */
} sl_error_context;
sl_status sl_error_context_add(sl_instance *inst, const char *message,
                               size_t len, uint32_t *index);

/* data_import.c: a segment as core modules import it; it lives as long. */
sl_core_data *sl_canon_core_data(sl_segment *segment);

/* --- The built-ins: one function each, named after definitions.py's ------- */

#define CANON(id, code, text, immediates, signature, feature)                  \
    sl_status sl_canon_##id(sl_core_thread *core, void *ctx, sl_slot *v);
#include "component/canon.def"
#undef CANON

#endif
