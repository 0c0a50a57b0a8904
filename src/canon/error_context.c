/* Error contexts. CanonicalABI.md "canon error-context.new" and the two that
 * follow it. The message is kept as it was given. */
#include "base/alloc.h"
#include "canon/value_int.h"

#define MESSAGE_MAX 65536 /* longer ones are cut: it is for debugging only */

static sl_cx context_of(sl_canon_fn *fn, sl_arena *arena)
{
    return (sl_cx){.opts = fn,
                   .inst = fn->inst,
                   .arena = arena,
                   .budget = fn->inst->store->limits.call_bytes};
}

static void free_item(sl_store *store, void *item)
{
    (void)store;
    sl_free(item);
}

sl_status sl_error_context_add(sl_instance *inst, const char *message,
                               size_t len, uint32_t *index)
{
    sl_error_context *e = sl_malloc(sizeof *e + len);
    if (e == NULL) {
        (void)sl_store_trap(inst->store, "out of memory");
        return SL_ENOMEM;
    }
    e->len = len;
    if (len != 0)
        memcpy(e->message, message, len);
    inst->store->free_item[SL_HANDLE_ERROR_CONTEXT] = free_item;
    sl_status st = sl_handles_add(inst, SL_HANDLE_ERROR_CONTEXT, e, index);
    if (st != SL_OK)
        sl_free(e);
    return st;
}

/* The longest prefix of at most MESSAGE_MAX bytes that is whole characters. */
static size_t cut(const char *message, size_t len)
{
    if (len <= MESSAGE_MAX)
        return len;
    len = MESSAGE_MAX;
    while (len > 0 && (message[len] & 0xc0) == 0x80)
        len--;
    return len;
}

static sl_status add(sl_cx *cx, sl_val *message, uint32_t *index)
{
    sl_status st = sl_val_to_utf8(message, cx->arena);
    if (st != SL_OK)
        return sl_cx_no_memory(cx);
    const char *data = message->of.string.data;
    return sl_error_context_add(cx->inst, data,
                                cut(data, message->of.string.len), index);
}

sl_status sl_canon_ERROR_CONTEXT_NEW(sl_core_thread *core, void *ctx,
                                     sl_slot *v)
{
    (void)core;
    sl_canon_fn *fn = ctx;
    SL_TRAP_IF(fn->inst->store, !fn->inst->may_leave,
               "cannot leave component instance");
    sl_arena arena;
    sl_arena_init(&arena);
    sl_cx cx = context_of(fn, &arena);
    bool is64 = cx_is64(&cx);
    sl_val message;
    uint32_t index = 0;
    sl_status st = sl_cx_load_string(&cx, is64 ? v[0].i64 : v[0].i32,
                                     is64 ? v[1].i64 : v[1].i32, &message);
    if (st == SL_OK)
        st = add(&cx, &message, &index);
    sl_arena_deinit(&arena);
    v[0].i64 = index;
    return st;
}

sl_status sl_canon_ERROR_CONTEXT_DEBUG_MESSAGE(sl_core_thread *core, void *ctx,
                                               sl_slot *v)
{
    (void)core;
    sl_canon_fn *fn = ctx;
    sl_instance *inst = fn->inst;
    SL_TRAP_IF(inst->store, !inst->may_leave,
               "cannot leave component instance");
    void *item;
    sl_status st =
        sl_handles_expect(inst, v[0].i32, SL_HANDLE_ERROR_CONTEXT, &item);
    if (st != SL_OK)
        return st;
    sl_error_context *e = item;
    sl_cx cx = context_of(fn, NULL);
    uint64_t ptr = cx_is64(&cx) ? v[1].i64 : v[1].i32, pair[2] = {0, 0};
    SL_TRAP_IF(inst->store, !is_aligned(ptr, sl_cx_ptr_size(&cx)),
               "unaligned pointer");
    sl_val message = {.kind = SLUICE_STRING};
    message.of.string.data = e->message;
    message.of.string.len = e->len;
    st = sl_cx_store_string(&cx, &message, pair);
    return st != SL_OK ? st : sl_cx_store_pair(&cx, ptr, pair);
}

sl_status sl_canon_ERROR_CONTEXT_DROP(sl_core_thread *core, void *ctx,
                                      sl_slot *v)
{
    (void)core;
    sl_canon_fn *fn = ctx;
    SL_TRAP_IF(fn->inst->store, !fn->inst->may_leave,
               "cannot leave component instance");
    void *item;
    sl_status st =
        sl_handles_expect(fn->inst, v[0].i32, SL_HANDLE_ERROR_CONTEXT, &item);
    if (st != SL_OK)
        return st;
    sl_handles_remove(&fn->inst->handles, v[0].i32);
    sl_free(item);
    return SL_OK;
}
