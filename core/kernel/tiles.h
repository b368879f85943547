/* SPDX-License-Identifier: MIT
 *
 * Sizes of tiles that a tuner tries. Each form of contractions chooses its own (kernel/contract.c and its neighbours);
 * a region may ask for others, which the chooser takes where they are possible.
 */
#ifndef PT2_KERNEL_TILES_H
#define PT2_KERNEL_TILES_H

#include "backend.h"

/* 0: as the chooser has it. */
struct pt2_tiles {
    int rows, cols, depth;
};

/* Floats of the vectors that texts with explicit vectors use: 16, 8 or 4. */
int pt2_tiles_lanes(const struct pt2_caps *caps);

/* Of a GPU: how many tiles should run at once; some number where it does not say how many units it has. */
static inline int pt2_tiles_units(const struct pt2_caps *caps)
{
    return caps->compute_units > 0 ? caps->compute_units : 16;
}

/* The power of two times `unit` that holds n, up to `most`: few sizes of tiles, so that kernels serve many shapes. */
static inline int pt2_tiles_round_up(int64_t n, int unit, int most)
{
    while (unit < n && unit < most)
        unit *= 2;
    return unit;
}

/* Of shaders on processors: compiling longer text takes as long as for others, in every process anew with some drivers,
 * and there is less to gain from it. */
static inline bool pt2_tiles_few_lanes(const struct pt2_caps *caps)
{
    return caps->simd_width < 8;
}

/* PACKED: the sums that are kept in registers are rows × vectors of so many lanes. */
struct pt2_reg_block {
    int lanes, most_rows; /* of a whole contraction; 0: any number */
    int rows, vectors;
};

/* The block for the device's vectors and a number of rows. */
const struct pt2_reg_block *pt2_tiles_block(const struct pt2_caps *caps, int64_t rows);

struct pt2_contract; /* kernel/contract.h */

/* Other tiles than the contraction has that its form could have on the device: the next smaller and larger in each
 * direction, or all (`thorough`). Returns their number, at most `cap`. */
int pt2_tiles_candidates(const struct pt2_contract *c, const struct pt2_caps *caps, bool thorough, int cap,
                         struct pt2_tiles *out);
#endif
