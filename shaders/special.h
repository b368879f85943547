/* SPDX-License-Identifier: MIT
 * Error and gamma functions of float32, in the same language and under the same rules as math.h, which comes before. */

/* ---- error function ---- */

/* erf(x) - x on [-0.9, 0.9] */
PT_INLINE float pt_erf_tail_f32(float x)
{
    float z = x * x, p = PT_POLY6(z, -0.376126349f, 0.112837151f, -0.0268605091f, 0.00520385895f, -0.000817563909f,
            8.51310251e-05f);
    return x * (p * z + 0.128379166f);
}
/* erfc on [0.45, 10.2]: exp(-x^2), with x^2 in two parts, times a fit of (1+2x) exp(x^2) erfc(x) over (x-3)/(x+3). */
PT_INLINE float pt_erfc_poly_f32(float x)
{
    float t = (x - 3.0f) / (x + 3.0f), p = PT_POLY12(t, 1.25300801f, -0.135621101f, -0.0475623012f, 0.129645109f,
            -0.119273514f, 0.0683089718f, -0.0237718504f, 0.00252225879f, 0.00189325458f, -0.000754424371f,
            -0.00010891071f, 8.51307777e-05f);
    float h = pt_high_f32(x);
    PT_PRECISE float d = (h - x) * (h + x);
    p = p / (1.0f + 2.0f * x);
    return pt_exp_f32(-h * h) * (p + p * (d + d * d * pt_exp_poly_f32(d)));
}
#ifndef PT_HAVE_ERF_F32
PT_INLINE float pt_erf_f32(float x)
{
    float a = pt_abs_f32(x);
    if (pt_isnan_f32(x))
        return x;
    if (a < 0.9f)
        return pt_iszero_f32(x) ? x : x + pt_erf_tail_f32(x);
    float c = a > 4.0f ? 4.0f : a; /* log(erfc(c)), to where erf is 1 */
    float g = PT_POLY7(c, -0.000177494963f, -1.12774956f, -0.637059748f, -0.104037359f, 0.0222770851f,
            -0.0030556072f, 0.000197181667f);
    float y = 1.0f - pt_exp_f32(g); /* a driver takes copysign, here behind a branch, for another value */
    return x < 0.0f ? -y : y;
}
#endif
#ifndef PT_HAVE_ERFC_F32
PT_INLINE float pt_erfc_f32(float x)
{
    float a = pt_abs_f32(x);
    if (pt_isnan_f32(x))
        return x;
    if (a < 0.7f)
        return 1.0f - (x + pt_erf_tail_f32(x));
    float y = a > 10.2f ? 0.0f : pt_erfc_poly_f32(a);
    return x < 0.0f ? 2.0f - y : y;
}
#endif
#ifndef PT_HAVE_ERFINV_F32
PT_INLINE float pt_erfinv_f32(float x)
{
    float a = pt_abs_f32(x), z = x * x, p;
    if (!(a < 1.0f))
        return pt_isnan_f32(x) ? x : a == 1.0f ? pt_copysign_f32(pt_inf_f32(), x) : pt_nan_f32();
    if (a < 0.7f) {
        p = PT_POLY9(z, 0.23201406f, 0.127531633f, 0.0871502087f, 0.0576251708f, 0.102681316f, -0.167926207f,
                0.555949509f, -0.686048806f, 0.478836685f);
        return x + x * (p * z - 0.113773078f);
    }
    float w = -pt_log_f32((1.0f - a) * (1.0f + a)), s = pt_sqrt_f32(w), t = s - 1.5f;
    if (w < 5.0f) {
        p = PT_POLY9(t, 0.907690227f, 0.0253272373f, 0.00363552617f, -0.00338159711f, -0.00025234549f,
                0.000445631391f, 9.4510091e-05f, -6.69861329e-05f, -1.88081322e-05f);
    } else {
        t = s - 3.125f;
        p = PT_POLY10(t, 0.946635306f, 0.0184272565f, -0.00408727303f, 0.000377001445f, 0.00019891531f,
                -0.000138594347f, 4.554935e-05f, -2.72972875e-06f, -6.11385167e-06f, 2.45037518e-06f);
    }
    return pt_copysign_f32(p * s, x);
}
#endif

/* ---- gamma function ---- */

