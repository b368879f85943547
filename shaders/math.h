/* SPDX-License-Identifier: MIT
 * Functions of the kernel dialect that GLSL and OpenCL C share: written in the subset of both, for float, int and
 * uint. special.h follows with the error and gamma functions. A prelude that has a better function defines
 * PT_HAVE_<NAME>, for example PT_HAVE_EXP_F32, before this text, and gives its own meaning to the name.
 *
 * A prelude also gives: PT_PRECISE (before a float variable: no contraction, no reassociation on the way to it),
 * pt_mulhi_u32, pt_clz_u32, conversions, reinterpretations, pt_floor_f32 to pt_round_f32, pt_sqrt_f32,
 * pt_isnan_f32, pt_inf_f32, pt_nan_f32, PT_INT64, PT_FLOAT64.
 *
 * The driver's arithmetic is trusted only as far as Vulkan promises it: + - * are correctly rounded, a division is
 * off by 2.5 ulp, subnormals may be flushed (so exponents are taken from bits, not found by multiplying), NaN is
 * tested on bits.
 */

/* ---- small floats: bits of the storage type, as uint; the reference is core/base/dtype.c ---- */

/* Rounds |x|, given as bits, to m mantissa bits and an exponent bias, as the bits of the small type. */
PT_INLINE uint pt_round_small(int a, int m, int bias)
{
    int e = (a >> 23) - 127, shift = 23 - m, v;
    if (a < 0x800000)
        return 0u;
    if (e + bias >= 1) {
        v = ((e + bias) << 23) | (a & 0x7fffff);
    } else {
        v = (a & 0x7fffff) | 0x800000;
        shift += 1 - (e + bias);
        if (shift > 24)
            return 0u;
    }
    return pt_cvt_i32_u32((v + (1 << (shift - 1)) - 1 + ((v >> shift) & 1)) >> shift);
}
PT_INLINE float pt_dec_small(uint a, int m, int bias)
{
    int b = pt_cvt_u32_i32(a), e = b >> m, f = b & ((1 << m) - 1);
    if (e == 0)
        return pt_cvt_i32_f32(f) * pt_bits_i32_f32((128 - bias - m) << 23);
    return pt_bits_i32_f32(((e - bias + 127) << 23) | (f << (23 - m)));
}
PT_INLINE float pt_signed_small(float magnitude, uint sign)
{
    return sign != 0u ? -magnitude : magnitude;
}
PT_INLINE uint pt_enc_f16(float x)
{
    int u = pt_bits_f32_i32(x), a = u & 0x7fffffff;
    uint sign = u < 0 ? 0x8000u : 0u;
    if (a > 0x7f800000)
        return sign | 0x7e00u;
    return sign | (a >= 0x47800000 ? 0x7c00u : pt_round_small(a, 10, 15));
}
PT_INLINE float pt_dec_f16(uint h)
{
    uint a = h & 0x7fffu;
    if (a >= 0x7c00u)
        return pt_bits_i32_f32(pt_cvt_u32_i32(((h & 0x8000u) << 16) | 0x7f800000u | ((a & 0x3ffu) << 13)));
    return pt_signed_small(pt_dec_small(a, 10, 15), h & 0x8000u);
}
PT_INLINE uint pt_enc_bf16(float x)
{
    int u = pt_bits_f32_i32(x);
    if ((u & 0x7fffffff) > 0x7f800000)
        return 0x7fc0u;
    return pt_cvt_i32_u32((u + 0x7fff + ((u >> 16) & 1)) >> 16) & 0xffffu;
}
PT_INLINE uint pt_enc_f8e4m3fn(float x)
{
    int u = pt_bits_f32_i32(x), a = u & 0x7fffffff;
    uint sign = u < 0 ? 0x80u : 0u, r = a >= 0x43f00000 ? 0x7fu : pt_round_small(a, 3, 7);
    return sign | (r > 0x7fu ? 0x7fu : r);
}
PT_INLINE float pt_dec_f8e4m3fn(uint b)
{
    uint a = b & 0x7fu;
    return a == 0x7fu ? pt_nan_f32() : pt_signed_small(pt_dec_small(a, 3, 7), b & 0x80u);
}
PT_INLINE uint pt_enc_f8e5m2(float x)
{
    int u = pt_bits_f32_i32(x), a = u & 0x7fffffff;
    uint sign = u < 0 ? 0x80u : 0u, r = a >= 0x47800000 ? 0x7cu : pt_round_small(a, 2, 15);
    if (a > 0x7f800000)
        return sign | 0x7fu;
    return sign | (r > 0x7cu ? 0x7cu : r);
}
PT_INLINE float pt_dec_f8e5m2(uint b)
{
    uint a = b & 0x7fu;
    if (a > 0x7cu)
        return pt_nan_f32();
    return pt_signed_small(a == 0x7cu ? pt_inf_f32() : pt_dec_small(a, 2, 15), b & 0x80u);
}
/* The types with one zero and one NaN; `limit` is the first magnitude that is too large, as bits. */
PT_INLINE uint pt_enc_f8fnuz(float x, int m, int bias, int limit)
{
    int u = pt_bits_f32_i32(x), a = u & 0x7fffffff;
    uint r = a >= limit ? 0x80u : pt_round_small(a, m, bias);
    if (r > 0x7fu)
        return 0x80u;
    return r != 0u && u < 0 ? r | 0x80u : r;
}
PT_INLINE float pt_dec_f8fnuz(uint b, int m, int bias)
{
    return b == 0x80u ? pt_nan_f32() : pt_signed_small(pt_dec_small(b & 0x7fu, m, bias), b & 0x80u);
}
PT_INLINE uint pt_enc_f8e8m0fnu(float x)
{
    int a = pt_bits_f32_i32(x) & 0x7fffffff, e = a >> 23;
    bool up = (a & 0x400000) != 0 && (e > 0 || (a & 0x3fffff) != 0) && ((a & 0x3fffff) != 0 || (e & 1) != 0);
    return a >= 0x7f800000 ? 0xffu : pt_cvt_i32_u32(up ? e + 1 : e);
}
PT_INLINE float pt_dec_f8e8m0fnu(uint b)
{
    int e = pt_cvt_u32_i32(b);
    return b == 0xffu ? pt_nan_f32() : pt_bits_i32_f32(e == 0 ? 0x400000 : e << 23);
}

