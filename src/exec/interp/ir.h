/* The interpreter's code: what a function becomes at its first call. A
 * register machine over frames of 8-byte slots:
 *
 *   [parameters, later results | return ip, caller fp | locals | temporaries]
 *
 * An operand is a slot, a constant, or the accumulator of its class: every
 * instruction that makes a value leaves it in a slot and in an accumulator
 * (int, f32 or f64), where the next instruction may pick it up. */
#ifndef SL_EXEC_INTERP_IR_H
#define SL_EXEC_INTERP_IR_H

#include <stdint.h>

#include "exec/exec.h"

typedef struct sl_ins {
    union {
        uint64_t op; /* sl_ir_op, until the code is linked: then, unless */
        const void *handler; /* dispatch is by switch, the handler's address */
    };
    union {
        struct {
            uint16_t a, b, c, d; /* a is the target of what makes a value */
        };
        struct {
            uint16_t pad[2];
            int32_t imm; /* constant, index, or a distance in bytes from here */
        };
        uint64_t bits;
    };
} sl_ins;
_Static_assert(sizeof(sl_ins) == 16, "an instruction is two words");

typedef enum sl_ir_op {
#define OP(name, ...) IR_##name,
#include "exec/interp/handlers.def"
#undef OP
    SL_N_IR_OPS,
} sl_ir_op;

#define SL_FRAME_SAVED 2     /* slots of saved state: return ip, caller fp */
#define SL_FRAME_MAX   65535 /* slots of one frame: an operand is 16 bits */

/* One clause of a try_table; what it catches is put into slots from `slot` on,
 * and the code goes on at `target`. */
typedef struct sl_code_catch {
    uint32_t tag; /* or SL_ANY_TAG */
    uint32_t target, slot;
    bool ref;
} sl_code_catch;
#define SL_ANY_TAG UINT32_MAX

/* The instructions of a try_table, and its clauses. */
typedef struct sl_code_try {
    uint32_t start, end;
    uint32_t first, n;
} sl_code_try;

/* The code of one function, shared by all instances of its module. */
typedef struct sl_code_func {
    sl_ins *code;      /* NULL: not translated yet */
    uint32_t index;    /* in the module */
    uint32_t saved_at; /* the slot of the return ip */
    struct sl_code *home;
    uint32_t n_tries;
    sl_code_try *tries; /* inner ones before those around them */
    sl_code_catch *catches;
} sl_code_func;

/* The code of one module in one store. */
typedef struct sl_code {
    const sl_module *module;
    sl_code_func *funcs; /* those defined in the module */
    uint32_t *type_ids;  /* the store's id of each of the module's types */
    bool counted;        /* the store limits the number of frames */
    struct sl_code *next;
} sl_code;

static inline uint32_t sl_saved_at(const sl_functype *type)
{
    return type->n_params > type->n_results ? type->n_params : type->n_results;
}

/* Translates a validated function. Its code ends in an IR_END whose bits are
 * `func`. SL_OK, SL_ENOMEM or SL_ELIMIT. `bytes` is what it takes. */
sl_status sl_translate(sl_code_func *func, size_t *bytes, sl_err *err);
/* The offset in the file of the instruction that became code[ins]; 0 when
 * memory is short. Translates again: only traps want to know. */
uint64_t sl_translate_locate(const sl_code_func *func, size_t ins);

/* By sl_ir_op. */
extern const char *const sl_ir_names[SL_N_IR_OPS];

/* --- The loop (loop.c) --------------------------------------------------- */

/* One activation of the loop; the thread's chain of them is what a backtrace
 * walks. The fields in the middle are the running instance's, at hand. */
