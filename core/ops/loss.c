/* SPDX-License-Identifier: MIT
 *
 * Losses: an expression per element, then none, mean or sum. Half types compute in float32 up to the final rounding. */
#include "ops/data.h"
#include "ops/reduce.h"

#include <math.h>

enum { NONE, MEAN, SUM };

static pt2_dtype float_type(pt2_dtype t)
{
    t = pt2_dtype_real(t);
    return pt2_dtype_is_float(t) ? op_acc_dtype(t) : PT2_F32;
}

static pt2_ex num(struct pt2_lower *L, pt2_ex like, double f)
{
    return pt2_num(L->E, like->dtype, f);
}

static pt2_ex clamp0(struct pt2_lower *L, pt2_ex e)
{
    return pt2_max(L->E, e, num(L, e, 0));
}

static pt2_ex unary(struct pt2_lower *L, enum pt2_expr_op op, pt2_ex a)
{
    return pt2_un(L->E, op, a);
}

static int64_t reduction(struct pt2_lower *L)
{
    return op_int(L, "reduction", MEAN);
}

/* Broadcast space of some tensors, and reading them in it as floats. */
struct space {
    int rank;
    pt2_ex shape[PT2_MAX_RANK], *v;
    pt2_dtype acc;
};

static void space_init(struct pt2_lower *L, struct space *s, int n, pt2_t *const *tensors)
{
    s->rank = op_broadcast(L, n, tensors, s->shape);
    s->v = op_vars(L, s->rank, s->shape);
    s->acc = float_type(op_out_dtype(L, 0));
}

static pt2_ex at(struct pt2_lower *L, const struct space *s, pt2_t *t)
{
    return op_at_bcast_as(L, t, s->rank, s->v, s->acc);
}

/* The same for integer arithmetic that PyTorch lets wrap: in the promoted type t when that is an integer. */
static pt2_ex at_wrap(struct pt2_lower *L, const struct space *s, pt2_t *x, pt2_dtype t)
{
    return op_at_bcast_as(L, x, s->rank, s->v, pt2_dtype_is_int(t) ? t : s->acc);
}

static void finish(struct pt2_lower *L, const struct space *s, pt2_ex loss)
{
    op_return(L, op_reduction(L, op_map(L, s->acc, s->rank, s->shape, loss), reduction(L), op_out_dtype(L, 0)));
}

/* ---- losses of one input and one target ---- */

enum { MSE, L1, SMOOTH_L1, HUBER, SOFT_MARGIN, KL_DIV, POISSON, HINGE };

static pt2_ex huber(struct pt2_lower *L, pt2_ex size, bool smooth)
{
    struct pt2_exprs *E = L->E;
    double d = op_float(L, smooth ? "beta" : "delta", 1);
    if (smooth && d == 0)
        return size;
    pt2_ex square = pt2_mul(E, pt2_mul(E, size, size), num(L, size, smooth ? 0.5 / d : 0.5));
    pt2_ex line = pt2_sub(E, size, num(L, size, 0.5 * d));
    if (!smooth)
        line = pt2_mul(E, line, num(L, size, d));
    pt2_ex limit = num(L, size, d);
    return pt2_select(E, smooth ? pt2_lt(E, size, limit) : pt2_le(E, size, limit), square, line);
}

/* t log t - t x with 0 log 0 = 0; or exp(t) (t - x) for log targets. */
static pt2_ex kl_div(struct pt2_lower *L, pt2_ex x, pt2_ex t)
{
    struct pt2_exprs *E = L->E;
    if (op_bool(L, "log_target", false))
        return pt2_mul(E, unary(L, PT2_E_EXP, t), pt2_sub(E, t, x));
    pt2_ex log = pt2_select(E, pt2_eq(E, t, num(L, t, 0)), t, pt2_mul(E, t, unary(L, PT2_E_LOG, t)));
    return pt2_sub(E, log, pt2_mul(E, t, x));
}

static pt2_ex poisson(struct pt2_lower *L, pt2_ex x, pt2_ex t)
{
    struct pt2_exprs *E = L->E;
    pt2_ex loss;
    if (op_bool(L, "log_input", true)) {
        loss = pt2_sub(E, unary(L, PT2_E_EXP, x), pt2_mul(E, t, x));
    } else {
        pt2_ex log = unary(L, PT2_E_LOG, pt2_add(E, x, num(L, x, op_float(L, "eps", 1e-8))));
        loss = pt2_sub(E, x, pt2_mul(E, t, log));
    }
    if (!op_bool(L, "full", false))
        return loss;
    /* Stirling's approximation of log(t!) where t > 1 */
    pt2_ex root = unary(L, PT2_E_LOG, pt2_mul(E, t, num(L, t, 2 * acos(-1.0))));
    pt2_ex stirling = pt2_add(E, pt2_sub(E, pt2_mul(E, t, unary(L, PT2_E_LOG, t)), t),
                              pt2_mul(E, root, num(L, t, 0.5)));
    return pt2_add(E, loss, pt2_select(E, pt2_le(E, t, num(L, t, 1)), num(L, t, 0), stirling));
}

static pt2_ex hinge(struct pt2_lower *L, pt2_ex x, pt2_ex t)
{
    struct pt2_exprs *E = L->E;
    pt2_ex zero = num(L, x, 0), rest = clamp0(L, pt2_sub(E, num(L, x, op_float(L, "margin", 1)), x));
    pt2_ex a = pt2_select(E, pt2_eq(E, t, num(L, t, 1)), zero, rest);
    return pt2_add(E, a, pt2_select(E, pt2_eq(E, t, num(L, t, -1)), zero, x));
}

