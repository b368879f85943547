/* SPDX-License-Identifier: MIT
 *
 * The kernel dialect (README.md) in OpenCL C 1.2. Built-in functions are used where OpenCL promises about 4 ulp or better; the
 * others come from math.h. Memory formats narrower than 32 bits go through the bits, as core/base/dtype.c does. */

#pragma OPENCL FP_CONTRACT OFF
#ifdef cl_khr_fp64
#pragma OPENCL EXTENSION cl_khr_fp64 : enable
#define PT_F64
#endif
#define PT_OPENCL

typedef long pt_i64;
typedef ulong pt_u64;

/* ---- geometry, shared memory ---- */

#define GROUP_ID() ((int)get_group_id(0))
#define LOCAL_ID() ((int)get_local_id(0))
#define GLOBAL_ID() (GROUP_ID() * LOCAL_SIZE + LOCAL_ID())
#define SHARED(type, name, count) __local type name[count]
#define BARRIER() barrier(CLK_LOCAL_MEM_FENCE | CLK_GLOBAL_MEM_FENCE)

/* ---- literals, bits ---- */

#define pt_lit_i64(hi, lo) ((long)(((ulong)(uint)(hi) << 32) | (uint)(lo)))
#define pt_lit_u64(hi, lo) (((ulong)(uint)(hi) << 32) | (uint)(lo))
#define pt_inf_f32() INFINITY
#define pt_nan_f32() NAN
#define pt_bits_f32_i32(x) as_int((float)(x))
#define pt_bits_i32_f32(x) as_float((int)(x))
#define pt_bits_f32_u32(x) as_uint((float)(x))
#define pt_bits_u32_f32(x) as_float((uint)(x))

/* ---- conversions ---- */

#define pt_cvt_bool_i32(x) ((x) ? 1 : 0)
#define pt_cvt_bool_u32(x) ((x) ? 1u : 0u)
#define pt_cvt_bool_i64(x) ((x) ? 1L : 0L)
#define pt_cvt_bool_u64(x) ((x) ? 1UL : 0UL)
#define pt_cvt_bool_f32(x) ((x) ? 1.0f : 0.0f)
#define pt_cvt_i32_bool(x) ((x) != 0)
#define pt_cvt_u32_bool(x) ((x) != 0u)
#define pt_cvt_i64_bool(x) ((x) != 0L)
#define pt_cvt_u64_bool(x) ((x) != 0UL)
#define pt_cvt_f32_bool(x) ((x) != 0.0f)
#define pt_cvt_i32_u32(x) ((uint)(x))
#define pt_cvt_i32_i64(x) ((long)(x))
#define pt_cvt_i32_u64(x) ((ulong)(long)(x))
#define pt_cvt_i32_f32(x) ((float)(x))
#define pt_cvt_u32_i32(x) ((int)(x))
#define pt_cvt_u32_i64(x) ((long)(x))
#define pt_cvt_u32_u64(x) ((ulong)(x))
#define pt_cvt_u32_f32(x) ((float)(x))
#define pt_cvt_i64_i32(x) ((int)(x))
#define pt_cvt_i64_u32(x) ((uint)(x))
#define pt_cvt_i64_u64(x) ((ulong)(x))
#define pt_cvt_i64_f32(x) ((float)(x))
#define pt_cvt_u64_i32(x) ((int)(x))
#define pt_cvt_u64_u32(x) ((uint)(x))
#define pt_cvt_u64_i64(x) ((long)(x))
#define pt_cvt_u64_f32(x) ((float)(x))
#define pt_cvt_f32_i32(x) ((int)(x))
#define pt_cvt_f32_u32(x) ((uint)(long)(x))
#define pt_cvt_f32_i64(x) ((long)(x))
/* Negative numbers wrap, as they do where PyTorch runs. */
static ulong pt_cvt_f32_u64(float x) { return x < 9223372036854775808.0f ? (ulong)(long)x : (ulong)x; }

/* ---- loads and stores ---- */

