#include "task/resource.h"

sl_status sl_resource_bind(sl_instance *inst, const sl_type *type,
                           sl_resource *resource, sl_err *err)
{
    if (sl_resource_find(inst, type) != NULL)
        return SL_OK;
    sl_resource_binding *b = sl_arena_new(&inst->arena, sl_resource_binding);
    if (b == NULL)
        return sl_fail(err, SL_ENOMEM, SL_ERR_NO_PLACE, "out of memory");
    *b = (sl_resource_binding){sl_resource_of(type), resource, inst->resources};
    inst->resources = b;
    return SL_OK;
}

sl_resource *sl_resource_find(const sl_instance *inst, const sl_type *type)
{
    type = sl_resource_of(type);
    for (const sl_resource_binding *b = inst->resources; b; b = b->next)
        if (b->type == type)
            return b->resource;
    return NULL;
}

/* --- Types across instances ----------------------------------------------- */

typedef struct scopes {
    const sl_instance *a, *b;
} scopes;

static bool same(scopes s, const sl_type *a, const sl_type *b);

static bool same_resource(scopes s, const sl_type *a, const sl_type *b)
{
    if (s.a == NULL || s.b == NULL)
        return false;
    sl_resource *of_a = sl_resource_find(s.a, a->of.handle);
    return of_a != NULL && of_a == sl_resource_find(s.b, b->of.handle);
}

static bool same_labels(scopes s, const sl_type *a, const sl_type *b)
{
    if (a->of.labels.n != b->of.labels.n)
        return false;
    for (uint32_t i = 0; i < a->of.labels.n; i++)
        if (!sl_name_eq(a->of.labels.v[i].label, b->of.labels.v[i].label) ||
            !same(s, a->of.labels.v[i].type, b->of.labels.v[i].type))
            return false;
    return true;
}

/* As deep as the types are (at most 100). */
static bool same(scopes s, const sl_type *a, const sl_type *b)
{
    if (a == NULL || b == NULL || (!a->has_resource && !b->has_resource))
        return sl_type_eq(a, b);
    if (a->kind != b->kind)
        return false;
    switch (a->kind) {
    case SL_T_OWN:
    case SL_T_BORROW:
        return same_resource(s, a, b);
    case SL_T_LIST:
        return a->of.list.len == b->of.list.len &&
               same(s, a->of.list.elem, b->of.list.elem);
    case SL_T_OPTION:
    case SL_T_STREAM:
    case SL_T_FUTURE:
        return same(s, a->of.list.elem, b->of.list.elem);
    case SL_T_MAP:
        return same(s, a->of.map.key, b->of.map.key) &&
               same(s, a->of.map.value, b->of.map.value);
    case SL_T_RESULT:
        return same(s, a->of.result.ok, b->of.result.ok) &&
               same(s, a->of.result.error, b->of.result.error);
    default:
        return same_labels(s, a, b);
    }
}

bool sl_types_same(const sl_instance *a_scope, const sl_type *a,
                   const sl_instance *b_scope, const sl_type *b)
{
    return same((scopes){a_scope, b_scope}, a, b);
}
