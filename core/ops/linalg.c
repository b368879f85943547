/* SPDX-License-Identifier: MIT
 * Linear algebra over factorisations (LinearAlgebra.cpp): each factorisation is one LIBRARY node for a batch of
 * matrices, the rest are products and maps. Eigenvalues of general matrices are complex. Errors that PyTorch
 * raises for singular matrices show as inf and NaN. */
#include "ops/data.h"
#include "ops/linalg.h"

#include <float.h>
#include <math.h>

/* ---- factorisations ---- */

void op_need_matrix(struct pt2_lower *L, pt2_t *t)
{
    pt2_dtype real = pt2_dtype_real(t->dtype);
    if (t->rank < 2 || (real != PT2_F32 && real != PT2_F64))
        op_fail(L, t->rank < 2 ? PT2_ERR_FORMAT : PT2_ERR_UNSUPPORTED, "a matrix of %s with %d dimensions",
                pt2_dtype_name(t->dtype), t->rank);
}

pt2_t *op_matrix(struct pt2_lower *L, const char *name)
{
    pt2_t *t = op_tensor(L, name);
    op_need_matrix(L, t);
    return t;
}

pt2_ex op_rows(const pt2_t *a)
{
    return a->shape[a->rank - 2];
}

pt2_ex op_cols(const pt2_t *a)
{
    return a->shape[a->rank - 1];
}

/* A result with the batch of a and `n` more dimensions. */
static struct op_lib_out out_like(const pt2_t *a, pt2_dtype dtype, int n, pt2_ex d0, pt2_ex d1)
{
    struct op_lib_out o = { dtype, a->rank - 2 + n, { NULL } };
    memcpy(o.shape, a->shape, sizeof *o.shape * (size_t)(a->rank - 2));
    o.shape[a->rank - 2] = d0;
    o.shape[a->rank - 1] = d1;
    return o;
}

pt2_t *op_transposed(struct pt2_lower *L, pt2_t *a)
{
    int order[PT2_MAX_RANK];
    for (int d = 0; d < a->rank; d++)
        order[d] = d < a->rank - 2 ? d : d == a->rank - 2 ? a->rank - 1 : a->rank - 2;
    return op_permute(L, a, order);
}

/* The conjugate transpose. */
pt2_t *op_adjoint(struct pt2_lower *L, pt2_t *a)
{
    a = op_transposed(L, a);
    if (!pt2_dtype_is_complex(a->dtype))
        return a;
    struct pt2_complex v = op_at_c(L, a, op_vars(L, a->rank, a->shape));
    v.im = pt2_un(L->E, PT2_E_NEG, v.im);
    return op_map_c(L, a->dtype, a->rank, a->shape, v);
}

static pt2_t *cholesky(struct pt2_lower *L, pt2_t *a, bool upper, pt2_t **out_info)
{
    struct op_lib_out o[2] = { out_like(a, a->dtype, 2, op_rows(a), op_cols(a)), out_like(a, PT2_I32, 0, NULL, NULL) };
    pt2_t *r[2];
    op_library(L, PT2_LIB_CHOLESKY, upper, false, 1, &a, 2, o, r);
    if (out_info)
        *out_info = r[1];
    return r[0];
}

struct lu {
    pt2_t *lu, *pivots, *info;
};

static struct lu factor_lu(struct pt2_lower *L, pt2_t *a)
{
    pt2_ex k = pt2_min(L->E, op_rows(a), op_cols(a));
    struct op_lib_out o[3] = { out_like(a, a->dtype, 2, op_rows(a), op_cols(a)), out_like(a, PT2_I32, 1, k, NULL),
                               out_like(a, PT2_I32, 0, NULL, NULL) };
    pt2_t *r[3];
    op_library(L, PT2_LIB_LU, false, false, 1, &a, 3, o, r);
    return (struct lu){ r[0], r[1], r[2] };
}

static void factor_qr(struct pt2_lower *L, pt2_t *a, bool full, pt2_t **q, pt2_t **r)
{
    pt2_ex m = op_rows(a), n = op_cols(a), k = full ? m : pt2_min(L->E, m, n);
    struct op_lib_out o[2] = { out_like(a, a->dtype, 2, m, k), out_like(a, a->dtype, 2, k, n) };
    pt2_t *v[2];
    op_library(L, PT2_LIB_QR, false, false, 1, &a, 2, o, v);
    *q = v[0];
    *r = v[1];
}

/* U, S, Vh */
void op_svd(struct pt2_lower *L, pt2_t *a, bool full, pt2_t **out)
{
    pt2_ex m = op_rows(a), n = op_cols(a), k = pt2_min(L->E, m, n);
    struct op_lib_out o[3] = { out_like(a, a->dtype, 2, m, full ? m : k),
                               out_like(a, pt2_dtype_real(a->dtype), 1, k, NULL),
                               out_like(a, a->dtype, 2, full ? n : k, n) };
    op_library(L, PT2_LIB_SVD, false, false, 1, &a, 3, o, out);
}

pt2_t *op_singular_values(struct pt2_lower *L, pt2_t *a)
{
    pt2_t *v[3];
    op_need_matrix(L, a);
    op_svd(L, a, false, v);
    return v[1];
}

