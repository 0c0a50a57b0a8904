#include "wast/server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/map.h"
#include "base/vec.h"

enum { MAX_CONNECTIONS = 64, MAX_REQUEST = 4096 };

typedef struct resource {
    char *path; /* the map's key */
    uint8_t *bytes; /* NULL: gone */
    size_t len;
    uint64_t version;
} resource;

typedef struct connection {
    int fd;
    uint64_t used; /* the turn of its last answer */
    size_t n;
    char request[MAX_REQUEST];
} connection;

struct wast_server {
    pthread_t thread;
    pthread_mutex_t lock; /* of the resources */
    sl_map by_path;       /* to indices of `resources` */
    SL_VEC(resource) resources;
    uint64_t version, turn;
    int listening, wake[2]; /* closing wake[1] ends the thread */
    uint16_t port;
    connection *connections[MAX_CONNECTIONS]; /* the thread's */
    size_t n_connections;
};

/* --- Resources ------------------------------------------------------------- */

static resource *find(wast_server *s, sl_name path)
{
    uint64_t i;
    return sl_map_get(&s->by_path, path, &i) ? &s->resources.v[i] : NULL;
}

static resource *add(wast_server *s, sl_name path)
{
    resource new = {.path = sl_strndup(path.data, path.len)};
    if (new.path == NULL || !sl_vec_push(&s->resources, new)) {
        sl_free(new.path);
        return NULL;
    }
    if (!sl_map_put(&s->by_path, (sl_name){new.path, path.len},
                    s->resources.n - 1))
        return NULL;
    return &s->resources.v[s->resources.n - 1];
}

bool wast_server_put(wast_server *s, sl_name path, const void *bytes,
                     size_t len)
{
    uint8_t *copy = bytes != NULL ? sl_malloc(len + 1) : NULL;
    if (bytes != NULL && copy == NULL)
        return false;
    if (len != 0 && copy != NULL)
        memcpy(copy, bytes, len);
    pthread_mutex_lock(&s->lock);
    resource *r = find(s, path);
    if (r == NULL)
        r = add(s, path);
    if (r != NULL) {
        sl_free(r->bytes);
        r->bytes = copy;
        r->len = len;
        r->version = ++s->version;
    }
    pthread_mutex_unlock(&s->lock);
    if (r == NULL)
        sl_free(copy);
    return r != NULL;
}

static void print_etag(const resource *r, char out[32])
{
    snprintf(out, 32, "\"v%" PRIu64 "\"", r->version);
}

void wast_server_etag(wast_server *s, sl_name path, char out[32])
{
    out[0] = '\0';
    pthread_mutex_lock(&s->lock);
    const resource *r = find(s, path);
    if (r != NULL)
        print_etag(r, out);
    pthread_mutex_unlock(&s->lock);
}

/* --- Answers --------------------------------------------------------------- */

static bool send_all(int fd, const void *bytes, size_t len, int flags)
{
    const uint8_t *p = bytes;
    while (len != 0) {
        ssize_t n = send(fd, p, len, MSG_NOSIGNAL | flags);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        p += n;
        len -= (size_t)n;
    }
    return true;
}

/* The value of a header line, or NULL. */
static const char *header(const char *request, const char *name)
{
    size_t len = strlen(name);
    for (const char *p = strstr(request, "\r\n"); p != NULL;
         p = strstr(p, "\r\n")) {
        p += 2;
        if (strncasecmp(p, name, len) == 0 && p[len] == ':') {
            p += len + 1;
            return p + strspn(p, " ");
        }
    }
    return NULL;
}

