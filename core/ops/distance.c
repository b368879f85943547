/* SPDX-License-Identifier: MIT
 *
 * Norms and distances. All distances are norms of a difference that is never stored: the MAP that makes it is inlined
 * into the REDUCE. */
#include "ops/library.h"
#include "ops/reduce.h"

#include <math.h>

/* |x| at the reduction's index, in the accumulation type; squared: |x|² without a root for complex numbers. */
static pt2_ex magnitude(struct pt2_lower *L, pt2_t *t, const pt2_ex *index, pt2_dtype dtype, bool squared)
{
    struct pt2_exprs *E = L->E;
    if (op_is_complex(t)) {
        pt2_dtype acc = op_acc_dtype(dtype);
        struct pt2_complex z = op_at_c(L, t, index);
        pt2_ex re = op_to(L, z.re, acc), im = op_to(L, z.im, acc);
        return squared ? pt2_add(E, pt2_mul(E, re, re), pt2_mul(E, im, im)) : pt2_bin(E, PT2_E_HYPOT, re, im);
    }
    pt2_ex x = op_at_as(L, t, index, dtype);
    return squared ? pt2_mul(E, x, x) : pt2_un(E, PT2_E_ABS, x);
}

static pt2_t *map_unary(struct pt2_lower *L, pt2_t *t, pt2_dtype dtype, enum pt2_expr_op op, double exponent)
{
    pt2_ex x = op_at(L, t, op_vars(L, t->rank, t->shape));
    return op_map_like(L, t, dtype, op == PT2_E_POW ? pt2_bin(L->E, op, x, pt2_num(L->E, x->dtype, exponent))
                                                    : pt2_un(L->E, op, x));
}

pt2_t *op_vector_norm(struct pt2_lower *L, pt2_t *t, double ord, int num_dims, const int *dims, bool keepdim,
                      pt2_dtype dtype)
{
    struct pt2_exprs *E = L->E;
    struct op_red r;
    pt2_dtype acc = op_acc_dtype(dtype);
    op_red_init(L, &r, t, num_dims, dims, keepdim);
    if (ord == 2.0)
        return map_unary(L, op_red_node(L, &r, PT2_RED_SUM, acc, magnitude(L, t, r.index, dtype, true)), dtype,
                         PT2_E_SQRT, 0);
    pt2_ex x = magnitude(L, t, r.index, dtype, false);
    if (ord == 1.0)
        return op_red_node(L, &r, PT2_RED_SUM, dtype, x);
    if (isinf(ord))
        return op_red_node(L, &r, ord > 0 ? PT2_RED_MAX : PT2_RED_MIN, dtype, x);
    if (ord == 0.0)
        return op_red_node(L, &r, PT2_RED_SUM, dtype, op_to(L, op_to(L, x, PT2_BOOL), acc));
    pt2_ex power = pt2_bin(E, PT2_E_POW, x, pt2_num(E, acc, ord));
    return map_unary(L, op_red_node(L, &r, PT2_RED_SUM, acc, power), dtype, PT2_E_POW, 1 / ord);
}

/* The sum of |x|^ord: a norm without its root. */
static pt2_t *power_sum(struct pt2_lower *L, pt2_t *t, double ord, int num_dims, const int *dims, bool keepdim,
                        pt2_dtype dtype)
{
    struct op_red r;
    op_red_init(L, &r, t, num_dims, dims, keepdim);
    pt2_ex x = magnitude(L, t, r.index, dtype, ord == 2.0);
    if (ord != 1.0 && ord != 2.0)
        x = pt2_bin(L->E, PT2_E_POW, x, pt2_num(L->E, x->dtype, ord));
    return op_red_node(L, &r, PT2_RED_SUM, dtype, x);
}

