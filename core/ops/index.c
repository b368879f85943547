/* SPDX-License-Identifier: MIT
 * Reading by index tensors: embedding, gather, index, take, searches (searchsorted, isin, histc). All but
 * isin and histc are one MAP whose load has loads among its indices. */
#include "ops/data.h"

#include <math.h>

/* ---- embedding ---- */

static void lower_embedding(struct pt2_lower *L)
{
    pt2_t *w = op_tensor(L, "weight"), *ids = op_tensor(L, "indices");
    int rank = ids->rank + 1;
    pt2_ex shape[PT2_MAX_RANK], index[2];
    if (w->rank != 2 || rank > PT2_MAX_RANK)
        op_fail(L, PT2_ERR_FORMAT, "weight has %d dimensions and indices %d", w->rank, ids->rank);
    memcpy(shape, ids->shape, sizeof *shape * (size_t)ids->rank);
    shape[ids->rank] = w->shape[1];
    pt2_ex *at = op_vars(L, rank, shape);
    op_check_indices(L, ids, op_from_zero(L, w->shape[0]));
    index[0] = op_index_at(L, ids, at, w->shape[0]);
    index[1] = at[ids->rank];
    op_return(L, op_pick(L, w, rank, shape, index, NULL, op_number(L, w->dtype, 0)));
}

/* What a bag needs to know. Positions and counts are int64 tensors, one element per index and per bag. */
struct bags {
    pt2_t *weight, *ids, *offsets, *scale; /* scale: per-sample weights or NULL */
    pt2_ex n, num, width;                  /* indices, bags, columns */
    int mode;                              /* 0 sum, 1 mean, 2 max */
    pt2_ex padding;                        /* int64; NULL: none */
    pt2_t *bag, *count;
};

static void read_bags(struct pt2_lower *L, struct bags *b)
{
    memset(b, 0, sizeof *b);
    b->weight = op_tensor(L, "weight");
    b->ids = op_tensor(L, "indices");
    b->offsets = op_tensor(L, "offsets");
    b->scale = op_tensor_opt(L, "per_sample_weights");
    b->mode = (int)op_int(L, "mode", 0);
    if (b->weight->rank != 2 || b->ids->rank != 1 || b->offsets->rank != 1 || (b->scale && b->scale->rank != 1))
        op_fail(L, PT2_ERR_FORMAT, "wrong number of dimensions");
    if (b->mode < 0 || b->mode > 2)
        op_fail(L, PT2_ERR_FORMAT, "mode %d", b->mode);
    /* The packed forms write -1 for "none"; embedding_bag.padding_idx counts negative ones from the end. */
    int64_t padding = op_int(L, "padding_idx", -1);
    bool counts_back = strcmp(L->row->target, "aten.embedding_bag") == 0 && op_has(L, "padding_idx");
    if (padding >= 0)
        b->padding = pt2_int(L->E, PT2_I64, padding);
    else if (counts_back)
        b->padding = pt2_cast(L->E, PT2_I64, pt2_addi(L->E, b->weight->shape[0], padding));
    b->n = b->ids->shape[0];
    b->width = b->weight->shape[1];
    b->num = b->offsets->shape[0];
    if (op_bool(L, "include_last_offset", false))
        b->num = pt2_max(L->E, pt2_addi(L->E, b->num, -1), pt2_idx(L->E, 0));
}

/* Is index i one that counts? NULL: all do. */
static pt2_ex not_padding(struct pt2_lower *L, struct bags *b, pt2_ex i)
{
    return b->padding ? pt2_not(L->E, pt2_eq(L->E, op_int_at(L, b->ids, &i), b->padding)) : NULL;
}

