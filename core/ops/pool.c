/* SPDX-License-Identifier: MIT
 *
 * Pooling: a REDUCE over a window whose start and end depend on the output position. Strided, adaptive and fractional
 * pools differ in how those are found. Positions of maxima come from an ARGMAX over the same window. */
#include "ops/reduce.h"

#include <math.h>

/* A window per output element: along dimension d the positions start + k * step for k below `axes`, those below end. */
struct window {
    int spatial, lead; /* pooled dimensions, dimensions before them */
    pt2_ex *shape;     /* of the result; lead + spatial entries */
    pt2_ex *v;         /* its VARs */
    pt2_ex axes[PT2_MAX_RANK];
    pt2_ex start[PT2_MAX_RANK], step[PT2_MAX_RANK];
    pt2_ex end[PT2_MAX_RANK];    /* NULL: the window never ends early */
    bool before[PT2_MAX_RANK];   /* positions may be negative */
};

/* `shape`: of the pooled tensor. */
static void window_of(struct pt2_lower *L, struct window *w, pt2_t *x, int spatial, int rank, pt2_ex *shape)
{
    memset(w, 0, sizeof *w);
    if (spatial < 1 || rank != x->rank || (rank != spatial + 1 && rank != spatial + 2))
        op_fail(L, PT2_ERR_FORMAT, "pooling of %d dimensions to %d", x->rank, rank);
    w->spatial = spatial;
    w->lead = rank - spatial;
    w->shape = shape;
    w->v = op_vars(L, rank, w->shape);
    for (int d = 0; d < spatial; d++)
        w->step[d] = pt2_idx(L->E, 1);
}

static void window_init(struct pt2_lower *L, struct window *w, pt2_t *x, int spatial)
{
    window_of(L, w, x, spatial, op_out_rank(L, 0), op_out_shape(L, 0));
}

/* Index of x for the window positions k; NULL in *inside when there is nothing to check. */
static void window_index(struct pt2_lower *L, const struct window *w, const pt2_ex *k, pt2_ex *index, pt2_ex *inside)
{
    struct pt2_exprs *E = L->E;
    *inside = NULL;
    for (int d = 0; d < w->lead; d++)
        index[d] = w->v[d];
    for (int d = 0; d < w->spatial; d++) {
        pt2_ex at = pt2_add(E, w->start[d], pt2_mul(E, k[d], w->step[d])), ok = NULL;
        index[w->lead + d] = at;
        if (w->end[d])
            ok = pt2_lt(E, at, w->end[d]);
        if (w->before[d])
            ok = ok ? pt2_and(E, pt2_le(E, pt2_idx(E, 0), at), ok) : pt2_le(E, pt2_idx(E, 0), at);
        if (ok)
            *inside = *inside ? pt2_and(E, *inside, ok) : ok;
    }
}

/* Element in the window, or `other` outside of the input. */
static pt2_ex window_element(struct pt2_lower *L, const struct window *w, pt2_t *x, pt2_ex other)
{
    pt2_ex index[PT2_MAX_RANK], inside;
    window_index(L, w, op_axes(L, x->rank, w->spatial, w->axes), index, &inside);
    return inside ? op_at_or(L, x, index, inside, other) : op_at(L, x, index);
}

static pt2_t *window_reduce(struct pt2_lower *L, const struct window *w, enum pt2_reduce_op op, pt2_dtype dtype,
                            pt2_ex body)
{
    return op_reduce(L, op, dtype, w->lead + w->spatial, w->shape, w->spatial, w->axes, body);
}

/* The number that loses against every other. */
static pt2_ex lowest(struct pt2_lower *L, pt2_dtype t)
{
    t = pt2_dtype_compute(t);
    if (pt2_dtype_is_float(t))
        return pt2_num(L->E, t, -INFINITY);
    int bits = 8 * (int)pt2_dtype_size(t);
    return pt2_int(L->E, t, !pt2_dtype_is_signed(t) ? 0 : bits == 64 ? INT64_MIN : -((int64_t)1 << (bits - 1)));
}

