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
            sl_api_take((sl_val *)result, &p->result))
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
    return p;
}

/* The callee's instance has trapped, before or after the call's result. */
static void failed(sluice_pending *p, sl_status status)
{
    sluice_error error;
    bool heard = !p->ended;
    sl_api_outcome(&error, p->store, status);
    p->store->store->trap = (sl_trap_info){0}; /* a host function may go on */
    if (heard) {
        set_error(p, &error);
        end(p);
    }
    sl_api_trapped(p->store, &error, heard);
}

sluice_status sluice_func_call(sluice_func *func, sluice_val *args,
                               size_t n_args, sluice_done_fn done, void *arg,
                               sluice_pending **pending, sluice_error *error)
{
    sluice_status st = check_args(func->func->type, args, n_args, error);
    sluice_pending *p = st == SLUICE_OK ? make(func, args, n_args) : NULL;
    if (p == NULL) {
        for (size_t i = 0; i < n_args; i++)
            sluice_val_deinit(&args[i]);
        return st != SLUICE_OK
                   ? st
                   : sl_api_fail(error, SLUICE_ENOMEM, "out of memory");
    }
    p->done = done;
    p->arg = arg;
    if (pending != NULL)
        *pending = p;
    sl_store *store = func->store->store;
    store->trap = (sl_trap_info){0};
    sl_call_ref(&p->call);
    sl_status run = sl_store_invoke(store, p->func, &p->call);
    if (run != SL_OK)
        failed(p, run);
    sl_call_unref(&p->call);
    return SLUICE_OK;
}

void sluice_pending_cancel(sluice_pending *pending)
{
    if (pending->ended || pending->call.cancel == NULL)
        return;
    sl_store *store = pending->store->store;
    store->trap = (sl_trap_info){0};
    sl_call_ref(&pending->call);
    store->nesting_depth++; /* the callee may run now, to hear of it */
    sl_status st = pending->call.cancel(&pending->call, NULL);
    store->nesting_depth--;
    if (st != SL_OK)
        failed(pending, st);
    sl_call_unref(&pending->call);
    sl_store_schedule(store);
}

bool sl_api_fail_lost_calls(sluice_store *store, const sluice_error *error)
{
    bool any = false;
    for (sluice_pending *p = store->pending; p != NULL; p = p->next) {
        if (p->ended || p->func->inst == NULL ||
            sl_may_enter_from(p->func->inst, NULL))
            continue;
        set_error(p, error);
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
    while (store->pending != NULL) {
        sluice_pending *p = store->pending;
        unlink_pending(p);
        sl_loop_unpost(store->loop, &p->post);
        p->forgotten = true;
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
        pending->forgotten = true;
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
