/* SPDX-License-Identifier: MIT
 *
 * Tensors for people: the way NumPy prints arrays, the middle of long axes left out.
 */
#ifndef PT2_TOOLS_PRINT_H
#define PT2_TOOLS_PRINT_H

#include "pt2gpu.h"

/* "float32 [2, 3]"; "int64 scalar". A negative size prints as "?". */
void print_type(pt2_dtype dtype, int rank, const int64_t *shape);
/* The elements, each line after the first indented by `indent`, with a newline at the end. */
void print_values(const pt2_tensor *tensor, int indent);

#endif