/* Per-dimension integers: missing or empty takes `def` (of `def_list` when there is one), one number stands for all. */
static void spatial_ints(struct pt2_lower *L, const char *name, int spatial, int64_t least, int64_t def,
                         const int64_t *def_list, int64_t *out)
{
    int64_t list[PT2_MAX_RANK];
    int n = op_ints(L, name, list);
    if (n > 1 && n != spatial)
        op_fail(L, PT2_ERR_FORMAT, "%s has %d entries for %d dimensions", name, n, spatial);
    for (int d = 0; d < spatial; d++) {
        out[d] = n > 0 ? list[n == 1 ? 0 : d] : def_list ? def_list[d] : def;
        if (out[d] < least || out[d] > INT32_MAX)
            op_fail(L, PT2_ERR_FORMAT, "%s is %lld", name, (long long)out[d]);
    }
}

struct strided {
    int64_t kernel[PT2_MAX_RANK], stride[PT2_MAX_RANK], padding[PT2_MAX_RANK], dilation[PT2_MAX_RANK];
    bool ceil;
};

static void strided_args(struct pt2_lower *L, struct strided *s, int spatial)
{
    spatial_ints(L, "kernel_size", spatial, 1, 1, NULL, s->kernel);
    spatial_ints(L, "stride", spatial, 1, 1, s->kernel, s->stride);
    spatial_ints(L, "padding", spatial, 0, 0, NULL, s->padding);
    spatial_ints(L, "dilation", spatial, 1, 1, NULL, s->dilation);
    s->ceil = op_bool(L, "ceil_mode", false);
}

static void strided_window(struct pt2_lower *L, struct window *w, const struct strided *s, pt2_t *x)
{
    for (int d = 0; d < w->spatial; d++) {
        pt2_ex o = pt2_muli(L->E, w->v[w->lead + d], s->stride[d]);
        w->axes[d] = pt2_idx(L->E, s->kernel[d]);
        w->start[d] = pt2_addi(L->E, o, -s->padding[d]);
        w->step[d] = pt2_idx(L->E, s->dilation[d]);
        w->before[d] = s->padding[d] > 0;
        w->end[d] = s->padding[d] > 0 || s->ceil ? x->shape[w->lead + d] : NULL;
    }
}

/* ---- maxima ---- */

/* Position of the maximum in the input's pooled dimensions, row-major. */
static pt2_t *window_argmax(struct pt2_lower *L, const struct window *w, pt2_t *x)
{
    struct pt2_exprs *E = L->E;
    int rank = w->lead + w->spatial;
    pt2_t *arg = window_reduce(L, w, PT2_RED_ARGMAX, PT2_I64, window_element(L, w, x, lowest(L, x->dtype)));
    pt2_ex k[PT2_MAX_RANK], index[PT2_MAX_RANK], inside;
    pt2_ex linear = op_index(L, op_at(L, arg, w->v), pt2_product(E, w->spatial, w->axes));
    pt2_delinearize(E, w->spatial, w->axes, linear, k);
    window_index(L, w, k, index, &inside);
    pt2_ex flat = pt2_linearize(E, w->spatial, x->shape + w->lead, index + w->lead);
    return op_map(L, PT2_I64, rank, w->shape, pt2_cast(E, PT2_I64, flat));
}

/* Window starts moved into the input, as PyTorch does: position 0 is then always a candidate, also for rows of -inf. */
static void move_inside(struct pt2_lower *L, struct window *w, const struct strided *s)
{
    struct pt2_exprs *E = L->E;
    for (int d = 0; d < w->spatial; d++) {
        if (!w->before[d])
            continue;
        pt2_ex start = w->start[d], missing = pt2_max(E, pt2_sub(E, pt2_idx(E, 0), start), pt2_idx(E, 0));
        pt2_ex skip = pt2_floordiv(E, pt2_addi(E, missing, s->dilation[d] - 1), w->step[d]);
        pt2_ex last = pt2_addi(E, start, (s->kernel[d] - 1) * s->dilation[d] + 1);
        w->start[d] = pt2_add(E, start, pt2_mul(E, skip, w->step[d]));
        w->end[d] = pt2_min(E, w->end[d], last);
        w->before[d] = false;
    }
}

