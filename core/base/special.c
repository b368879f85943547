/* SPDX-License-Identifier: MIT
 * Functions that C has not, in double.
 *
 *   erfinv    Giles' approximation, then Newton steps on erf or log erfc
 *   digamma   recurrence up to x >= 10, then the asymptotic series; reflection below 0
 *   igamma    series, continued fraction (Lentz), or for large a Gauss-Legendre quadrature (Numerical Recipes 6.2)
 *   zeta      Hurwitz zeta by Euler-Maclaurin, as Cephes has it
 *   random    Philox4x32-10 (Salmon et al., SC 2011) */
#include "base/special.h"

#include <stdbool.h>

#include <math.h>

static const double pi = 3.14159265358979323846;
static const double inf = (double)INFINITY;

static double horner(double x, int n, const double *c)
{
    double r = c[0];
    for (int i = 1; i < n; i++)
        r = r * x + c[i];
    return r;
}

double pt2_erfinv(double x)
{
    static const double near[] = { 2.81022636e-08, 3.43273939e-07, -3.5233877e-06, -4.39150654e-06, 0.00021858087,
                                   -0.00125372503, -0.00417768164, 0.246640727, 1.50140941 };
    static const double far[] = { -0.000200214257, 0.000100950558, 0.00134934322, -0.00367342844, 0.00573950773,
                                  -0.0076224613, 0.00943887047, 1.00167406, 2.83297682 };
    double a = fabs(x);
    if (!(a < 1))
        return a == 1 ? copysign(inf, x) : (double)NAN;
    if (a == 0)
        return x;
    double w = -log((1 - a) * (1 + a));
    double r = a * (w < 5 ? horner(w - 2.5, 9, near) : horner(sqrt(w) - 3, 9, far));
    for (int i = 0; i < 4; i++) {
        double slope = 2 / sqrt(pi) * exp(-r * r);
        if (a < 0.5)
            r -= (erf(r) - a) / slope;
        else /* 1 - a is exact there */
            r += (log(erfc(r)) - log(1 - a)) * erfc(r) / slope;
    }
    return copysign(r, x);
}

double pt2_digamma(double x)
{
    static const double series[] = { 1.0 / 12, -691.0 / 32760, 1.0 / 132, -1.0 / 240, 1.0 / 252, -1.0 / 120,
                                     1.0 / 12 };
    if (x == 0)
        return copysign(inf, -x);
    double r = 0;
    if (x < 0) {
        if (x == floor(x) || isinf(x))
            return (double)NAN;
        r = -pi / tan(pi * (x - floor(x)));
        x = 1 - x;
    }
    for (; x < 10; x += 1)
        r -= 1 / x;
    double y = 1 / (x * x);
    return r + log(x) - 0.5 / x - y * horner(y, 7, series);
}

/* ---- incomplete gamma ---- */

/* x^a e^-x / Gamma(a) */
static double gamma_factor(double a, double x)
{
    return exp(a * log(x) - x - lgamma(a));
}

static double gamma_series(double a, double x)
{
    double sum = 1 / a, term = sum;
    for (double k = a + 1; fabs(term) > fabs(sum) * 1e-17; k += 1) {
        term *= x / k;
        sum += term;
    }
    return sum * gamma_factor(a, x);
}

static double gamma_fraction(double a, double x)
{
    double tiny = 1e-300, b = x + 1 - a, c = 1 / tiny, d = 1 / b, h = d;
    for (int i = 1; i < 10000; i++) {
        double an = -i * (i - a);
        b += 2;
        d = an * d + b;
        c = b + an / c;
        d = 1 / (fabs(d) < tiny ? tiny : d);
        c = fabs(c) < tiny ? tiny : c;
        h *= d * c;
        if (fabs(d * c - 1) < 1e-16)
            break;
    }
    return h * gamma_factor(a, x);
}

/* The tail of the integral from x towards its far end, for large a; *upper tells which tail it is. */
static double gamma_quadrature(double a, double x, bool *upper)
{
    static const double node[] = { 0.0021695375159141994, 0.011413521097787704, 0.027972308950302116,
                                   0.051727015600492421, 0.082502225484340941, 0.12007019910960293,
                                   0.16415283300752470, 0.21442376986779355, 0.27051082840644336,
                                   0.33199876341447887, 0.39843234186401943, 0.46931971407375483,
                                   0.54413605556657973, 0.62232745288031077, 0.70331500465597174,
                                   0.78649910768313447, 0.87126389619061517, 0.95698180152629142 };
    static const double weight[] = { 0.0055657196642445571, 0.012915947284065419, 0.020181515297735382,
                                     0.027298621498568734, 0.034213810770299537, 0.040875750923643261,
                                     0.047235083490265582, 0.053244713977759692, 0.058860144245324798,
                                     0.064039797355015485, 0.068745323835736408, 0.072941885005653087,
                                     0.076598410645870640, 0.079687828912071670, 0.082187266704339706,
                                     0.084078218979661945, 0.085346685739338721, 0.085983275670394821 };
    double a1 = a - 1, lna1 = log(a1), root = sqrt(a1), end, sum = 0;
    *upper = x > a1;
    if (*upper)
        end = fmax(a1 + 11.5 * root, x + 6 * root);
    else
        end = fmax(0, fmin(a1 - 7.5 * root, x - 5 * root));
    for (int i = 0; i < 18; i++) {
        double t = x + (end - x) * node[i];
        sum += weight[i] * exp(-(t - a1) + a1 * (log(t) - lna1));
    }
    return fabs(sum * (end - x) * exp(a1 * (lna1 - 1) - lgamma(a)));
}

