#include "check.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "link/linker.h"
#include "text/text.h"

#define N(a) (sizeof(a) / sizeof *(a))

typedef struct fixture {
    sl_loop *loop;
    sl_store *store;
    sl_linker *linker;
    sl_source *source;
    sl_component *component;
    sl_instance *inst;
    sl_err err;
} fixture;

static sl_component *decode(const char *text, sl_source **source, sl_err *err)
{
    sl_buf bytes = {0};
    if (!sl_text_parse(sl_name_of(text), &bytes, err))
        fail_msg("%s", err->msg);
    *source = sl_source_buffer(bytes.data, bytes.len, true, err);
    sl_buf_deinit(&bytes);
    sl_component *component = sl_component_decode(*source, NULL, err);
    if (component == NULL)
        fail_msg("%s", err->msg);
    return component;
}

static void fixture_init(fixture *f, const char *text)
{
    memset(f, 0, sizeof *f);
    f->loop = sl_loop_new(NULL, &f->err);
    f->store = sl_store_new(f->loop, NULL, &f->err);
    f->linker = sl_linker_new(&f->err);
    assert_non_null(f->store);
    assert_non_null(f->linker);
    f->component = decode(text, &f->source, &f->err);
}

static void fixture_deinit(fixture *f)
{
    sl_store_free(f->store);
    sl_linker_free(f->linker);
    sl_component_free(f->component);
    sl_source_unref(f->source);
    sl_loop_free(f->loop);
}

static sl_status instantiate(fixture *f)
{
    return sl_linker_instantiate(f->linker, f->store, f->component, &f->inst,
                                 &f->err);
}

/* --- Calls ---------------------------------------------------------------- */

typedef struct host_call {
    sl_call call;
    bool done;
    sl_val arg, result;
} host_call;

static sl_status give_arg(sl_call *call, sl_arena *arena, sl_val *args)
{
    (void)arena;
    host_call *h = (host_call *)call;
    if (h->arg.kind != SLUICE_BOOL)
        args[0] = h->arg;
    return SL_OK;
}

static sl_status take_result(sl_call *call, const sl_val *result,
                             bool cancelled)
{
    (void)cancelled;
    host_call *h = (host_call *)call;
    if (result != NULL)
        h->result = *result;
    h->done = true;
    return SL_OK;
}

/* Calls "run" with an optional argument; its u32 result. */
static uint32_t run(fixture *f, const sl_val *arg)
{
    host_call h = {
        .call = {.on_start = give_arg, .on_resolve = take_result, .refs = 1}};
    if (arg != NULL)
        h.arg = *arg;
    const sl_item *item = sl_exports_get(&f->inst->exports, SL_NAME("run"));
    assert_non_null(item);
    assert_int_equal(item->sort, SL_SORT_FUNC);
    if (sl_store_invoke(f->store, item->of.func, &h.call) != SL_OK)
        fail_msg("%s", f->store->trap.err.msg);
    assert_true(h.done);
    return h.result.of.u32;
}

/* A host function: u32 -> u32, adds *ctx. */
static sl_status add(sl_funcinst *func, sl_call *call, sl_instance *caller)
{
    (void)caller;
    sl_arena arena;
    sl_val arg, result = {.kind = SLUICE_U32};
    sl_arena_init(&arena);
    sl_status status = sl_call_start(call, &arena, &arg);
    result.of.u32 = arg.of.u32 + *(uint32_t *)func->ctx;
    sl_arena_deinit(&arena);
    return status != SL_OK ? status : sl_call_resolve(call, &result, false);
}

/* --- Tests ---------------------------------------------------------------- */

