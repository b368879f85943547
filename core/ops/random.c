/* SPDX-License-Identifier: MIT
 * Random operators: each element is a function of a seed (the run's and the call's place in the graph) and its own
 * position, through PT2_E_RANDOM; other distributions by inversion, normal ones by Box and Muller. */
#include "ops/random.h"
#include "ops/data.h"
#include "ops/internal.h"

#include <math.h>

enum {
    ROUND = 1 << 24, /* between the seeds of two rounds: more than a graph has calls, times their streams */
    TURN = 15485863, /* between those of two turns of a loop: a prime */
};

pt2_ex op_uniform_in(struct pt2_lower *L, pt2_ex at, int stream, pt2_ex round)
{
    int64_t place = (L->node ? (int64_t)L->node->index : 0) * OP_STREAMS + stream;
    int *symbol = &L->priv->out->seed_symbol;
    if (*symbol < 0) {
        *symbol = pt2_symbol(L->E, "random seed");
        L->E->symbols.data[*symbol].lo = 0;
        L->E->symbols.data[*symbol].hi = PT2_MAX_SEED;
    }
    pt2_ex seed = pt2_addi(L->E, pt2_sym(L->E, *symbol), place & PT2_MAX_SEED);
    if (L->priv->turns) /* a seed for each turn */
        seed = pt2_floormod(L->E, pt2_add(L->E, seed, pt2_muli(L->E, L->priv->turns, TURN)),
                            pt2_idx(L->E, (int64_t)PT2_MAX_SEED + 1));
    return pt2_bin(L->E, PT2_E_RANDOM, pt2_add(L->E, seed, pt2_muli(L->E, round, ROUND)), at);
}

pt2_ex op_uniform(struct pt2_lower *L, pt2_ex at, int stream)
{
    return op_uniform_in(L, at, stream, pt2_idx(L->E, 0));
}

/* Uniform in (0, 1]: its logarithm is finite. */
static pt2_ex positive(struct pt2_lower *L, pt2_ex at, int stream, pt2_ex round)
{
    return pt2_sub(L->E, pt2_num(L->E, PT2_F32, 1), op_uniform_in(L, at, stream, round));
}

pt2_ex op_normal_in(struct pt2_lower *L, pt2_ex at, int stream, pt2_ex round)
{
    struct pt2_exprs *E = L->E;
    pt2_ex log = pt2_un(E, PT2_E_LOG, positive(L, at, 2 * stream, round)), r = pt2_mul(E, pt2_num(E, PT2_F32, -2), log);
    pt2_ex turn = op_uniform_in(L, at, 2 * stream + 1, round);
    pt2_ex angle = pt2_mul(E, pt2_num(E, PT2_F32, 6.283185307179586), turn);
    return pt2_mul(E, pt2_un(E, PT2_E_SQRT, r), pt2_un(E, PT2_E_COS, angle));
}

pt2_ex op_normal(struct pt2_lower *L, pt2_ex at, int stream)
{
    return op_normal_in(L, at, stream, pt2_idx(L->E, 0));
}

/* Minus the logarithm of a uniform number. */
static pt2_ex exponential(struct pt2_lower *L, pt2_ex at)
{
    return pt2_un(L->E, PT2_E_NEG, pt2_un(L->E, PT2_E_LOG, positive(L, at, 0, pt2_idx(L->E, 0))));
}

/* An int64 in [0, n), from 48 random bits. */
static pt2_ex below(struct pt2_lower *L, pt2_ex at, pt2_ex n)
{
    struct pt2_exprs *E = L->E;
    pt2_ex unit = pt2_num(E, PT2_F32, 16777216), r[2];
    for (int k = 0; k < 2; k++)
        r[k] = pt2_cast(E, PT2_I64, pt2_mul(E, op_uniform(L, at, k), unit));
    pt2_ex bits = pt2_add(E, pt2_mul(E, r[0], pt2_int(E, PT2_I64, 1 << 24)), r[1]);
    return pt2_floormod(E, bits, pt2_max(E, n, pt2_int(E, PT2_I64, 1)));
}

/* The result's variables and each element's number. */
static pt2_ex *result_space(struct pt2_lower *L, pt2_ex *out_number)
{
    int rank = op_out_rank(L, 0);
    pt2_ex *shape = op_out_shape(L, 0), *at = op_vars(L, rank, shape);
    *out_number = pt2_linearize(L->E, rank, shape, at);
    return at;
}

static void return_map(struct pt2_lower *L, pt2_ex v)
{
    pt2_dtype dtype = op_out_dtype(L, 0);
    if (pt2_dtype_is_complex(dtype))
        op_fail(L, PT2_ERR_UNSUPPORTED, "complex random numbers");
    op_return(L, op_map(L, dtype, op_out_rank(L, 0), op_out_shape(L, 0), op_to(L, v, dtype)));
}

