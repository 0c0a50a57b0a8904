/* Core instances, component instances and aliases.
 * Binary.md "Instance Definitions", "Alias Definitions". */
#include "component/component_int.h"

/* --- Core instances ------------------------------------------------------- */

typedef SL_VEC(sl_arg) arg_vec;

/* vec(<core:instantiatearg>). */
static bool decode_core_args(sl_decoder *d, sl_scope *s, sl_reader *r,
                             arg_vec *args, sl_map *names)
{
    uint32_t n = sl_dec_count(d, r, SL_MAX_ARGS, "instantiation arguments");
    for (uint32_t i = 0; i < n && sl_dec_ok(d); i++) {
        sl_arg arg = {.name = sl_dec_name(d, r)};
        uint8_t sort = sl_read_u8(r);
        if (sort != 0x12)
            return sl_dec_bad_byte(r, sort, "instantiation arg kind");
        uint64_t at = sl_reader_at(r);
        arg.item.sort = SL_SORT_CORE_INSTANCE;
        arg.item.index = sl_read_u32(r);
        if (!sl_reader_ok(r) ||
            sl_scope_get(d, s, arg.item.sort, arg.item.index, at) == NULL)
            return false;
        if (sl_map_get(names, arg.name, NULL))
            return sl_dec_invalid(
                d, at, "duplicate module instantiation argument named `%.*s`",
                SL_NAME_ARGS(arg.name));
        if (!sl_map_put(names, arg.name, args->n) || !sl_vec_push(args, arg))
            return sl_dec_nomem(d);
    }
    return sl_dec_ok(d);
}

/* Finds for each import of the module the argument that supplies it. */
static uint32_t *match_imports(sl_decoder *d, sl_scope *s,
                               const sl_type *module, const arg_vec *args,
                               const sl_map *names, uint64_t at)
{
    uint32_t n = module->of.module.n_imports;
    uint32_t *out = sl_dec_array(d, uint32_t, n);
    for (uint32_t i = 0; out != NULL && i < n; i++) {
        const sl_core_import *x = &module->of.module.imports[i];
        sl_matcher m = {.d = d};
        uint64_t arg;
        if (!sl_map_get(names, x->module, &arg)) {
            sl_dec_invalid(d, at,
                           "missing module instantiation argument named "
                           "`%.*s`",
                           SL_NAME_ARGS(x->module));
            return NULL;
        }
        const sl_core_exports *from =
            s->items[SL_SORT_CORE_INSTANCE].v[args->v[arg].item.index];
        const sl_core_module_export *have =
            sl_find_core_export(d, from, x->field);
        if (have == NULL) {
            sl_dec_invalid(d, at,
                           "module instantiation argument `%.*s` does not "
                           "export an item named `%.*s`",
                           SL_NAME_ARGS(x->module), SL_NAME_ARGS(x->field));
            return NULL;
        }
        if (!sl_match_core(&m, &have->type, &x->type)) {
            sl_dec_invalid(d, at,
                           "type mismatch for export `%.*s` of module "
                           "instantiation argument `%.*s`: %s",
                           SL_NAME_ARGS(x->field), SL_NAME_ARGS(x->module),
                           m.msg);
            return NULL;
        }
        out[i] = (uint32_t)arg;
    }
    return out;
}

static bool core_instantiate(sl_decoder *d, sl_scope *s, sl_reader *r,
                             sl_def *def, sl_core_exports *out)
{
    uint64_t at = sl_reader_at(r);
    arg_vec args = {0};
    sl_map names;
    sl_map_init(&names);
    def->of.instance.instantiates = true;
    def->of.instance.index = sl_read_u32(r);
    const sl_type *module = NULL;
    if (sl_reader_ok(r))
        module =
            sl_scope_get(d, s, SL_SORT_CORE_MODULE, def->of.instance.index, at);
    if (module != NULL && decode_core_args(d, s, r, &args, &names))
        def->of.instance.import_args =
            match_imports(d, s, module, &args, &names, at);
    if (sl_dec_ok(d)) {
        def->of.instance.n = (uint32_t)args.n;
        def->of.instance.args = sl_dec_copy(d, args.v, args.n, sizeof *args.v);
        out->n = module->of.module.n_exports;
        out->v = module->of.module.exports;
    }
    sl_vec_deinit(&args);
    sl_map_deinit(&names);
    return sl_dec_ok(d);
}

