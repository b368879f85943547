/* SPDX-License-Identifier: MIT
 * Tests what a backend's prelude and math.h make of every word of shaders/README.md, on one device:
 *
 *     test_dialect vulkan 0 [-v]
 *
 * Each function runs in a kernel of its own over a table of inputs: edge cases, then random ones. Integers,
 * conversions, loads and stores must be exact. Floats are compared with C's double functions: the error must be within
 * the function's budget in units of the last place, or within its absolute budget. Devices may flush subnormals, so a
 * subnormal input may count as zero, and zero may stand for a subnormal result. With -v the largest error of each is
 * printed. */
#include "kernel/render.h"
#include "test_device.h"

#include <math.h>

enum { N = 8192, LOCAL = 64 };

static bool verbose;

/* ---- running one expression over arrays ---- */

static bool fetching; /* how the next kernel reads in0 */

/* Runs a kernel with the buffers in0, in1 (or in0 again), out. `out` is uploaded first, so that what the kernel leaves
 * alone can be seen. */
static void run_text(const char *name, const char *text, const pt2_dtype types[3], const void *in0, const void *in1,
                     void *out)
{
    struct pt2_kernel_buf bufs[3];
    struct pt2_binding bind[3];
    void *data[3] = { (void *)(uintptr_t)in0, (void *)(uintptr_t)(in1 ? in1 : in0), out };
    for (int k = 0; k < 3; k++) {
        size_t size = N * pt2_dtype_size(types[k]);
        bufs[k] = (struct pt2_kernel_buf){ .dtype = types[k], .read = true, .write = k == 2,
                                           .fetched = k == 0 && fetching };
        bind[k] = (struct pt2_binding){ new_buf(size, data[k]), 0, size };
    }
    struct pt2_kernel k = { .name = name, .num_bufs = 3, .bufs = bufs, .num_params = 1, .text = text,
                            .local_size = LOCAL, .points_per_group = LOCAL };
    struct pt2_program_obj *p = compile(&k, NULL);
    int32_t params[] = { N };
    struct pt2_launch l = { .program = p, .bindings = bind, .params = params, .points = N, .label = name };
    run_launches(&l, 1);
    MUST(T.table->buf_read(dev, bind[2].buf, 0, out, bind[2].size));
    T.table->program_destroy(dev, p);
    for (int i = 0; i < 3; i++)
        T.table->buf_destroy(dev, bind[i].buf);
}

static const char *compute_type(pt2_dtype t) { return pt2_c_type((int)pt2_dtype_compute(t)); }

static void run_expr(const char *name, const char *expr, pt2_dtype in, pt2_dtype out, const void *x, const void *y,
                     void *result)
{
    struct pt2_str s = { 0 };
    pt2_dtype types[3] = { in, in, out };
    pt2_str_addf(&s, "int i = GLOBAL_ID();\nif (i < P(0)) {\n    %s x = pt_ld_%s(b0, i);\n", compute_type(in),
                 pt2_storage_name(in));
    if (y)
        pt2_str_addf(&s, "    %s y = pt_ld_%s(b1, i);\n", compute_type(in), pt2_storage_name(in));
    pt2_str_addf(&s, "    pt_st_%s(b2, i, %s);\n}\n", pt2_storage_name(out), expr);
    memset(result, 0x5a, N * pt2_dtype_size(out));
    run_text(name, s.data, types, x, y, result);
    pt2_str_free(&s);
}

/* Prints the first failures of a function only. */
static bool complain(const char *name)
{
    static const char *last;
    static int count;
    failures++;
    count = last == name ? count + 1 : 1;
    last = name;
    return count <= 4;
}

/* ---- inputs ---- */

static uint64_t seed = 88172645463325252u;

static uint64_t random64(void)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed * 2685821657736338717u;
}

static double uniform(double lo, double hi)
{
    return lo + (hi - lo) * (double)(random64() >> 11) * 0x1p-53;
}

static float bits_f32(uint32_t u)
{
    float f;
    memcpy(&f, &u, 4);
    return f;
}

static const float edges[] = {
    0.0f, -0.0f, 1.0f, -1.0f, 2.0f, -2.0f, 0.5f, -0.5f, 1.5f, -1.5f, 2.5f, -2.5f, 3.0f, -3.0f, 4.0f, 10.0f, -7.0f,
    INFINITY, -INFINITY, NAN, 1e-40f, -1e-40f, 1e-45f, 0x1p-126f, -0x1p-126f, 0x1.fffffep-127f, 3.4028235e38f,
    -3.4028235e38f, 1e38f, 1e-38f, 16777215.0f, 16777216.0f, -16777217.0f, 8388607.5f, 4194303.5f, 1e10f, 1e20f,
    0x1.fffffep-1f, 0x1.000002p0f, -0x1.fffffep-1f, 0.70710678f, 1.41421356f, 88.0f, 88.7228f, 88.73f, -87.4f, -103.9f,
    -104.1f, 127.9f, 128.0f, -149.0f, -150.5f, 89.0f, 89.42f, 1.5707964f, 3.1415927f, 6.2831855f, 0.78539819f,
    1.46163213f, 5.9999f, 6000.1f, 1e5f, 0.1f, 0.9f, 10.1f, 9.3f, 4.0f, 0.3f, 20.0f, 100.0f, 1e-3f, 1e-5f, 1e-10f,
};
enum { NUM_EDGES = sizeof edges / sizeof *edges };

/* Edges, any bits, magnitudes around one, and a range. */
static void fill_floats(float *x, double lo, double hi)
{
    for (int i = 0; i < N; i++) {
        int kind = i & 3;
        if (i < NUM_EDGES)
            x[i] = edges[i];
        else if (kind == 0)
            x[i] = bits_f32((uint32_t)(random64() >> 20));
        else if (kind == 1)
            x[i] = (float)(ldexp(uniform(1, 2), (int)(random64() >> 32) % 24) * (random64() & 1024 ? -1 : 1));
        else
            x[i] = (float)uniform(lo, hi);
    }
}

