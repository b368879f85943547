/* SPDX-License-Identifier: MIT
 * The kernel dialect in GLSL 4.50; README.md says what each name means. The backend defines the PT_ facts before
 * this text. */

#extension GL_EXT_spirv_intrinsics : enable
#if PT_SWAPS
#extension GL_KHR_shader_subgroup_shuffle : require
#endif
#if PT_INT64
#extension GL_EXT_shader_explicit_arithmetic_types_int64 : require
#endif
#if PT_STORAGE8
#extension GL_EXT_shader_8bit_storage : require
#endif
#if PT_STORAGE16
#extension GL_EXT_shader_16bit_storage : require
#endif
#if PT_MATRICES
#extension GL_NV_cooperative_matrix : require
#extension GL_KHR_memory_scope_semantics : require
#extension GL_KHR_shader_subgroup_basic : require
#extension GL_EXT_shader_explicit_arithmetic_types_float16 : require
#endif

/* GLSL has no words for the modes of SPV_KHR_float_controls. */
#if PT_KEEP_NAN32
spirv_execution_mode(extensions = ["SPV_KHR_float_controls"], capabilities = [4466], 4461, 32);
#endif
#if PT_KEEP_NAN64
spirv_execution_mode(extensions = ["SPV_KHR_float_controls"], capabilities = [4466], 4461, 64);
#endif
#if PT_RTE32
spirv_execution_mode(extensions = ["SPV_KHR_float_controls"], capabilities = [4467], 4462, 32);
#endif
#if PT_RTE64
spirv_execution_mode(extensions = ["SPV_KHR_float_controls"], capabilities = [4467], 4462, 64);
#endif
#if PT_DENORM32
spirv_execution_mode(extensions = ["SPV_KHR_float_controls"], capabilities = [4464], 4459, 32);
#endif
#if PT_DENORM64
spirv_execution_mode(extensions = ["SPV_KHR_float_controls"], capabilities = [4464], 4459, 64);
#endif
#if PT_ROUNDS16
spirv_execution_mode(extensions = ["SPV_KHR_float_controls"], capabilities = [4467], 4462, 16);
spirv_execution_mode(extensions = ["SPV_KHR_float_controls"], capabilities = [4464], 4459, 16);
#endif

#define P(k) pt_params[k]
#define GROUP_ID() int(gl_WorkGroupID.y * gl_NumWorkGroups.x + gl_WorkGroupID.x)
#define LOCAL_ID() int(gl_LocalInvocationID.x)
#define GLOBAL_ID() (GROUP_ID() * LOCAL_SIZE + LOCAL_ID())
#define LOOP
#define LANES
#define pt_swap_f32(x, k) subgroupShuffleXor(x, uint(k))
#define pt_swap_i32(x, k) subgroupShuffleXor(x, uint(k))
#define pt_swap_u32(x, k) subgroupShuffleXor(x, uint(k))
#define BARRIER() do { groupMemoryBarrier(); barrier(); } while (false)

/* What math.h is written in. */
#define PT_PRECISE /* the backend makes everything so */
#define PT_INLINE
#define pt_clz_u32(x) (31 - findMSB(x))
uint pt_mulhi_u32(uint a, uint b)
{
    uint hi, lo;
    umulExtended(a, b, hi, lo);
    return hi;
}

/* Processors divide integers one by one. The quotient of floats is off by a part in 2^22 at most: of what is left it is
 * taken once more, and is then off by one at most. */
#if PT_ONE_BY_ONE
ivec2 pt_divided(int a, int b)
{
    float f = 1.0 / float(b);
    int q = int(min(float(a), 2147483520.0) * f), r = a - q * b, more = int(float(r) * f);
    q += more;
    r -= more * b;
    int fix = r < 0 ? -1 : r >= b ? 1 : 0;
    return ivec2(q + fix, r - fix * b);
}
#define pt_quotient(a, b) pt_divided(a, b).x
#define pt_remainder(a, b) pt_divided(a, b).y
#else
#define pt_quotient(a, b) ((a) / (b))
#define pt_remainder(a, b) ((a) % (b))
#endif

