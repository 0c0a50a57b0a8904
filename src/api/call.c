/* include/sluice/instance.h: calls from the host into guests. A call's result
 * is kept until the loop's next turn, where `done` hears of it. */
#include "api/api_int.h"

#include "base/alloc.h"

struct sluice_pending {
    sl_call call; /* first */
    sl_post post; /* delivers the outcome */
    sluice_store *store;
    sl_funcinst *func;
    sluice_done_fn done;
    void *arg;
    uint32_t n_args;
    sl_val *args; /* n_args, until the callee takes them */
    bool ended, has_result, forgotten;
    bool timed; /* counted in store->n_timed */
    bool late;  /* to be asked to stop */
    /* For when the store is not stalled any more: */
    bool put_off, to_begin, to_stop;
    struct sluice_pending *next_put_off;
    sl_val result;
    sluice_status status;
    sluice_error *error; /* what more there is to say; most calls have none */
    struct sluice_pending *next, *prev;
};

static sluice_pending *of_call(sl_call *call)
{
    return (sluice_pending *)call;
}

static void drop_args(sluice_pending *p)
{
    for (uint32_t i = 0; i < p->n_args; i++)
        sluice_val_deinit(&p->args[i]);
    p->n_args = 0;
}

/* It is open until its outcome is known, or nobody wants it. */
static void close_pending(sluice_pending *p)
{
    p->store->n_open--;
    p->store->n_timed -= p->timed;
    p->timed = false;
    if (p->call.deadline != NULL)
        p->call.deadline->told = true;
    sl_api_check_alarm(p->store);
}

static void forget(sluice_pending *p)
{
    if (!p->ended)
        close_pending(p);
    p->forgotten = true;
}

static void unlink_pending(sluice_pending *p)
{
    if (p->prev != NULL)
        p->prev->next = p->next;
    else if (p->store->pending == p)
        p->store->pending = p->next;
    if (p->next != NULL)
        p->next->prev = p->prev;
    p->next = p->prev = NULL;
}

static void free_pending(sl_call *call)
{
    sluice_pending *p = of_call(call);
    drop_args(p);
    sluice_val_deinit(&p->result);
    sl_deadline_unref(p->call.deadline);
    sl_free(p->args);
    sl_free(p->error);
    sl_free(p);
}

/* Its outcome. When memory is short the status alone is kept. */
static void set_error(sluice_pending *p, const sluice_error *error)
{
    p->status = error->status;
    if (p->error == NULL)
        p->error = sl_malloc(sizeof *p->error);
    if (p->error != NULL)
        *p->error = *error;
}

static void fail(sluice_pending *p, sluice_status status, const char *message)
{
    sluice_error error;
    sl_api_fail(&error, status, "%s", message);
    set_error(p, &error);
}

/* --- The callee's side ---------------------------------------------------- */

/* The values stay in the host's memory, as long as the call; their streams,
 * futures and resources are now the callee's, who clears those inside of other
 * values. */
static sl_status on_start(sl_call *call, sl_arena *arena, sl_val *args)
{
    (void)arena;
    sluice_pending *p = of_call(call);
    for (uint32_t i = 0; i < p->n_args; i++) {
        args[i] = p->args[i];
        if (args[i].kind == SLUICE_STREAM)
            p->args[i].of.stream = NULL;
        if (args[i].kind == SLUICE_FUTURE)
            p->args[i].of.future = NULL;
        if (args[i].kind == SLUICE_OWN)
            p->args[i].of.handle.resource = NULL;
    }
    return SL_OK;
}

/* The callee is done: `done` hears of it on the loop. */
static void end(sluice_pending *p)
{
    if (p->ended || p->forgotten)
        return;
    p->ended = true;
    close_pending(p);
    sl_loop_post(p->store->loop, &p->post);
}

