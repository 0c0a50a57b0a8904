/* Values of component instances, and start. Explainer.md "Value Definitions",
 * "Start Definitions". */
#ifndef SL_LINK_VALUE_H
#define SL_LINK_VALUE_H

#include "link/link.h"

/* What a `value` index stands for. It belongs to the store, and goes with it;
 * its handles, streams and futures are moved out by whoever consumes it first
 * (the validator sees to it that nobody else does, unless an instance's export
 * is aliased twice). */
struct sl_value {
    sl_closer closer;
    sl_val val;
};

/* Takes *val, which is zeroed, also on failure. */
sl_status sl_value_new(sl_store *store, sl_val *val, sl_value **out,
                       sl_err *err);
/* Moves the value out for the host, or copies it if it is plain data. SL_EUSAGE
 * when it has been moved away. */
sl_status sl_value_take(sl_value *value, sl_val *out, sl_err *err);

/* Whether the values that are to be the root's imports are what (eq i) says.
 * SL_EUNLINKABLE names the import. */
sl_status sl_check_imported_values(const sl_component *component,
                                   const sl_item *imports, sl_err *err);

/* Calls the function with these values (as many as it takes) and makes a value
 * of its result; *out is NULL when it has none. It may not block before it has
 * returned (Concurrency.md "Interaction with the start function"). SL_ETRAP:
 * see store->trap; `inst` is then never to be entered again. */
sl_status sl_start(sl_instance *inst, sl_funcinst *func, sl_value *const *args,
                   sl_value **out, sl_err *err);

#endif
