/* The interpreter's loop: handlers.def compiled for one way of dispatch.
 * With gcc computed goto (this file is built with -fno-gcse, or gcc merges the
 * jumps), with clang calls that must be tail calls, elsewhere and under the
 * sanitizers a switch. Core specification, "Execution / Instructions". */
#include "exec/interp/ir.h"

#include <stdatomic.h>
#include <string.h>

#include "exec/exec_int.h"
#include "exec/interp/num.h"

#if !defined(SL_DISPATCH_GOTO) && !defined(SL_DISPATCH_TAIL) &&                \
    !defined(SL_DISPATCH_SWITCH)
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SL_DISPATCH_SWITCH 1
#elif defined(__clang__)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) ||     \
    __has_feature(memory_sanitizer) || !__has_attribute(musttail)
#define SL_DISPATCH_SWITCH 1
#else
#define SL_DISPATCH_TAIL 1
#endif
#elif defined(__GNUC__)
#define SL_DISPATCH_GOTO 1
#else
#define SL_DISPATCH_SWITCH 1
#endif
#endif

#define LIKELY(x)   __builtin_expect(!!(x), 1)
#define UNLIKELY(x) __builtin_expect(!!(x), 0)

/* clang-format off */
/* --- Operands: what the names in handlers.def stand for ------------------ */

#define R32(slot) (fp[slot].i32)
#define R64(slot) (fp[slot].i64)
#define RF32(slot) (fp[slot].f32)
#define RF64(slot) (fp[slot].f64)
#define B32  R32(ip->b)
#define B64  R64(ip->b)
#define BF32 RF32(ip->b)
#define BF64 RF64(ip->b)
#define C32  R32(ip->c)
#define C64  R64(ip->c)
#define CF32 RF32(ip->c)
#define CF64 RF64(ip->c)
#define A32  ((uint32_t)acc)
#define A64  acc
#define AF32 facc
#define AF64 dacc
#define IMM   (ip->imm)
#define IMMU  ((uint32_t)ip->imm)
#define IMM16 ((int16_t)ip->b)
/* The upper half or quarter of a float: enough for the common constants. */
#define IF32 sl_f32_of((uint32_t)ip->b << 16)
#define IF64 sl_f64_of((uint64_t)ip->b << 48)
#define POOL ((const void *)((const char *)ip + ip->imm))
#define K64  (*(const uint64_t *)POOL)
#define KF32 sl_f32_of(IMMU)
#define KF64 (*(const double *)POOL)

#define PUT32(v)  { acc = (uint32_t)(v); fp[ip->a].i64 = acc; NEXT }
#define PUT64(v)  { acc = (uint64_t)(v); fp[ip->a].i64 = acc; NEXT }
#define PUTF32(v) { facc = (v); fp[ip->a].f32 = facc; NEXT }
#define PUTF64(v) { dacc = (v); fp[ip->a].f64 = dacc; NEXT }

/* --- Steps --------------------------------------------------------------- */

#define NEXT    GOTO(ip + 1)
#define POLLING                                                                \
    UNLIKELY(atomic_load_explicit((const atomic_int *)frame->interrupt,        \
                                  memory_order_relaxed) != 0)
#define POLL_HERE                                                              \
    if (POLLING) {                                                             \
        SAVE(fp)                                                               \
        if (sl_slow_poll(frame) != SL_OK) EXIT;                                \
    }
#define JUMP(distance)                                                         \
    {                                                                          \
        const sl_ins *target_ =                                                \
            (const sl_ins *)(const void *)((const char *)ip + (distance));     \
        if (POLLING) POLL_AND_GOTO(target_)                                    \
        GOTO(target_)                                                          \
    }
#define JUMP_IF(condition)                                                     \
    { if (condition) JUMP(ip->imm) NEXT }
#define TRAP_IF(condition, code)                                               \
    if (UNLIKELY(condition)) RAISE(code)
#define CHECK_MEMORY(T) TRAP_IF(ea + sizeof(T) > size, MEMORY_BOUNDS)

#define SAVE_AT(at, of) frame->ip = (at); frame->fp = (of);
#define SAVE(of) SAVE_AT(ip, of)
/* What other code may have changed. */
#define RELOAD mem = frame->memory->base; size = frame->memory->size;
#define SLOW_(op)                                                              \
    SAVE(fp)                                                                   \
    if (UNLIKELY((frame->status = (op)(frame, ip, fp)) != SL_OK)) EXIT;        \
    RELOAD
