/* Instances of core modules. Core specification, "Execution / Modules". */
#include "exec/exec_int.h"

#include "core/op.h"

/* --- Constant expressions ------------------------------------------------ */

#define CONSTEXPR_STACK 64

typedef struct evaluator {
    sl_slot stack[CONSTEXPR_STACK];
    uint32_t n;
} evaluator;

static void binary(evaluator *e, const sl_instr *in)
{
    if (e->n < 2)
        return;
    sl_slot *x = &e->stack[e->n - 2], y = e->stack[e->n - 1];
    e->n--;
    switch (in->op) {
    case SL_OP_I32_ADD:
        *x = (sl_slot){.i64 = x->i32 + y.i32};
        break;
    case SL_OP_I32_SUB:
        *x = (sl_slot){.i64 = x->i32 - y.i32};
        break;
    case SL_OP_I32_MUL:
        *x = (sl_slot){.i64 = x->i32 * y.i32};
        break;
    case SL_OP_I64_ADD:
        x->i64 += y.i64;
        break;
    case SL_OP_I64_SUB:
        x->i64 -= y.i64;
        break;
    default:
        x->i64 *= y.i64;
        break;
    }
}

static void step(evaluator *e, const sl_core_instance *instance,
                 const sl_instr *in)
{
    sl_slot value = {.i64 = 0};
    switch (in->op) {
    case SL_OP_I32_CONST:
        value.i64 = (uint32_t)in->bits;
        break;
    case SL_OP_I64_CONST:
    case SL_OP_F32_CONST:
    case SL_OP_F64_CONST:
        value.i64 = in->bits;
        break;
    case SL_OP_REF_NULL:
        break;
    case SL_OP_REF_FUNC:
        value.ref = instance->funcs[in->index[0]];
        break;
    case SL_OP_GLOBAL_GET:
        value = instance->globals[in->index[0]]->value;
        break;
    default:
        binary(e, in);
        return;
    }
    if (e->n < CONSTEXPR_STACK)
        e->stack[e->n++] = value;
}

sl_slot sl_constexpr_eval(const sl_core_instance *instance,
                          const sl_constexpr *expr)
{
    sl_err err = {0};
    sl_reader r = sl_reader_over(expr->code, expr->len, 0, &err);
    evaluator e = {.n = 0};
    sl_instr in;
    while (sl_read_instr(&r, &in) && in.op != SL_OP_END)
        step(&e, instance, &in);
    return e.n != 0 ? e.stack[e.n - 1] : (sl_slot){.i64 = 0};
}

/* --- Allocation ---------------------------------------------------------- */

static sl_status no_memory(sl_err *err)
{
    return sl_fail(err, SL_ENOMEM, SL_ERR_NO_PLACE, "out of memory");
}

/* The arrays of a new instance, everything in them zero. */
static sl_core_instance *alloc_instance(sl_core_store *store,
                                        const sl_module *m)
{
    sl_arena *arena = &store->arena;
    sl_core_instance *inst = sl_arena_new(arena, sl_core_instance);
    if (inst == NULL)
        return NULL;
    *inst = (sl_core_instance){
        .store = store,
        .module = m,
        .code = sl_store_code(store, m),
        .funcs = sl_arena_array(arena, sl_core_func *, m->n_funcs),
        .tables = sl_arena_array(arena, sl_table *, m->n_tables),
        .memories = sl_arena_array(arena, sl_memory *, m->n_memories),
        .globals = sl_arena_array(arena, sl_global *, m->n_globals),
        .tags = sl_arena_array(arena, sl_tag *, m->n_tags),
        .memory = &store->no_memory,
        .elem_dropped = sl_arena_array(arena, bool, m->n_elems),
        .data_dropped = sl_arena_array(arena, bool, m->n_datas),
        .datas = sl_arena_array(arena, sl_core_data *, m->n_imported_datas),
    };
    if (inst->code == NULL || inst->funcs == NULL || inst->tables == NULL ||
        inst->memories == NULL || inst->globals == NULL || inst->tags == NULL ||
        inst->elem_dropped == NULL || inst->data_dropped == NULL ||
        inst->datas == NULL)
        return NULL;
    return inst;
}

static sl_status check_import(const sl_core_import *want,
                              const sl_core_extern *have, sl_err *err)
{
    if (have->of.func == NULL)
        return sl_fail(err, SL_EUNLINKABLE, SL_ERR_NO_PLACE,
                       "unknown import: \"%.*s\" \"%.*s\"",
                       SL_NAME_ARGS(want->module), SL_NAME_ARGS(want->field));
    bool fits = have->kind == want->type.kind;
    if (fits) {
        sl_core_externtype type = sl_core_extern_type(have);
        fits = sl_core_externtype_matches(&type, &want->type);
    }
    if (!fits)
        return sl_fail(err, SL_EUNLINKABLE, SL_ERR_NO_PLACE,
                       "incompatible import type for \"%.*s\" \"%.*s\"",
                       SL_NAME_ARGS(want->module), SL_NAME_ARGS(want->field));
    return SL_OK;
}