/* bag[i]: offsets that are <= i, less one; count[b]: its size by the offsets, less the padding in it. */
static void count_bags(struct pt2_lower *L, struct bags *b)
{
    struct pt2_exprs *E = L->E;
    pt2_ex i = pt2_var(E, 0, b->n), o = pt2_var(E, 1, b->num);
    pt2_ex starts = pt2_le(E, op_int_at(L, b->offsets, &o), pt2_cast(E, PT2_I64, i));
    pt2_t *upto = op_reduce(L, PT2_RED_SUM, PT2_I64, 1, &b->n, 1, &b->num, pt2_cast(E, PT2_I64, starts));
    b->bag = op_map(L, PT2_I64, 1, &b->n, pt2_sub(E, op_at(L, upto, &i), pt2_int(E, PT2_I64, 1)));
    pt2_ex next = pt2_addi(E, pt2_var(E, 0, b->num), 1), first = pt2_var(E, 0, b->num);
    pt2_ex top = pt2_max(E, pt2_addi(E, b->offsets->shape[0], -1), pt2_idx(E, 0)), last = pt2_min(E, next, top);
    pt2_ex end = pt2_select(E, pt2_le(E, next, top), op_int_at(L, b->offsets, &last), pt2_cast(E, PT2_I64, b->n));
    b->count = op_map(L, PT2_I64, 1, &b->num, pt2_sub(E, end, op_int_at(L, b->offsets, &first)));
    if (!b->padding)
        return;
    pt2_ex index = op_index_at(L, b->bag, &i, b->num);
    b->count = op_scatter(L, PT2_RED_SUM, b->count, 1, &b->n, &index, pt2_int(E, PT2_I64, -1),
                          pt2_not(E, not_padding(L, b, i)));
}

/* The combined rows in float32 or float64: sums scaled by per-sample weights, or maxima. */
static pt2_t *combine_bags(struct pt2_lower *L, struct bags *b, pt2_dtype wide)
{
    struct pt2_exprs *E = L->E;
    pt2_ex space[2] = { b->n, b->width }, shape[2] = { b->num, b->width };
    pt2_ex *at = op_vars(L, 2, space);
    pt2_ex row[2] = { op_index_at(L, b->ids, at, b->weight->shape[0]), at[1] };
    pt2_ex to[2] = { op_index_at(L, b->bag, at, b->num), at[1] };
    pt2_ex v = op_to(L, op_at(L, b->weight, row), wide);
    if (b->scale)
        v = pt2_mul(E, v, op_to(L, op_at(L, b->scale, at), wide));
    bool max = b->mode == 2;
    pt2_t *base = op_full(L, wide, 2, shape, pt2_num(E, wide, max ? -HUGE_VAL : 0.0));
    return op_scatter(L, max ? PT2_RED_MAX : PT2_RED_SUM, base, 2, space, to, v, not_padding(L, b, at[0]));
}

/* max_indices: per bag and column, the first index whose row has the maximum; padding and empty bags give 0. */
static pt2_t *bag_argmax(struct pt2_lower *L, struct bags *b, pt2_t *best)
{
    struct pt2_exprs *E = L->E;
    pt2_ex space[2] = { b->n, b->width }, shape[2] = { b->num, b->width };
    pt2_ex *at = op_vars(L, 2, space);
    pt2_ex row[2] = { op_index_at(L, b->ids, at, b->weight->shape[0]), at[1] };
    pt2_ex to[2] = { op_index_at(L, b->bag, at, b->num), at[1] };
    pt2_ex v = op_to(L, op_at(L, b->weight, row), best->dtype);
    pt2_ex hit = pt2_eq(E, v, op_at(L, best, to)), counts = not_padding(L, b, at[0]);
    pt2_t *none = op_full(L, PT2_I64, 2, shape, pt2_int(E, PT2_I64, INT64_MAX));
    pt2_t *first = op_scatter(L, PT2_RED_MIN, none, 2, space, to, pt2_cast(E, PT2_I64, at[0]),
                              counts ? pt2_and(E, hit, counts) : hit);
    pt2_ex *o = op_vars(L, 2, shape);
    pt2_ex i = op_at(L, first, o), no = pt2_eq(E, i, pt2_int(E, PT2_I64, INT64_MAX));
    pt2_ex where = pt2_cast(E, PT2_IDX, pt2_select(E, no, pt2_int(E, PT2_I64, 0), i));
    return op_map(L, PT2_I64, 2, shape, pt2_select(E, no, pt2_int(E, PT2_I64, 0), op_int_at(L, b->ids, &where)));
}

/* t, or zeros when the file declares another size: some kernels of PyTorch return uninitialised or empty tensors. */
static void return_if_fits(struct pt2_lower *L, int k, pt2_t *t)
{
    if (!op_out_used(L, k))
        return;
    int rank = op_out_rank(L, k);
    pt2_ex *shape = op_out_shape(L, k);
    bool fits = t && rank == t->rank;
    for (int d = 0; fits && d < rank; d++)
        fits = pt2_prove_eq(L->E, shape[d], t->shape[d]);
    pt2_dtype dtype = op_out_dtype(L, k);
    op_result(L, k, fits ? op_convert(L, t, dtype)
                         : op_full(L, dtype, rank, shape, pt2_int(L->E, pt2_dtype_compute(dtype), 0)));
}

