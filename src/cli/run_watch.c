/* What `sluice run` looks after while a component runs: ^C, its time, progress. */
#include "cli/run.h"

#include <signal.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>
#include <uv.h>

#include "cli/observe.h"
#include "cli/progress.h"

/* --- Before there is a store ---------------------------------------------------------- */

static void say(const char *text)
{
    ssize_t ignored = write(STDERR_FILENO, text, strlen(text));
    (void)ignored;
}

/* Nothing has been written yet: what the command waits for (a server, a pipe, the
 * name of a host) may be left as it is. In a signal handler. */
static void end_at_once(int number)
{
    bool late = number == SIGALRM;
    say(late ? "sluice: deadline exceeded\n" : "sluice: interrupted\n");
    _exit(late ? CLI_TIMEOUT : CLI_INTERRUPTED);
}

static struct itimerval timer_of(uint64_t ns)
{
    uint64_t us = ns < 1000 ? 1 : ns / 1000; /* 0 is no timer */
    return (struct itimerval){
        .it_value = {(time_t)(us / 1000000), (suseconds_t)(us % 1000000)}};
}

void cli_run_begin(const cli_run_state *r)
{
    struct sigaction action = {.sa_handler = end_at_once};
    cli_catch_signals(&action);
    if (r->timeout_ns == SLUICE_NO_DEADLINE)
        return;
    sigaction(SIGALRM, &action, NULL);
    struct itimerval all = timer_of(r->timeout_ns);
    setitimer(ITIMER_REAL, &all, NULL);
}

/* What is left of the time, for those who look after it from here on. */
static void end_timer(cli_run_state *r)
{
    struct itimerval none = {0}, left;
    if (r->timeout_ns == SLUICE_NO_DEADLINE)
        return;
    setitimer(ITIMER_REAL, &none, &left);
    r->timeout_ns = (uint64_t)left.it_value.tv_sec * 1000000000 +
                    (uint64_t)left.it_value.tv_usec * 1000;
}

/* --- ^C and the time ---------------------------------------------------------------- */

/* A signal handler has no argument: the one run of this process. */
static cli_run_state *current;
static uv_async_t wake_up;

static void on_signal(int number)
{
    (void)number;
    sluice_store_interrupt(current->store);
    uv_async_send(&wake_up);
}

static void on_wake_up(uv_async_t *handle)
{
    cli_run_state *r = handle->data;
    r->interrupted = true;
    r->done = r->values.read = true;
}

/* Guest code that runs is ended by the store, with a backtrace; this is for when
 * the command itself waits, or what runs can not be asked. */
static uv_timer_t alarm_clock;

static void on_alarm(uv_timer_t *handle)
{
    cli_run_state *r = handle->data;
    r->timed_out = true;
    r->done = r->values.read = true;
}

static int start_timeout(cli_run_state *r)
{
    enum { LATER_MS = 50 };
    end_timer(r);
    if (r->timeout_ns == SLUICE_NO_DEADLINE)
        return CLI_OK;
    if (sluice_store_set_deadline(r->store, r->timeout_ns) != SLUICE_OK)
        return CLI_INTERNAL;
    uv_timer_init(sluice_store_loop(r->store), &alarm_clock);
    uv_update_time(sluice_store_loop(r->store));
    alarm_clock.data = r;
    uv_timer_start(&alarm_clock, on_alarm, r->timeout_ns / 1000000 + LATER_MS,
                   0);
    uv_unref((uv_handle_t *)&alarm_clock);
    return CLI_OK;
}

/* The first ^C ends the run in good order, the second one at once. */
static int catch_signals(cli_run_state *r)
{
    struct sigaction action = {.sa_handler = on_signal,
                               .sa_flags = (int)SA_RESETHAND};
    if (uv_async_init(sluice_store_loop(r->store), &wake_up, on_wake_up) != 0)
        return CLI_INTERNAL;
    wake_up.data = r;
    uv_unref((uv_handle_t *)&wake_up);
    current = r;
    cli_catch_signals(&action);
    return CLI_OK;
}

/* --- How far fetching is, on a terminal ------------------------------------------ */

static uv_timer_t progress_timer;
static cli_progress progress;
static bool line_begun; /* by the guest, on a terminal: leave it alone */

static void on_progress(uv_timer_t *handle)
{
    const cli_run_state *r = handle->data;
    sluice_stats s = sluice_store_stats(r->store);
    if (s.http_pending == 0)
        cli_progress_clear();
    else if (!line_begun)
        cli_progress_step(&progress, s.http_bytes,
                          s.http_bytes + s.http_pending);
}

/* The guest writes: what is shown goes before, and comes again by itself when
 * the cursor is at the begin of a line. */
static void on_output(void *arg, int fd, const uint8_t *bytes, size_t len)
{
    (void)arg;
    if (!isatty(fd))
        return;
    if (len == 0)
        cli_progress_clear();
    else
        line_begun = bytes[len - 1] != '\n';
}

static void start_progress(cli_run_state *r)
{
    enum { EACH_MS = 100 };
    cli_progress_begin(&progress, "fetching");
    if (!progress.on ||
        uv_timer_init(sluice_store_loop(r->store), &progress_timer) != 0)
        return;
    progress_timer.data = r;
    uv_timer_start(&progress_timer, on_progress, EACH_MS, EACH_MS);
    uv_unref((uv_handle_t *)&progress_timer);
    sluice_store_on_output(r->store, on_output, r);
}

void cli_run_end_progress(void)
{
    cli_progress_end(&progress);
    if (progress_timer.data != NULL)
        uv_close((uv_handle_t *)&progress_timer, NULL);
    progress_timer.data = NULL;
}

/* --- All of them ------------------------------------------------------------------- */

int cli_run_watch(cli_run_state *r)
{
    int code = catch_signals(r);
    if (code == CLI_OK)
        code = start_timeout(r);
    if (code == CLI_OK)
        start_progress(r);
    return code;
}

void cli_run_unwatch(void)
{
    if (current == NULL)
        return;
    cli_catch_signals(&(struct sigaction){.sa_handler = SIG_DFL});
    current = NULL;
    uv_close((uv_handle_t *)&wake_up, NULL);
    if (alarm_clock.data != NULL)
        uv_close((uv_handle_t *)&alarm_clock, NULL);
}
