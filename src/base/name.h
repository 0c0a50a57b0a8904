/* A string with its length: borrowed bytes, not NUL-terminated. */
#ifndef SL_BASE_NAME_H
#define SL_BASE_NAME_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

typedef struct sl_name {
    const char *data;
    size_t len;
} sl_name;

#define SL_NAME(literal) ((sl_name){(literal), sizeof(literal) - 1})
/* For printf's "%.*s". */
#define SL_NAME_ARGS(name) (int)(name).len, (name).data

static inline sl_name sl_name_of(const char *text)
{
    return (sl_name){text, strlen(text)};
}

static inline bool sl_name_eq(sl_name a, sl_name b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

static inline bool sl_name_is(sl_name a, const char *text)
{
    return sl_name_eq(a, sl_name_of(text));
}

#endif
