/* SPDX-License-Identifier: MIT
 *
 * The kernel dialect (README.md) in OpenCL C 1.2, products of bytes in 3.0. Built-in functions are used where OpenCL
 * promises about 4 ulp or better; what else is needed comes from math.h and math64.h, which follow this text. */

#pragma OPENCL FP_CONTRACT OFF
#define PT_OPENCL 1
#define PT_INT64 1
#ifdef cl_khr_fp64
#pragma OPENCL EXTENSION cl_khr_fp64 : enable
#define PT_FLOAT64 1
#define PT_FLOAT64_MATH 1
#else
#define PT_FLOAT64 0
#define PT_FLOAT64_MATH 0
#endif

/* What math.h is written in. */
#define PT_PRECISE
#define PT_INLINE static
#define pt_mulhi_u32(a, b) mul_hi((uint)(a), (uint)(b))
#define pt_clz_u32(x) ((int)clz((uint)(x)))

typedef long pt_i64;
typedef ulong pt_u64;
typedef struct pt_turn pt_turn;

/* ---- geometry, shared memory ---- */

#define GROUP_ID() ((int)get_group_id(0))
#define LOCAL_ID() ((int)get_local_id(0))
#define GLOBAL_ID() (GROUP_ID() * LOCAL_SIZE + LOCAL_ID())
#define SHARED(type, name, count) __local type name[count]
/* Intel's compiler crashes when it vectorises some of the loops. */
#ifdef PT_SCALAR_LOOPS
#define LOOP _Pragma("clang loop vectorize(disable)")
#else
#define LOOP
#endif
/* Turns at a time as vectors: they are independent, and there are more of them than a driver may assume. */
#define PT_PRAGMA(x) _Pragma(#x)
#define LANES_OF(n)                                                                                                   \
    PT_PRAGMA(clang loop vectorize(assume_safety) vectorize_width(n) interleave_count(1) unroll(disable))
#define LANES LANES_OF(16)
/* Loops of a few turns: more code for them would only take longer to compile. */
#define SHORT_LOOP _Pragma("clang loop vectorize(disable) interleave(disable) unroll(disable)")
/* Arrays that are read by vectors. */
#define PANEL __attribute__((aligned(64)))
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
#ifdef PT_EXTEND_BY_WORDS
static long pt_extend(int x) { return as_long((int2)(x, x >> 31)); }
#else
#define pt_extend(x) ((long)(x))
#endif
#define pt_cvt_i32_i64(x) pt_extend(x)
#define pt_cvt_i32_u64(x) ((ulong)pt_extend(x))
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
/* Out of range and NaN: the smallest integer, which is what PyTorch gets on x86. A bare cast would be undefined, and
 * compilers drop stores of what is undefined. Negative numbers become unsigned by wrapping. */
#define PT_FLOAT_TO_INT(T, S)                                                                                         \
    static int pt_cvt_##S##_i32(T x)                                                                                  \
    {                                                                                                                 \
        return x >= (T)-2147483648.0f && x < (T)2147483648.0f ? (int)x : INT_MIN;                                     \
    }                                                                                                                 \
    static long pt_cvt_##S##_i64(T x)                                                                                 \
    {                                                                                                                 \
        return x >= (T)-9223372036854775808.0f && x < (T)9223372036854775808.0f ? (long)x : LONG_MIN;                 \
    }                                                                                                                 \
    static uint pt_cvt_##S##_u32(T x) { return (uint)pt_cvt_##S##_i64(x); }                                           \
    static ulong pt_cvt_##S##_u64(T x)                                                                                \
    {                                                                                                                 \
        if (x < (T)9223372036854775808.0f)                                                                            \
            return (ulong)pt_cvt_##S##_i64(x);                                                                        \
        return x < (T)18446744073709551616.0f ? (ulong)x : 0;                                                         \
    }

PT_FLOAT_TO_INT(float, f32)

#define pt_quotient(a, b) ((a) / (b))
#define pt_remainder(a, b) ((a) % (b))

/* ---- loads and stores ---- */

