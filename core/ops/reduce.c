/* SPDX-License-Identifier: MIT
 *
 * Reductions: sums, products, extrema, their positions, truth, moments, softmax. Complex sums run over the real view,
 * which has one more dimension that is never reduced. Distances and norms are in distance.c. */
#include "ops/reduce.h"

#include <math.h>

/* ---- building blocks ---- */

static bool contains(int n, const int *dims, int d)
{
    for (int k = 0; k < n; k++)
        if (dims[k] == d)
            return true;
    return false;
}

void op_red_init(struct pt2_lower *L, struct op_red *r, const pt2_t *t, int num_dims, const int *dims, bool keepdim)
{
    bool reduced[PT2_MAX_RANK];
    memset(r, 0, sizeof *r);
    for (int d = 0; d < t->rank; d++) {
        reduced[d] = num_dims == 0 || contains(num_dims, dims, d);
        if (reduced[d])
            r->axes[r->num_axes++] = t->shape[d];
        if (!reduced[d] || keepdim)
            r->shape[r->rank++] = reduced[d] ? pt2_idx(L->E, 1) : t->shape[d];
    }
    pt2_ex *v = op_vars(L, r->rank, r->shape), *a = op_axes(L, r->rank, r->num_axes, r->axes);
    for (int d = 0, out = 0, axis = 0; d < t->rank; d++) {
        r->index[d] = reduced[d] ? a[axis++] : v[out];
        out += !reduced[d] || keepdim;
    }
}

pt2_t *op_red_node(struct pt2_lower *L, const struct op_red *r, enum pt2_reduce_op op, pt2_dtype dtype, pt2_ex body)
{
    if (r->num_axes)
        return op_reduce(L, op, dtype, r->rank, r->shape, r->num_axes, r->axes, body);
    if (pt2_gives_position(op))
        body = pt2_int(L->E, PT2_I64, 0);
    return op_map(L, dtype, r->rank, r->shape, body);
}

pt2_ex op_red_count(struct pt2_lower *L, const struct op_red *r)
{
    return pt2_product(L->E, r->num_axes, r->axes);
}

pt2_ex op_num_of_size(struct pt2_lower *L, pt2_ex size, pt2_dtype dtype)
{
    pt2_dtype t = pt2_dtype_compute(pt2_dtype_real(dtype));
    return pt2_is_const(size) ? pt2_num(L->E, t, (double)size->i) : pt2_cast(L->E, t, size);
}

int op_red_dims(struct pt2_lower *L, const char *name, int rank, int *dims)
{
    int n = op_has(L, name) ? op_dims(L, name, rank, dims) : 0;
    return n < 0 ? 0 : n;
}

/* All dimensions spelled out, for callers that add dimensions of their own. */
static int all_dims(int rank, int num_dims, const int *dims, int *out)
{
    int n = 0;
    for (int d = 0; d < rank; d++)
        if (num_dims == 0 || contains(num_dims, dims, d))
            out[n++] = d;
    return n;
}

static pt2_t *sum_complex(struct pt2_lower *L, pt2_t *t, pt2_dtype dtype, int num_dims, const int *dims, bool keepdim)
{
    int list[PT2_MAX_RANK], n = all_dims(t->rank, num_dims, dims, list);
    if (!n)
        return op_convert(L, t, dtype);
    pt2_t *real = op_real_view(L, op_convert(L, t, dtype));
    pt2_dtype part = pt2_dtype_real(dtype);
    return op_complex_view(L, op_reduce_dims(L, PT2_RED_SUM, real, part, part, n, list, keepdim));
}

pt2_t *op_reduce_dims(struct pt2_lower *L, enum pt2_reduce_op op, pt2_t *t, pt2_dtype in, pt2_dtype dtype, int num_dims,
                      const int *dims, bool keepdim)
{
    struct op_red r;
    if (pt2_dtype_is_complex(dtype))
        return sum_complex(L, t, dtype, num_dims, dims, keepdim);
    op_red_init(L, &r, t, num_dims, dims, keepdim);
    return op_red_node(L, &r, op, dtype, pt2_cast(L->E, pt2_dtype_compute(dtype), op_at_as(L, t, r.index, in)));
}

pt2_t *op_sum(struct pt2_lower *L, pt2_t *a, int num_dims, const int *dims, bool keepdim)
{
    return op_reduce_dims(L, PT2_RED_SUM, a, a->dtype, a->dtype, num_dims, dims, keepdim);
}

