/* SPDX-License-Identifier: MIT
 * What is computed from factorisations: pseudo-inverses, ranks, condition numbers and norms by singular values; powers,
 * exponentials, roots and polar parts of matrices. */
#include "ops/data.h"
#include "ops/linalg.h"

#include <float.h>
#include <math.h>

/* ---- tolerances: pinv, matrix_rank, cond ---- */

/* |eigenvalues| of a symmetric matrix. */
static pt2_t *magnitudes(struct pt2_lower *L, pt2_t *w)
{
    return op_map_like(L, w, w->dtype, pt2_un(L->E, PT2_E_ABS, op_at(L, w, op_vars(L, w->rank, w->shape))));
}

/* A tolerance that is a number or a tensor of the batch; NULL when missing. */
static pt2_ex tolerance(struct pt2_lower *L, const char *name, int batch, const pt2_ex *at, pt2_dtype dtype)
{
    pt2_t *t = op_tensor_opt(L, name);
    return t ? op_to(L, op_at_bcast(L, t, batch, at), dtype) : NULL;
}

/* What singular values must exceed, over the variables of the batch: max(atol, rtol * the largest). */
static pt2_ex threshold(struct pt2_lower *L, pt2_t *a, pt2_t *s)
{
    struct pt2_exprs *E = L->E;
    int batch = a->rank - 2, t = pt2_dtype_real(a->dtype);
    pt2_ex *at = op_vars(L, batch, a->shape), index[PT2_MAX_RANK], zero = pt2_num(E, t, 0);
    pt2_ex size = pt2_cast(E, t, pt2_max(E, op_rows(a), op_cols(a)));
    pt2_ex usual = pt2_mul(E, size, pt2_num(E, t, t == PT2_F64 ? DBL_EPSILON : (double)FLT_EPSILON));
    pt2_ex atol = tolerance(L, op_has(L, "tol") ? "tol" : "atol", batch, at, (pt2_dtype)t);
    pt2_ex rtol = tolerance(L, op_has(L, "rcond") ? "rcond" : "rtol", batch, at, (pt2_dtype)t);
    if (op_has(L, "tol"))
        rtol = zero;
    if (!rtol)
        rtol = atol ? pt2_select(E, pt2_lt(E, zero, atol), zero, usual) : usual;
    op_fold_index(L, s, index);
    pt2_t *largest = op_fold_last(L, PT2_RED_MAX, s, pt2_max(E, op_at(L, s, index), zero));
    rtol = pt2_mul(E, rtol, pt2_max(E, op_at(L, largest, at), zero));
    return atol ? pt2_max(E, atol, rtol) : rtol;
}

static void lower_matrix_rank(struct pt2_lower *L)
{
    struct pt2_exprs *E = L->E;
    pt2_t *a = op_matrix(L, op_has(L, "input") ? "input" : "self"), *v[3], *s;
    if (op_bool(L, "hermitian", false)) {
        op_eigh(L, a, false, v);
        s = magnitudes(L, v[0]);
    } else {
        s = op_singular_values(L, a);
    }
    pt2_ex index[PT2_MAX_RANK];
    op_fold_index(L, s, index);
    pt2_ex counts = pt2_lt(E, threshold(L, a, s), op_at(L, s, index));
    op_return(L, op_fold_last(L, PT2_RED_SUM, s, pt2_cast(E, PT2_I64, counts)));
}

/* left * diag(1/s where s is above the threshold) * right */
static pt2_t *pseudo_inverse(struct pt2_lower *L, pt2_t *a, pt2_t *left, pt2_t *w, pt2_t *s, pt2_t *right)
{
    struct pt2_exprs *E = L->E;
    pt2_ex *at = op_vars(L, s->rank, s->shape), zero = pt2_num(E, s->dtype, 0), one = pt2_num(E, s->dtype, 1);
    pt2_ex keep = pt2_lt(E, threshold(L, a, s), op_at(L, s, at)), d = op_at(L, w, at);
    pt2_ex inv = pt2_select(E, keep, pt2_bin(E, PT2_E_DIV, one, pt2_select(E, keep, d, one)), zero);
    pt2_t *factor = op_unsqueeze(L, op_map_like(L, s, s->dtype, inv), s->rank - 1); /* [..., 1, k] */
    return op_matmul(L, op_mul(L, left, factor), right);
}

