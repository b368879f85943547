/* SPDX-License-Identifier: MIT
 *
 * Nodes whose expressions are too much for a driver's compiler, and where they are best cut.
 */
#ifndef PT2_PASS_HEAVY_H
#define PT2_PASS_HEAVY_H

#include "graph/graph.h"

/* The part of the expressions of a node that weighs more than PT2_MAX_WEIGHT which is best computed by a node of its
 * own; NULL: the node does not weigh more, or has no such part. `may_cut`: the part can be a node. */
pt2_ex pt2_heavy_part(struct pt2_module *m, struct pt2_node *n, bool (*may_cut)(pt2_ex e));

#endif
