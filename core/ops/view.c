/* SPDX-License-Identifier: MIT
 * Views: reshapes, permutations, slices, splits and their like. All are index maps; what they produce aliases their
 * operand. Sizes come from the file; only where a view begins is computed here. */
#include "ops/internal.h"
#include "ops/math.h"
#include "ops/shape.h"

static pt2_t *self(struct pt2_lower *L)
{
    return op_tensor(L, op_has(L, "self") ? "self" : "A"); /* linalg_diagonal calls it A */
}

static void need_rank(struct pt2_lower *L, const pt2_t *t, int rank)
{
    if (t->rank < rank)
        op_fail(L, PT2_ERR_FORMAT, "a tensor of %d dimensions, %d are needed", t->rank, rank);
}

/* ---- the same elements in the same order ---- */

static void lower_alias(struct pt2_lower *L)
{
    op_return(L, self(L));
}

/* contiguous: the tensor itself where it lies so already. */
static void lower_contiguous(struct pt2_lower *L)
{
    pt2_t *t = self(L);
    op_return(L, op_lies_as_result(L, "self") ? t : op_clone(L, t));
}

static void lower_clone(struct pt2_lower *L)
{
    op_return(L, op_clone(L, self(L)));
}

static void lower_reshape(struct pt2_lower *L)
{
    op_return(L, op_reshape(L, self(L), op_out_rank(L, 0), op_out_shape(L, 0)));
}

/* reshape: a view where strides allow one, else a copy. data: always a copy. */
static void lower_reshape_or_copy(struct pt2_lower *L)
{
    pt2_t *t = self(L);
    int rank = op_out_rank(L, 0);
    pt2_ex *shape = op_out_shape(L, 0);
    bool copy = L->row->data || !op_strides_allow(L, "self", rank, shape);
    op_return(L, op_reshape(L, copy ? op_clone(L, t) : t, rank, shape));
}

/* atleast_2d of a list and the like: each result is a reshape of its operand. */
static void lower_reshape_list(struct pt2_lower *L)
{
    pt2_t **list;
    int n = op_tensors(L, "tensors", &list);
    for (int k = 0; k < n && (uint32_t)k < L->node->num_outs; k++)
        if (list[k])
            op_result(L, k, op_reshape(L, list[k], op_out_rank(L, k), op_out_shape(L, k)));
}

static void lower_broadcast_tensors(struct pt2_lower *L)
{
    pt2_t **list;
    int n = op_tensors(L, "tensors", &list);
    for (int k = 0; k < n && (uint32_t)k < L->node->num_outs; k++)
        if (list[k])
            op_result(L, k, op_expand(L, list[k], op_out_rank(L, k), op_out_shape(L, k)));
}

static void lower_expand(struct pt2_lower *L)
{
    op_return(L, op_expand(L, self(L), op_out_rank(L, 0), op_out_shape(L, 0)));
}

/* Dimension d of the operand is dimension broadcast_dimensions[d] of the result; the others are repeated. */
static void lower_broadcast_in_dim(struct pt2_lower *L)
{
    pt2_t *t = op_tensor(L, "a");
    int rank = op_out_rank(L, 0), dims[PT2_MAX_RANK], n = op_dims(L, "broadcast_dimensions", rank, dims);
    if (n != t->rank)
        op_fail(L, PT2_ERR_FORMAT, "%d broadcast dimensions of a tensor of %d", n, t->rank);
    for (int d = 0, next = 0; d < rank; d++) {
        if (next < n && dims[next] == d)
            next++;
        else if (t->rank < rank)
            t = op_unsqueeze(L, t, d);
        else
            op_fail(L, PT2_ERR_FORMAT, "broadcast dimensions are not in order");
    }
    op_return(L, op_expand(L, t, rank, op_out_shape(L, 0)));
}

static void lower_unsqueeze(struct pt2_lower *L)
{
    pt2_t *t = self(L);
    int64_t dim = op_int(L, "dim", 0);
    if (dim < 0)
        dim += t->rank + 1;
    if (dim < 0 || dim > t->rank)
        op_fail(L, PT2_ERR_FORMAT, "unsqueeze at dimension %lld of %d", (long long)dim, t->rank);
    op_return(L, op_unsqueeze(L, t, (int)dim));
}

