/* SPDX-License-Identifier: MIT
 * Special functions of float64 that no driver has: erfinv, digamma, igamma, igammac, zeta. In the subset of C that
 * GLSL and OpenCL share, after math.h; they call the elementary ones, pt_exp_f64 and so on, of PT_FLOAT64_MATH.
 * Methods are those of Cephes, as in PyTorch's aten/src/ATen/native/Math.h; domains and special values are
 * PyTorch's. */

#if PT_FLOAT64_MATH

#define PT_D(x) pt_lit_f64(x)
#define PT_STEP(c) r = r * h + (c);

/* Rational approximation, then two steps of Newton's method on erf, or on erfc where erf is too close to 1. */
PT_INLINE double pt_erfinv_f64(double y)
{
    double ay = pt_abs_f64(y), one = PT_D(1.0), h, r, x;
    if (!(ay < one))
        return ay == one ? pt_copysign_f64(pt_inf_f64(), y) : pt_nan_f64();
    if (ay <= PT_D(0.7)) {
        h = ay * ay;
        r = -PT_D(0.140543331);
        PT_STEP(PT_D(0.914624893)) PT_STEP(-PT_D(1.645349621)) PT_STEP(PT_D(0.886226899))
        x = ay * r;
        r = PT_D(0.012229801);
        PT_STEP(-PT_D(0.329097515)) PT_STEP(PT_D(1.442710462)) PT_STEP(-PT_D(2.118377725)) PT_STEP(one)
    } else {
        h = pt_sqrt_f64(-pt_log_f64((one - ay) * PT_D(0.5)));
        r = PT_D(1.641345311);
        PT_STEP(PT_D(3.429567803)) PT_STEP(-PT_D(1.624906493)) PT_STEP(-PT_D(1.970840454))
        x = r;
        r = PT_D(1.637067800);
        PT_STEP(PT_D(3.543889200)) PT_STEP(one)
    }
    x = x / r;
    for (int i = 0; i < 2; i++) {
        double slope = PT_D(1.1283791670955126) * pt_exp_f64(-x * x);
        double error = ay > PT_D(0.5) ? (one - ay) - pt_erfc_f64(x) : pt_erf_f64(x) - ay;
        x = x - error / slope;
    }
    return pt_copysign_f64(x, y);
}

/* Reflection for negative x, recurrence up to 10, then the asymptotic series. */
PT_INLINE double pt_digamma_f64(double x)
{
    double zero = PT_D(0.0), one = PT_D(1.0), sum = zero, h, r;
    if (x == zero)
        return pt_copysign_f64(pt_inf_f64(), -x);
    if (x < zero) {
        double part = x - pt_trunc_f64(x);
        if (part == zero)
            return pt_nan_f64();
        sum = -PT_D(3.14159265358979323846) / pt_tan_f64(PT_D(3.14159265358979323846) * part);
        x = one - x;
    }
    for (; x < PT_D(10.0); x = x + one)
        sum = sum - one / x;
    if (x > PT_D(1.0e17))
        return sum + pt_log_f64(x);
    h = one / (x * x);
    r = PT_D(8.33333333333333333333e-2);
    PT_STEP(-PT_D(2.10927960927960927961e-2)) PT_STEP(PT_D(7.57575757575757575758e-3))
    PT_STEP(-PT_D(4.16666666666666666667e-3)) PT_STEP(PT_D(3.96825396825396825397e-3))
    PT_STEP(-PT_D(8.33333333333333333333e-3)) PT_STEP(PT_D(8.33333333333333333333e-2))
    return sum + (pt_log_f64(x) - PT_D(0.5) / x - h * r);
}

/* (2i + 2)! / B(2i + 2) of the Euler-Maclaurin series. */
PT_INLINE double pt_zeta_coefficient_f64(int i)
{
    return i < 4 ? (i == 0 ? PT_D(12.0) : i == 1 ? -PT_D(720.0) : i == 2 ? PT_D(30240.0) : -PT_D(1209600.0))
         : i < 8 ? (i == 4 ? PT_D(47900160.0) : i == 5 ? -PT_D(1.8924375803183791606e9)
                    : i == 6 ? PT_D(7.47242496e10) : -PT_D(2.950130727918164224e12))
         : (i == 8 ? PT_D(1.1646782814350067249e14) : i == 9 ? -PT_D(4.5979787224074726105e15)
            : i == 10 ? PT_D(1.8152105401943546773e17) : -PT_D(7.1661652561756670113e18));
}

