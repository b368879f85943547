/* SPDX-License-Identifier: MIT
 *
 * Normalisation. All forms end in one MAP, (x - mean) * rstd * weight + bias, over statistics that broadcast against
 * x; they differ in the dimensions of the statistics and in what else they return. Half types compute in float32. */
#include "ops/complex.h"
#include "ops/reduce.h"

#include <float.h>

struct stats {
    pt2_t *mean, *var, *rstd; /* accumulation type; broadcast against x */
};

/* 1 / sqrt(var + eps) */
static pt2_t *rstd_of(struct pt2_lower *L, pt2_t *var, double eps)
{
    pt2_ex v = op_at(L, var, op_vars(L, var->rank, var->shape));
    pt2_dtype acc = op_acc_dtype(var->dtype);
    return op_map_like(L, var, acc, pt2_un(L->E, PT2_E_RSQRT, pt2_add(L->E, v, pt2_num(L->E, acc, eps))));
}

static struct stats stats_of(struct pt2_lower *L, pt2_t *x, int num_dims, const int *dims, double eps)
{
    struct stats s;
    s.var = op_var(L, x, num_dims, dims, true, pt2_int(L->E, op_acc_dtype(x->dtype), 0), &s.mean);
    s.rstd = rstd_of(L, s.var, eps);
    return s;
}

/* (x - mean) * rstd * weight + bias; all but x and rstd may be NULL. */
static pt2_t *apply(struct pt2_lower *L, pt2_t *x, pt2_t *mean, pt2_t *rstd, pt2_t *weight, pt2_t *bias,
                    pt2_dtype dtype)
{
    struct pt2_exprs *E = L->E;
    pt2_dtype acc = op_acc_dtype(dtype);
    pt2_ex *v = op_vars(L, x->rank, x->shape), r = op_at_as(L, x, v, acc);
    pt2_ex scale = op_at_bcast_as(L, rstd, x->rank, v, acc);
    if ((weight && weight->rank > x->rank) || (bias && bias->rank > x->rank))
        op_fail(L, PT2_ERR_FORMAT, "weight or bias has more dimensions than the input");
    if (mean)
        r = pt2_sub(E, r, op_at_bcast_as(L, mean, x->rank, v, acc));
    r = pt2_mul(E, r, scale);
    if (weight)
        r = pt2_mul(E, r, op_at_bcast_as(L, weight, x->rank, v, acc));
    if (bias)
        r = pt2_add(E, r, op_at_bcast_as(L, bias, x->rank, v, acc));
    return op_map_like(L, x, dtype, r);
}

/* A result that the file may declare empty (eval mode on CPU): `t` reshaped to the declared shape, or nothing. */
static void return_stat(struct pt2_lower *L, int k, pt2_t *t)
{
    if (!op_out_used(L, k))
        return;
    int rank = op_out_rank(L, k);
    pt2_ex *shape = op_out_shape(L, k);
    pt2_dtype dtype = op_out_dtype(L, k);
    bool empty = false;
    for (int d = 0; d < rank; d++)
        empty = empty || pt2_is_int(shape[d], 0);
    if (empty || !t)
        op_result(L, k, op_full(L, dtype, rank, shape, pt2_int(L->E, pt2_dtype_compute(dtype), 0)));
    else
        op_result(L, k, op_convert(L, op_reshape(L, t, rank, shape), dtype));
}

/* ---- batch_norm ---- */

/* [C] → [C, 1, …] for right-aligned broadcasting against [N, C, …]. */
static pt2_t *by_channel(struct pt2_lower *L, pt2_t *t, int rank)
{
    if (!t)
        return NULL;
    if (t->rank != 1)
        t = op_reshape(L, t, 1, (pt2_ex[]){ op_numel(L, t) });
    for (int d = 2; d < rank; d++)
        t = op_unsqueeze(L, t, d - 1);
    return t;
}

