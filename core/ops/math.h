/* SPDX-License-Identifier: MIT
 *
 * Shorthand for formulas: arithmetic with numbers of the operand's own type, and polynomials.
 */
#ifndef PT2_OPS_MATH_H
#define PT2_OPS_MATH_H

#include "expr/expr.h"

#include <math.h>

#define EX_PI 3.14159265358979323846

static inline pt2_ex ex_num(struct pt2_exprs *E, pt2_ex like, double f)
{
    return pt2_num(E, like->dtype, f);
}

static inline pt2_ex ex_addn(struct pt2_exprs *E, pt2_ex a, double f)
{
    return pt2_add(E, a, ex_num(E, a, f));
}

static inline pt2_ex ex_muln(struct pt2_exprs *E, pt2_ex a, double f)
{
    return pt2_mul(E, a, ex_num(E, a, f));
}

/* f - a */
static inline pt2_ex ex_nsub(struct pt2_exprs *E, double f, pt2_ex a)
{
    return pt2_sub(E, ex_num(E, a, f), a);
}

static inline pt2_ex ex_div(struct pt2_exprs *E, pt2_ex a, pt2_ex b)
{
    return pt2_bin(E, PT2_E_DIV, a, b);
}

static inline pt2_ex ex_divn(struct pt2_exprs *E, pt2_ex a, double f)
{
    return ex_div(E, a, ex_num(E, a, f));
}

/* f / a */
static inline pt2_ex ex_ndiv(struct pt2_exprs *E, double f, pt2_ex a)
{
    return ex_div(E, ex_num(E, a, f), a);
}

static inline pt2_ex ex_neg(struct pt2_exprs *E, pt2_ex a)
{
    return pt2_un(E, PT2_E_NEG, a);
}

static inline pt2_ex ex_abs(struct pt2_exprs *E, pt2_ex a)
{
    return pt2_un(E, PT2_E_ABS, a);
}

static inline pt2_ex ex_exp(struct pt2_exprs *E, pt2_ex a)
{
    return pt2_un(E, PT2_E_EXP, a);
}

static inline pt2_ex ex_log(struct pt2_exprs *E, pt2_ex a)
{
    return pt2_un(E, PT2_E_LOG, a);
}

static inline pt2_ex ex_sqrt(struct pt2_exprs *E, pt2_ex a)
{
    return pt2_un(E, PT2_E_SQRT, a);
}

static inline pt2_ex ex_square(struct pt2_exprs *E, pt2_ex a)
{
    return pt2_mul(E, a, a);
}

/* Comparisons with a number. */
static inline pt2_ex ex_ltn(struct pt2_exprs *E, pt2_ex a, double f)
{
    return pt2_lt(E, a, ex_num(E, a, f));
}

static inline pt2_ex ex_len(struct pt2_exprs *E, pt2_ex a, double f)
{
    return pt2_le(E, a, ex_num(E, a, f));
}

static inline pt2_ex ex_gtn(struct pt2_exprs *E, pt2_ex a, double f)
{
    return pt2_lt(E, ex_num(E, a, f), a);
}

static inline pt2_ex ex_eqn(struct pt2_exprs *E, pt2_ex a, double f)
{
    return pt2_eq(E, a, ex_num(E, a, f));
}

static inline pt2_ex ex_isnan(struct pt2_exprs *E, pt2_ex a)
{
    return pt2_un(E, PT2_E_ISNAN, a);
}

static inline pt2_ex ex_isinf(struct pt2_exprs *E, pt2_ex a)
{
    return ex_eqn(E, ex_abs(E, a), (double)INFINITY);
}

/* |a| < inf: false for NaN. */
static inline pt2_ex ex_isfinite(struct pt2_exprs *E, pt2_ex a)
{
    return ex_ltn(E, ex_abs(E, a), (double)INFINITY);
}

/* c[0] x^(n-1) + ... + c[n-1], by Horner. */
static inline pt2_ex ex_poly(struct pt2_exprs *E, pt2_ex x, int n, const double *c)
{
    pt2_ex r = ex_num(E, x, c[0]);
    for (int k = 1; k < n; k++)
        r = ex_addn(E, pt2_mul(E, r, x), c[k]);
    return r;
}

/* Chebyshev series with coefficients c, as Cephes' chbevl has it: x in [-2, 2], half of the last coefficient. */
static inline pt2_ex ex_chbevl(struct pt2_exprs *E, pt2_ex x, int n, const double *c)
{
    pt2_ex b0 = ex_num(E, x, c[0]), b1 = ex_num(E, x, 0), b2 = b1;
    for (int k = 1; k < n; k++) {
        b2 = b1;
        b1 = b0;
        b0 = ex_addn(E, pt2_sub(E, pt2_mul(E, x, b1), b2), c[k]);
    }
    return ex_muln(E, pt2_sub(E, b0, b2), 0.5);
}

#endif
