#include "link/value.h"

#include "base/map.h"

static sl_status no_memory(sl_err *err)
{
    return sl_fail(err, SL_ENOMEM, SL_ERR_NO_PLACE, "out of memory");
}

/* --- Life ----------------------------------------------------------------- */

/* The store closes: guests' destructors run no more, the host's do. */
static void drop_owned(sl_val *val)
{
    switch ((sluice_kind)val->kind) {
    case SLUICE_OWN: {
        const sl_resource *resource = val->of.handle.resource;
        if (resource != NULL && resource->impl == NULL &&
            resource->host_dtor != NULL)
            resource->host_dtor(resource->ctx, val->of.handle.rep);
        val->of.handle.resource = NULL;
        break;
    }
    case SLUICE_LIST:
    case SLUICE_MAP:
    case SLUICE_RECORD:
    case SLUICE_TUPLE:
        for (size_t i = 0; val->elem == 0 && i < val->of.list.len; i++)
            drop_owned(&val->of.list.items[i]);
        break;
    case SLUICE_VARIANT:
    case SLUICE_OPTION:
    case SLUICE_RESULT:
        if (val->of.variant.payload != NULL)
            drop_owned(val->of.variant.payload);
        break;
    default:
        break;
    }
}

static void close_value(sl_closer *closer)
{
    sl_value *value = (sl_value *)closer;
    drop_owned(&value->val);
    sl_vals_drop(&value->val, 1);
    sluice_val_deinit(&value->val);
    sl_free(value);
}

sl_status sl_value_new(sl_store *store, sl_val *val, sl_value **out,
                       sl_err *err)
{
    sl_value *value = sl_calloc(1, sizeof *value);
    *out = value;
    if (value == NULL) {
        sluice_val_deinit(val);
        return no_memory(err);
    }
    value->closer.fn = close_value;
    value->val = *val;
    *val = (sl_val){0};
    sl_store_add_closer(store, &value->closer);
    return SL_OK;
}

sl_status sl_value_take(sl_value *value, sl_val *out, sl_err *err)
{
    switch (sl_val_holding(&value->val)) {
    case SL_VAL_PLAIN:
        return sluice_val_copy(&value->val, out) ? SL_OK : no_memory(err);
    case SL_VAL_HANDLES:
        *out = value->val;
        value->val = (sl_val){.kind = SLUICE_OWN};
        return SL_OK;
    default:
        *out = (sl_val){0};
        return sl_fail(err, SL_EUSAGE, SL_ERR_NO_PLACE,
                       "the value was moved away");
    }
}

/* --- Imports -------------------------------------------------------------- */

typedef struct checker {
    sl_map seen; /* bytes of a VALUE type's address -> its sl_value */
    sl_err *err;
} checker;

static sl_status compare(checker *c, sl_name name, const sl_val *have,
                         const sl_val *want)
{
    if (sluice_val_eq(have, want))
        return SL_OK;
    return sl_fail(c->err, SL_EUNLINKABLE, SL_ERR_NO_PLACE,
                   "import `%.*s`: another value than the one it has to equal",
                   SL_NAME_ARGS(name));
}

/* The first import of a VALUE is that value, and so must be all others. */
static sl_status check_value(checker *c, const sl_extern *import,
                             const sl_item *item)
{
    const sl_type *const *type = &import->type.type;
    sl_name key = {(const char *)type, sizeof *type};
    uint64_t seen;
    if ((*type)->of.value.bytes != NULL) {
        sl_val constant;
        sl_status st = sl_value_constant(*type, &constant, c->err);
        if (st != SL_OK)
            return st;
        st = compare(c, import->name, &item->of.value->val, &constant);
        sluice_val_deinit(&constant);
        return st;
    }
    if (sl_map_get(&c->seen, key, &seen))
        return compare(c, import->name, &item->of.value->val,
                       &((const sl_value *)(uintptr_t)seen)->val);
    return sl_map_put(&c->seen, key, (uintptr_t)item->of.value)
               ? SL_OK
               : no_memory(c->err);
}

static sl_status check_import(checker *c, const sl_extern *import,
                              const sl_item *item)
{
    if (import->type.sort == SL_SORT_VALUE)
        return check_value(c, import, item);
    if (import->type.sort != SL_SORT_INSTANCE)
        return SL_OK;
    const sl_type *type = import->type.type;
    sl_status st = SL_OK;
    for (uint32_t i = 0; st == SL_OK && i < type->of.component.n_exports; i++) {
        const sl_extern *e = &type->of.component.exports[i];
        if (e->type.sort != SL_SORT_VALUE && e->type.sort != SL_SORT_INSTANCE)
            continue;
        const sl_item *part = sl_exports_get(item->of.instance, e->name);
        if (part != NULL)
            st = check_import(c, e, part);
    }
    return st;
}

