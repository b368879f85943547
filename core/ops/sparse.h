/* SPDX-License-Identifier: MIT
 *
 * What the driver and the family of sparse tensors share.
 */
#ifndef PT2_OPS_SPARSE_H
#define PT2_OPS_SPARSE_H

#include "ops/lower.h"

/* The parts of a sparse tensor (COO). */
struct pt2_sparse {
    pt2_t *indices; /* int64 [dims, n] */
    pt2_t *values;  /* [n, dense dimensions…] */
    int dims;
    bool coalesced; /* in the order of the indices, which are distinct */
};

/* Lowers the node when an operand is sparse and the parts can be kept; false: its row does, with dense operands.
 * `writes`: the node writes to its first operand. */
bool pt2_lower_sparse(struct pt2_lower *L, bool writes);

#endif
