/* WAVE, the text of component-level values on command lines and in logs:
 * true, -1, 1.5, 'x', "text", [1, 2], (1, "a"), {field: 1}, case(v), some(v),
 * none, ok(v), err(v), {flag-a, flag-b}.
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

/* The text as a value of the type, which the caller owns. err->at is an offset
 * in the text. Handles, streams, futures and error contexts have no text. */
bool sl_wave_parse(sl_name text, const sl_type *type, sl_val *out, sl_err *err);

/* Appends the value's text; what has none is shown in angle brackets. */
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
