/* libcurl's multi interface on our loop, and the order in which requests are
 * sent. curl says which sockets and which time it waits for
 * (CURLMOPT_SOCKETFUNCTION, CURLMOPT_TIMERFUNCTION); nothing here blocks. */
#include "net/request.h"

#include <string.h>

#include "base/alloc.h"

/* Requests at a time to an origin that takes many on one connection. */
#define STREAMS_MAX 32u
/* A timer that comes so late was not alone in it. */
#define LATE_NS ((uint64_t)20000000)

/* --- Lists of requests
 * ------------------------------------------------------------ */

void sl_http_link(sl_http_requests *list, sl_http_request *r, bool in_front)
{
    r->list = list;
    r->next = in_front ? list->first : NULL;
    r->prev = in_front ? NULL : list->last;
    *(r->prev != NULL ? &r->prev->next : &list->first) = r;
    *(r->next != NULL ? &r->next->prev : &list->last) = r;
}

void sl_http_unlink(sl_http_request *r)
{
    *(r->prev != NULL ? &r->prev->next : &r->list->first) = r->next;
    *(r->next != NULL ? &r->next->prev : &r->list->last) = r->prev;
    r->next = r->prev = NULL;
    r->list = NULL;
}

/* --- What curl waits for
 * ---------------------------------------------------------- */

typedef struct net_socket {
    sl_http *http;
    sl_poll *poll;
    curl_socket_t fd;
    struct net_socket *next, *prev;
} net_socket;

static void after_action(sl_http *http);

static void on_ready(void *arg, int events, int error)
{
    net_socket *s = arg;
    sl_http *http = s->http; /* `s` may be gone behind the call */
    int mask = (events & SL_POLL_READ ? CURL_CSELECT_IN : 0) |
               (events & SL_POLL_WRITE ? CURL_CSELECT_OUT : 0) |
               (error != 0 ? CURL_CSELECT_ERR : 0);
    int running = 0;
    curl_multi_socket_action(http->multi, s->fd, mask, &running);
    after_action(http);
}

static void drop_socket(net_socket *s)
{
    sl_poll_stop(s->poll);
    *(s->prev != NULL ? &s->prev->next : &s->http->watched) = s->next;
    if (s->next != NULL)
        s->next->prev = s->prev;
    sl_free(s);
}

static net_socket *add_socket(sl_http *http, curl_socket_t fd, int events)
{
    net_socket *s = sl_calloc(1, sizeof *s);
    if (s == NULL)
        return NULL;
    s->http = http;
    s->fd = fd;
    s->poll = sl_poll_start(http->loop, fd, events, on_ready, s, NULL);
    if (s->poll == NULL) {
        sl_free(s);
        return NULL;
    }
    s->next = http->watched;
    if (s->next != NULL)
        s->next->prev = s;
    http->watched = s;
    return s;
}

static int on_curl_socket(CURL *easy, curl_socket_t fd, int what, void *arg,
                          void *known)
{
    sl_http *http = arg;
    net_socket *s = known;
    int events = (what != CURL_POLL_OUT ? SL_POLL_READ : 0) |
                 (what != CURL_POLL_IN ? SL_POLL_WRITE : 0);
    (void)easy;
    if (what == CURL_POLL_REMOVE) {
        if (s != NULL)
            drop_socket(s);
        curl_multi_assign(http->multi, fd, NULL);
    } else if (s != NULL) {
        http->starved |= sl_poll_set(s->poll, events) != 0;
    } else {
        s = add_socket(http, fd, events);
        http->starved |= s == NULL;
        curl_multi_assign(http->multi, fd, s);
    }
    return 0;
}

static void on_time(void *arg)
{
    sl_http *http = arg;
    int running = 0;
    http->timer = NULL;
    curl_multi_socket_action(http->multi, CURL_SOCKET_TIMEOUT, 0, &running);
    after_action(http);
}

static int on_curl_timer(CURLM *multi, long ms, void *arg)
{
    sl_http *http = arg;
    (void)multi;
    sl_timer_cancel(http->timer);
    http->timer = NULL;
    if (ms < 0)
        return 0;
    http->timer =
        sl_timer_start(http->loop, (uint64_t)ms * 1000000, on_time, http, NULL);
    http->starved |= http->timer == NULL;
    return 0;
}

/* --- One request
 * ------------------------------------------------------------------ */

static void end_transfer(sl_http_request *r, CURLcode code);

/* When the loop has been kept from its work (a guest that computes), what has
 * come meanwhile waits to be read: that is looked at first, once. */
static bool was_kept_away(sl_http_request *r)
{
    uint64_t now = sl_loop_now_ns();
    if (now < r->x.deadline_ns + LATE_NS || r->x.deadline_ns == r->extended_ns)
        return false;
    r->x.deadline_ns = r->extended_ns = now + LATE_NS / 2;
    return true;
}