/* Rounded to the storage type and back. */
#define pt_round_f16(x) pt_dec_f16(pt_enc_f16(x))
#define pt_round_bf16(x) pt_bits_i32_f32(pt_cvt_u32_i32(pt_enc_bf16(x) << 16))
#define pt_round_f8e4m3fn(x) pt_dec_f8e4m3fn(pt_enc_f8e4m3fn(x))
#define pt_round_f8e5m2(x) pt_dec_f8e5m2(pt_enc_f8e5m2(x))
#define pt_round_f8e4m3fnuz(x) pt_dec_f8fnuz(pt_enc_f8fnuz(x, 3, 8, 0x43800000), 3, 8)
#define pt_round_f8e5m2fnuz(x) pt_dec_f8fnuz(pt_enc_f8fnuz(x, 2, 16, 0x47800000), 2, 16)
#define pt_round_f8e8m0fnu(x) pt_dec_f8e8m0fnu(pt_enc_f8e8m0fnu(x))

/* x * 0, which drivers must not fold: NaN for infinities and NaN. */
PT_INLINE float pt_mul0_f32(float x)
{
    return (pt_bits_f32_i32(x) & 0x7f800000) == 0x7f800000 ? pt_nan_f32() : 0.0f;
}

/* ---- integers; a division by zero gives 0 ---- */

#define pt_min_i32(a, b) min(a, b)
#define pt_max_i32(a, b) max(a, b)
#define pt_min_u32(a, b) min(a, b)
#define pt_max_u32(a, b) max(a, b)
#define pt_abs_u32(a) (a)
#define pt_abs_u64(a) (a)
#define pt_floordiv_u32(a, b) pt_truncdiv_u32(a, b)
#define pt_floormod_u32(a, b) pt_rem_u32(a, b)
#define pt_floordiv_u64(a, b) pt_truncdiv_u64(a, b)
#define pt_floormod_u64(a, b) pt_rem_u64(a, b)

/* Integers that are data wrap. Signed ones need not in C, and its compilers then take x + 1 > x for granted: all is
 * computed with unsigned ones. */
#define pt_neg_i32(a) pt_cvt_u32_i32(0u - pt_cvt_i32_u32(a))
#define pt_add_i32(a, b) pt_cvt_u32_i32(pt_cvt_i32_u32(a) + pt_cvt_i32_u32(b))
#define pt_sub_i32(a, b) pt_cvt_u32_i32(pt_cvt_i32_u32(a) - pt_cvt_i32_u32(b))
#define pt_mul_i32(a, b) pt_cvt_u32_i32(pt_cvt_i32_u32(a) * pt_cvt_i32_u32(b))

/* A division by -1 traps on CPUs for the smallest integer: negate instead. */
#define PT_SIGNED_DIVISION(s, T, zero, one, neg)                                     \
    PT_INLINE T pt_truncdiv_##s(T a, T b)                                            \
    {                                                                                \
        if (b == zero)                                                               \
            return zero;                                                             \
        return b == -one ? neg(a) : a / b;                                           \
    }                                                                                \
    PT_INLINE T pt_rem_##s(T a, T b)                                                 \
    {                                                                                \
        return b == zero || b == -one ? zero : a - pt_truncdiv_##s(a, b) * b;        \
    }                                                                                \
    PT_INLINE T pt_floordiv_##s(T a, T b)                                            \
    {                                                                                \
        T q = pt_truncdiv_##s(a, b), r = pt_rem_##s(a, b);                           \
        return b != zero && r != zero && (r < zero) != (b < zero) ? q - one : q;     \
    }                                                                                \
    PT_INLINE T pt_floormod_##s(T a, T b)                                            \
    {                                                                                \
        T r = pt_rem_##s(a, b);                                                      \
        return r != zero && (r < zero) != (b < zero) ? r + b : r;                    \
    }                                                                                \
    PT_INLINE T pt_abs_##s(T a)                                                      \
    {                                                                                \
        T n = neg(a); /* Mesa 22.3 drops the absolute value of a widened int32 */    \
        return n > a ? n : a;                                                        \
    }
#define PT_UNSIGNED_DIVISION(s, T, zero)                                             \
    PT_INLINE T pt_truncdiv_##s(T a, T b)                                            \
    {                                                                                \
        return b == zero ? zero : a / b;                                             \
    }                                                                                \
    PT_INLINE T pt_rem_##s(T a, T b)                                                 \
    {                                                                                \
        return b == zero ? zero : a % b;                                             \
    }
PT_SIGNED_DIVISION(i32, int, 0, 1, pt_neg_i32)
PT_UNSIGNED_DIVISION(u32, uint, 0u)

PT_INLINE uint pt_pow_u32(uint a, uint n)
{
    uint r = 1u;
    for (; n != 0u; n >>= 1) {
        if ((n & 1u) != 0u)
            r *= a;
        a *= a;
    }
    return r;
}
PT_INLINE int pt_pow_i32(int a, int n)
{
    if (n < 0)
        return a == 1 ? 1 : a == -1 ? ((n & 1) != 0 ? -1 : 1) : 0;
    return pt_cvt_u32_i32(pt_pow_u32(pt_cvt_i32_u32(a), pt_cvt_i32_u32(n)));
}
PT_INLINE uint pt_gcd_u32(uint a, uint b)
{
    while (b != 0u) {
        uint r = a % b;
        a = b;
        b = r;
    }
    return a;
}
PT_INLINE int pt_gcd_i32(int a, int b)
{
    return pt_cvt_u32_i32(pt_gcd_u32(pt_cvt_i32_u32(pt_abs_i32(a)), pt_cvt_i32_u32(pt_abs_i32(b))));
}

#if PT_INT64
#define pt_neg_i64(a) pt_cvt_u64_i64(-pt_cvt_i64_u64(a))
#define pt_neg_u64(a) (-(a))
#define pt_add_i64(a, b) pt_cvt_u64_i64(pt_cvt_i64_u64(a) + pt_cvt_i64_u64(b))
#define pt_add_u64(a, b) ((a) + (b))
#define pt_sub_i64(a, b) pt_cvt_u64_i64(pt_cvt_i64_u64(a) - pt_cvt_i64_u64(b))
#define pt_sub_u64(a, b) ((a) - (b))
#define pt_mul_i64(a, b) pt_cvt_u64_i64(pt_cvt_i64_u64(a) * pt_cvt_i64_u64(b))
#define pt_mul_u64(a, b) ((a) * (b))
#define pt_and_i64(a, b) ((a) & (b))
#define pt_and_u64(a, b) ((a) & (b))
#define pt_or_i64(a, b) ((a) | (b))
#define pt_or_u64(a, b) ((a) | (b))
#define pt_xor_i64(a, b) ((a) ^ (b))
#define pt_xor_u64(a, b) ((a) ^ (b))
#define pt_not_i64(a) (~(a))
#define pt_not_u64(a) (~(a))
#define pt_lt_i64(a, b) ((a) < (b))
#define pt_lt_u64(a, b) ((a) < (b))
#define pt_le_i64(a, b) ((a) <= (b))
#define pt_le_u64(a, b) ((a) <= (b))
#define pt_eq_i64(a, b) ((a) == (b))
#define pt_eq_u64(a, b) ((a) == (b))
#define pt_ne_i64(a, b) ((a) != (b))
#define pt_ne_u64(a, b) ((a) != (b))
PT_SIGNED_DIVISION(i64, pt_i64, pt_lit_i64(0, 0u), pt_lit_i64(0, 1u), pt_neg_i64)
PT_UNSIGNED_DIVISION(u64, pt_u64, pt_lit_u64(0, 0u))