#define CALLS_HOST(import, func)                                               \
    "(component"                                                               \
    "  (import " import ")"                                                    \
    "  (core func $l (canon lower " func "))"                                  \
    "  (core module $M"                                                        \
    "    (import \"\" \"f\" (func $f (param i32) (result i32)))"               \
    "    (func (export \"run\") (result i32) (call $f (i32.const 40))))"       \
    "  (core instance $m (instantiate $M (with \"\" (instance"                 \
    "    (export \"f\" (func $l))))))"                                         \
    "  (func (export \"run\") (result u32)"                                    \
    "    (canon lift (core func $m \"run\"))))"

#define ROOT_FUNC                                                              \
    CALLS_HOST("\"add\" (func $f (param \"a\" u32) (result u32))", "(func "    \
                                                                   "$f)")
#define INTERFACE_FUNC(version)                                                \
    CALLS_HOST("\"test:host/math@" version "\" (instance $i (export \"add\" "  \
               "(func (param \"a\" u32) (result u32))))",                      \
               "(func $i \"add\")")

static void test_linker__functions(void **state)
{
    (void)state;
    static const struct {
        const char *text, *interface, *type;
    } rows[] = {
        {ROOT_FUNC, "", NULL},
        {ROOT_FUNC, "", "func(a: u32) -> u32"},
        {INTERFACE_FUNC("0.2.0"), "test:host/math@0.2.0", NULL},
        {INTERFACE_FUNC("0.2.0"), "test:host/math@0.2.7", NULL},
        {INTERFACE_FUNC("1.4.0"), "test:host/math@1.0.2", NULL},
    };
    for (size_t i = 0; i < N(rows); i++) {
        fixture f;
        uint32_t two = 2;
        sl_host_func def = {add, &two, rows[i].type, NULL};
        fixture_init(&f, rows[i].text);
        assert_int_equal(sl_linker_func(f.linker, sl_name_of(rows[i].interface),
                                        SL_NAME("add"), &def, &f.err),
                         SL_OK);
        if (instantiate(&f) != SL_OK)
            fail_msg("row %zu: %s", i, f.err.msg);
        assert_int_equal(run(&f, NULL), 42);
        fixture_deinit(&f);
    }
}

static void test_linker__refusals_name_the_import(void **state)
{
    (void)state;
    static const struct {
        const char *text, *interface, *name, *type, *message;
    } rows[] = {
        {ROOT_FUNC, "", "sub", NULL,
         "import `add`: the host does not define it"},
        {ROOT_FUNC, "", "add", "func(a: u64) -> u32",
         "import `add`: the host's function has another type"},
        {INTERFACE_FUNC("0.2.0"), "test:host/math@0.3.0", "add", NULL,
         "import `test:host/math@0.2.0#add`: the host does not define it"},
        {INTERFACE_FUNC("0.2.0"), "test:host/math@0.2.0", "sub", NULL,
         "import `test:host/math@0.2.0#add`: the host does not define it"},
        {"(component (import \"add\" (core module)))", "", "add", NULL,
         "import `add`: the host has something else of this name"},
        {"(component (import \"d\" (core data)))", "", "add", NULL,
         "import `d`: the host does not define it"},
    };
    for (size_t i = 0; i < N(rows); i++) {
        fixture f;
        sl_host_func def = {add, NULL, rows[i].type, NULL};
        fixture_init(&f, rows[i].text);
        assert_int_equal(sl_linker_func(f.linker, sl_name_of(rows[i].interface),
                                        sl_name_of(rows[i].name), &def, &f.err),
                         SL_OK);
        assert_int_equal(instantiate(&f), SL_EUNLINKABLE);
        assert_string_equal(f.err.msg, rows[i].message);
        fixture_deinit(&f);
    }
}

static void count_free(void *ctx)
{
    ++*(int *)ctx;
}

