/* The origin of tests/origin, a loop and an sl_http, for the tests of net/. */
#ifndef SL_TESTS_NET_FIXTURE_H
#define SL_TESTS_NET_FIXTURE_H

#include <stdbool.h>

#include "net/http.h"

/* Starts the origin (SL_ORIGIN) over a folder with these files; NULL-safe to
 * stop. Tests that need it begin with need_origin(), which skips them where
 * there is no Python or no openssl. */
int start_origin(void **state);
int stop_origin(void **state);
void need_origin(void);
bool origin_ready(void);

#define DATA_SIZE 300000u
#define BIG_SIZE  3000000u
/* What /data and /big hold at a place; /empty holds nothing, /one one byte. */
uint8_t data_at(uint64_t at);
bool is_data(const uint8_t *bytes, uint64_t at, size_t len);

/* "http://127.0.0.1:PORT" with what the format makes behind it; `name` is one
 * of the origin's ("http", "https-self", ...). Lives until the next but 15. */
const char *url_of(const char *name, const char *fmt, ...) SL_PRINTF(2, 3);
/* Puts nghttpx in front of the origin's "http", as its port "h2" (HTTPS with
 * HTTP/2). False: it is not installed. */
bool start_h2(void);
void stop_h2(void);

/* The origin's log since the last call, which clears it; lives until then. */
const char *origin_log(void);
/* The n-th tab-separated field of line `line` of a log; "" beyond its end. */
const char *log_field(const char *log, int line, int n);
int log_lines(const char *log);
/* "requests N connections N parallel N" since the log was last cleared. */
void origin_stats(int *requests, int *connections, int *parallel);

/* Few and short retries; patient with the origin, which may be short of time
 * to run, or (where stalling is the point) not. */
sl_http_config test_config(void);
sl_http_config quick_config(void);

extern sl_loop *loop;
extern sl_http *http;
int open_http(void **state);  /* with quick_config(); checks the counters ... */
int close_http(void **state); /* ... that nothing is left */
void reopen_http(const sl_http_config *config);

/* A read and what became of it. */
typedef struct fetch {
    sl_http_read read; /* first */
    int done;          /* times */
    int order;         /* 1 for the first of all to be done, ... */
    sl_err err;
    uint8_t *bytes; /* with guards around */
} fetch;
void fetch_init(fetch *f, uint64_t at, size_t len);
void fetch_start(fetch *f, sl_http_object *object);
/* Runs the loop until `n` fetches are done (or given up, after 10 s). */
void fetch_wait(fetch *f, size_t n);
/* Checks guards, and the bytes if they were said to be there; frees. */
void fetch_deinit(fetch *f);
void reset_order(void);
/* Runs the loop until *counter is not 0; 10 s at most. */
void run_until(const int *counter);
/* Runs the loop for a while. */
void run_for(uint32_t ms);

#endif
