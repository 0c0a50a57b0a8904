/* include/sluice/fetch.h: engines that fetch, and faults that are answered. */
#include "api/api_int.h"

#include <string.h>

#include "base/alloc.h"
#include "net/http.h"

sluice_http_config sluice_http_config_default(void)
{
    sl_http_config d = sl_http_config_default();
    return (sluice_http_config){
        .allow_private = d.allow_private,
        .connect_ms = d.connect_ms,
        .first_byte_ms = d.first_byte_ms,
        .min_rate = d.min_rate,
        .rate_window_ms = d.rate_window_ms,
        .retries = d.retries,
        .retry_delay_ms = d.retry_delay_ms,
        .redirects = d.redirects,
        .per_origin = d.per_origin,
        .connections = d.connections,
        .bytes_in_flight = d.in_flight,
    };
}

sluice_status sluice_engine_set_http(sluice_engine *engine,
                                     const sluice_http_config *config,
                                     sluice_error *error)
{
    sl_err err = {0};
    sl_http_config http = sl_http_config_default();
    http.allow_private = config->allow_private;
    http.connect_ms = config->connect_ms;
    http.first_byte_ms = config->first_byte_ms;
    http.min_rate = config->min_rate;
    http.rate_window_ms = config->rate_window_ms;
    http.retries = config->retries;
    http.retry_delay_ms = config->retry_delay_ms;
    http.redirects = config->redirects;
    http.per_origin = config->per_origin;
    http.connections = config->connections;
    http.in_flight = config->bytes_in_flight;
    http.ca_file = config->ca_file;
    http.authorization = config->authorization;
    http.authorization_origin = config->authorization_origin;
    sl_data_env_set_http(engine->data, &http, &err);
    return sl_api_error(error, &err);
}

sluice_status sluice_engine_set_cache(sluice_engine *engine, const char *dir,
                                      uint64_t limit, sluice_error *error)
{
    sl_err err = {0};
    sl_data_env_set_cache(engine->data, dir, limit, &err);
    return sl_api_error(error, &err);
}

const char *sluice_engine_cache_problem(const sluice_engine *engine)
{
    return sl_data_env_cache_problem(engine->data);
}

/* Where external segments are: the URL as far as its last '/', without query
 * and fragment. It has a host, for it has been fetched. */
static sl_status set_base(sl_source *source, const char *url, sl_err *err)
{
    size_t host = (size_t)(strstr(url, "://") + 3 - url);
    size_t len = strcspn(url, "?#"), slash = len;
    while (slash > host && url[slash - 1] != '/')
        slash--;
    if (slash > host)
        len = slash - 1;
    char *base = sl_strndup(url, len);
    sl_status st = base != NULL ? sl_source_set_base(source, base, err)
                                : sl_fail(err, SL_ENOMEM, SL_ERR_NO_PLACE,
                                          "out of memory");
    sl_free(base);
    return st;
}

sluice_component *sluice_component_open_url(sluice_engine *engine,
                                            const char *url,
                                            sluice_error *error)
{
    sl_err err = {0};
    sl_source *source =
        sl_source_http(url, sl_data_env_http(engine->data), &err);
    if (source != NULL && set_base(source, url, &err) == SL_OK)
        return sl_api_decode(engine, source, error);
    sl_source_unref(source);
    sl_api_error(error, &err);
    return NULL;
}

sluice_segment *sluice_segment_from_url(sluice_engine *engine, const char *url,
                                        sluice_error *error)
{
    sl_err err = {0};
    sl_source *source =
        sl_source_http(url, sl_data_env_http(engine->data), &err);
    return sl_api_segment_over(source, &err, error);
}

sluice_status sluice_store_map_files(sluice_store *store, bool on,
                                     sluice_error *error)
{
    if (on && !sl_core_store_allow_mapping(store->store->core))
        return sl_api_fail(error, SLUICE_EIO,
                           "no handler for SIGBUS could be installed");
    sl_data_ctx_map_files(store->store->data, on);
    return SLUICE_OK;
}

/* --- Faults --------------------------------------------------------------------- */

static bool ask(void *arg, const sl_fault *fault)
{
    sluice_store *store = arg;
    sluice_fault out = {.segment = fault->segment->label,
                        .start = fault->at,
                        .len = fault->len,
                        .cause = fault->cause->msg,
                        .attempt = fault->attempt,
                        .host = fault->host};
    return store->on_fault(store->on_fault_arg, &out) == SLUICE_FAULT_RETRY;
}

static void loaded(void *arg, const sl_segment *segment, uint64_t at,
                   uint64_t len)
{
    sluice_store *store = arg;
    sluice_load load = {.segment = segment->label,
                        .ordinal = segment->ordinal,
                        .import = {segment->import.data, segment->import.len},
                        .start = at,
                        .len = len};
    store->on_load(store->on_load_arg, &load);
}

void sluice_store_on_load(sluice_store *store,
                          void (*fn)(void *arg, const sluice_load *load),
                          void *arg)
{
    store->on_load = fn;
    store->on_load_arg = arg;
    sl_data_ctx_on_load(store->store->data, fn != NULL ? loaded : NULL, store);
}

void sluice_store_on_fault(sluice_store *store,
                           sluice_fault_answer (*fn)(void *arg,
                                                     const sluice_fault *fault),
                           void *arg)
{
    store->on_fault = fn;
    store->on_fault_arg = arg;
    sl_data_ctx_on_fault(store->store->data, fn != NULL ? ask : NULL, store);
}