/* Eigenvalues, ascending, and vectors. */
void op_eigh(struct pt2_lower *L, pt2_t *a, bool upper, pt2_t **out)
{
    struct op_lib_out o[2] = { out_like(a, pt2_dtype_real(a->dtype), 1, op_rows(a), NULL),
                               out_like(a, a->dtype, 2, op_rows(a), op_cols(a)) };
    op_library(L, PT2_LIB_EIGH, upper, false, 1, &a, 2, o, out);
}

/* The batch of b's leading dimensions broadcast with those of a: t with that batch. */
static pt2_t *with_batch(struct pt2_lower *L, pt2_t *t, int batch, const pt2_ex *shape)
{
    pt2_ex to[PT2_MAX_RANK];
    if (batch + 2 > PT2_MAX_RANK - 1)
        op_fail(L, PT2_ERR_UNSUPPORTED, "a batch of %d dimensions", batch);
    memcpy(to, shape, sizeof *to * (size_t)batch);
    to[batch] = op_rows(t);
    to[batch + 1] = op_cols(t);
    return op_expand(L, t, batch + 2, to);
}

static void same_batch(struct pt2_lower *L, pt2_t **a, pt2_t **b)
{
    pt2_ex one = pt2_idx(L->E, 0), shape[PT2_MAX_RANK];
    pt2_t *batches[2];
    pt2_t *const both[2] = { *a, *b };
    for (int k = 0; k < 2; k++)
        batches[k] = op_select(L, op_select(L, both[k], both[k]->rank - 1, one), both[k]->rank - 2, one);
    int n = op_broadcast(L, 2, batches, shape);
    *a = with_batch(L, *a, n, shape);
    *b = with_batch(L, *b, n, shape);
}

/* X with A X = B for a triangular A, of which only that triangle is read; left = false: X A = B. */
static pt2_t *solve_triangular(struct pt2_lower *L, pt2_t *a, pt2_t *b, bool upper, bool unit, bool left)
{
    if (!left) /* A^T X^T = B^T */
        return op_transposed(L, solve_triangular(L, op_transposed(L, a), op_transposed(L, b), !upper, unit, true));
    same_batch(L, &a, &b);
    struct op_lib_out o = out_like(b, b->dtype, 2, op_rows(b), op_cols(b));
    pt2_t *args[2] = { a, b }, *x;
    op_library(L, PT2_LIB_TRIANGULAR_SOLVE, upper, unit, 2, args, 1, &o, &x);
    return x;
}

/* ---- permutations from pivots ---- */

enum { MAX_SWAPS = 512 };

/* Follows row `pos` (PT2_IDX) through the interchanges of a batch item: forwards from the matrix to its factors, or
 * backwards. `at`: indices of the batch. */
static pt2_ex follow(struct pt2_lower *L, pt2_t *pivots, const pt2_ex *at, pt2_ex pos, bool backwards)
{
    struct pt2_exprs *E = L->E;
    pt2_ex index[PT2_MAX_RANK], n = pivots->shape[pivots->rank - 1];
    if (!pt2_is_const(n) || n->i > MAX_SWAPS)
        op_fail(L, PT2_ERR_UNSUPPORTED, "the permutation of more than %d rows, or of an unknown number", MAX_SWAPS);
    memcpy(index, at, sizeof *at * (size_t)(pivots->rank - 1));
    for (int64_t j = 0; j < n->i; j++) {
        pt2_ex i = pt2_idx(E, backwards ? n->i - 1 - j : j);
        index[pivots->rank - 1] = i;
        pt2_ex to = pt2_addi(E, pt2_cast(E, PT2_IDX, op_at(L, pivots, index)), -1);
        pos = pt2_select(E, pt2_eq(E, pos, i), to, pt2_select(E, pt2_eq(E, pos, to), i, pos));
    }
    return pos;
}

/* Row i of the result is the row of b that the interchanges put there (or, inverse, the other way round). */
static pt2_t *permute_rows(struct pt2_lower *L, pt2_t *b, pt2_t *pivots, bool inverse)
{
    struct pt2_exprs *E = L->E;
    int batch = b->rank - 2;
    pt2_ex shape[PT2_MAX_RANK], index[PT2_MAX_RANK];
    memcpy(shape, b->shape, sizeof *shape * (size_t)(batch + 1));
    pt2_ex *v = op_vars(L, batch + 1, shape);
    pt2_ex from = follow(L, pivots, v, v[batch], !inverse);
    pt2_t *order = op_map(L, PT2_I64, batch + 1, shape, pt2_cast(E, PT2_I64, from));
    pt2_ex *at = op_vars(L, b->rank, b->shape);
    memcpy(index, at, sizeof *at * (size_t)b->rank);
    index[batch] = op_index_at(L, order, at, op_rows(b));
    return op_pick(L, b, b->rank, b->shape, index, NULL, op_number(L, b->dtype, 0));
}

static pt2_t *pivots_like(struct pt2_lower *L, pt2_t *pivots, pt2_t *a)
{
    pt2_ex shape[PT2_MAX_RANK];
    memcpy(shape, a->shape, sizeof *shape * (size_t)(a->rank - 2));
    shape[a->rank - 2] = pivots->shape[pivots->rank - 1];
    return op_expand(L, pivots, a->rank - 1, shape);
}