static void lower_squeeze(struct pt2_lower *L)
{
    pt2_t *t = self(L);
    int dims[PT2_MAX_RANK], n = op_has(L, "dim") ? op_dims(L, "dim", t->rank, dims) : -1;
    for (int d = t->rank - 1; d >= 0; d--) {
        bool named = n < 0;
        for (int k = 0; k < n; k++)
            named = named || dims[k] == d;
        if (named && pt2_is_int(t->shape[d], 1))
            t = op_squeeze(L, t, d);
    }
    op_return(L, t);
}

/* ---- permutations ---- */

static pt2_t *swap(struct pt2_lower *L, pt2_t *t, int a, int b)
{
    int dims[PT2_MAX_RANK];
    for (int k = 0; k < t->rank; k++)
        dims[k] = k == a ? b : k == b ? a : k;
    return t->rank ? op_permute(L, t, dims) : t;
}

static void lower_permute(struct pt2_lower *L)
{
    pt2_t *t = self(L);
    int dims[PT2_MAX_RANK];
    if (op_dims(L, "dims", t->rank, dims) != t->rank)
        op_fail(L, PT2_ERR_FORMAT, "permute of %d dimensions", t->rank);
    op_return(L, t->rank ? op_permute(L, t, dims) : t);
}

/* data 1: the arguments are axis0 and axis1. */
static void lower_transpose(struct pt2_lower *L)
{
    pt2_t *t = self(L);
    bool axis = L->row->data;
    int a = op_dim(L, axis ? "axis0" : "dim0", 0, t->rank), b = op_dim(L, axis ? "axis1" : "dim1", 1, t->rank);
    op_return(L, swap(L, t, a, b));
}

/* t, mT and numpy_T: the last two dimensions, or all (data 1), reversed. */
static void lower_reverse(struct pt2_lower *L)
{
    pt2_t *t = self(L);
    int dims[PT2_MAX_RANK];
    for (int k = 0; k < t->rank; k++)
        dims[k] = t->rank - 1 - k;
    if (L->row->data)
        op_return(L, t->rank ? op_permute(L, t, dims) : t);
    else
        op_return(L, t->rank < 2 ? t : swap(L, t, t->rank - 2, t->rank - 1));
}

/* mH, matrix_H, adjoint: transposed and, when complex, conjugated (then a new tensor). */
static void lower_adjoint(struct pt2_lower *L)
{
    pt2_t *t = self(L);
    if (t->rank >= 2)
        t = swap(L, t, t->rank - 2, t->rank - 1);
    if (pt2_dtype_is_complex(t->dtype)) {
        struct pt2_complex c = op_at_c(L, t, op_vars(L, t->rank, t->shape));
        c.im = ex_neg(L->E, c.im);
        t = op_map_c(L, t->dtype, t->rank, t->shape, c);
    }
    op_return(L, t);
}

static void lower_movedim(struct pt2_lower *L)
{
    pt2_t *t = self(L);
    int from[PT2_MAX_RANK], to[PT2_MAX_RANK], dims[PT2_MAX_RANK];
    int n = op_dims(L, "source", t->rank, from);
    bool used[PT2_MAX_RANK] = { false };
    if (n < 0 || op_dims(L, "destination", t->rank, to) != n)
        op_fail(L, PT2_ERR_FORMAT, "movedim with lists of different length");
    for (int d = 0; d < t->rank; d++)
        dims[d] = -1;
    for (int k = 0; k < n; k++) {
        dims[to[k]] = from[k];
        used[from[k]] = true;
    }
    for (int d = 0, next = 0; d < t->rank; d++) {
        if (dims[d] >= 0)
            continue;
        while (used[next])
            next++;
        dims[d] = next++;
    }
    op_return(L, t->rank ? op_permute(L, t, dims) : t);
}

/* ---- parts ---- */

pt2_ex op_from_end(struct pt2_lower *L, pt2_ex i, pt2_ex size)
{
    pt2_ex zero = pt2_idx(L->E, 0);
    if (pt2_prove_le(L->E, zero, i))
        return i;
    if (pt2_prove_lt(L->E, i, zero))
        return pt2_add(L->E, i, size);
    return pt2_select(L->E, pt2_lt(L->E, i, zero), pt2_add(L->E, i, size), i);
}