static void fill_float_pairs(float *x, float *y, double lo, double hi)
{
    fill_floats(x, lo, hi);
    fill_floats(y, lo, hi);
    for (int i = 0; i < NUM_EDGES * NUM_EDGES; i++)
        x[i] = edges[i / NUM_EDGES], y[i] = edges[i % NUM_EDGES];
    for (int i = NUM_EDGES * NUM_EDGES; i < N; i += 5)
        x[i] = (float)((int)(random64() >> 40) % 2000 - 1000), y[i] = (float)((int)(random64() >> 40) % 60 - 30);
}

/* ---- float32 against double ---- */

static double ulps_off(double got, double want)
{
    int e;
    if (isnan(want) || isnan(got))
        return isnan(want) && isnan(got) ? 0 : INFINITY;
    if (want == 0 && got == 0)
        return !signbit(want) == !signbit(got) ? 0 : INFINITY;
    if (fabs(want) >= 0x1.ffffffp127 || isinf(got))
        return isinf(got) && fabs(want) >= 0x1.fffff0p127 && (want > 0) == (got > 0) ? 0
               : !isinf(got) && fabs(want) < 0x1.00001p128                         ? fabs(got - want) * 0x1p-104
                                                                                   : INFINITY;
    frexp(want, &e);
    return fabs(got - want) / ldexp(1, e < -125 ? -149 : e - 24);
}

static bool subnormal(double x)
{
    return x != 0 && fabs(x) < 0x1p-126;
}

static double flushed(double x)
{
    return subnormal(x) ? copysign(0, x) : x;
}

struct budget {
    double ulps, abs; /* either is enough */
};

struct worst {
    double ulps, x, y, got, want;
};

static void note(struct worst *w, const char *name, struct budget b, double x, double y, double got, double want,
                 double ulps)
{
    if (b.ulps > 0 && b.abs < 0x1p-126) /* terms of a sum may have been flushed */
        b.abs = 0x1p-126;
    if (ulps > w->ulps && !(fabs(got - want) <= b.abs))
        *w = (struct worst){ ulps, x, y, got, want };
    if (ulps > b.ulps && !(fabs(got - want) <= b.abs) && complain(name))
        printf("pt_%s_f32(%a, %a) = %.9g (%a), want %.9g (%a): %.3g ulp\n", name, x, y, got, got, want, want, ulps);
}

static void report(const char *name, const struct worst *w)
{
    if (verbose)
        printf("%-10s %6.2f ulp at (%.9g, %.9g): %.9g, exactly %.9g\n", name, w->ulps, w->x, w->y, w->got, w->want);
}

typedef double fn1(double);
typedef double fn2(double, double);

/* The error under the kindest reading of subnormals. */
static double error1(fn1 *fn, double x, double got, double *out_want)
{
    double want = fn(x), off = ulps_off(got, want);
    if (subnormal(want) && got == 0)
        off = 0;
    if (subnormal(x) && off > 0) {
        double other = fn(flushed(x)), o = ulps_off(got, other);
        if (o < off)
            off = o, want = other;
    }
    *out_want = want;
    return off;
}

static double error2(fn2 *fn, double x, double y, double got, double *out_want)
{
    double best = INFINITY;
    for (int k = 3; k >= 0; k--) {
        double want = fn(k & 1 ? x : flushed(x), k & 2 ? y : flushed(y)), off = ulps_off(got, want);
        if (subnormal(want) && got == 0)
            off = 0;
        if (subnormal(got) && ulps_off(flushed(got), want) < off)
            off = ulps_off(flushed(got), want);
        if (off < best || k == 3)
            best = off, *out_want = want;
    }
    return best;
}

static double ref_rsqrt(double x) { return 1 / sqrt(x); }
static double ref_neg(double x) { return -x; }
static double ref_round(double x) { return nearbyint(x); }
static double ref_exp2(double x) { return exp2(x); }

/* Positive x: asymptotic series far out. */
static double digamma_positive(double x)
{
    double r = 0;
    for (; x < 30; x += 1)
        r -= 1 / x;
    double z = 1 / (x * x);
    return r + log(x) - 0.5 / x - z * (1 / 12.0 - z * (1 / 120.0 - z * (1 / 252.0 - z * (1 / 240.0 - z / 132))));
}

static double ref_digamma(double x)
{
    if (x == 0)
        return copysign(INFINITY, -x);
    if (x > 0 || isnan(x))
        return isinf(x) || isnan(x) ? x : digamma_positive(x);
    const double pi = 3.14159265358979324;
    double f = -x - floor(-x);
    if (f == 0 || isinf(x))
        return NAN;
    return digamma_positive(-x) - 1 / x + pi / tan(pi * (f > 0.5 ? f - 1 : f));
}

/* Newton on erf or erfc, from the asymptotic guess of Winitzki. */
static double ref_erfinv(double x)
{
    double a = fabs(x), l = log1p(-a * a), c = 4.3307468 + l / 2, y;
    if (!(a < 1))
        return a == 1 ? copysign(INFINITY, x) : NAN;
    if (a < 1e-6)
        return x * 0.88622692545275801;
    y = sqrt(sqrt(c * c - l / 0.147) - c);
    for (int i = 0; i < 6; i++) {
        double e = a < 0.5 ? erf(y) - a : (1 - a) - erfc(y);
        e /= 1.1283791670955126 * exp(-y * y);
        y -= e / (1 + y * e);
    }
    return copysign(y, x);
}

static double ref_lgamma(double x) { return lgamma(x); }

