/* SPDX-License-Identifier: MIT
 * Complex arithmetic and elementary functions on pairs of expressions, and the operators that only complex tensors
 * have. */
#include "ops/complex.h"
#include "ops/internal.h"
#include "ops/pointwise.h"

/* ---- arithmetic ---- */

pt2_cx op_c(pt2_ex re, pt2_ex im)
{
    return (pt2_cx){ re, im };
}

pt2_cx op_c_num(struct pt2_lower *L, pt2_ex like, double re, double im)
{
    return op_c(ex_num(L->E, like, re), ex_num(L->E, like, im));
}

pt2_cx op_c_conj(struct pt2_lower *L, pt2_cx a)
{
    return op_c(a.re, ex_neg(L->E, a.im));
}

pt2_cx op_c_neg(struct pt2_lower *L, pt2_cx a)
{
    return op_c(ex_neg(L->E, a.re), ex_neg(L->E, a.im));
}

pt2_cx op_c_add(struct pt2_lower *L, pt2_cx a, pt2_cx b)
{
    return op_c(pt2_add(L->E, a.re, b.re), pt2_add(L->E, a.im, b.im));
}

pt2_cx op_c_sub(struct pt2_lower *L, pt2_cx a, pt2_cx b)
{
    return op_c(pt2_sub(L->E, a.re, b.re), pt2_sub(L->E, a.im, b.im));
}

pt2_cx op_c_mul(struct pt2_lower *L, pt2_cx a, pt2_cx b)
{
    struct pt2_exprs *E = L->E;
    return op_c(pt2_sub(E, pt2_mul(E, a.re, b.re), pt2_mul(E, a.im, b.im)),
                pt2_add(E, pt2_mul(E, a.re, b.im), pt2_mul(E, a.im, b.re)));
}

pt2_cx op_c_scale(struct pt2_lower *L, pt2_cx a, pt2_ex factor)
{
    return op_c(pt2_mul(L->E, a.re, factor), pt2_mul(L->E, a.im, factor));
}

/* The divisor is scaled by its larger part, so that its square neither overflows nor vanishes (c10/util/complex.h). */
pt2_cx op_c_div(struct pt2_lower *L, pt2_cx a, pt2_cx b)
{
    struct pt2_exprs *E = L->E;
    pt2_ex size = pt2_max(E, ex_abs(E, b.re), ex_abs(E, b.im));
    pt2_ex scale = ex_ndiv(E, 1, pt2_select(E, ex_eqn(E, size, 0), ex_num(E, size, 1), size));
    pt2_cx d = op_c_scale(L, b, scale);
    pt2_ex norm = pt2_add(E, pt2_mul(E, b.re, d.re), pt2_mul(E, b.im, d.im));
    pt2_ex re = pt2_add(E, pt2_mul(E, a.re, d.re), pt2_mul(E, a.im, d.im));
    pt2_ex im = pt2_sub(E, pt2_mul(E, a.im, d.re), pt2_mul(E, a.re, d.im));
    pt2_ex zero = ex_eqn(E, size, 0);
    return op_c_select(L, zero, op_c(ex_div(E, a.re, size), ex_div(E, a.im, size)),
                       op_c(ex_div(E, re, norm), ex_div(E, im, norm)));
}

pt2_cx op_c_select(struct pt2_lower *L, pt2_ex cond, pt2_cx a, pt2_cx b)
{
    return op_c(pt2_select(L->E, cond, a.re, b.re), pt2_select(L->E, cond, a.im, b.im));
}

pt2_ex op_c_abs(struct pt2_lower *L, pt2_cx a)
{
    return pt2_bin(L->E, PT2_E_HYPOT, a.re, a.im);
}

pt2_ex op_c_angle(struct pt2_lower *L, pt2_cx a)
{
    return pt2_bin(L->E, PT2_E_ATAN2, a.im, a.re);
}

pt2_ex op_c_eq(struct pt2_lower *L, pt2_cx a, pt2_cx b)
{
    return pt2_and(L->E, pt2_eq(L->E, a.re, b.re), pt2_eq(L->E, a.im, b.im));
}

pt2_ex op_c_nonzero(struct pt2_lower *L, pt2_cx a)
{
    return pt2_or(L->E, op_ex_to_bool(L, a.re), op_ex_to_bool(L, a.im));
}

