/* Files that appear together, whole, or not at all: each is written beside its
 * place and renamed when all are good. */
#ifndef SL_BUNDLE_STAGING_H
#define SL_BUNDLE_STAGING_H

#include <stdbool.h>

#include "base/err.h"
#include "base/vec.h"

typedef struct sl_staged {
    char *path, *part; /* where it goes, where it is */
    int fd;            /* of the part, or -1 once closed */
    bool replace;      /* a regular file at `path` may go */
    bool placed;       /* it is at `path`, where nothing was */
} sl_staged;

typedef struct sl_staging {
    SL_VEC(sl_staged) files;
    char *folder; /* made for them, or NULL */
} sl_staging;

void sl_staging_init(sl_staging *staging);
/* Removes what has not been committed. */
void sl_staging_deinit(sl_staging *staging);
/* Makes a folder unless it is there; it goes again when no files come. */
bool sl_staging_folder(sl_staging *staging, const char *path, sl_err *err);
/* A new file that shall become `path`: its descriptor (borrowed), or -1. What
 * is not a regular file is never replaced, what is only with `replace`. */
int sl_staging_open(sl_staging *staging, const char *path, bool replace,
                    sl_err *err);
/* Closes the file opened last. */
bool sl_staging_close(sl_staging *staging, sl_err *err);
/* Renames all, the first one last: it refers to the others. */
bool sl_staging_commit(sl_staging *staging, sl_err *err);

#endif