static void test_unary(void)
{
    static const struct {
        const char *name;
        fn1 *fn;
        double lo, hi;
        struct budget budget;
    } list[] = {
        { "exp", exp, -104, 89, { 4, 0 } },       { "exp2", ref_exp2, -150, 128, { 4, 0 } },
        { "expm1", expm1, -2, 2, { 4, 0 } },      { "log", log, 0, 4, { 4, 0 } },
        { "log2", log2, 0, 4, { 4, 0 } },         { "log10", log10, 0, 4, { 4, 0 } },
        { "log1p", log1p, -1, 2, { 4, 0 } },      { "sin", sin, -10, 10, { 4, 0 } },
        { "cos", cos, -10, 10, { 4, 0 } },        { "tan", tan, -10, 10, { 5, 0 } },
        { "asin", asin, -1, 1, { 4, 0 } },        { "acos", acos, -1, 1, { 4, 0 } },
        { "atan", atan, -4, 4, { 5, 0 } },        { "sinh", sinh, -4, 4, { 4, 0 } },
        { "cosh", cosh, -4, 4, { 4, 0 } },        { "tanh", tanh, -3, 3, { 5, 0 } },
        { "asinh", asinh, -4, 4, { 4, 0 } },      { "acosh", acosh, 1, 4, { 4, 0 } },
        { "atanh", atanh, -1, 1, { 5, 0 } },      { "erf", erf, -4, 4, { 16, 1e-7 } },
        { "erfc", erfc, -3, 10.2, { 16, 0 } },    { "erfinv", ref_erfinv, -1, 1, { 5, 0 } },
        { "lgamma", ref_lgamma, -5, 15, { 6, 3e-6 } }, { "digamma", ref_digamma, -5, 15, { 6, 5e-6 } },
        { "sqrt", sqrt, 0, 4, { 4, 0 } },         { "rsqrt", ref_rsqrt, 0, 4, { 4, 0 } },
        { "floor", floor, -4, 4, { 0, 0 } },      { "ceil", ceil, -4, 4, { 0, 0 } },
        { "trunc", trunc, -4, 4, { 0, 0 } },      { "round", ref_round, -4, 4, { 0, 0 } },
        { "abs", fabs, -4, 4, { 0, 0 } },         { "neg", ref_neg, -4, 4, { 0, 0 } },
    };
    static float x[N], got[N];
    for (size_t k = 0; k < sizeof list / sizeof *list; k++) {
        char expr[60];
        struct worst worst = { 0 };
        fill_floats(x, list[k].lo, list[k].hi);
        snprintf(expr, sizeof expr, "pt_%s_f32(x)", list[k].name);
        run_expr(list[k].name, expr, PT2_F32, PT2_F32, x, NULL, got);
        for (int i = 0; i < N; i++) {
            double want, off = error1(list[k].fn, (double)x[i], (double)got[i], &want);
            note(&worst, list[k].name, list[k].budget, (double)x[i], 0, (double)got[i], want, off);
        }
        report(list[k].name, &worst);
    }
}

static double ref_min(double a, double b) { return isnan(a) || isnan(b) ? NAN : fmin(a, b); }
static double ref_max(double a, double b) { return isnan(a) || isnan(b) ? NAN : fmax(a, b); }
static double ref_truncdiv(double a, double b) { return truncf((float)a / (float)b); }
static double ref_nextafter(double a, double b) { return nextafterf((float)a, (float)b); }

static double ref_floormod(double a, double b)
{
    float m = fmodf((float)a, (float)b);
    return m != 0 && (b < 0) != (m < 0) ? m + (float)b : m;
}

/* c10::div_floor_floating, in float. */
static double ref_floordiv(double x, double y)
{
    float a = (float)x, b = (float)y, m = fmodf(a, b), d = (a - m) / b, f;
    if (b == 0)
        return (double)(a / b);
    if (m != 0 && (b < 0) != (m < 0))
        d -= 1;
    if (d == 0)
        return (double)copysignf(0, a / b);
    f = floorf(d);
    return (double)(d - f > 0.5f ? f + 1 : f);
}

/* The incomplete gamma functions and zeta by their slowest and plainest methods. */
static double gamma_series(double a, double x)
{
    double c = 1, sum = 1;
    for (int i = 1; i < 20000 && c > 1e-17 * sum; i++)
        c *= x / (a + i), sum += c;
    return sum * exp(a * log(x) - x - lgamma(a + 1));
}

static double gamma_fraction(double a, double x)
{
    double b = x + 1 - a, c = 1e300, d = 1 / b, h = d;
    for (int i = 1; i < 20000; i++) {
        double n = -i * (i - a), step;
        b += 2;
        d = 1 / (n * d + b), c = b + n / c, step = c * d, h *= step;
        if (fabs(step - 1) < 1e-16)
            break;
    }
    return h * exp(a * log(x) - x - lgamma(a));
}

/* PyTorch looks at one argument at a time: at an edge a NaN in the other one does not matter. */
static double gamma_edge(double a, double x, double at_zero)
{
    if (a < 0 || x < 0)
        return NAN;
    if (a == 0)
        return x > 0 ? 1 - at_zero : NAN;
    if (x == 0)
        return at_zero;
    if (isinf(a))
        return isinf(x) ? NAN : at_zero;
    if (isinf(x))
        return 1 - at_zero;
    return isnan(a) || isnan(x) ? NAN : -1;
}

static double ref_igamma(double a, double x)
{
    double edge = gamma_edge(a, x, 0);
    return edge != -1 ? edge : x < a + 1 ? gamma_series(a, x) : 1 - gamma_fraction(a, x);
}

static double ref_igammac(double a, double x)
{
    double edge = gamma_edge(a, x, 1);
    return edge != -1 ? edge : x < a + 1 ? 1 - gamma_series(a, x) : gamma_fraction(a, x);
}

static double ref_zeta(double x, double q)
{
    if (isnan(x) || isnan(q) || x < 1)
        return NAN;
    if (isinf(x))
        return q > 1 ? NAN : q == 1 ? 1 : INFINITY; /* as PyTorch */
    if (x == 1 || (q <= 0 && q == floor(q)))
        return INFINITY;
    if (q <= 0 && x != floor(x))
        return NAN;
    double s = 0;
    for (; q < 40; q += 1)
        s += pow(q, -x);
    double b = pow(q, -x), t = x * b / q;
    s += q * b / (x - 1) + b / 2 + t / 12;
    t *= (x + 1) * (x + 2) / (q * q);
    return s - t / 720 + t * (x + 3) * (x + 4) / (q * q) / 30240;
}

