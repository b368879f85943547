/* SPDX-License-Identifier: MIT
 * Sparse tensors (COO): indices [dims, n] and values [n, …]. The tensor itself is the dense one that they add up to,
 * a SCATTER that disappears when nothing reads it: an operator that knows nothing of sparse tensors reads that. The
 * operators here keep the parts: what maps 0 to 0 is computed of the values, a product gathers rows and adds them.
 *
 * The exporter traces sparse tensors without elements, so that the file gives `values` and `indices` no size: what is
 * computed of them has wrong sizes there, which are inferred instead. */
#include "ops/custom.h"
#include "ops/data.h"
#include "ops/internal.h"
#include "ops/sparse.h"

/* ---- the parts ---- */

static pt2_t *zeros(struct pt2_lower *L, pt2_dtype dtype, int rank, const pt2_ex *shape)
{
    return op_map_elem(L, dtype, rank, shape, op_number(L, dtype, 0));
}

/* Where element `at` of the values lies in a tensor of this shape. */
static void place(struct pt2_lower *L, const struct pt2_sparse *s, const pt2_ex *shape, const pt2_ex *at, pt2_ex *out)
{
    for (int k = 0; k < s->dims; k++) {
        pt2_ex i[2] = { pt2_idx(L->E, k), at[0] };
        out[k] = op_index_at(L, s->indices, i, shape[k]);
    }
    for (int k = 1; k < s->values->rank; k++)
        out[s->dims + k - 1] = at[k];
}

static pt2_t *sparse_new(struct pt2_lower *L, pt2_t *indices, pt2_t *values, int dims, int rank, const pt2_ex *shape,
                         bool coalesced)
{
    struct pt2_sparse *s = PT2_NEW(L->arena, struct pt2_sparse);
    pt2_ex index[PT2_MAX_RANK];
    if (indices->rank != 2 || dims < 0 || values->rank != 1 + rank - dims)
        op_fail(L, PT2_ERR_FORMAT, "indices and values of a sparse tensor of other numbers of dimensions");
    *s = (struct pt2_sparse){ indices, values, dims, coalesced };
    pt2_ex *at = op_vars(L, values->rank, values->shape);
    place(L, s, shape, at, index);
    pt2_t *t = op_put(L, PT2_RED_SUM, zeros(L, values->dtype, rank, shape), values->rank, values->shape, index,
                      op_elem(L, values, at), NULL);
    t->sparse = s;
    return t;
}

static pt2_t *dense_of(struct pt2_lower *L, pt2_t *t)
{
    if (!t->sparse)
        return t;
    t = pt2_arena_copy(L->arena, t, sizeof *t);
    t->sparse = NULL;
    return t;
}

static const struct pt2_sparse *parts_of(struct pt2_lower *L, pt2_t *t)
{
    if (!t->sparse)
        op_fail(L, PT2_ERR_UNSUPPORTED, "the indices and values of a sparse tensor that was computed as a dense one "
                                        "are not known: use its to_dense()");
    return t->sparse;
}

/* ---- coalesce: elements in the order of their places, those at one place added ---- */

static pt2_t *keys_of(struct pt2_lower *L, pt2_t *t)
{
    struct pt2_exprs *E = L->E;
    pt2_ex j = pt2_var(E, 0, t->sparse->values->shape[0]), key = pt2_int(E, PT2_I64, 0);
    for (int k = 0; k < t->sparse->dims; k++) {
        pt2_ex i[2] = { pt2_idx(E, k), j };
        key = pt2_mul(E, key, pt2_cast(E, PT2_I64, t->shape[k]));
        key = pt2_add(E, key, op_int_at(L, t->sparse->indices, i));
    }
    return op_map(L, PT2_I64, 1, t->sparse->values->shape, key);
}

/* True where a place is another than the one before it. */
static pt2_t *firsts(struct pt2_lower *L, pt2_t *keys)
{
    struct pt2_exprs *E = L->E;
    pt2_ex j = pt2_var(E, 0, keys->shape[0]), before = pt2_max(E, pt2_addi(E, j, -1), pt2_idx(E, 0));
    pt2_ex other = pt2_bin(E, PT2_E_NE, op_at(L, keys, &j), op_at(L, keys, &before));
    return op_map(L, PT2_BOOL, 1, keys->shape, pt2_or(E, pt2_eq(E, j, pt2_idx(E, 0)), other));
}