/* ---- exponentials and powers ---- */

pt2_cx op_c_polar(struct pt2_lower *L, pt2_ex abs, pt2_ex angle)
{
    struct pt2_exprs *E = L->E;
    return op_c(pt2_mul(E, abs, pt2_un(E, PT2_E_COS, angle)), pt2_mul(E, abs, pt2_un(E, PT2_E_SIN, angle)));
}

/* A real argument keeps its zero imaginary part, also where exp overflows; exp(-inf + i y) is 0 for any y. */
pt2_cx op_c_exp(struct pt2_lower *L, pt2_cx a)
{
    struct pt2_exprs *E = L->E;
    pt2_cx r = op_c_polar(L, ex_exp(E, a.re), a.im);
    pt2_ex real = ex_eqn(E, a.im, 0), gone = ex_eqn(E, a.re, (double)-INFINITY);
    r = op_c_select(L, real, op_c(ex_exp(E, a.re), a.im), r);
    return op_c_select(L, pt2_and(E, gone, pt2_not(E, ex_isfinite(E, a.im))), op_c_num(L, a.re, 0, 0), r);
}

pt2_cx op_c_log(struct pt2_lower *L, pt2_cx a)
{
    return op_c(ex_log(L->E, op_c_abs(L, a)), op_c_angle(L, a));
}

pt2_cx op_c_sqrt(struct pt2_lower *L, pt2_cx a)
{
    struct pt2_exprs *E = L->E;
    pt2_ex zero = ex_num(E, a.re, 0);
    pt2_ex t = ex_sqrt(E, ex_muln(E, pt2_add(E, ex_abs(E, a.re), op_c_abs(L, a)), 0.5));
    pt2_ex s = ex_div(E, ex_abs(E, a.im), ex_muln(E, t, 2));
    pt2_ex right = pt2_le(E, zero, a.re);
    pt2_cx r = op_c(pt2_select(E, right, t, s), pt2_bin(E, PT2_E_COPYSIGN, pt2_select(E, right, s, t), a.im));
    r = op_c_select(L, ex_isinf(E, a.im), op_c(ex_abs(E, a.im), a.im), r);
    return op_c_select(L, op_c_nonzero(L, a), r, op_c(zero, a.im));
}

/* exp(b log a); a^0 is 1 and 0^b is 0; squares and cubes are products. */
pt2_cx op_c_pow(struct pt2_lower *L, pt2_cx a, pt2_cx b)
{
    struct pt2_exprs *E = L->E;
    if (pt2_is_const(b.re) && pt2_is_const(b.im) && b.im->f == 0) {
        if (b.re->f == 1)
            return a;
        if (b.re->f == 2)
            return op_c_mul(L, a, a);
        if (b.re->f == 3)
            return op_c_mul(L, op_c_mul(L, a, a), a);
        if (b.re->f == 0.5)
            return op_c_sqrt(L, a);
        if (b.re->f == -1)
            return op_c_div(L, op_c_num(L, a.re, 1, 0), a);
    }
    pt2_cx r = op_c_exp(L, op_c_mul(L, b, op_c_log(L, a)));
    r = op_c_select(L, op_c_nonzero(L, a), r, op_c_num(L, a.re, 0, 0));
    pt2_ex zero = pt2_not(E, op_c_nonzero(L, b));
    return op_c_select(L, zero, op_c_num(L, a.re, 1, 0), r);
}

static pt2_cx expm1_c(struct pt2_lower *L, pt2_cx a)
{
    struct pt2_exprs *E = L->E;
    pt2_ex c = pt2_un(E, PT2_E_COS, a.im), half = pt2_un(E, PT2_E_SIN, ex_muln(E, a.im, 0.5));
    pt2_ex re = pt2_sub(E, pt2_mul(E, pt2_un(E, PT2_E_EXPM1, a.re), c), ex_muln(E, ex_square(E, half), 2));
    return op_c(re, pt2_mul(E, ex_exp(E, a.re), pt2_un(E, PT2_E_SIN, a.im)));
}

