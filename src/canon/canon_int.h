/* What the built-ins share. */
#ifndef SL_CANON_CANON_INT_H
#define SL_CANON_CANON_INT_H

#include "canon/canon.h"

#define SL_BLOCKED UINT32_MAX

/* The start of every built-in that may not be called during realloc or
 * post-return. */
#define SL_TRAP_UNLESS_MAY_LEAVE(inst)                                         \
    SL_TRAP_IF((inst)->store, !(inst)->may_leave,                              \
               "cannot leave component instance")

static inline sl_instance *canon_inst(void *ctx)
{
    return ((sl_canon_fn *)ctx)->inst;
}

/* How much a value on its way to or from the host may take. */
static inline uint64_t lift_budget(const sl_instance *inst, bool to_host)
{
    uint64_t bytes = inst->store->limits.call_bytes;
    return to_host && bytes != 0 ? bytes : UINT64_MAX;
}

/* A thread that blocks in a synchronous task traps before it is told what
 * else is wrong. */
sl_status canon_cannot_block(sl_thread *thread);

/* unpack_event: stores the payload, gives the code. */
sl_status canon_unpack_event(const sl_canon_fn *fn, sl_memory *memory,
                             uint64_t ptr, sl_event event, sl_slot *v);

/* buffer.c: a guest's buffer, built in place in an end. definitions.py
 * BufferGuestImpl. */
sl_status canon_buffer_init(void *space, const sl_canon_fn *fn,
                            const sl_type *elem, uint64_t ptr, uint64_t length);

#endif
