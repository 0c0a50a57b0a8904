/* include/sluice/instance.h: linkers, host functions, and guests' calls that
 * the host answers. */
#include "api/api_int.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "task/resource.h"

/* A function of the linker's, which frees it. */
struct host_func {
    sluice_host_fn fn;
    void *ctx;
    void (*free_ctx)(void *);
};

/* An answer that is given while the store is stalled takes effect when it is
 * not any more. */
typedef enum kept_answer {
    KEPT_NONE,
    KEPT_RESULT,
    KEPT_NO_RESULT,
    KEPT_TRAP,
    KEPT_EXIT,
    KEPT_CANCELLED,
} kept_answer;

/* A guest's call, from the host function's start to its answer. */
struct sluice_call {
    sl_call *call; /* a reference */
    sluice_store *store;
    const sl_type *type;
    sl_instance *caller; /* who traps; NULL: a host called */
    sl_arena arena;
    bool inside;      /* the host function runs */
    bool answered;
    sl_status status; /* of the answer, for whoever called */
    sl_deadline *deadline; /* of what called; a reference, or NULL */
    void (*on_cancel)(void *arg, bool gone);
    void *on_cancel_arg;
    bool asked; /* on_cancel has been told that the guest cancels */
    kept_answer kept;
    sl_val result;       /* KEPT_RESULT */
    const char *message; /* KEPT_TRAP */
    int code;            /* KEPT_EXIT */
    struct sluice_call *next, *prev;
};

/* --- Answering ------------------------------------------------------------------- */

static void free_call(sluice_call *c)
{
    if (c->prev != NULL)
        c->prev->next = c->next;
    else if (c->store->answers == c)
        c->store->answers = c->next;
    if (c->next != NULL)
        c->next->prev = c->prev;
    sluice_val_deinit(&c->result);
    sl_deadline_unref(c->deadline);
    sl_arena_deinit(&c->arena);
    sl_free(c);
}

static bool has_answer(const sluice_call *c)
{
    return c->answered || c->kept != KEPT_NONE;
}

/* True: the answer takes effect later. */
static bool keep(sluice_call *c, kept_answer how)
{
    if (c->inside || !c->store->store->stalled)
        return false;
    c->kept = how;
    return true;
}

/* It is not for this call any more. */
static void let_go(sluice_call *c)
{
    c->call->cancel = NULL;
    if (c->call->deadline == c->deadline)
        c->call->deadline = NULL;
    sl_call_unref(c->call);
}

/* The answer is given: outside of the host function nobody else frees. */
static void answered(sluice_call *c, sl_status status)
{
    c->answered = true;
    c->status = status;
    let_go(c);
    if (!c->inside)
        free_call(c);
}

/* Ends whoever called with a trap or, with status SL_EEXIT, the guest's run.
 * Inside of the host function that is what its call returns. */
static sl_status refuse(sluice_call *c, sl_status status, const char *message)
{
    sluice_error error;
    if (c->inside) {
        if (status == SL_ETRAP)
            (void)sl_store_trap(c->store->store, "%s", message);
    } else if (c->caller != NULL) {
        if (sl_may_enter_from(c->caller, NULL)) /* it has not trapped yet */
            sl_instance_trap(c->caller, "%s", message);
    } else if (status == SL_EEXIT) {
        sl_api_outcome(&error, c->store, SL_EEXIT);
        sl_api_fail_call(c->call, &error);
    } else {
        sl_api_fail(&error, SLUICE_ETRAP, "%s", message);
        sl_api_fail_call(c->call, &error);
    }
    c->store->exited = c->inside && status == SL_EEXIT;
    return status;
}

static sl_status resolve(sluice_call *c, sluice_val *result)
{
    const sl_type *type = c->type->of.func.result;
    sl_err err = {0};
    char message[sizeof err.msg];
    if ((type == NULL) != (result == NULL))
        return refuse(c, SL_ETRAP,
                      result == NULL
                          ? "a host function answered without a result"
                          : "a host function answered with a result");
    if (type != NULL && sl_val_check(result, type, &err) != SL_OK) {
        snprintf(message, sizeof message,
                 "a host function answered with a value of another type: %.80s",
                 err.msg);
        return refuse(c, SL_ETRAP, message);
    }
    return sl_call_resolve(c->call, result, false);
}

void sluice_call_return(sluice_call *call, sluice_val *result)
{
    if (has_answer(call))
        return;
    if (keep(call, result != NULL ? KEPT_RESULT : KEPT_NO_RESULT)) {
        if (result != NULL) {
            call->result = *result;
            *result = (sluice_val){0};
        }
        return;
    }
    sl_status st = resolve(call, result);
    if (result != NULL)
        sluice_val_deinit(result);
    answered(call, st);
}