/* Hurwitz zeta: nine terms of the sum or more, the rest by Euler-Maclaurin. */
PT_INLINE double pt_zeta_f64(double x, double q)
{
    double eps = PT_D(1.11022302462515654042e-16), zero = PT_D(0.0), one = PT_D(1.0);
    if (x == one)
        return pt_inf_f64();
    if (!(x > one) || pt_isnan_f64(q))
        return pt_nan_f64();
    if (q <= zero) {
        if (q == pt_floor_f64(q))
            return pt_inf_f64();
        if (x != pt_floor_f64(x))
            return pt_nan_f64(); /* a power of a negative number */
    }
    double sum = pt_pow_f64(q, -x), a = q, b = zero;
    for (int i = 0; i < 9 || a <= PT_D(9.0); i++) {
        a = a + one;
        b = pt_pow_f64(a, -x);
        sum = sum + b;
        if (pt_abs_f64(b) <= eps * pt_abs_f64(sum))
            return sum;
    }
    double w = a, k = zero, f = one;
    sum = sum + b * w / (x - one) - PT_D(0.5) * b;
    for (int i = 0; i < 12; i++) {
        f = f * (x + k);
        b = b / w;
        double t = f * b / pt_zeta_coefficient_f64(i);
        sum = sum + t;
        if (pt_abs_f64(t) < eps * pt_abs_f64(sum))
            return sum;
        f = f * (x + k + one);
        b = b / w;
        k = k + PT_D(2.0);
    }
    return sum;
}

/* ---- incomplete gamma functions, regularized: P(a, x) and Q(a, x) = 1 - P ---- */

/* x^a e^-x / Gamma(a); for larger a by Stirling's series, in which nothing large cancels. */
PT_INLINE double pt_igam_factor_f64(double a, double x)
{
    if (a < PT_D(20.0))
        return pt_exp_f64(a * pt_log_f64(x) - x - pt_lgamma_f64(a));
    double t = (x - a) / a, h = PT_D(1.0) / (a * a), r = -PT_D(5.952380952380952e-4);
    PT_STEP(PT_D(7.936507936507937e-4)) PT_STEP(-PT_D(2.777777777777778e-3)) PT_STEP(PT_D(8.333333333333333e-2))
    double phi = pt_abs_f64(t) < PT_D(0.5) ? t - pt_log1p_f64(t) : t - pt_log_f64(x / a);
    return pt_sqrt_f64(a * PT_D(0.15915494309189535)) * pt_exp_f64(-a * phi - r / a);
}

/* P by its power series. */
PT_INLINE double pt_igam_series_f64(double a, double x)
{
    double factor = pt_igam_factor_f64(a, x), r = a, c = PT_D(1.0), sum = PT_D(1.0);
    if (factor == PT_D(0.0))
        return factor;
    for (int i = 0; i < 2000 && c > PT_D(1.1e-16) * sum; i++) {
        r = r + PT_D(1.0);
        c = c * x / r;
        sum = sum + c;
    }
    return sum * factor / a;
}

/* log Gamma(1 + a), which near 0 keeps the relative accuracy that 1 + a loses. */
PT_INLINE double pt_lgamma1p_f64(double a)
{
    if (pt_abs_f64(a) > PT_D(1.0e-3))
        return pt_lgamma_f64(PT_D(1.0) + a);
    double h = a, r = -PT_D(0.20738555102867398);
    PT_STEP(PT_D(0.27058080842778454)) PT_STEP(-PT_D(0.40068563438653143)) PT_STEP(PT_D(0.8224670334241132))
    PT_STEP(-PT_D(0.5772156649015329))
    return a * r;
}

