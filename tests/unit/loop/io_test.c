/* Reading and writing of descriptors without blocking. */
#include "check.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "loop/io.h"

static void set_flag(void *arg)
{
    *(bool *)arg = true;
}

static int temp_file(const void *bytes, size_t len)
{
    char path[] = "/tmp/sluice-io-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    unlink(path);
    assert_int_equal(write(fd, bytes, len), len);
    return fd;
}

static void wait_io(sl_loop *loop, sl_io *io)
{
    bool ready = false;
    assert_int_equal(sl_io_wait(io, set_flag, &ready, NULL), SL_OK);
    assert_false(ready);
    assert_true(sl_loop_run(loop, &ready));
}

/* Fills a channel until it would block, drains it, and checks that the flags
 * of the shared description were never touched. */
static void round_trip(int rd, int wr, sl_io_kind kind)
{
    sl_loop *loop = sl_loop_new(NULL, NULL);
    int wr_flags = fcntl(wr, F_GETFL);
    sl_io *in = sl_io_open(loop, rd, SL_POLL_READ, -1, NULL);
    sl_io *out = sl_io_open(loop, wr, SL_POLL_WRITE, -1, NULL);
    assert_int_equal(sl_io_kind_of(in), kind);
    close(rd); /* ours are our own */
    static uint8_t chunk[65536], back[65536];
    for (size_t i = 0; i < sizeof chunk; i++)
        chunk[i] = (uint8_t)(i * 7);
    assert_int_equal(sl_io_read(in, back, sizeof back), -EAGAIN);
    uint64_t sent = 0, got = 0;
    int64_t n;
    while ((n = sl_io_write(out, chunk + sent % 65536, 65536 - sent % 65536)) >
           0)
        sent += (uint64_t)n;
    assert_int_equal(n, -EAGAIN);
    assert_true(sent > 4096);
    wait_io(loop, in);
    while ((n = sl_io_read(in, back, sizeof back)) > 0) {
        for (int64_t i = 0; i < n; i++)
            assert_int_equal(back[i], chunk[(got + (uint64_t)i) % 65536]);
        got += (uint64_t)n;
    }
    assert_int_equal(n, -EAGAIN);
    assert_int_equal(got, sent);
    wait_io(loop, out);
    assert_int_equal(fcntl(wr, F_GETFL), wr_flags);
    close(wr);
    sl_io_close(out);
    wait_io(loop, in);
    assert_int_equal(sl_io_read(in, back, sizeof back), 0);
    sl_io_close(in);
    assert_int_equal(sl_loop_active(loop), 0);
    sl_loop_free(loop);
}

static void test_io__pipes_and_sockets(void **state)
{
    (void)state;
    int fds[2];
    assert_int_equal(pipe(fds), 0);
    round_trip(fds[0], fds[1], SL_IO_PIPE);
    assert_int_equal(pipe2(fds, O_NONBLOCK), 0);
    round_trip(fds[0], fds[1], SL_IO_PIPE);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    round_trip(fds[0], fds[1], SL_IO_SOCKET);
}

/* Without SIGPIPE ignored, a closed peer must be an error, not a death. */
static void test_io__closed_peers(void **state)
{
    (void)state;
    sl_loop *loop = sl_loop_new(NULL, NULL);
    for (int sock = 0; sock < 2; sock++) {
        int fds[2];
        assert_int_equal(
            sock ? socketpair(AF_UNIX, SOCK_STREAM, 0, fds) : pipe(fds), 0);
        sl_io *out = sl_io_open(loop, fds[1], SL_POLL_WRITE, -1, NULL);
        close(fds[0]);
        assert_int_equal(sl_io_write(out, "x", 1), -EPIPE);
        wait_io(loop, out);
        assert_int_equal(sl_io_write(out, "x", 1), -EPIPE);
        if (!sock) {
            int file = temp_file("abc", 3);
            assert_int_equal(sl_io_splice(out, file, 0, 3), -EPIPE);
            close(file);
        }
        sl_io_close(out);
        /* Opened when the reader had gone already. */
        out = sl_io_open(loop, fds[1], SL_POLL_WRITE, -1, NULL);
        assert_int_equal(sl_io_write(out, "x", 1), -EPIPE);
        sl_io_close(out);
        close(fds[1]);
    }
    sl_loop_free(loop);
}

