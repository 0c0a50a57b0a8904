/* The commands of a script, one after the other, and the verdicts on them. */
#include "wast/wast_int.h"

#include <inttypes.h>

#include "loop/loop.h"

/* --- Verdicts ------------------------------------------------------------ */

static void write_why(wast *w, const char *fmt, va_list args)
{
    vsnprintf(w->why, sizeof w->why, fmt, args);
}

wast_outcome wast_fail(wast *w, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    write_why(w, fmt, args);
    va_end(args);
    return WAST_FAIL;
}

wast_outcome wast_skip(wast *w, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    write_why(w, fmt, args);
    va_end(args);
    return WAST_SKIP;
}

/* The suite's words and ours: one is a prefix of the other, or ours has the
 * suite's inside. */
static bool message_matches(sl_name want, const char *got)
{
    size_t len = strlen(got);
    if (len > 0 && len < want.len)
        return memcmp(want.data, got, len) == 0;
    return want.len == 0 || memmem(got, len, want.data, want.len) != NULL;
}

static const char *const want_words[] = {
    [WAST_WANT_OK] = "success",          [WAST_WANT_MALFORMED] = "malformed",
    [WAST_WANT_INVALID] = "invalid",     [WAST_WANT_UNLINKABLE] = "unlinkable",
    [WAST_WANT_TRAP] = "trap",           [WAST_WANT_EXHAUSTION] = "exhaustion",
    [WAST_WANT_EXCEPTION] = "exception",
};

static bool status_matches(wast_want want, sl_status status)
{
    switch (want) {
    case WAST_WANT_OK:
        return status == SL_OK;
    case WAST_WANT_MALFORMED:
        return status == SL_EMALFORMED;
    case WAST_WANT_INVALID:
        return status == SL_EINVALID;
    case WAST_WANT_UNLINKABLE:
        return status == SL_EUNLINKABLE;
    case WAST_WANT_TRAP:
        return status == SL_ETRAP;
    case WAST_WANT_EXHAUSTION:
        return status == SL_ETRAP || status == SL_ELIMIT;
    case WAST_WANT_EXCEPTION: /* core.c judges these itself */
        return false;
    }
    return false;
}

wast_outcome wast_judge(wast *w, wast_want want, sl_name message,
                        sl_status status, const char *got)
{
    if (status == SL_EUNSUPPORTED)
        return wast_skip(w, "%s", got);
    bool right = status_matches(want, status);
    if (right && (want == WAST_WANT_OK || message_matches(message, got)))
        return WAST_PASS;
    if (want == WAST_WANT_OK)
        return wast_fail(w, "%s: %s", sl_status_words(status), got);
    if (status == SL_OK)
        return wast_fail(w, "expected %s \"%.*s\", got success",
                         want_words[want], SL_NAME_ARGS(message));
    return wast_fail(w, "expected %s \"%.*s\", got %s \"%s\"", want_words[want],
                     SL_NAME_ARGS(message), sl_status_words(status), got);
}

/* --- Names --------------------------------------------------------------- */

bool wast_bind(wast_scope *scope, sl_name name, wast_thing thing)
{
    return sl_vec_push(&scope->things, thing) &&
           sl_map_put(&scope->map, name, scope->things.n - 1);
}

wast_thing wast_find(const wast_scope *scope, sl_name name)
{
    uint64_t index;
    if (!sl_map_get(&scope->map, name, &index))
        return (wast_thing){0};
    return scope->things.v[index];
}

static void free_scope(wast_scope *scope)
{
    sl_map_deinit(&scope->map);
    sl_vec_deinit(&scope->things);
}

/* --- Commands ------------------------------------------------------------ */

/* A parse error inside a command of the script itself. */
static wast_outcome bad_script(wast *w, const sl_cursor *c)
{
    return wast_fail(w, "bad script: %s", c->err->msg);
}

