/* SPDX-License-Identifier: MIT
 * Sampling in tests/data/distributions.pt2: gamma, Poisson, binomial and Dirichlet distributions of the parameters
 * below, COUNT numbers of each, must have their mean and variance, and lie within a bound of Kolmogorov and Smirnov of
 * their distribution function, with fixed seeds on every device.
 *
 *     test_distributions opencl 0 */
#include "test_device.h"

#include <math.h>
#include <stdlib.h>

enum { COUNT = 8192, SEEDS = 2 };

/* ---- distribution functions ---- */

/* The regularised incomplete gamma function P(a, x). */
static double gamma_p(double a, double x)
{
    double front = x > 0 ? exp(a * log(x) - x - lgamma(a)) : 0;
    if (x <= 0)
        return 0;
    if (x < a + 1) {
        double term = 1 / a, sum = term;
        for (double k = a + 1; term > sum * 1e-12; k++)
            sum += term *= x / k;
        return front * sum;
    }
    double b = x + 1 - a, c = 1e300, d = 1 / b, h = d;
    for (int k = 1; k < 100000; k++) { /* Lentz's continued fraction of Q */
        double an = -k * (k - a);
        b += 2;
        d = 1 / (an * d + b);
        c = b + an / c;
        h *= c * d;
        if (fabs(c * d - 1) < 1e-12)
            break;
    }
    return 1 - front * h;
}

/* The regularised incomplete beta function. */
static double beta_i(double a, double b, double x)
{
    if (x <= 0 || x >= 1)
        return x > 0;
    if (x > (a + 1) / (a + b + 2))
        return 1 - beta_i(b, a, 1 - x);
    double front = exp(lgamma(a + b) - lgamma(a) - lgamma(b) + a * log(x) + b * log1p(-x)) / a;
    double c = 1, d = 1 / (1 - (a + b) * x / (a + 1)), h = d;
    for (int m = 1; m < 100000; m++) {
        double even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m));
        d = 1 / (1 + even * d);
        c = 1 + even / c;
        h *= c * d;
        double odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1));
        d = 1 / (1 + odd * d);
        c = 1 + odd / c;
        h *= c * d;
        if (fabs(c * d - 1) < 1e-12)
            break;
    }
    return front * h;
}

/* ---- what is drawn: rows as in the archive ---- */

enum kind { GAMMA, POISSON, BINOMIAL, BETA };

static const struct row {
    enum kind kind;
    double a, b;
} rows[] = {
    { GAMMA, 0.1, 0 },       { GAMMA, 0.5, 0 },      { GAMMA, 1, 0 },         { GAMMA, 2.5, 0 },
    { GAMMA, 30, 0 },        { GAMMA, 1e3, 0 },      { POISSON, 0, 0 },       { POISSON, 0.7, 0 },
    { POISSON, 9.9, 0 },     { POISSON, 10, 0 },     { POISSON, 300, 0 },     { POISSON, 1e5, 0 },
    { BINOMIAL, 5, 0.3 },    { BINOMIAL, 10, 1 },    { BINOMIAL, 40, 0.5 },   { BINOMIAL, 40, 0.9 },
    { BINOMIAL, 1e3, 0.999 }, { BINOMIAL, 1e6, 0.3 }, { BINOMIAL, 1e6, 1e-5 }, { BINOMIAL, 3, 0 },
    { BETA, 1, 5 },          { BETA, 2, 4 },         { BETA, 3, 3 },          { BETA, 0.05, 0.5 },
    { BETA, 0.2, 0.35 },     { BETA, 0.3, 0.25 },
};
enum { ROWS = sizeof rows / sizeof *rows };

static double mean_of(const struct row *r)
{
    return r->kind == BINOMIAL ? r->a * r->b : r->kind == BETA ? r->a / (r->a + r->b) : r->a;
}

static double variance_of(const struct row *r)
{
    double sum = r->a + r->b;
    return r->kind == BINOMIAL ? r->a * r->b * (1 - r->b)
           : r->kind == BETA   ? r->a * r->b / (sum * sum * (sum + 1))
                               : r->a;
}

static double below(const struct row *r, double x)
{
    switch (r->kind) {
    case GAMMA: return gamma_p(r->a, x);
    case POISSON: return x < 0 ? 0 : r->a > 0 ? 1 - gamma_p(floor(x) + 1, r->a) : 1;
    case BINOMIAL: return x < 0 ? 0 : x >= r->a ? 1 : beta_i(r->a - floor(x), floor(x) + 1, 1 - r->b);
    default: return beta_i(r->a, r->b, x);
    }
}

/* ---- checks ---- */

static int by_size(const void *a, const void *b)
{
    float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

/* The largest distance between the two distribution functions, times the root of the count. */
static double distance(const struct row *r, float *x)
{
    bool steps = r->kind == POISSON || r->kind == BINOMIAL;
    double worst = 0;
    qsort(x, COUNT, sizeof *x, by_size);
    for (int i = 0, end; i < COUNT; i = end) {
        for (end = i + 1; end < COUNT && x[end] <= x[i];)
            end++;
        double at = below(r, (double)x[i]), before = steps ? below(r, (double)x[i] - 1) : at;
        worst = fmax(worst, fmax(fabs(at - (double)end / COUNT), fabs(before - (double)i / COUNT)));
    }
    return worst * sqrt(COUNT);
}

static void check_row(const char *device, const struct row *r, float *x)
{
    double mean = 0, variance = 0, sd = sqrt(variance_of(r));
    for (int i = 0; i < COUNT; i++)
        mean += (double)x[i] / COUNT;
    for (int i = 0; i < COUNT; i++)
        variance += ((double)x[i] - mean) * ((double)x[i] - mean) / COUNT;
    double apart = distance(r, x), shift = fabs(mean - mean_of(r)) * sqrt(COUNT);
    bool skewed = r->kind == GAMMA && r->a < 0.5; /* whose variance has a variance to match */
    if (apart > 1.95 || shift > 4.5 * sd || fabs(variance - sd * sd) > (skewed ? 0.25 : 0.1) * sd * sd) {
        fprintf(stderr, "%s: kind %d (%g, %g): distance %.2f, mean %g, variance %g\n", device, (int)r->kind, r->a, r->b,
                apart, mean, variance);
        CHECK(false);
    }
}

static void check_device(const char *backend)
{
    static float x[COUNT];
    pt2_model *model;
    pt2_session *s;
    MUST(pt2_model_open(PT2_TEST_DATA "/distributions.pt2", &(pt2_model_params){ .backend = backend }, &model));
    MUST(pt2_session_create(model, &s));
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        int row = 0;
        pt2_session_set_seed(s, seed);
        MUST(pt2_session_run(s));
        for (int k = 0; k < pt2_model_output_count(model); k++) {
            pt2_tensor out;
            MUST(pt2_session_output(s, k, &out));
            CHECK(out.dtype == PT2_F32 && out.rank == 2 && out.shape[1] == COUNT && row + out.shape[0] <= ROWS);
            for (int64_t i = 0; i < out.shape[0]; i++) {
                memcpy(x, (const float *)out.data + i * COUNT, sizeof x);
                check_row(backend, &rows[row++], x);
            }
        }
        CHECK(row == ROWS);
    }
    pt2_session_destroy(&s);
    pt2_model_destroy(&model);
}

int main(int argc, char **argv)
{
    open_device(argc, argv);
    check_device("reference");
    check_device(device_name);
    return close_device();
}
