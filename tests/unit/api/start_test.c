/* Values that components import and export, and start functions. */
#include "fixture.h"

static void values_init(fixture *f, const char *text)
{
    fixture_init_with(f, text, "values", NULL);
}

static void supply(fixture *f, const char *name, sluice_val value)
{
    assert_int_equal(
        sluice_linker_value(f->linker, NULL, name, &value, &f->error),
        SLUICE_OK);
    assert_int_equal(value.kind, SLUICE_BOOL);
}

static sluice_val string_val(const char *text)
{
    sluice_val out;
    assert_true(sluice_val_string(&out, text, strlen(text)));
    return out;
}

static void check_value(fixture *f, const char *name, const char *text)
{
    sluice_val val;
    if (sluice_instance_value(f->instance, name, &val, &f->error) != SLUICE_OK)
        fail_msg("%s: %s", name, f->error.message);
    assert_int_equal(val.kind, SLUICE_STRING);
    assert_string_equal(val.of.string.data, text);
    sluice_val_deinit(&val);
}

static void expect_unlinkable(fixture *f, sluice_status status,
                              const char *words)
{
    assert_null(
        sluice_instantiate(f->store, f->linker, f->component, &f->error));
    if (strstr(f->error.message, words) == NULL)
        fail_msg("got %s, wanted %s", f->error.message, words);
    assert_int_equal(f->error.status, status);
}

/* "hi" -> "hi!", and a start that does it to what is imported. */
#define EXCLAIM                                                                \
    "(core module $M"                                                          \
    "  (memory (export \"mem\") 1)"                                            \
    "  (global $next (mut i32) (i32.const 1024))"                              \
    "  (func (export \"realloc\") (param i32 i32 i32 i32) (result i32)"        \
    "    (local i32)"                                                          \
    "    (local.set 4 (global.get $next))"                                     \
    "    (global.set $next (i32.add (global.get $next) (local.get 3)))"        \
    "    (local.get 4))"                                                       \
    "  (func (export \"exclaim\") (param $p i32) (param $n i32) (result i32)"  \
    "    (i32.store8 (i32.add (local.get $p) (local.get $n)) (i32.const 33))"  \
    "    (i32.store (i32.const 16) (local.get $p))"                            \
    "    (i32.store (i32.const 20) (i32.add (local.get $n) (i32.const 1)))"    \
    "    (i32.const 16)))"                                                     \
    "(core instance $m (instantiate $M))"                                      \
    "(func $exclaim (param \"s\" string) (result string) (canon lift"          \
    "  (core func $m \"exclaim\") (memory (core memory $m \"mem\"))"           \
    "  (realloc (core func $m \"realloc\"))))"

#define GREETER                                                                \
    "(component"                                                               \
    "  (import \"name\" (value $name string))"                                 \
    "  (import \"port\" (value $port u16))" EXCLAIM                            \
    "  (start $exclaim (value $name) (result (value $greeting)))"              \
    "  (value $url string \"https://example.com\")"                            \
    "  (instance $i (export \"url\" (value $url)))"                            \
    "  (export \"greeting\" (value $greeting))"                                \
    "  (export \"port\" (value $port))"                                        \
    "  (export \"a:b/c@1.2.0\" (instance $i)))"

static void test_linker_value__is_copied_for_each_instance(void **state)
{
    (void)state;
    fixture f;
    values_init(&f, GREETER);
    supply(&f, "name", string_val("world"));
    supply(&f, "port", (sluice_val){.kind = SLUICE_U16, .of.u16 = 80});
    for (int i = 0; i < 3; i++) {
        sluice_val port;
        fixture_instantiate(&f);
        check_value(&f, "greeting", "world!");
        check_value(&f, "greeting", "world!");
        check_value(&f, "a:b/c#url", "https://example.com");
        assert_int_equal(
            sluice_instance_value(f.instance, "port", &port, &f.error),
            SLUICE_OK);
        assert_int_equal(port.of.u16, 80);
    }
    sluice_val none;
    assert_int_equal(
        sluice_instance_value(f.instance, "nothing", &none, &f.error),
        SLUICE_EUSAGE);
    assert_null(sluice_instance_func(f.instance, "port"));
    fixture_deinit(&f);
}

