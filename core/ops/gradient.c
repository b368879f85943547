/* SPDX-License-Identifier: MIT
 *
 * Gradients of normalisations, embeddings and views. Where a view or a lookup reads an element several times, what its
 * readers get is added. Those of elementwise functions are in backward.c, those of convolutions, pools, paddings,
 * resampling, distances, segments, margins and weight norms beside the functions themselves. */
#include "ops/data.h"
#include "ops/reduce.h"

/* ---- normalisation ---- */

/* y = (x - mean) * rstd * weight, all of x's rank; mean and rstd have size 1 in `dims`, over which they were taken.
 * mean NULL: it was not subtracted. fixed: they are running statistics, which do not depend on x. */
struct norm {
    pt2_t *g, *x, *mean, *rstd, *weight; /* in the accumulation type; weight may be NULL */
    int n, dims[PT2_MAX_RANK];
    bool fixed;
};

static pt2_t *widened(struct pt2_lower *L, pt2_t *t)
{
    return t ? op_convert(L, t, op_acc_dtype(t->dtype)) : NULL;
}

static void norm_init(struct pt2_lower *L, struct norm *m)
{
    m->g = widened(L, op_tensor(L, "grad_out"));
    m->x = widened(L, op_tensor(L, "input"));
    m->weight = widened(L, op_tensor_opt(L, "weight"));
    if (op_is_complex(m->x))
        op_fail(L, PT2_ERR_UNSUPPORTED, "complex numbers");
    if (m->g->rank != m->x->rank)
        op_fail(L, PT2_ERR_FORMAT, "a gradient of %d dimensions for %d", m->g->rank, m->x->rank);
}

/* (x - mean) * rstd */
static pt2_t *normalised(struct pt2_lower *L, const struct norm *m)
{
    return op_mul(L, m->mean ? op_sub(L, m->x, m->mean) : m->x, m->rstd);
}

/* rstd * (h - mean(h) - y * mean(h * y)) with h = g * weight and y the normalised x. */
static pt2_t *norm_input(struct pt2_lower *L, const struct norm *m)
{
    pt2_t *h = m->weight ? op_mul(L, m->g, m->weight) : m->g, *y = normalised(L, m);
    if (m->fixed)
        return op_mul(L, h, m->rstd);
    pt2_t *along = op_mul(L, y, op_mean(L, op_mul(L, h, y), m->n, m->dims, true));
    if (m->mean)
        along = op_add(L, along, op_mean(L, h, m->n, m->dims, true));
    return op_mul(L, op_sub(L, h, along), m->rstd);
}

/* Result k: t summed over the dimensions that the parameter does not have, as the file describes it. */
static void norm_param(struct pt2_lower *L, int k, pt2_t *t, int n, const int *dims)
{
    if (!op_out_used(L, k))
        return;
    t = op_convert(L, n ? op_sum(L, t, n, dims, false) : t, op_out_dtype(L, k));
    op_result(L, k, op_reshape(L, t, op_out_rank(L, k), op_out_shape(L, k)));
}

/* Results: of the input, the weight and, where there is one, the bias. */
static void norm_results(struct pt2_lower *L, const struct norm *m, bool bias, int n, const int *others)
{
    if (op_out_used(L, 0)) {
        pt2_t *t = op_convert(L, norm_input(L, m), op_out_dtype(L, 0));
        op_result(L, 0, op_reshape(L, t, op_out_rank(L, 0), op_out_shape(L, 0)));
    }
    norm_param(L, 1, op_mul(L, m->g, normalised(L, m)), n, others);
    if (bias)
        norm_param(L, 2, m->g, n, others);
}

/* data: layer_norm (1) or rms_norm (0), which subtracts no mean and has no bias. */
static void lower_layer_norm(struct pt2_lower *L)
{
    struct norm m = { 0 };
    pt2_ex shape[PT2_MAX_RANK];
    int others[PT2_MAX_RANK];
    norm_init(L, &m);
    m.n = op_sizes(L, "normalized_shape", shape);
    int lead = m.x->rank - m.n;
    if (m.n < 1 || lead < 0)
        op_fail(L, PT2_ERR_FORMAT, "normalised over %d of %d dimensions", m.n, m.x->rank);
    for (int k = 0; k < m.x->rank; k++)
        *(k < lead ? &others[k] : &m.dims[k - lead]) = k;
    m.mean = L->row->data ? widened(L, op_tensor(L, "mean")) : NULL;
    m.rstd = widened(L, op_tensor(L, "rstd"));
    norm_results(L, &m, L->row->data, lead, others);
}