/* lgamma(2 + t) / t on [-0.71, 0.51] */
PT_INLINE float pt_lgamma_poly_f32(float t)
{
    float p = PT_POLY11(t, 0.322467029f, -0.0673522949f, 0.0205808319f, -0.00738576567f, 0.00288995402f,
            -0.001190654f, 0.000514935295f, -0.000231021288f, 7.74800428e-05f, -3.77000688e-05f, 5.49985598e-05f);
    return p * t + 0.422784328f;
}
/* lgamma(1 + t) on [-0.151, 0.301] */
PT_INLINE float pt_lgamma1_poly_f32(float t)
{
    float p = PT_POLY9(t, 0.822467029f, -0.400685668f, 0.270580709f, -0.207378522f, 0.169547319f, -0.144456387f,
            0.127133384f, -0.105890296f, 0.0561875701f);
    return t == 0.0f ? 0.0f : t * (p * t - 0.577215672f);
}
/* lgamma(x) - ((x - 1/2) log(x) - x + log(2 pi)/2) for x >= 3 */
PT_INLINE float pt_stirling_f32(float x)
{
    float z = 1.0f / x, w = z * z;
    return z * (0.0833333333f + w * PT_POLY3(w, -0.00277777778f, 0.000793650794f, -0.000595238095f));
}
PT_INLINE float pt_lgamma_positive_f32(float x)
{
    if (x < 0.5f)
        return x < 1e-7f ? -pt_log_f32(x) : x * pt_lgamma_poly_f32(x) - pt_log_f32(x + x * x);
    if (x < 0.85f)
        return (x - 1.0f) * pt_lgamma_poly_f32(x - 1.0f) - pt_log_f32(x);
    if (x < 1.3f)
        return pt_lgamma1_poly_f32(x - 1.0f);
    if (x >= 8.0f) {
        float l = pt_log_f32(x);
        return x > 1e8f ? x * (l - 1.0f) : (x - 0.5f) * (l - 1.0f) + (0.418938533f + pt_stirling_f32(x));
    }
    float product = 1.0f;
    while (x > 2.5f) {
        x -= 1.0f;
        product *= x;
    }
    float y = (x - 2.0f) * pt_lgamma_poly_f32(x - 2.0f);
    return product == 1.0f ? y : y + pt_log_f32(product);
}
#ifndef PT_HAVE_LGAMMA_F32
PT_INLINE float pt_lgamma_f32(float x)
{
    if (pt_isnan_f32(x))
        return x;
    if (pt_isinf_f32(x))
        return pt_inf_f32();
    float a = pt_abs_f32(x);
    if (x > 0.0f || a < 1e-7f)
        return pt_iszero_f32(x) ? pt_inf_f32() : pt_lgamma_positive_f32(a);
    /* Reflection: |gamma(x)| = pi / (a sin(pi a) gamma(a)). */
    float f = a - pt_floor_f32(a);
    f = f > 0.5f ? 1.0f - f : f;
    if (f == 0.0f)
        return pt_inf_f32();
    float s = f > 0.25f ? pt_cos_poly_f32((0.5f - f) * 3.14159274f) : pt_sin_poly_f32(f * 3.14159274f);
    return (1.14472989f - pt_log_f32(s)) - (pt_log_f32(a) + pt_lgamma_positive_f32(a));
}
#endif

#ifndef PT_HAVE_DIGAMMA_F32
PT_INLINE float pt_digamma_positive_f32(float x)
{
    if (x >= 6.0f) {
        float z = 1.0f / x, w = z * z;
        w *= PT_POLY4(w, 0.0833333333f, -0.00833333333f, 0.00396825397f, -0.00416666667f);
        return pt_log_f32(x) - (0.5f * z + w);
    }
    float sum = 0.0f;
    while (x > 2.0f) {
        x -= 1.0f;
        sum += 1.0f / x;
    }
    if (x < 1.0f) {
        sum -= 1.0f / x;
        x += 1.0f;
    }
    /* digamma(x) / (x - x0) on [1, 2], x0 being the root */
    float t = x - 1.5f, p = PT_POLY11(t, 0.951055884f, -0.423627496f, 0.24054262f, -0.148398787f, 0.0949820802f,
            -0.0620570779f, 0.0408793353f, -0.0257810131f, 0.0169804171f, -0.0163840931f, 0.0111186402f);
    PT_PRECISE float r = (x - 1.46163213f) - 1.24381499e-8f;
    return sum + r * p;
}
/* As PyTorch: infinite at 0, NaN at the negative integers. */
PT_INLINE float pt_digamma_f32(float x)
{
    if (pt_isnan_f32(x) || pt_bits_f32_i32(x) == 0x7f800000)
        return x;
    if ((pt_bits_f32_i32(x) & 0x7fffffff) < 0x800000)
        return pt_copysign_f32(pt_inf_f32(), -x);
    if (x > 0.0f)
        return pt_digamma_positive_f32(x);
    float a = -x, f = a - pt_floor_f32(a);
    if (f == 0.0f || pt_isinf_f32(x))
        return pt_nan_f32();
    /* digamma(1 + a) + pi / tan(pi a) = digamma(a) + 1/a + pi cot(pi f) */
    float g = f > 0.5f ? f - 1.0f : f;
    return pt_digamma_positive_f32(a) + (1.0f / a + 3.14159274f / pt_tan_f32(3.14159274f * g));
}
#endif

