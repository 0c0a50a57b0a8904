/* Objects and reads: reads of one turn become requests, bytes are spread over
 * the reads that want them, finished reads are delivered on a later turn. */
#include "net/request.h"

#include <string.h>

#include "base/alloc.h"

/* --- Lists of reads
 * --------------------------------------------------------------- */

static void link_read(sl_http_reads *list, sl_http_read *read)
{
    read->next = NULL;
    read->prev = list->last;
    *(list->last != NULL ? &list->last->next : &list->first) = read;
    list->last = read;
}

static void unlink_read(sl_http_reads *list, sl_http_read *read)
{
    *(read->prev != NULL ? &read->prev->next : &list->first) = read->next;
    *(read->next != NULL ? &read->next->prev : &list->last) = read->prev;
    read->next = read->prev = NULL;
}

void sl_http_forget(sl_http_reads *reads)
{
    while (reads->first != NULL) {
        sl_http_read *read = reads->first;
        unlink_read(reads, read);
        read->request = NULL;
        read->state = SL_READ_IDLE;
    }
}

/* --- Delivery
 * --------------------------------------------------------------------- */

void sl_http_request_free(sl_http_request *r)
{
    sl_exchange_deinit(&r->x);
    sl_free(r);
}

static void release(sl_http_request *r)
{
    if (r->state == SL_HTTP_OVER && r->reads.first == NULL &&
        r->undelivered == 0)
        sl_http_request_free(r);
}

/* Moves a waiting read to those that will be delivered. */
static void finish_read(sl_http_request *r, sl_http_read *read, uint8_t state)
{
    unlink_read(&r->reads, read);
    read->state = state;
    r->undelivered++;
    link_read(&r->http->finished, read);
    sl_loop_post(r->http->loop, &r->http->deliver);
}

void sl_http_finish(sl_http_request *r, bool ok)
{
    while (r->reads.first != NULL)
        finish_read(r, r->reads.first, ok ? SL_READ_HERE : SL_READ_FAILED);
    release(r);
}

static void deliver_one(sl_http *http)
{
    sl_http_read *read = http->finished.first;
    sl_http_request *r = read->request;
    bool ok = read->state == SL_READ_HERE;
    sl_err err = r->err;
    unlink_read(&http->finished, read);
    read->request = NULL;
    read->state = SL_READ_IDLE;
    r->undelivered--;
    release(r);
    read->done(read, ok ? NULL : &err);
}

void sl_http_deliver(sl_post *post)
{
    sl_http *http =
        (sl_http *)(void *)((char *)post - offsetof(sl_http, deliver));
    const sl_http_read *last = http->finished.last;
    bool gone = false, more = true;
    http->gone = &gone;
    while (!gone && more && http->finished.first != NULL) {
        more = http->finished.first != last;
        deliver_one(http);
    }
    if (gone)
        return;
    http->gone = NULL;
    if (http->finished.first != NULL)
        sl_loop_post(http->loop, &http->deliver);
}

/* --- Bytes
 * ------------------------------------------------------------------------ */

/* A read that ends with the request waits for the end of the answer, which may
 * turn out to be longer than it should be. */
bool sl_http_spread(sl_exchange *x, uint64_t at, const uint8_t *bytes, size_t n)
{
    sl_http_request *r = (sl_http_request *)x;
    uint64_t end = at + n;
    sl_http_read *next = NULL;
    for (sl_http_read *read = r->reads.first; read != NULL; read = next) {
        next = read->next;
        if (read->at >= end)
            break;
        uint64_t read_end = read->at + read->len;
        uint64_t from = read->at > at ? read->at : at;
        uint64_t to = read_end < end ? read_end : end;
        if (from < to)
            memcpy(read->to + (from - read->at), bytes + (from - at),
                   (size_t)(to - from));
        if (read_end <= end && read_end < r->x.to)
            finish_read(r, read, SL_READ_HERE);
    }
    r->pos = end;
    return r->reads.first != NULL;
}

/* --- Reads of one turn
 * ------------------------------------------------------------ */

static bool goes_before(const sl_http_request *a, const sl_http_request *b)
{
    if (a->background != b->background)
        return b->background;
    return a->reads.first->at <= b->reads.first->at;
}

static sl_http_request *merge_sorted(sl_http_request *a, sl_http_request *b)
{
    sl_http_request *first = NULL, **end = &first;
    while (a != NULL && b != NULL) {
        sl_http_request **from = goes_before(a, b) ? &a : &b;
        *end = *from;
        *from = (*from)->next;
        end = &(*end)->next;
    }
    *end = a != NULL ? a : b;
    return first;
}