/* The type of an item of a core index space. */
static bool core_item(sl_decoder *d, sl_scope *s, sl_core_kind kind,
                      uint32_t index, uint64_t at, sl_core_externtype *out)
{
    const void *item = sl_scope_get(
        d, s, (sl_sort)((int)SL_SORT_CORE_FUNC + (int)kind), index, at);
    if (item == NULL)
        return false;
    if (kind == SL_CORE_FUNC) {
        out->kind = kind;
        out->of.func = item;
    } else {
        *out = *(const sl_core_externtype *)item;
    }
    return true;
}

/* docs/data-segments.md, section 8: for modules that import data. Here the
 * sort's code differs from the kind's. */
static bool core_data_item(sl_decoder *d, sl_scope *s, uint32_t index,
                           uint64_t at, sl_core_externtype *out)
{
    if (!sl_dec_has(d, SL_FEATURE_CORE_DATA))
        return sl_dec_invalid(d, at,
                              "a core instance cannot export core data: "
                              "unsupported feature `core-data`");
    out->kind = SL_CORE_DATA;
    (void)sl_scope_get(d, s, SL_SORT_CORE_DATA, index, at);
    return sl_dec_ok(d);
}

/* The item of an inline export whose sort's code was read. */
static bool bag_item(sl_decoder *d, sl_scope *s, sl_reader *r, uint8_t sort,
                     sl_arg *arg, uint64_t at, sl_core_externtype *out)
{
    if (sort == 0x13 && sl_dec_has(d, SL_FEATURE_DATA)) {
        arg->item.sort = SL_SORT_CORE_DATA;
        return core_data_item(d, s, arg->item.index, at, out);
    }
    if (sort > SL_CORE_TAG)
        return sl_dec_bad_byte(r, sort, "external kind");
    arg->item.sort = (sl_sort)(SL_SORT_CORE_FUNC + sort);
    return core_item(d, s, (sl_core_kind)sort, arg->item.index, at, out);
}

/* vec(<core:inlineexport>). */
static bool core_bag(sl_decoder *d, sl_scope *s, sl_reader *r, sl_def *def,
                     sl_core_exports *out)
{
    uint32_t n = sl_dec_count(d, r, SL_MAX_ARGS, "inline exports");
    sl_core_module_export *v = sl_dec_array(d, sl_core_module_export, n);
    sl_arg *args = sl_dec_array(d, sl_arg, n);
    sl_map names;
    sl_map_init(&names);
    for (uint32_t i = 0; i < n && sl_dec_ok(d); i++) {
        uint64_t at = sl_reader_at(r);
        v[i].name = args[i].name = sl_dec_name(d, r);
        uint8_t sort = sl_read_u8(r);
        args[i].item.index = sl_read_u32(r);
        if (!sl_reader_ok(r))
            break;
        if (!bag_item(d, s, r, sort, &args[i], at, &v[i].type))
            break;
        if (sl_map_get(&names, v[i].name, NULL))
            sl_dec_invalid(d, at, "export name `%.*s` already defined",
                           SL_NAME_ARGS(v[i].name));
        else if (!sl_map_put(&names, v[i].name, i))
            sl_dec_nomem(d);
    }
    sl_map_deinit(&names);
    def->of.instance.n = out->n = n;
    def->of.instance.args = args;
    out->v = v;
    return sl_dec_ok(d);
}

bool sl_decode_core_instance(sl_decoder *d, sl_scope *s, sl_reader *r)
{
    uint64_t at = sl_reader_at(r);
    uint8_t form = sl_read_u8(r);
    if (form > 1)
        return sl_dec_bad_byte(r, form, "core instance");
    sl_core_exports *exports = sl_dec_new(d, sl_core_exports);
    sl_def *def =
        sl_scope_def(d, s, SL_DEF_CORE_INSTANCE, SL_SORT_CORE_INSTANCE, at);
    if (exports == NULL || def == NULL ||
        !(form == 0 ? core_instantiate(d, s, r, def, exports)
                    : core_bag(d, s, r, def, exports)))
        return false;
    return sl_scope_add(d, s, SL_SORT_CORE_INSTANCE, exports, at);
}