/* A X = B, or A^H X = B, from the factors of A. */
static pt2_t *solve_lu(struct pt2_lower *L, pt2_t *lu, pt2_t *pivots, pt2_t *b, bool conjugate)
{
    same_batch(L, &lu, &b);
    pivots = pivots_like(L, pivots, b);
    if (!conjugate) {
        b = solve_triangular(L, lu, permute_rows(L, b, pivots, false), false, true, true);
        return solve_triangular(L, lu, b, true, false, true);
    }
    pt2_t *t = op_adjoint(L, lu);
    b = solve_triangular(L, t, b, false, false, true);
    return permute_rows(L, solve_triangular(L, t, b, true, true, true), pivots, true);
}

/* A X = B. Where the permutation cannot be followed, by QR. */
static pt2_t *solve(struct pt2_lower *L, pt2_t *a, pt2_t *b, const struct lu *f)
{
    pt2_ex n = op_rows(a);
    if (pt2_is_const(n) && n->i <= MAX_SWAPS)
        return solve_lu(L, f->lu, f->pivots, b, false);
    pt2_t *q, *r;
    factor_qr(L, a, false, &q, &r);
    return solve_triangular(L, r, op_matmul(L, op_adjoint(L, q), b), true, false, true);
}

pt2_t *op_identity_like(struct pt2_lower *L, pt2_t *a)
{
    pt2_ex *at = op_vars(L, a->rank, a->shape);
    pt2_ex same = pt2_eq(L->E, at[a->rank - 2], at[a->rank - 1]);
    struct pt2_complex v = op_number(L, a->dtype, 0);
    v.re = pt2_cast(L->E, v.re->dtype, same);
    return op_map_elem(L, a->dtype, a->rank, a->shape, v);
}

pt2_t *op_inverse(struct pt2_lower *L, pt2_t *a)
{
    struct lu f = factor_lu(L, a);
    return solve(L, a, op_identity_like(L, a), &f);
}

/* ---- small maps ---- */

/* The triangle of a with `k` on the diagonal kept or not: keep(i, j) = i >= j (lower) or i <= j; unit: ones on it. */
static pt2_t *triangle(struct pt2_lower *L, pt2_t *a, pt2_ex rows, pt2_ex cols, bool lower, bool unit)
{
    struct pt2_exprs *E = L->E;
    pt2_ex shape[PT2_MAX_RANK];
    memcpy(shape, a->shape, sizeof *shape * (size_t)a->rank);
    shape[a->rank - 2] = rows;
    shape[a->rank - 1] = cols;
    pt2_ex *at = op_vars(L, a->rank, shape), i = at[a->rank - 2], j = at[a->rank - 1];
    pt2_ex kept = lower ? pt2_le(E, j, i) : pt2_le(E, i, j), ones = pt2_eq(E, i, j);
    struct pt2_complex v = op_elem(L, a, at), zero = op_number(L, a->dtype, 0), one = op_number(L, a->dtype, 1);
    v.re = pt2_select(E, kept, v.re, zero.re);
    v.im = pt2_select(E, kept, v.im, zero.im);
    if (unit) {
        v.re = pt2_select(E, ones, one.re, v.re);
        v.im = pt2_select(E, ones, one.im, v.im);
    }
    return op_map_elem(L, a->dtype, a->rank, shape, v);
}

/* ⊕ over the last dimension of t, whose variable fold_index made. */
pt2_t *op_fold_last(struct pt2_lower *L, enum pt2_reduce_op op, pt2_t *t, pt2_ex body)
{
    return op_reduce(L, op, (pt2_dtype)body->dtype, t->rank - 1, t->shape, 1, &t->shape[t->rank - 1], body);
}

pt2_ex op_fold_index(struct pt2_lower *L, pt2_t *t, pt2_ex *index)
{
    pt2_ex *at = op_vars(L, t->rank - 1, t->shape);
    memcpy(index, at, sizeof *at * (size_t)(t->rank - 1));
    return index[t->rank - 1] = pt2_var(L->E, t->rank - 1, t->shape[t->rank - 1]);
}

static pt2_t *diagonal(struct pt2_lower *L, pt2_t *a)
{
    pt2_ex shape[PT2_MAX_RANK], index[PT2_MAX_RANK];
    memcpy(shape, a->shape, sizeof *shape * (size_t)(a->rank - 2));
    shape[a->rank - 2] = pt2_min(L->E, op_rows(a), op_cols(a));
    pt2_ex *at = op_vars(L, a->rank - 1, shape);
    memcpy(index, at, sizeof *at * (size_t)(a->rank - 1));
    index[a->rank - 1] = at[a->rank - 2];
    return op_pick(L, a, a->rank - 1, shape, index, NULL, op_number(L, a->dtype, 0));
}

/* |element|, real. */
pt2_ex op_size_at(struct pt2_lower *L, pt2_t *a, const pt2_ex *index)
{
    if (!pt2_dtype_is_complex(a->dtype))
        return pt2_un(L->E, PT2_E_ABS, op_at(L, a, index));
    struct pt2_complex v = op_at_c(L, a, index);
    return pt2_bin(L->E, PT2_E_HYPOT, v.re, v.im);
}

