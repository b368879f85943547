/* SPDX-License-Identifier: MIT
 * Elementwise functions of one tensor: elementary functions, rounding, signs and tests. */
#include "ops/complex.h"
#include "ops/pointwise.h"

/* ---- functions that one expression operator computes ---- */

static void lower_float_unary(struct pt2_lower *L)
{
    enum pt2_expr_op op = (enum pt2_expr_op)L->row->data;
    struct op_pw p;
    struct pt2_complex c;
    op_pw_open(L, &p, OP_FLOAT, 1, "self");
    if (!p.is_complex) {
        op_pw_return(L, &p, pt2_un(L->E, op, p.v[0]));
        return;
    }
    if (!op_c_unary(L, op, p.c[0], &c))
        op_fail(L, PT2_ERR_UNSUPPORTED, "complex operands");
    op_pw_return_c(L, &p, c);
}

/* floor, ceil, trunc: integers are left alone. */
static void lower_rounding(struct pt2_lower *L)
{
    struct op_pw p;
    op_pw_open(L, &p, OP_SAME, 1, "self");
    op_pw_real(L, &p);
    bool is_float = pt2_dtype_is_float(p.dtype);
    op_pw_return(L, &p, is_float ? pt2_un(L->E, (enum pt2_expr_op)L->row->data, p.v[0]) : p.v[0]);
}

static pt2_ex round_step(struct pt2_lower *L, const struct op_pw *p, pt2_ex e)
{
    return pt2_dtype_compute(p->dtype) == p->dtype ? e : op_to(L, e, p->dtype);
}

/* round(x * 10^d) / 10^d; half types round after each operation, as PyTorch's kernel does. */
static void lower_round(struct pt2_lower *L)
{
    struct pt2_exprs *E = L->E;
    int64_t decimals = op_int(L, "decimals", 0);
    struct op_pw p;
    op_pw_open(L, &p, OP_SAME, 1, "self");
    op_pw_real(L, &p);
    if (!pt2_dtype_is_float(p.dtype)) {
        op_pw_return(L, &p, p.v[0]);
        return;
    }
    if (!decimals) {
        op_pw_return(L, &p, pt2_un(E, PT2_E_ROUND, p.v[0]));
        return;
    }
    pt2_ex ten = round_step(L, &p, ex_num(E, p.v[0], pow(10, fabs((double)decimals)))), x = p.v[0];
    x = round_step(L, &p, decimals < 0 ? ex_div(E, x, ten) : pt2_mul(E, x, ten));
    x = pt2_un(E, PT2_E_ROUND, x);
    op_pw_return(L, &p, decimals < 0 ? pt2_mul(E, x, ten) : ex_div(E, x, ten));
}

/* ---- signs ---- */

static void lower_neg(struct pt2_lower *L)
{
    struct op_pw p;
    op_pw_open(L, &p, OP_SAME, 1, "self");
    if (p.is_complex)
        op_pw_return_c(L, &p, op_c_neg(L, p.c[0]));
    else
        op_pw_return(L, &p, ex_neg(L->E, p.v[0]));
}

static void lower_abs(struct pt2_lower *L)
{
    struct op_pw p;
    op_pw_open(L, &p, OP_SAME, 1, "self");
    if (p.is_complex)
        op_pw_return(L, &p, op_c_abs(L, p.c[0]));
    else if (pt2_dtype_is_float(p.dtype) || pt2_dtype_is_signed(p.dtype))
        op_pw_return(L, &p, ex_abs(L->E, p.v[0]));
    else
        op_pw_return(L, &p, p.v[0]);
}

static pt2_ex sign(struct pt2_exprs *E, pt2_ex x)
{
    pt2_ex zero = ex_num(E, x, 0), one = ex_num(E, x, 1);
    pt2_ex negative = pt2_select(E, pt2_lt(E, x, zero), ex_num(E, x, -1), zero);
    return pt2_select(E, pt2_lt(E, zero, x), one, negative);
}

