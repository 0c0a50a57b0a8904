/* Any bytes as a component; what validates is instantiated with what it wants of
 * WASI and of segments, and its exports are called, with a deadline. */
#include "fuzz.h"

#include "sluice/sluice.h"

enum { PARAMS_MAX = 8, CALLS_MAX = 32, NAME_SIZE = 200 };

static sluice_engine *engine;

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    static const char *const features[] = {
        "values", "map", "fixed-lists", "forward", "attributes", "core-data"};
    sluice_limits limits = sluice_limits_strict();
    (void)argc, (void)argv;
    engine = sluice_engine_new(&limits, NULL);
    for (size_t i = 0; i < sizeof features / sizeof *features; i++)
        sluice_engine_set_feature(engine, features[i], true);
    return 0;
}

static bool name_of(sluice_name interface, sluice_name name,
                    char out[NAME_SIZE])
{
    int n = interface.len != 0
                ? snprintf(out, NAME_SIZE, "%.*s#%.*s", (int)interface.len,
                           interface.data, (int)name.len, name.data)
                : snprintf(out, NAME_SIZE, "%.*s", (int)name.len, name.data);
    return n > 0 && n < NAME_SIZE;
}

/* --- What is imported -------------------------------------------------------- */

static void supply(sluice_linker *linker, sluice_component *component)
{
    static const uint8_t words[] = "bytes of a segment that somebody imports";
    sluice_wasi_config config = {0};
    sluice_extern e;
    char name[NAME_SIZE];
    sluice_linker_wasi(linker, &config, NULL);
    sluice_val n = {.kind = SLUICE_U32, .of.u32 = 1};
    sluice_linker_value(linker, NULL, "n", &n, NULL);
    for (size_t i = 0; sluice_component_import(component, i, &e); i++) {
        if (e.kind != SLUICE_EXTERN_DATA ||
            !name_of((sluice_name){0}, e.name, name))
            continue;
        sluice_segment *segment =
            sluice_segment_from_buffer(words, sizeof words, false, NULL);
        sluice_linker_segment(linker, name, segment, NULL);
        sluice_segment_free(segment);
    }
}

/* --- What is exported -------------------------------------------------------- */

static void call(sluice_instance *instance, const char *name)
{
    sluice_val args[PARAMS_MAX] = {{0}}, result = {0};
    sluice_func *func = sluice_instance_func(instance, name);
    size_t n = func != NULL ? sluice_type_n_params(sluice_func_type(func))
                            : PARAMS_MAX + 1;
    if (n > PARAMS_MAX)
        return;
    for (size_t i = 0; i < n; i++) {
        sluice_name label;
        const sluice_type *type;
        sluice_type_param(sluice_func_type(func), i, &label, &type);
        args[i].kind = (uint8_t)sluice_type_kind(type);
    }
    sluice_func_call_wait(func, args, n, &result, NULL);
    sluice_val_deinit(&result);
}

static void call_exports(sluice_component *component, sluice_instance *instance)
{
    sluice_extern e, member;
    char name[NAME_SIZE];
    unsigned calls = 0;
    for (size_t i = 0; sluice_component_export(component, i, &e); i++) {
        if (e.kind == SLUICE_EXTERN_FUNC && calls++ < CALLS_MAX &&
            name_of((sluice_name){0}, e.name, name))
            call(instance, name);
        for (size_t k = 0; sluice_extern_member(&e, k, &member); k++)
            if (member.kind == SLUICE_EXTERN_FUNC && calls++ < CALLS_MAX &&
                name_of(e.name, member.name, name))
                call(instance, name);
    }
}

/* --- One input --------------------------------------------------------------- */

static void run(sluice_component *component)
{
    sluice_linker *linker = sluice_linker_new(engine, NULL);
    sluice_store *store = sluice_store_new(engine, NULL, NULL);
    supply(linker, component);
    sluice_store_set_deadline(store, 20 * 1000 * 1000);
    sluice_instance *instance =
        sluice_instantiate(store, linker, component, NULL);
    if (instance != NULL)
        call_exports(component, instance);
    sluice_store_free(store);
    sluice_linker_free(linker);
}

static bool visit(void *arg, const sluice_item *item)
{
    *(uint64_t *)arg += item->size + (item->sort != NULL);
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    sluice_error error = {0};
    uint64_t sum = 0;
    sluice_component *component =
        sluice_component_from_buffer(engine, bytes, len, false, &error);
    must((component != NULL) == (error.status == SLUICE_OK));
    if (component != NULL) {
        sluice_component_walk(component, visit, &sum);
        run(component);
    }
    sluice_component_free(component);
    return 0;
}
