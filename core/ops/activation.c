/* SPDX-License-Identifier: MIT
 * Activation functions. */
#include "ops/complex.h"
#include "ops/pointwise.h"

/* ---- formulas of x alone ---- */

static pt2_ex clamp(struct pt2_exprs *E, pt2_ex x, double low, double high)
{
    return pt2_min(E, pt2_max(E, x, ex_num(E, x, low)), ex_num(E, x, high));
}

static pt2_ex silu(struct pt2_lower *L, pt2_ex x)
{
    return ex_div(L->E, x, ex_addn(L->E, ex_exp(L->E, ex_neg(L->E, x)), 1));
}

static pt2_ex mish(struct pt2_lower *L, pt2_ex x)
{
    return pt2_mul(L->E, x, pt2_un(L->E, PT2_E_TANH, op_ex_log1p_exp(L, x)));
}

static pt2_ex hardsigmoid(struct pt2_lower *L, pt2_ex x)
{
    return ex_divn(L->E, clamp(L->E, ex_addn(L->E, x, 3), 0, 6), 6);
}

static pt2_ex hardswish(struct pt2_lower *L, pt2_ex x)
{
    return ex_divn(L->E, pt2_mul(L->E, x, clamp(L->E, ex_addn(L->E, x, 3), 0, 6)), 6);
}

static pt2_ex log_sigmoid(struct pt2_lower *L, pt2_ex x)
{
    struct pt2_exprs *E = L->E;
    return pt2_sub(E, pt2_min(E, x, ex_num(E, x, 0)), op_ex_log1p_exp(L, ex_neg(E, ex_abs(E, x))));
}

static pt2_ex gelu_erf(struct pt2_exprs *E, pt2_ex x)
{
    pt2_ex cdf = ex_addn(E, pt2_un(E, PT2_E_ERF, ex_muln(E, x, 0.70710678118654752440)), 1);
    return pt2_mul(E, ex_muln(E, x, 0.5), cdf);
}

static pt2_ex gelu_tanh(struct pt2_exprs *E, pt2_ex x)
{
    pt2_ex cube = pt2_mul(E, ex_square(E, x), x);
    pt2_ex inner = ex_muln(E, pt2_add(E, x, ex_muln(E, cube, 0.044715)), 0.79788456080286535588);
    return pt2_mul(E, ex_muln(E, x, 0.5), ex_addn(E, pt2_un(E, PT2_E_TANH, inner), 1));
}

static pt2_ex gelu(struct pt2_lower *L, pt2_ex x)
{
    const char *mode = op_string(L, "approximate", "none");
    if (mode[0] == 't')
        return gelu_tanh(L->E, x);
    return gelu_erf(L->E, x);
}

/* ---- formulas with parameters ---- */

static double number(struct pt2_lower *L, const char *name, double def)
{
    return op_has(L, name) ? op_float(L, name, def) : def;
}

/* x > 0: scale * x; else alpha * scale * (exp(input_scale * x) - 1) */
static pt2_ex elu_of(struct pt2_exprs *E, pt2_ex x, double alpha, double scale, double input_scale)
{
    pt2_ex low = ex_muln(E, pt2_un(E, PT2_E_EXPM1, ex_muln(E, x, input_scale)), alpha * scale);
    return pt2_select(E, ex_ltn(E, x, 0), low, ex_muln(E, x, scale));
}

static pt2_ex elu(struct pt2_lower *L, pt2_ex x)
{
    return elu_of(L->E, x, number(L, "alpha", 1), number(L, "scale", 1), number(L, "input_scale", 1));
}

static pt2_ex celu(struct pt2_lower *L, pt2_ex x)
{
    double alpha = number(L, "alpha", 1);
    if (alpha == 0)
        op_fail(L, PT2_ERR_FORMAT, "celu with alpha 0");
    return elu_of(L->E, x, alpha, 1, 1 / alpha);
}

static pt2_ex selu(struct pt2_lower *L, pt2_ex x)
{
    return elu_of(L->E, x, 1.6732632423543772848170429916717, 1.0507009873554804934193349852946, 1);
}

static pt2_ex softplus(struct pt2_lower *L, pt2_ex x)
{
    struct pt2_exprs *E = L->E;
    double beta = number(L, "beta", 1);
    pt2_ex bx = ex_muln(E, x, beta);
    pt2_ex r = ex_divn(E, op_ex_log1p_exp(L, bx), beta);
    return pt2_select(E, ex_gtn(E, bx, number(L, "threshold", 20)), x, r);
}

static pt2_ex leaky(struct pt2_exprs *E, pt2_ex x, pt2_ex slope)
{
    return pt2_select(E, ex_gtn(E, x, 0), x, pt2_mul(E, x, slope));
}

static pt2_ex leaky_relu(struct pt2_lower *L, pt2_ex x)
{
    return leaky(L->E, x, ex_num(L->E, x, number(L, "negative_slope", 0.01)));
}

