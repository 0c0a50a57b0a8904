/* Any header lines of an answer, judged as the answer to some requests; any URL.
 * What is accepted must keep what the rest relies on. */
#include "fuzz.h"

#include "base/alloc.h"
#include "net/http_int.h"

static void check(const sl_answer *a)
{
    must(a->header_bytes <= SL_HTTP_HEADER_MAX);
    must(!a->complete || a->status >= 200);
    must(!a->has_range || a->unsatisfied ||
         (a->from < a->to && a->to <= a->total));
    must(a->etag == NULL || strpbrk(a->etag, "\r\n") == NULL);
    must(a->modified == NULL || strpbrk(a->modified, "\r\n") == NULL);
}

/* --- Judging ----------------------------------------------------------------- */

static void check_verdict(const sl_exchange *x)
{
    switch (x->verdict) {
    case SL_HTTP_PENDING: /* a body is to come, which is what was asked for */
        must(x->answer.status == 200 || x->answer.status == 206);
        must(x->end >= x->at && x->end <= x->to && x->end <= x->id->size);
        must(x->probe || x->end == x->to);
        break;
    case SL_HTTP_DONE:
        must(x->probe && x->id->size == 0);
        break;
    case SL_HTTP_REDIRECT:
        must(x->answer.location != NULL);
        break;
    default:
        must(x->err.code != SL_OK && x->err.msg[0] != '\0');
    }
}

static void judge(const sl_answer *a)
{
    static const struct {
        uint64_t size;
        const char *validator;
        uint64_t from, to;
        bool probe;
    } row[] = {
        {SL_HTTP_UNKNOWN, NULL, 0, 10, true},
        {SL_HTTP_UNKNOWN, NULL, 0, 100, false},
        {SL_HTTP_UNKNOWN, NULL, 5, 10, true},
        {100, "\"v1\"", 0, 10, false},
        {100, "\"v1\"", 90, 100, false},
        {100, "Mon, 02 Jan 2006 15:04:05 GMT", 10, 100, false},
        {0, NULL, 0, 10, true},
    };
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        sl_identity id = {.size = row[i].size};
        if (row[i].validator != NULL)
            id.validator = sl_strndup(row[i].validator,
                                      strlen(row[i].validator));
        sl_exchange x = {.id = &id,
                         .from = row[i].from,
                         .at = row[i].from,
                         .to = row[i].to,
                         .probe = row[i].probe,
                         .answer = *a};
        sl_exchange_judge(&x);
        check_verdict(&x);
        sl_identity_deinit(&id);
    }
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
        must(ok == (err.code == SL_OK));
        if (ok)
            check(&a);
        text += n;
        len -= n;
    }
    if (ok && a.complete)
        judge(&a);
    sl_answer_reset(&a);
}

/* --- URLs -------------------------------------------------------------------- */

/* What is checked once is the same when it is checked again. */
static void read_url(const char *text, size_t len)
{
    char *url = sl_strndup(text, len);
    char *once = sl_url_check(url, "https://example.com/a/b?c", false, NULL);
    if (once != NULL) {
        char *twice = sl_url_check(once, NULL, false, NULL);
        must(twice != NULL && strcmp(once, twice) == 0);
        must(strpbrk(once, "\r\n \\") == NULL);
        must(sl_url_origin_len(once) <= strlen(once));
        must(sl_url_same_origin(once, twice));
        must(sl_url_proxy(once) != NULL);
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
