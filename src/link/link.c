/* The replay of a component's definitions. Explainer.md "Component
 * Definitions"; nothing is looked up by counting: every definition says the
 * index it takes. Recursion is as deep as components nest (the validator
 * bounds it). */
#include <assert.h>
#include <stdio.h>

#include "link/value.h"

typedef struct replay {
    sl_store *store;
    sl_instance *inst;
    const sl_item *imports;
    sl_err *err;
} replay;

static sl_status no_memory(replay *r)
{
    return sl_fail(r->err, SL_ENOMEM, SL_ERR_NO_PLACE, "out of memory");
}

static sl_status missing(replay *r, const sl_def *def, const char *what,
                         sl_name name)
{
    return sl_fail(r->err, SL_EUNLINKABLE, def->at, "%s `%.*s` is missing",
                   what, SL_NAME_ARGS(name));
}

static sl_item *item_at(replay *r, sl_sortidx at)
{
    return sl_instance_item(r->inst, at.sort, at.index);
}

/* Puts the item where the definition says. */
static void define(replay *r, const sl_def *def, sl_item item)
{
    sl_sortidx at = def->makes;
    assert(at.index == r->inst->filled[at.sort]);
    item.sort = at.sort;
    if (at.sort == SL_SORT_CORE_DATA && def->kind != SL_DEF_DATA)
        sl_segment_ref(item.of.segment);
    *item_at(r, at) = item;
    r->inst->filled[at.sort]++;
}

/* --- Resource types ------------------------------------------------------- */

/* The resources that an imported or made instance brings into scope. Types
 * nest at most 100 deep. */
static sl_status bind_resources(replay *r, const sl_externtype *type,
                                const sl_item *item)
{
    if (type->sort == SL_SORT_TYPE && type->type->kind == SL_T_RESOURCE)
        return sl_resource_bind(r->inst, type->type, item->of.resource, r->err);
    if (type->sort != SL_SORT_INSTANCE || type->type == NULL)
        return SL_OK;
    uint32_t n = type->type->of.component.n_exports;
    const sl_extern *exports = type->type->of.component.exports;
    sl_status st = SL_OK;
    for (uint32_t i = 0; st == SL_OK && i < n; i++) {
        sl_sort sort = exports[i].type.sort;
        if (sort != SL_SORT_TYPE && sort != SL_SORT_INSTANCE)
            continue;
        const sl_item *part =
            sl_exports_get(item->of.instance, exports[i].name);
        if (part != NULL)
            st = bind_resources(r, &exports[i].type, part);
    }
    return st;
}

static sl_status new_resource(replay *r, const sl_def *def)
{
    sl_resource *resource = sl_arena_new(&r->inst->arena, sl_resource);
    if (resource == NULL)
        return no_memory(r);
    resource->impl = r->inst;
    if (def->of.type.dtor != SL_NO_INDEX)
        resource->dtor =
            sl_instance_item(r->inst, SL_SORT_CORE_FUNC, def->of.type.dtor)
                ->of.core_func;
    define(r, def, (sl_item){.of.resource = resource});
    return sl_resource_bind(r->inst, def->of.type.type, resource, r->err);
}

static sl_status define_type(replay *r, const sl_def *def)
{
    if (def->of.type.type->kind == SL_T_RESOURCE)
        return new_resource(r, def);
    define(r, def, (sl_item){.of.type = def->of.type.type});
    return SL_OK;
}

/* A type that came from elsewhere, under this component's name for it. */
static sl_status bind_made_type(replay *r, const sl_def *def)
{
    sl_sortidx at = def->makes;
    if (at.sort != SL_SORT_TYPE)
        return SL_OK;
    sl_externtype type = {SL_SORT_TYPE, r->inst->component->types[at.index]};
    return bind_resources(r, &type, item_at(r, at));
}

/* --- Core instances ------------------------------------------------------- */

