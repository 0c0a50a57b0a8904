/* libFuzzer: any bytes as a component; what validates is instantiated and run
 * with a deadline ("validated => safe to run", docs/testing.md).
 *
 *   cmake --preset fuzz && cmake --build --preset fuzz
 *   build/fuzz/bin/component_fuzz -max_len=65536 CORPUS */
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/time.h>

#include "sluice/sluice.h"

static sluice_engine *engine;
static sluice_store *volatile running;

static void on_alarm(int number)
{
    (void)number;
    if (running != NULL)
        sluice_store_interrupt(running);
}

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc, (void)argv;
    struct itimerval every = {{0, 20000}, {0, 20000}};
    sluice_limits limits = sluice_limits_strict();
    engine = sluice_engine_new(&limits, NULL);
    sluice_engine_set_feature(engine, "values", true);
    sluice_engine_set_feature(engine, "core-data", true);
    signal(SIGVTALRM, on_alarm);
    setitimer(ITIMER_VIRTUAL, &every, NULL);
    return 0;
}

static void run(sluice_component *component)
{
    sluice_wasi_config config = {0};
    sluice_linker *linker = sluice_linker_new(engine, NULL);
    sluice_store *store = sluice_store_new(engine, NULL, NULL);
    sluice_linker_wasi(linker, &config, NULL);
    sluice_val name = {.kind = SLUICE_U32, .of.u32 = 1};
    sluice_linker_value(linker, NULL, "n", &name, NULL);
    running = store;
    sluice_instance *instance =
        sluice_instantiate(store, linker, component, NULL);
    sluice_func *func =
        instance != NULL ? sluice_instance_func(instance, "wasi:cli/run#run")
                         : NULL;
    if (func != NULL && sluice_type_n_params(sluice_func_type(func)) == 0)
        sluice_func_call_wait(func, NULL, 0, NULL, NULL);
    running = NULL;
    sluice_store_free(store);
    sluice_linker_free(linker);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    sluice_component *component =
        sluice_component_from_buffer(engine, bytes, len, false, NULL);
    if (component != NULL)
        run(component);
    sluice_component_free(component);
    return 0;
}
