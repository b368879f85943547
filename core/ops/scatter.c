/* SPDX-License-Identifier: MIT
 * Writing by index tensors: scatter*, index_add/copy/fill/put/reduce, put, masked_scatter, segment_reduce. Each is a
 * SCATTER over the space of the updates; masks that select what is written need no scatter but the rank of each true
 * element among the true ones. */
#include "ops/data.h"

#include <math.h>

static struct pt2_complex to_complex(struct pt2_lower *L, struct pt2_complex v, pt2_dtype dtype)
{
    pt2_dtype real = pt2_dtype_real(dtype);
    return (struct pt2_complex){ op_to(L, v.re, real), op_to(L, v.im, real) };
}

/* A reduction by name: what is combined, and what PyTorch starts with where the old value does not count. */
struct reduction {
    const char *name, *name2;
    enum pt2_reduce_op op;
    bool mean;
};

static const struct reduction reductions[] = {
    { "sum", "add", PT2_RED_SUM, false },      { "prod", "multiply", PT2_RED_PROD, false },
    { "mean", "mean", PT2_RED_SUM, true },     { "amax", "max", PT2_RED_MAX, false },
    { "amin", "min", PT2_RED_MIN, false },
};

static const struct reduction *find_reduction(struct pt2_lower *L, const char *name)
{
    for (size_t k = 0; k < sizeof reductions / sizeof *reductions; k++)
        if (strcmp(name, reductions[k].name) == 0 || strcmp(name, reductions[k].name2) == 0)
            return &reductions[k];
    op_fail(L, PT2_ERR_UNSUPPORTED, "reduction \"%s\"", name);
}

/* The value that the reduction does not notice. */
static pt2_ex identity(struct pt2_lower *L, enum pt2_reduce_op op, pt2_dtype dtype)
{
    int t = pt2_dtype_compute(dtype);
    if (op == PT2_RED_SUM || op == PT2_RED_PROD)
        return pt2_int(L->E, t, op == PT2_RED_PROD);
    bool low = op == PT2_RED_MAX;
    if (pt2_dtype_is_float(dtype))
        return pt2_num(L->E, t, low ? -HUGE_VAL : HUGE_VAL);
    if (dtype == PT2_BOOL)
        return pt2_int(L->E, t, !low);
    int bits = (int)pt2_dtype_size(dtype) * 8;
    if (!pt2_dtype_is_signed(dtype))
        return pt2_int(L->E, t, low ? 0 : (int64_t)(UINT64_MAX >> (64 - bits)));
    int64_t top = (int64_t)(UINT64_MAX >> (65 - bits));
    return pt2_int(L->E, t, low ? -top - 1 : top);
}

/* A scatter's space and target, shared by the passes of one operator. */
struct updates {
    int num_axes;
    const pt2_ex *axes;
    const pt2_ex *index; /* into the base */
    pt2_ex inside;       /* bool: the index is in range; nothing is written elsewhere */
    struct pt2_complex v;
};

static pt2_ex divide_mean(struct pt2_lower *L, pt2_ex sum, pt2_ex count)
{
    pt2_ex n = pt2_max(L->E, count, pt2_int(L->E, PT2_I64, 1));
    if (pt2_dtype_is_float((pt2_dtype)sum->dtype))
        return pt2_bin(L->E, PT2_E_DIV, sum, op_to(L, n, (pt2_dtype)sum->dtype));
    return pt2_floordiv(L->E, sum, op_to(L, n, (pt2_dtype)sum->dtype));
}

