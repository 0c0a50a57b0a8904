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

/* One line: names in it are a guest's. */
static void make_one_line(char *message)
{
    for (; *message != '\0'; message++)
        if ((unsigned char)*message < 0x20 || *message == 0x7f)
            *message = '?';
}

sluice_status sl_api_error(sluice_error *error, const sl_err *err)
{
    sluice_status status =
        err == NULL ? SLUICE_ENOMEM : (sluice_status)err->code;
    if (error == NULL)
        return status;
    *error = (sluice_error){.status = status, .offset = SLUICE_NO_OFFSET};
    if (err != NULL)
        error->offset = err->at;
    snprintf(error->message, sizeof error->message, "%s",
             err != NULL ? err->msg : sluice_status_text(status));
    make_one_line(error->message);
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
    make_one_line(error->message);
    return status;
}

const char *sluice_version(void)
{
    return SLUICE_VERSION;
}

/* As many lines as fit; the first one is the message. */
static void fill_backtrace(sluice_error *error, const char *text, size_t len)
{
    static const char more[] = "      ...\n";
    const char *end = text + len, *eol;
    size_t used = 0;
    const char *line = len != 0 ? memchr(text, '\n', len) : NULL;
    for (line = line != NULL ? line + 1 : end;
         line < end && (eol = memchr(line, '\n', (size_t)(end - line))) != NULL;
         line = eol + 1) {
        size_t n = (size_t)(eol + 1 - line);
        if (used + n + sizeof more > sizeof error->backtrace) {
            memcpy(error->backtrace + used, more, sizeof more - 1);
            used += sizeof more - 1;
            break;
        }
        memcpy(error->backtrace + used, line, n);
        used += n;
    }
    error->backtrace[used] = '\0';
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
    if (strcmp(trap->err.msg, "deadline exceeded") == 0)
        error->status = SLUICE_EDEADLINE;
    if (strcmp(trap->err.msg, "interrupted") == 0) /* it has had its effect */
        sl_core_store_clear_interrupt(store->store->core);
    snprintf(error->message, sizeof error->message, "%s",
             trap->err.msg[0] != '\0' ? trap->err.msg
                                      : sl_status_words(status));
    make_one_line(error->message);
    if (trap->n_frames == 0)
        return error->status;
    sl_buf text;
    sl_buf_init(&text);
    sl_trap_format(trap, &text);
    fill_backtrace(error, (const char *)text.data, text.len);
    sl_buf_deinit(&text);
    return error->status;
}
