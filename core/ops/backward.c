/* SPDX-License-Identifier: MIT
 *
 * Gradients of elementwise functions and of losses, as graphs that were exported with torch.autograd.grad have them.
 * The derivatives at the ends of pieces (relu at 0) are PyTorch's. Gradients of what moves, sums or normalises elements
 * are in gradient.c. */
#include "ops/data.h"
#include "ops/pointwise.h"
#include "ops/reduce.h"

/* `cond` ? 0 : g. A product would make NaN of an infinite gradient. */
static pt2_ex unless(struct pt2_exprs *E, pt2_ex cond, pt2_ex g)
{
    return pt2_select(E, cond, ex_num(E, g, 0), g);
}

static pt2_ex between(struct pt2_exprs *E, pt2_ex x, double low, double high)
{
    return pt2_and(E, pt2_le(E, ex_num(E, x, low), x), ex_len(E, x, high));
}

/* ---- activations: of the gradient and of x, or of the result y ---- */

static pt2_ex sigmoid(struct pt2_lower *L, pt2_ex g, pt2_ex y)
{
    return pt2_mul(L->E, g, pt2_mul(L->E, ex_nsub(L->E, 1, y), y));
}

static pt2_ex tanh_(struct pt2_lower *L, pt2_ex g, pt2_ex y)
{
    return pt2_mul(L->E, g, ex_nsub(L->E, 1, ex_square(L->E, y)));
}

static pt2_ex threshold(struct pt2_lower *L, pt2_ex g, pt2_ex x)
{
    return unless(L->E, pt2_le(L->E, x, op_scalar(L, "threshold", (pt2_dtype)x->dtype, 0)), g);
}

static pt2_ex silu(struct pt2_lower *L, pt2_ex g, pt2_ex x)
{
    struct pt2_exprs *E = L->E;
    pt2_ex s = op_ex_sigmoid(L, x);
    return pt2_mul(E, pt2_mul(E, g, s), ex_addn(E, pt2_mul(E, x, ex_nsub(E, 1, s)), 1));
}

static pt2_ex mish(struct pt2_lower *L, pt2_ex g, pt2_ex x)
{
    struct pt2_exprs *E = L->E;
    pt2_ex t = pt2_un(E, PT2_E_TANH, op_ex_log1p_exp(L, x));
    pt2_ex inner = pt2_mul(E, pt2_mul(E, x, op_ex_sigmoid(L, x)), ex_nsub(E, 1, ex_square(E, t)));
    return pt2_mul(E, g, pt2_add(E, t, inner));
}

/* x of the normal distribution's cumulative function, or of its approximation by tanh. */
static pt2_ex gelu(struct pt2_lower *L, pt2_ex g, pt2_ex x)
{
    struct pt2_exprs *E = L->E;
    const double root = 0.79788456080286535588, cube = 0.044715; /* sqrt(2 / pi) */
    if (op_string(L, "approximate", "none")[0] != 't') {
        pt2_ex cdf = ex_muln(E, ex_addn(E, pt2_un(E, PT2_E_ERF, ex_muln(E, x, 0.70710678118654752440)), 1), 0.5);
        pt2_ex pdf = ex_muln(E, ex_exp(E, ex_muln(E, ex_square(E, x), -0.5)), root / 2);
        return pt2_mul(E, g, pt2_add(E, cdf, pt2_mul(E, x, pdf)));
    }
    pt2_ex xx = ex_square(E, x);
    pt2_ex t = pt2_un(E, PT2_E_TANH, ex_muln(E, pt2_mul(E, x, ex_addn(E, ex_muln(E, xx, cube), 1)), root));
    pt2_ex inner = ex_muln(E, ex_addn(E, ex_muln(E, xx, 3 * cube), 1), root);
    pt2_ex right = pt2_mul(E, pt2_mul(E, ex_muln(E, x, 0.5), ex_nsub(E, 1, ex_square(E, t))), inner);
    return pt2_mul(E, g, pt2_add(E, ex_muln(E, ex_addn(E, t, 1), 0.5), right));
}