/* ---- determinants ---- */

/* The sign of the permutation, 1 or -1. */
static pt2_t *permutation_sign(struct pt2_lower *L, pt2_t *pivots, pt2_dtype dtype)
{
    struct pt2_exprs *E = L->E;
    pt2_ex index[PT2_MAX_RANK], i = op_fold_index(L, pivots, index);
    pt2_ex moved = pt2_not(E, pt2_eq(E, pt2_cast(E, PT2_IDX, op_at(L, pivots, index)), pt2_addi(E, i, 1)));
    return op_fold_last(L, PT2_RED_PROD, pivots, pt2_select(E, moved, pt2_num(E, dtype, -1), pt2_num(E, dtype, 1)));
}

struct det {
    pt2_t *det, *sign, *log; /* of |det| */
    struct lu f;
};

/* The product of complex numbers: their sizes multiply, their angles add. */
static struct det complex_determinant(struct pt2_lower *L, pt2_t *a)
{
    struct pt2_exprs *E = L->E;
    struct det d = { .f = factor_lu(L, a) };
    pt2_dtype real = pt2_dtype_real(a->dtype);
    pt2_t *diag = diagonal(L, d.f.lu), *swap = permutation_sign(L, d.f.pivots, real);
    pt2_ex index[PT2_MAX_RANK];
    op_fold_index(L, diag, index);
    struct pt2_complex v = op_at_c(L, diag, index);
    pt2_ex size = op_size_at(L, diag, index);
    pt2_t *sizes = op_fold_last(L, PT2_RED_PROD, diag, size), *angles =
        op_fold_last(L, PT2_RED_SUM, diag, pt2_bin(E, PT2_E_ATAN2, v.im, v.re));
    d.log = op_fold_last(L, PT2_RED_SUM, diag, pt2_un(E, PT2_E_LOG, size));
    pt2_ex *at = op_vars(L, swap->rank, swap->shape), n = op_at(L, sizes, at), angle = op_at(L, angles, at);
    pt2_ex s = pt2_select(E, pt2_eq(E, op_at(L, d.log, at), pt2_num(E, real, -INFINITY)), pt2_num(E, real, 0),
                          op_at(L, swap, at));
    struct pt2_complex sign = { pt2_mul(E, s, pt2_un(E, PT2_E_COS, angle)),
                                pt2_mul(E, s, pt2_un(E, PT2_E_SIN, angle)) };
    d.sign = op_map_c(L, a->dtype, swap->rank, swap->shape, sign);
    d.det = op_map_c(L, a->dtype, swap->rank, swap->shape,
                     (struct pt2_complex){ pt2_mul(E, n, sign.re), pt2_mul(E, n, sign.im) });
    return d;
}

static struct det determinant(struct pt2_lower *L, pt2_t *a)
{
    struct pt2_exprs *E = L->E;
    struct det d = { .f = factor_lu(L, a) };
    pt2_t *diag = diagonal(L, d.f.lu), *swap = permutation_sign(L, d.f.pivots, a->dtype);
    pt2_ex index[PT2_MAX_RANK], zero = pt2_num(E, a->dtype, 0), one = pt2_num(E, a->dtype, 1);
    op_fold_index(L, diag, index);
    pt2_ex v = op_at(L, diag, index);
    pt2_ex sign = pt2_select(E, pt2_eq(E, v, zero), v, one);
    sign = pt2_select(E, pt2_lt(E, v, zero), pt2_num(E, a->dtype, -1), sign);
    pt2_t *prod = op_fold_last(L, PT2_RED_PROD, diag, v), *signs = op_fold_last(L, PT2_RED_PROD, diag, sign);
    d.log = op_fold_last(L, PT2_RED_SUM, diag, pt2_un(E, PT2_E_LOG, pt2_un(E, PT2_E_ABS, v)));
    pt2_ex *at = op_vars(L, swap->rank, swap->shape), s = op_at(L, swap, at);
    d.det = op_map_like(L, swap, a->dtype, pt2_mul(E, op_at(L, prod, at), s));
    d.sign = op_map_like(L, swap, a->dtype, pt2_mul(E, op_at(L, signs, at), s));
    return d;
}

enum { DET, SLOGDET, LOGDET };

static void lower_det(struct pt2_lower *L)
{
    struct pt2_exprs *E = L->E;
    pt2_t *a = op_matrix(L, op_has(L, "A") ? "A" : "self");
    struct det d = (pt2_dtype_is_complex(a->dtype) ? complex_determinant : determinant)(L, a);
    int next = 1;
    if (L->row->data == DET) {
        op_return(L, d.det);
    } else if (L->row->data == SLOGDET) {
        op_return(L, d.sign);
        op_result(L, next++, d.log);
    } else {
        pt2_ex *at = op_vars(L, d.det->rank, d.det->shape), v = op_at(L, d.det, at);
        pt2_ex negative = pt2_lt(E, v, pt2_num(E, v->dtype, 0));
        op_return(L, op_map_like(L, d.det, d.det->dtype,
                                 pt2_select(E, negative, pt2_num(E, v->dtype, (double)NAN), op_at(L, d.log, at))));
        return;
    }
    op_result(L, next, d.f.lu);
    op_result(L, next + 1, d.f.pivots);
}

