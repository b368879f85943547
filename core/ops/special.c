/* SPDX-License-Identifier: MIT
 * Special functions other than Bessel's: normal distribution, gamma family, orthogonal polynomials, neighbours. */
#include "ops/special.h"
#include "ops/pointwise.h"

#define COUNT(a) ((int)(sizeof(a) / sizeof *(a)))
#define RATIO(E, x, p, q) ex_div(E, ex_poly(E, x, COUNT(p), p), ex_poly(E, x, COUNT(q), q))

static pt2_ex nan_of(struct pt2_exprs *E, pt2_ex x)
{
    return ex_num(E, x, (double)NAN);
}

/* ---- normal distribution ---- */

/* W. J. Cody's rational approximations of exp(x^2) erfc(x), 0.46875 <= x <= 4 and beyond. */
static const double erfcx_p[] = {
    2.15311535474403846e-8, 5.64188496988670089e-1, 8.88314979438837594, 66.1191906371416295, 298.635138197400131,
    881.95222124176909, 1712.04761263407058, 2051.07837782607147, 1230.33935479799725,
};

static const double erfcx_q[] = {
    1, 15.7449261107098347, 117.693950891312499, 537.181101862009858, 1621.38957456669019, 3290.79923573345963,
    4362.61909014324716, 3439.36767414372164, 1230.33935480374942,
};

static const double erfcx_far_p[] = {
    1.63153871373020978e-2, 3.05326634961232344e-1, 3.60344899949804439e-1, 1.25781726111229246e-1,
    1.60837851487422766e-2, 6.58749161529837803e-4,
};

static const double erfcx_far_q[] = {
    1, 2.56852019228982242, 1.87295284992346725, 5.27905102951428412e-1, 6.05183413124413191e-2,
    2.33520497626869185e-3,
};

static pt2_ex erfcx(struct pt2_exprs *E, pt2_ex x)
{
    pt2_ex a = ex_abs(E, x), square = ex_exp(E, ex_square(E, x)), z = ex_ndiv(E, 1, ex_square(E, a));
    pt2_ex near = pt2_mul(E, square, ex_nsub(E, 1, pt2_un(E, PT2_E_ERF, a)));
    pt2_ex tail = ex_nsub(E, 0.56418958354775628695, pt2_mul(E, z, RATIO(E, z, erfcx_far_p, erfcx_far_q)));
    pt2_ex r = pt2_select(E, ex_len(E, a, 4), RATIO(E, a, erfcx_p, erfcx_q), ex_div(E, tail, a));
    r = pt2_select(E, ex_len(E, a, 0.46875), near, r);
    return pt2_select(E, ex_ltn(E, x, 0), pt2_sub(E, ex_muln(E, square, 2), r), r);
}

static pt2_ex ndtr(struct pt2_exprs *E, pt2_ex x)
{
    return ex_muln(E, ex_addn(E, pt2_un(E, PT2_E_ERF, ex_muln(E, x, 0.70710678118654752440)), 1), 0.5);
}

static pt2_ex log_ndtr(struct pt2_exprs *E, pt2_ex x)
{
    pt2_ex t = ex_muln(E, x, 0.70710678118654752440);
    pt2_ex left = pt2_sub(E, ex_log(E, ex_muln(E, erfcx(E, ex_neg(E, t)), 0.5)), ex_square(E, t));
    pt2_ex right = pt2_un(E, PT2_E_LOG1P, ex_muln(E, pt2_un(E, PT2_E_ERFC, t), -0.5));
    return pt2_select(E, ex_ltn(E, x, -1), left, right);
}

/* Coefficients of Cephes' ndtri. */
static const double ndtri_p0[] = {
    -59.96335010141079, 98.00107541859997, -56.67628574690703, 13.931260938727968, -1.2391658386738125,
};

