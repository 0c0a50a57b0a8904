/* include/sluice/instance.h: stores and instances. */
#include "api/api_int.h"

#include <string.h>

#include "base/alloc.h"
#include "net/http.h"

/* --- Stores ------------------------------------------------------------------- */

static sl_store_limits store_limits(const sluice_limits *limits)
{
    sl_store_limits out = sl_store_limits_default();
    uint64_t pages = limits->memory_bytes / 65536;
    out.core.memory_pages = pages;
    out.core.memory64_pages =
        pages < SL_MEMORY64_PAGES ? pages : SL_MEMORY64_PAGES;
    out.core.memory_bytes = limits->store_memory_bytes;
    out.core.table_elems = limits->table_elements;
    out.handles = limits->handles;
    out.tasks = limits->tasks;
    out.call_bytes = limits->call_bytes;
    out.wasm_stack_bytes = limits->wasm_stack_bytes;
    return out;
}

void sl_api_trapped(sluice_store *store, const sluice_error *error, bool heard)
{
    /* While it is stalled, what it has entered cannot be told from what has
     * trapped. */
    bool stalled = store->store->stalled;
    if (store->store->nesting_depth != 0 || stalled) {
        store->trap = *error;
        store->heard = heard;
        store->trap_waits = stalled;
        if (!stalled)
            sl_loop_post(store->loop, &store->settle);
        return;
    }
    bool any = sl_api_fail_lost_calls(store, error);
    sl_api_forget_lost_answers(store);
    if (!heard && !any && store->on_trap != NULL)
        store->on_trap(store->on_trap_arg, error);
}

static void settle(sl_post *post)
{
    sluice_store *store =
        (sluice_store *)((char *)post - offsetof(sluice_store, settle));
    sl_api_trapped(store, &store->trap, store->heard);
}

/* sl_store.on_trap: no host's call is there to receive it at once. */
static void trapped(sl_store *inner, void *arg)
{
    (void)inner;
    sluice_store *store = arg;
    sluice_error error;
    sl_api_outcome(&error, store, store->exited ? SL_EEXIT : SL_ETRAP);
    sl_api_trapped(store, &error, false);
}

sluice_store *sluice_store_new(sluice_engine *engine, struct uv_loop_s *loop,
                               sluice_error *error)
{
    sl_err err = {0};
    sl_store_limits limits = store_limits(&engine->limits);
    limits.core.mappings = engine->mappings;
    sluice_store *store = sl_malloc(sizeof *store);
    if (store == NULL) {
        sl_api_fail(error, SLUICE_ENOMEM, "out of memory");
        return NULL;
    }
    memset(store, 0, offsetof(sluice_store, trap));
    store->engine = engine;
    store->call_timeout_ns = SLUICE_NO_DEADLINE;
    store->settle.fn = settle;
    store->loop = sl_loop_new(loop, &err);
    if (store->loop != NULL)
        store->store = sl_store_new(store->loop, &limits, &err);
    if (store->store == NULL) {
        sl_api_error(error, &err);
        sluice_store_free(store);
        return NULL;
    }
    sl_data_ctx_share(store->store->data, engine->data);
    store->store->on_trap = trapped;
    store->store->on_trap_arg = store;
    store->store->on_resumed = sl_api_resumed;
    store->store->on_resumed_arg = store;
    return store;
}

static void free_instances(sluice_store *store)
{
    for (sluice_instance *i = store->instances, *next; i != NULL; i = next) {
        next = i->next;
        for (sluice_func *f = i->funcs, *after; f != NULL; f = after) {
            after = f->next;
            sl_free(f);
        }
        sl_free(i);
    }
}

void sluice_store_free(sluice_store *store)
{
    if (store == NULL)
        return;
    sl_api_forget_answers(store);
    sl_api_finish_drops(store);
    if (store->store != NULL) {
        store->store->on_trap = NULL;
        sl_loop_unpost(store->loop, &store->settle);
        sl_api_forget_calls(store);
        sl_timer_cancel(store->alarm);
        sl_store_free(store->store);
    }
    sl_loop_free(store->loop);
    sl_api_forget_tracer(store);
    free_instances(store);
    sl_free(store);
}

struct uv_loop_s *sluice_store_loop(sluice_store *store)
{
    return sl_loop_uv(store->loop);
}

void sluice_store_interrupt(sluice_store *store)
{
    sl_core_store_interrupt(store->store->core);
}

void sluice_store_set_seed(sluice_store *store, uint64_t seed)
{
    store->store->seed = seed;
    store->store->random = seed;
    sl_data_ctx_schedule(store->store->data, seed);
}

