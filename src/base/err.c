#include "base/err.h"

#include <stdio.h>

sl_status sl_vfail(sl_err *err, sl_status code, uint64_t at, const char *fmt,
                   va_list args)
{
    if (err == NULL || err->code != SL_OK)
        return code;
    err->code = code;
    err->at = at;
    vsnprintf(err->msg, sizeof err->msg, fmt, args);
    return code;
}

sl_status sl_fail(sl_err *err, sl_status code, uint64_t at, const char *fmt,
                  ...)
{
    va_list args;
    va_start(args, fmt);
    sl_vfail(err, code, at, fmt, args);
    va_end(args);
    return code;
}

const char *sl_status_words(sl_status code)
{
    switch (code) {
#define ERR(name, number, words)                                               \
    case SL_##name:                                                            \
        return words;
#include "base/err.def"
#undef ERR
    }
    return "unknown";
}
