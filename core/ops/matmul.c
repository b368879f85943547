/* SPDX-License-Identifier: MIT
 *
 * Products of matrices. Each operator is a contraction by labels (contract.c); most are a row of `forms`. */
#include "ops/reduce.h"

/* self, mat1, mat2 → the operand of dtype that the operator computes in. */
static pt2_t *operand(struct pt2_lower *L, const char *name, pt2_dtype dtype)
{
    return op_convert(L, op_tensor(L, name), dtype);
}

enum form { MM, BMM, MV, DOT, VDOT, OUTER, ADDMM, ADDMV, ADDR, ADDBMM, BADDBMM };

static const struct {
    const char *a, *b;             /* argument names */
    const char *la, *lb, *out;     /* labels */
} forms[] = {
    [MM] = { "self", "mat2", "mk", "kn", "mn" },
    [BMM] = { "self", "mat2", "bmk", "bkn", "bmn" },
    [MV] = { "self", "vec", "mk", "k", "m" },
    [DOT] = { "self", "tensor", "k", "k", "" },
    [VDOT] = { "self", "other", "k", "k", "" },
    [OUTER] = { "self", "vec2", "m", "n", "mn" },
    [ADDMM] = { "mat1", "mat2", "mk", "kn", "mn" },
    [ADDMV] = { "mat", "vec", "mk", "k", "m" },
    [ADDR] = { "vec1", "vec2", "m", "n", "mn" },
    [ADDBMM] = { "batch1", "batch2", "bmk", "bkn", "mn" },
    [BADDBMM] = { "batch1", "batch2", "bmk", "bkn", "bmn" },
};

static pt2_t *product(struct pt2_lower *L, enum form f, pt2_dtype in, pt2_dtype dtype)
{
    struct op_term a = { operand(L, forms[f].a, in), forms[f].la, f == VDOT };
    struct op_term b = { operand(L, forms[f].b, in), forms[f].lb, false };
    return op_contract(L, dtype, a, b, forms[f].out);
}

static void lower_product(struct pt2_lower *L)
{
    pt2_dtype dtype = op_out_dtype(L, 0);
    op_return(L, product(L, (enum form)L->row->data, dtype, dtype));
}

static bool is_number(pt2_ex e, int64_t n)
{
    return pt2_is_const(e) && (pt2_dtype_is_float((pt2_dtype)e->dtype) ? e->f == (double)n : e->i == n);
}

/* factor * x, without the product when the factor is 1. */
static pt2_ex times(struct pt2_exprs *E, pt2_ex factor, pt2_ex x)
{
    if (x->dtype == PT2_BOOL)
        return pt2_and(E, factor, x);
    return is_number(factor, 1) ? x : pt2_mul(E, factor, x);
}

static void add_product_c(struct pt2_lower *L, pt2_t *self, pt2_t *p, pt2_dtype dtype)
{
    pt2_ex *v = op_vars(L, p->rank, p->shape);
    struct pt2_complex beta = op_scalar_c(L, "beta", op_acc_dtype(dtype), 1);
    struct pt2_complex r = op_cx_mul(L->E, op_scalar_c(L, "alpha", op_acc_dtype(dtype), 1), op_at_c(L, p, v));
    if (!is_number(beta.re, 0) || !is_number(beta.im, 0)) {
        struct pt2_complex s = op_cx_to(L, op_at_bcast_c(L, self, p->rank, v), dtype);
        r = op_cx_add(L->E, op_cx_mul(L->E, beta, s), r);
    }
    op_return(L, op_map_c(L, dtype, p->rank, p->shape, r));
}

/* beta * self + alpha * product; self is not read when beta is 0 (it may hold NaN). */
static void lower_add_product(struct pt2_lower *L)
{
    pt2_dtype dtype = op_out_dtype(L, 0), acc = op_acc_dtype(dtype);
    pt2_t *self = op_tensor(L, "self"), *p = product(L, (enum form)L->row->data, dtype, acc);
    if (self->rank > p->rank)
        op_fail(L, PT2_ERR_FORMAT, "self has more dimensions than the product");
    if (pt2_dtype_is_complex(dtype)) {
        add_product_c(L, self, p, dtype);
        return;
    }
    pt2_ex *v = op_vars(L, p->rank, p->shape);
    pt2_ex beta = op_scalar(L, "beta", acc, 1), r = times(L->E, op_scalar(L, "alpha", acc, 1), op_at(L, p, v));
    if (!is_number(beta, 0)) {
        pt2_ex s = times(L->E, beta, op_at_bcast_as(L, self, p->rank, v, dtype));
        r = dtype == PT2_BOOL ? pt2_or(L->E, s, r) : pt2_add(L->E, s, r);
    }
    op_return(L, op_map(L, dtype, p->rank, p->shape, r));
}