/* --- Component instances -------------------------------------------------- */

static bool decode_args(sl_decoder *d, sl_scope *s, sl_reader *r, arg_vec *args,
                        sl_map *names)
{
    uint32_t n = sl_dec_count(d, r, SL_MAX_ARGS, "instantiation arguments");
    for (uint32_t i = 0; i < n && sl_dec_ok(d); i++) {
        sl_arg arg = {.name = sl_dec_name(d, r)};
        uint64_t at = sl_reader_at(r);
        if (!sl_reader_ok(r) ||
            !sl_decode_sort(d, r, "component external kind", &arg.item.sort))
            return false;
        arg.item.index = sl_read_u32(r);
        if (!sl_reader_ok(r))
            return false;
        sl_scope_get(d, s, arg.item.sort, arg.item.index, at);
        if (!sl_dec_ok(d) || !sl_use_value(d, s, arg.item, at))
            return false;
        if (sl_map_get(names, arg.name, NULL))
            return sl_dec_invalid(d, at,
                                  "instantiation argument `%.*s` conflicts "
                                  "with previous argument `%.*s`",
                                  SL_NAME_ARGS(arg.name),
                                  SL_NAME_ARGS(arg.name));
        if (!sl_map_put(names, arg.name, args->n) || !sl_vec_push(args, arg))
            return sl_dec_nomem(d);
    }
    return sl_dec_ok(d);
}

static bool put(sl_decoder *d, sl_ptrmap *map, const sl_type *const *v,
                uint32_t n, const sl_type *value)
{
    for (uint32_t i = 0; i < n; i++) {
        const void **slot = sl_ptrmap_at(map, v[i], true);
        if (slot == NULL)
            return sl_dec_nomem(d);
        *slot = value;
    }
    return true;
}

/* Binary.md: each import is matched in order, and what is supplied for a type
 * takes its place in all that follows. */
static bool supply(sl_decoder *d, sl_scope *s, const sl_type *component,
                   const arg_vec *args, const sl_map *names, sl_subst *x)
{
    for (uint32_t i = 0; i < component->of.component.n_imports; i++) {
        const sl_extern *want = &component->of.component.imports[i];
        sl_externtype have;
        uint64_t arg;
        if (!sl_map_get(names, want->name, &arg))
            return sl_dec_invalid(d, x->at, "missing import named `%.*s`",
                                  SL_NAME_ARGS(want->name));
        sl_matcher m = {.d = d, .want = &x->map};
        if (!sl_item_externtype(d, s, args->v[arg].item, x->at, &have))
            return false;
        if (!sl_match_extern(&m, &have, &want->type))
            return sl_dec_invalid(d, x->at,
                                  "type mismatch for import `%.*s`: %s",
                                  SL_NAME_ARGS(want->name), m.msg);
    }
    return true;
}

/* The type of an instance of the component, given its arguments. */
static const sl_type *instance_type(sl_decoder *d, sl_scope *s,
                                    const sl_type *component,
                                    const arg_vec *args, const sl_map *names,
                                    uint64_t at)
{
    sl_subst x = {.d = d, .fresh = &s->defined, .at = at};
    sl_type *out = sl_dec_new(d, sl_type);
    uint32_t n = component->of.component.n_exports;
    sl_extern *v =
        sl_dec_copy(d, component->of.component.exports, n, sizeof *v);
    bool ok = out != NULL && sl_dec_ok(d) &&
              put(d, &x.map, component->of.component.imported,
                  component->of.component.n_imported, NULL) &&
              supply(d, s, component, args, names, &x) &&
              put(d, &x.map, component->of.component.defined,
                  component->of.component.n_defined, &sl_make_fresh);
    for (uint32_t i = 0; ok && i < n; i++)
        v[i].type.type = sl_substitute(&x, v[i].type.type);
    sl_ptrmap_deinit(&x.map);
    if (!ok || !sl_dec_ok(d))
        return NULL;
    out->kind = SL_T_INSTANCE;
    out->of.component.n_exports = n;
    out->of.component.exports = v;
    return sl_finish_externs(d, out, at);
}

