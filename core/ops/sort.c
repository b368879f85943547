/* SPDX-License-Identifier: MIT
 * Sorting and what rests on it: topk, kthvalue, median, mode, quantile, unique. One SORT node along the last axis (of
 * long rows several, and their merges: mergesort.c) gives keys and positions; order statistics are loads at computed
 * ranks, and unique elements are those that differ from their neighbour. */
#include "ops/data.h"
#include "ops/internal.h"

#include <math.h>

void op_sort(struct pt2_lower *L, pt2_t *t, int dim, bool descending, pt2_t **out_keys, pt2_t **out_positions)
{
    int to_last[PT2_MAX_RANK], back[PT2_MAX_RANK];
    if (pt2_dtype_is_complex(t->dtype))
        op_fail(L, PT2_ERR_FORMAT, "complex numbers have no order");
    if (t->rank == 0) {
        *out_keys = t;
        *out_positions = op_full(L, PT2_I64, 0, NULL, pt2_int(L->E, PT2_I64, 0));
        return;
    }
    for (int d = 0; d < t->rank; d++)
        to_last[d] = d < dim ? d : d == t->rank - 1 ? dim : d + 1;
    for (int d = 0; d < t->rank; d++)
        back[to_last[d]] = d;
    pt2_t *rows = op_permute(L, t, to_last);
    if (op_merges(rows->shape[t->rank - 1])) {
        op_merge_sort(L, rows, descending, out_keys, out_positions);
    } else {
        struct pt2_value *keys = pt2_node_sort(L->g, op_value(L, rows), descending);
        *out_keys = op_of_value(L, t->dtype, keys);
        *out_positions = op_of_value(L, PT2_I64, keys->def->outs[1]);
    }
    *out_keys = op_permute(L, *out_keys, back);
    *out_positions = op_permute(L, *out_positions, back);
}

enum { SORT, ARGSORT, MSORT };

static void lower_sort(struct pt2_lower *L)
{
    pt2_t *x = op_tensor(L, "self"), *keys, *positions;
    int dim = L->row->data == MSORT ? 0 : op_dim(L, "dim", -1, x->rank);
    op_sort(L, x, dim, op_bool(L, "descending", false), &keys, &positions);
    if (L->row->data == ARGSORT) {
        op_return(L, positions);
        return;
    }
    op_return(L, keys);
    if (L->row->data == SORT)
        op_result(L, 1, positions);
}

static void lower_topk(struct pt2_lower *L)
{
    pt2_t *x = op_tensor(L, "self"), *part[2];
    int dim = op_dim(L, "dim", -1, x->rank);
    op_sort(L, x, dim, op_bool(L, "largest", true), &part[0], &part[1]);
    pt2_ex zero = pt2_idx(L->E, 0), one = pt2_idx(L->E, 1);
    for (int k = 0; k < 2; k++) {
        if (x->rank)
            part[k] = op_slice(L, part[k], dim, zero, op_out_shape(L, k)[dim], one);
        op_result(L, k, part[k]);
    }
}

/* ---- order statistics ---- */

/* How many elements along dim are not NaN, without that dimension; the size where there can be no NaN. */
static pt2_ex count_numbers(struct pt2_lower *L, pt2_t *x, int dim, const pt2_ex *at)
{
    struct pt2_exprs *E = L->E;
    pt2_ex n = pt2_cast(E, PT2_I64, x->shape[dim]), shape[PT2_MAX_RANK], index[PT2_MAX_RANK];
    int rank = x->rank - 1;
    if (!pt2_dtype_is_float(x->dtype))
        return n;
    for (int d = 0; d < rank; d++)
        shape[d] = x->shape[d < dim ? d : d + 1];
    pt2_ex *vars = op_vars(L, rank, shape);
    for (int d = 0; d < x->rank; d++)
        index[d] = d == dim ? pt2_var(E, rank, x->shape[dim]) : vars[d < dim ? d : d - 1];
    pt2_ex number = pt2_not(E, pt2_un(E, PT2_E_ISNAN, op_at(L, x, index)));
    pt2_t *count = op_reduce(L, PT2_RED_SUM, PT2_I64, rank, shape, 1, &x->shape[dim], pt2_cast(E, PT2_I64, number));
    return op_at(L, count, at);
}

/* The variables of a result from which dim was removed or kept with size 1: index[d] for the other dimensions of x in
 * their place (dim's entry is left), rest without it. */