/* ---- incomplete gamma functions, as PyTorch (after Cephes) divides the plane ---- */

#if !defined(PT_HAVE_IGAMMA_F32) || !defined(PT_HAVE_IGAMMAC_F32)
/* x^a exp(-x) / gamma(a + 1) */
PT_INLINE float pt_igamma_prefix_f32(float a, float x)
{
    if (a < 3.0f)
        return pt_exp_f32(a * pt_log_f32(x) - x - pt_lgamma_positive_f32(a + 1.0f));
    PT_PRECISE float d = x - a;
    float mu = d / a, l = mu > -0.29f && mu < 0.41f ? a * pt_log_tail_f32(mu) : a * pt_log_f32(x / a) - d;
    return pt_exp_f32(l - pt_stirling_f32(a)) * 0.398942280f / pt_sqrt_f32(a);
}
/* The lower function: a power series, fast for x < a. */
PT_INLINE float pt_igamma_series_f32(float a, float x)
{
    float r = a, c = 1.0f, sum = 1.0f;
    for (int i = 0; i < 500 && c > sum * 3e-8f; i++) {
        r += 1.0f;
        c *= x / r;
        sum += c;
    }
    return sum * pt_igamma_prefix_f32(a, x);
}
/* The upper function for x > a, x > 1: Legendre's continued fraction by Lentz's method. */
PT_INLINE float pt_igammac_fraction_f32(float a, float x)
{
    float b = x + 1.0f - a, c = 1e30f, d = 1.0f / b, h = d, step = 0.0f;
    for (int i = 1; i < 500 && pt_abs_f32(step - 1.0f) > 1e-7f; i++) {
        float k = pt_cvt_i32_f32(i), n = k * (a - k);
        b += 2.0f;
        d = n * d + b;
        c = b + n / c;
        d = 1.0f / (pt_abs_f32(d) < 1e-30f ? 1e-30f : d);
        c = pt_abs_f32(c) < 1e-30f ? 1e-30f : c;
        step = c * d;
        h *= step;
    }
    return pt_igamma_prefix_f32(a, x) * a * h;
}
/* The upper function for small x and a, without the cancellation of 1 - lower. */
PT_INLINE float pt_igammac_small_f32(float a, float x)
{
    float l = a * pt_log_f32(x) - pt_lgamma_positive_f32(a + 1.0f), term = 1.0f, sum = 0.0f;
    for (int i = 1; i < 20; i++) {
        float k = pt_cvt_i32_f32(i);
        term *= -x / k;
        sum += term / (a + k);
    }
    return -pt_expm1_f32(l) - pt_exp_f32(l) * a * sum;
}
/* Temme's uniform expansion (DLMF 8.12) for large a and x near it; the upper function, or with sign -1 the lower. */
PT_INLINE float pt_igamma_temme_f32(float a, float x, float sign)
{
    PT_PRECISE float d = x - a;
    float mu = d / a, q = -pt_log_tail_f32(mu), e = pt_copysign_f32(pt_sqrt_f32(2.0f * q), mu);
    float c0 = PT_POLY7(e, -0.333333333f, 0.0833333333f, -0.0148148148f, 0.00115740741f, 0.000352733686f,
                        -0.000178755144f, 3.91926318e-5f);
    float c1 = PT_POLY5(e, -0.00185185185f, -0.00347222222f, 0.0026455026f, -0.000990226337f, 0.000205761317f);
    float c2 = PT_POLY3(e, 0.00413359788f, -0.00268132716f, 0.000771604938f), c3 = 0.000649434156f;
    float r = pt_exp_f32(-a * q) * 0.398942280f / pt_sqrt_f32(a) * (c0 + (c1 + (c2 + c3 / a) / a) / a);
    return 0.5f * pt_erfc_f32(sign * e * pt_sqrt_f32(0.5f * a)) + sign * r;
}
PT_INLINE bool pt_igamma_near_f32(float a, float x)
{
    return a > 20.0f && pt_abs_f32(x - a) < 0.29f * a;
}
/* The answers at the edges, in PyTorch's order; -1 elsewhere. `at_zero` is the value for x = 0. */
PT_INLINE float pt_igamma_edge_f32(float a, float x, float at_zero)
{
    if (a < 0.0f || x < 0.0f)
        return pt_nan_f32();
    if (pt_iszero_f32(a))
        return !pt_isnan_f32(x) && x > 0.0f ? 1.0f - at_zero : pt_nan_f32();
    if (pt_iszero_f32(x))
        return at_zero;
    if (pt_isinf_f32(a))
        return pt_isinf_f32(x) ? pt_nan_f32() : at_zero;
    if (pt_isinf_f32(x))
        return 1.0f - at_zero;
    return pt_isnan_f32(a) || pt_isnan_f32(x) ? pt_nan_f32() : -1.0f;
}
PT_INLINE float pt_igammac_inner_f32(float a, float x)
{
    if (pt_igamma_near_f32(a, x))
        return pt_igamma_temme_f32(a, x, 1.0f);
    if (x > 1.1f && x >= a)
        return pt_igammac_fraction_f32(a, x);
    if (x > 1.1f || (x <= 0.5f ? -0.4f / pt_log_f32(x) < a : x * 1.1f < a))
        return 1.0f - pt_igamma_series_f32(a, x);
    return pt_igammac_small_f32(a, x);
}
#endif
#ifndef PT_HAVE_IGAMMA_F32
PT_INLINE float pt_igamma_f32(float a, float x)
{
    float edge = pt_igamma_edge_f32(a, x, 0.0f);
    if (edge != -1.0f)
        return edge;
    if (pt_igamma_near_f32(a, x))
        return pt_igamma_temme_f32(a, x, -1.0f);
    return x > 1.0f && x > a ? 1.0f - pt_igammac_inner_f32(a, x) : pt_igamma_series_f32(a, x);
}
#endif
#ifndef PT_HAVE_IGAMMAC_F32
PT_INLINE float pt_igammac_f32(float a, float x)
{
    float edge = pt_igamma_edge_f32(a, x, 1.0f);
    return edge != -1.0f ? edge : pt_igammac_inner_f32(a, x);
}
#endif