/* Sorts the `n` requests of a singly linked list. */
static sl_http_request *sort(sl_http_request *first, size_t n)
{
    if (n < 2)
        return first;
    sl_http_request *mid = first;
    for (size_t i = 1; i < n / 2; i++)
        mid = mid->next;
    sl_http_request *second = mid->next;
    mid->next = NULL;
    return merge_sorted(sort(first, n / 2), sort(second, n - n / 2));
}

static bool can_join(const sl_http_request *a, const sl_http_request *b)
{
    uint64_t from = a->reads.first->at, to = b->to > a->to ? b->to : a->to;
    return a->background == b->background &&
           (b->reads.first->at <= a->to ||
            b->reads.first->at - a->to <= SL_HTTP_GAP_MAX) &&
           to - from <= SL_HTTP_MERGED_MAX;
}

/* `b` has one read, further on. */
static void join(sl_http_request *a, sl_http_request *b)
{
    sl_http_read *read = b->reads.first;
    unlink_read(&b->reads, read);
    link_read(&a->reads, read);
    read->request = a;
    if (b->to > a->to)
        a->to = b->to;
    sl_http_request_free(b);
}

static void on_gather(sl_post *post)
{
    sl_http_object *object =
        (sl_http_object *)(void *)((char *)post -
                                   offsetof(sl_http_object, gather));
    size_t n = 0;
    for (sl_http_request *r = object->fresh.first; r != NULL; r = r->next)
        n++;
    sl_http_request *r = sort(object->fresh.first, n), *next = NULL;
    object->fresh = (sl_http_requests){NULL, NULL};
    for (; r != NULL; r = next) {
        for (next = r->next; next != NULL && can_join(r, next);) {
            sl_http_request *joined = next;
            next = next->next;
            join(r, joined);
        }
        r->list = NULL;
        sl_http_enqueue(r, false);
    }
    sl_http_pump(object->http);
}

/* --- Reads
 * ------------------------------------------------------------------------ */

static sl_status check_range(const sl_http_object *object,
                             const sl_http_read *read, sl_err *err)
{
    uint64_t size = object->id.size;
    if (read->len > UINT64_MAX - 1 - read->at ||
        (size != SL_HTTP_UNKNOWN &&
         (read->at > size || read->len > size - read->at)))
        return sl_fail(err, SL_ERANGE, read->at,
                       "%zu bytes at %llu of a resource with %llu", read->len,
                       (unsigned long long)read->at, (unsigned long long)size);
    if (read->len == 0 && read->at != 0 && size == SL_HTTP_UNKNOWN)
        return sl_fail(err, SL_EUSAGE, read->at, "no bytes asked for");
    return SL_OK;
}

sl_status sl_http_read_start(sl_http_object *object, sl_http_read *read,
                             sl_err *err)
{
    sl_http *http = object->http;
    if (http == NULL)
        return sl_fail(err, SL_ECANCELLED, read->at, "no longer fetching");
    if (check_range(object, read, err) != SL_OK)
        return SL_ERANGE;
    sl_http_request *r = sl_calloc(1, sizeof *r);
    if (r == NULL)
        return sl_fail(err, SL_ENOMEM, SL_ERR_NO_PLACE, "out of memory");
    r->http = http;
    r->object = object;
    r->background = read->background;
    r->to = read->at + read->len;
    read->request = r;
    read->state = SL_READ_WAITING;
    link_read(&r->reads, read);
    if (read->len == 0 && object->id.size != SL_HTTP_UNKNOWN) {
        r->state = SL_HTTP_OVER;
        sl_http_finish(r, true);
        return SL_OK;
    }
    sl_http_link(&object->fresh, r, false);
    sl_loop_post(http->loop, &object->gather);
    return SL_OK;
}

void sl_http_read_cancel(sl_http_read *read)
{
    sl_http_request *r = read->request;
    if (r == NULL)
        return;
    sl_http *http = r->http;
    bool waiting = read->state == SL_READ_WAITING;
    unlink_read(waiting ? &r->reads : &http->finished, read);
    r->undelivered -= !waiting;
    read->request = NULL;
    read->state = SL_READ_IDLE;
    if (r->state != SL_HTTP_OVER && r->reads.first == NULL) {
        sl_http_withdraw(r);
        release(r);
        sl_http_pump(http);
    } else {
        release(r);
    }
}

