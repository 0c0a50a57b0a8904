/* An instance with one memory and a realloc that the tests watch. */
#ifndef SL_TESTS_CANON_FIXTURE_H
#define SL_TESTS_CANON_FIXTURE_H

#include "check.h"

#include "canon/canon.h"

#define MAX_REALLOCS 64

typedef struct realloc_call {
    uint64_t old, old_bytes, align, new_bytes, result;
} realloc_call;

typedef struct fixture {
    sl_loop *loop;
    sl_store *store;
    sl_instance *inst;
    sl_arena arena;
    sl_canon canon;
    sl_canon_fn fn;
    sl_cx cx;
    uint64_t bump;              /* the next free address */
    uint64_t *forced, n_forced; /* results to give instead, in order */
    realloc_call calls[MAX_REALLOCS];
    uint32_t n_calls;
} fixture;

void fixture_init(fixture *f, sl_string_encoding encoding, bool is64);
void fixture_deinit(fixture *f);
/* Forgets the last trap, the reallocs and what was allocated. */
void fixture_reset(fixture *f);
const char *fixture_trap(const fixture *f);

/* Types made by hand, in the fixture's arena. */
const sl_type *prim(sl_type_kind kind);
const sl_type *list_of(fixture *f, const sl_type *elem, uint32_t len);
const sl_type *option_of(fixture *f, const sl_type *elem);
const sl_type *result_of(fixture *f, const sl_type *ok, const sl_type *error);
const sl_type *map_of(fixture *f, const sl_type *key, const sl_type *value);
/* RECORD, TUPLE, VARIANT, ENUM or FLAGS with n parts; NULL: no payload. */
const sl_type *labels_of(fixture *f, sl_type_kind kind, uint32_t n, ...);

#endif