/* A slice's bound, as Python clips it. */
static pt2_ex clip(struct pt2_lower *L, pt2_ex i, pt2_ex size)
{
    return pt2_max(L->E, pt2_idx(L->E, 0), pt2_min(L->E, op_from_end(L, i, size), size));
}

static void lower_select(struct pt2_lower *L)
{
    pt2_t *t = self(L);
    int dim = op_dim(L, "dim", 0, t->rank);
    need_rank(L, t, 1);
    pt2_ex index = op_size(L, "index", 0);
    op_check_index(L, 0, NULL, pt2_cast(L->E, PT2_I64, index), NULL, op_from_end_too(L, t->shape[dim]));
    op_return(L, op_select(L, t, dim, op_from_end(L, index, t->shape[dim])));
}

/* Whether size d of result k is a symbol that this very call defines, as a slice between data-dependent bounds does. */
static bool defines_size(struct pt2_lower *L, int k, int d)
{
    const struct pt2_tensor_meta *m = L->node->outs[k]->meta;
    const struct pt2_symexpr *e = m && d < m->rank ? m->sizes[d] : NULL;
    if (!e || e->op != PT2_SYM_NAME || e->name[0] != 'u')
        return false;
    return !pt2_binder_of(L, pt2_symbol(L->E, e->name));
}

/* Result k: [start, end) of dimension dim in steps; the size is the file's. */
static pt2_t *part(struct pt2_lower *L, pt2_t *t, int k, int dim, pt2_ex start, pt2_ex end, pt2_ex step)
{
    if (op_out_rank(L, k) != t->rank)
        op_fail(L, PT2_ERR_FORMAT, "a part of another rank");
    if (defines_size(L, k, dim)) {
        pt2_ex room = pt2_max(L->E, pt2_sub(L->E, end, start), pt2_idx(L->E, 0));
        pt2_ex up = pt2_addi(L->E, pt2_add(L->E, room, step), -1);
        return op_slice(L, t, dim, start, op_item(L, pt2_floordiv(L->E, up, step), k), step);
    }
    return op_slice(L, t, dim, start, op_out_shape(L, k)[dim], step);
}

static void lower_slice(struct pt2_lower *L)
{
    pt2_t *t = self(L);
    int dim = op_dim(L, "dim", 0, t->rank);
    need_rank(L, t, 1);
    pt2_ex size = t->shape[dim], start = clip(L, op_size(L, "start", 0), size);
    pt2_ex end = op_has(L, "end") ? clip(L, op_size(L, "end", 0), size) : size;
    op_return(L, part(L, t, 0, dim, start, end, op_size(L, "step", 1)));
}

/* `start` may be a tensor. */
static void lower_narrow(struct pt2_lower *L)
{
    pt2_t *t = self(L);
    int dim = op_dim(L, "dim", 0, t->rank);
    need_rank(L, t, 1);
    pt2_ex start = op_from_end(L, op_size(L, "start", 0), t->shape[dim]);
    op_return(L, op_slice(L, t, dim, start, op_size(L, "length", 0), pt2_idx(L->E, 1)));
}

static void lower_unfold(struct pt2_lower *L)
{
    pt2_t *t = self(L);
    pt2_ex index[PT2_MAX_RANK], *shape = op_out_shape(L, 0);
    int dim = op_dim(L, "dimension", 0, t->rank), rank = op_out_rank(L, 0);
    if (rank != t->rank + 1)
        op_fail(L, PT2_ERR_FORMAT, "unfold of %d dimensions to %d", t->rank, rank);
    pt2_ex *v = op_vars(L, rank, shape);
    for (int d = 0; d < t->rank; d++)
        index[d] = v[d];
    if (t->rank)
        index[dim] = pt2_add(L->E, pt2_mul(L->E, v[dim], op_size(L, "step", 1)), v[t->rank]);
    op_return(L, op_view(L, t, rank, shape, index));
}

