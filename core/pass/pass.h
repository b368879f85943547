/* SPDX-License-Identifier: MIT
 *
 * Graph to graph. One pass, one file, one function; each keeps what the graph computes and leaves a graph that
 * verifies. pt2_run_passes is the list.
 */
#ifndef PT2_PASS_PASS_H
#define PT2_PASS_PASS_H

#include "base/without.h"
#include "graph/graph.h"

/* Runs every pass over every graph of the module. Errors: INTERNAL, when a pass broke the graph (debug builds verify
 * after each). `without`: base/without.h. */
PT2_MUST_USE pt2_status pt2_run_passes(struct pt2_module *m, uint32_t without);

/* Equal MAP, REDUCE, SCAN and SORT nodes become one. */
void pt2_pass_cse(struct pt2_graph *g);
/* What only constants and weights decide moves to the module's load graph, which runs once, when the model is opened;
 * READY nodes stand where it was. */
void pt2_pass_fold(struct pt2_module *m);
/* First axes that are only read as quotient and remainder, as decompositions merge them, become two axes again. */
void pt2_pass_unmerge(struct pt2_graph *g);
/* Sums of products of integers that are exact in float32 are computed there. */
void pt2_pass_products(struct pt2_graph *g);
/* MAPs are substituted into their consumers: views always, chains of pointwise operators where nothing is computed much
 * more often. keep_parts: but not what is better in memory, in a concatenation. */
void pt2_pass_inline(struct pt2_graph *g, bool views_only, bool keep_parts);
/* Sums of products that read one input by different weights become one sum, by the weights side by side. */
void pt2_pass_siblings(struct pt2_graph *g);
/* Concatenations whose parts other kernels make become MAPs that only put whole values side by side: the plan lets
 * these live in the result. */
void pt2_pass_concat(struct pt2_graph *g);
/* The most values that one node's expressions read: kernels bind at most a few buffers more. */
enum { PT2_MAX_READS = 12 };
/* A body that reads more values than that, or weighs more than PT2_MAX_WEIGHT, is cut: parts of it become MAPs of their
 * own. */
void pt2_pass_split(struct pt2_graph *g);
/* Nodes that no output needs are removed. */
void pt2_pass_dce(struct pt2_graph *g);
/* Afterwards every SCATTER may overwrite its base: those that may not get a copy to write into. */
void pt2_pass_inplace(struct pt2_graph *g);

#endif