static void on_deadline(void *arg)
{
    sl_http_request *r = arg;
    sl_http *http = r->http;
    r->timer = NULL;
    if (!was_kept_away(r) && sl_exchange_late(&r->x, sl_loop_now_ns()))
        end_transfer(r, CURLE_OPERATION_TIMEDOUT);
    else if (r->timer == NULL)
        r->x.deadline_moved(&r->x); /* too early */
    after_action(http);
}

static void on_deadline_moved(sl_exchange *x)
{
    sl_http_request *r = (sl_http_request *)x;
    uint64_t now = sl_loop_now_ns();
    sl_timer_cancel(r->timer);
    r->timer = sl_timer_start(r->http->loop,
                              x->deadline_ns > now ? x->deadline_ns - now : 0,
                              on_deadline, r, NULL);
    r->http->starved |= r->timer == NULL;
}

/* Gives back what an active request holds. */
static void deactivate(sl_http_request *r)
{
    sl_http *http = r->http;
    sl_timer_cancel(r->timer);
    r->timer = NULL;
    sl_http_unlink(r);
    r->object->origin->active--;
    http->connections -= r->counted;
    http->reserved -= r->reserved;
    r->object->origin->reserved -= r->reserved;
}

/* One attempt, with its redirects, is over. */
static void tell(sl_http_request *r, const char *outcome)
{
    char name[200];
    const sl_exchange *x = &r->x;
    if (r->begun_ns == 0)
        return;
    snprintf(name, sizeof name, "%.*s", (int)strcspn(x->url, "?"), x->url);
    const sl_trace_event event = {
        .what = "http",
        .name = name,
        .id = r->trace_id,
        .begin_ns = r->begun_ns,
        .end_ns = sl_trace_now_ns(),
        .args = {{"from", NULL, x->from},
                 {"to", NULL, x->to},
                 {"status", NULL, x->answer.status},
                 {"attempt", NULL, r->attempts},
                 {"outcome", outcome, 0}},
    };
    r->begun_ns = 0;
    sl_trace(r->http->tracer, &event);
}

static void fail(sl_http_request *r)
{
    sl_exchange_explain(&r->x, r->attempts, r->x.from, r->x.to, &r->err);
    r->state = SL_HTTP_OVER;
    sl_http_finish(r, false);
}

static void on_rested(void *arg)
{
    sl_http_request *r = arg;
    sl_http *http = r->http;
    r->timer = NULL;
    sl_http_unlink(r);
    sl_http_enqueue(r, true);
    sl_http_pump(http);
}

/* Not active any more; tries again later, or fails. */
static void retry(sl_http_request *r)
{
    sl_http *http = r->http;
    uint32_t allowed = http->config.retries + 1;
    if (sl_exchange_progressed(&r->x))
        r->attempts = 1;
    uint64_t delay = sl_exchange_delay_ns(&r->x, r->attempts);
    bool late = r->last_ns != 0 && sl_loop_now_ns() + delay >= r->last_ns;
    if (r->attempts >= allowed || late) {
        fail(r);
        return;
    }
    r->timer = sl_timer_start(http->loop, delay, on_rested, r, NULL);
    if (r->timer == NULL) {
        fail(r);
        return;
    }
    http->stats.retries++;
    r->state = SL_HTTP_RESTING;
    sl_http_link(&http->resting, r, false);
}

/* Hands the transfer over to curl. */
static bool attach(sl_http_request *r)
{
    CURLMcode rc = curl_multi_add_handle(r->http->multi, r->x.easy);
    if (rc == CURLM_OK)
        return true;
    sl_fail(&r->x.err, rc == CURLM_OUT_OF_MEMORY ? SL_ENOMEM : SL_EIO,
            SL_ERR_NO_PLACE, "libcurl: %s", curl_multi_strerror(rc));
    r->x.verdict = SL_HTTP_FAILED;
    return false;
}

static void conclude(sl_http_request *r, sl_verdict verdict)
{
    tell(r, verdict == SL_HTTP_DONE ? "here" : r->x.err.msg);
    deactivate(r);
    if (verdict == SL_HTTP_RETRY && r->reads.first != NULL) {
        retry(r);
    } else if (verdict == SL_HTTP_DONE || r->reads.first == NULL) {
        r->state = SL_HTTP_OVER;
        sl_http_finish(r, true);
    } else {
        fail(r);
    }
}

/* The transfer is over, one way or another. */
static void end_transfer(sl_http_request *r, CURLcode code)
{
    curl_multi_remove_handle(r->http->multi, r->x.easy);
    sl_verdict verdict = sl_exchange_end(&r->x, code);
    if (r->x.http2)
        r->object->origin->http2 = true;
    if (verdict == SL_HTTP_REDIRECT) {
        if (sl_exchange_follow(&r->x, r) && attach(r))
            return;
        verdict = sl_exchange_end(&r->x, CURLE_OK);
    }
    conclude(r, verdict);
}

