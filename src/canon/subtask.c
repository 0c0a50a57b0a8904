/* Built-ins on subtasks. CanonicalABI.md "canon subtask.cancel",
 * "canon subtask.drop". */
#include "canon/canon_int.h"

sl_status sl_canon_cannot_block(sl_thread *thread)
{
    const char *msg;
    SL_TRAP_IF(thread->task->inst->store,
               sl_thread_must_not_block(thread, &msg), "%s", msg);
    return SL_OK;
}

static sl_status expect(sl_instance *inst, uint32_t index, sl_subtask **out)
{
    void *item;
    sl_status status = sl_handles_expect(inst, index, SL_HANDLE_SUBTASK, &item);
    if (status == SL_OK)
        *out = item;
    return status;
}

static sl_status check_cancel(sl_store *store, const sl_subtask *sub,
                              bool async_)
{
    SL_TRAP_IF(store, sub->resolve_delivered,
               "`subtask.cancel` called after terminal status delivered");
    SL_TRAP_IF(store, sub->cancellation_requested,
               "`subtask.cancel` called more than once for the same subtask");
    SL_TRAP_IF(store, sub->waitable.set != NULL && !async_,
               "waitable cannot be used synchronously while added to a "
               "waitable set");
    return SL_OK;
}

sl_status sl_canon_SUBTASK_CANCEL(sl_core_thread *core, void *ctx, sl_slot *v)
{
    const sl_canon_fn *fn = ctx;
    sl_instance *inst = fn->inst;
    bool async_ = fn->canon->async_;
    sl_subtask *sub;
    sl_status status = SL_OK;

    SL_TRAP_UNLESS_MAY_LEAVE(inst);
    if (!async_ && sl_handles_get(&inst->handles, v[0].i32) == NULL)
        status = sl_canon_cannot_block(sl_thread_of(core));
    if (status == SL_OK)
        status = expect(inst, v[0].i32, &sub);
    if (status == SL_OK)
        status = check_cancel(inst->store, sub, async_);
    if (status != SL_OK)
        return status;
    if (!sub->call.resolved) {
        sub->cancellation_requested = true;
        if (sub->call.cancel != NULL)
            status = sub->call.cancel(&sub->call, inst);
        if (status != SL_OK)
            return status;
        if (!sub->call.resolved && async_) {
            v[0].i64 = SL_BLOCKED;
            return SL_OK;
        }
        /* An event may tell of its start only. */
        while (status == SL_OK && !sub->call.resolved) {
            sub->waitable.pending_event = NULL;
            status = sl_waitable_wait(&sub->waitable);
        }
        if (status != SL_OK)
            return status;
    }
    v[0].i64 = sl_waitable_take_event(&sub->waitable).p2;
    return SL_OK;
}

sl_status sl_canon_SUBTASK_DROP(sl_core_thread *core, void *ctx, sl_slot *v)
{
    sl_instance *inst = sl_canon_inst(ctx);
    sl_subtask *sub;
    (void)core;

    SL_TRAP_UNLESS_MAY_LEAVE(inst);
    sl_status status = expect(inst, v[0].i32, &sub);
    if (status != SL_OK)
        return status;
    SL_TRAP_IF(inst->store, !sub->resolve_delivered,
               "cannot drop a subtask which has not yet resolved");
    sl_handles_remove(&inst->handles, v[0].i32);
    inst->store->free_item[SL_HANDLE_SUBTASK](inst->store, sub);
    return SL_OK;
}
