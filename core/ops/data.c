/* SPDX-License-Identifier: MIT
 * Builders for indices that data decide: element access by index tensors, scatters of any dtype, and the plan of
 * advanced indexing (TensorAdvancedIndexing.cpp: masks become positions, index tensors are broadcast together, and
 * their dimensions stand where the first one was if they are neighbours, else in front). */
#include "ops/data.h"

pt2_t *op_vec(struct pt2_lower *L, pt2_t *t)
{
    return t->rank ? t : op_unsqueeze(L, t, 0);
}

pt2_t *op_flat(struct pt2_lower *L, pt2_t *t)
{
    pt2_ex n = op_numel(L, t);
    return t->rank == 1 ? t : op_reshape(L, t, 1, &n);
}

void op_result_fit(struct pt2_lower *L, int k, pt2_t *t)
{
    if (!op_out_used(L, k))
        return;
    int rank = op_out_rank(L, k);
    if (t->rank != rank)
        t = op_reshape(L, t, rank, op_out_shape(L, k));
    op_result(L, k, op_convert(L, t, op_out_dtype(L, k)));
}

pt2_ex op_int_at(struct pt2_lower *L, pt2_t *t, const pt2_ex *at)
{
    if (!pt2_dtype_is_int(t->dtype) && t->dtype != PT2_BOOL)
        op_fail(L, PT2_ERR_FORMAT, "indices are %s, not integers", pt2_dtype_name(t->dtype));
    return pt2_cast(L->E, PT2_I64, op_at(L, t, at));
}

pt2_ex op_index_at(struct pt2_lower *L, pt2_t *t, const pt2_ex *at, pt2_ex size)
{
    return op_index(L, op_int_at(L, t, at), size);
}

struct pt2_complex op_elem(struct pt2_lower *L, pt2_t *t, const pt2_ex *at)
{
    if (pt2_dtype_is_complex(t->dtype))
        return op_at_c(L, t, at);
    pt2_ex re = op_at(L, t, at);
    return (struct pt2_complex){ re, pt2_int(L->E, re->dtype, 0) };
}

struct pt2_complex op_elem_bcast(struct pt2_lower *L, pt2_t *t, int rank, const pt2_ex *at)
{
    if (pt2_dtype_is_complex(t->dtype))
        return op_at_bcast_c(L, t, rank, at);
    pt2_ex re = op_at_bcast(L, t, rank, at);
    return (struct pt2_complex){ re, pt2_int(L->E, re->dtype, 0) };
}

pt2_t *op_map_elem(struct pt2_lower *L, pt2_dtype dtype, int rank, const pt2_ex *shape, struct pt2_complex v)
{
    return pt2_dtype_is_complex(dtype) ? op_map_c(L, dtype, rank, shape, v) : op_map(L, dtype, rank, shape, v.re);
}

pt2_ex op_truth_at(struct pt2_lower *L, pt2_t *t, const pt2_ex *at)
{
    struct pt2_complex v = op_elem(L, t, at);
    pt2_ex yes = pt2_cast(L->E, PT2_BOOL, v.re);
    return pt2_dtype_is_complex(t->dtype) ? pt2_or(L->E, yes, pt2_cast(L->E, PT2_BOOL, v.im)) : yes;
}

struct pt2_complex op_number(struct pt2_lower *L, pt2_dtype dtype, double v)
{
    int t = pt2_dtype_compute(pt2_dtype_real(dtype));
    return (struct pt2_complex){ pt2_num(L->E, t, v), pt2_num(L->E, t, 0) };
}

pt2_t *op_pick(struct pt2_lower *L, pt2_t *x, int rank, const pt2_ex *shape, const pt2_ex *index, pt2_ex inside,
               struct pt2_complex other)
{
    struct pt2_complex v = op_elem(L, x, index);
    if (inside) {
        v.re = pt2_select(L->E, inside, v.re, other.re);
        v.im = pt2_select(L->E, inside, v.im, other.im);
    }
    return op_map_elem(L, x->dtype, rank, shape, v);
}

