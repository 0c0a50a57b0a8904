/* Context-local storage and backpressure. CanonicalABI.md "canon context.get",
 * "canon context.set", "canon backpressure.{inc,dec}". */
#include "canon/canon_int.h"

sl_status sl_canon_CONTEXT_GET(sl_core_thread *core, void *ctx, sl_slot *v)
{
    const sl_canon *canon = ((const sl_canon_fn *)ctx)->canon;
    uint64_t value = sl_thread_of(core)->storage[canon->slot];
    v[0].i64 = canon->core_type == SL_I64 ? value : (uint32_t)value;
    return SL_OK;
}

sl_status sl_canon_CONTEXT_SET(sl_core_thread *core, void *ctx, sl_slot *v)
{
    const sl_canon *canon = ((const sl_canon_fn *)ctx)->canon;
    uint64_t value = canon->core_type == SL_I64 ? v[0].i64 : v[0].i32;
    sl_thread_of(core)->storage[canon->slot] = value;
    return SL_OK;
}

sl_status sl_canon_BACKPRESSURE_INC(sl_core_thread *core, void *ctx, sl_slot *v)
{
    sl_instance *inst = sl_canon_inst(ctx);
    (void)core, (void)v;
    SL_TRAP_IF(inst->store, inst->backpressure == UINT16_MAX,
               "backpressure counter overflow");
    inst->backpressure++;
    return SL_OK;
}

sl_status sl_canon_BACKPRESSURE_DEC(sl_core_thread *core, void *ctx, sl_slot *v)
{
    sl_instance *inst = sl_canon_inst(ctx);
    (void)core, (void)v;
    SL_TRAP_IF(inst->store, inst->backpressure == 0,
               "backpressure counter underflow");
    if (--inst->backpressure == 0)
        sl_instance_open_gate(inst);
    return SL_OK;
}