/* The range that is still missing. */
static void set_range(sl_http_request *r)
{
    const sl_http_read *first = r->reads.first;
    sl_exchange *x = &r->x;
    x->to = 0;
    for (const sl_http_read *read = first; read != NULL; read = read->next)
        if (read->at + read->len > x->to)
            x->to = read->at + read->len;
    x->from = first->at;
    if (r->pos > x->from && r->pos < x->to)
        x->from = r->pos;
    x->probe = x->to == x->from; /* only the size is wanted */
    x->to += x->probe;
}

static void start(sl_http_request *r)
{
    sl_http *http = r->http;
    sl_http_origin *origin = r->object->origin;
    sl_exchange *x = &r->x;
    sl_http_unlink(r);
    r->state = SL_HTTP_ACTIVE;
    sl_http_link(&http->active, r, false);
    x->config = &http->config;
    x->stats = &http->stats;
    x->id = &r->object->id;
    x->sockets = &http->sockets;
    x->url = r->object->url;
    x->body = sl_http_spread;
    x->deadline_moved = on_deadline_moved;
    if (http->config.total_ms != 0 && r->last_ns == 0)
        r->last_ns =
            sl_loop_now_ns() + (uint64_t)http->config.total_ms * 1000000;
    x->last_ns = r->last_ns;
    set_range(r);
    origin->active++;
    r->counted = !origin->http2;
    http->connections += r->counted;
    r->reserved = x->to - x->from;
    http->reserved += r->reserved;
    origin->reserved += r->reserved;
    r->attempts++;
    r->trace_id = sl_trace_id(http->tracer);
    r->begun_ns = sl_trace_begin(http->tracer);
    if (!sl_exchange_start(x, r) || !attach(r))
        conclude(r, sl_exchange_end(x, CURLE_OK));
}

/* --- Which goes next
 * -------------------------------------------------------------- */

void sl_http_enqueue(sl_http_request *r, bool in_front)
{
    r->state = SL_HTTP_QUEUED;
    sl_http_link(&r->object->origin->queue[r->background], r, in_front);
}

/* One request may always be under way, however long it is. */
static bool fits(uint64_t reserved, uint64_t len, uint64_t limit)
{
    return reserved == 0 || (reserved <= limit && len <= limit - reserved);
}

/* Background requests leave a place for one that somebody waits for, and one
 * origin, which may be stalling, leaves half of the bytes to others. */
static bool may_start(const sl_http *http, const sl_http_origin *origin,
                      const sl_http_request *r)
{
    const sl_http_config *c = &http->config;
    uint32_t places = origin->http2 ? STREAMS_MAX : c->per_origin;
    uint32_t total = c->connections;
    if (r->background && places > 1)
        places--;
    if (r->background && total > 1)
        total--;
    uint64_t len = r->to - r->reads.first->at;
    return origin->active < places &&
           (origin->http2 || http->connections < total) &&
           fits(http->reserved, len, c->in_flight) &&
           fits(origin->reserved, len, c->in_flight - c->in_flight / 2);
}

static void start_ready(sl_http *http)
{
    for (int background = 0; background < 2; background++)
        for (sl_http_origin *o = http->origins; o != NULL; o = o->next)
            while (o->queue[background].first != NULL &&
                   may_start(http, o, o->queue[background].first))
                start(o->queue[background].first);
}

/* What could not be watched would never end. */
static void fail_starved(sl_http *http)
{
    http->starved = false;
    sl_http_request *next = NULL;
    for (sl_http_request *r = http->active.first; r != NULL; r = next) {
        next = r->next;
        sl_fail(&r->x.err, SL_ENOMEM, SL_ERR_NO_PLACE, "out of memory");
        r->x.verdict = SL_HTTP_FAILED;
        end_transfer(r, CURLE_OUT_OF_MEMORY);
    }
}

void sl_http_pump(sl_http *http)
{
    start_ready(http);
    while (http->starved) {
        fail_starved(http);
        start_ready(http);
    }
}

void sl_http_withdraw(sl_http_request *r)
{
    if (r->state == SL_HTTP_ACTIVE) {
        tell(r, "abandoned");
        curl_multi_remove_handle(r->http->multi, r->x.easy);
        deactivate(r);
    } else {
        sl_timer_cancel(r->timer);
        r->timer = NULL;
        sl_http_unlink(r);
    }
    r->state = SL_HTTP_OVER;
    sl_exchange_deinit(&r->x);
}

static void after_action(sl_http *http)
{
    int left = 0;
    for (CURLMsg *m; (m = curl_multi_info_read(http->multi, &left)) != NULL;) {
        sl_http_request *r = NULL;
        CURLcode code = m->data.result;
        if (m->msg != CURLMSG_DONE)
            continue;
        curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, &r);
        end_transfer(r, code);
    }
    sl_http_pump(http);
}

