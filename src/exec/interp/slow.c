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

/* An operand of the address type of a table or memory. */
static inline uint64_t address(bool is64, const sl_slot *slot)
{
    return is64 ? slot->i64 : slot->i32;
}

/* --- Polling ------------------------------------------------------------- */

/* Polls between two looks at the clock. */
#define POLLS 32

sl_status sl_slow_poll(sl_frame *frame)
{
    sl_core_store *store = frame->thread->store;
    int wanted = atomic_load_explicit(&store->interrupt, memory_order_relaxed);
    if ((wanted & SL_INTERRUPT_FAULT) != 0) {
        atomic_fetch_and(&store->interrupt, ~SL_INTERRUPT_FAULT);
        return frame->status = sl_raise(frame, SL_TRAP_MAPPED_FAULT);
    }
    if ((wanted & SL_INTERRUPT_NOW) != 0)
        return frame->status = sl_raise(frame, SL_TRAP_INTERRUPTED);
    if ((wanted & SL_INTERRUPT_POLL) == 0 || store->polls_left-- != 0)
        return SL_OK;
    store->polls_left = POLLS - 1;
    if (!store->poll(store->poll_arg))
        return SL_OK;
    return frame->status = sl_raise(frame, SL_TRAP_DEADLINE);
}

/* Much time may have passed: the next poll looks at the clock. */
static void poll_soon(sl_frame *frame)
{
    frame->thread->store->polls_left = 0;
}

sl_status sl_core_poll(sl_core_thread *thread)
{
    poll_soon(thread->frame);
    return sl_slow_poll(thread->frame);
}

/* Bulk instructions go by pieces of about a millisecond at most, and may trap
 * between two of them: the specification lets nobody see the difference, for
 * the instance is not entered again. */
#define PIECE_BYTES (UINT64_C(1) << 20)
#define PIECE_REFS  (PIECE_BYTES / sizeof(void *))

static uint64_t piece(uint64_t left, uint64_t most)
{
    return left < most ? left : most;
}

static sl_status between(sl_frame *frame, uint64_t left)
{
    if (left == 0)
        return SL_OK;
    poll_soon(frame);
    return sl_slow_poll(frame);
}

/* memmove by pieces, from the end where that is what overlapping needs. */
static sl_status move(sl_frame *frame, void *to, const void *from, uint64_t n)
{
    uint8_t *d = to;
    const uint8_t *s = from;
    sl_status status = SL_OK;
    bool down = (uintptr_t)d > (uintptr_t)s;
    while (n != 0 && status == SL_OK) {
        uint64_t now = piece(n, PIECE_BYTES);
        n -= now;
        memmove(down ? d + n : d, down ? s + n : s, (size_t)now);
        if (!down) {
            d += now;
            s += now;
        }
        status = between(frame, n);
    }
    return status;
}

/* --- Tables: the second word has the table (low) ------------------------- */

static uint64_t table_operand(const sl_table *table, const sl_slot *slot)
{
    return address(table->type.limits.is64, slot);
}

static bool in_table(const sl_table *table, uint64_t at, uint64_t n)
{
    return at <= table->n && n <= table->n - at;
}

sl_status sl_slow_table_get(sl_frame *frame, const sl_ins *ip, sl_slot *fp)
{
    const sl_table *table = frame->tables[low(ip)];
    uint64_t i = table_operand(table, &fp[ip->b]);
    if (i >= table->n)
        return sl_raise(frame, SL_TRAP_TABLE_BOUNDS);
    fp[ip->a].ref = table->elems[i];
    return SL_OK;
}

