/* libFuzzer: any header lines of an answer, any URL. What is accepted must keep
 * what the rest relies on. */
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "net/http_int.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static void check(const sl_answer *a)
{
    if (a->header_bytes > SL_HTTP_HEADER_MAX ||
        (a->complete && a->status < 200) ||
        (a->has_range && !a->unsatisfied &&
         (a->from >= a->to || a->to > a->total)) ||
        (a->etag != NULL && strpbrk(a->etag, "\r\n") != NULL) ||
        (a->modified != NULL && strpbrk(a->modified, "\r\n") != NULL))
        abort();
}

static void read_lines(const char *text, size_t len)
{
    sl_answer a = {0};
    sl_err err = {0};
    bool ok = true;
    while (ok && len != 0) {
        const char *end = memchr(text, '\n', len);
        size_t n = end != NULL ? (size_t)(end - text) + 1 : len;
        ok = sl_answer_line(&a, text, n, &err);
        if (ok)
            check(&a);
        else if (err.code == SL_OK)
            abort();
        text += n;
        len -= n;
    }
    sl_answer_reset(&a);
}

/* What is checked once is the same when it is checked again. */
static void read_url(const char *text, size_t len)
{
    char *url = sl_strndup(text, len);
    char *once = sl_url_check(url, "https://example.com/a/b?c", false, NULL);
    if (once != NULL) {
        char *twice = sl_url_check(once, NULL, false, NULL);
        if (twice == NULL || strcmp(once, twice) != 0 ||
            strpbrk(once, "\r\n \\") != NULL ||
            sl_url_origin_len(once) > strlen(once) ||
            !sl_url_same_origin(once, twice))
            abort();
        sl_url_proxy(once);
        sl_free(twice);
    }
    sl_free(once);
    sl_free(url);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    read_lines((const char *)bytes, len);
    read_url((const char *)bytes, len);
    return 0;
}
