#include "check.h"

extern const struct CMUnitTest err_tests[];
extern const size_t n_err_tests;
extern const struct CMUnitTest reader_tests[];
extern const size_t n_reader_tests;
extern const struct CMUnitTest mappings_tests[];
extern const size_t n_mappings_tests;
extern const struct CMUnitTest beneath_tests[];
extern const size_t n_beneath_tests;

int main(void)
{
    int failed = _cmocka_run_group_tests("base/reader", reader_tests,
                                         n_reader_tests, NULL, NULL);
    failed += _cmocka_run_group_tests("base/err", err_tests, n_err_tests, NULL,
                                      NULL);
    failed += _cmocka_run_group_tests("base/mappings", mappings_tests,
                                      n_mappings_tests, NULL, NULL);
    failed += _cmocka_run_group_tests("base/beneath", beneath_tests,
                                      n_beneath_tests, NULL, NULL);
    return failed;
}
