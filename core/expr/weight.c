/* SPDX-License-Identifier: MIT
 * What an expression costs a driver's compiler. Drivers inline all functions, so each use of a function of
 * shaders/math.h and shaders/special.h is compiled again. The weights were measured with drivers for processors, whose
 * compilers are the slowest: chains of one operator, their time over that of a chain of additions. */
#include "expr/internal.h"

enum { DEFAULT_WEIGHT = 1, WIDE_WEIGHT = 3, LOAD_WEIGHT = 2 };

/* Of floats; what is not here is one instruction or a few. Loops cost most: time grows with their square. */
static const uint16_t float_weights[PT2_E_COUNT] = {
    [PT2_E_MIN] = 2, [PT2_E_MAX] = 2, [PT2_E_DIV] = 2, [PT2_E_ROUNDTO] = 12, [PT2_E_COPYSIGN] = 2,
    [PT2_E_NEXTAFTER] = 8, [PT2_E_HYPOT] = 6, [PT2_E_POW] = 40, [PT2_E_FLOORDIV] = 80, [PT2_E_FLOORMOD] = 80,
    [PT2_E_TRUNCDIV] = 8, [PT2_E_REM] = 80, [PT2_E_EXP] = 4, [PT2_E_EXP2] = 4, [PT2_E_EXPM1] = 8, [PT2_E_LOG] = 10,
    [PT2_E_LOG2] = 10, [PT2_E_LOG10] = 10, [PT2_E_LOG1P] = 16, [PT2_E_SIN] = 60, [PT2_E_COS] = 60,
    [PT2_E_TAN] = 60, [PT2_E_ASIN] = 4, [PT2_E_ACOS] = 4, [PT2_E_ATAN] = 6, [PT2_E_ATAN2] = 12, [PT2_E_SINH] = 16,
    [PT2_E_COSH] = 16, [PT2_E_TANH] = 6, [PT2_E_ASINH] = 50, [PT2_E_ACOSH] = 40, [PT2_E_ATANH] = 28, [PT2_E_ERF] = 8,
    [PT2_E_ERFC] = 10, [PT2_E_ERFINV] = 20, [PT2_E_LGAMMA] = 160, [PT2_E_DIGAMMA] = 160, [PT2_E_IGAMMA] = 450,
    [PT2_E_IGAMMAC] = 450, [PT2_E_ZETA] = 160, [PT2_E_RANDOM] = 40,
};

/* Of integers of one word. */
static const uint16_t int_weights[PT2_E_COUNT] = {
    [PT2_E_FLOORDIV] = 4, [PT2_E_FLOORMOD] = 4, [PT2_E_TRUNCDIV] = 3, [PT2_E_REM] = 4, [PT2_E_POW] = 80,
    [PT2_E_GCD] = 80, [PT2_E_SHL] = 3, [PT2_E_SHR] = 3, [PT2_E_CHECK] = 3,
};

/* Of integers of two words, which most shaders emulate. */
static const uint16_t wide_weights[PT2_E_COUNT] = {
    [PT2_E_FLOORDIV] = 90, [PT2_E_FLOORMOD] = 60, [PT2_E_TRUNCDIV] = 60, [PT2_E_REM] = 50, [PT2_E_POW] = 90,
    [PT2_E_GCD] = 160, [PT2_E_SHL] = 8, [PT2_E_SHR] = 8,
};

int pt2_weight_of(pt2_ex e)
{
    int operations = e->num_args > 2 ? e->num_args - 1 : 1, weight;
    if (e->op == PT2_E_LOAD)
        return LOAD_WEIGHT;
    if (e->num_args == 0 || e->op == PT2_E_VAR)
        return 0;
    if (pt2_is_float_type(e->dtype))
        weight = float_weights[e->op] * (e->dtype == PT2_F64 ? 2 : 1);
    else if (e->dtype == PT2_I64 || e->dtype == PT2_U64)
        weight = wide_weights[e->op] ? wide_weights[e->op] : WIDE_WEIGHT;
    else
        weight = int_weights[e->op];
    return (weight ? weight : DEFAULT_WEIGHT) * operations;
}

static void add_weight(void *ctx, pt2_ex e) { *(int *)ctx += pt2_weight_of(e); }

int pt2_weight(pt2_ex e)
{
    int weight = 0;
    pt2_visit(e, add_weight, &weight);
    return weight;
}
