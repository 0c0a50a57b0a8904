/** @file error.h
 * Outcomes. Every function that can fail returns a sluice_status or NULL and
 * fills a sluice_error that the caller provides; nothing is thrown, printed or
 * kept in a global.
 */
#ifndef SLUICE_ERROR_H
#define SLUICE_ERROR_H

#include <stdint.h>

#include "sluice/export.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum sluice_status {
    SLUICE_OK = 0,
    SLUICE_EMALFORMED = 1,   /**< the bytes break the binary format */
    SLUICE_EINVALID = 2,     /**< decoded, but does not validate */
    SLUICE_EUNSUPPORTED = 3, /**< a feature that is gated off or not built */
    SLUICE_EUNLINKABLE = 4,  /**< an import is missing or does not fit */
    SLUICE_ETRAP = 5,        /**< the guest's fault; its instance is poisoned */
    SLUICE_EEXIT = 6,        /**< the guest asked to exit (wasi:cli/exit) */
    SLUICE_ELIMIT = 7,       /**< a configured limit was reached */
    SLUICE_ENOMEM = 8,
    SLUICE_EIO = 9,        /**< the host's failure: a file, a descriptor */
    SLUICE_ERANGE = 10,    /**< an argument outside its range */
    SLUICE_EUSAGE = 11,    /**< the caller broke the rules of the API */
    SLUICE_ECANCELLED = 12,
    SLUICE_EDEADLOCK = 13, /**< nothing left that could complete the call */
    SLUICE_EDEADLINE = 14, /**< the time that was given is over */
} sluice_status;

#define SLUICE_NO_OFFSET UINT64_MAX

/** What went wrong. Plain data: copy it freely, nothing to release. */
typedef struct sluice_error {
    sluice_status status;
    uint64_t offset;    /**< byte offset in the input, or SLUICE_NO_OFFSET */
    int exit_code;      /**< with SLUICE_EEXIT: what the guest asked for */
    int os_error;       /**< with SLUICE_EIO: errno where one is known, or 0 */
    char message[256];  /**< one line, no newline */
    char backtrace[1792]; /**< with SLUICE_ETRAP: a line per wasm frame,
                               innermost first; may be empty */
} sluice_error;

/** The words for a status ("malformed"). Static storage, any thread. */
SLUICE_API const char *sluice_status_text(sluice_status status);

#ifdef __cplusplus
}
#endif
#endif
