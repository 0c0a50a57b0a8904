/* One range, asked for and checked: what both ways of reading share. RFC 9110,
 * section 14 (ranges), 13.1.5 (If-Range), 15.4 (redirects). */
#include "net/http_int.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/alloc.h"

/* Of an answer that is of no use, read so that its connection can be used
 * again. */
#define JUNK_MAX     ((uint64_t)16 << 10)
#define PROGRESS     ((uint64_t)256 << 10)
#define DELAY_MAX_MS ((uint64_t)10000)

/* --- Set-up
 * ----------------------------------------------------------------------- */

sl_http_config sl_http_config_default(void)
{
    return (sl_http_config){.connect_ms = 10000,
                            .first_byte_ms = 30000,
                            .min_rate = 1024,
                            .rate_window_ms = 30000,
                            .retries = 3,
                            .retry_delay_ms = 200,
                            .retry_after_max_ms = 30000,
                            .redirects = 5,
                            .per_origin = 6,
                            .connections = 64,
                            .in_flight = (uint64_t)64 << 20};
}

static bool copy_text(const char **text)
{
    if (*text == NULL)
        return true;
    *text = sl_strndup(*text, strlen(*text));
    return *text != NULL;
}

bool sl_http_config_copy(sl_http_config *to, const sl_http_config *from)
{
    *to = from != NULL ? *from : sl_http_config_default();
    bool a = copy_text(&to->ca_file);
    bool b = copy_text(&to->authorization);
    bool c = copy_text(&to->authorization_origin);
    return a && b && c;
}

void sl_http_config_deinit(sl_http_config *config)
{
    sl_free((char *)config->ca_file);
    sl_free((char *)config->authorization);
    sl_free((char *)config->authorization_origin);
}

void sl_identity_deinit(sl_identity *id)
{
    sl_free(id->validator);
    sl_free(id->place);
    id->validator = id->place = NULL;
}

/* --- Deadlines
 * -------------------------------------------------------------------- */

static uint64_t ns_of(uint64_t ms)
{
    return ms * 1000000;
}

static void set_deadline(sl_exchange *x, uint64_t at_ns)
{
    if (x->last_ns != 0 && at_ns > x->last_ns)
        at_ns = x->last_ns;
    x->deadline_ns = at_ns;
    if (x->deadline_moved != NULL)
        x->deadline_moved(x);
}

static void start_window(sl_exchange *x)
{
    x->window_ns = sl_loop_now_ns();
    x->window_bytes = 0;
    set_deadline(x, x->window_ns + ns_of(x->config->rate_window_ms));
}

/* Something has come: no matter what it is. */
static void note_bytes(sl_exchange *x, size_t n)
{
    if (!x->answered) {
        x->answered = true;
        start_window(x);
    }
    x->window_bytes += n;
}

void sl_exchange_fail(sl_exchange *x, sl_verdict verdict, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    sl_vfail(&x->err, SL_EIO, x->at, fmt, args);
    va_end(args);
    x->verdict = verdict;
}

static sl_verdict conclude(sl_exchange *x, sl_verdict verdict)
{
    x->verdict = verdict;
    return verdict;
}

bool sl_exchange_late(sl_exchange *x, uint64_t now_ns)
{
    const sl_http_config *c = x->config;
    if (now_ns < x->deadline_ns)
        return false;
    if (x->last_ns != 0 && now_ns >= x->last_ns) {
        sl_fail(&x->err, SL_EIO, x->at, "not finished within %u ms",
                c->total_ms);
        conclude(x, SL_HTTP_FAILED);
        return true;
    }
    if (x->answered &&
        x->window_bytes >= (uint64_t)c->min_rate * c->rate_window_ms / 1000) {
        start_window(x);
        return false;
    }
    if (x->verdict != SL_HTTP_PENDING)
        return true; /* it was of no use anyway */
    if (x->answered)
        sl_fail(&x->err, SL_EIO, x->at, "slower than %u bytes/s over %u ms",
                c->min_rate, c->rate_window_ms);
    else
        sl_fail(&x->err, SL_EIO, x->at, "no answer within %u ms",
                x->sent ? c->first_byte_ms : c->connect_ms);
    conclude(x, SL_HTTP_RETRY);
    return true;
}