static bool to_extern(const sl_item *item, sl_core_extern *out)
{
    switch (item->sort) {
    case SL_SORT_CORE_FUNC:
        out->kind = SL_CORE_FUNC;
        out->of.func = item->of.core_func;
        return true;
    case SL_SORT_CORE_TABLE:
        out->kind = SL_CORE_TABLE;
        out->of.table = item->of.core_table;
        return true;
    case SL_SORT_CORE_MEMORY:
        out->kind = SL_CORE_MEMORY;
        out->of.memory = item->of.core_memory;
        return true;
    case SL_SORT_CORE_GLOBAL:
        out->kind = SL_CORE_GLOBAL;
        out->of.global = item->of.core_global;
        return true;
    case SL_SORT_CORE_TAG:
        out->kind = SL_CORE_TAG;
        out->of.tag = item->of.core_tag;
        return true;
    case SL_SORT_CORE_DATA:
        out->kind = SL_CORE_DATA;
        out->of.data = sl_canon_core_data(item->of.segment);
        return true;
    default:
        return false;
    }
}

static sl_item from_extern(const sl_core_extern *e)
{
    switch (e->kind) {
    case SL_CORE_FUNC:
        return (sl_item){SL_SORT_CORE_FUNC, {.core_func = e->of.func}};
    case SL_CORE_TABLE:
        return (sl_item){SL_SORT_CORE_TABLE, {.core_table = e->of.table}};
    case SL_CORE_MEMORY:
        return (sl_item){SL_SORT_CORE_MEMORY, {.core_memory = e->of.memory}};
    case SL_CORE_GLOBAL:
        return (sl_item){SL_SORT_CORE_GLOBAL, {.core_global = e->of.global}};
    default:
        return (sl_item){SL_SORT_CORE_TAG, {.core_tag = e->of.tag}};
    }
}

static bool core_export(const sl_core_exports *from, sl_name name,
                        sl_core_extern *out)
{
    if (from->instance != NULL)
        return sl_core_instance_export(from->instance, name, out);
    const sl_item *item = sl_exports_get(&from->bundle, name);
    return item != NULL && to_extern(item, out);
}

static const sl_arg *find_arg(const sl_def *def, uint32_t hint, sl_name name)
{
    const sl_arg *args = def->of.instance.args;
    uint32_t n = def->of.instance.n;
    if (hint < n && sl_name_eq(args[hint].name, name))
        return &args[hint];
    for (uint32_t i = 0; i < n; i++)
        if (sl_name_eq(args[i].name, name))
            return &args[i];
    return NULL;
}

/* The module's imports by their two names. The module may be one that was
 * imported by type, with fewer imports in another order, so the validator's
 * import_args cannot say it; most imports are of the argument before them. */
static sl_status core_imports(replay *r, const sl_def *def,
                              const sl_module *module, sl_core_extern *out)
{
    uint32_t hint = 0;
    for (uint32_t i = 0; i < module->n_imports; i++) {
        const sl_core_import *import = &module->imports[i];
        const sl_arg *arg = find_arg(def, hint, import->module);
        if (arg == NULL)
            return missing(r, def, "module instantiation argument",
                           import->module);
        hint = (uint32_t)(arg - def->of.instance.args);
        if (!core_export(item_at(r, arg->item)->of.core_instance, import->field,
                         &out[i]))
            return missing(r, def, "core instance export", import->field);
    }
    return SL_OK;
}

typedef struct core_start {
    const sl_module *module;
    const sl_core_extern *imports;
    sl_core_instance *out;
    sl_err *err;
} core_start;

static sl_status run_core_start(sl_core_thread *core, void *arg)
{
    core_start *start = arg;
    return sl_core_instantiate(core, start->module, start->imports, &start->out,
                               start->err);
}

/* As canon_lift of a synchronous function would: a start function may call
 * what is lowered, and may not block. */
static sl_status instantiate_core(replay *r, const sl_def *def,
                                  sl_core_exports *out)
{
    const sl_module *module =
        sl_instance_item(r->inst, SL_SORT_CORE_MODULE, def->of.instance.index)
            ->of.core_module;
    sl_core_extern *imports =
        sl_arena_array(&r->inst->arena, sl_core_extern, module->n_imports);
    if (imports == NULL)
        return no_memory(r);
    sl_status st = core_imports(r, def, module, imports);
    core_start start = {module, imports, NULL, r->err};
    if (module->n_imported_datas != 0)
        r->store->has_lazy_data = true;
    if (st == SL_OK)
        st = sl_instance_run(r->inst, run_core_start, &start);
    out->instance = start.out;
    if (st != SL_OK && r->err->code == SL_OK)
        return sl_fail(r->err, st, def->at, "%s", r->store->trap.err.msg);
    return st;
}

