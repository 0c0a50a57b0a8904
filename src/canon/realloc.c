/* What lifting and lowering take from outside: the host's memory for lifted
 * values, the guest's through its realloc.
 * CanonicalABI.md "Lifting and Lowering Context". */
#include "canon/value_int.h"

sl_status sl_cx_no_memory(const sl_cx *cx)
{
    (void)sl_store_trap(cx->inst->store, "out of memory");
    return SL_ENOMEM;
}

sl_status sl_cx_out_of_bounds(const sl_cx *cx)
{
    return sl_store_trap(cx->inst->store, "out of bounds memory access");
}

sl_status sl_cx_alloc(sl_cx *cx, uint64_t n, size_t size, void **out)
{
    uint64_t bytes = n * size; /* n < 2^32, size is a C type's */
    SL_TRAP_IF(cx->inst->store, bytes > cx->budget,
               "lifted values exceed the limit of bytes for one call");
    cx->budget -= bytes;
    *out = sl_arena_calloc(cx->arena, n, size);
    return *out != NULL ? SL_OK : sl_cx_no_memory(cx);
}

/* On a task and thread of its own, with may_leave cleared: it can neither
 * block nor be seen. */
static sl_status call_realloc(sl_cx *cx, sl_slot *v)
{
    cx->inst->may_leave = false;
    sl_status st = sl_instance_call(cx->inst, cx->opts->realloc, v);
    if (st == SL_OK)
        cx->inst->may_leave = true;
    return st;
}

static void put(sl_slot *slot, bool is64, uint64_t value)
{
    slot->i64 = is64 ? value : (uint32_t)value;
}

sl_status sl_cx_check_room(const sl_canon_fn *opts, uint64_t ptr,
                           uint32_t align, uint64_t bytes)
{
    sl_store *store = opts->inst->store;
    SL_TRAP_IF(store, !is_aligned(ptr, align),
               "realloc return: result not aligned (unaligned pointer)");
    SL_TRAP_IF(store, sl_memory_at(opts->memory, ptr, bytes) == NULL,
               "realloc return: beyond end of memory (list content "
               "out-of-bounds)");
    return SL_OK;
}

sl_status sl_cx_realloc(sl_cx *cx, uint64_t old, uint64_t old_bytes,
                        uint32_t align, uint64_t new_bytes, uint64_t *ptr)
{
    sl_store *store = cx->inst->store;
    bool is64 = cx_is64(cx);
    sl_slot v[4];
    SL_TRAP_IF(store, cx->opts->realloc == NULL,
               "no realloc function to lower a value with");
    put(&v[0], is64, old);
    put(&v[1], is64, old_bytes);
    put(&v[2], is64, align);
    put(&v[3], is64, new_bytes);
    sl_status st = call_realloc(cx, v);
    if (st != SL_OK)
        return st;
    *ptr = is64 ? v[0].i64 : v[0].i32;
    return sl_cx_check_room(cx->opts, *ptr, align, new_bytes);
}