static const double ndtri_q0[] = {
    1.0, 1.9544885833814176, 4.676279128988815, 86.36024213908905, -225.46268785411937, 200.26021238006066,
    -82.03722561683334, 15.90562251262117, -1.1833162112133,
};

static const double ndtri_p1[] = {
    4.0554489230596245, 31.525109459989388, 57.16281922464213, 44.08050738932008, 14.684956192885803,
    2.1866330685079025, -0.1402560791713545, -0.03504246268278482, -0.0008574567851546854,
};

static const double ndtri_q1[] = {
    1.0, 15.779988325646675, 45.39076351288792, 41.3172038254672, 15.04253856929075, 2.504649462083094,
    -0.14218292285478779, -0.03808064076915783, -0.0009332594808954574,
};

static const double ndtri_p2[] = {
    3.2377489177694603, 6.915228890689842, 3.9388102529247444, 1.3330346081580755, 0.20148538954917908,
    0.012371663481782003, 0.00030158155350823543, 2.6580697468673755e-06, 6.239745391849833e-09,
};

static const double ndtri_q2[] = {
    1.0, 6.02427039364742, 3.6798356385616087, 1.3770209948908132, 0.21623699359449663, 0.013420400608854318,
    0.00032801446468212774, 2.8924786474538068e-06, 6.790194080099813e-09,
};

static pt2_ex ndtri(struct pt2_exprs *E, pt2_ex p)
{
    double edge = 0.13533528323661269189; /* exp(-2) */
    pt2_ex high = ex_gtn(E, p, 1 - edge), y = pt2_select(E, high, ex_nsub(E, 1, p), p);
    pt2_ex c = ex_addn(E, y, -0.5), cc = ex_square(E, c);
    pt2_ex mid = pt2_mul(E, cc, RATIO(E, cc, ndtri_p0, ndtri_q0));
    mid = ex_muln(E, pt2_add(E, c, pt2_mul(E, c, mid)), 2.50662827463100050242);
    pt2_ex x = ex_sqrt(E, ex_muln(E, ex_log(E, y), -2)), z = ex_ndiv(E, 1, x);
    pt2_ex ratio = pt2_select(E, ex_ltn(E, x, 8), RATIO(E, z, ndtri_p1, ndtri_q1), RATIO(E, z, ndtri_p2, ndtri_q2));
    pt2_ex tail = pt2_sub(E, pt2_sub(E, x, ex_div(E, ex_log(E, x), x)), pt2_mul(E, z, ratio));
    tail = pt2_select(E, high, tail, ex_neg(E, tail));
    pt2_ex r = pt2_select(E, ex_gtn(E, y, edge), mid, tail);
    r = pt2_select(E, ex_eqn(E, p, 0), ex_num(E, p, (double)-INFINITY), r);
    r = pt2_select(E, ex_eqn(E, p, 1), ex_num(E, p, (double)INFINITY), r);
    return pt2_select(E, pt2_or(E, ex_ltn(E, p, 0), ex_gtn(E, p, 1)), nan_of(E, p), r);
}

static pt2_ex entr(struct pt2_exprs *E, pt2_ex x)
{
    pt2_ex r = pt2_select(E, ex_gtn(E, x, 0), ex_neg(E, pt2_mul(E, x, ex_log(E, x))), ex_num(E, x, (double)-INFINITY));
    r = pt2_select(E, ex_eqn(E, x, 0), ex_num(E, x, 0), r);
    return pt2_select(E, ex_isnan(E, x), x, r);
}

enum { F_ERFCX, F_NDTR, F_LOG_NDTR, F_NDTRI, F_ENTR };

static pt2_ex (*const formulas[])(struct pt2_exprs *E, pt2_ex x) = {
    [F_ERFCX] = erfcx, [F_NDTR] = ndtr, [F_LOG_NDTR] = log_ndtr, [F_NDTRI] = ndtri, [F_ENTR] = entr,
};

