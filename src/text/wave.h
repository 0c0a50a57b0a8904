/* WAVE, the text of component-level values on command lines and in logs:
 * true, -1, 1.5, 'x', "text", [1, 2], (1, "a"), {field: 1}, case(v), some(v),
 * none, ok(v), err(v), {flag-a, flag-b}, error-context("why").
 *
 * Of what belongs to a store the text says what it is to be, and the value stands
 * in for it (a loose value), for whoever has the store:
 *   #N           an own or a borrow: of.handle.rep is N, its resource NULL
 *   [1, 2]       a stream, by its elements: a LIST
 *   "text"       a stream<u8>, by its bytes: a LIST
 *   @FILE, @"FILE"  a stream<u8> of a file: a STRING, the name
 *   a value, ()  a future, by its value or without: that value, an empty TUPLE
 *
 * A label that is one of the words true, false, inf, nan, some, none, ok, err
 * is written with a % in front. An option may be given by its payload alone,
 * and a result by its ok payload, unless that is an option or result again;
 * fields of option type may be left out. `//` comments to the end of a line. */
#ifndef SL_TEXT_WAVE_H
#define SL_TEXT_WAVE_H

#include "base/arena.h"
#include "base/buf.h"
#include "component/types.h"
#include "component/value.h"

/* The text as a value of the type, which the caller owns; loose where it belongs
 * to a store. err->at is an offset in the text. */
bool sl_wave_parse(sl_name text, const sl_type *type, sl_val *out, sl_err *err);

/* Appends the value's text: what sl_wave_parse() reads back. Handles, streams and
 * futures that are not loose are shown in angle brackets. */
void sl_wave_print(const sl_val *val, const sl_type *type, sl_buf *out);

/* `name(arg, arg)` or `name` taken apart: pieces of the text; the name may be
 * that of an instance's function ("wasi:cli/run@0.2.0#run"). */
typedef struct sl_wave_call {
    sl_name func;
    uint32_t n_args;
    const sl_name *args; /* in the arena */
} sl_wave_call;
bool sl_wave_split_call(sl_name text, sl_arena *arena, sl_wave_call *out,
                        sl_err *err);

#endif
