/* Every call on sockets fails once, or from then on: right bytes or an error,
 * nothing left behind. libcurl is loaded while the program runs and finds the
 * functions of this file before those of the C library. */
#include "check.h"

#include "fixture.h"

#include <errno.h>
#include <limits.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

typedef enum call { NO_CALL, SOCKET, CONNECT, SEND, RECV } call;
static call failing; /* the calls of this kind from `from` to `to` */
static long n_calls, from, to;
static int with; /* errno */

static bool fails(call kind)
{
    if (failing != kind)
        return false;
    long n = __atomic_add_fetch(&n_calls, 1, __ATOMIC_RELAXED);
    if (n < from || n > to)
        return false;
    errno = with;
    return true;
}

#define EXPORTED __attribute__((visibility("default")))

EXPORTED int socket(int domain, int type, int protocol)
{
    return fails(SOCKET) ? -1
                         : (int)syscall(SYS_socket, domain, type, protocol);
}

EXPORTED int connect(int fd, const struct sockaddr *address, socklen_t len)
{
    return fails(CONNECT) ? -1 : (int)syscall(SYS_connect, fd, address, len);
}

EXPORTED ssize_t send(int fd, const void *bytes, size_t n, int flags)
{
    return fails(SEND) ? -1
                       : syscall(SYS_sendto, fd, bytes, n, flags, NULL, 0);
}

EXPORTED ssize_t recv(int fd, void *bytes, size_t n, int flags)
{
    return fails(RECV) ? -1
                       : syscall(SYS_recvfrom, fd, bytes, n, flags, NULL, NULL);
}

/* Two requests at once and one after them, over connections of their own. */
static sl_err read_some(const char *url, size_t *retries)
{
    static const uint64_t ats[] = {0, 200000, 100000};
    sl_http_config c = test_config();
    sl_err err = {0};
    c.retries = 1;
    reopen_http(&c);
    sl_http_object *o = sl_http_object_new(http, url, DATA_SIZE, NULL, NULL);
    fetch f[3];
    for (size_t i = 0; i < 3; i++) {
        fetch_init(&f[i], ats[i], 20000);
        fetch_start(&f[i], o);
        if (i != 0)
            fetch_wait(f, i + 1);
    }
    for (size_t i = 0; i < 3; i++) {
        if (err.code == SL_OK)
            err = f[i].err;
        fetch_deinit(&f[i]); /* which looks at the bytes */
    }
    *retries = (size_t)sl_http_stats_of(http)->retries;
    sl_http_object_close(o);
    return err;
}

/* How many of these calls there are. */
static long sweep(call kind, int error, const char *url, bool for_good)
{
    long n = 0;
    do {
        size_t retries = 0;
        from = ++n;
        to = for_good ? LONG_MAX : n;
        with = error;
        n_calls = 0;
        failing = kind;
        sl_err err = read_some(url, &retries);
        failing = NO_CALL;
        if (err.code != SL_OK && (err.code != SL_EIO || !for_good))
            fail_msg("call %ld of kind %d: %s", n, kind, err.msg);
        if (for_good && n == 1)
            assert_int_equal(err.code, SL_EIO);
    } while (n_calls >= n && n < 100);
    return n - 1;
}

static void test_calls__fail_one_after_the_other(void **state)
{
    static const struct {
        call kind;
        int error;
    } row[] = {{SOCKET, EMFILE},    {CONNECT, ECONNREFUSED},
               {CONNECT, EACCES},   {SEND, EPIPE},
               {SEND, ECONNRESET},  {RECV, ECONNRESET},
               {RECV, ETIMEDOUT}};
    (void)state;
    need_origin();
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++)
        for (int tls = 0; tls < 2; tls++)
            for (int for_good = 0; for_good < 2; for_good++) {
                const char *url = url_of(tls ? "https" : "http", "/data");
                long n = sweep(row[i].kind, row[i].error, url, for_good);
                if (n < 1 || n > 98)
                    fail_msg("%ld calls of kind %d over %s", n, row[i].kind,
                             url);
            }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_http, close_http)
const struct CMUnitTest calls_tests[] = {
    TEST(test_calls__fail_one_after_the_other),
};
const size_t n_calls_tests = sizeof calls_tests / sizeof calls_tests[0];