static void test_linker_value__must_fit_the_import(void **state)
{
    (void)state;
    fixture f;
    values_init(&f, GREETER);
    expect_unlinkable(&f, SLUICE_EUNLINKABLE,
                      "import `name`: the host does not define it");
    supply(&f, "name", u32_val(7));
    expect_unlinkable(&f, SLUICE_EUNLINKABLE,
                      "import `name`: value is not of type string");
    sluice_val again = u32_val(8);
    assert_int_equal(
        sluice_linker_value(f.linker, NULL, "name", &again, &f.error),
        SLUICE_EUSAGE);
    sluice_linker_free(f.linker);
    f.linker = sluice_linker_new(f.engine, &f.error);
    assert_int_equal(sluice_linker_func(f.linker, NULL, "name", NULL, NULL,
                                        NULL, NULL, &f.error),
                     SLUICE_OK);
    expect_unlinkable(&f, SLUICE_EUNLINKABLE,
                      "import `name`: the host has something else");
    fixture_deinit(&f);
}

static void test_linker_value__of_an_interface(void **state)
{
    (void)state;
    fixture f;
    values_init(&f, "(component"
                    "  (import \"a:b/c@1.0.0\" (instance $i"
                    "    (export \"v\" (value u32))"
                    "    (export \"w\" (value (eq 0)))))"
                    "  (export \"v\" (value $i \"v\"))"
                    "  (export \"w\" (value $i \"w\")))");
    sluice_val v = u32_val(5), w = u32_val(6);
    assert_int_equal(
        sluice_linker_value(f.linker, "a:b/c@1.0.2", "v", &v, &f.error),
        SLUICE_OK);
    expect_unlinkable(&f, SLUICE_EUNLINKABLE, "`a:b/c@1.0.0#w`");
    assert_int_equal(
        sluice_linker_value(f.linker, "a:b/c@1.0.2", "w", &w, &f.error),
        SLUICE_OK);
    expect_unlinkable(&f, SLUICE_EUNLINKABLE, "import `w`: another value");
    fixture_deinit(&f);
}

static void test_instantiate__eq_asks_for_one_value(void **state)
{
    (void)state;
    static const struct {
        const char *a, *b, *c;
        bool links;
    } rows[] = {
        {"x", "x", "seven", true},
        {"x", "y", "seven", false},
        {"x", "x", "eight", false},
    };
    for (size_t i = 0; i < N(rows); i++) {
        fixture f;
        values_init(&f, "(component (value $seven string \"seven\")"
                        "  (import \"a\" (value $a string))"
                        "  (import \"b\" (value $b (eq $a)))"
                        "  (import \"c\" (value $c (eq $seven)))"
                        "  (export \"a\" (value $a)) (export \"b\" (value $b))"
                        "  (export \"c\" (value $c))"
                        "  (export \"seven\" (value $seven)))");
        supply(&f, "a", string_val(rows[i].a));
        supply(&f, "b", string_val(rows[i].b));
        supply(&f, "c", string_val(rows[i].c));
        if (rows[i].links) {
            fixture_instantiate(&f);
            check_value(&f, "c", "seven");
        } else {
            expect_unlinkable(&f, SLUICE_EUNLINKABLE,
                              "another value than the one it has to equal");
        }
        fixture_deinit(&f);
    }
}

/* --- What cannot be copied ------------------------------------------------ */

typedef struct world {
    int drops;
    uint32_t last;
    int made;
    sluice_val ready; /* what make_value() hands out, once */
} world;

static void drop(void *ctx, uint32_t rep)
{
    world *w = ctx;
    w->drops++;
    w->last = rep;
}

static bool make_value(void *ctx, sluice_store *store, sluice_val *out)
{
    world *w = ctx;
    assert_non_null(store);
    w->made++;
    if (w->ready.kind == SLUICE_BOOL)
        return false;
    *out = w->ready;
    w->ready = (sluice_val){0};
    return true;
}

/* A host function that hands out a resource of the host's. */
static void give(void *ctx, sluice_call *call, const sluice_val *args, size_t n)
{
    (void)ctx, (void)args, (void)n;
    sluice_val own;
    assert_true(sluice_call_own(
        call, sluice_type_result(sluice_call_type(call)), 77, &own));
    sluice_call_return(call, &own);
}

#define RESOURCES                                                              \
    "(component"                                                               \
    "  (import \"t\" (type $t (sub resource)))"                                \
    "  (import \"give\" (func $give (result (own $t))))"                       \
    "  (start $give (result (value $own)))"                                    \
    "  (export \"own\" (value $own)))"

