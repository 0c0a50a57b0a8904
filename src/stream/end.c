/* The ends that guests hold: a state machine each, and its events.
 * CanonicalABI.md "Stream State" (CopyEnd), "canon stream.{read,write}". */
#include "stream/stream.h"
#include "task/resource.h"

static sl_handle_kind kind_of(bool is_future, sl_side side)
{
    static const sl_handle_kind kind[2][2] = {
        {SL_HANDLE_STREAM_READ, SL_HANDLE_STREAM_WRITE},
        {SL_HANDLE_FUTURE_READ, SL_HANDLE_FUTURE_WRITE},
    };
    return kind[is_future][side];
}

const char *sl_end_text(const sl_end *end)
{
    return end->shared->is_future ? "future" : "stream";
}

sl_event_code sl_end_event_code(const sl_end *end)
{
    static const sl_event_code code[2][2] = {
        {SL_EVENT_STREAM_READ, SL_EVENT_STREAM_WRITE},
        {SL_EVENT_FUTURE_READ, SL_EVENT_FUTURE_WRITE},
    };
    return code[end->shared->is_future][end->side];
}

/* --- Life ----------------------------------------------------------------- */

void sl_end_free(sl_end *end)
{
    sl_store *store = end->waitable.inst->store;
    sl_waitable_deinit(&end->waitable);
    end->shared->ends[end->side] = NULL;
    sl_shared_unref(end->shared);
    store->live_ends--;
    sl_free(end);
}

static void free_item(sl_store *store, void *item)
{
    (void)store;
    sl_end_free(item);
}

sl_status sl_end_add(sl_instance *inst, sl_shared *shared, sl_side side,
                     uint32_t *index)
{
    sl_store *store = inst->store;
    sl_handle_kind kind = kind_of(shared->is_future, side);
    sl_end *end = sl_calloc(1, sizeof *end);

    if (end == NULL) {
        sl_shared_drop(shared, side);
        return sl_fail(&store->trap.err, SL_ENOMEM, SL_ERR_NO_PLACE,
                       "out of memory");
    }
    sl_waitable_init(&end->waitable, inst);
    end->shared = shared;
    shared->ends[side] = end;
    end->side = side;
    end->buffer = (sl_buffer *)end->buffer_space;
    store->free_item[kind] = free_item;
    store->live_ends++;
    sl_status status = sl_handles_add(inst, kind, end, &end->index);
    if (status != SL_OK) {
        sl_end_free(end);
        return status;
    }
    *index = end->index;
    if (shared->eager && sl_shared_is_dropped(shared))
        sl_end_tell_dropped(end);
    return SL_OK;
}

static sl_status trap_wrong_type(sl_instance *inst, const sl_end *end,
                                 const sl_type *type)
{
    char want[64], have[64];
    sl_type_text(type, want, sizeof want);
    if (end->shared->elem != NULL)
        sl_type_text(end->shared->elem, have, sizeof have);
    return sl_store_trap(inst->store,
                         "handle index %u used with the wrong type, expected "
                         "%s but found %s%s%s%s",
                         end->index, want, sl_end_text(end),
                         end->shared->elem != NULL ? "<" : "",
                         end->shared->elem != NULL ? have : "",
                         end->shared->elem != NULL ? ">" : "");
}

sl_status sl_end_expect(sl_instance *inst, uint32_t index, sl_side side,
                        const sl_type *type, sl_end **out)
{
    bool is_future = type->kind == SL_T_FUTURE;
    void *item = NULL;
    sl_status status =
        sl_handles_expect(inst, index, kind_of(is_future, side), &item);
    if (status != SL_OK)
        return status;
    *out = item;
    const sl_shared *shared = (*out)->shared;
    if (!sl_types_same(shared->scope, shared->elem, inst, type->of.list.elem))
        return trap_wrong_type(inst, *out, type);
    return SL_OK;
}

/* CopyEnd.drop, WritableFutureEnd.drop */
sl_status sl_end_drop(sl_end *end)
{
    sl_store *store = end->waitable.inst->store;
    bool busy =
        end->state == SL_END_COPYING || end->state == SL_END_CANCELLING_COPY;

    SL_TRAP_IF(store, busy && end->side == SL_READABLE, "cannot remove busy %s",
               sl_end_text(end));
    SL_TRAP_IF(store, busy, "cannot drop busy %s", sl_end_text(end));
    SL_TRAP_IF(store,
               end->shared->is_future && end->side == SL_WRITABLE &&
                   end->state != SL_END_DONE,
               "cannot drop future write end without first writing a value");
    sl_handles_remove(&end->waitable.inst->handles, end->index);
    end->shared->ops->drop(end->shared, end->side);
    sl_end_free(end);
    return SL_OK;
}

