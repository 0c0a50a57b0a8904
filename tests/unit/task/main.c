#include "check.h"

extern const struct CMUnitTest fiber_tests[];
extern const size_t n_fiber_tests;
extern const struct CMUnitTest handle_tests[];
extern const size_t n_handle_tests;
extern const struct CMUnitTest thread_tests[];
extern const size_t n_thread_tests;
extern const struct CMUnitTest task_tests[];
extern const size_t n_task_tests;

int main(void)
{
    int failed = _cmocka_run_group_tests("task/fiber", fiber_tests,
                                         n_fiber_tests, NULL, NULL);
    failed += _cmocka_run_group_tests("task/handle", handle_tests,
                                      n_handle_tests, NULL, NULL);
    failed += _cmocka_run_group_tests("task/thread", thread_tests,
                                      n_thread_tests, NULL, NULL);
    return failed + _cmocka_run_group_tests("task/task", task_tests,
                                            n_task_tests, NULL, NULL);
}