/* log1p(exp(-x t)); eager rounds the exponential to the result's type, in which it may be infinite. */
static pt2_ex soft_margin(struct pt2_lower *L, pt2_ex x, pt2_ex t)
{
    pt2_ex e = unary(L, PT2_E_EXP, unary(L, PT2_E_NEG, pt2_mul(L->E, x, t)));
    return unary(L, PT2_E_LOG1P, op_to(L, e, op_out_dtype(L, 0)));
}

static pt2_ex pair_loss(struct pt2_lower *L, pt2_ex x, pt2_ex t)
{
    struct pt2_exprs *E = L->E;
    pt2_ex d = pt2_sub(E, x, t);
    switch (L->row->data) {
    case MSE: return pt2_mul(E, d, d);
    case L1: return unary(L, PT2_E_ABS, d);
    case SMOOTH_L1: return huber(L, unary(L, PT2_E_ABS, d), true);
    case HUBER: return huber(L, unary(L, PT2_E_ABS, d), false);
    case SOFT_MARGIN: return soft_margin(L, x, t);
    case KL_DIV: return kl_div(L, x, t);
    case POISSON: return poisson(L, x, t);
    default: return hinge(L, x, t);
    }
}

/* |x - t| of complex numbers. */
static pt2_ex complex_l1(struct pt2_lower *L, const struct space *s, pt2_t *x, pt2_t *t)
{
    struct pt2_complex a = op_at_bcast_c(L, x, s->rank, s->v), b = op_at_bcast_c(L, t, s->rank, s->v);
    pt2_ex re = pt2_sub(L->E, op_to(L, a.re, s->acc), op_to(L, b.re, s->acc));
    pt2_ex im = pt2_sub(L->E, op_to(L, a.im, s->acc), op_to(L, b.im, s->acc));
    return pt2_bin(L->E, PT2_E_HYPOT, re, im);
}

static void lower_pair(struct pt2_lower *L)
{
    struct space s;
    pt2_t *both[] = { op_tensor(L, op_has(L, "self") ? "self" : "input"), op_tensor(L, "target") };
    space_init(L, &s, 2, both);
    if (op_is_complex(both[0]) || op_is_complex(both[1])) {
        if (L->row->data != L1)
            op_fail(L, PT2_ERR_UNSUPPORTED, "complex numbers");
        finish(L, &s, complex_l1(L, &s, both[0], both[1]));
        return;
    }
    finish(L, &s, pair_loss(L, at(L, &s, both[0]), at(L, &s, both[1])));
}

/* Logarithms are kept above -100. */
static void lower_bce(struct pt2_lower *L)
{
    struct pt2_exprs *E = L->E;
    struct space s;
    pt2_t *in[] = { op_tensor(L, "self"), op_tensor(L, "target"), op_tensor_opt(L, "weight") };
    space_init(L, &s, 3, in);
    pt2_ex x = at(L, &s, in[0]), t = at(L, &s, in[1]), low = num(L, x, -100);
    pt2_ex a = pt2_max(E, unary(L, PT2_E_LOG1P, unary(L, PT2_E_NEG, x)), low);
    pt2_ex b = pt2_max(E, unary(L, PT2_E_LOG, x), low);
    pt2_ex loss = pt2_sub(E, pt2_mul(E, pt2_sub(E, t, num(L, t, 1)), a), pt2_mul(E, t, b));
    finish(L, &s, in[2] ? pt2_mul(E, loss, at(L, &s, in[2])) : loss);
}

/* (1 - t) x - (1 + (pos_weight - 1) t) log_sigmoid(x) */
static void lower_bce_logits(struct pt2_lower *L)
{
    struct pt2_exprs *E = L->E;
    struct space s;
    pt2_t *in[] = { op_tensor(L, "self"), op_tensor(L, "target"), op_tensor_opt(L, "weight"),
                    op_tensor_opt(L, "pos_weight") };
    space_init(L, &s, 4, in);
    pt2_ex x = at(L, &s, in[0]), t = at(L, &s, in[1]), one = num(L, x, 1);
    pt2_ex tail = unary(L, PT2_E_LOG1P, unary(L, PT2_E_EXP, unary(L, PT2_E_NEG, unary(L, PT2_E_ABS, x))));
    pt2_ex ls = pt2_sub(E, pt2_min(E, x, num(L, x, 0)), tail);
    if (in[3])
        ls = pt2_mul(E, ls, pt2_add(E, pt2_mul(E, pt2_sub(E, at(L, &s, in[3]), one), t), one));
    pt2_ex loss = pt2_sub(E, pt2_mul(E, pt2_sub(E, one, t), x), ls);
    finish(L, &s, in[2] ? pt2_mul(E, loss, at(L, &s, in[2])) : loss);
}

/* ---- losses of pairs and triplets ---- */

static void lower_margin_ranking(struct pt2_lower *L)
{
    struct pt2_exprs *E = L->E;
    struct space s;
    pt2_t *in[] = { op_tensor(L, "input1"), op_tensor(L, "input2"), op_tensor(L, "target") };
    space_init(L, &s, 3, in);
    pt2_dtype t = op_promote(L, 3, in, PT2_NONE);
    pt2_ex x = pt2_sub(E, at_wrap(L, &s, in[0], t), at_wrap(L, &s, in[1], t));
    x = op_to(L, pt2_mul(E, unary(L, PT2_E_NEG, at_wrap(L, &s, in[2], t)), x), s.acc);
    finish(L, &s, clamp0(L, pt2_add(E, x, num(L, x, op_float(L, "margin", 0)))));
}

