/* Resource types at run time: each instance that defines one makes its own
 * (definitions.py ResourceType), and each instance knows by which of its types
 * it names which. CanonicalABI.md "Resource State". */
#ifndef SL_TASK_RESOURCE_H
#define SL_TASK_RESOURCE_H

#include "task/task.h"

typedef struct sl_resource {
    sl_instance *impl;                          /* NULL: the host's */
    sl_core_func *dtor;                         /* NULL: none */
    void (*host_dtor)(void *ctx, uint32_t rep); /* of the host's; or NULL */
    void *ctx;
} sl_resource;

/* What a RESOURCE type of the component's text stands for in an instance. */
typedef struct sl_resource_binding {
    const sl_type *type; /* sl_resource_of() */
    sl_resource *resource;
    struct sl_resource_binding *next;
} sl_resource_binding;

/* link/ binds each resource type as it comes into scope. */
sl_status sl_resource_bind(sl_instance *inst, const sl_type *type,
                           sl_resource *resource, sl_err *err);
/* NULL when it is not bound (the validator rules that out). */
sl_resource *sl_resource_find(const sl_instance *inst, const sl_type *type);

/* Are they the same value type, each as named in its instance's scope? A scope
 * may be NULL for a type without resources. */
bool sl_types_same(const sl_instance *a_scope, const sl_type *a,
                   const sl_instance *b_scope, const sl_type *b);

#endif
