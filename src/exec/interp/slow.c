/* The interpreter's operations out of line. Core specification, "Execution /
 * Instructions". */
#include "exec/interp/ir.h"

#include <string.h>

#include "core/op.h"
#include "exec/exec_int.h"

static inline uint32_t low(const sl_ins *ip)
{
    return (uint32_t)ip[1].bits;
}

static inline uint32_t high(const sl_ins *ip)
{
    return (uint32_t)(ip[1].bits >> 32);
}

/* --- Tables: the second word has the table (low) -------------------------------- */

sl_status sl_slow_table_get(sl_frame *frame, const sl_ins *ip, sl_slot *fp)
{
    const sl_table *table = frame->tables[low(ip)];
    uint32_t i = fp[ip->b].i32;
    if (i >= table->n)
        return sl_raise(frame, SL_TRAP_TABLE_BOUNDS);
    fp[ip->a].ref = table->elems[i];
    return SL_OK;
}

sl_status sl_slow_table_set(sl_frame *frame, const sl_ins *ip, sl_slot *fp)
{
    sl_table *table = frame->tables[low(ip)];
    uint32_t i = fp[ip->a].i32;
    if (i >= table->n)
        return sl_raise(frame, SL_TRAP_TABLE_BOUNDS);
    table->elems[i] = fp[ip->b].ref;
    return SL_OK;
}

sl_status sl_slow_table_size(sl_frame *frame, const sl_ins *ip, sl_slot *fp)
{
    fp[ip->a].i64 = frame->tables[ip->imm]->n;
    return SL_OK;
}

sl_status sl_slow_table_grow(sl_frame *frame, const sl_ins *ip, sl_slot *fp)
{
    int64_t old = sl_table_grow(frame->thread->store, frame->tables[low(ip)],
                                fp[ip->c].i32, fp[ip->b].ref);
    fp[ip->a].i64 = (uint32_t)old;
    return SL_OK;
}

sl_status sl_slow_table_fill(sl_frame *frame, const sl_ins *ip, sl_slot *fp)
{
    sl_table *table = frame->tables[low(ip)];
    uint64_t at = fp[ip->a].i32, n = fp[ip->c].i32;
    if (at + n > table->n)
        return sl_raise(frame, SL_TRAP_TABLE_BOUNDS);
    for (uint64_t i = 0; i < n; i++)
        table->elems[at + i] = fp[ip->b].ref;
    return SL_OK;
}

sl_status sl_slow_table_copy(sl_frame *frame, const sl_ins *ip, sl_slot *fp)
{
    sl_table *to = frame->tables[low(ip)];
    const sl_table *from = frame->tables[high(ip)];
    uint64_t d = fp[ip->a].i32, s = fp[ip->b].i32, n = fp[ip->c].i32;
    if (d + n > to->n || s + n > from->n)
        return sl_raise(frame, SL_TRAP_TABLE_BOUNDS);
    if (n != 0)
        memmove(to->elems + d, from->elems + s, n * sizeof *to->elems);
    return SL_OK;
}

sl_status sl_slow_table_init(sl_frame *frame, const sl_ins *ip, sl_slot *fp)
{
    if (!sl_table_init_from(frame->instance, frame->tables[high(ip)], low(ip),
                            fp[ip->a].i32, fp[ip->b].i32, fp[ip->c].i32))
        return sl_raise(frame, SL_TRAP_TABLE_BOUNDS);
    return SL_OK;
}

sl_status sl_slow_elem_drop(sl_frame *frame, const sl_ins *ip, sl_slot *fp)
{
    (void)fp;
    frame->instance->elem_dropped[ip->imm] = true;
    return SL_OK;
}

sl_status sl_slow_ref_func(sl_frame *frame, const sl_ins *ip, sl_slot *fp)
{
    fp[ip->a].ref = frame->funcs[ip->imm];
    return SL_OK;
}

/* --- Memories -------------------------------------------------------------------- */

static sl_memory *memory_of(sl_frame *frame, uint32_t index)
{
    return frame->instance->memories[index];
}

sl_status sl_slow_memory_size(sl_frame *frame, const sl_ins *ip, sl_slot *fp)
{
    fp[ip->a].i64 = memory_of(frame, (uint32_t)ip->imm)->size >> 16;
    return SL_OK;
}

sl_status sl_slow_memory_grow(sl_frame *frame, const sl_ins *ip, sl_slot *fp)
{
    int64_t old = sl_memory_grow(frame->thread->store,
                                 memory_of(frame, (uint32_t)ip->imm),
                                 fp[ip->b].i32);
    fp[ip->a].i64 = (uint32_t)old;
    return SL_OK;
}