/* data 1: the last two dimensions are the default. */
static void lower_diagonal(struct pt2_lower *L)
{
    pt2_t *t = self(L);
    pt2_ex index[PT2_MAX_RANK], *shape = op_out_shape(L, 0);
    bool last = L->row->data;
    int a = op_dim(L, "dim1", last ? -2 : 0, t->rank), b = op_dim(L, "dim2", last ? -1 : 1, t->rank);
    int rank = op_out_rank(L, 0), n = 0;
    if (a == b || rank != t->rank - 1)
        op_fail(L, PT2_ERR_FORMAT, "diagonal of dimensions %d and %d", a, b);
    pt2_ex offset = op_size(L, "offset", 0), zero = pt2_idx(L->E, 0), *v = op_vars(L, rank, shape);
    for (int d = 0; d < t->rank; d++)
        if (d != a && d != b)
            index[d] = v[n++];
    index[a] = pt2_add(L->E, v[n], pt2_max(L->E, pt2_muli(L->E, offset, -1), zero));
    index[b] = pt2_add(L->E, v[n], pt2_max(L->E, offset, zero));
    op_return(L, op_view(L, t, rank, shape, index));
}

/* ---- splits ---- */

/* Consecutive parts along `dim`, as long as the file says. */
static void split(struct pt2_lower *L, pt2_t *t, int dim)
{
    pt2_ex start = pt2_idx(L->E, 0);
    need_rank(L, t, 1);
    for (int k = 0; (uint32_t)k < L->node->num_outs; k++) {
        if (op_out_rank(L, k) != t->rank)
            op_fail(L, PT2_ERR_FORMAT, "a part of another rank");
        pt2_ex size = op_out_shape(L, k)[dim];
        op_result(L, k, op_slice(L, t, dim, start, size, pt2_idx(L->E, 1)));
        start = pt2_add(L->E, start, size);
    }
}

static void lower_split(struct pt2_lower *L)
{
    pt2_t *t = self(L);
    split(L, t, op_dim(L, "dim", 0, t->rank));
}

static void lower_unbind(struct pt2_lower *L)
{
    pt2_t *t = self(L);
    int dim = op_dim(L, "dim", 0, t->rank);
    need_rank(L, t, 1);
    for (int k = 0; (uint32_t)k < L->node->num_outs; k++)
        op_result(L, k, op_select(L, t, dim, pt2_idx(L->E, k)));
}

/* Parts that begin at given indices, which need not be in order: part k is [index k-1, index k). */
static void split_at(struct pt2_lower *L, pt2_t *t, int dim, int n, const pt2_ex *at)
{
    need_rank(L, t, 1);
    for (int k = 0; (uint32_t)k < L->node->num_outs && k <= n; k++) {
        pt2_ex start = k ? clip(L, at[k - 1], t->shape[dim]) : pt2_idx(L->E, 0);
        pt2_ex end = k < n ? clip(L, at[k], t->shape[dim]) : t->shape[dim];
        op_result(L, k, part(L, t, k, dim, start, end, pt2_idx(L->E, 1)));
    }
}

/* tensor_split, hsplit (data 1), vsplit (2), dsplit (3): by count, by a list of indices, or by a tensor of either. */
static void lower_tensor_split(struct pt2_lower *L)
{
    pt2_t *t = self(L), *indices = op_tensor_opt(L, "tensor_indices_or_sections");
    int64_t kind = L->row->data;
    int dim = kind == 1 ? t->rank > 1 : kind ? (int)kind - 2 + (kind == 3) : op_dim(L, "dim", 0, t->rank);
    pt2_ex at[PT2_MAX_RANK];
    need_rank(L, t, dim + 1);
    if (indices && indices->rank == 1) {
        int n = (int)L->node->num_outs - 1;
        pt2_ex *starts = PT2_NEW_N(L->arena, pt2_ex, n + 1);
        for (int k = 0; k < n; k++) {
            pt2_ex i = pt2_idx(L->E, k);
            starts[k] = pt2_cast(L->E, PT2_IDX, op_at(L, indices, &i));
        }
        split_at(L, t, dim, n, starts);
    } else if (op_has(L, "indices") && !indices) {
        split_at(L, t, dim, op_sizes(L, "indices", at), at);
    } else {
        split(L, t, dim);
    }
}

/* ---- strided views ---- */

/* The dimensions of t from the innermost in memory to the outermost, when its strides are those of a dense tensor,
 * permuted. The exporter writes strides with sizes or with max(1, size). */