static void read_all(int fd, int64_t offset, const uint8_t *expected,
                     size_t len)
{
    sl_loop *loop = sl_loop_new(NULL, NULL);
    sl_io *in = sl_io_open(loop, fd, SL_POLL_READ, offset, NULL);
    uint8_t *back = malloc(len + 1);
    size_t got = 0;
    for (;;) {
        int64_t n = sl_io_read(in, back + got, len + 1 - got);
        if (n == 0)
            break;
        if (n == -EAGAIN) {
            wait_io(loop, in);
            continue;
        }
        assert_true(n > 0);
        got += (size_t)n;
    }
    assert_int_equal(got, len);
    assert_memory_equal(back, expected, len);
    free(back);
    sl_io_close(in);
    sl_loop_free(loop);
}

static void test_io__regular_files(void **state)
{
    (void)state;
    size_t len = 1000000;
    uint8_t *bytes = malloc(len);
    for (size_t i = 0; i < len; i++)
        bytes[i] = (uint8_t)(i >> 8 ^ i);
    int fd = temp_file(bytes, len);
    read_all(fd, 0, bytes, len);
    fsync(fd);
    posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED); /* through the pool */
    read_all(fd, 5000, bytes + 5000, len - 5000);
    lseek(fd, 10, SEEK_SET);
    posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
    read_all(fd, -1, bytes + 10, len - 10);
    assert_int_equal(lseek(fd, 0, SEEK_CUR), len);

    sl_loop *loop = sl_loop_new(NULL, NULL);
    int to = temp_file("", 0);
    sl_io *out = sl_io_open(loop, to, SL_POLL_WRITE, 0, NULL);
    assert_int_equal(sl_io_write(out, bytes, 3), 3);
    assert_int_equal(sl_io_copy(out, fd, 3, len - 3), len - 3);
    read_all(to, 0, bytes, len);
    wait_io(loop, out);
    sl_io_close(out);
    close(to);

    /* Closed while a pooled read is under way. */
    posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
    sl_io *in = sl_io_open(loop, fd, SL_POLL_READ, 0, NULL);
    bool ready = false;
    assert_int_equal(sl_io_wait(in, set_flag, &ready, NULL), SL_OK);
    sl_io_close(in);
    sl_loop_free(loop);
    assert_false(ready);
    close(fd);
    free(bytes);
}

static void test_io__devices(void **state)
{
    (void)state;
    sl_loop *loop = sl_loop_new(NULL, NULL);
    int fd = open("/dev/null", O_RDWR);
    sl_io *io = sl_io_open(loop, fd, SL_POLL_WRITE, -1, NULL);
    assert_int_equal(sl_io_kind_of(io), SL_IO_OTHER);
    assert_int_equal(sl_io_write(io, "abc", 3), 3);
    wait_io(loop, io);
    sl_io_close(io);
    io = sl_io_open(loop, fd, SL_POLL_READ, -1, NULL);
    char c;
    assert_int_equal(sl_io_read(io, &c, 1), 0);
    sl_io_close(io);
    close(fd);
    fd = open("/dev/full", O_WRONLY);
    io = sl_io_open(loop, fd, SL_POLL_WRITE, -1, NULL);
    assert_int_equal(sl_io_write(io, "abc", 3), -ENOSPC);
    sl_io_close(io);
    close(fd);
    assert_null(sl_io_open(loop, fd, SL_POLL_READ, -1, NULL));
    sl_loop_free(loop);
}

static void test_file_resident__follows_the_page_cache(void **state)
{
    (void)state;
    static uint8_t bytes[65536];
    int fd = temp_file(bytes, sizeof bytes);
    fsync(fd);
    posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
    uint8_t b[16];
    assert_false(sl_file_resident(fd, 0, sizeof bytes));
    assert_int_equal(pread(fd, b, 16, 60000), 16);
    assert_int_equal(sl_file_read_cached(fd, 60000, b, 16), 16);
    assert_int_equal(sl_file_read_cached(fd, 65536, b, 16), 0);
    close(fd);
}

const struct CMUnitTest io_tests[] = {
    cmocka_unit_test(test_io__pipes_and_sockets),
    cmocka_unit_test(test_io__closed_peers),
    cmocka_unit_test(test_io__regular_files),
    cmocka_unit_test(test_io__devices),
    cmocka_unit_test(test_file_resident__follows_the_page_cache),
};
const size_t n_io_tests = sizeof io_tests / sizeof *io_tests;
