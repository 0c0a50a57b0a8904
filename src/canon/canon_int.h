/* What the built-ins share. */
#ifndef SL_CANON_CANON_INT_H
#define SL_CANON_CANON_INT_H

#include "canon/canon.h"
#include "canon/move.h"

#define SL_BLOCKED UINT32_MAX

/* The start of every built-in that may not be called during realloc or
 * post-return. */
#define SL_TRAP_UNLESS_MAY_LEAVE(inst)                                         \
    SL_TRAP_IF((inst)->store, !(inst)->may_leave,                              \
               "cannot leave component instance")

static inline sl_instance *sl_canon_inst(void *ctx)
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
sl_status sl_canon_cannot_block(sl_thread *thread);

/* unpack_event: stores the payload, gives the code. */
sl_status sl_canon_unpack_event(const sl_canon_fn *fn, sl_memory *memory,
                             uint64_t ptr, sl_event event, sl_slot *v);

/* buffer.c: a guest's buffer, built in place in an end. definitions.py
 * BufferGuestImpl. */
sl_status sl_canon_buffer_init(void *space, const sl_canon_fn *fn,
                            const sl_type *elem, uint64_t ptr, uint64_t length);

/* A lowered function and the lifted one it calls: how values go between. */
typedef struct canon_pair {
    const sl_canon_fn *lower, *lift;
    sl_instance *caller, *inst; /* theirs */
    sl_light_kind kind, unseen; /* the callee's task, and its realloc's */
    canon_plan params;          /* from the caller to the callee */
    canon_plan result;          /* back; of no leaves when there is none */
    bool direct;  /* neither side is asynchronous: sl_canon_call_direct */
    bool light;   /* ... and the callee's task holds no borrows */
    bool related; /* one instance is inside the other */
    bool alone;   /* ... or else, entering the callee enters no other */
} canon_pair;

/* lower.c: calls that a lowered function has made of a lifted one. */
bool sl_canon_is_lowered(const sl_call *call);
/* sl_call_start, with the arguments lowered to flat[] where `to` is. */
sl_status sl_canon_lowered_start(sl_call *call, sl_cx *to, sl_slot *flat);
/* sl_call_resolve with the result that is still in core values. */
sl_status sl_canon_lowered_resolve(sl_call *call, sl_cx *from,
                                   uint32_t max_flat, const sl_slot *flat);

/* direct.c: the whole call when neither side can be asynchronous. If it can,
 * it sees to it that core code does not come here again. */
sl_status sl_canon_call_direct(sl_core_thread *core, canon_pair *pair,
                            sl_slot *v);

/* lift.c */
bool sl_canon_related(const sl_instance *inst, const sl_instance *caller);
sl_status sl_canon_post_return(sl_core_thread *core, const sl_canon_fn *fn,
                            const sl_slot *flat);

#endif
