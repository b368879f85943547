/* SPDX-License-Identifier: MIT
 * Tensors made from sizes and numbers. The file says how large they are. */
#include "ops/complex.h"
#include "ops/pointwise.h"
#include "ops/special.h"

static int compute_type(pt2_dtype t)
{
    return (int)pt2_dtype_compute(pt2_dtype_real(t));
}

/* Result 0, of expressions over its indices. */
static void return_body(struct pt2_lower *L, pt2_ex body)
{
    pt2_dtype t = op_out_dtype(L, 0);
    if (pt2_dtype_is_complex(t)) {
        pt2_ex re = op_to(L, body, pt2_dtype_real(t));
        op_return(L, op_map_c(L, t, op_out_rank(L, 0), op_out_shape(L, 0), op_c(re, ex_num(L->E, re, 0))));
        return;
    }
    op_return(L, op_map(L, t, op_out_rank(L, 0), op_out_shape(L, 0), pt2_cast(L->E, compute_type(t), body)));
}

static pt2_ex *out_vars(struct pt2_lower *L)
{
    return op_vars(L, op_out_rank(L, 0), op_out_shape(L, 0));
}

/* ---- one number everywhere ---- */

/* zeros, ones and empty, which is zero here: data. */
static void lower_constant(struct pt2_lower *L)
{
    return_body(L, pt2_num(L->E, compute_type(op_out_dtype(L, 0)), (double)L->row->data));
}

static void fill(struct pt2_lower *L, const char *name)
{
    pt2_dtype t = op_out_dtype(L, 0);
    if (pt2_dtype_is_complex(t))
        op_return(L, op_map_c(L, t, op_out_rank(L, 0), op_out_shape(L, 0), op_scalar_c(L, name, t, 0)));
    else
        return_body(L, op_scalar(L, name, t, 0));
}

static void lower_full(struct pt2_lower *L)
{
    fill(L, "fill_value");
}

static void lower_scalar_tensor(struct pt2_lower *L)
{
    fill(L, "s");
}

static void lower_fill(struct pt2_lower *L)
{
    fill(L, "value");
}

/* ---- ranges ---- */

/* data 1: start alone is the end. Computed in the result's type, integers exactly. */
static void lower_arange(struct pt2_lower *L)
{
    struct pt2_exprs *E = L->E;
    pt2_dtype t = op_out_dtype(L, 0), wide = pt2_dtype_is_float(t) ? t : PT2_I64;
    if (op_out_rank(L, 0) != 1)
        op_fail(L, PT2_ERR_FORMAT, "a range of rank %d", op_out_rank(L, 0));
    pt2_ex i = pt2_cast(E, compute_type(wide), out_vars(L)[0]);
    pt2_ex step = op_scalar(L, "step", wide, 1);
    return_body(L, pt2_add(E, op_scalar(L, "start", wide, 0), pt2_mul(E, i, step)));
}

/* As linspace_kernel: from the start in the first half, from the end in the second. `base` is 0 without a power. */
static double spaced(double start, double end, int64_t steps, int64_t i, double base)
{
    double step = steps > 1 ? (end - start) / (double)(steps - 1) : 0;
    double v = steps == 1 || i < steps / 2 ? start + step * (double)i : end - step * (double)(steps - i - 1);
    return base != 0 ? pow(base, v) : v;
}

/* Integers are truncated from float64 values, so they are tabulated where that is possible. */
static bool integer_table(struct pt2_lower *L, pt2_dtype t, pt2_ex start, pt2_ex end, pt2_ex steps, double base)
{
    if (!pt2_is_const(start) || !pt2_is_const(end) || !pt2_is_const(steps) || steps->i > 1 << 20)
        return false;
    int64_t n = steps->i, *v = PT2_NEW_N(L->arena, int64_t, n);
    double first = trunc(start->f), last = trunc(end->f);
    for (int64_t i = 0; i < n; i++)
        v[i] = (int64_t)fmax(-9e18, fmin(9e18, spaced(first, last, n, i, base)));
    op_return(L, op_convert(L, op_const(L, PT2_I64, 1, &n, v), t));
    return true;
}

