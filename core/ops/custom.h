/* SPDX-License-Identifier: MIT
 *
 * Sets of custom operators, and how a call of one is lowered. The interface for users is pt2gpu_custom.h.
 */
#ifndef PT2_OPS_CUSTOM_H
#define PT2_OPS_CUSTOM_H

#include "ops/lower.h"
#include "pt2gpu_custom.h"

struct pt2_custom_op {
    const char *target;              /* as the archive spells it: "mylib.swish" or "mylib.swish.default" */
    pt2_lowering *lowering;          /* NULL: a kernel */
    void *user;
    struct pt2_custom_kernel kernel; /* its texts are copies */
};

/* The operator for a target: its overload, else its packet. NULL when there is none; `set` may be NULL. */
const struct pt2_custom_op *pt2_custom_find(const struct pt2_operators *set, const char *target);

/* Lowers L->node. */
void pt2_lower_custom(struct pt2_lower *L, const struct pt2_custom_op *op);
/* The same for an operator that is a kernel: a CUSTOM node. */
void pt2_lower_custom_kernel(struct pt2_lower *L, const struct pt2_custom_op *op);

/* Types of results that no file describes: of calls that lowerings make. */
struct pt2_op_type {
    pt2_dtype dtype;
    int rank;
    pt2_ex *shape; /* arena, with room for PT2_MAX_RANK + 1 */
};

/* Result k of L->node, worked out from its arguments. Fails when pt2gpu has no rule for the operator. */
struct pt2_op_type pt2_op_infer(struct pt2_lower *L, int k);
bool pt2_op_infers(struct pt2_lower *L); /* whether it knows the operator */

#endif
