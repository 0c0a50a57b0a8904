#include "check.h"

#define TESTS(name)                                                            \
    extern const struct CMUnitTest name##_tests[];                             \
    extern const size_t n_##name##_tests;
#define RUN(name)                                                              \
    failed += _cmocka_run_group_tests(#name, name##_tests, n_##name##_tests,   \
                                      NULL, NULL);

TESTS(component)
TESTS(value)
TESTS(store)
TESTS(linker)
TESTS(call)
TESTS(stream)
TESTS(segment)
TESTS(core_data)
TESTS(resource)
TESTS(deadline)
TESTS(start)
TESTS(fetch)
TESTS(observe)
TESTS(cache)
TESTS(mapping)
TESTS(stall)
TESTS(sweep)
TESTS(sweep_all)

int main(void)
{
    int failed = 0;
    RUN(component)
    RUN(value)
    RUN(store)
    RUN(linker)
    RUN(call)
    RUN(stream)
    RUN(segment)
    RUN(core_data)
    RUN(resource)
    RUN(deadline)
    RUN(start)
    RUN(fetch)
    RUN(observe)
    RUN(cache)
    RUN(mapping)
    RUN(stall)
    RUN(sweep)
    RUN(sweep_all)
    return failed != 0;
}
