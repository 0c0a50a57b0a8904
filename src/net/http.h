/* Bytes over HTTP: ranges of one resource, checked so strictly that a wrong
 * byte is never passed on as a right one, read either on the loop (sl_http) or
 * blocking (sl_source_http). docs/data-segments.md, section 5; RFC 9110,
 * sections 13 to 15.
 *
 * Whoever it is, the other side may be broken or hostile: every answer must be
 * the very range that was asked for, of the size and the version known so far;
 * waiting, header blocks, redirects and retries are bounded; addresses inside
 * the host's own networks are refused unless the embedder allows them. */
#ifndef SL_NET_HTTP_H
#define SL_NET_HTTP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/source.h"
#include "base/trace.h"
#include "loop/loop.h"

/* A size that nobody has said yet. */
#define SL_HTTP_UNKNOWN UINT64_MAX

/* Reads of one turn of the loop become one request when what lies between them
 * is no longer than this; a request so made is not longer than that. */
#define SL_HTTP_GAP_MAX    ((uint64_t)16 << 10)
#define SL_HTTP_MERGED_MAX ((uint64_t)16 << 20)
/* What one answer's header lines, with those of its 1xx and trailers, may
 * take. */
#define SL_HTTP_HEADER_MAX ((size_t)64 << 10)

/* Numbers may be any; 0 where it is said. Strings are copied by whoever takes
 * the configuration. */
typedef struct sl_http_config {
    /* Loopback, link-local, private and other addresses that do not belong to
     * the public Internet. */
    bool allow_private;
    uint32_t connect_ms;     /* name lookup, TCP and TLS together */
    uint32_t first_byte_ms;  /* from the request to its answer's first byte */
    uint32_t min_rate;       /* bytes per second, ... */
    uint32_t rate_window_ms; /* ... over each window of this length */
    uint32_t total_ms;       /* one read with its retries; 0: no limit */
    uint32_t retries;        /* of a request that gets nowhere */
    uint32_t retry_delay_ms; /* before the first; doubles, up to 10 s */
    uint32_t retry_after_max_ms; /* the longest Retry-After that is obeyed */
    uint32_t redirects;
    uint32_t per_origin;  /* connections to one origin */
    uint32_t connections; /* in all */
    uint64_t in_flight;   /* bytes asked for and not here yet, in all */
    const char *ca_file;  /* PEM; NULL: the system's authorities */
    /* Value of an Authorization header and the only origin that ever sees it
     * ("https://example.com"); not after a redirect has led elsewhere. NULL:
     * none. */
    const char *authorization, *authorization_origin;
} sl_http_config;

/* 10 s to connect, 30 s to the first byte, 1 KiB/s over 30 s, 3 retries from
 * 200 ms on, Retry-After up to 30 s, 5 redirects, 6 connections to an origin
 * and 64 in all, 64 MiB in flight, public addresses only. */
sl_http_config sl_http_config_default(void);

typedef struct sl_http_stats {
    uint64_t requests; /* sent, with those of redirects and retries */
    uint64_t bytes;    /* of bodies received */
    uint64_t retries;
} sl_http_stats;

/* --- On the loop
 * ------------------------------------------------------------------ */

typedef struct sl_http sl_http;
typedef struct sl_http_object sl_http_object;
typedef struct sl_http_read sl_http_read;

/* Borrows the loop, which it keeps alive only while something is asked for.
 * `config` NULL: the defaults. Proxies are taken from the environment, as curl
 * does; no .netrc, no cookies. */
sl_http *sl_http_new(sl_loop *loop, const sl_http_config *config, sl_err *err);
/* Abandons everything: no read's `done` comes any more and no `to` is touched.
 * Objects still have to be closed, before or after. NULL is fine. */
void sl_http_free(sl_http *http);
const sl_http_stats *sl_http_stats_of(const sl_http *http);
/* Bytes asked for and not here yet. */
uint64_t sl_http_pending(const sl_http *http);
/* Who hears of requests from now on; NULL: nobody. Borrowed. */
void sl_http_trace(sl_http *http, sl_tracer *tracer);

/* One resource. Nothing is asked of it yet.
 * @param size       what the component declares, or SL_HTTP_UNKNOWN: then the
 *                   first answer says it
 * @param validator  what an earlier answer had (sl_source.etag): a strong ETag
 *                   or a Last-Modified date; NULL: the first answer says it
 * SL_EINVALID: a URL that is not fetched: another scheme than http and https,
 * user information, control characters, an address that is refused. */
sl_http_object *sl_http_object_new(sl_http *http, const char *url,
                                   uint64_t size, const char *validator,
                                   sl_err *err);
/* Cancels its reads. NULL is fine. */
void sl_http_object_close(sl_http_object *object);
uint64_t sl_http_object_size(const sl_http_object *object);
/* A strong ETag, else a weak one, else a Last-Modified date; NULL: not known
 * or none. */
const char *sl_http_object_validator(const sl_http_object *object);
const char *sl_http_object_url(const sl_http_object *object);

/* One range to bring in. The caller's until `done` or a cancel. */
struct sl_http_read {
    uint64_t at;
    /* 0 with `at` 0: only finds out the size and the validator. */
    size_t len;
    uint8_t *to;
    bool background; /* goes after reads that are not */
    /* On the loop, never inside a call: all `len` bytes are there (err NULL),
     * or the cause, with the range and the URL, why they never will be. The
     * read may be used again, the object closed, the sl_http freed in it. */
    void (*done)(sl_http_read *read, const sl_err *err);
    /* Private; zero at first. */
    struct sl_http_request *request;
    sl_http_read *next, *prev;
    uint8_t state;
};

/* Not SL_OK: refused, `done` will not come. SL_ERANGE: not inside the size
 * that is known; SL_ECANCELLED: the sl_http is gone. */
sl_status sl_http_read_start(sl_http_object *object, sl_http_read *read,
                             sl_err *err);
/* `done` does not come and `to` is never touched again. A request nobody wants
 * any more is aborted. At any time, also for what is not under way. */
void sl_http_read_cancel(sl_http_read *read);
/* Somebody waits for a background read now. */
void sl_http_read_promote(sl_http_read *read);

/* --- Blocking
 * --------------------------------------------------------------------- */

/* A source over a resource, for decoders and for threads of the pool: blocks
 * the calling thread, may be used from several. Asks for the first 64 KiB at
 * once, which tell size and validator (`url` and `etag` of the source), and
 * keeps a few blocks, so that many small reads make few requests. NULL on
 * failure. */
sl_source *sl_source_http(const char *url, const sl_http_config *config,
                          sl_err *err);
/* What a source made by sl_source_http has done so far. */
sl_http_stats sl_source_http_stats(sl_source *source);

#endif