#define pt_f32x4 float4
#define pt_i32x4 int4
#define pt_u32x4 uint4
#define pt_get_shared(a, i) ((__local float *)(a))[i]
#define pt_put_shared(a, i, v) ((__local float *)(a))[i] = v
#define pt_splat_f32x4(x) ((float4)(x))
#define pt_splat_i32x4(x) ((int4)(x))
#define pt_put_shared_i32(a, i, v) ((__local int *)(a))[i] = v
#define pt_fetch4_f32(b, i) vload4(i, b)
#define pt_fetch4_f16(b, i) vload_half4(i, (const __global half *)(b))
#define pt_fetch4_bf16(b, i) as_float4(convert_uint4(vload4(i, b)) << 16)
#define pt_fetch4_i8(b, i) as_int(vload4(i, b))
#if PT_DOTS
#define PT_DOT_WORD(a, b) dot_4x8packed_ss_int(as_uint(a), as_uint(b))
static int4 pt_dot_i8x4(int a, int4 b, int4 sum)
{
    return sum + (int4)(PT_DOT_WORD(a, b.x), PT_DOT_WORD(a, b.y), PT_DOT_WORD(a, b.z), PT_DOT_WORD(a, b.w));
}
#endif
#define pt_component(v, k) (((k) & 2) ? ((k) & 1 ? (v).w : (v).z) : ((k) & 1 ? (v).y : (v).x))
#define pt_fetch_f32(b, i) pt_ld_f32(b, i)
#define pt_fetch_f16(b, i) pt_ld_f16(b, i)
#define pt_fetch_bf16(b, i) pt_ld_bf16(b, i)

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
#define pt_ld_f8e4m3fn(b, i) pt_dec_f8e4m3fn((b)[i])
#define pt_ld_f8e5m2(b, i) pt_dec_f8e5m2((b)[i])
#define pt_ld_f8e4m3fnuz(b, i) pt_dec_f8fnuz((b)[i], 3, 8)
#define pt_ld_f8e5m2fnuz(b, i) pt_dec_f8fnuz((b)[i], 2, 16)
#define pt_ld_f8e8m0fnu(b, i) pt_dec_f8e8m0fnu((b)[i])

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
#define pt_st_bf16(b, i, v) ((b)[i] = (ushort)pt_enc_bf16(v))
#define pt_st_f8e4m3fn(b, i, v) ((b)[i] = (uchar)pt_enc_f8e4m3fn(v))
#define pt_st_f8e5m2(b, i, v) ((b)[i] = (uchar)pt_enc_f8e5m2(v))
#define pt_st_f8e4m3fnuz(b, i, v) ((b)[i] = (uchar)pt_enc_f8fnuz(v, 3, 8, 0x43800000))
#define pt_st_f8e5m2fnuz(b, i, v) ((b)[i] = (uchar)pt_enc_f8fnuz(v, 2, 16, 0x47800000))
#define pt_st_f8e8m0fnu(b, i, v) ((b)[i] = (uchar)pt_enc_f8e8m0fnu(v))

/* Four neighbours; i is a multiple of 4. */
#define pt_ld4_f32(b, i) vload4(0, (b) + (i))
#define pt_ld4_i32(b, i) vload4(0, (b) + (i))
#define pt_ld4_u32(b, i) vload4(0, (b) + (i))
#define pt_st4_f32(b, i, x, y, z, w) vstore4((float4)(x, y, z, w), 0, (b) + (i))
#define pt_st4_i32(b, i, x, y, z, w) vstore4((int4)(x, y, z, w), 0, (b) + (i))
#define pt_st4_u32(b, i, x, y, z, w) vstore4((uint4)(x, y, z, w), 0, (b) + (i))

static void pt_put_f16(__global ushort *p, float v)
{
    uint u = as_uint(v);
    if ((u & 0x7fffffffu) > 0x7f800000u)
        *p = (ushort)(((u >> 16) & 0x8000u) | 0x7e00u);
    else
        vstore_half_rte(v, 0, (__global half *)p);
}

/* ---- vectors, for contractions ---- */

/* The n rows of n numbers at `from` as columns at `to`: blocks of n/2 … 1 change places across the diagonal. */
#define PT_EXCHANGE(V, n, d, A, B)                                                                                    \
    for (int i = 0; i < n; i++)                                                                                       \
        if ((i & d) == 0) {                                                                                           \
            V a = r[i], b = r[i + d];                                                                                 \
            r[i] = (V)A;                                                                                              \
            r[i + d] = (V)B;                                                                                          \
        }