static pt2_t *put_complex(struct pt2_lower *L, enum pt2_reduce_op op, pt2_t *base, int num_axes, const pt2_ex *axes,
                          const pt2_ex *index, struct pt2_complex v, pt2_ex cond)
{
    pt2_ex space[PT2_MAX_RANK + 1], at[PT2_MAX_RANK + 1];
    if (num_axes >= PT2_MAX_RANK || base->rank >= PT2_MAX_RANK)
        op_fail(L, PT2_ERR_UNSUPPORTED, "more than %d dimensions of complex numbers", PT2_MAX_RANK - 1);
    if (op != PT2_RED_SUM && op != PT2_RED_SET)
        op_fail(L, PT2_ERR_UNSUPPORTED, "this reduction of complex numbers");
    memcpy(space, axes, sizeof *axes * (size_t)num_axes);
    memcpy(at, index, sizeof *index * (size_t)base->rank);
    space[num_axes] = pt2_idx(L->E, 2);
    at[base->rank] = pt2_var(L->E, num_axes, space[num_axes]);
    pt2_ex is_re = pt2_eq(L->E, at[base->rank], pt2_idx(L->E, 0));
    pt2_t *out = op_scatter(L, op, op_real_view(L, base), num_axes + 1, space, at,
                            pt2_select(L->E, is_re, v.re, v.im), cond);
    return op_complex_view(L, out);
}

pt2_t *op_put(struct pt2_lower *L, enum pt2_reduce_op op, pt2_t *base, int num_axes, const pt2_ex *axes,
              const pt2_ex *index, struct pt2_complex v, pt2_ex cond)
{
    pt2_ex one = pt2_idx(L->E, 1);
    if (cond && pt2_is_int(cond, 1))
        cond = NULL;
    if (num_axes == 0) { /* one update */
        num_axes = 1;
        axes = &one;
    }
    if (pt2_dtype_is_complex(base->dtype))
        return put_complex(L, op, base, num_axes, axes, index, v, cond);
    if (base->dtype == PT2_BOOL && op != PT2_RED_SET) { /* + and max are or, * and min are and */
        bool any = op == PT2_RED_SUM || op == PT2_RED_MAX;
        pt2_ex turns = any ? v.re : pt2_not(L->E, v.re);
        cond = cond ? pt2_and(L->E, cond, turns) : turns;
        return op_scatter(L, PT2_RED_SET, base, num_axes, axes, index, pt2_int(L->E, PT2_BOOL, any), cond);
    }
    pt2_dtype wide = pt2_dtype_compute(base->dtype);
    bool sums = op == PT2_RED_SUM || op == PT2_RED_PROD;
    pt2_t *to = sums ? op_convert(L, base, wide) : base;
    return op_convert(L, op_scatter(L, op, to, num_axes, axes, index, v.re, cond), base->dtype);
}

/* ---- advanced indexing ---- */

/* One index tensor at dimension d; returns the number of dimensions it covers. */
static int add_part(struct pt2_lower *L, pt2_t *self, pt2_t *t, int d, struct pt2_indexing *ix)
{
    bool mask = t && (t->dtype == PT2_BOOL || t->dtype == PT2_U8);
    int covers = mask ? (t->rank ? t->rank : 1) : 1;
    if (d + covers > self->rank)
        op_fail(L, PT2_ERR_FORMAT, "too many indices for a tensor of %d dimensions", self->rank);
    if (mask && !t->rank)
        op_fail(L, PT2_ERR_UNSUPPORTED, "a mask without dimensions as an index");
    for (int k = 0; k < covers; k++)
        ix->part[d + k] = (struct pt2_index_part){ t, mask ? covers : 0, k, mask ? t->shape : NULL };
    return covers;
}

/* The place of the index dimensions, and how many there are (before masks are counted). */
static void find_place(struct pt2_indexing *ix)
{
    int first = -1, last = -1, n = 0;
    for (int d = 0; d < ix->rank; d++) {
        if (!ix->part[d].t)
            continue;
        int r = ix->part[d].mask_rank ? 1 : ix->part[d].t->rank;
        first = first < 0 ? d : first;
        last = d;
        n++;
        ix->num_bcast = r > ix->num_bcast ? r : ix->num_bcast;
    }
    ix->at = first >= 0 && last - first + 1 == n ? first : 0;
}