static void resources_init(fixture *f, world *w, const char *text)
{
    values_init(f, text);
    assert_int_equal(
        sluice_linker_resource(f->linker, NULL, "t", drop, w, NULL, &f->error),
        SLUICE_OK);
    assert_int_equal(sluice_linker_func(f->linker, NULL, "give", NULL, give,
                                        NULL, NULL, &f->error),
                     SLUICE_OK);
}

static void test_instance_value__moves_a_resource_once(void **state)
{
    (void)state;
    fixture f;
    world w = {0};
    sluice_val own, again;
    resources_init(&f, &w, RESOURCES);
    fixture_instantiate(&f);
    assert_int_equal(sluice_instance_value(f.instance, "own", &own, &f.error),
                     SLUICE_OK);
    assert_int_equal(own.kind, SLUICE_OWN);
    assert_int_equal(own.of.handle.rep, 77);
    assert_int_equal(sluice_instance_value(f.instance, "own", &again, &f.error),
                     SLUICE_EUSAGE);
    assert_non_null(strstr(f.error.message, "moved away"));
    assert_int_equal(w.drops, 0);
    sluice_val_deinit(&own);
    assert_int_equal(w.drops, 1);
    fixture_deinit(&f);
    assert_int_equal(w.drops, 1);
}

static void test_store_free__drops_values_that_nobody_took(void **state)
{
    (void)state;
    fixture f;
    world w = {0};
    resources_init(&f, &w, RESOURCES);
    fixture_instantiate(&f);
    fixture_deinit(&f);
    assert_int_equal(w.drops, 1);
    assert_int_equal(w.last, 77);
}

/* From one instance to another of the same store, by the host's hands. */
static void test_linker_value_from__hands_a_resource_on(void **state)
{
    (void)state;
    fixture f;
    world w = {0};
    sluice_val own;
    resources_init(&f, &w, RESOURCES);
    fixture_instantiate(&f);
    assert_int_equal(
        sluice_instance_value(f.instance, "own", &w.ready, &f.error),
        SLUICE_OK);

    sl_buf binary;
    to_binary("(component"
              "  (import \"t\" (type $t (sub resource)))"
              "  (import \"v\" (value $v (own $t)))"
              "  (import \"f\" (func $f (param \"x\" (own $t))"
              "    (result (option (own $t)))))"
              "  (start $f (value $v) (result (value $r)))"
              "  (export \"r\" (value $r)))",
              &binary);
    sluice_component *second = sluice_component_from_buffer(
        f.engine, binary.data, binary.len, true, &f.error);
    sl_buf_deinit(&binary);
    if (second == NULL)
        fail_msg("%s", f.error.message);
    assert_int_equal(sluice_linker_value_from(f.linker, NULL, "v", make_value,
                                              &w, NULL, &f.error),
                     SLUICE_OK);
    /* no `f` yet: the resource was made a value for nothing, and is dropped
     * with the store */
    assert_null(sluice_instantiate(f.store, f.linker, second, &f.error));
    assert_int_equal(w.made, 1);
    assert_int_equal(w.drops, 0);
    assert_null(sluice_instantiate(f.store, f.linker, second, &f.error));
    assert_int_equal(w.made, 2);
    assert_non_null(
        strstr(f.error.message, "import `v`: the host has no value"));
    assert_int_equal(sluice_instance_value(f.instance, "own", &own, &f.error),
                     SLUICE_EUSAGE);
    sluice_store_free(f.store);
    f.store = NULL;
    assert_int_equal(w.drops, 1);
    sluice_component_free(second);
    fixture_deinit(&f);
}

static void wrap(void *ctx, sluice_call *call, const sluice_val *args, size_t n)
{
    (void)ctx;
    assert_int_equal(n, 1);
    sluice_val own = args[0], some;
    ((sluice_val *)args)[0].of.handle.resource = NULL;
    assert_true(sluice_val_variant(&some, SLUICE_OPTION, 1, &own));
    sluice_call_return(call, &some);
}

