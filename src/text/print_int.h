/* What the printers share. */
#ifndef SL_TEXT_PRINT_INT_H
#define SL_TEXT_PRINT_INT_H

#include "text/text.h"

/* "..." with everything escaped that needs it; other UTF-8 stays as it is,
 * bytes that are no UTF-8 become \hh. */
void sl_put_string(sl_buf *out, sl_name bytes);
/* $name, or $"name" when it is no plain identifier. */
void sl_put_id(sl_buf *out, sl_name name);
/* The shortest decimal text that reads back as the same number. */
void sl_put_float(sl_buf *out, double value, bool is32);
/* Two spaces per level, up to a bound that keeps deep nesting linear. */
void sl_put_indent(sl_buf *out, unsigned levels);

#endif
