#include "check.h"

extern const struct CMUnitTest end_tests[];
extern const size_t n_end_tests;
extern const struct CMUnitTest segment_tests[];
extern const size_t n_segment_tests;
extern const struct CMUnitTest host_tests[];
extern const size_t n_host_tests;

int main(void)
{
    int failed = _cmocka_run_group_tests("stream/end", end_tests, n_end_tests,
                                         NULL, NULL);
    failed += _cmocka_run_group_tests("stream/segment", segment_tests,
                                      n_segment_tests, NULL, NULL);
    return failed + _cmocka_run_group_tests("stream/host", host_tests,
                                            n_host_tests, NULL, NULL);
}
