/* Lowering: what comes out needs no core:data, whatever the component has; and
 * what fails leaves nothing behind. */
#include "check.h"
#include "fixture.h"

static sl_status lower(sl_bundle_job *job, const sl_outside *outside,
                       sl_err *err)
{
    (void)outside;
    return sl_lower(job, err);
}

static sl_component *decode(const char *path, sl_features without, sl_err *err)
{
    const sl_component_options options = {
        .features = (SL_FEATURE_BIT(SL_N_FEATURES) - 1) & ~without};
    sl_source *source = sl_source_file(path, err);
    assert_non_null(source);
    sl_component *c = sl_component_decode(source, &options, err);
    sl_source_unref(source);
    return c;
}

/* Of every sort, in front of and behind what lowering adds; outer aliases of
 * every kind; types of types. */
static const char everything[] =
    "(component $root"
    " (import \"h\" (instance $h"
    "   (type $e (enum \"a\" \"b\")) (export \"e\" (type $en (eq $e)))"
    "   (export \"r\" (type $r (sub resource)))"
    "   (export \"f\" (func (param \"x\" $en) (result (own $r))))"
    "   (export \"d\" (core data))))"
    " (alias export $h \"e\" (type $e))"
    " (alias export $h \"r\" (type $hr))"
    " (alias export $h \"d\" (core data $hd))"
    " (core type $ft (func (param i32) (result i32)))"
    " (core type $mt (module (alias outer 1 $ft (type $t))"
    "   (import \"\" \"t\" (table 1 2 funcref))"
    "   (import \"\" \"m\" (memory 1)) (import \"\" \"g\" (global (mut i64)))"
    "   (import \"\" \"f\" (func (type $t))) (export \"f\" (func (type $t)))))"
    " (import \"m\" (core module $im (type $mt)))"
    " (import \"i\" (func $i (param \"x\" (list $e)) (result (option $e))))"
    " (type $u (component"
    "   (alias outer $root $e (type $oe))"
    "   (import \"d\" (core data)) (type $v (variant (case \"x\" string)"
    "   (case \"y\"))) (import \"v\" (type $w (eq $v)))"
    "   (import \"c\" (instance (export \"d\" (core data))"
    "     (export \"v\" (type (eq $w)))))"
    "   (export \"z\" (func (param \"a\" (tuple $w u8))))))"
    " (core data $d \"0123456789\")"
    " (type $fl (flags \"p\" \"q\"))"
    " (export $fl' \"fl\" (type $fl))"
    " (type $rec (record (field \"f\" $fl') (field \"l\" (list u8))))"
    " (export $rec' \"rec\" (type $rec))"
    " (core module $M (memory (export \"mem\") 1)"
    "   (table (export \"tab\") 1 funcref) (global (export \"g\") i32 "
    "i32.const 1)"
    "   (func (export \"dtor\") (param i32))"
    "   (func (export \"realloc\") (param i32 i32 i32 i32) (result i32)"
    "     i32.const 16)"
    "   (func (export \"get\") (result i32) i32.const 0)"
    "   (func (export \"put\") (param i32 i32 i32)))"
    " (core instance $m (instantiate $M))"
    " (type $res (resource (rep i32) (dtor (core func $m \"dtor\"))))"
    " (export $res' \"res\" (type $res))"
    " (core func $new (canon resource.new $res))"
    " (core func $drop (canon resource.drop $hr))"
    " (core func $read (canon data.read $d))"
    " (core func $size (canon data.size $hd i64))"
    " (core func $prefetch (canon data.prefetch $d i64))"
    " (core func $lowered (canon lower (func $i) (memory $m \"mem\")"
    "   (realloc (core func $m \"realloc\"))))"
    " (func (export \"get\") (result $rec') (canon lift (core func $m \"get\")"
    "   (memory $m \"mem\")))"
    " (func (export \"put\") (param \"a\" (result (list $fl') (error (own "
    "$res'))))"
    "   (canon lift (core func $m \"put\") (memory $m \"mem\")"
    "   (realloc (core func $m \"realloc\"))))"
    " (component $C (import \"given\" (core data $g))"
    "   (alias outer $root $d (core data $x))"
    "   (alias outer $root $mt (core type $mt))"
    "   (alias outer $root $M (core module $OM))"
    "   (core instance $om (instantiate $OM))"
    "   (core func (canon data.size $g)) (core func (canon data.size $x))"
    "   (component (alias outer $C $x (core data $y))"
    "     (alias outer $root $M (core module))"
    "     (export \"y\" (core data $y)))"
    "   (export \"x\" (core data $x)))"
    " (instance $c (instantiate $C (with \"given\" (core data $hd))))"
    " (instance $bag (export \"data\" (core data $d)) (export \"c\" (instance "
    "$c)))"
    " (export \"bag\" (instance $bag))"
    " (export $again \"again\" (core data $d) (core data))"
    " (core func $size2 (canon data.size $again)))";