#define PT_TRANSPOSE(n, BLOCKS)                                                                                       \
    static void pt_transpose##n(const float *from, int from_pitch, float *to, int to_pitch)                           \
    {                                                                                                                 \
        float##n r[n];                                                                                                \
        for (int i = 0; i < n; i++)                                                                                   \
            r[i] = vload##n(0, from + i * from_pitch);                                                                \
        BLOCKS                                                                                                        \
        for (int i = 0; i < n; i++)                                                                                   \
            vstore##n(r[i], 0, to + i * to_pitch);                                                                    \
    }
PT_TRANSPOSE(16,
    PT_EXCHANGE(float16, 16, 8, (a.lo, b.lo), (a.hi, b.hi))
    PT_EXCHANGE(float16, 16, 4, (a.s0123, b.s0123, a.s89ab, b.s89ab), (a.s4567, b.s4567, a.scdef, b.scdef))
    PT_EXCHANGE(float16, 16, 2, (a.s01, b.s01, a.s45, b.s45, a.s89, b.s89, a.scd, b.scd),
                (a.s23, b.s23, a.s67, b.s67, a.sab, b.sab, a.sef, b.sef))
    PT_EXCHANGE(float16, 16, 1,
                (a.s0, b.s0, a.s2, b.s2, a.s4, b.s4, a.s6, b.s6, a.s8, b.s8, a.sa, b.sa, a.sc, b.sc, a.se, b.se),
                (a.s1, b.s1, a.s3, b.s3, a.s5, b.s5, a.s7, b.s7, a.s9, b.s9, a.sb, b.sb, a.sd, b.sd, a.sf, b.sf)))
PT_TRANSPOSE(8,
    PT_EXCHANGE(float8, 8, 4, (a.lo, b.lo), (a.hi, b.hi))
    PT_EXCHANGE(float8, 8, 2, (a.s01, b.s01, a.s45, b.s45), (a.s23, b.s23, a.s67, b.s67))
    PT_EXCHANGE(float8, 8, 1, (a.s0, b.s0, a.s2, b.s2, a.s4, b.s4, a.s6, b.s6),
                (a.s1, b.s1, a.s3, b.s3, a.s5, b.s5, a.s7, b.s7)))
PT_TRANSPOSE(4,
    PT_EXCHANGE(float4, 4, 2, (a.lo, b.lo), (a.hi, b.hi))
    PT_EXCHANGE(float4, 4, 1, (a.s0, b.s0, a.s2, b.s2), (a.s1, b.s1, a.s3, b.s3)))
#undef PT_EXCHANGE
#undef PT_TRANSPOSE

