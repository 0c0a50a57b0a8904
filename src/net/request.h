/* Requests, between http.c, which sends them, and read.c, which makes them out
 * of reads and gives the reads back. */
#ifndef SL_NET_REQUEST_H
#define SL_NET_REQUEST_H

#include "net/http_int.h"

typedef struct sl_http_request sl_http_request;
typedef struct sl_http_origin sl_http_origin;

typedef struct sl_http_requests {
    sl_http_request *first, *last;
} sl_http_requests;

typedef struct sl_http_reads {
    sl_http_read *first, *last;
} sl_http_reads;

enum { /* of a read */
       SL_READ_IDLE = 0,
       SL_READ_WAITING, /* in `reads` of its request */
       SL_READ_HERE,    /* in `finished` of the sl_http */
       SL_READ_FAILED,  /* there as well; the request knows why */
};

typedef enum sl_http_state {
    SL_HTTP_FRESH,   /* in `fresh` of the object: of this turn */
    SL_HTTP_QUEUED,  /* in `queue` of the origin */
    SL_HTTP_ACTIVE,  /* in `active` of the sl_http */
    SL_HTTP_RESTING, /* in `resting`, before another attempt */
    SL_HTTP_OVER,    /* nowhere; its reads have yet to be delivered */
} sl_http_state;

struct sl_http_request {
    sl_exchange x; /* first */
    sl_http *http;
    sl_http_object *object;
    sl_http_state state;
    bool background, counted;
    sl_http_reads reads;  /* by place; overlaps are fine */
    uint32_t undelivered; /* of its reads, finished ones */
    uint64_t to;          /* where the last read ends */
    uint64_t pos;         /* every read has what lies before */
    uint64_t reserved;    /* of the bytes in flight */
    uint64_t last_ns;     /* no waiting beyond this; 0: none, or not begun */
    uint64_t extended_ns; /* the deadline, when it is not the real one */
    uint32_t attempts;
    uint64_t trace_id, begun_ns; /* 0: nobody listens */
    sl_timer *timer; /* ACTIVE: the deadline; RESTING: the end of it */
    sl_err err;
    sl_http_requests *list;
    sl_http_request *next, *prev;
};

struct sl_http_origin {
    sl_http_origin *next;
    uint32_t refs; /* objects */
    uint32_t active;
    uint64_t reserved;         /* of the bytes in flight */
    bool http2;                /* many requests share a connection */
    sl_http_requests queue[2]; /* foreground, background */
    char name[];               /* "https://example.com:8443" */
};

struct sl_http_object {
    sl_http *http; /* NULL: gone */
    sl_http_origin *origin;
    sl_http_object *next, *prev;
    char *url;
    sl_identity id;
    sl_http_requests fresh;
    sl_post gather;
};

struct sl_http {
    sl_loop *loop;
    sl_http_config config;
    sl_http_stats stats;
    sl_tracer *tracer; /* NULL: nobody listens */
    CURLM *multi;
    sl_timer *timer; /* curl's */
    struct net_socket *watched;
    sl_sockets sockets;
    sl_http_object *objects;
    sl_http_origin *origins;
    sl_http_requests active, resting;
    uint32_t connections;   /* that active requests may have */
    uint64_t reserved;      /* bytes in flight */
    bool starved;           /* something could not be watched: no memory */
    sl_http_reads finished; /* not delivered yet */
    sl_post deliver;
    bool *gone; /* set when freed inside of a delivery */
};

/* --- http.c
 * ------------------------------------------------------------------------ */

void sl_http_enqueue(sl_http_request *r, bool in_front);
/* Starts what may be started. */
void sl_http_pump(sl_http *http);
/* Takes it from wherever it is; a transfer is aborted. It is over then. */
void sl_http_withdraw(sl_http_request *r);

void sl_http_link(sl_http_requests *list, sl_http_request *r, bool in_front);
void sl_http_unlink(sl_http_request *r);

/* --- read.c
 * ------------------------------------------------------------------------ */

/* sl_exchange.body of a request. */
bool sl_http_spread(sl_exchange *x, uint64_t at, const uint8_t *bytes,
                    size_t n);
/* The request is over: its reads are delivered; `r` may be gone then. */
void sl_http_finish(sl_http_request *r, bool ok);
/* The post that delivers. */
void sl_http_deliver(sl_post *post);
/* Forgets reads without a word. */
void sl_http_forget(sl_http_reads *reads);
void sl_http_request_free(sl_http_request *r);
/* Takes an object off its sl_http; its reads are gone already. */
void sl_http_object_detach(sl_http_object *object);

#endif
