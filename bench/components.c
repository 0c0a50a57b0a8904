/* What the component layer costs, in nanoseconds per operation: calls between
 * components, streams, resources, instances. Each case is a component in
 * components/NAME.wat whose export `run(n)` does the operation n times in core
 * code, or one that is instantiated again and again. With --peer the same
 * bytes run in wasmtime too (its C library, as its Python package brings it),
 * turn by turn, so that ratios come from one run on one machine. */
#include <dlfcn.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <uv.h>

#include "base/buf.h"
#include "sluice/sluice.h"
#include "text/text.h"

#define MAX_ROUNDS 101

typedef struct bench_case {
    const char *name, *file, *what;
    enum { CALLS, INSTANCES } kind;
    bool is_async; /* `run` is of an async type */
} bench_case;

static const bench_case cases[] = {
    {"core-call", NULL, "core call, no-op", CALLS, false},
    {"sync-scalars", NULL, "sync (u32, u32) -> u32", CALLS, false},
    {"sync-string", NULL, "sync, string of 64 B", CALLS, false},
    {"sync-list", NULL, "sync, list<u8> of 64 KiB", CALLS, false},
    {"sync-record", NULL, "sync, record of 8, both ways", CALLS, false},
    {"async-ready", NULL, "async, does not block", CALLS, true},
    {"async-blocks", NULL, "async, blocks once, callback", CALLS, true},
    {"sync-blocks", NULL, "sync call of async, blocks once", CALLS, true},
    {"stream-64", NULL, "stream<u8>, 64 B", CALLS, true},
    {"stream-4k", NULL, "stream<u8>, 4 KiB", CALLS, true},
    {"stream-1m", NULL, "stream<u8>, 1 MiB", CALLS, true},
    {"resource-own", NULL, "resource.new + drop", CALLS, false},
    {"resource-across", NULL, "constructor + drop, with dtor", CALLS, false},
    {"small", NULL, "instantiate + drop, small", INSTANCES, false},
    {"scalars", "sync-scalars", "instantiate + drop, two inside", INSTANCES,
     false},
};

static void die(const char *what, const char *why)
{
    fprintf(stderr, "bench_components: %s: %s\n", what, why);
    exit(1);
}

/* Of this thread's processor time: the machine may be busy with others. */
static double now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

/* --- Engines -------------------------------------------------------------- */

typedef struct engine {
    const char *name;
    void (*load)(const uint8_t *bytes, size_t len); /* compiles as well */
    void (*open)(const bench_case *c); /* a store, an instance, its `run` */
    void (*run)(uint32_t n);
    void (*close)(void);
    void (*cycle)(void); /* store, instance and away with them */
    void (*unload)(void);
} engine;

/* --- sluice --------------------------------------------------------------- */

static struct {
    uv_loop_t loop; /* of all stores, as an embedder has one */
    sluice_engine *engine;
    sluice_component *component;
    sluice_store *store;
    sluice_func *run;
} mine;

static void mine_load(const uint8_t *bytes, size_t len)
{
    sluice_error error;
    if (uv_loop_init(&mine.loop) != 0)
        die("sluice", "no loop");
    mine.engine = sluice_engine_new(NULL, &error);
    mine.component =
        sluice_component_from_buffer(mine.engine, bytes, len, false, &error);
    if (mine.component == NULL)
        die("sluice: component", error.message);
}

static sluice_instance *mine_instance(void)
{
    sluice_error error;
    mine.store = sluice_store_new(mine.engine, &mine.loop, &error);
    if (mine.store == NULL)
        die("sluice: store", error.message);
    sluice_instance *instance =
        sluice_instantiate(mine.store, NULL, mine.component, &error);
    if (instance == NULL)
        die("sluice: instance", error.message);
    return instance;
}

static void mine_open(const bench_case *c)
{
    (void)c;
    mine.run = sluice_instance_func(mine_instance(), "run");
    if (mine.run == NULL)
        die("sluice", "no function `run`");
}

static void mine_run(uint32_t n)
{
    sluice_error error;
    sluice_val arg = {.kind = SLUICE_U32, .of.u32 = n};
    if (sluice_func_call_wait(mine.run, &arg, 1, NULL, &error) != SLUICE_OK)
        die("sluice: run", error.message);
}

static void mine_close(void)
{
    sluice_store_free(mine.store);
}