/* Four neighbours; buffers that are accessed so have a second name for their fours. */
#define pt_f32x4 vec4
#define pt_i32x4 ivec4
#define pt_u32x4 uvec4
#define pt_ld4_f32(b, i) b##_four((i) >> 2)
#define pt_ld4_i32(b, i) b##_four((i) >> 2)
#define pt_ld4_u32(b, i) b##_four((i) >> 2)
#define pt_st4_f32(b, i, x, y, z, w) b##_4[(i) >> 2] = vec4(x, y, z, w)
#define pt_st4_i32(b, i, x, y, z, w) b##_4[(i) >> 2] = ivec4(x, y, z, w)
#define pt_st4_u32(b, i, x, y, z, w) b##_4[(i) >> 2] = uvec4(x, y, z, w)

/* The backend makes matrices of KHR's extension of these; their uses are in the rows for it. */
#define PT_MATRIX(bits, use, rows, cols) fcoopmatNV<bits, gl_ScopeSubgroup, (0x5a000000 + ((use) << 16) + (rows)), cols>
#define pt_half float16_t
#define pt_half4 uvec2
#define pt_matrix_a PT_MATRIX(16, 0, PT_MATRIX_M, PT_MATRIX_K)
#define pt_matrix_b PT_MATRIX(16, 1, PT_MATRIX_K, PT_MATRIX_N)
#define pt_matrix_sum PT_MATRIX(32, 2, PT_MATRIX_M, PT_MATRIX_N)
#define pt_zero_matrix() pt_matrix_sum(0.0)
#define pt_load_matrix(m, from, start, pitch, turned) coopMatLoadNV(m, from, uint(start), uint(pitch), turned)
#define pt_store_matrix(m, to, start, pitch) coopMatStoreNV(m, to, uint(start), uint(pitch), false)
#define pt_fma_matrix(a, b, sum) coopMatMulAddNV(a, b, sum)
#define pt_scale_matrix(sum, by) ((sum) / (by)) /* the older extension has no product; the backend makes it one */
#if PT_ROUNDS16
#define pt_round_half(x) float16_t(x)
#else
#define pt_round_half(x) unpackFloat2x16(pt_enc_f16(x))[0]
#endif
#define SUBGROUP_ID() int(gl_SubgroupID)
#if PT_MATRICES
/* Vulkan promises 3 + 2 |x| ulp. */
float pt_exp_half(float x)
{
    return x < -100.0f ? 0.0f : exp(x);
}
#endif

/* GLSL has no word for OpSDot; its last operand says that a word is four bytes. */
#if PT_DOTS
spirv_instruction(extensions = ["SPV_KHR_integer_dot_product"], capabilities = [6019, 6018], id = 4450)
int pt_dot_word(int a, int b, spirv_literal int format);
ivec4 pt_dot_i8x4(int a, ivec4 b, ivec4 sum)
{
    return sum + ivec4(pt_dot_word(a, b.x, 0), pt_dot_word(a, b.y, 0), pt_dot_word(a, b.z, 0), pt_dot_word(a, b.w, 0));
}
#endif

#define pt_bits_f32_i32(x) floatBitsToInt(x)
#define pt_bits_i32_f32(x) intBitsToFloat(x)
#define pt_inf_f32() intBitsToFloat(0x7f800000)
#define pt_nan_f32() intBitsToFloat(0x7fc00000)
#define pt_isnan_f32(x) ((floatBitsToInt(x) & 0x7fffffff) > 0x7f800000)
#define pt_abs_f32(x) abs(x)
#define pt_neg_f32(x) (-(x))
#define pt_floor_f32(x) floor(x)
#define pt_ceil_f32(x) ceil(x)
#define pt_trunc_f32(x) trunc(x)
#define pt_round_f32(x) roundEven(x)
#define pt_sqrt_f32(x) sqrt(x)
#define pt_rsqrt_f32(x) inversesqrt(x)
#if PT_FMA
#define pt_fma_f32(a, b, c) fma(a, b, c)
#else
#define pt_fma_f32(a, b, c) ((a) * (b) + (c))
#endif

