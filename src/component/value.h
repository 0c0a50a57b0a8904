/* The runtime's name for a component-level value, and the doors through which
 * releasing one reaches what belongs to a store. */
#ifndef SL_COMPONENT_VALUE_H
#define SL_COMPONENT_VALUE_H

#include "sluice/value.h"

typedef sluice_val sl_val;

/* What to do with a stream, future or owned resource inside a value that is released;
 * an error context is a counted object in of.handle.resource. The floors that
 * make them set these once, before any value of that kind exists; NULL:
 * nothing is to be done. */
typedef struct sl_val_drops {
    void (*stream)(struct sluice_stream *stream);
    void (*future)(struct sluice_future *future);
    void (*own)(void *resource, uint32_t rep);
} sl_val_drops;
extern sl_val_drops sl_val_drop;

/* Bytes of an element of a packed list; 0: not a number kind. */
size_t sl_val_elem_size(sluice_kind elem);

#endif