static pt2_t *coalesced(struct pt2_lower *L, pt2_t *t)
{
    const struct pt2_sparse *s = parts_of(L, t);
    pt2_t *keys, *from;
    pt2_ex shape[PT2_MAX_RANK], index[PT2_MAX_RANK], n = s->values->shape[0];
    if (s->coalesced)
        return t;
    op_sort(L, keys_of(L, t), 0, false, &keys, &from);
    pt2_t *flags = firsts(L, keys), *found = op_positions(L, flags, NULL, -1, 0), *rank = op_rank_true(L, flags);
    shape[0] = pt2_idx(L->E, s->dims);
    shape[1] = found->shape[0];
    pt2_ex *at = op_vars(L, 2, shape), first = op_index_at(L, found, &at[1], n);
    index[0] = at[0];
    index[1] = op_index_at(L, from, &first, n);
    pt2_t *indices = op_pick(L, s->indices, 2, shape, index, NULL, op_number(L, PT2_I64, 0));
    memcpy(shape, s->values->shape, sizeof *shape * (size_t)s->values->rank);
    shape[0] = found->shape[0];
    at = op_vars(L, s->values->rank, s->values->shape);
    memcpy(index, at, sizeof *at * (size_t)s->values->rank);
    pt2_ex group = pt2_sub(L->E, op_at(L, rank, &at[0]), pt2_int(L->E, PT2_I64, 1)), source[PT2_MAX_RANK];
    index[0] = op_index(L, group, shape[0]);
    memcpy(source, at, sizeof *at * (size_t)s->values->rank);
    source[0] = op_index_at(L, from, &at[0], n);
    pt2_t *values = op_put(L, PT2_RED_SUM, zeros(L, s->values->dtype, s->values->rank, shape), s->values->rank,
                           s->values->shape, index, op_elem(L, s->values, source), NULL);
    return sparse_new(L, indices, values, s->dims, t->rank, t->shape, true);
}

/* ---- building, converting ---- */

/* Each row of the indices is in the range of its dimension. */
static void check_indices(struct pt2_lower *L, pt2_t *indices, const pt2_ex *shape)
{
    for (int k = 0; k < (int)indices->shape[0]->i; k++) {
        pt2_ex at[2] = { pt2_idx(L->E, k), pt2_var(L->E, 0, indices->shape[1]) };
        op_check_index(L, 1, &indices->shape[1], op_int_at(L, indices, at), NULL, op_from_zero(L, shape[k]));
    }
}

/* sparse_coo_tensor(indices, values, size, …), without both: no elements. */
static void lower_coo(struct pt2_lower *L)
{
    int rank = op_out_rank(L, 0);
    pt2_ex *shape = op_out_shape(L, 0), none[2] = { pt2_idx(L->E, rank), pt2_idx(L->E, 0) };
    pt2_t *indices = op_tensor_opt(L, "indices"), *values = op_tensor_opt(L, "values");
    if (!indices)
        indices = zeros(L, PT2_I64, 2, none);
    if (indices->rank != 2 || !pt2_is_const(indices->shape[0]) || indices->shape[0]->i > rank)
        op_fail(L, PT2_ERR_FORMAT, "indices of %d dimensions, or for more than there are", indices->rank);
    if (!values)
        values = zeros(L, op_out_dtype(L, 0), 1, &none[1]);
    if (values->rank == 0)
        values = op_expand(L, values, 1, &indices->shape[1]);
    values = op_convert(L, values, op_out_dtype(L, 0));
    check_indices(L, indices, shape);
    op_return(L, sparse_new(L, indices, values, (int)indices->shape[0]->i, rank, shape,
                            op_bool(L, "is_coalesced", false)));
}