enum { WITH_INDICES = 16 }; /* data: number of pooled dimensions, and this flag */

static void lower_max_pool(struct pt2_lower *L)
{
    struct window w;
    struct strided s;
    pt2_t *x = op_tensor(L, "self");
    int spatial = (int)(L->row->data & 15);
    strided_args(L, &s, spatial);
    window_init(L, &w, x, spatial);
    strided_window(L, &w, &s, x);
    op_result(L, 0, window_reduce(L, &w, PT2_RED_MAX, x->dtype, window_element(L, &w, x, lowest(L, x->dtype))));
    if (L->row->data & WITH_INDICES) {
        move_inside(L, &w, &s);
        op_result(L, 1, window_argmax(L, &w, x));
    }
}

/* ---- averages ---- */

/* What a strided average divides by: the window's size within the padded input, or within the input. */
static pt2_ex strided_divisor(struct pt2_lower *L, const struct window *w, const struct strided *s, pt2_t *x,
                              bool padded)
{
    struct pt2_exprs *E = L->E;
    pt2_ex n = pt2_idx(E, 1);
    for (int d = 0; d < w->spatial; d++) {
        pt2_ex size = x->shape[w->lead + d], start = w->start[d], end = pt2_addi(E, start, s->kernel[d]);
        if (!w->end[d]) {
            n = pt2_muli(E, n, s->kernel[d]);
            continue;
        }
        end = pt2_min(E, end, padded ? pt2_addi(E, size, s->padding[d]) : size);
        if (!padded)
            start = pt2_max(E, start, pt2_idx(E, 0));
        n = pt2_mul(E, n, pt2_sub(E, end, start));
    }
    return n;
}

/* sum / divisor, integers truncating, rounded once. */
static pt2_t *window_mean(struct pt2_lower *L, const struct window *w, pt2_t *x, pt2_ex divisor, pt2_dtype dtype)
{
    pt2_dtype acc = op_acc_dtype(dtype);
    x = op_convert(L, x, dtype);
    pt2_t *sum = window_reduce(L, w, PT2_RED_SUM, acc, window_element(L, w, x, pt2_int(L->E, acc, 0)));
    bool real = pt2_dtype_is_float(dtype);
    pt2_ex n = real ? op_num_of_size(L, divisor, acc) : pt2_cast(L->E, acc, divisor);
    pt2_ex mean = pt2_bin(L->E, real ? PT2_E_DIV : PT2_E_TRUNCDIV, op_at(L, sum, w->v), n);
    return op_map(L, dtype, w->lead + w->spatial, w->shape, mean);
}

/* The windows of a strided average, and what each divides by. */
static pt2_ex strided_mean(struct pt2_lower *L, struct window *w, pt2_t *x)
{
    struct strided s;
    strided_args(L, &s, w->spatial);
    strided_window(L, w, &s, x);
    int64_t override = op_has(L, "divisor_override") ? op_int(L, "divisor_override", 1) : 0;
    if (op_has(L, "divisor_override") && override == 0)
        op_fail(L, PT2_ERR_FORMAT, "divisor_override is 0");
    return override ? pt2_idx(L->E, override)
                    : strided_divisor(L, w, &s, x, op_bool(L, "count_include_pad", true));
}

static void lower_avg_pool(struct pt2_lower *L)
{
    struct window w;
    pt2_t *x = op_tensor(L, "self");
    window_init(L, &w, x, (int)L->row->data);
    pt2_ex n = strided_mean(L, &w, x);
    op_return(L, window_mean(L, &w, x, n, op_out_dtype(L, 0)));
}

/* ---- adaptive ---- */