/* a - b + eps, broadcast, in the accumulation type of both. */
static pt2_t *difference(struct pt2_lower *L, pt2_t *a, pt2_t *b, double eps)
{
    struct pt2_exprs *E = L->E;
    pt2_t *both[] = { a, b };
    pt2_ex shape[PT2_MAX_RANK];
    pt2_dtype t = op_promote(L, 2, both, PT2_NONE), acc = op_acc_dtype(pt2_dtype_is_complex(t) || pt2_dtype_is_float(t)
                                                                       ? t : PT2_F32);
    int rank = op_broadcast(L, 2, both, shape);
    pt2_ex *v = op_vars(L, rank, shape);
    if (pt2_dtype_is_complex(acc)) {
        struct pt2_complex x = op_cx_to(L, op_at_bcast_c(L, a, rank, v), acc);
        struct pt2_complex y = op_cx_to(L, op_at_bcast_c(L, b, rank, v), acc);
        struct pt2_complex d = { pt2_sub(E, x.re, y.re), pt2_sub(E, x.im, y.im) };
        d.re = pt2_add(E, d.re, pt2_num(E, d.re->dtype, eps));
        return op_map_c(L, acc, rank, shape, d);
    }
    pt2_dtype in = pt2_dtype_is_int(t) ? t : acc; /* integers wrap */
    pt2_ex d = pt2_sub(E, op_at_bcast_as(L, a, rank, v, in), op_at_bcast_as(L, b, rank, v, in));
    d = op_to(L, op_to(L, d, t), acc); /* half types round each step, as eager does */
    if (eps != 0)
        d = pt2_add(E, d, pt2_num(E, acc, eps));
    if (eps != 0 && pt2_dtype_is_float(t))
        d = op_to(L, d, t);
    return op_map(L, acc, rank, shape, d);
}

pt2_t *op_pairwise_distance(struct pt2_lower *L, pt2_t *a, pt2_t *b, double p, double eps, bool keepdim,
                            pt2_dtype dtype)
{
    pt2_t *d = difference(L, a, b, eps);
    int last = d->rank - 1;
    return op_vector_norm(L, d, p, d->rank ? 1 : 0, &last, keepdim, dtype);
}

/* ---- norms ---- */

/* The order of a norm: a Scalar, or 2 when missing. */
static double order(struct pt2_lower *L, const char *name)
{
    return op_has(L, name) ? op_float(L, name, 2) : 2;
}

enum { BY_ORD, BY_P, FROBENIUS, POWER_SUM };

/* norm, frobenius_norm, linalg_vector_norm, linalg__powsum. */
static void lower_vector_norm(struct pt2_lower *L)
{
    static const char *const names[] = { "ord", "p", "", "ord" };
    pt2_t *t = op_tensor(L, "self");
    int dims[PT2_MAX_RANK], n = op_red_dims(L, "dim", t->rank, dims);
    op_return(L, (L->row->data == POWER_SUM ? power_sum : op_vector_norm)(
                     L, t, order(L, names[L->row->data]), n, dims, op_bool(L, "keepdim", false), op_out_dtype(L, 0)));
}

/* nuclear_norm: of a matrix, or of those in two dimensions. */
static void lower_nuclear_norm(struct pt2_lower *L)
{
    pt2_t *t = op_tensor(L, "self");
    int dims[PT2_MAX_RANK] = { 0, 1 }, n = op_has(L, "dim") ? op_dims(L, "dim", t->rank, dims) : 2;
    if (n != 2 || t->rank < 2)
        op_fail(L, PT2_ERR_FORMAT, "a nuclear norm over %d of %d dimensions", n, t->rank);
    op_return(L, op_singular_norm(L, t, PT2_RED_SUM, dims, op_bool(L, "keepdim", false), op_out_dtype(L, 0)));
}

/* Orders ±1 and ±inf: extreme sums of absolute values along one of the two dimensions. */
static pt2_t *matrix_norm(struct pt2_lower *L, pt2_t *t, double ord, const int *dims, bool keepdim, pt2_dtype dtype)
{
    int sum = dims[0], pick = dims[1];
    if (ord > 0 && (pt2_is_int(t->shape[sum], 0) || pt2_is_int(t->shape[pick], 0))) {
        struct op_red r; /* the largest of nothing is 0 */
        op_red_init(L, &r, t, 2, dims, keepdim);
        return op_full(L, dtype, r.rank, r.shape, pt2_int(L->E, pt2_dtype_compute(dtype), 0));
    }
    if (fabs(ord) == 2.0)
        return op_singular_norm(L, t, ord > 0 ? PT2_RED_MAX : PT2_RED_MIN, dims, keepdim, dtype);
    if (fabs(ord) != 1.0 && !isinf(ord))
        op_fail(L, PT2_ERR_FORMAT, "matrix norm of order %g", ord);
    if (isinf(ord)) {
        sum = dims[1];
        pick = dims[0];
    }
    pt2_t *s = op_vector_norm(L, t, 1, 1, &sum, true, dtype);
    pt2_t *r = op_reduce_dims(L, ord > 0 ? PT2_RED_MAX : PT2_RED_MIN, s, dtype, dtype, 1, &pick, true);
    if (keepdim)
        return r;
    r = op_squeeze(L, r, sum > pick ? sum : pick);
    return op_squeeze(L, r, sum > pick ? pick : sum);
}

