/* Any bytes as a core module; what validates is instantiated with imports of the
 * right types, and its exports are called: validated means safe to run. Code
 * ends by a count, not by a clock, so that runs are repeatable. */
#include "fuzz.h"

#include "exec/exec.h"

enum { IMPORTS_MAX = 64, CALLS_MAX = 32, POLLS = 2000, VALS = 1024 };

static const sl_core_limits limits = {
    .memory_pages = 64,
    .memory_bytes = 16 << 20,
    .table_elems = 10000,
    .call_depth = 500,
};

static unsigned polls;

static bool has_enough(void *arg)
{
    (void)arg;
    return ++polls > POLLS;
}

static sl_status zeros(sl_core_thread *thread, void *ctx, sl_slot *vals)
{
    const sl_functype *type = ctx;
    (void)thread;
    memset(vals, 0, type->n_results * sizeof *vals);
    return SL_OK;
}

static bool supply(sl_core_store *store, const sl_core_import *import,
                   sl_core_extern *out)
{
    sl_err err = {0};
    const sl_core_externtype *type = &import->type;
    out->kind = type->kind;
    switch (type->kind) {
    case SL_CORE_FUNC:
        out->of.func = sl_core_func_new_host(
            store, type->of.func, zeros, (void *)(uintptr_t)type->of.func, &err);
        return out->of.func != NULL;
    case SL_CORE_TABLE:
        out->of.table = sl_table_new(store, type->of.table, &err);
        return out->of.table != NULL;
    case SL_CORE_MEMORY:
        out->of.memory = sl_memory_new(store, type->of.memory, &err);
        return out->of.memory != NULL;
    case SL_CORE_GLOBAL:
        out->of.global = sl_global_new(store, type->of.global, (sl_slot){0},
                                       &err);
        return out->of.global != NULL;
    case SL_CORE_TAG:
        out->of.tag = sl_tag_new(store, type->of.func, &err);
        return out->of.tag != NULL;
    default: /* data, which components have */
        return false;
    }
}

static void call_exports(sl_core_thread *thread, const sl_module *module,
                         sl_core_instance *instance)
{
    static sl_slot vals[VALS];
    for (uint32_t i = 0; i < module->n_exports && i < CALLS_MAX; i++) {
        sl_core_extern item;
        must(sl_core_instance_export(instance, module->exports[i].name, &item));
        if (item.kind != SL_CORE_FUNC)
            continue;
        memset(vals, 0, sizeof vals);
        sl_status st = sl_core_call(thread, item.of.func, vals);
        must(st == SL_OK || thread->trap->err.code == st);
        must(thread->sp == thread->stack && thread->frame == NULL);
    }
}

static void run(sl_core_store *store, const sl_module *module)
{
    sl_err err = {0};
    sl_trap_info trap = {0};
    sl_core_thread thread;
    sl_core_instance *instance = NULL;
    sl_core_extern imports[IMPORTS_MAX];
    bool good = module->n_imports <= IMPORTS_MAX;
    polls = 0;
    sl_core_store_set_poll(store, has_enough, NULL);
    sl_core_store_poll(store, true);
    for (uint32_t i = 0; good && i < module->n_imports; i++)
        good = supply(store, &module->imports[i], &imports[i]);
    if (!good ||
        sl_core_thread_init(&thread, store, 65536, &trap, &err) != SL_OK)
        return;
    if (sl_core_instantiate(&thread, module, imports, &instance, &err) == SL_OK)
        call_exports(&thread, module, instance);
    else
        must(err.code != SL_OK || trap.err.code != SL_OK);
    sl_core_thread_deinit(&thread);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    sl_err err = {0};
    sl_module *module =
        sl_module_decode(bytes, len, 0, &sl_core_features_all, &err);
    must((module != NULL) == (err.code == SL_OK));
    if (module == NULL)
        return 0;
    sl_core_store *store = sl_core_store_new(&limits, &err);
    if (store != NULL)
        run(store, module);
    sl_core_store_free(store);
    sl_module_free(module);
    return 0;
}
