/* Built-ins on streams and futures. CanonicalABI.md "canon {stream,future}.new"
 * to "canon {stream,future}.drop-{readable,writable}", and of the later text
 * (docs/spec-pins.md) "canon {stream,future}.forward". */
#include "canon/canon_int.h"

/* --- new ------------------------------------------------------------------ */

/* Adds both ends; takes the two references of `shared`. */
static sl_status add_ends(sl_instance *inst, sl_shared *shared, sl_slot *v)
{
    uint32_t readable, writable;

    if (shared == NULL)
        return inst->store->trap.err.code;
    shared->scope = inst;
    shared->eager = (inst->component->features &
                     SL_FEATURE_BIT(SL_FEATURE_EAGER_DROP)) != 0;
    sl_status status = sl_end_add(inst, shared, SL_READABLE, &readable);
    if (status != SL_OK) {
        sl_shared_unref(shared);
        return status;
    }
    status = sl_end_add(inst, shared, SL_WRITABLE, &writable);
    if (status == SL_OK)
        v[0].i64 = readable | (uint64_t)writable << 32;
    return status;
}

sl_status sl_canon_STREAM_NEW(sl_core_thread *core, void *ctx, sl_slot *v)
{
    const sl_canon_fn *fn = ctx;
    sl_store *store = fn->inst->store;
    (void)core;
    SL_TRAP_UNLESS_MAY_LEAVE(fn->inst);
    return add_ends(
        fn->inst,
        sl_stream_new(store, fn->canon->type->of.list.elem, &store->trap.err),
        v);
}

sl_status sl_canon_FUTURE_NEW(sl_core_thread *core, void *ctx, sl_slot *v)
{
    const sl_canon_fn *fn = ctx;
    sl_store *store = fn->inst->store;
    (void)core;
    SL_TRAP_UNLESS_MAY_LEAVE(fn->inst);
    return add_ends(
        fn->inst,
        sl_future_new(store, fn->canon->type->of.list.elem, &store->trap.err),
        v);
}

/* --- read, write ---------------------------------------------------------- */

/* Why an end that is not idle takes no operation. */
static sl_status trap_not_idle(sl_store *store, const sl_end *end)
{
    static const char *const done[2][2] = {
        /* [is_future][side] */
        {"cannot read from stream after being notified that the writable end "
         "dropped",
         "cannot write to stream after being notified that the readable end "
         "dropped"},
        {"cannot read from future after previous read succeeded",
         "cannot write to future after previous write succeeded or readable "
         "end dropped"},
    };
    if (end->state == SL_END_DONE)
        return sl_store_trap(store, "%s",
                             done[end->shared->is_future][end->side]);
    return sl_store_trap(store, "cannot have concurrent operations active on "
                                "a future/stream");
}

static sl_status check_not_in_set(sl_store *store, const sl_end *end,
                                  bool async_)
{
    SL_TRAP_IF(store, end->waitable.set != NULL && !async_,
               "waitable cannot be used synchronously while added to a "
               "waitable set");
    return SL_OK;
}

/* The end that a built-in names; a synchronous one that could not wait for it
 * anyway says so first. */
static sl_status find_end(sl_core_thread *core, const sl_canon_fn *fn,
                          uint32_t index, sl_side side, bool async_,
                          sl_end **out)
{
    sl_status status = SL_OK;

    SL_TRAP_UNLESS_MAY_LEAVE(fn->inst);
    if (!async_ && sl_handles_get(&fn->inst->handles, index) == NULL)
        status = sl_canon_cannot_block(sl_thread_of(core));
    if (status == SL_OK)
        status = sl_end_expect(fn->inst, index, side, fn->canon->type, out);
    return status;
}

/* Waits for the end's event if it must, and returns its payload. */
static sl_status finish(sl_end *end, bool async_, sl_slot *v)
{
    if (!sl_waitable_has_event(&end->waitable)) {
        if (async_) {
            v[0].i64 = SL_BLOCKED;
            return SL_OK;
        }
        sl_status status = sl_waitable_wait(&end->waitable);
        if (status != SL_OK)
            return status;
    }
    v[0].i64 = sl_waitable_take_event(&end->waitable).p2;
    return SL_OK;
}

static uint64_t address(const sl_canon_fn *fn, const sl_slot *slot)
{
    return fn->canon->opts.is64 ? slot->i64 : slot->i32;
}

/* stream_copy, future_copy */
static sl_status copy(sl_core_thread *core, const sl_canon_fn *fn, sl_side side,
                      uint64_t length, sl_slot *v)
{
    sl_store *store = fn->inst->store;
    bool async_ = fn->canon->opts.async_;
    sl_end *end;

    sl_status status = find_end(core, fn, v[0].i32, side, async_, &end);
    if (status != SL_OK)
        return status;
    if (end->state != SL_END_IDLE)
        return trap_not_idle(store, end);
    status = check_not_in_set(store, end, async_);
    if (status == SL_OK)
        status = sl_canon_buffer_init(end->buffer_space, fn,
                                      fn->canon->type->of.list.elem,
                                      address(fn, &v[1]), length);
    if (status == SL_OK)
        status = sl_end_copy(end);
    return status == SL_OK ? finish(end, async_, v) : status;
}

