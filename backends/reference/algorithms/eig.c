/* SPDX-License-Identifier: MIT
 * Eigenvalues and vectors of a general matrix, in complex double: Householder reduction to Hessenberg form, QR
 * iterations with Wilkinson's shift to Schur form T = Z^H A Z, back substitution, columns of length 1 whose largest
 * element is real. For a real matrix conjugate pairs are put side by side, the one with positive imaginary part first,
 * as LAPACK's geev has them. */
#include "backends/reference/library.h"

#include <complex.h>
#include <math.h>

typedef double complex cx;

static int64_t element_rank(const struct ref_lib *l)
{
    return l->node->iparam[0] ? 3 : 2;
}

static bool fits(const struct ref_lib *l)
{
    int64_t n = ref_lib_dim(l, 0, 0);
    if (ref_lib_dim(l, 0, 1) != n || (element_rank(l) == 3 && ref_lib_dim(l, 0, 2) != 2))
        return false;
    if (ref_lib_dim(l, 1, 0) != n || ref_lib_dim(l, 1, 1) != 2)
        return false;
    return l->num_values < 3 ||
           (ref_lib_dim(l, 2, 0) == n && ref_lib_dim(l, 2, 1) == n && ref_lib_dim(l, 2, 2) == 2);
}

static int64_t space(const struct ref_lib *l)
{
    int64_t n = ref_lib_dim(l, 0, 0);
    return 2 * (3 * n * n + 3 * n);
}

/* Rows and columns from k + 1 on: a <- P a P, z <- z P with P = I - tau v v^H. */
static void reflect(int64_t n, cx *a, cx *z, const cx *v, double tau, int64_t k)
{
    for (int64_t j = 0; j < n; j++) {
        cx s = 0;
        for (int64_t i = k + 1; i < n; i++)
            s += conj(v[i]) * a[i * n + j];
        for (int64_t i = k + 1; i < n; i++)
            a[i * n + j] -= tau * s * v[i];
    }
    for (int64_t i = 0; i < n; i++) {
        cx s = 0, t = 0;
        for (int64_t j = k + 1; j < n; j++) {
            s += a[i * n + j] * v[j];
            t += z[i * n + j] * v[j];
        }
        for (int64_t j = k + 1; j < n; j++) {
            a[i * n + j] -= tau * s * conj(v[j]);
            z[i * n + j] -= tau * t * conj(v[j]);
        }
    }
}

static void hessenberg(int64_t n, cx *a, cx *z, cx *v)
{
    for (int64_t i = 0; i < n * n; i++)
        z[i] = i % (n + 1) == 0;
    for (int64_t k = 0; k + 2 < n; k++) {
        double below = 0, norm;
        for (int64_t i = k + 2; i < n; i++)
            below = hypot(below, cabs(a[i * n + k]));
        if (below == 0)
            continue;
        cx alpha = a[(k + 1) * n + k];
        norm = hypot(below, cabs(alpha));
        for (int64_t i = k + 1; i < n; i++)
            v[i] = a[i * n + k] / norm;
        v[k + 1] += alpha == 0 ? 1 : alpha / cabs(alpha);
        reflect(n, a, z, v, 1 / (1 + cabs(alpha) / norm), k);
        for (int64_t i = k + 2; i < n; i++)
            a[i * n + k] = 0;
    }
}

/* The eigenvalue of the trailing 2 x 2 block that is nearer to its last element. */
static cx wilkinson(int64_t n, const cx *a, int64_t hi)
{
    cx p = a[(hi - 1) * n + hi - 1], q = a[(hi - 1) * n + hi], r = a[hi * n + hi - 1], s = a[hi * n + hi];
    cx half = (p - s) / 2, root = csqrt(half * half + q * r);
    cx far = creal(half * conj(root)) >= 0 ? half + root : half - root;
    return far == 0 ? s : s - q * r / far;
}

struct rotation {
    double c;
    cx s;
};

/* One shifted QR step on rows and columns lo ... hi; T and Z are updated over their whole length. */
static void qr_step(int64_t n, cx *a, cx *z, int64_t lo, int64_t hi, cx shift)
{
    struct rotation before = { 1, 0 };
    for (int64_t k = lo; k <= hi; k++)
        a[k * n + k] -= shift;
    for (int64_t k = lo; k <= hi; k++) {
        struct rotation now = { 1, 0 };
        if (k < hi) {
            cx x = a[k * n + k], y = a[(k + 1) * n + k];
            double r = hypot(cabs(x), cabs(y));
            cx unit = x == 0 ? 1 : x / cabs(x);
            if (r > 0)
                now = (struct rotation){ cabs(x) / r, unit * conj(y) / r };
            for (int64_t j = k; j < n; j++) {
                cx u = a[k * n + j], w = a[(k + 1) * n + j];
                a[k * n + j] = now.c * u + now.s * w;
                a[(k + 1) * n + j] = now.c * w - conj(now.s) * u;
            }
        }
        /* The column rotation of k - 1 waits until row k has been rotated. */
        for (int64_t i = 0; i <= k && k > lo; i++) {
            cx u = a[i * n + k - 1], w = a[i * n + k];
            a[i * n + k - 1] = before.c * u + conj(before.s) * w;
            a[i * n + k] = before.c * w - before.s * u;
        }
        for (int64_t i = 0; i < n && k > lo; i++) {
            cx u = z[i * n + k - 1], w = z[i * n + k];
            z[i * n + k - 1] = before.c * u + conj(before.s) * w;
            z[i * n + k] = before.c * w - before.s * u;
        }
        before = now;
    }
    for (int64_t k = lo; k <= hi; k++)
        a[k * n + k] += shift;
}

