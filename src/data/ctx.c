/* What a store's segments share: counters and the chooser of test schedules. */
#include "data/data_int.h"

#include "base/alloc.h"

sl_data_env *sl_data_env_new(sl_err *err)
{
    sl_data_env *env = sl_calloc(1, sizeof *env);
    if (env != NULL) {
        env->refs = 1;
        env->cache = sl_cache_new(SL_CACHE_BUDGET);
        env->inflaters = sl_inflaters_new();
    }
    if (env == NULL || env->cache == NULL || env->inflaters == NULL) {
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
    sl_inflaters_free(env->inflaters);
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

bool sl_data_ctx_need_env(sl_data_ctx *ctx, sl_err *err)
{
    if (ctx->env == NULL)
        ctx->env = sl_data_env_new(err);
    return ctx->env != NULL;
}

void sl_data_ctx_free(sl_data_ctx *ctx)
{
    if (ctx != NULL)
        sl_data_env_unref(ctx->env);
    sl_free(ctx);
}

sl_data_stats *sl_data_ctx_stats(sl_data_ctx *ctx)
{
    return &ctx->stats;
}

sl_loop *sl_data_ctx_loop(sl_data_ctx *ctx)
{
    return ctx->loop;
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
