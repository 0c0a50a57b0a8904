/* Opening files below a directory and nowhere else. */
#ifndef SL_BASE_BENEATH_H
#define SL_BASE_BENEATH_H

#include "base/err.h"

/* Opens the regular file `path` below the directory `dir` to read it, without
 * following anything that leads out; where the kernel has no openat2, without
 * following links at all. The descriptor, or -1: SL_EIO. */
int sl_open_beneath(const char *dir, const char *path, sl_err *err);

#endif