/* Inside of another value, through a start function of the host's. */
static void test_start__moves_what_cannot_be_copied(void **state)
{
    (void)state;
    fixture f;
    world w = {0};
    sluice_val out, again;
    resources_init(&f, &w,
                   "(component"
                   "  (import \"t\" (type $t (sub resource)))"
                   "  (import \"give\" (func $give (result (own $t))))"
                   "  (import \"wrap\" (func $wrap (param \"x\" (own $t))"
                   "    (result (option (own $t)))))"
                   "  (start $give (result (value $own)))"
                   "  (start $wrap (value $own) (result (value $r)))"
                   "  (export \"r\" (value $r)))");
    assert_int_equal(sluice_linker_func(f.linker, NULL, "wrap", NULL, wrap,
                                        NULL, NULL, &f.error),
                     SLUICE_OK);
    fixture_instantiate(&f);
    assert_int_equal(sluice_instance_value(f.instance, "r", &out, &f.error),
                     SLUICE_OK);
    assert_int_equal(out.kind, SLUICE_OPTION);
    assert_int_equal(out.of.variant.payload->kind, SLUICE_OWN);
    assert_int_equal(out.of.variant.payload->of.handle.rep, 77);
    assert_int_equal(sluice_instance_value(f.instance, "r", &again, &f.error),
                     SLUICE_EUSAGE);
    sluice_val_deinit(&out);
    assert_int_equal(w.drops, 1);
    fixture_deinit(&f);
    assert_int_equal(w.drops, 1);
}

/* A stream goes in by the host's hands, through two instances, and out; or
 * nobody takes it, and the store drops it. */
static void test_linker_value_from__streams(void **state)
{
    (void)state;
    for (int taken = 0; taken < 2; taken++) {
        fixture f;
        world w = {0};
        sluice_val out;
        sluice_writer *writer;
        values_init(&f, "(component"
                        "  (component $C"
                        "    (import \"in\" (value $in (stream u8)))"
                        "    (export \"out\" (value $in)))"
                        "  (import \"s\" (value $s (stream u8)))"
                        "  (instance $c (instantiate $C"
                        "    (with \"in\" (value $s))))"
                        "  (export \"s\" (value $c \"out\")))");
        w.ready.kind = SLUICE_STREAM;
        assert_int_equal(sluice_stream_new(f.store, NULL, &writer,
                                           &w.ready.of.stream, &f.error),
                         SLUICE_OK);
        assert_int_equal(sluice_linker_value_from(f.linker, NULL, "s",
                                                  make_value, &w, NULL,
                                                  &f.error),
                         SLUICE_OK);
        fixture_instantiate(&f);
        if (taken) {
            assert_int_equal(
                sluice_instance_value(f.instance, "s", &out, &f.error),
                SLUICE_OK);
            assert_int_equal(out.kind, SLUICE_STREAM);
            sluice_val_deinit(&out);
        }
        sluice_writer_close(writer);
        fixture_deinit(&f);
    }
}

static void free_world(void *ctx)
{
    world *w = ctx;
    w->drops++;
}

static void test_linker_value__refuses_what_cannot_be_copied(void **state)
{
    (void)state;
    fixture f;
    world w = {0};
    sluice_val own;
    resources_init(&f, &w, RESOURCES);
    fixture_instantiate(&f);
    assert_int_equal(sluice_instance_value(f.instance, "own", &own, &f.error),
                     SLUICE_OK);
    assert_int_equal(sluice_linker_value(f.linker, NULL, "x", &own, &f.error),
                     SLUICE_EUSAGE);
    assert_null(own.of.handle.resource);
    assert_int_equal(w.drops, 1);
    /* what is refused is released, too */
    world second = {0};
    assert_int_equal(sluice_linker_value_from(f.linker, NULL, "give",
                                              make_value, &second, free_world,
                                              &f.error),
                     SLUICE_EUSAGE);
    assert_int_equal(second.drops, 1);
    assert_int_equal(sluice_linker_value_from(f.linker, NULL, "new", make_value,
                                              &second, free_world, &f.error),
                     SLUICE_OK);
    assert_int_equal(second.drops, 1);
    fixture_deinit(&f);
    assert_int_equal(second.drops, 2);
}

/* --- start ---------------------------------------------------------------- */

static void test_start__trap_ends_instantiation(void **state)
{
    (void)state;
    fixture f;
    values_init(&f, "(component"
                    "  (core module $M (func $deep unreachable)"
                    "    (func (export \"f\") (call $deep)))"
                    "  (core instance $m (instantiate $M))"
                    "  (func $f (canon lift (core func $m \"f\")))"
                    "  (start $f))");
    expect_unlinkable(&f, SLUICE_ETRAP, "unreachable");
    assert_non_null(strstr(f.error.backtrace, "deep"));
    fixture_deinit(&f);
}

