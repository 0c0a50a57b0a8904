/* Waiting for the loop while the host waits on its own stack: what a start
 * function needs, as instantiating it cannot be left and gone on with later.
 * docs/data-segments.md, section 8. */
#include "task/fiber.h"
#include "task/task_int.h"

/* Nothing else is under way in the store that could go on as the loop turns. */
static bool is_alone(const sl_store *store)
{
    if (store->nesting_depth != 1 || store->n_running != 1 || store->stalled ||
        store->live_ends != 0 || store->live_subtasks != 0)
        return false;
    for (const sl_thread *t = store->threads; t != NULL; t = t->next)
        if (!t->running)
            return false;
    return true;
}

typedef struct alarm_clock {
    sl_timer *timer; /* NULL: none, or it has rung */
} alarm_clock;

static void on_alarm(void *arg)
{
    ((alarm_clock *)arg)->timer = NULL;
}

/* The loop wakes up when the time is over. */
static bool set_alarm(sl_store *store, alarm_clock *out)
{
    const sl_deadline *deadline = sl_store_running_deadline(store);
    uint64_t at = store->deadline_ns, now = sl_loop_now_ns();
    sl_err err = {0};
    if (deadline != NULL && deadline->at_ns < at)
        at = deadline->at_ns;
    if (at == SL_NO_DEADLINE)
        return true;
    out->timer = sl_timer_start(store->loop, at > now ? at - now : 0, on_alarm,
                                out, &err);
    if (out->timer != NULL) /* it alone is nothing to wait for */
        sl_timer_hold(out->timer, false);
    return out->timer != NULL;
}

void sl_hold_turn(sl_store *store)
{
    sl_thread *current = store->current;
    store->current = NULL;
    store->holds = false;
    store->turned = sl_loop_turn(store->loop);
    store->current = current;
}

static sl_status cannot_wait(sl_core_thread *core)
{
    return sl_trap(core, "cannot block a synchronous task before returning");
}

/* A turn of the loop, which whoever resumed the fiber makes. */
static sl_status hold_for_a_turn(sl_store *store, sl_core_thread *core,
                                 const bool *done)
{
    store->holds = true;
    sl_fiber_suspend(store->fiber, NULL);
    if (store->closing)
        return SL_ECANCELLED;
    if (*done)
        return SL_OK;
    return store->turned ? sl_core_poll(core) : cannot_wait(core);
}

sl_status sl_store_hold(sl_core_thread *core, const bool *done)
{
    sl_store *store = sl_thread_store(sl_thread_of(core));
    alarm_clock alarm = {NULL};
    sl_status status = SL_OK;

    if (!is_alone(store) || !sl_loop_may_turn(store->loop))
        return cannot_wait(core);
    if (!set_alarm(store, &alarm))
        return sl_trap(core, "out of memory");
    while (status == SL_OK && !*done)
        status = hold_for_a_turn(store, core, done);
    sl_timer_cancel(alarm.timer);
    return status;
}
