/* What the files of net/ share. */
#ifndef SL_NET_HTTP_INT_H
#define SL_NET_HTTP_INT_H

#include <sys/socket.h>

#include "base/vec.h"
#include "net/curl.h"
#include "net/http.h"

/* --- url.c
 * ------------------------------------------------------------------------ */

/* Takes a URL apart and puts it together again, so that there is one reading
 * of it: http or https, no user information, no fragment, no byte outside of
 * printable ASCII, no literal address that is refused. `base`: what a relative
 * one (of a redirect) is resolved against, or NULL. NULL on failure. */
char *sl_url_check(const char *url, const char *base, bool allow_private,
                   sl_err *err);
/* How many bytes of a checked URL are scheme, host and port. */
size_t sl_url_origin_len(const char *url);
bool sl_url_same_origin(const char *a, const char *b);
bool sl_url_is_https(const char *url);

/* The proxy that the environment names for a checked URL, as curl reads it, or
 * "": none. */
const char *sl_url_proxy(const char *url);

/* --- address.c
 * -------------------------------------------------------------------- */

/* Whether an address belongs to the public Internet. */
bool sl_address_public(const struct sockaddr *address);
void sl_address_print(const struct sockaddr *address, char *to, size_t size);

/* --- answer.c
 * --------------------------------------------------------------------- */

typedef struct sl_answer {
    uint32_t status;     /* of the last header block begun; 0: none */
    size_t header_bytes; /* of all of them */
    bool complete;       /* the last header block, not a 1xx, is here */
    bool has_length, has_range, has_encoding, multipart, chunked;
    bool unsatisfied; /* Content-Range: bytes * / total */
    uint64_t length;
    uint64_t from, to, total; /* Content-Range: [from, to) of total */
    uint64_t retry_after_ms;
    char *etag, *modified, *location; /* NULL: not there */
} sl_answer;

void sl_answer_reset(sl_answer *answer);
/* Takes one line of a header block as curl gives it. False: it is refused. */
bool sl_answer_line(sl_answer *answer, const char *line, size_t len,
                    sl_err *err);

/* --- exchange.c
 * ------------------------------------------------------------------- */

/* What is known of a resource; outlives the exchanges. */
typedef struct sl_identity {
    uint64_t size;
    char *validator;
    char *place; /* where redirects led the last time, or NULL */
    bool place_trusted;
} sl_identity;

typedef enum sl_verdict {
    SL_HTTP_PENDING,
    SL_HTTP_DONE,     /* every byte of the range has been given to `body` */
    SL_HTTP_REDIRECT, /* it goes on with another transfer */
    SL_HTTP_RETRY,    /* err: why; worth another attempt */
    SL_HTTP_FAILED,   /* err: why */
} sl_verdict;

/* The open sockets of a multi handle; goes after it. */
typedef struct sl_socket {
    int fd;
    bool http1; /* its answers are HTTP/1 */
} sl_socket;
typedef SL_VEC(sl_socket) sl_sockets;

/* One range asked for and its answer, redirects included; attempts after a
 * failure are further exchanges. Drivers (http.c, source.c) put `easy` into a
 * multi handle of theirs and watch `deadline_ns`. */
typedef struct sl_exchange sl_exchange;
struct sl_exchange {
    const sl_http_config *config;
    sl_http_stats *stats;
    sl_identity *id;
    sl_sockets *sockets;
    const char *url;   /* the resource's */
    uint64_t from, to; /* asked for: [from, to) */
    bool probe;        /* the resource may end before `to` */
    /* Gives bytes from `at` on. False: nobody wants the rest. */
    bool (*body)(sl_exchange *x, uint64_t at, const uint8_t *bytes, size_t n);
    void (*deadline_moved)(sl_exchange *x); /* or NULL */
    uint64_t last_ns; /* no waiting beyond this; 0: none */

    CURL *easy;
    uint64_t at; /* the next byte of the body */
    uint64_t deadline_ns;
    sl_verdict verdict;
    sl_err err;
    uint64_t retry_after_ms;
    bool http2; /* the answer came that way */
    /* Private. */
    sl_answer answer;
    char *hop;
    struct curl_slist *headers;
    uint64_t end;       /* where the body ends */
    uint64_t window_ns; /* start of this window */
    uint64_t window_bytes, junk_bytes;
    uint32_t n_redirects;
    bool shortcut; /* began at id->place */
    bool trusted;  /* has never left the origin of config->authorization */
    bool proxied, sent, answered, refused, cut;
    bool connected; /* over a connection of its own */
    bool unclean;   /* the one it should have had was not clean */
    char refused_address[64];
    char curl_error[CURL_ERROR_SIZE];
};

/* A copy with strings of its own; false: out of memory. */
bool sl_http_config_copy(sl_http_config *to, const sl_http_config *from);
void sl_http_config_deinit(sl_http_config *config);
void sl_identity_deinit(sl_identity *id);

/* Makes `easy`. The caller has filled what stands above it; zero the rest.
 * Returns false with `err` and `verdict`. */
bool sl_exchange_start(sl_exchange *x, void *private);
/* After SL_HTTP_REDIRECT: makes `easy` for the next place. */
bool sl_exchange_follow(sl_exchange *x, void *private);
/* The transfer has ended, or must (SL_HTTP_PENDING before: the deadline has
 * passed): what has come of it. Closes `easy`, which must not be in a multi
 * handle any more. */
sl_verdict sl_exchange_end(sl_exchange *x, CURLcode code);
/* Whether the deadline has passed for good; otherwise there may be a new one.
 */
bool sl_exchange_late(sl_exchange *x, uint64_t now_ns);
/* Abandons it; releases what it holds. */
void sl_exchange_deinit(sl_exchange *x);
/* How long to wait before attempt `n` (from 1 on) after x has ended. */
uint64_t sl_exchange_delay_ns(const sl_exchange *x, uint32_t n);
/* An attempt that brought much, but not everything, is no failed one. */
bool sl_exchange_progressed(const sl_exchange *x);

/* Records a failure, the first one; the verdict in any case. */
void sl_exchange_fail(sl_exchange *x, sl_verdict verdict, const char *fmt, ...)
    SL_PRINTF(3, 4);
/* judge.c. The header is complete: the verdict stays SL_HTTP_PENDING when the
 * body, which then ends at x->end, is what was asked for. */
void sl_exchange_judge(sl_exchange *x);

/* Makes the whole message out of x->err. */
void sl_exchange_explain(const sl_exchange *x, uint32_t attempts, uint64_t from,
                         uint64_t to, sl_err *err);

#endif
