/* SPDX-License-Identifier: MIT
 * Constant folding: only where the result is exact or correctly rounded on every device, so that a folded kernel gives
 * what the unfolded one would. */
#include "expr/internal.h"

#include <math.h>

static double fold_float(int op, double a, double b, bool *ok)
{
    switch (op) {
    case PT2_E_NEG: return -a;
    case PT2_E_ABS: return fabs(a);
    case PT2_E_ADD: return a + b;
    case PT2_E_SUB: return a - b;
    case PT2_E_MUL: return a * b;
    case PT2_E_DIV: return a / b;
    case PT2_E_SQRT: return sqrt(a);
    case PT2_E_FLOOR: return floor(a);
    case PT2_E_CEIL: return ceil(a);
    case PT2_E_TRUNC: return trunc(a);
    case PT2_E_MIN: return isnan(a) || isnan(b) ? (double)NAN : a < b ? a : b;
    case PT2_E_MAX: return isnan(a) || isnan(b) ? (double)NAN : a > b ? a : b;
    default: *ok = false; return 0;
    }
}

static int64_t shift_left(int64_t a, int64_t b)
{
    return b < 0 || b > 63 ? 0 : (int64_t)((uint64_t)a << b);
}

static int64_t fold_int(int op, int64_t a, int64_t b, bool *ok)
{
    switch (op) {
    case PT2_E_NEG: return (int64_t)(0 - (uint64_t)a);
    case PT2_E_ABS: return a < 0 ? (int64_t)(0 - (uint64_t)a) : a;
    case PT2_E_NOT: return ~a;
    case PT2_E_ADD: return (int64_t)((uint64_t)a + (uint64_t)b);
    case PT2_E_SUB: return (int64_t)((uint64_t)a - (uint64_t)b);
    case PT2_E_MUL: return (int64_t)((uint64_t)a * (uint64_t)b);
    case PT2_E_MIN: return a < b ? a : b;
    case PT2_E_MAX: return a > b ? a : b;
    case PT2_E_AND: return a & b;
    case PT2_E_OR: return a | b;
    case PT2_E_XOR: return a ^ b;
    case PT2_E_SHL: return shift_left(a, b);
    case PT2_E_SHR: return a >> (b < 0 || b > 63 ? 63 : b);
    case PT2_E_FLOORDIV: *ok = b != 0; return b ? pt2_floordiv64(a, b) : 0;
    case PT2_E_FLOORMOD:
        *ok = b != 0;
        return b ? (int64_t)((uint64_t)a - (uint64_t)b * (uint64_t)pt2_floordiv64(a, b)) : 0;
    default: *ok = false; return 0;
    }
}

static bool compare(int op, double a, double b)
{
    return op == PT2_E_LT ? a < b : op == PT2_E_LE ? a <= b : op == PT2_E_EQ ? a == b : a != b;
}

static bool compare_int(int op, int64_t a, int64_t b)
{
    return op == PT2_E_LT ? a < b : op == PT2_E_LE ? a <= b : op == PT2_E_EQ ? a == b : a != b;
}

pt2_ex pt2_fold(struct pt2_exprs *E, int op, int dtype, pt2_ex a, pt2_ex b)
{
    bool ok = true;
    if (op == PT2_E_ISNAN)
        return pt2_int(E, PT2_BOOL, isnan(a->f));
    if (op == PT2_E_LT || op == PT2_E_LE || op == PT2_E_EQ || op == PT2_E_NE) {
        bool flip = a->dtype == PT2_U64; /* order of unsigned numbers: compare with the top bit turned */
        int64_t top = flip ? INT64_MIN : 0;
        return pt2_int(E, PT2_BOOL,
                       pt2_is_float_type(a->dtype) ? compare(op, a->f, b->f) : compare_int(op, a->i ^ top, b->i ^ top));
    }
    if (pt2_is_float_type(dtype)) {
        double r = fold_float(op, a->f, b->f, &ok);
        return ok ? pt2_num(E, dtype, r) : NULL;
    }
    if (dtype == PT2_BOOL && op == PT2_E_NOT)
        return pt2_int(E, dtype, !a->i);
    if (dtype == PT2_U64 && op == PT2_E_ABS)
        return a;
    if (dtype == PT2_U64 &&
        (op == PT2_E_MIN || op == PT2_E_MAX || op == PT2_E_SHR || op == PT2_E_FLOORDIV || op == PT2_E_FLOORMOD))
        return NULL;
    int64_t r = fold_int(op, a->i, b->i, &ok);
    return ok ? pt2_int(E, dtype, r) : NULL;
}