#define pt_ld_bool(b, i) ((b)[i] != 0)
#define pt_ld_u8(b, i) ((int)(b)[i])
#define pt_ld_i8(b, i) ((int)(b)[i])
#define pt_ld_u16(b, i) ((int)(b)[i])
#define pt_ld_i16(b, i) ((int)(b)[i])
#define pt_ld_u32(b, i) ((b)[i])
#define pt_ld_i32(b, i) ((b)[i])
#define pt_ld_u64(b, i) ((b)[i])
#define pt_ld_i64(b, i) ((b)[i])
#define pt_ld_f32(b, i) ((b)[i])
#define pt_ld_f64(b, i) ((b)[i])
#define pt_ld_f16(b, i) vload_half(i, (const __global half *)(b))
#define pt_ld_bf16(b, i) as_float((uint)(b)[i] << 16)
#define pt_ld_f8e4m3fn(b, i) pt_from_f8e4m3fn((b)[i])
#define pt_ld_f8e5m2(b, i) pt_from_f8e5m2((b)[i])
#define pt_ld_f8e4m3fnuz(b, i) pt_from_f8e4m3fnuz((b)[i])
#define pt_ld_f8e5m2fnuz(b, i) pt_from_f8e5m2fnuz((b)[i])
#define pt_ld_f8e8m0fnu(b, i) pt_from_f8e8m0fnu((b)[i])

#define pt_st_bool(b, i, v) ((b)[i] = (v) ? 1 : 0)
#define pt_st_u8(b, i, v) ((b)[i] = (uchar)(v))
#define pt_st_i8(b, i, v) ((b)[i] = (char)(v))
#define pt_st_u16(b, i, v) ((b)[i] = (ushort)(v))
#define pt_st_i16(b, i, v) ((b)[i] = (short)(v))
#define pt_st_u32(b, i, v) ((b)[i] = (v))
#define pt_st_i32(b, i, v) ((b)[i] = (v))
#define pt_st_u64(b, i, v) ((b)[i] = (v))
#define pt_st_i64(b, i, v) ((b)[i] = (v))
#define pt_st_f32(b, i, v) ((b)[i] = (v))
#define pt_st_f64(b, i, v) ((b)[i] = (v))
#define pt_st_f16(b, i, v) pt_put_f16((b) + (i), v)
#define pt_st_bf16(b, i, v) ((b)[i] = pt_to_bf16(v))
#define pt_st_f8e4m3fn(b, i, v) ((b)[i] = pt_to_f8e4m3fn(v))
#define pt_st_f8e5m2(b, i, v) ((b)[i] = pt_to_f8e5m2(v))
#define pt_st_f8e4m3fnuz(b, i, v) ((b)[i] = pt_to_f8e4m3fnuz(v))
#define pt_st_f8e5m2fnuz(b, i, v) ((b)[i] = pt_to_f8e5m2fnuz(v))
#define pt_st_f8e8m0fnu(b, i, v) ((b)[i] = pt_to_f8e8m0fnu(v))

static void pt_put_f16(__global ushort *p, float v)
{
    uint u = as_uint(v);
    if ((u & 0x7fffffffu) > 0x7f800000u)
        *p = (ushort)(((u >> 16) & 0x8000u) | 0x7e00u);
    else
        vstore_half_rte(v, 0, (__global half *)p);
}

static ushort pt_to_bf16(float v)
{
    uint u = as_uint(v);
    return (u & 0x7fffffffu) > 0x7f800000u ? (ushort)0x7fc0 : (ushort)((u + 0x7fffu + ((u >> 16) & 1u)) >> 16);
}

/* |f| in units of the smallest subnormal of a format with m bits of mantissa: its bits. See core/base/dtype.c. */
static uint pt_round_small(uint a, int m, int bias)
{
    int e = (int)(a >> 23) - 127 + bias, shift = 23 - m;
    uint v = ((uint)e << 23) | (a & 0x7fffffu);
    if (e < 1) {
        v = (a & 0x7fffffu) | 0x800000u;
        shift += 1 - e;
        if (a < 0x800000u || shift > 24)
            return 0u;
    }
    return (v + (1u << (shift - 1)) - 1u + ((v >> shift) & 1u)) >> shift;
}