void sl_http_read_promote(sl_http_read *read)
{
    sl_http_request *r = read->request;
    if (r == NULL || !r->background)
        return;
    read->background = false;
    r->background = false;
    if (r->state == SL_HTTP_QUEUED) {
        sl_http_unlink(r);
        sl_http_enqueue(r, false);
        sl_http_pump(r->http);
    }
}

/* --- Objects
 * ---------------------------------------------------------------------- */

static sl_http_origin *find_origin(sl_http *http, const char *url)
{
    sl_http_origin *o = http->origins;
    while (o != NULL && !sl_url_same_origin(o->name, url))
        o = o->next;
    if (o != NULL) {
        o->refs++;
        return o;
    }
    size_t n = sl_url_origin_len(url);
    o = sl_calloc(1, sizeof *o + n + 1);
    if (o == NULL)
        return NULL;
    memcpy(o->name, url, n);
    o->refs = 1;
    o->next = http->origins;
    http->origins = o;
    return o;
}

static void unref_origin(sl_http *http, sl_http_origin *o)
{
    if (--o->refs != 0)
        return;
    sl_http_origin **at = &http->origins;
    while (*at != o)
        at = &(*at)->next;
    *at = o->next;
    sl_free(o);
}

static void free_object(sl_http_object *object)
{
    sl_identity_deinit(&object->id);
    sl_free(object->url);
    sl_free(object);
}

/* What is sent to the server as it is. */
static bool good_validator(const char *validator)
{
    for (const char *c = validator; *c != '\0'; c++)
        if ((unsigned char)*c < ' ' || *c == 0x7f)
            return false;
    return true;
}

sl_http_object *sl_http_object_new(sl_http *http, const char *url,
                                   uint64_t size, const char *validator,
                                   sl_err *err)
{
    if (validator != NULL && !good_validator(validator)) {
        sl_fail(err, SL_EINVALID, SL_ERR_NO_PLACE,
                "a control character in a validator");
        return NULL;
    }
    char *checked = sl_url_check(url, NULL, http->config.allow_private, err);
    if (checked == NULL)
        return NULL;
    sl_http_object *object = sl_calloc(1, sizeof *object);
    if (object == NULL) {
        sl_free(checked);
    } else {
        object->url = checked;
        object->id.size = size;
        object->gather.fn = on_gather;
        object->origin = find_origin(http, checked);
        if (validator != NULL)
            object->id.validator = sl_strndup(validator, strlen(validator));
        bool ok = object->origin != NULL &&
                  (validator == NULL || object->id.validator != NULL);
        if (ok) {
            object->http = http;
            object->next = http->objects;
            if (object->next != NULL)
                object->next->prev = object;
            http->objects = object;
            return object;
        }
        if (object->origin != NULL)
            unref_origin(http, object->origin);
        free_object(object);
    }
    sl_fail(err, SL_ENOMEM, SL_ERR_NO_PLACE, "out of memory");
    return NULL;
}

void sl_http_object_detach(sl_http_object *object)
{
    sl_http *http = object->http;
    sl_loop_unpost(http->loop, &object->gather);
    *(object->prev != NULL ? &object->prev->next : &http->objects) =
        object->next;
    if (object->next != NULL)
        object->next->prev = object->prev;
    unref_origin(http, object->origin);
    object->http = NULL;
}

/* Cancels the object's reads that are in one of the lists of requests. */
static void cancel_in(sl_http_requests *list, const sl_http_object *object)
{
    sl_http_request *next = NULL;
    for (sl_http_request *r = list->first; r != NULL; r = next) {
        next = r->next;
        if (r->object != object)
            continue;
        sl_http_forget(&r->reads);
        sl_http_withdraw(r);
        release(r);
    }
}

void sl_http_object_close(sl_http_object *object)
{
    if (object == NULL)
        return;
    sl_http *http = object->http;
    if (http != NULL) {
        cancel_in(&object->fresh, object);
        cancel_in(&object->origin->queue[0], object);
        cancel_in(&object->origin->queue[1], object);
        cancel_in(&http->active, object);
        cancel_in(&http->resting, object);
        sl_http_read *next = NULL;
        for (sl_http_read *r = http->finished.first; r != NULL; r = next) {
            next = r->next;
            if (r->request->object == object)
                sl_http_read_cancel(r);
        }
        sl_http_object_detach(object);
        sl_http_pump(http);
    }
    free_object(object);
}

uint64_t sl_http_object_size(const sl_http_object *object)
{
    return object->id.size;
}

const char *sl_http_object_validator(const sl_http_object *object)
{
    return object->id.validator;
}

const char *sl_http_object_url(const sl_http_object *object)
{
    return object->url;
}