static pt2_t *named_matrix_norm(struct pt2_lower *L, pt2_t *t, const char *ord, const int *dims, bool keepdim,
                                pt2_dtype dtype)
{
    if (strcmp(ord, "nuc") == 0)
        return op_singular_norm(L, t, PT2_RED_SUM, dims, keepdim, dtype);
    if (strcmp(ord, "fro"))
        op_fail(L, PT2_ERR_UNSUPPORTED, "a matrix norm of order '%.16s'", ord);
    return op_vector_norm(L, t, 2, 2, dims, keepdim, dtype);
}

enum { MATRIX = 1, NAMED = 2 };

/* linalg_norm and linalg_matrix_norm, with orders that are numbers or names. */
static void lower_norm(struct pt2_lower *L)
{
    pt2_t *t = op_tensor(L, "self");
    pt2_dtype dtype = op_out_dtype(L, 0);
    bool keepdim = op_bool(L, "keepdim", false), named = L->row->data & NAMED;
    int dims[PT2_MAX_RANK], n = op_red_dims(L, "dim", t->rank, dims);
    if (!n && L->row->data & MATRIX && t->rank >= 2) {
        dims[n++] = t->rank - 2;
        dims[n++] = t->rank - 1;
    }
    if (!n && t->rank == 2 && (named || op_has(L, "ord"))) {
        dims[n++] = 0;
        dims[n++] = 1;
    }
    if (n == 2 && named)
        op_return(L, named_matrix_norm(L, t, op_string(L, "ord", "fro"), dims, keepdim, dtype));
    else if (n == 2 && op_has(L, "ord"))
        op_return(L, matrix_norm(L, t, order(L, "ord"), dims, keepdim, dtype));
    else if (named || L->row->data & MATRIX)
        op_fail(L, PT2_ERR_FORMAT, "a matrix norm over %d dimensions", n);
    else
        op_return(L, op_vector_norm(L, t, order(L, "ord"), n, dims, keepdim, dtype));
}

/* ---- distances ---- */

static void lower_dist(struct pt2_lower *L)
{
    pt2_t *d = difference(L, op_tensor(L, "self"), op_tensor(L, "other"), 0);
    op_return(L, op_vector_norm(L, d, order(L, "p"), 0, NULL, false, op_out_dtype(L, 0)));
}

static void lower_pairwise_distance(struct pt2_lower *L)
{
    op_return(L, op_pairwise_distance(L, op_tensor(L, "x1"), op_tensor(L, "x2"), op_float(L, "p", 2),
                                      op_float(L, "eps", 1e-6), op_bool(L, "keepdim", false), op_out_dtype(L, 0)));
}

/* Distances of all rows of x1 [… P M] to all of x2 [… R M]. */
static void lower_cdist(struct pt2_lower *L)
{
    pt2_t *a = op_tensor(L, "x1"), *b = op_tensor(L, "x2");
    pt2_dtype dtype = op_out_dtype(L, 0);
    if (a->rank < 2 || b->rank < 2)
        op_fail(L, PT2_ERR_FORMAT, "cdist of %d and %d dimensions", a->rank, b->rank);
    if (pt2_is_int(a->shape[a->rank - 1], 0)) {
        op_return(L, op_full(L, dtype, op_out_rank(L, 0), op_out_shape(L, 0), pt2_int(L->E, op_acc_dtype(dtype), 0)));
        return;
    }
    op_return(L, op_pairwise_distance(L, op_unsqueeze(L, a, a->rank - 1), op_unsqueeze(L, b, b->rank - 2),
                                      op_float(L, "p", 2), 0, false, dtype));
}