static void lower_formula(struct pt2_lower *L)
{
    struct op_pw p;
    op_pw_open(L, &p, OP_FLOAT, 1, "self");
    op_pw_real(L, &p);
    op_pw_return(L, &p, formulas[L->row->data](L->E, p.v[0]));
}

/* ---- gamma family ---- */

/* data: IGAMMA, IGAMMAC or ZETA */
static void lower_binary(struct pt2_lower *L)
{
    struct op_pw p;
    op_pw_open(L, &p, OP_FLOAT, 2, "self", "other");
    op_pw_real(L, &p);
    op_pw_return(L, &p, pt2_bin(L->E, (enum pt2_expr_op)L->row->data, p.v[0], p.v[1]));
}

/* Below 1/2 by reflection; then six steps up to where the asymptotic series holds. */
static pt2_ex trigamma(struct pt2_exprs *E, pt2_ex x0)
{
    pt2_ex reflect = ex_ltn(E, x0, 0.5), x = pt2_select(E, reflect, ex_nsub(E, 1, x0), x0), r = ex_num(E, x, 0);
    for (int k = 0; k < 6; k++) {
        r = pt2_add(E, r, ex_ndiv(E, 1, ex_square(E, x)));
        x = ex_addn(E, x, 1);
    }
    static const double series[] = { 1. / 42, -1. / 30, 1. / 6 };
    pt2_ex inverse = ex_ndiv(E, 1, ex_square(E, x)), tail = pt2_mul(E, inverse, ex_poly(E, inverse, 3, series));
    tail = pt2_add(E, ex_addn(E, ex_ndiv(E, 0.5, x), 1), tail);
    r = pt2_add(E, r, ex_div(E, tail, x));
    pt2_ex s = pt2_un(E, PT2_E_SIN, ex_muln(E, x0, EX_PI));
    return pt2_select(E, reflect, pt2_sub(E, ex_ndiv(E, EX_PI * EX_PI, ex_square(E, s)), r), r);
}

static void lower_polygamma(struct pt2_lower *L)
{
    struct pt2_exprs *E = L->E;
    int64_t n = op_int(L, "n", 0);
    struct op_pw p;
    op_pw_open(L, &p, OP_FLOAT, 1, "self");
    op_pw_real(L, &p);
    pt2_ex x = p.v[0];
    if (n < 0)
        op_fail(L, PT2_ERR_FORMAT, "polygamma of order %lld", (long long)n);
    if (n == 0) {
        op_pw_return(L, &p, pt2_un(E, PT2_E_DIGAMMA, x));
        return;
    }
    if (n == 1) {
        op_pw_return(L, &p, trigamma(E, x));
        return;
    }
    double factor = (n % 2 ? 1 : -1) * tgamma((double)n + 1);
    op_pw_return(L, &p, ex_muln(E, pt2_bin(E, PT2_E_ZETA, ex_num(E, x, (double)n + 1), x), factor));
}

static void lower_mvlgamma(struct pt2_lower *L)
{
    struct pt2_exprs *E = L->E;
    int64_t n = op_int(L, "p", 1);
    struct op_pw p;
    op_pw_open(L, &p, OP_FLOAT, 1, "self");
    op_pw_real(L, &p);
    if (n < 1 || n > 64)
        op_fail(L, PT2_ERR_UNSUPPORTED, "mvlgamma with p = %lld", (long long)n);
    pt2_ex r = pt2_un(E, PT2_E_LGAMMA, p.v[0]);
    for (int64_t k = 1; k < n; k++)
        r = pt2_add(E, r, pt2_un(E, PT2_E_LGAMMA, ex_addn(E, p.v[0], -0.5 * (double)k)));
    op_pw_return(L, &p, ex_addn(E, r, (double)(n * (n - 1)) / 4 * log(EX_PI)));
}

/* ---- orthogonal polynomials ---- */

enum { POLY_T, POLY_U, POLY_V, POLY_W, POLY_H, POLY_HE, POLY_L, POLY_P };
enum { POLY_SHIFTED = 16, POLY_STEPS = 64, CHEBYSHEV_STEPS = 16 };

