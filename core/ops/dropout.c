/* SPDX-License-Identifier: MIT
 * Dropout. It does nothing outside of training; in training each element (or channel) is kept with probability 1 -
 * p, by random numbers that are not PyTorch's. */
#include "ops/complex.h"
#include "ops/pointwise.h"
#include "ops/random.h"

enum { ALPHA = 1, FEATURE = 2 };

/* Bool at an index of x: kept. A channel of a feature dropout stands or falls as a whole. */
static pt2_ex kept(struct pt2_lower *L, pt2_t *x, double p, bool feature)
{
    int rank = feature && x->rank > 2 ? 2 : x->rank;
    pt2_ex at = pt2_linearize(L->E, rank, x->shape, op_vars(L, rank, x->shape));
    pt2_ex u = op_uniform(L, at, 0);
    return pt2_lt(L->E, u, ex_num(L->E, u, 1 - p));
}

/* Kept elements are scaled up, so that the mean stays; alpha dropout keeps mean and variance of what selu gives. */
static pt2_t *drop(struct pt2_lower *L, pt2_t *x, pt2_ex keep, double p, bool alpha)
{
    struct pt2_exprs *E = L->E;
    pt2_ex *v = op_vars(L, x->rank, x->shape);
    if (pt2_dtype_is_complex(x->dtype)) {
        struct pt2_complex c = op_at_c(L, x, v);
        c = op_c_scale(L, c, ex_num(E, c.re, 1 / (1 - p)));
        return op_map_c(L, x->dtype, x->rank, x->shape, op_c_select(L, keep, c, op_c_num(L, c.re, 0, 0)));
    }
    pt2_ex e = op_at(L, x, v), r;
    if (alpha) {
        double low = 1.7580993408473766, a = 1 / sqrt((low * low * p + 1) * (1 - p)), shift = low * a * p;
        r = pt2_select(E, keep, ex_addn(E, ex_muln(E, e, a), shift), ex_num(E, e, shift - low * a));
    } else {
        r = pt2_select(E, keep, ex_muln(E, e, 1 / (1 - p)), ex_num(E, e, 0));
    }
    return op_map_like(L, x, x->dtype, r);
}

static void lower_dropout(struct pt2_lower *L)
{
    pt2_t *x = op_tensor(L, "input");
    double p = op_float(L, "p", 0.5);
    int64_t kind = L->row->data;
    if (!op_bool(L, "train", true) || p <= 0)
        op_return(L, x);
    else if (p >= 1)
        op_return(L, op_scale(L, x, 0));
    else
        op_return(L, drop(L, x, kept(L, x, p, kind & FEATURE), p, kind & ALPHA));
}

/* Results: the values and the mask of those that were kept. */
static void lower_native_dropout(struct pt2_lower *L)
{
    pt2_t *x = op_tensor(L, "input"), *mask;
    double p = op_float(L, "p", 0.5);
    bool train = op_bool(L, "train", true), all = !train || p <= 0, none = train && p >= 1;
    if (all || none) {
        mask = op_full(L, PT2_BOOL, x->rank, x->shape, pt2_int(L->E, PT2_BOOL, all));
        op_return(L, none ? op_scale(L, x, 0) : op_clone(L, x));
    } else {
        mask = op_map_like(L, x, PT2_BOOL, kept(L, x, p, false));
        op_return(L, drop(L, x, op_at(L, mask, op_vars(L, x->rank, x->shape)), p, false));
    }
    op_result(L, 1, mask);
}

/* native_dropout_backward, and _masked_scale (data: 1): the factor is a float, so that integers become floats. */
static void lower_masked_scale(struct pt2_lower *L)
{
    double scale = op_float(L, "scale", 1);
    struct op_pw p;
    op_pw_open(L, &p, OP_FLOAT, 2, L->row->data ? "self" : "grad_output", "mask");
    if (p.is_complex)
        op_pw_return_c(L, &p, op_c_scale(L, op_c_mul(L, p.c[0], p.c[1]), ex_num(L->E, p.c[0].re, scale)));
    else
        op_pw_return(L, &p, ex_muln(L->E, pt2_mul(L->E, p.v[0], p.v[1]), scale));
}

const struct pt2_op_row pt2_ops_dropout[] = {
    { "aten.dropout", lower_dropout, 0 },
    { "aten.alpha_dropout", lower_dropout, ALPHA },
    { "aten.feature_dropout", lower_dropout, FEATURE },
    { "aten.feature_alpha_dropout", lower_dropout, ALPHA | FEATURE },
    { "aten.native_dropout", lower_native_dropout, 0 },
    { "aten.native_dropout_backward", lower_masked_scale, 0 },
    { "aten._masked_scale", lower_masked_scale, 1 },
    { 0 },
};
