/* SPDX-License-Identifier: MIT
 * Results whose size the data decide: nonzero, masked_select, repeat_interleave, bincount, combinations, item. The
 * pattern: count, read the count on the host (which binds the symbol that the file names for the size), then place each
 * element by its rank among those that count. */
#include "ops/data.h"

pt2_ex op_bind_size(struct pt2_lower *L, pt2_ex count, int k, int dim)
{
    if (k < 0)
        return op_item(L, count, -1);
    if (dim >= op_out_rank(L, k))
        op_fail(L, PT2_ERR_FORMAT, "result %d has %d dimensions", k, op_out_rank(L, k));
    pt2_ex size = op_out_shape(L, k)[dim];
    if (size->op == PT2_E_SYM && L->E->symbols.data[size->i].name[0] == 'u')
        op_item(L, count, k);
    return size;
}

pt2_t *op_flags(struct pt2_lower *L, pt2_t *t)
{
    pt2_t *flat = op_flat(L, t);
    if (flat->dtype == PT2_BOOL)
        return flat;
    pt2_ex i = pt2_var(L->E, 0, flat->shape[0]);
    return op_map(L, PT2_BOOL, 1, flat->shape, op_truth_at(L, flat, &i));
}

pt2_t *op_count_true(struct pt2_lower *L, pt2_t *flags)
{
    pt2_ex i = pt2_var(L->E, 0, flags->shape[0]);
    return op_reduce(L, PT2_RED_SUM, PT2_I64, 0, NULL, 1, flags->shape, pt2_cast(L->E, PT2_I64, op_at(L, flags, &i)));
}

pt2_t *op_rank_true(struct pt2_lower *L, pt2_t *flags)
{
    pt2_ex i = pt2_var(L->E, 0, flags->shape[0]);
    return op_scan(L, PT2_RED_SUM, PT2_I64, 1, flags->shape, 0, false, pt2_cast(L->E, PT2_I64, op_at(L, flags, &i)));
}

static pt2_ex count_of(struct pt2_lower *L, pt2_t *flags)
{
    return pt2_cast(L->E, PT2_IDX, op_at(L, op_count_true(L, flags), NULL));
}

pt2_t *op_positions(struct pt2_lower *L, pt2_t *flags, pt2_ex size, int k, int dim)
{
    struct pt2_exprs *E = L->E;
    if (!size)
        size = op_bind_size(L, count_of(L, flags), k, dim);
    pt2_ex i = pt2_var(E, 0, flags->shape[0]);
    pt2_ex nth = pt2_addi(E, pt2_cast(E, PT2_IDX, op_at(L, op_rank_true(L, flags), &i)), -1);
    pt2_ex place = pt2_max(E, pt2_min(E, nth, pt2_addi(E, size, -1)), pt2_idx(E, 0));
    pt2_ex cond = pt2_and(E, op_at(L, flags, &i), pt2_lt(E, nth, size));
    pt2_t *none = op_full(L, PT2_I64, 1, &size, pt2_int(E, PT2_I64, 0));
    return op_scatter(L, PT2_RED_SET, none, 1, flags->shape, &place, pt2_cast(E, PT2_I64, i), cond);
}

/* ---- nonzero ---- */

/* Index number `which` (PT2_IDX expression) of the row-major position p: one of the digits. */
static pt2_ex digit(struct pt2_lower *L, pt2_t *x, pt2_ex p, pt2_ex which)
{
    struct pt2_exprs *E = L->E;
    pt2_ex digits[PT2_MAX_RANK];
    pt2_delinearize(E, x->rank, x->shape, p, digits);
    pt2_ex v = digits[0];
    for (int d = 1; d < x->rank; d++)
        v = pt2_select(E, pt2_eq(E, which, pt2_idx(E, d)), digits[d], v);
    return pt2_cast(E, PT2_I64, v);
}

static void lower_nonzero(struct pt2_lower *L)
{
    pt2_t *x = op_tensor(L, "self"), *flags = op_flags(L, x);
    pt2_ex shape[2] = { op_bind_size(L, count_of(L, flags), 0, 0), pt2_idx(L->E, x->rank) };
    pt2_ex zero = pt2_int(L->E, PT2_I64, 0);
    if (x->rank == 0) {
        op_return(L, op_full(L, PT2_I64, 2, shape, zero));
        return;
    }
    pt2_t *found = op_positions(L, flags, shape[0], -1, 0);
    pt2_ex *at = op_vars(L, 2, shape);
    pt2_ex p = op_index_at(L, found, at, op_numel(L, x));
    op_return(L, op_map(L, PT2_I64, 2, shape, digit(L, x, p, at[1])));
}

