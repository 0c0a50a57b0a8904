/* Numeric operators that C does not have, or does otherwise.
 * Core specification, "Execution / Numerics". */
#ifndef SL_EXEC_INTERP_NUM_H
#define SL_EXEC_INTERP_NUM_H

#include <math.h>
#include <stdint.h>
#include <string.h>

static inline uint32_t sl_f32_bits(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

static inline uint64_t sl_f64_bits(double x)
{
    uint64_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

static inline float sl_f32_of(uint32_t bits)
{
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

static inline double sl_f64_of(uint64_t bits)
{
    double x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

/* Sign operators touch no other bit, a NaN's included. */
static inline float sl_f32_neg(float x)
{
    return sl_f32_of(sl_f32_bits(x) ^ UINT32_C(0x80000000));
}

static inline double sl_f64_neg(double x)
{
    return sl_f64_of(sl_f64_bits(x) ^ UINT64_C(0x8000000000000000));
}

static inline float sl_f32_copysign(float x, float y)
{
    return sl_f32_of((sl_f32_bits(x) & UINT32_C(0x7fffffff)) |
                     (sl_f32_bits(y) & UINT32_C(0x80000000)));
}

static inline double sl_f64_copysign(double x, double y)
{
    return sl_f64_of((sl_f64_bits(x) & UINT64_C(0x7fffffffffffffff)) |
                     (sl_f64_bits(y) & UINT64_C(0x8000000000000000)));
}

/* Division by zero is defined in IEEE 754, though not in ISO C. */
#if defined(__GNUC__)
__attribute__((no_sanitize("float-divide-by-zero")))
#endif
static inline float
sl_f32_div(float x, float y)
{
    return x / y;
}

#if defined(__GNUC__)
__attribute__((no_sanitize("float-divide-by-zero")))
#endif
static inline double
sl_f64_div(double x, double y)
{
    return x / y;
}

/* -0 is below +0; the sum of a NaN and anything is a quiet NaN. */
static inline float sl_f32_min(float x, float y)
{
    if (x != x || y != y)
        return x + y;
    if (x == y)
        return sl_f32_of(sl_f32_bits(x) | sl_f32_bits(y));
    return x < y ? x : y;
}

static inline float sl_f32_max(float x, float y)
{
    if (x != x || y != y)
        return x + y;
    if (x == y)
        return sl_f32_of(sl_f32_bits(x) & sl_f32_bits(y));
    return x > y ? x : y;
}

static inline double sl_f64_min(double x, double y)
{
    if (x != x || y != y)
        return x + y;
    if (x == y)
        return sl_f64_of(sl_f64_bits(x) | sl_f64_bits(y));
    return x < y ? x : y;
}

static inline double sl_f64_max(double x, double y)
{
    if (x != x || y != y)
        return x + y;
    if (x == y)
        return sl_f64_of(sl_f64_bits(x) & sl_f64_bits(y));
    return x > y ? x : y;
}

/* C's rounding functions may hand a signaling NaN through. */
#define ROUNDING(name, T, function)                                            \
    static inline T name(T x)                                                  \
    {                                                                          \
        return x != x ? x + x : function(x);                                   \
    }
ROUNDING(sl_f32_ceil, float, ceilf)
ROUNDING(sl_f32_floor, float, floorf)
ROUNDING(sl_f32_trunc, float, truncf)
ROUNDING(sl_f32_nearest, float, rintf)
ROUNDING(sl_f64_ceil, double, ceil)
ROUNDING(sl_f64_floor, double, floor)
ROUNDING(sl_f64_trunc, double, trunc)
ROUNDING(sl_f64_nearest, double, rint)
#undef ROUNDING

/* Saturating truncation; a float converts to double exactly. */
static inline int32_t sl_sat_i32(double x)
{
    if (x != x)
        return 0;
    if (x <= -0x1p31)
        return INT32_MIN;
    return x >= 0x1p31 ? INT32_MAX : (int32_t)x;
}

static inline uint32_t sl_sat_u32(double x)
{
    if (!(x > -1.0))
        return 0;
    return x >= 0x1p32 ? UINT32_MAX : (uint32_t)x;
}

static inline int64_t sl_sat_i64(double x)
{
    if (x != x)
        return 0;
    if (x <= -0x1p63)
        return INT64_MIN;
    return x >= 0x1p63 ? INT64_MAX : (int64_t)x;
}

static inline uint64_t sl_sat_u64(double x)
{
    if (!(x > -1.0))
        return 0;
    return x >= 0x1p64 ? UINT64_MAX : (uint64_t)x;
}

#endif
