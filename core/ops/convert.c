/* SPDX-License-Identifier: MIT
 * Conversions between dtypes, and copies. */
#include "ops/lower.h"

/* ---- to ---- */

/* A new tensor only where the dtype or the memory format differs, or a copy is asked for. */
static void lower_to(struct pt2_lower *L)
{
    pt2_t *t = op_tensor(L, "self"), *r = op_convert(L, t, op_out_dtype(L, 0));
    op_return(L, r == t && (op_bool(L, "copy", false) || !op_lies_as_result(L, "self")) ? op_clone(L, t) : r);
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

/* ---- table ---- */

const struct pt2_op_row pt2_ops_convert[] = {
    { "aten.to", lower_to, 0 },
    { "aten.type_as", lower_to, 0 },
    { "aten.chalf", lower_to, 0 },
    { "aten._to_copy", lower_to_copy, 0 },
    { "aten._cast_Byte", lower_to, 0 },
    { "aten._cast_Char", lower_to, 0 },
    { "aten._cast_Short", lower_to, 0 },
    { "aten._cast_Int", lower_to, 0 },
    { "aten._cast_Long", lower_to, 0 },
    { "aten._cast_Half", lower_to, 0 },
    { "aten._cast_Float", lower_to, 0 },
    { "aten._cast_Double", lower_to, 0 },
    { "aten.cpu", lower_to, 0 },
    { "aten.cuda", lower_to, 0 },
    { "aten.copy", lower_copy, 0 },
    { 0 },
};
