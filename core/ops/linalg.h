/* SPDX-License-Identifier: MIT
 *
 * Shared by linalg.c and matrix.c: matrices in the last two dimensions, real or complex, and their factorisations.
 */
#ifndef PT2_OPS_LINALG_H
#define PT2_OPS_LINALG_H

#include "ops/library.h"

void op_need_matrix(struct pt2_lower *L, pt2_t *t); /* of float32, float64, complex64 or complex128 */
pt2_t *op_matrix(struct pt2_lower *L, const char *name); /* such an argument */
pt2_ex op_rows(const pt2_t *a);
pt2_ex op_cols(const pt2_t *a);
pt2_t *op_transposed(struct pt2_lower *L, pt2_t *a); /* a view */
pt2_t *op_adjoint(struct pt2_lower *L, pt2_t *a);    /* the conjugate transpose */
pt2_t *op_identity_like(struct pt2_lower *L, pt2_t *a);
pt2_t *op_inverse(struct pt2_lower *L, pt2_t *a);
/* U, S, Vh; full: square U and Vh. */
void op_svd(struct pt2_lower *L, pt2_t *a, bool full, pt2_t **out);
/* Eigenvalues, ascending, and vectors of the matrix that has this triangle. */
void op_eigh(struct pt2_lower *L, pt2_t *a, bool upper, pt2_t **out);
/* |element|, real. */
pt2_ex op_size_at(struct pt2_lower *L, pt2_t *a, const pt2_ex *index);
/* Reductions over the last dimension of t: `index` of its elements, over the result's variables and that of the
 * reduction, which is returned; then the reduction of a body over them. */
pt2_ex op_fold_index(struct pt2_lower *L, pt2_t *t, pt2_ex *index);
pt2_t *op_fold_last(struct pt2_lower *L, enum pt2_reduce_op op, pt2_t *t, pt2_ex body);

#endif