/* Sum over count, in float32 for half types, rounded once to dtype. */
static pt2_t *mean_as(struct pt2_lower *L, pt2_t *t, pt2_dtype dtype, int num_dims, const int *dims, bool keepdim)
{
    struct op_red r;
    op_red_init(L, &r, t, num_dims, dims, keepdim);
    pt2_ex n = op_num_of_size(L, op_red_count(L, &r), op_acc_dtype(dtype));
    pt2_t *sum = op_reduce_dims(L, PT2_RED_SUM, t, dtype, op_acc_dtype(dtype), num_dims, dims, keepdim);
    pt2_ex *v = op_vars(L, r.rank, r.shape);
    if (pt2_dtype_is_complex(dtype)) {
        struct pt2_complex s = op_at_c(L, sum, v);
        s.re = pt2_bin(L->E, PT2_E_DIV, s.re, n);
        s.im = pt2_bin(L->E, PT2_E_DIV, s.im, n);
        return op_map_c(L, dtype, r.rank, r.shape, s);
    }
    return op_map(L, dtype, r.rank, r.shape, pt2_bin(L->E, PT2_E_DIV, op_at(L, sum, v), n));
}

pt2_t *op_mean(struct pt2_lower *L, pt2_t *a, int num_dims, const int *dims, bool keepdim)
{
    return mean_as(L, a, a->dtype, num_dims, dims, keepdim);
}

/* Maximum or minimum; of bools: any or all. */
static pt2_t *extremum(struct pt2_lower *L, bool max, pt2_t *a, int num_dims, const int *dims, bool keepdim)
{
    enum pt2_reduce_op op = max ? PT2_RED_MAX : PT2_RED_MIN;
    if (a->dtype == PT2_BOOL)
        op = max ? PT2_RED_ANY : PT2_RED_ALL;
    return op_reduce_dims(L, op, a, a->dtype, a->dtype, num_dims, dims, keepdim);
}

pt2_t *op_amax(struct pt2_lower *L, pt2_t *a, int num_dims, const int *dims, bool keepdim)
{
    return extremum(L, true, a, num_dims, dims, keepdim);
}

static pt2_t *position(struct pt2_lower *L, bool max, pt2_t *t, int num_dims, const int *dims, bool keepdim)
{
    struct op_red r;
    op_red_init(L, &r, t, num_dims, dims, keepdim);
    pt2_ex body = op_at(L, t, r.index);
    if (t->dtype == PT2_BOOL)
        body = op_to(L, body, PT2_I32);
    return op_red_node(L, &r, max ? PT2_RED_ARGMAX : PT2_RED_ARGMIN, PT2_I64, body);
}

/* x != 0 at the reduction's index. */
static pt2_ex nonzero(struct pt2_lower *L, pt2_t *t, const pt2_ex *index)
{
    if (!op_is_complex(t))
        return op_at_as(L, t, index, PT2_BOOL);
    struct pt2_complex c = op_at_c(L, t, index);
    return pt2_or(L->E, op_to(L, c.re, PT2_BOOL), op_to(L, c.im, PT2_BOOL));
}

/* Sum of squared distances to the mean of a real tensor, over n - correction (not below 0). Of one element that is
 * 0 / 0, which is said as it is: drivers take x - x for 0, and then 0 / 0 for 0. */
static pt2_t *var_real(struct pt2_lower *L, pt2_t *t, int num_dims, const int *dims, bool keepdim, pt2_ex correction,
                       pt2_t **out_mean)
{
    struct op_red r;
    pt2_dtype acc = op_acc_dtype(t->dtype);
    op_red_init(L, &r, t, num_dims, dims, keepdim);
    pt2_t *mean = mean_as(L, t, acc, num_dims, dims, keepdim);
    pt2_ex *v = op_vars(L, r.rank, r.shape);
    pt2_ex d = pt2_sub(L->E, op_at_as(L, t, r.index, acc), op_at(L, mean, v));
    pt2_t *sum = op_red_node(L, &r, PT2_RED_SUM, acc, pt2_mul(L->E, d, d));
    pt2_ex n = pt2_sub(L->E, op_num_of_size(L, op_red_count(L, &r), acc), op_to(L, correction, acc));
    n = pt2_max(L->E, n, pt2_int(L->E, acc, 0));
    if (out_mean)
        *out_mean = mean;
    bool undefined = pt2_is_int(op_red_count(L, &r), 1) && pt2_is_const(n) && n->f == 0;
    pt2_ex var = undefined ? pt2_num(L->E, acc, NAN) : pt2_bin(L->E, PT2_E_DIV, op_at(L, sum, v), n);
    return op_map(L, acc, r.rank, r.shape, var);
}