static void spread(const pt2_ex *at, int out_rank, int rank, int dim, pt2_ex *index, pt2_ex *rest)
{
    bool keep = out_rank == rank;
    for (int d = 0, k = 0; d < rank; d++) {
        if (d == dim)
            continue;
        rest[k] = index[d] = at[keep ? d : k];
        k++;
    }
}

enum { KTHVALUE, MEDIAN, NANMEDIAN };

/* Rank in sorted order (int64). NaN sorts last: a median of data with NaN is the first of them. */
static pt2_ex wanted_rank(struct pt2_lower *L, pt2_t *x, int dim, const pt2_ex *rest)
{
    struct pt2_exprs *E = L->E;
    pt2_ex one = pt2_int(E, PT2_I64, 1), two = pt2_int(E, PT2_I64, 2), zero = pt2_int(E, PT2_I64, 0);
    if (L->row->data == KTHVALUE)
        return pt2_sub(E, pt2_cast(E, PT2_I64, op_size(L, "k", 1)), one);
    pt2_ex m = count_numbers(L, x, dim, rest), n = pt2_cast(E, PT2_I64, x->shape[dim]);
    pt2_ex middle = pt2_max(E, pt2_floordiv(E, pt2_sub(E, m, one), two), zero);
    return L->row->data == NANMEDIAN ? middle : pt2_select(E, pt2_lt(E, m, n), m, middle);
}

/* kthvalue, median and nanmedian with dim: values and positions. */
static void order_statistic(struct pt2_lower *L, pt2_t *x, int dim, bool positions)
{
    struct pt2_exprs *E = L->E;
    pt2_t *keys, *pos, *v = op_vec(L, x);
    pt2_ex index[PT2_MAX_RANK], rest[PT2_MAX_RANK];
    int rank = op_out_rank(L, 0);
    pt2_ex *shape = op_out_shape(L, 0), *at = op_vars(L, rank, shape);
    if (v->rank - rank > 1 || (x->rank && v->rank < rank))
        op_fail(L, PT2_ERR_FORMAT, "the result has %d dimensions", rank);
    op_sort(L, v, dim, false, &keys, &pos);
    spread(at, rank, v->rank, dim, index, rest);
    pt2_ex r = pt2_cast(E, PT2_IDX, wanted_rank(L, v, dim, rest)), n = v->shape[dim];
    index[dim] = pt2_max(E, pt2_min(E, r, pt2_addi(E, n, -1)), pt2_idx(E, 0));
    op_result(L, 0, op_map(L, x->dtype, rank, shape, op_at(L, keys, index)));
    if (positions)
        op_result(L, 1, op_map(L, PT2_I64, rank, shape, op_at(L, pos, index)));
}

static void lower_order_statistic(struct pt2_lower *L)
{
    pt2_t *x = op_tensor(L, "self");
    if (L->row->data == KTHVALUE || op_has(L, "dim")) {
        order_statistic(L, x, op_dim(L, "dim", -1, x->rank), true);
        return;
    }
    if (pt2_is_int(op_numel(L, x), 0)) {
        op_return(L, op_full(L, x->dtype, 0, NULL, pt2_num(L->E, pt2_dtype_compute(x->dtype), (double)NAN)));
        return;
    }
    order_statistic(L, op_flat(L, x), 0, false);
}

/* mode: the longest run of equal sorted keys; the first such run has the smallest value. */
static void lower_mode(struct pt2_lower *L)
{
    struct pt2_exprs *E = L->E;
    pt2_t *x = op_tensor(L, "self"), *v = op_vec(L, x), *keys, *pos;
    int dim = op_dim(L, "dim", -1, x->rank), rank = op_out_rank(L, 0);
    pt2_ex *at = op_vars(L, v->rank, v->shape), before[PT2_MAX_RANK], index[PT2_MAX_RANK], rest[PT2_MAX_RANK];
    op_sort(L, v, dim, false, &keys, &pos);
    memcpy(before, at, sizeof *at * (size_t)v->rank);
    before[dim] = pt2_max(E, pt2_addi(E, at[dim], -1), pt2_idx(E, 0));
    pt2_ex same = pt2_eq(E, op_at(L, keys, at), op_at(L, keys, before)), j = pt2_cast(E, PT2_I64, at[dim]);
    pt2_t *start = op_scan(L, PT2_RED_MAX, PT2_I64, v->rank, v->shape, dim, false,
                           pt2_select(E, same, pt2_int(E, PT2_I64, 0), j));
    pt2_ex *shape = op_out_shape(L, 0), *o = op_vars(L, rank, shape);
    if (v->rank - rank > 1 || rank > v->rank)
        op_fail(L, PT2_ERR_FORMAT, "the result has %d dimensions", rank);
    spread(o, rank, v->rank, dim, index, rest);
    index[dim] = pt2_var(E, rank, v->shape[dim]);
    pt2_ex length = pt2_sub(E, pt2_cast(E, PT2_I64, index[dim]), op_at(L, start, index));
    pt2_t *best = op_reduce(L, PT2_RED_ARGMAX, PT2_I64, rank, shape, 1, &v->shape[dim], length);
    index[dim] = pt2_cast(E, PT2_IDX, op_at(L, best, o));
    op_result(L, 0, op_map(L, x->dtype, rank, shape, op_at(L, keys, index)));
    op_result(L, 1, op_map(L, PT2_I64, rank, shape, op_at(L, pos, index)));
}