static wast_outcome run_form(wast *w, sl_cursor *c, wast_want want,
                             sl_name message)
{
    if (sl_at_form(c, "component"))
        return wast_component_form(w, c, want, message);
    return wast_core_form(w, c, want, message);
}

static bool at_form_to_run(const sl_cursor *c)
{
    return sl_at_form(c, "module") || sl_at_form(c, "component");
}

/* (invoke $instance? "name" ...) or (get ...). */
static bool read_action(wast *w, sl_cursor *c, wast_action *out)
{
    size_t start = c->pos;
    *out = (wast_action){.at = sl_peek(c)->at, .target = w->current};
    out->is_get = sl_take_form(c, "get");
    if (!out->is_get && !sl_take_form(c, "invoke"))
        return sl_unexpected(c);
    sl_name id = sl_take_id(c);
    if (id.data != NULL)
        out->target = wast_find(&w->instances, id);
    if (!sl_expect_string(c, &out->name))
        return false;
    out->args = *c;
    c->pos = start;
    sl_skip(c);
    out->rest = *c;
    return true;
}

static wast_outcome run_action(wast *w, wast_action *action, wast_want want,
                               sl_name message)
{
    switch (action->target.kind) {
    case WAST_CORE_INSTANCE:
        return wast_core_action(w, action, want, message);
    case WAST_COMPONENT_INSTANCE:
        return wast_component_action(w, action, want, message);
    case WAST_SKIPPED:
        return wast_skip(w, "action on a skipped module");
    default:
        return wast_fail(w, "no such instance");
    }
}

/* invoke or get as a command of its own. */
static wast_outcome run_bare_action(wast *w, sl_cursor *c)
{
    wast_action action;
    if (!read_action(w, c, &action))
        return bad_script(w, c);
    action.bare = true;
    return run_action(w, &action, WAST_WANT_OK, (sl_name){0});
}

/* The assertions without a message. */
static wast_outcome run_assert_action(wast *w, sl_cursor *c, wast_want want)
{
    wast_action action;
    if (!read_action(w, c, &action))
        return bad_script(w, c);
    return run_action(w, &action, want, (sl_name){0});
}

/* The assertions whose subject is followed by a message. */
static wast_outcome run_assert(wast *w, sl_cursor *c, wast_want want)
{
    sl_cursor subject = *c;
    sl_name message;
    wast_action action;
    if (at_form_to_run(c)) {
        sl_skip(c);
        if (!sl_expect_string(c, &message))
            return bad_script(w, c);
        return run_form(w, &subject, want, message);
    }
    if (!read_action(w, c, &action) || !sl_expect_string(c, &message))
        return bad_script(w, c);
    return run_action(w, &action, want, message);
}

/* (register "name" $instance?) */
static wast_outcome run_register(wast *w, sl_cursor *c)
{
    sl_name name, id;
    wast_thing thing = w->current;
    if (!sl_expect_string(c, &name))
        return bad_script(w, c);
    id = sl_take_id(c);
    if (id.data != NULL)
        thing = wast_find(&w->instances, id);
    if (thing.kind == WAST_NOTHING)
        return wast_fail(w, "no such instance");
    if (!wast_bind(&w->registered, name, thing))
        return wast_fail(w, "out of memory");
    if (thing.kind == WAST_SKIPPED)
        return wast_skip(w, "registers a skipped module");
    return WAST_PASS;
}

