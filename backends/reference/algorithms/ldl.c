/* SPDX-License-Identifier: MIT
 * Symmetric indefinite matrices: Bunch-Kaufman factorisation A = P L D L^T P^T with pivots of one or two rows, as
 * LAPACK's sytf2 has it for the lower triangle, and the solution of a system from it (sytrs). A pivot p > 0 at k says
 * that rows k and p-1 changed places; two equal ones < 0, at k and k+1, that rows k+1 and -p-1 did, and that D has a
 * block of two rows there. And the packed form of QR, whose reflections stand below the diagonal of R. */
#include "backends/reference/library.h"

#include <math.h>

static void swap(double *a, double *b)
{
    double t = *a;
    *a = *b;
    *b = t;
}

/* ---- LDL ---- */

static bool square(const struct ref_lib *l)
{
    return ref_lib_dim(l, 0, 0) == ref_lib_dim(l, 0, 1);
}

static bool ldl_fits(const struct ref_lib *l)
{
    int64_t n = ref_lib_dim(l, 0, 0);
    return square(l) && l->values[1].item == l->values[0].item && (l->num_values < 3 || ref_lib_dim(l, 2, 0) == n);
}

/* The row below k with the largest element in column k. */
static int64_t column_max(int64_t n, const double *a, int64_t k, double *max)
{
    int64_t at = k;
    *max = 0;
    for (int64_t i = k + 1; i < n; i++)
        if (fabs(a[i * n + k]) > *max) {
            *max = fabs(a[i * n + k]);
            at = i;
        }
    return at;
}

/* The largest element off the diagonal in row `row` of the part from k on. */
static double row_max(int64_t n, const double *a, int64_t k, int64_t row)
{
    double max = 0;
    for (int64_t j = k; j < n; j++)
        if (j != row)
            max = fmax(max, fabs(j < row ? a[row * n + j] : a[j * n + row]));
    return max;
}

/* The pivot row for step k, and whether the block has one row or two. */
static int64_t choose_pivot(int64_t n, const double *a, int64_t k, int *step)
{
    const double alpha = (1 + sqrt(17)) / 8;
    double diag = fabs(a[k * n + k]), col;
    int64_t max = column_max(n, a, k, &col);
    *step = 1;
    if (diag >= alpha * col || !(col > 0))
        return k;
    double row = row_max(n, a, k, max);
    if (diag >= alpha * col * (col / row))
        return k;
    if (fabs(a[max * n + max]) < alpha * row)
        *step = 2;
    return max;
}

/* Exchanges rows and columns k and p > k of the lower triangle, from k on. */
static void exchange(int64_t n, double *a, int64_t k, int64_t p)
{
    for (int64_t i = p + 1; i < n; i++)
        swap(&a[i * n + k], &a[i * n + p]);
    for (int64_t i = k + 1; i < p; i++)
        swap(&a[i * n + k], &a[p * n + i]);
    swap(&a[k * n + k], &a[p * n + p]);
}

static void eliminate_one(int64_t n, double *a, int64_t k)
{
    double d = 1 / a[k * n + k];
    for (int64_t j = k + 1; j < n; j++)
        for (int64_t i = j; i < n; i++)
            a[i * n + j] -= d * a[j * n + k] * a[i * n + k];
    for (int64_t i = k + 1; i < n; i++)
        a[i * n + k] *= d;
}

static void eliminate_two(int64_t n, double *a, int64_t k)
{
    if (k + 2 >= n)
        return;
    double d21 = a[(k + 1) * n + k], d11 = a[(k + 1) * n + k + 1] / d21, d22 = a[k * n + k] / d21;
    double t = 1 / (d11 * d22 - 1);
    d21 = t / d21;
    for (int64_t j = k + 2; j < n; j++) {
        double u = d21 * (d11 * a[j * n + k] - a[j * n + k + 1]), v = d21 * (d22 * a[j * n + k + 1] - a[j * n + k]);
        for (int64_t i = j; i < n; i++)
            a[i * n + j] -= a[i * n + k] * u + a[i * n + k + 1] * v;
        a[j * n + k] = u;
        a[j * n + k + 1] = v;
    }
}

static void run_ldl(const struct ref_lib *l, int64_t item, double *a)
{
    int64_t n = ref_lib_dim(l, 0, 0), info = 0;
    ref_lib_read(l, 0, item, a);
    for (int64_t k = 0; k < n;) {
        int step = 1;
        int64_t p = choose_pivot(n, a, k, &step), row = k + step - 1;
        if (p != row) {
            exchange(n, a, row, p);
            if (step == 2)
                swap(&a[(k + 1) * n + k], &a[p * n + k]);
        }
        if (step == 1 && a[k * n + k] == 0)
            info = info ? info : k + 1;
        else if (step == 1)
            eliminate_one(n, a, k);
        else
            eliminate_two(n, a, k);
        for (int64_t i = k; i < k + step; i++)
            ref_lib_write_int(l, 1, item, i, step == 1 ? p + 1 : -(p + 1));
        k += step;
    }
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = i + 1; j < n; j++)
            a[i * n + j] = 0;
    ref_lib_write(l, 0, item, a);
    ref_lib_write_int(l, 2, item, 0, info);
}

static int64_t ldl_space(const struct ref_lib *l)
{
    return l->values[0].item;
}

