/* SPDX-License-Identifier: MIT
 *
 * What the writers of kernel text share: naming of common subexpressions and hoisting them out of loops (render.c).
 *
 * Use: count the expressions of one loop nest into a body; at each loop, from the outside in, have its names
 * declared; write the expressions; forget the names at the end of the scope. The level of an expression is the
 * largest level of its variables.
 */
#ifndef PT2_KERNEL_RENDER_H
#define PT2_KERNEL_RENDER_H

#include "kernel/kernel.h"

/* Number of the VAR of the first outer axis, in kernels that have one VAR for each; smaller ones are loops. Behind
 * these: axes of one row or column of a tile. */
enum { PT2_OUTER_AXIS = 64, PT2_PLACE_AXIS = 128, PT2_MAX_AXES = PT2_PLACE_AXIS + 64 * PT2_MAX_RANK };

struct use {
    uint32_t count;
    int level;   /* 0: the point; j: inside loop j */
    uint32_t name; /* has a variable t<name>, counted from 1; 0: none */
    int depth;   /* of its text: the most expressions that are inside of each other; 0 once it has a variable */
};

struct render {
    struct pt2_module *m;
    struct pt2_kernel *k;
    struct pt2_str out;
    struct use *uses; /* by expression id; owned */
    pt2_ex *order;    /* room for all expressions; owned */
    int axis_level[PT2_MAX_AXES]; /* by number of the VAR */
    int reg_level;                /* of all registers */
    int indent;
    uint32_t names; /* so many were given */
};

/* Expressions that are written together, arguments first. */
struct body {
    pt2_ex *order; /* borrowed */
    uint32_t n;
};

struct body pt2_render_count(struct render *r, struct body b, pt2_ex e);
void pt2_render_names(struct render *r, const struct body *b, int level, int innermost);
void pt2_render_forget(struct render *r, const struct body *b);
/* Keeps those of level 0, which hold for all that follows in the kernel. */
void pt2_render_forget_loops(struct render *r, const struct body *b);
/* Names of this level and of those inside can be declared once more, in another loop. */
void pt2_render_unname(struct render *r, const struct body *b, int level);
void pt2_render_expr(struct render *r, pt2_ex e);
void pt2_render_stage(struct render *r, int number); /* at a point */

/* Words of the dialect: the C type that holds a compute type; suffixes of a compute type and of a storage type. */
const char *pt2_c_type(int dtype);
const char *pt2_suffix(int dtype);
const char *pt2_storage_name(pt2_dtype t);

/* Of a reduction: what it starts from; "a ⊕ b" of two names; for ARGMAX and ARGMIN the condition "v comes before
 * best", NaN first, of equals the first one (or the last). */
void pt2_render_neutral(struct render *r, enum pt2_reduce_op op, int dtype);
void pt2_render_combine(struct render *r, enum pt2_reduce_op op, int dtype, const char *a, const char *b);
void pt2_render_before(struct render *r, enum pt2_reduce_op op, int dtype, const char *v, const char *best, bool last);

/* The text of a user's kernel (custom.c). */
void pt2_custom_render(const struct pt2_kernel *k, struct pt2_str *out);

#endif