static pt2_ex hardshrink(struct pt2_lower *L, pt2_ex x)
{
    struct pt2_exprs *E = L->E;
    double lambd = number(L, "lambd", 0.5);
    pt2_ex small = pt2_and(E, pt2_le(E, ex_num(E, x, -lambd), x), ex_len(E, x, lambd));
    return pt2_select(E, small, ex_num(E, x, 0), x);
}

static pt2_ex softshrink(struct pt2_lower *L, pt2_ex x)
{
    struct pt2_exprs *E = L->E;
    double lambd = number(L, "lambd", 0.5);
    pt2_ex zero = pt2_select(E, ex_isnan(E, x), x, ex_num(E, x, 0));
    pt2_ex low = pt2_select(E, ex_ltn(E, x, -lambd), ex_addn(E, x, lambd), zero);
    return pt2_select(E, ex_gtn(E, x, lambd), ex_addn(E, x, -lambd), low);
}

typedef pt2_ex formula(struct pt2_lower *L, pt2_ex x);

enum { F_MISH, F_HARDSIGMOID, F_HARDSWISH, F_LOG_SIGMOID, F_GELU, F_ELU, F_CELU, F_SELU, F_SOFTPLUS,
       F_LEAKY_RELU, F_HARDSHRINK, F_SOFTSHRINK };

static formula *const formulas[] = {
    [F_MISH] = mish, [F_HARDSIGMOID] = hardsigmoid, [F_HARDSWISH] = hardswish,
    [F_LOG_SIGMOID] = log_sigmoid, [F_GELU] = gelu, [F_ELU] = elu, [F_CELU] = celu, [F_SELU] = selu,
    [F_SOFTPLUS] = softplus, [F_LEAKY_RELU] = leaky_relu, [F_HARDSHRINK] = hardshrink,
    [F_SOFTSHRINK] = softshrink,
};

static void lower_formula(struct pt2_lower *L)
{
    struct op_pw p;
    op_pw_open(L, &p, OP_FLOAT, 1, "self");
    op_pw_real(L, &p);
    op_pw_return(L, &p, formulas[L->row->data](L, p.v[0]));
}

static void lower_silu(struct pt2_lower *L)
{
    struct op_pw p;
    op_pw_open(L, &p, OP_FLOAT, 1, "self");
    if (!p.is_complex) {
        op_pw_return(L, &p, silu(L, p.v[0]));
        return;
    }
    pt2_cx one = op_c_num(L, p.c[0].re, 1, 0), e = op_c_exp(L, op_c_neg(L, p.c[0]));
    op_pw_return_c(L, &p, op_c_div(L, p.c[0], op_c_add(L, one, e)));
}

/* Result 1, which only a backward pass reads, is exp(-|x|). */
static void lower_log_sigmoid_forward(struct pt2_lower *L)
{
    struct pt2_exprs *E = L->E;
    struct op_pw p;
    op_pw_open(L, &p, OP_FLOAT, 1, "self");
    op_pw_real(L, &p);
    op_pw_return(L, &p, log_sigmoid(L, p.v[0]));
    if (op_out_used(L, 1))
        op_result(L, 1, op_pw_map(L, &p, op_out_dtype(L, 1), ex_exp(E, ex_neg(E, ex_abs(E, p.v[0])))));
}

/* ---- functions that integers have too ---- */

static void lower_relu(struct pt2_lower *L)
{
    struct op_pw p;
    op_pw_open(L, &p, OP_SAME, 1, "self");
    op_pw_real(L, &p);
    pt2_ex x = p.v[0];
    op_pw_return(L, &p, p.dtype == PT2_BOOL ? x : pt2_max(L->E, x, ex_num(L->E, x, 0)));
}

/* data 1: relu6 */
static void lower_hardtanh(struct pt2_lower *L)
{
    struct op_pw p;
    op_pw_open(L, &p, OP_SAME, 1, "self");
    op_pw_real(L, &p);
    pt2_ex low = op_scalar(L, "min_val", p.dtype, L->row->data ? 0 : -1);
    pt2_ex high = op_scalar(L, "max_val", p.dtype, L->row->data ? 6 : 1);
    op_pw_return(L, &p, pt2_min(L->E, pt2_max(L->E, p.v[0], low), high));
}

static void lower_threshold(struct pt2_lower *L)
{
    struct op_pw p;
    op_pw_open(L, &p, OP_SAME, 1, "self");
    op_pw_real(L, &p);
    pt2_ex limit = op_scalar(L, "threshold", p.dtype, 0), value = op_scalar(L, "value", p.dtype, 0);
    op_pw_return(L, &p, pt2_select(L->E, pt2_le(L->E, p.v[0], limit), value, p.v[0]));
}

/* ---- functions of more than one element ---- */