/* ---- quantile ---- */

/* torch.lerp: exact at both ends. */
static pt2_ex lerp(struct pt2_exprs *E, pt2_ex a, pt2_ex b, pt2_ex w)
{
    pt2_ex diff = pt2_sub(E, b, a), one = pt2_num(E, w->dtype, 1), half = pt2_num(E, w->dtype, 0.5);
    return pt2_select(E, pt2_lt(E, w, half), pt2_add(E, a, pt2_mul(E, w, diff)),
                      pt2_sub(E, b, pt2_mul(E, diff, pt2_sub(E, one, w))));
}

/* Value at the fractional rank r of sorted keys, whose last axis is sorted. */
static pt2_ex at_rank(struct pt2_lower *L, pt2_t *keys, pt2_ex *index, pt2_ex r)
{
    struct pt2_exprs *E = L->E;
    const char *how = op_string(L, "interpolation", "linear");
    pt2_ex low = pt2_un(E, PT2_E_FLOOR, r), high = pt2_un(E, PT2_E_CEIL, r), v[2];
    if (strcmp(how, "lower") == 0)
        high = low;
    else if (strcmp(how, "higher") == 0)
        low = high;
    else if (strcmp(how, "nearest") == 0)
        low = high = pt2_un(E, PT2_E_ROUND, r);
    else if (strcmp(how, "linear") != 0 && strcmp(how, "midpoint") != 0)
        op_fail(L, PT2_ERR_UNSUPPORTED, "interpolation \"%s\"", how);
    pt2_ex ranks[2] = { low, high };
    for (int k = 0; k < 2; k++) {
        index[keys->rank - 1] = pt2_cast(E, PT2_IDX, pt2_cast(E, PT2_I64, ranks[k]));
        v[k] = op_at(L, keys, index);
    }
    if (low == high)
        return v[0];
    bool middle = strcmp(how, "midpoint") == 0;
    return lerp(E, v[0], v[1], middle ? pt2_num(E, r->dtype, 0.5) : pt2_sub(E, r, low));
}

/* x with the reduced dimension last (all of it when dim is missing). *out_dim: where it was, or -1. */
static pt2_t *quantile_rows(struct pt2_lower *L, pt2_t *x, int *out_dim)
{
    int order[PT2_MAX_RANK], n = 0;
    *out_dim = -1;
    if (!op_has(L, "dim") || x->rank == 0)
        return op_vec(L, op_flat(L, x));
    *out_dim = op_dim(L, "dim", 0, x->rank);
    for (int d = 0; d < x->rank; d++)
        if (d != *out_dim)
            order[n++] = d;
    order[n] = *out_dim;
    return op_permute(L, x, order);
}

