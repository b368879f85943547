/* SPDX-License-Identifier: MIT
 *
 * Sampling of gamma, Dirichlet, Poisson and binomial distributions, and the reparameterised gradients of the first two
 * (ATen's Distributions.h). Rejection is a reduction: an element's candidates are a function of its number and of the
 * round, a fixed number of rounds is drawn, and the first accepted one is taken. Where none is, which the rounds make
 * less likely than the resolution of the random numbers, it is the first. Small means are drawn by inversion. */
#include "ops/math.h"
#include "ops/pointwise.h"
#include "ops/random.h"
#include "ops/reduce.h"

#include <float.h>

/* ---- rejection ---- */

struct drawing {
    int rank;
    pt2_ex *shape, *at, number; /* the elements; `number` counts them */
    pt2_ex a, b;                /* parameters, float32: alpha; lambda; count and probability */
};

/* What a round proposes, and whether it is accepted. */
typedef void proposal(struct pt2_lower *L, const struct drawing *d, pt2_ex round, pt2_ex *value, pt2_ex *accepted);

static pt2_ex first_accepted(struct pt2_lower *L, const struct drawing *d, int rounds, proposal *propose)
{
    struct pt2_exprs *E = L->E;
    pt2_ex n = pt2_idx(E, rounds), value, accepted;
    propose(L, d, pt2_var(E, d->rank, n), &value, &accepted);
    pt2_t *first = op_reduce(L, PT2_RED_ARGMAX, PT2_I64, d->rank, d->shape, 1, &n, pt2_cast(E, PT2_F32, accepted));
    pt2_ex round = pt2_cast(E, PT2_IDX, op_at(L, first, d->at));
    round = pt2_max(E, pt2_min(E, round, pt2_idx(E, rounds - 1)), pt2_idx(E, 0));
    propose(L, d, round, &value, &accepted);
    return value;
}

static pt2_ex parameter(struct pt2_lower *L, const char *name, const struct drawing *d)
{
    return op_to(L, op_at_bcast(L, op_tensor(L, name), d->rank, d->at), PT2_F32);
}

static struct drawing begin(struct pt2_lower *L, const char *a, const char *b)
{
    struct drawing d = { .rank = op_out_rank(L, 0), .shape = op_out_shape(L, 0) };
    d.at = op_vars(L, d.rank, d.shape);
    d.number = pt2_linearize(L->E, d.rank, d.shape, d.at);
    d.a = parameter(L, a, &d);
    d.b = b ? parameter(L, b, &d) : NULL;
    return d;
}

static void return_drawn(struct pt2_lower *L, const struct drawing *d, pt2_ex v)
{
    pt2_dtype dtype = op_out_dtype(L, 0);
    op_return(L, op_map(L, dtype, d->rank, d->shape, op_to(L, v, dtype)));
}

/* The first of these streams is free for what is drawn once. */
enum { ONCE, FIRST, SECOND, THIRD };

/* ---- gamma (Marsaglia and Tsang 2000) ---- */

enum { GAMMA_ROUNDS = 6 }; /* at least 95 % are accepted in each */

/* log1p(w) - w + w^2/2 - w^3/3; a series where that cancels. */
static pt2_ex log_rest(struct pt2_exprs *E, pt2_ex w)
{
    static const double series[] = { -1.0 / 8, 1.0 / 7, -1.0 / 6, 1.0 / 5, -1.0 / 4, 0, 0, 0, 0 };
    static const double cubic[] = { -1.0 / 3, 0.5, -1, 0 };
    pt2_ex safe = pt2_max(E, w, ex_num(E, w, -0.9999999));
    pt2_ex whole = pt2_add(E, pt2_un(E, PT2_E_LOG1P, safe), ex_poly(E, safe, 4, cubic));
    return pt2_select(E, ex_ltn(E, ex_abs(E, w), 0.1), ex_poly(E, w, 9, series), whole);
}

