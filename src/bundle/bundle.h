/* Bundling: files become data segments of a component, in place of its imports
 * of `core data`. Everything is streamed: neither the files nor the component
 * are held in memory. docs/data-segments.md, section 2. */
#ifndef SL_BUNDLE_BUNDLE_H
#define SL_BUNDLE_BUNDLE_H

#include "base/err.h"
#include "base/name.h"
#include "base/source.h"

/* Payloads start at multiples of this in the output, so that they can be
 * mapped: the page size of linear memory. */
#define SL_BUNDLE_ALIGN 65536

typedef struct sl_bundle_data {
    sl_name name;     /* of the import */
    const char *path; /* of the file that takes its place */
} sl_bundle_data;

/* Writes to `fd` (from its current place, which must be offset 0) the
 * component in `source` with every import of `data` replaced by an inline
 * segment, at the same index. SL_EINVALID: no such import, or a name given
 * twice; SL_ERANGE: a file too large for an inline segment; SL_EMALFORMED;
 * SL_EIO. The output is not validated here. */
sl_status sl_bundle(sl_source *source, const sl_bundle_data *data, size_t n,
                    int fd, sl_err *err);

#endif