static uchar pt_to_f8e4m3fn(float v)
{
    uint u = as_uint(v), a = u & 0x7fffffffu;
    uint r = a >= 0x43f00000u ? 0x7fu : min(pt_round_small(a, 3, 7), 0x7fu);
    return (uchar)(((u >> 24) & 0x80u) | r);
}

static uchar pt_to_f8e5m2(float v)
{
    uint u = as_uint(v), a = u & 0x7fffffffu;
    uint r = a > 0x7f800000u ? 0x7fu : a >= 0x47800000u ? 0x7cu : min(pt_round_small(a, 2, 15), 0x7cu);
    return (uchar)(((u >> 24) & 0x80u) | r);
}

static uchar pt_to_fnuz(uint u, int m, int bias, uint limit)
{
    uint a = u & 0x7fffffffu;
    uint r = a >= limit ? 0x80u : pt_round_small(a, m, bias);
    return (uchar)(r > 0x7fu ? 0x80u : r ? ((u >> 24) & 0x80u) | r : 0u);
}

static uchar pt_to_f8e4m3fnuz(float v) { return pt_to_fnuz(as_uint(v), 3, 8, 0x43800000u); }
static uchar pt_to_f8e5m2fnuz(float v) { return pt_to_fnuz(as_uint(v), 2, 16, 0x47800000u); }

static uchar pt_to_f8e8m0fnu(float v)
{
    uint a = as_uint(v) & 0x7fffffffu, e = a >> 23, low = a & 0x3fffffu;
    if (a >= 0x7f800000u)
        return (uchar)0xff;
    return (uchar)(e + ((a & 0x400000u) && (e > 0u || low) && (low || (e & 1u)) ? 1u : 0u));
}

static float pt_from_small(uint a, int m, int bias, float unit)
{
    uint e = a >> m, mant = a & ((1u << m) - 1u);
    return e ? as_float(((uint)((int)e - bias + 127) << 23) | (mant << (23 - m))) : (float)mant * unit;
}

static float pt_from_f8e4m3fn(uint b)
{
    uint a = b & 0x7fu;
    float f = a == 0x7fu ? NAN : pt_from_small(a, 3, 7, 0x1p-9f);
    return b & 0x80u ? -f : f;
}

static float pt_from_f8e5m2(uint b)
{
    uint a = b & 0x7fu;
    float f = a > 0x7cu ? NAN : a == 0x7cu ? INFINITY : pt_from_small(a, 2, 15, 0x1p-16f);
    return b & 0x80u ? -f : f;
}

static float pt_from_f8e4m3fnuz(uint b)
{
    float f = b == 0x80u ? NAN : pt_from_small(b & 0x7fu, 3, 8, 0x1p-10f);
    return b & 0x80u ? -f : f;
}

static float pt_from_f8e5m2fnuz(uint b)
{
    float f = b == 0x80u ? NAN : pt_from_small(b & 0x7fu, 2, 16, 0x1p-17f);
    return b & 0x80u ? -f : f;
}

static float pt_from_f8e8m0fnu(uint b)
{
    return b == 0xffu ? NAN : as_float(b ? b << 23 : 0x400000u);
}

/* ---- integers: W the wider spelling of the operations that must wrap ---- */

#define PT_INT_COMMON(T, S, U)                                                                                        \
    static T pt_min_##S(T a, T b) { return a < b ? a : b; }                                                           \
    static T pt_max_##S(T a, T b) { return a > b ? a : b; }                                                           \
    static T pt_truncdiv_##S(T a, T b) { return b == 0 ? 0 : PT_MINUS_ONE_##S(b) ? (T)(0 - (U)a) : a / b; }           \
    static T pt_rem_##S(T a, T b) { return b == 0 || PT_MINUS_ONE_##S(b) ? 0 : a % b; }                               \
    static U pt_pow_bits_##S(U a, U n)                                                                                \
    {                                                                                                                 \
        U r = 1;                                                                                                      \
        for (; n; n >>= 1, a *= a)                                                                                    \
            r = n & 1 ? r * a : r;                                                                                    \
        return r;                                                                                                     \
    }                                                                                                                 \
    static U pt_gcd_bits_##S(U a, U b)                                                                                \
    {                                                                                                                 \
        while (b) {                                                                                                   \
            U t = a % b;                                                                                              \
            a = b;                                                                                                    \
            b = t;                                                                                                    \
        }                                                                                                             \
        return a;                                                                                                     \
    }