/* ---- conversions ---- */

#define pt_cvt_bool_i32(x) int(x)
#define pt_cvt_bool_u32(x) uint(x)
#define pt_cvt_bool_f32(x) float(x)
#define pt_cvt_i32_bool(x) ((x) != 0)
#define pt_cvt_i32_u32(x) uint(x)
#define pt_cvt_i32_f32(x) float(x)
#define pt_cvt_u32_bool(x) ((x) != 0u)
#define pt_cvt_u32_i32(x) int(x)
/* SwiftShader rounds the large ones wrongly. */
float pt_cvt_u32_f32(uint x)
{
    return int(x) < 0 ? float(int((x >> 1) | (x & 1u))) * 2.0f : float(int(x));
}
#define pt_cvt_f32_bool(x) ((floatBitsToInt(x) & 0x7fffffff) != 0)
#define pt_cvt_f32_i32(x) int(x)
#define pt_cvt_f32_u32(x) uint(x)

#if PT_FLOAT64
#define pt_cvt_bool_f64(x) double(x)
#define pt_cvt_i32_f64(x) double(x)
#define pt_cvt_u32_f64(x) double(x)
#define pt_cvt_f32_f64(x) double(x)
#define pt_cvt_f64_bool(x) ((x) != 0.0lf)
#define pt_cvt_f64_i32(x) int(x)
#define pt_cvt_f64_u32(x) uint(x)
#define pt_cvt_f64_f32(x) float(x)
#endif

#if PT_INT64

#define pt_i64 int64_t
#define pt_u64 uint64_t
#define pt_lit_i64(hi, lo) int64_t((uint64_t(uint(hi)) << 32) | uint64_t(lo))
#define pt_lit_u64(hi, lo) ((uint64_t(uint(hi)) << 32) | uint64_t(lo))
#define pt_cvt_bool_i64(x) ((x) ? 1l : 0l)
#define pt_cvt_bool_u64(x) ((x) ? 1ul : 0ul)
/* Not int64_t(x): Mesa up to 22.3 compares that with constants wrongly (-4 is not less than 2). */
int64_t pt_extend(int x)
{
    return packInt2x32(ivec2(x, x >> 31));
}
#define pt_cvt_i32_i64(x) pt_extend(x)
#define pt_cvt_i32_u64(x) uint64_t(pt_extend(x))
#define pt_cvt_u32_i64(x) int64_t(x)
#define pt_cvt_u32_u64(x) uint64_t(x)
#define pt_cvt_f32_i64(x) int64_t(x)
#define pt_cvt_f32_u64(x) uint64_t(x)
#define pt_cvt_i64_bool(x) ((x) != 0l)
#define pt_cvt_i64_i32(x) int(x)
#define pt_cvt_i64_u32(x) uint(x)
#define pt_cvt_i64_u64(x) uint64_t(x)
#define pt_cvt_i64_f32(x) float(x)
#define pt_cvt_u64_bool(x) ((x) != 0ul)
#define pt_cvt_u64_i32(x) int(x)
#define pt_cvt_u64_u32(x) uint(x)
#define pt_cvt_u64_i64(x) int64_t(x)
#define pt_cvt_u64_f32(x) float(x)
#define pt_ld_i64(b, i) b##_at(i)
#define pt_ld_u64(b, i) b##_at(i)
uint64_t pt_u64_of_words(uvec2 w)
{
    return (uint64_t(w.y) << 32) | uint64_t(w.x);
}
#define pt_i64_of_words(w) int64_t(pt_u64_of_words(w))
#if PT_FLOAT64
#define pt_cvt_i64_f64(x) double(x)
#define pt_cvt_u64_f64(x) double(x)
#define pt_cvt_f64_i64(x) int64_t(x)
#define pt_cvt_f64_u64(x) uint64_t(x)
#define pt_bits_f64_i64(x) doubleBitsToInt64(x)
#define pt_bits_i64_f64(x) int64BitsToDouble(x)
#endif

#else /* two words: x is the low one, y the high one */