/* All dimensions but the channels'; for instance_norm also but the batch's. */
static int other_dims(int rank, bool instance, int *dims)
{
    int n = 0;
    for (int d = 0; d < rank; d++)
        if (d != 1 && !(instance && d == 0))
            dims[n++] = d;
    return n;
}

/* momentum * now + (1 - momentum) * before, where now is [B, C, 1…]: averaged over B, times `factor` (of count
 * elements). In the accumulation type. */
static pt2_t *running(struct pt2_lower *L, pt2_t *before, pt2_t *now, double momentum, pt2_ex factor)
{
    struct pt2_exprs *E = L->E;
    int dims[PT2_MAX_RANK], n = other_dims(now->rank, false, dims);
    pt2_t *mean = op_mean(L, now, n, dims, false);
    pt2_ex *v = op_vars(L, 1, before->shape);
    pt2_dtype acc = op_acc_dtype(mean->dtype);
    pt2_ex a = pt2_mul(E, pt2_num(E, acc, momentum), op_at(L, mean, v));
    if (factor)
        a = pt2_mul(E, a, factor);
    pt2_ex b = pt2_mul(E, pt2_num(E, acc, 1 - momentum), op_at_as(L, before, v, acc));
    return op_map(L, acc, 1, before->shape, pt2_add(E, a, b));
}

struct batch_norm {
    pt2_t *x, *weight, *bias, *mean, *var; /* running statistics; may be NULL when training */
    bool training, instance;
    double momentum, eps;
    pt2_t *out, *save_mean, *save_rstd, *new_mean, *new_var; /* results; the last two NULL when not updated */
};

/* n / (n - 1): the running variance is the unbiased one. */
static pt2_ex unbias(struct pt2_lower *L, const struct batch_norm *b, int n, const int *dims)
{
    pt2_dtype acc = op_acc_dtype(b->x->dtype);
    pt2_ex count = pt2_idx(L->E, 1);
    for (int k = 0; k < n; k++)
        count = pt2_mul(L->E, count, b->x->shape[dims[k]]);
    pt2_ex c = op_num_of_size(L, count, acc);
    return pt2_bin(L->E, PT2_E_DIV, c, pt2_sub(L->E, c, pt2_int(L->E, acc, 1)));
}

static void batch_norm(struct pt2_lower *L, struct batch_norm *b, pt2_dtype dtype)
{
    int dims[PT2_MAX_RANK], n = other_dims(b->x->rank, b->instance, dims), rank = b->x->rank;
    if (rank < 2 || (b->mean && b->mean->rank != 1) || (b->var && b->var->rank != 1))
        op_fail(L, PT2_ERR_FORMAT, "an input of %d dimensions", rank);
    struct stats s;
    if (b->training) {
        if (!n) { /* [N, C] instances of one element each */
            b->x = op_unsqueeze(L, b->x, 2);
            dims[n++] = 2;
        }
        s = stats_of(L, b->x, n, dims, b->eps);
        if (b->mean)
            b->new_mean = running(L, b->mean, s.mean, b->momentum, NULL);
        if (b->var)
            b->new_var = running(L, b->var, s.var, b->momentum, unbias(L, b, n, dims));
    } else {
        if (!b->mean || !b->var)
            op_fail(L, PT2_ERR_FORMAT, "no running statistics in eval mode");
        s.mean = by_channel(L, b->mean, rank);
        s.rstd = by_channel(L, rstd_of(L, op_convert(L, b->var, op_acc_dtype(b->var->dtype)), b->eps), rank);
    }
    int r = b->x->rank;
    b->out = apply(L, b->x, s.mean, s.rstd, by_channel(L, b->weight, r), by_channel(L, b->bias, r), dtype);
    if (r != rank)
        b->out = op_squeeze(L, b->out, 2);
    b->save_mean = s.mean;
    b->save_rstd = s.rstd;
}

/* Decompositions give statistics of half types as float32. */
static void return_running(struct pt2_lower *L, int k, pt2_t *t)
{
    if (op_out_used(L, k))
        op_result(L, k, op_convert(L, op_clone(L, t), op_out_dtype(L, k)));
}

