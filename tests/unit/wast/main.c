#include "check.h"

#define GROUP(name)                                                            \
    extern const struct CMUnitTest name##_tests[];                             \
    extern const size_t n_##name##_tests;
GROUP(script)
GROUP(file)
GROUP(url)
#undef GROUP

int main(void)
{
    int failed = 0;
#define GROUP(name)                                                            \
    failed += _cmocka_run_group_tests("wast/" #name, name##_tests,             \
                                      n_##name##_tests, NULL, NULL)
    GROUP(script);
    GROUP(file);
    GROUP(url);
#undef GROUP
    return failed != 0;
}