static sl_status check_lift(const sl_end *end)
{
    sl_store *store = end->waitable.inst->store;
    SL_TRAP_IF(store, end->state == SL_END_DONE && end->shared->is_future,
               "cannot lift future after previous read succeeded");
    SL_TRAP_IF(store, end->state == SL_END_DONE,
               "cannot lift stream after being notified that the writable end "
               "dropped");
    SL_TRAP_IF(store, end->state != SL_END_IDLE, "cannot remove busy %s",
               sl_end_text(end));
    SL_TRAP_IF(store, end->waitable.set != NULL,
               "cannot lift %s while it's in a waitable set", sl_end_text(end));
    return SL_OK;
}

sl_status sl_end_take(sl_end *end, sl_shared **out)
{
    sl_store *store = end->waitable.inst->store;
    SL_TRAP_IF(store, end->state == SL_END_DONE,
               "cannot forward %s whose other end is known to be dropped",
               sl_end_text(end));
    SL_TRAP_IF(store, end->state != SL_END_IDLE, "cannot forward busy %s",
               sl_end_text(end));
    SL_TRAP_IF(store, end->waitable.set != NULL,
               "cannot forward %s while it's in a waitable set",
               sl_end_text(end));
    sl_handles_remove(&end->waitable.inst->handles, end->index);
    *out = sl_shared_ref(end->shared);
    sl_end_free(end);
    return SL_OK;
}

sl_status sl_end_lift(sl_instance *inst, uint32_t index, const sl_type *type,
                      sl_shared **out)
{
    sl_end *end;
    sl_status status = sl_end_expect(inst, index, SL_READABLE, type, &end);
    if (status == SL_OK)
        status = check_lift(end);
    if (status != SL_OK)
        return status;
    sl_handles_remove(&inst->handles, index);
    *out = sl_shared_ref(end->shared);
    sl_end_free(end);
    return SL_OK;
}

/* --- Copying -------------------------------------------------------------- */

static sl_end *end_of(sl_copy *copy)
{
    return (sl_end *)((char *)copy - offsetof(sl_end, copy));
}

/* stream_event: made when it is delivered, so that it counts what was copied
 * since it was set. */
static sl_event stream_event(sl_waitable *w)
{
    sl_end *end = (sl_end *)w;

    if (end->reclaim)
        end->shared->ops->reclaim(end->shared, end->side);
    end->reclaim = false;
    end->state = end->result == SL_COPY_DROPPED ? SL_END_DONE : SL_END_IDLE;
    return (sl_event){sl_end_event_code(end), end->index,
                      (uint32_t)end->result | end->buffer->progress << 4};
}

static sl_event future_event(sl_waitable *w)
{
    sl_end *end = (sl_end *)w;

    end->state = end->result == SL_COPY_CANCELLED ? SL_END_IDLE : SL_END_DONE;
    return (sl_event){sl_end_event_code(end), end->index,
                      (uint32_t)end->result};
}

static void set_event(sl_end *end, sl_copy_result result, bool reclaim)
{
    end->result = result;
    end->reclaim = reclaim;
    sl_waitable_set_event(&end->waitable,
                          end->shared->is_future ? future_event : stream_event);
}

void sl_end_tell_dropped(sl_end *end)
{
    if (!sl_waitable_has_event(&end->waitable)) {
        if (end->state != SL_END_IDLE)
            return;
        end->buffer->progress = 0;
        set_event(end, SL_COPY_DROPPED, false);
    } else if (!end->shared->is_future) {
        end->result = SL_COPY_DROPPED;
    }
}

static void on_copy(sl_copy *copy)
{
    set_event(end_of(copy), SL_COPY_COMPLETED, true);
}

static void on_copy_done(sl_copy *copy, sl_copy_result result)
{
    set_event(end_of(copy), result, false);
}

sl_status sl_end_copy(sl_end *end)
{
    const sl_shared_ops *ops = end->shared->ops;

    end->copy = (sl_copy){.inst = end->waitable.inst,
                          .buffer = end->buffer,
                          .on_copy = on_copy,
                          .on_copy_done = on_copy_done};
    end->state = SL_END_COPYING;
    return end->side == SL_READABLE ? ops->read(end->shared, &end->copy)
                                    : ops->write(end->shared, &end->copy);
}