/* Parameter: a tensor that broadcasts against the result, or a number; float32. */
static pt2_ex parameter(struct pt2_lower *L, const char *name, double def, const pt2_ex *at)
{
    if (!op_has(L, name))
        return pt2_num(L->E, PT2_F32, def);
    return op_to(L, op_at_bcast(L, op_tensor(L, name), op_out_rank(L, 0), at), PT2_F32);
}

enum { UNIFORM, NORMAL, EXPONENTIAL, GEOMETRIC, CAUCHY, LOG_NORMAL, BERNOULLI, RAND, RANDN };

static pt2_ex draw(struct pt2_lower *L, int64_t what, const pt2_ex *at, pt2_ex i)
{
    struct pt2_exprs *E = L->E;
    pt2_ex a, b, one = pt2_num(E, PT2_F32, 1);
    switch (what) {
    case UNIFORM:
        a = parameter(L, "from", 0, at);
        b = parameter(L, "to", 1, at);
        return pt2_add(E, a, pt2_mul(E, pt2_sub(E, b, a), op_uniform(L, i, 0)));
    case NORMAL: case LOG_NORMAL:
        a = parameter(L, "mean", what == LOG_NORMAL, at);
        b = parameter(L, "std", what == LOG_NORMAL ? 2 : 1, at);
        a = pt2_add(E, a, pt2_mul(E, b, op_normal(L, i, 0)));
        return what == LOG_NORMAL ? pt2_un(E, PT2_E_EXP, a) : a;
    case EXPONENTIAL:
        return pt2_bin(E, PT2_E_DIV, exponential(L, i), parameter(L, "lambd", 1, at));
    case GEOMETRIC:
        a = pt2_un(E, PT2_E_LOG1P, pt2_un(E, PT2_E_NEG, parameter(L, "p", 0.5, at)));
        b = pt2_un(E, PT2_E_NEG, exponential(L, i));
        return pt2_max(E, pt2_un(E, PT2_E_CEIL, pt2_bin(E, PT2_E_DIV, b, a)), one);
    case CAUCHY:
        a = pt2_sub(E, op_uniform(L, i, 0), pt2_num(E, PT2_F32, 0.5));
        a = pt2_un(E, PT2_E_TAN, pt2_mul(E, a, pt2_num(E, PT2_F32, 3.141592653589793)));
        return pt2_add(E, parameter(L, "median", 0, at), pt2_mul(E, parameter(L, "sigma", 1, at), a));
    case BERNOULLI: /* bernoulli(self) takes the probabilities from self */
        a = op_has(L, "p") ? parameter(L, "p", 0.5, at) : parameter(L, "self", 0.5, at);
        return pt2_cast(E, PT2_F32, pt2_lt(E, op_uniform(L, i, 0), a));
    case RANDN:
        return op_normal(L, i, 0);
    default:
        return op_uniform(L, i, 0);
    }
}

static void lower_draw(struct pt2_lower *L)
{
    pt2_ex i, *at = result_space(L, &i);
    return_map(L, draw(L, L->row->data, at, i));
}

/* randint, randint_like, random: integers in [low, high). */
static void lower_randint(struct pt2_lower *L)
{
    struct pt2_exprs *E = L->E;
    pt2_ex i;
    result_space(L, &i);
    const char *from = op_has(L, "from") ? "from" : "low", *to = op_has(L, "to") ? "to" : "high";
    pt2_ex low = op_scalar(L, from, PT2_I64, 0);
    pt2_ex high = op_has(L, to) ? op_scalar(L, to, PT2_I64, 0) : pt2_int(E, PT2_I64, (int64_t)1 << 24);
    return_map(L, pt2_add(E, low, below(L, i, pt2_sub(E, high, low))));
}

/* randperm: the positions of sorted random keys. */
static void lower_randperm(struct pt2_lower *L)
{
    pt2_ex *shape = op_out_shape(L, 0);
    pt2_t *keys, *order;
    if (op_out_rank(L, 0) != 1)
        op_fail(L, PT2_ERR_FORMAT, "a permutation of %d dimensions", op_out_rank(L, 0));
    pt2_ex i = pt2_var(L->E, 0, shape[0]);
    op_sort(L, op_map(L, PT2_F32, 1, shape, op_uniform(L, i, 0)), 0, false, &keys, &order);
    op_return(L, op_convert(L, order, op_out_dtype(L, 0)));
}

