/* SPDX-License-Identifier: MIT
 *
 * Building sub-graphs: bodies of loops and branches. A sub-graph captures nothing but symbols; what it reads is passed
 * to it.
 */
#ifndef PT2_OPS_CONTROL_H
#define PT2_OPS_CONTROL_H

#include "ops/lower.h"

/* Begins a new graph; nodes are appended to it until op_graph_end. */
struct pt2_graph *op_graph_begin(struct pt2_lower *L, const char *name, struct pt2_graph **out_outer);
void op_graph_end(struct pt2_lower *L, struct pt2_graph *outer);
/* A tensor of the current graph that is its next input, with the dtype and shape of `like` (of any graph). */
pt2_t *op_graph_input(struct pt2_lower *L, pt2_t *like);
void op_graph_output(struct pt2_lower *L, pt2_t *t);

/* A counted loop: `body` is called once to build it, with the carried tensors, the others, and the iteration number; it
 * leaves the new carried tensors (same dtypes and shapes) in `carried`. Returns the carried tensors after `trips`
 * turns, in `carried`. */
typedef void op_loop_body(struct pt2_lower *L, void *ctx, pt2_ex turn, pt2_t **carried, pt2_t *const *others);
void op_loop(struct pt2_lower *L, pt2_ex trips, int num_carried, pt2_t **carried, int num_others, pt2_t *const *others,
             op_loop_body *body, void *ctx);
/* A loop that goes on as long as carried[0], a bool without dimensions, is true; `turn` is NULL. */
void op_loop_while(struct pt2_lower *L, int num_carried, pt2_t **carried, int num_others, pt2_t *const *others,
                   op_loop_body *body, void *ctx);
/* `stack` with row `turn` replaced by `value`. */
pt2_t *op_with_row(struct pt2_lower *L, pt2_t *stack, pt2_ex turn, pt2_t *value);

#endif
