/* Random values of random types, from the host through chains of components
 * and back: lifted, lowered and compared, in every string encoding, with every
 * kind of lift and lower. With --mutants the last component spoils a byte of
 * what it gives back: that may change the value or trap with the canonical
 * ABI's words, and nothing else. docs/testing.md; CanonicalABI.md.
 *
 *   roundtrip [--values N] [--seconds S] [--seed S] [--per-type N] [--mutants]
 *             [--type SEED [--print]] */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <uv.h>

#include "sluice/sluice.h"
#include "text/text.h"
#include "text/wave.h"

#include "code.h"
#include "value.h"

enum { MAX_FAILURES = 10, MAX_SHRINKS = 3000, ROOM = 3000 };

typedef struct options {
    uint64_t values, seed, type_seed;
    uint32_t per_type, seconds;
    bool mutants, print, one_type;
} options;

typedef struct counts {
    uint64_t passed, failed, trapped, types;
} counts;

/* A type, its chain, and where it runs. */
typedef struct bench {
    const options *o;
    uint64_t seed;
    rt_func func;
    rt_chain chain;
    sluice_engine *engine;
    uv_loop_t *loop;
    uv_idle_t idle; /* answers the guest a turn later */
    sluice_component *component;
    sluice_linker *linker;
    sluice_store *store;
    sluice_func *f, *poke;
    const sluice_val *sent; /* what the host's "h" is to be called with */
    sluice_call *waiting;
    sluice_val answer;
    bool delays, differs; /* "h" answers later; was called with another value */
    char why[512];
} bench;

static void fatal(const char *what, const char *detail)
{
    fprintf(stderr, "roundtrip: %s: %s\n", what, detail);
    exit(2);
}

static void must(bool ok)
{
    if (!ok)
        fatal("out of memory", "a value of the test");
}

/* --- The host's end of the chain ---------------------------------------------
 */

/* One parameter is the result; more are its members. */
static void result_of(const bench *b, const sluice_val *args, sluice_val *out)
{
    if (b->func.n_params == 1) {
        must(sluice_val_copy(args, out));
        return;
    }
    must(sluice_val_items(out, SLUICE_TUPLE, b->func.n_params));
    for (uint32_t i = 0; i < b->func.n_params; i++)
        must(sluice_val_copy(&args[i], &out->of.list.items[i]));
}

static bool same_args(const bench *b, const sluice_val *args)
{
    for (uint32_t i = 0; i < b->func.n_params; i++)
        if (!sluice_val_eq(&b->sent[i], &args[i]))
            return false;
    return true;
}

static void answer_later(uv_idle_t *idle)
{
    bench *b = idle->data;
    uv_idle_stop(idle);
    sluice_call *call = b->waiting;
    b->waiting = NULL;
    sluice_call_return(call, &b->answer);
}

static void host_h(void *ctx, sluice_call *call, const sluice_val *args,
                   size_t n_args)
{
    bench *b = ctx;
    b->differs = n_args != b->func.n_params || !same_args(b, args);
    result_of(b, args, &b->answer);
    if (b->delays && b->chain.host_async) {
        b->waiting = call;
        uv_idle_start(&b->idle, answer_later);
    } else {
        sluice_call_return(call, &b->answer);
    }
}

/* --- A bench
 * ------------------------------------------------------------------ */

static bool make_component(bench *b)
{
    sluice_error error;
    sl_err err = {0};
    sl_buf text, binary;
    sl_buf_init(&text);
    sl_buf_init(&binary);
    rt_chain_print(&b->chain, &b->func, &text);
    if (b->o->print)
        printf("%.*s", (int)text.len, (char *)text.data);
    sl_name source = {(char *)text.data, text.len};
    bool ok = !text.failed && sl_text_parse(source, &binary, &err);
    if (!ok) {
        snprintf(b->why, sizeof b->why, "text: %s", err.msg);
    } else {
        b->component = sluice_component_from_buffer(b->engine, binary.data,
                                                    binary.len, true, &error);
        ok = b->component != NULL;
        if (!ok)
            snprintf(b->why, sizeof b->why, "component: %s", error.message);
    }
    sl_buf_deinit(&text);
    sl_buf_deinit(&binary);
    return ok;
}

