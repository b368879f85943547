/* SPDX-License-Identifier: MIT
 * Direct factorisations of one matrix: Cholesky, LU with partial pivoting, Householder QR (LAPACK's signs: R's diagonal
 * has the sign opposite to the column's first element, a column that is zero below is left alone), triangular
 * systems. */
#include "backends/reference/library.h"

#include <math.h>

static int64_t min64(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static bool is_square(const struct ref_lib *l, int value)
{
    return ref_lib_dim(l, value, 0) == ref_lib_dim(l, value, 1);
}

static bool same_item(const struct ref_lib *l, int a, int b)
{
    return ref_lib_dim(l, a, 0) == ref_lib_dim(l, b, 0) && ref_lib_dim(l, a, 1) == ref_lib_dim(l, b, 1);
}

static int64_t item_space(const struct ref_lib *l)
{
    return l->values[0].item;
}

static void transpose(int64_t n, double *a)
{
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0; j < i; j++) {
            double t = a[i * n + j];
            a[i * n + j] = a[j * n + i];
            a[j * n + i] = t;
        }
}

/* ---- Cholesky ---- */

static bool cholesky_fits(const struct ref_lib *l)
{
    return is_square(l, 0) && same_item(l, 0, 1);
}

/* The lower factor in place; returns the row, from 1, whose pivot is not positive. */
static int64_t cholesky(int64_t n, double *a)
{
    for (int64_t j = 0; j < n; j++) {
        double *row = a + j * n, d = row[j];
        for (int64_t k = 0; k < j; k++)
            d -= row[k] * row[k];
        if (!(d > 0))
            return j + 1;
        row[j] = d = sqrt(d);
        for (int64_t i = j + 1; i < n; i++) {
            double s = a[i * n + j];
            for (int64_t k = 0; k < j; k++)
                s -= a[i * n + k] * row[k];
            a[i * n + j] = s / d;
        }
    }
    return 0;
}

static void run_cholesky(const struct ref_lib *l, int64_t item, double *a)
{
    int64_t n = ref_lib_dim(l, 0, 0);
    bool upper = l->node->iparam[0];
    ref_lib_read(l, 0, item, a);
    if (upper)
        transpose(n, a);
    int64_t info = cholesky(n, a);
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = i + 1; j < n; j++)
            a[i * n + j] = 0;
    if (upper)
        transpose(n, a);
    ref_lib_write(l, 0, item, a);
    ref_lib_write_int(l, 1, item, 0, info);
}

const struct ref_algorithm ref_cholesky = {
    .name = "CHOLESKY", .num_args = 1, .num_outs = 2, .rank = { 2, 2, 0 }, .fits = cholesky_fits, .space = item_space,
    .run = run_cholesky,
};

/* ---- LU ---- */

static bool lu_fits(const struct ref_lib *l)
{
    return same_item(l, 0, 1) &&
           (l->num_values < 3 || ref_lib_dim(l, 2, 0) == min64(ref_lib_dim(l, 0, 0), ref_lib_dim(l, 0, 1)));
}

static void swap_rows(double *a, int64_t n, int64_t i, int64_t j)
{
    for (int64_t k = 0; k < n && i != j; k++) {
        double t = a[i * n + k];
        a[i * n + k] = a[j * n + k];
        a[j * n + k] = t;
    }
}

static int64_t find_pivot(int64_t m, int64_t n, const double *a, int64_t k)
{
    int64_t best = k;
    for (int64_t i = k + 1; i < m; i++)
        if (fabs(a[i * n + k]) > fabs(a[best * n + k]))
            best = i;
    return best;
}

