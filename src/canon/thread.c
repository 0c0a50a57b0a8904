/* Built-ins on threads. CanonicalABI.md "canon thread.index" to
 * "canon thread.yield-then-promote". */
#include "canon/canon_int.h"

static bool cancellable(void *ctx)
{
    return ((const sl_canon_fn *)ctx)->canon->cancellable;
}

sl_status sl_canon_THREAD_YIELD(sl_core_thread *core, void *ctx, sl_slot *v)
{
    bool cancelled = false;
    SL_TRAP_UNLESS_MAY_LEAVE(sl_canon_inst(ctx));
    sl_status status =
        sl_thread_yield(sl_thread_of(core), NULL, cancellable(ctx), &cancelled);
    v[0].i64 = cancelled;
    return status;
}

sl_status sl_canon_THREAD_SUSPEND(sl_core_thread *core, void *ctx, sl_slot *v)
{
    bool cancelled = false;
    SL_TRAP_UNLESS_MAY_LEAVE(sl_canon_inst(ctx));
    sl_status status = sl_thread_suspend(sl_thread_of(core), NULL,
                                         cancellable(ctx), &cancelled);
    v[0].i64 = cancelled;
    return status;
}

sl_status sl_canon_THREAD_INDEX(sl_core_thread *core, void *ctx, sl_slot *v)
{
    SL_TRAP_UNLESS_MAY_LEAVE(sl_canon_inst(ctx));
    v[0].i64 = sl_thread_of(core)->index;
    return SL_OK;
}

/* --- thread.new-indirect -------------------------------------------------- */

typedef struct start {
    sl_core_func *func;
    uint64_t c;
} start;

/* Its first resume: thread_func. The start is the thread's own, also when the
 * thread never runs (thread->arg is freed with it). */
static sl_status thread_func(sl_thread *thread, void *arg)
{
    const start *s = arg;
    sl_slot vals[1] = {{.i64 = s->c}};
    sl_status status = sl_core_call(thread->core, s->func, vals);
    if (status == SL_OK)
        status = sl_task_unregister_thread(thread->task, thread);
    return status;
}

static sl_status start_func(const sl_canon_fn *fn, uint64_t index,
                            sl_core_func **out)
{
    static const sl_valtype i32[] = {SL_I32}, i64[] = {SL_I64};
    sl_store *store = fn->inst->store;
    bool is64 = fn->canon->core->types[1] == SL_I64;
    sl_functype type = {.n_params = 1, .types = is64 ? i64 : i32};

    SL_TRAP_IF(store, index >= fn->table->n, "undefined element");
    *out = fn->table->elems[index];
    SL_TRAP_IF(store, *out == NULL, "uninitialized element");
    SL_TRAP_IF(store, !sl_core_func_has_type(*out, &type),
               "indirect call type mismatch");
    return SL_OK;
}

sl_status sl_canon_THREAD_NEW_INDIRECT(sl_core_thread *core, void *ctx,
                                       sl_slot *v)
{
    const sl_canon_fn *fn = ctx;
    sl_store *store = fn->inst->store;
    sl_task *task = sl_thread_of(core)->task;
    const sl_valtype *types = fn->canon->core->types;
    sl_core_func *func = NULL;

    SL_TRAP_UNLESS_MAY_LEAVE(fn->inst);
    sl_status status =
        start_func(fn, types[0] == SL_I64 ? v[0].i64 : v[0].i32, &func);
    if (status != SL_OK)
        return status;
    start *s = sl_malloc(sizeof *s);
    if (s != NULL)
        *s = (start){func, types[1] == SL_I64 ? v[1].i64 : v[1].i32};
    sl_thread *thread =
        s != NULL ? sl_thread_new(task, thread_func, s, &store->trap.err)
                  : NULL;
    if (thread == NULL) {
        sl_free(s);
        return sl_fail(&store->trap.err, SL_ENOMEM, SL_ERR_NO_PLACE,
                       "out of memory");
    }
    thread->owns_arg = true;
    status = sl_task_register_thread(task, thread);
    v[0].i64 = thread->index;
    return status; /* a thread without an index goes with the store */
}

