/* The store: owner of everything that runs, and its function types.
 * Core specification, "Execution / Runtime Structure / Store". */
#include "exec/exec_int.h"

#include <string.h>

#include "base/alloc.h"

static void init_stubs(sl_core_store *store)
{
    static const struct {
        sl_stub stub;
        sl_ir_op op;
    } row[] = {
        {SL_STUB_LAZY, IR_LAZY},
        {SL_STUB_HOST, IR_HOST},
        {SL_STUB_CROSS, IR_CROSS},
        {SL_STUB_HALT, IR_HALT},
        {SL_STUB_LINK, IR_LINK},
        {SL_STUB_UNLINK, IR_UNLINK},
        {SL_STUB_LINK_PLAIN, IR_LINK_PLAIN},
        {SL_STUB_UNLINK_PLAIN, IR_UNLINK_PLAIN},
    };
    const void *const *handlers = sl_interp_handlers();
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        sl_ins *stub = &store->stubs[row[i].stub];
        stub->op = row[i].op;
        sl_ins_link(stub, handlers);
    }
}

sl_core_store *sl_core_store_new(const sl_core_limits *limits, sl_err *err)
{
    sl_core_store *store = sl_calloc(1, sizeof *store);
    if (store == NULL) {
        sl_fail(err, SL_ENOMEM, SL_ERR_NO_PLACE, "out of memory");
        return NULL;
    }
    store->limits = limits != NULL ? *limits
                                   : (sl_core_limits){UINT64_MAX, UINT64_MAX,
                                                      UINT64_MAX, 0};
    sl_arena_init(&store->arena);
    atomic_init(&store->interrupt, 0);
    init_stubs(store);
    return store;
}

static void free_code(sl_code *code)
{
    const sl_module *m = code->module;
    for (uint32_t i = 0; i < m->n_funcs - m->n_imported_funcs; i++) {
        sl_free(code->funcs[i].code);
        sl_free(code->funcs[i].tries);
        sl_free(code->funcs[i].catches);
    }
}

void sl_core_store_free(sl_core_store *store)
{
    if (store == NULL)
        return;
    for (sl_code *code = store->codes; code != NULL; code = code->next)
        free_code(code);
    for (sl_owned_memory *m = store->memories; m != NULL; m = m->next)
        sl_memory_unmap(store->limits.mappings, &m->memory);
    for (sl_owned_table *t = store->tables; t != NULL; t = t->next)
        sl_free(t->table.elems);
    for (sl_exception *next, *e = store->exceptions; e != NULL; e = next) {
        next = e->next;
        sl_free(e);
    }
    sl_free(store->buckets);
    sl_vec_deinit(&store->types);
    sl_vec_deinit(&store->exn_globals);
    sl_vec_deinit(&store->ranges);
    sl_arena_deinit(&store->arena);
    sl_free(store);
}

sl_core_stats sl_core_store_stats(const sl_core_store *store)
{
    return store->stats;
}

sl_mappings *sl_core_store_mappings(const sl_core_store *store)
{
    return store->limits.mappings;
}

void sl_core_store_interrupt(sl_core_store *store)
{
    atomic_fetch_or(&store->interrupt, SL_INTERRUPT_NOW);
}

void sl_core_store_clear_interrupt(sl_core_store *store)
{
    atomic_fetch_and(&store->interrupt, ~SL_INTERRUPT_NOW);
}

void sl_core_store_set_poll(sl_core_store *store, bool (*fn)(void *arg),
                            void *arg)
{
    store->poll = fn;
    store->poll_arg = arg;
}

void sl_core_store_poll(sl_core_store *store, bool on)
{
    store->polls_left = 0;
    if (on)
        atomic_fetch_or(&store->interrupt, SL_INTERRUPT_POLL);
    else
        atomic_fetch_and(&store->interrupt, ~SL_INTERRUPT_POLL);
}

/* --- Function types ------------------------------------------------------ */

static uint32_t hash_type(const sl_functype *type)
{
    uint32_t hash = type->n_params * 31 + type->n_results;
    for (uint32_t i = 0; i < type->n_params + type->n_results; i++)
        hash = (hash ^ type->types[i]) * UINT32_C(0x9e3779b1);
    return hash;
}

static bool grow_buckets(sl_core_store *store)
{
    uint32_t n = store->n_buckets ? store->n_buckets * 2 : 64;
    uint32_t *buckets = sl_calloc(n, sizeof *buckets);
    if (buckets == NULL)
        return false;
    for (uint32_t i = 0; i < store->types.n; i++) {
        sl_interned *t = &store->types.v[i];
        uint32_t *bucket = &buckets[hash_type(t->type) & (n - 1)];
        t->next = *bucket;
        *bucket = i + 1;
    }
    sl_free(store->buckets);
    store->buckets = buckets;
    store->n_buckets = n;
    return true;
}

static const sl_functype *copy_type(sl_core_store *store,
                                    const sl_functype *type)
{
    size_t n = (size_t)type->n_params + type->n_results;
    sl_functype *copy = sl_arena_new(&store->arena, sl_functype);
    sl_valtype *types = sl_arena_array(&store->arena, sl_valtype, n ? n : 1);
    if (copy == NULL || types == NULL)
        return NULL;
    if (n != 0)
        memcpy(types, type->types, n * sizeof *types);
    *copy = (sl_functype){type->n_params, type->n_results, types};
    return copy;
}

