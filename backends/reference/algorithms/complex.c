/* SPDX-License-Identifier: MIT
 * Factorisations of complex matrices: LU, Cholesky, triangular systems and Householder QR as for real ones, with
 * LAPACK's signs and pivots; Hermitian eigenvalues and singular values by Jacobi rotations, two-sided and one-sided.
 * Elements are pairs of doubles; sizes are checked as those of the real algorithms. */
#include "backends/reference/library.h"

#include <complex.h>
#include <math.h>

typedef double complex cx;

enum { MAX_SWEEPS = 60 };

static int64_t min64(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static void read_item(const struct ref_lib *l, int value, int64_t item, cx *out)
{
    ref_lib_read(l, value, item, (double *)(void *)out);
}

static void write_item(const struct ref_lib *l, int out, int64_t item, const cx *v)
{
    ref_lib_write(l, out, item, (const double *)(const void *)v);
}

/* out [n, m] = the adjoint of a [m, n]. */
static void adjoint(int64_t m, int64_t n, const cx *a, cx *out)
{
    for (int64_t i = 0; i < m; i++)
        for (int64_t j = 0; j < n; j++)
            out[j * m + i] = conj(a[i * n + j]);
}

/* ---- Cholesky ---- */

static int64_t cholesky(int64_t n, cx *a)
{
    for (int64_t j = 0; j < n; j++) {
        cx *row = a + j * n;
        double d = creal(row[j]);
        for (int64_t k = 0; k < j; k++)
            d -= creal(row[k] * conj(row[k]));
        if (!(d > 0))
            return j + 1;
        row[j] = d = sqrt(d);
        for (int64_t i = j + 1; i < n; i++) {
            cx s = a[i * n + j];
            for (int64_t k = 0; k < j; k++)
                s -= a[i * n + k] * conj(row[k]);
            a[i * n + j] = s / d;
        }
    }
    return 0;
}

static void run_cholesky(const struct ref_lib *l, int64_t item, double *space)
{
    int64_t n = ref_lib_dim(l, 0, 0);
    bool upper = l->node->iparam[0];
    cx *a = (cx *)(void *)space, *t = a + n * n;
    read_item(l, 0, item, upper ? t : a);
    if (upper)
        adjoint(n, n, t, a);
    int64_t info = cholesky(n, a);
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = i + 1; j < n; j++)
            a[i * n + j] = 0;
    if (upper)
        adjoint(n, n, a, t);
    write_item(l, 0, item, upper ? t : a);
    ref_lib_write_int(l, 1, item, 0, info);
}

static bool cholesky_fits(const struct ref_lib *l)
{
    return ref_cholesky.fits(l);
}

static int64_t two_items(const struct ref_lib *l)
{
    return 2 * l->values[0].item;
}

const struct ref_algorithm ref_complex_cholesky = {
    .name = "CHOLESKY of complex matrices", .num_args = 1, .num_outs = 2, .rank = { 3, 3, 0 }, .fits = cholesky_fits,
    .space = two_items, .run = run_cholesky,
};

/* ---- LU ---- */

static double size_of(cx v) /* what LAPACK compares for pivots */
{
    return fabs(creal(v)) + fabs(cimag(v));
}

static void swap_rows(cx *a, int64_t n, int64_t i, int64_t j)
{
    for (int64_t k = 0; k < n && i != j; k++) {
        cx t = a[i * n + k];
        a[i * n + k] = a[j * n + k];
        a[j * n + k] = t;
    }
}

static void run_lu(const struct ref_lib *l, int64_t item, double *space)
{
    int64_t m = ref_lib_dim(l, 0, 0), n = ref_lib_dim(l, 0, 1), info = 0;
    cx *a = (cx *)(void *)space;
    read_item(l, 0, item, a);
    for (int64_t k = 0; k < min64(m, n); k++) {
        int64_t p = k;
        for (int64_t i = k + 1; i < m; i++)
            p = size_of(a[i * n + k]) > size_of(a[p * n + k]) ? i : p;
        ref_lib_write_int(l, 1, item, k, p + 1);
        swap_rows(a, n, k, p);
        if (a[k * n + k] == 0) {
            info = info ? info : k + 1;
            continue;
        }
        for (int64_t i = k + 1; i < m; i++) {
            cx f = a[i * n + k] /= a[k * n + k];
            for (int64_t j = k + 1; j < n; j++)
                a[i * n + j] -= f * a[k * n + j];
        }
    }
    write_item(l, 0, item, a);
    ref_lib_write_int(l, 2, item, 0, info);
}