static void lower_pinv(struct pt2_lower *L)
{
    pt2_t *a = op_matrix(L, "self"), *v[3];
    if (pt2_is_int(op_numel(L, a), 0)) {
        op_return(L, op_full(L, a->dtype, op_out_rank(L, 0), op_out_shape(L, 0),
                             pt2_num(L->E, pt2_dtype_real(a->dtype), 0)));
        return;
    }
    if (op_bool(L, "hermitian", false)) {
        op_eigh(L, a, false, v);
        op_return(L, pseudo_inverse(L, a, v[1], v[0], magnitudes(L, v[0]), op_adjoint(L, v[1])));
        return;
    }
    op_svd(L, a, false, v);
    op_return(L, pseudo_inverse(L, a, op_adjoint(L, v[2]), v[1], v[1], op_adjoint(L, v[0])));
}

/* Norms of matrices that need no singular values: sums of magnitudes of columns or rows, or of squares. */
static pt2_t *plain_norm(struct pt2_lower *L, pt2_t *a, const char *name, double p)
{
    struct pt2_exprs *E = L->E;
    bool fro = name && strcmp(name, "fro") == 0, by_rows = isinf(p);
    pt2_t *m = !fro && !by_rows ? op_transposed(L, a) : a; /* sums along the last dimension */
    pt2_ex index[PT2_MAX_RANK];
    op_fold_index(L, m, index);
    pt2_ex v = op_size_at(L, m, index);
    pt2_t *sums = op_fold_last(L, PT2_RED_SUM, m, fro ? pt2_mul(E, v, v) : v);
    op_fold_index(L, sums, index);
    v = op_at(L, sums, index);
    pt2_t *r = op_fold_last(L, fro ? PT2_RED_SUM : p > 0 ? PT2_RED_MAX : PT2_RED_MIN, sums, v);
    return fro ? op_unary(L, PT2_E_SQRT, r) : r;
}

/* The real matrix [[re, -im], [im, re]]: it has every singular value of the complex one twice. */
static pt2_t *real_twin(struct pt2_lower *L, pt2_t *a)
{
    struct pt2_exprs *E = L->E;
    pt2_ex shape[PT2_MAX_RANK], index[PT2_MAX_RANK];
    int r = a->rank - 2, c = a->rank - 1;
    memcpy(shape, a->shape, sizeof *shape * (size_t)a->rank);
    shape[r] = pt2_muli(E, op_rows(a), 2);
    shape[c] = pt2_muli(E, op_cols(a), 2);
    pt2_ex *at = op_vars(L, a->rank, shape);
    memcpy(index, at, sizeof *at * (size_t)a->rank);
    pt2_ex top = pt2_lt(E, at[r], op_rows(a)), left = pt2_lt(E, at[c], op_cols(a));
    index[r] = pt2_select(E, top, at[r], pt2_sub(E, at[r], op_rows(a)));
    index[c] = pt2_select(E, left, at[c], pt2_sub(E, at[c], op_cols(a)));
    struct pt2_complex v = op_at_c(L, a, index);
    pt2_ex im = pt2_select(E, top, pt2_un(E, PT2_E_NEG, v.im), v.im);
    pt2_ex same = pt2_eq(E, pt2_cast(E, PT2_I32, top), pt2_cast(E, PT2_I32, left));
    return op_map(L, pt2_dtype_real(a->dtype), a->rank, shape, pt2_select(E, same, v.re, im));
}