static sl_status on_resolve(sl_call *call, const sl_val *result, bool cancelled)
{
    sluice_pending *p = of_call(call);
    if (p->ended || p->forgotten)
        return SL_OK;
    if (cancelled) {
        fail(p, SLUICE_ECANCELLED, "the call was cancelled");
    } else if (result != NULL) {
        sl_arena arena;
        sl_arena_init(&arena);
        if (sl_val_to_utf8((sl_val *)result, &arena) == SL_OK &&
            sl_val_take((sl_val *)result, &p->result))
            p->has_result = true;
        else
            fail(p, SLUICE_ENOMEM, "the result could not be taken");
        sl_arena_deinit(&arena);
    }
    end(p);
    return SL_OK;
}

static void deliver(sl_post *post)
{
    sluice_pending *p =
        (sluice_pending *)((char *)post - offsetof(sluice_pending, post));
    static const sluice_error none = {.offset = SLUICE_NO_OFFSET};
    sluice_error status_only;
    const sluice_error *error = p->error != NULL ? p->error : &none;
    if (p->error == NULL && p->status != SLUICE_OK) {
        sl_api_fail(&status_only, p->status,
                    "%s (out of memory: the message is lost)",
                    sluice_status_text(p->status));
        error = &status_only;
    }
    unlink_pending(p);
    p->done(p->arg, error, p->has_result ? &p->result : NULL);
    sl_call_unref(&p->call);
}

/* --- The host's side ------------------------------------------------------ */

static sluice_status check_args(const sl_type *type, sluice_val *args,
                                size_t n_args, sluice_error *error)
{
    sl_err err = {0};
    if (n_args != type->of.func.n_params)
        return sl_api_fail(error, SLUICE_EUSAGE,
                           "the function takes %u arguments, not %zu",
                           (unsigned)type->of.func.n_params, n_args);
    for (size_t i = 0; i < n_args; i++)
        if (sl_val_check(&args[i], type->of.func.params[i].type, &err) != SL_OK)
            return sl_api_fail(error, SLUICE_EUSAGE, "argument %zu: %s", i + 1,
                               err.msg);
    return SLUICE_OK;
}

static sluice_pending *make(sluice_func *func, sluice_val *args, size_t n_args)
{
    sluice_pending *p = sl_calloc(1, sizeof *p);
    if (p == NULL)
        return NULL;
    p->args = sl_calloc(n_args, sizeof *p->args);
    if (p->args == NULL) {
        sl_free(p);
        return NULL;
    }
    for (size_t i = 0; i < n_args; i++) {
        p->args[i] = args[i];
        args[i] = (sluice_val){0};
    }
    p->n_args = (uint32_t)n_args;
    p->store = func->store;
    p->func = func->func;
    p->call = (sl_call){.on_start = on_start,
                        .on_resolve = on_resolve,
                        .free = free_pending,
                        .refs = 1};
    p->post.fn = deliver;
    p->next = p->store->pending;
    if (p->next != NULL)
        p->next->prev = p;
    p->store->pending = p;
    p->store->n_open++;
    return p;
}

/* It waits, but not for ever. */
static void limit(sluice_pending *p)
{
    const sl_deadline *deadline = p->call.deadline;
    p->timed = deadline != NULL && deadline->at_ns != SL_NO_DEADLINE;
    p->store->n_timed += p->timed;
    if (sl_api_set_alarm(p->store, p->timed ? deadline->at_ns : SL_NO_DEADLINE))
        return;
    fail(p, SLUICE_ENOMEM, "out of memory for the deadline");
    end(p);
}

/* The callee's instance has trapped, before or after the call's result. */
static void failed(sluice_pending *p, sl_status status)
{
    sluice_error error;
    bool heard = !p->ended;
    sl_api_outcome(&error, p->store, status);
    sl_store_clear_trap(p->store->store); /* a host function may go on */
    if (heard) {
        set_error(p, &error);
        end(p);
    }
    sl_api_trapped(p->store, &error, heard);
}

/* --- While the store is stalled ------------------------------------------- */

static void put_off(sluice_pending *p)
{
    sluice_store *store = p->store;
    if (p->put_off)
        return;
    p->put_off = true;
    p->next_put_off = NULL;
    sl_call_ref(&p->call);
    *(store->put_off != NULL ? &store->last_put_off->next_put_off
                             : &store->put_off) = p;
    store->last_put_off = p;
}