PT_INLINE pt_u64 pt_shl_u64(pt_u64 a, pt_u64 n)
{
    return n > pt_lit_u64(0, 63u) ? pt_lit_u64(0, 0u) : a << pt_cvt_u64_i32(n);
}
PT_INLINE pt_u64 pt_shr_u64(pt_u64 a, pt_u64 n)
{
    return n > pt_lit_u64(0, 63u) ? pt_lit_u64(0, 0u) : a >> pt_cvt_u64_i32(n);
}
PT_INLINE pt_i64 pt_shl_i64(pt_i64 a, pt_i64 n)
{
    return pt_cvt_u64_i64(pt_shl_u64(pt_cvt_i64_u64(a), pt_cvt_i64_u64(n)));
}
PT_INLINE pt_i64 pt_shr_i64(pt_i64 a, pt_i64 n)
{
    return a >> (pt_cvt_i64_u64(n) > pt_lit_u64(0, 63u) ? 63 : pt_cvt_i64_i32(n));
}
#else
PT_INLINE pt_i64 pt_floormod_i64(pt_i64 a, pt_i64 b)
{
    pt_i64 r = pt_rem_i64(a, b), zero = pt_lit_i64(0, 0u);
    return pt_ne_i64(r, zero) && pt_lt_i64(r, zero) != pt_lt_i64(b, zero) ? pt_add_i64(r, b) : r;
}
PT_INLINE pt_i64 pt_floordiv_i64(pt_i64 a, pt_i64 b)
{
    pt_i64 r = pt_rem_i64(a, b), q = pt_truncdiv_i64(a, b), zero = pt_lit_i64(0, 0u);
    bool off = pt_ne_i64(r, zero) && pt_lt_i64(r, zero) != pt_lt_i64(b, zero);
    return off ? pt_sub_i64(q, pt_lit_i64(0, 1u)) : q;
}
#endif

/* The rest is the same for one word or two. */
PT_INLINE pt_i64 pt_min_i64(pt_i64 a, pt_i64 b)
{
    return pt_lt_i64(b, a) ? b : a;
}
PT_INLINE pt_i64 pt_max_i64(pt_i64 a, pt_i64 b)
{
    return pt_lt_i64(a, b) ? b : a;
}
PT_INLINE pt_u64 pt_min_u64(pt_u64 a, pt_u64 b)
{
    return pt_lt_u64(b, a) ? b : a;
}
PT_INLINE pt_u64 pt_max_u64(pt_u64 a, pt_u64 b)
{
    return pt_lt_u64(a, b) ? b : a;
}
PT_INLINE pt_u64 pt_pow_u64(pt_u64 a, pt_u64 n)
{
    pt_u64 r = pt_lit_u64(0, 1u), one = pt_lit_u64(0, 1u), zero = pt_lit_u64(0, 0u);
    while (pt_ne_u64(n, zero)) {
        if (pt_eq_u64(pt_and_u64(n, one), one))
            r = pt_mul_u64(r, a);
        a = pt_mul_u64(a, a);
        n = pt_shr_u64(n, one);
    }
    return r;
}
PT_INLINE pt_i64 pt_pow_i64(pt_i64 a, pt_i64 n)
{
    pt_i64 zero = pt_lit_i64(0, 0u), one = pt_lit_i64(0, 1u), minus = pt_lit_i64(-1, 0xffffffffu);
    if (pt_lt_i64(n, zero)) {
        bool odd = pt_eq_i64(pt_and_i64(n, one), one);
        return pt_eq_i64(a, one) || (pt_eq_i64(a, minus) && !odd) ? one : pt_eq_i64(a, minus) ? minus : zero;
    }
    return pt_cvt_u64_i64(pt_pow_u64(pt_cvt_i64_u64(a), pt_cvt_i64_u64(n)));
}
PT_INLINE pt_u64 pt_gcd_u64(pt_u64 a, pt_u64 b)
{
    while (pt_ne_u64(b, pt_lit_u64(0, 0u))) {
        pt_u64 r = pt_rem_u64(a, b);
        a = b;
        b = r;
    }
    return a;
}
PT_INLINE pt_i64 pt_gcd_i64(pt_i64 a, pt_i64 b)
{
    return pt_cvt_u64_i64(pt_gcd_u64(pt_cvt_i64_u64(pt_abs_i64(a)), pt_cvt_i64_u64(pt_abs_i64(b))));
}

PT_INLINE int pt_check(int i, int n)
{
    return max(min(i < 0 ? i + n : i, n - 1), 0);
}

/* Philox4x32-10 (Salmon et al. 2011). */
PT_INLINE float pt_random(int seed, int counter)
{
    uint a = pt_cvt_i32_u32(counter), b = 0u, c = 0u, d = 0u, k = pt_cvt_i32_u32(seed), l = 0u;
    for (int i = 0; i < 10; i++) {
        uint hi0 = pt_mulhi_u32(0xd2511f53u, a), lo0 = 0xd2511f53u * a;
        uint hi1 = pt_mulhi_u32(0xcd9e8d57u, c), lo1 = 0xcd9e8d57u * c;
        a = hi1 ^ b ^ k;
        b = lo1;
        c = hi0 ^ d ^ l;
        d = lo0;
        k += 0x9e3779b9u;
        l += 0xbb67ae85u;
    }
    return pt_cvt_i32_f32(pt_cvt_u32_i32(a >> 8)) * 5.96046448e-8f;
}

/* ---- float32 ---- Polynomials are minimax fits whose relative error, in the function, is below 2^-26; the
 * interval is given with each. */