/* t with one size per `shape` entry; the sizes have the same product. */
static pt2_t *seen_as(struct pt2_lower *L, pt2_t *t, int rank, const pt2_ex *shape)
{
    return t ? op_reshape(L, t, rank, shape) : NULL;
}

/* [N, C, …] is seen as [N, groups, C / groups, rest]. */
static void lower_group_norm(struct pt2_lower *L)
{
    struct pt2_exprs *E = L->E;
    struct norm m = { .n = 2, .dims = { 2, 3 } };
    norm_init(L, &m);
    int64_t groups = op_int(L, "group", 1);
    pt2_ex one = pt2_idx(E, 1), n = op_size(L, "N", 0), c = op_size(L, "C", 0);
    if (groups < 1)
        op_fail(L, PT2_ERR_FORMAT, "%lld groups", (long long)groups);
    pt2_ex g = pt2_idx(E, groups), per = pt2_floordiv(E, c, g);
    pt2_ex full[] = { n, g, per, op_size(L, "HxW", 0) }, stat[] = { n, g, one, one }, param[] = { one, g, per, one };
    m.g = seen_as(L, m.g, 4, full);
    m.x = seen_as(L, m.x, 4, full);
    m.weight = seen_as(L, m.weight, 4, param);
    m.mean = seen_as(L, widened(L, op_tensor(L, "mean")), 4, stat);
    m.rstd = seen_as(L, widened(L, op_tensor(L, "rstd")), 4, stat);
    norm_results(L, &m, true, 2, (const int[]){ 0, 3 });
}

/* Statistics by channel: those of the batch, which the forward pass has saved, or the running ones. */
static void lower_batch_norm(struct pt2_lower *L)
{
    struct norm m = { .fixed = !op_bool(L, L->row->data ? "update" : "train", false) };
    norm_init(L, &m);
    pt2_ex shape[PT2_MAX_RANK];
    if (m.x->rank < 2)
        op_fail(L, PT2_ERR_FORMAT, "an input of %d dimensions", m.x->rank);
    for (int k = 0; k < m.x->rank; k++) {
        shape[k] = k == 1 ? m.x->shape[1] : pt2_idx(L->E, 1);
        if (k != 1)
            m.dims[m.n++] = k;
    }
    m.weight = seen_as(L, m.weight, m.x->rank, shape);
    m.mean = widened(L, op_tensor(L, m.fixed ? "running_mean" : "save_mean"));
    m.rstd = widened(L, op_tensor(L, m.fixed ? "running_var" : L->row->data ? "save_var" : "save_invstd"));
    if (m.fixed) {
        pt2_ex *v = op_vars(L, m.rstd->rank, m.rstd->shape), var = op_at(L, m.rstd, v);
        pt2_ex eps = pt2_num(L->E, var->dtype, op_float(L, "eps", 1e-5));
        m.rstd = op_map_like(L, m.rstd, m.rstd->dtype, pt2_un(L->E, PT2_E_RSQRT, pt2_add(L->E, var, eps)));
    }
    m.mean = seen_as(L, m.mean, m.x->rank, shape);
    m.rstd = seen_as(L, m.rstd, m.x->rank, shape);
    norm_results(L, &m, true, m.n, m.dims);
}

/* ---- views and lookups ---- */

static pt2_t *zeros(struct pt2_lower *L, pt2_dtype dtype)
{
    return op_map_elem(L, dtype, op_out_rank(L, 0), op_out_shape(L, 0), op_number(L, dtype, 0));
}

/* A result of zeros with `part` of it, a view, written. */
static void return_written(struct pt2_lower *L, pt2_t *whole, pt2_t *part)
{
    op_write(L, part, op_tensor(L, "grad_output"));
    op_return(L, op_clone(L, whole));
}