/* Inputs of the slow references stay moderate. */
static void fill_gamma(float *x, float *y)
{
    for (int i = 0; i < N; i++) {
        double a = exp(uniform(-4, i % 2 ? 9 : 4));
        x[i] = (float)a;
        y[i] = (float)(i % 3 ? a * uniform(0.5, 1.8) : exp(uniform(-5, 5)));
    }
    static const float some[] = { 0, 1, -1, INFINITY, NAN, 2.5f, 0.1f, 30, 0.001f };
    for (int i = 0; i < 81; i++)
        x[i] = some[i / 9], y[i] = some[i % 9];
}

static void fill_zeta(float *x, float *y)
{
    fill_gamma(x, y);
    for (int i = 81; i < N; i++) {
        x[i] = (float)(1 + exp(uniform(-3, 3)));
        y[i] = (float)(i % 8 ? exp(uniform(-3, 6)) : floor(uniform(-20, 0)) + 0.5);
        x[i] = i % 8 ? x[i] : 2 * floorf(x[i]); /* odd powers cancel each other */
    }
}

static void test_binary(void)
{
    static const struct {
        const char *name;
        fn2 *fn;
        double lo, hi;
        struct budget budget;
        int fill; /* 1: gamma, 2: zeta */
    } list[] = {
        { "pow", pow, 0, 20, { 16, 0 }, 0 },           { "atan2", atan2, -2, 2, { 6, 0 }, 0 },
        { "hypot", hypot, -2, 2, { 4, 0 }, 0 },        { "nextafter", ref_nextafter, -2, 2, { 0, 0 }, 0 },
        { "copysign", copysign, -2, 2, { 0, 0 }, 0 },  { "min", ref_min, -2, 2, { 0, 0 }, 0 },
        { "max", ref_max, -2, 2, { 0, 0 }, 0 },        { "rem", fmod, -9, 9, { 0, 0 }, 0 },
        { "truncdiv", ref_truncdiv, -9, 9, { 2, 0 }, 0 }, { "floormod", ref_floormod, -9, 9, { 1, 0 }, 0 },
        { "floordiv", ref_floordiv, -9, 9, { 2, 0 }, 0 }, { "igamma", ref_igamma, 0, 0, { 100, 3e-7 }, 1 },
        { "igammac", ref_igammac, 0, 0, { 100, 3e-7 }, 1 }, { "zeta", ref_zeta, 0, 0, { 12, 3e-6 }, 2 },
    };
    static float x[N], y[N], got[N];
    for (size_t k = 0; k < sizeof list / sizeof *list; k++) {
        char expr[60];
        struct worst worst = { 0 };
        if (list[k].fill == 1)
            fill_gamma(x, y);
        else if (list[k].fill == 2)
            fill_zeta(x, y);
        else
            fill_float_pairs(x, y, list[k].lo, list[k].hi);
        snprintf(expr, sizeof expr, "pt_%s_f32(x, y)", list[k].name);
        run_expr(list[k].name, expr, PT2_F32, PT2_F32, x, y, got);
        bool extremum = list[k].fn == ref_min || list[k].fn == ref_max;
        for (int i = 0; i < N; i++) {
            double want, off = error2(list[k].fn, (double)x[i], (double)y[i], (double)got[i], &want);
            if (extremum && flushed(want) == 0 && flushed((double)got[i]) == 0)
                continue; /* either zero */
            if (!strncmp(list[k].name, "floor", 5) && subnormal((double)y[i]))
                continue; /* a divisor that is zero in a sum but not in a remainder */
            note(&worst, list[k].name, list[k].budget, (double)x[i], (double)y[i], (double)got[i], want, off);
        }
        report(list[k].name, &worst);
    }
}

/* Literals, tests for NaN, Philox (known answer: key and counter zero give 6627e8d5 …), indices. */
static void test_small_words(void)
{
    static float x[N], got[N];
    static uint8_t flag[N];
    static int32_t i32[N], out[N];
    fill_floats(x, -1, 1);
    run_expr("isnan", "pt_isnan_f32(x)", PT2_F32, PT2_BOOL, x, NULL, flag);
    for (int i = 0; i < N; i++)
        if (flag[i] != !!isnan(x[i]) && complain("isnan"))
            printf("pt_isnan_f32(%a) = %d\n", (double)x[i], flag[i]);
    run_expr("bits", "pt_bits_i32_f32(pt_bits_f32_i32(x))", PT2_F32, PT2_F32, x, NULL, got);
    CHECK(!memcmp(x, got, sizeof x));
    run_expr("literals", "i == 0 ? pt_inf_f32() : i == 1 ? -pt_inf_f32() : i == 2 ? 1.17549435e-38f : pt_nan_f32()",
             PT2_F32, PT2_F32, x, NULL, got);
    CHECK(got[0] == INFINITY && got[1] == -INFINITY && got[2] == 0x1p-126f && isnan(got[3]));
    for (int i = 0; i < N; i++)
        i32[i] = i < 40 ? i - 20 : i;
    run_expr("check", "pt_check(x, 7)", PT2_I32, PT2_I32, i32, NULL, out);
    for (int i = 0; i < 40; i++) {
        int w = i32[i] < 0 ? i32[i] + 7 : i32[i];
        CHECK(out[i] == (w < 0 ? 0 : w > 6 ? 6 : w));
    }
    run_expr("random", "pt_random(0, x - x)", PT2_I32, PT2_F32, i32, NULL, got);
    CHECK(got[5] == (float)(0x6627e8d5u >> 8) * 0x1p-24f);
    run_expr("random", "pt_random(1234, x)", PT2_I32, PT2_F32, i32, NULL, got);
    double sum = 0;
    for (int i = 0; i < N; i++)
        sum += (double)got[i], failures += !(got[i] >= 0 && got[i] < 1);
    CHECK(fabs(sum / N - 0.5) < 0.02);
    run_expr("algebra", "(x + 1e10f) - x", PT2_F32, PT2_F32, x, NULL, got);
    CHECK(got[2] == (1.0f + 1e10f) - 1.0f && isnan(got[17]));
    run_expr("fma", "pt_fma_f32(x, 2.0f, 1.0f)", PT2_F32, PT2_F32, x, NULL, got);
    CHECK(got[2] == 3 && got[3] == -1);
}