enum { INSTANCE = 1, FUNCTIONAL = 2, ALWAYS = 4, NEVER = 8, SINGLE = 16, CUDNN = 32, RESERVE = 64, INDEX = 128 };

static void lower_batch_norm(struct pt2_lower *L)
{
    int64_t flags = L->row->data;
    bool training = op_bool(L, flags & INSTANCE ? "use_input_stats" : "training", false);
    struct batch_norm b = {
        .x = op_tensor(L, "input"),
        .weight = op_tensor_opt(L, "weight"),
        .bias = op_tensor_opt(L, "bias"),
        .mean = op_tensor_opt(L, "running_mean"),
        .var = op_tensor_opt(L, "running_var"),
        .training = flags & ALWAYS || (training && !(flags & NEVER)),
        .instance = flags & INSTANCE,
        .momentum = op_float(L, flags & CUDNN ? "exponential_average_factor" : "momentum", 0.1),
        .eps = op_float(L, flags & CUDNN ? "epsilon" : "eps", 1e-5),
    };
    if (b.x->rank == 1 && pt2_is_int(b.x->shape[0], 0)) /* torch lets an empty vector pass */
        b.x = op_unsqueeze(L, b.x, 0);
    batch_norm(L, &b, op_out_dtype(L, 0));
    if (b.x->rank != op_out_rank(L, 0))
        b.out = op_reshape(L, b.out, op_out_rank(L, 0), op_out_shape(L, 0));
    if (!(flags & FUNCTIONAL) && b.new_mean)
        op_write(L, b.mean, b.new_mean);
    if (!(flags & FUNCTIONAL) && b.new_var)
        op_write(L, b.var, b.new_var);
    op_result(L, 0, b.out);
    if (flags & SINGLE)
        return;
    return_stat(L, 1, b.save_mean);
    return_stat(L, 2, b.save_rstd);
    if (flags & RESERVE)
        return_stat(L, 3, NULL);
    if (flags & INDEX)
        op_result_scalar(L, 4, pt2_idx(L->E, 0));
    if (flags & FUNCTIONAL) {
        int k = flags & RESERVE ? 4 : 3;
        if (!b.mean || !b.var)
            op_fail(L, PT2_ERR_FORMAT, "no running statistics");
        return_running(L, k, b.new_mean ? b.new_mean : b.mean);
        return_running(L, k + 1, b.new_var ? b.new_var : b.var);
    }
}

/* ---- layer_norm, rms_norm ---- */

static int last_dims(struct pt2_lower *L, const pt2_t *x, int num_dims, int *dims)
{
    if (num_dims < 1 || num_dims > x->rank)
        op_fail(L, PT2_ERR_FORMAT, "normalised over %d of %d dimensions", num_dims, x->rank);
    for (int k = 0; k < num_dims; k++)
        dims[k] = x->rank - num_dims + k;
    return num_dims;
}

pt2_t *op_layer_norm(struct pt2_lower *L, pt2_t *x, int num_dims, pt2_t *weight, pt2_t *bias, double eps,
                     pt2_dtype dtype)
{
    int dims[PT2_MAX_RANK], n = last_dims(L, x, num_dims, dims);
    struct stats s = stats_of(L, x, n, dims, eps);
    return apply(L, x, s.mean, s.rstd, weight, bias, dtype);
}

static void lower_layer_norm(struct pt2_lower *L)
{
    pt2_t *x = op_tensor(L, "input");
    pt2_ex shape[PT2_MAX_RANK];
    int dims[PT2_MAX_RANK], n = last_dims(L, x, op_sizes(L, "normalized_shape", shape), dims);
    struct stats s = stats_of(L, x, n, dims, op_float(L, "eps", 1e-5));
    pt2_t *weight = op_tensor_opt(L, "weight"), *bias = op_tensor_opt(L, "bias");
    op_result(L, 0, apply(L, x, s.mean, s.rstd, weight, bias, op_out_dtype(L, 0)));
    if (L->row->data) {
        return_stat(L, 1, s.mean);
        return_stat(L, 2, s.rstd);
    }
}