static bool memory_order(struct pt2_lower *L, pt2_t *t, const struct pt2_tensor_meta *m, int *order)
{
    pt2_ex expect = pt2_idx(L->E, 1), safe = expect;
    bool used[PT2_MAX_RANK] = { false };
    for (int n = 0; n < t->rank; n++) {
        int found = -1;
        for (int d = t->rank - 1; d >= 0 && found < 0; d--) {
            pt2_ex s = pt2_cast(L->E, PT2_IDX, pt2_lower_symexpr(L, m->strides[d]));
            bool fits = pt2_is_int(t->shape[d], 1) || pt2_prove_eq(L->E, s, expect) || pt2_prove_eq(L->E, s, safe);
            found = !used[d] && fits ? d : -1;
        }
        if (found < 0)
            return false;
        used[found] = true;
        order[n] = found;
        expect = pt2_mul(L->E, expect, t->shape[found]);
        safe = pt2_mul(L->E, safe, pt2_max(L->E, t->shape[found], pt2_idx(L->E, 1)));
    }
    return true;
}

/* The dimensions of t as its storage has them, from the outermost: in the order that m tells, else row-major. */
struct layout {
    int rank, dim[PT2_MAX_RANK];
    pt2_ex size[PT2_MAX_RANK];
};

static struct layout layout_of(struct pt2_lower *L, pt2_t *t, const struct pt2_tensor_meta *m)
{
    struct layout l = { .rank = t->rank };
    int order[PT2_MAX_RANK];
    bool known = m && m->rank == t->rank;
    if (known && !memory_order(L, t, m, order))
        op_fail(L, PT2_ERR_UNSUPPORTED, "as_strided of a tensor whose storage has gaps or is not known");
    for (int n = 0; n < t->rank; n++) {
        l.dim[n] = known ? order[t->rank - 1 - n] : n;
        l.size[n] = t->shape[l.dim[n]];
    }
    return l;
}

/* The index of element `p` of the storage. */
static void storage_to_index(struct pt2_lower *L, const struct layout *l, pt2_ex p, pt2_ex *index)
{
    pt2_ex at[PT2_MAX_RANK];
    pt2_delinearize(L->E, l->rank, l->size, p, at);
    for (int n = 0; n < l->rank; n++)
        index[l->dim[n]] = at[n];
}

static pt2_ex index_to_storage(struct pt2_lower *L, const struct layout *l, const pt2_ex *index)
{
    pt2_ex at[PT2_MAX_RANK];
    for (int n = 0; n < l->rank; n++)
        at[n] = index[l->dim[n]];
    return pt2_linearize(L->E, l->rank, l->size, at);
}

pt2_t *op_store_tensor(struct pt2_lower *L, pt2_t *t)
{
    struct pt2_value *v = t->store->cur;
    pt2_t *all = pt2_tensor_new(L, t->dtype, v->rank - (pt2_dtype_is_complex(t->dtype) ? 1 : 0), v->shape);
    all->store = t->store;
    return all;
}

/* Where the part that t views of its store begins. */
static pt2_ex first_of_part(struct pt2_lower *L, const struct layout *l, pt2_t *t)
{
    pt2_ex zero[PT2_MAX_RANK], index[PT2_MAX_RANK];
    for (int d = 0; d < t->rank; d++)
        zero[d] = pt2_idx(L->E, 0);
    for (int d = 0; d < l->rank; d++)
        index[d] = pt2_subst_vars(L->E, t->map[d], t->rank, zero);
    return index_to_storage(L, l, index);
}

/* All elements from `first` to the last one must be there, unless the view has none. */
static void check_inside(struct pt2_lower *L, pt2_ex first, int rank, const pt2_ex *shape, const pt2_ex *stride,
                         pt2_ex count)
{
    static const char outside[] = "as_strided reads storage outside of the tensor";
    struct pt2_exprs *E = L->E;
    pt2_ex last = first, zero = pt2_idx(E, 0), none = pt2_int(E, PT2_BOOL, 0);
    for (int d = 0; d < rank; d++) {
        last = pt2_add(E, last, pt2_mul(E, pt2_addi(E, shape[d], -1), stride[d]));
        none = pt2_or(E, none, pt2_eq(E, shape[d], zero));
    }
    pt2_ex inside = pt2_and(E, pt2_le(E, zero, first), pt2_lt(E, last, count));
    inside = pt2_or(E, none, inside);
    if (pt2_is_int(inside, 0))
        op_fail(L, PT2_ERR_UNSUPPORTED, outside);
    op_check(L, inside, outside);
}