/* The deadlines of core start functions are those of components'. */
static void test_start__ends_at_a_deadline(void **state)
{
    (void)state;
    fixture f;
    values_init(&f, "(component"
                    "  (core module $M (func (export \"f\")"
                    "    (loop $l (br $l))))"
                    "  (core instance $m (instantiate $M))"
                    "  (func $f (canon lift (core func $m \"f\")))"
                    "  (start $f))");
    sluice_store_set_call_timeout(f.store, 20000000);
    expect_unlinkable(&f, SLUICE_EDEADLINE, "");
    fixture_deinit(&f);
}

typedef struct host {
    int how; /* 0: return, 1: later, 2: trap, 3: exit */
    sluice_call *waiting;
} host;

static void host_start(void *ctx, sluice_call *call, const sluice_val *args,
                       size_t n)
{
    host *h = ctx;
    assert_int_equal(n, 1);
    sluice_val result = u32_val(args[0].of.u32 + 1);
    if (h->how == 0)
        sluice_call_return(call, &result);
    else if (h->how == 1)
        h->waiting = call;
    else if (h->how == 2)
        sluice_call_trap(call, "not today");
    else
        sluice_call_exit(call, 3);
}

static void gone(void *arg, bool store_is_gone)
{
    (void)store_is_gone;
    ((host *)arg)->waiting = NULL;
}

/* Directly, and lowered into a guest's start function. */
#define HOST_START                                                             \
    "(component"                                                               \
    "  (import \"f\" (func $f (param \"x\" u32) (result u32)))"                \
    "  (value $v u32 41)"                                                      \
    "  (start $f (value $v) (result (value $r)))"                              \
    "  (export \"r\" (value $r)))"
#define GUEST_START                                                            \
    "(component"                                                               \
    "  (import \"f\" (func $f (param \"x\" u32) (result u32)))"                \
    "  (core func $low (canon lower (func $f)))"                               \
    "  (core module $M"                                                        \
    "    (import \"\" \"f\" (func $f (param i32) (result i32)))"               \
    "    (func (export \"g\") (param i32) (result i32)"                        \
    "      (call $f (local.get 0))))"                                          \
    "  (core instance $m (instantiate $M"                                      \
    "    (with \"\" (instance (export \"f\" (func $low))))))"                  \
    "  (func $g (param \"x\" u32) (result u32)"                                \
    "    (canon lift (core func $m \"g\")))"                                   \
    "  (value $v u32 41)"                                                      \
    "  (start $g (value $v) (result (value $r)))"                              \
    "  (export \"r\" (value $r)))"

static void start_with_host(const char *text, int how, sluice_status status,
                            const char *words)
{
    fixture f;
    host h = {.how = how};
    sluice_val r;
    values_init(&f, text);
    assert_int_equal(sluice_linker_func(f.linker, NULL, "f", NULL, host_start,
                                        &h, NULL, &f.error),
                     SLUICE_OK);
    if (status != SLUICE_OK) {
        expect_unlinkable(&f, status, words);
    } else {
        fixture_instantiate(&f);
        assert_int_equal(sluice_instance_value(f.instance, "r", &r, &f.error),
                         SLUICE_OK);
        assert_int_equal(r.of.u32, 42);
    }
    if (how == 3)
        assert_int_equal(f.error.exit_code, 3);
    if (h.waiting != NULL)
        sluice_call_on_cancel(h.waiting, gone, &h);
    fixture_deinit(&f);
    assert_null(h.waiting);
}

static void test_start__of_a_host_function(void **state)
{
    (void)state;
    static const char *const text[] = {HOST_START, GUEST_START};
    for (size_t i = 0; i < N(text); i++) {
        start_with_host(text[i], 0, SLUICE_OK, "");
        start_with_host(text[i], 1, SLUICE_ETRAP, "cannot block");
        start_with_host(text[i], 2, SLUICE_ETRAP, "not today");
        start_with_host(text[i], 3, SLUICE_EEXIT, "");
    }
}

