/* SPDX-License-Identifier: MIT
 * Random rounding: results that are not exact move to a neighbour by chance. How far the results of such runs lie apart
 * is how much a result depends on rounding: where terms cancel, after a rounding to float16 on the way, anywhere. What
 * is exact stays as it is, so that whole numbers and comparisons of them do not change. */
#include "ref.h"

#include <float.h>
#include <math.h>

/* Of transcendental functions: drivers compute them to a few units in the last place. */
enum { FUNCTION_ULPS = 8 };

/* xorshift64*, scaled to [-1/2, 1/2) */
static double chance(struct ref_lanes *x)
{
    uint64_t r = x->random;
    r ^= r >> 12;
    r ^= r << 25;
    r ^= r >> 27;
    x->random = r;
    return (double)(int32_t)(r * 0x2545f4914f6cdd1du >> 32) * 0x1p-32;
}

void ref_noise_start(struct ref_lanes *x, uint64_t block)
{
    uint64_t key[2] = { x->call->noise, block };
    x->random = x->call->noise ? pt2_hash(key, sizeof key, 0) | 1 : 0;
}

/* The distance of v's neighbours in a format with so many bits of fraction. */
static double ulp(double v, int bits)
{
    int exponent;
    if (v == 0 || !isfinite(v))
        return 0;
    frexp(v, &exponent);
    return ldexp(1, exponent - 1 - bits);
}

static bool is_whole(double v)
{
    return !isfinite(v) || v == nearbyint(v);
}

enum ref_rounding ref_rounding_of(pt2_ex e)
{
    int from = e->num_args > 0 ? e->args[0]->dtype : PT2_NONE;
    switch (e->op) {
    case PT2_E_ADD: return REF_ADD;
    case PT2_E_SUB: return REF_SUB;
    case PT2_E_MUL: return REF_MUL;
    case PT2_E_DIV: return REF_DIV;
    case PT2_E_SQRT: return REF_SQRT;
    case PT2_E_ROUNDTO: return REF_NARROW;
    case PT2_E_CAST: return from == PT2_F64 && e->dtype == PT2_F32 ? REF_NARROW : REF_EXACT;
    case PT2_E_NEG: case PT2_E_ABS: case PT2_E_MIN: case PT2_E_MAX: case PT2_E_FLOOR: case PT2_E_CEIL:
    case PT2_E_TRUNC: case PT2_E_ROUND: case PT2_E_COPYSIGN: case PT2_E_NEXTAFTER: case PT2_E_SELECT:
    case PT2_E_BITCAST: case PT2_E_RANDOM: case PT2_E_FLOORDIV: case PT2_E_TRUNCDIV:
        return REF_EXACT;
    default: return REF_FUNCTION;
    }
}

/* What rounding took from the operator's exact result d; not 0 when it is not known. */
#define ERROR_OF(T, FMA)                                                                                          \
    switch (rounding) {                                                                                           \
    case REF_ADD: return (double)a + (double)b - (double)d;                                                       \
    case REF_SUB: return (double)a - (double)b - (double)d;                                                       \
    case REF_MUL: return (double)FMA(a, b, -d);                                                                   \
    case REF_DIV: return (double)FMA(d, b, -a);                                                                   \
    case REF_SQRT: return (double)FMA(d, d, -a);                                                                  \
    default: return is_whole((double)d) ? 0 : 1;                                                                  \
    }

static double error_f(enum ref_rounding rounding, float a, float b, float d)
{
    ERROR_OF(float, fmaf)
}

/* A sum of doubles: its error by the two-sum algorithm. */
static double error_d(enum ref_rounding rounding, double a, double b, double d)
{
    double s = rounding == REF_SUB ? -b : b, t = d - a;
    if (rounding == REF_ADD || rounding == REF_SUB)
        return (a - (d - t)) + (s - t);
    ERROR_OF(double, fma)
}

static void perturb_f(struct ref_lanes *x, enum ref_rounding rounding, const float *a, const float *b, float *d)
{
    double reach = rounding == REF_FUNCTION ? 2 * FUNCTION_ULPS : 2;
    for (int i = 0; i < x->n; i++)
        if (isfinite(d[i]) && error_f(rounding, a[i], b[i], d[i]) != 0)
            d[i] = (float)((double)d[i] + chance(x) * reach * ulp((double)d[i], FLT_MANT_DIG - 1));
}

