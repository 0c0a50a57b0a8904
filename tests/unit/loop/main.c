#include "check.h"

extern const struct CMUnitTest loop_tests[];
extern const size_t n_loop_tests;
extern const struct CMUnitTest io_tests[];
extern const size_t n_io_tests;

int main(void)
{
    int failed = _cmocka_run_group_tests("loop/loop", loop_tests, n_loop_tests,
                                         NULL, NULL);
    return failed +
           _cmocka_run_group_tests("loop/io", io_tests, n_io_tests, NULL, NULL);
}
