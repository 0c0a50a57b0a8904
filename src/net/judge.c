/* Judging an answer by its header: whether it is the range that was asked for,
 * of the resource that is known. RFC 9110, sections 13 to 15. */
#include "net/http_int.h"

#include <string.h>

#include "base/alloc.h"

static bool is_etag(const char *validator)
{
    return validator[0] == '"' || strncmp(validator, "W/", 2) == 0;
}

/* Whether it is still the resource that it was. */
static bool same_version(sl_exchange *x)
{
    const sl_answer *a = &x->answer;
    const char *was = x->id->validator;
    if (was == NULL)
        return true;
    bool etag = is_etag(was);
    const char *now = etag ? a->etag : a->modified;
    if (now == NULL && (etag || a->status != 206)) /* 206: RFC 9110, 15.3.7 */
        sl_exchange_fail(x, SL_HTTP_FAILED,
                         "the resource has changed: no %s any more",
                         etag ? "ETag" : "Last-Modified");
    else if (now != NULL && strcmp(now, was) != 0)
        sl_exchange_fail(x, SL_HTTP_FAILED,
                         "the resource has changed: %s %.40s, was %.40s",
                         etag ? "ETag" : "Last-Modified", now, was);
    return x->verdict == SL_HTTP_PENDING;
}

static bool same_size(sl_exchange *x, uint64_t size)
{
    uint64_t was = x->id->size;
    if (was != SL_HTTP_UNKNOWN && was != size)
        sl_exchange_fail(x, SL_HTTP_FAILED,
                         "the resource has %llu bytes instead of %llu",
                         (unsigned long long)size, (unsigned long long)was);
    return x->verdict == SL_HTTP_PENDING;
}

/* The first answer that is right says what the resource is. */
static void learn(sl_exchange *x, uint64_t size)
{
    const sl_answer *a = &x->answer;
    const char *validator = a->etag != NULL ? a->etag : a->modified;
    x->id->size = size;
    if (x->id->validator != NULL || validator == NULL)
        return;
    x->id->validator = sl_strndup(validator, strlen(validator));
    if (x->id->validator == NULL) {
        sl_fail(&x->err, SL_ENOMEM, SL_ERR_NO_PLACE, "out of memory");
        x->verdict = SL_HTTP_FAILED;
    }
}

static bool plain(sl_exchange *x)
{
    const sl_answer *a = &x->answer;
    if (a->has_encoding)
        sl_exchange_fail(x, SL_HTTP_FAILED, "bad answer: encoded content");
    else if (a->chunked && a->has_length)
        sl_exchange_fail(x, SL_HTTP_FAILED,
                         "bad answer: Content-Length and Transfer-Encoding");
    return x->verdict == SL_HTTP_PENDING;
}

static void judge_part(sl_exchange *x)
{
    const sl_answer *a = &x->answer;
    if (!plain(x))
        return;
    if (a->multipart || !a->has_range || a->unsatisfied) {
        sl_exchange_fail(x, SL_HTTP_FAILED, "bad answer: HTTP 206 %s",
                         a->multipart ? "in several parts"
                                      : "without a Content-Range");
        return;
    }
    if (!same_version(x) || !same_size(x, a->total))
        return;
    x->end = x->to < a->total || !x->probe ? x->to : a->total;
    if (x->end > a->total)
        sl_exchange_fail(x, SL_HTTP_FAILED, "the resource has only %llu bytes",
                         (unsigned long long)a->total);
    else if (a->from != x->at || a->to != x->end)
        sl_exchange_fail(
            x, SL_HTTP_FAILED,
            "bad answer: Content-Range %llu-%llu, wanted %llu-%llu",
            (unsigned long long)a->from, (unsigned long long)a->to - 1,
            (unsigned long long)x->at, (unsigned long long)x->end - 1);
    else if (a->has_length && a->length != a->to - a->from)
        sl_exchange_fail(
            x, SL_HTTP_FAILED,
            "bad answer: Content-Length does not fit Content-Range");
    else
        learn(x, a->total);
}

/* The whole resource: good for its beginning. */
static void judge_whole(sl_exchange *x)
{
    const sl_answer *a = &x->answer;
    if (!plain(x) || !same_version(x))
        return;
    uint64_t size = a->has_length ? a->length : x->id->size;
    if (a->has_range) {
        sl_exchange_fail(x, SL_HTTP_FAILED,
                         "bad answer: HTTP 200 with a Content-Range");
    } else if (size == SL_HTTP_UNKNOWN) {
        sl_exchange_fail(x, SL_HTTP_FAILED,
                         "bad answer: it does not tell its size");
    } else if (!same_size(x, size)) {
        return;
    } else if (x->at != 0) {
        sl_exchange_fail(x, SL_HTTP_FAILED,
                         "the server ignores ranges: HTTP 200 instead of 206");
    } else if (x->to > size && !x->probe) {
        sl_exchange_fail(x, SL_HTTP_FAILED, "the resource has only %llu bytes",
                         (unsigned long long)size);
    } else {
        x->end = x->to < size ? x->to : size;
        learn(x, size);
    }
}

/* 416: right when there is nothing at all, which could not be asked for. */
static void judge_unsatisfied(sl_exchange *x)
{
    const sl_answer *a = &x->answer;
    if (a->unsatisfied && !same_size(x, a->total))
        return;
    if (x->probe && x->at == 0 && a->unsatisfied && a->total == 0 &&
        same_version(x)) {
        learn(x, 0);
        if (x->verdict == SL_HTTP_PENDING)
            x->verdict = SL_HTTP_DONE;
    } else if (x->verdict == SL_HTTP_PENDING) {
        sl_exchange_fail(x, SL_HTTP_FAILED, "HTTP 416");
    }
}

static bool worth_a_retry(uint32_t status)
{
    return status == 408 || status == 429 || status >= 500;
}

void sl_exchange_judge(sl_exchange *x)
{
    const sl_answer *a = &x->answer;
    switch (a->status) {
    case 200:
        judge_whole(x);
        return;
    case 206:
        judge_part(x);
        return;
    case 301:
    case 302:
    case 303:
    case 307:
    case 308:
        if (a->location != NULL)
            x->verdict = SL_HTTP_REDIRECT;
        else
            sl_exchange_fail(x, SL_HTTP_FAILED, "HTTP %u without a Location",
                             a->status);
        return;
    case 416:
        judge_unsatisfied(x);
        return;
    default:
        x->retry_after_ms = a->retry_after_ms;
        sl_exchange_fail(
            x, worth_a_retry(a->status) ? SL_HTTP_RETRY : SL_HTTP_FAILED,
            "HTTP %u", a->status);
    }
}