#define pt_i64 uvec2
#define pt_u64 uvec2
#define pt_lit_i64(hi, lo) uvec2(lo, uint(hi))
#define pt_lit_u64(hi, lo) uvec2(lo, uint(hi))
#define pt_cvt_bool_i64(x) uvec2(uint(x), 0u)
#define pt_cvt_bool_u64(x) uvec2(uint(x), 0u)
#define pt_cvt_i32_i64(x) pt_extend(x)
#define pt_cvt_i32_u64(x) pt_extend(x)
#define pt_cvt_u32_i64(x) uvec2(x, 0u)
#define pt_cvt_u32_u64(x) uvec2(x, 0u)
#define pt_cvt_i64_bool(x) ((x) != uvec2(0u))
#define pt_cvt_i64_i32(v) int((v).x)
#define pt_cvt_i64_u32(v) ((v).x)
#define pt_cvt_i64_u64(x) (x)
#define pt_cvt_u64_bool(x) ((x) != uvec2(0u))
#define pt_cvt_u64_i32(v) int((v).x)
#define pt_cvt_u64_u32(v) ((v).x)
#define pt_cvt_u64_i64(x) (x)
#define pt_ld_i64(b, i) b##_at(i)
#define pt_ld_u64(b, i) b##_at(i)

uvec2 pt_extend(int x)
{
    return uvec2(uint(x), uint(x >> 31));
}

#define pt_and_i64(a, b) ((a) & (b))
#define pt_or_i64(a, b) ((a) | (b))
#define pt_xor_i64(a, b) ((a) ^ (b))
#define pt_not_i64(a) (~(a))
#define pt_and_u64(a, b) ((a) & (b))
#define pt_or_u64(a, b) ((a) | (b))
#define pt_xor_u64(a, b) ((a) ^ (b))
#define pt_not_u64(a) (~(a))
#define pt_eq_i64(a, b) ((a) == (b))
#define pt_ne_i64(a, b) ((a) != (b))
#define pt_eq_u64(a, b) ((a) == (b))
#define pt_ne_u64(a, b) ((a) != (b))
#define pt_add_u64(a, b) pt_add_i64(a, b)
#define pt_sub_u64(a, b) pt_sub_i64(a, b)
#define pt_mul_u64(a, b) pt_mul_i64(a, b)
#define pt_neg_u64(a) pt_neg_i64(a)

uvec2 pt_add_i64(uvec2 a, uvec2 b)
{
    uint lo = a.x + b.x;
    return uvec2(lo, a.y + b.y + (lo < a.x ? 1u : 0u));
}
uvec2 pt_sub_i64(uvec2 a, uvec2 b)
{
    return uvec2(a.x - b.x, a.y - b.y - (a.x < b.x ? 1u : 0u));
}
uvec2 pt_neg_i64(uvec2 a)
{
    return pt_sub_i64(uvec2(0u), a);
}
uvec2 pt_mul_i64(uvec2 a, uvec2 b)
{
    return uvec2(a.x * b.x, pt_mulhi_u32(a.x, b.x) + a.x * b.y + a.y * b.x);
}
bool pt_lt_u64(uvec2 a, uvec2 b)
{
    return a.y < b.y || (a.y == b.y && a.x < b.x);
}
bool pt_le_u64(uvec2 a, uvec2 b)
{
    return !pt_lt_u64(b, a);
}
bool pt_lt_i64(uvec2 a, uvec2 b)
{
    return int(a.y) < int(b.y) || (a.y == b.y && a.x < b.x);
}
bool pt_le_i64(uvec2 a, uvec2 b)
{
    return !pt_lt_i64(b, a);
}