static bool lu_fits(const struct ref_lib *l)
{
    return ref_lu.fits(l);
}

const struct ref_algorithm ref_complex_lu = {
    .name = "LU of complex matrices", .num_args = 1, .num_outs = 3, .rank = { 3, 3, 1, 0 }, .fits = lu_fits,
    .space = two_items, .run = run_lu,
};

/* ---- triangular systems ---- */

static void run_solve(const struct ref_lib *l, int64_t item, double *space)
{
    int64_t n = ref_lib_dim(l, 0, 0), r = ref_lib_dim(l, 1, 1);
    bool upper = l->node->iparam[0], unit = l->node->iparam[1];
    cx *a = (cx *)(void *)space, *b = a + n * n;
    read_item(l, 0, item, a);
    read_item(l, 1, item, b);
    for (int64_t step = 0; step < n; step++) {
        int64_t i = upper ? n - 1 - step : step, first = upper ? i + 1 : 0, last = upper ? n : i;
        for (int64_t k = first; k < last; k++)
            for (int64_t j = 0; j < r; j++)
                b[i * r + j] -= a[i * n + k] * b[k * r + j];
        for (int64_t j = 0; j < r && !unit; j++)
            b[i * r + j] /= a[i * n + i];
    }
    write_item(l, 0, item, b);
}

static bool solve_fits(const struct ref_lib *l)
{
    return ref_triangular_solve.fits(l);
}

static int64_t solve_space(const struct ref_lib *l)
{
    return l->values[0].item + l->values[1].item;
}

const struct ref_algorithm ref_complex_triangular_solve = {
    .name = "TRIANGULAR_SOLVE of complex matrices", .num_args = 2, .num_outs = 1, .rank = { 3, 3, 3 },
    .fits = solve_fits, .space = solve_space, .run = run_solve,
};

/* ---- columns: those of a matrix are `m` elements each, one after the other ---- */

static cx dot_of(int64_t m, const cx *a, const cx *b)
{
    cx s = 0;
    for (int64_t i = 0; i < m; i++)
        s += conj(a[i]) * b[i];
    return s;
}

static double norm_of(int64_t m, const cx *x)
{
    double norm = 0;
    for (int64_t i = 0; i < m; i++)
        norm = hypot(norm, cabs(x[i]));
    return norm;
}

/* out [n][m], its columns, from row-major a [m, n]. */
static void to_columns(int64_t m, int64_t n, const cx *a, cx *out)
{
    for (int64_t i = 0; i < m; i++)
        for (int64_t j = 0; j < n; j++)
            out[j * m + i] = a[i * n + j];
}

/* ---- QR ---- */

/* Columns first ... cols - 1 of c: less tau v (v^H c). v is column k of a below its diagonal, with v[k] = 1. */
static void reflect(int64_t m, const cx *a, int64_t k, cx tau, cx *c, int64_t first, int64_t cols)
{
    const cx *v = a + k * m;
    for (int64_t j = first; j < cols && tau != 0; j++) {
        cx *x = c + j * m, s = tau * (x[k] + dot_of(m - k - 1, v + k + 1, x + k + 1));
        x[k] -= s;
        for (int64_t i = k + 1; i < m; i++)
            x[i] -= s * v[i];
    }
}

static void qr_factor(int64_t m, int64_t n, cx *a, cx *tau)
{
    for (int64_t k = 0; k < min64(m, n); k++) {
        cx *x = a + k * m, alpha = x[k];
        double below = norm_of(m - k - 1, x + k + 1);
        tau[k] = 0;
        if (below == 0 && cimag(alpha) == 0)
            continue;
        double beta = -copysign(hypot(cabs(alpha), below), creal(alpha));
        tau[k] = (beta - alpha) / beta;
        for (int64_t i = k + 1; i < m; i++)
            x[i] /= alpha - beta;
        reflect(m, a, k, conj(tau[k]), a, k + 1, n);
        x[k] = beta;
    }
}