/* sign and sgn; of a complex number z / |z|, 0 at 0. */
static void lower_sign(struct pt2_lower *L)
{
    struct pt2_exprs *E = L->E;
    struct op_pw p;
    op_pw_open(L, &p, OP_SAME, 1, "self");
    if (p.is_complex) {
        pt2_ex abs = op_c_abs(L, p.c[0]), zero = ex_num(E, abs, 0), none = pt2_eq(E, abs, zero);
        op_pw_return_c(L, &p, op_c(pt2_select(E, none, zero, ex_div(E, p.c[0].re, abs)),
                                   pt2_select(E, none, zero, ex_div(E, p.c[0].im, abs))));
        return;
    }
    if (p.dtype == PT2_BOOL)
        op_pw_return(L, &p, p.v[0]);
    else if (!pt2_dtype_is_float(p.dtype) && !pt2_dtype_is_signed(p.dtype))
        op_pw_return(L, &p, pt2_min(E, p.v[0], ex_num(E, p.v[0], 1)));
    else
        op_pw_return(L, &p, sign(E, p.v[0]));
}

static void lower_signbit(struct pt2_lower *L)
{
    struct pt2_exprs *E = L->E;
    struct op_pw p;
    op_pw_open(L, &p, OP_SAME, 1, "self");
    op_pw_real(L, &p);
    pt2_ex x = p.v[0];
    if (pt2_dtype_is_float(p.dtype))
        op_pw_return(L, &p, ex_ltn(E, pt2_bin(E, PT2_E_COPYSIGN, ex_num(E, x, 1), x), 0));
    else if (pt2_dtype_is_signed(p.dtype))
        op_pw_return(L, &p, ex_ltn(E, x, 0));
    else
        op_pw_return(L, &p, pt2_int(E, PT2_BOOL, 0));
}

static void lower_angle(struct pt2_lower *L)
{
    struct pt2_exprs *E = L->E;
    struct op_pw p;
    op_pw_open(L, &p, OP_FLOAT, 1, "self");
    if (p.is_complex) {
        op_pw_return(L, &p, op_c_angle(L, p.c[0]));
        return;
    }
    pt2_ex x = p.v[0];
    pt2_ex r = pt2_select(E, ex_ltn(E, x, 0), ex_num(E, x, EX_PI), ex_num(E, x, 0));
    op_pw_return(L, &p, pt2_select(E, ex_isnan(E, x), x, r));
}

static void lower_frac(struct pt2_lower *L)
{
    struct op_pw p;
    op_pw_open(L, &p, OP_SAME, 1, "self");
    op_pw_real(L, &p);
    op_pw_return(L, &p, pt2_sub(L->E, p.v[0], pt2_un(L->E, PT2_E_TRUNC, p.v[0])));
}

static void lower_positive(struct pt2_lower *L)
{
    op_return(L, op_tensor(L, "self"));
}

/* ---- tests of floats ---- */

enum { TEST_NAN, TEST_INF, TEST_FINITE, TEST_NEGINF, TEST_POSINF, TEST_REAL };

static pt2_ex test_float(struct pt2_exprs *E, int64_t test, pt2_ex x)
{
    switch (test) {
    case TEST_NAN: return ex_isnan(E, x);
    case TEST_INF: return ex_isinf(E, x);
    case TEST_FINITE: return ex_isfinite(E, x);
    case TEST_NEGINF: return ex_eqn(E, x, (double)-INFINITY);
    case TEST_POSINF: return ex_eqn(E, x, (double)INFINITY);
    default: return pt2_int(E, PT2_BOOL, 1);
    }
}

static void lower_test(struct pt2_lower *L)
{
    struct pt2_exprs *E = L->E;
    int64_t test = L->row->data;
    struct op_pw p;
    op_pw_open(L, &p, OP_SAME, 1, "self");
    if (p.is_complex) {
        pt2_ex re = test_float(E, test, p.c[0].re), im = test_float(E, test, p.c[0].im);
        if (test == TEST_REAL)
            op_pw_return(L, &p, ex_eqn(E, p.c[0].im, 0));
        else
            op_pw_return(L, &p, test == TEST_FINITE ? pt2_and(E, re, im) : pt2_or(E, re, im));
        return;
    }
    if (pt2_dtype_is_float(p.dtype))
        op_pw_return(L, &p, test_float(E, test, p.v[0]));
    else
        op_pw_return(L, &p, pt2_int(E, PT2_BOOL, test == TEST_FINITE || test == TEST_REAL));
}