/* --- Resuming others ------------------------------------------------------ */

static sl_status expect_thread(sl_instance *inst, uint32_t index,
                               sl_thread **out)
{
    const sl_handle *handle = sl_handles_get(&inst->threads, index);
    SL_TRAP_IF(inst->store, handle == NULL, "unknown thread index %u", index);
    *out = handle->item;
    return SL_OK;
}

static sl_status expect_suspended(sl_instance *inst, uint32_t index,
                                  sl_thread **out)
{
    sl_status status = expect_thread(inst, index, out);
    if (status != SL_OK)
        return status;
    SL_TRAP_IF(inst->store, !sl_thread_suspended(*out),
               "cannot resume thread which is not suspended");
    return SL_OK;
}

sl_status sl_canon_THREAD_RESUME_LATER(sl_core_thread *core, void *ctx,
                                       sl_slot *v)
{
    sl_instance *inst = sl_canon_inst(ctx);
    sl_thread *other = NULL;
    (void)core;

    SL_TRAP_UNLESS_MAY_LEAVE(inst);
    sl_status status = expect_suspended(inst, v[0].i32, &other);
    if (status == SL_OK)
        sl_thread_resume_later(other);
    return status;
}

typedef sl_status (*block_fn)(sl_thread *thread, sl_thread *other,
                              bool cancellable, bool *cancelled);

static sl_status then_resume(sl_core_thread *core, void *ctx, sl_slot *v,
                             block_fn block)
{
    sl_instance *inst = sl_canon_inst(ctx);
    bool cancelled = false;
    sl_thread *other = NULL;

    SL_TRAP_UNLESS_MAY_LEAVE(inst);
    sl_status status = expect_suspended(inst, v[0].i32, &other);
    if (status == SL_OK)
        status = block(sl_thread_of(core), other, cancellable(ctx), &cancelled);
    v[0].i64 = cancelled;
    return status;
}

/* suspend_then_promote, yield_then_promote */
static sl_status then_promote(sl_core_thread *core, void *ctx, sl_slot *v,
                              block_fn block)
{
    sl_instance *inst = sl_canon_inst(ctx);
    sl_thread *thread = sl_thread_of(core), *other = NULL;
    bool cancelled = false;

    SL_TRAP_UNLESS_MAY_LEAVE(inst);
    sl_status status = expect_thread(inst, v[0].i32, &other);
    if (status != SL_OK)
        return status;
    if (sl_task_deliver_pending_cancel(thread->task, cancellable(ctx))) {
        v[0].i64 = true;
        return SL_OK;
    }
    if (!other->running && sl_thread_ready(other))
        sl_thread_stop_waiting(other);
    else
        other = NULL;
    status = block(thread, other, cancellable(ctx), &cancelled);
    v[0].i64 = cancelled;
    return status;
}

sl_status sl_canon_THREAD_SUSPEND_THEN_RESUME(sl_core_thread *core, void *ctx,
                                              sl_slot *v)
{
    return then_resume(core, ctx, v, sl_thread_suspend);
}

sl_status sl_canon_THREAD_YIELD_THEN_RESUME(sl_core_thread *core, void *ctx,
                                            sl_slot *v)
{
    return then_resume(core, ctx, v, sl_thread_yield);
}

sl_status sl_canon_THREAD_SUSPEND_THEN_PROMOTE(sl_core_thread *core, void *ctx,
                                               sl_slot *v)
{
    return then_promote(core, ctx, v, sl_thread_suspend);
}

sl_status sl_canon_THREAD_YIELD_THEN_PROMOTE(sl_core_thread *core, void *ctx,
                                             sl_slot *v)
{
    return then_promote(core, ctx, v, sl_thread_yield);
}
