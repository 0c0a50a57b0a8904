/* What the host asks of guest code, in a store of which core code may wait
 * where the Component Model knows no waiting: on a fiber that can be left as it
 * is, with all that it has called, until what it waits for is there. Meanwhile
 * nothing of the store runs. docs/data-segments.md, section 8. */
#include "task/task_int.h"

static sl_status entry_main(sl_fiber *fiber, void *arg)
{
    sl_store *store = arg;
    (void)fiber;
    return store->entry.fn(store, store->entry.what);
}

/* Runs what the host asked, or goes on with it, until it is over or waits. */
static sl_status run(sl_store *store)
{
    sl_entry *entry = &store->entry;
    store->stalled = false;
    store->nesting_depth++;
    sl_run_fiber(store, entry->fiber);
    store->nesting_depth--;
    if (!entry->fiber->done) {
        store->freezing = false;
        store->stalled = true;
        return SL_OK;
    }
    sl_status status = entry->fiber->status;
    sl_call *call = entry->call;
    sl_fiber_release(store->fibers, entry->fiber);
    *entry = (sl_entry){0};
    if (call != NULL)
        sl_call_unref(call);
    return status;
}

sl_status sl_entry_run(sl_store *store, sl_entry_fn *fn, sl_entry_what what,
                       sl_call *call)
{
    if (!store->has_lazy_data || store->fiber != NULL) {
        store->nesting_depth++;
        store->inside += store->fiber != NULL;
        sl_status status = fn(store, what);
        store->inside -= store->fiber != NULL;
        store->nesting_depth--;
        return status;
    }
    sl_fiber *fiber =
        sl_fiber_acquire(store->fibers, entry_main, store, &store->trap.err);
    if (fiber == NULL)
        return SL_ENOMEM;
    store->entry = (sl_entry){fiber, fn, what, call};
    if (call != NULL)
        sl_call_ref(call);
    return run(store);
}

static void resume(sl_post *post)
{
    sl_store *store = (sl_store *)((char *)post - offsetof(sl_store, resume));
    sl_store_clear_trap(store);
    store->n_runs++;
    sl_status status = run(store);
    if (status != SL_OK)
        sl_store_report(store, status);
    if (!store->stalled && store->on_resumed != NULL)
        store->on_resumed(store, store->on_resumed_arg);
    sl_store_settle(store);
}

void sl_store_resume(sl_store *store)
{
    store->resume.fn = resume;
    if (store->stalled && !store->resume.pending)
        sl_loop_post(store->loop, &store->resume);
}

bool sl_store_may_stall(const sl_store *store)
{
    return store->entry.fiber != NULL && !store->stalled && store->inside == 0;
}

sl_status sl_store_stall(sl_store *store)
{
    sl_thread *current = store->current;
    if (store->closing)
        return SL_ECANCELLED;
    store->current = NULL;
    store->freezing = true;
    sl_fiber_suspend(store->fiber, NULL);
    store->current = current;
    return store->closing ? SL_ECANCELLED : SL_OK;
}

void sl_entry_abandon(sl_store *store)
{
    if (store->resume.pending)
        sl_loop_unpost(store->loop, &store->resume);
    if (store->stalled)
        (void)run(store);
}
