/* What the files of task/ share. */
#ifndef SL_TASK_TASK_INT_H
#define SL_TASK_TASK_INT_H

#include "task/fiber.h"
#include "task/task.h"

/* --- handle.c ------------------------------------------------------------- */

sl_status sl_table_add(sl_store *store, sl_handle_table *table,
                       sl_handle_kind kind, void *item, uint32_t *index);
void sl_table_deinit(sl_handle_table *table);
/* Room for so many more handles. */
bool sl_table_reserve(sl_handle_table *table, uint32_t n);

/* --- instance.c ----------------------------------------------------------- */

/* sl_instance.gate */
enum {
    GATE_LOCK,         /* for the exclusive lock, to go on */
    GATE_ENTER_LOCKED, /* to enter and take the lock */
    GATE_ENTER,        /* to enter without it */
};

/* Frees what is in the tables: resources in the second pass, because others
 * count their loans in them. */
void sl_instance_clear(sl_instance *inst, bool resources);
void sl_instance_free(sl_instance *inst);
/* Never to be entered again; tells the host why (store->trap). */
void sl_instance_poison(sl_instance *inst, sl_status status);

/* --- thread.c ------------------------------------------------------------- */

static inline sl_store *sl_thread_store(const sl_thread *thread)
{
    return thread->task->inst->store;
}

/* Adds a thread as the last or the first. */
void sl_list_push(sl_thread_list *list, sl_thread *thread, bool first);
/* Takes the first thread of a list out and queues it. */
void sl_list_wake(sl_store *store, sl_thread_list *list);
/* Puts a waiting thread where its wake-up will find it; `again`: it was woken
 * and found nothing, and is not to lose its turn. */
void sl_thread_watch(sl_thread *thread, bool again);
void sl_thread_free(sl_thread *thread);
void sl_thread_init(sl_thread *thread, sl_task *task,
                    sl_status (*fn)(sl_thread *, void *), void *arg);
/* Runs fn(fiber's core, arg) on the running fiber, or on a pooled one. */
sl_status sl_on_fiber(sl_store *store,
                      sl_status (*fn)(sl_core_thread *core, void *arg),
                      void *arg);

/* Switches the store to a fiber, and back when that suspends or is done. */
void sl_run_fiber(sl_store *store, sl_fiber *fiber);

/* hold.c: on the host's stack, what a fiber asked for. */
void sl_hold_turn(sl_store *store);

/* --- store.c, entry.c ------------------------------------------------------- */

/* When nothing runs any more: what is ready goes on, or the store rests. */
void sl_store_settle(sl_store *store);
/* Runs fn(store, what) for the host, on a fiber of its own where it might wait
 * as a whole: then that is SL_OK for now, and how it ends is reported
 * (sl_store_report). `call` (may be NULL) is kept until then. */
sl_status sl_entry_run(sl_store *store, sl_entry_fn *fn, sl_entry_what what,
                     sl_call *call);
/* While the store closes: what waits unwinds. */
void sl_entry_abandon(sl_store *store);

/* --- task.c --------------------------------------------------------------- */

/* A task and its implicit thread in one block. */
typedef struct sl_task_block {
    sl_task task;
    sl_thread implicit;
    struct sl_task_block *next; /* of the spare ones */
} sl_task_block;
void sl_task_blocks_free(sl_store *store);
/* After spare blocks, threads or the queue's room have changed. */
static inline void sl_count_lights(sl_store *store)
{
    uint32_t queue = (uint32_t)(store->ready.cap / 2) - store->live_threads;
    store->max_light = store->n_spare < queue ? store->n_spare : queue;
}

/* One of its threads is gone: frees it after the last. */
void sl_task_release(sl_task *task);
/* Runs code as a synchronous task without a function type. */
sl_status sl_task_run_core(sl_instance *inst,
                           sl_status (*fn)(sl_core_thread *core, void *arg),
                           void *arg);

/* --- waitable.c ----------------------------------------------------------- */

/* Lets a thread try that waits for the set, when there is an event. */
void sl_waitable_set_wake(sl_store *store, sl_waitable_set *set);

/* --- deadline.c ----------------------------------------------------------- */

/* What the store's running code asks: has its time run out? */
bool sl_store_out_of_time(void *store);

/* --- store.c -------------------------------------------------------------- */

/* Room for one more thread in the ready queue. */
bool sl_ready_reserve(sl_store *store);
void sl_ready_push(sl_store *store, sl_thread *thread);
void sl_ready_remove(sl_store *store, sl_thread *thread);
/* A trap (or exit) that no caller is there to receive: tells the host. */
void sl_store_report(sl_store *store, sl_status status);
/* Out of memory: recorded, and what the guest's call ends with. */
sl_status sl_store_no_memory(sl_store *store);

#endif
