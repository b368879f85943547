/* SPDX-License-Identifier: MIT
 * Element types. The half-precision conversions work on the bits, so that they give the same result everywhere. */
#include "base/dtype.h"

#include <math.h>
#include <string.h>

enum class { NO, BOOLEAN, INT, UINT, FLOAT, COMPLEX };

static const struct {
    const char *name;
    uint8_t size, class;
    uint8_t mantissa, exponent; /* bits, of floats below 32 bits */
} info[PT2_DTYPE_COUNT] = {
    [PT2_NONE] = { "none", 0, NO, 0, 0 },
    [PT2_BOOL] = { "bool", 1, BOOLEAN, 0, 0 },
    [PT2_U8] = { "uint8", 1, UINT, 0, 0 },
    [PT2_I8] = { "int8", 1, INT, 0, 0 },
    [PT2_U16] = { "uint16", 2, UINT, 0, 0 },
    [PT2_I16] = { "int16", 2, INT, 0, 0 },
    [PT2_U32] = { "uint32", 4, UINT, 0, 0 },
    [PT2_I32] = { "int32", 4, INT, 0, 0 },
    [PT2_U64] = { "uint64", 8, UINT, 0, 0 },
    [PT2_I64] = { "int64", 8, INT, 0, 0 },
    [PT2_F16] = { "float16", 2, FLOAT, 10, 5 },
    [PT2_BF16] = { "bfloat16", 2, FLOAT, 7, 8 },
    [PT2_F32] = { "float32", 4, FLOAT, 23, 8 },
    [PT2_F64] = { "float64", 8, FLOAT, 52, 11 },
    [PT2_C32] = { "complex32", 4, COMPLEX, 0, 0 },
    [PT2_C64] = { "complex64", 8, COMPLEX, 0, 0 },
    [PT2_C128] = { "complex128", 16, COMPLEX, 0, 0 },
    [PT2_F8E4M3FN] = { "float8_e4m3fn", 1, FLOAT, 3, 4 },
    [PT2_F8E5M2] = { "float8_e5m2", 1, FLOAT, 2, 5 },
    [PT2_F8E4M3FNUZ] = { "float8_e4m3fnuz", 1, FLOAT, 3, 4 },
    [PT2_F8E5M2FNUZ] = { "float8_e5m2fnuz", 1, FLOAT, 2, 5 },
    [PT2_F8E8M0FNU] = { "float8_e8m0fnu", 1, FLOAT, 0, 8 },
};

const char *pt2_dtype_name(pt2_dtype t)
{
    return (unsigned)t < PT2_DTYPE_COUNT ? info[t].name : "unknown";
}

size_t pt2_dtype_size(pt2_dtype t)
{
    return (unsigned)t < PT2_DTYPE_COUNT ? info[t].size : 0;
}

bool pt2_dtype_is_float(pt2_dtype t) { return info[t].class == FLOAT; }
bool pt2_dtype_is_complex(pt2_dtype t) { return info[t].class == COMPLEX; }
bool pt2_dtype_is_int(pt2_dtype t) { return info[t].class == INT || info[t].class == UINT; }
bool pt2_dtype_is_signed(pt2_dtype t) { return info[t].class == INT; }

pt2_dtype pt2_dtype_compute(pt2_dtype t)
{
    return info[t].class == FLOAT && info[t].size < 4 ? PT2_F32 : t;
}

pt2_dtype pt2_dtype_real(pt2_dtype t)
{
    return t == PT2_C32 ? PT2_F16 : t == PT2_C64 ? PT2_F32 : t == PT2_C128 ? PT2_F64 : t;
}

pt2_dtype pt2_dtype_from_schema(int64_t number)
{
    static const uint8_t table[] = {
        [1] = PT2_U8,          [2] = PT2_I8,      [3] = PT2_I16,         [4] = PT2_I32,         [5] = PT2_I64,
        [6] = PT2_F16,         [7] = PT2_F32,     [8] = PT2_F64,         [9] = PT2_C32,         [10] = PT2_C64,
        [11] = PT2_C128,       [12] = PT2_BOOL,   [13] = PT2_BF16,       [28] = PT2_U16,        [29] = PT2_F8E4M3FN,
        [30] = PT2_F8E5M2,     [31] = PT2_F8E4M3FNUZ, [32] = PT2_F8E5M2FNUZ, [33] = PT2_F8E8M0FNU, [34] = PT2_U32,
        [35] = PT2_U64,
    };
    return number >= 0 && number < (int64_t)sizeof table ? (pt2_dtype)table[number] : PT2_NONE;
}

pt2_dtype pt2_dtype_from_name(const char *name)
{
    if (!strncmp(name, "torch.", 6))
        name += 6;
    for (int t = 1; t < PT2_DTYPE_COUNT; t++)
        if (!strcmp(name, info[t].name))
            return (pt2_dtype)t;
    return PT2_NONE;
}