/* Q by the power series of P, for small x. */
PT_INLINE double pt_igamc_series_f64(double a, double x)
{
    double f = PT_D(1.0), sum = PT_D(0.0), log_x = pt_log_f64(x), low = pt_lgamma1p_f64(a);
    for (int i = 1; i < 2000; i++) {
        f = -f * x / pt_cvt_i32_f64(i);
        double t = f / (a + pt_cvt_i32_f64(i));
        sum = sum + t;
        if (pt_abs_f64(t) <= PT_D(1.1e-16) * pt_abs_f64(sum))
            break;
    }
    return -pt_expm1_f64(a * log_x - low) - a * pt_exp_f64(a * log_x - low) * sum;
}

/* Q by its continued fraction, for x > a. */
PT_INLINE double pt_igamc_fraction_f64(double a, double x)
{
    double one = PT_D(1.0), factor = pt_igam_factor_f64(a, x);
    if (factor == PT_D(0.0))
        return factor;
    double y = one - a, z = x + y + one, c = PT_D(0.0);
    double p2 = one, q2 = x, p1 = x + one, q1 = z * x, value = p1 / q1;
    for (int i = 0; i < 2000; i++) {
        c = c + one;
        y = y + one;
        z = z + PT_D(2.0);
        double p = p1 * z - p2 * (y * c), q = q1 * z - q2 * (y * c);
        double old = value;
        if (q != PT_D(0.0))
            value = p / q;
        p2 = p1;
        p1 = p;
        q2 = q1;
        q1 = q;
        if (pt_abs_f64(p) > PT_D(4503599627370496.0)) {
            double small = PT_D(2.22044604925031308085e-16);
            p2 = p2 * small;
            p1 = p1 * small;
            q2 = q2 * small;
            q1 = q1 * small;
        }
        if (q != PT_D(0.0) && pt_abs_f64(old - value) <= PT_D(1.1e-16) * pt_abs_f64(value))
            break;
    }
    return value * factor;
}

/* Temme's uniform expansion for large a and x near a (DLMF 8.12): the c_k as Taylor polynomials. */
PT_INLINE double pt_temme0_f64(double h)
{
    double r = -PT_D(4.3820360184533529e-09);
    PT_STEP(PT_D(1.0261809784240309e-08)) PT_STEP(PT_D(6.7078535434014984e-09)) PT_STEP(-PT_D(1.7665952736826078e-07))
    PT_STEP(PT_D(8.2967113409530865e-07)) PT_STEP(-PT_D(1.85406221071516e-06)) PT_STEP(-PT_D(2.185448510679992e-06))
    PT_STEP(PT_D(3.9192631785224377e-05)) PT_STEP(-PT_D(0.0001787551440329218)) PT_STEP(PT_D(0.00035273368606701942))
    PT_STEP(PT_D(0.0011574074074074073)) PT_STEP(-PT_D(0.014814814814814815)) PT_STEP(PT_D(0.083333333333333329))
    PT_STEP(-PT_D(0.33333333333333331))
    return r;
}
PT_INLINE double pt_temme1_f64(double h)
{
    double r = -PT_D(5.7525456035177047e-08);
    PT_STEP(PT_D(1.3786334469157209e-07)) PT_STEP(PT_D(4.647127802807434e-09)) PT_STEP(-PT_D(1.6120900894563446e-06))
    PT_STEP(PT_D(7.6491609160811098e-06)) PT_STEP(-PT_D(1.8098550334489977e-05)) PT_STEP(-PT_D(4.018775720164609e-07))
    PT_STEP(PT_D(0.00020576131687242798)) PT_STEP(-PT_D(0.00099022633744855963)) PT_STEP(PT_D(0.0026455026455026454))
    PT_STEP(-PT_D(0.003472222222222222)) PT_STEP(-PT_D(0.0018518518518518519))
    return r;
}
PT_INLINE double pt_temme2_f64(double h)
{
    double r = -PT_D(6.2989921383800548e-07);
    PT_STEP(PT_D(1.3721957309062934e-06)) PT_STEP(PT_D(3.4235787340961378e-08)) PT_STEP(-PT_D(1.2760635188618728e-05))
    PT_STEP(PT_D(5.2923448829120125e-05)) PT_STEP(-PT_D(0.0001073665322636516)) PT_STEP(PT_D(2.0093878600823047e-06))
    PT_STEP(PT_D(0.0007716049382716049)) PT_STEP(-PT_D(0.0026813271604938273)) PT_STEP(PT_D(0.0041335978835978834))
    return r;
}
PT_INLINE double pt_temme3_f64(double h)
{
    double r = -PT_D(5.6749528269915965e-06);
    PT_STEP(PT_D(1.1082654115347302e-05)) PT_STEP(-PT_D(2.3965051138672968e-07))
    PT_STEP(-PT_D(7.5618016718839766e-05)) PT_STEP(PT_D(0.00026772063206283885)) PT_STEP(-PT_D(0.0004691894943952557))
    PT_STEP(PT_D(0.00022947209362139917)) PT_STEP(PT_D(0.00064943415637860077))
    return r;
}
PT_INLINE double pt_temme4_f64(double h)
{
    double r = -PT_D(3.9683650471794347e-05);
    PT_STEP(PT_D(6.6414982154651219e-05)) PT_STEP(-PT_D(1.4638452578843418e-06))
    PT_STEP(-PT_D(0.00029907248030319018)) PT_STEP(PT_D(0.00078403922172006662))
    PT_STEP(-PT_D(0.00086188829091671173))
    return r;
}
PT_INLINE double pt_igam_temme_f64(double a, double x, bool upper)
{
    double t = (x - a) / a, phi = t - pt_log1p_f64(t), h = pt_sqrt_f64(PT_D(2.0) * (phi > PT_D(0.0) ? phi : PT_D(0.0)));
    h = t < PT_D(0.0) ? -h : h;
    double sum = pt_temme3_f64(h) + pt_temme4_f64(h) / a;
    sum = pt_temme0_f64(h) + (pt_temme1_f64(h) + (pt_temme2_f64(h) + sum / a) / a) / a;
    double rest = pt_exp_f64(-a * phi) * pt_sqrt_f64(PT_D(0.15915494309189535) / a) * sum;
    double z = h * pt_sqrt_f64(a * PT_D(0.5));
    return upper ? PT_D(0.5) * pt_erfc_f64(z) + rest : PT_D(0.5) * pt_erfc_f64(-z) - rest;
}

