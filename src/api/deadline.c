/* include/sluice/instance.h: deadlines. What runs is asked about its time by
 * the interpreter (task/deadline.c); what waits is ended by the one timer here.
 */
#include "api/api_int.h"

_Static_assert(SLUICE_NO_DEADLINE == SL_NO_DEADLINE, "for ever");

/* So long from now, in the loop's nanoseconds. */
static uint64_t at_of(uint64_t after_ns)
{
    uint64_t now = sl_loop_now_ns();
    return after_ns < SL_NO_DEADLINE - now ? now + after_ns : SL_NO_DEADLINE;
}

/* --- The timer -------------------------------------------------------------
 */

static void on_alarm(void *arg)
{
    sluice_store *store = arg;
    uint64_t next;
    store->alarm = NULL;
    sl_api_end_late_calls(store, sl_loop_now_ns(), &next);
    if (next != SL_NO_DEADLINE)
        sl_api_set_alarm(store, next); /* the memory that was just freed */
}

bool sl_api_set_alarm(sluice_store *store, uint64_t at_ns)
{
    sl_err err = {0};
    if (store->store->deadline_ns < at_ns)
        at_ns = store->store->deadline_ns;
    if (at_ns == SL_NO_DEADLINE ||
        (store->alarm != NULL && store->alarm_ns <= at_ns))
        return true;
    uint64_t now = sl_loop_now_ns();
    sl_timer *alarm = sl_timer_start(store->loop, at_ns > now ? at_ns - now : 0,
                                     on_alarm, store, &err);
    if (alarm == NULL)
        return false;
    sl_timer_cancel(store->alarm);
    store->alarm = alarm;
    store->alarm_ns = at_ns;
    if (store->n_runs != 0)
        sl_timer_hold(alarm, false);
    return true;
}

void sl_api_check_alarm(sluice_store *store)
{
    bool wanted =
        store->n_timed != 0 ||
        (store->n_open != 0 && store->store->deadline_ns != SL_NO_DEADLINE);
    if (wanted || store->alarm == NULL)
        return;
    sl_timer_cancel(store->alarm);
    store->alarm = NULL;
}

/* A deadlock is found at once: the timer keeps nobody waiting for it. */
sluice_status sluice_store_run(sluice_store *store, const bool *done)
{
    if (store->n_runs++ == 0 && store->alarm != NULL)
        sl_timer_hold(store->alarm, false);
    bool good = sl_loop_run(store->loop, done);
    if (--store->n_runs == 0 && store->alarm != NULL)
        sl_timer_hold(store->alarm, true);
    return good ? SLUICE_OK : SLUICE_EDEADLOCK;
}

/* --- What has one ------------------------------------------------------------
 */

sluice_status sl_api_new_deadline(sluice_store *store, sl_deadline **out,
                                  sluice_error *error)
{
    *out = NULL;
    if (store->store->deadline_ns != SL_NO_DEADLINE &&
        sl_loop_now_ns() >= store->store->deadline_ns)
        return sl_api_fail(error, SLUICE_EDEADLINE,
                           "the store's deadline has passed");
    if (store->call_timeout_ns == SLUICE_NO_DEADLINE)
        return SLUICE_OK;
    *out = sl_deadline_new(store->store, at_of(store->call_timeout_ns));
    return *out != NULL ? SLUICE_OK
                        : sl_api_fail(error, SLUICE_ENOMEM, "out of memory");
}

sluice_status sl_api_begin(sluice_store *store, sluice_error *error)
{
    sl_deadline *deadline;
    sluice_status status = sl_api_new_deadline(store, &deadline, error);
    if (status == SLUICE_OK)
        store->store->for_host = deadline;
    return status;
}

void sl_api_end(sluice_store *store)
{
    sl_deadline *deadline = store->store->for_host;
    store->store->for_host = NULL;
    sl_deadline_unref(deadline);
}

void sluice_store_set_call_timeout(sluice_store *store, uint64_t timeout_ns)
{
    store->call_timeout_ns = timeout_ns;
}

sluice_status sluice_store_set_deadline(sluice_store *store, uint64_t after_ns)
{
    uint64_t before = store->store->deadline_ns;
    sl_store_set_deadline(store->store, at_of(after_ns));
    if (store->n_open != 0 && !sl_api_set_alarm(store, SL_NO_DEADLINE)) {
        sl_store_set_deadline(store->store, before);
        return SLUICE_ENOMEM;
    }
    sl_api_check_alarm(store);
    return SLUICE_OK;
}

sluice_status sl_api_move_deadline(sluice_store *store, sl_deadline *deadline,
                                   uint64_t after_ns)
{
    uint64_t before = deadline->at_ns;
    deadline->at_ns = at_of(after_ns);
    if (sl_api_set_alarm(store, deadline->at_ns))
        return SLUICE_OK;
    deadline->at_ns = before;
    return SLUICE_ENOMEM;
}