/* With replacement: where a uniform number falls among the cumulated weights of the row. */
static void sample_again(struct pt2_lower *L, pt2_t *w)
{
    struct pt2_exprs *E = L->E;
    int rank = w->rank, last = rank - 1;
    pt2_ex i, *at = result_space(L, &i), *in = op_vars(L, rank, w->shape), index[PT2_MAX_RANK], end[PT2_MAX_RANK];
    pt2_t *sums = op_scan(L, PT2_RED_SUM, PT2_F32, rank, w->shape, last, false, op_to(L, op_at(L, w, in), PT2_F32));
    memcpy(index, at, sizeof *at * (size_t)rank);
    memcpy(end, at, sizeof *at * (size_t)rank);
    pt2_ex n = w->shape[last], top = pt2_max(E, pt2_addi(E, n, -1), pt2_idx(E, 0));
    index[last] = pt2_var(E, rank, n);
    end[last] = top;
    pt2_ex target = pt2_mul(E, op_uniform(L, i, 0), op_at(L, sums, end));
    pt2_ex passed = pt2_le(E, op_at(L, sums, index), target);
    pt2_ex *shape = op_out_shape(L, 0);
    pt2_t *count = op_reduce(L, PT2_RED_SUM, PT2_I64, rank, shape, 1, &n, pt2_cast(E, PT2_I64, passed));
    op_return(L, op_map_like(L, count, PT2_I64, pt2_min(E, op_at(L, count, at), pt2_cast(E, PT2_I64, top))));
}

/* Without: the largest of weight / exponential, which picks in proportion to what is left. */
static void lower_multinomial(struct pt2_lower *L)
{
    struct pt2_exprs *E = L->E;
    pt2_t *w = op_tensor(L, "self"), *keys, *order;
    if (w->rank < 1 || w->rank > 2 || op_out_rank(L, 0) != w->rank || !pt2_dtype_is_float(w->dtype))
        op_fail(L, PT2_ERR_FORMAT, "weights are %s of %d dimensions", pt2_dtype_name(w->dtype), w->rank);
    if (op_bool(L, "replacement", false)) {
        sample_again(L, w);
        return;
    }
    pt2_ex *at = op_vars(L, w->rank, w->shape), i = pt2_linearize(E, w->rank, w->shape, at);
    pt2_ex key = pt2_bin(E, PT2_E_DIV, op_to(L, op_at(L, w, at), PT2_F32), exponential(L, i));
    op_sort(L, op_map_like(L, w, PT2_F32, key), w->rank - 1, true, &keys, &order);
    pt2_ex n = op_out_shape(L, 0)[w->rank - 1];
    op_return(L, op_slice(L, order, w->rank - 1, pt2_idx(E, 0), n, pt2_idx(E, 1)));
}

/* rrelu: a random slope for negative elements in training, the middle of the range otherwise. data: NOISE tells the
 * slopes (1 where they are not used), in the argument or as result 1. */
enum { NOISE_WRITTEN = 1, NOISE_RESULT = 2 };

static void lower_rrelu(struct pt2_lower *L)
{
    struct pt2_exprs *E = L->E;
    pt2_t *x = op_tensor(L, "self");
    double lower = op_float(L, "lower", 0.125), upper = op_float(L, "upper", 1.0 / 3);
    bool training = op_bool(L, "training", false);
    pt2_ex i, *at = result_space(L, &i), v = op_at(L, x, at);
    int t = v->dtype;
    pt2_ex slope = pt2_num(E, t, (lower + upper) / 2);
    if (training)
        slope = pt2_add(E, pt2_num(E, t, lower),
                        pt2_mul(E, pt2_num(E, t, upper - lower), pt2_cast(E, t, op_uniform(L, i, 0))));
    slope = pt2_select(E, pt2_lt(E, v, pt2_num(E, t, 0)), slope, pt2_num(E, t, 1));
    op_return(L, op_map_like(L, x, x->dtype, pt2_mul(E, v, slope)));
    if (!L->row->data)
        return;
    pt2_t *before = op_tensor(L, "noise"), *noise = training ? op_map_like(L, x, before->dtype, slope) : before;
    if (L->row->data == NOISE_RESULT)
        op_result(L, 1, op_clone(L, noise));
    else if (training)
        op_write(L, before, noise);
}

const struct pt2_op_row pt2_ops_random[] = {
    { "aten.rand", lower_draw, RAND },
    { "aten.rand_like", lower_draw, RAND },
    { "aten.randn", lower_draw, RANDN },
    { "aten.randn_like", lower_draw, RANDN },
    { "aten.randint", lower_randint, 0 },
    { "aten.randint_like", lower_randint, 0 },
    { "aten.random", lower_randint, 0 },
    { "aten.randperm", lower_randperm, 0 },
    { "aten.bernoulli", lower_draw, BERNOULLI },
    { "aten.uniform", lower_draw, UNIFORM },
    { "aten.normal", lower_draw, NORMAL },
    { "aten.normal_functional", lower_draw, NORMAL },
    { "aten.log_normal", lower_draw, LOG_NORMAL },
    { "aten.exponential", lower_draw, EXPONENTIAL },
    { "aten.geometric", lower_draw, GEOMETRIC },
    { "aten.cauchy", lower_draw, CAUCHY },
    { "aten.multinomial", lower_multinomial, 0 },
    { "aten.rrelu", lower_rrelu, 0 },
    { "aten.rrelu_with_noise", lower_rrelu, NOISE_WRITTEN },
    { "aten.rrelu_with_noise_functional", lower_rrelu, NOISE_RESULT },
    { 0 },
};
