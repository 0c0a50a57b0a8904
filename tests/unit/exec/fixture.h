/* A store, a thread and modules from text, for the tests of exec/. */
#ifndef SL_TESTS_EXEC_FIXTURE_H
#define SL_TESTS_EXEC_FIXTURE_H

#include "check.h"

#include "exec/exec.h"
#include "text/text.h"

#define MODULES_MAX 8

typedef struct fixture {
    sl_core_store *store;
    sl_core_thread thread;
    sl_trap_info trap;
    sl_module *modules[MODULES_MAX];
    sl_buf bytes[MODULES_MAX];
    uint32_t n_modules;
    sl_err err;
} fixture;

#define STACK_SLOTS 65536

void fixture_open(fixture *f, const sl_core_limits *limits);
void fixture_close(fixture *f);
const sl_module *module_of(fixture *f, const char *text);
/* Fails the test when it does not come about. */
sl_core_instance *instance_of(fixture *f, const char *text,
                              const sl_core_extern *imports);
sl_core_func *func_of(const sl_core_instance *instance, const char *name);
sl_core_extern export_of(const sl_core_instance *instance, const char *name);
sl_core_extern extern_func(sl_core_func *func);
/* Calls an export with up to two i64-sized arguments; the first result. */
sl_status call(fixture *f, const sl_core_instance *instance, const char *name,
               uint64_t a, uint64_t b, uint64_t *result);
/* Calls and expects that result, or that trap. */
void expect(fixture *f, const sl_core_instance *instance, const char *name,
            uint64_t a, uint64_t b, uint64_t result);
void expect_trap(fixture *f, const sl_core_instance *instance, const char *name,
                 uint64_t a, const char *message);

#endif