/* log|1 + z| from |1 + z|^2 - 1 where that is small. */
static pt2_cx log1p_c(struct pt2_lower *L, pt2_cx a)
{
    struct pt2_exprs *E = L->E;
    pt2_ex x1 = ex_addn(E, a.re, 1);
    pt2_ex square = pt2_add(E, pt2_mul(E, a.re, ex_addn(E, a.re, 2)), ex_square(E, a.im));
    pt2_ex near = ex_muln(E, pt2_un(E, PT2_E_LOG1P, square), 0.5);
    pt2_ex far = ex_log(E, pt2_bin(E, PT2_E_HYPOT, x1, a.im));
    pt2_ex small = ex_ltn(E, ex_abs(E, square), 0.5);
    return op_c(pt2_select(E, small, near, far), pt2_bin(E, PT2_E_ATAN2, a.im, x1));
}

/* ---- trigonometry: the hyperbolic functions, turned by i for the circular ones ---- */

static pt2_cx times_i(struct pt2_lower *L, pt2_cx a)
{
    return op_c(ex_neg(L->E, a.im), a.re);
}

static pt2_cx times_minus_i(struct pt2_lower *L, pt2_cx a)
{
    return op_c(a.im, ex_neg(L->E, a.re));
}

/* A zero imaginary part of a real argument stays zero where the other factor is infinite. */
static pt2_ex keep_zero(struct pt2_exprs *E, pt2_ex zero, pt2_ex product)
{
    return pt2_select(E, ex_eqn(E, zero, 0), zero, product);
}

static pt2_cx sinh_c(struct pt2_lower *L, pt2_cx a)
{
    struct pt2_exprs *E = L->E;
    pt2_ex re = pt2_mul(E, pt2_un(E, PT2_E_SINH, a.re), pt2_un(E, PT2_E_COS, a.im));
    pt2_ex im = pt2_mul(E, pt2_un(E, PT2_E_COSH, a.re), pt2_un(E, PT2_E_SIN, a.im));
    return op_c(keep_zero(E, a.re, re), keep_zero(E, a.im, im));
}

static pt2_cx cosh_c(struct pt2_lower *L, pt2_cx a)
{
    struct pt2_exprs *E = L->E;
    pt2_ex re = pt2_mul(E, pt2_un(E, PT2_E_COSH, a.re), pt2_un(E, PT2_E_COS, a.im));
    pt2_ex s = pt2_un(E, PT2_E_SINH, a.re), t = pt2_un(E, PT2_E_SIN, a.im);
    pt2_ex zero = pt2_or(E, ex_eqn(E, a.re, 0), ex_eqn(E, a.im, 0));
    return op_c(re, pt2_select(E, zero, pt2_mul(E, a.re, a.im), pt2_mul(E, s, t)));
}

/* Kahan's formula; beyond |re| = 12 (float64: 22) the real part is ±1. */
static pt2_cx tanh_c(struct pt2_lower *L, pt2_cx a)
{
    struct pt2_exprs *E = L->E;
    pt2_ex t = pt2_un(E, PT2_E_TAN, a.im), s = pt2_un(E, PT2_E_SINH, a.re), abs = ex_abs(E, a.re);
    pt2_ex beta = ex_addn(E, ex_square(E, t), 1), rho = ex_sqrt(E, ex_addn(E, ex_square(E, s), 1));
    pt2_ex d = ex_addn(E, pt2_mul(E, beta, ex_square(E, s)), 1);
    pt2_cx mid = op_c(ex_div(E, pt2_mul(E, pt2_mul(E, beta, rho), s), d), ex_div(E, t, d));
    pt2_ex sc = pt2_mul(E, pt2_un(E, PT2_E_SIN, a.im), pt2_un(E, PT2_E_COS, a.im));
    pt2_ex tail = ex_muln(E, pt2_mul(E, sc, ex_exp(E, ex_muln(E, abs, -2))), 4);
    pt2_cx far = op_c(pt2_bin(E, PT2_E_COPYSIGN, ex_num(E, s, 1), a.re), tail);
    return op_c_select(L, ex_gtn(E, abs, a.re->dtype == PT2_F64 ? 22 : 12), far, mid);
}

/* Kahan's formulas for the inverse functions, which keep both parts accurate near the branch points. */
static void branch_roots(struct pt2_lower *L, pt2_cx a, pt2_cx *minus, pt2_cx *plus)
{
    struct pt2_exprs *E = L->E;
    *minus = op_c_sqrt(L, op_c(ex_nsub(E, 1, a.re), ex_neg(E, a.im)));
    *plus = op_c_sqrt(L, op_c(ex_addn(E, a.re, 1), a.im));
}