/* base combined with the updates. Where include_self is false, elements that are hit start from the identity. */
static pt2_t *reduce_into(struct pt2_lower *L, const struct reduction *r, pt2_t *base, const struct updates *u,
                          bool include_self)
{
    struct pt2_exprs *E = L->E;
    pt2_dtype wide = pt2_dtype_compute(base->dtype);
    pt2_ex *at = op_vars(L, base->rank, base->shape);
    pt2_t *to = base, *count = NULL;
    if (!include_self) {
        pt2_t *none = op_full(L, PT2_BOOL, base->rank, base->shape, pt2_int(E, PT2_BOOL, 0));
        pt2_t *hit = op_put(L, PT2_RED_SET, none, u->num_axes, u->axes, u->index, op_number(L, PT2_BOOL, 1),
                            u->inside);
        to = op_map_like(L, base, base->dtype, pt2_select(E, op_at(L, hit, at), identity(L, r->op, base->dtype),
                                                          op_at(L, base, at)));
    }
    if (!r->mean)
        return op_put(L, r->op, to, u->num_axes, u->axes, u->index, u->v, u->inside);
    if (base->dtype != PT2_BOOL)
        to = op_convert(L, to, wide);
    count = op_full(L, PT2_I64, base->rank, base->shape, pt2_int(E, PT2_I64, include_self));
    count = op_put(L, PT2_RED_SUM, count, u->num_axes, u->axes, u->index, op_number(L, PT2_I64, 1), u->inside);
    pt2_t *sum = op_put(L, PT2_RED_SUM, to, u->num_axes, u->axes, u->index, u->v, u->inside);
    pt2_ex s = op_at(L, sum, at), n = op_at(L, count, at);
    return op_map_like(L, base, base->dtype, base->dtype == PT2_BOOL ? s : divide_mean(L, s, n));
}

/* ---- scatter along a dimension ---- */

/* The index that an element of `ids` is. */
static void named_by(struct pt2_lower *L, pt2_t *ids, const pt2_ex *at, struct pt2_index_range range,
                     struct updates *u, pt2_ex *out_index)
{
    op_check_indices(L, ids, range);
    u->inside = op_inside(L, op_int_at(L, ids, at), range);
    *out_index = op_index_at(L, ids, at, range.size);
}

/* self[…, index[i…], …] at dim: the space is that of `index`. */
static void scatter_updates(struct pt2_lower *L, pt2_t *self, pt2_t *ids, int dim, struct updates *u)
{
    if (self->rank != ids->rank)
        op_fail(L, PT2_ERR_FORMAT, "index has %d dimensions, the tensor %d", ids->rank, self->rank);
    pt2_ex *at = op_vars(L, ids->rank, ids->shape);
    pt2_ex *index = pt2_arena_copy(L->arena, at, sizeof *at * (size_t)ids->rank);
    named_by(L, ids, at, op_from_zero(L, self->shape[dim]), u, &index[dim]);
    u->num_axes = ids->rank;
    u->axes = ids->shape;
    u->index = index;
}

/* The updates' values: `src`, or the number `value`, in the dtype of self. */
static struct pt2_complex update_value(struct pt2_lower *L, pt2_t *self, const char *tensor, const char *number,
                                       int rank, const pt2_ex *shape)
{
    if (!op_has(L, tensor))
        return op_scalar_c(L, number, self->dtype, 0);
    pt2_t *src = op_vec(L, op_tensor(L, tensor));
    if (src->rank != rank)
        op_fail(L, PT2_ERR_FORMAT, "%s has %d dimensions, not %d", tensor, src->rank, rank);
    return to_complex(L, op_elem(L, src, op_vars(L, rank, shape)), self->dtype);
}

/* scatter, scatter_add, scatter_reduce. data: 1 for scatter_add. */
static void lower_scatter(struct pt2_lower *L)
{
    pt2_t *x = op_tensor(L, "self"), *self = op_vec(L, x), *ids = op_vec(L, op_tensor(L, "index"));
    struct updates u;
    if (self->rank != ids->rank && pt2_is_int(op_numel(L, ids), 0)) { /* an empty index may have any rank */
        op_return(L, op_clone(L, x));
        return;
    }
    scatter_updates(L, self, ids, op_dim(L, "dim", 0, x->rank), &u);
    u.v = update_value(L, self, "src", "value", ids->rank, ids->shape);
    pt2_t *out;
    if (op_has(L, "reduce"))
        out = reduce_into(L, find_reduction(L, op_string(L, "reduce", "sum")), self, &u,
                          op_bool(L, "include_self", true));
    else
        out = op_put(L, L->row->data ? PT2_RED_SUM : PT2_RED_SET, self, u.num_axes, u.axes, u.index, u.v,
                     u.inside);
    op_result_fit(L, 0, out);
}

/* ---- index_*: a one-dimensional index names the slices along dim ---- */