/* The elements at the true ones of flags, which are as many as the first `dims` dimensions have. */
static pt2_t *gather_true(struct pt2_lower *L, pt2_t *x, int dims, pt2_t *flags)
{
    struct pt2_exprs *E = L->E;
    pt2_t *found = op_positions(L, flags, NULL, -1, 0);
    pt2_ex shape[PT2_MAX_RANK] = { pt2_idx(E, dims), found->shape[0] }, digits[PT2_MAX_RANK], index[PT2_MAX_RANK];
    pt2_ex *at = op_vars(L, 2, shape), v = pt2_int(E, PT2_I64, 0);
    pt2_delinearize(E, dims, x->shape, op_index_at(L, found, &at[1], flags->shape[0]), digits);
    for (int d = 0; d < dims; d++)
        v = pt2_select(E, pt2_eq(E, at[0], pt2_idx(E, d)), pt2_cast(E, PT2_I64, digits[d]), v);
    pt2_t *indices = op_map(L, PT2_I64, 2, shape, v);
    shape[0] = found->shape[0];
    memcpy(shape + 1, x->shape + dims, sizeof *shape * (size_t)(x->rank - dims));
    at = op_vars(L, 1 + x->rank - dims, shape);
    pt2_delinearize(E, dims, x->shape, op_index_at(L, found, &at[0], flags->shape[0]), index);
    memcpy(index + dims, at + 1, sizeof *at * (size_t)(x->rank - dims));
    pt2_t *values = op_pick(L, x, 1 + x->rank - dims, shape, index, NULL, op_number(L, x->dtype, 0));
    return sparse_new(L, indices, values, dims, x->rank, x->shape, true);
}

static void lower_to_sparse(struct pt2_lower *L)
{
    pt2_t *x = op_tensor(L, "self");
    int dims = (int)op_int(L, "sparse_dim", x->rank);
    if (x->sparse) {
        op_return(L, x);
        return;
    }
    if (dims < 1 || dims > x->rank)
        op_fail(L, PT2_ERR_UNSUPPORTED, "%d sparse dimensions of %d", dims, x->rank);
    pt2_ex shape[2] = { pt2_product(L->E, dims, x->shape), pt2_product(L->E, x->rank - dims, x->shape + dims) };
    pt2_t *rows = op_reshape(L, x, 2, shape);
    pt2_ex *at = op_vars(L, 1, shape), both[2] = { at[0], op_axes(L, 1, 1, &shape[1])[0] };
    pt2_t *flags = op_reduce(L, PT2_RED_MAX, PT2_BOOL, 1, shape, 1, &shape[1], op_truth_at(L, rows, both));
    op_return(L, gather_true(L, x, dims, flags));
}

static void lower_to_dense(struct pt2_lower *L)
{
    op_return(L, op_convert(L, dense_of(L, op_tensor(L, "self")), op_out_dtype(L, 0)));
}

static void lower_coalesce(struct pt2_lower *L)
{
    op_return(L, coalesced(L, op_tensor(L, "self")));
}

/* data: 1 for the values. */
static void lower_part(struct pt2_lower *L)
{
    const struct pt2_sparse *s = parts_of(L, op_tensor(L, "self"));
    pt2_t *t = pt2_arena_copy(L->arena, L->row->data ? s->values : s->indices, sizeof *t);
    t->unsized = true;
    op_return(L, t);
}

enum { COUNT, SPARSE_DIM, DENSE_DIM, IS_COALESCED };

static void lower_question(struct pt2_lower *L)
{
    pt2_t *t = op_tensor(L, "self");
    const struct pt2_sparse *s = parts_of(L, t);
    int64_t what = L->row->data;
    op_result_scalar(L, 0, what == COUNT          ? s->values->shape[0]
                           : what == IS_COALESCED ? pt2_int(L->E, PT2_BOOL, s->coalesced)
                                                  : pt2_idx(L->E, what == SPARSE_DIM ? s->dims : t->rank - s->dims));
}

/* The elements of self at the places of a sparse mask. */
static void lower_mask(struct pt2_lower *L)
{
    pt2_t *x = dense_of(L, op_tensor(L, "self")), *mask = op_tensor(L, "mask");
    const struct pt2_sparse *s = parts_of(L, mask);
    pt2_ex index[PT2_MAX_RANK];
    place(L, s, mask->shape, op_vars(L, s->values->rank, s->values->shape), index);
    pt2_t *values = op_pick(L, x, s->values->rank, s->values->shape, index, NULL, op_number(L, x->dtype, 0));
    op_return(L, sparse_new(L, s->indices, values, s->dims, mask->rank, mask->shape, s->coalesced));
}