/* c10/core/ScalarType.cpp: the wider one within a class; float beats integer; mixed signs take the next signed type. */
static pt2_dtype promote_ints(pt2_dtype a, pt2_dtype b)
{
    if (info[a].class == info[b].class)
        return info[a].size >= info[b].size ? a : b;
    pt2_dtype u = info[a].class == UINT ? a : b, s = u == a ? b : a;
    static const uint8_t next[] = { [1] = PT2_I16, [2] = PT2_I32, [4] = PT2_I64, [8] = PT2_F32 };
    return info[s].size > info[u].size ? s : (pt2_dtype)next[info[u].size];
}

pt2_dtype pt2_dtype_promote(pt2_dtype a, pt2_dtype b)
{
    if (a == b || b == PT2_NONE)
        return a;
    if (a == PT2_NONE)
        return b;
    if (info[a].class == COMPLEX || info[b].class == COMPLEX) {
        pt2_dtype real = pt2_dtype_promote(pt2_dtype_real(a), pt2_dtype_real(b));
        return real == PT2_F64 ? PT2_C128 : real == PT2_F16 ? PT2_C32 : PT2_C64;
    }
    if (info[a].class == FLOAT && info[b].class == FLOAT)
        return info[a].size == info[b].size ? PT2_F32 : info[a].size > info[b].size ? a : b;
    if (info[a].class == FLOAT || info[b].class == FLOAT)
        return info[a].class == FLOAT ? a : b;
    if (a == PT2_BOOL || b == PT2_BOOL)
        return a == PT2_BOOL ? b : a;
    return promote_ints(a, b);
}

/* ---- small floats: e exponent bits, m mantissa bits ---- */

static uint32_t f32_bits(float f)
{
    uint32_t u;
    memcpy(&u, &f, 4);
    return u;
}

static float f32_from_bits(uint32_t u)
{
    float f;
    memcpy(&f, &u, 4);
    return f;
}

/* Magnitude of |f| in units of the smallest subnormal of a format with bias `bias` and m mantissa bits, encoded as its
 * bits: exponent and mantissa fields are contiguous, so rounding may carry from one into the other. Subnormals
 * included. */
static uint32_t round_small(uint32_t abs_bits, int m, int bias)
{
    int exp = (int)(abs_bits >> 23) - 127;
    uint32_t mant = abs_bits & 0x7fffff;
    int shift = 23 - m;
    if (exp + bias >= 1) {
        uint32_t v = ((uint32_t)(exp + bias) << 23) | mant;
        uint32_t half = (1u << (shift - 1)) - 1 + ((v >> shift) & 1);
        return (v + half) >> shift;
    }
    if (!(abs_bits >> 23))
        return 0; /* float32 subnormals are far below, except for bias 127, which bf16 handles itself */
    mant |= 0x800000;
    shift += 1 - (exp + bias);
    if (shift > 24)
        return 0;
    uint32_t half = (1u << (shift - 1)) - 1 + ((mant >> shift) & 1);
    return (mant + half) >> shift;
}

uint16_t pt2_f32_to_f16(float f)
{
    uint32_t u = f32_bits(f), a = u & 0x7fffffff, sign = (u >> 16) & 0x8000;
    if (a > 0x7f800000)
        return (uint16_t)(sign | 0x7e00);
    uint32_t r = a >= 0x47800000 ? 0x7c00 : round_small(a, 10, 15);
    return (uint16_t)(sign | (r > 0x7c00 ? 0x7c00 : r));
}

static float small_to_f32(uint32_t abs_bits, int m, int bias)
{
    int exp = (int)(abs_bits >> m);
    uint32_t mant = abs_bits & ((1u << m) - 1);
    if (!exp)
        return ldexpf((float)mant, 1 - bias - m);
    return f32_from_bits(((uint32_t)(exp - bias + 127) << 23) | (mant << (23 - m)));
}

float pt2_f16_to_f32(uint16_t h)
{
    uint32_t a = h & 0x7fff;
    float f = a >= 0x7c00 ? f32_from_bits(0x7f800000 | ((a & 0x3ff) << 13)) : small_to_f32(a, 10, 15);
    return h & 0x8000 ? -f : f;
}

uint16_t pt2_f32_to_bf16(float f)
{
    uint32_t u = f32_bits(f);
    if ((u & 0x7fffffff) > 0x7f800000)
        return 0x7fc0;
    return (uint16_t)((u + 0x7fff + ((u >> 16) & 1)) >> 16);
}

float pt2_bf16_to_f32(uint16_t h)
{
    return f32_from_bits((uint32_t)h << 16);
}