static pt2_ex elu(struct pt2_lower *L, pt2_ex g, pt2_ex x)
{
    struct pt2_exprs *E = L->E;
    double scale = op_float(L, "scale", 1), low = op_float(L, "alpha", 1) * scale, in = op_float(L, "input_scale", 1);
    pt2_ex slope = op_bool(L, "is_result", false) ? ex_addn(E, x, low) : ex_muln(E, ex_exp(E, ex_muln(E, x, in)), low);
    return pt2_select(E, ex_len(E, x, 0), pt2_mul(E, ex_muln(E, g, in), slope), ex_muln(E, g, scale));
}

static pt2_ex hardtanh(struct pt2_lower *L, pt2_ex g, pt2_ex x)
{
    struct pt2_exprs *E = L->E;
    pt2_ex low = ex_num(E, x, op_float(L, "min_val", -1)), high = ex_num(E, x, op_float(L, "max_val", 1));
    return unless(E, pt2_or(E, pt2_le(E, x, low), pt2_le(E, high, x)), g);
}

static pt2_ex hardswish(struct pt2_lower *L, pt2_ex g, pt2_ex x)
{
    struct pt2_exprs *E = L->E;
    pt2_ex inner = pt2_mul(E, g, ex_addn(E, ex_divn(E, x, 3), 0.5));
    return unless(E, ex_len(E, x, -3), pt2_select(E, ex_ltn(E, x, 3), inner, g));
}

static pt2_ex hardsigmoid(struct pt2_lower *L, pt2_ex g, pt2_ex x)
{
    struct pt2_exprs *E = L->E;
    pt2_ex inside = pt2_and(E, ex_gtn(E, x, -3), ex_ltn(E, x, 3));
    return pt2_select(E, inside, ex_divn(E, g, 6), ex_num(E, g, 0));
}

static pt2_ex shrink(struct pt2_lower *L, pt2_ex g, pt2_ex x)
{
    double lambd = op_float(L, "lambd", 0.5);
    return unless(L->E, between(L->E, x, -lambd, lambd), g);
}

static pt2_ex leaky(struct pt2_lower *L, pt2_ex g, pt2_ex x)
{
    return pt2_select(L->E, ex_gtn(L->E, x, 0), g, ex_muln(L->E, g, op_float(L, "negative_slope", 0.01)));
}

static pt2_ex log_sigmoid(struct pt2_lower *L, pt2_ex g, pt2_ex x)
{
    return pt2_mul(L->E, g, op_ex_sigmoid(L, ex_neg(L->E, x)));
}

/* Outside of [eps, 1 - eps] the function is constant; without eps it does not exist outside of [0, 1]. */
static pt2_ex logit(struct pt2_lower *L, pt2_ex g, pt2_ex x)
{
    struct pt2_exprs *E = L->E;
    bool has = op_has(L, "eps");
    double eps = has ? op_float(L, "eps", 0) : 0;
    pt2_ex inner = ex_div(E, g, pt2_mul(E, x, ex_nsub(E, 1, x)));
    pt2_ex outside = pt2_or(E, ex_ltn(E, x, eps), pt2_lt(E, ex_num(E, x, 1 - eps), x));
    return pt2_select(E, outside, ex_num(E, x, has ? 0 : (double)NAN), inner);
}

static pt2_ex softplus(struct pt2_lower *L, pt2_ex g, pt2_ex x)
{
    struct pt2_exprs *E = L->E;
    pt2_ex bx = ex_muln(E, x, op_float(L, "beta", 1));
    return pt2_select(E, ex_gtn(E, bx, op_float(L, "threshold", 20)), g, pt2_mul(E, g, op_ex_sigmoid(L, bx)));
}