static void lower_nonzero_static(struct pt2_lower *L)
{
    struct pt2_exprs *E = L->E;
    pt2_t *x = op_tensor(L, "self"), *flags = op_flags(L, x);
    pt2_ex shape[2] = { op_size(L, "size", 0), pt2_idx(E, x->rank) };
    if (pt2_is_const(shape[0]) && shape[0]->i < 0)
        op_fail(L, PT2_ERR_FORMAT, "size %lld", (long long)shape[0]->i);
    pt2_ex fill = pt2_int(E, PT2_I64, op_int(L, "fill_value", -1));
    if (x->rank == 0) {
        op_return(L, op_full(L, PT2_I64, 2, shape, fill));
        return;
    }
    pt2_t *found = op_positions(L, flags, shape[0], -1, 0);
    pt2_ex *at = op_vars(L, 2, shape);
    pt2_ex p = op_index_at(L, found, at, op_numel(L, x));
    op_return(L, op_map(L, PT2_I64, 2, shape,
                        pt2_select(E, pt2_lt(E, at[0], count_of(L, flags)), digit(L, x, p, at[1]), fill)));
}

/* One tensor per dimension; a number counts as one dimension. data: 1 for where(condition). */
static void lower_nonzero_numpy(struct pt2_lower *L)
{
    pt2_t *x = op_vec(L, op_tensor(L, L->row->data ? "condition" : "self")), *flags = op_flags(L, x);
    pt2_ex size = op_bind_size(L, count_of(L, flags), 0, 0);
    pt2_t *found = op_positions(L, flags, size, -1, 0);
    pt2_ex j = pt2_var(L->E, 0, size), p = op_index_at(L, found, &j, op_numel(L, x));
    for (int d = 0; d < x->rank; d++)
        op_result(L, d, op_map(L, PT2_I64, 1, &size, digit(L, x, p, pt2_idx(L->E, d))));
}

static void lower_masked_select(struct pt2_lower *L)
{
    pt2_t *both[2] = { op_tensor(L, "self"), op_tensor(L, "mask") };
    pt2_ex shape[PT2_MAX_RANK];
    int rank = op_broadcast(L, 2, both, shape);
    pt2_t *x = op_flat(L, op_expand(L, both[0], rank, shape)), *flags = op_flags(L, op_expand(L, both[1], rank, shape));
    pt2_ex size = op_bind_size(L, count_of(L, flags), 0, 0);
    pt2_t *found = op_positions(L, flags, size, -1, 0);
    pt2_ex j = pt2_var(L->E, 0, size), p = op_index_at(L, found, &j, x->shape[0]);
    op_return(L, op_pick(L, x, 1, &size, &p, NULL, op_number(L, x->dtype, 0)));
}

/* Rows of r indices i0 < i1 < … (with_replacement: <=), in the order of torch.combinations. */
static void lower_combinations(struct pt2_lower *L)
{
    struct pt2_exprs *E = L->E;
    pt2_t *x = op_tensor(L, "self");
    int r = (int)op_int(L, "r", 2);
    bool again = op_bool(L, "with_replacement", false);
    pt2_ex grid[PT2_MAX_RANK], shape[2], yes = pt2_int(E, PT2_BOOL, 1);
    if (x->rank != 1 || r < 0 || r > PT2_MAX_RANK)
        op_fail(L, PT2_ERR_UNSUPPORTED, "combinations of %d out of %d dimensions", r, x->rank);
    if (r == 0) {
        op_return(L, op_full(L, x->dtype, op_out_rank(L, 0), op_out_shape(L, 0), op_number(L, x->dtype, 0).re));
        return;
    }
    for (int k = 0; k < r; k++)
        grid[k] = x->shape[0];
    pt2_ex *at = op_vars(L, r, grid);
    for (int k = 1; k < r; k++)
        yes = pt2_and(E, yes, again ? pt2_le(E, at[k - 1], at[k]) : pt2_lt(E, at[k - 1], at[k]));
    pt2_t *mask = op_map(L, PT2_BOOL, r, grid, yes), *flags = op_flags(L, mask);
    shape[0] = op_bind_size(L, count_of(L, flags), 0, 0);
    shape[1] = pt2_idx(E, r);
    pt2_t *found = op_positions(L, flags, shape[0], -1, 0);
    pt2_ex *o = op_vars(L, 2, shape), p = op_index_at(L, found, o, flags->shape[0]);
    pt2_ex from = op_index(L, digit(L, mask, p, o[1]), x->shape[0]);
    op_return(L, op_pick(L, x, 2, shape, &from, NULL, op_number(L, x->dtype, 0)));
}

