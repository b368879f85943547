/* SPDX-License-Identifier: MIT
 * Symmetric eigenvalues (Householder tridiagonalisation and implicit QL, after EISPACK's tred2 and tql2), and singular
 * values (one-sided Jacobi on the columns of the factor R of a QR, which finds small ones to high relative
 * accuracy). */
#include "backends/reference/library.h"

#include <math.h>

static int64_t min64(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* ---- EIGH ---- */

static bool eigh_fits(const struct ref_lib *l)
{
    int64_t n = ref_lib_dim(l, 0, 0);
    return ref_lib_dim(l, 0, 1) == n && ref_lib_dim(l, 1, 0) == n &&
           (l->num_values < 3 || (ref_lib_dim(l, 2, 0) == n && ref_lib_dim(l, 2, 1) == n));
}

static int64_t eigh_space(const struct ref_lib *l)
{
    int64_t n = ref_lib_dim(l, 0, 0);
    return 2 * n * n + 3 * n;
}

/* Column-major, so that the inner loops run over neighbours. */
#define AT(row, col) v[(col) * n + (row)]

/* One Householder step on row i: leaves the scaled vector in row i of v, its length in the off-diagonal e[i]. */
static double eliminate_row(int64_t n, int64_t i, double *v, double *d, double *e)
{
    double scale = 0, h = 0;
    for (int64_t k = 0; k < i; k++)
        scale += fabs(d[k]);
    if (scale == 0 || i < 2) {
        e[i] = d[i - 1];
        for (int64_t j = 0; j < i; j++) {
            d[j] = AT(i - 1, j);
            AT(i, j) = AT(j, i) = 0;
        }
        return 0;
    }
    for (int64_t k = 0; k < i; k++) {
        d[k] /= scale;
        h += d[k] * d[k];
    }
    double f = d[i - 1], g = f > 0 ? -sqrt(h) : sqrt(h);
    e[i] = scale * g;
    h -= f * g;
    d[i - 1] = f - g;
    return h;
}

/* Applies the step's similarity transformation to the leading i x i block. */
static void transform_block(int64_t n, int64_t i, double h, double *v, double *d, double *e)
{
    for (int64_t j = 0; j < i; j++)
        e[j] = 0;
    for (int64_t j = 0; j < i; j++) {
        double f = d[j], g = e[j] + AT(j, j) * f;
        AT(j, i) = f;
        for (int64_t k = j + 1; k < i; k++) {
            g += AT(k, j) * d[k];
            e[k] += AT(k, j) * f;
        }
        e[j] = g;
    }
    double f = 0;
    for (int64_t j = 0; j < i; j++) {
        e[j] /= h;
        f += e[j] * d[j];
    }
    for (int64_t j = 0; j < i; j++)
        e[j] -= f / (h + h) * d[j];
    for (int64_t j = 0; j < i; j++) {
        for (int64_t k = j; k < i; k++)
            AT(k, j) -= d[j] * e[k] + e[j] * d[k];
        d[j] = AT(i - 1, j);
        AT(i, j) = 0;
    }
}

/* v: symmetric (lower triangle) to orthogonal; d, e: diagonal and off-diagonal. */
static void tridiagonalise(int64_t n, double *v, double *d, double *e)
{
    for (int64_t j = 0; j < n; j++)
        d[j] = AT(n - 1, j);
    for (int64_t i = n - 1; i > 0; i--) {
        double h = eliminate_row(n, i, v, d, e);
        if (h != 0)
            transform_block(n, i, h, v, d, e);
        d[i] = h;
    }
    for (int64_t i = 0; i < n - 1; i++) { /* accumulate */
        AT(n - 1, i) = AT(i, i);
        AT(i, i) = 1;
        double h = d[i + 1];
        for (int64_t k = 0; k <= i && h != 0; k++)
            d[k] = AT(k, i + 1) / h;
        for (int64_t j = 0; j <= i && h != 0; j++) {
            double g = 0;
            for (int64_t k = 0; k <= i; k++)
                g += AT(k, i + 1) * AT(k, j);
            for (int64_t k = 0; k <= i; k++)
                AT(k, j) -= g * d[k];
        }
        for (int64_t k = 0; k <= i; k++)
            AT(k, i + 1) = 0;
    }
    for (int64_t j = 0; j < n; j++) {
        d[j] = AT(n - 1, j);
        AT(n - 1, j) = 0;
    }
    AT(n - 1, n - 1) = 1;
    e[0] = 0;
}

/* One implicit QL sweep from m down to l. */
static void ql_sweep(int64_t n, int64_t l, int64_t m, double *v, double *d, double *e)
{
    double p = (d[l + 1] - d[l]) / (2 * e[l]);
    double g = d[m] - d[l] + e[l] / (p + copysign(hypot(p, 1), p)), s = 1, c = 1;
    p = 0;
    for (int64_t i = m - 1; i >= l; i--) {
        double f = s * e[i], b = c * e[i], r = hypot(f, g);
        e[i + 1] = r;
        if (r == 0) { /* the block splits */
            d[i + 1] -= p;
            e[m] = 0;
            return;
        }
        s = f / r;
        c = g / r;
        g = d[i + 1] - p;
        r = (d[i] - g) * s + 2 * c * b;
        p = s * r;
        d[i + 1] = g + p;
        g = c * r - b;
        for (int64_t k = 0; k < n; k++) {
            f = AT(k, i + 1);
            AT(k, i + 1) = s * AT(k, i) + c * f;
            AT(k, i) = c * AT(k, i) - s * f;
        }
    }
    d[l] -= p;
    e[l] = g;
    e[m] = 0;
}

static void diagonalise(int64_t n, double *v, double *d, double *e)
{
    enum { MAX_SWEEPS = 60 };
    for (int64_t i = 1; i < n; i++)
        e[i - 1] = e[i];
    e[n - 1] = 0;
    for (int64_t l = 0; l < n; l++) {
        for (int sweep = 0; sweep < MAX_SWEEPS; sweep++) {
            int64_t m = l;
            while (m < n - 1 && fabs(e[m]) > 2.3e-16 * (fabs(d[m]) + fabs(d[m + 1])))
                m++;
            if (m == l)
                break;
            ql_sweep(n, l, m, v, d, e);
        }
    }
}

/* order[i]: which of d comes i-th; insertion sort. */
static void sort_order(int64_t n, const double *d, bool descending, double *order)
{
    for (int64_t i = 0; i < n; i++) {
        int64_t j = i;
        for (; j > 0; j--) {
            double before = d[(int64_t)order[j - 1]];
            if (descending ? before >= d[i] : before <= d[i])
                break;
            order[j] = order[j - 1];
        }
        order[j] = (double)i;
    }
}

static void run_eigh(const struct ref_lib *l, int64_t item, double *v)
{
    int64_t n = ref_lib_dim(l, 0, 0);
    double *d = v + n * n, *e = d + n, *order = e + n, *out = order + n;
    ref_lib_read(l, 0, item, v);
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0; j < i; j++)
            if (l->node->iparam[0])
                v[i * n + j] = v[j * n + i];
            else
                v[j * n + i] = v[i * n + j];
    if (n > 0) {
        tridiagonalise(n, v, d, e);
        diagonalise(n, v, d, e);
    }
    sort_order(n, d, false, order);
    for (int64_t j = 0; j < n; j++) {
        int64_t from = (int64_t)order[j];
        e[j] = d[from];
        for (int64_t i = 0; i < n; i++)
            out[i * n + j] = AT(i, from);
    }
    ref_lib_write(l, 0, item, e);
    ref_lib_write(l, 1, item, out);
}