static void lower_embedding_bag(struct pt2_lower *L)
{
    struct pt2_exprs *E = L->E;
    struct bags b;
    read_bags(L, &b);
    op_check_indices(L, b.ids, op_from_zero(L, b.weight->shape[0]));
    count_bags(L, &b);
    pt2_dtype wide = pt2_dtype_compute(b.weight->dtype);
    pt2_t *sum = combine_bags(L, &b, wide);
    pt2_ex *at = op_vars(L, 2, sum->shape);
    pt2_ex v = op_at(L, sum, at), n = op_at(L, b.count, at);
    pt2_ex zero = pt2_int(E, PT2_I64, 0);
    if (b.mode == 1)
        v = pt2_bin(E, PT2_E_DIV, v, op_to(L, pt2_max(E, n, pt2_int(E, PT2_I64, 1)), wide));
    if (b.mode == 2)
        v = pt2_select(E, pt2_eq(E, n, zero), pt2_num(E, wide, 0), v);
    op_result(L, 0, op_map(L, b.weight->dtype, 2, sum->shape, v));
    return_if_fits(L, 1, b.bag);
    return_if_fits(L, 2, b.count);
    return_if_fits(L, 3, b.mode == 2 && op_out_used(L, 3) ? bag_argmax(L, &b, sum) : b.count);
}

/* sum |x|^p over the columns of each row, ^(1/p); p = inf: the largest. */
static pt2_t *row_norms(struct pt2_lower *L, pt2_t *w, pt2_dtype wide, double p)
{
    struct pt2_exprs *E = L->E;
    pt2_ex *at = op_vars(L, 2, w->shape);
    pt2_ex a = pt2_un(E, PT2_E_ABS, op_to(L, op_at(L, w, at), wide));
    bool inf = isinf(p);
    pt2_ex body = inf || p == 1.0 ? a
                  : p == 2.0      ? pt2_mul(E, a, a)
                  : p == 0.0      ? pt2_cast(E, wide, pt2_cast(E, PT2_BOOL, a))
                                  : pt2_bin(E, PT2_E_POW, a, pt2_num(E, wide, p));
    pt2_t *r = op_reduce(L, inf ? (p > 0 ? PT2_RED_MAX : PT2_RED_MIN) : PT2_RED_SUM, wide, 1, w->shape, 1,
                         w->shape + 1, body);
    if (inf || p == 1.0 || p == 0.0)
        return r;
    pt2_ex *i = op_vars(L, 1, r->shape);
    pt2_ex v = op_at(L, r, i);
    return op_map_like(L, r, wide, p == 2.0 ? pt2_un(E, PT2_E_SQRT, v)
                                            : pt2_bin(E, PT2_E_POW, v, pt2_num(E, wide, 1.0 / p)));
}

/* Rows that occur among the indices and are longer than max_norm are scaled down to it. */
static void lower_embedding_renorm(struct pt2_lower *L)
{
    struct pt2_exprs *E = L->E;
    pt2_t *w = op_tensor(L, "self"), *ids = op_flat(L, op_tensor(L, "indices"));
    if (w->rank != 2)
        op_fail(L, PT2_ERR_FORMAT, "weight has %d dimensions", w->rank);
    pt2_dtype wide = pt2_dtype_compute(w->dtype);
    pt2_ex max = pt2_num(E, wide, op_float(L, "max_norm", 0));
    pt2_t *norms = row_norms(L, w, wide, op_float(L, "norm_type", 2));
    pt2_ex i = pt2_var(E, 0, ids->shape[0]);
    pt2_ex to = op_index_at(L, ids, &i, w->shape[0]);
    op_check_indices(L, ids, op_from_zero(L, w->shape[0]));
    pt2_t *none = op_full(L, PT2_BOOL, 1, w->shape, pt2_int(E, PT2_BOOL, 0));
    pt2_t *hit = op_scatter(L, PT2_RED_SET, none, 1, ids->shape, &to, pt2_int(E, PT2_BOOL, 1), NULL);
    pt2_ex *at = op_vars(L, 2, w->shape);
    pt2_ex norm = op_at(L, norms, at), v = op_at(L, w, at);
    pt2_ex factor = pt2_bin(E, PT2_E_DIV, max, pt2_add(E, norm, pt2_num(E, wide, 1e-7)));
    pt2_ex longer = pt2_and(E, op_at(L, hit, at), pt2_lt(E, max, norm));
    op_return(L, op_map_like(L, w, w->dtype, pt2_select(E, longer, pt2_mul(E, v, factor), v)));
}

