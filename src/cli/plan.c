#include "cli/plan.h"

#include <inttypes.h>
#include <string.h>

void cli_plan_note(cli_plan *plan, const sluice_load *load)
{
    if (load->ordinal == UINT32_MAX || load->len == 0)
        return;
    if (plan->n != 0) {
        sl_plan_step *last = &plan->v[plan->n - 1];
        if (last->segment == load->ordinal &&
            last->start + last->len == load->start) {
            last->len += load->len;
            return;
        }
    }
    sl_plan_step step = {load->ordinal, load->start, load->len};
    if (plan->n < SL_MAX_LOADS)
        (void)sl_vec_push(plan, step);
}

int cli_plan_write(const cli_plan *plan, const char *path)
{
    sl_buf text;
    sl_buf_init(&text);
    sl_buf_printf(&text, "# segment start length\n");
    for (size_t i = 0; i < plan->n; i++)
        sl_buf_printf(&text, "%" PRIu32 " %" PRIu64 " %" PRIu64 "\n",
                      plan->v[i].segment, plan->v[i].start, plan->v[i].len);
    int code = CLI_INTERNAL;
    if (text.failed)
        fputs("sluice: out of memory for the plan\n", stderr);
    else
        code = cli_write_file(path, text.data, text.len);
    sl_buf_deinit(&text);
    return code;
}

/* A number; moves on behind it. */
static bool number(const char **at, const char *end, uint64_t most,
                   uint64_t *out)
{
    const char *c = *at;
    while (c < end && *c == ' ')
        c++;
    const char *first = c;
    for (*out = 0; c < end && *c >= '0' && *c <= '9'; c++) {
        uint64_t digit = (uint64_t)(*c - '0');
        if (*out > (most - digit) / 10)
            return false;
        *out = *out * 10 + digit;
    }
    *at = c;
    return c != first;
}

static bool parse_line(const char *at, const char *end, sl_plan_step *step)
{
    uint64_t segment;
    if (!number(&at, end, UINT32_MAX - 1, &segment) ||
        !number(&at, end, UINT64_MAX, &step->start) ||
        !number(&at, end, UINT64_MAX, &step->len))
        return false;
    step->segment = (uint32_t)segment;
    while (at < end && (*at == ' ' || *at == '\r'))
        at++;
    return at == end;
}

static bool is_blank(const char *at, const char *end)
{
    while (at < end && (*at == ' ' || *at == '\r'))
        at++;
    return at == end || *at == '#';
}

static int parse(cli_plan *plan, const char *path, const sl_buf *text)
{
    const char *at = (const char *)text->data, *end = at + text->len;
    for (unsigned line = 1; at < end; line++) {
        const char *stop = memchr(at, '\n', (size_t)(end - at));
        if (stop == NULL)
            stop = end;
        sl_plan_step step;
        if (is_blank(at, stop)) {
            ;
        } else if (!parse_line(at, stop, &step)) {
            fprintf(stderr,
                    "%s:%u: malformed: a line of a plan is SEGMENT START "
                    "LENGTH\n",
                    path, line);
            return CLI_INVALID;
        } else if (!sl_vec_push(plan, step)) {
            fputs("sluice: out of memory for the plan\n", stderr);
            return CLI_INTERNAL;
        }
        at = stop < end ? stop + 1 : end;
    }
    return CLI_OK;
}

int cli_plan_read(cli_plan *plan, const char *path)
{
    sl_buf text;
    sl_buf_init(&text);
    int code = cli_read_file(path, &text);
    if (code == CLI_OK)
        code = parse(plan, path, &text);
    sl_buf_deinit(&text);
    return code;
}