sl_status sl_check_imported_values(const sl_component *component,
                                   const sl_item *imports, sl_err *err)
{
    checker c = {.err = err};
    sl_status st = SL_OK;
    sl_map_init(&c.seen);
    for (uint32_t i = 0; st == SL_OK && i < component->n_imports; i++)
        st = check_import(&c, &component->imports[i], &imports[i]);
    sl_map_deinit(&c.seen);
    return st;
}

/* --- start ---------------------------------------------------------------- */

/* The call, which a callee that never returns may outlive the start with. */
typedef struct start_call {
    sl_call call; /* first */
    const sl_type *type;
    sl_value *const *args;
    sl_val result;
    bool returned, no_memory, given_up;
} start_call;

static sl_status on_start(sl_call *call, sl_arena *arena, sl_val *args)
{
    (void)arena;
    start_call *s = (start_call *)call;
    for (uint32_t i = 0; i < s->type->of.func.n_params; i++) {
        sl_val *from = &s->args[i]->val;
        args[i] = *from;
        if (from->kind == SLUICE_STREAM) /* inside, the callee clears them */
            from->of.stream = NULL;
        if (from->kind == SLUICE_FUTURE)
            from->of.future = NULL;
        if (from->kind == SLUICE_OWN)
            from->of.handle.resource = NULL;
    }
    return SL_OK;
}

static sl_status on_resolve(sl_call *call, const sl_val *result, bool cancelled)
{
    start_call *s = (start_call *)call;
    if (s->given_up || cancelled)
        return SL_OK;
    s->returned = true;
    if (result == NULL)
        return SL_OK;
    sl_arena arena;
    sl_arena_init(&arena);
    s->no_memory = sl_val_to_utf8((sl_val *)result, &arena) != SL_OK ||
                   !sl_val_take((sl_val *)result, &s->result);
    sl_arena_deinit(&arena);
    return SL_OK;
}

static void free_call(sl_call *call)
{
    start_call *s = (start_call *)call;
    drop_owned(&s->result);
    sl_vals_drop(&s->result, 1);
    sluice_val_deinit(&s->result);
    sl_free(s);
}

/* A guest's function is called as the host would, whoever lifted it: the
 * instance, which has not been entered, or one inside of it. A host's function
 * is told for whom it works. */
static sl_status invoke(sl_instance *inst, sl_funcinst *func, sl_call *call)
{
    sl_store *store = inst->store;
    if (func->inst != NULL)
        return sl_store_invoke_now(store, func, call);
    call->caller = inst;
    store->nesting_depth++;
    sl_status st = func->invoke(func, call, inst);
    store->nesting_depth--;
    sl_store_schedule(store);
    return st;
}

static void close_off(sl_instance *inst)
{
    for (; inst != NULL; inst = inst->parent)
        inst->may_enter = false;
}

static sl_status run(sl_instance *inst, sl_funcinst *func, start_call *s,
                     sl_err *err)
{
    sl_status st = invoke(inst, func, &s->call);
    if (st == SL_OK && !s->returned)
        st = sl_store_trap(inst->store,
                           "cannot block a synchronous task before returning");
    if (st == SL_OK && s->no_memory)
        return no_memory(err);
    if (st == SL_OK)
        return SL_OK;
    close_off(inst);
    if (func->inst != NULL)
        close_off(func->inst);
    return sl_fail(err, st, SL_ERR_NO_PLACE, "%s", inst->store->trap.err.msg);
}

static sl_status check_args(const sl_type *type, sl_value *const *args,
                            sl_err *err)
{
    sl_err why = {0};
    for (uint32_t i = 0; i < type->of.func.n_params; i++)
        if (sl_val_check(&args[i]->val, type->of.func.params[i].type, &why) !=
            SL_OK)
            return sl_fail(err, SL_EUNLINKABLE, SL_ERR_NO_PLACE,
                           "argument %u of a start function: %s", (unsigned)i,
                           why.msg);
    return SL_OK;
}

sl_status sl_start(sl_instance *inst, sl_funcinst *func, sl_value *const *args,
                   sl_value **out, sl_err *err)
{
    *out = NULL;
    sl_status st = check_args(func->type, args, err);
    if (st != SL_OK)
        return st;
    start_call *s = sl_calloc(1, sizeof *s);
    if (s == NULL)
        return no_memory(err);
    s->call = (sl_call){.on_start = on_start,
                        .on_resolve = on_resolve,
                        .free = free_call,
                        .refs = 1};
    s->type = func->type;
    s->args = args;
    st = run(inst, func, s, err);
    s->given_up = true;
    if (st == SL_OK && func->type->of.func.result != NULL)
        st = sl_value_new(inst->store, &s->result, out, err);
    sl_call_unref(&s->call);
    return st;
}