void sluice_store_on_trap(sluice_store *store,
                          void (*fn)(void *arg, const sluice_error *error),
                          void *arg)
{
    store->on_trap = fn;
    store->on_trap_arg = arg;
}

sluice_stats sluice_store_stats(const sluice_store *store)
{
    const sl_data_stats *data = sl_data_ctx_stats(store->store->data);
    sl_core_stats core = sl_core_store_stats(store->store->core);
    sl_http_stats http = sl_data_ctx_http_stats(store->store->data);
    return (sluice_stats){
        .bytes_read = data->bytes_read,
        .bytes_to_guest = data->bytes_to_guest,
        .bytes_mapped = data->bytes_mapped,
        .bytes_forwarded = data->bytes_forwarded,
        .data_faults = data->faults,
        .memory_bytes = core.memory_bytes,
        .instances = store->store->n_instances,
        .tasks = store->store->live_tasks,
        .stream_ends = store->store->live_ends,
        .bytes_fetched = data->bytes_fetched,
        .http_requests = http.requests,
        .http_retries = http.retries,
        .http_bytes = http.bytes,
        .http_pending = sl_data_ctx_http_pending(store->store->data),
    };
}

/* --- Instances ------------------------------------------------------------------ */

sluice_instance *sluice_instantiate(sluice_store *store, sluice_linker *linker,
                                    sluice_component *component,
                                    sluice_error *error)
{
    sl_err err = {0};
    sluice_instance *out = sl_calloc(1, sizeof *out);
    if (out == NULL) {
        sl_api_fail(error, SLUICE_ENOMEM, "out of memory");
        return NULL;
    }
    if (sl_api_begin(store, error) != SLUICE_OK) {
        sl_free(out);
        return NULL;
    }
    sl_store_clear_trap(store->store);
    sl_status st =
        sl_linker_instantiate(linker != NULL ? linker->linker : NULL,
                              store->store, component->component, &out->inst,
                              &err);
    sl_api_end(store);
    if (st != SL_OK) {
        sluice_error outcome;
        if (st == SL_ETRAP || st == SL_EEXIT) {
            sl_api_outcome(&outcome, store, st);
            sl_api_trapped(store, &outcome, true);
            if (error != NULL)
                *error = outcome;
        } else
            sl_api_error(error, &err);
        sl_free(out);
        return NULL;
    }
    out->store = store;
    out->next = store->instances;
    store->instances = out;
    return out;
}

/* Does an export's name answer to `want`: equal, or equal without "@version"
 * when `want` has none? */
static bool name_answers(sl_name have, sl_name want)
{
    if (sl_name_eq(have, want))
        return true;
    if (memchr(want.data, '@', want.len) != NULL || have.len <= want.len)
        return sl_name_compatible(have, want);
    return have.data[want.len] == '@' &&
           memcmp(have.data, want.data, want.len) == 0;
}

static const sl_item *find_export(const sl_exports *exports, sl_name name,
                                  sl_sort sort)
{
    for (uint32_t i = 0; i < exports->n; i++)
        if (exports->v[i].item.sort == sort &&
            name_answers(exports->v[i].name, name))
            return &exports->v[i].item;
    return NULL;
}

const sl_item *sl_api_export(sluice_instance *instance, const char *name,
                             sl_sort sort)
{
    const char *hash = strrchr(name, '#');
    const sl_exports *exports = &instance->inst->exports;
    if (hash != NULL) {
        sl_name interface = {name, (size_t)(hash - name)};
        const sl_item *inner =
            find_export(exports, interface, SL_SORT_INSTANCE);
        if (inner == NULL)
            return NULL;
        exports = inner->of.instance;
        name = hash + 1;
    }
    return find_export(exports, sl_name_of(name), sort);
}

sluice_func *sluice_instance_func(sluice_instance *instance, const char *name)
{
    const sl_item *item = sl_api_export(instance, name, SL_SORT_FUNC);
    if (item == NULL)
        return NULL;
    for (sluice_func *f = instance->funcs; f != NULL; f = f->next)
        if (f->func == item->of.func)
            return f;
    sluice_func *f = sl_malloc(sizeof *f);
    if (f == NULL)
        return NULL;
    *f = (sluice_func){instance->store, item->of.func, instance->funcs};
    instance->funcs = f;
    return f;
}

const sluice_type *sluice_func_type(const sluice_func *func)
{
    return func->func->type;
}

sluice_segment *sluice_instance_segment(sluice_instance *instance,
                                        const char *name)
{
    const sl_item *item = sl_api_export(instance, name, SL_SORT_CORE_DATA);
    return item == NULL ? NULL : sl_api_segment_wrap(item->of.segment);
}
