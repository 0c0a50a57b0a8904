#include "check.h"

#define GROUP(name)                                                            \
    extern const struct CMUnitTest name##_tests[];                             \
    extern const size_t n_##name##_tests;
GROUP(lexer)
GROUP(core_parse)
GROUP(core_print)
GROUP(component)
GROUP(wave)
GROUP(wave_random)
GROUP(script_val)
#undef GROUP

int main(void)
{
    int failed = 0;
#define GROUP(name)                                                            \
    failed += _cmocka_run_group_tests("text/" #name, name##_tests,             \
                                      n_##name##_tests, NULL, NULL)
    GROUP(lexer);
    GROUP(core_parse);
    GROUP(core_print);
    GROUP(component);
    GROUP(wave);
    GROUP(wave_random);
    GROUP(script_val);
#undef GROUP
    return failed != 0;
}
