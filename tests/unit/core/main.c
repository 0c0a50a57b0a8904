#include "check.h"

extern const struct CMUnitTest decode_tests[], validate_tests[], op_tests[],
    types_tests[];
extern const size_t n_decode_tests, n_validate_tests, n_op_tests, n_types_tests;

int main(void)
{
    int failed = 0;
    failed +=
        _cmocka_run_group_tests("core/op", op_tests, n_op_tests, NULL, NULL);
    failed += _cmocka_run_group_tests("core/types", types_tests, n_types_tests,
                                      NULL, NULL);
    failed += _cmocka_run_group_tests("core/decode", decode_tests,
                                      n_decode_tests, NULL, NULL);
    failed += _cmocka_run_group_tests("core/validate", validate_tests,
                                      n_validate_tests, NULL, NULL);
    return failed != 0;
}