/* Polynomial of degree k + 1 from those of degree k (q) and k - 1 (p). */
static pt2_ex next_degree(struct pt2_exprs *E, int kind, pt2_ex x, double k, pt2_ex q, pt2_ex p)
{
    pt2_ex xq = pt2_mul(E, x, q);
    switch (kind) {
    case POLY_H: return pt2_sub(E, ex_muln(E, xq, 2), ex_muln(E, p, 2 * k));
    case POLY_HE: return pt2_sub(E, xq, ex_muln(E, p, k));
    case POLY_L: {
        pt2_ex c = pt2_mul(E, ex_nsub(E, 2 * k + 1, x), q);
        return ex_divn(E, pt2_sub(E, c, ex_muln(E, p, k)), k + 1);
    }
    case POLY_P: return ex_divn(E, pt2_sub(E, ex_muln(E, xq, 2 * k + 1), ex_muln(E, p, k)), k + 1);
    default: return pt2_sub(E, ex_muln(E, xq, 2), p);
    }
}

static pt2_ex first_degree(struct pt2_exprs *E, int kind, pt2_ex x)
{
    switch (kind) {
    case POLY_U: case POLY_H: return ex_muln(E, x, 2);
    case POLY_V: return ex_addn(E, ex_muln(E, x, 2), -1);
    case POLY_W: return ex_addn(E, ex_muln(E, x, 2), 1);
    case POLY_L: return ex_nsub(E, 1, x);
    default: return x;
    }
}

/* Chebyshev polynomials of high degree: by the angle (or hyperbolic angle) of |x|, then the symmetry: T(-x) = ±T(x),
 * U alike, V(-x) = ±W(x). */
static pt2_ex chebyshev_high(struct pt2_exprs *E, int kind, pt2_ex x, pt2_ex n)
{
    pt2_ex a = ex_abs(E, x), negative = ex_ltn(E, x, 0), r[2];
    pt2_ex odd = ex_eqn(E, pt2_floormod(E, n, ex_num(E, n, 2)), 1), turn = pt2_and(E, negative, odd);
    for (int h = 0; h < 2; h++) {
        enum pt2_expr_op sin = h ? PT2_E_SINH : PT2_E_SIN, cos = h ? PT2_E_COSH : PT2_E_COS;
        pt2_ex t = pt2_un(E, h ? PT2_E_ACOSH : PT2_E_ACOS, a), half = ex_muln(E, t, 0.5);
        pt2_ex wide = pt2_mul(E, ex_addn(E, n, 0.5), t);
        pt2_ex v = ex_div(E, pt2_un(E, cos, wide), pt2_un(E, cos, half));
        pt2_ex w = ex_div(E, pt2_un(E, sin, wide), pt2_un(E, sin, half));
        pt2_ex u = ex_div(E, pt2_un(E, sin, pt2_mul(E, ex_addn(E, n, 1), t)), pt2_un(E, sin, t));
        r[h] = kind == POLY_T ? pt2_un(E, cos, pt2_mul(E, n, t)) : kind == POLY_U ? u
             : pt2_select(E, negative, kind == POLY_V ? w : v, kind == POLY_V ? v : w);
    }
    pt2_ex e = pt2_select(E, ex_ltn(E, a, 1), r[0], r[1]);
    return pt2_select(E, turn, ex_neg(E, e), e);
}

/* At x = ±1 exactly, where the angles vanish. */
static pt2_ex chebyshev_end(struct pt2_exprs *E, int kind, pt2_ex x, pt2_ex n)
{
    pt2_ex one = ex_num(E, x, 1), twice = ex_addn(E, ex_muln(E, n, 2), 1), right = ex_gtn(E, x, 0);
    pt2_ex odd = ex_eqn(E, pt2_floormod(E, n, ex_num(E, n, 2)), 1), size = one;
    if (kind == POLY_U)
        size = ex_addn(E, n, 1);
    else if (kind == POLY_V || kind == POLY_W)
        size = pt2_select(E, kind == POLY_V ? right : pt2_not(E, right), one, twice);
    return pt2_select(E, pt2_and(E, pt2_not(E, right), odd), ex_neg(E, size), size);
}