/* Items under names: a synthesised instance of either kind. */
static sl_status bundle(replay *r, const sl_def *def, sl_exports *out)
{
    uint32_t n = def->of.instance.n;
    if (!sl_exports_init(out, &r->inst->arena, n))
        return no_memory(r);
    for (uint32_t i = 0; i < n; i++) {
        const sl_arg *arg = &def->of.instance.args[i];
        out->v[i] = (sl_export_item){arg->name, *item_at(r, arg->item)};
    }
    sl_exports_seal(out);
    return SL_OK;
}

static sl_status define_core_instance(replay *r, const sl_def *def)
{
    sl_core_exports *exports = sl_arena_new(&r->inst->arena, sl_core_exports);
    if (exports == NULL)
        return no_memory(r);
    sl_status st = def->of.instance.instantiates
                       ? instantiate_core(r, def, exports)
                       : bundle(r, def, &exports->bundle);
    define(r, def, (sl_item){.of.core_instance = exports});
    return st;
}

/* --- Components and their instances --------------------------------------- */

static sl_status instantiate(replay *r, sl_instance *parent,
                             const sl_closure *closure, sl_instance **out);

static sl_status define_component(replay *r, const sl_def *def)
{
    sl_closure *closure = sl_arena_new(&r->inst->arena, sl_closure);
    if (closure == NULL)
        return no_memory(r);
    *closure = (sl_closure){def->of.component, r->inst};
    define(r, def, (sl_item){.of.component = closure});
    return SL_OK;
}

/* By name: the component may be one that was imported by type, with fewer
 * imports than the validator saw. */
static sl_status component_imports(replay *r, const sl_def *def,
                                   const sl_component *component, sl_item *out)
{
    for (uint32_t i = 0; i < component->n_imports; i++) {
        sl_name name = component->imports[i].name;
        const sl_arg *arg = find_arg(def, i, name);
        if (arg == NULL)
            return missing(r, def, "instantiation argument", name);
        out[i] = *item_at(r, arg->item);
    }
    return SL_OK;
}

static sl_status instantiate_component(replay *r, const sl_def *def,
                                       sl_exports **out)
{
    const sl_closure *closure =
        sl_instance_item(r->inst, SL_SORT_COMPONENT, def->of.instance.index)
            ->of.component;
    sl_item *imports =
        sl_arena_array(&r->inst->arena, sl_item, closure->component->n_imports);
    if (imports == NULL)
        return no_memory(r);
    sl_instance *child = NULL;
    replay sub = {r->store, NULL, imports, r->err};
    sl_status st = component_imports(r, def, closure->component, imports);
    if (st == SL_OK)
        st = instantiate(&sub, r->inst, closure, &child);
    *out = child != NULL ? &child->exports : NULL;
    return st;
}

static sl_status define_instance(replay *r, const sl_def *def)
{
    sl_exports *exports = NULL;
    sl_status st;
    if (def->of.instance.instantiates) {
        st = instantiate_component(r, def, &exports);
    } else {
        exports = sl_arena_new(&r->inst->arena, sl_exports);
        st = exports != NULL ? bundle(r, def, exports) : no_memory(r);
    }
    if (st != SL_OK)
        return st;
    sl_item item = {.sort = SL_SORT_INSTANCE, .of.instance = exports};
    define(r, def, item);
    sl_externtype type = {SL_SORT_INSTANCE, def->of.instance.type};
    return bind_resources(r, &type, &item);
}

/* --- Aliases, imports, exports -------------------------------------------- */

static sl_status define_alias_export(replay *r, const sl_def *def)
{
    const sl_item *from =
        sl_instance_item(r->inst, SL_SORT_INSTANCE, def->of.alias.instance);
    const sl_item *item = sl_exports_get(from->of.instance, def->of.alias.name);
    if (item == NULL)
        return missing(r, def, "instance export", def->of.alias.name);
    define(r, def, *item);
    return bind_made_type(r, def);
}

static sl_status define_alias_core_export(replay *r, const sl_def *def)
{
    const sl_item *from = sl_instance_item(r->inst, SL_SORT_CORE_INSTANCE,
                                           def->of.alias.instance);
    sl_core_extern e;
    if (!core_export(from->of.core_instance, def->of.alias.name, &e))
        return missing(r, def, "core instance export", def->of.alias.name);
    define(r, def, from_extern(&e));
    return SL_OK;
}