/* Shapes below 1 are drawn with 1 more, and scaled down. */
static void propose_gamma(struct pt2_lower *L, const struct drawing *d, pt2_ex round, pt2_ex *value, pt2_ex *accepted)
{
    struct pt2_exprs *E = L->E;
    pt2_ex alpha = pt2_select(E, ex_ltn(E, d->a, 1), ex_addn(E, d->a, 1), d->a), m = ex_addn(E, alpha, -1.0 / 3);
    pt2_ex w = ex_div(E, op_normal_in(L, d->number, FIRST, round), ex_sqrt(E, ex_muln(E, m, 9)));
    pt2_ex v = ex_addn(E, w, 1), u = ex_nsub(E, 1, op_uniform_in(L, d->number, ONCE, round));
    *value = pt2_mul(E, m, pt2_mul(E, v, pt2_mul(E, v, v)));
    *accepted = pt2_and(E, ex_gtn(E, v, 0), pt2_lt(E, ex_log(E, u), ex_muln(E, pt2_mul(E, m, log_rest(E, w)), 3)));
}

/* The logarithm of what a shape below 1 is scaled by. */
static pt2_ex log_boost(struct pt2_lower *L, const struct drawing *d)
{
    struct pt2_exprs *E = L->E;
    pt2_ex u = ex_nsub(E, 1, op_uniform(L, d->number, OP_STREAMS - 1));
    return pt2_select(E, ex_ltn(E, d->a, 1), ex_div(E, ex_log(E, u), d->a), ex_num(E, d->a, 0));
}

static void lower_gamma(struct pt2_lower *L)
{
    struct pt2_exprs *E = L->E;
    struct drawing d = begin(L, "self", NULL);
    pt2_ex v = first_accepted(L, &d, GAMMA_ROUNDS, propose_gamma);
    v = pt2_mul(E, v, ex_exp(E, log_boost(L, &d)));
    return_drawn(L, &d, pt2_max(E, v, ex_num(E, v, FLT_MIN)));
}

/* Gammas over their sum: from their logarithms, since those of small shapes are below every float. */
static void lower_dirichlet(struct pt2_lower *L)
{
    struct pt2_exprs *E = L->E;
    struct drawing d = begin(L, "self", NULL);
    if (!d.rank)
        op_fail(L, PT2_ERR_FORMAT, "a Dirichlet distribution of a 0-d tensor");
    pt2_ex v = first_accepted(L, &d, GAMMA_ROUNDS, propose_gamma);
    pt2_t *logs = op_map(L, PT2_F32, d.rank, d.shape, pt2_add(E, ex_log(E, v), log_boost(L, &d)));
    v = op_at(L, op_softmax(L, logs, d.rank - 1, false), d.at);
    return_drawn(L, &d, pt2_min(E, pt2_max(E, v, ex_num(E, v, FLT_MIN)), ex_num(E, v, 1 - FLT_EPSILON / 2)));
}

/* ---- Poisson and binomial (Hoermann 1993: PTRS and BTRS; means below 10 by inversion) ---- */

enum { SMALL_MEAN = 10, INVERSION_STEPS = 44, COUNT_ROUNDS = 16 };

/* (1 + x) log(1 + x) - x, for x >= -1. */
static pt2_ex deviance(struct pt2_exprs *E, pt2_ex x)
{
    static const double series[] = { 1.0 / 56, -1.0 / 42, 1.0 / 30, -1.0 / 20, 1.0 / 12, -1.0 / 6, 1.0 / 2, 0, 0 };
    pt2_ex up = ex_addn(E, x, 1), safe = pt2_max(E, up, ex_num(E, x, 1e-30));
    pt2_ex whole = pt2_sub(E, pt2_mul(E, up, ex_log(E, safe)), x);
    return pt2_select(E, ex_ltn(E, ex_abs(E, x), 0.1), ex_poly(E, x, 9, series), whole);
}

/* log(k!) - k log(k) + k, by Stirling's series; 0 for 0. */
static pt2_ex stirling(struct pt2_exprs *E, pt2_ex k)
{
    static const double series[] = { 1.0 / 1260, 0, -1.0 / 360, 0, 1.0 / 12, 0 };
    pt2_ex safe = pt2_max(E, k, ex_num(E, k, 1)), half = ex_muln(E, ex_log(E, ex_muln(E, safe, 2 * EX_PI)), 0.5);
    pt2_ex v = pt2_add(E, half, ex_poly(E, ex_ndiv(E, 1, safe), 6, series));
    return pt2_select(E, ex_ltn(E, k, 1), ex_num(E, k, 0), v);
}

/* A table mountain's candidate for a distribution of this centre and width, and the logarithm of what accepts it when
 * it is below that of the probability: `scale` relates the two. */
