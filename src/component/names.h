/* Import and export names. Explainer.md "Import and Export Definitions",
 * "Name Uniqueness", "Canonical Interface Name". */
#ifndef SL_COMPONENT_NAMES_H
#define SL_COMPONENT_NAMES_H

#include "base/arena.h"
#include "base/name.h"
#include "component/component.h"

typedef enum sl_name_kind {
    SL_NAME_LABEL,
    SL_NAME_CONSTRUCTOR,
    SL_NAME_METHOD,
    SL_NAME_STATIC,
    SL_NAME_INTERFACE,
} sl_name_kind;

typedef struct sl_extern_name {
    sl_name_kind kind;
    sl_name resource; /* CONSTRUCTOR, METHOD, STATIC: the first label */
    sl_name version;  /* INTERFACE: behind the @, or empty */
} sl_extern_name;

/* Takes a name apart. False: it is none, and `why` (of `cap` bytes) says so. */
bool sl_parse_extern_name(sl_name name, sl_extern_name *out, char *why,
                          size_t cap);
/* What must differ between strongly-unique names; .data NULL: no memory. In
 * later texts hyphens do not count. */
sl_name sl_canonical_name(sl_arena *arena, sl_name name,
                          const sl_extern_name *parsed, bool hyphens);
/* Whether version ++ suffix is a canonversion followed by the rest of a valid
 * semantic version. */
bool sl_version_suffix_fits(sl_name version, sl_name suffix);

#endif
