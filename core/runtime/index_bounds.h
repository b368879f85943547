/* SPDX-License-Identifier: MIT
 *
 * What a graph demands of the integers in its inputs.
 */
#ifndef PT2_RUNTIME_INDEX_BOUNDS_H
#define PT2_RUNTIME_INDEX_BOUNDS_H

#include "graph/graph.h"

struct pt2_bounds {
    int64_t lo, hi; /* inclusive; -PT2_INF and PT2_INF where nothing is demanded */
};

/* By input of the main graph, in `arena`: bounds within which no index is out of range and no size outside its own
 * range, as far as they can be told for all elements alike. `values` and `known`: sizes, by symbol. */
const struct pt2_bounds *pt2_index_bounds(struct pt2_module *m, const int64_t *values, const uint8_t *known,
                                          struct pt2_arena *arena);

#endif
