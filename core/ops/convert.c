/* SPDX-License-Identifier: MIT
 * Conversions between dtypes, copies, and dropout outside of training. */
#include "ops/complex.h"
#include "ops/pointwise.h"

/* ---- to ---- */

/* A new tensor only where the dtype differs or a copy is asked for. Layout, device and memory format do not matter here. */
static void lower_to(struct pt2_lower *L)
{
    pt2_t *t = op_tensor(L, "self"), *r = op_convert(L, t, op_out_dtype(L, 0));
    op_return(L, r == t && op_bool(L, "copy", false) ? op_clone(L, t) : r);
}

/* _to_copy always copies. */
static void lower_to_copy(struct pt2_lower *L)
{
    pt2_t *t = op_tensor(L, "self"), *r = op_convert(L, t, op_out_dtype(L, 0));
    op_return(L, r == t ? op_clone(L, t) : r);
}

/* copy(self, src): src, broadcast and converted to self's shape and dtype. */
static void lower_copy(struct pt2_lower *L)
{
    pt2_t *self = op_tensor(L, "self"), *src = op_tensor(L, "src");
    while (src->rank > self->rank && pt2_is_int(src->shape[0], 1))
        src = op_squeeze(L, src, 0);
    pt2_t *r = op_convert(L, op_expand(L, src, self->rank, self->shape), self->dtype);
    op_return(L, op_clone(L, r));
}

/* ---- dropout ---- */

/* Nothing happens outside of training or with p = 0; with p = 1 all is multiplied by 0. */
static void lower_dropout(struct pt2_lower *L)
{
    pt2_t *x = op_tensor(L, "input");
    double p = op_float(L, "p", 0.5);
    if (!op_bool(L, "train", true) || p == 0)
        op_return(L, x);
    else if (p == 1)
        op_return(L, op_scale(L, x, 0));
    else
        op_fail(L, PT2_ERR_UNSUPPORTED, "random numbers: export the model in eval mode");
}

/* Results: the values and the mask of those that were kept. */
static void lower_native_dropout(struct pt2_lower *L)
{
    pt2_t *x = op_tensor(L, "input");
    double p = op_float(L, "p", 0.5);
    bool train = op_bool(L, "train", true), none = train && p == 1;
    if (train && p != 0 && p != 1)
        op_fail(L, PT2_ERR_UNSUPPORTED, "random numbers: export the model in eval mode");
    op_return(L, none ? op_scale(L, x, 0) : op_clone(L, x));
    op_result(L, 1, op_full(L, PT2_BOOL, x->rank, x->shape, pt2_int(L->E, PT2_BOOL, !none)));
}

static void lower_native_dropout_backward(struct pt2_lower *L)
{
    struct pt2_exprs *E = L->E;
    double scale = op_float(L, "scale", 1);
    struct op_pw p;
    op_pw_open(L, &p, OP_SAME, 2, "grad_output", "mask");
    op_pw_real(L, &p);
    op_pw_return(L, &p, ex_muln(E, pt2_mul(E, p.v[0], p.v[1]), scale));
}

/* ---- table ---- */

const struct pt2_op_row pt2_ops_convert[] = {
    { "aten.to", lower_to, 0 },
    { "aten.type_as", lower_to, 0 },
    { "aten._to_copy", lower_to_copy, 0 },
    { "aten.copy", lower_copy, 0 },
    { "aten.dropout", lower_dropout, 0 },
    { "aten.alpha_dropout", lower_dropout, 0 },
    { "aten.feature_dropout", lower_dropout, 0 },
    { "aten.feature_alpha_dropout", lower_dropout, 0 },
    { "aten.native_dropout", lower_native_dropout, 0 },
    { "aten.native_dropout_backward", lower_native_dropout_backward, 0 },
    { 0 },
};