const struct ref_algorithm ref_eigh = {
    .name = "EIGH", .num_args = 1, .num_outs = 2, .rank = { 2, 1, 2 }, .fits = eigh_fits, .space = eigh_space,
    .run = run_eigh,
};

/* ---- SVD ---- A (or its transpose, so that rows >= columns) = Q R; Jacobi rotations make the columns of W = R^T
 * orthogonal: W V = U' S, hence A = Q V S U'^T. Working on R^T converges faster than on R. */

static bool svd_fits(const struct ref_lib *l)
{
    int64_t m = ref_lib_dim(l, 0, 0), n = ref_lib_dim(l, 0, 1), k = min64(m, n);
    int64_t cols = ref_lib_dim(l, 1, 1);
    if (ref_lib_dim(l, 1, 0) != m || (cols != k && cols != m))
        return false;
    if (l->num_values > 2 && ref_lib_dim(l, 2, 0) != k)
        return false;
    return l->num_values < 4 ||
           (ref_lib_dim(l, 3, 1) == n && (ref_lib_dim(l, 3, 0) == k || ref_lib_dim(l, 3, 0) == n));
}

static int64_t svd_space(const struct ref_lib *l)
{
    int64_t m = ref_lib_dim(l, 0, 0), n = ref_lib_dim(l, 0, 1), big = m > n ? m : n, k = min64(m, n);
    return m * n + 2 * big * big + k * k + k + 3 * k + 2 * k * k + big * k;
}

static void rotate(int64_t n, double *a, double *b, double c, double s)
{
    for (int64_t i = 0; i < n; i++) {
        double x = a[i], y = b[i];
        a[i] = c * x - s * y;
        b[i] = s * x + c * y;
    }
}

static double dot_of(int64_t n, const double *a, const double *b)
{
    double s = 0;
    for (int64_t i = 0; i < n; i++)
        s += a[i] * b[i];
    return s;
}