sl_status sl_slow_table_set(sl_frame *frame, const sl_ins *ip, sl_slot *fp)
{
    sl_table *table = frame->tables[low(ip)];
    uint64_t i = table_operand(table, &fp[ip->a]);
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
    sl_table *table = frame->tables[low(ip)];
    uint64_t delta = table_operand(table, &fp[ip->c]);
    sl_slot old = {.i64 = (uint64_t)sl_table_grow(frame->thread->store, table,
                                                  delta, fp[ip->b].ref)};
    poll_soon(frame);
    fp[ip->a].i64 = table_operand(table, &old);
    return SL_OK;
}

sl_status sl_slow_table_fill(sl_frame *frame, const sl_ins *ip, sl_slot *fp)
{
    sl_table *table = frame->tables[low(ip)];
    uint64_t at = table_operand(table, &fp[ip->a]);
    uint64_t n = table_operand(table, &fp[ip->c]);
    if (!in_table(table, at, n))
        return sl_raise(frame, SL_TRAP_TABLE_BOUNDS);
    sl_status status = SL_OK;
    while (n != 0 && status == SL_OK) {
        uint64_t end = at + piece(n, PIECE_REFS);
        n -= end - at;
        while (at < end)
            table->elems[at++] = fp[ip->b].ref;
        status = between(frame, n);
    }
    return status;
}

sl_status sl_slow_table_copy(sl_frame *frame, const sl_ins *ip, sl_slot *fp)
{
    sl_table *to = frame->tables[low(ip)];
    const sl_table *from = frame->tables[high(ip)];
    uint64_t d = table_operand(to, &fp[ip->a]);
    uint64_t s = table_operand(from, &fp[ip->b]);
    bool long_n = to->type.limits.is64 && from->type.limits.is64;
    uint64_t n = address(long_n, &fp[ip->c]);
    if (!in_table(to, d, n) || !in_table(from, s, n))
        return sl_raise(frame, SL_TRAP_TABLE_BOUNDS);
    if (n == 0)
        return SL_OK;
    return move(frame, to->elems + d, from->elems + s, n * sizeof *to->elems);
}