/* sum(a * b) along dim, as a float tensor. */
static pt2_t *dot(struct pt2_lower *L, pt2_t *a, pt2_t *b, int dim, pt2_dtype acc)
{
    struct space s;
    pt2_t *both[] = { a, b };
    space_init(L, &s, 2, both);
    pt2_dtype t = op_promote(L, 2, both, PT2_NONE), type = pt2_dtype_is_int(t) ? t : acc;
    pt2_t *p = op_map(L, type, s.rank, s.shape, pt2_mul(L->E, at_wrap(L, &s, a, t), at_wrap(L, &s, b, t)));
    if (dim >= p->rank)
        op_fail(L, PT2_ERR_FORMAT, "inputs of %d dimensions", p->rank);
    return op_reduce_dims(L, PT2_RED_SUM, p, type, type == t && t != acc ? PT2_I64 : acc, 1, &dim, false);
}

static void lower_cosine_embedding(struct pt2_lower *L)
{
    struct pt2_exprs *E = L->E;
    struct space s;
    pt2_t *a = op_tensor(L, "input1"), *b = op_tensor(L, "input2"), *target = op_tensor(L, "target");
    pt2_dtype acc = float_type(op_out_dtype(L, 0));
    pt2_t *in[] = { dot(L, a, b, target->rank, acc), dot(L, a, a, target->rank, acc), dot(L, b, b, target->rank, acc),
                    target };
    space_init(L, &s, 4, in);
    pt2_ex eps = pt2_num(E, acc, 1e-12), t = at(L, &s, target), zero = pt2_int(E, acc, 0);
    pt2_ex size = pt2_mul(E, pt2_add(E, at(L, &s, in[1]), eps), pt2_add(E, at(L, &s, in[2]), eps));
    pt2_ex cos = pt2_bin(E, PT2_E_DIV, at(L, &s, in[0]), unary(L, PT2_E_SQRT, size));
    pt2_ex pos = pt2_sub(E, num(L, cos, 1), cos);
    pt2_ex neg = clamp0(L, pt2_sub(E, cos, num(L, cos, op_float(L, "margin", 0))));
    finish(L, &s, pt2_add(E, pt2_select(E, pt2_eq(E, t, num(L, t, 1)), pos, zero),
                          pt2_select(E, pt2_eq(E, t, num(L, t, -1)), neg, zero)));
}

static void lower_triplet_margin(struct pt2_lower *L)
{
    struct pt2_exprs *E = L->E;
    struct space s;
    pt2_t *a = op_tensor(L, "anchor"), *p = op_tensor(L, "positive"), *n = op_tensor(L, "negative");
    double order = op_float(L, "p", 2), eps = op_float(L, "eps", 1e-6);
    pt2_dtype acc = float_type(op_out_dtype(L, 0));
    bool swap = op_bool(L, "swap", false);
    pt2_t *in[] = { op_pairwise_distance(L, a, p, order, eps, false, acc),
                    op_pairwise_distance(L, a, n, order, eps, false, acc),
                    swap ? op_pairwise_distance(L, p, n, order, eps, false, acc) : NULL };
    space_init(L, &s, 3, in);
    pt2_ex near = at(L, &s, in[0]), far = at(L, &s, in[1]);
    if (swap)
        far = pt2_min(E, far, at(L, &s, in[2]));
    finish(L, &s, clamp0(L, pt2_sub(E, pt2_add(E, near, num(L, near, op_float(L, "margin", 1))), far)));
}

/* ---- classes ---- */

static int class_dim(const pt2_t *x) { return x->rank > 1 ? 1 : 0; }

/* Index of x from that of a target, which lacks the class dimension. */
static void class_index(const pt2_t *x, const pt2_ex *v, pt2_ex cls, pt2_ex *index)
{
    for (int d = 0, k = 0; d < x->rank; d++)
        index[d] = d == class_dim(x) ? cls : v[k++];
}

/* The target's class, checked unless it is the ignored one. */
struct class_target {
    pt2_ex *v;       /* VARs of the target's space */
    pt2_ex ignored;  /* bool */
    pt2_ex cls;      /* PT2_IDX */
};

static struct class_target read_target(struct pt2_lower *L, pt2_t *x, pt2_t *target, int64_t ignore)
{
    struct pt2_exprs *E = L->E;
    struct class_target r = { .v = op_vars(L, target->rank, target->shape) };
    if (!x->rank || target->rank != x->rank - 1)
        op_fail(L, PT2_ERR_FORMAT, "a target of %d dimensions for an input of %d", target->rank, x->rank);
    pt2_ex t = op_to(L, op_at(L, target, r.v), PT2_I64);
    r.ignored = pt2_eq(E, t, pt2_int(E, PT2_I64, ignore));
    pt2_ex classes = x->shape[class_dim(x)];
    op_check_index(L, target->rank, target->shape, t, pt2_not(E, r.ignored), op_from_zero(L, classes));
    r.cls = op_index(L, pt2_select(E, r.ignored, pt2_int(E, PT2_I64, 0), t), classes);
    return r;
}

