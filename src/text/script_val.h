/* Component-level values in scripts: (u32.const 1), (list.const ...). The text
 * does not say every type, so it is kept as a tree until one is at hand. */
#ifndef SL_TEXT_SCRIPT_VAL_H
#define SL_TEXT_SCRIPT_VAL_H

#include "component/types.h"
#include "component/value.h"
#include "text/lexer.h"

typedef struct sl_script_val {
    sluice_kind kind;
    uint32_t at;   /* offset in the text */
    uint64_t bits; /* numbers (floats: their bits; any NaN for nan:canonical
                      and the like), BOOL, CHAR; OPTION: 1 some;
                      RESULT: 1 error */
    sl_name text;  /* STRING; VARIANT, ENUM: the case */
    uint32_t n;    /* items (a payload is one), FLAGS: labels */
    struct sl_script_val *items;
    sl_name *labels; /* RECORD: of the items; FLAGS */
} sl_script_val;

/* Is a component-level value next? */
bool sl_at_script_val(const sl_cursor *c);
/* Parses one, with its parentheses, into the cursor's arena. */
bool sl_parse_script_val(sl_cursor *c, sl_script_val *out);

/* As a value of the type, which the caller owns. False: it is none
 * (SL_EINVALID, "type mismatch ..."), or no memory. */
bool sl_script_val_to(const sl_script_val *from, const sl_type *type,
                      sl_val *out, sl_err *err);
/* Does the value of this type equal the one in the script? Fields may come in
 * any order; NaNs are all equal. */
bool sl_script_val_eq(const sl_script_val *want, const sl_type *type,
                      const sl_val *val);

#endif