#ifndef PT_HAVE_ZETA_F32
/* Hurwitz zeta: nine terms or more, the rest by Euler and Maclaurin; edges as PyTorch. */
PT_INLINE float pt_zeta_f32(float x, float q)
{
    if (pt_isnan_f32(x) || pt_isnan_f32(q))
        return pt_nan_f32();
    if (x == 1.0f)
        return pt_inf_f32();
    if (x < 1.0f)
        return pt_nan_f32();
    if (q <= 0.0f && q == pt_floor_f32(q))
        return pt_inf_f32();
    if (q <= 0.0f && x != pt_floor_f32(x))
        return pt_nan_f32();
    float s = pt_pow_f32(q, -x), a = q, b = 0.0f;
    for (int i = 0; i < 9 || a <= 9.0f; i++) {
        a += 1.0f;
        b = pt_pow_f32(a, -x);
        s += b;
        if (pt_abs_f32(b) < 6e-8f * pt_abs_f32(s))
            return s;
    }
    /* b = a^-x: integral, half term, and B_2k / (2k)! x (x+1) ... (x+2k-2) a^(-x-2k+1) */
    float z = 1.0f / (a * a), t = x * b / a, sum = t * 0.0833333333f;
    t *= (x + 1.0f) * (x + 2.0f) * z;
    sum -= t * 0.00138888889f;
    t *= (x + 3.0f) * (x + 4.0f) * z;
    sum += t * 3.30687831e-5f;
    t *= (x + 5.0f) * (x + 6.0f) * z;
    sum -= t * 8.26719577e-7f;
    t *= (x + 7.0f) * (x + 8.0f) * z;
    sum += t * 2.08767570e-8f;
    return s + (a * b / (x - 1.0f) - 0.5f * b + sum);
}
#endif
