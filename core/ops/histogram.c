/* SPDX-License-Identifier: MIT
 * Histograms (HistogramKernel.cpp): samples of D dimensions fall into a grid of bins, found by counting the edges that
 * are not above them; the last bin of a dimension is closed. Rows are in the table of index.c. */
#include "ops/data.h"

struct hist {
    pt2_t *samples;                /* [N, D] */
    int dims;
    pt2_t *edges[PT2_MAX_RANK];    /* [bins + 1] */
    pt2_ex bins[PT2_MAX_RANK];
    pt2_dtype dtype;
};

/* Samples as rows; dims = 0: every element is a sample of one dimension. */
static void read_samples(struct pt2_lower *L, struct hist *h, bool rows)
{
    pt2_t *x = op_tensor(L, "self");
    memset(h, 0, sizeof *h);
    h->dtype = x->dtype;
    pt2_ex d = rows ? (x->rank ? x->shape[x->rank - 1] : NULL) : pt2_idx(L->E, 1);
    if (!d || !pt2_is_const(d) || d->i < 1 || d->i >= PT2_MAX_RANK || !pt2_dtype_is_float(x->dtype) ||
        x->dtype != pt2_dtype_compute(x->dtype))
        op_fail(L, PT2_ERR_UNSUPPORTED, "a histogram of %s with %d dimensions", pt2_dtype_name(x->dtype), x->rank);
    h->dims = (int)d->i;
    pt2_ex shape[2] = { rows ? pt2_product(L->E, x->rank - 1, x->shape) : op_numel(L, x), d };
    h->samples = op_reshape(L, x, 2, shape);
}

/* The extreme of the samples along dimension k. */
static pt2_ex extreme(struct pt2_lower *L, const struct hist *h, int k, enum pt2_reduce_op op)
{
    pt2_ex index[2] = { pt2_var(L->E, 0, h->samples->shape[0]), pt2_idx(L->E, k) };
    pt2_t *r = op_reduce(L, op, h->dtype, 0, NULL, 1, h->samples->shape, op_at(L, h->samples, index));
    return op_at(L, r, NULL);
}

/* Where the bins of dimension k begin and end: given, or the range of the data; never empty. */
static void outer_edges(struct pt2_lower *L, const struct hist *h, int k, pt2_ex *low, pt2_ex *high)
{
    struct pt2_exprs *E = L->E;
    double range[PT2_MAX_RANK * 2];
    int t = h->dtype, n = op_floats(L, "range", range);
    pt2_ex zero = pt2_num(E, t, 0), one = pt2_num(E, t, 1), half = pt2_num(E, t, 0.5);
    if (n > 0) {
        if (n != 2 * h->dims)
            op_fail(L, PT2_ERR_FORMAT, "range has %d entries for %d dimensions", n, h->dims);
        *low = pt2_num(E, t, range[2 * k]);
        *high = pt2_num(E, t, range[2 * k + 1]);
    } else {
        pt2_ex none = pt2_eq(E, h->samples->shape[0], pt2_idx(E, 0));
        *low = pt2_select(E, none, zero, extreme(L, h, k, PT2_RED_MIN));
        *high = pt2_select(E, none, one, extreme(L, h, k, PT2_RED_MAX));
    }
    pt2_ex flat = pt2_eq(E, *low, *high);
    *low = pt2_select(E, flat, pt2_sub(E, *low, half), *low);
    *high = pt2_select(E, flat, pt2_add(E, *high, half), *high);
}

/* Edges as torch.linspace has them: from both ends towards the middle. */
static void make_edges(struct pt2_lower *L, struct hist *h, int k, int64_t bins)
{
    struct pt2_exprs *E = L->E;
    int t = h->dtype;
    pt2_ex low, high, n = pt2_idx(E, bins + 1), i = pt2_var(E, 0, n);
    if (bins < 1 || bins > 1 << 24)
        op_fail(L, PT2_ERR_FORMAT, "%lld bins", (long long)bins);
    outer_edges(L, h, k, &low, &high);
    pt2_ex step = pt2_bin(E, PT2_E_DIV, pt2_sub(E, high, low), pt2_int(E, t, bins));
    pt2_ex up = pt2_add(E, low, pt2_mul(E, step, pt2_cast(E, t, i)));
    pt2_ex down = pt2_sub(E, high, pt2_mul(E, step, pt2_cast(E, t, pt2_sub(E, pt2_idx(E, bins), i))));
    h->edges[k] = op_map(L, h->dtype, 1, &n, pt2_select(E, pt2_lt(E, i, pt2_idx(E, (bins + 1) / 2)), up, down));
    h->bins[k] = pt2_idx(E, bins);
}