/* Rounded to `real` after each operation, as PyTorch does for half types: errors of the step grow with the index. */
static pt2_ex spaced_ex(struct pt2_lower *L, pt2_dtype real, pt2_ex start, pt2_ex end, pt2_ex steps, pt2_ex i)
{
    struct pt2_exprs *E = L->E;
    int type = start->dtype;
    pt2_ex gaps = pt2_max(E, pt2_addi(E, steps, -1), pt2_idx(E, 1));
    pt2_ex at = pt2_roundto(E, real, pt2_cast(E, type, i)), step = pt2_roundto(E, real, pt2_sub(E, end, start));
    step = pt2_roundto(E, real, ex_div(E, step, pt2_roundto(E, real, pt2_cast(E, type, gaps))));
    pt2_ex low = pt2_add(E, start, pt2_roundto(E, real, pt2_mul(E, step, at)));
    pt2_ex left = pt2_roundto(E, real, pt2_cast(E, type, pt2_addi(E, pt2_sub(E, steps, i), -1)));
    pt2_ex high = pt2_sub(E, end, pt2_roundto(E, real, pt2_mul(E, step, left)));
    pt2_ex first = pt2_or(E, pt2_eq(E, steps, pt2_idx(E, 1)), pt2_lt(E, i, pt2_floordiv(E, steps, pt2_idx(E, 2))));
    return pt2_select(E, first, low, high);
}

/* linspace; data 1: logspace. */
static void lower_linspace(struct pt2_lower *L)
{
    struct pt2_exprs *E = L->E;
    pt2_dtype t = op_out_dtype(L, 0), real = pt2_dtype_real(t);
    bool is_float = pt2_dtype_is_float(real);
    double base = L->row->data ? op_float(L, "base", 10) : 0;
    if (op_out_rank(L, 0) != 1)
        op_fail(L, PT2_ERR_FORMAT, "a range of rank %d", op_out_rank(L, 0));
    pt2_ex steps = op_out_shape(L, 0)[0], i = out_vars(L)[0];
    pt2_dtype wide = is_float ? real : PT2_F64, rounds = base != 0 ? PT2_F64 : wide;
    struct pt2_complex a = op_scalar_c(L, "start", wide, 0), b = op_scalar_c(L, "end", wide, 0);
    if (base == 0 || !pt2_is_int(steps, 1)) { /* a logspace of one element is the power of the number as given */
        a.re = pt2_roundto(E, wide, a.re);
        b.re = pt2_roundto(E, wide, b.re);
    }
    if (!is_float && integer_table(L, t, a.re, b.re, steps, base))
        return;
    if (!is_float) {
        a.re = pt2_un(E, PT2_E_TRUNC, a.re);
        b.re = pt2_un(E, PT2_E_TRUNC, b.re);
    }
    struct pt2_complex v = op_c(spaced_ex(L, rounds, a.re, b.re, steps, i), NULL);
    if (!pt2_dtype_is_complex(t)) {
        return_body(L, base != 0 ? pt2_bin(E, PT2_E_POW, ex_num(E, v.re, base), v.re) : v.re);
        return;
    }
    v.im = spaced_ex(L, rounds, a.im, b.im, steps, i);
    if (base != 0)
        v = op_c_pow(L, op_c_num(L, v.re, base, 0), v);
    op_return(L, op_map_c(L, t, 1, op_out_shape(L, 0), v));
}

/* ---- matrices ---- */

static void lower_eye(struct pt2_lower *L)
{
    pt2_ex *v = out_vars(L);
    if (op_out_rank(L, 0) != 2)
        op_fail(L, PT2_ERR_FORMAT, "eye of rank %d", op_out_rank(L, 0));
    return_body(L, pt2_eq(L->E, v[0], v[1]));
}