/* ---- Cholesky, LU ---- */

static void lower_cholesky(struct pt2_lower *L)
{
    pt2_t *info, *l = cholesky(L, op_matrix(L, "self"), op_bool(L, "upper", false), &info);
    op_return(L, l);
    op_result(L, 1, info);
}

/* Solves L L^H X = B (or U^H U X = B). */
static pt2_t *solve_cholesky(struct pt2_lower *L, pt2_t *l, pt2_t *b, bool upper)
{
    pt2_t *t = op_adjoint(L, l);
    b = solve_triangular(L, upper ? t : l, b, false, false, true);
    return solve_triangular(L, upper ? l : t, b, true, false, true);
}

static void lower_cholesky_solve(struct pt2_lower *L)
{
    op_return(L, solve_cholesky(L, op_matrix(L, "input2"), op_matrix(L, "self"), op_bool(L, "upper", false)));
}

static void lower_cholesky_inverse(struct pt2_lower *L)
{
    pt2_t *l = op_matrix(L, "self");
    op_return(L, solve_cholesky(L, l, op_identity_like(L, l), op_bool(L, "upper", false)));
}

static void need_pivoting(struct pt2_lower *L)
{
    if (!op_bool(L, "pivot", true))
        op_fail(L, PT2_ERR_UNSUPPORTED, "LU without pivoting");
}

static void lower_lu_factor(struct pt2_lower *L)
{
    need_pivoting(L);
    struct lu f = factor_lu(L, op_matrix(L, op_has(L, "A") ? "A" : "self"));
    op_return(L, f.lu);
    op_result(L, 1, f.pivots);
    op_result(L, 2, f.info);
}

/* P with A = P L U. */
static pt2_t *permutation_matrix(struct pt2_lower *L, pt2_t *lu, pt2_t *pivots)
{
    struct pt2_exprs *E = L->E;
    int batch = lu->rank - 2;
    pt2_ex shape[PT2_MAX_RANK];
    memcpy(shape, lu->shape, sizeof *shape * (size_t)(batch + 1));
    shape[batch + 1] = shape[batch];
    pt2_ex *v = op_vars(L, batch + 1, shape);
    pt2_t *place = op_map(L, PT2_I64, batch + 1, shape, pt2_cast(E, PT2_I64, follow(L, pivots, v, v[batch], false)));
    pt2_ex *at = op_vars(L, batch + 2, shape);
    pt2_ex hit = pt2_eq(E, op_at(L, place, at), pt2_cast(E, PT2_I64, at[batch + 1]));
    struct pt2_complex one = op_number(L, op_out_dtype(L, 0), 0);
    one.re = pt2_cast(E, one.re->dtype, hit);
    return op_map_elem(L, op_out_dtype(L, 0), batch + 2, shape, one);
}

/* A part that was not asked for is an empty tensor. */
static void result_or_empty(struct pt2_lower *L, int k, bool wanted, pt2_t *t)
{
    if (!wanted && op_out_used(L, k)) {
        pt2_dtype dtype = op_out_dtype(L, k);
        t = op_full(L, dtype, op_out_rank(L, k), op_out_shape(L, k), pt2_num(L->E, pt2_dtype_real(dtype), 0));
    }
    if (t)
        op_result(L, k, t);
}

/* linalg_lu, and lu_unpack of given factors (data: 1). */
static void lower_lu(struct pt2_lower *L)
{
    bool given = L->row->data == 1;
    struct lu f;
    if (given) {
        f = (struct lu){ op_matrix(L, "LU_data"), op_tensor(L, "LU_pivots"), NULL };
    } else {
        need_pivoting(L);
        f = factor_lu(L, op_matrix(L, "A"));
    }
    bool data = op_bool(L, "unpack_data", true), pivots = op_bool(L, "unpack_pivots", true);
    pt2_ex k = pt2_min(L->E, op_rows(f.lu), op_cols(f.lu));
    result_or_empty(L, 0, pivots, pivots ? permutation_matrix(L, f.lu, f.pivots) : NULL);
    result_or_empty(L, 1, data, data ? triangle(L, f.lu, op_rows(f.lu), k, true, true) : NULL);
    result_or_empty(L, 2, data, data ? triangle(L, f.lu, k, op_cols(f.lu), false, false) : NULL);
}

/* linalg_lu_solve, and lu_solve (data: 1), whose arguments have other names. */
static void lower_lu_solve(struct pt2_lower *L)
{
    bool old = L->row->data == 1;
    pt2_t *lu = op_matrix(L, old ? "LU_data" : "LU"), *pivots = op_tensor(L, old ? "LU_pivots" : "pivots");
    pt2_t *b = op_matrix(L, old ? "self" : "B");
    bool left = op_bool(L, "left", true), conjugate = op_bool(L, "adjoint", false);
    if (pivots->rank != lu->rank - 1)
        op_fail(L, PT2_ERR_FORMAT, "pivots have %d dimensions", pivots->rank);
    if (left)
        op_return(L, solve_lu(L, lu, pivots, b, conjugate));
    else /* X A = B is A^H X^H = B^H */
        op_return(L, op_adjoint(L, solve_lu(L, lu, pivots, op_adjoint(L, b), !conjugate)));
}