/* The first `cols` columns of the product of the reflections. */
static void qr_form(int64_t m, const cx *a, int64_t reflections, const cx *tau, int64_t cols, cx *q)
{
    for (int64_t i = 0; i < m * cols; i++)
        q[i] = i % m == i / m;
    for (int64_t k = reflections - 1; k >= 0; k--)
        reflect(m, a, k, tau[k], q, 0, cols);
}

static void run_qr(const struct ref_lib *l, int64_t item, double *space)
{
    int64_t m = ref_lib_dim(l, 0, 0), n = ref_lib_dim(l, 0, 1), k = min64(m, n), cols = ref_lib_dim(l, 1, 1);
    cx *a = (cx *)(void *)space, *tau = a + m * n, *q = tau + k, *out = q + m * cols;
    read_item(l, 0, item, out);
    to_columns(m, n, out, a);
    qr_factor(m, n, a, tau);
    qr_form(m, a, k, tau, cols, q);
    to_columns(cols, m, q, out);
    write_item(l, 0, item, out);
    for (int64_t i = 0; i < cols; i++)
        for (int64_t j = 0; j < n; j++)
            out[i * n + j] = j >= i ? a[j * m + i] : 0;
    write_item(l, 1, item, out);
}

static bool qr_fits(const struct ref_lib *l)
{
    return ref_qr.fits(l);
}

static int64_t qr_space(const struct ref_lib *l)
{
    int64_t m = ref_lib_dim(l, 0, 0), n = ref_lib_dim(l, 0, 1);
    return 2 * (m * n + min64(m, n) + m * m + m * (m + n));
}

const struct ref_algorithm ref_complex_qr = {
    .name = "QR of complex matrices", .num_args = 1, .num_outs = 2, .rank = { 3, 3, 3 }, .fits = qr_fits,
    .space = qr_space, .run = run_qr,
};

static void run_geqrf(const struct ref_lib *l, int64_t item, double *space)
{
    int64_t m = ref_lib_dim(l, 0, 0), n = ref_lib_dim(l, 0, 1);
    cx *a = (cx *)(void *)space, *out = a + m * n, *tau = out + m * n;
    read_item(l, 0, item, out);
    to_columns(m, n, out, a);
    qr_factor(m, n, a, tau);
    to_columns(n, m, a, out);
    write_item(l, 0, item, out);
    write_item(l, 1, item, tau);
}

static bool geqrf_fits(const struct ref_lib *l)
{
    return ref_geqrf.fits(l);
}

const struct ref_algorithm ref_complex_geqrf = {
    .name = "GEQRF of complex matrices", .num_args = 1, .num_outs = 2, .rank = { 3, 3, 2 }, .fits = geqrf_fits,
    .space = qr_space, .run = run_geqrf,
};

static void run_householder(const struct ref_lib *l, int64_t item, double *space)
{
    int64_t m = ref_lib_dim(l, 0, 0), n = ref_lib_dim(l, 0, 1), k = ref_lib_dim(l, 1, 0);
    cx *a = (cx *)(void *)space, *tau = a + m * n, *q = tau + k;
    read_item(l, 0, item, q);
    read_item(l, 1, item, tau);
    to_columns(m, n, q, a);
    qr_form(m, a, k, tau, n, q);
    to_columns(n, m, q, a);
    write_item(l, 0, item, a);
}

static bool householder_fits(const struct ref_lib *l)
{
    return ref_householder.fits(l);
}

static int64_t householder_space(const struct ref_lib *l)
{
    return 2 * l->values[0].item + l->values[1].item;
}

const struct ref_algorithm ref_complex_householder = {
    .name = "HOUSEHOLDER of complex matrices", .num_args = 2, .num_outs = 1, .rank = { 3, 2, 3 },
    .fits = householder_fits, .space = householder_space, .run = run_householder,
};

/* ---- rotations ---- */

/* Makes the element `dot` of [[a, dot], [conj(dot), b]] zero. */
struct rotation {
    double c, s;
    cx unit; /* of the second column, before */
};

static struct rotation rotation_of(double a, double b, cx dot)
{
    double size = cabs(dot), zeta = (b - a) / (2 * size), t = copysign(1, zeta) / (fabs(zeta) + hypot(1, zeta));
    double c = 1 / hypot(1, t);
    return (struct rotation){ c, c * t, conj(dot) / size };
}