/* Complex: the variances of both parts added; the real view's last dimension keeps them apart. */
static pt2_t *var_complex(struct pt2_lower *L, pt2_t *t, int num_dims, const int *dims, bool keepdim, pt2_ex correction,
                          pt2_t **out_mean)
{
    int list[PT2_MAX_RANK], n = all_dims(t->rank, num_dims, dims, list);
    pt2_t *mean, *real = op_convert(L, op_real_view(L, t), op_acc_dtype(pt2_dtype_real(t->dtype)));
    if (!n) { /* a 0-d tensor has no dimension to reduce: give it one of size 1 */
        real = op_unsqueeze(L, real, 0);
        list[n++] = 0;
        keepdim = false;
    }
    pt2_t *var = var_real(L, real, n, list, keepdim, correction, &mean);
    if (out_mean)
        *out_mean = op_complex_view(L, mean);
    return op_sum(L, var, 1, (const int[]){ var->rank - 1 }, false);
}

pt2_t *op_var(struct pt2_lower *L, pt2_t *t, int num_dims, const int *dims, bool keepdim, pt2_ex correction,
              pt2_t **mean)
{
    return (op_is_complex(t) ? var_complex : var_real)(L, t, num_dims, dims, keepdim, correction, mean);
}

/* The maximum with infinities replaced by 0, so that subtracting it makes no NaN. */
static pt2_t *finite_max(struct pt2_lower *L, pt2_t *t, int num_dims, const int *dims, bool keepdim, pt2_dtype acc)
{
    struct pt2_exprs *E = L->E;
    pt2_t *m = op_reduce_dims(L, PT2_RED_MAX, t, acc, acc, num_dims, dims, keepdim);
    pt2_ex x = op_at(L, m, op_vars(L, m->rank, m->shape));
    pt2_ex is_inf = pt2_eq(E, pt2_un(E, PT2_E_ABS, x), pt2_num(E, acc, INFINITY));
    return op_map_like(L, m, acc, pt2_select(E, is_inf, pt2_int(E, acc, 0), x));
}

static pt2_t *logsumexp_complex(struct pt2_lower *L, pt2_t *t, int num_dims, const int *dims, bool keepdim)
{
    struct pt2_exprs *E = L->E;
    struct op_red r;
    pt2_dtype dtype = op_acc_dtype(t->dtype), acc = pt2_dtype_real(dtype);
    op_red_init(L, &r, t, num_dims, dims, keepdim);
    pt2_ex *v = op_vars(L, r.rank, r.shape);
    pt2_t *parts = op_real_view(L, t), *re = op_select(L, parts, t->rank, pt2_idx(E, 0));
    pt2_t *max = finite_max(L, re, num_dims, dims, keepdim, acc);
    pt2_ex m = op_at(L, max, v);
    struct pt2_complex z = op_cx_to(L, op_at_c(L, t, r.index), dtype);
    pt2_ex e = pt2_un(E, PT2_E_EXP, pt2_sub(E, z.re, m));
    pt2_t *c = op_red_node(L, &r, PT2_RED_SUM, acc, pt2_mul(E, e, pt2_un(E, PT2_E_COS, z.im)));
    pt2_t *s = op_red_node(L, &r, PT2_RED_SUM, acc, pt2_mul(E, e, pt2_un(E, PT2_E_SIN, z.im)));
    pt2_ex x = op_at(L, c, v), y = op_at(L, s, v);
    pt2_ex size = pt2_un(E, PT2_E_LOG, pt2_bin(E, PT2_E_HYPOT, x, y));
    return op_map_c(L, dtype, r.rank, r.shape, (struct pt2_complex){ pt2_add(E, size, m),
                                                                     pt2_bin(E, PT2_E_ATAN2, y, x) });
}

pt2_t *op_logsumexp(struct pt2_lower *L, pt2_t *t, int num_dims, const int *dims, bool keepdim)
{
    struct pt2_exprs *E = L->E;
    struct op_red r;
    if (op_is_complex(t))
        return logsumexp_complex(L, t, num_dims, dims, keepdim);
    pt2_dtype acc = pt2_dtype_is_float(t->dtype) ? op_acc_dtype(t->dtype) : PT2_F32;
    op_red_init(L, &r, t, num_dims, dims, keepdim);
    pt2_ex *v = op_vars(L, r.rank, r.shape);
    pt2_t *max = finite_max(L, t, num_dims, dims, keepdim, acc);
    pt2_ex m = op_at(L, max, v), x = op_at_as(L, t, r.index, acc);
    pt2_t *sum = op_red_node(L, &r, PT2_RED_SUM, acc, pt2_un(E, PT2_E_EXP, pt2_sub(E, x, m)));
    return op_map(L, acc, r.rank, r.shape, pt2_add(E, pt2_un(E, PT2_E_LOG, op_at(L, sum, v)), m));
}

