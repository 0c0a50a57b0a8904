/* Errors: one record by value in the caller's frame, so that reporting never
 * allocates. The first failure wins; later ones are its consequences. */
#ifndef SL_BASE_ERR_H
#define SL_BASE_ERR_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum sl_status {
#define ERR(name, number, words) SL_##name = number,
#include "base/err.def"
#undef ERR
} sl_status;

#define SL_ERR_MSG_MAX 256
#define SL_ERR_NO_PLACE UINT64_MAX

typedef struct sl_err {
    sl_status code;
    uint64_t at; /* byte offset in the input, or SL_ERR_NO_PLACE */
    char msg[SL_ERR_MSG_MAX];
} sl_err;

#if defined(__GNUC__)
#define SL_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
#else
#define SL_PRINTF(fmt, args)
#endif

/* Records a failure unless one is recorded already; `err` may be NULL.
 * Returns `code`, so that `return sl_fail(err, SL_EINVALID, at, "...")` works.
 * A message that does not fit loses its middle.
 * Messages begin with the words of the specification's test suite. */
sl_status sl_fail(sl_err *err, sl_status code, uint64_t at, const char *fmt,
                  ...) SL_PRINTF(4, 5);
sl_status sl_vfail(sl_err *err, sl_status code, uint64_t at, const char *fmt,
                   va_list args);

/* The table's words for a status ("malformed"). */
const char *sl_status_words(sl_status code);

#endif
