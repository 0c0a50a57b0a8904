/* Include first in every unit test: cmocka needs these headers before it. */
#ifndef SL_TESTS_CHECK_H
#define SL_TESTS_CHECK_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#endif