/* ---- gather, index_select, take ---- */

static pt2_t *gather(struct pt2_lower *L, pt2_t *x, int dim, pt2_t *ids)
{
    x = op_vec(L, x);
    ids = op_vec(L, ids);
    if (x->rank != ids->rank && pt2_is_int(op_numel(L, ids), 0)) /* an empty index may have any rank */
        return op_full(L, x->dtype, ids->rank, ids->shape, op_number(L, x->dtype, 0).re);
    if (x->rank != ids->rank)
        op_fail(L, PT2_ERR_FORMAT, "index has %d dimensions, the tensor %d", ids->rank, x->rank);
    pt2_ex *at = op_vars(L, ids->rank, ids->shape);
    pt2_ex index[PT2_MAX_RANK];
    memcpy(index, at, sizeof *at * (size_t)ids->rank);
    op_check_indices(L, ids, op_from_zero(L, x->shape[dim]));
    index[dim] = op_index_at(L, ids, at, x->shape[dim]);
    return op_pick(L, x, ids->rank, ids->shape, index, NULL, op_number(L, x->dtype, 0));
}

static void lower_gather(struct pt2_lower *L)
{
    pt2_t *x = op_tensor(L, "self");
    op_result_fit(L, 0, gather(L, x, op_dim(L, "dim", 0, x->rank), op_tensor(L, "index")));
}

static void lower_index_select(struct pt2_lower *L)
{
    pt2_t *self = op_tensor(L, "self"), *x = op_vec(L, self), *ids = op_vec(L, op_tensor(L, "index"));
    int dim = op_dim(L, "dim", 0, self->rank);
    pt2_ex shape[PT2_MAX_RANK], index[PT2_MAX_RANK];
    if (ids->rank != 1)
        op_fail(L, PT2_ERR_FORMAT, "index has %d dimensions", ids->rank);
    memcpy(shape, x->shape, sizeof *shape * (size_t)x->rank);
    shape[dim] = ids->shape[0];
    pt2_ex *at = op_vars(L, x->rank, shape);
    memcpy(index, at, sizeof *at * (size_t)x->rank);
    op_check_indices(L, ids, op_from_zero(L, x->shape[dim]));
    index[dim] = op_index_at(L, ids, &at[dim], x->shape[dim]);
    op_result_fit(L, 0, op_pick(L, x, x->rank, shape, index, NULL, op_number(L, x->dtype, 0)));
}

static pt2_t *take(struct pt2_lower *L, pt2_t *x, pt2_t *ids, bool counts_back)
{
    pt2_t *flat = op_flat(L, x);
    pt2_ex size = flat->shape[0];
    op_check_indices(L, ids, counts_back ? op_from_end_too(L, size) : op_from_zero(L, size));
    pt2_ex index = op_index_at(L, ids, op_vars(L, ids->rank, ids->shape), flat->shape[0]);
    return op_pick(L, flat, ids->rank, ids->shape, &index, NULL, op_number(L, x->dtype, 0));
}

static void lower_take(struct pt2_lower *L)
{
    op_return(L, take(L, op_tensor(L, "self"), op_tensor(L, "index"), true));
}

/* PyTorch takes every index along a dimension modulo its size. */
static pt2_ex modulo_index(struct pt2_lower *L, pt2_ex v, pt2_ex size)
{
    pt2_ex wrapped = pt2_floormod(L->E, v, pt2_cast(L->E, PT2_I64, size));
    return op_index(L, pt2_select(L->E, op_inside(L, v, op_from_zero(L, size)), v, wrapped), size);
}