static void slice_updates(struct pt2_lower *L, pt2_t *self, pt2_t *ids, int dim, bool counts_back, struct updates *u)
{
    if (ids->rank != 1)
        op_fail(L, PT2_ERR_FORMAT, "index has %d dimensions", ids->rank);
    pt2_ex *space = pt2_arena_copy(L->arena, self->shape, sizeof *self->shape * (size_t)self->rank);
    space[dim] = ids->shape[0];
    pt2_ex *at = op_vars(L, self->rank, space);
    pt2_ex *index = pt2_arena_copy(L->arena, at, sizeof *at * (size_t)self->rank);
    pt2_ex size = self->shape[dim];
    named_by(L, ids, &at[dim], counts_back ? op_from_end_too(L, size) : op_from_zero(L, size), u, &index[dim]);
    u->num_axes = self->rank;
    u->axes = space;
    u->index = index;
}

enum { INDEX_ADD, INDEX_COPY, INDEX_FILL, INDEX_REDUCE };

static struct pt2_complex times_alpha(struct pt2_lower *L, struct pt2_complex v, pt2_dtype dtype)
{
    struct pt2_exprs *E = L->E;
    struct pt2_complex a = op_scalar_c(L, "alpha", dtype, 1);
    if (dtype == PT2_BOOL)
        return (struct pt2_complex){ pt2_and(E, v.re, a.re), v.im };
    if (!pt2_dtype_is_complex(dtype))
        return (struct pt2_complex){ pt2_mul(E, v.re, a.re), v.im };
    return (struct pt2_complex){ pt2_sub(E, pt2_mul(E, v.re, a.re), pt2_mul(E, v.im, a.im)),
                                 pt2_add(E, pt2_mul(E, v.re, a.im), pt2_mul(E, v.im, a.re)) };
}

static void lower_index_write(struct pt2_lower *L)
{
    pt2_t *x = op_tensor(L, "self"), *self = op_vec(L, x), *ids = op_vec(L, op_tensor(L, "index"));
    int64_t what = L->row->data;
    struct updates u;
    slice_updates(L, self, ids, op_dim(L, "dim", 0, x->rank), what == INDEX_FILL, &u);
    if (what == INDEX_FILL) {
        pt2_t *v = op_tensor(L, "value");
        if (v->rank != 0)
            op_fail(L, PT2_ERR_FORMAT, "the value has %d dimensions", v->rank);
        u.v = to_complex(L, op_elem(L, v, NULL), self->dtype);
    } else {
        u.v = update_value(L, self, "source", "source", self->rank, u.axes);
    }
    if (what == INDEX_REDUCE) {
        const struct reduction *r = find_reduction(L, op_string(L, "reduce", "prod"));
        op_result_fit(L, 0, reduce_into(L, r, self, &u, op_bool(L, "include_self", true)));
        return;
    }
    if (what == INDEX_ADD)
        u.v = times_alpha(L, u.v, self->dtype);
    op_result_fit(L, 0, op_put(L, what == INDEX_ADD ? PT2_RED_SUM : PT2_RED_SET, self, u.num_axes, u.axes, u.index,
                               u.v, u.inside));
}

/* ---- index_put ---- */

/* The mask when it is the only index; *out_dim is where it stands. */
static pt2_t *only_mask(pt2_t *const *list, int n, int *out_dim)
{
    pt2_t *mask = NULL;
    for (int k = 0; k < n; k++) {
        if (!list[k])
            continue;
        if (mask || (list[k]->dtype != PT2_BOOL && list[k]->dtype != PT2_U8) || list[k]->rank == 0)
            return NULL;
        mask = list[k];
        *out_dim = k;
    }
    return mask;
}

static struct pt2_complex plus(struct pt2_lower *L, struct pt2_complex a, struct pt2_complex b)
{
    if (a.re->dtype == PT2_BOOL)
        return (struct pt2_complex){ pt2_or(L->E, a.re, b.re), a.im };
    return (struct pt2_complex){ pt2_add(L->E, a.re, b.re), pt2_add(L->E, a.im, b.im) };
}

