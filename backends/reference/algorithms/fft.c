/* SPDX-License-Identifier: MIT
 * Discrete Fourier transforms of any length, in double: recursive mixed radix for lengths with small prime factors,
 * Bluestein's chirp (a convolution of a power-of-two length) for the others. Twiddles are made once per call. */
#include "backends/reference/library.h"

#include <math.h>
#include <stdlib.h>

enum { MAX_RADIX = 31 };

struct cplx {
    double re, im;
};

struct plan {
    int64_t n;           /* of the transform */
    int64_t size;        /* of the mixed-radix transform that does it: n, or Bluestein's */
    struct cplx *roots;  /* owned: exp(-2 pi i k / size) */
    struct cplx *chirp;  /* owned: Bluestein's exp(-pi i k^2 / n), NULL: not needed */
    struct cplx *filter; /* owned: transform of the conjugate chirp / size */
};

static struct cplx cmul(struct cplx a, struct cplx b)
{
    return (struct cplx){ a.re * b.re - a.im * b.im, a.re * b.im + a.im * b.re };
}

static struct cplx cadd(struct cplx a, struct cplx b)
{
    return (struct cplx){ a.re + b.re, a.im + b.im };
}

static struct cplx conjugate(struct cplx a)
{
    return (struct cplx){ a.re, -a.im };
}

/* exp(-2 pi i k / n), 0 <= k < n */
static struct cplx root(int64_t k, int64_t n)
{
    double x = 2 * 3.14159265358979323846 * ((double)k / (double)n);
    return (struct cplx){ cos(x), -sin(x) };
}

static int64_t smallest_factor(int64_t n)
{
    if (n % 4 == 0)
        return 4;
    for (int64_t p = 2; p * p <= n; p++)
        if (n % p == 0)
            return p;
    return n;
}

static void butterfly2(int64_t m, struct cplx *out, const struct plan *p, int64_t step)
{
    for (int64_t k = 0; k < m; k++) {
        struct cplx a = out[k], b = cmul(out[m + k], p->roots[k * step]);
        out[k] = cadd(a, b);
        out[m + k] = (struct cplx){ a.re - b.re, a.im - b.im };
    }
}

static void butterfly4(int64_t m, struct cplx *out, const struct plan *p, int64_t step)
{
    for (int64_t k = 0; k < m; k++) {
        struct cplx a = out[k], b = cmul(out[m + k], p->roots[k * step]);
        struct cplx c = cmul(out[2 * m + k], p->roots[2 * k * step]);
        struct cplx d = cmul(out[3 * m + k], p->roots[3 * k * step]);
        struct cplx ac = cadd(a, c), bd = cadd(b, d), a_c = { a.re - c.re, a.im - c.im };
        struct cplx b_d = { b.im - d.im, d.re - b.re }; /* -i (b - d) */
        out[k] = cadd(ac, bd);
        out[m + k] = cadd(a_c, b_d);
        out[2 * m + k] = (struct cplx){ ac.re - bd.re, ac.im - bd.im };
        out[3 * m + k] = (struct cplx){ a_c.re - b_d.re, a_c.im - b_d.im };
    }
}

static void butterfly(int64_t radix, int64_t m, struct cplx *out, const struct plan *p, int64_t step)
{
    struct cplx t[MAX_RADIX];
    for (int64_t k = 0; k < m; k++) {
        for (int64_t r = 0; r < radix; r++)
            t[r] = cmul(out[r * m + k], p->roots[r * k * step]);
        for (int64_t q = 0; q < radix; q++) {
            struct cplx sum = t[0];
            for (int64_t r = 1; r < radix; r++)
                sum = cadd(sum, cmul(t[r], p->roots[r * q % radix * m * step]));
            out[q * m + k] = sum;
        }
    }
}

/* out[k] = sum of in[j * stride] exp(-2 pi i jk / n); n * step = p->size. */
static void transform(const struct plan *p, int64_t n, const struct cplx *in, int64_t stride, struct cplx *out,
                      int64_t step)
{
    if (n == 1) {
        out[0] = in[0];
        return;
    }
    int64_t radix = smallest_factor(n), m = n / radix;
    for (int64_t r = 0; r < radix; r++)
        transform(p, m, in + r * stride, stride * radix, out + r * m, step * radix);
    if (radix == 2)
        butterfly2(m, out, p, step);
    else if (radix == 4)
        butterfly4(m, out, p, step);
    else
        butterfly(radix, m, out, p, step);
}

