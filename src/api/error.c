/* include/sluice/error.h: statuses and their words. */
#include "api/api_int.h"

#include <stdio.h>

#define ERR(name, number, words)                                               \
    _Static_assert((int)SLUICE_##name == (int)SL_##name, "err.def and error.h");
#include "base/err.def"
#undef ERR

const char *sluice_status_text(sluice_status status)
{
    return sl_status_words((sl_status)status);
}

sluice_status sl_api_error(sluice_error *error, const sl_err *err)
{
    sluice_status status =
        err == NULL ? SLUICE_ENOMEM : (sluice_status)err->code;
    if (error == NULL)
        return status;
    *error = (sluice_error){.status = status, .offset = SLUICE_NO_OFFSET};
    if (err != NULL) {
        error->offset = err->at;
        snprintf(error->message, sizeof error->message, "%s", err->msg);
    }
    return status;
}

sluice_status sl_api_fail(sluice_error *error, sluice_status status,
                          const char *fmt, ...)
{
    if (error == NULL)
        return status;
    *error = (sluice_error){.status = status, .offset = SLUICE_NO_OFFSET};
    va_list args;
    va_start(args, fmt);
    vsnprintf(error->message, sizeof error->message, fmt, args);
    va_end(args);
    return status;
}

const char *sluice_version(void)
{
    return SLUICE_VERSION;
}
