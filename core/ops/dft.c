/* SPDX-License-Identifier: MIT
 * Fourier transforms as sums: the decimation of Cooley and Tukey, "An algorithm for the machine calculation of complex
 * Fourier series" (1965), one REDUCE for each factor of the length. With n = r * m, j = j1 * m + j2 and
 * k = k1 + r * k2,
 *
 *     X[k] = Σ over j2 of W_m^(j2 k2) · ( Σ over j1 of x[j1 m + j2] · W_n^(k1 j) ),    W_n = exp(-2 pi i / n)
 *
 * whose inner sums are one REDUCE of r terms, twiddle factors included, and whose outer sums are transforms of length
 * m. The roots of unity are one constant table, made in double. */
#include "ops/dft.h"

#include <math.h>

enum { MAX_RADIX = 16, MAX_PRIME = 64, MAX_LENGTH = 1 << 20 };

/* How many terms the first sum of a transform of length n has: the largest factor up to MAX_RADIX, else the smallest
 * prime factor. */
static int64_t radix(int64_t n)
{
    for (int64_t r = MAX_RADIX; r > 1; r--)
        if (n % r == 0)
            return r;
    for (int64_t p = MAX_RADIX + 1; p * p <= n; p++)
        if (n % p == 0)
            return p;
    return n;
}

bool op_dft_fits(pt2_ex n)
{
    if (!pt2_is_const(n) || n->i < 1 || n->i > MAX_LENGTH)
        return false;
    for (int64_t m = n->i; m > 1; m /= radix(m))
        if (radix(m) > MAX_PRIME)
            return false;
    return true;
}

/* [n, 2, 2]: the matrices that multiply (re, im) by exp(-2 pi i k / n), of the inverse transform by exp(2 pi i k / n).
 */
static pt2_t *roots_of_unity(struct pt2_lower *L, pt2_dtype dtype, int64_t n, bool inverse)
{
    const int64_t shape[3] = { n, 2, 2 };
    double *wide = PT2_NEW_N(L->arena, double, 4 * n);
    float *narrow = PT2_NEW_N(L->arena, float, 4 * n);
    for (int64_t k = 0; k < n; k++) {
        double angle = 2 * 3.14159265358979323846 * ((double)k / (double)n);
        double re = cos(angle), im = inverse ? sin(angle) : -sin(angle);
        const double matrix[4] = { re, -im, im, re };
        memcpy(wide + 4 * k, matrix, sizeof matrix);
    }
    for (int64_t k = 0; k < 4 * n; k++)
        narrow[k] = (float)wide[k];
    return op_const(L, dtype, 3, shape, dtype == PT2_F64 ? (const void *)wide : narrow);
}

/* The inner sums of x [..., n], as a matrix product of the parts of its elements: complex [..., r, m]. W_n^k is entry
 * k * stride of the table. */
static pt2_t *inner_sums(struct pt2_lower *L, pt2_t *x, pt2_t *roots, int64_t r, int64_t m, int64_t stride)
{
    struct pt2_exprs *E = L->E;
    pt2_t *parts = op_real_view(L, x);
    int rank = x->rank + 2, last = x->rank - 1; /* ..., k1, j2, part of the result */
    pt2_ex shape[PT2_MAX_RANK], index[PT2_MAX_RANK], terms[2] = { pt2_idx(E, r), pt2_idx(E, 2) };
    memcpy(shape, x->shape, sizeof *shape * (size_t)last);
    shape[last] = terms[0];
    shape[last + 1] = pt2_idx(E, m);
    shape[last + 2] = terms[1];
    pt2_ex *at = op_vars(L, rank, shape), *term = op_axes(L, rank, 2, terms);
    pt2_ex j = pt2_add(E, pt2_muli(E, term[0], m), at[last + 1]);
    memcpy(index, at, sizeof *at * (size_t)last);
    index[last] = j;
    index[last + 1] = term[1];
    pt2_ex turn = pt2_floormod(E, pt2_mul(E, at[last], j), pt2_idx(E, r * m));
    pt2_ex root[3] = { pt2_muli(E, turn, stride), at[last + 2], term[1] };
    pt2_ex product = pt2_mul(E, op_at(L, parts, index), op_at(L, roots, root));
    return op_complex_view(L, op_reduce(L, PT2_RED_SUM, parts->dtype, rank, shape, 2, terms, product));
}

static pt2_t *transform(struct pt2_lower *L, pt2_t *x, pt2_t *roots, int64_t stride)
{
    int last = x->rank - 1;
    int64_t n = x->shape[last]->i, r = radix(n), m = n / r;
    if (n == 1)
        return x;
    pt2_t *y = transform(L, inner_sums(L, x, roots, r, m, stride), roots, stride * r);
    int order[PT2_MAX_RANK];
    for (int d = 0; d < y->rank; d++)
        order[d] = d;
    order[last] = last + 1;
    order[last + 1] = last;
    return op_reshape(L, op_permute(L, y, order), x->rank, x->shape);
}

pt2_t *op_dft(struct pt2_lower *L, pt2_t *x, bool inverse)
{
    pt2_t *roots = roots_of_unity(L, pt2_dtype_real(x->dtype), x->shape[x->rank - 1]->i, inverse);
    return transform(L, x, roots, 1);
}