static sl_status take_imports(sl_core_instance *inst,
                              const sl_core_extern *imports, sl_err *err)
{
    const sl_module *m = inst->module;
    uint32_t n_funcs = 0, n_tables = 0, n_memories = 0, n_globals = 0;
    uint32_t n_tags = 0, n_datas = 0;
    for (uint32_t i = 0; i < m->n_imports; i++) {
        sl_status st = check_import(&m->imports[i], &imports[i], err);
        if (st != SL_OK)
            return st;
        switch (imports[i].kind) {
        case SL_CORE_FUNC:
            inst->funcs[n_funcs++] = imports[i].of.func;
            break;
        case SL_CORE_TABLE:
            inst->tables[n_tables++] = imports[i].of.table;
            break;
        case SL_CORE_MEMORY:
            inst->memories[n_memories++] = imports[i].of.memory;
            break;
        case SL_CORE_GLOBAL:
            inst->globals[n_globals++] = imports[i].of.global;
            break;
        case SL_CORE_TAG:
            inst->tags[n_tags++] = imports[i].of.tag;
            break;
        case SL_CORE_DATA:
            inst->datas[n_datas++] = imports[i].of.data;
            break;
        }
    }
    return SL_OK;
}

static bool make_funcs(sl_core_instance *inst)
{
    const sl_module *m = inst->module;
    uint32_t first = m->n_imported_funcs;
    sl_core_func *funcs =
        sl_arena_array(&inst->store->arena, sl_core_func, m->n_funcs - first);
    if (funcs == NULL && m->n_funcs != first)
        return false;
    for (uint32_t i = first; i < m->n_funcs; i++) {
        sl_core_func *f = &funcs[i - first];
        const sl_code_func *code = &inst->code->funcs[i - first];
        *f = (sl_core_func){
            .code = code->code != NULL ? code->code
                                       : &inst->store->stubs[SL_STUB_LAZY],
            .instance = inst,
            .type_id = inst->code->type_ids[m->funcs[i].type],
            .index = i,
            .saved_at = code->saved_at,
            .type = &m->types[m->funcs[i].type],
        };
        inst->funcs[i] = f;
    }
    return true;
}

static sl_status make_table(sl_core_instance *inst, uint32_t i, sl_err *err)
{
    const sl_table_def *def = &inst->module->tables[i];
    sl_table *table = sl_table_new(inst->store, def->type, err);
    if (table == NULL)
        return err->code;
    if (def->init.code != NULL) {
        void *value = sl_constexpr_eval(inst, &def->init).ref;
        for (uint64_t k = 0; k < table->n; k++)
            table->elems[k] = value;
    }
    inst->tables[i] = table;
    return SL_OK;
}

/* What the module defines, in an order in which constant expressions see
 * functions and the globals before them. */
static sl_status make_items(sl_core_instance *inst, sl_err *err)
{
    const sl_module *m = inst->module;
    sl_core_store *store = inst->store;
    if (!make_funcs(inst))
        return no_memory(err);
    for (uint32_t i = m->n_imported_globals; i < m->n_globals; i++) {
        const sl_global_def *def = &m->globals[i];
        sl_slot value = sl_constexpr_eval(inst, &def->init);
        inst->globals[i] = sl_global_new(store, def->type, value, err);
        if (inst->globals[i] == NULL)
            return err->code;
    }
    for (uint32_t i = m->n_imported_tables; i < m->n_tables; i++) {
        sl_status st = make_table(inst, i, err);
        if (st != SL_OK)
            return st;
    }
    for (uint32_t i = m->n_imported_memories; i < m->n_memories; i++) {
        inst->memories[i] = sl_memory_new(store, m->memories[i], err);
        if (inst->memories[i] == NULL)
            return err->code;
    }
    if (m->n_memories != 0)
        inst->memory = inst->memories[0];
    for (uint32_t i = m->n_imported_tags; i < m->n_tags; i++) {
        inst->tags[i] = sl_tag_new(store, &m->types[m->tags[i]], err);
        if (inst->tags[i] == NULL)
            return err->code;
    }
    return SL_OK;
}

/* --- Instantiation ------------------------------------------------------- */