/* Makes columns p and q of w orthogonal; returns whether they were not. */
static bool orthogonalise(int64_t n, double *w, double *v, int64_t p, int64_t q)
{
    double *x = w + p * n, *y = w + q * n, a = dot_of(n, x, x), b = dot_of(n, y, y), dot = dot_of(n, x, y);
    if (!(fabs(dot) > 1e-15 * sqrt(a) * sqrt(b)) || dot == 0)
        return false;
    double zeta = (b - a) / (2 * dot), t = copysign(1, zeta) / (fabs(zeta) + hypot(1, zeta));
    double c = 1 / hypot(1, t), s = c * t;
    rotate(n, x, y, c, s);
    rotate(n, v + p * n, v + q * n, c, s);
    return true;
}

static void jacobi(int64_t n, double *w, double *v)
{
    enum { MAX_SWEEPS = 60 };
    bool again = true;
    for (int64_t i = 0; i < n * n; i++)
        v[i] = i % (n + 1) == 0;
    for (int sweep = 0; sweep < MAX_SWEEPS && again; sweep++) {
        again = false;
        for (int64_t p = 0; p < n - 1; p++)
            for (int64_t q = p + 1; q < n; q++)
                again = orthogonalise(n, w, v, p, q) || again;
    }
}

/* Makes columns [from, n) of q [m, n] so that all are orthonormal: unit vectors, less their projections. */
static void complete_basis(int64_t m, int64_t n, double *q, int64_t from)
{
    int64_t axis = 0;
    for (int64_t j = from; j < n; axis++) {
        double *x = q + j * m;
        for (int64_t i = 0; i < m; i++)
            x[i] = i == axis % m;
        for (int pass = 0; pass < 2; pass++)
            for (int64_t k = 0; k < j; k++) {
                double dot = dot_of(m, x, q + k * m);
                for (int64_t i = 0; i < m; i++)
                    x[i] -= dot * q[k * m + i];
            }
        double norm = sqrt(dot_of(m, x, x));
        if (norm < 0.5 / sqrt((double)m) && axis < m)
            continue;
        for (int64_t i = 0; i < m; i++)
            x[i] = norm > 0 ? x[i] / norm : 0;
        j++;
    }
}

/* Singular triplets of a [m, n], m >= n (destroyed): left [m, lc] and right [n, n] columns, s descending. All are
 * column-major. */
static void svd_tall(int64_t m, int64_t n, double *a, double *left, int64_t lc, double *right, double *s, double *work)
{
    double *tau = work, *order = tau + n, *norm = order + n, *w = norm + n, *v = w + n * n, *q = v + n * n;
    int64_t rank = 0;
    ref_qr_factor(m, n, a, tau);
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0; j < n; j++)
            w[i * n + j] = j >= i ? a[j * m + i] : 0;
    jacobi(n, w, v);
    for (int64_t j = 0; j < n; j++)
        norm[j] = sqrt(dot_of(n, w + j * n, w + j * n));
    sort_order(n, norm, true, order);
    ref_qr_form(m, a, n, tau, lc, left);
    memcpy(q, left, sizeof *q * (size_t)(m * n));
    for (int64_t j = 0; j < n; j++) {
        int64_t from = (int64_t)order[j];
        s[j] = norm[from];
        rank += s[j] > s[0] * 1e-300;
        for (int64_t i = 0; i < n; i++)
            right[j * n + i] = s[j] > 0 ? w[from * n + i] / s[j] : 0;
        for (int64_t i = 0; i < m; i++)
            left[j * m + i] = 0;
        for (int64_t k = 0; k < n; k++) /* Q times V */
            for (int64_t i = 0; i < m; i++)
                left[j * m + i] += q[k * m + i] * v[from * n + k];
    }
    complete_basis(n, n, right, rank);
}

/* A is read as it lies, row-major: as the column-major A^T, which has U and V exchanged. */
static void run_svd(const struct ref_lib *l, int64_t item, double *a)
{
    int64_t m = ref_lib_dim(l, 0, 0), n = ref_lib_dim(l, 0, 1), k = min64(m, n), big = m > n ? m : n;
    bool wide = m < n, full = ref_lib_dim(l, 1, 1) > k || (l->num_values > 3 && ref_lib_dim(l, 3, 0) > k);
    int64_t lc = full ? big : k;
    double *t = a + m * n, *left = t + big * big, *right = left + big * big, *s = right + k * k, *work = s + k;
    ref_lib_read(l, 0, item, wide ? a : t);
    if (!wide)
        ref_transpose(m, n, t, a);
    svd_tall(big, k, a, left, lc, right, s, work);
    /* Columns one after the other are the rows of the transposed matrix. */
    ref_transpose(wide ? k : lc, wide ? k : big, wide ? right : left, t);
    ref_lib_write(l, 0, item, t);
    ref_lib_write(l, 1, item, s);
    ref_lib_write(l, 2, item, wide ? left : right);
}

const struct ref_algorithm ref_svd = {
    .name = "SVD", .num_args = 1, .num_outs = 3, .rank = { 2, 2, 1, 2 }, .fits = svd_fits, .space = svd_space,
    .run = run_svd,
};
