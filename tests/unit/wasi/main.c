#include "check.h"

extern const struct CMUnitTest wasi_tests[];
extern const size_t n_wasi_tests;

int main(void)
{
    return _cmocka_run_group_tests("wasi", wasi_tests, n_wasi_tests, NULL,
                                   NULL);
}