uint64_t sl_exchange_delay_ns(const sl_exchange *x, uint32_t n)
{
    const sl_http_config *c = x->config;
    uint64_t ms = c->retry_delay_ms;
    for (uint32_t i = 1; i < n && ms < DELAY_MAX_MS; i++)
        ms *= 2;
    if (ms > DELAY_MAX_MS)
        ms = DELAY_MAX_MS;
    ms += ms != 0 ? sl_loop_now_ns() / 1000 % (ms / 4 + 1) : 0; /* no herds */
    uint64_t asked = x->retry_after_ms;
    if (asked > c->retry_after_max_ms)
        asked = c->retry_after_max_ms;
    return ns_of(ms > asked ? ms : asked);
}

bool sl_exchange_progressed(const sl_exchange *x)
{
    return x->at < x->to && x->at - x->from >= PROGRESS;
}

/* --- curl's callbacks
 * ------------------------------------------------------------- */

static size_t on_header(char *line, size_t size, size_t n, void *arg)
{
    sl_exchange *x = arg;
    bool was_complete = x->answer.complete;
    n *= size;
    note_bytes(x, n);
    if (!sl_answer_line(&x->answer, line, n, &x->err)) {
        conclude(x, SL_HTTP_FAILED);
        return 0;
    }
    if (x->answer.complete && !was_complete)
        sl_exchange_judge(x);
    /* Where a bad answer ends is not known either: no more of this connection.
     * One with another status may be read to its end. */
    bool bad = x->verdict == SL_HTTP_FAILED &&
               (x->answer.status == 200 || x->answer.status == 206);
    return bad ? 0 : n;
}

static size_t on_body(char *bytes, size_t size, size_t n, void *arg)
{
    sl_exchange *x = arg;
    n *= size;
    note_bytes(x, n);
    x->stats->bytes += n;
    if (x->verdict != SL_HTTP_PENDING || !x->answer.complete) {
        x->junk_bytes += n;
        return x->junk_bytes > JUNK_MAX ? 0 : n;
    }
    uint64_t room = x->end - x->at;
    size_t take = n < room ? n : (size_t)room;
    if (take < n && (x->answer.status == 206 || x->end == x->id->size)) {
        sl_exchange_fail(x, SL_HTTP_FAILED,
                         "the body is longer than %llu bytes",
                         (unsigned long long)(x->end - x->from));
        return 0;
    }
    uint64_t at = x->at;
    x->at += take;
    bool wanted = x->body(x, at, (const uint8_t *)bytes, take);
    x->cut = take < n || (!wanted && x->at < x->end);
    return x->cut ? 0 : n;
}

/* Our socket with that port on this side, or NULL. curl does not tell which
 * one a transfer uses before it is over. */
static sl_socket *find_socket(const sl_sockets *sockets, long local_port)
{
    for (size_t i = 0; i < sockets->n; i++) {
        union {
            struct sockaddr any;
            struct sockaddr_in v4;
            struct sockaddr_in6 v6;
        } a = {0};
        socklen_t size = sizeof a;
        if (getsockname(sockets->v[i].fd, &a.any, &size) != 0)
            continue;
        in_port_t port =
            a.any.sa_family == AF_INET6 ? a.v6.sin6_port : a.v4.sin_port;
        if (ntohs(port) == local_port)
            return &sockets->v[i];
    }
    return NULL;
}

/* A connection that is used again must be silent: what waits there, or in what
 * TLS has read already, behind the end of the answer before, would be taken for
 * our answer. HTTP/2 has frames, and a new TLS connection brings tickets. */
static bool is_unclean(const sl_exchange *x, int local_port)
{
    char byte;
    if (x->connected)
        return false;
    const sl_socket *s = find_socket(x->sockets, local_port);
    return s != NULL && s->http1 &&
           (recv(s->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) >= 0 ||
            sl_curl_has_unread(x->easy));
}

static int on_sent(void *arg, char *ip, char *local_ip, int port,
                   int local_port)
{
    sl_exchange *x = arg;
    (void)ip, (void)local_ip, (void)port;
    if (is_unclean(x, local_port)) {
        x->unclean = true;
        return CURL_PREREQFUNC_ABORT;
    }
    x->sent = true;
    set_deadline(x, sl_loop_now_ns() + ns_of(x->config->first_byte_ms));
    return CURL_PREREQFUNC_OK;
}

