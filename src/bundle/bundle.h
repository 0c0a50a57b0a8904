/* Data segments between a component and files: bundling puts files in place of
 * imports of `core data`, externalizing moves payloads out into files,
 * internalizing brings them back. Everything is streamed: neither files nor
 * component are held in memory. docs/data-segments.md, section 2. */
#ifndef SL_BUNDLE_BUNDLE_H
#define SL_BUNDLE_BUNDLE_H

#include "base/err.h"
#include "base/name.h"
#include "base/source.h"
#include "bundle/watch.h"
#include "component/component.h"

/* Payloads start at multiples of this in the output, so that they can be
 * mapped: the page size of linear memory. */
#define SL_BUNDLE_ALIGN 65536

enum { SL_CHUNK_LOG_DEFAULT = 18 }; /* 256 KiB */

/* How payloads are put outside. */
typedef struct sl_outside {
    const char *folder; /* at or below the output's; made when missing */
    int zstd_level;     /* 1..22; 0: identity */
    uint8_t chunk_log;  /* of the chunks' size */
    uint64_t min_size;  /* of what sl_externalize moves, in bytes */
} sl_outside;

typedef struct sl_bundle_job {
    sl_source *source;  /* the component */
    const char *input;  /* its file: what its references are relative to */
    const char *output; /* the file to write */
    bool replace;       /* it, if it is a regular file */
    bool replace_files; /* likewise files of external segments */
    sl_watch watch;
    /* Set: external segments that refer to other files than in the input, as
     * the output is in another folder. */
    uint64_t n_moved_references;
} sl_bundle_job;

typedef struct sl_bundle_data {
    sl_name name;     /* of the import */
    const char *path; /* of the file that takes its place */
} sl_bundle_data;

/* All three check the input, write all of the output or nothing, and check it.
 * SL_EIO: a file, with its name; SL_EUSAGE: a file that cannot be where it
 * should; SL_ERANGE: too large to be inline; SL_EINVALID, SL_EMALFORMED;
 * SL_ECANCELLED: the watch said so. `at` is a place in the input. */

/* Every import of `data` becomes a segment at the same index: external with
 * `outside` (min_size is not looked at), inline without. SL_EINVALID: no such
 * import, or a name given twice. */
sl_status sl_bundle(sl_bundle_job *job, const sl_bundle_data *data, size_t n,
                    const sl_outside *outside, sl_err *err);
/* Inline segments become external ones, in nested components too. All other
 * bytes stay, but for the padding in front of payloads. */
sl_status sl_externalize(sl_bundle_job *job, const sl_outside *outside,
                         sl_err *err);
/* External segments become inline ones, every digest checked. */
sl_status sl_internalize(sl_bundle_job *job, sl_err *err);
/* A component that does the same without core:data: segments become instances
 * that export `read` and `size`; external ones are brought in.
 * SL_EUNSUPPORTED: what cannot be expressed. */
sl_status sl_lower(sl_bundle_job *job, sl_err *err);

/* Puts a load plan into the component, in the place of one that it has; with
 * `order` the inline segments that it names stand together, in the order of
 * their first reading. Steps beyond SL_MAX_LOADS, or of segments that are not
 * there, are SL_EINVALID. */
sl_status sl_optimize(sl_bundle_job *job, const sl_load_plan *plan, bool order,
                      sl_err *err);

#endif