/* Window o of O over I elements: from floor(o I / O) to ceil((o + 1) I / O). False when the result is empty. */
static bool adaptive_window(struct pt2_lower *L, struct window *w, pt2_t *x, pt2_ex *count)
{
    struct pt2_exprs *E = L->E;
    *count = pt2_idx(E, 1);
    for (int d = 0; d < w->spatial; d++) {
        pt2_ex in = x->shape[w->lead + d], out = w->shape[w->lead + d], o = w->v[w->lead + d], one = pt2_idx(E, 1);
        if (pt2_is_int(out, 0))
            return false;
        if (pt2_prove_divides(E, out, in)) {
            w->axes[d] = pt2_floordiv(E, in, out);
            w->start[d] = pt2_mul(E, o, w->axes[d]);
            *count = pt2_mul(E, *count, w->axes[d]);
            continue;
        }
        w->start[d] = pt2_floordiv(E, pt2_mul(E, o, in), out);
        pt2_ex end = pt2_mul(E, pt2_add(E, o, one), in);
        w->end[d] = pt2_floordiv(E, pt2_add(E, end, pt2_addi(E, out, -1)), out);
        w->axes[d] = pt2_addi(E, pt2_floordiv(E, pt2_add(E, in, pt2_addi(E, out, -2)), out), 1);
        *count = pt2_mul(E, *count, pt2_sub(E, w->end[d], w->start[d]));
    }
    return true;
}

static void return_empty(struct pt2_lower *L, int k)
{
    pt2_dtype t = op_out_dtype(L, k);
    op_result(L, k, op_full(L, t, op_out_rank(L, k), op_out_shape(L, k), pt2_int(L->E, pt2_dtype_compute(t), 0)));
}

static void lower_adaptive_avg_pool(struct pt2_lower *L)
{
    struct window w;
    pt2_ex count;
    pt2_t *x = op_tensor(L, "self");
    window_init(L, &w, x, (int)L->row->data);
    if (adaptive_window(L, &w, x, &count))
        op_return(L, window_mean(L, &w, x, count, op_out_dtype(L, 0)));
    else
        return_empty(L, 0);
}

static void max_and_indices(struct pt2_lower *L, const struct window *w, pt2_t *x)
{
    op_result(L, 0, window_reduce(L, w, PT2_RED_MAX, x->dtype, window_element(L, w, x, lowest(L, x->dtype))));
    op_result(L, 1, window_argmax(L, w, x));
}

static void lower_adaptive_max_pool(struct pt2_lower *L)
{
    struct window w;
    pt2_ex count;
    pt2_t *x = op_tensor(L, "self");
    window_init(L, &w, x, (int)L->row->data);
    if (adaptive_window(L, &w, x, &count)) {
        max_and_indices(L, &w, x);
    } else {
        return_empty(L, 0);
        return_empty(L, 1);
    }
}

/* ---- fractional ---- */

/* int((o + u) * alpha) - int(u * alpha) with alpha = (in - kernel) / (out - 1); the last window ends at the input's
 * end. */
static pt2_ex fractional_start(struct pt2_lower *L, pt2_ex u, pt2_dtype t, pt2_ex o, pt2_ex in, pt2_ex out,
                               int64_t kernel)
{
    struct pt2_exprs *E = L->E;
    pt2_ex room = pt2_addi(E, in, -kernel);
    if (pt2_is_int(out, 1))
        return room;
    pt2_ex alpha = pt2_bin(E, PT2_E_DIV, op_num_of_size(L, room, t), op_num_of_size(L, pt2_addi(E, out, -1), t));
    alpha = op_to(L, alpha, t);
    pt2_ex to = op_to(L, pt2_mul(E, op_to(L, pt2_add(E, op_num_of_size(L, o, t), u), t), alpha), t);
    pt2_ex from = op_to(L, pt2_mul(E, u, alpha), t);
    pt2_ex at = pt2_sub(E, pt2_cast(E, PT2_IDX, to), pt2_cast(E, PT2_IDX, from));
    return pt2_select(E, pt2_eq(E, o, pt2_addi(E, out, -1)), room, at);
}