static sluice_pending *take_put_off(sluice_store *store)
{
    sluice_pending *p = store->put_off;
    if (p == NULL)
        return NULL;
    store->put_off = p->next_put_off;
    p->put_off = false;
    return p;
}

static void ask_to_stop(sluice_pending *p)
{
    sl_store *store = p->store->store;
    if (p->call.cancel == NULL && !p->to_begin)
        return;
    if (store->stalled) {
        p->to_stop = true;
        put_off(p);
        return;
    }
    p->to_stop = false;
    sl_call_ref(&p->call);
    sl_status st = sl_store_cancel(store, &p->call);
    if (st != SL_OK)
        failed(p, st);
    sl_call_unref(&p->call);
}

static void begin(sluice_pending *p)
{
    sl_store *store = p->store->store;
    p->to_begin = store->stalled;
    if (p->to_begin) {
        put_off(p);
        return;
    }
    sl_store_clear_trap(store);
    sl_status run = sl_store_invoke(store, p->func, &p->call);
    if (run != SL_OK)
        failed(p, run);
}

void sl_api_resumed(sl_store *inner, void *arg)
{
    sluice_store *store = arg;
    sl_api_give_answers(store);
    while (!inner->stalled && store->put_off != NULL) {
        sluice_pending *p = take_put_off(store);
        if (p->to_begin && !p->ended && !p->forgotten)
            begin(p);
        if (p->to_stop)
            ask_to_stop(p);
        sl_call_unref(&p->call);
    }
    if (!inner->stalled && store->trap_waits) {
        store->trap_waits = false;
        sl_loop_post(store->loop, &store->settle);
    }
    sl_api_run_drops(store);
}

/* --- The host's side ------------------------------------------------------ */

sluice_status sluice_func_call(sluice_func *func, sluice_val *args,
                               size_t n_args, sluice_done_fn done, void *arg,
                               sluice_pending **pending, sluice_error *error)
{
    sl_deadline *deadline = NULL;
    sluice_status st = check_args(func->func->type, args, n_args, error);
    if (st == SLUICE_OK)
        st = sl_api_new_deadline(func->store, &deadline, error);
    sluice_pending *p = st == SLUICE_OK ? make(func, args, n_args) : NULL;
    if (p == NULL) {
        sl_deadline_unref(deadline);
        for (size_t i = 0; i < n_args; i++)
            sluice_val_deinit(&args[i]);
        return st != SLUICE_OK
                   ? st
                   : sl_api_fail(error, SLUICE_ENOMEM, "out of memory");
    }
    p->done = done;
    p->arg = arg;
    p->call.deadline = deadline;
    if (pending != NULL)
        *pending = p;
    sl_call_ref(&p->call);
    begin(p);
    if (!p->ended && !p->forgotten)
        limit(p);
    sl_call_unref(&p->call);
    return SLUICE_OK;
}

void sluice_pending_cancel(sluice_pending *pending)
{
    if (!pending->ended)
        ask_to_stop(pending);
}

/* --- Deadlines ------------------------------------------------------------ */

sluice_status sluice_pending_set_deadline(sluice_pending *pending,
                                          uint64_t after_ns)
{
    sl_deadline *deadline = pending->call.deadline;
    sluice_store *store = pending->store;
    if (deadline == NULL)
        return SLUICE_EUSAGE;
    if (pending->ended)
        return SLUICE_OK;
    if (sl_api_move_deadline(store, deadline, after_ns) != SLUICE_OK)
        return SLUICE_ENOMEM;
    store->n_timed -= pending->timed;
    pending->timed = deadline->at_ns != SL_NO_DEADLINE;
    store->n_timed += pending->timed;
    sl_api_check_alarm(store);
    return SLUICE_OK;
}

static uint64_t deadline_of(const sluice_pending *p)
{
    uint64_t store = p->store->store->deadline_ns;
    const sl_deadline *own = p->call.deadline;
    return own != NULL && own->at_ns < store ? own->at_ns : store;
}