void sluice_call_trap(sluice_call *call, const char *message)
{
    if (has_answer(call))
        return;
    if (keep(call, KEPT_TRAP))
        call->message =
            sl_arena_dup(&call->arena, message, strlen(message) + 1);
    else
        answered(call, refuse(call, SL_ETRAP, message));
}

void sluice_call_exit(sluice_call *call, int code)
{
    if (has_answer(call))
        return;
    if (keep(call, KEPT_EXIT)) {
        call->code = code;
        return;
    }
    call->store->exited = true;
    call->store->exit_code = code;
    answered(call, refuse(call, SL_EEXIT, "exit"));
}

void sluice_call_cancelled(sluice_call *call)
{
    if (!has_answer(call) && !keep(call, KEPT_CANCELLED))
        answered(call, sl_call_resolve(call->call, NULL, true));
}

static void give(sluice_call *c)
{
    kept_answer how = c->kept;
    sl_val result = c->result;
    c->kept = KEPT_NONE;
    c->result = (sl_val){0};
    switch (how) {
    case KEPT_NONE:
        break;
    case KEPT_RESULT:
        sluice_call_return(c, &result);
        break;
    case KEPT_NO_RESULT:
        sluice_call_return(c, NULL);
        break;
    case KEPT_TRAP:
        sluice_call_trap(c, c->message != NULL ? c->message : "out of memory");
        break;
    case KEPT_EXIT:
        sluice_call_exit(c, c->code);
        break;
    case KEPT_CANCELLED:
        sluice_call_cancelled(c);
        break;
    }
}

/* The oldest; new ones come first. */
static sluice_call *next_kept(const sluice_store *store)
{
    sluice_call *oldest = NULL;
    for (sluice_call *c = store->answers; c != NULL; c = c->next)
        if (c->kept != KEPT_NONE)
            oldest = c;
    return oldest;
}

void sl_api_give_answers(sluice_store *store)
{
    sluice_call *c;
    while (!store->store->stalled && (c = next_kept(store)) != NULL)
        give(c);
}

sluice_store *sluice_call_store(sluice_call *call)
{
    return call->store;
}

const sluice_type *sluice_call_type(sluice_call *call)
{
    return call->type;
}

void sluice_call_on_cancel(sluice_call *call, void (*fn)(void *arg, bool gone),
                           void *arg)
{
    call->on_cancel = fn;
    call->on_cancel_arg = arg;
}

bool sluice_call_own(sluice_call *call, const sluice_type *type, uint32_t rep,
                     sluice_val *out)
{
    *out = (sluice_val){0};
    if (call->caller == NULL ||
        (type->kind != SL_T_OWN && type->kind != SL_T_BORROW))
        return false;
    sl_resource *resource = sl_resource_find(call->caller, type->of.handle);
    if (resource == NULL)
        return false;
    out->kind = SLUICE_OWN;
    out->of.handle.resource = resource;
    out->of.handle.rep = rep;
    return true;
}

static sl_status cancel(sl_call *inner, sl_instance *caller)
{
    (void)caller;
    sluice_call *c = inner->callee;
    if (c->on_cancel == NULL || c->asked || c->kept != KEPT_NONE)
        return SL_OK;
    c->asked = true;
    c->on_cancel(c->on_cancel_arg, false);
    return SL_OK;
}

static void forget(sluice_call *c)
{
    if (c->on_cancel != NULL && c->kept == KEPT_NONE)
        c->on_cancel(c->on_cancel_arg, true);
    let_go(c);
    free_call(c);
}

void sl_api_forget_answers(sluice_store *store)
{
    while (store->answers != NULL)
        forget(store->answers);
}

/* Nobody takes the answer: the guest has trapped. Of a host that has not asked
 * to be told the answer is awaited, and dropped. */
static sluice_call *lost_answer(const sluice_store *store)
{
    for (sluice_call *c = store->answers; c != NULL; c = c->next)
        if (!c->inside && !has_answer(c) && c->on_cancel != NULL &&
            c->caller != NULL && !sl_may_enter_from(c->caller, NULL))
            return c;
    return NULL;
}

void sl_api_forget_lost_answers(sluice_store *store)
{
    sluice_call *c;
    while ((c = lost_answer(store)) != NULL)
        forget(c);
}

/* --- Being called ------------------------------------------------------------------ */

