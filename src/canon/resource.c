/* Handles to resources in the handle table. CanonicalABI.md "Resource State",
 * "canon resource.new" and the two that follow it; definitions.py lift_own,
 * lift_borrow, lower_own, lower_borrow. */
#include "base/alloc.h"
#include "canon/value_int.h"

static sl_status find(const sl_instance *inst, const sl_type *type,
                      sl_resource **out)
{
    *out = sl_resource_find(inst, type);
    SL_TRAP_IF(inst->store, *out == NULL, "resource type is not in scope");
    return SL_OK;
}

/* --- Loans ---------------------------------------------------------------- */

struct sl_lend {
    uint32_t *num_lends;
    struct sl_lend *next;
};

sl_status sl_subtask_lend(sl_store *store, sl_subtask *subtask,
                          uint32_t *num_lends)
{
    struct sl_lend *lend = sl_malloc(sizeof *lend);
    if (lend == NULL) {
        (void)sl_store_trap(store, "out of memory");
        return SL_ENOMEM;
    }
    *lend = (struct sl_lend){num_lends, subtask->lends};
    subtask->lends = lend;
    ++*num_lends;
    return SL_OK;
}

void sl_subtask_return_lends(sl_subtask *subtask)
{
    struct sl_lend *lend = subtask->lends;
    subtask->lends = NULL;
    while (lend != NULL) {
        struct sl_lend *next = lend->next;
        --*lend->num_lends;
        sl_free(lend);
        lend = next;
    }
}

/* --- Handles -------------------------------------------------------------- */

/* The store closes: guests' destructors run no more, the host's do. */
static void free_item(sl_store *store, void *item)
{
    (void)store;
    const sl_resource_handle *h = item;
    const sl_resource *resource = h->resource;
    if (h->own && resource->impl == NULL && resource->host_dtor != NULL)
        resource->host_dtor(resource->ctx, h->rep);
    sl_free(item);
}

static sl_status add(sl_instance *inst, sl_resource_handle h, uint32_t *index)
{
    sl_resource_handle *item = sl_malloc(sizeof *item);
    if (item == NULL) {
        (void)sl_store_trap(inst->store, "out of memory");
        return SL_ENOMEM;
    }
    *item = h;
    inst->store->free_item[SL_HANDLE_RESOURCE] = free_item;
    sl_status st = sl_handles_add(inst, SL_HANDLE_RESOURCE, item, index);
    if (st != SL_OK)
        sl_free(item);
    return st;
}

static sl_status expect(sl_instance *inst, uint32_t index, const sl_type *type,
                        sl_resource_handle **out)
{
    void *item;
    sl_resource *resource;
    sl_status st = find(inst, type, &resource);
    if (st == SL_OK)
        st = sl_handles_expect(inst, index, SL_HANDLE_RESOURCE, &item);
    if (st != SL_OK)
        return st;
    *out = item;
    SL_TRAP_IF(inst->store, (*out)->resource != resource,
               "handle index %u used with the wrong type, expected "
               "guest-defined resource but found a different guest-defined "
               "resource",
               index);
    return SL_OK;
}

static sl_status expect_not_lent(sl_instance *inst, const sl_resource_handle *h)
{
    SL_TRAP_IF(inst->store, h->num_lends != 0,
               "cannot remove owned resource while borrowed");
    return SL_OK;
}

sl_status sl_cx_lift_own(sl_cx *cx, uint32_t index, const sl_type *type,
                         sl_val *out)
{
    sl_resource_handle *h;
    sl_status st = expect(cx->inst, index, type->of.handle, &h);
    if (st == SL_OK)
        st = expect_not_lent(cx->inst, h);
    if (st != SL_OK)
        return st;
    SL_TRAP_IF(cx->inst->store, !h->own,
               "cannot lift own resource from a borrow");
    out->of.handle.resource = h->resource;
    out->of.handle.rep = h->rep;
    sl_handles_remove(&cx->inst->handles, index);
    sl_free(h);
    return SL_OK;
}

sl_status sl_cx_lift_borrow(sl_cx *cx, uint32_t index, const sl_type *type,
                            sl_val *out)
{
    sl_resource_handle *h;
    sl_status st = expect(cx->inst, index, type->of.handle, &h);
    if (st == SL_OK)
        st = sl_subtask_lend(cx->inst->store, cx->subtask, &h->num_lends);
    if (st != SL_OK)
        return st;
    out->of.handle.resource = h->resource;
    out->of.handle.rep = h->rep;
    return SL_OK;
}

