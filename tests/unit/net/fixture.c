#include "check.h"

#include "fixture.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <uv.h>

/* --- The origin
 * ------------------------------------------------------------------- */

typedef struct origin_port {
    char name[32];
    int number;
} origin_port;

static struct {
    bool ready;
    pid_t pid;
    int in; /* its standard input: it ends with it */
    char root[64];
    char ca[256];
    origin_port ports[16];
    size_t n_ports;
} origin;

uint8_t data_at(uint64_t at)
{
    uint64_t x = at * 0x9e3779b97f4a7c15u + 0x1234567;
    return (uint8_t)(x >> 40 ^ x >> 24);
}

bool is_data(const uint8_t *bytes, uint64_t at, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (bytes[i] != data_at(at + i))
            return false;
    return true;
}

static const struct {
    const char *name;
    size_t size;
} files[] = {{"data", DATA_SIZE}, {"big", BIG_SIZE}, {"empty", 0}, {"one", 1}};
#define N_FILES (sizeof files / sizeof files[0])

static void path_of(size_t i, char *path, size_t size)
{
    snprintf(path, size, "%s/%s", origin.root, files[i].name);
}

static void write_file(size_t i)
{
    char path[128];
    path_of(i, path, sizeof path);
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    for (size_t at = 0; at < files[i].size; at++)
        putc(data_at(at), f);
    fclose(f);
}

static void exec_origin(int in, int out)
{
    dup2(in, 0);
    dup2(out, 1);
    signal(SIGPIPE, SIG_DFL);
    execlp("python3", "python3", SL_ORIGIN, "--root", origin.root, "--tls",
           "--life", "120", (char *)NULL);
    _exit(127);
}

static void read_ports(int out)
{
    FILE *f = fdopen(out, "r");
    char line[300], name[32];
    int number;
    while (fgets(line, sizeof line, f) != NULL) {
        if (strcmp(line, "ready\n") == 0)
            origin.ready = true;
        else if (strncmp(line, "ca ", 3) == 0)
            sscanf(line, "ca %255s", origin.ca);
        else if (sscanf(line, "%31s %d", name, &number) == 2 &&
                 origin.n_ports < 16) {
            origin_port *p = &origin.ports[origin.n_ports++];
            memcpy(p->name, name, sizeof name);
            p->number = number;
        }
        if (origin.ready)
            break;
    }
    fclose(f);
}

