/* SPDX-License-Identifier: MIT
 *
 * LIBRARY nodes for lowering: whole algorithms over batches of matrices or vectors.
 */
#ifndef PT2_OPS_LIBRARY_H
#define PT2_OPS_LIBRARY_H

#include "ops/lower.h"

/* Operands and results of enum pt2_library, per item of the batch; leading dimensions are the batch, the same for all.
 *   FFT               x [n, 2] -> X [n, 2], unnormalised                       flag0: inverse
 *   CHOLESKY          A [n, n] -> L [n, n], info [] (int32)                    flag0: upper
 *   LU                A [m, n] -> LU [m, n], pivots [k] from 1, info (int32)
 *   QR                A [m, n] -> Q [m, k], R [k, n]; or Q [m, m], R [m, n]
 *   EIGH              A [n, n] -> w [n] ascending, V [n, n]                    flag0: reads the upper triangle
 *   EIG               A [n, n] -> w [n, 2], V [n, n, 2]                        flag0: A is complex, [n, n, 2]
 *   SVD               A [m, n] -> U [m, k], S [k], Vh [k, n]; or U [m, m], Vh [n, n]
 *   TRIANGULAR_SOLVE  A [n, n], B [n, r] -> X [n, r]                           flag0: upper, flag1: unit diagonal
 *   HOUSEHOLDER       A [m, n], tau [j] -> Q [m, n]
 *   LDL               A [n, n] -> LD [n, n], pivots [n], info (int32)
 *   LDL_SOLVE         LD [n, n], pivots [n], B [n, r] -> X [n, r]
 *   GEQRF             A [m, n] -> R and reflections [m, n], tau [k]
 */
struct op_lib_out {
    pt2_dtype dtype;
    int rank;
    pt2_ex shape[PT2_MAX_RANK];
};

/* Appends the node. FFT and EIG have real operands and results (op_real_view of complex ones); others may be complex:
 * all but LDL. Results have the operands' type, but for info, pivots, w and S. */
void op_library(struct pt2_lower *L, enum pt2_library library, bool flag0, bool flag1, int num_args, pt2_t *const *args,
                int num_outs, const struct op_lib_out *outs, pt2_t **results);

/* Singular values of a batch of matrices, descending: [..., min(m, n)]. For norms. */
pt2_t *op_singular_values(struct pt2_lower *L, pt2_t *a);
/* Their sum (nuclear norm), largest or smallest (norms of order 2 and -2) over the matrices in two dimensions of t. */
pt2_t *op_singular_norm(struct pt2_lower *L, pt2_t *t, enum pt2_reduce_op op, const int *dims, bool keepdim,
                        pt2_dtype dtype);

#endif
