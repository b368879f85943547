/* SPDX-License-Identifier: MIT
 *
 * Inputs for models whose archives have no sample inputs: numbers of the declared types, drawn from a seed.
 *
 * Floats are normal with mean 0 and variance 1, bools fair. Integers that a model uses as indices lie within what they
 * index, as far as it can be read from the graph: through casts, sums with and multiples of constants, selections,
 * reductions and sub-graphs. Integers that become sizes lie in their ranges; uint8 takes all its values, others 0 to 9.
 *
 * Sizes that are free are the caller's choice, else those of the sample inputs if the archive has some, else small
 * numbers that meet all conditions on sizes.
 */
#ifndef PT2_RUNTIME_RANDOM_INPUTS_H
#define PT2_RUNTIME_RANDOM_INPUTS_H

#include "base/arena.h"

struct pt2_size_choice {
    const char *name; /* of the symbol, as `pt2gpu info` prints it: "s12" */
    int64_t size;
};

/* One tensor per input leaf in `arena`; PT2_NONE for leaves that are fixed at export. Errors: ARG (no such size; the
 * message lists them), INPUT (no sizes meet the conditions), UNSUPPORTED (an input of another kind). */
PT2_MUST_USE pt2_status pt2_random_inputs(pt2_model *m, uint64_t seed, const struct pt2_size_choice *sizes,
                                          int num_sizes, struct pt2_arena *arena, pt2_tensor *out_leaves);

#endif
