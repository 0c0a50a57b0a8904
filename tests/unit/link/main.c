#include "check.h"

extern const struct CMUnitTest link_tests[];
extern const size_t n_link_tests;

int main(void)
{
    return _cmocka_run_group_tests("link", link_tests, n_link_tests, NULL,
                                   NULL);
}
