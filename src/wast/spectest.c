/* The suite's host module: print functions, a global of each number type,
 * tables and a memory. Core specification, interpreter, "Scripts / Spectest".
 */
#include "wast/wast_int.h"

typedef struct print_func {
    const char *name;
    uint32_t n;
    sl_valtype types[2];
} print_func;

static const print_func print_funcs[] = {
    {"print", 0, {0}},
    {"print_i32", 1, {SL_I32}},
    {"print_i64", 1, {SL_I64}},
    {"print_f32", 1, {SL_F32}},
    {"print_f64", 1, {SL_F64}},
    {"print_i32_f32", 2, {SL_I32, SL_F32}},
    {"print_f64_f64", 2, {SL_F64, SL_F64}},
};
#define N_PRINT_FUNCS (sizeof print_funcs / sizeof *print_funcs)

static const struct {
    const char *name;
    sl_globaltype type;
} globals[] = {
    {"global_i32", {SL_I32, false}},
    {"global_i64", {SL_I64, false}},
    {"global_f32", {SL_F32, false}},
    {"global_f64", {SL_F64, false}},
};
#define N_GLOBALS (sizeof globals / sizeof *globals)

struct wast_spectest {
    sl_functype types[N_PRINT_FUNCS];
    sl_core_func *funcs[N_PRINT_FUNCS];
    sl_global *globals[N_GLOBALS];
    sl_table *table, *table64;
    sl_memory *memory;
};

/* The suite never looks at what is printed. */
static sl_status print(sl_core_thread *thread, void *ctx, sl_slot *vals)
{
    (void)thread;
    (void)ctx;
    (void)vals;
    return SL_OK;
}

static sl_slot global_value(sl_valtype type)
{
    switch (type) {
    case SL_I32:
        return (sl_slot){.i32 = 666};
    case SL_I64:
        return (sl_slot){.i64 = 666};
    case SL_F32:
        return (sl_slot){.f32 = 666.6f};
    default:
        return (sl_slot){.f64 = 666.6};
    }
}

static bool make_items(wast *w, struct wast_spectest *s, sl_err *err)
{
    bool ok = true;
    for (size_t i = 0; ok && i < N_PRINT_FUNCS; i++) {
        s->types[i] = (sl_functype){print_funcs[i].n, 0, print_funcs[i].types};
        s->funcs[i] =
            sl_core_func_new_host(w->store, &s->types[i], print, NULL, err);
        ok = s->funcs[i] != NULL;
    }
    for (size_t i = 0; ok && i < N_GLOBALS; i++) {
        s->globals[i] = sl_global_new(w->store, globals[i].type,
                                      global_value(globals[i].type.type), err);
        ok = s->globals[i] != NULL;
    }
    sl_tabletype table = {SL_FUNCREF, {.min = 10, .max = 20, .has_max = true}};
    sl_memtype memory = {{.min = 1, .max = 2, .has_max = true}};
    sl_tabletype table64 = table;
    table64.limits.is64 = true;
    return ok && (s->table64 = sl_table_new(w->store, table64, err)) != NULL &&
           (s->table = sl_table_new(w->store, table, err)) != NULL &&
           (s->memory = sl_memory_new(w->store, memory, err)) != NULL;
}

static sl_status make_spectest(wast *w, sl_err *err)
{
    struct wast_spectest *s = sl_calloc(1, sizeof *s);
    if (s == NULL)
        return sl_fail(err, SL_ENOMEM, SL_ERR_NO_PLACE, "out of memory");
    if (!make_items(w, s, err)) {
        sl_free(s);
        return err->code;
    }
    w->spectest = s;
    return SL_OK;
}

void wast_spectest_free(wast *w)
{
    sl_free(w->spectest);
    w->spectest = NULL;
}

sl_status wast_spectest_get(wast *w, sl_name name, sl_core_extern *out,
                            sl_err *err)
{
    if (w->spectest == NULL && make_spectest(w, err) != SL_OK)
        return err->code;
    struct wast_spectest *s = w->spectest;
    for (size_t i = 0; i < N_PRINT_FUNCS; i++)
        if (sl_name_is(name, print_funcs[i].name)) {
            *out = (sl_core_extern){SL_CORE_FUNC, {.func = s->funcs[i]}};
            return SL_OK;
        }
    for (size_t i = 0; i < N_GLOBALS; i++)
        if (sl_name_is(name, globals[i].name)) {
            *out = (sl_core_extern){SL_CORE_GLOBAL, {.global = s->globals[i]}};
            return SL_OK;
        }
    if (sl_name_is(name, "table")) {
        *out = (sl_core_extern){SL_CORE_TABLE, {.table = s->table}};
        return SL_OK;
    }
    if (sl_name_is(name, "table64")) {
        *out = (sl_core_extern){SL_CORE_TABLE, {.table = s->table64}};
        return SL_OK;
    }
    if (sl_name_is(name, "memory")) {
        *out = (sl_core_extern){SL_CORE_MEMORY, {.memory = s->memory}};
        return SL_OK;
    }
    return sl_fail(err, SL_EUNLINKABLE, SL_ERR_NO_PLACE,
                   "unknown import: spectest has no \"%.*s\"",
                   SL_NAME_ARGS(name));
}