sl_status sl_canon_STREAM_READ(sl_core_thread *core, void *ctx, sl_slot *v)
{
    return copy(core, ctx, SL_READABLE, address(ctx, &v[2]), v);
}

sl_status sl_canon_STREAM_WRITE(sl_core_thread *core, void *ctx, sl_slot *v)
{
    return copy(core, ctx, SL_WRITABLE, address(ctx, &v[2]), v);
}

sl_status sl_canon_FUTURE_READ(sl_core_thread *core, void *ctx, sl_slot *v)
{
    return copy(core, ctx, SL_READABLE, 1, v);
}

sl_status sl_canon_FUTURE_WRITE(sl_core_thread *core, void *ctx, sl_slot *v)
{
    return copy(core, ctx, SL_WRITABLE, 1, v);
}

/* --- cancel-read, cancel-write -------------------------------------------- */

static sl_status cancel_copy(sl_core_thread *core, const sl_canon_fn *fn,
                             sl_side side, sl_slot *v)
{
    sl_store *store = fn->inst->store;
    bool async_ = fn->canon->async_;
    sl_end *end;

    sl_status status = find_end(core, fn, v[0].i32, side, async_, &end);
    if (status != SL_OK)
        return status;
    SL_TRAP_IF(store,
               end->state != SL_END_COPYING ||
                   end->waitable.sync_waiter != NULL,
               "stream or future is not in a state to be cancelled");
    status = check_not_in_set(store, end, async_);
    if (status != SL_OK)
        return status;
    end->state = SL_END_CANCELLING_COPY;
    /* A copy that made progress and was not over is cancelled as well: the
     * reference suite (cancel-stream.wast) has it report CANCELLED with its
     * count, definitions.py COMPLETED. */
    if (!sl_waitable_has_event(&end->waitable) || end->reclaim)
        end->shared->ops->cancel(end->shared, side);
    return finish(end, async_, v);
}

sl_status sl_canon_STREAM_CANCEL_READ(sl_core_thread *core, void *ctx,
                                      sl_slot *v)
{
    return cancel_copy(core, ctx, SL_READABLE, v);
}

sl_status sl_canon_STREAM_CANCEL_WRITE(sl_core_thread *core, void *ctx,
                                       sl_slot *v)
{
    return cancel_copy(core, ctx, SL_WRITABLE, v);
}

sl_status sl_canon_FUTURE_CANCEL_READ(sl_core_thread *core, void *ctx,
                                      sl_slot *v)
{
    return cancel_copy(core, ctx, SL_READABLE, v);
}

sl_status sl_canon_FUTURE_CANCEL_WRITE(sl_core_thread *core, void *ctx,
                                       sl_slot *v)
{
    return cancel_copy(core, ctx, SL_WRITABLE, v);
}

/* --- drop-readable, drop-writable ----------------------------------------- */

static sl_status drop(const sl_canon_fn *fn, sl_side side, sl_slot *v)
{
    sl_end *end;

    SL_TRAP_UNLESS_MAY_LEAVE(fn->inst);
    sl_status status =
        sl_end_expect(fn->inst, v[0].i32, side, fn->canon->type, &end);
    return status == SL_OK ? sl_end_drop(end) : status;
}

sl_status sl_canon_STREAM_DROP_READABLE(sl_core_thread *core, void *ctx,
                                        sl_slot *v)
{
    (void)core;
    return drop(ctx, SL_READABLE, v);
}

sl_status sl_canon_STREAM_DROP_WRITABLE(sl_core_thread *core, void *ctx,
                                        sl_slot *v)
{
    (void)core;
    return drop(ctx, SL_WRITABLE, v);
}

sl_status sl_canon_FUTURE_DROP_READABLE(sl_core_thread *core, void *ctx,
                                        sl_slot *v)
{
    (void)core;
    return drop(ctx, SL_READABLE, v);
}

sl_status sl_canon_FUTURE_DROP_WRITABLE(sl_core_thread *core, void *ctx,
                                        sl_slot *v)
{
    (void)core;
    return drop(ctx, SL_WRITABLE, v);
}

/* --- forward -------------------------------------------------------------- */

static sl_status forward(const sl_canon_fn *fn, const sl_slot *v)
{
    sl_instance *inst = fn->inst;
    const sl_type *type = fn->canon->type;
    sl_end *readable, *writable;
    sl_shared *from, *to;

    SL_TRAP_UNLESS_MAY_LEAVE(inst);
    sl_status status =
        sl_end_expect(inst, v[0].i32, SL_READABLE, type, &readable);
    if (status == SL_OK)
        status = sl_end_take(readable, &from);
    if (status != SL_OK)
        return status;
    status = sl_end_expect(inst, v[1].i32, SL_WRITABLE, type, &writable);
    if (status == SL_OK)
        status = sl_end_take(writable, &to);
    if (status == SL_OK)
        return sl_shared_forward(from, to);
    sl_shared_drop(from, SL_READABLE);
    return status;
}

sl_status sl_canon_STREAM_FORWARD(sl_core_thread *core, void *ctx, sl_slot *v)
{
    (void)core;
    return forward(ctx, v);
}

sl_status sl_canon_FUTURE_FORWARD(sl_core_thread *core, void *ctx, sl_slot *v)
{
    (void)core;
    return forward(ctx, v);
}