/* _addmm_activation: relu, or gelu by erf, of an addmm. */
static void lower_addmm_activation(struct pt2_lower *L)
{
    struct pt2_exprs *E = L->E;
    pt2_dtype dtype = op_out_dtype(L, 0), acc = op_acc_dtype(dtype);
    pt2_t *self = op_tensor(L, "self"), *p = product(L, ADDMM, dtype, acc);
    if (self->rank > p->rank || !pt2_dtype_is_float(dtype))
        op_fail(L, PT2_ERR_FORMAT, "self has %d dimensions", self->rank);
    pt2_ex *v = op_vars(L, p->rank, p->shape);
    pt2_ex beta = op_scalar(L, "beta", acc, 1), x = times(E, op_scalar(L, "alpha", acc, 1), op_at(L, p, v));
    if (!is_number(beta, 0))
        x = pt2_add(E, times(E, beta, op_at_bcast_as(L, self, p->rank, v, dtype)), x);
    if (op_bool(L, "use_gelu", false)) {
        pt2_ex erf = pt2_un(E, PT2_E_ERF, pt2_mul(E, x, pt2_num(E, acc, 0.70710678118654752440)));
        x = pt2_mul(E, pt2_mul(E, x, pt2_num(E, acc, 0.5)), pt2_add(E, pt2_int(E, acc, 1), erf));
    } else {
        x = pt2_max(E, x, pt2_int(E, acc, 0));
    }
    op_return(L, op_map(L, dtype, p->rank, p->shape, x));
}

/* ---- matmul, linear ---- */

/* Labels 'A' … for `count` dimensions of which the last has the number last-1, then `tail`. */
static char *batch_labels(struct pt2_lower *L, int count, int last, const char *tail)
{
    char text[PT2_MAX_RANK + 1] = { 0 };
    for (int d = 0; d < count; d++)
        text[d] = (char)('A' + last - count + d);
    return pt2_arena_printf(L->arena, "%s%s", text, tail);
}

/* torch.matmul: vectors are rows at the left and columns at the right; leading dimensions broadcast. */
static pt2_t *matmul_as(struct pt2_lower *L, pt2_t *a, pt2_t *b, pt2_dtype dtype)
{
    if (!a->rank || !b->rank)
        op_fail(L, PT2_ERR_FORMAT, "matmul of a 0-d tensor");
    int na = a->rank > 2 ? a->rank - 2 : 0, nb = b->rank > 2 ? b->rank - 2 : 0, n = na > nb ? na : nb;
    const char *tail = a->rank > 1 ? (b->rank > 1 ? "mn" : "m") : (b->rank > 1 ? "n" : "");
    struct op_term ta = { a, batch_labels(L, na, n, a->rank > 1 ? "mk" : "k"), false };
    struct op_term tb = { b, batch_labels(L, nb, n, b->rank > 1 ? "kn" : "k"), false };
    return op_contract(L, dtype, ta, tb, batch_labels(L, n, n, tail));
}

pt2_t *op_matmul(struct pt2_lower *L, pt2_t *a, pt2_t *b)
{
    return matmul_as(L, a, b, pt2_dtype_promote(a->dtype, b->dtype));
}

static void lower_matmul(struct pt2_lower *L)
{
    pt2_dtype dtype = op_out_dtype(L, 0);
    op_return(L, matmul_as(L, operand(L, "self", dtype), operand(L, "other", dtype), dtype));
}

/* p + bias, broadcast, rounded once to dtype. */
static pt2_t *add_bias(struct pt2_lower *L, pt2_t *p, pt2_t *bias, pt2_dtype dtype)
{
    if (bias->rank > p->rank)
        op_fail(L, PT2_ERR_FORMAT, "bias has more dimensions than the result");
    pt2_ex *v = op_vars(L, p->rank, p->shape);
    if (pt2_dtype_is_complex(dtype)) {
        struct pt2_complex b = op_cx_to(L, op_at_bcast_c(L, bias, p->rank, v), op_acc_dtype(dtype));
        return op_map_c(L, dtype, p->rank, p->shape, op_cx_add(L->E, op_at_c(L, p, v), b));
    }
    pt2_ex b = op_at_bcast_as(L, bias, p->rank, v, op_acc_dtype(dtype));
    return op_map(L, dtype, p->rank, p->shape, pt2_add(L->E, op_at(L, p, v), b));
}