static bool instantiate(sl_decoder *d, sl_scope *s, sl_reader *r, sl_def *def)
{
    uint64_t at = sl_reader_at(r);
    arg_vec args = {0};
    sl_map names;
    sl_map_init(&names);
    def->of.instance.instantiates = true;
    def->of.instance.index = sl_read_u32(r);
    const sl_type *component = NULL;
    if (sl_reader_ok(r))
        component =
            sl_scope_get(d, s, SL_SORT_COMPONENT, def->of.instance.index, at);
    if (component != NULL && decode_args(d, s, r, &args, &names))
        def->of.instance.type =
            instance_type(d, s, component, &args, &names, at);
    if (sl_dec_ok(d)) {
        def->of.instance.n = (uint32_t)args.n;
        def->of.instance.args = sl_dec_copy(d, args.v, args.n, sizeof *args.v);
    }
    sl_vec_deinit(&args);
    sl_map_deinit(&names);
    return sl_dec_ok(d);
}

/* vec(<inlineexport>): a synthesised instance. */
static bool decode_bag(sl_decoder *d, sl_scope *s, sl_reader *r, sl_def *def)
{
    uint64_t start = sl_reader_at(r);
    uint32_t n = sl_dec_count(d, r, SL_MAX_ARGS, "inline exports");
    sl_arg *args = sl_dec_array(d, sl_arg, n);
    sl_type *type = sl_dec_new(d, sl_type);
    sl_namespace ns;
    sl_namespace_init(&ns, "export");
    for (uint32_t i = 0; i < n && sl_dec_ok(d); i++) {
        uint64_t at = sl_reader_at(r);
        sl_extern ext = {0};
        if (!sl_decode_extern_name(d, r, &ext) ||
            !sl_decode_sort(d, r, "component external kind",
                            &args[i].item.sort))
            break;
        args[i].name = ext.name;
        args[i].item.index = sl_read_u32(r);
        if (!sl_reader_ok(r) ||
            !sl_item_externtype(d, s, args[i].item, at, &ext.type) ||
            !sl_use_value(d, s, args[i].item, at))
            break;
        sl_add_extern(d, &ns, ext, at);
    }
    if (sl_dec_ok(d)) {
        type->kind = SL_T_INSTANCE;
        type->of.component.n_exports = n;
        type->of.component.exports =
            sl_dec_copy(d, ns.externs.v, n, sizeof *ns.externs.v);
        def->of.instance.n = n;
        def->of.instance.args = args;
        def->of.instance.type = sl_finish_externs(d, type, start);
    }
    sl_namespace_deinit(&ns);
    return sl_dec_ok(d);
}

bool sl_decode_instance(sl_decoder *d, sl_scope *s, sl_reader *r)
{
    uint64_t at = sl_reader_at(r);
    uint8_t form = sl_read_u8(r);
    if (form > 1)
        return sl_dec_bad_byte(r, form, "instance");
    sl_def *def = sl_scope_def(d, s, SL_DEF_INSTANCE, SL_SORT_INSTANCE, at);
    if (def == NULL || !sl_reader_ok(r) ||
        !(form == 0 ? instantiate(d, s, r, def) : decode_bag(d, s, r, def)))
        return false;
    return sl_scope_add(d, s, SL_SORT_INSTANCE, def->of.instance.type, at);
}

/* --- Aliases -------------------------------------------------------------- */

/* The suite's nouns in "export `a` for instance 0 is not a module". */
static const char *noun(sl_sort sort)
{
    const char *text = sl_sort_text(sort);
    return sort <= SL_SORT_CORE_DATA ? text + 5 /* "core " */ : text;
}

static bool alias_export(sl_decoder *d, sl_scope *s, sl_reader *r, sl_sort sort,
                         uint64_t at)
{
    uint32_t index = sl_read_u32(r);
    sl_name name = sl_dec_name(d, r);
    if (!sl_reader_ok(r))
        return false;
    if (s->kind != SL_SCOPE_COMPONENT && sort != SL_SORT_TYPE &&
        sort != SL_SORT_INSTANCE)
        return sl_dec_invalid(
            d, at, "aliases in types may only refer to types or instances");
    const sl_type *instance = sl_scope_get(d, s, SL_SORT_INSTANCE, index, at);
    if (instance == NULL)
        return false;
    const sl_extern *ext = sl_find_export(d, instance, name);
    if (ext == NULL)
        return sl_dec_invalid(d, at, "instance %u has no export named `%.*s`",
                              (unsigned)index, SL_NAME_ARGS(name));
    if (ext->type.sort != sort)
        return sl_dec_invalid(d, at,
                              "export `%.*s` for instance %u is not a %s",
                              SL_NAME_ARGS(name), (unsigned)index, noun(sort));
    sl_def *def = sl_scope_def(d, s, SL_DEF_ALIAS_EXPORT, sort, at);
    if (def == NULL)
        return false;
    def->of.alias.instance = index;
    def->of.alias.name = name;
    return sl_scope_add(d, s, sort, ext->type.type, at);
}