static void mine_cycle(void)
{
    mine_instance();
    mine_close();
}

static void mine_unload(void)
{
    sluice_component_free(mine.component);
    sluice_engine_free(mine.engine);
    uv_loop_close(&mine.loop);
}

/* --- wasmtime ------------------------------------------------------------- */

/* The parts of its C interface that are used here. */
typedef struct wt_instance {
    uint64_t store;
    uint32_t hidden;
} wt_instance;

typedef struct wt_func {
    wt_instance instance; /* of the same shape */
    uint32_t hidden;
    void *more;
} wt_func;

typedef struct wt_val {
    uint8_t kind;
    union {
        uint32_t u32;
        uint64_t room[8];
    } of;
} wt_val;

enum { WT_U32 = 6 };

#define WT_FUNCTIONS(F)                                                        \
    F(void *, wasm_config_new, (void))                                         \
    F(void *, wasm_engine_new_with_config, (void *config))                     \
    F(void, wasm_engine_delete, (void *engine))                                \
    F(void, wasmtime_config_wasm_component_model_async_set, (void *, bool))    \
    F(void, wasmtime_config_wasm_component_model_async_stackful_set,           \
      (void *, bool))                                                          \
    F(void, wasmtime_config_wasm_component_model_more_async_builtins_set,      \
      (void *, bool))                                                          \
    F(void, wasmtime_config_concurrency_support_set, (void *, bool))           \
    F(void *, wasmtime_pooling_allocation_config_new, (void))                  \
    F(void, wasmtime_pooling_allocation_config_total_memories_set,             \
      (void *, uint32_t))                                                      \
    F(void, wasmtime_pooling_allocation_strategy_set, (void *, void *))        \
    F(void *, wasmtime_component_new,                                          \
      (void *engine, const uint8_t *, size_t, void **))                        \
    F(void, wasmtime_component_delete, (void *))                               \
    F(void *, wasmtime_component_linker_new, (void *engine))                   \
    F(void, wasmtime_component_linker_delete, (void *))                        \
    F(void *, wasmtime_component_linker_instantiate,                           \
      (void *linker, void *context, void *component, wt_instance *))           \
    F(void *, wasmtime_component_linker_instantiate_async,                     \
      (void *linker, void *context, void *component, wt_instance *, void **))  \
    F(void *, wasmtime_component_get_export_index,                             \
      (void *component, void *in, const char *, size_t))                       \
    F(bool, wasmtime_component_instance_get_func,                              \
      (const wt_instance *, void *context, void *index, wt_func *))            \
    F(void *, wasmtime_component_func_call,                                    \
      (const wt_func *, void *context, const wt_val *, size_t, wt_val *,       \
       size_t))                                                                \
    F(void *, wasmtime_component_func_call_async,                              \
      (const wt_func *, void *context, const wt_val *, size_t, wt_val *,       \
       size_t, void **))                                                       \
    F(bool, wasmtime_call_future_poll, (void *))                               \
    F(void, wasmtime_call_future_delete, (void *))                             \
    F(void *, wasmtime_store_new, (void *engine, void *, void *))              \
    F(void *, wasmtime_store_context, (void *))                                \
    F(void, wasmtime_store_delete, (void *))                                   \
    F(void, wasmtime_error_message, (const void *, void *))

static struct {
#define F(result, name, params) result(*name) params;
    WT_FUNCTIONS(F)
#undef F
    bool pooling;
    void *engine, *component, *linker, *store, *context;
    wt_func run;
    bool is_async;
} wt;

