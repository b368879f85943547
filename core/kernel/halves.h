/* SPDX-License-Identifier: MIT
 *
 * Whether nothing is lost where an expression's values are kept as halves: what cooperative matrices multiply.
 */
#ifndef PT2_KERNEL_HALVES_H
#define PT2_KERNEL_HALVES_H

#include "graph/graph.h"

/* The storage type of what a LOAD with this number reads: a buffer of a kernel, or a value of a graph. */
typedef pt2_dtype pt2_dtype_of(const void *ctx, int64_t number);
/* These; ctx: an array of struct pt2_kernel_buf, a struct pt2_module. */
pt2_dtype pt2_dtype_of_buf(const void *ctx, int64_t number);
pt2_dtype pt2_dtype_of_value(const void *ctx, int64_t number);

/* Whether a float32 expression has no values but those of float16. */
bool pt2_is_half(pt2_ex e, pt2_dtype_of *dtype_of, const void *ctx);

#endif