/* The recurrence, unrolled; degrees beyond it are NaN, except for Chebyshev's. */
static pt2_ex polynomial(struct pt2_exprs *E, int kind, pt2_ex x, pt2_ex n)
{
    bool chebyshev = kind <= POLY_W;
    pt2_ex p = ex_num(E, x, 1), q = first_degree(E, kind, x);
    pt2_ex r = pt2_select(E, ex_ltn(E, n, 1), p, pt2_select(E, ex_ltn(E, n, 2), q, nan_of(E, x)));
    if (chebyshev) { /* PyTorch's recurrence ends with inf - inf two degrees after it overflows */
        pt2_ex before = ex_abs(E, chebyshev_high(E, kind, x, ex_addn(E, n, -2)));
        pt2_ex high = pt2_select(E, ex_eqn(E, before, INFINITY), nan_of(E, x), chebyshev_high(E, kind, x, n));
        r = pt2_select(E, ex_ltn(E, n, 2), r, high);
    }
    for (int k = 1; k < (chebyshev ? CHEBYSHEV_STEPS : POLY_STEPS); k++) {
        pt2_ex next = next_degree(E, kind, x, k, q, p);
        r = pt2_select(E, ex_eqn(E, n, k + 1), next, r);
        p = q;
        q = next;
    }
    if (chebyshev)
        r = pt2_select(E, ex_eqn(E, ex_abs(E, x), 1), chebyshev_end(E, kind, x, n), r);
    pt2_ex degree = pt2_and(E, pt2_not(E, ex_ltn(E, n, 0)), ex_ltn(E, n, 0x1p63)); /* else the least int64 in PyTorch */
    return pt2_select(E, degree, r, ex_num(E, x, 0));
}

static void lower_polynomial(struct pt2_lower *L)
{
    struct pt2_exprs *E = L->E;
    int kind = (int)L->row->data;
    struct op_pw p;
    op_pw_open(L, &p, OP_FLOAT, 2, "x", "n");
    op_pw_real(L, &p);
    pt2_ex x = p.v[0], n = pt2_un(E, PT2_E_TRUNC, p.v[1]);
    if (kind & POLY_SHIFTED)
        x = ex_addn(E, ex_muln(E, x, 2), -1);
    op_pw_return(L, &p, polynomial(E, kind & ~POLY_SHIFTED, x, n));
}

/* ---- nextafter ---- */

/* Half types compute in float32, so their neighbour is found from the bits of that: bfloat16 is its upper half;
 * float16 numbers are 2^13 steps apart, subnormal ones 2^-24. */
static pt2_ex half_neighbour(struct pt2_exprs *E, pt2_dtype t, pt2_ex a, pt2_ex b)
{
    bool bf = t == PT2_BF16;
    pt2_ex zero = ex_num(E, a, 0), away = pt2_eq(E, pt2_lt(E, a, b), pt2_lt(E, zero, a)), abs = ex_abs(E, a);
    pt2_ex bits = pt2_bitcast(E, PT2_I32, abs), step = pt2_int(E, PT2_I32, bf ? 0x10000 : 0x2000);
    pt2_ex moved = pt2_bitcast(E, PT2_F32, pt2_select(E, away, pt2_add(E, bits, step), pt2_sub(E, bits, step)));
    double tiny = bf ? 0x1p-133 : 0x1p-24;
    if (!bf) {
        pt2_ex low = pt2_select(E, away, ex_ltn(E, abs, 0x1p-14), ex_len(E, abs, 0x1p-14));
        pt2_ex shifted = pt2_add(E, abs, pt2_select(E, away, ex_num(E, a, tiny), ex_num(E, a, -tiny)));
        moved = pt2_select(E, low, shifted, moved);
        moved = pt2_select(E, pt2_and(E, ex_isinf(E, a), pt2_not(E, away)), ex_num(E, a, 65504), moved);
    }
    pt2_ex r = pt2_bin(E, PT2_E_COPYSIGN, moved, a);
    r = pt2_select(E, pt2_eq(E, a, zero), pt2_bin(E, PT2_E_COPYSIGN, ex_num(E, a, tiny), b), r);
    r = pt2_select(E, pt2_eq(E, a, b), b, r);
    return pt2_select(E, ex_isnan(E, a), a, pt2_select(E, ex_isnan(E, b), b, r));
}