/* exp(x - max) / sum, or x - max - log(sum). `safe`: a row of nothing but -inf becomes 0 rather than NaN. */
pt2_t *op_softmax_as(struct pt2_lower *L, pt2_t *t, int dim, bool log, bool safe, pt2_dtype dtype)
{
    struct pt2_exprs *E = L->E;
    struct op_red r;
    pt2_dtype acc = op_acc_dtype(dtype);
    op_red_init(L, &r, t, t->rank ? 1 : 0, &dim, true);
    pt2_t *max = op_reduce_dims(L, PT2_RED_MAX, t, dtype, acc, t->rank ? 1 : 0, &dim, true);
    pt2_ex *small = op_vars(L, r.rank, r.shape), *v = op_vars(L, t->rank, t->shape), at[PT2_MAX_RANK];
    pt2_ex d = pt2_sub(E, op_at_as(L, t, r.index, dtype), op_at(L, max, small));
    pt2_t *sum = op_red_node(L, &r, PT2_RED_SUM, acc, pt2_un(E, PT2_E_EXP, d));
    for (int k = 0; k < t->rank; k++)
        at[k] = k == dim ? pt2_idx(E, 0) : v[k];
    pt2_ex m = op_at(L, max, at), s = op_at(L, sum, at), x = pt2_sub(E, op_at_as(L, t, v, dtype), m);
    pt2_ex y = log ? pt2_sub(E, x, pt2_un(E, PT2_E_LOG, s)) : pt2_bin(E, PT2_E_DIV, pt2_un(E, PT2_E_EXP, x), s);
    if (safe)
        y = pt2_select(E, pt2_eq(E, m, pt2_num(E, acc, -INFINITY)), pt2_int(E, acc, 0), y);
    return op_map_like(L, t, dtype, y);
}

pt2_t *op_softmax(struct pt2_lower *L, pt2_t *a, int dim, bool log)
{
    return op_softmax_as(L, a, dim, log, false, a->dtype);
}

pt2_t *op_reduction(struct pt2_lower *L, pt2_t *t, int64_t mode, pt2_dtype dtype)
{
    if (mode == 0)
        return op_convert(L, t, dtype);
    if (mode == 1)
        return op_convert(L, op_mean(L, t, 0, NULL, false), dtype);
    if (mode != 2)
        op_fail(L, PT2_ERR_FORMAT, "reduction %lld", (long long)mode);
    return op_reduce_dims(L, PT2_RED_SUM, t, t->dtype, dtype, 0, NULL, false);
}

/* ---- products ---- */

/* Complex elements of the reduced space as one last dimension. */
static pt2_t *reduced_last(struct pt2_lower *L, const struct op_red *r, pt2_t *t, pt2_dtype dtype)
{
    pt2_ex shape[PT2_MAX_RANK + 1], at[2 * PT2_MAX_RANK] = { NULL }, index[PT2_MAX_RANK];
    if (r->rank == PT2_MAX_RANK)
        op_fail(L, PT2_ERR_UNSUPPORTED, "a product in %d dimensions", r->rank);
    memcpy(shape, r->shape, sizeof r->shape);
    shape[r->rank] = op_red_count(L, r);
    pt2_ex *v = op_vars(L, r->rank + 1, shape);
    pt2_delinearize(L->E, r->num_axes, r->axes, v[r->rank], at + r->rank);
    for (int k = 0; k < r->rank; k++)
        at[k] = v[k];
    for (int d = 0; d < t->rank; d++)
        index[d] = pt2_subst_vars(L->E, r->index[d], r->rank + r->num_axes, at);
    return op_map_c(L, dtype, r->rank + 1, shape, op_cx_to(L, op_at_c(L, t, index), dtype));
}

/* Pairs of neighbours along the last dimension multiplied. */
static pt2_t *halve(struct pt2_lower *L, pt2_t *t, int64_t n)
{
    struct pt2_exprs *E = L->E;
    pt2_ex shape[PT2_MAX_RANK], at[PT2_MAX_RANK];
    memcpy(shape, t->shape, sizeof shape);
    shape[t->rank - 1] = pt2_idx(E, (n + 1) / 2);
    pt2_ex *v = op_vars(L, t->rank, shape), k = pt2_muli(E, v[t->rank - 1], 2);
    memcpy(at, v, sizeof(pt2_ex) * (size_t)t->rank);
    at[t->rank - 1] = k;
    struct pt2_complex a = op_at_c(L, t, at);
    at[t->rank - 1] = pt2_min(E, pt2_addi(E, k, 1), pt2_idx(E, n - 1));
    struct pt2_complex p = op_cx_mul(E, a, op_at_c(L, t, at));
    pt2_ex pair = pt2_lt(E, pt2_addi(E, k, 1), pt2_idx(E, n));
    p.re = pt2_select(E, pair, p.re, a.re);
    p.im = pt2_select(E, pair, p.im, a.im);
    return op_map_c(L, t->dtype, t->rank, shape, p);
}