/* n floats, neighbours or every second one. Vectors overlap at the end: nothing beyond the n is read or written. */
#define PT_FOUR_1(p) vload4(0, p)
#define PT_FOUR_2(p) ((float4)(vload4(0, p).even, vload4(0, p + 3).odd))
#define PT_EIGHT_1(p) vload8(0, p)
#define PT_EIGHT_2(p) ((float8)(vload8(0, p).even, vload8(0, p + 7).odd))
#define PT_COPY(step)                                                                                                 \
    static void pt_copy_##step(float *to, const __global float *from, int n)                                          \
    {                                                                                                                 \
        int j = 0;                                                                                                    \
        if (n >= 8) {                                                                                                 \
            for (; j < n - 8; j += 8)                                                                                 \
                vstore8(PT_EIGHT_##step(from + j * step), 0, to + j);                                                 \
            vstore8(PT_EIGHT_##step(from + (n - 8) * step), 0, to + (n - 8));                                         \
        } else if (n >= 4) {                                                                                          \
            vstore4(PT_FOUR_##step(from), 0, to);                                                                     \
            vstore4(PT_FOUR_##step(from + (n - 4) * step), 0, to + (n - 4));                                          \
        } else {                                                                                                      \
            SHORT_LOOP for (; j < n; j++)                                                                             \
                to[j] = from[j * step];                                                                               \
        }                                                                                                             \
    }
PT_COPY(1)
PT_COPY(2)

/* ---- floats ---- */

#ifdef PT_FAST_FMA
#define pt_fma_f32(a, b, c) fma((float)(a), (float)(b), (float)(c))
#define pt_fma_f32x4(a, b, c) fma((float4)(a), b, c)
#define pt_fma_f64(a, b, c) fma((double)(a), (double)(b), (double)(c))
#else
#define pt_fma_f32(a, b, c) ((a) * (b) + (c))
#define pt_fma_f32x4(a, b, c) ((a) * (b) + (c))
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
    static T pt_copysign_##S(T x, T y) { return copysign(x, y); }                                                     \
    static T pt_floor_##S(T x) { return floor(x); }                                                                   \
    static T pt_ceil_##S(T x) { return ceil(x); }                                                                     \
    static T pt_trunc_##S(T x) { return trunc(x); }                                                                   \
    static T pt_round_##S(T x) { return rint(x); }

#define PT_FLOAT_MATH(T, S)                                                                                           \
    static T pt_exp_##S(T x) { return exp(x); }                                                                       \
    static T pt_tanh_##S(T x) { return tanh(x); }                                                                     \
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
    static T pt_asinh_##S(T x) { return asinh(x); }                                                                   \
    static T pt_acosh_##S(T x) { return acosh(x); }                                                                   \
    static T pt_atanh_##S(T x) { return atanh(x); }                                                                   \
    static T pt_atan2_##S(T y, T x) { return atan2(y, x); }                                                           \
    static T pt_hypot_##S(T x, T y) { return hypot(x, y); }

PT_FLOAT(float, f32)
#define PT_HAVE_MIN_F32
#define PT_HAVE_MAX_F32
#define PT_HAVE_TRUNCDIV_F32
#define PT_HAVE_REM_F32
#define PT_HAVE_FLOORMOD_F32
#define PT_HAVE_FLOORDIV_F32
#define PT_HAVE_COPYSIGN_F32
#ifndef PT_SLOW_BUILTINS /* where calls of these keep a loop over invocations from being vectorized, math.h is faster */
PT_FLOAT_MATH(float, f32)
#define PT_HAVE_EXP_F32
#define PT_HAVE_TANH_F32
#define PT_HAVE_EXP2_F32
#define PT_HAVE_EXPM1_F32
#define PT_HAVE_LOG_F32
#define PT_HAVE_LOG2_F32
#define PT_HAVE_LOG10_F32
#define PT_HAVE_LOG1P_F32
#define PT_HAVE_SIN_F32
#define PT_HAVE_COS_F32
#define PT_HAVE_TAN_F32
#define PT_HAVE_ASIN_F32
#define PT_HAVE_ACOS_F32
#define PT_HAVE_ATAN_F32
#define PT_HAVE_SINH_F32
#define PT_HAVE_COSH_F32
#define PT_HAVE_ASINH_F32
#define PT_HAVE_ACOSH_F32
#define PT_HAVE_ATANH_F32
#define PT_HAVE_ATAN2_F32
#define PT_HAVE_HYPOT_F32
#else
#define PT_HAVE_EXP_F32
/* (exp(r) - 1 - r) / r^2 as in math.h, but without what the driver makes of floor and of conversions: adding 1.5 * 2^23
 * rounds, and leaves the integer in the low bits. NaN stays NaN. */
static float pt_exp_f32(float x)
{
    float c = x > 89.0f ? 89.0f : x < -104.0f ? -104.0f : x;
    float t = pt_fma_f32(c, 1.44269504f, 12582912.0f), n = t - 12582912.0f;
    float r = pt_fma_f32(n, -1.42860682e-6f, pt_fma_f32(n, -0.693145752f, c));
    float p = pt_fma_f32(pt_fma_f32(r, 0.00019845886f, 0.00139407441f), r, 0.00833338965f);
    p = pt_fma_f32(pt_fma_f32(pt_fma_f32(p, r, 0.0416663587f), r, 0.166666657f), r, 0.5f);
    int k = as_int(t) - 0x4b400000, half_k = k >> 1;
    float y = 1.0f + pt_fma_f32(r * r, p, r);
    return y * as_float((half_k + 127) << 23) * as_float((k - half_k + 127) << 23);
}
#endif

#if PT_FLOAT64
PT_FLOAT(double, f64)
static double pt_nextafter_f64(double x, double y) { return nextafter(x, y); }
PT_FLOAT_MATH(double, f64)

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
#define pt_cvt_f64_f32(x) ((float)(x))
PT_FLOAT_TO_INT(double, f64)
static double pt_pow_f64(double x, double y) { return pow(x, y); }
static double pt_erf_f64(double x) { return erf(x); }
static double pt_erfc_f64(double x) { return erfc(x); }
static double pt_lgamma_f64(double x) { return lgamma(x); }
#endif