typedef struct sl_frame sl_frame;
struct sl_frame {
    sl_core_thread *thread;
    sl_frame *prev;
    sl_core_instance *instance;
    sl_core_func **funcs;
    sl_global **globals;
    sl_table **tables;
    const uint32_t *type_ids;
    sl_memory *memory; /* the first one, or an empty one */
    sl_slot *limit;    /* frames end below; entries of instances that called
                          across grow down from the thread's end to it */
    const void *interrupt;
    uint32_t n_calls, max_calls; /* frames, when the store counts them */
    const sl_ins *ip;            /* where it stands, while other code runs */
    sl_slot *fp;
    sl_status status;
    bool catching;           /* the caller takes exceptions: sl_core_try_call */
    struct sl_linked *links; /* calls through links, the innermost */
    const sl_ins *stubs;     /* where their callees return to */
};

/* What a call across instances leaves behind, at the frame's limit. */
typedef struct sl_cross {
    const sl_ins *ret;
    sl_core_instance *caller;
} sl_cross;
_Static_assert(sizeof(sl_cross) == 2 * sizeof(sl_slot), "two slots");

/* A call through a link, between its caller's arguments and the callee's
 * frame. It begins as every frame's saved state does. */
typedef struct sl_linked {
    sl_slot ret, caller;
    const sl_core_link *link;
    sl_slot *args;
    sl_core_instance *instance; /* the caller's */
    struct sl_linked *outer;    /* of the same activation */
    sl_slot state[SL_LINK_STATE];
} sl_linked;
#define SL_LINKED (sizeof(sl_linked) / sizeof(sl_slot)) /* slots */

/* Runs `func`, whose frame begins at `fp` with parameters and saved state in
 * place, until it returns to an IR_HALT or something goes wrong: frame->status
 * says. */
void sl_interp_run(sl_frame *frame, sl_core_func *func, sl_slot *fp);
/* The handlers by sl_ir_op; NULL when dispatch is by switch. */
const void *const *sl_interp_handlers(void);
static inline void sl_ins_link(sl_ins *ins, const void *const *handlers)
{
    if (handlers != NULL)
        ins->handler = handlers[ins->op];
}

/* --- What the loop leaves to functions (slow.c) -------------------------- */

typedef enum sl_trap_code {
#define TRAP(name, text) SL_TRAP_##name,
#include "exec/trap.def"
#undef TRAP
} sl_trap_code;

/* Records the trap where frame->ip stands. */
sl_status sl_raise(sl_frame *frame, sl_trap_code code);

/* Operations out of line. They find their operands in `ip` and `fp`. */
typedef sl_status sl_slow_op(sl_frame *frame, const sl_ins *ip, sl_slot *fp);
sl_slow_op sl_slow_table_get, sl_slow_table_set, sl_slow_table_size,
    sl_slow_table_grow, sl_slow_table_fill, sl_slow_table_copy,
    sl_slow_table_init, sl_slow_elem_drop, sl_slow_data_drop,
    sl_slow_memory_size, sl_slow_memory_grow, sl_slow_memory_init,
    sl_slow_memory_copy, sl_slow_memory_fill, sl_slow_ref_func, sl_slow_access;

/* Whether running code may go on: SL_OK, or a trap in frame->status. */
sl_status sl_slow_poll(sl_frame *frame);

/* Translates at the first call; the code to go on at, or NULL. */
const sl_ins *sl_slow_translate(sl_frame *frame, sl_core_func *func);
/* Calls a host function whose frame is at `fp`. */
sl_status sl_slow_host(sl_frame *frame, sl_core_func *func, sl_slot *fp);
/* Make the handler of what is thrown the frame's place: where to go on, or
 * NULL. The last is for when a host function has failed. */
const sl_ins *sl_slow_throw(sl_frame *frame, const sl_ins *ip, sl_slot *fp);
const sl_ins *sl_slow_throw_ref(sl_frame *frame, const sl_ins *ip, sl_slot *fp);
const sl_ins *sl_slow_host_failed(sl_frame *frame);
/* Enters another instance for a tail call; what returns to *ret comes back. */
sl_status sl_slow_tail_cross(sl_frame *frame, sl_core_func *func,
                             const sl_ins **ret);
/* Enters another instance for a call; the entry it leaves gets `ret`. */
sl_status sl_slow_cross(sl_frame *frame, sl_core_func *func, const sl_ins *ret);

#endif
