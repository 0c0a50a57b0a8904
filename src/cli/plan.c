#include "cli/plan.h"

#include <inttypes.h>
#include <string.h>

#include "text/wave.h"

enum { DEFINED = SL_MAX_LOAD_NAMES }; /* from here on: ordinals */

static const sl_type string_type = {.kind = SL_T_STRING};

void cli_plan_deinit(cli_plan *plan)
{
    sl_vec_deinit(&plan->steps);
    sl_vec_deinit(&plan->names);
    sl_arena_deinit(&plan->arena);
}

/* The number of an import; SL_MAX_LOAD_NAMES: there are too many. */
static uint32_t number_of(cli_plan *plan, sl_name name)
{
    for (size_t i = 0; i < plan->names.n; i++)
        if (sl_name_eq(plan->names.v[i], name))
            return (uint32_t)i;
    if (plan->names.n == SL_MAX_LOAD_NAMES)
        return SL_MAX_LOAD_NAMES;
    sl_name own = sl_arena_name(&plan->arena, name);
    if (own.data == NULL || !sl_vec_push(&plan->names, own))
        return SL_MAX_LOAD_NAMES;
    return (uint32_t)plan->names.n - 1;
}

static bool segment_of(cli_plan *plan, const sluice_load *load,
                       uint32_t *segment)
{
    if (load->import.data != NULL) {
        *segment =
            number_of(plan, (sl_name){load->import.data, load->import.len});
        return *segment != SL_MAX_LOAD_NAMES;
    }
    *segment = DEFINED + load->ordinal;
    return load->ordinal < UINT32_MAX - DEFINED;
}

void cli_plan_note(cli_plan *plan, const sluice_load *load)
{
    uint32_t segment;
    if (load->len == 0 || !segment_of(plan, load, &segment))
        return;
    if (plan->steps.n != 0) {
        sl_plan_step *last = &plan->steps.v[plan->steps.n - 1];
        if (last->segment == segment &&
            last->start + last->len == load->start) {
            last->len += load->len;
            return;
        }
    }
    sl_plan_step step = {segment, load->start, load->len};
    if (plan->steps.n < SL_MAX_LOADS)
        (void)sl_vec_push(&plan->steps, step);
}

sl_load_plan cli_plan_take(cli_plan *plan)
{
    uint32_t n_names = (uint32_t)plan->names.n;
    for (size_t i = 0; i < plan->steps.n; i++)
        if (plan->steps.v[i].segment >= DEFINED)
            plan->steps.v[i].segment -= DEFINED - n_names;
    return (sl_load_plan){n_names, plan->names.v, (uint32_t)plan->steps.n,
                          plan->steps.v};
}

/* --- Writing ------------------------------------------------------------ */

static void put_segment(const cli_plan *plan, uint32_t segment, sl_buf *out)
{
    if (segment >= DEFINED) {
        sl_buf_printf(out, "%" PRIu32, segment - DEFINED);
        return;
    }
    sl_name name = plan->names.v[segment];
    sl_val val = {0};
    if (sluice_val_string(&val, name.data, name.len))
        sl_wave_print(&val, &string_type, out);
    else
        out->failed = true;
    sluice_val_deinit(&val);
}

int cli_plan_write(const cli_plan *plan, const char *path)
{
    sl_buf text;
    sl_buf_init(&text);
    sl_buf_printf(&text, "# segment start length\n");
    for (size_t i = 0; i < plan->steps.n; i++) {
        const sl_plan_step *step = &plan->steps.v[i];
        put_segment(plan, step->segment, &text);
        sl_buf_printf(&text, " %" PRIu64 " %" PRIu64 "\n", step->start,
                      step->len);
    }
    int code = CLI_INTERNAL;
    if (text.failed)
        fputs("sluice: out of memory for the plan\n", stderr);
    else
        code = cli_write_file(path, text.data, text.len);
    sl_buf_deinit(&text);
    return code;
}

/* --- Reading ------------------------------------------------------------ */

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

/* Behind the quote that ends the string which begins at `at`; NULL: none. */
static const char *end_of_string(const char *at, const char *end)
{
    for (at++; at < end && *at != '"'; at++)
        if (*at == '\\')
            at++;
    return at < end ? at + 1 : NULL;
}

/* The name of an import, in quotes. */
static bool name(cli_plan *plan, const char **at, const char *end,
                 uint32_t *segment)
{
    sl_err err = {0};
    sl_val val = {0};
    const char *stop = end_of_string(*at, end);
    if (stop == NULL || !sl_wave_parse((sl_name){*at, (size_t)(stop - *at)},
                                       &string_type, &val, &err))
        return false;
    *segment =
        number_of(plan, (sl_name){val.of.string.data, val.of.string.len});
    sluice_val_deinit(&val);
    *at = stop;
    return *segment != SL_MAX_LOAD_NAMES;
}

static bool segment(cli_plan *plan, const char **at, const char *end,
                    uint32_t *out)
{
    uint64_t ordinal;
    while (*at < end && **at == ' ')
        ++*at;
    if (*at < end && **at == '"')
        return name(plan, at, end, out);
    if (!number(at, end, UINT32_MAX - 1 - DEFINED, &ordinal))
        return false;
    *out = DEFINED + (uint32_t)ordinal;
    return true;
}

static bool parse_line(cli_plan *plan, const char *at, const char *end,
                       sl_plan_step *step)
{
    if (!segment(plan, &at, end, &step->segment) ||
        !number(&at, end, UINT64_MAX, &step->start) ||
        !number(&at, end, UINT64_MAX, &step->len))
        return false;
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
        } else if (!parse_line(plan, at, stop, &step)) {
            fprintf(stderr,
                    "%s:%u: malformed: a line of a plan is SEGMENT START "
                    "LENGTH, where\nSEGMENT is a number or the \"name\" of an "
                    "import\n",
                    path, line);
            return CLI_INVALID;
        } else if (!sl_vec_push(&plan->steps, step)) {
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
