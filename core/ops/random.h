/* SPDX-License-Identifier: MIT
 *
 * Random numbers for lowering. They depend on the call's place in the graph and on a counter, so a run repeats;
 * they are not PyTorch's numbers, but have the same distributions.
 */
#ifndef PT2_OPS_RANDOM_H
#define PT2_OPS_RANDOM_H

#include "ops/lower.h"

enum { OP_STREAMS = 8 }; /* of one call */

/* float32, uniform in [0, 1), of the element with row-major number `at` (PT2_IDX). stream: independent ones of one
 * call. */
pt2_ex op_uniform(struct pt2_lower *L, pt2_ex at, int stream);
/* float32, standard normal; uses streams 2*stream and 2*stream + 1. */
pt2_ex op_normal(struct pt2_lower *L, pt2_ex at, int stream);
/* The same in one of up to 32 rounds (PT2_IDX), which may be a variable of a reduction. */
pt2_ex op_uniform_in(struct pt2_lower *L, pt2_ex at, int stream, pt2_ex round);
pt2_ex op_normal_in(struct pt2_lower *L, pt2_ex at, int stream, pt2_ex round);

#endif
