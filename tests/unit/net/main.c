#include "check.h"

#include "fixture.h"

extern const struct CMUnitTest url_tests[];
extern const size_t n_url_tests;
extern const struct CMUnitTest read_tests[];
extern const size_t n_read_tests;
extern const struct CMUnitTest wrong_tests[];
extern const size_t n_wrong_tests;
extern const struct CMUnitTest source_tests[];
extern const size_t n_source_tests;

extern const struct CMUnitTest http2_tests[];
extern const size_t n_http2_tests;
extern const struct CMUnitTest calls_tests[];
extern const size_t n_calls_tests;
extern const struct CMUnitTest sweep_tests[];
extern const size_t n_sweep_tests;

int main(int argc, char **argv)
{
    if (argc > 1) /* "test_read*" */
        cmocka_set_test_filter(argv[1]);
    if (start_origin(NULL) != 0)
        return 1;
    int failed =
        _cmocka_run_group_tests("net/url", url_tests, n_url_tests, NULL, NULL);
    failed += _cmocka_run_group_tests("net/read", read_tests, n_read_tests,
                                      NULL, NULL);
    failed += _cmocka_run_group_tests("net/wrong", wrong_tests, n_wrong_tests,
                                      NULL, NULL);
    failed += _cmocka_run_group_tests("net/source", source_tests,
                                      n_source_tests, NULL, NULL);
    failed += _cmocka_run_group_tests("net/http2", http2_tests, n_http2_tests,
                                      NULL, NULL);
    failed += _cmocka_run_group_tests("net/calls", calls_tests, n_calls_tests,
                                      NULL, NULL);
    failed += _cmocka_run_group_tests("net/sweep", sweep_tests, n_sweep_tests,
                                      NULL, NULL);
    stop_origin(NULL);
    return failed;
}