const struct ref_algorithm ref_ldl = {
    .name = "LDL", .num_args = 1, .num_outs = 3, .rank = { 2, 2, 1, 0 }, .fits = ldl_fits, .space = ldl_space,
    .run = run_ldl,
};

/* ---- solving ---- */

struct system {
    int64_t n, r;
    const double *a, *pivots;
    double *b;
};

static void swap_rows(struct system *s, int64_t i, int64_t j)
{
    for (int64_t c = 0; i != j && j >= 0 && j < s->n && c < s->r; c++)
        swap(&s->b[i * s->r + c], &s->b[j * s->r + c]);
}

/* Row `to` of b loses factor times row `from`. */
static void subtract(struct system *s, int64_t to, double factor, int64_t from)
{
    for (int64_t c = 0; c < s->r; c++)
        s->b[to * s->r + c] -= factor * s->b[from * s->r + c];
}

static void divide_block(struct system *s, int64_t k)
{
    const double *a = s->a;
    int64_t n = s->n;
    double off = a[(k + 1) * n + k], d0 = a[k * n + k] / off, d1 = a[(k + 1) * n + k + 1] / off, det = d0 * d1 - 1;
    for (int64_t c = 0; c < s->r; c++) {
        double *x = &s->b[k * s->r + c], *y = &s->b[(k + 1) * s->r + c], u = *x / off, v = *y / off;
        *x = (d1 * u - v) / det;
        *y = (d0 * v - u) / det;
    }
}

static void forward(struct system *s)
{
    int64_t n = s->n;
    for (int64_t k = 0; k < n;) {
        int64_t p = (int64_t)s->pivots[k];
        bool two = p < 0 && k + 1 < n;
        swap_rows(s, two ? k + 1 : k, (p < 0 ? -p : p) - 1);
        for (int64_t i = k + (two ? 2 : 1); i < n; i++) {
            subtract(s, i, s->a[i * n + k], k);
            if (two)
                subtract(s, i, s->a[i * n + k + 1], k + 1);
        }
        if (two)
            divide_block(s, k);
        else
            for (int64_t c = 0; c < s->r; c++)
                s->b[k * s->r + c] /= s->a[k * n + k];
        k += two ? 2 : 1;
    }
}

static void backward(struct system *s)
{
    int64_t n = s->n;
    for (int64_t k = n - 1; k >= 0;) {
        int64_t p = (int64_t)s->pivots[k];
        bool two = p < 0 && k > 0;
        for (int64_t i = k + 1; i < n; i++) {
            subtract(s, k, s->a[i * n + k], i);
            if (two)
                subtract(s, k - 1, s->a[i * n + k - 1], i);
        }
        swap_rows(s, k, (p < 0 ? -p : p) - 1);
        k -= two ? 2 : 1;
    }
}

static bool solve_fits(const struct ref_lib *l)
{
    int64_t n = ref_lib_dim(l, 0, 0);
    return square(l) && ref_lib_dim(l, 1, 0) == n && ref_lib_dim(l, 2, 0) == n && ref_lib_dim(l, 3, 0) == n &&
           ref_lib_dim(l, 3, 1) == ref_lib_dim(l, 2, 1);
}

static int64_t solve_space(const struct ref_lib *l)
{
    return l->values[0].item + l->values[1].item + l->values[2].item;
}

static void run_solve(const struct ref_lib *l, int64_t item, double *a)
{
    double *pivots = a + l->values[0].item, *b = pivots + l->values[1].item;
    struct system s = { ref_lib_dim(l, 0, 0), ref_lib_dim(l, 2, 1), a, pivots, b };
    ref_lib_read(l, 0, item, a);
    ref_lib_read(l, 1, item, pivots);
    ref_lib_read(l, 2, item, b);
    forward(&s);
    backward(&s);
    ref_lib_write(l, 0, item, b);
}

const struct ref_algorithm ref_ldl_solve = {
    .name = "LDL_SOLVE", .num_args = 3, .num_outs = 1, .rank = { 2, 1, 2, 2 }, .fits = solve_fits,
    .space = solve_space, .run = run_solve,
};

/* ---- packed QR ---- */

static bool geqrf_fits(const struct ref_lib *l)
{
    int64_t m = ref_lib_dim(l, 0, 0), n = ref_lib_dim(l, 0, 1);
    return l->values[1].item == l->values[0].item && (l->num_values < 3 || ref_lib_dim(l, 2, 0) == (m < n ? m : n));
}

static int64_t geqrf_space(const struct ref_lib *l)
{
    return 2 * l->values[0].item + ref_lib_dim(l, 0, 0) + ref_lib_dim(l, 0, 1);
}

static void run_geqrf(const struct ref_lib *l, int64_t item, double *a)
{
    int64_t m = ref_lib_dim(l, 0, 0), n = ref_lib_dim(l, 0, 1);
    double *out = a + m * n, *tau = out + m * n;
    ref_lib_read(l, 0, item, out);
    ref_transpose(m, n, out, a);
    ref_qr_factor(m, n, a, tau);
    ref_transpose(n, m, a, out);
    ref_lib_write(l, 0, item, out);
    ref_lib_write(l, 1, item, tau);
}

const struct ref_algorithm ref_geqrf = {
    .name = "GEQRF", .num_args = 1, .num_outs = 2, .rank = { 2, 2, 1 }, .fits = geqrf_fits, .space = geqrf_space,
    .run = run_geqrf,
};