struct mountain {
    pt2_ex a, b, centre, scale;
};

static pt2_ex climb(struct pt2_lower *L, const struct drawing *d, const struct mountain *m, pt2_ex round,
                    pt2_ex *height)
{
    struct pt2_exprs *E = L->E;
    pt2_ex u = ex_addn(E, op_uniform_in(L, d->number, FIRST, round), -0.5 + 0x1p-25);
    pt2_ex us = ex_nsub(E, 0.5, ex_abs(E, u)), v = ex_nsub(E, 1, op_uniform_in(L, d->number, SECOND, round));
    pt2_ex slope = pt2_add(E, ex_div(E, ex_muln(E, m->a, 2), us), m->b);
    pt2_ex cover = pt2_add(E, ex_div(E, m->a, pt2_mul(E, us, us)), m->b);
    *height = ex_log(E, ex_div(E, pt2_mul(E, v, m->scale), cover));
    return pt2_un(E, PT2_E_FLOOR, pt2_add(E, pt2_mul(E, slope, u), m->centre));
}

static void propose_poisson(struct pt2_lower *L, const struct drawing *d, pt2_ex round, pt2_ex *value, pt2_ex *accepted)
{
    struct pt2_exprs *E = L->E;
    pt2_ex mean = pt2_max(E, d->a, ex_num(E, d->a, SMALL_MEAN)), height;
    struct mountain m = { .b = ex_addn(E, ex_muln(E, ex_sqrt(E, mean), 2.53), 0.931) };
    m.a = ex_addn(E, ex_muln(E, m.b, 0.02483), -0.059);
    m.centre = ex_addn(E, mean, 0.43);
    m.scale = ex_addn(E, ex_ndiv(E, 1.1328, ex_addn(E, m.b, -3.4)), 1.1239);
    pt2_ex k = climb(L, d, &m, round, &height), x = ex_div(E, pt2_sub(E, k, mean), mean);
    pt2_ex log = ex_neg(E, pt2_add(E, pt2_mul(E, mean, deviance(E, x)), stirling(E, k)));
    *value = k;
    *accepted = pt2_and(E, pt2_not(E, ex_ltn(E, k, 0)), pt2_le(E, height, log));
}

/* log(n! / (k! (n-k)!) p^k q^(n-k)) but for what is the same for all k. */
static pt2_ex log_binomial(struct pt2_exprs *E, pt2_ex n, pt2_ex p, pt2_ex k)
{
    pt2_ex q = ex_nsub(E, 1, p), np = pt2_mul(E, n, p), nq = pt2_mul(E, n, q), off = pt2_sub(E, k, np);
    pt2_ex dev = pt2_add(E, pt2_mul(E, np, deviance(E, ex_div(E, off, np))),
                         pt2_mul(E, nq, deviance(E, ex_div(E, ex_neg(E, off), nq))));
    return ex_neg(E, pt2_add(E, dev, pt2_add(E, stirling(E, k), stirling(E, pt2_sub(E, n, k)))));
}

/* Probabilities above a half are those of failures. */
static pt2_ex rarer(struct pt2_exprs *E, pt2_ex p)
{
    return pt2_min(E, p, ex_nsub(E, 1, p));
}

static void propose_binomial(struct pt2_lower *L, const struct drawing *d, pt2_ex round, pt2_ex *value,
                             pt2_ex *accepted)
{
    struct pt2_exprs *E = L->E;
    pt2_ex n = pt2_max(E, d->a, ex_num(E, d->a, 2 * SMALL_MEAN)), p = rarer(E, d->b), height;
    p = pt2_max(E, p, ex_ndiv(E, SMALL_MEAN, n)); /* others are drawn by inversion */
    pt2_ex np = pt2_mul(E, n, p), sd = ex_sqrt(E, pt2_mul(E, np, ex_nsub(E, 1, p)));
    struct mountain m = { .b = ex_addn(E, ex_muln(E, sd, 2.53), 1.15) };
    m.a = pt2_add(E, ex_addn(E, ex_muln(E, m.b, 0.0248), -0.0873), ex_muln(E, p, 0.01));
    m.centre = ex_addn(E, np, 0.5);
    m.scale = pt2_mul(E, ex_addn(E, ex_ndiv(E, 5.1, m.b), 2.83), sd);
    pt2_ex k = climb(L, d, &m, round, &height), mode = pt2_un(E, PT2_E_FLOOR, pt2_mul(E, ex_addn(E, n, 1), p));
    pt2_ex log = pt2_sub(E, log_binomial(E, n, p, k), log_binomial(E, n, p, mode));
    *value = k;
    *accepted = pt2_and(E, pt2_and(E, pt2_not(E, ex_ltn(E, k, 0)), pt2_le(E, k, n)), pt2_le(E, height, log));
}