/* ---- integers ---- */

static const int64_t int_edges[] = { 0, 1, -1, 2, -2, 3, 7, -7, 10, 31, 32, 33, 63, 64, 65, 255, -256, 65535, 65536,
                                     INT32_MAX, INT32_MIN, (int64_t)INT32_MAX + 1, (int64_t)INT32_MIN - 1,
                                     0xffffffff, 0x100000000, INT64_MAX, INT64_MIN, INT64_MIN + 1, INT64_MAX - 1 };
enum { NUM_INT_EDGES = sizeof int_edges / sizeof *int_edges };

static void fill_ints(pt2_dtype t, void *x, void *y)
{
    for (int i = 0; i < N; i++) {
        bool edge = i < NUM_INT_EDGES * NUM_INT_EDGES;
        int64_t a = edge ? int_edges[i / NUM_INT_EDGES] : (int64_t)random64() >> (random64() >> 58);
        int64_t b = edge ? int_edges[i % NUM_INT_EDGES] : (int64_t)random64() >> (random64() >> 58);
        pt2_store_int(t, x, i, a);
        pt2_store_int(t, y, i, b);
    }
}

/* Operations on int64_t and uint64_t that wrap; narrower types are stored afterwards, which wraps again. */
static int64_t s_floormod(int64_t a, int64_t b)
{
    int64_t r = b == -1 ? 0 : a % b;
    return r && (r < 0) != (b < 0) ? r + b : r;
}

static int64_t s_truncdiv(int64_t a, int64_t b)
{
    return b == -1 ? (int64_t)(0 - (uint64_t)a) : a / b;
}

static uint64_t u_pow(uint64_t a, uint64_t n)
{
    uint64_t r = 1;
    for (; n; n >>= 1, a *= a)
        r *= n & 1 ? a : 1;
    return r;
}

static int64_t s_pow(int64_t a, int64_t n)
{
    if (n >= 0)
        return (int64_t)u_pow((uint64_t)a, (uint64_t)n);
    return a == 1 ? 1 : a == -1 ? (n & 1 ? -1 : 1) : 0;
}

static uint64_t u_gcd(uint64_t a, uint64_t b)
{
    while (b) {
        uint64_t r = a % b;
        a = b, b = r;
    }
    return a;
}

static uint64_t magnitude(int64_t a) { return a < 0 ? 0 - (uint64_t)a : (uint64_t)a; }

enum int_op { NEG, ADD, SUB, MUL, ABS, MIN, MAX, POW, FLOORDIV, FLOORMOD, TRUNCDIV, REM, GCD, AND, OR, XOR, NOT, SHL,
              SHR, LT, LE, EQ, NE, NUM_OPS };
static const char *const op_names[] = { "neg", "add", "sub", "mul", "abs", "min", "max", "pow", "floordiv", "floormod",
                                        "truncdiv", "rem", "gcd", "and", "or", "xor", "not", "shl", "shr", "lt", "le",
                                        "eq", "ne" };

static int64_t signed_op(enum int_op op, int64_t a, int64_t b, int bits)
{
    uint64_t ua = (uint64_t)a, ub = (uint64_t)b;
    switch (op) {
    case NEG: return (int64_t)(0 - ua);
    case ADD: return (int64_t)(ua + ub);
    case SUB: return (int64_t)(ua - ub);
    case MUL: return (int64_t)(ua * ub);
    case ABS: return (int64_t)magnitude(a);
    case MIN: return a < b ? a : b;
    case MAX: return a > b ? a : b;
    case POW: return s_pow(a, b);
    case FLOORDIV: return s_truncdiv(a, b) - (b != -1 && a % b && ((a % b < 0) != (b < 0)));
    case FLOORMOD: return s_floormod(a, b);
    case TRUNCDIV: return s_truncdiv(a, b);
    case REM: return b == -1 ? 0 : a % b;
    case GCD: return (int64_t)u_gcd(magnitude(a), magnitude(b));
    case AND: return a & b;
    case OR: return a | b;
    case XOR: return a ^ b;
    case NOT: return ~a;
    case SHL: return ub < (uint64_t)bits ? (int64_t)(ua << b) : 0;
    case SHR: return ub < (uint64_t)bits ? a >> b : a < 0 ? -1 : 0;
    case LT: return a < b;
    case LE: return a <= b;
    case EQ: return a == b;
    default: return a != b;
    }
}

static uint64_t unsigned_op(enum int_op op, uint64_t a, uint64_t b)
{
    switch (op) {
    case ABS: return a;
    case MIN: return a < b ? a : b;
    case MAX: return a > b ? a : b;
    case POW: return u_pow(a, b);
    case FLOORDIV: case TRUNCDIV: return a / b;
    case FLOORMOD: case REM: return a % b;
    case GCD: return u_gcd(a, b);
    case SHR: return b < 64 ? a >> b : 0;
    case LT: return a < b;
    case LE: return a <= b;
    default: return (uint64_t)signed_op(op, (int64_t)a, (int64_t)b, 64);
    }
}

static bool divides(enum int_op op)
{
    return op == FLOORDIV || op == FLOORMOD || op == TRUNCDIV || op == REM;
}