static void rotate(int64_t n, cx *x, cx *y, int64_t step, struct rotation r, cx unit)
{
    for (int64_t i = 0; i < n; i++) {
        cx p = x[i * step], q = y[i * step] * unit;
        x[i * step] = r.c * p - r.s * q;
        y[i * step] = r.s * p + r.c * q;
    }
}

static void set_identity(int64_t n, cx *v)
{
    for (int64_t i = 0; i < n * n; i++)
        v[i] = i % (n + 1) == 0;
}

/* order[i]: which of d comes i-th. */
static void sort_order(int64_t n, const double *d, bool descending, int64_t *order)
{
    for (int64_t i = 0; i < n; i++) {
        int64_t j = i;
        for (; j > 0 && (descending ? d[order[j - 1]] < d[i] : d[order[j - 1]] > d[i]); j--)
            order[j] = order[j - 1];
        order[j] = i;
    }
}

/* ---- Hermitian eigenvalues ---- */

/* a [n, n] becomes diagonal; the columns of v [n, n], row-major, its eigenvectors. */
static void diagonalise(int64_t n, cx *a, cx *v)
{
    double all = norm_of(n * n, a);
    bool again = true;
    set_identity(n, v);
    for (int sweep = 0; sweep < MAX_SWEEPS && again; sweep++) {
        again = false;
        for (int64_t p = 0; p < n - 1; p++)
            for (int64_t q = p + 1; q < n; q++) {
                cx dot = a[p * n + q];
                if (!(cabs(dot) > 1e-17 * all))
                    continue;
                struct rotation r = rotation_of(creal(a[p * n + p]), creal(a[q * n + q]), dot);
                rotate(n, a + p, a + q, n, r, r.unit);
                rotate(n, a + p * n, a + q * n, 1, r, conj(r.unit));
                rotate(n, v + p, v + q, n, r, r.unit);
                a[p * n + q] = a[q * n + p] = 0;
                again = true;
            }
    }
}

static void run_eigh(const struct ref_lib *l, int64_t item, double *space)
{
    int64_t n = ref_lib_dim(l, 0, 0);
    cx *a = (cx *)(void *)space, *v = a + n * n, *out = v + n * n;
    double *w = (double *)(void *)(out + n * n), *sorted = w + n;
    int64_t *order = (int64_t *)(void *)(sorted + n);
    read_item(l, 0, item, a);
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0; j <= i; j++) {
            cx x = l->node->iparam[0] ? conj(a[j * n + i]) : a[i * n + j];
            a[i * n + j] = i == j ? creal(x) : x;
            a[j * n + i] = conj(a[i * n + j]);
        }
    diagonalise(n, a, v);
    for (int64_t i = 0; i < n; i++)
        w[i] = creal(a[i * n + i]);
    sort_order(n, w, false, order);
    for (int64_t j = 0; j < n; j++) {
        cx first = v[order[j]], unit = first == 0 ? 1 : conj(first) / cabs(first); /* LAPACK's: real there */
        sorted[j] = w[order[j]];
        for (int64_t i = 0; i < n; i++)
            out[i * n + j] = v[i * n + order[j]] * unit;
    }
    ref_lib_write(l, 0, item, sorted);
    write_item(l, 1, item, out);
}

static bool eigh_fits(const struct ref_lib *l)
{
    return ref_eigh.fits(l);
}

static int64_t eigh_space(const struct ref_lib *l)
{
    int64_t n = ref_lib_dim(l, 0, 0);
    return 6 * n * n + 3 * n;
}

const struct ref_algorithm ref_complex_eigh = {
    .name = "EIGH of complex matrices", .num_args = 1, .num_outs = 2, .rank = { 3, 1, 3 }, .fits = eigh_fits,
    .space = eigh_space, .run = run_eigh,
};

/* ---- singular values: rotations make the columns of A V orthogonal ---- */

static bool orthogonalise(int64_t m, int64_t n, cx *w, cx *v, int64_t p, int64_t q)
{
    cx *x = w + p * m, *y = w + q * m, dot = dot_of(m, x, y);
    double a = creal(dot_of(m, x, x)), b = creal(dot_of(m, y, y));
    if (!(cabs(dot) > 1e-15 * sqrt(a) * sqrt(b)) || dot == 0)
        return false;
    struct rotation r = rotation_of(a, b, dot);
    rotate(m, x, y, 1, r, r.unit);
    rotate(n, v + p * n, v + q * n, 1, r, r.unit);
    return true;
}