/* The machine epsilon that rms_norm takes when eps is None. */
static double default_eps(pt2_dtype t)
{
    return t == PT2_F64 ? DBL_EPSILON : FLT_EPSILON;
}

/* x / sqrt(mean(x²) + eps) * weight in complex arithmetic. */
static void rms_norm_complex(struct pt2_lower *L, pt2_t *x, int n, const int *dims, double eps)
{
    struct op_red r;
    pt2_t *weight = op_tensor_opt(L, "weight");
    pt2_dtype acc = op_acc_dtype(x->dtype);
    pt2_ex *v = op_vars(L, x->rank, x->shape);
    pt2_cx e = op_cx_to(L, op_at_c(L, x, v), acc);
    pt2_t *mean = op_mean(L, op_map_c(L, acc, x->rank, x->shape, op_c_mul(L, e, e)), n, dims, true);
    op_red_init(L, &r, x, n, dims, true);
    pt2_cx m = op_at_c(L, mean, op_vars(L, r.rank, r.shape)), inv;
    m.re = pt2_add(L->E, m.re, pt2_num(L->E, m.re->dtype, eps));
    if (!op_c_unary(L, PT2_E_RSQRT, m, &inv) || (weight && weight->rank > x->rank))
        op_fail(L, PT2_ERR_UNSUPPORTED, "complex numbers");
    pt2_t *scale = op_map_c(L, acc, r.rank, r.shape, inv);
    e = op_c_mul(L, e, op_at_bcast_c(L, scale, x->rank, v));
    if (weight)
        e = op_c_mul(L, e, op_cx_to(L, op_at_bcast_c(L, weight, x->rank, v), acc));
    op_result(L, 0, op_map_c(L, op_out_dtype(L, 0), x->rank, x->shape, e));
}

static void lower_rms_norm(struct pt2_lower *L)
{
    struct op_red r;
    pt2_t *x = op_tensor(L, "input");
    pt2_ex shape[PT2_MAX_RANK];
    pt2_dtype acc = op_acc_dtype(x->dtype);
    int dims[PT2_MAX_RANK], n = last_dims(L, x, op_sizes(L, "normalized_shape", shape), dims);
    if (op_is_complex(x) && !L->row->data) {
        rms_norm_complex(L, x, n, dims, op_float(L, "eps", default_eps(pt2_dtype_real(x->dtype))));
        return;
    }
    if (op_is_complex(x))
        op_fail(L, PT2_ERR_UNSUPPORTED, "complex numbers");
    op_red_init(L, &r, x, n, dims, true);
    pt2_ex e = op_at_as(L, x, r.index, acc);
    pt2_t *sum = op_red_node(L, &r, PT2_RED_SUM, acc, pt2_mul(L->E, e, e));
    pt2_ex count = op_num_of_size(L, op_red_count(L, &r), acc);
    pt2_ex mean = pt2_bin(L->E, PT2_E_DIV, op_at(L, sum, op_vars(L, r.rank, r.shape)), count);
    pt2_t *rstd = rstd_of(L, op_map_like(L, sum, acc, mean), op_float(L, "eps", default_eps(x->dtype)));
    op_result(L, 0, apply(L, x, NULL, rstd, op_tensor_opt(L, "weight"), NULL, op_out_dtype(L, 0)));
    if (L->row->data)
        return_stat(L, 1, rstd);
}

/* ---- group_norm ---- */