/* ---- solve, inverse ---- */

/* linalg_solve and its forms: results X, then LU, pivots and info, or info alone. */
static void lower_solve(struct pt2_lower *L)
{
    pt2_t *a = op_matrix(L, "A"), *b = op_tensor(L, "B");
    bool left = op_bool(L, "left", true), vector = b->rank == 1;
    if (b->rank == a->rank - 1 && b->rank > 1) {
        vector = true; /* a batch of vectors, if the shapes say so */
        for (int d = 0; d < b->rank; d++)
            vector = vector && pt2_prove_eq(L->E, b->shape[d], a->shape[d]);
    }
    if (vector)
        b = op_unsqueeze(L, b, b->rank);
    op_need_matrix(L, b);
    if (!left) {
        a = op_transposed(L, a);
        b = vector ? b : op_transposed(L, b);
    }
    struct lu f = factor_lu(L, a);
    pt2_t *x = solve(L, a, b, &f);
    if (!left && !vector)
        x = op_transposed(L, x);
    op_return(L, vector ? op_squeeze(L, x, x->rank - 1) : x);
    if (L->node->num_outs == 2) {
        op_result(L, 1, f.info);
        return;
    }
    op_result(L, 1, f.lu);
    op_result(L, 2, f.pivots);
    op_result(L, 3, f.info);
}

static void lower_inv(struct pt2_lower *L)
{
    pt2_t *a = op_matrix(L, op_has(L, "A") ? "A" : "self");
    struct lu f = factor_lu(L, a);
    op_return(L, solve(L, a, op_identity_like(L, a), &f));
    op_result(L, 1, f.info);
}

static void lower_solve_triangular(struct pt2_lower *L)
{
    op_return(L, solve_triangular(L, op_matrix(L, "self"), op_matrix(L, "B"), op_bool(L, "upper", true),
                                  op_bool(L, "unitriangular", false), op_bool(L, "left", true)));
}

/* The old triangular_solve(B, A, upper, transpose, unitriangular). */
static void lower_triangular_solve(struct pt2_lower *L)
{
    pt2_t *b = op_matrix(L, "self"), *a = op_matrix(L, "A");
    bool upper = op_bool(L, "upper", true), flip = op_bool(L, "transpose", false);
    same_batch(L, &a, &b);
    op_return(L, solve_triangular(L, flip ? op_transposed(L, a) : a, b, upper != flip,
                                  op_bool(L, "unitriangular", false), true));
    op_result(L, 1, op_clone(L, a));
}

/* The matrix that a tensor is when its first dimensions are rows: [n, n]. */
static pt2_t *as_square(struct pt2_lower *L, pt2_t *a, pt2_ex n)
{
    pt2_ex shape[2] = { n, n };
    a = op_clone(L, op_reshape(L, a, 2, shape));
    op_need_matrix(L, a);
    return a;
}

static void lower_tensorinv(struct pt2_lower *L)
{
    pt2_t *a = op_tensor(L, "self");
    int64_t ind = op_int(L, "ind", 2);
    if (ind < 1 || ind > a->rank)
        op_fail(L, PT2_ERR_FORMAT, "ind %lld", (long long)ind);
    pt2_t *x = op_inverse(L, as_square(L, a, pt2_product(L->E, (int)ind, a->shape)));
    op_return(L, op_reshape(L, x, op_out_rank(L, 0), op_out_shape(L, 0)));
}

static void lower_tensorsolve(struct pt2_lower *L)
{
    pt2_t *a = op_tensor(L, "self"), *b = op_tensor(L, "other");
    int dims[PT2_MAX_RANK], order[PT2_MAX_RANK], k = 0, n = op_dims(L, "dims", a->rank, dims);
    for (int d = 0; d < a->rank && n > 0; d++) { /* the named dimensions go to the end */
        bool named = false;
        for (int j = 0; j < n; j++)
            named = named || dims[j] == d;
        if (!named)
            order[k++] = d;
    }
    for (int j = 0; j < n; j++)
        order[k++] = dims[j];
    if (n > 0)
        a = op_permute(L, a, order);
    pt2_ex column[2] = { op_numel(L, b), pt2_idx(L->E, 1) };
    pt2_t *m = as_square(L, a, column[0]);
    struct lu f = factor_lu(L, m);
    pt2_t *x = solve(L, m, op_reshape(L, b, 2, column), &f);
    op_return(L, op_reshape(L, x, op_out_rank(L, 0), op_out_shape(L, 0)));
}

/* ---- QR ---- */

/* linalg_qr(mode), and qr(some) (data: 1). */
static void lower_qr(struct pt2_lower *L)
{
    pt2_t *a = op_matrix(L, op_has(L, "A") ? "A" : "self"), *q, *r;
    const char *mode = L->row->data ? (op_bool(L, "some", true) ? "reduced" : "complete")
                                    : op_string(L, "mode", "reduced");
    bool r_only = strcmp(mode, "r") == 0;
    factor_qr(L, a, strcmp(mode, "complete") == 0, &q, &r);
    result_or_empty(L, 0, !r_only, q);
    op_result(L, 1, r);
}

