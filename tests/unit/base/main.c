#include "check.h"

extern const struct CMUnitTest reader_tests[];
extern const size_t n_reader_tests;

int main(void)
{
    return _cmocka_run_group_tests("base/reader", reader_tests, n_reader_tests,
                                   NULL, NULL);
}