/* How many of the first sums of probabilities a uniform number exceeds. `p` is the probability of 0; each next one is
 * the last times (n - k) / (k + 1) * ratio, or ratio / (k + 1) without n. What rounding leaves of the upper tail is
 * not reached. */
static pt2_ex invert(struct pt2_lower *L, const struct drawing *d, pt2_ex p, pt2_ex ratio, pt2_ex n, pt2_ex mean)
{
    struct pt2_exprs *E = L->E;
    pt2_ex u = op_uniform(L, d->number, THIRD), above = ex_nsub(E, 1, p), count = ex_num(E, p, 0);
    for (int k = 0; k < INVERSION_STEPS; k++) {
        pt2_ex likely = pt2_or(E, ex_gtn(E, mean, k), ex_gtn(E, p, 2e-8));
        count = pt2_add(E, count, pt2_cast(E, PT2_F32, pt2_and(E, likely, pt2_lt(E, u, above))));
        p = pt2_mul(E, p, ex_muln(E, n ? pt2_mul(E, ex_addn(E, n, -k), ratio) : ratio, 1.0 / (k + 1)));
        above = pt2_sub(E, above, p);
    }
    return count;
}

static void lower_poisson(struct pt2_lower *L)
{
    struct pt2_exprs *E = L->E;
    struct drawing d = begin(L, "self", NULL);
    pt2_ex mean = pt2_min(E, d.a, ex_num(E, d.a, SMALL_MEAN));
    pt2_ex few = invert(L, &d, ex_exp(E, ex_neg(E, mean)), mean, NULL, mean);
    pt2_ex many = first_accepted(L, &d, COUNT_ROUNDS, propose_poisson);
    return_drawn(L, &d, pt2_select(E, ex_ltn(E, d.a, SMALL_MEAN), few, many));
}

static void lower_binomial(struct pt2_lower *L)
{
    struct pt2_exprs *E = L->E;
    struct drawing d = begin(L, "count", "prob");
    pt2_ex p = rarer(E, d.b), n = d.a, small = ex_ltn(E, pt2_mul(E, n, p), SMALL_MEAN);
    pt2_ex safe = pt2_select(E, small, p, ex_num(E, p, 0)), none = pt2_un(E, PT2_E_LOG1P, ex_neg(E, safe));
    pt2_ex few = invert(L, &d, ex_exp(E, pt2_mul(E, n, none)), ex_div(E, safe, ex_nsub(E, 1, safe)), n,
                        pt2_mul(E, n, safe));
    pt2_ex k = pt2_select(E, small, few, first_accepted(L, &d, COUNT_ROUNDS, propose_binomial));
    return_drawn(L, &d, pt2_select(E, ex_gtn(E, d.b, 0.5), pt2_sub(E, n, k), k));
}

/* ---- gradients, in float64 as ATen has them ---- */

static pt2_ex power(struct pt2_exprs *E, pt2_ex a, pt2_ex b)
{
    return pt2_bin(E, PT2_E_POW, a, b);
}

static pt2_ex digamma(struct pt2_exprs *E, pt2_ex a)
{
    return pt2_un(E, PT2_E_DIGAMMA, a);
}

/* NaN becomes 0: parameters at the edge of the domain. */
static pt2_ex number_or_0(struct pt2_exprs *E, pt2_ex v)
{
    return pt2_select(E, ex_isnan(E, v), ex_num(E, v, 0), v);
}

