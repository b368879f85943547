/* SPDX-License-Identifier: MIT
 * Strided tensors: where their elements are. */
#include "archive/program.h"

int64_t pt2_strided_at(int rank, const int64_t *sizes, const int64_t *strides, int64_t offset, int64_t linear)
{
    for (int k = rank - 1; k >= 0; k--) {
        offset += linear % sizes[k] * strides[k];
        linear /= sizes[k];
    }
    return offset;
}

int64_t pt2_stored_count(const struct pt2_stored_tensor *t)
{
    int64_t n = 1;
    for (int k = 0; k < t->rank; k++)
        n *= t->sizes[k];
    return n;
}

bool pt2_stored_is_dense(const struct pt2_stored_tensor *t)
{
    int64_t expect = 1;
    for (int k = t->rank - 1; k >= 0; k--) {
        if (t->sizes[k] != 1 && t->strides[k] != expect)
            return false;
        expect *= t->sizes[k];
    }
    return true;
}