static void count_masks(struct pt2_lower *L, struct pt2_indexing *ix, int out)
{
    pt2_ex size = NULL;
    for (int d = 0; d < ix->rank; d++) {
        struct pt2_index_part *p = &ix->part[d];
        if (!p->mask_rank || p->mask_dim)
            continue;
        for (int k = 0; k < p->mask_rank; k++)
            if (pt2_is_const(p->mask_shape[k]) && pt2_is_const(ix->sizes[d + k]) &&
                p->mask_shape[k] != ix->sizes[d + k])
                op_fail(L, PT2_ERR_FORMAT, "the mask does not have the shape of what it selects from");
        pt2_t *flags = op_flags(L, p->t);
        if (!size)
            size = op_bind_size(L, pt2_cast(L->E, PT2_IDX, op_at(L, op_count_true(L, flags), NULL)), out,
                                ix->at + ix->num_bcast - 1);
        pt2_t *positions = op_positions(L, flags, size, -1, 0);
        for (int k = 0; k < p->mask_rank; k++)
            ix->part[d + k].t = positions;
    }
}

void op_indexing(struct pt2_lower *L, pt2_t *self, int n, pt2_t *const *indices, int out, struct pt2_indexing *ix)
{
    pt2_t *list[PT2_MAX_RANK];
    int d = 0, count = 0;
    memset(ix, 0, sizeof *ix);
    ix->rank = self->rank;
    ix->sizes = self->shape;
    for (int k = 0; k < n; k++)
        d += add_part(L, self, indices[k], d, ix);
    find_place(ix);
    count_masks(L, ix, out);
    for (d = 0; d < self->rank; d++)
        if (ix->part[d].t)
            list[count++] = ix->part[d].t;
    ix->num_bcast = count ? op_broadcast(L, count, list, ix->bcast) : 0;
    if (self->rank - count + ix->num_bcast > PT2_MAX_RANK)
        op_fail(L, PT2_ERR_UNSUPPORTED, "a result of more than %d dimensions", PT2_MAX_RANK);
    for (d = 0; d <= self->rank; d++) {
        if (d == ix->at)
            for (int k = 0; k < ix->num_bcast; k++)
                ix->out_shape[ix->out_rank++] = ix->bcast[k];
        if (d < self->rank && !ix->part[d].t)
            ix->out_shape[ix->out_rank++] = self->shape[d];
    }
}

void op_check_indexing(struct pt2_lower *L, const struct pt2_indexing *ix)
{
    for (int d = 0; d < ix->rank; d++)
        if (ix->part[d].t && !ix->part[d].mask_rank)
            op_check_indices(L, ix->part[d].t, op_from_end_too(L, ix->sizes[d]));
}

pt2_ex op_indexing_inside(struct pt2_lower *L, const struct pt2_indexing *ix, const pt2_ex *at)
{
    pt2_ex inside = pt2_int(L->E, PT2_BOOL, 1);
    for (int d = 0; d < ix->rank; d++) {
        const struct pt2_index_part *p = &ix->part[d];
        if (!p->t || p->mask_rank)
            continue;
        pt2_ex v = pt2_cast(L->E, PT2_I64, op_at_bcast(L, p->t, ix->num_bcast, at + ix->at));
        inside = pt2_and(L->E, inside, op_inside(L, v, op_from_end_too(L, ix->sizes[d])));
    }
    return inside;
}

void op_indexing_at(struct pt2_lower *L, const struct pt2_indexing *ix, const pt2_ex *at, bool clamp, pt2_ex *out_index)
{
    struct pt2_exprs *E = L->E;
    pt2_ex digits[PT2_MAX_RANK];
    int plain = 0;
    for (int d = 0; d < ix->rank; d++) {
        const struct pt2_index_part *p = &ix->part[d];
        if (!p->t) {
            out_index[d] = at[plain < ix->at ? plain : plain + ix->num_bcast];
            plain++;
            continue;
        }
        pt2_ex v = pt2_cast(E, PT2_I64, op_at_bcast(L, p->t, ix->num_bcast, at + ix->at));
        if (p->mask_rank) {
            pt2_delinearize(E, p->mask_rank, p->mask_shape, pt2_cast(E, PT2_IDX, v), digits);
            out_index[d] = digits[p->mask_dim];
        } else if (clamp) {
            pt2_ex top = pt2_max(E, pt2_addi(E, ix->sizes[d], -1), pt2_idx(E, 0));
            out_index[d] = pt2_min(E, pt2_max(E, pt2_cast(E, PT2_IDX, v), pt2_idx(E, 0)), top);
        } else {
            out_index[d] = op_index(L, v, ix->sizes[d]);
        }
    }
}