/* Makes columns [from, n) of q [m, n] so that all are orthonormal. */
static void complete_basis(int64_t m, int64_t n, cx *q, int64_t from)
{
    for (int64_t j = from, axis = 0; j < n; axis++) {
        cx *x = q + j * m;
        for (int64_t i = 0; i < m; i++)
            x[i] = i == axis % m;
        for (int pass = 0; pass < 2; pass++)
            for (int64_t k = 0; k < j; k++) {
                cx dot = dot_of(m, q + k * m, x);
                for (int64_t i = 0; i < m; i++)
                    x[i] -= dot * q[k * m + i];
            }
        double norm = norm_of(m, x);
        if (norm < 0.5 / sqrt((double)m) && axis < m)
            continue;
        for (int64_t i = 0; i < m; i++)
            x[i] = norm > 0 ? x[i] / norm : 0;
        j++;
    }
}

/* w: the columns of a matrix [m, n] with m >= n; left: `lc` columns of m; right: n of n, s descending. */
static void svd_tall(int64_t m, int64_t n, cx *w, cx *v, cx *left, int64_t lc, cx *right, double *s, int64_t *order)
{
    bool again = true;
    int64_t rank = 0;
    double *norms = s + n;
    set_identity(n, v);
    for (int sweep = 0; sweep < MAX_SWEEPS && again; sweep++) {
        again = false;
        for (int64_t p = 0; p < n - 1; p++)
            for (int64_t q = p + 1; q < n; q++)
                again = orthogonalise(m, n, w, v, p, q) || again;
    }
    for (int64_t j = 0; j < n; j++)
        norms[j] = norm_of(m, w + j * m);
    sort_order(n, norms, true, order);
    for (int64_t j = 0; j < n; j++) {
        s[j] = norms[order[j]];
        rank += s[j] > s[0] * 1e-300;
        for (int64_t i = 0; i < m; i++)
            left[j * m + i] = s[j] > 0 ? w[order[j] * m + i] / s[j] : 0;
        memcpy(right + j * n, v + order[j] * n, sizeof *right * (size_t)n);
    }
    complete_basis(m, lc, left, rank);
}

/* A wide matrix is the adjoint of a tall one, which has U and V exchanged. */
static void run_svd(const struct ref_lib *l, int64_t item, double *space)
{
    int64_t m = ref_lib_dim(l, 0, 0), n = ref_lib_dim(l, 0, 1), k = min64(m, n), big = m > n ? m : n;
    bool wide = m < n, full = ref_lib_dim(l, 1, 1) > k || (l->num_values > 3 && ref_lib_dim(l, 3, 0) > k);
    int64_t lc = full ? big : k;
    cx *w = (cx *)(void *)space, *left = w + big * big, *right = left + big * big, *v = right + k * k, *t = v + k * k;
    double *s = (double *)(void *)(t + big * big);
    int64_t *order = (int64_t *)(void *)(s + 2 * k);
    read_item(l, 0, item, t);
    to_columns(m, n, t, w);
    if (wide) /* the columns of the adjoint are the conjugate rows */
        for (int64_t i = 0; i < m * n; i++)
            w[i] = conj(t[i]);
    svd_tall(big, k, w, v, left, lc, right, s, order);
    const cx *u = wide ? right : left, *h = wide ? left : right;
    to_columns(wide ? k : lc, m, u, t);
    write_item(l, 0, item, t);
    ref_lib_write(l, 1, item, s);
    for (int64_t i = 0; i < (wide ? lc : k) * n; i++) /* columns one after the other are the rows of the transposed */
        t[i] = conj(h[i]);
    write_item(l, 2, item, t);
}

static bool svd_fits(const struct ref_lib *l)
{
    return ref_svd.fits(l);
}

static int64_t svd_space(const struct ref_lib *l)
{
    int64_t m = ref_lib_dim(l, 0, 0), n = ref_lib_dim(l, 0, 1), big = m > n ? m : n, k = min64(m, n);
    return 2 * (3 * big * big + 2 * k * k) + 3 * k;
}

const struct ref_algorithm ref_complex_svd = {
    .name = "SVD of complex matrices", .num_args = 1, .num_outs = 3, .rank = { 3, 3, 1, 3 }, .fits = svd_fits,
    .space = svd_space, .run = run_svd,
};