#define SLOW(op) SLOW_(op) NEXT
#define SLOW2(op) SLOW_(op) GOTO(ip + 2)

#define CALL_ANY(f, ret)                                                       \
    const sl_ins *back = (ret);                                                \
    if (UNLIKELY(f->instance != frame->instance && f->instance != NULL)) {     \
        SAVE(fp)                                                               \
        frame->status = sl_slow_cross(frame, f, back);                         \
        if (frame->status != SL_OK) EXIT;                                      \
        back = frame->thread->store->stubs + SL_STUB_CROSS;                    \
        RELOAD                                                                 \
    }                                                                          \
    fp[ip->b].ref = (void *)back;                                              \
    fp[ip->b + 1].ref = fp;                                                    \
    fp += ip->a;                                                               \
    acc = (uintptr_t)f;                                                        \
    GOTO(f->code)
#define FIND_INDIRECT(i)                                                       \
    const sl_table *table = frame->tables[ip[1].bits >> 32];                   \
    TRAP_IF(i >= table->n, UNDEFINED)                                          \
    sl_core_func *f = table->elems[i];                                         \
    TRAP_IF(f == NULL, UNINITIALIZED)                                          \
    TRAP_IF(f->type_id != frame->type_ids[(uint32_t)ip[1].bits],               \
            INDIRECT_TYPE)
#define CALL_INDIRECT(i) FIND_INDIRECT(i) CALL_ANY(f, ip + 2)

#define TAIL_CALL(f)                                                           \
    const sl_ins *back = fp[ip->b].ref;                                        \
    sl_slot *caller = fp[ip->b + 1].ref;                                       \
    if (UNLIKELY(f->instance != frame->instance && f->instance != NULL)) {     \
        SAVE(fp)                                                               \
        frame->status = sl_slow_tail_cross(frame, f, &back);                   \
        if (frame->status != SL_OK) EXIT;                                      \
        RELOAD                                                                 \
    }                                                                          \
    memmove(fp, fp + ip->a, f->type->n_params * sizeof *fp);                   \
    fp[f->saved_at].ref = (void *)back;                                        \
    fp[f->saved_at + 1].ref = caller;                                          \
    acc = (uintptr_t)f;                                                        \
    GOTO(f->code)

/* From `linked` on, with the caller's place saved. */
#define CALL_LINKED(through, callee_saved_at)                                  \
    const sl_core_link *link_ = (through);                                     \
    sl_core_func *f = link_->callee;                                           \
    sl_slot *to = (sl_slot *)(void *)(linked + 1);                             \
    sl_slot *saved = to + (callee_saved_at);                                   \
    if (UNLIKELY(frame->limit - saved < SL_FRAME_SAVED)) {                     \
        frame->status = sl_raise(frame, SL_TRAP_STACK);                        \
        EXIT;                                                                  \
    }                                                                          \
    frame->thread->sp = saved + SL_FRAME_SAVED;                                \
    sl_status st_ =                                                            \
        link_->enter(frame->thread, link_, linked->state, linked->args, to);   \
    if (UNLIKELY(st_ != SL_OK)) {                                              \
        frame->status = st_;                                                   \
        EXIT;                                                                  \
    }                                                                          \
    linked->link = link_;                                                      \
    linked->outer = frame->links;                                              \
    frame->links = linked;                                                     \
    saved[0].ref = (void *)(frame->stubs + SL_STUB_UNLINK);                    \
    saved[1].ref = linked;                                                     \
    if (LIKELY(f->instance != NULL))                                           \
        sl_frame_enter(frame, f->instance);                                    \
    fp = to;                                                                   \
    acc = (uintptr_t)f;                                                        \
    FORGET RELOAD                                                              \
    GOTO(f->code)
/* A plain link's, with its mark taken away if that fails. */
#define PLAIN_STEP(call)                                                       \
    sl_status st_ = (call);                                                    \
    if (UNLIKELY(st_ != SL_OK)) {                                              \
        frame->thread->host = mark->outer;                                     \
        frame->links = linked->outer;                                          \
        frame->status = st_;                                                   \
        EXIT;                                                                  \
    }                                                                          \
    FORGET
/* Nobody reads these behind a call: they need not outlive it. */
#define FORGET facc = 0, dacc = 0;

/* To the handler that `find` makes the frame's place, if there is one. */
#define UNWIND(find)                                                           \
    {                                                                          \
        const sl_ins *handler_ = (find);                                       \
        if (handler_ == NULL) EXIT;                                            \
        fp = frame->fp;                                                        \
        RELOAD                                                                 \
        GOTO(handler_)                                                         \
    }