/* Inside the domain: P, or Q if `upper`, by the method that gives the smaller of the two without cancellation. */
PT_INLINE double pt_igam_f64(double a, double x, bool upper)
{
    double one = PT_D(1.0), p, q;
    bool have_p;
    if (a > PT_D(200.0) && pt_abs_f64(x - a) < PT_D(0.3) * a)
        return pt_igam_temme_f64(a, x, upper);
    if (x > PT_D(1.1))
        have_p = x < a;
    else
        have_p = x <= PT_D(0.5) ? a * pt_log_f64(x) < -PT_D(0.4) : x * PT_D(1.1) < a;
    if (x > PT_D(1.1) && !have_p)
        q = pt_igamc_fraction_f64(a, x);
    else if (!have_p)
        q = pt_igamc_series_f64(a, x);
    else
        q = pt_igam_series_f64(a, x);
    return have_p == upper ? one - q : q;
}

/* P or, `upper`, Q; the answers at the edges in PyTorch's order. */
PT_INLINE double pt_igam_all_f64(double a, double x, bool upper)
{
    double zero = PT_D(0.0), one = PT_D(1.0), inf = pt_inf_f64(), at_zero = upper ? one : zero;
    if (a < zero || x < zero || (a == zero && !(x > zero)) || (a == inf && x == inf))
        return pt_nan_f64();
    if (a == zero)
        return one - at_zero;
    if (x == zero || a == inf)
        return at_zero;
    if (x == inf)
        return one - at_zero;
    return a == a && x == x ? pt_igam_f64(a, x, upper) : pt_nan_f64();
}
PT_INLINE double pt_igamma_f64(double a, double x) { return pt_igam_all_f64(a, x, false); }
PT_INLINE double pt_igammac_f64(double a, double x) { return pt_igam_all_f64(a, x, true); }

#undef PT_STEP
#undef PT_D
#endif