/* Horner: a + x (b + x (c + ...)). */
#define PT_POLY2(x, a, b) pt_fma_f32(x, b, a)
#define PT_POLY3(x, a, b, c) pt_fma_f32(x, PT_POLY2(x, b, c), a)
#define PT_POLY4(x, a, b, c, d) pt_fma_f32(x, PT_POLY3(x, b, c, d), a)
#define PT_POLY5(x, a, b, c, d, e) pt_fma_f32(x, PT_POLY4(x, b, c, d, e), a)
#define PT_POLY6(x, a, b, c, d, e, f) pt_fma_f32(x, PT_POLY5(x, b, c, d, e, f), a)
#define PT_POLY7(x, a, b, c, d, e, f, g) pt_fma_f32(x, PT_POLY6(x, b, c, d, e, f, g), a)
#define PT_POLY8(x, a, b, c, d, e, f, g, h) pt_fma_f32(x, PT_POLY7(x, b, c, d, e, f, g, h), a)
#define PT_POLY9(x, a, b, c, d, e, f, g, h, i) pt_fma_f32(x, PT_POLY8(x, b, c, d, e, f, g, h, i), a)
#define PT_POLY10(x, a, b, c, d, e, f, g, h, i, j) pt_fma_f32(x, PT_POLY9(x, b, c, d, e, f, g, h, i, j), a)
#define PT_POLY11(x, a, b, c, d, e, f, g, h, i, j, k) pt_fma_f32(x, PT_POLY10(x, b, c, d, e, f, g, h, i, j, k), a)
#define PT_POLY12(x, a, b, c, d, e, f, g, h, i, j, k, l) pt_fma_f32(x, PT_POLY11(x, b, c, d, e, f, g, h, i, j, k, l), a)

/* x * 2^n for |n| <= 250, rounded once also where the result is subnormal. */
PT_INLINE float pt_scale_f32(float x, int n)
{
    int h = n >> 1;
    return x * pt_bits_i32_f32((h + 127) << 23) * pt_bits_i32_f32((n - h + 127) << 23);
}
/* The upper 12 bits of the significand: products of two such numbers are exact. */
PT_INLINE float pt_high_f32(float x)
{
    return pt_bits_i32_f32(pt_bits_f32_i32(x) & -4096);
}
PT_INLINE bool pt_isinf_f32(float x)
{
    return (pt_bits_f32_i32(x) & 0x7fffffff) == 0x7f800000;
}
PT_INLINE bool pt_iszero_f32(float x)
{
    return (pt_bits_f32_i32(x) & 0x7fffffff) == 0;
}

#ifndef PT_HAVE_COPYSIGN_F32
PT_INLINE float pt_copysign_f32(float x, float s)
{
    float a = pt_abs_f32(x); /* Mesa 26.1 takes an OR of bits, behind a branch, for another value */
    return pt_bits_f32_i32(s) < 0 ? -a : a;
}
#endif
#ifndef PT_HAVE_MIN_F32
PT_INLINE float pt_min_f32(float a, float b)
{
    return pt_isnan_f32(a) ? a : pt_isnan_f32(b) ? b : b < a ? b : a;
}
#endif
#ifndef PT_HAVE_MAX_F32
PT_INLINE float pt_max_f32(float a, float b)
{
    return pt_isnan_f32(a) ? a : pt_isnan_f32(b) ? b : a < b ? b : a;
}
#endif
#ifndef PT_HAVE_NEXTAFTER_F32
PT_INLINE float pt_nextafter_f32(float x, float y)
{
    int a = pt_bits_f32_i32(x), b = pt_bits_f32_i32(y);
    if (pt_isnan_f32(x))
        return x;
    if (pt_isnan_f32(y) || a == b || (pt_iszero_f32(x) && pt_iszero_f32(y)))
        return y;
    if (pt_iszero_f32(x))
        return pt_bits_i32_f32((b & ~0x7fffffff) | 1);
    /* As integers, the magnitudes are in order; away from zero if y lies further out on x's side. */
    bool away = (a ^ b) >= 0 && (b & 0x7fffffff) > (a & 0x7fffffff);
    return pt_bits_i32_f32(away ? a + 1 : a - 1);
}
#endif

/* a / b, nearly always rounded correctly, in particular where the quotient is an integer: the driver's quotient and one
 * correction. */
PT_INLINE float pt_quotient_f32(float a, float b)
{
    int ea = (pt_bits_f32_i32(a) >> 23) & 255, eb = (pt_bits_f32_i32(b) >> 23) & 255;
    PT_PRECISE float q = a / b;
    if (ea < 40 || ea > 214 || eb < 40 || eb > 214 || ea - eb > 80 || eb - ea > 80)
        return q;
    float bh = pt_high_f32(b), bl = b - bh, qh = pt_high_f32(q), ql = q - qh;
    PT_PRECISE float r = ((a - qh * bh) - (qh * bl + ql * bh)) - ql * bl;
    PT_PRECISE float s = q + r / b;
    return s;
}
#ifndef PT_HAVE_TRUNCDIV_F32
PT_INLINE float pt_truncdiv_f32(float a, float b)
{
    return pt_trunc_f32(pt_quotient_f32(a, b));
}
#endif
#ifndef PT_HAVE_REM_F32
/* Long division of the significands, eight bits at a time: exact. */
PT_INLINE float pt_rem_f32(float a, float b)
{
    int ia = pt_bits_f32_i32(a) & 0x7fffffff, ib = pt_bits_f32_i32(b) & 0x7fffffff;
    int ea = ia >> 23, eb = ib >> 23, sign = pt_bits_f32_i32(a) & ~0x7fffffff;
    if (ia > 0x7f800000)
        return a;
    if (ib > 0x7f800000)
        return b;
    if (ia == 0x7f800000 || ib == 0)
        return pt_nan_f32();
    if (ia < ib)
        return a;
    uint m = pt_cvt_i32_u32(ea == 0 ? ia : (ia & 0x7fffff) | 0x800000);
    uint d = pt_cvt_i32_u32(eb == 0 ? ib : (ib & 0x7fffff) | 0x800000);
    ea = max(ea, 1);
    eb = max(eb, 1);
    m %= d;
    for (int left = ea - eb; left > 0; left -= 8)
        m = (m << min(left, 8)) % d;
    if (m == 0u)
        return pt_bits_i32_f32(sign);
    int shift = min(pt_clz_u32(m) - 8, eb - 1), r = pt_cvt_u32_i32(m << shift);
    return pt_bits_i32_f32(sign | (r < 0x800000 ? r : r + ((eb - shift - 1) << 23)));
}
#endif
/* A remainder whose sign is not the divisor's; on bits, since comparisons may take subnormals for zero. */
PT_INLINE bool pt_rem_is_off_f32(float r, float b)
{
    return !pt_iszero_f32(r) && (pt_bits_f32_i32(r) ^ pt_bits_f32_i32(b)) < 0;
}
#ifndef PT_HAVE_FLOORMOD_F32
PT_INLINE float pt_floormod_f32(float a, float b)
{
    PT_PRECISE float r = pt_rem_f32(a, b);
    return pt_rem_is_off_f32(r, b) && !pt_isnan_f32(r) ? r + b : r;
}
#endif
#ifndef PT_HAVE_FLOORDIV_F32
/* c10::div_floor_floating */
PT_INLINE float pt_floordiv_f32(float a, float b)
{
    if (pt_iszero_f32(b))
        return pt_isnan_f32(a) || pt_iszero_f32(a) ? pt_nan_f32()
               : (pt_bits_f32_i32(a) ^ pt_bits_f32_i32(b)) < 0 ? -pt_inf_f32() : pt_inf_f32();
    float r = pt_rem_f32(a, b);
    if (pt_isnan_f32(r))
        return r;
    PT_PRECISE float q = pt_quotient_f32(a - r, b);
    if (pt_rem_is_off_f32(r, b))
        q = q - 1.0f;
    if (pt_iszero_f32(q))
        return pt_copysign_f32(0.0f, pt_bits_i32_f32(pt_bits_f32_i32(a) ^ pt_bits_f32_i32(b)));
    float f = pt_floor_f32(q);
    return q - f > 0.5f ? f + 1.0f : f;
}
#endif