typedef pt2_ex formula(struct pt2_lower *L, pt2_ex g, pt2_ex x);
enum { SIGMOID, TANH, THRESHOLD, SILU, MISH, GELU, ELU, HARDTANH, HARDSWISH, HARDSIGMOID, SHRINK, LEAKY, LOG_SIGMOID,
       LOGIT, SOFTPLUS };
static formula *const formulas[] = {
    [SIGMOID] = sigmoid, [TANH] = tanh_, [THRESHOLD] = threshold, [SILU] = silu, [MISH] = mish, [GELU] = gelu,
    [ELU] = elu, [HARDTANH] = hardtanh, [HARDSWISH] = hardswish, [HARDSIGMOID] = hardsigmoid, [SHRINK] = shrink,
    [LEAKY] = leaky, [LOG_SIGMOID] = log_sigmoid, [LOGIT] = logit, [SOFTPLUS] = softplus,
};

static const char *first_of(struct pt2_lower *L, const char *a, const char *b)
{
    return op_has(L, a) ? a : b;
}

static void lower_formula(struct pt2_lower *L)
{
    struct op_pw p;
    op_pw_open(L, &p, OP_SAME, 2, first_of(L, "grad_output", first_of(L, "grad_out", "grad")),
               op_has(L, "self_or_result") ? "self_or_result" : first_of(L, "self", "output"));
    if (p.is_complex)
        op_fail(L, PT2_ERR_UNSUPPORTED, "complex numbers");
    op_pw_return(L, &p, formulas[L->row->data](L, p.v[0], p.v[1]));
}

static void lower_rrelu(struct pt2_lower *L)
{
    struct pt2_exprs *E = L->E;
    double low = op_float(L, "lower", 0.125), high = op_float(L, "upper", 1. / 3);
    struct op_pw p;
    op_pw_open(L, &p, OP_SAME, 3, "grad_output", "self", "noise");
    op_pw_real(L, &p);
    bool noisy = op_bool(L, "training", false) && high - low > 1e-6;
    pt2_ex plain = pt2_select(E, ex_gtn(E, p.v[1], 0), p.v[0], ex_muln(E, p.v[0], (low + high) / 2));
    op_pw_return(L, &p, noisy ? pt2_mul(E, p.v[0], p.v[2]) : plain);
}

static void lower_prelu_kernel(struct pt2_lower *L)
{
    struct pt2_exprs *E = L->E;
    struct op_pw p;
    op_pw_open(L, &p, OP_SAME, 3, "grad_output", "self", "weight");
    op_pw_real(L, &p);
    pt2_ex g = p.v[0], x = p.v[1], positive = ex_gtn(E, x, 0);
    op_result(L, 0, op_pw_map(L, &p, op_out_dtype(L, 0), pt2_select(E, positive, g, pt2_mul(E, p.v[2], g))));
    op_result(L, 1, op_pw_map(L, &p, op_out_dtype(L, 1), unless(E, positive, pt2_mul(E, x, g))));
}

/* a * sigmoid(b) of the halves a and b of x. */
static void lower_glu(struct pt2_lower *L)
{
    struct pt2_exprs *E = L->E;
    pt2_t *g = op_tensor(L, "grad_output"), *x = op_tensor(L, "self");
    int dim = op_dim(L, "dim", -1, x->rank);
    if (g->rank != x->rank || x->rank == 0)
        op_fail(L, PT2_ERR_FORMAT, "gradient of %d dimensions", g->rank);
    pt2_dtype dtype = op_out_dtype(L, 0), acc = op_acc_dtype(dtype);
    pt2_ex half = pt2_floordiv(E, x->shape[dim], pt2_idx(E, 2)), *v = op_vars(L, x->rank, x->shape), at = v[dim];
    pt2_ex first = pt2_lt(E, at, half), low = pt2_select(E, first, at, pt2_sub(E, at, half));
    v[dim] = low;
    pt2_ex dy = op_at_as(L, g, v, acc), a = op_at_as(L, x, v, acc);
    v[dim] = pt2_add(E, low, half);
    pt2_ex s = op_ex_sigmoid(L, op_at_as(L, x, v, acc)), da = pt2_mul(E, dy, s);
    pt2_ex db = pt2_mul(E, pt2_mul(E, da, ex_nsub(E, 1, s)), a);
    op_return(L, op_map_like(L, x, dtype, pt2_select(E, first, da, db)));
}