static curl_socket_t on_socket(void *arg, curlsocktype purpose,
                               struct curl_sockaddr *to)
{
    sl_exchange *x = arg;
    (void)purpose;
    if (!x->config->allow_private && !x->proxied &&
        !sl_address_public(&to->addr)) {
        x->refused = true;
        sl_address_print(&to->addr, x->refused_address,
                         sizeof x->refused_address);
        return CURL_SOCKET_BAD;
    }
    x->connected = true;
    int fd = socket(to->family, to->socktype | SOCK_CLOEXEC, to->protocol);
    if (fd >= 0 && !sl_vec_push(x->sockets, (sl_socket){fd, false})) {
        sl_fail(&x->err, SL_ENOMEM, SL_ERR_NO_PLACE, "out of memory");
        close(fd);
        fd = CURL_SOCKET_BAD;
    }
    return fd;
}

static int on_socket_close(void *arg, curl_socket_t fd)
{
    sl_sockets *sockets = arg;
    for (size_t i = 0; i < sockets->n; i++)
        if (sockets->v[i].fd == fd)
            sockets->v[i] = sl_vec_pop(sockets);
    return close(fd);
}

/* --- Starting
 * --------------------------------------------------------------------- */

static bool add_header(sl_exchange *x, const char *name, const char *value)
{
    size_t size = strlen(name) + strlen(value) + 3;
    char *line = sl_malloc(size);
    if (line == NULL)
        return false;
    snprintf(line, size, "%s: %s", name, value);
    struct curl_slist *more = curl_slist_append(x->headers, line);
    sl_free(line);
    if (more != NULL)
        x->headers = more;
    return more != NULL;
}

static bool add_headers(sl_exchange *x)
{
    const char *validator = x->id->validator;
    const char *authorization = x->config->authorization;
    char range[64];
    snprintf(range, sizeof range, "bytes=%llu-%llu", (unsigned long long)x->at,
             (unsigned long long)x->to - 1);
    return add_header(x, "Range", range) &&
           add_header(x, "Accept-Encoding", "identity") &&
           (validator == NULL || strncmp(validator, "W/", 2) == 0 ||
            add_header(x, "If-Range", validator)) &&
           (!x->trusted || add_header(x, "Authorization", authorization));
}

/* The options that matter for safety may not fail: a libcurl without one of
 * them is refused. */