static void test_linker__takes_contexts(void **state)
{
    (void)state;
    int freed = 0;
    sl_err err = {0};
    sl_linker *linker = sl_linker_new(&err);
    sl_host_func def = {add, &freed, NULL, count_free};
    sl_name none = SL_NAME("");
    assert_int_equal(sl_linker_func(linker, none, SL_NAME("f"), &def, &err),
                     SL_OK);
    assert_int_equal(freed, 0);
    assert_int_equal(sl_linker_func(linker, none, SL_NAME("f"), &def, &err),
                     SL_EUSAGE);
    assert_string_equal(err.msg, "`f` is defined already");
    assert_int_equal(freed, 1);
    sl_linker_free(linker);
    assert_int_equal(freed, 2);
}

/* A component that another one made: its outer alias sees the maker's scope,
 * wherever it is instantiated. */
static void test_instantiate__closures(void **state)
{
    (void)state;
    fixture f;
    fixture_init(&f,
                 "(component $A"
                 "  (core module $M (func (export \"f\") (result i32)"
                 "    (i32.const 7)))"
                 "  (component $B"
                 "    (component $C (export \"c\")"
                 "      (core instance $m (instantiate $M))"
                 "      (func (export \"g\") (result u32)"
                 "        (canon lift (core func $m \"f\")))))"
                 "  (instance $b (instantiate $B))"
                 "  (component $D"
                 "    (import \"c\" (component $c"
                 "      (export \"g\" (func (result u32)))))"
                 "    (instance $i (instantiate $c))"
                 "    (export \"g\" (func $i \"g\")))"
                 "  (alias export $b \"c\" (component $c))"
                 "  (instance $d (instantiate $D (with \"c\" (component $c))))"
                 "  (func (export \"run\") (alias export $d \"g\")))");
    if (instantiate(&f) != SL_OK)
        fail_msg("%s", f.err.msg);
    assert_int_equal(run(&f, NULL), 7);
    assert_int_equal(f.store->n_instances, 4);
    fixture_deinit(&f);
}

static void test_instantiate__start_traps(void **state)
{
    (void)state;
    fixture f;
    fixture_init(&f, "(component (core module $M"
                     "  (func $s unreachable) (start $s))"
                     "  (core instance (instantiate $M)))");
    assert_int_equal(instantiate(&f), SL_ETRAP);
    assert_string_equal(f.err.msg, "unreachable");
    fixture_deinit(&f);
}

/* Segments are bound, not read; each index is a reference. */
static void test_instantiate__segments(void **state)
{
    (void)state;
    fixture f;
    fixture_init(&f, "(component"
                     "  (core data $a \"hello\")"
                     "  (component $C (import \"d\" (core data $d))"
                     "    (core func $size (canon data.size $d))"
                     "    (core module $M (import \"\" \"s\""
                     "        (func $s (result i32)))"
                     "      (func (export \"run\") (result i32) (call $s)))"
                     "    (core instance $m (instantiate $M (with \"\""
                     "      (instance (export \"s\" (func $size))))))"
                     "    (func (export \"run\") (result u32)"
                     "      (canon lift (core func $m \"run\"))))"
                     "  (instance $c (instantiate $C"
                     "    (with \"d\" (core data $a))))"
                     "  (func (export \"run\") (alias export $c \"run\")))");
    if (instantiate(&f) != SL_OK)
        fail_msg("%s", f.err.msg);
    assert_int_equal(run(&f, NULL), 5);
    assert_int_equal(sl_data_ctx_stats(f.store->data)->bytes_read, 0);
    fixture_deinit(&f);
}

static sl_segment *open_segment(void *ctx, sl_store *store, sl_err *err)
{
    sl_backing *backing = sl_backing_inline(store->data, ctx, 0, 4, err);
    return backing != NULL ? sl_segment_new(backing, "host", err) : NULL;
}

