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

/* Moves a value out of an arena into host memory: everything is copied, except
 * streams, futures and owned resources, which are taken out of *from. False:
 * out of memory; *to is then zeroed. */
bool sl_val_take(sl_val *from, sl_val *to);

typedef enum sl_val_held {
    SL_VAL_PLAIN,   /* data alone: it can be copied */
    SL_VAL_HANDLES, /* streams, futures or resources too: it can be moved */
    SL_VAL_GONE,    /* some of those have been moved away */
} sl_val_held;
sl_val_held sl_val_holding(const sl_val *val);

/* Bytes of an element of a packed list; 0: not a number kind. */
size_t sl_val_elem_size(sluice_kind elem);

#endif
