#include "base/err.h"

#include <stdio.h>

static bool inside_character(char c)
{
    return ((unsigned char)c & 0xc0) == 0x80; /* UTF-8 */
}

/* What is too long, for the sake of a name mostly, loses its middle: messages
 * end with the cause. */
static void keep_ends(sl_err *err, const char *fmt, va_list args)
{
    enum { TAIL = SL_ERR_MSG_MAX / 3, MOST = 2048 };
    char full[MOST];
    int n = vsnprintf(full, sizeof full, fmt, args);
    size_t len = n < 0 ? 0 : n < MOST ? (size_t)n : MOST - 1;
    if (len < SL_ERR_MSG_MAX)
        return;
    size_t head = SL_ERR_MSG_MAX - TAIL - 4;
    const char *tail = full + len - TAIL;
    while (head > 0 && inside_character(full[head]))
        head--;
    while (inside_character(*tail))
        tail++;
    snprintf(err->msg, sizeof err->msg, "%.*s...%s", (int)head, full, tail);
}

sl_status sl_vfail(sl_err *err, sl_status code, uint64_t at, const char *fmt,
                   va_list args)
{
    va_list again;
    if (err == NULL || err->code != SL_OK)
        return code;
    err->code = code;
    err->at = at;
    va_copy(again, args);
    int n = vsnprintf(err->msg, sizeof err->msg, fmt, args);
    if (n >= (int)sizeof err->msg)
        keep_ends(err, fmt, again);
    va_end(again);
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
