#include "check.h"

#define GROUPS                                                                 \
    GROUP(call)                                                                \
    GROUP(instance) GROUP(limits) GROUP(exception) GROUP(tail) GROUP(memory64) \
        GROUP(expr) GROUP(link)
#define GROUP(name)                                                            \
    extern const struct CMUnitTest name##_tests[];                             \
    extern const size_t n_##name##_tests;
GROUPS
#undef GROUP

int main(void)
{
    int failed = 0;
#define GROUP(name)                                                            \
    failed += _cmocka_run_group_tests("exec/" #name, name##_tests,             \
                                      n_##name##_tests, NULL, NULL);
    GROUPS
#undef GROUP
    return failed;
}
