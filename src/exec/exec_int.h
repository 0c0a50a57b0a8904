/* What the files of exec/ share. */
#ifndef SL_EXEC_EXEC_INT_H
#define SL_EXEC_EXEC_INT_H

#include <stdatomic.h>

#include "base/arena.h"
#include "base/vec.h"
#include "exec/exec.h"
#include "exec/interp/ir.h"

struct sl_core_func {
    const sl_ins *code;         /* where a call goes; a stub at first */
    sl_core_instance *instance; /* NULL: the host's */
    uint32_t type_id;           /* equal ids are equal types, in one store */
    uint32_t index;             /* in its module */
    uint32_t saved_at;          /* the slot of its frame's saved state */
    uint32_t callee_saved_at;   /* the same of its link's callee */
    const sl_functype *type;
    sl_core_host_fn host;
    void *ctx;
    const sl_core_link *link; /* instead of `host` */
};

struct sl_core_instance {
    sl_core_store *store;
    const sl_module *module;
    sl_code *code;
    sl_core_func **funcs;
    sl_table **tables;
    sl_memory **memories;
    sl_global **globals;
    sl_tag **tags;
    sl_memory *memory; /* the first, or the store's empty one */
    bool *elem_dropped, *data_dropped;
    sl_core_data **datas; /* imported; NULL once they are dropped */
};

/* The store owns these in lists. */
typedef struct sl_owned_memory {
    sl_memory memory;
    struct sl_owned_memory *next;
} sl_owned_memory;

typedef struct sl_owned_table {
    sl_table table;
    struct sl_owned_table *next;
} sl_owned_table;

struct sl_tag {
    const sl_functype *type;
};

struct sl_exception {
    const sl_tag *tag;
    sl_exception *next, *prev; /* of the store's */
    uint32_t n_held;           /* how often the host has it */
    bool escaped;              /* there are, or were, references to it */
    bool reached;              /* by the collector */
    sl_slot vals[];
};

/* Where a function's code is, for those who have an ip. */
typedef struct sl_code_range {
    const sl_ins *code, *end;
    const sl_code_func *func;
} sl_code_range;

/* Apart by two: a backtrace looks one word in front of where calls return. */
typedef enum sl_stub {
    SL_STUB_LAZY = 1,
    SL_STUB_HOST = 3,
    SL_STUB_CROSS = 5,
    SL_STUB_HALT = 7,
    SL_STUB_LINK = 9,
    SL_STUB_UNLINK = 11,
    SL_STUB_LINK_PLAIN = 13,
    SL_STUB_UNLINK_PLAIN = 15,
    SL_N_STUBS,
} sl_stub;

enum {
    SL_INTERRUPT_NOW = 1,
    SL_INTERRUPT_POLL = 2,
    SL_INTERRUPT_FAULT = 4, /* the guard has given a page of zeros */
};

typedef struct sl_interned {
    const sl_functype *type;
    uint32_t next; /* in its bucket, plus one */
} sl_interned;

struct sl_core_store {
    sl_core_limits limits;
    sl_arena arena; /* instances, functions, globals, types */
    sl_owned_memory *memories;
    sl_owned_table *tables;
    sl_code *codes;
    SL_VEC(sl_interned) types;
    uint32_t *buckets; /* indices into types, plus one */
    uint32_t n_buckets;
    sl_ins stubs[SL_N_STUBS];
    sl_memory no_memory; /* of instances that have none */
    sl_core_stats stats;
    bool guarded;         /* the guard may be asked to watch memories */
    atomic_int interrupt; /* SL_INTERRUPT bits; 0: running code goes on */
    uint32_t polls_left;  /* until `poll` is asked again */
    bool (*poll)(void *arg);
    void *poll_arg;
    sl_core_thread *threads;
    sl_exception *exceptions;
    uint64_t collect_at;             /* so many bytes of exceptions */
    SL_VEC(sl_global *) exn_globals; /* may refer to exceptions */
    SL_VEC(sl_code_range) ranges;    /* the first n_sorted in order */
    size_t n_sorted;
};

/* Makes `instance` the running one. */
static inline void sl_frame_enter(sl_frame *frame, sl_core_instance *instance)
{
    frame->instance = instance;
    frame->funcs = instance->funcs;
    frame->globals = instance->globals;
    frame->tables = instance->tables;
    frame->type_ids = instance->code->type_ids;
    frame->memory = instance->memory;
}

/* A page of a mapped file could not be had since this was asked last: a trap
 * is recorded. */
bool sl_mapped_fault(sl_core_thread *thread);

/* The id of a function type in the store; UINT32_MAX: out of memory. */
uint32_t sl_intern_type(sl_core_store *store, const sl_functype *type);
static inline const sl_functype *sl_interned_type(const sl_core_store *store,
                                                  uint32_t id)
{
    return store->types.v[id].type;
}
/* The code of a module in the store, made at the first call. */
sl_code *sl_store_code(sl_core_store *store, const sl_module *module);

/* exception.c: sl_exception_new that the host does not hold. */
sl_exception *sl_exception_make(sl_core_thread *thread, const sl_tag *tag,
                                const sl_slot *vals, sl_err *err);
/* Nothing refers to it any more unless it has escaped. */
void sl_exception_done(sl_core_store *store, sl_exception *exception);
void sl_exception_hold(sl_exception *exception);
/* Values that the host gets to see: of these references are held for good. */
void sl_exceptions_hold(const sl_core_store *store, uint32_t n,
                        const sl_valtype *types, const sl_slot *vals);

/* unwind.c: remembers where a function's code is; there must be room in
 * store->ranges. */
void sl_code_note(sl_core_store *store, const sl_code_func *func, size_t bytes);
/* The nearest handler from where frame->ip and frame->fp stand: makes the frame
 * stand there with the values in place and returns where to go on. NULL: there
 * is none; frame->status says what becomes of it. */
const sl_ins *sl_unwind(sl_frame *frame, sl_exception *exception);

/* Grows by `delta` elements of `value`; the old size, or -1. */
int64_t sl_table_grow(sl_core_store *store, sl_table *table, uint64_t delta,
                      void *value);
/* Both check the range; false when it is out of bounds. */
bool sl_table_init_from(sl_core_instance *instance, sl_table *table,
                        uint32_t elem, uint64_t to, uint64_t from, uint64_t n);
bool sl_memory_init_from(sl_core_instance *instance, sl_memory *memory,
                         uint32_t data, uint64_t to, uint64_t from, uint64_t n);

/* Core specification, "Constant Expressions". */
sl_slot sl_constexpr_eval(const sl_core_instance *instance,
                          const sl_constexpr *expr);

const char *sl_trap_text(sl_trap_code code);
void sl_trap_clear(sl_trap_info *trap);
/* Records a failure that is no trap in the thread, with its backtrace. */
sl_status sl_abort_call(sl_core_thread *thread, const sl_err *err);

sl_status sl_memory_map(sl_mappings *mappings, sl_memory *memory, sl_err *err);
void sl_memory_unmap(sl_mappings *mappings, sl_memory *memory);

#endif