/* [N, C, …] seen as [N, G, C/G, …]. */
static pt2_t *split_groups(struct pt2_lower *L, pt2_t *t, int at, int64_t groups)
{
    pt2_ex shape[PT2_MAX_RANK], g = pt2_idx(L->E, groups);
    if (t->rank == PT2_MAX_RANK)
        op_fail(L, PT2_ERR_UNSUPPORTED, "%d dimensions", t->rank);
    for (int d = 0; d < t->rank; d++)
        shape[d + (d > at)] = t->shape[d];
    shape[at] = g;
    shape[at + 1] = pt2_floordiv(L->E, t->shape[at], g);
    return op_reshape(L, t, t->rank + 1, shape);
}

static pt2_t *group_param(struct pt2_lower *L, const char *name, int rank, int64_t groups)
{
    pt2_t *t = op_tensor_opt(L, name);
    if (!t)
        return NULL;
    if (t->rank != 1)
        op_fail(L, PT2_ERR_FORMAT, "%s has %d dimensions", name, t->rank);
    t = split_groups(L, t, 0, groups);
    for (int d = 2; d < rank; d++)
        t = op_unsqueeze(L, t, d);
    return t;
}

static void lower_group_norm(struct pt2_lower *L)
{
    pt2_t *x = op_tensor(L, "input");
    int64_t groups = op_int(L, L->row->data ? "group" : "num_groups", 1);
    int dims[PT2_MAX_RANK], n = 0;
    if (x->rank < 2 || groups < 1 || (pt2_is_const(x->shape[1]) && x->shape[1]->i % groups))
        op_fail(L, PT2_ERR_FORMAT, "%d dimensions in %lld groups", x->rank, (long long)groups);
    pt2_t *y = split_groups(L, x, 1, groups);
    for (int d = 2; d < y->rank; d++)
        dims[n++] = d;
    struct stats s = stats_of(L, y, n, dims, op_float(L, "eps", 1e-5));
    pt2_t *w = group_param(L, "weight", x->rank, groups), *b = group_param(L, "bias", x->rank, groups);
    y = apply(L, y, s.mean, s.rstd, w, b, op_out_dtype(L, 0));
    op_result(L, 0, op_reshape(L, y, x->rank, x->shape));
    if (L->row->data) {
        return_stat(L, 1, s.mean);
        return_stat(L, 2, s.rstd);
    }
}

/* ---- weight_norm ---- */

/* The p-norm over all dimensions but `dim`, kept as sizes of 1; over all (0-d) when dim is -1. */
static pt2_t *norm_except(struct pt2_lower *L, pt2_t *v, double p, int64_t dim)
{
    int dims[PT2_MAX_RANK], n = 0;
    if (dim < -1 || dim >= v->rank)
        op_fail(L, PT2_ERR_FORMAT, "dimension %lld of %d", (long long)dim, v->rank);
    for (int d = 0; d < v->rank; d++)
        if (d != dim)
            dims[n++] = d;
    if (!n && v->rank) { /* nothing to reduce */
        v = op_unsqueeze(L, v, 1);
        dims[n++] = 1;
        return op_squeeze(L, op_vector_norm(L, v, p, n, dims, true, op_acc_dtype(v->dtype)), 1);
    }
    return op_vector_norm(L, v, p, n, dims, dim >= 0, op_acc_dtype(v->dtype));
}

static void lower_norm_except(struct pt2_lower *L)
{
    pt2_t *n = norm_except(L, op_tensor(L, "v"), (double)op_int(L, "pow", 2), op_int(L, "dim", 0));
    op_return(L, op_convert(L, n, op_out_dtype(L, 0)));
}

/* w = v * g / ‖v‖ */
static void lower_weight_norm(struct pt2_lower *L)
{
    struct pt2_exprs *E = L->E;
    pt2_t *v = op_tensor(L, "v"), *g = op_tensor(L, "g");
    pt2_dtype dtype = op_out_dtype(L, 0), acc = op_acc_dtype(dtype);
    if (g->rank > v->rank)
        op_fail(L, PT2_ERR_FORMAT, "g has more dimensions than v");
    pt2_t *norm = norm_except(L, v, 2, op_int(L, "dim", 0));
    pt2_ex *i = op_vars(L, v->rank, v->shape);
    pt2_ex s = pt2_bin(E, PT2_E_DIV, op_at_bcast_as(L, g, v->rank, i, acc), op_at_bcast(L, norm, v->rank, i));
    op_result(L, 0, op_map_like(L, v, dtype, pt2_mul(E, op_at_as(L, v, i, acc), s)));
    if (L->row->data)
        return_stat(L, 1, norm);
}

