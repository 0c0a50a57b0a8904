/* Mutants of components: flipped bytes, cut ends, moved and repeated pieces.
 * Each is decoded, validated and, if that succeeds, instantiated and run with a
 * deadline. None may crash, hang or leak (run it under the sanitizers for the
 * last). docs/testing.md.
 *
 *   sweep MUTANTS SEED FILE... */
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

#include "mutate.h"
#include "sluice/sluice.h"

enum { DEADLINE_MS = 20, HANG_S = 20 };

/* --- Running ----------------------------------------------------------------------- */

static sluice_store *volatile running;
static volatile int alarms;

/* First the deadline, then, if that did not help, the end. */
static void on_alarm(int number)
{
    (void)number;
    if (running != NULL)
        sluice_store_interrupt(running);
    if (++alarms * DEADLINE_MS > HANG_S * 1000)
        abort();
}

static void start_clock(void)
{
    struct itimerval every = {{0, DEADLINE_MS * 1000}, {0, DEADLINE_MS * 1000}};
    struct sigaction action = {.sa_handler = on_alarm, .sa_flags = SA_RESTART};
    sigaction(SIGALRM, &action, NULL);
    setitimer(ITIMER_REAL, &every, NULL);
}

/* Calls what the component exports, with zeroed arguments of the right kinds
 * where numbers will do. */
static void call_exports(sluice_component *component, sluice_instance *instance)
{
    static const char *const names[] = {"wasi:cli/run#run", "sum", "open",
                                        "greet", "add"};
    (void)component;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        sluice_error error;
        sluice_val result = {0}, args[4] = {{0}};
        sluice_func *func = sluice_instance_func(instance, names[i]);
        size_t n = func != NULL ? sluice_type_n_params(sluice_func_type(func))
                                : SIZE_MAX;
        if (n > 4)
            continue;
        for (size_t k = 0; k < n; k++) {
            sluice_name name;
            const sluice_type *type;
            sluice_type_param(sluice_func_type(func), k, &name, &type);
            args[k].kind = (uint8_t)sluice_type_kind(type);
        }
        sluice_func_call_wait(func, args, n, &result, &error);
        sluice_val_deinit(&result);
    }
}

/* What components import and what they are left with. */
static bool supply_value(sluice_linker *linker)
{
    sluice_val name;
    return sluice_val_string(&name, "world", 5) &&
           sluice_linker_value(linker, NULL, "name", &name, NULL) == SLUICE_OK;
}

static void take_values(sluice_component *component, sluice_instance *instance)
{
    sluice_extern e;
    for (size_t i = 0; sluice_component_export(component, i, &e); i++) {
        char name[32];
        sluice_val value;
        if (e.kind != SLUICE_EXTERN_VALUE)
            continue;
        snprintf(name, sizeof name, "%.*s", (int)e.name.len, e.name.data);
        sluice_instance_value(instance, name, &value, NULL);
        sluice_val_deinit(&value);
    }
}

static const char *run(sluice_engine *engine, const uint8_t *bytes, size_t len,
                       int null_fd)
{
    sluice_error error;
    const char *how = "refused";
    const char *args[] = {"mutant", NULL};
    sluice_wasi_config config = {.args = args,
                                 .stdin_fd = null_fd,
                                 .stdout_fd = null_fd,
                                 .stderr_fd = null_fd};
    sluice_component *component =
        sluice_component_from_buffer(engine, bytes, len, false, &error);
    if (component == NULL)
        return how;
    sluice_linker *linker = sluice_linker_new(engine, &error);
    sluice_store *store = sluice_store_new(engine, NULL, &error);
    if (linker != NULL && store != NULL &&
        sluice_linker_wasi(linker, &config, &error) == SLUICE_OK &&
        supply_value(linker)) {
        how = "valid";
        running = store;
        sluice_instance *instance =
            sluice_instantiate(store, linker, component, &error);
        if (instance != NULL) {
            how = "ran";
            take_values(component, instance);
            call_exports(component, instance);
        }
        running = NULL;
    }
    sluice_store_free(store);
    sluice_linker_free(linker);
    sluice_component_free(component);
    return how;
}

int main(int argc, char **argv)
{
    if (argc < 4) {
        fprintf(stderr, "usage: sweep MUTANTS SEED FILE...\n");
        return 2;
    }
    sluice_error error;
    sluice_limits limits = sluice_limits_strict();
    sluice_engine *engine = sluice_engine_new(&limits, &error);
    sluice_engine_set_feature(engine, "values", true);
    sluice_engine_set_feature(engine, "core-data", true);
    uint64_t mutants = strtoull(argv[1], NULL, 0), counts[3] = {0};
    uint64_t first = strtoull(argv[2], NULL, 0);
    size_t n_seeds = (size_t)argc - 3;
    mutate_seed *seeds = calloc(n_seeds, sizeof *seeds);
    int null_fd = open("/dev/null", O_RDWR);
    for (size_t i = 0; i < n_seeds; i++)
        if (!mutate_load(argv[3 + i], &seeds[i])) {
            perror(argv[3 + i]);
            return 2;
        }
    start_clock();
    for (uint64_t i = 0; i < mutants; i++) {
        mutate_start(first + i);
        const mutate_seed *s = &seeds[i % n_seeds];
        uint8_t *bytes = malloc(2 * s->len + 16);
        size_t len = mutate(s, bytes);
        uint8_t *exact = malloc(len); /* so that a byte too far is seen */
        memcpy(exact, bytes, len);
        alarms = 0;
        const char *how = run(engine, exact, len, null_fd);
        counts[*how == 'v' ? 1 : strcmp(how, "ran") == 0 ? 2 : 0]++;
        free(exact);
        free(bytes);
    }
    printf("%" PRIu64 " mutants of %zu components: %" PRIu64
           " refused, %" PRIu64 " not linked, %" PRIu64 " run\n",
           mutants, n_seeds, counts[0], counts[1], counts[2]);
    printf("%" PRIu64 " passed, 0 failed, 0 skipped\n", mutants);
    for (size_t i = 0; i < n_seeds; i++)
        free(seeds[i].bytes);
    free(seeds);
    close(null_fd);
    sluice_engine_free(engine);
    return 0;
}
