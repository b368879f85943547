/* SPDX-License-Identifier: MIT
 *
 * Shared by the operators whose indices come from data: index.c, scatter.c, sort.c, dynamic.c.
 */
#ifndef PT2_OPS_DATA_H
#define PT2_OPS_DATA_H

#include "ops/lower.h"

/* t, or a view of shape [1] when t has no dimensions. */
pt2_t *op_vec(struct pt2_lower *L, pt2_t *t);
/* t as one dimension. */
pt2_t *op_flat(struct pt2_lower *L, pt2_t *t);
/* Result k: t in the dtype and shape that the file declares (sizes must have the same product). */
void op_result_fit(struct pt2_lower *L, int k, pt2_t *t);
/* Element of the integer tensor t as an index of a dimension of that size; see op_index. */
pt2_ex op_index_at(struct pt2_lower *L, pt2_t *t, const pt2_ex *at, pt2_ex size);
/* Element as int64. */
pt2_ex op_int_at(struct pt2_lower *L, pt2_t *t, const pt2_ex *at);
/* Element of any tensor; the imaginary part of a real one is 0 of the same type. */
struct pt2_complex op_elem(struct pt2_lower *L, pt2_t *t, const pt2_ex *at);
struct pt2_complex op_elem_bcast(struct pt2_lower *L, pt2_t *t, int rank, const pt2_ex *at);
/* op_map or op_map_c. */
pt2_t *op_map_elem(struct pt2_lower *L, pt2_dtype dtype, int rank, const pt2_ex *shape, struct pt2_complex v);
/* Element != 0, also of complex tensors. */
pt2_ex op_truth_at(struct pt2_lower *L, pt2_t *t, const pt2_ex *at);
/* New tensor out[i…] = x[index(i…)], or `other` where `inside` is false (NULL: always inside). Any dtype,
 * complex too. */
pt2_t *op_pick(struct pt2_lower *L, pt2_t *x, int rank, const pt2_ex *shape, const pt2_ex *index, pt2_ex inside,
               struct pt2_complex other);
/* op_scatter of any dtype; half types are combined in float32 and rounded once. Complex: SET and SUM only. */
pt2_t *op_put(struct pt2_lower *L, enum pt2_reduce_op op, pt2_t *base, int num_axes, const pt2_ex *axes,
              const pt2_ex *index, struct pt2_complex v, pt2_ex cond);
/* A constant of compute type of dtype. */
struct pt2_complex op_number(struct pt2_lower *L, pt2_dtype dtype, double v);

/* ---- advanced indexing (x[i, :, mask]) ---- */

struct pt2_indexing {
    int rank;                      /* of the indexed tensor */
    const pt2_ex *sizes;           /* its shape */
    struct pt2_index_part {
        pt2_t *t;                  /* NULL: the whole dimension */
        int mask_rank,
            mask_dim; /* t holds row-major positions in a mask of so many dimensions, of which this is number … */
        const pt2_ex *mask_shape;
    } part[PT2_MAX_RANK];
    int at, num_bcast;             /* result dimensions at … at+num_bcast-1 are those of the index tensors */
    pt2_ex bcast[PT2_MAX_RANK];
    int out_rank;
    pt2_ex out_shape[PT2_MAX_RANK];
};

/* Masks become positions here (which reads their number on the host; for result `out`, or -1). */
void op_indexing(struct pt2_lower *L, pt2_t *self, int n, pt2_t *const *indices, int out, struct pt2_indexing *ix);
/* All index tensors are in range, or the run fails. */
void op_check_indexing(struct pt2_lower *L, const struct pt2_indexing *ix);
/* Whether those of result element `at` are. */
pt2_ex op_indexing_inside(struct pt2_lower *L, const struct pt2_indexing *ix, const pt2_ex *at);
/* Where result element `at` comes from. clamp: negative indices are clamped too, and do not count from the end. */
void op_indexing_at(struct pt2_lower *L, const struct pt2_indexing *ix, const pt2_ex *at, bool clamp,
                    pt2_ex *out_index);

/* ---- sizes that data decide (dynamic.c) ---- */

/* Dimension `dim` of result k: reads `count` (PT2_IDX) on the host and binds the symbol that the file names there;
 * a size that is known already is returned as it is. k < 0: a new symbol. */
pt2_ex op_bind_size(struct pt2_lower *L, pt2_ex count, int k, int dim);
/* Number of true elements of flags [n], as a 0-d int64 tensor. */
pt2_t *op_count_true(struct pt2_lower *L, pt2_t *flags);
/* Inclusive count of true elements up to each of flags [n], int64. */
pt2_t *op_rank_true(struct pt2_lower *L, pt2_t *flags);
/* Positions of the true elements of flags [n]: int64 [size]; size is op_bind_size(count, k, dim) when NULL. */
pt2_t *op_positions(struct pt2_lower *L, pt2_t *flags, pt2_ex size, int k, int dim);
/* t != 0, flattened: bool [numel]. */
pt2_t *op_flags(struct pt2_lower *L, pt2_t *t);

/* ---- sorting (sort.c) ---- */

/* Sorts along dim (stable, NaN last): keys and int64 positions. */
void op_sort(struct pt2_lower *L, pt2_t *t, int dim, bool descending, pt2_t **out_keys, pt2_t **out_positions);

/* True where a row of n elements is so long that blocks are sorted and merged (mergesort.c). */
bool op_merges(pt2_ex n);
/* Sorts along the last dimension of real x, which is such a row. */
void op_merge_sort(struct pt2_lower *L, pt2_t *x, bool descending, pt2_t **out_keys, pt2_t **out_positions);

/* ---- histogram.c: rows of index.c ---- */

enum { OP_HIST_COUNTS = 1, OP_HIST_EDGES = 2, OP_HIST_TENSORS = 4 };
void op_lower_histogram(struct pt2_lower *L);
void op_lower_histogramdd(struct pt2_lower *L);
void op_lower_hash(struct pt2_lower *L);

#endif
