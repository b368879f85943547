/* SPDX-License-Identifier: MIT
 * Type promotion (torch.result_type) and broadcasting of shapes. */
#include "ops/internal.h"

enum { CAT_NONE, CAT_BOOL, CAT_INT, CAT_FLOAT, CAT_COMPLEX };

static int category(pt2_dtype t)
{
    return t == PT2_NONE ? CAT_NONE : t == PT2_BOOL ? CAT_BOOL : pt2_dtype_is_complex(t) ? CAT_COMPLEX
         : pt2_dtype_is_float(t) ? CAT_FLOAT : CAT_INT;
}

/* The dtype that a Python number takes when nothing else decides: torch's default dtype is float32. */
static pt2_dtype number_dtype(pt2_dtype kind)
{
    return kind == PT2_F64 ? PT2_F32 : kind == PT2_C128 ? PT2_C64 : kind;
}

static pt2_dtype combine(pt2_dtype higher, pt2_dtype lower)
{
    if (category(lower) <= category(higher))
        return higher;
    if (category(lower) == CAT_COMPLEX && category(higher) == CAT_FLOAT)
        return pt2_dtype_promote(higher, PT2_C32);
    return higher == PT2_NONE ? lower : pt2_dtype_promote(higher, lower);
}

pt2_dtype op_promote(struct pt2_lower *L, int n, pt2_t *const *tensors, pt2_dtype scalar_kind)
{
    pt2_dtype dims = PT2_NONE, zero = PT2_NONE;
    (void)L;
    for (int k = 0; k < n; k++) {
        if (!tensors[k])
            continue;
        pt2_dtype *slot = tensors[k]->rank ? &dims : &zero;
        *slot = pt2_dtype_promote(*slot, tensors[k]->dtype);
    }
    return combine(combine(dims, zero), number_dtype(scalar_kind));
}

int op_broadcast(struct pt2_lower *L, int n, pt2_t *const *tensors, pt2_ex *out)
{
    int rank = 0;
    for (int k = 0; k < n; k++)
        if (tensors[k] && tensors[k]->rank > rank)
            rank = tensors[k]->rank;
    for (int d = 0; d < rank; d++) {
        out[d] = pt2_idx(L->E, 1);
        for (int k = 0; k < n; k++) {
            int j = tensors[k] ? d - (rank - tensors[k]->rank) : -1;
            if (j < 0 || pt2_is_int(tensors[k]->shape[j], 1))
                continue;
            if (!pt2_is_int(out[d], 1) && pt2_is_const(out[d]) && pt2_is_const(tensors[k]->shape[j]) &&
                out[d] != tensors[k]->shape[j])
                op_fail(L, PT2_ERR_FORMAT, "sizes %lld and %lld do not broadcast", (long long)out[d]->i,
                        (long long)tensors[k]->shape[j]->i);
            if (!pt2_is_const(out[d]) || pt2_is_int(out[d], 1))
                out[d] = tensors[k]->shape[j];
        }
    }
    return rank;
}