static void test_linker__segments(void **state)
{
    (void)state;
    fixture f;
    fixture_init(&f, "(component (import \"d\" (core data $d))"
                     "  (core func $size (canon data.size $d))"
                     "  (core module $M (import \"\" \"s\""
                     "      (func $s (result i32)))"
                     "    (func (export \"run\") (result i32) (call $s)))"
                     "  (core instance $m (instantiate $M (with \"\""
                     "    (instance (export \"s\" (func $size))))))"
                     "  (func (export \"run\") (result u32)"
                     "    (canon lift (core func $m \"run\"))))");
    sl_source *source = sl_source_buffer("abcd", 4, true, &f.err);
    sl_host_segment def = {open_segment, source, NULL};
    assert_int_equal(sl_linker_segment(f.linker, SL_NAME("d"), &def, &f.err),
                     SL_OK);
    if (instantiate(&f) != SL_OK)
        fail_msg("%s", f.err.msg);
    assert_int_equal(run(&f, NULL), 4);
    fixture_deinit(&f);
    sl_source_unref(source);
}

/* Every allocation fails once, and from then on: nothing leaks or breaks, and
 * what fails says so. */
static void test_instantiate__without_memory(void **state)
{
    (void)state;
    for (int forever = 0; forever < 2; forever++) {
        sl_status status = SL_ENOMEM;
        for (size_t n = 1; status != SL_OK; n++) {
            fixture f;
            uint32_t two = 2;
            sl_host_func def = {add, &two, "func(a: u32) -> u32", NULL};
            fixture_init(&f, INTERFACE_FUNC("0.2.0"));
            sl_alloc_fail_at(n, forever);
            status = sl_linker_func(f.linker, SL_NAME("test:host/math@0.2.0"),
                                    SL_NAME("add"), &def, &f.err);
            if (status == SL_OK)
                status = instantiate(&f);
            sl_alloc_fail_at(0, 0);
            if (status == SL_OK)
                assert_int_equal(run(&f, NULL), 42);
            else if (f.err.code != SL_ENOMEM)
                fail_msg("allocation %zu: %s", n, f.err.msg);
            fixture_deinit(&f);
            assert_true(n < 10000);
        }
    }
}

/* An export by name among many. */
static void test_exports__sorted(void **state)
{
    (void)state;
    enum { MANY = 1000 };
    static char names[MANY][8];
    sl_arena arena;
    sl_exports exports;
    sl_arena_init(&arena);
    for (uint32_t n = 0; n <= MANY; n += n < 20 ? 1 : 245) {
        assert_true(sl_exports_init(&exports, &arena, n));
        for (uint32_t i = 0; i < n; i++) {
            uint32_t key = (i * 7919) % MANY;
            snprintf(names[i], sizeof names[i], "n%u", (unsigned)key);
            exports.v[i].name = sl_name_of(names[i]);
        }
        sl_exports_seal(&exports);
        for (uint32_t i = 0; i < n; i++)
            assert_ptr_equal(sl_exports_get(&exports, sl_name_of(names[i])),
                             &exports.v[i].item);
        assert_null(sl_exports_get(&exports, SL_NAME("n")));
        assert_null(sl_exports_get(&exports, SL_NAME("n10000")));
    }
    sl_arena_deinit(&arena);
}

/* Versions are matched by their canonical part, whichever side has cut its
 * own; messages say the whole. Explainer.md "Canonical Interface Name". */