static double largest(int64_t n, const cx *a)
{
    double m = 0;
    for (int64_t i = 0; i < n * n; i++)
        m = fmax(m, cabs(a[i]));
    return m;
}

static void schur(int64_t n, cx *a, cx *z)
{
    enum { MAX_STEPS = 100 };
    double floor_size = largest(n, a);
    int steps = 0;
    for (int64_t hi = n - 1; hi > 0;) {
        int64_t lo = hi;
        for (; lo > 0; lo--) {
            double size = cabs(a[lo * n + lo]) + cabs(a[(lo - 1) * n + lo - 1]);
            if (cabs(a[lo * n + lo - 1]) <= 2.3e-16 * (size > 0 ? size : floor_size))
                break;
        }
        if (lo > 0)
            a[lo * n + lo - 1] = 0;
        if (lo == hi || ++steps > MAX_STEPS) {
            hi--;
            steps = 0;
            continue;
        }
        cx shift = steps % 10 == 0 ? a[hi * n + hi] + cabs(a[hi * n + hi - 1]) : wilkinson(n, a, hi);
        qr_step(n, a, z, lo, hi, shift);
    }
}

/* x solves (T - t_kk) x = 0 with x_k = 1; v = Z x, of length 1, its largest element real. */
static void eigenvector(int64_t n, const cx *t, const cx *z, int64_t k, double tiny, cx *x, cx *v)
{
    cx big = 0;
    double norm = 0;
    x[k] = 1;
    for (int64_t i = k - 1; i >= 0; i--) {
        cx s = 0, d = t[i * n + i] - t[k * n + k];
        for (int64_t j = i + 1; j <= k; j++)
            s += t[i * n + j] * x[j];
        x[i] = -s / (cabs(d) < tiny ? tiny : d);
    }
    for (int64_t i = 0; i < n; i++) {
        cx s = 0;
        for (int64_t j = 0; j <= k; j++)
            s += z[i * n + j] * x[j];
        v[i * n + k] = s;
        norm = hypot(norm, cabs(s));
        big = cabs(s) > cabs(big) * (1 + 1e-9) ? s : big;
    }
    cx scale = big == 0 ? 1 : cabs(big) / big / norm;
    for (int64_t i = 0; i < n; i++)
        v[i * n + k] *= scale;
}

static void swap_pair(int64_t n, cx *w, cx *v, int64_t a, int64_t b)
{
    cx t = w[a];
    w[a] = w[b];
    w[b] = t;
    for (int64_t i = 0; i < n; i++) {
        t = v[i * n + a];
        v[i * n + a] = v[i * n + b];
        v[i * n + b] = t;
    }
}

static void pair_conjugates(int64_t n, cx *w, cx *v, double tiny)
{
    for (int64_t k = 0; k < n; k++) {
        int64_t mate = k + 1;
        if (fabs(cimag(w[k])) <= tiny || mate == n) {
            w[k] = creal(w[k]);
            for (int64_t i = 0; i < n; i++)
                v[i * n + k] = creal(v[i * n + k]);
            continue;
        }
        for (int64_t j = k + 2; j < n; j++)
            if (cabs(w[j] - conj(w[k])) < cabs(w[mate] - conj(w[k])))
                mate = j;
        swap_pair(n, w, v, k + 1, mate);
        if (cimag(w[k]) < 0)
            swap_pair(n, w, v, k, k + 1);
        w[k + 1] = conj(w[k]);
        for (int64_t i = 0; i < n; i++)
            v[i * n + k + 1] = conj(v[i * n + k]);
        k++;
    }
}

static void run(const struct ref_lib *l, int64_t item, double *work)
{
    int64_t n = ref_lib_dim(l, 0, 0);
    bool is_complex = element_rank(l) == 3;
    cx *a = (cx *)(void *)work, *z = a + n * n, *v = z + n * n, *w = v + n * n, *x = w + n;
    double *raw = (double *)(void *)(is_complex ? a : v);
    ref_lib_read(l, 0, item, raw);
    for (int64_t i = 0; i < n * n && !is_complex; i++)
        a[i] = raw[i];
    double tiny = largest(n, a) * 1e-16 + 1e-300;
    hessenberg(n, a, z, x);
    schur(n, a, z);
    for (int64_t k = 0; k < n; k++) {
        w[k] = a[k * n + k];
        eigenvector(n, a, z, k, tiny, x, v);
    }
    if (!is_complex)
        pair_conjugates(n, w, v, tiny * 100 * (double)n);
    ref_lib_write(l, 0, item, (const double *)(const void *)w);
    ref_lib_write(l, 1, item, (const double *)(const void *)v);
}

const struct ref_algorithm ref_eig = {
    .name = "EIG", .num_args = 1, .num_outs = 2, .rank = { 2, 2, 3 }, .fits = fits, .space = space, .run = run,
};
