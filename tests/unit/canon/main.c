#include "check.h"

extern const struct CMUnitTest call_tests[];
extern const size_t n_call_tests;
extern const struct CMUnitTest string_tests[], value_tests[];
extern const size_t n_string_tests, n_value_tests;
extern const struct CMUnitTest move_tests[];
extern const size_t n_move_tests;

int main(void)
{
    int failed = 0;
    failed += _cmocka_run_group_tests("canon/call", call_tests, n_call_tests,
                                      NULL, NULL);
    failed += _cmocka_run_group_tests("canon/string", string_tests,
                                      n_string_tests, NULL, NULL);
    failed += _cmocka_run_group_tests("canon/value", value_tests, n_value_tests,
                                      NULL, NULL);
    failed += _cmocka_run_group_tests("canon/move", move_tests, n_move_tests,
                                      NULL, NULL);
    return failed;
}