/* A view of t's storage by strides. An offset counts from the begin of the storage, which is what is passed for inputs
 * of the program; without one the view begins where t does. */
static pt2_t *as_strided(struct pt2_lower *L, pt2_t *t, const struct pt2_tensor_meta *m, int rank, const pt2_ex *shape,
                         const pt2_ex *stride, pt2_ex offset)
{
    pt2_ex index[PT2_MAX_RANK], *v = op_vars(L, rank, shape), p = offset;
    pt2_t *all = t->whole ? t : op_store_tensor(L, t);
    if (!t->whole)
        m = t->store->meta;
    struct layout l = layout_of(L, all, m);
    pt2_ex begin = m && m->offset ? pt2_lower_symexpr(L, m->offset) : pt2_idx(L->E, 0);
    if (!pt2_is_const(begin))
        begin = pt2_idx(L->E, 0);
    if (p)
        p = pt2_sub(L->E, p, begin);
    else
        p = t->whole ? pt2_idx(L->E, 0) : first_of_part(L, &l, t);
    check_inside(L, p, rank, shape, stride, op_numel(L, all));
    for (int d = 0; d < rank; d++)
        p = pt2_add(L->E, p, pt2_mul(L->E, v[d], stride[d]));
    storage_to_index(L, &l, p, index);
    return op_view(L, all, rank, shape, index);
}

pt2_t *op_as_strided(struct pt2_lower *L, pt2_t *t, const char *name, int rank, const pt2_ex *shape)
{
    pt2_ex stride[PT2_MAX_RANK], offset = op_has(L, "storage_offset") ? op_size(L, "storage_offset", 0) : NULL;
    if (op_sizes(L, "stride", stride) != rank)
        op_fail(L, PT2_ERR_FORMAT, "as_strided with sizes and strides of different length");
    return as_strided(L, t, op_meta(L, name), rank, shape, stride, offset);
}

static void lower_as_strided(struct pt2_lower *L)
{
    op_return(L, op_as_strided(L, self(L), "self", op_out_rank(L, 0), op_out_shape(L, 0)));
}

/* resize: the first elements in order; what a larger size adds is not defined in PyTorch, and 0 here. */
static void lower_resize(struct pt2_lower *L)
{
    pt2_t *t = self(L);
    int rank = op_out_rank(L, 0);
    pt2_ex index[PT2_MAX_RANK], *shape = op_out_shape(L, 0), *v = op_vars(L, rank, shape);
    pt2_ex n = op_numel(L, t), m = pt2_product(L->E, rank, shape), p = pt2_linearize(L->E, rank, shape, v);
    if (pt2_prove_eq(L->E, n, m)) {
        op_return(L, op_reshape(L, t, rank, shape));
        return;
    }
    pt2_delinearize(L->E, t->rank, t->shape, p, index);
    if (pt2_dtype_is_complex(t->dtype)) {
        op_return(L, op_map_c(L, t->dtype, rank, shape, op_at_c(L, t, index)));
        return;
    }
    pt2_ex zero = pt2_num(L->E, (int)pt2_dtype_compute(t->dtype), 0);
    op_return(L, op_map(L, t->dtype, rank, shape, op_at_or(L, t, index, pt2_lt(L->E, p, n), zero)));
}

/* ---- table ---- */

