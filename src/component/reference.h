/* References of external segments: relative-path references (RFC 3986, section
 * 4.2) that stay below their base. docs/data-segments.md, section 5. */
#ifndef SL_COMPONENT_REFERENCE_H
#define SL_COMPONENT_REFERENCE_H

#include <stdbool.h>

#include "base/name.h"

/* Why a reference is refused; NULL: it is good. */
const char *sl_reference_fault(sl_name reference);
/* The path of a good reference below its base, percent-decoded, with a NUL
 * behind it; `to` has room for reference.len + 1 bytes. */
void sl_reference_path(sl_name reference, char *to);

#endif