static pt2_t *linear_as(struct pt2_lower *L, pt2_t *x, pt2_t *weight, pt2_t *bias, pt2_dtype dtype)
{
    if (!x->rank || !weight->rank || weight->rank > 2)
        op_fail(L, PT2_ERR_FORMAT, "linear of %d and %d dimensions", x->rank, weight->rank);
    int n = x->rank - 1;
    struct op_term a = { x, batch_labels(L, n, n, "k"), false };
    struct op_term b = { weight, weight->rank == 2 ? "nk" : "k", false };
    const char *out = batch_labels(L, n, n, weight->rank == 2 ? "n" : "");
    pt2_t *p = op_contract(L, bias ? op_acc_dtype(dtype) : dtype, a, b, out);
    return bias ? add_bias(L, p, bias, dtype) : p;
}

pt2_t *op_linear(struct pt2_lower *L, pt2_t *x, pt2_t *weight, pt2_t *bias)
{
    return linear_as(L, x, weight, bias, pt2_dtype_promote(x->dtype, weight->dtype));
}

static void lower_linear(struct pt2_lower *L)
{
    pt2_dtype dtype = op_out_dtype(L, 0);
    op_return(L, linear_as(L, operand(L, "input", dtype), operand(L, "weight", dtype), op_tensor_opt(L, "bias"),
                           dtype));
}

static void lower_bilinear(struct pt2_lower *L)
{
    pt2_dtype dtype = op_out_dtype(L, 0);
    pt2_t *a = op_tensor(L, "input1"), *b = op_tensor(L, "input2"), *bias = op_tensor_opt(L, "bias");
    if (!a->rank || a->rank != b->rank)
        op_fail(L, PT2_ERR_FORMAT, "bilinear of %d and %d dimensions", a->rank, b->rank);
    int n = a->rank - 1;
    struct op_term terms[] = { { a, batch_labels(L, n, n, "i"), false },
                               { op_tensor(L, "weight"), "oij", false },
                               { b, batch_labels(L, n, n, "j"), false } };
    pt2_t *p = op_einsum(L, bias ? op_acc_dtype(dtype) : dtype, 3, terms, batch_labels(L, n, n, "o"));
    op_return(L, bias ? add_bias(L, p, bias, dtype) : p);
}

/* ---- einsum and its relatives ---- */

/* One operand's subscripts as labels; an ellipsis becomes the labels 1 … (from the right). Reads to ',' or the
 * end. */