/* Shifts by 0 <= n < 64. */
uvec2 pt_shl64(uvec2 a, uint n)
{
    if (n == 0u)
        return a;
    return n < 32u ? uvec2(a.x << n, (a.y << n) | (a.x >> (32u - n))) : uvec2(0u, a.x << (n - 32u));
}
uvec2 pt_shr64(uvec2 a, uint n)
{
    if (n == 0u)
        return a;
    return n < 32u ? uvec2((a.x >> n) | (a.y << (32u - n)), a.y >> n) : uvec2(a.y >> (n - 32u), 0u);
}
uvec2 pt_shl_u64(uvec2 a, uvec2 n)
{
    return n.y != 0u || n.x > 63u ? uvec2(0u) : pt_shl64(a, n.x);
}
uvec2 pt_shr_u64(uvec2 a, uvec2 n)
{
    return n.y != 0u || n.x > 63u ? uvec2(0u) : pt_shr64(a, n.x);
}
#define pt_shl_i64(a, n) pt_shl_u64(a, n)
uvec2 pt_shr_i64(uvec2 a, uvec2 n)
{
    uint sign = uint(int(a.y) >> 31);
    return pt_shr_u64(a ^ uvec2(sign), n) ^ uvec2(sign);
}

/* Quotient in xy, remainder in zw; b > 0. */
uvec4 pt_divmod64(uvec2 a, uvec2 b)
{
    if ((a.y | b.y) == 0u)
        return uvec4(a.x / b.x, 0u, a.x % b.x, 0u);
    uvec2 q = uvec2(0u), r = uvec2(0u);
    for (int i = a.y != 0u ? 32 + findMSB(a.y) : findMSB(a.x); i >= 0; i--) {
        bool over = (r.y & 0x80000000u) != 0u;
        r = uvec2(r.x << 1, (r.y << 1) | (r.x >> 31));
        r.x |= ((i < 32 ? a.x : a.y) >> (uint(i) & 31u)) & 1u;
        if (over || pt_le_u64(b, r)) {
            r = pt_sub_i64(r, b);
            if (i < 32)
                q.x |= 1u << uint(i);
            else
                q.y |= 1u << uint(i - 32);
        }
    }
    return uvec4(q, r);
}
uvec2 pt_abs_i64(uvec2 a)
{
    return int(a.y) < 0 ? pt_neg_i64(a) : a;
}
uvec2 pt_truncdiv_u64(uvec2 a, uvec2 b)
{
    return b == uvec2(0u) ? b : pt_divmod64(a, b).xy;
}
uvec2 pt_rem_u64(uvec2 a, uvec2 b)
{
    return b == uvec2(0u) ? b : pt_divmod64(a, b).zw;
}
uvec2 pt_truncdiv_i64(uvec2 a, uvec2 b)
{
    uvec2 q = pt_truncdiv_u64(pt_abs_i64(a), pt_abs_i64(b));
    return int(a.y ^ b.y) < 0 ? pt_neg_i64(q) : q;
}
uvec2 pt_rem_i64(uvec2 a, uvec2 b)
{
    uvec2 r = pt_rem_u64(pt_abs_i64(a), pt_abs_i64(b));
    return int(a.y) < 0 ? pt_neg_i64(r) : r;
}

/* Rounded once: the bits that do not fit only decide the rounding. */
float pt_cvt_u64_f32(uvec2 a)
{
    if (a.y == 0u && a.x < 0x1000000u)
        return float(int(a.x));
    int n = a.y != 0u ? 31 - findMSB(a.y) : 63 - findMSB(a.x);
    uvec2 s = pt_shl64(a, uint(n));
    int top = int((s.y >> 1) | (((s.y & 1u) | s.x) != 0u ? 1u : 0u));
    return float(top) * intBitsToFloat((127 + 33 - n) << 23);
}
float pt_cvt_i64_f32(uvec2 a)
{
    return int(a.y) < 0 ? -pt_cvt_u64_f32(pt_neg_i64(a)) : pt_cvt_u64_f32(a);
}
uvec2 pt_cvt_f32_i64(float x)
{
    int e = ((floatBitsToInt(x) >> 23) & 255) - 150;
    uvec2 m = uvec2(uint(floatBitsToInt(x) & 0x7fffff) | 0x800000u, 0u);
    m = e < -23 || e > 40 ? uvec2(0u) : e < 0 ? pt_shr64(m, uint(-e)) : pt_shl64(m, uint(e));
    return floatBitsToInt(x) < 0 ? pt_neg_i64(m) : m;
}
#define pt_cvt_f32_u64(x) pt_cvt_f32_i64(x)

