/* Deadlines of calls and of the store: what running code is asked now and then,
 * so that an endless loop of a guest's ends in time. Who waits is the
 * embedder's business, which has a timer. */
#include "task/task_int.h"

/* Only while there is a deadline does running code look at the clock. */
static void watch(sl_store *store)
{
    sl_core_store_poll(store->core, store->deadlines != NULL ||
                                        store->deadline_ns != SL_NO_DEADLINE);
}

sl_deadline *sl_deadline_new(sl_store *store, uint64_t at_ns)
{
    sl_deadline *deadline = sl_malloc(sizeof *deadline);
    if (deadline == NULL)
        return NULL;
    *deadline = (sl_deadline){
        .store = store, .refs = 1, .at_ns = at_ns, .next = store->deadlines};
    if (deadline->next != NULL)
        deadline->next->prev = deadline;
    store->deadlines = deadline;
    watch(store);
    return deadline;
}

sl_deadline *sl_deadline_ref(sl_deadline *deadline)
{
    if (deadline != NULL)
        deadline->refs++;
    return deadline;
}

void sl_deadline_unref(sl_deadline *deadline)
{
    if (deadline == NULL || --deadline->refs != 0)
        return;
    sl_store *store = deadline->store;
    *(deadline->prev != NULL ? &deadline->prev->next : &store->deadlines) =
        deadline->next;
    if (deadline->next != NULL)
        deadline->next->prev = deadline->prev;
    sl_free(deadline);
    watch(store);
}

void sl_store_set_deadline(sl_store *store, uint64_t at_ns)
{
    store->deadline_ns = at_ns;
    watch(store);
}

sl_deadline *sl_store_running_deadline(const sl_store *store)
{
    return store->current != NULL ? store->current->task->deadline
                                  : store->for_host;
}

/* Some call's has passed, and its host cannot hear of it. */
static bool somebody_waits(const sl_store *store, uint64_t now)
{
    for (const sl_deadline *d = store->deadlines; d != NULL; d = d->next)
        if (!d->told && now >= d->at_ns)
            return true;
    return false;
}

bool sl_store_out_of_time(void *arg)
{
    sl_store *store = arg;
    const sl_deadline *deadline = sl_store_running_deadline(store);
    uint64_t now = sl_loop_now_ns();
    if (store->run_seen != store->n_runs) {
        store->run_seen = store->n_runs;
        store->run_since_ns = now;
    }
    if (now >= store->deadline_ns)
        return true;
    if (deadline != NULL && (now < deadline->at_ns || !deadline->told))
        return now >= deadline->at_ns;
    if (now - store->run_since_ns < SL_DEADLINE_GRACE_NS)
        return false;
    return deadline != NULL ||
           (store->current == NULL && somebody_waits(store, now));
}
