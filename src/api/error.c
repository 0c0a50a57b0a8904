/* include/sluice/error.h: statuses and their words. */
#include "api/api_int.h"

#include <stdio.h>
#include <string.h>

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

sluice_status sl_api_outcome(sluice_error *error, sluice_store *store,
                             sl_status status)
{
    sluice_error unwanted;
    if (error == NULL)
        error = &unwanted;
    *error = (sluice_error){.status = (sluice_status)status,
                            .offset = SLUICE_NO_OFFSET};
    if (status == SL_EEXIT) {
        store->exited = false;
        error->exit_code = store->exit_code;
        snprintf(error->message, sizeof error->message,
                 "the guest exited with code %d", store->exit_code);
        return error->status;
    }
    const sl_trap_info *trap = &store->store->trap;
    if (strcmp(trap->err.msg, "interrupted") == 0) /* it has had its effect */
        sl_core_store_clear_interrupt(store->store->core);
    snprintf(error->message, sizeof error->message, "%s",
             trap->err.msg[0] != '\0' ? trap->err.msg
                                      : sl_status_words(status));
    if (trap->n_frames == 0)
        return error->status;
    sl_buf text;
    sl_buf_init(&text);
    sl_trap_format(trap, &text);
    const char *frames = text.len != 0 ? memchr(text.data, '\n', text.len) : NULL;
    if (frames != NULL) {
        frames++; /* the first line is the message */
        snprintf(error->backtrace, sizeof error->backtrace, "%.*s",
                 (int)(text.len - (size_t)(frames - (char *)text.data)), frames);
    }
    sl_buf_deinit(&text);
    return error->status;
}