/* The product of the reflections that the columns of a and tau describe: its first `cols` columns. */
static pt2_t *householder(struct pt2_lower *L, pt2_t *a, pt2_t *tau, pt2_ex cols)
{
    struct pt2_exprs *E = L->E;
    pt2_ex shape[PT2_MAX_RANK];
    memcpy(shape, a->shape, sizeof *shape * (size_t)a->rank);
    shape[a->rank - 1] = cols;
    if (tau->rank != a->rank - 1)
        op_fail(L, PT2_ERR_FORMAT, "tau has %d dimensions", tau->rank);
    if (!pt2_prove_eq(E, cols, op_cols(a))) { /* more columns: nothing below the diagonal of those */
        pt2_ex *at = op_vars(L, a->rank, shape), inside = pt2_lt(E, at[a->rank - 1], op_cols(a));
        a = op_pick(L, a, a->rank, shape, at, inside, op_number(L, a->dtype, 0));
    }
    struct op_lib_out o = out_like(a, a->dtype, 2, op_rows(a), cols);
    pt2_t *args[2] = { a, tau }, *q;
    op_library(L, PT2_LIB_HOUSEHOLDER, false, false, 2, args, 1, &o, &q);
    return q;
}

static void lower_householder(struct pt2_lower *L)
{
    bool old = L->row->data == 1;
    pt2_t *a = op_matrix(L, old ? "self" : "input");
    op_return(L, householder(L, a, op_tensor(L, old ? "input2" : "tau"), op_cols(a)));
}

static void lower_ormqr(struct pt2_lower *L)
{
    pt2_t *a = op_matrix(L, "self"), *c = op_matrix(L, "input3");
    pt2_t *q = householder(L, a, op_tensor(L, "input2"), op_rows(a));
    if (op_bool(L, "transpose", false))
        q = op_adjoint(L, q);
    op_return(L, op_bool(L, "left", true) ? op_matmul(L, q, c) : op_matmul(L, c, q));
}

static void lower_geqrf(struct pt2_lower *L)
{
    pt2_t *a = op_matrix(L, "self"), *r[2];
    struct op_lib_out o[2] = { out_like(a, a->dtype, 2, op_rows(a), op_cols(a)),
                               out_like(a, a->dtype, 1, pt2_min(L->E, op_rows(a), op_cols(a)), NULL) };
    op_library(L, PT2_LIB_GEQRF, false, false, 1, &a, 2, o, r);
    op_return(L, r[0]);
    op_result(L, 1, r[1]);
}

/* ---- LDL ---- */

static void lower_ldl_factor(struct pt2_lower *L)
{
    pt2_t *a = op_matrix(L, "self"), *r[3];
    struct op_lib_out o[3] = { out_like(a, a->dtype, 2, op_rows(a), op_cols(a)),
                               out_like(a, PT2_I32, 1, op_rows(a), NULL), out_like(a, PT2_I32, 0, NULL, NULL) };
    op_library(L, PT2_LIB_LDL, false, false, 1, &a, 3, o, r);
    for (int k = 0; k < 3; k++)
        op_result(L, k, r[k]);
}

static void lower_ldl_solve(struct pt2_lower *L)
{
    pt2_t *ld = op_matrix(L, "LD"), *pivots = op_tensor(L, "pivots"), *b = op_matrix(L, "B"), *x;
    if (pivots->rank != ld->rank - 1)
        op_fail(L, PT2_ERR_FORMAT, "pivots have %d dimensions", pivots->rank);
    same_batch(L, &ld, &b);
    struct op_lib_out o = out_like(b, b->dtype, 2, op_rows(b), op_cols(b));
    pt2_t *args[3] = { ld, pivots_like(L, pivots, b), b };
    op_library(L, PT2_LIB_LDL_SOLVE, false, false, 3, args, 1, &o, &x);
    op_return(L, x);
}

/* ---- eigenvalues, singular values ---- */

static bool upper_given(struct pt2_lower *L)
{
    const char *uplo = op_string(L, "UPLO", "L");
    return uplo[0] == 'U' || uplo[0] == 'u';
}

static void lower_eigh(struct pt2_lower *L)
{
    pt2_t *v[2];
    op_eigh(L, op_matrix(L, op_has(L, "A") ? "A" : "self"), upper_given(L), v);
    op_return(L, v[0]);
    result_or_empty(L, 1, op_bool(L, "compute_v", true), v[1]);
}