pt2_t *op_singular_norm(struct pt2_lower *L, pt2_t *t, enum pt2_reduce_op op, const int *dims, bool keepdim,
                        pt2_dtype dtype)
{
    int order[PT2_MAX_RANK], n = 0;
    pt2_ex shape[PT2_MAX_RANK], index[PT2_MAX_RANK];
    for (int d = 0; d < t->rank; d++) {
        bool reduced = d == dims[0] || d == dims[1];
        shape[d] = reduced ? pt2_idx(L->E, 1) : t->shape[d];
        if (!reduced)
            order[n++] = d;
    }
    order[n] = dims[0];
    order[n + 1] = dims[1];
    bool twice = pt2_dtype_is_complex(t->dtype);
    t = op_permute(L, t, order);
    pt2_t *s = op_singular_values(L, op_convert(L, twice ? real_twin(L, t) : t, dtype));
    op_fold_index(L, s, index);
    pt2_t *r = op_fold_last(L, op, s, op_at(L, s, index));
    if (twice && op == PT2_RED_SUM)
        r = op_scale(L, r, 0.5);
    return keepdim ? op_reshape(L, r, t->rank, shape) : r;
}

static pt2_t *sum_last(struct pt2_lower *L, pt2_t *t)
{
    int last = t->rank - 1;
    return op_sum(L, t, 1, &last, false);
}

static void lower_cond(struct pt2_lower *L)
{
    pt2_t *a = op_matrix(L, "self");
    const char *name = op_string(L, "p", NULL);
    double p = name ? 0 : op_float(L, "p", 2);
    pt2_ex first = pt2_idx(L->E, 0);
    if (!name && (p == 2 || p == -2)) {
        pt2_t *s = op_singular_values(L, a);
        pt2_ex last = pt2_addi(L->E, s->shape[s->rank - 1], -1);
        pt2_t *ends[2] = { op_select(L, s, s->rank - 1, first), op_select(L, s, s->rank - 1, last) };
        op_return(L, p > 0 ? op_div(L, ends[0], ends[1]) : op_div(L, ends[1], ends[0]));
        return;
    }
    bool nuclear = name && strcmp(name, "nuc") == 0;
    if (!nuclear && !(name && strcmp(name, "fro") == 0) && p != 1 && p != -1 && !isinf(p))
        op_fail(L, PT2_ERR_UNSUPPORTED, "the norm %s%g", name ? name : "", p);
    pt2_t *n[2], *both[2] = { a, op_inverse(L, a) };
    for (int k = 0; k < 2; k++)
        n[k] = nuclear ? sum_last(L, op_singular_values(L, both[k])) : plain_norm(L, both[k], name, p);
    op_return(L, op_mul(L, n[0], n[1]));
}

/* ---- functions of matrices ---- */

static void lower_matrix_power(struct pt2_lower *L)
{
    pt2_t *a = op_matrix(L, "self"), *r = NULL;
    int64_t n = op_int(L, "n", 1);
    if (n == INT64_MIN)
        op_fail(L, PT2_ERR_FORMAT, "power %lld", (long long)n);
    if (n < 0)
        a = op_inverse(L, a);
    for (uint64_t k = (uint64_t)(n < 0 ? -n : n); k; k >>= 1) {
        if (k & 1)
            r = r ? op_matmul(L, r, a) : a;
        if (k > 1)
            a = op_matmul(L, a, a);
    }
    op_return(L, r ? op_clone(L, r) : op_identity_like(L, a));
}

enum { SQUARINGS = 12 };

/* The number of halvings that bring the 1-norm of each matrix to at most 1, over the variables of the batch. */
static pt2_t *halvings(struct pt2_lower *L, pt2_t *a)
{
    struct pt2_exprs *E = L->E;
    pt2_t *norm = plain_norm(L, a, NULL, 1);
    pt2_ex v = op_at(L, norm, op_vars(L, norm->rank, norm->shape)), n = pt2_num(E, v->dtype, 0), bound;
    for (int k = 0; k < SQUARINGS; k++) {
        bound = pt2_num(E, v->dtype, ldexp(1, k));
        n = pt2_add(E, n, pt2_cast(E, v->dtype, pt2_lt(E, bound, v)));
    }
    return op_map_like(L, norm, norm->dtype, n);
}