/* ---- nan_to_num ---- */

static double largest(pt2_dtype t)
{
    switch (t) {
    case PT2_F64: return 1.7976931348623157e308;
    case PT2_F16: return 65504;
    case PT2_BF16: return 3.3895313892515355e38;
    default: return 3.4028234663852886e38;
    }
}

static pt2_ex nan_to_num(struct pt2_lower *L, pt2_ex x, pt2_dtype t)
{
    struct pt2_exprs *E = L->E;
    double top = op_float(L, "posinf", largest(t)), bottom = op_float(L, "neginf", -largest(t));
    pt2_ex r = pt2_select(E, ex_eqn(E, x, (double)INFINITY), ex_num(E, x, top), x);
    r = pt2_select(E, ex_eqn(E, x, (double)-INFINITY), ex_num(E, x, bottom), r);
    return pt2_select(E, ex_isnan(E, x), ex_num(E, x, op_float(L, "nan", 0)), r);
}

static void lower_nan_to_num(struct pt2_lower *L)
{
    struct op_pw p;
    op_pw_open(L, &p, OP_SAME, 1, "self");
    pt2_dtype real = pt2_dtype_real(p.dtype);
    if (p.is_complex)
        op_pw_return_c(L, &p, op_c(nan_to_num(L, p.c[0].re, real), nan_to_num(L, p.c[0].im, real)));
    else
        op_pw_return(L, &p, pt2_dtype_is_float(p.dtype) ? nan_to_num(L, p.v[0], real) : p.v[0]);
}

/* ---- formulas over floats ---- */

pt2_ex op_ex_sigmoid(struct pt2_lower *L, pt2_ex x)
{
    return ex_ndiv(L->E, 1, ex_addn(L->E, ex_exp(L->E, ex_neg(L->E, x)), 1));
}

pt2_ex op_ex_log1p_exp(struct pt2_lower *L, pt2_ex x)
{
    return pt2_un(L->E, PT2_E_LOG1P, ex_exp(L->E, x));
}

static void lower_sigmoid(struct pt2_lower *L)
{
    struct op_pw p;
    op_pw_open(L, &p, OP_FLOAT, 1, "self");
    if (!p.is_complex) {
        op_pw_return(L, &p, op_ex_sigmoid(L, p.v[0]));
        return;
    }
    pt2_cx one = op_c_num(L, p.c[0].re, 1, 0);
    op_pw_return_c(L, &p, op_c_div(L, one, op_c_add(L, one, op_c_exp(L, op_c_neg(L, p.c[0])))));
}

static void lower_reciprocal(struct pt2_lower *L)
{
    struct op_pw p;
    op_pw_open(L, &p, OP_FLOAT, 1, "self");
    if (p.is_complex)
        op_pw_return_c(L, &p, op_c_div(L, op_c_num(L, p.c[0].re, 1, 0), p.c[0]));
    else
        op_pw_return(L, &p, ex_ndiv(L->E, 1, p.v[0]));
}

static void lower_sinc(struct pt2_lower *L)
{
    struct pt2_exprs *E = L->E;
    struct op_pw p;
    op_pw_open(L, &p, OP_FLOAT, 1, "self");
    if (p.is_complex) {
        pt2_cx px = op_c_scale(L, p.c[0], ex_num(E, p.c[0].re, EX_PI)), s;
        op_c_unary(L, PT2_E_SIN, px, &s);
        pt2_ex zero = pt2_not(E, op_c_nonzero(L, p.c[0]));
        op_pw_return_c(L, &p, op_c_select(L, zero, op_c_num(L, px.re, 1, 0), op_c_div(L, s, px)));
        return;
    }
    pt2_ex x = p.v[0], px = ex_muln(E, x, EX_PI);
    pt2_ex r = ex_div(E, pt2_un(E, PT2_E_SIN, px), px);
    op_pw_return(L, &p, pt2_select(E, ex_eqn(E, x, 0), ex_num(E, x, 1), r));
}