static void lower_take_along_dim(struct pt2_lower *L)
{
    pt2_t *x = op_tensor(L, "self"), *ids = op_tensor(L, "indices");
    if (!op_has(L, "dim")) {
        op_result_fit(L, 0, take(L, x, op_flat(L, ids), false));
        return;
    }
    int dim = op_dim(L, "dim", 0, x->rank);
    pt2_ex shape[PT2_MAX_RANK], index[PT2_MAX_RANK];
    pt2_t *row[2] = { op_vec(L, x), op_vec(L, ids) };
    if (row[0]->rank != row[1]->rank)
        op_fail(L, PT2_ERR_FORMAT, "indices have %d dimensions, the tensor %d", ids->rank, x->rank);
    int rank = row[0]->rank;
    /* Broadcast everywhere but along dim, where each keeps its own size. */
    pt2_t *flat[2] = { op_select(L, row[0], dim, pt2_idx(L->E, 0)), op_select(L, row[1], dim, pt2_idx(L->E, 0)) };
    pt2_ex rest[PT2_MAX_RANK];
    op_broadcast(L, 2, flat, rest);
    for (int d = 0, k = 0; d < rank; d++)
        shape[d] = d == dim ? row[1]->shape[d] : rest[k++];
    pt2_ex *at = op_vars(L, rank, shape);
    memcpy(index, at, sizeof *at * (size_t)rank);
    index[dim] = modulo_index(L, pt2_cast(L->E, PT2_I64, op_at_bcast(L, row[1], rank, at)), row[0]->shape[dim]);
    for (int d = 0; d < rank; d++)
        if (d != dim && pt2_is_int(row[0]->shape[d], 1))
            index[d] = pt2_idx(L->E, 0);
    op_result_fit(L, 0, op_pick(L, row[0], rank, shape, index, NULL, op_number(L, x->dtype, 0)));
}

/* ---- advanced indexing ---- */

static void lower_index(struct pt2_lower *L)
{
    pt2_t *x = op_tensor(L, "self"), **list;
    struct pt2_indexing ix;
    pt2_ex index[PT2_MAX_RANK];
    int n = op_tensors(L, "indices", &list);
    op_indexing(L, x, n, list, 0, &ix);
    if (ix.out_rank != op_out_rank(L, 0))
        op_fail(L, PT2_ERR_FORMAT, "the result has %d dimensions", ix.out_rank);
    pt2_ex *shape = op_out_shape(L, 0);
    op_check_indexing(L, &ix);
    op_indexing_at(L, &ix, op_vars(L, ix.out_rank, shape), false, index);
    op_return(L, op_pick(L, x, ix.out_rank, shape, index, NULL, op_number(L, x->dtype, 0)));
}

/* index, but `fill` where the mask (broadcast with the result) is false, and everywhere if there is nothing to read;
 * indices there may be out of range. */
static void lower_masked_index(struct pt2_lower *L)
{
    pt2_t *x = op_tensor(L, "self"), *mask = op_tensor(L, "mask"), **list;
    struct pt2_indexing ix;
    pt2_ex index[PT2_MAX_RANK];
    int n = op_tensors(L, "indices", &list);
    op_indexing(L, x, n, list, -1, &ix);
    pt2_ex *at = op_vars(L, ix.out_rank, ix.out_shape);
    op_indexing_at(L, &ix, at, true, index);
    pt2_ex inside = pt2_cast(L->E, PT2_BOOL, op_at_bcast(L, mask, ix.out_rank, at));
    inside = pt2_and(L->E, inside, pt2_lt(L->E, pt2_idx(L->E, 0), op_numel(L, x)));
    op_return(L, op_pick(L, x, ix.out_rank, ix.out_shape, index, inside, op_scalar_c(L, "fill", x->dtype, 0)));
}

/* ---- searches ---- */

enum { MAX_HALVINGS = 40 };

/* Whether the sorted element at `index` (whose last entry is set here) is before v: !(s >= v), on the right side
 * !(s > v). */
static pt2_ex before(struct pt2_lower *L, pt2_t *sorted, pt2_t *sorter, pt2_ex *index, pt2_ex at, pt2_ex v, bool right)
{
    struct pt2_exprs *E = L->E;
    int last = sorted->rank - 1;
    pt2_ex n = sorted->shape[last];
    index[last] = pt2_max(E, pt2_min(E, at, pt2_addi(E, n, -1)), pt2_idx(E, 0));
    if (sorter)
        index[last] = op_index_at(L, sorter, index, n);
    pt2_ex s = op_to(L, op_at(L, sorted, index), (pt2_dtype)v->dtype);
    return pt2_not(E, right ? pt2_lt(E, v, s) : pt2_le(E, v, s));
}