static void test_linker__canonical_versions(void **state)
{
    (void)state;
    static const struct {
        const char *import, *host, *words; /* words NULL: it links */
    } row[] = {
        {"\"a:b/c@0.2.1\"", "a:b/c@0.2.6", NULL},
        {"\"a:b/c@0.2.6\"", "a:b/c@0.2.1", NULL},
        {"\"a:b/c@0.2\" (versionsuffix \".6\")", "a:b/c@0.2.1", NULL},
        {"\"a:b/c@0.2.6\"", "a:b/c@0.2", NULL},
        {"\"a:b/c@1\" (versionsuffix \".0.3-rc.1\")", "a:b/c@1.7.0", NULL},
        {"\"a:b/c@0.3\" (versionsuffix \".6\")", "a:b/c@0.2.6",
         "import `a:b/c@0.3.6#f`: "},
        {"\"a:b/c@1\" (versionsuffix \".2.3\")", "a:b/c@2.2.3",
         "import `a:b/c@1.2.3#f`: "},
        {"\"a:b/c@0.0.1\" (versionsuffix \"-alpha\")", "a:b/c@0.0.2",
         "import `a:b/c@0.0.1-alpha#f`: "},
    };
    for (size_t i = 0; i < N(row); i++) {
        char text[1024];
        uint32_t two = 2;
        sl_host_func def = {.invoke = add, .ctx = &two};
        fixture f;
        snprintf(text, sizeof text,
                 CALLS_HOST("%s (instance $i (export \"f\" "
                            "(func (param \"x\" u32) "
                            "(result u32))))",
                            "(func $i \"f\")"),
                 row[i].import);
        fixture_init(&f, text);
        assert_int_equal(sl_linker_func(f.linker, sl_name_of(row[i].host),
                                        SL_NAME("f"), &def, &f.err),
                         SL_OK);
        sl_status status = instantiate(&f);
        if (row[i].words == NULL) {
            if (status != SL_OK)
                fail_msg("%s: %s", row[i].import, f.err.msg);
            assert_int_equal(run(&f, NULL), 42);
        } else {
            assert_int_equal(status, SL_EUNLINKABLE);
            if (strstr(f.err.msg, row[i].words) == NULL)
                fail_msg("%s: %s", row[i].import, f.err.msg);
        }
        fixture_deinit(&f);
    }
}

/* With the gate on, lifting and lowering with option gc is valid; it cannot
 * run, and says so. */
static void test_instantiate__refuses_gc(void **state)
{
    (void)state;
    static const char *const text[] = {
        "(component (core type $t (func)) (import \"f\" (func $f))"
        "  (canon lower (func $f) gc (core-type $t) (core func)))",
        "(component (core module $m (func (export \"g\")))"
        "  (core instance $i (instantiate $m)) (import \"f\" (func))"
        "  (func (export \"g\") (canon lift (core func $i \"g\") gc)))",
    };
    for (size_t i = 0; i < N(text); i++) {
        fixture f;
        uint32_t two = 2;
        sl_host_func def = {.invoke = add, .ctx = &two};
        sl_buf bytes = {0};
        fixture_init(&f, "(component)");
        sl_component_free(f.component);
        sl_source_unref(f.source);
        assert_true(sl_text_parse(sl_name_of(text[i]), &bytes, &f.err));
        f.source = sl_source_buffer(bytes.data, bytes.len, true, &f.err);
        sl_component_options options = {
            .features = sl_features_default() | SL_FEATURE_BIT(SL_FEATURE_GC)};
        f.component = sl_component_decode(f.source, &options, &f.err);
        assert_non_null(f.component);
        sl_linker_func(f.linker, SL_NAME(""), SL_NAME("f"), &def, &f.err);
        assert_int_equal(instantiate(&f), SL_EUNSUPPORTED);
        assert_non_null(strstr(f.err.msg, "unsupported feature `gc`: a "
                                          "function lifted or lowered with "
                                          "option `gc` cannot run"));
        sl_buf_deinit(&bytes);
        fixture_deinit(&f);
    }
}

const struct CMUnitTest link_tests[] = {
    cmocka_unit_test(test_linker__canonical_versions),
    cmocka_unit_test(test_instantiate__refuses_gc),
    cmocka_unit_test(test_linker__functions),
    cmocka_unit_test(test_linker__refusals_name_the_import),
    cmocka_unit_test(test_linker__takes_contexts),
    cmocka_unit_test(test_instantiate__closures),
    cmocka_unit_test(test_instantiate__start_traps),
    cmocka_unit_test(test_instantiate__segments),
    cmocka_unit_test(test_linker__segments),
    cmocka_unit_test(test_instantiate__without_memory),
    cmocka_unit_test(test_exports__sorted),
};
const size_t n_link_tests = sizeof link_tests / sizeof *link_tests;