sl_status sl_slow_table_init(sl_frame *frame, const sl_ins *ip, sl_slot *fp)
{
    sl_table *table = frame->tables[high(ip)];
    if (!sl_table_init_from(frame->instance, table, low(ip),
                            table_operand(table, &fp[ip->a]), fp[ip->b].i32,
                            fp[ip->c].i32))
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

/* --- Memories ------------------------------------------------------------ */

static sl_memory *memory_of(sl_frame *frame, uint32_t index)
{
    return frame->instance->memories[index];
}

static uint64_t memory_operand(const sl_memory *memory, const sl_slot *slot)
{
    return address(memory->type.limits.is64, slot);
}

sl_status sl_slow_memory_size(sl_frame *frame, const sl_ins *ip, sl_slot *fp)
{
    fp[ip->a].i64 = memory_of(frame, (uint32_t)ip->imm)->size >> 16;
    return SL_OK;
}

sl_status sl_slow_memory_grow(sl_frame *frame, const sl_ins *ip, sl_slot *fp)
{
    sl_memory *memory = memory_of(frame, (uint32_t)ip->imm);
    uint64_t delta = memory_operand(memory, &fp[ip->b]);
    sl_slot old = {
        .i64 = (uint64_t)sl_memory_grow(frame->thread->store, memory, delta)};
    poll_soon(frame);
    fp[ip->a].i64 = memory_operand(memory, &old);
    return SL_OK;
}

sl_status sl_slow_memory_fill(sl_frame *frame, const sl_ins *ip, sl_slot *fp)
{
    const sl_memory *memory = memory_of(frame, low(ip));
    uint64_t n = memory_operand(memory, &fp[ip->c]);
    uint8_t *at = sl_memory_at(memory, memory_operand(memory, &fp[ip->a]), n);
    if (at == NULL)
        return sl_raise(frame, SL_TRAP_MEMORY_BOUNDS);
    sl_status status = SL_OK;
    while (n != 0 && status == SL_OK) {
        uint64_t now = piece(n, PIECE_BYTES);
        memset(at, (int)(fp[ip->b].i32 & 0xff), (size_t)now);
        at += now;
        n -= now;
        status = between(frame, n);
    }
    return status;
}

sl_status sl_slow_memory_copy(sl_frame *frame, const sl_ins *ip, sl_slot *fp)
{
    const sl_memory *target = memory_of(frame, low(ip));
    const sl_memory *source = memory_of(frame, high(ip));
    bool long_n = target->type.limits.is64 && source->type.limits.is64;
    uint64_t n = address(long_n, &fp[ip->c]);
    uint8_t *to = sl_memory_at(target, memory_operand(target, &fp[ip->a]), n);
    const uint8_t *from =
        sl_memory_at(source, memory_operand(source, &fp[ip->b]), n);
    if (to == NULL || from == NULL)
        return sl_raise(frame, SL_TRAP_MEMORY_BOUNDS);
    return move(frame, to, from, n);
}

/* docs/data-segments.md, section 8. The thread may be suspended meanwhile: what
 * is below the operands is in use. */
static sl_status init_imported(sl_frame *frame, const sl_ins *ip, sl_slot *fp)
{
    sl_core_data *data = frame->instance->datas[low(ip)];
    sl_memory *memory = memory_of(frame, high(ip));
    uint64_t to = memory_operand(memory, &fp[ip->a]);
    uint64_t from = fp[ip->b].i32, n = fp[ip->c].i32;
    uint64_t size = data != NULL ? data->size : 0;
    if (from > size || n > size - from || sl_memory_at(memory, to, n) == NULL)
        return sl_raise(frame, SL_TRAP_MEMORY_BOUNDS);
    if (n == 0)
        return SL_OK;
    frame->thread->sp = fp + ip->d;
    sl_status status = data->init(frame->thread, data, memory, to, from, n);
    poll_soon(frame);
    return status;
}

sl_status sl_slow_memory_init(sl_frame *frame, const sl_ins *ip, sl_slot *fp)
{
    sl_memory *memory = memory_of(frame, high(ip));
    if (low(ip) < frame->instance->module->n_imported_datas)
        return init_imported(frame, ip, fp);
    if (!sl_memory_init_from(frame->instance, memory, low(ip),
                             memory_operand(memory, &fp[ip->a]), fp[ip->b].i32,
                             fp[ip->c].i32))
        return sl_raise(frame, SL_TRAP_MEMORY_BOUNDS);
    poll_soon(frame);
    return SL_OK;
}

sl_status sl_slow_data_drop(sl_frame *frame, const sl_ins *ip, sl_slot *fp)
{
    (void)fp;
    sl_core_instance *instance = frame->instance;
    uint32_t data = (uint32_t)ip->imm;
    instance->data_dropped[data] = true;
    if (data < instance->module->n_imported_datas)
        instance->datas[data] = NULL;
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

/* The second word has the instruction (8 bits), the memory (24) and the upper
 * half of the offset. */
sl_status sl_slow_access(sl_frame *frame, const sl_ins *ip, sl_slot *fp)
{
    sl_op op = (sl_op)(low(ip) & 0xff);
    const sl_memory *memory = memory_of(frame, low(ip) >> 8);
    uint64_t offset = (uint64_t)high(ip) << 32 | (uint32_t)ip->imm, ea;
    uint32_t bytes = access_bytes(op);
    uint8_t *at = NULL;
    if (!__builtin_add_overflow(memory_operand(memory, &fp[ip->b]), offset,
                                &ea))
        at = sl_memory_at(memory, ea, bytes);
    if (at == NULL)
        return sl_raise(frame, SL_TRAP_MEMORY_BOUNDS);
    if (op >= SL_OP_I32_STORE)
        memcpy(at, &fp[ip->a].i64, bytes);
    else
        fp[ip->a].i64 = load(op, at, bytes);
    return SL_OK;
}

/* --- Calls --------------------------------------------------------------- */

const sl_ins *sl_slow_translate(sl_frame *frame, sl_core_func *func)
{
    sl_core_instance *inst = func->instance;
    sl_code_func *code =
        &inst->code->funcs[func->index - inst->module->n_imported_funcs];
    if (code->code == NULL) {
        sl_err err = {0};
        size_t bytes = 0;
        if (!sl_vec_reserve(&inst->store->ranges, 1))
            sl_fail(&err, SL_ENOMEM, SL_ERR_NO_PLACE, "out of memory");
        else
            sl_translate(code, &bytes, &err);
        if (err.code != SL_OK) {
            frame->status = sl_abort_call(frame->thread, &err);
            return NULL;
        }
        sl_code_note(inst->store, code, bytes);
        inst->store->stats.funcs_translated++;
        inst->store->stats.ir_bytes += bytes;
    }
    return func->code = code->code;
}

sl_status sl_slow_host(sl_frame *frame, sl_core_func *func, sl_slot *fp)
{
    sl_core_thread *thread = frame->thread;
    const sl_functype *type = func->type;
    thread->sp = fp + func->saved_at + SL_FRAME_SAVED;
    if (sl_mapped_fault(thread))
        return SL_ETRAP;
    sl_exceptions_hold(thread->store, type->n_params, type->types, fp);
    sl_status st = func->host(thread, func->ctx, fp);
    poll_soon(frame);
    if (st == SL_OK && thread->thrown == NULL)
        return st;
    if (st == SL_ETRAP && thread->thrown == NULL)
        sl_trap(thread, "a host function failed");
    if (st != SL_ETRAP)
        thread->thrown = NULL;
    return st;
}

const sl_ins *sl_slow_host_failed(sl_frame *frame)
{
    sl_exception *thrown = frame->thread->thrown;
    frame->thread->thrown = NULL;
    return thrown != NULL ? sl_unwind(frame, thrown) : NULL;
}

/* --- Exceptions ---------------------------------------------------------- */

const sl_ins *sl_slow_throw(sl_frame *frame, const sl_ins *ip, sl_slot *fp)
{
    sl_core_thread *thread = frame->thread;
    const sl_tag *tag = frame->instance->tags[ip->imm];
    sl_err err = {0};
    thread->sp = fp + ip->a + tag->type->n_params; /* for the collector */
    sl_exception *e = sl_exception_make(thread, tag, fp + ip->a, &err);
    if (e == NULL) {
        frame->status = sl_abort_call(thread, &err);
        return NULL;
    }
    return sl_unwind(frame, e);
}

const sl_ins *sl_slow_throw_ref(sl_frame *frame, const sl_ins *ip, sl_slot *fp)
{
    sl_exception *e = fp[ip->a].ref;
    if (e != NULL)
        return sl_unwind(frame, e);
    frame->status = sl_trap(frame->thread, "null exception reference");
    return NULL;
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

/* When the running function was called across already its entry stays: it
 * knows where to return to. */
sl_status sl_slow_tail_cross(sl_frame *frame, sl_core_func *func,
                             const sl_ins **ret)
{
    const sl_ins *stub = frame->thread->store->stubs + SL_STUB_CROSS;
    if (*ret != stub) {
        const sl_ins *ip = frame->ip;
        ptrdiff_t used = (ptrdiff_t)ip->a + func->type->n_params;
        if (used < (ptrdiff_t)func->saved_at + SL_FRAME_SAVED)
            used = (ptrdiff_t)func->saved_at + SL_FRAME_SAVED;
        if (frame->limit - frame->fp < used + 2)
            return sl_raise(frame, SL_TRAP_STACK);
        frame->limit -= 2;
        *(sl_cross *)(void *)frame->limit = (sl_cross){*ret, frame->instance};
        *ret = stub;
    }
    sl_frame_enter(frame, func->instance);
    return SL_OK;
}