/* sum over classes of weight * x, negated: what label smoothing adds. */
static pt2_t *smooth_sum(struct pt2_lower *L, pt2_t *x, pt2_t *weight, pt2_dtype acc)
{
    struct op_red r;
    int dim = class_dim(x);
    op_red_init(L, &r, x, 1, &dim, false);
    pt2_ex e = op_at_as(L, x, r.index, acc);
    if (weight)
        e = pt2_mul(L->E, e, op_at_as(L, weight, &r.index[dim], acc));
    return op_red_node(L, &r, PT2_RED_SUM, acc, unary(L, PT2_E_NEG, e));
}

/* -weight[t] x[t], 0 for the ignored class; the mean is over the weights. x holds log-probabilities. */
static pt2_t *nll(struct pt2_lower *L, pt2_t *x, pt2_t *target, pt2_t *weight, double smoothing, pt2_dtype dtype,
                  pt2_t **out_total)
{
    struct pt2_exprs *E = L->E;
    pt2_dtype acc = float_type(x->dtype);
    int64_t mode = reduction(L);
    struct class_target t = read_target(L, x, target, op_int(L, "ignore_index", -100));
    pt2_ex index[PT2_MAX_RANK], zero = pt2_int(E, acc, 0), one = pt2_int(E, acc, 1);
    if (weight && weight->rank != 1)
        op_fail(L, PT2_ERR_FORMAT, "a weight of %d dimensions", weight->rank);
    class_index(x, t.v, t.cls, index);
    pt2_ex w = weight ? op_at_as(L, weight, &t.cls, acc) : one;
    pt2_ex loss = unary(L, PT2_E_NEG, op_at_as(L, x, index, acc));
    if (weight)
        loss = pt2_mul(E, loss, w);
    if (smoothing > 0) {
        pt2_ex classes = op_num_of_size(L, x->shape[class_dim(x)], acc);
        pt2_ex share = pt2_bin(E, PT2_E_DIV, pt2_num(E, acc, smoothing), classes);
        pt2_ex smooth = pt2_mul(E, op_at(L, smooth_sum(L, x, weight, acc), t.v), share);
        loss = pt2_add(E, pt2_mul(E, loss, pt2_num(E, acc, 1 - smoothing)), smooth);
    }
    pt2_t *each = op_map(L, acc, target->rank, target->shape, pt2_select(E, t.ignored, zero, loss));
    pt2_t *weights = op_map(L, acc, target->rank, target->shape, pt2_select(E, t.ignored, zero, w));
    pt2_t *total = op_sum(L, weights, 0, NULL, false);
    if (out_total)
        *out_total = total;
    if (mode != MEAN)
        return op_reduction(L, each, mode, dtype);
    pt2_t *sum = op_sum(L, each, 0, NULL, false);
    return op_map(L, dtype, 0, NULL, pt2_bin(E, PT2_E_DIV, op_at(L, sum, NULL), op_at(L, total, NULL)));
}

static void lower_nll(struct pt2_lower *L)
{
    pt2_t *total, *x = op_tensor(L, "self");
    pt2_dtype dtype = op_out_dtype(L, 0);
    op_result(L, 0, nll(L, x, op_tensor(L, "target"), op_tensor_opt(L, "weight"), 0, dtype, &total));
    if (!L->row->data)
        return;
    if (reduction(L) == NONE)
        total = op_full(L, dtype, 0, NULL, pt2_int(L->E, pt2_dtype_compute(dtype), 0));
    op_result(L, 1, op_convert(L, total, op_out_dtype(L, 1)));
}

/* Targets that are probabilities: -sum over classes of weight * target * log-probability; the mean is over the
 * samples. */
static pt2_t *soft_cross_entropy(struct pt2_lower *L, pt2_t *logp, pt2_t *target, pt2_t *weight, double smoothing,
                                 pt2_dtype dtype)
{
    struct pt2_exprs *E = L->E;
    pt2_dtype acc = logp->dtype;
    int dim = class_dim(logp);
    pt2_ex *v = op_vars(L, logp->rank, logp->shape), t = op_at_as(L, target, v, acc);
    pt2_ex classes = op_num_of_size(L, logp->shape[dim], acc);
    if (weight && weight->rank != 1)
        op_fail(L, PT2_ERR_FORMAT, "a weight of %d dimensions", weight->rank);
    if (smoothing > 0)
        t = pt2_add(E, pt2_mul(E, t, pt2_num(E, acc, 1 - smoothing)),
                    pt2_bin(E, PT2_E_DIV, pt2_num(E, acc, smoothing), classes));
    pt2_ex e = unary(L, PT2_E_NEG, pt2_mul(E, op_at(L, logp, v), t));
    if (weight)
        e = pt2_mul(E, e, op_at_as(L, weight, &v[dim], acc));
    pt2_t *each = op_sum(L, op_map_like(L, logp, acc, e), 1, &dim, false);
    return op_reduction(L, each, reduction(L), dtype);
}

static void lower_cross_entropy(struct pt2_lower *L)
{
    pt2_t *x = op_tensor(L, "self"), *target = op_tensor(L, "target"), *weight = op_tensor_opt(L, "weight");
    pt2_dtype dtype = op_out_dtype(L, 0);
    double smoothing = op_float(L, "label_smoothing", 0);
    if (!x->rank)
        op_fail(L, PT2_ERR_FORMAT, "cross entropy of a 0-d tensor");
    pt2_t *logp = op_softmax_as(L, x, class_dim(x), true, false, float_type(x->dtype));
    op_return(L, target->rank == x->rank && pt2_dtype_is_float(target->dtype)
                     ? soft_cross_entropy(L, logp, target, weight, smoothing, dtype)
                     : nll(L, logp, target, weight, smoothing, dtype, NULL));
}