/* (exp(r) - 1 - r) / r^2 on [-0.347, 0.347] */
PT_INLINE float pt_exp_poly_f32(float r)
{
    return PT_POLY6(r, 0.5f, 0.166666657f, 0.0416663587f, 0.00833338965f, 0.00139407441f, 0.00019845886f);
}
#ifndef PT_HAVE_EXP_F32
PT_INLINE float pt_exp_f32(float x)
{
    float c = x > 89.0f ? 89.0f : x < -104.0f ? -104.0f : x;
    float n = pt_floor_f32(c * 1.44269504f + 0.5f);
    PT_PRECISE float r = (c - n * 0.693145752f) - n * 1.42860682e-6f;
    float y = pt_scale_f32(1.0f + (r + r * r * pt_exp_poly_f32(r)), pt_cvt_f32_i32(n));
    return pt_isnan_f32(x) ? x : y;
}
#endif
#ifndef PT_HAVE_EXP2_F32
PT_INLINE float pt_exp2_f32(float x)
{
    float c = x > 129.0f ? 129.0f : x < -151.0f ? -151.0f : x;
    float n = pt_floor_f32(c + 0.5f);
    PT_PRECISE float f = c - n;
    float r = f * 0.693147181f;
    float y = pt_scale_f32(1.0f + (r + r * r * pt_exp_poly_f32(r)), pt_cvt_f32_i32(n));
    return pt_isnan_f32(x) ? x : y;
}
#endif
#ifndef PT_HAVE_EXPM1_F32
PT_INLINE float pt_expm1_f32(float x)
{
    if (pt_isnan_f32(x))
        return x;
    if (x > 17.5f)
        return pt_exp_f32(x);
    if (x < -17.5f)
        return -1.0f;
    float n = pt_floor_f32(x * 1.44269504f + 0.5f);
    PT_PRECISE float r = (x - n * 0.693145752f) - n * 1.42860682e-6f;
    float e = r + r * r * pt_exp_poly_f32(r), s = pt_bits_i32_f32((pt_cvt_f32_i32(n) + 127) << 23);
    return n == 0.0f ? (pt_iszero_f32(x) ? x : e) : (s - 1.0f) + s * e;
}
#endif

/* log(1 + f) - f on [-0.293, 0.4143] */
PT_INLINE float pt_log_tail_f32(float f)
{
    float p = PT_POLY9(f, 0.333333135f, -0.250000089f, 0.200021192f, -0.166679919f, 0.142195359f, -0.124056421f,
            0.118883558f, -0.116754107f, 0.0674588382f);
    return f * f * (p * f - 0.5f);
}
/* x = 2^k * m with m in [sqrt(1/2), sqrt(2)), for x > 0 given as bits. This is k. */
PT_INLINE int pt_log_exponent_f32(int bits)
{
    int e = bits < 0x800000 ? -149 : 0, b = bits < 0x800000 ? pt_bits_f32_i32(pt_cvt_i32_f32(bits)) : bits;
    return e + ((b - 0x3f3504f3) >> 23);
}
/* This is m. */
PT_INLINE float pt_log_mantissa_f32(int bits)
{
    int b = bits < 0x800000 ? pt_bits_f32_i32(pt_cvt_i32_f32(bits)) : bits;
    return pt_bits_i32_f32(b - (((b - 0x3f3504f3) >> 23) << 23));
}
/* The logarithm of what has none: +0, -0, negative, infinity, NaN. */
PT_INLINE float pt_log_special_f32(float x)
{
    return pt_isnan_f32(x) ? x : pt_iszero_f32(x) ? -pt_inf_f32() : pt_bits_f32_i32(x) < 0 ? pt_nan_f32() : x;
}
PT_INLINE bool pt_log_is_special_f32(float x)
{
    return pt_bits_f32_i32(x) <= 0 || pt_bits_f32_i32(x) >= 0x7f800000;
}
#ifndef PT_HAVE_LOG_F32
PT_INLINE float pt_log_f32(float x)
{
    int i = pt_bits_f32_i32(x);
    float k = pt_cvt_i32_f32(pt_log_exponent_f32(i)), f = pt_log_mantissa_f32(i) - 1.0f;
    PT_PRECISE float y = k * 0.693145752f + (f + (pt_log_tail_f32(f) + k * 1.42860682e-6f));
    return pt_log_is_special_f32(x) ? pt_log_special_f32(x) : y;
}
#endif
#ifndef PT_HAVE_LOG2_F32
/* log2(e) in two parts, the first of 12 bits. */
PT_INLINE float pt_log2_f32(float x)
{
    int i = pt_bits_f32_i32(x);
    float k = pt_cvt_i32_f32(pt_log_exponent_f32(i)), f = pt_log_mantissa_f32(i) - 1.0f;
    PT_PRECISE float t = pt_log_tail_f32(f), fh = pt_high_f32(f), fl = (f - fh) + t;
    PT_PRECISE float y = (fl * 1.44269504f + fh * 0.000195026f) + fh * 1.4425f;
    y = k + y;
    return pt_log_is_special_f32(x) ? pt_log_special_f32(x) : y;
}
#endif
#ifndef PT_HAVE_LOG10_F32
PT_INLINE float pt_log10_f32(float x)
{
    int i = pt_bits_f32_i32(x);
    float k = pt_cvt_i32_f32(pt_log_exponent_f32(i)), f = pt_log_mantissa_f32(i) - 1.0f;
    PT_PRECISE float t = pt_log_tail_f32(f), fh = pt_high_f32(f), fl = (f - fh) + t;
    /* log10(2) = 0.30102539 + 4.60503898e-6, log10(e) = 0.43408203 + 0.00021245 */
    PT_PRECISE float y = ((fl * 0.434294482f + fh * 0.000212450787f) + k * 4.60503898e-6f) + fh * 0.43408203125f;
    y = k * 0.301025390625f + y;
    return pt_log_is_special_f32(x) ? pt_log_special_f32(x) : y;
}
#endif
#ifndef PT_HAVE_LOG1P_F32
PT_INLINE float pt_log1p_f32(float x)
{
    if (x > -0.29f && x < 0.41f)
        return pt_iszero_f32(x) ? x : x + pt_log_tail_f32(x);
    PT_PRECISE float u = 1.0f + x;
    PT_PRECISE float c = x > 1.0f ? 1.0f - (u - x) : x - (u - 1.0f);
    if (pt_isnan_f32(x) || pt_log_is_special_f32(u))
        return pt_log_special_f32(u);
    int i = pt_bits_f32_i32(u);
    float k = pt_cvt_i32_f32(pt_log_exponent_f32(i)), f = pt_log_mantissa_f32(i) - 1.0f;
    PT_PRECISE float y = k * 0.693145752f + (f + (pt_log_tail_f32(f) + (k * 1.42860682e-6f + c / u)));
    return y;
}
#endif