/* The cursor stands on the parenthesis that opens the command. */
static wast_outcome run_command(wast *w, sl_cursor *c)
{
    static const struct {
        const char *keyword;
        wast_want want;
    } asserts[] = {
        {"assert_malformed", WAST_WANT_MALFORMED},
        {"assert_invalid", WAST_WANT_INVALID},
        {"assert_unlinkable", WAST_WANT_UNLINKABLE},
        {"assert_trap", WAST_WANT_TRAP},
        {"assert_exhaustion", WAST_WANT_EXHAUSTION},
    };
    static const struct {
        const char *keyword, *reason;
    } missing[] = {
        {"assert_malformed_custom", "custom annotations"},
        {"assert_invalid_custom", "custom annotations"},
        {"thread", "threads"},
        {"wait", "threads"},
        {"script", "nested scripts"},
        {"input", "nested scripts"},
        {"output", "nested scripts"},
    };
    if (at_form_to_run(c))
        return run_form(w, c, WAST_WANT_OK, (sl_name){0});
    if (sl_at_form(c, "invoke") || sl_at_form(c, "get"))
        return run_bare_action(w, c);
    if (sl_take_form(c, "file"))
        return wast_file_form(w, c);
    if (sl_take_form(c, "register"))
        return run_register(w, c);
    if (sl_take_form(c, "assert_return"))
        return run_assert_action(w, c, WAST_WANT_OK);
    if (sl_take_form(c, "assert_exception"))
        return run_assert_action(w, c, WAST_WANT_EXCEPTION);
    for (size_t i = 0; i < sizeof asserts / sizeof *asserts; i++)
        if (sl_take_form(c, asserts[i].keyword))
            return run_assert(w, c, asserts[i].want);
    for (size_t i = 0; i < sizeof missing / sizeof *missing; i++)
        if (sl_at_form(c, missing[i].keyword))
            return wast_skip(w, "%s", missing[i].reason);
    sl_unexpected(c);
    return bad_script(w, c);
}

/* --- Counting ------------------------------------------------------------ */

static void report(wast *w, uint32_t line, const char *what)
{
    if (w->options->log != NULL)
        fprintf(w->options->log, "%s:%" PRIu32 ": %s%s\n", w->file, line, what,
                w->why);
}

static void count_skip(wast *w, uint32_t line)
{
    uint64_t n = 0;
    sl_name reason = sl_arena_name(&w->arena, sl_name_of(w->why));
    w->counts.skipped++;
    if (w->options->verbose)
        report(w, line, "skipped: ");
    if (reason.data == NULL)
        return;
    sl_map_get(&w->skip_reasons, reason, &n);
    if (n == 0 && !sl_vec_push(&w->reasons, reason))
        return;
    sl_map_put(&w->skip_reasons, reason, n + 1);
}

/* Whether `path` is the listed file: the same, or ending with it. */
static bool is_listed_file(const char *path, sl_name listed)
{
    if (listed.len > 2 && memcmp(listed.data, "./", 2) == 0) {
        listed.data += 2;
        listed.len -= 2;
    }
    size_t len = strlen(path);
    if (len < listed.len ||
        memcmp(path + len - listed.len, listed.data, listed.len) != 0)
        return false;
    return len == listed.len || path[len - listed.len - 1] == '/';
}

static const sl_wast_nyi_row *find_nyi(const wast *w, uint32_t line)
{
    const sl_wast_nyi *nyi = w->options->nyi;
    for (size_t i = 0; nyi != NULL && i < nyi->rows.n; i++)
        if (nyi->rows.v[i].line == line &&
            is_listed_file(w->file, nyi->rows.v[i].file))
            return &nyi->rows.v[i];
    return NULL;
}

static void count(wast *w, uint32_t line, bool asserts, wast_outcome outcome)
{
    w->counts.assertions += asserts;
    const sl_wast_nyi_row *nyi = find_nyi(w, line);
    if (nyi == NULL)
        nyi = w->file_nyi;
    if (outcome == WAST_PASS && nyi != NULL && nyi->line != 0) {
        wast_fail(w, "passes, but is listed as a known failure");
        outcome = WAST_FAIL;
    } else if (outcome == WAST_FAIL && nyi != NULL) {
        wast_skip(w, "known: %.*s", SL_NAME_ARGS(nyi->reason));
        w->n_known += nyi->line == 0;
        outcome = WAST_SKIP;
    }
    if (outcome == WAST_PASS) {
        w->counts.passed++;
    } else if (outcome == WAST_FAIL) {
        w->counts.failed++;
        report(w, line, "");
    } else {
        count_skip(w, line);
    }
}