/* Taylor's series for x near 0. */
static pt2_ex gamma_grad_small(struct pt2_exprs *E, pt2_ex alpha, pt2_ex x)
{
    pt2_ex numer = ex_num(E, x, 1), s1 = ex_num(E, x, 0), s2 = s1;
    for (int i = 0; i <= 5; i++) {
        pt2_ex denom = ex_addn(E, alpha, i);
        if (i)
            numer = pt2_mul(E, numer, ex_muln(E, x, -1.0 / i));
        s1 = pt2_add(E, s1, ex_div(E, numer, denom));
        s2 = pt2_add(E, s2, ex_div(E, numer, pt2_mul(E, denom, denom)));
    }
    /* the power of x that distribution and density share cancels to x exp(x) */
    pt2_ex slope = pt2_sub(E, pt2_mul(E, pt2_sub(E, ex_log(E, x), digamma(E, alpha)), s1), s2);
    return number_or_0(E, ex_neg(E, pt2_mul(E, slope, pt2_mul(E, x, ex_exp(E, x)))));
}

/* Rice's saddle point expansion for large alpha: near the mean a polynomial. */
static pt2_ex gamma_grad_large(struct pt2_exprs *E, pt2_ex alpha, pt2_ex x)
{
    pt2_ex square = pt2_mul(E, alpha, alpha), d = pt2_sub(E, alpha, x), log = ex_log(E, ex_div(E, x, alpha));
    pt2_ex n1 = ex_addn(E, ex_muln(E, pt2_mul(E, alpha, ex_addn(E, ex_muln(E, alpha, 12), 1)), 24), 1);
    pt2_ex n2 = pt2_add(E, ex_muln(E, square, 1440), pt2_mul(E, ex_muln(E, x, 6), ex_nsub(E, 53, ex_muln(E, x, 120))));
    n2 = pt2_sub(E, n2, ex_div(E, ex_muln(E, pt2_mul(E, x, x), 65), alpha));
    n2 = pt2_add(E, n2, pt2_mul(E, alpha, ex_addn(E, ex_muln(E, x, 3600), 107)));
    pt2_ex near = ex_div(E, pt2_mul(E, n1, n2), ex_muln(E, pt2_mul(E, square, square), 1244160));
    pt2_ex root = ex_sqrt(E, ex_muln(E, alpha, 8)), t2 = ex_div(E, root, d);
    pt2_ex t3 = power(E, pt2_sub(E, ex_neg(E, d), pt2_mul(E, alpha, log)), ex_num(E, x, -1.5));
    pt2_ex t23 = pt2_select(E, pt2_lt(E, x, alpha), pt2_sub(E, t2, t3), pt2_add(E, t2, t3));
    pt2_ex t1 = ex_div(E, pt2_mul(E, ex_sqrt(E, ex_ndiv(E, 2, alpha)), pt2_add(E, alpha, x)), pt2_mul(E, d, d));
    t1 = pt2_sub(E, pt2_mul(E, log, t23), t1);
    pt2_ex inv = ex_ndiv(E, 1.0 / 12, alpha), factor = pt2_mul(E, inv, ex_addn(E, ex_muln(E, inv, 0.5), 1));
    pt2_ex far = ex_neg(E, ex_div(E, pt2_mul(E, ex_addn(E, factor, 1), pt2_mul(E, x, t1)), root));
    pt2_ex inside = pt2_and(E, pt2_le(E, ex_muln(E, alpha, 0.9), x), pt2_le(E, x, ex_muln(E, alpha, 1.1)));
    return pt2_select(E, inside, near, far);
}

/* A rational function of log(x / alpha) and log(alpha). */
static pt2_ex gamma_grad_mid(struct pt2_exprs *E, pt2_ex alpha, pt2_ex x)
{
    static const double c[3][8] = {
        { 0.16009398, -0.094634809, 0.025146376, -0.0030648343, 1, 0.32668115, 0.10406089, 0.0014179084 },
        { 0.53487893, 0.1298071, 0.065735949, -0.0015649758, 0.16639465, 0.020070113, -0.0035938915, -0.00058392623 },
        { 0.040121004, -0.0065914022, -0.0026286047, -0.0013441777, 0.017050642, -0.0021309326, 0.00085092367,
          -1.5247877e-07 },
    };
    pt2_ex u = ex_log(E, ex_div(E, x, alpha)), v = ex_log(E, alpha), part[2];
    for (int k = 0; k < 2; k++) {
        part[k] = ex_num(E, x, 0);
        for (int i = 3; i >= 0; i--) {
            const double in_u[3] = { c[2][4 * k + i], c[1][4 * k + i], c[0][4 * k + i] };
            part[k] = pt2_add(E, pt2_mul(E, part[k], v), ex_poly(E, u, 3, in_u));
        }
    }
    return ex_exp(E, ex_div(E, part[0], part[1]));
}