/* x[…, mask, …] = values: the k-th true element takes the k-th slice of values, so this is a map. */
static pt2_t *put_mask(struct pt2_lower *L, pt2_t *x, pt2_t *mask, int dim, pt2_t *values, bool accumulate)
{
    struct pt2_exprs *E = L->E;
    int m = mask->rank, after = x->rank - dim - m, rank = dim + 1 + after, k = values->rank - 1 - after;
    if (after < 0)
        op_fail(L, PT2_ERR_FORMAT, "too many indices for a tensor of %d dimensions", x->rank);
    pt2_ex *at = op_vars(L, x->rank, x->shape), to[PT2_MAX_RANK];
    memcpy(to, at, sizeof *at * (size_t)dim);
    memcpy(to + dim + 1, at + dim + m, sizeof *at * (size_t)after);
    to[dim] = pt2_idx(E, 0);
    if (k >= 0 && !pt2_is_int(values->shape[k], 1)) {
        pt2_ex flat = pt2_linearize(E, m, mask->shape, at + dim);
        pt2_ex nth = op_at(L, op_rank_true(L, op_flags(L, mask)), &flat);
        to[dim] = pt2_max(E, pt2_addi(E, pt2_cast(E, PT2_IDX, nth), -1), pt2_idx(E, 0));
    }
    struct pt2_complex v = to_complex(L, op_elem_bcast(L, values, rank, to), x->dtype), old = op_elem(L, x, at);
    if (accumulate)
        v = plus(L, old, v);
    pt2_ex set = pt2_cast(E, PT2_BOOL, op_at(L, mask, at + dim));
    struct pt2_complex r = { pt2_select(E, set, v.re, old.re), pt2_select(E, set, v.im, old.im) };
    return op_map_elem(L, x->dtype, x->rank, x->shape, r);
}

static void lower_index_put(struct pt2_lower *L)
{
    pt2_t *x = op_tensor(L, "self"), *values = op_tensor(L, "values"), **list;
    bool accumulate = op_bool(L, "accumulate", false);
    int n = op_tensors(L, "indices", &list), dim = 0;
    pt2_t *mask = only_mask(list, n, &dim);
    if (mask) {
        op_return(L, put_mask(L, x, mask, dim, values, accumulate));
        return;
    }
    struct pt2_indexing ix;
    pt2_ex index[PT2_MAX_RANK];
    op_indexing(L, x, n, list, -1, &ix);
    pt2_ex *at = op_vars(L, ix.out_rank, ix.out_shape), inside = op_indexing_inside(L, &ix, at);
    op_check_indexing(L, &ix);
    op_indexing_at(L, &ix, at, false, index);
    struct pt2_complex v = to_complex(L, op_elem_bcast(L, values, ix.out_rank, at), x->dtype);
    op_return(L, op_put(L, accumulate ? PT2_RED_SUM : PT2_RED_SET, x, ix.out_rank, ix.out_shape, index, v, inside));
}

/* index_put with accumulate, where the mask is true; indices elsewhere may be out of range. */
static void lower_masked_index_put(struct pt2_lower *L)
{
    pt2_t *x = op_tensor(L, "self"), *mask = op_tensor(L, "mask"), *values = op_tensor(L, "values"), **list;
    struct pt2_indexing ix;
    pt2_ex index[PT2_MAX_RANK];
    int n = op_tensors(L, "indices", &list);
    op_indexing(L, x, n, list, -1, &ix);
    pt2_ex *at = op_vars(L, ix.out_rank, ix.out_shape);
    op_indexing_at(L, &ix, at, true, index);
    struct pt2_complex v = to_complex(L, op_elem_bcast(L, values, ix.out_rank, at), x->dtype);
    pt2_ex cond = pt2_cast(L->E, PT2_BOOL, op_at_bcast(L, mask, ix.out_rank, at));
    cond = pt2_and(L->E, cond, pt2_lt(L->E, pt2_idx(L->E, 0), op_numel(L, x)));
    op_return(L, op_put(L, PT2_RED_SUM, x, ix.out_rank, ix.out_shape, index, v, cond));
}

/* put: positions in the flattened tensor. */
static void lower_put(struct pt2_lower *L)
{
    pt2_t *x = op_tensor(L, "self"), *ids = op_flat(L, op_tensor(L, "index"));
    pt2_t *source = op_flat(L, op_tensor(L, "source")), *flat = op_flat(L, x);
    pt2_ex i = pt2_var(L->E, 0, ids->shape[0]), index;
    struct updates u;
    named_by(L, ids, &i, op_from_end_too(L, flat->shape[0]), &u, &index);
    struct pt2_complex v = to_complex(L, op_elem(L, source, &i), x->dtype);
    pt2_t *out = op_put(L, op_bool(L, "accumulate", false) ? PT2_RED_SUM : PT2_RED_SET, flat, 1, ids->shape, &index, v,
                        u.inside);
    op_return(L, op_reshape(L, out, x->rank, x->shape));
}

