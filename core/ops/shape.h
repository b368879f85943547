/* SPDX-License-Identifier: MIT
 *
 * Builders that the shape operators share.
 */
#ifndef PT2_OPS_SHAPE_H
#define PT2_OPS_SHAPE_H

#include "ops/lower.h"

/* The tensor argument `name` seen through the call's arguments stride and storage_offset. */
pt2_t *op_as_strided(struct pt2_lower *L, const char *name, int rank, const pt2_ex *shape);

/* Element of t, complex or not: both parts, or im NULL when t is real. */
struct pt2_complex op_element(struct pt2_lower *L, pt2_t *t, const pt2_ex *index);
/* A new tensor from such elements (converted to `dtype`). */
pt2_t *op_map_element(struct pt2_lower *L, pt2_dtype dtype, int rank, const pt2_ex *shape, struct pt2_complex body);
/* cond ? a : b of such elements. */
struct pt2_complex op_select_element(struct pt2_lower *L, pt2_ex cond, struct pt2_complex a, struct pt2_complex b);
/* A number as an element of the type that like has. */
struct pt2_complex op_number_element(struct pt2_lower *L, pt2_dtype dtype, double number);

#endif