uint8_t pt2_f32_to_f8(pt2_dtype t, float f)
{
    uint32_t u = f32_bits(f), a = u & 0x7fffffff, sign = (u >> 24) & 0x80, r;
    bool nan = a > 0x7f800000;
    switch (t) {
    case PT2_F8E4M3FN: /* no infinity; 0x7f is NaN; out of range becomes NaN */
        r = nan || a >= f32_bits(480.f) ? 0x7f : round_small(a, 3, 7);
        return (uint8_t)(sign | (r > 0x7f ? 0x7f : r));
    case PT2_F8E5M2:
        if (nan)
            return (uint8_t)(sign | 0x7f);
        r = a >= f32_bits(65536.f) ? 0x7c : round_small(a, 2, 15);
        return (uint8_t)(sign | (r > 0x7c ? 0x7c : r));
    case PT2_F8E4M3FNUZ: /* only one NaN, 0x80; no negative zero */
    case PT2_F8E5M2FNUZ: {
        bool e4 = t == PT2_F8E4M3FNUZ;
        if (nan || a >= f32_bits(e4 ? 256.f : 65536.f))
            return 0x80;
        r = round_small(a, e4 ? 3 : 2, e4 ? 8 : 16);
        return (uint8_t)(r > 0x7f ? 0x80 : r ? sign | r : 0);
    }
    case PT2_F8E8M0FNU: { /* a power of two; 0xff is NaN */
        if (a >= 0x7f800000)
            return 0xff;
        uint32_t e = a >> 23, up = (a & 0x400000) && (e > 0 || (a & 0x3fffff)) && ((a & 0x3fffff) || (e & 1));
        return (uint8_t)(e + up);
    }
    default:
        return 0;
    }
}

float pt2_f8_to_f32(pt2_dtype t, uint8_t b)
{
    uint32_t a = b & 0x7f;
    float f;
    switch (t) {
    case PT2_F8E4M3FN:
        f = a == 0x7f ? NAN : small_to_f32(a, 3, 7);
        break;
    case PT2_F8E5M2:
        f = a > 0x7c ? NAN : a == 0x7c ? INFINITY : small_to_f32(a, 2, 15);
        break;
    case PT2_F8E4M3FNUZ:
        f = b == 0x80 ? NAN : small_to_f32(a, 3, 8);
        break;
    case PT2_F8E5M2FNUZ:
        f = b == 0x80 ? NAN : small_to_f32(a, 2, 16);
        break;
    default:
        return b == 0xff ? NAN : ldexpf(1.f, (int)b - 127);
    }
    return b & 0x80 ? -f : f;
}

/* ---- one element of any type ---- */

#define READ(T) (((const T *)data)[i])

double pt2_load_double(pt2_dtype t, const void *data, int64_t i)
{
    switch (t) {
    case PT2_F32: return (double)READ(float);
    case PT2_F64: return READ(double);
    case PT2_F16: return (double)pt2_f16_to_f32(READ(uint16_t));
    case PT2_BF16: return (double)pt2_bf16_to_f32(READ(uint16_t));
    case PT2_U64: return (double)READ(uint64_t);
    case PT2_C64: return (double)((const float *)data)[2 * i];
    case PT2_C128: return ((const double *)data)[2 * i];
    case PT2_F8E4M3FN: case PT2_F8E5M2: case PT2_F8E4M3FNUZ: case PT2_F8E5M2FNUZ: case PT2_F8E8M0FNU:
        return (double)pt2_f8_to_f32(t, READ(uint8_t));
    default: return (double)pt2_load_int(t, data, i);
    }
}

int64_t pt2_load_int(pt2_dtype t, const void *data, int64_t i)
{
    switch (t) {
    case PT2_BOOL: return READ(uint8_t) != 0;
    case PT2_U8: return READ(uint8_t);
    case PT2_I8: return READ(int8_t);
    case PT2_U16: return READ(uint16_t);
    case PT2_I16: return READ(int16_t);
    case PT2_U32: return READ(uint32_t);
    case PT2_I32: return READ(int32_t);
    case PT2_U64: case PT2_I64: return READ(int64_t);
    default: return (int64_t)pt2_load_double(t, data, i);
    }
}

#define WRITE(T, v) (((T *)data)[i] = (T)(v))

void pt2_store_double(pt2_dtype t, void *data, int64_t i, double v)
{
    switch (t) {
    case PT2_F32: WRITE(float, v); return;
    case PT2_F64: WRITE(double, v); return;
    case PT2_F16: WRITE(uint16_t, pt2_f32_to_f16((float)v)); return;
    case PT2_BF16: WRITE(uint16_t, pt2_f32_to_bf16((float)v)); return;
    case PT2_F8E4M3FN: case PT2_F8E5M2: case PT2_F8E4M3FNUZ: case PT2_F8E5M2FNUZ: case PT2_F8E8M0FNU:
        WRITE(uint8_t, pt2_f32_to_f8(t, (float)v));
        return;
    default: pt2_store_int(t, data, i, (int64_t)v); return;
    }
}

void pt2_store_int(pt2_dtype t, void *data, int64_t i, int64_t v)
{
    switch (t) {
    case PT2_BOOL: WRITE(uint8_t, v != 0); return;
    case PT2_U8: case PT2_I8: WRITE(uint8_t, v); return;
    case PT2_U16: case PT2_I16: WRITE(uint16_t, v); return;
    case PT2_U32: case PT2_I32: WRITE(uint32_t, v); return;
    case PT2_U64: case PT2_I64: WRITE(int64_t, v); return;
    default: pt2_store_double(t, data, i, (double)v); return;
    }
}