/* Binary search, step by step as PyTorch does it, so that even boundaries out of order give its result. */
static void search(struct pt2_lower *L, pt2_t *sorted, pt2_t *values, pt2_dtype type, bool right)
{
    struct pt2_exprs *E = L->E;
    bool rows = sorted->rank > 1;
    if (sorted->rank < 1 || (rows && sorted->rank != values->rank))
        op_fail(L, PT2_ERR_FORMAT, "boundaries have %d dimensions, values %d", sorted->rank, values->rank);
    pt2_t *sorter = L->row->data ? NULL : op_tensor_opt(L, "sorter");
    int last = sorted->rank - 1;
    if (sorter)
        op_check_indices(L, sorter, op_from_zero(L, sorted->shape[last]));
    pt2_ex n = sorted->shape[last], index[PT2_MAX_RANK], *at = op_vars(L, values->rank, values->shape);
    if (rows)
        memcpy(index, at, sizeof *at * (size_t)last);
    pt2_ex v = op_to(L, op_at(L, values, at), type), start = pt2_idx(E, 0), end = n, two = pt2_idx(E, 2);
    int steps = 0;
    while (steps < MAX_HALVINGS && n->hi >> steps)
        steps++;
    for (int k = 0; k < steps; k++) {
        pt2_ex open = pt2_lt(E, start, end), middle = pt2_floordiv(E, pt2_add(E, start, end), two);
        pt2_ex up = before(L, sorted, sorter, index, middle, v, right);
        pt2_ex low = pt2_select(E, pt2_and(E, open, up), pt2_addi(E, middle, 1), start);
        end = pt2_select(E, pt2_and(E, open, pt2_not(E, up)), middle, end);
        start = low;
    }
    op_return(L, op_convert(L, op_map_like(L, values, PT2_I64, pt2_cast(E, PT2_I64, start)), op_out_dtype(L, 0)));
}

/* data: 1 for bucketize, whose operands are the other way round. */
static void lower_searchsorted(struct pt2_lower *L)
{
    bool bucketize = L->row->data == 1;
    pt2_t *sorted = op_tensor(L, bucketize ? "boundaries" : "sorted_sequence"), *values = op_tensor(L, "self");
    const char *side = bucketize ? "" : op_string(L, "side", "");
    bool right = op_bool(L, "right", false) || strcmp(side, "right") == 0;
    pt2_dtype kind = op_scalar_kind(L, "self");
    pt2_t *both[2] = { sorted, values };
    bool scalar = strstr(L->node->target, ".Scalar") != NULL;
    pt2_dtype type = scalar ? op_promote(L, 1, both, kind) : op_promote(L, 2, both, PT2_NONE);
    search(L, sorted, values, pt2_dtype_compute(type), right);
}

static void lower_isin(struct pt2_lower *L)
{
    struct pt2_exprs *E = L->E;
    bool one = op_has(L, "element"), one_test = op_has(L, "test_element");
    pt2_t *x = op_tensor(L, one ? "element" : "elements");
    pt2_t *test = op_flat(L, op_tensor(L, one_test ? "test_element" : "test_elements"));
    pt2_t *both[2] = { x, test };
    pt2_dtype type = pt2_dtype_compute(op_promote(L, 2, both, PT2_NONE));
    pt2_ex *at = op_vars(L, x->rank, x->shape);
    pt2_ex j = pt2_var(E, x->rank, test->shape[0]);
    pt2_ex same = pt2_eq(E, op_to(L, op_at(L, x, at), type), op_to(L, op_at(L, test, &j), type));
    pt2_t *any = op_reduce(L, PT2_RED_ANY, PT2_BOOL, x->rank, x->shape, 1, test->shape, same);
    if (op_bool(L, "invert", false))
        any = op_map_like(L, any, PT2_BOOL, pt2_not(E, op_at(L, any, at)));
    op_return(L, any);
}

/* The smallest or largest element as a 0-d tensor. */
static pt2_t *extreme(struct pt2_lower *L, pt2_t *flat, enum pt2_reduce_op op)
{
    pt2_ex i = pt2_var(L->E, 0, flat->shape[0]);
    return op_reduce(L, op, flat->dtype, 0, NULL, 1, flat->shape, op_at(L, flat, &i));
}

