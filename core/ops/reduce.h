/* SPDX-License-Identifier: MIT
 *
 * What the families that sum things share: reductions by dimension, contractions by label, pairs of real and
 * imaginary parts, and the composites that other families call.
 */
#ifndef PT2_OPS_REDUCE_H
#define PT2_OPS_REDUCE_H

#include "ops/lower.h"

/* The type of intermediate results: half types are kept in float32 until the final rounding. */
static inline pt2_dtype op_acc_dtype(pt2_dtype t)
{
    return t == PT2_C32 ? PT2_C64 : pt2_dtype_compute(t);
}

static inline bool op_is_complex(const pt2_t *t) { return pt2_dtype_is_complex(t->dtype); }

/* Elements converted to dtype as Tensor.to does, without rounding again what has that type already. */
static inline pt2_ex op_at_as(struct pt2_lower *L, pt2_t *t, const pt2_ex *index, pt2_dtype dtype)
{
    pt2_ex e = op_at(L, t, index);
    return t->dtype == dtype ? e : op_to(L, e, dtype);
}

static inline pt2_ex op_at_bcast_as(struct pt2_lower *L, pt2_t *t, int rank, const pt2_ex *index, pt2_dtype dtype)
{
    pt2_ex e = op_at_bcast(L, t, rank, index);
    return t->dtype == dtype ? e : op_to(L, e, dtype);
}

/* ---- reductions of dimensions of a tensor ---- */

/* The spaces of a reduction: the result's shape, the reduced axes, and the index of the element that they select. */
struct op_red {
    int rank, num_axes;
    pt2_ex shape[PT2_MAX_RANK];
    pt2_ex axes[PT2_MAX_RANK];  /* extents */
    pt2_ex index[PT2_MAX_RANK]; /* of the tensor, over VAR 0 … rank-1 and the axes */
};

/* num_dims 0: all dimensions, as PyTorch has it. */
void op_red_init(struct pt2_lower *L, struct op_red *r, const pt2_t *t, int num_dims, const int *dims, bool keepdim);
pt2_t *op_red_node(struct pt2_lower *L, const struct op_red *r, enum pt2_reduce_op op, pt2_dtype dtype, pt2_ex body);
/* Number of reduced elements. */
pt2_ex op_red_count(struct pt2_lower *L, const struct op_red *r);
/* An index-typed number as a float expression of compute type of dtype (64-bit safe). */
pt2_ex op_num_of_size(struct pt2_lower *L, pt2_ex size, pt2_dtype dtype);
/* The dims argument `name`: all dimensions when missing or empty. Returns the count. */
int op_red_dims(struct pt2_lower *L, const char *name, int rank, int *dims);

/* ⊕ over dims of the elements converted to `in`, as a tensor of dtype; complex for SUM only. */
pt2_t *op_reduce_dims(struct pt2_lower *L, enum pt2_reduce_op op, pt2_t *t, pt2_dtype in, pt2_dtype dtype, int num_dims,
                      const int *dims, bool keepdim);
/* Two-pass variance and mean with the results in the accumulation type; correction as in torch.var. mean may be NULL */
pt2_t *op_var(struct pt2_lower *L, pt2_t *t, int num_dims, const int *dims, bool keepdim, pt2_ex correction,
              pt2_t **mean);
/* |x|^p summed and rooted, with the special orders 0, 1, 2, ±inf: torch.linalg.vector_norm. dtype: of the result,
 * real. */
pt2_t *op_vector_norm(struct pt2_lower *L, pt2_t *t, double ord, int num_dims, const int *dims, bool keepdim,
                      pt2_dtype dtype);
/* log(sum(exp(x))) with the maximum taken out, in the accumulation type. */
pt2_t *op_logsumexp(struct pt2_lower *L, pt2_t *t, int num_dims, const int *dims, bool keepdim);
/* softmax in a result dtype of one's own; `safe`: rows of -inf give 0. */
pt2_t *op_softmax_as(struct pt2_lower *L, pt2_t *t, int dim, bool log, bool safe, pt2_dtype dtype);
/* Whole-tensor reductions of a loss: mode 0 none, 1 mean, 2 sum; rounds to dtype. */
pt2_t *op_reduction(struct pt2_lower *L, pt2_t *t, int64_t mode, pt2_dtype dtype);
/* ‖a - b + eps‖_p over the last dimension of the broadcast operands. */
pt2_t *op_pairwise_distance(struct pt2_lower *L, pt2_t *a, pt2_t *b, double p, double eps, bool keepdim,
                            pt2_dtype dtype);

/* ---- contractions ---- */

/* An operand: one label, a nonzero char, for each dimension; a label twice takes the diagonal. */
struct op_term {
    pt2_t *t;
    const char *labels;
    bool conj;
};

/* Sum over the labels that `out` lacks of the product of one or two operands (b.t NULL: one). Sizes of 1 broadcast. */
pt2_t *op_contract(struct pt2_lower *L, pt2_dtype dtype, struct op_term a, struct op_term b, const char *out);
/* Any number of operands, from left to right; intermediate results are of accumulation type. */
pt2_t *op_einsum(struct pt2_lower *L, pt2_dtype dtype, int n, const struct op_term *terms, const char *out);

/* ---- convolution ---- */

struct op_conv {
    pt2_ex stride[PT2_MAX_RANK], padding[PT2_MAX_RANK], dilation[PT2_MAX_RANK];
    bool transposed;
    bool uneven; /* more padding at the end than at the start */
    int64_t groups;
};
/* bias may be NULL; `shape` is the result's, batched or not as x is. */
pt2_t *op_convolution(struct pt2_lower *L, pt2_t *x, pt2_t *weight, pt2_t *bias, const struct op_conv *c,
                      pt2_dtype dtype, const pt2_ex *shape);

/* ---- normalisation and attention ---- */

/* weight, bias may be NULL; statistics over the last num_dims dimensions. */
pt2_t *op_layer_norm(struct pt2_lower *L, pt2_t *x, int num_dims, pt2_t *weight, pt2_t *bias, double eps,
                     pt2_dtype dtype);

/* ---- pairs ---- */

static inline struct pt2_complex op_cx_mul(struct pt2_exprs *E, struct pt2_complex a, struct pt2_complex b)
{
    return (struct pt2_complex){ pt2_sub(E, pt2_mul(E, a.re, b.re), pt2_mul(E, a.im, b.im)),
                                 pt2_add(E, pt2_mul(E, a.re, b.im), pt2_mul(E, a.im, b.re)) };
}

static inline struct pt2_complex op_cx_add(struct pt2_exprs *E, struct pt2_complex a, struct pt2_complex b)
{
    return (struct pt2_complex){ pt2_add(E, a.re, b.re), pt2_add(E, a.im, b.im) };
}

/* A pair whose parts have the compute type of complex dtype's real type. */
static inline struct pt2_complex op_cx_to(struct pt2_lower *L, struct pt2_complex a, pt2_dtype dtype)
{
    pt2_dtype real = pt2_dtype_real(dtype);
    return (struct pt2_complex){ op_to(L, a.re, real), op_to(L, a.im, real) };
}

#endif