static void test_lower__needs_no_core_data(void **state)
{
    (void)state;
    fixture f;
    sl_err err = {0};
    make_folder(&f);
    write_text(at(&f, "in.wasm"), everything);
    assert_job(lower, at(&f, "in.wasm"), at(&f, "out.wasm"), NULL);
    sl_component *in = decode(at(&f, "in.wasm"), 0, &err);
    sl_component *out =
        decode(at(&f, "out.wasm"), SL_FEATURE_BIT(SL_FEATURE_DATA), &err);
    assert_non_null(in);
    assert_non_null(out);
    assert_int_equal(in->n_imports, out->n_imports);
    assert_int_equal(in->n_exports, out->n_exports);
    for (uint32_t i = 0; i < in->n_exports; i++) {
        sl_sort sort = in->exports[i].type.sort;
        assert_true(sl_name_eq(in->exports[i].name, out->exports[i].name));
        assert_int_equal(out->exports[i].type.sort,
                         sort == SL_SORT_CORE_DATA ? SL_SORT_INSTANCE : sort);
    }
    sl_component_free(in);
    sl_component_free(out);
    remove_folder(&f);
}

static void test_lower__every_failed_allocation_is_an_error(void **state)
{
    (void)state;
    fixture f;
    sl_err err;
    make_folder(&f);
    write_text(at(&f, "in.wasm"), everything);
    for (size_t n = 1;; n++) {
        assert_true(n < 100000);
        sl_alloc_fail_at(n, 0);
        sl_status st =
            run_job(lower, at(&f, "in.wasm"), at(&f, "out.wasm"), NULL, &err);
        sl_alloc_fail_at(0, 0);
        if (st == SL_OK) {
            assert_true(n > 100);
            break;
        }
        if (strstr(err.msg, "out of memory") == NULL)
            fail_msg("allocation %zu: %s", n, err.msg);
        assert_int_equal(count_files(f.folder), 1);
    }
    remove_folder(&f);
}

static void test_lower__refuses_by_name(void **state)
{
    (void)state;
    static const struct {
        const char *text, *words;
    } row[] = {
        {"(component (component (import \"d\" (core data $d)) (component"
         " (alias outer 1 $d (core data)))))",
         "core data 0 of an outer component"},
        {"(component (import \"v\" (value $v u8)) (export \"w\" (value $v))"
         " (core data $d \"\") (core func (canon data.size $d)))",
         "import `v` is a value"},
        {"(component (core data $d \"\") (core func (canon data.size $d))"
         " (type $r (resource (rep i32))) (export $s \"s\" (type $r))"
         " (type $i (instance (export \"t\" (type (eq $s)))))"
         " (import \"i\" (instance (type $i))))",
         "the type of import `i` depends on what stands in front of it"},
        {"(component (component (core module"
         " (import \"a\" \"b\" (data)))))",
         "core module 0 imports data segments (feature `core-data`)"},
        {"(component (import \"m\" (core module"
         " (import \"a\" \"b\" (data)))))",
         "a module type with an import of data segments"},
        {"(component (core data $d \"\") (core instance"
         " (export \"d\" (data $d))))",
         "a core instance that exports data segments"},
    };
    fixture f;
    sl_err err;
    make_folder(&f);
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        write_text(at(&f, "in.wasm"), row[i].text);
        assert_int_equal(
            run_job(lower, at(&f, "in.wasm"), at(&f, "out.wasm"), NULL, &err),
            SL_EUNSUPPORTED);
        if (strncmp(err.msg, row[i].words, strlen(row[i].words)) != 0)
            fail_msg("%s", err.msg);
        assert_int_equal(count_files(f.folder), 1);
    }
    remove_folder(&f);
}

static void test_lower__descriptors_are_closed(void **state)
{
    (void)state;
    fixture f;
    make_folder(&f);
    write_text(at(&f, "in.wasm"), everything);
    int before = count_fds();
    assert_job(lower, at(&f, "in.wasm"), at(&f, "out.wasm"), NULL);
    assert_int_equal(count_fds(), before);
    remove_folder(&f);
}

const struct CMUnitTest lower_tests[] = {
    cmocka_unit_test(test_lower__needs_no_core_data),
    cmocka_unit_test(test_lower__every_failed_allocation_is_an_error),
    cmocka_unit_test(test_lower__refuses_by_name),
    cmocka_unit_test(test_lower__descriptors_are_closed),
};
const size_t n_lower_tests = sizeof lower_tests / sizeof *lower_tests;