/* linalg_eig, linalg_eigvals: complex results. */
static void lower_eig(struct pt2_lower *L)
{
    pt2_t *a = op_matrix(L, "self"), *v[2];
    pt2_ex two = pt2_idx(L->E, 2);
    pt2_dtype real = pt2_dtype_real(a->dtype);
    struct op_lib_out o[2] = { out_like(a, real, 2, op_rows(a), two),
                               out_like(a, real, 2, op_rows(a), op_rows(a)) };
    if (a->rank >= PT2_MAX_RANK - 1)
        op_fail(L, PT2_ERR_UNSUPPORTED, "a batch of %d dimensions", a->rank - 2);
    o[1].shape[o[1].rank++] = two;
    bool twice = pt2_dtype_is_complex(a->dtype);
    pt2_t *pairs = twice ? op_real_view(L, a) : a;
    op_library(L, PT2_LIB_EIG, twice, false, 1, &pairs, 2, o, v);
    op_return(L, op_complex_view(L, v[0]));
    op_result(L, 1, op_complex_view(L, v[1]));
}

enum { SVD_NEW, SVD_OLD, SVD_PLAIN };

/* linalg_svd(full_matrices), _linalg_svd(full_matrices, compute_uv), svd(some, compute_uv), which returns V itself. */
static void lower_svd(struct pt2_lower *L)
{
    bool old = L->row->data == SVD_OLD, uv = op_bool(L, "compute_uv", true);
    bool full = old ? !op_bool(L, "some", true) : op_bool(L, "full_matrices", L->row->data == SVD_NEW);
    pt2_t *v[3];
    op_svd(L, op_matrix(L, old ? "self" : "A"), full && uv, v);
    op_result(L, 1, v[1]);
    result_or_empty(L, 0, uv, v[0]);
    result_or_empty(L, 2, uv, old ? op_adjoint(L, v[2]) : v[2]);
}

static void lower_svdvals(struct pt2_lower *L)
{
    op_return(L, op_singular_values(L, op_matrix(L, "A")));
}

static void lower_eigvalsh(struct pt2_lower *L)
{
    pt2_t *v[2];
    op_eigh(L, op_matrix(L, "self"), upper_given(L), v);
    op_return(L, v[0]);
}

static void lower_nothing(struct pt2_lower *L)
{
    (void)L;
}

const struct pt2_op_row pt2_ops_linalg[] = {
    { "aten.cholesky", lower_cholesky, 0 },
    { "aten.linalg_cholesky", lower_cholesky, 0 },
    { "aten.linalg_cholesky_ex", lower_cholesky, 0 },
    { "aten.cholesky_solve", lower_cholesky_solve, 0 },
    { "aten.cholesky_inverse", lower_cholesky_inverse, 0 },
    { "aten._linalg_det", lower_det, DET },
    { "aten.linalg_det", lower_det, DET },
    { "aten.det", lower_det, DET },
    { "aten._linalg_slogdet", lower_det, SLOGDET },
    { "aten.linalg_slogdet", lower_det, SLOGDET },
    { "aten.slogdet", lower_det, SLOGDET },
    { "aten.logdet", lower_det, LOGDET },
    { "aten._lu_with_info", lower_lu_factor, 0 },
    { "aten.linalg_lu_factor", lower_lu_factor, 0 },
    { "aten.linalg_lu_factor_ex", lower_lu_factor, 0 },
    { "aten.linalg_lu", lower_lu, 0 },
    { "aten.lu_unpack", lower_lu, 1 },
    { "aten.linalg_lu_solve", lower_lu_solve, 0 },
    { "aten.lu_solve", lower_lu_solve, 1 },
    { "aten.linalg_solve", lower_solve, 0 },
    { "aten.linalg_solve_ex", lower_solve, 0 },
    { "aten._linalg_solve_ex", lower_solve, 0 },
    { "aten.linalg_inv", lower_inv, 0 },
    { "aten.linalg_inv_ex", lower_inv, 0 },
    { "aten.inverse", lower_inv, 0 },
    { "aten.linalg_solve_triangular", lower_solve_triangular, 0 },
    { "aten.triangular_solve", lower_triangular_solve, 0 },
    { "aten.linalg_tensorinv", lower_tensorinv, 0 },
    { "aten.linalg_tensorsolve", lower_tensorsolve, 0 },
    { "aten.linalg_qr", lower_qr, 0 },
    { "aten.qr", lower_qr, 1 },
    { "aten.linalg_householder_product", lower_householder, 0 },
    { "aten.orgqr", lower_householder, 1 },
    { "aten.ormqr", lower_ormqr, 0 },
    { "aten.geqrf", lower_geqrf, 0 },
    { "aten.linalg_ldl_factor", lower_ldl_factor, 0 },
    { "aten.linalg_ldl_factor_ex", lower_ldl_factor, 0 },
    { "aten.linalg_ldl_solve", lower_ldl_solve, 0 },
    { "aten._linalg_eigh", lower_eigh, 0 },
    { "aten.linalg_eigh", lower_eigh, 0 },
    { "aten.linalg_eigvalsh", lower_eigvalsh, 0 },
    { "aten.linalg_eig", lower_eig, 0 },
    { "aten.linalg_eigvals", lower_eig, 0 },
    { "aten._linalg_eigvals", lower_eig, 0 },
    { "aten._linalg_svd", lower_svd, SVD_PLAIN },
    { "aten.linalg_svd", lower_svd, SVD_NEW },
    { "aten.svd", lower_svd, SVD_OLD },
    { "aten.linalg_svdvals", lower_svdvals, 0 },
    { "aten._linalg_check_errors", lower_nothing, 0 },
    { 0 },
};