/* ---- products ---- */

/* a [m, k] @ b [k, n] or [k]: adds row a.col of b, times the value, to row a.row. */
static pt2_t *product(struct pt2_lower *L, pt2_t *a, pt2_t *b)
{
    const struct pt2_sparse *s = a->sparse;
    bool rows = s && !b->sparse && s->dims == 2 && a->rank == 2 && (b->rank == 1 || b->rank == 2);
    if (!rows)
        return op_matmul(L, dense_of(L, a), dense_of(L, b));
    pt2_ex axes[2] = { s->values->shape[0], b->shape[1] }, shape[2] = { a->shape[0], b->shape[1] }, place_of[2];
    pt2_ex *at = op_vars(L, b->rank, axes);
    place(L, s, a->shape, at, place_of);
    pt2_ex from[2] = { place_of[1], at[1] }, to[2] = { place_of[0], at[1] };
    if (pt2_dtype_is_complex(a->dtype) || pt2_dtype_is_complex(b->dtype))
        return op_matmul(L, dense_of(L, a), b);
    int wide = pt2_dtype_compute(a->dtype);
    pt2_ex v = pt2_mul(L->E, op_at(L, s->values, at), pt2_cast(L->E, wide, op_at(L, b, from)));
    return op_put(L, PT2_RED_SUM, zeros(L, a->dtype, b->rank, shape), b->rank, axes, to,
                  (struct pt2_complex){ v, NULL }, NULL);
}

/* The factors have other names in each operator. */
static void lower_product(struct pt2_lower *L)
{
    static const char *const first[] = { "self", "sparse", "mat1" };
    static const char *const second[] = { "mat2", "dense", "other", "vec" };
    pt2_t *a = NULL, *b = NULL;
    for (int k = 0; k < 3; k++)
        a = op_has(L, first[k]) ? op_tensor(L, first[k]) : a;
    for (int k = 0; k < 4; k++)
        b = op_has(L, second[k]) ? op_tensor(L, second[k]) : b;
    if (!a || !b)
        op_fail(L, PT2_ERR_FORMAT, "a product without factors");
    op_return(L, op_convert(L, product(L, a, b), op_out_dtype(L, 0)));
}

/* beta * self + alpha * (mat1 @ mat2) */
static void lower_add_product(struct pt2_lower *L)
{
    pt2_t *p = product(L, op_tensor(L, "mat1"), op_tensor(L, "mat2")), *self = op_tensor(L, "self");
    pt2_dtype dtype = op_out_dtype(L, 0);
    pt2_ex *at = op_vars(L, p->rank, p->shape), beta = op_scalar(L, "beta", dtype, 1);
    pt2_ex sum = pt2_mul(L->E, op_to(L, op_at(L, p, at), dtype), op_scalar(L, "alpha", dtype, 1));
    if (!pt2_is_const(beta) || beta->f != 0 || beta->i != 0)
        sum = pt2_add(L->E, sum, pt2_mul(L->E, beta, op_to(L, op_at_bcast(L, self, p->rank, at), dtype)));
    op_return(L, op_map(L, dtype, p->rank, p->shape, sum));
}

/* Of the elements that are stored. data: 1 for the logarithm. */
static void lower_softmax(struct pt2_lower *L)
{
    pt2_t *t = coalesced(L, op_tensor(L, "self"));
    const struct pt2_sparse *s = t->sparse;
    pt2_dtype dtype = op_out_dtype(L, 0);
    int dim = op_dim(L, "dim", 0, t->rank), wide = pt2_dtype_compute(dtype);
    pt2_ex index[PT2_MAX_RANK], *at = op_vars(L, s->values->rank, s->values->shape);
    place(L, s, t->shape, at, index);
    pt2_t *none = op_full(L, dtype, t->rank, t->shape, pt2_num(L->E, wide, -__builtin_inf()));
    pt2_t *x = op_scatter(L, PT2_RED_SET, none, s->values->rank, s->values->shape, index,
                          op_to(L, op_at(L, s->values, at), dtype), NULL);
    pt2_t *y = op_softmax(L, x, dim, L->row->data);
    pt2_t *values = op_pick(L, y, s->values->rank, s->values->shape, index, NULL, op_number(L, dtype, 0));
    op_return(L, sparse_new(L, s->indices, values, s->dims, t->rank, t->shape, true));
}

