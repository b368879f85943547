/* SPDX-License-Identifier: MIT
 *
 * Builders that the shape operators share. An element is one of a real or a complex tensor: im is NULL when it is
 * real.
 */
#ifndef PT2_OPS_SHAPE_H
#define PT2_OPS_SHAPE_H

#include "ops/lower.h"

/* t, or a copy of it, seen through the call's arguments stride and storage_offset; `name` is the argument whose
 * layout counts. */
pt2_t *op_as_strided(struct pt2_lower *L, pt2_t *t, const char *name, int rank, const pt2_ex *shape);

/* The whole of the store that t is a part of. */
pt2_t *op_store_tensor(struct pt2_lower *L, pt2_t *t);

/* An index or bound of the user's: negative ones count from the end. */
pt2_ex op_from_end(struct pt2_lower *L, pt2_ex i, pt2_ex size);

/* Element of t, converted to `dtype`. */
struct pt2_complex op_element(struct pt2_lower *L, pt2_t *t, pt2_dtype dtype, const pt2_ex *index);
struct pt2_complex op_number_element(struct pt2_lower *L, pt2_dtype dtype, double number);
struct pt2_complex op_select_element(struct pt2_lower *L, pt2_ex cond, struct pt2_complex a, struct pt2_complex b);
pt2_t *op_map_element(struct pt2_lower *L, pt2_dtype dtype, int rank, const pt2_ex *shape, struct pt2_complex body);
/* Result 0: the file's shape and dtype, the given elements over its indices. */
void op_return_element(struct pt2_lower *L, struct pt2_complex body);
/* Result 0: t's elements at `index`. */
void op_return_gather(struct pt2_lower *L, pt2_t *t, const pt2_ex *index);

#endif