static void take_edges(struct pt2_lower *L, struct hist *h, int k, pt2_t *edges)
{
    if (!edges || edges->rank != 1 || edges->dtype != h->dtype)
        op_fail(L, PT2_ERR_FORMAT, "the edges of dimension %d are not a vector of the samples' type", k);
    h->edges[k] = edges;
    h->bins[k] = pt2_max(L->E, pt2_addi(L->E, edges->shape[0], -1), pt2_idx(L->E, 0));
}

/* The bin of sample VAR 0 along dimension k, and whether the sample is inside. */
static pt2_ex find_bin(struct pt2_lower *L, const struct hist *h, int k, pt2_ex *inside)
{
    struct pt2_exprs *E = L->E;
    pt2_ex n = h->samples->shape[0], edges = h->edges[k]->shape[0], zero = pt2_idx(E, 0);
    pt2_ex at[2] = { pt2_var(E, 0, n), pt2_idx(E, k) }, j = pt2_var(E, 1, edges), last = h->bins[k];
    pt2_ex v = op_at(L, h->samples, at), le = pt2_le(E, op_at(L, h->edges[k], &j), v);
    pt2_t *passed = op_reduce(L, PT2_RED_SUM, PT2_I64, 1, &n, 1, &edges, pt2_cast(E, PT2_I64, le));
    pt2_ex p = pt2_addi(E, pt2_cast(E, PT2_IDX, op_at(L, passed, at)), -1);
    pt2_ex within = pt2_and(E, pt2_le(E, op_at(L, h->edges[k], &zero), v), pt2_le(E, v, op_at(L, h->edges[k], &last)));
    *inside = *inside ? pt2_and(E, *inside, within) : within;
    return pt2_max(E, pt2_min(E, p, pt2_addi(E, last, -1)), zero);
}

static pt2_ex total(struct pt2_lower *L, const struct hist *h, pt2_t *counts)
{
    return op_at(L, op_reduce(L, PT2_RED_SUM, h->dtype, 0, NULL, h->dims, h->bins,
                              op_at(L, counts, op_vars(L, h->dims, h->bins))), NULL);
}

/* Counts or sums of weights; density: divided by their total and by the volume of each bin. */
static pt2_t *fill(struct pt2_lower *L, const struct hist *h)
{
    struct pt2_exprs *E = L->E;
    pt2_t *weight = op_tensor_opt(L, "weight"), *r;
    pt2_ex index[PT2_MAX_RANK], inside = NULL, i = pt2_var(E, 0, h->samples->shape[0]), one = pt2_num(E, h->dtype, 1);
    for (int k = 0; k < h->dims; k++)
        index[k] = find_bin(L, h, k, &inside);
    pt2_ex add = weight ? op_to(L, op_at(L, op_flat(L, weight), &i), h->dtype) : one;
    r = op_full(L, h->dtype, h->dims, h->bins, pt2_num(E, h->dtype, 0));
    r = op_scatter(L, PT2_RED_SUM, r, 1, h->samples->shape, index, add, inside);
    if (!op_bool(L, "density", false))
        return r;
    pt2_ex *at = op_vars(L, h->dims, h->bins), v = pt2_bin(E, PT2_E_DIV, op_at(L, r, at), total(L, h, r));
    for (int k = 0; k < h->dims; k++) {
        pt2_ex next = pt2_addi(E, at[k], 1);
        v = pt2_bin(E, PT2_E_DIV, v, pt2_sub(E, op_at(L, h->edges[k], &next), op_at(L, h->edges[k], &at[k])));
    }
    return op_map_like(L, r, h->dtype, v);
}

