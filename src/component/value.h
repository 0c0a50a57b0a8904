/* The runtime's name for a component-level value. */
#ifndef SL_COMPONENT_VALUE_H
#define SL_COMPONENT_VALUE_H

#include "sluice/value.h"

typedef sluice_val sl_val;

#endif