static void run_lu(const struct ref_lib *l, int64_t item, double *a)
{
    int64_t m = ref_lib_dim(l, 0, 0), n = ref_lib_dim(l, 0, 1), info = 0;
    ref_lib_read(l, 0, item, a);
    for (int64_t k = 0; k < min64(m, n); k++) {
        int64_t p = find_pivot(m, n, a, k);
        ref_lib_write_int(l, 1, item, k, p + 1);
        swap_rows(a, n, k, p);
        double pivot = a[k * n + k];
        if (pivot == 0) {
            info = info ? info : k + 1;
            continue;
        }
        for (int64_t i = k + 1; i < m; i++) {
            double f = a[i * n + k] /= pivot;
            for (int64_t j = k + 1; j < n; j++)
                a[i * n + j] -= f * a[k * n + j];
        }
    }
    ref_lib_write(l, 0, item, a);
    ref_lib_write_int(l, 2, item, 0, info);
}

const struct ref_algorithm ref_lu = {
    .name = "LU", .num_args = 1, .num_outs = 3, .rank = { 2, 2, 1, 0 }, .fits = lu_fits, .space = item_space,
    .run = run_lu,
};

/* ---- triangular systems ---- */

static bool solve_fits(const struct ref_lib *l)
{
    return is_square(l, 0) && ref_lib_dim(l, 0, 0) == ref_lib_dim(l, 1, 0) && same_item(l, 1, 2);
}

static int64_t solve_space(const struct ref_lib *l)
{
    return l->values[0].item + l->values[1].item;
}

static void run_solve(const struct ref_lib *l, int64_t item, double *a)
{
    int64_t n = ref_lib_dim(l, 0, 0), r = ref_lib_dim(l, 1, 1);
    bool upper = l->node->iparam[0], unit = l->node->iparam[1];
    double *b = a + n * n;
    ref_lib_read(l, 0, item, a);
    ref_lib_read(l, 1, item, b);
    for (int64_t step = 0; step < n; step++) {
        int64_t i = upper ? n - 1 - step : step, first = upper ? i + 1 : 0, last = upper ? n : i;
        for (int64_t k = first; k < last; k++)
            for (int64_t j = 0; j < r; j++)
                b[i * r + j] -= a[i * n + k] * b[k * r + j];
        for (int64_t j = 0; j < r && !unit; j++)
            b[i * r + j] /= a[i * n + i];
    }
    ref_lib_write(l, 0, item, b);
}

const struct ref_algorithm ref_triangular_solve = {
    .name = "TRIANGULAR_SOLVE", .num_args = 2, .num_outs = 1, .rank = { 2, 2, 2 }, .fits = solve_fits,
    .space = solve_space, .run = run_solve,
};

/* ---- Householder; matrices are column-major here ---- */

/* A hypotenuse that neither overflows nor loses small columns. */
static double norm_of(int64_t n, const double *x)
{
    double scale = 0, sum = 0;
    for (int64_t i = 0; i < n; i++)
        scale = fmax(scale, fabs(x[i]));
    if (scale == 0 || isinf(scale))
        return scale;
    for (int64_t i = 0; i < n; i++)
        sum += x[i] / scale * (x[i] / scale);
    return scale * sqrt(sum);
}

/* Applies I - tau v v^T to columns [first, cols) of c [m, cols]; v is column k of a [m, ..] below its diagonal, with
 * v[k] = 1. */
static void reflect(int64_t m, const double *a, int64_t k, double tau, double *c, int64_t first, int64_t cols)
{
    const double *v = a + k * m;
    for (int64_t j = first; j < cols && tau != 0; j++) {
        double *x = c + j * m, s = x[k];
        for (int64_t i = k + 1; i < m; i++)
            s += v[i] * x[i];
        s *= tau;
        x[k] -= s;
        for (int64_t i = k + 1; i < m; i++)
            x[i] -= s * v[i];
    }
}

void ref_qr_factor(int64_t m, int64_t n, double *a, double *tau)
{
    for (int64_t k = 0; k < min64(m, n); k++) {
        double *x = a + k * m, alpha = x[k], below = norm_of(m - k - 1, x + k + 1);
        tau[k] = 0;
        if (below == 0)
            continue;
        double beta = -copysign(hypot(alpha, below), alpha);
        tau[k] = (beta - alpha) / beta;
        for (int64_t i = k + 1; i < m; i++)
            x[i] /= alpha - beta;
        reflect(m, a, k, tau[k], a, k + 1, n);
        x[k] = beta;
    }
}