/* matrix_exp: Taylor polynomial of the scaled matrix by Horner's rule, then as many squarings as it was halved. */
static void lower_matrix_exp(struct pt2_lower *L)
{
    struct pt2_exprs *E = L->E;
    pt2_t *a = op_tensor(L, "self");
    if (a->dtype == PT2_F16 || a->dtype == PT2_BF16)
        a = op_convert(L, a, PT2_F32);
    op_need_matrix(L, a);
    pt2_t *times = halvings(L, a), *one = op_identity_like(L, a);
    int degree = times->dtype == PT2_F64 ? 18 : 12;
    pt2_ex *at = op_vars(L, a->rank, a->shape), s = op_at(L, times, at);
    pt2_ex scale = pt2_un(E, PT2_E_EXP2, pt2_un(E, PT2_E_NEG, s));
    struct pt2_complex v = op_elem(L, a, at);
    pt2_t *r = one, *x = op_map_elem(L, a->dtype, a->rank, a->shape,
                                     (struct pt2_complex){ pt2_mul(E, v.re, scale), pt2_mul(E, v.im, scale) });
    for (int k = degree; k >= 1; k--)
        r = op_add(L, op_scale(L, op_matmul(L, x, r), 1.0 / k), one);
    for (int k = 0; k < SQUARINGS; k++) {
        pt2_t *square = op_matmul(L, r, r);
        pt2_ex more = pt2_lt(E, pt2_num(E, s->dtype, k), s);
        struct pt2_complex next = op_elem(L, square, at), now = op_elem(L, r, at);
        r = op_map_elem(L, a->dtype, a->rank, a->shape, (struct pt2_complex){ pt2_select(E, more, next.re, now.re),
                                                                             pt2_select(E, more, next.im, now.im) });
    }
    op_return(L, op_convert(L, r, op_out_dtype(L, 0)));
}

/* v with its columns times w, times the transposed matrix vt. */
static pt2_t *scaled_columns(struct pt2_lower *L, pt2_t *v, pt2_t *w, pt2_t *vt)
{
    return op_matmul(L, op_mul(L, v, op_unsqueeze(L, w, w->rank - 1)), vt);
}

/* A = U H with orthonormal columns of U and a positive H: from A = W S V^T these are W V^T and V S V^T. */
static void lower_polar(struct pt2_lower *L)
{
    pt2_t *v[3];
    op_svd(L, op_matrix(L, "A"), false, v);
    op_return(L, op_matmul(L, v[0], v[2]));
    op_result(L, 1, scaled_columns(L, op_adjoint(L, v[2]), v[1], v[2]));
}

/* The square root of a symmetric matrix; negative eigenvalues count as 0. */
static void lower_sqrth(struct pt2_lower *L)
{
    pt2_t *v[2];
    op_eigh(L, op_matrix(L, "self"), false, v);
    pt2_ex w = op_at(L, v[0], op_vars(L, v[0]->rank, v[0]->shape));
    pt2_ex root = pt2_un(L->E, PT2_E_SQRT, pt2_max(L->E, w, pt2_num(L->E, w->dtype, 0)));
    op_return(L, scaled_columns(L, v[1], op_map_like(L, v[0], v[0]->dtype, root), op_adjoint(L, v[1])));
}

const struct pt2_op_row pt2_ops_matrix[] = {
    { "aten.linalg_matrix_rank", lower_matrix_rank, 0 },
    { "aten.linalg_pinv", lower_pinv, 0 },
    { "aten.pinverse", lower_pinv, 0 },
    { "aten.linalg_cond", lower_cond, 0 },
    { "aten.linalg_matrix_power", lower_matrix_power, 0 },
    { "aten.matrix_power", lower_matrix_power, 0 },
    { "aten.matrix_exp", lower_matrix_exp, 0 },
    { "aten.linalg_matrix_exp", lower_matrix_exp, 0 },
    { "aten.linalg_polar", lower_polar, 0 },
    { "aten.linalg_matrix_sqrth", lower_sqrth, 0 },
    { 0 },
};
