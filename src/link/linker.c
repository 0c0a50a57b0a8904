#include "link/linker.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/map.h"
#include "link/value.h"

typedef enum host_kind {
    HOST_FUNC,
    HOST_SEGMENT,
    HOST_RESOURCE,
    HOST_VALUE,
} host_kind;

typedef struct host_item {
    sl_name name;
    host_kind kind;
    void *ctx;
    void (*free_ctx)(void *ctx);
    union {
        struct {
            sl_status (*invoke)(sl_funcinst *func, sl_call *call,
                                sl_instance *caller);
            const char *type;
        } func;
        sl_segment *(*open)(void *ctx, sl_store *store, sl_err *err);
        bool (*make)(void *ctx, sl_store *store, sl_val *out, sl_err *err);
        sl_resource resource; /* one for all stores: it is the host's */
    } of;
} host_item;

/* An interface by name; the one with the empty name is the root itself. */
typedef struct host_interface {
    sl_name name;
    sl_map map; /* to item addresses */
} host_interface;

static const sl_name no_interface = {"", 0};

struct sl_linker {
    sl_arena arena;
    SL_VEC(host_interface) interfaces;
    SL_VEC(host_item *) items;
};

/* --- Defining ------------------------------------------------------------- */

static sl_status no_memory(sl_err *err)
{
    return sl_fail(err, SL_ENOMEM, SL_ERR_NO_PLACE, "out of memory");
}

sl_linker *sl_linker_new(sl_err *err)
{
    sl_linker *linker = sl_calloc(1, sizeof *linker);
    if (linker == NULL) {
        (void)no_memory(err);
        return NULL;
    }
    sl_arena_init(&linker->arena);
    return linker;
}

void sl_linker_free(sl_linker *linker)
{
    if (linker == NULL)
        return;
    for (size_t i = 0; i < linker->items.n; i++) {
        host_item *item = linker->items.v[i];
        if (item->free_ctx != NULL)
            item->free_ctx(item->ctx);
    }
    for (size_t i = 0; i < linker->interfaces.n; i++)
        sl_map_deinit(&linker->interfaces.v[i].map);
    sl_vec_deinit(&linker->items);
    sl_vec_deinit(&linker->interfaces);
    sl_arena_deinit(&linker->arena);
    sl_free(linker);
}

static host_interface *exact_interface(sl_linker *linker, sl_name name)
{
    for (size_t i = 0; i < linker->interfaces.n; i++)
        if (sl_name_eq(linker->interfaces.v[i].name, name))
            return &linker->interfaces.v[i];
    return NULL;
}

static host_interface *make_interface(sl_linker *linker, sl_name name)
{
    host_interface *found = exact_interface(linker, name);
    if (found != NULL)
        return found;
    host_interface made = {.name = sl_arena_name(&linker->arena, name)};
    sl_map_init(&made.map);
    if (made.name.data == NULL || !sl_vec_push(&linker->interfaces, made))
        return NULL;
    return &sl_vec_last(&linker->interfaces);
}

static sl_status defined_already(sl_name interface, sl_name name, sl_err *err)
{
    return sl_fail(err, SL_EUSAGE, SL_ERR_NO_PLACE,
                   "`%.*s%s%.*s` is defined already", SL_NAME_ARGS(interface),
                   interface.len != 0 ? "#" : "", SL_NAME_ARGS(name));
}

/* Puts a copy of the item under the names; its context is freed with the
 * linker, or at once when that fails. */
static sl_status add_item(sl_linker *linker, sl_name interface, host_item item,
                          sl_err *err)
{
    sl_name name = item.name;
    host_interface *in = make_interface(linker, interface);
    host_item *copy = sl_arena_new(&linker->arena, host_item);
    item.name = sl_arena_name(&linker->arena, name);
    sl_status st = SL_OK;
    if (in == NULL || copy == NULL || item.name.data == NULL)
        st = no_memory(err);
    else if (sl_map_get(&in->map, name, NULL))
        st = defined_already(interface, name, err);
    if (st == SL_OK && (!sl_vec_reserve(&linker->items, 1) ||
                        !sl_map_put(&in->map, item.name, (uintptr_t)copy)))
        st = no_memory(err);
    if (st != SL_OK) {
        if (item.free_ctx != NULL)
            item.free_ctx(item.ctx);
        return st;
    }
    *copy = item;
    linker->items.v[linker->items.n++] = copy;
    return SL_OK;
}