/* Products of complex numbers: a tree when their number is known, else by absolute values and angles. */
static pt2_t *prod_complex(struct pt2_lower *L, pt2_t *t, pt2_dtype dtype, int num_dims, const int *dims, bool keepdim)
{
    struct pt2_exprs *E = L->E;
    struct op_red r;
    pt2_dtype acc = op_acc_dtype(dtype), real = pt2_dtype_real(acc);
    op_red_init(L, &r, t, num_dims, dims, keepdim);
    pt2_ex count = op_red_count(L, &r);
    if (pt2_is_const(count) && count->i > 0) {
        pt2_t *p = reduced_last(L, &r, t, acc);
        for (int64_t n = count->i; n > 1; n = (n + 1) / 2)
            p = halve(L, p, n);
        return op_convert(L, op_select(L, p, r.rank, pt2_idx(E, 0)), dtype);
    }
    struct pt2_complex z = op_cx_to(L, op_at_c(L, t, r.index), acc);
    pt2_t *size = op_red_node(L, &r, PT2_RED_PROD, real, pt2_bin(E, PT2_E_HYPOT, z.re, z.im));
    pt2_t *angle = op_red_node(L, &r, PT2_RED_SUM, real, pt2_bin(E, PT2_E_ATAN2, z.im, z.re));
    pt2_ex *v = op_vars(L, r.rank, r.shape), s = op_at(L, size, v), a = op_at(L, angle, v);
    return op_map_c(L, dtype, r.rank, r.shape, (struct pt2_complex){ pt2_mul(E, s, pt2_un(E, PT2_E_COS, a)),
                                                                     pt2_mul(E, s, pt2_un(E, PT2_E_SIN, a)) });
}

static void lower_prod(struct pt2_lower *L)
{
    pt2_t *t = op_tensor(L, "self");
    pt2_dtype dtype = op_out_dtype(L, 0);
    int dims[PT2_MAX_RANK], n = op_red_dims(L, "dim", t->rank, dims);
    bool keepdim = op_bool(L, "keepdim", false);
    op_return(L, pt2_dtype_is_complex(dtype) ? prod_complex(L, t, dtype, n, dims, keepdim)
                                             : op_reduce_dims(L, PT2_RED_PROD, t, dtype, dtype, n, dims, keepdim));
}

/* ---- operators ---- */

static void lower_sum(struct pt2_lower *L)
{
    pt2_t *t = op_tensor(L, "self");
    pt2_dtype dtype = op_out_dtype(L, 0);
    int dims[PT2_MAX_RANK], n = op_red_dims(L, "dim", t->rank, dims);
    pt2_t *r = op_reduce_dims(L, PT2_RED_SUM, t, dtype, dtype, n, dims, op_bool(L, "keepdim", false));
    op_return(L, r == t ? op_clone(L, t) : r);
}

/* prims.xor_sum: bit b of the result is whether an odd number of elements has bit b. The bits are a last dimension. */
static void lower_xor_sum(struct pt2_lower *L)
{
    struct pt2_exprs *E = L->E;
    pt2_t *t = op_tensor(L, "inp");
    int dims[PT2_MAX_RANK], list[PT2_MAX_RANK], n = op_red_dims(L, "dims", t->rank, dims);
    if (t->rank > PT2_MAX_RANK - 2 || (!pt2_dtype_is_int(t->dtype) && t->dtype != PT2_BOOL))
        op_fail(L, PT2_ERR_UNSUPPORTED, "bits of %s in %d dimensions", pt2_dtype_name(t->dtype), t->rank);
    pt2_ex shape[PT2_MAX_RANK], one = pt2_int(E, PT2_I64, 1);
    memcpy(shape, t->shape, sizeof *shape * (size_t)t->rank);
    shape[t->rank] = pt2_idx(E, t->dtype == PT2_BOOL ? 1 : 8 * (int64_t)pt2_dtype_size(t->dtype));
    pt2_ex *v = op_vars(L, t->rank + 1, shape), x = op_to(L, op_at(L, t, v), PT2_I64);
    pt2_ex bit = pt2_bin(E, PT2_E_SHR, x, pt2_cast(E, PT2_I64, v[t->rank]));
    pt2_t *bits = op_map(L, PT2_I64, t->rank + 1, shape, pt2_bin(E, PT2_E_AND, bit, one));
    if ((n = all_dims(t->rank, n, dims, list)))
        bits = op_sum(L, bits, n, list, false);
    int last = bits->rank - 1;
    v = op_vars(L, bits->rank, bits->shape);
    pt2_ex odd = pt2_bin(E, PT2_E_AND, op_at(L, bits, v), one);
    bits = op_map_like(L, bits, PT2_I64, pt2_bin(E, PT2_E_SHL, odd, pt2_cast(E, PT2_I64, v[last])));
    op_return(L, op_convert(L, op_sum(L, bits, 1, &last, false), op_out_dtype(L, 0)));
}

