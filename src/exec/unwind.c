/* The way of an exception: from where it is thrown out of one function after
 * the other to a clause that takes it. Until that is found nothing is changed,
 * so that what nobody takes traps where it was thrown. Core specification,
 * "Execution / Instructions", "Exception Handling". */
#include "exec/exec_int.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"

/* --- Which function an instruction belongs to ---------------------------- */

void sl_code_note(sl_core_store *store, const sl_code_func *func, size_t bytes)
{
    sl_code_range range = {func->code, NULL, func};
    range.end =
        (const sl_ins *)(const void *)((const char *)func->code + bytes);
    store->ranges.v[store->ranges.n++] = range;
}

static int by_code(const void *a, const void *b)
{
    uintptr_t x = (uintptr_t)((const sl_code_range *)a)->code;
    uintptr_t y = (uintptr_t)((const sl_code_range *)b)->code;
    return x < y ? -1 : x > y;
}

/* The first of the n ranges that begins behind `ip`. */
static size_t first_behind(const sl_core_store *store, size_t n,
                           const sl_ins *ip)
{
    size_t low = 0;
    while (low < n) {
        size_t mid = low + (n - low) / 2;
        if ((uintptr_t)store->ranges.v[mid].code <= (uintptr_t)ip)
            low = mid + 1;
        else
            n = mid;
    }
    return low;
}

/* A few new ones go to their places, many are sorted with the rest. */
static void sort_ranges(sl_core_store *store)
{
    sl_code_range *v = store->ranges.v;
    size_t n = store->ranges.n;
    if (n - store->n_sorted > 16)
        qsort(v, n, sizeof *v, by_code);
    else
        for (size_t i = store->n_sorted; i < n; i++) {
            sl_code_range range = v[i];
            size_t at = first_behind(store, i, range.code);
            memmove(v + at + 1, v + at, (i - at) * sizeof *v);
            v[at] = range;
        }
    store->n_sorted = n;
}

static const sl_code_func *func_at(sl_core_store *store, const sl_ins *ip)
{
    if (store->n_sorted != store->ranges.n)
        sort_ranges(store);
    size_t i = first_behind(store, store->ranges.n, ip);
    return store->ranges.v[i - 1].func;
}

/* --- The search ---------------------------------------------------------- */

/* Where the exception is on its way through one activation of the loop. */
typedef struct place {
    const sl_ins *ip; /* of a call, or of what throws */
    sl_slot *fp;
    const sl_cross *cross; /* the newest entry not yet passed */
    sl_core_instance *instance;
    uint32_t n_left; /* functions */
} place;

/* Past a change of instances; false at the outermost call or behind a link. */
static bool skip_stubs(const sl_core_store *store, place *p)
{
    const sl_ins *stubs = store->stubs;
    while (p->ip >= stubs && p->ip < stubs + SL_N_STUBS) {
        if (p->ip != stubs + SL_STUB_CROSS - 1)
            return false;
        p->ip = p->cross->ret - 1;
        p->instance = p->cross->caller;
        p->cross++;
    }
    return true;
}

static const sl_code_catch *
find_clause(const place *p, const sl_code_func *func, const sl_tag *tag)
{
    uint32_t at = (uint32_t)(p->ip - func->code);
    for (uint32_t i = 0; i < func->n_tries; i++) {
        const sl_code_try *t = &func->tries[i];
        if (at < t->start || at >= t->end)
            continue;
        for (uint32_t k = 0; k < t->n; k++) {
            const sl_code_catch *c = &func->catches[t->first + k];
            if (c->tag == SL_ANY_TAG || p->instance->tags[c->tag] == tag)
                return c;
        }
    }
    return NULL;
}

/* Leaves functions until one has a clause for it; false: none has. */
static bool search(sl_core_store *store, place *p, const sl_tag *tag,
                   const sl_code_func **func, const sl_code_catch **clause)
{
    while (skip_stubs(store, p)) {
        *func = func_at(store, p->ip);
        *clause = find_clause(p, *func, tag);
        if (*clause != NULL)
            return true;
        p->ip = (const sl_ins *)p->fp[(*func)->saved_at].ref - 1;
        p->fp = p->fp[(*func)->saved_at + 1].ref;
        p->n_left++;
    }
    return false;
}

/* --- The outcome --------------------------------------------------------- */

static void put_values(sl_core_store *store, const sl_code_catch *clause,
                       sl_slot *fp, sl_exception *e)
{
    sl_slot *to = fp + clause->slot;
    uint32_t n = clause->tag == SL_ANY_TAG ? 0 : e->tag->type->n_params;
    if (n != 0)
        memcpy(to, e->vals, n * sizeof *to);
    if (clause->ref) {
        to[n].ref = e;
        e->escaped = true;
    } else {
        sl_exception_done(store, e);
    }
}

/* Who called the loop may take it, but not through a link. */
static const sl_ins *uncaught(sl_frame *frame, sl_exception *e)
{
    sl_core_thread *thread = frame->thread;
    frame->status = SL_ETRAP;
    if (frame->catching && frame->links == NULL) {
        thread->thrown = e;
        return NULL;
    }
    sl_trap(thread, "uncaught exception");
    sl_exception_done(thread->store, e);
    return NULL;
}

const sl_ins *sl_unwind(sl_frame *frame, sl_exception *exception)
{
    sl_core_store *store = frame->thread->store;
    const sl_code_func *func;
    const sl_code_catch *clause;
    if (sl_slow_poll(frame) != SL_OK) { /* a handler may close a loop */
        sl_exception_done(store, exception);
        return NULL;
    }
    place p = {.ip = frame->ip,
               .fp = frame->fp,
               .cross = (const sl_cross *)(const void *)frame->limit,
               .instance = frame->instance};
    if (!search(store, &p, exception->tag, &func, &clause))
        return uncaught(frame, exception);
    frame->fp = p.fp;
    frame->limit = (sl_slot *)(uintptr_t)p.cross;
    if (frame->max_calls != 0)
        frame->n_calls -= p.n_left;
    if (p.instance != frame->instance)
        sl_frame_enter(frame, p.instance);
    put_values(store, clause, p.fp, exception);
    return func->code + clause->target;
}