/* A host that answers when instantiation has failed already. */
static void test_start__answered_too_late(void **state)
{
    (void)state;
    static const char *const text[] = {HOST_START, GUEST_START};
    for (size_t i = 0; i < N(text); i++) {
        fixture f;
        host h = {.how = 1};
        values_init(&f, text[i]);
        assert_int_equal(sluice_linker_func(f.linker, NULL, "f", NULL,
                                            host_start, &h, NULL, &f.error),
                         SLUICE_OK);
        assert_null(
            sluice_instantiate(f.store, f.linker, f.component, &f.error));
        sluice_call *late = h.waiting;
        if (late != NULL)
            sluice_call_on_cancel(late, gone, &h);
        if (h.waiting != NULL) {
            sluice_val result = u32_val(1);
            sluice_call_return(late, &result);
        }
        h.how = 0;
        fixture_instantiate(&f);
        fixture_deinit(&f);
    }
}

/* --- Reflection ----------------------------------------------------------- */

typedef struct seen {
    char text[1024];
} seen;

static bool see(void *arg, const sluice_item *item)
{
    seen *s = arg;
    size_t len = strlen(s->text);
    if (strcmp(item->sort, "value") == 0 || strcmp(item->sort, "start") == 0)
        snprintf(s->text + len, sizeof s->text - len, "%s %u %s %.*s: %s\n",
                 item->sort, (unsigned)item->index, item->how,
                 (int)item->name.len, item->name.data, item->detail);
    return true;
}

static void test_component__shows_values_and_start(void **state)
{
    (void)state;
    fixture f;
    sluice_extern e;
    char text[32];
    seen s = {{0}};
    values_init(&f, GREETER);
    assert_true(sluice_component_import(f.component, 1, &e));
    assert_int_equal(e.kind, SLUICE_EXTERN_VALUE);
    assert_string_equal(sluice_type_text(e.type, text, sizeof text), "u16");
    assert_true(sluice_component_export(f.component, 0, &e));
    assert_int_equal(e.kind, SLUICE_EXTERN_VALUE);
    assert_int_equal(sluice_type_kind(e.type), SLUICE_STRING);
    sluice_component_walk(f.component, see, &s);
    assert_string_equal(s.text,
                        "value 0 import name: string\n"
                        "value 1 import port: u16\n"
                        "start 0 definition : func 0 (value 0) -> value 2\n"
                        "value 3 definition : string, 20 bytes\n"
                        "value 4 export greeting: string\n"
                        "value 5 export port: u16\n");
    fixture_deinit(&f);
}

static void test_feature__off_by_default(void **state)
{
    (void)state;
    sl_buf binary;
    sluice_error error;
    to_binary("(component (value $v u8 1) (export \"v\" (value $v)))", &binary);
    sluice_engine *engine = sluice_engine_new(NULL, &error);
    assert_null(sluice_component_from_buffer(engine, binary.data, binary.len,
                                             true, &error));
    assert_int_equal(error.status, SLUICE_EUNSUPPORTED);
    assert_non_null(strstr(error.message, "unsupported feature `values`"));
    assert_int_equal(error.offset, 8);
    sl_buf_deinit(&binary);
    sluice_engine_free(engine);
}

/* --- Memory --------------------------------------------------------------- */

/* All that has values in it: imports, constants of several kinds, a child, a
 * start, an instance of values, exports of all. */
#define WHOLE                                                                  \
    "(component"                                                               \
    "  (import \"name\" (value $name string))"                                 \
    "  (import \"same\" (value $same (eq $name)))"                             \
    "  (component $child"                                                      \
    "    (import \"name\" (value $name string))" EXCLAIM                       \
    "    (start $exclaim (value $name) (result (value $r)))"                   \
    "    (export \"r\" (value $r)))"                                           \
    "  (instance $c (instantiate $child (with \"name\" (value $name))))"       \
    "  (value $list (list string) (list \"a\" \"b\"))"                         \
    "  (value $nums (tuple (list u16) (option (list char)))"                   \
    "    (tuple (list 1 2) (some (list 'x'))))"                                \
    "  (value $map (map string u8) (list (tuple \"k\" 1)))"                    \
    "  (value $a (list u8) (list 7 8)) (value $b (list u8) (list 7 8))"        \
    "  (instance $i (export \"list\" (value $list)))"                          \
    "  (export \"greeting\" (value $c \"r\"))"                                 \
    "  (export \"same\" (value $same))"                                        \
    "  (export \"nums\" (value $nums))"                                        \
    "  (export \"map\" (value $map))"                                          \
    "  (export \"a\" (value $a) (value (eq $b)))"                              \
    "  (export \"b\" (value $b))"                                              \
    "  (export \"i\" (instance $i)))"