static void test_int_op(pt2_dtype t, enum int_op op, const void *x, const void *y)
{
    static uint64_t got[N];
    char expr[60], name[30];
    pt2_dtype out = op >= LT ? PT2_BOOL : t;
    snprintf(name, sizeof name, "%s_%s", op_names[op], pt2_storage_name(t));
    snprintf(expr, sizeof expr, op == NEG || op == ABS || op == NOT ? "pt_%s(x)" : "pt_%s(x, y)", name);
    run_expr(name, expr, t, out, x, y, got);
    for (int i = 0; i < N; i++) {
        int64_t a = pt2_load_int(t, x, i), b = pt2_load_int(t, y, i), want = 0, have = pt2_load_int(out, got, i);
        if (!b && divides(op))
            continue; /* any value */
        if (pt2_dtype_is_signed(t))
            want = signed_op(op, a, b, 8 * (int)pt2_dtype_size(t));
        else
            want = (int64_t)unsigned_op(op, (uint64_t)a, (uint64_t)b);
        pt2_store_int(out, &want, 0, want);
        want = pt2_load_int(out, &want, 0);
        if (want != have && complain(op_names[op]))
            printf("pt_%s(%lld, %lld) = %lld, want %lld\n", name, (long long)a, (long long)b, (long long)have,
                   (long long)want);
    }
}

static void test_integers(void)
{
    static const pt2_dtype types[] = { PT2_I32, PT2_U32, PT2_I64, PT2_U64 };
    static uint64_t x[N], y[N];
    for (int k = 0; k < 4; k++) {
        fill_ints(types[k], x, y);
        for (int op = 0; op < NUM_OPS; op++)
            if (pt2_dtype_size(types[k]) == 8 || (op >= ABS && op <= GCD))
                test_int_op(types[k], (enum int_op)op, x, y);
    }
    run_expr("lit_i64", "i == 0 ? pt_lit_i64(-1, 0x89abcdefu) : i == 1 ? pt_lit_i64(0x7fffffff, 0xfffffffeu) : x",
             PT2_I64, PT2_I64, x, NULL, y);
    CHECK(y[0] == 0xffffffff89abcdefu && y[1] == 0x7ffffffffffffffeu && y[9] == x[9]);
    run_expr("lit_u64", "i == 0 ? pt_lit_u64(-2, 0x89abcdefu) : x", PT2_U64, PT2_U64, x, NULL, y);
    CHECK(y[0] == 0xfffffffe89abcdefu && y[9] == x[9]);
}

/* What was 32 bits wide a moment ago, by a constant: drivers make that a comparison of 32 bits. */
static void test_extended(void)
{
    static const char *const exprs[] = { "pt_lt_i64(pt_cvt_i32_i64(x), pt_lit_i64(0, 0x2u))",
                                         "pt_le_i64(pt_cvt_i32_i64(x), pt_lit_i64(0, 0x2u))",
                                         "pt_lt_i64(pt_lit_i64(0, 0x2u), pt_cvt_i32_i64(x))",
                                         "pt_eq_i64(pt_cvt_i32_i64(x), pt_lit_i64(0, 0x2u))" };
    static int32_t x[N];
    static uint8_t got[N];
    for (int i = 0; i < N; i++)
        x[i] = i % 2 ? i % 13 - 6 : (int32_t)(uint32_t)random64();
    for (int k = 0; k < 4; k++) {
        run_expr("extended", exprs[k], PT2_I32, PT2_BOOL, x, NULL, got);
        for (int i = 0; i < N; i++) {
            bool want[] = { x[i] < 2, x[i] <= 2, 2 < x[i], x[i] == 2 };
            if (got[i] != want[k] && complain(exprs[k]))
                printf("%s with x = %d: %d\n", exprs[k], x[i], got[i]);
        }
    }
}

/* Of any size, by any divisor, and beside whole multiples, where a quotient of floats is on the edge. */
static void test_divisions(void)
{
    static uint64_t x64[N], y64[N], got64[2][N];
    int32_t *x = (int32_t *)x64, *y = (int32_t *)y64, *q = (int32_t *)got64[0], *r = (int32_t *)got64[1];
    for (int i = 0; i < N; i++) {
        int64_t b = 1 + (int64_t)exp(uniform(0, 21.4)), a = (int64_t)exp(uniform(0, 21.4));
        if (i % 3)
            a = a / b * b + i % 3 - 1;
        y[i] = (int32_t)(b < INT32_MAX ? b : INT32_MAX);
        x[i] = (int32_t)(a < INT32_MAX && i % 64 ? a : INT32_MAX - i % 2);
        if (i % 5 == 0)
            y[i] = 1 + i / 5 % 7;
    }
    run_expr("quotient", "pt_quotient(x, y)", PT2_I32, PT2_I32, x, y, q);
    run_expr("remainder", "pt_remainder(x, y)", PT2_I32, PT2_I32, x, y, r);
    for (int i = 0; i < N; i++)
        if ((q[i] != x[i] / y[i] || r[i] != x[i] % y[i]) && complain("quotient"))
            printf("%d / %d = %d, rest %d\n", x[i], y[i], q[i], r[i]);
}

/* ---- conversions ---- */

static bool in_range(pt2_dtype t, double v)
{
    switch (t) {
    case PT2_I32: return v > -2147483649.0 && v < 2147483648.0;
    case PT2_U32: return v > -1 && v < 4294967296.0;
    case PT2_I64: return v >= -0x1p63 && v < 0x1p63;
    case PT2_U64: return v > -1 && v < 0x1p64;
    default: return true;
    }
}

/* One element; false where any value will do. */
static bool convert(pt2_dtype from, pt2_dtype to, const void *x, int i, void *out)
{
    double v = pt2_load_double(from, x, i);
    if (pt2_dtype_is_float(from)) {
        if (to == PT2_BOOL)
            pt2_store_int(to, out, 0, v != 0);
        else if (to == PT2_U64 && v >= 0x1p63)
            pt2_store_int(to, out, 0, v < 0x1p64 ? (int64_t)(uint64_t)v : 0);
        else
            pt2_store_double(to, out, 0, in_range(to, v) ? v : 0);
        return in_range(to, v) && !(isnan(v) && to != PT2_BOOL && !pt2_dtype_is_float(to));
    }
    int64_t n = pt2_load_int(from, x, i);
    float f = from == PT2_U64 ? (float)(uint64_t)n : (float)n;
    double d = from == PT2_U64 ? (double)(uint64_t)n : (double)n;
    if (to == PT2_F32)
        memcpy(out, &f, 4);
    else if (to == PT2_F64)
        memcpy(out, &d, 8);
    else
        pt2_store_int(to, out, 0, n);
    return true;
}