/* ---- powers ---- */

#ifndef PT_HAVE_POW_F32
/* |y| is an odd integer. */
PT_INLINE bool pt_is_odd_f32(float y)
{
    float a = pt_abs_f32(y);
    return a < 16777216.0f && pt_trunc_f32(a) == a && (pt_cvt_f32_i32(a) & 1) != 0;
}
/* x^y for positive normal or subnormal x, finite y: log2(x) as a sum of two floats, relative error about 2^-30.
 * With s = (m-1)/(m+1): log(m) = 2s + s^3 P(s^2); the quotient is corrected by its residual. */
PT_INLINE float pt_pow_positive_f32(float x, float y)
{
    int i = pt_bits_f32_i32(x);
    float k = pt_cvt_i32_f32(pt_log_exponent_f32(i)), m = pt_log_mantissa_f32(i);
    PT_PRECISE float n = m - 1.0f, d = m + 1.0f, dl = m - (d - 1.0f), dh = pt_high_f32(d), dm = d - dh;
    PT_PRECISE float sh = pt_high_f32(n / d);
    PT_PRECISE float sl = (((n - sh * dh) - sh * dm) - sh * dl) / d, s = sh + sl;
    float z = s * s;
    float c = PT_POLY4(z, 0.666666687f, 0.400001228f, 0.285507232f, 0.233327657f);
    PT_PRECISE float low = 2.0f * sl + s * z * c;
    /* log2(e) = 1.4423828125 + 0.000312228 */
    PT_PRECISE float p = 2.0f * sh * 1.4423828125f, t = k + p;
    PT_PRECISE float tl = ((p - (t - k)) + 2.0f * sh * 0.000312228391f) + low * 1.44269504f;
    PT_PRECISE float hi = t + tl, lo = tl - (hi - t), approx = y * hi;
    if (approx > 130.0f)
        return pt_inf_f32();
    if (approx < -152.0f)
        return 0.0f;
    float hh = pt_high_f32(hi), yh = pt_high_f32(y);
    PT_PRECISE float hl = (hi - hh) + lo, yl = y - yh, ph = yh * hh, pl = yh * hl + yl * hi;
    float e = pt_floor_f32(ph + pl + 0.5f);
    PT_PRECISE float r = (ph - e) + pl;
    r = r * 0.693147181f;
    return pt_scale_f32(1.0f + (r + r * r * pt_exp_poly_f32(r)), pt_cvt_f32_i32(e));
}
PT_INLINE float pt_pow_f32(float x, float y)
{
    float a = pt_abs_f32(x), r;
    if (pt_iszero_f32(y) || x == 1.0f)
        return 1.0f;
    if (pt_isnan_f32(x) || pt_isnan_f32(y))
        return pt_nan_f32();
    if (pt_isinf_f32(y))
        return a == 1.0f ? 1.0f : (a > 1.0f) == (y > 0.0f) ? y * y : 0.0f;
    bool odd = pt_is_odd_f32(y);
    if (pt_iszero_f32(x) || pt_isinf_f32(x))
        r = pt_iszero_f32(x) == (pt_bits_f32_i32(y) < 0) ? pt_inf_f32() : 0.0f;
    else if (pt_bits_f32_i32(x) < 0 && pt_trunc_f32(y) != y)
        return pt_nan_f32();
    else
        r = pt_pow_positive_f32(pt_bits_i32_f32(pt_bits_f32_i32(x) & 0x7fffffff), y);
    return pt_bits_f32_i32(x) < 0 && odd ? -r : r;
}
#endif
#ifndef PT_HAVE_HYPOT_F32
/* Scaled by a power of two, so that squares neither overflow nor vanish. */
PT_INLINE float pt_hypot_f32(float x, float y)
{
    int ix = pt_bits_f32_i32(x) & 0x7fffffff, iy = pt_bits_f32_i32(y) & 0x7fffffff, e = (max(ix, iy) >> 23) - 127;
    if (ix == 0x7f800000 || iy == 0x7f800000)
        return pt_inf_f32();
    if (max(ix, iy) > 0x7f800000)
        return pt_nan_f32();
    float a = pt_scale_f32(pt_bits_i32_f32(max(ix, iy)), -e), b = pt_scale_f32(pt_bits_i32_f32(min(ix, iy)), -e);
    float ah = pt_high_f32(a);
    PT_PRECISE float al = a - ah, s = ah * ah + ((2.0f * ah + al) * al + b * b);
    return max(ix, iy) == 0 ? 0.0f : pt_scale_f32(pt_sqrt_f32(s), e);
}
#endif

/* ---- circles ---- */

/* 32 bits of 2/pi = 0.1010001... from word n on; word 0 holds the first bits behind the point, those before are 0. One
 * selection after the other: compilers make branches of selections inside of each other. */
