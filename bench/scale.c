/* What is there in large numbers: pending tasks in one store, live instances
 * in one process. Prints what each takes, and fails when that is more than
 * docs/performance.md promises or grows faster than their number. */
#include <inttypes.h>
#include <malloc.h>
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

static bool failed;

static void die(const char *what, const char *why)
{
    fprintf(stderr, "bench_scale: %s: %s\n", what, why);
    exit(1);
}

static void check(const char *what, double is, double most)
{
    bool good = is <= most;
    printf("    %-44s %10.2f (at most %.2f)%s\n", what, is, most,
           good ? "" : "  TOO MUCH");
    failed = failed || !good;
}

static double now_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static double heap_bytes(void)
{
    struct mallinfo2 info = mallinfo2();
    return (double)info.uordblks + (double)info.hblkhd;
}

/* A line of /proc/self/status, in KiB. */
static double status_kib(const char *name)
{
    char line[256];
    double value = 0;
    FILE *f = fopen("/proc/self/status", "r");
    while (f != NULL && fgets(line, sizeof line, f) != NULL)
        if (strncmp(line, name, strlen(name)) == 0)
            value = strtod(line + strlen(name) + 1, NULL);
    if (f != NULL)
        fclose(f);
    return value;
}

static double n_mappings(void)
{
    double n = 0;
    FILE *f = fopen("/proc/self/maps", "r");
    for (int c; f != NULL && (c = fgetc(f)) != EOF;)
        n += c == '\n';
    if (f != NULL)
        fclose(f);
    return n;
}

static sl_buf component_bytes(const char *dir, const char *name)
{
    char path[4096], piece[65536];
    sl_buf text, out;
    sl_err err = {0};
    size_t n;
    snprintf(path, sizeof path, "%s/%s.wat", dir, name);
    FILE *f = fopen(path, "rb");
    if (f == NULL)
        die(path, "cannot be opened");
    sl_buf_init(&text);
    sl_buf_init(&out);
    while ((n = fread(piece, 1, sizeof piece, f)) > 0)
        sl_buf_bytes(&text, piece, n);
    fclose(f);
    if (!sl_text_parse((sl_name){(const char *)text.data, text.len}, &out,
                       &err))
        die(path, err.msg);
    sl_buf_deinit(&text);
    return out;
}

/* --- Pending tasks -------------------------------------------------------- */

static struct {
    sluice_call **calls; /* the host's: to be answered */
    size_t n;
    uint32_t n_done;
    sluice_status expected;
} pending;

static void host(void *ctx, sluice_call *call, const sluice_val *args,
                 size_t n_args)
{
    (void)ctx, (void)args, (void)n_args;
    pending.calls[pending.n++] = call;
}

static void done(void *arg, const sluice_error *error, sluice_val *result)
{
    (void)arg, (void)result;
    if (error->status != pending.expected)
        die("a call", error->message);
    pending.n_done++;
}

typedef struct tasks_cost {
    double bytes; /* of heap for each */
    double seconds;
} tasks_cost;

/* `n` calls wait at once, then all end. */
static tasks_cost run_tasks(sluice_component *component, sluice_engine *engine,
                            const char *name, uint32_t n)
{
    sluice_error error;
    sluice_linker *linker = sluice_linker_new(engine, &error);
    if (sluice_linker_func(linker, NULL, "host", NULL, host, NULL, NULL,
                           &error) != SLUICE_OK)
        die("linker", error.message);
    sluice_store *store = sluice_store_new(engine, NULL, &error);
    sluice_instance *instance =
        sluice_instantiate(store, linker, component, &error);
    if (instance == NULL)
        die("instance", error.message);
    sluice_func *func = sluice_instance_func(instance, name);
    sluice_pending **calls = calloc(n, sizeof *calls);
    bool cancels = strcmp(name, "park") == 0;
    memset(&pending, 0, sizeof pending);
    pending.calls = calloc(n, sizeof *pending.calls);
    pending.expected = cancels ? SLUICE_ECANCELLED : SLUICE_OK;

    double before = heap_bytes(), start = now_s();
    for (uint32_t i = 0; i < n; i++)
        if (sluice_func_call(func, NULL, 0, done, NULL, &calls[i], &error) !=
            SLUICE_OK)
            die(name, error.message);
    tasks_cost cost = {.bytes = (heap_bytes() - before) / n};
    if (sluice_store_stats(store).tasks != n)
        die(name, "not all tasks are pending");
    for (uint32_t i = 0; cancels && i < n; i++)
        sluice_pending_cancel(calls[i]);
    for (size_t i = 0; i < pending.n; i++) {
        sluice_val answer = {.kind = SLUICE_U32, .of.u32 = 42};
        sluice_call_return(pending.calls[i], &answer);
    }
    while (pending.n_done < n)
        uv_run(sluice_store_loop(store), UV_RUN_ONCE);
    cost.seconds = now_s() - start;
    sluice_store_free(store);
    sluice_linker_free(linker);
    free(pending.calls);
    free(calls);
    return cost;
}