static bool is_late(const sluice_pending *p, uint64_t now)
{
    uint64_t at = deadline_of(p);
    return at != SL_NO_DEADLINE && now >= at;
}

static sluice_pending *first_late(const sluice_store *store)
{
    sluice_pending *p = store->pending;
    while (p != NULL && !p->late)
        p = p->next;
    return p;
}

/* Guest code runs only when all are marked: it may make calls of its own. */
void sl_api_end_late_calls(sluice_store *store, uint64_t now, uint64_t *next)
{
    sluice_pending *p;
    *next = SL_NO_DEADLINE;
    for (p = store->pending; p != NULL; p = p->next) {
        if (p->ended)
            continue;
        if (!is_late(p, now)) {
            uint64_t at = deadline_of(p);
            *next = at < *next ? at : *next;
            continue;
        }
        fail(p, SLUICE_EDEADLINE, "deadline exceeded");
        p->late = now < store->store->deadline_ns; /* or nothing runs at all */
        end(p);
    }
    while ((p = first_late(store)) != NULL) {
        p->late = false;
        ask_to_stop(p);
    }
}

bool sl_api_fail_lost_calls(sluice_store *store, const sluice_error *error)
{
    bool any = false;
    uint64_t now = sl_loop_now_ns();
    for (sluice_pending *p = store->pending; p != NULL; p = p->next) {
        if (p->ended || p->func->inst == NULL ||
            sl_may_enter_from(p->func->inst, NULL))
            continue;
        set_error(p, error);
        if (error->status == SLUICE_EDEADLINE && !is_late(p, now))
            p->status = p->error != NULL ? (p->error->status = SLUICE_ETRAP)
                                         : SLUICE_ETRAP;
        end(p);
        any = true;
    }
    return any;
}

sluice_store *sl_api_store_of_call(const sl_call *call)
{
    return ((const sluice_pending *)call)->store;
}

void sl_api_fail_call(sl_call *call, const sluice_error *error)
{
    sluice_pending *p = of_call(call);
    if (p->ended)
        return;
    set_error(p, error);
    end(p);
}

void sl_api_forget_calls(sluice_store *store)
{
    sluice_pending *put_off;
    while ((put_off = take_put_off(store)) != NULL)
        sl_call_unref(&put_off->call);
    while (store->pending != NULL) {
        sluice_pending *p = store->pending;
        unlink_pending(p);
        sl_loop_unpost(store->loop, &p->post);
        forget(p);
        sl_call_unref(&p->call);
    }
}

/* --- Calling and waiting -------------------------------------------------- */

struct waiter {
    bool done;
    sluice_status status;
    sluice_error *error; /* the caller's, may be NULL */
    sluice_val result;
};

static void wake(void *arg, const sluice_error *error, sluice_val *result)
{
    struct waiter *w = arg;
    w->status = error->status;
    if (w->error != NULL && error->status != SLUICE_OK)
        *w->error = *error;
    if (result != NULL) {
        w->result = *result;
        *result = (sluice_val){0};
    }
    w->done = true;
}

sluice_status sluice_func_call_wait(sluice_func *func, sluice_val *args,
                                    size_t n_args, sluice_val *result,
                                    sluice_error *error)
{
    struct waiter w = {.error = error};
    sluice_pending *pending = NULL;
    sluice_status st =
        sluice_func_call(func, args, n_args, wake, &w, &pending, error);
    if (st != SLUICE_OK)
        return st;
    if (sluice_store_run(func->store, &w.done) != SLUICE_OK) {
        unlink_pending(pending);
        forget(pending);
        sl_call_unref(&pending->call);
        return sl_api_fail(error, SLUICE_EDEADLOCK,
                           "deadlock detected: event loop cannot make further "
                           "progress");
    }
    if (error != NULL && w.status == SLUICE_OK) { /* not all 2 KiB of it */
        error->status = SLUICE_OK;
        error->offset = SLUICE_NO_OFFSET;
        error->exit_code = error->os_error = 0;
        error->message[0] = error->backtrace[0] = '\0';
    }
    if (result != NULL)
        *result = w.result;
    else
        sluice_val_deinit(&w.result);
    return w.status;
}