static void lower_fractional_max_pool(struct pt2_lower *L)
{
    struct window w;
    pt2_t *x = op_tensor(L, "self"), *samples = op_tensor(L, "random_samples");
    int spatial = (int)L->row->data;
    int64_t kernel[PT2_MAX_RANK];
    spatial_ints(L, "kernel_size", spatial, 1, 1, NULL, kernel);
    window_init(L, &w, x, spatial);
    if (samples->rank != 3)
        op_fail(L, PT2_ERR_FORMAT, "random_samples has %d dimensions", samples->rank);
    for (int d = 0; d < spatial; d++) {
        /* the 2-d form takes its samples in the order width, height */
        pt2_ex which = pt2_idx(L->E, spatial == 2 ? 1 - d : d);
        pt2_ex at[] = { w.lead == 2 ? w.v[0] : pt2_idx(L->E, 0), w.v[w.lead - 1], which };
        pt2_ex u = op_at_as(L, samples, at, x->dtype);
        w.axes[d] = pt2_idx(L->E, kernel[d]);
        w.start[d] = fractional_start(L, u, x->dtype, w.v[w.lead + d], x->shape[w.lead + d], w.shape[w.lead + d],
                                      kernel[d]);
    }
    max_and_indices(L, &w, x);
}

/* ---- unpooling ---- */

/* x written (SET) or added (SUM) at flat positions of the pooled dimensions of a result that is 0 elsewhere. */
static pt2_t *scatter_plane(struct pt2_lower *L, enum pt2_reduce_op op, pt2_t *x, pt2_t *indices, int spatial,
                            pt2_dtype dtype)
{
    struct pt2_exprs *E = L->E;
    int rank = op_out_rank(L, 0), lead = rank - spatial;
    pt2_ex *shape = op_out_shape(L, 0), flat[PT2_MAX_RANK], at[PT2_MAX_RANK];
    if (lead < 0 || x->rank != rank || indices->rank != rank)
        op_fail(L, PT2_ERR_FORMAT, "unpooling of %d dimensions to %d", x->rank, rank);
    memcpy(flat, shape, sizeof(pt2_ex) * (size_t)lead);
    flat[lead] = pt2_product(E, spatial, shape + lead);
    pt2_ex *v = op_vars(L, rank, x->shape);
    memcpy(at, v, sizeof(pt2_ex) * (size_t)lead);
    at[lead] = op_index(L, op_at(L, indices, v), flat[lead]);
    pt2_t *zero = op_full(L, dtype, lead + 1, flat, pt2_int(E, pt2_dtype_compute(dtype), 0));
    pt2_t *r = op_scatter(L, op, zero, rank, x->shape, at, op_at_as(L, x, v, dtype), NULL);
    return op_reshape(L, r, rank, shape);
}

static void lower_max_unpool(struct pt2_lower *L)
{
    int spatial = (int)L->row->data, lead = op_out_rank(L, 0) - spatial;
    pt2_t *r = scatter_plane(L, PT2_RED_SET, op_tensor(L, "self"), op_tensor(L, "indices"), spatial,
                             op_out_dtype(L, 0));
    op_check_indices(L, op_tensor(L, "indices"),
                     op_from_zero(L, pt2_product(L->E, spatial, op_out_shape(L, 0) + lead)));
    op_return(L, r);
}

static void lower_max_pool_backward(struct pt2_lower *L)
{
    pt2_dtype dtype = op_out_dtype(L, 0);
    pt2_t *r = scatter_plane(L, PT2_RED_SUM, op_tensor(L, "grad_output"), op_tensor(L, "indices"), (int)L->row->data,
                             op_acc_dtype(dtype));
    op_return(L, op_convert(L, r, dtype));
}

/* Each element of a window gets its share of the window's gradient. */
static pt2_t *spread_mean(struct pt2_lower *L, const struct window *w, pt2_t *x, pt2_t *g, pt2_ex divisor)
{
    struct pt2_exprs *E = L->E;
    pt2_dtype dtype = op_out_dtype(L, 0), acc = op_acc_dtype(dtype);
    int rank = w->lead + w->spatial;
    pt2_ex axes[PT2_MAX_RANK], index[PT2_MAX_RANK], inside;
    if (rank + w->spatial > PT2_MAX_RANK)
        op_fail(L, PT2_ERR_UNSUPPORTED, "pooling of %d dimensions", rank);
    memcpy(axes, w->shape, sizeof(pt2_ex) * (size_t)rank);
    memcpy(axes + rank, w->axes, sizeof(pt2_ex) * (size_t)w->spatial);
    window_index(L, w, op_axes(L, rank, w->spatial, w->axes), index, &inside);
    pt2_ex share = pt2_bin(E, PT2_E_DIV, op_at_as(L, g, w->v, acc), op_num_of_size(L, divisor, acc));
    pt2_t *zero = op_full(L, acc, x->rank, x->shape, pt2_int(E, acc, 0));
    pt2_t *r = op_scatter(L, PT2_RED_SUM, zero, rank + w->spatial, axes, index, share, inside);
    return op_convert(L, r, dtype);
}