static void fill_any(pt2_dtype t, void *x)
{
    static uint64_t unused[N];
    if (t == PT2_F32)
        fill_floats(x, -3e9, 3e9);
    else if (t == PT2_F64)
        for (int i = 0; i < N; i++)
            ((double *)x)[i] = i < NUM_EDGES ? (double)edges[i] : ldexp(uniform(-1, 1), (int)(random64() >> 32) % 70);
    else
        fill_ints(t, x, unused);
}

static void test_conversion(pt2_dtype from, pt2_dtype to)
{
    static uint64_t x[N], got[N];
    char name[40], expr[60];
    size_t size = pt2_dtype_size(to);
    fill_any(from, x);
    snprintf(name, sizeof name, "cvt_%s_%s", pt2_storage_name(from), pt2_storage_name(to));
    snprintf(expr, sizeof expr, "pt_%s(x)", name);
    run_expr(name, expr, from, to, x, NULL, got);
    for (int i = 0; i < N; i++) {
        uint64_t want = 0;
        bool fixed = convert(from, to, x, i, &want), zero = true;
        double v = pt2_load_double(from, x, i), w = pt2_load_double(to, &want, 0), g = pt2_load_double(to, got, i);
        for (size_t b = 0; b < size; b++)
            zero &= !((uint8_t *)got)[(size_t)i * size + b];
        if (!fixed || (subnormal(v) && zero) || (isnan(w) && isnan(g)) || (subnormal(v) && g == 0))
            continue;
        if (memcmp(&want, (uint8_t *)got + (size_t)i * size, size) && complain("conversion"))
            printf("pt_%s(%.20g) = %.20g, want %.20g\n", name, v, g, w);
    }
}

static void test_conversions(void)
{
    static const pt2_dtype types[] = { PT2_BOOL, PT2_I32, PT2_U32, PT2_I64, PT2_U64, PT2_F32, PT2_F64 };
    int n = dev->desc.caps.float64 ? 7 : 6;
    for (int a = 0; a < n; a++)
        for (int b = 0; b < n; b++)
            if (a != b)
                test_conversion(types[a], types[b]);
}

/* ---- memory ---- */

static void complain_bytes(pt2_dtype t, const char *what, int i, double v, const uint8_t *got, const uint8_t *want)
{
    if (!complain(what))
        return;
    printf("%s of %s: element %d (%a): got", what, pt2_storage_name(t), i, v);
    for (size_t b = 0; b < pt2_dtype_size(t); b++)
        printf(" %02x", got[b]);
    printf(", want");
    for (size_t b = 0; b < pt2_dtype_size(t); b++)
        printf(" %02x", want[b]);
    printf("\n");
}

static void check_loaded(const char *name, pt2_dtype t, pt2_dtype c, const void *x, const void *got)
{
    for (int i = 0; i < N; i++) {
        double v = pt2_load_double(t, x, i), g = pt2_load_double(c, got, i);
        uint64_t want = 0;
        if (pt2_dtype_is_float(t))
            pt2_store_double(c, &want, 0, v);
        else
            pt2_store_int(c, &want, 0, pt2_load_int(t, x, i));
        const uint8_t *have = (const uint8_t *)got + (size_t)i * pt2_dtype_size(c);
        if (memcmp(&want, have, pt2_dtype_size(c)) && !(isnan(v) && isnan(g)))
            complain_bytes(c, name, i, v, have, (uint8_t *)&want);
    }
}

/* Elements of a buffer that is fetched from: alone, and as components. */
static void test_fetch(pt2_dtype t, const void *x)
{
    static const char *const values[] = { "pt_fetch_%s(b0, i)", "pt_component(pt_fetch4_%s(b0, i >> 2), i)" };
    static float got[N];
    const pt2_dtype types[3] = { t, t, PT2_F32 };
    char value[64], text[200];
    fetching = true;
    for (int k = 0; k < 2; k++) {
        snprintf(value, sizeof value, values[k], pt2_storage_name(t));
        snprintf(text, sizeof text, "int i = GLOBAL_ID();\nif (i < P(0))\n    pt_st_f32(b2, i, %s);\n", value);
        run_text("fetch", text, types, x, NULL, got);
        check_loaded("fetch", t, PT2_F32, x, got);
    }
    fetching = false;
}

/* All patterns of bytes and halves; what is loaded must be what the host loads. */
static void test_load(pt2_dtype t)
{
    static uint64_t x[N], got[N];
    pt2_dtype c = pt2_dtype_is_float(t) ? pt2_dtype_compute(t) : pt2_dtype_size(t) < 4 && t != PT2_BOOL ? PT2_I32 : t;
    for (int i = 0; i < N; i++)
        x[i] = random64();
    for (int i = 0; i < N && pt2_dtype_size(t) == 1; i++)
        ((uint8_t *)x)[i] = (uint8_t)(t == PT2_BOOL ? i / 3 & 1 : i);
    if (t == PT2_F32 || t == PT2_F64)
        fill_any(t, x);
    run_expr("load", "x", t, c, x, NULL, got);
    check_loaded("load", t, c, x, got);
    if (t == PT2_F32 || t == PT2_F16 || t == PT2_BF16)
        test_fetch(t, x);
}

