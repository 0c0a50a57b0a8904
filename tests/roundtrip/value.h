/* Random values of random types, of the corners first; and smaller ones. */
#ifndef SL_TESTS_ROUNDTRIP_VALUE_H
#define SL_TESTS_ROUNDTRIP_VALUE_H

#include "type.h"

/* A value of the type, which the caller owns. *room bounds what is put into
 * lists, maps and strings, and goes down. */
void rt_value(const rt_type *type, rt_rng *rng, int *room, sluice_val *out);

/* Applies the *k-th way of making the value simpler, and counts *k down by
 * those that it passes. False: there are not so many. */
bool rt_reduce(sluice_val *val, uint32_t *k);

/* Whether every NaN inside is the canonical one. */
bool rt_nans_are_canonical(const sluice_val *val);

#endif