/* ---- a linear layer and its cross entropy as one operator (F.linear_cross_entropy in chunks) ---- */

struct linear_loss {
    pt2_t *x, *weight, *bias; /* [n, features], [classes, features], [classes] or NULL */
    pt2_t *logp;              /* log-probabilities [n, classes], in the accumulation type */
    pt2_dtype acc;
    pt2_ex target; /* how much of its loss each class has, over the variables of [n, classes] */
    pt2_t *mass;   /* [n]: the sum of that over the classes */
    pt2_t *each;   /* [n]: the losses of the samples */
};

/* Targets that are classes: the class's weight, 0 for ignored samples. */
static void class_losses(struct pt2_lower *L, struct linear_loss *l, pt2_t *target, pt2_t *weight)
{
    struct pt2_exprs *E = L->E;
    struct class_target t = read_target(L, l->logp, target, op_int(L, "ignore_index", -100));
    pt2_ex one = pt2_int(E, l->acc, 1), zero = pt2_int(E, l->acc, 0), at[2] = { t.v[0], t.cls };
    pt2_ex mass = pt2_select(E, t.ignored, zero, weight ? op_at_as(L, weight, &t.cls, l->acc) : one);
    pt2_ex loss = pt2_mul(E, mass, unary(L, PT2_E_NEG, op_at(L, l->logp, at)));
    l->mass = op_map(L, l->acc, 1, target->shape, mass);
    l->each = op_map(L, l->acc, 1, target->shape, pt2_select(E, t.ignored, zero, loss));
    pt2_ex *v = op_vars(L, 2, l->logp->shape), hit = pt2_eq(E, v[1], t.cls);
    l->target = pt2_select(E, hit, op_at(L, l->mass, v), zero);
}

/* Targets that are probabilities. */
static void soft_losses(struct pt2_lower *L, struct linear_loss *l, pt2_t *target, pt2_t *weight)
{
    struct pt2_exprs *E = L->E;
    int classes = 1;
    pt2_ex *v = op_vars(L, 2, l->logp->shape), t = op_at_as(L, target, v, l->acc);
    l->target = weight ? pt2_mul(E, t, op_at_as(L, weight, &v[1], l->acc)) : t;
    pt2_ex loss = pt2_mul(E, l->target, unary(L, PT2_E_NEG, op_at(L, l->logp, v)));
    l->mass = op_sum(L, op_map_like(L, l->logp, l->acc, l->target), 1, &classes, false);
    l->each = op_sum(L, op_map_like(L, l->logp, l->acc, loss), 1, &classes, false);
}

/* The gradient of the logits, (softmax * mass - target) / count, goes to the input, the weight and the bias. */
static void linear_gradients(struct pt2_lower *L, const struct linear_loss *l, pt2_ex count)
{
    static const char *const wanted[] = { "compute_input_grad", "compute_linear_weight_grad",
                                          "compute_linear_bias_grad" };
    struct pt2_exprs *E = L->E;
    int samples = 0;
    pt2_ex *v = op_vars(L, 2, l->logp->shape), p = unary(L, PT2_E_EXP, op_at(L, l->logp, v));
    pt2_ex d = pt2_sub(E, pt2_mul(E, p, op_at(L, l->mass, v)), l->target);
    pt2_t *g = op_map_like(L, l->logp, l->acc, count ? pt2_bin(E, PT2_E_DIV, d, count) : d);
    for (int k = 0; k < 3; k++) {
        pt2_dtype t = op_out_used(L, k + 1) ? op_out_dtype(L, k + 1) : PT2_NONE;
        pt2_t *r = NULL;
        if (t == PT2_NONE)
            continue;
        if (!op_bool(L, wanted[k], false))
            r = op_full(L, t, op_out_rank(L, k + 1), op_out_shape(L, k + 1), pt2_int(E, pt2_dtype_compute(t), 0));
        else if (k == 2)
            r = op_convert(L, op_sum(L, g, 1, &samples, false), t);
        else
            r = k ? op_contract(L, t, (struct op_term){ g, "nc", false }, (struct op_term){ l->x, "nf", false }, "cf")
                  : op_contract(L, t, (struct op_term){ g, "nc", false }, (struct op_term){ l->weight, "cf", false },
                                "nf");
        op_result(L, k + 1, r);
    }
}

/* Results: the loss, then the gradients of input, weight and bias of mean or sum. The chunks that PyTorch computes one
 * after the other change no result. data: 1 for each sample's own loss, without gradients. */