static pt2_cx asin_c(struct pt2_lower *L, pt2_cx a)
{
    struct pt2_exprs *E = L->E;
    pt2_cx m, p;
    branch_roots(L, a, &m, &p);
    pt2_ex re = pt2_bin(E, PT2_E_ATAN2, a.re, op_c_mul(L, m, p).re);
    return op_c(re, pt2_un(E, PT2_E_ASINH, op_c_mul(L, op_c_conj(L, m), p).im));
}

static pt2_cx acos_c(struct pt2_lower *L, pt2_cx a)
{
    struct pt2_exprs *E = L->E;
    pt2_cx m, p;
    branch_roots(L, a, &m, &p);
    pt2_ex re = ex_muln(E, pt2_bin(E, PT2_E_ATAN2, m.re, p.re), 2);
    return op_c(re, pt2_un(E, PT2_E_ASINH, op_c_mul(L, op_c_conj(L, p), m).im));
}

static pt2_cx acosh_c(struct pt2_lower *L, pt2_cx a)
{
    struct pt2_exprs *E = L->E;
    pt2_cx m = op_c_sqrt(L, op_c(ex_addn(E, a.re, -1), a.im)), p = op_c_sqrt(L, op_c(ex_addn(E, a.re, 1), a.im));
    pt2_ex re = pt2_un(E, PT2_E_ASINH, op_c_mul(L, op_c_conj(L, m), p).re);
    return op_c(re, ex_muln(E, pt2_bin(E, PT2_E_ATAN2, m.im, p.re), 2));
}

/* For |re|, whose sign the result takes: log1p sees no cancellation. */
static pt2_cx atanh_c(struct pt2_lower *L, pt2_cx a)
{
    struct pt2_exprs *E = L->E;
    pt2_ex x = ex_abs(E, a.re), y2 = ex_square(E, a.im), below = ex_nsub(E, 1, x);
    pt2_ex ratio = ex_div(E, ex_muln(E, x, 4), pt2_add(E, ex_square(E, below), y2));
    pt2_ex d = pt2_sub(E, pt2_mul(E, below, ex_addn(E, x, 1)), y2);
    pt2_ex re = ex_muln(E, pt2_un(E, PT2_E_LOG1P, ratio), 0.25);
    return op_c(pt2_bin(E, PT2_E_COPYSIGN, re, a.re), ex_muln(E, pt2_bin(E, PT2_E_ATAN2, ex_muln(E, a.im, 2), d), 0.5));
}

bool op_c_unary(struct pt2_lower *L, enum pt2_expr_op op, pt2_cx a, pt2_cx *out)
{
    struct pt2_exprs *E = L->E;
    switch ((int)op) {
    case PT2_E_EXP: *out = op_c_exp(L, a); return true;
    case PT2_E_EXP2: *out = op_c_exp(L, op_c_scale(L, a, ex_num(E, a.re, 0.69314718055994530942))); return true;
    case PT2_E_EXPM1: *out = expm1_c(L, a); return true;
    case PT2_E_LOG: *out = op_c_log(L, a); return true;
    case PT2_E_LOG2: *out = op_c_scale(L, op_c_log(L, a), ex_num(E, a.re, 1.44269504088896340736)); return true;
    case PT2_E_LOG10: *out = op_c_scale(L, op_c_log(L, a), ex_num(E, a.re, 0.43429448190325182765)); return true;
    case PT2_E_LOG1P: *out = log1p_c(L, a); return true;
    case PT2_E_SQRT: *out = op_c_sqrt(L, a); return true;
    case PT2_E_RSQRT: *out = op_c_div(L, op_c_num(L, a.re, 1, 0), op_c_sqrt(L, a)); return true;
    case PT2_E_SINH: *out = sinh_c(L, a); return true;
    case PT2_E_COSH: *out = cosh_c(L, a); return true;
    case PT2_E_TANH: *out = tanh_c(L, a); return true;
    case PT2_E_SIN: *out = times_minus_i(L, sinh_c(L, times_i(L, a))); return true;
    case PT2_E_COS: *out = cosh_c(L, times_i(L, a)); return true;
    case PT2_E_TAN: *out = times_minus_i(L, tanh_c(L, times_i(L, a))); return true;
    case PT2_E_ASIN: *out = asin_c(L, a); return true;
    case PT2_E_ACOS: *out = acos_c(L, a); return true;
    case PT2_E_ACOSH: *out = acosh_c(L, a); return true;
    case PT2_E_ATANH: *out = atanh_c(L, a); return true;
    case PT2_E_ASINH: *out = times_minus_i(L, asin_c(L, times_i(L, a))); return true;
    case PT2_E_ATAN: *out = times_minus_i(L, atanh_c(L, times_i(L, a))); return true;
    default: return false;
    }
}