/* The positions on and below (data 0) or on and above (data 1) a diagonal, row by row. */
static void lower_tri_indices(struct pt2_lower *L)
{
    int64_t rows = op_int(L, "row", 0), cols = op_int(L, "col", 0), offset = op_int(L, "offset", 0), n = 0;
    if (rows < 0 || cols < 0 || rows > 1 << 20 || cols > 1 << 20 || op_out_rank(L, 0) != 2)
        op_fail(L, PT2_ERR_UNSUPPORTED, "indices of a %lld x %lld matrix", (long long)rows, (long long)cols);
    pt2_ex size = op_out_shape(L, 0)[1];
    if (!pt2_is_const(size) || size->i < 0 || size->i > 1 << 24)
        op_fail(L, PT2_ERR_UNSUPPORTED, "a list of indices of this size");
    int64_t count = size->i, *v = PT2_NEW_N(L->arena, int64_t, 2 * count), shape[2] = { 2, count };
    for (int64_t r = 0; r < rows; r++)
        for (int64_t c = 0; c < cols && n < count; c++)
            if (L->row->data ? c - r >= offset : c - r <= offset) {
                v[n] = r;
                v[count + n++] = c;
            }
    op_return(L, op_convert(L, op_const(L, PT2_I64, 2, shape, v), op_out_dtype(L, 0)));
}

static void lower_one_hot(struct pt2_lower *L)
{
    pt2_t *t = op_tensor(L, "self");
    pt2_ex *v = out_vars(L);
    if (op_out_rank(L, 0) != t->rank + 1)
        op_fail(L, PT2_ERR_FORMAT, "one_hot of rank %d", op_out_rank(L, 0));
    pt2_ex e = op_at(L, t, v);
    op_check_indices(L, t, op_from_zero(L, op_out_shape(L, 0)[t->rank]));
    return_body(L, pt2_eq(L->E, pt2_cast(L->E, PT2_I64, e), pt2_cast(L->E, PT2_I64, v[t->rank])));
}

/* ---- windows: a0 - a1 cos(2 pi i / n) + a2 cos(4 pi i / n), n one less when not periodic ---- */

enum { WINDOW_HANN, WINDOW_HAMMING, WINDOW_BLACKMAN, WINDOW_BARTLETT };

static void lower_window(struct pt2_lower *L)
{
    struct pt2_exprs *E = L->E;
    int64_t kind = L->row->data;
    bool periodic = op_bool(L, "periodic", true);
    if (op_out_rank(L, 0) != 1 || !pt2_dtype_is_float(op_out_dtype(L, 0)))
        op_fail(L, PT2_ERR_FORMAT, "a window of %s", pt2_dtype_name(op_out_dtype(L, 0)));
    int type = compute_type(op_out_dtype(L, 0));
    pt2_ex size = op_out_shape(L, 0)[0], one = pt2_idx(E, 1);
    pt2_ex n = pt2_cast(E, type, pt2_max(E, one, periodic ? size : pt2_addi(E, size, -1)));
    pt2_ex i = pt2_cast(E, type, out_vars(L)[0]), angle = ex_muln(E, ex_div(E, i, n), 2 * EX_PI), w;
    pt2_ex c1 = pt2_un(E, PT2_E_COS, angle), c2 = pt2_un(E, PT2_E_COS, ex_muln(E, angle, 2));
    double alpha = kind == WINDOW_HANN ? 0.5 : op_float(L, "alpha", 0.54);
    double beta = kind == WINDOW_HANN ? 0.5 : op_float(L, "beta", 0.46);
    if (kind == WINDOW_BLACKMAN)
        w = ex_addn(E, pt2_sub(E, ex_muln(E, c2, 0.08), ex_muln(E, c1, 0.5)), 0.42);
    else if (kind == WINDOW_BARTLETT)
        w = ex_nsub(E, 1, ex_abs(E, ex_nsub(E, 1, ex_muln(E, ex_div(E, i, n), 2))));
    else
        w = ex_nsub(E, alpha, ex_muln(E, c1, beta));
    return_body(L, pt2_select(E, pt2_eq(E, size, one), ex_num(E, w, 1), w));
}

