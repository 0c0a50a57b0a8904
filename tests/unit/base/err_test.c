#include "check.h"

#include <string.h>

#include "base/err.h"
#include "base/utf8.h"

static void test_fail__first_one_wins(void **state)
{
    (void)state;
    sl_err err = {0};
    assert_int_equal(sl_fail(&err, SL_EIO, 7, "%s", "one"), SL_EIO);
    assert_int_equal(sl_fail(&err, SL_EINVALID, 8, "two"), SL_EINVALID);
    assert_int_equal(err.code, SL_EIO);
    assert_int_equal(err.at, 7);
    assert_string_equal(err.msg, "one");
    assert_int_equal(sl_fail(NULL, SL_EIO, 0, "three"), SL_EIO);
}

static void test_fail__a_long_message_keeps_both_ends(void **state)
{
    (void)state;
    char name[4000];
    for (size_t n = 0; n < sizeof name; n++) {
        memset(name, 'x', n);
        name[n] = '\0';
        sl_err err = {0};
        sl_fail(&err, SL_EIO, 0, "%s: %s: it is full", "begin", name);
        size_t len = strlen(err.msg);
        assert_int_equal(strncmp(err.msg, "begin: ", 7), 0);
        if (n + 19 < SL_ERR_MSG_MAX) {
            assert_int_equal(len, n + 19);
        } else {
            assert_int_equal(len, SL_ERR_MSG_MAX - 1);
            assert_non_null(strstr(err.msg, "x...x"));
        }
        if (n < 2000)
            assert_string_equal(err.msg + len - 12, ": it is full");
    }
}

static void test_fail__characters_stay_whole(void **state)
{
    (void)state;
    char name[1200];
    for (size_t shift = 0; shift < 4; shift++) {
        memset(name, 'x', shift);
        for (size_t i = 0; i < 1000; i += 4)
            memcpy(name + shift + i, "\xf0\x9f\x8c\x8a", 5);
        sl_err err = {0};
        sl_fail(&err, SL_EIO, 0, "%s", name);
        assert_true(sl_utf8_valid(err.msg, strlen(err.msg)));
        assert_true(strlen(err.msg) > SL_ERR_MSG_MAX - 8);
    }
}

const struct CMUnitTest err_tests[] = {
    cmocka_unit_test(test_fail__first_one_wins),
    cmocka_unit_test(test_fail__a_long_message_keeps_both_ends),
    cmocka_unit_test(test_fail__characters_stay_whole),
};
const size_t n_err_tests = sizeof err_tests / sizeof *err_tests;