/* A value's resource must be what its type stands for in the instance. */
static sl_status check_resource(sl_cx *cx, const sl_val *val,
                                const sl_type *type)
{
    sl_resource *resource;
    sl_status st = find(cx->inst, type->of.handle, &resource);
    if (st == SL_OK && val->of.handle.resource != resource)
        return sl_cx_wrong_value(cx, type);
    return st;
}

sl_status sl_cx_lower_own(sl_cx *cx, const sl_val *val, const sl_type *type,
                          uint32_t *index)
{
    sl_status st = check_resource(cx, val, type);
    if (st != SL_OK)
        return st;
    st = add(cx->inst,
             (sl_resource_handle){.resource = val->of.handle.resource,
                                  .rep = val->of.handle.rep,
                                  .own = true},
             index);
    if (st == SL_OK) /* the handle owns it now */
        ((sl_val *)val)->of.handle.resource = NULL;
    return st;
}

sl_status sl_cx_lower_borrow(sl_cx *cx, const sl_val *val, const sl_type *type,
                             uint32_t *index)
{
    sl_status st = check_resource(cx, val, type);
    if (st != SL_OK)
        return st;
    sl_resource *resource = val->of.handle.resource;
    if (resource->impl == cx->inst) {
        *index = val->of.handle.rep;
        return SL_OK;
    }
    cx->task->num_borrows++;
    return add(cx->inst,
               (sl_resource_handle){.resource = resource,
                                    .rep = val->of.handle.rep,
                                    .borrow_scope = cx->task},
               index);
}

/* --- Built-ins ------------------------------------------------------------ */

sl_status sl_canon_RESOURCE_NEW(sl_core_thread *core, void *ctx, sl_slot *v)
{
    (void)core;
    sl_canon_fn *fn = ctx;
    SL_TRAP_IF(fn->inst->store, !fn->inst->may_leave,
               "cannot leave component instance");
    sl_resource *resource;
    uint32_t index = 0;
    sl_status st = find(fn->inst, fn->canon->type, &resource);
    if (st == SL_OK)
        st = add(fn->inst,
                 (sl_resource_handle){
                     .resource = resource, .rep = v[0].i32, .own = true},
                 &index);
    v[0].i64 = index;
    return st;
}

sl_status sl_canon_RESOURCE_REP(sl_core_thread *core, void *ctx, sl_slot *v)
{
    (void)core;
    sl_canon_fn *fn = ctx;
    sl_resource_handle *h;
    sl_status st = expect(fn->inst, v[0].i32, fn->canon->type, &h);
    if (st == SL_OK)
        v[0].i64 = h->rep;
    return st;
}

sl_status sl_resource_destroy(sl_store *store, const sl_resource *resource,
                              uint32_t rep, sl_instance *caller)
{
    if (resource->impl == NULL) {
        if (resource->host_dtor != NULL)
            resource->host_dtor(resource->ctx, rep);
        return SL_OK;
    }
    SL_TRAP_IF(store, !sl_may_enter_from(resource->impl, caller),
               "cannot enter component instance");
    if (resource->dtor == NULL)
        return SL_OK;
    sl_slot v[1] = {{.i64 = rep}};
    sl_enter_from(resource->impl, caller);
    sl_status st = sl_instance_call(resource->impl, resource->dtor, v);
    if (st == SL_OK)
        sl_leave_to(resource->impl, caller);
    return st;
}

sl_status sl_canon_RESOURCE_DROP(sl_core_thread *core, void *ctx, sl_slot *v)
{
    (void)core;
    sl_canon_fn *fn = ctx;
    SL_TRAP_IF(fn->inst->store, !fn->inst->may_leave,
               "cannot leave component instance");
    sl_resource_handle *h;
    sl_status st = expect(fn->inst, v[0].i32, fn->canon->type, &h);
    if (st == SL_OK)
        st = expect_not_lent(fn->inst, h);
    if (st != SL_OK)
        return st;
    sl_resource_handle gone = *h;
    sl_handles_remove(&fn->inst->handles, v[0].i32);
    sl_free(h);
    if (gone.own)
        return sl_resource_destroy(fn->inst->store, gone.resource, gone.rep,
                                   fn->inst);
    gone.borrow_scope->num_borrows--;
    return SL_OK;
}