sl_status sl_linker_func(sl_linker *linker, sl_name interface, sl_name name,
                         const sl_host_func *def, sl_err *err)
{
    host_item item = {name, HOST_FUNC, def->ctx, def->free_ctx, {{0}}};
    item.of.func.invoke = def->invoke;
    if (def->type != NULL)
        item.of.func.type =
            sl_arena_dup(&linker->arena, def->type, strlen(def->type));
    if (def->type != NULL && item.of.func.type == NULL) {
        if (def->free_ctx != NULL)
            def->free_ctx(def->ctx);
        return no_memory(err);
    }
    return add_item(linker, interface, item, err);
}

sl_status sl_linker_segment(sl_linker *linker, sl_name name,
                            const sl_host_segment *def, sl_err *err)
{
    host_item item = {name, HOST_SEGMENT, def->ctx, def->free_ctx, {{0}}};
    item.of.open = def->open;
    return add_item(linker, no_interface, item, err);
}

sl_status sl_linker_value(sl_linker *linker, sl_name interface, sl_name name,
                          const sl_host_value *def, sl_err *err)
{
    host_item item = {name, HOST_VALUE, def->ctx, def->free_ctx, {{0}}};
    item.of.make = def->make;
    return add_item(linker, interface, item, err);
}

sl_status sl_linker_resource(sl_linker *linker, sl_name interface, sl_name name,
                             const sl_host_resource *def, sl_err *err)
{
    host_item item = {name, HOST_RESOURCE, def->ctx, def->free_ctx, {{0}}};
    item.of.resource = (sl_resource){.host_dtor = def->dtor, .ctx = def->ctx};
    return add_item(linker, interface, item, err);
}

/* --- Resolving ------------------------------------------------------------ */

/* Where an import is, for messages. */
typedef struct place {
    sl_name interface, name; /* interface empty: the root's own import */
    sl_name suffix; /* of the interface's version: the import's attribute */
} place;

static sl_status unlinkable(place at, const char *why, sl_err *err)
{
    return sl_fail(err, SL_EUNLINKABLE, SL_ERR_NO_PLACE,
                   "import `%.*s%.*s%s%.*s%.*s`: %s",
                   SL_NAME_ARGS(at.interface),
                   at.interface.len != 0 ? (int)at.suffix.len : 0,
                   at.suffix.data != NULL ? at.suffix.data : "",
                   at.interface.len != 0 ? "#" : "", SL_NAME_ARGS(at.name),
                   at.interface.len == 0 ? (int)at.suffix.len : 0,
                   at.suffix.data != NULL ? at.suffix.data : "", why);
}

static sl_status check_type_text(place at, const sl_type *type,
                                 const char *want, sl_err *err)
{
    size_t cap = strlen(want) + 2; /* one more than fits shows a longer text */
    char *text = sl_malloc(cap);
    if (text == NULL)
        return no_memory(err);
    bool same = strcmp(sl_type_text(type, text, cap), want) == 0;
    sl_free(text);
    return same ? SL_OK
                : unlinkable(at, "the host's function has another type", err);
}

static sl_status give_func(const host_item *host, sl_instance *root, place at,
                           const sl_type *type, sl_item *out, sl_err *err)
{
    if (host->of.func.type != NULL &&
        check_type_text(at, type, host->of.func.type, err) != SL_OK)
        return err->code;
    sl_funcinst *func = sl_arena_new(&root->arena, sl_funcinst);
    if (func == NULL)
        return no_memory(err);
    func->type = type;
    func->invoke = host->of.func.invoke;
    func->ctx = host->ctx;
    out->of.func = func;
    return SL_OK;
}

static sl_status give_segment(const host_item *host, sl_instance *root,
                              sl_item *out, sl_err *err)
{
    out->of.segment = host->of.open(host->ctx, root->store, err);
    if (out->of.segment == NULL)
        return sl_fail(err, SL_EIO, SL_ERR_NO_PLACE,
                       "segment cannot be opened");
    char label[64];
    int len = (int)(host->name.len < 50 ? host->name.len : 50);
    snprintf(label, sizeof label, "import `%.*s`", len, host->name.data);
    sl_segment_name(out->of.segment, label);
    return SL_OK;
}