#define PT_INT_SIGNED(T, S, U, BITS)                                                                                  \
    PT_INT_COMMON(T, S, U)                                                                                            \
    static T pt_abs_##S(T a) { return a < 0 ? (T)(0 - (U)a) : a; }                                                    \
    static T pt_floordiv_##S(T a, T b)                                                                                \
    {                                                                                                                 \
        T q = pt_truncdiv_##S(a, b);                                                                                  \
        return pt_rem_##S(a, b) != 0 && (a < 0) != (b < 0) ? q - 1 : q;                                               \
    }                                                                                                                 \
    static T pt_floormod_##S(T a, T b)                                                                                \
    {                                                                                                                 \
        T r = pt_rem_##S(a, b);                                                                                       \
        return r != 0 && (r < 0) != (b < 0) ? r + b : r;                                                              \
    }                                                                                                                 \
    static T pt_pow_##S(T a, T n)                                                                                     \
    {                                                                                                                 \
        if (n < 0)                                                                                                    \
            return a == 1 ? 1 : a == -1 ? (n & 1 ? -1 : 1) : 0;                                                       \
        return (T)pt_pow_bits_##S((U)a, (U)n);                                                                        \
    }                                                                                                                 \
    static T pt_gcd_##S(T a, T b) { return (T)pt_gcd_bits_##S((U)pt_abs_##S(a), (U)pt_abs_##S(b)); }                  \
    static T pt_shl_##S(T a, T n) { return (U)n >= BITS ? 0 : (T)((U)a << n); }                                       \
    static T pt_shr_##S(T a, T n) { return (U)n >= BITS ? (a < 0 ? -1 : 0) : a >> n; }

#define PT_INT_UNSIGNED(T, S, BITS)                                                                                   \
    PT_INT_COMMON(T, S, T)                                                                                            \
    static T pt_abs_##S(T a) { return a; }                                                                            \
    static T pt_floordiv_##S(T a, T b) { return pt_truncdiv_##S(a, b); }                                              \
    static T pt_floormod_##S(T a, T b) { return pt_rem_##S(a, b); }                                                   \
    static T pt_pow_##S(T a, T n) { return pt_pow_bits_##S(a, n); }                                                   \
    static T pt_gcd_##S(T a, T b) { return pt_gcd_bits_##S(a, b); }                                                   \
    static T pt_shl_##S(T a, T n) { return n >= BITS ? 0 : a << n; }                                                  \
    static T pt_shr_##S(T a, T n) { return n >= BITS ? 0 : a >> n; }

/* What traps on CPUs besides a division by zero. */
#define PT_MINUS_ONE_i32(b) ((b) == -1)
#define PT_MINUS_ONE_i64(b) ((b) == -1)
#define PT_MINUS_ONE_u32(b) false
#define PT_MINUS_ONE_u64(b) false

PT_INT_SIGNED(int, i32, uint, 32)
PT_INT_UNSIGNED(uint, u32, 32)
PT_INT_SIGNED(long, i64, ulong, 64)
PT_INT_UNSIGNED(ulong, u64, 64)

