/* include/sluice/resource.h: resources that the host defines or owns. */
#include "api/api_int.h"

#include "base/alloc.h"
#include "task/resource.h"

/* --- The host's types ---------------------------------------------------------- */

sluice_status sluice_linker_resource(sluice_linker *linker,
                                     const char *interface, const char *name,
                                     void (*drop)(void *ctx, uint32_t rep),
                                     void *ctx, void (*free_ctx)(void *),
                                     sluice_error *error)
{
    sl_err err = {0};
    const sl_host_resource def = {drop, ctx, free_ctx};
    if (sl_linker_resource(linker->linker,
                           interface != NULL ? sl_name_of(interface)
                                             : SL_NAME(""),
                           sl_name_of(name), &def, &err) == SL_OK)
        return SLUICE_OK;
    return sl_api_error(error, &err);
}

bool sluice_val_same_resource(const sluice_val *a, const sluice_val *b)
{
    return a->of.handle.resource != NULL &&
           a->of.handle.resource == b->of.handle.resource;
}

/* --- Owned resources that are released ------------------------------------------ */

struct dropped_own {
    sl_resource *resource;
    uint32_t rep;
    struct dropped_own *next;
};

void sl_api_run_drops(sluice_store *store)
{
    if (store->drops == NULL || store->store->stalled)
        return;
    bool timed = sl_api_begin(store, NULL) == SLUICE_OK;
    while (store->drops != NULL) {
        struct dropped_own *d = store->drops;
        sluice_error error;
        store->drops = d->next;
        sl_store_clear_trap(store->store);
        sl_status st =
            sl_resource_destroy(store->store, d->resource, d->rep, NULL);
        sl_free(d);
        if (st == SL_OK)
            continue;
        sl_api_outcome(&error, store, st);
        sl_api_trapped(store, &error, false);
    }
    if (timed)
        sl_api_end(store);
}

static void on_drop_post(sl_post *post)
{
    sl_api_run_drops(
        (sluice_store *)((char *)post - offsetof(sluice_store, drop_post)));
}

/* A host's resource is told at once; a guest's destructor is guest code, which
 * must not run inside whatever releases the value. */
void sl_api_drop_own(void *handle, uint32_t rep)
{
    sl_resource *resource = handle;
    if (resource->impl == NULL) {
        if (resource->host_dtor != NULL)
            resource->host_dtor(resource->ctx, rep);
        return;
    }
    sluice_store *store = sl_api_store(resource->impl->store);
    struct dropped_own *d = store != NULL ? sl_malloc(sizeof *d) : NULL;
    if (d == NULL)
        return;
    *d = (struct dropped_own){resource, rep, store->drops};
    store->drops = d;
    store->drop_post.fn = on_drop_post;
    if (!store->drop_post.pending)
        sl_loop_post(store->loop, &store->drop_post);
}

void sl_api_finish_drops(sluice_store *store)
{
    if (store->drop_post.pending)
        sl_loop_unpost(store->loop, &store->drop_post);
    while (store->drops != NULL) {
        struct dropped_own *d = store->drops;
        store->drops = d->next;
        sl_free(d);
    }
}