/* The k-th true element takes the k-th element of source. */
static void lower_masked_scatter(struct pt2_lower *L)
{
    struct pt2_exprs *E = L->E;
    pt2_t *x = op_tensor(L, "self"), *mask = op_tensor(L, "mask"), *source = op_flat(L, op_tensor(L, "source"));
    pt2_t *both[2] = { x, mask };
    pt2_ex shape[PT2_MAX_RANK];
    int rank = op_broadcast(L, 2, both, shape);
    mask = op_expand(L, mask, rank, shape);
    pt2_ex *at = op_vars(L, rank, shape), flat = pt2_linearize(E, rank, shape, at);
    pt2_ex nth = op_at(L, op_rank_true(L, op_flags(L, mask)), &flat);
    pt2_ex from = pt2_max(E, pt2_addi(E, pt2_cast(E, PT2_IDX, nth), -1), pt2_idx(E, 0));
    struct pt2_complex v = to_complex(L, op_elem(L, source, &from), x->dtype);
    struct pt2_complex old = op_elem_bcast(L, x, rank, at);
    pt2_ex set = pt2_cast(E, PT2_BOOL, op_at(L, mask, at));
    struct pt2_complex r = { pt2_select(E, set, v.re, old.re), pt2_select(E, set, v.im, old.im) };
    op_return(L, op_map_elem(L, x->dtype, rank, shape, r));
}

/* Gradient of the source: what the mask selects, in order, then zeros. */
static void lower_masked_scatter_backward(struct pt2_lower *L)
{
    struct pt2_exprs *E = L->E;
    pt2_t *g = op_tensor(L, "grad_output"), *mask = op_tensor(L, "mask");
    pt2_dtype dtype = op_out_dtype(L, 0);
    mask = op_expand(L, mask, g->rank, g->shape);
    pt2_ex *v = op_vars(L, g->rank, g->shape), flat = pt2_linearize(E, g->rank, g->shape, v);
    pt2_ex at = pt2_addi(E, pt2_cast(E, PT2_IDX, op_at(L, op_rank_true(L, op_flags(L, mask)), &flat)), -1);
    pt2_ex size = pt2_product(E, op_out_rank(L, 0), op_out_shape(L, 0));
    pt2_t *zero = op_map_elem(L, dtype, 1, &size, op_number(L, dtype, 0));
    pt2_ex taken = pt2_and(E, op_truth_at(L, mask, v), pt2_lt(E, at, size));
    pt2_t *r = op_put(L, PT2_RED_SET, zero, g->rank, g->shape, &at, op_elem(L, g, v), taken);
    op_return(L, op_reshape(L, r, op_out_rank(L, 0), op_out_shape(L, 0)));
}

/* ---- segment_reduce ---- */

/* ends[batch…, s]: where segment s ends along the axis; lengths[batch…, s]. */
static void segment_bounds(struct pt2_lower *L, pt2_t **out_ends, pt2_t **out_lengths)
{
    struct pt2_exprs *E = L->E;
    pt2_t *lengths = op_tensor_opt(L, "lengths"), *offsets = op_tensor_opt(L, "offsets");
    pt2_t *given = lengths ? lengths : offsets;
    if (!given || given->rank < 1)
        op_fail(L, PT2_ERR_UNSUPPORTED, "segments without lengths or offsets");
    int last = given->rank - 1;
    if (!lengths) {
        pt2_ex n = pt2_max(E, pt2_addi(E, offsets->shape[last], -1), pt2_idx(E, 0)), one = pt2_idx(E, 1);
        pt2_t *ends = op_slice(L, offsets, last, one, n, one);
        *out_ends = op_convert(L, ends, PT2_I64);
        *out_lengths = op_sub(L, *out_ends, op_convert(L, op_slice(L, offsets, last, pt2_idx(E, 0), n, one), PT2_I64));
        return;
    }
    pt2_ex *at = op_vars(L, lengths->rank, lengths->shape);
    *out_lengths = op_convert(L, lengths, PT2_I64);
    *out_ends = op_scan(L, PT2_RED_SUM, PT2_I64, lengths->rank, lengths->shape, last, false, op_int_at(L, lengths, at));
}

struct segments {
    int axis;
    pt2_t *lengths;
    pt2_ex count, shape[PT2_MAX_RANK]; /* of the result */
    pt2_ex index[PT2_MAX_RANK];        /* the result element of each element of the data, … */
    pt2_ex inside;                     /* … if it has one */
};