void ref_qr_form(int64_t m, const double *a, int64_t reflections, const double *tau, int64_t cols, double *q)
{
    for (int64_t j = 0; j < cols; j++)
        for (int64_t i = 0; i < m; i++)
            q[j * m + i] = i == j;
    for (int64_t k = reflections - 1; k >= 0; k--)
        reflect(m, a, k, tau[k], q, 0, cols);
}

void ref_transpose(int64_t m, int64_t n, const double *a, double *out)
{
    for (int64_t i = 0; i < m; i++)
        for (int64_t j = 0; j < n; j++)
            out[j * m + i] = a[i * n + j];
}

static bool qr_fits(const struct ref_lib *l)
{
    int64_t m = ref_lib_dim(l, 0, 0), n = ref_lib_dim(l, 0, 1), cols = ref_lib_dim(l, 1, 1);
    return ref_lib_dim(l, 1, 0) == m && (cols == m || cols == min64(m, n)) &&
           (l->num_values < 3 || (ref_lib_dim(l, 2, 0) == cols && ref_lib_dim(l, 2, 1) == n));
}

static int64_t qr_space(const struct ref_lib *l)
{
    int64_t m = ref_lib_dim(l, 0, 0), n = ref_lib_dim(l, 0, 1);
    return m * n + min64(m, n) + l->values[1].item + m * (m + n);
}

static void run_qr(const struct ref_lib *l, int64_t item, double *a)
{
    int64_t m = ref_lib_dim(l, 0, 0), n = ref_lib_dim(l, 0, 1), k = min64(m, n), cols = ref_lib_dim(l, 1, 1);
    double *tau = a + m * n, *q = tau + k, *out = q + m * cols;
    ref_lib_read(l, 0, item, out);
    ref_transpose(m, n, out, a);
    ref_qr_factor(m, n, a, tau);
    ref_qr_form(m, a, k, tau, cols, q);
    ref_transpose(cols, m, q, out);
    ref_lib_write(l, 0, item, out);
    for (int64_t i = 0; i < cols; i++)
        for (int64_t j = 0; j < n; j++)
            out[i * n + j] = j >= i ? a[j * m + i] : 0;
    ref_lib_write(l, 1, item, out);
}

const struct ref_algorithm ref_qr = {
    .name = "QR", .num_args = 1, .num_outs = 2, .rank = { 2, 2, 2 }, .fits = qr_fits, .space = qr_space, .run = run_qr,
};

static bool householder_fits(const struct ref_lib *l)
{
    return same_item(l, 0, 2) && ref_lib_dim(l, 1, 0) <= ref_lib_dim(l, 0, 1) &&
           ref_lib_dim(l, 0, 1) <= ref_lib_dim(l, 0, 0);
}

static int64_t householder_space(const struct ref_lib *l)
{
    return 2 * l->values[0].item + l->values[1].item;
}

static void run_householder(const struct ref_lib *l, int64_t item, double *a)
{
    int64_t m = ref_lib_dim(l, 0, 0), n = ref_lib_dim(l, 0, 1), k = ref_lib_dim(l, 1, 0);
    double *tau = a + m * n, *q = tau + k;
    ref_lib_read(l, 0, item, q);
    ref_lib_read(l, 1, item, tau);
    ref_transpose(m, n, q, a);
    ref_qr_form(m, a, k, tau, n, q);
    ref_transpose(n, m, q, a);
    ref_lib_write(l, 0, item, a);
}

const struct ref_algorithm ref_householder = {
    .name = "HOUSEHOLDER", .num_args = 2, .num_outs = 1, .rank = { 2, 1, 2 }, .fits = householder_fits,
    .space = householder_space, .run = run_householder,
};