/* data: 1 ignores NaN. Result: q's dimension if it has one, then those of the rows. */
static void lower_quantile(struct pt2_lower *L)
{
    struct pt2_exprs *E = L->E;
    pt2_t *x = op_tensor(L, "self"), *q = op_tensor(L, "q"), *keys, *pos;
    int dim;
    pt2_t *rows = quantile_rows(L, x, &dim);
    int last = rows->rank - 1, rank = q->rank + last;
    pt2_dtype t = pt2_dtype_compute(x->dtype);
    pt2_ex shape[PT2_MAX_RANK + 1], index[PT2_MAX_RANK];
    if (q->rank > 1 || rank > PT2_MAX_RANK || !pt2_dtype_is_float(x->dtype))
        op_fail(L, PT2_ERR_FORMAT, "q has %d dimensions, the tensor is %s", q->rank, pt2_dtype_name(x->dtype));
    if (q->rank)
        shape[0] = q->shape[0];
    memcpy(shape + q->rank, rows->shape, sizeof *shape * (size_t)last);
    pt2_ex *at = op_vars(L, rank, shape), *row = at + q->rank;
    op_sort(L, rows, last, false, &keys, &pos);
    pt2_ex n = pt2_cast(E, PT2_I64, rows->shape[last]), m = count_numbers(L, rows, last, row);
    pt2_ex one = pt2_int(E, PT2_I64, 1), zero = pt2_num(E, t, 0), top = op_to(L, pt2_sub(E, n, one), t);
    pt2_ex part = op_to(L, op_at(L, q, at), t);
    pt2_ex r = L->row->data ? pt2_max(E, pt2_mul(E, part, op_to(L, pt2_sub(E, m, one), t)), zero)
                            : pt2_select(E, pt2_lt(E, m, n), top, pt2_mul(E, part, top));
    memcpy(index, row, sizeof *row * (size_t)last);
    op_result_fit(L, 0, op_map(L, x->dtype, rank, shape, at_rank(L, keys, index, r)));
}

/* ---- unique ---- */

/* Rows [n] of a tensor seen along one dimension, in the order in which equal ones are neighbours. */
struct unique {
    pt2_t *x;     /* the elements or slices */
    int dim;
    pt2_t *order; /* int64 [n]: the j-th row; NULL: as they are */
    pt2_ex n;
};

static pt2_ex row_at(struct pt2_lower *L, const struct unique *u, pt2_ex j)
{
    return u->order ? op_index_at(L, u->order, &j, u->n) : j;
}

/* The other dimensions of x as reduced axes from `first` on. */
static int other_axes(struct pt2_lower *L, const struct unique *u, int first, pt2_ex *index, pt2_ex *extents)
{
    int k = 0;
    for (int d = 0; d < u->x->rank; d++) {
        if (d == u->dim)
            continue;
        extents[k] = u->x->shape[d];
        index[d] = pt2_var(L->E, first + k, extents[k]);
        k++;
    }
    return k;
}

/* Does row j begin a run? bool [n]. NaN differs from itself. */
static pt2_t *run_starts(struct pt2_lower *L, const struct unique *u)
{
    struct pt2_exprs *E = L->E;
    pt2_ex a[PT2_MAX_RANK], b[PT2_MAX_RANK], extents[PT2_MAX_RANK], j = pt2_var(E, 0, u->n), zero = pt2_idx(E, 0);
    int k = other_axes(L, u, 1, a, extents);
    memcpy(b, a, sizeof a);
    a[u->dim] = row_at(L, u, j);
    b[u->dim] = row_at(L, u, pt2_max(E, pt2_addi(E, j, -1), zero));
    struct pt2_complex v = op_elem(L, u->x, a), w = op_elem(L, u->x, b);
    pt2_ex differs = pt2_or(E, pt2_not(E, pt2_eq(E, v.re, w.re)), pt2_not(E, pt2_eq(E, v.im, w.im)));
    if (k) {
        pt2_t *any = op_reduce(L, PT2_RED_ANY, PT2_BOOL, 1, &u->n, k, extents, differs);
        differs = op_at(L, any, &j);
    }
    return op_map(L, PT2_BOOL, 1, &u->n, pt2_or(E, pt2_eq(E, j, zero), differs));
}

/* The number of runs. Some releases declare it in another dimension than the right one (or one dimension too many), so
 * the symbol is looked for in all. */
static pt2_ex unique_size(struct pt2_lower *L, pt2_ex count)
{
    int rank = op_out_rank(L, 0);
    pt2_ex *shape = op_out_shape(L, 0);
    for (int d = 0; d < rank; d++)
        if (shape[d]->op == PT2_E_SYM && L->E->symbols.data[shape[d]->i].name[0] == 'u')
            return op_bind_size(L, count, 0, d);
    return op_item(L, count, -1);
}

/* A result that was not asked for may be declared empty. */
static void unique_result(struct pt2_lower *L, int k, pt2_t *t)
{
    if (!op_out_used(L, k))
        return;
    int rank = op_out_rank(L, k);
    pt2_ex *shape = op_out_shape(L, k);
    if (rank == 1 && pt2_is_int(shape[0], 0) && !(t->rank == 1 && pt2_prove_eq(L->E, t->shape[0], shape[0])))
        t = op_full(L, PT2_I64, 1, shape, pt2_int(L->E, PT2_I64, 0));
    op_result_fit(L, k, t);
}