enum { ADAPTIVE = 16 };

/* data: number of pooled dimensions, and ADAPTIVE */
static void lower_avg_pool_backward(struct pt2_lower *L)
{
    struct window w;
    pt2_t *g = op_tensor(L, "grad_output"), *x = op_tensor(L, "self");
    pt2_ex n = NULL;
    window_of(L, &w, x, (int)(L->row->data & 15), g->rank, g->shape);
    if (!(L->row->data & ADAPTIVE))
        n = strided_mean(L, &w, x);
    else if (!adaptive_window(L, &w, x, &n))
        n = pt2_idx(L->E, 1); /* no windows */
    op_return(L, spread_mean(L, &w, x, g, n));
}

const struct pt2_op_row pt2_ops_pool[] = {
    { "aten.max_pool1d", lower_max_pool, 1 },
    { "aten.max_pool2d", lower_max_pool, 2 },
    { "aten.max_pool3d", lower_max_pool, 3 },
    { "aten.max_pool1d_with_indices", lower_max_pool, 1 | WITH_INDICES },
    { "aten.max_pool2d_with_indices", lower_max_pool, 2 | WITH_INDICES },
    { "aten.max_pool3d_with_indices", lower_max_pool, 3 | WITH_INDICES },
    { "aten.avg_pool1d", lower_avg_pool, 1 },
    { "aten.avg_pool2d", lower_avg_pool, 2 },
    { "aten.avg_pool3d", lower_avg_pool, 3 },
    { "aten.adaptive_avg_pool1d", lower_adaptive_avg_pool, 1 },
    { "aten.adaptive_avg_pool2d", lower_adaptive_avg_pool, 2 },
    { "aten.adaptive_avg_pool3d", lower_adaptive_avg_pool, 3 },
    { "aten._adaptive_avg_pool2d", lower_adaptive_avg_pool, 2 },
    { "aten._adaptive_avg_pool3d", lower_adaptive_avg_pool, 3 },
    { "aten.adaptive_max_pool1d", lower_adaptive_max_pool, 1 },
    { "aten.adaptive_max_pool2d", lower_adaptive_max_pool, 2 },
    { "aten.adaptive_max_pool3d", lower_adaptive_max_pool, 3 },
    { "aten.fractional_max_pool2d", lower_fractional_max_pool, 2 },
    { "aten.fractional_max_pool3d", lower_fractional_max_pool, 3 },
    { "aten.max_unpool2d", lower_max_unpool, 2 },
    { "aten.max_unpool3d", lower_max_unpool, 3 },
    { "aten.max_pool2d_with_indices_backward", lower_max_pool_backward, 2 },
    { "aten.max_pool3d_with_indices_backward", lower_max_pool_backward, 3 },
    { "aten.adaptive_max_pool2d_backward", lower_max_pool_backward, 2 },
    { "aten.adaptive_max_pool3d_backward", lower_max_pool_backward, 3 },
    { "aten.fractional_max_pool2d_backward", lower_max_pool_backward, 2 },
    { "aten.fractional_max_pool3d_backward", lower_max_pool_backward, 3 },
    { "aten.avg_pool2d_backward", lower_avg_pool_backward, 2 },
    { "aten.avg_pool3d_backward", lower_avg_pool_backward, 3 },
    { "aten._adaptive_avg_pool2d_backward", lower_avg_pool_backward, 2 | ADAPTIVE },
    { "aten._adaptive_avg_pool3d_backward", lower_avg_pool_backward, 3 | ADAPTIVE },
    { "aten.adaptive_avg_pool3d_backward", lower_avg_pool_backward, 3 | ADAPTIVE },
    { 0 },
};