static void lower_select(struct pt2_lower *L)
{
    struct pt2_exprs *E = L->E;
    pt2_t *whole = zeros(L, op_out_dtype(L, 0));
    int dim = op_dim(L, "dim", 0, whole->rank);
    if (whole->rank == 0)
        op_fail(L, PT2_ERR_FORMAT, "select of a tensor without dimensions");
    pt2_ex i = op_size(L, "index", 0), below = pt2_lt(E, i, pt2_idx(E, 0));
    i = pt2_select(E, below, pt2_add(E, i, whole->shape[dim]), i);
    return_written(L, whole, op_select(L, whole, dim, i));
}

static void lower_slice(struct pt2_lower *L)
{
    struct pt2_exprs *E = L->E;
    pt2_t *whole = zeros(L, op_out_dtype(L, 0)), *g = op_tensor(L, "grad_output");
    int dim = op_dim(L, "dim", 0, whole->rank);
    if (whole->rank == 0 || g->rank != whole->rank)
        op_fail(L, PT2_ERR_FORMAT, "gradient of %d dimensions for %d", g->rank, whole->rank);
    pt2_ex start = op_size(L, "start", 0), zero = pt2_idx(E, 0), size = whole->shape[dim];
    start = pt2_select(E, pt2_lt(E, start, zero), pt2_add(E, start, size), start);
    start = pt2_min(E, pt2_max(E, start, zero), size);
    return_written(L, whole, op_slice(L, whole, dim, start, g->shape[dim], op_size(L, "step", 1)));
}

/* The diagonal is the last dimension of the gradient. */
static void lower_diagonal(struct pt2_lower *L)
{
    pt2_t *whole = zeros(L, op_out_dtype(L, 0)), *g = op_tensor(L, "grad_output");
    int a = op_dim(L, "dim1", 0, whole->rank), b = op_dim(L, "dim2", 1, whole->rank), n = 0;
    int64_t offset = op_int(L, "offset", 0);
    if (a == b || g->rank != whole->rank - 1)
        op_fail(L, PT2_ERR_FORMAT, "gradient of %d dimensions for %d", g->rank, whole->rank);
    pt2_ex *v = op_vars(L, g->rank, g->shape), at[PT2_MAX_RANK], i = v[g->rank - 1];
    for (int d = 0; d < whole->rank; d++)
        at[d] = d == a ? pt2_addi(L->E, i, offset < 0 ? -offset : 0)
              : d == b ? pt2_addi(L->E, i, offset > 0 ? offset : 0) : v[n++];
    return_written(L, whole, op_view(L, whole, g->rank, g->shape, at));
}

/* Windows overlap: position start * step + k gets what element k of each window got. */
static void lower_unfold(struct pt2_lower *L)
{
    pt2_t *g = op_tensor(L, "grad_in");
    pt2_dtype dtype = op_out_dtype(L, 0), acc = op_acc_dtype(dtype);
    pt2_t *base = zeros(L, acc);
    int dim = op_dim(L, "dim", 0, base->rank);
    if (base->rank == 0 || g->rank != base->rank + 1)
        op_fail(L, PT2_ERR_FORMAT, "gradient of %d dimensions for %d", g->rank, base->rank);
    pt2_ex *v = op_vars(L, g->rank, g->shape), at[PT2_MAX_RANK];
    memcpy(at, v, sizeof(pt2_ex) * (size_t)base->rank);
    at[dim] = pt2_add(L->E, pt2_mul(L->E, v[dim], op_size(L, "step", 1)), v[base->rank]);
    pt2_t *r = op_put(L, PT2_RED_SUM, base, g->rank, g->shape, at, op_elem(L, g, v), NULL);
    op_return(L, op_convert(L, r, dtype));
}

/* ---- selections: what was read at `index` of each element of the gradient is where the gradient is added ---- */

/* index: over VARs of g's elements. */
static pt2_t *added(struct pt2_lower *L, pt2_t *g, const pt2_ex *index)
{
    pt2_dtype dtype = op_out_dtype(L, 0), acc = op_acc_dtype(dtype);
    pt2_ex *v = op_vars(L, g->rank, g->shape);
    pt2_t *r = op_put(L, PT2_RED_SUM, zeros(L, acc), g->rank, g->shape, index, op_elem(L, g, v), NULL);
    return op_convert(L, r, dtype);
}

/* gather, and reductions, sorts and scans that tell the positions of what they selected. KEPT: the gradient has the
 * result's rank; else a reduction may have removed the dimension. */
enum { KEPT = 1 };

