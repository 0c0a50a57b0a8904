/* What wave.c and wave_print.c share. */
#ifndef SL_TEXT_WAVE_INT_H
#define SL_TEXT_WAVE_INT_H

#include "text/wave.h"

/* Of a stream or future; one without is written as of empty tuples. */
static inline const sl_type *sl_wave_payload(const sl_type *type)
{
    static const sl_type unit = {.kind = SL_T_TUPLE};
    return type->of.list.elem != NULL ? type->of.list.elem : &unit;
}

#endif
