#include "check.h"

#define GROUP(name)                                                            \
    extern const struct CMUnitTest name##_tests[];                             \
    extern const size_t n_##name##_tests
#define RUN(name)                                                              \
    _cmocka_run_group_tests("component/" #name, name##_tests,                  \
                            n_##name##_tests, NULL, NULL)

GROUP(layout);
GROUP(names);
GROUP(decode);
GROUP(data);
GROUP(gate);
GROUP(rectype);
GROUP(hostile);
GROUP(real);
GROUP(value);

int main(void)
{
    return RUN(layout) + RUN(names) + RUN(decode) + RUN(data) + RUN(gate) +
           RUN(rectype) + RUN(hostile) + RUN(real) + RUN(value);
}