static void lower_sum(struct pt2_lower *L)
{
    pt2_t *x = op_convert(L, dense_of(L, op_tensor(L, "self")), op_out_dtype(L, 0));
    int dims[PT2_MAX_RANK], n = op_has(L, "dim") ? op_dims(L, "dim", x->rank, dims) : x->rank;
    for (int k = 0; k < x->rank && !op_has(L, "dim"); k++)
        dims[k] = k;
    op_return(L, op_sum(L, x, n, dims, false));
}

const struct pt2_op_row pt2_ops_sparse[] = {
    { "aten.sparse_coo_tensor", lower_coo, 0 },
    { "aten._sparse_coo_tensor_unsafe", lower_coo, 0 },
    { "aten._sparse_coo_tensor_with_dims", lower_coo, 0 },
    { "aten._sparse_coo_tensor_with_dims_and_tensors", lower_coo, 0 },
    { "aten.to_sparse", lower_to_sparse, 0 },
    { "aten._to_sparse", lower_to_sparse, 0 },
    { "aten.to_dense", lower_to_dense, 0 },
    { "aten._to_dense", lower_to_dense, 0 },
    { "aten.coalesce", lower_coalesce, 0 },
    { "aten._coalesce", lower_coalesce, 0 },
    { "aten.indices", lower_part, 0 },
    { "aten._indices", lower_part, 0 },
    { "aten.values", lower_part, 1 },
    { "aten._values", lower_part, 1 },
    { "aten._nnz", lower_question, COUNT },
    { "aten.sparse_dim", lower_question, SPARSE_DIM },
    { "aten._dimI", lower_question, SPARSE_DIM },
    { "aten.dense_dim", lower_question, DENSE_DIM },
    { "aten._dimV", lower_question, DENSE_DIM },
    { "aten.is_coalesced", lower_question, IS_COALESCED },
    { "aten.sparse_mask", lower_mask, 0 },
    { "aten._sparse_mm", lower_product, 0 },
    { "aten.hspmm", lower_product, 0 },
    { "aten._sparse_sparse_matmul", lower_product, 0 },
    { "aten._sparse_softmax", lower_softmax, 0 },
    { "aten._sparse_log_softmax", lower_softmax, 1 },
    { "aten._sparse_addmm", lower_add_product, 0 },
    { "aten._sparse_sum", lower_sum, 0 },
    { 0 },
};

/* ---- operators of other families, of sparse tensors ---- */

static pt2_t *moved_indices(struct pt2_lower *L, const struct pt2_sparse *s, const int *dims)
{
    pt2_ex *at = op_vars(L, 2, s->indices->shape), row = pt2_idx(L->E, dims[0]);
    for (int k = 1; k < s->dims; k++)
        row = pt2_select(L->E, pt2_eq(L->E, at[0], pt2_idx(L->E, k)), pt2_idx(L->E, dims[k]), row);
    pt2_ex index[2] = { row, at[1] };
    return op_pick(L, s->indices, 2, s->indices->shape, index, NULL, op_number(L, PT2_I64, 0));
}

/* t, transpose and permute of sparse dimensions; false: dense ones move too. */
static bool permute(struct pt2_lower *L, pt2_t *t)
{
    int dims[PT2_MAX_RANK];
    pt2_ex shape[PT2_MAX_RANK];
    for (int k = 0; k < t->rank; k++)
        dims[k] = k;
    if (op_has(L, "dims"))
        op_dims(L, "dims", t->rank, dims);
    else if (t->rank > 1) {
        int a = op_dim(L, "dim0", 0, t->rank), b = op_dim(L, "dim1", 1, t->rank);
        dims[a] = b;
        dims[b] = a;
    }
    for (int k = 0; k < t->rank; k++) {
        if ((k < t->sparse->dims) != (dims[k] < t->sparse->dims) || (k >= t->sparse->dims && dims[k] != k))
            return false;
        shape[k] = t->shape[dims[k]];
    }
    op_return(L, sparse_new(L, moved_indices(L, t->sparse, dims), t->sparse->values, t->sparse->dims, t->rank, shape,
                            false));
    return true;
}

