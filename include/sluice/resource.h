/** @file resource.h
 * Resources at the edge between host and guests: types that the host defines,
 * and handles in values (OWN, BORROW of value.h). All on the store's thread.
 * Follows Explainer.md "Handle types" and CanonicalABI.md "Resource State".
 */
#ifndef SLUICE_RESOURCE_H
#define SLUICE_RESOURCE_H

#include "sluice/instance.h"

#ifdef __cplusplus
extern "C" {
#endif

/**
 * Define a resource type, for imports `(type (sub resource))` of an interface.
 * @param interface  as for sluice_linker_func(); NULL: the component's own
 * @param drop       called with a resource's representation when its last owner
 *                   lets go of it (a guest drops it, a value is released, the
 *                   store goes); may be NULL
 * @param ctx        handed to `drop`; `free_ctx` (may be NULL) is called on it
 *                   when the linker goes, also on failure
 * @return SLUICE_OK, SLUICE_ENOMEM, SLUICE_EUSAGE (defined already)
 */
SLUICE_API sluice_status sluice_linker_resource(
    sluice_linker *linker, const char *interface, const char *name,
    void (*drop)(void *ctx, uint32_t rep), void *ctx, void (*free_ctx)(void *),
    sluice_error *error);

/**
 * In a host function: make an owned handle to a new resource of the host's, to
 * be part of the result.
 * @param type  the OWN (or BORROW) type in the function's type that says which
 *              resource type is meant
 * @param rep   what `drop` and later calls see in of.handle.rep
 * @return false: `type` is no handle type in the caller's scope
 */
SLUICE_API bool sluice_call_own(sluice_call *call, const sluice_type *type,
                                uint32_t rep, sluice_val *out);

/** Whether two handles are of the same resource type. */
SLUICE_API bool sluice_val_same_resource(const sluice_val *a,
                                         const sluice_val *b);

#ifdef __cplusplus
}
#endif
#endif
