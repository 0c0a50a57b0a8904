/* A store with one loop and a root instance with two children. */
#ifndef SL_TESTS_TASK_FIXTURE_H
#define SL_TESTS_TASK_FIXTURE_H

#include "check.h"

#include <string.h>

#include "task/fiber.h"
#include "task/task.h"

typedef struct fixture {
    sl_loop *loop;
    sl_store *store;
    sl_instance *root, *a, *b;
    char log[256]; /* what happened, a letter or word each */
} fixture;

static inline void fixture_init(fixture *f)
{
    sl_err err = {0};
    memset(f, 0, sizeof *f);
    f->loop = sl_loop_new(NULL, &err);
    assert_non_null(f->loop);
    f->store = sl_store_new(f->loop, NULL, &err);
    assert_non_null(f->store);
    f->root = sl_instance_new(f->store, NULL, NULL, &err);
    f->a = sl_instance_new(f->store, f->root, NULL, &err);
    f->b = sl_instance_new(f->store, f->root, NULL, &err);
    assert_non_null(f->b);
}

static inline void fixture_deinit(fixture *f)
{
    sl_store_free(f->store);
    assert_int_equal(sl_loop_active(f->loop), 0);
    sl_loop_free(f->loop);
}

static inline void note(fixture *f, const char *what)
{
    assert_true(strlen(f->log) + strlen(what) < sizeof f->log);
    strcat(f->log, what);
}

/* Ticks until nothing is ready. */
static inline sl_status run_all(fixture *f)
{
    sl_status status = SL_OK;
    while (status == SL_OK && sl_store_tick(f->store, &status))
        ;
    return status;
}

#endif