/* Near x = a the logarithms of a huge a cancel: Temme's expansion, whose later terms no longer count. */
static double gamma_normal(double a, double x, bool upper)
{
    double t = (x - a) / a, phi = t * t * (0.5 - t / 3 + t * t / 4), h = copysign(sqrt(2 * phi), t);
    double rest = exp(-a * phi) / sqrt(2 * acos(-1) * a) * (h / 12 - 1.0 / 3);
    return upper ? 0.5 * erfc(h * sqrt(a / 2)) + rest : 0.5 * erfc(-h * sqrt(a / 2)) - rest;
}

/* P(a, x) or, `upper`, Q(a, x), each computed from the tail that is not near 1. */
static double incomplete_gamma(double a, double x, bool upper)
{
    if (a < 0 || x < 0 || (a == 0 && !(x > 0)) || (isinf(a) && isinf(x)))
        return (double)NAN;
    if (a == 0)
        return upper ? 0 : 1;
    if (x == 0 || isinf(a)) /* also where the other one is NaN, as PyTorch */
        return upper ? 1 : 0;
    if (isinf(x))
        return upper ? 0 : 1;
    if (isnan(a) || isnan(x))
        return (double)NAN;
    bool is_upper;
    double r;
    if (a > 1e8 && fabs(x - a) < 12 * sqrt(a))
        return gamma_normal(a, x, upper);
    if (a > 200 && fabs(x - a) < 12 * sqrt(a)) {
        r = gamma_quadrature(a, x, &is_upper);
    } else {
        is_upper = x >= a + 1;
        r = is_upper ? gamma_fraction(a, x) : gamma_series(a, x);
    }
    return is_upper == upper ? r : 1 - r;
}

double pt2_igamma(double a, double x) { return incomplete_gamma(a, x, false); }
double pt2_igammac(double a, double x) { return incomplete_gamma(a, x, true); }

double pt2_zeta(double s, double q)
{
    /* (2k)! / B2k */
    static const double c[] = { 12.0, -720.0, 30240.0, -1209600.0, 47900160.0, -1.8924375803183791606e9,
                                7.47242496e10, -2.950130727918164224e12, 1.1646782814350067249e14,
                                -4.5979787224074726105e15, 1.8152105401943546773e17, -7.1661652561756670113e18 };
    if (s == 1)
        return inf;
    if (!(s > 1))
        return (double)NAN;
    if (q <= 0) {
        if (q == floor(q))
            return inf;
        if (s != floor(s))
            return (double)NAN;
    }
    double sum = pow(q, -s), a = q, b = 0;
    for (int i = 0; i < 9 || a <= 9; i++) {
        a += 1;
        b = pow(a, -s);
        sum += b;
        if (fabs(b) < fabs(sum) * 1e-17)
            return sum;
    }
    sum += b * a / (s - 1) - 0.5 * b;
    double factor = 1, k = 0;
    for (int i = 0; i < 12; i++) {
        factor *= s + k;
        b /= a;
        double t = factor * b / c[i];
        sum += t;
        if (fabs(t) < fabs(sum) * 1e-17)
            break;
        k += 1;
        factor *= s + k;
        b /= a;
        k += 1;
    }
    return sum;
}

double pt2_log_add_exp(double a, double b)
{
    double hi = a > b || a != a ? a : b, lo = a > b || a != a ? b : a;
    if (hi != hi || isinf(hi))
        return lo != lo ? lo : hi;
    return hi + log1p(exp(lo - hi));
}

float pt2_random(int64_t seed, int64_t counter)
{
    uint32_t c[4] = { (uint32_t)(uint64_t)counter, 0, 0, 0 }, k[2] = { (uint32_t)(uint64_t)seed, 0 };
    for (int round = 0; round < 10; round++) {
        uint64_t p0 = (uint64_t)0xD2511F53u * c[0], p1 = (uint64_t)0xCD9E8D57u * c[2];
        uint32_t next[4] = { (uint32_t)(p1 >> 32) ^ c[1] ^ k[0], (uint32_t)p1, (uint32_t)(p0 >> 32) ^ c[3] ^ k[1],
                             (uint32_t)p0 };
        for (int i = 0; i < 4; i++)
            c[i] = next[i];
        k[0] += 0x9E3779B9u;
        k[1] += 0xBB67AE85u;
    }
    return (float)(c[0] >> 8) * 0x1p-24f;
}