#if PT_FLOAT64
#define pt_bits_f64_i64(x) unpackDouble2x32(x)
#define pt_bits_i64_f64(x) packDouble2x32(x)
#define pt_cvt_u64_f64(a) (double((a).y) * 4294967296.0lf + double((a).x))
#define pt_cvt_i64_f64(a) (double(int((a).y)) * 4294967296.0lf + double((a).x))
uvec2 pt_cvt_f64_u64(double x)
{
    double t = trunc(abs(x)), hi = floor(t * (1.0lf / 4294967296.0lf));
    uvec2 m = uvec2(uint(t - hi * 4294967296.0lf), uint(hi));
    return x < 0.0lf ? pt_neg_i64(m) : m;
}
#define pt_cvt_f64_i64(x) pt_cvt_f64_u64(x)
#endif

#endif

/* ---- float64 without functions ---- */

#if PT_FLOAT64
#define pt_inf_f64() pt_bits_i64_f64(pt_lit_i64(0x7ff00000, 0u))
#define pt_nan_f64() pt_bits_i64_f64(pt_lit_i64(0x7ff80000, 0u))
#define pt_abs_f64(x) abs(x)
#define pt_neg_f64(x) (-(x))
#define pt_sqrt_f64(x) sqrt(x)
#define pt_rsqrt_f64(x) (1.0lf / sqrt(x))
#define pt_fma_f64(a, b, c) ((a) * (b) + (c))
#define pt_isnan_f64(x) pt_isnan_words(unpackDouble2x32(x))
#define pt_ld_f64(b, i) b##_at(i)
#define pt_st_f64(b, i, v) b[i] = v
bool pt_isnan_words(uvec2 w)
{
    uint hi = w.y & 0x7fffffffu;
    return hi > 0x7ff00000u || (hi == 0x7ff00000u && w.x != 0u);
}
double pt_copysign_f64(double x, double s)
{
    uvec2 a = unpackDouble2x32(x), b = unpackDouble2x32(s);
    return packDouble2x32(uvec2(a.x, (a.y & 0x7fffffffu) | (b.y & 0x80000000u)));
}
/* By additions, which are exact here: where the processor has no instruction for it, lavapipe rounds as if there were
 * int32 and float32 only. */
double pt_round_f64(double x)
{
    double a = abs(x);
    return pt_copysign_f64(a < 4503599627370496.0lf ? (a + 4503599627370496.0lf) - 4503599627370496.0lf : a, x);
}
double pt_trunc_f64(double x)
{
    double a = abs(x), r = pt_round_f64(a);
    return pt_copysign_f64(r > a ? r - 1.0lf : r, x);
}
double pt_floor_f64(double x)
{
    double r = pt_round_f64(x);
    return pt_copysign_f64(r > x ? r - 1.0lf : r, x);
}
double pt_ceil_f64(double x) { return -pt_floor_f64(-x); }
double pt_truncdiv_f64(double a, double b) { return pt_trunc_f64(a / b); }
double pt_min_f64(double a, double b)
{
    return pt_isnan_f64(a) ? a : pt_isnan_f64(b) ? b : b < a ? b : a;
}
double pt_max_f64(double a, double b)
{
    return pt_isnan_f64(a) ? a : pt_isnan_f64(b) ? b : a < b ? b : a;
}
/* Long division, bit by bit: every step is exact. */
double pt_rem_f64(double a, double b)
{
    double r = abs(a), d = abs(b), t = d;
    if (pt_isnan_f64(a) || pt_isnan_f64(b) || d == 0.0lf || r == pt_inf_f64())
        return pt_nan_f64();
    while (t <= r * 0.5lf)
        t *= 2.0lf;
    while (r >= d) {
        r = r >= t ? r - t : r;
        t *= 0.5lf;
    }
    return pt_copysign_f64(r, a);
}
double pt_floormod_f64(double a, double b)
{
    double r = pt_rem_f64(a, b);
    return r != 0.0lf && (r < 0.0lf) != (b < 0.0lf) ? r + b : r;
}
/* c10::div_floor_floating */
double pt_floordiv_f64(double a, double b)
{
    if (b == 0.0lf)
        return a / b;
    double r = pt_rem_f64(a, b), q = (a - r) / b, f = pt_floor_f64(q);
    if (r != 0.0lf && (r < 0.0lf) != (b < 0.0lf)) {
        q -= 1.0lf;
        f = pt_floor_f64(q);
    }
    return q == 0.0lf ? pt_copysign_f64(0.0lf, a / b) : q - f > 0.5lf ? f + 1.0lf : f;
}
#endif

