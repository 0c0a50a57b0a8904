#include "cli/progress.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#define QUIET_MS 1000 /* what takes less needs no line */
#define DRAW_MS  100
#define WHAT_MAX 40
#define BAR_MAX  40

static bool shown; /* a line is on the terminal */

static uint64_t now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static bool can_draw(void)
{
    const char *term = getenv("TERM");
    return isatty(STDERR_FILENO) && term != NULL && strcmp(term, "dumb") != 0 &&
           tcgetpgrp(STDERR_FILENO) == getpgrp();
}

static int columns(void)
{
    struct winsize size;
    if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0)
        return 80;
    return size.ws_col;
}

void cli_progress_begin(cli_progress *p, const char *what)
{
    *p = (cli_progress){.what = what, .started_ms = now_ms(), .on = can_draw()};
}

/* "1.5 GiB" */
static void put_bytes(char *to, size_t room, uint64_t bytes)
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB"};
    double value = (double)bytes;
    int unit = 0;
    while (value >= 1024 && unit < 5) {
        value /= 1024;
        unit++;
    }
    snprintf(to, room, unit == 0 ? "%.0f %s" : "%.1f %s", value, units[unit]);
}

static void put_what(char to[WHAT_MAX + 1], const char *what)
{
    snprintf(to, WHAT_MAX + 1, "%s", what);
    for (char *c = to; *c != '\0'; c++)
        if ((unsigned char)*c < 0x20 || (unsigned char)*c > 0x7e)
            *c = '?';
}

/* How much is said, as there is room for it. */
typedef enum detail {
    PERCENT,   /* "  45%"; where nobody knows the total, what is done */
    AMOUNT,    /* "  1.2 GiB of 2.6 GiB" */
    RATE,      /* "  310.0 MiB/s" */
    TIME_LEFT, /* "  0:05 left" */
} detail;

static int put_figures(char *to, size_t room, uint64_t done, uint64_t total,
                       uint64_t spent_ms, detail most)
{
    char have[32], all[32], rate[32];
    uint64_t per_second =
        spent_ms != 0 ? (uint64_t)((double)done * 1000 / (double)spent_ms) : 0;
    bool known = total != 0 && done <= total;
    put_bytes(have, sizeof have, done);
    put_bytes(all, sizeof all, total);
    put_bytes(rate, sizeof rate, per_second);
    int n = known ? snprintf(to, room, "  %3d%%",
                             (int)((double)done * 100 / (double)total))
                  : snprintf(to, room, "  %s", have);
    if (known && most >= AMOUNT)
        n += snprintf(to + n, room - (size_t)n, "  %s of %s", have, all);
    if (most >= RATE && (!known || per_second != 0))
        n += snprintf(to + n, room - (size_t)n, "  %s/s", rate);
    if (!known || most < TIME_LEFT || per_second == 0)
        return n; /* nobody knows how long */
    uint64_t left = (total - done + per_second - 1) / per_second;
    return n + snprintf(to + n, room - (size_t)n, "  %" PRIu64 ":%02d left",
                        left / 60, (int)(left % 60));
}

static void draw(const cli_progress *p, uint64_t done, uint64_t total,
                 uint64_t now)
{
    char what[WHAT_MAX + 1], figures[160], bar[BAR_MAX + 4] = "";
    put_what(what, p->what);
    int all = columns() - 1, used;
    detail most = TIME_LEFT + 1;
    do
        used = put_figures(figures, sizeof figures, done, total,
                           now - p->started_ms, --most) +
               (int)strlen(what);
    while (used > all && most != PERCENT);
    int width = all - used - 4; /* of the bar, in its brackets */
    if (width > BAR_MAX)
        width = BAR_MAX;
    if (width >= 8 && total != 0 && done <= total) {
        int full = (int)((double)done * width / (double)total);
        memcpy(bar, "  [", 3);
        memset(bar + 3, '#', (size_t)full);
        memset(bar + 3 + full, '-', (size_t)(width - full));
        bar[3 + width] = '\0';
    }
    char line[WHAT_MAX + sizeof bar + sizeof figures + 2];
    snprintf(line, sizeof line, "%s%s%s%s", what, bar, *bar != '\0' ? "]" : "",
             figures);
    fprintf(stderr, "\r%.*s\x1b[K", all, line);
    fflush(stderr);
    shown = true;
}

void cli_progress_step(cli_progress *p, uint64_t done, uint64_t total)
{
    if (!p->on)
        return;
    uint64_t now = now_ms();
    if (now - p->started_ms < QUIET_MS || now - p->drawn_ms < DRAW_MS)
        return;
    p->drawn_ms = now;
    draw(p, done, total, now);
}

void cli_progress_end(cli_progress *p)
{
    p->on = false;
    cli_progress_clear();
}

void cli_progress_clear(void)
{
    if (!shown)
        return;
    shown = false;
    fputs("\r\x1b[K", stderr);
    fflush(stderr);
}