static sluice_call *begin(sl_funcinst *func, sl_call *call, sl_instance *caller)
{
    sluice_call *c = sl_calloc(1, sizeof *c);
    if (c == NULL)
        return NULL;
    c->store = caller != NULL ? sl_api_store(caller->store)
                              : sl_api_store_of_call(call);
    c->call = call;
    c->type = func->type;
    c->caller = caller;
    c->inside = true;
    sl_arena_init(&c->arena);
    c->next = c->store->answers;
    if (c->next != NULL)
        c->next->prev = c;
    c->store->answers = c;
    sl_call_ref(call);
    call->callee = c;
    call->cancel = cancel;
    if (call->deadline == NULL) {
        c->deadline = sl_deadline_ref(
            sl_store_running_deadline(c->store->store));
        call->deadline = c->deadline;
    }
    return c;
}

/* sl_funcinst.invoke of a host function. */
static sl_status invoke(sl_funcinst *func, sl_call *call, sl_instance *caller)
{
    const struct host_func *host = func->ctx;
    uint32_t n = func->type->of.func.n_params;
    sluice_call *c = begin(func, call, caller);
    if (c == NULL)
        return SL_ENOMEM;
    sl_val *args = sl_arena_array(&c->arena, sl_val, n);
    sl_status st = args != NULL ? sl_call_start(call, &c->arena, args)
                                : SL_ENOMEM;
    for (uint32_t i = 0; st == SL_OK && i < n; i++)
        st = sl_val_to_utf8(&args[i], &c->arena);
    if (st == SL_OK) {
        host->fn(host->ctx, c, args, n);
        sl_vals_drop(args, n);
    } else {
        c->answered = true;
        c->status = st;
        let_go(c);
    }
    c->inside = false;
    if (!c->answered)
        return SL_OK;
    st = c->status;
    free_call(c);
    return st;
}

/* --- Linkers ------------------------------------------------------------------------ */

sluice_linker *sluice_linker_new(sluice_engine *engine, sluice_error *error)
{
    (void)engine;
    sl_err err = {0};
    sluice_linker *linker = sl_calloc(1, sizeof *linker);
    if (linker == NULL) {
        sl_api_fail(error, SLUICE_ENOMEM, "out of memory");
        return NULL;
    }
    linker->linker = sl_linker_new(&err);
    if (linker->linker == NULL) {
        sl_api_error(error, &err);
        sl_free(linker);
        return NULL;
    }
    return linker;
}

void sluice_linker_free(sluice_linker *linker)
{
    if (linker == NULL)
        return;
    sl_linker_free(linker->linker);
    sl_free(linker);
}

static void free_host_func(void *ctx)
{
    struct host_func *f = ctx;
    if (f->free_ctx != NULL)
        f->free_ctx(f->ctx);
    sl_free(f);
}

static sl_name name_or_empty(const char *text)
{
    return text != NULL ? sl_name_of(text) : SL_NAME("");
}

sluice_status sluice_linker_func(sluice_linker *linker, const char *interface,
                                 const char *name, const char *type,
                                 sluice_host_fn fn, void *ctx,
                                 void (*free_ctx)(void *), sluice_error *error)
{
    sl_err err = {0};
    struct host_func *f = sl_malloc(sizeof *f);
    if (f == NULL) {
        if (free_ctx != NULL)
            free_ctx(ctx);
        return sl_api_fail(error, SLUICE_ENOMEM, "out of memory");
    }
    *f = (struct host_func){fn, ctx, free_ctx};
    const sl_host_func def = {
        .invoke = invoke, .ctx = f, .type = type, .free_ctx = free_host_func};
    if (sl_linker_func(linker->linker, name_or_empty(interface),
                       sl_name_of(name), &def, &err) == SL_OK)
        return SLUICE_OK;
    return sl_api_error(error, &err);
}

static sl_segment *open_segment(void *ctx, sl_store *store, sl_err *err)
{
    return sl_api_segment_open(ctx, store, err);
}

static void free_segment(void *ctx)
{
    sluice_segment_free(ctx);
}

sluice_status sluice_linker_segment(sluice_linker *linker, const char *name,
                                    sluice_segment *segment,
                                    sluice_error *error)
{
    sl_err err = {0};
    const sl_host_segment def = {.open = open_segment,
                                 .ctx = sl_api_segment_ref(segment),
                                 .free_ctx = free_segment};
    if (sl_linker_segment(linker->linker, sl_name_of(name), &def, &err) ==
        SL_OK)
        return SLUICE_OK;
    return sl_api_error(error, &err);
}