static void lower_selected(struct pt2_lower *L)
{
    pt2_t *g = op_tensor(L, "grad"), *i = op_tensor(L, op_has(L, "indices") ? "indices" : "index");
    int rank = op_out_rank(L, 0), dim = op_dim(L, "dim", 0, rank);
    pt2_ex index[PT2_MAX_RANK];
    if (!(L->row->data & KEPT) && rank && !op_bool(L, "keepdim", false)) {
        g = op_unsqueeze(L, g, dim);
        i = op_unsqueeze(L, i, dim);
    }
    if (g->rank != rank || i->rank != rank)
        op_fail(L, PT2_ERR_FORMAT, "gradient of %d dimensions for %d", g->rank, rank);
    pt2_ex *v = op_vars(L, rank, i->shape);
    memcpy(index, v, sizeof(pt2_ex) * (size_t)rank);
    if (rank) {
        op_check_indices(L, i, op_from_zero(L, op_out_shape(L, 0)[dim]));
        index[dim] = op_index_at(L, i, v, op_out_shape(L, 0)[dim]);
    }
    op_return(L, added(L, g, index));
}

static void lower_index_select(struct pt2_lower *L)
{
    pt2_t *g = op_tensor(L, "grad"), *i = op_vec(L, op_tensor(L, "index"));
    int rank = op_out_rank(L, 0), dim = op_dim(L, "dim", 0, rank);
    pt2_ex *v = op_vars(L, g->rank, g->shape), index[PT2_MAX_RANK];
    if (g->rank != rank)
        op_fail(L, PT2_ERR_FORMAT, "gradient of %d dimensions for %d", g->rank, rank);
    memcpy(index, v, sizeof(pt2_ex) * (size_t)rank);
    if (rank) {
        op_check_indices(L, i, op_from_zero(L, op_out_shape(L, 0)[dim]));
        index[dim] = op_index_at(L, i, &v[dim], op_out_shape(L, 0)[dim]);
    }
    op_return(L, added(L, g, index));
}

static void lower_trace(struct pt2_lower *L)
{
    pt2_t *g = op_tensor(L, "grad");
    pt2_dtype dtype = op_out_dtype(L, 0);
    if (op_out_rank(L, 0) != 2 || g->rank != 0)
        op_fail(L, PT2_ERR_FORMAT, "trace of %d dimensions", op_out_rank(L, 0));
    pt2_ex *shape = op_out_shape(L, 0), *v = op_vars(L, 2, shape);
    pt2_t *all = op_expand(L, g, 2, shape);
    op_return(L, op_pick(L, all, 2, shape, v, pt2_eq(L->E, v[0], v[1]), op_number(L, dtype, 0)));
}

/* How often each row is looked up, as floats. */
static pt2_t *lookups(struct pt2_lower *L, pt2_t *indices, pt2_ex rows, pt2_dtype acc)
{
    pt2_ex *v = op_vars(L, 1, indices->shape), at = op_index_at(L, indices, v, rows);
    pt2_t *zero = op_full(L, acc, 1, &rows, pt2_num(L->E, acc, 0));
    return op_scatter(L, PT2_RED_SUM, zero, 1, indices->shape, &at, pt2_num(L->E, acc, 1), NULL);
}

static void lower_embedding(struct pt2_lower *L)
{
    struct pt2_exprs *E = L->E;
    pt2_t *g = op_tensor(L, op_has(L, "grad") ? "grad" : "grad_output"), *indices = op_flat(L, op_tensor(L, "indices"));
    pt2_dtype dtype = op_out_dtype(L, 0), acc = op_acc_dtype(dtype);
    pt2_t *base = zeros(L, acc);
    if (base->rank != 2 || g->rank < 1 || op_bool(L, "sparse", false))
        op_fail(L, base->rank == 2 ? PT2_ERR_UNSUPPORTED : PT2_ERR_FORMAT, "a sparse gradient, or none of a table");
    pt2_ex rows = base->shape[0], axes[] = { indices->shape[0], base->shape[1] }, *v = op_vars(L, 2, axes);
    g = op_reshape(L, g, 2, axes);
    pt2_ex id = op_int_at(L, indices, v), padding = pt2_cast(E, PT2_I64, op_size(L, "padding_idx", -1));
    pt2_ex at[] = { op_index_at(L, indices, v, rows), v[1] }, counts = pt2_not(E, pt2_eq(E, id, padding));
    counts = pt2_and(E, counts, op_inside(L, id, op_from_zero(L, rows))); /* PyTorch passes over others */
    pt2_t *r = op_scatter(L, PT2_RED_SUM, base, 2, axes, at, op_at_as(L, g, v, acc), counts);
    if (op_bool(L, "scale_grad_by_freq", false)) {
        pt2_ex *o = op_vars(L, 2, r->shape), n = op_at(L, lookups(L, indices, rows, acc), o);
        n = pt2_max(E, n, pt2_num(E, acc, 1));
        r = op_map_like(L, r, acc, pt2_bin(E, PT2_E_DIV, op_at(L, r, o), n));
    }
    op_return(L, op_convert(L, r, dtype));
}