/* --- Dispatch ------------------------------------------------------------ */

#if defined(SL_DISPATCH_TAIL)

#define UNUSED __attribute__((unused))
#define PARAMS                                                                 \
    UNUSED const sl_ins *ip, UNUSED sl_slot *fp, UNUSED uint8_t *mem,          \
        UNUSED uint64_t size, UNUSED sl_frame *frame, UNUSED uint64_t acc,     \
        UNUSED float facc, UNUSED double dacc
typedef void handler(PARAMS);

#define GOTO(to)                                                               \
    {                                                                          \
        const sl_ins *to_ = (to);                                              \
        __attribute__((musttail)) return ((handler *)to_->handler)(            \
            to_, fp, mem, size, frame, acc, facc, dacc);                       \
    }
#define EXIT return
#define RAISE(code)                                                            \
    { __attribute__((musttail)) return raise_##code(ip, fp, mem, size, frame,  \
                                                    acc, facc, dacc); }

#define POLL_AND_GOTO(to)                                                      \
    {                                                                          \
        __attribute__((musttail)) return poll((to), fp, mem, size, frame, acc, \
                                              facc, dacc);                     \
    }

__attribute__((noinline, cold)) static void poll(PARAMS)
{
    SAVE(fp)
    if (sl_slow_poll(frame) != SL_OK)
        return;
    GOTO(ip)
}

#define TRAP(name, text)                                                       \
    __attribute__((noinline, cold, unused)) static void raise_##name(PARAMS)   \
    {                                                                          \
        SAVE(fp)                                                               \
        frame->status = sl_raise(frame, SL_TRAP_##name);                       \
    }
#include "exec/trap.def"
#undef TRAP

#define OP(name, ...) static void do_##name(PARAMS) { __VA_ARGS__ }
#include "exec/interp/handlers.def"
#undef OP

static const void *const handlers[SL_N_IR_OPS] = {
#define OP(name, ...) (const void *)do_##name,
#include "exec/interp/handlers.def"
#undef OP
};

const void *const *sl_interp_handlers(void)
{
    return handlers;
}

void sl_interp_run(sl_frame *frame, sl_core_func *func, sl_slot *fp)
{
    ((handler *)func->code->handler)(func->code, fp, frame->memory->base,
                                     frame->memory->size, frame,
                                     (uintptr_t)func, 0, 0);
}

#else

#define EXIT return NULL
#define RAISE(code) { trap = SL_TRAP_##code; goto raise; }
#define POLL_AND_GOTO(to) { ip = (to); goto poll; }

/* Without a frame: the table of handlers, which only this function can name. */
static const void *const *run(sl_frame *frame, const sl_ins *ip, sl_slot *fp,
                              uint64_t acc)
{
#if defined(SL_DISPATCH_GOTO)
    static const void *const handlers[SL_N_IR_OPS] = {
#define OP(name, ...) &&do_##name,
#include "exec/interp/handlers.def"
#undef OP
    };
    if (frame == NULL)
        return handlers;
#define GOTO(to) { ip = (to); goto *ip->handler; }
#else
#define GOTO(to) { ip = (to); continue; }
#endif

    uint8_t *mem = frame->memory->base;
    uint64_t size = frame->memory->size;
    float facc = 0;
    double dacc = 0;
    sl_trap_code trap;

#if defined(SL_DISPATCH_GOTO)
    goto *ip->handler;
poll:
    POLL_HERE
    GOTO(ip)
#define OP(name, ...) do_##name : { __VA_ARGS__ }
#include "exec/interp/handlers.def"
#undef OP
#else
go_on:
    for (;;) {
        switch ((sl_ir_op)ip->op) {
#define OP(name, ...) case IR_##name: { __VA_ARGS__ }
#include "exec/interp/handlers.def"
#undef OP
        case SL_N_IR_OPS:
        default:
            RAISE(UNREACHABLE)
        }
    }
poll:
    POLL_HERE
    goto go_on;
#endif

raise:
    SAVE(fp)
    frame->status = sl_raise(frame, trap);
    return NULL;
}

const void *const *sl_interp_handlers(void)
{
#if defined(SL_DISPATCH_GOTO)
    return run(NULL, NULL, NULL, 0);
#else
    return NULL;
#endif
}

void sl_interp_run(sl_frame *frame, sl_core_func *func, sl_slot *fp)
{
    run(frame, func->code, fp, (uintptr_t)func);
}

#endif
/* clang-format on */
