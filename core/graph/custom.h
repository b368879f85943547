/* SPDX-License-Identifier: MIT
 *
 * What a CUSTOM node is: one call of a user's kernel (pt2gpu_custom.h). The node's args are the tensors that are given.
 */
#ifndef PT2_GRAPH_CUSTOM_H
#define PT2_GRAPH_CUSTOM_H

#include "graph/graph.h"
#include "pt2gpu_custom.h"

struct pt2_custom {
    const char *name;                       /* for messages: node, operator and Python line */
    const struct pt2_custom_kernel *kernel; /* borrowed from the set of operators */
    int num_tensors;                        /* in the schema's order */
    struct pt2_custom_tensor {
        const char *name;                   /* an identifier: "x", "xs_1" */
        pt2_dtype dtype;                    /* complex ones too */
        int arg;                            /* of the node; -1: None */
    } *tensors;
    pt2_dtype *results;                     /* dtypes of the node's outs, complex ones too */
    int num_numbers;
    struct pt2_custom_number {
        const char *name;                   /* "eps"; "pads[1]" */
        pt2_dtype dtype;                    /* PT2_BOOL, PT2_I64 or PT2_F64 */
        pt2_ex size;                        /* bools and ints: over symbols */
        double value;                       /* floats */
    } *numbers;
};

/* Arguments of a kernel that a CUSTOM node becomes: all dimensions of args and outs, the numbers but floats, the number
 * of points. Each returns the first one. */
int pt2_custom_first_dim(const struct pt2_node *n, int value); /* args, then outs */
int pt2_custom_first_number(const struct pt2_node *n);

/* Calls the host function: data of args, then of outs. */
PT2_MUST_USE pt2_status pt2_custom_run(const struct pt2_node *n, void *const *data, const int32_t *params);

#endif