int start_origin(void **state)
{
    static const char *const proxies[] = {
        "http_proxy", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"};
    int in[2], out[2];
    (void)state;
    for (size_t i = 0; i < sizeof proxies / sizeof proxies[0]; i++)
        unsetenv(proxies[i]);
    snprintf(origin.root, sizeof origin.root, "/tmp/sluice-net-XXXXXX");
    if (mkdtemp(origin.root) == NULL || pipe(in) != 0 || pipe(out) != 0)
        return -1;
    for (size_t i = 0; i < N_FILES; i++)
        write_file(i);
    origin.pid = fork();
    if (origin.pid == 0) {
        close(in[1]);
        close(out[0]);
        exec_origin(in[0], out[1]);
    }
    close(in[0]);
    close(out[1]);
    origin.in = in[1];
    read_ports(out[0]);
    return origin.pid < 0 ? -1 : 0;
}

int stop_origin(void **state)
{
    char path[128];
    (void)state;
    stop_h2();
    close(origin.in);
    waitpid(origin.pid, NULL, 0);
    for (size_t i = 0; i < N_FILES; i++) {
        path_of(i, path, sizeof path);
        unlink(path);
    }
    rmdir(origin.root);
    return 0;
}

bool origin_ready(void)
{
    return origin.ready;
}

void need_origin(void)
{
    if (origin.ready)
        return;
    print_message("skipped: python3 or openssl is missing\n");
    skip();
}

static int port_of(const char *name)
{
    for (size_t i = 0; i < origin.n_ports; i++)
        if (strcmp(origin.ports[i].name, name) == 0)
            return origin.ports[i].number;
    fail_msg("no port called %s", name);
    return 0;
}

static const char *url_last = ""; /* for messages */

const char *url_of(const char *name, const char *fmt, ...)
{
    static char ring[16][1024];
    static unsigned next;
    char *url = ring[next++ % 16];
    bool plain = strcmp(name, "http") == 0 || strcmp(name, "http-other") == 0;
    int n = snprintf(url, 1024, "%s://127.0.0.1:%d", plain ? "http" : "https",
                     port_of(name));
    va_list args;
    va_start(args, fmt);
    vsnprintf(url + n, 1024 - (size_t)n, fmt, args);
    va_end(args);
    url_last = url;
    return url;
}

/* --- HTTP/2 in front of it
 * ------------------------------------------------------------- */

static pid_t nghttpx;

/* A port that was free a moment ago. */
static int free_port(void)
{
    struct sockaddr_in a = {.sin_family = AF_INET,
                            .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof a;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    bind(fd, (struct sockaddr *)&a, sizeof a);
    getsockname(fd, (struct sockaddr *)&a, &size);
    close(fd);
    return ntohs(a.sin_port);
}

static void exec_nghttpx(int port)
{
    char front[64], back[64], key[300], cert[300];
    const char *slash = strrchr(origin.ca, '/');
    int n = (int)(slash - origin.ca);
    snprintf(front, sizeof front, "--frontend=127.0.0.1,%d", port);
    snprintf(back, sizeof back, "--backend=127.0.0.1,%d", port_of("http"));
    snprintf(key, sizeof key, "%.*s/right.key", n, origin.ca);
    snprintf(cert, sizeof cert, "%.*s/right.pem", n, origin.ca);
    if (freopen("/dev/null", "w", stderr) != NULL)
        execlp("nghttpx", "nghttpx", front, back, "--workers=1", "--no-ocsp",
               "--conf=/dev/null", "--single-process", key, cert, (char *)NULL);
    _exit(127);
}

static bool can_connect(int port)
{
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    bool ok = connect(fd, (struct sockaddr *)&to, sizeof to) == 0;
    close(fd);
    return ok;
}

bool start_h2(void)
{
    int port = free_port();
    nghttpx = fork();
    if (nghttpx == 0)
        exec_nghttpx(port);
    for (int i = 0; i < 300 && !can_connect(port); i++) {
        if (waitpid(nghttpx, NULL, WNOHANG) != 0) {
            nghttpx = 0;
            return false;
        }
        usleep(10000);
    }
    origin_port *p = &origin.ports[origin.n_ports++];
    snprintf(p->name, sizeof p->name, "h2");
    p->number = port;
    return true;
}

void stop_h2(void)
{
    if (nghttpx > 0) {
        kill(nghttpx, SIGTERM);
        waitpid(nghttpx, NULL, 0);
    }
    nghttpx = 0;
}

/* --- Its log
 * ---------------------------------------------------------------------- */

/* The body of a GET, in memory that the next call reuses. */
static char *simple_get(const char *target)
{
    static char *text;
    size_t len = 0, cap = 1 << 20;
    char request[256];
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)port_of("http")),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
    snprintf(request, sizeof request, "GET %s HTTP/1.0\r\n\r\n", target);
    assert_int_equal(send(fd, request, strlen(request), 0), strlen(request));
    shutdown(fd, SHUT_WR);
    free(text);
    text = malloc(cap);
    for (ssize_t n; (n = recv(fd, text + len, cap - 1 - len, 0)) > 0;)
        len += (size_t)n;
    close(fd);
    text[len] = '\0';
    char *body = strstr(text, "\r\n\r\n");
    assert_non_null(body);
    return body + 4;
}

const char *origin_log(void)
{
    return simple_get("/.log?clear");
}

void origin_stats(int *requests, int *connections, int *parallel)
{
    assert_int_equal(sscanf(simple_get("/.stats"),
                            "requests %d connections %d parallel %d", requests,
                            connections, parallel),
                     3);
}

int log_lines(const char *log)
{
    int n = 0;
    for (; *log != '\0'; log++)
        n += *log == '\n';
    return n;
}

const char *log_field(const char *log, int line, int n)
{
    static char ring[8][512];
    static unsigned next;
    char *field = ring[next++ % 8];
    field[0] = '\0';
    while (line-- > 0 && (log = strchr(log, '\n')) != NULL)
        log++;
    for (; log != NULL && n > 0; n--) {
        log += strcspn(log, "\t\n");
        log = *log == '\t' ? log + 1 : NULL;
    }
    if (log != NULL)
        snprintf(field, 512, "%.*s", (int)strcspn(log, "\t\n"), log);
    return field;
}