static void lower_deg2rad(struct pt2_lower *L)
{
    struct op_pw p;
    op_pw_open(L, &p, OP_FLOAT, 1, "self");
    op_pw_real(L, &p);
    op_pw_return(L, &p, ex_muln(L->E, p.v[0], L->row->data ? 180 / EX_PI : EX_PI / 180));
}

/* prims.cbrt: |x|^(1/3) with the sign of x. */
static void lower_cbrt(struct pt2_lower *L)
{
    struct pt2_exprs *E = L->E;
    struct op_pw p;
    op_pw_open(L, &p, OP_FLOAT, 1, "self");
    op_pw_real(L, &p);
    pt2_ex x = p.v[0];
    op_pw_return(L, &p, pt2_bin(E, PT2_E_COPYSIGN, pt2_bin(E, PT2_E_POW, ex_abs(E, x), ex_num(E, x, 1.0 / 3)), x));
}

static void lower_logit(struct pt2_lower *L)
{
    struct pt2_exprs *E = L->E;
    double eps = op_float(L, "eps", -1);
    struct op_pw p;
    op_pw_open(L, &p, OP_FLOAT, 1, "self");
    op_pw_real(L, &p);
    pt2_ex x = p.v[0];
    if (eps >= 0) {
        pt2_ex low = ex_num(E, x, eps), high = ex_nsub(E, 1, low);
        x = pt2_select(E, pt2_lt(E, x, low), low, pt2_select(E, pt2_lt(E, high, x), high, x));
    }
    op_pw_return(L, &p, ex_log(E, ex_div(E, x, ex_nsub(E, 1, x))));
}

/* ---- frexp: x = mantissa * 2^exponent, mantissa in [0.5, 1) ---- */

/* 0 and what is not finite keep their value, with exponent 0. */
static void lower_frexp(struct pt2_lower *L)
{
    struct pt2_exprs *E = L->E;
    struct op_pw p;
    op_pw_open(L, &p, OP_SAME, 1, "self");
    op_pw_real(L, &p);
    if (!pt2_dtype_is_float(p.dtype))
        op_fail(L, PT2_ERR_FORMAT, "frexp of %s", pt2_dtype_name(p.dtype));
    bool wide = p.v[0]->dtype == PT2_F64;
    int type = wide ? PT2_I64 : PT2_I32, bits = wide ? 52 : 23, bias = wide ? 1022 : 126;
    int64_t exp_mask = wide ? 0x7ff : 0xff;
    pt2_ex x = p.v[0], tiny = ex_ltn(E, ex_abs(E, x), wide ? 0x1p-1022 : 0x1p-126);
    pt2_ex scaled = pt2_select(E, tiny, ex_muln(E, x, 0x1p60), x);
    pt2_ex u = pt2_bitcast(E, type, scaled);
    pt2_ex e = pt2_bin(E, PT2_E_AND, pt2_bin(E, PT2_E_SHR, u, pt2_int(E, type, bits)), pt2_int(E, type, exp_mask));
    pt2_ex keep = pt2_int(E, type, ~(exp_mask << bits)), half = pt2_int(E, type, (int64_t)bias << bits);
    pt2_ex m = pt2_bitcast(E, (int)x->dtype, pt2_bin(E, PT2_E_OR, pt2_bin(E, PT2_E_AND, u, keep), half));
    pt2_ex plain = pt2_or(E, ex_eqn(E, x, 0), pt2_not(E, ex_isfinite(E, x)));
    e = pt2_sub(E, e, pt2_select(E, tiny, pt2_int(E, type, bias + 60), pt2_int(E, type, bias)));
    e = pt2_select(E, plain, pt2_int(E, type, 0), e);
    op_result(L, 0, op_pw_map(L, &p, op_out_dtype(L, 0), pt2_select(E, plain, x, m)));
    op_result(L, 1, op_pw_map(L, &p, PT2_I32, e));
}