/* --- The script ---------------------------------------------------------- */

/* `;;! name = true` at the head of a file switches a feature of core modules
 * or a gate of components on. */
static void read_head(wast *w)
{
    const struct {
        const char *name;
        bool *flag;
    } rows[] = {
        {"simd", &w->features.simd},
        {"multi_memory", &w->features.multi_memory},
        {"memory64", &w->features.memory64},
        {"tail_call", &w->features.tail_call},
        {"exceptions", &w->features.exceptions},
        {"gc", &w->features.gc},
        {"extended_const", &w->features.extended_const},
        {"threads", &w->features.threads},
        {"data", &w->has_data},
        {"core-data", &w->features.data_imports},
    };
    const char *p = w->source.data, *end = p + w->source.len;
    while (end - p > 3 && memcmp(p, ";;!", 3) == 0) {
        const char *stop = memchr(p, '\n', (size_t)(end - p));
        size_t len = (size_t)((stop ? stop : end) - p);
        char line[128] = "", name[64], value[16];
        memcpy(line, p + 3,
               len - 3 < sizeof line - 1 ? len - 3 : sizeof line - 1);
        if (sscanf(line, " %63[a-z0-9_-] = %15s", name, value) == 2) {
            for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
                if (strcmp(name, rows[i].name) == 0)
                    *rows[i].flag = strcmp(value, "true") == 0;
            for (int f = SL_FEATURE_NONE + 1; f < SL_N_FEATURES; f++)
                if (strcmp(name, sl_feature_text((sl_feature)f)) == 0 &&
                    strcmp(value, "true") == 0)
                    w->gates |= SL_FEATURE_BIT(f);
        }
        p = stop ? stop + 1 : end;
    }
}

static bool is_inline_module(const sl_cursor *c)
{
    static const char *const words[] = {
        "type", "import", "func",  "table", "memory", "global",
        "tag",  "export", "start", "elem",  "data",   "rec",
    };
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (sl_at_form(c, words[i]))
            return true;
    return false;
}

static bool is_assertion(const sl_cursor *c)
{
    sl_name keyword = sl_peek_at(c, 1)->text;
    return keyword.len >= 7 && memcmp(keyword.data, "assert_", 7) == 0;
}

/* With a filter, assertions that do not contain it are passed over. */
static bool is_filtered_out(const wast *w, const sl_cursor *c, size_t end)
{
    const char *filter = w->options->filter;
    const sl_token *first = sl_peek(c);
    if (filter == NULL || !is_assertion(c))
        return false;
    uint32_t stop = w->tokens.v[end].at;
    return memmem(w->source.data + first->at, stop - first->at, filter,
                  strlen(filter)) == NULL;
}

/* Line of an offset, counted on from the last one asked for. */
static uint32_t line_of(wast *w, uint32_t at)
{
    for (; w->line_at < at; w->line_at++)
        w->line += w->source.data[w->line_at] == '\n';
    return w->line;
}

static void run_commands(wast *w)
{
    size_t pos = 0;
    while (w->tokens.v[pos].kind != SL_TOK_EOF) {
        sl_err err = {0};
        sl_cursor c = {&w->tokens, pos, &w->arena, &err}, behind = c;
        uint32_t line = line_of(w, sl_peek(&c)->at);
        w->why[0] = '\0';
        if (pos == 0 && is_inline_module(&c)) {
            count(w, line, false, wast_core_inline(w, &c));
            return;
        }
        sl_skip(&behind);
        bool asserts = is_assertion(&c);
        if (!is_filtered_out(w, &c, behind.pos))
            count(w, line, asserts, run_command(w, &c));
        pos = behind.pos;
    }
}

