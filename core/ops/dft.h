/* SPDX-License-Identifier: MIT
 *
 * Fourier transforms as sums, which every device has kernels for.
 */
#ifndef PT2_OPS_DFT_H
#define PT2_OPS_DFT_H

#include "ops/lower.h"

/* True when n is a constant whose prime factors are small enough for sums to be the way. */
bool op_dft_fits(pt2_ex n);
/* The plain transform of a complex tensor along its last dimension, whose size must fit. */
pt2_t *op_dft(struct pt2_lower *L, pt2_t *x, bool inverse);

#endif