static void lower_gamma_grad(struct pt2_lower *L)
{
    struct pt2_exprs *E = L->E;
    struct op_pw p;
    op_pw_open(L, &p, OP_SAME, 2, "self", "output");
    pt2_ex alpha = op_to(L, p.v[0], PT2_F64), x = op_to(L, p.v[1], PT2_F64);
    pt2_ex rest = pt2_select(E, ex_gtn(E, alpha, 8), gamma_grad_large(E, alpha, x), gamma_grad_mid(E, alpha, x));
    op_pw_return(L, &p, pt2_select(E, ex_ltn(E, x, 0.8), gamma_grad_small(E, alpha, x), rest));
}

/* Series for x near 0: the gradient by the first parameter, and by the second one. */
static pt2_ex beta_grad_first(struct pt2_exprs *E, pt2_ex x, pt2_ex alpha, pt2_ex beta)
{
    pt2_ex numer = ex_num(E, x, 1), s = ex_num(E, x, 0);
    pt2_ex factor = pt2_sub(E, pt2_sub(E, digamma(E, alpha), digamma(E, pt2_add(E, alpha, beta))), ex_log(E, x));
    for (int i = 0; i <= 10; i++) {
        pt2_ex inv = ex_ndiv(E, 1, ex_addn(E, alpha, i));
        if (i)
            numer = pt2_mul(E, numer, pt2_mul(E, ex_nsub(E, i, beta), ex_muln(E, x, 1.0 / i)));
        s = pt2_add(E, s, pt2_mul(E, pt2_mul(E, numer, inv), pt2_add(E, factor, inv)));
    }
    return number_or_0(E, pt2_mul(E, pt2_mul(E, x, power(E, ex_nsub(E, 1, x), ex_neg(E, beta))), s));
}

static pt2_ex beta_grad_second(struct pt2_exprs *E, pt2_ex x, pt2_ex alpha, pt2_ex beta)
{
    pt2_ex numer = ex_num(E, x, 1), betas = numer, slopes = ex_num(E, x, 0);
    pt2_ex factor = pt2_sub(E, digamma(E, pt2_add(E, alpha, beta)), digamma(E, beta)), s = ex_div(E, factor, alpha);
    for (int i = 1; i <= 8; i++) {
        pt2_ex less = ex_addn(E, beta, -i);
        numer = pt2_mul(E, numer, ex_muln(E, x, -1.0 / i));
        slopes = pt2_add(E, pt2_mul(E, slopes, less), betas);
        betas = pt2_mul(E, betas, less);
        s = pt2_add(E, s, pt2_mul(E, ex_div(E, numer, ex_addn(E, alpha, i)),
                                  pt2_add(E, slopes, pt2_mul(E, factor, betas))));
    }
    return number_or_0(E, ex_neg(E, pt2_mul(E, power(E, ex_nsub(E, 1, x), ex_nsub(E, 1, beta)), s)));
}

/* 1 + 1/(12 a) + 1/(288 a^2) */
static pt2_ex stirling_factor(struct pt2_exprs *E, pt2_ex a)
{
    static const double c[] = { 1.0 / 288, 1.0 / 12, 1 };
    return ex_poly(E, ex_ndiv(E, 1, a), 3, c);
}