/* A trap while no code runs: into the thread and the caller's record. */
static sl_status trap_now(sl_core_thread *thread, sl_trap_code code,
                          sl_err *err)
{
    sl_trap(thread, "%s", sl_trap_text(code));
    return sl_fail(err, SL_ETRAP, SL_ERR_NO_PLACE, "%s", sl_trap_text(code));
}

/* Of an active segment in a table or memory of these limits. */
static uint64_t offset_of(const sl_core_instance *inst,
                          const sl_constexpr *expr, const sl_limits *limits)
{
    sl_slot offset = sl_constexpr_eval(inst, expr);
    return limits->is64 ? offset.i64 : offset.i32;
}

static sl_status run_elems(sl_core_thread *thread, sl_core_instance *inst,
                           sl_err *err)
{
    const sl_module *m = inst->module;
    for (uint32_t i = 0; i < m->n_elems; i++) {
        const sl_elem *elem = &m->elems[i];
        if (elem->mode == SL_SEGMENT_PASSIVE)
            continue;
        if (elem->mode == SL_SEGMENT_ACTIVE) {
            sl_table *table = inst->tables[elem->table];
            uint64_t to = offset_of(inst, &elem->offset, &table->type.limits);
            if (!sl_table_init_from(inst, table, i, to, 0, elem->n))
                return trap_now(thread, SL_TRAP_TABLE_BOUNDS, err);
        }
        inst->elem_dropped[i] = true;
    }
    return SL_OK;
}

static sl_status run_datas(sl_core_thread *thread, sl_core_instance *inst,
                           sl_err *err)
{
    const sl_module *m = inst->module;
    for (uint32_t i = 0; i < m->n_datas; i++) {
        const sl_data *data = &m->datas[i];
        if (data->mode != SL_SEGMENT_ACTIVE)
            continue;
        sl_memory *memory = inst->memories[data->memory];
        uint64_t to = offset_of(inst, &data->offset, &memory->type.limits);
        if (!sl_memory_init_from(inst, memory, i, to, 0, data->len))
            return trap_now(thread, SL_TRAP_MEMORY_BOUNDS, err);
        inst->data_dropped[i] = true;
    }
    return SL_OK;
}

static sl_status run_start(sl_core_thread *thread, sl_core_instance *inst,
                           sl_err *err)
{
    if (!inst->module->has_start)
        return SL_OK;
    sl_slot none = {.i64 = 0};
    sl_status st =
        sl_core_call(thread, inst->funcs[inst->module->start], &none);
    if (st != SL_OK)
        sl_fail(err, st, thread->trap->err.at, "%s", thread->trap->err.msg);
    return st;
}

sl_status sl_core_instantiate(sl_core_thread *thread, const sl_module *module,
                              const sl_core_extern *imports,
                              sl_core_instance **out, sl_err *err)
{
    sl_err mine = {0};
    if (err == NULL)
        err = &mine;
    *out = NULL;
    if (thread->depth == 0)
        sl_trap_clear(thread->trap);
    sl_core_instance *inst = alloc_instance(thread->store, module);
    if (inst == NULL)
        return no_memory(err);
    sl_status st = take_imports(inst, imports, err);
    if (st == SL_OK)
        st = make_items(inst, err);
    if (st != SL_OK)
        return st;
    thread->store->stats.instances++;
    st = run_elems(thread, inst, err);
    if (st == SL_OK)
        st = run_datas(thread, inst, err);
    if (st == SL_OK)
        st = run_start(thread, inst, err);
    if (st == SL_OK)
        *out = inst;
    return st;
}

const sl_module *sl_core_instance_module(const sl_core_instance *instance)
{
    return instance->module;
}

bool sl_core_instance_export(const sl_core_instance *instance, sl_name name,
                             sl_core_extern *out)
{
    const sl_core_export *e = sl_module_export(instance->module, name);
    if (e == NULL)
        return false;
    *out = sl_core_instance_item(instance, e->kind, e->index);
    return true;
}

sl_core_extern sl_core_instance_item(const sl_core_instance *instance,
                                     sl_core_kind kind, uint32_t index)
{
    sl_core_extern item = {.kind = kind};
    switch (kind) {
    case SL_CORE_FUNC:
        item.of.func = instance->funcs[index];
        break;
    case SL_CORE_TABLE:
        item.of.table = instance->tables[index];
        break;
    case SL_CORE_MEMORY:
        item.of.memory = instance->memories[index];
        break;
    case SL_CORE_GLOBAL:
        item.of.global = instance->globals[index];
        break;
    case SL_CORE_TAG:
        item.of.tag = instance->tags[index];
        break;
    case SL_CORE_DATA:
        item.of.data = instance->datas[index];
        break;
    }
    return item;
}