/* ---- bags of embeddings ---- */

enum { BAG_SUM, BAG_MEAN, BAG_MAX };

/* The bag of index i, as offset2bag has it. Sums whose forward pass did without it leave it empty: then as many offsets
 * as are not behind i, less one. */
static pt2_t *bag_of(struct pt2_lower *L, pt2_t *indices)
{
    struct pt2_exprs *E = L->E;
    pt2_t *bag = op_tensor(L, "offset2bag"), *offsets = op_tensor_opt(L, "offsets");
    pt2_ex n = indices->shape[0];
    if (indices->rank != 1 || bag->rank != 1 || (offsets && offsets->rank != 1))
        op_fail(L, PT2_ERR_FORMAT, "indices of %d dimensions, bags of %d", indices->rank, bag->rank);
    if (!pt2_is_int(bag->shape[0], 0) || !offsets)
        return bag;
    pt2_ex i = pt2_cast(E, PT2_I64, pt2_var(E, 0, n)), o = pt2_var(E, 1, offsets->shape[0]);
    pt2_ex starts = pt2_cast(E, PT2_I64, pt2_le(E, op_int_at(L, offsets, &o), i));
    pt2_t *upto = op_reduce(L, PT2_RED_SUM, PT2_I64, 1, &n, 1, offsets->shape, starts);
    pt2_ex v = pt2_var(E, 0, n);
    return op_map(L, PT2_I64, 1, &n, pt2_sub(E, op_at(L, upto, &v), pt2_int(E, PT2_I64, 1)));
}

static pt2_ex not_padding(struct pt2_lower *L, pt2_ex id)
{
    return pt2_not(L->E, pt2_eq(L->E, id, pt2_cast(L->E, PT2_I64, op_size(L, "padding_idx", -1))));
}

/* The row that gave a bag's maximum gets the gradient. */
static pt2_t *bag_maxima(struct pt2_lower *L, pt2_t *g, pt2_t *base)
{
    struct pt2_exprs *E = L->E;
    pt2_t *from = op_tensor(L, "maximum_indices"), *size = op_tensor(L, "bag_size");
    pt2_ex *v = op_vars(L, 2, g->shape);
    if (from->rank != 2 || size->rank != 1)
        op_fail(L, PT2_ERR_FORMAT, "positions of maxima of %d dimensions", from->rank);
    pt2_ex at[] = { op_index_at(L, from, v, base->shape[0]), v[1] };
    pt2_ex filled = pt2_lt(E, pt2_int(E, PT2_I64, 0), op_int_at(L, size, v));
    return op_scatter(L, PT2_RED_SUM, base, 2, g->shape, at, op_at_as(L, g, v, base->dtype), filled);
}

static pt2_t *bag_sums(struct pt2_lower *L, pt2_t *g, pt2_t *base, pt2_t *indices, bool mean)
{
    struct pt2_exprs *E = L->E;
    pt2_dtype acc = base->dtype;
    pt2_t *bag = bag_of(L, indices), *scale = op_tensor_opt(L, "per_sample_weights");
    pt2_ex axes[] = { indices->shape[0], base->shape[1] }, *v = op_vars(L, 2, axes), id = op_int_at(L, indices, v);
    pt2_ex from[] = { op_index_at(L, bag, v, g->shape[0]), v[1] }, at[] = { op_index(L, id, base->shape[0]), v[1] };
    pt2_ex value = op_at_as(L, g, from, acc);
    if (scale)
        value = pt2_mul(E, value, op_at_as(L, scale, v, acc));
    if (op_bool(L, "scale_grad_by_freq", false))
        value = pt2_bin(E, PT2_E_DIV, value, op_at(L, lookups(L, indices, base->shape[0], acc), at));
    if (mean)
        value = pt2_bin(E, PT2_E_DIV, value, op_at_as(L, op_tensor(L, "bag_size"), from, acc));
    return op_scatter(L, PT2_RED_SUM, base, 2, axes, at, value, not_padding(L, id));
}