/* The gradient of v lacks its part along v, which the norm has taken out. */
static void lower_weight_norm_backward(struct pt2_lower *L)
{
    pt2_t *w = op_tensor(L, "grad_w"), *v = op_tensor(L, "saved_v"), *g = op_tensor(L, "saved_g");
    pt2_dtype acc = op_acc_dtype(v->dtype);
    int64_t dim = op_int(L, "dim", 0);
    int dims[PT2_MAX_RANK], n = 0;
    if (w->rank != v->rank || g->rank != v->rank || !v->rank || dim < 0 || dim >= v->rank)
        op_fail(L, PT2_ERR_FORMAT, "dimension %lld of %d", (long long)dim, v->rank);
    for (int d = 0; d < v->rank; d++)
        if (d != dim)
            dims[n++] = d;
    w = op_convert(L, w, acc);
    v = op_convert(L, v, acc);
    pt2_t *norm = op_convert(L, op_tensor(L, "saved_norms"), acc), *product = op_mul(L, w, v);
    pt2_t *along = op_div(L, n ? op_sum(L, product, n, dims, true) : product, norm);
    pt2_t *across = op_sub(L, w, op_mul(L, op_div(L, v, norm), along));
    pt2_t *grad_v = op_mul(L, op_div(L, op_convert(L, g, acc), norm), across);
    if (op_out_used(L, 0))
        op_result(L, 0, op_convert(L, grad_v, op_out_dtype(L, 0)));
    if (op_out_used(L, 1))
        op_result(L, 1, op_convert(L, along, op_out_dtype(L, 1)));
}

const struct pt2_op_row pt2_ops_norm[] = {
    { "aten.batch_norm", lower_batch_norm, SINGLE },
    { "aten.instance_norm", lower_batch_norm, SINGLE | INSTANCE },
    { "aten.native_batch_norm", lower_batch_norm, 0 },
    { "aten._native_batch_norm_legit", lower_batch_norm, 0 },
    { "aten._native_batch_norm_legit_functional", lower_batch_norm, FUNCTIONAL },
    { "aten._native_batch_norm_legit_no_training", lower_batch_norm, NEVER },
    { "aten._batch_norm_with_update", lower_batch_norm, ALWAYS | RESERVE },
    { "aten._batch_norm_with_update_functional", lower_batch_norm, ALWAYS | RESERVE | FUNCTIONAL },
    { "aten._batch_norm_no_update", lower_batch_norm, NEVER | RESERVE },
    { "aten._batch_norm_impl_index", lower_batch_norm, RESERVE | INDEX },
    { "aten.cudnn_batch_norm", lower_batch_norm, CUDNN | RESERVE },
    { "aten.miopen_batch_norm", lower_batch_norm, CUDNN },
    { "aten.layer_norm", lower_layer_norm, 0 },
    { "aten.native_layer_norm", lower_layer_norm, 1 },
    { "aten.rms_norm", lower_rms_norm, 0 },
    { "aten._fused_rms_norm", lower_rms_norm, 1 },
    { "aten.group_norm", lower_group_norm, 0 },
    { "aten.native_group_norm", lower_group_norm, 1 },
    { "aten.norm_except_dim", lower_norm_except, 0 },
    { "aten._weight_norm", lower_weight_norm, 0 },
    { "aten._weight_norm_interface", lower_weight_norm, 1 },
    { "aten._weight_norm_interface_backward", lower_weight_norm_backward, 0 },
    { "aten._weight_norm_differentiable_backward", lower_weight_norm_backward, 0 },
    { 0 },
};
