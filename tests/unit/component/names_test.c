#include "check.h"

#include "component/names.h"

static void test_is_kebab__accepts_and_rejects(void **state)
{
    (void)state;
    static const char *const good[] = {"a",      "a-b-c",     "a1-2-3",
                                       "A",      "A-B-C",     "A1-2-3",
                                       "is-XML", "a11-w0rds", "m1x3d-4CR0NYMS"};
    static const char *const bad[] = {"",   "1-2-3", "aB",  "a--b",
                                      "-a", "a-",    "a_b", "\xc3\xa9"};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        assert_true(sl_is_kebab(sl_name_of(good[i])));
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(sl_is_kebab(sl_name_of(bad[i])));
    assert_false(sl_is_kebab((sl_name){"a\0b", 3}));
}

static void test_extern_name__by_kind(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        int kind; /* -1: refused */
        const char *why;
    } row[] = {
        {"a-b", SL_NAME_LABEL, ""},
        {"[constructor]r", SL_NAME_CONSTRUCTOR, ""},
        {"[method]r.m", SL_NAME_METHOD, ""},
        {"[static]r.m", SL_NAME_STATIC, ""},
        {"wasi:http/types", SL_NAME_INTERFACE, ""},
        {"wasi:http/types@0.2.3-rc.1+b", SL_NAME_INTERFACE, ""},
        {"wasi:http/types@0.2", SL_NAME_INTERFACE, ""},
        {"wasi:http/types@1", SL_NAME_INTERFACE, ""},
        {"[method]r", -1, "failed to find `.` character"},
        {"[async]f", -1, "not in kebab case"},
        {"a:b", -1, "expected `/` after package name"},
        {"a:b/c/d", -1, "trailing characters found: `/d`"},
        {"a:b/c@", -1, "empty string"},
        {"a:b/c@1.", -1, "unexpected end of input"},
        {"a:b/c@01.0.0", -1, "invalid leading zero"},
        {"a:b/c@1.0.0-", -1, "empty identifier segment"},
        {"locked-dep=<a:b>", -1, "is not in kebab case"},
    };
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        sl_extern_name parsed;
        char why[128] = "";
        bool ok = sl_parse_extern_name(sl_name_of(row[i].name), &parsed, why,
                                       sizeof why);
        assert_int_equal(ok, row[i].kind >= 0);
        if (ok)
            assert_int_equal(parsed.kind, row[i].kind);
        else
            assert_non_null(strstr(why, row[i].why));
    }
}

/* Explainer.md "Name Uniqueness": which names may stand together. */
static void test_canonical_name__makes_conflicts_equal(void **state)
{
    (void)state;
    static const struct {
        const char *a, *b;
        bool same, same_without_hyphens;
    } row[] = {
        {"foo", "FOO", true, true},
        {"[constructor]foo", "foo", false, false},
        {"[constructor]foo", "[constructor]FOO", true, true},
        {"[method]foo.bar", "[static]foo.BAR", true, true},
        {"[method]foo.foo", "foo", true, true},
        {"[method]foo.bar", "foo", false, false},
        {"foo:bar/baz", "foo:bar/BAZ", true, true},
        {"foo-bar", "FOOBAR", false, true},
        {"foo-bar", "foob-ar", false, true},
        {"foo-bar", "foo-ba", false, false},
        {"[method]a-b.AB", "ab", false, true},
        {"[static]foobar.FOOBAR", "foo-bar", false, true},
        {"[constructor]f-g", "[constructor]fg", false, true},
        {"f-g:h-i/j-k", "fg:hi/jk", false, true},
    };
    sl_arena arena;
    sl_arena_init(&arena);
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        sl_extern_name p;
        char why[64];
        const char *const text[2] = {row[i].a, row[i].b};
        for (int hyphens = 0; hyphens < 2; hyphens++) {
            sl_name name[2];
            for (int k = 0; k < 2; k++) {
                assert_true(sl_parse_extern_name(sl_name_of(text[k]), &p, why,
                                                 sizeof why));
                name[k] =
                    sl_canonical_name(&arena, sl_name_of(text[k]), &p, hyphens);
            }
            assert_int_equal(sl_name_eq(name[0], name[1]),
                             hyphens ? row[i].same
                                     : row[i].same_without_hyphens);
        }
    }
    sl_arena_deinit(&arena);
}

static void test_name_compatible__by_canonical_version(void **state)
{
    (void)state;
    static const struct {
        const char *have, *want;
        bool fits;
    } row[] = {
        {"a:b/c@0.2.3", "a:b/c@0.2.9", true},
        {"a:b/c@0.2", "a:b/c@0.2.9", true},
        {"a:b/c@0.3.0", "a:b/c@0.2.9", false},
        {"a:b/c@1.2.3", "a:b/c@1.9.0", true},
        {"a:b/c@1.2.3", "a:b/c@2.0.0", false},
        {"a:b/c@0.0.1", "a:b/c@0.0.2", false},
        {"a:b/c@0.0.1-x", "a:b/c@0.0.1", true},
        {"a:b/c", "a:b/c@0.2.0", false},
        {"a:b/c", "a:b/c", true},
        {"a:b/d@0.2.0", "a:b/c@0.2.0", false},
    };
    for (size_t i = 0; i < sizeof row / sizeof *row; i++)
        assert_int_equal(sl_name_compatible(sl_name_of(row[i].have),
                                            sl_name_of(row[i].want)),
                         row[i].fits);
}

static void test_version_suffix__completes_a_canonical_version(void **state)
{
    (void)state;
    assert_true(sl_version_suffix_fits(SL_NAME("1"), SL_NAME(".2.3")));
    assert_true(sl_version_suffix_fits(SL_NAME("0.2"), SL_NAME(".6-rc.1")));
    assert_true(sl_version_suffix_fits(SL_NAME("0.0.1"), SL_NAME("-alpha")));
    assert_false(sl_version_suffix_fits(SL_NAME("1.2"), SL_NAME(".3")));
    assert_false(sl_version_suffix_fits(SL_NAME("1"), SL_NAME(".2")));
    assert_false(sl_version_suffix_fits(SL_NAME(""), SL_NAME("1.0.0")));
}

const struct CMUnitTest names_tests[] = {
    cmocka_unit_test(test_is_kebab__accepts_and_rejects),
    cmocka_unit_test(test_extern_name__by_kind),
    cmocka_unit_test(test_canonical_name__makes_conflicts_equal),
    cmocka_unit_test(test_name_compatible__by_canonical_version),
    cmocka_unit_test(test_version_suffix__completes_a_canonical_version),
};
const size_t n_names_tests = sizeof names_tests / sizeof *names_tests;