static void lower_embedding_bag(struct pt2_lower *L)
{
    pt2_t *g = op_tensor(L, "grad"), *indices = op_tensor(L, "indices");
    pt2_dtype dtype = op_out_dtype(L, 0);
    pt2_t *base = zeros(L, op_acc_dtype(dtype));
    int64_t mode = op_int(L, "mode", BAG_SUM);
    if (op_bool(L, "sparse", false))
        op_fail(L, PT2_ERR_UNSUPPORTED, "a sparse gradient");
    if (base->rank != 2 || g->rank != 2 || mode < BAG_SUM || mode > BAG_MAX)
        op_fail(L, PT2_ERR_FORMAT, "mode %lld, a gradient of %d dimensions", (long long)mode, g->rank);
    op_check_indices(L, indices, op_from_zero(L, base->shape[0]));
    pt2_t *r = mode == BAG_MAX ? bag_maxima(L, g, base) : bag_sums(L, g, base, indices, mode == BAG_MEAN);
    op_return(L, op_convert(L, r, dtype));
}

/* A sample's weight has scaled its row: the gradient of its bag times the row. */
static void lower_sample_weights(struct pt2_lower *L)
{
    struct pt2_exprs *E = L->E;
    pt2_t *g = op_tensor(L, "grad"), *w = op_tensor(L, "weight"), *indices = op_tensor(L, "indices");
    pt2_dtype dtype = op_out_dtype(L, 0), acc = op_acc_dtype(dtype);
    pt2_t *bag = bag_of(L, indices);
    if (g->rank != 2 || w->rank != 2)
        op_fail(L, PT2_ERR_FORMAT, "a gradient of %d dimensions for a table of %d", g->rank, w->rank);
    op_check_indices(L, indices, op_from_zero(L, w->shape[0]));
    pt2_ex i = pt2_var(E, 0, indices->shape[0]), column = pt2_var(E, 1, w->shape[1]), id = op_int_at(L, indices, &i);
    pt2_ex row[] = { op_index(L, id, w->shape[0]), column }, from[] = { op_index_at(L, bag, &i, g->shape[0]), column };
    pt2_ex product = pt2_mul(E, op_at_as(L, g, from, acc), op_at_as(L, w, row, acc));
    product = pt2_select(E, not_padding(L, id), product, pt2_num(E, acc, 0));
    op_return(L, op_reduce(L, PT2_RED_SUM, dtype, 1, indices->shape, 1, &w->shape[1], product));
}

const struct pt2_op_row pt2_ops_gradient[] = {
    { "aten.native_layer_norm_backward", lower_layer_norm, 1 },
    { "aten._fused_rms_norm_backward", lower_layer_norm, 0 },
    { "aten.native_group_norm_backward", lower_group_norm, 0 },
    { "aten.native_batch_norm_backward", lower_batch_norm, 0 },
    { "aten.batch_norm_backward", lower_batch_norm, 1 },
    { "aten.select_backward", lower_select, 0 },
    { "aten.slice_backward", lower_slice, 0 },
    { "aten.diagonal_backward", lower_diagonal, 0 },
    { "aten.unfold_backward", lower_unfold, 0 },
    { "aten.gather_backward", lower_selected, KEPT },
    { "aten.cummaxmin_backward", lower_selected, KEPT },
    { "aten.value_selecting_reduction_backward", lower_selected, 0 },
    { "aten.index_select_backward", lower_index_select, 0 },
    { "aten.trace_backward", lower_trace, 0 },
    { "aten.embedding_dense_backward", lower_embedding, 0 },
    { "aten.embedding_backward", lower_embedding, 0 },
    { "aten._embedding_bag_backward", lower_embedding_bag, 0 },
    { "aten._embedding_bag_dense_backward", lower_embedding_bag, 0 },
    { "aten._embedding_bag_per_sample_weights_backward", lower_sample_weights, 0 },
    { 0 },
};