static void open_segments(struct pt2_lower *L, pt2_t *x, struct segments *out)
{
    struct pt2_exprs *E = L->E;
    pt2_t *ends;
    segment_bounds(L, &ends, &out->lengths);
    int axis = out->axis = ends->rank - 1, rank = x->rank;
    if (axis >= rank || !pt2_dtype_is_float(x->dtype))
        op_fail(L, PT2_ERR_FORMAT, "segments of %d dimensions in a %s tensor of %d", axis + 1,
                pt2_dtype_name(x->dtype), rank);
    pt2_ex segments = out->count = ends->shape[axis];
    pt2_ex *at = op_vars(L, axis + 1, x->shape), *all = op_vars(L, rank, x->shape), e[PT2_MAX_RANK];
    memcpy(e, at, sizeof *at * (size_t)axis);
    e[axis] = pt2_var(E, axis + 1, segments);
    pt2_ex over = pt2_le(E, op_at(L, ends, e), pt2_cast(E, PT2_I64, at[axis]));
    pt2_t *seg = op_reduce(L, PT2_RED_SUM, PT2_I64, axis + 1, x->shape, 1, &segments, pt2_cast(E, PT2_I64, over));
    memcpy(out->shape, x->shape, sizeof *out->shape * (size_t)rank);
    memcpy(out->index, all, sizeof *out->index * (size_t)rank);
    out->shape[axis] = segments;
    pt2_ex s = pt2_cast(E, PT2_IDX, op_at(L, seg, all)), top = pt2_max(E, pt2_addi(E, segments, -1), pt2_idx(E, 0));
    out->index[axis] = pt2_min(E, s, top);
    out->inside = pt2_lt(E, s, segments);
}

/* What the elements of each segment make, in the compute type. */
static pt2_t *combine_segments(struct pt2_lower *L, pt2_t *x, const struct segments *s, enum pt2_reduce_op op,
                               pt2_ex start, pt2_ex value)
{
    pt2_t *base = op_full(L, (pt2_dtype)start->dtype, x->rank, s->shape, start);
    return op_scatter(L, op, base, x->rank, x->shape, s->index, value, s->inside);
}

static void lower_segment_reduce(struct pt2_lower *L)
{
    struct pt2_exprs *E = L->E;
    struct segments s;
    pt2_t *x = op_tensor(L, "data");
    const struct reduction *r = find_reduction(L, op_string(L, "reduce", "sum"));
    open_segments(L, x, &s);
    pt2_dtype wide = pt2_dtype_compute(x->dtype);
    pt2_ex start = op_has(L, "initial") ? op_scalar(L, "initial", wide, 0) : identity(L, r->op, wide);
    pt2_t *out = combine_segments(L, x, &s, r->op, start, op_at(L, x, op_vars(L, x->rank, x->shape)));
    pt2_ex *o = op_vars(L, x->rank, s.shape), v = op_at(L, out, o);
    if (r->mean) {
        pt2_ex n = op_at(L, s.lengths, o), none = pt2_eq(E, n, pt2_int(E, PT2_I64, 0));
        v = pt2_select(E, none, op_has(L, "initial") ? v : pt2_num(E, wide, (double)NAN), divide_mean(L, v, n));
    }
    op_return(L, op_map(L, x->dtype, x->rank, s.shape, v));
}

/* Elements as large as the segment's extreme, and NaN, share a positive gradient; a negative one each of them gets
 * whole, in PyTorch's kernels for every device. */
static pt2_ex extreme_slope(struct pt2_lower *L, pt2_t *x, const struct segments *s, pt2_ex v, pt2_ex extreme, pt2_ex g)
{
    struct pt2_exprs *E = L->E;
    pt2_ex zero = pt2_num(E, v->dtype, 0), one = pt2_num(E, v->dtype, 1);
    pt2_ex hit = pt2_or(E, pt2_eq(E, v, extreme), pt2_un(E, PT2_E_ISNAN, v));
    pt2_t *hits = combine_segments(L, x, s, PT2_RED_SUM, zero, pt2_select(E, hit, one, zero));
    pt2_ex part = pt2_bin(E, PT2_E_DIV, g, op_at(L, hits, s->index));
    return pt2_select(E, hit, pt2_select(E, pt2_lt(E, zero, g), part, g), zero);
}

