/* The built-ins of data segments: data.read, data.size and data.prefetch.
 * docs/data-segments.md, section 6, "Canonical definitions". */
#include "canon/canon.h"

/* An offset or length of the built-in's type. */
static uint64_t number(const sl_canon_fn *fn, sl_slot slot)
{
    return fn->canon->core_type == SL_I64 ? slot.i64 : slot.i32;
}

/* trap_if(start + len > size), unsigned and without wrap-around. */
static sl_status check_range(const sl_canon_fn *fn, uint64_t start,
                             uint64_t len)
{
    uint64_t size = fn->segment->size;
    SL_TRAP_IF(fn->inst->store, start > size || len > size - start,
               "out of bounds data segment access");
    return SL_OK;
}

/* canon data.read $d $t : [start:t len:t] -> [readable-end:i32] */
sl_status sl_canon_DATA_READ(sl_core_thread *core, void *ctx, sl_slot *v)
{
    sl_canon_fn *fn = ctx;
    sl_store *store = fn->inst->store;
    uint64_t start = number(fn, v[0]), len = number(fn, v[1]);
    sl_err err = {0};
    uint32_t index;

    (void)core;
    SL_TRAP_IF(store, !fn->inst->may_leave, "cannot leave component instance");
    sl_status st = check_range(fn, start, len);
    if (st != SL_OK)
        return st;
    sl_shared *stream =
        sl_stream_from_segment(store, fn->segment, start, start + len, &err);
    SL_TRAP_IF(store, stream == NULL, "%s", err.msg);
    st = sl_end_add(fn->inst, stream, SL_READABLE, &index);
    if (st == SL_OK)
        v[0].i32 = index;
    return st;
}

/* canon data.size $d $t : [] -> [size:t] */
sl_status sl_canon_DATA_SIZE(sl_core_thread *core, void *ctx, sl_slot *v)
{
    sl_canon_fn *fn = ctx;
    sl_store *store = fn->inst->store;
    uint64_t size = fn->segment->size;

    (void)core;
    SL_TRAP_IF(store, !fn->inst->may_leave, "cannot leave component instance");
    if (fn->canon->core_type == SL_I64) {
        v[0].i64 = size;
        return SL_OK;
    }
    SL_TRAP_IF(store, size > UINT32_MAX, "data segment too large");
    v[0].i32 = (uint32_t)size;
    return SL_OK;
}

/* canon data.prefetch $d $t : [start:t len:t] -> [] */
sl_status sl_canon_DATA_PREFETCH(sl_core_thread *core, void *ctx, sl_slot *v)
{
    sl_canon_fn *fn = ctx;
    sl_store *store = fn->inst->store;
    uint64_t start = number(fn, v[0]), len = number(fn, v[1]);

    (void)core;
    SL_TRAP_IF(store, !fn->inst->may_leave, "cannot leave component instance");
    sl_status st = check_range(fn, start, len);
    if (st == SL_OK)
        sl_segment_prefetch(fn->segment, start, len);
    return st;
}