/* ---- memory ---- */

/* Four floats at once, and one of them, from a buffer that is declared for that. */
#define pt_splat_f32x4(x) vec4(x)
#define pt_get_shared(a, i) a[(i) >> 2][(i) & 3]
#define pt_put_shared(a, i, v) a[(i) >> 2][(i) & 3] = v
#define pt_splat_i32x4(x) ivec4(x)
#define pt_put_shared_i32(a, i, v) a[(i) >> 2][(i) & 3] = v
#define pt_fetch4_i8(b, i) (b[i])
#if PT_FMA
#define pt_fma_f32x4(a, b, c) fma(vec4(a), b, c)
#else
#define pt_fma_f32x4(a, b, c) ((a) * (b) + (c))
#endif
#if PT_TEXELS
#define pt_fetch4_f32(b, i) texelFetch(b, i)
#define pt_fetch4_f16(b, i) texelFetch(b, i)
#define pt_fetch4_bf16(b, i) uintBitsToFloat(texelFetch(b, i) << 16)
#define pt_fetch4_half(b, i) pt_halves_of(texelFetch(b, i))
#else
#define pt_fetch4_f32(b, i) (b[i])
#define pt_fetch4_f16(b, i) pt_f4_of_f16(b[i])
#define pt_fetch4_bf16(b, i) pt_f4_of_bf16(b[i])
#define pt_fetch4_half(b, i) (b[i])
#endif
uvec2 pt_halves_of(vec4 v)
{
    return uvec2(packHalf2x16(v.xy), packHalf2x16(v.zw));
}
float pt_dec_f16(uint h); /* of math.h */
vec4 pt_f4_of_f16(uvec2 h)
{
    return vec4(pt_dec_f16(h.x & 0xffffu), pt_dec_f16(h.x >> 16), pt_dec_f16(h.y & 0xffffu), pt_dec_f16(h.y >> 16));
}
vec4 pt_f4_of_bf16(uvec2 h)
{
    return uintBitsToFloat(uvec4(h.x << 16, h.x & 0xffff0000u, h.y << 16, h.y & 0xffff0000u));
}
float pt_component(vec4 v, int k)
{
    return (k & 2) != 0 ? ((k & 1) != 0 ? v.w : v.z) : ((k & 1) != 0 ? v.y : v.x);
}
int pt_component(ivec4 v, int k)
{
    return (k & 2) != 0 ? ((k & 1) != 0 ? v.w : v.z) : ((k & 1) != 0 ? v.y : v.x);
}
uint pt_component(uvec4 v, int k)
{
    return (k & 2) != 0 ? ((k & 1) != 0 ? v.w : v.z) : ((k & 1) != 0 ? v.y : v.x);
}
#define pt_fetch_f32(b, i) pt_component(pt_fetch4_f32(b, (i) >> 2), i)
#define pt_fetch_f16(b, i) pt_component(pt_fetch4_f16(b, (i) >> 2), i)
#define pt_fetch_bf16(b, i) pt_component(pt_fetch4_bf16(b, (i) >> 2), i)

#define pt_ld_f32(b, i) b##_at(i)
#define pt_st_f32(b, i, v) b[i] = v
#define pt_ld_i32(b, i) b##_at(i)
#define pt_st_i32(b, i, v) b[i] = v
#define pt_ld_u32(b, i) b##_at(i)
#define pt_st_u32(b, i, v) b[i] = v
#define pt_st_i64(b, i, v) b[i] = v
#define pt_st_u64(b, i, v) b[i] = v

/* Raw bytes and halves, as uint. A word that other invocations store to is changed by two atomics, each of which leaves
 * their bits alone. */