/* torch.histc: equal-width bins over [min, max], the last one closed; min = max asks for the data's range. */
static void lower_histc(struct pt2_lower *L)
{
    struct pt2_exprs *E = L->E;
    pt2_t *x = op_flat(L, op_tensor(L, "self"));
    pt2_dtype t = pt2_dtype_compute(x->dtype);
    int64_t bins = op_int(L, "bins", 100);
    double low = op_float(L, "min", 0), high = op_float(L, "max", 0);
    if (bins <= 0 || bins > INT32_MAX || low > high)
        op_fail(L, PT2_ERR_FORMAT, "%lld bins from %g to %g", (long long)bins, low, high);
    pt2_ex lo = pt2_num(E, t, low), hi = pt2_num(E, t, high), nb = pt2_idx(E, bins), i = pt2_var(E, 0, x->shape[0]);
    if (low == high && !pt2_is_int(x->shape[0], 0)) {
        lo = op_at(L, extreme(L, x, PT2_RED_MIN), NULL);
        hi = op_at(L, extreme(L, x, PT2_RED_MAX), NULL);
    }
    pt2_ex flat = pt2_eq(E, lo, hi), one = pt2_num(E, t, 1);
    lo = pt2_select(E, flat, pt2_sub(E, lo, one), lo);
    hi = pt2_select(E, flat, pt2_add(E, hi, one), hi);
    pt2_ex v = op_at(L, x, &i), inside = pt2_and(E, pt2_le(E, lo, v), pt2_le(E, v, hi));
    pt2_ex scaled = pt2_mul(E, pt2_sub(E, v, lo), pt2_int(E, t, bins));
    pt2_ex width = pt2_sub(E, hi, lo);
    pt2_ex pos = pt2_dtype_is_float(t) ? pt2_bin(E, PT2_E_DIV, scaled, width)
                                       : pt2_bin(E, PT2_E_TRUNCDIV, scaled, width);
    pos = pt2_cast(E, PT2_IDX, pt2_cast(E, PT2_I64, pt2_select(E, inside, pos, pt2_num(E, t, 0))));
    pos = pt2_max(E, pt2_min(E, pos, pt2_idx(E, bins - 1)), pt2_idx(E, 0));
    pt2_t *zero = op_full(L, PT2_I64, 1, &nb, pt2_int(E, PT2_I64, 0));
    pt2_t *count = op_scatter(L, PT2_RED_SUM, zero, 1, x->shape, &pos, pt2_int(E, PT2_I64, 1), inside);
    op_return(L, op_convert(L, count, op_out_dtype(L, 0)));
}

const struct pt2_op_row pt2_ops_index[] = {
    { "aten.embedding", lower_embedding, 0 },
    { "aten.embedding_bag", lower_embedding_bag, 0 },
    { "aten._embedding_bag", lower_embedding_bag, 0 },
    { "aten._embedding_bag_forward_only", lower_embedding_bag, 0 },
    { "aten.embedding_renorm", lower_embedding_renorm, 0 },
    { "aten.gather", lower_gather, 0 },
    { "aten.index_select", lower_index_select, 0 },
    { "aten.index", lower_index, 0 },
    { "aten._unsafe_index", lower_index, 0 },
    { "aten._unsafe_masked_index", lower_masked_index, 0 },
    { "aten.take", lower_take, 0 },
    { "aten.take_along_dim", lower_take_along_dim, 0 },
    { "aten.searchsorted", lower_searchsorted, 0 },
    { "aten.bucketize", lower_searchsorted, 1 },
    { "aten.isin", lower_isin, 0 },
    { "aten.histc", lower_histc, 0 },
    { "aten.histogram", op_lower_histogram, 0 },
    { "aten.histogramdd", op_lower_histogramdd, OP_HIST_COUNTS | OP_HIST_EDGES },
    { "aten.histogramdd.TensorList_bins", op_lower_histogramdd, OP_HIST_COUNTS | OP_HIST_EDGES | OP_HIST_TENSORS },
    { "aten._histogramdd_bin_edges", op_lower_histogramdd, OP_HIST_EDGES },
    { "aten._histogramdd_from_bin_cts", op_lower_histogramdd, OP_HIST_COUNTS },
    { "aten._histogramdd_from_bin_tensors", op_lower_histogramdd, OP_HIST_COUNTS | OP_HIST_TENSORS },
    { "aten.hash_tensor", op_lower_hash, 0 },
    { 0 },
};
