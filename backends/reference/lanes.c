/* SPDX-License-Identifier: MIT
 * Scalar operators over lanes: one loop per operator and class, made by macros from the lists below, and the tables
 * that find them. Integers are int64 here; the translator adds a wrap after operators of narrower types. Nothing traps
 * or is undefined for any operand: integer arithmetic goes through uint64, conversions and divisions are guarded.
 *
 * float functions whose C library version is off by several ulp are computed in double: this is the oracle. */
#include "base/special.h"
#include "ref.h"

#include <math.h>

#define LOOP(T, R, expr)                                                                                          \
    {                                                                                                             \
        const T *a = av, *b = bv;                                                                                 \
        R *restrict d = dv;                                                                                       \
        (void)b, (void)cv;                                                                                        \
        for (int i = 0; i < n; i++)                                                                               \
            d[i] = (R)(expr);                                                                                     \
    }
#define DEFINE(name, T, R, expr)                                                                                  \
    static void name(int n, void *restrict dv, const void *av, const void *bv, const void *cv) LOOP(T, R, expr)

/* ---- floats: X(prefix, type, operator, result type, expression); M(f) is f of the type, W(f) f of double ---- */

#define A a[i]
#define B b[i]
#define FLOAT_OPS(X, p, T, M, W)                                                                                  \
    X(p, T, NEG, T, -A) X(p, T, ABS, T, M(fabs)(A)) X(p, T, ADD, T, A + B) X(p, T, SUB, T, A - B)                 \
    X(p, T, MUL, T, A * B) X(p, T, DIV, T, A / B) X(p, T, MIN, T, A < B || A != A ? A : B)                        \
    X(p, T, MAX, T, A > B || A != A ? A : B) X(p, T, POW, T, M(pow)(A, B))                                        \
    X(p, T, FLOORDIV, T, p##floordiv(A, B)) X(p, T, FLOORMOD, T, p##floormod(A, B))                               \
    X(p, T, TRUNCDIV, T, M(trunc)(A / B)) X(p, T, REM, T, M(fmod)(A, B)) X(p, T, SQRT, T, M(sqrt)(A))             \
    X(p, T, RSQRT, T, 1 / sqrt((double)A)) X(p, T, EXP, T, M(exp)(A)) X(p, T, EXP2, T, M(exp2)(A))                \
    X(p, T, EXPM1, T, W(expm1, A)) X(p, T, LOG, T, M(log)(A)) X(p, T, LOG2, T, M(log2)(A))                        \
    X(p, T, LOG10, T, W(log10, A)) X(p, T, LOG1P, T, W(log1p, A)) X(p, T, SIN, T, M(sin)(A))                      \
    X(p, T, COS, T, M(cos)(A)) X(p, T, TAN, T, W(tan, A)) X(p, T, ASIN, T, W(asin, A)) X(p, T, ACOS, T, W(acos, A)) \
    X(p, T, ATAN, T, W(atan, A)) X(p, T, SINH, T, W(sinh, A)) X(p, T, COSH, T, W(cosh, A))                        \
    X(p, T, TANH, T, W(tanh, A)) X(p, T, ASINH, T, W(asinh, A)) X(p, T, ACOSH, T, W(acosh, A))                    \
    X(p, T, ATANH, T, W(atanh, A)) X(p, T, ERF, T, W(erf, A)) X(p, T, ERFC, T, W(erfc, A))                        \
    X(p, T, ERFINV, T, W(pt2_erfinv, A)) X(p, T, LGAMMA, T, W(log_gamma, A)) X(p, T, DIGAMMA, T, W(pt2_digamma, A)) \
    X(p, T, FLOOR, T, M(floor)(A)) X(p, T, CEIL, T, M(ceil)(A)) X(p, T, TRUNC, T, M(trunc)(A))                    \
    X(p, T, ROUND, T, M(nearbyint)(A)) X(p, T, ATAN2, T, atan2((double)A, (double)B))                             \
    X(p, T, NEXTAFTER, T, M(nextafter)(A, B)) X(p, T, COPYSIGN, T, M(copysign)(A, B))                             \
    X(p, T, HYPOT, T, hypot((double)A, (double)B)) X(p, T, IGAMMA, T, pt2_igamma((double)A, (double)B))           \
    X(p, T, IGAMMAC, T, pt2_igammac((double)A, (double)B)) X(p, T, ZETA, T, pt2_zeta((double)A, (double)B))       \
    X(p, T, LT, int64_t, A < B) X(p, T, LE, int64_t, A <= B) X(p, T, EQ, int64_t, A == B)                         \
    X(p, T, NE, int64_t, A != B) X(p, T, ISNAN, int64_t, A != A)

/* lgamma writes the global signgam: harmless but a race; x <= 0 needs reflection, which tgamma's sign does not
 * change. */
static double log_gamma(double x)
{
    if (!(x > 0)) {
        if (x != x || isinf(x))
            return x != x ? x : (double)INFINITY;
        if (x == floor(x))
            return (double)INFINITY;
        double s = fabs(sin(3.14159265358979323846 * (x - 2 * floor(x / 2))));
        return log(3.14159265358979323846 / s) - log_gamma(1 - x);
    }
    return lgamma(x);
}

/* c10::div_floor_floating and Python's % */
#define DEFINE_FLOOR(p, T, M)                                                                                     \
    static T p##floordiv(T a, T b)                                                                                \
    {                                                                                                             \
        if (b == 0)                                                                                               \
            return a / b;                                                                                         \
        T mod = M(fmod)(a, b), div = (a - mod) / b;                                                               \
        if (mod != 0 && (b < 0) != (mod < 0))                                                                     \
            div -= 1;                                                                                             \
        if (div == 0)                                                                                             \
            return M(copysign)(0, a / b);                                                                         \
        T whole = M(floor)(div);                                                                                  \
        return div - whole > (T)0.5 ? whole + 1 : whole;                                                          \
    }                                                                                                             \
    static T p##floormod(T a, T b)                                                                                \
    {                                                                                                             \
        T mod = M(fmod)(a, b);                                                                                    \
        return mod != 0 && (b < 0) != (mod < 0) ? mod + b : mod;                                                  \
    }

#define M_F(fn) fn##f
#define M_D(fn) fn
#define W_F(fn, x) (float)fn((double)(x))
#define W_D(fn, x) fn(x)
DEFINE_FLOOR(f_, float, M_F)
DEFINE_FLOOR(d_, double, M_D)
#define DEFINE_FLOAT(p, T, op, R, expr) DEFINE(p##op, T, R, expr)
FLOAT_OPS(DEFINE_FLOAT, f_, float, M_F, W_F)
FLOAT_OPS(DEFINE_FLOAT, d_, double, M_D, W_D)

/* ---- integers: i_ signed, u_ the operators whose unsigned 64-bit form differs ---- */

#define INT_OPS(X)                                                                                                \
    X(ADD, (uint64_t)A + (uint64_t)B) X(SUB, (uint64_t)A - (uint64_t)B) X(MUL, (uint64_t)A * (uint64_t)B)         \
    X(NEG, 0 - (uint64_t)A) X(AND, A & B) X(OR, A | B) X(XOR, A ^ B) X(NOT, ~A) X(EQ, A == B) X(NE, A != B)       \
    X(ABS, A < 0 ? 0 - (uint64_t)A : (uint64_t)A)
#define ORDER_OPS(X)                                                                                              \
    X(MIN, A < B ? A : B) X(MAX, A > B ? A : B) X(LT, A < B) X(LE, A <= B)
#define DIVISION_OPS(X) X(FLOORDIV) X(FLOORMOD) X(TRUNCDIV) X(REM) X(POW) X(GCD)

static uint64_t magnitude(int64_t a)
{
    return a < 0 ? 0 - (uint64_t)a : (uint64_t)a;
}

static uint64_t power(uint64_t base, uint64_t exponent)
{
    uint64_t r = 1;
    for (; exponent; exponent >>= 1, base *= base)
        if (exponent & 1)
            r *= base;
    return r;
}

static uint64_t u_GCD1(uint64_t a, uint64_t b)
{
    while (b) {
        uint64_t r = a % b;
        a = b;
        b = r;
    }
    return a;
}

static uint64_t u_TRUNCDIV1(uint64_t a, uint64_t b) { return b ? a / b : 0; }
static uint64_t u_REM1(uint64_t a, uint64_t b) { return b ? a % b : 0; }
static uint64_t u_FLOORDIV1(uint64_t a, uint64_t b) { return b ? a / b : 0; }
static uint64_t u_FLOORMOD1(uint64_t a, uint64_t b) { return b ? a % b : 0; }
static uint64_t u_POW1(uint64_t a, uint64_t b) { return power(a, b); }

static int64_t i_TRUNCDIV1(int64_t a, int64_t b)
{
    return b == 0 ? 0 : b == -1 ? (int64_t)(0 - (uint64_t)a) : a / b;
}

static int64_t i_REM1(int64_t a, int64_t b)
{
    return b == 0 || b == -1 ? 0 : a % b;
}

static int64_t i_FLOORDIV1(int64_t a, int64_t b)
{
    int64_t q = i_TRUNCDIV1(a, b), r = i_REM1(a, b);
    return r != 0 && (r < 0) != (b < 0) ? q - 1 : q;
}

static int64_t i_FLOORMOD1(int64_t a, int64_t b)
{
    int64_t r = i_REM1(a, b);
    return r != 0 && (r < 0) != (b < 0) ? r + b : r;
}

static int64_t i_POW1(int64_t a, int64_t b)
{
    if (b >= 0)
        return (int64_t)power((uint64_t)a, (uint64_t)b);
    return a == 1 ? 1 : a == -1 ? (b & 1 ? -1 : 1) : 0;
}

static int64_t i_GCD1(int64_t a, int64_t b)
{
    return (int64_t)u_GCD1(magnitude(a), magnitude(b));
}

#define X(op, expr) DEFINE(i_##op, int64_t, int64_t, expr)
INT_OPS(X)
ORDER_OPS(X)
#undef X
#define X(op, expr) DEFINE(u_##op, uint64_t, uint64_t, expr)
ORDER_OPS(X)
#undef X
#define X(op) DEFINE(i_##op, int64_t, int64_t, i_##op##1(A, B)) DEFINE(u_##op, uint64_t, uint64_t, u_##op##1(A, B))
DIVISION_OPS(X)
#undef X

/* Shifts: operand c holds the number of bits of the type. */
#define SHIFT(name, T, expr)                                                                                      \
    static void name(int n, void *restrict dv, const void *av, const void *bv, const void *cv)                    \
    {                                                                                                             \
        const T *a = av;                                                                                          \
        const uint64_t *b = bv, *c = cv;                                                                          \
        T *restrict d = dv;                                                                                       \
        for (int i = 0; i < n; i++)                                                                               \
            d[i] = (T)(expr);                                                                                     \
    }
SHIFT(i_SHL, int64_t, B < c[i] ? (uint64_t)A << (B & 63) : 0)
SHIFT(i_SHR, int64_t, B < c[i] ? A >> (B & 63) : A < 0 ? -1 : 0)
SHIFT(u_SHR, uint64_t, B < c[i] ? A >> (B & 63) : 0)

DEFINE(not_bool, int64_t, int64_t, A == 0)
DEFINE(copy_i, int64_t, int64_t, A)
DEFINE(copy_f, float, float, A)
DEFINE(copy_d, double, double, A)
DEFINE(random_f, int64_t, float, pt2_random(A, B))

#define SELECT(name, T)                                                                                           \
    static void name(int n, void *restrict dv, const void *av, const void *bv, const void *cv)                    \
    {                                                                                                             \
        const int64_t *a = av;                                                                                    \
        const T *b = bv, *c = cv;                                                                                 \
        T *restrict d = dv;                                                                                       \
        for (int i = 0; i < n; i++)                                                                               \
            d[i] = a[i] ? b[i] : c[i];                                                                            \
    }
SELECT(select_i, int64_t)
SELECT(select_f, float)
SELECT(select_d, double)

/* ---- conversions ---- */

/* What x86 gives: the most negative value for NaN and out of range. */
#define TO_INT(p, T)                                                                                              \
    static int64_t p##to_i64_1(T x)                                                                               \
    {                                                                                                             \
        return x >= (T)-9223372036854775808.0 && x < (T)9223372036854775808.0 ? (int64_t)x : INT64_MIN;           \
    }                                                                                                             \
    static uint64_t p##to_u64_1(T x)                                                                              \
    {                                                                                                             \
        return x >= (T)9223372036854775808.0 && x < (T)18446744073709551616.0 ? (uint64_t)x                       \
                                                                              : (uint64_t)p##to_i64_1(x);         \
    }                                                                                                             \
    static int64_t p##to_i32_1(T x)                                                                               \
    {                                                                                                             \
        return x > (T)-2147483904.0 && x < (T)2147483648.0 && (double)x > -2147483649.0 ? (int64_t)x : INT32_MIN; \
    }                                                                                                             \
    DEFINE(p##to_i64, T, int64_t, p##to_i64_1(A))                                                                 \
    DEFINE(p##to_u64, T, uint64_t, p##to_u64_1(A))                                                                \
    DEFINE(p##to_i32, T, int64_t, p##to_i32_1(A))                                                                 \
    DEFINE(p##to_u8, T, int64_t, (uint8_t)p##to_i64_1(A))                                                         \
    DEFINE(p##to_i8, T, int64_t, (int8_t)(uint8_t)p##to_i64_1(A))                                                 \
    DEFINE(p##to_u16, T, int64_t, (uint16_t)p##to_i64_1(A))                                                       \
    DEFINE(p##to_i16, T, int64_t, (int16_t)(uint16_t)p##to_i64_1(A))                                              \
    DEFINE(p##to_u32, T, int64_t, (uint32_t)p##to_i64_1(A))                                                       \
    DEFINE(p##to_bool, T, int64_t, A != 0)
TO_INT(f_, float)
TO_INT(d_, double)
DEFINE(i_to_f, int64_t, float, A)
DEFINE(i_to_d, int64_t, double, A)
DEFINE(u_to_f, uint64_t, float, A)
DEFINE(u_to_d, uint64_t, double, A)
DEFINE(f_to_d, float, double, A)
DEFINE(d_to_f, double, float, A)
DEFINE(wrap_bool, int64_t, int64_t, A != 0)
DEFINE(wrap_u8, int64_t, int64_t, (uint8_t)A)
DEFINE(wrap_i8, int64_t, int64_t, (int8_t)(uint8_t)A)
DEFINE(wrap_u16, int64_t, int64_t, (uint16_t)A)
DEFINE(wrap_i16, int64_t, int64_t, (int16_t)(uint16_t)A)
DEFINE(wrap_u32, int64_t, int64_t, (uint32_t)A)
DEFINE(wrap_i32, int64_t, int64_t, (int32_t)(uint32_t)A)

union bits {
    uint32_t u;
    float f;
};
DEFINE(bits_f_i32, float, int64_t, (int32_t)((union bits){ .f = A }).u)
DEFINE(bits_f_u32, float, int64_t, ((union bits){ .f = A }).u)
DEFINE(bits_i_f, int64_t, float, ((union bits){ .u = (uint32_t)A }).f)

/* ---- tables ---- */

enum ref_class ref_class_of(int dtype)
{
    return dtype == PT2_F64 ? REF_D : dtype == PT2_F32 ? REF_F : REF_I;
}

int ref_bits(int dtype)
{
    return dtype == PT2_IDX ? 64 : (int)pt2_dtype_size((pt2_dtype)dtype) * 8;
}

ref_op_fn *ref_op(enum pt2_expr_op op, int dtype)
{
    enum { I, F, D, U };
    static ref_op_fn *const table[4][PT2_E_COUNT] = {
#define X(op, ...) [PT2_E_##op] = i_##op,
        [I] = { INT_OPS(X) ORDER_OPS(X) DIVISION_OPS(X)[PT2_E_SHL] = i_SHL, [PT2_E_SHR] = i_SHR,
                [PT2_E_SELECT] = select_i, [PT2_E_RANDOM] = random_f },
#undef X
#define X(p, T, op, R, expr) [PT2_E_##op] = p##op,
        [F] = { FLOAT_OPS(X, f_, float, M_F, W_F)[PT2_E_SELECT] = select_f },
        [D] = { FLOAT_OPS(X, d_, double, M_D, W_D)[PT2_E_SELECT] = select_d },
#undef X
#define X(op, ...) [PT2_E_##op] = u_##op,
        [U] = { ORDER_OPS(X) DIVISION_OPS(X)[PT2_E_SHR] = u_SHR, [PT2_E_ABS] = copy_i },
#undef X
    };
    ref_op_fn *fn = dtype == PT2_U64 ? table[U][op] : NULL;
    return fn ? fn : table[ref_class_of(dtype)][op];
}

ref_op_fn *ref_op_not(int dtype)
{
    return dtype == PT2_BOOL ? not_bool : i_NOT;
}

ref_op_fn *ref_op_wrap(int dtype)
{
    static ref_op_fn *const table[PT2_IDX + 1] = {
        [PT2_BOOL] = wrap_bool, [PT2_U8] = wrap_u8,   [PT2_I8] = wrap_i8,   [PT2_U16] = wrap_u16,
        [PT2_I16] = wrap_i16,   [PT2_U32] = wrap_u32, [PT2_I32] = wrap_i32,
    };
    return table[dtype];
}

ref_op_fn *ref_op_copy(enum ref_class class)
{
    return class == REF_I ? copy_i : class == REF_F ? copy_f : copy_d;
}

static ref_op_fn *float_to_int(bool from_double, int to)
{
#define ROW(p)                                                                                                    \
    { [PT2_BOOL] = p##to_bool, [PT2_U8] = p##to_u8, [PT2_I8] = p##to_i8, [PT2_U16] = p##to_u16,                   \
      [PT2_I16] = p##to_i16, [PT2_U32] = p##to_u32, [PT2_I32] = p##to_i32, [PT2_U64] = p##to_u64,                 \
      [PT2_I64] = p##to_i64, [PT2_IDX] = p##to_i64 }
    static ref_op_fn *const table[2][PT2_IDX + 1] = { ROW(f_), ROW(d_) };
#undef ROW
    return table[from_double][to];
}

ref_op_fn *ref_op_cast(int from, int to)
{
    enum ref_class a = ref_class_of(from), b = ref_class_of(to);
    bool wide = from == PT2_U64;
    if (a != REF_I && b == REF_I)
        return float_to_int(a == REF_D, to);
    if (a == REF_I && b == REF_I)
        return ref_op_wrap(to) ? ref_op_wrap(to) : copy_i;
    if (a == REF_I)
        return b == REF_F ? (wide ? u_to_f : i_to_f) : (wide ? u_to_d : i_to_d);
    return a == b ? ref_op_copy(a) : a == REF_F ? f_to_d : d_to_f;
}

/* ---- rounding to small floats ---- */

#define ROUND_F8(name, type)                                                                              \
    static void round_##name(int n, void *restrict d, const void *a, const void *b, const void *c)        \
    {                                                                                                     \
        (void)b;                                                                                          \
        (void)c;                                                                                          \
        for (int i = 0; i < n; i++)                                                                       \
            ((float *)d)[i] = pt2_f8_to_f32(type, pt2_f32_to_f8(type, ((const float *)a)[i]));            \
    }
ROUND_F8(f8e4m3fn, PT2_F8E4M3FN)
ROUND_F8(f8e5m2, PT2_F8E5M2)
ROUND_F8(f8e4m3fnuz, PT2_F8E4M3FNUZ)
ROUND_F8(f8e5m2fnuz, PT2_F8E5M2FNUZ)
ROUND_F8(f8e8m0fnu, PT2_F8E8M0FNU)

static void round_f16(int n, void *restrict d, const void *a, const void *b, const void *c)
{
    (void)b;
    (void)c;
    for (int i = 0; i < n; i++)
        ((float *)d)[i] = pt2_f16_to_f32(pt2_f32_to_f16(((const float *)a)[i]));
}

static void round_bf16(int n, void *restrict d, const void *a, const void *b, const void *c)
{
    (void)b;
    (void)c;
    for (int i = 0; i < n; i++)
        ((float *)d)[i] = pt2_bf16_to_f32(pt2_f32_to_bf16(((const float *)a)[i]));
}

ref_op_fn *ref_op_roundto(pt2_dtype storage)
{
    switch (storage) {
    case PT2_F16: return round_f16;
    case PT2_BF16: return round_bf16;
    case PT2_F8E4M3FN: return round_f8e4m3fn;
    case PT2_F8E5M2: return round_f8e5m2;
    case PT2_F8E4M3FNUZ: return round_f8e4m3fnuz;
    case PT2_F8E5M2FNUZ: return round_f8e5m2fnuz;
    case PT2_F8E8M0FNU: return round_f8e8m0fnu;
    default: return NULL;
    }
}

ref_op_fn *ref_op_bitcast(int from, int to)
{
    enum ref_class a = ref_class_of(from), b = ref_class_of(to);
    if (ref_bits(from) != ref_bits(to))
        return NULL;
    if (a == REF_I && b == REF_I)
        return ref_op_cast(from, to);
    if (a == REF_F && b == REF_I)
        return to == PT2_I32 ? bits_f_i32 : bits_f_u32;
    return a == REF_I && b == REF_F ? bits_i_f : copy_i; /* 64 bits: a copy whatever they mean */
}