#define pt_neg_i64(a) ((long)(0 - (ulong)(a)))
#define pt_add_i64(a, b) ((long)((ulong)(a) + (ulong)(b)))
#define pt_sub_i64(a, b) ((long)((ulong)(a) - (ulong)(b)))
#define pt_mul_i64(a, b) ((long)((ulong)(a) * (ulong)(b)))
#define pt_and_i64(a, b) ((a) & (b))
#define pt_or_i64(a, b) ((a) | (b))
#define pt_xor_i64(a, b) ((a) ^ (b))
#define pt_not_i64(a) (~(a))
#define pt_lt_i64(a, b) ((a) < (b))
#define pt_le_i64(a, b) ((a) <= (b))
#define pt_eq_i64(a, b) ((a) == (b))
#define pt_ne_i64(a, b) ((a) != (b))
#define pt_neg_u64(a) (0 - (a))
#define pt_add_u64(a, b) ((a) + (b))
#define pt_sub_u64(a, b) ((a) - (b))
#define pt_mul_u64(a, b) ((a) * (b))
#define pt_and_u64(a, b) ((a) & (b))
#define pt_or_u64(a, b) ((a) | (b))
#define pt_xor_u64(a, b) ((a) ^ (b))
#define pt_not_u64(a) (~(a))
#define pt_lt_u64(a, b) ((a) < (b))
#define pt_le_u64(a, b) ((a) <= (b))
#define pt_eq_u64(a, b) ((a) == (b))
#define pt_ne_u64(a, b) ((a) != (b))

static int pt_check(int i, int n)
{
    i = i < 0 ? i + n : i;
    return i < 0 ? 0 : i >= n ? n - 1 : i;
}

static float pt_random(int seed, int counter)
{
    uint k0 = (uint)seed, k1 = 0u, c0 = (uint)counter, c1 = 0u, c2 = 0u, c3 = 0u;
    for (int i = 0; i < 10; i++) {
        uint lo0 = 0xd2511f53u * c0, hi0 = mul_hi(0xd2511f53u, c0);
        uint lo1 = 0xcd9e8d57u * c2, hi1 = mul_hi(0xcd9e8d57u, c2);
        c0 = hi1 ^ c1 ^ k0;
        c1 = lo1;
        c2 = hi0 ^ c3 ^ k1;
        c3 = lo0;
        k0 += 0x9e3779b9u;
        k1 += 0xbb67ae85u;
    }
    return (float)(c0 >> 8) * 0x1p-24f;
}

/* ---- floats ---- */

#ifdef PT_FAST_FMA
#define pt_fma_f32(a, b, c) fma((float)(a), (float)(b), (float)(c))
#define pt_fma_f64(a, b, c) fma((double)(a), (double)(b), (double)(c))
#else
#define pt_fma_f32(a, b, c) ((a) * (b) + (c))
#define pt_fma_f64(a, b, c) ((a) * (b) + (c))
#endif