#if PT_STORAGE8
#define pt_ld_byte(b, i) uint(b##_at(i))
#define pt_st_byte(b, i, v) b[i] = uint8_t(v)
#else
#define pt_ld_byte(b, i) ((b##_at(uint(i) >> 2) >> ((uint(i) & 3u) << 3)) & 0xffu)
#define pt_st_byte(b, i, v) \
    do { uint pt_k = uint(i), pt_s = (pt_k & 3u) << 3, pt_v = ((v) & 0xffu) << pt_s; \
         atomicAnd(b[pt_k >> 2], ~(0xffu << pt_s)); atomicOr(b[pt_k >> 2], pt_v); } while (false)
#endif
#if PT_STORAGE16
#define pt_ld_half(b, i) uint(b##_at(i))
#define pt_st_half(b, i, v) b[i] = uint16_t(v)
#else
#define pt_ld_half(b, i) ((b##_at(uint(i) >> 1) >> ((uint(i) & 1u) << 4)) & 0xffffu)
#define pt_st_half(b, i, v) \
    do { uint pt_k = uint(i), pt_s = (pt_k & 1u) << 4, pt_v = ((v) & 0xffffu) << pt_s; \
         atomicAnd(b[pt_k >> 1], ~(0xffffu << pt_s)); atomicOr(b[pt_k >> 1], pt_v); } while (false)
#endif

#define pt_ld_bool(b, i) (pt_ld_byte(b, i) != 0u)
#define pt_st_bool(b, i, v) pt_st_byte(b, i, ((v) ? 1u : 0u))
#define pt_ld_u8(b, i) int(pt_ld_byte(b, i))
#define pt_st_u8(b, i, v) pt_st_byte(b, i, uint(v))
#define pt_ld_i8(b, i) bitfieldExtract(int(pt_ld_byte(b, i)), 0, 8)
#define pt_st_i8(b, i, v) pt_st_byte(b, i, uint(v))
#define pt_ld_u16(b, i) int(pt_ld_half(b, i))
#define pt_st_u16(b, i, v) pt_st_half(b, i, uint(v))
#define pt_ld_i16(b, i) bitfieldExtract(int(pt_ld_half(b, i)), 0, 16)
#define pt_st_i16(b, i, v) pt_st_half(b, i, uint(v))
#define pt_ld_f16(b, i) pt_dec_f16(pt_ld_half(b, i))
#define pt_st_f16(b, i, v) pt_st_half(b, i, pt_enc_f16(v))
#define pt_ld_bf16(b, i) uintBitsToFloat(pt_ld_half(b, i) << 16)
#define pt_st_bf16(b, i, v) pt_st_half(b, i, pt_enc_bf16(v))
#define pt_ld_f8e4m3fn(b, i) pt_dec_f8e4m3fn(pt_ld_byte(b, i))
#define pt_st_f8e4m3fn(b, i, v) pt_st_byte(b, i, pt_enc_f8e4m3fn(v))
#define pt_ld_f8e5m2(b, i) pt_dec_f8e5m2(pt_ld_byte(b, i))
#define pt_st_f8e5m2(b, i, v) pt_st_byte(b, i, pt_enc_f8e5m2(v))
#define pt_ld_f8e4m3fnuz(b, i) pt_dec_f8fnuz(pt_ld_byte(b, i), 3, 8)
#define pt_st_f8e4m3fnuz(b, i, v) pt_st_byte(b, i, pt_enc_f8fnuz(v, 3, 8, 0x43800000))
#define pt_ld_f8e5m2fnuz(b, i) pt_dec_f8fnuz(pt_ld_byte(b, i), 2, 16)
#define pt_st_f8e5m2fnuz(b, i, v) pt_st_byte(b, i, pt_enc_f8fnuz(v, 2, 16, 0x47800000))
#define pt_ld_f8e8m0fnu(b, i) pt_dec_f8e8m0fnu(pt_ld_byte(b, i))
#define pt_st_f8e8m0fnu(b, i, v) pt_st_byte(b, i, pt_enc_f8e8m0fnu(v))