/* Next to the mean, where the saddle point expansion has a pole. */
static pt2_ex beta_grad_mean(struct pt2_exprs *E, pt2_ex x, pt2_ex a, pt2_ex b)
{
    pt2_ex total = pt2_add(E, a, b), rest = ex_nsub(E, 1, x), b2 = pt2_mul(E, b, b), b3 = pt2_mul(E, b2, b);
    pt2_ex c4 = pt2_mul(E, ex_muln(E, rest, 8), ex_addn(E, ex_muln(E, b, 135), -11));
    pt2_ex c3 = ex_addn(E, pt2_sub(E, ex_muln(E, pt2_mul(E, b, rest), 1620), ex_muln(E, x, 455)), 453);
    pt2_ex c2 = ex_muln(E, ex_addn(E, pt2_sub(E, ex_muln(E, b, 180), ex_muln(E, x, 90)), 59), 3);
    pt2_ex c1 = ex_addn(E, pt2_mul(E, ex_muln(E, ex_addn(E, ex_muln(E, b, 27), 16), 20), x), 43);
    pt2_ex poly = pt2_add(E, pt2_mul(E, c3, b), pt2_mul(E, a, c4));
    poly = pt2_add(E, pt2_mul(E, c2, b2), pt2_mul(E, a, poly));
    poly = pt2_add(E, pt2_mul(E, c1, b3), pt2_mul(E, a, poly));
    poly = pt2_add(E, ex_muln(E, pt2_mul(E, x, pt2_mul(E, b2, b2)), 47), pt2_mul(E, a, poly));
    pt2_ex n = pt2_mul(E, ex_addn(E, ex_muln(E, a, 12), 1), ex_addn(E, ex_muln(E, b, 12), 1));
    pt2_ex d = pt2_mul(E, pt2_mul(E, pt2_mul(E, a, pt2_mul(E, a, a)), b2), ex_addn(E, ex_muln(E, total, 12), 1));
    n = ex_div(E, n, pt2_mul(E, total, total));
    return ex_div(E, pt2_mul(E, ex_div(E, n, rest), poly), ex_muln(E, d, 12960));
}

/* Rice's saddle point expansion where both parameters are large. */
static pt2_ex beta_grad_large(struct pt2_exprs *E, pt2_ex x, pt2_ex a, pt2_ex b)
{
    pt2_ex total = pt2_add(E, a, b), rest = ex_nsub(E, 1, x), mean = ex_div(E, a, total), ab = pt2_mul(E, a, b);
    pt2_ex sd = ex_muln(E, ex_div(E, ex_sqrt(E, ex_div(E, ab, ex_addn(E, total, 1))), total), 0.1);
    pt2_ex inside = pt2_and(E, pt2_le(E, pt2_sub(E, mean, sd), x), pt2_le(E, x, pt2_add(E, mean, sd)));
    pt2_ex off = pt2_sub(E, pt2_mul(E, b, x), pt2_mul(E, a, rest)), share = ex_div(E, ab, total);
    pt2_ex n1 = pt2_add(E, pt2_mul(E, rest, pt2_add(E, ex_muln(E, pt2_mul(E, a, a), 2), ab)),
                        pt2_mul(E, x, pt2_mul(E, b, b)));
    pt2_ex d1 = pt2_mul(E, ex_sqrt(E, ex_div(E, ex_muln(E, a, 2), b)), pt2_mul(E, total, ex_sqrt(E, total)));
    pt2_ex t1 = ex_neg(E, ex_div(E, n1, pt2_mul(E, d1, pt2_mul(E, off, off))));
    pt2_ex la = ex_log(E, ex_div(E, a, pt2_mul(E, total, x))), lb = ex_log(E, ex_div(E, b, pt2_mul(E, total, rest)));
    pt2_ex t3 = ex_div(E, ex_sqrt(E, ex_muln(E, share, 8)), off);
    pt2_ex t4 = power(E, pt2_add(E, pt2_mul(E, b, lb), pt2_mul(E, a, la)), ex_num(E, x, -1.5));
    t4 = pt2_select(E, pt2_lt(E, x, mean), t4, ex_neg(E, t4));
    pt2_ex sum = pt2_add(E, t1, pt2_mul(E, ex_muln(E, la, 0.5), pt2_add(E, t3, t4)));
    pt2_ex factor = ex_div(E, pt2_mul(E, stirling_factor(E, a), stirling_factor(E, b)), stirling_factor(E, total));
    pt2_ex far = ex_neg(E, pt2_mul(E, pt2_mul(E, factor, sum), ex_div(E, x, ex_sqrt(E, ex_muln(E, share, 2)))));
    return pt2_select(E, inside, beta_grad_mean(E, x, a, b), far);
}

