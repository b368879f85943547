/* SPDX-License-Identifier: MIT
 *
 * Optimisations that can be left out, for debugging: a model computes the same without each of them.
 */
#ifndef PT2_BASE_WITHOUT_H
#define PT2_BASE_WITHOUT_H

#include "base/status.h"

#include <stdbool.h>

/* name, what it does */
#define PT2_OPTIMISATIONS(X)                                                   \
    X(CSE, "cse")       /* equal nodes become one */                           \
    X(FOLD, "fold")     /* what only weights decide is computed at load */     \
    X(UNMERGE, "unmerge") /* dimensions that decompositions merged are parted again */ \
    X(PRODUCTS, "products") /* sums of products of small integers are computed in floats */ \
    X(INLINE, "inline") /* arithmetic goes into its readers; views always do */ \
    X(SIBLINGS, "siblings") /* sums over one input by different weights become one */ \
    X(CONCAT, "concat") /* parts of concatenations are made where they belong */ \
    X(FUSE, "fuse")     /* nodes share kernels */                              \
    X(UNFOLD, "unfold") /* factors of contractions are written out for tiles */    \
    X(TILES, "tiles")   /* contractions are computed in tiles */               \
    X(PACK, "pack")     /* their weights are stored in the order of tiles */ \
    X(ROWS, "rows")     /* long loops are shared by teams of lanes */              \
    X(ATTENTION, "attention") /* softmax between two contractions is one kernel */

enum pt2_optimisation {
#define X(name, text) PT2_OPT_##name,
    PT2_OPTIMISATIONS(X)
#undef X
    PT2_OPT_COUNT
};

static inline bool pt2_has_opt(uint32_t without, enum pt2_optimisation opt)
{
    return !(without >> opt & 1);
}

/* "cse,fold" to bits; NULL is none. Errors: ARG, with the names there are. */
PT2_MUST_USE pt2_status pt2_without_parse(const char *list, uint32_t *out_without);

#endif