static void lower_mean(struct pt2_lower *L)
{
    pt2_t *t = op_tensor(L, "self");
    int dims[PT2_MAX_RANK], n = op_red_dims(L, "dim", t->rank, dims);
    op_return(L, mean_as(L, t, op_out_dtype(L, 0), n, dims, op_bool(L, "keepdim", false)));
}

/* x with NaN as 0, in the accumulation type of dtype. */
static pt2_ex without_nan(struct pt2_lower *L, pt2_t *t, const pt2_ex *index, pt2_dtype dtype)
{
    pt2_ex x = op_at(L, t, index);
    if (pt2_dtype_is_float(t->dtype))
        x = pt2_select(L->E, pt2_un(L->E, PT2_E_ISNAN, x), pt2_int(L->E, x->dtype, 0), x);
    return op_to(L, op_to(L, x, dtype), op_acc_dtype(dtype));
}

/* nansum, and nanmean (data 1): the sum over the number of those that are not NaN. */
static void lower_nansum(struct pt2_lower *L)
{
    struct op_red r;
    pt2_t *t = op_tensor(L, "self");
    pt2_dtype dtype = op_out_dtype(L, 0), acc = op_acc_dtype(dtype);
    int dims[PT2_MAX_RANK], n = op_red_dims(L, "dim", t->rank, dims);
    if (op_is_complex(t))
        op_fail(L, PT2_ERR_UNSUPPORTED, "complex numbers");
    op_red_init(L, &r, t, n, dims, op_bool(L, "keepdim", false));
    pt2_ex x = without_nan(L, t, r.index, dtype);
    if (!L->row->data) {
        op_return(L, op_red_node(L, &r, PT2_RED_SUM, dtype, x));
        return;
    }
    pt2_t *sum = op_red_node(L, &r, PT2_RED_SUM, acc, x);
    pt2_ex valid = pt2_not(L->E, pt2_un(L->E, PT2_E_ISNAN, op_at(L, t, r.index)));
    pt2_t *count = op_red_node(L, &r, PT2_RED_SUM, PT2_I64, op_to(L, valid, PT2_I64));
    pt2_ex *v = op_vars(L, r.rank, r.shape);
    op_return(L, op_map(L, dtype, r.rank, r.shape,
                        pt2_bin(L->E, PT2_E_DIV, op_at(L, sum, v), op_at_as(L, count, v, acc))));
}

static void lower_amax(struct pt2_lower *L)
{
    pt2_t *t = op_tensor(L, "self");
    int dims[PT2_MAX_RANK], n = op_red_dims(L, "dim", t->rank, dims);
    op_return(L, extremum(L, L->row->data, t, n, dims, op_bool(L, "keepdim", false)));
}

static void lower_aminmax(struct pt2_lower *L)
{
    pt2_t *t = op_tensor(L, "self");
    bool keepdim = op_bool(L, "keepdim", false);
    int dim = op_has(L, "dim") ? op_dim(L, "dim", 0, t->rank) : 0, n = op_has(L, "dim") && t->rank;
    op_result(L, 0, extremum(L, false, t, n, &dim, keepdim));
    op_result(L, 1, extremum(L, true, t, n, &dim, keepdim));
}

/* max.dim, min.dim: values and positions. */
static void lower_max_dim(struct pt2_lower *L)
{
    pt2_t *t = op_tensor(L, "self");
    bool keepdim = op_bool(L, "keepdim", false);
    int dim = op_dim(L, "dim", 0, t->rank), n = t->rank ? 1 : 0;
    op_result(L, 0, extremum(L, L->row->data, t, n, &dim, keepdim));
    op_result(L, 1, position(L, L->row->data, t, n, &dim, keepdim));
}

static void lower_argmax(struct pt2_lower *L)
{
    pt2_t *t = op_tensor(L, "self");
    int dim = op_has(L, "dim") ? op_dim(L, "dim", 0, t->rank) : 0, n = op_has(L, "dim") && t->rank;
    op_return(L, position(L, L->row->data, t, n, &dim, op_bool(L, "keepdim", false)));
}

