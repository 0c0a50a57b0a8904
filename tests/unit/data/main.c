#include "check.h"

extern const struct CMUnitTest segment_tests[];
extern const size_t n_segment_tests;
extern const struct CMUnitTest callback_tests[];
extern const size_t n_callback_tests;
extern const struct CMUnitTest external_tests[];
extern const size_t n_external_tests;
extern const struct CMUnitTest chunk_tests[];
extern const size_t n_chunk_tests;
extern const struct CMUnitTest disk_tests[];
extern const size_t n_disk_tests;
extern const struct CMUnitTest disk_url_tests[];
extern const size_t n_disk_url_tests;
extern const struct CMUnitTest entry_tests[];
extern const size_t n_entry_tests;
extern const struct CMUnitTest flight_tests[];
extern const size_t n_flight_tests;
extern const struct CMUnitTest verify_tests[];
extern const size_t n_verify_tests;
extern const struct CMUnitTest plan_tests[];
extern const size_t n_plan_tests;

int main(void)
{
    int failed = _cmocka_run_group_tests("data/segment", segment_tests,
                                         n_segment_tests, NULL, NULL);
    failed += _cmocka_run_group_tests("data/external", external_tests,
                                      n_external_tests, NULL, NULL);
    failed += _cmocka_run_group_tests("data/entry", entry_tests, n_entry_tests,
                                      NULL, NULL);
    failed += _cmocka_run_group_tests("data/flight", flight_tests,
                                      n_flight_tests, NULL, NULL);
    failed += _cmocka_run_group_tests("data/callback", callback_tests,
                                      n_callback_tests, NULL, NULL);
    failed += _cmocka_run_group_tests("data/chunk", chunk_tests, n_chunk_tests,
                                      NULL, NULL);
    failed += _cmocka_run_group_tests("data/disk", disk_tests, n_disk_tests,
                                      NULL, NULL);
    failed += _cmocka_run_group_tests("data/verify", verify_tests,
                                      n_verify_tests, NULL, NULL);
    failed += _cmocka_run_group_tests("data/plan", plan_tests, n_plan_tests,
                                      NULL, NULL);
    return failed + _cmocka_run_group_tests("data/disk_url", disk_url_tests,
                                            n_disk_url_tests, NULL, NULL);
}