PT_INLINE uint pt_two_over_pi(int n)
{
    uint w = n == 0 ? 0xa2f9836eu : 0u;
    w = n == 1 ? 0x4e441529u : w;
    w = n == 2 ? 0xfc2757d1u : w;
    w = n == 3 ? 0xf534ddc0u : w;
    w = n == 4 ? 0xdb629599u : w;
    w = n == 5 ? 0x3c439041u : w;
    return n == 6 ? 0xfe5163abu : w;
}
/* The 32 bits that start s bits behind the start of the word a, which b follows; s < 32. */
PT_INLINE uint pt_bits_across(uint a, uint b, int s)
{
    return (a << s) | ((b >> 1) >> (31 - s));
}
PT_INLINE bool pt_trig_is_small(float x)
{
    return pt_abs_f32(x) < 6000.0f;
}
/* x = quadrant * pi/2 + rest, |rest| <= pi/4 and a little. */
struct pt_turn {
    float rest;
    int quadrant;
};
/* Of small x: pi/2 in four parts, three of 12 bits. */
PT_INLINE pt_turn pt_trig_small_turn(float x)
{
    pt_turn t;
    float n = pt_floor_f32(x * 0.636619772f + 0.5f);
    PT_PRECISE float r = x - n * 1.5703125f;
    r = r - n * 0.000483751297f;
    r = r - n * 7.54953362e-8f;
    r = r - n * 2.56334406e-12f;
    t.rest = r;
    t.quadrant = pt_cvt_f32_i32(n);
    return t;
}
/* Payne and Hanek: the significand times those bits of 2/pi that count modulo 4, as a fixed-point number with 94 bits
 * behind the point. */
PT_INLINE pt_turn pt_trig_large_turn(float x)
{
    pt_turn t;
    int i = pt_bits_f32_i32(x), at = ((i >> 23) & 255) - 152, s = at & 31, n = at >> 5;
    uint m = pt_cvt_i32_u32((i & 0x7fffff) | 0x800000);
    uint a = pt_two_over_pi(n), b = pt_two_over_pi(n + 1), c = pt_two_over_pi(n + 2), d = pt_two_over_pi(n + 3);
    uint w0 = pt_bits_across(a, b, s), w1 = pt_bits_across(b, c, s), w2 = pt_bits_across(c, d, s);
    uint lo = m * w2, mid = m * w1, hi = m * w0, carry = pt_mulhi_u32(m, w2);
    mid += carry;
    hi += pt_mulhi_u32(m, w1) + (mid < carry ? 1u : 0u);
    int q = pt_cvt_u32_i32((hi + 0x20000000u) >> 30);
    /* The fraction, as a signed number of 2^-32 quarter turns. */
    bool flip = (hi & 0x20000000u) != 0u;
    uint ones = flip ? 0xffffffffu : 0u;
    hi = ((hi << 2) | (mid >> 30)) ^ ones;
    mid = ((mid << 2) | (lo >> 30)) ^ ones;
    int z = hi == 0u ? 32 + pt_clz_u32(mid | 1u) : pt_clz_u32(hi);
    uint top = z >= 32 ? mid << (z - 32) : z == 0 ? hi : (hi << z) | (mid >> (32 - z));
    float r = pt_cvt_i32_f32(pt_cvt_u32_i32(top >> 1)) * pt_bits_i32_f32((127 - 31 - z) << 23) * 1.57079633f;
    t.rest = flip != (i < 0) ? -r : r;
    t.quadrant = i < 0 ? -q : q;
    return t;
}
PT_INLINE pt_turn pt_trig_turn(float x)
{
    pt_turn t;
    if (pt_trig_is_small(x))
        t = pt_trig_small_turn(x);
    else
        t = pt_trig_large_turn(x);
    t.rest = (pt_bits_f32_i32(x) & 0x7fffffff) >= 0x7f800000 ? pt_nan_f32() : t.rest;
    return t;
}
PT_INLINE float pt_sin_poly_f32(float r)
{
    float z = r * r;
    return r + r * z * PT_POLY4(z, -0.166666672f, 0.00833332911f, -0.000198392925f, 2.71792965e-06f);
}
PT_INLINE float pt_cos_poly_f32(float r)
{
    float z = r * r;
    return 1.0f - (0.5f * z - z * z * PT_POLY3(z, 0.0416666456f, -0.00138873002f, 2.4431256e-05f));
}
PT_INLINE float pt_sin_of_f32(float r, int q)
{
    float y = (q & 1) != 0 ? pt_cos_poly_f32(r) : pt_sin_poly_f32(r);
    return (q & 2) != 0 ? -y : y;
}
#ifndef PT_HAVE_SIN_F32
PT_INLINE float pt_sin_f32(float x)
{
    pt_turn t = pt_trig_turn(x);
    float y = pt_sin_of_f32(t.rest, t.quadrant);
    return pt_isnan_f32(x) || pt_iszero_f32(x) ? x : y;
}
#endif
#ifndef PT_HAVE_COS_F32
PT_INLINE float pt_cos_f32(float x)
{
    pt_turn t = pt_trig_turn(x);
    float y = pt_sin_of_f32(t.rest, t.quadrant + 1);
    return pt_isnan_f32(x) ? x : y;
}
#endif
#ifndef PT_HAVE_TAN_F32
PT_INLINE float pt_tan_f32(float x)
{
    pt_turn q = pt_trig_turn(x);
    float r = q.rest, z = r * r, p = PT_POLY7(z, 0.333333492f, 0.133326381f, 0.0540628694f, 0.0212664697f,
            0.0108777322f, 3.49613729e-05f, 0.00440387521f);
    float t = r + r * z * p;
    t = (q.quadrant & 1) != 0 ? -pt_quotient_f32(1.0f, t) : t;
    return pt_isnan_f32(x) || pt_iszero_f32(x) ? x : t;
}
#endif