/* ---- losses of one input and one target ---- */

enum { NONE, MEAN, SUM };
enum { MSE, SMOOTH_L1, HUBER, BCE, SOFT_MARGIN };

/* The gradient of a mean is shared by its elements. */
static pt2_ex share(struct pt2_lower *L, pt2_ex g, pt2_t *x)
{
    if (op_int(L, "reduction", MEAN) != MEAN)
        return g;
    return ex_div(L->E, g, op_num_of_size(L, op_numel(L, x), (pt2_dtype)g->dtype));
}

static pt2_ex clipped(struct pt2_exprs *E, pt2_ex d, double limit)
{
    return pt2_min(E, pt2_max(E, d, ex_num(E, d, -limit)), ex_num(E, d, limit));
}

static pt2_ex smooth_l1(struct pt2_lower *L, pt2_ex d)
{
    struct pt2_exprs *E = L->E;
    double beta = op_float(L, "beta", 1);
    pt2_ex sign = pt2_select(E, ex_len(E, d, 0), ex_num(E, d, -1), ex_num(E, d, 1));
    if (beta == 0)
        return sign;
    return pt2_select(E, ex_ltn(E, ex_abs(E, d), beta), ex_divn(E, d, beta), sign);
}

static pt2_ex soft_margin(struct pt2_exprs *E, pt2_ex x, pt2_ex t)
{
    pt2_ex z = ex_exp(E, ex_neg(E, pt2_mul(E, x, t)));
    return ex_neg(E, pt2_mul(E, t, ex_div(E, z, ex_addn(E, z, 1))));
}

static pt2_ex slope(struct pt2_lower *L, pt2_ex x, pt2_ex t)
{
    struct pt2_exprs *E = L->E;
    pt2_ex d = pt2_sub(E, x, t);
    switch (L->row->data) {
    case MSE: return ex_muln(E, d, 2);
    case SMOOTH_L1: return smooth_l1(L, d);
    case HUBER: return clipped(E, d, op_float(L, "delta", 1));
    case BCE: return ex_div(E, d, pt2_max(E, pt2_mul(E, ex_nsub(E, 1, x), x), ex_num(E, x, 1e-12)));
    default: return soft_margin(E, x, t);
    }
}

static void lower_loss(struct pt2_lower *L)
{
    struct op_pw p;
    op_pw_open(L, &p, OP_SAME, 4, "grad_output", "self", "target", "?weight");
    op_pw_real(L, &p);
    pt2_ex r = pt2_mul(L->E, share(L, p.v[0], op_tensor(L, "self")), slope(L, p.v[1], p.v[2]));
    op_pw_return(L, &p, p.v[3] ? pt2_mul(L->E, r, p.v[3]) : r);
}

/* ---- nll_loss: of the class that the target names ---- */

static void check_classes(struct pt2_lower *L, pt2_t *target, pt2_ex classes)
{
    struct pt2_exprs *E = L->E;
    pt2_ex t = op_int_at(L, target, op_vars(L, target->rank, target->shape));
    pt2_ex ignored = pt2_eq(E, t, pt2_cast(E, PT2_I64, op_size(L, "ignore_index", -100)));
    op_check_index(L, target->rank, target->shape, t, pt2_not(E, ignored), op_from_zero(L, classes));
}