static void perturb_d(struct ref_lanes *x, enum ref_rounding rounding, const double *a, const double *b, double *d)
{
    double reach = rounding == REF_FUNCTION ? 2 * FUNCTION_ULPS : 2;
    for (int i = 0; i < x->n; i++)
        if (isfinite(d[i]) && error_d(rounding, a[i], b[i], d[i]) != 0)
            d[i] += nearbyint(chance(x) * reach) * ulp(d[i], DBL_MANT_DIG - 1);
}

static int fraction_bits(pt2_dtype t)
{
    switch (t) {
    case PT2_F16: return 10;
    case PT2_BF16: return 7;
    case PT2_F8E4M3FN: case PT2_F8E4M3FNUZ: return 3;
    case PT2_F8E5M2: case PT2_F8E5M2FNUZ: return 2;
    case PT2_F8E8M0FNU: return 0;
    default: return FLT_MANT_DIG - 1;
    }
}

/* Moves v by up to half the distance of the narrower format's numbers, so that rounding it takes either neighbour, as
 * likely as it is near. */
static double before_rounding(struct ref_lanes *x, double v, int bits)
{
    return v + chance(x) * ulp(v, bits);
}

const void *ref_noise_narrow(struct ref_lanes *x, int n, const void *v, pt2_dtype to, float *out)
{
    if (!x->random || fraction_bits(to) == FLT_MANT_DIG - 1)
        return v;
    for (int i = 0; i < n; i++)
        out[i] = (float)before_rounding(x, (double)((const float *)v)[i], fraction_bits(to));
    return out;
}

void ref_noise(struct ref_lanes *x, const struct ref_instr *in)
{
    const void *a = ref_reg(x, in->a), *b = ref_reg(x, in->b);
    void *d = ref_reg(x, in->dst);
    float narrow[REF_MAX_LANES];
    if (in->rounding == REF_NARROW && in->storage != PT2_NONE) {
        in->fn(x->n, d, ref_noise_narrow(x, x->n, a, in->storage, narrow), b, b);
    } else if (in->rounding == REF_NARROW) {
        for (int i = 0; i < x->n; i++)
            ((float *)d)[i] = (float)before_rounding(x, ((const double *)a)[i], FLT_MANT_DIG - 1);
    } else if (in->class == REF_F) {
        perturb_f(x, in->rounding, a, b, d);
    } else {
        perturb_d(x, in->rounding, a, b, d);
    }
}

/* Devices add in the type of the values, here it is done in double. */
void ref_noise_sum(struct ref_lanes *x, enum pt2_reduce_op op, int dtype, int n, void *acc)
{
    double *restrict a = acc;
    bool rounds = op == PT2_RED_SUM || op == PT2_RED_PROD || op == PT2_RED_LOGADDEXP;
    if (!x->random || !rounds || ref_class_of(dtype) == REF_I)
        return;
    for (int i = 0; i < n; i++) {
        if (dtype == PT2_F32)
            a[i] = (double)(float)before_rounding(x, a[i], FLT_MANT_DIG - 1);
        else if (!is_whole(a[i]))
            a[i] += nearbyint(2 * chance(x)) * ulp(a[i], DBL_MANT_DIG - 1);
    }
}

void ref_noise_combined(struct ref_lanes *x, int dtype, void *element)
{
    float f;
    double d;
    if (!x->random || ref_class_of(dtype) == REF_I)
        return;
    if (dtype == PT2_F32) {
        memcpy(&f, element, sizeof f);
        if (!is_whole((double)f))
            f = (float)((double)f + 2 * chance(x) * ulp((double)f, FLT_MANT_DIG - 1));
        memcpy(element, &f, sizeof f);
    } else {
        memcpy(&d, element, sizeof d);
        if (!is_whole(d))
            d += nearbyint(2 * chance(x)) * ulp(d, DBL_MANT_DIG - 1);
        memcpy(element, &d, sizeof d);
    }
}