/* The results from runs: values, inverse (in the original order) and lengths; slots tell which result each is. */
static void unique_results(struct pt2_lower *L, const struct unique *u)
{
    struct pt2_exprs *E = L->E;
    pt2_t *starts = run_starts(L, u), *ranks = op_rank_true(L, starts);
    pt2_ex j = pt2_var(E, 0, u->n), one = pt2_int(E, PT2_I64, 1), shape[PT2_MAX_RANK], index[PT2_MAX_RANK];
    pt2_ex count = pt2_cast(E, PT2_IDX, op_at(L, op_count_true(L, starts), NULL));
    pt2_ex size = unique_size(L, count);
    pt2_t *firsts = op_positions(L, starts, size, -1, 0);
    memcpy(shape, u->x->shape, sizeof *shape * (size_t)u->x->rank);
    shape[u->dim] = size;
    pt2_ex *at = op_vars(L, u->x->rank, shape);
    memcpy(index, at, sizeof *at * (size_t)u->x->rank);
    index[u->dim] = row_at(L, u, op_index_at(L, firsts, &at[u->dim], u->n));
    pt2_t *values = op_pick(L, u->x, u->x->rank, shape, index, NULL, op_number(L, u->x->dtype, 0));
    if (op_out_rank(L, 0) != values->rank)
        L->priv->slots[L->node->outs[0]->index].tensor = values; /* the file's rank is wrong: no op_result */
    else
        op_result(L, 0, values);
    pt2_t *nth = op_map(L, PT2_I64, 1, &u->n, pt2_sub(E, op_at(L, ranks, &j), one));
    pt2_ex slot = op_index_at(L, nth, &j, size);
    pt2_t *zero = op_full(L, PT2_I64, 1, &size, pt2_int(E, PT2_I64, 0));
    pt2_t *lengths = op_scatter(L, PT2_RED_SUM, zero, 1, &u->n, &slot, one, NULL);
    if (u->order) {
        pt2_ex to = row_at(L, u, j);
        zero = op_full(L, PT2_I64, 1, &u->n, pt2_int(E, PT2_I64, 0));
        nth = op_scatter(L, PT2_RED_SET, zero, 1, &u->n, &to, op_at(L, nth, &j), NULL);
    }
    unique_result(L, 1, nth);
    unique_result(L, 2, lengths);
}

static void lower_unique(struct pt2_lower *L)
{
    pt2_t *keys;
    struct unique u = { op_flat(L, op_tensor(L, "self")), 0, NULL, NULL };
    u.n = u.x->shape[0];
    op_sort(L, u.x, 0, false, &keys, &u.order);
    unique_results(L, &u);
}

static void lower_unique_consecutive(struct pt2_lower *L)
{
    pt2_t *x = op_tensor(L, "self");
    struct unique u = { x, 0, NULL, NULL };
    if (op_has(L, "dim") && x->rank)
        u.dim = op_dim(L, "dim", 0, x->rank);
    else
        u.x = op_flat(L, x);
    u.n = u.x->shape[u.dim];
    unique_results(L, &u);
}

enum { LSD_COLUMNS = 16 };

/* Lexicographic order by stable sorts from the last column to the first. */
static pt2_t *order_by_sorts(struct pt2_lower *L, pt2_t *x, int dim, int64_t columns)
{
    struct pt2_exprs *E = L->E;
    pt2_ex n = x->shape[dim], j = pt2_var(E, 0, n), extents[PT2_MAX_RANK], digits[PT2_MAX_RANK], index[PT2_MAX_RANK];
    pt2_t *order = op_map(L, PT2_I64, 1, &n, pt2_cast(E, PT2_I64, j)), *keys, *pos;
    for (int d = 0, k = 0; d < x->rank; d++)
        if (d != dim)
            extents[k++] = x->shape[d];
    for (int64_t c = columns - 1; c >= 0; c--) {
        pt2_delinearize(E, x->rank - 1, extents, pt2_idx(E, c), digits);
        for (int d = 0; d < x->rank; d++)
            index[d] = d == dim ? op_index_at(L, order, &j, n) : digits[d < dim ? d : d - 1];
        op_sort(L, op_map(L, x->dtype, 1, &n, op_at(L, x, index)), 0, false, &keys, &pos);
        pt2_ex from = op_index_at(L, pos, &j, n);
        order = op_map(L, PT2_I64, 1, &n, op_int_at(L, order, &from));
    }
    return order;
}