const sl_core_limits wast_limits = {
    .memory_pages = 65536,
    .memory_bytes = UINT64_C(16) << 30,
    .table_elems = 10000000,
};
const sl_core_limits wast_limits_tight = {
    .memory_pages = 64,
    .memory_bytes = UINT64_C(32) << 20,
    .table_elems = 10000,
};
enum { TIGHT_NS = 200 * 1000 * 1000 };

static bool is_late(void *arg)
{
    const wast *w = arg;
    return sl_loop_now_ns() >= w->deadline_ns;
}

static bool start(wast *w, sl_err *err)
{
    bool tight = w->options->tight;
    w->store = sl_core_store_new(tight ? &wast_limits_tight : &wast_limits, err);
    if (w->store == NULL)
        return false;
    if (tight) {
        w->deadline_ns = sl_loop_now_ns() + TIGHT_NS;
        sl_core_store_set_poll(w->store, is_late, w);
        sl_core_store_poll(w->store, true);
    }
    w->has_thread = sl_core_thread_init(&w->thread, w->store, 1 << 20, &w->trap,
                                        err) == SL_OK;
    return w->has_thread && sl_lex(w->source, &w->arena, &w->tokens, err);
}

static void finish(wast *w)
{
    wast_components_free(w);
    if (w->has_thread)
        sl_core_thread_deinit(&w->thread);
    if (w->store != NULL)
        sl_core_store_free(w->store);
    wast_spectest_free(w);
    for (size_t i = 0; i < w->loaded.n; i++) {
        sl_module_free(w->loaded.v[i].module);
        sl_buf_deinit(&w->loaded.v[i].bytes);
    }
    sl_vec_deinit(&w->loaded);
    free_scope(&w->definitions);
    free_scope(&w->instances);
    free_scope(&w->registered);
    sl_map_deinit(&w->skip_reasons);
    sl_vec_deinit(&w->reasons);
    sl_arena_deinit(&w->arena);
}

static void print_summary(wast *w)
{
    FILE *log = w->options->log;
    if (log == NULL || w->options->no_sums)
        return;
    fprintf(log,
            "%s: %" PRIu64 " passed, %" PRIu64 " failed, %" PRIu64 " skipped",
            w->file, w->counts.passed, w->counts.failed, w->counts.skipped);
    for (size_t i = 0; i < w->reasons.n; i++) {
        uint64_t n = 0;
        sl_map_get(&w->skip_reasons, w->reasons.v[i], &n);
        fprintf(log, "%s%" PRIu64 " %.*s", i ? "; " : " (", n,
                SL_NAME_ARGS(w->reasons.v[i]));
    }
    fprintf(log, "%s\n", w->reasons.n ? ")" : "");
}

void sl_wast_run(const char *file, sl_name source,
                 const sl_wast_options *options, sl_wast_counts *counts)
{
    sl_err err = {0};
    wast *w = sl_calloc(1, sizeof *w);
    if (w == NULL) {
        counts->failed++;
        return;
    }
    *w = (wast){.file = file,
                .source = source,
                .options = options,
                .features = options->features,
                .gates = options->gates,
                .line = 1};
    sl_arena_init(&w->arena);
    w->file_nyi = find_nyi(w, 0);
    read_head(w);
    if (start(w, &err)) {
        run_commands(w);
    } else {
        sl_place place = sl_place_of(source, err.at);
        count(w, place.line, false, wast_fail(w, "bad script: %s", err.msg));
    }
    if (w->file_nyi != NULL && w->n_known == 0) {
        wast_fail(w, "all passes, but is listed as a known failure");
        w->counts.failed++;
        report(w, 1, "");
    }
    print_summary(w);
    counts->passed += w->counts.passed;
    counts->failed += w->counts.failed;
    counts->skipped += w->counts.skipped;
    counts->assertions += w->counts.assertions;
    finish(w);
    sl_free(w);
}