/* Stores two elements of three: the third must stay. */
static void test_store(pt2_dtype t)
{
    static uint64_t x[N], got[N];
    pt2_dtype c = pt2_dtype_is_float(t) ? pt2_dtype_compute(t) : pt2_dtype_size(t) < 4 && t != PT2_BOOL ? PT2_I32 : t;
    pt2_dtype types[3] = { c, c, t };
    char text[300];
    size_t size = pt2_dtype_size(t);
    fill_any(c, x);
    for (int i = NUM_EDGES; i < N && c == PT2_F32; i++) /* around the range of small floats, with ties */
        if (i % 2)
            ((float *)x)[i] = bits_f32((uint32_t)(random64() >> 32) & 0x87fff000u) * (i % 4 == 1 ? 0x1p90f : 0x1p20f);
    memset(got, 0x5a, sizeof got);
    snprintf(text, sizeof text,
             "int i = GLOBAL_ID();\nif (i < P(0) && i %% 3 != 0)\n    pt_st_%s(b2, i, pt_ld_%s(b0, i));\n",
             pt2_storage_name(t), pt2_storage_name(c));
    run_text("store", text, types, x, NULL, got);
    for (int i = 0; i < N; i++) {
        uint64_t want = 0x5a5a5a5a5a5a5a5au;
        double v = pt2_load_double(c, x, i);
        const uint8_t *have = (const uint8_t *)got + (size_t)i * size;
        if (i % 3 && pt2_dtype_is_float(t))
            pt2_store_double(t, &want, 0, v);
        else if (i % 3)
            pt2_store_int(t, &want, 0, pt2_load_int(c, x, i));
        bool nan = isnan(v) && pt2_dtype_is_float(t) && isnan(pt2_load_double(t, have, 0));
        if (memcmp(&want, have, size) && !(nan && i % 3))
            complain_bytes(t, "store", i, v, have, (const uint8_t *)&want);
    }
}

static void test_memory(void)
{
    for (int t = 1; t < PT2_DTYPE_COUNT; t++)
        if (pt2_storage_name((pt2_dtype)t) && (t != PT2_F64 || dev->desc.caps.float64)) {
            test_load((pt2_dtype)t);
            test_store((pt2_dtype)t);
        }
}

/* ---- float64 ---- */

static double off64(double got, double want)
{
    if (isnan(got) || isnan(want))
        return isnan(got) && isnan(want) ? 0 : INFINITY;
    if (got == want)
        return !signbit(got) == !signbit(want) ? 0 : INFINITY;
    if (isinf(got) || isinf(want))
        return INFINITY;
    return fabs(want) < 0x1p-1022 && got == 0 ? 0 : fabs(got - want) / (fabs(want) * 0x1p-52);
}

static double d_add(double a, double b) { return a * 3 + b; }
static double d_div(double a, double b) { return a / b; }
static double d_sqrt(double a, double b) { (void)b; return sqrt(fabs(a)); }
static double d_algebra(double a, double b) { (void)b; return a + 1e300 - a; }
static double d_truncdiv(double a, double b) { return trunc(a / b); }
static double d_round(double a, double b) { (void)b; return nearbyint(a); }
static double d_floor(double a, double b) { (void)b; return floor(a); }
static double d_exp(double a, double b) { (void)b; return exp(a); }
static double d_sin(double a, double b) { (void)b; return sin(a); }
static double d_log(double a, double b) { (void)b; return log(fabs(a)); }

static double d_floormod(double a, double b)
{
    double m = fmod(a, b);
    return m != 0 && (b < 0) != (m < 0) ? m + b : m;
}

static double d_floordiv(double a, double b)
{
    double m = fmod(a, b), d = (a - m) / b;
    if (b == 0)
        return a / b;
    d -= m != 0 && (b < 0) != (m < 0);
    return d == 0 ? copysign(0, a / b) : d - floor(d) > 0.5 ? floor(d) + 1 : floor(d);
}

static void test_doubles(void)
{
    static const struct {
        const char *expr;
        fn2 *fn;
        double budget;
        bool math;
    } list[] = {
        { "x * pt_lit_f64(3) + y", d_add, 2, false }, { "x / y", d_div, 2, false },
        { "pt_sqrt_f64(pt_abs_f64(x))", d_sqrt, 2, false },
        { "pt_min_f64(x, y)", ref_min, 0, false },    { "pt_max_f64(x, y)", ref_max, 0, false },
        { "pt_copysign_f64(x, y)", copysign, 0, false }, { "pt_rem_f64(x, y)", fmod, 0, false },
        { "pt_truncdiv_f64(x, y)", d_truncdiv, 2, false }, { "pt_floormod_f64(x, y)", d_floormod, 0, false },
        { "pt_floordiv_f64(x, y)", d_floordiv, 2, false }, { "pt_round_f64(x)", d_round, 0, false },
        { "(x + pt_lit_f64(1e300)) - x", d_algebra, 0, false },
        { "pt_floor_f64(x)", d_floor, 0, false },      { "pt_exp_f64(x)", d_exp, 4, true },
        { "pt_sin_f64(x)", d_sin, 6, true },           { "pt_log_f64(pt_abs_f64(x))", d_log, 4, true },
        { "pt_pow_f64(x, y)", pow, 20, true },
    };
    static double x[N], y[N], got[N];
    for (size_t k = 0; k < sizeof list / sizeof *list; k++) {
        if (list[k].math && !dev->desc.caps.float64_math)
            continue;
        for (int i = 0; i < N; i++) {
            bool edge = i < NUM_EDGES * NUM_EDGES;
            x[i] = edge ? flushed((double)edges[i / NUM_EDGES]) : ldexp(uniform(-1, 1), i % 40);
            y[i] = edge ? flushed((double)edges[i % NUM_EDGES]) : ldexp(uniform(-1, 1), i % 7);
        }
        run_expr("f64", list[k].expr, PT2_F64, PT2_F64, x, y, got);
        for (int i = 0; i < N; i++) {
            double want = list[k].fn(x[i], y[i]), off = off64(got[i], want);
            bool zeros = list[k].budget == 0 && want == 0 && got[i] == 0 && strstr(list[k].expr, "pt_m");
            if (off > list[k].budget && !zeros && complain(list[k].expr))
                printf("%s of (%a, %a) = %.17g, want %.17g\n", list[k].expr, x[i], y[i], got[i], want);
        }
    }
}

int main(int argc, char **argv)
{
    verbose = argc > 3 && !strcmp(argv[3], "-v");
    open_device(argc, argv);
    test_small_words();
    test_unary();
    test_binary();
    test_integers();
    test_extended();
    test_conversions();
    test_memory();
    if (dev->desc.caps.float64)
        test_doubles();
    test_divisions();
    return close_device();
}
