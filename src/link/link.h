/* Instantiation: replays a component's definitions in order in a store.
 * Explainer.md "Component Definitions"; the index spaces are the validator's.
 */
#ifndef SL_LINK_LINK_H
#define SL_LINK_LINK_H

#include "canon/canon.h"

typedef struct sl_value sl_value; /* value.h */

/* Supplies one import of the root: fills *out with an item that fits the
 * import's type; what it makes for it lives in `root`'s arena. A segment is a
 * reference that is handed over. */
typedef sl_status (*sl_link_resolver)(void *arg, sl_instance *root,
                                      const sl_extern *import, sl_item *out,
                                      sl_err *err);
/* Instantiates a root whose imports come from a resolver (linker.h has one). */
sl_status sl_link_root(sl_store *store, const sl_component *component,
                       sl_link_resolver resolver, void *arg, sl_instance **out,
                       sl_err *err);

/* The export of that name, NULL when there is none. */
const sl_item *sl_exports_get(const sl_exports *exports, sl_name name);
/* `n` names to fill in, in the arena; NULL when memory is short. Seal them
 * when they are there: it makes getting one of many fast. */
bool sl_exports_init(sl_exports *exports, sl_arena *arena, uint32_t n);
void sl_exports_seal(sl_exports *exports);

#endif