/* What both float types have in common; div_floor_floating is c10's. */
#define PT_FLOAT(T, S)                                                                                                \
    static bool pt_isnan_##S(T x) { return x != x; }                                                                  \
    static T pt_min_##S(T a, T b) { return a < b || a != a ? a : b; }                                                 \
    static T pt_max_##S(T a, T b) { return a > b || a != a ? a : b; }                                                 \
    static T pt_abs_##S(T a) { return fabs(a); }                                                                      \
    static T pt_neg_##S(T a) { return -a; }                                                                           \
    static T pt_truncdiv_##S(T a, T b) { return trunc(a / b); }                                                       \
    static T pt_rem_##S(T a, T b) { return fmod(a, b); }                                                              \
    static T pt_floormod_##S(T a, T b)                                                                                \
    {                                                                                                                 \
        T m = fmod(a, b);                                                                                             \
        return m != 0 && (b < 0) != (m < 0) ? m + b : m;                                                              \
    }                                                                                                                 \
    static T pt_floordiv_##S(T a, T b)                                                                                \
    {                                                                                                                 \
        if (b == 0)                                                                                                   \
            return a / b;                                                                                             \
        T m = fmod(a, b), d = (a - m) / b;                                                                            \
        if (m != 0 && (b < 0) != (m < 0))                                                                             \
            d -= 1;                                                                                                   \
        if (d == 0)                                                                                                   \
            return copysign((T)0, a / b);                                                                             \
        T f = floor(d);                                                                                               \
        return d - f > (T)0.5f ? f + 1 : f;                                                                           \
    }                                                                                                                 \
    static T pt_sqrt_##S(T x) { return sqrt(x); }                                                                     \
    static T pt_rsqrt_##S(T x) { return rsqrt(x); }                                                                   \
    static T pt_exp_##S(T x) { return exp(x); }                                                                       \
    static T pt_exp2_##S(T x) { return exp2(x); }                                                                     \
    static T pt_expm1_##S(T x) { return expm1(x); }                                                                   \
    static T pt_log_##S(T x) { return log(x); }                                                                       \
    static T pt_log2_##S(T x) { return log2(x); }                                                                     \
    static T pt_log10_##S(T x) { return log10(x); }                                                                   \
    static T pt_log1p_##S(T x) { return log1p(x); }                                                                   \
    static T pt_sin_##S(T x) { return sin(x); }                                                                       \
    static T pt_cos_##S(T x) { return cos(x); }                                                                       \
    static T pt_tan_##S(T x) { return tan(x); }                                                                       \
    static T pt_asin_##S(T x) { return asin(x); }                                                                     \
    static T pt_acos_##S(T x) { return acos(x); }                                                                     \
    static T pt_atan_##S(T x) { return atan(x); }                                                                     \
    static T pt_sinh_##S(T x) { return sinh(x); }                                                                     \
    static T pt_cosh_##S(T x) { return cosh(x); }                                                                     \
    static T pt_tanh_##S(T x) { return tanh(x); }                                                                     \
    static T pt_asinh_##S(T x) { return asinh(x); }                                                                   \
    static T pt_acosh_##S(T x) { return acosh(x); }                                                                   \
    static T pt_atanh_##S(T x) { return atanh(x); }                                                                   \
    static T pt_atan2_##S(T y, T x) { return atan2(y, x); }                                                           \
    static T pt_hypot_##S(T x, T y) { return hypot(x, y); }                                                           \
    static T pt_nextafter_##S(T x, T y) { return nextafter(x, y); }                                                   \
    static T pt_copysign_##S(T x, T y) { return copysign(x, y); }                                                     \
    static T pt_floor_##S(T x) { return floor(x); }                                                                   \
    static T pt_ceil_##S(T x) { return ceil(x); }                                                                     \
    static T pt_trunc_##S(T x) { return trunc(x); }                                                                   \
    static T pt_round_##S(T x) { return rint(x); }

PT_FLOAT(float, f32)

#ifdef PT_F64
PT_FLOAT(double, f64)

#define pt_lit_f64(x) ((double)(x))
#define pt_inf_f64() ((double)INFINITY)
#define pt_nan_f64() ((double)NAN)
#define pt_bits_f64_i64(x) as_long((double)(x))
#define pt_bits_i64_f64(x) as_double((long)(x))
#define pt_bits_f64_u64(x) as_ulong((double)(x))
#define pt_bits_u64_f64(x) as_double((ulong)(x))
#define pt_cvt_bool_f64(x) ((x) ? 1.0 : 0.0)
#define pt_cvt_i32_f64(x) ((double)(x))
#define pt_cvt_u32_f64(x) ((double)(x))
#define pt_cvt_i64_f64(x) ((double)(x))
#define pt_cvt_u64_f64(x) ((double)(x))
#define pt_cvt_f32_f64(x) ((double)(x))
#define pt_cvt_f64_bool(x) ((x) != 0.0)
#define pt_cvt_f64_i32(x) ((int)(x))
#define pt_cvt_f64_u32(x) ((uint)(long)(x))
#define pt_cvt_f64_i64(x) ((long)(x))
#define pt_cvt_f64_f32(x) ((float)(x))
static ulong pt_cvt_f64_u64(double x) { return x < 9223372036854775808.0 ? (ulong)(long)x : (ulong)x; }
static double pt_pow_f64(double x, double y) { return pow(x, y); }
static double pt_erf_f64(double x) { return erf(x); }
static double pt_erfc_f64(double x) { return erfc(x); }
static double pt_lgamma_f64(double x) { return lgamma(x); }
#endif
