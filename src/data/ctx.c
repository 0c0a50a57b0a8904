/* What a store's segments share: counters and the chooser of test schedules. */
#include "data/data_int.h"

#include <string.h>

#include "base/alloc.h"

/* --- What stores share --------------------------------------------------------
 */

static void forget_strings(sl_http_config *config)
{
    sl_free((char *)config->ca_file);
    sl_free((char *)config->authorization);
    sl_free((char *)config->authorization_origin);
}

/* A copy of a string that may be NULL; false: out of memory. */
static bool copy_string(const char *from, const char **to)
{
    *to = from != NULL ? sl_strndup(from, strlen(from)) : NULL;
    return from == NULL || *to != NULL;
}

sl_status sl_data_env_set_http(sl_data_env *env, const sl_http_config *config,
                               sl_err *err)
{
    sl_http_config copy = *config;
    copy.ca_file = copy.authorization = copy.authorization_origin = NULL;
    if (!copy_string(config->ca_file, &copy.ca_file) ||
        !copy_string(config->authorization, &copy.authorization) ||
        !copy_string(config->authorization_origin,
                     &copy.authorization_origin)) {
        forget_strings(&copy);
        return sl_fail(err, SL_ENOMEM, SL_ERR_NO_PLACE, "out of memory");
    }
    forget_strings(&env->http);
    env->http = copy;
    return SL_OK;
}

const sl_http_config *sl_data_env_http(const sl_data_env *env)
{
    return &env->http;
}

sl_status sl_data_env_set_cache(sl_data_env *env, const char *dir,
                                uint64_t limit, sl_err *err)
{
    sl_disk *disk = sl_disk_open(dir, limit, 0, err);
    if (disk == NULL)
        return SL_ENOMEM;
    sl_disk_unref(env->disk);
    env->disk = disk;
    return SL_OK;
}

void sl_data_env_disk_said(sl_data_env *env, const sl_err *err)
{
    if (err->code == SL_OK) /* it is said to one caller only */
        return;
    memcpy(env->disk_problem, err->msg, sizeof env->disk_problem);
    __atomic_store_n(&env->disk_failed, true, __ATOMIC_RELEASE);
}

const char *sl_data_env_cache_problem(const sl_data_env *env)
{
    return __atomic_load_n(&env->disk_failed, __ATOMIC_ACQUIRE)
               ? env->disk_problem
               : NULL;
}

sl_data_env *sl_data_env_new(sl_err *err)
{
    sl_data_env *env = sl_calloc(1, sizeof *env);
    if (env != NULL) {
        env->refs = 1;
        env->http = sl_http_config_default();
        env->cache = sl_cache_new(SL_CACHE_BUDGET);
        env->flights = sl_flights_new();
        env->inflaters = sl_inflaters_new();
    }
    if (env == NULL || env->cache == NULL || env->flights == NULL ||
        env->inflaters == NULL) {
        sl_fail(err, SL_ENOMEM, SL_ERR_NO_PLACE, "out of memory");
        sl_data_env_unref(env);
        return NULL;
    }
    return env;
}

sl_data_env *sl_data_env_ref(sl_data_env *env)
{
    __atomic_add_fetch(&env->refs, 1, __ATOMIC_RELAXED);
    return env;
}

void sl_data_env_unref(sl_data_env *env)
{
    if (env == NULL || __atomic_sub_fetch(&env->refs, 1, __ATOMIC_ACQ_REL) != 0)
        return;
    sl_cache_free(env->cache);
    sl_flights_free(env->flights);
    sl_inflaters_free(env->inflaters);
    sl_disk_unref(env->disk);
    forget_strings(&env->http);
    sl_free(env);
}

sl_data_ctx *sl_data_ctx_new(sl_loop *loop, sl_err *err)
{
    sl_data_ctx *ctx = sl_calloc(1, sizeof *ctx);
    if (ctx == NULL) {
        sl_fail(err, SL_ENOMEM, SL_ERR_NO_PLACE, "out of memory");
        return NULL;
    }
    ctx->loop = loop;
    return ctx;
}

void sl_data_ctx_share(sl_data_ctx *ctx, sl_data_env *env)
{
    ctx->env = sl_data_env_ref(env);
}