static void wt_open_library(const char *path)
{
    void *library = dlopen(path, RTLD_NOW);
    if (library == NULL)
        die(path, dlerror());
#define F(result, name, params)                                                \
    *(void **)&wt.name = dlsym(library, #name);                                \
    if (wt.name == NULL)                                                       \
        die(path, "lacks " #name);
    WT_FUNCTIONS(F)
#undef F
}

static void wt_check(void *error, const char *what)
{
    struct {
        size_t size;
        char *data;
    } message = {0, NULL};
    if (error == NULL)
        return;
    wt.wasmtime_error_message(error, &message);
    fprintf(stderr, "wasmtime: %s: %.*s\n", what, (int)message.size,
            message.data);
    exit(1);
}

static void wt_load(const uint8_t *bytes, size_t len)
{
    void *config = wt.wasm_config_new();
    wt.wasmtime_config_wasm_component_model_async_set(config, true);
    wt.wasmtime_config_wasm_component_model_async_stackful_set(config, true);
    wt.wasmtime_config_wasm_component_model_more_async_builtins_set(config,
                                                                    true);
    wt.wasmtime_config_concurrency_support_set(config, true);
    if (wt.pooling) {
        void *pool = wt.wasmtime_pooling_allocation_config_new();
        wt.wasmtime_pooling_allocation_config_total_memories_set(pool, 16);
        wt.wasmtime_pooling_allocation_strategy_set(config, pool);
    }
    wt.engine = wt.wasm_engine_new_with_config(config);
    wt_check(wt.wasmtime_component_new(wt.engine, bytes, len, &wt.component),
             "component");
    wt.linker = wt.wasmtime_component_linker_new(wt.engine);
}

static void wt_wait(void *future)
{
    while (!wt.wasmtime_call_future_poll(future))
        continue;
    wt.wasmtime_call_future_delete(future);
}

static wt_instance wt_instantiate(void)
{
    wt_instance instance;
    wt.store = wt.wasmtime_store_new(wt.engine, NULL, NULL);
    wt.context = wt.wasmtime_store_context(wt.store);
    wt_check(wt.wasmtime_component_linker_instantiate(wt.linker, wt.context,
                                                      wt.component, &instance),
             "instance");
    return instance;
}

static void wt_open(const bench_case *c)
{
    wt_instance instance = wt_instantiate();
    void *index =
        wt.wasmtime_component_get_export_index(wt.component, NULL, "run", 3);
    if (index == NULL || !wt.wasmtime_component_instance_get_func(
                             &instance, wt.context, index, &wt.run))
        die("wasmtime", "no function `run`");
    wt.is_async = c->is_async;
}

static void wt_run(uint32_t n)
{
    wt_val arg = {.kind = WT_U32, .of.u32 = n};
    void *error = NULL;
    if (wt.is_async)
        wt_wait(wt.wasmtime_component_func_call_async(&wt.run, wt.context, &arg,
                                                      1, NULL, 0, &error));
    else
        error = wt.wasmtime_component_func_call(&wt.run, wt.context, &arg, 1,
                                                NULL, 0);
    wt_check(error, "run");
}

static void wt_close(void)
{
    wt.wasmtime_store_delete(wt.store);
}

static void wt_cycle(void)
{
    wt_instantiate();
    wt_close();
}

static void wt_unload(void)
{
    wt.wasmtime_component_linker_delete(wt.linker);
    wt.wasmtime_component_delete(wt.component);
    wt.wasm_engine_delete(wt.engine);
}

static const engine engines[] = {
    {"sluice", mine_load, mine_open, mine_run, mine_close, mine_cycle,
     mine_unload},
    {"wasmtime", wt_load, wt_open, wt_run, wt_close, wt_cycle, wt_unload},
};

/* --- Measuring ------------------------------------------------------------ */

static void repeat(const engine *e, const bench_case *c, uint32_t n)
{
    if (c->kind == CALLS)
        e->run(n);
    else
        for (uint32_t i = 0; i < n; i++)
            e->cycle();
}

/* How many operations take about that long. */
static uint32_t calibrate(const engine *e, const bench_case *c, double ns)
{
    uint32_t n = 1;
    for (;;) {
        double start = now_ns();
        repeat(e, c, n);
        double took = now_ns() - start;
        if (took > ns / 2 || n > UINT32_MAX / 4)
            return (uint32_t)(n * ns / took) + 1;
        n = took < ns / 64 ? n * 16 : n * 2;
    }
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *v, uint32_t n)
{
    qsort(v, n, sizeof *v, compare);
    return v[n / 2];
}

typedef struct settings {
    const char *dir, *only;
    uint32_t rounds, n_engines, fixed;
    double round_ns;
} settings;

static void measure(const settings *s, const bench_case *c, double *out)
{
    static double samples[2][MAX_ROUNDS];
    uint32_t n[2] = {0, 0};
    for (uint32_t i = 0; i < s->n_engines; i++) {
        if (c->kind == CALLS)
            engines[i].open(c);
        n[i] =
            s->fixed != 0 ? s->fixed : calibrate(&engines[i], c, s->round_ns);
    }
    for (uint32_t round = 0; round < s->rounds; round++)
        for (uint32_t i = 0; i < s->n_engines; i++) {
            double start = now_ns();
            repeat(&engines[i], c, n[i]);
            samples[i][round] = (now_ns() - start) / n[i];
        }
    for (uint32_t i = 0; i < s->n_engines; i++) {
        if (c->kind == CALLS)
            engines[i].close();
        out[i] = median(samples[i], s->rounds);
    }
}

static bool ends_with(const char *text, const char *end)
{
    size_t n = strlen(text), m = strlen(end);
    return n >= m && strcmp(text + n - m, end) == 0;
}

/* Text or binary. */
static sl_buf component_bytes(const char *path)
{
    sl_buf file, out;
    sl_err err = {0};
    FILE *f = fopen(path, "rb");
    char piece[65536];
    size_t n;
    if (f == NULL)
        die(path, "cannot be opened");
    sl_buf_init(&file);
    while ((n = fread(piece, 1, sizeof piece, f)) > 0)
        sl_buf_bytes(&file, piece, n);
    fclose(f);
    if (!ends_with(path, ".wat"))
        return file;
    sl_buf_init(&out);
    if (!sl_text_parse((sl_name){(const char *)file.data, file.len}, &out,
                       &err))
        die(path, err.msg);
    sl_buf_deinit(&file);
    return out;
}

static void run_case(const settings *s, const bench_case *c, const char *path)
{
    double ns[2];
    sl_buf bytes = component_bytes(path);
    for (uint32_t i = 0; i < s->n_engines; i++)
        engines[i].load(bytes.data, bytes.len);
    measure(s, c, ns);
    for (uint32_t i = 0; i < s->n_engines; i++)
        engines[i].unload();
    sl_buf_deinit(&bytes);
    printf("%-16s %-32s %12.1f", c->name, c->what, ns[0]);
    if (s->n_engines > 1)
        printf(" %12.1f %7.2f", ns[1], ns[0] / ns[1]);
    printf("\n");
    fflush(stdout);
}

static void usage(void)
{
    fprintf(stderr,
            "usage: bench_components [--peer _libwasmtime.so] [--pooling]\n"
            "  [--rounds N] [--ms N] [--n OPERATIONS] [--only NAME] DIR "
            "[COMPONENT]...\n");
    exit(64);
}

int main(int argc, char **argv)
{
    settings s = {.rounds = 11, .n_engines = 1, .round_ns = 20e6};
    int i = 1;
    for (; i < argc && argv[i][0] == '-'; i++) {
        const char *value = i + 1 < argc ? argv[i + 1] : "";
        if (strcmp(argv[i], "--pooling") == 0) {
            wt.pooling = true;
            continue;
        }
        if (strcmp(argv[i], "--peer") == 0) {
            wt_open_library(value);
            s.n_engines = 2;
        } else if (strcmp(argv[i], "--rounds") == 0) {
            s.rounds = (uint32_t)strtoul(value, NULL, 10);
        } else if (strcmp(argv[i], "--ms") == 0) {
            s.round_ns = strtod(value, NULL) * 1e6;
        } else if (strcmp(argv[i], "--n") == 0) {
            s.fixed = (uint32_t)strtoul(value, NULL, 10);
        } else if (strcmp(argv[i], "--only") == 0) {
            s.only = value;
        } else {
            usage();
        }
        i++;
    }
    if (i >= argc || s.rounds == 0 || s.rounds > MAX_ROUNDS)
        usage();
    s.dir = argv[i++];
    printf("%-16s %-32s %12s", "case", "ns per operation", "sluice");
    if (s.n_engines > 1)
        printf(" %12s %7s", wt.pooling ? "wt pooling" : "wasmtime", "ratio");
    printf("\n");
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        const bench_case *c = &cases[k];
        char path[4096];
        if (s.only != NULL && strcmp(s.only, c->name) != 0)
            continue;
        snprintf(path, sizeof path, "%s/%s.wat", s.dir,
                 c->file != NULL ? c->file : c->name);
        run_case(&s, c, path);
    }
    for (; i < argc; i++) {
        const char *slash = strrchr(argv[i], '/');
        bench_case c = {.name = slash != NULL ? slash + 1 : argv[i],
                        .what = "instantiate + drop",
                        .kind = INSTANCES};
        if (s.only == NULL || strcmp(s.only, c.name) == 0)
            run_case(&s, &c, argv[i]);
    }
    return 0;
}
