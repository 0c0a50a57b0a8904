#include "check.h"

#define GROUP(name)                                                            \
    extern const struct CMUnitTest name##_tests[];                             \
    extern const size_t n_##name##_tests
#define RUN(name)                                                              \
    _cmocka_run_group_tests("bundle/" #name, name##_tests, n_##name##_tests,   \
                            NULL, NULL)

GROUP(move);
GROUP(fault);
GROUP(folder);
GROUP(lower);
GROUP(order);

int main(void)
{
    return RUN(move) + RUN(fault) + RUN(folder) + RUN(lower) +
           RUN(order);
}