/* The product of the others: by division, but where an element is 0 or NaN, which the others' product then lacks. */
static pt2_ex product_slope(struct pt2_lower *L, pt2_t *x, const struct segments *s, pt2_ex v, pt2_ex product, pt2_ex g)
{
    struct pt2_exprs *E = L->E;
    int t = v->dtype;
    pt2_ex zero = pt2_num(E, t, 0), one = pt2_num(E, t, 1);
    pt2_ex is_zero = pt2_eq(E, v, zero), is_nan = pt2_un(E, PT2_E_ISNAN, v), odd = pt2_or(E, is_zero, is_nan);
    pt2_ex start = op_has(L, "initial") ? op_scalar(L, "initial", (pt2_dtype)t, 1) : one;
    pt2_ex others = op_at(L, combine_segments(L, x, s, PT2_RED_PROD, start, pt2_select(E, odd, one, v)), s->index);
    pt2_ex zeros = pt2_select(E, is_zero, one, zero), nans = pt2_select(E, is_nan, one, zero);
    pt2_ex more_zeros = pt2_sub(E, op_at(L, combine_segments(L, x, s, PT2_RED_SUM, zero, zeros), s->index), zeros);
    pt2_ex more_nans = pt2_sub(E, op_at(L, combine_segments(L, x, s, PT2_RED_SUM, zero, nans), s->index), nans);
    others = pt2_mul(E, others, pt2_select(E, pt2_lt(E, zero, more_zeros), zero, one));
    others = pt2_mul(E, others, pt2_select(E, pt2_lt(E, zero, more_nans), pt2_num(E, t, (double)NAN), one));
    pt2_ex divided = pt2_bin(E, PT2_E_DIV, pt2_mul(E, g, product), v);
    return pt2_select(E, odd, pt2_mul(E, g, others), divided);
}

static void lower_segment_reduce_backward(struct pt2_lower *L)
{
    struct pt2_exprs *E = L->E;
    struct segments s;
    pt2_t *x = op_tensor(L, "data"), *grad = op_tensor(L, "grad"), *output = op_tensor(L, "output");
    const struct reduction *r = find_reduction(L, op_string(L, "reduce", "sum"));
    open_segments(L, x, &s);
    if (grad->rank != x->rank || output->rank != x->rank)
        op_fail(L, PT2_ERR_FORMAT, "a gradient of %d dimensions for %d", grad->rank, x->rank);
    pt2_ex v = op_at(L, x, op_vars(L, x->rank, x->shape)), g = op_to(L, op_at(L, grad, s.index), (pt2_dtype)v->dtype);
    pt2_ex y = op_to(L, op_at(L, output, s.index), (pt2_dtype)v->dtype), d = g;
    if (r->mean)
        d = divide_mean(L, g, op_at(L, s.lengths, s.index));
    else if (r->op == PT2_RED_MAX || r->op == PT2_RED_MIN)
        d = extreme_slope(L, x, &s, v, y, g);
    else if (r->op == PT2_RED_PROD)
        d = product_slope(L, x, &s, v, y, g);
    op_return(L, op_map_like(L, x, op_out_dtype(L, 0), pt2_select(E, s.inside, d, pt2_num(E, v->dtype, 0))));
}

const struct pt2_op_row pt2_ops_scatter[] = {
    { "aten.scatter", lower_scatter, 0 },
    { "aten.scatter_add", lower_scatter, 1 },
    { "aten.scatter_reduce", lower_scatter, 0 },
    { "aten.index_add", lower_index_write, INDEX_ADD },
    { "aten.index_copy", lower_index_write, INDEX_COPY },
    { "aten.index_fill", lower_index_write, INDEX_FILL },
    { "aten.index_reduce", lower_index_write, INDEX_REDUCE },
    { "aten.index_put", lower_index_put, 0 },
    { "aten._index_put_impl", lower_index_put, 0 },
    { "aten._unsafe_index_put", lower_index_put, 0 },
    { "aten._unsafe_masked_index_put_accumulate", lower_masked_index_put, 0 },
    { "aten.put", lower_put, 0 },
    { "aten.masked_scatter", lower_masked_scatter, 0 },
    { "aten.masked_scatter_backward", lower_masked_scatter_backward, 0 },
    { "aten.segment_reduce", lower_segment_reduce, 0 },
    { "aten._segment_reduce_backward", lower_segment_reduce_backward, 0 },
    { 0 },
};