/* ---- table ---- */

#define UNARY(name, op) { "aten." name, lower_float_unary, PT2_E_##op }

const struct pt2_op_row pt2_ops_unary[] = {
    UNARY("acos", ACOS), UNARY("arccos", ACOS), UNARY("acosh", ACOSH), UNARY("arccosh", ACOSH),
    UNARY("asin", ASIN), UNARY("arcsin", ASIN), UNARY("asinh", ASINH), UNARY("arcsinh", ASINH),
    UNARY("atan", ATAN), UNARY("arctan", ATAN), UNARY("atanh", ATANH), UNARY("arctanh", ATANH),
    UNARY("cos", COS), UNARY("cosh", COSH), UNARY("sin", SIN), UNARY("sinh", SINH), UNARY("tan", TAN),
    UNARY("tanh", TANH), UNARY("exp", EXP), UNARY("exp2", EXP2), UNARY("special_exp2", EXP2),
    UNARY("expm1", EXPM1), UNARY("special_expm1", EXPM1), UNARY("log", LOG), UNARY("log2", LOG2),
    UNARY("log10", LOG10), UNARY("log1p", LOG1P), UNARY("special_log1p", LOG1P), UNARY("sqrt", SQRT),
    UNARY("rsqrt", RSQRT), UNARY("erf", ERF), UNARY("special_erf", ERF), UNARY("erfc", ERFC),
    UNARY("special_erfc", ERFC), UNARY("erfinv", ERFINV), UNARY("special_erfinv", ERFINV),
    UNARY("lgamma", LGAMMA), UNARY("special_gammaln", LGAMMA), UNARY("digamma", DIGAMMA),
    UNARY("special_digamma", DIGAMMA), UNARY("special_psi", DIGAMMA),
    { "aten.floor", lower_rounding, PT2_E_FLOOR },
    { "aten.ceil", lower_rounding, PT2_E_CEIL },
    { "aten.trunc", lower_rounding, PT2_E_TRUNC },
    { "aten.fix", lower_rounding, PT2_E_TRUNC },
    { "aten.round", lower_round, 0 },
    { "aten.special_round", lower_round, 0 },
    { "aten.neg", lower_neg, 0 },
    { "aten.negative", lower_neg, 0 },
    { "aten._neg_view", lower_neg, 0 },
    { "aten.abs", lower_abs, 0 },
    { "aten.absolute", lower_abs, 0 },
    { "aten.sign", lower_sign, 0 },
    { "aten.sgn", lower_sign, 0 },
    { "aten.signbit", lower_signbit, 0 },
    { "aten.angle", lower_angle, 0 },
    { "aten.frac", lower_frac, 0 },
    { "aten.positive", lower_positive, 0 },
    { "aten.isnan", lower_test, TEST_NAN },
    { "aten.isinf", lower_test, TEST_INF },
    { "aten.isfinite", lower_test, TEST_FINITE },
    { "aten.isneginf", lower_test, TEST_NEGINF },
    { "aten.isposinf", lower_test, TEST_POSINF },
    { "aten.isreal", lower_test, TEST_REAL },
    { "aten.nan_to_num", lower_nan_to_num, 0 },
    { "aten.sigmoid", lower_sigmoid, 0 },
    { "aten.special_expit", lower_sigmoid, 0 },
    { "aten.reciprocal", lower_reciprocal, 0 },
    { "aten.sinc", lower_sinc, 0 },
    { "aten.special_sinc", lower_sinc, 0 },
    { "aten.deg2rad", lower_deg2rad, 0 },
    { "aten.rad2deg", lower_deg2rad, 1 },
    { "aten.logit", lower_logit, 0 },
    { "aten.special_logit", lower_logit, 0 },
    { "aten.frexp", lower_frexp, 0 },
    { "prims.cbrt", lower_cbrt, 0 },
    { 0 },
};