/* The class is dimension 1 of self, or its only one; the target has the others. */
static void lower_nll(struct pt2_lower *L)
{
    struct pt2_exprs *E = L->E;
    pt2_t *g = op_tensor(L, "grad_output"), *x = op_tensor(L, "self"), *t = op_tensor(L, "target");
    pt2_t *weight = op_tensor_opt(L, "weight"), *total = op_tensor(L, "total_weight");
    int64_t reduction = op_int(L, "reduction", MEAN);
    int channel = x->rank > 1, n = 0;
    if (x->rank < 1 || t->rank != x->rank - 1 || (reduction == NONE && g->rank != t->rank) || total->rank)
        op_fail(L, PT2_ERR_FORMAT, "a target of %d dimensions for %d", t->rank, x->rank);
    pt2_dtype dtype = op_out_dtype(L, 0), acc = op_acc_dtype(dtype);
    pt2_ex *v = op_vars(L, x->rank, x->shape), rest[PT2_MAX_RANK], c = v[channel];
    for (int d = 0; d < x->rank; d++)
        if (d != channel || x->rank == 1)
            rest[n++] = v[d];
    pt2_ex target = op_int_at(L, t, rest);
    pt2_ex ignored = pt2_eq(E, target, pt2_cast(E, PT2_I64, op_size(L, "ignore_index", -100)));
    pt2_ex hit = pt2_and(E, pt2_eq(E, target, pt2_cast(E, PT2_I64, c)), pt2_not(E, ignored));
    check_classes(L, t, x->shape[channel]);
    pt2_ex r = ex_neg(E, op_at_as(L, g, rest, acc));
    if (weight)
        r = pt2_mul(E, r, op_at_as(L, weight, &c, acc));
    if (reduction == MEAN)
        r = ex_div(E, r, op_at_as(L, total, NULL, acc));
    op_return(L, op_map_like(L, x, dtype, pt2_select(E, hit, r, ex_num(E, r, 0))));
}

const struct pt2_op_row pt2_ops_backward[] = {
    { "aten.sigmoid_backward", lower_formula, SIGMOID },
    { "aten.tanh_backward", lower_formula, TANH },
    { "aten.threshold_backward", lower_formula, THRESHOLD },
    { "aten.silu_backward", lower_formula, SILU },
    { "aten.mish_backward", lower_formula, MISH },
    { "aten.gelu_backward", lower_formula, GELU },
    { "aten.infinitely_differentiable_gelu_backward", lower_formula, GELU },
    { "aten.elu_backward", lower_formula, ELU },
    { "aten.hardtanh_backward", lower_formula, HARDTANH },
    { "aten.hardswish_backward", lower_formula, HARDSWISH },
    { "aten.hardsigmoid_backward", lower_formula, HARDSIGMOID },
    { "aten.hardshrink_backward", lower_formula, SHRINK },
    { "aten.softshrink_backward", lower_formula, SHRINK },
    { "aten.leaky_relu_backward", lower_formula, LEAKY },
    { "aten.log_sigmoid_backward", lower_formula, LOG_SIGMOID },
    { "aten.logit_backward", lower_formula, LOGIT },
    { "aten.softplus_backward", lower_formula, SOFTPLUS },
    { "aten.rrelu_with_noise_backward", lower_rrelu, 0 },
    { "aten._prelu_kernel_backward", lower_prelu_kernel, 0 },
    { "aten.glu_backward", lower_glu, 0 },
    { "aten.mse_loss_backward", lower_loss, MSE },
    { "aten.smooth_l1_loss_backward", lower_loss, SMOOTH_L1 },
    { "aten.huber_loss_backward", lower_loss, HUBER },
    { "aten.binary_cross_entropy_backward", lower_loss, BCE },
    { "aten.soft_margin_loss_backward", lower_loss, SOFT_MARGIN },
    { "aten.nll_loss_backward", lower_nll, 0 },
    { "aten.nll_loss2d_backward", lower_nll, 0 },
    { 0 },
};