/* ---- operators ---- */

static pt2_t *conjugate(struct pt2_lower *L, pt2_t *t, pt2_dtype dtype)
{
    pt2_cx c = op_c_conj(L, op_at_c(L, t, op_vars(L, t->rank, t->shape)));
    return op_map_c(L, dtype, t->rank, t->shape, c);
}

/* conj and its forms: a view in PyTorch; data: a new tensor. */
static void lower_conj(struct pt2_lower *L)
{
    pt2_t *t = op_tensor(L, "self");
    if (!pt2_dtype_is_complex(t->dtype))
        op_return(L, t);
    else if (L->row->data)
        op_return(L, conjugate(L, t, t->dtype));
    else
        op_return(L, pt2_mirror(L, t, t->dtype, conjugate));
}

/* A conjugate view becomes a tensor of its own. */
static void lower_resolve_conj(struct pt2_lower *L)
{
    pt2_t *t = op_tensor(L, "self");
    op_return(L, t->store->mirror ? op_clone(L, t) : t);
}

static void lower_same(struct pt2_lower *L)
{
    op_return(L, op_tensor(L, "self"));
}

/* data: 0 the real part, 1 the imaginary part; views of it. */
static void lower_part(struct pt2_lower *L)
{
    pt2_t *t = op_tensor(L, "self");
    if (pt2_dtype_is_complex(t->dtype))
        t = op_select(L, op_real_view(L, t), t->rank, pt2_idx(L->E, L->row->data));
    else if (L->row->data)
        op_fail(L, PT2_ERR_FORMAT, "imaginary part of a real tensor");
    op_return(L, t);
}

static void lower_view_as_real(struct pt2_lower *L)
{
    pt2_t *t = op_tensor(L, "self");
    if (!pt2_dtype_is_complex(t->dtype))
        op_fail(L, PT2_ERR_FORMAT, "view_as_real of a real tensor");
    op_return(L, op_real_view(L, t));
}

static void lower_view_as_complex(struct pt2_lower *L)
{
    pt2_t *t = op_tensor(L, "self");
    if (t->rank < 1 || pt2_dtype_is_complex(t->dtype) || !pt2_prove_eq(L->E, t->shape[t->rank - 1], pt2_idx(L->E, 2)))
        op_fail(L, PT2_ERR_FORMAT, "view_as_complex needs a last dimension of 2");
    op_return(L, op_complex_view(L, t));
}

/* data: 0 complex(real, imag), 1 polar(abs, angle) */
static void lower_complex(struct pt2_lower *L)
{
    bool polar = L->row->data;
    struct op_pw p;
    op_pw_open(L, &p, OP_FLOAT, 2, polar ? "abs" : "real", polar ? "angle" : "imag");
    op_pw_real(L, &p);
    op_pw_return_c(L, &p, polar ? op_c_polar(L, p.v[0], p.v[1]) : op_c(p.v[0], p.v[1]));
}

const struct pt2_op_row pt2_ops_complex[] = {
    { "aten.conj", lower_conj, 0 },
    { "aten._conj", lower_conj, 0 },
    { "aten.conj_physical", lower_conj, 1 },
    { "aten._conj_physical", lower_conj, 1 },
    { "aten.resolve_conj", lower_resolve_conj, 0 },
    { "aten.resolve_neg", lower_same, 0 },
    { "aten.real", lower_part, 0 },
    { "aten.imag", lower_part, 1 },
    { "aten.view_as_real", lower_view_as_real, 0 },
    { "aten.view_as_complex", lower_view_as_complex, 0 },
    { "aten.complex", lower_complex, 0 },
    { "aten.polar", lower_complex, 1 },
    { 0 },
};
