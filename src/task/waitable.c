/* Waitables and waitable sets. CanonicalABI.md "Waitable State". */
#include "task/task_int.h"

static void list_push(sl_waitable_list *list, sl_waitable *w)
{
    w->next_in_set = NULL;
    w->prev_in_set = list->tail;
    if (list->tail != NULL)
        list->tail->next_in_set = w;
    else
        list->head = w;
    list->tail = w;
    list->n++;
}

static void list_remove(sl_waitable_list *list, sl_waitable *w)
{
    if (w->prev_in_set != NULL)
        w->prev_in_set->next_in_set = w->next_in_set;
    else
        list->head = w->next_in_set;
    if (w->next_in_set != NULL)
        w->next_in_set->prev_in_set = w->prev_in_set;
    else
        list->tail = w->prev_in_set;
    w->next_in_set = w->prev_in_set = NULL;
    list->n--;
}

static sl_waitable_list *list_of(sl_waitable *w)
{
    return w->pending_event != NULL ? &w->set->pending : &w->set->idle;
}

void sl_waitable_init(sl_waitable *w, sl_instance *inst)
{
    *w = (sl_waitable){.inst = inst};
}

void sl_waitable_deinit(sl_waitable *w)
{
    sl_waitable_join(w, NULL);
    w->pending_event = NULL;
}

bool sl_waitable_has_event(const sl_waitable *w)
{
    return w->pending_event != NULL;
}

void sl_waitable_set_event(sl_waitable *w, sl_event (*event)(sl_waitable *w))
{
    if (w->set != NULL && w->pending_event == NULL) {
        list_remove(&w->set->idle, w);
        list_push(&w->set->pending, w);
    }
    w->pending_event = event;
    if (w->set != NULL)
        sl_waitable_set_wake(w->inst->store, w->set);
    if (w->sync_waiter != NULL)
        sl_thread_wake(w->sync_waiter);
}

sl_event sl_waitable_take_event(sl_waitable *w)
{
    sl_event (*event)(sl_waitable *) = w->pending_event;

    if (w->set != NULL) {
        list_remove(&w->set->pending, w);
        list_push(&w->set->idle, w);
    }
    w->pending_event = NULL;
    return event(w);
}

void sl_waitable_join(sl_waitable *w, sl_waitable_set *set)
{
    if (w->set != NULL)
        list_remove(list_of(w), w);
    w->set = set;
    if (set == NULL)
        return;
    list_push(list_of(w), w);
    sl_waitable_set_wake(w->inst->store, set);
}

sl_status sl_waitable_wait(sl_waitable *w)
{
    sl_thread *thread = sl_thread_of(&w->inst->store->fiber->core);

    w->sync_waiter = thread;
    sl_status status =
        sl_thread_wait_until(thread, SL_WAIT_WAITABLE, w, false, NULL);
    w->sync_waiter = NULL;
    return status;
}

/* --- Sets ----------------------------------------------------------------- */

sl_waitable_set *sl_waitable_set_new(sl_err *err)
{
    sl_waitable_set *set = sl_calloc(1, sizeof *set);
    if (set == NULL)
        sl_fail(err, SL_ENOMEM, SL_ERR_NO_PLACE, "out of memory");
    return set;
}

void sl_waitable_set_free(sl_waitable_set *set)
{
    while (set->idle.head != NULL)
        sl_waitable_join(set->idle.head, NULL);
    while (set->pending.head != NULL)
        sl_waitable_join(set->pending.head, NULL);
    sl_free(set);
}

/* One at a time: it takes the event and wakes the next if there are more, or
 * has to wait for something else and does the same. */
void sl_waitable_set_wake(sl_store *store, sl_waitable_set *set)
{
    if (sl_waitable_set_has_event(set))
        sl_list_wake(store, &set->waiters);
}

sl_event sl_waitable_set_take_event(sl_store *store, sl_waitable_set *set)
{
    sl_waitable *w = set->pending.head;
    for (uint32_t n = sl_store_choose(store, set->pending.n); n > 0; n--)
        w = w->next_in_set;
    sl_event event = sl_waitable_take_event(w);
    sl_waitable_set_wake(store, set);
    return event;
}
