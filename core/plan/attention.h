/* SPDX-License-Identifier: MIT
 *
 * Finding attention in a graph, for fuse.c.
 */
#ifndef PT2_PLAN_ATTENTION_H
#define PT2_PLAN_ATTENTION_H

#include "graph/graph.h"
#include "kernel/attention.h"
#include "plan/plan.h"

enum { PT2_ATTENTION_NODES = 16 };

struct pt2_found {
    struct pt2_attention *attention; /* of the module's arena */
    int count;
    bool keeps; /* something else reads sums of the rows */
    struct pt2_node *nodes[PT2_ATTENTION_NODES]; /* all that it computes, also pointwise ones; last: the result */
};

/* All attentions of the graph whose nodes nothing outside reads, but for the last one's result and the sums that the
 * kernel can store; in the module's arena. None where the plan's options or first device have no
 * whole attentions. */
struct pt2_found *pt2_attention_find(struct pt2_graph *g, const struct pt2_plan_params *params, int *out_count);

/* The one that a node is part of, or NULL. */
const struct pt2_found *pt2_attention_of(const struct pt2_found *list, int count, const struct pt2_node *n);

#endif
