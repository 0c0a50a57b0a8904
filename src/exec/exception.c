/* Exceptions and their tags. Most are gone as soon as they are caught; those
 * that code has references to are kept until a look through everything that
 * may hold one does not find them. Core specification, "Execution / Runtime
 * Structure", "Tag Instances" and "Exception Instances". */
#include "exec/exec_int.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"

/* Bytes of exceptions before the first look. */
#define COLLECT_MIN (256 * 1024)

static uint64_t bytes_of(const sl_exception *e)
{
    return sizeof *e + e->tag->type->n_params * sizeof *e->vals;
}

static void free_exception(sl_core_store *store, sl_exception *e)
{
    if (e->prev != NULL)
        e->prev->next = e->next;
    else
        store->exceptions = e->next;
    if (e->next != NULL)
        e->next->prev = e->prev;
    store->stats.exceptions--;
    store->stats.exception_bytes -= bytes_of(e);
    sl_free(e);
}

/* --- Which are in use ---------------------------------------------------- */

typedef struct collector {
    sl_exception **all;  /* by address */
    sl_exception **todo; /* reached, their values not yet looked at */
    size_t n, n_todo;
} collector;

static int by_address(const void *a, const void *b)
{
    uintptr_t x = (uintptr_t) * (sl_exception *const *)a;
    uintptr_t y = (uintptr_t) * (sl_exception *const *)b;
    return x < y ? -1 : x > y;
}

/* A value that may be a reference: any word of a stack may. */
static void reach(collector *c, void *ref)
{
    uintptr_t at = (uintptr_t)ref;
    if (at < (uintptr_t)c->all[0] || at > (uintptr_t)c->all[c->n - 1])
        return;
    sl_exception **found =
        bsearch(&ref, c->all, c->n, sizeof *c->all, by_address);
    if (found == NULL || (*found)->reached)
        return;
    (*found)->reached = true;
    c->todo[c->n_todo++] = *found;
}

static void reach_roots(collector *c, const sl_core_store *store)
{
    for (sl_core_thread *t = store->threads; t != NULL; t = t->next) {
        reach(c, t->thrown);
        for (const sl_slot *s = t->stack; s < t->sp; s++)
            reach(c, s->ref);
    }
    for (size_t i = 0; i < store->exn_globals.n; i++)
        reach(c, store->exn_globals.v[i]->value.ref);
    for (sl_owned_table *t = store->tables; t != NULL; t = t->next)
        for (uint64_t i = 0; t->table.type.elem == SL_EXNREF && i < t->table.n;
             i++)
            reach(c, t->table.elems[i]);
    for (size_t i = 0; i < c->n; i++)
        if (c->all[i]->n_held != 0)
            reach(c, c->all[i]);
}

static void reach_all(collector *c, const sl_core_store *store)
{
    reach_roots(c, store);
    while (c->n_todo != 0) {
        const sl_exception *e = c->todo[--c->n_todo];
        const sl_functype *type = e->tag->type;
        for (uint32_t i = 0; i < type->n_params; i++)
            if (type->types[i] == SL_EXNREF)
                reach(c, e->vals[i].ref);
    }
}

static void collect(sl_core_store *store)
{
    size_t n = (size_t)store->stats.exceptions;
    collector c = {sl_calloc(n, sizeof *c.all), sl_calloc(n, sizeof *c.todo), 0,
                   0};
    if (n != 0 && c.all != NULL && c.todo != NULL) {
        for (sl_exception *e = store->exceptions; e != NULL; e = e->next) {
            e->reached = false;
            c.all[c.n++] = e;
        }
        qsort(c.all, n, sizeof *c.all, by_address);
        reach_all(&c, store);
        for (size_t i = 0; i < n; i++)
            if (!c.all[i]->reached)
                free_exception(store, c.all[i]);
    }
    sl_free(c.all);
    sl_free(c.todo);
    store->collect_at = 2 * store->stats.exception_bytes;
    if (store->collect_at < COLLECT_MIN)
        store->collect_at = COLLECT_MIN;
}

static bool has_room(sl_core_store *store, uint64_t bytes)
{
    uint64_t max = store->limits.memory_bytes;
    uint64_t used = store->stats.memory_bytes + store->stats.exception_bytes;
    return used <= max && bytes <= max - used;
}

/* --- Making and giving back ---------------------------------------------- */

sl_exception *sl_exception_make(sl_core_thread *thread, const sl_tag *tag,
                                const sl_slot *vals, sl_err *err)
{
    sl_core_store *store = thread->store;
    uint32_t n = tag->type->n_params;
    uint64_t bytes = sizeof(sl_exception) + n * sizeof *vals;
    if (store->collect_at == 0)
        store->collect_at = COLLECT_MIN;
    if (store->stats.exception_bytes + bytes > store->collect_at ||
        !has_room(store, bytes))
        collect(store);
    if (!has_room(store, bytes)) {
        sl_fail(err, SL_ELIMIT, SL_ERR_NO_PLACE,
                "limit: exceptions of %llu "
                "bytes",
                (unsigned long long)store->stats.exception_bytes);
        return NULL;
    }
    sl_exception *e = sl_calloc(1, (size_t)bytes);
    if (e == NULL) {
        sl_fail(err, SL_ENOMEM, SL_ERR_NO_PLACE, "out of memory");
        return NULL;
    }
    e->tag = tag;
    if (n != 0)
        memcpy(e->vals, vals, n * sizeof *vals);
    e->next = store->exceptions;
    if (e->next != NULL)
        e->next->prev = e;
    store->exceptions = e;
    store->stats.exceptions++;
    store->stats.exception_bytes += bytes;
    return e;
}

sl_exception *sl_exception_new(sl_core_thread *thread, sl_tag *tag,
                               const sl_slot *vals, sl_err *err)
{
    sl_exception *e = sl_exception_make(thread, tag, vals, err);
    if (e != NULL)
        sl_exception_hold(e);
    return e;
}

void sl_exception_hold(sl_exception *exception)
{
    exception->n_held++;
    exception->escaped = true;
}

void sl_exception_done(sl_core_store *store, sl_exception *exception)
{
    if (!exception->escaped && exception->n_held == 0)
        free_exception(store, exception);
}

void sl_exception_release(sl_exception *exception)
{
    if (exception != NULL)
        exception->n_held--;
}

void sl_exceptions_hold(const sl_core_store *store, uint32_t n,
                        const sl_valtype *types, const sl_slot *vals)
{
    if (store->exceptions == NULL)
        return;
    for (uint32_t i = 0; i < n; i++)
        if (types[i] == SL_EXNREF && vals[i].ref != NULL)
            sl_exception_hold(vals[i].ref);
}

/* --- Tags ---------------------------------------------------------------- */

sl_tag *sl_tag_new(sl_core_store *store, const sl_functype *type, sl_err *err)
{
    uint32_t id = sl_intern_type(store, type);
    sl_tag *tag = sl_arena_new(&store->arena, sl_tag);
    if (id == UINT32_MAX || tag == NULL) {
        sl_fail(err, SL_ENOMEM, SL_ERR_NO_PLACE, "out of memory");
        return NULL;
    }
    tag->type = sl_interned_type(store, id);
    return tag;
}

const sl_functype *sl_tag_type(const sl_tag *tag)
{
    return tag->type;
}

const sl_tag *sl_exception_tag(const sl_exception *exception)
{
    return exception->tag;
}

const sl_slot *sl_exception_vals(const sl_exception *exception)
{
    return exception->vals;
}