/* X[k] = chirp[k] * sum over j of (x[j] chirp[j]) conj(chirp[k - j]) */
static void bluestein(const struct plan *p, const struct cplx *in, struct cplx *out, struct cplx *a, struct cplx *b)
{
    for (int64_t j = 0; j < p->size; j++)
        a[j] = j < p->n ? cmul(in[j], p->chirp[j]) : (struct cplx){ 0, 0 };
    transform(p, p->size, a, 1, b, 1);
    for (int64_t j = 0; j < p->size; j++)
        b[j] = conjugate(cmul(b[j], p->filter[j])); /* an inverse transform is a conjugated one */
    transform(p, p->size, b, 1, a, 1);
    for (int64_t k = 0; k < p->n; k++)
        out[k] = cmul(conjugate(a[k]), p->chirp[k]);
}

static void release(struct ref_lib *l)
{
    struct plan *p = l->plan;
    if (p) {
        free(p->roots);
        free(p->chirp);
        free(p->filter);
    }
    free(p);
    l->plan = NULL;
}

static bool needs_chirp(int64_t n)
{
    while (n > 1) {
        int64_t f = smallest_factor(n);
        if (f > MAX_RADIX)
            return true;
        n /= f;
    }
    return false;
}

static struct cplx *make_roots(int64_t count, int64_t n)
{
    struct cplx *r = malloc(sizeof *r * (size_t)(count + 1));
    for (int64_t k = 0; r && k < count; k++)
        r[k] = root(k, n);
    return r;
}

static bool make_chirp(struct plan *p)
{
    struct cplx *wave = calloc((size_t)p->size, sizeof *wave);
    p->chirp = malloc(sizeof *p->chirp * (size_t)p->n);
    p->filter = malloc(sizeof *p->filter * (size_t)p->size);
    bool ok = wave && p->chirp && p->filter;
    for (int64_t k = 0, square = 0; ok && k < p->n; k++) { /* k^2 modulo 2n, without overflow */
        p->chirp[k] = root(square, 2 * p->n);
        square = (square + 2 * k + 1) % (2 * p->n);
        wave[k] = conjugate(p->chirp[k]);
        wave[(p->size - k) % p->size] = wave[k];
    }
    if (ok)
        transform(p, p->size, wave, 1, p->filter, 1);
    for (int64_t k = 0; ok && k < p->size; k++) {
        p->filter[k].re /= (double)p->size;
        p->filter[k].im /= (double)p->size;
    }
    free(wave);
    return ok;
}

static pt2_status prepare(struct ref_lib *l)
{
    struct plan *p = l->plan = calloc(1, sizeof *p);
    bool ok = p;
    if (p) {
        p->n = p->size = ref_lib_dim(l, 0, 0);
        bool chirp = needs_chirp(p->n);
        for (p->size = chirp ? 1 : p->n; chirp && p->size < 2 * p->n; p->size *= 2)
            ;
        p->roots = make_roots(p->size, p->size);
        ok = p->roots && (!chirp || make_chirp(p));
    }
    if (ok)
        return PT2_OK;
    release(l);
    return pt2_fail(PT2_ERR_NOMEM, "no memory for a Fourier transform");
}

static bool fits(const struct ref_lib *l)
{
    return ref_lib_dim(l, 0, 1) == 2 && ref_lib_dim(l, 1, 1) == 2 && ref_lib_dim(l, 0, 0) == ref_lib_dim(l, 1, 0);
}

static int64_t space(const struct ref_lib *l)
{
    const struct plan *p = l->plan;
    return 4 * p->n + 4 * p->size;
}

static void run(const struct ref_lib *l, int64_t item, double *work)
{
    const struct plan *p = l->plan;
    struct cplx *in = (struct cplx *)(void *)work, *out = in + p->n, *a = out + p->n, *b = a + p->size;
    bool inverse = l->node->iparam[0];
    ref_lib_read(l, 0, item, work);
    if (!p->n)
        return;
    for (int64_t i = 0; inverse && i < p->n; i++)
        in[i] = conjugate(in[i]);
    if (p->chirp)
        bluestein(p, in, out, a, b);
    else
        transform(p, p->n, in, 1, out, 1);
    for (int64_t i = 0; inverse && i < p->n; i++)
        out[i] = conjugate(out[i]);
    ref_lib_write(l, 0, item, (const double *)(const void *)out);
}

const struct ref_algorithm ref_fft = {
    .name = "FFT", .num_args = 1, .num_outs = 1, .rank = { 2, 2 }, .prepare = prepare, .release = release, .fits = fits,
    .space = space, .run = run,
};
