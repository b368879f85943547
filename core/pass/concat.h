/* SPDX-License-Identifier: MIT
 *
 * Concatenations, by their form: MAPs that choose by the index of one axis.
 */
#ifndef PT2_PASS_CONCAT_H
#define PT2_PASS_CONCAT_H

#include "graph/graph.h"

/* Part k is what the MAP is from start[k] up to start[k + 1] on the axis: body[k], over the indices of the part. */
struct pt2_concat {
    int axis, count;
    pt2_ex start[PT2_MAX_PARTS + 1];
    pt2_ex body[PT2_MAX_PARTS];
};

/* False when the node is no such MAP, or its parts would lie in memory so that kernels could not reach four elements at
 * once where that counts. */
bool pt2_concat_find(struct pt2_graph *g, const struct pt2_node *n, struct pt2_concat *out);
/* Shape of part k. */
void pt2_concat_shape(struct pt2_graph *g, const struct pt2_node *n, const struct pt2_concat *c, int k, pt2_ex *out);
/* The value that part k is, element by element, in the same order and type; NULL when it is not a whole value.
 * *out_within (may be NULL): where it would be in the node's result. */
struct pt2_value *pt2_concat_value(struct pt2_graph *g, const struct pt2_node *n, const struct pt2_concat *c, int k,
                                   struct pt2_within *out_within);
/* How many kernels make parts and nothing else: 0 or 1; -1 where putting the parts together at the end is better.
 * `dense`: by value id, cannot be a part. `leaves`: by value id, a MAP that is going to be inlined where it has no
 * reason to stay; NULL: all are where they are going to be. */
int pt2_concat_kernels(struct pt2_graph *g, const struct pt2_node *n, const struct pt2_concat *c, const bool *dense,
                       const bool *leaves);
/* A MAP whose parts are all made by kernels that there are. */
bool pt2_concat_is_free(struct pt2_graph *g, const struct pt2_node *n, const bool *dense, const bool *leaves);
/* Kernels store it element by element, and nothing reads it as a whole: it can be in another one's memory. */
bool pt2_concat_can_hold(const struct pt2_value *v, const bool *dense);
/* By value id (arena): those that something reads as a whole, so that they must be dense in memory: results, bases of
 * SCATTERs, operands. */
bool *pt2_find_dense(struct pt2_graph *g, struct pt2_arena *arena);
/* A body over some axes reads, at the point itself, what a REDUCE makes: it becomes a part of the REDUCE's kernel. */
bool pt2_made_with_reduce(struct pt2_graph *g, pt2_ex body);

#endif
