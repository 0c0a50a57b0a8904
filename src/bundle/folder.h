/* Where the files of external segments are, and what refers to them.
 * docs/data-segments.md, section 5. */
#ifndef SL_BUNDLE_FOLDER_H
#define SL_BUNDLE_FOLDER_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/map.h"
#include "base/source.h"

/* The folder for new files, and the names taken in it. */
typedef struct sl_folder {
    sl_arena arena;
    sl_map taken;      /* paths below the base, in lower case */
    const char *path;  /* absolute, without links */
    const char *below; /* the same below the base: "" or "data/" */
    const char *stem;  /* what names begin with */
} sl_folder;

/* `path` must exist, at or below the folder of the file `output`. */
bool sl_folder_init(sl_folder *folder, const char *path, const char *output,
                    sl_err *err);
void sl_folder_deinit(sl_folder *folder);
/* A reference that is in use already. */
bool sl_folder_take(sl_folder *folder, sl_name reference, sl_err *err);
/* A name that nothing of this component has: *path is the file's, *reference
 * what refers to it. `hint` may hold anything. Both live in the arena. */
bool sl_folder_name(sl_folder *folder, sl_name hint, const char *suffix,
                    const char **path, sl_name *reference, sl_err *err);

/* Whether two files are in different folders: 1, or 0; -1: an error. */
int sl_folder_differs(const char *a, const char *b, sl_err *err);

/* The file that a reference in the component `input` means. It must be a
 * regular file, and no link on the way to it leads out of the component's
 * folder. NULL: it cannot be had. */
sl_source *sl_reference_open(const char *input, sl_name reference, sl_err *err);

#endif
