/* Resources at URLs as origins. */
#include "data/data_int.h"

#include <stddef.h>

#include "base/alloc.h"
#include "data/origin.h"

typedef struct http_origin {
    sl_origin base;
    sl_http_object *object;
} http_origin;

typedef struct http_read {
    sl_http_read read;
    sl_origin_read *of;
} http_read;

static void on_done(sl_http_read *read, const sl_err *err)
{
    http_read *r = (http_read *)read;
    sl_origin_read *of = r->of;
    sl_free(r);
    of->state = NULL;
    of->done(of, err);
}

static sl_status start_read(sl_origin *origin, sl_origin_read *of, sl_err *err)
{
    http_origin *o = (http_origin *)origin;
    http_read *r = sl_calloc(1, sizeof *r);
    if (r == NULL)
        return sl_fail(err, SL_ENOMEM, SL_ERR_NO_PLACE, "out of memory");
    r->read.at = of->at;
    r->read.len = of->len;
    r->read.to = of->to;
    r->read.background = of->background;
    r->read.done = on_done;
    r->of = of;
    of->state = r;
    sl_status st = sl_http_read_start(o->object, &r->read, err);
    if (st != SL_OK) {
        of->state = NULL;
        sl_free(r);
    }
    return st;
}

static void cancel_read(sl_origin *origin, sl_origin_read *of)
{
    http_read *r = of->state;
    (void)origin;
    sl_http_read_cancel(&r->read);
    sl_free(r);
    of->state = NULL;
}

static void hurry_read(sl_origin *origin, sl_origin_read *of)
{
    http_read *r = of->state;
    (void)origin;
    sl_http_read_promote(&r->read);
}

static void close_origin(sl_origin *origin)
{
    http_origin *o = (http_origin *)origin;
    sl_http_object_close(o->object);
    sl_free(o);
}

static const sl_origin_ops http_ops = {
    .read = start_read,
    .cancel = cancel_read,
    .hurry = hurry_read,
    .close = close_origin,
};

sl_origin *sl_origin_http(sl_data_ctx *ctx, const char *url, uint64_t size,
                          const char *validator, sl_err *err)
{
    sl_http *http = sl_data_ctx_http(ctx, err);
    http_origin *o = http != NULL ? sl_calloc(1, sizeof *o) : NULL;
    if (o == NULL) {
        sl_fail(err, SL_ENOMEM, SL_ERR_NO_PLACE, "out of memory");
        return NULL;
    }
    o->base = (sl_origin){.ops = &http_ops, .remote = true, .refs = 1};
    o->object = sl_http_object_new(http, url, size, validator, err);
    if (o->object == NULL) {
        sl_free(o);
        return NULL;
    }
    return &o->base;
}
