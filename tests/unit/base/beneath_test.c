/* base/beneath.h: what is below a directory opens, nothing else does. */
#include "check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/beneath.h"

static void test_open_beneath__what_is_below_and_nothing_else(void **state)
{
    (void)state;
    static const struct {
        const char *path, *words; /* NULL: it opens */
    } row[] = {
        {"a", NULL},
        {"sub/b", NULL},
        {"sub/in", NULL}, /* -> ../a */
        {"link/b", NULL}, /* -> sub */
        {"missing", "No such file"},
        {"a/b", "Not a directory"},
        {"sub", "not a regular file"},
        {"fifo", "not a regular file"},
        {"loop", "symbolic links"},
        {"out", "leads out"}, /* -> ../ */
        {"out/x", "leads out"},
        {"passwd", "leads out"}, /* -> /etc/passwd */
        {"../", "leads out"},
        {"sub/../../x", "leads out"},
        {"/etc/passwd", "leads out"},
    };
    char dir[] = "/tmp/sluice-beneath-XXXXXX", script[512];
    assert_non_null(mkdtemp(dir));
    snprintf(script, sizeof script,
             "cd %s && mkdir sub && echo a >a && echo b >sub/b && "
             "ln -s ../a sub/in && ln -s sub link && ln -s loop loop && "
             "ln -s .. out && ln -s /etc/passwd passwd && mkfifo fifo",
             dir);
    assert_int_equal(system(script), 0);
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        sl_err err = {0};
        int fd = sl_open_beneath(dir, row[i].path, &err);
        if ((fd >= 0) != (row[i].words == NULL))
            fail_msg("%s: %s", row[i].path, err.msg);
        if (row[i].words != NULL) {
            assert_int_equal(err.code, SL_EIO);
            if (strstr(err.msg, row[i].words) == NULL)
                fail_msg("%s: no `%s` in `%s`", row[i].path, row[i].words,
                         err.msg);
        } else {
            char c;
            assert_int_equal(read(fd, &c, 1), 1);
            close(fd);
        }
    }
    sl_err err = {0};
    assert_int_equal(sl_open_beneath("/no/such/dir", "a", &err), -1);
    assert_non_null(strstr(err.msg, "/no/such/dir: No such file"));
    snprintf(script, sizeof script, "rm -rf %s", dir);
    assert_int_equal(system(script), 0);
}

const struct CMUnitTest beneath_tests[] = {
    cmocka_unit_test(test_open_beneath__what_is_below_and_nothing_else),
};
const size_t n_beneath_tests = sizeof beneath_tests / sizeof *beneath_tests;
