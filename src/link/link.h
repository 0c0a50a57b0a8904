/* Instantiation: replays a component's definitions in order in a store.
 * Explainer.md "Component Definitions"; the index spaces are the validator's. */
#ifndef SL_LINK_LINK_H
#define SL_LINK_LINK_H

#include "canon/canon.h"

/* Instantiates the root (parent NULL) or a nested component. `imports` has one
 * item per import of the component, in order, already matched by type. The
 * instance belongs to the store, also when this fails half-way. Runs core
 * start functions. SL_ETRAP (store->trap), SL_EUNLINKABLE, SL_ENOMEM. */
sl_status sl_instantiate(sl_store *store, const sl_component *component,
                         sl_instance *parent, const sl_item *imports,
                         sl_instance **out, sl_err *err);
/* The export of that name, NULL when there is none. */
const sl_item *sl_exports_get(const sl_exports *exports, sl_name name);

#endif