/* add and sub: the elements of both. */
static bool join(struct pt2_lower *L, pt2_t *t)
{
    pt2_t *other = op_tensor_opt(L, "other");
    const struct pt2_sparse *a = t->sparse, *b = other ? other->sparse : NULL;
    pt2_dtype dtype = op_out_dtype(L, 0);
    if (!b || a->dims != b->dims || t->rank != other->rank || pt2_dtype_is_complex(dtype))
        return false;
    pt2_ex alpha = op_scalar(L, "alpha", dtype, 1), v = op_to(L, op_at(L, b->values, op_vars(L, b->values->rank,
                                                                                          b->values->shape)), dtype);
    v = pt2_mul(L->E, v, alpha);
    if (strstr(L->node->target, "sub"))
        v = pt2_un(L->E, PT2_E_NEG, v);
    pt2_t *values[2] = { op_convert(L, a->values, dtype), op_map_like(L, b->values, dtype, v) };
    pt2_t *indices[2] = { a->indices, b->indices };
    op_return(L, sparse_new(L, op_cat(L, 2, indices, 1), op_cat(L, 2, values, 0), a->dims, t->rank, t->shape, false));
    return true;
}

static bool multiply(struct pt2_lower *L, pt2_t *t)
{
    (void)t;
    (strstr(L->node->target, "addmm") ? lower_add_product : lower_product)(L);
    return true;
}

/* Runs the operator's own row with `first` for its first operand, whose result the file does not describe, or wrongly:
 * it has this type (NULL: it is inferred). */
static void run_row(struct pt2_lower *L, pt2_t *first, const struct pt2_op_type *type)
{
    struct pt2_lower_priv *p = L->priv;
    const struct pt2_pnode *node = L->node;
    const struct pt2_applied *outer = p->applied;
    struct pt2_applied applied = { type };
    struct pt2_pvalue in = *node->args[0].value, out = *node->outs[0], *outs = &out;
    struct pt2_pnode call = *node;
    struct pt2_arg *args = pt2_arena_copy(L->arena, node->args, node->num_args * sizeof *args);
    struct pt2_slot *slot = &p->slots[in.index], saved = *slot;
    in.meta = out.meta = NULL;
    args[0].value = &in;
    call.args = args;
    call.outs = &outs;
    slot->tensor = first;
    L->node = &call;
    p->applied = &applied;
    L->row->lower(L);
    p->applied = outer;
    L->node = node;
    *slot = saved;
}

/* Other operands are numbers. */
static bool is_unary(struct pt2_lower *L)
{
    const struct pt2_pnode *n = L->node;
    for (uint32_t k = 1; k < n->num_args; k++) {
        pt2_t *t = n->args[k].kind == PT2_ARG_VALUE ? L->priv->slots[n->args[k].value->index].tensor : NULL;
        if (t && t->rank)
            return false;
    }
    return n->num_outs == 1 && L->row;
}

static bool of_values(struct pt2_lower *L, pt2_t *t, bool linear)
{
    if (!is_unary(L))
        return false;
    pt2_t *from = linear ? t : coalesced(L, t);
    const struct pt2_op_type type = { op_out_dtype(L, 0), t->rank - from->sparse->dims + 1,
                                      from->sparse->values->shape };
    run_row(L, from->sparse->values, &type);
    struct pt2_slot *out = &L->priv->slots[L->node->outs[0]->index];
    out->tensor = sparse_new(L, from->sparse->indices, out->tensor, from->sparse->dims, t->rank, t->shape,
                             from->sparse->coalesced);
    return true;
}