static bool instantiate(bench *b)
{
    sluice_error error;
    b->store = sluice_store_new(b->engine, b->loop, &error);
    if (b->store == NULL)
        fatal("store", error.message);
    sluice_instance *inst =
        sluice_instantiate(b->store, b->linker, b->component, &error);
    if (inst == NULL) {
        snprintf(b->why, sizeof b->why, "instantiation: %s", error.message);
        return false;
    }
    b->f = sluice_instance_func(inst, "f");
    b->poke = sluice_instance_func(inst, "poke");
    return b->f != NULL;
}

static bool instantiate_again(bench *b)
{
    sluice_store_free(b->store);
    b->store = NULL;
    return instantiate(b);
}

static void bench_deinit(bench *b)
{
    sluice_store_free(b->store);
    sluice_linker_free(b->linker);
    sluice_component_free(b->component);
    uv_close((uv_handle_t *)&b->idle, NULL);
    while (uv_run(b->loop, UV_RUN_NOWAIT) != 0)
        continue;
    rt_func_deinit(&b->func);
}

/* False: see b->why. */
static bool bench_init(bench *b, uint64_t seed)
{
    sluice_error error;
    rt_rng rng = {seed};
    b->seed = seed;
    rt_func_make(&b->func, &rng);
    rt_chain_make(&b->chain, &rng);
    b->chain.mutates = b->o->mutants;
    if (b->o->mutants)
        b->chain.to_host = false;
    uv_idle_init(b->loop, &b->idle);
    b->idle.data = b;
    b->linker = sluice_linker_new(b->engine, &error);
    if (b->linker == NULL)
        fatal("linker", error.message);
    if (sluice_linker_func(b->linker, NULL, "h", NULL, host_h, b, NULL,
                           &error) != SLUICE_OK)
        fatal("linker", error.message);
    return make_component(b) && instantiate(b);
}

/* --- One value
 * ---------------------------------------------------------------- */

typedef enum outcome {
    SAME,
    DIFFERENT,
    TRAPPED,
    REFUSED, /* by the API: not a value of the type */
} outcome;

static outcome compare(bench *b, const sluice_val *sent, const sluice_val *back)
{
    sluice_val want = {0};
    result_of(b, sent, &want);
    bool same = sluice_val_eq(&want, back);
    bool canonical = rt_nans_are_canonical(back);
    sluice_val_deinit(&want);
    if (same && canonical && !b->differs)
        return SAME;
    snprintf(b->why, sizeof b->why, "%s",
             b->differs ? "the host was called with another value"
             : same     ? "a NaN is not canonical"
                        : "the result is another value");
    return DIFFERENT;
}

static outcome call(bench *b, const sluice_val *sent, sluice_val *back)
{
    sluice_error error;
    uint32_t n = b->func.n_params;
    sluice_val *args = calloc(n, sizeof *args);
    must(args != NULL);
    for (uint32_t i = 0; i < n; i++)
        must(sluice_val_copy(&sent[i], &args[i]));
    b->sent = sent;
    b->differs = false;
    *back = (sluice_val){0};
    sluice_status st = sluice_func_call_wait(b->f, args, n, back, &error);
    free(args);
    if (st == SLUICE_OK)
        return compare(b, sent, back);
    snprintf(b->why, sizeof b->why, "%s: %s", sluice_status_text(st),
             error.message);
    return st == SLUICE_EUSAGE ? REFUSED : TRAPPED;
}

static void make_args(const bench *b, uint64_t index, sluice_val *args,
                      rt_rng *rng)
{
    int room = ROOM;
    *rng = (rt_rng){b->seed ^ (index + 1) * UINT64_C(0xd6e8feb86659fd93)};
    for (uint32_t i = 0; i < b->func.n_params; i++)
        rt_value(b->func.params[i], rng, &room, &args[i]);
}

static void drop_args(const bench *b, sluice_val *args)
{
    for (uint32_t i = 0; i < b->func.n_params; i++)
        sluice_val_deinit(&args[i]);
}

/* --- Reports
 * ------------------------------------------------------------------ */

static void print_value(const char *word, const sluice_val *val,
                        const sluice_type *type)
{
    sl_buf text;
    sl_buf_init(&text);
    sl_wave_print(val, type, &text);
    printf("  %s %.*s\n", word, (int)text.len, (char *)text.data);
    sl_buf_deinit(&text);
}