/* Row i of the upper triangle that holds pair number k: rows before it have i (2n - i - 1) / 2 pairs. */
static pt2_ex triangle_row(struct pt2_lower *L, pt2_ex k, pt2_ex n)
{
    struct pt2_exprs *E = L->E;
    pt2_dtype t = PT2_F32;
    pt2_ex m = pt2_addi(E, pt2_muli(E, n, 2), -1), two = pt2_idx(E, 2);
    pt2_ex root = pt2_sub(E, pt2_mul(E, m, m), pt2_muli(E, k, 8));
    pt2_ex f = pt2_sub(E, op_num_of_size(L, m, t), pt2_un(E, PT2_E_SQRT, op_num_of_size(L, root, t)));
    pt2_ex i = pt2_cast(E, PT2_IDX, pt2_mul(E, f, pt2_num(E, t, 0.5)));
    /* float32 may be off by one for large n: step back, then forward */
    for (int step = -1; step <= 1; step += 2) {
        pt2_ex row = step < 0 ? i : pt2_addi(E, i, 1);
        pt2_ex before = pt2_floordiv(E, pt2_mul(E, row, pt2_sub(E, m, row)), two);
        pt2_ex wrong = step < 0 ? pt2_lt(E, k, before) : pt2_le(E, before, k);
        i = pt2_select(E, wrong, pt2_addi(E, i, step), i);
    }
    return i;
}

static void lower_pdist(struct pt2_lower *L)
{
    struct pt2_exprs *E = L->E;
    pt2_t *t = op_tensor(L, "self");
    pt2_dtype dtype = op_out_dtype(L, 0);
    if (t->rank != 2)
        op_fail(L, PT2_ERR_FORMAT, "pdist of %d dimensions", t->rank);
    pt2_ex n = t->shape[0], *out = op_out_shape(L, 0), k = pt2_var(E, 0, out[0]), c = pt2_var(E, 1, t->shape[1]);
    if (pt2_is_int(out[0], 0) || pt2_is_int(t->shape[1], 0)) {
        op_return(L, op_full(L, dtype, 1, out, pt2_int(E, op_acc_dtype(dtype), 0)));
        return;
    }
    pt2_ex i = triangle_row(L, k, n), m = pt2_addi(E, pt2_muli(E, n, 2), -1);
    pt2_ex before = pt2_floordiv(E, pt2_mul(E, i, pt2_sub(E, m, i)), pt2_idx(E, 2));
    pt2_ex j = pt2_addi(E, pt2_add(E, i, pt2_sub(E, k, before)), 1);
    pt2_ex shape[] = { out[0], t->shape[1] };
    pt2_ex a[] = { i, c }, b[] = { j, c };
    pt2_ex d = pt2_sub(E, op_at_as(L, t, a, op_acc_dtype(dtype)), op_at_as(L, t, b, op_acc_dtype(dtype)));
    int last = 1;
    pt2_t *diff = op_map(L, op_acc_dtype(dtype), 2, shape, d);
    op_return(L, op_vector_norm(L, diff, op_float(L, "p", 2), 1, &last, false, dtype));
}

/* ---- gradients of distances ---- */

/* The derivative of ‖d‖_p by d, of which the norm is known; 0 where PyTorch chooses so. */
static pt2_ex norm_slope(struct pt2_lower *L, pt2_ex d, pt2_ex norm, double p)
{
    struct pt2_exprs *E = L->E;
    pt2_ex zero = pt2_num(E, d->dtype, 0), one = pt2_num(E, d->dtype, 1), a = pt2_un(E, PT2_E_ABS, d);
    pt2_ex sign = pt2_select(E, pt2_lt(E, zero, d), one, zero), none = pt2_eq(E, norm, zero);
    sign = pt2_select(E, pt2_lt(E, d, zero), pt2_un(E, PT2_E_NEG, one), sign);
    if (p == 0)
        return zero;
    if (p == 1)
        return sign;
    if (isinf(p))
        return pt2_select(E, pt2_eq(E, a, norm), sign, zero);
    if (p == 2)
        return pt2_select(E, none, zero, pt2_bin(E, PT2_E_DIV, d, norm));
    pt2_ex e = pt2_num(E, d->dtype, p - 1), root = pt2_bin(E, PT2_E_POW, norm, e);
    if (p < 1)
        none = pt2_or(E, none, pt2_eq(E, d, zero));
    pt2_ex power = pt2_mul(E, sign, pt2_bin(E, PT2_E_POW, a, e));
    return pt2_select(E, none, zero, pt2_bin(E, PT2_E_DIV, power, root));
}