static CURLcode set_options(sl_exchange *x, void *private)
{
    CURL *e = x->easy;
    const char *proxy = sl_url_proxy(x->hop);
    CURLcode rc = CURLE_OK;
    x->proxied = proxy[0] != '\0';
#define SET(option, value)                                                     \
    (rc = rc != CURLE_OK ? rc : curl_easy_setopt(e, CURLOPT_##option, value))
    SET(URL, x->hop);
    SET(PROTOCOLS_STR, sl_url_is_https(x->hop) ? "https" : "http");
    SET(DISALLOW_USERNAME_IN_URL, 1L);
    SET(FOLLOWLOCATION, 0L);
    SET(HTTP09_ALLOWED, 0L);
    SET(HTTP_CONTENT_DECODING, 0L);
    SET(SUPPRESS_CONNECT_HEADERS, 1L);
    SET(PROXY, proxy);
    SET(NOPROXY, "");
    SET(SSL_VERIFYPEER, 1L);
    SET(SSL_VERIFYHOST, 2L);
    SET(SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    if (x->config->ca_file != NULL)
        SET(CAINFO, x->config->ca_file);
    SET(OPENSOCKETFUNCTION, on_socket);
    SET(OPENSOCKETDATA, x);
    SET(CLOSESOCKETFUNCTION, on_socket_close);
    SET(CLOSESOCKETDATA, x->sockets);
    SET(PREREQFUNCTION, on_sent);
    SET(PREREQDATA, x);
    SET(HEADERFUNCTION, on_header);
    SET(HEADERDATA, x);
    SET(WRITEFUNCTION, on_body);
    SET(WRITEDATA, x);
    SET(HTTPHEADER, x->headers);
    SET(USERAGENT, "sluice");
    SET(ERRORBUFFER, x->curl_error);
    SET(PRIVATE, private);
    SET(CONNECTTIMEOUT_MS, (long)x->config->connect_ms);
    SET(BUFFERSIZE, 65536L);
    SET(NOSIGNAL, 1L);
    SET(QUICK_EXIT, 1L); /* never waits for a name server */
    SET(FRESH_CONNECT, x->unclean ? 1L : 0L);
    SET(PIPEWAIT, sl_url_is_https(x->hop) ? 1L : 0L);
#undef SET
    return rc;
}

static bool start_hop(sl_exchange *x, void *private)
{
    sl_answer_reset(&x->answer);
    x->err = (sl_err){0};
    x->verdict = SL_HTTP_PENDING;
    x->sent = x->answered = x->refused = x->cut = x->connected = false;
    x->junk_bytes = 0;
    x->retry_after_ms = 0;
    x->curl_error[0] = '\0';
    x->easy = curl_easy_init();
    if (x->hop == NULL || x->easy == NULL || !add_headers(x)) {
        sl_fail(&x->err, SL_ENOMEM, SL_ERR_NO_PLACE, "out of memory");
        conclude(x, SL_HTTP_FAILED);
        return false;
    }
    CURLcode rc = set_options(x, private);
    if (rc != CURLE_OK) {
        sl_exchange_fail(x, SL_HTTP_FAILED, "libcurl: %s",
                         curl_easy_strerror(rc));
        return false;
    }
    x->stats->requests++;
    set_deadline(x, sl_loop_now_ns() + ns_of(x->config->connect_ms) +
                        ns_of(x->config->first_byte_ms));
    return true;
}

/* From the resource's own URL. */
static void begin_at_url(sl_exchange *x)
{
    const char *trusted = x->config->authorization_origin;
    sl_free(x->hop);
    x->hop = sl_strndup(x->url, strlen(x->url));
    x->n_redirects = 0;
    x->shortcut = x->unclean = false;
    x->trusted = x->config->authorization != NULL && trusted != NULL &&
                 sl_url_same_origin(x->url, trusted);
}

/* From where redirects led before, so that they are not followed for every
 * range again. */
static void begin_at_place(sl_exchange *x)
{
    sl_free(x->hop);
    x->hop = sl_strndup(x->id->place, strlen(x->id->place));
    x->n_redirects = 0;
    x->shortcut = true;
    x->unclean = false;
    x->trusted = x->id->place_trusted;
}

bool sl_exchange_start(sl_exchange *x, void *private)
{
    x->at = x->from;
    if (x->id->place != NULL)
        begin_at_place(x);
    else
        begin_at_url(x);
    return start_hop(x, private);
}

bool sl_exchange_follow(sl_exchange *x, void *private)
{
    return start_hop(x, private);
}

/* --- Ending
 * ----------------------------------------------------------------------- */

static void close_easy(sl_exchange *x)
{
    curl_easy_cleanup(x->easy);
    curl_slist_free_all(x->headers);
    x->easy = NULL;
    x->headers = NULL;
}

void sl_exchange_deinit(sl_exchange *x)
{
    close_easy(x);
    sl_answer_reset(&x->answer);
    sl_free(x->hop);
    x->hop = NULL;
}

static sl_verdict redirect(sl_exchange *x)
{
    const sl_http_config *c = x->config;
    sl_err why = {0};
    x->unclean = false;
    if (x->n_redirects++ >= c->redirects) {
        sl_exchange_fail(x, SL_HTTP_FAILED, "more than %u redirects",
                         c->redirects);
        return x->verdict;
    }
    char *next =
        sl_url_check(x->answer.location, x->hop, c->allow_private, &why);
    if (next == NULL) {
        sl_fail(&x->err, why.code == SL_ENOMEM ? SL_ENOMEM : SL_EIO, x->at,
                "redirect refused: %s", why.msg);
        return conclude(x, SL_HTTP_FAILED);
    }
    if (sl_url_is_https(x->hop) && !sl_url_is_https(next))
        sl_exchange_fail(x, SL_HTTP_FAILED,
                         "redirect refused: from https to http");
    x->trusted = x->trusted && sl_url_same_origin(x->hop, next);
    sl_free(x->hop);
    x->hop = next;
    return x->verdict;
}

/* Failures of curl that another attempt would only repeat. */
static bool hopeless(CURLcode code)
{
    switch (code) {
    case CURLE_UNSUPPORTED_PROTOCOL: /* HTTP/0.9 as well */
    case CURLE_URL_MALFORMAT:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_ISSUER_ERROR:
    case CURLE_SSL_INVALIDCERTSTATUS:
    case CURLE_SSL_PINNEDPUBKEYNOTMATCH:
    case CURLE_BAD_CONTENT_ENCODING:
    case CURLE_WEIRD_SERVER_REPLY:
    case CURLE_OUT_OF_MEMORY:
        return true;
    default:
        return false;
    }
}

static void explain_code(sl_exchange *x, CURLcode code)
{
    const char *detail =
        x->curl_error[0] != '\0' ? x->curl_error : curl_easy_strerror(code);
    sl_verdict verdict = hopeless(code) ? SL_HTTP_FAILED : SL_HTTP_RETRY;
    if (x->refused && code == CURLE_COULDNT_CONNECT)
        sl_exchange_fail(x, SL_HTTP_FAILED, "%s is not a public address",
                         x->refused_address);
    else if (code == CURLE_PEER_FAILED_VERIFICATION)
        sl_exchange_fail(x, verdict, "certificate verify failed: %.100s",
                         detail);
    else if (code == CURLE_OUT_OF_MEMORY && !x->answer.complete && x->answered)
        sl_exchange_fail(x, verdict,
                         "bad answer: a header line of more than %zu KiB",
                         SL_HTTP_HEADER_MAX >> 10);
    else
        sl_exchange_fail(x, verdict, "%.120s", detail);
}

static void conclude_code(sl_exchange *x, CURLcode code)
{
    if (x->cut)
        conclude(x, SL_HTTP_DONE);
    else if (code != CURLE_OK)
        explain_code(x, code);
    else if (!x->answer.complete)
        sl_exchange_fail(x, SL_HTTP_RETRY,
                         "the answer ends inside of its header");
    else if (x->at < x->end)
        sl_exchange_fail(x, SL_HTTP_RETRY, "the body ends at byte %llu",
                         (unsigned long long)x->at);
    else
        conclude(x, SL_HTTP_DONE);
}

/* How the connection speaks, once it has spoken. */
static void note_version(sl_exchange *x)
{
    long version = 0, port = 0;
    if (x->easy == NULL || !x->answered ||
        curl_easy_getinfo(x->easy, CURLINFO_HTTP_VERSION, &version) !=
            CURLE_OK ||
        curl_easy_getinfo(x->easy, CURLINFO_LOCAL_PORT, &port) != CURLE_OK)
        return;
    sl_socket *s = find_socket(x->sockets, port);
    x->http2 = version == CURL_HTTP_VERSION_2_0;
    if (s != NULL)
        s->http1 = version == CURL_HTTP_VERSION_1_0 ||
                   version == CURL_HTTP_VERSION_1_1;
}

/* A place that served once may not do so for ever. */
static void forget_place(sl_exchange *x)
{
    uint32_t status = x->answer.complete ? x->answer.status : 0;
    sl_free(x->id->place);
    x->id->place = NULL;
    if (x->verdict != SL_HTTP_FAILED || status < 400 || status > 499)
        return;
    begin_at_url(x);
    conclude(x, SL_HTTP_REDIRECT);
}

static void keep_place(sl_exchange *x)
{
    if (x->n_redirects == 0)
        return;
    sl_free(x->id->place);
    x->id->place = x->hop;
    x->id->place_trusted = x->trusted;
    x->hop = NULL;
}

sl_verdict sl_exchange_end(sl_exchange *x, CURLcode code)
{
    note_version(x);
    if (x->verdict == SL_HTTP_PENDING && x->unclean && !x->sent) {
        x->stats->requests--; /* again, over a new connection */
        conclude(x, SL_HTTP_REDIRECT);
    } else {
        if (x->verdict == SL_HTTP_PENDING)
            conclude_code(x, code);
        if (x->verdict == SL_HTTP_REDIRECT)
            redirect(x);
    }
    if (x->verdict == SL_HTTP_DONE)
        keep_place(x);
    else if (x->verdict != SL_HTTP_REDIRECT && x->shortcut)
        forget_place(x);
    close_easy(x);
    return x->verdict;
}

/* The URL without what may be secret in it, short enough for a message. */
static void shorten(const char *url, char *to, size_t size)
{
    size_t n = strcspn(url, "?");
    const char *query = url[n] != '\0' ? "?..." : "";
    if (n <= 100)
        snprintf(to, size, "%.*s%s", (int)n, url, query);
    else
        snprintf(to, size, "%.60s...%.*s%s", url, 37, url + n - 37, query);
}

void sl_exchange_explain(const sl_exchange *x, uint32_t attempts, uint64_t from,
                         uint64_t to, sl_err *err)
{
    char url[128], tries[32] = "";
    shorten(x->url, url, sizeof url);
    if (attempts > 1)
        snprintf(tries, sizeof tries, " (%u attempts)", attempts);
    *err = (sl_err){0};
    sl_fail(err, x->err.code, x->err.at, "%.140s%s, bytes %llu-%llu of %s",
            x->err.msg, tries, (unsigned long long)from,
            (unsigned long long)(to > from ? to - 1 : from), url);
    for (char *c = err->msg; *c != '\0'; c++) /* some of it came from there */
        if (*c < ' ' || *c > '~')
            *c = '?';
}