static sl_status define_alias_outer(replay *r, const sl_def *def)
{
    sl_instance *scope = r->inst;
    for (uint32_t i = 0; i < def->of.outer.count; i++)
        scope = scope->outer;
    define(r, def,
           *sl_instance_item(scope, def->makes.sort, def->of.outer.index));
    return bind_made_type(r, def);
}

static sl_status define_import(replay *r, const sl_def *def)
{
    uint32_t i = def->of.import.import;
    const sl_extern *import = &r->inst->component->imports[i];
    define(r, def, r->imports[i]);
    return bind_resources(r, &import->type, &r->imports[i]);
}

static sl_status define_export(replay *r, const sl_def *def)
{
    uint32_t i = def->of.export_.export_;
    const sl_extern *export_ = &r->inst->component->exports[i];
    sl_item item = *item_at(r, def->of.export_.item);
    r->inst->exports.v[i] = (sl_export_item){export_->name, item};
    define(r, def, item);
    return bind_resources(r, &export_->type, &item);
}

/* --- The rest ------------------------------------------------------------- */

static sl_status define_canon(replay *r, const sl_def *def)
{
    sl_canon_fn *fn;
    sl_item item = {.sort = def->makes.sort};
    if (def->of.canon.opts.gc)
        return sl_fail(r->err, SL_EUNSUPPORTED, def->at,
                       "unsupported feature `gc`: a function lifted or "
                       "lowered with option `gc` cannot run");
    sl_status st = sl_canon_resolve(r->inst, &def->of.canon, &fn, r->err);
    if (st == SL_OK)
        st = def->of.canon.kind == SL_CANON_LIFT
                 ? sl_canon_make_func(fn, &item.of.func, r->err)
                 : sl_canon_make_core_func(fn, &item.of.core_func, r->err);
    if (st == SL_OK)
        define(r, def, item);
    return st;
}

/* Binding a segment reads nothing. docs/data-segments.md, section 5. */
static sl_status define_data(replay *r, const sl_def *def)
{
    const sl_component *component = r->inst->component;
    const sl_segment_def *data = &component->segments[def->of.segment];
    char label[64];
    snprintf(label, sizeof label, "segment %u", (unsigned)def->makes.index);
    sl_backing *backing =
        sl_backing_of(r->store->data, component->source, data, r->err);
    if (backing == NULL)
        return r->err->code;
    sl_segment *segment = sl_segment_new(backing, label, r->err);
    if (segment == NULL)
        return r->err->code;
    segment->ordinal = data->ordinal;
    sl_data_ctx_bound(r->store->data, component->source, segment);
    define(r, def, (sl_item){.of.segment = segment});
    return SL_OK;
}

static sl_status define_value(replay *r, const sl_def *def)
{
    sl_val val;
    sl_item item = {.sort = SL_SORT_VALUE};
    sl_status st = sl_value_constant(def->of.value, &val, r->err);
    if (st == SL_OK)
        st = sl_value_new(r->store, &val, &item.of.value, r->err);
    if (st == SL_OK)
        define(r, def, item);
    return st;
}

static sl_status define_start(replay *r, const sl_def *def)
{
    uint32_t n = def->of.start.n;
    sl_item item = {.sort = SL_SORT_VALUE};
    sl_value **args = sl_arena_array(&r->inst->arena, sl_value *, n);
    if (args == NULL)
        return no_memory(r);
    for (uint32_t i = 0; i < n; i++)
        args[i] =
            sl_instance_item(r->inst, SL_SORT_VALUE, def->of.start.args[i])
                ->of.value;
    sl_funcinst *func =
        sl_instance_item(r->inst, SL_SORT_FUNC, def->of.start.func)->of.func;
    sl_status st = sl_start(r->inst, func, args, &item.of.value, r->err);
    if (st == SL_OK && def->of.start.result != NULL)
        define(r, def, item);
    return st;
}

