/* Built-ins on waitables and waitable sets. CanonicalABI.md
 * "canon waitable-set.new" to "canon waitable.join". */
#include "canon/canon_int.h"

static void free_set(sl_store *store, void *item)
{
    (void)store;
    sl_waitable_set_free(item);
}

sl_status sl_canon_WAITABLE_SET_NEW(sl_core_thread *core, void *ctx, sl_slot *v)
{
    sl_instance *inst = sl_canon_inst(ctx);
    uint32_t index;
    (void)core;

    SL_TRAP_UNLESS_MAY_LEAVE(inst);
    sl_waitable_set *set = sl_waitable_set_new(&inst->store->trap.err);
    if (set == NULL)
        return SL_ENOMEM;
    inst->store->free_item[SL_HANDLE_WAITABLE_SET] = free_set;
    sl_status status =
        sl_handles_add(inst, SL_HANDLE_WAITABLE_SET, set, &index);
    if (status != SL_OK) {
        sl_waitable_set_free(set);
        return status;
    }
    v[0].i64 = index;
    return SL_OK;
}

static sl_status expect_set(sl_instance *inst, uint32_t index,
                            sl_waitable_set **out)
{
    void *item;
    sl_status status =
        sl_handles_expect(inst, index, SL_HANDLE_WAITABLE_SET, &item);
    if (status == SL_OK)
        *out = item;
    return status;
}

sl_status sl_canon_unpack_event(const sl_canon_fn *fn, sl_memory *memory,
                                uint64_t ptr, sl_event event, sl_slot *v)
{
    sl_store *store = fn->inst->store;
    uint32_t payload[2] = {event.p1, event.p2};

    SL_TRAP_IF(store, (ptr & 3) != 0, "unaligned pointer");
    uint8_t *to = sl_memory_at(memory, ptr, sizeof payload);
    SL_TRAP_IF(store, to == NULL, "event pointer out of bounds of memory");
    memcpy(to, payload, sizeof payload);
    v[0].i64 = (uint32_t)event.code;
    return SL_OK;
}

static uint64_t address(const sl_canon_fn *fn, const sl_slot *slot)
{
    bool is64 = fn->memory != NULL && fn->memory->type.limits.is64;
    return is64 ? slot->i64 : slot->i32;
}

/* wait_for_event */
static sl_status wait_for_event(sl_thread *thread, sl_waitable_set *set,
                                bool cancellable, sl_event *event)
{
    bool cancelled = false;

    set->num_waiting++;
    sl_status status =
        sl_thread_wait_until(thread, SL_WAIT_SET, set, cancellable, &cancelled);
    set->num_waiting--;
    if (status != SL_OK)
        return status;
    *event = cancelled
                 ? (sl_event){.code = SL_EVENT_TASK_CANCELLED}
                 : sl_waitable_set_take_event(thread->task->inst->store, set);
    return SL_OK;
}

sl_status sl_canon_WAITABLE_SET_WAIT(sl_core_thread *core, void *ctx,
                                     sl_slot *v)
{
    const sl_canon_fn *fn = ctx;
    uint64_t ptr = address(fn, &v[1]);
    sl_waitable_set *set;
    sl_event event;

    SL_TRAP_UNLESS_MAY_LEAVE(fn->inst);
    sl_status status = expect_set(fn->inst, v[0].i32, &set);
    if (status == SL_OK)
        status = wait_for_event(sl_thread_of(core), set, fn->canon->cancellable,
                                &event);
    if (status != SL_OK)
        return status;
    return sl_canon_unpack_event(fn, fn->memory, ptr, event, v);
}

sl_status sl_canon_WAITABLE_SET_POLL(sl_core_thread *core, void *ctx,
                                     sl_slot *v)
{
    const sl_canon_fn *fn = ctx;
    sl_task *task = sl_thread_of(core)->task;
    uint64_t ptr = address(fn, &v[1]);
    sl_waitable_set *set;
    sl_event event = {SL_EVENT_NONE, 0, 0};

    SL_TRAP_UNLESS_MAY_LEAVE(fn->inst);
    sl_status status = expect_set(fn->inst, v[0].i32, &set);
    if (status != SL_OK)
        return status;
    if (sl_task_deliver_pending_cancel(task, fn->canon->cancellable))
        event.code = SL_EVENT_TASK_CANCELLED;
    else if (sl_waitable_set_has_event(set))
        event = sl_waitable_set_take_event(fn->inst->store, set);
    return sl_canon_unpack_event(fn, fn->memory, ptr, event, v);
}

sl_status sl_canon_WAITABLE_SET_DROP(sl_core_thread *core, void *ctx,
                                     sl_slot *v)
{
    sl_instance *inst = sl_canon_inst(ctx);
    sl_waitable_set *set;
    (void)core;

    SL_TRAP_UNLESS_MAY_LEAVE(inst);
    sl_status status = expect_set(inst, v[0].i32, &set);
    if (status != SL_OK)
        return status;
    SL_TRAP_IF(inst->store, set->idle.n + set->pending.n > 0,
               "cannot drop waitable set with waitables in it");
    SL_TRAP_IF(inst->store, set->num_waiting > 0,
               "cannot drop waitable set with waiters");
    sl_handles_remove(&inst->handles, v[0].i32);
    sl_waitable_set_free(set);
    return SL_OK;
}

static sl_status expect_waitable(sl_instance *inst, uint32_t index,
                                 sl_waitable **out)
{
    const sl_handle *handle = sl_handles_get(&inst->handles, index);
    if (handle == NULL)
        return sl_handles_trap(inst, index, "waitable");
    switch (handle->kind) {
    case SL_HANDLE_SUBTASK:
    case SL_HANDLE_STREAM_READ:
    case SL_HANDLE_STREAM_WRITE:
    case SL_HANDLE_FUTURE_READ:
    case SL_HANDLE_FUTURE_WRITE:
        *out = handle->item; /* their first member */
        return SL_OK;
    default:
        return sl_handles_trap(inst, index, "waitable");
    }
}

sl_status sl_canon_WAITABLE_JOIN(sl_core_thread *core, void *ctx, sl_slot *v)
{
    sl_instance *inst = sl_canon_inst(ctx);
    sl_waitable_set *set = NULL;
    sl_waitable *w = NULL;
    (void)core;

    SL_TRAP_UNLESS_MAY_LEAVE(inst);
    sl_status status = expect_waitable(inst, v[0].i32, &w);
    if (status != SL_OK)
        return status;
    SL_TRAP_IF(inst->store, w->sync_waiter != NULL,
               "waitable cannot be used synchronously while added to a "
               "waitable set");
    if (v[1].i32 != 0)
        status = expect_set(inst, v[1].i32, &set);
    if (status == SL_OK)
        sl_waitable_join(w, set);
    return status;
}