static bool fails(bench *b, const sluice_val *args)
{
    sluice_val back;
    if (!instantiate_again(b))
        return false;
    outcome is = call(b, args, &back);
    sluice_val_deinit(&back);
    return is == DIFFERENT || is == TRAPPED;
}

static bool reduce_args(const bench *b, sluice_val *args, uint32_t k)
{
    for (uint32_t i = 0; i < b->func.n_params; i++)
        if (rt_reduce(&args[i], &k))
            return true;
    return false;
}

/* Takes every simpler value that still fails. */
static void shrink(bench *b, sluice_val *args)
{
    uint32_t n = b->func.n_params, k = 0;
    sluice_val *smaller = calloc(n, sizeof *smaller);
    must(smaller != NULL);
    for (int tries = 0; tries < MAX_SHRINKS; tries++) {
        for (uint32_t i = 0; i < n; i++)
            must(sluice_val_copy(&args[i], &smaller[i]));
        bool more = reduce_args(b, smaller, k);
        if (more && fails(b, smaller)) {
            drop_args(b, args);
            memcpy(args, smaller, n * sizeof *args);
            continue;
        }
        drop_args(b, smaller);
        if (!more)
            break;
        k++;
    }
    free(smaller);
}

static void report(bench *b, uint64_t index, sluice_val *args)
{
    sluice_val back;
    sl_buf chain;
    char type[4096];
    printf("FAIL type %" PRIu64 " value %" PRIu64 ": %s\n", b->seed, index,
           b->why);
    sl_buf_init(&chain);
    rt_chain_describe(&b->chain, &chain);
    printf("  %.*s\n", (int)chain.len, (char *)chain.data);
    sl_buf_deinit(&chain);
    if (!b->o->mutants) {
        shrink(b, args);
        (void)instantiate_again(b);
        (void)call(b, args, &back);
        printf("  simplest: %s\n", b->why);
    } else {
        back = (sluice_val){0};
    }
    const sluice_type *func = sluice_func_type(b->f);
    printf("  %s\n", sluice_type_text(func, type, sizeof type));
    for (uint32_t i = 0; i < b->func.n_params; i++) {
        sluice_name name;
        const sluice_type *param;
        sluice_type_param(func, i, &name, &param);
        print_value("sent", &args[i], param);
    }
    if (back.kind == b->func.result->kind && !b->o->mutants)
        print_value("back", &back, sluice_type_result(func));
    sluice_val_deinit(&back);
}

/* --- Mutants
 * ------------------------------------------------------------------ */

/* All that lifting a spoilt value may say. */
static bool is_canonical_trap(const char *why)
{
    static const char *const words[] = {
        "trap: list is too long",
        "trap: list pointer is not aligned",
        "trap: list pointer/length out of bounds of memory",
        "trap: string is too long",
        "trap: string pointer is not aligned",
        "trap: string pointer/length out of bounds of memory",
        "trap: incomplete utf-8 byte sequence",
        "trap: invalid utf-8",
        "trap: invalid utf-16",
        "trap: invalid variant discriminant",
        "trap: invalid `char` bit pattern",
        "trap: lifted values exceed the limit of bytes for one call",
    };
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strncmp(why, words[i], strlen(words[i])) == 0)
            return true;
    return false;
}

static void set_poke(bench *b, rt_rng *rng)
{
    static const uint8_t flips[] = {1, 2, 0x80, 0xff, 0x40, 4};
    sluice_error error;
    uint32_t at = rt_chance(rng, 2) ? rt_below(rng, 64) : rt_below(rng, 2048);
    sluice_val args[2] = {{.kind = SLUICE_U32, .of.u32 = at},
                          {.kind = SLUICE_U32,
                           .of.u32 = rt_chance(rng, 2)
                                         ? flips[rt_below(rng, sizeof flips)]
                                         : 1 + rt_below(rng, 255)}};
    if (sluice_func_call_wait(b->poke, args, 2, NULL, &error) != SLUICE_OK)
        fatal("poke", error.message);
}

/* --- Many values
 * -------------------------------------------------------------- */