static sl_status replay_def(replay *r, const sl_def *def)
{
    switch (def->kind) {
    case SL_DEF_CORE_MODULE:
        define(r, def, (sl_item){.of.core_module = def->of.module});
        return SL_OK;
    case SL_DEF_CORE_INSTANCE:
        return define_core_instance(r, def);
    case SL_DEF_CORE_TYPE:
        define(r, def, (sl_item){.of.type = NULL});
        return SL_OK;
    case SL_DEF_COMPONENT:
        return define_component(r, def);
    case SL_DEF_INSTANCE:
        return define_instance(r, def);
    case SL_DEF_ALIAS_EXPORT:
        return define_alias_export(r, def);
    case SL_DEF_ALIAS_CORE_EXPORT:
        return define_alias_core_export(r, def);
    case SL_DEF_ALIAS_OUTER:
        return define_alias_outer(r, def);
    case SL_DEF_TYPE:
        return define_type(r, def);
    case SL_DEF_CANON:
        return define_canon(r, def);
    case SL_DEF_IMPORT:
        return define_import(r, def);
    case SL_DEF_EXPORT:
        return define_export(r, def);
    case SL_DEF_DATA:
        return define_data(r, def);
    case SL_DEF_VALUE:
        return define_value(r, def);
    case SL_DEF_START:
        return define_start(r, def);
    }
    return SL_OK;
}

static sl_status replay_all(replay *r)
{
    sl_instance *inst = r->inst;
    const sl_component *component = inst->component;
    if (!sl_exports_init(&inst->exports, &inst->arena, component->n_exports))
        return no_memory(r);
    for (uint32_t i = 0; i < component->n_defs; i++) {
        sl_status st = replay_def(r, &component->defs[i]);
        if (st != SL_OK)
            return st;
    }
    for (int sort = 0; sort < SL_N_SORTS; sort++)
        assert(inst->filled[sort] == component->count[sort]);
    sl_exports_seal(&inst->exports);
    return SL_OK;
}

static sl_status instantiate(replay *r, sl_instance *parent,
                             const sl_closure *closure, sl_instance **out)
{
    r->inst = sl_instance_new(r->store, parent, closure->component, r->err);
    if (r->inst == NULL)
        return r->err->code;
    r->inst->outer = closure->outer;
    *out = r->inst;
    return replay_all(r);
}

/* The segment by which an import is known here alone: it has the name. */
static sl_status bind_import(replay *r, const sl_extern *import, sl_item *item)
{
    sl_segment *given = item->of.segment;
    if (given->refs != 1 || given->import.data != NULL) {
        sl_segment *own = sl_segment_new(sl_backing_ref(given->backing),
                                         given->label, r->err);
        if (own == NULL)
            return r->err->code;
        item->of.segment = own;
        sl_segment_unref(given);
    }
    item->of.segment->import = import->name;
    sl_data_ctx_bound(r->store->data, r->inst->component->source,
                      item->of.segment);
    return SL_OK;
}

static sl_status resolve_imports(replay *r, sl_link_resolver resolver,
                                 void *arg)
{
    const sl_component *component = r->inst->component;
    sl_item *items =
        sl_arena_array(&r->inst->arena, sl_item, component->n_imports);
    if (items == NULL)
        return no_memory(r);
    r->imports = items;
    for (uint32_t i = 0; i < component->n_imports; i++) {
        const sl_extern *import = &component->imports[i];
        items[i].sort = import->type.sort;
        sl_status st = resolver(arg, r->inst, import, &items[i], r->err);
        if (st == SL_OK && items[i].sort == SL_SORT_CORE_DATA)
            st = bind_import(r, import, &items[i]);
        if (st != SL_OK)
            return st;
    }
    return SL_OK;
}

/* The index space has references of its own. */
static void release_segments(replay *r)
{
    for (uint32_t i = 0; i < r->inst->component->n_imports; i++)
        if (r->imports != NULL && r->imports[i].sort == SL_SORT_CORE_DATA)
            sl_segment_unref(r->imports[i].of.segment);
}

sl_status sl_link_root(sl_store *store, const sl_component *component,
                       sl_link_resolver resolver, void *arg, sl_instance **out,
                       sl_err *err)
{
    sl_err local = {0};
    replay r = {store, NULL, NULL, err != NULL ? err : &local};
    *out = NULL;
    r.inst = sl_instance_new(store, NULL, component, r.err);
    if (r.inst == NULL)
        return r.err->code;
    *out = r.inst;
    sl_data_ctx_follow(store->data, component->source, &component->plan);
    sl_status st = resolve_imports(&r, resolver, arg);
    if (st == SL_OK)
        st = sl_check_imported_values(component, r.imports, r.err);
    if (st == SL_OK)
        st = replay_all(&r);
    release_segments(&r);
    return st;
}