/* asin on [0, 1/2] */
PT_INLINE float pt_asin_poly_f32(float x)
{
    float z = x * x, p = PT_POLY6(z, 0.166666597f, 0.0750050396f, 0.0445169546f, 0.0318077169f, 0.014438604f,
            0.0375164524f);
    return x + x * z * p;
}
#ifndef PT_HAVE_ASIN_F32
PT_INLINE float pt_asin_f32(float x)
{
    float a = pt_abs_f32(x), y;
    if (!(a <= 1.0f))
        return pt_isnan_f32(x) ? x : pt_nan_f32();
    if (a <= 0.5f)
        y = pt_asin_poly_f32(a);
    else
        y = 1.57079633f - (2.0f * pt_asin_poly_f32(pt_sqrt_f32(0.5f - 0.5f * a)) + 4.37113883e-8f);
    return pt_copysign_f32(y, x);
}
#endif
#ifndef PT_HAVE_ACOS_F32
PT_INLINE float pt_acos_f32(float x)
{
    float a = pt_abs_f32(x);
    if (!(a <= 1.0f))
        return pt_isnan_f32(x) ? x : pt_nan_f32();
    if (a <= 0.5f)
        return 1.57079633f - (pt_copysign_f32(pt_asin_poly_f32(a), x) + 4.37113883e-8f);
    float y = 2.0f * pt_asin_poly_f32(pt_sqrt_f32(0.5f - 0.5f * a));
    return x < 0.0f ? 3.14159274f - (y + 8.74227766e-8f) : y;
}
#endif
/* atan of n/d >= 0: turned by pi/4 or pi/2 where that makes the argument small. */
PT_INLINE float pt_atan_ratio_f32(float n, float d)
{
    float base = 0.0f, low = 0.0f, t;
    if (n > 2.41421356f * d) {
        base = 1.57079633f;
        low = -4.37113883e-8f;
        t = -d / n;
    } else if (n > 0.414213562f * d) {
        base = 0.785398163f;
        low = -2.18556941e-8f;
        t = (n - d) / (n + d);
    } else {
        t = n / d;
    }
    float z = t * t, p = PT_POLY5(z, -0.333333164f, 0.19998467f, -0.142434508f, 0.105931677f, -0.0607650541f);
    return base + (t + (t * z * p + low));
}
#ifndef PT_HAVE_ATAN_F32
PT_INLINE float pt_atan_f32(float x)
{
    float a = pt_abs_f32(x), y = a > 1e10f ? 1.57079633f : pt_atan_ratio_f32(a, 1.0f);
    return pt_isnan_f32(x) || a < 1e-6f ? x : pt_copysign_f32(y, x);
}
#endif
#ifndef PT_HAVE_ATAN2_F32
/* 2^60 times a small positive float that is given as bits; of subnormals too, where the driver flushes them. */
PT_INLINE float pt_raise_f32(int bits)
{
    return bits < 0x800000 ? pt_cvt_i32_f32(bits) * 1.61558713e-27f : pt_bits_i32_f32(bits) * 1.15292150e18f;
}
PT_INLINE float pt_atan2_f32(float y, float x)
{
    int iy = pt_bits_f32_i32(y) & 0x7fffffff, ix = pt_bits_f32_i32(x) & 0x7fffffff;
    bool left = pt_bits_f32_i32(x) < 0;
    if (max(ix, iy) > 0x7f800000)
        return pt_nan_f32();
    /* Division is trusted between 2^-126 and 2^126 only. */
    bool tiny = max(ix, iy) < 0x20000000;
    float down = max(ix, iy) > 0x60000000 ? 8.67361738e-19f : 1.0f, a;
    float n = tiny ? pt_raise_f32(iy) : pt_bits_i32_f32(iy) * down;
    float d = tiny ? pt_raise_f32(ix) : pt_bits_i32_f32(ix) * down;
    int apart = (iy >> 23) - (ix >> 23);
    if (iy == 0 || (apart < -30 && left))
        a = 0.0f;
    else if (iy == 0x7f800000 && ix == 0x7f800000)
        a = 0.785398163f;
    else if (ix == 0 || apart > 30)
        a = 1.57079633f;
    else
        a = ix == 0x7f800000 ? 0.0f : pt_atan_ratio_f32(n, d);
    return pt_copysign_f32(left ? 3.14159274f - (a + 8.74227766e-8f) : a, y);
}
#endif

/* ---- hyperbolas ---- */

#ifndef PT_HAVE_SINH_F32
PT_INLINE float pt_sinh_f32(float x)
{
    float a = pt_abs_f32(x), z = x * x;
    if (pt_isnan_f32(x))
        return x;
    if (a < 1.0f)
        return a < 1e-4f ? x : x + x * z * PT_POLY4(z, 0.166666672f, 0.0083333496f, 0.000198361595f, 2.81695134e-06f);
    /* exp(a) overflows before sinh(a) does: exp(a)/2 = exp(a - 80) * exp(80)/2, in which a - 80 is exact. */
    float y = a > 85.0f ? pt_exp_f32(a - 80.0f) * 2.77031119e34f : pt_exp_f32(a);
    y = a > 85.0f ? y : 0.5f * y - 0.5f / y;
    return pt_copysign_f32(y, x);
}
#endif
#ifndef PT_HAVE_COSH_F32
PT_INLINE float pt_cosh_f32(float x)
{
    float a = pt_abs_f32(x);
    if (pt_isnan_f32(x))
        return x;
    if (a > 85.0f)
        return pt_exp_f32(a - 80.0f) * 2.77031119e34f;
    float y = pt_exp_f32(a);
    return 0.5f * y + 0.5f / y;
}
#endif
#ifndef PT_HAVE_TANH_F32
PT_INLINE float pt_tanh_f32(float x)
{
    float a = pt_abs_f32(x), z = x * x, p = PT_POLY6(z, -0.333333313f, 0.133332059f, -0.0539467484f, 0.0217006188f,
            -0.00817718171f, 0.00214275788f);
    float c = a > 10.0f ? 10.0f : a, y = 1.0f - 2.0f / (pt_exp_f32(2.0f * c) + 1.0f);
    return pt_isnan_f32(x) || a < 1e-4f ? x : a < 0.62f ? x + x * z * p : pt_copysign_f32(y, x);
}
#endif
#ifndef PT_HAVE_ASINH_F32
PT_INLINE float pt_asinh_f32(float x)
{
    float a = pt_abs_f32(x), z = x * x, y;
    if (pt_isnan_f32(x) || pt_isinf_f32(x) || a < 1e-4f)
        return x;
    if (a < 0.5f) {
        float p = PT_POLY5(z, 0.0749988928f, -0.0446132496f, 0.0300129484f, -0.0199799705f, 0.00916769356f);
        return x + x * z * (p * z - 0.166666657f);
    }
    if (a > 1e4f)
        y = pt_log_f32(a) + 0.693147181f;
    else
        y = pt_log1p_f32(a + z / (1.0f + pt_sqrt_f32(1.0f + z)));
    return pt_copysign_f32(y, x);
}
#endif
#ifndef PT_HAVE_ACOSH_F32
PT_INLINE float pt_acosh_f32(float x)
{
    if (!(x >= 1.0f))
        return pt_isnan_f32(x) ? x : pt_nan_f32();
    if (x > 1e4f)
        return pt_log_f32(x) + 0.693147181f;
    float t = x - 1.0f;
    return pt_log1p_f32(t + pt_sqrt_f32(2.0f * t + t * t));
}
#endif
#ifndef PT_HAVE_ATANH_F32
PT_INLINE float pt_atanh_f32(float x)
{
    float a = pt_abs_f32(x), z = x * x;
    if (!(a < 1.0f))
        return pt_isnan_f32(x) ? x : a == 1.0f ? pt_copysign_f32(pt_inf_f32(), x) : pt_nan_f32();
    if (a < 0.5f) {
        float p = PT_POLY6(z, 0.199997276f, 0.142948523f, 0.109671824f, 0.102826849f, 0.0245220661f, 0.175942361f);
        return a < 1e-4f ? x : x + x * z * (p * z + 0.333333373f);
    }
    return pt_copysign_f32(0.5f * pt_log1p_f32(2.0f * a / (1.0f - a)), x);
}
#endif