static void lower_any(struct pt2_lower *L)
{
    struct op_red r;
    pt2_t *t = op_tensor(L, "self");
    int dims[PT2_MAX_RANK], n = op_red_dims(L, "dim", t->rank, dims);
    if (!n && op_has(L, "dim") && t->rank) { /* unlike elsewhere, an empty list reduces nothing */
        op_return(L, op_map_like(L, t, op_out_dtype(L, 0), op_to(L, nonzero(L, t, op_vars(L, t->rank, t->shape)),
                                                                 op_out_dtype(L, 0))));
        return;
    }
    op_red_init(L, &r, t, n, dims, op_bool(L, "keepdim", false));
    pt2_t *any = op_red_node(L, &r, L->row->data ? PT2_RED_ANY : PT2_RED_ALL, PT2_BOOL, nonzero(L, t, r.index));
    op_return(L, op_convert(L, any, op_out_dtype(L, 0)));
}

static void lower_count_nonzero(struct pt2_lower *L)
{
    struct op_red r;
    pt2_t *t = op_tensor(L, "self");
    int dims[PT2_MAX_RANK], n = op_red_dims(L, "dim", t->rank, dims);
    op_red_init(L, &r, t, n, dims, false);
    op_return(L, op_red_node(L, &r, PT2_RED_SUM, PT2_I64, op_to(L, nonzero(L, t, r.index), PT2_I64)));
}

enum { STD = 1, WITH_MEAN = 2 };

static void lower_var(struct pt2_lower *L)
{
    pt2_t *t = op_tensor(L, "self"), *mean;
    pt2_dtype dtype = op_out_dtype(L, 0);
    int dims[PT2_MAX_RANK], n = op_red_dims(L, "dim", t->rank, dims);
    pt2_dtype acc = pt2_dtype_real(op_acc_dtype(t->dtype));
    pt2_ex correction = op_has(L, "correction") ? op_scalar(L, "correction", acc, 1)
                                                : pt2_int(L->E, acc, op_bool(L, "unbiased", true));
    pt2_t *var = op_var(L, t, n, dims, op_bool(L, "keepdim", false), correction, &mean);
    pt2_ex x = op_at(L, var, op_vars(L, var->rank, var->shape));
    op_result(L, 0, op_map_like(L, var, dtype, L->row->data & STD ? pt2_un(L->E, PT2_E_SQRT, x) : x));
    if (L->row->data & WITH_MEAN)
        op_result(L, 1, op_convert(L, mean, op_out_dtype(L, 1)));
}

static void lower_logsumexp(struct pt2_lower *L)
{
    pt2_t *t = op_tensor(L, "self");
    int dims[PT2_MAX_RANK], n = op_red_dims(L, "dim", t->rank, dims);
    op_return(L, op_convert(L, op_logsumexp(L, t, n, dims, op_bool(L, "keepdim", false)), op_out_dtype(L, 0)));
}

enum { LOG = 1, SAFE = 2 };

static void lower_softmax(struct pt2_lower *L)
{
    pt2_t *t = op_tensor(L, "self");
    pt2_dtype dtype = op_out_dtype(L, 0);
    if (op_is_complex(t)) /* only with a real dtype, which drops the imaginary part first */
        t = op_convert(L, t, dtype);
    if (op_is_complex(t))
        op_fail(L, PT2_ERR_UNSUPPORTED, "complex numbers");
    op_return(L, op_softmax_as(L, t, op_dim(L, "dim", -1, t->rank), L->row->data & LOG, L->row->data & SAFE, dtype));
}

/* softmax: (g - sum(g y)) y; log_softmax: g - exp(y) sum(g). */
static void lower_softmax_backward(struct pt2_lower *L)
{
    struct pt2_exprs *E = L->E;
    struct op_red r;
    pt2_t *g = op_tensor(L, "grad_output"), *y = op_tensor(L, "output");
    pt2_dtype dtype = op_out_dtype(L, 0), acc = op_acc_dtype(dtype);
    if (g->rank != y->rank)
        op_fail(L, PT2_ERR_FORMAT, "grad_output and output differ in rank");
    int dim = op_dim(L, "dim", -1, g->rank);
    op_red_init(L, &r, g, g->rank ? 1 : 0, &dim, true);
    pt2_ex body = op_at_as(L, g, r.index, acc), at[PT2_MAX_RANK];
    if (!L->row->data)
        body = pt2_mul(E, body, op_at_as(L, y, r.index, acc));
    pt2_t *sum = op_red_node(L, &r, PT2_RED_SUM, acc, body);
    pt2_ex *v = op_vars(L, g->rank, g->shape);
    for (int k = 0; k < g->rank; k++)
        at[k] = k == dim ? pt2_idx(E, 0) : v[k];
    pt2_ex s = op_at(L, sum, at), gx = op_at_as(L, g, v, acc), yx = op_at_as(L, y, v, acc);
    pt2_ex out = L->row->data ? pt2_sub(E, gx, pt2_mul(E, pt2_un(E, PT2_E_EXP, yx), s))
                              : pt2_mul(E, pt2_sub(E, gx, s), yx);
    op_return(L, op_map_like(L, g, dtype, out));
}