static bool alias_core_export(sl_decoder *d, sl_scope *s, sl_reader *r,
                              sl_sort sort, uint64_t at)
{
    uint32_t index = sl_read_u32(r);
    sl_name name = sl_dec_name(d, r);
    if (!sl_reader_ok(r))
        return false;
    if (s->kind != SL_SCOPE_COMPONENT)
        return sl_dec_invalid(
            d, at, "aliases in types may only refer to types or instances");
    const sl_core_exports *from =
        sl_scope_get(d, s, SL_SORT_CORE_INSTANCE, index, at);
    if (from == NULL)
        return false;
    const sl_core_module_export *ext = sl_find_core_export(d, from, name);
    if (ext == NULL)
        return sl_dec_invalid(d, at,
                              "core instance %u has no export named `%.*s`",
                              (unsigned)index, SL_NAME_ARGS(name));
    if ((int)ext->type.kind != (int)sort - (int)SL_SORT_CORE_FUNC)
        return sl_dec_invalid(d, at,
                              "export `%.*s` for core instance %u is not a %s",
                              SL_NAME_ARGS(name), (unsigned)index, noun(sort));
    sl_def *def = sl_scope_def(d, s, SL_DEF_ALIAS_CORE_EXPORT, sort, at);
    if (def == NULL)
        return false;
    def->of.alias.instance = index;
    def->of.alias.name = name;
    return sl_scope_add(d, s, sort,
                        sort == SL_SORT_CORE_FUNC
                            ? (const void *)ext->type.of.func
                            : (const void *)&ext->type,
                        at);
}

/* --- Free resources ------------------------------------------------------- */

static bool any_free(sl_decoder *d, sl_ptrmap *seen, const sl_type *type,
                     uint64_t at);

static bool externs_free(sl_decoder *d, sl_ptrmap *seen, const sl_extern *v,
                         uint32_t n, uint64_t at)
{
    for (uint32_t i = 0; i < n; i++)
        if (any_free(d, seen, v[i].type.type, at))
            return true;
    return false;
}

static bool labels_free(sl_decoder *d, sl_ptrmap *seen, const sl_label *v,
                        uint32_t n, uint64_t at)
{
    for (uint32_t i = 0; i < n; i++)
        if (any_free(d, seen, v[i].type, at))
            return true;
    return false;
}

/* Whether a type mentions a resource that it does not bind itself. `seen` holds
 * the bound resources and the types already found to be clean. */
static bool any_free(sl_decoder *d, sl_ptrmap *seen, const sl_type *t,
                     uint64_t at)
{
    if (t == NULL || !t->has_resource || !sl_dec_burn(d, at))
        return false;
    if (t->kind == SL_T_RESOURCE)
        return sl_ptrmap_at(seen, sl_resource_of(t), false) == NULL;
    if (sl_ptrmap_at(seen, t, false) != NULL)
        return false;
    bool found = false;
    switch (t->kind) {
    case SL_T_OWN:
    case SL_T_BORROW:
        return any_free(d, seen, t->of.handle, at);
    case SL_T_LIST:
    case SL_T_OPTION:
    case SL_T_STREAM:
    case SL_T_FUTURE:
        return any_free(d, seen, t->of.list.elem, at);
    case SL_T_MAP:
        return any_free(d, seen, t->of.map.value, at);
    case SL_T_VALUE:
        return any_free(d, seen, t->of.value.type, at);
    case SL_T_RESULT:
        return any_free(d, seen, t->of.result.ok, at) ||
               any_free(d, seen, t->of.result.error, at);
    case SL_T_FUNC:
        found =
            labels_free(d, seen, t->of.func.params, t->of.func.n_params, at) ||
            any_free(d, seen, t->of.func.result, at);
        break;
    case SL_T_COMPONENT:
    case SL_T_INSTANCE:
        found = !put(d, seen, t->of.component.imported,
                     t->of.component.n_imported, NULL) ||
                !put(d, seen, t->of.component.defined,
                     t->of.component.n_defined, NULL) ||
                externs_free(d, seen, t->of.component.imports,
                             t->of.component.n_imports, at) ||
                externs_free(d, seen, t->of.component.exports,
                             t->of.component.n_exports, at);
        break;
    default:
        found = labels_free(d, seen, t->of.labels.v, t->of.labels.n, at);
        break;
    }
    if (!found && sl_ptrmap_at(seen, t, true) == NULL)
        sl_dec_nomem(d);
    return found;
}