/* A rational function of logarithms corrects an analytic approximation. */
static pt2_ex beta_grad_mid(struct pt2_exprs *E, pt2_ex x, pt2_ex alpha, pt2_ex total)
{
    static const double c[2][3][3][4] = {
        { { { 1.003668233, -0.01061107488, -0.0657888334, 0.01201642863 },
            { 0.6336835991, -0.3557432599, 0.05486251648, -0.001465281033 },
            { -0.03276231906, 0.004474107445, 0.002429354597, -0.0001557569013 } },
          { { 0.221950385, -0.3187676331, 0.01799915743, 0.01074823814 },
            { -0.2951249643, 0.06219954479, 0.01535556598, 0.001550077057 },
            { 0.02155310298, 0.004170831599, 0.001292462449, 6.976601077e-05 } },
          { { -0.05980841433, 0.008441916499, 0.01085618172, 0.002319392565 },
            { 0.02911413504, 0.01400243777, -0.002721828457, 0.000751041181 },
            { 0.005900514878, -0.001936558688, -9.495446725e-06, 5.385558597e-05 } } },
        { { { 1, -0.02924021934, -0.04438342661, 0.007285809825 },
            { 0.6357567472, -0.3473456711, 0.05454656494, -0.002407477521 },
            { -0.03301322327, 0.004845219414, 0.00231480583, -0.0002307248149 } },
          { { 0.5925320577, -0.1757678135, 0.01505928619, 0.000564515273 },
            { 0.1014815858, -0.06589186703, 0.01272886114, -0.0007316646956 },
            { -0.007258481865, 0.001096195486, 0.0003934994223, -4.12701925e-05 } },
          { { 0.06469649321, -0.0236701437, 0.002902096474, -5.896963079e-05 },
            { 0.001925008108, -0.002869809258, 0.0008000589141, -6.063713228e-05 },
            { -0.0003477407336, 6.959756487e-05, 1.097287507e-05, -1.650964693e-06 } } },
    };
    pt2_ex u = ex_log(E, x), a = pt2_sub(E, ex_log(E, alpha), u), b = pt2_sub(E, ex_log(E, total), a), part[2];
    for (int k = 0; k < 2; k++) {
        part[k] = ex_num(E, x, 0);
        for (int i = 2; i >= 0; i--) {
            pt2_ex in_a = ex_num(E, x, 0);
            for (int j = 2; j >= 0; j--) {
                const double in_b[4] = { c[k][i][j][3], c[k][i][j][2], c[k][i][j][1], c[k][i][j][0] };
                in_a = pt2_add(E, pt2_mul(E, in_a, a), ex_poly(E, b, 4, in_b));
            }
            part[k] = pt2_add(E, pt2_mul(E, part[k], u), in_a);
        }
    }
    pt2_ex slope = ex_div(E, pt2_sub(E, digamma(E, total), digamma(E, alpha)), pt2_sub(E, total, alpha));
    return pt2_mul(E, ex_div(E, part[0], part[1]), pt2_mul(E, x, slope));
}

static void lower_dirichlet_grad(struct pt2_lower *L)
{
    struct pt2_exprs *E = L->E;
    struct op_pw p;
    op_pw_open(L, &p, OP_SAME, 3, "x", "alpha", "total");
    pt2_ex x = op_to(L, p.v[0], PT2_F64), alpha = op_to(L, p.v[1], PT2_F64), total = op_to(L, p.v[2], PT2_F64);
    pt2_ex beta = pt2_sub(E, total, alpha), rest = ex_nsub(E, 1, x), edge = pt2_mul(E, total, pt2_mul(E, x, rest));
    pt2_ex low = pt2_and(E, ex_len(E, x, 0.5), ex_ltn(E, edge, 2.5));
    pt2_ex high = pt2_and(E, ex_len(E, rest, 0.5), ex_ltn(E, edge, 0.75));
    pt2_ex large = pt2_and(E, ex_gtn(E, alpha, 6), ex_gtn(E, beta, 6));
    pt2_ex v = pt2_select(E, large, beta_grad_large(E, x, alpha, beta), beta_grad_mid(E, x, alpha, total));
    v = pt2_select(E, high, ex_neg(E, beta_grad_second(E, rest, beta, alpha)), v);
    op_pw_return(L, &p, pt2_select(E, low, beta_grad_first(E, x, alpha, beta), v));
}

const struct pt2_op_row pt2_ops_distributions[] = {
    { "aten._standard_gamma", lower_gamma, 0 },
    { "aten._sample_dirichlet", lower_dirichlet, 0 },
    { "aten.poisson", lower_poisson, 0 },
    { "aten.binomial", lower_binomial, 0 },
    { "aten._standard_gamma_grad", lower_gamma_grad, 0 },
    { "aten._dirichlet_grad", lower_dirichlet_grad, 0 },
    { 0 },
};