static void lower_trace(struct pt2_lower *L)
{
    pt2_t *t = op_tensor(L, "self");
    pt2_dtype dtype = op_out_dtype(L, 0);
    if (t->rank != 2)
        op_fail(L, PT2_ERR_FORMAT, "trace of %d dimensions", t->rank);
    pt2_ex n = pt2_min(L->E, t->shape[0], t->shape[1]), i = pt2_var(L->E, 0, n), index[] = { i, i };
    op_return(L, op_sum(L, op_convert(L, op_view(L, t, 1, &n, index), dtype), 0, NULL, false));
}

/* Sums the dimensions in which `size` is 1 or absent. */
static void lower_sum_to_size(struct pt2_lower *L)
{
    pt2_t *t = op_tensor(L, "self");
    pt2_ex size[PT2_MAX_RANK];
    int rank = op_sizes(L, "size", size), dims[PT2_MAX_RANK], n = 0, lead;
    rank = rank < 0 ? 0 : rank;
    lead = t->rank - rank;
    if (lead < 0)
        op_fail(L, PT2_ERR_FORMAT, "sum_to_size to more dimensions");
    for (int d = 0; d < t->rank; d++)
        if (d < lead || (pt2_is_int(size[d - lead], 1) && !pt2_is_int(t->shape[d], 1)))
            dims[n++] = d;
    pt2_dtype dtype = op_out_dtype(L, 0); /* summed integers become int64 */
    pt2_t *r = n ? op_reduce_dims(L, PT2_RED_SUM, t, dtype, dtype, n, dims, true) : op_convert(L, t, dtype);
    for (int d = 0; d < lead; d++)
        r = op_squeeze(L, r, 0);
    op_return(L, r);
}

const struct pt2_op_row pt2_ops_reduce[] = {
    { "aten.sum", lower_sum, 0 },
    { "prims.xor_sum", lower_xor_sum, 0 },
    { "aten.mean", lower_mean, 0 },
    { "aten.nansum", lower_nansum, 0 },
    { "aten.nanmean", lower_nansum, 1 },
    { "aten.prod", lower_prod, 0 },
    { "aten.amax", lower_amax, 1 },
    { "aten.amin", lower_amax, 0 },
    { "aten.max.default", lower_amax, 1 },
    { "aten.min.default", lower_amax, 0 },
    { "aten.max.dim", lower_max_dim, 1 },
    { "aten.min.dim", lower_max_dim, 0 },
    { "aten.aminmax", lower_aminmax, 0 },
    { "aten._aminmax", lower_aminmax, 0 },
    { "aten.argmax", lower_argmax, 1 },
    { "aten.argmin", lower_argmax, 0 },
    { "aten.any", lower_any, 1 },
    { "aten._is_any_true", lower_any, 1 },
    { "aten.all", lower_any, 0 },
    { "aten._is_all_true", lower_any, 0 },
    { "aten.count_nonzero", lower_count_nonzero, 0 },
    { "aten.var", lower_var, 0 },
    { "aten.std", lower_var, STD },
    { "aten.var_mean", lower_var, WITH_MEAN },
    { "aten.std_mean", lower_var, STD | WITH_MEAN },
    { "aten.logsumexp", lower_logsumexp, 0 },
    { "aten.special_logsumexp", lower_logsumexp, 0 },
    { "aten.softmax", lower_softmax, 0 },
    { "aten.special_softmax", lower_softmax, 0 },
    { "aten._softmax", lower_softmax, 0 },
    { "aten.log_softmax", lower_softmax, LOG },
    { "aten.special_log_softmax", lower_softmax, LOG },
    { "aten._log_softmax", lower_softmax, LOG },
    { "aten._safe_softmax", lower_softmax, SAFE },
    { "aten._softmax_backward_data", lower_softmax_backward, 0 },
    { "aten._log_softmax_backward_data", lower_softmax_backward, 1 },
    { "aten.trace", lower_trace, 0 },
    { "aten.sum_to_size", lower_sum_to_size, 0 },
    { 0 },
};