static bool run_mutant(bench *b, const sluice_val *args, rt_rng *rng, counts *n)
{
    sluice_val back;
    set_poke(b, rng);
    outcome is = call(b, args, &back);
    sluice_val_deinit(&back);
    if (is != TRAPPED)
        return is != REFUSED;
    n->trapped++;
    return is_canonical_trap(b->why) && instantiate_again(b);
}

static bool run_value(bench *b, uint64_t index, counts *n)
{
    sluice_val back = {0}, *args = calloc(b->func.n_params, sizeof *args);
    rt_rng rng;
    must(args != NULL);
    make_args(b, index, args, &rng);
    b->delays = rt_chance(&rng, 2);
    bool ok;
    if (b->o->mutants) {
        ok = run_mutant(b, args, &rng, n);
    } else {
        ok = call(b, args, &back) == SAME;
        sluice_val_deinit(&back);
    }
    if (ok)
        n->passed++;
    else
        n->failed++;
    if (!ok)
        report(b, index, args);
    drop_args(b, args);
    free(args);
    return ok;
}

static void run_type(const options *o, sluice_engine *engine, uv_loop_t *loop,
                     uint64_t seed, counts *n)
{
    bench *b = calloc(1, sizeof *b);
    must(b != NULL);
    b->o = o;
    b->engine = engine;
    b->loop = loop;
    n->types++;
    if (!bench_init(b, seed)) {
        printf("FAIL type %" PRIu64 ": %s\n", seed, b->why);
        n->failed++;
    } else {
        for (uint64_t i = 0; i < o->per_type; i++)
            if (!run_value(b, i, n))
                break;
    }
    bench_deinit(b);
    free(b);
}

static void run_all(const options *o, sluice_engine *engine, uv_loop_t *loop,
                    counts *n)
{
    rt_rng seeds = {o->seed};
    time_t end = time(NULL) + o->seconds;
    if (o->one_type) {
        run_type(o, engine, loop, o->type_seed, n);
        return;
    }
    while (n->passed < o->values && n->failed < MAX_FAILURES &&
           (o->seconds == 0 || time(NULL) < end))
        run_type(o, engine, loop, rt_next(&seeds), n);
}

/* --- The command line
 * --------------------------------------------------------- */

static uint64_t number(int argc, char **argv, int *i)
{
    char *end;
    if (*i + 1 >= argc)
        fatal("a number is missing behind", argv[*i]);
    uint64_t value = strtoull(argv[++*i], &end, 0);
    if (*end != '\0' || end == argv[*i])
        fatal("not a number", argv[*i]);
    return value;
}

static void parse(int argc, char **argv, options *o)
{
    for (int i = 1; i < argc; i++) {
        const char *word = argv[i];
        if (strcmp(word, "--values") == 0)
            o->values = number(argc, argv, &i);
        else if (strcmp(word, "--seconds") == 0)
            o->seconds = (uint32_t)number(argc, argv, &i);
        else if (strcmp(word, "--seed") == 0)
            o->seed = number(argc, argv, &i);
        else if (strcmp(word, "--per-type") == 0)
            o->per_type = (uint32_t)number(argc, argv, &i);
        else if (strcmp(word, "--type") == 0)
            o->one_type = true, o->type_seed = number(argc, argv, &i);
        else if (strcmp(word, "--mutants") == 0)
            o->mutants = true;
        else if (strcmp(word, "--print") == 0)
            o->print = true;
        else
            fatal("unknown option", word);
    }
}

int main(int argc, char **argv)
{
    options o = {.values = 100000, .seed = 1, .per_type = 100};
    counts n = {0};
    sluice_error error;
    uv_loop_t loop;
    parse(argc, argv, &o);
    setvbuf(stdout, NULL, _IOLBF, 0);
    sluice_engine *engine = sluice_engine_new(NULL, &error);
    if (engine == NULL)
        fatal("engine", error.message);
    uv_loop_init(&loop);
    run_all(&o, engine, &loop, &n);
    uv_loop_close(&loop);
    sluice_engine_free(engine);
    printf("%" PRIu64 " types, %" PRIu64 " traps\n", n.types, n.trapped);
    printf("%" PRIu64 " passed, %" PRIu64 " failed, 0 skipped\n", n.passed,
           n.failed);
    return n.failed != 0;
}