sl_status sl_slow_memory_fill(sl_frame *frame, const sl_ins *ip, sl_slot *fp)
{
    uint32_t n = fp[ip->c].i32;
    uint8_t *at = sl_memory_at(memory_of(frame, low(ip)), fp[ip->a].i32, n);
    if (at == NULL)
        return sl_raise(frame, SL_TRAP_MEMORY_BOUNDS);
    memset(at, (int)(fp[ip->b].i32 & 0xff), n);
    return SL_OK;
}

sl_status sl_slow_memory_copy(sl_frame *frame, const sl_ins *ip, sl_slot *fp)
{
    uint32_t n = fp[ip->c].i32;
    uint8_t *to = sl_memory_at(memory_of(frame, low(ip)), fp[ip->a].i32, n);
    const uint8_t *from =
        sl_memory_at(memory_of(frame, high(ip)), fp[ip->b].i32, n);
    if (to == NULL || from == NULL)
        return sl_raise(frame, SL_TRAP_MEMORY_BOUNDS);
    memmove(to, from, n);
    return SL_OK;
}

sl_status sl_slow_memory_init(sl_frame *frame, const sl_ins *ip, sl_slot *fp)
{
    if (!sl_memory_init_from(frame->instance, memory_of(frame, high(ip)),
                             low(ip), fp[ip->a].i32, fp[ip->b].i32,
                             fp[ip->c].i32))
        return sl_raise(frame, SL_TRAP_MEMORY_BOUNDS);
    return SL_OK;
}

sl_status sl_slow_data_drop(sl_frame *frame, const sl_ins *ip, sl_slot *fp)
{
    (void)fp;
    frame->instance->data_dropped[ip->imm] = true;
    return SL_OK;
}

/* Bytes of memory that a load or store touches. */
static uint32_t access_bytes(sl_op op)
{
    return (uint32_t)(sl_ops[op].imms[1] - '0');
}

static uint64_t sign_extend(uint64_t value, uint32_t bytes)
{
    unsigned shift = 64 - 8 * bytes;
    return (uint64_t)((int64_t)(value << shift) >> shift);
}

static uint64_t load(sl_op op, const uint8_t *at, uint32_t bytes)
{
    uint64_t value = 0;
    memcpy(&value, at, bytes);
    switch (op) {
    case SL_OP_I32_LOAD8_S:
    case SL_OP_I32_LOAD16_S:
        return (uint32_t)sign_extend(value, bytes);
    case SL_OP_I64_LOAD8_S:
    case SL_OP_I64_LOAD16_S:
    case SL_OP_I64_LOAD32_S:
        return sign_extend(value, bytes);
    default:
        return value;
    }
}

/* The second word has the instruction (low) and the memory. */
sl_status sl_slow_access(sl_frame *frame, const sl_ins *ip, sl_slot *fp)
{
    sl_op op = (sl_op)low(ip);
    uint32_t bytes = access_bytes(op);
    uint8_t *at = sl_memory_at(memory_of(frame, high(ip)),
                               (uint64_t)fp[ip->b].i32 + (uint32_t)ip->imm,
                               bytes);
    if (at == NULL)
        return sl_raise(frame, SL_TRAP_MEMORY_BOUNDS);
    if (op >= SL_OP_I32_STORE)
        memcpy(at, &fp[ip->a].i64, bytes);
    else
        fp[ip->a].i64 = load(op, at, bytes);
    return SL_OK;
}

/* --- Calls ----------------------------------------------------------------------- */

const sl_ins *sl_slow_translate(sl_frame *frame, sl_core_func *func)
{
    sl_core_instance *inst = func->instance;
    sl_code_func *code =
        &inst->code->funcs[func->index - inst->module->n_imported_funcs];
    if (code->code == NULL) {
        sl_err err = {0};
        size_t bytes = 0;
        if (sl_translate(code, &bytes, &err) != SL_OK) {
            frame->status = sl_abort_call(frame->thread, &err);
            return NULL;
        }
        inst->store->stats.funcs_translated++;
        inst->store->stats.ir_bytes += bytes;
    }
    return func->code = code->code;
}

sl_status sl_slow_host(sl_frame *frame, sl_core_func *func, sl_slot *fp)
{
    sl_core_thread *thread = frame->thread;
    thread->sp = fp + func->saved_at + SL_FRAME_SAVED;
    sl_status st = func->host(thread, func->ctx, fp);
    if (st == SL_ETRAP)
        sl_trap(thread, "a host function failed");
    return st;
}

sl_status sl_slow_cross(sl_frame *frame, sl_core_func *func, const sl_ins *ret)
{
    /* Room for the entry, beyond what the running frame may touch. */
    const sl_ins *ip = frame->ip;
    ptrdiff_t used = ip->b + SL_FRAME_SAVED;
    if (frame->limit - frame->fp < used + 2)
        return sl_raise(frame, SL_TRAP_STACK);
    frame->limit -= 2;
    *(sl_cross *)(void *)frame->limit = (sl_cross){ret, frame->instance};
    sl_frame_enter(frame, func->instance);
    return SL_OK;
}