static bool has_free_resource(sl_decoder *d, const sl_type *type, uint64_t at)
{
    sl_ptrmap seen = {0};
    bool found = any_free(d, &seen, type, at);
    sl_ptrmap_deinit(&seen);
    return found;
}

static bool alias_outer(sl_decoder *d, sl_scope *s, sl_reader *r, sl_sort sort,
                        uint64_t at)
{
    uint32_t count = sl_read_u32(r), index = sl_read_u32(r);
    if (!sl_reader_ok(r))
        return false;
    if (s->kind != SL_SCOPE_COMPONENT && sort != SL_SORT_TYPE &&
        sort != SL_SORT_CORE_TYPE)
        return sl_dec_invalid(
            d, at, "aliases in types may only refer to types or instances");
    const sl_scope *from = s;
    bool crosses = false;
    for (uint32_t i = 0; i < count && from != NULL; i++) {
        crosses |= from->kind == SL_SCOPE_COMPONENT;
        from = from->parent;
    }
    if (from == NULL)
        return sl_dec_invalid(d, at, "invalid outer alias count of %u",
                              (unsigned)count);
    const void *item = sl_scope_get(d, from, sort, index, at);
    if (!sl_dec_ok(d))
        return false;
    if (crosses && sort == SL_SORT_TYPE && has_free_resource(d, item, at))
        return sl_dec_invalid(d, at,
                              "cannot alias outer type which transitively "
                              "refers to resources not defined in the "
                              "current component");
    sl_def *def = sl_scope_def(d, s, SL_DEF_ALIAS_OUTER, sort, at);
    if (def == NULL)
        return false;
    def->of.outer.count = count;
    def->of.outer.index = index;
    return sl_scope_add(d, s, sort, item, at);
}

static bool bad_alias_sort(sl_reader *r, const uint8_t bytes[2],
                           const char *what)
{
    return sl_dec_bad_byte(r, bytes[bytes[0] == 0], what);
}

bool sl_decode_alias(sl_decoder *d, sl_scope *s, sl_reader *r)
{
    uint64_t at = sl_reader_at(r);
    uint8_t bytes[2];
    if (!sl_read_sort_bytes(r, bytes))
        return false;
    uint8_t target = sl_read_u8(r);
    if (!sl_reader_ok(r))
        return false;
    int sort = sl_sort_of_bytes(d, bytes);
    if (sort == SL_SORT_VALUE &&
        !sl_dec_gate(d, at, SL_FEATURE_VALUES, "sort value"))
        return false;
    switch (target) {
    case 0x00:
        if (sort < 0 || (sort < SL_SORT_FUNC && sort != SL_SORT_CORE_MODULE &&
                         sort != SL_SORT_CORE_DATA))
            return bad_alias_sort(r, bytes, "component external kind");
        return alias_export(d, s, r, (sl_sort)sort, at);
    case 0x01:
        if (sort < 0 || sort > SL_SORT_CORE_TAG)
            return bad_alias_sort(r, bytes, "external kind");
        return alias_core_export(d, s, r, (sl_sort)sort, at);
    case 0x02:
        if (sort != SL_SORT_CORE_MODULE && sort != SL_SORT_CORE_TYPE &&
            sort != SL_SORT_CORE_DATA && sort != SL_SORT_TYPE &&
            sort != SL_SORT_COMPONENT)
            return bad_alias_sort(r, bytes, "component outer alias kind");
        return alias_outer(d, s, r, (sl_sort)sort, at);
    default:
        return sl_dec_bad_byte(r, target, "alias");
    }
}