/* ---- repeat_interleave ---- */

/* repeats [n] to the source of each result element: the number of i whose copies end at or before it. */
static pt2_t *interleave(struct pt2_lower *L, pt2_t *repeats, pt2_ex total)
{
    struct pt2_exprs *E = L->E;
    pt2_ex n = repeats->shape[0], i = pt2_var(E, 0, n), one = pt2_int(E, PT2_I64, 1);
    pt2_t *ends = op_scan(L, PT2_RED_SUM, PT2_I64, 1, &n, 0, false, op_int_at(L, repeats, &i));
    pt2_ex end = pt2_cast(E, PT2_IDX, op_at(L, ends, &i));
    pt2_ex place = pt2_max(E, pt2_min(E, end, pt2_addi(E, total, -1)), pt2_idx(E, 0));
    pt2_t *zero = op_full(L, PT2_I64, 1, &total, pt2_int(E, PT2_I64, 0));
    pt2_t *steps = op_scatter(L, PT2_RED_SUM, zero, 1, &n, &place, one, pt2_lt(E, end, total));
    pt2_ex j = pt2_var(E, 0, total);
    return op_scan(L, PT2_RED_SUM, PT2_I64, 1, &total, 0, false, op_at(L, steps, &j));
}

/* The total; no repeat may be negative. */
static pt2_ex sum_repeats(struct pt2_lower *L, pt2_t *repeats)
{
    pt2_ex i = pt2_var(L->E, 0, repeats->shape[0]), zero = pt2_int(L->E, PT2_I64, 0);
    pt2_ex negative = pt2_min(L->E, op_int_at(L, repeats, &i), zero);
    pt2_t *least = op_reduce(L, PT2_RED_SUM, PT2_I64, 0, NULL, 1, repeats->shape, negative);
    op_check(L, pt2_eq(L->E, op_at(L, least, NULL), zero), "repeats can not be negative");
    pt2_t *sum = op_reduce(L, PT2_RED_SUM, PT2_I64, 0, NULL, 1, repeats->shape, op_int_at(L, repeats, &i));
    return pt2_cast(L->E, PT2_IDX, op_at(L, sum, NULL));
}

/* The given output_size, else what the file names at `dim`, read from the data when it is a new symbol. */
static pt2_ex repeated_size(struct pt2_lower *L, pt2_t *repeats, int dim)
{
    pt2_ex sum = sum_repeats(L, repeats);
    if (op_has(L, "output_size")) {
        pt2_ex size = op_size(L, "output_size", 0);
        if (pt2_is_const(size) && size->i < 0)
            op_fail(L, PT2_ERR_FORMAT, "output_size %lld", (long long)size->i);
        return size;
    }
    return op_bind_size(L, sum, 0, dim);
}

static void lower_repeat_indices(struct pt2_lower *L)
{
    pt2_t *repeats = op_tensor(L, "repeats");
    if (repeats->rank != 1)
        op_fail(L, PT2_ERR_FORMAT, "repeats has %d dimensions", repeats->rank);
    op_return(L, op_convert(L, interleave(L, repeats, repeated_size(L, repeats, 0)), op_out_dtype(L, 0)));
}