/* The weight has one element, or one per channel (dimension 1). */
static void lower_prelu(struct pt2_lower *L)
{
    pt2_t *x = op_tensor(L, "self"), *w = op_tensor(L, "weight");
    pt2_ex *i = op_vars(L, x->rank, x->shape), zero = pt2_idx(L->E, 0), v = op_at(L, x, i), slope;
    if (w->rank > 1)
        op_fail(L, PT2_ERR_FORMAT, "prelu with a weight of rank %d", w->rank);
    bool single = w->rank == 0 || pt2_is_int(w->shape[0], 1) || x->rank < 2;
    slope = op_to(L, op_at(L, w, single ? &zero : &i[1]), x->dtype);
    op_return(L, op_map_like(L, x, x->dtype, leaky(L->E, v, slope)));
}

static void lower_prelu_kernel(struct pt2_lower *L)
{
    struct op_pw p;
    op_pw_open(L, &p, OP_SAME, 2, "self", "weight");
    op_pw_real(L, &p);
    op_pw_return(L, &p, leaky(L->E, p.v[0], p.v[1]));
}

static void lower_glu(struct pt2_lower *L)
{
    struct pt2_exprs *E = L->E;
    pt2_t *x = op_tensor(L, "self");
    int dim = op_dim(L, "dim", -1, x->rank);
    if (x->rank < 1)
        op_fail(L, PT2_ERR_FORMAT, "glu of a scalar");
    pt2_ex shape[PT2_MAX_RANK], half = pt2_floordiv(E, x->shape[dim], pt2_idx(E, 2));
    for (int d = 0; d < x->rank; d++)
        shape[d] = d == dim ? half : x->shape[d];
    pt2_ex *i = op_vars(L, x->rank, shape), a = op_at(L, x, i);
    i[dim] = pt2_add(E, i[dim], half);
    pt2_ex gate = op_ex_sigmoid(L, op_at(L, x, i));
    op_return(L, op_map(L, x->dtype, x->rank, shape, pt2_mul(E, a, gate)));
}

/* The directional derivative of glu, whose value is given: da s(b) + glu (1 - s(b)) db. */
static void lower_glu_jvp(struct pt2_lower *L)
{
    struct pt2_exprs *E = L->E;
    pt2_t *glu = op_tensor(L, "glu"), *x = op_tensor(L, "x"), *dx = op_tensor(L, "dx");
    int dim = op_dim(L, "dim", -1, x->rank);
    if (x->rank < 1 || glu->rank != x->rank || dx->rank != x->rank)
        op_fail(L, PT2_ERR_FORMAT, "the derivative of glu with %d, %d and %d dimensions", glu->rank, x->rank, dx->rank);
    pt2_ex *i = op_vars(L, glu->rank, glu->shape), y = op_at(L, glu, i), da = op_at(L, dx, i);
    i[dim] = pt2_add(E, i[dim], glu->shape[dim]);
    pt2_ex gate = op_ex_sigmoid(L, op_at(L, x, i)), db = op_at(L, dx, i);
    pt2_ex rest = pt2_mul(E, y, pt2_sub(E, db, pt2_mul(E, gate, db)));
    op_return(L, op_map_like(L, glu, glu->dtype, pt2_add(E, rest, pt2_mul(E, gate, da))));
}

/* ---- table ---- */

const struct pt2_op_row pt2_ops_activation[] = {
    { "aten.relu", lower_relu, 0 },
    { "aten.relu6", lower_hardtanh, 1 },
    { "aten.hardtanh", lower_hardtanh, 0 },
    { "aten.threshold", lower_threshold, 0 },
    { "aten.gelu", lower_formula, F_GELU },
    { "aten.silu", lower_silu, 0 },
    { "aten.mish", lower_formula, F_MISH },
    { "aten.elu", lower_formula, F_ELU },
    { "aten.celu", lower_formula, F_CELU },
    { "aten.selu", lower_formula, F_SELU },
    { "aten.softplus", lower_formula, F_SOFTPLUS },
    { "aten.hardswish", lower_formula, F_HARDSWISH },
    { "aten.hardsigmoid", lower_formula, F_HARDSIGMOID },
    { "aten.leaky_relu", lower_formula, F_LEAKY_RELU },
    { "aten.hardshrink", lower_formula, F_HARDSHRINK },
    { "aten.softshrink", lower_formula, F_SOFTSHRINK },
    { "aten.log_sigmoid", lower_formula, F_LOG_SIGMOID },
    { "aten.log_sigmoid_forward", lower_log_sigmoid_forward, 0 },
    { "aten.prelu", lower_prelu, 0 },
    { "aten._prelu_kernel", lower_prelu_kernel, 0 },
    { "aten.glu", lower_glu, 0 },
    { "aten.glu_jvp", lower_glu_jvp, 0 },
    { 0 },
};
