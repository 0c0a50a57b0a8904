/* include/sluice/instance.h: values that components import and export. */
#include "api/api_int.h"

#include "base/alloc.h"
#include "link/value.h"

/* What a linker keeps of a value import. */
struct host_value {
    sluice_val val; /* copied for each instance, unless `make` makes them */
    sluice_value_fn make;
    void *ctx;
    void (*free_ctx)(void *);
};

static bool make(void *ctx, sl_store *store, sl_val *out, sl_err *err)
{
    struct host_value *v = ctx;
    if (v->make == NULL)
        return sluice_val_copy(&v->val, out);
    if (v->make(v->ctx, sl_api_store(store), out))
        return true;
    sl_fail(err, SL_EUNLINKABLE, SL_ERR_NO_PLACE, "the host has no value now");
    return false;
}

static void free_value(void *ctx)
{
    struct host_value *v = ctx;
    sluice_val_deinit(&v->val);
    if (v->free_ctx != NULL)
        v->free_ctx(v->ctx);
    sl_free(v);
}

/* Takes what is in `value`, also on failure. */
static sluice_status define(sluice_linker *linker, const char *interface,
                            const char *name, struct host_value value,
                            sluice_error *error)
{
    sl_err err = {0};
    struct host_value *v = sl_malloc(sizeof *v);
    if (v == NULL) {
        sluice_val_deinit(&value.val);
        if (value.free_ctx != NULL)
            value.free_ctx(value.ctx);
        return sl_api_fail(error, SLUICE_ENOMEM, "out of memory");
    }
    *v = value;
    const sl_host_value def = {make, v, free_value};
    if (sl_linker_value(linker->linker,
                        interface != NULL ? sl_name_of(interface) : SL_NAME(""),
                        sl_name_of(name), &def, &err) == SL_OK)
        return SLUICE_OK;
    return sl_api_error(error, &err);
}

sluice_status sluice_linker_value(sluice_linker *linker, const char *interface,
                                  const char *name, sluice_val *value,
                                  sluice_error *error)
{
    struct host_value v = {.val = *value};
    *value = (sluice_val){0};
    if (sl_val_holding(&v.val) == SL_VAL_PLAIN)
        return define(linker, interface, name, v, error);
    sluice_val_deinit(&v.val);
    return sl_api_fail(error, SLUICE_EUSAGE,
                       "value `%s` holds a resource, stream or future", name);
}

sluice_status sluice_linker_value_from(sluice_linker *linker,
                                       const char *interface, const char *name,
                                       sluice_value_fn make_value, void *ctx,
                                       void (*free_ctx)(void *),
                                       sluice_error *error)
{
    struct host_value v = {
        .make = make_value, .ctx = ctx, .free_ctx = free_ctx};
    return define(linker, interface, name, v, error);
}

sluice_status sluice_instance_value(sluice_instance *instance, const char *name,
                                    sluice_val *out, sluice_error *error)
{
    sl_err err = {0};
    const sl_item *item = sl_api_export(instance, name, SL_SORT_VALUE);
    *out = (sluice_val){0};
    if (item == NULL)
        return sl_api_fail(error, SLUICE_EUSAGE, "no exported value `%s`",
                           name);
    if (sl_value_take(item->of.value, out, &err) == SL_OK)
        return SLUICE_OK;
    return sl_api_error(error, &err);
}