/* The first failure's message, "" when all went well. */
static void run_whole(const sl_buf *binary, char message[256])
{
    sluice_error error = {0};
    sluice_component *component = NULL;
    sluice_linker *linker = NULL;
    sluice_store *store = NULL;
    sluice_instance *instance = NULL;
    sluice_val name = {0}, out;
    static const char *const names[] = {"greeting", "same", "nums",
                                        "map",      "a",    "i#list"};
    message[0] = '\0';
    sluice_engine *engine = sluice_engine_new(NULL, &error);
    if (engine != NULL) {
        sluice_engine_set_feature(engine, "values", true);
        component = sluice_component_from_buffer(engine, binary->data,
                                                 binary->len, true, &error);
    }
    if (component != NULL)
        linker = sluice_linker_new(engine, &error);
    bool linked = linker != NULL;
    for (int i = 0; i < 2 && linked; i++) {
        linked = sluice_val_string(&name, "hi", 2);
        if (!linked)
            snprintf(error.message, sizeof error.message, "no memory");
        linked = linked &&
                 sluice_linker_value(linker, NULL, i == 0 ? "name" : "same",
                                     &name, &error) == SLUICE_OK;
    }
    if (linked)
        store = sluice_store_new(engine, NULL, &error);
    if (store != NULL)
        instance = sluice_instantiate(store, linker, component, &error);
    bool good = instance != NULL;
    for (size_t i = 0; i < N(names) && good; i++) {
        good = sluice_instance_value(instance, names[i], &out, &error) ==
               SLUICE_OK;
        if (good && i == 0)
            assert_string_equal(out.of.string.data, "hi!");
        sluice_val_deinit(&out);
    }
    if (!good)
        snprintf(message, 256, "%.255s", error.message);
    assert_true(good || message[0] != '\0');
    sluice_store_free(store);
    sluice_linker_free(linker);
    sluice_component_free(component);
    sluice_engine_free(engine);
}

static void sweep(int forever)
{
    sl_buf binary;
    char message[256];
    to_binary(WHOLE, &binary);
    run_whole(&binary, message); /* warm */
    assert_string_equal(message, "");
    size_t before = sl_alloc_count();
    run_whole(&binary, message);
    size_t total = sl_alloc_count() - before;
    assert_true(total > 50);
    for (size_t n = 1; n <= total; n++) {
        sl_alloc_fail_at(n, forever);
        run_whole(&binary, message);
        sl_alloc_fail_at(0, 0);
        if (message[0] == '\0' && forever)
            fail_msg("%zu of %zu: nothing was noticed", n, total);
        if (message[0] != '\0' && strstr(message, "memory") == NULL)
            fail_msg("%zu of %zu: %s", n, total, message);
    }
    sl_buf_deinit(&binary);
}

static void test_sweep__one_allocation_fails(void **state)
{
    (void)state;
    sweep(0);
}

static void test_sweep__memory_is_gone_for_good(void **state)
{
    (void)state;
    sweep(1);
}

const struct CMUnitTest start_tests[] = {
    cmocka_unit_test(test_linker_value__is_copied_for_each_instance),
    cmocka_unit_test(test_linker_value__must_fit_the_import),
    cmocka_unit_test(test_linker_value__of_an_interface),
    cmocka_unit_test(test_instantiate__eq_asks_for_one_value),
    cmocka_unit_test(test_instance_value__moves_a_resource_once),
    cmocka_unit_test(test_store_free__drops_values_that_nobody_took),
    cmocka_unit_test(test_linker_value_from__hands_a_resource_on),
    cmocka_unit_test(test_linker_value_from__streams),
    cmocka_unit_test(test_start__moves_what_cannot_be_copied),
    cmocka_unit_test(test_linker_value__refuses_what_cannot_be_copied),
    cmocka_unit_test(test_start__trap_ends_instantiation),
    cmocka_unit_test(test_start__ends_at_a_deadline),
    cmocka_unit_test(test_start__of_a_host_function),
    cmocka_unit_test(test_start__answered_too_late),
    cmocka_unit_test(test_component__shows_values_and_start),
    cmocka_unit_test(test_feature__off_by_default),
    cmocka_unit_test(test_sweep__one_allocation_fails),
    cmocka_unit_test(test_sweep__memory_is_gone_for_good),
};
const size_t n_start_tests = N(start_tests);