/* I0(beta * sqrt(1 - (2 i / n - 1)^2)) / I0(beta) */
static void lower_kaiser(struct pt2_lower *L)
{
    struct pt2_exprs *E = L->E;
    bool periodic = op_bool(L, "periodic", true);
    if (op_out_rank(L, 0) != 1 || !pt2_dtype_is_float(op_out_dtype(L, 0)))
        op_fail(L, PT2_ERR_FORMAT, "a window of %s", pt2_dtype_name(op_out_dtype(L, 0)));
    int type = compute_type(op_out_dtype(L, 0));
    pt2_ex size = op_out_shape(L, 0)[0], one = pt2_idx(E, 1), i = pt2_cast(E, type, out_vars(L)[0]);
    pt2_ex n = pt2_cast(E, type, pt2_max(E, one, periodic ? size : pt2_addi(E, size, -1)));
    pt2_ex beta = ex_num(E, i, op_float(L, "beta", 12)), r = ex_addn(E, ex_div(E, ex_muln(E, i, 2), n), -1);
    pt2_ex arch = ex_sqrt(E, pt2_max(E, ex_nsub(E, 1, ex_square(E, r)), ex_num(E, i, 0)));
    pt2_ex w = ex_div(E, op_ex_i0(E, pt2_mul(E, beta, arch)), op_ex_i0(E, beta));
    return_body(L, pt2_select(E, pt2_eq(E, size, one), ex_num(E, w, 1), w));
}

/* prims.iota(length, start, step): integers. */
static void lower_iota(struct pt2_lower *L)
{
    struct pt2_exprs *E = L->E;
    if (op_out_rank(L, 0) != 1)
        op_fail(L, PT2_ERR_FORMAT, "a range of rank %d", op_out_rank(L, 0));
    pt2_ex i = pt2_mul(E, pt2_cast(E, PT2_I64, out_vars(L)[0]), op_scalar(L, "step", PT2_I64, 1));
    return_body(L, pt2_add(E, i, op_scalar(L, "start", PT2_I64, 0)));
}

/* ---- table ---- */

const struct pt2_op_row pt2_ops_creation[] = {
    { "aten.zeros", lower_constant, 0 },
    { "aten._efficientzerotensor", lower_constant, 0 },
    { "aten.zeros_like", lower_constant, 0 },
    { "aten.new_zeros", lower_constant, 0 },
    { "aten.zero", lower_constant, 0 },
    { "aten.ones", lower_constant, 1 },
    { "aten.ones_like", lower_constant, 1 },
    { "aten.new_ones", lower_constant, 1 },
    { "aten.empty", lower_constant, 0 },
    { "aten.empty_like", lower_constant, 0 },
    { "aten.empty_permuted", lower_constant, 0 },
    { "aten.empty_strided", lower_constant, 0 },
    { "aten.new_empty", lower_constant, 0 },
    { "aten.new_empty_strided", lower_constant, 0 },
    { "aten.full", lower_full, 0 },
    { "aten.full_like", lower_full, 0 },
    { "aten.new_full", lower_full, 0 },
    { "aten.scalar_tensor", lower_scalar_tensor, 0 },
    { "aten.fill", lower_fill, 0 },
    { "aten.arange", lower_arange, 0 },
    { "aten.range", lower_arange, 0 },
    { "aten.linspace", lower_linspace, 0 },
    { "aten.logspace", lower_linspace, 1 },
    { "aten.eye", lower_eye, 0 },
    { "aten.tril_indices", lower_tri_indices, 0 },
    { "aten.triu_indices", lower_tri_indices, 1 },
    { "aten.one_hot", lower_one_hot, 0 },
    { "aten.hann_window", lower_window, WINDOW_HANN },
    { "aten.hamming_window", lower_window, WINDOW_HAMMING },
    { "aten.blackman_window", lower_window, WINDOW_BLACKMAN },
    { "aten.bartlett_window", lower_window, WINDOW_BARTLETT },
    { "aten.kaiser_window", lower_kaiser, 0 },
    { "prims.iota", lower_iota, 0 },
    { 0 },
};