/* repeat_interleave of a tensor. data: 1 when repeats is a number. */
static void lower_repeat_interleave(struct pt2_lower *L)
{
    struct pt2_exprs *E = L->E;
    pt2_t *x = op_tensor(L, "self");
    int dim = op_has(L, "dim") && x->rank ? op_dim(L, "dim", 0, x->rank) : 0;
    x = op_has(L, "dim") ? op_vec(L, x) : op_flat(L, x);
    pt2_ex shape[PT2_MAX_RANK], index[PT2_MAX_RANK], n = x->shape[dim];
    memcpy(shape, x->shape, sizeof *shape * (size_t)x->rank);
    pt2_t *from = NULL;
    if (L->row->data) {
        pt2_ex count = op_size(L, "repeats", 1);
        if (pt2_is_const(count) && (count->i < 0 || count->i > INT32_MAX))
            op_fail(L, PT2_ERR_FORMAT, "%lld repeats", (long long)count->i);
        shape[dim] = pt2_mul(E, n, count);
    } else {
        pt2_t *repeats = op_tensor(L, "repeats");
        if (repeats->rank > 1)
            op_fail(L, PT2_ERR_FORMAT, "repeats has %d dimensions", repeats->rank);
        repeats = op_expand(L, repeats, 1, &n);
        shape[dim] = repeated_size(L, repeats, dim);
        from = interleave(L, repeats, shape[dim]);
    }
    pt2_ex *at = op_vars(L, x->rank, shape);
    memcpy(index, at, sizeof *at * (size_t)x->rank);
    pt2_ex times = from ? NULL : pt2_max(E, op_size(L, "repeats", 1), pt2_idx(E, 1));
    index[dim] = from ? op_index_at(L, from, &at[dim], n) : pt2_floordiv(E, at[dim], times);
    op_result_fit(L, 0, op_pick(L, x, x->rank, shape, index, NULL, op_number(L, x->dtype, 0)));
}

/* ---- bincount, item ---- */

static void lower_bincount(struct pt2_lower *L)
{
    struct pt2_exprs *E = L->E;
    pt2_t *x = op_tensor(L, "self"), *weights = op_tensor_opt(L, "weights");
    if (x->rank != 1 || (weights && weights->rank != 1))
        op_fail(L, PT2_ERR_FORMAT, "bincount of %d dimensions", x->rank);
    pt2_ex i = pt2_var(E, 0, x->shape[0]), v = op_int_at(L, x, &i);
    pt2_t *top = op_reduce(L, PT2_RED_MAX, PT2_I64, 0, NULL, 1, x->shape, v);
    pt2_ex count = pt2_add(E, op_at(L, top, NULL), pt2_int(E, PT2_I64, 1));
    pt2_ex least = op_size(L, "minlength", 0);
    pt2_ex size = op_bind_size(L, pt2_max(E, pt2_cast(E, PT2_IDX, count), least), 0, 0);
    pt2_dtype dtype = op_out_dtype(L, 0), wide = pt2_dtype_compute(dtype);
    pt2_t *zero = op_full(L, dtype, 1, &size, pt2_int(E, wide, 0));
    pt2_ex add = weights ? op_to(L, op_at(L, weights, &i), wide) : pt2_int(E, wide, 1);
    pt2_ex index = op_index(L, v, size);
    op_check_indices(L, x, op_from_zero(L, size));
    op_return(L, op_put(L, PT2_RED_SUM, zero, 1, x->shape, &index, (struct pt2_complex){ add, NULL }, NULL));
}

/* An integer is read on the host, as sizes may depend on it; another number stays an element. */
static void lower_item(struct pt2_lower *L)
{
    pt2_t *x = op_flat(L, op_tensor(L, "self"));
    pt2_ex zero = pt2_idx(L->E, 0);
    if (pt2_dtype_is_complex(x->dtype))
        op_fail(L, PT2_ERR_UNSUPPORTED, "a complex number as a Python scalar");
    pt2_ex v = op_at(L, x, &zero);
    if (pt2_dtype_is_int(x->dtype))
        v = op_item(L, pt2_cast(L->E, PT2_I64, v), 0);
    else if (pt2_dtype_is_float(x->dtype))
        v = pt2_cast(L->E, PT2_F64, v);
    op_result_scalar(L, 0, v);
}

const struct pt2_op_row pt2_ops_dynamic[] = {
    { "aten.nonzero", lower_nonzero, 0 },
    { "aten.argwhere", lower_nonzero, 0 },
    { "aten.nonzero_static", lower_nonzero_static, 0 },
    { "aten.nonzero_numpy", lower_nonzero_numpy, 0 },
    { "aten.where.default", lower_nonzero_numpy, 1 },
    { "aten.masked_select", lower_masked_select, 0 },
    { "aten.combinations", lower_combinations, 0 },
    { "aten.repeat_interleave.Tensor", lower_repeat_indices, 0 },
    { "aten.repeat_interleave.self_Tensor", lower_repeat_interleave, 0 },
    { "aten.repeat_interleave.self_int", lower_repeat_interleave, 1 },
    { "aten.bincount", lower_bincount, 0 },
    { "aten.item", lower_item, 0 },
    { "aten._local_scalar_dense", lower_item, 0 },
    { 0 },
};