/* Of x1 [… P M], summed over the rows of x2 [… R M]. */
static void lower_cdist_backward(struct pt2_lower *L)
{
    pt2_t *a = op_tensor(L, "x1"), *b = op_tensor(L, "x2"), *g = op_tensor(L, "grad_output");
    pt2_t *norm = op_tensor(L, "cdist");
    pt2_dtype dtype = op_out_dtype(L, 0), acc = op_acc_dtype(dtype);
    int rank = op_out_rank(L, 0);
    pt2_ex *shape = op_out_shape(L, 0);
    if (a->rank < 2 || b->rank < 2 || rank < 2 || a->rank > rank || b->rank > rank || g->rank > rank ||
        norm->rank > rank || g->rank < 2)
        op_fail(L, PT2_ERR_FORMAT, "cdist of %d and %d dimensions", a->rank, b->rank);
    pt2_ex *v = op_vars(L, rank, shape), row[PT2_MAX_RANK], pair[PT2_MAX_RANK];
    pt2_ex *rows = &b->shape[b->rank - 2], r = *op_axes(L, rank, 1, rows);
    memcpy(row, v, sizeof *v * (size_t)rank);
    memcpy(pair, v, sizeof *v * (size_t)rank);
    row[rank - 2] = pair[rank - 1] = r;
    pt2_ex d = pt2_sub(L->E, op_at_bcast_as(L, a, rank, v, acc), op_at_bcast_as(L, b, rank, row, acc));
    pt2_ex slope = norm_slope(L, d, op_at_bcast_as(L, norm, rank, pair, acc), op_float(L, "p", 2));
    pt2_ex body = pt2_mul(L->E, op_at_bcast_as(L, g, rank, pair, acc), slope);
    op_return(L, op_reduce(L, PT2_RED_SUM, dtype, rank, shape, 1, rows, body));
}

static void lower_pdist_backward(struct pt2_lower *L)
{
    struct pt2_exprs *E = L->E;
    pt2_t *x = op_tensor(L, "self"), *g = op_tensor(L, "grad_output"), *norm = op_tensor(L, "pdist");
    pt2_dtype dtype = op_out_dtype(L, 0), acc = op_acc_dtype(dtype);
    if (x->rank != 2 || g->rank != 1 || norm->rank != 1)
        op_fail(L, PT2_ERR_FORMAT, "pdist of %d dimensions", x->rank);
    pt2_ex n = x->shape[0], *v = op_vars(L, 2, x->shape), j = *op_axes(L, 2, 1, &n), other[] = { j, v[1] };
    pt2_ex low = pt2_min(E, v[0], j), high = pt2_max(E, v[0], j), apart = pt2_not(E, pt2_eq(E, v[0], j));
    pt2_ex m = pt2_sub(E, pt2_addi(E, pt2_muli(E, n, 2), -1), low);
    pt2_ex k = pt2_addi(E, pt2_add(E, pt2_floordiv(E, pt2_mul(E, low, m), pt2_idx(E, 2)), pt2_sub(E, high, low)), -1);
    pt2_ex zero = pt2_num(E, op_at(L, g, &k)->dtype, 0), d;
    d = pt2_sub(E, op_at_as(L, x, v, acc), op_at_as(L, x, other, acc));
    pt2_ex slope = norm_slope(L, d, op_to(L, op_at_or(L, norm, &k, apart, zero), acc), op_float(L, "p", 2));
    pt2_ex body = pt2_mul(E, op_to(L, op_at_or(L, g, &k, apart, zero), acc), slope);
    body = pt2_select(E, apart, body, pt2_num(E, acc, 0));
    op_return(L, op_reduce(L, PT2_RED_SUM, dtype, 2, x->shape, 1, &n, body));
}