uint32_t sl_intern_type(sl_core_store *store, const sl_functype *type)
{
    if (store->types.n >= store->n_buckets && !grow_buckets(store))
        return UINT32_MAX;
    uint32_t *bucket =
        &store->buckets[hash_type(type) & (store->n_buckets - 1)];
    for (uint32_t i = *bucket; i != 0; i = store->types.v[i - 1].next)
        if (sl_functype_eq(store->types.v[i - 1].type, type))
            return i - 1;

    sl_interned entry = {copy_type(store, type), *bucket};
    if (entry.type == NULL || !sl_vec_push(&store->types, entry))
        return UINT32_MAX;
    *bucket = (uint32_t)store->types.n;
    return *bucket - 1;
}

/* --- Code ---------------------------------------------------------------- */

static bool init_code(sl_core_store *store, sl_code *code)
{
    const sl_module *m = code->module;
    uint32_t n = m->n_funcs - m->n_imported_funcs;
    code->funcs = sl_arena_array(&store->arena, sl_code_func, n);
    code->type_ids = sl_arena_array(&store->arena, uint32_t, m->n_types);
    if (code->funcs == NULL || code->type_ids == NULL)
        return false;
    for (uint32_t i = 0; i < m->n_types; i++) {
        code->type_ids[i] = sl_intern_type(store, &m->types[i]);
        if (code->type_ids[i] == UINT32_MAX)
            return false;
    }
    for (uint32_t i = 0; i < n; i++) {
        uint32_t index = m->n_imported_funcs + i;
        const sl_functype *type = &m->types[m->funcs[index].type];
        code->funcs[i] = (sl_code_func){
            .index = index, .saved_at = sl_saved_at(type), .home = code};
    }
    return true;
}

sl_code *sl_store_code(sl_core_store *store, const sl_module *module)
{
    for (sl_code *code = store->codes; code != NULL; code = code->next)
        if (code->module == module)
            return code;
    sl_code *code = sl_arena_new(&store->arena, sl_code);
    if (code == NULL)
        return NULL;
    code->module = module;
    code->counted = store->limits.call_depth != 0;
    if (!init_code(store, code))
        return NULL;
    code->next = store->codes;
    store->codes = code;
    return code;
}

/* --- Things of the host's own -------------------------------------------- */

sl_core_func *sl_core_func_new_host(sl_core_store *store,
                                    const sl_functype *type, sl_core_host_fn fn,
                                    void *ctx, sl_err *err)
{
    uint32_t id = sl_intern_type(store, type);
    sl_core_func *func = sl_arena_new(&store->arena, sl_core_func);
    if (id == UINT32_MAX || func == NULL) {
        sl_fail(err, SL_ENOMEM, SL_ERR_NO_PLACE, "out of memory");
        return NULL;
    }
    *func = (sl_core_func){
        .code = &store->stubs[SL_STUB_HOST],
        .type_id = id,
        .saved_at = sl_saved_at(type),
        .host = fn,
        .ctx = ctx,
    };
    func->type = sl_interned_type(store, id);
    return func;
}

void sl_core_func_link(sl_core_store *store, sl_core_func *func,
                       const sl_core_link *link)
{
    func->link = link;
    func->callee_saved_at = link->callee->saved_at;
    bool plain = link->may_enter != NULL && link->callee->instance != NULL;
    func->code = &store->stubs[plain ? SL_STUB_LINK_PLAIN : SL_STUB_LINK];
}

sl_global *sl_global_new(sl_core_store *store, sl_globaltype type,
                         sl_slot value, sl_err *err)
{
    sl_global *global = sl_arena_new(&store->arena, sl_global);
    if (global == NULL ||
        (type.type == SL_EXNREF && !sl_vec_push(&store->exn_globals, global))) {
        sl_fail(err, SL_ENOMEM, SL_ERR_NO_PLACE, "out of memory");
        return NULL;
    }
    *global = (sl_global){value, type};
    return global;
}

const sl_functype *sl_core_func_type(const sl_core_func *func)
{
    return func->type;
}

bool sl_core_func_has_type(const sl_core_func *func, const sl_functype *type)
{
    return sl_functype_eq(func->type, type);
}

sl_core_externtype sl_core_extern_type(const sl_core_extern *item)
{
    sl_core_externtype type = {.kind = item->kind};
    switch (item->kind) {
    case SL_CORE_FUNC:
        type.of.func = item->of.func->type;
        break;
    case SL_CORE_TABLE: /* "External Types": the minimum is the current size */
        type.of.table = item->of.table->type;
        type.of.table.limits.min = item->of.table->n;
        break;
    case SL_CORE_MEMORY:
        type.of.memory = item->of.memory->type;
        type.of.memory.limits.min = item->of.memory->size >> 16;
        break;
    case SL_CORE_GLOBAL:
        type.of.global = item->of.global->type;
        break;
    case SL_CORE_TAG:
        type.of.func = item->of.tag->type;
        break;
    case SL_CORE_DATA:
        break;
    }
    return type;
}
