/* Runs the export `run` of a core module: seconds and result, on one line.
 *
 *   bench_kernels FILE.wasm N [ROUNDS]
 *
 * The time is the best of the rounds; translation is in the first one. With
 * SL_STATS in the environment the translated code's size follows. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/source.h"
#include "exec/exec.h"

#define STACK_SLOTS (1u << 20)

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static int complain(const sl_err *err)
{
    fprintf(stderr, "%s\n", err->msg);
    return 1;
}

static uint8_t *read_file(const char *path, size_t *len, sl_err *err)
{
    sl_source *source = sl_source_file(path, err);
    if (source == NULL)
        return NULL;
    *len = (size_t)source->size;
    uint8_t *bytes = malloc(*len + 1);
    if (bytes == NULL ||
        source->read_at(source, 0, bytes, *len, err) != SL_OK) {
        free(bytes);
        bytes = NULL;
    }
    sl_source_unref(source);
    return bytes;
}

static int run(sl_core_thread *thread, sl_core_func *func, uint32_t n,
               int rounds)
{
    double best = 0;
    sl_slot value = {.i64 = 0};
    for (int i = 0; i < rounds; i++) {
        value.i64 = n;
        double start = now();
        if (sl_core_call(thread, func, &value) != SL_OK)
            return complain(&thread->trap->err);
        double time = now() - start;
        if (i == 0 || time < best)
            best = time;
    }
    printf("%.6f %d\n", best, (int32_t)value.i32);
    if (getenv("SL_STATS") != NULL) {
        sl_core_stats stats = sl_core_store_stats(thread->store);
        printf("%llu functions, %llu bytes\n",
               (unsigned long long)stats.funcs_translated,
               (unsigned long long)stats.ir_bytes);
    }
    return 0;
}

int main(int argc, char **argv)
{
    if (argc < 3) {
        fprintf(stderr, "usage: %s FILE.wasm N [ROUNDS]\n", argv[0]);
        return 2;
    }
    sl_err err = {0};
    sl_core_features features = {0};
    sl_trap_info trap = {0};
    sl_core_thread thread = {0};
    sl_core_instance *instance;
    sl_core_extern item;
    size_t len = 0;

    uint8_t *bytes = read_file(argv[1], &len, &err);
    if (bytes == NULL)
        return complain(&err);
    sl_module *module = sl_module_decode(bytes, len, 0, &features, &err);
    if (module == NULL)
        return complain(&err);
    sl_core_store *store = sl_core_store_new(NULL, &err);
    if (store == NULL ||
        sl_core_thread_init(&thread, store, STACK_SLOTS, &trap, &err) !=
            SL_OK ||
        sl_core_instantiate(&thread, module, NULL, &instance, &err) != SL_OK)
        return complain(&err);
    if (!sl_core_instance_export(instance, SL_NAME("run"), &item) ||
        item.kind != SL_CORE_FUNC) {
        fprintf(stderr, "%s: no function `run`\n", argv[1]);
        return 1;
    }
    int status = run(&thread, item.of.func, (uint32_t)atoi(argv[2]),
                     argc > 3 ? atoi(argv[3]) : 1);
    sl_core_thread_deinit(&thread);
    sl_core_store_free(store);
    sl_module_free(module);
    free(bytes);
    return status;
}