/* The fastest of some runs: what else the machine does only adds time. */
static tasks_cost best_of(sluice_component *component, sluice_engine *engine,
                          const char *name, uint32_t n)
{
    tasks_cost best = run_tasks(component, engine, name, n);
    for (int i = 0; i < 2; i++) {
        tasks_cost again = run_tasks(component, engine, name, n);
        if (again.seconds < best.seconds)
            best = again;
    }
    return best;
}

static void pending_tasks(const char *dir, const char *name, uint32_t n,
                          double most_bytes)
{
    sluice_error error;
    sluice_limits limits = sluice_limits_none();
    sluice_engine *engine = sluice_engine_new(&limits, &error);
    sl_buf bytes = component_bytes(dir, "pending");
    sluice_component *component = sluice_component_from_buffer(
        engine, bytes.data, bytes.len, false, &error);
    if (component == NULL)
        die("component", error.message);
    run_tasks(component, engine, name, n / 10); /* warm */
    tasks_cost half = best_of(component, engine, name, n / 2);
    tasks_cost all = best_of(component, engine, name, n);
    printf("%" PRIu32 " pending tasks (%s): %.0f ns each\n", n, name,
           all.seconds / n * 1e9);
    check("bytes of heap for each", all.bytes, most_bytes);
    check("time of one among all / among half", all.seconds / 2 / half.seconds,
          1.6);
    sluice_component_free(component);
    sluice_engine_free(engine);
    sl_buf_deinit(&bytes);
}

/* --- Live instances ------------------------------------------------------- */

static void run_once(sluice_instance *instance)
{
    sluice_error error;
    sluice_val arg = {.kind = SLUICE_U32};
    sluice_func *run = sluice_instance_func(instance, "run");
    if (run == NULL ||
        sluice_func_call_wait(run, &arg, 1, NULL, &error) != SLUICE_OK)
        die("run", run != NULL ? error.message : "no such function");
}

/* `per_store` instances in each store, all on one loop. */
static void live_instances(const char *dir, uint32_t n, uint32_t per_store)
{
    sluice_error error;
    sluice_limits limits = sluice_limits_none();
    sluice_engine *engine = sluice_engine_new(&limits, &error);
    sl_buf bytes = component_bytes(dir, "small");
    sluice_component *component = sluice_component_from_buffer(
        engine, bytes.data, bytes.len, false, &error);
    if (component == NULL)
        die("component", error.message);
    uv_loop_t loop;
    uv_loop_init(&loop);
    sluice_store **stores = calloc(n, sizeof *stores);
    sluice_instance **instances = calloc(n, sizeof *instances);
    malloc_trim(0); /* so that nothing of before is used again */
    double rss = status_kib("VmRSS:"), pte = status_kib("VmPTE:");
    double heap = heap_bytes(), maps = n_mappings(), start = now_s();
    uint32_t n_stores = 0;
    for (uint32_t i = 0; i < n; i++) {
        if (i % per_store == 0) {
            stores[n_stores] = sluice_store_new(engine, &loop, &error);
            if (stores[n_stores++] == NULL)
                die("store", error.message);
        }
        instances[i] =
            sluice_instantiate(stores[n_stores - 1], NULL, component, &error);
        if (instances[i] == NULL)
            die("instance", error.message);
    }
    double made = now_s();
    for (uint32_t i = 0; i < n; i++)
        run_once(instances[i]);
    double ran = now_s();
    printf("%" PRIu32 " live instances in %" PRIu32
           " stores: %.1f us to make one, %.1f us to call it the first time\n",
           n, n_stores, (made - start) / n * 1e6, (ran - made) / n * 1e6);
    /* The guest has touched one page of its linear memory. */
    check("KiB resident for each, beyond its memory",
          (status_kib("VmRSS:") - rss) / n - 4, 64);
    check("... of which heap", (heap_bytes() - heap) / n / 1024, 64);
    check("KiB of page tables for each", (status_kib("VmPTE:") - pte) / n, 16);
    check("mappings for each", (n_mappings() - maps) / n, 3);
    for (uint32_t i = 0; i < n_stores; i++)
        sluice_store_free(stores[i]);
    uv_loop_close(&loop);
    free(stores);
    free(instances);
    sluice_component_free(component);
    sluice_engine_free(engine);
    sl_buf_deinit(&bytes);
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        fprintf(stderr, "usage: bench_scale DIR [TASKS INSTANCES]\n");
        return 64;
    }
    uint32_t tasks = argc > 2 ? (uint32_t)strtoul(argv[2], NULL, 10) : 100000;
    uint32_t instances =
        argc > 3 ? (uint32_t)strtoul(argv[3], NULL, 10) : 10000;
    pending_tasks(argv[1], "park", tasks, 1024);
    pending_tasks(argv[1], "ask", tasks, 2048);
    live_instances(argv[1], instances, 1);
    live_instances(argv[1], instances, instances);
    return failed;
}