static sl_status give_value(const host_item *host, sl_instance *root, place at,
                            const sl_type *type, sl_item *out, sl_err *err)
{
    sl_val val = {0};
    sl_err why = {0};
    if (!host->of.make(host->ctx, root->store, &val, &why)) {
        sluice_val_deinit(&val);
        return why.code == SL_OK ? no_memory(err)
                                 : unlinkable(at, why.msg, err);
    }
    if (sl_val_check(&val, type, &why) != SL_OK) {
        sluice_val_deinit(&val);
        return unlinkable(at, why.msg, err);
    }
    return sl_value_new(root->store, &val, &out->of.value, err);
}

static const sl_sort host_sorts[] = {
    [HOST_FUNC] = SL_SORT_FUNC,
    [HOST_SEGMENT] = SL_SORT_CORE_DATA,
    [HOST_RESOURCE] = SL_SORT_TYPE,
    [HOST_VALUE] = SL_SORT_VALUE,
};

static sl_status give(host_item *host, sl_instance *root, place at,
                      const sl_externtype *want, sl_item *out, sl_err *err)
{
    if (host_sorts[host->kind] != want->sort)
        return unlinkable(at, "the host has something else of this name", err);
    switch (host->kind) {
    case HOST_FUNC:
        return give_func(host, root, at, want->type, out, err);
    case HOST_SEGMENT:
        return give_segment(host, root, out, err);
    case HOST_RESOURCE:
        out->of.resource = &host->of.resource;
        return SL_OK;
    default:
        return give_value(host, root, at, want->type->of.value.type, out, err);
    }
}

static host_item *find_item(const host_interface *in, sl_name name)
{
    uint64_t value;
    if (in == NULL || !sl_map_get(&in->map, name, &value))
        return NULL;
    return (host_item *)(uintptr_t)value;
}

/* A type that the import only names needs nobody to supply it. */
static bool is_named_type(const sl_externtype *want)
{
    return want->sort == SL_SORT_TYPE && want->type->kind != SL_T_RESOURCE;
}

static sl_status give_named(const host_interface *in, sl_instance *root,
                            place at, const sl_externtype *want, sl_item *out,
                            sl_err *err)
{
    out->sort = want->sort;
    if (is_named_type(want)) {
        out->of.type = want->type;
        return SL_OK;
    }
    host_item *host = find_item(in, at.name);
    if (host == NULL)
        return unlinkable(at, "the host does not define it", err);
    return give(host, root, at, want, out, err);
}

/* An instance made of the host's items, one per export the import asks for. */
static sl_status give_interface(const host_interface *in, sl_instance *root,
                                place import, const sl_type *want, sl_item *out,
                                sl_err *err)
{
    uint32_t n = want->of.component.n_exports;
    sl_exports *exports = sl_arena_new(&root->arena, sl_exports);
    if (exports == NULL || !sl_exports_init(exports, &root->arena, n))
        return no_memory(err);
    for (uint32_t i = 0; i < n; i++) {
        const sl_extern *e = &want->of.component.exports[i];
        exports->v[i].name = e->name;
        sl_status st =
            give_named(in, root, (place){import.name, e->name, import.suffix},
                       &e->type, &exports->v[i].item, err);
        if (st != SL_OK)
            return st;
    }
    sl_exports_seal(exports);
    out->of.instance = exports;
    return SL_OK;
}

/* The interface of that name, else the first compatible one. */
static const host_interface *find_interface(sl_linker *linker, sl_name name)
{
    const host_interface *exact = exact_interface(linker, name);
    if (exact != NULL)
        return exact;
    for (size_t i = 0; i < linker->interfaces.n; i++)
        if (sl_name_compatible(linker->interfaces.v[i].name, name))
            return &linker->interfaces.v[i];
    return NULL;
}

static sl_status resolve(void *arg, sl_instance *root, const sl_extern *import,
                         sl_item *out, sl_err *err)
{
    sl_linker *linker = arg;
    place at = {no_interface, import->name, {NULL, 0}};
    if (import->attributes != NULL)
        at.suffix = import->attributes->version_suffix;
    if (import->type.sort != SL_SORT_INSTANCE) {
        const host_interface *in =
            linker != NULL ? exact_interface(linker, no_interface) : NULL;
        return give_named(in, root, at, &import->type, out, err);
    }
    const host_interface *in =
        linker != NULL ? find_interface(linker, import->name) : NULL;
    return give_interface(in, root, at, import->type.type, out, err);
}

sl_status sl_linker_instantiate(sl_linker *linker, sl_store *store,
                                const sl_component *component,
                                sl_instance **out, sl_err *err)
{
    return sl_link_root(store, component, resolve, linker, out, err);
}
