/* Component instances: reentrance, the exclusive lock and the gate before it.
 * CanonicalABI.md "Component Instances". */
#include "task/task_int.h"

/* Threads that do not need the exclusive lock, or their numbers. */
static bool knows_threads(const sl_canon *canon)
{
    return sl_canons[canon->kind].feature == SL_FEATURE_THREADS ||
           (canon->kind == SL_CANON_LIFT && canon->opts.async_ &&
            canon->opts.callback == SL_NO_INDEX);
}

/* A synchronous call that is blocked may let another thread of the instance
 * run, and that thread may drop a resource of the instance's own, whose
 * destructor is a synchronous call again (nothing else enters an instance that
 * has been entered). When it blocks, the first may go on above it. */
static bool may_reenter(const sl_component *component)
{
    bool destroys = false, others = false;

    for (uint32_t i = 0; i < component->n_defs; i++) {
        const sl_def *def = &component->defs[i];
        if (def->kind == SL_DEF_TYPE)
            destroys |= def->of.type.dtor != SL_NO_INDEX;
        else if (def->kind == SL_DEF_CANON)
            others |= knows_threads(&def->of.canon);
    }
    return destroys && others;
}

sl_instance *sl_instance_new(sl_store *store, sl_instance *parent,
                             const sl_component *component, sl_err *err)
{
    sl_instance *inst = sl_calloc(1, sizeof *inst);
    if (inst == NULL)
        goto no_memory;
    sl_arena_init(&inst->arena);
    for (int sort = 0; component != NULL && sort < SL_N_SORTS; sort++) {
        uint32_t n = component->count[sort];
        if (n == 0)
            continue;
        inst->space[sort] = sl_arena_array(&inst->arena, sl_item, n);
        if (inst->space[sort] == NULL)
            goto no_memory;
    }
    inst->store = store;
    inst->parent = parent;
    inst->component = component;
    inst->id = store->n_instances++;
    inst->may_enter = inst->may_leave = true;
    inst->reenters = component != NULL && may_reenter(component);
    inst->next = store->instances;
    store->instances = inst;
    return inst;

no_memory:
    if (inst != NULL)
        sl_arena_deinit(&inst->arena);
    sl_free(inst);
    sl_fail(err, SL_ENOMEM, SL_ERR_NO_PLACE, "out of memory");
    return NULL;
}

void sl_instance_clear(sl_instance *inst, bool resources)
{
    for (size_t i = 0; i < inst->handles.array.n; i++) {
        sl_handle *handle = &inst->handles.array.v[i];
        if ((handle->kind == SL_HANDLE_RESOURCE) != resources ||
            handle->kind == SL_HANDLE_FREE)
            continue;
        sl_handle gone = *handle;
        *handle = (sl_handle){SL_HANDLE_FREE, NULL};
        if (inst->store->free_item[gone.kind] != NULL)
            inst->store->free_item[gone.kind](inst->store, gone.item);
    }
}

void sl_instance_free(sl_instance *inst)
{
    for (uint32_t i = 0; i < inst->filled[SL_SORT_CORE_DATA]; i++)
        sl_segment_unref(inst->space[SL_SORT_CORE_DATA][i].of.segment);
    sl_table_deinit(&inst->handles);
    sl_table_deinit(&inst->threads);
    sl_arena_deinit(&inst->arena);
    sl_free(inst);
}

/* Is `inst` the caller or an ancestor of it? */
static bool is_around(const sl_instance *inst, const sl_instance *caller)
{
    for (; caller != NULL; caller = caller->parent)
        if (caller == inst)
            return true;
    return false;
}

/* definitions.py entering_set: from `inst` up to the first that is also around
 * the caller. */
bool sl_may_enter_from(sl_instance *inst, sl_instance *caller)
{
    for (; inst != NULL && !is_around(inst, caller); inst = inst->parent)
        if (!inst->may_enter)
            return false;
    return true;
}

void sl_enter_from(sl_instance *inst, sl_instance *caller)
{
    for (; inst != NULL && !is_around(inst, caller); inst = inst->parent)
        inst->may_enter = false;
}

void sl_leave_to(sl_instance *inst, sl_instance *caller)
{
    for (; inst != NULL && !is_around(inst, caller); inst = inst->parent)
        inst->may_enter = true;
}

void sl_instance_open_gate(sl_instance *inst)
{
    sl_store *store = inst->store;
    bool unlocked = inst->exclusive_thread == NULL;

    if (unlocked)
        sl_list_wake(store, &inst->gate[GATE_LOCK]);
    if (inst->backpressure > 0)
        return;
    if (unlocked)
        sl_list_wake(store, &inst->gate[GATE_ENTER_LOCKED]);
    sl_list_wake(store, &inst->gate[GATE_ENTER]);
}

void sl_instance_unlock(sl_instance *inst)
{
    inst->exclusive_thread = NULL;
    sl_instance_open_gate(inst);
}

void sl_instance_poison(sl_instance *inst, sl_status status)
{
    sl_store *store = inst->store;
    for (; inst != NULL; inst = inst->parent)
        inst->may_enter = false;
    sl_store_report(store, status);
}

void sl_instance_trap(sl_instance *inst, const char *fmt, ...)
{
    va_list args;

    sl_store_clear_trap(inst->store);
    va_start(args, fmt);
    sl_vfail(&inst->store->trap.err, SL_ETRAP, SL_ERR_NO_PLACE, fmt, args);
    va_end(args);
    sl_instance_poison(inst, SL_ETRAP);
}