static bool each_value(struct pt2_lower *L, pt2_t *t) { return of_values(L, t, true); }
static bool each_sum(struct pt2_lower *L, pt2_t *t) { return of_values(L, t, false); }

static const struct {
    bool (*lower)(struct pt2_lower *L, pt2_t *t);
    const char *packets; /* between spaces */
} of_sparse[] = {
    { permute, " t transpose permute " },
    { join, " add sub subtract " },
    { multiply, " mm matmul mv addmm " },
    { each_value, " mul multiply div divide true_divide neg negative positive to _to_copy clone detach alias "
                  "contiguous " },
    { each_sum, " abs absolute sin sinh asin asinh tan tanh atan atanh sqrt floor ceil round trunc sign sgn relu erf "
                "erfinv expm1 log1p deg2rad rad2deg square pow isnan isinf nan_to_num " },
};

static bool names(const char *packets, const char *target)
{
    const char *name = strncmp(target, "aten.", 5) ? "" : target + 5;
    size_t len = strcspn(name, ".");
    for (const char *at = packets; len && (at = strstr(at, " ")) && at[1]; at++)
        if (!strncmp(at + 1, name, len) && at[1 + len] == ' ')
            return true;
    return false;
}

/* Whether an operand is a part of a sparse tensor, of which the file says that it is empty, and so of the result. */
static bool is_unsized(struct pt2_lower *L, const struct pt2_arg *a)
{
    const struct pt2_pnode *n = L->node;
    bool found = false;
    for (uint32_t k = 0; !found && k < a->num_items; k++)
        found = is_unsized(L, &a->items[k]);
    pt2_t *t = a->kind == PT2_ARG_VALUE ? L->priv->slots[a->value->index].tensor : NULL;
    for (uint32_t k = 0; t && t->unsized && k < n->num_outs; k++)
        for (int d = 0; n->outs[k]->meta && !n->outs[k]->meta->sparse && d < n->outs[k]->meta->rank; d++)
            found |= n->outs[k]->meta->sizes[d]->op == PT2_SYM_INT && n->outs[k]->meta->sizes[d]->i == 0;
    return found;
}

/* What is computed of such a part has the size that its operands give it. */
static void lower_unsized(struct pt2_lower *L)
{
    const struct pt2_pnode *n = L->node;
    pt2_t *t = n->args[0].kind == PT2_ARG_VALUE ? L->priv->slots[n->args[0].value->index].tensor : NULL;
    if (!t || n->num_outs != 1 || !L->row || !pt2_op_infers(L))
        op_fail(L, PT2_ERR_UNSUPPORTED, "PyTorch exports indices() and values() of a sparse tensor as if it had no "
                                        "elements: compute on the tensor, or on its to_dense()");
    run_row(L, t, NULL);
    struct pt2_slot *out = &L->priv->slots[n->outs[0]->index];
    out->tensor = pt2_arena_copy(L->arena, out->tensor, sizeof *out->tensor);
    out->tensor->unsized = true;
}

bool pt2_lower_sparse(struct pt2_lower *L, bool writes)
{
    const struct pt2_pnode *n = L->node;
    bool unsized = false;
    for (uint32_t k = 0; k < n->num_args; k++)
        unsized |= is_unsized(L, &n->args[k]);
    if (unsized)
        lower_unsized(L);
    bool value = n->num_args && n->args[0].kind == PT2_ARG_VALUE;
    pt2_t *t = value ? L->priv->slots[n->args[0].value->index].tensor : NULL;
    if (t && t->sparse && writes)
        op_fail(L, PT2_ERR_UNSUPPORTED,
                "a sparse tensor is written in place: use the operator that returns its result");
    for (uint32_t k = 1; k < n->num_args && strstr(n->target, "addmm"); k++) /* the matrix is another operand */
        if (!strcmp(n->args[k].name, "mat1") && n->args[k].kind == PT2_ARG_VALUE)
            t = L->priv->slots[n->args[k].value->index].tensor;
    for (size_t k = 0; t && t->sparse && k < sizeof of_sparse / sizeof *of_sparse; k++)
        if (names(of_sparse[k].packets, n->target))
            return of_sparse[k].lower(L, t);
    return unsized;
}
