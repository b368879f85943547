/* SPDX-License-Identifier: MIT
 * Functions of the kernel dialect that GLSL and OpenCL C share: written in the subset of both, for float, int and uint. A prelude that has a
 * better one defines PT_HAVE_<NAME>, for example PT_HAVE_EXP_F32, before this text, and gives its own meaning to the name.
 *
 * A prelude also gives: PT_PRECISE (before a float variable: no contraction, no reassociation on the way to it), pt_mulhi_u32, pt_clz_u32,
 * conversions, reinterpretations, pt_floor_f32 … pt_round_f32, pt_sqrt_f32, pt_isnan_f32, pt_inf_f32, pt_nan_f32, PT_INT64, PT_FLOAT64.
 *
 * The driver's arithmetic is trusted only as far as Vulkan promises it: + - * are correctly rounded, a division is off by 2.5 ulp, subnormals may be
 * flushed (so exponents are taken from bits, not found by multiplying), NaN is tested on bits. */

/* ---- small floats: bits of the storage type, as uint; the reference is core/base/dtype.c ---- */

/* Rounds |x|, given as bits, to m mantissa bits and an exponent bias, as the bits of the small type. */
uint pt_round_small(int a, int m, int bias)
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
float pt_dec_small(uint a, int m, int bias)
{
    int b = pt_cvt_u32_i32(a), e = b >> m, f = b & ((1 << m) - 1);
    if (e == 0)
        return pt_cvt_i32_f32(f) * pt_bits_i32_f32((128 - bias - m) << 23);
    return pt_bits_i32_f32(((e - bias + 127) << 23) | (f << (23 - m)));
}
float pt_signed_small(float magnitude, uint sign)
{
    return sign != 0u ? -magnitude : magnitude;
}
uint pt_enc_f16(float x)
{
    int u = pt_bits_f32_i32(x), a = u & 0x7fffffff;
    uint sign = u < 0 ? 0x8000u : 0u;
    if (a > 0x7f800000)
        return sign | 0x7e00u;
    return sign | (a >= 0x47800000 ? 0x7c00u : pt_round_small(a, 10, 15));
}
float pt_dec_f16(uint h)
{
    uint a = h & 0x7fffu;
    if (a >= 0x7c00u)
        return pt_bits_i32_f32(pt_cvt_u32_i32(((h & 0x8000u) << 16) | 0x7f800000u | ((a & 0x3ffu) << 13)));
    return pt_signed_small(pt_dec_small(a, 10, 15), h & 0x8000u);
}
uint pt_enc_bf16(float x)
{
    int u = pt_bits_f32_i32(x);
    if ((u & 0x7fffffff) > 0x7f800000)
        return 0x7fc0u;
    return pt_cvt_i32_u32((u + 0x7fff + ((u >> 16) & 1)) >> 16) & 0xffffu;
}
uint pt_enc_f8e4m3fn(float x)
{
    int u = pt_bits_f32_i32(x), a = u & 0x7fffffff;
    uint sign = u < 0 ? 0x80u : 0u, r = a >= 0x43f00000 ? 0x7fu : pt_round_small(a, 3, 7);
    return sign | (r > 0x7fu ? 0x7fu : r);
}
float pt_dec_f8e4m3fn(uint b)
{
    uint a = b & 0x7fu;
    return a == 0x7fu ? pt_nan_f32() : pt_signed_small(pt_dec_small(a, 3, 7), b & 0x80u);
}
uint pt_enc_f8e5m2(float x)
{
    int u = pt_bits_f32_i32(x), a = u & 0x7fffffff;
    uint sign = u < 0 ? 0x80u : 0u, r = a >= 0x47800000 ? 0x7cu : pt_round_small(a, 2, 15);
    if (a > 0x7f800000)
        return sign | 0x7fu;
    return sign | (r > 0x7cu ? 0x7cu : r);
}
float pt_dec_f8e5m2(uint b)
{
    uint a = b & 0x7fu;
    if (a > 0x7cu)
        return pt_nan_f32();
    return pt_signed_small(a == 0x7cu ? pt_inf_f32() : pt_dec_small(a, 2, 15), b & 0x80u);
}
/* The types with one zero and one NaN; `limit` is the first magnitude that is too large, as bits. */
uint pt_enc_f8fnuz(float x, int m, int bias, int limit)
{
    int u = pt_bits_f32_i32(x), a = u & 0x7fffffff;
    uint r = a >= limit ? 0x80u : pt_round_small(a, m, bias);
    if (r > 0x7fu)
        return 0x80u;
    return r != 0u && u < 0 ? r | 0x80u : r;
}
float pt_dec_f8fnuz(uint b, int m, int bias)
{
    return b == 0x80u ? pt_nan_f32() : pt_signed_small(pt_dec_small(b & 0x7fu, m, bias), b & 0x80u);
}
uint pt_enc_f8e8m0fnu(float x)
{
    int a = pt_bits_f32_i32(x) & 0x7fffffff, e = a >> 23;
    bool up = (a & 0x400000) != 0 && (e > 0 || (a & 0x3fffff) != 0) && ((a & 0x3fffff) != 0 || (e & 1) != 0);
    return a >= 0x7f800000 ? 0xffu : pt_cvt_i32_u32(up ? e + 1 : e);
}
float pt_dec_f8e8m0fnu(uint b)
{
    int e = pt_cvt_u32_i32(b);
    return b == 0xffu ? pt_nan_f32() : pt_bits_i32_f32(e == 0 ? 0x400000 : e << 23);
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

/* The driver divides by -1 as everything else does, but for the smallest integer, where CPUs trap: negate instead. */
#define PT_SIGNED_DIVISION(s, T, zero, one)                                          \
    T pt_truncdiv_##s(T a, T b)                                                      \
    {                                                                                \
        if (b == zero)                                                               \
            return zero;                                                             \
        return b == -one ? zero - a : a / b;                                         \
    }                                                                                \
    T pt_rem_##s(T a, T b)                                                           \
    {                                                                                \
        return b == zero ? zero : a - pt_truncdiv_##s(a, b) * b;                     \
    }                                                                                \
    T pt_floordiv_##s(T a, T b)                                                      \
    {                                                                                \
        T q = pt_truncdiv_##s(a, b), r = a - q * b;                                  \
        return b != zero && r != zero && (r < zero) != (b < zero) ? q - one : q;     \
    }                                                                                \
    T pt_floormod_##s(T a, T b)                                                      \
    {                                                                                \
        T r = pt_rem_##s(a, b);                                                      \
        return r != zero && (r < zero) != (b < zero) ? r + b : r;                    \
    }                                                                                \
    T pt_abs_##s(T a)                                                                \
    {                                                                                \
        return a < zero ? zero - a : a;                                              \
    }
#define PT_UNSIGNED_DIVISION(s, T, zero)                                             \
    T pt_truncdiv_##s(T a, T b)                                                      \
    {                                                                                \
        return b == zero ? zero : a / b;                                             \
    }                                                                                \
    T pt_rem_##s(T a, T b)                                                           \
    {                                                                                \
        return b == zero ? zero : a % b;                                             \
    }
PT_SIGNED_DIVISION(i32, int, 0, 1)
PT_UNSIGNED_DIVISION(u32, uint, 0u)

uint pt_pow_u32(uint a, uint n)
{
    uint r = 1u;
    for (; n != 0u; n >>= 1) {
        if ((n & 1u) != 0u)
            r *= a;
        a *= a;
    }
    return r;
}
int pt_pow_i32(int a, int n)
{
    if (n < 0)
        return a == 1 ? 1 : a == -1 ? ((n & 1) != 0 ? -1 : 1) : 0;
    return pt_cvt_u32_i32(pt_pow_u32(pt_cvt_i32_u32(a), pt_cvt_i32_u32(n)));
}
uint pt_gcd_u32(uint a, uint b)
{
    while (b != 0u) {
        uint r = a % b;
        a = b;
        b = r;
    }
    return a;
}
int pt_gcd_i32(int a, int b)
{
    return pt_cvt_u32_i32(pt_gcd_u32(pt_cvt_i32_u32(pt_abs_i32(a)), pt_cvt_i32_u32(pt_abs_i32(b))));
}

#if PT_INT64
#define pt_neg_i64(a) (-(a))
#define pt_neg_u64(a) (-(a))
#define pt_add_i64(a, b) ((a) + (b))
#define pt_add_u64(a, b) ((a) + (b))
#define pt_sub_i64(a, b) ((a) - (b))
#define pt_sub_u64(a, b) ((a) - (b))
#define pt_mul_i64(a, b) ((a) * (b))
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
PT_SIGNED_DIVISION(i64, pt_i64, pt_lit_i64(0, 0u), pt_lit_i64(0, 1u))
PT_UNSIGNED_DIVISION(u64, pt_u64, pt_lit_u64(0, 0u))

pt_u64 pt_shl_u64(pt_u64 a, pt_u64 n)
{
    return n > pt_lit_u64(0, 63u) ? pt_lit_u64(0, 0u) : a << pt_cvt_u64_i32(n);
}
pt_u64 pt_shr_u64(pt_u64 a, pt_u64 n)
{
    return n > pt_lit_u64(0, 63u) ? pt_lit_u64(0, 0u) : a >> pt_cvt_u64_i32(n);
}
pt_i64 pt_shl_i64(pt_i64 a, pt_i64 n)
{
    return pt_cvt_u64_i64(pt_shl_u64(pt_cvt_i64_u64(a), pt_cvt_i64_u64(n)));
}
pt_i64 pt_shr_i64(pt_i64 a, pt_i64 n)
{
    return a >> (pt_cvt_i64_u64(n) > pt_lit_u64(0, 63u) ? 63 : pt_cvt_i64_i32(n));
}
#else
pt_i64 pt_floormod_i64(pt_i64 a, pt_i64 b)
{
    pt_i64 r = pt_rem_i64(a, b), zero = pt_lit_i64(0, 0u);
    return pt_ne_i64(r, zero) && pt_lt_i64(r, zero) != pt_lt_i64(b, zero) ? pt_add_i64(r, b) : r;
}
pt_i64 pt_floordiv_i64(pt_i64 a, pt_i64 b)
{
    return pt_truncdiv_i64(pt_sub_i64(a, pt_floormod_i64(a, b)), b);
}
#endif

/* The rest is the same for one word or two. */
pt_i64 pt_min_i64(pt_i64 a, pt_i64 b)
{
    return pt_lt_i64(b, a) ? b : a;
}
pt_i64 pt_max_i64(pt_i64 a, pt_i64 b)
{
    return pt_lt_i64(a, b) ? b : a;
}
pt_u64 pt_min_u64(pt_u64 a, pt_u64 b)
{
    return pt_lt_u64(b, a) ? b : a;
}
pt_u64 pt_max_u64(pt_u64 a, pt_u64 b)
{
    return pt_lt_u64(a, b) ? b : a;
}
pt_u64 pt_pow_u64(pt_u64 a, pt_u64 n)
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
pt_i64 pt_pow_i64(pt_i64 a, pt_i64 n)
{
    pt_i64 zero = pt_lit_i64(0, 0u), one = pt_lit_i64(0, 1u), minus = pt_lit_i64(-1, 0xffffffffu);
    if (pt_lt_i64(n, zero)) {
        bool odd = pt_eq_i64(pt_and_i64(n, one), one);
        return pt_eq_i64(a, one) || (pt_eq_i64(a, minus) && !odd) ? one : pt_eq_i64(a, minus) ? minus : zero;
    }
    return pt_cvt_u64_i64(pt_pow_u64(pt_cvt_i64_u64(a), pt_cvt_i64_u64(n)));
}
pt_u64 pt_gcd_u64(pt_u64 a, pt_u64 b)
{
    while (pt_ne_u64(b, pt_lit_u64(0, 0u))) {
        pt_u64 r = pt_rem_u64(a, b);
        a = b;
        b = r;
    }
    return a;
}
pt_i64 pt_gcd_i64(pt_i64 a, pt_i64 b)
{
    return pt_cvt_u64_i64(pt_gcd_u64(pt_cvt_i64_u64(pt_abs_i64(a)), pt_cvt_i64_u64(pt_abs_i64(b))));
}

int pt_check(int i, int n)
{
    return max(min(i < 0 ? i + n : i, n - 1), 0);
}

/* Philox4x32-10 (Salmon et al. 2011). */
float pt_random(int seed, int counter)
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