void op_lower_histogram(struct pt2_lower *L)
{
    struct hist h;
    read_samples(L, &h, false);
    if (strstr(L->node->target, "bins_tensor"))
        take_edges(L, &h, 0, op_tensor(L, "bins"));
    else
        make_edges(L, &h, 0, op_int(L, "bins", 100));
    op_return(L, fill(L, &h));
    op_result(L, 1, h.edges[0]);
}

/* data of the row, bits: the histogram is a result, the edges are results, bins are tensors. */
void op_lower_histogramdd(struct pt2_lower *L)
{
    struct hist h;
    int64_t data = L->row->data, bins[PT2_MAX_RANK];
    pt2_t **list = NULL;
    read_samples(L, &h, true);
    bool tensors = data & OP_HIST_TENSORS;
    int n = tensors ? op_tensors(L, "bins", &list) : op_ints(L, "bins", bins);
    if (n != h.dims && (tensors || n != 1))
        op_fail(L, PT2_ERR_FORMAT, "bins of %d dimensions, not %d", n, h.dims);
    for (int k = 0; k < h.dims; k++) {
        if (tensors)
            take_edges(L, &h, k, list[k]);
        else
            make_edges(L, &h, k, bins[n == 1 ? 0 : k]);
    }
    int result = 0;
    if (data & OP_HIST_COUNTS)
        op_result(L, result++, fill(L, &h));
    for (int k = 0; k < h.dims && data & OP_HIST_EDGES; k++)
        op_result(L, result++, h.edges[k]);
}

/* aten.hash_tensor: exclusive or of all elements' 64 bits (as int64 or float64). Each of the 64 bits is a parity. */
void op_lower_hash(struct pt2_lower *L)
{
    struct pt2_exprs *E = L->E;
    pt2_t *x = op_tensor(L, "self");
    int dims[PT2_MAX_RANK], n = op_dims(L, "dim", x->rank, dims), kept = 0, reduced = 0;
    if (op_int(L, "mode", 0) != 0)
        op_fail(L, PT2_ERR_UNSUPPORTED, "mode %lld", (long long)op_int(L, "mode", 0));
    pt2_ex shape[PT2_MAX_RANK + 1], axes[PT2_MAX_RANK], index[PT2_MAX_RANK];
    bool all = n <= 0, out[PT2_MAX_RANK] = { false };
    for (int k = 0; k < n; k++)
        out[dims[k]] = true;
    for (int d = 0; d < x->rank; d++)
        if (!all && !out[d])
            shape[kept++] = x->shape[d];
    pt2_ex bits = pt2_idx(E, 64);
    shape[kept] = bits;
    for (int d = 0, k = 0; d < x->rank; d++) {
        if (!all && !out[d]) {
            index[d] = pt2_var(E, k++, x->shape[d]);
            continue;
        }
        axes[reduced] = x->shape[d];
        index[d] = pt2_var(E, kept + 1 + reduced, x->shape[d]);
        reduced++;
    }
    bool is_float = pt2_dtype_is_float(x->dtype);
    pt2_ex v = pt2_cast(E, is_float ? PT2_F64 : PT2_I64, op_at(L, x, index)), one = pt2_int(E, PT2_I64, 1);
    v = is_float ? pt2_bitcast(E, PT2_I64, v) : v;
    v = pt2_bin(E, PT2_E_AND, pt2_bin(E, PT2_E_SHR, v, pt2_cast(E, PT2_I64, pt2_var(E, kept, bits))), one);
    pt2_t *count = op_reduce(L, PT2_RED_SUM, PT2_I64, kept + 1, shape, reduced, axes, v);
    pt2_ex *at = op_vars(L, kept + 1, shape), parity = pt2_bin(E, PT2_E_AND, op_at(L, count, at), one);
    pt2_ex bit = pt2_bin(E, PT2_E_SHL, parity, pt2_cast(E, PT2_I64, at[kept]));
    pt2_t *r = op_reduce(L, PT2_RED_SUM, PT2_I64, kept, shape, 1, &bits, bit);
    op_result_fit(L, 0, r);
}
