/* SPDX-License-Identifier: MIT
 *
 * Finding attention in a graph, for fuse.c.
 */
#ifndef PT2_PLAN_ATTENTION_H
#define PT2_PLAN_ATTENTION_H

#include "graph/graph.h"
#include "kernel/attention.h"

enum { PT2_ATTENTION_NODES = 16 };

struct pt2_found {
    struct pt2_attention *attention; /* of the module's arena */
    int count;
    struct pt2_node *nodes[PT2_ATTENTION_NODES]; /* all that it computes, also pointwise ones; last: the result */
};

/* All attentions of the graph whose nodes nothing outside reads, but for the last one's result; in the module's
 * arena. */
struct pt2_found *pt2_attention_find(struct pt2_graph *g, int *out_count);

#endif