const struct pt2_op_row pt2_ops_view[] = {
    { "aten.alias", lower_alias, 0 },
    { "aten.detach", lower_alias, 0 },
    { "aten.detach_", lower_alias, 0 },
    { "aten.contiguous", lower_contiguous, 0 },
    { "aten.lift", lower_alias, 0 },
    { "aten.lift_fresh", lower_alias, 0 },
    { "aten.requires_grad_", lower_alias, 0 },
    { "aten.data", lower_alias, 0 },
    { "aten.pin_memory", lower_alias, 0 },
    { "aten._pin_memory", lower_alias, 0 },
    { "aten._lazy_clone", lower_clone, 0 },
    { "aten.clone", lower_clone, 0 },
    { "aten.lift_fresh_copy", lower_clone, 0 },
    { "aten.view", lower_reshape, 0 },
    { "aten.reshape", lower_reshape_or_copy, 0 },
    { "aten._unsafe_view", lower_reshape, 0 },
    { "aten._reshape_alias", lower_reshape, 0 },
    { "aten._reshape_copy", lower_reshape_or_copy, 1 },
    { "aten.view_as", lower_reshape, 0 },
    { "aten.reshape_as", lower_reshape_or_copy, 0 },
    { "aten.flatten", lower_reshape_or_copy, 0 },
    { "aten.unflatten", lower_reshape, 0 },
    { "aten.ravel", lower_reshape_or_copy, 0 },
    { "aten.atleast_1d", lower_reshape, 0 },
    { "aten.atleast_2d", lower_reshape, 0 },
    { "aten.atleast_3d", lower_reshape, 0 },
    { "aten.atleast_1d.Sequence", lower_reshape_list, 0 },
    { "aten.atleast_2d.Sequence", lower_reshape_list, 0 },
    { "aten.atleast_3d.Sequence", lower_reshape_list, 0 },
    { "aten.broadcast_tensors", lower_broadcast_tensors, 0 },
    { "aten.expand", lower_expand, 0 },
    { "aten.expand_as", lower_expand, 0 },
    { "aten.broadcast_to", lower_expand, 0 },
    { "prims.broadcast_in_dim", lower_broadcast_in_dim, 0 },
    { "aten.unsqueeze", lower_unsqueeze, 0 },
    { "aten.squeeze", lower_squeeze, 0 },
    { "aten.unsqueeze_", lower_unsqueeze, 0 }, /* in-place views: the call's result is the view */
    { "aten.squeeze_", lower_squeeze, 0 },
    { "aten.t_", lower_reverse, 0 },
    { "aten.transpose_", lower_transpose, 0 },
    { "aten.swapdims_", lower_transpose, 0 },
    { "aten.swapaxes_", lower_transpose, 1 },
    { "aten.permute", lower_permute, 0 },
    { "aten.transpose", lower_transpose, 0 },
    { "aten.swapdims", lower_transpose, 0 },
    { "aten.swapaxes", lower_transpose, 1 },
    { "aten.t", lower_reverse, 0 },
    { "aten.mT", lower_reverse, 0 },
    { "aten.numpy_T", lower_reverse, 1 },
    { "aten.mH", lower_adjoint, 0 },
    { "aten.matrix_H", lower_adjoint, 0 },
    { "aten.adjoint", lower_adjoint, 0 },
    { "aten.movedim", lower_movedim, 0 },
    { "aten.moveaxis", lower_movedim, 0 },
    { "aten.select", lower_select, 0 },
    { "aten.slice", lower_slice, 0 },
    { "aten.narrow", lower_narrow, 0 },
    { "aten.unfold", lower_unfold, 0 },
    { "aten.diagonal", lower_diagonal, 0 },
    { "aten.linalg_diagonal", lower_diagonal, 1 },
    { "aten.split", lower_split, 0 },
    { "aten.split_with_sizes", lower_split, 0 },
    { "aten.unsafe_split", lower_split, 0 },
    { "aten.unsafe_split_with_sizes", lower_split, 0 },
    { "aten.chunk", lower_split, 0 },
    { "aten.unsafe_chunk", lower_split, 0 },
    { "aten.unbind", lower_unbind, 0 },
    { "aten.tensor_split", lower_tensor_split, 0 },
    { "aten.hsplit", lower_tensor_split, 1 },
    { "aten.vsplit", lower_tensor_split, 2 },
    { "aten.dsplit", lower_tensor_split, 3 },
    { "aten.as_strided", lower_as_strided, 0 },
    { "aten.as_strided_", lower_as_strided, 0 },
    { "aten.resize", lower_resize, 0 },
    { "aten.resize_", lower_resize, 0 },
    { "aten.resize_as", lower_resize, 0 },
    { "aten.resize_as_", lower_resize, 0 },
    { 0 },
};