/* sum(a * b) / (max(‖a‖, eps) max(‖b‖, eps)) along dim of the broadcast operands. */
static void lower_cosine_similarity(struct pt2_lower *L)
{
    struct pt2_exprs *E = L->E;
    pt2_t *both[] = { op_tensor(L, "x1"), op_tensor(L, "x2") };
    pt2_dtype dtype = op_out_dtype(L, 0), acc = op_acc_dtype(dtype);
    pt2_ex shape[PT2_MAX_RANK];
    int rank = op_broadcast(L, 2, both, shape), dim = op_dim(L, "dim", 1, rank), n = rank ? 1 : 0;
    pt2_t *a = op_expand(L, both[0], rank, shape), *b = op_expand(L, both[1], rank, shape);
    struct op_red r;
    op_red_init(L, &r, a, n, &dim, false);
    pt2_t *dot = op_red_node(L, &r, PT2_RED_SUM, acc, pt2_mul(E, op_at_as(L, a, r.index, acc),
                                                             op_at_as(L, b, r.index, acc)));
    pt2_t *na = op_vector_norm(L, a, 2, n, &dim, false, acc), *nb = op_vector_norm(L, b, 2, n, &dim, false, acc);
    pt2_ex *v = op_vars(L, r.rank, r.shape), eps = pt2_num(E, acc, op_float(L, "eps", 1e-8));
    pt2_ex size = pt2_mul(E, pt2_max(E, op_at(L, na, v), eps), pt2_max(E, op_at(L, nb, v), eps));
    op_return(L, op_map(L, dtype, r.rank, r.shape, pt2_bin(E, PT2_E_DIV, op_at(L, dot, v), size)));
}

/* Slices along dim whose norm is above maxnorm are scaled down to it. */
static void lower_renorm(struct pt2_lower *L)
{
    struct pt2_exprs *E = L->E;
    pt2_t *t = op_tensor(L, "self");
    pt2_dtype dtype = t->dtype, acc = pt2_dtype_real(op_acc_dtype(dtype));
    int dim = op_dim(L, "dim", 0, t->rank), dims[PT2_MAX_RANK], n = 0;
    for (int d = 0; d < t->rank; d++)
        if (d != dim)
            dims[n++] = d;
    if (!n)
        op_fail(L, PT2_ERR_FORMAT, "renorm of %d dimensions", t->rank);
    pt2_t *norm = op_vector_norm(L, t, order(L, "p"), n, dims, true, acc);
    pt2_ex *v = op_vars(L, t->rank, t->shape), x = op_at_bcast(L, norm, t->rank, v);
    pt2_ex max = op_scalar(L, "maxnorm", acc, 0);
    pt2_ex factor = pt2_bin(E, PT2_E_DIV, max, pt2_add(E, x, pt2_num(E, acc, 1e-7)));
    factor = pt2_select(E, pt2_lt(E, max, x), factor, pt2_int(E, acc, 1));
    if (op_is_complex(t)) {
        struct pt2_complex z = op_cx_to(L, op_at_c(L, t, v), op_acc_dtype(dtype));
        op_return(L, op_map_c(L, dtype, t->rank, t->shape, (struct pt2_complex){ pt2_mul(E, z.re, factor),
                                                                                pt2_mul(E, z.im, factor) }));
        return;
    }
    op_return(L, op_map_like(L, t, dtype, pt2_mul(E, op_at(L, t, v), factor)));
}

const struct pt2_op_row pt2_ops_distance[] = {
    { "aten.linalg_vector_norm", lower_vector_norm, BY_ORD },
    { "aten.norm", lower_vector_norm, BY_P },
    { "aten.native_norm", lower_vector_norm, BY_P },
    { "aten.frobenius_norm", lower_vector_norm, FROBENIUS },
    { "aten.linalg__powsum", lower_vector_norm, POWER_SUM },
    { "aten.nuclear_norm", lower_nuclear_norm, 0 },
    { "aten.linalg_norm", lower_norm, 0 },
    { "aten.linalg_norm.ord_str", lower_norm, NAMED },
    { "aten.linalg_matrix_norm", lower_norm, MATRIX },
    { "aten.linalg_matrix_norm.str_ord", lower_norm, MATRIX | NAMED },
    { "aten.dist", lower_dist, 0 },
    { "aten.pairwise_distance", lower_pairwise_distance, 0 },
    { "aten.cdist", lower_cdist, 0 },
    { "aten._cdist_forward", lower_cdist, 0 },
    { "aten._euclidean_dist", lower_cdist, 0 },
    { "aten.pdist", lower_pdist, 0 },
    { "aten._pdist_forward", lower_pdist, 0 },
    { "aten._cdist_backward", lower_cdist_backward, 0 },
    { "aten._pdist_backward", lower_pdist_backward, 0 },
    { "aten.cosine_similarity", lower_cosine_similarity, 0 },
    { "aten.renorm", lower_renorm, 0 },
    { 0 },
};