static void lower_linear_cross_entropy(struct pt2_lower *L)
{
    struct pt2_exprs *E = L->E;
    struct linear_loss l = { .x = op_tensor(L, "input"), .weight = op_tensor(L, "linear_weight"),
                             .bias = op_tensor_opt(L, "linear_bias") };
    pt2_t *target = op_tensor(L, "target"), *weight = op_tensor_opt(L, "weight");
    const char *mode = L->row->data ? "none" : op_string(L, "reduction", "mean");
    pt2_dtype dtype = op_out_dtype(L, 0);
    bool soft = pt2_dtype_is_float(target->dtype), mean = strcmp(mode, "mean") == 0;
    if (l.x->rank != 2 || l.weight->rank != 2 || target->rank != 1 + soft || (weight && weight->rank != 1))
        op_fail(L, PT2_ERR_FORMAT, "linear cross entropy of %d dimensions with a target of %d", l.x->rank,
                target->rank);
    if (op_float(L, "label_smoothing", 0) != 0)
        op_fail(L, PT2_ERR_FORMAT, "label smoothing, which PyTorch's operator refuses");
    l.acc = float_type(l.x->dtype);
    pt2_t *logits = op_linear(L, op_convert(L, l.x, l.acc), op_convert(L, l.weight, l.acc),
                              l.bias ? op_convert(L, l.bias, l.acc) : NULL);
    l.logp = op_softmax_as(L, logits, 1, true, false, l.acc);
    (soft ? soft_losses : class_losses)(L, &l, target, weight);
    pt2_ex count = NULL;
    if (mean)
        count = soft ? op_num_of_size(L, l.x->shape[0], l.acc) : op_at(L, op_sum(L, l.mass, 0, NULL, false), NULL);
    if (L->row->data) {
        op_return(L, op_convert(L, l.each, dtype));
        return;
    }
    pt2_ex sum = op_at(L, op_sum(L, l.each, 0, NULL, false), NULL);
    op_result(L, 0, op_map(L, dtype, 0, NULL, count ? pt2_bin(E, PT2_E_DIV, sum, count) : sum));
    linear_gradients(L, &l, count);
}

/* ---- margins between classes ---- */

/* max(0, margin - x[t] + x[c])^p / C summed over c other than the target's class t. */
static void lower_multi_margin(struct pt2_lower *L)
{
    struct pt2_exprs *E = L->E;
    struct op_red r;
    pt2_t *x = op_tensor(L, "self"), *target = op_tensor(L, "target"), *weight = op_tensor_opt(L, "weight");
    pt2_dtype acc = float_type(x->dtype);
    if (!x->rank) /* one sample of one class */
        x = op_unsqueeze(L, x, 0);
    if (x->rank > 2)
        op_fail(L, PT2_ERR_FORMAT, "an input of %d dimensions", x->rank);
    int dim = x->rank - 1, p = (int)op_float(L, "p", 1);
    op_red_init(L, &r, x, 1, &dim, false);
    if (target->rank > 1 || (x->rank == 2 && target->rank != 1) || (weight && weight->rank != 1))
        op_fail(L, PT2_ERR_FORMAT, "a target of %d dimensions", target->rank);
    pt2_ex first = x->rank == 2 ? r.index[0] : pt2_idx(E, 0), other[2] = { first, first };
    op_check_indices(L, target, op_from_zero(L, x->shape[dim]));
    pt2_ex t = op_index(L, op_to(L, op_at(L, target, &first), PT2_I64), x->shape[dim]), c = r.index[dim];
    other[dim] = t;
    pt2_ex z = pt2_sub(E, pt2_num(E, acc, op_float(L, "margin", 1)), op_at_as(L, x, other, acc));
    z = pt2_add(E, z, op_at_as(L, x, r.index, acc));
    z = pt2_select(E, pt2_lt(E, pt2_int(E, acc, 0), z), z, pt2_int(E, acc, 0)); /* NaN does not count */
    if (p == 2)
        z = pt2_mul(E, z, z);
    if (weight)
        z = pt2_mul(E, z, op_at_as(L, weight, &t, acc));
    pt2_t *sum = op_red_node(L, &r, PT2_RED_SUM, acc, pt2_select(E, pt2_eq(E, c, t), pt2_int(E, acc, 0), z));
    pt2_ex mean = pt2_bin(E, PT2_E_DIV, op_at(L, sum, op_vars(L, r.rank, r.shape)),
                          op_num_of_size(L, x->shape[dim], acc));
    op_result_fit(L, 0, op_reduction(L, op_map_like(L, sum, acc, mean), reduction(L), op_out_dtype(L, 0)));
}

/* Targets are classes up to the first negative entry. end[n] is its position; is_target[n][c]: whether c is one. */
static pt2_t *target_end(struct pt2_lower *L, pt2_t *target)
{
    struct op_red r;
    int dim = target->rank - 1;
    op_red_init(L, &r, target, 1, &dim, true);
    pt2_ex t = op_to(L, op_at(L, target, r.index), PT2_I64), j = pt2_cast(L->E, PT2_I64, r.index[dim]);
    pt2_ex none = pt2_cast(L->E, PT2_I64, target->shape[dim]);
    pt2_ex negative = pt2_lt(L->E, t, pt2_int(L->E, PT2_I64, 0));
    return op_red_node(L, &r, PT2_RED_MIN, PT2_I64, pt2_select(L->E, negative, j, none));
}

/* Whether entry j of the target row of `index` counts: index has the position in the last place. */
static pt2_ex counts(struct pt2_lower *L, pt2_t *end, const pt2_ex *index)
{
    pt2_ex row[PT2_MAX_RANK];
    memcpy(row, index, sizeof(pt2_ex) * (size_t)end->rank);
    row[end->rank - 1] = pt2_idx(L->E, 0);
    return pt2_lt(L->E, pt2_cast(L->E, PT2_I64, index[end->rank - 1]), op_at(L, end, row));
}