static const char *read_subscripts(struct pt2_lower *L, const char *text, int rank, int *num_dots, char *labels)
{
    int letters = 0, at = 0, dots = -1;
    const char *end = text;
    for (; *end && *end != ',' && !(end[0] == '-' && end[1] == '>'); end++)
        letters += (*end >= 'a' && *end <= 'z') || (*end >= 'A' && *end <= 'Z');
    for (const char *c = text; c < end; c++) {
        if (*c == ' ')
            continue;
        if (!strncmp(c, "...", 3) && dots < 0) {
            dots = rank < 0 ? *num_dots : rank - letters;
            for (int k = 0; k < dots && at < PT2_MAX_RANK; k++)
                labels[at++] = (char)(dots - k);
            c += 2;
        } else if (((*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z')) && at < PT2_MAX_RANK) {
            labels[at++] = *c;
        } else {
            op_fail(L, PT2_ERR_FORMAT, "bad einsum equation");
        }
    }
    labels[at] = 0;
    if (rank >= 0 && at != rank)
        op_fail(L, PT2_ERR_FORMAT, "einsum subscripts name %d dimensions of %d", at, rank);
    if (dots > *num_dots)
        *num_dots = dots;
    return end;
}

/* Without "->": the ellipsis, then the letters that occur once, in alphabetical order (capitals first). */
static void implicit_output(int n, const struct op_term *terms, int num_dots, char *out)
{
    int at = 0;
    for (int k = num_dots; k > 0 && at < PT2_MAX_RANK; k--)
        out[at++] = (char)k;
    for (char c = 'A'; c <= 'z'; c++) {
        int count = 0;
        for (int k = 0; k < n; k++)
            for (const char *l = terms[k].labels; *l; l++)
                count += *l == c;
        if (count == 1 && at < PT2_MAX_RANK)
            out[at++] = c;
    }
    out[at] = 0;
}

static void lower_einsum(struct pt2_lower *L)
{
    pt2_t **list;
    int n = op_tensors(L, "tensors", &list), num_dots = 0;
    const char *c = op_string(L, "equation", "");
    struct op_term *terms = PT2_NEW_N(L->arena, struct op_term, n + 1);
    pt2_dtype dtype = op_out_dtype(L, 0);
    for (int k = 0; k < n; k++) {
        if (!list[k])
            op_fail(L, PT2_ERR_FORMAT, "einsum of None");
        char *labels = PT2_NEW_N(L->arena, char, PT2_MAX_RANK + 1);
        c = read_subscripts(L, c, list[k]->rank, &num_dots, labels);
        terms[k] = (struct op_term){ op_convert(L, list[k], dtype), labels, false };
        if (k + 1 < n && *c++ != ',')
            op_fail(L, PT2_ERR_FORMAT, "einsum has %d operands, its equation fewer", n);
    }
    char out[PT2_MAX_RANK + 1];
    if (*c == '-')
        c = read_subscripts(L, c + 2, -1, &num_dots, out);
    else
        implicit_output(n, terms, num_dots, out);
    if (*c)
        op_fail(L, PT2_ERR_FORMAT, "einsum has %d operands, its equation more", n);
    op_return(L, op_einsum(L, dtype, n, terms, out));
}

static void lower_tensordot(struct pt2_lower *L)
{
    pt2_dtype dtype = op_out_dtype(L, 0);
    pt2_t *a = operand(L, "self", dtype), *b = operand(L, "other", dtype);
    int da[PT2_MAX_RANK], db[PT2_MAX_RANK];
    int n = op_dims(L, "dims_self", a->rank, da), m = op_dims(L, "dims_other", b->rank, db);
    if (n != m)
        op_fail(L, PT2_ERR_FORMAT, "%d and %d contracted dimensions", n, m);
    char la[PT2_MAX_RANK + 1] = { 0 }, lb[PT2_MAX_RANK + 1] = { 0 }, out[2 * PT2_MAX_RANK + 1] = { 0 };
    for (int k = 0; k < n; k++)
        la[da[k]] = lb[db[k]] = (char)(1 + k);
    int at = 0;
    for (int d = 0; d < a->rank; d++)
        if (!la[d])
            la[d] = out[at++] = (char)('A' + d);
    for (int d = 0; d < b->rank; d++)
        if (!lb[d])
            lb[d] = out[at++] = (char)('a' + d);
    op_return(L, op_contract(L, dtype, (struct op_term){ a, la, false }, (struct op_term){ b, lb, false }, out));
}

/* inner(a, b): the last dimensions are summed, the others of both remain; a 0-d operand multiplies. */
static void lower_inner(struct pt2_lower *L)
{
    pt2_dtype dtype = op_out_dtype(L, 0);
    pt2_t *a = operand(L, "self", dtype), *b = operand(L, "other", dtype);
    const char *sum = a->rank && b->rank ? "k" : "";
    int na = a->rank - (*sum != 0), nb = b->rank - (*sum != 0);
    char *la = batch_labels(L, na, na, sum), lb[PT2_MAX_RANK + 1] = { 0 };
    for (int d = 0; d < nb; d++)
        lb[d] = (char)(1 + d);
    char *out = pt2_arena_printf(L->arena, "%s%s", batch_labels(L, na, na, ""), lb);
    if (*sum)
        lb[nb] = 'k';
    op_return(L, op_contract(L, dtype, (struct op_term){ a, la, false }, (struct op_term){ b, lb, false }, out));
}

/* linalg.vecdot: sum of conj(x) * y along one dimension of the broadcast operands. */
static void lower_vecdot(struct pt2_lower *L)
{
    pt2_dtype dtype = op_out_dtype(L, 0);
    pt2_t *x = operand(L, "x", dtype), *y = operand(L, "y", dtype);
    int n = x->rank > y->rank ? x->rank : y->rank, dim = op_dim(L, "dim", -1, n);
    if (!n)
        op_fail(L, PT2_ERR_FORMAT, "vecdot of 0-d tensors");
    struct op_term a = { x, batch_labels(L, x->rank, n, ""), true }, b = { y, batch_labels(L, y->rank, n, ""), false };
    char *out = batch_labels(L, n, n, "");
    memmove(out + dim, out + dim + 1, (size_t)(n - dim));
    op_return(L, op_contract(L, dtype, a, b, out));
}

/* Dimensions that an operand of _trilinear lacks are inserted at the positions `expand`; it is constant along them. */
static char *trilinear_labels(struct pt2_lower *L, const char *expand, pt2_t *t, int *rank)
{
    int64_t dims[PT2_MAX_RANK];
    int n = op_ints(L, expand, dims);
    n = n < 0 ? 0 : n;
    *rank = t->rank + n;
    char *labels = PT2_NEW_N(L->arena, char, PT2_MAX_RANK + 1);
    int at = 0;
    for (int d = 0; d < *rank; d++) {
        bool inserted = false;
        for (int k = 0; k < n; k++)
            inserted = inserted || dims[k] == d;
        if (!inserted && at < PT2_MAX_RANK)
            labels[at++] = (char)('A' + d);
    }
    return labels;
}

static void lower_trilinear(struct pt2_lower *L)
{
    static const char *const names[] = { "i1", "i2", "i3" }, *const expands[] = { "expand1", "expand2", "expand3" };
    struct op_term terms[3];
    int rank = 0, sum[PT2_MAX_RANK], at = 0;
    for (int k = 0; k < 3; k++) {
        pt2_t *t = op_tensor(L, names[k]);
        terms[k] = (struct op_term){ t, trilinear_labels(L, expands[k], t, &rank), false };
    }
    int n = op_dims(L, "sumdim", rank, sum);
    char out[PT2_MAX_RANK + 1] = { 0 };
    for (int d = 0; d < rank && d < PT2_MAX_RANK; d++) {
        bool summed = false;
        for (int k = 0; k < n; k++)
            summed = summed || sum[k] == d;
        if (!summed)
            out[at++] = (char)('A' + d);
    }
    op_return(L, op_einsum(L, op_out_dtype(L, 0), 3, terms, out));
}

/* ---- chains ---- */

#define MAX_CHAIN 32

/* Classic dynamic programming over constant sizes; split[i][j] is the last product of the matrices i … j. */
static bool order_chain(int n, pt2_t *const *list, uint8_t split[MAX_CHAIN][MAX_CHAIN])
{
    double size[MAX_CHAIN + 1], cost[MAX_CHAIN][MAX_CHAIN] = { { 0 } };
    for (int k = 0; k < n; k++) {
        pt2_t *t = list[k];
        pt2_ex rows = t->rank == 2 || k ? t->shape[0] : NULL;
        pt2_ex cols = t->rank == 2 ? t->shape[1] : k ? NULL : t->shape[0];
        if ((rows && !pt2_is_const(rows)) || (cols && !pt2_is_const(cols)))
            return false;
        size[k] = rows ? (double)rows->i : 1;
        size[k + 1] = cols ? (double)cols->i : 1;
    }
    for (int len = 1; len < n; len++)
        for (int i = 0; i + len < n; i++) {
            int j = i + len;
            for (int k = i; k < j; k++) {
                double c = cost[i][k] + cost[k + 1][j] + size[i] * size[k + 1] * size[j + 1];
                if (k == i || c < cost[i][j]) {
                    cost[i][j] = c;
                    split[i][j] = (uint8_t)k;
                }
            }
        }
    return true;
}

static pt2_t *chain(struct pt2_lower *L, pt2_t *const *list, uint8_t split[MAX_CHAIN][MAX_CHAIN], bool ordered, int i,
                    int j, pt2_dtype dtype)
{
    if (i == j)
        return list[i];
    int k = ordered ? split[i][j] : j - 1;
    pt2_dtype acc = op_acc_dtype(dtype);
    return matmul_as(L, chain(L, list, split, ordered, i, k, acc), chain(L, list, split, ordered, k + 1, j, acc),
                     dtype);
}

static void lower_chain(struct pt2_lower *L)
{
    pt2_t **list;
    int n = op_tensors(L, L->row->data ? "matrices" : "tensors", &list);
    if (n < 1 || n > MAX_CHAIN)
        op_fail(L, PT2_ERR_UNSUPPORTED, "a chain of %d matrices", n);
    for (int k = 0; k < n; k++)
        if (!list[k] || list[k]->rank > 2 || list[k]->rank < (k == 0 || k == n - 1 ? 1 : 2))
            op_fail(L, PT2_ERR_FORMAT, "operand %d of the chain is not a matrix", k);
    uint8_t split[MAX_CHAIN][MAX_CHAIN] = { { 0 } };
    bool ordered = order_chain(n, list, split);
    pt2_t *t = chain(L, list, split, ordered, 0, n - 1, op_out_dtype(L, 0));
    op_return(L, n == 1 ? op_clone(L, t) : t);
}

/* ---- cross product ---- */

/* torch.cross without dim takes the first dimension of size 3. */
static int cross_dim(struct pt2_lower *L, pt2_t *a)
{
    if (L->row->data || op_has(L, "dim"))
        return op_dim(L, "dim", -1, op_out_rank(L, 0));
    for (int d = 0; d < a->rank; d++)
        if (pt2_is_int(a->shape[d], 3))
            return d;
    op_fail(L, PT2_ERR_FORMAT, "cross: no dimension of size 3");
}

static void lower_cross(struct pt2_lower *L)
{
    pt2_t *a = op_tensor(L, "self"), *b = op_tensor(L, "other");
    pt2_dtype dtype = op_out_dtype(L, 0);
    int rank = op_out_rank(L, 0), dim = cross_dim(L, a);
    pt2_ex *shape = op_out_shape(L, 0), *v = op_vars(L, rank, shape), one[PT2_MAX_RANK], two[PT2_MAX_RANK];
    if (a->rank > rank || b->rank > rank)
        op_fail(L, PT2_ERR_FORMAT, "cross: the operands have more dimensions than the result");
    for (int d = 0; d < rank; d++)
        one[d] = two[d] = v[d];
    one[dim] = pt2_floormod(L->E, pt2_addi(L->E, v[dim], 1), pt2_idx(L->E, 3));
    two[dim] = pt2_floormod(L->E, pt2_addi(L->E, v[dim], 2), pt2_idx(L->E, 3));
    if (pt2_dtype_is_complex(dtype)) {
        struct pt2_complex p = op_cx_mul(L->E, op_at_bcast_c(L, a, rank, one), op_at_bcast_c(L, b, rank, two));
        struct pt2_complex q = op_cx_mul(L->E, op_at_bcast_c(L, a, rank, two), op_at_bcast_c(L, b, rank, one));
        op_return(L, op_map_c(L, dtype, rank, shape, (struct pt2_complex){ pt2_sub(L->E, p.re, q.re),
                                                                          pt2_sub(L->E, p.im, q.im) }));
        return;
    }
    pt2_ex p = pt2_mul(L->E, op_at_bcast_as(L, a, rank, one, dtype), op_at_bcast_as(L, b, rank, two, dtype));
    pt2_ex q = pt2_mul(L->E, op_at_bcast_as(L, a, rank, two, dtype), op_at_bcast_as(L, b, rank, one, dtype));
    op_return(L, op_map(L, dtype, rank, shape, pt2_sub(L->E, p, q)));
}

const struct pt2_op_row pt2_ops_matmul[] = {
    { "aten.mm", lower_product, MM },
    { "aten.bmm", lower_product, BMM },
    { "aten.mv", lower_product, MV },
    { "aten.dot", lower_product, DOT },
    { "aten.vdot", lower_product, VDOT },
    { "aten.outer", lower_product, OUTER },
    { "aten.ger", lower_product, OUTER },
    { "aten.addmm", lower_add_product, ADDMM },
    { "aten.addmv", lower_add_product, ADDMV },
    { "aten.addr", lower_add_product, ADDR },
    { "aten.addbmm", lower_add_product, ADDBMM },
    { "aten.baddbmm", lower_add_product, BADDBMM },
    { "aten._addmm_activation", lower_addmm_activation, 0 },
    { "aten.matmul", lower_matmul, 0 },
    { "aten.linalg_matmul", lower_matmul, 0 },
    { "aten.linear", lower_linear, 0 },
    { "aten.bilinear", lower_bilinear, 0 },
    { "aten.einsum", lower_einsum, 0 },
    { "aten.tensordot", lower_tensordot, 0 },
    { "aten.inner", lower_inner, 0 },
    { "aten.linalg_vecdot", lower_vecdot, 0 },
    { "aten._trilinear", lower_trilinear, 0 },
    { "aten.linalg_multi_dot", lower_chain, 0 },
    { "aten.chain_matmul", lower_chain, 1 },
    { "aten.cross", lower_cross, 0 },
    { "aten.linalg_cross", lower_cross, 1 },
    { 0 },
};
