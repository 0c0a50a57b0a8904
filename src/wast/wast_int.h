/* What the files of the script runner share. */
#ifndef SL_WAST_WAST_INT_H
#define SL_WAST_WAST_INT_H

#include "base/map.h"
#include "exec/exec.h"
#include "text/text.h"
#include "wast/wast.h"

typedef enum wast_outcome {
    WAST_PASS,
    WAST_FAIL,
    WAST_SKIP, /* a feature that is not there, or an earlier skip's result */
} wast_outcome;

/* What a command expects of the thing inside it. */
typedef enum wast_want {
    WAST_WANT_OK, /* assert_return: with the results that follow */
    WAST_WANT_MALFORMED,
    WAST_WANT_INVALID,
    WAST_WANT_UNLINKABLE,
    WAST_WANT_TRAP,
    WAST_WANT_EXHAUSTION,
    WAST_WANT_EXCEPTION, /* of core actions alone; without a message */
} wast_want;

/* What a script's names stand for. */
typedef enum wast_thing_kind {
    WAST_NOTHING,
    WAST_SKIPPED, /* would be there but for a missing feature */
    WAST_CORE_MODULE,
    WAST_CORE_INSTANCE,
    WAST_COMPONENT,
    WAST_COMPONENT_INSTANCE,
} wast_thing_kind;

typedef struct wast_thing {
    wast_thing_kind kind;
    union {
        const sl_module *module;
        sl_core_instance *instance;
        void *component; /* component.c's own, both kinds */
    } of;
} wast_thing;

/* $names; later bindings hide earlier ones. */
typedef struct wast_scope {
    sl_map map; /* to indices of `things` */
    SL_VEC(wast_thing) things;
} wast_scope;

typedef struct wast_loaded {
    sl_module *module;
    sl_buf bytes;
} wast_loaded;

typedef struct wast {
    const char *file;
    sl_name source;
    const sl_wast_options *options;
    sl_core_features features;
    sl_features gates; /* of components, beside the defaults */
    bool has_data;  /* the script is about core:data */
    sl_arena arena; /* tokens and what the script's parse makes */
    sl_tokens tokens;

    sl_core_store *store;
    sl_core_thread thread;
    bool has_thread;
    sl_trap_info trap;
    uint64_t deadline_ns; /* with options->tight */
    SL_VEC(wast_loaded) loaded; /* modules live as long as the store */
    wast_scope definitions, instances;
    wast_scope registered; /* by module name */
    wast_thing last_definition, current;
    struct wast_spectest *spectest;
    struct wast_components *components; /* component.c's own; NULL until used */

    char why[512]; /* of the last FAIL or SKIP */
    sl_wast_counts counts;
    sl_map skip_reasons; /* to counts */
    SL_VEC(sl_name) reasons;
    const sl_wast_nyi_row *file_nyi; /* the row for the whole file, or NULL */
    uint64_t n_known;                /* failures it excused */
    uint32_t line, line_at;          /* where lines were last counted */
} wast;

/* (invoke ...) or (get ...): where its parts are. */
typedef struct wast_action {
    bool is_get;
    bool bare; /* a command of its own: results are not looked at */
    uint32_t at;
    wast_thing target;
    sl_name name;
    sl_cursor args; /* behind the name; ends at the closing parenthesis */
    sl_cursor rest; /* behind the action: results or message */
} wast_action;

/* script.c: verdicts. They write `why` and return what they are named for. */
wast_outcome wast_fail(wast *w, const char *fmt, ...) SL_PRINTF(2, 3);
wast_outcome wast_skip(wast *w, const char *fmt, ...) SL_PRINTF(2, 3);
/* How a thing ended against what the command wanted of it: status and
 * message. Knows SL_EUNSUPPORTED as a skip. */
wast_outcome wast_judge(wast *w, wast_want want, sl_name message,
                        sl_status status, const char *got);
bool wast_bind(wast_scope *scope, sl_name name, wast_thing thing);
/* WAST_NOTHING when the name is not there. */
wast_thing wast_find(const wast_scope *scope, sl_name name);

/* What a store of the script may have. */
extern const sl_core_limits wast_limits, wast_limits_tight;

/* core.c: the cursor stands on `(module`. */
wast_outcome wast_core_form(wast *w, sl_cursor *c, wast_want want,
                            sl_name message);
/* A script that is the fields of one module. */
wast_outcome wast_core_inline(wast *w, sl_cursor *c);
wast_outcome wast_core_action(wast *w, wast_action *action, wast_want want,
                              sl_name message);
/* The item a core module's import names, from registered instances. */
sl_status wast_core_import(wast *w, const sl_core_import *import,
                           sl_core_extern *out, sl_err *err);

/* round_trip.c: prints a binary, parses the text and compares, custom sections
 * apart. `exact`: the bytes came from our own parser and must come back;
 * others must from the second time on. */
typedef bool (*wast_print_fn)(const uint8_t *bytes, size_t len, sl_buf *out,
                              sl_err *err);
wast_outcome wast_round_trip(wast *w, wast_print_fn print, const sl_buf *bytes,
                             bool exact);

/* spectest.c: the host module of the suite. */
sl_status wast_spectest_get(wast *w, sl_name name, sl_core_extern *out,
                            sl_err *err);
void wast_spectest_free(wast *w);

/* value.c */
#define WAST_MAX_ALTERNATIVES 8

typedef enum wast_pattern_kind {
    WAST_BITS,
    WAST_NAN_CANONICAL,
    WAST_NAN_ARITHMETIC,
    WAST_REF_NULL,   /* of `type`, or of any (0) */
    WAST_REF_EXTERN, /* bits: the host's number */
    WAST_REF_ANY,    /* not null, of `type` */
} wast_pattern_kind;

typedef struct wast_pattern {
    wast_pattern_kind kind;
    sl_valtype type;
    uint64_t bits;
} wast_pattern;

/* A result: any of n patterns (`either`), usually one. */
typedef struct wast_result {
    uint32_t n;
    wast_pattern any[WAST_MAX_ALTERNATIVES];
} wast_result;

/* (i32.const 1) and so on. False with err set; SL_EUNSUPPORTED for values of
 * proposals that are not there. */
bool wast_parse_value(sl_cursor *c, sl_valtype *type, sl_slot *out);
bool wast_parse_result(sl_cursor *c, wast_result *out);
bool wast_matches(const wast_result *want, sl_valtype type, sl_slot have);
void wast_print_value(sl_buf *out, sl_valtype type, sl_slot value);
void wast_print_result(sl_buf *out, const wast_result *want);

/* component.c: the cursor stands on `(component`. */
wast_outcome wast_component_form(wast *w, sl_cursor *c, wast_want want,
                                 sl_name message);
wast_outcome wast_component_action(wast *w, wast_action *action, wast_want want,
                                   sl_name message);
struct wast_backings *wast_backings_of(wast *w, sl_err *err);
void wast_components_free(wast *w);

/* main.c: what the commands share. */
bool wast_parse_seed(const char *text, uint64_t *out);
bool wast_find_backing(const char *text, sl_wast_backing *out);
void wast_add_counts(sl_wast_counts *to, const sl_wast_counts *counts);

/* file.c: the cursor stands behind `(file`. */
wast_outcome wast_file_form(wast *w, sl_cursor *c);

#endif