static pt2_t *target_set(struct pt2_lower *L, pt2_t *target, pt2_t *end)
{
    struct pt2_exprs *E = L->E;
    int last = target->rank - 1;
    pt2_ex index[PT2_MAX_RANK], *v = op_vars(L, target->rank, target->shape);
    pt2_ex j = *op_axes(L, target->rank, 1, &target->shape[last]);
    memcpy(index, v, sizeof(pt2_ex) * (size_t)target->rank);
    index[last] = j;
    pt2_ex t = op_to(L, op_at(L, target, index), PT2_I64);
    pt2_ex same = pt2_and(E, counts(L, end, index), pt2_eq(E, t, pt2_cast(E, PT2_I64, v[last])));
    return op_reduce(L, PT2_RED_ANY, PT2_BOOL, target->rank, target->shape, 1, &target->shape[last], same);
}

/* max(0, 1 - x[t_j] + x[c]) / C summed over the targets t_j and the classes c that are none. */
static void lower_multilabel_margin(struct pt2_lower *L)
{
    struct pt2_exprs *E = L->E;
    pt2_t *x = op_tensor(L, "self"), *target = op_tensor(L, "target");
    pt2_dtype acc = float_type(x->dtype);
    if (x->rank > 2 || target->rank != x->rank)
        op_fail(L, PT2_ERR_FORMAT, "an input of %d dimensions, a target of %d", x->rank, target->rank);
    bool scalar = !x->rank;
    if (scalar) {
        x = op_unsqueeze(L, x, 0);
        target = op_unsqueeze(L, target, 0);
    }
    int last = x->rank - 1;
    op_check_indices(L, target, (struct pt2_index_range){ pt2_idx(E, -1), x->shape[last] });
    pt2_t *end = target_end(L, target), *set = target_set(L, target, end);
    pt2_ex axes[] = { target->shape[last], x->shape[last] }, *a = op_axes(L, last, 2, axes);
    pt2_ex n = last ? pt2_var(E, 0, x->shape[0]) : NULL, at_j[2] = { n, n }, at_c[2] = { n, n }, at_t[2] = { n, n };
    at_j[last] = a[0];
    at_c[last] = a[1];
    pt2_ex takes_part = pt2_and(E, counts(L, end, at_j), pt2_not(E, op_at(L, set, at_c)));
    pt2_ex t = op_to(L, op_at(L, target, at_j), PT2_I64), zero = pt2_int(E, PT2_I64, 0);
    at_t[last] = op_index(L, pt2_select(E, counts(L, end, at_j), t, zero), x->shape[last]);
    pt2_ex z = pt2_add(E, pt2_sub(E, pt2_int(E, acc, 1), op_at_as(L, x, at_t, acc)), op_at_as(L, x, at_c, acc));
    z = pt2_select(E, takes_part, clamp0(L, z), pt2_int(E, acc, 0));
    pt2_t *sum = op_reduce(L, PT2_RED_SUM, acc, last, x->shape, 2, axes, z);
    pt2_ex mean = pt2_bin(E, PT2_E_DIV, op_at(L, sum, op_vars(L, last, x->shape)),
                          op_num_of_size(L, x->shape[last], acc));
    op_result(L, 0, op_reduction(L, op_map_like(L, sum, acc, mean), reduction(L), op_out_dtype(L, 0)));
    if (L->row->data)
        op_result(L, 1, op_convert(L, scalar ? op_squeeze(L, set, 0) : set, op_out_dtype(L, 1)));
}

/* ---- gradients of margins between classes ---- */

struct margins {
    pt2_t *x, *target; /* [samples, classes] and, of one label, [samples]; of several as x */
    pt2_dtype acc;
    pt2_ex share;      /* of each sum in its sample's loss, or in the mean of all */
};

static void open_margins(struct pt2_lower *L, struct margins *m, int labels)
{
    struct pt2_exprs *E = L->E;
    pt2_ex one = pt2_idx(E, 1), shape[] = { one, one };
    m->x = op_tensor(L, "self");
    m->target = op_tensor(L, "target");
    if (m->x->rank > 2 || m->target->rank > labels)
        op_fail(L, PT2_ERR_FORMAT, "an input of %d dimensions, a target of %d", m->x->rank, m->target->rank);
    for (int k = 0; k < m->x->rank; k++)
        shape[2 - m->x->rank + k] = m->x->shape[k];
    m->x = op_reshape(L, m->x, 2, shape);
    m->target = op_reshape(L, m->target, labels, shape);
    m->acc = float_type(m->x->dtype);
    pt2_ex n = reduction(L) == MEAN ? pt2_mul(E, shape[0], shape[1]) : shape[1];
    m->share = pt2_bin(E, PT2_E_DIV, pt2_num(E, m->acc, 1), op_num_of_size(L, n, m->acc));
}

/* The loss's derivative times its own gradient, which is one number unless each sample has a loss. */
static void return_margins(struct pt2_lower *L, const struct margins *m, pt2_ex slope)
{
    pt2_t *g = op_tensor(L, "grad_output");
    pt2_ex *v = op_vars(L, 2, m->x->shape), sample = g->rank && reduction(L) == NONE ? v[0] : pt2_idx(L->E, 0);
    if (g->rank > 1)
        op_fail(L, PT2_ERR_FORMAT, "a gradient of %d dimensions", g->rank);
    pt2_ex r = pt2_mul(L->E, slope, op_at_as(L, g, &sample, m->acc));
    op_result_fit(L, 0, op_map_like(L, m->x, op_out_dtype(L, 0), r));
}