static int hex(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

/* "GET /PATH HTTP/1.1": the path, decoded in place. */
static sl_name path_of(char *request)
{
    if (strncmp(request, "GET /", 5) != 0)
        return (sl_name){0};
    char *from = request + 5, *to = from;
    for (; *from != ' ' && *from != '\r' && *from != '\0'; from++)
        if (*from == '%' && hex(from[1]) >= 0 && hex(from[2]) >= 0) {
            *to++ = (char)(hex(from[1]) * 16 + hex(from[2]));
            from += 2;
        } else {
            *to++ = *from;
        }
    return (sl_name){request + 5, (size_t)(to - request - 5)};
}

typedef struct answer {
    char head[256];
    uint8_t *body;
    size_t len;
} answer;

/* The range that is asked for of what is there; not one: 416. */
static void answer_range(const resource *r, const char *range, answer *a)
{
    char etag[32];
    uint64_t first = 0, last = UINT64_MAX;
    print_etag(r, etag);
    bool all = range == NULL ||
               sscanf(range, "bytes=%" SCNu64 "-%" SCNu64, &first, &last) < 1;
    if (!all && (first >= r->len || first > last)) {
        snprintf(a->head, sizeof a->head,
                 "HTTP/1.1 416 Range Not Satisfiable\r\nContent-Length: 0\r\n"
                 "Content-Range: bytes */%zu\r\n\r\n",
                 r->len);
        return;
    }
    if (last >= r->len)
        last = r->len - 1; /* of nothing: wraps, and len is 0 */
    a->len = r->len != 0 ? (size_t)(last - first + 1) : 0;
    a->body = sl_malloc(a->len + 1);
    if (a->body == NULL) {
        a->len = 0;
        return;
    }
    if (a->len != 0)
        memcpy(a->body, r->bytes + first, a->len);
    int n = snprintf(a->head, sizeof a->head,
                     "HTTP/1.1 %s\r\nETag: %s\r\nContent-Length: %zu\r\n",
                     all ? "200 OK" : "206 Partial Content", etag, a->len);
    if (!all)
        n += snprintf(a->head + n, sizeof a->head - (size_t)n,
                      "Content-Range: bytes %" PRIu64 "-%" PRIu64 "/%zu\r\n",
                      first, last, r->len);
    snprintf(a->head + n, sizeof a->head - (size_t)n, "\r\n");
}

static answer make_answer(wast_server *s, char *request)
{
    answer a = {.head = "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"};
    const char *range = header(request, "Range");
    const char *condition = header(request, "If-Range");
    sl_name path = path_of(request);
    pthread_mutex_lock(&s->lock);
    const resource *r = path.data != NULL ? find(s, path) : NULL;
    if (r != NULL && r->bytes != NULL) {
        char etag[32];
        print_etag(r, etag);
        bool same = condition == NULL ||
                    strncmp(condition, etag, strlen(etag)) == 0;
        answer_range(r, same ? range : NULL, &a);
    }
    pthread_mutex_unlock(&s->lock);
    return a;
}

/* In two pieces, so that answers come in more than one. */
static bool respond(wast_server *s, connection *c)
{
    answer a = make_answer(s, c->request);
    size_t half = a.len / 2;
    bool sent =
        send_all(c->fd, a.head, strlen(a.head), half != 0 ? MSG_MORE : 0) &&
        send_all(c->fd, a.body, half, 0) &&
        send_all(c->fd, a.body + half, a.len - half, 0);
    sl_free(a.body);
    c->n = 0;
    c->used = ++s->turn;
    return sent;
}

/* --- Connections ------------------------------------------------------------ */

static void end_connection(wast_server *s, size_t i)
{
    close(s->connections[i]->fd);
    sl_free(s->connections[i]);
    s->connections[i] = s->connections[--s->n_connections];
}

/* A script has hundreds of stores that each keep a connection: the one that has
 * been idle for longest goes. */
static void make_room(wast_server *s)
{
    size_t oldest = 0;
    if (s->n_connections < MAX_CONNECTIONS)
        return;
    for (size_t i = 1; i < s->n_connections; i++)
        if (s->connections[i]->used < s->connections[oldest]->used)
            oldest = i;
    end_connection(s, oldest);
}

static void take_connection(wast_server *s)
{
    int fd = accept(s->listening, NULL, NULL);
    if (fd < 0)
        return;
    connection *c = sl_calloc(1, sizeof *c);
    if (c == NULL) {
        close(fd);
        return;
    }
    c->fd = fd;
    c->used = ++s->turn;
    make_room(s);
    s->connections[s->n_connections++] = c;
}

/* False: it is over. */
static bool serve(wast_server *s, connection *c)
{
    ssize_t n = recv(c->fd, c->request + c->n, MAX_REQUEST - 1 - c->n, 0);
    if (n <= 0)
        return n < 0 && errno == EINTR;
    c->n += (size_t)n;
    c->request[c->n] = '\0';
    if (strstr(c->request, "\r\n\r\n") != NULL)
        return respond(s, c);
    return c->n < MAX_REQUEST - 1;
}

static void *run(void *arg)
{
    wast_server *s = arg;
    for (;;) {
        struct pollfd fds[2 + MAX_CONNECTIONS] = {
            {.fd = s->wake[0], .events = POLLIN},
            {.fd = s->listening, .events = POLLIN},
        };
        size_t n = s->n_connections;
        for (size_t i = 0; i < n; i++)
            fds[2 + i] =
                (struct pollfd){.fd = s->connections[i]->fd, .events = POLLIN};
        if (poll(fds, 2 + n, -1) < 0 && errno != EINTR)
            break;
        if (fds[0].revents != 0)
            break;
        for (size_t i = n; i-- > 0;)
            if (fds[2 + i].revents != 0 && !serve(s, s->connections[i]))
                end_connection(s, i);
        if (fds[1].revents != 0)
            take_connection(s);
    }
    while (s->n_connections != 0)
        end_connection(s, 0);
    return NULL;
}

/* --- Life -------------------------------------------------------------------- */

static bool listen_locally(wast_server *s)
{
    struct sockaddr_in at = {.sin_family = AF_INET,
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    static const struct timeval patience = {.tv_sec = 5};
    socklen_t len = sizeof at;
    s->listening = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (s->listening < 0 ||
        bind(s->listening, (struct sockaddr *)&at, sizeof at) != 0 ||
        listen(s->listening, 64) != 0 ||
        getsockname(s->listening, (struct sockaddr *)&at, &len) != 0)
        return false;
    setsockopt(s->listening, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    setsockopt(s->listening, SOL_SOCKET, SO_SNDTIMEO, &patience,
               sizeof patience); /* connections inherit both */
    s->port = ntohs(at.sin_port);
    return true;
}

static void release(wast_server *s)
{
    for (size_t i = 0; i < s->resources.n; i++) {
        sl_free(s->resources.v[i].path);
        sl_free(s->resources.v[i].bytes);
    }
    sl_vec_deinit(&s->resources);
    sl_map_deinit(&s->by_path);
    pthread_mutex_destroy(&s->lock);
    for (int i = 0; i < 2; i++)
        if (s->wake[i] >= 0)
            close(s->wake[i]);
    if (s->listening >= 0)
        close(s->listening);
    sl_free(s);
}

wast_server *wast_server_start(sl_err *err)
{
    wast_server *s = sl_calloc(1, sizeof *s);
    if (s == NULL) {
        sl_fail(err, SL_ENOMEM, SL_ERR_NO_PLACE, "out of memory");
        return NULL;
    }
    s->listening = s->wake[0] = s->wake[1] = -1;
    pthread_mutex_init(&s->lock, NULL);
    if (pipe2(s->wake, O_CLOEXEC) == 0 && listen_locally(s) &&
        pthread_create(&s->thread, NULL, run, s) == 0)
        return s;
    sl_fail(err, SL_EIO, SL_ERR_NO_PLACE, "cannot serve: %s", strerror(errno));
    release(s);
    return NULL;
}

void wast_server_stop(wast_server *s)
{
    if (s == NULL)
        return;
    close(s->wake[1]);
    s->wake[1] = -1;
    pthread_join(s->thread, NULL);
    release(s);
}

uint16_t wast_server_port(const wast_server *s)
{
    return s->port;
}