void sl_data_ctx_bind(sl_data_ctx *ctx, const sl_data_binder *binder)
{
    ctx->binder = *binder;
}

void sl_data_ctx_map_files(sl_data_ctx *ctx, bool on)
{
    ctx->map_files = on;
}

void sl_data_ctx_map_from(sl_data_ctx *ctx, uint64_t least)
{
    ctx->map_from = least;
}

bool sl_data_ctx_maps(const sl_data_ctx *ctx, uint64_t len, uint64_t least)
{
    return ctx->map_files && len >= (ctx->map_from != 0 ? ctx->map_from : least);
}

bool sl_data_ctx_need_env(sl_data_ctx *ctx, sl_err *err)
{
    if (ctx->env == NULL)
        ctx->env = sl_data_env_new(err);
    return ctx->env != NULL;
}

sl_http *sl_data_ctx_http(sl_data_ctx *ctx, sl_err *err)
{
    if (ctx->http == NULL && sl_data_ctx_need_env(ctx, err))
        ctx->http = sl_http_new(ctx->loop, &ctx->env->http, err);
    if (ctx->http != NULL)
        sl_http_trace(ctx->http, ctx->tracer);
    return ctx->http;
}

void sl_data_ctx_free(sl_data_ctx *ctx)
{
    if (ctx == NULL)
        return;
    sl_plan_free(ctx->plan);
    sl_http_free(ctx->http);
    sl_data_env_unref(ctx->env);
    sl_free(ctx);
}

sl_data_stats *sl_data_ctx_stats(sl_data_ctx *ctx)
{
    return &ctx->stats;
}

sl_http_stats sl_data_ctx_http_stats(const sl_data_ctx *ctx)
{
    return ctx->http != NULL ? *sl_http_stats_of(ctx->http) : (sl_http_stats){0};
}

uint64_t sl_data_ctx_http_pending(const sl_data_ctx *ctx)
{
    return ctx->http != NULL ? sl_http_pending(ctx->http) : 0;
}

void sl_data_ctx_trace(sl_data_ctx *ctx, sl_tracer *tracer)
{
    ctx->tracer = tracer;
    if (ctx->http != NULL)
        sl_http_trace(ctx->http, tracer);
}

sl_tracer *sl_data_ctx_tracer(const sl_data_ctx *ctx)
{
    return ctx->tracer;
}

/* --- Faults -------------------------------------------------------------------
 */

void sl_data_ctx_on_fault(sl_data_ctx *ctx,
                          bool (*fn)(void *arg, const sl_fault *fault),
                          void *arg)
{
    ctx->on_fault = fn;
    ctx->on_fault_arg = arg;
}

bool sl_data_ctx_ask(const sl_data_ctx *ctx, const sl_fault *fault)
{
    return ctx->on_fault != NULL && ctx->on_fault(ctx->on_fault_arg, fault);
}

/* --- Test schedules: docs/data-segments.md, section 9 ------------------------
 */

void sl_data_ctx_schedule(sl_data_ctx *ctx, uint64_t seed)
{
    ctx->random = seed;
}

/* xorshift64*: the same seed gives the same run. */
static uint64_t next_random(sl_data_ctx *ctx)
{
    uint64_t x = ctx->random;
    x ^= x >> 12;
    x ^= x << 25;
    x ^= x >> 27;
    ctx->random = x;
    return (x * UINT64_C(0x2545f4914f6cdd1d)) >> 16;
}

uint64_t sl_data_choose_piece(sl_data_ctx *ctx, uint64_t len)
{
    if (ctx->random == 0 || len <= 1)
        return len;
    uint64_t r = next_random(ctx);
    static const uint16_t bound[4] = {1, 7, 64, 4096};
    uint64_t most = r & 4 ? len : bound[r & 3];
    return 1 + (r >> 3) % (most < len ? most : len);
}

uint32_t sl_data_choose_delay(sl_data_ctx *ctx)
{
    if (ctx->random == 0)
        return 0;
    uint64_t r = next_random(ctx);
    return r & 3 ? 0 : 1 + (uint32_t)(r >> 2) % 4;
}