/* What other classes get, the target's class loses. */
static void lower_multi_margin_backward(struct pt2_lower *L)
{
    struct pt2_exprs *E = L->E;
    struct margins m;
    open_margins(L, &m, 1);
    pt2_t *weight = op_tensor_opt(L, "weight");
    pt2_ex *v = op_vars(L, 2, m.x->shape), zero = pt2_num(E, m.acc, 0);
    op_check_indices(L, m.target, op_from_zero(L, m.x->shape[1]));
    pt2_ex t = op_index_at(L, m.target, v, m.x->shape[1]), at_t[] = { v[0], t }, is_target = pt2_eq(E, v[1], t);
    pt2_ex z = pt2_sub(E, pt2_num(E, m.acc, op_float(L, "margin", 1)), op_at_as(L, m.x, at_t, m.acc));
    z = pt2_add(E, z, op_at_as(L, m.x, v, m.acc));
    pt2_ex h = (int)op_float(L, "p", 1) == 2 ? pt2_mul(E, pt2_mul(E, m.share, z), num(L, z, 2)) : m.share;
    if (weight)
        h = pt2_mul(E, h, op_at_as(L, weight, &t, m.acc));
    h = pt2_select(E, pt2_and(E, pt2_lt(E, zero, z), pt2_not(E, is_target)), h, zero);
    pt2_t *each = op_map_like(L, m.x, m.acc, h), *sum = op_sum(L, each, 1, (const int[]){ 1 }, true);
    pt2_ex lost = unary(L, PT2_E_NEG, op_at_bcast(L, sum, 2, v));
    return_margins(L, &m, pt2_select(E, is_target, lost, op_at(L, each, v)));
}

/* A pair of a target and another class within the margin adds to the class and takes from the target. */
static void lower_multilabel_margin_backward(struct pt2_lower *L)
{
    struct pt2_exprs *E = L->E;
    struct margins m;
    open_margins(L, &m, 2);
    pt2_t *is_target = op_reshape(L, op_tensor(L, "is_target"), 2, m.x->shape), *end = target_end(L, m.target);
    op_check_indices(L, m.target, (struct pt2_index_range){ pt2_idx(E, -1), m.x->shape[1] });
    pt2_ex axes[] = { m.x->shape[0], m.x->shape[1], m.x->shape[1] }; /* sample, place in the target, class */
    pt2_ex *v = op_vars(L, 3, axes), zero = pt2_num(E, m.acc, 0), at_c[] = { v[0], v[2] };
    pt2_ex valid = counts(L, end, v), t = op_index_at(L, m.target, v, axes[1]), at_t[] = { v[0], t };
    pt2_ex z = pt2_sub(E, pt2_num(E, m.acc, 1), op_at_as(L, m.x, at_t, m.acc));
    z = pt2_add(E, z, op_at_as(L, m.x, at_c, m.acc));
    pt2_ex other = pt2_not(E, op_to(L, op_at(L, is_target, at_c), PT2_BOOL));
    pt2_ex takes_part = pt2_and(E, pt2_and(E, valid, other), pt2_lt(E, zero, z));
    pt2_t *pairs = op_map(L, m.acc, 3, axes, pt2_select(E, takes_part, m.share, zero));
    pt2_t *lost = op_sum(L, pairs, 1, (const int[]){ 2 }, false), *r = op_sum(L, pairs, 1, (const int[]){ 1 }, false);
    r = op_scatter(L, PT2_RED_SUM, r, 2, axes, at_t, unary(L, PT2_E_NEG, op_at(L, lost, v)), valid);
    return_margins(L, &m, op_at(L, r, op_vars(L, 2, m.x->shape)));
}

const struct pt2_op_row pt2_ops_loss[] = {
    { "aten.mse_loss", lower_pair, MSE },
    { "aten.l1_loss", lower_pair, L1 },
    { "aten.smooth_l1_loss", lower_pair, SMOOTH_L1 },
    { "aten.huber_loss", lower_pair, HUBER },
    { "aten.soft_margin_loss", lower_pair, SOFT_MARGIN },
    { "aten.kl_div", lower_pair, KL_DIV },
    { "aten.poisson_nll_loss", lower_pair, POISSON },
    { "aten.hinge_embedding_loss", lower_pair, HINGE },
    { "aten.binary_cross_entropy", lower_bce, 0 },
    { "aten.binary_cross_entropy_with_logits", lower_bce_logits, 0 },
    { "aten.margin_ranking_loss", lower_margin_ranking, 0 },
    { "aten.cosine_embedding_loss", lower_cosine_embedding, 0 },
    { "aten.triplet_margin_loss", lower_triplet_margin, 0 },
    { "aten.nll_loss", lower_nll, 0 },
    { "aten.nll_loss_nd", lower_nll, 0 },
    { "aten.nll_loss2d", lower_nll, 0 },
    { "aten.nll_loss_forward", lower_nll, 1 },
    { "aten.nll_loss2d_forward", lower_nll, 1 },
    { "aten.cross_entropy_loss", lower_cross_entropy, 0 },
    { "torch_nn._linear_cross_entropy_batch_chunked", lower_linear_cross_entropy, 0 },
    { "torch_nn._linear_cross_entropy_batch_chunked_no_reduction", lower_linear_cross_entropy, 1 },
    { "aten.multi_margin_loss", lower_multi_margin, 0 },
    { "aten.multilabel_margin_loss", lower_multilabel_margin, 0 },
    { "aten.multilabel_margin_loss_forward", lower_multilabel_margin, 1 },
    { "aten.multi_margin_loss_backward", lower_multi_margin_backward, 0 },
    { "aten.multilabel_margin_loss_backward", lower_multilabel_margin_backward, 0 },
    { 0 },
};