/* --- The other side
 * --------------------------------------------------------------- */

sl_loop *loop;
sl_http *http;
static int n_done;

sl_http_config test_config(void)
{
    sl_http_config c = sl_http_config_default();
    c.allow_private = true;
    c.connect_ms = 10000;
    c.first_byte_ms = 10000;
    c.rate_window_ms = 10000;
    c.retries = 2;
    c.retry_delay_ms = 2;
    c.retry_after_max_ms = 100;
    c.ca_file = origin.ready ? origin.ca : NULL;
    return c;
}

sl_http_config quick_config(void)
{
    sl_http_config c = test_config();
    c.first_byte_ms = 150;
    c.rate_window_ms = 150;
    c.min_rate = 2000;
    return c;
}

/* libuv's own timer: an sl_timer needs memory, which sweeps take away. */
static uv_timer_t tick;
static bool ticked;

static void on_tick(uv_timer_t *timer)
{
    (void)timer;
    ticked = true;
}

int open_http(void **state)
{
    (void)state;
    sl_http_config c = test_config();
    loop = sl_loop_new(NULL, NULL);
    uv_timer_init(sl_loop_uv(loop), &tick);
    http = sl_http_new(loop, &c, NULL);
    if (origin.ready)
        origin_log();
    reset_order();
    return loop == NULL || http == NULL ? -1 : 0;
}

void reopen_http(const sl_http_config *config)
{
    sl_err err = {0};
    sl_http_free(http);
    http = sl_http_new(loop, config, &err);
    assert_string_equal(err.msg, "");
    assert_non_null(http);
}

int close_http(void **state)
{
    (void)state;
    sl_http_free(http);
    http = NULL;
    uint32_t left = sl_loop_active(loop);
    uv_close((uv_handle_t *)&tick, NULL);
    sl_loop_free(loop);
    if (left != 0)
        print_error("%u things are still under way\n", left);
    return left == 0 ? 0 : -1;
}

#define GUARD 64

void reset_order(void)
{
    n_done = 0;
}

static void on_done(sl_http_read *read, const sl_err *err)
{
    fetch *f = (fetch *)read;
    f->done++;
    f->order = ++n_done;
    if (err != NULL)
        f->err = *err;
}

void fetch_init(fetch *f, uint64_t at, size_t len)
{
    *f = (fetch){.read = {.at = at, .len = len, .done = on_done}};
    f->bytes = malloc(len + 2 * GUARD);
    memset(f->bytes, 0xa5, len + 2 * GUARD);
    f->read.to = f->bytes + GUARD;
}

void fetch_start(fetch *f, sl_http_object *object)
{
    sl_err err = {0};
    assert_int_equal(sl_http_read_start(object, &f->read, &err), SL_OK);
    assert_int_equal(f->done, 0); /* never inside */
}

static void run_until_tick(uint32_t ms)
{
    ticked = false;
    uv_update_time(sl_loop_uv(loop));
    uv_timer_start(&tick, on_tick, ms, 0);
    sl_loop_run(loop, &ticked);
}

void run_for(uint32_t ms)
{
    run_until_tick(ms);
}

void run_until(const int *counter)
{
    uint64_t limit = sl_loop_now_ns() + (uint64_t)10 * 1000000000;
    while (*counter == 0 && sl_loop_now_ns() < limit)
        run_until_tick(1);
}

static bool all_done(const fetch *f, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (f[i].done == 0)
            return false;
    return true;
}

void fetch_wait(fetch *f, size_t n)
{
    uint64_t limit = sl_loop_now_ns() + (uint64_t)10 * 1000000000;
    while (!all_done(f, n)) {
        if (sl_loop_now_ns() > limit)
            fail_msg("a read does not end: %s", url_last);
        run_until_tick(1);
    }
}

void fetch_deinit(fetch *f)
{
    assert_true(f->done <= 1);
    for (size_t i = 0; i < GUARD; i++) {
        assert_int_equal(f->bytes[i], 0xa5);
        assert_int_equal(f->bytes[GUARD + f->read.len + i], 0xa5);
    }
    if (f->done == 1 && f->err.code == SL_OK)
        assert_true(is_data(f->read.to, f->read.at, f->read.len));
    free(f->bytes);
}