/* --- All of it
 * -------------------------------------------------------------------- */

static bool set_up_multi(sl_http *http)
{
    CURLM *m = http->multi;
    const sl_http_config *c = &http->config;
    return curl_multi_setopt(m, CURLMOPT_SOCKETFUNCTION, on_curl_socket) ==
               CURLM_OK &&
           curl_multi_setopt(m, CURLMOPT_SOCKETDATA, http) == CURLM_OK &&
           curl_multi_setopt(m, CURLMOPT_TIMERFUNCTION, on_curl_timer) ==
               CURLM_OK &&
           curl_multi_setopt(m, CURLMOPT_TIMERDATA, http) == CURLM_OK &&
           curl_multi_setopt(m, CURLMOPT_MAX_HOST_CONNECTIONS,
                             (long)c->per_origin) == CURLM_OK &&
           curl_multi_setopt(m, CURLMOPT_MAX_TOTAL_CONNECTIONS,
                             (long)c->connections) == CURLM_OK &&
           curl_multi_setopt(m, CURLMOPT_MAXCONNECTS, (long)c->connections) ==
               CURLM_OK;
}

sl_http *sl_http_new(sl_loop *loop, const sl_http_config *config, sl_err *err)
{
    if (!sl_curl_ready(err))
        return NULL;
    sl_http *http = sl_calloc(1, sizeof *http);
    if (http == NULL) {
        sl_fail(err, SL_ENOMEM, SL_ERR_NO_PLACE, "out of memory");
        return NULL;
    }
    http->loop = loop;
    http->deliver.fn = sl_http_deliver;
    bool ok = sl_http_config_copy(&http->config, config);
    http->config.per_origin += http->config.per_origin == 0;
    http->config.connections += http->config.connections == 0;
    http->multi = curl_multi_init();
    if (ok && http->multi != NULL && set_up_multi(http))
        return http;
    sl_fail(err, SL_ENOMEM, SL_ERR_NO_PLACE, "out of memory");
    sl_http_free(http);
    return NULL;
}

static void abandon(sl_http_requests *list)
{
    while (list->first != NULL) {
        sl_http_request *r = list->first;
        sl_http_forget(&r->reads);
        sl_http_withdraw(r);
        if (r->undelivered == 0)
            sl_http_request_free(r);
    }
}

void sl_http_free(sl_http *http)
{
    if (http == NULL)
        return;
    if (http->gone != NULL)
        *http->gone = true;
    abandon(&http->active);
    abandon(&http->resting);
    while (http->objects != NULL) {
        sl_http_object *object = http->objects;
        abandon(&object->fresh);
        abandon(&object->origin->queue[0]);
        abandon(&object->origin->queue[1]);
        sl_http_object_detach(object);
    }
    while (http->finished.first != NULL)
        sl_http_read_cancel(http->finished.first);
    sl_loop_unpost(http->loop, &http->deliver);
    if (http->multi != NULL) {
        curl_multi_setopt(http->multi, CURLMOPT_SOCKETFUNCTION, NULL);
        curl_multi_setopt(http->multi, CURLMOPT_TIMERFUNCTION, NULL);
    }
    while (http->watched != NULL)
        drop_socket(http->watched);
    sl_timer_cancel(http->timer);
    curl_multi_cleanup(http->multi);
    sl_vec_deinit(&http->sockets);
    sl_http_config_deinit(&http->config);
    sl_free(http);
}

static uint64_t pending_of(const sl_http_requests *list)
{
    uint64_t sum = 0;
    for (const sl_http_request *r = list->first; r != NULL; r = r->next) {
        uint64_t from = r->state == SL_HTTP_ACTIVE      ? r->x.at
                        : r->reads.first == NULL        ? r->to
                        : r->pos > r->reads.first->at   ? r->pos
                                                        : r->reads.first->at;
        uint64_t to = r->state == SL_HTTP_ACTIVE ? r->x.to : r->to;
        sum += to > from ? to - from : 0;
    }
    return sum;
}

uint64_t sl_http_pending(const sl_http *http)
{
    uint64_t sum = pending_of(&http->active) + pending_of(&http->resting);
    for (const sl_http_object *o = http->objects; o != NULL; o = o->next)
        sum += pending_of(&o->fresh);
    for (const sl_http_origin *o = http->origins; o != NULL; o = o->next)
        sum += pending_of(&o->queue[0]) + pending_of(&o->queue[1]);
    return sum;
}

void sl_http_trace(sl_http *http, sl_tracer *tracer)
{
    http->tracer = tracer;
}

const sl_http_stats *sl_http_stats_of(const sl_http *http)
{
    return &http->stats;
}