static void lower_nextafter(struct pt2_lower *L)
{
    struct op_pw p;
    op_pw_open(L, &p, OP_SAME, 2, "self", "other");
    op_pw_real(L, &p);
    if (p.dtype == PT2_F16 || p.dtype == PT2_BF16)
        op_pw_return(L, &p, half_neighbour(L->E, p.dtype, p.v[0], p.v[1]));
    else if (pt2_dtype_is_float(p.dtype))
        op_pw_return(L, &p, pt2_bin(L->E, PT2_E_NEXTAFTER, p.v[0], p.v[1]));
    else
        op_fail(L, PT2_ERR_FORMAT, "nextafter of %s", pt2_dtype_name(p.dtype));
}

/* ---- table ---- */

const struct pt2_op_row pt2_ops_special[] = {
    { "aten.special_erfcx", lower_formula, F_ERFCX },
    { "aten.special_ndtr", lower_formula, F_NDTR },
    { "aten.special_log_ndtr", lower_formula, F_LOG_NDTR },
    { "aten.special_ndtri", lower_formula, F_NDTRI },
    { "aten.special_entr", lower_formula, F_ENTR },
    { "aten.special_zeta", lower_binary, PT2_E_ZETA },
    { "aten.igamma", lower_binary, PT2_E_IGAMMA },
    { "aten.special_gammainc", lower_binary, PT2_E_IGAMMA },
    { "aten.igammac", lower_binary, PT2_E_IGAMMAC },
    { "aten.special_gammaincc", lower_binary, PT2_E_IGAMMAC },
    { "aten.polygamma", lower_polygamma, 0 },
    { "aten.special_polygamma", lower_polygamma, 0 },
    { "aten.mvlgamma", lower_mvlgamma, 0 },
    { "aten.special_multigammaln", lower_mvlgamma, 0 },
    { "aten.special_chebyshev_polynomial_t", lower_polynomial, POLY_T },
    { "aten.special_chebyshev_polynomial_u", lower_polynomial, POLY_U },
    { "aten.special_chebyshev_polynomial_v", lower_polynomial, POLY_V },
    { "aten.special_chebyshev_polynomial_w", lower_polynomial, POLY_W },
    { "aten.special_shifted_chebyshev_polynomial_t", lower_polynomial, POLY_T | POLY_SHIFTED },
    { "aten.special_shifted_chebyshev_polynomial_u", lower_polynomial, POLY_U | POLY_SHIFTED },
    { "aten.special_shifted_chebyshev_polynomial_v", lower_polynomial, POLY_V | POLY_SHIFTED },
    { "aten.special_shifted_chebyshev_polynomial_w", lower_polynomial, POLY_W | POLY_SHIFTED },
    { "aten.special_hermite_polynomial_h", lower_polynomial, POLY_H },
    { "aten.special_hermite_polynomial_he", lower_polynomial, POLY_HE },
    { "aten.special_laguerre_polynomial_l", lower_polynomial, POLY_L },
    { "aten.special_legendre_polynomial_p", lower_polynomial, POLY_P },
    { "aten.nextafter", lower_nextafter, 0 },
    { 0 },
};
