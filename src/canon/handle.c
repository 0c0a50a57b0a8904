/* Values that are an index in the handle table: streams, futures and error
 * contexts. definitions.py lift_async_value, lower_stream, lower_future,
 * lift_error_context, lower_error_context. */
#include "canon/value_int.h"

/* The shared part in a value; a host may have left none. */
static sl_shared *shared_of(const sl_val *val)
{
    return val->kind == SLUICE_STREAM ? (sl_shared *)val->of.stream
                                      : (sl_shared *)val->of.future;
}

static void set_shared(sl_val *val, sl_shared *shared)
{
    if (val->kind == SLUICE_STREAM)
        val->of.stream = (struct sluice_stream *)shared;
    else
        val->of.future = (struct sluice_future *)shared;
}

static sl_status lift_async(sl_cx *cx, uint32_t index, const sl_type *type,
                            sl_val *out)
{
    sl_shared *shared;
    sl_status st = sl_end_lift(cx->inst, index, type, &shared);
    if (st == SL_OK)
        set_shared(out, shared);
    return st;
}

static sl_status lower_async(sl_cx *cx, const sl_val *val, uint32_t *index)
{
    sl_shared *shared = shared_of(val);
    SL_TRAP_IF(cx->inst->store, shared == NULL,
               "stream or future has been moved away");
    set_shared((sl_val *)val, NULL); /* the reference goes to the new end */
    return sl_end_add(cx->inst, shared, SL_READABLE, index);
}

static sl_status lift_error_context(sl_cx *cx, uint32_t index, sl_val *out)
{
    void *item;
    sl_status st =
        sl_handles_expect(cx->inst, index, SL_HANDLE_ERROR_CONTEXT, &item);
    if (st != SL_OK)
        return st;
    const sl_error_context *e = item;
    void *copy;
    st = sl_cx_alloc(cx, e->len + 1, 1, &copy);
    if (st != SL_OK)
        return st;
    memcpy(copy, e->message, e->len);
    out->of.string.data = copy;
    out->of.string.len = e->len;
    return SL_OK;
}

static sl_status lower_error_context(sl_cx *cx, const sl_val *val,
                                     uint32_t *index)
{
    return sl_error_context_add(cx->inst, val->of.string.data,
                                val->of.string.len, index);
}

sl_status sl_cx_lift_handle(sl_cx *cx, uint32_t index, const sl_type *type,
                            sl_val *out)
{
    switch (type->kind) {
    case SL_T_STREAM:
    case SL_T_FUTURE:
        return lift_async(cx, index, type, out);
    case SL_T_ERROR_CONTEXT:
        return lift_error_context(cx, index, out);
    case SL_T_OWN:
        return sl_cx_lift_own(cx, index, type, out);
    default:
        return sl_cx_lift_borrow(cx, index, type, out);
    }
}

sl_status sl_cx_lower_handle(sl_cx *cx, const sl_val *val, const sl_type *type,
                             uint32_t *index)
{
    switch (type->kind) {
    case SL_T_STREAM:
    case SL_T_FUTURE:
        return lower_async(cx, val, index);
    case SL_T_ERROR_CONTEXT:
        return lower_error_context(cx, val, index);
    case SL_T_OWN:
        return sl_cx_lower_own(cx, val, type, index);
    default:
        return sl_cx_lower_borrow(cx, val, type, index);
    }
}

/* --- Letting go ----------------------------------------------------------- */

/* As deep as a type is at most (100). */
void sl_vals_drop(sl_val *vals, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        sl_val *val = &vals[i];
        switch (val->kind) {
        case SLUICE_STREAM:
        case SLUICE_FUTURE:
            sl_shared_drop(shared_of(val), SL_READABLE);
            set_shared(val, NULL);
            break;
        case SLUICE_LIST:
        case SLUICE_MAP:
        case SLUICE_RECORD:
        case SLUICE_TUPLE:
            if (val->kind != SLUICE_LIST || val->elem == 0)
                sl_vals_drop(val->of.list.items, (uint32_t)val->of.list.len);
            break;
        case SLUICE_VARIANT:
        case SLUICE_OPTION:
        case SLUICE_RESULT:
            if (val->of.variant.payload != NULL)
                sl_vals_drop(val->of.variant.payload, 1);
            break;
        default:
            break;
        }
    }
}