/* Lexicographic order of long rows: each row's place is the number of rows before it, found by comparing all pairs at
 * their first differing column. NaN counts as equal to itself and larger than numbers. */
static pt2_t *order_by_pairs(struct pt2_lower *L, pt2_t *x)
{
    struct pt2_exprs *E = L->E;
    pt2_ex n = x->shape[0], m = x->shape[1], pair[2] = { n, n };
    pt2_ex *p = op_vars(L, 2, pair), col = pt2_var(E, 2, m);
    pt2_ex zero = pt2_int(E, PT2_I64, 0), end = pt2_cast(E, PT2_I64, m);
    bool nan = pt2_dtype_is_float(x->dtype);
    pt2_ex i[2] = { p[0], col }, j[2] = { p[1], col }, a = op_at(L, x, i), b = op_at(L, x, j);
    pt2_ex same = pt2_eq(E, a, b);
    if (nan)
        same = pt2_or(E, same, pt2_and(E, pt2_un(E, PT2_E_ISNAN, a), pt2_un(E, PT2_E_ISNAN, b)));
    pt2_t *first = op_reduce(L, PT2_RED_MIN, PT2_I64, 2, pair, 1, &m,
                             pt2_select(E, same, end, pt2_cast(E, PT2_I64, col)));
    /* Is row j before row i? */
    pt2_ex q[2] = { pt2_var(E, 0, n), pt2_var(E, 1, n) }, c = op_at(L, first, q), at = pt2_cast(E, PT2_IDX, c);
    i[0] = q[0], j[0] = q[1], i[1] = j[1] = at;
    a = op_at(L, x, i);
    b = op_at(L, x, j);
    pt2_ex less = pt2_lt(E, b, a);
    if (nan)
        less = pt2_or(E, less, pt2_and(E, pt2_not(E, pt2_un(E, PT2_E_ISNAN, b)), pt2_un(E, PT2_E_ISNAN, a)));
    pt2_ex before = pt2_select(E, pt2_lt(E, c, end), less, pt2_lt(E, q[1], q[0]));
    pt2_t *place = op_reduce(L, PT2_RED_SUM, PT2_I64, 1, &n, 1, &n, pt2_cast(E, PT2_I64, before));
    pt2_ex to = op_index_at(L, place, &q[0], n);
    return op_scatter(L, PT2_RED_SET, op_full(L, PT2_I64, 1, &n, zero), 1, &n, &to, pt2_cast(E, PT2_I64, q[0]), NULL);
}

static void lower_unique_dim(struct pt2_lower *L)
{
    pt2_t *x = op_vec(L, op_tensor(L, "self"));
    struct unique u = { x, op_dim(L, "dim", 0, x->rank), NULL, NULL };
    int order[PT2_MAX_RANK], k = 0;
    pt2_ex rows[2] = { x->shape[u.dim], pt2_idx(L->E, 1) };
    u.n = x->shape[u.dim];
    order[k++] = u.dim;
    for (int d = 0; d < x->rank; d++) {
        if (d == u.dim)
            continue;
        order[k++] = d;
        rows[1] = pt2_mul(L->E, rows[1], x->shape[d]);
    }
    if (pt2_is_const(rows[1]) && rows[1]->i <= LSD_COLUMNS)
        u.order = order_by_sorts(L, x, u.dim, rows[1]->i);
    else
        u.order = order_by_pairs(L, op_reshape(L, op_permute(L, x, order), 2, rows));
    unique_results(L, &u);
}

const struct pt2_op_row pt2_ops_sort[] = {
    { "aten.sort", lower_sort, SORT },
    { "aten.argsort", lower_sort, ARGSORT },
    { "aten.msort", lower_sort, MSORT },
    { "aten.topk", lower_topk, 0 },
    { "aten.kthvalue", lower_order_statistic, KTHVALUE },
    { "aten.median", lower_order_statistic, MEDIAN },
    { "aten.nanmedian", lower_order_statistic, NANMEDIAN },
    { "aten.mode", lower_mode, 0 },
    { "aten.quantile", lower_quantile, 0 },
    { "aten.nanquantile", lower_quantile, 1 },
    { "aten._unique", lower_unique, 0 },
    { "aten._unique2", lower_unique, 0 },
    { "aten.unique_consecutive", lower_unique_consecutive, 0 },
    { "aten.unique_dim", lower_unique_dim, 0 },
    { "aten.unique_dim_consecutive", lower_unique_consecutive, 0 },
    { 0 },
};
