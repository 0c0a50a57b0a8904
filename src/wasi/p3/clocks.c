/* wasi:clocks@0.3.0: monotonic-clock and system-clock. */
#include <time.h>
#include <uv.h>

#include "base/alloc.h"
#include "wasi/wasi_int.h"

#define NS_PER_S  UINT64_C(1000000000)
#define NS_PER_MS UINT64_C(1000000)

static uint64_t resolution(clockid_t clock)
{
    struct timespec ts;
    if (clock_getres(clock, &ts) != 0)
        return 1;
    return (uint64_t)ts.tv_sec * NS_PER_S + (uint64_t)ts.tv_nsec;
}

static uint64_t now_ns(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * NS_PER_S + (uint64_t)ts.tv_nsec;
}

static void monotonic_now(void *ctx, sluice_call *call, const sluice_val *args,
                          size_t n)
{
    (void)ctx, (void)args, (void)n;
    sl_wasi_return_u64(call, now_ns());
}

static void monotonic_resolution(void *ctx, sluice_call *call,
                                 const sluice_val *args, size_t n)
{
    (void)ctx, (void)args, (void)n;
    sl_wasi_return_u64(call, resolution(CLOCK_MONOTONIC));
}

/* A call that waits for a time; owned by its timer, freed when that closed. */
typedef struct sleeper {
    uv_timer_t timer;
    sluice_call *call; /* NULL: answered, or gone */
    uint64_t until_ns;
} sleeper;

static void closed(uv_handle_t *handle)
{
    sl_free(handle->data);
}

static void stop(sleeper *s)
{
    s->call = NULL;
    uv_close((uv_handle_t *)&s->timer, closed);
}

/* The longest step a timer takes, so that no sum of times wraps. */
#define STEP_MS (UINT64_C(1) << 40)

static void arm(sleeper *s);

static void fired(uv_timer_t *timer)
{
    sleeper *s = timer->data;
    if (now_ns() < s->until_ns) {
        arm(s);
        return;
    }
    sluice_call *call = s->call;
    stop(s);
    sluice_call_return(call, NULL);
}

static void arm(sleeper *s)
{
    uint64_t now = now_ns();
    uint64_t left = s->until_ns > now ? s->until_ns - now : 0;
    uint64_t ms = left / NS_PER_MS + (left % NS_PER_MS != 0);
    uv_timer_start(&s->timer, fired, ms < STEP_MS ? ms : STEP_MS, 0);
}

static void cancelled(void *arg, bool gone)
{
    sleeper *s = arg;
    sluice_call *call = s->call;
    stop(s);
    if (!gone)
        sluice_call_cancelled(call);
}

static void wait_until_ns(sluice_call *call, uint64_t until)
{
    if (until <= now_ns()) {
        sluice_call_return(call, NULL);
        return;
    }
    sleeper *s = sl_malloc(sizeof *s);
    if (s == NULL) {
        sl_wasi_no_memory(call);
        return;
    }
    s->call = call;
    s->until_ns = until;
    uv_loop_t *loop = sluice_store_loop(sluice_call_store(call));
    uv_timer_init(loop, &s->timer);
    uv_update_time(loop);
    s->timer.data = s;
    arm(s);
    sluice_call_on_cancel(call, cancelled, s);
}

static void wait_until(void *ctx, sluice_call *call, const sluice_val *args,
                       size_t n)
{
    (void)ctx, (void)n;
    wait_until_ns(call, args[0].of.u64);
}

static void wait_for(void *ctx, sluice_call *call, const sluice_val *args,
                     size_t n)
{
    (void)ctx, (void)n;
    uint64_t now = now_ns(), span = args[0].of.u64;
    wait_until_ns(call, span > UINT64_MAX - now ? UINT64_MAX : now + span);
}

static void system_now(void *ctx, sluice_call *call, const sluice_val *args,
                       size_t n)
{
    (void)ctx, (void)args, (void)n;
    struct timespec ts;
    sluice_val instant;
    clock_gettime(CLOCK_REALTIME, &ts);
    if (!sluice_val_items(&instant, SLUICE_RECORD, 2)) {
        sl_wasi_no_memory(call);
        return;
    }
    instant.of.list.items[0] =
        (sluice_val){.kind = SLUICE_S64, .of.s64 = ts.tv_sec};
    instant.of.list.items[1] =
        (sluice_val){.kind = SLUICE_U32, .of.u32 = (uint32_t)ts.tv_nsec};
    sluice_call_return(call, &instant);
    sluice_val_deinit(&instant);
}

static void system_resolution(void *ctx, sluice_call *call,
                              const sluice_val *args, size_t n)
{
    (void)ctx, (void)args, (void)n;
    sl_wasi_return_u64(call, resolution(CLOCK_REALTIME));
}

const wasi_row sl_wasi_p3_clocks[] = {
    {"wasi:clocks/monotonic-clock@0.3.0", "now", "func() -> u64",
     monotonic_now},
    {"wasi:clocks/monotonic-clock@0.3.0", "get-resolution", "func() -> u64",
     monotonic_resolution},
    {"wasi:clocks/monotonic-clock@0.3.0", "wait-until", "async func(when: u64)",
     wait_until},
    {"wasi:clocks/monotonic-clock@0.3.0", "wait-for",
     "async func(how-long: u64)", wait_for},
    {"wasi:clocks/system-clock@0.3.0", "now",
     "func() -> record { seconds: s64, nanoseconds: u32 }", system_now},
    {"wasi:clocks/system-clock@0.3.0", "get-resolution", "func() -> u64",
     system_resolution},
    {NULL, NULL, NULL, NULL},
};
